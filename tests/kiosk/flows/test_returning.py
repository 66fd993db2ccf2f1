"""Bringing books back, case by case; nobody needs a card for it, and at any hour."""

from __future__ import annotations

import pytest

from kiosk.flows import messages as m
from kiosk.flows.state import Phase
from kiosk.views import Action, BorrowView, ClosedView, Notice, OfferView, OutOfServiceView, ReturnView, RowState
from sync.circulation.blocks import Code
from tests.kiosk.flows.world import ANH, BINH, DUE, STRANGER, World, item_of, uid_of


def lent(*tags: str, to: str = ANH) -> World:
    """A kiosk where nobody stands, and what has been lent some time before."""
    world = World()
    for tag in tags:
        world.loans[item_of(tag)], world.due[item_of(tag)] = to, DUE
        world.tags[tag].secured = False
    return world


def order(world: World, item: str) -> list[type[m.Effect]]:
    """What was done with an item, in order."""
    kinds = m.Checkout | m.Checkin | m.Undo | m.ReleaseTag | m.SecureTag | m.MarkSecured
    return [type(e) for e in world.asked if isinstance(e, kinds) and e.item_id == item]


# --- the usual --------------------------------------------------------------------------------------------------------


def test_books_on_loan_are_returned_with_one_touch_and_no_card() -> None:
    world = lent("B1", "B2")
    world.put("B1", "B2")
    body = world.page(OfferView)
    assert (body.returnable, body.others, body.on_pad) == (2, 0, 2)
    assert {row.state for row in body.rows} == {RowState.ON_LOAN}
    assert world.loans
    world.touch(Action.RETURN)
    assert world.shown == {"B1": RowState.READING, "B2": RowState.READING}
    world.settle()
    received = world.page(ReturnView)
    assert (received.returned, received.attention, received.on_pad) == (2, 0, 2)
    assert world.shown == {"B1": RowState.RETURNED, "B2": RowState.RETURNED}
    assert not world.loans
    assert not world.repairs
    assert world.view.patron is None


def test_the_return_is_on_record_before_the_tag_and_the_tag_before_its_repair_row_goes() -> None:
    world = lent("B1")
    world.bring_back("B1")
    assert order(world, "B1") == [m.Checkin, m.SecureTag, m.MarkSecured]


def test_what_is_not_on_loan_is_left_alone_and_told_to_ask_for_a_card() -> None:
    world = lent("B1")
    world.put("B1", "B2")
    body = world.page(OfferView)
    assert (body.returnable, body.others) == (1, 1)
    world.touch(Action.RETURN)
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED, "B2": RowState.REFUSED}
    assert world.says("B2", Code.NOT_ON_LOAN)
    assert not world.asked_of("B2")


def test_more_books_are_taken_as_they_come() -> None:
    world = lent("B1", "B2")
    world.bring_back("B1")
    world.lay("B2")
    assert world.shown == {"B1": RowState.RETURNED, "B2": RowState.RETURNED}
    world.touch(Action.FINISH)
    assert [(c.outcome, c.out, c.back) for c in world.closed] == [("done", 0, 2)]


def test_books_taken_away_again_before_anything_was_touched_leave_the_attract_screen() -> None:
    world = lent("B1")
    world.put("B1")
    world.lift("B1")
    assert world.at(Phase.ATTRACT)
    assert world.loans == {"B1": ANH}


def test_an_offer_that_nobody_answers_goes_away_and_does_not_come_back() -> None:
    world = lent("B1")
    world.put("B1")
    world.tick(61)
    assert world.at(Phase.ATTRACT)
    world.tick(300)
    assert world.at(Phase.ATTRACT)
    world.lift("B1")
    world.put("B1")
    assert world.shows(OfferView)


