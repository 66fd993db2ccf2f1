"""What is plugged in, and what it is: serial ports, USB devices, device files of printers; and asking a stranger.

Looking (:func:`look`) opens nothing: the system is asked what it knows, and the numbers of a USB plug are held against
those of known devices. So it may be done beside a running kiosk. Behind a USB-serial adapter there can be anything;
that is said, and what to do about it.

Asking (:func:`probe`) opens one address and is done on request only, because a device can have one conversation at a
time. Nothing is sent that writes, prints, or changes a setting, and the order is the one that disturbs least:

1. Listen. A scanner speaks when it scans and cannot be asked.
2. Printers, with two real-time questions of three bytes, at each of the usual speeds. They print nothing; a pad takes
   them for a broken frame, to which it says nothing.
3. Pads, with the hello of each make. To a printer that has said nothing so far those frames would be text; a few
   bytes without a line feed stay in its buffer, and the first receipt begins by having it thrown away.
4. Card readers, whose hello is the longest.

The first that answers in its own words is it, and nobody else is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.devices import Devices, DeviceSettings
from config.phrase import Phrase
from drivers.codes import Code
from drivers.devices import CannotOpen, DeviceError, Identity, NotSupported, SerialLine
from drivers.registry import Driver, Registry, Scheme, Status, scheme

if TYPE_CHECKING:
    from drivers.port import SerialPort

#: Where Linux lists USB devices, readable for everybody.
_SYSFS: Final = Path("/sys/bus/usb/devices")
#: Where Linux has the files of USB printers.
_PRINTER_FILES: Final = Path("/dev/usb")
#: Seconds for which a stranger is usually listened to before it is asked anything: time for a hand to scan.
LISTEN: Final = 2.0

# Classes of USB interfaces (USB-IF, defined class codes).
_HID, _PRINTER, _HUB, _SMART_CARD = 0x03, 0x07, 0x09, 0x0B
_KEYBOARD: Final = 1


# --- looking ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device as the system describes it. ``interfaces`` are pairs of class and protocol."""

    vendor: int
    product: int
    name: str = ""
    serial: str = ""
    interfaces: frozenset[tuple[int, int]] = frozenset()

    def has(self, interface: int) -> bool:
        """Whether one of its interfaces is of a class."""
        return any(found == interface for found, _protocol in self.interfaces)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is plugged in.

    ``url`` is what to write into ``devices.toml``, empty where nobody can drive it. ``drivers`` are those that may
    suit, the likeliest first; with none it was not recognised. ``why`` says in words what it is, or why nobody knows.
    """

    url: str
    name: str
    why: Phrase
    drivers: tuple[str, ...] = ()
    serial: str = ""
    vendor: int | None = None
    product: int | None = None

    def is_of(self, device: DeviceSettings) -> bool:
        """Whether the settings of a device mean this one."""
        if self.serial and self.serial == device.serial:
            return True
        return self.url == device.url if self.url else not device.url and device.driver in self.drivers

    def settings_among(self, devices: Devices) -> DeviceSettings | None:
        """The device of the station that this is."""
        return next((device for device in devices.devices if self.is_of(device)), None)


@dataclass(frozen=True, slots=True)
class Survey:
    """All that was found, and where nobody could look."""

    found: tuple[Found, ...]
    unseen: tuple[Phrase, ...] = ()


class CannotLook(Exception):
    """A place that cannot be looked at here; says why, in words."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase.en)
        self.phrase = phrase


_MAKERS: Final = {0x0403: "FTDI", 0x10C4: "Silicon Labs", 0x1A86: "WCH", 0x067B: "Prolific", 0x2341: "Arduino"}
_FEIG: Final = 0x0AB1
#: What nfcpy drives on USB (its own table, version 1.0.4).
_NFCPY: Final = {
    (0x054C, 0x0193): "PN531",
    (0x04CC, 0x0531): "PN531",
    (0x04CC, 0x2533): "PN533",
    (0x04E6, 0x5591): "SCL3711",
    (0x04E6, 0x5593): "SCL3712",
    (0x054C, 0x02E1): "RC-S330/360/370",
    (0x054C, 0x06C1): "RC-S380",
    (0x054C, 0x06C3): "RC-S380",
    (0x072F, 0x2200): "ACR122U",
}


