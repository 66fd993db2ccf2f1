"""Who has a copy when stations could not ask each other: every rule of the conflict table (facts/sync.md, 5.3)."""

import json
from dataclasses import replace

import pytest

from sync.circulation import events as ev
from sync.circulation.copies import Closing, CopyLoan, Custody
from sync.circulation.custody import extend, fold
from sync.circulation.events import Event
from sync.circulation.exceptions import ExceptionKind, Resolution, StaffException
from sync.circulation.facts import in_order, overlap
from sync.circulation.timeline import LEAST_SPREAD
from tests.sync.circulation.one_copy import (
    DAY,
    ITEM,
    PERIOD,
    Act,
    back,
    closings,
    decided,
    facts,
    fee,
    history,
    hour,
    kinds,
    loan,
    only,
    out,
    renew,
    undo,
)

#: Two minutes each way: acts closer than twice this may have been in either order.
MOMENT = 1 / 60

# --- the plain course -------------------------------------------------------------------------------------------------


def test_a_copy_that_nobody_spoke_of_is_nowhere_and_nobodys() -> None:
    made = fold(ITEM, ())
    assert made.custody == Custody()
    assert (made.loans, made.exceptions) == ((), ())
    assert made.custody.bound_for("A") is None


def test_a_checkout_gives_the_copy_to_its_reader() -> None:
    made = history(out("A", 8, "T1"))
    (lent,) = made.loans
    assert made.custody.loan == lent
    assert (lent.token, lent.branch, lent.mode, lent.item_type) == ("T1", "A", "take_home", "sach")
    assert (lent.out_at, lent.due_at, lent.closing) == (hour(8), hour(8) + PERIOD, None)
    assert made.custody.branch == "A"
    assert kinds(made) == []


def test_a_return_ends_the_loan_at_its_instant() -> None:
    made = history(out("A", 8, "T1"), back("A", 10, "T1", late=3))
    ended = loan(made, "T1")
    assert (ended.closing, ended.closed_at, ended.late_days) == (Closing.CHECKIN, hour(10), 3)
    assert made.custody.loan is None
    assert kinds(made) == []


def test_a_return_that_knows_no_loan_ends_the_one_that_is_open() -> None:
    made = history(out("A", 8, "T1"), back("B", 10))
    assert closings(made) == {"T1": "checkin"}
    assert kinds(made) == []


def test_a_renewal_moves_the_due_date_and_is_counted() -> None:
    made = history(out("A", 8, "T1"), renew("A", 9, "T1", 30), renew("B", 10, "T1", 40))
    assert (loan(made, "T1").due_at, loan(made, "T1").renewals) == (hour(10) + 40 * DAY, 2)


def test_a_renewal_never_shortens_the_loan() -> None:
    made = history(out("A", 8, "T1"), renew("A", 9, "T1", 40), renew("B", 10, "T1", 20))
    assert (loan(made, "T1").due_at, loan(made, "T1").renewals) == (hour(9) + 40 * DAY, 2)


def test_reading_on_site_moves_nothing() -> None:
    read = Act("B", 9, ev.UsedOnSite(ITEM, "B"))
    assert history(out("A", 8, "T1"), read) == history(out("A", 8, "T1"))


@pytest.mark.parametrize(
    "event", [ev.Unknown("checked_out", 2, "{}"), ev.TagSecured(ITEM), ev.VisitOpened("v"), ev.ClockCompared(1, 1)]
)
def test_what_says_nothing_of_custody_is_passed_over(event: Event) -> None:
    said = facts(out("A", 8, "T1"), Act("B", 9, event))
    assert fold(ITEM, said) == fold(ITEM, said[:1])
    made = fold(ITEM, said[:1]).custody
    extended = extend(ITEM, made, said[1])
    assert extended is not None
    assert (extended.custody, extended.loans, extended.exceptions) == (made, (), ())


# --- the same copy at two places --------------------------------------------------------------------------------------


