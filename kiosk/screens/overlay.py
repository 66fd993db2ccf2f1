"""What lies over the page: the question whether somebody is still there, and help."""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.properties import NumericProperty, ObjectProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.screens.done import ring
from kiosk.screens.kit import FIRST_LOOK, NOWHERE, Painted, load, send
from kiosk.screens.paint import Brush, lines_of
from kiosk.screens.theme import Box, Look
from kiosk.screens.words import DialogText


class Veil(Painted):
    """Darkens what lies under it."""

    def paint(self, brush: Brush) -> None:
        brush.rect(self.area, "veil", 0.88)


class Sheet(Painted):
    """The paper of a dialog: square on top with the narrow hem, round below."""

    def paint(self, brush: Brush) -> None:
        look = self.look
        radius = look.px(look.profile.space(32))
        if look.theme.plain:
            brush.framed(self.area, "ground", "text", look.control, radius)
            return
        brush.round(self.area, "ground", (0, 0, radius, radius))
        cell = max(1, round(look.profile.sizes["hem_cell"] * look.scale))
        brush.hem("narrow", self.x, self.top - 9 * cell, self.width, cell)


class Countdown(Painted):
    """Twenty upright diamonds in a circle, one a second, and the number in the middle."""

    seconds = NumericProperty(0)
    of_seconds = NumericProperty(20)
    unit = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("seconds", "of_seconds", "unit")

    def paint(self, brush: Brush) -> None:
        look = self.look
        side = min(self.width, self.height)
        x, y = self.x + self.width / 2, self.y + self.height / 2
        ring(
            brush,
            x,
            y,
            side / 2,
            int(self.seconds),
            int(self.of_seconds),
            "countdown_on",
            "countdown_off",
            side * 0.051,
        )
        px = min(look.step("giant"), side * 0.42)
        body = min(look.step("body"), side * 0.16)
        rise = body * 0.62
        box: Box = (x - side / 2, y - side / 2 + rise, side, side)
        brush.text(str(int(self.seconds)), box, px, 800, "text", align="center")
        foot = y + rise - px * 0.37 - body * 1.45
        brush.text(self.unit, (x - side / 2, foot, side, body), body, 600, "text", align="center")


class Points(Painted):
    """Sentences one below the other, each after a small diamond."""

    lines = ObjectProperty(())
    watch: ClassVar[tuple[str, ...]] = ("lines",)

    def paint(self, brush: Brush) -> None:
        look = self.look
        px = look.step("lead" if not look.small else "body")
        indent = px * 1.3
        while True:
            broken = [lines_of(line, self.width - indent, 500, int(px), 3) for line in self.lines]
            tall = sum(len(lines) * px * 1.24 for lines in broken) + px * 0.62 * (len(broken) - 1)
            if tall <= self.height or px <= look.step("fine") * 0.7:
                break
            px -= 1
        y = self.top - max(0.0, self.height - tall) * 0.25
        for lines in broken:
            brush.diamond(self.x + px * 0.4, y - px * 0.62, px * 0.26, "diamond_1")
            high = len(lines) * px * 1.24
            brush.lines(lines, (self.x + indent, y - high, self.width - indent, high), int(px), 500, leading=1.24)
            y -= high + px * 0.62


class Dialog(Widget):
    """A question or help over the page; it takes every touch, so that nothing under it can be pressed."""

    look = ObjectProperty(FIRST_LOOK, rebind=True)
    said = ObjectProperty(None, allownone=True, rebind=True)
    whole = NumericProperty(20)
    rise = NumericProperty(0.0)

    def z(self, look: Look, said: object, name: str) -> Box:
        """A zone of the dialog; without a countdown the words have its room too, and the main key the whole foot."""
        if not isinstance(said, DialogText):
            return NOWHERE
        box = look.zone("dialog", name)
        if said.seconds is None:
            box = self._without_ring(look, name, box)
        x, y, wide, high = box
        return (x, y - self.rise, wide, high) if wide else NOWHERE

    def _without_ring(self, look: Look, name: str, box: Box) -> Box:
        if name == "ring":
            return NOWHERE
        places: dict[str, Box]
        if look.portrait:
            places = {"headline": (10, 27, 90, 33), "text": (10, 34.5, 90, 65.5), "primary": (10, 77, 90, 86.4)}
        elif look.small:
            places = {"headline": (6, 13, 94, 25), "text": (6, 26, 94, 72), "primary": (5.5, 75, 95, 93)}
        else:
            places = {"headline": (20, 17, 80, 29), "text": (20, 31, 80, 66), "primary": (20, 71, 80, 87)}
        if name == "secondary":
            return NOWHERE
        return look.rect(*places[name]) if name in places else box

    def whole_of(self, look: Look) -> Box:
        """All of the screen."""
        return (0.0, 0.0, look.width, look.height)

    def lines(self, said: object) -> str:
        """The sentences of a question, each on a line of its own."""
        return "\n".join(said.lines) if isinstance(said, DialogText) and self.asks(said) else ""

    def asks(self, said: object) -> bool:
        """Whether it is a question with a time, not an explanation."""
        return isinstance(said, DialogText) and said.seconds is not None

    def points(self, said: object) -> tuple[str, ...]:
        """The sentences of an explanation."""
        return said.lines if isinstance(said, DialogText) and not self.asks(said) else ()

    def on_touch_down(self, touch: Any) -> bool:
        if not super().on_touch_down(touch):
            touch.grab(self)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        if touch.grab_current is self:
            touch.ungrab(self)
            # Beside the keys: whoever touches the veil is there, and may close what only explains.
            if isinstance(self.said, DialogText):
                send(self, self.said.primary.touch)
            return True
        return bool(super().on_touch_up(touch))


load("overlay")
