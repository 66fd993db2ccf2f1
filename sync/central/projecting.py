"""What a run of logged events adds to the projections; nothing here looks at what headquarters itself says.

One function for both who need it: the applier, which goes on where it stopped, and the replay, which begins at the
beginning on tables of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.copies import NAMES, Copies, Stations, Told, project, put_exceptions
from sync.central.log import OWN, read_log
from sync.central.money import Fees, FeeTold, fees_of, project_fees
from sync.central.reading import Doubt, Quarantined, read
from sync.central.tables import Projections
from sync.circulation import events as ev
from sync.circulation.exceptions import StaffException, settled
from sync.circulation.facts import Fact
from sync.circulation.timeline import Timeline

#: The outcome of an event that takes no part in the projections until a newer program can read it.
QUARANTINED = "quarantined"

#: Milliseconds by which the library's day begins before that of UTC, and milliseconds of a day.
_AHEAD, _DAY = 7 * 3_600_000, 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Station:
    """A row of ``station``, as far as projecting needs it."""

    id: int
    station: str
    epoch: int
    branch: str
    begins: int

    @property
    def own(self) -> bool:
        """Whether this is headquarters itself."""
        return self.station == OWN


@dataclass(frozen=True, slots=True)
class Run:
    """Events of a station in a row, from the first that is not projected yet."""

    station: Station
    events: Sequence[ev.Entry | Quarantined]

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.events[-1].seq


@dataclass(frozen=True, slots=True)
class Projected:
    """What came of some runs: who was lent what, what is owed, and which facts headquarters may have a word on."""

    copies: Copies
    fees: Fees
    facts: Sequence[tuple[Station, Fact]]


@dataclass(slots=True)
class _Gathered:
    """What runs have to say, before any of it is written."""

    told: list[Told] = field(default_factory=list)
    fees: list[FeeTold] = field(default_factory=list)
    facts: list[tuple[Station, Fact]] = field(default_factory=list)
    decisions: list[tuple[int, ev.ExceptionResolved]] = field(default_factory=list)
    acts: dict[tuple[str, int, str, str], int] = field(default_factory=dict)


class Book:
    """All stations, each epoch by the number of its row."""

    def __init__(self, connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(*tables.station.c["id", "station", "epoch", "branch", "begins"]))
        self.stations = {row.id: Station(*row) for row in rows}
        self.names: Stations = {one.id: (one.station, one.epoch) for one in self.stations.values()}

    def behind(self, name: str, last: dict[int, int]) -> Iterator[tuple[Station, int]]:
        """A station's epochs, oldest first, each with its last event that is told of in ``last`` (by row)."""
        epochs = (one for one in self.stations.values() if one.station == name and one.id in last)
        return ((one, last[one.id]) for one in sorted(epochs, key=lambda one: one.epoch))


def logged_events(
    connection: sa.Connection, station: Station, after: int, until: int
) -> Iterator[list[ev.Entry | Quarantined]]:
    """What is in the log of a station behind ``after`` up to ``until``, batch by batch.

    What was quarantined is so here, whatever this program could make of it now.
    """
    for logged in read_log(connection, station.id, max(after, station.begins), until):
        events = [read(line, logged.first + n, own=station.own) for n, line in enumerate(logged.lines)]
        gone = _quarantined(connection, station.id, events[0].seq, events[-1].seq)
        yield [_as_it_was(event, gone.get(event.seq)) for event in events] if gone else events


def project_runs(
    connection: sa.Connection, projections: Projections, book: Book, runs: Sequence[Run], *, marking: bool = True
) -> Projected:
    """Add runs of events, at most one of each station, to the projections."""
    gathered, moved = _Gathered(), _Gathered()
    found = bulk.find(
        connection, projections.timeline, ("station", "runs"), "station", [run.station.station for run in runs]
    )
    stored = {row.station: row.runs for row in found}
    timelines = []
    for run in runs:
        name, before = run.station.station, stored.get(run.station.station)
        timeline = Timeline() if before is None else Timeline.from_values(msgspec.json.decode(before))
        changed = add_all(timeline, run.events)
        if changed is not None and changed < run.events[0].seq:
            _tell_again(connection, book, run, changed, timeline, moved)
        _tell(connection, run.station, run.events, timeline, gathered)
        timelines.append((name, msgspec.json.encode(timeline.to_values()).decode()))
    bulk.put(connection, projections.timeline, timelines)
    return _write(connection, projections, book, gathered, moved, marking=marking)


