"""What all pages share: a look, texts, and a template whose zones their parts fill (visual language, section 10).

A page's .kv file says which part fills which zone with which text; its module holds what a rule cannot say. The root
asks a page where the step bar belongs on it, because some templates have it in the header and some on the paper.
"""

from __future__ import annotations

from typing import ClassVar

from kivy.graphics import PopMatrix, PushMatrix, Translate
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty
from kivy.uix.widget import Widget

from kiosk.screens.kit import FIRST_LOOK, NOWHERE, inset
from kiosk.screens.theme import Box, Look
from kiosk.screens.words import PageText


class Page(Widget):
    """The body of a screen."""

    look = ObjectProperty(FIRST_LOOK, rebind=True)
    text = ObjectProperty(PageText(), rebind=True)
    moving = BooleanProperty(True)
    lit = NumericProperty(0)
    slide = NumericProperty(0.0)  # how far below its place it still is
    template: ClassVar[str] = "frame"
    bare_header: ClassVar[bool] = False

    def __init__(self, **kwargs: object) -> None:
        super().__init__(size_hint=(None, None), **kwargs)
        with self.canvas.before:
            PushMatrix()
            self._shift = Translate(0, 0)
        with self.canvas.after:
            PopMatrix()

    def on_slide(self, *_args: object) -> None:
        self._shift.y = -self.slide

    def z(self, look: Look, *names: str) -> Box:
        """The zone of the template, or the frame's, by the first of these names that exists on this profile."""
        for name in names:
            for template in (self.template, "frame"):
                box = look.zone(template, name)
                if box[2]:
                    return box
        return NOWHERE

    def steps_at(self, look: Look) -> tuple[Box, bool, str, float]:
        """Where the step bar is, whether on the dark header, its step of type and half its diamond."""
        if look.portrait:
            return look.zone("frame", "step_bar"), False, "lead", 42
        return look.zone("frame", "step_bar"), True, "body" if look.small else "lead", 22 if look.small else 34

    def dock(self, look: Look) -> tuple[Box, Box]:
        """Where the secondary and the primary key are: side by side on an upright screen, else one above the other.

        A page with one key gives it the whole dock.
        """
        x, y, wide, high = self.z(look, "dock")
        first, second = self.text.secondary, self.text.primary
        if first is None or second is None:
            whole = (x, y, wide, high)
            if look.portrait:
                return whole, whole
            tall = look.size("main_button_used")
            low = (x, y, wide, min(high, tall))
            return low, low
        gap = look.size("button_gap")
        if look.portrait:
            left = round((wide - gap) * 0.358)
            return (x, y, left, high), (x + left + gap, y, wide - left - gap, high)
        tall = look.size("main_button_used")
        short = min(look.size("secondary_button_used"), high - tall - gap)
        return (x, y + tall + gap, wide, short), (x, y, wide, tall)

    def dock_of(self, look: Look, text: PageText, which: int) -> Box:
        """The place of the secondary (0) or the primary (1) key; ``text`` so that a change of keys asks again."""
        return self.dock(look)[which] if text is self.text else NOWHERE

    def panel_at(self, look: Look) -> Box:
        """The ground of the words beside the body on a wide screen, down to its foot."""
        if look.profile.name != "landscape":
            return NOWHERE
        x, y, wide, high = look.zone("frame", "panel")
        return (x, 0.0, wide, y + high)

    def padded(self, box: Box, look: Look) -> Box:
        """A box with the room that text on a surface wants at its sides."""
        return inset(box, look.px(look.profile.space(32)), 0)

    def show(self, *, settled: bool) -> None:
        """Called when the page has been filled; ``settled`` where nothing shall move."""

    def tick(self, number: int) -> None:
        """Called at a low rate while the page is on, for signs that wander."""
        self.lit = number % 3