# --- books of others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "code", "values"),
    [
        ("AWAY", Code.PUT_ASIDE_OTHER_LIBRARY, {"library": "TN-TB"}),
        ("PY.1", Code.PUT_ASIDE_OTHER_LIBRARY, {"library": "PY"}),
        ("X.1", Code.PUT_ASIDE_UNKNOWN, {}),
    ],
)
def test_books_of_another_library_and_unknown_ones_are_taken_and_put_aside(
    tag: str, code: Code, values: dict[str, str]
) -> None:
    world = World()
    world.put(tag)
    body = world.page(OfferView)
    assert body.returnable == 1  # whether it is on loan, only its own library knows
    world.touch(Action.RETURN)
    world.settle()
    assert world.shown == {tag: RowState.PUT_ASIDE}
    assert world.says(tag, code, **values)
    assert world.sounds[-1] == "put_aside"
    received = world.page(ReturnView)
    assert (received.returned, received.attention) == (1, 1)
    assert not world.repairs


def test_a_returned_book_that_another_reader_waits_for_is_put_aside() -> None:
    world = lent("HELD")
    world.bring_back("HELD")
    assert world.shown == {"HELD": RowState.PUT_ASIDE}
    assert world.says("HELD", Code.PUT_ASIDE_HOLD)


@pytest.mark.parametrize("tag", ["BLANK", "FOREIGN", "DAMAGED", "UNREADABLE"])
def test_a_tag_that_names_no_item_is_shown_among_the_returned(tag: str) -> None:
    world = lent("B1")
    world.bring_back("B1", tag)
    assert world.shown == {"B1": RowState.RETURNED, f"tag:{uid_of(tag).hex()}": RowState.REFUSED}
    assert not world.asked_of(tag)


# --- sets and chips ---------------------------------------------------------------------------------------------------


def test_a_set_brought_back_whole_is_returned_as_one() -> None:
    world = lent("SET/1", "SET/2")
    world.bring_back("SET/1", "SET/2")
    assert world.shown == {"SET": RowState.RETURNED}
    assert not world.repairs


def test_a_part_brought_back_alone_is_put_aside_and_the_set_waits_for_repair() -> None:
    world = lent("SET/1", "SET/2")
    world.bring_back("SET/1")
    assert world.shown == {"SET": RowState.PUT_ASIDE}
    assert world.says("SET", Code.PART_MISSING, parts=2, seen=1)
    assert world.repairs == {"SET"}
    assert world.secured("SET/1")
    assert not world.secured("SET/2")


@pytest.mark.parametrize("one_after_the_other", [False, True])
def test_when_the_missing_part_comes_the_set_is_whole_and_the_ledger_knows_it(*, one_after_the_other: bool) -> None:
    world = lent("SET/1", "SET/2")
    world.bring_back("SET/1")
    if one_after_the_other:
        world.lift("SET/1")
    world.lay("SET/2")
    assert world.shown == {"SET": RowState.RETURNED}
    assert not world.repairs
    assert [e.parts_seen for e in world.asked if isinstance(e, m.Checkin)] == [1, 2]
    world.touch(Action.FINISH)
    assert [(c.out, c.back) for c in world.closed] == [(0, 1)]


def test_a_set_laid_down_part_by_part_is_whole_before_the_touch() -> None:
    world = lent("SET/1", "SET/2")
    world.put("SET/1")
    world.put("SET/2")
    world.touch(Action.RETURN)
    world.settle()
    assert world.shown == {"SET": RowState.RETURNED}
    assert [e.parts_seen for e in world.asked if isinstance(e, m.Checkin)] == [2]


def test_two_chips_of_the_same_part_do_not_make_a_set_whole() -> None:
    world = lent("SET/1", "SET/2")
    world.bring_back("SET/1", "SET/1b")
    assert world.shown == {"SET": RowState.PUT_ASIDE}
    assert world.repairs == {"SET"}


def test_part_numbers_that_make_no_sense_do_not_keep_a_book_from_being_whole() -> None:
    world = lent("ODD")
    world.bring_back("ODD")
    assert world.shown == {"B20": RowState.RETURNED}
    assert not world.repairs


