"""What headquarters says of rules, titles, items and readers: the same writer as a station's, with stations to tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sync.central import feed, tables
from sync.central.database import Database
from sync.central.identities import forget_number, remember_numbers
from sync.central.scopes import noticed
from sync.store.reference import Reference, Touched


class CentralReference(Reference):
    """Headquarters' reference data, open for writing; every write is told to the stations that it concerns.

    ``clock`` gives milliseconds of UTC. Closing it leaves the database open.
    """

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        super().__init__(database)
        self._database = database
        self._clock = clock

    def close(self) -> None:
        """Nothing to let go of: the database is whoever opened it's."""

    def forget_patron(self, patron_id: str) -> None:
        """Cut a reader from everything, here and in what stations are told; loans and fees stay, nobody's.

        What a station sends of this reader later is cut when it arrives. The bare numbers stay in the tombstones that
        tell stations what to delete, until those are pruned.
        """
        with self._database.begin() as connection:
            cards = connection.execute(sa.select(tables.card.c.number).where(tables.card.c.patron_id == patron_id))
            numbers = [patron_id, *cards.scalars()]
            with noticed(connection, Touched(patrons=[patron_id]), self._clock()):
                for table in (tables.patron, tables.card, tables.pin, tables.hold):
                    connection.execute(sa.delete(table).where(table.c.patron_id.in_(numbers)))
                forget_number(connection, numbers, self._clock())
            feed.forget(connection, numbers)
        self._database.rewrite()

    @contextmanager
    def _noticed(self, connection: sa.Connection, touched: Touched) -> Iterator[None]:
        with noticed(connection, touched, self._clock()):
            yield
            # A number that is given out again is somebody's again.
            remember_numbers(connection, touched.patrons)
