"""Every screen looks as it did when somebody last looked at it."""

from __future__ import annotations

import dataclasses

import pytest
from PIL import Image

from kiosk.screens.surface import kivy_is_installed

if not kivy_is_installed():
    pytest.skip("The screens need Kivy: pip install 'tramsach[kiosk]'.", allow_module_level=True)

from kiosk.screens.gallery import Studio, dressed
from kiosk.screens.samples import VIEWS
from kiosk.views import AttractView, BorrowView, View
from tests.kiosk.screens.pictures import GOLDEN, PATCH, WHOLE, apart, chosen, draw

ALL = {name: (view, size) for name, view, size in chosen()}
UPRIGHT, SMALL = (1080, 1920), (1024, 600)


@pytest.fixture(scope="session")
def studio() -> Studio:
    """Draws without a screen, once started."""
    return Studio()


@pytest.mark.parametrize("name", ALL)
def test_a_screen_looks_as_recorded(studio: Studio, name: str) -> None:
    path = GOLDEN / f"{name}.png"
    assert path.is_file(), "Not recorded yet: python -m tests.kiosk.screens.record"
    whole, patch = apart(draw(studio, *ALL[name]), Image.open(path).convert("RGB"))
    assert whole < WHOLE, f"{name} differs by {whole:.2f} on the whole"
    assert patch < PATCH, f"{name} differs by {patch:.0f} in one place"


def test_no_recorded_picture_is_of_a_screen_that_is_no_more() -> None:
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(ALL)


def test_a_missing_row_or_a_wrong_colour_would_be_seen(studio: Studio) -> None:
    view = VIEWS["borrow"]
    body = view.body
    assert isinstance(body, BorrowView)
    good = draw(studio, view, UPRIGHT)
    fewer = draw(studio, dataclasses.replace(view, body=dataclasses.replace(body, rows=body.rows[:-1])), UPRIGHT)
    assert apart(good, fewer)[1] > PATCH
    other_cloth = (*body.rows[:-1], dataclasses.replace(body.rows[-1], cloth=4))
    recoloured = draw(studio, dataclasses.replace(view, body=dataclasses.replace(body, rows=other_cloth)), UPRIGHT)
    assert apart(good, recoloured)[1] > PATCH


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (dressed(VIEWS["borrow"], "light", "vi"), dressed(VIEWS["borrow"], "contrast", "vi")),
        (dressed(VIEWS["account"], "contrast", "vi"), dressed(VIEWS["account"], "light", "en")),
        (dressed(VIEWS["borrow-twenty"], "light", "vi"), VIEWS["borrow-one"]),
        (dressed(VIEWS["attract"], "light", "vi"), dressed(VIEWS["attract"], "light", "en")),
        (VIEWS["borrow"], VIEWS["offline"]),
        (VIEWS["timeout"], VIEWS["borrow"]),
        (dressed(VIEWS["borrow"], "reachable", "vi"), VIEWS["borrow"]),
        (VIEWS["pin"], VIEWS["pin-wrong"]),
        (VIEWS["done"], VIEWS["done-return"]),
    ],
)
def test_a_screen_that_changed_looks_like_one_that_began_so(studio: Studio, before: View, after: View) -> None:
    kiosk = studio.root(before, UPRIGHT)
    kiosk.show(after)
    texture = kiosk.export_as_image().texture
    changed = Image.frombytes("RGBA", texture.size, texture.pixels).convert("RGB")
    small = changed.resize((UPRIGHT[0] // 8, UPRIGHT[1] // 8), Image.Resampling.BOX)
    assert apart(small, draw(studio, after, UPRIGHT)) == (0.0, 0.0)


def test_a_kiosk_that_changes_its_size_changes_its_shape(studio: Studio) -> None:
    kiosk = studio.root(VIEWS["borrow"], UPRIGHT)
    kiosk.size = SMALL
    texture = kiosk.export_as_image().texture
    changed = Image.frombytes("RGBA", texture.size, texture.pixels).convert("RGB")
    small = changed.resize((SMALL[0] // 8, SMALL[1] // 8), Image.Resampling.BOX)
    assert apart(small, draw(studio, VIEWS["borrow"], SMALL)) == (0.0, 0.0)


def test_a_book_that_stays_keeps_its_place_in_the_pile(studio: Studio) -> None:
    kiosk = studio.root(VIEWS["borrow"], UPRIGHT)
    pile = kiosk.page.ids.pile
    before = {spine.entry.key: spine for spine in pile.children}
    kiosk.show(VIEWS["borrow-one"])
    after = {spine.entry.key: spine for spine in pile.children}
    assert set(after) == {"TN00000"}
    assert after["TN00000"] is before["TN00000"]


def test_the_pixels_of_a_readers_texts_are_forgotten_when_the_first_screen_returns(studio: Studio) -> None:
    from kiosk.screens import paint  # noqa: PLC0415 (Kivy is prepared by the studio)

    kiosk = studio.root(VIEWS["borrow"], UPRIGHT)
    assert any("Truyện Kiều" in text for text in paint.kept_texts())
    kiosk.show(VIEWS["attract"])
    assert isinstance(VIEWS["attract"].body, AttractView)
    kept = paint.kept_texts()
    assert not any("Nguyễn" in text or "4821" in text or "Tô Hoài" in text for text in kept)


@pytest.mark.usefixtures("studio")
def test_titles_in_other_scripts_leave_no_empty_box() -> None:
    from kiosk.screens import paint  # noqa: PLC0415 (Kivy is prepared by the studio)

    for text in ("漢越詞典", "한국어 문법", "Ộp ★ № 7 → phần", "かな", "𡨸喃"):
        for run in paint.runs_of(text, 600):
            assert all(letter.isspace() or letter in run.face.coverage for letter in run.text)


def test_an_equal_view_draws_nothing(studio: Studio) -> None:
    kiosk = studio.root(VIEWS["borrow"], UPRIGHT)
    page = kiosk.page
    kiosk.show(dataclasses.replace(VIEWS["borrow"]))
    assert kiosk.page is page
