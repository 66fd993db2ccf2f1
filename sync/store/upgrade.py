"""Building a file of the store and bringing an older one up to date.

Theory of operation. A file is never changed in place. Whatever has to be made is made in a *side file* (``….new``) in
the same folder, migrated there by Alembic, checked, flushed to the disk, and only then renamed over the name that
counts. A rename is atomic, so at every instant the name stands for the old file or the new one, whole; what a killed
run leaves behind is a side file, which the next run removes. The caller holds the file's lock (``sync.store.files``).

The one danger is the old file's write-ahead log: it lies beside the file under the same name, and SQLite would replay
it into whatever file it finds there. So before anything else the old file leaves WAL mode, which empties and removes
the log and which SQLite grants only while nobody else has the file open; a reader that comes later reads the old file
to its end. For the same reason nothing is ever built beside a log that has lost its file.

The reference is also replaced whole, by a snapshot, while a kiosk looks into it all day. There nobody lets go, so the
new file gets a name of its own (a *generation*, ``reference-17.sqlite``) and a log of its own, and a pointer
(``reference.now``) is what changes hands; without a pointer the plain name counts. Old generations are removed when
nobody can hold them any more, or at the next time.

An upgrade of the ledger leaves a backup ``ledger-<version>-<date>.backup.sqlite``: with it and the older program one
can go back. It holds the identities of its day, so it is to be deleted once the new version is trusted. The reference
leaves none, because it is made from imports and snapshots and can be made again.

Alembic is imported only when there is something to migrate; that costs a quarter of a second, and a desk starts often.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from config.phrase import Phrase
from sync.store.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    NewerDatabase,
    NotADatabase,
    OutdatedDatabase,
    disk_translated,
)

#: The newest version of each file that this program knows.
LEDGER_HEAD = "0002"
REFERENCE_HEAD = "0002"

#: SQLAlchemy's logger for our engines. At its lowest level it would write every row that is read.
SILENT = "store"
logging.getLogger(f"sqlalchemy.engine.Engine.{SILENT}").disabled = True

_MIGRATIONS = Path(__file__).parent / "migrations"

#: Alembic keeps what it works on in variables of its modules, and headquarters' threads build files side by side.
_ALEMBIC = threading.Lock()


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two files: what it is called, how it is recognised, and the history of its versions."""

    name: str
    #: SQLite's ``application_id``. Both histories number their versions alike, so the version cannot tell them apart.
    application_id: int
    head: str
    versions: Path
    backed_up: bool

    def path(self, home: Path) -> Path:
        """Where the file is in a station's folder now. Raises ``DatabaseDamaged`` when that cannot be told."""
        plain = home / f"{self.name}.sqlite"
        if self.backed_up:  # what is backed up is never replaced by another
            return plain
        try:
            named = self._pointer(home).read_text("utf-8")
        except FileNotFoundError:
            return plain
        if not re.fullmatch(rf"{self.name}-[1-9][0-9]*\.sqlite", named):
            raise DatabaseDamaged(self._pointer(home))
        return home / named

    def point_at(self, path: Path) -> None:
        """From now on this is the file, be the power cut when it may."""
        pointer = self._pointer(path.parent)
        new = pointer.with_name(pointer.name + _SIDE)
        new.write_text(path.name, "utf-8")
        flush_file(new)
        new.replace(pointer)
        _flush_folder(path.parent)

    def generations(self, home: Path) -> list[Path]:
        """The files that snapshots have brought, oldest first; the last may be one that was never finished."""
        found = ((re.fullmatch(rf"{self.name}-([1-9][0-9]*)\.sqlite", file.name), file) for file in home.iterdir())
        return [file for _, file in sorted((int(match[1]), file) for match, file in found if match)]

    def _pointer(self, home: Path) -> Path:
        return home / f"{self.name}.now"


LEDGER = Kind("ledger", 0x54725361, LEDGER_HEAD, _MIGRATIONS / "ledger", backed_up=True)
REFERENCE = Kind("reference", 0x54725362, REFERENCE_HEAD, _MIGRATIONS / "reference", backed_up=False)


class Step(StrEnum):
    """The steps of building or upgrading, in order; a new file has only the last four."""

    LEAVE_WAL = "leave_wal"
    BACK_UP = "back_up"
    COPY = "copy"
    MIGRATE = "migrate"
    CHECK = "check"
    SWAP = "swap"
    FLUSH = "flush"


