"""Which drivers there are: from the ``driver`` of a setting to the device that it opens.

A :class:`Driver` says what it drives, at which kinds of address, with which serial line, which settings it heeds, and
how a stranger is asked whether it is one. The product's own stand in :mod:`drivers.shipped`; a driver of another
package is found by its entry point, whose name is the driver's::

    [project.entry-points."tramsach.drivers"]
    acme = "acme_tramsach:DRIVER"           # a drivers.registry.Driver

What comes of each is a :class:`Record` with a status, never an exception: a package that cannot be imported costs its
own devices and nothing else. A device whose driver is not usable is supervised like any other, and is lost with the
code ``no_driver``.

Device libraries are imported when a device is opened, not here, so that a machine without them can say what is
missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from config.devices import DEVICES_FILE, Devices, DeviceSettings, load_devices
from config.loader import Built, Problem, Problems
from config.phrase import Phrase
from drivers.devices import Device, Identity, NoDriver, SerialLine

#: The group of entry points in which other packages name their drivers.
GROUP: Final = "tramsach.drivers"


class Kind(StrEnum):
    """What a device is to the station; each has its protocol in :mod:`drivers.devices`."""

    PAD = "pad"
    CARD_READER = "card_reader"
    SCANNER = "scanner"
    PRINTER = "printer"


class Status(StrEnum):
    """Whether a driver can be used here."""

    USABLE = "usable"
    MISSING_LIBRARY = "missing_library"
    BROKEN = "broken"


class Scheme(StrEnum):
    """Kinds of address. A name without a scheme (``/dev/ttyUSB0``, ``COM3``) is a serial port, but for Linux's files of
    printers.
    """

    SERIAL = "serial"
    SOCKET = "socket"
    USB = "usb"
    TTY = "tty"
    UDP = "udp"
    FILE = "file"
    PCSC = "pcsc"


@dataclass(frozen=True, slots=True)
class Question:
    """How a stranger is asked whether it is one of these, with nothing sent that could change, print or write.

    ``ask`` is given an address and a line, and returns who answered; it raises NoAnswer or another DeviceError. It is
    asked on each of the ``lines`` in turn where the address is a serial port, and once elsewhere.
    """

    ask: Callable[[str, SerialLine | None], Identity]
    lines: tuple[SerialLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """One way to drive devices.

    ``open``      opens a device, given its name and its settings, whose ``url`` is where it is at this moment. Raises
                  DeviceError.
    ``drives``    what it is for, in words.
    ``schemes``   the kinds of address it takes; none for a driver that finds its device by itself.
    ``line``      the serial line of a device as it is delivered.
    ``heeds``     the settings it heeds beside name, driver and url. The others are mistakes when they are set.
    ``libraries`` the modules it needs; ``install`` what brings them.
    ``in_window`` whether its device is there only where a kiosk's window is, so that no command line can try it.
    """

    name: str
    kind: Kind
    drives: Phrase
    open: Callable[[str, DeviceSettings], Device]
    schemes: frozenset[str] = frozenset()
    line: SerialLine | None = None
    heeds: frozenset[str] = frozenset()
    question: Question | None = None
    libraries: tuple[str, ...] = ()
    install: str = "tramsach[devices]"
    in_window: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What became of one driver. ``package`` is where it comes from, empty for the product's own."""

    name: str
    status: Status
    driver: Driver | None = None
    reason: Phrase | None = None
    package: str = ""


