"""The simulated card reader against nfcpy's own way of reading cards, and against any datagram."""

import socket
from collections.abc import Iterator
from typing import Any

import ndef
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.devices import CardTechnology
from drivers.nfc_cards import import_nfcpy
from drivers.simulators.card_reader import SimulatedCardReader
from drivers.simulators.cards import CardFault, VirtualCard
from tests.drivers.conformance import until
from tests.drivers.conformance_cards import CLASSIC, NTAG

nfc = import_nfcpy()


@pytest.fixture
def reader() -> Iterator[SimulatedCardReader]:
    with SimulatedCardReader() as reader:
        yield reader


@pytest.fixture
def frontend(reader: SimulatedCardReader) -> Iterator[Any]:
    with nfc.ContactlessFrontend(reader.url) as frontend:
        yield frontend


def tag_of(frontend: Any) -> Any:
    return nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))


@pytest.mark.parametrize("uid", [NTAG, bytes.fromhex("88A1B2C3D4E5F6")])
@pytest.mark.parametrize("text", ["P0012345", "Đắc nhân tâm", "x" * 100])
def test_nfcpy_reads_the_text_of_a_card_by_itself(
    reader: SimulatedCardReader, frontend: Any, uid: bytes, text: str
) -> None:
    reader.tap(VirtualCard.with_text(uid, text))
    # nfcpy gives a page 5 ms and then mixes up answers, which a busy machine may bring about: it may try again.
    records: list[ndef.Record] = []

    def reads() -> bool:
        tag = tag_of(frontend)
        assert tag is None or tag.identifier == uid
        if tag is not None and tag.ndef is not None:
            records[:] = tag.ndef.records
        return bool(records)

    until(reads)
    assert [record.text for record in records] == [text]


def test_nfcpy_reads_the_address_on_a_card_by_itself(reader: SimulatedCardReader, frontend: Any) -> None:
    reader.tap(VirtualCard.with_uri(NTAG, "https://example.org/P0012345"))
    until(lambda: (tag := tag_of(frontend)) is not None and tag.ndef is not None)
    assert [record.uri for record in tag_of(frontend).ndef.records] == ["https://example.org/P0012345"]


@pytest.mark.parametrize("uid", [CLASSIC, NTAG, bytes(range(1, 11))])
def test_nfcpy_finds_a_card_by_its_uid(reader: SimulatedCardReader, frontend: Any, uid: bytes) -> None:
    reader.tap(VirtualCard.plain(uid))
    found = frontend.sense(nfc.clf.RemoteTarget("106A"))
    assert (bytes(found.sdd_res), bytes(found.sel_res)) == (uid, b"\x08")
    chosen = frontend.sense(nfc.clf.RemoteTarget("106A", sel_req=bytearray(uid)))
    assert bytes(chosen.sdd_res) == uid


def test_nfcpy_finds_the_other_technologies_each_by_its_own(reader: SimulatedCardReader, frontend: Any) -> None:
    reader.tap(VirtualCard(b"\x01\x02\x03\x04", technology=CardTechnology.TYPE_B))
    assert frontend.sense(nfc.clf.RemoteTarget("106A")) is None
    assert bytes(frontend.sense(nfc.clf.RemoteTarget("106B")).sensb_res[1:5]) == b"\x01\x02\x03\x04"
    reader.tap(VirtualCard(bytes(range(1, 9)), technology=CardTechnology.FELICA))
    assert bytes(frontend.sense(nfc.clf.RemoteTarget("212F")).sensf_res[1:9]) == bytes(range(1, 9))


def test_a_card_that_makes_up_its_uid_makes_up_another_each_time(reader: SimulatedCardReader, frontend: Any) -> None:
    reader.tap(VirtualCard.inventive())
    uids = {bytes(frontend.sense(nfc.clf.RemoteTarget("106A")).sdd_res) for _ in range(5)}
    assert len(uids) > 1
    assert {uid[0] for uid in uids} == {0x08}


def test_what_does_not_fit_on_a_card_is_refused() -> None:
    with pytest.raises(ValueError, match="fit"):
        VirtualCard.with_text(NTAG, "x" * 150)
    with pytest.raises(ValueError, match="fit"):
        VirtualCard.with_text(NTAG, "x" * 300)


def ask(reader: SimulatedCardReader, *datagrams: bytes) -> bytes:
    """Sends datagrams, then asks for the field; returns what was said to that."""
    host, port = reader.url.removeprefix("udp:").split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as air:
        air.settimeout(10)
        air.connect((host, int(port)))
        for datagram in datagrams:
            air.send(datagram)
        air.send(b"212F 06")
        answers: list[bytes] = []
        # Type A alone is in the field, so this question says that it is empty, and nothing comes after that.
        while not answers or answers[-1] != b"RFOFF":
            answers.append(air.recv(2048))
        return b",".join(answers)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"106A 26", b"106A 4400"),
        (b"106A 52", b"106A 4400"),
        (b"106A 9320", b"106A 8804a1b29f"),
        (b"106A 93708804A1B29F", b"106A 04"),
        (b"106A 9520", b"106A c3d4e5f604"),
        (b"106A 9570c3d4e5f604", b"106A 00"),
        (b"106A 3003", b"106A e11012000310d1010c54027669503030"),
        (b"106A 3029", b"106A 00"),
        (b"106A 1a00", b"106A 00"),
        (b"106A a20400000000", b"106A 0a"),
        (b"106A a22900000000", b"106A 00"),
    ],
)
def test_a_type_2_tag_says_what_the_standard_has_it_say(
    reader: SimulatedCardReader, question: bytes, answer: bytes
) -> None:
    reader.tap(VirtualCard.with_text(NTAG, "P00123456"))
    assert ask(reader, b"106A 26", question).split(b",")[1:-1] == [answer]


@pytest.mark.parametrize(
    "datagram",
    [b"", b"RFOFF", b"106A", b"106A ", b"106A zz", b"106A 9370000000000000", b"106A 9720", b"106A 5000", b"\xff"],
)
def test_what_a_card_says_nothing_to_is_not_answered(reader: SimulatedCardReader, datagram: bytes) -> None:
    reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
    assert ask(reader, b"106A 26", datagram) == b"106A 4400,RFOFF"


def test_a_lost_answer_is_one_and_the_next_is_there(reader: SimulatedCardReader) -> None:
    reader.tap(VirtualCard.plain(CLASSIC))
    reader.cause(CardFault.NO_ANSWER, times=1)
    assert ask(reader, b"106A 26", b"106A 26") == b"106A 0400,RFOFF"


@given(
    st.lists(
        st.one_of(st.binary(max_size=20), st.binary(max_size=20).map(lambda frame: b"106A " + frame.hex().encode()))
    )
)
def test_any_datagrams_leave_it_alive(datagrams: list[bytes]) -> None:
    with SimulatedCardReader() as reader:
        reader.tap(VirtualCard.with_text(NTAG, "P0012345"))
        ask(reader, *datagrams[:15])
        assert ask(reader, b"106A 26").startswith(b"106A 4400")
