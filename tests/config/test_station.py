"""A station's settings: defaults that work, profiles that ship, and a file of one's own above both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from config.loader import PRODUCT_DEFAULTS, Built, Problems, build, dump, read_toml, write_toml
from config.station import STATION_FILE, Station, home_folder, load_station
from sync.circulation.model import ServiceMode

STATIONS = Path(__file__).parents[2] / "config" / "stations"
PROFILES = sorted(file.stem for file in STATIONS.glob("*.toml"))


def loaded(home: Path) -> Built[Station]:
    outcome = load_station(home)
    assert isinstance(outcome, Built), outcome.say("en")
    return outcome


def keys_refused(home: Path) -> list[str]:
    outcome = load_station(home)
    assert isinstance(outcome, Problems)
    assert {problem.source for problem in outcome} == {STATION_FILE}
    return [problem.key for problem in outcome]


def test_a_folder_without_settings_is_a_desk_by_default(home: Path) -> None:
    outcome = loaded(home)
    assert outcome.value == Station()
    assert set(outcome.origin.values()) == {PRODUCT_DEFAULTS}
    assert loaded(home / "not there yet").value == Station()


def test_the_station_stands_above_its_profile_and_the_profile_above_the_defaults(home: Path) -> None:
    (home / STATION_FILE).write_text('profile = "demo"\nlanguage = "en"\nactor = "Bàn mượn"\n', encoding="utf-8")
    outcome = loaded(home)
    assert (outcome.value.language, outcome.value.actor, outcome.value.epoch) == ("en", "Bàn mượn", 1)
    assert outcome.value.station == "DEMO-D01"
    assert {key: outcome.origin[key] for key in ("language", "actor", "station", "epoch")} == {
        "language": STATION_FILE,
        "actor": STATION_FILE,
        "station": "demo.toml",
        "epoch": PRODUCT_DEFAULTS,
    }


def test_all_mistakes_of_a_station_file_are_reported_together(home: Path) -> None:
    (home / STATION_FILE).write_text(
        'station = "TN K01"\nbranch = ""\nlanguage = "fr"\nprofile = "dessk"\nepoch = 0\nactor = "a\\nb"\n'
        'servicemode = "on_site"\nlog_level = "loud"\n',
        encoding="utf-8",
    )
    keys = ["station", "branch", "language", "profile", "epoch", "actor", "servicemode", "log_level"]
    assert keys_refused(home) == keys
    outcome = load_station(home)
    assert isinstance(outcome, Problems)
    assert "Bạn muốn viết 'desk'?" in outcome.say("vi")
    assert "Did you mean 'service_mode'?" in outcome.say("en")


@pytest.mark.parametrize("profile", ["../station", "/etc/passwd", "", "desk.toml", "DESK"])
def test_a_profile_that_does_not_ship_is_refused(home: Path, profile: str) -> None:
    assert write_toml(home / STATION_FILE, {"profile": profile}) is None
    assert keys_refused(home) == ["profile"]


@pytest.mark.parametrize(
    ("code", "good"),
    [
        ("TN-K01", True),
        ("1", True),
        ("a" * 32, True),
        ("a" * 33, False),
        ("-K01", False),
        ("K01-", False),
        ("TN_K01", False),
        ("TÂN-K01", False),
        ("TN-K٠١", False),
        ("TN-K01\n", True),  # white space around a text is never meant
    ],
)
def test_a_station_is_named_by_letters_digits_and_hyphens(code: str, good: bool) -> None:
    for name in ("station", "branch"):
        assert isinstance(build(Station, {name: code}), Built) is good


def test_a_file_that_is_no_toml_is_one_problem(home: Path) -> None:
    (home / STATION_FILE).write_bytes(b"station = TN-K01\n")
    assert keys_refused(home) == [""]


def test_a_file_that_is_there_and_cannot_be_read_is_not_taken_for_absent(home: Path) -> None:
    (home / STATION_FILE).mkdir()
    assert keys_refused(home) == [""]
    (home / STATION_FILE).rmdir()
    if os.name != "nt":
        (home / STATION_FILE).symlink_to(home / "gone.toml")
        assert keys_refused(home) == [""]


def test_a_station_file_that_was_written_loads_the_same(home: Path) -> None:
    station = Station(station="TN-K01", branch="TN-HT", language="en", epoch=3, actor="Quầy 1", service_mode="mobile")
    assert write_toml(home / STATION_FILE, dump(station)) is None
    assert loaded(home).value == station


@pytest.mark.parametrize("profile", PROFILES)
def test_a_shipped_profile_is_good_and_says_only_what_differs(profile: str) -> None:
    values = read_toml(STATIONS / f"{profile}.toml")
    assert isinstance(values, dict)
    assert isinstance(build(Station, values), Built)
    assert not values.keys() & {"profile", "epoch"}
    defaults = dump(Station())
    assert not [key for key, value in values.items() if defaults[key] == value]


def test_the_profiles_that_can_be_chosen_are_those_that_ship() -> None:
    assert sorted(get_args(get_type_hints(Station)["profile"])) == PROFILES


def test_the_service_modes_are_those_of_circulation() -> None:
    assert set(get_args(get_type_hints(Station)["service_mode"])) == {mode.value for mode in ServiceMode}


def test_the_folder_is_the_one_named_then_the_environment_then_the_persons_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home_folder(tmp_path) == tmp_path
    assert home_folder() == home
    monkeypatch.chdir(tmp_path)
    assert home_folder(Path("here")) == tmp_path / "here"
    monkeypatch.setenv("TRAMSACH_HOME", "there")
    assert home_folder() == tmp_path / "there"
    for nothing in ("", None):
        if nothing is None:
            monkeypatch.delenv("TRAMSACH_HOME")
        else:
            monkeypatch.setenv("TRAMSACH_HOME", nothing)
        assert home_folder().is_absolute()
        assert home_folder().name == "tramsach"