class Registry:
    """All drivers, by name."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records
        self._by_name = {record.name: record for record in records}

    def get(self, name: str) -> Record | None:
        """The driver of this name."""
        return self._by_name.get(name)

    def usable(self) -> Iterator[Driver]:
        """The drivers that can be used here."""
        for record in self.records:
            if record.driver is not None and record.status is Status.USABLE:
                yield record.driver

    def kind(self, device: DeviceSettings) -> Kind | None:
        """What a device is; nobody knows of one whose driver could not even be looked at."""
        record = self._by_name.get(device.driver)
        return record.driver.kind if record and record.driver else None

    def is_in_window(self, device: DeviceSettings) -> bool:
        """Whether only a kiosk's window has this device."""
        record = self._by_name.get(device.driver)
        return bool(record and record.driver and record.driver.in_window)

    def of_kind(self, devices: Devices, kind: Kind) -> tuple[DeviceSettings, ...]:
        """The devices of a kind, in the order of the file."""
        return tuple(device for device in devices.devices if self.kind(device) is kind)

    def judge(self, devices: Devices) -> Problems | None:
        """Every mistake in the settings that only a driver can see; None when there is none.

        That a driver is not usable is none: the settings are right, and the other devices work.
        """
        found = [problem for at, device in enumerate(devices.devices) for problem in self._judge(at, device)]
        return Problems(tuple(found)) if found else None

    def connector(self, device: DeviceSettings, devices: Devices) -> Callable[[str], Device]:
        """What a supervisor opens the device with. Each time it is looked for by its serial number anew."""
        others = frozenset(other.serial for other in devices.devices if other.name != device.name) - {""}
        return partial(self._open, device, others - {device.serial})

    def _open(self, device: DeviceSettings, others: frozenset[str], name: str) -> Device:
        record = self._by_name.get(device.driver)
        if record is None:
            raise NoDriver(f"there is no driver {device.driver}")
        if record.driver is None or record.status is not Status.USABLE:
            raise NoDriver(record.reason.en if record.reason else record.status.value)
        if scheme(device.url) is Scheme.SERIAL and record.driver.schemes:
            from drivers.port import whereabouts  # noqa: PLC0415 - needs the library that was just found to be there

            device = replace(device, url=whereabouts(device.url, device.serial, others=others))
        return record.driver.open(name, device)

    def _judge(self, at: int, device: DeviceSettings) -> Iterator[Problem]:
        def problem(key: str, vi: str, en: str, **values: object) -> Problem:
            return Problem(f"devices[{at}].{key}", Phrase(vi, en).fill(**values), DEVICES_FILE)

        record = self._by_name.get(device.driver)
        if record is None:
            yield problem(
                "driver",
                "Không có trình điều khiển '{driver}'. Hiện có: {known}.",
                "There is no driver '{driver}'. There are: {known}.",
                driver=device.driver,
                known=", ".join(self._by_name),
            )
            return
        driver = record.driver
        if driver is None:
            return
        if driver.schemes and not device.url:
            yield problem(
                "url",
                "Trình điều khiển '{driver}' cần một địa chỉ, ví dụ {example}.",
                "The driver '{driver}' needs an address, such as {example}.",
                driver=driver.name,
                example=_EXAMPLES.get(min(driver.schemes), min(driver.schemes)),
            )
        elif device.url and scheme(device.url) not in driver.schemes:
            yield problem(
                "url",
                "Trình điều khiển '{driver}' không dùng địa chỉ kiểu này; nó nhận: {taken}.",
                "The driver '{driver}' has no use for such an address; it takes: {taken}.",
                driver=driver.name,
                taken=", ".join(_EXAMPLES.get(one, one) for one in sorted(driver.schemes)) or "–",
            )
        for field in fields(device):
            unheeded = field.name not in driver.heeds and field.name not in _ALWAYS
            if unheeded and getattr(device, field.name) != field.default:
                yield problem(
                    field.name,
                    "Trình điều khiển '{driver}' không có thiết lập này.",
                    "The driver '{driver}' has no such setting.",
                    driver=driver.name,
                )


_ALWAYS: Final = frozenset({"name", "driver", "url"})

#: What addresses look like.
_EXAMPLES: Final[Mapping[str, str]] = {
    Scheme.SERIAL: "/dev/ttyUSB0",
    Scheme.SOCKET: "socket://192.168.1.20:10001",
    Scheme.USB: "usb",
    Scheme.TTY: "tty:USB0:pn532",
    Scheme.UDP: "udp:127.0.0.1:54321",
    Scheme.FILE: "/dev/usb/lp0",
    Scheme.PCSC: "pcsc",
}


