"""Devices that go and come back, and a ledger that cannot be written, at every point of a visit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.devices import PrinterStatus, TagArrived
from kiosk.flows import messages as m
from kiosk.flows.state import Phase, Setup, start
from kiosk.views import Action, AttractView, BorrowView, Notice, OfferView, OutOfServiceView, Receipt, RowState
from tests.kiosk.flows.world import ANH, BINH, DUE, TAGS, World, uid_of


def at_attract(_world: World) -> None:
    pass


def offering(world: World) -> None:
    world.put("B1")


def with_a_refused_card(world: World) -> None:
    world.card("nobody's")


def borrowing(world: World) -> None:
    world.card(ANH)
    world.lay("B1")


def in_the_account(world: World) -> None:
    borrowing(world)
    world.touch(Action.ACCOUNT)


def returning(world: World) -> None:
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.bring_back("B1")


def done(world: World) -> None:
    borrowing(world)
    world.touch(Action.FINISH)


def among_staff(world: World) -> None:
    world.touch(Action.STAFF_CORNER)
    world.type_pin("1234")


EVERYWHERE = [at_attract, offering, with_a_refused_card, borrowing, in_the_account, returning, done, among_staff]
everywhere = pytest.mark.parametrize("there", EVERYWHERE)
Place = Callable[[World], None]


# --- any device -------------------------------------------------------------------------------------------------------


@everywhere
@pytest.mark.parametrize("device", ["reader", "printer", "scanner"])
def test_a_device_that_is_not_wanted_just_now_may_go_and_come_back(there: Place, device: str) -> None:
    world = World()
    there(world)
    before = world.view
    world.lost(device)
    phase = world.state.phase
    world.back(device)
    assert (world.state.phase, world.view.notice) == (phase, None)
    assert phase is Phase.STAFF or world.view == before


@everywhere
def test_the_pad_may_go_and_come_back_anywhere_and_the_next_reader_is_served(there: Place) -> None:
    world = World()
    there(world)
    world.pad_lost()
    world.pad_back()
    world.settle()
    world.lift("B1")
    world.touch(Action.END)
    world.tick(200)
    assert world.shows(AttractView)
    world.card(BINH)
    world.lay("B2")
    assert world.shown == {"B2": RowState.BORROWED}


def test_a_pad_that_is_away_is_said_to_be_for_as_long_as_it_is() -> None:
    world = World()
    world.card(ANH)
    world.pad_lost()
    world.tick(30)
    assert world.told(Notice.PAD_AWAY)
    world.card(BINH)
    assert world.told(Notice.CARD_AGAIN)  # what has just happened comes first
    world.tick(5)
    assert world.told(Notice.PAD_AWAY)
    world.pad_back()
    assert world.told(None)


def test_a_card_reader_that_is_away_is_said_to_be_where_a_card_is_wanted() -> None:
    world = World()
    world.lost("reader")
    assert world.told(Notice.READER_AWAY)
    world.put("B1")
    assert world.shows(OfferView)
    assert world.told(Notice.READER_AWAY)
    world.scan(ANH)  # the scanner reads cards too
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED}
    assert world.told(None)


def test_in_closed_hours_nobody_misses_the_card_reader() -> None:
    world = World(open=False)
    world.lost("reader")
    assert world.told(None)


def test_a_device_that_has_not_reported_yet_is_not_called_away() -> None:
    state = start(Setup(pad="pad", reader="reader", scanner="", printer="printer"))
    assert [(d.name, d.kind, d.well) for d in state.devices] == [
        ("pad", "pad", None), ("reader", "reader", None), ("printer", "printer", None)
    ]  # fmt: skip
    assert not any(state.is_lost(d.name) or state.is_well(d.name) for d in state.devices)


def test_the_events_of_another_pad_are_none_of_ours() -> None:
    world = World()
    before = world.view
    world.send(TagArrived("another", uid_of("B1")))
    world.send(PrinterStatus("printer"))
    assert world.view == before


# --- the pad in the middle of a write ---------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["ok", "lost"])
def test_a_pad_lost_in_the_middle_of_a_release_asks_for_the_book_when_it_is_back(outcome: str) -> None:
    world = World()
    world.card(ANH)
    world.put("B1")
    world.pad_lost()
    world.answer_tag(outcome)
    assert world.shown == {"B1": RowState.PUT_BACK}
    assert world.loans == {"B1": ANH}
    world.pad_back()
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED}
    assert [type(e) for e in world.asked].count(m.Checkout) == 1


@pytest.mark.parametrize("outcome", ["ok", "lost"])
def test_a_pad_that_stays_away_until_the_end_leaves_no_loan_and_a_repair_row(outcome: str) -> None:
    world = World()
    world.card(ANH)
    world.put("B1")
    world.pad_lost()
    world.answer_tag(outcome)
    world.touch(Action.FINISH)
    assert world.shows(AttractView)
    assert not world.loans
    assert world.repairs == {"B1"}


def test_a_pad_lost_in_the_middle_of_a_return_keeps_the_return_and_its_repair_row() -> None:
    world = World()
    world.loans["B1"], world.due["B1"], world.tags["B1"].secured = ANH, DUE, False
    world.put("B1")
    world.touch(Action.RETURN)
    world.pad_lost()
    world.answer_tag("ok")
    assert world.shown == {"B1": RowState.PUT_ASIDE}
    assert world.repairs == {"B1"}
    world.pad_back()
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    assert not world.repairs


def test_books_that_wait_are_forgotten_with_the_pad_and_asked_about_anew() -> None:
    world = World()
    world.put("B1")
    world.pad_lost()
    assert world.shows(AttractView)
    assert world.told(Notice.PAD_AWAY)
    world.pad_back()
    body = world.page(OfferView)
    assert [row.key for row in body.rows] == ["B1"]


def test_what_was_taken_away_while_the_pad_was_lost_is_not_counted_when_it_is_back() -> None:
    world = World()
    world.put("B1", "BLANK")
    world.tick(61)
    world.pad_lost()
    world.lift("B1", "BLANK")
    world.pad_back()
    world.card(ANH)
    body = world.page(BorrowView)
    assert (body.rows, body.on_pad) == ((), 0)


# --- the ledger -------------------------------------------------------------------------------------------------------


def out_of_service(world: World) -> bool:
    """Whether the screen says that the machine rests, with the fault's code."""
    body = world.view.body
    return isinstance(body, OutOfServiceView) and body.code == "L-DiskFull"


