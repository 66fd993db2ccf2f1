"""Who has a copy, and how that came about: what all stations' events about one copy add up to.

Theory of operation. :func:`fold` takes every fact of a copy that headquarters has, puts them in the order in which they
happened (:mod:`sync.circulation.facts`), leaves out what was undone, and walks through the rest with four rules:

- *Physical truth wins.* A checkout gives the copy to its reader and a return gives it to the library, whatever anybody
  believed before. So no copy has two open loans, and a return ends the loan that is open even if it names another.
- *A copy cannot be in two hands.* A checkout while another reader has the copy shows that a return was missed: the
  earlier loan is closed as *inferred* and ``missed_return`` goes to staff. The same reader again is a renewal.
- *Where the clocks do not say which came first, and it matters who has the copy, nothing is guessed*
  (``ambiguous_custody``). The copy then stands provisionally where the best guess puts it, and no fee of a loan
  concerned is asked for until staff decide. A return that names the earlier loan explains it all: it came in between.
- *What staff decide is a fact about the conflict*, not a moment in time. It is applied where the conflict arises, so a
  fact that comes in later finds it there, and a conflict with other parties is another exception.

The result depends on the set of facts alone: not on the order in which they came, nor on how often. :func:`extend` adds
one fact to a result without looking at the others, where that is certain to give the same; it is the common case, a
fact newer than all others that fits. It trusts that the token of a checkout is new, as random tokens are.

Renewals of a loan that nobody has reported yet carry the loan with them; its checkout then stands where they say until
it comes. Reading on site moves nothing. Source: facts/sync.md, section 5.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from sync.circulation.copies import BEGINNING, Closing, CopyLoan, Custody, Head, History
from sync.circulation.events import (
    CheckedIn,
    CheckedOut,
    ExceptionResolved,
    FeeCharged,
    LoanClosed,
    Renewed,
    Undone,
)
from sync.circulation.exceptions import ExceptionKind, FeeDoubt, Party, StaffException, settled
from sync.circulation.facts import Fact, in_order, overlap
from sync.circulation.model import LOCAL_ZONE, FeeKind
from sync.circulation.timeline import LEAST_SPREAD

_DAY = timedelta(days=1) // timedelta(milliseconds=1)
_ZONE = LOCAL_ZONE.utcoffset(None) // timedelta(milliseconds=1)


def fold(item: str, facts: Iterable[Fact]) -> History:
    """What all facts of a copy add up to, in whatever order and however often they are given. Never raises."""
    known = {(fact.station, fact.epoch, fact.seq): fact for fact in facts}
    walk = _Walk(item)
    numbered: dict[tuple[str, int], Fact] = {}
    undone: dict[tuple[str, int], Fact] = {}
    told: list[Fact] = []
    carried: dict[str, tuple[Fact, Renewed]] = {}
    made: set[str] = set()
    for fact in sorted(known.values(), key=lambda fact: fact.key):
        match fact.event:
            case CheckedOut():
                made.add(fact.event.loan)
            case CheckedIn() | FeeCharged() | LoanClosed():
                pass
            case Renewed():
                if fact.event.checked_out_at is not None:
                    carried.setdefault(fact.event.loan, (fact, fact.event))
            case Undone():
                undone[(fact.station, fact.event.of)] = fact
                continue
            case ExceptionResolved():
                walk.decisions.setdefault(fact.event.exception, []).append(fact.event)
                continue
            case _:
                continue
        told.append(fact)
        numbered[(fact.station, fact.seq)] = fact
    for loan, (renewal, event) in carried.items():
        if loan not in made:
            told.append(_carried(renewal, event))
            walk.renewed_before[loan] = max(0, event.renewals - 1)
            walk.awaited.add(loan)
    walk.awaited |= {f"{station}.{seq}" for station, seq in undone if (station, seq) not in numbered}
    standing: list[Fact] = []
    for fact in told:
        taken_back = undone.get((fact.station, fact.seq))
        if taken_back is None:
            standing.append(fact)
        elif isinstance(fact.event, CheckedOut):
            walk.enter(CopyLoan.opened(fact, fact.event).closed(taken_back.at, Closing.UNDONE))
    ordered, tangled = in_order(standing)
    for fact in ordered:
        walk.step(fact)
    walk.settle()
    for fact in ordered:
        if isinstance(fact.event, FeeCharged):
            before = numbered.get((fact.station, fact.seq - 1))
            returned = before.event if before is not None and before.epoch == fact.epoch else None
            if not (isinstance(returned, CheckedIn) and (fact.station, fact.seq - 1) in undone):
                walk.charge(fact, fact.event, returned.late_days if isinstance(returned, CheckedIn) else None)
    return walk.history(ordered, tangled=tangled)


def extend(item: str, custody: Custody, fact: Fact) -> History | None:
    """A custody with one more fact, or ``None`` where only :func:`fold` over all facts can tell."""
    event, loan = fact.event, custody.loan
    if not isinstance(event, CheckedOut | CheckedIn | Renewed | FeeCharged):
        return None if isinstance(event, Undone | ExceptionResolved | LoanClosed) else History(custody)
    if custody.tangled or fact.key < custody.tip:
        return None
    if custody.awaited and (event.loan in custody.awaited or f"{fact.station}.{fact.seq}" in custody.awaited):
        return None
    moves = isinstance(event, CheckedOut | CheckedIn)
    heads = [(fact.station, fact.epoch, fact.seq, fact.latest)]
    for head in custody.heads:
        station, epoch, seq, latest = head
        if station == fact.station:
            if (fact.epoch, fact.seq) <= (epoch, seq):
                return None
            heads[0] = (fact.station, fact.epoch, fact.seq, _later(latest, fact.latest))
        elif moves and (latest is None or latest >= fact.earliest):
            return None
        else:
            heads.append(head)
    heads.sort()
    tip, now = fact.key, tuple(heads)
    match event:
        case CheckedOut() if loan is None:
            opened = CopyLoan.opened(fact, event)
            after = Custody(opened, event.branch, tip=tip, heads=now, awaited=custody.awaited)
            return History(after, (opened,))
        case CheckedIn() if (
            loan is not None and not custody.charged and (event.loan is None or loan.goes_by(event.loan))
        ):
            closed = loan.closed(fact.at, Closing.CHECKIN, event.late_days)
            aside = event.put_aside is not None
            after = Custody(None, event.branch, aside, ended=closed, tip=tip, heads=now, awaited=custody.awaited)
            return History(after, (closed,))
        case Renewed() if loan is not None and not custody.charged and loan.goes_by(event.loan):
            renewed = loan.renewed(event.due_at)
            return History(replace(custody, loan=renewed, ended=None, tip=tip, heads=now), (renewed,))
        case FeeCharged() if custody.ended is not None and custody.ended.goes_by(event.loan):
            ended = custody.ended
            if custody.tip[1:] != (fact.station, fact.epoch, fact.seq - 1):
                return None
            doubt = _fee_doubt(ended, event, ended.late_days)
            doubtful = () if doubt is None else (_fee_in_doubt(item, ended, fact, event, doubt),)
            return History(replace(custody, ended=None, tip=tip, heads=now), (), doubtful)
        case _:
            return None


class _Walk:
    """One pass through the facts of a copy, in order."""

    def __init__(self, item: str) -> None:
        self.item = item
        self.decisions: dict[str, list[ExceptionResolved]] = {}
        self.renewed_before: dict[str, int] = {}
        self.awaited: set[str] = set()
        self._loans: dict[str, CopyLoan] = {}
        self._names: dict[str, str] = {}  # whose loan a token stands for
        self._exceptions: dict[str, StaffException] = {}
        self._holder: str | None = None
        self._outs: list[Fact] = []  # the checkouts to whoever has the copy
        self._strays: list[Fact] = []  # returns that ended no loan, since the last checkout
        self._superseded: dict[str, tuple[Fact, str]] = {}  # loans whose return was missed: the checkout, the exception
        self._ambiguous: str | None = None  # the exception that makes the present provisional
        self._ended: str | None = None
        self._branch: str | None = None
        self._put_aside = False
        self._charged: set[str] = set()
        self._closed_by: dict[str, tuple[str, int, int]] = {}  # the event that ended each loan

    def enter(self, loan: CopyLoan) -> None:
        """Put a loan on record."""
        self._loans[loan.token] = loan
        self._names[loan.token] = loan.token

    def step(self, fact: Fact) -> None:
        """Take the next fact."""
        self._ended = None
        match fact.event:
            case CheckedOut():
                self._out(fact, fact.event)
            case CheckedIn():
                self._in(fact, fact.event)
            case Renewed():
                token = self._names.get(fact.event.loan)
                if token is None:
                    self.awaited.add(fact.event.loan)
                else:
                    self._loans[token] = self._loans[token].renewed(fact.event.due_at)
            case LoanClosed():
                token = self._names.get(fact.event.loan)
                if token is None:
                    self.awaited.add(fact.event.loan)
                elif token == self._holder:
                    self._close(token, fact, Closing.STAFF)
            case _:
                pass

    def _out(self, fact: Fact, event: CheckedOut) -> None:
        if event.loan in self._names:
            return  # a token opens one loan
        loan = CopyLoan.opened(fact, event, self.renewed_before.get(event.loan, 0))
        holder = self._holder
        if holder is None:
            stray = next((stray for stray in reversed(self._strays) if overlap(stray, fact)), None)
            self.enter(loan)
            self._give(loan.token, fact)
            if stray is not None:
                exception, decision = self._lent_or_returned(loan.token, fact, stray)
                if decision is None:
                    self._ambiguous = exception.id
                elif decision.loan is None:
                    self._close(loan.token, fact, Closing.STAFF)
        elif fact.reader is not None and fact.reader == self._outs[0].reader:
            kept = self._loans[holder].renewed(loan.due_at)
            self._loans[holder] = replace(kept, also=(*kept.also, event.loan))
            self._names[event.loan] = holder
            self._outs.append(fact)
        else:
            self.enter(loan)
            self._two_loans(holder, fact, event)
        self._branch, self._put_aside = event.branch, False

    def _in(self, fact: Fact, event: CheckedIn) -> None:
        token = None if event.loan is None else self._names.get(event.loan)
        if event.loan is not None and token is None:
            self.awaited.add(event.loan)
        if token is not None and token != self._holder and self._explains(token, fact, event):
            return
        holder = self._holder
        if holder is None:
            arrived = self._put_aside and event.branch != self._branch
            if not arrived:
                self._note(ExceptionKind.ORPHAN_RETURN, _party(fact))
                if event.loan is None or token is not None:
                    self._strays.append(fact)
        else:
            rival = next((o for o in reversed(self._outs) if _loan_out(o) != event.loan and overlap(o, fact)), None)
            doubt, decision = (None, None) if rival is None else self._lent_or_returned(holder, rival, fact)
            if decision is not None and decision.loan is not None:
                return  # staff know that it was lent after this return
            self._close(holder, fact, Closing.CHECKIN, event.late_days)
            if doubt is not None and decision is None:
                self._ambiguous = doubt.id
        self._branch, self._put_aside = event.branch, event.put_aside is not None

    def _two_loans(self, holder: str, fact: Fact, event: CheckedOut) -> None:
        """A copy in two hands: the earlier loan's return was missed, unless staff know better."""
        rival = next((out for out in reversed(self._outs) if overlap(out, fact)), None)
        kind = ExceptionKind.MISSED_RETURN if rival is None else ExceptionKind.AMBIGUOUS_CUSTODY
        earlier = self._loans[holder]
        first = Party(holder, self._outs[0].ref, earlier.branch, earlier.out_at)
        exception, decision = self._note(kind, first, _party(fact))
        way = Closing.INFERRED if decision is None else Closing.STAFF
        if decision is not None and decision.loan == holder:
            self._loans[event.loan] = self._loans[event.loan].closed(fact.at, way)
            return
        self._close(holder, fact, way)
        self._superseded[holder] = (fact, exception.id)
        self._give(event.loan, fact)
        if decision is not None and decision.loan is None:
            self._close(event.loan, fact, way)
        elif rival is not None and decision is None:
            self._ambiguous = exception.id

    def _lent_or_returned(self, holder: str, out: Fact, back: Fact) -> tuple[StaffException, ExceptionResolved | None]:
        """A checkout to whoever has the copy, and a return of it, of which nobody knows which came first."""
        lent = replace(_party(out), loan=holder)
        return self._note(ExceptionKind.AMBIGUOUS_CUSTODY, lent, _party(back))

    def _explains(self, token: str, fact: Fact, event: CheckedIn) -> bool:
        """Whether this is the return that was missed when the copy was lent again: it names that loan, and by the
        clocks it may have come before."""
        if token not in self._superseded:
            return False
        checkout, exception = self._superseded[token]
        if not overlap(checkout, fact) or not self._exceptions[exception].open:
            return False
        del self._exceptions[exception], self._superseded[token]
        self._loans[token] = self._loans[token].closed(fact.at, Closing.CHECKIN, event.late_days)
        self._closed_by[token] = fact.key[1:]
        if self._ambiguous == exception:
            self._ambiguous = None
        return True

    def _give(self, token: str, fact: Fact) -> None:
        self._holder, self._outs, self._strays, self._ambiguous = token, [fact], [], None

    def _close(self, token: str, fact: Fact, closing: Closing, late_days: int = 0) -> None:
        self._loans[token] = self._loans[token].closed(fact.at, closing, late_days)
        self._closed_by[token] = fact.key[1:]
        self._holder, self._outs, self._ambiguous, self._ended = None, [], None, token

    def _note(self, kind: ExceptionKind, *parties: Party) -> tuple[StaffException, ExceptionResolved | None]:
        return self._list(StaffException(kind, self.item, parties))

    def _list(self, found: StaffException) -> tuple[StaffException, ExceptionResolved | None]:
        """Put an exception on the list, with what staff have decided of it."""
        exception, decision = settled(found, self.decisions.get(found.id, ()))
        self._exceptions[exception.id] = exception
        return exception, decision

    def settle(self) -> None:
        """When all facts have been taken: the loans of which staff have still to say who had the copy are in doubt."""
        for exception in self._exceptions.values():
            if exception.kind is ExceptionKind.AMBIGUOUS_CUSTODY and exception.open:
                for token in exception.loans:
                    self._loans[token] = replace(self._loans[token], doubted=True)

    def charge(self, fact: Fact, event: FeeCharged, late_days: int | None) -> None:
        """Look at a fee, when :meth:`settle` has said which loans are in doubt."""
        token = self._names.get(event.loan)
        if token is None:
            self.awaited.add(event.loan)
            return
        self._charged.add(token)
        loan = self._loans[token]
        doubt = _fee_doubt(loan, event, late_days)
        returned = (fact.station, fact.epoch, fact.seq - 1)
        if doubt is None and late_days is not None and self._closed_by.get(token) != returned:
            doubt = FeeDoubt.NOT_SO_LATE  # another return has ended this loan, which is charged once
        if doubt is not None:
            self._list(_fee_in_doubt(self.item, loan, fact, event, doubt))

    def history(self, ordered: list[Fact], *, tangled: bool) -> History:
        """What it all came to."""
        loans = self._loans
        heads: dict[str, Head] = {}
        for fact in ordered:
            _, epoch, seq, latest = heads.get(fact.station, (fact.station, fact.epoch, fact.seq, fact.latest))
            last = max((epoch, seq), (fact.epoch, fact.seq))
            heads[fact.station] = (fact.station, *last, _later(latest, fact.latest))
        tip = max((fact.key for fact in ordered), default=BEGINNING)
        # The last in order may not be the last by the clock, after which alone a fee can be added.
        ended = self._ended if self._ended is not None and self._closed_by[self._ended] == tip[1:] else None
        custody = Custody(
            None if self._holder is None else loans[self._holder],
            self._branch,
            self._put_aside,
            self._ambiguous is not None,
            None if ended is None else loans[ended],
            self._holder in self._charged,
            tip,
            tuple(sorted(heads.values())),
            tuple(sorted(self.awaited)),
            tangled,
        )
        in_time = sorted(loans.values(), key=lambda loan: (loan.out_at, loan.token))
        return History(custody, tuple(in_time), tuple(self._exceptions[id_] for id_ in sorted(self._exceptions)))


