"""A PN532 on a serial line: frames out of any bytes, and nfcpy's chip driver over a line with much wrong with it."""

import os
import queue
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import NOT_YET
from drivers.devices import CannotOpen, CardPresented, DeviceBack, DeviceEvent, DeviceLost
from drivers.nfc_cards import NfcReader
from drivers.pn532 import ChipLine, Pn53xDecoder
from drivers.port import Port
from drivers.simulators.cards import CardField, VirtualCard
from drivers.simulators.pn532 import ACK, Pn53xChip, SimulatedPn532, answer_to, crc_a, frame_of, payload_of
from drivers.simulators.wire import Link, Outlet, Wire
from drivers.supervisor import Supervisor
from tests.drivers.conformance import Watch
from tests.drivers.conformance_cards import NTAG

VERSION = bytes.fromhex("0000FF02FED4022A00")
LONG = frame_of(b"\xd4\0" + bytes(range(256)))


def frames(decoder: Pn53xDecoder) -> list[bytes]:
    found = []
    while (frame := decoder.next_frame()) is not NOT_YET:
        found.append(frame)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (VERSION, [VERSION]),
        (ACK + VERSION, [ACK, VERSION]),
        (bytes(10) + VERSION, [VERSION]),
        (b"\x55\x55\0\0garbage\0\0\0\xff\x02\xfe\xd4\x02\x2a\0", [VERSION]),
        (bytes.fromhex("0000FFFF0000"), [bytes.fromhex("0000FFFF0000")]),
        (LONG + ACK, [LONG, ACK]),
        (bytes.fromhex("0000FF02FF") + VERSION, [VERSION]),
        (bytes.fromhex("0000FFFFFF010100") + VERSION, [VERSION]),
        (bytes.fromhex("0000FFFFFFFFFF02") + VERSION, [VERSION]),
        (VERSION[:-1], []),
        (b"\0\0", []),
        (LONG[:6], []),
    ],
)
def test_frames_are_cut_whole_and_byte_by_byte(data: bytes, expected: list[bytes]) -> None:
    whole, pieces = Pn53xDecoder(), Pn53xDecoder()
    whole.receive(data)
    assert frames(whole) == expected
    found = []
    for byte in data:
        pieces.receive(bytes((byte,)))
        found += frames(pieces)
    assert found == expected
    assert pieces.skipped == whole.skipped


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=290), st.binary(max_size=20))
def test_after_any_bytes_and_a_pause_a_frame_is_found(before: bytes, payload: bytes, after: bytes) -> None:
    decoder = Pn53xDecoder()
    decoder.receive(before)
    frames(decoder)
    decoder.silence()
    decoder.receive(frame_of(payload) + after)
    first = decoder.next_frame()
    assert isinstance(first, bytes)
    assert payload_of(first) == payload


@given(st.binary(max_size=600))
def test_any_bytes_come_to_an_end_and_none_is_lost_count_of(data: bytes) -> None:
    decoder = Pn53xDecoder()
    decoder.receive(data)
    found = frames(decoder)
    decoder.silence()
    assert sum(map(len, found)) + decoder.skipped == len(data)


def test_the_check_sum_of_14443a_is_that_of_the_standard() -> None:
    # ISO/IEC 14443-3, annex B.2: 00 00 gives A0 1E, 12 34 gives 26 CF.
    assert crc_a(b"\0\0") == bytes.fromhex("A01E")
    assert crc_a(b"\x12\x34") == bytes.fromhex("26CF")


@given(st.binary(max_size=40))
def test_the_simulated_chip_answers_any_command_or_says_that_it_is_none(payload: bytes) -> None:
    field = CardField()
    field.tap(VirtualCard.with_text(NTAG, "P0012345"))
    answer = answer_to(Pn53xChip(field), payload)
    decoder = Pn53xDecoder()
    decoder.receive(answer)
    assert frames(decoder) == [answer]


pty = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


@pytest.mark.parametrize("link", [Link.TCP, pytest.param(Link.PTY, marks=pty)])
def test_the_chip_driver_of_nfcpy_is_driven_over_any_port(link: Link) -> None:
    with SimulatedPn532(link=link) as reader:
        opened = NfcReader.open("cards", url=reader.url)
        try:
            assert opened.self_test().model == "PN532v1.6"
            reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
            (event,) = opened.poll()
            assert isinstance(event, CardPresented)
            assert event.card.patron_identifier == "P0012345"
        finally:
            opened.close()


class DeafAtFirst(CardField):
    """A chip behind an adapter that swallows what comes first, answers with rubbish around, and may fall silent."""

    def __init__(self, deaf: int, *, before: bytes = b"", after: bytes = b"") -> None:
        super().__init__()
        self._deaf, self._before, self._after = deaf, before, after
        self.silent = False
        self.outlet = Outlet(self._serve)

    def _serve(self, wire: Wire) -> None:
        chip, decoder = Pn53xChip(self), Pn53xDecoder()
        while True:
            decoder.receive(wire.read())
            while (frame := decoder.next_frame()) is not NOT_YET:
                payload = payload_of(frame)
                self._deaf -= 1
                if payload is not None and self._deaf < 0 and not self.silent:
                    wire.write(self._before + ACK + answer_to(chip, payload) + self._after)


@pytest.mark.parametrize(
    ("deaf", "before", "after"), [(2, b"", b""), (0, b"\x55\xff\0", b""), (0, b"\0", b"\0\0\xffx")]
)
def test_a_poor_line_is_got_over(deaf: int, before: bytes, after: bytes) -> None:
    chip = DeafAtFirst(deaf, before=before, after=after)
    with chip.outlet:
        chip.tap(VirtualCard.with_text(NTAG, "P0012345"))
        opened = NfcReader.open("cards", url=chip.outlet.url)
        try:
            assert [type(event) for event in opened.poll()] == [CardPresented]
        finally:
            opened.close()


def test_a_chip_that_falls_silent_is_lost_and_comes_back() -> None:
    chip = DeafAtFirst(0)
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with chip.outlet, Supervisor(events.put, first_retry=0.005, longest_retry=0.02) as supervisor:
        supervisor.add("cards", partial(NfcReader.open, url=chip.outlet.url))
        watch = Watch(supervisor, events)
        watch.next(DeviceBack)
        chip.silent = True
        assert watch.next(DeviceLost).code == "wire"
        chip.silent = False
        watch.next(DeviceBack)


def test_where_no_chip_answers_no_reader_is_opened_and_the_line_is_let_go() -> None:
    chip = DeafAtFirst(1_000_000)
    with chip.outlet, pytest.raises(CannotOpen):
        NfcReader.open("cards", url=chip.outlet.url)


def test_a_silent_line_is_an_error_as_nfcpy_expects_it() -> None:
    chip = DeafAtFirst(1_000_000)
    with chip.outlet, Port.open(chip.outlet.url) as port:
        line = ChipLine(port)
        line.write(VERSION)
        with pytest.raises(TimeoutError):
            line.read(20)


def test_no_shell_is_asked_about_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nfcpy's own way to open a line runs `stty`; an address must never get that far."""

    def never(_command: str) -> int:
        raise AssertionError("a shell was started")

    monkeypatch.setattr(os, "system", never)
    with pytest.raises(CannotOpen):
        NfcReader.open("cards", url=f"{tmp_path}/tty; true")
    with SimulatedPn532(link=Link.TCP) as reader:
        NfcReader.open("cards", url=reader.url).close()