#: What else a file needs before it is whole, done in the transaction of its migration.
Complete = Callable[[sa.Connection], None]

#: Told of each step before it begins: a command may show it, a test may end the process there.
OnStep = Callable[[Step], None]


def unheard(_: Step) -> None:
    """The listener of who does not ask."""


def connect(path: Path, mode: str, *, wait: float = 5.0, shared: bool = False) -> sqlite3.Connection:
    """A bare connection in SQLite's open mode ``ro``, ``rw`` or ``rwc``, waiting ``wait`` seconds for locks.

    Transactions are the caller's own (``isolation_level=None``): the driver's are begun too late for a reader and
    cannot be immediate. ``shared``: several threads use it, and the caller sees to it that they do so one by one.
    """
    connection = sqlite3.connect(
        uri(path, mode), uri=True, isolation_level=None, timeout=wait, check_same_thread=not shared
    )
    # Sorting spills into temporary tables; readers' data has no business in a folder for everybody.
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def silent_engine(connection: sqlite3.Connection) -> sa.Engine:
    """SQLAlchemy on one connection, saying nothing to any log: rows and parameters are readers and titles."""
    return sa.create_engine(
        "sqlite://",
        creator=lambda: connection,
        poolclass=sa.StaticPool,
        hide_parameters=True,
        logging_name=SILENT,
    )


def uri(path: Path, mode: str) -> str:
    """The path as SQLite's URI, on Windows too; blanks, ``#``, ``?``, ``%`` and Vietnamese letters are escaped.

    A file in WAL mode whose log is gone can be read on a read-only disk only as ``immutable``, because SQLite cannot
    make the shared memory it would read with. There that is true: nobody can write. With a log beside it the file is
    not whole without it, and a plain ``mode=ro`` reads both.
    """
    text = f"{path.absolute().as_uri()}?mode={mode}"
    if mode == "ro" and _on_read_only_disk(path) and not has_content(beside(path, "-wal")):
        text += "&immutable=1"
    return text


def beside(path: Path, suffix: str) -> Path:
    """The file that SQLite or this module keeps beside a database, under its name and a suffix."""
    return path.with_name(path.name + suffix)


