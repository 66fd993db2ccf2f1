"""RL866 frames, whole, in pieces and among rubbish; how the count is kept, and what each command makes of answers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import Command
from drivers.devices import DeviceRefused, Identity
from drivers.iso15693 import SystemInformation, TagFault
from drivers.rl866 import FROM_READER, Frame, Rl866, Rl866Decoder
from drivers.tag_protocol import Inventory
from tests.drivers.conformance_frames import FramesConformance, carry_out

UID = bytes.fromhex("E00401003F3827A7")
OTHER_UID = bytes.fromhex("E00401000A0B0C0D")

#: Frames of facts/rfid.md, 5.3, both directions.
FRAMES = {
    "resync": "FA05FFC04239",
    "resync, reply": "FA0501E058FE",
    "read configuration": "FA08FF00010101FF8E",
    "read configuration, reply": "FA170100010000010102020003016400000000000000C095",
    "connect": "FA13FF40320001010901A727383F000104E0A3BF",
    "connect, reply": "FA09014032000001B293",
    "write block 12": "FA12FF4034010A04000C00010036373800A2DD",
    "disconnect": "FA07FF003301C548",
    "disconnect, reply": "FA080100330000A64B",
}


class TestFrames(FramesConformance):
    DECODER = Rl866Decoder
    FRAMES = FRAMES
    RUBBISH = ("", "00", "0303", "FF", "FB05", "FAFF", "FA04FF", "FA10AB", "E004010012345678", "FA05FFC04238")
    MODEL = "wire:RL866"

    @staticmethod
    def rebuilt(frame: bytes) -> bytes:
        return Frame.parse(frame).encode()


class Talk:
    """Answers as a reader would, in step, and keeps what it was asked."""

    def __init__(self, make: Rl866 | None = None) -> None:
        self.make = make or Rl866()
        self.asked: list[str] = []

    def run(self, command: Command[Any], *answers: str) -> Any:
        """Each answer is the information of a reply; an empty one stands for the reply to a resync."""
        waiting = iter(answers)
        try:
            question = Frame.parse(next(command))
            while True:
                self.asked.append(question.information.hex())
                answer = next(waiting)
                control = question.control if answer else 0xE0
                question = Frame.parse(command.send(Frame(FROM_READER, control, bytes.fromhex(answer)).encode()))
        except StopIteration as done:
            assert next(waiting, None) is None
            return done.value


CONNECTED, DISCONNECTED = "32 0000 01", "33 0000"
CONNECT, DISCONNECT = "3200010109 01".replace(" ", "") + UID[::-1].hex(), "3301"


def accessed(code: str, rest: str) -> str:
    body = bytes.fromhex(code + rest)
    return "34 0000" + bytes((len(body),)).hex() + body.hex()


def test_hello_gets_into_step_ends_connections_and_reads_the_configuration() -> None:
    make = Rl866()
    sent, identity = carry_out(
        make.hello(),
        FRAMES["resync, reply"],
        FRAMES["disconnect, reply"],
        Frame(FROM_READER, 0x40, bytes.fromhex("010000 01 0102020003016400000000000000")).encode().hex(),
    )
    assert sent[0] == FRAMES["resync"]
    assert identity == Identity(model="RL866")


def test_the_published_frames_are_what_a_write_sends_and_understands() -> None:
    make = Rl866()
    make._control = 0x40  # noqa: SLF001, the published exchange begins in the middle of a session
    command = make.write_blocks(UID, 12, bytes.fromhex("36373800"))
    assert next(command).hex().upper() == FRAMES["connect"]
    access = Frame.parse(command.send(bytes.fromhex(FRAMES["connect, reply"])))
    assert access.information == Frame.parse(bytes.fromhex(FRAMES["write block 12"])).information
    assert access.control == 0x00
    command.send(Frame(FROM_READER, 0x00, bytes.fromhex("34 0000 03 0400 01")).encode())
    with pytest.raises(StopIteration):
        command.send(Frame(FROM_READER, 0x40, bytes.fromhex("33 0000")).encode())


def test_every_request_takes_its_turn() -> None:
    make = Rl866()
    controls = []
    for _ in range(3):
        command = make.inventory()
        asked = Frame.parse(next(command))
        controls.append(asked.control)
        with pytest.raises(StopIteration):
            command.send(Frame(FROM_READER, asked.control, bytes.fromhex("31 0000 00 0000 00")).encode())
    assert controls == [0x00, 0x40, 0x00]


def report(uid: bytes, fields: int = 0x0F, kind: int = 7) -> str:
    head = bytes((fields, *(value for bit, value in ((1, 1), (2, 1), (4, kind)) if fields & bit)))
    return (head + bytes((9,)) + uid[::-1] + b"\0").hex()


def test_an_inventory_lists_uids_and_remembers_the_types_of_their_chips() -> None:
    talk = Talk()
    found = talk.run(talk.make.inventory(), "31 0000 00 0200 02" + report(UID, kind=10) + report(OTHER_UID, 0x08))
    assert found == Inventory((UID, OTHER_UID))
    talk.run(talk.make.write_afi(UID, 7), CONNECTED, accessed("0600", "01"), DISCONNECTED)
    assert talk.asked[1] == "32000" + "10a0901" + UID[::-1].hex()


def test_a_long_list_is_asked_for_until_it_ends() -> None:
    talk = Talk()
    found = talk.run(
        talk.make.inventory(), "31 0000 01 0200 01" + report(UID), "31 0000 00 0200 01" + report(OTHER_UID)
    )
    assert found == Inventory((UID, OTHER_UID))
    assert talk.asked == ["3100", "3108"]


def test_a_list_that_cannot_be_finished_keeps_what_was_found() -> None:
    talk = Talk()
    assert talk.run(talk.make.inventory(), "31 0000 01 0200 01" + report(UID), "31 0404") == Inventory(
        (UID,), complete=False
    )


def test_a_list_without_end_is_cut_off_and_called_incomplete() -> None:
    talk = Talk()
    assert talk.run(talk.make.inventory(), *["31 0000 01 0200 01" + report(UID)] * 32) == Inventory(
        (UID,), complete=False
    )


def test_a_report_of_unknown_fields_makes_the_inventory_incomplete() -> None:
    talk = Talk()
    found = talk.run(talk.make.inventory(), "31 0000 00 0200 02" + report(UID) + "18 09 00")
    assert found == Inventory((UID,), complete=False)


def test_an_empty_field_is_an_empty_list_however_it_is_said() -> None:
    talk = Talk()
    assert talk.run(talk.make.inventory(), "31 0000 00 0000 00") == Inventory()
    assert talk.run(talk.make.inventory(), "31 2004") == Inventory()


def test_tags_that_cannot_be_told_apart_are_too_many() -> None:
    talk = Talk()
    with pytest.raises(DeviceRefused) as refusal:
        talk.run(talk.make.inventory(), "31 0404")
    assert refusal.value.fault is TagFault.OVERFULL


BLOCKS = bytes(range(36))


@pytest.mark.parametrize(
    ("command", "asked", "answered", "result"),
    [
        (lambda make: make.read_blocks(UID, 2, 9), "0300 00 0200 0900", ("0300", "01 0900" + BLOCKS.hex()), BLOCKS),
        (
            lambda make: make.locked_blocks(UID, 4, 2),
            "0300 01 0400 0200",
            ("0300", "01 0200 00 11111111 01 22222222"),
            frozenset({5}),
        ),
        (lambda make: make.write_blocks(UID, 2, BLOCKS), "0400 0200 0900" + BLOCKS.hex(), ("0400", "01"), None),
        (lambda make: make.write_afi(UID, 0xC2), "0600 C2", ("0600", "01"), None),
        (
            lambda make: make.system_information(UID),
            "0A00",
            ("0A00", "01 0F" + UID[::-1].hex() + "3E 07 1B 03 01"),
            SystemInformation(UID, 0x3E, 7, 4, 28, 1),
        ),
        (
            lambda make: make.system_information(UID),
            "0A00",
            ("0A00", "01 02" + UID[::-1].hex() + "00 07 00 00 00"),
            SystemInformation(UID, afi=7),
        ),
        (lambda make: make.read_afi(UID), "0A00", ("0A00", "01 0F" + UID[::-1].hex() + "3E C2 1B 03 01"), 0xC2),
        (lambda make: make.write_eas(UID, True), "0C00", ("0C00", "01"), None),
        (lambda make: make.write_eas(UID, False), "0D00", ("0D00", "01"), None),
        (lambda make: make.read_eas(UID), "0F00", ("0F00", "01"), True),
    ],
)
def test_every_access_has_a_connection_of_its_own(
    command: Callable[[Rl866], Command[Any]], asked: str, answered: tuple[str, str], result: object
) -> None:
    talk = Talk()
    assert talk.run(command(talk.make), CONNECTED, accessed(*answered), DISCONNECTED) == result
    access = bytes.fromhex(asked)
    assert talk.asked == [CONNECT, "3401" + bytes((len(access),)).hex() + access.hex(), DISCONNECT]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        ("2004", TagFault.GONE),
        ("2404", TagFault.GONE),
        ("1B04", TagFault.LOCKED),
        ("1C04", TagFault.NO_SUCH_BLOCK),
        ("0504", TagFault.OTHER),
    ],
)
@pytest.mark.parametrize("as_status", [False, True])
def test_a_refused_access_is_disconnected_all_the_same(error: str, fault: TagFault, as_status: bool) -> None:
    talk = Talk()
    refused = "34" + error if as_status else accessed("0600", "00" + error)
    with pytest.raises(DeviceRefused) as refusal:
        talk.run(talk.make.write_afi(UID, 7), CONNECTED, refused, DISCONNECTED)
    assert refusal.value.fault is fault
    assert talk.asked[-1] == DISCONNECT


def test_a_reader_that_has_lost_count_is_brought_into_step_and_asked_again() -> None:
    talk = Talk()
    assert talk.run(talk.make.inventory(), "31 0401", "", "31 0000 00 0000 00") == Inventory()
    assert talk.asked == ["3100", "", "3100"]


def test_a_connection_that_the_reader_has_forgotten_is_no_harm_when_it_is_ended() -> None:
    talk = Talk()
    talk.run(talk.make.write_afi(UID, 7), CONNECTED, accessed("0600", "01"), "33 1504")


def test_a_chip_that_does_not_shout_is_asked_whether_it_is_there() -> None:
    talk = Talk()
    silence, there = accessed("0F00", "00 2004"), accessed("0A00", "01 0F" + UID[::-1].hex() + "0007 1B 03 01")
    answers = (CONNECTED, silence, DISCONNECTED, CONNECTED, there, DISCONNECTED)
    assert talk.run(talk.make.read_eas(UID), *answers) is False


@pytest.mark.parametrize(
    "stray",
    [
        Frame(FROM_READER, 0x40, bytes.fromhex("31 0000 00 0000 00")),  # out of turn
        Frame(0xFF, 0x00, bytes.fromhex("31 00")),  # our own question
        Frame(FROM_READER, 0x00, bytes.fromhex("33 0000")),  # to another command
        Frame(FROM_READER, 0x00, bytes.fromhex("31 0000 00 0100 01 0F")),  # a list that breaks off
        Frame(FROM_READER, 0xE0),
    ],
)
def test_what_is_no_answer_to_the_question_is_passed_over(stray: Frame) -> None:
    fine = Frame(FROM_READER, 0x00, bytes.fromhex("31 0000 00 0000 00")).encode().hex()
    sent, found = carry_out(Rl866().inventory(), stray.encode().hex(), fine)
    assert (sent[1:], found) == ([""], Inventory())


COMMANDS: list[Callable[[], Command[Any]]] = [
    lambda: Rl866().hello(),
    lambda: Rl866().inventory(),
    lambda: Rl866().read_blocks(UID, 0, 9),
    lambda: Rl866().locked_blocks(UID, 0, 9),
    lambda: Rl866().write_blocks(UID, 0, bytes(8)),
    lambda: Rl866().system_information(UID),
    lambda: Rl866().read_afi(UID),
    lambda: Rl866().read_eas(UID),
]
_INFORMATION = st.builds(
    lambda command, status, rest: bytes((command,)) + status + rest,
    st.sampled_from([0x01, 0x31, 0x32, 0x33, 0x34]),
    st.sampled_from([b"\0\0", b"\x04\x01", b"\x20\x04", b"\x04\x04"]) | st.binary(max_size=2),
    st.binary(max_size=60) | st.sampled_from([b"\x01", b"\x03\x03\0\x01"]),
)


@given(
    st.sampled_from(COMMANDS),
    st.lists(
        st.builds(
            Frame, st.just(FROM_READER), st.sampled_from([0x00, 0x40, 0xE0]), _INFORMATION | st.binary(max_size=9)
        ),
        max_size=8,
    ),
)
def test_any_answers_end_in_a_result_a_refusal_or_more_listening(
    make: Callable[[], Command[Any]], replies: list[Frame]
) -> None:
    command = make()
    next(command)
    for answer in replies:
        try:
            command.send(answer.encode())
        except (StopIteration, DeviceRefused):
            return
