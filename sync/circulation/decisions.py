"""``decide_checkout``, ``decide_checkin``, ``decide_renew``: may it happen, and what follows from it.

Each takes the facts of one act, the rule-set and the moment, and answers with a value. A refusal names every block that
applies, not only the first: a reader sent from queue to queue to learn of them one by one is badly served. A return is
never refused: the item is in our hands, whatever the records say (facts/sync.md, section 5.3).

Facts are gathered by the caller (``sync.store.current``); nothing here looks anything up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from config.phrase import Phrase
from sync.circulation.blocks import Block, Code, Refused, block
from sync.circulation.model import (
    UNKNOWN_CATEGORY,
    Hold,
    Item,
    ItemStatus,
    Loan,
    Patron,
    PatronBlockKind,
    ServiceMode,
    local_day,
)
from sync.circulation.policy import ANY, LoanPolicy
from sync.circulation.rules import Rules

#: A card that is good for fewer days than this is worth a word at checkout.
EXPIRY_WARNING_DAYS = 30

MODE_NAMES = {
    ServiceMode.ON_SITE: Phrase("đọc tại chỗ", "reading on site"),
    ServiceMode.TAKE_HOME: Phrase("mượn về nhà", "loan"),
    ServiceMode.MOBILE: Phrase("phục vụ lưu động", "mobile service"),
}

_STOPPED = {
    PatronBlockKind.LOST_CARD: Code.CARD_REPORTED_LOST,
    PatronBlockKind.DEBT: Code.CARD_STOPPED_DEBT,
    PatronBlockKind.DISCIPLINE: Code.CARD_STOPPED_DISCIPLINE,
    PatronBlockKind.OTHER: Code.CARD_STOPPED,
}

_UNLENDABLE = {
    ItemStatus.LOST: Code.ITEM_LOST,
    ItemStatus.DAMAGED: Code.ITEM_DAMAGED,
    ItemStatus.WITHDRAWN: Code.ITEM_WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reader stands: the card that was read, whom it belongs to if we know, what is out and what is owed."""

    card: str
    patron: Patron | None
    loans: tuple[Loan, ...] = ()
    owed: int = 0

    @property
    def patron_id(self) -> str:
        """The reader's number; for an unknown card the card's own."""
        return self.patron.patron_id if self.patron else self.card

    @property
    def category(self) -> str:
        """The reader's category; an unknown card has one of its own, for which a branch may set rules."""
        return self.patron.category if self.patron else UNKNOWN_CATEGORY


@dataclass(frozen=True, slots=True)
class Copy:
    """An item as it lies before us.

    ``item`` is ``None`` when the catalogue does not know the number. ``loan`` is the open loan on it, ``holds`` those
    on it or its title, oldest first. ``other_copies`` counts copies of the same title that are on the shelf.
    ``parts_seen`` is ``None`` where nobody counted.
    """

    number: str
    item: Item | None
    loan: Loan | None = None
    holds: tuple[Hold, ...] = ()
    other_copies: int = 0
    parts_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Checkout:
    """Yes: the item may leave until ``due_at``. ``hold_id`` is the reader's own hold that this fulfils."""

    due_at: datetime
    policy: LoanPolicy
    hold_id: str | None = None
    notices: tuple[Block, ...] = ()


class PutAside(StrEnum):
    """Why a returned item does not go back on the shelf."""

    OTHER_LIBRARY = "other_library"
    HOLD = "hold"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Checkin:
    """The item is taken. ``closes`` is the loan that ends; ``late_days`` counts open days; ``fee`` is in đồng."""

    closes: Loan | None
    late_days: int = 0
    fee: int = 0
    put_aside: PutAside | None = None
    notices: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Renewal:
    """Yes: the loan now runs until ``due_at``, which is later than before."""

    due_at: datetime
    policy: LoanPolicy
    notices: tuple[Block, ...] = ()


