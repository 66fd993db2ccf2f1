"""The reference as imports write it: whole batches, again without harm, and nothing left of a forgotten reader."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from config.loader import Problems
from sync.circulation.model import Item, ItemStatus, Patron, PatronBlock, PatronBlockKind, Title
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.store import tables
from sync.store.files import ReferenceFile, open_reference
from sync.store.reference import Claim, Counts, Reference
from sync.store.search import Catalogue
from tests.sync.intake.quirky import book, iso2709

KIEU = Title(
    "t1", "Truyện Kiều", "Nguyễn Du", "Trẻ", "2015", "", "895.9221", ("Truyện thơ",), ("9786041123450",), "vie"
)
COPY = Item("TN1", "t1", "book", "TN", 2, 95_000, "895.9 K", "Kho mượn", ItemStatus.DAMAGED)
AN = Patron(
    "P1",
    "Nguyễn Văn An",
    "adult",
    "TN",
    date(2026, 12, 31),
    date(1990, 3, 5),
    50_000,
    (PatronBlock(PatronBlockKind.DEBT, date(2026, 6, 30), "Nợ sách"),),
)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[ReferenceFile]:
    with open_reference(tmp_path) as file:
        yield file


@pytest.fixture
def reference(file: ReferenceFile) -> Reference:
    return Reference(file)


def rows(file: ReferenceFile, table: sa.Table) -> list[dict[str, object]]:
    with file.begin() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def found(file: ReferenceFile, words: str) -> list[str]:
    with file.begin() as connection:
        page = Catalogue(connection).search(words)
        return [] if page.loose else [hit.title.title for hit in page.hits]


def test_what_is_written_is_there_with_every_field(file: ReferenceFile, reference: Reference) -> None:
    reference.write([KIEU], [COPY], [AN], sources={"TN1": "001 VN 7"}, cards={"P1": ["P1", "E004"]})
    assert reference.titles(["t1", "none"]) == {"t1": KIEU}
    (item,) = rows(file, tables.item)
    assert item == {
        "item_id": "TN1", "title_id": "t1", "type": "book", "branch": "TN", "parts": 2, "price": 95_000,
        "call_number": "895.9 K", "location": "Kho mượn", "status": "damaged", "source_record": "001 VN 7",
    }  # fmt: skip
    (patron,) = rows(file, tables.patron)
    assert json.loads(str(patron.pop("blocks"))) == [{"kind": "debt", "until": "2026-06-30", "note": "Nợ sách"}]
    assert patron == {
        "patron_id": "P1", "name": "Nguyễn Văn An", "category": "adult", "branch": "TN", "expires": "2026-12-31",
        "birth_date": "1990-03-05", "deposit": 50_000,
    }  # fmt: skip
    assert reference.claims(["TN1", "none"]) == {"TN1": Claim("001 VN 7", "t1")}
    assert reference.patrons_by_number(["E004", "P1", "none"]) == {"E004": "P1", "P1": "P1"}
    assert reference.counts() == Counts(titles=1, items=1, patrons=1)


def test_writing_again_replaces_and_adds_nothing(file: ReferenceFile, reference: Reference) -> None:
    for title in (KIEU, Title("t1", "Kim Vân Kiều")):
        reference.write([title], [COPY], [AN])
    assert [row["title"] for row in rows(file, tables.title)] == ["Kim Vân Kiều"]
    assert reference.counts() == Counts(titles=1, items=1, patrons=1)


def test_a_title_keeps_its_row_number_for_as_long_as_it_is_there(file: ReferenceFile, reference: Reference) -> None:
    reference.write([KIEU, Title("t2", "Số đỏ")])
    before = {row["title_id"]: row["id"] for row in rows(file, tables.title)}
    reference.write([Title("t2", "Số đỏ mới"), KIEU, Title("t3", "Tắt đèn")])
    after = {row["title_id"]: row["id"] for row in rows(file, tables.title)}
    assert before.items() <= after.items()


def test_the_search_index_keeps_step_with_titles_and_their_copies(file: ReferenceFile, reference: Reference) -> None:
    reference.write([KIEU, Title("t2", "Số đỏ", "Vũ Trọng Phụng")], [COPY])
    assert found(file, "truyen kieu") == found(file, "895.9 k") == ["Truyện Kiều"]
    reference.write([Title("t1", "Đoạn trường tân thanh")])
    assert found(file, "truyen kieu") == []
    assert found(file, "doan truong") == ["Đoạn trường tân thanh"]
    # A copy that moves takes its call number along.
    reference.write(items=[Item("TN1", "t2", "book", "TN", call_number="895.9 K")])
    assert found(file, "895.9 k") == ["Số đỏ"]


def test_titles_without_copies_go_when_they_are_named_as_abandoned_and_only_then(
    file: ReferenceFile, reference: Reference
) -> None:
    reference.write([KIEU, Title("t2", "Số đỏ"), Title("t3", "Tắt đèn")], [COPY])
    with file.begin() as connection:
        connection.execute(
            sa.insert(tables.hold),
            {"hold_id": "h", "patron_id": "P1", "title_id": "t3", "pickup_branch": "TN", "placed_at": 0},
        )
    reference.write(abandoned=["t1", "t2", "t3", "none"])
    assert [row["title"] for row in rows(file, tables.title)] == ["Truyện Kiều", "Tắt đèn"]
    assert found(file, "so do") == []


def test_a_batch_that_fails_leaves_nothing_behind(file: ReferenceFile, reference: Reference) -> None:
    broken = Title("t2", None)  # type: ignore[arg-type]  # what no caller may do, to make SQLite refuse
    with pytest.raises(sa.exc.IntegrityError):
        reference.write([KIEU, broken], [COPY])
    assert reference.counts() == Counts(0, 0, 0)
    assert found(file, "kieu") == []


def test_a_batch_may_hold_more_than_sqlite_takes_at_once(file: ReferenceFile, reference: Reference) -> None:
    titles = [Title(f"t{n}", f"Tập {n}") for n in range(1700)]
    items = [Item(f"i{n}", f"t{n}", "book", "TN") for n in range(1700)]
    reference.write(titles, items, sources={f"i{n}": f"s{n}" for n in range(1700)})
    assert len(reference.claims([item.item_id for item in items])) == 1700
    assert found(file, "tập 1699") == ["Tập 1699"]


def test_fields_that_are_kept_stay_for_those_known_and_hold_for_new_ones(
    file: ReferenceFile, reference: Reference
) -> None:
    reference.write(patrons=[AN], cards={"P1": ["C1"]})
    newer = Patron("P1", "Nguyễn Văn Ân", "child", "TB", deposit=7)
    kept = {"category", "expires", "birth_date", "blocks", "cards"}
    reference.write(patrons=[newer, Patron("P2", "Bình", "child", "TB")], cards={"P1": ["C2"]}, kept=kept)
    an, binh = rows(file, tables.patron)
    assert (an["name"], an["category"], an["expires"], an["deposit"]) == ("Nguyễn Văn Ân", "adult", "2026-12-31", 7)
    assert binh["category"] == "child"
    assert reference.patrons_by_number(["C1", "C2"]) == {"C1": "P1", "C2": "P1"}


def test_cards_replace_the_ones_there_were_of_patrons_that_are_named(reference: Reference) -> None:
    reference.write(patrons=[AN, Patron("P2", "Bình", "adult", "TN")], cards={"P1": ["C1"], "P2": ["C2"]})
    reference.write(patrons=[AN], cards={"P1": ["C9"]})
    reference.write(patrons=[Patron("P2", "Bình", "adult", "TN")])
    assert reference.patrons_by_number(["C1", "C2", "C9"]) == {"C2": "P2", "C9": "P1"}


def test_one_rule_set_is_in_force_at_a_time(reference: Reference) -> None:
    assert reference.rules() is None
    reference.write_rules("v1", '{"branches": []}')
    reference.write_rules("v2", "{}")
    assert reference.rules() == ("v2", "{}")


def test_forgetting_a_patron_leaves_loans_without_her_and_not_a_byte_of_her_name(tmp_path: Path) -> None:
    with open_reference(tmp_path) as file, Reference(file) as reference:
        others = [Patron(f"X{n}", f"Bạn đọc số {n}", "adult", "TN") for n in range(300)]
        secret = Patron(
            "P777", "Trần Thị Bí Mật", "adult", "TN", blocks=(PatronBlock(PatronBlockKind.OTHER, None, "Điều kín"),)
        )
        reference.write(patrons=[*others, secret], cards={"P777": ["E00477"], "X1": ["E1"]})
        with file.begin() as connection:
            loan = {
                "item_id": "i1",
                "item_type": "book",
                "branch": "TN",
                "mode": "take_home",
                "checked_out_at": 0,
                "due_at": 1,
            }
            connection.execute(sa.insert(tables.reference_loan), loan | {"token": "0" * 16, "patron_id": "E00477"})
            hold = {"title_id": "t", "pickup_branch": "TN", "placed_at": 0}
            connection.execute(sa.insert(tables.hold), hold | {"hold_id": "h1", "patron_id": "P777"})
            connection.execute(sa.insert(tables.hold), hold | {"hold_id": "h2", "patron_id": "X1"})
            fee = {"kind": "card", "amount": 5, "charged_at": 0}
            connection.execute(sa.insert(tables.reference_fee), fee | {"fee_id": "f1", "patron_id": "P777"})
        reference.forget_patron("P777")
        assert reference.counts().patrons == 300
        assert reference.patrons_by_number(["P777", "E00477", "E1"]) == {"E1": "X1"}
        assert [row["patron_id"] for row in rows(file, tables.reference_loan)] == [None]
        assert [row["hold_id"] for row in rows(file, tables.hold)] == ["h2"]
        assert rows(file, tables.reference_fee) == []
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
        for word in ("Bí Mật", "P777", "E00477", "Điều kín"):
            assert word.encode() not in content


# --- a process killed in the middle -----------------------------------------------------------------------------------

_IMPORT = """
import sys
from pathlib import Path
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.store.files import open_reference
from sync.store.reference import Reference

