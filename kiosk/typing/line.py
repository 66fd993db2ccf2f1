"""A line of text that is being typed: what stands before the caret and after it, and the word that is still open.

``press(line, stroke) -> line`` is all that typing is. The open word is the one at the caret; its keys are kept, because
each further key may read them anew. It ends with a space, a sign or a move of the caret. Delete takes away the last
letter that is seen, not the last key: the word is then what is left, as if each of its letters and its tone had been
typed by a key of their own, so that Telex and VNI go on from there. Where that would be read as something else (``goo``
of ``google``) the word stays plain to its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from kiosk.typing.composition import Method, as_typed, keys_of, read
from kiosk.typing.syllables import MARKED, TONES
from sync.text import nfc


class Stroke(StrEnum):
    """What can be pressed besides single characters."""

    ERASE = "erase"
    CLEAR = "clear"
    SHIFT = "shift"
    SIGNS = "signs"
    METHOD = "method"


class Shift(StrEnum):
    """Whether letters become capitals: no, the next one, all."""

    OFF = "off"
    ONCE = "once"
    LOCKED = "locked"


class Capitals(StrEnum):
    """Where a capital comes by itself: nowhere, with each sentence, with each word (names)."""

    NONE = "none"
    SENTENCES = "sentences"
    WORDS = "words"


#: What shift becomes when it is pressed.
_NEXT_SHIFT = {Shift.OFF: Shift.ONCE, Shift.ONCE: Shift.LOCKED, Shift.LOCKED: Shift.OFF}
#: The methods between which a person may choose, in turn; digits are the field's own affair.
_NEXT_METHOD = {
    Method.TELEX: Method.VNI,
    Method.VNI: Method.PLAIN,
    Method.PLAIN: Method.TELEX,
    Method.DIGITS: Method.DIGITS,
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line being typed. What a person wrote is in no repr. ``most`` is the greatest length, in letters.

    ``signs`` shows digits and signs in place of the letters; ``plain`` takes the letters of the word at the caret as
    they are; ``new_style`` writes hoà for hòa.
    """

    method: Method = Method.TELEX
    head: str = field(default="", repr=False)  # what stands before the open word
    keys: str = field(default="", repr=False)  # of the open word
    after: str = field(default="", repr=False)  # what stands behind the caret
    plain: bool = False
    shift: Shift = Shift.OFF
    signs: bool = False
    capitals: Capitals = Capitals.NONE
    most: int = 60
    new_style: bool = False

    @property
    def before(self) -> str:
        """What stands before the caret, the open word as it is seen now."""
        return self.head + read(self.keys, self.method, new_style=self.new_style).open

    @property
    def text(self) -> str:
        """All of the line as it is seen, NFC."""
        return self.before + self.after

    @property
    def finished(self) -> str:
        """The line when it is done: its last word ended, no spaces at its ends or in twos."""
        return nfc(self.head + read(self.keys, self.method, new_style=self.new_style).ended + self.after)


def begin(method: Method = Method.TELEX, text: str = "", *, capitals: Capitals = Capitals.NONE, most: int = 60) -> Line:
    """A line with the caret behind a text that is there already."""
    line = Line(method, capitals=capitals, most=most)
    return _with_capital(_taken_up(line, nfc(text)[:most], ""))


def press(line: Line, stroke: str) -> Line:
    """The line after a stroke: one character, or the name of a :class:`Stroke`.

    What cannot be typed here (a letter among digits, a tone without a vowel, anything in a full line) changes nothing.
    Raises ``ValueError`` for what is neither a character nor a stroke.
    """
    if len(stroke) == 1:
        return _typed(line, stroke)
    match Stroke(stroke):
        case Stroke.ERASE:
            return _with_capital(_taken_up(line, line.before[:-1], line.after))
        case Stroke.CLEAR:
            return _with_capital(replace(line, head="", keys="", after="", plain=False))
        case Stroke.SHIFT:
            return replace(line, shift=_NEXT_SHIFT[line.shift])
        case Stroke.SIGNS:
            return replace(line, signs=not line.signs)
        case Stroke.METHOD:
            before = line.before
            return _taken_up(replace(line, method=_NEXT_METHOD[line.method]), before, line.after)


def place(line: Line, at: int) -> Line:
    """The line with the caret behind so many of its letters."""
    text = line.text
    at = max(0, min(at, len(text)))
    return _with_capital(_taken_up(line, text[:at], text[at:]))


def _typed(line: Line, key: str) -> Line:
    if line.method is Method.DIGITS:
        pressed = replace(line, head=line.head + key) if key in "0123456789" else line
    elif key in TONES or key.isalpha():
        pressed = _lettered(line, key.upper() if line.shift is not Shift.OFF and len(key.upper()) == 1 else key)
    elif line.method is Method.VNI and line.keys and key in "0123456789":
        pressed = replace(line, keys=line.keys + key, signs=False)
    elif key.isprintable():
        ended = read(line.keys, line.method, new_style=line.new_style).ended
        pressed = replace(line, head=line.head + ended + key, keys="", plain=False, signs=line.signs and key != " ")
    else:
        pressed = line
    if pressed is line or len(pressed.text) > line.most:
        return line
    return _with_capital(pressed)


def _lettered(line: Line, key: str) -> Line:
    """With one more letter, or a tone from a key of its own."""
    if not line.plain:
        pressed = replace(line, keys=line.keys + key)
    elif key in TONES:
        word = _last_word(line.head)
        head = line.head[: len(line.head) - len(word)] + as_typed(word + key, new_style=line.new_style)
        pressed = replace(line, head=head)
    else:
        pressed = replace(line, head=line.head + key)
    if key in TONES and pressed.before == line.before:
        return line
    # Digits and signs stay until they are sent away; a letter or a tone among them is wanted once.
    return replace(pressed, signs=line.signs and key not in TONES and key.lower() not in MARKED)


def _last_word(text: str) -> str:
    """The letters at the end of a text."""
    start = len(text)
    while start and text[start - 1].isalpha():
        start -= 1
    return text[start:]


def _taken_up(line: Line, before: str, after: str) -> Line:
    """The line with the word before the caret open again."""
    word = _last_word(before)
    keys = keys_of(word)
    if line.method is Method.DIGITS or keys_of(read(keys, line.method, new_style=line.new_style).open) != keys:
        return replace(line, head=before, keys="", after=after, plain=bool(word))
    return replace(line, head=before[: len(before) - len(word)], keys=keys, after=after, plain=False)


def _with_capital(line: Line) -> Line:
    """With shift as it is after a stroke: spent, unless it is locked or the next letter begins something."""
    if line.shift is Shift.LOCKED:
        return line
    before = line.before
    ended = before.rstrip()
    begins = {
        Capitals.NONE: False,
        Capitals.WORDS: not before or before[-1] in " -",
        Capitals.SENTENCES: not ended or (ended != before and ended[-1] in ".!?"),
    }
    return replace(line, shift=Shift.ONCE if begins[line.capitals] else Shift.OFF)
