"""Headquarters' database for tests: the embedded one in a folder, and a real PostgreSQL, one per test process."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.central.database import Database
from sync.central.office import Office
from tests.postgresql import postgresql
from tests.sync.central.offices import Site, Time, office_at


class Server:
    """A PostgreSQL of this process's own, with an empty headquarters in a template to copy from."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url.set(drivername="postgresql")
        self._numbers = itertools.count(1)
        self._admin = sa.create_engine(
            url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        # The tests pull no plug.
        self.run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE template_hq")
        Database.open(self.at("template_hq")).close()

    def run(self, *statements: str) -> None:
        with self._admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def at(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    @contextmanager
    def database(self, template: str = "template_hq") -> Iterator[str]:
        """The URL of a new database, dropped afterwards."""
        name = f"hq_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.at(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Started by the first test that asks for it, gone with its folder at the end."""
    with postgresql() as url:
        yield Server(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Callable[[], str | Path]]:
    """Gives the address of an empty headquarters, a new one at each call."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            server: Server = request.getfixturevalue("server")
            yield lambda: stack.enter_context(server.database())
        else:
            yield lambda: Path(stack.enter_context(tempfile.TemporaryDirectory()))


@pytest.fixture
def database(fresh: Callable[[], str | Path]) -> Iterator[Database]:
    """An empty headquarters' database, on SQLite and on PostgreSQL."""
    with Database.open(fresh()) as opened:
        yield opened


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """On what a headquarters with stations runs: embedded, unless a test is parametrised with this."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def time() -> Time:
    """The clock of a headquarters and its stations."""
    return Time()


@pytest.fixture
def office(kind: str, request: pytest.FixtureRequest, tmp_path: Path, time: Time) -> Iterator[Office]:
    """A headquarters with rules, copies and readers."""
    with ExitStack() as stack:
        where: str | Path = tmp_path / "hq"
        if kind == "postgresql":
            server: Server = request.getfixturevalue("server")
            where = stack.enter_context(server.database())
        yield office_at(stack.enter_context(Database.open(where)), tmp_path / "hq", time)


@pytest.fixture
def site(office: Office, tmp_path: Path, time: Time) -> Site:
    """A station that could be one of its own."""
    return Site(tmp_path / "station", office, time)
