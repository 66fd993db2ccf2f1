"""The receipt printer over TCP, and what it is found to have done."""

import base64
import errno
import itertools
import os
import queue
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from drivers.devices import (
    CannotOpen,
    Connection,
    Cover,
    DeviceEvent,
    Paper,
    PrinterStatus,
    PrintOutcome,
    Raster,
    WireError,
)
from drivers.escpos import PrintFault, PrintReport, encode
from drivers.port import Port
from drivers.printer_wires import open_printer
from drivers.receipt_printer import EscPosPrinter
from drivers.simulators.printer import CUTTER_GAP, PrinterFault, SimulatedPrinter
from drivers.simulators.wire import Link, Outlet, Pace, Wire
from drivers.supervisor import Supervisor
from tests.drivers.conformance import Watch, until
from tests.drivers.conformance_printers import PrinterBench, PrinterConformance, picture, printed, rows_of
from tests.drivers.usb_bus import BULK_IN, BULK_OUT, Plug, on_the_bus

#: A line whose bytes take time, where there is one.
LINK = Link.TCP if sys.platform == "win32" else Link.PTY

#: As short as a busy machine allows: a fault that is an answer's absence lasts many times so long.
ANSWER_WITHIN = 0.1


def printer_bench(printer: SimulatedPrinter, url: str = "") -> PrinterBench[EscPosPrinter]:
    return PrinterBench(
        connect=partial(EscPosPrinter, url=url or printer.url, answer_within=ANSWER_WITHIN),
        pull_cable=lambda: printer.cause(PrinterFault.CABLE_PULLED),
        plug_in=printer.mend,
        printer=printer,
    )


class TestEscPosOverTcp(PrinterConformance[EscPosPrinter]):
    @pytest.fixture
    def bench(self) -> Iterator[PrinterBench[EscPosPrinter]]:
        with SimulatedPrinter() as printer:
            yield printer_bench(printer)


needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@needs_pty
class TestEscPosOnASerialLine(PrinterConformance[EscPosPrinter]):
    @pytest.fixture
    def bench(self) -> Iterator[PrinterBench[EscPosPrinter]]:
        with SimulatedPrinter(link=Link.PTY) as printer:
            yield printer_bench(printer)


@needs_pty
class TestEscPosOnADeviceFile(PrinterConformance[EscPosPrinter]):
    @pytest.fixture
    def bench(self) -> Iterator[PrinterBench[EscPosPrinter]]:
        with SimulatedPrinter(link=Link.PTY) as printer:
            yield printer_bench(printer, f"file:{printer.url}")


class TestEscPosOverUsb(PrinterConformance[EscPosPrinter]):
    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrinterBench[EscPosPrinter]]:
        with SimulatedPrinter() as printer:
            on_the_bus(monkeypatch, Plug(printer.url))
            yield printer_bench(printer, "usb:04b8:0e15")


@pytest.fixture
def printer() -> Iterator[SimulatedPrinter]:
    with SimulatedPrinter() as printer:
        yield printer


def report(printer: SimulatedPrinter, receipt: Raster) -> PrintReport:
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    try:
        return opened.attempt(receipt)
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (PrinterFault.PAPER_OUT, PrintFault.PAPER_OUT),
        (PrinterFault.COVER_OPEN, PrintFault.COVER_OPEN),
        (PrinterFault.CUTTER_JAMMED, PrintFault.CUTTER),
        (PrinterFault.OFFLINE, PrintFault.OFFLINE),
        (PrinterFault.CABLE_PULLED, PrintFault.WIRE),
    ],
)
def test_it_is_told_what_stood_in_the_way(printer: SimulatedPrinter, fault: PrinterFault, cause: PrintFault) -> None:
    printer.cause(fault)
    assert report(printer, picture(10)) == PrintReport(PrintOutcome.FAILED, cause, 0)


