"""The keys of one word, read as Telex, as VNI, or as they are.

Theory of operation. A word is kept as the keys that were pressed, and read anew from the first key each time: at each
key the reader holds the letters so far with the marks they were given, and a tone. A key is taken as a mark or a tone
if what then stands can still become a syllable; else as a letter, if that can; else the word cannot be Vietnamese and
stays as typed. So a mark may come at once or at the end of the syllable, ``system`` becomes itself again at its fifth
letter, and there is no state beside the keys that could go astray.

The same key twice in a row takes its mark away again and is a letter: ``aaa`` is ``aa``. What follows are letters too,
unless they make a syllable of it (``xooong`` is ``xoong``). A tone's key that was doubled although the word without it
would have stayed as typed anyway was meant to be doubled: ``mission``.

A key is one character: a letter, a digit, a letter with its mark (``ơ`` from a key of its own) or a combining tone.
Marks and tones from keys of their own are always obeyed, also in words that cannot be Vietnamese (``Krông``). Source:
facts/vietnamese-and-screens.md, section 5.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from kiosk.typing.syllables import (
    FORMS,
    HOI,
    HUYEN,
    MARKED,
    NANG,
    NGA,
    SAC,
    TONES,
    VOWELS,
    bare,
    can_become,
    completed,
    takes,
    with_tone,
    without_tone,
)


class Method(StrEnum):
    """How keys are read. ``DIGITS`` takes digits and nothing else."""

    TELEX = "telex"
    VNI = "vni"
    PLAIN = "plain"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the keys of a method do; keys are in small letters."""

    tones: Mapping[str, str]
    remove: str
    marks: Mapping[str, Mapping[str, str]]  # key: letter without the mark to letter with it
    alone: str = ""  # the key that is ư where there is no vowel to mark


_HORN = {"o": "ơ", "u": "ư"}
_RULES = {
    Method.TELEX: _Rules(
        tones={"s": SAC, "f": HUYEN, "r": HOI, "x": NGA, "j": NANG},
        remove="z",
        marks={"a": {"a": "â"}, "e": {"e": "ê"}, "o": {"o": "ô"}, "w": {**_HORN, "a": "ă"}, "d": {"d": "đ"}},
        alone="w",
    ),
    Method.VNI: _Rules(
        tones={"1": SAC, "2": HUYEN, "3": HOI, "4": NGA, "5": NANG},
        remove="0",
        marks={"6": {"a": "â", "e": "ê", "o": "ô"}, "7": _HORN, "8": {"a": "ă"}, "9": {"d": "đ"}},
    ),
}
#: Onsets that are written with uơ as well as with ươ: *thuở*, *huơ*.
_OPEN_HORN = ("huo", "khuo", "thuo")


@dataclass(frozen=True, slots=True)
class _Letter:
    """A letter that will be seen: the key it came of, for its case, and the key that marked it."""

    key: str
    now: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class _Word:
    """What stands after some keys: letters and a tone, and how many keys were tones."""

    letters: tuple[_Letter, ...] = ()
    tone: str = ""
    tone_key: str = ""
    tone_keys: int = 0

    @property
    def form(self) -> str:
        return "".join(letter.now for letter in self.letters)

    @property
    def possible(self) -> bool:
        return can_become(self.form, self.tone)

    @property
    def marked(self) -> bool:
        """Whether any mark or tone stands on a vowel."""
        return bool(self.tone) or any(letter.now in MARKED and letter.now != "đ" for letter in self.letters)

    def plus(self, key: str) -> _Word:
        """With a key as one more letter."""
        return replace(self, letters=(*self.letters, _Letter(key, key.lower())))

    def with_mark(self, at: int, now: str, by: str) -> _Word:
        """With another mark on a letter."""
        letters = list(self.letters)
        letters[at] = replace(letters[at], now=now, by=by)
        return replace(self, letters=tuple(letters))

    def shown(self, *, new_style: bool) -> str:
        """The word in its case, with the marks it must have."""
        form = completed(self.form, self.tone) if self.marked else self.form
        cased = "".join(
            now.upper() if letter.key.isupper() else now for now, letter in zip(form, self.letters, strict=True)
        )
        return with_tone(cased, self.tone, new_style=new_style)


@dataclass(frozen=True, slots=True)
class Reading:
    """What keys are read as while the word is open, and what is left of it when it ends."""

    open: str
    ended: str


def read(keys: str, method: Method, *, new_style: bool = False) -> Reading:
    """Read the keys of one word. Both texts are NFC.

    They differ for a word that has marks or a tone and is no syllable when it ends: it ends as it was typed.
    """
    rules = _RULES.get(method)
    if rules is None:
        text = as_typed(keys, new_style=new_style)
        return Reading(text, text)
    return _Reader(keys, rules, new_style).read()


def as_typed(keys: str, *, new_style: bool = False) -> str:
    """Keys as the letters they are, NFC; a tone from a key of its own goes where tones go."""
    text = ""
    for key in keys:
        if key in TONES:
            letters, tone = without_tone(text)
            text = with_tone(letters, "" if tone == key else key, new_style=new_style)
        else:
            text += key
    return unicodedata.normalize("NFC", text)


