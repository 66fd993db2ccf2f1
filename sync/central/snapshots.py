"""Snapshots: all that one station should know, made into a file for it to fetch.

Theory of operation. A snapshot is read in one transaction that sees one instant of the database, with the feed's cursor
and the station's watermark of that instant; so what the feed tells behind that cursor follows on it without a gap and
without a change twice. The file is a station's reference (:mod:`sync.store.changes`) without its search index, filled
from nothing with rows of the station's scopes alone and then written anew; rows of others were never in it, so they are
in no free page either (facts/sync.md, section 7.3, no. 43).

Making one takes seconds for a commune and up to a minute for a province, so a contact never waits for it: a station
that needs one is noted (``STATION-EPOCH.wanted``), whoever works beside the interface makes it, and the station asks
again. What is made is kept for the station for a day, in case the line breaks off; a file that is still being fetched
when a newer one is made stays two days longer. The folder is all that says so, and several processes may share it.

A snapshot's name is 32 random hex digits that only a signed reply tells: who has the name may fetch it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from config.loader import replace_file
from sync.central import feed, scopes, tables
from sync.central.database import Database
from sync.central.feed import Place
from sync.central.stations import Enrolment, epochs
from sync.exchange.disk import translated
from sync.exchange.keys import Keys
from sync.exchange.snapshot import Snapshot, compress, seal_manifest
from sync.store import tables as store
from sync.store.changes import KEYS
from sync.store.errors import disk_translated
from sync.store.files import REFERENCE, open_reference
from sync.store.reference import Touched
from sync.store.upgrade import connect

#: How long a snapshot is given to a station that asks again, and how long its file can be fetched, in milliseconds.
FRESH: Final = 24 * 3_600_000
KEPT: Final = 3 * FRESH

#: So many rows are looked up at a time.
_AT_ONCE: Final = 2000

_NAME = re.compile(r"[0-9a-f]{32}")
_MANIFEST, _FRAME, _NOTE, _WANTED = ".manifest", ".frame", ".json", ".wanted"


class _Note(msgspec.Struct, frozen=True):
    """The newest snapshot of a station."""

    name: str
    cursor: int
    made_at: int
    scope: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot that is ready."""

    name: str
    snapshot: Snapshot


