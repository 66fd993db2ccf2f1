"""Pixels: text, masks of drawn shapes, shadows, the brocade and the scenery, as textures, and a brush that lays them.

Drawn shapes are painted once at four times their size into a mask (white, with the shape as its alpha) and halved
twice, so their edges are as smooth as letters; a colour is laid over when the mask is used, so that a change of theme
paints nothing anew. Shadows are one small mask stretched by nine parts: Kivy's own cost three times the rest of a
frame on a software renderer. Texts are cached too, and forgotten on the attract screen (:func:`forget_texts`),
because they may be a reader's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from kivy import kivy_data_dir
from kivy.core.text import Label as CoreLabel
from kivy.graphics import (
    BorderImage,
    ClearBuffers,
    ClearColor,
    Color,
    Ellipse,
    Fbo,
    Line,
    Mesh,
    PopMatrix,
    PushMatrix,
    Rectangle,
    Rotate,
    RoundedRectangle,
    Scale,
    SmoothLine,
    SmoothRoundedRectangle,
    Translate,
)
from kivy.graphics.texture import Texture

from kiosk.screens import brocade, shapes
from kiosk.screens.theme import WEIGHTS, Box, Look, Rgb, rgb, tokens
from kiosk.screens.type import FONTS, GLYPHS, Face, Run, break_lines, face, is_plain, runs, system_fallback

#: How many times larger a mask is painted than it is used; a power of two.
FINER = 4
#: Drawings wider than this, in pixels, are painted only at twice their size.
LARGE = 160
#: The scenery is painted in so many strips.
SCENERY_STRIPS = 6
#: The most texts whose pixels are kept.
KEPT_TEXTS = 160

_texts: dict[tuple[str, int, int], tuple[tuple[Any, float, float], ...]] = {}
_masks: dict[tuple[object, ...], Any] = {}


def forget_texts() -> None:
    """Drop the pixels of every text, a reader's name and titles among them."""
    _texts.clear()
    _width.cache_clear()


def kept_texts() -> set[str]:
    """The texts whose pixels are kept."""
    return {text for text, _weight, _px in _texts}


# --- letters ----------------------------------------------------------------------------------------------------------


@cache
def chain(weight: int) -> tuple[Face, ...]:
    """The fonts to look for a letter in, for a weight of the typeface."""
    own = FONTS / f"BeVietnamPro-{WEIGHTS[weight]}.ttf"
    system = system_fallback()
    bundled = Path(kivy_data_dir) / "fonts" / "DejaVuSans.ttf"
    return tuple(face(path) for path in (own, system, bundled) if path is not None)


def runs_of(text: str, weight: int) -> Sequence[Run]:
    """A text cut by the fonts that set it."""
    fonts = chain(weight)
    return [Run(text, fonts[0])] if is_plain(text) else runs(text, fonts)


def _label(text: str, font: Path, px: int) -> Any:
    return CoreLabel(text=text, font_size=px, font_name=str(font))


@cache
def _width(text: str, weight: int, px: int) -> float:
    return float(sum(_label("", run.face.path, px).get_extents(run.text)[0] for run in runs_of(text, weight)))


def text_width(text: str, weight: int, px: float) -> float:
    """How wide a line of text is, in pixels."""
    return _width(text, weight, int(px))


def lines_of(text: str, width: float, weight: int, px: float, most: int) -> list[str]:
    """A text broken for a width; see :func:`kiosk.screens.type.break_lines`."""
    # Half a pixel of grace: a box is often exactly as wide as the text it was measured for.
    return break_lines(text, width + 0.5, lambda part: text_width(part, weight, px), most)


def _text(text: str, weight: int, px: int) -> tuple[tuple[Any, float, float], ...]:
    """The textures of one line, each with its offset to the right and how far it hangs below the baseline."""
    key = (text, weight, px)
    if key not in _texts:
        if len(_texts) >= KEPT_TEXTS:
            _texts.pop(next(iter(_texts)))
        placed = []
        right = 0.0
        for run in runs_of(text, weight):
            label = _label(run.text, run.face.path, px)
            label.refresh()
            placed.append((label.texture, right, float(round(run.face.descent * px))))
            right += label.texture.width
        _texts[key] = tuple(placed)
    return _texts[key]


def _glyph(name: str, px: int) -> Any:
    key = ("glyph", name, px)
    if key not in _masks:
        code = int(tokens()["icons"]["glyphs"][name]["codepoint"], 16)
        label = _label(chr(code), GLYPHS, px)
        label.refresh()
        _masks[key] = label.texture
    return _masks[key]


