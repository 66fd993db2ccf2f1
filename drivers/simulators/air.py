"""ISO/IEC 15693-3 in the air: what a reader and a chip say to each other. Pure; facts/rfid.md, 5.5 and 8.

::

    request    flags command [maker] [UID] data CRClo CRChi
    response   flags data CRClo CRChi                            flags 01: an error, data is its code

UIDs go low byte first, as everything in the air. Commands from A0 on are the chip maker's own and carry its code. An
inventory is different: what follows its command is an AFI, if a flag says so, and the length of a mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drivers.codec import crc_x25
from drivers.iso15693 import UID_LENGTH, Uid

INVENTORY: Final = 0x01
READ_SINGLE_BLOCK: Final = 0x20
WRITE_SINGLE_BLOCK: Final = 0x21
READ_MULTIPLE_BLOCKS: Final = 0x23
WRITE_AFI: Final = 0x27
GET_SYSTEM_INFORMATION: Final = 0x2B
SET_EAS: Final = 0xA2
RESET_EAS: Final = 0xA3
EAS_ALARM: Final = 0xA5
_MAKERS_OWN: Final = 0xA0
NXP: Final = 0x04

# Flags of a request.
HIGH_RATE: Final = 0x02
OF_INVENTORY: Final = 0x04
WITH_AFI: Final = 0x10  # in an inventory
ADDRESSED: Final = 0x20
OPTION: Final = 0x40  # a read: with the security status of each block
#: Flag of a response.
ERROR: Final = 0x01

NOT_SUPPORTED: Final = 0x01
NO_SUCH_BLOCK: Final = 0x10
LOCKED: Final = 0x12

#: Seconds a byte takes at the high data rate, 26.48 kbit/s, in either direction.
BYTE_SECONDS: Final = 8 / 26_480
#: Seconds between and around: t1 and t2, and the beginnings and ends of both frames.
TURN_SECONDS: Final = 0.00104


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader says. ``data`` of an inventory is everything behind the command."""

    command: int
    uid: Uid | None = None
    data: bytes = b""
    flags: int = HIGH_RATE
    maker: int | None = None

    @classmethod
    def to(cls, uid: Uid, command: int, data: bytes = b"", *, option: bool = False) -> Request:
        """A request to one chip."""
        flags = HIGH_RATE | ADDRESSED | (OPTION if option else 0)
        return cls(command, uid, data, flags, NXP if command >= _MAKERS_OWN else None)

    @classmethod
    def parse(cls, frame: bytes) -> Request | None:
        """Takes a frame apart; None for one that is damaged, to which no chip says anything."""
        if len(frame) < 4 or crc_x25(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
            return None
        flags, command, rest = frame[0], frame[1], frame[2:-2]
        if flags & OF_INVENTORY:
            return cls(command, None, rest, flags)
        maker = rest[0] if command >= _MAKERS_OWN and rest else None
        if maker is not None:
            rest = rest[1:]
        uid = None
        if flags & ADDRESSED:
            if len(rest) < UID_LENGTH:
                return None
            uid, rest = rest[:UID_LENGTH][::-1], rest[UID_LENGTH:]
        return cls(command, uid, rest, flags, maker)

    def encode(self) -> bytes:
        """The bytes in the air."""
        maker = b"" if self.maker is None else bytes((self.maker,))
        body = bytes((self.flags, self.command)) + maker + (self.uid or b"")[::-1] + self.data
        return body + crc_x25(body).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Response:
    """What a chip says. ``error`` is its code when the answer is no."""

    data: bytes = b""
    error: int | None = None

    @classmethod
    def parse(cls, frame: bytes) -> Response | None:
        """Takes a frame apart; None for one that is damaged."""
        if len(frame) < 3 or crc_x25(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
            return None
        if frame[0] & ERROR:
            return cls(error=frame[1]) if len(frame) == 4 else None
        return cls(frame[1:-2])

    def encode(self) -> bytes:
        """The bytes in the air."""
        body = b"\0" + self.data if self.error is None else bytes((ERROR, self.error))
        return body + crc_x25(body).to_bytes(2, "little")


def seconds(request: bytes, response: bytes | None) -> float:
    """How long an exchange takes; a chip that says nothing is waited for as long as one that begins to speak."""
    return (len(request) + len(response or b"")) * BYTE_SECONDS + TURN_SECONDS
