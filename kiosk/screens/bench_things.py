"""The things on the bench of the demonstration, each painting itself: books, cards, barcodes, switches, paper.

The bench speaks the kiosk's own visual language at half its size, because it is used with a mouse: the same paper,
cloth, edges and marks. Lengths are pixels of a window of 1920 × 1080, and scaled with it. What can be clicked has a
``touch``, the :class:`kiosk.demo.workbench.Act` it means, and acts on release, as at the kiosk.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.graphics import Color, Line, Rectangle
from kivy.graphics.texture import Texture
from kivy.properties import BooleanProperty, NumericProperty, ObjectProperty, StringProperty
from kivy.uix.stencilview import StencilView
from PIL import Image

from drivers.devices import Raster
from kiosk.demo.workbench import HEADQUARTERS, Act, BenchView, BookOnBench, CardOnBench, Fault, Hand
from kiosk.screens import bench_words as said
from kiosk.screens.kit import FIRST_LOOK, Painted, Pressable, inset
from kiosk.screens.paint import Brush, lines_of, text_width
from kiosk.screens.pile import darker
from kiosk.screens.theme import Box, Look, profile, theme

WIDTH, HEIGHT = 1920, 1080
#: Dots of the receipt for one pixel of the window.
DOTS = 2


def look_at(scale: float) -> Look:
    """The look of a bench, so many real pixels to a pixel: the visual language at half its size."""
    return Look(WIDTH * scale / 2, HEIGHT * scale / 2, theme(False), profile("landscape"))


def scale_of(look: Look) -> float:
    """Real pixels for a pixel of the window."""
    return 2 * look.scale


def whole(length: float, look: Look) -> float:
    """A length of the window in real pixels, and at least one."""
    return max(1.0, float(round(length * scale_of(look))))


def edged(brush: Brush, box: Box, face: str, border: str, width: float, radius: float) -> None:
    """A face with a thin border drawn as a line: of two rounded shapes so small, the lower one shows as dots."""
    brush.round(inset(box, width / 2), face, max(1.0, radius - width / 2))
    brush.frame(box, border, width, radius)


def padlock(brush: Brush, box: Box, role: str, *, opened: bool) -> None:
    """A lock, shut or with its shackle swung out, as high as the box and a little narrower."""
    x, y, wide, high = box
    body = high * 0.56
    stroke = max(1.2, high * 0.12)
    brush.round((x, y, wide, body), role, wide * 0.18)
    radius = wide * 0.32
    middle, foot = x + wide / 2, y + body
    neck = high - body - radius - stroke / 2
    brush.tint(role)
    if opened:
        middle += 2 * radius
        Line(points=[middle - radius, foot - stroke / 2, middle - radius, foot + neck], width=stroke / 2, cap="none")
    else:
        for side in (-radius, radius):
            Line(points=[middle + side, foot - stroke / 2, middle + side, foot + neck], width=stroke / 2, cap="none")
    Line(ellipse=(middle - radius, foot + neck - radius, 2 * radius, 2 * radius, -90, 90, 24), width=stroke / 2)


class OfBench(Painted):
    """A part of the bench that reads the whole view."""

    view = ObjectProperty(BenchView())
    watch: ClassVar[tuple[str, ...]] = ("view",)

    def px(self, length: float) -> float:
        """A length of the window in real pixels, whole ones so that edges stay sharp."""
        return whole(length, self.look)


class BenchHeader(OfBench):
    """The cloth at the top, with its hem."""

    def paint(self, brush: Brush) -> None:
        x, y, wide, high = self.area
        cell = max(1, round(self.px(2)))
        brush.rect((x, y + 9 * cell, wide, high - 9 * cell), "staff_header")
        brush.hem("narrow", x, y, wide, cell)
        title, note = said.heading(self.view.language)
        foot, room = y + 9 * cell, high - 9 * cell
        px = self.px(30)
        left = x + self.px(24)
        brush.text(title, (left, foot, wide, room), px, 700, "header_text")
        left += text_width(title, 700, px) + self.px(20)
        brush.text(note, (left, foot, x + wide - self.px(240) - left, room), self.px(17), 500, "header_text_soft")


class BenchUnsent(OfBench):
    """On the cloth beside the network's switch: what headquarters does not have yet."""

    def paint(self, brush: Brush) -> None:
        if self.view.unsent is None:
            return
        x, y, wide, high = self.area
        px, side = self.px(19), round(self.px(22))
        text = said.unsent(self.view.unsent, self.view.language)
        brush.text(text, self.area, px, 600, "header_text", align="right")
        icon = "off" if self.view.unsent else "tick"
        if self.view.well(HEADQUARTERS) is False:
            icon = "offline"
        left = x + wide - text_width(text, 600, px) - side / 2 - self.px(8)
        brush.icon(icon, left, y + high / 2, side, "header_text", "staff_header")


