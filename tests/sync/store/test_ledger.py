"""What a desk does at the ledger: every act, every refusal, what is written of it, and whether it all adds up."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from inspect import getsource
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync.circulation import decisions
from sync.circulation import events as ev
from sync.circulation.blocks import Block, Code, Refused
from sync.circulation.clock import BEYOND, BUILT
from sync.circulation.events import to_ms
from sync.circulation.model import Fee, FeeKind, Hold, Loan, Patron, ServiceMode, local_day
from sync.circulation.policy import PolicyRow
from sync.store import ledger as ledger_module
from sync.store.errors import StoreError
from sync.store.files import LEDGER
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBack, TakenBackAct
from tests.sync.store.stations import (
    ACTOR,
    AGELESS,
    AN,
    ATLAS_SET,
    BINH,
    BRANCH,
    CAP,
    CARDS,
    CHI,
    DAMAGED,
    DEBT,
    DEED,
    DICTIONARY,
    DISCIPLINE,
    EXPIRED,
    FILM,
    FOREIGN,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    LOST,
    LOST_CARD,
    MAX_LOANS,
    MORNING,
    NOBODYS,
    PATRONS,
    PER_DAY,
    PERIOD,
    POLICIES,
    READING_ROOM,
    RENEWALS,
    SO_DO,
    STOPPED,
    STRANGER,
    STRANGERS_WELCOME,
    THRILLER,
    VISITING,
    WITHDRAWN,
    YEARBOOK,
    Clock,
    by_hand,
    end_of,
    events,
    in_order,
    last_entry,
    look_at,
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
DUE = end_of(TODAY + timedelta(days=PERIOD))


@dataclass(frozen=True)
class Scene:
    """A station with its clock, open at the desk."""

    home: Path
    clock: Clock
    ledger: Ledger

    def lend(self, card: str = AN, item: str = KIEU_1) -> Lent:
        lent = self.ledger.checkout(card, item)
        assert isinstance(lent, Lent)
        return lent

    def take_back_late(self, days: int = 3, card: str = AN, item: str = KIEU_1) -> Fee:
        """Lend an item and have it back late; answers the fee."""
        self.lend(card, item)
        self.clock.go_on(days=PERIOD + days)
        fee = self.ledger.checkin(item).fee
        assert fee is not None
        return fee

    def last_events(self, count: int) -> list[ev.Event]:
        return events(self.ledger)[-count:]

    def rows(self, table: str) -> list[dict[str, object]]:
        """What another pair of eyes sees in a table of the ledger."""
        connection = sqlite3.connect(f"{LEDGER.path(self.home).as_uri()}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
        finally:
            connection.close()

    def has(self, card: str) -> list[str]:
        return [line.loan.item_id for line in self.ledger.account(card).loans]

    def loan_on(self, item: str) -> Loan | None:
        found = self.ledger.find_item(item)
        return found[2] if found else None


@pytest.fixture
def scene(home: Path) -> Iterator[Scene]:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        yield Scene(home, clock, ledger)
        assert in_order(ledger)


# --- every reason and every notice ------------------------------------------------------------------------------------

Answer = Refused | Lent | TakenBack | Extended | TakenBackAct | Recorded | Fee


def hold(patron: str, title: str = "t2", item: str | None = LAO_HAC, ready_until: date | None = None) -> Hold:
    return Hold("h1", patron, title, BRANCH, MORNING - timedelta(days=1), item, ready_until)


def four_at_once(s: Scene) -> Answer:
    for item in (LAO_HAC, SO_DO, VISITING):
        s.lend(item=item)
    return s.ledger.checkout(AN, KIEU_1)


def with_one_overdue(s: Scene) -> Answer:
    s.lend()
    s.clock.go_on(days=PERIOD + 1)
    return s.ledger.checkout(AN, LAO_HAC)


def with_a_fee(s: Scene) -> Answer:
    s.take_back_late()
    return s.ledger.checkout(AN, LAO_HAC)


def lent_to(patron: str, then: Callable[[Ledger], Answer]) -> Callable[[Scene], Answer]:
    def act(s: Scene) -> Answer:
        s.lend(patron)
        return then(s.ledger)

    return act


def held(then: Callable[[Ledger], Answer]) -> Callable[[Scene], Answer]:
    def act(s: Scene) -> Answer:
        tell(s.home, holds=[hold(BINH)])
        return then(s.ledger)

    return act


def with_the_doors_shut(s: Scene) -> Answer:
    put_in_force(s.home, rule_set(version="shut", shut=True))
    return s.ledger.checkout(AN, KIEU_1)


def renewed_too_often(s: Scene) -> Answer:
    s.lend()
    for _ in range(RENEWALS):
        assert isinstance(s.ledger.renew(AN, KIEU_1), Extended)
    return s.ledger.renew(AN, KIEU_1)


def renewed_too_late(s: Scene) -> Answer:
    s.lend()
    s.clock.go_on(days=PERIOD + 1)
    return s.ledger.renew(AN, KIEU_1)


def renewed_for_nothing(s: Scene) -> Answer:
    put_in_force(s.home, rule_set((*POLICIES[:-2], PolicyRow(BRANCH, item_type="school", due_on=TODAY)), version="2"))
    s.lend(item=YEARBOOK)
    return s.ledger.renew(AN, YEARBOOK)


def undone_too_late(s: Scene) -> Answer:
    entry = s.lend().entry
    s.ledger.renew(AN, KIEU_1)
    return s.ledger.undo(entry)


def paid_twice(s: Scene) -> Answer:
    fee = s.take_back_late()
    s.ledger.pay(fee.fee_id)
    return s.ledger.pay(fee.fee_id)


def paid_too_much(s: Scene) -> Answer:
    fee = s.take_back_late()
    return s.ledger.pay(fee.fee_id, fee.amount + 1)


def forgotten_while_owing(s: Scene) -> Answer:
    s.take_back_late()
    return s.ledger.forget(AN)


def back_late(s: Scene) -> Answer:
    s.lend()
    s.clock.go_on(days=PERIOD + 1)
    return s.ledger.checkin(KIEU_1)


def soon_to_expire(s: Scene) -> Answer:
    with told(s.home) as reference:
        reference.write(patrons=[replace(PATRONS[0], expires=TODAY + timedelta(days=10))])
    return s.lend()


def in_the_year_1970(s: Scene) -> Answer:
    s.clock.set_to(datetime(1970, 1, 1, tzinfo=UTC))
    return s.lend()


#: One act for each code that it must bring out, alone unless :data:`AMONG_OTHERS`.
BRINGS_OUT: dict[Code, Callable[[Scene], Answer]] = {
    Code.UNKNOWN_CARD: lambda s: s.ledger.checkout(STRANGER, KIEU_1),
    Code.CARD_EXPIRED: lambda s: s.ledger.checkout(EXPIRED, KIEU_1),
    Code.CARD_REPORTED_LOST: lambda s: s.ledger.checkout(LOST_CARD, KIEU_1),
    Code.CARD_STOPPED_DEBT: lambda s: s.ledger.checkout(DEBT, KIEU_1),
    Code.CARD_STOPPED_DISCIPLINE: lambda s: s.ledger.checkout(DISCIPLINE, KIEU_1),
    Code.CARD_STOPPED: lambda s: s.ledger.checkout(STOPPED, KIEU_1),
    Code.TOO_MANY_LOANS: four_at_once,
    Code.TOO_MANY_OVERDUE: with_one_overdue,
    Code.FEES_OWED: with_a_fee,
    Code.TOO_YOUNG: lambda s: s.ledger.checkout(CHI, THRILLER),
    Code.AGE_UNKNOWN: lambda s: s.ledger.checkout(AGELESS, THRILLER),
    Code.DEPOSIT_TOO_LOW: lambda s: s.ledger.checkout(AN, FILM),
    Code.READING_CARD: lambda s: s.ledger.checkout(READING_ROOM, KIEU_1),
    Code.UNKNOWN_ITEM: lambda s: s.ledger.checkout(AN, NOBODYS),
    Code.OTHER_LIBRARY: lambda s: s.ledger.checkout(AN, FOREIGN),
    Code.ITEM_LOST: lambda s: s.ledger.checkout(AN, LOST),
    Code.ITEM_DAMAGED: lambda s: s.ledger.checkout(AN, DAMAGED),
    Code.ITEM_WITHDRAWN: lambda s: s.ledger.checkout(AN, WITHDRAWN),
    Code.READING_ONLY: lambda s: s.ledger.checkout(AN, DICTIONARY),
    Code.MODE_NOT_OFFERED: lambda s: s.ledger.checkout(AN, DEED),
    Code.ON_LOAN_TO_ANOTHER: lent_to(BINH, lambda ledger: ledger.checkout(AN, KIEU_1)),
    Code.ALREADY_YOURS: lent_to(AN, lambda ledger: ledger.checkout(AN, KIEU_1)),
    Code.HELD_FOR_ANOTHER: held(lambda ledger: ledger.checkout(AN, LAO_HAC)),
    Code.PART_MISSING: lambda s: s.ledger.checkout(AN, ATLAS_SET, parts_seen=2),
    Code.NO_OPEN_DAY: with_the_doors_shut,
    Code.PERIOD_ENDED: lambda s: s.ledger.checkout(AN, YEARBOOK),
    Code.NOT_ON_LOAN: lambda s: s.ledger.renew(AN, KIEU_1),
    Code.LOAN_OF_ANOTHER: lent_to(BINH, lambda ledger: ledger.renew(AN, KIEU_1)),
    Code.NO_RENEWALS_LEFT: renewed_too_often,
    Code.LOAN_OVERDUE: renewed_too_late,
    Code.NOTHING_GAINED: renewed_for_nothing,
    Code.NOT_THE_LATEST: undone_too_late,
    Code.UNKNOWN_ENTRY: lambda s: s.ledger.undo(4711),
    Code.UNKNOWN_FEE: paid_twice,
    Code.WRONG_AMOUNT: paid_too_much,
    Code.STILL_HAS_LOANS: lent_to(AN, lambda ledger: ledger.forget(AN)),
    Code.STILL_OWES: forgotten_while_owing,
    Code.PUT_ASIDE_OTHER_LIBRARY: lambda s: s.ledger.checkin(FOREIGN),
    Code.PUT_ASIDE_HOLD: held(lambda ledger: ledger.checkin(LAO_HAC)),
    Code.PUT_ASIDE_UNKNOWN: lambda s: s.ledger.checkin(NOBODYS),
    Code.WAS_NOT_ON_LOAN: lambda s: s.ledger.checkin(KIEU_1),
    Code.WAS_MARKED_LOST: lambda s: s.ledger.checkin(LOST),
    Code.RETURNED_LATE: back_late,
    Code.FEE_CHARGED: back_late,
    Code.CARD_EXPIRES_SOON: soon_to_expire,
    Code.CLOCK_DOUBTED: in_the_year_1970,
}
AMONG_OTHERS = {Code.PUT_ASIDE_HOLD, Code.WAS_MARKED_LOST, Code.RETURNED_LATE, Code.FEE_CHARGED}


def said(answer: Answer) -> tuple[Block, ...]:
    if isinstance(answer, Refused):
        return answer.blocks
    return answer.notices if isinstance(answer, Lent | TakenBack | Extended) else ()


def test_every_code_of_the_rules_and_of_the_ledger_is_tried_here() -> None:
    named = set(re.findall(r"Code\.([A-Z_]+)", getsource(decisions) + getsource(ledger_module)))
    assert named == {code.name for code in BRINGS_OUT}


@pytest.mark.parametrize("code", BRINGS_OUT)
def test_every_code_comes_out_of_an_act(scene: Scene, code: Code) -> None:
    answer = BRINGS_OUT[code](scene)
    codes = [block.code for block in said(answer)]
    assert code in codes if code in AMONG_OTHERS else codes == [code]
    for block in said(answer):
        assert "{" not in block.say("vi") + block.say("en")


@pytest.mark.parametrize("code", BRINGS_OUT)
def test_every_refusal_is_an_event_with_its_codes_alone(scene: Scene, code: Code) -> None:
    answer = BRINGS_OUT[code](scene)
    recorded = events(scene.ledger)[-1]
    if isinstance(answer, Refused):
        assert isinstance(recorded, ev.Refusal)
        assert recorded.codes == answer.codes
        assert recorded.act in {"checkout", "renew", "undo", "pay", "forget"}
    else:
        assert not isinstance(recorded, ev.Refusal)


def test_a_refusal_names_every_block_at_once_and_the_visit(scene: Scene) -> None:
    visit = scene.ledger.open_visit()
    refused = scene.ledger.checkout(EXPIRED, LOST, visit=visit)
    assert isinstance(refused, Refused)
    assert set(refused.codes) == {Code.CARD_EXPIRED, Code.ITEM_LOST}
    assert events(scene.ledger)[-1] == ev.Refusal("checkout", refused.codes, visit)


def test_a_refusal_changes_nothing_else(scene: Scene) -> None:
    scene.lend()
    before = {name: scene.rows(name) for name in ("loan", "custody", "identity", "fee", "visit", "repair")}
    for _ in range(2):
        assert isinstance(scene.ledger.checkout(BINH, KIEU_1), Refused)
        assert isinstance(scene.ledger.renew(BINH, KIEU_1), Refused)
    assert {name: scene.rows(name) for name in before} == before


def test_reading_on_site_cannot_be_asked_for_as_a_loan(scene: Scene) -> None:
    before = last_entry(scene.ledger)
    with pytest.raises(ValueError, match="reading on site"):
        scene.ledger.checkout(AN, KIEU_1, mode=ServiceMode.ON_SITE)
    assert last_entry(scene.ledger) == before
    assert scene.lend().entry == before + 1


# --- lending ----------------------------------------------------------------------------------------------------------


def test_a_checkout_is_an_event_a_loan_custody_and_an_owner_under_one_token(scene: Scene) -> None:
    visit = scene.ledger.open_visit()
    lent = scene.ledger.checkout(CARDS[AN][1], KIEU_1, visit=visit, parts_seen=1)
    assert isinstance(lent, Lent)
    assert lent.item.item_id == KIEU_1
    assert lent.title is not None
    assert lent.title.title == "Truyện Kiều"
    assert lent.notices == ()
    token, at = lent.loan.token, to_ms(MORNING)
    assert lent.loan == Loan(token, KIEU_1, "book", AN, BRANCH, ServiceMode.TAKE_HOME, MORNING, DUE, 0)
    assert len(token) == 16
    assert int(token, 16) >= 0
    assert events(scene.ledger)[-1] == ev.CheckedOut(
        KIEU_1, token, "book", BRANCH, "take_home", to_ms(DUE), "rules-1", "adult", visit
    )
    assert scene.rows("loan") == [
        {
            "token": token,
            "item_id": KIEU_1,
            "item_type": "book",
            "branch": BRANCH,
            "mode": "take_home",
            "checked_out_at": at,
            "due_at": to_ms(DUE),
            "renewals": 0,
            "hold_id": None,
            "closed_at": None,
            "seq": lent.entry,
        }
    ]
    assert scene.rows("custody") == [{"item_id": KIEU_1, "token": token, "seq": lent.entry}]
    assert owners(scene.home) == {token: AN}


def test_the_stamp_of_an_event_says_who_when_and_on_which_boot(scene: Scene) -> None:
    scene.lend()
    (entry,) = scene.ledger.entries(last_entry(scene.ledger) - 1)
    assert (entry.actor, entry.at, entry.uptime_ms, entry.boot) == (ACTOR, MORNING, 60_000, "boot-1")
    assert entry.clock_trusted


def test_every_number_of_a_reader_opens_the_same_account(scene: Scene) -> None:
    scene.lend(CARDS[AN][0], KIEU_1)
    scene.lend(AN, LAO_HAC)
    for number in (AN, *CARDS[AN]):
        account = scene.ledger.account(number)
        assert account.patron is not None
        assert account.patron.patron_id == AN
        assert [line.loan.item_id for line in account.loans] == [KIEU_1, LAO_HAC]
        assert scene.ledger.find_patron(number) == account.patron


def test_a_card_that_no_list_knows_stands_for_itself_where_the_branch_lends_to_such(scene: Scene) -> None:
    put_in_force(scene.home, rule_set(STRANGERS_WELCOME, version="2"))
    lent = scene.lend(STRANGER)
    assert owners(scene.home) == {lent.loan.token: STRANGER}
    account = scene.ledger.account(STRANGER)
    assert account.patron is None
    assert [line.loan for line in account.loans] == [lent.loan]
    refused = scene.ledger.checkout(STRANGER, LAO_HAC)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.TOO_MANY_LOANS,)


def test_the_rules_in_force_are_those_of_the_act_and_every_event_names_them(scene: Scene) -> None:
    scene.lend()
    longer = (replace(POLICIES[0], period_days=30), *POLICIES[1:])
    put_in_force(scene.home, rule_set(longer, version="rules-2"))
    lent = scene.lend(item=LAO_HAC)
    assert local_day(lent.loan.due_at) == TODAY + timedelta(days=30)
    assert [e.rules for e in events(scene.ledger) if isinstance(e, ev.CheckedOut)] == ["rules-1", "rules-2"]
    assert scene.ledger.rules_version() == "rules-2"
    assert scene.ledger.rules() == rule_set(longer).rules


def test_without_any_rules_nothing_is_lent_and_everything_taken_back(scene: Scene) -> None:
    scene.lend()
    with by_hand_in_the_reference(scene.home) as connection:
        connection.execute("DELETE FROM rule_set")
    assert scene.ledger.rules_version() is None
    refused = scene.ledger.checkout(AN, LAO_HAC)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.NO_OPEN_DAY,)
    assert scene.ledger.checkin(KIEU_1).loan is not None


def by_hand_in_the_reference(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(home / "reference.sqlite")


def test_rules_that_cannot_be_read_stop_every_act_with_a_sentence(scene: Scene) -> None:
    with told(scene.home) as reference:
        reference.write_rules("broken", json.dumps({"policies": [{"max_loans": -1}]}))
    with pytest.raises(StoreError, match="Import the rules again"):
        scene.ledger.checkout(AN, KIEU_1)
    put_in_force(scene.home, rule_set())
    scene.lend()


def test_an_own_hold_is_fulfilled_by_the_checkout_and_named_in_it(scene: Scene) -> None:
    tell(scene.home, holds=[hold(AN, ready_until=TODAY)])
    lent = scene.lend(AN, LAO_HAC)
    assert isinstance(recorded := events(scene.ledger)[-1], ev.CheckedOut)
    assert recorded.hold == "h1"
    assert scene.ledger.account(AN).holds == ()
    assert isinstance(scene.ledger.undo(lent.entry), TakenBackAct)
    assert [h.hold_id for h, _ in scene.ledger.account(AN).holds] == ["h1"]


# --- taking back ------------------------------------------------------------------------------------------------------


def test_a_return_closes_the_loan_and_leaves_nobody_with_the_item(scene: Scene) -> None:
    lent = scene.lend()
    scene.clock.go_on(days=2)
    back = scene.ledger.checkin(KIEU_1)
    assert back == TakenBack(lent.entry + 1, KIEU_1, lent.item, lent.title, lent.loan, 0, None, None, ())
    assert events(scene.ledger)[-1] == ev.CheckedIn(KIEU_1, BRANCH, lent.loan.token, "rules-1")
    assert scene.loan_on(KIEU_1) is None
    assert scene.has(AN) == []
    (row,) = scene.rows("loan")
    assert row["closed_at"] == to_ms(scene.clock.wall)
    assert owners(scene.home) == {lent.loan.token: AN}


@pytest.mark.parametrize(("late", "amount"), [(0, 0), (1, PER_DAY), (3, 3 * PER_DAY), (100, CAP)])
def test_a_late_return_costs_by_the_day_up_to_the_cap(scene: Scene, late: int, amount: int) -> None:
    lent = scene.lend()
    scene.clock.go_on(days=PERIOD + late)
    back = scene.ledger.checkin(KIEU_1)
    assert back.late_days == late
    assert (back.fee.amount if back.fee else 0) == amount
    account = scene.ledger.account(AN)
    assert account.owed == amount
    if back.fee:
        assert account.fees == (back.fee,)
        assert back.fee.patron_id == AN
        assert back.fee.kind is FeeKind.OVERDUE
        token = lent.loan.token
        assert events(scene.ledger)[-1] == ev.FeeCharged(back.fee.fee_id, token, "overdue", amount, "rules-1")


def test_the_fee_goes_to_whom_the_item_was_lent_whoever_brings_it(scene: Scene) -> None:
    scene.take_back_late(2, card=BINH)
    assert scene.ledger.account(BINH).owed == 2 * PER_DAY
    assert scene.ledger.account(AN).owed == 0


@pytest.mark.parametrize("item", [NOBODYS, FOREIGN, "", "'; DROP TABLE event; --", "Ω" * 300, KIEU_1, LOST, VISITING])
def test_no_return_is_ever_refused(scene: Scene, item: str) -> None:
    for _ in range(2):
        back = scene.ledger.checkin(item, tag_to_secure=True)
        assert back.item_id == item
        assert back.loan is None
        assert isinstance(events(scene.ledger)[-1], ev.CheckedIn)


def test_a_return_of_a_set_with_a_part_missing_goes_to_staff(scene: Scene) -> None:
    scene.lend(item=ATLAS_SET)
    back = scene.ledger.checkin(ATLAS_SET, parts_seen=2)
    assert back.loan is not None
    assert back.put_aside == "staff"
    assert [notice.code for notice in back.notices] == [Code.PART_MISSING]


def test_a_return_leaves_its_tag_for_repair_in_the_same_act(scene: Scene) -> None:
    lent = scene.lend()
    scene.ledger.checkin(KIEU_1, tag_to_secure=True)
    token = lent.loan.token
    assert events(scene.ledger)[-1] == ev.CheckedIn(KIEU_1, BRANCH, token, "rules-1", repair=True)
    (waiting,) = scene.ledger.pending_repairs()
    assert (waiting.item_id, waiting.since, waiting.reason) == (KIEU_1, MORNING, "checkin")
    scene.ledger.tag_secured(KIEU_1)
    assert scene.ledger.pending_repairs() == ()
    assert events(scene.ledger)[-1] == ev.TagSecured(KIEU_1)


def test_repairs_wait_oldest_first_until_secured_or_lent(scene: Scene) -> None:
    scene.ledger.repair_needed(LAO_HAC, "found_open")
    scene.clock.go_on(minutes=1)
    scene.ledger.checkin(KIEU_1, tag_to_secure=True)
    scene.clock.go_on(minutes=1)
    scene.ledger.repair_needed(NOBODYS, "found_open")
    assert [(r.item_id, r.reason) for r in scene.ledger.pending_repairs()] == [
        (LAO_HAC, "found_open"),
        (KIEU_1, "checkin"),
        (NOBODYS, "found_open"),
    ]
    scene.lend(item=LAO_HAC)
    scene.ledger.tag_secured(NOBODYS)
    scene.ledger.tag_secured(NOBODYS)
    assert [r.item_id for r in scene.ledger.pending_repairs()] == [KIEU_1]


# --- renewing ---------------------------------------------------------------------------------------------------------


def test_a_renewal_counts_from_the_old_due_date_and_says_both(scene: Scene) -> None:
    lent = scene.lend()
    scene.clock.go_on(days=3)
    extended = scene.ledger.renew(AN, KIEU_1)
    assert isinstance(extended, Extended)
    due = end_of(TODAY + timedelta(days=2 * PERIOD))
    assert extended == Extended(lent.entry + 1, replace(lent.loan, due_at=due, renewals=1), lent.item, lent.title, ())
    assert events(scene.ledger)[-1] == ev.Renewed(KIEU_1, lent.loan.token, to_ms(due), to_ms(DUE), 1, "rules-1")
    assert scene.loan_on(KIEU_1) == extended.loan


def test_the_account_says_of_each_loan_whether_it_could_be_renewed(scene: Scene) -> None:
    scene.lend(item=KIEU_1)
    scene.lend(item=LAO_HAC)
    scene.ledger.renew(AN, LAO_HAC)
    tell(scene.home, holds=[hold(BINH, "t1", KIEU_1)])
    first, second = scene.ledger.account(AN).loans
    assert isinstance(first.renewal, Refused)
    assert first.renewal.codes == (Code.HELD_FOR_ANOTHER,)
    assert isinstance(second.renewal, Refused)
    assert second.renewal.codes == (Code.NO_RENEWALS_LEFT,)
    assert last_entry(scene.ledger) == 3


# --- undoing ----------------------------------------------------------------------------------------------------------


def test_an_undone_checkout_leaves_no_loan(scene: Scene) -> None:
    lent = scene.lend()
    assert scene.ledger.undo(lent.entry) == TakenBackAct(lent.entry + 1, "checkout", KIEU_1)
    assert events(scene.ledger)[-1] == ev.Undone(lent.entry, "checkout", KIEU_1, lent.loan.token)
    assert scene.loan_on(KIEU_1) is None
    assert scene.has(AN) == []
    assert scene.ledger.pending_repairs() == ()
    assert isinstance(scene.ledger.checkout(BINH, KIEU_1), Lent)


def test_an_undone_checkout_leaves_its_tag_for_repair_when_it_may_be_open(scene: Scene) -> None:
    lent = scene.lend()
    scene.ledger.undo(lent.entry, tag_to_secure=True)
    assert [(r.item_id, r.reason) for r in scene.ledger.pending_repairs()] == [(KIEU_1, "undo")]


def test_a_tag_that_waited_for_repair_before_an_undone_checkout_waits_again(scene: Scene) -> None:
    scene.ledger.checkin(KIEU_1, tag_to_secure=True)
    lent = scene.lend()
    assert scene.ledger.pending_repairs() == ()
    assert isinstance(scene.ledger.undo(lent.entry), TakenBackAct)
    assert [r.item_id for r in scene.ledger.pending_repairs()] == [KIEU_1]


def test_an_undone_return_gives_the_loan_back_as_it_was(scene: Scene) -> None:
    scene.lend()
    extended = scene.ledger.renew(AN, KIEU_1)
    assert isinstance(extended, Extended)
    back = scene.ledger.checkin(KIEU_1, tag_to_secure=True)
    scene.clock.go_on(days=1)
    assert scene.ledger.undo(back.entry) == TakenBackAct(back.entry + 1, "checkin", KIEU_1)
    assert scene.loan_on(KIEU_1) == extended.loan
    assert scene.has(AN) == [KIEU_1]
    assert scene.ledger.pending_repairs() == ()


def test_an_undone_return_that_ended_no_loan_still_leaves_its_tag_for_repair(scene: Scene) -> None:
    back = scene.ledger.checkin(KIEU_1, tag_to_secure=True)
    assert isinstance(scene.ledger.undo(back.entry), TakenBackAct)
    assert scene.loan_on(KIEU_1) is None
    assert [(r.item_id, r.reason) for r in scene.ledger.pending_repairs()] == [(KIEU_1, "checkin")]


def test_an_undone_return_takes_its_fee_with_it(scene: Scene) -> None:
    fee = scene.take_back_late()
    back = last_entry(scene.ledger) - 1
    assert isinstance(scene.ledger.undo(back), TakenBackAct)
    assert scene.ledger.account(AN).fees == ()
    waived, undone = scene.last_events(2)
    assert waived == ev.FeeWaived(fee.fee_id, fee.amount, "undone")
    assert isinstance(undone, ev.Undone)
    again = scene.ledger.checkin(KIEU_1)
    assert again.fee is not None
    assert again.fee.fee_id != fee.fee_id
    assert scene.ledger.account(AN).owed == fee.amount


def test_an_undone_return_forgives_only_what_has_not_been_paid(scene: Scene) -> None:
    fee = scene.take_back_late()
    back = last_entry(scene.ledger) - 1
    scene.ledger.pay(fee.fee_id, 1_000)
    scene.ledger.undo(back)
    (row,) = scene.rows("fee")
    assert (row["amount"], row["paid"], row["waived"]) == (fee.amount, 1_000, fee.amount - 1_000)


def test_an_undone_renewal_gives_the_old_due_date_back(scene: Scene) -> None:
    lent = scene.lend()
    extended = scene.ledger.renew(AN, KIEU_1)
    assert isinstance(extended, Extended)
    assert scene.ledger.undo(extended.entry) == TakenBackAct(extended.entry + 1, "renew", KIEU_1)
    assert scene.loan_on(KIEU_1) == lent.loan
    assert isinstance(scene.ledger.renew(AN, KIEU_1), Extended)


def test_only_the_last_act_on_an_item_can_be_undone_and_only_once(scene: Scene) -> None:
    lent = scene.lend()
    other = scene.lend(BINH, LAO_HAC)
    scene.ledger.use_on_site(KIEU_1)
    back = scene.ledger.checkin(KIEU_1)
    for entry, code in (
        (lent.entry, Code.NOT_THE_LATEST),
        (0, Code.UNKNOWN_ENTRY),
        (-1, Code.UNKNOWN_ENTRY),
        (10**30, Code.UNKNOWN_ENTRY),
        (back.entry - 1, Code.UNKNOWN_ENTRY),
    ):
        refused = scene.ledger.undo(entry)
        assert isinstance(refused, Refused)
        assert refused.codes == (code,)
    undone = scene.ledger.undo(back.entry)
    assert isinstance(undone, TakenBackAct)
    for entry, code in ((back.entry, Code.NOT_THE_LATEST), (undone.entry, Code.UNKNOWN_ENTRY)):
        refused = scene.ledger.undo(entry)
        assert isinstance(refused, Refused)
        assert refused.codes == (code,)
    assert isinstance(scene.ledger.undo(other.entry), TakenBackAct)


# --- reading on site, visits ------------------------------------------------------------------------------------------


def test_reading_on_site_is_counted_and_changes_nothing(scene: Scene) -> None:
    lent = scene.lend()
    before = {name: scene.rows(name) for name in ("loan", "custody", "repair")}
    assert scene.ledger.use_on_site(KIEU_1, visit="v") == Recorded(lent.entry + 1)
    assert events(scene.ledger)[-1] == ev.UsedOnSite(KIEU_1, BRANCH, "v")
    assert {name: scene.rows(name) for name in before} == before
    assert isinstance(scene.ledger.undo(lent.entry), TakenBackAct)


def test_a_visit_is_opened_and_closed_under_its_own_token_with_its_counts(scene: Scene) -> None:
    visit = scene.ledger.open_visit()
    scene.clock.go_on(minutes=2)
    scene.ledger.close_visit(visit, "done", out=2, back=1, renewed=0, category="adult")
    assert events(scene.ledger) == [ev.VisitOpened(visit), ev.VisitClosed(visit, "done", 2, 1, 0, "adult")]
    (row,) = scene.rows("visit")
    assert (row["token"], row["outcome"]) == (visit, "done")
    assert row["closed_at"] == to_ms(MORNING + timedelta(minutes=2))
    assert owners(scene.home) == {}
    assert scene.ledger.open_visit() != visit


# --- money ------------------------------------------------------------------------------------------------------------


def test_a_fee_is_paid_and_waived_in_parts_until_nothing_is_owed(scene: Scene) -> None:
    fee = scene.take_back_late(5)
    for act, amount, owed in ((scene.ledger.pay, 1_000, 4_000), (scene.ledger.waive, 500, 3_500)):
        settled = act(fee.fee_id, amount)
        assert isinstance(settled, Fee)
        assert settled.outstanding == owed
        assert scene.ledger.account(AN).owed == owed
    assert scene.ledger.pay(fee.fee_id) == replace(fee, paid=4_500, waived=500)
    assert scene.ledger.account(AN).fees == ()
    assert scene.last_events(3) == [
        ev.FeePaid(fee.fee_id, 1_000),
        ev.FeeWaived(fee.fee_id, 500),
        ev.FeePaid(fee.fee_id, 3_500),
    ]


def test_a_fee_is_waived_whole_with_the_reason(scene: Scene) -> None:
    fee = scene.take_back_late()
    assert scene.ledger.waive(fee.fee_id, reason="closed_for_flood") == replace(fee, waived=fee.amount)
    assert events(scene.ledger)[-1] == ev.FeeWaived(fee.fee_id, fee.amount, "closed_for_flood")


@pytest.mark.parametrize("amount", [0, -1, -5_000, 3 * PER_DAY + 1, 10**18])
def test_no_other_amount_than_from_one_dong_to_all_is_taken(scene: Scene, amount: int) -> None:
    fee = scene.take_back_late(3)
    for act in (scene.ledger.pay, scene.ledger.waive):
        refused = act(fee.fee_id, amount)
        assert isinstance(refused, Refused)
        assert refused.codes == (Code.WRONG_AMOUNT,)
        assert "3.000\u00a0₫" in refused.blocks[0].say("vi")
    assert scene.ledger.account(AN).fees == (fee,)


def test_fees_of_several_returns_are_settled_apart_oldest_first(scene: Scene) -> None:
    first = scene.take_back_late(1)
    scene.ledger.waive(first.fee_id, 1)
    put_in_force(scene.home, rule_set((replace(POLICIES[0], max_owed=CAP), *POLICIES[1:]), version="2"))
    second = scene.take_back_late(2)
    assert [fee.fee_id for fee in scene.ledger.account(AN).fees] == [first.fee_id, second.fee_id]
    scene.ledger.pay(second.fee_id)
    assert [fee.fee_id for fee in scene.ledger.account(AN).fees] == [first.fee_id]


# --- finding ----------------------------------------------------------------------------------------------------------


def test_an_item_is_found_with_its_title_and_its_loan(scene: Scene) -> None:
    lent = scene.lend()
    found = scene.ledger.find_item(KIEU_1)
    assert found == (lent.item, lent.title, lent.loan)
    assert scene.ledger.find_item(KIEU_2) == (replace(lent.item, item_id=KIEU_2), lent.title, None)
    assert scene.ledger.find_item(NOBODYS) is None
    assert scene.ledger.find_patron(NOBODYS) is None


def test_a_search_says_which_copies_are_out(scene: Scene) -> None:
    lent = scene.lend()
    found = scene.ledger.search("truyen kieu")
    assert [[item.item_id for item in hit.items] for hit in found.page.hits] == [[KIEU_1, KIEU_2]]
    assert found.loans == {KIEU_1: lent.loan}


def test_acts_go_on_while_the_events_are_being_read(scene: Scene) -> None:
    scene.lend()
    read = scene.ledger.entries()
    assert next(read).seq == 1
    scene.ledger.checkin(KIEU_1)
    assert [entry.seq for entry in read] == [2]
    assert [entry.seq for entry in scene.ledger.entries(after=1)] == [2]
    assert list(scene.ledger.entries(after=2)) == []


# --- the clock --------------------------------------------------------------------------------------------------------

WRONG_CLOCKS = {
    "1970": datetime(1970, 1, 1, tzinfo=UTC),
    "before the last event": MORNING - timedelta(days=1),
    "2038": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    "ten years ahead": MORNING + timedelta(days=3652),
    "beyond any year": BEYOND + timedelta(days=1),
    "the last year there is": datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC),
}


@pytest.mark.parametrize("wall", WRONG_CLOCKS.values(), ids=WRONG_CLOCKS)
def test_no_clock_stops_the_desk_and_numbers_keep_the_order(scene: Scene, wall: datetime) -> None:
    scene.lend(BINH, SO_DO)
    scene.clock.set_to(wall)
    lent = scene.ledger.checkout(CHI, LAO_HAC)
    assert isinstance(lent, Lent)
    scene.clock.go_on(minutes=5)
    assert scene.ledger.checkin(LAO_HAC).loan is not None
    entries = list(scene.ledger.entries())
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert sorted(entry.at for entry in entries) == [entry.at for entry in entries]
    trusted = MORNING <= wall <= BEYOND
    assert [entry.clock_trusted for entry in entries] == [True, trusted, trusted]
    assert ([b.code for b in lent.notices] == [Code.CLOCK_DOUBTED]) is not trusted
    if not trusted:
        assert entries[1].wall == wall
        assert entries[2].at == MORNING + timedelta(minutes=5)


def test_a_doubted_clock_goes_on_by_the_time_since_the_machine_started(scene: Scene) -> None:
    scene.lend()
    scene.clock.go_on(hours=1)
    scene.clock.set_to(datetime(1970, 1, 1, tzinfo=UTC))
    assert scene.ledger.now().at == MORNING + timedelta(hours=1)
    scene.ledger.use_on_site(LAO_HAC)
    scene.clock.restart()
    assert scene.ledger.now().at == MORNING + timedelta(hours=1, minutes=1)
    assert not scene.ledger.now().trusted


def test_nobody_pays_for_days_that_only_a_wrong_clock_saw(scene: Scene) -> None:
    scene.lend()
    scene.clock.set_to(BEYOND + timedelta(days=400))
    assert scene.ledger.checkin(KIEU_1).fee is None


def test_a_persons_word_ends_the_doubt_after_a_clock_ran_ahead(scene: Scene) -> None:
    scene.clock.set_to(MORNING + timedelta(days=3652))
    scene.ledger.use_on_site(KIEU_1)
    scene.clock.set_to(MORNING)
    assert not scene.ledger.now().trusted
    moment = scene.ledger.confirm_clock()
    assert (moment.at, moment.trusted) == (MORNING, True)
    assert events(scene.ledger)[-1] == ev.ClockConfirmed()
    lent = scene.lend()
    assert lent.notices == ()
    assert lent.loan.due_at == DUE
    assert [entry.clock_trusted for entry in scene.ledger.entries()] == [True, True, True]


@pytest.mark.parametrize("name", ["1970", "beyond any year", "the last year there is"])
def test_nobodys_word_makes_an_impossible_clock_right(scene: Scene, name: str) -> None:
    scene.lend(BINH, LAO_HAC)
    scene.clock.set_to(WRONG_CLOCKS[name])
    moment = scene.ledger.confirm_clock()
    assert not moment.trusted
    assert moment.at == MORNING
    assert events(scene.ledger)[-1] == ev.Refusal("confirm_clock", (Code.CLOCK_DOUBTED,))
    lent = scene.lend()
    assert lent.loan.due_at == DUE
    assert [b.code for b in lent.notices] == [Code.CLOCK_DOUBTED]


# --- one writer, one station ------------------------------------------------------------------------------------------


def test_a_ledger_belongs_to_one_station_and_epoch_for_ever(home: Path) -> None:
    new_station(home)
    for station, epoch in (("TN-02", 1), ("TN-01", 2)):
        with pytest.raises(StoreError, match=r"TN-01 \(epoch 1\)"):
            Ledger.open_for_writing(
                home, station=station, epoch=epoch, branch=BRANCH, clock=Clock(), actor=ACTOR, command="x"
            )
    with open_desk(home, Clock()) as ledger:
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)


def test_a_ledger_of_another_station_does_not_verify_as_ours(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        ledger.use_on_site(KIEU_1)
    with by_hand(home) as connection:
        connection.execute("UPDATE station SET station = 'TN-02'")
    with Ledger.open_for_writing(home, station="TN-02", epoch=1, branch=BRANCH, clock=Clock(), actor=ACTOR) as ledger:
        assert not in_order(ledger)


def test_the_chain_goes_on_where_it_ended_when_the_ledger_is_opened_again(home: Path) -> None:
    new_station(home)
    heads = []
    for item in (KIEU_1, LAO_HAC, SO_DO):
        with open_desk(home, Clock()) as ledger:
            assert isinstance(ledger.checkout(AN, item), Lent)
            assert in_order(ledger)
            heads.append(ledger.verify().head)
    assert len(set(heads)) == 3
    with look_at(home, Clock()) as view:
        assert view.verify().events == 3
        assert view.verify().head == heads[-1]


# --- what verify finds ------------------------------------------------------------------------------------------------


def tampered(home: Path, *statements: str) -> list[str]:
    """What is found after somebody with other tools has been at a ledger of some ten events."""
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        for card, item in ((AN, KIEU_1), (BINH, LAO_HAC), (CHI, SO_DO)):
            assert isinstance(ledger.checkout(card, item), Lent)
        ledger.renew(AN, KIEU_1)
        ledger.open_visit()
        ledger.checkin(LAO_HAC, tag_to_secure=True)
        clock.go_on(days=PERIOD + 2)
        ledger.checkin(SO_DO, tag_to_secure=True)
        assert isinstance(ledger.checkout(BINH, LAO_HAC), Lent)
        ledger.use_on_site(KIEU_2)
        assert in_order(ledger)
        assert last_entry(ledger) == 10
    with by_hand(home) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    with look_at(home, clock) as view:
        return [problem.en for problem in view.verify().problems]


TAMPERING = {
    "a changed record": (
        "UPDATE event SET record = replace(record, 'TN-000003', 'TN-000002') WHERE seq = 2",
        "The chain of events is broken at number 2.",
    ),
    "a changed hash": (
        "UPDATE event SET hash = zeroblob(32) WHERE seq = 10",
        "The chain of events is broken at number 10.",
    ),
    "a deleted first event": ("DELETE FROM event WHERE seq = 1", "The chain of events is broken at number 1."),
    "a deleted event": ("DELETE FROM event WHERE seq = 5", "The chain of events is broken at number 5."),
    "a number skipped": ("UPDATE event SET seq = 11 WHERE seq = 10", "The chain of events is broken at number 10."),
    "an event put in": (
        "INSERT INTO event (seq, record, hash) SELECT 11, record, hash FROM event WHERE seq = 10",
        "The chain of events is broken at number 11.",
    ),
    "a loan lost": ("DELETE FROM loan", "The table 'loan' disagrees with the events."),
    "a due date moved": ("UPDATE loan SET due_at = due_at + 86400000", "The table 'loan' disagrees with the events."),
    "a loan reopened": (
        "UPDATE loan SET closed_at = NULL WHERE closed_at IS NOT NULL",
        "The table 'loan' disagrees with the events.",
    ),
    "an item given to somebody else": (
        "UPDATE custody SET token = '0000000000000000'",
        "The table 'custody' disagrees with the events.",
    ),
    "a fee paid by nobody": ("UPDATE fee SET paid = amount", "The table 'fee' disagrees with the events."),
    "a fee made up": (
        "INSERT INTO fee (fee_id, token, kind, amount, charged_at, seq) VALUES ('f', 't', 'loss', 1, 0, 1)",
        "The table 'fee' disagrees with the events.",
    ),
    "a repair row removed": ("DELETE FROM repair", "The table 'repair' disagrees with the events."),
    "a visit removed": ("DELETE FROM visit", "The table 'visit' disagrees with the events."),
}


@pytest.mark.parametrize(("statement", "found"), TAMPERING.values(), ids=TAMPERING)
def test_verify_finds(home: Path, statement: str, found: str) -> None:
    assert tampered(home, statement) == [found]


def test_verify_finds_two_events_that_changed_places(home: Path) -> None:
    problems = tampered(
        home,
        "UPDATE event SET seq = 99 WHERE seq = 3",
        "UPDATE event SET seq = 3 WHERE seq = 4",
        "UPDATE event SET seq = 4 WHERE seq = 99",
    )
    assert problems == ["The chain of events is broken at number 3."]


def test_verify_finds_the_end_cut_off_where_a_table_remembers_it(home: Path) -> None:
    assert tampered(home, "DELETE FROM event WHERE seq > 8") == [
        "The table 'loan' disagrees with the events.",
        "The table 'custody' disagrees with the events.",
        "The table 'repair' disagrees with the events.",
    ]


def test_the_file_itself_refuses_what_events_never_suffer(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        ledger.use_on_site(KIEU_1)
    for statement in (
        "UPDATE event SET record = '{}'",
        "DELETE FROM event",
        "REPLACE INTO event (seq, record, hash) VALUES (1, '{}', x'00')",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="never"), by_hand(home) as connection:
            connection.execute(statement)
    with look_at(home, Clock()) as view:
        assert in_order(view)


def rotten(home: Path, was: bytes, now: bytes) -> None:
    """Bits change on the disk under a closed ledger."""
    assert len(was) == len(now)
    path = LEDGER.path(home)
    content = path.read_bytes()
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, now))


#: What a record may become: no UTF-8 any more, no JSON any more, another word, another number.
ROT = {
    "no text": (b'"seq":2,"type"', b'"seq":2,"\xf4ype"'),
    "no JSON": (b'"seq":2,"type"', b'"seq":2,"type,'),
    "no such field": (b'"seq":2,"type"', b'"seq":2,"tyqe"'),
    "another number": (b'"seq":2,"type"', b'"seq":3,"type"'),
}


@pytest.mark.parametrize(("was", "now"), ROT.values(), ids=ROT)
def test_bits_that_rot_in_an_old_event_are_found_and_stop_nobody(home: Path, was: bytes, now: bytes) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        for item in (KIEU_1, KIEU_2, LAO_HAC):
            ledger.use_on_site(item)
    rotten(home, was, now)
    with open_desk(home, Clock()) as ledger:
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)
        seen = ledger.verify()
        assert [problem.en for problem in seen.problems] == ["The chain of events is broken at number 2."]
        assert seen.events == 2
        assert [entry.seq for entry in ledger.entries(2)] == [3, 4]


@pytest.mark.parametrize(("was", "now"), list(ROT.values())[:3], ids=list(ROT)[:3])
def test_a_damaged_last_event_stops_every_act_with_a_sentence(home: Path, was: bytes, now: bytes) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        for item in (KIEU_1, KIEU_2):
            ledger.use_on_site(item)
    rotten(home, was, now)
    with open_desk(home, Clock()) as ledger:
        acts = (lambda: ledger.checkout(AN, KIEU_1), lambda: ledger.account(AN), ledger.now, lambda: events(ledger))
        for act in acts:
            with pytest.raises(StoreError, match=r"ledger\.sqlite is damaged"):
                act()
        assert not in_order(ledger)


# --- random desk work against a model ---------------------------------------------------------------------------------


@dataclass
class Out:
    """A loan as the model has it; the same object in every state that knew it, so that forgetting cuts them all."""

    patron: str | None
    due: date
    renewals: int = 0


@dataclass
class Copy:
    """An item as the model has it. ``open_tag``: its tag may be unsecured."""

    loan: Out | None = None
    open_tag: bool = False
    repair: bool = False
    last: int = 0
    undo: Callable[[], None] | None = None


@dataclass
class Debt:
    """A fee as the model has it."""

    patron: str | None
    owed: int


@dataclass
class Model:
    """The desk in a hundred lines: who has what until when, who owes what, and what time it is held to be."""

    clock: Clock
    copies: dict[str, Copy] = field(default_factory=dict)
    debts: dict[str, Debt] = field(default_factory=dict)
    outs: list[Out] = field(default_factory=list)
    at: datetime | None = None
    uptime: int = 0
    boot: str = ""

    def now(self) -> datetime:
        wall = self.clock.wall
        earliest = max(BUILT, self.at or BUILT)
        if earliest - timedelta(minutes=2) <= wall <= BEYOND:
            return max(wall, self.at) if self.at else wall
        if self.at is None:
            return BUILT
        same = self.clock.boot == self.boot and self.clock.uptime_ms >= self.uptime
        since = self.clock.uptime_ms - (self.uptime if same else 0)
        return self.at + timedelta(milliseconds=since)

    def today(self) -> date:
        return local_day(self.now())

    def recorded(self, at: datetime | None = None) -> None:
        self.at, self.uptime, self.boot = at or self.now(), self.clock.uptime_ms, self.clock.boot

    def loans(self, patron: str) -> dict[str, Out]:
        return {item: c.loan for item, c in self.copies.items() if c.loan and c.loan.patron == patron}

    def owed(self, patron: str) -> int:
        return sum(debt.owed for debt in self.debts.values() if debt.patron == patron)

    def card(self, patron: str, without: Out | None = None) -> set[Code]:
        late = sum(out.due < self.today() for out in self.loans(patron).values() if out is not without)
        owing = {Code.FEES_OWED} if self.owed(patron) else set()
        return owing | ({Code.TOO_MANY_OVERDUE} if late else set())

    def checkout(self, patron: str, item: str) -> set[Code]:
        copy, blocks = self.copies[item], self.card(patron)
        if len([out for out in self.loans(patron).values() if out is not copy.loan]) >= MAX_LOANS:
            blocks.add(Code.TOO_MANY_LOANS)
        if copy.loan:
            blocks.add(Code.ALREADY_YOURS if copy.loan.patron == patron else Code.ON_LOAN_TO_ANOTHER)
        return blocks

    def renew(self, patron: str, item: str) -> set[Code]:
        out = self.copies[item].loan
        blocks = self.card(patron, out)
        if out is None:
            return blocks | {Code.NOT_ON_LOAN}
        if out.patron != patron:
            return blocks | {Code.LOAN_OF_ANOTHER}
        if out.renewals >= RENEWALS:
            blocks.add(Code.NO_RENEWALS_LEFT)
        if out.due < self.today():
            blocks.add(Code.LOAN_OVERDUE)
        return blocks

    def set(self, item: str, entry: int, **changes: object) -> None:
        """Change a copy by an act that can be undone."""
        copy = self.copies[item]
        had = copy.loan
        for name, value in changes.items():
            setattr(copy, name, value)

        def undo() -> None:
            if copy.loan is None and had:
                copy.repair = False  # the loan answers for the tag again
            copy.loan = had

        copy.last, copy.undo = entry, undo


READERS = st.sampled_from([AN, BINH, CHI, *CARDS[AN]])
COPIES = st.sampled_from([KIEU_1, KIEU_2, LAO_HAC, NOBODYS])


class DeskWork(RuleBasedStateMachine):
    """Random work at a desk with three readers and four items, under a clock that jumps; the model looks on."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = quick_folder()
        self.home = new_station(Path(self.folder.name))
        self.clock = Clock()
        self.ledger = open_desk(self.home, self.clock)
        self.model = Model(self.clock, {item: Copy() for item in (KIEU_1, KIEU_2, LAO_HAC, NOBODYS)})
        self.entries = 0

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    def recorded(self, count: int = 1) -> int:
        """So many events are written now; answers the number of the first."""
        self.model.recorded()
        self.entries += count
        return self.entries - count + 1

    def refused(self, answer: object, codes: set[Code]) -> None:
        assert isinstance(answer, Refused)
        assert set(answer.codes) == codes
        self.recorded()

    @initialize()
    def begin(self) -> None:
        assert last_entry(self.ledger) == 0

    @rule(card=READERS, item=COPIES)
    def checkout(self, card: str, item: str) -> None:
        patron = AN if card in CARDS[AN] else card
        answer = self.ledger.checkout(card, item)
        blocks = self.model.checkout(patron, item) | ({Code.UNKNOWN_ITEM} if item == NOBODYS else set())
        if blocks:
            return self.refused(answer, blocks)
        assert isinstance(answer, Lent)
        out = Out(patron, self.model.today() + timedelta(days=PERIOD))
        self.model.outs.append(out)
        assert answer.entry == self.recorded()
        self.model.set(item, answer.entry, loan=out, repair=False, open_tag=True)
        return None

    @rule(item=COPIES, opened=st.booleans())
    def checkin(self, item: str, opened: bool) -> None:
        copy = self.model.copies[item]
        copy.open_tag |= opened
        answer = self.ledger.checkin(item, tag_to_secure=copy.open_tag)
        late = max(0, (self.model.today() - copy.loan.due).days) if copy.loan else 0
        owed = min(late * PER_DAY, CAP) if copy.loan and copy.loan.patron else 0
        assert answer.late_days == late
        assert (answer.fee.amount if answer.fee else 0) == owed
        assert answer.entry == self.recorded(2 if owed else 1)
        if answer.fee and copy.loan:
            self.model.debts[answer.fee.fee_id] = Debt(copy.loan.patron, owed)
        self.model.set(item, answer.entry, loan=None, repair=copy.repair or copy.open_tag)
        if answer.fee:
            give_back = copy.undo
            assert give_back is not None
            debt = self.model.debts[answer.fee.fee_id]

            def undo() -> None:
                give_back()
                if debt.owed:
                    debt.owed = 0
                    self.entries += 1

            copy.undo = undo

    @rule(card=READERS, item=COPIES)
    def renew(self, card: str, item: str) -> None:
        patron = AN if card in CARDS[AN] else card
        out = self.model.copies[item].loan
        answer = self.ledger.renew(card, item)
        if blocks := self.model.renew(patron, item):
            return self.refused(answer, blocks)
        assert isinstance(answer, Extended)
        assert out is not None
        longer = replace(out, due=max(out.due, self.model.today()) + timedelta(days=PERIOD), renewals=out.renewals + 1)
        self.model.outs.append(longer)
        assert answer.entry == self.recorded()
        self.model.set(item, answer.entry, loan=longer)
        return None

    @rule(back=st.integers(-1, 6))
    def undo(self, back: int) -> None:
        entry = self.entries - back
        copy = next((copy for copy in self.model.copies.values() if copy.undo and copy.last == entry), None)
        was = list(self.ledger.entries(entry - 1))[:1] if 0 < entry <= self.entries else []
        known = any(isinstance(e.event, ev.CheckedOut | ev.CheckedIn | ev.Renewed) for e in was)
        answer = self.ledger.undo(entry, tag_to_secure=copy is not None and copy.open_tag)
        if copy is None:
            return self.refused(answer, {Code.NOT_THE_LATEST if known else Code.UNKNOWN_ENTRY})
        assert isinstance(answer, TakenBackAct)
        assert copy.undo is not None
        copy.undo()
        copy.undo, copy.last = None, 0
        if answer.act == "checkout":
            copy.repair |= copy.open_tag
        assert answer.entry == self.recorded()
        return None

    @rule(data=st.data(), amount=st.sampled_from([None, 1, 700, 10_000, 0]), pay=st.booleans())
    def settle(self, data: st.DataObject, amount: int | None, pay: bool) -> None:
        fee_id = data.draw(st.sampled_from([*self.model.debts, "f0"]))
        answer = self.ledger.pay(fee_id, amount) if pay else self.ledger.waive(fee_id, amount)
        debt = self.model.debts.get(fee_id)
        if debt is None or not debt.owed:
            return self.refused(answer, {Code.UNKNOWN_FEE})
        if amount is not None and not 0 < amount <= debt.owed:
            return self.refused(answer, {Code.WRONG_AMOUNT})
        assert isinstance(answer, Fee)
        debt.owed -= debt.owed if amount is None else amount
        assert answer.outstanding == debt.owed
        self.recorded()
        return None

    @rule(item=COPIES)
    def secure(self, item: str) -> None:
        copy = self.model.copies[item]
        if copy.loan is None:
            self.ledger.tag_secured(item)
            copy.repair = copy.open_tag = False
            self.recorded()

    @rule(item=COPIES)
    def find_open(self, item: str) -> None:
        self.ledger.repair_needed(item, "found_open")
        self.model.copies[item].repair = self.model.copies[item].open_tag = True
        self.recorded()

    @rule(patron=st.sampled_from([AN, BINH, CHI]))
    def forget(self, patron: str) -> None:
        answer = self.ledger.forget(patron)
        blocks = {Code.STILL_HAS_LOANS} if self.model.loans(patron) else set()
        if blocks := blocks | ({Code.STILL_OWES} if self.model.owed(patron) else set()):
            return self.refused(answer, blocks)
        assert isinstance(answer, Recorded)
        known: tuple[Out | Debt, ...] = (*self.model.outs, *self.model.debts.values())
        for one in known:
            if one.patron == patron:
                one.patron = None
        assert answer.entry == self.recorded()
        return None

    @rule()
    def count_a_visit(self) -> None:
        self.ledger.close_visit(self.ledger.open_visit(), "left")
        self.recorded(2)

    @rule(hours=st.sampled_from([0, 1, 24, 24 * 10, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        self.clock.go_on(hours=hours)

    @rule(days=st.sampled_from([-20_000, -400, -30, -1, 1, 30, 4_000, 20_000]))
    def clock_jumps(self, days: int) -> None:
        year = self.clock.wall + timedelta(days=days)
        self.clock.set_to(min(max(year, datetime(1970, 1, 1, tzinfo=UTC)), datetime(2120, 1, 1, tzinfo=UTC)))

    @rule()
    def machine_restarts(self) -> None:
        self.ledger.close()
        self.clock.restart()
        self.ledger = open_desk(self.home, self.clock)

    @rule()
    def clock_is_confirmed(self) -> None:
        moment = self.ledger.confirm_clock()
        possible = BUILT - timedelta(minutes=2) <= self.clock.wall <= BEYOND
        assert moment.trusted == (possible or self.model.now() == self.clock.wall)
        self.model.recorded(self.clock.wall if possible else None)
        self.entries += 1

    @invariant()
    def it_adds_up(self) -> None:
        seen = self.ledger.verify()
        assert seen.problems == ()
        assert seen.events == self.entries

    @invariant()
    def loans_and_fees_are_the_models(self) -> None:
        found: dict[str, tuple[str | None, date, int]] = {}
        for patron in (AN, BINH, CHI):
            account = self.ledger.account(patron)
            assert account.owed == self.model.owed(patron)
            for line in account.loans:
                assert line.loan.item_id not in found
                found[line.loan.item_id] = (patron, local_day(line.loan.due_at), line.loan.renewals)
        out = {item: copy.loan for item, copy in self.model.copies.items() if copy.loan}
        expected = {item: (loan.patron, loan.due, loan.renewals) for item, loan in out.items()}
        assert found == {item: loan for item, loan in expected.items() if loan[0] is not None}
        for item in (KIEU_1, KIEU_2, LAO_HAC):
            seen = self.ledger.find_item(item)
            assert seen is not None
            loan = seen[2]
            assert (loan and (loan.patron_id, local_day(loan.due_at), loan.renewals)) == expected.get(item)

    @invariant()
    def every_open_tag_has_a_loan_or_waits_for_repair(self) -> None:
        waiting = {repair.item_id for repair in self.ledger.pending_repairs()}
        assert waiting == {item for item, copy in self.model.copies.items() if copy.repair}
        for item, copy in self.model.copies.items():
            if copy.open_tag:
                assert copy.loan is not None or item in waiting


TestDeskWork = DeskWork.TestCase
TestDeskWork.settings = settings(max_examples=30, stateful_step_count=35)


def test_a_patron_known_by_two_numbers_is_one_patron(scene: Scene) -> None:
    with told(scene.home) as reference:
        reference.write(patrons=[Patron("BD-9", "Ma Thị Hai Thẻ", "adult", BRANCH)], cards={"BD-9": ["1111", "2222"]})
    scene.lend("1111", KIEU_1)
    refused = scene.ledger.checkout("2222", KIEU_1)
    assert isinstance(refused, Refused)
    assert refused.codes == (Code.ALREADY_YOURS,)
