"""The projections of copies: each event of a copy as a fact, and what its facts add up to.

Theory of operation. A fact newer than all others that fits is the common case, and :func:`custody.extend` adds it to
the stored custody without looking back. Where it cannot, all facts of the copy are read and folded anew. Either way the
outcome is a function of the set of facts, so the order in which batches arrive leaves no trace. What needs a second
look is told by the caller: facts that a station's later word on its clock has moved.

Only folding asks whether two loans were one reader's. It is answered by identities while there are any; where it
mattered, a *mark* that is equal for both and says nothing else is left on the tokens, so that forgetting the reader
changes no history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.scopes import LOAN
from sync.central.tables import Projections
from sync.circulation import custody
from sync.circulation import events as ev
from sync.circulation.copies import Custody
from sync.circulation.exceptions import StaffException
from sync.circulation.facts import Fact

#: Which epoch of which station a ``station_id`` is.
Stations = Mapping[int, tuple[str, int]]

#: The name of each type of event on the wire.
NAMES = {cls: name for name, cls in ev.TYPES.items()}

#: What of an event no story of a copy needs.
_LEFT_OUT = frozenset({"item", "visit", "rules", "category"})


@dataclass(frozen=True, slots=True)
class Told:
    """A fact of a copy, with the number of the station's row that it goes under."""

    item: str
    station_id: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Copies:
    """What became of some copies: their loans (``LOAN``) before and after, where these differ; and the fees of which
    something was said that may change what is owed."""

    before: dict[str, Any] = field(repr=False)
    after: dict[str, Any] = field(repr=False)
    fees: set[str]


class _Loan:
    """A row of ``copy_state`` as far as a loan needs it; the names are those of :data:`sync.central.scopes.LOAN`."""

    __slots__ = LOAN

    def __init__(self, values: Sequence[Any]) -> None:
        for name, value in zip(LOAN, values, strict=True):
            setattr(self, name, value)


def project(
    connection: sa.Connection,
    tables_: Projections,
    stations: Stations,
    told: Sequence[Told],
    moved: Sequence[Told] = (),
    *,
    marking: bool = True,
) -> Copies:
    """Add facts to their copies. ``moved`` are facts that were told before and stand at another time now.

    ``marking``: equal readers leave their mark on the tokens; a replay only reads them.
    """
    by_item: dict[str, list[Fact]] = {}
    for one in told:
        by_item.setdefault(one.item, []).append(one.fact)
    refold = {one.item for one in moved}
    found = bulk.find(connection, tables_.copy_state, ("custody", *LOAN), "item_id", {*by_item, *refold})
    states = {row.item_id: row for row in found}
    bulk.insert(connection, tables_.fact, [_fact_row(one) for one in told])
    bulk.put(connection, tables_.fact, [_fact_row(one) for one in moved])
    after: dict[str, Custody] = {}
    exceptions: list[StaffException] = []
    fees: set[str] = set()
    for item, facts in by_item.items():
        if item in refold:
            continue
        state = states.get(item)
        now = Custody() if state is None else Custody.from_values(msgspec.json.decode(state.custody))
        noticed: list[StaffException] = []
        for fact in sorted(facts, key=lambda fact: fact.key):
            history = custody.extend(item, now, fact)
            if history is None:
                refold.add(item)
                break
            now = history.custody
            noticed += history.exceptions
        else:
            after[item] = now
            exceptions += noticed
    if refold:
        folded = _fold(connection, tables_, stations, refold, marking=marking)
        after.update((item, history.custody) for item, history in folded.items())
        exceptions += [exception for history in folded.values() for exception in history.exceptions]
        fees |= _forget_exceptions(connection, tables_, refold)
    fees.update(exception.fee for exception in exceptions if exception.fee is not None)
    put_exceptions(connection, tables_, "copy", exceptions)
    before, lent = _write_states(connection, tables_, states, after)
    return Copies(before, lent, fees)


def put_exceptions(
    connection: sa.Connection, tables_: Projections, source: str, exceptions: Iterable[StaffException]
) -> None:
    """Put exceptions on the work-list, over those of the same identity."""
    rows = {one.id: _exception_row(one, source) for one in exceptions}
    bulk.put(connection, tables_.staff_exception, list(rows.values()))


def _exception_row(exception: StaffException, source: str) -> bulk.Row:
    """A row of ``staff_exception``."""
    return (
        exception.id,
        source,
        exception.kind.value,
        exception.item,
        exception.fee,
        msgspec.json.encode(exception.to_values()).decode(),
        exception.at,
        exception.resolution,
    )


def body_of(event: ev.Event) -> str:
    """What is kept of an event in a fact."""
    fields_ = _kept(type(event))  # type: ignore[arg-type]  # a class is hashable
    kept = {name: value for name, default in fields_ if (value := getattr(event, name)) != default}
    return msgspec.json.encode(kept).decode()


def event_of(type_: str, body: str, item: str) -> ev.Event:
    """The event of a fact, as far as it was kept."""
    cls = ev.TYPES[type_]
    values: dict[str, Any] = msgspec.json.decode(body)
    for name in _needed(cls):
        values.setdefault(name, item if name == "item" else "")
    event: ev.Event = cls(**values)
    return event