class BenchDevice(OfBench):
    """A panel of paper with a heading and, for a device, how the kiosk finds it."""

    name = StringProperty("")
    icon = StringProperty("")
    hinted = BooleanProperty(False)
    watch: ClassVar[tuple[str, ...]] = (*OfBench.watch, "name", "icon", "hinted")

    def paint(self, brush: Brush) -> None:
        radius = self.look.radius("card")
        brush.shadow("card", self.area, radius)
        brush.round(self.area, "surface", radius)
        if not self.name:
            return
        language = self.view.language
        inner = inset(self.area, self.px(16), 0)
        line: Box = (inner[0], self.top - self.px(40), inner[2], self.px(34))
        side, px = round(self.px(20)), self.px(19)
        brush.icon(self.icon, line[0] + side / 2, line[1] + line[3] / 2, side, "reading", "surface")
        name = said.panel(self.name, language)
        left = line[0] + self.px(29)
        brush.text(name, (left, line[1], line[2], line[3]), px, 700)
        if self.hinted:
            left += text_width(name, 700, px) + self.px(16)
            rest = (left, line[1], line[0] + line[2] - left, line[3])
            brush.text(said.hint(self.name, language), rest, self.px(15), 500, "text_soft", align="right")
        if self.name in dict(self.view.devices):
            word, icon, role = said.well(self.view.well(self.name), language)
            px = self.px(15)
            brush.text(word, line, px, 600, role, align="right")
            left = line[0] + line[2] - text_width(word, 600, px) - self.px(14)
            brush.icon(icon, left, line[1] + line[3] / 2, round(self.px(17)), role, "surface")


class BenchHint(OfBench):
    """Something to know, in few words."""

    name = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = (*OfBench.watch, "name")

    def paint(self, brush: Brush) -> None:
        if self.name:
            text = said.hint(self.name, self.view.language)
            brush.text(text, self.area, self.px(15), 600, "text_soft", align="center")


class BenchKey(Pressable):
    """Something to click. ``touch`` is what it means; an edge below says that it can be pressed."""

    language = StringProperty("vi")
    watch: ClassVar[tuple[str, ...]] = (*Pressable.watch, "language")

    def px(self, length: float) -> float:
        """A length of the window in real pixels, whole ones so that edges stay sharp."""
        return whole(length, self.look)

    def face(self, brush: Brush, face: str, edge_role: str, border: str, corner: float) -> Box:
        """Lay a face over its edge; gives back where the face is now."""
        x, y, wide, high = self.area
        edge, radius = self.px(4), self.px(corner)
        down = self.sunk * (edge - self.px(1))
        brush.round((x, y, wide, high - down), edge_role, radius)
        top = (x, y + edge - down, wide, high - edge)
        edged(brush, top, face, border, self.px(1.5), radius)
        return top


class BenchClear(BenchKey):
    """Everything back to its place."""

    view = ObjectProperty(BenchView())
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "view")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(touch=Act(Hand.CLEAR), **kwargs)

    def paint(self, brush: Brush) -> None:
        top = self.face(brush, "secondary_face", "secondary_edge", "secondary_border", 12)
        brush.text(said.clear(self.view.language), top, self.px(17), 600, "secondary_text", align="center")


