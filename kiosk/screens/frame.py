"""What stands around every page: header with its hem, step bar, tools, the offline banner and the passing notice."""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.clock import Clock
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.screens.kit import FIRST_LOOK, NOWHERE, Painted, Pressable, Tool, send
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import Box
from kiosk.screens.words import Frame, Steps
from kiosk.views import Action, Touch

#: How long the mark must be held before it opens the staff corner, in seconds.
HOLD_S = 1.5
NOBODY = Frame("", "", "", "", "", "", (), frozenset(), "", "", "")


class Header(Painted):
    """The indigo band: mark, name and library; at the right the clock or the reader. ``bare`` lies on the sky."""

    frame = ObjectProperty(NOBODY)
    bare = BooleanProperty(False)
    staff = BooleanProperty(False)
    shared = BooleanProperty(False)  # with the step bar, which then ends the room for names
    watch: ClassVar[tuple[str, ...]] = ("frame", "bare", "staff", "shared")

    def paint(self, brush: Brush) -> None:
        look = self.look
        if not self.bare:
            brush.rect(self.area, "staff_header" if self.staff else "header")
            cell = int(max(1, round(look.profile.sizes["hem_cell"] * look.scale)))
            if look.theme.plain:
                brush.rect((self.x, self.y - look.px(4), self.width, look.px(4)), "header_rule")
            else:
                brush.hem("narrow", self.x, self.y - 9 * cell, self.width, cell)
        high = look.size("header")
        x, middle = self.x + look.size("margin"), self.top - high / 2
        side = look.px(76 if not look.small else 48)
        brush.icon("mark", x + side / 2, middle - side * 0.02, side)
        left = x + side + look.px(look.profile.space(22 if not look.small else 32))
        end = self._right_side(brush, middle)
        self._names(brush, left, end, middle)

    def _names(self, brush: Brush, left: float, end: float, middle: float) -> None:
        look, frame = self.look, self.frame
        px = look.step("brand")
        if look.small or not frame.library:
            brush.text(frame.brand, (left, middle - px, end - left, 2 * px), px, 700, "header_text")
            return
        rise = look.px(22 if look.portrait else 21)
        fine = look.step("fine")
        brush.text(frame.brand, (left, middle + rise - px, end - left, 2 * px), px, 700, "header_text")
        brush.text(
            frame.library, (left, middle - look.px(26 if look.portrait else 25) - fine, end - left, 2 * fine),
            fine, 500, "header_text_soft",
        )  # fmt: skip

    def _right_side(self, brush: Brush, middle: float) -> float:
        """The clock or the chip; gives back where the room for names ends."""
        look, frame = self.look, self.frame
        right = self.right - look.size("margin")
        gap = look.px(look.profile.space(40))
        limit = right
        if self.shared:
            limit = look.zone("frame", "step_bar")[0]
        if frame.patron:
            return min(limit, self._chip(brush, right, middle)) - gap
        if not frame.time:
            return limit - gap
        px, fine = look.step("h4"), look.step("fine")
        wide = text_width(frame.time, 700, px)
        if look.small:
            brush.text(frame.time, (right - wide, middle - px, wide, 2 * px), px, 700, "header_text")
            return min(limit, right - wide) - gap
        day = text_width(frame.date, 500, fine)
        brush.text(frame.time, (right - wide, middle + look.px(22) - px, wide, 2 * px), px, 700, "header_text")
        brush.text(frame.date, (right - day, middle - look.px(27) - fine, day, 2 * fine), fine, 500, "header_text_soft")
        return min(limit, right - max(wide, day)) - gap

    def _chip(self, brush: Brush, right: float, middle: float) -> float:
        look, frame = self.look, self.frame
        px, fine = look.step("body"), look.step("fine")
        high = look.px(102 if look.portrait else 90 if not look.small else 50)
        icon = look.px(54 if not look.small else 36)
        pad = look.px(look.profile.space(24))
        most = self.width * (0.46 if look.portrait else 0.24 if not look.small else 0.285)
        room = most - 2 * pad - icon - pad * 0.8
        while px > look.step("body") * 0.86 and text_width(frame.patron, 600, px) > room:
            px -= 1
        name = lines_of(frame.patron, room, 600, int(px), 1)
        wide = text_width(name[0], 600, px) if name else 0.0
        if not look.small:
            wide = max(wide, text_width(frame.patron_card, 500, fine))
        total = 2 * pad + icon + pad * 0.8 + wide
        box: Box = (round(right - total), round(middle - high / 2), round(total), high)
        brush.framed(box, "chip", "chip_border", look.control, look.radius("card"))
        brush.icon("card", box[0] + pad + icon / 2, middle, icon, "chip_icon", "chip")
        left = box[0] + pad + icon + pad * 0.8
        if look.small:
            brush.lines(name, (left, middle - px, wide, 2 * px), px, 600, "header_text")
            return box[0]
        rise = look.px(22 if look.portrait else 20)
        brush.lines(name, (left, middle + rise - px, wide, 2 * px), px, 600, "header_text")
        low = look.px(23 if look.portrait else 20)
        brush.text(frame.patron_card, (left, middle - low - fine, wide, 2 * fine), fine, 500, "header_text_soft")
        return box[0]


