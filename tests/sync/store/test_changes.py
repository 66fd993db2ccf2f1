"""What headquarters tells a station: page by page, and as a whole file beside a desk that goes on working."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.model import Loan
from sync.store import tables
from sync.store.changes import KEYS, Row, cursor_of, take_changes, take_snapshot
from sync.store.errors import NewerDatabase, NotADatabase, StoreError
from sync.store.files import REFERENCE, open_reference
from sync.store.ledger import Ledger, Lent
from sync.store.upgrade import Step
from tests.sync.store.stations import (
    AN,
    BINH,
    KIEU_1,
    LAO_HAC,
    MORNING,
    SO_DO,
    Clock,
    in_order,
    new_station,
    open_desk,
    quick_folder,
)

HQ = "PY"


@dataclass(frozen=True)
class Told:
    table: str
    key: str
    row: Row | None


def tell(home: Path, *changes: Told, cursor: int = 1) -> None:
    with open_reference(home) as file:
        take_changes(file, changes, headquarters=HQ, cursor=cursor, told_at=MORNING)


def rows(home: Path, table: str) -> list[dict[str, str | int | None]]:
    with closing(sqlite3.connect(f"{REFERENCE.path(home).as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]


def loan(token: str, item: str = KIEU_1, patron: str = AN) -> Told:
    row: Row = {
        "token": token, "item_id": item, "item_type": "book", "patron_id": patron, "branch": "PB", "mode": "take_home",
        "checked_out_at": 1, "due_at": 2_000_000_000_000, "renewals": 0,
    }  # fmt: skip
    return Told("loan", token, row)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_station(tmp_path)


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_desk(home, Clock()) as opened:
        yield opened


def on_loan(ledger: Ledger, item: str) -> Loan | None:
    found = ledger.find_item(item)
    return found[2] if found else None


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_desk_sees_what_was_told_at_once(ledger: Ledger, home: Path) -> None:
    tell(home, loan("a1"))
    found = on_loan(ledger, KIEU_1)
    assert found is not None
    assert (found.token, found.patron_id) == ("a1", AN)
    tell(home, Told("loan", "a1", None), cursor=2)
    assert on_loan(ledger, KIEU_1) is None


def test_a_reader_told_may_borrow_and_one_taken_away_may_not(ledger: Ledger, home: Path) -> None:
    row = next(row for row in rows(home, "patron") if row["patron_id"] == BINH)
    tell(home, Told("patron", "BD-000999", {**row, "patron_id": "BD-000999"}), Told("patron", BINH, None))
    assert isinstance(ledger.checkout("BD-000999", LAO_HAC), Lent)
    assert ledger.find_patron(BINH) is None


def test_titles_told_are_found_by_their_words_and_no_longer_by_the_old_ones(ledger: Ledger, home: Path) -> None:
    row = next(row for row in rows(home, "title") if "Lão" in str(row["title"]))
    changed = {name: value for name, value in row.items() if name != "id"} | {"title": "Đời thừa"}
    tell(home, Told("title", str(row["title_id"]), changed))
    assert ledger.search("lão hạc").page.hits == ()
    assert [hit.title.title for hit in ledger.search("đời thừa").page.hits] == ["Đời thừa"]
    tell(home, Told("item", LAO_HAC, None), Told("title", str(row["title_id"]), None), cursor=2)
    assert ledger.search("đời thừa").page.hits == ()


def test_an_item_that_moves_to_another_title_is_found_there(ledger: Ledger, home: Path) -> None:
    item = next(row for row in rows(home, "item") if row["item_id"] == LAO_HAC)
    other = next(row for row in rows(home, "item") if row["item_id"] == SO_DO)
    tell(home, Told("item", LAO_HAC, {**item, "title_id": other["title_id"]}))
    (hit,) = ledger.search("số đỏ").page.hits
    assert {found.item_id for found in hit.items} >= {LAO_HAC, SO_DO}


def test_the_second_loan_of_an_item_takes_the_place_of_the_first_in_whatever_order(home: Path) -> None:
    tell(home, loan("a1"))
    tell(home, loan("b2"), Told("loan", "a1", None), cursor=2)
    assert [row["token"] for row in rows(home, "loan")] == ["b2"]
    tell(home, loan("c3"), cursor=3)
    assert [row["token"] for row in rows(home, "loan")] == ["c3"]


def test_a_newer_rule_set_takes_the_place_of_the_older(home: Path) -> None:
    tell(home, Told("rule_set", "9", {"version": "9", "body": "{}"}))
    assert [row["version"] for row in rows(home, "rule_set")] == ["9"]


def test_a_table_or_column_of_a_newer_headquarters_is_passed_over(home: Path) -> None:
    tell(
        home, Told("weather", "x", {"sunny": 1}), Told("card", "42", {"number": "42", "patron_id": AN, "colour": "red"})
    )
    assert {"number": "42", "patron_id": AN} in rows(home, "card")


def test_a_column_that_is_not_told_keeps_its_default_or_what_it_was(home: Path) -> None:
    row: Row = {"patron_id": "BD-1", "name": "Lê Thị Na", "category": "adult", "branch": "TN"}
    tell(home, Told("patron", "BD-1", row))
    tell(home, Told("patron", "BD-1", {**row, "deposit": 5000}), cursor=2)
    tell(home, Told("patron", "BD-1", {**row, "name": "Lê Thị Nà"}), cursor=3)
    (found,) = (r for r in rows(home, "patron") if r["patron_id"] == "BD-1")
    assert (found["name"], found["deposit"], found["blocks"]) == ("Lê Thị Nà", 5000, "[]")


def test_the_cursor_is_that_of_one_headquarters(home: Path) -> None:
    tell(home, cursor=7)
    with open_reference(home) as file, file.begin() as connection:
        assert cursor_of(connection, HQ) == 7
        assert cursor_of(connection, "HCM") == 0
    with open_reference(home) as file:
        take_changes(file, (), headquarters="HCM", cursor=2, told_at=MORNING)
    with open_reference(home) as file, file.begin() as connection:
        assert (cursor_of(connection, HQ), cursor_of(connection, "HCM")) == (0, 2)


def test_every_table_that_is_told_of_has_its_key() -> None:
    for table, key in KEYS.items():
        assert key in tables.reference.tables[table].columns


PAGE = st.lists(
    st.one_of(
        st.builds(loan, st.sampled_from(["a1", "b2", "c3"]), st.sampled_from([KIEU_1, LAO_HAC])),
        st.builds(Told, st.just("loan"), st.sampled_from(["a1", "b2", "c3"]), st.none()),
        st.builds(
            lambda number, patron: Told("card", number, {"number": number, "patron_id": patron}),
            st.sampled_from(["42", "43"]),
            st.sampled_from([AN, BINH]),
        ),
        st.builds(Told, st.just("card"), st.sampled_from(["42", "43"]), st.none()),
    ),
    max_size=12,
)


@given(PAGE, st.integers(0, 12))
def test_pages_may_be_cut_anywhere_and_come_twice(page: list[Told], cut: int) -> None:
    """A token stands for one loan of one item, so only a page in which that holds can come from headquarters."""
    items = {c.key: c.row["item_id"] for c in page if c.table == "loan" and c.row is not None}
    page = [c for c in page if c.table != "loan" or c.row is None or items[c.key] == c.row["item_id"]]
    with quick_folder() as one, quick_folder() as other:
        whole, parts = new_station(Path(one)), new_station(Path(other))
        tell(whole, *page)
        tell(parts, *page[:cut])
        tell(parts, *page[cut:], cursor=2)
        tell(parts, *page[cut:], cursor=2)
        for table in ("loan", "card"):
            assert rows(whole, table) == rows(parts, table)


# --- snapshots --------------------------------------------------------------------------------------------------------


def a_snapshot(folder: Path, *changes: Told, cursor: int = 50) -> Path:
    """What headquarters would send: a reference of its own, without an index."""
    made = folder / "made"
    made.mkdir()
    new_station(made)
    tell(made, *changes, cursor=cursor)
    with closing(sqlite3.connect(REFERENCE.path(made), isolation_level=None)) as connection:
        connection.execute("DROP TABLE title_search")
        connection.execute("PRAGMA journal_mode = DELETE")
    target = folder / "snapshot.part"
    shutil.copyfile(REFERENCE.path(made), target)
    return target


def test_a_snapshot_takes_the_place_of_the_reference_under_a_working_desk(
    ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    lent = ledger.checkout(AN, SO_DO)
    assert isinstance(lent, Lent)
    take_snapshot(home, a_snapshot(tmp_path, loan("a1")), command="test")
    found = on_loan(ledger, KIEU_1)
    assert found is not None
    assert found.token == "a1"
    assert on_loan(ledger, SO_DO) == lent.loan
    assert [hit.title.title for hit in ledger.search("lao hac").page.hits]
    assert in_order(ledger)
    tell(home, Told("loan", "a1", None), cursor=51)
    assert on_loan(ledger, KIEU_1) is None


def test_whoever_is_in_the_middle_of_looking_sees_the_old_reference_to_the_end(home: Path, tmp_path: Path) -> None:
    with open_desk(home, Clock()) as ledger, ledger._file.read() as connection:  # noqa: SLF001
        query = sa.text("SELECT count(*) FROM ref.loan")
        assert connection.execute(query).scalar() == 0
        take_snapshot(home, a_snapshot(tmp_path, loan("a1")), command="test")
        assert connection.execute(query).scalar() == 0
    with open_desk(home, Clock()) as ledger:
        assert on_loan(ledger, KIEU_1) is not None


def test_one_generation_is_left_after_many_snapshots(ledger: Ledger, home: Path, tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        take_snapshot(home, a_snapshot(folder, loan(f"a{number}")), command="test")
        found = on_loan(ledger, KIEU_1)
        assert found is not None
        assert found.token == f"a{number}"
    assert [file.name for file in home.glob("reference*.sqlite")] == ["reference-3.sqlite"]


def test_what_is_no_snapshot_or_of_a_newer_program_leaves_the_reference_as_it_was(home: Path, tmp_path: Path) -> None:
    newer = a_snapshot(tmp_path)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
    strange = tmp_path / "strange"
    with closing(sqlite3.connect(strange)) as connection, connection:
        connection.execute("CREATE TABLE x (y)")
    text = tmp_path / "text"
    text.write_bytes(b"<html>" * 1000)
    for file, error in ((newer, NewerDatabase), (strange, NotADatabase), (text, StoreError)):
        with pytest.raises(error):
            take_snapshot(home, file, command="test")
        assert {found.name for found in home.glob("reference*.sqlite")} == {"reference.sqlite"}
        with open_desk(home, Clock()) as ledger:
            assert on_loan(ledger, KIEU_1) is None


@pytest.mark.parametrize("step", [Step.MIGRATE, Step.CHECK, Step.FLUSH, Step.SWAP])
def test_killed_at_any_step_the_reference_is_the_old_or_the_new_one(home: Path, tmp_path: Path, step: Step) -> None:
    part = a_snapshot(tmp_path, loan("a1"))
    child = os.fork()
    if child == 0:

        def die(at: Step) -> None:
            if at is step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            take_snapshot(home, part, command="test", on_step=die)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    with open_desk(home, Clock()) as ledger:
        assert on_loan(ledger, KIEU_1) is None
    again = tmp_path / "again"
    again.mkdir()
    take_snapshot(home, a_snapshot(again, loan("b2")), command="test")
    assert len(list(home.glob("reference*.sqlite"))) == 1
    with open_desk(home, Clock()) as ledger:
        found = on_loan(ledger, KIEU_1)
        assert found is not None
        assert found.token == "b2"
