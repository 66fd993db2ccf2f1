"""Opening, owning and checking the two files; building and upgrading them is next door, in ``upgrade``.

Theory of operation. Whoever writes a file holds its operating-system lock (``ledger.lock``, ``reference.lock``), which
the system takes back at the death of the process; a note beside it (``ledger.owner.json``) says who that is, so that
the next one can be told. A lock is waited for a few seconds, so that commands queue.

The ledger's writer has the reference attached as ``ref`` through ``mode=ro``, so one transaction sees both files at one
instant. The reference may be replaced whole under it. Every transaction therefore compares the file that the name
stands for with the file that is attached, before it begins and again once its view is fixed, and attaches anew if
they differ.

Both files are in WAL mode with ``synchronous=FULL``. For the ledger that is law; for the reference, which could be made
again, it costs a few flushes in an import and spares everybody the question which "done" was meant. ``secure_delete``
overwrites what is deleted, because a forgotten reader has to be gone from the bytes; :meth:`LedgerFile.checkpoint` does
the same for the log. No ``mmap_size``, and only writers checkpoint (facts/sync.md, section 5.7).

A ``mode=ro`` connection never changes a database, but it does need SQLite's shared memory: where the files ``-wal`` and
``-shm`` are absent, SQLite makes them, empty, and leaves them to the next writer.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

import filelock
import sqlalchemy as sa

from config.phrase import Phrase
from sync.store.errors import (
    DatabaseDamaged,
    DatabaseInUse,
    DiskFailing,
    DiskFull,
    NewerDatabase,
    NoDatabase,
    NotADatabase,
    OutdatedDatabase,
    Owner,
    ReadOnlyDisk,
    StoreError,
    UnsuitableDisk,
    disk_translated,
    translated,
)
from sync.store.upgrade import (
    LEDGER,
    LEDGER_HEAD,
    REFERENCE,
    REFERENCE_HEAD,
    Kind,
    OnStep,
    Step,
    backups,
    bring_up_to_date,
    connect,
    leftovers,
    problems,
    refuse_newer,
    refuse_remains,
    require_head,
    revision,
    silent_engine,
    unheard,
    uri,
)

__all__ = [
    "LEDGER",
    "LEDGER_HEAD",
    "REFERENCE",
    "REFERENCE_HEAD",
    "DatabaseDamaged",
    "DatabaseInUse",
    "DiskFailing",
    "DiskFull",
    "Finding",
    "Kind",
    "LedgerFile",
    "LedgerReader",
    "Level",
    "NewerDatabase",
    "NoDatabase",
    "NotADatabase",
    "OnStep",
    "OutdatedDatabase",
    "Owner",
    "ReadOnlyDisk",
    "ReferenceFile",
    "Step",
    "StoreError",
    "UnsuitableDisk",
    "check",
    "has_wal_reset_bug",
    "open_ledger",
    "open_reference",
    "read_only",
    "translated",
]

#: How a writer's connection is set. 1,000 pages of log (4 MB) are moved into the file at a time, and the log does not
#: keep the size of the largest import.
_WRITER = {
    "foreign_keys": "ON",
    "synchronous": "FULL",
    "secure_delete": "ON",
    "mmap_size": "0",
    "wal_autocheckpoint": "1000",
    "journal_size_limit": str(4 << 20),
}


def open_ledger(
    home: Path,
    *,
    command: str = "tramsach",
    wait: float = 5.0,
    on_step: OnStep = unheard,
    ledger: Kind = LEDGER,
    reference: Kind = REFERENCE,
) -> LedgerFile:
    """The ledger, owned by this process until it is closed; both files are built or upgraded first where needed.

    ``command`` is what another process is told has the file: a command's name, never its arguments, which name readers.
    ``wait`` seconds are waited for the lock, and for a reader to let go of a file that has to be upgraded. The object
    belongs to the thread that opened it. Raises :class:`StoreError`.
    """
    with ExitStack() as stack:
        path = stack.enter_context(owned(ledger, home, command, wait))
        bring_up_to_date(ledger, path, wait, on_step)
        if not _at_head(reference, home):
            with owned(reference, home, command, wait) as other:
                bring_up_to_date(reference, other, wait, on_step)
        connection = stack.enter_context(writing(path, wait))
        attached = _Attached(connection, reference, home)
        return LedgerFile(path, connection, attached, stack.pop_all())


def open_reference(
    home: Path,
    *,
    command: str = "tramsach",
    wait: float = 5.0,
    on_step: OnStep = unheard,
    reference: Kind = REFERENCE,
) -> ReferenceFile:
    """The reference, owned by this process until it is closed, beside a station too; see :func:`open_ledger`."""
    with ExitStack() as stack:
        path = stack.enter_context(owned(reference, home, command, wait))
        bring_up_to_date(reference, path, wait, on_step)
        connection = stack.enter_context(writing(path, wait))
        return ReferenceFile(path, connection, None, stack.pop_all())


def read_only(home: Path, *, wait: float = 5.0, ledger: Kind = LEDGER, reference: Kind = REFERENCE) -> LedgerReader:
    """Both files to look something up in, beside a running station or on a read-only disk; changes nothing.

    Raises :class:`StoreError`: ``NoDatabase`` where either file is missing, ``OutdatedDatabase`` before an upgrade.
    """
    path, other = ledger.path(home), reference.path(home)
    with ExitStack() as stack, disk_translated(path, other):
        connection = stack.enter_context(closing(_look_into(path, wait)))
        require_head(revision(connection, ledger, path), ledger, path)
        attached = _Attached(connection, reference, home)
        return LedgerReader(path, connection, attached, stack.pop_all())


class _Open:
    """One connection to a file and what has to be undone at its end; a context manager that closes itself."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, attached: _Attached | None, ending: ExitStack
    ) -> None:
        self.path = path
        self._raw = connection
        self._attached = attached
        self._ending = ending
        # Each transaction gets a SQLAlchemy connection of its own, so that options set on it end with it; the pool puts
        # them all on the one connection to the file. The driver's check that one thread uses it stays on.
        self._engine = silent_engine(connection)

    def close(self) -> None:
        """Lets go of the file and of its lock. To close twice does no harm."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[sa.Connection]:
        others = (self._attached.path,) if self._attached else ()
        with translated(self.path, *others), self._engine.connect() as connection:
            while True:
                if self._attached:
                    self._attached.follow()
                for statement in begin:
                    connection.exec_driver_sql(statement).close()
                if self._attached is None or self._attached.is_current():
                    break
                connection.rollback()
            yield connection
            connection.commit()


class LedgerReader(_Open):
    """The ledger with the reference attached as ``ref``, for looking."""

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees both files as they are at its beginning, however long it takes.

        Raises :class:`StoreError`, here and for whatever is done inside.
        """
        # BEGIN alone promises nothing until something is read.
        with self._transaction("BEGIN", "SELECT 1 FROM main.sqlite_schema, ref.sqlite_schema LIMIT 1") as connection:
            yield connection


