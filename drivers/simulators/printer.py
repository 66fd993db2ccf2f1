"""A simulated receipt printer: it reads ESC/POS, and what comes out is a picture of the paper.

The paper is a strip of dots that moves past the head and then past the cutter, a finger's breadth further on, as in a
real printer: what is cut without being fed loses its last lines to the next receipt, and every receipt begins with the
blank that lay between the two. Letters are not drawn, their line is fed: the product prints pictures alone.

Like the real ones it takes commands into a buffer and works them off at its own speed, or stops in the middle when the
paper is out or the cover is open, and goes on when that is mended; the buffer stays over a hung-up connection.
Real-time commands are obeyed as they arrive, also when their bytes stand in the middle of a picture (command
references of Epson and Citizen: "if print data includes a character string containing this command, the printer
performs the command"). Replies as in facts/receipts.md, 5.1 and 10.

    with SimulatedPrinter() as printer:
        ...  # a driver at printer.url
        printer.cause(PrinterFault.PAPER_OUT, after_rows=250)
        Path("receipt.png").write_bytes(png(printer.receipts()[-1]))
"""

from __future__ import annotations

import random
import re
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, Self

from drivers.codec import NOT_YET, NotYet
from drivers.devices import Raster
from drivers.simulators.wire import Link, Outlet, Pace, Wire

#: Rows between the head and the cutter: 1 cm.
CUTTER_GAP: Final = 80
#: Rows of a line of text, and of what ``ESC d`` calls a line.
LINE: Final = 30
#: Rows in a second at 150 mm/s.
_SPEED: Final = 1200
_KEPT: Final = 50
#: With real time the head is looked after so often, in seconds.
_TICK: Final = 0.005

_REAL_TIME: Final = re.compile(rb"\x10\x04([\x01-\x04])|\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08")
#: So much of a real-time command may have come without being whole.
_REAL_TIME_PART: Final = 9
_CLEARED: Final = bytes.fromhex("372500")

_ESC, _FS, _GS, _DLE, _LF, _NUL = b"\x1b", b"\x1c", b"\x1d", b"\x10", 0x0A, 0x00
#: How many bytes follow the two (of GS V and GS v: three) that name a command.
_ARGUMENTS: Final = {
    **dict.fromkeys((_ESC + name.encode() for name in "@2SL"), 0),
    **dict.fromkeys((_ESC + name.encode() for name in "Jdat!EG-MR3 {VTr=?"), 1),
    **dict.fromkeys((_ESC + name.encode() for name in "$\\cB"), 2),
    _ESC + b"p": 3,
    _ESC + b"W": 8,
    **dict.fromkeys((_FS + name.encode() for name in ".&"), 0),
    **dict.fromkeys((_FS + name.encode() for name in "!-C"), 1),
    _FS + b"S": 2,
    **dict.fromkeys((_GS + name.encode() for name in "!BhwHfraI/b|"), 1),
    **dict.fromkeys((_GS + name.encode() for name in "LWP"), 2),
    _GS + b":": 0,
    _GS + b"^": 3,
    _DLE + b"\x04": 1,
    _DLE + b"\x05": 1,
}
_RASTER_HEAD: Final = 8
#: A command that claims to be longer is rubbish.
_LONGEST: Final = 1 << 20


class PrinterFault(StrEnum):
    """What can be made to go wrong. All last until they are mended."""

    PAPER_OUT = "paper_out"
    PAPER_LOW = "paper_low"
    COVER_OPEN = "cover_open"
    CUTTER_JAMMED = "cutter_jammed"
    OFFLINE = "offline"  # and it does not say why
    NO_ANSWER = "no_answer"  # prints, and answers nothing
    NO_CONFIRMATION = "no_confirmation"  # answers in real time alone, as many cheap ones do
    NO_REAL_TIME = "no_real_time"  # answers only when a command's turn has come
    GARBAGE = "garbage"  # answers, but rubbish
    BUSY = "busy"  # takes in nothing, so that whoever sends must wait
    CABLE_PULLED = "cable_pulled"


_STOPS: Final = {
    PrinterFault.PAPER_OUT,
    PrinterFault.COVER_OPEN,
    PrinterFault.CUTTER_JAMMED,
    PrinterFault.OFFLINE,
}


@dataclass(frozen=True, slots=True)
class EscPosCommand:
    """One command: the bytes that name it, and those that follow. Text is a command without a name."""

    name: bytes
    arguments: bytes = b""


