"""Objects on a tag and the compaction of their text: published examples, every form against plain arithmetic."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iso15962 import (
    EXTENDED,
    HIGHEST_OID,
    Compaction,
    End,
    Object,
    Objects,
    bits_of,
    compact,
    expand,
    packed,
    parse,
)
from tests.drivers.tag_vectors import ANNEX_P, COMPACTED, STANDARD_2


def _sizes(text: str) -> dict[Compaction, int]:
    """How many bytes a text takes in each form that can hold it: the table of the standard, written down anew."""
    count, sizes = len(text), dict[Compaction, int]()
    digits = text.isascii() and text.isdecimal()
    if digits and 2 <= count <= 19 and text[0] != "0":
        sizes[Compaction.INTEGER] = next(size for size in range(1, 9) if int(text) < 256**size)
    if digits and count >= 2:
        sizes[Compaction.NUMERIC] = (count + 1) // 2
    if count and all(0x41 <= ord(c) <= 0x5F for c in text):
        sizes[Compaction.FIVE_BIT] = (count * 5 + 7) // 8
    if count and all(0x20 <= ord(c) <= 0x5F for c in text) and not (text[-1] == " " and count % 4 == 0):
        sizes[Compaction.SIX_BIT] = (count * 6 + 7) // 8
    if count and all(ord(c) < 0x7F for c in text):
        sizes[Compaction.SEVEN_BIT] = (count * 7 + 7) // 8
    if all(ord(c) < 0x100 for c in text):
        sizes[Compaction.OCTETS] = count
    sizes[Compaction.UTF_8] = len(text.encode())
    return sizes


def _is_shortest_and_comes_back(text: str) -> None:
    compaction, data = compact(text)
    sizes = _sizes(text)
    assert len(data) == sizes[compaction] == min(sizes.values()), text
    assert expand(compaction, data) == text


@pytest.mark.parametrize(("text", "compaction", "data"), COMPACTED)
def test_published_texts_are_compacted_and_expanded(text: str, compaction: Compaction, data: str) -> None:
    assert expand(compaction, bytes.fromhex(data)) == text
    if (text, compaction) != ("1203", Compaction.NUMERIC):  # an integer is as short
        assert compact(text) == (compaction, bytes.fromhex(data))


def test_of_forms_of_one_length_the_lowest_number_is_taken() -> None:
    assert compact("1203") == (Compaction.INTEGER, bytes.fromhex("04B3"))
    assert compact("AHQZ")[0] is Compaction.FIVE_BIT
    assert compact("5") == (Compaction.OCTETS, b"5")
    assert compact("05") == (Compaction.NUMERIC, b"\x05")
    assert compact("BA") == (Compaction.OCTETS, b"BA")
    assert compact("ABC") == (Compaction.FIVE_BIT, bytes.fromhex("0886"))
    assert compact("AB1") == (Compaction.OCTETS, b"AB1")
    assert compact("abcdefg") == (Compaction.OCTETS, b"abcdefg")
    assert compact("é") == (Compaction.OCTETS, b"\xe9")
    assert compact("Đ") == (Compaction.UTF_8, "Đ".encode())
    assert compact("1" * 19)[0] is Compaction.INTEGER
    assert compact("1" * 20) == (Compaction.NUMERIC, b"\x11" * 10)
    assert compact("") == (Compaction.OCTETS, b"")


def test_every_short_text_is_as_short_as_it_can_be() -> None:
    for count in range(6):
        for letters in product("01A_ aé", repeat=count):
            _is_shortest_and_comes_back("".join(letters))


@given(
    st.text(st.sampled_from("0123456789"), max_size=24)
    | st.text(st.sampled_from("ABCXYZ[_"), max_size=24)
    | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x5F), max_size=24)
    | st.text(st.characters(max_codepoint=0x7F), max_size=24)
    | st.text(st.characters(max_codepoint=0xFF), max_size=24)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
)
def test_any_text_is_as_short_as_it_can_be(text: str) -> None:
    _is_shortest_and_comes_back(text)


@pytest.mark.parametrize(
    ("compaction", "data", "text"),
    [
        (Compaction.INTEGER, "", None),
        (Compaction.INTEGER, "09", None),
        (Compaction.INTEGER, "0A", "10"),
        (Compaction.INTEGER, "002BDC545E14D64E", "12345678912345678"),
        (Compaction.INTEGER, "8AC7230489E7FFFF", "9999999999999999999"),
        (Compaction.INTEGER, "8AC7230489E80000", None),
        (Compaction.INTEGER, "00000000000000000A", None),
        (Compaction.NUMERIC, "", None),
        (Compaction.NUMERIC, "FF", None),
        (Compaction.NUMERIC, "1A", None),
        (Compaction.NUMERIC, "1F23", None),
        (Compaction.NUMERIC, "0012", "0012"),
        (Compaction.FIVE_BIT, "", ""),
        (Compaction.FIVE_BIT, "0000", None),
        (Compaction.FIVE_BIT, "0801", None),
        (Compaction.SIX_BIT, "000000", "@@@@"),
        (Compaction.SIX_BIT, "0420E0", "ABC"),
        (Compaction.SIX_BIT, "0420E2", 'ABC"'),
        (Compaction.SIX_BIT, "82082082", "     "),
        (Compaction.SEVEN_BIT, "FF", ""),
        (Compaction.SEVEN_BIT, "FFFE", None),
        (Compaction.OCTETS, "E900", "é\0"),
        (Compaction.UTF_8, "C490", "Đ"),
        (Compaction.UTF_8, "C4", None),
        (Compaction.APPLICATION_DEFINED, "D0", None),
    ],
)
def test_data_expand_to_their_text_or_to_none(compaction: Compaction, data: str, text: str | None) -> None:
    assert expand(compaction, bytes.fromhex(data)) == text


@given(st.sampled_from(Compaction), st.binary(max_size=300))
def test_any_data_expand_or_do_not(compaction: Compaction, data: bytes) -> None:
    text = expand(compaction, data)
    assert text is None or len(text) <= 3 * len(data)


def test_bits_fill_whole_bytes() -> None:
    assert packed("", filling="1111111") == b""
    assert packed("1" * 8, filling="0000000") == b"\xff"
    assert packed("1" * 9, filling="0000001") == b"\xff\x81"
    assert packed("1" * 12, filling="1000000") == b"\xff\xf8"
    assert bits_of(b"\x05\x80") == "0000010110000000"


# --- objects ----------------------------------------------------------------------------------------------------------


def test_the_standards_example_falls_into_its_objects() -> None:
    expected = [
        (1, Compaction.INTEGER, "1CBE991A14"),
        (2, Compaction.APPLICATION_DEFINED, "D0"),
        (4, Compaction.INTEGER, "04B3"),
        (6, Compaction.SIX_BIT, "441CB6E2E335D6"),
        (3, Compaction.APPLICATION_DEFINED, "ACC09EBAA06F6B"),
    ]
    objects = tuple(Object(oid, compaction, bytes.fromhex(data)) for oid, compaction, data in expected)
    assert parse(STANDARD_2) == Objects(objects, End.MEMORY)
    assert parse(STANDARD_2 + b"\0") == Objects(objects, End.SAID)
    assert parse(STANDARD_2 + b"\0\x91") == Objects(objects, End.SAID)
    assert parse(STANDARD_2 + b"\x11\x05") == Objects(objects, End.WITHIN)
    assert parse(STANDARD_2 + b"\x10\x05") == Objects(objects, End.NONSENSE)
    for cut in range(1, 12):
        assert parse(STANDARD_2[:-cut]) == Objects(objects[:4], End.WITHIN)
    paddings = [0, None, None, None, 2]
    assert b"".join(map(Object.encode, objects, paddings)) == STANDARD_2


def test_padding_bytes_may_be_anything() -> None:
    found = parse(ANNEX_P).found
    assert [(one.oid, one.compaction) for one in found] == [
        (1, Compaction.INTEGER),
        (7, Compaction.SIX_BIT),
        (9, Compaction.INTEGER),
        (17, Compaction.UTF_8),
        (14, Compaction.OCTETS),
    ]


@pytest.mark.parametrize(
    ("memory", "oid", "length", "end"),
    [
        ("0F", None, 0, End.WITHIN),
        ("0F00", None, 0, End.WITHIN),
        ("0F0000", 15, 0, End.MEMORY),
        ("0F7000", 127, 0, End.MEMORY),
        ("0F7100", None, 0, End.NONSENSE),
        ("0FFF00", None, 0, End.NONSENSE),
        ("1000", None, 0, End.NONSENSE),
        ("81", None, 0, End.WITHIN),
        ("8100", None, 0, End.WITHIN),
        ("810000", 1, 0, End.MEMORY),
        ("8101007F", 1, 0, End.MEMORY),
        ("810100", None, 0, End.WITHIN),
        ("0181", None, 0, End.WITHIN),
        ("018181", None, 0, End.NONSENSE),
        ("018100" + "61" * 128, 1, 128, End.MEMORY),
        ("018100" + "61" * 127, None, 0, End.WITHIN),
        ("017F" + "61" * 127, 1, 127, End.MEMORY),
        ("018001" + "61", 1, 1, End.MEMORY),
        ("", None, 0, End.MEMORY),
        ("00", None, 0, End.SAID),
    ],
)
def test_the_head_of_an_object(memory: str, oid: int | None, length: int, end: End) -> None:
    objects = parse(bytes.fromhex(memory))
    assert objects.end is end
    assert [(one.oid, len(one.data)) for one in objects.found] == ([] if oid is None else [(oid, length)])


def test_padding_length_stands_before_an_oid_that_has_a_byte_of_its_own() -> None:
    title = Object(17, Compaction.OCTETS, b"Ab")
    assert title.encode() == bytes.fromhex("6F 02 02 4162")
    assert title.encode(padding=3) == bytes.fromhex("EF 03 02 02 4162 000000")
    assert parse(title.encode(padding=3)) == Objects((title,), End.MEMORY)


OBJECTS = st.builds(
    Object, st.integers(1, HIGHEST_OID), st.sampled_from(Compaction), st.binary(max_size=200) | st.just(bytes(300))
)


@given(st.lists(st.tuples(OBJECTS, st.none() | st.integers(0, 255)), max_size=6), st.booleans())
def test_objects_that_were_written_are_read_again(written: list[tuple[Object, int | None]], ended: bool) -> None:
    memory = b"".join(one.encode(padding) for one, padding in written)
    objects = parse(memory + b"\0" * ended)
    assert objects == Objects(tuple(one for one, _ in written), End.SAID if ended else End.MEMORY)


@given(OBJECTS, st.none() | st.integers(0, 255))
def test_an_object_is_as_long_as_its_parts(one: Object, padding: int | None) -> None:
    head = 2 + (one.oid >= EXTENDED) + (len(one.data) > 127)
    assert len(one.encode(padding)) == head + len(one.data) + (0 if padding is None else 1 + padding)


@given(st.binary(max_size=400))
def test_any_memory_ends_somehow(memory: bytes) -> None:
    objects = parse(memory)
    assert sum(2 + len(one.data) for one in objects.found) <= len(memory)
    assert all(1 <= one.oid <= HIGHEST_OID for one in objects.found)