class FaultSwitch(BenchKey):
    """Breaks something, and mends it again: the knob's place, a mark and the ground say which."""

    fault = ObjectProperty(Fault.PAD_CABLE)
    on = BooleanProperty(False)
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "fault", "on")

    def on_fault(self, *_args: object) -> None:
        self.touch = Act(Hand.SWITCH, self.fault)

    def paint(self, brush: Brush) -> None:
        face, border = ("refused_ground", "refused") if self.on else ("secondary_face", "control_border")
        radius = self.px(10)
        edged(brush, self.area, face, border, self.px(1.5), radius)
        if self.pressed:
            brush.round(self.area, "text", radius, 0.08)
        x, y, wide, high = self.area
        track: Box = (x + self.px(7), y + (high - self.px(20)) / 2, self.px(32), self.px(20))
        brush.round(track, "refused" if self.on else "step_todo", track[3] / 2)
        if self.on:
            left = track[0] + track[2] - track[3] / 2
            brush.icon("cross", left, y + high / 2, round(self.px(16)), "surface", "refused")
        else:
            knob = self.px(14)
            brush.round((track[0] + self.px(3), track[1] + self.px(3), knob, knob), "surface", knob / 2)
        at = track[0] + track[2] + self.px(6)
        text, room = said.fault(self.fault, self.language), (at, y, x + wide - self.px(5) - at, high)
        brush.text(text, room, self.px(13), 600, "refused" if self.on else "text", most=2, leading=1.2)


class ShelfBook(BenchKey):
    """A book on the shelf, its face to us; on the pad it leaves its outline behind."""

    book = ObjectProperty(None, allownone=True)
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "book")

    def on_book(self, *_args: object) -> None:
        self.touch = Act(Hand.MOVE, self.book.item_id)

    def paint(self, brush: Brush) -> None:
        book: BookOnBench | None = self.book
        if book is None:
            return
        if book.on_pad == len(book.parts):
            self._paint_gap(brush, book)
            return
        x, y, wide, high = self.area
        rise = self.px(3) * (1 - self.sunk)
        box: Box = (x, y + rise, wide, high - self.px(3))
        radius = self.px(7)
        cloth = self.look.theme[f"cloth_{book.cloth}"]
        brush.shadow("spine", box, radius)
        brush.round(box, darker(cloth, 0.22), radius)
        hinge = self.px(9)
        brush.round((box[0] + hinge, box[1], wide - hinge, box[3]), cloth, (0, radius, radius, 0))
        left, room = box[0] + self.px(15), wide - self.px(20)
        label = self.px(24)
        foot = box[1] + self.px(7)
        self._paint_title(brush, book, (left, foot + label + self.px(5), room, box[3] - label - self.px(21)))
        self._paint_lock(brush, book, (left - self.px(1), foot, room + self.px(1), label))

    def _title(self, wide: float, weight: int) -> tuple[list[str], float]:
        """The title in lines, and their size: a little smaller where a word is wider than the cover."""
        lines: list[str] = []
        px = 0.0
        for px in (self.px(14), self.px(13)):
            lines = lines_of(self.book.title, wide, weight, px, 4)
            if not any("…" in line for line in lines[:-1]):
                break
        return lines, px

    def _paint_title(self, brush: Brush, book: BookOnBench, box: Box) -> None:
        x, y, wide, high = box
        small = self.px(12)
        lines, px = self._title(wide, 600)
        tall = brush.lines(lines, box, px, 600, "spine_text", valign="top", leading=1.22)
        below = said.note(book, self.language)
        role, weight = ("spine_band", 600) if below else ("spine_text_soft", 500)
        rows = int((high - tall - self.px(10)) / (small * 1.2))
        line = lines_of(below or book.author, wide, weight, small, min(2, rows)) if rows > 0 else []
        if not line or any("…" in part for part in line):
            return  # half a name says nothing
        deep = brush.lines(line, (x, y, wide, high), small, weight, role, valign="bottom", leading=1.2)
        if len(lines) < 4:
            brush.rect((x, y + deep + self.px(6), wide * 0.35, self.px(2)), "spine_band")

    def _paint_lock(self, brush: Brush, book: BookOnBench, strip: Box) -> None:
        x, y, wide, high = strip
        brush.round(strip, "label_ground", self.px(4))
        opened = bool(book.released)
        role = "ok" if opened else "text_soft"
        tall = self.px(14)
        padlock(brush, (x + self.px(6), y + (high - tall) / 2, self.px(11), tall), role, opened=opened)
        left = x + self.px(27 if opened else 22)
        brush.text(said.lock(book, self.language), (left, y, x + wide - left, high), self.px(13), 600, role)

    def _paint_gap(self, brush: Brush, book: BookOnBench) -> None:
        box: Box = inset(self.area, self.px(1))
        edged(brush, box, "well" if self.pressed else "ground", "divider", self.px(2), self.px(7))
        inner = (box[0] + self.px(14), box[1], box[2] - self.px(18), box[3] - self.px(11))
        label = self.px(24)
        lines, px = self._title(inner[2], 500)
        brush.lines(lines, inner, px, 500, "text_soft", valign="top", leading=1.22)
        self._paint_lock(brush, book, (self.x + self.px(14), self.y + self.px(7), self.width - self.px(19), label))