def test_of_two_chips_with_one_number_both_are_secured() -> None:
    world = lent("TWIN/a", "TWIN/b")
    world.bring_back("TWIN/a", "TWIN/b")
    assert world.shown == {"TWIN": RowState.RETURNED}
    assert world.secured("TWIN/a")
    assert world.secured("TWIN/b")
    assert not world.repairs


# --- tags that will not -----------------------------------------------------------------------------------------------


def test_a_book_lifted_before_its_tag_was_secured_is_taken_and_waits_for_repair() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.slip("B1")
    world.settle()
    assert world.shown == {"B1": RowState.PUT_ASIDE}
    assert world.says("B1", Code.CHIP_NOT_SECURED)
    assert not world.loans
    assert world.repairs == {"B1"}
    assert len(world.asked_of("B1")) == 3


def test_put_down_again_it_is_secured_after_all() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.slip("B1")
    world.settle()
    world.notice()
    world.lay("B1")
    assert world.shown == {"B1": RowState.RETURNED}
    assert world.secured("B1")
    assert not world.repairs
    assert order(world, "B1").count(m.Checkin) == 1


def test_a_book_that_waits_for_repair_can_be_brought_at_any_time_and_is_secured() -> None:
    world = World()
    world.repairs.add("B1")
    world.tags["B1"].secured = False
    world.put("B1")
    body = world.page(OfferView)
    assert body.returnable == 1
    world.touch(Action.RETURN)
    world.settle()
    assert world.secured("B1")
    assert not world.repairs


def test_a_locked_tag_is_given_up_at_once_and_goes_to_the_librarian() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.answer_tag("locked")
    assert not world.pending
    assert world.shown == {"B1": RowState.PUT_ASIDE}
    assert world.says("B1", Code.CHIP_NOT_SECURED)
    world.tick(5)
    assert world.asked_of("B1") == [m.SecureTag]
    assert world.repairs == {"B1"}


def test_a_tag_that_will_not_be_secured_is_tried_three_times() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    for _try in range(5):
        world.answer_tag("refused")
    assert world.asked_of("B1") == [m.SecureTag] * 3
    assert world.repairs == {"B1"}
    assert not world.loans


def test_an_ambiguous_write_is_read_again_before_the_repair_row_goes() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.answer_tag("lost")
    assert world.repairs == {"B1"}
    assert world.shown == {"B1": RowState.READING}
    world.answer_tag("ok")
    assert not world.repairs
    assert world.shown == {"B1": RowState.RETURNED}
    assert world.sounds == ["returned"]


def test_it_is_so_even_when_the_reader_has_finished_already() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.touch(Action.FINISH)
    world.answer_tag("refused")
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    assert not world.repairs


def test_a_put_aside_book_stays_put_aside_when_its_tag_is_secured_late() -> None:
    world = lent("HELD")
    world.put("HELD")
    world.touch(Action.RETURN)
    world.slip("HELD")
    world.settle()
    assert world.says("HELD", Code.CHIP_NOT_SECURED)
    world.notice()
    world.lay("HELD")
    assert world.shown == {"HELD": RowState.PUT_ASIDE}
    assert world.says("HELD", Code.PUT_ASIDE_HOLD)


# --- barcodes ---------------------------------------------------------------------------------------------------------


def test_an_item_taken_by_barcode_is_returned_and_its_repair_row_stays_because_nobody_saw_a_chip() -> None:
    world = lent("B1", "B2")
    world.bring_back("B1")
    world.scan("B2")
    assert world.shown == {"B1": RowState.RETURNED, "B2": RowState.RETURNED}
    assert world.repairs == {"B2"}


def test_and_goes_when_the_chip_is_seen_after_all() -> None:
    world = lent("B1", "B2")
    world.bring_back("B1")
    world.scan("B2")
    world.lay("B2")
    assert world.secured("B2")
    assert not world.repairs
    assert order(world, "B2").count(m.Checkin) == 1


def test_an_item_scanned_where_nobody_stands_is_offered_for_return() -> None:
    world = lent("B1")
    world.scan("B1")
    body = world.page(OfferView)
    assert body.returnable == 1
    world.touch(Action.RETURN)
    assert world.shown == {"B1": RowState.RETURNED}


