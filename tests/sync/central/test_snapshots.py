"""Snapshots: exactly what the feed tells a station, and not a byte of anybody else's readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import zstandard

from sync.central import feed, stations, tables
from sync.central.office import Office
from sync.central.reference import CentralReference
from sync.central.scopes import noticed
from sync.central.snapshots import FRESH, KEPT
from sync.central.stations import Enrolment
from sync.circulation.events import from_ms
from sync.circulation.model import Item, Patron, Title
from sync.exchange.keys import Pin, Pins
from sync.exchange.snapshot import Snapshot, fetch_snapshot, open_manifest
from sync.exchange.state import Heard
from sync.store import tables as store
from sync.store.changes import KEYS, take_changes
from sync.store.files import open_reference
from sync.store.reference import Touched
from tests.sync.central.offices import Site, apply_all
from tests.sync.central.world import HQ, keys_of

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


@contextmanager
def made(office: Office, station: Enrolment, folder: Path) -> Iterator[tuple[Snapshot, Path]]:
    """A station's snapshot, as it unpacks it."""
    name = office.snapshots.make(station).name
    manifest, frame = office.snapshots.manifest(name), office.snapshots.frame(name)
    assert manifest is not None
    assert frame is not None
    pins = Pins((Pin(keys_of("headquarters").public),))
    snapshot = open_manifest(manifest, pins, hq=HQ, station=station.station, epoch=station.epoch)
    assert isinstance(snapshot, Snapshot)
    database = folder / f"{name}.sqlite"
    database.write_bytes(zstandard.ZstdDecompressor().decompress(frame.read_bytes(), max_output_size=snapshot.size))
    yield snapshot, database


def latest(office: Office, name: str) -> Enrolment:
    with office.database.read() as connection:
        found = stations.latest(connection, name)
    assert found is not None
    return found


def rows(database: Path) -> dict[str, list[dict[str, object]]]:
    """What a reference says, table by table, without the numbers of its rows."""
    said = {}
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        for name in KEYS:
            names = [column.name for column in store.reference.tables[name].columns if column.name != "id"]
            query = f"SELECT {', '.join(names)} FROM {name} ORDER BY {', '.join(names)}"
            said[name] = [dict(row) for row in connection.execute(query)]
    return said


def told_by_the_feed(office: Office, station: Enrolment, folder: Path) -> dict[str, list[dict[str, object]]]:
    """What a station would know that had listened from the very first change on."""
    folder.mkdir()
    cursor = 0
    with open_reference(folder) as file:
        while True:
            with office.database.read() as connection:
                page = feed.page(connection, cursor, station.scopes, limit=7)
            cursor = page.cursor
            take_changes(file, page.changes, headquarters=HQ, cursor=cursor, told_at=from_ms(office.clock()))
            if not page.more:
                break
        path = file.path
    return rows(path)


def life(site: Site) -> None:
    """Loans, returns, fees and holds at three branches, of readers and items of each other."""
    for name, branch in (("TN-K01", "TN"), ("DT-K01", "DT")):
        here = Site(site.home.with_name(name), site.office, site.time)
        here.enrol(name, branch, "TN", "DT")
        here.sync()
        with here.ledger() as ledger:
            ledger.checkout(f"CARD-{branch}R1", f"{branch}.0001")
            site.time.go_on(minutes=1)
            ledger.checkout("CARD-TNR2", f"{branch}.0002")
            ledger.checkout("CARD-DTR3", f"{branch}.0003")
            site.time.go_on(days=40)
            ledger.checkin(f"{branch}.0001")
        here.sync()
    hold = {"hold_id": "h1", "patron_id": "TNR1", "title_id": "DT-t0", "pickup_branch": "TN", "placed_at": 1}
    with site.office.database.begin() as connection, noticed(connection, Touched(patrons=["TNR1"]), site.time()):
        connection.execute(sa.insert(tables.hold), hold)
    apply_all(site.office)


@pytest.mark.parametrize(
    ("scope", "kind"),
    [("TN", "sqlite"), ("DT", "sqlite"), ("TG", "sqlite"), ("DT TN", "sqlite"), ("DT TN", "postgresql")],
    indirect=["kind"],
)
def test_a_snapshot_says_what_the_feed_says(site: Site, scope: str, tmp_path: Path) -> None:
    life(site)
    branch, *more = scope.split()
    site.enrol("KX", branch, *more)
    station = latest(site.office, "KX")
    listened = told_by_the_feed(site.office, station, tmp_path / "listened")
    with made(site.office, station, tmp_path) as (_, database):
        assert rows(database) == listened