def has_content(path: Path) -> bool:
    """Whether there is a file of more than nought bytes."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def revision(connection: sqlite3.Connection, kind: Kind, path: Path, schema: str = "main") -> str:
    """The version of an open (or attached) file. Raises ``NotADatabase`` when it is not of this kind."""
    (application_id,) = connection.execute(f"PRAGMA {schema}.application_id").fetchone()
    table = connection.execute(
        f"SELECT 1 FROM {schema}.sqlite_schema WHERE name = 'alembic_version'"  # noqa: S608, schema is ours
    ).fetchone()
    if application_id != kind.application_id or table is None:
        raise NotADatabase(path)
    (version,) = connection.execute(f"SELECT version_num FROM {schema}.alembic_version").fetchone()  # noqa: S608
    return str(version)


def require_head(found: str, kind: Kind, path: Path) -> None:
    """Refuses a file that is newer or older than this program: ``NewerDatabase``, ``OutdatedDatabase``."""
    refuse_newer(found, kind, path)
    if found != kind.head:
        raise OutdatedDatabase(path, found, kind.head)


def refuse_newer(found: str, kind: Kind, path: Path) -> None:
    """Raises ``NewerDatabase`` for a version above the head. Versions are four digits and compare as text."""
    if found > kind.head:
        raise NewerDatabase(path, found, kind.head)


def refuse_remains(path: Path) -> None:
    """Raises ``DatabaseDamaged`` for what may be left of a database that once was: nought bytes, or its log."""
    if not path.exists():
        for log in (beside(path, "-wal"), beside(path, "-journal")):
            if has_content(log):
                raise DatabaseDamaged(
                    path,
                    phrase=Phrase(
                        vi="Không thấy tệp {file} nhưng tệp nhật ký {log} của nó còn đó và có thể chứa những thao tác"
                        " cuối cùng. Hãy đặt lại {file} từ bản sao lưu; chỉ khi chấp nhận bắt đầu lại từ đầu thì chuyển"
                        " {log} đi nơi khác.",
                        en="The file {file} is gone, but its log {log} is there and may hold the last acts. Put {file}"
                        " back from a backup; only if you accept to begin anew, move {log} elsewhere.",
                    ).fill(file=path.name, log=log.name),
                )
    elif not has_content(path):
        raise DatabaseDamaged(
            path,
            phrase=Phrase(
                vi="Tệp {file} rỗng (0 byte), nội dung đã mất. Hãy đặt lại bản sao lưu mới nhất; chỉ khi chấp nhận bắt"
                " đầu lại từ đầu thì xóa tệp.",
                en="The file {file} is empty (0 bytes), its content is lost. Put back the newest backup; only if you"
                " accept to begin anew, delete the file.",
            ),
        )


def bring_up_to_date(kind: Kind, path: Path, wait: float, on_step: OnStep) -> None:
    """Builds the file where there is none and upgrades it where it is older. The caller holds its lock.

    Raises :class:`~sync.store.errors.StoreError`; the file is then as it was.
    """
    with disk_translated(path):
        _sweep(path)
        refuse_remains(path)
        if not path.exists():
            _build(kind, path, on_step)
            return
        with closing(connect(path, "ro", wait=wait)) as connection:
            found = revision(connection, kind, path)
        refuse_newer(found, kind, path)
        if found != kind.head:
            _upgrade(kind, path, found, wait, on_step)


def install(kind: Kind, home: Path, snapshot: Path, complete: Complete, on_step: OnStep) -> Path:
    """Makes the next generation of a snapshot, which is a file on the same disk and is used up. The caller holds the
    lock; others may go on looking into the generation before.

    Raises :class:`~sync.store.errors.StoreError`; what was there before is then still there.
    """
    with disk_translated(kind.path(home), snapshot):
        _sweep_generations(kind, home)
        newest = max((int(file.stem.rpartition("-")[2]) for file in kind.generations(home)), default=0)
        path = home / f"{kind.name}-{newest + 1}.sqlite"
        _sweep(path, "")
        snapshot.replace(path)
        try:
            with closing(connect(path, "rw")) as connection:
                refuse_newer(revision(connection, kind, snapshot), kind, snapshot)
                _migrate_side(connection, kind, path, on_step, complete)
            on_step(Step.FLUSH)
            flush_file(path)
        except BaseException:
            _sweep(path, "")
            raise
        on_step(Step.SWAP)
        kind.point_at(path)
        _sweep_generations(kind, home)
        return path


def _sweep_generations(kind: Kind, home: Path) -> None:
    """Removes what is no longer pointed at. A file that somebody still looks into keeps its bytes until they let go;
    where the system does not allow that, it stays until the next time."""
    now = kind.path(home)
    for old in {*kind.generations(home), home / f"{kind.name}.sqlite"} - {now}:
        with suppress(PermissionError):
            _sweep(old, "")


def problems(connection: sqlite3.Connection) -> tuple[str, ...]:
    """What SQLite's own checks find, in its words, which name tables and rows but no content."""
    broken = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    orphans = [f"foreign key: {row[0]}, row {row[1]}" for row in connection.execute("PRAGMA foreign_key_check")]
    return (*(line for line in broken if line != "ok"), *orphans)


#: Suffixes of a side file, and of a backup that is being made.
_SIDE, _BACKUP = ".new", ".backup"


def leftovers(path: Path, *suffixes: str) -> tuple[Path, ...]:
    """What there is of side files: beside a file whose lock is free, the remains of a killed run."""
    made = (suffix + log for suffix in suffixes or (_SIDE, _BACKUP) for log in ("", "-journal", "-wal", "-shm"))
    return tuple(left for left in (beside(path, suffix) for suffix in made) if left.exists())


def backups(kind: Kind, home: Path) -> tuple[Path, ...]:
    """The backups that upgrades have left, oldest version first."""
    return tuple(sorted(home.glob(f"{kind.name}-*.backup.sqlite")))


def _sweep(path: Path, *suffixes: str) -> None:
    for left in leftovers(path, *suffixes):
        left.unlink()


def _build(kind: Kind, path: Path, on_step: OnStep) -> None:
    for log in ("-wal", "-shm", "-journal"):  # empty, or ``refuse_remains`` had spoken
        beside(path, log).unlink(missing_ok=True)
    with _side_file(path, _SIDE) as side:
        with closing(connect(side, "rwc")) as connection:
            connection.execute(f"PRAGMA application_id = {kind.application_id}")
            _migrate_side(connection, kind, path, on_step)
        _swap(side, path, on_step)


