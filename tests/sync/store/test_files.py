"""The two files as a station meets them: two processes, a kill, a full disk, a read-only one, a damaged file."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from sync.store import files, upgrade
from sync.store.errors import disk_translated
from sync.store.files import (
    LEDGER,
    REFERENCE,
    DatabaseDamaged,
    DatabaseInUse,
    DiskFailing,
    DiskFull,
    LedgerFile,
    Level,
    NewerDatabase,
    NoDatabase,
    NotADatabase,
    OutdatedDatabase,
    ReadOnlyDisk,
    StoreError,
    UnsuitableDisk,
    check,
    has_wal_reset_bug,
    open_ledger,
    open_reference,
    read_only,
    translated,
)

HOUSE = Path(__file__).parents[3]


def record(file: LedgerFile, seq: int, note: str = "") -> None:
    with file.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO event (seq, record, hash) VALUES (:seq, :record, x'00')"),
            {"seq": seq, "record": json.dumps({"type": "visit", "at": seq, "note": note})},
        )


def recorded(file: files.LedgerReader) -> list[int]:
    with file.read() as connection:
        return list(connection.exec_driver_sql("SELECT seq FROM event ORDER BY seq").scalars())


def rule_set(file: files.LedgerReader) -> str | None:
    with file.read() as connection:
        return connection.exec_driver_sql("SELECT version FROM ref.rule_set").scalar()


def set_rules(home: Path, version: str) -> None:
    with open_reference(home) as file, file.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rule_set")
        connection.exec_driver_sql("INSERT INTO rule_set VALUES (?, '{}')", (version,))


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


def everything(home: Path) -> dict[str, bytes]:
    """Every file but the shared memory, which readers also write their marks into."""
    return {path.name: path.read_bytes() for path in home.iterdir() if not path.name.endswith("-shm")}


# --- another process --------------------------------------------------------------------------------------------------


def run_here(name: str) -> str:
    return f"import sys; from {__name__} import {name}; {name}(*sys.argv[1:])"


@contextmanager
def elsewhere(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a function of this module, from the moment it says that it is ready."""
    with subprocess.Popen(
        [sys.executable, "-c", run_here(name), *map(str, arguments)],
        cwd=HOUSE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout
            assert child.stdout.readline() == "ready\n"
            yield child
        finally:
            child.kill()


def say_ready() -> None:
    print("ready", flush=True)  # noqa: T201, the parent waits for it


def own(home: str, count: str = "0") -> None:
    """Records events, and keeps the ledger until told."""
    with open_ledger(Path(home), command="tramsach kiosk") as file:
        for seq in range(1, int(count) + 1):
            record(file, seq)
        say_ready()
        sys.stdin.readline()
        time.sleep(0.2)


def own_reference(home: str) -> None:
    with open_reference(Path(home), command="tramsach catalogue import"):
        say_ready()
        sys.stdin.readline()


def test_a_second_process_is_told_who_has_the_ledger(home: Path) -> None:
    with elsewhere("own", home) as owner:
        with pytest.raises(DatabaseInUse) as refused:
            open_ledger(home, wait=0.1)
        told = refused.value.owner
        assert told
        assert (told.command, told.pid) == ("tramsach kiosk", owner.pid)
        assert abs(datetime.now(UTC) - told.since) < timedelta(minutes=5)
        local = (told.since + timedelta(hours=7)).strftime("%H:%M %d/%m/%Y")
        for sentence in (refused.value.phrase.vi, refused.value.phrase.en):
            for fact in ("ledger.sqlite", "tramsach kiosk", str(owner.pid), local):
                assert fact in sentence


def test_a_second_process_is_told_who_has_the_reference(home: Path) -> None:
    with elsewhere("own_reference", home) as owner:
        with pytest.raises(DatabaseInUse) as refused:
            open_reference(home, wait=0)
        assert refused.value.owner
        assert (refused.value.owner.command, refused.value.owner.pid) == ("tramsach catalogue import", owner.pid)


def test_a_command_waits_for_the_ledger_in_the_queue(home: Path) -> None:
    with elsewhere("own", home, 3) as owner:
        assert owner.stdin
        owner.stdin.write("let go\n")
        owner.stdin.flush()
        with open_ledger(home, wait=60) as file:
            assert recorded(file) == [1, 2, 3]


def test_the_ledger_of_a_killed_process_is_free_and_whole(home: Path) -> None:
    with elsewhere("own", home, 25) as owner:
        owner.kill()
        owner.wait()
    assert (home / "ledger.owner.json").exists()
    with open_ledger(home, command="tramsach desk", wait=0) as file:
        assert recorded(file) == list(range(1, 26))
        with pytest.raises(DatabaseInUse) as refused:
            open_ledger(home, wait=0)
        assert refused.value.owner
        assert (refused.value.owner.command, refused.value.owner.pid) == ("tramsach desk", os.getpid())


def test_an_owner_that_cannot_be_read_is_still_an_owner(home: Path) -> None:
    with open_ledger(home):
        for torn in ("", '{"comm', "[]", '{"command": "x", "pid": "y", "since": 3}', '{"pid": 4}'):
            (home / "ledger.owner.json").write_text(torn, "utf-8")
            with pytest.raises(DatabaseInUse, match="another program") as refused:
                open_ledger(home, wait=0)
            assert refused.value.owner is None


def test_closing_leaves_nothing_but_the_databases_and_their_locks(home: Path) -> None:
    file = open_ledger(home)
    record(file, 1)
    file.close()
    file.close()
    left = names(home) - {"reference.sqlite-wal", "reference.sqlite-shm"}  # a reader's marks wait for the next writer
    assert left == {"ledger.sqlite", "ledger.lock", "reference.sqlite", "reference.lock"}


def test_an_import_writes_the_reference_beside_a_running_station(home: Path) -> None:
    with open_ledger(home) as station:
        with elsewhere("own_reference", home):
            record(station, 1)
        with station.read() as connection:
            set_rules(home, "2")
            assert connection.exec_driver_sql("SELECT count(*) FROM ref.rule_set").scalar() == 0
        assert rule_set(station) == "2"
        with station.begin() as connection:
            set_rules(home, "3")
            assert connection.exec_driver_sql("SELECT version FROM ref.rule_set").scalar() == "2"
        assert rule_set(station) == "3"


def test_a_file_belongs_to_the_thread_that_opened_it(home: Path) -> None:
    outcome: list[BaseException] = []
    with open_ledger(home) as file:

        def trespass() -> None:
            try:
                record(file, 1)
            except sa.exc.ProgrammingError as error:
                outcome.append(error)

        thread = threading.Thread(target=trespass)
        thread.start()
        thread.join()
        assert len(outcome) == 1
        record(file, 1)
        assert recorded(file) == [1]


# --- the connection ---------------------------------------------------------------------------------------------------


def setting(connection: sa.Connection, name: str, schema: str = "main") -> object:
    return connection.exec_driver_sql(f"PRAGMA {schema}.{name}").scalar()


@pytest.mark.parametrize("opened", [open_ledger, open_reference])
def test_writers_are_durable_and_overwrite_what_they_delete(home: Path, opened: Callable[[Path], LedgerFile]) -> None:
    with opened(home) as file, file.begin() as connection:
        found = {name: setting(connection, name) for name in ("journal_mode", "synchronous", "secure_delete")}
        assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
        assert setting(connection, "foreign_keys") == 1
        assert setting(connection, "mmap_size") in {0, None}
        assert setting(connection, "busy_timeout") == 5000


def test_an_act_that_fails_is_undone_as_a_whole_and_its_error_passes_through(home: Path) -> None:
    def act(file: LedgerFile, *then: str) -> None:
        with file.begin() as connection:
            for statement in ("INSERT INTO identity VALUES ('00', 'BD-1')", *then):
                connection.exec_driver_sql(statement)
            if not then:
                raise ZeroDivisionError

    with open_ledger(home) as file:
        record(file, 1)
        with pytest.raises(ZeroDivisionError):
            act(file)
        with pytest.raises(sa.exc.IntegrityError):
            act(file, "INSERT INTO identity VALUES ('00', 'BD-1')")
        with file.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM identity").scalar() == 0
        record(file, 2)
        assert recorded(file) == [1, 2]


def test_a_reader_sees_one_instant_however_long_it_looks(home: Path) -> None:
    with open_ledger(home) as station, read_only(home) as reader:
        record(station, 1)
        with reader.read() as connection:
            record(station, 2)
            set_rules(home, "2")
            assert connection.exec_driver_sql("SELECT count(*) FROM event").scalar() == 1
            assert connection.exec_driver_sql("SELECT count(*) FROM ref.rule_set").scalar() == 0
        assert recorded(reader) == [1, 2]
        assert rule_set(reader) == "2"


def test_options_of_one_transaction_do_not_reach_the_next(home: Path) -> None:
    with open_ledger(home) as file:
        with file.read() as connection:
            connection.execution_options(yield_per=1)
        with file.read() as connection:
            assert "yield_per" not in connection.get_execution_options()


def test_nobody_writes_the_reference_through_the_ledger(home: Path) -> None:
    with open_ledger(home) as file:
        with pytest.raises(StoreError), file.begin() as connection:
            connection.exec_driver_sql("INSERT INTO ref.rule_set VALUES ('9', '{}')")
        assert rule_set(file) is None


def test_what_is_forgotten_is_gone_from_the_bytes_of_every_file(home: Path) -> None:
    patron = b"BD-4170-0099231"

    def holders() -> set[str]:
        return {name for name, content in everything(home).items() if patron in content}

    with open_ledger(home) as file:
        with file.begin() as connection:
            rows = [{"token": f"{n:016x}", "patron": patron.decode()} for n in range(300)]
            connection.execute(sa.text("INSERT INTO identity VALUES (:token, :patron)"), rows)
        assert holders() == {"ledger.sqlite-wal"}
        assert file.checkpoint()
        assert holders() == {"ledger.sqlite"}
        with file.begin() as connection:
            connection.exec_driver_sql("DELETE FROM identity")
        with read_only(home) as reader, reader.read():
            pass
        assert file.checkpoint()
        assert holders() == set()


def test_a_checkpoint_says_when_a_reader_keeps_the_log(home: Path) -> None:
    with open_ledger(home, wait=0) as file, read_only(home) as reader:
        record(file, 1)
        with reader.read():
            record(file, 2)
            assert not file.checkpoint()
        assert file.checkpoint()
        assert (home / "ledger.sqlite-wal").stat().st_size == 0


@pytest.mark.parametrize(
    "name",
    [
        "with blanks and #",
        "100%41?mode=memory",
        "trạm Đắk Lắk",
        unicodedata.normalize("NFD", "trạm Đắk Lắk"),
        'quote\'s "and" & semicolon;',
        "漢喃",
        "back\\slash" if os.name == "posix" else "plain",
    ],
)
def test_a_stations_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    with open_ledger(home) as file:
        record(file, 1)
        set_rules(home, "2")
        with read_only(home) as reader:
            assert recorded(reader) == [1]
            assert rule_set(reader) == "2"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not [finding for finding in check(home) if finding.level is Level.FAILURE]


@pytest.mark.skipif(os.name != "posix", reason="Rights of files are a POSIX matter.")
def test_a_new_stations_folder_is_for_its_own_account(tmp_path: Path) -> None:
    open_ledger(tmp_path / "new" / "home").close()
    assert (tmp_path / "new" / "home").stat().st_mode & 0o077 == 0


# --- the reference is replaced under a station ------------------------------------------------------------------------


def new_reference(folder: Path, version: str) -> Path:
    set_rules(folder, version)
    return folder / "reference.sqlite"


def swap_in(home: Path, new: Path) -> None:
    """As a snapshot will take the reference's place: its log is emptied and removed first."""
    with closing(sqlite3.connect(home / "reference.sqlite", isolation_level=None)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        for log in ("-wal", "-shm"):
            (home / f"reference.sqlite{log}").unlink(missing_ok=True)
        new.replace(home / "reference.sqlite")


def test_a_reference_that_was_replaced_is_followed_at_the_next_transaction(home: Path, tmp_path: Path) -> None:
    set_rules(home, "old")
    with open_ledger(home) as station, read_only(home) as reader:
        assert rule_set(station) == rule_set(reader) == "old"
        new = new_reference(tmp_path / "snapshot", "new")
        with station.begin() as connection:
            swap_in(home, new)
            assert connection.exec_driver_sql("SELECT version FROM ref.rule_set").scalar() == "old"
        assert rule_set(station) == rule_set(reader) == "new"
        set_rules(home, "newer")
        assert rule_set(station) == rule_set(reader) == "newer"
        record(station, 1)
        assert recorded(reader) == [1]


def test_a_reference_replaced_while_a_transaction_begins_is_not_missed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_rules(home, "old")
    new = [new_reference(tmp_path / "snapshot", "new")]
    follow = files._Attached.follow  # noqa: SLF001, the instant after it is what this test is about

    def follow_and_swap(attached: files._Attached) -> None:
        follow(attached)
        if new:
            swap_in(home, new.pop())

    with open_ledger(home) as station:
        monkeypatch.setattr(files._Attached, "follow", follow_and_swap)  # noqa: SLF001
        with station.begin() as connection:
            assert connection.exec_driver_sql("SELECT version FROM ref.rule_set").scalar() == "new"
            connection.exec_driver_sql("INSERT INTO identity VALUES ('00', 'BD-1')")
        assert not new
        with station.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM identity").scalar() == 1


def test_a_reference_that_cannot_be_used_is_refused_until_it_is_put_right(home: Path, tmp_path: Path) -> None:
    set_rules(home, "old")
    good = new_reference(tmp_path / "snapshot", "good")
    newer = new_reference(tmp_path / "newer", "newer")
    with closing(sqlite3.connect(newer, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(b"no database at all " * 500)
    kept = tmp_path / "kept"
    with open_ledger(home) as station:
        (home / "reference.sqlite").replace(kept)
        for bad, error in ((newer, NewerDatabase), (rubbish, NotADatabase)):
            bad.replace(home / "reference.sqlite")
            for _ in range(2):
                with pytest.raises(error, match=r"reference\.sqlite"):
                    record(station, 1)
        (home / "reference.sqlite").unlink()
        with pytest.raises(NoDatabase, match=r"reference\.sqlite"):
            record(station, 1)
        kept.replace(home / "reference.sqlite")  # the very file that was there first
        assert rule_set(station) == "old"
        for log in ("-wal", "-shm"):
            (home / f"reference.sqlite{log}").unlink(missing_ok=True)
        good.replace(home / "reference.sqlite")
        record(station, 1)
        assert rule_set(station) == "good"
        assert recorded(station) == [1]


# --- only looking -----------------------------------------------------------------------------------------------------


def test_looking_changes_no_byte_beside_a_running_station(home: Path) -> None:
    with open_ledger(home) as station:
        record(station, 1)
        before = everything(home)
        with read_only(home) as reader:
            assert recorded(reader) == [1]
        assert everything(home) == before


def test_looking_after_a_kill_leaves_the_log_to_the_next_writer(home: Path) -> None:
    with elsewhere("own", home, 5) as owner:
        owner.kill()
        owner.wait()
    before = everything(home)
    assert len(before["ledger.sqlite-wal"]) > 0
    with read_only(home) as reader:
        assert recorded(reader) == [1, 2, 3, 4, 5]
    assert everything(home) == before


def test_looking_works_when_the_shared_memory_is_gone(home: Path) -> None:
    with elsewhere("own", home, 5) as owner:
        owner.kill()
        owner.wait()
    for name in ("ledger.sqlite-shm", "reference.sqlite-shm"):
        (home / name).unlink()
    with read_only(home) as reader:
        assert recorded(reader) == [1, 2, 3, 4, 5]
    (home / "ledger.sqlite-shm").unlink()
    with open_ledger(home) as file:
        record(file, 6)
        assert recorded(file) == [1, 2, 3, 4, 5, 6]


def test_looking_at_a_closed_ledger_changes_no_database(home: Path) -> None:
    with open_ledger(home) as file:
        record(file, 1)
    before = {name: content for name, content in everything(home).items() if not name.endswith("-wal")}
    with read_only(home) as reader:
        assert recorded(reader) == [1]
    after = everything(home)
    assert all(not content for name, content in after.items() if name.endswith("-wal"))
    assert {name: content for name, content in after.items() if not name.endswith("-wal")} == before


def test_who_looks_cannot_write(home: Path) -> None:
    open_ledger(home).close()
    with read_only(home) as reader, pytest.raises(ReadOnlyDisk), reader.read() as connection:
        connection.exec_driver_sql("INSERT INTO identity VALUES ('00', 'BD-1')")


def test_looking_where_nothing_is_creates_nothing(home: Path) -> None:
    for folder in (home, home / "nowhere"):
        with pytest.raises(NoDatabase) as refused:
            read_only(folder)
        assert str(folder) in refused.value.phrase.vi
    assert names(home) == set()


def test_looking_without_a_reference_names_the_reference(home: Path) -> None:
    open_ledger(home).close()
    for path in home.glob("reference.sqlite*"):
        path.unlink()
    with pytest.raises(NoDatabase, match=r"no file reference\.sqlite"):
        read_only(home)
    assert not (home / "reference.sqlite").exists()


# --- what may be wrong with a file ------------------------------------------------------------------------------------


def openings() -> list[Callable[[Path], object]]:
    return [open_ledger, read_only]


def test_rubbish_is_called_rubbish_and_left_alone(home: Path) -> None:
    open_ledger(home).close()
    rubbish = b"Hom nay thu vien dong cua. " * 400
    (home / "ledger.sqlite").write_bytes(rubbish)
    for attempt in openings():
        with pytest.raises(NotADatabase, match=r"ledger\.sqlite"):
            attempt(home)
    assert (home / "ledger.sqlite").read_bytes() == rubbish


def test_the_database_of_another_program_is_not_ours(home: Path) -> None:
    open_ledger(home).close()
    for path in home.glob("ledger.sqlite*"):
        path.unlink()
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    for attempt in openings():
        with pytest.raises(NotADatabase):
            attempt(home)


def test_a_reference_in_the_ledgers_place_is_noticed(home: Path) -> None:
    open_ledger(home).close()
    for path in home.glob("*-wal"):
        path.unlink()
    (home / "ledger.sqlite").write_bytes((home / "reference.sqlite").read_bytes())
    for attempt in openings():
        with pytest.raises(NotADatabase, match=r"ledger\.sqlite"):
            attempt(home)


def test_a_folder_in_the_ledgers_place_is_not_a_database(home: Path) -> None:
    open_ledger(home).close()
    (home / "ledger.sqlite").unlink()
    (home / "ledger.sqlite").mkdir()
    for attempt in openings():
        with pytest.raises(NotADatabase):
            attempt(home)


@pytest.mark.parametrize("kept", [1, 99, 100, 4096, 3 * 4096 + 17])
def test_a_truncated_file_is_refused_and_left_alone(home: Path, kept: int) -> None:
    open_ledger(home).close()
    path = home / "ledger.sqlite"
    cut = path.read_bytes()[:kept]
    path.write_bytes(cut)
    for attempt in openings():
        with pytest.raises((DatabaseDamaged, NotADatabase), match=r"ledger\.sqlite"):
            attempt(home)
    assert path.read_bytes() == cut


@pytest.mark.parametrize("name", ["ledger.sqlite", "reference.sqlite"])
def test_an_emptied_file_is_not_taken_for_a_new_one(home: Path, name: str) -> None:
    open_ledger(home).close()
    (home / name).write_bytes(b"")
    for attempt in openings():
        with pytest.raises(DatabaseDamaged, match=rf"{name} is empty"):
            attempt(home)
    assert (home / name).read_bytes() == b""


def test_no_new_ledger_is_begun_beside_the_log_of_a_lost_one(home: Path) -> None:
    with elsewhere("own", home, 5) as owner:
        owner.kill()
        owner.wait()
    lost = home / "elsewhere.sqlite"
    (home / "ledger.sqlite").replace(lost)
    log = (home / "ledger.sqlite-wal").read_bytes()
    for attempt in openings():
        with pytest.raises(DatabaseDamaged, match=r"its log ledger\.sqlite-wal is there"):
            attempt(home)
    assert not (home / "ledger.sqlite").exists()
    assert (home / "ledger.sqlite-wal").read_bytes() == log
    lost.replace(home / "ledger.sqlite")
    with open_ledger(home) as file:
        assert recorded(file) == [1, 2, 3, 4, 5]


def test_the_empty_log_of_a_lost_file_is_cleared_away(home: Path) -> None:
    open_ledger(home).close()
    with read_only(home):
        pass
    assert (home / "ledger.sqlite-wal").exists()
    (home / "ledger.sqlite").unlink()
    with open_ledger(home) as file:
        assert recorded(file) == []
        record(file, 1)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UnsuitableDisk, match=r"Choose a folder"):
            open_ledger(home)


@pytest.mark.skipif(os.name != "posix", reason="SQLite has this file system layer on POSIX only.")
def test_a_disk_without_shared_memory_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = upgrade.uri
    monkeypatch.setattr(upgrade, "uri", lambda path, mode: f"{real(path, mode)}&vfs=unix-none")
    with pytest.raises(UnsuitableDisk):
        open_ledger(home)


def test_damage_that_shows_only_in_use_is_told_as_damage(home: Path) -> None:
    with open_ledger(home) as file:
        for seq in range(1, 400):
            record(file, seq, note="x" * 200)
    path = home / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    content[40 * 4096 : -4096] = b"\xaa" * (len(content) - 41 * 4096)
    path.write_bytes(content)
    with open_ledger(home) as file, pytest.raises(DatabaseDamaged, match=r"ledger\.sqlite / reference\.sqlite"):
        recorded(file)


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("SQLite's own words")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_IOERR_SOMETHING"
    return error


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_IOERR_SHMSIZE, DiskFull),
        (sqlite3.SQLITE_IOERR, DiskFailing),
        (sqlite3.SQLITE_IOERR_WRITE, DiskFailing),
        (sqlite3.SQLITE_IOERR_FSYNC, DiskFailing),
        (sqlite3.SQLITE_IOERR_READ, DiskFailing),
        (sqlite3.SQLITE_READONLY, ReadOnlyDisk),
        (sqlite3.SQLITE_READONLY_CANTINIT, ReadOnlyDisk),
        (sqlite3.SQLITE_READONLY_DBMOVED, NoDatabase),
        (sqlite3.SQLITE_PERM, ReadOnlyDisk),
        (sqlite3.SQLITE_CORRUPT, DatabaseDamaged),
        (sqlite3.SQLITE_CORRUPT_VTAB, DatabaseDamaged),
        (sqlite3.SQLITE_NOTADB, NotADatabase),
        (sqlite3.SQLITE_BUSY, DatabaseInUse),
        (sqlite3.SQLITE_BUSY_RECOVERY, DatabaseInUse),
        (sqlite3.SQLITE_LOCKED, DatabaseInUse),
        (sqlite3.SQLITE_PROTOCOL, DatabaseInUse),
        (sqlite3.SQLITE_CANTOPEN, NoDatabase),
        (sqlite3.SQLITE_ERROR, None),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, None),
        (sqlite3.SQLITE_MISUSE, None),
    ],
)
def test_what_sqlite_reports_becomes_a_sentence_or_passes_through(
    home: Path, code: int, expected: type[StoreError] | None
) -> None:
    """The ledger is not there in this test, so what cannot be opened is missing."""
    for error in (sqlite_error(code), sa.exc.OperationalError("SELECT 1", None, sqlite_error(code))):
        with pytest.raises(expected or type(error)) as told, translated(LEDGER.path(home)):
            raise error
        if expected is None:
            assert told.value is error
        else:
            assert isinstance(told.value, StoreError)
            assert told.value.__cause__ is error
            for sentence in (told.value.phrase.vi, told.value.phrase.en):
                assert unicodedata.is_normalized("NFC", sentence)
                assert sentence.endswith(".")
                assert "{" not in sentence
                assert "SQLite's own words" not in sentence


