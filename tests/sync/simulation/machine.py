"""A station: a machine with its disk and clock, the desk that works at it, and its worker.

The desk's process owns the ledger, the worker's reads it and writes the reference, as in the product; here they take
turns in one process. Either can die at any act, and the machine with both.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from config.headquarters import Headquarters as Place
from config.headquarters import load_headquarters
from sync.circulation import events as ev
from sync.circulation.blocks import Refused
from sync.exchange import enrolment
from sync.exchange.caller import KEYS, Caller
from sync.exchange.keyring import read_keys, read_pins
from sync.exchange.keys import Keys, Pins
from sync.exchange.papers import PaperRefused
from sync.exchange.state import Heard, note, wake
from sync.exchange.worker import Worker
from sync.store import tables
from sync.store.current import Current
from sync.store.errors import OlderLedger, StoreError
from sync.store.files import LEDGER
from sync.store.ledger import Ledger
from tests.sync.simulation.clocks import MachineClock
from tests.sync.simulation.disks import Files, freeze, thaw, torn
from tests.sync.simulation.faults import Tally
from tests.sync.simulation.headquarters import Headquarters
from tests.sync.simulation.line import Line
from tests.sync.store.stations import Deed, Desk

#: What an event is known by in the whole world, through renumbering and on any machine: boot, uptime, type.
Key = tuple[str, int, str]

_ROOM: Final = 1_000_000


class MachineDied(Exception):
    """The power is gone; these files are left."""

    def __init__(self, files: Files) -> None:
        super().__init__("the power is gone")
        self.files = files


class WorkerDied(Exception):
    """The worker was killed."""


def key_of(entry: ev.Entry) -> Key:
    """The key of an event."""
    event = entry.event
    name = event.type if isinstance(event, ev.Unknown) else type(event).__name__
    return entry.boot, entry.uptime_ms, name


class Machine:
    """One machine. ``name`` is its own; a clone is enrolled under the same name as the machine it was copied from."""

    line: Line

    def __init__(self, name: str, folder: Path, clock: MachineClock, rng: random.Random, tally: Tally) -> None:
        self.name, self._folder, self.clock, self._rng, self._tally = name, folder, clock, rng, tally
        self._lives = 0
        self._ledger: Ledger | None = None
        self._desk: Desk | None = None
        self._worker: Worker | None = None
        self.full = False
        #: How the next note of an acknowledgement ends: in death, or as it should.
        self.doom: str | None = None
        self._at_turn: Files | None = None
        #: The events that somebody was told of, and the number of the last of them.
        self.told: list[Key] = []
        self.last_told = 0
        #: The number and digest of the last bundle that it wrote.
        self.bundles, self.previous = 0, bytes(32)

    # --- life and death -----------------------------------------------------------------------------------------------

    def unpack(self, files: Files) -> None:
        """Put these files onto its disk."""
        self._lives += 1
        self.home = thaw(self._folder / f"{self.name}-{self._lives}", files)

    def start(self, *, sound: bool = True) -> bool:
        """Open everything; ``False`` where the ledger is older than what headquarters has of it.

        ``sound``: nothing may be wrong with what is found.
        """
        place = self.place
        try:
            self._ledger = Ledger.open_for_writing(
                self.home, station=place.station, epoch=place.epoch, branch=place.branch, clock=self.clock, actor="desk"
            )
        except OlderLedger:
            return False
        seen = self._ledger.verify()
        assert (seen.problems == ()) is sound, seen.problems
        assert not sound or seen.events >= self.last_told, "an event that somebody was told of is gone"
        self._desk = Desk(self._ledger)
        self._start_worker()
        return True

    def _start_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._worker = Worker(
            self.home,
            self.place,
            self.line,
            self,
            clock=self.clock,
            version="1.0.0",
            now=self.clock.uptime_s,
            rng=random.Random(self._rng.random()),
        )

    def stop(self) -> None:
        """Everything is closed, as it should be."""
        for part in (self._worker, self._ledger):
            if part is not None:
                part.close()
        self._worker = self._ledger = self._desk = None
        self.full = False
        self.doom = None

    def die(self, files: Files) -> None:
        """The machine dies, and these files are left on its disk."""
        self.stop()
        self.unpack(files)

    # --- what it says of itself ---------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether it runs."""
        return self._ledger is not None

    @property
    def ledger(self) -> Ledger:
        """The ledger; the machine must be up."""
        assert self._ledger is not None
        return self._ledger

    @property
    def worker(self) -> Worker:
        """The worker; the machine must be up."""
        assert self._worker is not None
        return self._worker

    @property
    def place(self) -> Place:
        """Where it belongs, by its own files."""
        found = load_headquarters(self.home)
        assert isinstance(found, Place)
        return found

    @property
    def keys(self) -> tuple[Keys, ...]:
        """All keys it has, newest first."""
        return read_keys(self.home / KEYS)

    @property
    def pins(self) -> Pins:
        """The keys of headquarters that it trusts."""
        return read_pins(self.home / KEYS)

    @property
    def unsent(self) -> int:
        """How many events it says are not at headquarters."""
        return self.ledger.unsent()[0]

    @property
    def horizon(self) -> int:
        """The last event that was pruned."""
        with self.ledger._file.read() as connection:  # noqa: SLF001 - both files at one instant
            return connection.execute(sa.select(tables.horizon.c.seq)).scalar() or 0

    @property
    def mark(self) -> int:
        """The last of its own events that are in what headquarters told it."""
        with self.ledger._file.read() as connection:  # noqa: SLF001 - both files at one instant
            return Current(connection, self.place.station).mark

    def stored(self) -> dict[int, bytes]:
        """The events in its ledger as they are stored, by their numbers; also of a machine that is down."""
        path = LEDGER.path(self.home)
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return dict(connection.execute("SELECT seq, CAST(record AS BLOB) FROM event"))

    # --- the desk -----------------------------------------------------------------------------------------------------

    def do(self, deed: Deed) -> None:
        """Somebody does something at the desk and is told what came of it."""
        assert self._desk is not None
        before = self.ledger.head().seq
        try:
            answer = self._desk.do(deed)
        except StoreError:
            assert self.full
            self._tally.add("act refused by the disk")
            # A visit is two acts: opened and closed.
            assert self.ledger.head().seq - before <= (deed.act == "visit"), "half an act"
        else:
            self._tally.add(f"{deed.act} refused" if isinstance(answer, Refused) else deed.act)
        self._say(before)

    def write_unknown(self) -> None:
        """A newer program has left an event that this one does not know."""
        before = self.ledger.head().seq
        try:
            with self.ledger._act() as act:  # noqa: SLF001 - no program of today writes such a thing
                act.record(ev.Unknown("parcel_weighed", 1, '{"grams":500}'))
        except StoreError:
            assert self.full
        self._say(before)

    def confirm_clock(self) -> None:
        """Somebody says that the clock is right, whatever it says."""
        try:
            self.ledger.confirm_clock()
        except StoreError:
            assert self.full

    def _say(self, before: int) -> None:
        for entry in self.ledger.entries(before):
            self.told.append(key_of(entry))
            self.last_told = entry.seq

    def die_in(self, deed: Deed) -> None:
        """The power goes in the middle of an act, which nobody is told of."""
        assert self._desk is not None
        before = freeze(self.home)
        try:
            self._desk.do(deed)
        except StoreError:
            assert self.full
        self.die(torn(before, freeze(self.home), self._rng))

    def fill_disk(self) -> None:
        """There is hardly any room left for the ledger."""
        raw = self.ledger._file._raw  # noqa: SLF001 - only this connection can be limited
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {pages}").close()
        self.full = True

    def make_room(self) -> None:
        """There is room again."""
        self.ledger._file._raw.execute(f"PRAGMA max_page_count = {_ROOM}").close()  # noqa: SLF001 - only this connection can be limited
        self.full = False

    # --- the worker ---------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """The worker looks whether there is something to do. Raises :class:`MachineDied`."""
        self._at_turn = freeze(self.home) if self.doom == "torn_reference" else None
        try:
            self.worker.turn(self.clock.uptime_s)
        except WorkerDied:
            self._tally.add("worker killed in a call")
            self._start_worker()

    def question(self) -> bytes:
        """What it would ask headquarters now."""
        with Caller(self.home, self.place, clock=self.clock, version="1.0.0") as caller:
            return caller.ask().raw

    def network_is_back(self) -> None:
        """The system tells that a network has come up."""
        wake(self.home)

    def note(self, heard: Heard) -> bool:
        """The owner of the ledger notes what headquarters said, as the product's does (:mod:`kiosk.exchange`)."""
        doom, self.doom = self.doom, None
        match doom:
            case "torn_reference" if self._at_turn is not None:
                raise MachineDied(torn(self._at_turn, freeze(self.home), self._rng))
            case "worker_before_note":
                raise WorkerDied
            case "torn_ledger":
                before = freeze(self.home)
                note(self.ledger, heard)
                raise MachineDied(torn(before, freeze(self.home), self._rng))
            case _:
                pass
        try:
            note(self.ledger, heard)
        except StoreError:
            assert self.full
            self._tally.add("note refused by the disk")
            return False
        if doom == "worker_after_note":
            raise WorkerDied
        return True

    def note_from_stick(self, heard: Heard) -> None:
        """Somebody brings what headquarters said on a stick; the owner of the ledger notes it."""
        try:
            note(self.ledger, heard)
        except StoreError:
            assert self.full

    def prune(self, before: datetime) -> bool:
        """The owner of the ledger prunes it."""
        try:
            pruned = self.ledger.prune(before)
        except StoreError:
            assert self.full
            return False
        if pruned:
            self._tally.add("events pruned", pruned)
        return True

    # --- enrolment ----------------------------------------------------------------------------------------------------

    def enrol(self, headquarters: Headquarters, station: str, branch: str, scope: tuple[str, ...]) -> None:
        """Belong to headquarters from now on, or in a new epoch. The machine is down."""
        assert not self.up
        code = headquarters.code(station, branch, scope)
        request = enrolment.ask(self.home, code, version="1.0.0")
        taken = enrolment.take(self.home, headquarters.enrol(request), clock=self.clock, command="tramsach sync")
        assert not isinstance(taken, PaperRefused), taken.reason
        self.last_told = 0  # by other numbers from now on
        self.bundles, self.previous = 0, bytes(32)
