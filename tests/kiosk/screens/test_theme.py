"""Colours that can be told apart and letters that can be read: computed from the tokens."""

import itertools
import json

import pytest

from kiosk.screens.theme import (
    PROFILES,
    READING_MM,
    Look,
    cap_height_mm,
    cap_height_needed_mm,
    contrast,
    millimetres,
    profile,
    profile_for,
    rgb,
    theme,
    tokens,
)

THEMES = {"light": theme(False), "high contrast": theme(True), "child": theme(False, True), "both": theme(True, True)}
#: Text roles with every ground they are set on.
TEXTS: dict[str, tuple[str, ...]] = {
    "text": (
        "ground", "surface", "well", "reading_ground", "refused_ground", "warning_ground", "ok_ground", "label_ground",
    ),
    "text_soft": ("ground", "surface"),
    "headline": ("ground", "well"),
    "reading": ("ground", "surface", "reading_ground", "label_ground"),
    "ok": ("ground", "surface", "label_ground", "ok_ground"),
    "refused": ("ground", "surface", "refused_ground"),
    "warning": ("surface", "warning_ground"),
    "header_text": ("header", "staff_header", "chip"),
    "header_text_soft": ("header", "staff_header", "chip"),
    "sky_text": ("sky",),
    "sky_accent": ("sky",),
    "primary_text": ("primary_face",),
    "secondary_text": ("secondary_face",),
    "indigo_text": ("indigo_face",),
    "danger_text": ("danger_face",),
    "key_text": ("key_face",),
    "function_text": ("function_face",),
    "quiet_text": ("ground", "well", "reading_ground"),
    "on_tool_active": ("tool_active",),
    "slab_text": ("pad_slab",),
    "slab_accent": ("pad_slab",),
    "toast_text": ("toast_ground",),
    "banner_text": ("banner_ground",),
    "spine_text": tuple(f"cloth_{n}" for n in range(1, 7)),
    "spine_text_soft": tuple(f"cloth_{n}" for n in range(1, 7)),
    "on_step_current": ("step_current",),
    "on_step_current_header": ("step_current_on_header",),
    "step_todo_on_header": ("header",),
}  # fmt: skip
#: Marks and borders of controls, with what they stand against.
CONTROLS: dict[str, tuple[str, ...]] = {
    "control_border": ("ground", "surface", "reading_ground"),
    "secondary_border": ("ground", "well", "surface"),
    "secondary_edge": ("ground", "well"),
    "primary_face": ("ground", "well"),
    "indigo_face": ("ground", "well"),
    "danger_border": ("ground",),
    "key_edge": ("well",),
    "function_edge": ("well",),
    "chip_border": ("header",),
    "pin_border": ("ground", "surface"),
    "pin_border_todo": ("ground",),
    "step_done": ("ground",),
    "step_current": ("ground",),
    "step_todo": ("ground",),
    "step_done_on_header": ("header",),
    "step_current_on_header": ("header",),
    "pad_mark": ("pad_slab",),
    "toast_icon": ("toast_ground",),
    "banner_icon": ("banner_ground",),
    "on_ok": ("ok",),
    "on_refused": ("refused",),
    "on_warning": ("warning",),
    "on_sign_mark": ("sign_mark",),
    "on_step_done": ("step_done",),
    "countdown_on": ("ground",),
}


@pytest.mark.parametrize("name", THEMES)
def test_every_text_can_be_read_on_every_ground_it_is_set_on(name: str) -> None:
    needed = 7.0 if THEMES[name].plain else 4.5
    for role, grounds in TEXTS.items():
        for ground in grounds:
            found = contrast(THEMES[name][role], THEMES[name][ground])
            assert found >= needed, f"{role} on {ground}: {found:.2f}"


@pytest.mark.parametrize("name", THEMES)
def test_every_control_and_mark_stands_out_from_its_ground(name: str) -> None:
    for role, grounds in CONTROLS.items():
        for ground in grounds:
            found = contrast(THEMES[name][role], THEMES[name][ground])
            assert found >= 3.0, f"{role} on {ground}: {found:.2f}"


def test_contrast_agrees_with_every_figure_the_visual_language_gives() -> None:
    light = tokens()["color"]["light"]
    plain = tokens()["color"]["high_contrast_roles"]
    for told in tokens()["color"]["contrast"]:
        colours = light if told["theme"] == "light" else plain
        found = contrast(rgb(colours[told["on"]]), rgb(colours[told["of"]]))
        assert found == pytest.approx(told["ratio"], abs=0.011)


