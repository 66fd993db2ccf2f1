"""Two kinds of wire that only printers have: USB itself, and the file that Linux makes of a USB printer.

``usb:04b8:0e15`` is a printer by the numbers of its vendor and product, ``usb:04b8:0e15:J2X4001`` the one of several
with this serial number. python-escpos finds it, takes it from the kernel's driver and resets it, which also ends half a
picture that it may wait for. The bytes then go through pyusb: python-escpos takes two endpoints for granted that often
are others, reads in pieces of 16 bytes, to which a longer packet is a fault, and believes that all was written.

``/dev/usb/lp0`` is the file, also as ``file:/dev/usb/lp0``. Unlike python-escpos, which opens it to write alone, its
answers are read here. Only a device is opened: a receipt must not end up on a disk.

A wire is used by one thread. It may be closed by any: a read holds it for a slice of time at most, as on a serial line.

Not tried on a real USB printer: docs/untried.md says how to.
"""

from __future__ import annotations

import errno
import os
import re
import select
import stat
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from drivers.devices import SerialLine
from drivers.port import Port, Transport
from drivers.printer_models import python_escpos

#: How long a printer may take to accept a piece, in seconds.
_PATIENCE: Final = 2.0
#: How long a read may hold the wire against somebody who wants to close it.
_SLICE: Final = 0.05
_CHUNK: Final = 512
#: What USB calls a printer (USB Device Class Definition for Printing Devices 1.1, 4.2.1), and two bits of endpoints.
_PRINTER: Final = 7
_BULK, _IN = 0x02, 0x80
#: What Linux says to a read from a printer that can only listen (drivers/usb/class/usblp.c).
_NO_WAY_BACK: Final = errno.EINVAL

_NUMBERS: Final = re.compile(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::(.+))?")


def open_printer(url: str, line: SerialLine | None = None) -> Port:
    """Opens the wire to a printer, on which nothing that goes through is logged. Raises CannotOpen."""
    known: dict[str, Callable[[str], Transport]] = {"usb": _Usb, "file": _DeviceFile}
    if url.startswith(("/dev/usb/lp", "/dev/lp")):
        url = f"file:{url}"
    return Port.open(url, line, private=True, others=known)


class _DeviceFile:
    def __init__(self, path: str) -> None:
        if sys.platform == "win32":
            raise ValueError("Windows has no files for printers")
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        if not stat.S_ISCHR(os.fstat(self._file).st_mode):
            os.close(self._file)
            raise ValueError("this is no device")
        self._lock = threading.Lock()
        self._closing = False
        self._answers = True

    def send(self, data: bytes) -> None:
        until = time.monotonic() + _PATIENCE
        while data:
            with self._lock:
                if self._closing:
                    return
                if self._is_ready(select.POLLOUT, _SLICE):
                    data = data[self._write(data) :]
                    continue
            if time.monotonic() > until:
                raise TimeoutError("the printer takes no bytes")

    def _is_ready(self, what: int, seconds: float) -> bool:
        """Whether there is something to do, be it to learn that the printer is gone."""
        poll = select.poll()
        poll.register(self._file, what)
        return bool(poll.poll(int(1000 * seconds)))

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._file, data)
        except BlockingIOError:  # there was room, but not enough
            time.sleep(_SLICE)
            return 0

    def receive(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while True:
            with self._lock:
                if self._closing:
                    return b""
                data = self._read(min(_SLICE, max(0.0, until - time.monotonic())))
            if data or time.monotonic() >= until:
                return data

    def _read(self, seconds: float) -> bytes:
        """What is there within the time; nothing, for ever, from a printer that has no way back."""
        if not self._answers:
            time.sleep(seconds)
            return b""
        if not self._is_ready(select.POLLIN, seconds):
            return b""
        try:
            data = os.read(self._file, _CHUNK)
        except BlockingIOError:
            data = b""
        except OSError as error:
            if error.errno != _NO_WAY_BACK:
                raise
            self._answers = False
            return b""
        if not data:
            time.sleep(seconds)  # a packet of no bytes
        return data

    def close(self) -> None:
        self._closing = True
        with self._lock:
            os.close(self._file)


class _Usb:
    def __init__(self, numbers: str) -> None:
        found = _NUMBERS.fullmatch(numbers)
        if not found:
            raise ValueError("a USB printer is usb:04b8:0e15, or usb:04b8:0e15:serial number")
        vendor, product, serial = int(found[1], 16), int(found[2], 16), found[3]
        self._core = import_module("usb.core")
        self._lock = threading.Lock()
        self._closing = False
        exceptions = python_escpos("exceptions")
        which = {"serial_number": serial} if serial else {}
        self._printer = python_escpos("printer").Usb(vendor, product, usb_args=which)
        try:
            self._printer.open()
        except exceptions.Error as error:
            raise OSError(f"no such printer, or no right to use it: {error}") from error
        self._device = self._printer.device
        try:
            self._out, self._in = self._endpoints()
        except (OSError, ValueError):
            self._printer.close()
            raise

    def _endpoints(self) -> tuple[Any, Any]:
        """Where to write to, and where to read from (None for a printer that has no way back)."""
        interfaces = sorted(
            self._device.get_active_configuration(), key=lambda interface: interface.bInterfaceClass != _PRINTER
        )
        for interface in interfaces:
            bulk = [one for one in interface if one.bmAttributes & 0x03 == _BULK]
            out = next((one for one in bulk if not one.bEndpointAddress & _IN), None)
            if out is not None:
                return out, next((one for one in bulk if one.bEndpointAddress & _IN), None)
        raise ValueError("this is no printer: there is nowhere to write to")

    def send(self, data: bytes) -> None:
        with self._lock:
            if self._closing:
                return
            written = self._out.write(data, int(1000 * _PATIENCE))
        if written != len(data):
            raise TimeoutError("the printer takes no bytes")

    def receive(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while True:
            left = min(_SLICE, max(0.0, until - time.monotonic()))
            with self._lock:
                if self._closing:
                    return b""
                data = self._read(left)
            if data or time.monotonic() >= until:
                return data

    def _read(self, seconds: float) -> bytes:
        if self._in is None:
            time.sleep(seconds)
            return b""
        begun = time.monotonic()
        try:
            # A time of 0 is for ever in libusb; and a read is of whole packets, or a longer one is a fault.
            size = _CHUNK // self._in.wMaxPacketSize * self._in.wMaxPacketSize or self._in.wMaxPacketSize
            data = bytes(self._in.read(size, max(1, int(1000 * seconds))))
        except self._core.USBTimeoutError:
            return b""
        if not data:
            time.sleep(max(0.0, seconds - (time.monotonic() - begun)))  # a packet of no bytes
        return data

    def close(self) -> None:
        self._closing = True
        with self._lock:
            self._printer.close()