class PadBook(ShelfBook):
    """A book on the pad, as a spine in one of so many columns; a click takes it off."""

    columns = NumericProperty(1)
    watch: ClassVar[tuple[str, ...]] = (*ShelfBook.watch, "columns")

    @property
    def _word(self) -> str:
        return said.lock(self.book, self.language) if self.columns == 1 else ""

    @property
    def _type(self) -> float:
        return min(self.px(14), self.height * 0.62)

    @property
    def _mark(self) -> float:
        return min(self.px(14), self.height * 0.6)

    @property
    def label_width(self) -> float:
        """How much of the spine its label takes, in real pixels."""
        word = text_width(self._word, 600, self._type) if self._word else 0.0
        warning = self._mark + self.px(6) if any(part.damaged for part in self.book.parts) else 0.0
        return self.px(38 if word else 28) + word + warning

    def paint(self, brush: Brush) -> None:
        book: BookOnBench | None = self.book
        if book is None:
            return
        x, y, wide, high = self.area
        cloth = self.look.theme[f"cloth_{book.cloth}"]
        radius = min(self.px(7), high / 3)
        board = self.px(2.5)
        brush.round(self.area, darker(cloth, 0.4 if self.pressed else 0.22), radius)
        brush.rect((x, y + board, wide, high - 2 * board), darker(cloth, 0.2) if self.pressed else cloth)
        brush.rect((x + self.px(7), y, self.px(3), high), "spine_band")
        broken = any(part.damaged for part in book.parts)
        opened = bool(book.released)
        word, px, tall = self._word, self._type, self._mark
        need = self.label_width
        inset_y = max(1.0, min(self.px(4), high * 0.13))
        label: Box = (x + wide - need - self.px(6), y + inset_y, need, high - 2 * inset_y)
        brush.round(label, "label_ground", min(self.px(4), radius))
        role = "ok" if opened else "text_soft"
        left = label[0] + self.px(6)
        if broken:
            brush.icon("warning", left + tall / 2, y + high / 2, round(tall), "refused", "on_refused")
            left += tall + self.px(5)
        padlock(brush, (left, y + (high - tall) / 2, tall * 0.78, tall), role, opened=opened)
        brush.text(word, (left + self.px(25 if opened else 19), y, label[0] + label[2] - left, high), px, 600, role)
        end = label[0] - self.px(6)
        if len(book.parts) > 1:
            end -= self.px(PARTS[self.columns]) * len(book.parts)
        title = (x + self.px(15), y, end - x - self.px(17), high)
        if title[2] > self.px(40):
            brush.text(book.title, title, px, 600, "spine_text")


#: How wide the mark of one part of a set is on its spine, by the number of columns of the pile.
PARTS = {1: 19, 2: 15, 3: 11}


class PartMark(BenchKey):
    """One part of a set: filled where it lies on the pad, an outline where it does not."""

    number = NumericProperty(1)
    lies = BooleanProperty(True)
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "number", "lies")

    def paint(self, brush: Brush) -> None:
        box = inset(self.area, self.px(1), self.px(2))
        radius = self.px(4)
        if self.lies:
            brush.round(box, "label_ground", radius)
        else:
            brush.frame(box, "spine_text_soft", self.px(1.5), radius)
        role = "text" if self.lies else "spine_text"
        brush.text(str(int(self.number)), box, min(self.px(13), self.height * 0.62), 600, role, align="center")


