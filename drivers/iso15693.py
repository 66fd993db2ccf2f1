"""The words of ISO/IEC 15693 chips: what a tag is called, how its memory is cut, and the byte a gate looks at.

A tag (vicinity card) has a UID of 8 bytes, blocks of (nearly always) 4 bytes, a DSFID that says how its content is
laid out, and an AFI, one byte that a gate asks for without reading anything else. Libraries use the AFI as the
security mark: the gate alarms at one value and is silent at another. The mark must never be locked (ISO 28560-1), and
this room has no command that could.

A write can be carried out although its answer is lost: the tag left the field, or the line broke. So what becomes of a
change of the mark is one of three: read back and as wanted, read back and not as wanted, unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

#: A tag's unique identifier: 8 bytes, most significant first, so that it begins with ``E0`` (ISO/IEC 15693-3, 4.1).
Uid: TypeAlias = bytes

UID_LENGTH: Final = 8
BLOCK_SIZE: Final = 4


@dataclass(frozen=True, slots=True)
class SystemInformation:
    """What a tag says of itself (ISO/IEC 15693-3, Get System Information); the size is that of one block, in bytes."""

    uid: Uid
    dsfid: int
    afi: int
    block_size: int
    block_count: int
    chip: int


def reverse_blocks(data: bytes) -> bytes:
    """The same blocks, the bytes of each in reverse order; a block that is not whole is left out."""
    return b"".join(data[at : at + BLOCK_SIZE][::-1] for at in range(0, len(data) - BLOCK_SIZE + 1, BLOCK_SIZE))


class TagFault(StrEnum):
    """What stood in the way of a read or a write at a tag."""

    GONE = "gone"  # no tag with this UID answers
    LOCKED = "locked"  # the tag forbids it, for ever
    NO_SUCH_BLOCK = "no_such_block"
    NOT_WRITTEN = "not_written"  # the device says so, or the read-back does
    NO_ANSWER = "no_answer"  # the device was told and did not answer
    OVERFULL = "overfull"  # more tags in the field than the device can tell apart
    OTHER = "other"


class Security(StrEnum):
    """What the gate makes of a tag: it alarms at a secured one and is silent at a released one."""

    SECURED = "secured"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class AfiPair:
    """The AFI byte (application family identifier, ISO/IEC 15693-3) that stands for each state.

    ``07`` and ``C2`` are the registered ones; libraries in the field use several pairs (facts/rfid.md, 4.1), so it is a
    setting.
    """

    secured: int = 0x07
    released: int = 0xC2

    def __post_init__(self) -> None:
        if self.secured == self.released or not {self.secured, self.released} <= set(range(0x100)):
            raise ValueError("the two AFI values are different bytes")

    def afi(self, security: Security) -> int:
        """The byte for a state."""
        return self.secured if security is Security.SECURED else self.released

    def security(self, afi: int) -> Security | None:
        """The state a byte stands for; None for the byte of somebody else."""
        return {self.secured: Security.SECURED, self.released: Security.RELEASED}.get(afi)


@dataclass(frozen=True, slots=True)
class SecurityChanged:
    """Written and read back: the tag is now as wanted."""

    uid: Uid
    security: Security


@dataclass(frozen=True, slots=True)
class SecurityUnchanged:
    """Read back, and it is not as wanted: ``afi`` is what stands there. ``LOCKED`` goes to staff; else try again."""

    uid: Uid
    wanted: Security
    afi: int
    fault: TagFault


@dataclass(frozen=True, slots=True)
class SecurityUnknown:
    """It may have been written or not, and nobody can be asked now. Try again when the tag is seen again."""

    uid: Uid
    wanted: Security
    fault: TagFault


SecurityResult: TypeAlias = SecurityChanged | SecurityUnchanged | SecurityUnknown
