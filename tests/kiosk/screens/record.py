"""Draws the golden screens anew: ``python -m tests.kiosk.screens.record``. Look at them before they are committed."""

from __future__ import annotations

import sys

from PIL import Image

from kiosk.screens.gallery import Studio
from tests.kiosk.screens.pictures import GOLDEN, PATCH, WHOLE, apart, chosen, draw


def main() -> None:
    """Write those that changed, and drop those that are no more."""
    GOLDEN.mkdir(exist_ok=True)
    studio, kept = Studio(), set()
    for name, view, size in chosen():
        path = GOLDEN / f"{name}.png"
        kept.add(path)
        now = draw(studio, view, size)
        if path.is_file():
            whole, patch = apart(now, Image.open(path).convert("RGB"))
            if whole < WHOLE / 4 and patch < PATCH / 4:
                continue
        now.save(path, optimize=True)
        sys.stdout.write(f"{path.name}\n")
    for path in set(GOLDEN.glob("*.png")) - kept:
        path.unlink()


if __name__ == "__main__":
    main()
