"""RL866 readers (sold under many names): frames, and the commands a pad needs. Pure; facts/rfid.md, 5.3.

::

    FA LEN RID PCB INF… CRClo CRChi       LEN counts what follows FA, itself included; the CRC covers all but FA

Requests carry RID ``FF``, replies ``01``. The PCB of an information block is ``00`` and ``40`` in turns, and the reply
repeats it; a reader that has lost count says so, and a *resync* (``C0``, answered by ``E0``) begins anew. Whoever runs
the commands begins with ``hello``, and goes back to it after a lost answer. INF is the command and its parameters, in a
reply the command, a status word and what was asked for. UIDs and words are least significant byte first; blocks are in
the order of the tag's memory.

Nothing is done with a tag but within a connection: connect, access, disconnect. A connection is always ended, also
after a refusal; one whose end was lost is ended by the next ``hello``, which ends all.

An access has a length of its own, which above 127 would be written in another way; so few blocks are asked for at a
time that it never is, and no frame is ever chained.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from drivers.codec import NOT_YET, Command, FrameDecoder, NotYet, crc_mcrf4xx
from drivers.devices import DeviceRefused, Identity, SerialLine
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, SystemInformation, TagFault, Uid
from drivers.tag_protocol import Inventory

START: Final = 0xFA
FROM_HOST: Final = 0xFF
FROM_READER: Final = 0x01

# PCB
RESYNC: Final = 0xC0
RESYNCED: Final = 0xE0
FIRST: Final = 0x00
SECOND: Final = 0x40

# Commands.
READ_CONFIGURATION: Final = 0x01
INVENTORY: Final = 0x31
CONNECT: Final = 0x32
DISCONNECT: Final = 0x33
ACCESS: Final = 0x34

# Access codes.
READ_BLOCKS: Final = 0x0003
WRITE_BLOCKS: Final = 0x0004
WRITE_AFI: Final = 0x0006
SYSTEM_INFORMATION: Final = 0x000A
SET_EAS: Final = 0x000C
RESET_EAS: Final = 0x000D
EAS_ALARM: Final = 0x000F

#: Inventory: go on with the list. The stop type of a reply whose list goes on.
CONTINUE: Final = 0x08
NOT_ALL: Final = 0x01

# Fields that may stand in a report of an inventory.
_ANTENNA: Final = 0x01
_PROTOCOL: Final = 0x02
_TAG_TYPE: Final = 0x04
_SERIAL_NUMBER: Final = 0x08
_MEMORY: Final = 0x10
_EMBEDDED: Final = 0x80

ISO15693: Final = 0x01
ADDRESSED: Final = 0x01
ALL_HANDLES: Final = 0x00
_ANY_TYPE: Final = 0x01

OK: Final = 0x0000
WRONG_SEQUENCE: Final = 0x0104
COLLISION: Final = 0x0404
TAG_CRC: Final = 0x0405
WRONG_HANDLE: Final = 0x0415
COLLISION_OF_ANSWERS: Final = 0x0419
LOCKED: Final = 0x041B
INVALID_BLOCK: Final = 0x041C
NO_TAG: Final = 0x0420
WRONG_UID: Final = 0x0424

ERRORS: Final = {
    0x0101: "checksum",
    WRONG_SEQUENCE: "wrong sequence",
    COLLISION: "collision",
    TAG_CRC: "CRC of the tag's answer",
    WRONG_HANDLE: "wrong handle",
    COLLISION_OF_ANSWERS: "collision",
    LOCKED: "block locked or invalid address",
    INVALID_BLOCK: "invalid block",
    NO_TAG: "no tag",
    WRONG_UID: "wrong UID",
}
_COLLISIONS: Final = frozenset({COLLISION, COLLISION_OF_ANSWERS})

_SHORTEST: Final = 5  # what LEN counts in a frame without INF
#: The rest of a list is asked for at most this often: more tags than any field holds.
_MOST_ROUNDS: Final = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands in a frame."""

    sender: int
    control: int
    information: bytes = b""

    @classmethod
    def parse(cls, frame: bytes) -> Frame:
        """Takes apart a frame that a decoder has found sound."""
        return cls(frame[2], frame[3], frame[4:-2])

    def encode(self) -> bytes:
        """The bytes on the wire. Raises ValueError for more than one frame holds."""
        checked = bytes((len(self.information) + _SHORTEST, self.sender, self.control)) + self.information
        return bytes((START,)) + checked + crc_mcrf4xx(checked).to_bytes(2, "little")


class Rl866Decoder(FrameDecoder):
    """Finds the frames in what a reader, or a host, sends."""

    def _claimed(self, buffer: bytearray, at: int) -> int | NotYet:
        if buffer[at] != START:
            return 0
        if at + 2 > len(buffer):
            return NOT_YET
        return 1 + buffer[at + 1] if buffer[at + 1] >= _SHORTEST else 0

    def _is_sound(self, frame: bytes) -> bool:
        return crc_mcrf4xx(frame[1:-2]) == int.from_bytes(frame[-2:], "little")


