"""3M frames, whole, in pieces and among rubbish; and what each command makes of them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bibliotheca import START_OF_INIT, Bibliotheca, BibliothecaDecoder, Frame
from drivers.codec import Command
from drivers.devices import DeviceRefused, Identity
from drivers.iso15693 import SystemInformation, TagFault
from drivers.tag_protocol import Inventory
from tests.drivers.conformance_frames import FramesConformance, carry_out

UID = bytes.fromhex("E004010012345678")
OTHER_UID = bytes.fromhex("E00401000A0B0C0D")

#: Frames of facts/rfid.md, 5.2, both directions.
FRAMES = {
    "CRC example": "D600090300020000000312E6",
    "init": "D500050400118C66",
    "init, reply": "D500090400110A0500027250",
    "init, reply of 5.2.27": "D500090400110A05021B972A",
    "init, reply of 5.1.25": "D500090400110A050119E23B",
    "set air interface": "D60010130601000200030004000B000A00FDBF",
    "set up": "D6000C13040100020003000400AAF2",
    "version": "D60003116420",
    "version, reply": "D6000811000A0302063517",
    "inventory": "D60005FE0005FA40",
    "inventory, no tag": "D60007FE00000500C97B",
    "inventory, one tag": "D6000FFE00000501E00401001234567813EC",
    "inventory, two tags": "D60017FE00000502E004010012345678E00401000A0B0C0D5B8E",
    "read 8 blocks, old": "D6000D02E0040100123456780008A079",
    "read 8 blocks, old, reply": (
        "D6003D0200E004010012345678080000110101310100303030300200303030350300360000000400000000980500A4444B37"
        "060031383530070030000000C957"
    ),
    "read 8 blocks with locks": "D6000E02E0040100123456780008054DE5",
    "read 8 blocks with locks, reply": (
        "D600360200E00401001234567800080011010131003030303000303030350036000000000000009800A4444B37003138353000300000"
        "0048A6"
    ),
    "read 8 blocks": "D6000E02E00401001234567800080CDCCC",
    "read 8 blocks, reply": (
        "D6002E0200E00401001234567800081101013130303030303030353600000000000098A4444B3731383530300000006297"
    ),
    "read, tag gone": "D6000C0206E0040100123456784CBE",
    "write 8 blocks": (
        "D6002E04E0040100123456780008001101013130303030303030353600000000000098A4444B3731383530300000006297"
    ),
    "written": "D6000D0400E004010012345678082971",
    "write, block 3 locked": "D6000D0412E00401001234567803D206",
    "get AFI": "D6000B0AE0040100123456787F9F",
    "AFI C2": "D6000D0A00E004010012345678C2020D",
    "write AFI C2": "D6000C09E004010012345678C26F0B",
    "AFI written": "D6000C0900E004010012345678EDB2",
    "AFI not written": "D6000C0916E004010012345678E4C4",
    "check EAS": "D6000B03E004010012345678BD43",
    "EAS set": "D6000D0300E0040100123456780191E5",
    "EAS on": "D6000C0CE004010012345678014454",
    "EAS done": "D6000C0C00E0040100123456782FC2",
    "tag information": "D6000C0DE0040100123456780FCADF",
    "not implemented": "D60004CC02D484",
    "pass-through, read block 0": "D6001414000B00060000232078563412000104E00010BD",
}

BLOCKS_OF_ANNEX_B1 = bytes.fromhex("1101013130303030303030353600000000000098A4444B373138353030000000")


class TestFrames(FramesConformance):
    DECODER = BibliothecaDecoder
    FRAMES = FRAMES
    RUBBISH = ("", "00", "0303", "FF", "D4D7", "D6FFFF", "D60010AB", "D50003FFFF", "E004010012345678", "D60004CC02D485")
    MODEL = "wire:3M"

    @staticmethod
    def rebuilt(frame: bytes) -> bytes:
        return Frame.parse(frame).encode()


def reply(command: int, payload: str) -> str:
    return Frame(command, bytes.fromhex(payload)).encode().hex()


SET_UP = reply(0x13, "00 02010103020203 00")
Made = Callable[[Bibliotheca], Command[Any]]

#: What is asked, the frame that asks it, the frame that answers, what comes of it.
EXCHANGES: list[tuple[Made, str, str, object]] = [
    (Bibliotheca.inventory, "inventory", "inventory, no tag", Inventory()),
    (Bibliotheca.inventory, "inventory", "inventory, one tag", Inventory((UID,))),
    (Bibliotheca.inventory, "inventory", "inventory, two tags", Inventory((UID, OTHER_UID))),
    (lambda make: make.read_blocks(UID, 0, 8), "read 8 blocks", "read 8 blocks, reply", BLOCKS_OF_ANNEX_B1),
    (lambda make: make.write_blocks(UID, 0, BLOCKS_OF_ANNEX_B1), "write 8 blocks", "written", None),
    (lambda make: make.read_afi(UID), "get AFI", "AFI C2", 0xC2),
    (lambda make: make.write_afi(UID, 0xC2), "write AFI C2", "AFI written", None),
    (lambda make: make.read_eas(UID), "check EAS", "EAS set", True),
    (lambda make: make.write_eas(UID, True), "EAS on", "EAS done", None),
]


@pytest.mark.parametrize(("command", "question", "answer", "result"), EXCHANGES)
def test_each_command_asks_as_the_specification_says_and_understands_the_answer(
    command: Made, question: str, answer: str, result: object
) -> None:
    assert carry_out(command(Bibliotheca()), FRAMES[answer]) == ([FRAMES[question]], result)


@pytest.mark.parametrize(
    ("started", "model"),
    [("init, reply of 5.2.27", "3M RFID 5.2.27"), ("init, reply of 5.1.25", "3M RFID 5.1.25")],
)
def test_hello_starts_the_reader_and_asks_for_its_versions(started: str, model: str) -> None:
    sent, identity = carry_out(Bibliotheca().hello(), FRAMES[started], SET_UP, FRAMES["version, reply"])
    assert sent == [FRAMES["init"], FRAMES["set up"], FRAMES["version"]]
    assert identity == Identity(model=model, firmware="3.2.6")


def test_a_reader_that_knows_no_set_up_does_without() -> None:
    _, identity = carry_out(Bibliotheca().hello(), FRAMES["init, reply"], reply(0x13, "02"), FRAMES["version, reply"])
    assert identity.firmware == "3.2.6"


def test_a_write_does_not_answer_an_init_though_they_share_a_number() -> None:
    sent, _ = carry_out(
        Bibliotheca().hello(), FRAMES["written"], FRAMES["init, reply"], SET_UP, FRAMES["version, reply"]
    )
    assert sent == [FRAMES["init"], "", FRAMES["set up"], FRAMES["version"]]
    assert Frame.parse(bytes.fromhex(FRAMES["init, reply"])).start == START_OF_INIT


def test_old_firmware_is_asked_in_its_own_form_from_then_on() -> None:
    make = Bibliotheca()
    refused = reply(0x02, "32" + UID.hex())
    sent, raw = carry_out(make.read_blocks(UID, 0, 8), refused, refused, FRAMES["read 8 blocks, old, reply"])
    assert sent == [FRAMES["read 8 blocks"], FRAMES["read 8 blocks with locks"], FRAMES["read 8 blocks, old"]]
    assert raw == BLOCKS_OF_ANNEX_B1
    assert carry_out(make.read_blocks(UID, 0, 8), FRAMES["read 8 blocks, old, reply"])[0] == [
        FRAMES["read 8 blocks, old"]
    ]
    assert carry_out(make.locked_blocks(UID, 0, 8), FRAMES["read 8 blocks, old, reply"])[1] == frozenset()


def test_a_form_that_was_understood_is_not_doubted_because_of_one_tag() -> None:
    make = Bibliotheca()
    carry_out(make.read_blocks(UID, 0, 8), FRAMES["read 8 blocks, reply"])
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(make.read_blocks(UID, 8, 1), reply(0x02, "32" + UID.hex()))
    assert refusal.value.fault is TagFault.NO_SUCH_BLOCK
    assert carry_out(make.read_blocks(UID, 0, 8), FRAMES["read 8 blocks, reply"])[1] == BLOCKS_OF_ANNEX_B1


def test_locked_blocks_are_told_by_their_numbers() -> None:
    make = Bibliotheca()
    carry_out(make.read_blocks(UID, 0, 8), FRAMES["read 8 blocks, reply"])
    locks = reply(0x02, f"00 {UID.hex()} 04 03 00 11111111 01 22222222 02 33333333")
    assert carry_out(make.locked_blocks(UID, 4, 3), locks)[1] == {5, 6}


def test_a_block_whose_byte_is_an_error_is_not_read() -> None:
    make = Bibliotheca()
    carry_out(make.read_blocks(UID, 0, 8), FRAMES["read 8 blocks, reply"])
    with pytest.raises(DeviceRefused):
        carry_out(make.locked_blocks(UID, 0, 1), reply(0x02, f"00 {UID.hex()} 00 01 15 00000000"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ("0F 3E 07 03 1B 01", SystemInformation(UID, 0x3E, 7, 4, 28, 1)),
        ("06 07 03 1B", SystemInformation(UID, None, 7, 4, 28, None)),
        ("00", SystemInformation(UID)),
    ],
)
def test_of_a_tags_information_only_what_it_has_is_there(fields: str, told: SystemInformation) -> None:
    answer = reply(0x0D, f"00 {UID.hex()} {fields}")
    assert carry_out(Bibliotheca().system_information(UID), answer) == ([FRAMES["tag information"]], told)


def test_a_chip_that_does_not_shout_is_asked_whether_it_is_there() -> None:
    silence = reply(0x03, "06" + UID.hex() + "00")
    sent, shouts = carry_out(Bibliotheca().read_eas(UID), silence, FRAMES["AFI C2"])
    assert (sent, shouts) == ([FRAMES["check EAS"], FRAMES["get AFI"]], False)
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(Bibliotheca().read_eas(UID), silence, reply(0x0A, "06" + UID.hex()))
    assert refusal.value.fault is TagFault.GONE


@pytest.mark.parametrize(
    ("command", "answer", "fault", "block"),
    [
        (lambda make: make.read_blocks(UID, 0, 8), "read, tag gone", TagFault.GONE, None),
        (lambda make: make.write_blocks(UID, 0, bytes(32)), "write, block 3 locked", TagFault.LOCKED, 3),
        (lambda make: make.write_afi(UID, 0xC2), "AFI not written", TagFault.NOT_WRITTEN, None),
    ],
)
def test_a_refusal_says_what_it_means(command: Made, answer: str, fault: TagFault, block: int | None) -> None:
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(command(Bibliotheca()), FRAMES[answer])
    assert (refusal.value.fault, refusal.value.block) == (fault, block)


def test_more_tags_than_the_reader_remembers_are_too_many() -> None:
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(Bibliotheca().inventory(), reply(0xFE, "FE"))
    assert refusal.value.fault is TagFault.OVERFULL


STRAYS = {
    "an inventory that comes by itself": FRAMES["inventory, one tag"],
    "the version": FRAMES["version, reply"],
    "another tag's": reply(0x02, "00" + OTHER_UID.hex() + "00 08" + BLOCKS_OF_ANNEX_B1.hex()),
    "a refusal about another tag": reply(0x02, "06" + OTHER_UID.hex()),
    "fewer blocks": reply(0x02, "00" + UID.hex() + "00 01 11010131"),
    "other blocks": reply(0x02, "00" + UID.hex() + "08 08" + BLOCKS_OF_ANNEX_B1.hex()),
    "our own question": FRAMES["read 8 blocks"],
    "nothing": reply(0x02, ""),
}


@pytest.mark.parametrize("stray", STRAYS)
def test_what_does_not_hold_the_blocks_that_were_asked_for_is_passed_over(stray: str) -> None:
    sent, raw = carry_out(Bibliotheca().read_blocks(UID, 0, 8), STRAYS[stray], FRAMES["read 8 blocks, reply"])
    assert sent == [FRAMES["read 8 blocks"], ""]
    assert raw == BLOCKS_OF_ANNEX_B1


COMMANDS: list[Callable[[], Command[Any]]] = [
    lambda: Bibliotheca().hello(),
    lambda: Bibliotheca().inventory(),
    lambda: Bibliotheca().read_blocks(UID, 0, 9),
    lambda: Bibliotheca().locked_blocks(UID, 0, 9),
    lambda: Bibliotheca().write_blocks(UID, 0, bytes(8)),
    lambda: Bibliotheca().system_information(UID),
    lambda: Bibliotheca().read_afi(UID),
    lambda: Bibliotheca().write_afi(UID, 7),
    lambda: Bibliotheca().read_eas(UID),
    lambda: Bibliotheca().write_eas(UID, False),
]
_CODES = st.sampled_from([0x02, 0x03, 0x04, 0x09, 0x0A, 0x0C, 0x0D, 0x11, 0x13, 0xFE]) | st.integers(0, 255)
_PAYLOADS = st.builds(
    lambda error, uid, rest: error + uid + rest,
    st.binary(max_size=1) | st.just(b"\0"),
    st.sampled_from([b"", UID, OTHER_UID]),
    st.binary(max_size=60),
)


@given(
    st.sampled_from(COMMANDS),
    st.lists(st.builds(Frame, _CODES, _PAYLOADS, st.sampled_from([0xD5, 0xD6])), max_size=6),
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
