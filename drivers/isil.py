"""ISIL, the international standard identifier for libraries (ISO 15511), as tags carry it. Pure; facts/rfid.md, 2.

``VN-TN``: a prefix (nearly always a country of two letters), a hyphen, and what the country gives out. ISO 28560-3
leaves the first hyphen out. ISO 28560-2 writes it whole in a code of its own, a small machine with three modes:

=======  =====  =======================================  ==================================
mode     width  characters, by their codes from 0        the last four codes
=======  =====  =======================================  ==================================
upper    5      ``-``, A-Z, ``:``                        latch lower, shift lower,
                                                         latch numeric, shift numeric
lower    5      ``-``, a-z, ``/``                        the same with upper for lower
numeric  4      0-9, ``-``, ``:``                        latch upper, shift upper,
                                                         latch lower, shift lower
=======  =====  =======================================  ==================================

It begins in upper mode. A latch holds, a shift is for one character. Bits that fill the last byte are ones, which read
as a shift of nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from drivers.iso15962 import bits_of, packed

#: ISO 15511: at most 16 characters.
LONGEST_ISIL: Final = 16

# The prefix is a country, or one, three or four characters for those that are of no country; then no second hyphen at
# once, which could not be told from the one that ISO 28560-3 leaves out.
_ISIL: Final = re.compile(r"[A-Za-z0-9]{1,4}-[A-Za-z0-9/:][A-Za-z0-9/:-]*")
_OF_A_COUNTRY: Final = re.compile(r"[A-Za-z]{2}-.*")


def is_isil(text: str) -> bool:
    """Whether this has the form of an ISIL, however long."""
    return _ISIL.fullmatch(text) is not None


def without_hyphen(isil: str) -> str | None:
    """As ISO 28560-3 writes it; None for one that is of no country, and so could not be read again."""
    return isil.replace("-", "", 1) if is_isil(isil) and _OF_A_COUNTRY.fullmatch(isil) else None


def with_hyphen(written: str) -> str:
    """As people write it. What is too short for an ISIL, or has its hyphen, is left alone."""
    if len(written) > 2 and written[:2].isalpha() and written[2] != "-":
        return f"{written[:2]}-{written[2:]}"
    return written


class _Mode(Enum):
    UPPER = auto()
    LOWER = auto()
    NUMERIC = auto()


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """What the codes of a mode mean: characters from 0 on, then latch and shift to each of the two others."""

    width: int
    characters: str
    others: tuple[_Mode, _Mode]

    def read(self, bits: str, at: int) -> tuple[int | None, int]:
        """The code that begins at a bit, None if the bits do not reach, and where the next one begins."""
        after = at + self.width
        return int(bits[at:after], 2) if after <= len(bits) else None, after

    def control(self, code: int) -> tuple[_Mode, bool] | None:
        """The mode that a code leads to and whether it holds; None for a character."""
        step = code - len(self.characters)
        return None if step < 0 else (self.others[step // 2], step % 2 == 0)

    def latch(self, to: _Mode) -> int:
        return len(self.characters) + 2 * self.others.index(to)

    def shift(self, to: _Mode) -> int:
        return self.latch(to) + 1


_ALPHABETS: Final = {
    _Mode.UPPER: _Alphabet(5, "-ABCDEFGHIJKLMNOPQRSTUVWXYZ:", (_Mode.LOWER, _Mode.NUMERIC)),
    _Mode.LOWER: _Alphabet(5, "-abcdefghijklmnopqrstuvwxyz/", (_Mode.UPPER, _Mode.NUMERIC)),
    _Mode.NUMERIC: _Alphabet(4, "0123456789-:", (_Mode.UPPER, _Mode.LOWER)),
}


def decode_isil(data: bytes) -> str | None:
    """The text of an ISIL in the code of ISO 28560-2; None if its last bits are no filling."""
    bits = bits_of(data)
    text = list[str]()
    mode, at = _Mode.UPPER, 0
    while True:
        here = there = _ALPHABETS[mode]
        code, after = there.read(bits, at)
        if code is not None and (control := here.control(code)):
            to, holds = control
            if holds:
                mode, at = to, after
                continue
            there = _ALPHABETS[to]
            code, after = there.read(bits, after)
        if code is None:
            return "".join(text) if len(bits) - at < 8 and "0" not in bits[at:] else None
        if there.control(code):
            return None
        text.append(there.characters[code])
        at = after


def encode_isil(text: str) -> bytes | None:
    """The shortest code for a text; None if a character has none.

    Other writers leave a mode only for a character that it lacks. Where that is as short it is done here too, so that
    the same ISIL is the same bytes (those of the standard's example, among others).
    """
    ways = [way for patient in (True, False) if (way := _shortest(text, patient=patient)) is not None]
    return min((packed(way, filling="1" * 7) for way in ways), key=len, default=None)


def _shortest(text: str, *, patient: bool) -> str | None:
    """The bits of the shortest way to write a text; a patient one leaves no mode that has the next character.

    For every mode the shortest way to be in it is known. The next character is written in that mode, or behind a shift,
    or behind a latch; of two that are equally short the shift is taken.
    """
    ways = {_Mode.UPPER: ""}
    for character in text:
        further = dict[_Mode, str]()
        for mode, way in ways.items():
            here = _ALPHABETS[mode]
            for to, there in _ALPHABETS.items():
                if character not in there.characters or (patient and to is not mode and character in here.characters):
                    continue
                code = f"{there.characters.index(character):0{there.width}b}"
                if to is mode:
                    _keep_shorter(further, mode, way + code)
                else:
                    _keep_shorter(further, mode, f"{way}{here.shift(to):0{here.width}b}{code}")
                    _keep_shorter(further, to, f"{way}{here.latch(to):0{here.width}b}{code}")
        ways = further
    return min(ways.values(), key=len, default=None)


def _keep_shorter(ways: dict[_Mode, str], mode: _Mode, way: str) -> None:
    if mode not in ways or len(way) < len(ways[mode]):
        ways[mode] = way
