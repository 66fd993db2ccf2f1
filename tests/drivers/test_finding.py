"""What is plugged in, and asking a stranger what it is."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from serial.tools import list_ports

from config.devices import Devices, DeviceSettings
from drivers import finding, shipped
from drivers.devices import SerialLine
from drivers.finding import (
    Answer,
    Attempt,
    CannotLook,
    Found,
    UsbDevice,
    look,
    probe,
    usb_in_files,
    usb_through_library,
)
from drivers.registry import Registry, load_registry
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.pad import Reader, SimulatedPad
from drivers.simulators.pn532 import SimulatedPn532
from drivers.simulators.printer import SimulatedPrinter
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.scanner import SimulatedScanner
from drivers.simulators.wire import Link, Outlet, Wire

ON_A_PTY = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
LINKS = [Link.TCP, pytest.param(Link.PTY, marks=ON_A_PTY)]
#: Long enough for what lies ready, and no longer.
LISTEN = 0.2


# --- looking ------------------------------------------------------------------------------------------------------


def describe(folder: Path, name: str, interfaces: tuple[tuple[int, int], ...] = (), **lines: str) -> None:
    """A USB device as Linux has it in its files."""
    (folder / name).mkdir(parents=True)
    for key, value in lines.items():
        (folder / name / key).write_text(value + "\n", "utf-8")
    for at, (kind, protocol) in enumerate(interfaces):
        below = folder / f"{name}:1.{at}"
        below.mkdir()
        (below / "bInterfaceClass").write_text(f"{kind:02x}\n", "utf-8")
        (below / "bInterfaceProtocol").write_text(f"{protocol:02x}\n", "utf-8")


@pytest.fixture
def usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with the usual things plugged in, and one port; nothing of the machine that tests run on."""
    folder = tmp_path / "devices"
    describe(folder, "usb1", ((9, 0),), idVendor="1d6b", idProduct="0002", product="xHCI Host Controller")
    describe(folder, "1-1", ((0xFF, 0),), idVendor="0403", idProduct="6001", product="FT232R", serial="A50285BI")
    describe(folder, "1-2", ((0x0B, 0),), idVendor="072f", idProduct="2200", product="ACR122U")
    describe(folder, "1-3", ((7, 2),), idVendor="04b8", idProduct="0e15", product="TM-T20II", serial="J2X4001")
    describe(folder, "1-4", ((3, 1), (3, 0)), idVendor="05e0", idProduct="1200", product="Symbol Scanner")
    describe(folder, "1-5", ((0xFF, 0),), idVendor="0ab1", idProduct="0002", product="OBID RFID-Reader")
    describe(folder, "1-6", ((0x0E, 0),), idVendor="046d", idProduct="0825")
    describe(folder, "1-7", ((0x0B, 0),), idVendor="076b", idProduct="5022", product="OMNIKEY 5022")
    port = SimpleNamespace(device="/dev/ttyUSB0", product="FT232R", serial_number="A50285BI", vid=0x0403, pid=0x6001)
    own = SimpleNamespace(device="/dev/ttyS0", product=None, serial_number=None, vid=None, pid=None)
    monkeypatch.setattr(list_ports, "comports", lambda: [port, own])
    monkeypatch.setattr(finding, "_SYSFS", folder)
    printers = tmp_path / "usb"
    printers.mkdir()
    (printers / "lp0").touch()
    monkeypatch.setattr(finding, "_PRINTER_FILES", printers)
    return folder


def found_at(url: str) -> Found:
    return next(found for found in look(load_registry()).found if found.url == url)


def named(name: str) -> Found:
    return next(found for found in look(load_registry()).found if found.name == name)


def test_everything_plugged_in_is_told_once_and_hubs_are_not(usb: Path) -> None:
    survey = look(load_registry())
    assert usb.is_dir()
    assert sorted(found.name for found in survey.found if found.name) == [
        "046d:0825", "ACR122U", "FT232R", "OBID RFID-Reader", "OMNIKEY 5022", "Symbol Scanner", "TM-T20II", "lp0",
    ]  # fmt: skip
    assert survey.unseen == ()
    for found in survey.found:
        assert found.why.vi
        assert found.why.vi != found.why.en