def test_both_themes_know_the_same_roles() -> None:
    assert set(theme(False).roles) | {"spine", "spine_border", "header_rule", "pad_slab_border"} == set(
        theme(True).roles
    )


@pytest.mark.parametrize("name", PROFILES)
def test_every_text_needed_to_finish_is_tall_enough_for_where_its_reader_stands(name: str) -> None:
    told = profile(name)
    inches = told.sizes["diagonal_inch"]
    for step in ("giant", "display", "hero", "h1", "h1_small", "h2", "h3", "h4", "lead", "body"):
        tall = cap_height_mm(told.step(step), told.width, told.height, inches)
        assert tall >= cap_height_needed_mm(READING_MM[name]) - 0.005, step


@pytest.mark.parametrize("name", PROFILES)
def test_even_the_smallest_text_keeps_the_least_height_of_the_standard(name: str) -> None:
    told = profile(name)
    for step in ("small", "fine"):
        assert cap_height_mm(told.step(step), told.width, told.height, told.sizes["diagonal_inch"]) >= 4.79


@pytest.mark.parametrize("name", PROFILES)
def test_main_buttons_measure_twenty_millimetres_and_keys_fifteen(name: str) -> None:
    told = profile(name)

    def mm(px: float) -> float:
        return millimetres(px, told.width, told.height, told.sizes["diagonal_inch"])

    assert mm(told.sizes["main_button_used"]) >= 20
    assert mm(told.sizes["secondary_button_used"]) >= 20
    assert mm(min(told.sizes["key_used"])) >= 15
    assert mm(told.sizes["gap"]) >= 2.97
    look = Look(told.width, told.height, theme(False), told)
    assert mm(min(look.zone("keypad", "keypad")[3] / 4, look.zone("keypad", "keypad")[2] / 3)) >= 20
    assert mm(look.zone("frame", "tools")[3]) >= 15


@pytest.mark.parametrize(
    ("size", "name"), [((1080, 1920), "portrait"), ((1920, 1080), "landscape"), ((1024, 600), "small")]
)
def test_a_screen_is_known_by_its_own_size(size: tuple[int, int], name: str) -> None:
    assert profile_for(*size).name == name


def test_zones_lie_within_the_screen_and_turn_upside_up() -> None:
    for name, (template, zones) in itertools.product(PROFILES, tokens()["layout"].items()):
        if not isinstance(zones, dict):
            continue
        told = profile(name)
        look = Look(told.width, told.height, theme(False), told)
        for zone in zones[name]:
            x, y, wide, high = look.zone(template, zone)
            assert x >= 0, (template, zone)
            assert y >= 0, (template, zone)
            assert x + wide <= told.width, (template, zone)
            assert y + high <= told.height, (template, zone)
            assert wide > 0 < high, (template, zone)
    look = Look(1080, 1920, theme(False), profile("portrait"))
    assert look.zone("frame", "header")[1] > look.zone("frame", "tools")[1]


def test_the_banner_takes_its_room_from_the_body_and_leaves_the_dock_alone() -> None:
    plain = Look(1080, 1920, theme(False), profile("portrait"))
    told = Look(1080, 1920, theme(False), profile("portrait"), banner=True)
    assert told.zone("frame", "dock") == plain.zone("frame", "dock")
    assert told.zone("frame", "tools") == plain.zone("frame", "tools")
    _x, y, _wide, high = plain.zone("pile", "headline")
    _x, low, _wide, less = told.zone("pile", "headline")
    assert low + less < y + high


def test_a_look_scales_with_the_screen_and_nothing_becomes_invisible() -> None:
    half = Look(540, 960, theme(False), profile("portrait"))
    assert half.step("body") == 21
    assert half.px(1) == 1
    assert half.px(0) == 0


def test_the_tokens_are_those_of_the_visual_language(shared_data: object) -> None:
    from pathlib import Path  # noqa: PLC0415

    there = Path(str(shared_data)).parent / "screens" / "tokens.json"
    if not there.is_file():
        pytest.skip("The visual language does not lie beside the shared catalogues.")
    assert tokens() == json.loads(there.read_text("utf-8"))
