"""Library tags after 3M's RFID 501, 32 bytes without a CRC. Pure; facts/rfid.md, 2.3.

======  =================================================================
byte    holds
======  =================================================================
0       04
1       number of the part (high nibble), parts in the item (low nibble)
2       00
3       media type
4-19    barcode, ASCII, NUL padded
20-23   branch (12 bits), library (20 bits)
24-27   a signed number of the library's own
28-31   00
======  =================================================================
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Final

from drivers.library_tag import Unfit

_LAYOUT: Final = struct.Struct(">BBBB16sIi4s")
#: Bytes of a tag.
SIZE: Final = _LAYOUT.size
_FIRST: Final = 0x04
_ITEM_ID: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_LONGEST_ITEM_ID: Final = 16
_MOST_PARTS: Final = 0xF
_LIBRARY_BITS: Final = 20
_HIGHEST_BRANCH: Final = (1 << 12) - 1
_HIGHEST_LIBRARY: Final = (1 << _LIBRARY_BITS) - 1


@dataclass(frozen=True, slots=True)
class Rfid501:
    """All that stands on such a tag. A media type of 1 is a book, 6 a CD; SIP2 has other numbers."""

    item_id: str = field(repr=False)
    parts_in_item: int = 1
    part_number: int = 1
    media_type: int = 1
    branch: int = 0
    library: int = 0
    custom: int = 0


def decode(raw: bytes) -> Rfid501 | None:
    """What is on a tag of this layout; None if it is of another."""
    if len(raw) < SIZE:
        return None
    first, parts, zero, media_type, barcode, owner, custom, last = _LAYOUT.unpack_from(raw)
    item_id = barcode.rstrip(b"\0").decode("latin-1")
    if first != _FIRST or zero or any(last) or not _ITEM_ID.fullmatch(item_id):
        return None
    return Rfid501(
        item_id=item_id,
        parts_in_item=parts & _MOST_PARTS,
        part_number=parts >> 4,
        media_type=media_type,
        branch=owner >> _LIBRARY_BITS,
        library=owner & _HIGHEST_LIBRARY,
        custom=custom,
    )


def encode(tag: Rfid501) -> bytes | Unfit:
    """The 32 bytes to write on a tag."""
    if not tag.item_id:
        return Unfit.ITEM_ID_EMPTY
    if not _ITEM_ID.fullmatch(tag.item_id):
        return Unfit.ITEM_ID_NOT_TEXT
    if len(tag.item_id) > _LONGEST_ITEM_ID:
        return Unfit.ITEM_ID_TOO_LONG
    if not 1 <= tag.part_number <= tag.parts_in_item <= _MOST_PARTS:
        return Unfit.PARTS_WRONG
    if not (
        0 <= tag.media_type <= 0xFF
        and 0 <= tag.branch <= _HIGHEST_BRANCH
        and 0 <= tag.library <= _HIGHEST_LIBRARY
        and -(1 << 31) <= tag.custom < 1 << 31
    ):
        return Unfit.ELEMENT_WRONG
    return _LAYOUT.pack(
        _FIRST,
        tag.part_number << 4 | tag.parts_in_item,
        0,
        tag.media_type,
        tag.item_id.encode("ascii"),
        tag.branch << _LIBRARY_BITS | tag.library,
        tag.custom,
        b"",
    )
