"""Reachable mode: everything to touch is low, letters twice as large, one book at a time (visual language, 12)."""

from __future__ import annotations

from typing import ClassVar

from kivy.properties import NumericProperty, ObjectProperty

from kiosk.screens.kit import NOWHERE, KeyButton, Painted, load
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import Box, Look
from kiosk.screens.words import Entry, Key, PageText, next_entry, previous_entry


class Summary(Painted):
    """Headline and notes, as large as they fit."""

    said = ObjectProperty(PageText())
    watch: ClassVar[tuple[str, ...]] = ("said",)

    def paint(self, brush: Brush) -> None:
        look, said = self.look, self.said
        parts = [(said.headline, 800, said.headline_role, "")]
        parts.append((said.note, 700, said.note_role, said.note_icon))
        parts.append((said.fact, 500, "text", ""))
        blocks = [(text, weight, role, icon) for text, weight, role, icon in parts if text]
        head, body = float(look.step("hero")), float(look.step("h1"))
        laid: list[tuple[list[str], float, int, str, str]] = []
        # Smaller until all of it stands in the box: the sentences of rules differ much in length.
        for _ in range(24):
            laid = []
            total = 0.0
            for number, (text, weight, role, icon) in enumerate(blocks):
                px = head if number == 0 else body
                room = self.width - (px * 1.35 if icon else 0)
                lines = lines_of(text, room, weight, int(px), 4 if number else 2)
                laid.append((lines, px, weight, role, icon))
                total += len(lines) * px * 1.18 + px * 0.2
            whole = all(not lines[-1].endswith("…") for lines, *_rest in laid)
            if total <= self.height and whole:
                break
            head, body = head * 0.94, body * 0.94
        y = self.top
        for lines, px, weight, role, icon in laid:
            tall = len(lines) * px * 1.18
            x = self.x
            if icon:
                side = round(px * 1.05)
                on = {"refused": "on_refused", "warning": "on_warning"}.get(role, "ground")
                brush.icon(icon, x + side / 2, y - px * 0.6, side, role, on)
                x += px * 1.35
            brush.lines(lines, (x, y - tall, self.right - x, tall), int(px), weight, role, leading=1.18)
            y -= tall + px * 0.2


class Item(Painted):
    """One book, in letters twice as large: its title, its state, and why."""

    entry = ObjectProperty(None, allownone=True)
    watch: ClassVar[tuple[str, ...]] = ("entry",)

    def paint(self, brush: Brush) -> None:
        if not isinstance(self.entry, Entry):
            return
        look, entry = self.look, self.entry
        brush.framed(self.area, "surface", "text", look.control, look.radius("card"))
        pad = look.px(look.profile.space(40))
        x, wide, high = self.x + pad, self.width - 2 * pad, self.height - 1.2 * pad
        px = float(look.step("h1"))
        icon = "reading_0" if entry.icon == "reading" else entry.icon
        rows: list[tuple[str, int, str, str]] = []
        for _ in range(24):
            size = int(px)
            rows = [(line, 700, "text", "") for line in lines_of(entry.title, wide, 700, size, 2)]
            room = wide - size * 1.35
            words = lines_of(entry.word, room, 700, size, 2)
            rows += [(line, 700, entry.tint, icon if n == 0 else " ") for n, line in enumerate(words)]
            rows += [(line, 600, "text", " ") for line in lines_of(entry.detail, room, 600, size, 1)]
            rows += [(line, 500, "text", "") for line in lines_of(entry.why, wide, 500, size, 2)]
            if len(rows) * size * 1.18 <= high:
                break
            px *= 0.94
        px = int(px)
        step = min(px * 1.32, high / max(1, len(rows)))
        y = self.top - (self.height - step * len(rows)) / 2
        for line, weight, role, mark in rows:
            y -= step
            left = x
            if mark:
                left += px * 1.35
            if mark.strip():
                side = round(px * 1.02)
                on = {"ok": "on_ok", "refused": "on_refused", "warning": "on_warning"}.get(role, "ground")
                brush.icon(mark, x + side / 2, y + step / 2, side, role, on)
            brush.text(line, (left, y, wide, step), px, weight, role)


class Position(Painted):
    """Which of how many."""

    at = NumericProperty(0)
    of = NumericProperty(0)
    watch: ClassVar[tuple[str, ...]] = ("at", "of")

    def paint(self, brush: Brush) -> None:
        if self.of > 1:
            text, px = f"{int(self.at) + 1}/{int(self.of)}", self.look.step("h1")
            while text_width(text, 800, px) > self.width and px > 12:
                px -= 1
            brush.text(text, self.area, px, 800, "text", align="center")