@both
def test_readers_of_others_are_in_no_byte_of_the_file(site: Site, tmp_path: Path) -> None:
    life(site)
    site.enrol("TG-K01", "TG")
    station = latest(site.office, "TG-K01")
    with made(site.office, station, tmp_path) as (_, database):
        content = database.read_bytes()
        assert b"TGR1" in content
        for branch in ("TN", "DT"):
            assert f"{branch}R".encode() not in content
            assert f"Đọc {branch}".encode() not in content
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_deleted_before_is_in_no_byte_either(site: Site, tmp_path: Path) -> None:
    with CentralReference(site.office.database, site.time) as reference:
        reference.write(patrons=[Patron("TN-GONE", "Nguyễn Đã Quên", "adult", "TN")])
        reference.forget_patron("TN-GONE")
    site.enrol()
    with made(site.office, latest(site.office, "TN-K01"), tmp_path) as (_, database):
        assert b"TN-GONE" not in database.read_bytes()
        assert "Đã Quên".encode() not in database.read_bytes()


def test_what_the_feed_tells_next_follows_on_the_snapshot_without_a_gap(site: Site) -> None:
    site.enrol()
    site.sync()
    with CentralReference(site.office.database, site.time) as reference:
        reference.write([Title("new", "Số đỏ")], [Item("TN.0099", "new", "book", "TN")])
    site.sync()
    with site.ledger() as ledger:
        found = ledger.find_item("TN.0099")
        assert found is not None
        assert [hit.title.title for hit in ledger.search("so do").page.hits] == ["Số đỏ"]


def test_a_station_newer_than_its_snapshot_keeps_what_it_did_meanwhile(site: Site) -> None:
    site.enrol()
    site.sync()
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
    site.office.snapshots.make(latest(site.office, "TN-K01"))  # knows nothing of it
    with site.caller() as caller:
        question = caller.ask(with_batch=False, want_snapshot=True)
        heard = caller.take(question, site.road.exchange(question.raw))
    assert isinstance(heard, Heard)
    assert heard.snapshot is not None
    pins = Pins((Pin(keys_of("headquarters").public),))
    told = open_manifest(site.road.manifest(heard.snapshot), pins, hq=HQ, station="TN-K01", epoch=1)
    assert isinstance(told, Snapshot)
    name = told.name
    assert fetch_snapshot(site.home, told, lambda a, b: site.road.fetch(name, a, b), command="tests") is None
    with site.ledger_view() as view:
        assert [line.loan.item_id for line in view.account("TNR1").loans] == ["TN.0001"]
        assert view.unsent()[0] == 1


def test_a_snapshot_is_made_once_for_all_who_ask_within_the_day(site: Site) -> None:
    site.enrol()
    site.sync()
    before = set((site.office.folder / "snapshots").glob("*.frame"))
    site.home.rename(site.home.with_name("lost"))
    site.time.go_on(milliseconds=FRESH - 60_000)
    station = latest(site.office, "TN-K01")
    with site.office.database.read() as connection:
        name = site.office.snapshots.ready(connection, station)
    assert [path.stem for path in before] == [name]
    site.time.go_on(minutes=2)
    with site.office.database.read() as connection:
        assert site.office.snapshots.ready(connection, station) is None


def test_a_snapshot_of_a_scope_that_has_changed_is_given_to_nobody(site: Site) -> None:
    site.enrol("TN-K01", "TN", "DT")
    site.sync()
    with site.office.database.begin() as connection:
        connection.execute(sa.update(tables.station).values(scope='["TN"]'))
    with site.office.database.read() as connection:
        assert site.office.snapshots.ready(connection, latest(site.office, "TN-K01")) is None


def test_old_files_are_swept_and_young_ones_stay(site: Site) -> None:
    site.enrol()
    station = latest(site.office, "TN-K01")
    name = site.office.snapshots.make(station).name
    site.time.at = max(site.time.at, 0)
    frame = site.office.snapshots.frame(name)
    assert frame is not None
    written = int(frame.stat().st_mtime * 1000)
    site.time.at = written + KEPT - 1000
    site.office.snapshots.sweep()
    assert site.office.snapshots.frame(name) is not None
    site.time.at = written + KEPT + 10_000
    site.office.snapshots.sweep()
    assert not list((site.office.folder / "snapshots").iterdir())


@pytest.mark.parametrize("name", ["", "x" * 32, "../../keys/0001", "0" * 31, "0" * 33, "A" * 32])
def test_what_is_no_name_is_no_file(office: Office, name: str) -> None:
    assert office.snapshots.frame(name) is None
    assert office.snapshots.manifest(name) is None
