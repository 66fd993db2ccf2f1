"""Pictures of every screen, to look at and for the README: ``python -m kiosk.screens.gallery --out DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from kiosk.screens.samples import VIEWS
from kiosk.screens.surface import prepare
from kiosk.screens.theme import PROFILES, profile
from kiosk.views import View

THEMES = ("light", "contrast", "reachable")


def dressed(view: View, theme: str, language: str) -> View:
    """A sample in a theme and a language."""
    return replace(view, high_contrast=theme == "contrast", reachable=theme == "reachable", language=language)


class Studio:
    """Draws views without a screen. Kivy starts with the first one and stays for the process."""

    def __init__(self) -> None:
        largest = max((profile(name).width, profile(name).height) for name in PROFILES)
        prepare(*largest, offscreen=True)
        from kiosk.screens.root import KioskRoot  # noqa: PLC0415 (Kivy must be prepared first)

        self._kiosk = KioskRoot

    def root(self, view: View, size: tuple[int, int]) -> Any:
        """A kiosk of this size that shows a view and does not move."""
        kiosk = self._kiosk(size=size, size_hint=(None, None), still=True)
        kiosk.show(view)
        return kiosk

    def picture(self, view: View, size: tuple[int, int], path: Path) -> None:
        """Write a view's picture as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.root(view, size).export_to_png(str(path))


def chosen(
    profiles: list[str], themes: list[str], languages: list[str], names: list[str]
) -> Iterator[tuple[str, View, tuple[int, int]]]:
    """Names, views and sizes of the pictures asked for; a sample counts by the beginning of its name."""
    for name, view in VIEWS.items():
        if names and name not in names:
            continue
        for shape in profiles:
            for theme in themes:
                for language in languages:
                    told = profile(shape)
                    yield (
                        f"{name}-{shape}-{theme}-{language}",
                        dressed(view, theme, language),
                        (told.width, told.height),
                    )


def main() -> None:
    """Render what the arguments ask for; everything, without any."""
    parser = argparse.ArgumentParser(prog="python -m kiosk.screens.gallery", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the PNG files")
    parser.add_argument("--profile", action="append", choices=PROFILES, help="shape of the screen")
    parser.add_argument("--theme", action="append", choices=THEMES, help="light, contrast, or reachable mode")
    parser.add_argument("--lang", action="append", choices=("vi", "en"), help="language")
    parser.add_argument("--only", action="append", choices=tuple(VIEWS), help="one screen")
    asked = parser.parse_args()
    studio = Studio()
    for name, view, size in chosen(
        asked.profile or list(PROFILES), asked.theme or list(THEMES), asked.lang or ["vi", "en"], asked.only or []
    ):
        studio.picture(view, size, asked.out / f"{name}.png")


if __name__ == "__main__":
    main()
