"""Records of ISO 2709 out of whole, broken and hopeless files."""

import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.intake.iso2709 import Raw, records
from sync.intake.reasons import Reason
from tests.sync.intake.quirky import Fields, book, iso2709, iso2709_bytes

ONE, TWO, THREE = (iso2709(book(f"Tập {n}", barcode=f"TN000{n}", control=f"c{n}")) for n in (1, 2, 3))


def blocks(content: bytes, size: int = 1 << 18) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(content: bytes, size: int = 1 << 18) -> list[Raw | Reason]:
    return list(records(blocks(content, size)))


def first(found: Raw | Reason, tag: str, code: str = "") -> str:
    assert isinstance(found, Raw), found
    for name, _, content in found.fields:
        if name == tag:
            return content if isinstance(content, str) else next(text for c, text in content if c == code)
    return ""


def barcodes(found: Iterable[Raw | Reason]) -> list[str]:
    """Every 952 $p there is, however many a damaged record has."""
    return [
        text
        for each in found
        if isinstance(each, Raw)
        for tag, _, content in each.fields
        if tag == "952" and not isinstance(content, str)
        for code, text in content
        if code == "p"
    ]


def reasons(found: Iterable[Raw | Reason]) -> list[set[Reason] | Reason]:
    return [set(each.reasons) if isinstance(each, Raw) else each for each in found]


def test_whole_records_come_out_whole_and_without_remarks() -> None:
    found = read(ONE + TWO + THREE)
    assert barcodes(found) == ["TN0001", "TN0002", "TN0003"]
    assert reasons(found) == [set(), set(), set()]
    assert first(found[0], "245", "a") == "Tập 1"
    assert first(found[0], "001") == "c1"


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_how_a_file_arrives_in_blocks_makes_no_difference(size: int) -> None:
    damaged = ONE + b"rubbish" + TWO[:60] + THREE
    assert read(damaged, size) == read(damaged)


@pytest.mark.parametrize("between", [b"\r\n", b"\n", b"\x00\x00", b"\x1a", b"  \n"], ids=repr)
def test_padding_between_records_is_no_rubbish(between: bytes) -> None:
    found = read(between + ONE + between + TWO + between)
    assert barcodes(found) == ["TN0001", "TN0002"]
    assert reasons(found) == [set(), set()]


def test_a_byte_order_mark_at_the_top_is_no_part_of_the_first_record() -> None:
    assert reasons(read(b"\xef\xbb\xbf" + ONE)) == [set()]


def test_rubbish_between_records_is_named_once_and_stops_nothing() -> None:
    found = read(ONE + b"<html>login</html> \x1d more \x1d and more" + TWO + b"the end")
    assert barcodes(found) == ["TN0001", "TN0002"]
    assert reasons(found) == [set(), Reason.RUBBISH, set(), Reason.RUBBISH]


def test_a_cut_file_loses_its_last_record_alone_and_says_so() -> None:
    for cut in range(30, len(TWO) - 2):
        found = read(ONE + TWO[:cut])
        assert barcodes(found) == ["TN0001"]
        assert len(found) == 2
        assert found[1] in (Reason.CUT_SHORT, Reason.DIRECTORY_BROKEN, Reason.BEGINNING_LOST)


def test_a_record_that_lacks_nothing_but_its_last_mark_still_comes_in() -> None:
    for lacking in (TWO[:-1], TWO[:-2]):
        found = read(ONE + lacking)
        assert barcodes(found) == ["TN0001", "TN0002"]
        assert reasons(found)[1] == {Reason.TERMINATOR_MISSING}


def test_a_file_without_any_record_marks_falls_apart_at_its_leaders() -> None:
    found = read(ONE[:-1] + TWO[:-1] + THREE[:-1])
    assert barcodes(found) == ["TN0001", "TN0002", "TN0003"]


