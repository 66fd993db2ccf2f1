"""A finger at the kiosk: it acts when it lets go, and sliding off is a change of mind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kiosk.screens.samples import VIEWS
from kiosk.screens.surface import kivy_is_installed
from kiosk.views import Action, BorrowView, DoneView, Touch

if not kivy_is_installed():
    pytest.skip("The screens need Kivy: pip install 'tramsach[kiosk]'.", allow_module_level=True)

from tests.kiosk.screens.fingers import WINDOW, Finger, below, middle, on_glass

BORROW = next(view for view in VIEWS.values() if isinstance(view.body, BorrowView) and view.body.borrowed)
DONE = next(view for view in VIEWS.values() if isinstance(view.body, DoneView))


class Glass:
    """A kiosk in the window, and what it told of touches."""

    def __init__(self) -> None:
        from kiosk.screens.root import KioskRoot  # noqa: PLC0415 (Kivy is prepared by the fingers)

        self.told: list[Touch] = []
        self.kiosk = KioskRoot(self.told.append, size=WINDOW, size_hint=(None, None), still=True)
        self.kiosk.show(BORROW)

    def key(self, action: Action) -> Any:
        """The widget that means this."""
        return next(
            w for w in below(self.kiosk) if isinstance(t := getattr(w, "touch", None), Touch) and t.action is action
        )


@pytest.fixture
def glass() -> Iterator[Glass]:
    made = Glass()
    with on_glass(made.kiosk):
        yield made


def test_a_key_acts_when_the_finger_lets_go(glass: Glass) -> None:
    finger = Finger()
    finger.down(*middle(glass.key(Action.FINISH)))
    assert glass.told == []
    assert glass.key(Action.FINISH).pressed
    finger.up()
    assert glass.told == [Touch(Action.FINISH)]
    assert not glass.key(Action.FINISH).pressed


def test_sliding_off_a_key_cancels(glass: Glass) -> None:
    key, finger = glass.key(Action.FINISH), Finger()
    finger.down(*middle(key))
    finger.move(key.right + 40, key.center_y)
    assert not key.pressed
    finger.up()
    assert glass.told == []


def test_sliding_off_and_back_again_is_meant(glass: Glass) -> None:
    key, finger = glass.key(Action.FINISH), Finger()
    finger.down(*middle(key))
    finger.move(key.right + 40, key.center_y)
    finger.move(*middle(key))
    finger.up()
    assert glass.told == [Touch(Action.FINISH)]


def test_a_finger_that_comes_from_elsewhere_presses_nothing(glass: Glass) -> None:
    key, finger = glass.key(Action.FINISH), Finger()
    finger.down(key.center_x, key.top + 300)
    finger.move(*middle(key))
    finger.up()
    assert glass.told == []


def test_each_finger_presses_its_own_key(glass: Glass) -> None:
    first, second = Finger(), Finger()
    first.down(*middle(glass.key(Action.FINISH)))
    second.down(*middle(glass.key(Action.ACCOUNT)))
    second.up()
    first.up()
    assert glass.told == [Touch(Action.ACCOUNT), Touch(Action.FINISH)]


def test_a_new_page_can_be_touched_at_once(glass: Glass) -> None:
    glass.kiosk.show(DONE)
    Finger().tap(glass.key(Action.PRINT))
    assert glass.told == [Touch(Action.PRINT)]
