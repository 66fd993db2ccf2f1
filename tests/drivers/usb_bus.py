"""A USB bus for pyusb: what libusb would say, and behind a printer's endpoints a simulated one.

pyusb asks a *backend* for everything; this one has descriptors of a printer and moves bytes to and from
``drivers.simulators.printer`` over its TCP port. So all of python-escpos and pyusb that a driver touches is real.
"""

import errno
import socket
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import usb.backend.libusb1
import usb.core

PACKET = 64
BULK_OUT, BULK_IN = 0x03, 0x84  # not those that python-escpos takes for granted
_GONE = "the plug was pulled"


@dataclass(eq=False)
class Plug:
    """A printer on the bus. ``interface_class`` is 7 for a printer, ``ways`` its endpoints."""

    url: str
    vendor: int = 0x04B8
    product: int = 0x0E15
    serial: str = "J2X4001"
    interface_class: int = 7
    ways: tuple[int, ...] = (BULK_OUT, BULK_IN)
    resets: int = 0
    kernel_driver: bool = True
    opened: socket.socket | None = None
    #: How much was ever written or read at a time.
    sizes: set[int] = field(default_factory=set)

    def connect(self) -> socket.socket:
        """The wire to the simulated printer; a bus with the plug pulled has none."""
        if self.opened is None:
            parts = urlsplit(self.url)
            self.opened = socket.create_connection((parts.hostname or "", parts.port or 0), 2)
        return self.opened

    def let_go(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None


def _error(number: int, what: str) -> usb.core.USBError:
    return usb.core.USBError(what, -4, number)


class Bus:
    """A pyusb backend. Its module must look like libusb's, or python-escpos leaves the kernel's driver alone."""

    __module__ = "usb.backend.libusb1"

    def __init__(self, *plugs: Plug) -> None:
        self.plugs = list(plugs)

    # --- descriptors ---

    def enumerate_devices(self) -> Iterator[Plug]:
        return iter(list(self.plugs))

    def get_device_descriptor(self, plug: Plug) -> Any:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=plug.vendor, idProduct=plug.product, bcdDevice=0x100, iManufacturer=0,
            iProduct=0, iSerialNumber=3, bNumConfigurations=1, address=5, bus=1, port_number=1, port_numbers=(1,),
            speed=3,
        )  # fmt: skip

    def get_configuration_descriptor(self, plug: Plug, config: int) -> Any:
        del plug
        if config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=32, bNumInterfaces=1, bConfigurationValue=1, iConfiguration=0,
            bmAttributes=0xC0, bMaxPower=1, extra_descriptors=[],
        )  # fmt: skip

    def get_interface_descriptor(self, plug: Plug, interface: int, alternate: int, config: int) -> Any:
        if interface or alternate or config:
            raise IndexError
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=len(plug.ways),
            bInterfaceClass=plug.interface_class, bInterfaceSubClass=1, bInterfaceProtocol=2, iInterface=0,
            extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(self, plug: Plug, endpoint: int, *_: int) -> Any:
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=plug.ways[endpoint], bmAttributes=2, wMaxPacketSize=PACKET,
            bInterval=0, bRefresh=0, bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    def ctrl_transfer(self, plug: Plug, request: int, what: int, value: int, index: int, data: Any, limit: int) -> int:
        del request, what, index, limit
        self._here(plug)
        text = struct.pack("<H", 0x0409) if value & 0xFF == 0 else plug.serial.encode("utf-16-le")
        described = bytes((2 + len(text), 3)) + text
        data[: len(described)] = array("B", described)
        return len(described)

    # --- what is done with a device ---

    def _here(self, plug: Plug) -> Plug:
        if plug not in self.plugs:
            raise _error(errno.ENODEV, _GONE)
        return plug

    def open_device(self, plug: Plug) -> Plug:
        return self._here(plug)

    def close_device(self, plug: Plug) -> None:
        plug.let_go()

    def set_configuration(self, plug: Plug, value: int) -> None:
        del value
        if plug.kernel_driver:
            raise _error(errno.EBUSY, "usblp has it")

    def get_configuration(self, plug: Plug) -> int:
        self._here(plug)
        return 1

    def claim_interface(self, plug: Plug, interface: int) -> None:
        del interface
        self._here(plug)

    def release_interface(self, plug: Plug, interface: int) -> None:
        pass

    def reset_device(self, plug: Plug) -> None:
        self._here(plug).resets += 1

    def is_kernel_driver_active(self, plug: Plug, interface: int) -> bool:
        del interface
        return self._here(plug).kernel_driver

    def detach_kernel_driver(self, plug: Plug, interface: int) -> None:
        del interface
        plug.kernel_driver = False

    def bulk_write(self, plug: Plug, endpoint: int, interface: int, data: Any, timeout: int) -> int:
        del interface
        assert endpoint == BULK_OUT
        assert 0 < timeout <= 5000  # 0 would be for ever
        plug.sizes.add(len(data))
        try:
            self._here(plug).connect().sendall(bytes(data))
        except OSError as error:
            raise _error(errno.EIO, _GONE) from error
        return len(data)

    def bulk_read(self, plug: Plug, endpoint: int, interface: int, data: Any, timeout: int) -> int:
        del interface
        assert endpoint == BULK_IN
        assert 0 < timeout <= 5000
        assert len(data) % PACKET == 0  # or a full packet is an overflow
        try:
            wire = self._here(plug).connect()
            wire.settimeout(timeout / 1000)
            come = wire.recv(len(data))
        except TimeoutError:
            raise usb.core.USBTimeoutError("nothing", -7, errno.ETIMEDOUT) from None
        except OSError as error:
            raise _error(errno.EIO, _GONE) from error
        if not come:
            raise _error(errno.EIO, _GONE)
        data[: len(come)] = array("B", come)
        return len(come)

    # pyusb looks all three up before it takes the one that the endpoint's type calls for.
    intr_write = iso_write = bulk_write
    intr_read = iso_read = bulk_read


def on_the_bus(monkeypatch: pytest.MonkeyPatch, *plugs: Plug) -> Bus:
    """Has pyusb see these plugs and no others."""
    bus = Bus(*plugs)
    monkeypatch.setattr(usb.backend.libusb1, "get_backend", lambda: bus)
    return bus