def test_a_file_of_many_records_without_marks_is_read_in_bounded_pieces() -> None:
    many = b"".join(iso2709(book(barcode=f"B{n:05d}"), end=b"") for n in range(3000))
    assert len(many) > 500_000
    assert barcodes(read(many)) == [f"B{n:05d}" for n in range(3000)]


def test_a_record_after_a_cut_one_without_any_mark_between_comes_in() -> None:
    for cut in range(1, len(ONE) - 2):
        found = read(ONE[:cut] + TWO + THREE)
        assert barcodes(found)[-2:] == ["TN0002", "TN0003"], cut
        assert len(found) == 3


@pytest.mark.parametrize("length", [b"00000", b"99999", b"00020", b"     ", b"12x45"])
def test_a_wrong_record_length_is_worked_out_anew(length: bytes) -> None:
    found = read(ONE + iso2709(book(barcode="TN0009"), length=length) + TWO)
    assert barcodes(found) == ["TN0001", "TN0009", "TN0002"]
    assert reasons(found) == [set(), {Reason.LENGTH_WRONG}, set()]


def test_lengths_counted_in_letters_instead_of_bytes_are_worked_out_anew() -> None:
    found = read(iso2709(book("Đường xưa mây trắng", author="Thích Nhất Hạnh"), count_letters=True) + ONE)
    assert first(found[0], "245", "a") == "Đường xưa mây trắng"
    assert barcodes(found) == ["TN0001", "TN0001"]
    assert reasons(found) == [{Reason.LENGTH_WRONG}, set()]


def test_a_base_address_of_noughts_is_worked_out_anew() -> None:
    found = read(ONE[:12] + b"00000" + ONE[17:] + TWO)
    assert barcodes(found) == ["TN0001", "TN0002"]


def test_a_stray_delimiter_is_taken_out_and_the_text_joined() -> None:
    found = read(iso2709(book("File \x1f Disk Management")))
    assert first(found[0], "245", "a") == "File  Disk Management"
    assert reasons(found) == [{Reason.STRAY_DELIMITER}]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x1faTitle", "Title"),
        (b"1\x1faTitle", "Title"),
        (b"123\x1faTitle", "Title"),
        (b"\xff\xff\x1faTitle", "Title"),
        (b"Title", "Title"),
        (b"  \x1f\x1faTitle", "Title"),
        (b"  \x1faTitle\x1f", "Title"),
        (b"  \x1f\xc3\xa9Title", "éTitle"),
    ],
    ids=repr,
)
def test_indicators_and_codes_that_are_none_do_not_lose_the_text(data: bytes, text: str) -> None:
    found = read(iso2709_bytes([("245", data), ("952", b"  \x1fpTN0001")]))
    assert first(found[0], "245", "a") == text
    assert barcodes(found) == ["TN0001"]


def test_a_tag_that_is_none_costs_its_field_alone() -> None:
    found = read(iso2709_bytes([("2-!", b"  \x1faTitle"), ("952", b"  \x1fpTN0001")]))
    assert barcodes(found) == ["TN0001"]
    assert Reason.FIELD_DROPPED in reasons(found)[0]  # type: ignore[operator]  # it is a set


def test_a_record_of_more_than_five_digits_of_bytes_is_named_for_what_it_is() -> None:
    shelf = [("c", "Kho mượn tầng hai")]
    found = read(iso2709(book(barcode=[f"B{n:05d}" for n in range(4000)], copy=shelf), length=b"99999") + ONE)
    assert reasons(found) == [Reason.TOO_LONG, set()]


def test_a_record_whose_length_alone_has_too_many_digits_comes_in_with_all_its_copies() -> None:
    copies = [f"B{n:05d}" for n in range(5000)]
    long = iso2709(book(barcode=copies), length=b"99999")
    assert len(long) > 99_999
    assert barcodes(read(ONE + long + TWO)) == ["TN0001", *copies, "TN0002"]


def test_the_second_half_of_a_record_is_named_for_what_it_is() -> None:
    assert reasons(read(ONE[120:] + TWO)) == [Reason.BEGINNING_LOST, set()]


