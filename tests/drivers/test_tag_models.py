"""Which model a tag is of: each is found for what it is, and none is taken for another."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers import iso28560_2, iso28560_3, rfid501
from drivers.iso15693 import reverse_blocks
from drivers.library_tag import (
    BlankTag,
    Damage,
    DamagedTag,
    ForeignTag,
    LibraryTag,
    TagModel,
    TagWarning,
    Usage,
)
from drivers.tag_models import decode
from tests.drivers.tag_vectors import ANNEX_B1, ANNEX_B2, ANNEX_P, ISO_28560_3, RFID_501, STANDARD_2, ZEROS_UNPADDED

UID = bytes.fromhex("E004010012345678")
WRONG_CRC = ANNEX_B1[:5] + b"9" + ANNEX_B1[6:]
ADDRESS = b"http://example.org/some/tag/of/a/shop"

#: Tags as this house writes them: bytes, and the model.
OURS = [
    LibraryTag("TN.00011", "VN-TN"),
    LibraryTag("TN.00011", "VN-TN", 12, 3),
    LibraryTag("P0012345", "VN-TN", usage=Usage.PATRON_CARD),
    LibraryTag("0208123456789", ""),
    LibraryTag("1"),
]


def written(tag: LibraryTag, model: TagModel) -> bytes:
    data = iso28560_2.encode(tag, 112) if model is TagModel.ISO_28560_2 else iso28560_3.encode(tag, 112)
    assert isinstance(data, bytes)
    return data.ljust(112, b"\0")


@pytest.mark.parametrize(
    ("raw", "model"),
    [
        (ANNEX_B1, TagModel.ISO_28560_3),
        (ANNEX_B2, TagModel.ISO_28560_3),
        (reverse_blocks(ANNEX_B1), TagModel.ISO_28560_3),
        (STANDARD_2, TagModel.ISO_28560_2),
        (ANNEX_P, TagModel.ISO_28560_2),
        (RFID_501, TagModel.RFID_501),
        (b"TN.00011".ljust(112, b"\0"), TagModel.ASCII),
    ],
)
def test_every_model_is_found(raw: bytes, model: TagModel) -> None:
    for whole in (True, False):
        match decode(raw, whole=whole):
            case LibraryTag(model=found):
                assert found is model
            case other:
                pytest.fail(f"{other}")


@pytest.mark.parametrize(("raw", "tag"), ISO_28560_3)
def test_published_tags_of_fixed_length_are_read(raw: bytes, tag: LibraryTag) -> None:
    assert decode(raw) == tag


@pytest.mark.parametrize("model", [TagModel.ISO_28560_3, TagModel.ISO_28560_2])
@pytest.mark.parametrize("tag", OURS)
def test_what_this_house_writes_is_read_whole_and_in_part(tag: LibraryTag, model: TagModel) -> None:
    raw = written(tag, model)
    for part, whole in ((raw, True), (raw[:36], False)):
        match decode(part, whole=whole):
            case LibraryTag() as found:
                assert replace(found, elements=()) == replace(tag, model=model)
            case other:
                pytest.fail(f"{other}")


# --- blank, foreign, damaged ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [bytes(1), bytes(32), bytes(112), bytes(8192), b"\x55" * 24 + bytes(4), b"\x55" * 24 + bytes(8)],
    ids=["one byte", "32 zeros", "112 zeros", "8 kB", "factory", "factory and more"],
)
def test_what_nobody_has_written_is_blank(raw: bytes) -> None:
    assert decode(raw) == BlankTag()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x11\x01",
        b"\x11\x01\x01",
        ADDRESS,
        ADDRESS[:36],
        b"\x55" * 24 + b"\0\0\0\1",
        b"\xff" * 112,
        bytes(range(1, 65)),
        # An NDEF message as phones read it from such tags.
        bytes.fromhex("E1401C01 0312D1010E5504 6578616D706C652E6F72672F78 FE").ljust(112, b"\0"),
    ],
)
def test_what_is_in_no_known_layout_is_foreign(raw: bytes) -> None:
    assert decode(raw) == ForeignTag(raw)
    assert decode(raw, whole=False) == ForeignTag(raw)


def test_a_wrong_crc_under_a_sensible_content_is_damage() -> None:
    for raw in (WRONG_CRC, reverse_blocks(WRONG_CRC)):
        assert decode(raw) == DamagedTag(raw, Damage.CRC)


def test_an_empty_tag_with_an_unpadded_crc_is_no_item() -> None:
    match decode(ZEROS_UNPADDED):
        case DamagedTag(damage=damage, model=model):
            assert (damage, model) == (Damage.NO_ITEM_ID, TagModel.ISO_28560_3)
        case other:
            pytest.fail(f"{other}")


def test_elements_that_do_not_go_on_are_damage() -> None:
    raw = STANDARD_2[:20]
    assert decode(raw) == DamagedTag(raw, Damage.ELEMENTS, TagModel.ISO_28560_2)


@pytest.mark.parametrize("tag", OURS)
def test_no_wrong_bit_turns_a_tag_with_a_crc_into_another_item(tag: LibraryTag) -> None:
    raw = written(tag, TagModel.ISO_28560_3)
    for bit in range(34 * 8):
        wrong = bytearray(raw)
        wrong[bit // 8] ^= 1 << bit % 8
        for part, whole in ((bytes(wrong), True), (bytes(wrong[:36]), False)):
            match decode(part, whole=whole):
                case LibraryTag(item_id=item_id, model=model, warnings=warnings):
                    # The CRC of 32 bytes is right, and 33 and 34 hold the end of an ISIL that the tag does not have.
                    assert bit >= 32 * 8
                    assert (item_id, model) == (tag.item_id, TagModel.ISO_28560_3)
                    assert warnings == (TagWarning.SHORT_BASIC_BLOCK,)
                case _:
                    pass


@pytest.mark.parametrize("before", [bytes(112), b"\x55" * 112, written(OURS[3], TagModel.ISO_28560_3)])
def test_a_tag_that_was_written_in_part_is_not_another_item(before: bytes) -> None:
    tag = OURS[1]
    raw = written(tag, TagModel.ISO_28560_3)
    for blocks in range(1, 9):
        match decode(raw[: 4 * blocks] + before[4 * blocks :]):
            case LibraryTag(item_id=item_id, model=model):
                assert item_id == tag.item_id
                assert model is TagModel.ISO_28560_3
            case _:
                pass


# --- plain text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "item_id"),
    [
        (b"TN.00011\0\0\0\0", "TN.00011"),
        (b"31234000123456", "31234000123456"),
        (b"10021".ljust(112, b"\0"), "10021"),
        (b"A0001234".ljust(112, b"\0"), "A0001234"),
        (b"a0123".ljust(112, b"\0"), "a0123"),
        (b"VN 12/3".ljust(36, b"\0"), "VN 12/3"),
        (b"7" * 32 + b"\0", "7" * 32),
    ],
)
def test_plain_text_is_a_barcode(raw: bytes, item_id: str) -> None:
    assert decode(raw) == LibraryTag(item_id, usage=None, model=TagModel.ASCII)


@pytest.mark.parametrize("raw", [b"7" * 33 + b"\0", b" 12\0", b"12 \0", b"12\0" + b"3", b"\x7f12\0", b"12\n\0"])
def test_other_text_is_no_barcode(raw: bytes) -> None:
    assert decode(raw) == ForeignTag(raw)


# --- RFID 501 ---------------------------------------------------------------------------------------------------------


def test_an_item_of_3m_has_its_parts_and_no_usage() -> None:
    raw = rfid501.encode(rfid501.Rfid501("TN.00011", 3, 2))
    assert isinstance(raw, bytes)
    expected = LibraryTag("TN.00011", "", 3, 2, None, TagModel.RFID_501)
    assert decode(raw) == decode(raw.ljust(112, b"\0")) == decode(raw.ljust(36, b"\0"), whole=False) == expected
    for parts, part in ((3, 1), (3, 3), (1, 1)):
        even = raw[:1] + bytes((part << 4 | parts,)) + raw[2:]
        assert decode(even) == replace(expected, parts_in_item=parts, part_number=part)
    odd = raw[:1] + b"\x43" + raw[2:]
    assert decode(odd) == replace(expected, part_number=4, warnings=(TagWarning.PARTS_ODD,))


# --- the list of UIDs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [bytes(112), b"\x55" * 24 + bytes(4), ADDRESS, b""])
def test_a_tag_that_says_nothing_is_what_the_list_of_uids_says(raw: bytes) -> None:
    expected = LibraryTag("TN.00011", usage=None, model=TagModel.UID)
    assert decode(raw, uid=UID, uid_map={UID: "TN.00011"}) == expected


def test_a_damaged_tag_in_the_list_of_uids_is_an_item_with_a_warning() -> None:
    expected = LibraryTag("TN.00011", usage=None, model=TagModel.UID, warnings=(TagWarning.CONTENT_DAMAGED,))
    assert decode(WRONG_CRC, uid=UID, uid_map={UID: "TN.00011"}) == expected


def test_what_a_tag_says_itself_comes_before_the_list_of_uids() -> None:
    assert decode(ANNEX_B1, uid=UID, uid_map={UID: "TN.00011"}) == LibraryTag("1000000056", "DK-718500")


def test_without_its_uid_in_the_list_a_tag_stays_what_it_is() -> None:
    assert decode(bytes(32), uid=UID) == BlankTag()
    assert decode(bytes(32), uid=UID, uid_map={UID[::-1]: "TN.00011"}) == BlankTag()
    assert decode(bytes(32), uid_map={UID: "TN.00011"}) == BlankTag()
    assert decode(WRONG_CRC, uid=UID) == DamagedTag(WRONG_CRC, Damage.CRC)


# --- anything ---------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=200), st.booleans())
@example(ANNEX_B2[:21], True)
@example(b"A0" + bytes(110), False)
@example(b"\x11\x01\x01" + b"TN.00011".ljust(16, b"\0") + bytes(93), False)
@example(b"\x91\xff" * 4096, True)
@example(b"\x12\xff\xff" + b"\x99" * 8189, True)
@example(b"\x11\x81" * 4096, True)
@example(b"\x13\x08" * 4096, True)
def test_any_bytes_are_one_of_four_things(raw: bytes, whole: bool) -> None:
    match decode(raw, whole=whole):
        case LibraryTag(item_id=item_id):
            assert item_id == item_id.strip() != ""
            assert item_id.isprintable()
        case other:
            assert isinstance(other, BlankTag | ForeignTag | DamagedTag)


@given(st.randoms(use_true_random=False))
def test_eight_kilobytes_of_anything_are_one_of_four_things(random: Random) -> None:
    raw = random.randbytes(8192)
    assert isinstance(decode(raw), LibraryTag | BlankTag | ForeignTag | DamagedTag)