def test_lent_again_elsewhere_shows_that_a_return_was_missed() -> None:
    made = history(out("A", 8, "T1", "p"), out("B", 12, "T2", "q"))
    assert closings(made) == {"T1": "inferred", "T2": None}
    assert loan(made, "T1").closed_at == hour(12)
    missed = only(made)
    assert (missed.kind, missed.loans, missed.at) == (ExceptionKind.MISSED_RETURN, ("T1", "T2"), hour(12))
    assert missed.id == "missed_return:T1:T2"
    assert not made.custody.ambiguous


def test_readers_whom_nobody_knows_are_not_taken_for_the_same() -> None:
    assert kinds(history(out("A", 8, "T1"), out("B", 12, "T2"))) == ["missed_return"]


def test_the_fee_of_an_inferred_return_waits_for_staff() -> None:
    made = history(
        out("A", 8, "T1", "p"), out("B", 12, "T2", "q"), back("A", 20 * 24, "T1", late=4), fee("A", 20 * 24, "T1")
    )
    assert closings(made) == {"T1": "inferred", "T2": "checkin"}
    assert kinds(made) == ["fee_in_doubt", "missed_return"]
    assert next(x.doubt for x in made.exceptions if x.fee) == "inferred"


def test_lent_at_two_places_at_once_is_not_guessed() -> None:
    made = history(out("A", 8, "T1", "p"), out("B", 8 + MOMENT, "T2", "q"))
    assert kinds(made) == ["ambiguous_custody"]
    assert made.custody.ambiguous
    assert all(x.doubted for x in made.loans)
    assert only(made).id == "ambiguous_custody:T1:T2"


def test_an_ambiguity_has_the_same_name_whichever_side_the_clocks_put_first() -> None:
    one = history(out("A", 8, "T1", "p"), out("B", 8 + MOMENT, "T2", "q"))
    other = history(out("A", 8 + MOMENT, "T1", "p"), out("B", 8, "T2", "q"))
    assert only(one).id == only(other).id


@pytest.mark.parametrize(("minutes", "kind"), [(4, "ambiguous_custody"), (4.001, "missed_return")])
def test_clocks_leave_the_order_open_up_to_the_sum_of_their_spreads(minutes: float, kind: str) -> None:
    assert kinds(history(out("A", 8, "T1"), out("B", 8 + minutes * MOMENT, "T2"))) == [kind]


def test_no_fee_of_an_ambiguous_loan_is_asked_for() -> None:
    made = history(
        out("A", 8, "T1", "p"),
        out("B", 8 + MOMENT, "T2", "q"),
        back("B", 24 * 20, "T2", late=4),
        fee("B", 24 * 20, "T2"),
        fee("A", 24 * 21, "T1", kind="loss"),
    )
    assert kinds(made) == ["ambiguous_custody", "fee_in_doubt", "fee_in_doubt"]


def test_a_return_after_an_ambiguous_loan_makes_the_present_certain_and_leaves_the_past_open() -> None:
    made = history(out("A", 8, "T1", "p"), out("B", 8 + MOMENT, "T2", "q"), back("B", 20, "T2"))
    assert (made.custody.loan, made.custody.ambiguous) == (None, False)
    assert kinds(made) == ["ambiguous_custody"]


def test_a_return_that_names_the_earlier_loan_explains_the_second_checkout() -> None:
    # The desk took it back, the kiosk beside it lent it again, and the desk's clock is a minute fast.
    made = history(out("A", 8, "T1"), out("B", 12, "T2"), back("A", 12 + MOMENT, "T1"))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert kinds(made) == []
    assert made.custody.branch == "B"


def test_a_return_that_explains_frees_the_loans_from_doubt() -> None:
    made = history(out("A", 8, "T1"), out("B", 8 + MOMENT, "T2"), back("A", 8 + 2 * MOMENT, "T1"))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert not made.custody.ambiguous
    assert not any(x.doubted for x in made.loans)


def test_a_return_that_names_an_earlier_loan_hours_later_ends_the_loan_that_is_open() -> None:
    made = history(out("A", 8, "T1"), out("B", 12, "T2"), back("A", 15, "T1"))
    assert closings(made) == {"T1": "inferred", "T2": "checkin"}
    assert (made.custody.loan, made.custody.branch) == (None, "A")
    assert kinds(made) == ["missed_return"]