def project_again(
    connection: sa.Connection, projections: Projections, book: Book, station: Station, event: ev.Entry
) -> Projected:
    """Add an event that was passed over in its turn, and whatever of its station's other events looks different now."""
    applied = {row.id: row.applied for row in connection.execute(sa.select(*tables.station.c["id", "applied"]))}
    epochs = list(book.behind(station.station, applied))
    timeline = Timeline()
    for one, until in epochs:
        for events in logged_events(connection, one, one.begins, until):
            add_all(timeline, events)
    fresh, moved = _Gathered(), _Gathered()
    _tell(connection, station, [event], timeline, fresh)
    for one, until in epochs:
        for events in logged_events(connection, one, one.begins, until):
            others = _Gathered()
            _tell(connection, one, events, timeline, others)
            _keep_moved(connection, projections, station.id, event.seq, others, moved)
    values = msgspec.json.encode(timeline.to_values()).decode()
    bulk.put(connection, projections.timeline, [(station.station, values)])
    return _write(connection, projections, book, fresh, moved)


def _keep_moved(
    connection: sa.Connection, projections: Projections, station_id: int, seq: int, others: _Gathered, moved: _Gathered
) -> None:
    """Of the facts of some events those that do not stand in the projections as they are told now."""
    columns = ("item_id", "station_id", "seq", "at", "earliest", "latest")
    items = {one.item for one in others.told}
    stand = {tuple(row) for row in bulk.find(connection, projections.fact, columns, "item_id", items)}
    for one in others.told:
        fact = one.fact
        as_told = (one.item, one.station_id, fact.seq, fact.at, fact.earliest, fact.latest)
        if as_told not in stand and (one.station_id, fact.seq) != (station_id, seq):
            moved.told.append(one)
    fee_columns = ("fee_id", "station_id", "seq", "item_id", "at")
    fees = {one.fee for one in others.fees}
    stand = {tuple(row) for row in bulk.find(connection, projections.fee_fact, fee_columns, "fee_id", fees)}
    for one_fee in others.fees:
        as_told_fee = (one_fee.fee, one_fee.station_id, one_fee.fact.seq, one_fee.item, one_fee.fact.at)
        if as_told_fee not in stand and (one_fee.station_id, one_fee.fact.seq) != (station_id, seq):
            moved.fees.append(one_fee)


def _write(
    connection: sa.Connection,
    projections: Projections,
    book: Book,
    fresh: _Gathered,
    moved: _Gathered,
    *,
    marking: bool = True,
) -> Projected:
    copies = project(connection, projections, book.names, fresh.told, moved.told, marking=marking)
    # Whose a fee is stands with its loan, whose checkout may come after it; a replay knows it from the beginning.
    owned = {one.fact.event.loan for one in fresh.told if isinstance(one.fact.event, ev.CheckedOut | ev.Renewed)}
    touched = copies.fees | (fees_of(connection, projections, owned) if marking else set())
    fees = project_fees(connection, projections, book.names, fresh.fees, moved.fees, touched)
    bulk.add(connection, projections.activity, [(*_dated(act), count) for act, count in fresh.acts.items()])
    _decide(connection, projections, fresh.decisions)
    return Projected(copies, fees, fresh.facts)


def add_all(timeline: Timeline, events: Iterable[ev.Entry | Quarantined]) -> int | None:
    """Let a timeline take events; answers the number from which on earlier ones have changed their places."""
    changed: list[int] = []
    for event in events:
        # Also of an event that nobody understands the envelope says what the clock said.
        entry = event.entry if isinstance(event, Quarantined) else event
        if entry is not None and (first := timeline.add(entry)) is not None:
            changed.append(first)
    return min(changed, default=None)


def with_decisions(
    connection: sa.Connection, projections: Projections, judged: Iterable[StaffException]
) -> list[StaffException]:
    """Judgements of the day with what staff have decided of them."""
    by_id = {exception.id: exception for exception in judged}
    decisions: dict[str, list[tuple[int, ev.ExceptionResolved]]] = {}
    for row in bulk.find(connection, projections.decision, ("exception", "seq", "body"), "exception", by_id):
        event = msgspec.json.decode(row.body, type=ev.ExceptionResolved)
        decisions.setdefault(row.exception, []).append((row.seq, event))
    return [
        settled(exception, [event for _, event in sorted(decisions.get(id_, ()), key=lambda one: one[0])])[0]
        for id_, exception in by_id.items()
    ]


def _quarantined(connection: sa.Connection, station_id: int, first: int, last: int) -> dict[int, str]:
    outcome = tables.outcome.c
    query = sa.select(outcome.seq, outcome.reason).where(
        outcome.station_id == station_id, outcome.seq.between(first, last), outcome.outcome == QUARANTINED
    )
    return {row.seq: row.reason for row in connection.execute(query)}


def _as_it_was(event: ev.Entry | Quarantined, reason: str | None) -> ev.Entry | Quarantined:
    if reason is None or isinstance(event, Quarantined):
        return event
    return Quarantined(event.seq, Doubt(reason), None if reason == Doubt.UNDECODABLE else event)


def _tell_again(
    connection: sa.Connection, book: Book, run: Run, changed: int, timeline: Timeline, moved: _Gathered
) -> None:
    """Gather the facts from ``changed`` on to the beginning of a run, which stand at other times now."""
    last = {one.id: run.events[0].seq - 1 for one in book.stations.values() if one.epoch <= run.station.epoch}
    logged = {row.id: row.seq for row in connection.execute(sa.select(*tables.station.c["id", "seq"]))}
    for station, until in book.behind(run.station.station, last):
        for events in logged_events(connection, station, changed - 1, min(until, logged[station.id])):
            _tell(connection, station, events, timeline, moved)