def fail(world: World) -> None:
    """The disk is full."""
    world.ledger_well = False


def test_a_loan_that_cannot_be_recorded_is_not_shown_and_no_tag_is_touched() -> None:
    world = World()
    world.card(ANH)
    fail(world)
    world.put("B1", "B2")
    assert out_of_service(world)
    assert not world.asked_of("B1")
    assert not world.asked_of("B2")
    assert not world.loans
    assert world.view.patron is None


def test_what_was_recorded_before_is_finished_and_stands() -> None:
    world = World()
    world.card(ANH)
    world.put("B1")
    fail(world)
    world.put("B2")
    assert world.at(Phase.ENDING)
    world.settle()
    assert out_of_service(world)
    assert world.loans == {"B1": ANH}
    assert not world.secured("B1")
    assert world.secured("B2")


def test_a_loan_that_can_neither_be_released_nor_undone_ends_the_visit_all_the_same() -> None:
    world = World()
    world.card(ANH)
    world.put("B1")
    fail(world)
    world.answer_tag("locked")
    assert out_of_service(world)
    assert world.loans == {"B1": ANH}  # nobody could write that it is not; staff are told that the machine rests


def test_a_return_that_cannot_be_recorded_secures_nothing() -> None:
    world = World()
    world.loans["B1"], world.due["B1"], world.tags["B1"].secured = ANH, DUE, False
    world.put("B1")
    fail(world)
    world.touch(Action.RETURN)
    assert out_of_service(world)
    assert world.loans == {"B1": ANH}
    assert not world.asked_of("B1")


def test_a_repair_row_that_cannot_be_cleared_stays() -> None:
    world = World()
    world.loans["B1"], world.due["B1"], world.tags["B1"].secured = ANH, DUE, False
    world.put("B1")
    world.touch(Action.RETURN)
    fail(world)
    world.settle()
    assert out_of_service(world)
    assert world.secured("B1")
    assert world.repairs == {"B1"}


def test_one_act_that_fails_does_not_leave_the_others_undone() -> None:
    world = World(ill={"B2"})
    world.card(ANH)
    world.put("B1", "B2", "B3")
    assert world.shows(BorrowView)
    assert world.shown["B2"] is RowState.REFUSED
    world.settle()
    assert out_of_service(world)
    assert world.loans == {"B1": ANH, "B3": ANH}
    assert [(c.outcome, c.out) for c in world.closed] == [("failed", 2)]


def test_a_loan_that_cannot_be_undone_while_the_visit_ends_takes_nothing_from_the_others() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.put("B2")
    world.touch(Action.FINISH)
    world.ill.add("B2")
    world.answer_tag("locked")
    assert out_of_service(world)
    assert [(c.outcome, c.out) for c in world.closed] == [("failed", 1)]


def test_a_renewal_that_cannot_be_recorded_takes_nothing_from_what_was_borrowed() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.ACCOUNT)
    world.ill.add("B1")
    world.touch(Action.RENEW, "B1")
    assert out_of_service(world)
    assert [(c.outcome, c.out, c.renewed) for c in world.closed] == [("failed", 1, 0)]


def test_nor_does_one_question_that_fails_leave_the_others_open() -> None:
    world = World(ill={"B2"})
    world.put("B1", "B2", "B3")
    assert out_of_service(world)


@everywhere
def test_a_ledger_that_fails_anywhere_ends_out_of_service_with_nothing_of_the_reader_left(there: Place) -> None:
    world = World()
    there(world)
    fail(world)
    world.card(BINH)
    world.put("B3", "B4")
    world.touch(Action.RETURN)
    world.touch(Action.RENEW_ALL)
    world.touch(Action.FINISH)
    world.settle()
    world.tick(200)
    if world.asked and world.state.out_of_service:
        assert out_of_service(world)
    assert world.view.patron is None
    assert "B3" not in world.loans


def test_a_renewal_that_cannot_be_recorded_leaves_what_was_borrowed_as_it_is() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.ACCOUNT)
    world.put("B2")
    world.touch(Action.BACK)
    fail(world)
    world.touch(Action.ACCOUNT)
    world.settle()
    assert out_of_service(world)
    assert world.loans == {"B1": ANH, "B2": ANH}
    assert [c.out for c in world.closed] == []  # the end of the visit could not be written either


def test_a_visit_whose_end_cannot_be_written_is_over_for_the_reader() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    fail(world)
    world.touch(Action.FINISH)
    assert out_of_service(world)
    assert world.loans == {"B1": ANH}


def test_a_receipt_in_the_printer_is_not_disturbed_by_it() -> None:
    world = World()
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    fail(world)
    world.lift(*TAGS)
    world.answer_printer(Receipt.PRINTED)
    world.tick(10)
    assert world.shows(AttractView)