@pytest.mark.usefixtures("usb")
def test_what_is_recognised_has_a_driver_and_an_address() -> None:
    assert (named("ACR122U").url, named("ACR122U").drivers) == ("usb:072f:2200", ("nfc",))
    assert (named("TM-T20II").url, named("TM-T20II").drivers) == ("usb:04b8:0e15:J2X4001", ("escpos",))
    assert named("lp0").drivers == ("escpos",)
    assert (named("Symbol Scanner").url, named("Symbol Scanner").drivers) == ("", ("wedge",))


@pytest.mark.usefixtures("usb")
def test_of_what_is_not_recognised_it_is_said_why_and_what_to_do() -> None:
    assert "devices probe /dev/ttyUSB0" in found_at("/dev/ttyUSB0").why.en
    assert "FTDI" in found_at("/dev/ttyUSB0").why.en
    assert "devices probe /dev/ttyS0" in found_at("/dev/ttyS0").why.en
    assert "serial line" in named("OBID RFID-Reader").why.en
    assert "046d:0825" in named("046d:0825").why.en
    for found in (found_at("/dev/ttyUSB0"), named("OBID RFID-Reader"), named("046d:0825")):
        assert found.drivers == ()


@pytest.mark.usefixtures("usb")
def test_a_driver_whose_library_is_missing_is_no_recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.registry.find_spec", lambda name: None if name == "smartcard" else object())
    omnikey = named("OMNIKEY 5022")
    assert omnikey.drivers == ()
    assert "tramsach[pcsc]" in omnikey.why.en


@pytest.mark.usefixtures("usb")
def test_a_device_of_the_station_is_known_by_number_or_address() -> None:
    by_number = DeviceSettings("pad", "feig", "/dev/ttyUSB7", "A50285BI")
    by_address = DeviceSettings("reader", "nfc", "usb:072f:2200")
    devices = Devices((by_number, by_address))
    assert found_at("/dev/ttyUSB0").settings_among(devices) == by_number
    assert named("ACR122U").settings_among(devices) == by_address
    assert named("TM-T20II").settings_among(devices) is None
    keyboard = DeviceSettings("scanner", "wedge")
    assert named("Symbol Scanner").settings_among(Devices((keyboard,))) == keyboard
    assert named("OBID RFID-Reader").settings_among(Devices((keyboard,))) is None


def test_linux_is_read_from_its_files_with_whatever_is_missing_there(usb: Path) -> None:
    (usb / "1-6" / "idProduct").write_text("not a number", "utf-8")
    found = {device.name: device for device in usb_in_files(usb)}
    assert found["TM-T20II"] == UsbDevice(0x04B8, 0x0E15, "TM-T20II", "J2X4001", frozenset({(7, 2)}))
    assert found["Symbol Scanner"].interfaces == {(3, 1), (3, 0)}
    assert "" not in found


@dataclass
class Plugged:
    """A device as libusb describes it, to somebody who may not know its name."""

    refuses: type[Exception] | None = None
    classes: list[tuple[int, int]] = field(default_factory=lambda: [(7, 2)])

    def getVendorID(self) -> int:  # noqa: N802 - the library's name
        return 0x04B8

    def getProductID(self) -> int:  # noqa: N802
        return 0x0E15

    def getProduct(self) -> str | None:  # noqa: N802
        if self.refuses:
            raise self.refuses
        return "TM-T20II"

    def getSerialNumber(self) -> str | None:  # noqa: N802
        return None

    def iterSettings(self) -> Iterator[SimpleNamespace]:  # noqa: N802
        for kind, protocol in self.classes:
            yield SimpleNamespace(getClass=lambda kind=kind: kind, getProtocol=lambda protocol=protocol: protocol)


class UsbError(Exception):
    """What the library raises."""