class Rl866:
    """The commands of one reader, as :class:`drivers.tag_protocol.TagProtocol` has them.

    It keeps the count of the frames and which type of chip the latest inventory named for a tag, so one reader has one
    of these to itself.
    """

    line = SerialLine(baud=38400, framing="8E1")
    answer_within = 1.5
    gap = 0.0
    #: With a lock byte each, their length and what stands around them stay below 128.
    most_blocks = 16

    def __init__(self) -> None:
        self._control = FIRST
        self._types: dict[Uid, int] = {}

    def decoder(self) -> Rl866Decoder:
        """A decoder for what the reader sends."""
        return Rl866Decoder()

    def hello(self) -> Command[Identity]:
        """Gets into step, ends what is connected, and has the reader show that it reads its configuration.

        The reader says nothing of itself that could be put down as a model's name or as a version.
        """
        yield from self._resync()
        with suppress(DeviceRefused):  # nothing was connected
            yield from self._ask(DISCONNECT, bytes((ALL_HANDLES,)), lambda data: not data)
        yield from self._ask(READ_CONFIGURATION, b"\x01\x01", lambda data: len(data) == 15 and data[0] == 1)
        return Identity(model="RL866")

    def reset_field(self) -> Command[None]:
        """Nothing: every inventory reports every tag."""
        yield from ()

    def inventory(self) -> Command[Inventory]:
        """All tags in the field, asked for in as many rounds as the reader needs."""
        types: dict[Uid, int] = {}
        complete = True
        flags = 0
        for _ in range(_MOST_ROUNDS):
            try:
                data = yield from self._ask(INVENTORY, bytes((flags,)), lambda data: _listed(data) is not None)
            except DeviceRefused as refusal:
                if refusal.fault is TagFault.GONE:
                    break
                if not flags or refusal.fault is not TagFault.OVERFULL:
                    raise
                # It had some, and could not make out the others.
                complete = False
                break
            found, all_known = _listed(data) or ({}, False)
            types |= found
            complete = complete and all_known
            if data[0] != NOT_ALL:
                break
            flags = CONTINUE
        else:
            complete = False
        self._types = types
        return Inventory(tuple(types), complete=complete)

    def read_blocks(self, uid: Uid, first: int, count: int) -> Command[bytes]:
        """The bytes of ``count`` blocks in the order of the tag's memory."""
        return (yield from self._blocks(uid, first, count, locks=False))

    def locked_blocks(self, uid: Uid, first: int, count: int) -> Command[frozenset[int]]:
        """Which of the blocks are locked."""
        data = yield from self._blocks(uid, first, count, locks=True)
        return frozenset(number for number, lock in enumerate(data[:: 1 + BLOCK_SIZE], first) if lock)

    def _blocks(self, uid: Uid, first: int, count: int, *, locks: bool) -> Command[bytes]:
        length = count * (BLOCK_SIZE + locks)

        def fits(data: bytes) -> bool:
            return data[:2] == _word(count) and len(data) == 2 + length

        data = yield from self._access(uid, READ_BLOCKS, bytes((locks,)) + _word(first) + _word(count), fits)
        return data[2:]

    def write_blocks(self, uid: Uid, first: int, data: bytes) -> Command[None]:
        """Writes whole blocks."""
        where = _word(first) + _word(len(data) // BLOCK_SIZE)
        yield from self._access(uid, WRITE_BLOCKS, where + data, lambda answer: not answer)

    def system_information(self, uid: Uid) -> Command[SystemInformation]:
        """What the tag says of itself. Every field has its place, whether the tag fills it or not."""

        def fits(data: bytes) -> bool:
            return len(data) == 6 + UID_LENGTH and data[1 : 1 + UID_LENGTH] == uid[::-1]

        data = yield from self._access(uid, SYSTEM_INFORMATION, b"", fits)
        has, (dsfid, afi, count, size, chip) = data[0], data[1 + UID_LENGTH :]
        # As the tag says them, sizes are one less.
        return SystemInformation(
            uid,
            dsfid=dsfid if has & 0x01 else None,
            afi=afi if has & 0x02 else None,
            block_size=size + 1 if has & 0x04 else None,
            block_count=count + 1 if has & 0x04 else None,
            chip=chip if has & 0x08 else None,
        )

    def read_afi(self, uid: Uid) -> Command[int]:
        """The AFI; the reader has no shorter way than system information. Refused for a chip without one."""
        told = yield from self.system_information(uid)
        if told.afi is None:
            raise DeviceRefused("the tag has no AFI", answer=b"", fault=TagFault.NOT_SUPPORTED)
        return told.afi

    def write_afi(self, uid: Uid, afi: int) -> Command[None]:
        """Writes the AFI."""
        yield from self._access(uid, WRITE_AFI, bytes((afi,)), lambda data: not data)

    def read_eas(self, uid: Uid) -> Command[bool]:
        """Whether the chip answers an EAS alarm; one that does not is asked for its system information."""
        try:
            yield from self._access(uid, EAS_ALARM, b"", lambda _data: True)
        except DeviceRefused as refusal:
            if refusal.fault is not TagFault.GONE:
                raise
        else:
            return True
        yield from self.system_information(uid)
        return False

    def write_eas(self, uid: Uid, on: bool) -> Command[None]:
        """Sets or resets EAS."""
        yield from self._access(uid, SET_EAS if on else RESET_EAS, b"", lambda data: not data)

    def _access(self, uid: Uid, code: int, parameters: bytes, fits: Callable[[bytes], bool]) -> Command[bytes]:
        """What an access to one tag returns, in a connection of its own."""
        where = bytes((0x00, ISO15693, self._types.get(uid, _ANY_TYPE), 1 + UID_LENGTH, ADDRESSED)) + uid[::-1]
        handle = yield from self._ask(CONNECT, where, lambda data: len(data) == 1)
        question = _word(code) + parameters

        def is_its(data: bytes) -> bool:
            # Length, code, status; behind a failure two bytes that say why.
            whole = len(data) >= 4 and data[0] == len(data) - 1 and data[1:3] == _word(code)
            return whole and (fits(data[4:]) if data[3] else len(data) == 6)

        try:
            data = yield from self._ask(ACCESS, handle + bytes((len(question),)) + question, is_its)
        except DeviceRefused:
            yield from self._disconnect(handle)
            raise
        yield from self._disconnect(handle)
        if not data[3]:
            raise _refusal(int.from_bytes(data[4:6], "little"))
        return data[4:]

    def _disconnect(self, handle: bytes) -> Command[None]:
        with suppress(DeviceRefused):  # the reader has started anew meanwhile, and knows no connection
            yield from self._ask(DISCONNECT, handle, lambda data: not data)

    def _ask(self, command: int, parameters: bytes, fits: Callable[[bytes], bool]) -> Command[bytes]:
        """The parameters of a reply of status ok. Raises DeviceRefused for every other."""
        status, data = yield from self._reply(command, parameters, fits)
        if status == WRONG_SEQUENCE:
            # It has started anew. What it did not take it has not carried out.
            yield from self._resync()
            status, data = yield from self._reply(command, parameters, fits)
        if status != OK:
            raise _refusal(status)
        return data

    def _reply(self, command: int, parameters: bytes, fits: Callable[[bytes], bool]) -> Command[tuple[int, bytes]]:
        control = self._control
        self._control ^= SECOND
        frame = Frame.parse((yield Frame(FROM_HOST, control, bytes((command,)) + parameters).encode()))
        while True:
            status, data = int.from_bytes(frame.information[1:3], "little"), frame.information[3:]
            ours = frame.sender == FROM_READER and frame.information[:1] == bytes((command,))
            in_step = frame.control == control or status == WRONG_SEQUENCE
            if ours and in_step and len(frame.information) >= 3 and (status != OK or fits(data)):
                return status, data
            frame = Frame.parse((yield b""))

    def _resync(self) -> Command[None]:
        frame = Frame.parse((yield Frame(FROM_HOST, RESYNC).encode()))
        while frame.sender != FROM_READER or frame.control != RESYNCED:
            frame = Frame.parse((yield b""))
        self._control = FIRST


def _word(number: int) -> bytes:
    return number.to_bytes(2, "little")


def _listed(data: bytes) -> tuple[dict[Uid, int], bool] | None:
    """UIDs with the types of their chips, and whether each report could be read; None when the bytes are no list."""
    if len(data) < 4:
        return None
    found: dict[Uid, int] = {}
    rest = data[4:]
    for _ in range(data[3]):
        if not rest:
            return None
        fields, rest = rest[0], rest[1:]
        if fields & (_MEMORY | _EMBEDDED) or not fields & _SERIAL_NUMBER:
            # Nothing here asks for these, and their length is not known: the rest of the list cannot be read.
            return found, False
        single = [field for field in (_ANTENNA, _PROTOCOL, _TAG_TYPE) if fields & field]
        values, rest = dict(zip(single, rest, strict=False)), rest[len(single) :]
        length = rest[0] if rest else 0
        if len(values) < len(single) or length < UID_LENGTH or len(rest) <= length:
            return None
        if values.get(_PROTOCOL, ISO15693) == ISO15693:
            found[rest[1 : 1 + UID_LENGTH][::-1]] = values.get(_TAG_TYPE, _ANY_TYPE)
        rest = rest[1 + length :]
    return None if rest else (found, True)


def _refusal(status: int) -> DeviceRefused:
    fault = {
        NO_TAG: TagFault.GONE,
        WRONG_UID: TagFault.GONE,
        LOCKED: TagFault.LOCKED,
        INVALID_BLOCK: TagFault.NO_SUCH_BLOCK,
    }.get(status, TagFault.OVERFULL if status in _COLLISIONS else TagFault.OTHER)
    message = f"RL866 error {status:04X}, {ERRORS.get(status, 'which no manual names')}"
    return DeviceRefused(message, answer=_word(status), fault=fault)