class CardFace(BenchKey):
    """A reader's card; a click lays it on the reader, another takes it away."""

    card = ObjectProperty(None, allownone=True)
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "card")

    def on_card(self, *_args: object) -> None:
        self.touch = Act(Hand.CARD, self.card.number)

    def paint(self, brush: Brush) -> None:
        card: CardOnBench | None = self.card
        if card is None:
            return
        top = self.face(brush, "thing_paper", "focus_inner" if card.on_reader else "thing_dark", "thing_dark", 9)
        x, y, wide, high = top
        band = high * 0.48
        radius = self.px(9)
        brush.round((x, y + high - band, wide, band), "thing", (radius, radius, 0, 0))
        line: Box = (x + self.px(11), y + high - band, wide - self.px(22), band)
        brush.text(said.card(card.kind, self.language), line, self.px(15), 700, "thing_mark")
        below: Box = (line[0], y, line[2], high - band)
        end = brush.line(card.number, below[0], y + (high - band) / 2 - self.px(5), self.px(14), 600, "thing_ink")
        if card.on_reader:
            text, px = said.on_reader(self.language), self.px(13)
            width = text_width(text, 600, px)
            brush.text(text, below, px, 600, "ok", align="right")
            side = round(self.px(15))
            left = below[0] + below[2] - width - side / 2 - self.px(5)
            brush.icon("pad", left, below[1] + below[3] / 2, side, "ok", "thing_paper")
            brush.frame(inset(top, -self.px(2)), "focus_inner", self.px(3), radius + self.px(2))
        else:
            rest = (end + self.px(8), below[1], below[0] + below[2] - end - self.px(8), below[3])
            brush.text(card.name, rest, self.px(13), 500, "text_soft", align="right")


class Sticker(BenchKey):
    """A barcode to scan."""

    code = StringProperty("")
    place = NumericProperty(0)
    watch: ClassVar[tuple[str, ...]] = (*BenchKey.watch, "code", "place")

    def on_code(self, *_args: object) -> None:
        self.touch = Act(Hand.SCAN, self.code)

    def paint(self, brush: Brush) -> None:
        top = self.face(brush, "surface", "key_edge", "key_edge", 8)
        x, y, wide, high = inset(top, self.px(8), self.px(5))
        px = self.px(13)
        row = px * 1.25
        brush.text(
            said.barcode(int(self.place), self.language),
            (x, y + high - row, wide, row),
            px,
            600,
            "text",
            align="center",
        )
        brush.text(self.code, (x, y, wide, row), px, 500, "text_soft", align="center")
        bits = "".join(f"{byte:08b}" for byte in self.code.encode())
        unit = max(1.0, round(wide * 0.8 / max(1, len(bits))))
        left = round(x + (wide - unit * len(bits)) / 2)
        for at, bit in enumerate(bits):
            if bit == "1":
                brush.rect((left + at * unit, y + row + self.px(1), unit, high - 2 * row - self.px(2)), "text")


class BenchSlab(OfBench):
    """What the books lie on."""

    def paint(self, brush: Brush) -> None:
        radius = self.px(6)
        brush.round(self.area, "pad_slab", radius)
        inner = inset(self.area, self.px(10), 0)
        side = round(self.px(16))
        brush.icon("pad", inner[0] + side / 2, inner[1] + inner[3] / 2, side, "pad_mark", "pad_slab")
        text = said.on_pad(len(self.view.pile), self.view.language)
        brush.text(text, (inner[0] + self.px(24), inner[1], inner[2], inner[3]), self.px(14), 600, "slab_text")


class BenchLog(OfBench):
    """The latest lines of the log, the newest on top."""

    def paint(self, brush: Brush) -> None:
        row = self.px(20)
        for number, line in enumerate(self.view.log):
            box = (self.x, self.top - (number + 1) * row, self.width, row)
            text = said.logged(line, self.view.language)
            brush.diamond(self.x + self.px(7), box[1] + row / 2, self.px(4.5), "diamond_1" if not number else "divider")
            place = (box[0] + self.px(22), box[1], box[2] - self.px(22), row)
            brush.text(text, place, self.px(14), 600 if not number else 500, "text" if not number else "text_soft")


class BenchWell(OfBench):
    """The place where something comes; ``name`` says whose it is."""

    name = StringProperty("")
    watch: ClassVar[tuple[str, ...]] = (*OfBench.watch, "name")

    def paint(self, brush: Brush) -> None:
        radius = self.px(12)
        brush.round(self.area, "well", (radius, radius, 0, 0))
        empty = self.view.paper is None if self.name == "printer" else not self.view.pile
        if self.name and empty:
            box = (self.x, self.y + self.px(20), self.width, self.px(30))
            brush.text(said.hint(self.name, self.view.language), box, self.px(15), 500, "text_soft", align="center")


