"""What a library tag says, whatever layout it says it in: the words that every tag model is decoded to.

A tag is one of four things. A :class:`LibraryTag` names an item, or the reader whose card it is. A :class:`BlankTag`
waits to be written. A :class:`ForeignTag` is in no layout this program knows. A :class:`DamagedTag` is in a known one
and contradicts itself. All four are results; no content of a tag is an error. What is odd about a tag that could be
read all the same are its warnings: what several writers in the field got wrong is read and said, and never written.

The layouts have modules of their own (``iso28560_3``, ``iso28560_2``, ``rfid501``); :func:`drivers.tag_models.decode`
finds out which of them it is.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, TypeAlias


class TagModel(StrEnum):
    """How the content of a library tag is laid out."""

    ISO_28560_3 = "28560-3"  # fixed length, with a CRC: the "Danish" model
    ISO_28560_2 = "28560-2"  # objects after ISO/IEC 15962
    RFID_501 = "rfid501"  # 3M
    ASCII = "ascii"  # the bare item identifier
    UID = "uid"  # nothing on the tag: a list of the library's says which item has it


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


class Oid(IntEnum):
    """The data elements of ISO 28560-1, by the object identifiers that ISO 28560-2 gives them."""

    PRIMARY_ITEM_IDENTIFIER = 1
    CONTENT_PARAMETER = 2
    OWNER_INSTITUTION = 3
    SET_INFORMATION = 4
    TYPE_OF_USAGE = 5
    SHELF_LOCATION = 6
    ONIX_MEDIA_FORMAT = 7
    MARC_MEDIA_FORMAT = 8
    SUPPLIER_IDENTIFIER = 9
    ORDER_NUMBER = 10
    ILL_BORROWING_INSTITUTION = 11
    ILL_BORROWING_TRANSACTION_NUMBER = 12
    GS1_PRODUCT_IDENTIFIER = 13
    ALTERNATIVE_UNIQUE_ITEM_IDENTIFIER = 14
    LOCAL_DATA_A = 15
    LOCAL_DATA_B = 16
    TITLE = 17
    PRODUCT_IDENTIFIER_LOCAL = 18
    MEDIA_FORMAT_OTHER = 19
    SUPPLY_CHAIN_STAGE = 20
    SUPPLIER_INVOICE_NUMBER = 21
    ALTERNATIVE_ITEM_IDENTIFIER = 22
    ALTERNATIVE_OWNER_INSTITUTION = 23
    SUBSIDIARY_OF_AN_OWNER_INSTITUTION = 24
    ALTERNATIVE_ILL_BORROWING_INSTITUTION = 25
    LOCAL_DATA_C = 26
    RESERVED_27 = 27
    RESERVED_28 = 28
    RESERVED_29 = 29
    RESERVED_30 = 30
    RESERVED_31 = 31


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
    ITEM_ID_NOT_FIRST = "item_id_not_first"
    CONTENT_PARAMETER_WRONG = "content_parameter_wrong"  # it lists other elements than there are
    ELEMENT_UNREADABLE = "element_unreadable"
    ELEMENT_UNKNOWN = "element_unknown"  # an object identifier that the standard keeps for later
    USAGE_UNREADABLE = "usage_unreadable"
    CUT_OFF = "cut_off"  # the bytes at hand end within the content: read the rest of the tag
    CONTENT_DAMAGED = "content_damaged"  # what item it is was known from its UID alone


class Damage(StrEnum):
    """Why a library tag cannot be relied on."""

    CRC = "crc"
    NO_ITEM_ID = "no_item_id"
    ITEM_ID_NOT_TEXT = "item_id_not_text"
    ELEMENTS = "elements"  # it begins like ISO 28560-2 and does not go on like it


@dataclass(frozen=True, slots=True)
class ExtensionBlock:
    """A whole and sound extension block of ISO 28560-3."""

    number: int
    payload: bytes = field(repr=False)

    @property
    def fields(self) -> tuple[bytes, ...]:
        """The payload cut at its NULs; one at the very end only ends the last field."""
        return tuple(self.payload.removesuffix(b"\0").split(b"\0"))


@dataclass(frozen=True, slots=True)
class Element:
    """A data element of ISO 28560-2: its text, or the bytes of one that is no text (``text`` is then None).

    Type of usage, media format (other) and supply chain stage are two hexadecimal digits; the content parameter and
    what a library has defined for itself are bytes.
    """

    oid: Oid
    text: str | None = field(repr=False)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class LibraryTag:
    """A tag whose content is sound. Text is NFC; ``isil`` is as people write it (``VN-TN``), or empty.

    ``parts_in_item`` and ``part_number`` count from 1; a set of one part is 1 of 1. ``usage`` is None where the tag
    does not tell. On a patron's tag ``item_id`` is the patron identifier. ``extensions`` are those of ISO 28560-3,
    ``elements`` all of ISO 28560-2, in the order of the tag.
    """

    item_id: str = field(repr=False)
    isil: str = ""
    parts_in_item: int = 1
    part_number: int = 1
    usage: Usage | None = Usage.CIRCULATING
    model: TagModel = TagModel.ISO_28560_3
    extensions: tuple[ExtensionBlock, ...] = ()
    warnings: tuple[TagWarning, ...] = ()
    elements: tuple[Element, ...] = ()


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
    model: TagModel = TagModel.ISO_28560_3
    warnings: tuple[TagWarning, ...] = ()


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
    ELEMENT_WRONG = "element_wrong"
    ELEMENTS_TOO_LONG = "elements_too_long"


#: The most parts an item can have: a number of parts is one byte in ISO 28560-3, and no more on any tag.
MOST_PARTS: Final = 0xFF


def plain_text(text: str) -> str | None:
    """A field of a tag as text: NFC, no blanks around it; None if it holds what no person could read."""
    text = unicodedata.normalize("NFC", text).strip()
    return text if text.isprintable() else None


def check_item(tag: LibraryTag) -> Unfit | None:
    """What of a tag no model could write: an item identifier that is no text, parts that cannot be."""
    if not tag.item_id:
        return Unfit.ITEM_ID_EMPTY
    if plain_text(tag.item_id) != unicodedata.normalize("NFC", tag.item_id):
        return Unfit.ITEM_ID_NOT_TEXT
    if not 1 <= tag.part_number <= tag.parts_in_item <= MOST_PARTS:
        return Unfit.PARTS_WRONG
    return None
