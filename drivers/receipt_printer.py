"""Receipt printers: a picture out, and an honest answer to "did it come out?".

Theory of operation. What is said to a printer is in :mod:`drivers.escpos`. Here is when, by this thread alone. Over the
network a connection is opened for each look and for each job, because printers hang up on idle ones (facts/receipts.md,
7). Any other wire stays open: USB is reset and a serial line drops its control lines when it is opened.

After a failure the printer may hold the rest of a receipt, or wait for the rest of a block. It is told to forget it at
once, or as soon as it is there again: half of somebody's receipt must not come out when the paper is changed, and the
next one must not begin in the middle of a picture. For the same reason a printer that is met for the first time is told
so: it may have been left in the middle of something by a program that is no more.

python-escpos says what a printer of a known model is like (:mod:`drivers.printer_models`) and reaches those on USB
(:mod:`drivers.printer_wires`). What is asked and answered is ours: it reads silence as paper (facts/receipts.md, 5.2).

What a receipt shows is in no log, not even at the level of bytes, and in no file; that it came out, and how far, is.
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
from drivers.escpos import (
    ANSWER_WITHIN,
    Condition,
    PrintFault,
    PrintReport,
    forget,
    print_receipt,
    query_condition,
    query_pushed_condition,
)
from drivers.port import Port
from drivers.printer_models import printer_model
from drivers.printer_wires import open_printer

_log = logging.getLogger(__name__)

#: Dots across paper of 80 mm at 203 dpi (facts/receipts.md, 3.2).
WIDTH_80_MM: Final = 576

#: Written at a time: little enough that a serial line takes it in well before the port loses patience.
_PIECE: Final = 1024
#: Seconds between two looks at a printer.
_REST: Final = 2.0


class EscPosPrinter:
    """A :class:`drivers.devices.ReceiptPrinter` at an address: ``socket://host:9100``, a serial port, or one of those
    in :mod:`drivers.printer_wires`.
    """

    def __init__(
        self,
        device: str,
        *,
        url: str,
        line: SerialLine | None = None,
        width: int | None = None,
        cutter: bool = True,
        model: str = "",
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        """``width`` is that of the paper in dots; without a ``cutter`` the paper is fed to where it is torn.

        ``model`` (see :mod:`drivers.printer_models`) says both where they are not given; without either the paper is
        of 80 mm. ``answer_within`` is the measure of all waiting, in seconds (see :mod:`drivers.escpos`). Raises
        NotSupported for a model that nobody knows.
        """
        known = printer_model(model) if model else None
        self._device = device
        self._url = url
        self._line = line
        self._width = width or (known.width if known else None) or WIDTH_80_MM
        self._cutter = cutter and (known is None or known.cutter)
        self._answer_within = answer_within
        self._status: PrinterStatus | None = None
        self._stays = not url.startswith("socket://")
        self._pushes = False
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
            if self._run(port, query_condition()) == Condition():
                self._pushes = self._run(port, query_pushed_condition()) != Condition()
        return Identity()

    def poll(self) -> Iterator[DeviceEvent]:
        """One look at the printer. Raises WireError: nothing at its address, or a connection that broke."""
        self._worked = False
        with self._connected() as port:
            self._forget(port)
            condition = self._run(port, query_pushed_condition() if self._pushes else query_condition())
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
                if report.fault is PrintFault.WIRE:
                    self._hang_up()
                else:
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
        """The wire, for as long as nothing is wrong with it."""
        with self._lock:
            port, closed = self._port, self._closed
        if closed:
            raise PortClosed(f"{self._url} was closed")
        if port is None:
            port = open_printer(self._url, self._line)
            with self._lock:
                self._port, closed = port, self._closed
        well = False
        try:
            if closed:
                raise PortClosed(f"{self._url} was closed")
            yield port
            well = True
        finally:
            if not (well and self._stays):
                self._hang_up()

    def _hang_up(self) -> None:
        with self._lock:
            port, self._port = self._port, None
        if port is not None:
            port.close()

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
