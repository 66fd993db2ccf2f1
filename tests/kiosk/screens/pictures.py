"""The golden screens: which there are, how one is drawn small, and how far two are apart.

A golden is the screen at an eighth of its size, as PNG: enough to see a part that moved, vanished or changed colour,
and little enough to keep. Letters differ by a shade between renderers, so a picture counts as the same when no patch of
it differs by much and the whole hardly at all. Re-recorded by ``python -m tests.kiosk.screens.record`` and reviewed by
eye.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from kiosk.screens.gallery import Studio, dressed
from kiosk.screens.samples import VIEWS
from kiosk.screens.theme import PROFILES, profile
from kiosk.views import View

GOLDEN = Path(__file__).with_name("golden")
SMALLER = 8
#: The largest mean difference of the whole picture, and of its worst patch of 8 by 8 pixels, of 255.
WHOLE, PATCH = 1.5, 20.0
#: Shown in every profile; the rest only on the upright screen.
EVERYWHERE = ("attract", "closed", "card-read", "borrow", "return", "account", "done", "pin", "card-problem", "staff",
              "timeout", "help", "typing", "typing-signs", "typing-digits")  # fmt: skip
#: Shown in the other themes and the other language too.
EVERY_WAY = ("attract", "borrow", "done", "account", "pin", "card-problem", "timeout", "typing")
#: Titles in scripts of the system's own font look different from machine to machine.
NOT_GOLDEN = ("borrow-difficult",)


def chosen() -> Iterator[tuple[str, View, tuple[int, int]]]:
    """Name, view and size of every golden."""
    for name, view in VIEWS.items():
        if name in NOT_GOLDEN:
            continue
        for shape in PROFILES if name in EVERYWHERE else ("portrait",):
            size = (profile(shape).width, profile(shape).height)
            yield f"{name}-{shape}", dressed(view, "light", "vi"), size
        if name in EVERY_WAY:
            size = (profile("portrait").width, profile("portrait").height)
            for theme, language in (("contrast", "vi"), ("reachable", "vi"), ("light", "en")):
                yield f"{name}-portrait-{theme}-{language}", dressed(view, theme, language), size


def draw(studio: Studio, view: View, size: tuple[int, int]) -> Image.Image:
    """A view's picture at an eighth of its size."""
    texture = studio.root(view, size).export_as_image().texture
    whole = Image.frombytes("RGBA", texture.size, texture.pixels).convert("RGB")
    return whole.resize((size[0] // SMALLER, size[1] // SMALLER), Image.Resampling.BOX)


def apart(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """How far two pictures are apart: on the whole, and in the worst patch."""
    if one.size != other.size:
        return 255.0, 255.0
    difference = ImageChops.difference(one, other).convert("L")
    patches = difference.resize((max(1, one.width // 8), max(1, one.height // 8)), Image.Resampling.BOX)
    worst = patches.getextrema()[1]
    return ImageStat.Stat(difference).mean[0], float(worst)  # type: ignore[arg-type] # one band has two numbers