def test_a_return_elsewhere_within_a_moment_of_the_checkout_is_not_guessed() -> None:
    made = history(out("A", 8, "T1"), back("B", 8 + MOMENT))
    assert kinds(made) == ["ambiguous_custody"]
    assert only(made).loans == ("T1",)
    assert made.custody.ambiguous


def test_a_return_that_names_the_loan_was_made_after_it_whatever_the_clocks_say() -> None:
    made = history(out("A", 12, "T1"), back("B", 8, "T1"))
    assert closings(made) == {"T1": "checkin"}
    assert loan(made, "T1").closed_at == hour(12)  # no loan ends before it began
    assert kinds(made) == []


def test_a_stray_return_within_a_moment_before_a_checkout_is_not_guessed() -> None:
    made = history(out("A", 6, "T0"), back("A", 7, "T0"), back("B", 8), out("A", 8 + MOMENT, "T1"))
    assert kinds(made) == ["ambiguous_custody", "orphan_return"]
    assert (made.custody.loan, made.custody.ambiguous) == (loan(made, "T1"), True)


def test_three_stations_at_once_leave_one_loan_open_and_two_questions() -> None:
    made = history(out("A", 8, "T1"), out("B", 8 + MOMENT, "T2"), out("C", 8 + 2 * MOMENT, "T3"))
    assert list(closings(made).values()).count(None) == 1
    assert kinds(made) == ["ambiguous_custody", "ambiguous_custody"]


# --- the same reader --------------------------------------------------------------------------------------------------


def test_the_same_reader_again_is_a_renewal() -> None:
    made = history(out("A", 8, "T1", "p"), out("B", 24 * 5, "T2", "p"))
    (lent,) = made.loans
    assert (lent.token, lent.also, lent.renewals, lent.closing) == ("T1", ("T2",), 1, None)
    assert lent.due_at == hour(24 * 5) + PERIOD
    assert kinds(made) == []


@pytest.mark.parametrize("token", ["T1", "T2", None])
def test_either_token_of_such_a_loan_ends_it(token: str | None) -> None:
    made = history(out("A", 8, "T1", "p"), out("B", 24 * 5, "T2", "p"), back("C", 24 * 6, token))
    assert closings(made) == {"T1": "checkin"}
    assert kinds(made) == []


def test_the_same_reader_at_once_at_two_places_is_a_renewal_too() -> None:
    assert kinds(history(out("A", 8, "T1", "p"), out("B", 8 + MOMENT, "T2", "p"))) == []


def test_the_same_reader_after_a_return_has_a_second_loan() -> None:
    made = history(out("A", 8, "T1", "p"), back("A", 9, "T1"), out("A", 10, "T2", "p"))
    assert closings(made) == {"T1": "checkin", "T2": None}


# --- returns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["T1", None])
def test_a_return_before_anything_is_known_is_parked(token: str | None) -> None:
    made = history(back("A", 8, token))
    assert kinds(made) == ["orphan_return"]
    assert only(made).id == "orphan_return:A.1.1"
    assert made.custody.branch == "A"


@pytest.mark.parametrize("token", ["T1", None])
def test_a_parked_return_ends_its_loan_when_the_checkout_comes(token: str | None) -> None:
    said = facts(back("A", 10, token), out("V", 8, "T1"))
    made = fold(ITEM, said)
    assert closings(made) == {"T1": "checkin"}
    assert kinds(made) == []
    parked = fold(ITEM, said[:1]).custody
    assert extend(ITEM, parked, said[1]) is None  # only all the facts can tell


def test_a_return_of_what_was_returned_is_parked() -> None:
    assert kinds(history(out("A", 8, "T1"), back("A", 9, "T1"), back("A", 10, "T1"))) == ["orphan_return"]
    assert kinds(history(out("A", 8, "T1"), back("A", 9, "T1"), back("A", 10))) == ["orphan_return"]


def test_what_was_put_aside_for_another_branch_arrives_there_and_nobody_is_asked() -> None:
    made = history(out("A", 8, "T1"), back("B", 9, "T1", aside="other_library"), back("A", 30))
    assert kinds(made) == []
    assert made.custody.branch == "A"
    assert kinds(history(out("A", 8, "T1"), back("B", 9, "T1", aside="other_library"), back("B", 30))) == [
        "orphan_return"
    ]


