"""The codec of ESC/POS printers: a picture as commands, a job as a conversation, and what the answers mean. Pure.

A receipt is one picture, because that is the only thing every printer prints right (facts/receipts.md, 1). It goes out
in *blocks* of at most 100 rows, each cropped to its ink, band by band. Behind each band stands ``GS r 1``, a question
that waits its turn in the printer's buffer, so that its answer says "all before me has been dealt with". One band is
sent ahead, so that the paper moves on while the answer travels. When no answer comes, the real-time questions
``DLE EOT`` tell whether the printer is in trouble. So it is known how far a receipt came, and a printer is never given
more than it can hold. One that never answers ``GS r`` is given its bands at a slow printer's pace instead; it counts
as having printed if it says in real time that it is well. One that answers nothing at all prints too, but what came
of it is unknown. Nothing is ever sent twice.

Commands are generators (see :mod:`drivers.codec`) whose frames are single bytes. Whoever runs them throws ``NoAnswer``
when nothing has come for :data:`ANSWER_WITHIN` since the last question; on an empty question the same wait goes on.

Command bytes and status bits: facts/receipts.md, 5 and 6; ``GS r`` and ``DLE DC4`` as in the command references of
Epson and Citizen. Real printers look for real-time commands in pictures too, so answers that nobody asked for are
passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from drivers.codec import Command
from drivers.devices import Connection, Cover, NoAnswer, Paper, PrintOutcome, Raster, WireError

# ESC @, then GS a 0: a printer that reports every change by itself would speak between the answers.
_BEGIN: Final = bytes.fromhex("1B40 1D6100")
_BUFFERED_STATUS: Final = bytes.fromhex("1D7201")
_CUT: Final = bytes.fromhex("1D564200")  # feeds to the cutter, and cuts leaving a corner
_FEED_TO_TEAR: Final = bytes.fromhex("1B6405")
_FORGET: Final = bytes.fromhex("10140801031401060208")
_FORGOTTEN: Final = 0x37  # the first of three bytes; the others, 25 00, are passed over

_STATUS, _OFFLINE_CAUSE, _ERROR_CAUSE, _PAPER = 1, 2, 3, 4

#: Some printers read the low byte of a block's height only, and some have little room (facts/receipts.md, 3.3).
_BLOCK_ROWS: Final = 100
#: A block as high as a multiple of this comes out as rubbish on a POS-5890K (facts/receipts.md, 3.3).
_BAD_HEIGHT: Final = 48
#: Fewer blank rows than this within a picture are not worth a block of their own.
_GAP: Final = 8
#: How long one answer is waited for, in seconds, unless somebody says otherwise. A slow printer moves 100 rows of paper
#: in it.
ANSWER_WITHIN: Final = 0.25
# How many such waits a confirmation may take: of a printer that has never given one, with time to wake up; of one
# that has said nothing at all; of one that did confirm before, and is stuck if it does no more.
_UNPROVEN: Final = 8
_SILENT: Final = 3
_STUCK: Final = 32


class PrintFault(StrEnum):
    """What stood in the way of a receipt."""

    PAPER_OUT = "paper_out"
    COVER_OPEN = "cover_open"
    CUTTER = "cutter"  # or another error that a person can mend
    ERROR = "error"
    OFFLINE = "offline"  # and it does not say why
    STUCK = "stuck"  # it went on answering and not printing
    WIRE = "wire"  # the cable, the network, or the power


@dataclass(frozen=True, slots=True)
class PrintReport:
    """What became of a receipt, why, and how many of its rows are certainly on paper."""

    outcome: PrintOutcome
    fault: PrintFault | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """A piece of a receipt, as commands."""

    rows: int
    commands: bytes


def encode(receipt: Raster) -> list[Band]:
    """A picture as bands of about 100 rows: ``GS v 0`` blocks, each only as wide as its ink.

    Blank rows are a block one byte wide: that feeds exactly so many dots, where ``ESC J`` counts in a unit that differs
    from printer to printer.
    """
    stride = (receipt.width + 7) // 8
    rows = [receipt.rows[at : at + stride].rstrip(b"\0") for at in range(0, stride * receipt.height, stride)]
    bands: list[Band] = []
    height, commands = 0, bytearray()
    for block in _blocks([not row for row in rows]):
        width = max(1, *(len(rows[y]) for y in block))
        commands += b"\x1dv0\0" + width.to_bytes(2, "little") + len(block).to_bytes(2, "little")
        commands += b"".join(rows[y].ljust(width, b"\0") for y in block)
        height += len(block)
        if height >= _BLOCK_ROWS:
            bands.append(Band(height, bytes(commands)))
            height, commands = 0, bytearray()
    if height:
        bands.append(Band(height, bytes(commands)))
    return bands


def _blocks(blank: Sequence[bool]) -> Iterator[range]:
    """Cuts rows into blocks: wide gaps apart from ink, and none of a bad height."""
    start = at = 0
    for is_blank, run in groupby(blank):
        length = len(list(run))
        if is_blank and length >= _GAP:
            yield from _pieces(range(start, at))
            yield from _pieces(range(at, at + length))
            start = at + length
        at += length
    yield from _pieces(range(start, at))


def _pieces(rows: range) -> Iterator[range]:
    while rows:
        height = min(len(rows), _BLOCK_ROWS)
        if height % _BAD_HEIGHT == 0:
            height -= 1
        yield rows[:height]
        rows = rows[height:]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a printer says of itself in real time."""

    connection: Connection = Connection.UNKNOWN
    cover: Cover = Cover.UNKNOWN
    paper: Paper = Paper.UNKNOWN
    error: PrintFault | None = None

    @classmethod
    def decode(cls, replies: dict[int, int]) -> Condition:
        """Reads the replies to ``DLE EOT n`` by their n; those that did not come leave their part unknown."""
        connection, cover, paper, error = Connection.UNKNOWN, Cover.UNKNOWN, Paper.UNKNOWN, None
        if (status := replies.get(_STATUS)) is not None:
            connection = Connection.OFFLINE if status & 0x08 else Connection.ONLINE
        if (roll := replies.get(_PAPER)) is not None:
            paper = Paper.OUT if roll & 0x60 else Paper.LOW if roll & 0x0C else Paper.PRESENT
        if (cause := replies.get(_OFFLINE_CAUSE)) is not None:
            cover = Cover.OPEN if cause & 0x04 else Cover.CLOSED
            if cause & 0x20:
                paper = Paper.OUT
            if cause & 0x40:
                error = PrintFault.CUTTER if replies.get(_ERROR_CAUSE, 0) & 0x08 else PrintFault.ERROR
        return cls(connection, cover, paper, error)

    @property
    def fault(self) -> PrintFault | None:
        """What keeps it from printing. Being off-line alone does not: some are while they print."""
        if self.paper is Paper.OUT:
            return PrintFault.PAPER_OUT
        if self.cover is Cover.OPEN:
            return PrintFault.COVER_OPEN
        return self.error

    @property
    def is_well(self) -> bool:
        """Whether it says that it is ready and has paper, and nothing against it."""
        has_paper = self.paper in {Paper.PRESENT, Paper.LOW}
        return self.connection is Connection.ONLINE and has_paper and self.fault is None