def test_a_file_that_is_there_and_does_not_open_is_a_matter_of_the_disk(home: Path) -> None:
    LEDGER.path(home).write_bytes(b"x")
    with pytest.raises(DiskFailing) as told, translated(LEDGER.path(home)):
        raise sqlite_error(sqlite3.SQLITE_CANTOPEN)
    assert told.value.code == "SQLITE_IOERR_SOMETHING"


def test_a_complaint_of_the_driver_passes_through(home: Path) -> None:
    with pytest.raises(sqlite3.ProgrammingError), translated(LEDGER.path(home)):
        raise sqlite3.ProgrammingError("Cannot operate on a closed database.")


@pytest.mark.parametrize(
    ("number", "expected"), [(28, DiskFull), (30, ReadOnlyDisk), (13, ReadOnlyDisk), (5, DiskFailing), (2, OSError)]
)
def test_refusals_of_the_operating_system_become_sentences_where_we_handle_the_file(
    home: Path, number: int, expected: type[Exception]
) -> None:
    with pytest.raises(expected), disk_translated(LEDGER.path(home)):
        raise OSError(number, os.strerror(number))


def test_no_error_and_no_log_line_carries_a_value(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "BD-4170-0099231"
    errors: list[BaseException] = []
    statement = sa.text("INSERT INTO identity VALUES (:token, :patron)")
    with open_ledger(home) as file:
        with pytest.raises(sa.exc.IntegrityError) as refused, file.begin() as connection:
            connection.execute(statement, [{"token": "00", "patron": secret}, {"token": "00", "patron": secret}])
        errors.append(refused.value)
        with file.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(DiskFull) as full, file.begin() as connection:
            connection.execute(statement, [{"token": f"{n}", "patron": secret * 99} for n in range(99)])
        errors.append(full.value)
    while errors:
        error = errors.pop()
        assert secret not in str(error)
        assert secret not in repr(error)
        errors += [cause for cause in (error.__cause__, error.__context__) if cause]
    assert secret not in caplog.text


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_when_the_disk_is_full_nothing_is_half_done(home: Path) -> None:
    def act(file: LedgerFile) -> None:
        with file.begin() as connection:
            connection.exec_driver_sql("INSERT INTO identity VALUES ('00', 'BD-1')")
            for seq in range(2, 1000):
                event = {"seq": seq, "record": json.dumps({"note": "x" * 500})}
                connection.execute(sa.text("INSERT INTO event (seq, record, hash) VALUES (:seq, :record, x'')"), event)

    with open_ledger(home) as file:
        record(file, 1)
        with file.begin() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(DiskFull) as full:
            act(file)
        assert "not recorded" in full.value.phrase.en
        assert str(home) in full.value.phrase.vi
        with file.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM identity").scalar() == 0
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert recorded(file) == [1]
        record(file, 2)
    with read_only(home) as reader:
        assert recorded(reader) == [1, 2]


@pytest.fixture(scope="session")
def namespace() -> tuple[str, ...]:
    """The words that run a program with mounts of its own: as root, or as root in a user namespace."""
    for words in (("unshare", "--mount"), ("unshare", "--map-root-user", "--mount")):
        try:
            trial = subprocess.run(
                [*words, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False, timeout=30
            )
        except FileNotFoundError:
            break
        if trial.returncode == 0:
            return words
    pytest.skip("A disk that is full or read-only takes mounts of one's own (unshare), which are not allowed here.")


def on_a_disk_of_its_own(words: tuple[str, ...], name: str, folder: Path, size: str) -> None:
    """Runs a function of this module on an empty disk of that size, which exists for it alone."""
    mount = f'mount -t tmpfs -o size={size} tmpfs "$1" && shift && exec "$@"'
    subprocess.run(
        [*words, "sh", "-c", mount, "sh", folder, sys.executable, "-c", run_here(name), folder],
        cwd=HOUSE,
        check=True,
        timeout=120,
    )


def remount(folder: Path, how: str) -> None:
    # With both the source and the place named, `mount` adds no options that only the real root may set.
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"remount,{how}", "tmpfs", folder], check=True)


