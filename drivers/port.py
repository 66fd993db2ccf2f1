"""Bytes through a URL: one port, one conversation over it, and the log level on which bytes may be seen.

The address says what kind of wire it is: ``/dev/ttyUSB0`` or ``COM3`` a serial line, ``socket://host:port`` TCP,
``loop://`` and ``spy://…`` as pyserial has them. A :class:`Port` does three things with it: write, read what has
arrived within some time, close. Whatever the operating system or pyserial has to say against it becomes a
:class:`drivers.devices.WireError` here and nowhere else.

TCP does not go through pyserial, whose ``socket://`` waits 5 s for a host that is not there, sleeps 0.3 s after
closing, keeps the socket when the other end closed first, and hands out one byte at a time.

Threads: one thread reads and writes; any thread may close. A read under way then ends with ``PortClosed``: at once over
TCP, within 50 ms on a serial line, because a descriptor that is closed while another thread waits on it may be somebody
else's by the time that thread looks again.

A serial line may come back under another name (``/dev/ttyUSB1``) when its plug was pulled and put in again, so a
device is remembered by the serial number in its USB plug: :func:`whereabouts` turns that into an address.

Bytes on the wire are logged at level ``TRAFFIC``, below DEBUG, and at no other: they may hold the number of a card. Of
a *private* port only their number is logged, and errors do not carry them: what a printer is sent is a receipt.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

from drivers.codec import NOT_YET, Command, Decoder, ResultT
from drivers.devices import CannotOpen, DeviceError, NoAnswer, PortClosed, SerialLine, WireError

try:
    from termios import error as TermiosError  # noqa: N812 - it is a class with the name of a function
except ImportError:  # Windows has no termios, and pyserial there raises OSError alone
    _BROKEN: tuple[type[Exception], ...] = (OSError, ValueError)
else:
    # A line that refuses a setting (a pseudo-terminal has no parity) says so with an error that is no OSError.
    _BROKEN = (OSError, ValueError, TermiosError)

#: The log level for bytes on the wire.
TRAFFIC: Final = 5
logging.addLevelName(TRAFFIC, "TRAFFIC")

_log = logging.getLogger(__name__)

#: How long a host may take to accept a connection, and any wire to take what is written. Devices stand in the same
#: room.
_PATIENCE: Final = 2.0
#: How long a serial read may hold the port against somebody who wants to close it.
_SLICE: Final = 0.05
_CHUNK: Final = 4096


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port of this machine; of one behind USB what its plug says, as far as it says it."""

    url: str
    description: str = ""
    serial: str = ""
    vendor: int | None = None
    product: int | None = None


def serial_ports() -> list[SerialPort]:
    """The serial ports there are at this moment, in the order of their names. Opens none."""
    ports = [
        SerialPort(port.device, port.product or "", port.serial_number or "", port.vid, port.pid)
        for port in list_ports.comports()
    ]
    return sorted(ports, key=lambda port: port.url)


def whereabouts(url: str, serial_number: str, *, others: Collection[str] = ()) -> str:
    """Where the device with this serial number is: on the port that has it, else at its URL.

    The URL also decides where several ports have the number, as those of one adapter with several sockets do. It is
    the fallback after a change of cables, but never a port that has the number of one of the ``others``: a device that
    is away must not keep another from its port. Raises CannotOpen then.
    """
    if not serial_number and not others:
        return url
    # A name that udev keeps (/dev/serial/by-id/…) points at the port's own.
    named = os.path.realpath(url) if url.startswith("/dev/") else url
    ports = serial_ports()
    found = [port.url for port in ports if serial_number and port.serial == serial_number]
    if found:
        return url if named in found else found[0]
    if any(port.url == named and port.serial in others for port in ports):
        raise CannotOpen(f"{url} is another device's port now, and no port has this one's serial number")
    return url


class Transport(Protocol):
    """A kind of wire, used by one thread but for :meth:`close`. What fails raises OSError or ValueError."""

    def send(self, data: bytes) -> None: ...

    def receive(self, seconds: float) -> bytes: ...

    def close(self) -> None: ...


class _Tcp:
    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), _PATIENCE)
        # Frames are small and each waits for its answer, which is what Nagle's algorithm is worst at.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def send(self, data: bytes) -> None:
        self._socket.settimeout(_PATIENCE)
        self._socket.sendall(data)

    def receive(self, seconds: float) -> bytes:
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(_CHUNK)
        except (TimeoutError, BlockingIOError):
            return b""
        if not data:
            raise OSError("the other end closed the connection")
        return data

    def close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in recv
        except OSError:
            pass  # the other end was quicker
        finally:
            self._socket.close()


