"""Drawn icons and pictures as geometry (visual language, sections 6.1 and 7): layers of one colour each, in order.

Coordinates run from the upper left of the drawing's own square, as in the visual language; colours are roles. Where a
role is ``*`` the caller chooses (the state's own colour), ``+`` is what lies on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Oval:
    """An ellipse by its middle and half axes; ``line`` > 0 draws only its rim, that wide."""

    x: float
    y: float
    rx: float
    ry: float
    line: float = 0.0
    start: float = 0.0  # degrees clockwise from the top
    end: float = 360.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle by its upper left corner, its size and the radius of its corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Patch:
    """A filled convex polygon."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A thick line with round ends and joints."""

    points: tuple[Point, ...]
    width: float
    closed: bool = False


Shape = Oval | Bar | Patch | Line


def bounds(shape: Shape) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a shape, strokes included."""
    match shape:
        case Oval(x, y, rx, ry, line):
            return (x - rx - line, y - ry - line, x + rx + line, y + ry + line)
        case Bar(x, y, width, height):
            return (x, y, x + width, y + height)
        case Patch(points):
            return _around(points, 0.0)
        case Line(points, thick):
            return _around(points, thick)


def _around(points: tuple[Point, ...], thick: float) -> tuple[float, float, float, float]:
    across, down = [x for x, _y in points], [y for _x, y in points]
    return (min(across) - thick, min(down) - thick, max(across) + thick, max(down) + thick)


@dataclass(frozen=True, slots=True)
class Layer:
    """Shapes of one colour."""

    role: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What can be painted at any size, keeping its proportions."""

    width: float
    height: float
    layers: tuple[Layer, ...]


STROKE = 7.5


def circle(x: float, y: float, radius: float, line: float = 0.0) -> Oval:
    """A circle, or a ring."""
    return Oval(x, y, radius, radius, line)


def diamond(x: float, y: float, half: float) -> Patch:
    """The small form of the brocade: a square on its corner."""
    return Patch(((x, y - half), (x + half, y), (x, y + half), (x - half, y)))


def _octagon(x: float, y: float, radius: float) -> Patch:
    """An octagon that lies flat on top."""
    turn = math.pi / 8
    return Patch(
        tuple(
            (x + radius * math.cos(turn + n * math.pi / 4), y + radius * math.sin(turn + n * math.pi / 4))
            for n in range(8)
        )
    )


def _arc(x: float, y: float, radius: float, line: float) -> Oval:
    return Oval(x, y, radius, radius, line, -50.0, 50.0)


