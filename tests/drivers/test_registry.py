"""From the name of a driver to the device it opens: the product's own drivers and those of other packages."""

from __future__ import annotations

import os
import queue
import re
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest
from serial.tools import list_ports

from config.devices import DEVICES_FILE, Devices, DeviceSettings
from config.loader import Built, Problems
from drivers import registry
from drivers.devices import CannotOpen, DeviceBack, DeviceError, DeviceEvent, DeviceLost, NoDriver
from drivers.pad import Pad
from drivers.port import whereabouts
from drivers.registry import Driver, Kind, Scheme, Status, load_registry, read_devices, scheme
from drivers.shipped import DRIVERS
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.pad import Reader, SimulatedPad
from drivers.simulators.printer import SimulatedPrinter
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.scanner import SimulatedScanner
from drivers.simulators.wire import Link
from drivers.supervisor import Supervisor
from drivers.wedge_scanner import KEYBOARD

EventT = TypeVar("EventT", bound=DeviceEvent)

ON_A_PTY = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


def settings(driver: str, url: str, **more: object) -> DeviceSettings:
    return DeviceSettings("device", driver, url, **more)  # type: ignore[arg-type]


def problems(*devices: DeviceSettings) -> list[tuple[str, str]]:
    found = load_registry().judge(Devices(devices))
    return [(problem.key, problem.sentence.en) for problem in found or ()]


