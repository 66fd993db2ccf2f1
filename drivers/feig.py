"""FEIG OBID readers (ID CPR, MR, LR): frames, and the commands a pad needs. Pure; facts/rfid.md, 5.1.

A request and its reply look alike, apart from the status in a reply::

    standard   LEN ADR CMD [STATUS] DATA CRClo CRChi            LEN counts all bytes, itself included
    advanced   02 LENhi LENlo ADR CMD [STATUS] DATA CRClo CRChi

A standard frame has at least five bytes, so a first byte of 02 can only begin an advanced one. Nothing else marks a
beginning (:class:`drivers.codec.FrameDecoder` says how it is found all the same). The reader answers in the form it was
asked in.

The reader says nothing at all to a frame it did not understand. Replies are told apart by their command byte alone, and
all tag commands share one, ``B0``; therefore a command here also looks at the shape of a reply, and whoever runs the
commands puts a ``hello`` between a lost answer and the next tag command (see :mod:`drivers.pad`).

The reader sends and expects the bytes of each block in reverse order; here blocks are in the order of the tag's memory.

EAS is a command of the chip's maker, ``B1`` with the maker's code (manual ID ISC.LR200, 7.2.4). The alarm is answered
with status 00 by a chip that shouts, and with 01, which otherwise says that there is no tag, for one that is silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drivers.codec import NOT_YET, Command, FrameDecoder, NotYet, crc_mcrf4xx
from drivers.devices import Card, CardTechnology, DeviceRefused, Identity, NotSupported, SerialLine
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, SystemInformation, TagFault, Uid, reverse_blocks
from drivers.tag_protocol import Inventory

# Commands, by the names of the manual (H20800).
BAUD_RATE_DETECTION: Final = 0x52
GET_SOFTWARE_VERSION: Final = 0x65
RF_RESET: Final = 0x69
RF_ON_OFF: Final = 0x6A
ISO_HOST: Final = 0xB0
ISO_CUSTOM: Final = 0xB1
# Sub-commands of ISO_HOST.
INVENTORY: Final = 0x01
READ_MULTIPLE_BLOCKS: Final = 0x23
WRITE_MULTIPLE_BLOCKS: Final = 0x24
WRITE_AFI: Final = 0x27
GET_SYSTEM_INFORMATION: Final = 0x2B
# Sub-commands of ISO_CUSTOM, behind the maker's code.
NXP: Final = 0x04
SET_EAS: Final = 0xA2
RESET_EAS: Final = 0xA3
EAS_ALARM: Final = 0xA5

#: MODE byte of a tag command: the UID follows.
ADDRESSED: Final = 0x01
#: Bit of the MODE byte of a read: the byte before each block says whether it is locked.
LOCK_STATUS: Final = 0x08
#: MODE byte of an inventory: the rest of the list.
MORE: Final = 0x80

OK: Final = 0x00
NO_TRANSPONDER: Final = 0x01
WRITE_ERROR: Final = 0x03
ADDRESS_ERROR: Final = 0x04
UNKNOWN_COMMAND: Final = 0x80
LENGTH_ERROR: Final = 0x81
PARAMETER_RANGE: Final = 0x11
RF_COMMUNICATION_ERROR: Final = 0x83
BUFFER_OVERFLOW: Final = 0x93
MORE_DATA: Final = 0x94
ISO15693_ERROR: Final = 0x95

# Codes that follow ISO15693_ERROR (ISO/IEC 15693-3, response error codes).
NOT_SUPPORTED: Final = 0x01
NOT_RECOGNISED: Final = 0x02
OPTION_NOT_SUPPORTED: Final = 0x03
BLOCK_DOES_NOT_EXIST: Final = 0x10
ALREADY_LOCKED: Final = 0x11
LOCKED: Final = 0x12
WRITE_FAILED: Final = 0x13

STATUS: Final = {
    OK: "ok",
    NO_TRANSPONDER: "no transponder",
    0x02: "data false",
    WRITE_ERROR: "write error",
    ADDRESS_ERROR: "address error",
    0x05: "wrong transponder type",
    0x08: "authentication error",
    0x0E: "general error",
    0x10: "EEPROM failure",
    PARAMETER_RANGE: "parameter range error",
    UNKNOWN_COMMAND: "unknown command",
    LENGTH_ERROR: "length error",
    0x82: "command not available (scan mode)",
    RF_COMMUNICATION_ERROR: "RF communication error",
    BUFFER_OVERFLOW: "buffer overflow",
    MORE_DATA: "more data",
    ISO15693_ERROR: "ISO 15693 error",
    0x96: "ISO 14443 error",
    0xF1: "hardware warning",
}

TYPE_ISO15693: Final = 0x03
TYPE_ISO14443A: Final = 0x04
TYPE_ISO14443B: Final = 0x05
_LONG_UID: Final = 0x04  # bit of TR_INFO: the UID field has 10 bytes instead of 7
_ISO15693_BIT: Final = 1 << 3  # of TR-TYPE in the software version

ANY_ADDRESS: Final = 0xFF
_SHORTEST: Final = 5
_SHORTEST_ADVANCED: Final = 7
_LONGEST_STANDARD: Final = 0xFF
#: The greatest reply to anything asked here (32 blocks of 4 with their lock bytes) is below 200 bytes.
LONGEST_FRAME: Final = 1024
#: The rest of a list is asked for at most this often: more tags than any field holds.
_MOST_ROUNDS: Final = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in a frame of either form. In a reply ``payload`` begins with the status."""

    address: int
    command: int
    payload: bytes
    advanced: bool = False

    @classmethod
    def parse(cls, frame: bytes) -> Frame:
        """Takes apart a frame that a decoder has found sound."""
        advanced = frame[0] == 0x02
        body = frame[3:-2] if advanced else frame[1:-2]
        return cls(body[0], body[1], body[2:], advanced)

    def encode(self) -> bytes:
        """The bytes on the wire."""
        body = bytes((self.address, self.command)) + self.payload
        if self.advanced or len(body) + 3 > _LONGEST_STANDARD:
            start = b"\x02" + (len(body) + 5).to_bytes(2, "big")
        else:
            start = bytes((len(body) + 3,))
        return start + body + crc_mcrf4xx(start + body).to_bytes(2, "little")