def fill_up(folder: Path) -> Path:
    filling = folder / "filling"
    with filling.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filling


def on_a_small_disk(folder: str) -> None:
    home = Path(folder) / "home"
    done = 0
    with open_ledger(home) as file:
        with suppress(DiskFull):
            while done < 1000:
                record(file, done + 1, note="x" * 3000)
                done += 1
        assert 3 < done < 1000
        assert recorded(file) == list(range(1, done + 1))
        with pytest.raises(DiskFull):
            record(file, done + 1, note="x" * 3000)
        with read_only(home) as reader:
            assert recorded(reader) == list(range(1, done + 1))
    filling = fill_up(Path(folder))
    with pytest.raises(DiskFull):
        open_ledger(home)
    filling.unlink()
    remount(Path(folder), "size=4m")
    with open_ledger(home) as file:
        record(file, done + 1, note="x" * 3000)
        assert recorded(file) == list(range(1, done + 2))


def test_on_a_disk_that_runs_full_every_act_is_there_or_refused(tmp_path: Path, namespace: tuple[str, ...]) -> None:
    on_a_disk_of_its_own(namespace, "on_a_small_disk", tmp_path, "500k")


def on_a_tiny_disk(folder: str) -> None:
    home = Path(folder) / "home"
    with pytest.raises(DiskFull):
        open_ledger(home)
    assert not {name for name in names(home) if ".sqlite" in name and "reference" not in name}
    assert not {name for name in names(home) if ".new" in name}


