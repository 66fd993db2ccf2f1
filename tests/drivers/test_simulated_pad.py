"""The simulated pad answers as the manual says, byte for byte, and keeps what a real one keeps."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from drivers.feig import FeigDecoder, Frame
from drivers.iso28560 import LibraryTag, decode
from drivers.simulators.pad import PadFault, SimulatedPad, VirtualTag, inventory_seconds
from drivers.simulators.wire import Pace
from tests.drivers.test_feig import FRAMES, OTHER_UID, UID


class Host:
    """A raw connection to the simulated pad: no driver in between."""

    def __init__(self, pad: SimulatedPad) -> None:
        parts = urlsplit(pad.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)

    def ask(self, question: str) -> str:
        self.socket.sendall(bytes.fromhex(question))
        return self.hear()

    def hear(self) -> str:
        decoder = FeigDecoder()
        while True:
            # Byte by byte, so that nothing is taken of what may follow.
            decoder.receive(self.socket.recv(1))
            frame = decoder.next_frame()
            if isinstance(frame, bytes):
                assert decoder.skipped == 0
                return frame.hex().upper()


@pytest.fixture
def pad() -> Iterator[SimulatedPad]:
    with SimulatedPad() as pad:
        yield pad


@pytest.fixture
def host(pad: SimulatedPad) -> Iterator[Host]:
    host = Host(pad)
    with host.socket:
        yield host


def annex_b1() -> VirtualTag:
    """The tag of ISO 28560-3 Annex B.1, as in the published frames: 28 blocks, in stock."""
    return VirtualTag.of_item(UID, "1000000056", isil="DK-718500")


ONE_TAG = [
    ("baud rate detection", "baud rate detection, reply"),
    ("RF reset", "RF reset, reply"),
    ("inventory", "inventory, one tag"),
    ("inventory, advanced", "inventory, one tag, advanced"),
    ("read 8 blocks", "read 8 blocks, reply"),
    ("system information", "system information, real sizes"),
    ("write AFI C2", "done"),
    ("write AFI 07", "done"),
    ("write 8 blocks", "done"),
]


@pytest.mark.parametrize(("question", "answer"), ONE_TAG)
def test_with_one_tag_it_answers_as_published(pad: SimulatedPad, host: Host, question: str, answer: str) -> None:
    pad.put(annex_b1())
    assert host.ask(FRAMES[question]) == FRAMES[answer]


def test_tags_are_listed_in_one_answer_or_in_several() -> None:
    first, second = annex_b1(), VirtualTag(OTHER_UID, dsfid=0x06)
    with SimulatedPad() as pad:
        pad.put(first, second)
        with Host(pad).socket as connection:
            connection.sendall(bytes.fromhex(FRAMES["inventory"]))
            assert connection.recv(100).hex().upper() == FRAMES["inventory, two tags"]
    with SimulatedPad(tags_per_answer=1) as pad:
        pad.put(first, second)
        host = Host(pad)
        with host.socket:
            assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag and more"]
            assert host.ask(FRAMES["inventory, the rest"]).startswith("1100B0000103 06".replace(" ", ""))
            assert host.ask(FRAMES["inventory, the rest"]) == FRAMES["inventory, no tag"]


@pytest.mark.parametrize(
    "question", ["inventory", "read 8 blocks", "write AFI C2", "system information", "write 8 blocks"]
)
def test_without_a_tag_it_says_so(host: Host, question: str) -> None:
    assert host.ask(FRAMES[question]) == FRAMES["inventory, no tag"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (Frame(0xFF, 0x7E, b""), "06007E8067A6"),
        (Frame(0xFF, 0xB0, b"\x27\x01" + UID), "0600B08154E7"),
        (Frame(0xFF, 0xB0, b""), "0600B08154E7"),
        (Frame(0xFF, 0xB0, b"\x23\x01" + UID + b"\x1c\x01"), "0700B0951072FD"),
    ],
    ids=["unknown command", "no value", "no sub-command", "no such block"],
)
def test_what_it_cannot_do_it_refuses_as_published(pad: SimulatedPad, host: Host, question: Frame, answer: str) -> None:
    pad.put(annex_b1())
    assert host.ask(question.encode().hex()) == answer


@pytest.mark.parametrize("question", ["lock AFI", "lock blocks"])
def test_it_knows_no_command_that_cannot_be_undone(pad: SimulatedPad, host: Host, question: str) -> None:
    pad.put(annex_b1())
    assert Frame.parse(bytes.fromhex(host.ask(FRAMES[question]))).payload == b"\x80"


def test_a_locked_block_stops_a_write_where_it_stands(pad: SimulatedPad, host: Host) -> None:
    tag = VirtualTag(UID, locked_blocks={3})
    pad.put(tag)
    assert host.ask(FRAMES["write 8 blocks"]) == FRAMES["write, block 3 locked"]
    assert bytes(tag.memory[:16]) == bytes(annex_b1().memory[:12]) + bytes(4)


def test_what_is_written_is_in_the_memory_in_its_natural_order(pad: SimulatedPad, host: Host) -> None:
    tag = VirtualTag(UID)
    pad.put(tag)
    host.ask(FRAMES["write 8 blocks"])
    assert decode(bytes(tag.memory[:32])) == LibraryTag("1000000056", "DK-718500")
    host.ask(FRAMES["write AFI C2"])
    assert tag.afi == 0xC2


def test_with_the_field_off_there_is_no_tag(pad: SimulatedPad, host: Host) -> None:
    pad.put(annex_b1())
    host.ask(FRAMES["RF off"])
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, no tag"]
    assert host.ask(FRAMES["system information"]) == FRAMES["inventory, no tag"]
    host.ask(FRAMES["RF on"])
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag"]


def test_it_says_nothing_to_a_broken_frame(pad: SimulatedPad, host: Host) -> None:
    pad.put(annex_b1())
    broken = FRAMES["inventory"][:-2] + "00"
    assert host.ask(broken + FRAMES["system information"]) == FRAMES["system information, real sizes"]


def test_half_a_frame_does_not_swallow_the_next_one_after_a_pause(pad: SimulatedPad, host: Host) -> None:
    pad.put(annex_b1())
    host.socket.sendall(bytes.fromhex(FRAMES["write 8 blocks"])[:20])
    host.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        host.socket.recv(1)
    host.socket.settimeout(10)
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag"]


def test_faults_happen_as_often_as_they_were_asked_for(pad: SimulatedPad, host: Host) -> None:
    pad.put(annex_b1())
    pad.cause(PadFault.CRC_ERROR, times=2)
    assert pad.faults() == {PadFault.CRC_ERROR}
    whole = bytes.fromhex(FRAMES["inventory, one tag"])
    for _ in range(2):
        host.socket.sendall(bytes.fromhex(FRAMES["inventory"]))
        received = b""
        while len(received) < len(whole):
            received += host.socket.recv(100)
        assert received[:-1] == whole[:-1]
        assert received != whole
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag"]
    assert pad.faults() == frozenset()
    pad.cause(PadFault.NO_ANSWER)
    pad.mend(PadFault.NO_ANSWER)
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag"]


def test_a_tag_that_does_not_fit_is_refused_before_it_lies_there() -> None:
    with pytest.raises(ValueError, match="item_id_too_long"):
        VirtualTag.of_item(UID, "12345678901234567")


def test_a_damaged_tag_is_one_bit_away_from_a_good_one() -> None:
    tag = annex_b1()
    tag.damage()
    assert sum((a ^ b).bit_count() for a, b in zip(tag.memory, annex_b1().memory, strict=True)) == 1


def test_tags_are_told_in_the_order_they_were_put_there(pad: SimulatedPad) -> None:
    first, second = annex_b1(), VirtualTag(OTHER_UID)
    pad.put(first)
    pad.put(second)
    assert pad.tags() == (first, second)
    pad.lift(UID, UID)
    assert pad.tags() == (second,)


def test_a_byte_takes_its_time_on_the_line() -> None:
    assert Pace(38400, bits=11).seconds(48) == pytest.approx(0.01375)
    assert Pace(9600).seconds(960) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("tags", "seconds"), [(0, 0.0097), (1, 0.014), (4, 0.032), (10, 0.082), (30, 0.284), (40, 0.385)]
)
def test_more_tags_take_longer_to_tell_apart(tags: int, seconds: float) -> None:
    assert inventory_seconds(tags) == pytest.approx(seconds)
