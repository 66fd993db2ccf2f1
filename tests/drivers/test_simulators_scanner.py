"""The simulated scanner: what goes out over the wire."""

import os

import pytest

from drivers.port import Port
from drivers.simulators.scanner import ScannerFault, SimulatedScanner
from drivers.simulators.wire import Link
from tests.drivers.conformance import PATIENCE


def hear(port: Port, count: int) -> bytes:
    """So many bytes."""
    heard = b""
    while len(heard) < count:
        data = port.read(PATIENCE)
        assert data, f"only {heard!r} came"
        heard += data
    return heard


@pytest.mark.parametrize(
    "link", [Link.TCP, pytest.param(Link.PTY, marks=pytest.mark.skipif(os.name == "nt", reason="no pty"))]
)
def test_a_code_goes_out_with_what_is_set_around_it(link: Link) -> None:
    with (
        SimulatedScanner(link=link, prefix="]C0", line_end="\r\n") as scanner,
        Port.open(scanner.url) as port,
    ):
        scanner.scan("TN-000123", "Thẻ")
        assert hear(port, 22) == "]C0TN-000123\r\n]C0Thẻ\r\n".encode()


def test_what_is_scanned_before_anybody_listens_waits() -> None:
    with SimulatedScanner() as scanner:
        scanner.scan("TN-000123")
        with Port.open(scanner.url) as port:
            assert hear(port, 10) == b"TN-000123\r"


def test_what_is_scanned_with_the_cable_pulled_is_lost() -> None:
    with SimulatedScanner() as scanner:
        scanner.cause(ScannerFault.CABLE_PULLED)
        assert scanner.faults() == {ScannerFault.CABLE_PULLED}
        scanner.scan("TN-000001")
        scanner.mend()
        with Port.open(scanner.url) as port:
            scanner.scan("TN-000002")
            assert hear(port, 10) == b"TN-000002\r"


def test_faults_strike_as_often_as_they_are_told_to() -> None:
    with SimulatedScanner() as scanner, Port.open(scanner.url) as port:
        scanner.cause(ScannerFault.BROKEN_OFF, times=1)
        scanner.cause(ScannerFault.NOISE, times=1)
        scanner.scan("12345678", "12345678")
        heard = hear(port, 24 + 1 + 4 + 9)
        assert heard[24:] == b"\r1234" + b"12345678\r"
        assert min(heard[:24]) >= 0x80


def test_a_host_that_speaks_to_it_is_not_heard() -> None:
    with SimulatedScanner() as scanner, Port.open(scanner.url) as port:
        port.write(b"hello?")
        scanner.scan("1")
        assert hear(port, 2) == b"1\r"
