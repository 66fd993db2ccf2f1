"""Bytes of a catalogue to text: UTF-8, MARC-8, windows-1258, and what is left of them after accidents.

A MARC record says in one character of its leader whether it is UTF-8 or MARC-8, and exporters get it wrong both ways;
others write whatever their database held. So the flag is only believed where the bytes agree. Valid UTF-8 with a
single letter beyond ASCII in it is UTF-8 (no other encoding looks like that by chance). What is not valid UTF-8 is
read in each way that is possible, and the reading whose words look most like Vietnamese, or else like words at all, is
taken.

Sources: MARC 21 Specifications for Record Structure, Character Sets, part 2 (MARC-8) and part 3 (UCS/Unicode);
facts/vietnamese-and-screens.md, section 4, for NFC.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence

from pymarc import MARC8ToUnicode, marc8_to_unicode
from pymarc.marc8_mapping import CODESETS

from sync.intake.reasons import Reason
from sync.text import nfc

#: What stands where a character could not be read.
DAMAGED = "\ufffd"

# --- which encoding ---------------------------------------------------------------------------------------------------


def decode(values: Sequence[bytes], says_utf8: bool) -> tuple[list[str], set[Reason]]:
    """The texts of one record. What cannot be read is U+FFFD; never raises.

    Values that are not valid UTF-8 are judged together, because a single subfield is too short to tell.
    """
    texts: list[str | None] = [_plain(value) for value in values]
    odd = [value for value, text in zip(values, texts, strict=True) if text is None]
    utf8 = any(text is not None and not text.isascii() for text in texts)
    reasons: set[Reason] = set()
    if utf8 and not says_utf8:
        reasons.add(Reason.ENCODING_FLAG_WRONG)
    if not odd:
        return [text or "" for text in texts], reasons
    expected = _damaged_utf8 if says_utf8 or utf8 else _marc8
    reading = _damaged_utf8 if utf8 and all(map(_is_cut, odd)) else _likeliest(b" ".join(odd), expected)
    # Seven-bit MARC-8 (Greek, Cyrillic, Han by escape sequences) is valid UTF-8, too; the escapes are the flag.
    if reading is not expected and not all(b"\x1b" in value for value in odd):
        reasons.add(Reason.ENCODING_FLAG_WRONG)
    return [reading(value) if text is None else text for value, text in zip(values, texts, strict=True)], reasons


def likeliest_legacy(sample: bytes) -> str | None:
    """``cp1258`` when bytes that are not UTF-8 are Vietnamese in windows-1258, else ``None``."""
    return "cp1258" if _plausibility(_windows_1258(sample)) >= _CERTAIN else None


_Reading = Callable[[bytes], str]

#: A reading this plausible is taken without looking at the others.
_CERTAIN = 0.8
#: UTF-8 with at least as many letters as damages in it; words in other Latin letters are a little more.
_DAMAGED_UTF8 = 0.3
#: What being the expected encoding is worth.
_EXPECTED = 0.2


def _plain(value: bytes) -> str | None:
    if b"\x1b" in value:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_cut(value: bytes) -> bool:
    """Whether a value is UTF-8 but for its end: programs cut texts at so many bytes, in the middle of a letter."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def _likeliest(sample: bytes, expected: _Reading) -> _Reading:
    scores: dict[_Reading, float] = {}
    for reading in dict.fromkeys((expected, _marc8, _windows_1258, _windows_1252, _damaged_utf8)):
        text = reading(sample)
        damages = text.count(DAMAGED)
        if reading is _damaged_utf8:
            letters = sum(not letter.isascii() for letter in text) - damages
            score = _DAMAGED_UTF8 if letters and letters >= damages else -1.0
        else:
            score = _plausibility(text)
        if score >= _CERTAIN:
            return reading
        scores[reading] = score + (_EXPECTED if reading is expected else 0)
    return max(scores, key=lambda reading: scores[reading])