@cache
def _kept(cls: type[Any]) -> tuple[tuple[str, object], ...]:
    return tuple((f.name, f.default) for f in fields(cls) if f.name not in _LEFT_OUT)


@cache
def _needed(cls: type) -> tuple[str, ...]:
    """What is left out of a fact and yet has no default, or is the item itself."""
    return tuple(f.name for f in fields(cls) if f.name in _LEFT_OUT and (f.default is MISSING or f.name == "item"))


def _fact_row(one: Told) -> bulk.Row:
    fact = one.fact
    body = body_of(fact.event)
    return (
        one.item, one.station_id, fact.seq, fact.at, fact.earliest, fact.latest, NAMES[type(fact.event)], body
    )  # fmt: skip


def _fold(
    connection: sa.Connection, tables_: Projections, stations: Stations, items: Collection[str], *, marking: bool
) -> dict[str, Any]:
    columns = ("item_id", "station_id", "seq", "at", "earliest", "latest", "type", "body")
    facts: dict[str, list[Fact]] = {}
    for row in bulk.find(connection, tables_.fact, columns, "item_id", items):
        station, epoch = stations[row.station_id]
        event = event_of(row.type, row.body, row.item_id)
        fact = Fact(station, epoch, row.seq, row.at, row.earliest, row.latest, event)
        facts.setdefault(row.item_id, []).append(fact)
    readers = _readers(connection, facts, marking=marking)
    return {
        item: custody.fold(item, [_with_reader(fact, readers) for fact in of_item]) for item, of_item in facts.items()
    }


def _with_reader(fact: Fact, readers: Mapping[str, str]) -> Fact:
    reader = readers.get(_given(fact.event) or "")
    if reader is None:
        return fact
    return Fact(fact.station, fact.epoch, fact.seq, fact.at, fact.earliest, fact.latest, fact.event, reader)


def _given(event: ev.Event) -> str | None:
    """The token under which an event gives, or carries, a copy to a reader."""
    return event.loan if isinstance(event, ev.CheckedOut | ev.Renewed) else None


def _readers(connection: sa.Connection, facts: Mapping[str, Sequence[Fact]], *, marking: bool) -> dict[str, str]:
    """A mark for the reader of each token, equal where one reader had one copy more than once."""
    tokens = {item: sorted({t for f in of_item if (t := _given(f.event))}) for item, of_item in facts.items()}
    wanted = {token for of_item in tokens.values() for token in of_item}
    known = {
        row.token: row
        for row in bulk.find(connection, tables.identity, ("token", "number", "mark", "at"), "token", wanted)
    }
    readers: dict[str, str] = {}
    marked: dict[str, bulk.Row] = {}
    for of_item in tokens.values():
        groups: dict[str, list[str]] = {}
        for token in of_item:
            if token in known and known[token].number is not None:
                groups.setdefault(known[token].number, []).append(token)
        for group in groups.values():
            mark = min((known[token].mark for token in group if known[token].mark is not None), default=None)
            mark = mark or (min(group) if len(group) > 1 else None)
            for token in group:
                row = known[token]
                readers[token] = mark or token
                if mark != row.mark:
                    marked[token] = (token, row.number, mark, row.at)
        for token in of_item:
            if token in known and known[token].number is None and known[token].mark is not None:
                readers[token] = known[token].mark
    if marking:
        bulk.put(connection, tables.identity, [marked[token] for token in sorted(marked)])
    return readers


def _forget_exceptions(connection: sa.Connection, tables_: Projections, items: Collection[str]) -> set[str]:
    """Take what earlier folds found off the list; answers the fees that were spoken of."""
    found = bulk.find(connection, tables_.staff_exception, ("id", "source", "fee_id"), "item_id", items)
    rows = [row for row in found if row.source == "copy"]
    bulk.remove(connection, tables_.staff_exception, "id", [row.id for row in rows])
    return {row.fee_id for row in rows if row.fee_id is not None}


def _write_states(
    connection: sa.Connection, tables_: Projections, states: Mapping[str, Any], after: Mapping[str, Custody]
) -> tuple[dict[str, Any], dict[str, Any]]:
    new = {
        now.loan.token
        for item, now in after.items()
        if now.loan is not None and (item not in states or states[item].token != now.loan.token)
    }
    numbers = {
        row.token: row.number for row in bulk.find(connection, tables.identity, ("token", "number"), "token", new)
    }
    rows, lent_before, lent_after = [], {}, {}
    for item, now in after.items():
        state, loan = states.get(item), now.loan
        values: tuple[Any, ...] = (item, None, None, None, None, None, None, None, None)
        if loan is not None:
            kept = state is not None and state.token == loan.token
            number = state.number if state is not None and kept else numbers.get(loan.token)
            lent = (loan.token, number, loan.item_type, loan.branch, loan.mode)
            values = (item, *lent, loan.out_at, loan.due_at, loan.renewals)
        rows.append((item, msgspec.json.encode(now.to_values()).decode(), now.branch, *values[1:]))
        was = (item, *[None] * 8) if state is None else tuple(state)[1:]
        if was != values:
            lent_before[item], lent_after[item] = _Loan(was), _Loan(values)
    bulk.put(connection, tables_.copy_state, rows)
    return lent_before, lent_after
