"""Which keys a keyboard has and in which rows: pure, from what is being typed and how many rows there is room for.

From six rows on, digits and marked letters stand above the letters; with five only one of the two, whichever the
method needs; with four neither, and both stand behind the key for signs. A row of ten keys gives the others their
width; the row of marks has twelve and is divided by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kiosk.screens.words import Key, Typing
from kiosk.typing.composition import Method
from kiosk.typing.line import Shift, Stroke
from kiosk.typing.syllables import HOI, HUYEN, NANG, NGA, SAC, with_tone
from kiosk.views import Action, Touch


@dataclass(frozen=True, slots=True)
class Cap:
    """A key of the keyboard: what stands on it, what it means, and how many keys wide it is."""

    text: str
    touch: Touch
    kind: str = "key"
    hint: str = ""  # what it does to an a, or what it becomes
    icon: str = ""
    wide: float = 1.0
    on: bool = False  # held down by itself: shift
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Keys side by side; ``units`` is how many of width 1 would fill the keyboard."""

    caps: tuple[Cap, ...]
    units: float = 10.0


_TONES = (SAC, HUYEN, HOI, NGA, NANG)
#: What stands small on the keys of a method: the tone on an a, or the marked letter.
_HINTS = {
    Method.TELEX: {"s": "á", "f": "à", "r": "ả", "x": "ã", "j": "ạ", "w": "ư"},
    Method.VNI: {"1": "á", "2": "à", "3": "ả", "4": "ã", "5": "ạ", "6": "â", "7": "ơ", "8": "ă", "9": "đ"},
}
_LETTERS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_MARKED = "ăâêôơưđ"
_DIGITS = "1234567890"
_SIGNS = ("-/:;()&@\"'", "_+=*#%°<>~", ".,?!…[]")
#: The signs where digits and marks have no rows of their own.
_FEW_SIGNS = (f"{_MARKED},.?", "-/")


def rows(typing: Typing, count: int, done: Key | None, back: Key | None) -> tuple[Row, ...]:
    """The keyboard's rows from the top, at most so many."""
    if typing.method is Method.DIGITS:
        return _pad(typing, count, done, back)
    body = _signs(typing, count) if typing.signs else _letters(typing, count)
    return (*body, _foot(typing, count, done, back))


def _typed(character: str, text: str = "", hint: str = "", kind: str = "key") -> Cap:
    return Cap(text or character, Touch(Action.TYPE, character), kind, hint)


def _act(stroke: Stroke, text: str, icon: str = "", wide: float = 1.5, *, on: bool = False) -> Cap:
    repeats = stroke is Stroke.ERASE
    return Cap(text, Touch(Action.TYPE, stroke), "function", "", icon, wide, on, repeats)


def _plain(typing: Typing, characters: str) -> tuple[Cap, ...]:
    capital = typing.shift is not Shift.OFF
    hints = _HINTS.get(typing.method, {})
    return tuple(
        _typed(one, one.upper() if capital and one.isalpha() else one, hints.get(one, "")) for one in characters
    )


def _tones() -> tuple[Cap, ...]:
    return tuple(_typed(tone, with_tone("a", tone), kind="function") for tone in _TONES)


def _above(typing: Typing, count: int) -> tuple[Row, ...]:
    """The rows over the letters, for so many rows in all."""
    digits = Row(_plain(typing, _DIGITS))
    marks = Row((*_plain(typing, _MARKED), *_tones()), len(_MARKED) + len(_TONES))
    if count >= 6:
        return (digits, marks)
    if count == 5:
        return (digits,) if typing.method is Method.VNI else (marks,)
    return ()


def _erase(typing: Typing, wide: float) -> Cap:
    return _act(Stroke.ERASE, typing.erase, "backspace", wide)


def _letters(typing: Typing, count: int) -> tuple[Row, ...]:
    upper, middle, lower = (_plain(typing, one) for one in _LETTERS)
    icon = "shift_locked" if typing.shift is Shift.LOCKED else "shift"
    shift = _act(Stroke.SHIFT, "", icon, on=typing.shift is not Shift.OFF)
    return (*_above(typing, count), Row(upper), Row(middle), Row((shift, *lower, _erase(typing, 1.5))))


def _signs(typing: Typing, count: int) -> tuple[Row, ...]:
    above = _above(typing, count)
    if count >= 6:
        first, second, third = (_plain(typing, one) for one in _SIGNS)
        return (*above, Row(first), Row(second), Row((*third, _erase(typing, 3))))
    digits = _plain(typing, _DIGITS)
    if count == 5 and typing.method is Method.VNI:
        # The digits stand above already; the marks have no other place.
        first, third = _plain(typing, f"{_MARKED}?!+"), (*_tones(), *_plain(typing, ".,"))
        return (*above, Row(first), Row(_plain(typing, _SIGNS[0])), Row((*third, _erase(typing, 3))))
    if count == 5:
        second, third = (_plain(typing, one) for one in _SIGNS[::2])
        return (*above, Row(digits), Row(second), Row((*third, _erase(typing, 3))))
    second, third = _plain(typing, _FEW_SIGNS[0]), (*_tones(), *_plain(typing, _FEW_SIGNS[1]))
    return (Row(digits), Row(second), Row((*third, _erase(typing, 3))))


def _foot(typing: Typing, count: int, done: Key | None, back: Key | None) -> Row:
    signs = "abc" if typing.signs else "123" if count > 4 else "123 ă"
    caps = [
        _act(Stroke.METHOD, typing.method_name, "keyboard", 2.0),
        _act(Stroke.SIGNS, signs, wide=1.3),
        _typed(" ", typing.space),
    ]
    caps += [_of(key, 1.9) for key in (back, done) if key is not None]
    # The space takes what the others leave.
    room = 10.0 - sum(cap.wide for at, cap in enumerate(caps) if at != 2)
    caps[2] = replace(caps[2], wide=round(room, 2))
    return Row(tuple(caps))


def _of(key: Key, wide: float) -> Cap:
    return Cap(key.text, key.touch, key.kind, icon=key.icon, wide=wide)


def _pad(typing: Typing, count: int, done: Key | None, back: Key | None) -> tuple[Row, ...]:
    """Digits alone: as on a telephone where there are five rows, else in two rows."""
    digits, ways = _plain(typing, _DIGITS), [_of(key, 1.0) for key in (back, done) if key is not None]
    last = Row(tuple(ways), float(len(ways)))
    if count >= 5:
        threes = tuple(Row(digits[at : at + 3], 3.0) for at in (0, 3, 6))
        return (*threes, Row((digits[9], _erase(typing, 2.0)), 3.0), last)
    return (Row(digits[:5], 5.0), Row(digits[5:], 5.0), Row((_erase(typing, 5.0),), 5.0), last)
