"""Vietnamese text: how it enters, how it is folded for search, how it is sorted; names and ISBNs.

One and the same letter may arrive in several spellings (composed or decomposed Unicode, an eth for a đ, marks left
out), so there are three forms of a text and each has one place:

``nfc``       what is stored and shown: the text as written, in one spelling;
``fold``      what is searched when marks were not typed; the same function at stations and at headquarters;
``sort_key``  what lists are ordered by, as Vietnamese dictionaries do.

Source: facts/vietnamese-and-screens.md, sections 3 and 4.
"""

from __future__ import annotations

import re
import unicodedata

# --- entering ---------------------------------------------------------------------------------------------------------


def nfc(text: str) -> str:
    """A text as it is kept: one line, NFC.

    Every run of white space (line ends, tabs and no-break spaces among it) becomes one space and none is left at the
    ends. Control characters, invisible format characters (zero-width spaces, byte-order marks, soft hyphens,
    direction marks) and lone surrogates are dropped: they are never meant, cannot be seen, and make equal words
    unequal. Everything else stays as written.
    """
    if not text.isprintable():
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", text).split())


_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})


# --- folding ----------------------------------------------------------------------------------------------------------

# Unicode does not decompose đ. Eth and African D look like Đ and stand for it in catalogues.
_BARRED_D = str.maketrans("đðɖĐÐƉ", "dddDDD")


def fold(text: str) -> str:
    """A text without marks and case: ``Đặng Thùy Trâm`` -> ``dang thuy tram``.

    Equal for every spelling of the same words (NFC or NFD, ``hoà`` or ``hòa``, đ written as eth). The result is NFC.
    Source: facts/vietnamese-and-screens.md, section 4.2.
    """
    if text.isascii():
        return text.casefold()
    letters = unicodedata.normalize("NFD", text.translate(_BARRED_D))
    bare = "".join(c for c in letters if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", bare).casefold()


# --- sorting ----------------------------------------------------------------------------------------------------------

SortKey = tuple[tuple[tuple[int, int], ...], tuple[int, ...], tuple[bool, ...], str]

_SYMBOLS, _LETTERS, _OTHER_SCRIPTS = range(3)
_PLACES = {
    **{c: (_SYMBOLS, i) for i, c in enumerate(" _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$")},
    **{c: (_LETTERS, i) for i, c in enumerate("0123456789aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")},
}
_TONES = {mark: i for i, mark in enumerate("\u0300\u0309\u0303\u0301\u0323", start=1)}  # huyền hỏi ngã sắc nặng


def sort_key(text: str) -> SortKey:
    """What a text is sorted by: letters a ă â b c d đ e ê ..., then tones, then small before capital letters.

    Gives ICU's order for Vietnamese (CLDR ``vi``) over ASCII and Vietnamese letters. Other symbols stand before the
    digits, other scripts after z, each by code point; other accents after the tones. Texts that differ after
    :func:`nfc` have different keys. Source: facts/vietnamese-and-screens.md, section 4.4.
    """
    text = nfc(text)
    places: list[tuple[int, int]] = []
    accents: list[int] = []
    capitals: list[bool] = []
    letter = ""
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character) or not letter:
            letter = character.casefold()
            places.append(_PLACES.get(letter) or _foreign_place(letter))
            accents.append(0)
            capitals.append(character != letter)
        elif character in _TONES:
            accents[-1] = _TONES[character]
        elif (composed := unicodedata.normalize("NFC", letter + character)) in _PLACES:
            places[-1] = _PLACES[composed]
        else:
            accents[-1] = ord(character)
    return tuple(places), tuple(accents), tuple(capitals), text


def _foreign_place(letter: str) -> tuple[int, int]:
    return (_OTHER_SCRIPTS if letter[0].isalnum() else _SYMBOLS, ord(letter[0]))


# --- names ------------------------------------------------------------------------------------------------------------


def given_name(name: str) -> str:
    """The name a person is addressed by: the last word of the full name, empty for an empty name."""
    return nfc(name).rpartition(" ")[2]


def name_sort_key(name: str) -> tuple[SortKey, SortKey]:
    """What lists of readers are sorted by: the given name, then family and middle names.

    Source: facts/vietnamese-and-screens.md, section 3.
    """
    others, _, given = nfc(name).rpartition(" ")
    return sort_key(given), sort_key(others)


def masked_name(name: str) -> str:
    """A full name as a shared screen may show it: ``Nguyễn Văn Anh`` -> ``Nguyễn V. A.``

    A name of one word is a given name, so only its first letter stays.
    """
    words = nfc(name).split()
    family, others = (words[:1], words[1:]) if len(words) > 1 else ([], words)
    return " ".join((*family, *(f"{word[0]}." for word in others)))


# --- ISBN -------------------------------------------------------------------------------------------------------------

_ISBN_MARK = re.compile(r"ISBN(?:[- ]?1[03](?=[: ]))?:?", re.IGNORECASE)
_ISBN_GAPS = re.compile(r"[\s\u2010-\u2015-]+")


def normal_isbn(text: str) -> str | None:
    """The ISBN-13 (13 digits) that a text is, ``None`` where it is none.

    Takes ten or thirteen digits with any hyphens and spaces between, with or without ``ISBN`` before them; the check
    digit must be right and thirteen digits must begin with 978 or 979 (ISO 2108).
    """
    digits = _ISBN_GAPS.sub("", _ISBN_MARK.sub("", text.strip(), count=1)).upper()
    if re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        weighted = sum(
            weight * "0123456789X".index(digit) for weight, digit in zip(range(10, 0, -1), digits, strict=True)
        )
        if weighted % 11:
            return None
        stem = "978" + digits[:9]
        return stem + str(-_sum_of_thirteen(stem) % 10)
    if re.fullmatch(r"97[89][0-9]{10}", digits) and _sum_of_thirteen(digits) % 10 == 0:
        return digits
    return None


def _sum_of_thirteen(digits: str) -> int:
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
