"""What holds of every decision, in any world whatever."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from itertools import product

from hypothesis import event, given
from hypothesis import strategies as st

from sync.circulation.blocks import Block, Code, Refused
from sync.circulation.decisions import Checkout, Renewal, Standing
from sync.circulation.model import (
    LOCAL_ZONE,
    Hold,
    ItemStatus,
    Loan,
    PatronBlock,
    PatronBlockKind,
    ServiceMode,
    local_day,
)
from tests.sync.circulation.test_calendar import open_by_the_rows
from tests.sync.circulation.worlds import Act, acts, end_of, local

CHECKOUTS = acts() | acts(friendly=True)
RENEWALS = acts(on_loan=True) | acts(friendly=True, on_loan=True)
ANY_ACTS = CHECKOUTS | RENEWALS
Ask = Callable[[Act], Checkout | Renewal | Refused]
ASKS: st.SearchStrategy[Ask] = st.sampled_from((Act.checkout, Act.renew))


def planned(act: Act, days: int, start: datetime) -> date:
    """The day a loan should run to before the calendar is asked."""
    policy = act.rules.policy(act.branch, act.standing.category, act.item_type)
    last = local_day(start) + timedelta(days=days)
    return last if policy.due_on is None else min(last, policy.due_on)


def falls_on_the_first_open_day(due_at: datetime, plan: date, act: Act) -> None:
    """A due moment is the last second of the first open day on or after the day that was planned."""
    here = due_at.astimezone(LOCAL_ZONE)
    assert due_at.tzinfo is UTC
    assert here.time() == time(23, 59, 59)
    assert open_by_the_rows(act.rules, act.branch, here.date())
    assert plan <= here.date()
    assert not any(
        open_by_the_rows(act.rules, act.branch, plan + timedelta(days=n)) for n in range((here.date() - plan).days)
    )


# --- due moments ------------------------------------------------------------------------------------------------------


@given(CHECKOUTS)
def test_a_loan_is_due_at_the_end_of_the_first_open_day_and_never_on_a_closed_one(act: Act) -> None:
    decided = act.checkout()
    event(type(decided).__name__)
    if isinstance(decided, Checkout):
        falls_on_the_first_open_day(decided.due_at, planned(act, decided.policy.period_days, act.now), act)
        assert local_day(decided.due_at) >= act.today


@given(RENEWALS)
def test_a_renewal_moves_the_due_moment_forward_to_the_end_of_an_open_day(act: Act) -> None:
    decided = act.renew()
    event(type(decided).__name__)
    if isinstance(decided, Renewal):
        loan = act.copy.loan
        assert loan is not None
        assert decided.due_at > loan.due_at
        assert decided.due_at > act.now
        act = replace(act, copy=replace(act.copy, item=act.copy.item and replace(act.copy.item, type=loan.item_type)))
        days = decided.policy.renewal_days or decided.policy.period_days
        falls_on_the_first_open_day(decided.due_at, planned(act, days, max(act.now, loan.due_at)), act)


# --- refusals ---------------------------------------------------------------------------------------------------------


def speaks(said: Block) -> None:
    """A block or notice can be read out in both languages."""
    for phrase in (said.reason, said.next_step):
        for text in (phrase.vi, phrase.en):
            assert text.endswith(".")
            assert "{" not in text
            assert unicodedata.is_normalized("NFC", text)


@given(ANY_ACTS, ASKS)
def test_every_refusal_names_its_blocks_once_each_in_both_languages(act: Act, ask: Ask) -> None:
    decided = ask(act)
    if isinstance(decided, Refused):
        assert decided.blocks
        assert len(set(decided.codes)) == len(decided.blocks)
        for said in decided.blocks:
            speaks(said)
    else:
        for said in decided.notices:
            speaks(said)


@given(ANY_ACTS)
def test_deciding_twice_gives_the_same_and_so_does_the_same_rule_set_read_anew(act: Act) -> None:
    again = replace(act, rules=replace(act.rules))
    assert again.rules == act.rules
    assert again.checkout() == act.checkout() == act.checkout()
    assert again.renew() == act.renew() == act.renew()
    assert again.checkin() == act.checkin() == act.checkin()


@given(ANY_ACTS, st.integers(-12, 14))
def test_the_zone_in_which_now_is_written_says_nothing(act: Act, hours: int) -> None:
    elsewhere = replace(act, now=act.now.astimezone(timezone(timedelta(hours=hours))))
    assert elsewhere.checkout() == act.checkout()
    assert elsewhere.renew() == act.renew()
    assert elsewhere.checkin() == act.checkin()


# --- more against it is never less ------------------------------------------------------------------------------------


def _with_standing(act: Act, standing: Standing) -> Act:
    return replace(act, standing=standing)


def _one_more_loan(act: Act, due: date) -> Act:
    made = Loan(
        "9" * 16, "ZZ", act.item_type, act.standing.patron_id, act.branch, ServiceMode.TAKE_HOME, act.now, end_of(due)
    )
    return _with_standing(act, replace(act.standing, loans=(*act.standing.loans, made)))


def expire(act: Act) -> Act:
    """Let the card expire yesterday."""
    patron = act.standing.patron
    return (
        act
        if patron is None
        else _with_standing(act, replace(act.standing, patron=replace(patron, expires=act.today - timedelta(days=1))))
    )


def stop(act: Act) -> Act:
    """Stop the card."""
    patron = act.standing.patron
    stopped = PatronBlock(PatronBlockKind.OTHER)
    return (
        act
        if patron is None
        else _with_standing(act, replace(act.standing, patron=replace(patron, blocks=(*patron.blocks, stopped))))
    )


def forget_birth_date(act: Act) -> Act:
    """Let nobody know how old the reader is."""
    patron = act.standing.patron
    return (
        act if patron is None else _with_standing(act, replace(act.standing, patron=replace(patron, birth_date=None)))
    )


def spend_deposit(act: Act) -> Act:
    """Take the deposit away."""
    patron = act.standing.patron
    return act if patron is None else _with_standing(act, replace(act.standing, patron=replace(patron, deposit=0)))


def another_loan(act: Act) -> Act:
    """One more loan in good order."""
    return _one_more_loan(act, act.today + timedelta(days=5))


def another_overdue_loan(act: Act) -> Act:
    """One more loan, and that overdue."""
    return _one_more_loan(act, act.today - timedelta(days=5))


def another_fee(act: Act) -> Act:
    """One more đồng owed."""
    return _with_standing(act, replace(act.standing, owed=act.standing.owed + 1))


def lose_a_part(act: Act) -> Act:
    """See fewer parts than there are."""
    return replace(act, copy=replace(act.copy, parts_seen=0))


def withdraw(act: Act) -> Act:
    """Withdraw the copy, unless it has a worse name already."""
    item = act.copy.item
    if item is None or item.status not in {ItemStatus.IN_STOCK, ItemStatus.IN_TRANSIT}:
        return act
    return replace(act, copy=replace(act.copy, item=replace(item, status=ItemStatus.WITHDRAWN)))


def empty_the_shelf(act: Act) -> Act:
    """Take the other copies away."""
    return replace(act, copy=replace(act.copy, other_copies=0))


def _held(act: Act, *, first: bool, this_copy: bool, ready: int | None) -> Act:
    holds = act.copy.holds
    placed = local(act.today - timedelta(days=300 if first else 1))
    until = None if ready is None else act.today + timedelta(days=ready)
    item_id = act.copy.number if this_copy else None
    new = Hold("new", "somebody else", "t0", act.branch, placed, item_id, until)
    return replace(act, copy=replace(act.copy, holds=(new, *holds) if first else (*holds, new)))


SPOILS: dict[str, Callable[[Act], Act]] = {
    "the card expired": expire,
    "the card is stopped": stop,
    "the age is forgotten": forget_birth_date,
    "the deposit is spent": spend_deposit,
    "another loan": another_loan,
    "another overdue loan": another_overdue_loan,
    "another fee": another_fee,
    "a part is lost": lose_a_part,
    "the copy is withdrawn": withdraw,
    "the shelf is empty": empty_the_shelf,
}
for _first, _this_copy, _ready in product((True, False), (True, False), (None, -1, 0)):
    SPOILS[f"held, first={_first} this_copy={_this_copy} ready={_ready}"] = partial(
        _held, first=_first, this_copy=_this_copy, ready=_ready
    )


@given(ANY_ACTS, ASKS, st.lists(st.sampled_from(sorted(SPOILS)), min_size=1, max_size=3))
def test_one_cause_more_never_takes_a_block_away(act: Act, ask: Ask, spoils: list[str]) -> None:
    before = ask(act)
    for spoil in spoils:
        act = SPOILS[spoil](act)
    after = ask(act)
    if isinstance(before, Refused):
        assert isinstance(after, Refused)
        assert set(before.codes) <= set(after.codes) | {Code.TOO_YOUNG}
        if Code.TOO_YOUNG in set(before.codes) - set(after.codes):
            assert Code.AGE_UNKNOWN in after.codes


@given(acts(friendly=True), ASKS)
def test_a_card_that_nobody_knows_has_no_more_rights_than_one_that_is_known(act: Act, ask: Ask) -> None:
    stranger = replace(act.standing, patron=None, card=act.standing.patron_id)
    assert isinstance(ask(replace(act, standing=stranger)), Refused)


# --- returns ----------------------------------------------------------------------------------------------------------


@given(ANY_ACTS)
def test_a_return_is_never_refused_and_never_costs_what_it_may_not(act: Act) -> None:
    decided, loan = act.checkin(), act.copy.loan
    assert decided.closes == loan
    for said in decided.notices:
        speaks(said)
    codes = [said.code for said in decided.notices]
    assert len(codes) == len(set(codes))
    assert (Code.RETURNED_LATE in codes) is (decided.late_days > 0)
    assert (Code.FEE_CHARGED in codes) is (decided.fee > 0)
    assert (decided.put_aside is None) is not any(
        code.startswith(("put_aside", "item_", "part_", "was_marked")) for code in codes
    )
    if loan is None:
        assert (decided.late_days, decided.fee) == (0, 0)
        return
    category = act.borrower.category if act.borrower else "unknown"
    policy = act.rules.policy(loan.branch, category, loan.item_type)
    assert 0 <= decided.fee <= policy.fee_cap
    if decided.late_days <= policy.grace_days or loan.patron_id is None:
        assert decided.fee == 0
    else:
        assert decided.fee == min(policy.fee_cap, (decided.late_days - policy.grace_days) * policy.fee_per_day)


@given(RENEWALS)
def test_nobody_is_late_before_the_day_after_the_first_day_on_which_the_item_could_come_back(act: Act) -> None:
    decided, loan = act.checkin(), act.copy.loan
    if loan is not None:
        open_days = [
            day
            for n in range((act.today - local_day(loan.due_at)).days + 1)
            if open_by_the_rows(act.rules, loan.branch, day := local_day(loan.due_at) + timedelta(days=n))
        ]
        # The first of them is the due day itself, or the one it moves to because it was shut.
        assert decided.late_days == max(0, len(open_days) - 1)


@given(RENEWALS, st.integers(0, 30))
def test_waiting_longer_never_makes_a_return_cheaper(act: Act, days: int) -> None:
    now, later = act.checkin(), replace(act, now=act.now + timedelta(days=days)).checkin()
    assert later.late_days >= now.late_days
    assert later.fee >= now.fee


@given(CHECKOUTS)
def test_what_is_lent_now_is_not_late_until_it_is_due(act: Act) -> None:
    decided = act.checkout()
    if isinstance(decided, Checkout):
        reader = act.standing.patron_id
        made = Loan("8" * 16, act.copy.number, act.item_type, reader, act.branch, act.mode, act.now, decided.due_at)
        assert not made.overdue_at(act.now)
        on_time = replace(act, copy=replace(act.copy, loan=made), now=decided.due_at, borrower=act.standing.patron)
        assert (on_time.checkin().late_days, on_time.checkin().fee) == (0, 0)
        assert replace(on_time, now=decided.due_at + timedelta(days=1)).checkin().late_days <= 1
        assert made.overdue_at(decided.due_at + timedelta(seconds=1))


@given(CHECKOUTS)
def test_what_was_lent_here_can_only_be_taken_back_or_renewed(act: Act) -> None:
    decided = act.checkout()
    if isinstance(decided, Checkout):
        standing = act.standing
        made = Loan(
            "8" * 16, act.copy.number, act.item_type, standing.patron_id, act.branch, act.mode, act.now, decided.due_at
        )
        lent = replace(
            act, standing=replace(standing, loans=(*standing.loans, made)), copy=replace(act.copy, loan=made)
        )
        again = lent.checkout()
        assert isinstance(again, Refused)
        assert Code.ALREADY_YOURS in again.codes
        assert Code.TOO_MANY_LOANS not in again.codes
