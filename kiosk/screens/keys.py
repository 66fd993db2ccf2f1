"""Typing digits: boxes that show diamonds, never digits, and a keypad (visual language, template Keys)."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty
from kivy.uix.widget import Widget

from kiosk.screens.kit import FIRST_LOOK, NOWHERE, KeyButton, Painted, load, middle
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush
from kiosk.screens.theme import Box, Look


class Boxes(Painted):
    """One box a digit, a diamond in each that has been typed; lacquer when it was not it."""

    entered = NumericProperty(0)
    length = NumericProperty(4)
    wrong = BooleanProperty(False)
    watch: ClassVar[tuple[str, ...]] = ("entered", "length", "wrong")

    def paint(self, brush: Brush) -> None:
        look, count = self.look, max(1, int(self.length))
        gap = min(look.px(look.profile.space(40)), self.width * 0.06)
        side = round(min(self.height, (self.width - gap * (count - 1)) / count))
        x = self.x + (self.width - side * count - gap * (count - 1)) / 2
        y = self.y + (self.height - side) / 2
        for number in range(count):
            box: Box = (round(x + number * (side + gap)), round(y), side, side)
            role = "refused" if self.wrong else "pin_border" if number <= self.entered else "pin_border_todo"
            brush.framed(box, "surface", role, look.stroke("field"), look.radius("button"))
            if number < self.entered:
                brush.diamond(*middle(box), side * 0.245, "reading")


class Keypad(Widget):
    """Keys in a grid, row by row, ``columns`` wide."""

    look = ObjectProperty(FIRST_LOOK)
    box = ObjectProperty(NOWHERE)
    keys = ObjectProperty(())
    columns = NumericProperty(3)

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in ("look", "box", "keys", "columns"):
            self.fbind(name, self._seat)
        self._seat()

    def _seat(self, *_args: object) -> None:
        keys = self.keys
        while len(self.children) > len(keys):
            self.remove_widget(self.children[0])
        while len(self.children) < len(keys):
            self.add_widget(KeyButton(corner="key_large"))
        if not keys:
            return
        x, y, wide, high = self.box
        columns = int(self.columns)
        rows = -(-len(keys) // columns)
        gap = self.look.px(max(14, self.look.profile.space(26)))
        each, tall = (wide - gap * (columns - 1)) / columns, (high - gap * (rows - 1)) / rows
        for number, (button, key) in enumerate(zip(reversed(self.children), keys, strict=True)):
            row, column = divmod(number, columns)
            button.look, button.key = self.look, key
            button.step = "h1" if key.kind == "key" else "h4"
            button.box = (
                round(x + column * (each + gap)), round(y + high - tall - row * (tall + gap)), round(each), round(tall)
            )  # fmt: skip


class KeysPage(Page):
    """Headline, fact, boxes, keypad."""

    template = "keypad"

    def well_at(self, look: Look) -> Box:
        """The ground of the keypad."""
        if look.portrait:
            return (0.0, 0.0, look.width, look.rect(0, 40.6, 100, 100)[3])
        x = look.zone("keypad", "keypad")[0] - look.px(look.profile.space(40))
        top = look.zone("frame", "hem")[1]
        return (x, 0.0, look.width - x, top)

    def icon_of(self, wrong: bool) -> str:
        """The octagon beside what was wrong."""
        return "cross" if wrong else ""

    def tools_ground(self, look: Look) -> Box:
        """The tools lie on one ground."""
        if look.portrait:
            return NOWHERE
        _x, y, _wide, _high = look.zone("keypad", "keypad")
        return (0.0, 0.0, look.width, y - look.px(look.profile.space(16)))


load("keys")
