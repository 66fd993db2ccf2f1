"""The end of a visit: what is shown as done, the receipt, and the pad that may not be empty yet."""

from __future__ import annotations

import pytest

from kiosk.flows import messages as m
from kiosk.views import Action, AttractView, BorrowView, DoneView, Notice, OfferView, Receipt, RowState
from sync.circulation.blocks import Code
from tests.kiosk.flows.world import ANH, BINH, DUE, NOW, World


@pytest.fixture
def world() -> World:
    """A kiosk where Ánh has borrowed B1 and was refused REF."""
    world = World()
    world.card(ANH)
    world.lay("B1", "REF")
    return world


def done_of(world: World) -> DoneView:
    """The page that says what was done."""
    return world.page(DoneView)


# --- the last page ----------------------------------------------------------------------------------------------------


def test_finishing_shows_what_was_done_and_asks_for_the_receipt(world: World) -> None:
    world.touch(Action.FINISH)
    body = done_of(world)
    assert (body.borrowed, body.returned, body.refused, body.due) == (1, 0, 1, DUE.date())
    assert [(row.key, row.state) for row in body.rows] == [("B1", RowState.BORROWED)]
    assert (body.receipt, body.seconds) == (Receipt.ASKED, 20)
    assert world.sounds[-1] == "done"
    assert [(c.outcome, c.out, c.back, c.category) for c in world.closed] == [("done", 1, 0, "adult")]


def test_the_earliest_day_is_the_one_that_is_shown() -> None:
    world = World()
    world.loans["B2"], world.due["B2"] = ANH, NOW
    world.card(ANH)
    world.lay("B1", "B2")  # B2 was on loan before and due today, but nothing of it was done here
    world.touch(Action.FINISH)
    assert done_of(world).due == DUE.date()


def test_finishing_with_nothing_done_goes_straight_home() -> None:
    world = World()
    world.card(ANH)
    world.lay("REF")
    world.touch(Action.FINISH)
    assert world.shows(AttractView)
    assert [(c.outcome, c.out) for c in world.closed] == [("done", 0)]


def test_leaving_shows_nothing_and_prints_nothing(world: World) -> None:
    world.touch(Action.END)
    assert world.shows(AttractView)
    assert world.loans == {"B1": ANH}
    assert [(c.outcome, c.out) for c in world.closed] == [("done", 1)]


def test_finishing_waits_for_what_is_being_written_and_then_gives_the_whole_time_to_choose(world: World) -> None:
    world.put("B2")
    world.touch(Action.FINISH)
    world.tick(15)
    assert world.shows(BorrowView)
    assert world.shown["B2"] is RowState.READING
    assert not world.closed
    world.settle()
    assert (done_of(world).borrowed, done_of(world).seconds) == (2, 20)


def test_a_write_that_fails_at_the_end_undoes_its_loan_and_the_others_stand(world: World) -> None:
    world.put("B2")
    world.touch(Action.FINISH)
    world.answer_tag("refused")
    world.settle()
    assert done_of(world).borrowed == 1
    assert done_of(world).refused == 2
    assert world.loans == {"B1": ANH}
    assert [(c.out, c.back) for c in world.closed] == [(1, 0)]


def test_finishing_twice_is_finishing_once(world: World) -> None:
    world.put("B2")
    world.touch(Action.FINISH)
    world.touch(Action.FINISH)
    world.touch(Action.END)
    world.settle()
    assert (done_of(world).borrowed, done_of(world).receipt) == (2, Receipt.ASKED)
    assert len(world.closed) == 1
    world.touch(Action.FINISH)
    assert world.shows(AttractView)
    assert len(world.closed) == 1


# --- the receipt ------------------------------------------------------------------------------------------------------


