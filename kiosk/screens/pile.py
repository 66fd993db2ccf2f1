"""Books: a spine with its label and slip, the pile of them, and the slab it rests on (visual language, 5.2).

The pile knows its entries by their keys: an entry that stays is the same widget before and after, so that a book
arrives, changes its label and leaves by movements of its own while the rest only makes room. A touch never waits for a
movement.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.animation import Animation
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.stencilview import StencilView

from kiosk.screens.kit import KeyButton, Painted, Pressable, animate, inset
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.theme import Box, Look, Rgb, tokens
from kiosk.screens.words import Entry, Key

#: A finger that moves less than this, in reference pixels, meant to touch and not to scroll.
SLACK = 24
#: How far a slip stands in from the spine's edge.
SLIP_IN = 36


def darker(colour: Rgb, part: float) -> Rgb:
    """A colour with so much of black in it."""
    return (colour[0] * (1 - part), colour[1] * (1 - part), colour[2] * (1 - part))


class Spine(Pressable):
    """One book (or a heading), as high as :meth:`wanted` says; ``shade`` and ``shift`` are for movements."""

    entry = ObjectProperty(Entry(""))
    label_width = NumericProperty(0.0)
    shade = NumericProperty(1.0)  # of the label and the cloth over what was there before
    slip_out = NumericProperty(1.0)  # how far the slip has come out
    lit = NumericProperty(0)  # which diamond of the reading sign is pale
    open = BooleanProperty(False)
    watch: ClassVar[tuple[str, ...]] = (
        "entry", "label_width", "shade", "slip_out", "lit", "open",
    )  # fmt: skip

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in ("entry", "open", "look", "pos", "size"):
            self.fbind(name, self._seat_keys)
        self._seat_keys()

    # --- sizes ---

    @property
    def row(self) -> float:
        """How high the spine itself is."""
        return self.look.size("row")

    def _heading_height(self) -> float:
        return self.look.step("h4") * (1.7 if not self.look.small else 1.45)

    def _slip_lines(self, width: float) -> list[tuple[str, int]]:
        px = int(self.look.step("body"))
        inner = width - self.look.px(self.look.profile.space(SLIP_IN + 60))
        both = f"{self.entry.why} {self.entry.now}".strip()
        if both and text_width(both, 600, px) <= inner:
            return [(both, 600)]
        said = ((self.entry.why, 600), (self.entry.now, 500))
        return [(line, weight) for text, weight in said if text for line in lines_of(text, inner, weight, px, 2)]

    def slip_height(self, width: float) -> float:
        """How high the slip is; nothing without one."""
        lines = len(self._slip_lines(width))
        px = self.look.step("body")
        return round(lines * px * 1.19 + px * (0.72 if not self.look.small else 0.45)) if lines else 0.0

    @property
    def keys_shown(self) -> tuple[Key, ...]:
        """The keys under the spine, if any."""
        entry = self.entry
        return entry.keys if self.open or not entry.folded else ()

    def keys_height(self) -> float:
        """How much room the keys under the spine take."""
        if not self.keys_shown:
            return 0.0
        return self.look.px(93 if self.look.small else 104) + self.look.px(self.look.profile.space(20))

    def wanted(self, width: float) -> float:
        """How high the whole of it is at this width."""
        if self.entry.heading:
            return self._heading_height()
        return self.row + self.slip_height(width) + self.keys_height()

    def label_wanted(self) -> float:
        """The width its label needs."""
        entry, px = self.entry, int(self.look.step("body"))
        if not entry.word:
            return 0.0
        padding = self.look.px(self.look.profile.space(18))
        if not entry.detail:
            lines = lines_of(entry.word, self.look.size("label_width") - px * 2.5, 700, px, 2)
            return 2 * padding + 1.95 * px + max(text_width(line, 700, px) for line in lines)
        return 2 * padding + max(1.45 * px + text_width(entry.word, 700, px), text_width(entry.detail, 500, px))

    # --- touch ---

    def _seat_keys(self, *_args: object) -> None:
        shown = self.keys_shown
        if len(self.children) != len(shown):
            self.clear_widgets()
            for _ in shown:
                self.add_widget(KeyButton(step="body"))
        if not shown:
            return
        gap = self.look.px(self.look.profile.space(24))
        left = self.x + self.look.px(self.look.profile.space(SLIP_IN))
        room = self.right - left
        width = (room - gap * (len(shown) - 1)) / len(shown)
        high = self.look.px(93 if self.look.small else 104)
        for number, (button, key) in enumerate(zip(reversed(self.children), shown, strict=True)):
            button.look, button.key = self.look, key
            button.box = (round(left + number * (width + gap)), self.y, round(width), high)

    def on_touch_down(self, touch: Any) -> bool:
        # Its keys first; the row itself opens only where it is folded, and leaves dragging to the pile.
        return any(child.on_touch_down(touch) for child in self.children)

    def tapped(self, x: float, y: float) -> bool:
        """Whether a touch here folds the row open or shut."""
        entry = self.entry
        if not (entry.folded and entry.keys and self.collide_point(x, y)):
            return False
        return bool(y >= self.top - self.row)

    # --- paint ---

    def paint(self, brush: Brush) -> None:
        entry, look = self.entry, self.look
        if entry.heading:
            box = (self.x + look.px(look.profile.space(24)), self.y, self.width, look.step("h4") * 1.1)
            brush.text(entry.heading, box, look.step("h4"), 700, "text")
            return
        row = self.row
        spine: Box = (self.x, self.top - row, self.width, row)
        if entry.why or entry.now:
            self._paint_slip(brush, spine)
        if entry.cloth == 0:
            self._paint_ghost(brush, spine)
        else:
            if self.shade < 1:
                self._ground_of_ghost(brush, spine)
            self._paint_cloth(brush, spine)
        label = self._label_box(spine)
        self._paint_title(brush, spine, label)
        if entry.word:
            self._paint_label(brush, label)

    def _label_box(self, spine: Box) -> Box:
        look = self.look
        told = tokens()["spine"]
        high = look.px({"portrait": told["label_inset"], "landscape": 9, "small": 4}[look.profile.name])
        right = look.px(told["label_right"] if not look.small else 12)
        width = self.label_width if self.entry.word else 0.0
        return (spine[0] + spine[2] - right - width, spine[1] + high, width, spine[3] - 2 * high)

    def _ground_of_ghost(self, brush: Brush, spine: Box) -> None:
        look = self.look
        border = "reading" if look.theme.plain else "control_border"
        brush.framed(spine, "reading_ground", border, look.stroke("ghost_spine"), look.radius("spine"))

    def _paint_ghost(self, brush: Brush, spine: Box) -> None:
        self._ground_of_ghost(brush, spine)

    def _paint_cloth(self, brush: Brush, spine: Box) -> None:
        look, told = self.look, tokens()["spine"]
        x, y, wide, high = spine
        radius = look.radius("spine")
        bands = [(look.px(look.profile.space(b["x"])), look.px(look.profile.space(b["width"]))) for b in told["bands"]]
        if look.theme.plain:
            brush.framed(spine, "spine", "spine_border", look.stroke("control"), radius, self.shade)
            for left, width in bands:
                brush.rect((x + left, y, min(width, look.px(3)), high), "spine_band", self.shade)
            return
        cloth = look.theme[f"cloth_{self.entry.cloth}"]
        board = look.px(told["board"] if not look.small else 6)
        brush.shadow("spine", spine, radius)
        # Only the boards are dark: a whole spine under the cloth would be painted twice.
        dark = darker(cloth, told["board_darken"])
        brush.round((x, y, wide, board + radius), dark, (0, 0, radius, radius), self.shade)
        brush.round((x, y + high - board - radius, wide, board + radius), dark, (radius, radius, 0, 0), self.shade)
        brush.rect((x, y + board, wide, high - 2 * board), cloth, self.shade)
        for left, width in bands:
            brush.rect((x + left, y, width, high), "spine_band", self.shade)

    def _paint_title(self, brush: Brush, spine: Box, label: Box) -> None:
        look, entry = self.look, self.entry
        left = look.px(look.profile.space(tokens()["spine"]["title_x"]))
        gap = look.px(look.profile.space(24))
        end = label[0] if entry.word else spine[0] + spine[2]
        px, small = look.step("body"), look.step("small")
        box: Box = (spine[0] + left, spine[1], end - gap - spine[0] - left, spine[3])
        role = "reading" if entry.cloth == 0 and not look.theme.plain else "spine_text"
        lines = lines_of(entry.title, box[2], 600, int(px), 2)
        if len(lines) == 1 and entry.author and entry.cloth:
            rise = px * (0.56 if not look.small else 0.58)
            brush.lines(lines, (box[0], box[1] + rise, box[2], box[3]), px, 600, role)
            author = lines_of(entry.author, box[2], 500, int(small), 1)
            brush.lines(author, (box[0], box[1] - px * 0.53, box[2], box[3]), small, 500, "spine_text_soft")
            return
        brush.lines(lines, box, px, 600, role, leading=1.2 if not look.small else 1.17)

    def _paint_label(self, brush: Brush, box: Box) -> None:
        look, entry = self.look, self.entry
        radius = look.radius("label")
        if look.theme.plain:
            brush.framed(box, entry.ground, entry.tint, look.stroke("control"), radius, self.shade)
        else:
            brush.round(box, entry.ground, radius, self.shade)
        on = {"ok": "on_ok", "refused": "on_refused", "warning": "on_warning"}.get(entry.tint, entry.ground)
        px = look.step("body")
        pad = look.px(look.profile.space(18))
        x, y, wide, high = box
        icon = f"reading_{int(self.lit)}" if entry.icon == "reading" else entry.icon
        if not entry.detail:
            side = round(px * 1.45)
            brush.icon(icon, x + pad + side / 2, y + high / 2, side, entry.tint, on, self.shade)
            room = pad + px * 1.95
            lines = lines_of(entry.word, wide - room - pad * 0.5, 700, int(px), 2)
            text = (x + room, y, wide - room, high)
            brush.lines(lines, text, px, 700, entry.tint, leading=1.17, alpha=self.shade)
            return
        side = round(px * (1.15 if entry.icon == "reading" else 1.05))
        rise = round(px * 0.585)
        brush.icon(icon, x + pad + side / 2, y + high / 2 + rise, side, entry.tint, on, self.shade)
        left = pad + px * (1.55 if entry.icon == "reading" else 1.36)
        word = (x + left, y + rise, wide - left - pad * 0.4, high)
        brush.text(entry.word, word, px, 700, entry.tint, alpha=self.shade)
        detail = (x + pad, y - rise, wide - pad * 1.4, high)
        brush.text(entry.detail, detail, px, 500, "text", alpha=self.shade)

    def _paint_slip(self, brush: Brush, spine: Box) -> None:
        look, entry = self.look, self.entry
        height = self.slip_height(self.width)
        left = look.px(look.profile.space(SLIP_IN))
        hidden = round((1 - self.slip_out) * height)
        box: Box = (spine[0] + left, spine[1] - height + hidden, spine[2] - left, height + look.px(8))
        bar = look.px(look.profile.space(tokens()["stroke"]["slip_bar"]))
        radius = look.radius("slip")
        if look.theme.plain:
            brush.framed(box, entry.slip_ground, entry.slip_bar, look.stroke("control"), radius)
            brush.rect((box[0], box[1] + radius, bar, box[3] - radius), entry.slip_bar)
        else:
            brush.round((box[0], box[1], bar + radius, box[3]), entry.slip_bar, (0, 0, 0, radius))
            brush.round((box[0] + bar, box[1], box[2] - bar, box[3]), entry.slip_ground, (0, 0, radius, 0))
        px = look.step("body")
        text_x = self.x + look.px(look.profile.space(tokens()["spine"]["title_x"]))
        lines = self._slip_lines(self.width)
        step = px * 1.19
        first = box[1] + height - (height - (len(lines) - 1) * step - px * 0.74) / 2 - px * 0.74
        for number, (line, weight) in enumerate(lines):
            brush.line(line, text_x, first - number * step, px, weight, "text")


class Pile(StencilView):
    """Entries one above the other, resting on the bottom of the box; more than fit scroll.

    ``below`` is how many books lie hidden under the lower edge. ``top_down`` piles hang from the top instead.
    """

    look = ObjectProperty(None, allownone=True)
    box = ObjectProperty((0.0, 0.0, 0.0, 0.0))
    entries = ObjectProperty(())
    top_down = BooleanProperty(False)
    below = NumericProperty(0)
    offset = NumericProperty(0.0)  # how far the pile is scrolled up
    moving = BooleanProperty(True)  # whether changes are shown as movements

    def __init__(self, **kwargs: Any) -> None:
        self._spines: dict[str, Spine] = {}
        self._leaving: list[Spine] = []
        self._height = 0.0
        self._held: tuple[float, float, float] | None = None
        self._dragging = False
        super().__init__(**kwargs)
        for name in ("look", "box", "top_down"):
            self.fbind(name, self._all_anew)
        self.fbind("offset", self._arrange_still)
        self._all_anew()

    # --- contents ---

    def on_entries(self, *_args: object) -> None:
        """Bring the spines up to date: the same key is the same widget."""
        if self.look is None or self.box[2] <= 0:
            return
        wanted = {entry.key: entry for entry in self.entries}
        alive = self.moving and bool(self._spines)
        for key in [key for key in self._spines if key not in wanted]:
            self._take_away(self._spines.pop(key), alive)
        fresh: list[Spine] = []
        order: dict[str, Spine] = {}
        for key, entry in wanted.items():
            spine = self._spines.get(key)
            if spine is None:
                spine = Spine(look=self.look, entry=entry)
                self.add_widget(spine)
                fresh.append(spine)
            elif spine.entry != entry:
                self._change(spine, entry, alive)
            order[key] = spine
        self._spines = order
        if fresh and self.offset and self.entries[0].key == fresh[0].entry.key:
            self.offset = 0.0
        self._arrange(move=alive, fresh=fresh)

    def _change(self, spine: Spine, entry: Entry, alive: bool) -> None:
        had_slip = bool(spine.entry.why)
        spine.entry = entry
        if not alive:
            return
        spine.shade = 0.0
        animate(spine, self.look, "state", shade=1.0)
        if entry.why and not had_slip and not self.look.reduced:
            spine.slip_out = 0.0
            animate(spine, self.look, "slip_open", slip_out=1.0)

    def _take_away(self, spine: Spine, alive: bool) -> None:
        if not alive:
            self.remove_widget(spine)
            return
        told = self.look.motion("book_out")
        to: dict[str, float] = {"opacity": 0.0}
        if not told.get("fade_only"):
            to["y"] = spine.y + self.look.px(120)
        self._leaving.append(spine)
        leave = Animation(duration=told["ms"] / 1000, t=told.get("ease", "linear"), **to)
        leave.bind(on_complete=lambda *_args: self._gone(spine))
        leave.start(spine)

    def _gone(self, spine: Spine) -> None:
        if spine in self._leaving:
            self._leaving.remove(spine)
        self.remove_widget(spine)

    # --- places ---

    def _all_anew(self, *_args: object) -> None:
        if self.look is None or self.box[2] <= 0:
            return
        # Room at the sides for shadows; above nothing may show, below the slab covers what hangs out.
        side = self.look.px(30)
        self.pos, self.size = (self.box[0] - side, self.box[1] - 2), (self.box[2] + 2 * side, self.box[3] + 2)
        for spine in self._spines.values():
            spine.look = self.look
        self.on_entries()
        self._arrange(move=False, fresh=[])

    def _arrange_still(self, *_args: object) -> None:
        self._arrange(move=False, fresh=[])

    def _gap(self) -> float:
        return float(self.look.size("row_gap"))

    def _arrange(self, *, move: bool, fresh: list[Spine]) -> None:
        if self.look is None or self.box[2] <= 0:
            return
        look: Look = self.look
        x, y, wide, high = self.box
        gap = self._gap()
        spines = list(self._spines.values())
        least = look.size("label_width") * 0.74
        labels = max((spine.label_wanted() for spine in spines), default=0.0)
        label = round(min(max(labels, least), look.size("label_width")))
        heights = [spine.wanted(wide) for spine in spines]
        self._height = sum(heights) + gap * max(0, len(spines) - 1)
        spare = high - self._height
        self.offset = min(max(0.0, self.offset), max(0.0, -spare))
        top = y + high + self.offset - (0.0 if self.top_down or spare < 0 else spare)
        for spine, tall in zip(spines, heights, strict=True):
            place = (x, round(top - tall))
            spine.label_width = label
            spine.size = (wide, tall)
            if spine in fresh and move:
                self._drop_in(spine, place)
            elif move and abs(spine.y - place[1]) > 1:
                spine.x = place[0]
                animate(spine, look, "pile_shift", y=place[1])
            else:
                Animation.cancel_all(spine, "y")
                spine.pos = place
            top -= tall + gap
        self._count(spines, y)

    def _drop_in(self, spine: Spine, place: tuple[float, float]) -> None:
        told = self.look.motion("book_in")
        spine.opacity = 0.0
        if told.get("fade_only"):
            spine.pos = place
            Animation(opacity=1.0, duration=told["ms"] / 1000).start(spine)
            return
        spine.pos = (place[0], place[1] + self.look.px(told["rise_px"]))
        Animation(y=place[1], opacity=1.0, duration=told["ms"] / 1000, t=told["ease"]).start(spine)

    def _count(self, spines: list[Spine], floor: float) -> None:
        hidden = 0
        if self._height > self.box[3] + 1:
            edge = self.box[1] + self.box[3] + self.offset
            for spine in spines:
                tall = spine.height
                if not spine.entry.heading and edge - min(tall, spine.row) * 0.9 < floor:
                    hidden += 1
                edge -= tall + self._gap()
        self.below = hidden

    # --- touch ---

    @property
    def furthest(self) -> float:
        """How far the pile can be scrolled."""
        return float(max(0.0, self._height - self.box[3]))

    def turn(self) -> None:
        """Show the next part of the pile; after the last the first again."""
        step = self.box[3] - self.look.size("row")
        target = 0.0 if self.offset >= self.furthest - 2 else min(self.furthest, self.offset + step)
        Animation.cancel_all(self, "offset")
        Animation(offset=target, duration=0.24, t="out_cubic").start(self)

    def on_touch_down(self, touch: Any) -> bool:
        if not self.collide_point(*touch.pos):
            return False
        if super().on_touch_down(touch):
            return True
        Animation.cancel_all(self, "offset")
        touch.grab(self)
        self._held, self._dragging = (touch.x, touch.y, self.offset), False
        return True

    def on_touch_move(self, touch: Any) -> bool:
        if touch.grab_current is not self or self._held is None:
            return bool(super().on_touch_move(touch))
        _x, y, offset = self._held
        if abs(touch.y - y) > self.look.px(SLACK):
            self._dragging = True
        if self._dragging and self.furthest:
            self.offset = min(self.furthest, max(0.0, offset + touch.y - y))
        return True

    def on_touch_up(self, touch: Any) -> bool:
        if touch.grab_current is not self or self._held is None:
            return bool(super().on_touch_up(touch))
        touch.ungrab(self)
        x, y, _offset = self._held
        self._held = None
        if not self._dragging:
            for spine in self._spines.values():
                if spine.tapped(x, y):
                    spine.open = not spine.open
                    self._arrange(move=self.moving, fresh=[])
                    break
        return True

    def light(self, number: int) -> None:
        """Let the pale diamond of every reading sign wander on."""
        for spine in self._spines.values():
            if spine.entry.icon == "reading":
                spine.lit = number % 3

    @property
    def reading(self) -> bool:
        """Whether a book is being read, so that there is something to light."""
        return any(spine.entry.icon == "reading" for spine in self._spines.values())


class Slab(Pressable):
    """The dark slab the pile rests on: what the pad sees, and how many books hang below."""

    text = StringProperty("")
    short = StringProperty("")
    more = NumericProperty(0)
    more_text = StringProperty("")
    centred = BooleanProperty(False)
    step = StringProperty("body")
    arcs = NumericProperty(3)
    pile = ObjectProperty(None, allownone=True)
    watch = (*Pressable.watch, "text", "short", "more", "more_text", "centred", "step", "arcs")

    def on_touch_down(self, touch: Any) -> bool:
        if not (self.more or (self.pile is not None and self.pile.offset)) or not self.collide_point(*touch.pos):
            return False
        touch.grab(self)
        return True

    def fire(self) -> None:
        """More of the pile, please."""
        if self.pile is not None:
            self.pile.turn()

    def paint(self, brush: Brush) -> None:
        look = self.look
        said = self.short if look.small and self.short else self.text
        if not said:
            return
        radius = look.radius("spine") if not self.centred else look.radius("panel")
        edge = look.px(tokens()["edge"]["pad_slab"] if not look.small else 6)
        # In a pile the edge hangs below the zone; on the scene it stands on the strip.
        drop = edge if self.centred else 0.0
        top: Box = (self.x, self.y + drop, self.width, self.height - drop)
        if look.theme.plain:
            brush.framed(top, "pad_slab", "pad_slab_border", look.stroke("control"), radius)
        else:
            if not self.centred:
                brush.shadow("slab", self.area, radius)
            low = min(top[3], edge + 2 * radius + 2)
            brush.round((self.x, top[1] - edge, self.width, low), "slab_edge", radius)
            brush.round(top, "pad_slab", radius)
        px = look.step(self.step)
        side = round(px * 1.15)
        role = "slab_text"
        room = look.px(look.profile.space(40 if not look.small else 36))
        more_wide = 0.0
        if self.more:
            more = self.more_text
            more_wide = text_width(more, 600, px) + px * 1.5
            left = self.right - room * 0.7 - more_wide + px * 1.3
            brush.icon("more", left - px * 0.75, top[1] + top[3] / 2, round(px * 1.1), "slab_accent", "pad_slab")
            brush.text(more, (left, top[1], more_wide, top[3]), px, 600, "slab_accent")
        wide = self.width - room * 1.4 - side * 1.6 - more_wide
        lines = lines_of(said, wide, 600, int(px), 1)
        if self.short and lines and lines[0].endswith("…"):
            lines = lines_of(self.short, wide, 600, int(px), 1)
        width = max((text_width(line, 600, px) for line in lines), default=0.0)
        left = self.x + (self.width - width - side * 1.75) / 2 if self.centred else self.x + room
        icon = {1: "pad_1", 2: "pad_2"}.get(int(self.arcs), "pad")
        if said.strip():
            brush.icon(icon, left + side / 2, top[1] + top[3] / 2, side, "pad_mark", "pad_slab")
        brush.lines(lines, (left + side * 1.75, top[1], width, top[3]), px, 600, role)


class Counters(Painted):
    """Numbers with what they count, on paper or on pale indigo; side by side, or two by two."""

    counters = ObjectProperty(())
    columns = NumericProperty(4)
    role = StringProperty("surface")
    number_step = StringProperty("h2")
    watch: ClassVar[tuple[str, ...]] = ("counters", "columns", "role", "number_step")

    def _widths(self, count: int, gap: float, px: float) -> list[float]:
        """Each as wide as its words, and what is left shared out."""
        if count < len(self.counters):
            return [(self.width - gap * (count - 1)) / count] * count
        number = self.look.step(self.number_step)
        need = [
            max(text_width(c.text, 600, px), text_width(c.number, 700, number) + (number * 1.2 if c.icon else 0))
            for c in self.counters
        ]
        spare = (self.width - gap * (count - 1) - sum(need)) / count
        return [wide + spare for wide in need]

    def paint(self, brush: Brush) -> None:
        if not self.counters:
            return
        look = self.look
        count = min(int(self.columns), len(self.counters))
        rows = -(-len(self.counters) // count)
        gap = look.px(look.profile.space(20 if rows == 1 else 16))
        px, number = look.step("body"), look.step(self.number_step)
        widths = self._widths(count, gap, px)
        high = (self.height - gap * (rows - 1)) / rows
        for index, one in enumerate(self.counters):
            row, column = divmod(index, count)
            x = self.x + sum(widths[:column]) + gap * column
            box: Box = (round(x), round(self.top - (row + 1) * high - row * gap), round(widths[column]), round(high))
            self._card(brush, box)
            pad = min(look.px(look.profile.space(22)), (box[2] - text_width(one.text, 600, px)) / 2)
            inner = inset(box, max(pad, look.px(6)), 0)
            rise = high * 0.17
            size = number
            while text_width(one.number, 700, size) + (size * 1.2 if one.icon else 0) > inner[2] and size > px * 0.8:
                size -= 1
            brush.text(one.number, (inner[0], inner[1] + rise, inner[2] + 2, inner[3]), size, 700, one.role)
            if one.icon:
                at = inner[0] + text_width(one.number, 700, size) + size * 0.75
                middle_y = inner[1] + rise + inner[3] / 2
                brush.icon(one.icon, at, middle_y, round(size * 0.8), one.role, "on_refused")
            text_px = px
            while text_width(one.text, 600, text_px) > inner[2] and text_px > 10:
                text_px -= 1
            brush.text(one.text, (inner[0], inner[1] - rise * 1.1, inner[2], inner[3]), text_px, 600, "text")

    def _card(self, brush: Brush, box: Box) -> None:
        radius = self.look.radius("card")
        if self.look.theme.plain:
            brush.framed(box, "surface", "text", self.look.stroke("control"), radius)
            return
        if self.role == "surface":
            brush.shadow("card", box, radius)
        brush.round(box, self.role, radius)
