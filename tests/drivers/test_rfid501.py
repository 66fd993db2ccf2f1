"""3M's RFID 501: the published example, there and back, and what is not one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.library_tag import Unfit
from drivers.rfid501 import Rfid501, decode, encode
from tests.drivers.tag_vectors import RFID_501, RFID_501_SAYS


def test_the_published_example_is_read_and_written() -> None:
    assert decode(RFID_501) == RFID_501_SAYS
    assert decode(RFID_501 + b"\x99" * 80) == RFID_501_SAYS
    assert encode(RFID_501_SAYS) == RFID_501


def test_every_field_has_its_place() -> None:
    tag = Rfid501("TN.00011", 3, 2, media_type=6, branch=0x123, library=0x45678, custom=-2)
    expected = bytes.fromhex("04 23 00 06 544E2E3030303131 0000000000000000 12345678 FFFFFFFE 00000000")
    assert encode(tag) == expected
    assert decode(expected) == tag


def test_an_item_is_a_book_of_one_part_unless_told_otherwise() -> None:
    assert Rfid501("1") == Rfid501("1", 1, 1, media_type=1, branch=0, library=0, custom=0)
    for extreme in (Rfid501("1", 15, 15, 255, 4095, (1 << 20) - 1, -(1 << 31)), Rfid501("1", custom=(1 << 31) - 1)):
        written = encode(extreme)
        assert isinstance(written, bytes)
        assert decode(written) == extreme
    assert encode(Rfid501("1", 15, 15, media_type=1)) == bytes.fromhex("04FF000131").ljust(32, b"\0")


@pytest.mark.parametrize(
    ("at", "to"),
    [
        (0, b"\x05"),
        (2, b"\x01"),
        (28, b"\x01"),
        (31, b"\x80"),
        (4, bytes(16)),
        (4, b" "),
        (4, b"\xe9"),
        (6, b"\0"),
        (9, b"\x7f"),
        (4, b"\x1f"),
    ],
)
def test_what_is_otherwise_is_not_of_this_model(at: int, to: bytes) -> None:
    assert decode(RFID_501[:at] + to + RFID_501[at + len(to) :]) is None


def test_fewer_bytes_are_not_of_this_model() -> None:
    assert decode(RFID_501[:31]) is None
    assert decode(b"") is None


@pytest.mark.parametrize(
    ("changes", "unfit"),
    [
        ({"item_id": ""}, Unfit.ITEM_ID_EMPTY),
        ({"item_id": "Đ1"}, Unfit.ITEM_ID_NOT_TEXT),
        ({"item_id": "1 "}, Unfit.ITEM_ID_NOT_TEXT),
        ({"item_id": " 1"}, Unfit.ITEM_ID_NOT_TEXT),
        ({"item_id": "12345678901234567"}, Unfit.ITEM_ID_TOO_LONG),
        ({"parts_in_item": 16}, Unfit.PARTS_WRONG),
        ({"parts_in_item": 2, "part_number": 3}, Unfit.PARTS_WRONG),
        ({"part_number": 0}, Unfit.PARTS_WRONG),
        ({"media_type": 256}, Unfit.ELEMENT_WRONG),
        ({"media_type": -1}, Unfit.ELEMENT_WRONG),
        ({"branch": 4096}, Unfit.ELEMENT_WRONG),
        ({"branch": -1}, Unfit.ELEMENT_WRONG),
        ({"library": 1 << 20}, Unfit.ELEMENT_WRONG),
        ({"library": -1}, Unfit.ELEMENT_WRONG),
        ({"custom": 1 << 31}, Unfit.ELEMENT_WRONG),
        ({"custom": -(1 << 31) - 1}, Unfit.ELEMENT_WRONG),
    ],
)
def test_what_does_not_go_on_a_tag_is_refused_with_its_reason(changes: dict[str, int], unfit: Unfit) -> None:
    assert encode(replace(RFID_501_SAYS, **changes)) is unfit  # type: ignore[arg-type]  # each change is of its field


@given(
    st.builds(
        Rfid501,
        item_id=st.from_regex(r"[!-~]([ -~]{0,14}[!-~])?", fullmatch=True),
        parts_in_item=st.integers(7, 15),
        part_number=st.integers(1, 7),
        media_type=st.integers(0, 255),
        branch=st.integers(0, 4095),
        library=st.integers(0, (1 << 20) - 1),
        custom=st.integers(-(1 << 31), (1 << 31) - 1),
    )
)
def test_what_was_written_is_read_again(tag: Rfid501) -> None:
    written = encode(tag)
    assert isinstance(written, bytes)
    assert len(written) == 32
    assert decode(written) == tag


@given(st.binary(max_size=64))
def test_any_bytes_are_a_tag_or_nothing(raw: bytes) -> None:
    assert isinstance(decode(raw), Rfid501 | None)


def test_the_barcode_shows_in_no_repr() -> None:
    assert "200901010123" not in repr(RFID_501_SAYS)