def decide_checkout(
    standing: Standing, copy: Copy, branch: str, mode: ServiceMode, rules: Rules, now: datetime
) -> Checkout | Refused:
    """May this reader have this item, here and now?

    ``mode`` is ``TAKE_HOME`` or ``MOBILE``: reading on site is recorded but is no loan, and raises ``ValueError`` here.
    """
    if mode is ServiceMode.ON_SITE:
        raise ValueError("reading on site is recorded as a use, not decided as a loan")
    item = copy.item
    policy = rules.policy(branch, standing.category, item.type if item else ANY)
    over_all = rules.policy(branch, standing.category, ANY)
    if _is_stranger(standing, over_all):
        blocks = [block(Code.UNKNOWN_CARD)]
    else:
        blocks = [
            *_card_blocks(standing, policy, now),
            *_limit_blocks(standing, copy, policy, over_all),
            *_age_blocks(standing, policy, now),
        ]
    blocks += [*_item_blocks(standing, copy, branch, rules, now), *_mode_blocks(policy, mode)]
    due = _due(policy, policy.period_days, now, now, branch, rules)
    if isinstance(due, Block):
        blocks.append(due)
    if blocks or isinstance(due, Block):
        return Refused(tuple(blocks))
    own_hold = next((h for h in copy.holds if h.patron_id == standing.patron_id), None)
    return Checkout(due, policy, own_hold.hold_id if own_hold else None, tuple(_expiry_notices(standing, now)))


def decide_card(standing: Standing, branch: str, rules: Rules, now: datetime) -> tuple[Block, ...]:
    """What stands in the way of borrowing anything at all with this card; empty when nothing does."""
    policy = rules.policy(branch, standing.category, ANY)
    if _is_stranger(standing, policy):
        return (block(Code.UNKNOWN_CARD),)
    return tuple(_card_blocks(standing, policy, now))


def decide_checkin(copy: Copy, borrower: Patron | None, branch: str, rules: Rules, now: datetime) -> Checkin:
    """Take an item back. Never a refusal; what staff or reader should know comes as notices.

    ``borrower`` is the reader of ``copy.loan`` where known. Late days are open days after the due day; those beyond the
    policy's grace cost its fee per day, up to its cap. A due day that was shut after all moves to the next open one
    (facts/network.md, row 23). Policy and calendar are those of the branch which lent the item.
    """
    item, loan = copy.item, copy.loan
    notices: list[Block] = []
    put_aside = None
    if item is None:
        library = rules.network.home_of_item(copy.number)
        if library is not None and library.code != branch:
            put_aside = PutAside.OTHER_LIBRARY
            notices.append(block(Code.PUT_ASIDE_OTHER_LIBRARY, library=library.name))
        else:
            put_aside = PutAside.STAFF
            notices.append(block(Code.PUT_ASIDE_UNKNOWN))
    else:
        if item.status is ItemStatus.LOST:
            put_aside = PutAside.STAFF
            notices.append(block(Code.WAS_MARKED_LOST))
        elif item.status in _UNLENDABLE:
            put_aside = PutAside.STAFF
            notices.append(block(_UNLENDABLE[item.status]))
        if copy.parts_seen is not None and copy.parts_seen < item.parts:
            put_aside = PutAside.STAFF
            notices.append(block(Code.PART_MISSING, parts=item.parts, seen=copy.parts_seen))
        if any(h.item_id in {None, item.item_id} and not h.lapsed_on(local_day(now)) for h in copy.holds):
            put_aside = put_aside or PutAside.HOLD
            notices.append(block(Code.PUT_ASIDE_HOLD))
        if item.branch != branch:
            put_aside = put_aside or PutAside.OTHER_LIBRARY
            notices.append(block(Code.PUT_ASIDE_OTHER_LIBRARY, library=rules.network.name(item.branch)))
    if loan is None:
        if item is not None:
            notices.append(block(Code.WAS_NOT_ON_LOAN))
        return Checkin(None, put_aside=put_aside, notices=tuple(notices))
    calendar, due = rules.calendar(loan.branch), local_day(loan.due_at)
    late = calendar.open_days_after(calendar.open_day_from(due) or due, local_day(now))
    policy = rules.policy(loan.branch, borrower.category if borrower else UNKNOWN_CATEGORY, loan.item_type)
    fee = min(max(0, late - policy.grace_days) * policy.fee_per_day, policy.fee_cap)
    if loan.patron_id is None:
        fee = 0  # nobody is left to owe it
    if late:
        notices.append(block(Code.RETURNED_LATE, days=late))
    if fee:
        notices.append(block(Code.FEE_CHARGED, amount=fee))
    return Checkin(loan, late, fee, put_aside, tuple(notices))


