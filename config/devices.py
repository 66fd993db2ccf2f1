"""The devices of a station: ``devices.toml`` of its folder.

```toml
[[devices]]
name = "pad"
driver = "feig"
url = "/dev/ttyUSB0"          # or socket://192.168.1.20:10001
serial = "A50285BI"           # found again by this when it comes back as ttyUSB1
```

Which drivers there are, and which of the settings here each of them heeds, is known to ``drivers/registry.py`` alone:
this room imports none of the others. ``tramsach devices probe`` writes such lines.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from config.loader import Built, Problems, build, read_toml
from config.phrase import Phrase, SettingError
from config.values import Between, OneLine, Pattern

#: The name of the file in a station's folder.
DEVICES_FILE = "devices.toml"

_DRIVER = Pattern(
    "[a-z][a-z0-9_-]{0,39}",
    Phrase(
        "Tên trình điều khiển chỉ gồm chữ thường không dấu, chữ số, gạch nối, ví dụ feig.",
        "The name of a driver has small letters, digits and hyphens, such as feig.",
    ),
)
_BYTE = Between(0, 0xFF)


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One device. What is left out is as the device is delivered.

    ``name``           what the station calls it; in events, logs and on the command line.
    ``driver``         what it speaks; the names are those of ``drivers/registry.py``.
    ``url``            where it is: a serial port, ``socket://host:port``, ``usb``, or nothing where the driver asks for
                       none. Of a device with a ``serial`` it is where to look when no port has that number.
    ``serial``         the serial number of its USB plug, by which it is found on whatever port it comes back.
    ``baud``           of a serial line, with ``framing``: data bits, parity, stop bits.
    ``width``          a printer's paper in dots; ``cutter`` whether it has one; ``model`` the name of its profile.
    ``security``       what a pad writes for the gate: the AFI byte, the EAS bit, or both.
    ``afi_secured``    the AFI byte at which the gate alarms, ``afi_released`` at which it is silent.
    ``patron_prefix``  with what the number of a reader's card begins, ``item_prefix`` that of an item.
    ``check_digit``    the check digit at the end of codes.
    """

    name: Annotated[str, OneLine(most=40)]
    driver: Annotated[str, _DRIVER]
    url: Annotated[str, OneLine(least=0, most=300)] = ""
    serial: Annotated[str, OneLine(least=0, most=100)] = ""
    baud: Annotated[int, Between(300, 921_600)] | None = None
    framing: Literal["8N1", "8E1", "8O1", "7E1", "7O1"] | None = None
    width: Annotated[int, Between(360, 896)] | None = None
    cutter: bool = True
    model: Annotated[str, OneLine(least=0, most=60)] = ""
    security: Literal["afi", "eas", "both"] = "afi"
    afi_secured: Annotated[int, _BYTE] = 0x07
    afi_released: Annotated[int, _BYTE] = 0xC2
    patron_prefix: Annotated[str, OneLine(least=0, most=20)] = ""
    item_prefix: Annotated[str, OneLine(least=0, most=20)] = ""
    check_digit: Literal["none", "mod10", "mod43", "ean13"] = "none"

    def __post_init__(self) -> None:
        if self.afi_secured == self.afi_released:
            raise SettingError(
                Phrase(
                    "afi_secured và afi_released phải khác nhau, nếu không cổng không phân biệt được.",
                    "afi_secured and afi_released must differ, or the gate cannot tell them apart.",
                )
            )


@dataclass(frozen=True, slots=True)
class Devices:
    """All devices of a station; names are its own and each is used once."""

    devices: tuple[DeviceSettings, ...] = ()

    def __post_init__(self) -> None:
        names = [device.name for device in self.devices]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(
                    Phrase(f"Tên thiết bị '{name}' bị dùng hai lần.", f"The device name '{name}' is used twice.")
                )


def load_devices(home: Path) -> Built[Devices] | Problems:
    """The devices of the station whose folder this is; none where there is no file. Drivers' names are not judged."""
    file = home / DEVICES_FILE
    found = read_toml(file) if os.path.lexists(file) else {}
    return found if isinstance(found, Problems) else build(Devices, found, DEVICES_FILE)