def _damaged_utf8(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _windows_1258(value: bytes) -> str:
    return unicodedata.normalize("NFC", value.decode("cp1258", "replace"))


def _windows_1252(value: bytes) -> str:
    return value.decode("cp1252", "replace")


_ANSEL = CODESETS[MARC8ToUnicode.ansel]
_UNKNOWN_TO_ANSEL = bytes(sorted(set(range(0x80, 0x100)) - set(_ANSEL)))
#: Combining marks with no letter after them: pymarc would drop them.
_LONE_MARKS = re.compile(rb"[\xe0-\xfe]+(?=[^\x21-\x7e\xa1-\xfe]|$)")
#: Three bytes a character (East Asian): pymarc reports a cut one on the console.
_EAST_ASIAN = re.compile(rb"(\x1b[(,$]?,?1)([^\x1b]*)")
_ESCAPES_LEFT = re.compile(r"\x1b\S?")


def _marc8(value: bytes) -> str:
    if b"\x1b" in value:
        whole = _EAST_ASIAN.sub(lambda found: found[1] + found[2][: len(found[2]) // 3 * 3], value)
        try:
            return _ESCAPES_LEFT.sub("", marc8_to_unicode(whole, hide_utf8_warnings=True))
        except UnicodeDecodeError:  # an escape sequence cut short
            return value.replace(b"\x1b", b"").decode("ascii", "replace")
    # pymarc writes a space for a byte that means nothing in MARC-8; here it must show, so such bytes are kept apart.
    damaged = _LONE_MARKS.sub(b"\x00", value)
    damaged = damaged.translate(bytes.maketrans(_UNKNOWN_TO_ANSEL, bytes(len(_UNKNOWN_TO_ANSEL))))
    return DAMAGED.join(marc8_to_unicode(part, hide_utf8_warnings=True) for part in damaged.split(b"\x00"))


# --- how Vietnamese it looks ------------------------------------------------------------------------------------------

_BREAKS = re.compile(r"[\x00-@\[-`{-\x7f\u00a0\u2010-\u2026]+")
_TONES = dict.fromkeys(map(ord, "\u0300\u0301\u0303\u0309\u0323"))
_SYLLABLE = re.compile(
    r"(?:ngh?|[gknt]h|gi|[cpt]h|tr|qu|[bcdđghklmnpqrstvx])?"
    r"(?:[aăâeêioôơuưy]|a[ioauy]|âu|ây|e[o]|êu|i[au]|iêu?|oai|oay|oao|o[aăeio]|oeo|ô[iô]|ơi|u[aâêiơôyu]|uây|uôi|uy[aêu]"
    r"|ư[aiơu]|ươ[iu]|yêu?)"
    r"(?:ch|n[gh]|[cmnpt])?"
)


#: A capital with a mark behind a small letter.
_CAPITAL_INSIDE = re.compile("[a-z][\u00c0-\u00de\u0102\u0110\u01a0\u01af]")


def _plausibility(text: str) -> float:
    """From -1 (rubbish) to 1 (Vietnamese): the mean over the words that are not plain ASCII."""
    words = [word for word in _BREAKS.split(text) if word and not word.isascii()]
    return sum(map(_word_plausibility, words)) / len(words) if words else 0.0


def _word_plausibility(word: str) -> float:
    small = unicodedata.normalize("NFC", word).lower()
    bare = unicodedata.normalize("NFC", unicodedata.normalize("NFD", small).translate(_TONES))
    if _SYLLABLE.fullmatch(bare):
        return 1.0
    # "CafĂ" is what a cut letter looks like in another encoding.
    if not all(map(str.isalpha, small)) or _CAPITAL_INSIDE.search(word):
        return -1.0
    # A word all in another script cannot come out of a wrong reading: those are Latin letters and symbols.
    if all(letter < "\u0100" for letter in bare):
        return 0.4
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in small)
    if latin == len(small):
        return 0.3
    return -1.0 if latin else 0.6


# --- cleaning ---------------------------------------------------------------------------------------------------------

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TRANSCRIBING_ERROR = re.compile(r"\[\s*transcribing error\s*\]", re.IGNORECASE)
#: Controls other than white space, less the two pairs around what sorting skips (U+0088/89 and U+0098/9C).
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86\x87\x8a-\x97\x99-\x9b\x9d-\x9f]")


#: A tone before the mark that makes the letter, as some exporters write it: Unicode composes them the other way round.
_TONE_FIRST = re.compile("([\u0300\u0301\u0303\u0309])([\u0302\u0306])")


def clean(text: str, reasons: set[Reason]) -> str:
    """One subfield as it is kept: one line, NFC, without entities; what had to be done is added to ``reasons``."""
    if "&" in text and _ENTITY.search(text):
        plain = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
        if plain != text:
            reasons.add(Reason.HTML_ENTITIES)
            text = plain
    if text.isascii() and text.isprintable():
        text = " ".join(text.split())
    else:
        text = _CONTROLS.sub(DAMAGED, text)
        if DAMAGED in text:
            reasons.add(Reason.DAMAGED_TEXT)
        if not unicodedata.is_normalized("NFC", text):
            reasons.add(Reason.DECOMPOSED)
        text = _in_order(nfc(text))
    if "[" in text and _TRANSCRIBING_ERROR.search(text):
        reasons.add(Reason.TRANSCRIBING_ERROR)
        text = nfc(_TRANSCRIBING_ERROR.sub(" ", text))
    return text


def _in_order(text: str) -> str:
    if "\u0302" not in text and "\u0306" not in text:
        return text
    return unicodedata.normalize("NFC", _TONE_FIRST.sub(r"\2\1", unicodedata.normalize("NFD", text)))
