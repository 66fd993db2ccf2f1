"""What is on a tag, whichever model it is of. Pure.

Nothing on a tag tells its model reliably, not even its DSFID, so the models are tried in an order that makes each step
safe behind the ones before it (facts/rfid.md, 1):

1. blank
2. ISO 28560-3: its CRC is right, over the bytes as they stand or with every block reversed
3. plain ASCII, all of it printable: the other models have bytes below 32 among their first
4. ISO 28560-3 with a wrong CRC: a damaged tag. Some of these would pass for objects of ISO 28560-2, and the part of an
   item identifier that happens to follow for an identifier
5. ISO 28560-2: objects to the end of them, with an item identifier
6. RFID 501
7. foreign

A tag that none of this gives an item for may have one in the list of UIDs that some libraries keep instead of writing
tags: blank, damaged or foreign, it is what the list says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from drivers.iso15693 import Uid
from drivers.iso28560_2 import decode as decode_28560_2
from drivers.iso28560_3 import decode as decode_28560_3
from drivers.iso28560_3 import resembles as resembles_28560_3
from drivers.library_tag import (
    BlankTag,
    Damage,
    DamagedTag,
    Decoded,
    ForeignTag,
    LibraryTag,
    TagModel,
    TagWarning,
)
from drivers.rfid501 import decode as decode_rfid501

_FACTORY_BLANK: Final = b"\x55" * 24 + b"\0" * 4
#: A barcode of at most 32 characters, and NULs to the end.
_PLAIN: Final = re.compile(rb"([!-~](?:[ -~]{0,30}[!-~])?)\0*")

_NO_UIDS: Final[Mapping[Uid, str]] = MappingProxyType({})


def decode(raw: bytes, *, whole: bool = True, uid: Uid | None = None, uid_map: Mapping[Uid, str] = _NO_UIDS) -> Decoded:
    """What is on a tag, from its first bytes in the order of the tag's memory.

    Give at least 36 bytes of a tag that has them. With ``whole`` false these are not all bytes of the tag: extension
    blocks are left alone, and ``TagWarning.CUT_OFF`` says when the rest would tell more. ``uid_map`` gives the item
    identifiers of tags that are known by their UIDs; ``uid`` is this one's.
    """
    content = _content(raw, whole=whole)
    if isinstance(content, LibraryTag) or uid is None or uid not in uid_map:
        return content
    return known_by_uid(content, uid_map[uid])


def known_by_uid(content: BlankTag | ForeignTag | DamagedTag, item_id: str) -> LibraryTag:
    """The tag of an item that a list of UIDs names, for what its own content does not say."""
    damaged = (TagWarning.CONTENT_DAMAGED,) if isinstance(content, DamagedTag) else ()
    return LibraryTag(item_id, usage=None, model=TagModel.UID, warnings=damaged)


def _content(raw: bytes, *, whole: bool) -> Decoded:
    if (raw and not any(raw)) or raw.startswith(_FACTORY_BLANK):
        return BlankTag()
    if content := decode_28560_3(raw, whole=whole):
        return content
    if plain := _PLAIN.fullmatch(raw):
        return LibraryTag(plain[1].decode("ascii"), usage=None, model=TagModel.ASCII)
    if resembles_28560_3(raw):
        return DamagedTag(raw, Damage.CRC)
    if content := decode_28560_2(raw, whole=whole):
        return content
    if found := decode_rfid501(raw):
        odd = () if 1 <= found.part_number <= found.parts_in_item else (TagWarning.PARTS_ODD,)
        return LibraryTag(
            item_id=found.item_id,
            parts_in_item=found.parts_in_item,
            part_number=found.part_number,
            usage=None,
            model=TagModel.RFID_501,
            warnings=odd,
        )
    return ForeignTag(raw)
