"""The second step: what the log means.

Theory of operation. One applier works at a time, whoever's process it is in; it takes what has been logged and not
applied, from several stations at once, as far as some thousands of events, and does everything about them in one
transaction: facts and what they add up to, exceptions, judgements of the day, the changes that stations have to be
told, and how far each station has come. A station finds its own events in what it is told exactly when it is told that
they are in (the *watermark*), so nothing counts twice and nothing is missing in between (design, law 2).

No event can stop those behind it. One that cannot be read is *quarantined* and passed over. Where the database or a
rule refuses something, the whole is undone to a savepoint and tried again by halves until one event stands alone; that
one is quarantined. Quarantined events stay in the log, on the list, and are tried again by :meth:`Applier.reapply`
when a newer program knows them.

So every event ends as ``applied``, ``applied_with_exception`` or ``quarantined``. Judgements that depend on what
headquarters says of readers and items on the day are made here, once, and kept as outcomes; all else follows from the
log alone, in whatever order it came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from config.loader import Problems, build
from config.phrase import Phrase
from sync.central import bulk, scopes, tables
from sync.central.copies import put_exceptions
from sync.central.database import Database, lock_projections
from sync.central.feed import Place, as_body, difference, publish
from sync.central.projecting import (
    QUARANTINED,
    Book,
    Projected,
    Run,
    Station,
    logged_events,
    project_again,
    project_runs,
    with_decisions,
)
from sync.central.reading import Doubt, Quarantined
from sync.central.scopes import Owner
from sync.central.tables import LIVE
from sync.circulation import events as ev
from sync.circulation.exceptions import StaffException
from sync.circulation.facts import Fact
from sync.circulation.judgements import judge
from sync.circulation.model import Item, ItemStatus, Patron, PatronBlock, PatronBlockKind
from sync.circulation.rules import Rules
from sync.store.errors import StoreError

#: So many events are applied in one transaction, and come from so many stations, at most.
MOST_EVENTS, _MOST_STATIONS = 4000, 32

#: What one event may do to a transaction without being the database's fault.
_FAULTS = (
    ArithmeticError, LookupError, TypeError, ValueError, msgspec.MsgspecError, sa.exc.DataError, sa.exc.IntegrityError
)  # fmt: skip


class Outcome(StrEnum):
    """What became of an event."""

    WAITING = "waiting"
    APPLIED = "applied"
    WITH_EXCEPTION = "applied_with_exception"
    QUARANTINED = QUARANTINED


@dataclass(slots=True)
class _Day:
    """What headquarters says of the readers and items that some events are about."""

    homes: dict[str, str]
    items: dict[str, Item]
    numbers: dict[str, str | None]
    patrons: dict[str, Patron]

    def owner(self, number: str | None) -> Owner | None:
        patron = None if number is None else self.patrons.get(number)
        return None if patron is None else Owner(patron.patron_id, patron.branch)


class Applier:
    """Applies what has been logged. ``clock`` gives milliseconds of UTC. One thread at a time."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._rules: tuple[str, Rules] = ("", Rules())
        self._turn = 0

    def apply(self, most: int = MOST_EVENTS) -> int:
        """Apply some of what waits, in one transaction; answers how many events that were, nought when none wait.

        Raises :class:`~sync.store.errors.StoreError` when the database will not have it; then nothing has happened.
        """
        with self._database.begin() as connection:
            lock_projections(connection)
            book = Book(connection)
            runs = self._waiting(connection, book, most)
            told: dict[Place, str | None] = {}
            for run in runs:
                told.update(_watermark(run))
            told = self._attempt(connection, book, runs) | told
            publish(connection, told, self._clock())
            return sum(len(run.events) for run in runs)

    def apply_all(self) -> int:
        """Apply until nothing waits; answers how many events that were."""
        total = 0
        while taken := self.apply():
            total += taken
        return total

    def reapply(self) -> int:
        """Try quarantined events again, those that a newer program reads as well as those that failed; answers how many
        of them are applied now."""
        with self._database.begin() as connection:
            lock_projections(connection)
            book = Book(connection)
            waiting = connection.execute(_QUARANTINED).all()
            told: dict[Place, str | None] = {}
            done = 0
            for row in waiting:
                station = book.stations[row.station_id]
                try:
                    with connection.begin_nested():
                        changes = self._retell(connection, book, station, row.seq)
                except _FAULTS:
                    continue
                if changes is not None:
                    told.update(changes)
                    done += 1
            publish(connection, told, self._clock())
            return done

    # --- what waits ---------------------------------------------------------------------------------------------------

    def _waiting(self, connection: sa.Connection, book: Book, most: int) -> list[Run]:
        rows = list(connection.execute(_BEHIND))
        # Stations take turns, so that one which sends a month's events does not keep all others waiting.
        rows.sort(key=lambda row: (row.id <= self._turn, row.id))
        rows = _one_epoch_each(rows)[:_MOST_STATIONS]
        runs: list[Run] = []
        for row in rows:
            share = max(1, most // len(rows))
            events: list[ev.Entry | Quarantined] = []
            until = min(row.seq, row.applied + share)
            for some in logged_events(connection, book.stations[row.id], row.applied, until):
                events += some
            runs.append(Run(book.stations[row.id], events))
            self._turn = row.id
        return runs

    def _attempt(self, connection: sa.Connection, book: Book, runs: Sequence[Run]) -> dict[Place, str | None]:
        """Apply runs, by halves where something in them cannot be; answers what has to be told."""
        if not runs:
            return {}
        try:
            with connection.begin_nested():
                return self._take(connection, book, runs)
        except _FAULTS:
            halves = _halves(runs)
            if halves is None:
                ((station, (event,)),) = ((run.station, run.events) for run in runs)
                alone = [Run(station, [_failed(event)])]
                with connection.begin_nested():
                    return self._take(connection, book, alone)
        return self._attempt(connection, book, halves[0]) | self._attempt(connection, book, halves[1])

    # --- one transaction's work ---------------------------------------------------------------------------------------

    def _take(self, connection: sa.Connection, book: Book, runs: Sequence[Run]) -> dict[Place, str | None]:
        projected = project_runs(connection, LIVE, book, runs)
        told = self._follow(connection, projected)
        bulk.insert(
            connection,
            tables.outcome,
            [
                (run.station.id, event.seq, QUARANTINED, event.doubt.value, "[]")
                for run in runs
                for event in run.events
                if isinstance(event, Quarantined)
            ],
        )
        for run in runs:
            connection.execute(_ADVANCE, {"station_id": run.station.id, "last": run.last})
        return told

    def _follow(self, connection: sa.Connection, projected: Projected) -> dict[Place, str | None]:
        """What follows from projected facts by what headquarters says today: judgements, and who has to be told."""
        copies, fees = projected.copies, projected.fees
        day = _look_up(connection, projected)
        self._judge(connection, projected.facts, day)
        before: scopes.Told = {}
        after: scopes.Told = {}
        for told, lent in ((before, copies.before), (after, copies.after)):
            for item, loan in lent.items():
                if loan.token is not None:
                    told.update(scopes.loan_told(loan, day.homes.get(item), day.owner(loan.number)))
        for told, rows in ((before, fees.before), (after, fees.after)):
            for row in rows:
                told.update(scopes.fee_told(row, day.owner(row.number)))
        return difference(before, after) | _fulfil(connection, projected.facts)

    def _judge(self, connection: sa.Connection, facts: Sequence[tuple[Station, Fact]], day: _Day) -> None:
        rules = self._rule_set(connection)
        lent = _open_loans(connection, {number for number in day.numbers.values() if number is not None}, day)
        found: list[tuple[Station, Fact, tuple[StaffException, ...]]] = []
        for station, fact in facts:
            event = fact.event
            if not isinstance(event, ev.CheckedOut | ev.CheckedIn | ev.UsedOnSite):
                continue
            number, patron, had = None, None, 0
            if isinstance(event, ev.CheckedOut):
                number = day.numbers.get(event.loan)
                if number is not None:
                    patron = day.patrons.get(number)
                    reader = patron.patron_id if patron else number
                    had = sum((at, token) < (fact.at, event.loan) for at, token in lent.get(reader, ()))
            judged = judge(_of_reader(fact, number), patron, day.items.get(event.item), rules, had)
            if judged:
                found.append((station, fact, judged))
        if found:
            self._keep(connection, found)

    def _keep(
        self, connection: sa.Connection, found: Sequence[tuple[Station, Fact, tuple[StaffException, ...]]]
    ) -> None:
        outcomes: list[bulk.Row] = []
        listed: list[StaffException] = []
        for station, fact, judged in found:
            detail = msgspec.json.encode([one.to_values() for one in judged]).decode()
            outcomes.append((station.id, fact.seq, Outcome.WITH_EXCEPTION.value, judged[0].kind.value, detail))
            listed += judged
        bulk.insert(connection, tables.outcome, outcomes)
        put_exceptions(connection, LIVE, "day", with_decisions(connection, LIVE, listed))

    def _rule_set(self, connection: sa.Connection) -> Rules:
        version = connection.execute(sa.select(tables.rule_set.c.version)).scalar() or ""
        if version != self._rules[0]:
            body = sa.select(tables.rule_set.c.body).where(tables.rule_set.c.version == version)
            built = build(Rules, json.loads(connection.execute(body).scalar_one())) if version else None
            if isinstance(built, Problems):
                raise StoreError(
                    Phrase(
                        "Bộ quy tắc lưu ở trụ sở không đọc được. Hãy nhập lại quy tắc.",
                        "The rule-set stored at headquarters cannot be read. Import the rules again.",
                    )
                )
            self._rules = (version, built.value if built else Rules())
        return self._rules[1]

    # --- again --------------------------------------------------------------------------------------------------------

    def _retell(
        self, connection: sa.Connection, book: Book, station: Station, seq: int
    ) -> dict[Place, str | None] | None:
        """Apply one quarantined event as if it had been applied in its turn; ``None`` where it still cannot be."""
        outcome = tables.outcome
        connection.execute(sa.delete(outcome).where(outcome.c.station_id == station.id, outcome.c.seq == seq))
        ((event,),) = logged_events(connection, station, seq - 1, seq)
        if isinstance(event, Quarantined):
            connection.execute(
                sa.insert(outcome),
                {"station_id": station.id, "seq": seq, "outcome": QUARANTINED, "reason": event.doubt.value},
            )
            return None
        return self._follow(connection, project_again(connection, LIVE, book, station, event))


def outcome_of(connection: sa.Connection, station_id: int, seq: int) -> Outcome:
    """What became of an event that is in the log."""
    row = connection.execute(_PLACE, {"station_id": station_id}).one()
    if seq > row.applied:
        return Outcome.WAITING
    kept = connection.execute(_OUTCOME, {"station_id": station_id, "seq": seq}).scalar()
    if kept is not None:
        return Outcome(kept)
    named = f'"{row.station}.{row.epoch}.{seq}"'
    body = tables.staff_exception.c.body
    listed = connection.execute(sa.select(body).where(body.contains(named, autoescape=True)).limit(1)).first()
    return Outcome.APPLIED if listed is None else Outcome.WITH_EXCEPTION


# --- pieces -----------------------------------------------------------------------------------------------------------


def _watermark(run: Run) -> dict[Place, str | None]:
    """How far a station's own events are in what it is told."""
    station = run.station
    if station.own:
        return {}
    row = {"station": station.station, "epoch": station.epoch, "seq": run.last}
    return {(station.station, "watermark", station.station): as_body(row)}


def _one_epoch_each(rows: Sequence[sa.Row[*tuple[Any, ...]]]) -> list[sa.Row[*tuple[Any, ...]]]:
    """Of each station the oldest epoch that has something waiting: later ones come after it."""
    oldest: dict[str, sa.Row[*tuple[Any, ...]]] = {}
    for row in rows:
        if row.station not in oldest or row.epoch < oldest[row.station].epoch:
            oldest[row.station] = row
    return list(oldest.values())


def _halves(runs: Sequence[Run]) -> tuple[list[Run], list[Run]] | None:
    """Two halves of some runs, in their order; ``None`` for a single event."""
    if len(runs) > 1:
        middle = len(runs) // 2
        return list(runs[:middle]), list(runs[middle:])
    (run,) = runs
    if len(run.events) == 1:
        return None
    middle = len(run.events) // 2
    return [Run(run.station, run.events[:middle])], [Run(run.station, run.events[middle:])]


def _failed(event: ev.Entry | Quarantined) -> Quarantined:
    if isinstance(event, Quarantined):
        return Quarantined(event.seq, event.doubt)  # not even its envelope
    return Quarantined(event.seq, Doubt.FAILED, event)


def _look_up(connection: sa.Connection, projected: Projected) -> _Day:
    """Ask once for every item and reader that some facts, loans and fees are about."""
    copies, fees = projected.copies, projected.fees
    items = set(copies.after)
    tokens = set()
    for _, fact in projected.facts:
        if isinstance(fact.event, ev.CheckedOut | ev.CheckedIn | ev.UsedOnSite):
            items.add(fact.event.item)
        if isinstance(fact.event, ev.CheckedOut):
            tokens.add(fact.event.loan)
    known = bulk.find(connection, tables.item, ("item_id", "branch", "status"), "item_id", items)
    numbers = {
        row.token: row.number for row in bulk.find(connection, tables.identity, ("token", "number"), "token", tokens)
    }
    wanted = {loan.number for lent in (copies.before, copies.after) for loan in lent.values()}
    wanted |= {row.number for rows in (fees.before, fees.after) for row in rows}
    wanted |= set(numbers.values())
    wanted.discard(None)
    return _Day(
        homes={row.item_id: row.branch for row in known},
        items={row.item_id: Item(row.item_id, "", "", row.branch, status=_STATUSES[row.status]) for row in known},
        numbers=numbers,
        patrons=_patrons(connection, wanted),
    )


_STATUSES = {status.value: status for status in ItemStatus}


def _patrons(connection: sa.Connection, numbers: Iterable[str]) -> dict[str, Patron]:
    """The readers whom numbers stand for; a card is looked for first, as at the desk."""
    wanted = set(numbers)
    by_card = {
        row.number: row.patron_id
        for row in bulk.find(connection, tables.card, ("number", "patron_id"), "number", wanted)
    }
    columns = ("patron_id", "category", "branch", "expires", "blocks")
    rows = bulk.find(connection, tables.patron, columns, "patron_id", wanted | set(by_card.values()))
    patrons = {
        row.patron_id: Patron(
            row.patron_id,
            "",
            row.category,
            row.branch,
            date.fromisoformat(row.expires) if row.expires else None,
            blocks=_blocks(row.blocks),
        )
        for row in rows
    }
    found = ((number, patrons.get(by_card.get(number, number))) for number in wanted)
    return {number: patron for number, patron in found if patron is not None}


def _blocks(text: str) -> tuple[PatronBlock, ...]:
    if text == "[]":
        return ()
    return tuple(
        PatronBlock(PatronBlockKind(b["kind"]), date.fromisoformat(b["until"]) if b.get("until") else None)
        for b in json.loads(text)
    )


def _open_loans(connection: sa.Connection, numbers: set[str], day: _Day) -> dict[str, list[tuple[int, str]]]:
    """The open loans of readers, by patron: when each began, and its token."""
    readers = {number: (day.patrons[number].patron_id if number in day.patrons else number) for number in numbers}
    columns = ("number", "checked_out_at", "token")
    lent: dict[str, list[tuple[int, str]]] = {}
    for row in bulk.find(connection, tables.copy_state, columns, "number", numbers | set(readers.values())):
        lent.setdefault(readers.get(row.number, row.number), []).append((row.checked_out_at, row.token))
    return lent


def _of_reader(fact: Fact, reader: str | None) -> Fact:
    if reader is None:
        return fact
    return Fact(fact.station, fact.epoch, fact.seq, fact.at, fact.earliest, fact.latest, fact.event, reader)


def _fulfil(connection: sa.Connection, facts: Sequence[tuple[Station, Fact]]) -> dict[Place, str | None]:
    """Holds that were fulfilled, and those that stand again because the checkout was undone."""
    got, undone = {}, set()
    for _, fact in facts:
        match fact.event:
            case ev.CheckedOut(hold=str(hold_id)):
                got[hold_id] = fact.event.loan
            case ev.Undone(act="checkout", loan=str(token)):
                undone.add(token)
            case _:
                pass
    if not got and not undone:
        return {}
    hold = tables.hold
    stands = hold.c.fulfilled.in_(undone)
    touched = {*got, *connection.execute(sa.select(hold.c.hold_id).where(stands)).scalars()}
    before = scopes.holds_told(connection, touched)
    for hold_id, loan in got.items():
        fulfil = sa.update(hold).where(hold.c.hold_id == hold_id, hold.c.fulfilled.is_(None))
        connection.execute(fulfil.values(fulfilled=loan))
    connection.execute(sa.update(hold).where(stands).values(fulfilled=None))
    return difference(before, scopes.holds_told(connection, touched))


_BEHIND = sa.select(*tables.station.c["id", "station", "epoch", "seq", "applied"]).where(
    tables.station.c.applied < tables.station.c.seq
)
_ADVANCE = (
    sa.update(tables.station)
    .where(tables.station.c.id == sa.bindparam("station_id"))
    .values(applied=sa.bindparam("last", type_=tables.Whole))
)
_QUARANTINED = (
    sa.select(*tables.outcome.c["station_id", "seq"])
    .where(tables.outcome.c.outcome == QUARANTINED)
    .order_by(tables.outcome.c.station_id, tables.outcome.c.seq)
)
_PLACE = sa.select(*tables.station.c["station", "epoch", "applied"]).where(
    tables.station.c.id == sa.bindparam("station_id")
)
_OUTCOME = sa.select(tables.outcome.c.outcome).where(
    tables.outcome.c.station_id == sa.bindparam("station_id"), tables.outcome.c.seq == sa.bindparam("seq")
)