@pytest.mark.parametrize("size", ["4k", "40k", "64k"])
def test_no_half_made_file_is_left_where_there_is_no_room_for_one(
    tmp_path: Path, namespace: tuple[str, ...], size: str
) -> None:
    on_a_disk_of_its_own(namespace, "on_a_tiny_disk", tmp_path, size)


def on_a_disk_turned_read_only(folder: str) -> None:
    disk = Path(folder)
    home = disk / "home"
    with open_ledger(home) as file:
        record(file, 1)
    set_rules(home, "2")
    remount(disk, "ro")
    before = names(home)
    # Closed before: neither logs nor shared memory are there, and none can be made.
    with read_only(home) as reader:
        assert recorded(reader) == [1]
        assert rule_set(reader) == "2"
    for attempt in (open_ledger, open_reference):
        with pytest.raises(ReadOnlyDisk) as refused:
            attempt(home)
        assert str(home) in refused.value.phrase.vi
    with pytest.raises(ReadOnlyDisk):
        open_ledger(disk / "new")
    with pytest.raises(NoDatabase):
        read_only(disk / "new")
    assert not [finding for finding in check(home) if finding.level is Level.FAILURE]
    assert names(home) == before
    # Killed before: what the log holds is seen as well.
    remount(disk, "rw")
    with elsewhere("own", home, 0) as owner:
        owner.kill()
        owner.wait()
    with elsewhere("record_and_die", home) as owner:
        owner.wait()
    remount(disk, "ro")
    with read_only(home) as reader:
        assert recorded(reader) == [1, 2]
    # And without the shared memory nobody can know what the log holds, so nothing wrong is shown.
    remount(disk, "rw")
    for path in home.glob("*-shm"):
        path.unlink()
    remount(disk, "ro")
    with pytest.raises(ReadOnlyDisk):
        read_only(home)
    remount(disk, "rw")
    with open_ledger(home) as file:
        assert recorded(file) == [1, 2]