@pytest.mark.parametrize("fault", [PrinterFault.PAPER_OUT, PrinterFault.CABLE_PULLED])
def test_it_is_told_how_far_a_receipt_came_for_certain(printer: SimulatedPrinter, fault: PrinterFault) -> None:
    printer.cause(fault, after_rows=470)
    told = report(printer, picture(1000))
    assert told.outcome is PrintOutcome.FAILED
    assert 250 <= told.rows <= 470


def test_a_whole_receipt_came_to_its_end(printer: SimulatedPrinter) -> None:
    assert report(printer, picture(777)) == PrintReport(PrintOutcome.PRINTED, None, 777)


def test_a_printer_that_confirms_nothing_is_believed_when_it_says_that_it_is_well(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.NO_CONFIRMATION)
    assert report(printer, picture(230)) == PrintReport(PrintOutcome.PRINTED, None, 0)
    printer.cause(PrinterFault.PAPER_OUT, after_rows=200)
    assert report(printer, picture(230)) == PrintReport(PrintOutcome.FAILED, PrintFault.PAPER_OUT, 0)


def test_where_nothing_is_the_printer_is_lost_and_a_receipt_has_failed() -> None:
    with SimulatedPrinter() as printer:
        url = printer.url
    opened = EscPosPrinter("printer", url=url)
    with pytest.raises(CannotOpen):
        opened.self_test()
    with pytest.raises(CannotOpen):
        list(opened.poll())
    assert opened.attempt(picture(10)) == PrintReport(PrintOutcome.FAILED, PrintFault.WIRE, 0)
    opened.close()


def test_half_a_receipt_left_by_another_program_is_forgotten_at_the_first_meeting(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.PAPER_OUT)
    report(printer, picture(10))
    leave_half_a_block(printer)
    assert printer.most_held() > 5000
    opened = EscPosPrinter("printer", url=printer.url)
    opened.self_test()
    printer.mend()
    assert opened.attempt(picture(50)).outcome is PrintOutcome.PRINTED
    opened.close()
    assert [printed(paper) for paper in printer.receipts()] == [picture(50)]


def leave_half_a_block(printer: SimulatedPrinter) -> None:
    """Sends the beginning of a picture, and hangs up."""
    with Port.open(printer.url) as port:
        port.write(bytes.fromhex("1B40 1D763000 4800 6400") + b"\xaa" * 5000)
        port.write(bytes.fromhex("100401"))
        assert port.read(5)


def test_a_printer_without_a_cutter_feeds_to_where_the_paper_is_torn(printer: SimulatedPrinter) -> None:
    opened = EscPosPrinter("printer", url=printer.url, cutter=False)
    assert opened.attempt(picture(50)).outcome is PrintOutcome.PRINTED
    opened.close()
    assert not printer.receipts()
    assert printer.paper().height > 50


def test_at_the_speed_of_paper_no_more_than_two_bands_are_ever_in_the_printer() -> None:
    black = Raster(576, 600, b"\xff" * 72 * 600)
    with SimulatedPrinter(real_time=True, rows_per_second=3000) as printer:
        assert report(printer, black) == PrintReport(PrintOutcome.PRINTED, None, 600)
        assert [printed(paper) for paper in printer.receipts()] == [black]
        # Two bands of 100 rows, their heads, and a few words.
        assert printer.most_held() < 2 * (72 * 100 + 8) + 100


@pytest.mark.parametrize("noise", [b"\x55", b"\x12", b"\x00"])
def test_a_printer_that_never_stops_talking_does_not_hold_up_the_station(noise: bytes) -> None:
    def talk(wire: Wire) -> None:
        while True:
            wire.write(noise * 100)
            wire.read(0.001)

    with Outlet(talk) as outlet:
        opened = EscPosPrinter("printer", url=outlet.url, answer_within=0.02)
        opened.self_test()
        list(opened.poll())
        assert isinstance(opened.attempt(picture(300)), PrintReport)
        opened.close()


