"""The devices of a station: ``devices.toml`` of its folder.

```toml
[[devices]]
name = "pad"
driver = "feig"
url = "/dev/ttyUSB0"          # or socket://192.168.1.20:10001
```
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from config.loader import Built, Problems, build, read_toml
from config.phrase import Phrase, SettingError
from config.values import Between, OneLine

#: The name of the file in a station's folder.
DEVICES_FILE = "devices.toml"


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One device. ``driver`` says what it speaks, ``url`` where it is; ``width`` is a printer's paper in dots."""

    name: Annotated[str, OneLine(most=40)]
    driver: Literal["feig", "nfc", "scanner", "escpos"]
    url: Annotated[str, OneLine(most=300)]
    width: Annotated[int, Between(200, 1200)] = 576


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

    def of_driver(self, *drivers: str) -> DeviceSettings | None:
        """The first device that one of these drivers drives."""
        return next((d for d in self.devices if d.driver in drivers), None)


def load_devices(home: Path) -> Built[Devices] | Problems:
    """The devices of the station whose folder this is; none where there is no file."""
    file = home / DEVICES_FILE
    found = read_toml(file) if os.path.lexists(file) else {}
    return found if isinstance(found, Problems) else build(Devices, found, DEVICES_FILE)
