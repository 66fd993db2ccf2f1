"""Barcode scanners: any bytes into codes; and the driver over TCP and over a serial line."""

import os
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barcodes import CodeDecoder, LineScanner
from drivers.codec import NOT_YET
from drivers.codes import CheckDigit, Code, CodeForm, CodeRules, Ignored, LineEnd, Noise
from drivers.devices import BarcodeScanned, CannotOpen, CodeKind
from drivers.port import Port
from drivers.simulators.scanner import ScannerFault, SimulatedScanner
from drivers.simulators.wire import Link
from drivers.supervisor import Supervised
from tests.drivers.conformance import PATIENCE, until
from tests.drivers.conformance_scanners import ScannerBench, ScannerConformance

QUIET = 0.1
CITIZEN = "001090123456|012345678|Nguyễn Văn A|01011990|Nam|Tổ 1, phường Phan Đình Phùng|15042021"


def scanner_bench(scanner: SimulatedScanner, form: CodeForm | None = None) -> ScannerBench[LineScanner]:
    return ScannerBench(
        connect=partial(LineScanner.open, url=scanner.url, form=form, quiet=QUIET),
        pull_cable=lambda: scanner.cause(ScannerFault.CABLE_PULLED),
        plug_in=scanner.mend,
        scanner=scanner,
    )


class LineScannerConformance(ScannerConformance[LineScanner]):
    def wait_out(self, device: Supervised[LineScanner]) -> None:
        until(lambda: device.do(lambda scanner: scanner.ignored).result(PATIENCE) == 1)


class TestScannerOverTcp(LineScannerConformance):
    @pytest.fixture
    def bench(self) -> Iterator[ScannerBench[LineScanner]]:
        with SimulatedScanner() as scanner:
            yield scanner_bench(scanner)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
class TestScannerOnASerialLine(LineScannerConformance):
    @pytest.fixture
    def bench(self) -> Iterator[ScannerBench[LineScanner]]:
        with SimulatedScanner(link=Link.PTY, line_end="\r\n") as scanner:
            yield scanner_bench(scanner)


class TestScannerWithAPrefix(LineScannerConformance):
    @pytest.fixture
    def bench(self) -> Iterator[ScannerBench[LineScanner]]:
        with SimulatedScanner(prefix="]C0", line_end="\n") as scanner:
            yield scanner_bench(scanner, CodeForm(prefixes=("]C0",)))


def decoded(decoder: CodeDecoder) -> list[str | Ignored]:
    """The codes so far, by their text."""
    codes: list[str | Ignored] = []
    while (code := decoder.next_code()) is not NOT_YET:
        codes.append(code.text if isinstance(code, Code) else code)
    return codes


def decode(data: bytes, form: CodeForm | None = None) -> list[str | Ignored]:
    decoder = CodeDecoder(form)
    decoder.receive(data)
    return decoded(decoder)


def bad(noise: Noise) -> Ignored:
    return Ignored(noise)


@pytest.mark.parametrize(
    ("data", "form", "codes"),
    [
        (b"TN-000123\r", CodeForm(), ["TN-000123"]),
        (b"TN-000123\n", CodeForm(), ["TN-000123"]),
        (b"TN-000123\r\n", CodeForm(), ["TN-000123"]),
        (b"\r\n\r\nTN-000123\r\n\r\n", CodeForm(), ["TN-000123"]),
        (b"TN-000123", CodeForm(), []),
        (b"A\rB\nC\r\n", CodeForm(), ["A", "B", "C"]),
        (b"  TN 000123\t\r", CodeForm(), ["TN 000123"]),
        (b"A\rB\nC\r\n", CodeForm(line_end=LineEnd.CR), ["A", bad(Noise.NOT_TEXT)]),
        (b"A\r\nB\r\n", CodeForm(line_end=LineEnd.CR), ["A", "B"]),
        (b"A\r\nB\n", CodeForm(line_end=LineEnd.LF), ["A", "B"]),
        (b"A\r\nB\nC\r\n", CodeForm(line_end=LineEnd.CRLF), ["A", bad(Noise.NOT_TEXT)]),
        (b"]C0TN-000123\r", CodeForm(prefixes=("]C0",)), ["TN-000123"]),
        (b"TN-000123\r", CodeForm(prefixes=("]C0",)), ["TN-000123"]),
        (b"]C0]C0A\r", CodeForm(prefixes=("]C0",)), ["]C0A"]),
        (b"ABCD\r", CodeForm(prefixes=("A", "ABC")), ["D"]),
        (b"]C0\r", CodeForm(prefixes=("]C0",)), [bad(Noise.EMPTY)]),
        ("Thẻ\r".encode(), CodeForm(), [bad(Noise.NOT_TEXT)]),
        ("Thẻ\r".encode(), CodeForm(ascii_only=False), ["Thẻ"]),
        (b"The\xcc\x89\r", CodeForm(ascii_only=False), ["Thẻ"]),
        (b"\xff\xfe\rA\r", CodeForm(ascii_only=False), [bad(Noise.NOT_TEXT), "A"]),
        (b"A\x00B\rC\r", CodeForm(), [bad(Noise.NOT_TEXT), "C"]),
        (CITIZEN.encode() + b"\r1\r", CodeForm(), ["001090123456", "1"]),
        (CITIZEN.encode("utf-16-le") + b"\r1\r", CodeForm(), [bad(Noise.CITIZEN_CARD), "1"]),
        (CITIZEN.encode()[5:] + b"\r1\r", CodeForm(), [bad(Noise.CITIZEN_CARD), "1"]),
        (b"]Q3" + CITIZEN.encode() + b"\r", CodeForm(prefixes=("]Q3",), longest=20), ["001090123456"]),
        (b"12345\r123456\r1\r", CodeForm(longest=5), ["12345", bad(Noise.TOO_LONG), "1"]),
        (b"1" * 1000 + b"\r1\r", CodeForm(), [bad(Noise.TOO_LONG), "1"]),
        (b"1" * 5000 + b"\r1\r", CodeForm(longest=5), [bad(Noise.TOO_LONG), "1"]),
        (b"12345\r\n123456\r\n1\r\n", CodeForm(LineEnd.CRLF, longest=5), ["12345", bad(Noise.TOO_LONG), "1"]),
    ],
)  # fmt: skip
def test_bytes_are_codes_whole_and_byte_by_byte(data: bytes, form: CodeForm, codes: list[str | Ignored]) -> None:
    assert decode(data, form) == codes
    decoder = CodeDecoder(form)
    for byte in data:
        decoder.receive(bytes((byte,)))
    assert decoded(decoder) == codes
    assert decoder.ignored == sum(isinstance(code, Ignored) for code in codes)


