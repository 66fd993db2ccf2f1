"""A receipt as the printer gets it: one picture in true black and white, as wide as the paper has dots.

A picture, because that is the only form that is right on every printer (facts/receipts.md, section 1). What it says and
how it looks: facts/receipts.md, section 9, and the visual language, section 14. In short: the last four characters of
the card and no name; on a return not even those. A title takes two lines at most and is cut at a word with ``…``; a due
date, a reason and what to do now are never cut.

How it is made: a sheet is filled from the top down. Each line is set, gets the height that its ink needs (so the
stacked marks of Ẳ or Ễ push a line down and never run into the one above), and is noted as a mark to be made. When all
stand, the height is known; the marks are made on a grey canvas, and that is cut to black and white at half (tokens:
``type.receipt``). Letters are set one beside the other, without the shaping that Pillow offers where the system has
FriBidi: a receipt looks the same on every station.

Titles are readers' data: nothing is logged here, and nothing outlives a call but fonts and the widths of letters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache, lru_cache, partial
from io import BytesIO
from pathlib import Path

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M

from config.phrase import Phrase
from drivers.devices import Raster
from kiosk.flows.messages import ReceiptFacts, ReceiptLine
from kiosk.i18n import words
from kiosk.screens.type import FONTS, Face, break_lines, face, runs, system_fallback
from sync.circulation.blocks import Block, day
from sync.circulation.model import LOCAL_ZONE
from sync.text import nfc

#: The widths of paper that a receipt can be drawn for, in dots: from rolls of 58 mm at 180 dpi to 112 mm at 203 dpi.
#: Usual are 576, 512 and 384 (facts/receipts.md, section 3.2).
NARROWEST, WIDEST = 360, 896
#: The longest address, in bytes: its QR code (level M, version 10) still has 5 dots a module on paper of 384 dots.
LONGEST_ADDRESS = 213

_SILENT = Phrase("", "")
#: Of each kind of mark one: those that a printer with a wrong code page or a worn head loses first.
_LETTERS = "Ắ ằ ộ ữ đ Đ"


@dataclass(frozen=True, slots=True)
class ReceiptHead:
    """What every receipt of a station says of the library; what is empty is left out.

    ``library``, ``branch`` and ``station`` are names, ``hours`` and ``fine`` sentences. ``qr_url`` is the plain address
    of the page where loans are renewed, as headquarters has set it; it names no reader. Raises ``ValueError`` for an
    address longer than :data:`LONGEST_ADDRESS`.
    """

    library: str
    branch: str
    station: str
    hours: Phrase = _SILENT
    fine: Phrase = _SILENT
    qr_url: str = ""

    def __post_init__(self) -> None:
        if len(self.qr_url.encode()) > LONGEST_ADDRESS:
            raise ValueError(f"an address of more than {LONGEST_ADDRESS} bytes makes a QR code too fine for paper")


def render(facts: ReceiptFacts, head: ReceiptHead, *, width: int) -> Raster:
    """The receipt of a visit, in the language of the visit, on paper so many dots wide.

    Raises ``ValueError`` for paper narrower than :data:`NARROWEST` or wider than :data:`WIDEST`, for a receipt without
    lines and for a time without a zone; ``OSError`` for a language that is not shipped.
    """
    if not facts.lines:
        raise ValueError("a receipt without lines says nothing")
    if facts.at.tzinfo is None:
        raise ValueError("the time of a receipt needs a zone")
    done = sorted((line for line in facts.lines if not line.why), key=lambda line: line.due or date.max)
    refused = [line for line in facts.lines if line.why]

    _ = words(facts.language)
    sheet = _Sheet(width)
    sheet.hem()
    sheet.skip(18)
    _letterhead(sheet, facts, head, _)
    sheet.pair(
        (_("RETURN SLIP") if facts.returned else _("LOAN SLIP"), _HEADING),
        (_("1 item") if len(done) == 1 else _("{count} items").format(count=len(done)), _HEADING),
    )
    sheet.skip(8)
    for line in done:
        _item(sheet, line, _)
    dues = [line.due for line in done if line.due]
    if dues:
        _earliest(sheet, dues, _)
    if refused:
        _refusals(sheet, facts, refused, _)
    _service(sheet, facts, head, _, renewable=bool(dues))
    sheet.text(_("Thank you!"), _STRONG, _Align.CENTRE)
    sheet.skip(16)
    sheet.hem()
    return sheet.raster()


def test_page(language: str, width: int, *, device: str, at: datetime) -> Raster:
    """The page that shows whether a printer prints receipts right: edges, letters, every dot of its head, a code.

    ``device`` is its name in the settings. Raises as :func:`render` does.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a test page needs a zone")
    _ = words(language)
    when = f"{day(at.astimezone(LOCAL_ZONE).date())} {at.astimezone(LOCAL_ZONE):%H:%M}"
    sheet = _Sheet(width)
    sheet.hem()
    sheet.skip(18)
    sheet.text(_("Test page"), _HEADER, _Align.CENTRE)
    sheet.joined([nfc(device), when], _BODY)
    sheet.skip(14)
    sheet.ruler()
    sheet.skip(4)
    sheet.text(_("{width} dots: the ruler ends at both edges.").format(width=width), _BODY, _Align.CENTRE, most=None)
    sheet.skip(14)
    for style in (_BODY, _TITLE, _DUE):
        sheet.text(_LETTERS, style, _Align.CENTRE)
    sheet.text(_("No letter has lost a mark."), _BODY, _Align.CENTRE, most=None)
    sheet.skip(14)
    sheet.bar()
    sheet.skip(4)
    sheet.text(_("No white line runs down through the bar."), _BODY, _Align.CENTRE, most=None)
    with sheet.beside_code(f"{width} {when}"):
        sheet.text(_("A telephone reads this code."), _BODY, most=None)
    sheet.skip(8)
    sheet.hem()
    return sheet.raster()


