"""Copies of headquarters' database that count as safe.

Theory of operation. A backup is a database file of its own, filled table by table within one reading transaction of the
living one, so it is one instant whole, whichever database that is: a headquarters on PostgreSQL can be begun anew from
it on the embedded one, and the other way round. Only when the copy has been read back, every station's chain computed
anew from its first event to the hash that the copy says stands last, does it get its name; and only then are those
events *safe*, which is what allows stations to prune them (facts/sync.md, section 5.1).

A headquarters that is put back to a backup lacks what came after it. It answers ``gap``, and the stations, which have
kept everything since, fill it up by themselves; what they were told since, they are told anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from config.phrase import Phrase
from sync.central import bulk, tables
from sync.central.database import CENTRAL, Database
from sync.central.log import OWN, read_log
from sync.circulation.chain import genesis
from sync.circulation.events import from_ms
from sync.circulation.model import LOCAL_ZONE
from sync.exchange.disk import LOCAL, ExchangeError, translated
from sync.store.errors import disk_translated
from sync.store.upgrade import connect, flush_file, problems

#: Where backups are, in the folder of a headquarters.
FOLDER: Final = "backups"

_ROWS: Final = 5000

#: More changes than a headquarters publishes in its life.
_BEYOND: Final = 1 << 40

#: Told how many rows of how many are copied.
Progress = Callable[[int, int], None]


class CopyDiffers(ExchangeError):
    """What was copied, or the log itself, does not add up; nothing counts as safe by it."""

    def __init__(self, station: str) -> None:
        super().__init__(
            Phrase(
                "Bản sao lưu vừa tạo không đạt khi kiểm tra (chuỗi sự kiện của {station}) và đã bị bỏ. Hãy chạy"
                " “tramsach hq verify” và kiểm tra ổ đĩa.",
                "The backup just made did not pass its check (the chain of events of {station}) and was thrown away."
                " Run “tramsach hq verify” and look at the disk.",
            ).fill(station=station)
        )


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that counts: where it is, how many rows it has, and how many events are safe by it."""

    path: Path
    rows: int
    events: int


def back_up(
    database: Database,
    folder: Path,
    now: int,
    *,
    keep: int = 7,
    progress: Progress = lambda _done, _total: None,
) -> BackedUp:
    """Copy the database into a folder, check the copy, keep so many of them, and note what is safe by it.

    Raises :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`; then nothing is safe
    that was not before.
    """
    target = folder / f"central-{from_ms(now).astimezone(LOCAL_ZONE):%Y-%m-%d}.sqlite"
    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("making-*"):
            shutil.rmtree(left)
        made_in = Path(tempfile.mkdtemp(dir=folder, prefix="making-"))
    try:
        with Database.open(made_in, command="tramsach hq backup") as copy:
            rows = copy_rows(database, copy, progress)
            heads = _check(copy)
            _begin_feed_anew(copy)
        side = CENTRAL.path(made_in)
        with disk_translated(side), closing(connect(side, "rw")) as written:
            # One file, to be carried anywhere.
            written.execute("PRAGMA journal_mode = DELETE")
            if problems(written):
                raise CopyDiffers(OWN)
        with translated(folder):
            flush_file(side)
            side.replace(target)
            LOCAL.flush(folder)
    finally:
        with translated(folder):
            shutil.rmtree(made_in, ignore_errors=True)
    _note_safe(database, heads)
    with translated(folder):
        for old in sorted(folder.glob("central-*.sqlite"))[:-keep]:
            old.unlink()
    return BackedUp(target, rows, sum(seq - begins for begins, seq in heads.values()))


def copy_rows(source: Database, target: Database, progress: Progress = lambda _done, _total: None) -> int:
    """Copy every row of one headquarters' database, as of one instant, into an empty one; answers how many."""
    with source.read() as reading:
        count = sa.func.count()
        sizes = {
            table.name: reading.execute(sa.select(count).select_from(table)).scalar_one()
            for table in tables.central.sorted_tables
        }
        done, total = 0, sum(sizes.values())
        with target.begin() as writing:
            for table in tables.central.sorted_tables:
                # What a new database begins with is told again by the other.
                writing.execute(sa.delete(table))
                for some in _in_parts(reading, table):
                    bulk.insert(writing, table, some)
                    done += len(some)
                    progress(done, total)
    return done


def _in_parts(connection: sa.Connection, table: sa.Table) -> Iterator[list[bulk.Row]]:
    found = connection.execution_options(yield_per=_ROWS).execute(sa.select(table))
    for some in found.partitions(_ROWS):
        yield [tuple(row) for row in some]


def _check(copy: Database) -> dict[int, tuple[int, int]]:
    """Compute every chain anew; answers where each epoch of a station begins and ends, by the number of its row."""
    heads = {}
    with copy.read() as connection:
        for row in connection.execute(sa.select(tables.station)).all():
            if not _holds(connection, row):
                raise CopyDiffers(row.station)
            heads[row.id] = (row.begins, row.seq)
    return heads


def _holds(connection: sa.Connection, station: Any) -> bool:
    head, last = genesis(station.station, station.epoch), station.begins
    for logged in read_log(connection, station.id, station.begins, station.seq):
        for line in logged.lines:
            head = sha256(head + line).digest()
            last += 1
    return last == station.seq and head == bytes(station.head)


def _begin_feed_anew(copy: Database) -> None:
    """Make every cursor that is ever given out before this copy is put back count as too old in it: what stations were
    told since, they were told by a headquarters that has forgotten it, and they begin with a snapshot."""
    anew = tables.feed.c.cursor + _BEYOND
    with copy.begin() as connection:
        connection.execute(sa.update(tables.feed).values(cursor=anew, floor=anew))


def _note_safe(database: Database, heads: dict[int, tuple[int, int]]) -> None:
    table = tables.station
    with database.begin() as connection:
        for station_id, (_, seq) in sorted(heads.items()):
            connection.execute(sa.update(table).where(table.c.id == station_id, table.c.safe < seq).values(safe=seq))


def broken_chains(database: Database) -> tuple[str, ...]:
    """The stations whose log does not hold together, in the living database."""
    with database.read() as connection:
        return tuple(
            row.station for row in connection.execute(sa.select(tables.station)).all() if not _holds(connection, row)
        )
