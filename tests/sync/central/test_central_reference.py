"""Headquarters' own word: the importers that stand write it, and every station is told what concerns it and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from config.loader import Problems
from sync.central import bulk, tables
from sync.central.apply import Applier
from sync.central.database import CENTRAL, Database
from sync.central.feed import TOMBSTONES_STAY, compact, page
from sync.central.reference import CentralReference
from sync.central.replay import verify
from sync.circulation import events as ev
from sync.circulation.model import Item, Patron, Title
from sync.exchange.messages import Answer
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.intake.patrons import import_patrons, load_columns
from tests.sync.central.world import DAY, NOW, Station, enrol, found, send
from tests.sync.intake.quirky import book, iso2709

KIEU = Title("t1", "Truyện Kiều", "Nguyễn Du", isbns=("9786041123450",))
SO_DO = Title("t2", "Số đỏ", "Vũ Trọng Phụng")
AT_TN, AT_PB = Item("TN1", "t1", "book", "TN"), Item("PB1", "t1", "book", "PB")
AN = Patron("R1", "Nguyễn Văn An", "adult", "TN")
A = "a" * 16

Told = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
def reference(database: Database) -> CentralReference:
    found(database)
    return CentralReference(database, lambda: NOW)


def told(database: Database, *scopes: str) -> Told:
    known: Told = {}
    with database.read() as connection:
        for change in page(connection, 0, scopes, limit=5000).changes:
            if change.row is None:
                known.pop((change.table, change.key), None)
            else:
                known[change.table, change.key] = dict(change.row)
    return known


def cursor(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(tables.feed.c.cursor)).scalar_one())


def lend(database: Database, item: str, token: str, reader: str, *, branch: str = "TN") -> Station:
    station = Station(f"{branch}-01", branch)
    enrol(database, station)
    station.checkout(item, token, reader)
    send(database, station.batch())
    Applier(database, lambda: NOW).apply_all()
    return station


def test_a_branch_is_told_of_its_own_items_readers_and_their_titles(
    database: Database, reference: CentralReference
) -> None:
    reference.write([KIEU, SO_DO], [AT_TN, AT_PB, Item("TN2", "t2", "book", "TN")], [AN], cards={"R1": ["C1"]})
    assert set(told(database, "TN")) == {
        ("title", "t1"), ("title", "t2"), ("item", "TN1"), ("item", "TN2"), ("patron", "R1"), ("card", "C1"),
    }  # fmt: skip
    assert set(told(database, "PB")) == {("title", "t1"), ("item", "PB1")}
    assert told(database, "TN")["patron", "R1"] == {
        "patron_id": "R1", "name": "Nguyễn Văn An", "category": "adult", "branch": "TN", "expires": None,
        "birth_date": None, "deposit": 0, "blocks": "[]",
    }  # fmt: skip
    assert "id" not in told(database, "TN")["title", "t1"]
    assert "source_record" not in told(database, "TN")["item", "TN1"]


def test_writing_again_what_is_there_tells_nobody_anything(database: Database, reference: CentralReference) -> None:
    for _ in range(2):
        reference.write([KIEU], [AT_TN], [AN], cards={"R1": ["C1"]})
        reference.write_pins({"R1": "$argon2id$"})
        reference.write_rules("v1", "{}")
    before = cursor(database)
    reference.write([KIEU], [AT_TN], [AN], cards={"R1": ["C1"]})
    reference.write_rules("v1", "{}")
    assert cursor(database) == before == 6


def test_an_item_that_moves_leaves_its_old_branch_and_takes_its_title_along(
    database: Database, reference: CentralReference
) -> None:
    reference.write([KIEU], [AT_TN])
    reference.write(items=[replace(AT_TN, branch="PB")])
    assert told(database, "TN") == {}
    assert set(told(database, "PB")) == {("title", "t1"), ("item", "TN1")}


def test_a_reader_who_moves_takes_card_pin_loans_and_fees_along(
    database: Database, reference: CentralReference
) -> None:
    reference.write([KIEU], [AT_TN], [AN], cards={"R1": ["C1"]})
    reference.write_pins({"R1": "$argon2id$"})
    station = lend(database, "TN1", A, "C1")
    station.at += 20 * DAY
    station.checkin("TN1", A, late_days=1)
    station.write(ev.FeeCharged("f1", A, "overdue", 3000, "r1"))
    station.checkout("TN1", "b" * 16, "R1")
    send(database, station.batch())
    Applier(database, lambda: NOW).apply_all()
    reference.write(patrons=[replace(AN, branch="PB")])
    at_pb = told(database, "PB")
    assert set(at_pb) == {("patron", "R1"), ("card", "C1"), ("pin", "R1"), ("loan", "b" * 16), ("fee", "f1")}
    left = told(database, "TN")
    assert set(left) == {("title", "t1"), ("item", "TN1"), ("loan", "b" * 16)}
    assert verify(database) == ()


def test_a_card_registered_later_gives_its_loan_to_the_reader(database: Database, reference: CentralReference) -> None:
    reference.write([KIEU], [AT_PB])
    lend(database, "PB1", A, "C9", branch="PB")
    assert told(database, "PB")["loan", A]["patron_id"] == "C9"
    reference.write(patrons=[AN], cards={"R1": ["C9"]})
    assert told(database, "PB")["loan", A]["patron_id"] == "R1"
    assert told(database, "TN")["loan", A]["patron_id"] == "R1"


def test_rules_are_told_to_everybody_and_the_old_ones_go(database: Database, reference: CentralReference) -> None:
    reference.write_rules("v1", '{"a": 1}')
    reference.write_rules("v2", '{"a": 2}')
    assert told(database, "*") == {("rule_set", "v2"): {"version": "v2", "body": '{"a": 2}'}}
    assert reference.rules() == ("v2", '{"a": 2}')


def test_a_forgotten_reader_is_gone_everywhere_and_does_not_come_back(
    database: Database, reference: CentralReference
) -> None:
    reference.write([KIEU], [AT_TN, AT_PB], [AN], cards={"R1": ["C1"]})
    station = lend(database, "TN1", A, "R1")
    reference.forget_patron("R1")
    loan = told(database, "TN")
    assert set(loan) == {("title", "t1"), ("item", "TN1"), ("loan", A)}
    assert loan["loan", A]["patron_id"] is None
    station.checkout("TN1", "b" * 16, "C1")
    for raw in (station.batch(), station.batch()):
        send(database, raw)
    Applier(database, lambda: NOW).apply_all()
    with database.read() as connection:
        numbers = connection.execute(sa.select(tables.identity.c.number)).scalars().all()
        assert numbers == [None, None]
    assert verify(database) == ()
    reference.write(patrons=[AN])
    station.checkout("PB1", "c" * 16, "R1")
    send(database, station.batch())
    with database.read() as connection:
        known = bulk.find(connection, tables.identity, ("number",), "token", ["c" * 16])
        assert [row.number for row in known] == ["R1"]


def test_a_forgotten_reader_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database:
        found(database)
        reference = CentralReference(database, lambda: NOW)
        reference.write([KIEU], [AT_TN], [replace(AN, patron_id="BD-987654")], cards={"BD-987654": ["27-CARD-1"]})
        station = lend(database, "TN1", A, "BD-987654")
        clone = station.copied()
        clone.checkout("TN1", "b" * 16, "BD-987654")
        station.checkin("TN1", A)
        assert [send(database, one.batch()).answer for one in (station, clone)] == [Answer.ACCEPTED, Answer.FORK]
        Applier(database, lambda: NOW).apply_all()
        reference.forget_patron("BD-987654")
        assert "Nguyễn Văn An".encode() not in CENTRAL.path(tmp_path).read_bytes()
        # Stations have to be told which rows to delete, so the bare numbers stay for as long as tombstones do.
        with database.begin() as connection:
            compact(connection, NOW + TOMBSTONES_STAY + 1)
        database.rewrite()
    content = CENTRAL.path(tmp_path).read_bytes()
    assert b"TN1" in content
    for trace in ("BD-987654", "27-CARD-1", "Nguyễn Văn An"):
        assert trace.encode() not in content


def test_a_double_loan_of_one_reader_stays_one_loan_when_the_reader_is_forgotten(
    database: Database, reference: CentralReference
) -> None:
    reference.write([KIEU], [AT_TN], [AN])
    lend(database, "TN1", A, "R1")
    other = Station("PB-01", "PB", at=NOW + DAY)
    enrol(database, other)
    other.checkout("TN1", "b" * 16, "R1")
    send(database, other.batch())
    applier = Applier(database, lambda: NOW)
    applier.apply_all()
    reference.forget_patron("R1")
    assert verify(database) == ()
    other.renew("TN1", "b" * 16)
    other.write(ev.Undone(2, "renew", "TN1", "b" * 16, due_at=NOW, renewals=0))
    send(database, other.batch())
    applier.apply_all()
    with database.read() as connection:
        held = connection.execute(sa.select(tables.copy_state.c.token)).scalar()
        listed = connection.execute(sa.select(tables.staff_exception.c.kind)).scalars().all()
    assert (held, listed) == (A, [])
    assert verify(database) == ()


def test_the_importers_write_headquarters_as_they_write_a_station(
    database: Database, reference: CentralReference, tmp_path: Path
) -> None:
    catalogue, readers = tmp_path / "sách.mrc", tmp_path / "bạn đọc.csv"
    catalogue.write_bytes(b"".join(iso2709(book(f"Sách {n}", barcode=f"TN{n:04}")) for n in range(1, 31)))
    readers.write_text("Số thẻ,Họ và tên\nC1,Nguyễn Văn An\nC2,Trần Thị Bình\n", "utf-8")
    mappings, columns = load_mapping("auto"), load_columns("auto")
    assert not isinstance(mappings, Problems)
    assert not isinstance(columns, Problems)
    for _ in range(2):
        report = import_catalogue([catalogue], reference, mappings, branch="TN")
        import_patrons([readers], reference, columns, branch="TN")
        assert report.titles == 30
    counts = reference.counts()
    assert (counts.titles, counts.patrons) == (30, 2)
    known = told(database, "TN")
    assert sum(kind == "title" for kind, _ in known) == 30
    assert sum(kind == "item" for kind, _ in known) == counts.items > 0
    assert sum(kind == "card" for kind, _ in known) == 2
    assert cursor(database) == len(known)