class EscPosReader:
    """Cuts what a printer receives into commands, in whatever pieces it comes. Pure."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._unknown = 0

    @property
    def unknown(self) -> int:
        """How many bytes so far began no command that is known."""
        return self._unknown

    @property
    def held(self) -> int:
        """How many bytes of a command have come whose end has not."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Takes in bytes as they came."""
        self._buffer += data

    def forget(self) -> None:
        """Drops what is held."""
        self._buffer.clear()

    def next_command(self) -> EscPosCommand | NotYet:
        """The next whole command."""
        while self._buffer:
            length = self._length()
            if length is NOT_YET:
                return NOT_YET
            if length > _LONGEST:
                length = 1
            if length > len(self._buffer):
                return NOT_YET
            taken = bytes(self._buffer[:length])
            del self._buffer[:length]
            if taken[:1] not in {_ESC, _FS, _GS, _DLE}:
                return EscPosCommand(b"", taken)
            name = taken[:3] if taken[:2] in {_GS + b"v", _GS + b"V"} else taken[:2]
            if length == 1:
                self._unknown += 1
            else:
                return EscPosCommand(name, taken[len(name) :])
        return NOT_YET

    def _length(self) -> int | NotYet:
        """How long the command at the beginning is; 1 for a byte that begins none."""
        head = bytes(self._buffer[:_RASTER_HEAD])
        if head[:1] not in {_ESC, _FS, _GS, _DLE}:
            text = re.match(rb"[^\x1b\x1c\x1d\x10]+", self._buffer)
            return text.end() if text else 1
        if len(head) < 2:
            return NOT_YET
        if (arguments := _ARGUMENTS.get(head[:2])) is not None:
            return 2 + arguments
        match head[:2]:
            case b"\x1dv":
                return self._raster_length(head)
            case b"\x1dV":
                return NOT_YET if len(head) < 3 else 4 if head[2] in b"AB" else 3
            case b"\x1bD":
                end = self._buffer.find(_NUL, 2)
                return NOT_YET if end < 0 else end + 1
            case b"\x1b*":
                if len(head) < 5:
                    return NOT_YET
                return 5 + int.from_bytes(head[3:5], "little") * (3 if head[2] in {32, 33} else 1)
            case b"\x1d*":
                return NOT_YET if len(head) < 4 else 4 + head[2] * head[3] * 8
            case b"\x1d(" | b"\x1c(":
                return NOT_YET if len(head) < 5 else 5 + int.from_bytes(head[3:5], "little")
            case b"\x1d8":
                return NOT_YET if len(head) < 7 else 7 + int.from_bytes(head[3:7], "little")
            case b"\x1dk":
                return self._barcode_length(head)
            case b"\x10\x14":
                return NOT_YET if len(head) < 3 else {1: 5, 2: 5, 7: 4, 8: 10}.get(head[2], 1)
            case _:
                return 1

    @staticmethod
    def _raster_length(head: bytes) -> int | NotYet:
        if len(head) < 3:
            return NOT_YET
        if head[2] != ord("0"):
            return 1
        if len(head) < _RASTER_HEAD:
            return NOT_YET
        return _RASTER_HEAD + int.from_bytes(head[4:6], "little") * int.from_bytes(head[6:8], "little")

    def _barcode_length(self, head: bytes) -> int | NotYet:
        if len(head) < 4:
            return NOT_YET
        if head[2] >= 65:
            return 4 + head[3]
        end = self._buffer.find(_NUL, 3)
        return NOT_YET if end < 0 else end + 1


@dataclass(slots=True)
class _Work:
    """Something that waits its turn: rows to print or feed, then perhaps a thing to do. ``size`` is in bytes."""

    rows: deque[bytes]
    then: Callable[[], None] | None = None
    size: int = 0


