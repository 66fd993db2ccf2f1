"""The receipt printer over TCP, and what it is found to have done."""

import queue
from collections.abc import Iterator
from functools import partial

import pytest

from drivers.devices import CannotOpen, Connection, Cover, DeviceEvent, Paper, PrinterStatus, PrintOutcome, Raster
from drivers.escpos import PrintFault, PrintReport
from drivers.port import Port
from drivers.receipt_printer import EscPosPrinter
from drivers.simulators.printer import PrinterFault, SimulatedPrinter
from drivers.simulators.wire import Outlet, Wire
from drivers.supervisor import Supervisor
from tests.drivers.conformance import Watch
from tests.drivers.conformance_printers import PrinterBench, PrinterConformance, picture, printed

#: As short as a busy machine allows: a fault that is an answer's absence lasts many times so long.
ANSWER_WITHIN = 0.1


def printer_bench(printer: SimulatedPrinter) -> PrinterBench[EscPosPrinter]:
    return PrinterBench(
        connect=partial(EscPosPrinter, url=printer.url, answer_within=ANSWER_WITHIN),
        pull_cable=lambda: printer.cause(PrinterFault.CABLE_PULLED),
        plug_in=printer.mend,
        printer=printer,
    )


class TestEscPosOverTcp(PrinterConformance[EscPosPrinter]):
    @pytest.fixture
    def bench(self) -> Iterator[PrinterBench[EscPosPrinter]]:
        with SimulatedPrinter() as printer:
            yield printer_bench(printer)


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