def record_and_die(home: str) -> None:
    file = open_ledger(Path(home))
    record(file, 2)
    say_ready()
    os.kill(os.getpid(), signal.SIGKILL)


def test_on_a_read_only_disk_one_can_look_and_is_told_why_not_write(tmp_path: Path, namespace: tuple[str, ...]) -> None:
    on_a_disk_of_its_own(namespace, "on_a_disk_turned_read_only", tmp_path, "4m")


def upgrade_on_a_small_disk(folder: str) -> None:
    home = Path(folder) / "home"
    with open_ledger(home) as file:
        for seq in range(1, 30):
            record(file, seq, note="x" * 5000)
    versions = Path(folder) / "versions"
    versions.mkdir()
    for version in LEDGER.versions.glob("v*.py"):
        (versions / version.name).write_text(version.read_text("utf-8"), "utf-8")
    (versions / "v9999.py").write_text(
        f"from alembic import op\nrevision = '9999'\ndown_revision = '{LEDGER.head}'\n\n\n"
        "def upgrade():\n    op.execute('CREATE TABLE more (x)')\n",
        "utf-8",
    )
    sys.dont_write_bytecode = True
    filling = fill_up(Path(folder))
    os.truncate(filling, filling.stat().st_size - 4096 * 20)
    newer = replace(LEDGER, head="9999", versions=versions)
    with pytest.raises(DiskFull):
        open_ledger(home, ledger=newer)
    assert not {name for name in names(home) if ".new" in name or "backup" in name}
    with pytest.raises(OutdatedDatabase):
        read_only(home, ledger=newer)
    filling.unlink()
    with open_ledger(home, ledger=newer) as file:
        assert recorded(file) == list(range(1, 30))