home, file = map(Path, sys.argv[1:])
with Reference(open_reference(home)) as reference:
    print("begun", flush=True)
    import_catalogue([file], reference, load_mapping(), branch="MAIN")
"""

_HOUSE = Path(__file__).parents[3]


def _records() -> bytes:
    """Copies two to a title far apart, a barcode taken now and then, a record without a title."""
    return b"".join(
        iso2709(
            book(
                f"Tập {n % 2000}" if n % 97 else "",
                barcode=f"B{n - n % 50 // 49}",
                running=f"{n}",
                more=[("653", [("a", f"Chủ đề {n % 7}")])],
            )
        )
        for n in range(4_000)
    )


def _everything(home: Path) -> dict[str, list[object]]:
    with open_reference(home) as file, file.begin() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        connection.execute(sa.text("INSERT INTO title_search(title_search) VALUES ('integrity-check')"))
        # Row numbers are the index's affair and depend on how the batches fell.
        title = [column for column in tables.title.columns if column.name != "id"]
        asked: dict[str, sa.Executable] = {
            "titles": sa.select(*title).order_by(tables.title.c.title_id),
            "items": sa.select(tables.item).order_by(tables.item.c.item_id),
            "indexed": sa.text("SELECT title, count(*) FROM title_search GROUP BY title ORDER BY title"),
            "unindexed": sa.text("SELECT id FROM title WHERE id NOT IN (SELECT rowid FROM title_search)"),
            "orphans": sa.text("SELECT item_id FROM item WHERE title_id NOT IN (SELECT title_id FROM title)"),
        }
        return {name: [tuple(row) for row in connection.execute(query)] for name, query in asked.items()}


def test_an_import_killed_at_any_moment_is_completed_by_running_it_again(tmp_path: Path) -> None:
    file = tmp_path / "records.mrc"
    file.write_bytes(_records())
    mappings = load_mapping()
    assert not isinstance(mappings, Problems)
    whole = tmp_path / "whole"
    with Reference(open_reference(whole)) as reference:
        began = time.monotonic()
        report = import_catalogue([file], reference, mappings, branch="MAIN")
        took = timedelta(seconds=time.monotonic() - began)

    killed = tmp_path / "killed"
    partly = 0
    for share in (0.2, 0.45, 0.7):
        process = subprocess.Popen(
            [sys.executable, "-c", _IMPORT, killed, file], cwd=_HOUSE, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            time.sleep(share * took.total_seconds())
            process.send_signal(signal.SIGKILL)
        left = _everything(killed)
        assert not left["orphans"]
        assert not left["unindexed"]
        partly += 0 < len(left["items"]) < report.items
    assert partly, "no kill fell into the import"

    with Reference(open_reference(killed)) as reference:
        assert import_catalogue([file], reference, mappings, branch="MAIN") == report
    assert _everything(killed) == _everything(whole)
