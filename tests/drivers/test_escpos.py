"""The codec of receipt printers: pictures into blocks, replies into conditions, and conversations of every kind."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drivers.codec import NOT_YET, Command, ResultT
from drivers.devices import Connection, Cover, NoAnswer, Paper, PrintOutcome, Raster, WireError
from drivers.escpos import (
    Condition,
    PrintFault,
    PrintReport,
    encode,
    forget,
    print_receipt,
    query_condition,
    query_pushed_condition,
)
from drivers.simulators.printer import EscPosReader
from tests.drivers.conformance_printers import picture
from tests.drivers.oracle import python_escpos

__all__ = ["python_escpos"]

# --- pictures ---


@dataclass(frozen=True)
class Block:
    """A GS v 0 picture: bytes across, rows down, dots."""

    width: int
    height: int
    dots: bytes


def blocks(commands: bytes) -> Iterator[Block]:
    """All there is must be pictures."""
    reader = EscPosReader()
    reader.receive(commands)
    while (command := reader.next_command()) is not NOT_YET:
        assert command.name == b"\x1dv0"
        mode, rest = command.arguments[0], command.arguments[1:]
        assert mode == 0
        width, height = int.from_bytes(rest[:2], "little"), int.from_bytes(rest[2:4], "little")
        assert len(rest) == 4 + width * height
        yield Block(width, height, rest[4:])
    assert not reader.held
    assert not reader.unknown


def decoded(receipt: Raster) -> Raster:
    """What a printer makes of a receipt that was encoded."""
    stride = (receipt.width + 7) // 8
    rows = bytearray()
    for band in encode(receipt):
        height = 0
        for block in blocks(band.commands):
            assert 0 < block.width <= stride
            for at in range(0, len(block.dots), block.width):
                rows += block.dots[at : at + block.width].ljust(stride, b"\0")
            height += block.height
        assert height == band.rows
    return Raster(receipt.width, receipt.height, bytes(rows))


@st.composite
def rasters(draw: st.DrawFn) -> Raster:
    """Small pictures with gaps and empty margins."""
    stride = draw(st.integers(1, 5))
    rows = st.one_of(st.just(b""), st.binary(max_size=stride), st.just(b"\xff" * stride))
    runs = st.lists(st.tuples(rows, st.sampled_from([1, 2, 7, 8, 9, 47, 48, 49, 100, 101])), max_size=8)
    dots = [row.ljust(stride, b"\0") for row, times in draw(runs) for _ in range(times)]
    return Raster(stride * 8, len(dots), b"".join(dots))


@given(rasters())
def test_any_picture_is_the_same_picture_again(receipt: Raster) -> None:
    assert decoded(receipt) == receipt


@given(rasters())
def test_no_block_is_of_a_height_that_some_printers_spoil(receipt: Raster) -> None:
    heights = [block.height for band in encode(receipt) for block in blocks(band.commands)]
    assert all(0 < height <= 100 and height % 48 for height in heights)


@given(rasters())
def test_no_block_is_wider_than_its_ink(receipt: Raster) -> None:
    for band in encode(receipt):
        for block in blocks(band.commands):
            columns = [block.dots[column :: block.width] for column in range(block.width)]
            assert block.width == 1 or any(columns[-1])


@pytest.mark.parametrize("height", [47, 48, 49, 95, 96, 97, 100, 255, 256, 960, 961])
def test_bands_hold_a_hundred_rows_at_most_and_no_more_of_them_than_it_takes(height: int) -> None:
    bands = encode(picture(height))
    assert sum(band.rows for band in bands) == height
    assert all(0 < band.rows <= 100 for band in bands)
    assert all(one.rows + other.rows > 100 for one, other in itertools.pairwise(bands[:-1]))


def test_a_margin_and_blank_rows_cost_next_to_nothing() -> None:
    ink = b"\xff" * 10 + bytes(62)
    receipt = Raster(576, 300, ink * 20 + bytes(72 * 260) + ink * 20)
    assert decoded(receipt) == receipt
    assert sum(len(band.commands) for band in encode(receipt)) == 2 * (8 + 200) + 3 * 8 + 260


def test_a_picture_of_nothing_is_no_band() -> None:
    assert encode(Raster(576, 0, b"")) == []


@pytest.mark.parametrize("height", [1, 47, 49, 95, 97, 99, 100])
def test_python_escpos_says_the_same_in_the_same_bytes(python_escpos: ModuleType, height: int) -> None:
    # Ink to the right edge, so that there is nothing to crop.
    row = b"\x5a" * 71 + b"\x01"
    other = python_escpos.Dummy()
    other.image(Image.frombytes("1", (576, height), bytes(byte ^ 0xFF for byte in row * height)), center=False)
    (band,) = encode(Raster(576, height, row * height))
    assert band.commands == other.output


# --- conditions ---

# n = 1, 2, 3, 4 of facts/receipts.md, 10.
REPLIES = {
    "ok": "12121212",
    "cover": "1A161212",
    "paper": "1A32127E",
    "low": "1212121E",
}


def condition(name: str) -> Condition:
    return Condition.decode(dict(enumerate(bytes.fromhex(REPLIES[name]), 1)))


@pytest.mark.parametrize(
    ("name", "expected", "fault", "is_well"),
    [
        ("ok", Condition(Connection.ONLINE, Cover.CLOSED, Paper.PRESENT), None, True),
        ("cover", Condition(Connection.OFFLINE, Cover.OPEN, Paper.PRESENT), PrintFault.COVER_OPEN, False),
        ("paper", Condition(Connection.OFFLINE, Cover.CLOSED, Paper.OUT), PrintFault.PAPER_OUT, False),
        ("low", Condition(Connection.ONLINE, Cover.CLOSED, Paper.LOW), None, True),
    ],
)
def test_a_condition_is_what_the_bits_say(
    name: str, expected: Condition, fault: PrintFault | None, is_well: bool
) -> None:
    assert condition(name) == expected
    assert condition(name).fault == fault
    assert condition(name).is_well == is_well


@pytest.mark.parametrize(
    ("replies", "fault"),
    [
        ({1: 0x1A, 2: 0x52, 3: 0x1A, 4: 0x12}, PrintFault.CUTTER),
        ({1: 0x1A, 2: 0x52, 3: 0x32, 4: 0x12}, PrintFault.ERROR),
        ({1: 0x1A, 2: 0x52, 4: 0x12}, PrintFault.ERROR),
        ({2: 0x32}, PrintFault.PAPER_OUT),
        ({4: 0x72}, PrintFault.PAPER_OUT),
        ({1: 0x1A, 2: 0x12, 4: 0x12}, None),
    ],
)
def test_a_fault_is_what_the_bits_say(replies: dict[int, int], fault: PrintFault | None) -> None:
    assert Condition.decode(replies).fault == fault


def test_what_was_not_said_is_unknown_and_unknown_is_not_well() -> None:
    assert Condition.decode({}) == Condition(Connection.UNKNOWN, Cover.UNKNOWN, Paper.UNKNOWN)
    assert not Condition.decode({}).is_well
    assert not Condition.decode({1: 0x12, 2: 0x12}).is_well
    assert not Condition.decode({2: 0x12, 4: 0x12}).is_well


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("1000000F", Condition(Connection.ONLINE, Cover.CLOSED, Paper.PRESENT)),
        ("3800000F", Condition(Connection.OFFLINE, Cover.OPEN, Paper.PRESENT)),
        ("18000F0F", Condition(Connection.OFFLINE, Cover.CLOSED, Paper.OUT)),
        ("1000030F", Condition(Connection.ONLINE, Cover.CLOSED, Paper.LOW)),
        ("1808000F", Condition(Connection.OFFLINE, Cover.CLOSED, Paper.PRESENT, PrintFault.CUTTER)),
        ("1820000F", Condition(Connection.OFFLINE, Cover.CLOSED, Paper.PRESENT, PrintFault.ERROR)),
    ],
)
def test_a_pushed_status_is_what_its_bits_say(status: str, expected: Condition) -> None:
    pushed = list(bytes.fromhex(status))
    assert Condition.of_push(bytes(pushed)) == expected
    for before in ([], [0x12], [0x00, 0x00], [0x10], [0x10, 0x00], [0x11, 0x13]):
        talk = Talk(lambda _, before=before: [*before, *pushed])  # type: ignore[misc]
        assert talk.run(query_pushed_condition()) == expected


# --- conversations ---

#: Said by a wire that breaks.
BROKEN = -1


@dataclass
class Talk:
    """A conversation by hand. ``reply`` is given each message and says what comes back, in its order."""

    reply: Callable[[bytes], list[int]]
    sent: list[bytes] = field(default_factory=list)
    coming: list[int] = field(default_factory=list)

    def run(self, command: Command[ResultT]) -> ResultT:
        try:
            message = next(command)
            while True:
                assert len(self.sent) < 2000, "it talks for ever"
                if message:
                    self.sent.append(message)
                    self.coming += self.reply(message)
                if not self.coming:
                    message = command.throw(NoAnswer("nothing"))
                elif (byte := self.coming.pop(0)) == BROKEN:
                    message = command.throw(WireError("broken"))
                else:
                    message = command.send(bytes((byte,)))
        except StopIteration as done:
            result: ResultT = done.value
            return result

    @property
    def pictures(self) -> list[bytes]:
        """What was sent that is no question in real time."""
        return [message for message in self.sent if not message.startswith(b"\x10\x04")]


def confirmations(message: bytes) -> list[int]:
    """One for each GS r. The pictures of these tests hold none by chance."""
    return [0x00] * message.count(b"\x1dr\x01")


def well(message: bytes) -> list[int]:
    return [0x12] if message.startswith(b"\x10\x04") else confirmations(message)


def mute(message: bytes) -> list[int]:
    del message
    return []


def real_time_alone(message: bytes) -> list[int]:
    return [0x12] if message.startswith(b"\x10\x04") else []


def buffered_alone(message: bytes) -> list[int]:
    return confirmations(message)


def job(receipt: Raster, reply: Callable[[bytes], list[int]]) -> tuple[PrintReport, Talk]:
    talk = Talk(reply)
    return talk.run(print_receipt(receipt, cutter=True)), talk


RECEIPT = picture(450)
WHOLE = job(RECEIPT, well)[1].pictures


@pytest.mark.parametrize(
    ("reply", "report"),
    [
        (well, PrintReport(PrintOutcome.PRINTED, None, 450)),
        (buffered_alone, PrintReport(PrintOutcome.PRINTED, None, 450)),
        (real_time_alone, PrintReport(PrintOutcome.PRINTED, None, 0)),
        (mute, PrintReport(PrintOutcome.UNKNOWN, None, 0)),
    ],
)
def test_each_kind_of_printer_is_given_the_same_and_believed_what_it_says(
    reply: Callable[[bytes], list[int]], report: PrintReport
) -> None:
    told, talk = job(RECEIPT, reply)
    assert told == report
    assert talk.pictures == WHOLE


def test_a_job_is_begun_bands_with_a_question_behind_each_and_a_cut() -> None:
    whole = b"".join(WHOLE)
    ask = b"\x1dr\x01"
    bands = [band.commands for band in encode(RECEIPT)]
    assert whole == b"\x1b@\x1da\0" + ask.join([*bands, b"\x1dVB\0", b""])


def test_no_more_than_one_band_is_sent_ahead() -> None:
    told, talk = job(picture(2000), lambda message: [0x12] if message.startswith(b"\x10\x04") else [])
    assert told.outcome is PrintOutcome.PRINTED
    assert len(talk.pictures) == len(encode(picture(2000))) + 1


@pytest.mark.parametrize("band", range(4))
def test_trouble_that_comes_half_way_is_told_with_what_is_certain(band: int) -> None:
    confirmed = 0

    def reply(message: bytes) -> list[int]:
        nonlocal confirmed
        if message.startswith(b"\x10\x04"):
            return list(
                bytes.fromhex(REPLIES["paper" if confirmed == band and talk.pictures else "ok"])[message[2] - 1 :][:1]
            )
        new = confirmations(message)[: band - confirmed]
        confirmed += len(new)
        return new

    talk = Talk(reply)
    told = talk.run(print_receipt(RECEIPT, cutter=True))
    rows = sum(part.rows for part in encode(RECEIPT)[:band])
    assert told == PrintReport(PrintOutcome.FAILED, PrintFault.PAPER_OUT, rows)


@pytest.mark.parametrize(
    ("confirmed", "outcome"),
    [(2, PrintOutcome.FAILED), (len(WHOLE) - 2, PrintOutcome.UNKNOWN), (len(WHOLE) - 1, PrintOutcome.UNKNOWN)],
)
def test_a_printer_that_stops_confirming_and_says_that_it_is_well_is_stuck(
    confirmed: int, outcome: PrintOutcome
) -> None:
    left = [0x00] * confirmed

    def reply(message: bytes) -> list[int]:
        if message.startswith(b"\x10\x04"):
            return [0x12]
        new, left[:] = left[:1], left[1:]
        return new

    told, _ = job(RECEIPT, reply)
    assert (told.outcome, told.fault) == (outcome, PrintFault.STUCK)


def test_paper_that_ends_behind_the_last_row_has_done_its_duty() -> None:
    pictures = 0

    def reply(message: bytes) -> list[int]:
        nonlocal pictures
        if message.startswith(b"\x10\x04"):
            if pictures < len(WHOLE):
                return [0x12]
            late = [0x00] if message[2] == 1 else []
            return late + list(bytes.fromhex(REPLIES["paper"]))[message[2] - 1 :][:1]
        pictures += 1
        return confirmations(message) if pictures < len(WHOLE) else []

    assert job(RECEIPT, reply)[0] == PrintReport(PrintOutcome.PRINTED, None, 450)


def test_a_wire_that_breaks_before_all_is_sent_is_a_failure_and_afterwards_nobody_knows() -> None:
    for last in range(len(WHOLE)):
        pictures = 0

        def reply(message: bytes, last: int = last) -> list[int]:
            nonlocal pictures
            if message.startswith(b"\x10\x04"):
                return [0x12]
            pictures += 1
            return [BROKEN] if pictures > last else confirmations(message)

        told, _ = job(RECEIPT, reply)
        assert told.fault is PrintFault.WIRE
        # The last message is a question alone; with the one before it the cut has gone out.
        assert told.outcome is (PrintOutcome.UNKNOWN if last >= len(WHOLE) - 2 else PrintOutcome.FAILED)


def test_a_late_confirmation_still_counts() -> None:
    held: list[int] = []

    def reply(message: bytes) -> list[int]:
        if not message.startswith(b"\x10\x04"):
            held.extend(confirmations(message))
            return []
        if message[2] != 4:
            return [0x12]
        late, held[:] = list(held), []
        return [*late, 0x12]

    assert job(RECEIPT, reply)[0] == PrintReport(PrintOutcome.PRINTED, None, 450)


def test_a_status_pushed_in_the_middle_is_no_confirmation() -> None:
    told: list[int] = []

    def reply(message: bytes) -> list[int]:
        if message.startswith(b"\x10\x04"):
            return [0x12]
        told.append(len(confirmations(message)))
        # Of the last bands nothing is confirmed, but the low paper is told, in bytes that look like it.
        return [0x10, 0x00, 0x03, 0x0F] + (confirmations(message) if len(told) < 3 else [])

    report, _ = job(RECEIPT, reply)
    assert report.fault is PrintFault.STUCK
    assert report.rows == sum(band.rows for band in encode(RECEIPT)[:2])


def test_what_only_begins_like_a_pushed_status_costs_no_confirmation() -> None:
    def reply(message: bytes) -> list[int]:
        return [0x12] if message.startswith(b"\x10\x04") else [0x10, *confirmations(message)]

    assert job(RECEIPT, reply)[0] == PrintReport(PrintOutcome.PRINTED, None, 450)


def test_answers_to_what_stands_in_the_picture_by_chance_are_passed_over() -> None:
    def reply(message: bytes) -> list[int]:
        if message.startswith(b"\x10\x04"):
            return [0x12]
        return [0x12, 0x13, 0x11, *confirmations(message), 0x12]

    assert job(RECEIPT, reply)[0] == PrintReport(PrintOutcome.PRINTED, None, 450)


@given(st.lists(st.lists(st.integers(BROKEN, 255), max_size=6), max_size=40), st.integers(0, 400))
def test_whatever_a_printer_says_nothing_is_sent_twice_and_the_job_ends(answers: list[list[int]], height: int) -> None:
    script = iter(answers)
    receipt = picture(height)
    told, talk = job(receipt, lambda _: next(script, []))
    whole = job(receipt, well)[1].pictures
    assert talk.pictures == whole[: len(talk.pictures)]
    assert told.rows <= height
    if told.outcome is PrintOutcome.PRINTED:
        assert talk.pictures == whole
    if told.outcome is PrintOutcome.FAILED:
        assert told.fault is not None


@given(st.lists(st.integers(BROKEN + 1, 255), max_size=30))
def test_a_condition_is_told_whatever_comes(replies: list[int]) -> None:
    script = iter(replies)
    told = Talk(lambda _: [byte for byte in [next(script, None)] if byte is not None]).run(query_condition())
    assert isinstance(told, Condition)
    if not any(byte & 0x93 == 0x12 for byte in replies):
        assert told == Condition()


def test_a_printer_says_that_it_has_forgotten() -> None:
    assert Talk(lambda _: [0x37, 0x25, 0x00]).run(forget())
    assert not Talk(mute).run(forget())