def look(registry: Registry) -> Survey:
    """Everything that is plugged in, as far as the system tells. Opens nothing."""
    found: list[Found] = []
    unseen: list[Phrase] = []
    ports: Sequence[SerialPort] = ()
    if find_spec("serial") is None:
        unseen.append(
            Phrase(
                "Không xem được cổng nối tiếp: thiếu thư viện pyserial. Hãy cài: pip install 'tramsach[devices]'",
                "Serial ports cannot be seen: pyserial is not installed. Install it: pip install 'tramsach[devices]'",
            )
        )
    else:
        from drivers.port import serial_ports  # noqa: PLC0415 - only where its library is

        ports = serial_ports()
        found += [_on_port(port) for port in ports]
    adapters = {(port.vendor, port.product, port.serial) for port in ports}
    try:
        plugged = usb_devices()
    except CannotLook as blind:
        unseen.append(blind.phrase)
    else:
        for device in plugged:
            if not device.has(_HUB) and (device.vendor, device.product, device.serial) not in adapters:
                found.append(_on_usb(device))
    found += [_printer_file(file) for file in sorted(_PRINTER_FILES.glob("lp*"))]
    return Survey(tuple(_with_status(one, registry) for one in found), tuple(unseen))


def usb_devices() -> list[UsbDevice]:
    """The USB devices of this machine: on Linux from its files, elsewhere through libusb. Raises CannotLook."""
    return usb_in_files(_SYSFS) if _SYSFS.is_dir() else usb_through_library()


def usb_in_files(folder: Path) -> list[UsbDevice]:
    """What Linux says in its files: a folder for each device, beside it one for each of its interfaces."""
    devices = []
    for at in sorted(folder.iterdir()):
        vendor, product = _number(at / "idVendor"), _number(at / "idProduct")
        if vendor is None or product is None:
            continue  # an interface
        interfaces = frozenset(
            (_number(below / "bInterfaceClass") or 0, _number(below / "bInterfaceProtocol") or 0)
            for below in folder.glob(f"{at.name}:*")
        )
        devices.append(UsbDevice(vendor, product, _line(at / "product"), _line(at / "serial"), interfaces))
    return devices


def usb_through_library() -> list[UsbDevice]:
    """What libusb says. What a plug does not tell without rights, its name and number, stays empty."""
    try:
        import usb1  # noqa: PLC0415 - brings a library of the system's with it
    except ImportError as error:
        raise CannotLook(_no_libusb(error)) from error
    try:
        with usb1.USBContext() as context:
            return [_described(device, usb1.USBError) for device in context.getDeviceIterator(skip_on_error=True)]
    except (OSError, usb1.USBError) as error:
        raise CannotLook(_no_libusb(error)) from error


def _no_libusb(error: Exception) -> Phrase:
    sentence = Phrase(
        "Không xem được USB: thiếu libusb, hoặc nó từ chối ({error}). Trên Debian hãy cài: libusb-1.0-0",
        "USB cannot be seen: libusb is missing, or refuses ({error}). On Debian install: libusb-1.0-0",
    )
    return sentence.fill(error=type(error).__name__)


def _described(device: Any, refused: type[Exception]) -> UsbDevice:
    def told(ask: Callable[[], str | None]) -> str:
        try:
            return ask() or ""
        except refused:
            return ""

    interfaces = frozenset((one.getClass(), one.getProtocol()) for one in device.iterSettings())
    name, serial = told(device.getProduct), told(device.getSerialNumber)
    return UsbDevice(device.getVendorID(), device.getProductID(), name, serial, interfaces)


