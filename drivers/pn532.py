"""A PN532 on a serial line, for nfcpy: its chip driver as it is, over a :class:`drivers.port.Port`.

nfcpy comes with a way to open serial lines, which is not used. It knows only some names under ``/dev``; it asks a shell
for the highest speed of the line and puts the chip to it, so that a program that was killed leaves a chip that hears
nobody until its power is cut; and errors of a line that was pulled out get past it. So the chip stays at the 115200
baud it wakes up with, which a card's few bytes do not notice, and any address of a port will do, one on the network
too.

Frames (PN532 user manual, 6.2.1): ``00 00 FF LEN LCS … DCS 00``; longer ones ``00 00 FF FF FF LEN LEN LCS … DCS 00``;
acknowledge ``00 00 FF 00 FF 00``; refused ``00 00 FF FF 00 00``. nfcpy wants them whole, from the first zero to the
last, and checks the sums itself.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import Any, ClassVar, Final

from drivers.codec import NOT_YET, NotYet
from drivers.devices import SerialLine
from drivers.port import Port

_LINE: Final = SerialLine(115200)
_START: Final = b"\0\0\xff"
_EXTENDED: Final = b"\xff\xff"
#: Acknowledge and refusal have no length: these stand where it would be.
_SHORT: Final = (b"\0\xff", b"\xff\0")
#: The host's longest command is 265 bytes, and no answer is longer.
_LONGEST: Final = 300
#: Wakes the chip when it sleeps: it takes as long to wake as these take on the line (user manual, 7.2.11).
_WAKE: Final = bytes(10)
#: Some adapters hold the first bytes back for a second after they were opened; each attempt takes 0.1 s.
_WAKE_ATTEMPTS: Final = 12


class Pn53xDecoder:
    """Cuts a serial line into frames of a PN53x, from the host or from the chip. Pure; see :mod:`drivers.codec`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = 0

    @property
    def skipped(self) -> int:
        """How many bytes so far belonged to no frame."""
        return self._skipped

    def receive(self, data: bytes) -> None:
        """Takes in bytes as they came."""
        self._buffer += data

    def next_frame(self) -> bytes | NotYet:
        """The next whole frame, from the first zero to the last; its check sums are not looked at."""
        while True:
            start = self._buffer.find(_START)
            if start < 0:
                self._skip(max(0, len(self._buffer) - len(_START) + 1))
                return NOT_YET
            self._skip(start)
            length = self._length()
            if length is None or len(self._buffer) < length:
                return NOT_YET
            if length > 0:
                frame = bytes(self._buffer[:length])
                del self._buffer[:length]
                return frame
            self._skip(1)

    def silence(self) -> None:
        """The line has been quiet for longer than any pause within a frame: what is half there stays so."""
        self._skip(len(self._buffer))

    def _skip(self, count: int) -> None:
        self._skipped += count
        del self._buffer[:count]

    def _length(self) -> int | None:
        """Of the frame the buffer begins with; None when it does not show yet, 0 when it can be no frame."""
        head = bytes(self._buffer[3:8])
        if len(head) < 2:
            return None
        if head[:2] in _SHORT:
            return 6
        if head[:2] != _EXTENDED:
            return 7 + head[0] if sum(head[:2]) & 0xFF == 0 else 0
        if len(head) < 5:
            return None
        length = 10 + int.from_bytes(head[2:4])
        return length if sum(head[2:5]) & 0xFF == 0 and length <= _LONGEST else 0


class ChipLine:
    """The serial line as nfcpy's chip drivers want it: one frame out, one frame in, times in milliseconds.

    A line that is silent is an OSError, as nfcpy expects; what is wrong with the port itself goes through nfcpy as the
    :class:`drivers.devices.WireError` it is.
    """

    #: The chip driver sets the speed of a line back at the end; it was never changed, so that changes nothing.
    TYPE: ClassVar = "TTY"
    manufacturer_name: ClassVar = None
    product_name: ClassVar = None

    def __init__(self, port: Port) -> None:
        self._port = port
        self._decoder = Pn53xDecoder()
        self.baudrate = _LINE.baud

    @property
    def port(self) -> str:
        """The address of the port."""
        return self._port.url

    def write(self, frame: bytes | bytearray) -> None:
        """Sends a frame. What has come in before it answers nothing, and is dropped."""
        self._port.read(0)
        self._decoder = Pn53xDecoder()
        self._port.write(bytes(frame))

    def read(self, timeout: int) -> bytearray:
        """The next frame. Raises OSError when none comes within so many milliseconds."""
        until = time.monotonic() + timeout / 1000
        while (frame := self._decoder.next_frame()) is NOT_YET:
            left = until - time.monotonic()
            if left <= 0:
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
            self._decoder.receive(self._port.read(left))
        return bytearray(frame)

    def close(self) -> None:
        """Lets go of the line."""
        self._port.close()


def connect(driver: Any, url: str) -> Any:
    """nfcpy's device for the chip at a port; ``driver`` is nfcpy's module ``nfc.clf.pn532``.

    Raises CannotOpen where there is no port, OSError and WireError where no chip answers. The port is closed then.
    """
    port = Port.open(url, _LINE)
    try:
        log = logging.getLogger(driver.__name__)
        chip = driver.Chipset(ChipLine(port), logger=log)
        _wake(chip)
        device = driver.Device(chip, logger=log)
    except BaseException:
        port.close()
        raise
    return device


def _wake(chip: Any) -> None:
    """Wakes the chip, and makes sure that somebody is there. Raises OSError, WireError."""
    for attempts_left in reversed(range(_WAKE_ATTEMPTS)):
        chip.transport.write(_WAKE)
        try:
            chip.get_firmware_version()
        except OSError:
            if not attempts_left:
                raise
        else:
            break
    chip.sam_configuration("normal")