def test_an_upgrade_without_room_leaves_the_old_file(tmp_path: Path, namespace: tuple[str, ...]) -> None:
    on_a_disk_of_its_own(namespace, "upgrade_on_a_small_disk", tmp_path, "2m")


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="Root may write where its rights say no; others are needed."
)
def test_a_folder_without_the_right_to_write_is_told(home: Path) -> None:
    open_ledger(home).close()
    home.chmod(0o500)
    try:
        for path in home.iterdir():
            path.chmod(0o400)
        with pytest.raises(ReadOnlyDisk):
            open_ledger(home)
        home.chmod(0o000)
        for attempt in openings():
            with pytest.raises(ReadOnlyDisk):
                attempt(home)
        assert levels(home) == {"ledger.file": Level.FAILURE, "reference.file": Level.FAILURE}
    finally:
        home.chmod(0o700)


# --- the doctor's questions -------------------------------------------------------------------------------------------


def levels(home: Path) -> dict[str, Level]:
    found = {finding.code: finding.level for finding in check(home)}
    del found["disk"], found["sqlite"]  # of the machine this runs on
    return found


SOUND = dict.fromkeys(["ledger.version", "ledger.content", "reference.version", "reference.content"], Level.OK)


def test_sound_files_are_found_sound_also_beside_a_running_station(home: Path) -> None:
    with open_ledger(home) as file:
        record(file, 1)
        assert levels(home) == SOUND
    assert levels(home) == SOUND


