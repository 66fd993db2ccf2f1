"""Patron cards: pages into identifiers; and nfcpy, as it is, against the simulated field."""

import logging
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import ndef
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.devices import (
    CannotOpen,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    DeviceBack,
    DeviceEvent,
    DeviceLost,
)
from drivers.nfc_cards import NfcReader, patron_identifier, read_ndef
from drivers.port import TRAFFIC
from drivers.simulators.card_reader import CardFault, SimulatedCardReader, VirtualCard, type2_memory
from drivers.supervisor import Supervisor
from tests.drivers.conformance import Watch
from tests.drivers.conformance_cards import CLASSIC, NTAG, CardReaderConformance, ReaderBench


class TestNfcpyOverUdp(CardReaderConformance[NfcReader]):
    @pytest.fixture
    def bench(self) -> Iterator[ReaderBench[NfcReader]]:
        with SimulatedCardReader() as reader:
            yield ReaderBench(
                connect=partial(NfcReader.open, url=reader.url, prefixes=("patron:",), answer_within=0.1),
                pull_cable=lambda: reader.cause(CardFault.CABLE_PULLED),
                plug_in=reader.mend,
                reader=reader,
            )


@contextmanager
def watching(reader: SimulatedCardReader) -> Iterator[Watch]:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put) as supervisor:
        supervisor.add("cards", partial(NfcReader.open, url=reader.url))
        watch = Watch(supervisor, events)
        watch.next(DeviceBack)
        yield watch


# --- the pages of a Type 2 tag ---


def read(memory: bytes) -> tuple[bytes | None, list[int]]:
    """Runs the command by hand over a memory that ends; returns its result and the first page of each read."""
    command, asked = read_ndef(), []
    try:
        question = next(command)
        while True:
            assert question[0] == 0x30
            asked.append(question[1])
            pages = memory[question[1] * 4 :][:16]
            question = command.send(pages if len(pages) == 16 else b"\0")
    except StopIteration as done:
        message: bytes | None = done.value
        return message, asked


def tag(area: bytes) -> bytes:
    return type2_memory(NTAG, area)


MESSAGE = bytes.fromhex("D1010B5402766950303031323334")


@pytest.mark.parametrize(
    ("memory", "message"),
    [
        (tag(b"\x03\x0e" + MESSAGE + b"\xfe"), MESSAGE),
        (tag(b"\0\0\0\x03\xff\x00\x0e" + MESSAGE + b"\xfe"), MESSAGE),
        (tag(b"\xfd\x03abc\x03\x0e" + MESSAGE), MESSAGE),
        (tag(b"\x03\x00\xfe"), b""),
        (tag(b"\xfe\x03\x0e" + MESSAGE), None),
        (tag(b""), None),
        (tag(b"\x03\xff\xff\xff" + MESSAGE), None),
        (tag(b"\x03\x0e" + MESSAGE)[:28], None),
        (bytes(64), None),
        (b"", None),
        (tag(b"\x03\x0e" + MESSAGE).replace(b"\xe1\x10", b"\xe1\x20"), None),
        (tag(b"\x03\x0e" + MESSAGE).replace(b"\xe1\x10\x12\x00", b"\xe1\x10\x12\xf0"), None),
    ],
)
def test_the_message_is_found_where_the_tag_says(memory: bytes, message: bytes | None) -> None:
    assert read(memory)[0] == message


def test_no_more_pages_are_read_than_the_message_has() -> None:
    assert read(tag(b"\x03\x0e" + MESSAGE + b"\xfe")) == (MESSAGE, [0, 4])
    assert read(tag(b"\x03\x0f" + MESSAGE + b"!\xfe")) == (MESSAGE + b"!", [0, 4, 8])


def test_bytes_that_are_no_data_in_the_middle_of_a_message_are_left_out() -> None:
    # Two lock bytes at page 7, byte 1 = byte 29, and three of the maker's at page 8, byte 0 = byte 32.
    controls = bytes.fromhex("0103711002" + "0203800302")
    whole = b"\x03\x0e" + MESSAGE
    first = controls + whole
    area = first[:13] + b"LL" + first[13:14] + b"RRR" + first[14:]
    assert area[29 - 16 : 31 - 16] == b"LL"
    assert area[32 - 16 : 35 - 16] == b"RRR"
    assert read(tag(area))[0] == MESSAGE


@given(st.binary(max_size=300))
@example(bytes.fromhex("E1101200").rjust(16, b"\0") + b"\x03\xff\xff")
def test_any_memory_comes_to_an_end(memory: bytes) -> None:
    _, asked = read(memory)
    assert len(asked) <= 1024 // 16


@given(st.lists(st.binary(max_size=20)))
def test_any_answers_come_to_an_end(answers: list[bytes]) -> None:
    header = bytes.fromhex("E110FF00").rjust(16, b"\0")
    command = read_ndef()
    next(command)

    def tell() -> None:
        for answer in [header, *answers, *[bytes(16)] * 64]:
            command.send(answer)

    with pytest.raises(StopIteration):
        tell()


@given(st.binary(max_size=120))
def test_a_message_that_was_written_is_read(message: bytes) -> None:
    assert read(tag(b"\x03" + bytes((len(message),)) + message + b"\xfe"))[0] == message


# --- the identifier in a message ---


def message(*records: ndef.Record) -> bytes:
    return b"".join(ndef.message_encoder(records))


