"""It is done: the date slip with its stamp, and whether to print (visual language, section 11, screen 9)."""

from __future__ import annotations

import math
from typing import ClassVar

import qrcode
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from qrcode.constants import ERROR_CORRECT_L

from kiosk.screens.kit import NOWHERE, Painted, animate, load
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, lines_of, text_width, turned
from kiosk.screens.theme import Box, Look, tokens
from kiosk.screens.words import Entry, PageText, more_below

_PAPER, _INK = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
#: The white around a QR code, in modules (ISO/IEC 18004).
_QUIET = 4


class DateSlip(Painted):
    """The slip of a library book: ruled lines, a title on each with a chip of its cloth, and the stamp."""

    heading = StringProperty("")
    entries = ObjectProperty(())
    stamp = StringProperty("")
    stamp_date = StringProperty("")
    pressed_on = NumericProperty(1.0)  # how far the stamp has come down
    brief = BooleanProperty(False)  # the stamp alone
    watch: ClassVar[tuple[str, ...]] = ("heading", "entries", "stamp", "stamp_date", "pressed_on", "brief")

    def paint(self, brush: Brush) -> None:
        look = self.look
        radius = look.radius("card")
        if look.theme.plain:
            brush.framed(self.area, "surface", "text", look.control, radius)
        else:
            brush.shadow("card", self.area, radius)
            brush.round(self.area, "surface", radius)
        pad = look.px(look.profile.space(36))
        px = look.step("body")
        step = px * 1.92
        foot = px * 4.2 if self.stamp else px * 0.5
        x, wide, y = self.x + pad, self.width - 2 * pad, self.top - px * 0.35 - step * 0.95
        title = (x, y, wide, step * 0.9)
        brush.text(self.heading, title, look.step("lead") if not look.small else px, 700, "reading")
        brush.rect((x, y, wide, look.px(3)), "slip_line")
        if not self.brief:
            room = int((y - self.y - foot) / step)
            self._titles(brush, x, y, wide, step, max(0, room))
        if self.stamp:
            self._stamp(brush, px)

    def _titles(self, brush: Brush, x: float, y: float, wide: float, step: float, room: int) -> None:
        look, px = self.look, self.look.step("body")
        shown: tuple[Entry, ...] = self.entries
        over = len(shown) - room
        if over > 0:
            shown = shown[: max(0, room - 1)]
            over += 1
        for one in shown:
            y -= step
            chip = look.px(look.profile.space(18))
            high = step * 0.62
            colour = "thing_pale" if look.theme.plain else f"cloth_{one.cloth or 1}"
            brush.round((x, y + (step - high) / 2, chip, high), colour, look.px(4))
            left = x + chip + look.px(look.profile.space(24))
            due = one.detail if self._differs(one) else ""
            end = text_width(due, 600, px) + px * 0.6 if due else 0.0
            titles = lines_of(one.title, x + wide - left - end, 500, int(px), 1)
            brush.lines(titles, (left, y, wide, step), px, 500, "text")
            if due:
                brush.text(due, (x, y, wide, step), px, 600, "text", align="right")
            brush.rect((x, y, wide, look.px(3)), "slip_line")
        if over > 0 and room > 0:
            y -= step
            brush.text(more_below(over), (x, y, wide, step), px, 600, "text_soft")
            brush.rect((x, y, wide, look.px(3)), "slip_line")
        # Lines that wait for the next book, as on any such slip.
        for _ in range(room - len(shown) - (over > 0)):
            y -= step
            brush.rect((x, y, wide, look.px(3)), "slip_line")

    def _differs(self, one: Entry) -> bool:
        """Whether a book's own date must stand beside its title, because the stamp shows an earlier one."""
        return bool(one.detail and self.stamp_date and self.stamp_date not in one.detail)

    def _stamp(self, brush: Brush, px: float) -> None:
        look = self.look
        big = look.step("h1_small")
        line = px * 0.95
        wide = max(text_width(self.stamp_date, 800, big), text_width(self.stamp, 700, line)) + px * 2
        pad = look.px(look.profile.space(48 if not self.brief else 12))
        if (fits := (self.width - 2 * pad) / wide) < 1:
            big, line, wide = big * fits, line * fits, wide * fits
        high = big * 1.12 + line * 1.5
        x = self.right - pad - wide if not self.brief else self.x + (self.width - wide) / 2
        y = self.y + (px * 0.42 if not self.brief else (self.height - px * 2.4 - high) / 2)
        box: Box = (round(x), round(y), round(wide), round(high))
        part = self.pressed_on
        told = tokens()["motion"]["full"]["stamp"]
        angle = -(told["angle_from"] + (told["angle_to"] - told["angle_from"]) * part)
        scale = told["scale_from"] + (1 - told["scale_from"]) * part
        with turned(box[0] + box[2] / 2, box[1] + box[3] / 2, angle, scale):
            brush.frame(box, "ok", look.px(look.profile.space(7)), look.px(look.profile.space(14)), part)
            upper = (box[0], box[1] + high * 0.63, box[2], high * 0.33)
            lower = (box[0], box[1] + high * 0.06, box[2], high * 0.60)
            brush.text(self.stamp, upper, line, 700, "ok", align="center", alpha=part)
            brush.text(self.stamp_date, lower, big, 800, "ok", align="center", alpha=part)


