"""A headquarters, open: its code, its keys, its database and its folder, for everything that acts in its name.

The folder ``hq`` of a home holds ``hq.toml``, ``keys/``, ``tls/`` (certificate and key), ``snapshots/``, ``bundles/``
(how far each station's sticks have come), ``backups/`` and, where no server is named, the embedded ``central.sqlite``.
So one home may be a station and a headquarters both.

A headquarters is founded once (:func:`found`); its code stands in every batch that is ever written for it.

The embedded database has one process. A command that needs it while ``tramsach hq serve`` runs asks for it by a file
(``central.wanted``); whoever serves lends it out for as long as the command takes, and tells stations to come again in
a moment (:mod:`sync.central.service`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from config.hq import Hq, load_hq, write_hq
from config.loader import Problems, build
from config.phrase import ExplainedError, Phrase
from sync.central import bulk, tables
from sync.central.backup import Progress, copy_rows
from sync.central.certificate import CERTIFICATE, make_certificate
from sync.central.database import CENTRAL, Database
from sync.central.snapshots import Snapshots
from sync.circulation.rules import Rules
from sync.exchange.disk import ExchangeError, translated
from sync.exchange.keyring import make_keys, read_keys
from sync.exchange.keys import Keys

#: The folder of a headquarters in a home, and what asks for its embedded database.
FOLDER: Final = "hq"
WANTED: Final = "central.wanted"

#: How long a command waits until the database is lent to it.
_LENT_WITHIN_S: Final = 30.0


class NotFounded(ExplainedError):
    """There is no headquarters in this folder, or its settings have mistakes; the phrases say which."""

    def __init__(self, problems: Problems | None) -> None:
        none = Phrase(
            "Chưa có trụ sở nào trong thư mục này. Hãy chạy: tramsach hq init.",
            "There is no headquarters in this folder. Run: tramsach hq init.",
        )
        found = [Phrase(one.say("vi"), one.say("en")) for one in problems or ()]
        super().__init__(*(found or [none]))


class FoundedAlready(ExplainedError):
    """There is a headquarters in this folder, or another one in this database."""

    def __init__(self, hq: str) -> None:
        super().__init__(
            Phrase(
                "Ở đây đã có trụ sở {hq}; một trụ sở chỉ được lập một lần.",
                "There is the headquarters {hq} here already; a headquarters is founded once.",
            ).fill(hq=hq)
        )


class OtherDatabase(ExchangeError):
    """The database belongs to another headquarters than the folder."""

    def __init__(self, name: str, hq: str) -> None:
        super().__init__(
            Phrase(
                "Cơ sở dữ liệu {name} không phải của trụ sở {hq}. Hãy sửa địa chỉ trong hq.toml.",
                "The database {name} is not that of the headquarters {hq}. Correct its address in hq.toml.",
            ).fill(name=name, hq=hq)
        )


def now_ms() -> int:
    """The machine's clock, in milliseconds of UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Office:
    """One headquarters. A context manager that closes the database.

    ``keys`` are its own, those in use first; ``url`` and ``certificate`` are what stations are told of its address;
    ``clock`` gives milliseconds of UTC, ``chance`` random bytes.
    """

    hq: str
    database: Database
    keys: Sequence[Keys]
    folder: Path
    url: str = ""
    certificate: str = ""
    clock: Callable[[], int] = now_ms
    chance: Callable[[int], bytes] = secrets.token_bytes
    snapshots: Snapshots = field(init=False, repr=False)

    def __post_init__(self) -> None:
        made = Snapshots(
            self.folder / "snapshots", self.database, self.keys[0], self.hq, clock=self.clock, chance=self.chance
        )
        object.__setattr__(self, "snapshots", made)

    def close(self) -> None:
        """Let go of the database, and take back the wish for it."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def found(home: Path, settings: Hq, *, names: Sequence[str] = ()) -> Office:
    """Begin a headquarters: its folder, keys, certificate and database; ``names`` are where it can be reached.

    Raises :class:`FoundedAlready`, :class:`NotFounded` when the settings cannot be written,
    :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`.
    """
    folder = home / FOLDER
    before = load_hq(folder)
    if before is not None:
        raise FoundedAlready(before.hq) if isinstance(before, Hq) else NotFounded(before)
    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = read_keys(folder / "keys") or (make_keys(folder / "keys"),)
    certificate = "" if settings.behind_proxy else make_certificate(folder, names)
    database = Database.open(_where(folder, settings), command="tramsach hq init")
    try:
        with database.begin() as connection:
            known = connection.execute(sa.select(tables.headquarters.c.hq)).scalar()
            if known not in (None, settings.hq):
                raise FoundedAlready(known)
            if known is None:
                row = (settings.hq, settings.name, secrets.token_bytes(32), now_ms())
                bulk.insert(connection, tables.headquarters, [row])
        # Last, because by it the next call knows that all the rest is there.
        problems = write_hq(folder, settings)
        if problems is not None:
            raise NotFounded(problems)
    except BaseException:
        database.close()
        raise
    return Office(settings.hq, database, keys, folder, settings.url, certificate)


def settings_of(home: Path) -> Hq:
    """The settings of the headquarters of a home. Raises :class:`NotFounded`."""
    settings = load_hq(home / FOLDER)
    if not isinstance(settings, Hq):
        raise NotFounded(settings)
    return settings


def open_office(home: Path, *, command: str, borrowed: bool = True) -> Office:
    """The headquarters of a home. A command borrows an embedded database from whoever serves; who serves does not.

    Raises :class:`NotFounded`, :class:`~sync.exchange.disk.ExchangeError`, :class:`~sync.store.errors.StoreError`.
    """
    settings, folder = settings_of(home), home / FOLDER
    where = _where(folder, settings)
    wanted = folder / WANTED if borrowed and isinstance(where, Path) else None
    try:
        if wanted is not None:
            with translated(folder):
                wanted.write_text(str(os.getpid()), "ascii")
        database = Database.open(where, command=command, wait=5.0 if wanted is None else _LENT_WITHIN_S)
    finally:
        if wanted is not None:  # the lock says from now on that somebody has it
            with translated(folder):
                wanted.unlink(missing_ok=True)
    try:
        with database.read() as connection:
            known = connection.execute(sa.select(tables.headquarters.c.hq)).scalar()
        if known != settings.hq:
            raise OtherDatabase(database.name, settings.hq)
        keys = read_keys(folder / "keys")
        if not keys:
            raise NotFounded(None)
        certificate = "" if settings.behind_proxy else _certificate(folder)
    except BaseException:
        database.close()
        raise
    return Office(settings.hq, database, keys, folder, settings.url, certificate)


def rules_of(connection: sa.Connection) -> Rules | None:
    """The rule-set in force, whose branches are the network; ``None`` where none has been imported yet."""
    body = connection.execute(sa.select(tables.rule_set.c.body)).scalar()
    built = None if body is None else build(Rules, json.loads(body))
    if isinstance(built, Problems):
        raise NotFounded(built)
    return built.value if built else None


def restore(home: Path, backup: Path, progress: Progress = lambda _done, _total: None) -> int:
    """Fill an empty database of this headquarters from a backup; answers how many rows that were.

    Raises as :func:`open_office`, and :class:`FoundedAlready` for a database that is not empty.
    """
    settings, folder = settings_of(home), home / FOLDER
    with tempfile.TemporaryDirectory(dir=folder, prefix="restoring-") as aside:
        with translated(folder):
            shutil.copyfile(backup, CENTRAL.path(Path(aside)))
        with (
            Database.open(Path(aside), command="tramsach hq restore") as source,
            Database.open(_where(folder, settings), command="tramsach hq restore") as target,
        ):
            with target.read() as connection:
                known = connection.execute(sa.select(tables.headquarters.c.hq)).scalar()
            with source.read() as connection:
                copied = connection.execute(sa.select(tables.headquarters.c.hq)).scalar()
            if known is not None:
                raise FoundedAlready(known)
            if copied != settings.hq:
                raise OtherDatabase(backup.name, settings.hq)
            return copy_rows(source, target, progress)


def _where(folder: Path, settings: Hq) -> str | Path:
    return folder if settings.database is None else settings.database.reveal()


def _certificate(folder: Path) -> str:
    with translated(folder):
        return (folder / CERTIFICATE).read_text("ascii")