@pytest.mark.parametrize(
    ("records", "identifier"),
    [
        ([ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("P0012345", "vi", "UTF-16")], "P0012345"),
        ([ndef.TextRecord(" P0012345\r\n")], "P0012345"),
        ([ndef.TextRecord("patron:P0012345")], "P0012345"),
        ([ndef.TextRecord("BD-Thẻ-7")], "BD-Thẻ-7"),
        ([ndef.UriRecord("patron:P0012345")], "P0012345"),
        ([ndef.UriRecord("https://thuvien.example/the/P0012345")], "P0012345"),
        ([ndef.UriRecord("https://example.org/P0012345")], None),
        ([ndef.UriRecord("tel:+842083852345"), ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("Nguyễn Văn A")], None),
        ([ndef.TextRecord("Nguyễn Văn A"), ndef.TextRecord("P0012345")], "P0012345"),
        ([ndef.TextRecord("")], None),
        ([ndef.TextRecord("patron:")], None),
        ([ndef.TextRecord("P" * 64)], "P" * 64),
        ([ndef.TextRecord("P" * 65)], None),
        ([ndef.TextRecord("P001\x002345")], None),
        ([ndef.Record("application/vnd.example", "", b"P0012345")], None),
        ([], None),
    ],
)
def test_the_identifier_is_the_first_word_that_can_be_one(records: Sequence[ndef.Record], identifier: str) -> None:
    assert patron_identifier(message(*records), ("patron:", "https://thuvien.example/the/")) == identifier


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=10).map(lambda tail: MESSAGE[:-3] + tail)))
def test_any_message_is_an_identifier_or_none(octets: bytes) -> None:
    identifier = patron_identifier(octets, ("patron:",))
    assert identifier is None or (identifier.isprintable() and 0 < len(identifier) <= 64)


# --- nfcpy ---


def test_importing_nfcpy_leaves_warnings_and_logging_as_they_were() -> None:
    program = """
import logging, sys, warnings
from drivers.nfc_cards import import_nfcpy
assert "nfc" not in sys.modules
before = warnings.showwarning, list(logging.getLogger().handlers)
import_nfcpy()
assert "nfc" in sys.modules
assert (warnings.showwarning, logging.getLogger().handlers) == before
logging.basicConfig(level=1)
logging.getLogger("nfc.clf").error("card 08A1B2C3")
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_what_goes_over_the_air_is_logged_below_debug_where_somebody_asks_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Not caplog's own handler, which goes to loggers that keep to themselves and looks over their shoulder.
    records: list[logging.LogRecord] = []
    root = logging.getLogger()

    def note(record: logging.LogRecord) -> bool:
        records.append(record)
        return False

    handler = logging.Handler(TRAFFIC)
    handler.addFilter(note)
    caplog.set_level(TRAFFIC)
    root.addHandler(handler)
    try:
        with SimulatedCardReader() as reader, watching(reader) as watch:
            reader.tap(VirtualCard.plain(CLASSIC))
            watch.next(CardPresented)
    finally:
        root.removeHandler(handler)
    told = [record for record in records if CLASSIC.hex() in record.getMessage().lower()]
    assert told
    assert {record.levelno for record in told} == {TRAFFIC}


@pytest.mark.parametrize(
    "path", ["", "nothing", "udp:127.0.0.1:0x", "udp:127.0.0.1:70000", "tty:nothing", "tty:nothing:pn532", "com:1:none"]
)
def test_where_no_reader_can_be_none_is_opened(path: str) -> None:
    with pytest.raises(CannotOpen):
        NfcReader.open("cards", url=path)


def test_where_nobody_listens_the_reader_is_lost() -> None:
    with SimulatedCardReader() as simulated:
        url = simulated.url
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put) as supervisor:
        supervisor.add("cards", partial(NfcReader.open, url=url, answer_within=0.1))
        assert Watch(supervisor, events).next(DeviceLost).code in {"wire", "no_answer"}


def test_with_air_time_a_card_is_still_read() -> None:
    with SimulatedCardReader(real_time=True) as reader, watching(reader) as watch:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        assert watch.next(CardPresented).card == Card(CardTechnology.TYPE_A, NTAG, "P0012345")
        reader.take_away()
        watch.next(CardRemoved)


class Gibberish:
    """The other end of UDP, saying what a test wants: one answer after the other, then that the field is empty.

    It says so at once after an answer that nfcpy passes over, to save it the second it would wait for a better one.
    """

    def __init__(self) -> None:
        self._answers: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.url = "udp:{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def say(self, answers: list[bytes]) -> None:
        self._answers = answers

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"stop", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            datagram, sender = self._socket.recvfrom(2048)
            if datagram == b"stop":
                return
            if datagram == b"RFOFF":
                continue
            answer = self._answers.pop(0) if self._answers else b"RFOFF"
            self._socket.sendto(answer, sender)
            if answer.split(b" ")[0] != datagram.split(b" ")[0]:
                self._socket.sendto(b"RFOFF", sender)


#: Datagrams of any bytes, and frames of any bytes in the right form, among them the beginnings of an activation.
DATAGRAMS = st.one_of(
    st.binary(max_size=20),
    st.tuples(st.sampled_from([b"106A", b"106B", b"212F", b"424F"]), st.binary(max_size=20)).map(
        lambda frame: frame[0] + b" " + frame[1].hex().encode()
    ),
    st.sampled_from([b"106A 0400", b"106A 08a1b2c3d8", b"106A a1b2c3d404", b"106A 00", b"106A 000c", b"106A"]),
)


@settings(max_examples=60)
@given(st.lists(DATAGRAMS, max_size=8))
def test_whatever_comes_over_the_air_the_reader_lives(answers: list[bytes]) -> None:
    air = Gibberish()
    try:
        reader = NfcReader.open("cards", url=air.url)
        try:
            for _ in range(3):
                # The first is what the reader asks whether somebody is there, the second nfcpy's.
                air.say([b"RFOFF", *answers])
                list(reader.poll())
        finally:
            reader.close()
    finally:
        air.close()