class PaperSlot(OfBench):
    """The printer, whose paper comes out on top."""

    def paint(self, brush: Brush) -> None:
        x, y, wide, high = self.area
        brush.round(self.area, "staff_header", self.px(12))
        brush.round((x + self.px(8), y + high - self.px(12), wide - self.px(16), self.px(7)), "slab_edge", self.px(3))
        lamp = {True: "ok_ground", False: "refused_ground", None: "divider"}[self.view.well("printer")]
        brush.round((x + self.px(16), y + self.px(18), self.px(12), self.px(12)), lamp, self.px(6))
        side = round(self.px(24))
        brush.icon("receipt", x + wide / 2, y + self.px(24), side, "slab_text", "staff_header")


class PaperSheet(Painted):
    """The paper as the printer made it: every dot, in grey where several share a pixel."""

    raster = ObjectProperty(None, allownone=True)
    watch: ClassVar[tuple[str, ...]] = ("raster",)

    def paint(self, brush: Brush) -> None:
        if self.raster is None:
            return
        brush.shadow("card", self.area, 1)
        tooth = self.width / 48
        for number in range(48):
            brush.diamond(self.x + (number + 0.5) * tooth, self.top, tooth / 2, "thing_paper")
        Color(*self.look.theme["thing_paper"], 1)
        Rectangle(texture=_texture(self.raster, round(self.width), round(self.height)), pos=self.pos, size=self.size)


def _texture(raster: Raster, width: int, height: int) -> Any:
    picture = Image.frombytes("1", (raster.width, raster.height), raster.rows, "raw", "1;I").convert("L")
    small = picture.resize((width, height), Image.Resampling.BOX)
    texture = Texture.create(size=small.size, colorfmt="luminance")
    texture.blit_buffer(small.tobytes(), colorfmt="luminance", bufferfmt="ubyte")
    texture.flip_vertical()
    return texture


class PaperRoll(StencilView):
    """The paper that has come out, standing in the printer's slot; what is longer than the place scrolls.

    While it comes its end is in sight, at the slot; when it is cut it is pulled out and read from its beginning.
    """

    look = ObjectProperty(FIRST_LOOK)
    view = ObjectProperty(BenchView())
    box = ObjectProperty((0.0, 0.0, 0.0, 0.0))
    offset = NumericProperty(0.0)

    def __init__(self, **kwargs: Any) -> None:
        self._sheet = PaperSheet()
        self._held: tuple[float, float] | None = None
        super().__init__(size_hint=(None, None), **kwargs)
        self.add_widget(self._sheet)
        for name in ("look", "box", "offset"):
            self.fbind(name, self._seat)
        self.fbind("view", self._show)

    def _show(self, *_args: object) -> None:
        if self.view.paper is not self._sheet.raster:
            self._sheet.raster = self.view.paper
            self.offset = 0.0
            self._seat()

    @property
    def furthest(self) -> float:
        """How far the paper can be pushed down."""
        return float(max(0.0, self._sheet.height + 12 * scale_of(self.look) - self.height))

    def _seat(self, *_args: object) -> None:
        self.pos, self.size = self.box[:2], self.box[2:]
        raster, sheet = self.view.paper, self._sheet
        sheet.look = self.look
        if raster is None:
            sheet.box = (0.0, 0.0, 0.0, 0.0)
            return
        scale = scale_of(self.look) / DOTS
        wide, high = round(raster.width * scale), max(1, round(raster.height * scale))
        sheet.box = (round(self.x + (self.width - wide) / 2), round(self.y - self.offset), wide, high)

    def on_touch_down(self, touch: Any) -> bool:
        if not self.collide_point(*touch.pos):
            return False
        wheel = {"scrollup": 1, "scrolldown": -1}.get(getattr(touch, "button", ""))
        if wheel is not None:
            self._to(self.offset - wheel * 60 * scale_of(self.look))
            return True
        touch.grab(self)
        self._held = (touch.y, self.offset)
        return True

    def on_touch_move(self, touch: Any) -> bool:
        if touch.grab_current is not self or self._held is None:
            return False
        self._to(self._held[1] - (touch.y - self._held[0]))
        return True

    def on_touch_up(self, touch: Any) -> bool:
        if touch.grab_current is not self:
            return False
        touch.ungrab(self)
        self._held = None
        return True

    def _to(self, offset: float) -> None:
        self.offset = min(self.furthest, max(0.0, offset))
