"""What goes to staff: fees that were settled twice, what headquarters knew better, and the sentences of all of it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.phrase import Phrase
from sync.circulation import events as ev
from sync.circulation.events import OF_HEADQUARTERS, Event, decode, encode
from sync.circulation.exceptions import (
    ExceptionKind,
    FeeDoubt,
    Party,
    Resolution,
    StaffException,
    resolutions,
    sentence,
    settled,
)
from sync.circulation.fees import FeeAccount, fold_fee
from sync.circulation.judgements import judge
from sync.circulation.model import Item, ItemStatus, Patron, PatronBlock, PatronBlockKind
from sync.circulation.network import Network
from tests.sync.circulation.one_copy import ITEM, Act, back, facts, hour, out, renew
from tests.sync.circulation.plain import BRANCHES, PATRON, PLAIN, PROVINCE

NETWORK = Network(BRANCHES)

# --- fees -------------------------------------------------------------------------------------------------------------

CHARGED = Act("A", 8, ev.FeeCharged("f1", "T1", "overdue", 3000, "r1"))


def paid(station: str, h: float, amount: int, *, owed: int | None = None) -> Act:
    """Money for the fee; with ``owed`` the station had only heard of it."""
    carried = {} if owed is None else {"token": "T1", "kind": "overdue", "owed": owed, "charged_at": hour(8)}
    return Act(station, h, ev.FeePaid("f1", amount, **carried))  # type: ignore[arg-type]  # the fields of FeePaid


def waived(station: str, h: float, amount: int) -> Act:
    """The fee, or a part of it, forgiven."""
    return Act(station, h, ev.FeeWaived("f1", amount, "", "T1", "overdue", 3000, hour(8)))


def account(*acts: Act) -> FeeAccount:
    """What the acts make of the fee, in every order they can come in."""
    told = facts(*acts)
    (made,) = (
        {fold_fee("f1", ITEM, order) for order in permutations(told)} if len(told) < 5 else {fold_fee("f1", ITEM, told)}
    )
    assert fold_fee("f1", ITEM, told * 2) == made
    return made


def test_a_fee_is_owed_until_it_is_paid_or_forgiven() -> None:
    assert account(CHARGED).outstanding == 3000
    made = account(CHARGED, paid("A", 9, 1000), waived("A", 10, 500))
    assert (made.token, made.kind, made.amount, made.charged_at) == ("T1", "overdue", 3000, hour(8))
    assert (made.paid, made.waived, made.outstanding, made.overpaid) == (1000, 500, 1500, 0)
    assert made.exception is None


def test_a_fee_in_doubt_is_not_asked_for() -> None:
    made = account(CHARGED, paid("A", 9, 1000))
    assert (made.owed(in_doubt=True), made.owed(in_doubt=False)) == (0, 2000)


def test_money_that_was_taken_twice_goes_back() -> None:
    acts = (CHARGED, paid("A", 9, 3000), paid("B", 10, 3000, owed=3000))
    made = account(*acts)
    assert (made.outstanding, made.overpaid) == (0, 3000)
    assert made.exception is not None
    assert (made.exception.kind, made.exception.amount, made.exception.id) == ("overpaid", 3000, "overpaid:f1:3000")
    refund = resolutions(made.exception, NETWORK)[0]
    settled_ = account(*acts, *(Act("HQ", 20, event) for event in refund.events))
    assert (settled_.overpaid, settled_.exception) == (0, None)


def test_money_for_what_was_forgiven_elsewhere_goes_back() -> None:
    made = account(CHARGED, paid("A", 9, 3000), waived("B", 10, 3000))
    assert (made.outstanding, made.overpaid) == (0, 3000)


def test_a_fee_forgiven_twice_is_nobodys_money() -> None:
    made = account(CHARGED, waived("A", 9, 3000), waived("B", 10, 3000))
    assert (made.outstanding, made.overpaid, made.exception) == (0, 0, None)


def test_a_payment_carries_a_fee_whose_charge_has_not_come() -> None:
    made = account(paid("B", 10, 1000, owed=3000), paid("C", 11, 2000, owed=2000))
    assert (made.kind, made.amount, made.outstanding, made.charged_at) == ("overdue", 3000, 0, hour(8))


def test_a_payment_alone_is_no_exception_before_the_charge_comes() -> None:
    made = account(paid("B", 10, 1000))
    assert (made.kind, made.outstanding, made.exception) == (None, 0, None)
    assert account(paid("B", 10, 1000), CHARGED).outstanding == 2000


def test_a_fee_is_charged_once() -> None:
    again = Act("B", 9, ev.FeeCharged("f1", "T1", "overdue", 9000, "r1"))
    assert account(CHARGED, again).amount == 3000


def test_staff_may_settle_what_was_overpaid_otherwise_until_more_comes() -> None:
    acts = (CHARGED, paid("A", 9, 3000), paid("B", 10, 1000, owed=1000))
    question = account(*acts).exception
    assert question is not None
    noted = Act("HQ", 20, ev.ExceptionResolved(question.id, "noted", ITEM, "f1"))
    assert account(*acts, noted).exception == replace(question, resolution=Resolution.NOTED)
    more = account(*acts, noted, paid("C", 30, 500, owed=500)).exception
    assert more is not None
    assert more.open


MONEY = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["pay", "waive", "charge", "refund"]), st.integers(1, 4)),
    max_size=6,
)


@given(MONEY, st.randoms(use_true_random=False))
def test_money_adds_up_to_the_same_in_any_order(moves: list[tuple[str, str, int]], rng: object) -> None:
    acts: list[Act] = []
    for n, (station, what, thousands) in enumerate(moves):
        amount = thousands * 1000
        made: Event
        match what:
            case "pay":
                made = ev.FeePaid("f1", amount)
            case "waive":
                made = ev.FeeWaived("f1", amount, "", "T1", "overdue", amount, n)
            case "charge":
                made = ev.FeeCharged("f1", "T1", "overdue", amount, "r1")
            case _:
                made = ev.FeeRefunded("f1", amount)
        acts.append(Act(station, n, made))
    told = facts(*acts)
    whole = fold_fee("f1", ITEM, told)
    mixed = told * 2
    rng.shuffle(mixed)  # type: ignore[attr-defined]  # random.Random, as Hypothesis gives it
    assert fold_fee("f1", ITEM, mixed) == whole
    assert not (whole.outstanding and whole.overpaid)
    assert whole.outstanding - whole.overpaid == max(0, whole.amount - whole.waived) - whole.paid + whole.refunded or (
        whole.waived > whole.amount or whole.refunded > whole.paid
    )


# --- judgements -------------------------------------------------------------------------------------------------------

HOME = Item(ITEM, "t1", "sach", PROVINCE)
TODAY = date(2027, 3, 2)
CARD = replace(PATRON, patron_id="p", expires=None)


def judged(
    act: Act, patron: Patron | None = CARD, item: Item | None = HOME, open_loans: int = 0, reader: str | None = "p"
) -> list[str]:
    """The kinds of exceptions that an act gives rise to on the plain day."""
    fact = replace(facts(act)[0], reader=reader)
    found = judge(fact, patron, item, PLAIN.rules, open_loans)
    assert all(x.parties[0].ref == "A.1.1" and x.item == ITEM and x.open for x in found)
    return [x.kind.value for x in found]


STOPPED = PatronBlock(PatronBlockKind.DEBT, TODAY)


def lent() -> Act:
    """A plain checkout."""
    return out("A", 9, "T1")


def test_what_is_in_order_is_not_remarked_upon() -> None:
    for act in (lent(), back("A", 9), renew("A", 9, "T1"), Act("A", 9, ev.UsedOnSite(ITEM, "A"))):
        assert judged(act) == []


@pytest.mark.parametrize(
    ("patron", "kinds"),
    [
        (replace(CARD, expires=TODAY), []),
        (replace(CARD, expires=TODAY - timedelta(days=1)), ["lent_while_blocked"]),
        (replace(CARD, blocks=(STOPPED,)), ["lent_while_blocked"]),
        (replace(CARD, blocks=(replace(STOPPED, until=TODAY - timedelta(days=1)),)), []),
        (replace(CARD, blocks=(replace(STOPPED, until=None),), expires=date(2020, 1, 1)), ["lent_while_blocked"]),
        (None, ["unknown_card"]),
    ],
)
def test_a_reader_who_might_not_have_borrowed_is_reported_once(patron: Patron | None, kinds: list[str]) -> None:
    assert judged(lent(), patron) == kinds
    assert judged(back("A", 9), patron) == []


@pytest.mark.parametrize(("before", "kinds"), [(2, []), (3, ["over_limit"]), (4, ["over_limit"])])
def test_a_limit_is_exceeded_across_stations(before: int, kinds: list[str]) -> None:
    fact = replace(facts(lent())[0], reader="p", event=replace(_checkout(), branch=PROVINCE))
    assert [x.kind.value for x in judge(fact, CARD, HOME, PLAIN.rules, before)] == kinds


def _checkout() -> ev.CheckedOut:
    event = lent().event
    assert isinstance(event, ev.CheckedOut)
    return event


def test_nothing_is_said_of_a_reader_who_was_forgotten() -> None:
    assert judged(lent(), None, reader=None) == []


@pytest.mark.parametrize("act", [lent(), back("A", 9), Act("A", 9, ev.UsedOnSite(ITEM, "A"))])
@pytest.mark.parametrize(
    ("item", "kinds"),
    [
        (None, ["unknown_item"]),
        (replace(HOME, status=ItemStatus.LOST), ["lost_returned"]),
        (replace(HOME, status=ItemStatus.WITHDRAWN), ["withdrawn_returned"]),
        (replace(HOME, status=ItemStatus.DAMAGED), []),
        (replace(HOME, status=ItemStatus.IN_TRANSIT), []),
    ],
)
def test_a_copy_that_should_not_be_there_is_reported(act: Act, item: Item | None, kinds: list[str]) -> None:
    assert judged(act, item=item) == kinds


# --- words and choices ------------------------------------------------------------------------------------------------

LENT_AT = Party("T1", "A.1.1", "TN", hour(9))
AGAIN_AT = Party("T2", "B.1.1", "TN-PB", hour(30))
RETURNED_AT = Party(None, "B.1.1", "TN-PB", hour(30))
EVERY = (
    StaffException(ExceptionKind.MISSED_RETURN, ITEM, (LENT_AT, AGAIN_AT)),
    StaffException(ExceptionKind.AMBIGUOUS_CUSTODY, ITEM, (LENT_AT, AGAIN_AT)),
    StaffException(ExceptionKind.AMBIGUOUS_CUSTODY, ITEM, (LENT_AT, RETURNED_AT)),
    StaffException(ExceptionKind.ORPHAN_RETURN, ITEM, (RETURNED_AT,)),
    *(StaffException(ExceptionKind.FEE_IN_DOUBT, ITEM, (LENT_AT,), "f1", 5000, doubt) for doubt in FeeDoubt),
    StaffException(ExceptionKind.OVERPAID, None, (replace(RETURNED_AT, branch=""),), "f1", 5000),
    *(
        StaffException(kind, ITEM, (LENT_AT,))
        for kind in (
            ExceptionKind.LENT_WHILE_BLOCKED,
            ExceptionKind.OVER_LIMIT,
            ExceptionKind.UNKNOWN_CARD,
            ExceptionKind.UNKNOWN_ITEM,
            ExceptionKind.LOST_RETURNED,
            ExceptionKind.WITHDRAWN_RETURNED,
        )
    ),
)


def well_put(phrase: Phrase) -> None:
    """A sentence in both languages, filled in, NFC, with its full stop."""
    assert phrase.vi != phrase.en
    for text in (phrase.vi, phrase.en):
        assert text.endswith(".")
        assert "{" not in text
        assert unicodedata.is_normalized("NFC", text)


def test_every_kind_is_here() -> None:
    assert {x.kind for x in EVERY} == set(ExceptionKind)


@pytest.mark.parametrize("exception", EVERY, ids=lambda x: x.id)
def test_every_exception_has_a_sentence_and_ways_to_settle_it(exception: StaffException) -> None:
    words = sentence(exception, NETWORK)
    well_put(words)
    assert ITEM in words.vi or exception.item is None
    choices = resolutions(exception, NETWORK)
    assert choices
    assert len({choice.words for choice in choices}) == len(choices)
    for choice in choices:
        well_put(choice.words)
        for event in choice.events:
            assert type(event) in OF_HEADQUARTERS | {ev.FeeWaived}
        *_, last = choice.events
        assert isinstance(last, ev.ExceptionResolved)
        assert settled(exception, (last,))[0].resolution == choice.resolution
        assert settled(exception, (replace(last, exception="another"),)) == (exception, None)


@pytest.mark.parametrize("exception", EVERY, ids=lambda x: x.id)
def test_an_exception_is_carried_whole_and_keeps_its_identity(exception: StaffException) -> None:
    done = replace(exception, resolution=Resolution.NOTED)
    for x in (exception, done):
        assert StaffException.from_values(json.loads(json.dumps(x.to_values()))) == x
    assert done.id == exception.id
    assert exception.open
    assert not done.open


def test_sentences_name_branches_days_and_money_as_people_do() -> None:
    assert sentence(EVERY[0], NETWORK).vi == (
        "Bản TN.100 ghi mượn tại Thư viện tỉnh Thái Nguyên (02/03/2027), chưa thấy ghi trả, lại được ghi mượn tại "
        "Thư viện Phú Bình (03/03/2027). Lượt mượn trước được coi là đã trả, không tính tiền phạt."
    )
    assert "5.000\u00a0₫" in sentence(EVERY[4], NETWORK).en
    readers = [choice.words.vi for choice in resolutions(EVERY[1], NETWORK)]
    assert readers == [
        "Bạn đọc mượn tại Thư viện Phú Bình (03/03/2027) đang giữ bản này.",
        "Bạn đọc mượn tại Thư viện tỉnh Thái Nguyên (02/03/2027) đang giữ bản này.",
        "Bản này đang ở thư viện.",
    ]


@pytest.mark.parametrize("at", [-1, 10**30])
def test_an_instant_in_no_calendar_is_a_dash_in_the_sentence(at: int) -> None:
    exception = replace(EVERY[0], parties=(replace(LENT_AT, at=at), AGAIN_AT))
    assert "(—)" in sentence(exception, NETWORK).vi
    well_put(resolutions(exception, NETWORK)[1].words)


def test_an_exception_is_the_work_of_the_copys_home_else_of_where_it_was_lent() -> None:
    assert (EVERY[0].owner("BK"), EVERY[0].owner(None), EVERY[0].at) == ("BK", "TN", hour(30))
    assert StaffException(ExceptionKind.OVERPAID, None, (), "f1", 1).owner(None) == ""


def test_an_exception_takes_its_name_from_what_it_is_about_alone() -> None:
    assert len({x.id for x in EVERY}) == len(EVERY)
    missed, ambiguous = EVERY[0], EVERY[1]
    assert replace(missed, parties=missed.parties[::-1]).id != missed.id  # which loan was missed is the question
    assert replace(ambiguous, parties=ambiguous.parties[::-1]).id == ambiguous.id


def test_a_resolution_travels_like_any_event() -> None:
    for exception in EVERY:
        for choice in resolutions(exception, NETWORK):
            for event in choice.events:
                line = encode(ev.Entry(1, ev.from_ms(hour(9)), 0, "b1", "hq", event))
                assert decode(line).event == event
