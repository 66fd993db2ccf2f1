"""A simulated barcode scanner: what it is told to scan goes out over the wire, with the line end it is set to.

It says nothing unless something is scanned, and hears nothing. What is scanned before a driver is there waits for it;
what is scanned while the cable is pulled is lost.

    with SimulatedScanner() as scanner:
        ...  # a driver at scanner.url
        scanner.scan("TN-000123")

One that plays a keyboard has no wire: :func:`keystrokes` says which keys it presses and when.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from enum import StrEnum
from typing import Final, Self

from drivers.simulators.wire import Faults, Link, Outlet, Pace, Wire

_PACE: Final = Pace(9600)
#: Bytes that stand in no code.
_NOISE: Final = range(0x80, 0x100)
_NOISE_LENGTH: Final = 24


class ScannerFault(StrEnum):
    """What can be made to go wrong."""

    NOISE = "noise"  # rubbish goes out before the code, as when a cable runs beside a motor
    BROKEN_OFF = "broken_off"  # the second half of the code and its line end never come
    CABLE_PULLED = "cable_pulled"


class SimulatedScanner:
    """The scanner. Starts at once; a context manager."""

    def __init__(
        self, *, link: Link = Link.TCP, real_time: bool = False, port: int = 0, prefix: str = "", line_end: str = "\r"
    ) -> None:
        """``prefix`` and ``line_end`` go out around each code. With ``real_time`` bytes come as at 9600 baud."""
        self._prefix = prefix
        self._line_end = line_end
        self._lock = threading.Lock()
        self._unsent: deque[bytes] = deque()
        self._faults: Faults[ScannerFault] = Faults()
        self._outlet = Outlet(self._serve, link=link, pace=_PACE if real_time else None, port=port)

    @property
    def url(self) -> str:
        """Where a driver finds it."""
        return self._outlet.url

    def scan(self, *codes: str) -> None:
        """Scans codes, one right after the other."""
        for code in codes:
            whole = (self._prefix + code).encode()
            if self._faults.strikes(ScannerFault.NOISE):
                self.send(bytes(random.choices(_NOISE, k=_NOISE_LENGTH)) + self._line_end.encode())
            if self._faults.strikes(ScannerFault.BROKEN_OFF):
                self.send(whole[: len(whole) // 2])
            else:
                self.send(whole + self._line_end.encode())

    def send(self, data: bytes) -> None:
        """Sends bytes that are no code, or not all of one."""
        with self._lock:
            if ScannerFault.CABLE_PULLED not in self.faults():
                self._unsent.append(data)
        self._outlet.poke()

    def cause(self, fault: ScannerFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended. A cable stays pulled until it is mended."""
        if fault is ScannerFault.CABLE_PULLED:
            with self._lock:
                self._faults.cause(fault)
                self._unsent.clear()
            self._outlet.pull()
        else:
            self._faults.cause(fault, times)

    def mend(self, fault: ScannerFault | None = None) -> None:
        """Ends one fault, or all."""
        self._faults.mend(fault)
        if fault in {None, ScannerFault.CABLE_PULLED}:
            self._outlet.plug_in()

    def faults(self) -> frozenset[ScannerFault]:
        """What would go wrong now."""
        return self._faults.switched_on()

    def close(self) -> None:
        """Ends the simulation."""
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the outlet's thread ---

    def _serve(self, wire: Wire) -> None:
        while True:
            while (data := self._next()) is not None:
                wire.write(data)
            wire.read()  # until it is poked, or hung up on; what a host has to say to a scanner is not heard

    def _next(self) -> bytes | None:
        with self._lock:
            return self._unsent.popleft() if self._unsent else None


def keystrokes(
    code: str, *, at: float = 0.0, each: float = 0.004, prefix: str = "", line_end: str = "\r"
) -> list[tuple[str, float]]:
    """The keys with which a keyboard wedge types a code, with their times; ``each`` is what one takes, in seconds."""
    return [(key, at + number * each) for number, key in enumerate(prefix + code + line_end)]
