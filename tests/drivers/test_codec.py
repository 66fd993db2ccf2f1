"""Check values of the CRCs (facts/rfid.md, 3), and the alternate spellings of each."""

import pytest

from drivers.codec import crc_ccitt_false, crc_genibus, crc_mcrf4xx, crc_x25


@pytest.mark.parametrize(
    ("text", "crc"), [(b"123456789", 0x29B1), (b"RFID tag data model", 0x1AEE), (bytes(32), 0xF14C)]
)
def test_the_crc_of_iso_28560_3_has_its_published_check_values(text: bytes, crc: int) -> None:
    assert crc_ccitt_false(text) == crc


@pytest.mark.parametrize(("text", "crc"), [(b"123456789", 0x6F91), (b"", 0xFFFF), (bytes.fromhex("05FF65"), 0xCBE5)])
def test_the_crc_of_feig_frames_has_its_published_check_values(text: bytes, crc: int) -> None:
    assert crc_mcrf4xx(text) == crc


def test_the_crc_of_3m_frames_has_its_published_check_value() -> None:
    assert crc_genibus(b"123456789") == 0xD64E


def test_the_crc_of_the_air_has_its_published_check_value() -> None:
    assert crc_x25(b"123456789") == 0x906E
