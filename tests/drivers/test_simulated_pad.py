"""The simulated pads answer as the manuals say, byte for byte, and keep what real ones keep."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from drivers.bibliotheca import BibliothecaDecoder
from drivers.bibliotheca import Frame as M3Frame
from drivers.codec import FrameDecoder
from drivers.feig import FeigDecoder, Frame
from drivers.library_tag import LibraryTag
from drivers.rl866 import Frame as Rl866Frame
from drivers.rl866 import Rl866Decoder
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import PadFault, VirtualTag, inventory_seconds
from drivers.simulators.pad import SimulatedPad
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.wire import Pace
from drivers.tag_models import decode
from tests.drivers import test_bibliotheca, test_rl866
from tests.drivers.test_feig import FRAMES, OTHER_UID, UID


class Host:
    """A raw connection to a simulated pad: no driver in between."""

    def __init__(self, pad: SimulatedPad, decoder: Callable[[], FrameDecoder] = FeigDecoder) -> None:
        parts = urlsplit(pad.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=10)
        self.decoder = decoder

    def ask(self, question: str) -> str:
        self.socket.sendall(bytes.fromhex(question))
        return self.hear()

    def hear(self) -> str:
        decoder = self.decoder()
        while True:
            # Byte by byte, so that nothing is taken of what may follow.
            decoder.receive(self.socket.recv(1))
            frame = decoder.next_frame()
            if isinstance(frame, bytes):
                assert decoder.skipped == 0
                return frame.hex().upper()

    def hears_nothing(self, question: str) -> bool:
        self.socket.sendall(bytes.fromhex(question))
        self.socket.settimeout(0.1)
        try:
            self.socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)
        return False


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
    with SimulatedPad(FeigReader(tags_per_answer=1)) as pad:
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


def test_eas_is_set_heard_and_reset(pad: SimulatedPad, host: Host) -> None:
    tag = annex_b1()
    pad.put(tag)
    states: list[bool] = []

    def custom(command: int) -> bytes:
        question = Frame(0xFF, 0xB1, bytes((0x04, command, 0x01)) + UID)
        return Frame.parse(bytes.fromhex(host.ask(question.encode().hex()))).payload

    assert custom(0xA5) == b"\x01", "silent"
    assert custom(0xA2) == b"\x00"
    states.append(tag.eas)
    assert custom(0xA5) == b"\x00"
    assert custom(0xA3) == b"\x00"
    states.append(tag.eas)
    assert states == [True, False]
    tag.eas_locked = True
    assert custom(0xA2) == b"\x95\x12"
    assert custom(0xA4) == b"\x80", "it knows no command that cannot be undone"


def test_lock_bytes_are_filled_when_they_are_asked_for(pad: SimulatedPad, host: Host) -> None:
    pad.put(VirtualTag(UID, bytearray(8), locked_blocks={1}))

    def read(mode: int) -> bytes:
        question = Frame(0xFF, 0xB0, bytes((0x23, mode)) + UID + b"\x00\x02")
        return Frame.parse(bytes.fromhex(host.ask(question.encode().hex()))).payload

    assert read(0x09) == bytes.fromhex("00 0204 0000000000 0100000000")
    assert read(0x01) == bytes.fromhex("00 0204 0000000000 0000000000")


# --- 3M ---


M3 = test_bibliotheca.FRAMES


@pytest.fixture
def m3_pad() -> Iterator[SimulatedPad]:
    with SimulatedPad(BibliothecaReader()) as pad:
        yield pad


@pytest.fixture
def m3(m3_pad: SimulatedPad) -> Iterator[Host]:
    host = Host(m3_pad, BibliothecaDecoder)
    with host.socket:
        assert host.ask(M3["init"]) == M3["init, reply of 5.2.27"]
        yield host


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("version", "version, reply"),
        ("inventory", "inventory, one tag"),
        ("read 8 blocks", "read 8 blocks, reply"),
        ("read 8 blocks with locks", "read 8 blocks with locks, reply"),
        ("read 8 blocks, old", "read 8 blocks, old, reply"),
        ("write 8 blocks", "written"),
        ("get AFI", "AFI C2"),
        ("write AFI C2", "AFI written"),
        ("EAS on", "EAS done"),
        ("check EAS", "EAS set"),
    ],
)
def test_3m_answers_as_published(m3_pad: SimulatedPad, m3: Host, question: str, answer: str) -> None:
    tag = annex_b1()
    tag.afi, tag.eas = 0xC2, True
    m3_pad.put(tag)
    assert m3.ask(M3[question]) == M3[answer]


def test_3m_lists_no_tag_one_and_two(m3_pad: SimulatedPad, m3: Host) -> None:
    assert m3.ask(M3["inventory"]) == M3["inventory, no tag"]
    m3_pad.put(annex_b1(), VirtualTag(OTHER_UID))
    assert m3.ask(M3["inventory"]) == M3["inventory, two tags"]


def test_3m_says_that_a_tag_is_gone_or_a_block_locked(m3_pad: SimulatedPad, m3: Host) -> None:
    assert m3.ask(M3["read 8 blocks"]) == M3["read, tag gone"]
    m3_pad.put(VirtualTag(UID, locked_blocks={3}))
    assert m3.ask(M3["write 8 blocks"]) == M3["write, block 3 locked"]


def test_3m_passes_a_request_on_to_the_air(m3_pad: SimulatedPad, m3: Host) -> None:
    m3_pad.put(annex_b1())
    answer = bytes.fromhex(m3.ask(M3["pass-through, read block 0"]))
    assert answer[4:-2] == bytes.fromhex("00 00 0005 00 11010131")


@pytest.mark.parametrize("command", [0x06, 0x07, 0x08, 0x0E, 0xCC])
def test_3m_knows_no_command_that_cannot_be_undone(m3_pad: SimulatedPad, m3: Host, command: int) -> None:
    m3_pad.put(annex_b1())
    question = M3Frame(command, UID)
    answer = M3Frame.parse(bytes.fromhex(m3.ask(question.encode().hex())))
    assert (answer.command, answer.payload) == (command, b"\x02")


def test_3m_understands_nothing_before_its_init(m3_pad: SimulatedPad) -> None:
    host = Host(m3_pad, BibliothecaDecoder)
    with host.socket:
        assert host.hears_nothing(M3["inventory"])
        assert host.ask(M3["init"]) == M3["init, reply of 5.2.27"]
        m3_pad.cause(PadFault.REBOOTS, times=1)
        assert host.hears_nothing(M3["inventory"])
        assert host.hears_nothing(M3["inventory"])


# --- RL866 ---


def test_rl866_answers_as_published() -> None:
    frames = test_rl866.FRAMES
    tag = VirtualTag(test_rl866.UID)
    with SimulatedPad(Rl866Reader()) as pad:
        pad.put(tag)
        host = Host(pad, Rl866Decoder)
        with host.socket:
            assert host.ask(frames["resync"]) == frames["resync, reply"]
            assert host.ask(frames["read configuration"]) == frames["read configuration, reply"]
            assert host.ask(frames["connect"]) == frames["connect, reply"]
            # The published write and disconnect are each one turn away from these; what they say is the same.
            write = replace(Rl866Frame.parse(bytes.fromhex(frames["write block 12"])), control=0x00)
            written = Rl866Frame.parse(bytes.fromhex(host.ask(write.encode().hex())))
            assert written.information == bytes.fromhex("34 0000 03 0400 01")
            end = replace(Rl866Frame.parse(bytes.fromhex(frames["disconnect"])), control=0x40)
            ended = Rl866Frame.parse(bytes.fromhex(host.ask(end.encode().hex())))
            assert replace(ended, control=0x00).encode().hex().upper() == frames["disconnect, reply"]
    assert bytes(tag.memory[48:52]) == bytes.fromhex("36373800")


def test_rl866_wants_a_resync_before_anything_else_and_after_a_restart() -> None:
    frames = test_rl866.FRAMES
    with SimulatedPad(Rl866Reader()) as pad:
        host = Host(pad, Rl866Decoder)

        def status() -> bytes:
            return Rl866Frame.parse(bytes.fromhex(host.ask(frames["read configuration"]))).information[1:3]

        with host.socket:
            assert status() == b"\x04\x01"
            host.ask(frames["resync"])
            assert status() == b"\x00\x00"
            assert status() == b"\x04\x01", "the same turn twice"
            host.ask(frames["resync"])
            pad.cause(PadFault.REBOOTS, times=1)
            assert host.hears_nothing(frames["read configuration"])
            assert status() == b"\x04\x01"


# --- the line ---


@pytest.mark.parametrize("fault", [PadFault.GARBAGE, PadFault.TRUNCATED, PadFault.NOISE_BEFORE, PadFault.NOISE_AFTER])
def test_a_line_carries_what_the_fault_says(pad: SimulatedPad, host: Host, fault: PadFault) -> None:
    pad.put(annex_b1())
    pad.cut = 5
    whole = bytes.fromhex(FRAMES["inventory, one tag"])
    pad.cause(fault, times=1)
    length = {PadFault.TRUNCATED: 5, PadFault.GARBAGE: len(whole)}.get(fault, len(whole) + 5)
    host.socket.sendall(bytes.fromhex(FRAMES["inventory"]))
    received = b""
    while len(received) < length:
        received += host.socket.recv(100)
    assert {
        PadFault.GARBAGE: received != whole,
        PadFault.TRUNCATED: received == whole[:5],
        PadFault.NOISE_BEFORE: received.endswith(whole),
        PadFault.NOISE_AFTER: received.startswith(whole),
    }[fault]
    assert host.ask(FRAMES["inventory"]) == FRAMES["inventory, one tag"]


def test_a_cable_may_be_pulled_in_the_middle_of_an_answer(pad: SimulatedPad, host: Host) -> None:
    pad.put(annex_b1())
    pad.cause(PadFault.CABLE_PULLED_MID_ANSWER, times=1)
    host.socket.sendall(bytes.fromhex(FRAMES["inventory"]))
    received = b""
    while data := host.socket.recv(100):
        received += data
    assert received == bytes.fromhex(FRAMES["inventory, one tag"])[:8]


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