def test_an_unknown_code_is_taken_and_put_aside() -> None:
    world = lent("B1")
    world.bring_back("B1")
    world.scan("9786041234567")
    assert world.shown["9786041234567"] is RowState.PUT_ASIDE


@pytest.mark.parametrize(("card", "phase"), [(BINH, Phase.BORROW), (STRANGER, Phase.PROBLEM)])
def test_a_card_scanned_among_the_returns_is_a_card_and_no_item(card: str, phase: Phase) -> None:
    world = lent("B1")
    world.bring_back("B1")
    world.scan(card)
    assert world.at(phase)
    assert [e.item_id for e in world.asked if isinstance(e, m.Checkin)] == ["B1"]


# --- cards in between -------------------------------------------------------------------------------------------------


def test_a_card_ends_the_return_and_what_was_returned_goes_to_nobody_until_it_is_lifted() -> None:
    world = lent("B1")
    world.bring_back("B1")
    world.card(BINH)
    body = world.page(BorrowView)
    assert (body.rows, body.on_pad) == ((), 0)
    assert [(c.out, c.back) for c in world.closed] == [(0, 1)]
    world.put("B2")
    world.settle()
    assert world.loans == {"B2": BINH}
    world.touch(Action.END)
    world.card(ANH)
    world.settle()
    assert world.loans == {"B2": BINH}
    world.lift("B1")
    world.lay("B1")
    assert world.loans == {"B1": ANH, "B2": BINH}


def test_not_even_when_the_pad_was_away_meanwhile() -> None:
    world = lent("B1")
    world.bring_back("B1")
    world.touch(Action.FINISH)
    world.touch(Action.NO_PRINT)
    world.pad_lost()
    world.pad_back()
    assert world.at(Phase.ATTRACT)
    world.card(BINH)
    world.settle()
    assert not world.loans
    world.pad_lost()
    world.lift("B1")
    world.pad_back()
    world.lay("B1")
    assert world.loans == {"B1": BINH}


def test_a_card_in_the_middle_of_a_write_has_to_wait() -> None:
    world = lent("B1")
    world.put("B1")
    world.touch(Action.RETURN)
    world.card(BINH)
    assert world.told(Notice.TOUCH_LATER)
    assert world.at(Phase.RETURN)
    world.settle()
    world.card(BINH)
    assert world.at(Phase.BORROW)
    assert world.secured("B1")


# --- hours ------------------------------------------------------------------------------------------------------------


def test_in_closed_hours_returns_are_taken_and_cards_are_not() -> None:
    world = lent("B1")
    world.open = False
    world.tick(1)
    assert world.shows(ClosedView)
    world.card(ANH)
    assert world.shows(ClosedView)
    world.scan(ANH)
    assert world.shows(ClosedView)
    world.put("B1", "READER")
    assert world.shows(OfferView)
    world.card(ANH)
    assert world.shows(OfferView)
    world.touch(Action.RETURN)
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    world.card(ANH)
    assert world.shown == {"B1": RowState.RETURNED}
    world.touch(Action.FINISH)
    world.touch(Action.NO_PRINT)
    assert world.shows(ClosedView)


def test_out_of_service_nothing_is_taken() -> None:
    world = lent("B1")
    world.ledger_well = False
    world.card(ANH)
    assert world.shows(OutOfServiceView)
    world.ledger_well = True
    world.put("B1")
    world.card(ANH)
    world.scan("B1")
    assert world.shows(OutOfServiceView)
    assert world.loans == {"B1": ANH}


def test_a_return_that_is_left_closes_by_itself_without_a_question_and_without_a_receipt() -> None:
    world = lent("B1")
    world.bring_back("B1")
    world.tick(61)
    assert world.seconds_left() is None
    assert world.at(Phase.ATTRACT)
    assert [(c.outcome, c.back) for c in world.closed] == [("done", 1)]
    assert not world.printed
