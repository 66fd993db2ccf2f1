"""Lists of readers, as spreadsheet programs write them, into the reference."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.loader import Problems
from sync.circulation.model import Patron, PatronBlockKind
from sync.circulation.network import Branch, Network
from sync.intake.patron_rows import PatronColumns
from sync.intake.patrons import import_patrons, load_columns
from sync.intake.reasons import Reason
from sync.intake.report import PatronReport, Place
from sync.store import tables
from tests.sync.intake.conftest import Library
from tests.sync.intake.quirky import windows_1258, workbook

HEADING = ["Số thẻ", "Họ và tên", "Ngày sinh", "Loại thẻ", "Ngày hết hạn", "Tiền cược", "Khóa thẻ"]
AN = ["TN000101", "Nguyễn Văn An", "05/03/1990", "Thẻ mượn", "31/12/2026", "50.000", ""]


def sheet(*rows: Sequence[str], heading: Sequence[str] = HEADING, separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([heading, *rows])
    return text.getvalue()


def shipped() -> PatronColumns:
    columns = load_columns()
    assert not isinstance(columns, Problems)
    return columns


def stored(library: Library) -> list[tuple[Any, ...]]:
    return library.rows(tables.patron)


def refused(report: PatronReport) -> list[tuple[int, Reason]]:
    return [(entry.place.record, entry.reason) for entry in report.refused]


def one(library: Library, **cells: str) -> tuple[PatronReport, dict[str, object]]:
    """A list with one reader whose cells under these fields' usual headings are these."""
    columns = shipped()
    row = {columns.card[0]: "1", columns.name[0]: "An"}
    row |= {getattr(columns, name)[0]: value for name, value in cells.items()}
    report = library.patrons(sheet(list(row.values()), heading=list(row)))
    rows = stored(library)
    names = [column.name for column in tables.patron.columns]
    return report, dict(zip(names, rows[0], strict=True)) if rows else {}


AN_STORED = ("TN000101", "Nguyễn Văn An", "adult", "MAIN", "2026-12-31", "1990-03-05", 50_000, "[]")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1258"])
def test_a_list_is_read_in_any_encoding_and_with_any_separator(library: Library, encoding: str, separator: str) -> None:
    text = sheet(AN, separator=separator)
    content = windows_1258(text) if encoding == "cp1258" else text.encode(encoding)
    report = library.patrons(content)
    assert (report.read, report.patrons, report.cards) == (1, 1, 1)
    assert not report.tallies
    assert stored(library) == [AN_STORED]
    assert library.rows(tables.card) == [("TN000101", "TN000101")]


def test_a_list_in_an_encoding_that_is_not_recognised_is_refused_as_a_whole(library: Library) -> None:
    # TCVN3, as with the old .VnTime fonts: nobody's names are guessed.
    tcvn3 = "Sè thÎ,Hä vµ tªn\n1,NguyÔn V¨n §øc\n2,TrÇn ThÞ Ngäc\n".encode("cp1252")
    report = library.patrons(tcvn3)
    assert refused(report) == [(0, Reason.ENCODING_UNKNOWN)]
    assert not stored(library)


def test_one_broken_letter_spoils_its_own_row(library: Library) -> None:
    rows = [[f"{n}", f"Nguyễn Thị Hồng Ánh {n}"] for n in range(5)]
    content = sheet(*rows, heading=HEADING[:2]).encode().replace("Ánh 2".encode(), b"\xc3nh 2")
    assert refused(library.patrons(content)) == [(4, Reason.TEXT_DAMAGED)]
    assert [row[0] for row in stored(library)] == ["0", "1", "3", "4"]


def test_a_quotation_mark_that_is_never_closed_spoils_its_own_row(library: Library) -> None:
    rows = [f"{n},Họ Tên {n}" for n in range(60)]
    rows[3] = '3,"Họ Tên 3'
    report = library.patrons("Số thẻ,Họ và tên\n" + "\n".join(rows))
    assert refused(report) == [(5, Reason.QUOTE_OPEN)]
    assert report.patrons == 59


