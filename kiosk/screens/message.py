"""One thing to say: a card that cannot borrow, a machine that rests (visual language, template Message)."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import StringProperty

from kiosk.screens.kit import NOWHERE, Painted, load, middle
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, text_width
from kiosk.screens.scene import draw_card
from kiosk.screens.theme import Box, Look


class Scenelet(Painted):
    """The picture of a message on its coloured ground: the card with an octagon, or the slab with a triangle."""

    what = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("what",)

    def paint(self, brush: Brush) -> None:
        if not self.what:
            return
        look = self.look
        refused = self.what == "card"
        top = look.height - look.size("header") - self.y - look.px(4)
        brush.rect((self.x, self.y, self.width, top), "refused_ground" if refused else "warning_ground")
        x, y = middle(self.area)
        side = min(self.width * (0.47 if look.portrait else 0.66), self.height * 1.15)
        if refused:
            draw_card(brush, look, x, y, side, 5.0)
            self._sign(brush, "cross", x + side * 0.40, y - side * 0.22, side * 0.33, "refused", "on_refused")
            return
        high = side * 0.2
        box: Box = (round(x - side / 2), round(y - high), round(side), round(high))
        radius = look.radius("panel")
        if look.theme.plain:
            brush.framed(box, "pad_slab", "pad_slab_border", look.control, radius)
        else:
            brush.round((box[0], box[1] - look.px(10), box[2], box[3]), "slab_edge", radius)
            brush.round(box, "pad_slab", radius)
        brush.icon("pad", x, box[1] + high / 2, high * 0.7, "pad_mark", "pad_slab")
        self._sign(brush, "warning", x + side * 0.44, y + high * 0.35, side * 0.32, "warning", "on_warning")

    def _sign(self, brush: Brush, name: str, x: float, y: float, side: float, role: str, on: str) -> None:
        rim = "surface" if not self.look.theme.plain else "ground"
        brush.icon(name, x, y, round(side * 1.14), rim, rim)
        brush.icon(name, x, y, round(side), role, on)


class Remark(Painted):
    """An icon before a sentence on a quiet ground of its own."""

    text = StringProperty("")
    icon = StringProperty("")
    role = StringProperty("text")
    ground = StringProperty("reading_ground")
    watch: ClassVar[tuple[str, ...]] = ("text", "icon", "role", "ground")

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        look = self.look
        radius = look.radius("panel")
        if look.theme.plain:
            brush.framed(self.area, self.ground, self.role, look.stroke("control"), radius)
        else:
            brush.round(self.area, self.ground, radius)
        px = look.step("body")
        pad = look.px(look.profile.space(32))
        inner: Box = (self.x + pad, self.y, self.width - 2 * pad, self.height)
        room = px * 1.7 if self.icon else 0.0
        if self.icon:
            brush.icon(self.icon, inner[0] + px * 0.6, middle(inner)[1], round(px * 1.15), self.role, "on_refused")
        while px > look.step("fine") * 0.85 and text_width(self.text, 600, px) > 1.9 * (inner[2] - room):
            px -= 1
        brush.text(self.text, (inner[0] + room, inner[1], inner[2] - room, inner[3]), px, 600, self.role, most=2)


class MessagePage(Page):
    """Picture, headline, fact, what to do now, what else one can do."""

    template = "message"
    what = StringProperty("")

    def headline_at(self, look: Look) -> Box:
        """The headline's zone."""
        return self.z(look, "headline")

    def fact_at(self, look: Look) -> Box:
        """Two lines of facts."""
        if look.portrait:
            return look.rect(5.9, 46.6, 94.1, 51.6)
        return look.rect(41, 28.5, 97.5, 38) if not look.small else look.rect(33.5, 28, 98, 40)

    def card_at(self, look: Look) -> Box:
        """What to do now, on a card of its own."""
        if look.portrait:
            return look.rect(3.7, 53.2, 96.3, 68.0)
        return self.z(look, "next_step")

    def desk_at(self, look: Look) -> Box:
        """The librarian's desk on that card."""
        x, y, wide, high = self.card_at(look)
        pad = high * 0.16
        side = min(high - 2 * pad, wide * 0.24)
        return (x + pad * 1.2, y + (high - side) / 2, side, side)

    def step_at(self, look: Look, upper: bool) -> Box:
        """The sentence on the card, and the line below it."""
        x, y, wide, high = self.card_at(look)
        desk = self.desk_at(look)
        left = desk[0] + desk[2] + look.px(look.profile.space(44))
        right = x + wide - look.px(look.profile.space(24))
        # Where the card is low the sentence has it for itself.
        lower = high * 0.34 if look.portrait else high * 0.08
        if not upper and not look.portrait:
            return NOWHERE
        if upper:
            return (left, y + lower, right - left, high - lower - high * 0.08)
        return (left, y + high * 0.06, right - left, lower - high * 0.02)

    def also_at(self, look: Look, text: str) -> Box:
        """What one can still do; the small screen has no room for it."""
        if not text:
            return NOWHERE
        if look.portrait:
            return look.rect(3.7, 70.4, 96.3, 78.4)
        return look.rect(41, 61, 97.5, 72.5) if not look.small else NOWHERE

    def code_at(self, look: Look) -> Box:
        """The code for staff, at the lower right."""
        if look.portrait:
            return look.rect(5.9, 82, 94.1, 88)
        return look.rect(41, 78, 97.5, 88) if not look.small else look.rect(33.5, 72, 98, 86)


load("message")
