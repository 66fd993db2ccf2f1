"""3M readers 210 and 810, today Bibliotheca's: frames, and the commands a pad needs. Pure; facts/rfid.md, 5.2.

A request and its reply look alike, apart from the error code in a reply, which is 00 when all is well::

    D6 LENhi LENlo CMD [ERR] … CRChi CRClo      LEN counts what follows it; the CRC covers all but the first byte

The first exchange after power-up begins with ``D5`` instead, and nothing else is understood before it. UIDs are most
significant byte first, blocks in the order of the tag's memory. A reply repeats the command, and the UID where there
was one, so an answer that comes late, or an inventory that comes by itself, is told from the one that is waited for.

Readers differ in how they are asked for blocks. The shortest reply has no byte between the blocks; older firmware knows
only the form with a byte of its own before each, and the oldest has no forms at all. So the forms are tried in this
order until one is understood; what comes after that is refused for another reason.

What locks a tag (06, 07, 08, 0E) is not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from drivers.codec import NOT_YET, Command, FrameDecoder, NotYet, crc_genibus
from drivers.devices import DeviceRefused, Identity, SerialLine
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, SystemInformation, TagFault, Uid
from drivers.tag_protocol import Inventory

START: Final = 0xD6
START_OF_INIT: Final = 0xD5

# Commands, by the names of the specification (3M Model 210, 1.0.0).
READ: Final = 0x02
CHECK_EAS: Final = 0x03
WRITE: Final = 0x04
WRITE_AFI: Final = 0x09
GET_AFI: Final = 0x0A
WRITE_EAS: Final = 0x0C
TAG_INFORMATION: Final = 0x0D
VERSION: Final = 0x11
SET_UP: Final = 0x13
PASS_THROUGH: Final = 0x14
INVENTORY: Final = 0xFE
#: In a frame that begins with START_OF_INIT, and only there.
INIT: Final = 0x04

OK: Final = 0x00
NOT_IMPLEMENTED: Final = 0x02
NO_TRANSPONDER: Final = 0x06
LOCKED: Final = 0x12
NOT_READ: Final = 0x15
NOT_PUT: Final = 0x16
ISO_NOT_SUPPORTED: Final = 0x21
NOT_SUPPORTED: Final = 0x30
OPTION_NOT_SUPPORTED: Final = 0x31
PARAMETER: Final = 0x32
NO_MEMORY: Final = 0xFE

ERRORS: Final = {
    NOT_IMPLEMENTED: "not implemented",
    NO_TRANSPONDER: "no transponder",
    0x0F: "unknown error",
    0x11: "not available",
    LOCKED: "locked",
    NOT_READ: "not read",
    NOT_PUT: "not put",
    ISO_NOT_SUPPORTED: "ISO 15693 error 01",
    0x22: "ISO 15693 error 02",
    0x23: "ISO 15693 error 03",
    NOT_SUPPORTED: "not supported by the tag",
    OPTION_NOT_SUPPORTED: "option not supported",
    PARAMETER: "wrong parameter",
    0xFD: "cancelled",
    NO_MEMORY: "no memory",
}

#: Inventory: any AFI; UIDs, and bit 2 as the host software sets it.
_ANY_TAG: Final = bytes((0x00, 0x05))
#: Tag information: DSFID, AFI, memory and chip, as far as the tag has them.
_EVERYTHING: Final = 0x0F
_VENDOR_3M: Final = 0x0A
_SET_UP: Final = bytes.fromhex("040100020003000400")

_SHORTEST: Final = 6
#: The greatest reply to anything asked here (30 tags, or 32 blocks in the longest form) is below 300 bytes.
LONGEST_FRAME: Final = 1024


class ReadForm(IntEnum):
    """Options of a read, the shortest reply first. A read of the old style has no options at all."""

    PLAIN = 0x0C  # blocks alone
    WITH_LOCKS = 0x05  # a byte before each block
    OLD = -1  # number and a byte before each block


#: What readers say that do not know the form they are asked for.
_UNKNOWN_FORM: Final = frozenset({NOT_IMPLEMENTED, NOT_SUPPORTED, OPTION_NOT_SUPPORTED, PARAMETER})


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in a frame. In a reply ``payload`` begins with the error code."""

    command: int
    payload: bytes = b""
    start: int = START

    @classmethod
    def parse(cls, frame: bytes) -> Frame:
        """Takes apart a frame that a decoder has found sound."""
        return cls(frame[3], frame[4:-2], frame[0])

    def encode(self) -> bytes:
        """The bytes on the wire."""
        body = bytes((self.command,)) + self.payload
        checked = (len(body) + 2).to_bytes(2, "big") + body
        return bytes((self.start,)) + checked + crc_genibus(checked).to_bytes(2, "big")