def test_a_quotation_mark_that_the_next_row_closes_spoils_no_other(library: Library) -> None:
    report = library.patrons('Số thẻ,Họ và tên\n1,"An\n2,"Bình"\n3,Chi\n')
    assert refused(report) == [(2, Reason.QUOTE_OPEN)]
    assert [row[1] for row in stored(library)] == ["Bình", "Chi"]


def test_a_quoted_cell_may_go_over_lines_and_hold_separators(library: Library) -> None:
    report = library.patrons('Địa chỉ,Số thẻ,Họ và tên\n"Số 1, ngõ 2\nphường ""Túc Duyên""",1,An\n,2,"Bình, Trần"\n')
    assert [row[:2] for row in stored(library)] == [("1", "An"), ("2", "Bình, Trần")]
    assert report.read == 2


def test_rows_are_numbered_as_a_spreadsheet_numbers_them(library: Library) -> None:
    report = library.patrons("DANH SÁCH BẠN ĐỌC,\n,\nSố thẻ,Họ và tên\n1,An\n,\n,Không có thẻ\n2,\n")
    assert refused(report) == [(6, Reason.CARD_NUMBER_MISSING), (7, Reason.NAME_MISSING)]
    assert report.read == 3


def test_a_heading_repeated_on_every_printed_page_is_no_reader(library: Library) -> None:
    report = library.patrons("Số thẻ,Họ và tên\n1,An\nSỐ THẺ,HỌ VÀ TÊN\n2,Bình\n")
    assert (report.read, report.patrons) == (2, 2)


def test_a_row_with_more_cells_than_headings_is_refused_as_its_columns_have_moved(library: Library) -> None:
    report = library.patrons("Số thẻ,Họ và tên,Tiền cược,Ngày sinh\n1,An,50,000,1990\n2,Bình,50.000,1990\n")
    assert refused(report) == [(2, Reason.ROW_TOO_LONG)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.FILE_EMPTY),
        (b" \r\n \r\n", Reason.FILE_EMPTY),
        (b"PK\x03\x04" + b"rubbish" * 90, Reason.NOT_A_TABLE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, Reason.OLD_WORKBOOK),
        ("Tên sách,Tác giả\nTruyện Kiều,Nguyễn Du\n".encode(), Reason.HEADER_MISSING),
        ("Số thẻ,Họ và tên,Số thẻ\n1,An,2\n".encode(), Reason.HEADER_TWICE),
    ],
    ids=["empty", "blank", "broken workbook", "old workbook", "another list", "two columns"],
)
def test_a_file_that_is_no_list_of_readers_is_told_and_stops_no_other(
    library: Library, content: bytes, reason: Reason
) -> None:
    report = library.patrons(content, sheet(AN))
    assert [entry.reason for entry in report.refused] == [reason]
    assert stored(library) == [AN_STORED]


def test_a_file_that_is_not_there_is_told(library: Library) -> None:
    assert refused(library.patrons(library.folder / "none.csv")) == [(0, Reason.FILE_UNREADABLE)]


# --- workbooks --------------------------------------------------------------------------------------------------------


def test_a_workbook_is_read_with_its_dates_numbers_and_titles(library: Library, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "ban-doc.xlsx",
        [
            ["THƯ VIỆN TỈNH", None],
            [],
            ["STT", *HEADING],
            [1, 101, "Nguyễn Văn An", datetime(1990, 3, 5), "Thẻ mượn", 46387, 50_000, None],  # noqa: DTZ001  # as Excel
            [2, "00102", "Trần Thị Bình", 1987, "Thẻ đọc", date(2026, 12, 31), None, True],
        ],
        formats={"B4": "00000000"},
    )
    report = library.patrons(path)
    assert (report.read, report.patrons) == (2, 2)
    assert stored(library) == [
        ("00000101", "Nguyễn Văn An", "adult", "MAIN", "2026-12-31", "1990-03-05", 50_000, "[]"),
        (
            "00102", "Trần Thị Bình", "reading_only", "MAIN", "2026-12-31", "1987-01-01", 0,
            '[{"kind": "other", "until": null, "note": ""}]',
        ),
    ]  # fmt: skip
    assert report.count(Reason.YEAR_ONLY) == 1