def decide_renew(standing: Standing, copy: Copy, branch: str, rules: Rules, now: datetime) -> Renewal | Refused:
    """May this reader keep this item longer? A yes always moves the due date forward; what would not is a refusal.

    The new period counts from the old due date, or from today when that has passed.
    """
    loan = copy.loan
    item_type = loan.item_type if loan else copy.item.type if copy.item else ANY
    policy = rules.policy(branch, standing.category, item_type)
    if _is_stranger(standing, rules.policy(branch, standing.category, ANY)):
        blocks = [block(Code.UNKNOWN_CARD)]
    else:
        blocks = list(_card_blocks(_without(loan, standing), policy, now))
    if loan is None:
        return Refused((block(Code.NOT_ON_LOAN), *blocks))
    if loan.patron_id != standing.patron_id:
        return Refused((block(Code.LOAN_OF_ANOTHER), *blocks))
    blocks += _hold_blocks(standing, copy, now)
    if loan.renewals >= policy.renewals:
        blocks.append(block(Code.NO_RENEWALS_LEFT, limit=policy.renewals, date=local_day(loan.due_at)))
    if loan.overdue_at(now) and not policy.renew_overdue:
        blocks.append(block(Code.LOAN_OVERDUE, date=local_day(loan.due_at)))
    due = _due(policy, policy.renewal_days or policy.period_days, max(now, loan.due_at), now, branch, rules)
    if isinstance(due, Block):
        blocks.append(due)
    elif due <= loan.due_at:
        blocks.append(block(Code.NOTHING_GAINED, date=local_day(loan.due_at)))
    if blocks or isinstance(due, Block):
        return Refused(tuple(blocks))
    return Renewal(due, policy, tuple(_expiry_notices(standing, now)))


def card_stops(patron: Patron, now: datetime) -> Iterator[Block]:
    """What is wrong with a card whatever it is used for: it has expired, or staff have stopped it."""
    today = local_day(now)
    if patron.expires is not None and patron.expires < today:
        yield block(Code.CARD_EXPIRED, date=patron.expires)
    for kind in dict.fromkeys(stop.kind for stop in patron.blocks if stop.holds_on(today)):
        yield block(_STOPPED[kind])


def _is_stranger(standing: Standing, over_all: LoanPolicy) -> bool:
    """Whether nobody knows the card and the branch lends to no such cards; then little else is worth saying of it."""
    return standing.patron is None and not over_all.max_loans


def _without(loan: Loan | None, standing: Standing) -> Standing:
    """The reader's standing but for one loan: what is asked about it is not also held against it."""
    if loan is None:
        return standing
    return replace(standing, loans=tuple(other for other in standing.loans if other.token != loan.token))


def _card_blocks(standing: Standing, policy: LoanPolicy, now: datetime) -> Iterator[Block]:
    if standing.patron is not None:
        yield from card_stops(standing.patron, now)
    overdue = sum(loan.overdue_at(now) for loan in standing.loans)
    if overdue > policy.max_overdue:
        yield block(Code.TOO_MANY_OVERDUE, count=overdue)
    if standing.owed > policy.max_owed:
        yield block(Code.FEES_OWED, amount=standing.owed)


def _limit_blocks(standing: Standing, copy: Copy, policy: LoanPolicy, over_all: LoanPolicy) -> Iterator[Block]:
    loans = _without(copy.loan, standing).loans
    if len(loans) >= over_all.max_loans:
        yield block(Code.TOO_MANY_LOANS, limit=over_all.max_loans)
    elif copy.item is not None and policy.origin("max_loans").item_type != ANY:
        of_type = sum(loan.item_type == copy.item.type for loan in loans)
        if of_type >= policy.max_loans:
            yield block(Code.TOO_MANY_LOANS, limit=policy.max_loans)


