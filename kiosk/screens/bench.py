"""The bench of the demonstration, and the window that holds it beside a kiosk.

A :class:`kiosk.demo.workbench.BenchView` goes in, an :class:`kiosk.demo.workbench.Act` comes out. What stays is placed
by ``bench.kv``, what comes and goes here; how each thing looks is in :mod:`kiosk.screens.bench_things`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kivy.graphics import Canvas, Color, Fbo, Rectangle
from kivy.properties import ObjectProperty
from kivy.uix.floatlayout import FloatLayout
from kivy.uix.relativelayout import RelativeLayout

from kiosk.demo.workbench import Act, BenchView, Fault, Hand
from kiosk.screens.bench_things import (
    HEIGHT,
    PARTS,
    WIDTH,
    CardFace,
    FaultSwitch,
    PadBook,
    PartMark,
    ShelfBook,
    Sticker,
    look_at,
    scale_of,
)
from kiosk.screens.kit import load
from kiosk.screens.root import KioskRoot
from kiosk.screens.theme import Box, Look
from kiosk.views import Touch, View

KIOSK_WIDTH = 607
BENCH_WIDTH = WIDTH - KIOSK_WIDTH

#: Where things are on the bench, from its upper left: left, top, width, height.
PLACES: dict[str, tuple[float, float, float, float]] = {
    "all": (0, 0, BENCH_WIDTH, HEIGHT),
    "header": (0, 0, BENCH_WIDTH, 92),
    "clear": (1089, 14, 200, 48),
    "network": (901, 14, 176, 48),
    "unsent": (534, 14, 355, 48),
    "shelf": (24, 106, 905, 470),
    "books": (40, 148, 873, 427),
    "pad": (24, 590, 428, 338),
    "pile_well": (40, 632, 396, 206),
    "pile": (48, 636, 380, 202),
    "slab": (40, 838, 396, 26),
    "pad_switches": (40, 874, 396, 44),
    "cards": (466, 590, 463, 338),
    "card_places": (482, 632, 431, 232),
    "card_switches": (482, 874, 210, 44),
    "pin": (704, 874, 209, 44),
    "log": (24, 942, 563, 122),
    "lines": (40, 980, 531, 80),
    "scanner": (601, 942, 328, 122),
    "barcodes": (617, 982, 296, 70),
    "printer": (945, 106, 344, 958),
    "roll": (961, 148, 312, 786),
    "slot": (961, 934, 312, 60),
    "printer_switches": (953, 1006, 328, 46),
}
ROWS, IN_ROW = 3, 8

PAD_SWITCHES = (Fault.PAD_CABLE, Fault.ANSWER_LOST, Fault.TAG_DAMAGED)
READER_SWITCHES = (Fault.READER_SILENT,)
PRINTER_SWITCHES = (Fault.PAPER_OUT, Fault.COVER_OPEN, Fault.PRINTER_SILENT)
NETWORK_SWITCHES = (Fault.NETWORK,)


class BenchPanel(RelativeLayout):
    """The bench. ``on_touch_action`` is called with each :class:`kiosk.demo.workbench.Act`.

    It is painted into a texture, and anew only when something on it has changed: without a graphics card a frame of it
    takes six times as long as one of the kiosk, which is drawn again with every movement there.
    """

    look = ObjectProperty(look_at(1.0))
    view = ObjectProperty(BenchView())

    def __init__(self, on_touch_action: Callable[[Act], None], **kwargs: Any) -> None:
        load("bench")
        self.on_touch_action = on_touch_action
        self._covers: dict[str, ShelfBook] = {}
        self._lying: dict[str, tuple[PadBook, tuple[PartMark, ...]]] = {}
        self._cards: dict[str, CardFace] = {}
        self._stickers: dict[str, Sticker] = {}
        self._switches = {fault: FaultSwitch(fault=fault, touch=Act(Hand.SWITCH, fault)) for fault in Fault}
        self.canvas = Canvas()
        with self.canvas:
            self._fbo = Fbo(size=(1, 1), with_stencilbuffer=True)
            Color(1, 1, 1, 1)
            self._shown = Rectangle(texture=self._fbo.texture)
        super().__init__(**kwargs)
        self.fbind("size", self._resize)
        self._resize()
        for switch in self._switches.values():
            self.add_widget(switch)
        for name in ("look", "view"):
            self.fbind(name, self._seat)
        self._seat()

    def add_widget(self, *args: Any, **kwargs: Any) -> None:
        """As any layout, but what is added is painted into the texture."""
        own, self.canvas = self.canvas, self._fbo
        super().add_widget(*args, **kwargs)
        self.canvas = own

    def remove_widget(self, *args: Any, **kwargs: Any) -> None:
        """As any layout."""
        own, self.canvas = self.canvas, self._fbo
        super().remove_widget(*args, **kwargs)
        self.canvas = own

    def _resize(self, *_args: object) -> None:
        self._fbo.size = (max(1, round(self.width)), max(1, round(self.height)))
        self._shown.texture, self._shown.size = self._fbo.texture, self._fbo.size

    def show(self, view: BenchView) -> None:
        """Show this from now on."""
        if view != self.view:
            self.view = view

    def place(self, look: Look, name: str) -> Box:
        """A place in real pixels, from the lower left."""
        return self._box(look, *PLACES[name])

    def _box(self, look: Look, left: float, top: float, wide: float, high: float) -> Box:
        scale = scale_of(look)
        x, upper, right, lower = (round(v * scale) for v in (left, top, left + wide, top + high))
        return (float(x), float(round(HEIGHT * scale) - lower), float(right - x), float(lower - upper))

    # --- what comes and goes ---

    def _seat(self, *_args: object) -> None:
        self._seat_covers()
        self._seat_pile()
        self._seat_cards()
        self._seat_stickers()
        for faults, name in (
            (PAD_SWITCHES, "pad_switches"),
            (READER_SWITCHES, "card_switches"),
            (PRINTER_SWITCHES, "printer_switches"),
            *([(NETWORK_SWITCHES, "network")] if self.view.unsent is not None else []),
        ):
            left, top, wide, high = PLACES[name]
            each = (wide - 8 * (len(faults) - 1)) / len(faults)
            for number, fault in enumerate(faults):
                switch = self._switches[fault]
                switch.look, switch.language, switch.on = self.look, self.view.language, fault in self.view.faults
                switch.box = self._box(self.look, left + number * (each + 8), top, each, high)

    def _seat_covers(self) -> None:
        left, top, wide, high = PLACES["books"]
        gap = 11
        each, row = (wide - gap * (IN_ROW - 1)) / IN_ROW, high / ROWS
        for number, book in enumerate(self.view.books):
            if book.item_id not in self._covers:
                self._covers[book.item_id] = ShelfBook()
                self.add_widget(self._covers[book.item_id])
            cover = self._covers[book.item_id]
            across, down = number % IN_ROW, number // IN_ROW
            cover.look, cover.language, cover.book = self.look, self.view.language, book
            cover.box = self._box(self.look, left + across * (each + gap), top + down * row, each, row - gap)

    def _seat_pile(self) -> None:
        for gone in [item_id for item_id in self._lying if item_id not in self.view.pile]:
            spine, marks = self._lying.pop(gone)
            for widget in (spine, *marks):
                self.remove_widget(widget)
        books = {book.item_id: book for book in self.view.books}
        left, top, wide, high = PLACES["pile"]
        count = len(self.view.pile)
        columns = 1 if count <= 7 else 2 if count <= 16 else 3
        rows = max(5, -(-count // columns))
        each, step = (wide - 6 * (columns - 1)) / columns, high / rows
        for number, item_id in enumerate(self.view.pile):
            book = books[item_id]
            if item_id not in self._lying:
                many = len(book.parts) if len(book.parts) > 1 else 0
                marks = tuple(
                    PartMark(number=n, touch=Act(Hand.MOVE_PART, f"{item_id}#{n}")) for n in range(1, many + 1)
                )
                self._lying[item_id] = (PadBook(), marks)
                for widget in (self._lying[item_id][0], *marks):
                    self.add_widget(widget)
            spine, marks = self._lying[item_id]
            spine.look, spine.language, spine.book, spine.columns = self.look, self.view.language, book, columns
            x = left + (number // rows) * (each + 6)
            y = top + high - (number % rows + 1) * step
            spine.box = self._box(self.look, x, y, each, step - 2)
            label = spine.label_width / scale_of(self.look) + 12
            for at, mark in enumerate(marks):
                mark.look, mark.lies = self.look, book.parts[at].on_pad
                begin = x + each - label - PARTS[columns] * (len(marks) - at)
                mark.box = self._box(self.look, begin, y + 1, PARTS[columns], step - 4)

    def _seat_cards(self) -> None:
        left, top, wide, high = PLACES["card_places"]
        each, row = (wide - 12) / 2, (high + 8) / 4
        for number, card in enumerate(self.view.cards):
            if card.number not in self._cards:
                self._cards[card.number] = CardFace()
                self.add_widget(self._cards[card.number])
            face = self._cards[card.number]
            face.look, face.language, face.card = self.look, self.view.language, card
            place = (left + number % 2 * (each + 12), top + number // 2 * row, each, row - 8)
            face.box = self._box(self.look, *place)

    def _seat_stickers(self) -> None:
        left, top, wide, high = PLACES["barcodes"]
        each = (wide - 12) / 2
        for number, code in enumerate(self.view.barcodes):
            if code not in self._stickers:
                self._stickers[code] = Sticker(place=number)
                self.add_widget(self._stickers[code])
            sticker = self._stickers[code]
            sticker.look, sticker.language, sticker.code = self.look, self.view.language, code
            sticker.box = self._box(self.look, left + number * (each + 12), top, each, high)


class DemoRoot(FloatLayout):
    """The window of the demonstration: the kiosk upright on the left, the bench on the right, as large as fits.

    ``touch`` is called with what a finger means at the kiosk, ``act`` with what a hand does at the bench.
    """

    def __init__(self, touch: Callable[[Touch], None], act: Callable[[Act], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kiosk = KioskRoot(touch, size_hint=(None, None))
        self.bench = BenchPanel(act, size_hint=(None, None))
        self.add_widget(self.kiosk)
        self.add_widget(self.bench)
        self.fbind("size", self._seat)
        self.fbind("pos", self._seat)
        self._seat()

    def show(self, view: View) -> None:
        """Show this on the kiosk."""
        self.kiosk.show(view)

    def _seat(self, *_args: object) -> None:
        scale = min(self.width / WIDTH, self.height / HEIGHT)
        left = self.x + round((self.width - WIDTH * scale) / 2)
        foot = self.y + round((self.height - HEIGHT * scale) / 2)
        high = round(HEIGHT * scale)
        self.kiosk.size = (round(KIOSK_WIDTH * scale), high)
        self.kiosk.pos = (left, foot)
        self.bench.size = (round(BENCH_WIDTH * scale), high)
        self.bench.pos = (left + self.kiosk.width, foot)
        self.bench.look = look_at(scale)

    def on_touch_down(self, touch: Any) -> bool:
        button = getattr(touch, "button", "left")
        # A wheel or another button than the first is no finger on the glass.
        if button != "left" and self.kiosk.collide_point(*touch.pos):
            return True
        return bool(super().on_touch_down(touch))
