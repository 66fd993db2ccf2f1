"""The simulated printer against other programs' word: python-escpos sends, Pillow looks."""

import io
import time
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drivers.codec import NOT_YET
from drivers.devices import Raster
from drivers.port import Port
from drivers.simulators.printer import (
    CUTTER_GAP,
    LINE,
    EscPosCommand,
    EscPosReader,
    PrinterFault,
    SimulatedPrinter,
    png,
)
from tests.drivers.conformance import until
from tests.drivers.conformance_printers import picture, printed, rows_of
from tests.drivers.oracle import python_escpos

__all__ = ["python_escpos"]


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


def host_and_port(printer: SimulatedPrinter) -> tuple[str, int]:
    host, port = printer.url.removeprefix("socket://").split(":")
    return host, int(port)


def image(receipt: Raster) -> Image.Image:
    return Image.frombytes("1", (receipt.width, receipt.height), bytes(byte ^ 0xFF for byte in receipt.rows))


def raster(dots: bytes, width: int, mode: int = 0) -> bytes:
    """A GS v 0 picture of so many bytes across."""
    return b"\x1dv0" + bytes((mode, width, 0)) + (len(dots) // width).to_bytes(2, "little") + dots


CUT = bytes.fromhex("1D564200")


def feed(printer: SimulatedPrinter, data: bytes) -> None:
    """Sends, and waits until all is worked off: a last question says so."""
    with Port.open(printer.url) as port:
        port.write(data + bytes.fromhex("1D7201"))
        assert port.read(10)


# --- other programs ---


@pytest.mark.parametrize("height", [1, 24, 960, 961, 2000])
def test_what_python_escpos_prints_comes_out_dot_by_dot(
    python_escpos: ModuleType, printer: SimulatedPrinter, height: int
) -> None:
    receipt = picture(height)
    host, port = host_and_port(printer)
    other = python_escpos.Network(host, port, timeout=5)
    other.open()
    other.image(image(receipt), center=False)
    other.cut(feed=False)
    other.close()
    until(lambda: bool(printer.receipts()))
    assert [printed(paper) for paper in printer.receipts()] == [receipt]


@pytest.mark.parametrize(
    ("fault", "online", "paper", "offline_cause"),
    [
        (None, True, 2, b"\x12"),
        (PrinterFault.COVER_OPEN, False, 2, b"\x16"),
        (PrinterFault.PAPER_OUT, False, 0, b"\x32"),
        (PrinterFault.PAPER_LOW, True, 1, b"\x12"),
    ],
)
def test_python_escpos_finds_the_printer_as_it_is(
    python_escpos: ModuleType,
    printer: SimulatedPrinter,
    fault: PrinterFault | None,
    online: bool,
    paper: int,
    offline_cause: bytes,
) -> None:
    if fault:
        printer.cause(fault)
    host, port = host_and_port(printer)
    other = python_escpos.Network(host, port, timeout=5)
    other.open()
    assert other.is_online() == online
    assert other.paper_status() == paper
    assert other.query_status(b"\x10\x04\x02") == offline_cause
    other.close()


def test_whatever_python_escpos_says_is_understood(python_escpos: ModuleType) -> None:
    other = python_escpos.Dummy(profile="TM-T88V")
    other.text("Thư viện tỉnh Thái Nguyên\n")
    other.set(align="center", font="b", bold=True, underline=1, invert=True, width=2, height=2, density=3)
    other.set_with_default()
    other.ln(3)
    other.qr("https://example.org/", native=True)
    other.barcode("TN045871", "CODE39")
    other.barcode("{BTN045871", "CODE128", function_type="B")
    for impl in ("bitImageRaster", "graphics", "bitImageColumn"):
        other.image(image(picture(50, width=96)), impl=impl, center=False)
    other.line_spacing(40)
    other.panel_buttons(enable=False)
    other.cashdraw(2)
    other.hw("INIT")
    other.print_and_feed(3)
    other.control("LF")
    other.buzzer(2, 3)
    other.cut("PART")
    other.cut()
    reader = EscPosReader()
    reader.receive(other.output)
    names = []
    while (command := reader.next_command()) is not NOT_YET:
        names.append(command.name)
    assert reader.unknown == 0
    assert reader.held == 0
    assert names.count(b"\x1dv0") == 1
    assert names[-1] == b"\x1dV\x00"


@pytest.mark.parametrize("receipt", [picture(50), picture(3, width=9), Raster(1, 1, b"\x80")])
def test_the_png_of_a_picture_is_the_picture(receipt: Raster) -> None:
    with Image.open(io.BytesIO(png(receipt))) as opened:
        opened.load()
        assert opened.size == (receipt.width, receipt.height)
        assert opened.mode == "1"
        black = [opened.getpixel((x, y)) == 0 for y in range(receipt.height) for x in range(receipt.width)]
    stride = (receipt.width + 7) // 8
    assert black == [
        bool(receipt.rows[y * stride + x // 8] & 0x80 >> x % 8)
        for y in range(receipt.height)
        for x in range(receipt.width)
    ]


def test_there_is_no_png_of_nothing() -> None:
    with pytest.raises(ValueError, match="no dots"):
        png(Raster(576, 0, b""))


# --- paper ---


def test_what_is_cut_without_being_fed_loses_its_last_lines_to_the_next(printer: SimulatedPrinter) -> None:
    first, second = picture(200), picture(150, seed=2)
    feed(printer, raster(first.rows, 72) + bytes.fromhex("1D5600") + raster(second.rows, 72) + CUT)
    one, two = printer.receipts()
    assert rows_of(one)[CUTTER_GAP:] == rows_of(first)[: 200 - CUTTER_GAP]
    assert rows_of(two) == rows_of(first)[200 - CUTTER_GAP :] + rows_of(second)


def test_what_is_not_cut_hangs_out(printer: SimulatedPrinter) -> None:
    feed(printer, raster(picture(200).rows, 72))
    assert rows_of(printer.paper())[CUTTER_GAP:] == rows_of(picture(200))[: 200 - CUTTER_GAP]
    feed(printer, b"Thanks\n\n" + bytes.fromhex("1B4A05 1B6402"))
    assert printer.rows_printed() == 200 + 4 * LINE + 5
    assert printer.receipts() == ()


def test_pictures_are_doubled_where_that_is_wanted(printer: SimulatedPrinter) -> None:
    feed(printer, raster(b"\xa0\x01", 1, mode=1) + raster(b"\xa0\x01", 1, mode=2) + raster(b"\xa0", 1, mode=3) + CUT)
    (paper,) = map(printed, printer.receipts())
    assert [row[:2].hex() for row in rows_of(paper)] == ["cc00", "0003", "a000", "a000", "0100", "0100", "cc00", "cc00"]


def test_a_picture_wider_than_the_paper_ends_at_its_edge(printer: SimulatedPrinter) -> None:
    feed(printer, raster(b"\xff" * 80, 80) + CUT)
    (paper,) = map(printed, printer.receipts())
    assert rows_of(paper) == [b"\xff" * 72]


# --- real time ---


def test_a_question_in_the_middle_of_a_picture_is_answered_and_the_picture_whole(printer: SimulatedPrinter) -> None:
    dots = (b"\x10\x04\x01" + bytes(69)) * 3
    with Port.open(printer.url) as port:
        port.write(raster(dots, 72) + CUT + bytes.fromhex("1D7201"))
        heard = b""
        while len(heard) < 4:
            heard += port.read(10)
    assert heard == b"\x12\x12\x12\x00"
    (paper,) = map(printed, printer.receipts())
    assert paper.rows == dots


@pytest.mark.parametrize("split", range(1, 10))
def test_what_was_sent_before_it_is_told_to_forget_is_forgotten_also_half_a_picture(
    printer: SimulatedPrinter, split: int
) -> None:
    forget = bytes.fromhex("10140801031401060208")
    with Port.open(printer.url) as port:
        port.write(raster(b"\xff" * 7200, 72)[:3000] + forget[:split])
        until(lambda: printer.most_held() >= 3000)
        port.write(forget[split:] + raster(b"\x0f" * 72, 72) + CUT)
        assert port.read(10) == bytes.fromhex("372500")
    until(lambda: bool(printer.receipts()))
    assert [printed(paper).rows for paper in printer.receipts()] == [b"\x0f" * 72]


def test_it_prints_on_when_the_host_has_hung_up() -> None:
    with SimulatedPrinter(real_time=True, rows_per_second=4000) as printer:
        with Port.open(printer.url) as port:
            port.write(raster(picture(600).rows, 72) + CUT + bytes.fromhex("100401"))
            assert port.read(10) == b"\x12"
        assert not printer.receipts()
        until(lambda: bool(printer.receipts()))
        assert [printed(paper) for paper in printer.receipts()] == [picture(600)]


def test_paper_moves_no_faster_than_it_is_said_to() -> None:
    with SimulatedPrinter(real_time=True, rows_per_second=2000) as printer:
        started = time.monotonic()
        feed(printer, raster(picture(400).rows, 72))
        assert time.monotonic() - started > 400 / 2000


PUSH, WELL = bytes.fromhex("1D61FF"), bytes.fromhex("1000000F")
#: Four bytes of facts/receipts.md, 5.1, by the fault they tell of.
PUSHED = {
    PrinterFault.COVER_OPEN: "3800000F",
    PrinterFault.PAPER_OUT: "18000F0F",
    PrinterFault.PAPER_LOW: "1000030F",
    PrinterFault.CUTTER_JAMMED: "1808000F",
}


def test_a_status_that_is_wanted_is_pushed_at_once_and_when_it_changes(printer: SimulatedPrinter) -> None:
    with Port.open(printer.url) as port:
        port.write(PUSH)
        assert port.read(10) == WELL
        for fault, status in PUSHED.items():
            printer.cause(fault)
            assert port.read(10) == bytes.fromhex(status)
            printer.mend()
            assert port.read(10) == WELL
        port.write(bytes.fromhex("1D6100 1D7201"))
        assert port.read(10) == b"\0"
        printer.cause(PrinterFault.PAPER_LOW)
        port.write(bytes.fromhex("1D7201"))
        assert port.read(10) == b"\3"  # an answer, and nothing pushed before it


def test_what_it_held_is_gone_when_it_is_switched_off_and_what_is_on_paper_is_not(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.PAPER_OUT, after_rows=20)
    with Port.open(printer.url) as port:
        port.write(raster(b"\xff" * 72 * 50, 72) + b"\x1dv0\0H\0d\0")
        until(lambda: printer.rows_printed() == 20)
        printer.power_cycle()
        printer.mend()
    feed(printer, raster(b"\xaa" * 72 * 10, 72) + CUT)
    (paper,) = printer.receipts()
    assert rows_of(paper)[CUTTER_GAP:] == [b"\xff" * 72] * 20 + [b"\xaa" * 72] * 10


def test_a_busy_one_takes_in_what_was_sent_when_it_is_no_longer(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.BUSY)
    with Port.open(printer.url) as port:
        port.write(raster(b"\xff" * 72, 72) + bytes.fromhex("100401"))
        assert not port.read(0.05)
        printer.mend()
        assert port.read(10) == b"\x12"
    until(lambda: printer.rows_printed() == 1)


def test_faults_are_those_that_were_caused_and_not_mended(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.PAPER_LOW)
    printer.cause(PrinterFault.COVER_OPEN)
    printer.cause(PrinterFault.PAPER_OUT, after_rows=10)
    assert printer.faults() == {PrinterFault.PAPER_LOW, PrinterFault.COVER_OPEN}
    printer.mend(PrinterFault.COVER_OPEN)
    feed_all = raster(picture(9).rows, 72)
    feed(printer, feed_all)
    assert printer.faults() == {PrinterFault.PAPER_LOW}
    printer.mend()
    feed(printer, feed_all)
    assert printer.faults() == frozenset()
    assert printer.rows_printed() == 18


# --- any bytes ---

#: Bytes of which some begin commands.
BYTES = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from(
            b"\x1b \x1c \x1d \x10 \x1b@ \x1dv0\x00\x01\x00\x02\x00 \x1dVB \x1dr \x10\x04\x01 \x1b* \x1dk".split()
        ),
    ),
    max_size=20,
).map(b"".join)


def commands(reader: EscPosReader) -> list[EscPosCommand]:
    found = []
    while (command := reader.next_command()) is not NOT_YET:
        found.append(command)
    return found


def merged(found: list[EscPosCommand]) -> list[EscPosCommand]:
    """Text in one piece, however it came."""
    whole: list[EscPosCommand] = []
    for command in found:
        if whole and whole[-1].name == command.name == b"":
            whole[-1] = EscPosCommand(b"", whole[-1].arguments + command.arguments)
        else:
            whole.append(command)
    return whole


@given(BYTES, st.data())
def test_any_bytes_in_any_pieces_are_the_same_commands(data: bytes, draw: st.DataObject) -> None:
    whole, pieces = EscPosReader(), EscPosReader()
    whole.receive(data)
    expected = commands(whole)
    found, rest = [], data
    while rest:
        size = draw.draw(st.integers(1, len(rest)))
        pieces.receive(rest[:size])
        found += commands(pieces)
        rest = rest[size:]
    assert merged(found) == merged(expected)
    assert (pieces.held, pieces.unknown) == (whole.held, whole.unknown)


@settings(max_examples=30)
@given(BYTES)
def test_after_any_bytes_it_can_be_told_to_forget_and_prints(data: bytes) -> None:
    with SimulatedPrinter() as printer:
        with Port.open(printer.url) as port:
            port.write(data + bytes.fromhex("10140801031401060208"))
            heard = b""
            while not heard.endswith(bytes.fromhex("372500")):
                heard += port.read(10)
        before = len(printer.receipts())
        feed(printer, raster(b"\x0f" * 72, 72) + CUT)
        assert rows_of(printer.receipts()[before])[-1] == b"\x0f" * 72
