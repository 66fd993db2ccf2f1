"""FEIG frames, whole, in pieces and among rubbish; and what each command makes of them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import Command
from drivers.devices import Card, CardTechnology, DeviceRefused, Identity, NotSupported
from drivers.feig import LONGEST_FRAME, Feig, FeigDecoder, Frame, ReaderVersion
from drivers.iso15693 import SystemInformation, TagFault
from drivers.tag_protocol import Inventory
from tests.drivers.conformance_frames import FramesConformance, carry_out, feed

UID = bytes.fromhex("E004010012345678")
OTHER_UID = bytes.fromhex("E00401000A0B0C0D")

#: Frames of facts/rfid.md, 5.1, both directions: the manual's layouts, and some that other programs were seen to send.
FRAMES = {
    "read configuration of reader 12": "06128007E580",
    "read configuration of reader 12, advanced": "020008128007A02D",
    "software version": "05FF65E5CB",
    "software version, advanced": "020007FF656E61",
    "software version, reply": "0D00650003030044530D303309",
    "baud rate detection": "06FF52000F6E",
    "baud rate detection, reply": "06005200FCA8",
    "reader information": "06FF6600CDBF",
    "RF reset": "05FF698901",
    "RF reset, reply": "06006900F6FA",
    "RF on": "06FF6A01E407",
    "RF off": "06FF6A006D16",
    "inventory": "07FFB001001C56",
    "inventory, advanced": "020009FFB001001843",
    "inventory, the rest": "07FFB0018014D2",
    "inventory, no tag": "0600B0015C63",
    "inventory, one tag": "1100B000010300E004010012345678D835",
    "inventory, one tag, advanced": "02001300B000010300E0040100123456780371",
    "inventory, two tags": "1B00B000020300E0040100123456780306E00401000A0B0C0D5C64",
    "inventory, one tag and more": "1100B094010300E004010012345678B68B",
    "inventory, RF error": "0600B08346C4",
    "inventory, a card": "1100B0000104000000000008A1B2C3F9A8",
    "select": "0FFFB02501E004010012345678EA22",
    "done": "0600B000D572",
    "read 8 blocks": "11FFB02301E004010012345678000807D6",
    "read 8 blocks, reply": (
        "3000B00008040031010111003030303000353030300000000036009800000000374B44A400303538310000000030A439"
    ),
    "read, no such block": "0700B0951072FD",
    "read 28 blocks, advanced": "020013FFB02301E004010012345678001C79C4",
    "read 8 blocks, reply, advanced": (
        "02003200B00008040031010111003030303000353030300000000036009800000000374B44A40030353831000000003066F1"
    ),
    "write 8 blocks": (
        "32FFB02401E0040100123456780008043101011130303030353030300000003698000000374B44A43035383100000030FC3D"
    ),
    "write, failed at block 5": "0700B00305D3F7",
    "write, block 3 locked": "0800B0951203CA6C",
    "write AFI C2": "10FFB02701E004010012345678C2794F",
    "write AFI 07": "10FFB02701E00401001234567807D8DE",
    "lock AFI": "0FFFB02801E00401001234567878D7",
    "lock blocks": "11FFB02201E00401001234567800085253",
    "system information": "0FFFB02B01E00401001234567811A3",
    "system information, real sizes": "1300B00000E00401001234567807041C01A298",
    "system information, sizes less one": "1300B00000E00401001234567807031B01AF59",
    "stay quiet": "0FFFB00201E004010012345678AA4A",
    "reset to ready": "0FFFB02601E0040100123456788356",
    "read configuration": "06FF80010D13",
    "write configuration": "14FF8101000000000000000000000000000057B7",
    "set EAS": Frame(0xFF, 0xB1, bytes.fromhex("04A201E004010012345678")).encode().hex().upper(),
    "EAS alarm": Frame(0xFF, 0xB1, bytes.fromhex("04A501E004010012345678")).encode().hex().upper(),
    "EAS, done": Frame(0x00, 0xB1, b"\0").encode().hex().upper(),
    "EAS, silence": Frame(0x00, 0xB1, b"\1").encode().hex().upper(),
    "read 8 blocks with lock status": Frame(0xFF, 0xB0, bytes.fromhex("2309E0040100123456780008"))
    .encode()
    .hex()
    .upper(),
    "unknown command": "06007E8067A6",
    "length error": "0600B08154E7",
}

BLOCKS_OF_ANNEX_B1 = bytes.fromhex("1101013130303030303030353600000000000098A4444B373138353030000000")

#: Bytes that are no frame: nothing, noise, a claim that comes to nothing, the middle of a frame, a wrong CRC.
RUBBISH = ["", "00", "0303", "FF", "FFFFFFFF", "0201", "02FFFF", "020010AB", "E004010012345678", "0600B000D573"]


class TestFrames(FramesConformance):
    DECODER = FeigDecoder
    FRAMES = FRAMES
    RUBBISH = RUBBISH
    MODEL = "wire:FEIG"

    @staticmethod
    def rebuilt(frame: bytes) -> bytes:
        return Frame.parse(frame).encode()


def test_a_frame_written_into_the_memory_of_a_tag_is_not_taken_for_an_answer() -> None:
    # "06 00 B0 00 D5 72", placed so that the lock byte between two blocks becomes its second byte.
    forged = bytes.fromhex(FRAMES["done"])
    data = bytes.fromhex("0204") + b"\0" + b"\0\0\0\x06" + b"\0" + bytes.fromhex("B000D572")
    honest = Frame(0x00, 0xB0, b"\0" + data).encode()
    assert forged in honest
    for at in range(len(honest)):
        assert feed(FeigDecoder(), honest[:at], honest[at:]) == [honest]


def test_a_long_frame_is_advanced() -> None:
    frame = Frame(0xFF, 0xB0, bytes(300)).encode()
    assert frame[0] == 0x02
    assert feed(FeigDecoder(), frame) == [frame]


def test_a_claim_of_more_than_the_longest_frame_is_rubbish() -> None:
    decoder = FeigDecoder()
    feed(decoder, b"\x02" + LONGEST_FRAME.to_bytes(2, "big"))
    assert decoder.pending
    feed(decoder := FeigDecoder(), b"\x02" + (LONGEST_FRAME + 1).to_bytes(2, "big"))
    assert not decoder.pending


# --- commands ---


def reply(payload: str, command: int = 0xB0) -> str:
    return Frame(0x00, command, bytes.fromhex(payload)).encode().hex()


CARD = Card(CardTechnology.TYPE_A, bytes.fromhex("08A1B2C3"))

#: What is asked, the frame that asks it, the frame that answers, what comes of it.
EXCHANGES: list[tuple[Callable[[Feig], Command[Any]], str, str, object]] = [
    (Feig.version, "software version", "software version, reply", ReaderVersion(0x0303, 0x44, 0x53, 0x0D30)),
    (Feig.reset_field, "RF reset", "RF reset, reply", None),
    (Feig.inventory, "inventory", "inventory, no tag", Inventory()),
    (Feig.inventory, "inventory", "inventory, one tag", Inventory((UID,))),
    (Feig.inventory, "inventory", "inventory, one tag, advanced", Inventory((UID,))),
    (Feig.inventory, "inventory", "inventory, two tags", Inventory((UID, OTHER_UID))),
    (Feig.inventory, "inventory", "inventory, RF error", Inventory(complete=False)),
    (Feig.inventory, "inventory", "inventory, a card", Inventory(cards=(CARD,))),
    (lambda feig: feig.read_blocks(UID, 0, 8), "read 8 blocks", "read 8 blocks, reply", BLOCKS_OF_ANNEX_B1),
    (lambda feig: feig.read_blocks(UID, 0, 8), "read 8 blocks", "read 8 blocks, reply, advanced", BLOCKS_OF_ANNEX_B1),
    (lambda feig: feig.locked_blocks(UID, 0, 8), "read 8 blocks with lock status", "read 8 blocks, reply", frozenset()),
    (lambda feig: feig.write_blocks(UID, 0, BLOCKS_OF_ANNEX_B1), "write 8 blocks", "done", None),
    (lambda feig: feig.write_eas(UID, True), "set EAS", "EAS, done", None),
    (lambda feig: feig.read_eas(UID), "EAS alarm", "EAS, done", True),
    (lambda feig: feig.read_afi(UID), "system information", "system information, real sizes", 7),
    (lambda feig: feig.write_afi(UID, 0xC2), "write AFI C2", "done", None),
    (lambda feig: feig.write_afi(UID, 0x07), "write AFI 07", "done", None),
    (
        lambda feig: feig.system_information(UID),
        "system information",
        "system information, real sizes",
        SystemInformation(UID, dsfid=0, afi=7, block_size=4, block_count=28, chip=1),
    ),
    (
        lambda feig: feig.system_information(UID),
        "system information",
        "system information, sizes less one",
        SystemInformation(UID, dsfid=0, afi=7, block_size=4, block_count=28, chip=1),
    ),
]


@pytest.mark.parametrize(("command", "question", "answer", "result"), EXCHANGES)
def test_each_command_asks_as_the_manual_says_and_understands_the_answer(
    command: Callable[[Feig], Command[Any]], question: str, answer: str, result: object
) -> None:
    assert carry_out(command(Feig()), FRAMES[answer]) == ([FRAMES[question]], result)


def test_a_reader_without_iso_15693_is_the_wrong_reader() -> None:
    with pytest.raises(NotSupported):
        carry_out(Feig().hello(), FRAMES["software version, reply"])


def test_a_reader_with_iso_15693_says_who_it_is() -> None:
    _, identity = carry_out(Feig().hello(), reply("00 0203 00 44 53 0008", 0x65))
    assert identity == Identity(model="FEIG OBID 44", firmware="2.3")


def test_a_chip_that_does_not_shout_is_asked_whether_it_is_there() -> None:
    there = FRAMES["system information, real sizes"]
    sent, shouts = carry_out(Feig().read_eas(UID), FRAMES["EAS, silence"], there)
    assert (sent, shouts) == ([FRAMES["EAS alarm"], FRAMES["system information"]], False)
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(Feig().read_eas(UID), FRAMES["EAS, silence"], FRAMES["inventory, no tag"])
    assert refusal.value.fault is TagFault.GONE


def test_a_reader_that_takes_advanced_frames_alone_is_asked_in_them() -> None:
    feig = Feig(advanced=True)
    assert carry_out(feig.version(), FRAMES["software version, reply"])[0] == [FRAMES["software version, advanced"]]
    sent, found = carry_out(feig.inventory(), FRAMES["inventory, one tag, advanced"])
    assert (sent, found) == ([FRAMES["inventory, advanced"]], Inventory((UID,)))
    asked = feig.read_blocks(UID, 0, 28)
    assert next(asked).hex().upper() == FRAMES["read 28 blocks, advanced"]


def test_locked_blocks_are_told_by_their_numbers() -> None:
    _, locked = carry_out(Feig().locked_blocks(UID, 4, 3), reply("00 0304 00 11111111 01 22222222 03 33333333"))
    assert locked == {5, 6}


@pytest.mark.parametrize(("answer", "block"), [("03 05", 5), ("95 12 03", 3), ("95 12", None), ("01", None)])
def test_a_write_that_fails_names_its_block_where_the_reader_does(answer: str, block: int | None) -> None:
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(Feig().write_blocks(UID, 0, BLOCKS_OF_ANNEX_B1), reply(answer))
    assert refusal.value.block == block


def test_a_long_list_is_asked_for_until_it_ends() -> None:
    sent, found = carry_out(
        Feig().inventory(),
        FRAMES["inventory, one tag and more"],
        reply("94 01 0306" + OTHER_UID.hex()),
        reply("00 01 0300 E004010011111111"),
    )
    assert sent == [FRAMES["inventory"], FRAMES["inventory, the rest"], FRAMES["inventory, the rest"]]
    assert found == Inventory((UID, OTHER_UID, bytes.fromhex("E004010011111111")))


def test_a_list_without_end_is_cut_off_and_called_incomplete() -> None:
    sent, found = carry_out(Feig().inventory(), *[FRAMES["inventory, one tag and more"]] * 40)
    assert len(sent) < 40
    assert found == Inventory((UID,), complete=False)


def test_a_tag_that_is_listed_twice_is_one() -> None:
    _, found = carry_out(Feig().inventory(), FRAMES["inventory, one tag and more"], FRAMES["inventory, two tags"])
    assert found.tags == (UID, OTHER_UID)


def test_cards_of_all_lengths_are_told_from_tags() -> None:
    long_card, short_b = "04 04 00 0102030405060708090A", "05 00 00000000 11223344"
    _, found = carry_out(Feig().inventory(), reply(f"00 03 {long_card} {short_b} 0300{UID.hex()}"))
    assert found == Inventory(
        (UID,),
        (
            Card(CardTechnology.TYPE_A, bytes.fromhex("0102030405060708090A")),
            Card(CardTechnology.TYPE_B, bytes.fromhex("11223344")),
        ),
    )


def test_an_unknown_kind_of_tag_makes_the_inventory_incomplete_and_hides_nothing_before_it() -> None:
    _, found = carry_out(Feig().inventory(), reply(f"00 02 0300{UID.hex()} 81 112233"))
    assert found == Inventory((UID,), complete=False)


def test_an_inventory_with_an_rf_error_keeps_the_tags_it_found() -> None:
    _, found = carry_out(Feig().inventory(), reply(f"83 01 0300{UID.hex()}"))
    assert found == Inventory((UID,), complete=False)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("01", TagFault.GONE),
        ("03", TagFault.NOT_WRITTEN),
        ("04", TagFault.NO_SUCH_BLOCK),
        ("93", TagFault.OVERFULL),
        ("95 10", TagFault.NO_SUCH_BLOCK),
        ("95 11", TagFault.LOCKED),
        ("95 12", TagFault.LOCKED),
        ("95 13", TagFault.NOT_WRITTEN),
        ("95 01", TagFault.NOT_SUPPORTED),
        ("80", TagFault.NOT_SUPPORTED),
        ("95 0F", TagFault.OTHER),
        ("95", TagFault.OTHER),
        ("83", TagFault.OTHER),
        ("77", TagFault.OTHER),
    ],
)
def test_a_refusal_says_what_it_means(answer: str, fault: TagFault) -> None:
    with pytest.raises(DeviceRefused) as refusal:
        carry_out(Feig().write_afi(UID, 7), reply(answer))
    assert refusal.value.fault is fault
    assert refusal.value.answer == bytes.fromhex(answer)


STRAYS = {
    "the version": "0D00650003030044530D303309",
    "a question of our own that came back": "07FFB001001C56",
    "no payload": Frame(0, 0xB0, b"").encode().hex(),
    "an inventory": "1100B000010300E004010012345678D835",
    "done": "0600B000D572",
    "another tag's": reply("00 00" + OTHER_UID.hex() + "07 04 1C 01"),
    "fewer blocks": reply("00 0104 00 11223344"),
}


@pytest.mark.parametrize("stray", STRAYS)
def test_a_late_answer_to_another_question_is_passed_over(stray: str) -> None:
    sent, told = carry_out(Feig().system_information(UID), STRAYS[stray], FRAMES["system information, real sizes"])
    assert sent == [FRAMES["system information"], ""]
    assert told.afi == 7


@pytest.mark.parametrize("stray", ["done", "an inventory", "fewer blocks", "another tag's"])
def test_what_does_not_hold_the_blocks_that_were_asked_for_is_passed_over(stray: str) -> None:
    sent, raw = carry_out(Feig().read_blocks(UID, 0, 8), STRAYS[stray], FRAMES["read 8 blocks, reply"])
    assert sent == [FRAMES["read 8 blocks"], ""]
    assert raw == BLOCKS_OF_ANNEX_B1


COMMANDS: list[Callable[[], Command[Any]]] = [
    Feig().hello,
    Feig().inventory,
    lambda: Feig().read_blocks(UID, 0, 9),
    lambda: Feig().system_information(UID),
    lambda: Feig().write_afi(UID, 7),
    lambda: Feig().locked_blocks(UID, 0, 9),
    lambda: Feig().write_blocks(UID, 0, bytes(8)),
    lambda: Feig().read_eas(UID),
    lambda: Feig().write_eas(UID, False),
]


@given(
    st.sampled_from(COMMANDS),
    st.lists(
        st.builds(
            Frame,
            st.just(0),
            st.sampled_from([0xB0, 0xB1, 0x65]) | st.integers(0, 255),
            st.builds(bytes.__add__, st.sampled_from([b"\x00", b"\x94", b"\x83", b"\x95"]), st.binary(max_size=40))
            | st.binary(max_size=40),
            st.booleans(),
        ),
        max_size=6,
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
        except (StopIteration, DeviceRefused, NotSupported):
            return