def test_every_sheet_with_readers_is_read_and_empty_ones_are_nothing(library: Library, tmp_path: Path) -> None:
    rows: list[list[object]] = [["Số thẻ", "Họ và tên"], ["1", "An"]]
    path = workbook(tmp_path / "x.xlsx", rows, [], [["Số thẻ", "Họ tên"], ["2", "Bình"], ["1", "Khác"]])
    report = library.patrons(path)
    assert [row[1] for row in stored(library)] == ["An", "Bình"]
    (entry,) = report.refused
    assert (entry.reason, entry.place, entry.other) == (
        Reason.PATRON_TWICE, Place("x.xlsx [Sheet2]", 3), Place("x.xlsx [Sheet]", 2),
    )  # fmt: skip


def test_a_card_number_that_a_spreadsheet_has_rounded_is_refused(library: Library, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Số thẻ", "Họ và tên"],
        [1234567890123456789, "An"],
        [12.5, "Bình"],
        [123456789012345, "Chi"],
    ]
    report = library.patrons(workbook(tmp_path / "x.xlsx", rows), "Số thẻ,Họ và tên\n1.23457E+11,An\n")
    assert [entry.reason for entry in report.refused] == [Reason.CARD_NUMBER_ROUNDED] * 3
    assert [row[0] for row in stored(library)] == ["123456789012345"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_workbook_never_raises(library: Library, data: st.DataObject) -> None:
    whole = library.folder / "whole.xlsx"
    if not whole.exists():
        workbook(whole, [["Số thẻ", "Họ và tên"], *([n, f"Tên {n}"] for n in range(9))])
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(4, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert isinstance(library.patrons(bytes(content)), PatronReport)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda tail: sheet(AN).encode() + tail)))
def test_a_list_never_raises_whatever_it_holds(library: Library, content: bytes) -> None:
    assert isinstance(library.patrons(content), PatronReport)


# --- cells ------------------------------------------------------------------------------------------------------------


def test_family_and_given_name_in_two_columns_become_one(library: Library) -> None:
    library.patrons("Số thẻ,Họ và tên đệm,Tên\n1,Nguyễn Văn,An\n2,,Bình\n")
    assert [row[1] for row in stored(library)] == ["Nguyễn Văn An", "Bình"]


def test_an_export_of_koha_is_known_by_its_own_headings(library: Library) -> None:
    library.patrons(
        "cardnumber,surname,firstname,dateofbirth,categorycode,dateexpiry,branchcode\n"
        "23529001,Nguyễn Văn,An,1990-03-05,CHILD,2026-12-31,TN\n"
    )
    assert stored(library) == [("23529001", "Nguyễn Văn An", "child", "TN", "2026-12-31", "1990-03-05", 0, "[]")]


@pytest.mark.parametrize(
    ("expires", "day"),
    [
        ("31/12/2026", "2026-12-31"), ("2026-12-31", "2026-12-31"), ("2026", "2026-12-31"), ("02/2028", "2028-02-29"),
        ("", None), ("Không thời hạn", None), ("31/12/9999", None),
    ],
)  # fmt: skip
def test_a_card_is_good_until_the_last_day_that_its_list_may_mean(
    library: Library, expires: str, day: str | None
) -> None:
    report, patron = one(library, expires=expires)
    assert patron["expires"] == day
    assert not report.tallies


@pytest.mark.parametrize("expires", ["12/31/2026", "31/12/26", "sang năm"])
def test_a_card_whose_expiry_cannot_be_read_does_not_come_in_as_one_that_never_expires(
    library: Library, expires: str
) -> None:
    report, patron = one(library, expires=expires)
    assert refused(report) == [(2, Reason.EXPIRY_UNREADABLE)]
    assert not patron


def test_a_birth_date_or_deposit_that_cannot_be_read_is_left_out_and_told(library: Library) -> None:
    report, patron = one(library, birth_date="5/3/90", deposit="năm mươi nghìn")
    assert (patron["birth_date"], patron["deposit"]) == (None, 0)
    assert [(entry.place.record, entry.reason) for entry in report.repaired] == [
        (2, Reason.BIRTH_DATE_UNREADABLE),
        (2, Reason.DEPOSIT_UNREADABLE),
    ]


