"""What can be wrong with a file of the store, each with the sentence a person reads and what to do next.

SQLite and the operating system report such things in their own words and at any statement. They are translated once,
here, at the boundary of the room; what is not in this family is a mistake of the program and passes through untouched.
No message carries a value that was written: a reader's number must not reach a log by way of an error.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from config.phrase import ExplainedError, Phrase
from sync.circulation.model import LOCAL_ZONE


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a file for writing: the command as a person would type it, its process, and since when (aware)."""

    command: str
    pid: int
    since: datetime


class StoreError(ExplainedError):
    """A file of the store cannot be used as asked. ``phrase`` says what happened and what to do next."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase)
        self.phrase = phrase


class NewerDatabase(StoreError):
    """The file's version is above the one this program knows; it was not touched."""

    def __init__(self, path: Path, found: str, known: str) -> None:
        super().__init__(
            Phrase(
                vi="Tệp {file} do một bản Trạm Sách mới hơn ghi (tệp ở phiên bản {found}, chương trình này chỉ biết đến"
                " phiên bản {known}). Tệp chưa bị thay đổi. Hãy cập nhật chương trình rồi thử lại.",
                en="The file {file} was written by a newer Trạm Sách (the file is at version {found}, this program"
                " knows version {known}). It was not changed. Update this program, then try again.",
            ).fill(file=path.name, found=found, known=known)
        )


class OlderLedger(StoreError):
    """The ledger ends before what headquarters already has of it: it was put back from a backup."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                vi="Tệp {file} cũ hơn những gì trụ sở đã nhận từ trạm này: có lẽ nó được đặt lại từ một bản sao lưu. Để"
                " không ghi trùng số, hãy đăng ký lại trạm với trụ sở: tramsach sync enrol.",
                en="The file {file} is older than what headquarters has received from this station: it was probably put"
                " back from a backup. So that no number is used twice, enrol the station again: tramsach sync enrol.",
            ).fill(file=path.name)
        )


class OutdatedDatabase(StoreError):
    """The file's version is below the one this program knows, and the file was opened for reading only."""

    def __init__(self, path: Path, found: str, known: str) -> None:
        super().__init__(
            Phrase(
                vi="Tệp {file} còn ở phiên bản {found}, chương trình này cần phiên bản {known}. Hãy khởi động trạm một"
                " lần: trạm sẽ tự sao lưu rồi nâng cấp tệp.",
                en="The file {file} is still at version {found}, this program needs version {known}. Start the station"
                " once: it backs the file up and upgrades it.",
            ).fill(file=path.name, found=found, known=known)
        )


class DatabaseInUse(StoreError):
    """Another process holds the file. ``owner`` names it where it is one of ours."""

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        self.owner = owner
        if owner is None:
            phrase = Phrase(
                vi="Tệp {file} đang được một chương trình khác dùng. Hãy đóng chương trình đó rồi thử lại.",
                en="The file {file} is in use by another program. Close that program, then try again.",
            ).fill(file=path.name)
        else:
            phrase = Phrase(
                vi="Tệp {file} đang được “{command}” dùng (tiến trình {pid}, từ {since}). Hãy chờ lệnh đó chạy xong"
                " hoặc đóng lại rồi thử lại.",
                en="The file {file} is in use by “{command}” (process {pid}, since {since}). Wait until it has finished"
                " or close it, then try again.",
            ).fill(
                file=path.name,
                command=owner.command,
                pid=owner.pid,
                since=owner.since.astimezone(LOCAL_ZONE).strftime("%H:%M %d/%m/%Y"),
            )
        super().__init__(phrase)


class DatabaseDamaged(StoreError):
    """What the file holds is broken, cut off or gone. It was left as it is."""

    def __init__(self, *paths: Path, phrase: Phrase | None = None) -> None:
        super().__init__(
            (
                phrase
                or Phrase(
                    vi="Tệp {file} bị hỏng. Hãy ngừng làm việc trên trạm này, giữ nguyên tệp, chạy “tramsach doctor”"
                    " rồi đặt lại bản sao lưu mới nhất.",
                    en="The file {file} is damaged. Stop working on this station, keep the file as it is, run"
                    " “tramsach doctor”, then put back the newest backup.",
                )
            ).fill(file=_names(paths))
        )


class NotADatabase(StoreError):
    """The file is something else: not SQLite, or SQLite of another program, or the other file of the two."""

    def __init__(self, *paths: Path) -> None:
        super().__init__(
            Phrase(
                vi="Tệp {file} không phải là cơ sở dữ liệu của Trạm Sách mang tên này. Hãy chuyển tệp đi nơi khác rồi"
                " đặt lại tệp của trạm từ bản sao lưu.",
                en="The file {file} is not the Trạm Sách database of that name. Move it elsewhere and put back the"
                " station's own file from a backup.",
            ).fill(file=_names(paths))
        )