def test_a_return_at_another_branch_ends_the_loan_and_sends_the_copy_home() -> None:
    made = history(out("A", 8, "T1"), back("B", 9, "T1"))
    assert closings(made) == {"T1": "checkin"}
    assert made.custody.bound_for("A") == "A"
    assert made.custody.bound_for("B") is None


def test_a_van_counts_as_a_branch() -> None:
    made = history(out("VAN", 8, "T1"), back("VAN", 9, "T1"))
    assert made.custody.bound_for("A") == "A"
    assert history(out("VAN", 8, "T1")).custody.bound_for("A") is None  # with a reader


# --- renewals ---------------------------------------------------------------------------------------------------------


def test_a_late_renewal_is_recorded_and_has_no_effect() -> None:
    made = history(out("A", 8, "T1"), back("A", 10, "T1"), renew("B", 12, "T1"))
    ended = loan(made, "T1")
    assert (ended.renewals, ended.idle_renewals, ended.due_at) == (0, 1, hour(8) + PERIOD)
    assert kinds(made) == []


def test_a_renewal_from_before_the_return_counts_even_when_it_comes_after() -> None:
    said = facts(out("A", 8, "T1"), back("A", 10, "T1"), renew("B", 9, "T1"))
    ended = loan(fold(ITEM, said), "T1")
    assert (ended.renewals, ended.idle_renewals, ended.due_at) == (1, 0, hour(9) + 30 * DAY)


def test_a_renewal_carries_a_loan_that_nobody_else_has_reported() -> None:
    made = history(renew("A", 24 * 5, "T1", 30, made=8, nth=2))
    (lent,) = made.loans
    assert (lent.branch, lent.out_at, lent.renewals, lent.due_at) == ("W", hour(8), 2, hour(24 * 5) + 30 * DAY)
    assert made.custody.loan == lent


def test_a_carried_loan_becomes_the_reported_one_when_its_checkout_comes() -> None:
    said = facts(renew("A", 24 * 5, "T1", 30, made=8), out("W", 8, "T1"))
    assert fold(ITEM, said).loans == (replace(fold(ITEM, said[:1]).loans[0], branch="W"),)
    assert extend(ITEM, fold(ITEM, said[:1]).custody, said[1]) is None


def test_a_carried_loan_meets_other_loans_where_it_was_made() -> None:
    made = history(renew("A", 24, "T1", made=8), out("B", 12, "T2"))
    assert closings(made) == {"T1": "inferred", "T2": None}
    assert loan(made, "T1").idle_renewals == 1


@pytest.mark.parametrize("h", [8 - 4 * MOMENT, 8 + 4 * MOMENT])
def test_a_carried_loan_was_made_within_two_minutes_of_what_is_said(h: float) -> None:
    assert kinds(history(renew("A", 24, "T1", made=8), out("B", h, "T2"))) == ["ambiguous_custody"]
    far = h + (h - 8) / 100
    assert kinds(history(renew("A", 24, "T1", made=8), out("B", far, "T2"))) == ["missed_return"]


def test_a_renewal_of_an_unknown_loan_waits_for_its_checkout() -> None:
    said = facts(renew("A", 9, "T1"), out("B", 8, "T1"))
    assert fold(ITEM, said[:1]).loans == ()
    assert extend(ITEM, fold(ITEM, said[:1]).custody, replace(said[1], at=hour(10), earliest=hour(10))) is None
    assert loan(fold(ITEM, said), "T1").renewals == 1


# --- undone -----------------------------------------------------------------------------------------------------------


def test_an_undone_checkout_never_took_the_copy_away() -> None:
    made = history(out("A", 8, "T1"), undo("A", 8 + MOMENT, 1, "checkout", "T1"))
    assert closings(made) == {"T1": "undone"}
    assert loan(made, "T1").closed_at == hour(8 + MOMENT)
    assert (made.custody.loan, made.custody.branch) == (None, None)


