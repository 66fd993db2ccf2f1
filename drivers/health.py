"""How the devices are, on disk: for ``tramsach devices`` and the doctor beside a running kiosk, and for headquarters.

A kiosk writes one small file into its station's folder when a device is lost or comes back, and otherwise once a
minute, so that whoever reads it can tell a kiosk that is well from one that was killed. The file is replaced as a
whole; a disk that cannot take it costs the record and nothing else. It holds no reader's data: errors have codes, and
reasons never hold what was on a wire.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from config.devices import Devices
from config.loader import Problems, build, dump, replace_file
from drivers.supervisor import DeviceState, Health

_log = logging.getLogger(__name__)

#: The name of the file in a station's folder.
HEALTH_FILE: Final = "devices-health.json"

#: Seconds between two writings when nothing happens, and at least between any two.
EVERY: Final = 60.0
APART: Final = 1.0
#: A record that is older than this is of a kiosk that runs no more.
_STALE: Final = timedelta(seconds=3 * EVERY)


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """One device, as :class:`drivers.supervisor.Health` has it; times of answers in seconds."""

    device: str
    driver: str
    state: DeviceState
    since: datetime
    model: str = ""
    firmware: str = ""
    serial: str = ""
    code: str = ""
    reason: str = ""
    losses: int = 0
    attempts: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    answer_p50: float | None = None
    answer_p95: float | None = None


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """All devices of one run of a kiosk. ``ended`` is when it was stopped, None while it runs or when it was killed."""

    started: datetime
    written: datetime
    ended: datetime | None = None
    devices: tuple[DeviceHealth, ...] = ()

    def is_running(self, now: datetime) -> bool:
        """Whether the kiosk that wrote this is still there."""
        return self.ended is None and now - self.written < _STALE

    def of(self, device: str) -> DeviceHealth | None:
        """What is known of a device."""
        return next((found for found in self.devices if found.device == device), None)


def read_health(home: Path) -> HealthRecord | None:
    """The record of the last run; None where there is none, or none that can be read."""
    try:
        plain = json.loads((home / HEALTH_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read: %s", HEALTH_FILE, type(error).__name__)
        return None
    built = build(HealthRecord, plain, HEALTH_FILE) if isinstance(plain, dict) else None
    if built is None or isinstance(built, Problems):
        _log.warning("%s is no record of devices", HEALTH_FILE)
        return None
    return built.value


class HealthKeeper:
    """Writes the record of one run, from :meth:`begin` to :meth:`end`, in a thread of its own."""

    def __init__(
        self,
        home: Path,
        devices: Devices,
        look: Callable[[], Sequence[Health]],
        *,
        every: float = EVERY,
        apart: float = APART,
    ) -> None:
        """``look`` tells how the devices are, as :meth:`drivers.supervisor.Supervisor.health` does."""
        self._file = home / HEALTH_FILE
        self._drivers = {device.name: device.driver for device in devices.devices}
        self._look = look
        self._every, self._apart = every, apart
        self._started = datetime.now(UTC)
        self._latest: tuple[DeviceHealth, ...] = ()
        self._news = threading.Event()
        self._ending = threading.Event()
        self._writes = True
        self._thread = threading.Thread(target=self._run, name="device-health", daemon=True)

    def begin(self) -> None:
        """Start writing."""
        self._thread.start()

    def news(self) -> None:
        """A device was lost, or is back. From any thread; returns at once."""
        self._news.set()

    def end(self) -> None:
        """Write down that the run has ended, and how the devices were last; before they are stopped."""
        self._latest = self._looked()
        self._ending.set()
        self._news.set()
        self._thread.join()
        self._write(datetime.now(UTC))

    def _run(self) -> None:
        while not self._ending.is_set():
            self._news.clear()
            self._latest = self._looked()
            self._write(None)
            written = time.monotonic()
            self._news.wait(self._every)
            self._ending.wait(max(0.0, written + self._apart - time.monotonic()))

    def _looked(self) -> tuple[DeviceHealth, ...]:
        return tuple(_plain(health, self._drivers.get(health.device, "")) for health in self._look())

    def _write(self, ended: datetime | None) -> None:
        record = HealthRecord(self._started, datetime.now(UTC), ended, self._latest)
        content = json.dumps(dump(record), ensure_ascii=False, indent=1).encode()
        try:
            replace_file(self._file, content)
        except OSError as error:
            if self._writes:
                _log.warning("%s cannot be written: %s", HEALTH_FILE, type(error).__name__)
            self._writes = False
        else:
            self._writes = True


def _plain(health: Health, driver: str) -> DeviceHealth:
    identity = health.identity
    return DeviceHealth(
        health.device,
        driver,
        health.state,
        health.since,
        identity.model if identity else "",
        identity.firmware if identity else "",
        identity.serial if identity else "",
        health.code,
        health.reason,
        health.losses,
        health.attempts,
        health.errors,
        health.answer_p50,
        health.answer_p95,
    )
