"""Tags of fixed length: the published examples, what writers in the field got wrong, and arbitrary bytes."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.iso15693 import reverse_blocks
from drivers.iso28560_3 import decode, encode, resembles
from drivers.library_tag import Damage, DamagedTag, ExtensionBlock, ForeignTag, LibraryTag, TagWarning, Unfit, Usage
from tests.drivers.tag_vectors import ANNEX_B1, ANNEX_B2, ANNEX_B2_EXTENSIONS, ISO_28560_3, ZEROS_UNPADDED, with_crc


def changed(data: bytes, at: int, to: bytes) -> bytes:
    return with_crc(data[:at] + to + data[at + len(to) :])


@pytest.mark.parametrize(("raw", "tag"), ISO_28560_3)
def test_published_examples_decode(raw: bytes, tag: LibraryTag) -> None:
    assert decode(raw) == tag


@pytest.mark.parametrize(("raw", "tag"), ISO_28560_3)
def test_published_examples_encode_to_the_same_bytes(raw: bytes, tag: LibraryTag) -> None:
    encoded = encode(tag, len(raw))
    assert encoded == raw


@pytest.mark.parametrize(("raw", "tag"), ISO_28560_3)
def test_blocks_in_reverse_decode_with_a_warning(raw: bytes, tag: LibraryTag) -> None:
    whole_blocks = raw.ljust(-(-len(raw) // 4) * 4, b"\0")
    assert decode(reverse_blocks(whole_blocks)) == replace(tag, warnings=(TagWarning.BLOCKS_REVERSED,))


def test_the_first_nine_blocks_are_enough_for_the_basic_block() -> None:
    assert decode(ANNEX_B2[:36], whole=False) == LibraryTag("1000000136", "DK-718500")


def test_more_bytes_than_the_basic_block_change_nothing() -> None:
    assert decode(ANNEX_B1.ljust(112, b"\0")) == LibraryTag("1000000056", "DK-718500")


@pytest.mark.parametrize("raw", [b"", b"\x11\x01\x01", ANNEX_B1[:31], bytes(32), bytes(range(1, 65))])
def test_without_a_right_crc_there_is_nothing(raw: bytes) -> None:
    assert decode(raw) is None


def test_every_single_bit_that_falls_over_is_noticed() -> None:
    for bit in range(len(ANNEX_B1) * 8):
        raw = bytearray(ANNEX_B1)
        raw[bit // 8] ^= 1 << bit % 8
        assert decode(bytes(raw)) is None, f"bit {bit}"


@pytest.mark.parametrize(
    ("raw", "likely"),
    [
        (ANNEX_B1[:5] + b"9" + ANNEX_B1[6:], True),
        (reverse_blocks(ANNEX_B1[:5] + b"9" + ANNEX_B1[6:]), True),
        (ANNEX_B1[:19] + b"\0\0" + ANNEX_B1[21:], True),
        (b"\x18\x03\x02" + ANNEX_B1[3:], True),
        (b"\x81\x03\x03" + ANNEX_B1[3:], True),
        (ANNEX_B1[:31], False),
        (b"\x22" + ANNEX_B1[1:], False),
        (ANNEX_B1[:1] + b"\x01\x02" + ANNEX_B1[3:], False),
        (ANNEX_B1[:1] + b"\x01\x00" + ANNEX_B1[3:], False),
        (ANNEX_B1[:3] + bytes(16) + ANNEX_B1[19:], False),
        (ANNEX_B1[:3] + b"12\x00" + ANNEX_B1[6:], False),
        (ANNEX_B1[:3] + b"\xff" + ANNEX_B1[4:], False),
        (b"", False),
    ],
)
def test_a_tag_that_lost_some_bits_still_looks_like_one(raw: bytes, likely: bool) -> None:
    assert resembles(raw) is likely


def test_a_crc_over_30_bytes_is_read_with_a_warning() -> None:
    raw = with_crc(ANNEX_B1, over=32)
    assert raw != ANNEX_B1
    assert decode(raw) == LibraryTag("1000000056", "DK-718500", warnings=(TagWarning.UNPADDED_CRC,))


def test_an_empty_tag_with_an_unpadded_crc_is_no_item() -> None:
    match decode(ZEROS_UNPADDED):
        case DamagedTag(damage=damage, warnings=warnings):
            assert damage is Damage.NO_ITEM_ID
            assert TagWarning.UNPADDED_CRC in warnings
        case other:
            pytest.fail(f"{other}")


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
    expected = LibraryTag("1000000136", "DK-718500", extensions=ANNEX_B2_EXTENSIONS[:1], warnings=(warning,))
    assert decode(ANNEX_B2[:34] + end) == expected


def test_an_extension_block_is_cut_at_its_nuls() -> None:
    assert ANNEX_B2_EXTENSIONS[1].fields == (b"Bogvognen", b"1234567890", b"", b"a789656c")
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


def test_a_tag_that_tells_no_usage_is_written_as_one_without_information() -> None:
    written = encode(LibraryTag("1", usage=None), 32)
    assert isinstance(written, bytes)
    assert written[0] == 0x16


def test_the_longest_extension_block_has_255_bytes() -> None:
    tag = LibraryTag("1", extensions=(ExtensionBlock(1, b"A" * 251),))
    written = encode(tag, 400)
    assert isinstance(written, bytes)
    assert written[34] == 255
    assert decode(written) == tag


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 99, 100, 0x65, 0xFFFF])
def test_every_number_of_extension_block_is_kept(number: int) -> None:
    tag = LibraryTag("1", extensions=(ExtensionBlock(number, b"A\0B"),))
    written = encode(tag, 112)
    assert isinstance(written, bytes)
    assert written[34:38] == bytes((7, number & 0xFF, number >> 8, written[37]))
    assert decode(written) == tag


@pytest.mark.parametrize(("payload", "length"), [(0, 40), (1, 40), (2, 44), (6, 48)])
def test_whole_blocks_are_written_with_a_nul_that_ends_the_extensions(payload: int, length: int) -> None:
    written = encode(LibraryTag("1", extensions=(ExtensionBlock(1, b"A" * payload),)), 112)
    assert isinstance(written, bytes)
    assert len(written) == length
    assert written[-1] == 0


def test_a_checksum_behind_the_payload_is_no_checksum() -> None:
    """One writer put it last; the XOR over the block is the same, so the position alone tells."""
    block = b"\x06\x65\x00AB"
    block += bytes((block[0] ^ block[1] ^ block[2] ^ block[3] ^ block[4],))
    read = decode(ANNEX_B2[:34] + block)
    assert isinstance(read, LibraryTag)
    assert read.extensions == (ExtensionBlock(0x65, b"B" + block[-1:]),)


def test_what_ends_the_extension_blocks_may_be_the_end_of_the_tag() -> None:
    for size in (72, 73, 74, 76):
        read = decode(ANNEX_B2.ljust(76, b"\0")[:size])
        assert isinstance(read, LibraryTag)
        assert len(read.extensions) == (2 if size > 72 else 1)


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
def test_any_bytes_are_a_tag_or_damaged_or_nothing(raw: bytes, whole: bool) -> None:
    assert isinstance(decode(raw, whole=whole), LibraryTag | DamagedTag | None)
    assert isinstance(resembles(raw), bool)


@given(st.binary(min_size=34, max_size=120))
def test_any_bytes_under_a_right_crc_are_read_or_found_damaged(raw: bytes) -> None:
    match decode(with_crc(raw)):
        case LibraryTag(item_id=item_id, isil=isil):
            assert item_id == item_id.strip() != ""
            assert unicodedata.is_normalized("NFC", item_id + isil)
            assert (item_id + isil).isprintable()
        case other:
            assert isinstance(other, DamagedTag), "a right CRC is not by chance"


def test_nothing_that_may_name_a_reader_shows_in_a_repr() -> None:
    card = LibraryTag("P0012345", usage=Usage.PATRON_CARD, extensions=(ExtensionBlock(4, b"P0012345"),))
    assert "P0012345" not in repr(card) + repr(ForeignTag(b"P0012345")) + repr(DamagedTag(b"P0012345", Damage.CRC))
