"""Headquarters at work: what goes on beside the interface, a database that is lent out, and backups that count."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest
import sqlalchemy as sa

from config.hq import Hq
from config.values import Secret
from sync.central import feed, stations, tables
from sync.central.backup import CopyDiffers, back_up, broken_chains, copy_rows
from sync.central.database import CENTRAL, Database
from sync.central.office import FOLDER, FoundedAlready, NotFounded, Office, found, open_office, restore
from sync.central.replay import verify
from sync.central.service import Away, Service
from tests.sync.central.conftest import Server
from tests.sync.central.offices import Site, Time

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


def until(what: Callable[[], bool]) -> None:
    """Wait for what another thread does; a machine may be slow, so nothing hangs on how long."""
    ends = monotonic() + 60
    while not what():
        assert monotonic() < ends
        sleep(0.01)


def sent(site: Site) -> None:
    """The station lends two items and says so."""
    site.enrol()
    site.sync()
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
        ledger.checkout("CARD-TNR1", "TN.0002")
    with site.worker() as worker:
        assert worker.call(0.0).heard is not None


def places(office: Office) -> list[tuple[int, int, int]]:
    with office.database.read() as connection:
        return [(one.seq, one.applied, one.safe) for one in stations.everyone(connection)]


# --- beside the interface ---------------------------------------------------------------------------------------------


def test_what_is_logged_is_applied_and_safe_by_itself(site: Site) -> None:
    sent(site)
    with Service(lambda: site.office, look_every=0.02) as service:
        until(lambda: places(site.office) == [(2, 2, 2)])
        service.wake()
        assert list((site.office.folder / "backups").glob("central-*.sqlite"))


def test_a_snapshot_that_is_wanted_is_made(site: Site) -> None:
    site.enrol()
    with Service(lambda: site.office, look_every=0.02):
        with site.worker() as worker:
            assert worker.call(0.0).heard is not None
        until(lambda: bool(list((site.office.folder / "snapshots").glob("*.frame"))))


def test_the_database_is_lent_to_a_command_and_taken_back(tmp_path: Path) -> None:
    found(tmp_path, Hq("TVT")).close()
    service = Service(
        lambda: open_office(tmp_path, command="tramsach hq serve", borrowed=False), look_every=0.02, working=False
    )
    with service:
        for _ in range(3):
            with open_office(tmp_path, command="tramsach hq status") as borrowed:
                assert borrowed.hq == "TVT"
                with pytest.raises(Away), service.office():
                    pass
            until(lambda: _has(service))


def _has(service: Service) -> bool:
    try:
        with service.office() as office:
            return office.hq == "TVT"
    except Away:
        return False


def test_whoever_asked_for_the_database_and_was_killed_does_not_keep_it_away(tmp_path: Path) -> None:
    found(tmp_path, Hq("TVT")).close()
    service = Service(
        lambda: open_office(tmp_path, command="tramsach hq serve", borrowed=False), look_every=0.02, working=False
    )
    with service:
        wanted = tmp_path / FOLDER / "central.wanted"
        wanted.write_text("1")
        until(lambda: not wanted.exists() and _has(service))


# --- founding ---------------------------------------------------------------------------------------------------------


def test_a_headquarters_is_founded_once_and_opened_as_often_as_one_likes(tmp_path: Path) -> None:
    with found(tmp_path, Hq("TVT", url="https://hq.example")) as office:
        key = office.keys[0].public
        assert "BEGIN CERTIFICATE" in office.certificate
    with pytest.raises(FoundedAlready):
        found(tmp_path, Hq("TVT"))
    with open_office(tmp_path, command="tests") as again:
        assert (again.hq, again.keys[0].public, again.url) == ("TVT", key, "https://hq.example")
    for path in ("keys/0001.key", "tls/key.pem", "hq.toml"):
        assert (tmp_path / FOLDER / path).stat().st_mode & 0o077 == 0


def test_without_a_headquarters_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFounded, match="hq init"):
        open_office(tmp_path, command="tests")


def test_a_headquarters_on_a_server_says_its_password_to_nobody(tmp_path: Path, server: Server) -> None:
    with server.database() as url:
        with found(tmp_path, Hq("TVT", database=Secret(url))) as office:
            assert not office.database.embedded
            assert url not in repr(office)
        with open_office(tmp_path, command="tests") as again:
            assert again.hq == "TVT"


# --- backups ----------------------------------------------------------------------------------------------------------


@both
def test_a_backup_holds_everything_and_makes_it_safe(site: Site, tmp_path: Path) -> None:
    sent(site)
    done = back_up(site.office.database, tmp_path / "backups", site.time())
    assert done.events == 2
    assert places(site.office) == [(2, 0, 2)]
    shutil.copyfile(done.path, CENTRAL.path(_new(tmp_path / "again")))
    with Database.open(tmp_path / "again") as copy, copy.read() as there, site.office.database.read() as here:
        known = feed.head(here)
        assert feed.page(there, known, ["TN"]).too_old  # who had listened further than the copy listens anew
        for table in set(tables.central.sorted_tables) - {tables.feed}:
            columns = [column for column in table.columns if column.name != "safe"]
            query = sa.select(*columns).order_by(*columns)
            assert [tuple(row) for row in there.execute(query)] == [tuple(row) for row in here.execute(query)]


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_what_was_not_in_the_backup_is_not_safe(site: Site, tmp_path: Path) -> None:
    sent(site)
    back_up(site.office.database, tmp_path / "backups", site.time())
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR2", "TN.0003")
    site.sync()
    assert places(site.office) == [(3, 3, 2)]
    with site.ledger() as ledger:
        known = ledger.acknowledged()
        assert known is not None
        assert (known.logged, known.safe) == (3, 2)


def test_a_log_that_does_not_hold_together_makes_nothing_safe(site: Site, tmp_path: Path) -> None:
    sent(site)
    with site.office.database.begin() as connection:
        connection.execute(sa.update(tables.station).values(head=bytes(32)))
    assert broken_chains(site.office.database) == ("TN-K01",)
    with pytest.raises(CopyDiffers):
        back_up(site.office.database, tmp_path / "backups", site.time())
    assert places(site.office) == [(2, 0, 0)]
    assert not list((tmp_path / "backups").iterdir())


def test_only_so_many_backups_are_kept(site: Site, tmp_path: Path) -> None:
    for _ in range(4):
        site.time.go_on(days=1)
        back_up(site.office.database, tmp_path / "backups", site.time(), keep=2)
    assert [path.name for path in sorted((tmp_path / "backups").iterdir())] == [
        "central-2027-03-04.sqlite",
        "central-2027-03-05.sqlite",
    ]


@both
def test_headquarters_put_back_to_yesterday_is_filled_up_by_its_stations(
    site: Site, tmp_path: Path, time: Time, kind: str, request: pytest.FixtureRequest
) -> None:
    sent(site)
    done = back_up(site.office.database, tmp_path / "backups", site.time())
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR2", "TN.0003")
    site.sync()
    shutil.copyfile(done.path, CENTRAL.path(_new(tmp_path / "yesterday")))
    server: Server | None = request.getfixturevalue("server") if kind == "postgresql" else None
    with Database.open(tmp_path / "yesterday") as copied:
        if server is None:
            _refilled(site, copied, time, tmp_path)
        else:
            with server.database() as url, Database.open(url) as target:
                copy_rows(copied, target)
                _refilled(site, target, time, tmp_path)


def _refilled(site: Site, database: Database, time: Time, tmp_path: Path) -> None:
    office = site.office
    restored = Office(office.hq, database, office.keys, tmp_path / "restored", clock=time, chance=office.chance)
    site.office = site.road.office = restored
    with site.worker() as worker:
        first = worker.call(0.0).heard
        assert first is not None
        assert first.logged == 2
    site.sync()
    assert places(restored)[0][:2] == (3, 3)
    assert verify(database) == ()


def test_a_backup_is_put_back_into_an_empty_database_alone(tmp_path: Path) -> None:
    with found(tmp_path, Hq("TVT")) as office:
        backup = back_up(office.database, tmp_path / "backups", office.clock()).path
    with pytest.raises(FoundedAlready):
        restore(tmp_path, backup)
    CENTRAL.path(tmp_path / FOLDER).unlink()
    assert restore(tmp_path, backup) > 0
    with open_office(tmp_path, command="tests") as again:
        assert again.hq == "TVT"
    with closing(sqlite3.connect(backup)) as untouched:
        assert untouched.execute("PRAGMA journal_mode").fetchone() == ("delete",)
