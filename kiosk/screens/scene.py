"""Nobody is here: the attract screen and the closed one (visual language, templates, Scene)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from kivy.graphics import Canvas, ClearBuffers, ClearColor, Color, Fbo, Rectangle
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.widget import Widget

from kiosk.screens.kit import FIRST_LOOK, Painted, load
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, scenery, text_width, turned
from kiosk.screens.pile import darker
from kiosk.screens.theme import Box, Look, tokens
from kiosk.screens.words import words_of_card

#: The books on the first screen: titles of the house's own stock (section 7), never a reader's; cloth and, as parts of
#: the zone's width, where each begins and ends.
BOOKS = (("Dế Mèn phiêu lưu ký", 3, 0.02, 0.625), ("Truyện Kiều", 1, 0.066, 0.59), ("Số đỏ", 4, 0.0, 0.64))
#: Middle and width of the card in parts of the zone, by profile.
CARD = {"portrait": (0.818, 0.59, 0.36), "landscape": (0.849, 0.587, 0.288), "small": (0.84, 0.61, 0.30)}
#: When each part of the loop ends, in seconds: card, books, pad, rest.
CARD_S, BOOKS_S, PAD_S, LOOP_S = 1.6, 3.6, 5.0, 6.0


class Sky(Painted):
    """The scenery, painted once for each size."""

    night = BooleanProperty(False)
    watch: ClassVar[tuple[str, ...]] = ("night",)

    def paint(self, brush: Brush) -> None:
        if self.look.theme.plain:
            brush.rect(self.area, "sky")
            return
        texture = scenery(int(self.width), int(self.height), self.look.profile.name, night=self.night)
        Color(1, 1, 1, 1)
        Rectangle(texture=texture, pos=self.pos, size=self.size)


class Strip(Painted):
    """The woven strip where cloth meets paper; a line in the plain theme."""

    def paint(self, brush: Brush) -> None:
        if self.look.theme.plain:
            brush.rect((self.x, self.top - self.look.px(4), self.width, self.look.px(4)), "header_rule")
            return
        cell = {"portrait": 5, "landscape": 4, "small": 2}[self.look.profile.name]
        cell = max(1, round(cell * self.look.scale))
        brush.rect(self.area, "toast_ground")
        brush.hem("wide", self.x, self.top - 27 * cell, self.width, cell)
        if self.height > 27 * cell:
            brush.rect((self.x, self.y, self.width, self.height - 27 * cell), "ground")


class Exhibit(Painted):
    """Books and a card over arrows; ``clock`` is where in the loop it stands, in seconds, 0 at rest."""

    clock = NumericProperty(0.0)
    watch: ClassVar[tuple[str, ...]] = ("clock",)

    def _sink(self, begin: float, end: float) -> float:
        """How far a thing has sunk at this moment: down and up again as a sine."""
        part = (self.clock - begin) / (end - begin)
        drop = self.look.px(self.look.profile.space(tokens()["motion"]["full"]["attract_loop"]["drop_px"]))
        return drop * 0.5 * (1 - math.cos(2 * math.pi * part)) if 0 < part < 1 else 0.0

    def paint(self, brush: Brush) -> None:
        look = self.look
        x, _y, wide, high = self.area
        gap = look.px(look.profile.space(7))
        tall = (high - 2 * gap) / 3
        span = (BOOKS_S - CARD_S) / 3
        self._arrows(brush)
        # The lowest book goes first, as it does in the hand.
        for number, (title, cloth, left, right) in enumerate(BOOKS):
            begin = CARD_S + (2 - number) * span
            foot = self.top - (number + 1) * tall - number * gap - self._sink(begin, begin + span)
            self._book(
                brush, (round(x + left * wide), round(foot), round((right - left) * wide), round(tall)), title, cloth
            )
        self._card(brush)

    def _book(self, brush: Brush, box: Box, title: str, cloth: int) -> None:
        look = self.look
        x, y, wide, high = box
        radius = look.radius("label")
        edge = round(wide * 0.048)
        bands = (edge, max(2, round(edge * 0.31))), (round(edge * 1.75), max(2, round(edge * 0.16)))
        if look.theme.plain:
            brush.framed(box, "spine", "spine_border", look.stroke("control"), radius)
        else:
            colour = look.theme[f"cloth_{cloth}"]
            board = max(2, round(high * 0.08))
            brush.shadow("spine", box, radius)
            brush.round(box, darker(colour, 0.22), radius)
            brush.rect((x, y + board, wide, high - 2 * board), colour)
        for left, width in bands:
            brush.rect((x + left, y, width, high), "spine_band")
            brush.rect((x + wide - left - width, y, width, high), "spine_band")
        px = min(look.step("lead"), high * 0.46)
        while text_width(title, 600, px) > wide - 2.9 * bands[1][0] and px > 8:
            px -= 1
        brush.text(title, box, px, 600, "spine_text", align="center")

    def _card(self, brush: Brush) -> None:
        look = self.look
        at_x, at_y, part = CARD[look.profile.name]
        width = self.width * part
        x, y = self.x + self.width * at_x, self.top - self.height * at_y - self._sink(0.0, CARD_S)
        draw_card(brush, look, x, y, width)

    def _arrows(self, brush: Brush) -> None:
        x, y, wide, high = self.look.zone("scene", "arrows")
        if wide:
            for middle in (x + high / 2, x + wide - high / 2):
                brush.icon("arrow", middle, y + high / 2, high * 0.94, "pad_mark", "sky")


def draw_card(brush: Brush, look: Look, x: float, y: float, width: float, degrees: float = 7.0) -> None:
    """A library card, turned a little, its middle at (x, y)."""
    high = width * 228 / 344
    box = (round(x - width / 2), round(y - high / 2), round(width), round(high))
    with turned(x, y, degrees):
        brush.shadow("card", box, look.radius("card"))
        brush.picture("library_card", box)
        px = width * 0.086
        text = (box[0] + width * 0.235, box[1] + high * 0.71, width * 0.74, high * 0.29)
        brush.text(words_of_card(), text, px, 700, "thing_mark")


class Backdrop(Widget):
    """What does not move, kept as one texture, so that a frame of the loop paints only what does."""

    look = ObjectProperty(FIRST_LOOK)

    def __init__(self, **kwargs: Any) -> None:
        self.canvas = Canvas()
        with self.canvas:
            self._held = Fbo(size=(1, 1))
            Color(1, 1, 1, 1)
            self._shown = Rectangle(texture=self._held.texture)
        with self._held:
            ClearColor(0, 0, 0, 1)
            ClearBuffers()
        super().__init__(size_hint=(None, None), **kwargs)
        self._fit()

    def on_look(self, *_args: object) -> None:
        """As large as the screen."""
        self._fit()

    def _fit(self) -> None:
        size = (max(1, int(self.look.width)), max(1, int(self.look.height)))
        if self._held.size != size:
            self._held.size = size
            # Shown at its own size: no need to blend neighbours, which costs a third more.
            self._held.texture.min_filter = self._held.texture.mag_filter = "nearest"
            self._shown.texture, self._shown.size = self._held.texture, size

    def add_widget(self, *args: Any, **kwargs: Any) -> None:
        # A child's canvas goes where its parent's is: into the texture.
        canvas, self.canvas = self.canvas, self._held
        super().add_widget(*args, **kwargs)
        self.canvas = canvas


class ScenePage(Page):
    """Both screens of nobody; ``night`` is the closed one."""

    template = "scene"
    bare_header = True
    night = BooleanProperty(False)
    clock = NumericProperty(0.0)
    also_icon = StringProperty("return")

    def steps_at(self, look: Look) -> tuple[Box, bool, str, float]:
        """On the paper below the strip."""
        step, half = ("body", 25) if look.small else ("h3", 47)
        return look.zone("scene", "step_bar"), False, step, half

    def headline_at(self, look: Look, night: bool) -> Box:
        """By night higher, where the eyebrow is by day, so that the time below keeps clear of the hills."""
        if night:
            top, bottom = {"portrait": (8.2, 22.6), "landscape": (13.5, 35.5), "small": (10.5, 32.5)}[look.profile.name]
            return look.rect(5.9 if look.portrait else 3.3, top, 97, bottom)
        return look.zone("scene", "headline")

    def also_at(self, look: Look, night: bool) -> Box:
        """What else one can do, in the place of the keys; by night there are no steps above it."""
        if look.portrait and night:
            return look.rect(3.7, 77.0, 96.3, 85.2)
        if night:
            return look.rect(3.3, 77.5, 97.7, 90) if not look.small else look.rect(3.1, 70, 97.3, 85.7)
        return look.zone("scene", "buttons")

    def big_at(self, look: Look) -> Box:
        """Where the time of opening stands."""
        if look.portrait:
            return look.rect(5.9, 23.2, 94.1, 32.2)
        return look.rect(3.3, 33.5, 56.0, 50.0) if look.small else look.rect(3.3, 36.5, 56.0, 47.0)

    def other_at(self, look: Look) -> Box:
        """The line in the other language, clear of the sun."""
        return look.rect(5.9, 27.2, 76, 30.3) if look.portrait else look.zone("scene", "second_language")


load("scene")
