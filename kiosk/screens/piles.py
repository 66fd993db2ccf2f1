"""Books on the screen: borrow, offer, return, account (visual language, template Pile)."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import ObjectProperty, StringProperty

from kiosk.screens.kit import Painted, Pressable, load, middle
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, text_width
from kiosk.screens.theme import Box, Look
from kiosk.screens.words import more_below


class PilePage(Page):
    """Headline and note, the pile on its slab, and the dock."""

    template = "pile"

    def more_of(self, count: float, text: object) -> str:
        """What the slab says of the books that hang below it; ``text`` only so that a change of language asks again."""
        return more_below(int(count)) if text is not None else ""

    def headline_at(self, look: Look) -> Box:
        """The headline's zone."""
        return self.z(look, "headline")

    def empty_at(self, look: Look) -> Box:
        """A ghost of a book where the first one will lie, while there is none."""
        x, y, wide, _high = self.z(look, "pile")
        return (x, y, wide, look.size("row"))

    def show(self, *, settled: bool) -> None:
        """The pile moves only while somebody watches."""
        self.ids.pile.moving = not settled

    def tick(self, number: int) -> None:
        """Let the reading signs wander."""
        if self.ids.pile.reading:
            self.ids.pile.light(number)


class Invitation(Painted):
    """The outline of a book that is not there yet, with an arrow down onto the slab."""

    def paint(self, brush: Brush) -> None:
        look = self.look
        border = "reading" if look.theme.plain else "control_border"
        brush.framed(self.area, "reading_ground", border, look.stroke("ghost_spine"), look.radius("spine"))
        side = self.height * 0.6
        brush.icon("arrow", *middle(self.area), side, "reading", "reading_ground")


class More(Pressable):
    """How many books hang below, and the key that shows them."""

    text = StringProperty("")
    pile = ObjectProperty(None, allownone=True)
    watch: ClassVar[tuple[str, ...]] = (*Pressable.watch, "text")

    def on_text(self, *_args: object) -> None:
        self.touch = True if self.text else None

    def fire(self) -> None:
        """Turn the pile."""
        if self.pile is not None:
            self.pile.turn()

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        look = self.look
        radius = look.radius("spine")
        if look.theme.plain:
            brush.framed(self.area, "pad_slab", "pad_slab_border", look.stroke("control"), radius)
        else:
            brush.round(self.area, "pad_slab", radius)
        px = look.step("body")
        wide = text_width(self.text, 600, px)
        left = self.x + (self.width - wide + px * 1.4) / 2
        brush.icon("more", left - px * 0.9, self.y + self.height / 2, round(px * 1.1), "slab_accent")
        brush.text(self.text, (left, self.y, wide, self.height), px, 600, "slab_accent")


class BorrowPage(PilePage):
    """Card first: books go out; also the offer, when books came first."""


class ReturnPage(PilePage):
    """Books come back: the bin is drawn beside the headline on an upright screen."""

    def headline_at(self, look: Look) -> Box:
        return look.rect(5.9, 17.8, 62, 30.2) if look.portrait else self.z(look, "headline")

    def note_at(self, look: Look) -> Box:
        """Below the headline, beside the bin."""
        return look.rect(5.9, 30.6, 64, 36.0) if look.portrait else self.z(look, "note")

    def bin_at(self, look: Look) -> Box:
        """The bin, where there is room for it."""
        if look.portrait:
            return look.rect(66, 16.8, 94.5, 34.4)
        return look.rect(4, 49, 29, 72.5) if not look.small else (0, 0, 0, 0)

    def pile_at(self, look: Look) -> Box:
        """The pile, below the bin."""
        return look.rect(3.7, 37.2, 96.3, 74.8) if look.portrait else self.z(look, "pile")


class AccountPage(PilePage):
    """Counters, then loans and holds, hanging from the top."""

    def headline_at(self, look: Look) -> Box:
        if look.portrait:
            return look.rect(5.9, 9.8, 94.1, 14.8)
        return look.rect(2.5, 14.5, 32, 25.5) if not look.small else look.rect(71.1, 14.8, 98, 33)

    def note_at(self, look: Look) -> Box:
        """Under the headline: it takes a line of its own where there is something to say."""
        if look.portrait:
            return look.rect(5.9, 14.8, 94.1, 18.2)
        return look.rect(2.5, 25.5, 32, 32.5) if not look.small else look.rect(71.1, 33, 98, 49)

    def counters_at(self, look: Look, note: str) -> Box:
        """Side by side on an upright screen, two by two beside the pile."""
        if look.portrait:
            return look.rect(3.7, 18.9, 96.3, 26.6) if note else look.rect(3.7, 16.4, 96.3, 24.6)
        if look.small:
            return look.rect(2, 15.2, 68.8, 31.2)
        return look.rect(2.5, 33.5, 31, 59.5)

    def pile_at(self, look: Look, note: str) -> Box:
        """The rest of the body."""
        if look.portrait:
            return look.rect(3.7, 27.6 if note else 25.8, 96.3, 80.9)
        return look.rect(35.6, 14.2, 97.5, 90.2) if not look.small else look.rect(2, 32.5, 68.8, 87.6)

    def more_at(self, look: Look) -> Box:
        """At the pile's foot, over its last row."""
        x, y, wide, _high = self.pile_at(look, "")
        tall = look.px(84 if not look.small else 58)
        return (x, y - look.px(4), wide, tall)


load("piles")