class LedgerFile(LedgerReader):
    """The ledger for its one writer."""

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction that nobody else can write beside: on the disk when the block ends, undone when it raises.

        Raises :class:`StoreError`, here, for whatever is done inside, and when the commit does not reach the disk.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def checkpoint(self) -> bool:
        """Moves the log into the file and empties it, so that what was deleted is in neither of them any more.

        False when a reader still looks at the state before; then a later checkpoint does it.
        """
        with translated(self.path):
            (busy, *_) = self._raw.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()
        return not busy


class ReferenceFile(_Open):
    """The reference for its one writer: an import, or the worker."""

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction as :meth:`LedgerFile.begin`; readers go on seeing the state before it."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def rewrite(self) -> None:
        """Writes the file anew. What was deleted must live on neither in the write-ahead log nor in the slack of a
        page, where secure_delete does not reach; the file is owned here, so nobody writes beside it."""
        with translated(self.path), closing(connect(self.path, "rw")) as rewriting:
            rewriting.execute("VACUUM").close()
            rewriting.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


class _Attached:
    """The reference, attached to a connection as ``ref``, and which file that is."""

    def __init__(self, connection: sqlite3.Connection, kind: Kind, home: Path) -> None:
        self.path = kind.path(home)
        self._home = home
        self._connection = connection
        self._kind = kind
        self._attached = False
        self._file: tuple[int, int] | None = None  # what was found fit for use
        self.follow()

    def is_current(self) -> bool:
        """Whether the name still stands for the attached file. The times of a file change with every checkpoint; which
        file it is does not, and its number is not given to another while it is open."""
        return self._file is not None and self._file == self._named()

    def follow(self) -> None:
        """Attaches the file that the name stands for now, outside a transaction. Raises :class:`StoreError`."""
        if self.is_current():
            return
        self.path = self._kind.path(self._home)
        self._file = None
        if self._attached:
            self._connection.execute("DETACH DATABASE ref")
            self._attached = False
        with disk_translated(self.path):
            refuse_remains(self.path)
            # Asked before the file is opened: replaced in between, it then counts as outdated and is followed again.
            file = self._named()
            if file is None:
                raise NoDatabase(self.path)
            self._connection.execute("ATTACH DATABASE ? AS ref", (uri(self.path, "ro"),))
            self._attached = True
            require_head(revision(self._connection, self._kind, self.path, "ref"), self._kind, self.path)
            self._file = file

    def _named(self) -> tuple[int, int] | None:
        try:
            state = self._kind.path(self._home).stat()
        except FileNotFoundError:
            return None
        return state.st_dev, state.st_ino