def _carried(renewal: Fact, event: Renewed) -> Fact:
    """The checkout that a renewal made elsewhere tells of, as a fact of its own."""
    checkout = CheckedOut(
        event.item,
        event.loan,
        event.item_type or "",
        event.branch or "",
        event.mode or "",
        event.was_due_at,
        event.rules,
    )
    at = renewal.at if event.checked_out_at is None else event.checked_out_at
    return Fact(f"loan {event.loan}", 0, 0, at, at - LEAST_SPREAD, at + LEAST_SPREAD, checkout, renewal.reader)


def _fee_doubt(loan: CopyLoan, event: FeeCharged, late_days: int | None) -> FeeDoubt | None:
    """Why a fee of a loan may not be asked for: its end is not certain, or came sooner than the desk thought.

    Open days are never more than days, so a desk that counted more days late than there were between due day and
    return went by an older due date.
    """
    if loan.doubted:
        return FeeDoubt.AMBIGUOUS
    overdue = event.kind == FeeKind.OVERDUE
    if loan.closed_at is None or loan.closing is not Closing.CHECKIN:
        return FeeDoubt.INFERRED if overdue or loan.closing is not None else None
    days = _day(loan.closed_at) - _day(loan.due_at)
    return FeeDoubt.NOT_SO_LATE if overdue and late_days is not None and late_days > max(0, days) else None


def _day(at: int) -> int:
    """The library's calendar day of an instant, counted from 1970. An event may hold any number, so no ``date``."""
    return (at + _ZONE) // _DAY


def _fee_in_doubt(item: str, loan: CopyLoan, fact: Fact, event: FeeCharged, doubt: FeeDoubt) -> StaffException:
    party = Party(loan.token, fact.ref, loan.branch, fact.at)
    return StaffException(ExceptionKind.FEE_IN_DOUBT, item, (party,), event.fee, event.amount, doubt)


def _loan_out(fact: Fact) -> str | None:
    return fact.event.loan if isinstance(fact.event, CheckedOut) else None


def _party(fact: Fact) -> Party:
    branch = fact.event.branch if isinstance(fact.event, CheckedOut | CheckedIn) else ""
    return Party(_loan_out(fact), fact.ref, branch, fact.at)


def _later(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
