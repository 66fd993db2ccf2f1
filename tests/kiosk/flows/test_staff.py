"""The staff corner: a PIN, how things stand, tags that were secured by hand, and out of service."""

from __future__ import annotations

import pytest

from kiosk.flows import messages as m
from kiosk.flows.state import Phase
from kiosk.views import Action, AttractView, OutOfServiceView, PinView, RepairView, StaffView
from tests.kiosk.flows.world import ANH, NOW, PIN, World


@pytest.fixture
def world() -> World:
    """A kiosk where a librarian has just come in."""
    world = World()
    world.repairs |= {"B1", "B2"}
    world.touch(Action.STAFF_CORNER)
    world.type_pin(PIN)
    return world


def corner(world: World) -> StaffView:
    """What staff see."""
    body = world.page(StaffView)
    assert world.view.staff
    return body


def test_the_corner_asks_for_a_pin_and_a_wrong_one_opens_nothing() -> None:
    world = World(waits=[0, 30])
    world.touch(Action.STAFF_CORNER)
    assert world.shows(PinView)
    assert world.view.staff
    world.type_pin("0000")
    world.type_pin("0000")
    body = world.page(PinView)
    assert (body.wrong, body.wait_s) == (True, 30)
    assert not any(isinstance(e, m.FindStaff) for e in world.asked)
    world.touch(Action.BACK)
    assert world.shows(AttractView)


def test_the_corner_shows_devices_unsent_events_and_tags_to_secure(world: World) -> None:
    world.lost("printer")
    body = corner(world)
    assert {device.name: (device.well, device.code) for device in body.devices} == {
        "pad": (True, ""),
        "reader": (True, ""),
        "scanner": (None, ""),
        "printer": (False, "wire"),
    }
    assert (body.unsent, body.oldest_unsent) == (3, NOW)
    assert body.repairs == (RepairView("B1", NOW, "undo"), RepairView("B2", NOW, "undo"))
    assert (body.out_of_service, body.clock_trusted) == (False, True)


def test_a_clock_that_is_not_trusted_is_told_to_staff(world: World) -> None:
    world.send(m.Tick(world.clock, NOW, clock_trusted=False))
    assert not corner(world).clock_trusted


def test_a_tag_secured_by_hand_leaves_the_list(world: World) -> None:
    world.touch(Action.REPAIR_DONE, "B1")
    assert [repair.item_id for repair in corner(world).repairs] == ["B2"]
    assert world.repairs == {"B2"}


def test_only_what_is_on_the_list_can_be_taken_off_it(world: World) -> None:
    world.touch(Action.REPAIR_DONE, "B3")
    assert not any(isinstance(e, m.MarkSecured) for e in world.asked)
    world.touch(Action.END)
    world.touch(Action.REPAIR_DONE, "B1")
    assert not any(isinstance(e, m.MarkSecured) for e in world.asked)


def test_out_of_service_and_back(world: World) -> None:
    world.touch(Action.OUT_OF_SERVICE)
    assert corner(world).out_of_service
    world.touch(Action.END)
    assert world.view.body == OutOfServiceView("STAFF")
    assert not world.view.staff
    world.card(ANH)
    world.put("B1")
    assert world.view.body == OutOfServiceView("STAFF")
    world.touch(Action.STAFF_CORNER)
    world.type_pin(PIN)
    world.touch(Action.IN_SERVICE)
    world.touch(Action.BACK)
    assert world.shows(AttractView)
    world.card(ANH)
    assert world.at(Phase.BORROW)


def test_only_staff_take_it_out_of_service() -> None:
    world = World()
    world.touch(Action.OUT_OF_SERVICE)
    world.card(ANH)
    world.touch(Action.OUT_OF_SERVICE)
    assert not world.state.out_of_service


@pytest.mark.parametrize("pin", ["", PIN])
def test_the_corner_closes_by_itself(pin: str) -> None:
    world = World()
    world.touch(Action.STAFF_CORNER)
    world.type_pin(pin)
    world.tick(59)
    assert world.view.staff
    assert world.seconds_left() is None
    world.tick(1)
    assert world.shows(AttractView)
    assert world.state.staff is None


def test_the_corner_opens_only_where_nobody_stands() -> None:
    world = World()
    world.card(ANH)
    world.touch(Action.STAFF_CORNER)
    assert world.at(Phase.BORROW)


def test_cards_and_books_wait_until_staff_have_left(world: World) -> None:
    world.card(ANH)
    world.put("B1")
    assert world.at(Phase.STAFF)
    world.touch(Action.END)
    assert world.shows(AttractView)
    assert not world.loans
