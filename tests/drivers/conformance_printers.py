"""What every receipt printer must do; see ``conformance``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from drivers.devices import (
    Connection,
    Cover,
    DeviceBack,
    DeviceLost,
    Paper,
    PrinterStatus,
    PrintOutcome,
    Raster,
    ReceiptPrinter,
)
from drivers.simulators.printer import CUTTER_GAP, PrinterFault, SimulatedPrinter
from drivers.supervisor import Supervised
from tests.drivers.conformance import PATIENCE, Bench, DeviceConformance, Watch, until

PrinterT = TypeVar("PrinterT", bound=ReceiptPrinter)

WELL = PrinterStatus("device", Connection.ONLINE, Cover.CLOSED, Paper.PRESENT)


def picture(height: int, seed: int = 1, width: int = 576) -> Raster:
    """Lines of something like text, with gaps between them, each of its own width."""
    stride = (width + 7) // 8
    rows = bytearray()
    for y in range(height):
        line, within = divmod(y, 32)
        ink = 0 if within >= 22 else 1 + (line * 7 + seed) % stride
        rows += bytes((x * 31 + y * 17 + seed * 101) & 0xFF | 0x01 for x in range(ink)).ljust(stride, b"\0")
    return Raster(width, height, bytes(rows))


def printed(receipt: Raster) -> Raster:
    """A receipt as it came out, without the blank that lay between head and cutter."""
    gap = (receipt.width + 7) // 8 * CUTTER_GAP
    assert not any(receipt.rows[:gap])
    return Raster(receipt.width, receipt.height - CUTTER_GAP, receipt.rows[gap:])


@dataclass
class PrinterBench(Bench[PrinterT]):
    """The bench of a printer with paper of 576 dots."""

    printer: SimulatedPrinter


class PrinterConformance(DeviceConformance[PrinterT]):
    """``bench`` opens the printer."""

    @pytest.fixture
    def bench(self) -> Iterator[PrinterBench[PrinterT]]:
        raise NotImplementedError

    @pytest.fixture
    def printer(self, bench: PrinterBench[PrinterT], device: Supervised[PrinterT]) -> SimulatedPrinter:
        """The simulated printer, with a driver that has met it."""
        del device
        return bench.printer

    def print(self, device: Supervised[PrinterT], receipt: Raster) -> PrintOutcome:
        return device.do(lambda printer: printer.print(receipt)).result(PATIENCE)

    # --- what it says of itself ---

    def test_how_it_is_is_told_at_first_and_then_when_it_changes(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], watch: Watch
    ) -> None:
        assert watch.next(PrinterStatus) == WELL
        told = [
            (PrinterFault.PAPER_LOW, PrinterStatus("device", Connection.ONLINE, Cover.CLOSED, Paper.LOW)),
            (PrinterFault.PAPER_OUT, PrinterStatus("device", Connection.OFFLINE, Cover.CLOSED, Paper.OUT)),
            (PrinterFault.COVER_OPEN, PrinterStatus("device", Connection.OFFLINE, Cover.OPEN, Paper.PRESENT)),
            (PrinterFault.OFFLINE, PrinterStatus("device", Connection.OFFLINE, Cover.CLOSED, Paper.PRESENT)),
            (PrinterFault.NO_ANSWER, PrinterStatus("device")),
        ]
        for fault, status in told:
            printer.mend()
            printer.cause(fault)
            self.look(device)
            assert watch.next(PrinterStatus) == status
        self.look(device)
        self.look(device)
        assert len(watch.of(PrinterStatus)) == len(told) + 1

    def look(self, device: Supervised[PrinterT]) -> None:
        """Cuts the rest between two polls short."""
        device.do(lambda _: None).result(PATIENCE)

    def test_a_silent_printer_is_there_and_nothing_is_known_of_it(
        self, bench: PrinterBench[PrinterT], watch: Watch
    ) -> None:
        bench.printer.cause(PrinterFault.NO_ANSWER)
        watch.supervisor.add("device", bench.connect)
        watch.next(DeviceBack)
        assert watch.next(PrinterStatus) == PrinterStatus("device")

    # --- what comes out ---

    @pytest.mark.parametrize("height", [1, 7, 47, 48, 49, 95, 96, 97, 99, 100, 101, 144, 200, 255, 256, 960, 961, 3000])
    def test_a_receipt_comes_out_dot_by_dot(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], height: int
    ) -> None:
        receipt = picture(height)
        assert self.print(device, receipt) is PrintOutcome.PRINTED
        assert [printed(paper) for paper in printer.receipts()] == [receipt]
        assert not printer.unknown()

    @pytest.mark.parametrize("width", [8, 9, 384, 575])
    def test_a_receipt_narrower_than_the_paper_comes_out_at_its_left(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], width: int
    ) -> None:
        receipt = picture(120, width=width)
        assert self.print(device, receipt) is PrintOutcome.PRINTED
        (paper,) = map(printed, printer.receipts())
        assert [row[: (width + 7) // 8] for row in rows_of(paper)] == rows_of(receipt)

    def test_a_blank_receipt_and_a_black_one_come_out(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT]
    ) -> None:
        blank, black = Raster(576, 300, bytes(72 * 300)), Raster(576, 300, b"\xff" * 72 * 300)
        for receipt in (blank, black):
            assert self.print(device, receipt) is PrintOutcome.PRINTED
        assert [printed(paper) for paper in printer.receipts()] == [blank, black]

    def test_receipts_come_out_one_after_the_other_and_each_once(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT]
    ) -> None:
        receipts = [picture(150, seed) for seed in range(4)]
        assert [self.print(device, receipt) for receipt in receipts] == [PrintOutcome.PRINTED] * 4
        assert [printed(paper) for paper in printer.receipts()] == receipts

    def test_a_receipt_wider_than_the_paper_is_a_mistake(self, bench: PrinterBench[PrinterT]) -> None:
        opened = bench.connect("device")
        with pytest.raises(ValueError, match="584"):
            opened.print(Raster(584, 1, bytes(73)))
        opened.close()
        assert bench.printer.rows_printed() == 0

    def test_little_paper_is_still_paper(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], watch: Watch
    ) -> None:
        printer.cause(PrinterFault.PAPER_LOW)
        assert self.print(device, picture(120)) is PrintOutcome.PRINTED
        watch.next(PrinterStatus, lambda status: status.paper is Paper.LOW)

    # --- what does not ---

    @pytest.mark.parametrize(
        "fault",
        [PrinterFault.PAPER_OUT, PrinterFault.COVER_OPEN, PrinterFault.CUTTER_JAMMED, PrinterFault.OFFLINE],
    )
    def test_a_printer_that_cannot_print_is_not_given_anything(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], fault: PrinterFault
    ) -> None:
        printer.cause(fault)
        assert self.print(device, picture(120)) is PrintOutcome.FAILED
        printer.mend()
        assert printer.rows_printed() == 0
        assert self.print(device, picture(130)) is PrintOutcome.PRINTED
        assert [printed(paper) for paper in printer.receipts()] == [picture(130)]

    @pytest.mark.parametrize("fault", [PrinterFault.PAPER_OUT, PrinterFault.COVER_OPEN, PrinterFault.CUTTER_JAMMED])
    @pytest.mark.parametrize("after", [0, 40, 250, 399])
    def test_a_receipt_that_stops_half_way_has_failed_and_its_rest_never_comes(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], watch: Watch, fault: PrinterFault, after: int
    ) -> None:
        watch.next(PrinterStatus)
        half, whole = picture(400), picture(200, seed=2)
        printer.cause(fault, after_rows=after + 1)
        assert self.print(device, half) is PrintOutcome.FAILED
        assert watch.next(PrinterStatus).connection is Connection.OFFLINE
        printer.mend()
        self.look(device)
        watch.next(PrinterStatus, lambda status: status == WELL)
        assert printer.rows_printed() == after + 1
        assert self.print(device, whole) is PrintOutcome.PRINTED
        (paper,) = printer.receipts()
        assert rows_of(paper)[CUTTER_GAP : CUTTER_GAP + after + 1] == rows_of(half)[: after + 1]
        assert rows_of(paper)[CUTTER_GAP + after + 1 :] == rows_of(whole)

    @pytest.mark.parametrize("after", [1, 50, 150, 333])
    def test_a_cable_pulled_half_way_is_a_failure_and_the_next_receipt_is_whole(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], watch: Watch, after: int
    ) -> None:
        printer.cause(PrinterFault.CABLE_PULLED, after_rows=after)
        assert self.print(device, picture(600)) is PrintOutcome.FAILED
        watch.next(DeviceLost)
        printer.mend()
        watch.next(DeviceBack)
        assert not printer.receipts()
        assert self.print(device, picture(200, seed=2)) is PrintOutcome.PRINTED
        (paper,) = printer.receipts()
        assert rows_of(paper)[-200:] == rows_of(picture(200, seed=2))

    def test_a_cable_pulled_when_all_is_sent_leaves_it_unknown(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT], watch: Watch
    ) -> None:
        printer.cause(PrinterFault.CABLE_PULLED, after_rows=210 + CUTTER_GAP // 2)  # while it is fed to the cutter
        assert self.print(device, picture(210)) is PrintOutcome.UNKNOWN
        watch.next(DeviceLost)

    def test_a_silent_printer_prints_once_and_the_outcome_is_unknown(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT]
    ) -> None:
        printer.cause(PrinterFault.NO_ANSWER)
        assert self.print(device, picture(150)) is PrintOutcome.UNKNOWN
        until(lambda: bool(printer.receipts()))
        printer.mend()
        assert self.print(device, picture(30)) is PrintOutcome.PRINTED
        assert [printed(paper) for paper in printer.receipts()] == [picture(150), picture(30)]

    def test_a_printer_that_falls_silent_half_way_is_not_told_to_have_printed(
        self, printer: SimulatedPrinter, device: Supervised[PrinterT]
    ) -> None:
        printer.cause(PrinterFault.NO_ANSWER, after_rows=350)
        assert self.print(device, picture(360)) is not PrintOutcome.PRINTED
        assert printer.rows_printed() <= 360 + CUTTER_GAP

    # --- whose it is ---

    def test_nothing_of_a_receipt_is_in_any_log(
        self,
        printer: SimulatedPrinter,
        device: Supervised[PrinterT],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level("DEBUG")
        receipt = picture(60)
        self.print(device, receipt)
        printer.cause(PrinterFault.CABLE_PULLED, after_rows=20)
        self.print(device, receipt)
        dots = max(rows_of(receipt))
        assert dots.rstrip(b"\0").hex()[:16] not in caplog.text
        assert repr(dots)[2:18] not in caplog.text
        assert "rows=" not in repr(receipt)


def rows_of(paper: Raster) -> list[bytes]:
    stride = (paper.width + 7) // 8
    return [paper.rows[at : at + stride] for at in range(0, len(paper.rows), stride)]
