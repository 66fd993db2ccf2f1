"""The two real exports of a Vietnamese library, where they are at hand: all comes in or is reported.

They are one record for each copy, with a running number in 020, in decomposed Unicode, with titles missing and barcodes
on several records.
"""

from collections import Counter
from pathlib import Path

import pytest

from sync.intake.reasons import Reason
from sync.intake.report import CatalogueReport
from sync.store import tables
from sync.text import nfc
from tests.sync.intake.conftest import Library


@pytest.fixture(scope="module")
def imported(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Library, CatalogueReport, CatalogueReport]:
    """Both files in one import, then the second file again."""
    library = Library(tmp_path_factory.mktemp("real"))
    first, second = shared_data / "catalogue-10000.mrc", shared_data / "catalogue-koha952-4860.mrc"
    return library, library.catalogue(first, second), library.catalogue(second)


Imported = tuple[Library, CatalogueReport, CatalogueReport]


def test_all_of_it_comes_in_or_is_reported(imported: Imported) -> None:
    library, report, _ = imported
    assert report.read == 14_860
    # One copy a record: every one is an item or stands in the list of what was refused.
    assert report.items + len(report.refused) == 14_860
    assert len(library.barcodes()) == report.items
    assert len(library.titles()) == report.titles
    assert report.titles + report.merged == 14_860


def test_every_refused_copy_names_the_record_that_has_its_barcode(imported: Imported) -> None:
    library, report, _ = imported
    assert {entry.reason for entry in report.refused} == {Reason.BARCODE_TAKEN, Reason.BARCODE_TAKEN_SAME_TITLE}
    there = set(library.barcodes())
    for entry in report.refused:
        assert entry.identifier in there
        assert entry.other is not None
        assert (entry.other.file, entry.other.record) < (entry.place.file, entry.place.record)


def test_the_report_lists_what_a_librarian_can_mend_and_counts_the_rest(imported: Imported) -> None:
    _, report, _ = imported
    assert Counter(entry.reason for entry in report.repaired) == {
        Reason.TITLE_MISSING: 6,
        Reason.STRAY_DELIMITER: 2,
    }
    assert report.count(Reason.SEQUENCE_NUMBER) == 14_860
    assert report.count(Reason.DECOMPOSED) > 14_000
    assert report.count(Reason.ISBN_INVALID) == 0


def test_a_file_imported_again_tells_the_same_and_adds_nothing(imported: Imported) -> None:
    library, first, second = imported
    assert [(entry.place, entry.identifier, entry.reason) for entry in second.refused] == [
        (entry.place, entry.identifier, entry.reason)
        for entry in first.refused
        if entry.place.file == second.refused[0].place.file
    ]
    assert len(library.barcodes()) == first.items
    assert len(library.titles()) == first.titles


def test_what_came_in_is_composed_trimmed_and_whole(imported: Imported) -> None:
    library, _, _ = imported
    rows = library.rows(tables.title, "title_id", "title", "author", "year", "volume", "call_number")
    for row in rows:
        assert all(text == nfc(text) for text in row)
        assert row[1]
        assert not row[1].endswith((" /", " :", " ="))
    copies = Counter(title_id for (title_id,) in library.rows(tables.item, "title_id"))
    by_description = {row[1:4]: copies[row[0]] for row in rows}
    assert by_description["Simulation", "Sheldon M. Ross", "1997"] == 6
    # Two of its records have a delimiter where the others have "&".
    assert by_description["File Disk Management from Chaos to Control", "Alfred Glossbrenner", "1993"] == 5
    standard = "TCVN 6660 : 2000 ISO 14911 : 1998"
    assert by_description[f"[Không có nhan đề] {standard}", standard, ""] == 1