def test_a_new_folder_is_no_failure_and_stays_empty(home: Path) -> None:
    for folder in (home, home / "not" / "there"):
        assert levels(folder) == {"ledger.file": Level.NOTICE, "reference.file": Level.NOTICE}
    assert names(home) == set()


def test_damage_inside_is_found_and_names_no_content(home: Path) -> None:
    with open_ledger(home) as file:
        for seq in range(1, 200):
            record(file, seq, note="Truyện Kiều")
    path = home / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    at = content.index(b"visit", 4096 * 4)
    page = at // 4096 * 4096
    content[page : page + 64] = b"\xaa" * 64
    path.write_bytes(content)
    found = {finding.code: finding for finding in check(home)}
    (failed,) = [finding for finding in found.values() if finding.level is Level.FAILURE]
    assert failed.code in {"ledger.content", "ledger.file"}
    assert "Kiều" not in failed.phrase.vi
    assert found["reference.content"].level is Level.OK


def test_a_row_missing_from_an_index_is_found(home: Path) -> None:
    with open_ledger(home) as file:
        for seq in range(1, 20):
            record(file, seq)
    with closing(sqlite3.connect(home / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, '(type)', '(seq)') WHERE name = 'ix_event_type'"
        )
    assert levels(home)["ledger.content"] is Level.FAILURE


