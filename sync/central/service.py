"""Headquarters at work: its office, open to many at once, and what goes on beside the interface.

Theory of operation. Requests come in many threads; each takes the office for its own length (:meth:`Service.office`).
Three threads of the service's own work beside them: one applies what has been logged (whichever process gets the
database's lock does it), one makes the snapshots that stations wait for, and one does the work of the night: it
compacts the feed, sweeps old snapshots, and makes the backup that events are *safe* by.

Where the database is embedded, this process is its only one. A command that needs it says so
(:func:`sync.central.office.open_office`); then no request is let in any more (stations are told to come again in a
moment), the database is closed and given up, and taken back when the command has ended. So the commands of headquarters
work whether it serves or not, and no file ever has two writers (facts/sync.md, section 5.7).

What one of the threads meets that is broken is logged, and it goes on at its next turn: the log of stations' events
must be open to them even while a disk is too full for a backup.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from config.phrase import ExplainedError
from sync.central import feed
from sync.central.apply import Applier
from sync.central.backup import FOLDER as BACKUPS
from sync.central.backup import back_up
from sync.central.office import WANTED, Office
from sync.circulation.events import from_ms
from sync.circulation.model import LOCAL_ZONE
from sync.store.errors import DatabaseInUse

log = logging.getLogger(__name__)

#: Seconds between two looks whether something has been logged, a snapshot is wanted, the database is asked for, when
#: nobody says so at once.
_LOOK_EVERY: Final = 0.5
#: A command that has asked for the database gets so many seconds' start to take it.
_HEAD_START: Final = 1.0
#: The night's work is begun at this hour of the library's day.
_NIGHT_AT: Final = 1


class Away(Exception):
    """The database is lent out, or the service ends: come again in a moment."""


class Service:
    """One process of a headquarters. A context manager: at work while the block runs.

    ``open_office`` opens the office anew after it was lent out; ``keep_backups`` as in
    :class:`~config.hq.Hq`. ``working`` is whether this process works beside the interface too.
    """

    def __init__(
        self,
        open_office: Callable[[], Office],
        *,
        keep_backups: int = 7,
        working: bool = True,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self._open = open_office
        self._keep_backups, self._look_every = keep_backups, look_every
        self._office: Office | None = open_office()
        self._inside = 0
        self._gate = threading.Condition()
        self._ending = threading.Event()
        self._logged = threading.Event()
        turns = [(self._apply, "applier"), (self._make_snapshots, "snapshots"), (self._do_night, "night")]
        self._threads = [
            threading.Thread(target=self._live, args=(turn,), name=name, daemon=True)
            for turn, name in (turns if working else [])
        ]
        if self._office.database.embedded:
            self._threads.append(threading.Thread(target=self._lend, name="lender", daemon=True))
        self._night = self._last_night(self._office)
        self._applier: tuple[Office, Applier] | None = None

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._logged.set()
        for thread in self._threads:
            thread.join()
        self._close()

    @contextmanager
    def office(self) -> Iterator[Office]:
        """The office, for the length of the block. Raises :class:`Away` while there is none."""
        with self._gate:
            office = self._office
            if office is None:
                raise Away
            self._inside += 1
        try:
            yield office
        finally:
            with self._gate:
                self._inside -= 1
                self._gate.notify_all()

    def wake(self) -> None:
        """Something has been logged."""
        self._logged.set()

    # --- beside the interface -----------------------------------------------------------------------------------------

    def _live(self, turn: Callable[[Office], None]) -> None:
        while not self._ending.is_set():
            try:
                with self.office() as office:
                    turn(office)
            except Away:
                pass
            except ExplainedError as error:
                log.error("%s: %s", threading.current_thread().name, error)
            self._wait(turn)

    def _wait(self, turn: Callable[[Office], None]) -> None:
        if turn == self._apply:
            self._logged.wait(self._look_every)
            self._logged.clear()
        else:
            self._ending.wait(self._look_every)

    def _apply(self, office: Office) -> None:
        if self._applier is None or self._applier[0] is not office:
            self._applier = (office, Applier(office.database, office.clock))
        while not (self._ending.is_set() or self._is_wanted(office)) and self._applier[1].apply():
            pass

    def _make_snapshots(self, office: Office) -> None:
        office.snapshots.make_wanted()

    def _do_night(self, office: Office) -> None:
        night = _night_of(office.clock())
        if self._night is not None and self._night >= night:
            return
        self._night = night  # once, whatever comes of it: a disk that is too full is not asked every second
        office.snapshots.sweep()
        with office.database.begin() as connection:
            feed.compact(connection, office.clock())
        done = back_up(office.database, office.folder / BACKUPS, office.clock(), keep=self._keep_backups)
        log.info("backup of %d rows, %d events are safe", done.rows, done.events)

    @staticmethod
    def _last_night(office: Office) -> date | None:
        """The night whose backup is there; one that is missing is made good at once."""
        days = sorted(path.stem.removeprefix("central-") for path in (office.folder / BACKUPS).glob("central-*.sqlite"))
        return date.fromisoformat(days[-1]) if days else None

    # --- lending ------------------------------------------------------------------------------------------------------

    def _lend(self) -> None:
        while not self._ending.wait(self._look_every):
            office = self._office
            if office is not None and self._is_wanted(office):
                self._close()
                self._take_back(office.folder / WANTED)

    @staticmethod
    def _is_wanted(office: Office) -> bool:
        return office.database.embedded and (office.folder / WANTED).exists()

    def _close(self) -> None:
        """Let nobody in, wait until everybody is out, and give the database up."""
        with self._gate:
            office, self._office = self._office, None
            self._gate.wait_for(lambda: self._inside == 0)
        if office is not None:
            office.close()

    def _take_back(self, wanted: Path) -> None:
        deadline = time.monotonic() + _HEAD_START
        while wanted.exists() and time.monotonic() < deadline:
            if self._ending.wait(0.05):
                return
        while not self._ending.is_set():
            try:
                office = self._open()
            except DatabaseInUse:
                continue  # it waits some seconds each time
            except ExplainedError as error:
                log.error("the database cannot be opened again: %s", error)
                self._ending.wait(self._look_every)
                continue
            # Whoever asked and is not there any more was killed while waiting.
            wanted.unlink(missing_ok=True)
            with self._gate:
                self._office = office
            return


def _night_of(now: int) -> date:
    """The day whose night's work is due."""
    return (from_ms(now).astimezone(LOCAL_ZONE) - timedelta(hours=_NIGHT_AT)).date()