class BibliothecaDecoder(FrameDecoder):
    """Finds the frames in what a reader, or a host, sends."""

    def _claimed(self, buffer: bytearray, at: int) -> int | NotYet:
        if buffer[at] not in {START, START_OF_INIT}:
            return 0
        if at + 3 > len(buffer):
            return NOT_YET
        length = 3 + int.from_bytes(buffer[at + 1 : at + 3], "big")
        return length if _SHORTEST <= length <= LONGEST_FRAME else 0

    def _is_sound(self, frame: bytes) -> bool:
        return crc_genibus(frame[1:-2]) == int.from_bytes(frame[-2:], "big")


class Bibliotheca:
    """The commands of one reader, as :class:`drivers.tag_protocol.TagProtocol` has them."""

    line = SerialLine(baud=19200, framing="8N1")
    #: No limit of the reader's own is known; 32 blocks of the old style take a quarter of a second.
    answer_within = 1.5
    gap = 0.0
    most_blocks = 32

    def __init__(self) -> None:
        self._form = ReadForm.PLAIN
        self._form_is_known = False

    def decoder(self) -> BibliothecaDecoder:
        """A decoder for what the reader sends."""
        return BibliothecaDecoder()

    def hello(self) -> Command[Identity]:
        """Starts the reader and asks for its versions."""
        self._form, self._form_is_known = ReadForm.PLAIN, False
        started = yield from self._ask(INIT, b"\x00\x11", lambda data: len(data) == 5, start=START_OF_INIT)
        try:
            yield from self._ask(SET_UP, _SET_UP, lambda _data: True)
        except DeviceRefused as refusal:
            # What it sets up is not known, and readers have been seen to work without.
            if refusal.fault is not TagFault.NOT_SUPPORTED:
                raise
        version = yield from self._ask(VERSION, b"", lambda data: len(data) >= 4)
        maker = "3M" if version[0] == _VENDOR_3M else f"{version[0]:02X}"
        hardware = ".".join(map(str, started[2:]))
        return Identity(model=f"{maker} RFID {hardware}", firmware=".".join(map(str, version[1:4])))

    def reset_field(self) -> Command[None]:
        """Nothing: every inventory reports every tag."""
        yield from ()

    def inventory(self) -> Command[Inventory]:
        """All tags in the field. The reader itself polls a second time for those that were hidden by others."""

        def fits(data: bytes) -> bool:
            return data[:2] == _ANY_TAG and len(data) > 2 and len(data) == 3 + data[2] * UID_LENGTH

        data = yield from self._ask(INVENTORY, _ANY_TAG, fits)
        uids = (data[at : at + UID_LENGTH] for at in range(3, len(data), UID_LENGTH))
        return Inventory(tuple(dict.fromkeys(uids)))

    def read_blocks(self, uid: Uid, first: int, count: int) -> Command[bytes]:
        """The bytes of ``count`` blocks in the order of the tag's memory."""
        while True:
            try:
                blocks = yield from self._blocks(uid, first, count, self._form)
            except DeviceRefused as refusal:
                if not self._try_another_form(refusal):
                    raise
            else:
                self._form_is_known = True
                return b"".join(block[-BLOCK_SIZE:] for block in blocks)

    def locked_blocks(self, uid: Uid, first: int, count: int) -> Command[frozenset[int]]:
        """Which of the blocks are locked, by a user or in the factory."""
        if not self._form_is_known:
            yield from self.read_blocks(uid, first, count)
        form = ReadForm.OLD if self._form is ReadForm.OLD else ReadForm.WITH_LOCKS
        blocks = yield from self._blocks(uid, first, count, form)
        return frozenset(number for number, block in enumerate(blocks, first) if block[-BLOCK_SIZE - 1])

    def _try_another_form(self, refusal: DeviceRefused) -> bool:
        if self._form_is_known or self._form is ReadForm.OLD or refusal.answer[0] not in _UNKNOWN_FORM:
            return False
        self._form = ReadForm.WITH_LOCKS if self._form is ReadForm.PLAIN else ReadForm.OLD
        return True

    def _blocks(self, uid: Uid, first: int, count: int, form: ReadForm) -> Command[list[bytes]]:
        """The blocks of a reply in any form, each with what stands before its bytes."""
        before = {ReadForm.PLAIN: 0, ReadForm.WITH_LOCKS: 1, ReadForm.OLD: 2}[form]
        head = bytes((count,)) if form is ReadForm.OLD else bytes((first, count))
        length = before + BLOCK_SIZE

        def fits(data: bytes) -> bool:
            return data.startswith(head) and len(data) == len(head) + count * length

        options = b"" if form is ReadForm.OLD else bytes((form,))
        data = yield from self._ask_tag(READ, uid, bytes((first, count)) + options, fits)
        blocks = [data[at : at + length] for at in range(len(head), len(data), length)]
        # Above 03 the byte is no lock but an error, and the bytes behind it are nobody's.
        if before and any(block[before - 1] > 3 for block in blocks):
            raise _refusal(READ, bytes((NOT_READ,)))
        return blocks

    def write_blocks(self, uid: Uid, first: int, data: bytes) -> Command[None]:
        """Writes whole blocks."""
        count = len(data) // BLOCK_SIZE
        done = bytes(((first + count) % 0x100,))
        yield from self._ask_tag(WRITE, uid, bytes((first, count, 0)) + data, lambda answer: answer == done)

    def system_information(self, uid: Uid) -> Command[SystemInformation]:
        """DSFID, AFI, memory and chip, of each what the tag has."""

        def fits(data: bytes) -> bool:
            return bool(data) and len(data) == 1 + sum(size for bit, size in sizes.items() if data[0] & bit)

        sizes = {0x01: 1, 0x02: 1, 0x04: 2, 0x08: 1}
        data = yield from self._ask_tag(TAG_INFORMATION, uid, bytes((_EVERYTHING,)), fits)
        fields, rest = {}, data[1:]
        for bit, size in sizes.items():
            if data[0] & bit:
                fields[bit], rest = rest[:size], rest[size:]
        memory = fields.get(0x04)

        def byte(bit: int) -> int | None:
            return fields[bit][0] if bit in fields else None

        # As the tag says them, sizes are one less.
        return SystemInformation(
            uid,
            dsfid=byte(0x01),
            afi=byte(0x02),
            block_size=memory[0] + 1 if memory else None,
            block_count=memory[1] + 1 if memory else None,
            chip=byte(0x08),
        )

    def read_afi(self, uid: Uid) -> Command[int]:
        """The AFI."""
        data = yield from self._ask_tag(GET_AFI, uid, b"", lambda data: len(data) == 1)
        return data[0]

    def write_afi(self, uid: Uid, afi: int) -> Command[None]:
        """Writes the AFI."""
        yield from self._ask_tag(WRITE_AFI, uid, bytes((afi,)), lambda data: not data)

    def read_eas(self, uid: Uid) -> Command[bool]:
        """Whether EAS is set. The reader takes a silent chip for no chip, so that one is asked for its AFI."""
        try:
            data = yield from self._ask_tag(CHECK_EAS, uid, b"", lambda data: len(data) == 1)
        except DeviceRefused as refusal:
            if refusal.fault is not TagFault.GONE:
                raise
        else:
            return data[0] != 0
        yield from self.read_afi(uid)
        return False

    def write_eas(self, uid: Uid, on: bool) -> Command[None]:
        """Sets or resets EAS."""
        yield from self._ask_tag(WRITE_EAS, uid, bytes((on,)), lambda data: not data)

    def _ask_tag(self, command: int, uid: Uid, rest: bytes, fits: Callable[[bytes], bool]) -> Command[bytes]:
        """What stands behind the UID in a reply without an error."""

        def is_its(data: bytes) -> bool:
            return data.startswith(uid) and fits(data[UID_LENGTH:])

        data = yield from self._ask(command, uid + rest, is_its, about=uid)
        return data[UID_LENGTH:]

    def _ask(
        self,
        command: int,
        payload: bytes,
        fits: Callable[[bytes], bool],
        *,
        start: int = START,
        about: bytes = b"",
    ) -> Command[bytes]:
        """The data of a reply without an error. Raises DeviceRefused for every other; passes over what is no reply."""
        question = Frame(command, payload, start)
        frame = Frame.parse((yield question.encode()))
        while (
            frame.command != command
            or frame.start != start
            or frame == question  # a line that echoes
            or not frame.payload
            or (frame.payload[0] == OK and not fits(frame.payload[1:]))
            or (frame.payload[0] != OK and frame.payload[1 : 1 + len(about)] not in {about, b""})
        ):
            frame = Frame.parse((yield b""))
        if frame.payload[0] != OK:
            raise _refusal(command, frame.payload)
        return frame.payload[1:]


def _refusal(command: int, payload: bytes) -> DeviceRefused:
    error, behind = payload[0], payload[1 + UID_LENGTH :]
    fault = {
        NO_TRANSPONDER: TagFault.GONE,
        LOCKED: TagFault.LOCKED,
        NOT_PUT: TagFault.NOT_WRITTEN,
        NOT_IMPLEMENTED: TagFault.NOT_SUPPORTED,
        ISO_NOT_SUPPORTED: TagFault.NOT_SUPPORTED,
        0x22: TagFault.NOT_SUPPORTED,
        0x23: TagFault.NOT_SUPPORTED,
        NOT_SUPPORTED: TagFault.NOT_SUPPORTED,
        OPTION_NOT_SUPPORTED: TagFault.NOT_SUPPORTED,
        PARAMETER: TagFault.NO_SUCH_BLOCK if command in {READ, WRITE} else TagFault.OTHER,
        NO_MEMORY: TagFault.OVERFULL if command == INVENTORY else TagFault.OTHER,
    }.get(error, TagFault.OTHER)
    message = f"3M error {error:02X}, {ERRORS.get(error, 'which no specification names')}"
    block = behind[0] if command == WRITE and behind else None
    return DeviceRefused(message, answer=payload, fault=fault, block=block)