class Snapshots:
    """The snapshots of a headquarters, in a folder. ``clock`` gives milliseconds of UTC, ``chance`` random bytes.

    Raises :class:`~sync.exchange.disk.ExchangeError` for the disk, :class:`~sync.store.errors.StoreError` for the
    database.
    """

    def __init__(
        self,
        folder: Path,
        database: Database,
        keys: Keys,
        hq: str,
        *,
        clock: Callable[[], int],
        chance: Callable[[int], bytes],
    ) -> None:
        self._folder, self._database, self._keys, self._hq = folder, database, keys, hq
        self._clock, self._chance = clock, chance

    # --- for the interface --------------------------------------------------------------------------------------------

    def ready(self, connection: sa.Connection, station: Enrolment) -> str | None:
        """The name of a snapshot that a station can fetch now and go on from by changes; ``None`` where none is."""
        note = self._noted(station)
        if note is None or note.scope != station.scope or not 0 <= self._clock() - note.made_at < FRESH:
            return None
        page = feed.page(connection, note.cursor, station.scopes, limit=1, scoped_at=station.scoped_at)
        return None if page.too_old or self.frame(note.name) is None else note.name

    def want(self, station: Enrolment) -> None:
        """Note that a station needs a snapshot."""
        with translated(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file(station, _WANTED).touch(mode=0o600)

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a snapshot; ``None`` for a name that is none, or no longer."""
        path = self._path(name, _MANIFEST)
        with translated(self._folder):
            try:
                return None if path is None else path.read_bytes()
            except FileNotFoundError:
                return None

    def frame(self, name: str) -> Path | None:
        """The file that a snapshot's bytes are in; ``None`` as for :meth:`manifest`."""
        path = self._path(name, _FRAME)
        return path if path is not None and path.is_file() else None

    def _path(self, name: str, suffix: str) -> Path | None:
        return self._folder / f"{name}{suffix}" if _NAME.fullmatch(name) else None

    # --- for whoever works beside it ----------------------------------------------------------------------------------

    def make_wanted(self) -> int:
        """Make the snapshots that stations wait for; answers how many those were."""
        made = 0
        with translated(self._folder):
            waiting = sorted(self._folder.glob(f"*{_WANTED}")) if self._folder.is_dir() else []
        for path in waiting:
            name, _, epoch = path.stem.rpartition("-")
            with self._database.read() as connection:
                known = epoch.isdigit() and next((e for e in epochs(connection, name) if e.epoch == int(epoch)), None)
            if known and known.active:
                self.make(known)
                made += 1
            with translated(self._folder):
                path.unlink(missing_ok=True)
        return made

    def make(self, station: Enrolment) -> Made:
        """Make a station's snapshot as of now."""
        name, now = self._chance(16).hex(), self._clock()
        with translated(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="making-") as made_in:
            database, frame = Path(made_in) / "reference.sqlite", Path(made_in) / "frame"
            cursor = self._fill(database, station, now)
            size, length, chunks = compress(database, frame)
            snapshot = Snapshot(
                hq=self._hq,
                station=station.station,
                epoch=station.epoch,
                name=name,
                made_at=now,
                cursor=cursor,
                size=size,
                length=length,
                chunks=chunks,
            )
            with translated(self._folder):
                replace_file(self._folder / f"{name}{_MANIFEST}", seal_manifest(self._keys, snapshot))
                frame.replace(self._folder / f"{name}{_FRAME}")
                note = _Note(name, cursor, now, station.scope)
                replace_file(self._file(station, _NOTE), msgspec.json.encode(note))
        return Made(name, snapshot)

    def drop(self, station: Enrolment) -> None:
        """Take away what a station could still fetch: it is no longer trusted."""
        note = self._noted(station)
        with translated(self._folder):
            self._file(station, _NOTE).unlink(missing_ok=True)
            self._file(station, _WANTED).unlink(missing_ok=True)
            for suffix in (_FRAME, _MANIFEST):
                path = None if note is None else self._path(note.name, suffix)
                if path is not None:
                    path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Take away what is too old to be fetched, and what a killed run left behind."""
        if not self._folder.is_dir():
            return
        oldest = (self._clock() - KEPT) / 1000
        with translated(self._folder):
            for path in list(self._folder.iterdir()):
                with suppress(FileNotFoundError):  # another process sweeps too
                    if path.stat().st_mtime < oldest:
                        if path.is_dir():
                            shutil.rmtree(path)
                        else:
                            path.unlink()

    def _noted(self, station: Enrolment) -> _Note | None:
        try:
            return msgspec.json.decode(self._file(station, _NOTE).read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None  # it only saves making one

    def _file(self, station: Enrolment, suffix: str) -> Path:
        return self._folder / f"{station.station}-{station.epoch}{suffix}"

    # --- the file -----------------------------------------------------------------------------------------------------

    def _fill(self, path: Path, station: Enrolment, now: int) -> int:
        """Write a station's reference into a new file; answers the cursor that it stands for."""
        path.touch(mode=0o600)
        path.write_bytes(_nothing())
        with disk_translated(path), closing(connect(path, "rw")) as target:
            # The file is worth nothing until it is whole and compressed.
            target.execute("PRAGMA journal_mode = OFF")
            target.execute("PRAGMA synchronous = OFF")
            target.execute("BEGIN")
            with self._database.read() as connection:
                cursor = feed.head(connection)
                for told in _told(connection, station.scope):
                    _write(target, told, station.scopes)
                marks = [
                    {"station": one.station, "epoch": one.epoch, "seq": one.applied}
                    for one in epochs(connection, station.station)
                ]
            _insert(target, store.watermark, marks)
            _insert(target, store.feed, [{"headquarters": self._hq, "cursor": cursor, "told_at": now}])
            target.execute("COMMIT")
            target.execute("VACUUM")
        return cursor


@cache
def _nothing() -> bytes:
    """A reference with nothing in it; made once, because the migrations take longer than many a snapshot."""
    with tempfile.TemporaryDirectory(prefix="tramsach-") as folder:
        open_reference(Path(folder), command="tramsach hq").close()
        with closing(connect(REFERENCE.path(Path(folder)), "rw")) as made:
            made.execute("PRAGMA journal_mode = DELETE")
        return REFERENCE.path(Path(folder)).read_bytes()


def _told(connection: sa.Connection, branches: Collection[str]) -> Iterator[scopes.Told]:
    """All that the feed would tell some branches, by some thousands of rows; a row may come again."""
    item, patron, copy, hold = tables.item, tables.patron, tables.copy_state, tables.hold
    wanted = sorted(branches)
    yield scopes.told(connection, Touched(rules=True))
    for some in _keys(connection, item.c.title_id, item.c.branch.in_(wanted)):
        yield scopes.told(connection, Touched(titles=some))
    for some in _keys(connection, item.c.item_id, item.c.branch.in_(wanted)):
        yield scopes.told(connection, Touched(items=some))
    for some in _keys(connection, patron.c.patron_id, patron.c.branch.in_(wanted)):
        yield scopes.told(connection, Touched(patrons=some))
    for some in _keys(connection, copy.c.item_id, copy.c.branch.in_(wanted) & copy.c.token.is_not(None)):
        yield scopes.told(connection, Touched(items=some))
    for some in _keys(connection, hold.c.hold_id, hold.c.pickup_branch.in_(wanted)):
        yield scopes.holds_told(connection, some)


def _keys(connection: sa.Connection, column: sa.Column[str], condition: sa.ColumnElement[bool]) -> Iterator[list[str]]:
    """The values of a column, each once, some thousands at a time."""
    after = ""
    query = sa.select(column).distinct().where(condition, column > sa.bindparam("after"))
    while some := list(connection.execute(query.order_by(column).limit(_AT_ONCE), {"after": after}).scalars()):
        yield some
        after = some[-1]


def _write(target: sqlite3.Connection, told: Mapping[Place, str], wanted: Collection[str]) -> None:
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for (scope, kind, key), body in told.items():
        if scope in wanted:
            row = msgspec.json.decode(body)
            known = rows.setdefault(kind, {})
            # One scope may be told who has an item and another only that it is out; who may know both knows it.
            if key not in known or not known[key].get("patron_id"):
                known[key] = row
    for kind, of_kind in rows.items():
        _insert(target, store.reference.tables[kind], of_kind.values(), key=KEYS[kind])


def _insert(
    target: sqlite3.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]], *, key: str | None = None
) -> None:
    """Add rows. Of one that is there already, the one that says whose it is stays."""
    known = [column.name for column in table.columns if column.name != "id"]
    for names, alike in groupby(rows, key=lambda row: tuple(name for name in known if name in row)):
        marks = ", ".join(f":{name}" for name in names)
        again = ""
        if key is not None:
            again = f" ON CONFLICT ({key}) DO NOTHING"
            if "patron_id" in names and key != "patron_id":
                again = f" ON CONFLICT ({key}) DO UPDATE SET patron_id = coalesce(nullif(patron_id, ''), :patron_id)"
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}){again}"  # noqa: S608, names are ours
        while some := [{name: row[name] for name in names} for row in islice(alike, _AT_ONCE)]:
            target.executemany(statement, some)