class _Serial:
    def __init__(self, url: str, line: SerialLine) -> None:
        bits, parity, stop = line.framing
        self._closing = False
        self._lock = threading.Lock()
        self._serial = serial.serial_for_url(
            url,
            baudrate=line.baud,
            bytesize=int(bits),
            parity=parity,
            stopbits=int(stop),
            timeout=_SLICE,
            write_timeout=_PATIENCE,
            exclusive=True,
        )

    def send(self, data: bytes) -> None:
        with self._lock:
            self._serial.write(data)

    def receive(self, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        while True:
            with self._lock:
                if self._closing:
                    return b""
                waiting = self._serial.in_waiting
                # The time-out stays what it is: to change it means to set up the whole line anew, which some adapters
                # take badly. So a read of nothing waits a slice, and several slices make the time.
                if waiting or seconds > 0:
                    data = bytes(self._serial.read(max(1, waiting)))
                    if data:
                        return data
            if time.monotonic() >= until:
                return b""

    def close(self) -> None:
        self._closing = True
        with self._lock:
            self._serial.close()


class Port:
    """An open wire. Made by :meth:`open`; a context manager."""

    def __init__(self, url: str, transport: Transport, *, private: bool = False) -> None:
        self.url = url
        self._transport = transport
        self._private = private
        self._closed = False

    @classmethod
    def open(
        cls,
        url: str,
        line: SerialLine | None = None,
        *,
        private: bool = False,
        others: Mapping[str, Callable[[str], Transport]] | None = None,
    ) -> Self:
        """Opens the wire at a URL. ``others`` are kinds of wire of the driver's own, by scheme. Raises CannotOpen."""
        try:
            if url.startswith("socket://"):
                parts = urlsplit(url)
                if not parts.hostname or parts.port is None:
                    raise ValueError("an address on the network is socket://host:port")
                return cls(url, _Tcp(parts.hostname, parts.port), private=private)
            scheme, _, rest = url.partition(":")
            if others and scheme in others:
                return cls(url, others[scheme](rest), private=private)
            return cls(url, _Serial(url, line or SerialLine()), private=private)
        except _BROKEN as error:
            raise CannotOpen(f"cannot open {url}: {error}") from error

    def write(self, data: bytes) -> None:
        """Hands all the bytes to the wire. Raises WireError, PortClosed."""
        self._trace(">", data)
        try:
            self._transport.send(data)
        except _BROKEN as error:
            raise self._translated(error, sent=b"" if self._private else data) from error
        if self._closed:
            raise PortClosed(f"{self.url} was closed", sent=b"" if self._private else data)

    def read(self, within: float) -> bytes:
        """What has arrived, as soon as there is something; nothing when ``within`` seconds have passed, 0 to only look.

        Raises WireError, PortClosed.
        """
        try:
            data = self._transport.receive(max(within, 0.0))
        except _BROKEN as error:
            raise self._translated(error) from error
        if self._closed:
            raise PortClosed(f"{self.url} was closed", received=data)
        if data:
            self._trace("<", data)
        return data

    def close(self) -> None:
        """Lets go of the wire; from any thread, any number of times. What cannot be closed is gone already."""
        if self._closed:
            return
        self._closed = True
        try:
            self._transport.close()
        except _BROKEN as error:
            _log.debug("%s did not close: %s", self.url, type(error).__name__)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _trace(self, way: str, data: bytes) -> None:
        _log.log(TRAFFIC, "%s %s %s", self.url, way, f"{len(data)} bytes" if self._private else data.hex())

    def _translated(self, error: Exception, sent: bytes = b"") -> WireError:
        if self._closed:
            return PortClosed(f"{self.url} was closed", sent=sent)
        return WireError(f"{self.url} broke: {error}", sent=sent)


class Dialogue:
    """Questions and answers over a port, one at a time: runs the commands of a codec.

    ``answer_within`` is what the device may take for an answer, in seconds; it must be longer than the device's own
    limit, or a slow answer is taken for the answer to the next question. ``gap`` is the silence the device wants
    between an answer and the next question. ``quiet`` is longer than any pause within a frame.
    """

    def __init__(
        self,
        port: Port,
        decoder: Callable[[], Decoder],
        *,
        answer_within: float,
        gap: float = 0.0,
        quiet: float = 0.1,
    ) -> None:
        self._port = port
        self._new_decoder = decoder
        self._decoder = decoder()
        self._answer_within = answer_within
        self._gap = gap
        self._quiet = quiet
        self._asked = 0.0
        self._heard = 0.0
        self._sent = b""
        self._received = bytearray()
        self._answer_times: deque[float] = deque(maxlen=200)

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds from question to answer, of the latest 200."""
        return tuple(self._answer_times)

    def run(self, command: Command[ResultT]) -> ResultT:
        """Carries a command out. Raises what the command raises: WireError where it does not handle one itself."""
        try:
            to_send = next(command)
            while True:
                try:
                    if to_send:
                        self._ask(to_send)
                    frame = self._answer()
                except DeviceError as error:
                    to_send = command.throw(error)
                else:
                    to_send = command.send(frame)
        except StopIteration as done:
            result: ResultT = done.value
            return result

    def _ask(self, question: bytes) -> None:
        too_early = self._heard + self._gap - time.monotonic()
        if too_early > 0:
            time.sleep(too_early)
        # Whatever stands here was said before the question, so it is not the answer.
        if self._port.read(0):
            _log.debug("%s: bytes nobody asked for are dropped", self._port.url)
        self._decoder = self._new_decoder()
        self._sent, self._received = question, bytearray()
        self._port.write(question)
        self._asked = time.monotonic()

    def _answer(self) -> bytes:
        until = self._asked + self._answer_within
        quiet = False
        while True:
            frame = self._decoder.next_frame()
            if frame is not NOT_YET:
                self._heard = time.monotonic()
                self._answer_times.append(self._heard - self._asked)
                return frame
            # A device answers once. When what came was rubbish and the line is quiet, waiting longer helps nobody.
            if quiet and self._decoder.skipped:
                raise self._no_answer("an unreadable answer")
            left = until - time.monotonic()
            if left <= 0:
                raise self._no_answer("no answer")
            data = self._port.read(min(left, self._quiet))
            quiet = not data
            if quiet:
                self._decoder.silence()
            else:
                self._received += data
                self._decoder.receive(data)

    def _no_answer(self, what: str) -> NoAnswer:
        return NoAnswer(f"{self._port.url}: {what}", sent=self._sent, received=bytes(self._received))