def opened(device: DeviceSettings, *others: DeviceSettings) -> str:
    """Opens a device as a supervisor would, and has it test itself; answers its model."""
    found = load_registry().connector(device, Devices((device, *others)))(device.name)
    try:
        return found.self_test().model
    finally:
        found.close()


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the machine have these serial ports, each with the serial number of its plug."""

    def plug(**ports: str) -> None:
        found = [
            SimpleNamespace(device=url, product="adapter", serial_number=serial or None, vid=0x0403, pid=0x6001)
            for url, serial in ports.items()
        ]
        monkeypatch.setattr(list_ports, "comports", lambda: found)

    return plug


# --- the product's own --------------------------------------------------------------------------------------------


def test_all_drivers_that_ship_can_be_used_where_their_libraries_are() -> None:
    records = load_registry().records
    usable = {record.name for record in records if record.status is Status.USABLE}
    assert usable >= {record.name for record in records} - {"pcsc"}  # an extra of its own
    assert {"feig", "rl866", "bibliotheca", "nfc", "scanner", "escpos"} <= {record.name for record in records}
    assert len({driver.name for driver in DRIVERS}) == len(DRIVERS)
    for record in records:
        assert record.driver
        assert record.driver.name == record.name
        assert record.driver.drives.vi
        assert record.driver.drives.en


@pytest.mark.parametrize(
    ("driver", "make", "model"),
    [
        ("feig", FeigReader, "FEIG"),
        ("rl866", Rl866Reader, "RL866"),
        ("bibliotheca", BibliothecaReader, "3M"),
    ],
)
@pytest.mark.parametrize("link", [Link.TCP, pytest.param(Link.PTY, marks=ON_A_PTY)])
def test_a_pad_of_each_make_is_opened_by_its_name(
    driver: str, make: Callable[[], Reader], model: str, link: Link
) -> None:
    with SimulatedPad(make(), link=link) as pad:
        framing = "8N1" if link is Link.PTY else None
        assert model in opened(settings(driver, pad.url, framing=framing))


def test_scanner_printer_and_card_reader_are_opened_by_their_names() -> None:
    with SimulatedScanner() as scanner, SimulatedPrinter() as printer, SimulatedCardReader() as reader:
        for driver, device in (("scanner", scanner), ("escpos", printer), ("nfc", reader)):
            assert problems(settings(driver, device.url)) == []
            opened(settings(driver, device.url))


def test_a_scanner_that_types_listens_to_the_window_and_is_nowhere_else() -> None:
    assert problems(settings("wedge", "")) == []
    assert problems(settings("wedge", "COM3"))
    assert load_registry().is_in_window(settings("wedge", ""))
    assert not load_registry().is_in_window(settings("scanner", "COM3"))
    with pytest.raises(CannotOpen):
        opened(settings("wedge", ""))
    KEYBOARD.attach()
    try:
        opened(settings("wedge", "", patron_prefix="TN"))
    finally:
        KEYBOARD.detach()


def test_a_driver_that_is_not_there_is_named_with_those_that_are() -> None:
    ((key, sentence),) = problems(settings("fieg", "COM3"))
    assert key == "devices[0].driver"
    assert "'fieg'" in sentence
    assert "feig" in sentence


@pytest.mark.parametrize(
    ("device", "key", "said"),
    [
        (settings("feig", ""), "url", "needs an address"),
        (settings("feig", "usb:072f:2200"), "url", "no use for such an address"),
        (settings("pcsc", "/dev/ttyUSB0"), "url", "it takes: pcsc"),
        (settings("feig", "COM3", width=384), "width", "no such setting"),
        (settings("escpos", "COM3", security="eas"), "security", "no such setting"),
        (settings("nfc", "usb", baud=9600), "baud", "no such setting"),
    ],
)
def test_what_only_a_driver_can_see_is_judged(device: DeviceSettings, key: str, said: str) -> None:
    ((found, sentence),) = problems(device)
    assert found == f"devices[0].{key}"
    assert said in sentence


def test_every_mistake_of_every_device_is_named_at_once_in_both_languages(home: Path) -> None:
    (home / DEVICES_FILE).write_text(
        '[[devices]]\nname = "a"\ndriver = "x"\n[[devices]]\nname = "b"\ndriver = "feig"\nwidth = 400\n', "utf-8"
    )
    found = read_devices(home, load_registry())
    assert isinstance(found, Problems)
    assert [problem.key for problem in found] == ["devices[0].driver", "devices[1].url", "devices[1].width"]
    for problem in found:
        assert problem.say("vi") != problem.say("en")
        assert problem.source == DEVICES_FILE


def test_right_settings_are_handed_on(home: Path) -> None:
    (home / DEVICES_FILE).write_text('[[devices]]\nname = "p"\ndriver = "feig"\nurl = "COM3"\nbaud = 9600\n', "utf-8")
    found = read_devices(home, load_registry())
    assert isinstance(found, Built)
    assert load_registry().of_kind(found.value, Kind.PAD) == found.value.devices
    assert load_registry().of_kind(found.value, Kind.PRINTER) == ()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/dev/ttyUSB0", Scheme.SERIAL),
        ("COM3", Scheme.SERIAL),
        ("socket://[::1]:10001", Scheme.SOCKET),
        ("usb", Scheme.USB),
        ("usb:072f:2200", Scheme.USB),
        ("udp:127.0.0.1:5", Scheme.UDP),
        ("loop://", "loop"),
        ("pcsc", Scheme.PCSC),
        ("pcsc:ACR1252", Scheme.PCSC),
        ("/dev/usb/lp0", Scheme.FILE),
        ("file:/dev/usb/lp0", Scheme.FILE),
    ],
)
def test_the_kind_of_an_address_is_told_by_its_beginning(url: str, kind: str) -> None:
    assert scheme(url) == kind


def test_without_its_library_a_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "nfc" else object())
    found = load_registry().get("nfc")
    assert found
    assert found.status is Status.MISSING_LIBRARY
    assert found.reason
    assert "pip install 'tramsach[" in found.reason.en
    assert problems(settings("nfc", "usb")) == []  # the settings are right all the same
    with pytest.raises(NoDriver):
        opened(settings("nfc", "usb"))


def test_the_page_for_librarians_names_every_driver_its_line_and_its_settings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text("utf-8")
    for driver in DRIVERS:
        rows = [line for line in page.splitlines() if line.startswith(f"| `{driver.name}` |")]
        assert len(rows) == 2, driver.name  # one for each language
        assert all((f"{driver.line.baud} {driver.line.framing}" in row) if driver.line else True for row in rows)
        for setting in driver.heeds:
            assert f"`{setting}`" in page, setting


def test_the_example_of_that_page_is_right(home: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (home / DEVICES_FILE).write_text(example, "utf-8")
    assert isinstance(read_devices(home, load_registry()), Built)


# --- found again by its serial number -----------------------------------------------------------------------------


def test_a_device_is_where_its_serial_number_is(plugged: Callable[..., None]) -> None:
    plugged(**{"/dev/ttyUSB0": "", "/dev/ttyUSB1": "A5", "/dev/ttyUSB2": "B7"})
    assert whereabouts("/dev/ttyUSB0", "A5") == "/dev/ttyUSB1"
    assert whereabouts("/dev/ttyUSB2", "B7") == "/dev/ttyUSB2"


def test_a_number_that_no_port_has_leaves_the_address(plugged: Callable[..., None]) -> None:
    plugged(**{"/dev/ttyUSB0": "C9"})
    assert whereabouts("/dev/ttyUSB0", "A5") == "/dev/ttyUSB0"
    assert whereabouts("/dev/ttyUSB5", "") == "/dev/ttyUSB5"


def test_of_two_ports_with_one_number_the_address_decides(plugged: Callable[..., None]) -> None:
    plugged(**{"/dev/ttyUSB0": "A5", "/dev/ttyUSB1": "A5"})
    assert whereabouts("/dev/ttyUSB1", "A5") == "/dev/ttyUSB1"
    assert whereabouts("/dev/ttyUSB7", "A5") == "/dev/ttyUSB0"


def test_a_device_that_is_away_does_not_take_the_port_of_another(plugged: Callable[..., None]) -> None:
    plugged(**{"/dev/ttyUSB0": "B7"})
    with pytest.raises(CannotOpen):
        whereabouts("/dev/ttyUSB0", "A5", others={"B7"})
    with pytest.raises(CannotOpen):
        whereabouts("/dev/ttyUSB0", "", others={"B7"})


@ON_A_PTY
def test_a_port_under_a_name_of_udevs_is_the_port_itself(plugged: Callable[..., None]) -> None:
    plugged(**{"/dev/null": "A5", "/dev/zero": "A5"})
    assert whereabouts("/dev/../dev/zero", "A5") == "/dev/../dev/zero"


@ON_A_PTY
def test_a_pad_that_came_back_under_another_name_is_opened_there(plugged: Callable[..., None]) -> None:
    with SimulatedPad(link=Link.PTY) as pad:
        plugged(**{pad.url: "A5"})
        assert "FEIG" in opened(settings("feig", "/dev/ttyUSB0", serial="A5", framing="8N1"))


@ON_A_PTY
def test_a_pad_that_moves_while_it_is_watched_is_found_where_it_went(plugged: Callable[..., None]) -> None:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    device = settings("feig", "/dev/ttyUSB0", serial="A5", framing="8N1")
    with Supervisor(events.put, first_retry=0.01, longest_retry=0.05) as supervisor:
        with SimulatedPad(link=Link.PTY) as before:
            plugged(**{before.url: "A5"})
            supervisor.add("device", load_registry().connector(device, Devices((device,))))
            assert isinstance(events.get(timeout=20), DeviceBack)
            plugged()
        assert next_of(events, DeviceLost).device == "device"
        with SimulatedPad(link=Link.PTY) as after:
            plugged(**{after.url: "A5"})
            assert isinstance(events.get(timeout=20), DeviceBack)


def next_of(events: queue.SimpleQueue[DeviceEvent], kind: type[EventT]) -> EventT:
    while not isinstance(event := events.get(timeout=20), kind):
        pass
    return event


# --- drivers of other packages ------------------------------------------------------------------------------------

PLUGIN = """
from config.phrase import Phrase
from drivers.feig import Feig
from drivers.pad import Pad
from drivers.registry import Driver, Kind