class Corner(Pressable):
    """The hidden way to the staff corner: hold the mark, then let go."""

    _since = 0.0

    def on_touch_down(self, touch: Any) -> bool:
        self._since = Clock.get_time()
        return super().on_touch_down(touch)

    def fire(self) -> None:
        """Only after the finger has stayed."""
        if Clock.get_time() - self._since >= HOLD_S:
            send(self, self.touch)

    def paint(self, brush: Brush) -> None:
        """Nothing to see."""


STAFF_CORNER = Touch(Action.STAFF_CORNER)


class StepBar(Painted):
    """Three diamonds with their labels, joined by small ones; ``on_header`` in the colours of the dark band."""

    steps = ObjectProperty(None, allownone=True)
    on_header = BooleanProperty(False)
    step = StringProperty("lead")
    half = NumericProperty(42.0)
    watch: ClassVar[tuple[str, ...]] = ("steps", "on_header", "step", "half")

    def paint(self, brush: Brush) -> None:
        if not isinstance(self.steps, Steps):
            return
        look, told = self.look, self.steps
        px, half = look.step(self.step), look.px(self.half)
        gap = px * 0.36
        weights = [700 if number == told.current else 600 for number in (1, 2, 3)]
        widths = [text_width(label, weight, px) for label, weight in zip(told.labels, weights, strict=True)]
        while px > 12 and sum(widths) + 3 * (2 * half + gap) + 2 * px * 0.5 > self.width:
            px -= 1
            widths = [text_width(label, weight, px) for label, weight in zip(told.labels, weights, strict=True)]
            gap = px * 0.36
        between = (self.width - sum(widths) - 3 * (2 * half + gap)) / 2
        x, y = self.x, self.y + self.height / 2
        for number in (1, 2, 3):
            self._diamond(brush, x + half, y, half, number)
            x += 2 * half + gap
            done, current = number < told.current, number == told.current
            role = "text" if done or current else "text_soft"
            if self.on_header:
                role = "header_text" if done or current else "header_text_soft"
            brush.text(
                told.labels[number - 1], (x, y - px, widths[number - 1] + 2, 2 * px), px, weights[number - 1], role
            )
            x += widths[number - 1]
            if number < 3:
                self._dots(brush, x, between, y, number < told.current, px)
                x += between

    def _dots(self, brush: Brush, x: float, room: float, y: float, done: bool, px: float) -> None:
        pitch = px * 0.76
        count = max(1, min(4, int((room - px * 0.6) / pitch)))
        role = ("step_done_on_header" if self.on_header else "step_done") if done else "connector_todo"
        if not done and self.on_header and not self.look.theme.plain:
            role = "chip_border"
        first = x + room / 2 - pitch * (count - 1) / 2
        for number in range(count):
            brush.diamond(first + number * pitch, y, px * 0.155, role)

    def _diamond(self, brush: Brush, x: float, y: float, half: float, number: int) -> None:
        told, header = self.steps, self.on_header
        tail = "_on_header" if header else ""
        px = half * 0.86
        if number < told.current:
            brush.diamond(x, y, half, f"step_done{tail}")
            side = half * 1.5
            brush.icon("step_tick", x, y, side, "on_step_done")
            return
        if number == told.current:
            brush.diamond(x, y, half, f"step_current{tail}")
            on = "on_step_current_header" if header else "on_step_current"
            brush.text(str(number), (x - half, y - half, 2 * half, 2 * half), px, 800, on, align="center")
            return
        role = f"step_todo{tail}"
        brush.diamond_outline(x, y, half, role, self.look.px(4))
        brush.text(str(number), (x - half, y - half, 2 * half, 2 * half), px * 0.92, 700,
                   "header_text_soft" if header else "text_soft", align="center")  # fmt: skip


