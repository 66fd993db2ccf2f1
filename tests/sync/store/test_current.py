"""What holds: what headquarters told, with what was done here since on top.

First each case by itself, then random histories: however much of a station's work headquarters has heard of and told
back, the same must hold at the desk.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.blocks import Code, Refused
from sync.circulation.events import to_ms
from sync.circulation.model import Fee, FeeKind, Hold, Loan, Patron, ServiceMode, local_day
from sync.store import tables
from sync.store.files import open_reference
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBack, TakenBackAct
from tests.sync.store.stations import (
    ACTS,
    AN,
    BINH,
    BRANCH,
    CARDS,
    CHI,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MAX_LOANS,
    MORNING,
    OTHER_BRANCH,
    PER_DAY,
    PERIOD,
    POLICIES,
    SO_DO,
    STRANGER,
    STRANGERS_WELCOME,
    Answer,
    Clock,
    Deed,
    Desk,
    end_of,
    events,
    hear,
    in_order,
    new_station,
    open_desk,
    owners,
    put_in_force,
    quick_folder,
    rule_set,
    tell,
    told,
)

TODAY = local_day(MORNING)

#: Lent a week ago at the other branch.
FAR = Loan(
    token="00000000000000aa",
    item_id=LAO_HAC,
    item_type="book",
    patron_id=AN,
    branch=OTHER_BRANCH,
    mode=ServiceMode.TAKE_HOME,
    checked_out_at=MORNING - timedelta(days=7),
    due_at=end_of(TODAY + timedelta(days=8)),
)
FAR_FEE = Fee("hq-77", FeeKind.DAMAGE, 8_000, MORNING - timedelta(days=3), FAR.token, AN, paid=3_000)
FREE_FEE = Fee("hq-78", FeeKind.CARD, 2_000, MORNING - timedelta(days=2), None, AN)


@dataclass(frozen=True)
class Scene:
    """A station that headquarters may tell things to, open at the desk."""

    home: Path
    clock: Clock
    ledger: Ledger

    def who_has(self, item: str) -> str | None:
        found = self.ledger.find_item(item)
        assert found is not None
        return found[2].patron_id if found[2] else None

    def loan(self, item: str) -> Loan | None:
        found = self.ledger.find_item(item)
        assert found is not None
        return found[2]

    def has(self, card: str) -> list[str]:
        return [line.loan.item_id for line in self.ledger.account(card).loans]

    def nobody_has(self, item: str) -> bool:
        accounts = (self.has(card) for card in (AN, BINH, CHI))
        return self.loan(item) is None and all(item not in items for items in accounts)

    def lend(self, card: str = AN, item: str = KIEU_1) -> Lent:
        lent = self.ledger.checkout(card, item)
        assert isinstance(lent, Lent)
        return lent

    def is_heard(self, holds: tuple[Hold, ...] = ()) -> None:
        """Headquarters hears of all that was done, and tells what it makes of it."""
        hear(self.home, self.ledger.entries(), owners(self.home), holds)


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        yield Scene(home, clock, ledger)
        assert in_order(ledger)


# --- a loan that headquarters told ------------------------------------------------------------------------------------


def test_a_loan_told_is_on_the_item_and_in_the_account_and_counts(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    assert scene.loan(LAO_HAC) == FAR
    assert [line.loan for line in scene.ledger.account(CARDS[AN][0]).loans] == [FAR]
    assert scene.ledger.search("lão hạc").loans == {LAO_HAC: FAR}
    refused = scene.ledger.checkout(BINH, LAO_HAC)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.ON_LOAN_TO_ANOTHER,)
    for item in (KIEU_1, KIEU_2)[: MAX_LOANS - 1]:
        scene.lend(AN, item)
    refused = scene.ledger.checkout(AN, SO_DO)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.TOO_MANY_LOANS,)


def test_a_loan_told_and_returned_here_is_gone_before_and_after_headquarters_hears(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    back = scene.ledger.checkin(LAO_HAC)
    assert back.loan == FAR
    assert events(scene.ledger) == [ev.CheckedIn(LAO_HAC, BRANCH, FAR.token, "rules-1")]
    assert scene.nobody_has(LAO_HAC)
    scene.is_heard()
    assert scene.nobody_has(LAO_HAC)
    assert scene.ledger.search("lão hạc").loans == {}


def test_a_loan_told_and_returned_late_here_costs_its_reader_by_the_rules_where_it_was_lent(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    scene.clock.go_on(days=10)
    fee = scene.ledger.checkin(LAO_HAC).fee
    assert fee is not None
    assert (fee.amount, fee.patron_id, fee.token) == (2 * PER_DAY, AN, FAR.token)
    assert owners(scene.home) == {FAR.token: AN}
    assert scene.ledger.account(AN).owed == 2 * PER_DAY
    scene.is_heard()
    assert scene.ledger.account(AN).owed == 2 * PER_DAY


def test_a_loan_told_and_renewed_here_is_carried_by_the_event(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    extended = scene.ledger.renew(AN, LAO_HAC)
    assert isinstance(extended, Extended)
    longer = replace(FAR, due_at=end_of(TODAY + timedelta(days=8 + PERIOD)), renewals=1)
    assert extended.loan == longer
    assert events(scene.ledger) == [
        ev.Renewed(
            LAO_HAC,
            FAR.token,
            to_ms(longer.due_at),
            to_ms(FAR.due_at),
            1,
            "rules-1",
            item_type="book",
            branch=OTHER_BRANCH,
            mode="take_home",
            checked_out_at=to_ms(FAR.checked_out_at),
        )
    ]
    for _ in range(2):
        assert scene.loan(LAO_HAC) == longer
        assert [line.loan for line in scene.ledger.account(AN).loans] == [longer]
        scene.is_heard()


def test_a_loan_told_renewed_and_returned_here_is_gone(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    scene.ledger.renew(AN, LAO_HAC)
    assert scene.ledger.checkin(LAO_HAC).loan is not None
    assert scene.nobody_has(LAO_HAC)
    scene.is_heard()
    assert scene.nobody_has(LAO_HAC)


def test_an_undone_return_gives_back_the_loan_as_it_was_told(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    back = scene.ledger.checkin(LAO_HAC)
    assert isinstance(scene.ledger.undo(back.entry), TakenBackAct)
    assert scene.loan(LAO_HAC) == FAR
    assert scene.has(AN) == [LAO_HAC]
    longer = replace(FAR, due_at=FAR.due_at + timedelta(days=4), renewals=1)
    tell(scene.home, loans=[longer])
    assert scene.loan(LAO_HAC) == longer
    again = scene.ledger.undo(back.entry)
    assert isinstance(again, Refused)
    assert again.codes == (Code.NOT_THE_LATEST,)


def test_an_undone_renewal_gives_back_the_due_date_as_it_was_told(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    extended = scene.ledger.renew(AN, LAO_HAC)
    assert isinstance(extended, Extended)
    assert isinstance(scene.ledger.undo(extended.entry), TakenBackAct)
    assert scene.loan(LAO_HAC) == FAR
    assert [line.loan for line in scene.ledger.account(AN).loans] == [FAR]


def test_a_return_after_a_carried_renewal_is_undone_to_the_renewed_loan(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    extended = scene.ledger.renew(AN, LAO_HAC)
    assert isinstance(extended, Extended)
    back = scene.ledger.checkin(LAO_HAC)
    scene.ledger.undo(back.entry)
    assert scene.loan(LAO_HAC) == extended.loan


# --- loans made here, when headquarters has heard of them -------------------------------------------------------------


def test_a_loan_made_here_stays_the_same_when_headquarters_tells_it_back(scene: Scene) -> None:
    lent = scene.lend()
    scene.is_heard()
    assert scene.loan(KIEU_1) == lent.loan
    assert [line.loan for line in scene.ledger.account(AN).loans] == [lent.loan]
    assert scene.ledger.checkin(KIEU_1).loan == lent.loan
    assert scene.nobody_has(KIEU_1)


def test_a_loan_made_here_and_closed_elsewhere_holds_no_more_and_the_item_can_be_lent_again(scene: Scene) -> None:
    lent = scene.lend()
    tell(scene.home, heard=lent.entry)
    assert scene.nobody_has(KIEU_1)
    again = scene.lend(BINH)
    assert scene.loan(KIEU_1) == again.loan
    assert scene.has(AN) == []
    assert scene.has(BINH) == [KIEU_1]


def test_a_loan_made_here_and_lent_on_elsewhere_is_the_other_readers(scene: Scene) -> None:
    lent = scene.lend()
    on = replace(FAR, item_id=KIEU_1, patron_id=BINH)
    tell(scene.home, loans=[on], heard=lent.entry)
    assert scene.loan(KIEU_1) == on
    assert (scene.has(AN), scene.has(BINH)) == ([], [KIEU_1])
    assert scene.ledger.checkin(KIEU_1).loan == on


def test_what_was_done_after_headquarters_last_heard_wins_over_what_it_tells(scene: Scene) -> None:
    lent = scene.lend()
    scene.ledger.checkin(KIEU_1)
    tell(scene.home, loans=[lent.loan], heard=lent.entry)
    assert scene.nobody_has(KIEU_1)


def test_a_renewal_by_headquarters_of_a_loan_made_here_holds_here(scene: Scene) -> None:
    lent = scene.lend()
    longer = replace(lent.loan, due_at=lent.loan.due_at + timedelta(days=7), renewals=0)
    tell(scene.home, loans=[longer], heard=lent.entry)
    assert scene.loan(KIEU_1) == longer
    extended = scene.ledger.renew(AN, KIEU_1)
    assert isinstance(extended, Extended)
    assert local_day(extended.loan.due_at) == local_day(longer.due_at) + timedelta(days=PERIOD)
    scene.ledger.undo(extended.entry)
    assert scene.loan(KIEU_1) == longer


def test_a_loan_that_headquarters_opened_again_is_renewed_whole(scene: Scene) -> None:
    lent = scene.lend()
    back = scene.ledger.checkin(KIEU_1)
    tell(scene.home, loans=[lent.loan], heard=back.entry)
    assert scene.loan(KIEU_1) == lent.loan
    extended = scene.ledger.renew(AN, KIEU_1)
    assert isinstance(extended, Extended)
    assert scene.loan(KIEU_1) == extended.loan
    assert [line.loan for line in scene.ledger.account(AN).loans] == [extended.loan]


def test_only_what_was_heard_of_this_station_counts_as_heard(scene: Scene) -> None:
    lent = scene.lend()
    with open_reference(scene.home) as file, file.begin() as connection:
        connection.execute(sa.insert(tables.watermark), {"station": "TN-02", "epoch": 1, "seq": 999})
    assert scene.loan(KIEU_1) == lent.loan


# --- fees -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fee", [FAR_FEE, FREE_FEE], ids=["of a loan", "of no loan"])
def test_a_fee_told_is_paid_here_in_parts_and_stays_paid_when_headquarters_hears(scene: Scene, fee: Fee) -> None:
    tell(scene.home, fees=[fee])
    account = scene.ledger.account(AN)
    assert account.fees == (fee,)
    refused = scene.ledger.checkout(AN, KIEU_1)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.FEES_OWED,)
    owed = account.owed
    settled = scene.ledger.pay(fee.fee_id, 500)
    assert isinstance(settled, Fee)
    assert (settled.outstanding, settled.patron_id, settled.charged_at) == (owed - 500, AN, fee.charged_at)
    token = fee.token or fee.fee_id
    assert events(scene.ledger)[-1] == ev.FeePaid(
        fee.fee_id, 500, token=token, kind=fee.kind.value, owed=owed, charged_at=to_ms(fee.charged_at)
    )
    assert scene.ledger.account(AN).owed == owed - 500
    assert owners(scene.home) == {token: AN}
    scene.is_heard()
    assert scene.ledger.account(AN).owed == owed - 500
    settled = scene.ledger.waive(fee.fee_id)
    assert isinstance(settled, Fee)
    assert settled.outstanding == 0
    assert scene.ledger.account(AN).fees == ()
    scene.is_heard()
    assert scene.ledger.account(AN).fees == ()
    assert isinstance(scene.ledger.pay(fee.fee_id), Refused)


def test_a_fee_charged_here_and_partly_paid_elsewhere_goes_with_its_undone_return(scene: Scene) -> None:
    scene.lend()
    scene.clock.go_on(days=PERIOD + 4)
    back = scene.ledger.checkin(KIEU_1)
    assert back.fee is not None
    tell(scene.home, fees=[replace(back.fee, paid=1_000)], heard=back.entry + 1)
    assert scene.ledger.account(AN).owed == 3_000
    scene.ledger.undo(back.entry)
    assert scene.ledger.account(AN).fees == ()
    scene.is_heard()
    assert scene.ledger.account(AN).fees == ()


def test_a_fee_charged_here_and_paid_elsewhere_is_not_owed(scene: Scene) -> None:
    scene.lend()
    scene.clock.go_on(days=PERIOD + 4)
    back = scene.ledger.checkin(KIEU_1)
    assert back.fee is not None
    tell(scene.home, heard=back.entry + 1)
    assert scene.ledger.account(AN).fees == ()
    refused = scene.ledger.pay(back.fee.fee_id)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.UNKNOWN_FEE,)
    scene.lend(AN, LAO_HAC)
    scene.ledger.undo(back.entry)
    assert scene.ledger.account(AN).fees == ()


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_is_fulfilled_by_a_checkout_here_and_back_when_that_is_undone(scene: Scene) -> None:
    waiting = Hold("h1", AN, "t2", BRANCH, MORNING - timedelta(days=2))
    tell(scene.home, holds=[waiting])
    refused = scene.ledger.checkout(BINH, LAO_HAC)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.HELD_FOR_ANOTHER,)
    lent = scene.lend(AN, LAO_HAC)
    assert scene.ledger.account(AN).holds == ()
    back = scene.ledger.checkin(LAO_HAC)
    assert back.put_aside is None
    assert isinstance(scene.ledger.undo(back.entry), TakenBackAct)
    assert scene.ledger.account(AN).holds == ()
    assert scene.ledger.checkin(LAO_HAC).loan == lent.loan
    scene.is_heard((waiting,))
    assert scene.ledger.account(AN).holds == ()
    scene.lend(BINH, LAO_HAC)


def test_a_hold_that_headquarters_tells_after_it_heard_of_the_checkout_stands_again(scene: Scene) -> None:
    waiting = Hold("h1", AN, "t2", BRANCH, MORNING - timedelta(days=2))
    tell(scene.home, holds=[waiting])
    scene.lend(AN, LAO_HAC)
    back = scene.ledger.checkin(LAO_HAC)
    tell(scene.home, holds=[waiting], heard=back.entry)
    assert [hold for hold, _ in scene.ledger.account(AN).holds] == [waiting]
    assert isinstance(scene.ledger.checkout(BINH, LAO_HAC), Refused)


def test_the_hold_of_an_undone_checkout_stands_again(scene: Scene) -> None:
    tell(scene.home, holds=[Hold("h1", AN, "t2", BRANCH, MORNING - timedelta(days=2))])
    scene.ledger.undo(scene.lend(AN, LAO_HAC).entry)
    ((waiting, title),) = scene.ledger.account(AN).holds
    assert waiting.hold_id == "h1"
    assert title is not None
    assert title.title == "Lão Hạc"
    assert isinstance(scene.ledger.checkout(BINH, LAO_HAC), Refused)


def test_copies_on_the_shelf_are_counted_by_what_holds(scene: Scene) -> None:
    tell(scene.home, holds=[Hold("h1", BINH, "t1", BRANCH, MORNING - timedelta(days=2))])
    assert scene.lend(AN, KIEU_1).loan.item_id == KIEU_1
    refused = scene.ledger.checkout(CHI, KIEU_2)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.HELD_FOR_ANOTHER,)
    scene.ledger.checkin(KIEU_1)
    scene.lend(CHI, KIEU_2)


# --- a card that becomes known ----------------------------------------------------------------------------------------


def test_a_loan_under_an_unknown_card_becomes_the_readers_when_the_card_is_known(scene: Scene) -> None:
    put_in_force(scene.home, rule_set(STRANGERS_WELCOME, version="2"))
    lent = scene.lend(STRANGER, KIEU_1)
    with told(scene.home) as reference:
        reference.write(patrons=[Patron("BD-NEW", "Sùng A Mới", "adult", BRANCH)], cards={"BD-NEW": [STRANGER]})
    loan = replace(lent.loan, patron_id="BD-NEW")
    assert scene.loan(KIEU_1) == loan
    for number in ("BD-NEW", STRANGER):
        account = scene.ledger.account(number)
        assert account.patron is not None
        assert [line.loan for line in account.loans] == [loan]
        assert not isinstance(account.loans[0].renewal, Refused)
    mine = scene.ledger.checkout("BD-NEW", KIEU_1)
    assert isinstance(mine, Refused)
    assert mine.codes == (Code.ALREADY_YOURS,)
    assert isinstance(scene.ledger.renew(STRANGER, KIEU_1), Extended)
    scene.clock.go_on(days=2 * PERIOD + 1)
    fee = scene.ledger.checkin(KIEU_1).fee
    assert fee is not None
    assert fee.patron_id == "BD-NEW"
    for number in ("BD-NEW", STRANGER):
        assert scene.ledger.account(number).owed == PER_DAY
    settled = scene.ledger.pay(fee.fee_id)
    assert isinstance(settled, Fee)
    assert settled.patron_id == "BD-NEW"
    assert isinstance(scene.ledger.forget("BD-NEW"), Recorded)
    assert owners(scene.home) == {}


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_nobody_is_forgotten_who_has_something_or_owes_elsewhere(scene: Scene) -> None:
    tell(scene.home, loans=[FAR], fees=[FREE_FEE])
    refused = scene.ledger.forget(AN)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.STILL_HAS_LOANS, Code.STILL_OWES)
    scene.ledger.pay(FREE_FEE.fee_id)
    scene.ledger.checkin(LAO_HAC)
    assert isinstance(scene.ledger.forget(AN), Recorded)


def test_returned_and_settled_is_forgotten_whoever_said_so(scene: Scene) -> None:
    kept = scene.lend(AN, KIEU_1)
    elsewhere = scene.lend(BINH, KIEU_2)
    scene.lend(CHI, SO_DO)
    scene.ledger.checkin(SO_DO)
    heard = scene.ledger.verify().events
    tell(scene.home, loans=[kept.loan, FAR], fees=[FREE_FEE], heard=heard)
    scene.ledger.pay(FREE_FEE.fee_id, 500)
    tell(scene.home, loans=[kept.loan, FAR], fees=[replace(FREE_FEE, paid=500)], heard=heard + 1)
    assert len(owners(scene.home)) == 4
    assert scene.ledger.forget_returned(MORNING + timedelta(milliseconds=1)) == 2
    assert owners(scene.home) == {kept.loan.token: AN, FREE_FEE.fee_id: AN}
    assert elsewhere.loan.token not in owners(scene.home)
    tell(scene.home, loans=[FAR], heard=heard + 1)
    assert scene.ledger.forget_returned(MORNING + timedelta(milliseconds=1)) == 2
    assert owners(scene.home) == {}


def test_whose_fee_it_was_is_known_as_long_as_whose_loan(scene: Scene) -> None:
    tell(scene.home, loans=[FAR])
    scene.clock.go_on(days=10)
    fee = scene.ledger.checkin(LAO_HAC).fee
    assert fee is not None
    scene.ledger.pay(fee.fee_id)
    scene.is_heard()
    assert scene.ledger.forget_returned(scene.clock.wall) == 0
    assert owners(scene.home) == {FAR.token: AN}
    scene.clock.go_on(days=1)
    assert scene.ledger.forget_returned(scene.clock.wall) == 1
    assert owners(scene.home) == {}


# --- whatever headquarters has heard of -------------------------------------------------------------------------------

#: A few readers at a few items, under rules that let them go on in spite of what they owe.
READERS, COPIES = (AN, BINH, CHI), (KIEU_1, KIEU_2, LAO_HAC)
EASY = rule_set(
    (replace(POLICIES[0], max_owed=4_000, max_overdue=1, renew_overdue=True, renewals=3), *POLICIES[1:]), version="easy"
)
WAITING = (
    Hold("h1", AN, "t1", BRANCH, MORNING - timedelta(days=3)),
    Hold("h2", BINH, "t2", BRANCH, MORNING - timedelta(days=2), LAO_HAC),
    Hold("h3", CHI, "t1", BRANCH, MORNING - timedelta(days=1)),
)


def deeds(*without: str) -> st.SearchStrategy[list[Deed]]:
    """Desk work; ``wait`` lets some days pass."""
    acts = [act for act in (*ACTS, "checkout", "checkin", "forget", "wait", "wait") if act not in without]
    return st.lists(
        st.builds(
            Deed,
            st.sampled_from(acts),
            st.sampled_from((*READERS, *CARDS[AN])),
            st.sampled_from(COPIES),
            st.sampled_from((0, 0, 1, 2, 9, 700)),
        ),
        min_size=1,
        max_size=24,
    )


class Worker(Desk):
    """Does deeds, and lets time pass."""

    def __init__(self, home: Path) -> None:
        self.home, self.clock = new_station(home), Clock()
        put_in_force(home, EASY)
        super().__init__(open_desk(home, self.clock))

    def do(self, deed: Deed) -> Answer:
        if deed.act == "wait":
            self.clock.go_on(days=min(deed.number, 20))
            return None
        return super().do(deed)

    def hears(self, entries: int, holds: tuple[Hold, ...] = ()) -> None:
        """Headquarters has heard so many of the events, and tells what it makes of them."""
        whole = list(self.ledger.entries())
        hear(self.home, whole[:entries], owners(self.home), holds)

    def holds(self, *, tokens: bool = True) -> dict[str, object]:
        """All that the desk can be asked."""
        found: dict[str, object] = {}
        for item in COPIES:
            seen = self.ledger.find_item(item)
            assert seen is not None
            found[item] = _told_apart(seen[2], tokens)
        for reader in READERS:
            account = self.ledger.account(reader)
            fees = [
                (fee.fee_id if tokens else "", fee.kind, fee.outstanding, fee.charged_at, fee.patron_id)
                for fee in account.fees
            ]
            lines = [(_told_apart(line.loan, tokens), _codes(line.renewal)) for line in account.loans]
            found[reader] = lines, fees, [hold.hold_id for hold, _ in account.holds]
        found["repairs"] = self.ledger.pending_repairs()
        return found


def _told_apart(loan: Loan | None, by_token: bool) -> Loan | None:
    return loan if loan is None or by_token else replace(loan, token="")


def _codes(answer: object) -> object:
    return answer.codes if isinstance(answer, Refused) else type(answer).__name__


@settings(max_examples=30)
@given(deeds())
def test_what_holds_does_not_depend_on_how_much_headquarters_has_heard(history: list[Deed]) -> None:
    with quick_folder() as folder:
        worker = Worker(Path(folder))
        with worker.ledger as ledger:
            for deed in history:
                worker.do(deed)
            expected = worker.holds()
            for heard in range(ledger.verify().events + 1):
                worker.hears(heard)
                assert worker.holds() == expected, f"after {heard} events were heard"


@settings(max_examples=25)
@given(deeds("undo"))
def test_holds_too_are_the_same_however_much_headquarters_has_heard(history: list[Deed]) -> None:
    with quick_folder() as folder:
        worker = Worker(Path(folder))
        with worker.ledger as ledger:
            tell(worker.home, holds=WAITING)
            for deed in history:
                worker.do(deed)
            expected = worker.holds()
            for heard in range(ledger.verify().events + 1):
                worker.hears(heard, WAITING)
                assert worker.holds() == expected, f"after {heard} events were heard"


@settings(max_examples=30)
@given(deeds(), st.sets(st.integers(0, 23)), st.randoms(use_true_random=False))
def test_a_station_that_is_heard_works_like_one_that_is_not(
    history: list[Deed], hearings: set[int], rng: random.Random
) -> None:
    with quick_folder() as alone, quick_folder() as network:
        one, other = Worker(Path(alone)), Worker(Path(network))
        with one.ledger, other.ledger:
            for number, deed in enumerate(history):
                if number in hearings:
                    other.hears(rng.randint(0, other.last))
                first, second = one.do(deed), other.do(deed)
                assert _outcome(first) == _outcome(second), f"{deed}, the {number}th"
                assert one.holds(tokens=False) == other.holds(tokens=False), f"after {deed}, the {number}th"
            assert in_order(one.ledger)
            assert in_order(other.ledger)


def _outcome(answer: Answer) -> object:
    """What an answer says, but for numbers made up at random."""
    match answer:
        case Refused():
            return answer.codes
        case TakenBack():
            fee = answer.fee and (answer.fee.amount, answer.fee.patron_id)
            return answer.entry, answer.late_days, fee, answer.put_aside, _told_apart(answer.loan, False)
        case Lent() | Extended():
            return answer.entry, _told_apart(answer.loan, False), answer.notices
        case Fee():
            return answer.outstanding, answer.patron_id
        case _:
            return answer
