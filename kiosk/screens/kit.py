"""What every screen is made of: widgets that draw themselves from a look, and keys that act when a finger lets go.

A :class:`Painted` widget has a ``look`` and a ``box``; whenever a property it watches changes it is painted anew
before the next frame, once. Its position is its box, so a page says in its .kv file which zone each of its parts
fills, and nothing is laid out twice. A key looks for the kiosk above it when it fires; sliding off cancels.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.animation import Animation
from kivy.clock import Clock
from kivy.lang import Builder
from kivy.properties import (
    BooleanProperty,
    NumericProperty,
    ObjectProperty,
    OptionProperty,
    StringProperty,
)
from kivy.uix.widget import Widget

from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import TOKENS, Box, Look, profile, theme, tokens
from kiosk.screens.words import Key

NOWHERE: Box = (0.0, 0.0, 0.0, 0.0)
FIRST_LOOK = Look(1080, 1920, theme(False), profile("portrait"))


def load(name: str) -> None:
    """Load the .kv file of a module of this package, once."""
    path = str(TOKENS.with_name(f"{name}.kv"))
    if path not in Builder.files:
        Builder.load_file(path)


def inset(box: Box, x: float, y: float | None = None) -> Box:
    """A box made smaller on every side."""
    up = x if y is None else y
    return (box[0] + x, box[1] + up, box[2] - 2 * x, box[3] - 2 * up)


def middle(box: Box) -> tuple[float, float]:
    """The middle of a box."""
    return (box[0] + box[2] / 2, box[1] + box[3] / 2)


def ease(name: str) -> str:
    """The tokens' name of an easing as Kivy's."""
    return {"out_quad": "out_quad", "out_cubic": "out_cubic", "in_cubic": "in_cubic"}.get(name, "linear")


def animate(widget: Any, look: Look, motion: str, **to: float) -> None:
    """Move properties to their values as the visual language says this motion goes, at once where it takes no time.

    Without a clock that runs (pictures, tests) the end is what counts: see :func:`settle`.
    """
    told = look.motion(motion)
    Animation.cancel_all(widget, *to)
    if not told["ms"]:
        for name, value in to.items():
            setattr(widget, name, value)
        return
    Animation(duration=told["ms"] / 1000, t=ease(told.get("ease", "linear")), **to).start(widget)


class Painted(Widget):
    """A widget that paints itself. Subclasses name what they watch and implement ``paint``."""

    look = ObjectProperty(FIRST_LOOK)
    box = ObjectProperty(NOWHERE)
    watch: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **kwargs: Any) -> None:
        self._stale = Clock.create_trigger(self._repaint, -1)
        super().__init__(size_hint=(None, None), **kwargs)
        for name in ("look", "box", "pos", "size", *self.watch):
            self.fbind(name, self._stale)
        self.fbind("box", self._place)
        self._place()

    def _place(self, *_args: object) -> None:
        self.pos, self.size = self.box[:2], self.box[2:]

    @property
    def area(self) -> Box:
        """Where the widget really is."""
        return (self.x, self.y, self.width, self.height)

    def _repaint(self, *_args: object) -> None:
        self.canvas.clear()
        if self.width <= 0 or self.height <= 0:
            return
        with self.canvas:
            self.paint(Brush(self.look))

    def paint(self, brush: Brush) -> None:
        """Lay the widget's shapes; its canvas is clear and open."""
        raise NotImplementedError

    def repaint_now(self) -> None:
        """Paint without waiting for the next frame."""
        self._stale.cancel()
        self._repaint()


class Fill(Painted):
    """A plain ground."""

    role = StringProperty("ground")
    watch = ("role",)

    def paint(self, brush: Brush) -> None:
        brush.rect(self.area, self.role)


class Panel(Painted):
    """A surface of paper with a shadow, or a bordered box in the plain theme."""

    role = StringProperty("surface")
    corner = StringProperty("card")
    shade = BooleanProperty(True)
    watch = ("role", "corner", "shade")

    def paint(self, brush: Brush) -> None:
        radius = self.look.radius(self.corner)
        if self.look.theme.plain:
            brush.framed(self.area, self.role, "text", self.look.control, radius)
            return
        if self.shade:
            brush.shadow("card", self.area, radius)
        brush.round(self.area, self.role, radius)