@contextmanager
def owned(kind: Kind, home: Path, command: str, wait: float) -> Iterator[Path]:
    """Holds a file's lock, says so beside it, and gives its path.

    Raises ``DatabaseInUse`` with the owner after ``wait`` seconds.
    """
    path, note = kind.path(home), home / f"{kind.name}.owner.json"
    # Not ``thread_local``: whoever closes the file gives the lock back.
    lock = filelock.FileLock(home / f"{kind.name}.lock", thread_local=False)
    with disk_translated(path):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            raise DatabaseInUse(path, _owner(note)) from None
    try:
        with disk_translated(path):
            since = datetime.now(UTC).isoformat(timespec="seconds")
            note.write_text(json.dumps({"command": command, "pid": os.getpid(), "since": since}), "utf-8")
        yield path
    finally:
        # The note only names the owner; that there is one is said by the lock, which must be given back in any case.
        with suppress(OSError):
            note.unlink()
        lock.release()


def _owner(note: Path) -> Owner | None:
    """Who wrote the note; None when it is not there, or is being written at this moment."""
    try:
        said = json.loads(note.read_text("utf-8"))
        return Owner(str(said["command"]), int(said["pid"]), datetime.fromisoformat(said["since"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


@contextmanager
def writing(path: Path, wait: float, *, shared: bool = False) -> Iterator[sqlite3.Connection]:
    """The writer's connection to a file whose lock is held, set as every writer's is; see :func:`connect`."""
    with ExitStack() as stack:
        with translated(path):
            connection = stack.enter_context(closing(connect(path, "rw", wait=wait, shared=shared)))
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise UnsuitableDisk(path)
            for name, value in _WRITER.items():
                connection.execute(f"PRAGMA {name} = {value}")
        yield connection


def _look_into(path: Path, wait: float) -> sqlite3.Connection:
    """A reader's connection, with a plain word where there is nothing, or only remains."""
    refuse_remains(path)
    if not path.exists():
        raise NoDatabase(path)
    return connect(path, "ro", wait=wait)


def _at_head(kind: Kind, home: Path) -> bool:
    path = kind.path(home)
    with disk_translated(path):
        refuse_remains(path)
        if not path.exists():
            return False
        with closing(connect(path, "ro")) as connection:
            found = revision(connection, kind, path)
    refuse_newer(found, kind, path)
    return found == kind.head


# --- the doctor's questions -------------------------------------------------------------------------------------------


class Level(StrEnum):
    """How much a finding matters: nothing to do, worth knowing, to be mended."""

    OK = "ok"
    NOTICE = "notice"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer about the store: what was looked at (``ledger.content``), how it stands, and the sentence."""

    code: str
    level: Level
    phrase: Phrase


def check(home: Path, *, ledger: Kind = LEDGER, reference: Kind = REFERENCE) -> tuple[Finding, ...]:
    """Looks at both files, the disk and SQLite itself, beside a running station too; changes nothing, raises nothing
    that a person could mend."""
    return (
        *_check_file(ledger, home),
        *_check_file(reference, home),
        _check_disk(home),
        _check_sqlite(sqlite3.sqlite_version_info),
    )


def _check_file(kind: Kind, home: Path) -> Iterator[Finding]:
    path = kind.path(home)
    try:
        with disk_translated(path):
            yield from _check_remains(kind, home)
            with closing(_look_into(path, 5.0)) as connection:
                found = revision(connection, kind, path)
                require_head(found, kind, path)
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
                broken = problems(connection)
    except NoDatabase as error:
        yield Finding(f"{kind.name}.file", Level.NOTICE, error.phrase)
    except OutdatedDatabase as error:
        yield Finding(f"{kind.name}.version", Level.NOTICE, error.phrase)
    except StoreError as error:
        yield Finding(f"{kind.name}.file", Level.FAILURE, error.phrase)
    else:
        yield Finding(
            f"{kind.name}.version",
            Level.OK,
            Phrase(
                vi="Tệp {file} ở phiên bản {found}.",
                en="The file {file} is at version {found}.",
            ).fill(file=path.name, found=found),
        )
        if mode != "wal":
            yield Finding(
                f"{kind.name}.journal_mode",
                Level.NOTICE,
                Phrase(
                    vi="Tệp {file} đang ở chế độ ghi “{mode}” thay vì “wal”. Lần khởi động sau sẽ tự chuyển lại.",
                    en="The file {file} is in journal mode “{mode}” instead of “wal”. The next start sets it back.",
                ).fill(file=path.name, mode=mode),
            )
        if broken:
            yield Finding(
                f"{kind.name}.content",
                Level.FAILURE,
                Phrase(
                    vi="Tệp {file} bị hỏng: SQLite tìm thấy {count} lỗi (lỗi đầu tiên: {first}). Hãy ngừng làm việc"
                    " trên trạm này, giữ nguyên tệp rồi đặt lại bản sao lưu mới nhất.",
                    en="The file {file} is damaged: SQLite finds {count} faults (the first: {first}). Stop working on"
                    " this station, keep the file as it is, then put back the newest backup.",
                ).fill(file=path.name, count=len(broken), first=broken[0]),
            )
        else:
            yield Finding(
                f"{kind.name}.content",
                Level.OK,
                Phrase(
                    vi="Nội dung tệp {file} nguyên vẹn.",
                    en="The content of {file} is sound.",
                ).fill(file=path.name),
            )


def _check_remains(kind: Kind, home: Path) -> Iterator[Finding]:
    for left in leftovers(kind.path(home)):
        yield Finding(
            f"{kind.name}.leftover",
            Level.NOTICE,
            Phrase(
                vi="Tệp {file} còn sót lại của một lần nâng cấp đang chạy hoặc bị ngắt. Lần khởi động sau sẽ tự dọn.",
                en="The file {file} belongs to an upgrade that is running or was cut off. The next start removes it.",
            ).fill(file=left.name),
        )
    for backup in backups(kind, home):
        yield Finding(
            f"{kind.name}.backup",
            Level.NOTICE,
            Phrase(
                vi="Bản sao lưu {file} có từ trước lần nâng cấp và vẫn giữ thông tin bạn đọc của ngày đó. Khi trạm đã"
                " chạy tốt, hãy xóa tệp này.",
                en="The backup {file} is from before an upgrade and still holds that day's identities of readers. Once"
                " the station runs well, delete it.",
            ).fill(file=backup.name),
        )


def _check_disk(home: Path) -> Finding:
    usage = shutil.disk_usage(next(folder for folder in (home, *home.absolute().parents) if os.access(folder, os.F_OK)))
    # As df counts: what only the system may use belongs to nobody.
    percent = round(100 * usage.used / (usage.used + usage.free))
    told = {"percent": percent, "free": f"{usage.free / 1e9:.1f}"}
    # The marks of facts/sync.md, section 5.6.
    if percent >= 95:
        phrase = Phrase(
            vi="Đĩa đã dùng {percent} % (còn {free} GB): việc ghi sắp dừng. Hãy giải phóng dung lượng ngay.",
            en="The disk is {percent} % full ({free} GB free): recording is about to stop. Free some space now.",
        )
        return Finding("disk", Level.FAILURE, phrase.fill(**told))
    if percent >= 70:
        phrase = Phrase(
            vi="Đĩa đã dùng {percent} % (còn {free} GB). Hãy sớm giải phóng dung lượng.",
            en="The disk is {percent} % full ({free} GB free). Free some space soon.",
        )
        return Finding("disk", Level.NOTICE, phrase.fill(**told))
    phrase = Phrase(
        vi="Đĩa đã dùng {percent} %, còn {free} GB.",
        en="The disk is {percent} % full, {free} GB are free.",
    )
    return Finding("disk", Level.OK, phrase.fill(**told))


def _check_sqlite(version: tuple[int, ...]) -> Finding:
    said = ".".join(map(str, version))
    if has_wal_reset_bug(version):
        phrase = Phrase(
            vi="SQLite {version} có lỗi WAL-reset (bản 3.51.3 trở đi đã sửa). Trạm tránh lỗi này nhờ mỗi tệp chỉ có một"
            " nơi ghi; đừng mở tệp của trạm bằng chương trình khác khi trạm đang chạy.",
            en="SQLite {version} has the WAL-reset bug (mended in 3.51.3). The station avoids it by having one writer"
            " per file; do not open the station's files in another program while it runs.",
        )
        return Finding("sqlite", Level.NOTICE, phrase.fill(version=said))
    phrase = Phrase(vi="SQLite {version} không có lỗi WAL-reset.", en="SQLite {version} has no WAL-reset bug.")
    return Finding("sqlite", Level.OK, phrase.fill(version=said))


def has_wal_reset_bug(version: tuple[int, ...]) -> bool:
    """Whether this SQLite can damage a file that two connections write or checkpoint at the same moment.

    3.7.0 to 3.51.2, but for the repaired 3.44.6 and 3.50.7 and what follows them in their lines (sqlite.org/wal.html,
    section "The WAL-reset bug"; facts/sync.md, section 5.7).
    """
    repaired = any(version[:2] == line[:2] and version >= line for line in ((3, 44, 6), (3, 50, 7)))
    return (3, 7, 0) <= version < (3, 51, 3) and not repaired
