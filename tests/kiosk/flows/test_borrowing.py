"""Borrowing, case by case: what lies on the pad, what is on record, what the tag is told, and what the reader is."""

from __future__ import annotations

import pytest

from drivers.devices import StackOverfull, TagArrived, TagRead
from kiosk.flows import messages as m
from kiosk.flows.state import Phase, Setup
from kiosk.views import Action, BorrowView, Notice, OfferView, RowState
from sync.circulation.blocks import Code
from tests.kiosk.flows.world import ANH, BINH, DUE, LATER, STRANGER, TAGS, World, uid_of


@pytest.fixture
def world() -> World:
    """A kiosk with Ánh's card just read."""
    world = World()
    world.card(ANH)
    return world


def checkouts(world: World) -> list[str]:
    """The items the ledger was asked to lend, in order."""
    return [e.item_id for e in world.asked if isinstance(e, m.Checkout)]


# --- the usual --------------------------------------------------------------------------------------------------------


def test_a_card_is_enough_to_borrow_and_greets_by_the_given_name(world: World) -> None:
    shown = world.view
    assert isinstance(shown.body, BorrowView)
    assert shown.patron is not None
    assert (shown.patron.given_name, shown.patron.masked_name) == ("Ánh", "Nguyễn V. Á.")
    assert (shown.patron.card_ending, shown.patron.child) == ("0101", False)
    assert world.sounds == ["card_read"]


def test_a_book_is_shown_as_borrowed_only_when_its_tag_has_been_verified(world: World) -> None:
    world.put("B1")
    assert world.shown == {"B1": RowState.READING}
    assert world.loans == {"B1": ANH}
    world.answer_tag("ok")
    row = world.rows["B1"]
    assert (row.state, row.title, row.author, row.day) == (RowState.BORROWED, "Nhan đề B1", "Tác giả", DUE.date())
    assert not world.tags["B1"].secured
    assert world.sounds == ["card_read", "borrowed"]


def test_a_tag_is_shown_as_being_read_before_anything_is_known_of_it(world: World) -> None:
    world.send(TagArrived("pad", uid_of("B1")))
    (row,) = world.rows.values()
    assert (row.key, row.state, row.title) == (f"tag:{uid_of('B1').hex()}", RowState.READING, "")
    world.send(TagRead("pad", uid_of("B1"), TAGS["B1"]))
    assert [row.state for row in world.rows.values()] == [RowState.READING]
    assert not checkouts(world)  # the stack is not steady yet


def test_books_that_lie_there_before_the_card_ask_for_it_and_are_lent_to_it() -> None:
    world = World()
    world.put("B1", "B2")
    body = world.view.body
    assert isinstance(body, OfferView)
    assert (body.returnable, body.others, body.on_pad) == (0, 2, 2)
    assert [row.title for row in body.rows] == ["Nhan đề B1", "Nhan đề B2"]
    assert not world.asked_of("B1")
    world.card(ANH)
    world.settle()
    assert world.shown == {"B1": RowState.BORROWED, "B2": RowState.BORROWED}
    assert world.loans == {"B1": ANH, "B2": ANH}


def test_twenty_books_are_lent_and_counted(world: World) -> None:
    books = [f"B{number}" for number in range(1, 21)]
    world.lay(*books)
    body = world.view.body
    assert isinstance(body, BorrowView)
    assert (body.borrowed, body.attention, body.on_pad) == (20, 0, 20)
    assert set(world.loans) == set(books)
    assert len(world.sounds) == 21


def test_one_bad_item_never_holds_up_the_good_ones(world: World) -> None:
    world.lay("B1", "REF", "BLANK", "B2")
    states = world.shown
    assert states.pop(f"tag:{uid_of('BLANK').hex()}") is RowState.REFUSED
    assert states == {"B1": RowState.BORROWED, "REF": RowState.REFUSED, "B2": RowState.BORROWED}
    assert list(world.shown)[-2:] == ["B2", "B1"]  # what needs attention stands above, the newest first
