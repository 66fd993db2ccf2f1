"""What can be wrong with headquarters' PostgreSQL, each with the sentence a person reads and what to do next.

The embedded SQLite speaks through :mod:`sync.store.errors`; this is the same boundary for a server. psycopg's messages
may quote the row that was written, so none of them is handed on: only the five characters of SQLSTATE (PostgreSQL,
appendix A) decide, and only they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from config.phrase import Phrase
from sync.store.errors import StoreError


class DatabaseUnreachable(StoreError):
    """No connection, or it broke off. What was not committed has not happened.

    Whether nobody answered or somebody said no, the driver tells only in words, and in the server's language.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            Phrase(
                vi="Không kết nối được cơ sở dữ liệu {name} của trụ sở, hoặc kết nối bị ngắt. Hãy kiểm tra máy chủ"
                " PostgreSQL, địa chỉ, tài khoản và mật khẩu rồi thử lại; các trạm sẽ tự gửi lại.",
                en="Headquarters' database {name} cannot be reached, or the connection broke off. Check the PostgreSQL"
                " server, the address, the account and its password, then try again; stations send again by"
                " themselves.",
            ).fill(name=name)
        )


class DatabaseForbidden(StoreError):
    """The account has no right to do this, or none to come in. ``code`` is the SQLSTATE."""

    def __init__(self, name: str, code: str) -> None:
        self.code = code
        super().__init__(
            Phrase(
                vi="Máy chủ PostgreSQL từ chối: tài khoản không có đủ quyền trên cơ sở dữ liệu {name} ({code}). Hãy cấp"
                " quyền cho tài khoản.",
                en="The PostgreSQL server refuses: the account lacks rights on the database {name} ({code}). Grant them"
                " to it.",
            ).fill(name=name, code=code)
        )


class DatabaseBusy(StoreError):
    """Two transactions stood in each other's way and this one was undone. To try again is safe."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Phrase(
                vi="Cơ sở dữ liệu {name} đang bận, thao tác này chưa được ghi. Hãy thử lại.",
                en="The database {name} is busy; this act was not recorded. Try again.",
            ).fill(name=name)
        )


class ServerFailing(StoreError):
    """The server has no room, is damaged, or cannot read or write. ``code`` is the SQLSTATE."""

    def __init__(self, name: str, code: str) -> None:
        self.code = code
        super().__init__(
            Phrase(
                vi="Máy chủ PostgreSQL của cơ sở dữ liệu {name} báo lỗi ({code}): hết chỗ trên đĩa hoặc đĩa hỏng. Thao"
                " tác này chưa được ghi. Hãy xem nhật ký của máy chủ.",
                en="The PostgreSQL server of the database {name} reports an error ({code}): its disk is full or"
                " failing. This act was not recorded. Look at the server's log.",
            ).fill(name=name, code=code)
        )


class NewerCentral(StoreError):
    """The database was written by a newer program; it was not touched."""

    def __init__(self, name: str, found: str, known: str) -> None:
        super().__init__(
            Phrase(
                vi="Cơ sở dữ liệu {name} do một bản Trạm Sách mới hơn ghi (phiên bản {found}, chương trình này chỉ biết"
                " đến {known}). Hãy cập nhật chương trình trên máy này rồi thử lại.",
                en="The database {name} was written by a newer Trạm Sách (version {found}, this program knows version"
                " {known}). Update the program on this machine, then try again.",
            ).fill(name=name, found=found, known=known)
        )


class NotCentral(StoreError):
    """The database holds tables of another program."""

    def __init__(self, name: str) -> None:
        super().__init__(
            Phrase(
                vi="Cơ sở dữ liệu {name} chứa bảng của một chương trình khác. Hãy tạo một cơ sở dữ liệu trống cho trụ"
                " sở.",
                en="The database {name} holds tables of another program. Make an empty database for headquarters.",
            ).fill(name=name)
        )


class NoDriver(StoreError):
    """PostgreSQL was asked for, and the library that speaks to it is not installed."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                vi="Chưa cài thư viện PostgreSQL. Hãy cài Trạm Sách với phần “hq”: pip install 'tramsach[hq]'.",
                en="The PostgreSQL library is not installed. Install Trạm Sách with its part “hq”:"
                " pip install 'tramsach[hq]'.",
            )
        )


class BadAddress(StoreError):
    """What was given as the address of a database is none, or one of a kind that headquarters does not run on."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                vi="Địa chỉ cơ sở dữ liệu không đúng. Hãy ghi một thư mục, hoặc"
                " postgresql://tài-khoản@máy-chủ/tên-cơ-sở-dữ-liệu.",
                en="The address of the database is wrong. Give a folder, or postgresql://account@server/database.",
            )
        )


@contextmanager
def server_translated(name: str) -> Iterator[None]:
    """Raises what PostgreSQL reports as a :class:`~sync.store.errors.StoreError`; ``name`` is the database's.

    What is no fault of the server, a value that it does not take among it, passes through.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        told = _from_server(error, name)
        if told is None:
            raise
        raise told from None  # the driver's own message may quote what was written


def _from_server(error: sa.exc.DBAPIError, name: str) -> StoreError | None:
    code: str | None = getattr(error.orig, "sqlstate", None)
    if code is None:
        # Without SQLSTATE the error is the driver's: no connection could be made, or it is gone.
        return DatabaseUnreachable(name) if isinstance(error, sa.exc.OperationalError) else None
    match code[:2], code:
        case ("28", _) | (_, "42501"):
            return DatabaseForbidden(name, code)
        case ("40", _) | (_, "55P03"):
            return DatabaseBusy(name)
        case ("08", _) | (_, "57P01" | "57P02" | "57P03" | "53300"):
            return DatabaseUnreachable(name)
        case ("53" | "58" | "XX", _):
            return ServerFailing(name, code)
        case _:
            return None