def blocks(patron: dict[str, object]) -> list[dict[str, object]]:
    found = json.loads(str(patron["blocks"]))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("word", ["", "Không", "0", "Hoạt động", "No", "Còn hiệu lực"])
def test_a_card_that_a_list_does_not_stop_is_not_stopped(library: Library, word: str) -> None:
    report, patron = one(library, blocked=word)
    assert blocks(patron) == []
    assert not report.tallies


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("x", PatronBlockKind.OTHER), ("Khoá", PatronBlockKind.OTHER), ("1", PatronBlockKind.OTHER),
        ("Mất thẻ", PatronBlockKind.LOST_CARD), ("Nợ", PatronBlockKind.DEBT), ("Còn nợ", PatronBlockKind.DEBT),
        ("Kỷ luật", PatronBlockKind.DISCIPLINE),
    ],
)  # fmt: skip
def test_a_card_is_stopped_for_the_reason_that_its_list_gives(
    library: Library, word: str, kind: PatronBlockKind
) -> None:
    report, patron = one(library, blocked=word)
    assert blocks(patron) == [{"kind": kind.value, "until": None, "note": ""}]
    assert not report.tallies


def test_words_that_are_not_understood_stop_the_card_and_stay_as_a_note(library: Library) -> None:
    report, patron = one(library, blocked="Chờ chị Hoa xử lý")
    assert blocks(patron) == [{"kind": "other", "until": None, "note": "Chờ chị Hoa xử lý"}]
    assert [entry.reason for entry in report.repaired] == [Reason.BLOCK_UNCLEAR]


@pytest.mark.parametrize(
    ("cells", "block"),
    [
        ({"blocked": "Kỷ luật", "blocked_until": "30/06/2026"}, ("discipline", "2026-06-30", "")),
        ({"blocked_until": "30/06/2026"}, ("other", "2026-06-30", "")),
        ({"blocked": "x", "blocked_until": "hè"}, ("other", None, "x hè")),
    ],
)
def test_a_stop_ends_when_the_list_says_and_never_if_it_cannot_be_read(
    library: Library, cells: dict[str, str], block: tuple[str, str | None, str]
) -> None:
    _, patron = one(library, **cells)
    assert [tuple(found.values()) for found in blocks(patron)] == [block]


def test_categories_are_translated_and_unknown_ones_counted(library: Library) -> None:
    rows = [["1", "An", "THẺ THIẾU NHI"], ["2", "Bình", "teacher"], ["3", "Chi", "VIP"], ["4", "Dũng", ""]]
    report = library.patrons(sheet(*rows, heading=["Số thẻ", "Họ tên", "Loại thẻ"]))
    assert [row[2] for row in stored(library)] == ["child", "teacher", "adult", "adult"]
    assert [(tally.reason, tally.detail, tally.count) for tally in report.tallies] == [
        (Reason.CATEGORY_UNKNOWN, "VIP", 1)
    ]


def test_a_column_of_anything_but_codes_is_not_spread_out_in_the_report(library: Library) -> None:
    rows = [[f"{n}", "An", f"Nguyễn Văn {n}"] for n in range(100)]
    report = library.patrons(sheet(*rows, heading=["Số thẻ", "Họ tên", "Loại thẻ"]))
    assert len(report.tallies) == 21
    assert report.count(Reason.CATEGORY_UNKNOWN) == 100


def test_a_branch_that_the_network_does_not_know_is_told_and_the_own_one_taken(library: Library) -> None:
    report = import_patrons(
        library.files([b"So the,Ho ten,Thu vien\n1,An,TN\n2,Binh,HN\n3,Chi,\n"], ".csv"),
        library.reference,
        replace(shipped(), branches={"Thái Nguyên": "TN"}),
        branch="MAIN",
        network=Network((Branch("MAIN", "Thư viện"), Branch("TN", "Thái Nguyên", "MAIN"))),
    )
    assert [row[3] for row in stored(library)] == ["TN", "MAIN", "MAIN"]
    assert [(tally.reason, tally.detail) for tally in report.tallies] == [(Reason.BRANCH_UNKNOWN, "HN")]


