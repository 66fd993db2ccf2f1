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

Nothing on a tag but its CRC can be trusted to say what it is, so decoding tries the CRC first, over the bytes as they
stand and then with every block reversed, because some readers and some writers turn blocks round (facts/rfid.md, 1). A
false hit has a chance of about one in ten thousand for random bytes, and must still hold printable text. What several
writers got wrong is read with a warning and never written. A tag that is blank, foreign or damaged is a result.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import reduce
from operator import xor
from typing import Final, TypeAlias

from drivers.codec import crc_ccitt_false
from drivers.iso15693 import BLOCK_SIZE, reverse_blocks

#: The least and the usual length of a basic block.
SHORT_BASIC: Final = 32
BASIC: Final = 34

_VERSION: Final = 1
_ITEM_ID: Final = slice(3, 19)
_CRC: Final = slice(19, 21)
_ISIL_AT: Final = 21
_EXTENSION_HEADER: Final = 4
_LONGEST_EXTENSION: Final = 255

# A country of two letters; then what the standard (ISO 15511) allows, but no second hyphen at once, which could not be
# told from the one that is left out.
_ISIL: Final = re.compile(r"[A-Za-z]{2}-[A-Za-z0-9/:][A-Za-z0-9/:-]*")
_FACTORY_BLANK: Final = b"\x55" * 24 + b"\0" * 4


class TagModel(StrEnum):
    """How the content of a library tag is laid out."""

    ISO_28560_3 = "28560-3"


class Usage(IntEnum):
    """Type of usage."""

    ACQUISITION = 0
    CIRCULATING = 1
    NOT_FOR_CIRCULATION = 2
    LOCAL_3 = 3
    LOCAL_4 = 4
    FUTURE = 5
    NO_INFORMATION = 6
    DISCARDED = 7
    PATRON_CARD = 8
    EQUIPMENT = 9
    RESERVED_10 = 10
    RESERVED_11 = 11
    RESERVED_12 = 12
    RESERVED_13 = 13
    RESERVED_14 = 14
    RESERVED_15 = 15


class TagWarning(StrEnum):
    """What is odd about a tag that could be read all the same."""

    BLOCKS_REVERSED = "blocks_reversed"  # the bytes of every block stand in reverse order
    NIBBLES_SWAPPED = "nibbles_swapped"  # type of usage and version have changed places
    UNPADDED_CRC = "unpadded_crc"  # CRC over 30 bytes instead of 32
    SHORT_BASIC_BLOCK = "short_basic_block"  # 32 bytes on a tag with room for 34
    UNKNOWN_VERSION = "unknown_version"
    PARTS_ODD = "parts_odd"  # not "n of m": the numbers are as they stand and mean nothing
    BYTES_AFTER_TEXT = "bytes_after_text"  # something stands behind the NUL that ends a field
    ISIL_UNREADABLE = "isil_unreadable"
    EXTENSION_DAMAGED = "extension_damaged"
    EXTENSION_TRUNCATED = "extension_truncated"  # the tag ends before the block does


class Damage(StrEnum):
    """Why a library tag cannot be relied on."""

    CRC = "crc"
    NO_ITEM_ID = "no_item_id"
    ITEM_ID_NOT_TEXT = "item_id_not_text"


@dataclass(frozen=True, slots=True)
class ExtensionBlock:
    """A whole and sound extension block."""

    number: int
    payload: bytes = field(repr=False)

    @property
    def fields(self) -> tuple[bytes, ...]:
        """The payload cut at its NULs; one at the very end only ends the last field."""
        return tuple(self.payload.removesuffix(b"\0").split(b"\0"))