def _tell(
    connection: sa.Connection,
    station: Station,
    events: Sequence[ev.Entry | Quarantined],
    timeline: Timeline,
    gathered: _Gathered,
) -> None:
    """Gather what events have to say of copies, fees, decisions, and of how much was done."""
    before: ev.Entry | Quarantined | None = None
    for entry in events:
        if isinstance(entry, Quarantined):
            before = entry
            continue
        event = entry.event
        kind = type(event)
        at = ev.to_ms(entry.at)
        _count(station, event, at, gathered.acts)
        if kind in _TELLING:
            placed = timeline.place(entry.seq, at)
            fact = Fact(station.station, station.epoch, entry.seq, placed.at, placed.earliest, placed.latest, event)
            match event:
                case ev.CheckedOut() | ev.CheckedIn():
                    gathered.told.append(Told(event.item, station.id, fact))
                    gathered.facts.append((station, fact))
                case ev.Undone():
                    gathered.told.append(Told(event.item, station.id, fact))
                    gathered.facts.append((station, fact))
                case ev.Renewed() | ev.LoanClosed():
                    gathered.told.append(Told(event.item, station.id, fact))
                case ev.UsedOnSite():
                    gathered.facts.append((station, fact))
                case ev.FeeCharged():
                    if entry is events[0]:
                        before = _event_before(connection, station, entry.seq)
                    item = _returned(event, before)
                    if item is not None:
                        gathered.told.append(Told(item, station.id, fact))
                    gathered.fees.append(FeeTold(event.fee, station.id, item, fact))
                case ev.FeePaid() | ev.FeeWaived() | ev.FeeRefunded():
                    gathered.fees.append(FeeTold(event.fee, station.id, None, fact))
                case ev.ExceptionResolved():
                    gathered.decisions.append((entry.seq, event))
                    if event.item is not None:
                        gathered.told.append(Told(event.item, station.id, fact))
                    if event.fee is not None:
                        gathered.fees.append(FeeTold(event.fee, station.id, None, fact))
                case _:
                    raise TypeError(kind)
        before = entry


_TELLING = frozenset(
    {
        ev.CheckedOut, ev.CheckedIn, ev.Renewed, ev.Undone, ev.LoanClosed, ev.UsedOnSite,
        ev.FeeCharged, ev.FeePaid, ev.FeeWaived, ev.FeeRefunded, ev.ExceptionResolved,
    }
)  # fmt: skip


def _returned(event: ev.FeeCharged, before: ev.Entry | Quarantined | None) -> str | None:
    """The copy at whose return a fee was charged: the event right before says so."""
    if isinstance(before, ev.Entry) and isinstance(before.event, ev.CheckedIn) and before.event.loan == event.loan:
        return before.event.item
    return None


def _event_before(connection: sa.Connection, station: Station, seq: int) -> ev.Entry | Quarantined | None:
    if seq - 1 <= station.begins:
        return None
    (events,) = logged_events(connection, station, seq - 2, seq - 1)
    return events[0]


# --- how much was done ------------------------------------------------------------------------------------------------


def _count(station: Station, event: ev.Event, at: int, acts: dict[tuple[str, int, str, str], int]) -> None:
    branch, category, act = station.branch, "", NAMES.get(type(event), "")
    match event:
        case ev.CheckedOut():
            branch, category = event.branch, event.category
        case ev.CheckedIn() | ev.UsedOnSite():
            branch = event.branch
        case ev.Undone():
            act = f"{act}_{event.act}"
        case ev.VisitOpened() | ev.Renewed() | ev.Refusal():
            pass
        case _:
            return
    key = (branch, (at + _AHEAD) // _DAY, act, category)
    acts[key] = acts.get(key, 0) + 1


def _dated(act: tuple[str, int, str, str]) -> tuple[str, str, str, str]:
    branch, day, name, category = act
    return branch, _day(day), name, category


@lru_cache(1024)
def _day(number: int) -> str:
    return date.fromordinal(_EPOCH_DAY + number).isoformat()


# --- what staff have decided ------------------------------------------------------------------------------------------


def _decide(
    connection: sa.Connection, projections: Projections, decisions: Sequence[tuple[int, ev.ExceptionResolved]]
) -> None:
    if not decisions:
        return
    rows = [(event.exception, seq, msgspec.json.encode(event).decode()) for seq, event in decisions]
    bulk.insert(connection, projections.decision, rows)
    named = {event.exception for _, event in decisions}
    listed = bulk.find(connection, projections.staff_exception, ("source", "body"), "id", named)
    judged = [StaffException.from_values(msgspec.json.decode(row.body)) for row in listed if row.source == "day"]
    put_exceptions(connection, projections, "day", with_decisions(connection, projections, judged))