class Text(Painted):
    """A text in its box, broken into at most ``most`` lines, with an icon before it if it has one.

    ``step`` is the size of type; ``shrink`` names a smaller step for a text that does not fit its lines whole.
    """

    text = StringProperty("")
    step = StringProperty("body")
    shrink = StringProperty("")
    weight = NumericProperty(500)
    role = StringProperty("text")
    on = StringProperty("ground")
    icon = StringProperty("")
    most = NumericProperty(1)
    align = OptionProperty("left", options=["left", "center", "right"])
    valign = OptionProperty("middle", options=["middle", "top", "bottom"])
    leading = NumericProperty(1.2)
    watch = ("text", "step", "shrink", "weight", "role", "on", "icon", "most", "align", "valign", "leading")

    def paint(self, brush: Brush) -> None:
        if not self.text:
            return
        x, y, wide, high = self.area
        step, lines = self.step, self._lines(self.step, wide)
        if self.shrink and lines and (lines[-1].endswith("…") and not self.text.endswith("…")):
            step, lines = self.shrink, self._lines(self.shrink, wide)
        px = self.look.step(step)
        room = self._icon_room(px)
        if self.icon:
            block = max((text_width(line, self.weight, px) for line in lines), default=0)
            left = x + (wide - block - room) / 2 if self.align == "center" else x
            brush.icon(self.icon, left + 0.55 * px, y + high / 2, round(1.1 * px), self.role, self.on)
            x, wide = (left + room, block) if self.align == "center" else (x + room, wide - room)
        brush.lines(
            lines, (x, y, wide, high), px, self.weight, self.role,
            align="left" if self.icon else self.align, valign=self.valign, leading=self.leading,
        )  # fmt: skip

    def _icon_room(self, px: float) -> float:
        return 1.45 * px if self.icon else 0.0

    def _lines(self, step: str, width: float) -> list[str]:
        px = self.look.step(step)
        return lines_of(self.text, width - self._icon_room(px), self.weight, px, int(self.most))


class Picture(Painted):
    """A drawing in its box; nothing where the box is nothing."""

    name = StringProperty("")
    role = StringProperty("text")
    on = StringProperty("ground")
    watch = ("name", "role", "on")

    def paint(self, brush: Brush) -> None:
        if self.name:
            brush.picture(self.name, self.area, self.role, self.on)


class Mark(Painted):
    """An icon in the middle of its box, as high as the box."""

    name = StringProperty("")
    role = StringProperty("text")
    on = StringProperty("ground")
    watch = ("name", "role", "on")

    def paint(self, brush: Brush) -> None:
        if self.name:
            brush.icon(self.name, *middle(self.area), min(self.width, self.height), self.role, self.on)


class Pressable(Painted):
    """Something that acts when the finger that went down on it lets go of it there."""

    touch = ObjectProperty(None, allownone=True)
    pressed = BooleanProperty(False)
    sunk = NumericProperty(0.0)
    watch: ClassVar[tuple[str, ...]] = ("pressed", "sunk")

    def on_touch_down(self, touch: Any) -> bool:
        if self.touch is None or self.width <= 0 or not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        self.pressed = True
        return True

    def on_touch_move(self, touch: Any) -> bool:
        if touch.grab_current is not self:
            return False
        self.pressed = bool(self.collide_point(*touch.pos))
        return True

    def on_touch_up(self, touch: Any) -> bool:
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        inside = self.collide_point(*touch.pos)
        self.pressed = False
        if inside:
            self.fire()
        return True

    def on_pressed(self, *_args: object) -> None:
        animate(self, self.look, "press" if self.pressed else "release", sunk=1.0 if self.pressed else 0.0)

    def fire(self) -> None:
        """Tell the kiosk above what this means."""
        send(self, self.touch)


def send(widget: Any, touch: Any) -> None:
    """Hand a Touch to the kiosk that holds this widget; a widget without one is being shown in a gallery."""
    above = widget
    while above is not None and not hasattr(above, "on_touch_action"):
        above = above.parent if above.parent is not above else None
    if above is not None and touch is not None:
        above.on_touch_action(touch)


#: Kind of button: roles of its face, edge, text and border (no border where it is empty).
KINDS = {
    "primary": ("primary_face", "primary_edge", "primary_text", ""),
    "secondary": ("secondary_face", "secondary_edge", "secondary_text", "secondary_border"),
    "indigo": ("indigo_face", "indigo_edge", "indigo_text", ""),
    "danger": ("danger_face", "danger_edge", "danger_text", "danger_border"),
    "key": ("key_face", "key_edge", "key_text", "key_edge"),
    "function": ("function_face", "function_edge", "function_text", "function_edge"),
}


