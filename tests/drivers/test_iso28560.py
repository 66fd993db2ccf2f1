"""Library tags: the published examples, what writers in the field got wrong, and arbitrary bytes."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.codec import crc_ccitt_false
from drivers.iso15693 import reverse_blocks
from drivers.iso28560 import (
    BlankTag,
    Damage,
    DamagedTag,
    ExtensionBlock,
    ForeignTag,
    LibraryTag,
    TagWarning,
    Unfit,
    Usage,
    decode,
    encode,
)

ANNEX_B1 = bytes.fromhex("1101013130303030303030353600000000000098A4444B373138353030000000")
ANNEX_B2 = bytes.fromhex(
    "110101313030303030303133360000000000003615444B3731383530300000000000"
    "0501000501"
    "22020071426F67766F676E656E00313233343536373839300000613738393635366300"
)
GERMAN = bytes.fromhex("11010131313232333334340000000000000000513E4445373035000000000000")

EXTENSIONS = (
    ExtensionBlock(1, b"\x01"),
    ExtensionBlock(2, b"Bogvognen\0" b"1234567890\0\0" b"a789656c"),
)  # fmt: skip

#: Facts page rfid.md, 2.1: bytes, and what they say.
PUBLISHED = [
    pytest.param(ANNEX_B1, LibraryTag("1000000056", "DK-718500"), id="ISO 28560-3 Annex B.1"),
    pytest.param(ANNEX_B2, LibraryTag("1000000136", "DK-718500", extensions=EXTENSIONS), id="ISO 28560-3 Annex B.2"),
    pytest.param(GERMAN, LibraryTag("11223344", "DE-705"), id="a German library"),
]

#: The all-zero tag with the CRC of a writer that does not pad: 0x2A45 instead of 0xF14C.
ZEROS_UNPADDED = bytes.fromhex("00000000000000000000000000000000000000452A0000000000000000000000")


def with_crc(data: bytes, over: int = 34) -> bytes:
    """The same tag with the CRC that its other bytes ask for."""
    covered = (data[:19] + data[21:34]).ljust(over - 2, b"\0")[: over - 2]
    return data[:19] + crc_ccitt_false(covered).to_bytes(2, "little") + data[21:]


def changed(data: bytes, at: int, to: bytes) -> bytes:
    return with_crc(data[:at] + to + data[at + len(to) :])


@pytest.mark.parametrize(("raw", "tag"), PUBLISHED)
def test_published_examples_decode(raw: bytes, tag: LibraryTag) -> None:
    assert decode(raw) == tag


@pytest.mark.parametrize(("raw", "tag"), PUBLISHED)
def test_published_examples_encode_to_the_same_bytes(raw: bytes, tag: LibraryTag) -> None:
    encoded = encode(tag, len(raw))
    assert encoded == raw


@pytest.mark.parametrize(("raw", "tag"), PUBLISHED)
def test_blocks_in_reverse_decode_with_a_warning(raw: bytes, tag: LibraryTag) -> None:
    whole_blocks = raw.ljust(-(-len(raw) // 4) * 4, b"\0")
    assert decode(reverse_blocks(whole_blocks)) == replace(tag, warnings=(TagWarning.BLOCKS_REVERSED,))


def test_the_first_nine_blocks_are_enough_for_the_basic_block() -> None:
    assert decode(ANNEX_B2[:36], whole=False) == LibraryTag("1000000136", "DK-718500")


def test_more_bytes_than_the_basic_block_change_nothing() -> None:
    assert decode(ANNEX_B1.ljust(112, b"\0")) == LibraryTag("1000000056", "DK-718500")


@pytest.mark.parametrize(
    "raw",
    [bytes(1), bytes(32), bytes(112), b"\x55" * 24 + bytes(4), b"\x55" * 24 + bytes(8)],
    ids=["one byte", "32 zeros", "112 zeros", "factory", "factory and more"],
)
def test_what_nobody_has_written_is_blank(raw: bytes) -> None:
    assert decode(raw) == BlankTag()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x11\x01\x01",
        b"http://example.org/some/tag/of/a/shop",
        bytes.fromhex("0411000032303039303130313031323300000000FFFFFFFF7FFFFFFF00000000"),
        bytes(range(1, 65)),
    ],
    ids=["nothing", "too short", "an address", "3M RFID 501", "numbers"],
)
def test_what_is_in_no_known_layout_is_foreign(raw: bytes) -> None:
    assert decode(raw) == ForeignTag(raw)


def test_every_single_bit_that_falls_over_is_noticed() -> None:
    for bit in range(len(ANNEX_B1) * 8):
        raw = bytearray(ANNEX_B1)
        raw[bit // 8] ^= 1 << bit % 8
        assert not isinstance(decode(bytes(raw)), LibraryTag), f"bit {bit}"


def test_a_wrong_crc_under_a_sensible_content_is_damage() -> None:
    raw = ANNEX_B1[:5] + b"9" + ANNEX_B1[6:]
    assert decode(raw) == DamagedTag(raw, Damage.CRC)
    assert decode(reverse_blocks(raw)) == DamagedTag(reverse_blocks(raw), Damage.CRC)


def test_a_crc_over_30_bytes_is_read_with_a_warning() -> None:
    raw = with_crc(ANNEX_B1, over=32)
    assert raw != ANNEX_B1
    assert decode(raw) == LibraryTag("1000000056", "DK-718500", warnings=(TagWarning.UNPADDED_CRC,))


def test_an_empty_tag_with_an_unpadded_crc_is_no_item() -> None:
    assert decode(ZEROS_UNPADDED) == DamagedTag(ZEROS_UNPADDED, Damage.NO_ITEM_ID)


def test_32_bytes_on_a_larger_tag_are_read_whatever_stands_behind() -> None:
    tag = decode(ANNEX_B1 + b"\x99\x98\x97\x96")
    assert tag == LibraryTag("1000000056", "DK-718500", warnings=(TagWarning.SHORT_BASIC_BLOCK,))


@pytest.mark.parametrize(
    ("first", "usage", "warnings"),
    [
        (0x11, Usage.CIRCULATING, ()),
        (0x12, Usage.NOT_FOR_CIRCULATION, ()),
        (0x18, Usage.PATRON_CARD, ()),
        (0x81, Usage.PATRON_CARD, (TagWarning.NIBBLES_SWAPPED,)),
        (0x71, Usage.DISCARDED, (TagWarning.NIBBLES_SWAPPED,)),
        (0x01, Usage.ACQUISITION, (TagWarning.NIBBLES_SWAPPED,)),
        (0x22, Usage.NOT_FOR_CIRCULATION, (TagWarning.UNKNOWN_VERSION,)),
    ],
)
def test_the_first_byte_is_read_in_either_order(first: int, usage: Usage, warnings: tuple[TagWarning, ...]) -> None:
    raw = changed(ANNEX_B1, 0, bytes((first,)))
    assert decode(raw) == LibraryTag("1000000056", "DK-718500", usage=usage, warnings=warnings)


def test_number_of_parts_stands_before_the_number_of_the_part() -> None:
    raw = changed(ANNEX_B1, 1, b"\x03\x02")
    assert decode(raw) == LibraryTag("1000000056", "DK-718500", parts_in_item=3, part_number=2)


@pytest.mark.parametrize("parts", [b"\x00\x00", b"\x01\x02", b"\x02\x00"])
def test_parts_that_cannot_be_are_read_with_a_warning(parts: bytes) -> None:
    match decode(changed(ANNEX_B1, 1, parts)):
        case LibraryTag(item_id="1000000056", warnings=warnings):
            assert warnings == (TagWarning.PARTS_ODD,)
        case other:
            pytest.fail(f"{other}")


@pytest.mark.parametrize(
    ("at", "to", "decoded"),
    [
        (3, b"\xff" * 16, DamagedTag(b"", Damage.ITEM_ID_NOT_TEXT)),
        (3, b"12\x07" + bytes(13), DamagedTag(b"", Damage.ITEM_ID_NOT_TEXT)),
        (3, bytes(16), DamagedTag(b"", Damage.NO_ITEM_ID)),
        (3, b" " * 16, DamagedTag(b"", Damage.NO_ITEM_ID)),
        (3, b"AB\0CD".ljust(16, b"\0"), LibraryTag("AB", "DK-718500", warnings=(TagWarning.BYTES_AFTER_TEXT,))),
        (3, b"AB  ".ljust(16), LibraryTag("AB", "DK-718500")),
        (21, b"\xff" * 11, LibraryTag("1000000056", "", warnings=(TagWarning.ISIL_UNREADABLE,))),
        (21, bytes(11), LibraryTag("1000000056", "")),
        (21, b"VN-TN".ljust(11, b"\0"), LibraryTag("1000000056", "VN-TN")),
        (21, b"VNTN".ljust(11, b"\0"), LibraryTag("1000000056", "VN-TN")),
        (21, b"VN".ljust(11, b"\0"), LibraryTag("1000000056", "VN")),
    ],
)
def test_fields_are_text_or_say_that_they_are_not(at: int, to: bytes, decoded: LibraryTag | DamagedTag) -> None:
    raw = changed(ANNEX_B1, at, to)
    if isinstance(decoded, DamagedTag):
        decoded = replace(decoded, raw=raw)
    assert decode(raw) == decoded


def test_text_enters_in_composed_form() -> None:
    decomposed = unicodedata.normalize("NFD", "Đầu-ở").encode()
    match decode(changed(ANNEX_B1, 3, decomposed.ljust(16, b"\0"))):
        case LibraryTag(item_id=item_id):
            assert item_id == unicodedata.normalize("NFC", item_id) == "Đầu-ở"
        case other:
            pytest.fail(f"{other}")


@pytest.mark.parametrize(
    ("end", "warning"),
    [
        (ANNEX_B2[34:39] + ANNEX_B2[39:60], TagWarning.EXTENSION_TRUNCATED),
        (ANNEX_B2[34:39] + b"\x03\x01\x00", TagWarning.EXTENSION_DAMAGED),
        (ANNEX_B2[34:39] + ANNEX_B2[39:50] + b"!" + ANNEX_B2[51:], TagWarning.EXTENSION_DAMAGED),
    ],
    ids=["cut off", "shorter than its header", "a letter changed"],
)
def test_a_bad_extension_block_costs_nothing_else(end: bytes, warning: TagWarning) -> None:
    expected = LibraryTag("1000000136", "DK-718500", extensions=EXTENSIONS[:1], warnings=(warning,))
    assert decode(ANNEX_B2[:34] + end) == expected


def test_an_extension_block_is_cut_at_its_nuls() -> None:
    assert EXTENSIONS[1].fields == (b"Bogvognen", b"1234567890", b"", b"a789656c")
    assert ExtensionBlock(4, b"a\0").fields == (b"a",)


@pytest.mark.parametrize(
    ("tag", "size", "unfit"),
    [
        (LibraryTag("1"), 28, Unfit.TAG_TOO_SMALL),
        (LibraryTag(""), 112, Unfit.ITEM_ID_EMPTY),
        (LibraryTag("1\n2"), 112, Unfit.ITEM_ID_NOT_TEXT),
        (LibraryTag(" 12"), 112, Unfit.ITEM_ID_NOT_TEXT),
        (LibraryTag("12345678901234567"), 112, Unfit.ITEM_ID_TOO_LONG),
        (LibraryTag("ĐĐĐĐĐĐĐĐĐ"), 112, Unfit.ITEM_ID_TOO_LONG),
        (LibraryTag("1", isil="Thái Nguyên"), 112, Unfit.ISIL_WRONG),
        (LibraryTag("1", isil="OCLC-TN"), 112, Unfit.ISIL_WRONG),
        (LibraryTag("1", isil="VN-"), 112, Unfit.ISIL_WRONG),
        (LibraryTag("1", isil="VN-1234567890"), 32, Unfit.ISIL_TOO_LONG),
        (LibraryTag("1", isil="VN-123456789012"), 112, Unfit.ISIL_TOO_LONG),
        (LibraryTag("1", parts_in_item=1, part_number=2), 112, Unfit.PARTS_WRONG),
        (LibraryTag("1", parts_in_item=256), 112, Unfit.PARTS_WRONG),
        (LibraryTag("1", extensions=(ExtensionBlock(1, bytes(252)),)), 400, Unfit.EXTENSION_WRONG),
        (LibraryTag("1", extensions=(ExtensionBlock(0x10000, b""),)), 400, Unfit.EXTENSION_WRONG),
        (LibraryTag("1", extensions=(ExtensionBlock(1, bytes(80)),)), 112, Unfit.EXTENSIONS_TOO_LONG),
    ],
)
def test_what_does_not_go_on_a_tag_is_refused_with_its_reason(tag: LibraryTag, size: int, unfit: Unfit) -> None:
    assert encode(tag, size) is unfit


def test_what_is_written_never_has_an_unpadded_crc() -> None:
    read = decode(with_crc(ANNEX_B1, over=32))
    assert isinstance(read, LibraryTag)
    written = encode(read, 32)
    assert written == ANNEX_B1


TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=16)
TAGS = st.builds(
    LibraryTag,
    item_id=TEXT,
    isil=st.just("") | st.from_regex(r"[A-Z]{2}-[A-Za-z0-9/:][A-Za-z0-9/:-]{0,8}", fullmatch=True),
    parts_in_item=st.integers(3, 255),
    part_number=st.integers(1, 3),
    usage=st.sampled_from(Usage),
    extensions=st.lists(st.builds(ExtensionBlock, st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=3).map(
        tuple
    ),
)


@given(TAGS, st.booleans())
def test_what_was_written_is_read_again(tag: LibraryTag, reversed_blocks: bool) -> None:
    encoded = encode(tag, 256, reversed_blocks=reversed_blocks)
    assert isinstance(encoded, bytes)
    turned = (TagWarning.BLOCKS_REVERSED,) if reversed_blocks else ()
    assert decode(encoded.ljust(256, b"\0")) == replace(tag, warnings=turned)


@given(TAGS)
def test_32_bytes_hold_what_the_basic_block_holds(tag: LibraryTag) -> None:
    tag = replace(tag, extensions=())
    encoded = encode(tag, 32)
    assert isinstance(encoded, bytes)
    assert len(encoded) == 32
    assert decode(encoded) == tag


@given(st.binary(max_size=200), st.booleans())
@example(ANNEX_B2[:21], True)
def test_any_bytes_are_one_of_four_things(raw: bytes, whole: bool) -> None:
    assert isinstance(decode(raw, whole=whole), LibraryTag | BlankTag | ForeignTag | DamagedTag)


@given(st.binary(min_size=34, max_size=120))
def test_any_bytes_under_a_right_crc_are_read_or_found_damaged(raw: bytes) -> None:
    match decode(with_crc(raw)):
        case LibraryTag(item_id=item_id, isil=isil):
            assert item_id == item_id.strip() != ""
            assert unicodedata.is_normalized("NFC", item_id + isil)
            assert (item_id + isil).isprintable()
        case DamagedTag() | BlankTag():
            pass
        case ForeignTag():
            pytest.fail("a right CRC is not by chance")


def test_nothing_that_may_name_a_reader_shows_in_a_repr() -> None:
    card = LibraryTag("P0012345", usage=Usage.PATRON_CARD, extensions=(ExtensionBlock(4, b"P0012345"),))
    assert "P0012345" not in repr(card) + repr(ForeignTag(b"P0012345")) + repr(DamagedTag(b"P0012345", Damage.CRC))