def _age_blocks(standing: Standing, policy: LoanPolicy, now: datetime) -> Iterator[Block]:
    """Age and deposit; of a card that nobody knows there is neither."""
    patron = standing.patron
    age = patron.age_on(local_day(now)) if patron else None
    if policy.min_age:
        if age is None:
            yield block(Code.AGE_UNKNOWN, age=policy.min_age)
        elif age < policy.min_age:
            yield block(Code.TOO_YOUNG, age=policy.min_age)
    if (patron.deposit if patron else 0) < policy.min_deposit:
        yield block(Code.DEPOSIT_TOO_LOW, amount=policy.min_deposit)


def _item_blocks(standing: Standing, copy: Copy, branch: str, rules: Rules, now: datetime) -> Iterator[Block]:
    item = copy.item
    if item is None:
        library = rules.network.home_of_item(copy.number)
        if library is not None and library.code != branch:
            yield block(Code.OTHER_LIBRARY, library=library.name)
        else:
            yield block(Code.UNKNOWN_ITEM)
    else:
        if item.status in _UNLENDABLE:
            yield block(_UNLENDABLE[item.status])
        if copy.parts_seen is not None and copy.parts_seen < item.parts:
            yield block(Code.PART_MISSING, parts=item.parts, seen=copy.parts_seen)
    if copy.loan is not None:
        if copy.loan.patron_id == standing.patron_id:
            yield block(Code.ALREADY_YOURS, date=local_day(copy.loan.due_at))
        else:
            yield block(Code.ON_LOAN_TO_ANOTHER)
    yield from _hold_blocks(standing, copy, now)


def _hold_blocks(standing: Standing, copy: Copy, now: datetime) -> Iterator[Block]:
    """Whose turn it is. A copy that stands ready for a reader is that reader's alone.

    Otherwise those ahead in the queue come first: whoever waits for this very copy, and those who wait for the title
    once they are more than the other copies on the shelf.
    """
    holds = [hold for hold in copy.holds if not hold.lapsed_on(local_day(now))]
    ready = next((hold for hold in holds if hold.item_id is not None and hold.ready_until is not None), None)
    if ready is not None:
        kept = ready.patron_id != standing.patron_id
    else:
        ahead = list(takewhile(lambda hold: hold.patron_id != standing.patron_id, holds))
        of_the_title = sum(hold.item_id is None for hold in ahead)
        kept = of_the_title < len(ahead) or of_the_title > copy.other_copies
    if kept:
        yield block(Code.HELD_FOR_ANOTHER)


def _mode_blocks(policy: LoanPolicy, mode: ServiceMode) -> Iterator[Block]:
    if mode not in policy.modes:
        origin = policy.origin("modes")
        if ServiceMode.ON_SITE not in policy.modes or mode is not ServiceMode.TAKE_HOME:
            yield block(Code.MODE_NOT_OFFERED, mode=MODE_NAMES[mode])
        elif origin.category != ANY and origin.item_type == ANY:
            yield block(Code.READING_CARD)
        else:
            yield block(Code.READING_ONLY)


def _due(policy: LoanPolicy, days: int, start: datetime, now: datetime, branch: str, rules: Rules) -> datetime | Block:
    last = local_day(start) + timedelta(days=days)
    if policy.due_on is not None:
        if policy.due_on < local_day(now):
            return block(Code.PERIOD_ENDED, date=policy.due_on)
        last = min(last, policy.due_on)
    return rules.calendar(branch).due_at(last) or block(Code.NO_OPEN_DAY)


def _expiry_notices(standing: Standing, now: datetime) -> Iterator[Block]:
    expires: date | None = standing.patron.expires if standing.patron else None
    if expires is not None and expires - local_day(now) < timedelta(days=EXPIRY_WARNING_DAYS):
        yield block(Code.CARD_EXPIRES_SOON, date=expires)
