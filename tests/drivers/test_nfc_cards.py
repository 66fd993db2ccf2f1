"""Patron cards: pages into identifiers; and nfcpy, as it is, against the simulated field."""

import logging
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
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
from drivers.nfc_cards import NfcReader
from drivers.port import TRAFFIC
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.cards import CardFault, VirtualCard
from drivers.simulators.pn532 import SimulatedPn532
from drivers.supervisor import Supervisor
from tests.drivers.conformance import Watch
from tests.drivers.conformance_cards import CLASSIC, NTAG, QUICKLY, NfcpyConformance, ReaderBench


def reader_bench(reader: SimulatedCardReader | SimulatedPn532) -> ReaderBench[NfcReader]:
    return ReaderBench(
        connect=partial(NfcReader.open, url=reader.url, prefixes=("patron:",), answer_within=0.1),
        pull_cable=lambda: reader.cause(CardFault.CABLE_PULLED),
        plug_in=reader.mend,
        reader=reader,
    )


class TestNfcpyOverUdp(NfcpyConformance[NfcReader]):
    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderBench[NfcReader]]:
        monkeypatch.setattr("drivers.nfc_cards._REST", QUICKLY)
        with SimulatedCardReader() as reader:
            yield reader_bench(reader)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
class TestPn532OnASerialLine(NfcpyConformance[NfcReader]):
    @pytest.fixture
    def bench(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReaderBench[NfcReader]]:
        monkeypatch.setattr("drivers.nfc_cards._REST", QUICKLY)
        with SimulatedPn532() as reader:
            yield reader_bench(reader)


@contextmanager
def watching(reader: SimulatedCardReader) -> Iterator[Watch]:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put) as supervisor:
        supervisor.add("cards", partial(NfcReader.open, url=reader.url))
        watch = Watch(supervisor, events)
        watch.next(DeviceBack)
        yield watch


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