def _upgrade(kind: Kind, path: Path, found: str, wait: float, on_step: OnStep) -> None:
    with _side_file(path, _SIDE) as side:
        with closing(connect(path, "rw", wait=wait)) as old:
            on_step(Step.LEAVE_WAL)
            _leave_wal(old, path, wait)
            # Programs that know nothing of our lock are kept from writing until the swap; readers may read on.
            old.execute("BEGIN IMMEDIATE")
            if kind.backed_up:
                on_step(Step.BACK_UP)
                day = datetime.now(UTC).date().isoformat()
                with _side_file(path, _BACKUP) as backup:
                    _copy(path, backup).close()
                    flush_file(backup)
                    backup.replace(path.with_name(f"{kind.name}-{found}-{day}.backup.sqlite"))
                _flush_folder(path.parent)
            on_step(Step.COPY)
            with closing(_copy(path, side)) as connection:
                _migrate_side(connection, kind, path, on_step)
        _swap(side, path, on_step)


def _leave_wal(old: sqlite3.Connection, path: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            (mode,) = old.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite asks for the whole file once, without its busy timeout.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
        else:
            if mode != "delete":
                raise DatabaseInUse(path)
            return


@contextmanager
def _side_file(path: Path, suffix: str) -> Iterator[Path]:
    """The name of a file to be made and renamed; what is left of it when that failed is removed."""
    side = beside(path, suffix)
    try:
        yield side
    finally:
        _sweep(path, suffix)


def _copy(path: Path, target: Path) -> sqlite3.Connection:
    """A copy of the database with the same owner and rights, open for more."""
    target.touch()
    state = path.stat()
    target.chmod(state.st_mode)
    if hasattr(os, "chown") and os.geteuid() == 0:
        # Root upgrades a file that belongs to the station's own account.
        os.chown(target, state.st_uid, state.st_gid)
    copy = connect(target, "rw")
    try:
        with closing(connect(path, "ro")) as source:
            source.backup(copy)
    except BaseException:
        copy.close()
        raise
    return copy


def _migrate_side(
    connection: sqlite3.Connection, kind: Kind, path: Path, on_step: OnStep, complete: Complete | None = None
) -> None:
    """Takes the side file that is open here to the head, and checks it. Raises ``DatabaseDamaged``."""
    on_step(Step.MIGRATE)
    # The side file is worth nothing until it is whole and flushed, so it needs no journal of its own on the disk.
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    # Rebuilding a table drops the old one; with foreign keys on, that would delete the rows that refer to it.
    connection.execute("PRAGMA foreign_keys = OFF")
    engine = silent_engine(connection)
    with engine.connect() as migrated, migrated.begin():
        migrated.exec_driver_sql("BEGIN IMMEDIATE")
        if complete is None or revision(connection, kind, path) != kind.head:  # Alembic is slow to load
            migrate(migrated, kind)
        if complete is not None:
            complete(migrated)
    on_step(Step.CHECK)
    if problems(connection):
        raise DatabaseDamaged(path)
    # It is born in WAL mode, so that no reader stands in the way of its first writer. Closing removes the empty log.
    connection.execute("PRAGMA journal_mode = WAL")


def migrate(connection: sa.Connection, kind: Kind) -> None:
    """Runs the versions of a history that are missing, in the transaction that the caller has begun."""
    from alembic import command  # noqa: PLC0415, slow and rarely needed
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    for option, folder in (("script_location", _MIGRATIONS), ("version_locations", kind.versions)):
        config.set_main_option(option, str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, kind.head)


def _swap(side: Path, path: Path, on_step: OnStep) -> None:
    on_step(Step.SWAP)
    flush_file(side)
    if has_content(beside(path, "-wal")) or has_content(beside(path, "-journal")):
        raise DatabaseInUse(path)  # somebody wrote past our lock: their log would be replayed into the new file
    try:
        side.replace(path)
    except PermissionError as error:
        # We have just made a file in this folder, so it is not the folder: Windows keeps a file that a reader has open.
        raise DatabaseInUse(path) from error
    on_step(Step.FLUSH)
    _flush_folder(path.parent)


def flush_file(path: Path) -> None:
    """Returns when all that was written to a file is on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is journalled
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _on_read_only_disk(path: Path) -> bool:
    return os.name == "posix" and path.exists() and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
