"""One copy of a book and what stations report of it: acts at hours of one day, and what must hold of any history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.circulation import events as ev
from sync.circulation.copies import Closing, CopyLoan, History
from sync.circulation.custody import fold
from sync.circulation.events import Event, to_ms
from sync.circulation.exceptions import ExceptionKind, StaffException
from sync.circulation.facts import Fact
from sync.circulation.timeline import LEAST_SPREAD

ITEM = "TN.100"
HOUR = 3_600_000
DAY = 24 * HOUR
#: Midnight by the library's clock, a Tuesday.
MIDNIGHT = to_ms(datetime(2027, 3, 1, 17, tzinfo=UTC))
PERIOD = 15 * DAY


def hour(h: float) -> int:
    """An instant of the day, or days later beyond 24, in milliseconds."""
    return MIDNIGHT + round(h * HOUR)


@dataclass(frozen=True, slots=True)
class Act:
    """What a station reports, at an hour by its own clock; ``spread`` in milliseconds, ``None`` for a doubted clock."""

    station: str
    hour: float
    event: Event
    reader: str | None = None
    spread: int | None = LEAST_SPREAD

    def doubted(self) -> Act:
        """The same by a clock that may be much too slow."""
        return Act(self.station, self.hour, self.event, self.reader, None)

    def within(self, hours: float) -> Act:
        """The same by a clock that is known no better than so."""
        return Act(self.station, self.hour, self.event, self.reader, round(hours * HOUR))


def out(station: str, h: float, loan: str, reader: str | None = None, days: float = 15) -> Act:
    """A checkout, due so many days later."""
    due = hour(h) + round(days * DAY)
    return Act(station, h, ev.CheckedOut(ITEM, loan, "sach", station, "take_home", due, "r1"), reader)


def back(station: str, h: float, loan: str | None = None, *, late: int = 0, aside: str | None = None) -> Act:
    """A return."""
    return Act(station, h, ev.CheckedIn(ITEM, station, loan, "r1", late, aside))


def renew(station: str, h: float, loan: str, days: float = 30, *, made: float | None = None, nth: int = 1) -> Act:
    """A renewal; with ``made`` it carries a loan that was made elsewhere at that hour."""
    due = hour(h) + round(days * DAY)
    if made is None:
        return Act(station, h, ev.Renewed(ITEM, loan, due, hour(h), nth, "r1"))
    event = ev.Renewed(ITEM, loan, due, hour(made) + PERIOD, nth, "r1", None, "sach", "W", "take_home", hour(made))
    return Act(station, h, event)


def undo(station: str, h: float, of: int, act: str, loan: str | None = None) -> Act:
    """An earlier act of the station taken back."""
    return Act(station, h, ev.Undone(of, act, ITEM, loan))


def fee(station: str, h: float, loan: str, amount: int = 5000, kind: str = "overdue") -> Act:
    """Money owed for a loan."""
    return Act(station, h, ev.FeeCharged(f"fee-{loan}", loan, kind, amount, "r1"))


def decided(exception: StaffException, resolution: str, loan: str | None = None, h: float = 100) -> Act:
    """What staff at headquarters say of an exception."""
    return Act("HQ", h, ev.ExceptionResolved(exception.id, resolution, exception.item, exception.fee, loan))


def facts(*acts: Act) -> list[Fact]:
    """The acts as facts; each station numbers its own in the order given."""
    numbers: dict[str, int] = {}
    told = []
    for act in acts:
        numbers[act.station] = seq = numbers.get(act.station, 0) + 1
        at = hour(act.hour)
        earliest, latest = (at - LEAST_SPREAD, None) if act.spread is None else (at - act.spread, at + act.spread)
        told.append(Fact(act.station, 1, seq, at, earliest, latest, act.event, act.reader))
    return told


def history(*acts: Act) -> History:
    """What the acts add up to."""
    made = fold(ITEM, facts(*acts))
    hold_the_laws(made, facts(*acts))
    return made


def loan(made: History, token: str) -> CopyLoan:
    """One loan of a history."""
    return next(x for x in made.loans if x.goes_by(token))


def closings(made: History) -> dict[str, str | None]:
    """How each loan ended; ``None`` for the open one."""
    return {x.token: None if x.closing is None else x.closing.value for x in made.loans}


def kinds(made: History) -> list[str]:
    """The exceptions that are still open, by kind."""
    return sorted(x.kind.value for x in made.exceptions if x.open)


def only(made: History) -> StaffException:
    """The one exception of a history."""
    (found,) = made.exceptions
    return found


def hold_the_laws(made: History, of: Iterable[Fact]) -> None:
    """What must be true of every history, whatever was reported."""
    told = list(of)
    still_out = [x for x in made.loans if x.closing is None]
    assert len(still_out) <= 1, "a copy has two open loans"
    assert made.custody.loan == (still_out[0] if still_out else None)
    for x in made.loans:
        assert (x.closing is None) == (x.closed_at is None), "a loan ended without a way, or a way without an end"
        assert x.closed_at is None or x.closed_at >= x.out_at
    tokens = [token for x in made.loans for token in (x.token, *x.also)]
    assert len(tokens) == len(set(tokens)), "a checkout counts twice"
    assert {f.event.loan for f in told if isinstance(f.event, ev.CheckedOut)} <= set(tokens), "a loan was lost"
    ids = [x.id for x in made.exceptions]
    assert len(ids) == len(set(ids))
    said = {ExceptionKind.MISSED_RETURN, ExceptionKind.AMBIGUOUS_CUSTODY}
    explained = {token for x in made.exceptions if x.kind in said for token in x.loans}
    assert {x.token for x in made.loans if x.closing is Closing.INFERRED} <= explained, "a loan was closed in silence"
    unsure = {t for x in made.loans if x.doubted or x.closing is Closing.INFERRED for t in (x.token, *x.also)}
    suspended = {x.fee for x in made.exceptions if x.kind is ExceptionKind.FEE_IN_DOUBT}
    undone = {(f.station, f.event.of) for f in told if isinstance(f.event, ev.Undone)}
    for f in told:
        if isinstance(f.event, ev.FeeCharged) and f.event.loan in unsure and (f.station, f.seq) not in undone:
            followed = (f.station, f.seq - 1) in undone and any(
                (g.station, g.seq) == (f.station, f.seq - 1) and isinstance(g.event, ev.CheckedIn) for g in told
            )
            assert f.event.fee in suspended or followed, "a fine on an interval that nobody saw"
