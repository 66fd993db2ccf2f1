"""Whole files of records into the reference: what comes in, who has which barcode, and what is told."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.loader import Problems
from config.phrase import Phrase
from sync.circulation.model import Item, Title
from sync.circulation.network import Branch, Network
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.reasons import Outcome, Reason
from sync.intake.report import CatalogueReport, Entry, Place
from sync.store import tables
from tests.sync.intake.conftest import Library
from tests.sync.intake.quirky import Fields, book, iso2709, marcxml


def file(*records: Fields) -> bytes:
    return b"".join(map(iso2709, records))


def refused(report: CatalogueReport) -> list[tuple[int, str, Reason, Place | None]]:
    return [(entry.place.record, entry.identifier, entry.reason, entry.other) for entry in report.refused]


def place(record: int, file: int = 1) -> Place:
    return Place(f"file-{file}.mrc", record)


def test_copies_of_one_edition_become_one_title_with_several_items(library: Library) -> None:
    report = library.catalogue(
        file(book(barcode="1"), book("TRUYEN KIEU /", barcode="2", running="2"), book("Số đỏ", barcode="3"))
    )
    assert (report.read, report.titles, report.items, report.merged, report.repeated) == (3, 2, 3, 1, 0)
    assert library.titles() == ["Số đỏ", "Truyện Kiều"]
    assert library.barcodes() == ["1", "2", "3"]


def test_what_another_copy_is_catalogued_with_is_added_to_the_title(library: Library) -> None:
    subject: Fields = [("650", [("a", "Truyện thơ")])]
    library.catalogue(file(book(barcode="1"), book(barcode="2", more=subject), book(barcode="3")))
    ((subjects,),) = library.rows(tables.title, "subjects")
    assert json.loads(str(subjects)) == ["Truyện thơ"]


def test_it_is_added_across_batches_too(library: Library) -> None:
    many = [book(barcode=f"B{n}") for n in range(1001)]
    library.catalogue(file(*many, book(barcode="X", more=[("653", [("a", "Kiều")])])))
    assert library.rows(tables.title, "subjects") == [('["Kiều"]',)]


def test_items_without_a_branch_are_at_home_where_the_import_runs(library: Library) -> None:
    library.catalogue(file(book(barcode="1"), book(barcode="2", copy=[("a", "TB")])), branch="TN")
    assert library.rows(tables.item, "item_id", "branch") == [("1", "TN"), ("2", "TB")]


def test_items_of_a_branch_that_the_network_does_not_know_are_at_home_here_and_counted(library: Library) -> None:
    mappings = load_mapping()
    assert not isinstance(mappings, Problems)
    report = import_catalogue(
        library.files(
            [file(book(barcode=["1", "2"], copy=[("a", "CL")]), book(barcode="3", copy=[("a", "TN")]))], ".mrc"
        ),
        library.reference,
        mappings,
        branch="MAIN",
        network=Network((Branch("MAIN", "Thư viện"), Branch("TN", "Thái Nguyên", "MAIN"))),
    )
    assert library.rows(tables.item, "item_id", "branch") == [("1", "MAIN"), ("2", "MAIN"), ("3", "TN")]
    assert [(tally.reason, tally.detail, tally.count) for tally in report.tallies] == [(Reason.BRANCH_UNKNOWN, "CL", 2)]


# --- whose a barcode is -----------------------------------------------------------------------------------------------


def test_a_barcode_stays_with_the_record_that_brought_it_first(library: Library) -> None:
    report = library.catalogue(file(book(barcode="1", running="1"), book("Số đỏ", barcode="1", running="2")))
    assert refused(report) == [(2, "1", Reason.BARCODE_TAKEN, place(1))]
    assert library.titles() == ["Số đỏ", "Truyện Kiều"]
    ((title_id,),) = library.rows(tables.item, "title_id")
    assert (title_id, "Truyện Kiều") in library.rows(tables.title, "title_id", "title")


def test_two_copies_of_one_title_with_one_barcode_are_told_apart_from_two_works(library: Library) -> None:
    report = library.catalogue(file(book(barcode="1", running="1"), book(barcode="1", running="2")))
    assert refused(report) == [(2, "1", Reason.BARCODE_TAKEN_SAME_TITLE, place(1))]
    assert report.items == 1


def test_one_record_with_one_barcode_twice_has_one_copy_and_says_so(library: Library) -> None:
    report = library.catalogue(file(book(barcode=["1", "1"], control="c")))
    assert refused(report) == [(1, "1", Reason.BARCODE_TAKEN_SAME_TITLE, place(1))]
    assert library.barcodes() == ["1"]


def test_the_first_record_is_named_from_another_batch_and_another_file_too(library: Library) -> None:
    many = [book(f"Tập {n}", barcode=f"B{n}", running=f"{n}") for n in range(1500)]
    report = library.catalogue(file(*many), file(book("Khác", barcode="B3", running="9999")))
    assert refused(report) == [(1, "B3", Reason.BARCODE_TAKEN, place(4))]
    assert report.refused[0].place == place(1, file=2)


def test_a_barcode_from_an_earlier_import_is_not_given_away_either(library: Library) -> None:
    library.catalogue(file(book(barcode="1", running="17")))
    before = library.everything()["item"]
    report = library.catalogue(file(book("Số đỏ", barcode="1", running="99")))
    assert refused(report) == [(1, "1", Reason.BARCODE_TAKEN, None)]
    assert report.refused[0].other_identifier == "020 17"
    assert "020 17" in report.refused[0].phrase().vi
    assert library.everything()["item"] == before


def test_an_item_that_no_import_brought_is_not_taken_over(library: Library) -> None:
    library.reference.write([Title("demo-1", "Số đỏ")], [Item("1", "demo-1", "book", "MAIN")])
    assert refused(library.catalogue(file(book(barcode="1")))) == [(1, "1", Reason.BARCODE_TAKEN, None)]


def test_the_same_record_again_updates_its_copies(library: Library) -> None:
    library.catalogue(file(book(barcode="1", control="c1", copy=[("c", "Kho A")])))
    report = library.catalogue(file(book("Kim Vân Kiều", barcode=["1", "2"], control="c1", copy=[("c", "Kho B")])))
    assert not report.refused
    assert library.titles() == ["Kim Vân Kiều"]
    assert library.rows(tables.item, "item_id", "location") == [("1", "Kho B"), ("2", "Kho B")]


def test_a_copy_whose_description_was_mended_moves_and_leaves_no_empty_title_behind(library: Library) -> None:
    library.catalogue(file(book("Truyện Kều", barcode="1", running="1")))
    report = library.catalogue(file(book("Truyện Kiều", barcode="1", running="1")))
    assert report.count(Reason.ITEM_MOVED) == 1
    assert library.titles() == ["Truyện Kiều"]
    assert [row[1] for row in library.everything()["title_search"]] == ["truyện kiều"]


def test_a_title_that_another_copy_still_has_stays_when_one_leaves(library: Library) -> None:
    library.catalogue(file(book("Kiều", barcode="1", running="1"), book("Kiều", barcode="2", running="2")))
    library.catalogue(file(book("Truyện Kiều", barcode="1", running="1")))
    assert library.titles() == ["Kiều", "Truyện Kiều"]


def test_one_control_number_on_two_works_makes_two_titles_and_is_told(library: Library) -> None:
    report = library.catalogue(file(book(barcode="1", control="c1"), book("Số đỏ", barcode="2", control="c1")))
    assert library.titles() == ["Số đỏ", "Truyện Kiều"]
    (entry,) = report.repaired
    assert (entry.reason, entry.identifier, entry.other) == (Reason.CONTROL_NUMBER_TWICE, "c1", place(1))


def test_a_record_in_two_parts_because_it_has_so_many_copies_is_one_title(library: Library) -> None:
    report = library.catalogue(file(book(barcode=["1", "2"], control="c1"), book(barcode=["3"], control="c1")))
    assert (report.titles, report.items, report.merged) == (1, 3, 1)


# --- again, and without writing ---------------------------------------------------------------------------------------

MIXED = file(
    book(barcode="1", running="1"),
    book(barcode="2", running="2", more=[("653", [("a", "Kiều")])]),
    book("Số đỏ", barcode="1", running="3"),
    book("", barcode="4", running="4"),
    book("Số đỏ", barcode="5", control="c5", agency="VN"),
    book("Đất rừng phương Nam", barcode="6", control="c5", agency="VN"),
    book("Không có bản", barcode=(), running="8"),
    book("Không mã vạch", barcode="", running="9"),
)


def test_an_import_repeated_changes_nothing_and_tells_the_same(library: Library) -> None:
    first = library.catalogue(MIXED + MIXED[:50])
    before = library.everything()
    assert library.catalogue(MIXED + MIXED[:50]) == first
    assert library.everything() == before
    assert {reason.code for reason in (entry.reason for entry in first.refused)} == {
        "barcode_taken",
        "barcode_missing",
        "cut_short",
    }


def test_a_file_that_has_every_record_twice_is_as_if_it_had_them_once(library: Library) -> None:
    once = [book(f"Tập {n}", barcode=f"B{n}", running=f"{n}") for n in range(5)]
    report = library.catalogue(file(*once, *once))
    assert (report.read, report.titles, report.items, report.repeated) == (10, 5, 5, 5)
    assert not report.refused


def test_a_dry_run_tells_what_a_real_one_would_and_writes_nothing(library: Library) -> None:
    library.catalogue(file(book("Trước đây", barcode="6", running="77")))
    before = library.everything()
    dry = library.catalogue(MIXED, dry_run=True)
    assert library.everything() == before
    real = library.catalogue(MIXED)
    assert dry.dry_run
    assert not real.dry_run
    assert dry.as_json() | {"dry_run": False} == real.as_json()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            book,
            st.sampled_from(["Truyện Kiều", "Số đỏ", "", "TRUYỆN KIỀU"]),
            barcode=st.lists(st.sampled_from("1234"), max_size=2),
            control=st.sampled_from(["", "", "c1", "c2"]),
            running=st.sampled_from(["", "1", "2", "3"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_barcode_is_ever_lost_or_given_twice(library: Library, records: list[Fields]) -> None:
    # The reference is the same for all examples: each one is an import after all those before it.
    earlier = dict(library.rows(tables.item, "item_id", "source_record"))
    report = library.catalogue(file(*records))
    now = dict(library.rows(tables.item, "item_id", "source_record"))
    assert now.keys() >= earlier.keys()
    assert all(now[item_id] == source for item_id, source in earlier.items())
    named = sum(len(content) > 0 for fields in records for tag, content in fields if tag == "952")
    again = library.catalogue(file(*records))
    # In the meantime a copy may have moved to the very title that was refused it, so the reason may be the milder one.
    assert [(entry.place, entry.identifier) for entry in again.refused] == [
        (entry.place, entry.identifier) for entry in report.refused
    ]
    assert report.items + len(report.refused) <= named
    titles = {row[0] for row in library.rows(tables.title, "title_id")}
    assert {row[0] for row in library.rows(tables.item, "title_id")} <= titles


# --- forms and accidents ----------------------------------------------------------------------------------------------


def test_marcxml_and_iso_2709_say_the_same(library: Library) -> None:
    records = [book(barcode="1", running="1"), book("Số đỏ & <khác>", barcode="2", running="2")]
    library.catalogue(file(*records))
    before = library.everything()
    report = library.catalogue(marcxml(records).encode())
    assert (report.read, report.items) == (2, 2)
    assert library.everything() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.FILE_EMPTY),
        (b"\r\n  ", Reason.FILE_EMPTY),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, Reason.NOT_MARC),
        (b"<html><body>Login</body></html>", Reason.NOT_MARC),
        ("Số thẻ;Họ tên\n1;An\n".encode(), Reason.NOT_MARC),
    ],
    ids=["empty", "blank", "picture", "web page", "list"],
)
def test_a_file_that_is_no_catalogue_is_named_once_as_a_whole(library: Library, content: bytes, reason: Reason) -> None:
    report = library.catalogue(content, file(book()))
    assert refused(report) == [(0, "", reason, None)]
    assert (report.read, report.items) == (1, 1)


def test_a_file_that_is_not_there_is_told_and_stops_no_other(library: Library) -> None:
    report = library.catalogue(library.folder / "none.mrc", library.folder, file(book()))
    assert [entry.reason for entry in report.refused] == [Reason.FILE_UNREADABLE] * 2
    assert report.items == 1


def test_rubbish_before_the_first_record_is_told(library: Library) -> None:
    report = library.catalogue(b"exported by X\x1d" + file(book()))
    assert refused(report) == [(1, "", Reason.RUBBISH, None)]
    assert (report.read, report.items) == (2, 1)


def test_record_numbers_are_those_of_the_file_with_broken_ones_counted(library: Library) -> None:
    one = iso2709(book(barcode="1"))
    report = library.catalogue(one + one[:80] + one[:90] + iso2709(book("", barcode="2")))
    assert [number for number, *_ in refused(report)] == [2, 3]
    assert [(entry.place.record, entry.reason) for entry in report.repaired] == [(4, Reason.TITLE_MISSING)]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda tail: b"<record>" + tail)))
def test_an_import_never_raises_whatever_the_file_holds(library: Library, content: bytes) -> None:
    report = library.catalogue(content + iso2709(book(barcode="1", running="1")))
    assert isinstance(report, CatalogueReport)
    if not content.lstrip().removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        assert library.barcodes() == ["1"]


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_says_so_in_json(library: Library) -> None:
    told = library.catalogue(MIXED).as_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["read"], told["titles"], told["items"]) == (8, 7, 5)
    assert told["refused"] == [
        {"record": 3, "identifier": "1", "reason": "barcode_taken", "file": "file-1.mrc", "other_record": 1,
         "other_file": "file-1.mrc"},
        {"record": 8, "identifier": "9", "reason": "barcode_missing", "file": "file-1.mrc"},
    ]  # fmt: skip
    repaired = told["repaired"]
    assert isinstance(repaired, list)
    assert [entry["reason"] for entry in repaired] == ["title_missing", "control_number_twice"]
    counts = told["counts"]
    assert isinstance(counts, list)
    assert {"reason": "sequence_number", "outcome": "noted", "detail": "", "count": 6} in counts


def test_what_concerns_every_record_is_counted_and_not_listed(library: Library) -> None:
    apart = unicodedata.normalize("NFD", "Đường xưa mây trắng")
    report = library.catalogue(file(*(book(apart, barcode=f"B{n}", running=f"{n}") for n in range(50))))
    assert report.count(Reason.DECOMPOSED) == 50
    assert not report.repaired
    assert library.titles() == ["Đường xưa mây trắng"]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_sentence_in_two_languages(reason: Reason) -> None:
    entry = Entry(Place("a.mrc", 3), "x", reason, Place("b.mrc", 7), detail="KHO")
    for phrase in (entry.phrase(), Entry(Place("a.mrc", 3), "x", reason).phrase()):
        for sentence in (phrase.vi, phrase.en):
            assert sentence.endswith(".")
            assert "{" not in sentence
    assert entry.phrase() != Phrase("", "")
    assert reason.outcome in Outcome
    assert reason.code == reason.code.lower()


def test_progress_is_told_in_bytes_until_all_are_read(library: Library) -> None:
    paths = library.files([file(*(book(f"Tập {n}", barcode=f"B{n}") for n in range(3000))), file(book())], ".mrc")
    told: list[tuple[int, int]] = []
    mappings = load_mapping()
    assert not isinstance(mappings, Problems)
    import_catalogue(
        paths, library.reference, mappings, branch="MAIN", progress=lambda done, total: told.append((done, total))
    )
    size = sum(path.stat().st_size for path in paths)
    assert told == sorted(told)
    assert len(told) > 2
    assert told[-1] == (size, size)


def test_nothing_that_a_file_says_is_logged(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        library.catalogue(MIXED + MIXED[:77] + iso2709(book("File \x1f Disk", barcode="9")))
    for word in ("Kiều", "File", "Nguyễn Du", "c5"):
        assert word not in caplog.text


def test_each_file_is_read_by_the_mapping_that_fits_it(library: Library) -> None:
    sierra: Fields = book("Số đỏ", barcode=(), more=[("949", [("i", "2")])])
    library.catalogue(file(book(barcode="1")), file(sierra))
    assert library.barcodes() == ["1", "2"]


def test_files_are_found_by_path_whatever_their_names(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "Mục lục.dat"
    path.write_bytes(file(book(barcode="1"), book("", barcode="2")))
    report = library.catalogue(path)
    assert report.repaired[0].place == Place("Mục lục.dat", 2)
