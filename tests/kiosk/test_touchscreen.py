"""What a kiosk's settings say of its screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.devices import DEVICES_FILE
from config.loader import write_toml
from config.station import STATION_FILE
from kiosk.doctor import examine
from sync.store.files import Level


def _letters(home: Path, **settings: object) -> tuple[Level, str]:
    (home / DEVICES_FILE).write_text("", "utf-8")
    write_toml(home / STATION_FILE, settings)
    found = next(f for f in examine(home) if f.code == "screen")
    return found.level, found.phrase.en


@pytest.mark.parametrize(("screen", "inches"), [("portrait", 21.5), ("landscape", 21.5), ("small", 10.1)])
def test_letters_are_large_enough_on_the_screens_that_are_supported(home: Path, screen: str, inches: float) -> None:
    assert _letters(home, screen=screen, screen_inches=inches)[0] is Level.OK


def test_the_doctor_says_when_a_screen_is_too_small_for_its_readers(home: Path) -> None:
    level, said = _letters(home, screen="small", screen_inches=7.0)
    assert level is Level.NOTICE
    assert "Use a larger screen" in said


def test_a_desk_without_devices_has_no_screen_to_judge(home: Path) -> None:
    assert not any(f.code == "screen" for f in examine(home))