class Turn(KeyButton):
    """The key to the book before or after; it decides nothing, so no flow hears of it."""

    page = ObjectProperty(None, allownone=True)
    by = NumericProperty(1)

    def fire(self) -> None:
        """Show the other book."""
        if self.page is not None:
            self.page.turn(int(self.by))


class ReachablePage(Page):
    """Every body in the same low form."""

    template = "reachable"
    at = NumericProperty(0)

    def on_text(self, *_args: object) -> None:
        """Fewer books than before: stay on the last."""
        self.at = max(0, min(self.at, len(self.text.entries) - 1))

    def turn(self, by: int) -> None:
        """To the book before or after."""
        self.at = max(0, min(len(self.text.entries) - 1, self.at + by))

    def entry_at(self, text: PageText, at: float) -> Entry | None:
        """The book that is shown."""
        return text.entries[int(at)] if text.entries else None

    def way(self, text: PageText, by: int) -> Key | None:
        """The key to another book, where there are several."""
        if len(text.entries) < 2:
            return None
        return next_entry() if by > 0 else previous_entry()

    def summary_at(self, look: Look, text: PageText) -> Box:
        """The upper part; all of it where there is no book to show."""
        x, y, wide, high = look.zone("reachable", "summary")
        if text.entries:
            return (x, y, wide, high)
        item_x, item_y, item_wide, _high = look.zone("reachable", "item")
        if text.length:
            return (x, y, wide, high)
        if look.portrait:
            return (x, item_y, wide, y + high - item_y)
        return (x, y, item_x + item_wide - x, high)

    def pages_at(self, look: Look, which: int) -> Box:
        """Before, position, after."""
        x, y, wide, high = look.zone("reachable", "previous_next")
        side = round(wide * 0.365)
        gap = look.px(look.profile.space(16))
        if which == 0:
            return (x, y, side, high)
        if which == 2:
            return (x + wide - side, y, side, high)
        return (x + side + gap, y, wide - 2 * side - 2 * gap, high)

    def keys_of(self, text: PageText, at: float) -> tuple[Key, ...]:
        """What can be pressed below: the book's own keys, then the page's, the main one last."""
        entry = self.entry_at(text, at)
        own = entry.keys if entry else ()
        rest = tuple(key for key in (text.secondary, *text.keys, text.primary) if key is not None)
        return (*own, *rest)[-3:] if own else rest[-3:]

    def digits(self, text: PageText) -> tuple[Key, ...]:
        """The keypad of a PIN."""
        return text.keys if len(text.keys) > 3 else ()

    def keypad_at(self, look: Look, text: PageText) -> Box:
        """Between the page keys' place and the main key's."""
        if len(text.keys) <= 3:
            return NOWHERE
        if look.portrait:
            return look.rect(3.7, 56, 96.3, 87.1)
        return look.rect(2.5, 50.5, 97.5, 76.5)

    def boxes_at(self, look: Look, text: PageText) -> Box:
        """The boxes of a PIN, over its keypad."""
        if not text.length:
            return NOWHERE
        return look.rect(16, 44, 84, 53) if look.portrait else look.rect(52, 28, 97.5, 46)

    def columns_of(self, look: Look) -> int:
        """A wide screen has fewer, longer rows."""
        return 4 if look.portrait else 6

    def key_at(self, look: Look, text: PageText, at: float, number: int) -> Box:
        """Where the key of this number is, in the main key's place: side by side, the main one widest."""
        keys = self.keys_of(text, at) if not self.digits(text) else ()
        if number >= len(keys):
            return NOWHERE
        x, y, wide, high = look.zone("reachable", "primary")
        if len(text.entries) < 2 and look.portrait:
            _x, page_y, _wide, page_high = look.zone("reachable", "previous_next")
            if len(keys) > 1:
                # Nothing to turn: the first keys stand above the main one.
                if number == len(keys) - 1:
                    return (x, y, wide, high)
                gap = look.size("button_gap")
                each = (wide - gap * (len(keys) - 2)) / (len(keys) - 1)
                return (round(x + number * (each + gap)), page_y, round(each), page_high)
            return (x, y, wide, high)
        if len(text.entries) < 2:
            left, _y, _w, _h = look.zone("reachable", "previous_next")
            wide, x = x + wide - left, left
        gap = look.size("button_gap")
        parts = [1.0] * (len(keys) - 1) + [1.25]
        unit = (wide - gap * (len(keys) - 1)) / sum(parts)
        return (round(x + number * (unit + gap)), y, round(unit * parts[number]), high)

    def key_of(self, text: PageText, at: float, number: int) -> Key | None:
        """The key of this number."""
        keys = self.keys_of(text, at) if not self.digits(text) else ()
        return keys[number] if number < len(keys) else None


load("reachable")