def test_paper_that_ends_while_the_next_band_waits_is_told(printer: SimulatedPrinter) -> None:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put) as supervisor:
        supervised = supervisor.add("printer", partial(EscPosPrinter, url=printer.url))
        watch = Watch(supervisor, events)
        watch.next(PrinterStatus)
        printer.cause(PrinterFault.PAPER_OUT, after_rows=120)
        assert supervised.do(lambda driver: driver.print(picture(300))).result(15) is PrintOutcome.FAILED
        assert watch.next(PrinterStatus) == PrinterStatus("printer", Connection.OFFLINE, Cover.CLOSED, Paper.OUT)


# --- faults on the way ------------------------------------------------------------------------------------------------

BLOCKS = list(itertools.accumulate(band.rows for band in encode(picture(600))))


@pytest.mark.parametrize("after", [1, *BLOCKS[:-2]])
def test_whichever_block_the_cable_is_pulled_at_the_next_receipt_is_whole(
    printer: SimulatedPrinter, after: int
) -> None:
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    printer.cause(PrinterFault.CABLE_PULLED, after_rows=after)
    told = opened.attempt(picture(600))
    assert (told.outcome, told.fault) == (PrintOutcome.FAILED, PrintFault.WIRE)
    assert told.rows <= printer.rows_printed()
    printer.mend()
    assert opened.attempt(picture(200, seed=2)).outcome is PrintOutcome.PRINTED
    opened.close()
    (paper,) = printer.receipts()
    assert rows_of(paper)[-200:] == rows_of(picture(200, seed=2))


@pytest.mark.parametrize("after", [0, 150, 420])
def test_a_printer_switched_off_and_on_does_not_go_on_with_half_a_receipt(
    printer: SimulatedPrinter, after: int
) -> None:
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    printer.cause(PrinterFault.PAPER_OUT, after_rows=after)
    assert opened.attempt(picture(600)).outcome is PrintOutcome.FAILED
    printer.power_cycle()
    printer.mend()
    assert opened.attempt(picture(200, seed=2)) == PrintReport(PrintOutcome.PRINTED, None, 200)
    opened.close()
    (paper,) = printer.receipts()
    assert rows_of(paper)[CUTTER_GAP + after :] == rows_of(picture(200, seed=2))


def test_a_printer_that_prints_slowly_over_a_slow_line_prints_all_of_it() -> None:
    with SimulatedPrinter(real_time=True, rows_per_second=500, link=LINK, pace=Pace(115_200)) as printer:
        told = report(printer, picture(300))
        assert told == PrintReport(PrintOutcome.PRINTED, None, 300)
        assert [printed(paper) for paper in printer.receipts()] == [picture(300)]


def test_a_printer_that_is_busy_for_a_while_is_waited_for(printer: SimulatedPrinter) -> None:
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    opened.self_test()
    printer.cause(PrinterFault.BUSY, after_rows=120)
    relief = threading.Timer(3 * ANSWER_WITHIN, printer.mend)
    relief.start()
    assert opened.attempt(picture(300)) == PrintReport(PrintOutcome.PRINTED, None, 300)
    relief.join()
    opened.close()
    assert [printed(paper) for paper in printer.receipts()] == [picture(300)]


@needs_pty
@pytest.mark.parametrize("scheme", ["", "file:"])
def test_a_printer_that_takes_no_more_bytes_is_given_up_and_the_next_receipt_is_whole(scheme: str) -> None:
    black = Raster(576, 600, b"\xff" * 72 * 600)
    with SimulatedPrinter(link=Link.PTY) as printer:
        opened = EscPosPrinter("printer", url=scheme + printer.url, answer_within=ANSWER_WITHIN)
        opened.self_test()
        printer.cause(PrinterFault.BUSY)
        told = opened.attempt(black)
        assert (told.outcome, told.fault) == (PrintOutcome.FAILED, PrintFault.WIRE)
        printer.mend()
        assert opened.attempt(picture(200)).outcome is PrintOutcome.PRINTED
        opened.close()
        paper = printer.receipts()[-1]
        assert rows_of(paper)[-200:] == rows_of(picture(200))


