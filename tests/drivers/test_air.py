"""ISO 15693 in the air: the published frames both ways, a simulated chip's answers to them, and how long they take."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.simulators import air
from drivers.simulators.air import Request, Response
from drivers.simulators.field import VirtualTag

UID = bytes.fromhex("E004010012345678")

#: Frames of facts/rfid.md, 5.5.
REQUESTS = {
    "inventory, one slot": "260100F60A",
    "inventory, 16 slots": "060100CD09",
    "inventory of AFI 07": "160107003163",
    "read blocks 0 to 7": "222378563412000104E0000723D3",
    "write AFI C2": "222778563412000104E0C2871C",
    "get system information": "222B78563412000104E0B6E9",
    "set EAS": "22A20478563412000104E0550F",
    "reset EAS": "22A30478563412000104E07223",
    "EAS alarm, to all": "02A50417E4",
}
SYSTEM_INFORMATION = "000F78563412000104E006071B03016297"


def hear(tag: VirtualTag, request: str) -> Response | None:
    answer = tag.hear(bytes.fromhex(REQUESTS[request]))
    return None if answer is None else Response.parse(answer)


def test_every_published_vector_is_among_the_frames(shared_data: Path) -> None:
    published = json.loads((shared_data.parent / "facts" / "rfid_vectors.json").read_text("utf-8"))
    vectors = {vector["hex"].upper() for vector in published if vector["model"] == "wire:ISO15693-air"}
    assert vectors == {*REQUESTS.values(), SYSTEM_INFORMATION}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_taken_apart_and_put_together_again(name: str) -> None:
    frame = bytes.fromhex(REQUESTS[name])
    request = Request.parse(frame)
    assert request is not None
    assert request.encode() == frame
    assert all(Request.parse(frame[:at]) is None for at in range(len(frame)))


def test_a_request_to_one_chip_is_as_published() -> None:
    built = {
        "read blocks 0 to 7": Request.to(UID, air.READ_MULTIPLE_BLOCKS, b"\x00\x07"),
        "write AFI C2": Request.to(UID, air.WRITE_AFI, b"\xc2"),
        "get system information": Request.to(UID, air.GET_SYSTEM_INFORMATION),
        "set EAS": Request.to(UID, air.SET_EAS),
        "reset EAS": Request.to(UID, air.RESET_EAS),
    }
    assert {name: request.encode().hex().upper() for name, request in built.items()} == {
        name: REQUESTS[name] for name in built
    }


def test_a_chip_tells_of_itself_as_published() -> None:
    answer = VirtualTag(UID, dsfid=0x06).hear(bytes.fromhex(REQUESTS["get system information"]))
    assert answer is not None
    assert answer.hex().upper() == SYSTEM_INFORMATION


def test_a_chip_answers_an_inventory_of_its_afi_alone() -> None:
    tag = VirtualTag(UID, dsfid=0x3E)
    mine = Response(b"\x3e" + UID[::-1])
    assert hear(tag, "inventory, one slot") == hear(tag, "inventory, 16 slots") == mine
    assert hear(tag, "inventory of AFI 07") == mine
    tag.afi = 0xC2
    assert hear(tag, "inventory of AFI 07") is None


def test_a_chip_obeys_what_is_said_to_it() -> None:
    tag = VirtualTag(UID, bytearray(range(112)))
    assert hear(tag, "read blocks 0 to 7") == Response(bytes(range(32)))
    assert hear(tag, "write AFI C2") == Response()
    assert tag.afi == 0xC2
    assert hear(tag, "EAS alarm, to all") is None
    assert hear(tag, "set EAS") == Response()
    shout = hear(tag, "EAS alarm, to all")
    assert shout is not None
    assert len(shout.data) == 32
    hear(tag, "reset EAS")
    assert hear(tag, "EAS alarm, to all") is None


def test_a_chip_refuses_what_it_cannot_do() -> None:
    tag = VirtualTag(UID, locked_blocks={3}, afi_locked=True, eas_locked=True)
    assert hear(tag, "write AFI C2") == Response(error=air.LOCKED)
    assert hear(tag, "set EAS") == Response(error=air.LOCKED)

    def said(command: int, data: bytes) -> Response | None:
        answer = tag.hear(Request.to(UID, command, data).encode())
        return None if answer is None else Response.parse(answer)

    assert said(air.WRITE_SINGLE_BLOCK, b"\x03abcd") == Response(error=air.LOCKED)
    assert said(air.WRITE_SINGLE_BLOCK, b"\x1cabcd") == Response(error=air.NO_SUCH_BLOCK)
    assert said(air.READ_MULTIPLE_BLOCKS, b"\x1b\x01") == Response(error=air.NO_SUCH_BLOCK)
    assert said(0x24, b"\0\1abcdefgh") == Response(error=air.NOT_SUPPORTED), "libraries' chips write one at a time"
    assert not any(tag.memory)


def test_a_chip_says_nothing_to_others_and_to_damaged_frames() -> None:
    frame = bytes.fromhex(REQUESTS["get system information"])
    assert VirtualTag(bytes.fromhex("E00401000A0B0C0D")).hear(frame) is None
    assert VirtualTag(UID).hear(frame[:-1] + b"\0") is None
    assert VirtualTag(bytes.fromhex("E002010012345678")).hear(bytes.fromhex("02A50417E4")) is None, "not NXP's"


def test_locks_are_told_when_they_are_asked_for() -> None:
    tag = VirtualTag(UID, bytearray(b"aaaabbbb"), locked_blocks={1})
    answer = tag.hear(Request.to(UID, air.READ_MULTIPLE_BLOCKS, b"\0\1", option=True).encode())
    assert answer is not None
    assert Response.parse(answer) == Response(b"\0aaaa\1bbbb")


@given(st.binary(max_size=40))
def test_any_bytes_leave_a_chip_well(frame: bytes) -> None:
    tag = VirtualTag(UID)
    answer = tag.hear(frame)
    assert answer is None or Response.parse(answer) is not None
    assert Response.parse(frame) is None or len(frame) >= 3


@pytest.mark.parametrize(
    ("count", "milliseconds"),
    [(8, 15.9), (28, 40)],
)
def test_a_read_takes_its_published_time(count: int, milliseconds: float) -> None:
    request = Request.to(UID, air.READ_MULTIPLE_BLOCKS, bytes((0, count - 1))).encode()
    assert air.seconds(request, VirtualTag(UID).hear(request)) * 1000 == pytest.approx(milliseconds, abs=0.2)


def test_system_information_takes_its_published_time() -> None:
    request = Request.to(UID, air.GET_SYSTEM_INFORMATION).encode()
    assert air.seconds(request, VirtualTag(UID).hear(request)) * 1000 == pytest.approx(10, abs=0.3)
