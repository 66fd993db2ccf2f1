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
    """Both files in one import, then the same again."""
    library = Library(tmp_path_factory.mktemp("real"))
    paths = [shared_data / "catalogue-10000.mrc", shared_data / "catalogue-koha952-4860.mrc"]
    return library, library.catalogue(*paths), library.catalogue(*paths)


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


def test_the_same_import_again_tells_the_same_and_adds_nothing(imported: Imported) -> None:
    library, first, second = imported
    assert second == first
    assert len(library.barcodes()) == first.items


def test_what_came_in_is_composed_trimmed_and_whole(imported: Imported) -> None:
    library, _, _ = imported
    rows = library.rows(tables.title, "title_id", "title", "author", "year", "volume", "call_number")
    for row in rows:
        assert all(text == nfc(text) for text in row)
        assert row[1]
        assert not row[1].endswith((" /", " :", " ="))
    titles = Counter(row[1] for row in rows)
    # Two records write "&" as a delimiter; they are the same book as those that do not.
    assert titles["File Disk Management from Chaos to Control"] == 1
    assert titles["[Không có nhan đề] TCVN 6660 : 2000 ISO 14911 : 1998"] == 1
    copies = Counter(title for (title,) in library.rows(tables.item, "title_id"))
    simulation = next(row[0] for row in rows if (row[1], row[2], row[3]) == ("Simulation", "Sheldon M. Ross", "1997"))
    assert copies[simulation] == 6