def _line(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""  # a plug need not have it


def _number(file: Path) -> int | None:
    try:
        return int(_line(file), 16)
    except ValueError:
        return None


def _on_port(port: SerialPort) -> Found:
    drivers: tuple[str, ...] = ()
    if port.vendor is None:
        why = Phrase(
            "Cổng nối tiếp của máy; không biết có gì ở đầu dây. Hãy thử: tramsach devices probe {url}",
            "A serial port of the machine; nobody knows what is on its cable. Try: tramsach devices probe {url}",
        )
    elif port.vendor == _FEIG:
        drivers, why = ("feig",), Phrase("Mặt đọc FEIG.", "A pad of FEIG's.")
    else:
        why = Phrase(
            "Bộ chuyển USB–nối tiếp ({maker}); phải hỏi mới biết có gì sau nó: tramsach devices probe {url}",
            "A USB-serial adapter ({maker}); what is behind it must be asked: tramsach devices probe {url}",
        )
    maker = _MAKERS.get(port.vendor or 0, f"{port.vendor or 0:04x}")
    why = why.fill(url=port.url, maker=maker)
    return Found(port.url, port.description, why, drivers, port.serial, port.vendor, port.product)


def _on_usb(device: UsbDevice) -> Found:
    number = f"{device.vendor:04x}:{device.product:04x}"
    name, url = device.name, ""
    drivers: tuple[str, ...] = ()
    if model := _NFCPY.get((device.vendor, device.product)):
        drivers, url, name = ("nfc",), f"usb:{number}", name or model
        why = Phrase("Đầu đọc thẻ NFC {model}.", "An NFC card reader, {model}.").fill(model=model)
    elif device.vendor == _FEIG:
        why = Phrase(
            "Mặt đọc FEIG nối thẳng USB. Hãy nối nó qua cổng nối tiếp hoặc mạng.",
            "A FEIG reader on USB itself. Please connect it by its serial line or the network.",
        )
    elif device.has(_PRINTER):
        drivers, url = ("escpos",), ":".join(part for part in ("usb", number, device.serial) if part)
        why = Phrase("Máy in USB; phải là loại ESC/POS.", "A USB printer; it must be one for ESC/POS.")
    elif device.has(_SMART_CARD):
        drivers, url = ("pcsc",), "pcsc"
        why = Phrase("Đầu đọc thẻ của hệ điều hành (PC/SC).", "A card reader of the system's (PC/SC).")
    elif (_HID, _KEYBOARD) in device.interfaces:
        drivers = ("wedge",)
        why = Phrase(
            'Bàn phím, hoặc máy quét gõ như bàn phím: driver = "wedge", không có địa chỉ. Tốt hơn: đặt máy quét ở chế '
            "độ cổng nối tiếp (USB-COM).",
            'A keyboard, or a scanner that types like one: driver = "wedge", without an address. Better set it to a '
            "serial port (USB-COM).",
        )
    else:
        why = Phrase("Không có trình điều khiển nào biết {number}.", "No driver knows {number}.").fill(number=number)
    return Found(url, name or number, why, drivers, device.serial, device.vendor, device.product)


def _printer_file(file: Path) -> Found:
    return Found(str(file), file.name, Phrase("Máy in USB của Linux.", "A USB printer of Linux's."), ("escpos",))


def _with_status(found: Found, registry: Registry) -> Found:
    """What stands in the way of the driver that would suit is worth more than that it would."""
    for name in found.drivers:
        record = registry.get(name)
        if record and record.status is not Status.USABLE and record.reason:
            why = Phrase(f"{found.why.vi} {record.reason.vi}", f"{found.why.en} {record.reason.en}")
            return Found(found.url, found.name, why, (), found.serial, found.vendor, found.product)
    return found


# --- asking -------------------------------------------------------------------------------------------------------


class Answer(StrEnum):
    """What came of asking."""

    RECOGNISED = "recognised"
    UNFIT = "unfit"  # it is one of these, and of a kind that cannot do what is needed
    NOTHING = "nothing"  # no answer, or none in these words
    NOT_OPENED = "not_opened"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One question. ``line`` is None where there is no serial line; ``driver`` is empty when nobody could be asked."""

    driver: str
    line: SerialLine | None
    answer: Answer
    identity: Identity | None = None
    reason: str = ""


def probe(url: str, registry: Registry, *, listen: float) -> Iterator[Attempt]:
    """Asks whoever is at an address what it is, in the order that this module's beginning gives.

    ``listen`` is how many seconds a scanner has to speak. Ends with the first that is recognised or unfit. Nothing is
    asked of an address that cannot be opened.
    """
    drivers = [driver for driver in registry.usable() if scheme(url) in driver.schemes]
    if scheme(url) in {Scheme.SERIAL, Scheme.SOCKET}:
        heard = _listen(url, listen)
        yield heard
        if heard.answer is not Answer.NOTHING:
            return
    for driver in drivers:
        for attempt in _ask(driver, url):
            yield attempt
            if attempt.answer in {Answer.RECOGNISED, Answer.UNFIT}:
                return


def _listen(url: str, within: float) -> Attempt:
    from drivers.barcodes import CodeDecoder  # noqa: PLC0415 - both only where their library is
    from drivers.port import Port  # noqa: PLC0415

    line = SerialLine() if scheme(url) is Scheme.SERIAL else None
    decoder = CodeDecoder()
    until = time.monotonic() + within
    try:
        with Port.open(url, line) as port:
            while (left := until - time.monotonic()) > 0:
                decoder.receive(port.read(left))
                if isinstance(decoder.next_code(), Code):
                    return Attempt("scanner", line, Answer.RECOGNISED)
    except CannotOpen as error:
        return Attempt("", line, Answer.NOT_OPENED, reason=str(error))
    except DeviceError as error:
        return Attempt("scanner", line, Answer.NOTHING, reason=str(error))
    return Attempt("scanner", line, Answer.NOTHING)


def _ask(driver: Driver, url: str) -> Iterator[Attempt]:
    question = driver.question
    if question is None:
        return
    lines: tuple[SerialLine | None, ...] = question.lines if scheme(url) is Scheme.SERIAL else (None,)
    for line in lines or (None,):
        try:
            identity = question.ask(url, line)
        except NotSupported as error:
            yield Attempt(driver.name, line, Answer.UNFIT, reason=str(error))
        except CannotOpen as error:
            # A line that this port cannot have, such as parity on a pseudo-terminal: the next may do.
            yield Attempt(driver.name, line, Answer.NOT_OPENED, reason=str(error))
        except DeviceError as error:
            yield Attempt(driver.name, line, Answer.NOTHING, reason=str(error))
        else:
            yield Attempt(driver.name, line, Answer.RECOGNISED, identity)
            return
