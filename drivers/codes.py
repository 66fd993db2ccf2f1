"""What a scanned line is: the number of a reader, the number of an item, either, or noise. Pure.

Every scanner's lines come through here, whether they were bytes on a wire or keys of a keyboard wedge:
:func:`read_code` removes what the scanner puts before a code, takes the number alone off a citizen card
(:mod:`drivers.citizen_card`), tells readers from items by prefix, and verifies a check digit. Whatever is no code
becomes an :class:`Ignored` value that says why and holds nothing of it.

Check digits guard against codes that were read wrongly. Modulus 10 and that of EAN-13 are part of the number and stay
in it; the character of modulus 43 belongs to the symbol (Code 39) and is removed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.citizen_card import SEPARATOR, citizen_number
from drivers.devices import CodeKind

#: Bytes of the longest line that is looked at: the QR code of a citizen card with a long address.
LONGEST_LINE: Final = 1024


class LineEnd(StrEnum):
    """What stands behind each code."""

    ANY = "any"
    CR = "cr"
    LF = "lf"
    CRLF = "crlf"


@dataclass(frozen=True, slots=True)
class CodeForm:
    """How a scanner writes its codes, and which are taken.

    ``longest`` is in bytes. Of ``prefixes`` the longest that fits is removed, once. With ``ascii_only`` a code of other
    characters is noise: what library barcodes hold is ASCII, and one that is not was read wrongly.
    """

    line_end: LineEnd = LineEnd.ANY
    longest: int = 256
    prefixes: tuple[str, ...] = ()
    ascii_only: bool = True


class CheckDigit(StrEnum):
    """How the end of a code vouches for the rest."""

    NONE = "none"
    MOD10 = "mod10"  # Luhn, ISO/IEC 7812-1, annex B: Codabar labels of 14 digits
    MOD43 = "mod43"  # ISO/IEC 16388, annex A: Code 39
    EAN13 = "ean13"  # ISO/IEC 15420: EAN-13, and with it ISBN


@dataclass(frozen=True, slots=True)
class CodeRules:
    """What a library's codes look like: with what those of readers and of items begin, and how they are checked."""

    patron_prefix: str = ""
    item_prefix: str = ""
    check_digit: CheckDigit = CheckDigit.NONE


class Noise(StrEnum):
    """Why what came from a scanner is no code."""

    TOO_LONG = "too_long"
    BROKEN_OFF = "broken_off"
    NOT_TEXT = "not_text"
    EMPTY = "empty"  # a prefix with nothing behind it
    CHECK_DIGIT = "check_digit"
    CITIZEN_CARD = "citizen_card"  # something like one, from which no number could be taken


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that is no code. What it was is not kept."""

    noise: Noise


@dataclass(frozen=True, slots=True)
class Code:
    """A code, NFC, without prefix of the scanner and blanks around it."""

    text: str = field(repr=False)
    kind: CodeKind = CodeKind.UNKNOWN


def read_code(line: bytes, form: CodeForm, rules: CodeRules) -> Code | Ignored | None:
    """What a line is, without its line end; None for an empty one."""
    line = line.strip()
    if not line:
        return None
    if SEPARATOR.encode() in line:
        # Before anything else, and byte by byte: how a scanner writes the letters in it is nobody's concern.
        number = citizen_number(_without_prefix(line.decode("latin-1"), form.prefixes))
        return Ignored(Noise.CITIZEN_CARD) if number is None else Code(number, CodeKind.PATRON)
    if len(line) > form.longest:
        return Ignored(Noise.TOO_LONG)
    try:
        text = unicodedata.normalize("NFC", line.decode("ascii" if form.ascii_only else "utf-8"))
    except UnicodeDecodeError:
        return Ignored(Noise.NOT_TEXT)
    text = _without_prefix(text, form.prefixes).strip()
    if not text:
        return Ignored(Noise.EMPTY)
    if not text.isprintable():
        return Ignored(Noise.NOT_TEXT)
    checked = _CHECKS[rules.check_digit](text)
    return Ignored(Noise.CHECK_DIGIT) if checked is None else Code(checked, _kind(checked, rules))


def _without_prefix(text: str, prefixes: tuple[str, ...]) -> str:
    known = sorted((unicodedata.normalize("NFC", prefix) for prefix in prefixes), key=len, reverse=True)
    return text.removeprefix(next(filter(text.startswith, known), ""))


def _kind(text: str, rules: CodeRules) -> CodeKind:
    """By the prefix that fits, the longer one where both do."""
    patron, item = (
        len(prefix) if prefix and text.startswith(unicodedata.normalize("NFC", prefix)) else 0
        for prefix in (rules.patron_prefix, rules.item_prefix)
    )
    if patron == item:
        return CodeKind.UNKNOWN
    return CodeKind.PATRON if patron > item else CodeKind.ITEM


# --- check digits: the number of a code that is sound, else None ---------------------------------------------------

_LETTERS: Final = re.compile("^[^0-9]+")
_CODE_39: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def _unchecked(text: str) -> str | None:
    return text


def _mod10(text: str) -> str | None:
    """Over the digits; letters may stand before them."""
    digits = _LETTERS.sub("", text)
    if len(digits) < 2 or not _is_number(digits):
        return None
    total = sum(sum(divmod(int(digit) * (1 + at % 2), 10)) for at, digit in enumerate(reversed(digits)))
    return text if total % 10 == 0 else None


def _mod43(text: str) -> str | None:
    if len(text) < 2 or not set(text) <= set(_CODE_39):
        return None
    total = sum(map(_CODE_39.index, text[:-1]))
    return text[:-1].rstrip() or None if _CODE_39[total % 43] == text[-1] else None


def _ean13(text: str) -> str | None:
    if len(text) != 13 or not _is_number(text):
        return None
    return text if sum(int(digit) * (1 + 2 * (at % 2)) for at, digit in enumerate(text)) % 10 == 0 else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


_CHECKS: Final[dict[CheckDigit, Callable[[str], str | None]]] = {
    CheckDigit.NONE: _unchecked,
    CheckDigit.MOD10: _mod10,
    CheckDigit.MOD43: _mod43,
    CheckDigit.EAN13: _ean13,
}
