"""The one ornament: a strip woven of square cells (visual language, section 4), as bytes of a texture.

Cells are whole pixels, the pattern is centred and repeats; it is never scaled by a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from kiosk.screens.theme import rgb, tokens


@dataclass(frozen=True, slots=True)
class Weave:
    """One repeat of a pattern: ``pixels`` are RGB bytes, one per cell, the lowest row first as OpenGL wants it."""

    columns: int
    rows: int
    pixels: bytes


@cache
def weave(pattern: str) -> Weave:
    """The pattern ``narrow`` or ``wide``. Raises ``KeyError`` for another."""
    brocade = tokens()["brocade"]
    rows: list[str] = brocade[pattern]
    colours = {letter: bytes(round(part * 255) for part in rgb(value)) for letter, value in brocade["legend"].items()}
    pixels = b"".join(colours[letter] for row in reversed(rows) for letter in row)
    return Weave(len(rows[0]), len(rows), pixels)


def repeats(width_px: float, cell_px: int, columns: int) -> tuple[float, float]:
    """From where to where on the pattern's own axis (one repeat is 1.0) a strip shows it, cut equally on both sides."""
    count = width_px / (cell_px * columns)
    first = 0.5 - count / 2
    return (first, first + count)
