"""Lists of chips that are known by their UIDs: every row comes in or is told of."""

from __future__ import annotations

import unicodedata

import pytest

from sync.intake.reasons import Reason
from sync.intake.report import TagReport
from sync.intake.tags import import_tags, parse_uid
from sync.store import tables
from tests.sync.intake.conftest import Library

UID, OTHER = "E004010012345678", "E0040100AABBCCDD"


def take(library: Library, *texts: str | bytes, dry_run: bool = False) -> TagReport:
    """Import lists given by their contents."""
    contents = [text.encode() if isinstance(text, str) else text for text in texts]
    return import_tags(library.files(contents, ".csv"), library.reference, dry_run=dry_run)


def stored(library: Library) -> list[tuple[str, ...]]:
    """What is on the list now."""
    return library.rows(tables.tag)


def refused(report: TagReport) -> list[tuple[int, Reason]]:
    """The rows that did not come in."""
    return [(entry.place.record, entry.reason) for entry in report.refused]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (UID, (UID, False)),
        ("e0 04 01 00 12 34 56 78", (UID, False)),
        ("E0:04:01:00:12:34:56:78", (UID, False)),
        ("e0-04-01-00-12-34-56-78", (UID, False)),
        ("0xE004010012345678", (UID, False)),
        ("78563412000104E0", (UID, True)),
        ("E0040100123456E0", ("E0040100123456E0", False)),
        ("", None),
        ("E00401001234567", None),
        ("E00401001234567G", None),
        ("0104010012345678", None),
        ("1.61E+19", None),
        (1.61e19, None),
        (None, None),
    ],
)
def test_a_uid_is_read_as_people_and_programs_write_it(
    written: str | float | None, read: tuple[str, bool] | None
) -> None:
    assert parse_uid(written) == read


def test_a_list_comes_in_whatever_its_columns_are_called_and_however_it_is_spelt(library: Library) -> None:
    text = unicodedata.normalize("NFD", f"DANH SÁCH CHIP;\n;\nSố đăng ký cá biệt;Mã chip\nĐK.1;{UID}\n")
    report = take(library, text)
    assert (report.read, report.tags, report.refused) == (1, 1, ())
    assert stored(library) == [(UID, unicodedata.normalize("NFC", "ĐK.1"))]
    assert report.count(Reason.ITEM_UNKNOWN) == 1


def test_every_row_that_does_not_come_in_is_told_of(library: Library) -> None:
    report = take(
        library,
        f"UID,Barcode\n{UID},TN.1\n{UID},TN.2\n{OTHER},TN.1\nno,TN.3\n{OTHER},\nUID,Barcode\n78563412000104E1,TN.4\n"
        f"DDCCBBAA000104E0,TN.5\n",
    )
    assert refused(report) == [
        (3, Reason.UID_TAKEN),
        (4, Reason.ITEM_TAGGED),
        (5, Reason.UID_UNREADABLE),
        (6, Reason.BARCODE_MISSING),
        (8, Reason.UID_UNREADABLE),
    ]
    assert [(entry.place.record, entry.reason) for entry in report.repaired] == [(9, Reason.UID_REVERSED)]
    assert (report.read, report.tags) == (7, 2)
    assert stored(library) == [(UID, "TN.1"), (OTHER, "TN.5")]
    assert [entry.identifier for entry in report.refused] == ["TN.2", "TN.1", "TN.3", "", "TN.4"]


def test_a_later_list_replaces_the_chip_of_an_item_and_the_item_of_a_chip(library: Library) -> None:
    take(library, f"UID,Barcode\n{UID},TN.1\n")
    take(library, f"UID,Barcode\n{OTHER},TN.1\n")
    assert stored(library) == [(OTHER, "TN.1")]
    take(library, f"UID,Barcode\n{OTHER},TN.2\n")
    assert stored(library) == [(OTHER, "TN.2")]


def test_a_dry_run_reports_and_writes_nothing(library: Library) -> None:
    report = take(library, f"UID,Barcode\n{UID},TN.1\n", dry_run=True)
    assert (report.tags, report.dry_run, report.as_json()["tags"]) == (1, True, 1)
    assert stored(library) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.FILE_EMPTY),
        (b"PK\x03\x04" + b"rubbish" * 90, Reason.NOT_A_TABLE),
        (b"Title,Author\na,b\n", Reason.HEADER_MISSING),
        (b"UID,Barcode,UID\nE004010012345678,TN.1,\n", Reason.HEADER_TWICE),
    ],
    ids=["empty", "broken workbook", "another list", "two columns"],
)
def test_a_file_that_is_no_list_of_chips_is_told_and_stops_no_other(
    library: Library, content: bytes, reason: Reason
) -> None:
    report = take(library, content, f"UID,Barcode\n{UID},TN.1\n")
    assert [entry.reason for entry in report.refused] == [reason]
    assert stored(library) == [(UID, "TN.1")]