class NoDatabase(StoreError):
    """The file is not there, and nobody may create it just to look."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                vi="Chưa có tệp {file} trong {folder}. Hãy khởi động trạm hoặc nhập dữ liệu trước, hoặc kiểm tra lại"
                " thư mục của trạm (--home).",
                en="There is no file {file} in {folder} yet. Start the station or import something first, or check the"
                " station's folder (--home).",
            ).fill(file=path.name, folder=path.parent)
        )


class DiskFull(StoreError):
    """No room. The transaction was undone as a whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                vi="Đĩa chứa {folder} đã đầy, thao tác này chưa được ghi. Hãy giải phóng dung lượng rồi thử lại.",
                en="The disk that holds {folder} is full; this act was not recorded. Free some space, then try again.",
            ).fill(folder=path.parent)
        )


class ReadOnlyDisk(StoreError):
    """The folder cannot be written by this account, for whatever reason. Nothing was done."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                vi="Không ghi được vào {folder}: đĩa chỉ cho đọc hoặc tài khoản này không có quyền. Thao tác này chưa"
                " được ghi. Hãy cho phép ghi hoặc chạy bằng tài khoản của trạm rồi thử lại.",
                en="{folder} cannot be written: the disk is read-only, or this account has no right to it. This act was"
                " not recorded. Make it writable or use the station's account, then try again.",
            ).fill(folder=path.parent)
        )


class UnsuitableDisk(StoreError):
    """No folder, or one without the shared memory that a write-ahead log needs, as those on a network have none."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                vi="{folder} không chứa được cơ sở dữ liệu của trạm (không phải thư mục, hoặc là thư mục mạng). Hãy"
                " chọn một thư mục trên đĩa của chính máy này (--home).",
                en="{folder} cannot hold the station's databases (it is no folder, or one on a network). Choose a"
                " folder on this computer's own disk (--home).",
            ).fill(folder=path.parent)
        )


class DiskFailing(StoreError):
    """The operating system could not read or write. ``code`` is SQLite's name for it."""

    def __init__(self, path: Path, code: str) -> None:
        self.code = code
        super().__init__(
            Phrase(
                vi="Đĩa chứa {folder} báo lỗi ({code}), thao tác này có thể chưa được ghi. Hãy kiểm tra đĩa hoặc thẻ"
                " nhớ, sao lưu ngay rồi chạy “tramsach doctor”.",
                en="The disk that holds {folder} reported an error ({code}); this act may not have been recorded. Check"
                " the disk or memory card, make a backup at once, then run “tramsach doctor”.",
            ).fill(folder=path.parent, code=code)
        )


def _names(paths: tuple[Path, ...]) -> str:
    return " / ".join(path.name for path in paths)


@contextmanager
def translated(path: Path, *others: Path) -> Iterator[None]:
    """Raises what SQLite reports about the files at these paths as a :class:`StoreError`.

    ``others`` are the files attached to the same connection: SQLite does not say which of them it means. Everything
    else, a broken constraint or a mistake in the SQL among it, passes through.
    """
    try:
        yield
    except (sqlite3.Error, sa.exc.DBAPIError) as error:
        told = _from_sqlite(error.orig if isinstance(error, sa.exc.DBAPIError) else error, (path, *others))
        if told is None:
            raise
        raise told from error


@contextmanager
def disk_translated(path: Path, *others: Path) -> Iterator[None]:
    """As :func:`translated`, and the operating system's own refusals as well.

    For code that handles the file itself. Not for a whole transaction: an import reads other people's files in one,
    and their disk being full is not ours.
    """
    try:
        with translated(path, *others):
            yield
    except OSError as error:
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                raise DiskFull(path) from error
            case errno.EROFS | errno.EACCES | errno.EPERM:
                raise ReadOnlyDisk(path) from error
            case errno.ENOTDIR | errno.EEXIST:
                raise UnsuitableDisk(path) from error
            case errno.EIO:
                raise DiskFailing(path, "EIO") from error
            case _:
                raise


def _from_sqlite(error: BaseException | None, paths: tuple[Path, ...]) -> StoreError | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # The driver's own complaint. Text that is no UTF-8 is rot in the file; the rest is about how it is being used.
        rotten = isinstance(error, sqlite3.OperationalError) and "decode to UTF-8" in str(error)
        return DatabaseDamaged(*paths) if rotten else None
    path = paths[0]
    missing = next((path for path in paths if not path.exists()), None)
    # An extended code keeps its primary code in the low byte (SQLite, "Result and Error Codes").
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return DiskFull(path)
        # Shared memory is a file beside the database; it fails to grow when the disk has no room for it.
        case sqlite3.SQLITE_IOERR if code == sqlite3.SQLITE_IOERR_SHMSIZE:
            return DiskFull(path)
        case sqlite3.SQLITE_READONLY if code == sqlite3.SQLITE_READONLY_DBMOVED and missing:
            return NoDatabase(missing)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return ReadOnlyDisk(path)
        case sqlite3.SQLITE_CORRUPT:
            return DatabaseDamaged(*paths)
        case sqlite3.SQLITE_NOTADB:
            return NotADatabase(*paths)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return DatabaseInUse(path)
        case sqlite3.SQLITE_CANTOPEN if missing:
            return NoDatabase(missing)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR if path.is_dir():
            return NotADatabase(path)
        case sqlite3.SQLITE_CANTOPEN if not os.access(path.parent, os.W_OK):
            return ReadOnlyDisk(path)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
            return DiskFailing(path, getattr(error, "sqlite_errorname", str(code)))
        case _:
            return None