def test_what_a_scanner_reads_is_told_with_its_kind() -> None:
    rules = CodeRules(patron_prefix="P", item_prefix="TN-", check_digit=CheckDigit.NONE)
    with SimulatedScanner() as scanner:
        opened = LineScanner.open("scanner", url=scanner.url, rules=rules)
        scanner.scan("P0012345", "TN-000123", "X1", CITIZEN)
        seen: list[object] = []
        while len(seen) < 4:
            seen += opened.poll()
        opened.close()
    assert seen == [
        BarcodeScanned("scanner", "P0012345", CodeKind.PATRON),
        BarcodeScanned("scanner", "TN-000123", CodeKind.ITEM),
        BarcodeScanned("scanner", "X1", CodeKind.UNKNOWN),
        BarcodeScanned("scanner", "001090123456", CodeKind.PATRON),
    ]


def test_half_a_code_is_noise_when_the_line_falls_silent_and_the_next_is_whole() -> None:
    decoder = CodeDecoder(CodeForm(longest=8))
    decoder.receive(b"TN-00")
    decoder.silence()
    decoder.receive(b"1" * 20)
    decoder.silence()
    decoder.silence()
    decoder.receive(b"TN-00001\r")
    assert decoded(decoder) == [Ignored(Noise.BROKEN_OFF), Ignored(Noise.TOO_LONG), "TN-00001"]


FORMS = st.builds(
    CodeForm,
    line_end=st.sampled_from(LineEnd),
    longest=st.integers(1, 12),
    prefixes=st.sampled_from([(), ("A",), ("]C0", "]")]),
    ascii_only=st.booleans(),
)
#: Bytes of which some are line ends, prefixes and digits, so that codes come of them.
BYTES = st.lists(st.one_of(st.binary(max_size=4), st.sampled_from([b"\r", b"\n", b"\r\n", b"A", b"]C0", b"123"]))).map(
    b"".join
)


@given(BYTES, FORMS, st.data())
def test_any_bytes_in_any_pieces_are_the_same_codes(data: bytes, form: CodeForm, draw: st.DataObject) -> None:
    pieces = CodeDecoder(form)
    rest = data
    while rest:
        size = draw.draw(st.integers(1, len(rest)))
        pieces.receive(rest[:size])
        rest = rest[size:]
    codes = decoded(pieces)
    assert codes == decode(data, form)
    assert pieces.ignored == sum(isinstance(code, Ignored) for code in codes)
    for code in codes:
        assert isinstance(code, Ignored) or (code and code.isprintable() and code == code.strip())


@given(BYTES, FORMS)
def test_after_any_bytes_a_pause_makes_way_for_the_next_code(data: bytes, form: CodeForm) -> None:
    decoder = CodeDecoder(form)
    decoder.receive(data)
    decoder.silence()
    decoded(decoder)
    decoder.receive(b"7" + {LineEnd.LF: b"\n", LineEnd.CRLF: b"\r\n"}.get(form.line_end, b"\r"))
    assert decoded(decoder) == ["7"]


def test_a_prefix_in_another_form_of_unicode_is_still_a_prefix() -> None:
    assert decode("Thẻ:1\r".encode(), CodeForm(prefixes=("Thẻ:",), ascii_only=False)) == ["1"]


def test_where_nothing_is_no_scanner_is_opened() -> None:
    with SimulatedScanner() as scanner:
        url = scanner.url
    with pytest.raises(CannotOpen):
        LineScanner.open("scanner", url=url)


def test_a_code_that_comes_slowly_is_one_code() -> None:
    with SimulatedScanner(real_time=True) as scanner, Port.open(scanner.url) as port:
        opened = LineScanner("scanner", port)
        scanner.scan("TN-" + "0" * 40)
        codes: list[object] = []
        while not codes:
            codes += opened.poll()
        assert codes == [BarcodeScanned("scanner", "TN-" + "0" * 40)]