def keys_of(text: str) -> str:
    """Keys that stand for a word as it is, by the keys that marks and tones have of their own."""
    letters, tone = without_tone(text)
    return letters + tone


class _Reader:
    """Reads one word from its first key to its last."""

    def __init__(self, keys: str, rules: _Rules, new_style: bool) -> None:
        self._keys, self._rules, self._new_style = keys, rules, new_style
        #: Where the second of two keys took its mark away: it counts once in what stays as typed.
        self._dropped: set[int] = set()

    def read(self) -> Reading:
        word = _Word()
        for at, key in enumerate(self._keys):
            low = key.lower()
            taken = self._as_mark(word, key, low)
            if taken is None and at and self._keys[at - 1].lower() == low:
                undone = self._without(word, low)
                if undone is not None:
                    self._dropped.add(at)
                    again = undone.plus(key)
                    if not (low in self._rules.marks and VOWELS.intersection(undone.form) and again.possible):
                        return self._after_undoing(word, undone, at)
                    taken = again
            if taken is None:
                taken = word.plus(key)
                if not taken.possible:
                    return self._stays()
            word = taken
        shown = word.shown(new_style=self._new_style)
        form, _tone = without_tone(shown.lower())
        if word.marked and not (form in FORMS and takes(form, word.tone)):
            return Reading(shown, self._stays().open)
        return Reading(shown, shown)

    def _stays(self) -> Reading:
        """The word as it was typed."""
        kept = "".join(key for at, key in enumerate(self._keys) if at not in self._dropped)
        text = as_typed(kept, new_style=self._new_style)
        return Reading(text, text)

    # --- marks and tones ----------------------------------------------------------------------------------------------

    def _as_mark(self, word: _Word, key: str, low: str) -> _Word | None:
        """The word with the key as a mark or tone; ``None`` where it is not one that could stand here."""
        return next((one for one in self._changes(word, key, low) if one.possible), None)

    def _changes(self, word: _Word, key: str, low: str) -> Iterator[_Word]:
        rules = self._rules
        tone = low if low in TONES else rules.tones.get(low, "")
        if tone and VOWELS.intersection(word.form):
            if tone != word.tone:
                yield replace(word, tone=tone, tone_key=low, tone_keys=word.tone_keys + 1)
            elif low in TONES:
                yield replace(word, tone="", tone_key="")
        if low == rules.remove and word.tone:
            yield replace(word, tone="", tone_key=low, tone_keys=word.tone_keys + 1)
        marks = rules.marks.get(low)
        if marks is None:
            return
        yield from self._both_horns(word, low, marks)
        for at, letter in enumerate(word.letters):
            if letter.now in marks:
                yield word.with_mark(at, marks[letter.now], low)
        if low == rules.alone:
            yield replace(word, letters=(*word.letters, _Letter(key, "ư", low)))

    def _both_horns(self, word: _Word, low: str, marks: Mapping[str, str]) -> Iterator[_Word]:
        """uo becomes ươ at once, and uơ where that is a rhyme of its own."""
        form = word.form
        if not _HORN.items() <= marks.items():
            return
        for at in range(len(form) - 1):
            if form[at] in "uư" and form[at + 1] in "oơ" and form[at : at + 2] != "ươ":
                if form in _OPEN_HORN:
                    yield word.with_mark(at + 1, "ơ", low)
                first = word if form[at] == "ư" else word.with_mark(at, "ư", low)
                yield first if form[at + 1] == "ơ" else first.with_mark(at + 1, "ơ", low)

    # --- the same key twice -------------------------------------------------------------------------------------------

    def _without(self, word: _Word, low: str) -> _Word | None:
        """The word without the mark or tone that this key gave it; ``None`` if it gave none."""
        if low == word.tone_key:
            return replace(word, tone="", tone_key="")
        if not any(letter.by == low for letter in word.letters):
            return None
        letters = tuple(
            replace(letter, now=letter.key.lower(), by="") if letter.by == low else letter
            for letter in word.letters
            # What is left of a w that was ư by itself is the letter that is typed now.
            if letter.by != low or bare(letter.now) == letter.key.lower()
        )
        return replace(word, letters=letters)

    def _after_undoing(self, word: _Word, undone: _Word, at: int) -> Reading:
        keys, key, rest = self._keys, self._keys[at], self._keys[at + 1 :]
        of_tone = key.lower() == word.tone_key
        if of_tone and rest and rest[0].lower() != key.lower():
            alone = _Reader(keys[:at] + rest, self._rules, self._new_style).read()
            if alone.open == as_typed(keys[:at] + rest, new_style=self._new_style):
                self._dropped.clear()
                return self._stays()
        if word.tone_keys > of_tone:
            return self._stays()
        text = undone.shown(new_style=self._new_style) + as_typed(key + rest, new_style=self._new_style)
        return Reading(text, text)