def test_an_undone_checkout_misses_no_return() -> None:
    made = history(out("A", 8, "T1"), out("B", 10, "T2"), undo("B", 11, 1, "checkout", "T2"))
    assert closings(made) == {"T1": None, "T2": "undone"}
    assert kinds(made) == []


def test_an_undone_return_leaves_the_loan_as_it_was() -> None:
    assert history(out("A", 8, "T1"), back("B", 9, "T1"), undo("B", 10, 1, "checkin", "T1")).loans == (
        history(out("A", 8, "T1")).loans
    )


def test_an_undone_renewal_gives_the_due_date_back() -> None:
    made = history(out("A", 8, "T1"), renew("A", 9, "T1"), undo("A", 10, 2, "renew", "T1"))
    assert (loan(made, "T1").due_at, loan(made, "T1").renewals) == (hour(8) + PERIOD, 0)


def test_the_fee_of_an_undone_return_is_no_question_for_staff() -> None:
    made = history(
        out("A", 8, "T1"), back("A", 24 * 20, "T1", late=3), fee("A", 24 * 20, "T1"), undo("A", 24 * 20, 2, "checkin")
    )
    assert closings(made) == {"T1": None}
    assert kinds(made) == []


def test_an_undoing_that_comes_before_what_it_undoes_is_remembered() -> None:
    undone, lent = facts(undo("A", 9, 2, "checkout", "T1"), out("A", 8, "T1"))
    made = fold(ITEM, (undone,)).custody
    assert extend(ITEM, made, lent) is None
    assert closings(fold(ITEM, (undone, lent))) == {"T1": "undone"}


# --- staff ------------------------------------------------------------------------------------------------------------

AT_ONCE = (out("A", 8, "T1", "p"), out("B", 8 + MOMENT, "T2", "q"))
MISSED = (out("A", 8, "T1", "p"), out("B", 12, "T2", "q"))
BACK_AT_ONCE = (out("A", 8, "T1", "p"), back("B", 8 + MOMENT))
STRAY = (out("A", 6, "T0"), back("A", 7, "T0"), back("B", 8), out("A", 8 + MOMENT, "T1"))


@pytest.mark.parametrize("acts", [AT_ONCE, MISSED], ids=["at once", "missed"])
@pytest.mark.parametrize(
    ("resolution", "who", "ends"),
    [
        ("loan_has_it", "T2", {"T1": "staff", "T2": None}),
        ("loan_has_it", "T1", {"T1": None, "T2": "staff"}),
        ("library_has_it", None, {"T1": "staff", "T2": "staff"}),
    ],
)
def test_staff_decide_who_of_two_has_the_copy(
    acts: tuple[Act, ...], resolution: str, who: str | None, ends: dict[str, str | None]
) -> None:
    made = history(*acts, decided(only(history(*acts)), resolution, who))
    assert closings(made) == ends
    assert kinds(made) == []
    assert only(made).resolution == resolution
    assert not made.custody.ambiguous
    assert not any(x.doubted for x in made.loans)


@pytest.mark.parametrize(("who", "end"), [("T1", None), (None, "checkin")])
def test_staff_decide_whether_a_return_came_after_the_checkout(who: str | None, end: str | None) -> None:
    resolution = "library_has_it" if who is None else "loan_has_it"
    made = history(*BACK_AT_ONCE, decided(only(history(*BACK_AT_ONCE)), resolution, who))
    assert closings(made) == {"T1": end}
    assert kinds(made) == []


@pytest.mark.parametrize(("who", "end"), [("T1", None), (None, "staff")])
def test_staff_decide_whether_a_stray_return_was_of_the_next_loan(who: str | None, end: str | None) -> None:
    question = next(x for x in history(*STRAY).exceptions if x.kind is ExceptionKind.AMBIGUOUS_CUSTODY)
    made = history(*STRAY, decided(question, "library_has_it" if who is None else "loan_has_it", who))
    assert closings(made) == {"T0": "checkin", "T1": end}
    assert kinds(made) == ["orphan_return"]


@pytest.mark.parametrize(
    ("resolution", "who"),
    [("noted", None), ("loan_has_it", "T9"), ("loan_has_it", None), ("library_has_it", "T1"), ("no such word", None)],
)
def test_a_decision_that_does_not_fit_leaves_the_question_open(resolution: str, who: str | None) -> None:
    made = history(*AT_ONCE, decided(only(history(*AT_ONCE)), resolution, who))
    assert (made.loans, made.exceptions) == (history(*AT_ONCE).loans, history(*AT_ONCE).exceptions)