def to_png(raster: Raster) -> bytes:
    """The picture as a PNG file of one bit a dot, black on white."""
    picture = Image.frombytes("1", (raster.width, raster.height), raster.rows, "raw", "1;I")
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


# --- what it says, from the top down ----------------------------------------------------------------------------------

_Words = Callable[[str], str]


def _letterhead(sheet: _Sheet, facts: ReceiptFacts, head: ReceiptHead, _: _Words) -> None:
    at = facts.at.astimezone(LOCAL_ZONE)
    kiosk = _("Kiosk {station}").format(station=nfc(head.station)) if head.station else ""
    # Whatever the facts hold, no more of a card than this is ever printed, and nothing of it on a return.
    ending = "" if facts.returned else nfc(facts.card_ending)[-4:]
    card = _("Card •••• {ending}").format(ending=ending) if ending else ""
    sheet.text(nfc(head.library), _HEADER, _Align.CENTRE, most=2)
    sheet.joined([nfc(head.branch), kiosk], _BODY)
    sheet.joined([f"{day(at.date())} {at:%H:%M}", card], _BODY)
    sheet.skip(10)
    sheet.rule()
    sheet.skip(6)


def _item(sheet: _Sheet, line: ReceiptLine, _: _Words) -> None:
    due = _("Due {date}").format(date=day(line.due)) if line.due else ""
    sheet.text(nfc(line.title), _TITLE, most=2)
    sheet.run_in((due, _TITLE), (nfc(line.item_id), _BODY))
    sheet.skip(4)
    sheet.dotted_rule()
    sheet.skip(7)


def _earliest(sheet: _Sheet, dues: Sequence[date], _: _Words) -> None:
    first = min(dues)
    weekdays = (
        _("Monday"),
        _("Tuesday"),
        _("Wednesday"),
        _("Thursday"),
        _("Friday"),
        _("Saturday"),
        _("Sunday"),
    )
    sheet.skip(14)
    with sheet.boxed():
        label = _("RETURN BY") if first == max(dues) else _("EARLIEST DUE DATE")
        sheet.text(label, _STRONG, _Align.CENTRE)
        sheet.joined([weekdays[first.weekday()], day(first)], _DUE, between=" ")