# --- numbers ----------------------------------------------------------------------------------------------------------

NUMBERED = ["Mã bạn đọc", "Số thẻ", "Họ và tên", "Mã RFID"]


def cards(library: Library) -> dict[str, str]:
    return {str(number): str(patron) for number, patron in library.rows(tables.card)}


def test_a_reader_may_have_a_number_of_her_own_and_several_cards(library: Library) -> None:
    report = library.patrons(sheet(["P1", "C1", "An", "E004"], heading=NUMBERED))
    assert [row[0] for row in stored(library)] == ["P1"]
    assert cards(library) == {"C1": "P1", "P1": "P1", "E004": "P1"}
    assert (report.patrons, report.cards) == (1, 3)


def test_a_replaced_card_no_longer_stands_for_its_reader(library: Library) -> None:
    library.patrons(sheet(["P1", "C1", "An", ""], heading=NUMBERED))
    library.patrons(sheet(["P1", "C2", "An", ""], heading=NUMBERED))
    assert cards(library) == {"C2": "P1", "P1": "P1"}


def test_a_list_that_knows_readers_by_card_alone_takes_no_other_card_away(library: Library) -> None:
    library.patrons(sheet(["P1", "C1", "An", "E004"], heading=NUMBERED))
    library.patrons(sheet(["C1", "Nguyễn Văn An"], heading=["Số thẻ", "Họ tên"]))
    assert [row[:2] for row in stored(library)] == [("P1", "Nguyễn Văn An")]
    assert cards(library) == {"C1": "P1", "P1": "P1", "E004": "P1"}


def test_a_card_is_never_given_to_two_readers(library: Library) -> None:
    report = library.patrons(
        sheet(["P1", "C1", "An", "E1"], ["P2", "C1", "Bình", "E2"], ["P3", "C3", "Chi", "E1"], heading=NUMBERED)
    )
    assert [(entry.place.record, entry.reason, entry.other) for entry in report.refused] == [
        (3, Reason.CARD_NUMBER_TAKEN, Place("file-1.csv", 2)),
        (4, Reason.CARD_NUMBER_TAKEN, Place("file-1.csv", 2)),
    ]
    # Whose main card is another's does not come in; who only shares a further number comes in without it.
    assert cards(library) == {"C1": "P1", "P1": "P1", "E1": "P1", "C3": "P3", "P3": "P3"}


def test_a_card_known_from_an_earlier_list_is_not_given_away(library: Library) -> None:
    library.patrons(sheet(["P1", "C1", "An", ""], heading=NUMBERED))
    report = library.patrons(sheet(["P2", "C1", "Bình", ""], heading=NUMBERED))
    assert [(entry.reason, entry.other) for entry in report.refused] == [(Reason.CARD_NUMBER_TAKEN, None)]
    assert [row[0] for row in stored(library)] == ["P1"]


def test_a_card_passes_on_when_the_same_list_gives_its_old_reader_another(library: Library) -> None:
    library.patrons(sheet(["P1", "C1", "An", ""], heading=NUMBERED))
    report = library.patrons(sheet(["P1", "C2", "An", ""], ["P2", "C1", "Bình", ""], heading=NUMBERED))
    assert not report.refused
    assert cards(library) == {"C1": "P2", "C2": "P1", "P1": "P1", "P2": "P2"}


def test_a_reader_listed_twice_comes_in_once_and_both_rows_are_named(library: Library) -> None:
    report = library.patrons(sheet(AN, ["TN000101", "Người khác", "", "", "", "", ""]))
    (entry,) = report.refused
    assert (entry.place.record, entry.reason, entry.other) == (3, Reason.PATRON_TWICE, Place("file-1.csv", 2))
    assert [row[1] for row in stored(library)] == ["Nguyễn Văn An"]


# --- again, and without writing ---------------------------------------------------------------------------------------