def test_the_last_of_several_decisions_holds() -> None:
    question = only(history(*AT_ONCE))
    first, second = decided(question, "loan_has_it", "T2", 50), decided(question, "loan_has_it", "T1", 60)
    assert history(*AT_ONCE, first, second).custody.loan == loan(history(*AT_ONCE, second), "T1")


def test_a_decision_that_does_not_fit_takes_none_back() -> None:
    question = only(history(*AT_ONCE))
    good, bad = decided(question, "loan_has_it", "T1", 50), decided(question, "noted", None, 60)
    assert history(*AT_ONCE, good, bad) == history(*AT_ONCE, good)


def test_a_decision_stays_where_later_facts_do_not_touch_it() -> None:
    acts = (*MISSED, decided(only(history(*MISSED)), "loan_has_it", "T1"))
    made = history(*acts, back("A", 200, "T1"), out("C", 300, "T3"))
    assert closings(made) == {"T1": "checkin", "T2": "staff", "T3": None}
    assert kinds(made) == []


def test_a_late_fact_that_contradicts_a_decision_opens_a_new_exception() -> None:
    acts = (*MISSED, decided(only(history(*MISSED)), "loan_has_it", "T2"))
    made = history(*acts, out("C", 10, "T3", "s"))  # comes late, and lies between the two
    assert closings(made) == {"T1": "inferred", "T3": "inferred", "T2": None}
    assert [x.id for x in made.exceptions] == ["missed_return:T1:T3", "missed_return:T3:T2"]
    assert kinds(made) == ["missed_return", "missed_return"]


def test_a_late_return_makes_a_decision_needless() -> None:
    acts = (*MISSED, decided(only(history(*MISSED)), "loan_has_it", "T1"))
    made = history(*acts, back("A", 10, "T1"))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert made.exceptions == ()


def test_staff_end_a_loan_that_nobody_saw_returned() -> None:
    made = history(out("A", 8, "T1"), Act("HQ", 50, ev.LoanClosed(ITEM, "T1", "on_shelf")))
    assert closings(made) == {"T1": "staff"}
    assert loan(made, "T1").closed_at == hour(50)
    late = history(out("A", 8, "T1"), back("A", 9, "T1"), Act("HQ", 50, ev.LoanClosed(ITEM, "T1")))
    assert closings(late) == {"T1": "checkin"}


# --- fees -------------------------------------------------------------------------------------------------------------

DUE = 8 + 15 * 24


def test_a_fee_for_days_that_were_late_stands() -> None:
    made = history(out("A", 8, "T1"), back("A", DUE + 72, "T1", late=3), fee("A", DUE + 72, "T1"))
    assert kinds(made) == []


def test_days_late_are_days_of_the_library() -> None:
    due_at_midnight, half_past = 24 - 1 / 3600, 24.5
    made = history(
        out("A", 8, "T1", days=(due_at_midnight - 8) / 24),
        back("A", half_past, "T1", late=1),
        fee("A", half_past, "T1"),
    )
    assert kinds(made) == []


def test_a_fee_is_in_doubt_when_a_renewal_made_elsewhere_was_not_known_at_the_desk() -> None:
    made = history(
        out("A", 8, "T1"), back("A", DUE + 72, "T1", late=3), fee("A", DUE + 72, "T1"), renew("B", DUE - 5, "T1", 1)
    )
    assert kinds(made) == ["fee_in_doubt"]
    assert only(made).doubt == "not_so_late"


def test_a_renewal_that_the_desk_knew_of_puts_no_fee_in_doubt() -> None:
    made = history(
        out("A", 8, "T1"), renew("B", DUE - 5, "T1", 1), back("A", DUE + 72, "T1", late=2), fee("A", DUE + 72, "T1")
    )
    assert kinds(made) == []