def open_pad(name, device):
    return Pad.open(name, url=device.url, protocol=Feig())


DRIVER = Driver(
    "{name}", Kind.PAD, Phrase("Đầu đọc Acme", "Acme's pad"), open_pad, schemes=frozenset({{"socket"}})
)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a package with one entry point onto the path, as an installer would."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = set(sys.modules)

    def put(package: str, source: str, *, name: str = "acme", value: str = "DRIVER") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source, "utf-8")
        about = tmp_path / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
        (about / "entry_points.txt").write_text(f"[tramsach.drivers]\n{name} = {module}:{value}\n", "utf-8")
        invalidate_caches()

    yield put
    for module in set(sys.modules) - modules:
        if module.startswith("acme"):
            del sys.modules[module]


def test_a_driver_of_another_package_is_found_and_opens_its_device(install: Callable[..., None]) -> None:
    install("acme-tramsach", PLUGIN.format(name="acme"))
    record = load_registry().get("acme")
    assert record
    assert (record.status, record.package) == (Status.USABLE, "acme-tramsach")
    with SimulatedPad() as pad:
        device = settings("acme", pad.url)
        assert problems(device) == []
        found = load_registry().connector(device, Devices((device,)))("acme")
        assert isinstance(found, Pad)
        assert "FEIG" in found.self_test().model
        found.close()


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("import acme_vendor_sdk\n", Status.MISSING_LIBRARY, "acme_vendor_sdk"),
        ("raise ValueError('no licence')\n", Status.BROKEN, "ValueError: no licence"),
        ("DRIVER = 5\n", Status.BROKEN, "no drivers.registry.Driver"),
        ("OTHER = 5\n", Status.BROKEN, "DRIVER"),
        (PLUGIN.format(name="other"), Status.BROKEN, "calls itself other"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_record_with_its_reason(
    install: Callable[..., None], source: str, status: Status, said: str
) -> None:
    install("acme-tramsach", source)
    found = load_registry()
    record = found.get("acme")
    assert record
    assert (record.status, record.driver, record.package) == (status, None, "acme-tramsach")
    assert record.reason
    assert said in record.reason.en
    assert said in record.reason.vi
    feig = found.get("feig")
    assert feig
    assert feig.status is Status.USABLE


def test_a_package_whose_driver_needs_a_library_says_which(install: Callable[..., None]) -> None:
    install("acme-tramsach", PLUGIN.format(name="acme").replace("schemes=", 'libraries=("acme_usb",), schemes='))
    record = load_registry().get("acme")
    assert record
    assert record.status is Status.MISSING_LIBRARY
    assert record.driver
    assert record.reason
    assert "acme_usb" in record.reason.en


def test_a_name_that_is_taken_stays_with_the_product(install: Callable[..., None]) -> None:
    install("acme-tramsach", PLUGIN.format(name="feig"), name="feig")
    found = load_registry()
    own, theirs = found.get("feig"), found.get("feig (acme-tramsach)")
    assert own
    assert own.package == ""
    assert theirs
    assert theirs.status is Status.BROKEN
    assert theirs.reason
    assert "taken" in theirs.reason.en


def test_a_broken_package_costs_its_own_device_and_no_other(install: Callable[..., None]) -> None:
    install("acme-tramsach", "raise ValueError('no licence')\n")
    found = load_registry()
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with SimulatedScanner() as scanner, Supervisor(events.put, first_retry=0.01, longest_retry=0.02) as supervisor:
        devices = Devices((DeviceSettings("pad", "acme", "COM3"), DeviceSettings("scanner", "scanner", scanner.url)))
        assert found.judge(devices) is None
        for device in devices.devices:
            supervisor.add(device.name, found.connector(device, devices))
        first = {events.get(timeout=20), events.get(timeout=20)}
    assert {(type(event), event.device) for event in first} == {(DeviceLost, "pad"), (DeviceBack, "scanner")}
    assert {event.code for event in first if isinstance(event, DeviceLost)} == {"no_driver"}


def test_a_driver_that_cannot_open_says_so_in_the_words_of_the_room(install: Callable[..., None]) -> None:
    install("acme-tramsach", PLUGIN.format(name="acme"))
    with pytest.raises(DeviceError):
        opened(settings("acme", "socket://127.0.0.1:1"))


def test_a_driver_is_a_plain_value() -> None:
    record = load_registry().get("feig")
    assert record
    assert isinstance(record.driver, Driver)
    assert record.driver.kind is Kind.PAD