@dataclass(frozen=True, slots=True)
class LibraryTag:
    """A tag whose content is sound. Text is NFC; ``isil`` is as people write it (``VN-TN``), or empty.

    ``parts_in_item`` and ``part_number`` count from 1; a set of one part is 1 of 1. On a patron's tag ``item_id`` is
    the patron identifier.
    """

    item_id: str = field(repr=False)
    isil: str = ""
    parts_in_item: int = 1
    part_number: int = 1
    usage: Usage = Usage.CIRCULATING
    model: TagModel = TagModel.ISO_28560_3
    extensions: tuple[ExtensionBlock, ...] = ()
    warnings: tuple[TagWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class BlankTag:
    """A tag nobody has written yet: staff give it an item."""


@dataclass(frozen=True, slots=True)
class ForeignTag:
    """A tag in no layout this program knows: named, put aside, never written."""

    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DamagedTag:
    """A tag in a known layout whose content contradicts itself."""

    raw: bytes = field(repr=False)
    damage: Damage


Decoded: TypeAlias = LibraryTag | BlankTag | ForeignTag | DamagedTag


class Unfit(StrEnum):
    """Why something cannot be written on a tag."""

    TAG_TOO_SMALL = "tag_too_small"
    ITEM_ID_EMPTY = "item_id_empty"
    ITEM_ID_NOT_TEXT = "item_id_not_text"
    ITEM_ID_TOO_LONG = "item_id_too_long"
    ISIL_WRONG = "isil_wrong"
    ISIL_TOO_LONG = "isil_too_long"
    PARTS_WRONG = "parts_wrong"
    EXTENSION_WRONG = "extension_wrong"
    EXTENSIONS_TOO_LONG = "extensions_too_long"


def decode(raw: bytes, *, whole: bool = True) -> Decoded:
    """What is on a tag, from its first bytes in the order of the tag's memory.

    Give at least 36 bytes of a tag that has them: the CRC of a 34-byte basic block covers bytes 32 and 33. With
    ``whole`` false these are not all bytes of the tag, and extension blocks are left alone.
    """
    if (raw and not any(raw)) or raw.startswith(_FACTORY_BLANK):
        return BlankTag()
    turned = reverse_blocks(raw)
    for data, turn in ((raw, ()), (turned, (TagWarning.BLOCKS_REVERSED,))):
        match _basic_block(data):
            case None:
                continue
            case length, oddities:
                return _read(raw, data, length, (*turn, *oddities), whole=whole)
    if _resembles_a_library_tag(raw) or _resembles_a_library_tag(turned):
        return DamagedTag(raw, Damage.CRC)
    return ForeignTag(raw)


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


def _read(raw: bytes, data: bytes, length: int, oddities: tuple[TagWarning, ...], *, whole: bool) -> Decoded:
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
        return DamagedTag(raw, Damage.ITEM_ID_NOT_TEXT)
    if not item_id:
        return DamagedTag(raw, Damage.NO_ITEM_ID)
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
        item_id=item_id,
        isil=_with_hyphen(isil or ""),
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
        text = unicodedata.normalize("NFC", written.decode("utf-8")).strip()
    except UnicodeDecodeError:
        return None, not any(behind)
    return text if text.isprintable() else None, not any(behind)


def _with_hyphen(isil: str) -> str:
    if len(isil) > 2 and isil[:2].isalpha() and isil[2] != "-":
        return f"{isil[:2]}-{isil[2:]}"
    return isil


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


def _resembles_a_library_tag(data: bytes) -> bool:
    """Whether this is likely to be a library tag that lost some bits: all but the CRC looks like one."""
    if len(data) < SHORT_BASIC or _VERSION not in divmod(data[0], 16) or not 1 <= data[2] <= data[1]:
        return False
    item_id, clean = _text(data[_ITEM_ID])
    return bool(item_id) and clean


def encode(tag: LibraryTag, size: int, *, reversed_blocks: bool = False) -> bytes | Unfit:
    """The bytes to write on a tag with room for ``size`` bytes, from its first block on: whole blocks, NUL padded.

    Always of version 1, with a padded CRC; the model and the warnings of ``tag`` are not looked at. ``reversed_blocks``
    turns every block round, for a library whose tags are like that.
    """
    if reversed_blocks:
        size -= size % BLOCK_SIZE
    if size < SHORT_BASIC:
        return Unfit.TAG_TOO_SMALL
    item_id = unicodedata.normalize("NFC", tag.item_id)
    if not item_id:
        return Unfit.ITEM_ID_EMPTY
    if not item_id.isprintable() or item_id != item_id.strip():
        return Unfit.ITEM_ID_NOT_TEXT
    if tag.isil and not _ISIL.fullmatch(tag.isil):
        return Unfit.ISIL_WRONG
    if not 1 <= tag.part_number <= tag.parts_in_item <= 0xFF:
        return Unfit.PARTS_WRONG

    length = BASIC if size >= BASIC else SHORT_BASIC
    stored_id = item_id.encode("utf-8").ljust(_ITEM_ID.stop - _ITEM_ID.start, b"\0")
    stored_isil = tag.isil.replace("-", "", 1).encode("ascii").ljust(length - _ISIL_AT, b"\0")
    if len(stored_id) > _ITEM_ID.stop - _ITEM_ID.start:
        return Unfit.ITEM_ID_TOO_LONG
    if len(stored_isil) > length - _ISIL_AT:
        return Unfit.ISIL_TOO_LONG
    before = bytes((_VERSION << 4 | tag.usage, tag.parts_in_item, tag.part_number)) + stored_id
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