def _is_real_time(reply: int) -> bool:
    """An answer to DLE EOT (facts/receipts.md, 5.1)."""
    return reply & 0x93 == 0x12


def _is_confirmation(reply: int) -> bool:
    """An answer to GS r: bits 4 and 7 are clear. XON and XOFF have bit 4 set."""
    return reply & 0x90 == 0


class _Talk:
    """One conversation with a printer, in which answers to two kinds of question come as they like."""

    def __init__(self) -> None:
        #: How many of the questions behind the bands have been answered.
        self.confirmed = 0
        self._confirms = True
        self._speaks = True

    def ask(self, question: bytes, is_wanted: Callable[[int], bool]) -> Command[int | None]:
        """Sends, and hears answers until the one that is wanted; None when it does not come."""
        to_send = question
        try:
            while True:
                reply = (yield to_send)[0]
                self.confirmed += _is_confirmation(reply)
                if is_wanted(reply):
                    return reply
                to_send = b""
        except NoAnswer:
            return None

    def condition(self) -> Command[Condition]:
        """Asks the printer how it is."""
        replies: dict[int, int] = {}
        questions = [_STATUS, _OFFLINE_CAUSE, _PAPER]
        for n in questions:
            reply = yield from self.ask(bytes((0x10, 0x04, n)), _is_real_time)
            if reply is not None:
                replies[n] = reply
            elif n == _STATUS:
                break  # it is not of those that answer
            if n == _OFFLINE_CAUSE and reply is not None and reply & 0x40:
                questions.append(_ERROR_CAUSE)
        self._speaks = bool(replies)
        return Condition.decode(replies)

    def forget(self) -> Command[bool]:
        """Has the printer throw away what it holds; returns whether it says that it has."""
        return (yield from self.ask(_FORGET, lambda reply: reply == _FORGOTTEN)) is not None

    def deliver(self, question: bytes, number: int) -> Command[PrintFault | None]:
        """Sends a band and waits until so many are confirmed; returns what is in the way."""

        def is_enough(_: int) -> bool:
            return self.confirmed >= number

        yield from self.ask(question, is_enough)
        if not self._confirms:
            # What was waited just now is the pace.
            return (yield from self.condition()).fault if self._speaks else None
        for _ in range(_STUCK if self.confirmed else _UNPROVEN if self._speaks else _SILENT):
            if self.confirmed >= number:
                return None
            condition = yield from self.condition()
            if condition.fault and self.confirmed < number:
                return condition.fault
            # If that was answered at once, the rest of the time is still to be waited.
            yield from self.ask(b"", is_enough)
        if self.confirmed >= number:
            return None
        if self.confirmed:
            return PrintFault.STUCK
        self._confirms = False
        return None

    @property
    def is_sure(self) -> bool:
        """Whether confirmations are to be trusted for the end of the job."""
        return self._confirms


