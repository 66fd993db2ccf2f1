"""Headquarters' database on both sides: built, owned, upgraded; what it refuses, it refuses in a sentence."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from sync.central import bulk, errors, tables
from sync.central.database import CENTRAL, CENTRAL_HEAD, Database
from sync.store.errors import DatabaseInUse, NewerDatabase, StoreError
from tests.sync.central.conftest import Server
from tests.sync.central.world import NOW

ADDRESS = Callable[[], str | Path]


def test_migrated_databases_have_the_tables_the_program_speaks_of(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.central) == []


def test_the_head_named_in_the_program_is_that_of_the_history() -> None:
    revisions = sorted(path.name[1:5] for path in CENTRAL.versions.glob("v*.py"))
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert revisions[-1] == CENTRAL_HEAD


def test_what_was_written_is_there_after_opening_again(fresh: ADDRESS) -> None:
    address = fresh()
    with Database.open(address) as database, database.begin() as connection:
        bulk.insert(connection, tables.forgotten, [(b"x", 2**40)])
    with Database.open(address) as database, database.read() as connection:
        assert connection.execute(sa.select(tables.forgotten)).all() == [(b"x", 2**40)]


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            bulk.insert(connection, tables.forgotten, [(b"x", 1)])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with database.read() as connection:
        assert connection.execute(sa.select(tables.forgotten)).all() == []


def test_who_reads_sees_one_instant_while_others_write(database: Database) -> None:
    with database.read() as reading:
        assert reading.execute(sa.select(tables.forgotten)).all() == []
        with database.begin() as connection:
            bulk.insert(connection, tables.forgotten, [(b"x", 1)])
        assert reading.execute(sa.select(tables.forgotten)).all() == []
    with database.read() as reading:
        assert reading.execute(sa.select(tables.forgotten)).all() == [(b"x", 1)]


def test_temporary_tables_of_a_reader_vanish_with_its_transaction(database: Database) -> None:
    for _ in range(2):
        with database.read() as reading:
            reading.exec_driver_sql("CREATE TEMPORARY TABLE aside (a TEXT)")


def test_threads_write_one_after_the_other_and_lose_nothing(database: Database) -> None:
    def work(name: int) -> None:
        for n in range(10):
            with database.begin() as connection:
                bulk.insert(connection, tables.forgotten, [(bytes([name, n]), n)])

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.forgotten)).scalar() == 40


@pytest.mark.parametrize("count", [3, 300])
def test_rows_by_few_and_by_many_come_to_the_same(database: Database, count: int) -> None:
    numbers = range(count)
    with database.begin() as connection:
        bulk.insert(connection, tables.identity, [(f"t{n}", f"R{n}", None, NOW) for n in numbers])
        bulk.insert_new(connection, tables.identity, [(f"t{n}", "other", None, NOW) for n in range(-2, count)])
        bulk.put(connection, tables.identity, [(f"t{n}", None, "m", NOW) for n in range(1)])
        bulk.put(connection, tables.copy_state, [(f"I{n}", "[]", *[None] * 9) for n in numbers])
        bulk.put(connection, tables.copy_state, [(f"I{n}", "[1]", "TN", *[None] * 8) for n in numbers])
        bulk.add(connection, tables.activity, [("TN", "2027-03-01", str(n), "", n) for n in numbers])
        bulk.add(connection, tables.activity, [("TN", "2027-03-01", str(n), "", 1) for n in numbers])
        bulk.remove(connection, tables.identity, "token", ["t1", "none"])
    with database.read() as connection:
        found = dict(bulk.find(connection, tables.identity, ("token", "number"), "token", ["t-1", "t0", "t1", "t2"]))
        assert found == {"t-1": "other", "t0": None, "t2": "R2"}
        states = connection.execute(sa.select(tables.copy_state.c.custody, tables.copy_state.c.seen_at).distinct())
        assert states.all() == [("[1]", "TN")]
        counts = connection.execute(sa.select(tables.activity.c.act, tables.activity.c.count)).all()
        assert {int(act): count for act, count in counts} == {n: n + 1 for n in numbers}


def test_a_value_that_the_database_does_not_take_is_the_values_fault(database: Database) -> None:
    rows = [(f"I{n}", "[]", *[None] * 6, 2**70 * (n == 20), None, None) for n in range(40)]
    with pytest.raises((sa.exc.DataError, OverflowError)), database.begin() as connection:
        bulk.put(connection, tables.copy_state, rows)


# --- what it refuses --------------------------------------------------------------------------------------------------


def test_the_embedded_file_belongs_to_one_process(tmp_path: Path) -> None:
    with Database.open(tmp_path, command="tramsach hq serve"), pytest.raises(DatabaseInUse, match="tramsach hq serve"):
        Database.open(tmp_path, wait=0)


def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    with Database.open(tmp_path) as database, database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabase):
        Database.open(tmp_path)


def test_a_newer_server_database_is_refused_untouched(server: Server) -> None:
    with server.database() as address:
        with Database.open(address) as database, database.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(errors.NewerCentral, match="9999"):
            Database.open(address)


def test_a_database_of_another_program_is_refused_untouched(server: Server) -> None:
    with server.database("template1") as address:
        with Database.open(address) as database, database.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        with pytest.raises(errors.NotCentral):
            Database.open(address)


def test_an_empty_server_database_is_built_once_by_however_many_processes(server: Server) -> None:
    with server.database("template1") as address:
        found: list[Database] = []
        threads = [threading.Thread(target=lambda: found.append(Database.open(address))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 3
        for database in found:
            database.close()


@pytest.mark.parametrize("address", ["mysql://somewhere/hq", "://nothing", "http://example.org"])
def test_an_address_of_something_else_is_no_address(address: str) -> None:
    with pytest.raises(errors.BadAddress):
        Database.open(address)


def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(errors.DatabaseUnreachable, match="hq") as caught:
        Database.open(f"postgresql://tn:secret-word@/hq?host={tmp_path}")
    assert "secret-word" not in str(caught.value)


def test_a_database_that_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(errors.DatabaseUnreachable, match="nowhere"):
        Database.open(server.at("nowhere"))


def test_an_account_without_rights_is_told(server: Server) -> None:
    def look_as_nobody(database: Database) -> None:
        with database.begin() as connection:
            connection.exec_driver_sql("SET LOCAL ROLE nobody_in_particular")
            connection.execute(sa.select(tables.identity))

    with server.database() as address, Database.open(address) as database:
        with database.begin() as connection:
            connection.exec_driver_sql("CREATE ROLE nobody_in_particular")
        with pytest.raises(errors.DatabaseForbidden, match="42501"):
            look_as_nobody(database)


def test_a_connection_that_breaks_off_is_told_and_the_next_one_works(server: Server) -> None:
    with server.database() as address, Database.open(address) as database:
        with pytest.raises(errors.DatabaseUnreachable), database.begin() as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        with database.begin() as connection:
            bulk.insert(connection, tables.forgotten, [(b"x", 1)])


def test_two_who_wait_for_each_other_are_told_to_try_again(server: Server) -> None:
    barrier = threading.Barrier(2)
    told: list[StoreError] = []

    def work(database: Database, first: bytes, second: bytes) -> None:
        change = sa.update(tables.forgotten).values(at=tables.forgotten.c.at + 1)
        try:
            with database.begin() as connection:
                connection.execute(change.where(tables.forgotten.c.digest == first))
                barrier.wait()
                connection.execute(change.where(tables.forgotten.c.digest == second))
        except StoreError as error:
            told.append(error)

    with server.database() as address, Database.open(address) as database:
        with database.begin() as connection:
            bulk.insert(connection, tables.forgotten, [(b"a", 1), (b"b", 1)])
        pairs = [(b"a", b"b"), (b"b", b"a")]
        threads = [threading.Thread(target=work, args=(database, *pair)) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    (error,) = told
    assert isinstance(error, errors.DatabaseBusy)


def test_no_log_ever_shows_a_row(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        with database.begin() as connection:
            bulk.put(connection, tables.identity, [(f"t{n}", "BD-SECRET", None, NOW) for n in range(40)])
            bulk.find(connection, tables.identity, ("number",), "number", ["BD-SECRET"])
        with pytest.raises(sa.exc.IntegrityError) as caught, database.begin() as connection:
            bulk.insert(connection, tables.identity, [(f"t{n}", "BD-SECRET", None, NOW) for n in range(40)])
    finally:
        for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    assert "BD-SECRET" not in caplog.text
    assert "BD-SECRET" not in str(caught.value)


def test_every_sentence_is_in_both_languages() -> None:
    for error in (
        errors.DatabaseUnreachable("hq"), errors.DatabaseForbidden("hq", "42501"), errors.DatabaseBusy("hq"),
        errors.ServerFailing("hq", "53100"), errors.NewerCentral("hq", "2", "1"), errors.NotCentral("hq"),
        errors.NoDriver(), errors.BadAddress(),
    ):  # fmt: skip
        assert re.search(r"[À-ỹ]", error.phrase.vi)
        assert error.phrase.en != error.phrase.vi
        assert "{" not in error.phrase.en + error.phrase.vi