def test_a_fee_is_in_doubt_when_the_copy_had_come_back_before_elsewhere() -> None:
    made = history(
        out("A", 8, "T1"),
        back("A", DUE + 72, "T1", late=3),
        fee("A", DUE + 72, "T1"),
        back("V", DUE - 24, "T1", aside="other_library"),
    )
    assert kinds(made) == ["fee_in_doubt"]


@pytest.mark.parametrize("resolution", [Resolution.FEE_STANDS, Resolution.FEE_FORGIVEN])
def test_staff_settle_a_fee_in_doubt(resolution: Resolution) -> None:
    acts = (*MISSED, back("A", 24 * 20, "T1", late=4), fee("A", 24 * 20, "T1"))
    question = next(x for x in history(*acts).exceptions if x.fee)
    made = history(*acts, decided(question, resolution))
    assert kinds(made) == ["missed_return"]


@pytest.mark.parametrize("due", [-(10**30), 10**30])
def test_a_due_date_beyond_all_calendars_is_no_accident(due: int) -> None:
    lent, *rest = facts(out("A", 8, "T1"), back("A", DUE, "T1", late=1), fee("A", DUE, "T1"))
    assert isinstance(lent.event, ev.CheckedOut)
    made = fold(ITEM, [replace(lent, event=replace(lent.event, due_at=due)), *rest])
    assert kinds(made) == (["fee_in_doubt"] if due > 0 else [])


def test_a_fee_of_a_loan_that_nobody_knows_yet_waits_with_it() -> None:
    said = facts(back("A", DUE + 72, "T1", late=3), fee("A", DUE + 72, "T1"), out("B", 8, "T1"))
    assert kinds(fold(ITEM, said[:2])) == ["orphan_return"]
    assert kinds(fold(ITEM, said)) == []


# --- order and carriage -----------------------------------------------------------------------------------------------


def test_a_station_is_never_put_against_its_own_numbers() -> None:
    # Its clock ran ahead by ten years and was then set right.
    ordered, tangled = in_order(facts(out("A", 87_600, "T1"), back("A", 9, "T1"), out("B", 10, "T2")))
    assert [f.ref for f in ordered] == ["A.1.1", "A.1.2", "B.1.1"]
    assert not tangled
    assert ordered[0].at == hour(9)


def test_an_epoch_goes_on_where_the_one_before_ended() -> None:
    first, second = facts(out("A", 9, "T1"), back("A", 8, "T1"))
    ordered, _ = in_order((replace(second, epoch=2), first))
    assert [f.ref for f in ordered] == ["A.1.1", "A.2.2"]


def test_a_return_by_a_slow_clock_waits_for_its_checkout_and_contradicts_nothing() -> None:
    ordered, tangled = in_order(facts(out("A", 12, "T1"), back("B", 8, "T1"), out("C", 10, "T0")))
    assert [f.station for f in ordered] == ["C", "A", "B"]
    assert not tangled


@pytest.mark.parametrize(("apart", "open_order"), [(4, True), (4.001, False)])
def test_two_facts_overlap_as_much_as_each_other(apart: float, open_order: bool) -> None:
    one, other = facts(back("A", 8), back("B", 8 + apart * MOMENT))
    assert overlap(one, other) is overlap(other, one) is open_order
    assert not overlap(one, replace(other, station="A"))


def test_facts_that_contradict_each_other_still_come_out_always_the_same() -> None:
    # Each names a loan that the other made later.
    said = facts(back("A", 8, "T2"), out("A", 9, "T1"), back("B", 8, "T1"), out("B", 9, "T2"))
    ordered, tangled = in_order(said)
    assert tangled
    assert in_order(reversed(said)) == (ordered, True)
    assert fold(ITEM, said).custody.tangled
    (newest,) = facts(out("C", 20, "T3"))
    assert extend(ITEM, fold(ITEM, said).custody, newest) is None


def test_the_same_fact_twice_counts_once() -> None:
    said = facts(out("A", 8, "T1"), renew("A", 9, "T1"), back("A", 10, "T1"))
    assert fold(ITEM, said + said) == fold(ITEM, said)
    for again in said:
        assert extend(ITEM, fold(ITEM, said).custody, again) is None


