"""Headquarters' database: an embedded SQLite with no set-up, or PostgreSQL by its URL.

Theory of operation. Everything above speaks SQLAlchemy Core (and :mod:`sync.central.bulk` for rows by the thousand) on
the connection of one transaction, and does not know which of the two it is.

The embedded file is one of the store's kinds (:mod:`sync.store.files`): its lock names the one process that has it, it
is built and upgraded in a side file, runs in WAL mode with ``synchronous=FULL``, and has one writing connection. The
threads of that process take turns at it; who only reads has a ``mode=ro`` connection of its own and waits for nobody
(facts/sync.md, section 5.7).

On PostgreSQL any number of processes may work. What must not happen twice at once takes a lock: an upgrade and the
applier an advisory one, ingest the row of its station, the feed its one row (:mod:`sync.central.feed`). An upgrade runs
in one transaction; versions expand first and contract later, so that an older process goes on beside a newer one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, Self

import sqlalchemy as sa

from sync.central.errors import BadAddress, NewerCentral, NoDriver, NotCentral, server_translated
from sync.store.errors import translated
from sync.store.files import owned, writing
from sync.store.upgrade import SILENT, Kind, OnStep, bring_up_to_date, connect, migrate, silent_engine, unheard

#: The newest version that this program knows.
CENTRAL_HEAD = "0001"

CENTRAL = Kind("central", 0x54725363, CENTRAL_HEAD, Path(__file__).parent / "migrations", backed_up=True)

#: Advisory locks of PostgreSQL, in a number space of our own.
_UPGRADE_LOCK, _PROJECTIONS_LOCK = 0x5472536301, 0x5472536302


def lock_projections(connection: sa.Connection) -> None:
    """Wait until nobody else changes projections, or the rows that decide who is told of them, and keep others from it
    until the transaction ends. On the embedded file every transaction that writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PROJECTIONS_LOCK)))


class Database:
    """Headquarters' database, open. A context manager; may be used by several threads.

    Every method raises :class:`~sync.store.errors.StoreError` when the disk or the server will not have it.
    """

    def __init__(self, backend: _Backend) -> None:
        self._backend = backend

    @classmethod
    def open(
        cls,
        where: str | Path,
        *,
        command: str = "tramsach hq",
        wait: float = 5.0,
        on_step: OnStep = unheard,
        central: Kind = CENTRAL,
    ) -> Self:
        """The database at a folder (embedded) or ``postgresql://`` URL, built or upgraded first where needed.

        ``command`` and ``wait`` as in :func:`sync.store.files.open_ledger`. Raises
        :class:`~sync.store.errors.StoreError`.
        """
        if isinstance(where, str) and "://" in where:
            return cls(_Server(where, wait, central))
        return cls(_Embedded(Path(where), command, wait, on_step, central))

    @property
    def embedded(self) -> bool:
        """Whether it is the embedded file, and so this process the only one that has it."""
        return isinstance(self._backend, _Embedded)

    @property
    def name(self) -> str:
        """What a person calls it: the file's name, or the name of the server's database; never a password."""
        return self._backend.name

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that may write: durable when the block ends, undone when it raises."""
        return self._backend.begin()

    def read(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that sees one instant, however long it takes, and writes nothing but temporary tables."""
        return self._backend.read()

    def rewrite(self) -> None:
        """Leave no trace of what was deleted: the file is written anew, the server vacuums."""
        self._backend.rewrite()

    def close(self) -> None:
        """Let go of it. To close twice does no harm."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Backend(Protocol):
    name: str

    def begin(self) -> AbstractContextManager[sa.Connection]: ...
    def read(self) -> AbstractContextManager[sa.Connection]: ...
    def rewrite(self) -> None: ...
    def close(self) -> None: ...


class _Embedded:
    def __init__(self, home: Path, command: str, wait: float, on_step: OnStep, kind: Kind) -> None:
        with ExitStack() as stack:
            path = stack.enter_context(owned(kind, home, command, wait))
            bring_up_to_date(kind, path, wait, on_step)
            self._raw = stack.enter_context(writing(path, wait, shared=True))
            self._ending = stack.pop_all()
        self.name, self._path, self._wait = path.name, path, wait
        self._writer = silent_engine(self._raw)
        self._turn = threading.Lock()
        self._readers: list[sa.Engine] = []

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        with self._turn, translated(self._path), self._writer.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE").close()
            yield connection
            connection.commit()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with translated(self._path):
            try:
                engine = self._readers.pop()
            except IndexError:
                reader = connect(self._path, "ro", wait=self._wait, shared=True)
                # Replays lay whole tables aside. SQLite unlinks such a file as soon as it has made it.
                reader.execute("PRAGMA temp_store = FILE")
                engine = silent_engine(reader)
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN").close()
                connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1").close()  # fixes what is seen
                try:
                    yield connection
                finally:
                    connection.rollback()
                    self._readers.append(engine)

    def rewrite(self) -> None:
        with self._turn, translated(self._path):
            self._raw.execute("VACUUM")
            self._raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._turn:
            while self._readers:
                connection = self._readers.pop().raw_connection().driver_connection
                if connection is not None:
                    connection.close()
            self._ending.close()


class _Server:
    def __init__(self, url: str, wait: float, kind: Kind) -> None:
        try:
            address = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise BadAddress from None  # its message quotes the URL, password and all
        if address.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
            raise BadAddress
        self.name = address.database or ""
        try:
            self._engine = sa.create_engine(
                address.set(drivername="postgresql+psycopg"),
                hide_parameters=True,
                logging_name=SILENT,
                pool_pre_ping=True,
                pool_size=2 * (os.cpu_count() or 1) + 2,
                connect_args={
                    "connect_timeout": max(2, int(wait)),
                    "application_name": "tramsach",
                    "prepare_threshold": 2,  # the same few statements, thousands of times
                    "options": "-c jit=off",  # they are short: compiling one takes longer than running it
                },
            )
        except ModuleNotFoundError as error:
            raise NoDriver from error
        try:
            with self.begin() as connection:
                self._bring_up_to_date(connection, kind)
        except BaseException:
            self._engine.dispose()
            raise

    def _bring_up_to_date(self, connection: sa.Connection, kind: Kind) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        tables = sa.inspect(connection).get_table_names()
        found = ""
        if "alembic_version" in tables:
            found = str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        elif tables:
            raise NotCentral(self.name)
        if found > kind.head:
            raise NewerCentral(self.name, found, kind.head)
        if found != kind.head:
            migrate(connection, kind)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        with server_translated(self.name), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with server_translated(self.name), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                yield connection
                transaction.rollback()  # what was laid aside goes with it

    def rewrite(self) -> None:
        with server_translated(self.name), self._engine.connect() as plain:
            plain.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")

    def close(self) -> None:
        self._engine.dispose()
