"""Barcode and 2D scanners on a serial line or over TCP: bytes in, codes out.

A scanner sends a code in one go and a line end behind it, whenever it likes; nothing is ever asked. So the codec is a
decoder alone. Between two line ends stands a code, or something that can be none (:mod:`drivers.codes` tells), or half
of one, when the scanner fell silent in the middle for longer than a pause within a code. What is none is counted; the
next code is read as if nothing had been.

Which line end a scanner sends is a matter of its set-up, so by default any is taken: CR, LF, or both (facts/rfid.md,
6.6). Prefixes that a scanner puts before a code (``]C0`` and its like, ISO/IEC 15424) are removed by setting. Scanners
that play a keyboard are in :mod:`drivers.keyboard_wedge`.

A code may be the number of a reader's card: it is in no log, and neither is what was ignored.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Self

from drivers.codec import NOT_YET, NotYet
from drivers.codes import LONGEST_LINE, Code, CodeForm, CodeRules, Ignored, LineEnd, Noise, read_code
from drivers.devices import BarcodeScanned, DeviceEvent, Identity, SerialLine
from drivers.port import Port

_log = logging.getLogger(__name__)

#: How long one poll listens, in seconds.
_LISTEN: Final = 0.25
#: How long a connection must hold before it is believed in. A serial server whose scanner is away lets one connect,
#: and hangs up.
_PROBATION: Final = 0.1
#: A line that is quiet for so long, in seconds, has broken off. Bytes of one code follow each other within
#: milliseconds, over a network within tenths of a second.
QUIET: Final = 0.5

_LINE_ENDS: Final = {
    LineEnd.ANY: (b"\r", b"\n"),  # between the two of CRLF stands nothing, which is no code
    LineEnd.CR: (b"\r",),
    LineEnd.LF: (b"\n",),
    LineEnd.CRLF: (b"\r\n",),
}


class CodeDecoder:
    """Cuts what a scanner sends into codes. Pure; holds no more bytes than the longest line may have."""

    def __init__(self, form: CodeForm | None = None, rules: CodeRules | None = None) -> None:
        self._form, self._rules = form or CodeForm(), rules or CodeRules()
        self._ends = _LINE_ENDS[self._form.line_end]
        self._longest = max(self._form.longest, LONGEST_LINE)
        self._line = bytearray()
        self._overlong = False
        self._codes: deque[Code | Ignored] = deque()
        self._ignored = 0

    @property
    def ignored(self) -> int:
        """How often so far something was no code."""
        return self._ignored

    @property
    def is_within_code(self) -> bool:
        """Whether a code has begun whose end has not come."""
        return bool(self._line) or self._overlong

    def receive(self, data: bytes) -> None:
        """Takes in bytes as they came."""
        for byte in data:
            self._line.append(byte)
            if self._line.endswith(self._ends):
                self._end_line()
            elif len(self._line) > self._longest + 1:  # one more: CR of a CRLF
                # From here to the line end it is only noise, and only the last byte may be half a line end.
                del self._line[:-1]
                self._overlong = True

    def silence(self) -> None:
        """The line has been quiet for longer than any pause within a code: what is half there stays so."""
        if self.is_within_code:
            overlong = self._overlong or len(self._line) > self._form.longest
            self._ignore(Noise.TOO_LONG if overlong else Noise.BROKEN_OFF)
        self._line.clear()
        self._overlong = False

    def next_code(self) -> Code | Ignored | NotYet:
        """The next code, or what was none."""
        return self._codes.popleft() if self._codes else NOT_YET

    def _end_line(self) -> None:
        line, overlong = bytes(self._line), self._overlong
        self._line.clear()
        self._overlong = False
        if overlong:
            self._ignore(Noise.TOO_LONG)
            return
        match read_code(line, self._form, self._rules):
            case Ignored(noise):
                self._ignore(noise)
            case Code() as code:
                self._codes.append(code)
            case None:
                pass  # between two line ends

    def _ignore(self, noise: Noise) -> None:
        self._ignored += 1
        self._codes.append(Ignored(noise))


class LineScanner:
    """A :class:`drivers.devices.BarcodeScanner` on a port."""

    def __init__(
        self,
        device: str,
        port: Port,
        form: CodeForm | None = None,
        rules: CodeRules | None = None,
        quiet: float = QUIET,
    ) -> None:
        self._device = device
        self._port = port
        self._decoder = CodeDecoder(form, rules)
        self._quiet = quiet
        self._heard = time.monotonic()

    @classmethod
    def open(
        cls,
        device: str,
        *,
        url: str,
        line: SerialLine | None = None,
        form: CodeForm | None = None,
        rules: CodeRules | None = None,
        quiet: float = QUIET,
    ) -> Self:
        """Opens the scanner at a URL. ``line`` and ``form`` are for those that are not set as delivered, ``rules`` is
        what this library's codes look like.

        Raises CannotOpen.
        """
        return cls(device, Port.open(url, line), form, rules, quiet)

    @property
    def rest(self) -> float:
        """None: it is listened to all the time."""
        return 0.0

    @property
    def answer_times(self) -> Sequence[float]:
        """Empty: it is never asked."""
        return ()

    @property
    def ignored(self) -> int:
        """How often something came that is no code."""
        return self._decoder.ignored

    def self_test(self) -> Identity:
        """There is nothing to ask a scanner: that its wire stays open must do. Raises WireError, PortClosed."""
        self._listen(_PROBATION)
        return Identity()

    def poll(self) -> Iterator[DeviceEvent]:
        """Listens for a quarter of a second. Raises WireError, PortClosed."""
        self._listen(min(_LISTEN, self._quiet))
        while (code := self._decoder.next_code()) is not NOT_YET:
            match code:
                case Ignored(noise):
                    _log.debug("%s: ignored, %s", self._device, noise)
                case Code(text, kind):
                    yield BarcodeScanned(self._device, text, kind)

    def _listen(self, within: float) -> None:
        if data := self._port.read(within):
            self._heard = time.monotonic()
            self._decoder.receive(data)
        elif self._decoder.is_within_code and time.monotonic() - self._heard > self._quiet:
            self._decoder.silence()

    def close(self) -> None:
        """Lets go of the scanner; from any thread, any number of times."""
        self._port.close()