class FeigDecoder(FrameDecoder):
    """Finds the frames in what a reader, or a host, sends."""

    def _claimed(self, buffer: bytearray, at: int) -> int | NotYet:
        first = buffer[at]
        if first != 0x02:
            return first if first >= _SHORTEST else 0
        if at + 3 > len(buffer):
            return NOT_YET
        length = int.from_bytes(buffer[at + 1 : at + 3], "big")
        return length if _SHORTEST_ADVANCED <= length <= LONGEST_FRAME else 0

    def _is_sound(self, frame: bytes) -> bool:
        return crc_mcrf4xx(frame[:-2]) == int.from_bytes(frame[-2:], "little")


@dataclass(frozen=True, slots=True)
class ReaderVersion:
    """The reply to GET_SOFTWARE_VERSION. ``transponders`` has a bit for each kind of tag the reader knows."""

    software: int
    hardware_type: int
    software_type: int
    transponders: int

    @property
    def reads_iso15693(self) -> bool:
        """Whether it can see library tags at all."""
        return bool(self.transponders & _ISO15693_BIT)


class Feig:
    """The commands of one reader, as :class:`drivers.tag_protocol.TagProtocol` has them.

    The time limit is longer than the reader's own (TR-RESPONSE-TIME, 1.0 s as delivered), the gap is its PSST. With
    ``advanced`` every request is an advanced frame, for a reader that is set to take no others.
    """

    line = SerialLine(baud=38400, framing="8E1")
    answer_within = 1.2
    gap = 0.005
    most_blocks = 32

    def __init__(self, address: int = ANY_ADDRESS, *, advanced: bool = False) -> None:
        self._address = address
        self._advanced = advanced

    def decoder(self) -> FeigDecoder:
        """A decoder for what the reader sends."""
        return FeigDecoder()

    def hello(self) -> Command[Identity]:
        """Who the reader is. Raises NotSupported for one that cannot see library tags."""
        version = yield from self.version()
        if not version.reads_iso15693:
            raise NotSupported(f"FEIG reader of type {version.hardware_type:02X} reads no ISO 15693 tags")
        release = f"{version.software >> 8}.{version.software & 0xFF}"
        return Identity(model=f"FEIG OBID {version.hardware_type:02X}", firmware=release)

    def version(self) -> Command[ReaderVersion]:
        """The versions of hardware and firmware, and the kinds of tag."""
        data = yield from self._ask(GET_SOFTWARE_VERSION, b"", lambda data: len(data) >= 7)
        return ReaderVersion(int.from_bytes(data[0:2], "big"), data[3], data[4], int.from_bytes(data[5:7], "big"))

    def reset_field(self) -> Command[None]:
        """Switches the field off for 15 ms."""
        yield from self._ask(RF_RESET, b"", lambda data: not data)

    def inventory(self) -> Command[Inventory]:
        """All tags and cards in the field, asked for in as many rounds as the reader needs."""
        tags: dict[Uid, None] = {}
        cards: dict[bytes, Card] = {}
        complete = True
        mode = 0
        for _ in range(_MOST_ROUNDS):
            reply = yield from self._reply(ISO_HOST, bytes((INVENTORY, mode)), lambda data: _listed(data) is not None)
            status = reply[0]
            if status == NO_TRANSPONDER:
                break
            if status not in {OK, MORE_DATA, RF_COMMUNICATION_ERROR}:
                raise _refusal(reply)
            found = _listed(reply[1:]) or Inventory(complete=False)
            tags |= dict.fromkeys(found.tags)
            cards |= {card.uid: card for card in found.cards}
            complete = complete and found.complete and status != RF_COMMUNICATION_ERROR
            if status != MORE_DATA:
                break
            mode = MORE
        else:
            complete = False
        return Inventory(tuple(tags), tuple(cards.values()), complete)

    def read_blocks(self, uid: Uid, first: int, count: int) -> Command[bytes]:
        """The bytes of ``count`` blocks in the order of the tag's memory. At most 128 bytes at a time."""
        blocks = yield from self._blocks(uid, ADDRESSED, first, count)
        return b"".join(block[1:][::-1] for block in blocks)

    def locked_blocks(self, uid: Uid, first: int, count: int) -> Command[frozenset[int]]:
        """Which of the blocks are locked."""
        blocks = yield from self._blocks(uid, ADDRESSED | LOCK_STATUS, first, count)
        return frozenset(number for number, block in enumerate(blocks, first) if block[0])

    def _blocks(self, uid: Uid, mode: int, first: int, count: int) -> Command[list[bytes]]:
        """The blocks as they come: a byte that may say whether the block is locked, and its bytes in reverse."""

        def fits(data: bytes) -> bool:
            return len(data) > 2 and data[0] == count and data[1] > 0 and len(data) == 2 + count * (1 + data[1])

        question = bytes((READ_MULTIPLE_BLOCKS, mode)) + uid + bytes((first, count))
        data = yield from self._ask(ISO_HOST, question, fits)
        length = 1 + data[1]
        return [data[at : at + length] for at in range(2, len(data), length)]

    def write_blocks(self, uid: Uid, first: int, data: bytes) -> Command[None]:
        """Writes whole blocks. At most 128 bytes at a time."""
        size = bytes((first, len(data) // BLOCK_SIZE, BLOCK_SIZE))
        question = _addressed(WRITE_MULTIPLE_BLOCKS, uid, size + reverse_blocks(data))
        yield from self._ask(ISO_HOST, question, lambda answer: not answer)

    def system_information(self, uid: Uid) -> Command[SystemInformation]:
        """DSFID, AFI and the size of the memory."""
        dsfid, afi, size, count, chip = yield from self._system(uid)
        # The manual gives real sizes; readers also pass on what the tag says, which is one less. Block sizes are powers
        # of two, so one less than a power of two tells them apart.
        less = 1 if size & (size + 1) == 0 else 0
        return SystemInformation(uid, dsfid, afi, size + less, count + less, chip)

    def read_afi(self, uid: Uid) -> Command[int]:
        """The AFI; the reader has no shorter way than system information."""
        _, afi, _, _, _ = yield from self._system(uid)
        return afi

    def _system(self, uid: Uid) -> Command[bytes]:
        """DSFID, AFI, block size, number of blocks, chip: a byte each."""

        def fits(data: bytes) -> bool:
            return len(data) == 5 + UID_LENGTH and data[1 : 1 + UID_LENGTH] == uid

        data = yield from self._ask(ISO_HOST, _addressed(GET_SYSTEM_INFORMATION, uid), fits)
        return data[:1] + data[1 + UID_LENGTH :]

    def write_afi(self, uid: Uid, afi: int) -> Command[None]:
        """Writes the AFI of one tag."""
        yield from self._ask(ISO_HOST, _addressed(WRITE_AFI, uid, bytes((afi,))), lambda data: not data)

    def read_eas(self, uid: Uid) -> Command[bool]:
        """Whether the chip answers an EAS alarm; one that does not is asked for its system information."""
        alarm = bytes((NXP,)) + _addressed(EAS_ALARM, uid)
        reply = yield from self._reply(ISO_CUSTOM, alarm, lambda _data: True)
        if reply[0] == OK:
            return True
        if reply[0] != NO_TRANSPONDER:
            raise _refusal(reply)
        yield from self.system_information(uid)
        return False

    def write_eas(self, uid: Uid, on: bool) -> Command[None]:
        """Sets or resets EAS of one tag of NXP's."""
        question = bytes((NXP,)) + _addressed(SET_EAS if on else RESET_EAS, uid)
        yield from self._ask(ISO_CUSTOM, question, lambda data: not data)

    def _ask(self, command: int, payload: bytes, fits: Callable[[bytes], bool]) -> Command[bytes]:
        """The data of a reply of status ok. Raises DeviceRefused for every other."""
        reply = yield from self._reply(command, payload, fits)
        if reply[0] != OK:
            raise _refusal(reply)
        return reply[1:]

    def _reply(self, command: int, payload: bytes, fits: Callable[[bytes], bool]) -> Command[bytes]:
        """Status and data of the reply to this command; what cannot be one is passed over."""
        question = Frame(self._address, command, payload, self._advanced)
        frame = Frame.parse((yield question.encode()))
        # A line that echoes sends questions back, and they have the shape of answers. A reader answers from its own
        # address, so what comes from any is a question.
        while (
            frame.address == ANY_ADDRESS
            or frame == question
            or frame.command != command
            or not frame.payload
            or (frame.payload[0] == OK and not fits(frame.payload[1:]))
        ):
            frame = Frame.parse((yield b""))
        return frame.payload


def _addressed(sub_command: int, uid: Uid, rest: bytes = b"") -> bytes:
    return bytes((sub_command, ADDRESSED)) + uid + rest


def _listed(data: bytes) -> Inventory | None:
    """The data sets of an inventory reply; None when the bytes are no such thing."""
    if not data:
        return None
    tags: list[Uid] = []
    cards: list[Card] = []
    rest = data[1:]
    for _ in range(data[0]):
        match rest[:1]:
            case b"\x03":
                length, uid = 10, rest[2:10]
                tags.append(uid)
            case b"\x04":
                length = 13 if len(rest) > 1 and rest[1] & _LONG_UID else 10
                # The field is filled from the left with zeros, and no UID begins with one.
                cards.append(Card(CardTechnology.TYPE_A, rest[3:length].lstrip(b"\0")))
            case b"\x05":
                length = 10
                cards.append(Card(CardTechnology.TYPE_B, rest[6:10]))
            case b"":
                return None
            case _:
                # A kind of tag whose data set has a length we do not know: the rest of the list cannot be read.
                return Inventory(tuple(tags), tuple(cards), complete=False)
        if len(rest) < length:
            return None
        rest = rest[length:]
    return None if rest else Inventory(tuple(tags), tuple(cards))


def _refusal(reply: bytes) -> DeviceRefused:
    status = reply[0]
    message = f"FEIG status {status:02X}, {STATUS.get(status, 'which no manual names')}"
    fault = {
        NO_TRANSPONDER: TagFault.GONE,
        WRITE_ERROR: TagFault.NOT_WRITTEN,
        ADDRESS_ERROR: TagFault.NO_SUCH_BLOCK,
        UNKNOWN_COMMAND: TagFault.NOT_SUPPORTED,
        BUFFER_OVERFLOW: TagFault.OVERFULL,
    }.get(status, TagFault.OTHER)
    # Behind the code of a write stands the block that it came to.
    block = reply[1:2] if status == WRITE_ERROR else b""
    if status == ISO15693_ERROR and len(reply) > 1:
        message += f" {reply[1]:02X}"
        block = reply[2:3]
        fault = {
            NOT_SUPPORTED: TagFault.NOT_SUPPORTED,
            NOT_RECOGNISED: TagFault.NOT_SUPPORTED,
            OPTION_NOT_SUPPORTED: TagFault.NOT_SUPPORTED,
            BLOCK_DOES_NOT_EXIST: TagFault.NO_SUCH_BLOCK,
            ALREADY_LOCKED: TagFault.LOCKED,
            LOCKED: TagFault.LOCKED,
            WRITE_FAILED: TagFault.NOT_WRITTEN,
        }.get(reply[1], TagFault.OTHER)
    return DeviceRefused(message, answer=reply, fault=fault, block=block[0] if block else None)