def _turned(points: tuple[Point, ...], degrees: float) -> tuple[Point, ...]:
    """Turned clockwise about the middle of the icon's square."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return tuple((32 + (x - 32) * cos - (y - 32) * sin, 32 + (x - 32) * sin + (y - 32) * cos) for x, y in points)


def _arrow_sign(degrees: float) -> Drawing:
    shaft: tuple[Point, ...] = ((32, 16), (32, 46))
    head: tuple[Point, ...] = ((18.5, 34), (32, 47), (45.5, 34))
    return Drawing(
        64,
        64,
        (
            Layer("sign_mark", (Bar(2, 2, 60, 60, 14),)),
            Layer("on_sign_mark", (Line(_turned(shaft, degrees), STROKE), Line(_turned(head, degrees), STROKE))),
        ),
    )


def _reading(lit: int) -> Drawing:
    dark = tuple(diamond(12 + 20 * n, 32, 9.9) for n in range(3) if n != lit)
    return Drawing(64, 64, (Layer("*", dark), Layer("reading_pale", (diamond(12 + 20 * lit, 32, 9.9),))))


def _teeth(left: float, right: float, y: float, deep: float, count: int) -> tuple[Point, ...]:
    """The lower edge of torn paper, from left to right."""
    wide = (right - left) / count
    zigzag = (point for n in range(count) for point in ((left + n * wide, y), (left + (n + 0.5) * wide, y + deep)))
    return (*zigzag, (right, y))


def _torn_paper(x: float, y: float, width: float, height: float, teeth: int, deep: float) -> tuple[Shape, ...]:
    wide = width / teeth
    foot = y + height
    return (
        Bar(x, y, width, height + 0.3),
        *(
            Patch(((x + n * wide, foot), (x + (n + 1) * wide, foot), (x + (n + 0.5) * wide, foot + deep)))
            for n in range(teeth)
        ),
    )


ICONS: dict[str, Drawing] = {
    "tick": Drawing(
        64, 64, (Layer("*", (circle(32, 32, 30),)), Layer("+", (Line(((18, 33), (28, 43), (47, 22)), STROKE),)))
    ),
    "cross": Drawing(
        64,
        64,
        (
            Layer("*", (_octagon(32, 32, 31),)),
            Layer("+", (Line(((22, 22), (42, 42)), STROKE), Line(((42, 22), (22, 42)), STROKE))),
        ),
    ),
    "warning": Drawing(
        64,
        64,
        (
            Layer("*", (Patch(((32, 7), (59, 55), (5, 55))), Line(((32, 7), (59, 55), (5, 55)), 5, closed=True))),
            Layer("+", (Bar(28.5, 22, 7, 18, 3.5), circle(32, 47.5, 4.2))),
        ),
    ),
    "put_back": _arrow_sign(0),
    "put_aside": _arrow_sign(-90),
    "due": Drawing(
        64,
        64,
        (
            Layer("*", (diamond(32, 32, 32), Line(((32, 3), (61, 32), (32, 61), (3, 32)), 5, closed=True))),
            Layer("+", (Line(((32, 18), (32, 33), (42, 40)), STROKE),)),
        ),
    ),
    "off": Drawing(64, 64, (Layer("*", (circle(32, 32, 24, 8),)),)),
    "card": Drawing(
        64,
        64,
        (
            Layer("*", (Bar(4, 13, 56, 38, 6),)),
            Layer("+", (Bar(4, 22, 56, 7), Bar(13, 37.5, 24, 5, 2.5), Bar(43, 35, 10, 9, 2))),
        ),
    ),
    "books": Drawing(
        64,
        64,
        (
            Layer("*", (Bar(6, 8, 52, 14, 3), Bar(12, 25, 44, 14, 3), Bar(8, 42, 48, 14, 3))),
            Layer("thing_band", (Bar(14, 8, 4, 14), Bar(20, 25, 4, 14), Bar(16, 42, 4, 14))),
        ),
    ),
    "receipt": Drawing(
        64,
        64,
        (
            Layer("*", _torn_paper(12, 4, 40, 49, 6, 7)),
            Layer("+", (Bar(20, 14, 24, 5, 2), Bar(20, 25, 17, 5, 2), Bar(20, 36, 24, 5, 2))),
        ),
    ),
    "pad": Drawing(
        64,
        64,
        (Layer("*", (circle(32, 40, 5), _arc(32, 40, 17, 6), _arc(32, 40, 29, 6), Bar(8, 54, 48, 6, 3))),),
    ),
    "pad_1": Drawing(64, 64, (Layer("*", (circle(32, 40, 5), Bar(8, 54, 48, 6, 3))),)),
    "pad_2": Drawing(64, 64, (Layer("*", (circle(32, 40, 5), _arc(32, 40, 17, 6), Bar(8, 54, 48, 6, 3))),)),
    "mark": Drawing(
        72,
        72,
        (
            Layer(
                "mark_roof",
                (
                    Patch(((36, 4), (36, 17), (2, 43), (2, 32))),
                    Patch(((36, 4), (70, 32), (70, 43), (36, 17))),
                    Bar(7, 65, 58, 5.5, 1),
                ),
            ),
            Layer(
                "mark_books",
                (Bar(13.5, 40, 9, 23), Bar(25, 34, 9, 29), Bar(36.5, 28, 9, 35), Bar(48, 34, 9, 29)),
            ),
        ),
    ),
    "step_tick": Drawing(64, 64, (Layer("*", (Line(((17, 33), (28, 43), (48, 21)), 8),)),)),
    "shift": Drawing(64, 64, (Layer("*", (Patch(((32, 6), (60, 36), (4, 36))), Bar(20, 34, 24, 22, 3))),)),
    "shift_locked": Drawing(
        64, 64, (Layer("*", (Patch(((32, 2), (60, 30), (4, 30))), Bar(20, 28, 24, 18, 3), Bar(20, 53, 24, 8, 2))),)
    ),
    "arrow": Drawing(64, 64, (Layer("*", (Bar(20, 2, 24, 30), Patch(((0, 30), (64, 30), (32, 62))))),)),
    **{f"reading_{n}": _reading(n) for n in range(3)},
}


def _barcode(x: float, y: float, height: float) -> tuple[Bar, ...]:
    bars = []
    for n, wide in enumerate((4, 2, 6, 2, 3, 5, 2, 4, 3, 6, 2, 3, 5, 2, 4, 6, 2, 3)):
        if n % 2 == 0 or wide > 3:
            bars.append(Bar(x, y, wide, height))
        x += wide + 4
    return tuple(bars)


def _diamond_row(
    x: float, y: float, half: float, count: int, gap: float
) -> tuple[tuple[Patch, ...], tuple[Patch, ...]]:
    """A row of diamonds in two colours by turns."""
    marks = [diamond(x + half + n * (2 * half + gap), y, half) for n in range(count)]
    return tuple(marks[::2]), tuple(marks[1::2])


_CARD_ROW = _diamond_row(6, 208, 8, 13, 9.5)
_BIN_ROW = _diamond_row(26, 290, 14, 8, 2)
_DESK_ROW = _diamond_row(18, 164, 9, 8, 1)

PICTURES: dict[str, Drawing] = {
    "library_card": Drawing(
        344,
        228,
        (
            Layer("thing_paper", (Bar(0, 0, 344, 228, 20),)),
            Layer("thing", (Bar(0, 0, 344, 66, 20), Bar(0, 40, 344, 26))),
            Layer("mark_roof", (
                Patch(((44, 16), (44, 24), (22, 40), (22, 33))),
                Patch(((44, 16), (66, 33), (66, 40), (44, 24))),
                Bar(25, 54, 38, 4, 1),
            )),
            Layer("thing_mark", (Bar(30, 40, 6, 12), Bar(37.5, 36, 6, 16), Bar(45, 32, 6, 20), Bar(52.5, 36, 6, 16))),
            Layer("thing_pale", (
                circle(66, 112, 24), Oval(66, 184, 40, 42, 0, -90, 90), Bar(130, 96, 176, 17, 8.5),
            )),
            Layer("thing_palest", (Bar(130, 126, 128, 17, 8.5),)),
            Layer("thing_ink", _barcode(130, 154, 30)),
            Layer("diamond_1", _CARD_ROW[0]),
            Layer("diamond_3", _CARD_ROW[1]),
        ),
    ),
    "bin": Drawing(
        292,
        322,
        (
            Layer("thing_teal", (Bar(82, 0, 132, 34, 6),)),
            Layer("thing_plum", (Bar(73, 40, 146, 36, 6),)),
            Layer("thing_band", (
                Bar(95, 0, 7, 34), Bar(107, 0, 4, 34), Bar(86, 40, 7, 36), Bar(98, 40, 4, 36),
            )),
            Layer("thing", (Bar(14, 104, 264, 218, 14),)),
            Layer("thing_dark", (Bar(0, 83, 292, 37, 10),)),
            Layer("thing_darkest", (Bar(42, 93, 208, 17, 8),)),
            Layer("thing_mark", (Line(((146, 146), (146, 236)), 20), Line(((106, 200), (146, 238), (186, 200)), 20))),
            Layer("diamond_1", _BIN_ROW[0]),
            Layer("diamond_2", _BIN_ROW[1]),
        ),
    ),
    "desk": Drawing(
        184,
        190,
        (
            Layer("thing", (Oval(92, 124, 56, 60, 0, -90, 90),)),
            Layer("thing_paper", (Patch(((80, 65), (104, 65), (92, 84))),)),
            Layer("skin", (circle(92, 31, 29), Bar(84, 50, 16, 16, 6))),
            Layer("hair", (Oval(92, 34, 31, 34, 0, -90, 90),)),
            Layer("skin", (Oval(92, 38, 27, 15),)),
            Layer("diamond_1", (Bar(146, 88, 30, 8, 2),)),
            Layer("thing_teal", (Bar(143, 97, 34, 8, 2),)),
            Layer("diamond_2", (Bar(145, 106, 32, 9, 2),)),
            Layer("wood_dark", (Bar(10, 134, 164, 54, 2),)),
            Layer("wood", (Bar(0, 114, 184, 24, 7),)),
            Layer("diamond_2", _DESK_ROW[0]),
            Layer("diamond_1", _DESK_ROW[1]),
        ),
    ),
    "receipt": Drawing(
        132,
        190,
        (
            Layer("thing_paper", _torn_paper(0, 0, 132, 176, 7, 12)),
            Layer("thing_ink", (
                Bar(26, 18, 80, 11, 2), Bar(106, 56, 16, 9), Bar(106, 72, 16, 9), Bar(106, 88, 16, 9),
                Bar(106, 104, 16, 9), Bar(46, 122, 14, 14), Bar(74, 122, 10, 14), Bar(46, 150, 14, 12),
                Bar(64, 136, 20, 9), Bar(70, 152, 14, 10),
                Bar(46, 140, 8, 6), Bar(62, 124, 6, 6), Bar(64, 160, 6, 4),
            )),
            Layer("thing_pale", (
                Bar(40, 36, 52, 7, 2), Bar(12, 57, 66, 7), Bar(12, 73, 48, 7), Bar(12, 89, 70, 7), Bar(12, 105, 58, 7),
            )),
        ),
    ),
    "no_receipt": Drawing(
        132,
        176,
        (
            Layer("*", (
                Line(((14, 160), (14, 10), (118, 10), (118, 160)), 6),
                Line(_teeth(14, 118, 160, -9, 9), 6),
            )),
            Layer("+", (Line(((2, 166), (130, 12)), 22),)),
            Layer("*", (Line(((4, 164), (126, 16)), 7),)),
        ),
    ),
}  # fmt: skip
