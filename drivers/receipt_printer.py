"""Receipt printers: a picture out, and an honest answer to "did it come out?".

Theory of operation. What is said to a printer is in :mod:`drivers.escpos`. Here is when: a connection is opened for
each look and for each job, because printers hang up on idle ones (facts/receipts.md, 7), and it is this thread's alone.

After a failure the printer may hold the rest of a receipt, or wait for the rest of a block. It is told to forget it at
once, or as soon as it is there again: half of somebody's receipt must not come out when the paper is changed, and the
next one must not begin in the middle of a picture. For the same reason a printer that is met for the first time is told
so: it may have been left in the middle of something by a program that is no more.

python-escpos is not used, although the tests hold its bytes beside ours: it reads silence as paper, takes a Pillow
image where there is a picture already, puts a handler on the root logger and leaves a pickle in the temporary folder
(facts/receipts.md, 5.2 and 7).

What a receipt shows is in no log; that it came out, and how far, is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from drivers.codec import Command, ResultT
from drivers.devices import (
    DeviceEvent,
    Identity,
    NoAnswer,
    PortClosed,
    PrinterStatus,
    PrintOutcome,
    Raster,
    SerialLine,
    WireError,
)
from drivers.escpos import ANSWER_WITHIN, PrintFault, PrintReport, forget, print_receipt, query_condition
from drivers.port import Port

_log = logging.getLogger(__name__)

#: Dots across paper of 80 mm and 58 mm at 203 dpi (facts/receipts.md, 3.2).
WIDTH_80_MM: Final = 576
WIDTH_58_MM: Final = 384

#: Written at a time: little enough that a serial line takes it in well before the port loses patience.
_PIECE: Final = 1024
#: Seconds between two looks at a printer.
_REST: Final = 2.0


class EscPosPrinter:
    """A :class:`drivers.devices.ReceiptPrinter` at an address, usually ``socket://host:9100``."""

    def __init__(
        self,
        device: str,
        *,
        url: str,
        line: SerialLine | None = None,
        width: int = WIDTH_80_MM,
        cutter: bool = True,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        """``width`` is that of the paper in dots; without a ``cutter`` the paper is fed to where it is torn.

        ``answer_within`` is the measure of all waiting, in seconds (see :mod:`drivers.escpos`).
        """
        self._device = device
        self._url = url
        self._line = line
        self._width = width
        self._cutter = cutter
        self._answer_within = answer_within
        self._status: PrinterStatus | None = None
        self._must_forget = True
        self._worked = False
        self._answer_times: deque[float] = deque(maxlen=200)
        # Guards the two below, which any thread may meet in `close`.
        self._lock = threading.Lock()
        self._port: Port | None = None
        self._closed = False

    @property
    def rest(self) -> float:
        """Two seconds, since a printer changes within minutes; none after a job, which may have been a change."""
        return 0.0 if self._worked else _REST

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds from a real-time question to its answer; empty for a printer that does not answer."""
        return tuple(self._answer_times)

    @property
    def width(self) -> int:
        """Dots across the paper."""
        return self._width

    def self_test(self) -> Identity:
        """Connects. It may be a printer that never answers, so it cannot be asked to. Raises WireError."""
        with self._connected() as port:
            self._forget(port)
        return Identity()

    def poll(self) -> Iterator[DeviceEvent]:
        """One look at the printer. Raises WireError: nothing at its address, or a connection that broke."""
        self._worked = False
        with self._connected() as port:
            self._forget(port)
            condition = self._run(port, query_condition())
        status = PrinterStatus(self._device, condition.connection, condition.cover, condition.paper)
        if status != self._status:
            self._status = status
            yield status

    def print(self, receipt: Raster) -> PrintOutcome:
        """Prints a picture no wider than the paper, feeds and cuts."""
        return self.attempt(receipt).outcome

    def attempt(self, receipt: Raster) -> PrintReport:
        """As :meth:`print`, and says what stood in the way and how far it came. Raises no DeviceError."""
        if receipt.width > self._width:
            raise ValueError(f"a picture {receipt.width} dots wide on paper of {self._width}")
        self._worked = True
        report = PrintReport(PrintOutcome.FAILED, PrintFault.WIRE)
        try:
            with self._connected() as port:
                self._forget(port)
                report = self._run(port, print_receipt(receipt, cutter=self._cutter))
                self._must_forget = report.outcome is PrintOutcome.FAILED or report.fault is PrintFault.WIRE
                if report.fault is not PrintFault.WIRE:
                    self._forget(port)
        except WireError:
            self._must_forget = True
        told = (report.outcome, report.rows, receipt.height, report.fault or "no fault")
        _log.info("%s: receipt %s, %d of %d rows for certain, %s", self._device, *told)
        return report

    def close(self) -> None:
        """Lets go of the printer; from any thread, any number of times."""
        with self._lock:
            self._closed = True
            port = self._port
        if port is not None:
            port.close()

    @contextmanager
    def _connected(self) -> Iterator[Port]:
        if self._closed:
            raise PortClosed(f"{self._url} was closed")
        port = Port.open(self._url, self._line)
        with port:
            with self._lock:
                self._port = port
                closed = self._closed
            try:
                if closed:
                    raise PortClosed(f"{self._url} was closed")
                yield port
            finally:
                with self._lock:
                    self._port = None

    def _forget(self, port: Port) -> None:
        """Whatever the printer holds from before this program came to it, or from a receipt that failed, goes."""
        if self._must_forget:
            self._run(port, forget())
            self._must_forget = False

    def _run(self, port: Port, command: Command[ResultT]) -> ResultT:
        """Carries a command out. Unlike a dialogue it drops nothing, since answers may come late and still count."""
        heard: deque[int] = deque()
        asked = time.monotonic()
        try:
            to_send = next(command)
            while True:
                try:
                    if to_send:
                        for at in range(0, len(to_send), _PIECE):
                            port.write(to_send[at : at + _PIECE])
                        asked = time.monotonic()
                    self._hear(port, heard, asked + self._answer_within)
                except WireError as error:
                    to_send = command.throw(error)
                else:
                    if to_send[:2] == b"\x10\x04":
                        self._answer_times.append(time.monotonic() - asked)
                    to_send = command.send(bytes((heard.popleft(),)))
        except StopIteration as done:
            result: ResultT = done.value
            return result

    def _hear(self, port: Port, heard: deque[int], until: float) -> None:
        """Waits until there is a byte. Raises NoAnswer, also when bytes come without end."""
        while not heard:
            left = until - time.monotonic()
            heard.extend(port.read(left))
            if not heard and left <= 0:
                raise NoAnswer(f"{self._url}: no answer")
        if time.monotonic() > until + self._answer_within:
            raise NoAnswer(f"{self._url}: no answer, but other bytes")
