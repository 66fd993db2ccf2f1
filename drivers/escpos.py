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

A printer that does not know ``DLE EOT`` may yet know ``GS a``, which has it push four bytes of status (ASB): asked for
when nothing is being printed, and understood whenever they come, so that they are never taken for confirmations.

Command bytes and status bits: facts/receipts.md, 5 and 6; ``GS r`` and ``DLE DC4`` as in the command references of
Epson and Citizen. Real printers look for real-time commands in pictures too, so answers that nobody asked for are
passed over.

The encoder is our own because python-escpos crops no margin and skips no blank: 75 kB where 40 are wanted
(facts/receipts.md, 3.1). The tests hold its bytes beside ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from drivers.codec import Command
from drivers.devices import Connection, Cover, NoAnswer, Paper, PrintOutcome, Raster, WireError

# ESC @, then GS a 0: a printer that reports every change by itself would speak between the answers.
_BEGIN: Final = bytes.fromhex("1B40 1D6100")
# On, which is answered with the status as it is, and off again.
_PUSH_STATUS: Final = bytes.fromhex("1D61FF 1D6100")
_PUSHED: Final = 4  # bytes
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
#: A cut must save so many bytes to be worth a block more, of which eight are its head: each makes a printer think anew.
_BLOCK_COSTS: Final = 40
#: Rows whose widths differ by less, in bytes, are not parted.
_MUCH: Final = 8
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
    """A picture as bands of at most 100 rows: ``GS v 0`` blocks, each only as wide as its ink.

    Blank rows are a block one byte wide: that feeds exactly so many dots, where ``ESC J`` counts in a unit that differs
    from printer to printer.
    """
    stride = (receipt.width + 7) // 8
    rows = [receipt.rows[at : at + stride].rstrip(b"\0") for at in range(0, stride * receipt.height, stride)]
    bands: list[Band] = []
    height, commands = 0, bytearray()
    for block in _blocks([max(1, len(row)) for row in rows]):
        if height + len(block) > _BLOCK_ROWS:
            bands.append(Band(height, bytes(commands)))
            height, commands = 0, bytearray()
        width = max(1, *(len(rows[y]) for y in block))
        commands += b"\x1dv0\0" + width.to_bytes(2, "little") + len(block).to_bytes(2, "little")
        commands += b"".join(rows[y].ljust(width, b"\0") for y in block)
        height += len(block)
    if height:
        bands.append(Band(height, bytes(commands)))
    return bands


def _blocks(widths: Sequence[int]) -> list[range]:
    """Cuts rows, given how wide the ink of each is in bytes, into the blocks that cost least; none of a bad height.

    Cuts are looked for where the width changes much. ``least[n]`` is the least that the first ``n`` runs of rows of
    about one width cost, ``begins[n]`` the run with which the last block of that begins.
    """
    runs: list[range] = []
    end = 0
    for _, alike in groupby(widths, key=lambda width: width // _MUCH):
        start, end = end, end + len(list(alike))
        runs += [range(at, min(at + _BAD_HEIGHT - 1, end)) for at in range(start, end, _BAD_HEIGHT - 1)]
    widest = [max(widths[run.start : run.stop]) for run in runs]
    least, begins = [0], [0]
    for last, run in enumerate(runs):
        width, costs = 0, []
        for first in range(last, -1, -1):
            height = run.stop - runs[first].start
            if height > _BLOCK_ROWS:
                break
            width = max(width, widest[first])
            if height % _BAD_HEIGHT:
                costs.append((least[first] + height * width + _BLOCK_COSTS, first))
        cost, begin = min(costs)
        least.append(cost)
        begins.append(begin)
    blocks: list[range] = []
    after = len(runs)
    while after:
        begin = begins[after]
        blocks.insert(0, range(runs[begin].start, runs[after - 1].stop))
        after = begin
    return blocks


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

    @classmethod
    def of_push(cls, status: bytes) -> Condition:
        """Reads the four bytes that a printer pushes (facts/receipts.md, 5.1; not tried on a real one)."""
        first, second, third, _ = status
        return cls(
            Connection.OFFLINE if first & 0x08 else Connection.ONLINE,
            Cover.OPEN if first & 0x20 else Cover.CLOSED,
            Paper.OUT if third & 0x0C else Paper.LOW if third & 0x03 else Paper.PRESENT,
            PrintFault.CUTTER if second & 0x08 else PrintFault.ERROR if second & 0x60 else None,
        )

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


def _begins_push(reply: int) -> bool:
    """The first of the four bytes; the others look like confirmations."""
    return reply & 0x93 == 0x10


class _Talk:
    """One conversation with a printer, in which answers to two kinds of question come as they like."""

    def __init__(self) -> None:
        #: How many of the questions behind the bands have been answered.
        self.confirmed = 0
        self._confirms = True
        self._speaks = True
        # What was pushed last, and what has come of the next.
        self._pushed = b""
        self._coming = b""

    def ask(self, question: bytes, is_wanted: Callable[[int], bool]) -> Command[int | None]:
        """Sends, and hears answers until the one that is wanted; None when it does not come."""
        to_send = question
        try:
            while True:
                reply = (yield to_send)[0]
                to_send = b""
                if not self._is_pushed(reply):
                    self.confirmed += _is_confirmation(reply)
                if is_wanted(reply):
                    return reply
        except NoAnswer:
            self._no_push()
            return None

    def _is_pushed(self, reply: int) -> bool:
        """Whether it belongs to a status that is pushed."""
        if _begins_push(reply) or not (self._coming and _is_confirmation(reply)):
            self._no_push()
        if not (self._coming or _begins_push(reply)):
            return False
        self._coming += bytes((reply,))
        if len(self._coming) == _PUSHED:
            self._pushed, self._coming = self._coming, b""
        return True

    def _no_push(self) -> None:
        """What began like one was none: what came behind it were confirmations."""
        self.confirmed += max(0, len(self._coming) - 1)
        self._coming = b""

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

    def pushed_condition(self) -> Command[Condition]:
        """Has the printer push how it is; unknown when it does not."""
        self._pushed = b""
        yield from self.ask(_PUSH_STATUS, lambda _: bool(self._pushed))
        return Condition.of_push(self._pushed) if self._pushed else Condition()

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


def query_pushed_condition() -> Command[Condition]:
    """How a printer is that has not answered :func:`query_condition`. Not for one that is printing."""
    return _Talk().pushed_condition()


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