def test_the_receipt_names_what_was_lent_and_what_was_refused_and_why(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    (facts,) = world.printed
    assert (facts.returned, facts.card_ending, facts.language) == (False, "0101", "vi")
    lent, refused = facts.lines
    assert (lent.item_id, lent.title, lent.due, lent.why) == ("B1", "Nhan đề B1", DUE.date(), ())
    assert (refused.item_id, refused.due, [b.code for b in refused.why]) == ("REF", None, [Code.READING_ONLY])
    assert done_of(world).receipt is Receipt.PRINTING
    world.answer_printer(Receipt.PRINTED)
    assert (done_of(world).receipt, done_of(world).seconds) == (Receipt.PRINTED, 8)
    world.tick(8)
    assert world.shows(AttractView)


def test_nothing_is_printed_without_a_yes(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.NO_PRINT)
    assert world.shows(AttractView)
    assert not world.printed


def test_nothing_is_printed_when_nobody_answers(world: World) -> None:
    world.touch(Action.FINISH)
    world.tick(19)
    assert done_of(world).seconds == 1
    world.tick(1)
    assert world.shows(AttractView)
    assert not world.printed


def test_a_receipt_that_fails_is_offered_again(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.answer_printer(Receipt.FAILED)
    assert done_of(world).receipt is Receipt.FAILED
    world.touch(Action.PRINT)
    assert done_of(world).receipt is Receipt.PRINTING
    assert len(world.printed) == 2
    world.answer_printer(Receipt.PRINTED)
    assert done_of(world).receipt is Receipt.PRINTED
    assert world.loans == {"B1": ANH}


def test_one_that_may_have_been_printed_is_not_offered_again(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.answer_printer(Receipt.UNKNOWN)
    assert done_of(world).receipt is Receipt.UNKNOWN
    world.touch(Action.PRINT)
    assert len(world.printed) == 1


@pytest.mark.parametrize("receipt", [Receipt.FAILED, Receipt.UNKNOWN])
def test_without_paper_the_page_stays_long_enough_to_take_it_along_on_a_telephone(
    world: World, receipt: Receipt
) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.answer_printer(receipt)
    world.tick(19)
    assert (done_of(world).receipt, done_of(world).seconds) == (receipt, 1)
    world.tick(1)
    assert world.shows(AttractView)


def test_a_second_touch_does_not_print_twice(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.touch(Action.PRINT)
    assert len(world.printed) == 1


def test_the_page_stays_while_the_printer_prints_and_may_be_left_all_the_same(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.tick(100)
    assert done_of(world).receipt is Receipt.PRINTING
    assert world.seconds_left() is None
    world.card(BINH)
    assert world.told(Notice.TOUCH_LATER)
    world.touch(Action.FINISH)
    world.answer_printer(Receipt.FAILED)
    assert world.shows(AttractView)


@pytest.mark.parametrize("before", [True, False])
def test_a_printer_that_is_away_is_said_to_be_and_costs_no_more_than_the_receipt(world: World, *, before: bool) -> None:
    if before:
        world.lost("printer")
    world.touch(Action.FINISH)
    if not before:
        world.lost("printer")
    assert done_of(world).receipt is (Receipt.NOT_OFFERED if before else Receipt.ASKED)
    assert world.told(Notice.PRINTER_AWAY)
    world.touch(Action.PRINT)
    world.answer_printer(Receipt.FAILED)
    assert world.loans == {"B1": ANH}
    world.back("printer")
    assert world.told(None)


def test_the_receipt_of_a_return_names_the_books_and_nobody() -> None:
    world = World()
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.bring_back("B1", "AWAY", "B2")
    world.touch(Action.FINISH)
    assert (done_of(world).borrowed, done_of(world).returned, done_of(world).due) == (0, 2, None)
    world.touch(Action.PRINT)
    (facts,) = world.printed
    assert (facts.returned, facts.card_ending) == (True, "")
    assert {(line.item_id, line.due) for line in facts.lines} == {("B1", None), ("AWAY", None)}


def test_who_only_returned_with_her_card_gets_a_receipt_of_that() -> None:
    world = World()
    world.loans["B1"], world.due["B1"] = ANH, DUE
    world.card(ANH)
    world.lay("B1")
    world.touch(Action.RETURN, "B1")
    world.settle()
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    (facts,) = world.printed
    assert facts.returned
    assert [line.item_id for line in facts.lines] == ["B1"]


def test_what_the_reader_had_before_is_not_on_the_receipt() -> None:
    world = World()
    world.loans["B2"], world.due["B2"] = ANH, DUE
    world.card(ANH)
    world.lay("B1", "B2")
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    assert [line.item_id for line in world.printed[0].lines] == ["B1"]


def test_the_receipt_speaks_the_readers_language(world: World) -> None:
    world.touch(Action.LANGUAGE)
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    assert world.printed[0].language == "en"


# --- who comes next ---------------------------------------------------------------------------------------------------


def test_the_next_readers_card_ends_the_page(world: World) -> None:
    world.touch(Action.FINISH)
    world.card(BINH)
    assert world.shows(BorrowView)
    assert world.view.patron is not None
    assert world.view.patron.masked_name == "Trần T. B."


def test_the_next_books_end_it_too(world: World) -> None:
    world.touch(Action.FINISH)
    world.put("B2")
    body = world.page(OfferView)
    assert [row.key for row in body.rows] == ["B2"]
    assert body.on_pad == 1
    assert world.view.patron is None


def test_but_not_before_the_receipt_is_out(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.put("B2")
    assert done_of(world).receipt is Receipt.PRINTING
    world.answer_printer(Receipt.PRINTED)
    assert world.shows(OfferView)


def test_ones_own_books_put_down_once_more_do_not(world: World) -> None:
    world.touch(Action.FINISH)
    world.lift("B1", "REF")
    world.put("B1", "REF")
    assert done_of(world).receipt is Receipt.ASKED
    world.touch(Action.PRINT)
    assert [line.item_id for line in world.printed[0].lines] == ["B1", "REF"]


def test_books_left_behind_begin_nothing_until_they_are_lifted(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.NO_PRINT)
    world.tick(600)
    assert world.shows(AttractView)
    world.pad_lost()
    world.pad_back()
    assert world.shows(AttractView)
    world.lift("B1")
    assert world.shows(AttractView)
    world.put("B1")
    body = world.page(OfferView)
    assert [row.key for row in body.rows] == ["B1"]


def test_a_borrowed_book_left_behind_is_refused_to_the_next_card(world: World) -> None:
    world.touch(Action.END)
    world.card(BINH)
    assert world.shown == {"B1": RowState.REFUSED, "REF": RowState.REFUSED}
    assert world.says("B1", Code.ON_LOAN_TO_ANOTHER)
    assert world.loans == {"B1": ANH}


def test_a_receipt_that_comes_out_late_is_not_taken_for_the_next_readers(world: World) -> None:
    world.touch(Action.FINISH)
    world.touch(Action.PRINT)
    world.touch(Action.FINISH)
    world.card(BINH)
    world.lay("B2")
    world.touch(Action.FINISH)
    assert done_of(world).receipt is Receipt.ASKED
    world.answer_printer(Receipt.PRINTED)
    assert done_of(world).receipt is Receipt.ASKED


# --- late answers -----------------------------------------------------------------------------------------------------


def test_an_answer_to_a_visit_that_is_over_changes_nothing(world: World) -> None:
    visit = world.state.visit
    world.touch(Action.END)
    before = world.state
    for late in (m.Undone(visit, "B1"), m.Printed(visit, Receipt.PRINTED), m.PinAnswered(visit, right=True)):
        world.send(late)
    assert world.state == before