# --- masks ------------------------------------------------------------------------------------------------------------


def _clear(canvas: Any) -> None:
    with canvas:
        # White without alpha, so that blending and halving leave every pixel white.
        ClearColor(1, 1, 1, 0)
        ClearBuffers()
        Color(1, 1, 1, 1)


def _halved(texture: Any, times: int) -> Any:
    for _ in range(times):
        size = (texture.width // 2, texture.height // 2)
        fbo = Fbo(size=size)
        _clear(fbo)
        with fbo:
            Rectangle(texture=texture, size=size)
        fbo.draw()
        texture = fbo.texture
    return texture


def _put(shape: shapes.Shape, fx: float, fy: float, height: float) -> None:
    """Add a shape's instructions to the canvas in use; ``fx`` and ``fy`` pixels for one unit, y turned over."""
    match shape:
        case shapes.Oval(x, y, rx, ry, line, start, end):
            where = ((x - rx) * fx, height - (y + ry) * fy)
            size = (2 * rx * fx, 2 * ry * fy)
            if line:
                Line(ellipse=(*where, *size, start, end, 96), width=line * fx / 2, cap="round")
            else:
                Ellipse(pos=where, size=size, angle_start=start, angle_end=end, segments=128)
        case shapes.Bar(x, y, wide, high, radius):
            where, size = (x * fx, height - (y + high) * fy), (wide * fx, high * fy)
            if radius:
                RoundedRectangle(pos=where, size=size, radius=[min(radius * fx, size[0] / 2, size[1] / 2)], segments=24)
            else:
                Rectangle(pos=where, size=size)
        case shapes.Patch(points):
            vertices = [v for x, y in points for v in (x * fx, height - y * fy, 0, 0)]
            Mesh(vertices=vertices, indices=list(range(len(points))), mode="triangle_fan")
        case shapes.Line(points, thick, closed):
            flat = [v for x, y in points for v in (x * fx, height - y * fy)]
            Line(points=flat, width=thick * fx / 2, cap="round", joint="round", close=closed)


def _mask(drawing: shapes.Drawing, layer: int, width: int, height: int) -> tuple[Any, int, int]:
    """A layer's mask for this size of the whole drawing, and where in the drawing it lies, counted from below."""
    key = (drawing, layer, width, height)
    if key not in _masks:
        members = drawing.layers[layer].shapes
        edges = [shapes.bounds(shape) for shape in members]
        fx, fy = width / drawing.width, height / drawing.height
        left = max(0, math.floor(min(edge[0] for edge in edges) * fx) - 1)
        right = min(width, math.ceil(max(edge[2] for edge in edges) * fx) + 1)
        low = max(0, math.floor(height - max(edge[3] for edge in edges) * fy) - 1)
        high = min(height, math.ceil(height - min(edge[1] for edge in edges) * fy) + 1)
        size = (max(1, right - left), max(1, high - low))
        finer = FINER if max(size) <= LARGE else 2
        fbo = Fbo(size=(size[0] * finer, size[1] * finer))
        _clear(fbo)
        with fbo:
            PushMatrix()
            Translate(-left * finer, -low * finer)
            for shape in members:
                _put(shape, fx * finer, fy * finer, height * finer)
            PopMatrix()
        fbo.draw()
        _masks[key] = (_halved(fbo.texture, int(math.log2(finer))), left, low)
    mask: tuple[Any, int, int] = _masks[key]
    return mask


def _shadow(radius: int, blur: int) -> Any:
    """A blurred rounded square as a mask: a stack of squares from large to small whose alphas add up to a soft edge.

    It reaches one blur beyond the thing on every side. Kivy's blending adds alphas, so the stack needs no arithmetic.
    """
    key = ("shadow", radius, blur)
    if key not in _masks:
        side = 2 * radius + 4 * blur + 8
        fbo = Fbo(size=(side, side))
        _clear(fbo)
        count = min(2 * blur, 48)
        weights = [math.sin(math.pi * (n + 0.5) / count) ** 2 for n in range(count)]
        with fbo:
            for number, weight in enumerate(weights):
                inner = 2 * blur * (number + 0.5) / count
                Color(1, 1, 1, weight / sum(weights))
                size = (side - 2 * inner, side - 2 * inner)
                corner = max(1.0, radius + blur - inner)
                RoundedRectangle(pos=(inner, inner), size=size, radius=[corner], segments=16)
        fbo.draw()
        _masks[key] = fbo.texture
    return _masks[key]


@cache
def _weave(pattern: str) -> tuple[Any, brocade.Weave]:
    woven = brocade.weave(pattern)
    texture = Texture.create(size=(woven.columns, woven.rows), colorfmt="rgb")
    texture.blit_buffer(woven.pixels, colorfmt="rgb", bufferfmt="ubyte")
    texture.mag_filter = texture.min_filter = "nearest"
    texture.wrap = "repeat"
    return texture, woven


def scenery(width: int, height: int, profile: str, *, night: bool) -> Any:
    """Sky, sun or moon, and hills with rows of tea, as one texture of this size (visual language, section 7).

    Painted at twice the size in strips, because the whole of it would need more memory than all the rest.
    """
    key = ("scenery", width, height, profile, night)
    if key not in _masks:
        final = Fbo(size=(width, height))
        with final:
            ClearColor(0, 0, 0, 1)
            ClearBuffers()
            Color(1, 1, 1, 1)
        final.draw()
        strip = -(-height // SCENERY_STRIPS)
        for number in range(SCENERY_STRIPS):
            fbo = Fbo(size=(2 * width, 2 * strip))
            with fbo:
                ClearColor(*rgb(tokens()["color"]["scenery"]["sky"]), 1)
                ClearBuffers()
                PushMatrix()
                Translate(0, -2 * strip * number)
                _hills(2 * width, 2 * height, profile, night=night)
                PopMatrix()
            fbo.draw()
            with final:
                Color(1, 1, 1, 1)
                Rectangle(texture=fbo.texture, pos=(0, strip * number), size=(width, strip))
            final.draw()
            final.clear()
        _masks[key] = final.texture
    return _masks[key]


def _hills(wide: int, high: int, profile: str, *, night: bool) -> None:
    """Add the scenery's instructions to the canvas in use."""
    told = tokens()["color"]["scenery"]
    place = told["geometry"]
    here = place[profile]
    scale = wide / {"portrait": 1080, "landscape": 1920, "small": 1024}[profile]
    line = place["row_width_small_px" if profile == "small" else "row_width_px"] * scale
    dim = 0.8 if night else 1.0

    def tone(value: str, part: float = 1.0) -> None:
        red, green, blue = rgb(value)
        Color(red * part, green * part, blue * part, 1)

    def disc(x: float, y: float, radius: float) -> None:
        Ellipse(pos=(x - radius, y - radius), size=(2 * radius, 2 * radius), segments=180)

    x, y, radius = here["sun"][0] * wide, (1 - here["sun"][1]) * high, here["sun"][2] * scale
    if night:
        for value, times in zip(told["halo"][:2], place["halo_radii"][1:], strict=True):
            tone(value)
            disc(x, y, radius * times * 0.8)
        tone(told["moon"])
        disc(x, y, radius * 0.7)
    else:
        for value, times in zip(told["halo"], place["halo_radii"], strict=True):
            tone(value)
            disc(x, y, radius * times)
        tone(told["sun_outer"])
        disc(x, y, radius)
        tone(told["sun"])
        disc(x, y, radius * place["sun_inner"])
    for (hx, hy, hrx, hry, rows), colours in zip(here["hills"], told["hills"], strict=True):
        cx, cy, rx, ry = hx * wide, (1 - hy) * high, hrx * wide, hry * high
        tone(colours["fill"], dim)
        Ellipse(pos=(cx - rx, cy - ry), size=(2 * rx, 2 * ry), segments=240)
        tone(colours["rows"], dim)
        for row in range(1, rows + 1):
            part = 1 - place["row_step"] * row
            around = (cx - rx * part, cy - ry * part, 2 * rx * part, 2 * ry * part, 0, 360, 240)
            Line(ellipse=around, width=line / 2)


# --- the brush --------------------------------------------------------------------------------------------------------


class Brush:
    """Lays shapes and texts on a canvas in the colours and sizes of a look. Boxes are (x, y, width, height)."""

    def __init__(self, look: Look) -> None:
        self.look = look

    def tint(self, role: str | Rgb, alpha: float = 1.0) -> None:
        """Set the colour of what is laid next."""
        Color(*(self.look.theme[role] if isinstance(role, str) else role), alpha)

    def rect(self, box: Box, role: str | Rgb, alpha: float = 1.0) -> None:
        """A plain rectangle; its edges are on whole pixels."""
        self.tint(role, alpha)
        Rectangle(pos=box[:2], size=box[2:])

    def dots(self, box: Box, rows: Sequence[Sequence[bool]], role: str | Rgb) -> None:
        """Square dots, row by row from the top, that fill a box whose sides are a multiple of their counts."""
        x, y, wide, high = box
        across, down = wide / len(rows[0]), high / len(rows)
        self.tint(role)
        for at, row in enumerate(rows):
            start = 0
            for dark, run in groupby(row):
                count = len(list(run))
                if dark:
                    Rectangle(pos=(x + start * across, y + high - (at + 1) * down), size=(count * across, down))
                start += count

    def round(self, box: Box, role: str | Rgb, radius: float | Sequence[float], alpha: float = 1.0) -> None:
        """A rounded rectangle; four radii run from the upper left clockwise."""
        self.tint(role, alpha)
        corners = [radius] if isinstance(radius, (int, float)) else list(radius)
        SmoothRoundedRectangle(pos=box[:2], size=box[2:], radius=corners, segments=16)

    def frame(self, box: Box, role: str | Rgb, width: float, radius: float, alpha: float = 1.0) -> None:
        """The border of a rounded rectangle, inside its box."""
        x, y, wide, high = box
        self.tint(role, alpha)
        half = width / 2
        SmoothLine(
            rounded_rectangle=(x + half, y + half, wide - width, high - width, max(1.0, radius - half), 40),
            width=half,
        )

    def framed(
        self, box: Box, face: str | Rgb, border: str | Rgb, width: float, radius: float, alpha: float = 1.0
    ) -> None:
        """A rounded rectangle with a border: the border's colour, and the face within."""
        x, y, wide, high = box
        self.round(box, border, radius, alpha)
        self.round((x + width, y + width, wide - 2 * width, high - 2 * width), face, max(1.0, radius - width), alpha)

    def shadow(self, name: str, box: Box, radius: float) -> None:
        """The shadow under a thing; none in a plain theme."""
        if self.look.theme.plain:
            return
        told = tokens()["shadow"][name]
        x, y, wide, high = box
        radius = int(radius)
        # Nine parts need room: a low thing casts a tighter shadow.
        blur = int(max(2, min(self.look.px(told["blur"]), (min(wide, high) - 2 * radius) / 2 - 1)))
        drop = self.look.px(-told["offset"][1])
        self.tint(rgb(told["color"]), told["alpha"])
        edge = blur + radius + blur
        # The square of the mask reaches one blur beyond the thing on every side.
        BorderImage(
            texture=_shadow(radius, blur),
            pos=(x - blur, y - blur - drop),
            size=(wide + 2 * blur, high + 2 * blur),
            border=(edge, edge, edge, edge),
        )

    def diamond(self, x: float, y: float, half: float, role: str | Rgb, alpha: float = 1.0) -> None:
        """An upright diamond around a point."""
        side = max(2, round(2 * half))
        self._drawing(_DIAMOND, (x - side / 2, y - side / 2, side, side), role, role, alpha)

    def diamond_outline(self, x: float, y: float, half: float, role: str | Rgb, width: float) -> None:
        """The outline of a diamond around a point."""
        side = max(2, round(2 * half))
        drawing = _outline(round(64 * width / side, 1))
        self._drawing(drawing, (x - side / 2, y - side / 2, side, side), role, role, 1.0)

    def icon(
        self,
        name: str,
        x: float,
        y: float,
        side: float,
        role: str | Rgb = "text",
        on: str | Rgb = "ground",
        alpha: float = 1.0,
    ) -> None:
        """A drawn icon or a glyph, ``side`` high, its middle at (x, y). ``on`` is the colour of what lies on it."""
        if name in shapes.ICONS:
            self._drawing(shapes.ICONS[name], (x - side / 2, y - side / 2, side, side), role, on, alpha)
            return
        if name in shapes.PICTURES:
            self.picture(name, (x - side / 2, y - side / 2, side, side), role, on, alpha)
            return
        texture = _glyph(name, int(side))
        self.tint(role, alpha)
        where = (round(x - texture.width / 2), round(y - texture.height / 2))
        Rectangle(texture=texture, pos=where, size=texture.size)

    def picture(
        self, name: str, box: Box, role: str | Rgb = "text", on: str | Rgb = "ground", alpha: float = 1.0
    ) -> None:
        """A drawing, as large as the box allows, in its middle."""
        drawing = shapes.PICTURES[name]
        x, y, wide, high = box
        part = min(wide / drawing.width, high / drawing.height)
        width, height = drawing.width * part, drawing.height * part
        self._drawing(drawing, (x + (wide - width) / 2, y + (high - height) / 2, width, height), role, on, alpha)

    def _drawing(self, drawing: shapes.Drawing, box: Box, role: str | Rgb, on: str | Rgb, alpha: float) -> None:
        x, y, width, height = (round(box[0]), round(box[1]), max(2, round(box[2])), max(2, round(box[3])))
        for number, layer in enumerate(drawing.layers):
            self.tint({"*": role, "+": on}.get(layer.role, layer.role), alpha)
            texture, right, up = _mask(drawing, number, width, height)
            Rectangle(texture=texture, pos=(x + right, y + up), size=texture.size)

    def hem(self, pattern: str, x: float, y: float, width: float, cell: int) -> float:
        """A strip of brocade with its lower edge at ``y``; gives back how high it is. Nothing in a plain theme."""
        texture, woven = _weave(pattern)
        height = woven.rows * cell
        if not self.look.theme.plain:
            left, right = brocade.repeats(width, cell, woven.columns)
            Color(1, 1, 1, 1)
            coords = (left, 0, right, 0, right, 1, left, 1)
            Rectangle(texture=texture, pos=(x, y), size=(width, height), tex_coords=coords)
        return float(height)

    def line(
        self, text: str, x: float, baseline: float, px: float, weight: int, role: str | Rgb, alpha: float = 1.0
    ) -> float:
        """One line of text from ``x`` on its baseline; gives back where it ends."""
        if not text:
            return x
        self.tint(role, alpha)
        end = x
        for texture, right, hang in _text(text, weight, int(px)):
            Rectangle(texture=texture, pos=(round(x + right), round(baseline - hang)), size=texture.size)
            end = x + right + texture.width
        return end

    def text(
        self,
        text: str,
        box: Box,
        px: float,
        weight: int = 500,
        role: str | Rgb = "text",
        *,
        most: int = 1,
        align: str = "left",
        valign: str = "middle",
        leading: float = 1.2,
        alpha: float = 1.0,
    ) -> float:
        """A text in a box, in at most so many lines; gives back the height from first capitals to last baseline.

        The capitals, not the boxes of the lines, are centred, so that labels look centred whatever marks they carry.
        """
        lines = lines_of(text, box[2], weight, int(px), most)
        return self.lines(lines, box, px, weight, role, align=align, valign=valign, leading=leading, alpha=alpha)

    def lines(
        self,
        lines: Sequence[str],
        box: Box,
        px: float,
        weight: int = 500,
        role: str | Rgb = "text",
        *,
        align: str = "left",
        valign: str = "middle",
        leading: float = 1.2,
        alpha: float = 1.0,
    ) -> float:
        """Lines that are already broken; see :meth:`text`."""
        x, y, wide, high = box
        cap = px * float(tokens()["type"]["cap_height"])
        step = round(px * leading)
        tall = cap + step * (len(lines) - 1)
        top = {"middle": y + (high + tall) / 2, "top": y + high, "bottom": y + tall}[valign]
        for number, line in enumerate(lines):
            width = text_width(line, weight, px)
            left = {"left": x, "center": x + (wide - width) / 2, "right": x + wide - width}[align]
            self.line(line, left, top - cap - number * step, px, weight, role, alpha)
        return tall if lines else 0.0


_DIAMOND = shapes.Drawing(64, 64, (shapes.Layer("*", (shapes.diamond(32, 32, 32),)),))


@cache
def _outline(width: float) -> shapes.Drawing:
    inset = width * 0.75
    points = ((32, inset), (64 - inset, 32), (32, 64 - inset), (inset, 32))
    return shapes.Drawing(64, 64, (shapes.Layer("*", (shapes.Line(points, width, closed=True),)),))


class turned:  # noqa: N801 (used as `with turned(…)`)
    """What is laid inside is turned by degrees counter-clockwise, and scaled, about a point."""

    def __init__(self, x: float, y: float, degrees: float, scale: float = 1.0) -> None:
        self._told = (x, y, degrees, scale)

    def __enter__(self) -> None:
        x, y, degrees, scale = self._told
        PushMatrix()
        Rotate(angle=degrees, origin=(x, y))
        Scale(scale, scale, 1, origin=(x, y))

    def __exit__(self, *_: object) -> None:
        PopMatrix()
