"""A book that nobody has and whose tag waits for repair: it is secured wherever it is seen, without anybody's word."""

from __future__ import annotations

import pytest

from drivers.iso15693 import TagFault
from kiosk.flows import messages as m
from kiosk.flows.state import Phase
from kiosk.views import Action, BorrowView, OfferView, RowState
from sync.circulation.blocks import Code
from tests.kiosk.flows.world import ANH, BINH, DUE, World


@pytest.fixture
def world() -> World:
    """A kiosk where B1, a set and a reference book came back unsecured, some time ago."""
    world = World()
    for tag, item in (("B1", "B1"), ("SET/1", "SET"), ("SET/2", "SET"), ("REF", "REF")):
        world.tags[tag].secured = False
        world.repairs.add(item)
    return world


def test_a_book_that_waits_for_repair_is_secured_while_it_only_lies_there(world: World) -> None:
    world.lay("B1")
    assert world.shows(OfferView)
    assert world.secured("B1")
    assert "B1" not in world.repairs
    assert world.asked_of("B1") == [m.SecureTag]
    assert world.entries == []


def test_a_set_that_waits_for_repair_is_secured_when_all_of_it_is_there(world: World) -> None:
    world.lay("SET/1")
    assert world.secured("SET/1")
    assert "SET" in world.repairs
    world.lay("SET/2")
    assert world.secured("SET/2")
    assert "SET" not in world.repairs


def test_a_book_that_waits_for_repair_is_secured_when_it_is_refused(world: World) -> None:
    world.card(ANH)
    world.lay("REF")
    assert world.says("REF", Code.READING_ONLY)
    assert world.secured("REF")
    assert "REF" not in world.repairs


def test_what_cannot_be_secured_is_tried_a_few_times_and_again_when_it_is_put_down_anew(world: World) -> None:
    world.card(ANH)
    world.put("REF")
    for _each in range(5):
        world.answer_tag("refused")
    assert world.asked_of("REF") == [m.SecureTag] * 3
    assert "REF" in world.repairs
    assert world.reasons == {"REF": TagFault.NOT_WRITTEN}
    world.lift("REF")
    world.lay("REF")
    assert world.secured("REF")
    assert "REF" not in world.repairs


def test_a_locked_tag_is_not_tried_again(world: World) -> None:
    world.put("B1")
    world.answer_tag("locked")
    world.settle()
    assert world.asked_of("B1") == [m.SecureTag]
    assert "B1" in world.repairs
    assert world.reasons == {"B1": TagFault.LOCKED}


def test_staff_are_told_why_a_tag_cannot_be_secured_at_a_return(world: World) -> None:
    world.loans["B3"], world.due["B3"] = ANH, DUE
    world.tags["B3"].secured = False
    world.put("B3")
    world.touch(Action.RETURN)
    world.answer_tag("locked")
    world.settle()
    assert world.shown == {"B3": RowState.PUT_ASIDE}
    assert world.reasons == {"B3": TagFault.LOCKED}


def test_staff_are_told_why_a_tag_cannot_be_secured_again_when_its_loan_was_undone(world: World) -> None:
    world.card(ANH)
    world.put("B2")
    for outcome in ("refused", "refused", "lost", "locked"):
        world.answer_tag(outcome)
    world.settle()
    assert world.shown == {"B2": RowState.REFUSED}
    assert world.reasons == {"B2": TagFault.LOCKED}


def test_nobody_is_told_of_a_tag_that_was_only_taken_away(world: World) -> None:
    world.put("B1")
    world.slip("B1")
    world.settle()
    assert world.reasons == {}


def test_a_card_that_comes_while_a_tag_is_being_secured_borrows_the_book_when_that_is_done(world: World) -> None:
    world.put("B1")
    world.card(ANH)
    assert world.asked_of("B1") == [m.SecureTag]
    world.settle()
    assert world.asked_of("B1") == [m.SecureTag, m.ReleaseTag]
    assert world.shown == {"B1": RowState.BORROWED}
    assert world.loans == {"B1": ANH}
    assert not world.secured("B1")


def test_a_return_while_a_tag_is_being_secured_is_reported_when_it_is(world: World) -> None:
    world.put("B1")
    world.touch(Action.RETURN)
    assert world.shown == {"B1": RowState.READING}
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    assert "B1" not in world.repairs
    assert world.asked_of("B1") == [m.SecureTag]


def test_a_return_after_a_tag_was_secured_has_it_read_back_once_more(world: World) -> None:
    world.lay("B1")
    world.touch(Action.RETURN)
    world.settle()
    assert world.shown == {"B1": RowState.RETURNED}
    assert world.asked_of("B1") == [m.SecureTag, m.SecureTag]


def test_the_part_that_completes_a_set_waits_until_the_first_has_been_secured(world: World) -> None:
    world.card(ANH)
    world.put("SET/1")
    assert world.says("SET", Code.PART_MISSING, parts=2, seen=1)
    world.put("SET/2")
    assert world.asked_of("SET/1") == [m.SecureTag]
    world.settle()
    assert world.asked_of("SET/1") == [m.SecureTag, m.ReleaseTag]
    assert world.shown == {"SET": RowState.BORROWED}
    assert not world.secured("SET/1")
    assert not world.secured("SET/2")


def test_what_was_secured_before_a_loan_does_not_count_as_released(world: World) -> None:
    world.card(ANH)
    world.lay("SET/1")
    world.put("SET/2")
    world.slip("SET/1")
    world.settle()
    assert world.shown == {"SET": RowState.PUT_BACK}
    world.notice()
    world.lay("SET/1")
    assert world.shown == {"SET": RowState.BORROWED}
    assert not world.secured("SET/1")


def test_a_book_taken_away_while_it_is_being_secured_is_forgotten_and_waits_on(world: World) -> None:
    world.put("B1")
    world.slip("B1")
    world.notice()
    world.settle()
    assert world.at(Phase.ATTRACT)
    assert world.repairs >= {"B1"}
    world.lay("B1")
    assert "B1" not in world.repairs


@pytest.mark.parametrize("wait", [0.0, 200.0])
def test_nobody_leaves_before_the_pad_has_answered(world: World, wait: float) -> None:
    world.put("B1")
    if wait:
        world.tick(wait)
    else:
        world.touch(Action.END)
    assert not world.at(Phase.ATTRACT)
    world.settle()
    assert world.at(Phase.ATTRACT)
    assert "B1" not in world.repairs


def test_another_card_after_a_refused_one_waits_until_the_pad_has_answered(world: World) -> None:
    world.put("B1")
    world.card("0000")
    assert world.at(Phase.PROBLEM)
    world.card(BINH)
    assert world.at(Phase.PROBLEM)
    world.settle()
    world.card(BINH)
    world.settle()
    assert world.shows(BorrowView)


def test_a_pad_that_is_lost_meanwhile_leaves_the_row(world: World) -> None:
    world.put("B1")
    world.pad_lost()
    world.settle()
    assert "B1" in world.repairs
    world.pad_back()
    world.settle()
    assert "B1" not in world.repairs
