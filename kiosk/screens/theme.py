"""Tokens to values: colours by role, sizes by profile, zones by template, and what all of it measures in millimetres.

The numbers stand in ``tokens.json``, a copy of the visual language's own. A :class:`Look` is everything a widget must
know to draw itself; it is a value, and a change of theme, size or profile is another Look. Lengths are pixels of the
reference screen until :meth:`Look.px` scales them; zones have their origin at the lower left, as Kivy does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

Rgb = tuple[float, float, float]
Box = tuple[float, float, float, float]

TOKENS = Path(__file__).with_name("tokens.json")
#: Weights of the typeface by number, as the files are called.
WEIGHTS = {400: "Regular", 500: "Medium", 600: "SemiBold", 700: "Bold", 800: "ExtraBold"}
INCH_MM = 25.4
#: Capital letters must fill this angle at the reading distance (EN 301 549, 5.1.4).
CAP_HEIGHT_DEG = 0.7
#: How far a reader's eye is from each screen, in millimetres: standing at a kiosk; sitting at a desk.
READING_MM = {"portrait": 600, "landscape": 600, "small": 405}


@cache
def tokens() -> Mapping[str, Any]:
    """The tokens as they stand in the file."""
    loaded: dict[str, Any] = json.loads(TOKENS.read_text("utf-8"))
    return loaded


def rgb(value: str) -> Rgb:
    """``#RRGGBB`` as three numbers from 0 to 1."""
    return (int(value[1:3], 16) / 255, int(value[3:5], 16) / 255, int(value[5:7], 16) / 255)


