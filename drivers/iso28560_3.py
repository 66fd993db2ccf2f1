"""Library tags after ISO 28560-3 (fixed length, the "Danish" model): bytes to what is known of the item, and back.

The basic block, 34 bytes, or 32 on a tag that has no more (facts/rfid.md, 2.1):

======  ==========================================================================
byte    holds
======  ==========================================================================
0       version (high nibble, 1) and type of usage (low nibble)
1, 2    number of parts in the item, and which of them this is
3-18    primary item identifier, NUL padded
19-20   CRC, low byte first, over all others; 32 bytes are taken as 34 with two NULs
21-33   owner institution: an ISIL without the hyphen behind its country (to 31 if short)
======  ==========================================================================

Extension blocks follow: length, number (low byte first), XOR, payload; a length of 0 ends them.

Nothing on a tag but its CRC can be trusted to say what it is, so decoding tries the CRC over the bytes as they stand
and then with every block reversed, because some readers and some writers turn blocks round (facts/rfid.md, 1). A false
hit has a chance of about one in ten thousand for random bytes, and must still hold printable text.
"""

from __future__ import annotations

import unicodedata
from functools import reduce
from operator import xor
from typing import Final

from drivers.codec import crc_ccitt_false
from drivers.isil import with_hyphen, without_hyphen
from drivers.iso15693 import BLOCK_SIZE, reverse_blocks
from drivers.library_tag import (
    Damage,
    DamagedTag,
    ExtensionBlock,
    LibraryTag,
    TagModel,
    TagWarning,
    Unfit,
    Usage,
    check_item,
    plain_text,
)

#: The least and the usual length of a basic block.
SHORT_BASIC: Final = 32
BASIC: Final = 34

_VERSION: Final = 1
_ITEM_ID: Final = slice(3, 19)
_CRC: Final = slice(19, 21)
_ISIL_AT: Final = 21
_EXTENSION_HEADER: Final = 4
_LONGEST_EXTENSION: Final = 255


def decode(raw: bytes, *, whole: bool = True) -> LibraryTag | DamagedTag | None:
    """What a right CRC vouches for; None if there is none.

    Give at least 36 bytes of a tag that has them: the CRC of a 34-byte basic block covers bytes 32 and 33. With
    ``whole`` false these are not all bytes of the tag, and extension blocks are left alone.
    """
    for data, turn in ((raw, ()), (reverse_blocks(raw), (TagWarning.BLOCKS_REVERSED,))):
        match _basic_block(data):
            case None:
                continue
            case length, oddities:
                return _read(raw, data, length, (*turn, *oddities), whole=whole)
    return None


def resembles(raw: bytes) -> bool:
    """Whether this is likely to be a tag of this model that lost some bits: all but the CRC looks like one."""
    return _resembles(raw) or _resembles(reverse_blocks(raw))


def _basic_block(data: bytes) -> tuple[int, tuple[TagWarning, ...]] | None:
    """The length over which the CRC is right, and what is odd about it."""
    if len(data) < SHORT_BASIC:
        return None
    stored = int.from_bytes(data[_CRC], "little")
    short = data[: _CRC.start] + data[_CRC.stop : SHORT_BASIC]
    if len(data) >= BASIC and crc_ccitt_false(short + data[SHORT_BASIC:BASIC]) == stored:
        return BASIC, ()
    if crc_ccitt_false(short + b"\0\0") == stored:
        return SHORT_BASIC, (TagWarning.SHORT_BASIC_BLOCK,) if len(data) >= BASIC else ()
    if crc_ccitt_false(short) == stored:
        return SHORT_BASIC, (TagWarning.UNPADDED_CRC,)
    return None


def _read(
    raw: bytes, data: bytes, length: int, oddities: tuple[TagWarning, ...], *, whole: bool
) -> LibraryTag | DamagedTag:
    warnings = [*oddities]
    version, usage = divmod(data[0], 16)
    # Writers disagree about the order of the nibbles; nearly all items have 1 in both, which hides it.
    if usage == _VERSION != version:
        version, usage = usage, version
        warnings.append(TagWarning.NIBBLES_SWAPPED)
    if version != _VERSION:
        warnings.append(TagWarning.UNKNOWN_VERSION)
    parts, part = data[1], data[2]
    if not 1 <= part <= parts:
        warnings.append(TagWarning.PARTS_ODD)

    item_id, clean = _text(data[_ITEM_ID])
    if item_id is None:
        return DamagedTag(raw, Damage.ITEM_ID_NOT_TEXT, warnings=tuple(warnings))
    if not item_id:
        return DamagedTag(raw, Damage.NO_ITEM_ID, warnings=tuple(warnings))
    isil, isil_clean = _text(data[_ISIL_AT:length])
    if isil is None:
        warnings.append(TagWarning.ISIL_UNREADABLE)
    if not (clean and isil_clean):
        warnings.append(TagWarning.BYTES_AFTER_TEXT)

    extensions: tuple[ExtensionBlock, ...] = ()
    if whole and length == BASIC:
        extensions, damage = _extensions(data[BASIC:])
        warnings += damage
    return LibraryTag(
        model=TagModel.ISO_28560_3,
        item_id=item_id,
        isil=with_hyphen(isil or ""),
        parts_in_item=parts,
        part_number=part,
        usage=Usage(usage),
        extensions=extensions,
        warnings=tuple(warnings),
    )


