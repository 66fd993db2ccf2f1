"""A whole province's stations for a month, in one process and on a simulated clock: what grows with time, with events
and with the number of stations, and what must not.

Each station calls twice a day with what it has written since; headquarters answers, applies in the evening, compacts
its feed in the night. No network, no TLS and no second process: what is measured is headquarters' own work, as time of
the processor, and its files. By ``--large`` it is 300 stations and 30 days with 500 events a day each; without, fewer
of each.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.hq import Hq
from config.loader import dump
from sync.central import feed
from sync.central.apply import Applier
from sync.central.database import CENTRAL
from sync.central.enrolment import Granted, enrol, make_enrolment_code
from sync.central.exchange import answer
from sync.central.office import Office, found
from sync.central.reference import CentralReference
from sync.circulation.chain import genesis, link
from sync.circulation.events import to_ms, tokens
from sync.exchange import batch as batches
from sync.exchange.batch import BATCH_EVENTS
from sync.exchange.keys import Keys, Pin, Pins
from sync.exchange.messages import Answer, Contact, OpenedReply, open_reply, seal_contact
from sync.exchange.papers import EnrolmentRequest, code_handle, code_key, normal_code, seal_request
from tests.bench.figure import Figure
from tests.bench.lending import ITEMS, PATRONS, RULES_VERSION, Work, branch_code, rules, stock

_CALL_HOURS = (12, 18)
_BEGINS = datetime(2026, 10, 1, tzinfo=UTC)


def measure(*, large: bool = False) -> list[Figure]:
    """The month, then the same events from ten, a hundred and a thousand stations."""
    return [*(_month(300, 30, 60.0) if large else _month(30, 12, 30.0)), _flat()]


# --- stations ---------------------------------------------------------------------------------------------------------


@dataclass
class _Station:
    """A station as headquarters meets it. ``spent`` is headquarters' processor time for it."""

    office: Office
    number: int
    work: Work
    keys: Keys = field(default_factory=lambda: Keys(secrets.token_bytes(32), secrets.token_bytes(32)))
    seq: int = 0
    cursor: int = 0
    spent: float = 0.0

    def __post_init__(self) -> None:
        code = make_enrolment_code(self.office, self.name, self.work.branch, ())
        typed = normal_code(code) if isinstance(code, str) else None
        key = code_key(typed or "")
        request = EnrolmentRequest(
            handle=code_handle(typed or ""), keys=self.keys.public, version="0.1.0", hint="00ff00ff00ff00ff"
        )
        granted = enrol(self.office, seal_request(self.keys, key, request))
        if not isinstance(granted, Granted):
            raise RuntimeError(f"a station of the bench was not enrolled: {granted.reason}")
        # As if its snapshot had come that very moment.
        self.cursor, self.head = granted.station.scoped_at, genesis(self.name, 1)
        self._events = self.work.records()
        self._next = next(self._events)

    @property
    def name(self) -> str:
        return f"S{self.number}"

    def call_until_quiet(self, now: datetime, *, most: int = 10**9) -> int:
        """Send what was written up to an instant, at most so many events, and listen to all there is; answers how many
        events that were."""
        total = 0
        while True:
            records: list[str] = []
            while len(records) < min(BATCH_EVENTS, most - total) and self._next[0] <= now:
                records.append(self._next[1])
                self._next = next(self._events)
            more = self._call(records)
            total += len(records)
            if not (records or more) or (total >= most and not more):
                return total

    def _call(self, records: list[str]) -> bool:
        nonce, batch = secrets.token_bytes(16), b""
        if records:
            known = self.work.identities
            owners = {token: known.pop(token) for line in records for token in tokens(line) if token in known}
            batch = batches.seal(
                self.keys,
                hq=self.office.hq,
                station=self.name,
                epoch=1,
                first=self.seq + 1,
                prev=self.head,
                records=records,
                identities=owners,
                salt=secrets.token_bytes(16),
            )
        for line in records:
            self.head = link(self.head, line)
        self.seq += len(records)
        contact = Contact(
            hq=self.office.hq,
            station=self.name,
            epoch=1,
            nonce=nonce,
            boot="3f0c9d52",
            wall=self.office.clock(),
            up=1,
            cursor=self.cursor,
            seq=self.seq,
            head=self.head,
            unsent=len(records),
            version="0.1.0",
            hint="00ff00ff00ff00ff",
        )
        raw = seal_contact(self.keys, contact, batch)
        used = time.process_time()
        reply = answer(self.office, raw)
        self.spent += time.process_time() - used
        pins = Pins((Pin(self.office.keys[0].public),))
        opened = open_reply(
            reply if isinstance(reply, bytes) else b"", pins, hq=self.office.hq, station=self.name, epoch=1, nonce=nonce
        )
        if not isinstance(opened, OpenedReply):
            raise RuntimeError(f"a call of the bench came to nothing: {opened.reason}")
        said = opened.reply
        if said.answer not in (Answer.ACCEPTED, Answer.NOTHING) or said.logged != self.seq:
            raise RuntimeError(f"a call of the bench was answered {said.answer}")
        self.cursor = said.cursor
        return said.more


