"""Library tags after ISO 28560-2 (equal to GB/T 35660.2): data elements as objects of ISO/IEC 15962.

Facts/rfid.md, 2.2. The primary item identifier comes first. The content parameter is second, a map of bits that says
which elements from OID 3 on there are; then come the others by their OIDs. Four elements have forms of their own:

* owner institution and ILL borrowing institution: an ISIL in the code of :mod:`drivers.isil`
* set information: digits, the first half the number of parts, the second half which of them this is
* type of usage: one byte, class and subclass (GB/T 35660.1 has media format (other) and supply chain stage so too)

There is no CRC. What vouches for a tag of this model is that its bytes are objects to the end, each element there once,
a readable item identifier among them, and a content parameter, or else more elements that can be read than cannot.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Final

from drivers.isil import LONGEST_ISIL, decode_isil, encode_isil, is_isil
from drivers.iso15693 import BLOCK_SIZE
from drivers.iso15962 import EXTENDED, Compaction, End, Object, bits_of, compact, expand, packed, parse
from drivers.library_tag import (
    Damage,
    DamagedTag,
    Element,
    LibraryTag,
    Oid,
    TagModel,
    TagWarning,
    Unfit,
    Usage,
    check_item,
    plain_text,
)

#: The OID of the first bit of the content parameter.
_FIRST_LISTED: Final = 3
_HIGHEST: Final = max(Oid)
_ISILS: Final = frozenset({Oid.OWNER_INSTITUTION, Oid.ILL_BORROWING_INSTITUTION})
#: Elements of one byte that stands for itself, told as two hexadecimal digits.
_CODES: Final = frozenset({Oid.TYPE_OF_USAGE, Oid.MEDIA_FORMAT_OTHER, Oid.SUPPLY_CHAIN_STAGE})
_CODE: Final = re.compile(r"[0-9A-Fa-f]{2}")
_SET: Final = re.compile(r"(?:[0-9]{2}){1,3}", re.ASCII)
#: Elements that are made of what else is known of the item.
_MADE: Final = frozenset(
    {
        Oid.PRIMARY_ITEM_IDENTIFIER,
        Oid.CONTENT_PARAMETER,
        Oid.OWNER_INSTITUTION,
        Oid.SET_INFORMATION,
        Oid.TYPE_OF_USAGE,
    }
)
_RESERVED: Final = frozenset(oid for oid in Oid if oid.name.startswith("RESERVED"))
#: Bytes as they are. Some writers call them octets.
_BYTES: Final = frozenset({Compaction.APPLICATION_DEFINED, Compaction.OCTETS})


def decode(raw: bytes, *, whole: bool = True) -> LibraryTag | DamagedTag | None:
    """What the objects on a tag say; None if they are none, or have no item identifier.

    With ``whole`` false these are not all bytes of the tag: what is cut off is then no damage, and
    ``TagWarning.CUT_OFF`` asks for the rest.
    """
    objects = parse(raw)
    warnings = list[TagWarning]()
    elements = [_element(one, warnings) for one in objects.found if one.oid <= _HIGHEST]
    texts = {element.oid: element.text for element in elements}
    cut_off = not whole and objects.end in {End.MEMORY, End.WITHIN}
    if (
        len(texts) != len(objects.found)
        or objects.end is End.NONSENSE
        # Of what does not end, little says that it is of this model; it may not be odd as well.
        or (objects.end is End.WITHIN and (not cut_off or len(elements) < 2 or warnings))
        or not texts.get(Oid.PRIMARY_ITEM_IDENTIFIER)
        or (Oid.CONTENT_PARAMETER not in texts and 2 * [*texts.values()].count(None) >= len(texts))
    ):
        return DamagedTag(raw, Damage.ELEMENTS, TagModel.ISO_28560_2) if _begins_well(elements) else None
    return _read(elements, texts, warnings, cut_off=cut_off)


def _element(one: Object, warnings: list[TagWarning]) -> Element:
    oid = Oid(one.oid)
    if oid in _RESERVED:
        _warn(warnings, TagWarning.ELEMENT_UNKNOWN)
    if oid is Oid.CONTENT_PARAMETER and one.compaction in _BYTES:
        return Element(oid, None, one.data)
    if oid in _CODES and one.compaction in _BYTES and len(one.data) == 1:
        return Element(oid, one.data.hex().upper())
    if one.compaction is Compaction.APPLICATION_DEFINED:
        if oid not in _ISILS:
            return Element(oid, None, one.data)
        expanded = decode_isil(one.data)
    else:
        expanded = expand(one.compaction, one.data)
    text = None if expanded is None else plain_text(expanded)
    if text is None:
        _warn(warnings, TagWarning.ELEMENT_UNREADABLE)
        return Element(oid, None, one.data)
    return Element(oid, text)


def _begins_well(elements: Sequence[Element]) -> bool:
    match elements[:2]:
        case [Element(oid=Oid.PRIMARY_ITEM_IDENTIFIER, text=str(item_id)), Element(oid=Oid.CONTENT_PARAMETER)]:
            return bool(item_id)
        case _:
            return False


def _read(
    elements: Sequence[Element], texts: dict[Oid, str | None], warnings: list[TagWarning], *, cut_off: bool
) -> LibraryTag:
    if elements[0].oid is not Oid.PRIMARY_ITEM_IDENTIFIER:
        _warn(warnings, TagWarning.ITEM_ID_NOT_FIRST)
    for element in elements:
        if element.oid is Oid.CONTENT_PARAMETER:
            listed = set(listed_oids(element.raw))
            here = {oid for oid in texts if oid >= _FIRST_LISTED}
            if not here <= listed or (here != listed and not cut_off):
                _warn(warnings, TagWarning.CONTENT_PARAMETER_WRONG)
    parts, part = 1, 1
    if Oid.SET_INFORMATION in texts:
        parts, part = _parts(texts[Oid.SET_INFORMATION]) or (0, 0)
        if not 1 <= part <= parts:
            _warn(warnings, TagWarning.PARTS_ODD)
    usage = None
    if Oid.TYPE_OF_USAGE in texts:
        usage = _usage(texts[Oid.TYPE_OF_USAGE])
        if usage is None:
            _warn(warnings, TagWarning.USAGE_UNREADABLE)
    if cut_off:
        _warn(warnings, TagWarning.CUT_OFF)
    return LibraryTag(
        item_id=texts[Oid.PRIMARY_ITEM_IDENTIFIER] or "",
        isil=texts.get(Oid.OWNER_INSTITUTION) or "",
        parts_in_item=parts,
        part_number=part,
        usage=usage,
        model=TagModel.ISO_28560_2,
        warnings=tuple(warnings),
        elements=tuple(elements),
    )


def _parts(digits: str | None) -> tuple[int, int] | None:
    if digits is None or not _SET.fullmatch(digits):
        return None
    half = len(digits) // 2
    return int(digits[:half]), int(digits[half:])


def _usage(code: str | None) -> Usage | None:
    return Usage(int(code[0], 16)) if code is not None and _CODE.fullmatch(code) else None


def _warn(warnings: list[TagWarning], warning: TagWarning) -> None:
    if warning not in warnings:
        warnings.append(warning)


def listed_oids(content_parameter: bytes) -> tuple[int, ...]:
    """The OIDs of the elements that a content parameter says there are."""
    bits = bits_of(content_parameter)
    return tuple(oid for oid, bit in enumerate(bits, start=_FIRST_LISTED) if bit == "1")


def encode(tag: LibraryTag, size: int, *, separate: Collection[Oid] = ()) -> bytes | Unfit:
    """The bytes to write on a tag with room for ``size`` bytes, from its first block on: whole blocks, NUL padded.

    The shortest compaction of each element is chosen. Item identifier, content parameter, owner institution, set
    information (of items with several parts) and type of usage are made from ``tag``; of its elements these five are
    not looked at, but for the subclass of its usage. ``separate`` elements stand in blocks that hold no others, behind
    all others, so that a library could lock them; the item identifier stays where it is.
    """
    if unfit := check_item(tag):
        return unfit
    if tag.isil and not is_isil(tag.isil):
        return Unfit.ISIL_WRONG
    if len(tag.isil) > LONGEST_ISIL:
        return Unfit.ISIL_TOO_LONG
    objects = dict[int, Object]()
    for element in (*_made(tag), *(given for given in tag.elements if given.oid not in _MADE)):
        one = _object(element)
        if one is None or element.oid in objects:
            return Unfit.ELEMENT_WRONG
        objects[element.oid] = one
    if listed := sorted(oid for oid in objects if oid >= _FIRST_LISTED):
        bits = "".join("01"[oid in objects] for oid in range(_FIRST_LISTED, listed[-1] + 1))
        content_parameter = Object(Oid.CONTENT_PARAMETER, Compaction.APPLICATION_DEFINED, packed(bits, filling="0" * 7))
        objects[Oid.CONTENT_PARAMETER] = content_parameter
    data = _laid_out(objects.values(), separate)
    if len(data) > size:
        return Unfit.ELEMENTS_TOO_LONG
    return data.ljust(min(size, -(-(len(data) + 1) // BLOCK_SIZE) * BLOCK_SIZE), b"\0")


def _made(tag: LibraryTag) -> Iterable[Element]:
    yield Element(Oid.PRIMARY_ITEM_IDENTIFIER, unicodedata.normalize("NFC", tag.item_id))
    if tag.isil:
        yield Element(Oid.OWNER_INSTITUTION, tag.isil)
    if tag.parts_in_item > 1:
        half = len(str(tag.parts_in_item))
        yield Element(Oid.SET_INFORMATION, f"{tag.parts_in_item}{tag.part_number:0{half}}")
    if tag.usage is not None:
        given = (element.text for element in tag.elements if element.oid is Oid.TYPE_OF_USAGE)
        code = next((code for code in given if _usage(code) is tag.usage), None)
        yield Element(Oid.TYPE_OF_USAGE, code or f"{tag.usage:X}0")


def _object(element: Element) -> Object | None:
    """An element as it is written; None if its text is not what it takes."""
    oid, text = element.oid, element.text
    if oid in _RESERVED or (text is None and oid in _ISILS):
        return None
    if text is None:
        return Object(oid, Compaction.APPLICATION_DEFINED, element.raw)
    if not text or plain_text(text) != text:
        return None
    if oid in _ISILS:
        code = encode_isil(text) if is_isil(text) else None
        return None if code is None else Object(oid, Compaction.APPLICATION_DEFINED, code)
    if oid in _CODES:
        return Object(oid, Compaction.APPLICATION_DEFINED, bytes.fromhex(text)) if _CODE.fullmatch(text) else None
    return Object(oid, *compact(text))


def _laid_out(objects: Iterable[Object], separate: Collection[int]) -> bytes:
    def place(one: Object) -> tuple[bool, bool, int]:
        first = one.oid <= Oid.CONTENT_PARAMETER
        return not first, one.oid in separate and not first, one.oid

    runs = groupby(sorted(objects, key=place), key=lambda one: one.oid in separate)
    *before, (last_is_separate, last) = [(is_separate, [*run]) for is_separate, run in runs]
    data = b"".join(_to_the_end_of_a_block(run) for _, run in before)
    return data + (_to_the_end_of_a_block(last) if last_is_separate else b"".join(one.encode() for one in last))


def _to_the_end_of_a_block(run: Sequence[Object]) -> bytes:
    """Objects that begin with a block, one of them padded so that the last one ends with a block."""
    written = [one.encode() for one in run]
    if over := sum(map(len, written)) % BLOCK_SIZE:
        # One whose OID fits into its precursor, if there is one: of the others readers disagree how they are padded.
        at = max((at for at, one in enumerate(run) if one.oid < EXTENDED), default=-1)
        written[at] = run[at].encode(padding=BLOCK_SIZE - 1 - over)
    return b"".join(written)
