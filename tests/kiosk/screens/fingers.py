"""A finger on the glass of an offscreen window: Kivy's own events, from its loop down to the widget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.screens.surface import prepare

WINDOW = (1920, 1080)

prepare(*WINDOW, offscreen=True)

from kivy.base import EventLoop  # noqa: E402 (Kivy must be prepared first)
from kivy.core.window import Window  # noqa: E402
from kivy.input.motionevent import MotionEvent  # noqa: E402

from kiosk.screens.root import settle  # noqa: E402


class _Event(MotionEvent):  # type: ignore[misc]  # Kivy has no types
    """One touch of one finger, or of a mouse where ``button`` is named."""

    def depack(self, args: tuple[float, float, str]) -> None:
        self.sx, self.sy, button = args
        self.profile = ["pos", "button"] if button else ["pos"]
        if button:
            self.button = button
        super().depack(args)


class Finger:
    """Goes down somewhere, moves, comes up; all in pixels of the window."""

    _count = 0

    def __init__(self, button: str = "") -> None:
        Finger._count += 1
        self._button = button
        self._event: Any = None

    def down(self, x: float, y: float) -> None:
        """Touch the glass."""
        self._event = _Event("fingers", Finger._count, self._where(x, y), is_touch=True, type_id="touch")
        EventLoop.post_dispatch_input("begin", self._event)

    def move(self, x: float, y: float) -> None:
        """Slide to another place."""
        self._event.move(self._where(x, y))
        EventLoop.post_dispatch_input("update", self._event)

    def up(self) -> None:
        """Let go."""
        EventLoop.post_dispatch_input("end", self._event)

    def tap(self, widget: Any) -> None:
        """Touch the middle of a widget, and let go there."""
        self.down(*middle(widget))
        self.up()

    def _where(self, x: float, y: float) -> tuple[float, float, str]:
        return (x / (Window.width - 1), y / (Window.height - 1), self._button)


def middle(widget: Any) -> tuple[float, float]:
    """The middle of a widget in pixels of the window."""
    x, y = widget.to_window(*widget.center)
    return float(x), float(y)


def below(widget: Any) -> Iterator[Any]:
    """All widgets under one."""
    for child in widget.children:
        yield child
        yield from below(child)


@contextmanager
def on_glass(root: Any) -> Iterator[None]:
    """Show a root in the window, painted, while the block runs."""
    Window.add_widget(root)
    try:
        settle(root)
        yield
    finally:
        Window.remove_widget(root)
