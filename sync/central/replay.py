"""The projections once more, from the beginning of the log: they must come out as they stand.

Theory of operation. Everything runs in one reading transaction, so the log does not grow and the projections do not
move while they are compared, and nobody waits. The log is read station by station, some thousands of events at a time,
into temporary tables that vanish with the transaction; memory does not grow with it. Judgements of the day are not made
again: they are part of the log (``outcome``), and so is which events were passed over. The comparison is the
database's own.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from sync.central import tables
from sync.central.copies import put_exceptions
from sync.central.database import Database
from sync.central.projecting import Book, Run, Station, logged_events, project_runs, with_decisions
from sync.central.tables import LIVE, Projections
from sync.circulation.exceptions import StaffException

#: So many events, or outcomes, are in memory at a time, give or take a batch.
_AT_ONCE = 4000

_AGAIN = Projections.aside("again_")


def verify(database: Database) -> tuple[str, ...]:
    """The names of the projections that are not what the log adds up to; none when all is well.

    Raises :class:`~sync.store.errors.StoreError` when the database will not be read.
    """
    with database.read() as connection:
        replay(connection, _AGAIN)
        return tuple(
            live.name
            for live, again in zip(LIVE.all(), _AGAIN.all(), strict=True)
            if _differ(connection, live, again) or _differ(connection, again, live)
        )


def replay(connection: sa.Connection, projections: Projections) -> None:
    """Make temporary tables and fill them with what the log adds up to, as far as it has been applied."""
    for table in projections.all():
        table.create(connection)
    book = Book(connection)
    applied = {row.id: row.applied for row in connection.execute(sa.select(*tables.station.c["id", "applied"]))}
    for name in sorted({station.station for station in book.stations.values()}):
        for station, until in book.behind(name, applied):
            _replay_station(connection, projections, book, station, until)
    _replay_judgements(connection, projections)


def _replay_station(
    connection: sa.Connection, projections: Projections, book: Book, station: Station, until: int
) -> None:
    waiting = []
    for events in logged_events(connection, station, station.begins, until):
        waiting += events
        if len(waiting) >= _AT_ONCE:
            project_runs(connection, projections, book, [Run(station, waiting)], marking=False)
            waiting = []
    if waiting:
        project_runs(connection, projections, book, [Run(station, waiting)], marking=False)


def _replay_judgements(connection: sa.Connection, projections: Projections) -> None:
    after = (0, 0)
    while rows := connection.execute(_JUDGED, {"station_id": after[0], "seq": after[1]}).all():
        judged = [StaffException.from_values(values) for row in rows for values in msgspec.json.decode(row.detail)]
        put_exceptions(connection, projections, "day", with_decisions(connection, projections, judged))
        after = (rows[-1].station_id, rows[-1].seq)


def _differ(connection: sa.Connection, one: sa.Table, other: sa.Table) -> bool:
    return connection.execute(sa.select(one).except_(sa.select(other)).limit(1)).first() is not None


_JUDGED = (
    sa.select(*tables.outcome.c["station_id", "seq", "detail"])
    .where(
        sa.tuple_(tables.outcome.c.station_id, tables.outcome.c.seq)
        > sa.tuple_(sa.bindparam("station_id", type_=tables.Whole), sa.bindparam("seq", type_=tables.Whole)),
        tables.outcome.c.detail != "[]",
    )
    .order_by(tables.outcome.c.station_id, tables.outcome.c.seq)
    .limit(_AT_ONCE)
)