def _luminance(colour: Rgb) -> float:
    red, green, blue = ((c / 12.92) if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2 relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


#: Roles that the visual language describes in its text and that a theme needs as colours of their own:
#: name, light token, high-contrast colour.
_FURTHER_ROLES: tuple[tuple[str, str, str], ...] = (
    ("sky", "indigo_800", "#000000"),
    ("sky_text", "paper_raised", "#FFFFFF"),
    ("sky_accent", "gold_200", "#FFD60A"),
    ("staff_header", "charcoal", "#000000"),
    ("chip", "indigo_700", "#000000"),
    ("chip_border", "indigo_400", "#FFFFFF"),
    ("chip_icon", "paper_raised", "#FFD60A"),
    ("mark_roof", "gold_400", "#FFD60A"),
    ("mark_books", "paper_raised", "#FFFFFF"),
    ("indigo_face", "indigo_700", "#FFD60A"),
    ("indigo_edge", "indigo_900", "#B98F00"),
    ("indigo_text", "paper_raised", "#000000"),
    ("danger_face", "paper_raised", "#000000"),
    ("danger_edge", "lacquer_700", "#FF9C8A"),
    ("child_edge", "lotus_800", "#B98F00"),
    ("key_face", "paper_raised", "#000000"),
    ("key_edge", "line", "#FFFFFF"),
    ("key_text", "ink", "#FFFFFF"),
    ("function_face", "indigo_100", "#1A1A1A"),
    ("function_edge", "indigo_500", "#FFFFFF"),
    ("function_text", "indigo_700", "#FFFFFF"),
    ("step_done_on_header", "tea_500", "#6EE7A0"),
    ("step_current_on_header", "gold_400", "#FFD60A"),
    ("step_todo_on_header", "indigo_150", "#FFFFFF"),
    ("on_step_done", "paper_raised", "#000000"),
    ("on_step_current", "paper_raised", "#000000"),
    ("on_step_current_header", "ink", "#000000"),
    ("connector_todo", "line", "#8C8C8C"),
    ("slab_edge", "slab_edge", "#000000"),
    ("slab_text", "paper_raised", "#FFFFFF"),
    ("slab_accent", "gold_200", "#FFD60A"),
    ("tool_active", "indigo_700", "#FFD60A"),
    ("on_tool_active", "paper_raised", "#000000"),
    ("reading_pale", "indigo_200", "#8C8C8C"),
    ("sign_mark", "gold_400", "#FFD60A"),
    ("on_sign_mark", "ink", "#000000"),
    ("warning_bar", "gold_400", "#FFD60A"),
    ("slip_line", "indigo_200", "#8C8C8C"),
    ("pin_border", "indigo_700", "#FFFFFF"),
    ("pin_border_todo", "line", "#8C8C8C"),
    ("banner_icon", "gold_800", "#000000"),
    ("toast_icon", "gold_400", "#FFD60A"),
    ("countdown_off_border", "hair", "#8C8C8C"),
    ("thing", "indigo_700", "#4D4D4D"),
    ("thing_dark", "indigo_800", "#8C8C8C"),
    ("thing_darkest", "slab_edge", "#000000"),
    ("thing_paper", "paper_raised", "#E6E6E6"),
    ("thing_mark", "paper_raised", "#FFFFFF"),
    ("thing_pale", "indigo_200", "#8C8C8C"),
    ("thing_palest", "indigo_100", "#B3B3B3"),
    ("thing_ink", "ink", "#000000"),
    ("thing_teal", "cloth_6", "#8C8C8C"),
    ("thing_plum", "cloth_3", "#B3B3B3"),
    ("thing_band", "band", "#FFFFFF"),
    ("wood", "cloth_4", "#8C8C8C"),
    ("diamond_1", "persimmon_500", "#FFFFFF"),
    ("diamond_2", "gold_400", "#FFFFFF"),
    ("diamond_3", "tea_700", "#4D4D4D"),
)
#: Colours of drawings that stand for nothing else: name, light, high contrast.
_DRAWN = (
    ("skin", "#E9C39B", "#E6E6E6"),
    ("hair", "#1A2140", "#8C8C8C"),
    ("wood_dark", "#55361F", "#4D4D4D"),
)
#: What a role becomes on a child's card: the main button and the headline take the lotus accent.
_CHILD_ROLES = {
    "primary_face": "child",
    "primary_edge": "child_edge",
    "primary_text": "on_child",
    "headline": "child",
}


@dataclass(frozen=True)
class Theme:
    """One set of colours. ``plain`` means no ornament, no shadow, no scenery: the high-contrast theme."""

    name: str
    roles: Mapping[str, Rgb]
    plain: bool

    def __getitem__(self, role: str) -> Rgb:
        return self.roles[role]


@cache
def theme(high_contrast: bool, child: bool = False) -> Theme:
    """The light or the high-contrast theme, with a child's accents if asked."""
    colour = tokens()["color"]
    light: dict[str, str] = colour["light"]
    roles: dict[str, Rgb] = {}
    if high_contrast:
        roles.update({role: rgb(value) for role, value in colour["high_contrast_roles"].items()})
        roles.update({role: rgb(value) for role, _token, value in _FURTHER_ROLES})
        roles.update({role: rgb(value) for role, _light, value in _DRAWN})
        roles.update({f"cloth_{n}": roles["spine"] for n in range(1, 7)})
    else:
        for role, token in colour["light_roles"].items():
            if token is not None and ".." not in token:
                roles[role] = rgb(light[token])
        roles.update({role: rgb(light[token]) for role, token, _value in _FURTHER_ROLES})
        roles.update({role: rgb(value) for role, value, _contrast in _DRAWN})
        roles.update({f"cloth_{n}": rgb(light[f"cloth_{n}"]) for n in range(1, 7)})
    roles["headline"] = roles["text"]
    if child:
        roles.update({role: roles[accent] for role, accent in _CHILD_ROLES.items()})
    return Theme("high_contrast" if high_contrast else "light", roles, high_contrast)


@dataclass(frozen=True)
class Profile:
    """One of the three shapes of screen, with its sizes in reference pixels."""

    name: str
    sizes: Mapping[str, Any]

    @property
    def width(self) -> int:
        """Reference width in pixels."""
        return int(self.sizes["width"])

    @property
    def height(self) -> int:
        """Reference height in pixels."""
        return int(self.sizes["height"])

    def step(self, name: str) -> float:
        """The size of a step of the type scale."""
        override = self.sizes.get("scale_override", {})
        if name in override:
            return float(override[name])
        if name == "display" and self.name == "landscape":
            return 104.0  # half the width is the words' own there
        return float(tokens()["type"]["scale"][name]["px"]) * float(self.sizes["type"])

    def space(self, px: float) -> float:
        """A distance of the reference screen as this profile spaces it."""
        return px * float(self.sizes["space"])


@cache
def profile(name: str) -> Profile:
    """``portrait``, ``landscape`` or ``small``. Raises ``KeyError`` for another name."""
    return Profile(name, tokens()["profiles"][name])


PROFILES = ("portrait", "landscape", "small")


def profile_for(width: float, height: float) -> Profile:
    """The shape that a screen of this many pixels is: upright, wide, or wide with few pixels."""
    if height > width:
        return profile("portrait")
    return profile("landscape" if height >= 840 else "small")


def millimetres(px: float, width_px: float, height_px: float, diagonal_inch: float) -> float:
    """What a length in pixels measures on a panel of this diagonal."""
    return px * diagonal_inch * INCH_MM / math.hypot(width_px, height_px)


def cap_height_mm(step_px: float, width_px: float, height_px: float, diagonal_inch: float) -> float:
    """The height of a capital letter set at this size, on a panel of this diagonal."""
    return millimetres(step_px * float(tokens()["type"]["cap_height"]), width_px, height_px, diagonal_inch)


def cap_height_needed_mm(distance_mm: float) -> float:
    """The least height of a capital letter for a reader at this distance (EN 301 549, 5.1.4)."""
    return distance_mm * math.radians(CAP_HEIGHT_DEG)


@dataclass(frozen=True)
class Look:
    """What a widget must know to draw itself: colours, sizes, where zones lie, and which motion is wanted.

    ``width`` and ``height`` are the pixels there really are; ``banner`` says that the offline line takes its place from
    the body; ``reduced`` that things fade instead of moving.
    """

    width: float
    height: float
    theme: Theme
    profile: Profile
    banner: bool = False
    reduced: bool = False
    reachable: bool = False

    @cached_property
    def scale(self) -> float:
        """Real pixels for one reference pixel."""
        return min(self.width / self.profile.width, self.height / self.profile.height)

    @property
    def portrait(self) -> bool:
        """Whether the screen stands upright."""
        return self.profile.name == "portrait"

    @property
    def small(self) -> bool:
        """Whether this is the 10-inch screen."""
        return self.profile.name == "small"

    def px(self, length: float) -> float:
        """A reference length in real pixels, whole ones so that edges stay sharp; never nothing."""
        return max(1.0, float(round(length * self.scale))) if length else 0.0

    def space(self, name: str) -> float:
        """A step of the space scale in real pixels."""
        return self.px(self.profile.space(float(tokens()["space"][name])))

    def step(self, name: str) -> float:
        """A step of the type scale in real pixels."""
        return self.px(self.profile.step(name))

    def size(self, name: str) -> float:
        """A size named in the profile (``row``, ``header`` …) in real pixels."""
        return self.px(float(self.profile.sizes[name]))

    def radius(self, name: str) -> float:
        """A corner in real pixels."""
        factor = 0.6 if self.small else 1.0
        return self.px(float(tokens()["radius"][name]) * factor)

    def stroke(self, name: str) -> float:
        """A line's width in real pixels."""
        return self.px(float(tokens()["stroke"][name]))

    @property
    def control(self) -> float:
        """The width of a control's border."""
        return self.stroke("control_high_contrast" if self.theme.plain else "control")

    def zone(self, template: str, name: str) -> Box:
        """A zone as (x, y, width, height); nothing at all, (0, 0, 0, 0), where the template has no such zone."""
        rect = tokens()["layout"][template][self.profile.name].get(name)
        return (0.0, 0.0, 0.0, 0.0) if rect is None else self.rect(*rect)

    def rect(self, left: float, top: float, right: float, bottom: float) -> Box:
        """Per cent of the screen, from the upper left, as (x, y, width, height) in real pixels."""
        if self.banner:
            top, bottom = (self._below_banner(y, left) for y in (top, bottom))
        x, right_px = round(left * self.width / 100), round(right * self.width / 100)
        upper, lower = round(top * self.height / 100), round(bottom * self.height / 100)
        return (float(x), self.height - lower, float(right_px - x), float(lower - upper))

    def _below_banner(self, y: float, left: float) -> float:
        """Where a height goes when the banner pushes the body down: squeezed between banner and dock."""
        begin, end, banner_left, thick = {
            "portrait": (8.8, 81.0, 0.0, 5.0),
            "landscape": (12.5, 90.4, 33.3, 7.4),
            "small": (13.7, 88.0, 0.0, 9.4),
        }[self.profile.name]
        if left < banner_left or not begin < y < end:
            return y
        return begin + thick + (y - begin) * (end - begin - thick) / (end - begin)

    def motion(self, name: str) -> Mapping[str, Any]:
        """How a movement goes: ``ms``, ``ease`` and what else the tokens say of it."""
        chosen: Mapping[str, Any] = tokens()["motion"]["reduced" if self.reduced else "full"][name]
        return chosen
