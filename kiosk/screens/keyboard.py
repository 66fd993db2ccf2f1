"""Typing a line of text: the field with its caret, and the keyboard below it (visual language, 5.3 and template Keys).

The field is drawn, not a text input of Kivy's: it would take the keys of the window, which are the scanner's
(:mod:`kiosk.screens.wedge`), and keep a text that is the flow's. What is touched is sent up as a
:class:`kiosk.views.Touch`, and the flow answers with another view. Keys that stay the same are not drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from kivy.clock import Clock
from kivy.properties import ObjectProperty
from kivy.uix.widget import Widget

from kiosk.screens.keycaps import Cap, Row, rows
from kiosk.screens.kit import FIRST_LOOK, KINDS, NOWHERE, Pressable, inset, load, send
from kiosk.screens.page import Page
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import Box, Look, tokens
from kiosk.screens.type import ELLIPSIS
from kiosk.screens.words import PageText, Typing
from kiosk.typing.line import Stroke
from kiosk.views import Action, Touch

#: How long a key is held before it repeats, and how often then, in seconds.
HOLD_S, REPEAT_S = 0.5, 0.12
#: More rows than this no keyboard has.
MOST_ROWS = 6
#: Room that an icon takes before a label, in sizes of its type.
_ICON_ROOM = 1.45
_CAP_HEIGHT = float(tokens()["type"]["cap_height"])


class TypeKey(Pressable):
    """One key. ``box`` is what is seen, ``cell`` what is touched: the gaps belong to the nearest key."""

    cap = ObjectProperty(None, allownone=True)
    cell = ObjectProperty(NOWHERE)
    watch: ClassVar[tuple[str, ...]] = ("pressed", "cap")

    def __init__(self, **kwargs: object) -> None:
        self._repeating: Any = None
        self._repeated = False
        super().__init__(**kwargs)

    def on_cap(self, *_args: object) -> None:
        self.touch = self.cap.touch if isinstance(self.cap, Cap) else None

    def collide_point(self, x: float, y: float) -> bool:
        """Whether a point belongs to this key."""
        left, low, wide, high = self.cell
        return bool(left <= x < left + wide and low <= y < low + high)

    # --- what it does ---

    def on_touch_down(self, touch: Any) -> bool:
        if not super().on_touch_down(touch):
            return False
        self._stop_repeating()
        self._repeated = False
        if self.cap.repeats:
            self._repeating = Clock.schedule_once(self._repeat, HOLD_S)
        return True

    def on_touch_up(self, touch: Any) -> bool:
        if touch.grab_current is self:
            self._stop_repeating()
        return super().on_touch_up(touch)

    def on_pressed(self, *_args: object) -> None:
        """Down and up at once: nobody sees a movement under a fingertip, and fast fingers must not wait for one."""

    def fire(self) -> None:
        """Tell the kiosk, unless it was told while the key was held."""
        if not self._repeated:
            super().fire()

    def _repeat(self, _passed: float) -> None:
        if self.pressed:
            self._repeated = True
            send(self, self.touch)
        self._repeating = Clock.schedule_once(self._repeat, REPEAT_S)

    def _stop_repeating(self) -> None:
        if self._repeating is not None:
            self._repeating.cancel()
            self._repeating = None

    # --- what it looks like ---

    def paint(self, brush: Brush) -> None:
        cap, look = self.cap, self.look
        if not isinstance(cap, Cap):
            return
        face, edge_role, role, _border = KINDS[cap.kind]
        edge = look.px(float(tokens()["edge"]["button_small_screen" if look.small else "key"]))
        down = round(edge - look.px(2)) if self.pressed else 0
        if self.pressed or cap.on:
            face, role = "tool_active", "on_tool_active"
        radius = look.radius("key")
        x, y, wide, high = self.area
        brush.round((x, y, wide, min(high - down - 2, edge + 2 * radius + 2)), edge_role, radius)
        top = (x, y + edge - down, wide, high - edge)
        line = look.control if look.theme.plain else look.stroke("hair")
        brush.framed(top, face, edge_role, line, radius)
        if cap.hint:
            self._hinted(brush, top, role)
        else:
            self._labelled(brush, top, face, role)

    def _hinted(self, brush: Brush, top: Box, role: str) -> None:
        look, cap = self.look, self.cap
        x, y, wide, high = top
        px = look.step("h4")
        letter = (x - look.px(look.profile.space(11)), y - look.px(look.profile.space(8)), wide, high)
        brush.text(cap.text, letter, px, 600, role, align="center")
        small = look.step("small")
        corner = inset(top, look.px(look.profile.space(10)), look.px(look.profile.space(12)))
        hint = role if self.pressed else "function_edge"
        brush.text(cap.hint, corner, small, 600, hint, align="right", valign="top")

    def _labelled(self, brush: Brush, top: Box, face: str, role: str) -> None:
        look, cap = self.look, self.cap
        x, y, wide, high = top
        if not cap.text:
            brush.icon(cap.icon, x + wide / 2, y + high / 2, round(min(high * 0.5, look.step("h4"))), role, face)
            return
        icon, px, width = self.fit()
        left = x + (wide - width) / 2
        if icon:
            brush.icon(icon, left + 0.55 * px, y + high / 2, round(1.1 * px), role, face)
            left += _ICON_ROOM * px
        brush.text(cap.text, (left, y, wide, high), px, 600, role)

    def fit(self) -> tuple[str, float, float]:
        """The icon, the size and the width of the largest label that fits; a word goes without its icon first."""
        look, cap = self.look, self.cap
        room = self.width - 2 * look.px(look.profile.space(10))
        large = "h1" if self.height > look.px(130) and self.width > self.height else "h4"
        steps = (*((large,) if len(cap.text) == 1 else ()), "lead", "body", "small", "fine")
        tries = [(cap.icon, step) for step in steps[:2] if cap.icon] + [("", step) for step in steps]
        icon, px, width = "", 0.0, 0.0
        for icon, step in tries:
            px = look.step(step)
            width = text_width(cap.text, 600, px) + (_ICON_ROOM * px if icon else 0.0)
            if width <= room:
                break
        return icon, px, width


class Keyboard(Widget):
    """The keys of what is being typed, as many rows as its box has room for; hidden while there is nothing to type."""

    look = ObjectProperty(FIRST_LOOK)
    box = ObjectProperty(NOWHERE)
    text = ObjectProperty(PageText())

    def __init__(self, **kwargs: object) -> None:
        super().__init__(size_hint=(None, None), **kwargs)
        for name in ("look", "box", "text"):
            self.fbind(name, self._seat)
        self._seat()

    @property
    def rows(self) -> tuple[Row, ...]:
        """What is shown."""
        text, look = self.text, self.look
        if not isinstance(text.typing, Typing) or not self.box[3]:
            return ()
        gap = look.size("gap")
        room = int((self.box[3] + gap) // (look.size("key") + gap))
        return rows(text.typing, min(MOST_ROWS, room), text.primary, text.secondary)

    def _seat(self, *_args: object) -> None:
        placed = list(self._placed(self.rows))
        while len(self.children) > len(placed):
            self.remove_widget(self.children[0])
        while len(self.children) < len(placed):
            self.add_widget(TypeKey())
        for key, (cap, box, cell) in zip(reversed(self.children), placed, strict=True):
            key.look, key.cap, key.box, key.cell = self.look, cap, box, cell

    def _placed(self, shown: tuple[Row, ...]) -> Iterator[tuple[Cap, Box, Box]]:
        """Each key with what is seen of it and what is touched.

        The cells leave no gap between keys, and around them as much as a key is wide where the box has it.
        """
        look = self.look
        x, y, wide, high = self.box
        gap, slack = look.size("gap"), look.size("key")
        margin = look.px(8 if look.small else 16)
        board = min(wide - 2 * margin, 10 * look.px(look.profile.sizes["key_used"][0]) + 9 * gap)
        foot = look.px(6) if look.small else gap
        tall = (high - foot - gap * (len(shown) - 1)) / max(1, len(shown))
        for number, row in enumerate(shown):
            low = y + foot + (len(shown) - 1 - number) * (tall + gap)
            bottom = y if number == len(shown) - 1 else low - gap / 2
            top = y + high if number == 0 else low + tall + gap / 2
            unit = (board - gap * (row.units - 1)) / row.units
            widths = [cap.wide * unit + (cap.wide - 1) * gap for cap in row.caps]
            left = x + (wide - sum(widths) - gap * (len(widths) - 1)) / 2
            for at, (cap, width) in enumerate(zip(row.caps, widths, strict=True)):
                begin = max(x, left - slack) if at == 0 else left - gap / 2
                end = min(x + wide, left + width + slack) if at == len(widths) - 1 else left + width + gap / 2
                box = (round(left), round(low), round(width), round(tall))
                yield cap, box, (begin, bottom, end - begin, top - bottom)
                left += width + gap

    def on_touch_down(self, touch: Any) -> bool:
        # A wheel or another button than the first is no finger; a finger has none.
        return getattr(touch, "button", None) in (None, "left") and bool(super().on_touch_down(touch))


class Field(Pressable):
    """The line being typed, with a steady caret; a touch moves it. A line too long shows the part around the caret."""

    text = ObjectProperty(PageText())
    watch: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(self, **kwargs: object) -> None:
        self._touched = 0.0
        super().__init__(**kwargs)

    def on_text(self, *_args: object) -> None:
        self.touch = Touch(Action.CARET) if isinstance(self.text.typing, Typing) else None

    def on_pressed(self, *_args: object) -> None:
        """Nothing moves."""

    def on_touch_up(self, touch: Any) -> bool:
        self._touched = touch.x
        return super().on_touch_up(touch)

    def fire(self) -> None:
        """Tell the kiosk between which letters the finger was."""
        start, end = self._window()
        left = self._room()[0]
        at = min(range(start, end + 1), key=lambda at: abs(left + self._before(start, at) - self._touched))
        send(self, Touch(Action.CARET, str(at)))

    @property
    def labelled(self) -> bool:
        """Whether the title stands in the field, because there is no room above it."""
        return bool(self.look.small)

    @property
    def px(self) -> float:
        """The size of the letters."""
        return self.look.step("h4" if self.labelled else "h2")

    def _seen(self, start: int, end: int) -> str:
        """Those letters, with a sign where others are hidden."""
        letters = self.text.typing.text
        return (ELLIPSIS if start else "") + letters[start:end] + (ELLIPSIS if end < len(letters) else "")

    def _wide(self, letters: str) -> float:
        return text_width(letters, 600, self.px)

    def _before(self, start: int, at: int) -> float:
        """How far a place between two letters is from where the letters begin."""
        return self._wide((ELLIPSIS if start else "") + self.text.typing.text[start:at])

    def _room(self) -> tuple[float, float]:
        """Where the letters begin, and how much room they have."""
        pad = self.look.px(self.look.profile.space(32))
        clear = self.look.size("key") + pad
        return self.x + pad, self.width - 2 * pad - clear

    def _window(self) -> tuple[int, int]:
        """Which letters are seen: from the first on, or so many that the caret is."""
        told, room = self.text.typing, self._room()[1]
        start, end = 0, len(told.text)
        while start < told.caret and self._before(start, told.caret) > room:
            start += 1
        while end > told.caret and self._wide(self._seen(start, end)) > room:
            end -= 1
        return start, end

    def paint(self, brush: Brush) -> None:
        look, told = self.look, self.text.typing
        if not isinstance(told, Typing):
            return
        brush.framed(self.area, "surface", "pin_border", look.stroke("field"), look.radius("card"))
        x, room = self._room()
        y, high = self.y, self.height
        if self.labelled:
            fine = look.step("fine")
            label = (x, y + high * 0.55, room, high * 0.45)
            brush.lines(lines_of(self.text.headline, room, 500, fine, 1), label, fine, 500, "text_soft")
            high = round(high * 0.62)
        start, end = self._window()
        if told.text:
            brush.line(self._seen(start, end), x, y + (high - self.px * _CAP_HEIGHT) / 2, self.px, 600, "text")
        else:
            shown = lines_of(told.placeholder, room, 500, self.px, 1)
            brush.lines(shown, (x + look.px(12), y, room, high), self.px, 500, "text_soft")
        caret = look.px(5)
        tall = self.px * 1.15
        at = x + self._before(start, told.caret)
        brush.rect((round(at), round(y + (high - tall) / 2), caret, round(tall)), "control_border")


class ClearKey(TypeKey):
    """Empties the field; not there while it is empty."""

    text = ObjectProperty(PageText())

    def on_text(self, *_args: object) -> None:
        typing = self.text.typing
        shown = isinstance(typing, Typing) and typing.text
        self.cap = Cap("", Touch(Action.TYPE, Stroke.CLEAR), "function", icon="close") if shown else None

    def on_box(self, *_args: object) -> None:
        self.cell = self.box


class TypingPage(Page):
    """Title, how to type, field, keyboard; the same in reachable mode, where all of it is low enough."""

    template = "search"

    def place(self, look: Look, part: str) -> Box:
        """Where a part is; nothing where it has no room."""
        name = look.profile.name
        found = _PLACES[name].get(part)
        return look.rect(*found) if found else NOWHERE

    def how(self, look: Look, text: PageText) -> str:
        """How to type: marks and tones below one another, or in one line."""
        return ("\n" if look.portrait else ";  ").join(part for part in (text.note, text.hint) if part)

    def well_at(self, look: Look) -> Box:
        """The ground of the keyboard, down to the foot of the screen."""
        _x, y, _wide, high = self.place(look, "keyboard")
        return (0.0, 0.0, look.width, y + high + look.px(look.profile.space(16)))

    def clear_at(self, look: Look) -> Box:
        """At the end of the field."""
        x, y, wide, high = self.place(look, "field")
        side = min(look.px(96), high - 2 * look.px(12)) if not look.small else look.size("key")
        inner = (high - side) / 2
        return (x + wide - side - max(inner, look.px(8)), y + inner, side, side)


_PLACES: dict[str, dict[str, tuple[float, float, float, float]]] = {
    "portrait": {
        "headline": (5.9, 17.2, 94.1, 23.0),
        "note": (5.9, 24.0, 94.1, 31.5),
        "fact": (5.9, 32.0, 94.1, 35.5),
        "field": (3.7, 43.2, 96.3, 49.9),
        "keyboard": (0, 52.4, 100, 91.9),
    },
    "landscape": {
        "headline": (2.5, 13.6, 60.0, 23.0),
        "fact": (60.0, 13.6, 97.5, 23.0),
        "note": (2.5, 23.0, 97.5, 29.5),
        "field": (2.5, 30.5, 97.5, 41.0),
        "keyboard": (0, 44.0, 100, 90.8),
    },
    "small": {"field": (2, 15.4, 98, 31), "keyboard": (0, 33, 100, 87.5)},
}


load("keyboard")