@pytest.fixture
def libusb(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a library in place of usb1 that knows these devices, or cannot be used."""

    class Context:
        def __init__(self, devices: list[Plugged], error: Exception | None) -> None:
            self.devices, self.error = devices, error

        def __enter__(self) -> Context:
            if self.error:
                raise self.error
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def getDeviceIterator(self, *, skip_on_error: bool) -> Iterator[Plugged]:  # noqa: N802
            assert skip_on_error
            return iter(self.devices)

    def put(*devices: Plugged, error: Exception | None = None) -> None:
        module = ModuleType("usb1")
        module.USBContext = lambda: Context([*devices], error)  # type: ignore[attr-defined]
        module.USBError = UsbError  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "usb1", module)

    return put


def test_elsewhere_libusb_is_asked(libusb: Callable[..., None]) -> None:
    libusb(Plugged(), Plugged(refuses=UsbError))
    whole, nameless = usb_through_library()
    assert whole == UsbDevice(0x04B8, 0x0E15, "TM-T20II", "", frozenset({(7, 2)}))
    assert nameless.name == ""


@pytest.mark.parametrize("error", [FileNotFoundError("no libusb-1.0"), UsbError("no access")])
def test_where_libusb_cannot_be_used_that_is_said_and_the_rest_is_found(
    libusb: Callable[..., None], usb: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    libusb(error=error)
    with pytest.raises(CannotLook):
        usb_through_library()
    monkeypatch.setattr(finding, "_SYSFS", usb / "nowhere")
    survey = look(load_registry())
    assert len(survey.unseen) == 1
    assert "libusb" in survey.unseen[0].en
    assert {found.url for found in survey.found} >= {"/dev/ttyUSB0", "/dev/ttyS0"}


@pytest.mark.usefixtures("usb")
def test_without_pyserial_ports_cannot_be_seen_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "find_spec", lambda _name: None)
    survey = look(load_registry())
    assert "pyserial" in survey.unseen[0].en
    assert "FT232R" in {found.name for found in survey.found}  # as a USB device


# --- asking -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def asked(url: str, registry: Registry) -> list[Attempt]:
    return list(probe(url, registry, listen=LISTEN))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there whose answer would be waited for."""
    monkeypatch.setattr(shipped, "_HELLO_WITHIN", 0.02)
    monkeypatch.setattr(shipped, "_PRINTER_ANSWERS_WITHIN", 0.02)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is there who will answer, however busy this machine is."""
    monkeypatch.setattr(shipped, "_HELLO_WITHIN", 20)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    ("driver", "make"), [("feig", FeigReader), ("rl866", Rl866Reader), ("bibliotheca", BibliothecaReader)]
)
def test_a_pad_is_recognised_by_its_hello(
    driver: str, make: Callable[[], Reader], link: Link, registry: Registry
) -> None:
    alone = Registry(tuple(record for record in registry.records if record.name == driver))
    with SimulatedPad(make(), link=link) as pad:
        attempts = asked(pad.url, alone)
        assert pad.inventories == 0
    assert (attempts[-1].driver, attempts[-1].answer) == (driver, Answer.RECOGNISED)
    assert attempts[-1].identity
    assert (attempts[-1].line is None) == (link is Link.TCP)


@pytest.mark.usefixtures("patient")
def test_a_pad_is_recognised_after_the_printers_had_their_turn(registry: Registry) -> None:
    with SimulatedPad() as pad:
        attempts = asked(pad.url, registry)
    assert [(attempt.driver, attempt.answer) for attempt in attempts] == [
        ("scanner", Answer.NOTHING),
        ("escpos", Answer.NOTHING),
        ("feig", Answer.RECOGNISED),
    ]


def test_a_printer_is_recognised_before_anybody_speaks_to_a_pad_and_prints_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_PRINTER_ANSWERS_WITHIN", 20)
    with SimulatedPrinter() as printer:
        attempts = asked(printer.url, registry)
        assert printer.rows_printed() == 0
        assert printer.unknown() == 0
    assert [(attempt.driver, attempt.answer) for attempt in attempts] == [
        ("scanner", Answer.NOTHING),
        ("escpos", Answer.RECOGNISED),
    ]


@pytest.mark.parametrize("link", LINKS)
def test_a_scanner_is_recognised_when_it_scans_and_what_it_scanned_is_not_kept(link: Link, registry: Registry) -> None:
    done = threading.Event()

    def scan() -> None:
        # Again and again, since a serial line forgets what came before it was opened.
        while not done.wait(0.02):
            scanner.scan("TN000104")

    with SimulatedScanner(link=link) as scanner:
        hand = threading.Thread(target=scan)
        hand.start()
        attempts = list(probe(scanner.url, registry, listen=20))
        done.set()
        hand.join()
    assert [(attempt.driver, attempt.answer) for attempt in attempts] == [("scanner", Answer.RECOGNISED)]
    assert "TN000104" not in repr(attempts)


@ON_A_PTY
@pytest.mark.usefixtures("hasty")
def test_a_chip_for_cards_on_a_serial_port_is_recognised_last(registry: Registry) -> None:
    with SimulatedPn532() as chip:
        attempts = asked(chip.url, registry)
    assert (attempts[-1].driver, attempts[-1].answer) == ("nfc", Answer.RECOGNISED)
    assert [*dict.fromkeys(attempt.driver for attempt in attempts)] == [
        "scanner", "escpos", "feig", "rl866", "bibliotheca", "nfc",
    ]  # fmt: skip


@pytest.mark.usefixtures("hasty")
def test_who_says_nothing_is_asked_by_all_and_sent_nothing_that_could_print(registry: Registry) -> None:
    heard: list[bytes] = []

    def listen(wire: Wire) -> None:
        while True:
            heard.append(wire.read())

    with Outlet(listen) as outlet:
        attempts = asked(outlet.url, registry)
    assert {attempt.answer for attempt in attempts} == {Answer.NOTHING}
    said = b"".join(heard)
    assert said.startswith(b"\x10\x04\x01")
    assert b"\n" not in said
    assert b"\r" not in said


def test_nobody_is_asked_at_an_address_that_cannot_be_opened(registry: Registry) -> None:
    (attempt,) = asked("/dev/there-is-no-such-port", registry)
    assert attempt.answer is Answer.NOT_OPENED
    assert "there-is-no-such-port" in attempt.reason


def test_an_address_that_no_driver_takes_is_not_opened(registry: Registry) -> None:
    assert asked("ftp://127.0.0.1", registry) == []


@pytest.mark.usefixtures("patient")
def test_a_reader_of_the_wrong_kind_is_told_from_silence(registry: Registry) -> None:
    """A FEIG reader that sees no ISO 15693 tags, as the sample in facts/rfid.md, 5.1."""
    request, reply = bytes.fromhex("05FF65E5CB"), bytes.fromhex("0D00650003030044530D303309")

    def answer(wire: Wire) -> None:
        while True:
            if wire.read() == request:
                wire.write(reply)

    with Outlet(answer) as outlet:
        attempts = asked(outlet.url, registry)
    assert (attempts[-1].driver, attempts[-1].answer) == ("feig", Answer.UNFIT)
    assert attempts[-1].reason


@pytest.mark.usefixtures("hasty")
def test_somebody_who_babbles_is_nobody_we_know(registry: Registry) -> None:
    """A line that is set otherwise gives bytes that mean nothing."""

    def babble(wire: Wire) -> None:
        while True:
            wire.write(b"\xfe\x93\x7f" * 5)
            wire.wait(0.01)

    with Outlet(babble) as outlet:
        attempts = asked(outlet.url, registry)
    assert Answer.RECOGNISED not in {attempt.answer for attempt in attempts}


@ON_A_PTY
@pytest.mark.usefixtures("hasty")
def test_a_port_is_asked_at_the_speeds_that_each_make_is_delivered_with(registry: Registry) -> None:
    def mute(wire: Wire) -> None:
        while True:
            wire.read()

    with Outlet(mute, link=Link.PTY) as outlet:
        attempts = asked(outlet.url, registry)
    lines = {(attempt.driver, attempt.line) for attempt in attempts}
    assert lines >= {
        ("escpos", SerialLine(9600)),
        ("escpos", SerialLine(115_200)),
        ("feig", SerialLine(38400, "8E1")),
        ("rl866", SerialLine(38400, "8E1")),
        ("bibliotheca", SerialLine(19200, "8N1")),
    }
