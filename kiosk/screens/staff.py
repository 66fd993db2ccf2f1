"""The staff corner: devices, what has not been sent, chips to secure, in or out of service, leave."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import BooleanProperty, ObjectProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.screens.kit import FIRST_LOOK, NOWHERE, KeyButton, Painted, load
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import Box, Look
from kiosk.screens.words import PageText, StatusLine


class Devices(Painted):
    """A list of devices on paper: mark, name, and how each is. Lines come closer where there are many."""

    lines = ObjectProperty(())
    two_lines = BooleanProperty(False)  # how it is below its name instead of beside it
    watch: ClassVar[tuple[str, ...]] = ("lines", "two_lines")

    def paint(self, brush: Brush) -> None:
        if not self.lines:
            return
        look = self.look
        radius = look.radius("card")
        if look.theme.plain:
            brush.framed(self.area, "surface", "text", look.control, radius)
        else:
            brush.shadow("card", self.area, radius)
            brush.round(self.area, "surface", radius)
        pad = look.px(look.profile.space(30))
        step = (self.height - pad * 0.6) / len(self.lines)
        if not self.two_lines:
            step = min(step, look.px(look.profile.space(140)))
        px = min(look.step("lead" if look.portrait else "body"), step * 0.72)
        y = self.top - pad * 0.3
        for number, line in enumerate(self.lines):
            y -= step
            if number:
                brush.rect((self.x + pad, round(y + step), self.width - 2 * pad, look.px(2)), "divider")
            side = round(px * 1.05)
            middle = y + step / 2
            on = {"ok": "on_ok", "refused": "on_refused", "warning": "on_warning"}.get(line.role, "surface")
            brush.icon(line.icon, self.x + pad + side / 2, middle, side, line.role, on)
            left = self.x + pad + side * 1.6
            if self.two_lines:
                self._below(brush, line, (left, y, self.right - pad - left, step), min(px, step * 0.36))
                continue
            state_px = px * 0.92
            state = lines_of(line.state, self.width * 0.45, 700, int(state_px), 1)
            wide = max((text_width(part, 700, int(state_px)) for part in state), default=0.0)
            right: Box = (self.right - pad - wide, y, wide, step)
            brush.lines(state, right, int(state_px), 700, line.role)
            room = right[0] - left - px * 0.5
            brush.lines(lines_of(line.text, room, 600, int(px), 1), (left, y, room, step), int(px), 600, "text")

    def _below(self, brush: Brush, line: StatusLine, box: Box, px: float) -> None:
        rise = px * 0.62
        x, y, wide, high = box
        brush.text(line.text, (x, y + rise, wide, high), int(px), 700, "text")
        brush.text(line.state, (x, y - rise, wide, high), int(px * 0.9), 500, "text_soft")


class Notice(Painted):
    """Whether anything needs looking at, and whether the machine serves: gold with a bar, or quiet green."""

    text = StringProperty("")
    detail = StringProperty("")
    role = StringProperty("ok")
    icon = StringProperty("tick")
    watch: ClassVar[tuple[str, ...]] = ("text", "detail", "role", "icon")

    def paint(self, brush: Brush) -> None:
        look = self.look
        radius = look.radius("card")
        bar = look.px(look.profile.space(14))
        ground = "warning_ground" if self.role == "warning" else "ok_ground"
        edge = "warning_bar" if self.role == "warning" else "ok"
        if look.theme.plain:
            brush.framed(self.area, ground, edge, look.stroke("control"), radius)
        else:
            brush.round(self.area, edge, radius)
            brush.round((self.x + bar, self.y, self.width - bar, self.height), ground, (0, radius, radius, 0))
        px = look.step("lead")
        x = self.x + bar + look.px(look.profile.space(30))
        side = round(px * 1.25)
        on = "on_warning" if self.role == "warning" else "on_ok"
        right = self.right - look.px(look.profile.space(30))
        left = x + side * 1.4
        body = look.step("body")
        detail_wide = text_width(self.detail, 600, body)
        if text_width(self.text, 700, px) + detail_wide + px < right - left:
            brush.icon(self.icon, x + side / 2, self.y + self.height / 2, side, self.role, on)
            brush.text(self.text, (left, self.y, right - left, self.height), px, 700, "text")
            brush.text(self.detail, (left, self.y, right - left, self.height), body, 600, "text", align="right")
            return
        brush.icon(self.icon, x + side / 2, self.y + self.height / 2, side, self.role, on)
        rise = body * 0.62
        brush.text(self.text, (left, self.y + rise, right - left, self.height), body, 700, "text")
        brush.text(self.detail, (left, self.y - rise, right - left, self.height), body, 500, "text")


class Repairs(Widget):
    """Chips to secure, one a line on paper with its key; those that find no line come when the first are done."""

    look = ObjectProperty(FIRST_LOOK)
    box = ObjectProperty(NOWHERE)
    repairs = ObjectProperty(())

    def __init__(self, **kwargs: object) -> None:
        super().__init__(size_hint=(None, None), **kwargs)
        self._paper = Devices()
        self.add_widget(self._paper)
        self._keys: list[KeyButton] = []
        for name in ("look", "box", "repairs"):
            self.fbind(name, self._seat)
        self._seat()

    def _seat(self, *_args: object) -> None:
        look = self.look
        x, y, wide, high = self.box
        row = look.px(93 if look.small else 110)
        shown = self.repairs[: max(0, int(high // row))] if wide else ()
        while len(self._keys) > len(shown):
            self.remove_widget(self._keys.pop())
        while len(self._keys) < len(shown):
            key = KeyButton(step="body")
            self._keys.append(key)
            self.add_widget(key)
        each = min(high / len(shown), row * 1.2) if shown else 0.0
        key_wide = round(wide * (0.34 if look.portrait else 0.36))
        gap = look.px(look.profile.space(12))
        for number, (button, repair) in enumerate(zip(self._keys, shown, strict=True)):
            foot = y + high - (number + 1) * each
            button.look, button.key = look, repair.key
            button.box = (round(x + wide - key_wide), round(foot + gap / 2), key_wide, round(each - gap))
        self._paper.look = look
        self._paper.two_lines = True
        self._paper.lines = tuple(StatusLine(one.text, one.detail, "warning", "warning") for one in shown)
        tall = each * len(shown)
        self._paper.box = (x, y + high - tall, wide - key_wide - gap * 2, tall) if shown else NOWHERE


class StaffPage(Page):
    """Two columns on a wide screen, one below the other on an upright one."""

    template = "staff"

    def devices_at(self, look: Look, text: PageText) -> Box:
        """As long as the list."""
        if look.small:
            return look.rect(2, 31, 49, 66)
        return look.zone("staff", "devices") if text.devices else NOWHERE

    def notice_at(self, look: Look) -> Box:
        """On top."""
        return look.rect(2, 16, 49, 29.5) if look.small else look.zone("staff", "notice")

    def counters_at(self, look: Look) -> Box:
        """Below the devices."""
        return look.rect(2, 68, 49, 87) if look.small else look.zone("staff", "counters")

    def fact_at(self, look: Look) -> Box:
        """How old the oldest unsent event is."""
        if look.portrait:
            return look.rect(5.9, 55.6, 94.1, 58.4)
        return look.rect(52, 14.6, 97.5, 20) if not look.small else look.rect(51.3, 16, 98, 22)

    def heading_at(self, look: Look) -> Box:
        """Over the chips to secure."""
        if look.portrait:
            return look.rect(5.9, 58.6, 94.1, 61.8)
        return look.rect(52, 20.5, 97.5, 27) if not look.small else look.rect(51.3, 22, 98, 29)

    def pile_at(self, look: Look) -> Box:
        """The chips to secure, each with its key."""
        if look.portrait:
            return look.rect(3.7, 62.2, 96.3, 79.6)
        return look.rect(51.3, 28, 97.5, 58.5) if not look.small else look.rect(51.3, 30, 98, 52)

    def service_at(self, look: Look) -> Box:
        """In or out of service."""
        if look.portrait:
            return look.rect(3.7, 81.2, 96.3, 88.4)
        return look.rect(51.3, 61, 97.5, 74.5) if not look.small else look.rect(51.3, 54, 98, 70)

    def leave_at(self, look: Look) -> Box:
        """The way out, at the foot."""
        return look.zone("staff", "leave") if not look.small else look.rect(51.3, 71.5, 98, 87.3)


load("staff")