class Code(Painted):
    """A QR code on white paper, whatever the theme, with a line that says what it is for."""

    code = StringProperty("")
    hint = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("code", "hint")

    def paint(self, brush: Brush) -> None:
        if not self.code:
            return
        look = self.look
        brush.round(self.area, _PAPER, look.radius("card"))
        px = look.step("body") * 0.9
        # A small screen has no room for words: the code must be as large as it can.
        lines = [] if look.small else lines_of(self.hint, self.width - px, 600, int(px), 3)
        below = px * 1.2 * len(lines) + px * 0.6 if lines else 0.0
        modules = modules_of(self.code)
        side = int(min(self.width, self.height - below) / (len(modules) + 2 * _QUIET)) * len(modules)
        x = round(self.x + (self.width - side) / 2)
        y = round(self.y + below + (self.height - below - side) / 2)
        brush.dots((x, y, side, side), modules, _INK)
        brush.lines(lines, (self.x, self.y + px * 0.3, self.width, below), px, 600, _INK, align="center")


def modules_of(text: str) -> list[list[bool]]:
    """The modules of a QR code, row by row from the top. A mark in front says that the text is UTF-8."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_L, border=0)
    code.add_data(text.encode("utf-8-sig"))
    return [[bool(dark) for dark in row] for row in code.get_matrix()]


class Seconds(Painted):
    """A small ring of diamonds with the seconds left, beside what will happen then."""

    seconds = NumericProperty(0)
    of_seconds = NumericProperty(20)
    text = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = ("seconds", "of_seconds", "text")

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        look = self.look
        side = min(self.height, look.px(look.profile.space(104)))
        ring(brush, self.x + side / 2, self.y + self.height / 2, side / 2, int(self.seconds), int(self.of_seconds),
             "reading", "divider", side * 0.036)  # fmt: skip
        px = look.step("lead" if look.portrait else "body") * 0.92
        middle_box: Box = (self.x, self.y, side, self.height)
        brush.text(str(int(self.seconds)), middle_box, px, 700, "text", align="center")
        left = self.x + side + look.px(look.profile.space(28))
        body = look.step("body")
        wide = self.right - left
        while body > look.step("fine") * 0.8 and lines_of(self.text, wide, 500, int(body), 2)[-1].endswith("…"):
            body -= 1
        brush.text(self.text, (left, self.y, wide, self.height), body, 500, "text_soft", most=2)


def ring(brush: Brush, x: float, y: float, radius: float, left: int, of: int, on: str, off: str, half: float) -> None:
    """Diamonds in a circle, one a second, from the top clockwise; the spent ones keep an outline."""
    count = max(1, of)
    spent = max(0, count - left)
    for number in range(count):
        angle = 2 * math.pi * (number + 0.5) / count
        at_x, at_y = x + (radius - half) * math.sin(angle), y + (radius - half) * math.cos(angle)
        if number >= spent:
            brush.diamond(at_x, at_y, half, on)
        else:
            brush.diamond(at_x, at_y, half, off)
            brush.diamond_outline(at_x, at_y, half, "countdown_off_border", max(2.0, half * 0.14))


#: How much of the slip's width the code beside it takes.
_CODE = 0.44


class DonePage(Page):
    """Tick, slip, question, two picture keys, and the seconds until the first screen."""

    template = "frame"
    stamped = NumericProperty(1.0)

    def show(self, *, settled: bool) -> None:
        """The stamp comes down once, when the page is new."""
        self.stamped = 1.0
        if not settled:
            self.stamped = 0.0
            animate(self, self.look, "stamp", stamped=1.0)

    def tick_at(self, look: Look) -> Box:
        """The large tick."""
        if look.portrait:
            return look.rect(6.3, 18.2, 19.0, 25.4)
        return look.rect(2.5, 15.5, 8.3, 26) if not look.small else look.rect(2.5, 16.3, 9.5, 28.3)

    def headline_at(self, look: Look) -> Box:
        """Beside the tick."""
        if look.portrait:
            return look.rect(22.6, 17.2, 94.1, 22.8)
        return look.rect(9.5, 15, 33, 26.4) if not look.small else look.rect(11, 15.4, 58, 29)

    def fact_at(self, look: Look) -> Box:
        """What was done, in a line."""
        if look.portrait:
            return look.rect(22.6, 22.9, 94.1, 26.6)
        return look.rect(2.5, 27, 32, 37.5) if not look.small else look.rect(2.5, 29.2, 56.5, 36.7)

    def slip_at(self, look: Look, text: PageText) -> Box:
        """The date slip; beside it stands the code, where there is one."""
        x, y, wide, high = self._slip_and_code_at(look, text)
        return (x, y, round(wide * (1 - _CODE)), high) if text.code else (x, y, wide, high)

    def code_at(self, look: Look, text: PageText) -> Box:
        """The slip as a code, in its upper right where the slip is tall."""
        if not text.code:
            return NOWHERE
        x, y, wide, high = self._slip_and_code_at(look, text)
        side = round(wide * _CODE) - look.size("button_gap")
        tall = high if look.small else min(high, round(side * 1.25))
        return (x + wide - side, y + high - tall, side, tall)

    def _slip_and_code_at(self, look: Look, text: PageText) -> Box:
        """It has the room of the question's pictures when nothing is asked."""
        note = 5.4 if text.note else 0.0
        if look.portrait:
            return look.rect(3.7, 27.9, 96.3, (60.6 if text.asks else 69.5) - note)
        if not look.small:
            return look.rect(36.5, 16.5, 97.0, 76.5 if text.note else 87)
        return look.rect(2, 38, 56.5, 86.5 if not text.note else 75.0)

    def note_at(self, look: Look, text: PageText) -> Box:
        """Books for the librarian."""
        if not text.note:
            return NOWHERE
        if look.portrait:
            foot = 60.6 if text.asks else 69.5
            return look.rect(3.7, foot - 4.6, 96.3, foot)
        return look.rect(36.5, 79, 97.0, 87.5) if not look.small else look.rect(2, 77, 56.5, 86.8)

    def question_at(self, look: Look, text: PageText) -> Box:
        """The question about the receipt, or how it stands."""
        if look.portrait:
            return look.rect(5.9, 61.4, 94.1, 66.2) if text.asks else look.rect(5.9, 70.4, 94.1, 77.2)
        return look.rect(2.5, 38, 32, 47.5) if not look.small else look.rect(59, 15.5, 98, 30)

    def key_at(self, look: Look, text: PageText, number: int) -> Box:
        """One of at most two keys; a single one is the main button."""
        if number >= len(text.keys):
            return NOWHERE
        both = len(text.keys) == 2
        if look.portrait:
            x, y, wide, high = look.rect(3.7, 66.8, 96.3, 84.0) if text.asks else look.rect(3.7, 78.2, 96.3, 86.0)
            each = round((wide - look.size("button_gap")) / 2) if both else wide
            return (x + number * (wide - each), y, each, high)
        if look.small:
            box = look.rect(59, 31, 98, 51.5), look.rect(59, 53.5, 98, 74)
            return box[number] if both else box[1]
        box = look.rect(2.5, 48.5, 31, 62), look.rect(2.5, 64, 31, 79)
        return box[number] if both else box[1]

    def count_at(self, look: Look, text: PageText) -> Box:
        """The seconds left."""
        if look.portrait:
            return look.rect(5.9, 85.2, 94.1, 91.2) if text.asks else look.rect(5.9, 86.8, 94.1, 92.0)
        return look.rect(2.5, 80.2, 32, 90.0) if not look.small else look.rect(59, 75, 98, 87.5)

    def pictured(self, look: Look, key: object) -> bool:
        """Whether a key shows its picture: only large ones on the upright screen do."""
        return bool(look.portrait and getattr(key, "icon", "") in ("receipt", "no_receipt"))


load("done")