def test_what_a_list_has_no_column_for_is_left_as_it_is(library: Library) -> None:
    library.patrons(sheet([*AN[:-1], "Mất thẻ"]))
    library.patrons(sheet(["TN000101", "Nguyễn Văn Ân"], ["TN000102", "Bình"], heading=["Số thẻ", "Họ tên"]))
    assert stored(library) == [
        ("TN000101", "Nguyễn Văn Ân", *AN_STORED[2:7], '[{"kind": "lost_card", "until": null, "note": ""}]'),
        ("TN000102", "Bình", "adult", "MAIN", None, None, 0, "[]"),
    ]


def test_an_import_repeated_changes_nothing_and_tells_the_same(library: Library) -> None:
    content = sheet(AN, ["2", "", "", "", "", "", ""], ["3", "Chi", "1987", "VIP", "", "x", "?"], ["TN000101", "Lại"])
    first = library.patrons(content)
    before = library.everything()
    assert library.patrons(content) == first
    assert library.everything() == before


def test_a_dry_run_tells_the_same_and_writes_nothing(library: Library) -> None:
    content = sheet(*([f"{n}", f"Tên {n}", "", "", "", "", ""] for n in range(1500)), ["7", "Lại"])
    dry = library.patrons(content, dry_run=True)
    assert not stored(library)
    assert dry.as_json() | {"dry_run": False} == library.patrons(content).as_json()


def test_forgetting_a_reader_and_importing_again_are_no_trouble(library: Library) -> None:
    library.patrons(sheet(AN))
    library.reference.forget_patron("TN000101")
    assert (stored(library), cards(library)) == ([], {})
    library.patrons(sheet(AN))
    assert stored(library) == [AN_STORED]


# --- privacy ----------------------------------------------------------------------------------------------------------


def test_a_report_and_a_log_name_rows_and_never_people_or_numbers(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["TN000777", "Nguyễn Thị Bí Mật", "11/11/1911x", "Chờ chị Hoa"]
    row = [secrets[0], secrets[1], secrets[2], "Thẻ mượn", "2026", "", secrets[3]]
    with caplog.at_level("DEBUG"):
        report = library.patrons(sheet(row, row, [secrets[0], "", *[""] * 5], [*row[:4], "mai", "", ""]))
    assert len(report.refused) == 3
    told = json.dumps(report.as_json(), ensure_ascii=False) + caplog.text
    told += "".join(entry.phrase().vi + entry.phrase().en for entry in (*report.refused, *report.repaired))
    assert not [secret for secret in secrets if secret in told]


def test_the_json_counts_readers_and_cards(library: Library) -> None:
    told = library.patrons(sheet(AN)).as_json()
    assert told == {"dry_run": False, "read": 1, "patrons": 1, "cards": 1, "repaired": [], "refused": [], "counts": []}


# --- columns ----------------------------------------------------------------------------------------------------------


def test_a_library_names_its_own_columns_and_keeps_the_rest(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('card = ["Mã SV"]\ndefault_category = "student"\n[categories]\n"K65" = "student"\n', "utf-8")
    columns = load_columns(str(path))
    assert isinstance(columns, PatronColumns)
    library.patrons("Mã SV,Số thẻ,Họ tên,Loại thẻ\nSV1,x,An,K65\nSV2,y,Bình,Thẻ đọc\nSV3,z,Chi,\n", columns=columns)
    assert [(row[0], row[2]) for row in stored(library)] == [
        ("SV1", "student"),
        ("SV2", "reading_only"),
        ("SV3", "student"),
    ]


def test_all_mistakes_of_a_column_file_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('card = "Mã SV"\nnam = ["x"]\n', "utf-8")
    found = load_columns(str(path))
    assert isinstance(found, Problems)
    assert {problem.key for problem in found} == {"card", "nam"}


def test_the_headings_that_ship_are_distinct_within_a_field_and_between_fields() -> None:
    columns = shipped()
    lists = [getattr(columns, name) for name in PatronColumns.__dataclass_fields__]
    headings = [heading for found in lists if isinstance(found, tuple) for heading in found]
    assert len(headings) == len(set(headings))


def test_patrons_may_also_come_as_plain_values(library: Library) -> None:
    library.reference.write(patrons=[Patron("1", "An", "adult", "MAIN")], cards={"1": ["1", "E1"]})
    assert library.reference.patrons_by_number(["1", "E1", "x"]) == {"1": "1", "E1": "1"}