def test_a_printer_that_answers_rubbish_gets_each_receipt_once(printer: SimulatedPrinter) -> None:
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    opened.self_test()
    printer.cause(PrinterFault.GARBAGE)
    for _ in range(5):
        list(opened.poll())
        opened.attempt(picture(150))
    printer.mend()
    assert opened.attempt(picture(60, seed=2)).outcome is PrintOutcome.PRINTED
    opened.close()
    assert rows_of(printer.receipts()[-1])[-60:] == rows_of(picture(60, seed=2))
    assert len(printer.receipts()) <= 6


def test_a_printer_that_knows_no_real_time_says_how_it_is_when_asked_to_push(printer: SimulatedPrinter) -> None:
    printer.cause(PrinterFault.NO_REAL_TIME)
    printer.cause(PrinterFault.PAPER_LOW)
    opened = EscPosPrinter("printer", url=printer.url, answer_within=ANSWER_WITHIN)
    opened.self_test()
    low = PrinterStatus("printer", Connection.ONLINE, Cover.CLOSED, Paper.LOW)
    assert list(opened.poll()) == [low]
    assert opened.attempt(picture(230)) == PrintReport(PrintOutcome.PRINTED, None, 230)
    assert list(opened.poll()) == []
    printer.cause(PrinterFault.COVER_OPEN)
    assert list(opened.poll()) == [PrinterStatus("printer")]  # nothing has its turn while it is open
    opened.close()
    assert [printed(paper) for paper in printer.receipts()] == [picture(230)]


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", ["tcp", "serial", "file", "usb"])
def test_nothing_of_a_receipt_is_in_a_file_or_in_a_log_at_the_lowest_level(
    wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if wire in {"serial", "file"} and sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    caplog.set_level(0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with SimulatedPrinter(link=Link.PTY if wire in {"serial", "file"} else Link.TCP) as printer:
        on_the_bus(monkeypatch, Plug(printer.url))
        url = {"file": f"file:{printer.url}", "usb": "usb:04b8:0e15"}.get(wire, printer.url)
        opened = EscPosPrinter("printer", url=url, answer_within=ANSWER_WITHIN)
        opened.self_test()
        assert opened.attempt(picture(400)).outcome is PrintOutcome.PRINTED
        printer.cause(PrinterFault.CABLE_PULLED, after_rows=50)
        assert opened.attempt(picture(400)).outcome is PrintOutcome.FAILED
        printer.mend()
        opened.close()
    secrets = {row.rstrip(b"\0")[:24] for row in rows_of(picture(400)) if len(row.rstrip(b"\0")) >= 24}
    assert secrets
    said = "\n".join(f"{record.getMessage()} {record.args} {record.exc_info}" for record in caplog.records)
    assert "bytes" in said  # it was at the lowest level
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for secret in secrets:
        for form in (secret.hex(), repr(secret)[2:-1], secret.hex(" "), base64.b64encode(secret).decode()):
            assert form not in said
            assert form.encode() not in written
        assert secret not in written


def test_an_error_of_the_wire_does_not_carry_the_receipt(printer: SimulatedPrinter) -> None:
    with open_printer(printer.url) as port:
        port.close()
        with pytest.raises(WireError) as raised:
            port.write(b"Truy\x81\x36n")
    assert raised.value.sent == b""


# --- printers on USB, as python-escpos and pyusb have them ------------------------------------------------------------


def usb_printer(url: str = "usb:04b8:0e15") -> EscPosPrinter:
    return EscPosPrinter("printer", url=url, answer_within=ANSWER_WITHIN)


def test_a_usb_printer_is_taken_from_the_kernel_and_reset_once_and_not_at_every_look(
    printer: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug = Plug(printer.url)
    on_the_bus(monkeypatch, plug)
    opened = usb_printer()
    opened.self_test()
    for _ in range(3):
        list(opened.poll())
    assert opened.attempt(picture(300)).outcome is PrintOutcome.PRINTED
    assert (plug.resets, plug.kernel_driver) == (1, False)
    assert max(plug.sizes) <= 1024
    opened.close()


def test_of_several_usb_printers_the_one_with_the_serial_number_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedPrinter() as one, SimulatedPrinter() as other:
        on_the_bus(monkeypatch, Plug(one.url, serial="A1"), Plug(other.url, serial="B2"))
        opened = usb_printer("usb:04b8:0e15:B2")
        assert opened.attempt(picture(60)).outcome is PrintOutcome.PRINTED
        opened.close()
        assert (len(one.receipts()), len(other.receipts())) == (0, 1)


@pytest.mark.parametrize(
    "url", ["usb:04b8:0e16", "usb:04b8:0e15:other", "usb:04b8", "usb:", "usb:04b8:0e15:", "usb:wxyz:0e15"]
)
def test_a_usb_printer_that_is_not_there_cannot_be_opened(
    printer: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    on_the_bus(monkeypatch, Plug(printer.url))
    with pytest.raises(CannotOpen):
        usb_printer(url).self_test()


def test_without_libusb_a_usb_printer_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend in ("libusb0", "libusb1", "openusb"):
        monkeypatch.setattr(f"usb.backend.{backend}.get_backend", lambda: None)
    with pytest.raises(CannotOpen):
        usb_printer().self_test()


def test_a_usb_device_with_nowhere_to_write_to_is_no_printer(
    printer: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_bus(monkeypatch, Plug(printer.url, interface_class=3, ways=(BULK_IN,)))
    with pytest.raises(CannotOpen, match="no printer"):
        usb_printer().self_test()


def test_a_usb_printer_without_a_way_back_prints_and_nothing_is_known_of_it(
    printer: SimulatedPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_bus(monkeypatch, Plug(printer.url, ways=(BULK_OUT,)))
    opened = usb_printer()
    opened.self_test()
    assert list(opened.poll()) == [PrinterStatus("printer")]
    assert opened.attempt(picture(150)) == PrintReport(PrintOutcome.UNKNOWN, None, 0)
    opened.close()
    until(lambda: len(printer.receipts()) == 1)


# --- printers as files of Linux ---------------------------------------------------------------------------------------


@needs_pty
def test_a_file_that_is_no_device_is_not_written_to(tmp_path: Path) -> None:
    spool = tmp_path / "lp0"
    spool.write_bytes(b"")
    with pytest.raises(CannotOpen):
        EscPosPrinter("printer", url=f"file:{spool}").self_test()
    assert spool.read_bytes() == b""


@needs_pty
def test_a_device_file_without_a_way_back_prints_and_nothing_is_known_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf:
        """The module os, for whoever would read from a printer that only listens."""

        def read(self, *_: int) -> bytes:
            raise OSError(errno.EINVAL, "usblp: it has no way back")

        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

    with SimulatedPrinter(link=Link.PTY) as printer:
        opened = EscPosPrinter("printer", url=f"file:{printer.url}", answer_within=ANSWER_WITHIN)
        with monkeypatch.context() as patch:
            patch.setattr("drivers.printer_wires.os", Deaf())
            opened.self_test()
            assert list(opened.poll()) == [PrinterStatus("printer")]
            assert opened.attempt(picture(150)) == PrintReport(PrintOutcome.UNKNOWN, None, 0)
        opened.close()
        until(lambda: len(printer.receipts()) == 1)


@pytest.mark.parametrize("url", ["/dev/usb/lp7", "/dev/lp7", "file:/dev/usb/lp7"])
def test_a_printer_file_that_is_not_there_cannot_be_opened(url: str) -> None:
    with pytest.raises(CannotOpen, match="lp7"):
        EscPosPrinter("printer", url=url).self_test()