def _text(raw: bytes) -> tuple[str | None, bool]:
    """The text of a NUL-padded field, None when it is none, and whether there was nothing but NULs behind it."""
    written, _, behind = raw.partition(b"\0")
    try:
        text = plain_text(written.decode("utf-8"))
    except UnicodeDecodeError:
        text = None
    return text, not any(behind)


def _extensions(data: bytes) -> tuple[tuple[ExtensionBlock, ...], list[TagWarning]]:
    blocks: list[ExtensionBlock] = []
    at = 0
    while at < len(data) and data[at]:
        block = data[at : at + data[at]]
        if len(block) < data[at]:
            return tuple(blocks), [TagWarning.EXTENSION_TRUNCATED]
        if len(block) < _EXTENSION_HEADER or reduce(xor, block):
            # Its length may be as wrong as the rest, so there is no telling where the next one begins.
            return tuple(blocks), [TagWarning.EXTENSION_DAMAGED]
        blocks.append(ExtensionBlock(int.from_bytes(block[1:3], "little"), block[_EXTENSION_HEADER:]))
        at += len(block)
    return tuple(blocks), []


def _resembles(data: bytes) -> bool:
    if len(data) < SHORT_BASIC or _VERSION not in divmod(data[0], 16) or not 1 <= data[2] <= data[1]:
        return False
    item_id, clean = _text(data[_ITEM_ID])
    return bool(item_id) and clean


def encode(tag: LibraryTag, size: int, *, reversed_blocks: bool = False) -> bytes | Unfit:
    """The bytes to write on a tag with room for ``size`` bytes, from its first block on: whole blocks, NUL padded.

    Always of version 1, with a padded CRC; the model, the elements and the warnings of ``tag`` are not looked at.
    ``reversed_blocks`` turns every block round, for a library whose tags are like that.
    """
    if reversed_blocks:
        size -= size % BLOCK_SIZE
    if size < SHORT_BASIC:
        return Unfit.TAG_TOO_SMALL
    if unfit := check_item(tag):
        return unfit
    isil = without_hyphen(tag.isil)
    if tag.isil and isil is None:
        return Unfit.ISIL_WRONG
    usage = Usage.NO_INFORMATION if tag.usage is None else tag.usage

    length = BASIC if size >= BASIC else SHORT_BASIC
    stored_id = unicodedata.normalize("NFC", tag.item_id).encode("utf-8").ljust(_ITEM_ID.stop - _ITEM_ID.start, b"\0")
    stored_isil = (isil or "").encode("ascii").ljust(length - _ISIL_AT, b"\0")
    if len(stored_id) > _ITEM_ID.stop - _ITEM_ID.start:
        return Unfit.ITEM_ID_TOO_LONG
    if len(stored_isil) > length - _ISIL_AT:
        return Unfit.ISIL_TOO_LONG
    before = bytes((_VERSION << 4 | usage, tag.parts_in_item, tag.part_number)) + stored_id
    crc = crc_ccitt_false((before + stored_isil).ljust(BASIC - 2, b"\0"))
    data = before + crc.to_bytes(2, "little") + stored_isil

    for extension in tag.extensions:
        whole = len(extension.payload) + _EXTENSION_HEADER
        if whole > _LONGEST_EXTENSION or not 0 <= extension.number <= 0xFFFF:
            return Unfit.EXTENSION_WRONG
        start = bytes((whole, *extension.number.to_bytes(2, "little")))
        data += bytes((*start, reduce(xor, start + extension.payload), *extension.payload))
    if len(data) > size:
        return Unfit.EXTENSIONS_TOO_LONG
    data = data.ljust(min(size, -(-(len(data) + 1) // BLOCK_SIZE) * BLOCK_SIZE), b"\0")
    return reverse_blocks(data) if reversed_blocks else data
