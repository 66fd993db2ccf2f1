"""ISILs on tags: published examples, and that no code for one is shorter than ours."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.isil import decode_isil, encode_isil, is_isil, with_hyphen, without_hyphen
from tests.drivers.tag_vectors import ISILS

UPPER, LOWER, NUMERIC = "-ABCDEFGHIJKLMNOPQRSTUVWXYZ:", "-abcdefghijklmnopqrstuvwxyz/", "0123456789-:"
MODES = {UPPER: 5, LOWER: 5, NUMERIC: 4}


@cache
def _fewest_bits(text: str, mode: str) -> int:
    """By trying every way: a character as it is, behind a shift, or a latch and then anything but a latch."""
    if not text:
        return 0
    ways = []
    width = MODES[mode]
    if text[0] in mode:
        ways.append(width + _fewest_bits(text[1:], mode))
    for other, price in MODES.items():
        if text[0] in other:
            ways += [width + price + _fewest_bits(text[1:], after) for after in (mode, other)]
    return min(ways)


@pytest.mark.parametrize(("text", "code"), ISILS)
def test_published_isils_are_encoded_and_decoded(text: str, code: str) -> None:
    assert decode_isil(bytes.fromhex(code)) == text
    assert encode_isil(text) == bytes.fromhex(code)


def test_another_writers_way_to_the_same_isil_is_read_too() -> None:
    # A shift for the C where the published code above has a latch.
    assert decode_isil(bytes.fromhex("1B81E120104AD1D6644C")) == "CN-120104-C-YBL"


def test_every_short_text_takes_as_few_bytes_as_it_can() -> None:
    for count in range(7):
        for letters in product("Aa0-/", repeat=count):
            text = "".join(letters)
            code = encode_isil(text)
            assert code is not None
            assert len(code) == (_fewest_bits(text, UPPER) + 7) // 8, text
            assert decode_isil(code) == text


@given(st.text(st.sampled_from(UPPER + LOWER + NUMERIC), max_size=20))
def test_any_isil_comes_back_from_as_few_bytes_as_it_can(text: str) -> None:
    code = encode_isil(text)
    assert code is not None
    assert len(code) == (_fewest_bits(text, UPPER) + 7) // 8
    assert decode_isil(code) == text


@pytest.mark.parametrize("text", ["Đ", "VN_TN", "VN TN", "VN-\n"])
def test_a_character_without_a_code_is_refused(text: str) -> None:
    assert encode_isil(text) is None


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("", ""),
        ("00001 111", "A"),
        ("00001 110", None),
        ("00001 101", None),
        ("00001 00010 111111", "AB"),
        ("00001 00010 111110", None),
        ("11111111", None),
        ("11101 11101 111111", None),
        ("11100 11101 00001 1", "A"),
        ("11100 00001 11101 1", None),
        ("11101 00001 00001 1", "aA"),
        ("11111 0001 0000 111", "1A"),
        ("11110 0001 1111 111", "1"),
        ("11110 0001 1110 111", "1"),
        ("11110 1011 1010 111", ":-"),
        ("11100 11011 111111", "/"),
        ("11011 111", ":"),
    ],
)
def test_codes_are_read_bit_by_bit(bits: str, text: str | None) -> None:
    bits = bits.replace(" ", "")
    data = int(bits or "0", 2).to_bytes(len(bits) // 8, "big")
    assert decode_isil(data) == text


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_none(data: bytes) -> None:
    text = decode_isil(data)
    assert text is None or set(text) <= set(UPPER + LOWER + NUMERIC)


@pytest.mark.parametrize(
    ("text", "is_one", "short"),
    [
        ("VN-TN", True, "VNTN"),
        ("DK-718500", True, "DK718500"),
        ("US-InU-Mu", True, "USInU-Mu"),
        ("VN-T", True, "VNT"),
        ("OCLC-TN", True, None),
        ("O-X", True, None),
        ("VN-", False, None),
        ("VN--TN", False, None),
        ("VN", False, None),
        ("", False, None),
        ("ABCDE-1", False, None),
        ("VN-Thái", False, None),
        ("VN-TN\n", False, None),
    ],
)
def test_what_an_isil_is_and_how_it_is_shortened(text: str, is_one: bool, short: str | None) -> None:
    assert is_isil(text) is is_one
    assert without_hyphen(text) == short
    if short is not None:
        assert with_hyphen(short) == text


@pytest.mark.parametrize("written", ["", "V", "VN", "VN-TN", "705", "D1X"])
def test_what_lacks_no_hyphen_gets_none(written: str) -> None:
    assert with_hyphen(written) == written
