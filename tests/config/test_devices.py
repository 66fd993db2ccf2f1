"""``devices.toml``: what may stand there, and every mistake at once."""

from pathlib import Path

import pytest

from config.devices import DEVICES_FILE, Devices, DeviceSettings, load_devices
from config.loader import Built, Problems


def written(home: Path, text: str) -> Built[Devices] | Problems:
    (home / DEVICES_FILE).write_text(text, encoding="utf-8")
    return load_devices(home)


def test_a_station_without_the_file_has_no_devices(home: Path) -> None:
    built = load_devices(home)
    assert isinstance(built, Built)
    assert built.value == Devices()


def test_what_is_left_out_is_as_the_device_is_delivered(home: Path) -> None:
    built = written(home, '[[devices]]\nname = "pad"\ndriver = "feig"\nurl = "/dev/ttyUSB0"\n')
    assert isinstance(built, Built)
    (pad,) = built.value.devices
    assert pad == DeviceSettings("pad", "feig", "/dev/ttyUSB0")
    assert (pad.baud, pad.framing, pad.width, pad.cutter) == (None, None, None, True)
    assert (pad.security, pad.afi_secured, pad.afi_released, pad.check_digit) == ("afi", 0x07, 0xC2, "none")


def test_every_setting_can_be_written(home: Path) -> None:
    built = written(
        home,
        """
        [[devices]]
        name = "Đầu đọc bàn"
        driver = "acme-9"
        url = "COM3"
        serial = "A50285BI"
        baud = 19200
        framing = "8N1"
        width = 384
        cutter = false
        model = "POS-58"
        security = "both"
        afi_secured = 0xD7
        afi_released = 0xDA
        patron_prefix = "TN"
        item_prefix = "DK"
        check_digit = "mod43"
        """,
    )
    assert isinstance(built, Built)
    assert built.value.devices == (
        DeviceSettings(
            "Đầu đọc bàn", "acme-9", "COM3", "A50285BI", 19200, "8N1", 384, False, "POS-58", "both", 0xD7, 0xDA, "TN",
            "DK", "mod43",
        ),
    )  # fmt: skip


def test_a_device_that_is_found_by_its_driver_needs_no_address(home: Path) -> None:
    built = written(home, '[[devices]]\nname = "scanner"\ndriver = "wedge"\n')
    assert isinstance(built, Built)
    assert not built.value.devices[0].url


@pytest.mark.parametrize(
    ("line", "key", "en"),
    [
        ('driver = "FEIG"', "driver", "small letters"),
        ("baud = 1", "baud", "from 300 to 921600"),
        ('framing = "9N1"', "framing", "8N1, 8E1"),
        ("width = 100", "width", "from 360"),
        ("afi_secured = 256", "afi_secured", "from 0 to 255"),
        ('security = "no"', "security", "afi, eas, both"),
        ('check_digit = "mod11"', "check_digit", "mod10"),
        ('vidth = "1"', "vidth", "Did you mean 'width'?"),
    ],
)
def test_a_mistake_is_named_with_its_place(home: Path, line: str, key: str, en: str) -> None:
    driver = "" if line.startswith("driver") else 'driver = "feig"\n'
    problems = written(home, f'[[devices]]\nname = "pad"\nurl = "/dev/ttyUSB0"\n{driver}{line}\n')
    assert isinstance(problems, Problems)
    (problem,) = problems
    assert problem.key == f"devices[0].{key}"
    assert en in problem.say("en")


def test_marks_that_are_the_same_byte_and_names_used_twice_are_refused(home: Path) -> None:
    same = '[[devices]]\nname = "pad"\ndriver = "feig"\nurl = "COM3"\nafi_secured = 0xC2\n'
    problems = written(home, same)
    assert isinstance(problems, Problems)
    assert "must differ" in problems.say("en")
    problems = written(home, 2 * '[[devices]]\nname = "pad"\ndriver = "feig"\nurl = "COM3"\n')
    assert isinstance(problems, Problems)
    assert "'pad' is used twice" in problems.say("en")


def test_all_mistakes_are_named_at_once(home: Path) -> None:
    problems = written(home, '[[devices]]\nname = ""\ndriver = "Ü"\nbaud = 0\nframing = "x"\n')
    assert isinstance(problems, Problems)
    assert [problem.key.partition(".")[2] for problem in problems] == ["name", "driver", "baud", "framing"]