def test_files_that_cannot_be_opened_are_findings_not_errors(home: Path) -> None:
    open_ledger(home).close()
    (home / "reference.sqlite").write_bytes(b"rubbish" * 1000)
    (home / "ledger.sqlite").write_bytes(b"")
    assert levels(home) == {"ledger.file": Level.FAILURE, "reference.file": Level.FAILURE}


def test_versions_that_do_not_fit_are_findings(home: Path) -> None:
    open_ledger(home).close()
    newer, older = replace(LEDGER, head="0000"), replace(REFERENCE, head="9999")
    found = {finding.code: finding.level for finding in check(home, ledger=newer, reference=older)}
    assert found["ledger.file"] is Level.FAILURE
    assert found["reference.version"] is Level.NOTICE


def test_what_an_upgrade_leaves_behind_is_told(home: Path) -> None:
    open_ledger(home).close()
    (home / "ledger.sqlite.new").write_bytes(b"half")
    (home / "ledger-0001-2026-01-31.backup.sqlite").write_bytes(b"old")
    with closing(sqlite3.connect(home / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    assert levels(home) == {
        **SOUND,
        "ledger.leftover": Level.NOTICE,
        "ledger.backup": Level.NOTICE,
        "ledger.journal_mode": Level.NOTICE,
    }
    open_ledger(home).close()
    assert levels(home) == {**SOUND, "ledger.backup": Level.NOTICE}


@pytest.mark.parametrize(
    ("used", "level"), [(10, Level.OK), (69, Level.OK), (70, Level.NOTICE), (94, Level.NOTICE), (95, Level.FAILURE)]
)
def test_a_disk_that_fills_up_is_told_in_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, used: int, level: Level
) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    # Five of the 105 belong to the system alone and count for nobody.
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(105 * 10**9, used * 10**9, (100 - used) * 10**9))
    (disk,) = [finding for finding in check(home) if finding.code == "disk"]
    assert disk.level is level
    assert f"{used} %" in disk.phrase.vi
    assert f"{100 - used}.0 GB" in disk.phrase.en


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_the_sqlite_versions_with_the_wal_reset_bug_are_known(version: tuple[int, int, int], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


def test_the_doctor_is_told_of_the_sqlite_in_use(home: Path) -> None:
    (finding,) = [finding for finding in check(home) if finding.code == "sqlite"]
    assert sqlite3.sqlite_version in finding.phrase.vi
    affected = has_wal_reset_bug(sqlite3.sqlite_version_info)
    assert finding.level is (Level.NOTICE if affected else Level.OK)
