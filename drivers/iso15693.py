"""The words of ISO/IEC 15693 chips: what a tag is called, how its memory is cut, and the mark a gate looks at.

A tag (vicinity card) has a UID of 8 bytes, blocks of (nearly always) 4 bytes, a DSFID that says how its content is
laid out, and an AFI, one byte that a gate asks for without reading anything else. Chips of NXP's have EAS besides, a
bit that makes them shout at a gate. Libraries use the one, the other or both as the *security mark*: the gate alarms
at one state and is silent at the other. The mark must never be locked (ISO 28560-1), and this room has no command that
could.

A write can be carried out although its answer is lost: the tag left the field, or the line broke. So what becomes of a
change, of the mark or of the memory, is one of three: read back and as wanted, read back and not as wanted, unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

#: A tag's unique identifier: 8 bytes, most significant first, so that it begins with ``E0`` (ISO/IEC 15693-3, 4.1).
Uid: TypeAlias = bytes

UID_LENGTH: Final = 8
BLOCK_SIZE: Final = 4


#: The second byte of a UID names who made the chip (ISO/IEC 7816-6).
MANUFACTURERS: Final = {0x02: "ST", 0x04: "NXP", 0x05: "Infineon", 0x07: "Texas Instruments", 0x16: "EM"}
_NXP: Final = 0x04


def has_eas(uid: Uid) -> bool:
    """Whether the chip is of the one maker whose EAS commands this room speaks (facts/rfid.md, 4.2)."""
    return uid[1] == _NXP


@dataclass(frozen=True, slots=True)
class SystemInformation:
    """What a tag says of itself (ISO/IEC 15693-3, Get System Information); the size is that of one block, in bytes.

    What it leaves unsaid is None.
    """

    uid: Uid
    dsfid: int | None = None
    afi: int | None = None
    block_size: int | None = None
    block_count: int | None = None
    chip: int | None = None


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
    NOT_SUPPORTED = "not_supported"  # the chip or the reader has no such command
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


class MarkPolicy(StrEnum):
    """What a library marks its tags with: what its gates look at."""

    AFI = "afi"
    EAS = "eas"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Mark:
    """The security mark as it stands on a tag, or is to stand there. None is what nobody asked, or could tell."""

    afi: int | None = None
    eas: bool | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything is known of it."""
        return self.afi is not None or self.eas is not None


#: The mark of a tag of which nothing is known.
UNKNOWN_MARK: Final = Mark()


class MarkDoubt(StrEnum):
    """Why a mark stands for neither state."""

    FOREIGN = "foreign"  # an AFI that is another library's
    DISAGREE = "disagree"  # AFI says one thing and EAS the other: some gates alarm, some do not
    UNKNOWN = "unknown"


_BY_EAS: Final[dict[bool | None, Security | MarkDoubt]] = {
    True: Security.SECURED,
    False: Security.RELEASED,
    None: MarkDoubt.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Marking:
    """How a library marks its tags: a setting of the library, the same for all its pads and gates."""

    policy: MarkPolicy = MarkPolicy.AFI
    afis: AfiPair = AfiPair()

    @property
    def uses_afi(self) -> bool:
        """Whether the AFI is part of the mark."""
        return self.policy is not MarkPolicy.EAS

    @property
    def uses_eas(self) -> bool:
        """Whether EAS is part of the mark."""
        return self.policy is not MarkPolicy.AFI

    def mark(self, security: Security) -> Mark:
        """The mark for a state."""
        return Mark(
            afi=self.afis.afi(security) if self.uses_afi else None,
            eas=security is Security.SECURED if self.uses_eas else None,
        )

    def judge(self, mark: Mark) -> Security | MarkDoubt:
        """The state a mark stands for. What the policy does not use is not looked at."""
        said: set[Security | MarkDoubt] = set()
        if self.uses_afi:
            said.add(self._by_afi(mark.afi))
        if self.uses_eas:
            said.add(_BY_EAS[mark.eas])
        for doubt in (MarkDoubt.UNKNOWN, MarkDoubt.FOREIGN):
            if doubt in said:
                return doubt
        return said.pop() if len(said) == 1 else MarkDoubt.DISAGREE

    def _by_afi(self, afi: int | None) -> Security | MarkDoubt:
        if afi is None:
            return MarkDoubt.UNKNOWN
        return self.afis.security(afi) or MarkDoubt.FOREIGN


@dataclass(frozen=True, slots=True)
class SecurityChanged:
    """Written and read back: the mark is now as wanted; ``security`` is None where an earlier mark was restored.

    ``previous`` is what stood there before, to be restored when the change is to be undone.
    """

    uid: Uid
    security: Security | None
    previous: Mark = UNKNOWN_MARK


@dataclass(frozen=True, slots=True)
class SecurityUnchanged:
    """Read back, and it is not as wanted: ``found`` is what stands there, of ``BOTH`` perhaps only half of it changed.

    ``LOCKED`` and ``NOT_SUPPORTED`` go to staff; else try again.
    """

    uid: Uid
    wanted: Security | None
    found: Mark
    fault: TagFault
    previous: Mark = UNKNOWN_MARK


@dataclass(frozen=True, slots=True)
class SecurityUnknown:
    """It may have been written or not, and nobody can be asked now. Try again when the tag is seen again."""

    uid: Uid
    wanted: Security | None
    fault: TagFault
    previous: Mark = UNKNOWN_MARK


SecurityResult: TypeAlias = SecurityChanged | SecurityUnchanged | SecurityUnknown


@dataclass(frozen=True, slots=True)
class TagWritten:
    """The memory was read back and holds what was to be written."""

    uid: Uid


@dataclass(frozen=True, slots=True)
class TagUnwritten:
    """The memory was read back and does not hold it. ``block`` is the one that stands in the way, where one is named.

    With ``intact`` the memory is as it was before; without, it is half written and holds neither.
    """

    uid: Uid
    fault: TagFault
    block: int | None
    intact: bool


@dataclass(frozen=True, slots=True)
class TagWriteUnknown:
    """All, some or nothing of it may have been written, and nobody can be asked now. Write again when it is back."""

    uid: Uid
    fault: TagFault


WriteResult: TypeAlias = TagWritten | TagUnwritten | TagWriteUnknown
