"""What every barcode scanner must do; see ``conformance``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pytest

from drivers.devices import BarcodeScanned, BarcodeScanner, CodeKind, DeviceBack, DeviceLost
from drivers.simulators.scanner import ScannerFault, SimulatedScanner
from drivers.supervisor import Supervised
from tests.drivers.conformance import Bench, DeviceConformance, Watch

ScannerT = TypeVar("ScannerT", bound=BarcodeScanner)


@dataclass
class ScannerBench(Bench[ScannerT]):
    """The bench of a scanner."""

    scanner: SimulatedScanner


class Scans(Protocol):
    """A scanner, whatever its codes come by, and what is told of them."""

    def scan(self, *codes: str) -> None:
        """Scans codes, one right after the other."""

    def break_off(self, code: str) -> None:
        """Scans half a code, and waits until that is given up."""

    def disturb(self) -> None:
        """Has rubbish come before the next code."""

    def last(self, code: str) -> list[BarcodeScanned]:
        """All that was told until a code that comes last."""
        ...


def texts_until(scans: Scans, code: str) -> list[str]:
    return [event.text for event in scans.last(code)]


class CodesConformance:
    """What holds of the codes of any scanner."""

    @pytest.fixture
    def scans(self) -> Scans:
        raise NotImplementedError

    def test_a_scanned_code_is_told_as_it_is(self, scans: Scans) -> None:
        scans.scan("TN-000123")
        (event,) = scans.last("TN-000123")
        assert event == BarcodeScanned("device", "TN-000123")

    def test_the_same_code_scanned_twice_is_told_twice(self, scans: Scans) -> None:
        scans.scan("TN-000123", "TN-000123", "the end")
        assert texts_until(scans, "the end") == ["TN-000123", "TN-000123", "the end"]

    def test_a_burst_of_codes_comes_in_order_and_whole(self, scans: Scans) -> None:
        codes = [f"TN-{number:06}" for number in range(200)]
        scans.scan(*codes, "the end")
        assert texts_until(scans, "the end") == [*codes, "the end"]

    def test_noise_between_codes_is_passed_over(self, scans: Scans) -> None:
        scans.disturb()
        scans.scan("TN-000001")
        scans.disturb()
        scans.scan("TN-000002", "the end")
        assert texts_until(scans, "the end") == ["TN-000001", "TN-000002", "the end"]

    def test_a_code_that_breaks_off_does_not_spoil_the_next(self, scans: Scans) -> None:
        scans.break_off("TN-000001")
        scans.scan("TN-000002")
        assert texts_until(scans, "TN-000002") == ["TN-000002"]

    def test_of_a_citizen_card_the_number_alone_is_told(self, scans: Scans) -> None:
        scans.scan("001090123456||NGUYEN VAN A|01011990|Nam|THAI NGUYEN|15042021|more")
        (event,) = scans.last("001090123456")
        assert event == BarcodeScanned("device", "001090123456", CodeKind.PATRON)

    def test_no_code_is_in_any_log(self, scans: Scans, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        scans.disturb()
        scans.scan("P0012345", "001090123456||NGUYEN VAN A|01011990|Nam|THAI NGUYEN|1504", "the end")
        said = repr(scans.last("the end")) + caplog.text
        for told in ("P0012345", b"P0012345".hex(), "NGUYEN", "001090123456"):
            assert told not in said


@dataclass
class _WiredScans:
    """A simulated scanner with a driver, under a supervisor."""

    scanner: SimulatedScanner
    watch: Watch
    wait_out: Callable[[], None]

    def scan(self, *codes: str) -> None:
        self.scanner.scan(*codes)

    def disturb(self) -> None:
        self.scanner.cause(ScannerFault.NOISE, times=1)

    def break_off(self, code: str) -> None:
        self.scanner.cause(ScannerFault.BROKEN_OFF, times=1)
        self.scanner.scan(code)
        self.wait_out()

    def last(self, code: str) -> list[BarcodeScanned]:
        self.watch.next(BarcodeScanned, lambda event: event.text == code)
        assert self.watch.of(DeviceLost) == []
        return self.watch.of(BarcodeScanned)


class ScannerConformance(CodesConformance, DeviceConformance[ScannerT]):
    """``bench`` opens the scanner so that half a code is given up after little time."""

    @pytest.fixture
    def bench(self) -> Iterator[ScannerBench[ScannerT]]:
        raise NotImplementedError

    @pytest.fixture
    def scanner(self, bench: ScannerBench[ScannerT], device: Supervised[ScannerT]) -> SimulatedScanner:
        """The simulated scanner, with a driver that listens to it."""
        del device
        return bench.scanner

    @pytest.fixture
    def scans(self, scanner: SimulatedScanner, device: Supervised[ScannerT], watch: Watch) -> Scans:
        return _WiredScans(scanner, watch, lambda: self.wait_out(device))

    def wait_out(self, device: Supervised[ScannerT]) -> None:
        """Waits until the driver has given up half a code."""
        raise NotImplementedError

    def until(self, watch: Watch, code: str) -> list[str]:
        """All codes until one that comes last, whatever became of the device meanwhile."""
        watch.next(BarcodeScanned, lambda event: event.text == code)
        return [event.text for event in watch.of(BarcodeScanned)]

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
        assert self.until(watch, "TN-000003") == ["TN-000001", "TN-000003"]

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
        assert self.until(watch, "TN-000002") == ["TN-000002"]