class KeyButton(Pressable):
    """A key of a page. ``key`` is its words and meaning (:class:`kiosk.screens.words.Key`); without one it is not
    there.

    ``step`` is the size of its label; a label that does not fit takes the next smaller step, and never wraps.
    """

    key = ObjectProperty(None, allownone=True)
    step = StringProperty("lead")
    weight = NumericProperty(600)
    corner = StringProperty("button")
    picture = BooleanProperty(False)
    watch = (*Pressable.watch, "key", "step", "weight", "corner", "picture")
    STEPS: ClassVar[tuple[str, ...]] = (
        "giant",
        "hero",
        "h1",
        "h1_small",
        "h2",
        "h3",
        "h4",
        "lead",
        "body",
        "small",
        "fine",
    )

    def on_key(self, *_args: object) -> None:
        self.touch = self.key.touch if isinstance(self.key, Key) else None

    @property
    def edge(self) -> float:
        """How high the edge below the face is."""
        return self.look.px(float(tokens()["edge"]["button_small_screen" if self.look.small else "button"]))

    def paint(self, brush: Brush) -> None:
        if not isinstance(self.key, Key):
            return
        look = self.look
        face, edge_role, text, border = KINDS[self.key.kind]
        radius, edge = look.radius(self.corner), self.edge
        down = round(self.sunk * (edge - look.px(2)))
        x, y, wide, high = self.area
        if self.sunk < 0.5:
            brush.shadow("button", self.area, radius)
        # No higher than it must be, or its dark rim shows around the face.
        brush.round((x, y, wide, min(high - down - 2, edge + 2 * radius + 2)), edge_role, radius)
        top = (x, y + edge - down, wide, high - edge)
        if border:
            brush.framed(top, face, border, look.control, radius)
        else:
            brush.round(top, face, radius)
        if self.picture:
            self._pictured(brush, top, face, text)
        else:
            self._labelled(brush, top, face, text)

    def _labelled(self, brush: Brush, top: Box, face: str, text: str) -> None:
        look, key = self.look, self.key
        inside = inset(top, look.px(look.profile.space(16)), 0)
        icon = key.icon
        px, width, room = self._fit(inside[2], icon)
        if icon and width > inside[2]:
            icon = ""
            px, width, room = self._fit(inside[2], icon)
        left = inside[0] + (inside[2] - width) / 2
        if icon:
            side = round(px * (1.15 if icon == "tick" else 1.05))
            brush.icon(icon, left + side / 2, inside[1] + inside[3] / 2, side, text, face)
        brush.text(key.text, (left + room, inside[1], width - room, inside[3]), px, int(self.weight), text)

    def _fit(self, wide: float, icon: str) -> tuple[float, float, float]:
        """The largest size from ``step`` down at which the label fits: pixels, width of all, room of the icon."""
        px = width = room = 0.0
        for step in self.STEPS[self.STEPS.index(self.step) :]:
            px = self.look.step(step)
            room = (1.15 + 0.38) * px if icon else 0.0
            width = room + text_width(self.key.text, int(self.weight), px)
            if width <= wide:
                break
        return px, width, room

    def _pictured(self, brush: Brush, top: Box, face: str, text: str) -> None:
        x, y, wide, high = top
        px, _width, _room = self._fit(wide - 2 * self.look.px(16), "")
        foot = px * 1.9
        brush.text(
            self.key.text, (x, y + px * 0.35, wide, foot - px * 0.35), px, int(self.weight), text, align="center"
        )
        space = self.look.px(self.look.profile.space(20))
        brush.picture(self.key.icon, (x, y + foot, wide, high - foot - space), "secondary_edge", face)


class Tool(Pressable):
    """One of the four tools: an icon with its label, below it on an upright screen, beside it on a wide one."""

    key = ObjectProperty(None, allownone=True)
    active = BooleanProperty(False)
    stacked = BooleanProperty(True)
    step = StringProperty("body")
    watch = (*Pressable.watch, "key", "active", "stacked", "step")

    def on_key(self, *_args: object) -> None:
        self.touch = self.key.touch if isinstance(self.key, Key) else None

    def paint(self, brush: Brush) -> None:
        if not isinstance(self.key, Key):
            return
        look = self.look
        role = "quiet_text"
        if self.active:
            brush.round(inset(self.area, look.px(4), 0), "tool_active", look.radius("tile"))
            role = "on_tool_active"
        elif self.pressed:
            brush.round(inset(self.area, look.px(4), 0), "reading_ground", look.radius("tile"))
        px = look.step(self.step)
        x, y, wide, high = self.area
        while text_width(self.key.text, 600, px) > wide - px * (0.2 if self.stacked else 1.6) and px > 12:
            px -= 1
        if self.stacked:
            block = px * (1.05 + 0.30 + 0.74)
            foot = y + (high - block) / 2
            brush.icon(self.key.icon, x + wide / 2, foot + block - px * 0.55, round(px * 1.1), role, "ground")
            brush.text(self.key.text, (x, foot, wide, px * 0.74), px, 600, role, align="center")
            return
        width = text_width(self.key.text, 600, px)
        left = x + (wide - width - px * 1.4) / 2
        brush.icon(self.key.icon, left + px * 0.55, y + high / 2, round(px * 1.1), role, "ground")
        brush.text(self.key.text, (left + px * 1.4, y, width, high), px, 600, role)