def test_nothing_of_a_reader_is_shown_or_kept() -> None:
    told = facts(out("A", 8, "T1", "R1"), out("B", 12, "T2", "R2"), out("C", 20, "T3", "R2"))
    made = fold(ITEM, told)
    kept = [made.custody.to_values(), *(x.to_values() for x in made.loans), *(x.to_values() for x in made.exceptions)]
    assert not any(reader in text for reader in ("R1", "R2") for text in (repr(told), repr(made), json.dumps(kept)))


def test_two_checkouts_under_one_token_are_one_loan() -> None:
    assert len(history(out("A", 8, "T1"), out("B", 12, "T1")).loans) == 1


def test_what_a_database_kept_is_what_was_folded() -> None:
    made = history(*AT_ONCE, back("A", 30, "T9"), back("B", 40), out("C", 50, "T3", "s"), out("D", 60, "T4", "s"))
    assert Custody.from_values(json.loads(json.dumps(made.custody.to_values()))) == made.custody
    assert tuple(CopyLoan.from_values(json.loads(json.dumps(x.to_values()))) for x in made.loans) == made.loans
    kept = tuple(StaffException.from_values(json.loads(json.dumps(x.to_values()))) for x in made.exceptions)
    assert kept == made.exceptions
    assert len(kept) == 2


def test_a_custody_does_not_grow_with_the_history_of_its_copy() -> None:
    acts = [act for n in range(0, 400, 2) for act in (out("A", n, f"{n:016x}"), back("B", n + 1, f"{n:016x}"))]
    made = fold(ITEM, facts(*acts))
    assert len(made.loans) == 200
    assert len(json.dumps(made.custody.to_values())) < 400


def test_the_common_case_needs_no_other_facts() -> None:
    acts = (
        out("A", 8, "T1"),
        renew("B", 9, "T1"),
        back("B", 24 * 40, "T1", late=5),
        fee("B", 24 * 40, "T1"),
        out("B", 24 * 41, "T2"),
    )
    custody, told = Custody(), facts(*acts)
    for n, fact in enumerate(told, 1):
        step = extend(ITEM, custody, fact)
        assert step is not None
        custody = step.custody
        assert custody == fold(ITEM, told[:n]).custody


def test_the_widest_doubt_of_a_station_is_remembered() -> None:
    told = facts(out("A", 8, "T1").within(10), renew("A", 9, "T1"), back("B", 12, "T1"))
    assert extend(ITEM, fold(ITEM, told[:1]).custody, told[1]) is not None
    assert extend(ITEM, fold(ITEM, told[:2]).custody, told[2]) is None


def test_a_fee_added_alone_comes_with_its_doubt() -> None:
    told = facts(out("A", 8, "T1"), back("A", 9, "T1", late=3), fee("A", 9, "T1"))
    step = extend(ITEM, fold(ITEM, told[:2]).custody, told[2])
    assert step is not None
    assert step.exceptions == fold(ITEM, told).exceptions
    assert [x.doubt for x in step.exceptions] == ["not_so_late"]


def test_a_return_that_names_another_loan_is_not_added_alone() -> None:
    told = facts(out("A", 8, "T1"), back("A", 9, "T1"), out("A", 10, "T2"), back("B", 11, "T1"), back("B", 11, "T9"))
    for other in told[3:]:
        assert extend(ITEM, fold(ITEM, told[:3]).custody, other) is None


def test_what_has_not_come_yet_does_not_hold_up_the_rest() -> None:
    told = facts(renew("B", 7, "T9"), out("A", 8, "T1"), back("A", 9, "T1"))
    for n in (1, 2):
        assert extend(ITEM, fold(ITEM, told[:n]).custody, told[n]) is not None


def test_a_fact_whose_clock_leaves_the_order_open_is_not_added_alone() -> None:
    first, second = facts(out("A", 8, "T1"), back("B", 8 + 4 * MOMENT, "T1"))
    assert extend(ITEM, fold(ITEM, (first,)).custody, second) is None
    apart = replace(second, at=second.at + 1, earliest=second.earliest + 1)
    assert extend(ITEM, fold(ITEM, (first,)).custody, apart) is not None
    assert second.earliest == first.latest == hour(8) + LEAST_SPREAD