def _refusals(sheet: _Sheet, facts: ReceiptFacts, refused: Sequence[ReceiptLine], _: _Words) -> None:
    heading = _("Not taken back: {count}") if facts.returned else _("Not lent: {count}")
    # Five books over the limit are five titles and one reason.
    alike: dict[tuple[Block, ...], list[ReceiptLine]] = {}
    for line in refused:
        alike.setdefault(line.why, []).append(line)
    sheet.skip(20)
    with sheet.barred():
        sheet.text(heading.format(count=len(refused)), _STRONG)
        for why, lines in alike.items():
            sheet.skip(4)
            for line in lines:
                sheet.text(nfc(line.title), _STRONG, most=2)
            for block in why:
                sheet.text(block.say(facts.language), _BODY, most=None)


def _service(sheet: _Sheet, facts: ReceiptFacts, head: ReceiptHead, _: _Words, *, renewable: bool) -> None:
    """How to renew and what being late costs, where something was lent; when the library is open."""
    fine = head.fine.say(facts.language) if renewable else ""
    hours = head.hours.say(facts.language)
    if renewable and head.qr_url:
        with sheet.beside_code(head.qr_url):
            sheet.text(_("Renew: scan this code"), _STRONG, most=2)
            sheet.text(fine, _BODY, most=None)
            sheet.text(hours, _BODY, most=None)
    else:
        sheet.skip(18)
        sheet.text(fine, _BODY, _Align.CENTRE, most=None)
        sheet.text(hours, _BODY, _Align.CENTRE, most=None)
    sheet.skip(8)


# --- letters ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Style:
    """A weight of the typeface and a size in dots. Below Medium, strokes break up.

    The sizes are six sevenths of the tokens' (``type.receipt``): in those five items would be more than 40 kB.
    """

    weight: str
    size: int


_HEADER = _Style("Bold", 30)
_HEADING = _Style("ExtraBold", 26)
_TITLE = _Style("Bold", 24)
_BODY = _Style("Medium", 22)
_STRONG = _Style("Bold", 22)
_DUE = _Style("ExtraBold", 40)

