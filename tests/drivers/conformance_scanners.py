"""What every barcode scanner must do; see ``conformance``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from drivers.devices import BarcodeScanned, BarcodeScanner, DeviceBack, DeviceLost
from drivers.simulators.scanner import ScannerFault, SimulatedScanner
from drivers.supervisor import Supervised
from tests.drivers.conformance import Bench, DeviceConformance, Watch

ScannerT = TypeVar("ScannerT", bound=BarcodeScanner)


@dataclass
class ScannerBench(Bench[ScannerT]):
    """The bench of a scanner."""

    scanner: SimulatedScanner


class ScannerConformance(DeviceConformance[ScannerT]):
    """``bench`` opens the scanner so that half a code is given up after little time."""

    @pytest.fixture
    def bench(self) -> Iterator[ScannerBench[ScannerT]]:
        raise NotImplementedError

    @pytest.fixture
    def scanner(self, bench: ScannerBench[ScannerT], device: Supervised[ScannerT]) -> SimulatedScanner:
        """The simulated scanner, with a driver that listens to it."""
        del device
        return bench.scanner

    def scanned(self, watch: Watch) -> list[str]:
        return [event.text for event in watch.of(BarcodeScanned)]

    def last(self, watch: Watch, code: str) -> list[str]:
        """All codes until one that comes last."""
        watch.next(BarcodeScanned, lambda event: event.text == code)
        return self.scanned(watch)

    def test_a_scanned_code_is_told_as_it_is(self, scanner: SimulatedScanner, watch: Watch) -> None:
        scanner.scan("TN-000123")
        assert watch.next(BarcodeScanned) == BarcodeScanned("device", "TN-000123")

    def test_the_same_code_scanned_twice_is_told_twice(self, scanner: SimulatedScanner, watch: Watch) -> None:
        scanner.scan("TN-000123", "TN-000123", "end")
        assert self.last(watch, "end") == ["TN-000123", "TN-000123", "end"]

    def test_a_burst_of_codes_comes_in_order_and_whole(self, scanner: SimulatedScanner, watch: Watch) -> None:
        codes = [f"TN-{number:06}" for number in range(200)]
        scanner.scan(*codes, "end")
        assert self.last(watch, "end") == [*codes, "end"]

    def test_noise_between_codes_is_passed_over(self, scanner: SimulatedScanner, watch: Watch) -> None:
        scanner.cause(ScannerFault.NOISE, times=2)
        scanner.scan("TN-000001", "TN-000002", "end")
        assert self.last(watch, "end") == ["TN-000001", "TN-000002", "end"]
        assert watch.of(DeviceLost) == []

    def test_a_code_that_breaks_off_does_not_spoil_the_next(
        self, scanner: SimulatedScanner, device: Supervised[ScannerT], watch: Watch
    ) -> None:
        scanner.cause(ScannerFault.BROKEN_OFF, times=1)
        scanner.scan("TN-000001")
        self.wait_out(device)
        scanner.scan("TN-000002")
        assert self.last(watch, "TN-000002") == ["TN-000002"]

    def wait_out(self, device: Supervised[ScannerT]) -> None:
        """Waits until the driver has given up half a code."""
        raise NotImplementedError

    def test_codes_come_again_after_the_cable_was_pulled_and_none_from_meanwhile(
        self, scanner: SimulatedScanner, watch: Watch
    ) -> None:
        scanner.scan("TN-000001")
        watch.next(BarcodeScanned)
        scanner.cause(ScannerFault.CABLE_PULLED)
        watch.next(DeviceLost)
        scanner.scan("TN-000002")
        scanner.mend()
        watch.next(DeviceBack)
        scanner.scan("TN-000003")
        assert self.last(watch, "TN-000003") == ["TN-000001", "TN-000003"]

    def test_half_a_code_before_the_cable_was_pulled_is_forgotten(
        self, scanner: SimulatedScanner, watch: Watch
    ) -> None:
        scanner.cause(ScannerFault.BROKEN_OFF, times=1)
        scanner.scan("TN-000001")
        scanner.cause(ScannerFault.CABLE_PULLED)
        watch.next(DeviceLost)
        scanner.mend()
        watch.next(DeviceBack)
        scanner.scan("TN-000002")
        assert self.last(watch, "TN-000002") == ["TN-000002"]

    def test_no_code_is_in_any_log(
        self, scanner: SimulatedScanner, watch: Watch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        scanner.cause(ScannerFault.NOISE, times=1)
        scanner.scan("P0012345")
        event = watch.next(BarcodeScanned)
        assert "P0012345" not in caplog.text
        assert b"P0012345".hex() not in caplog.text
        assert "P0012345" not in repr(event)
