"""What can be a Vietnamese syllable, with and without its marks, and where its tone is written.

A form is an onset and a rhyme, in small letters, without a tone: ``nguyên``. All forms are made of the onsets and
rhymes below by the rules of spelling (c/k/q, g/gh, ng/ngh, gi, i/y), which allow more syllables than the language uses;
for telling ``system`` from Vietnamese that is near enough. Source: facts/vietnamese-and-screens.md, section 5.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

#: Combining marks of the five tones by their names.
SAC, HUYEN, HOI, NGA, NANG = "\u0301", "\u0300", "\u0309", "\u0303", "\u0323"
TONES = (SAC, HUYEN, HOI, NGA, NANG)
#: A syllable that ends in one of these has sắc or nặng, or is written without its tone.
_STOPS = ("c", "k", "p", "t", "ch")
_OF_STOPS = frozenset(("", SAC, NANG))

VOWELS = frozenset("aăâeêioôơuưy")
#: A marked letter to the letter under the mark.
_BARE = {"ă": "a", "â": "a", "ê": "e", "ô": "o", "ơ": "o", "ư": "u", "đ": "d"}
_TO_BARE = str.maketrans(_BARE)
MARKED = frozenset(_BARE)

ONSETS = ("", *"b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x".split())
RHYMES = tuple(
    """
    a ai ao au ay âu ây  e eo  ê êu  i ia iu iêu  o oa oai oao oay oe oeo oi  ô ôi  ơ ơi
    u ua ui uây uê uêu uôi uơ uy uya uyu  ư ưa ưi ưu ươi ươu  y yêu
    am ăm âm em êm im iêm yêm oam oăm om ôm ơm um uôm ưm ươm
    an ăn ân en ên in iên yên oan oăn oen on ôn ơn uân un uôn uyn uyên ưn ươn
    ang ăng âng eng iêng yêng oang oăng ong ông oong uâng ung uông ưng ương
    anh ênh inh oanh uênh uynh ynh
    ap ăp âp ep êp ip iêp oap oăp op ôp ơp up uyp ươp
    at ăt ât et êt it iêt yêt oat oăt oet ot ôt ơt uât ut uôt uyt uyêt ưt ươt yt
    ac ăc âc ec iêc oac oăc oc ôc ooc uc uôc ưc ươc
    ach êch ich oach uêch uych ych
    ăk
    """.split()
)
_FRONT = ("i", "e", "ê", "y")
#: Rhymes that begin with the glide that ``qu`` writes as its u.
_ROUNDED = ("oa", "oă", "oe", "uâ", "uê", "uơ", "uy")
_Y_ALONE = frozenset(("ynh", "yt", "ych"))


def bare(text: str) -> str:
    """Small letters without marks, tones left alone: ``đương`` -> ``duong``."""
    return text.translate(_TO_BARE)


def spells(onset: str, rhyme: str) -> bool:
    """Whether the rules of spelling let this onset and this rhyme stand together."""
    first = rhyme[0]
    if rhyme in _Y_ALONE:
        return onset == "qu"
    if first == "y" and rhyme != "y":
        return onset in ("", "qu") and not (onset and rhyme.startswith(("yêu", "yêm", "yêng")))
    if rhyme.startswith("uơ"):
        return onset in ("h", "kh", "th")
    match onset:
        case "":
            return not rhyme.startswith("iê")
        case "c":
            return first not in _FRONT and not rhyme.startswith(_ROUNDED)
        case "k":
            return first in _FRONT
        case "g":
            return first not in _FRONT or rhyme in ("i", "in")
        case "gh" | "ngh":
            return first in ("i", "e", "ê")
        case "ng":
            return first not in _FRONT
        case "gi":
            return first not in ("i", "y")
        case "qu":
            return (first in "aăâeêiyơ" and rhyme[:2] not in ("ia", "iê")) or rhyme == "ôc"
        case _:
            return True


def _made() -> Iterator[str]:
    for onset in ONSETS:
        yield from (onset + rhyme for rhyme in RHYMES if spells(onset, rhyme))
    # What sounds as iê is written with the i of gi.
    yield from ("giêng", "giêc")


#: Every form.
FORMS = frozenset(_made())


def takes(form: str, tone: str) -> bool:
    """Whether a form can have a tone; none at all is always allowed."""
    return not form.endswith(_STOPS) or tone in _OF_STOPS


@cache
def _whole() -> dict[str, tuple[str, ...]]:
    """The forms by their letters without marks."""
    found: dict[str, list[str]] = {}
    for form in sorted(FORMS):
        found.setdefault(bare(form), []).append(form)
    return {letters: tuple(forms) for letters, forms in found.items()}


@cache
def _begun() -> dict[str, dict[str, bool]]:
    """The beginnings of forms by their letters without marks, each with whether it can go on to take every tone."""
    found: dict[str, dict[str, bool]] = {}
    for form in FORMS:
        every = takes(form, HUYEN)
        for end in range(1, len(form) + 1):
            known = found.setdefault(bare(form[:end]), {})
            known[form[:end]] = known.get(form[:end], False) or every
    return found


def _covers(form: str, written: str) -> bool:
    """Whether a form can come of what is written by adding marks."""
    return all(have in (want, _BARE.get(want)) for want, have in zip(form, written, strict=True))


def can_become(written: str, tone: str = "") -> bool:
    """Whether letters with some of their marks and a tone can still become a syllable, by further letters and marks.

    Consonants alone always can: they may be an abbreviation, such as ĐH.
    """
    if not VOWELS.intersection(written):
        return all(letter in "bcdđghklmnpqrstvx" for letter in written)
    if tone and written.endswith("k"):
        # Only names of places end so (Đắk Lắk); nothing else is taken for one of them.
        return written in FORMS and takes(written, tone)
    beginnings = _begun().get(bare(written), {})
    return any((every or tone in _OF_STOPS) and _covers(form, written) for form, every in beginnings.items())


def completed(written: str, tone: str = "") -> str:
    """The letters with the marks that they must have, where only one way is left: ``viet`` with nặng is ``viêt``.

    What is a form already, or could become several, stays as it is.
    """
    letters = bare(written)
    whole = [form for form in _whole().get(letters, ()) if takes(form, tone) and _completes(form, written)]
    if written in whole:
        return written
    found = whole or [form for form in _begun().get(letters, ()) if _completes(form, written)]
    return found[0] if len(found) == 1 else written


def _completes(form: str, written: str) -> bool:
    """Whether only marks on vowels are missing: nothing says that a d should have been a đ."""
    return form[0] == written[0] and _covers(form, written)


def _vowels(form: str) -> tuple[int, int]:
    """Where the vowels that can carry a tone begin and end; the u of qu and the i of gi are none of them."""
    begin = next((at for at, letter in enumerate(form) if letter in VOWELS), len(form))
    if form[:2] in ("qu", "gi") and form[2:3] and form[2] in VOWELS:
        begin = 2
    end = begin
    while end < len(form) and form[end] in VOWELS:
        end += 1
    return begin, end


def tone_at(form: str, *, new_style: bool = False) -> int | None:
    """Which letter of a form carries its tone; ``None`` for letters without a vowel.

    The old style writes ``hòa, khỏe, thủy``, the new style ``hoà, khoẻ, thuỷ``; they agree on all else.
    """
    begin, end = _vowels(form)
    if begin == end:
        return None
    marked = [at for at in range(begin, end) if form[at] in MARKED]
    if marked:
        return marked[-1]
    if end < len(form):
        return end - 1
    if end - begin == 2:
        return begin + (new_style and form[begin:end] in ("oa", "oe", "uy"))
    return begin + (end - begin) // 2


def with_tone(form: str, tone: str, *, new_style: bool = False) -> str:
    """A form with its tone, NFC. Letters without a vowel stay without it."""
    at = tone_at(form.lower(), new_style=new_style) if tone else None
    return form if at is None else unicodedata.normalize("NFC", form[: at + 1] + tone + form[at + 1 :])


def without_tone(text: str) -> tuple[str, str]:
    """A word apart from its tone: ``Việt`` -> (``Viêt``, nặng). The last tone counts where there are several."""
    tone, letters = "", []
    for letter in unicodedata.normalize("NFC", text):
        parts = unicodedata.normalize("NFD", letter)
        if len(parts) > 1 and set(TONES).intersection(parts):
            tone = next(part for part in parts if part in TONES)
            letter = unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES))  # noqa: PLW2901
        letters.append(letter)
    return "".join(letters), tone


def syllables(forms: Iterable[str] = FORMS, *, new_style: bool = False) -> Iterator[tuple[str, str, str]]:
    """Every form with every tone it takes, and none, as (syllable, form, tone)."""
    for form in sorted(forms):
        for tone in ("", *TONES):
            if takes(form, tone):
                yield with_tone(form, tone, new_style=new_style), form, tone