def scheme(url: str) -> str:
    """What kind of address it is: the word before the first colon, ``serial`` for the name of a port."""
    if url.startswith(("/dev/usb/lp", "/dev/lp")):
        return Scheme.FILE
    found = re.match(r"([a-z][a-z0-9+.-]+):", url)
    if found:
        return found[1]
    return url if url in (Scheme.USB, Scheme.TTY, Scheme.UDP, Scheme.PCSC) else Scheme.SERIAL


def line_of(device: DeviceSettings, delivered: SerialLine) -> SerialLine:
    """The line of a device: as it is delivered, but for what the settings say."""
    return SerialLine(device.baud or delivered.baud, device.framing or delivered.framing)


def load_registry() -> Registry:
    """The product's drivers, and those of other packages behind them in the order of their names.

    A name that is taken stays with whoever had it first.
    """
    from drivers.shipped import DRIVERS  # noqa: PLC0415 - it is written in the words above

    records = {driver.name: _own(driver) for driver in DRIVERS}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        record = _foreign(entry)
        if entry.name in records:
            name, package = entry.name, record.package
            taken = Phrase(
                "Gói {package} cũng có một trình điều khiển tên '{name}'; tên này đã có chủ.",
                "The package {package} has a driver '{name}' too; that name is taken.",
            )
            records[f"{name} ({package})"] = replace(
                record,
                name=f"{name} ({package})",
                status=Status.BROKEN,
                driver=None,
                reason=taken.fill(name=name, package=package),
            )
        else:
            records[entry.name] = record
    return Registry(tuple(records.values()))


def read_devices(home: Path, registry: Registry) -> Built[Devices] | Problems:
    """The devices of a station, judged with what their drivers know; every mistake at once."""
    built = load_devices(home)
    return built if isinstance(built, Problems) else registry.judge(built.value) or built


def _own(driver: Driver, package: str = "") -> Record:
    missing = [library for library in driver.libraries if find_spec(library) is None]
    if not missing:
        return Record(driver.name, Status.USABLE, driver, package=package)
    sentence = Phrase(
        "Thiếu thư viện {libraries}. Hãy cài: pip install '{install}'",
        "The library {libraries} is not installed. Install it: pip install '{install}'",
    )
    reason = sentence.fill(libraries=", ".join(missing), install=driver.install)
    return Record(driver.name, Status.MISSING_LIBRARY, driver, reason, package)


def _foreign(entry: EntryPoint) -> Record:
    package = entry.dist.name if entry.dist else entry.module
    try:
        driver = entry.load()
    except ModuleNotFoundError as error:
        library = error.name or "?"
        if library.partition(".")[0] != entry.module.partition(".")[0]:
            sentence = Phrase(
                "Gói {package} cần thư viện {library}, chưa được cài.",
                "The package {package} needs the library {library}, which is not installed.",
            )
            reason = sentence.fill(package=package, library=library)
            return Record(entry.name, Status.MISSING_LIBRARY, None, reason, package)
        return _broken(entry, package, str(error))
    except Exception as error:  # noqa: BLE001 - told as the record's reason: what somebody else's package raises is its own
        return _broken(entry, package, f"{type(error).__name__}: {error}")
    if not isinstance(driver, Driver):
        return _broken(entry, package, f"{entry.value} is no drivers.registry.Driver")
    if driver.name != entry.name:
        return _broken(entry, package, f"{entry.value} calls itself {driver.name}")
    return _own(driver, package)


def _broken(entry: EntryPoint, package: str, why: str) -> Record:
    sentence = Phrase("Gói {package} bị hỏng: {why}.", "The package {package} is broken: {why}.")
    return Record(entry.name, Status.BROKEN, None, sentence.fill(package=package, why=why), package)