#: The room of an ordinary line above and below its baseline, in em.
_RISE, _DROP = 0.98, 0.27


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is set: its stretches, each with its font; its width; the room it needs about its baseline. Dots.

    ``first`` and ``last`` say where its ink begins and ends, from where it stands: an Ï reaches out to the left.
    """

    stretches: tuple[tuple[str, ImageFont.FreeTypeFont], ...]
    width: float
    rise: int
    drop: int
    first: int
    last: int

    def draw(self, draw: ImageDraw.ImageDraw, x: float, baseline: int) -> None:
        for text, font in self.stretches:
            draw.text((x, baseline), text, fill=_INK, font=font, anchor="ls")
            x += _length(text, font)


@cache
def _chain(weight: str) -> tuple[Face, ...]:
    fallback = system_fallback()
    return (face(FONTS / f"BeVietnamPro-{weight}.ttf"), *((face(fallback),) if fallback else ()))


@cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(4096)
def _advance(letter: str, font: ImageFont.FreeTypeFont) -> float:
    return font.getlength(letter)


def _length(text: str, font: ImageFont.FreeTypeFont) -> float:
    return sum(_advance(letter, font) for letter in text)


def _stretches(text: str, style: _Style) -> tuple[tuple[str, ImageFont.FreeTypeFont], ...]:
    return tuple((run.text, _font(run.face.path, style.size)) for run in runs(text, _chain(style.weight)))


_Part = tuple[str, _Style]


def _width(text: str, style: _Style) -> float:
    return sum(_length(stretch, font) for stretch, font in _stretches(text, style))


def _typeset(*parts: _Part) -> _Line:
    stretches = tuple(stretch for text, style in parts for stretch in _stretches(text, style))
    size = max(style.size for _text, style in parts)
    pen, inks = 0.0, [(0.0, 0.0, 0.0, 0.0)]
    for stretch, font in stretches:
        left, top, right, bottom = font.getbbox(stretch, anchor="ls")
        inks.append((pen + left, top, pen + right, bottom))
        pen += _length(stretch, font)
    firsts, tops, lasts, bottoms = zip(*inks, strict=True)
    return _Line(
        stretches,
        width=pen,
        rise=math.ceil(max(_RISE * size, 1 - min(tops))),
        drop=math.ceil(max(_DROP * size, 1 + max(bottoms))),
        first=math.floor(min(firsts)),
        last=math.ceil(max(lasts)),
    )


# --- the sheet --------------------------------------------------------------------------------------------------------

_INK = 255
#: Blank paper above the first hem and below the last, in dots.
_EDGE = 14
#: The margins of paper narrower than this are the smaller ones.
_NARROW = 480
#: The hem: half a diamond's diagonal, and how far apart diamonds stand (tokens: ``brocade.receipt``).
_HALF, _EVERY = 9, 64
#: Dots of a QR module where there is room for so many, and the quiet zone in modules (ISO/IEC 18004).
_MODULE, _QUIET = 5, 4
#: Between two texts on one line.
_APART = "   "
#: The least room in dots for a text beside a code.
_COLUMN = 200


class _Align(Enum):
    """Where a text stands between its bounds; the value is the share of the free room at its left."""

    LEFT = 0.0
    CENTRE = 0.5
    RIGHT = 1.0


class _Sheet:
    """Paper that is filled from the top down: the next mark goes to ``y``, texts keep to ``left`` and ``right``."""

    def __init__(self, width: int) -> None:
        if not NARROWEST <= width <= WIDEST:
            raise ValueError(f"paper is {NARROWEST} to {WIDEST} dots wide, not {width}")
        self.width = width
        margin = 16 if width < _NARROW else 28
        self.left, self.right = margin, width - margin
        self.y = _EDGE
        self._marks: list[Callable[[ImageDraw.ImageDraw], None]] = []

    def skip(self, dots: int) -> None:
        self.y += dots

    def text(self, text: str, style: _Style, align: _Align = _Align.LEFT, *, most: int | None = 1) -> None:
        """A text in at most so many lines, evenly filled and cut at a word; ``None`` for as many as it takes."""
        room, measure = self.right - self.left, partial(_width, style=style)
        for line in break_lines(text, room, measure, most or len(text), even=most is not None):
            self._write((_typeset((line, style)), align))

    def joined(self, parts: Sequence[str], style: _Style, *, between: str = " · ") -> None:
        """Short texts in the middle, on one line if they fit there and else each on its own; empty ones left out."""
        together = between.join(filter(None, parts))
        fits = _width(together, style) <= self.right - self.left
        for text in [together] if fits else parts:
            self.text(text, style, _Align.CENTRE, most=2)

    def pair(self, one: _Part, other: _Part) -> None:
        """A text at the left and one at the right; below each other if they do not fit."""
        if _width(*one) + one[1].size + _width(*other) <= self.right - self.left:
            self._write((_typeset(one), _Align.LEFT), (_typeset(other), _Align.RIGHT))
        else:
            self.text(*one, most=2)
            self.text(*other, _Align.RIGHT)

    def run_in(self, one: _Part, other: _Part) -> None:
        """A text with another close behind it, or below it if it does not fit. White at the right costs no bytes."""
        behind = (_APART + other[0], other[1])
        if one[0] and _width(*one) + _width(*behind) <= self.right - self.left:
            self._write((_typeset(one, behind), _Align.LEFT))
        else:
            self.text(*one, most=2)
            self.text(*other, most=2)

    def rule(self) -> None:
        self._fill(self.left, self.y, self.right - self.left, 3)
        self.y += 3

    def dotted_rule(self) -> None:
        for x in range(self.left, self.right, 10):
            self._fill(x, self.y, min(4, self.right - x), 2)
        self.y += 2

    def ruler(self) -> None:
        """From edge to edge, margins and all: a tick every 8 dots, which is 1 mm at 203 dpi, longer every 5 and 10."""
        for x in (*range(0, self.width - 1, 8), self.width - 2):
            self._fill(x, self.y, 2, 24 if x % 80 == 0 or x == self.width - 2 else 16 if x % 40 == 0 else 8)
        self.y += 24

    def bar(self) -> None:
        """Black from edge to edge: where the head has a dead dot it shows."""
        self._fill(0, self.y, self.width, 24)
        self.y += 24

    def hem(self) -> None:
        """A row of diamonds with three squares between each two."""
        middle, start = self.y + _HALF, self.width % _EVERY // 2
        for x in range(start + _EVERY // 2, self.width - start, _EVERY):
            for row in range(_HALF):
                for y in (middle - 1 - row, middle + row):
                    self._fill(x - _HALF + row, y, 2 * (_HALF - row), 1)
        for x in range(start + _EVERY, self.width - start - _EVERY // 2, _EVERY):
            for left, side in ((-10, 4), (-3, 6), (6, 4)):
                self._fill(x + left, middle - 3, side, 6)
        self.y += 2 * _HALF

    @contextmanager
    def boxed(self) -> Iterator[None]:
        """A box with round corners around what is written meanwhile."""
        top = self.y
        self.y += 16
        with self._within(left=14, right=14):
            yield
        self.y += 16
        box = (self.left, top, self.right - 1, self.y - 1)
        self._marks.append(lambda draw: draw.rounded_rectangle(box, radius=14, outline=_INK, width=5))

    @contextmanager
    def barred(self) -> Iterator[None]:
        """A bar at the left of what is written meanwhile."""
        top = self.y
        with self._within(left=26):
            yield
        self._fill(self.left, top, 10, self.y - top)

    @contextmanager
    def beside_code(self, address: str) -> Iterator[None]:
        """A QR code with what is written meanwhile at its right, or below it where there is too little room."""
        code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
        code.add_data(address.encode())
        modules = code.get_matrix()
        dots = min(_MODULE, self.width // (len(modules) + 2 * _QUIET))
        side, quiet = dots * len(modules), dots * _QUIET
        left = max(self.left, quiet)
        column = left + side + quiet - self.left
        beside = self.right - self.left - column >= _COLUMN
        if not beside:
            left = (self.width - side) // 2
        top = self.y + quiet
        for y, row in enumerate(modules):
            for x, dark in enumerate(row):
                if dark:
                    self._fill(left + x * dots, top + y * dots, dots, dots)
        below = top + side + quiet
        if beside:
            self.y = top
            with self._within(left=column):
                yield
            self.y = max(self.y, below)
        else:
            self.y = below
            yield

    def raster(self) -> Raster:
        """The picture of all that was written."""
        canvas = Image.new("L", (self.width, self.y + _EDGE))
        draw = ImageDraw.Draw(canvas)
        for mark in self._marks:
            mark(draw)
        # In Pillow's mode "1" a set bit is white; here ink is what is set, which is what printers take.
        picture = canvas.point(lambda grey: _INK if grey > 127 else 0, "1")
        return Raster(picture.width, picture.height, picture.tobytes())

    @contextmanager
    def _within(self, *, left: int, right: int = 0) -> Iterator[None]:
        self.left, self.right = self.left + left, self.right - right
        yield
        self.left, self.right = self.left - left, self.right + right

    def _write(self, *texts: tuple[_Line, _Align]) -> None:
        """Lines of text on the same baseline."""
        self.y += max(line.rise for line, _align in texts)
        for line, align in texts:
            x = self.left + round(align.value * (self.right - self.left - line.width))
            x = max(self.left - line.first, min(x, self.right - line.last))
            self._marks.append(partial(line.draw, x=x, baseline=self.y))
        self.y += max(line.drop for line, _align in texts)

    def _fill(self, x: int, y: int, width: int, height: int) -> None:
        self._marks.append(lambda draw: draw.rectangle((x, y, x + width - 1, y + height - 1), fill=_INK))