class _Clock:
    def __init__(self) -> None:
        self.now = _BEGINS

    def __call__(self) -> int:
        return to_ms(self.now)


@contextmanager
def _headquarters(stations: int, items: int, patrons: int) -> Iterator[tuple[Office, _Clock]]:
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as folder, found(Path(folder), Hq("TRI")) as founded:
        office = replace(founded, clock=clock)
        for number in range(stations):
            stock(office.database, branch_code(number), items, patrons)
        with CentralReference(office.database, clock) as reference:
            reference.write_rules(RULES_VERSION, json.dumps(dump(rules(stations)), default=str))
        yield office, clock


# --- a month ----------------------------------------------------------------------------------------------------------


def _month(stations: int, days: int, visits: float) -> list[Figure]:
    with _headquarters(stations, ITEMS, PATRONS) as (office, clock):
        fleet = [_Station(office, n, Work(branch_code(n), _BEGINS, n, visits_a_day=visits)) for n in range(stations)]
        applier = Applier(office.database, clock)
        events, applied, waiting = 0, 0, 0
        sizes, memory, spent = [(0, _disk(office))], [], 0.0
        for day in range(days):
            for hour in _CALL_HOURS:
                clock.now = _BEGINS + timedelta(days=day, hours=hour)
                events += sum(station.call_until_quiet(clock.now) for station in fleet)
                used = time.process_time()
                applied += applier.apply_all()
                spent += time.process_time() - used
                waiting = max(waiting, events - applied)
            used = time.process_time()
            with office.database.begin() as connection:
                feed.compact(connection, clock())
            spent += time.process_time() - used
            sizes.append((events, _disk(office)))
            memory.append(_memory_mb())
        spent += sum(station.spent for station in fleet)
    third = days // 3
    grew = [
        (sizes[last][1] - sizes[first][1]) / (sizes[last][0] - sizes[first][0])
        for first, last in ((third, 2 * third), (2 * third, days))
    ]
    name = f"{stations} stations, {days} days"
    return [
        Figure(
            f"fleet: {name}: processor time of headquarters",
            spent / events * 1e6,
            "µs/event",
            note=f"{events:,} events; calls, application and compaction",
        ),
        Figure("  events that wait after an evening", waiting, "", 0),
        Figure(
            "  memory at the end, to that after a third", memory[-1] / memory[third], "times", 1.15,
            note=f"{memory[-1]:.0f} MB, stations and all",
        ),
        Figure(
            "  disk per event of the last third, to that of the second", grew[1] / grew[0], "times", 1.2,
            note=f"{grew[1]:.0f} bytes an event, log, facts and feed",
        ),
    ]  # fmt: skip


def _disk(office: Office) -> int:
    path = CENTRAL.path(office.folder)
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))


def _memory_mb() -> float:
    status = Path("/proc/self/status")
    return int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024 if status.exists() else float("nan")


# --- as many events from ever more stations ---------------------------------------------------------------------------

_EVENTS, _CALL_EVENTS, _SHELVES, _READERS = 50_000, 50, 60_000, 20_000


def _flat() -> Figure:
    """The same events, in calls of the same size, over shelves of the same size; only ever more stations share them."""
    costs = {stations: _cost(stations) for stations in (10, 100, 1000)}
    said = ", ".join(f"{cost:.0f} µs from {stations:,}" for stations, cost in costs.items())
    return Figure(
        "fleet: time per event, dearest to cheapest",
        max(costs.values()) / min(costs.values()),
        "times",
        1.2,
        note=f"{said} stations, {_CALL_EVENTS} events a call",
    )


def _cost(stations: int) -> float:
    items, patrons = _SHELVES // stations, _READERS // stations
    with _headquarters(stations, items, patrons) as (office, clock):
        fleet = [_Station(office, n, Work(branch_code(n), _BEGINS, n, items, patrons)) for n in range(stations)]
        applier, spent, events = Applier(office.database, clock), 0.0, 0
        clock.now = _BEGINS + timedelta(days=365)
        while events < _EVENTS:
            # Headquarters applies as often, however many it is that call.
            for _ in range(max(1, 1000 // stations)):
                events += sum(station.call_until_quiet(clock.now, most=_CALL_EVENTS) for station in fleet)
            used = time.process_time()
            applier.apply_all()
            spent += time.process_time() - used
    return (spent + sum(station.spent for station in fleet)) / events * 1e6