def test_pymarc_has_nothing_to_say_about_any_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for data in (b"\x1faSecret", b"1\x1faSecret", b"12345\x1faSecret", b"Secret"):
            read(iso2709_bytes([("245", data)]))
    assert not caplog.records


@given(st.binary(max_size=3000))
def test_any_bytes_give_records_or_reasons(content: bytes) -> None:
    assert all(isinstance(found, Raw | Reason) for found in read(content))


# A record's own bytes make up most of what a damaged one has, so chance finds more with them than with plain bytes.
FRAGMENTS = st.sampled_from(
    [ONE[:24], ONE[:60], ONE[24:97], ONE[97:], b"\x1d", b"\x1e", b"\x1f", b"00120", b"nam a2200097   4500", b"45"]
)


@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=12)), max_size=30).map(b"".join))
def test_any_pieces_of_records_give_records_or_reasons(content: bytes) -> None:
    assert all(isinstance(found, Raw | Reason) for found in read(content))


def numbered(count: int) -> list[bytes]:
    return [iso2709(book(f"Nhan đề {n}", barcode=f"B{n:04d}", control=f"c{n}")) for n in range(count)]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """A file in which some records have been damaged, and the barcodes of those that have not."""
    whole = numbered(6)
    pieces, intact = list[bytes](), list[str]()
    for number, record in enumerate(whole):
        accident = draw(st.sampled_from(["none", "cut", "head", "flip", "splice", "drop"]))
        at = draw(st.integers(0, len(record) - 1))
        match accident:
            case "none":
                pieces.append(record)
                intact.append(f"B{number:04d}")
            case "cut":
                pieces.append(record[:at])
            case "head":
                pieces.append(record[at:] if at else b"")
            case "flip":
                pieces.append(record[:at] + bytes([record[at] ^ draw(st.integers(1, 255))]) + record[at + 1 :])
            case "splice":
                pieces.append(record[:at] + draw(st.one_of(FRAGMENTS, st.binary(max_size=40))) + record[at:])
            case _:
                pieces.append(record[:at] + record[at + draw(st.integers(1, 20)) :])
        if draw(st.booleans()):
            pieces.append(draw(st.sampled_from([b"\r\n", b"\x1d", b"rubbish", b"<p>", b"0012345"])))
    return b"".join(pieces), intact


@given(damaged())
def test_every_record_that_was_not_damaged_comes_in(file: tuple[bytes, list[str]]) -> None:
    content, intact = file
    found = barcodes(read(content))
    assert [number for number in found if number in intact] == intact


RECORDS: st.SearchStrategy[Fields] = st.lists(
    st.tuples(
        st.integers(10, 999).map(lambda tag: f"{tag:03d}"),
        st.lists(
            st.tuples(
                st.sampled_from("abcdepxyz0129"),
                st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30),
            ),
            min_size=1,
            max_size=4,
        ),
    ),
    min_size=1,
    max_size=8,
)


@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_what_was_written_as_utf_8_is_what_is_read(written: list[Fields]) -> None:
    found = read(b"".join(iso2709(fields) for fields in written))
    assert [[(tag, list(content)) for tag, _, content in each.fields] for each in found if isinstance(each, Raw)] == [
        [(tag, list(content)) for tag, content in fields] for fields in written
    ]


def test_every_single_byte_of_a_record_may_be_flipped_without_harm_to_its_neighbours() -> None:
    for at, byte in itertools.product(range(len(TWO)), (0x00, 0x1D, 0x1E, 0x1F, 0x30, 0x39, 0x41, 0xFF)):
        flipped = TWO[:at] + bytes([byte]) + TWO[at + 1 :]
        found = barcodes(read(ONE + flipped + THREE))
        assert found[:1] == ["TN0001"], (at, byte)
        assert found[-1:] == ["TN0003"], (at, byte)