class ToolBar(Widget):
    """The four tools, at the same place on every screen."""

    look = ObjectProperty(FIRST_LOOK)
    box = ObjectProperty(NOWHERE)
    frame = ObjectProperty(NOBODY)
    only = ObjectProperty(None, allownone=True)  # the actions shown, where not all are

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lines = Dividers()
        self.add_widget(self._lines)
        self._tools: list[Tool] = []
        for name in ("look", "box", "frame", "only"):
            self.fbind(name, self._seat)
        self._seat()

    def _seat(self, *_args: object) -> None:
        keys = [key for key in self.frame.tools if self.only is None or key.touch.action in self.only]
        while len(self._tools) < len(keys):
            tool = Tool()
            self._tools.append(tool)
            self.add_widget(tool)
        while len(self._tools) > len(keys):
            self.remove_widget(self._tools.pop())
        x, y, wide, high = self.box
        each = wide / max(1, len(keys))
        for number, (tool, key) in enumerate(zip(self._tools, keys, strict=True)):
            tool.look, tool.key = self.look, key
            tool.active = key.touch.action in self.frame.active
            tool.stacked = self.look.portrait and self.only is None
            tool.step = "body" if self.only is None else "h2"
            tool.box = (round(x + number * each), y, round(each), high)
        active = [tool.active for tool in self._tools]
        self._lines.places = tuple(
            round(x + number * each) for number in range(1, len(keys)) if not (active[number] or active[number - 1])
        )
        self._lines.look, self._lines.box = self.look, self.box


class Dividers(Painted):
    """Thin lines between tools."""

    places = ObjectProperty(())
    watch: ClassVar[tuple[str, ...]] = ("places",)

    def paint(self, brush: Brush) -> None:
        high = self.height * (0.58 if self.look.portrait else 0.6)
        for x in self.places:
            brush.rect((x - 1, self.y + (self.height - high) / 2, self.look.px(2), high), "divider")


class Banner(Painted):
    """The gold line that says there is no connection; it pushes the page down and stays."""

    text = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("text",)

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        look = self.look
        brush.rect(self.area, "banner_ground")
        px = look.step("body")
        left = self.x + look.size("text_inset" if look.portrait else "margin")
        room = px * 1.7
        brush.icon(
            "offline", left + px * 0.6, self.y + self.height / 2, round(px * 1.25), "banner_icon", "banner_ground"
        )
        wide = self.right - look.size("margin") - left - room
        while px > 12 and text_width(self.text, 600, px) > wide:
            px -= 1
        brush.text(self.text, (left + room, self.y, wide, self.height), px, 600, "banner_text")


class Toast(Painted):
    """A line that needs no answer, above the dock."""

    text = StringProperty("")
    icon = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("text", "icon")

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        look = self.look
        radius = look.radius("panel")
        brush.shadow("slab", self.area, radius)
        if look.theme.plain:
            brush.framed(self.area, "toast_ground", "text", look.stroke("control"), radius)
        else:
            brush.round(self.area, "toast_ground", radius)
        px = look.step("body")
        left = self.x + look.px(look.profile.space(36))
        brush.icon(self.icon, left + px * 0.6, self.y + self.height / 2, round(px * 1.25), "toast_icon", "toast_ground")
        wide = self.right - left - px * 2.4
        lines = lines_of(self.text, wide, 600, int(px), 2)
        brush.lines(lines, (left + px * 1.8, self.y, wide, self.height), px, 600, "toast_text", leading=1.18)