class SimulatedPrinter:
    """The printer, its buffer, its paper and its basket of receipts."""

    def __init__(
        self,
        *,
        width: int = 576,
        real_time: bool = False,
        rows_per_second: int = _SPEED,
        link: Link = Link.TCP,
        pace: Pace | None = None,
        port: int = 0,
    ) -> None:
        """``width`` is in dots. With ``real_time`` so many rows are printed in a second; otherwise all at once."""
        self._width = width
        self._stride = (width + 7) // 8
        self._row_time = 1 / rows_per_second if real_time else 0.0
        self._lock = threading.Lock()
        self._reader = EscPosReader()
        self._tail = b""
        self._work: deque[_Work] = deque()
        self._head_free = 0.0
        self._answers = bytearray()
        self._strip: list[bytes] = [self._blank()] * CUTTER_GAP
        self._receipts: deque[Raster] = deque(maxlen=_KEPT)
        self._printed = 0
        self._most_held = 0
        self._faults: set[PrinterFault] = set()
        self._due: list[tuple[int, PrinterFault]] = []
        # Whether GS a is switched on, and what it has pushed last.
        self._pushes = False
        self._pushed = b""
        self._off = False
        self._outlet = Outlet(self._serve, link=link, pace=pace, port=port)

    @property
    def url(self) -> str:
        """Where a driver finds it."""
        return self._outlet.url

    def receipts(self) -> tuple[Raster, ...]:
        """What was cut off, the latest fifty."""
        with self._lock:
            self._work_off()
            return tuple(self._receipts)

    def paper(self) -> Raster:
        """What sticks out and is not cut off yet."""
        with self._lock:
            self._work_off()
            return self._picture(self._strip[: len(self._strip) - CUTTER_GAP])

    def rows_printed(self) -> int:
        """How many rows of paper have moved since it was switched on."""
        with self._lock:
            self._work_off()
            return self._printed

    def most_held(self) -> int:
        """The most bytes that ever waited in its buffer."""
        with self._lock:
            return self._most_held

    def unknown(self) -> int:
        """How many bytes began no command that it knows."""
        with self._lock:
            return self._reader.unknown

    def cause(self, fault: PrinterFault, *, after_rows: int = 0) -> None:
        """Makes something go wrong, now or when so many more rows are out."""
        with self._lock:
            self._work_off()
            self._due.append((self._printed + after_rows, fault))
            self._strike()
        self._outlet.poke()

    def mend(self, fault: PrinterFault | None = None) -> None:
        """Ends one fault, or all, also those to come. What waited goes on."""
        with self._lock:
            self._work_off()
            self._due = [due for due in self._due if fault not in {None, due[1]}]
            self._faults -= {fault} if fault else set(PrinterFault)
            self._push()
            self._head_free = time.monotonic()
        if fault in {None, PrinterFault.CABLE_PULLED}:
            self._outlet.plug_in()
        self._outlet.poke()

    def power_cycle(self) -> None:
        """Switches it off and on again: what it held is gone, what is on paper is not."""
        with self._lock:
            self._work_off()
            self._lose_memory()
            self._off = True
        self._outlet.pull()
        self._outlet.plug_in()

    def faults(self) -> frozenset[PrinterFault]:
        """What is wrong now."""
        with self._lock:
            return frozenset(self._faults)

    def close(self) -> None:
        """Ends the simulation."""
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the outlet's thread ---

    def _serve(self, wire: Wire) -> None:
        with self._lock:
            self._answers.clear()
            self._off = False
        while True:
            with self._lock:
                self._work_off()
                answers = bytes(self._answers)
                self._answers.clear()
                prints = bool(self._work) and not self._faults & _STOPS
                busy = PrinterFault.BUSY in self._faults
            if answers:
                wire.write(answers)
            if busy:
                wire.wait(_TICK)
                continue
            data = wire.read(_TICK if prints else None)
            with self._lock:
                self._take(data)

    # --- with the lock held ---

    def _take(self, data: bytes) -> None:
        """Takes bytes in: real-time commands at once, the others into the buffer."""
        if self._off:
            return  # they were on the wire when it was switched off
        window = self._tail + data
        at = len(self._tail)
        done = 0
        for found in _REAL_TIME.finditer(window):
            done = found.end()
            if found[1]:
                if PrinterFault.NO_REAL_TIME not in self._faults:
                    self._answer(self._status(found[1][0]))
            else:
                # Everything before it is dropped, be it whole or not.
                self._reader.forget()
                self._work.clear()
                at = done
                self._answer(_CLEARED)
        self._tail = window[max(done, len(window) - _REAL_TIME_PART) :]
        self._reader.receive(window[at:])
        if not self._work:
            self._head_free = time.monotonic()
        while (command := self._reader.next_command()) is not NOT_YET:
            self._queue(command)
        held = self._reader.held + sum(work.size for work in self._work)
        self._most_held = max(self._most_held, held)

    def _answer(self, reply: bytes) -> None:
        if PrinterFault.GARBAGE in self._faults:
            reply = bytes(random.choices(range(256), k=2 * len(reply)))
        if PrinterFault.NO_ANSWER not in self._faults:
            self._answers += reply

    def _push(self) -> None:
        """Says how it is if that is wanted and new: facts/receipts.md, 5.1."""
        faults = self._faults
        first = 0x10 | (0x08 if faults & _STOPS else 0) | (0x20 if PrinterFault.COVER_OPEN in faults else 0)
        second = 0x08 if PrinterFault.CUTTER_JAMMED in faults else 0
        third = 0x0F if PrinterFault.PAPER_OUT in faults else 0x03 if PrinterFault.PAPER_LOW in faults else 0
        status = bytes((first, second, third, 0x0F))
        if self._pushes and status != self._pushed:
            self._pushed = status
            self._answer(status)

    def _status(self, n: int) -> bytes:
        faults, reply = self._faults, 0x12
        match n:
            case 1:
                reply |= 0x08 if faults & _STOPS else 0
            case 2:
                reply |= 0x04 if PrinterFault.COVER_OPEN in faults else 0
                reply |= 0x20 if PrinterFault.PAPER_OUT in faults else 0
                reply |= 0x40 if PrinterFault.CUTTER_JAMMED in faults else 0
            case 3:
                reply |= 0x08 if PrinterFault.CUTTER_JAMMED in faults else 0
            case _:
                reply |= 0x0C if PrinterFault.PAPER_LOW in faults else 0
                reply |= 0x6C if PrinterFault.PAPER_OUT in faults else 0
        return bytes((reply,))

    def _queue(self, command: EscPosCommand) -> None:
        size = len(command.name) + len(command.arguments)
        arguments = command.arguments
        match command.name:
            case b"":
                self._feed(arguments.count(_LF) * LINE, size)
            case b"\x1bJ":
                self._feed(arguments[0], size)
            case b"\x1bd":
                self._feed(arguments[0] * LINE, size)
            case b"\x1dv0":
                self._work.append(_Work(deque(self._rows(arguments)), size=size))
            case b"\x1dVA" | b"\x1dVB":
                self._feed(CUTTER_GAP + arguments[0], size, self._cut)
            case b"\x1dV\x00" | b"\x1dV\x01" | b"\x1dV0" | b"\x1dV1":
                self._feed(0, size, self._cut)
            case b"\x1dr" if arguments[0] in {1, 49}:
                self._feed(0, size, self._confirm)
            case b"\x1da":
                self._feed(0, size, partial(self._set_push, arguments[0] != 0))
            case _:
                pass  # how text looks, and what there is no simulation of

    def _rows(self, picture: bytes) -> list[bytes]:
        """The rows of a GS v 0 picture as they go on paper: to the width of it, and doubled if wanted."""
        mode, width = picture[0] & 0x03, int.from_bytes(picture[1:3], "little")
        dots = picture[_RASTER_HEAD - 3 :]
        rows = [dots[at : at + width] for at in range(0, len(dots), width)] if width else []
        if mode & 0x01:
            rows = [b"".join(_DOUBLED[byte] for byte in row) for row in rows]
        rows = [row[: self._stride].ljust(self._stride, b"\0") for row in rows]
        return [row for row in rows for _ in range(2)] if mode & 0x02 else rows

    def _feed(self, rows: int, size: int, then: Callable[[], None] | None = None) -> None:
        self._work.append(_Work(deque([self._blank()] * rows), then, size))

    def _work_off(self) -> None:
        """Prints what is due by now."""
        now = time.monotonic()
        while self._work and not self._faults & _STOPS:
            work = self._work[0]
            while work.rows and not self._faults & _STOPS:
                if self._row_time and self._head_free > now:
                    return
                self._head_free += self._row_time
                self._strip.append(work.rows.popleft())
                self._printed += 1
                self._strike()
            if not work.rows and not self._faults & _STOPS:
                self._work.popleft()
                if work.then:
                    work.then()

    def _strike(self) -> None:
        for due in [due for due in self._due if due[0] <= self._printed]:
            self._due.remove(due)
            self._faults.add(due[1])
            self._push()
            if due[1] is PrinterFault.CABLE_PULLED:
                self._outlet.pull()

    def _cut(self) -> None:
        at = len(self._strip) - CUTTER_GAP
        if at > 0:
            self._receipts.append(self._picture(self._strip[:at]))
            del self._strip[:at]

    def _confirm(self) -> None:
        if PrinterFault.NO_CONFIRMATION not in self._faults:
            self._answer(b"\x03" if PrinterFault.PAPER_LOW in self._faults else b"\x00")

    def _lose_memory(self) -> None:
        self._reader.forget()
        self._work.clear()
        self._tail = b""
        self._pushes = False

    def _set_push(self, on: bool) -> None:
        self._pushes, self._pushed = on, b""
        self._push()

    def _picture(self, rows: list[bytes]) -> Raster:
        return Raster(self._width, len(rows), b"".join(rows))

    def _blank(self) -> bytes:
        return bytes(self._stride)


def _doubled(byte: int) -> bytes:
    """Each bit twice."""
    return sum(0b11 << 2 * bit for bit in range(8) if byte >> bit & 1).to_bytes(2)


_DOUBLED: Final = tuple(_doubled(byte) for byte in range(256))


def png(picture: Raster) -> bytes:
    """A picture as a PNG file in black and white (ISO/IEC 15948, 11). Raises ValueError for one without dots."""
    if not picture.width or not picture.height:
        raise ValueError("there is no picture of no dots")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    stride = (picture.width + 7) // 8
    dots = bytes(byte ^ 0xFF for byte in picture.rows)  # there 1 is white
    rows = b"".join(b"\0" + dots[at : at + stride] for at in range(0, len(dots), stride))
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