def query_condition() -> Command[Condition]:
    """How the printer is."""
    return _Talk().condition()


def forget() -> Command[bool]:
    """Has the printer throw away what it holds; returns whether it says that it has."""
    return _Talk().forget()


def print_receipt(receipt: Raster, *, cutter: bool) -> Command[PrintReport]:
    """Prints, feeds and cuts. Handles every WireError: what became of the receipt is the result in any case."""
    talk = _Talk()
    steps = [*encode(receipt), Band(0, _CUT if cutter else _FEED_TO_TEAR)]
    handed_over = False

    def report(outcome: PrintOutcome, fault: PrintFault | None = None) -> PrintReport:
        return PrintReport(outcome, fault, sum(step.rows for step in steps[: talk.confirmed]))

    try:
        condition = yield from talk.condition()
        if fault := condition.fault or (PrintFault.OFFLINE if condition.connection is Connection.OFFLINE else None):
            return report(PrintOutcome.FAILED, fault)
        talk.confirmed = 0  # what has come so far was about something else
        # Each question stands before the next step, so it is answered while the printer has that to do.
        questions = [_BUFFERED_STATUS + step.commands for step in steps[1:]] + [_BUFFERED_STATUS]
        questions[0] = _BEGIN + steps[0].commands + questions[0]
        for number, question in enumerate(questions, 1):
            handed_over = number + 1 >= len(questions)
            if fault := (yield from talk.deliver(question, number)):
                may_come = handed_over and fault is PrintFault.STUCK
                return report(PrintOutcome.UNKNOWN if may_come else PrintOutcome.FAILED, fault)
        if talk.is_sure:
            return report(PrintOutcome.PRINTED)
        condition = yield from talk.condition()
    except WireError:
        return report(PrintOutcome.UNKNOWN if handed_over else PrintOutcome.FAILED, PrintFault.WIRE)
    if condition.fault:
        return report(PrintOutcome.FAILED, condition.fault)
    return report(PrintOutcome.PRINTED if condition.is_well else PrintOutcome.UNKNOWN)
