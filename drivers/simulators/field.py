"""The field of a simulated pad, the same for every make: virtual tags, what they say in the air, and what goes wrong.

A :class:`VirtualTag` is a chip of ISO/IEC 15693-3 that answers frames; the reader of a make asks it through the
:class:`Field`, which knows who is there, counts the time in the air (facts/rfid.md, 8), and lets the faults happen that
are not the reader's own. As the chips libraries buy it knows a read of several blocks and no write of several, so a
reader writes block after block, and a write that breaks off leaves the tag half written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from itertools import pairwise
from typing import Final, Self

from drivers.iso15693 import BLOCK_SIZE, Uid, has_eas
from drivers.iso28560_3 import encode
from drivers.library_tag import ExtensionBlock, LibraryTag, Unfit, Usage
from drivers.simulators import air
from drivers.simulators.air import Request, Response
from drivers.simulators.wire import Faults

#: The state a tag leaves the shelf in, as most libraries have it.
IN_STOCK: Final = 0x07

# Seconds in the air (facts/rfid.md, 8). Inventory: mean over collisions, by number of tags.
_INVENTORY_TIMES: Final = (
    (0, 0.0097),
    (1, 0.014),
    (2, 0.019),
    (3, 0.025),
    (5, 0.039),
    (8, 0.064),
    (10, 0.082),
    (15, 0.131),
    (20, 0.183),
    (30, 0.284),
)
#: How long a chip takes to store a block, and one of the bytes beside its memory.
_BLOCK_STORED: Final = 0.005
_MARK_STORED: Final = 0.010
#: What a chip shouts at a gate; its meaning is the gate's.
_EAS_SEQUENCE: Final = bytes.fromhex("2FB36270D5A7907FE8B18038D281497682DA9A866FAF8BB0F19CD112A5723724")

_READS: Final = frozenset({air.READ_SINGLE_BLOCK, air.READ_MULTIPLE_BLOCKS})
_WRITES: Final = frozenset({air.WRITE_SINGLE_BLOCK, air.WRITE_AFI, air.SET_EAS, air.RESET_EAS})


class PadFault(StrEnum):
    """What can be made to go wrong. A write is one of the mark or of a block."""

    TAG_LIFTED_BEFORE_READ = "tag_lifted_before_read"  # listed, and gone when its blocks are asked for
    READ_FAILS = "read_fails"  # the tag is seen, and its blocks cannot be made out
    TAG_LIFTED_BEFORE_WRITE = "tag_lifted_before_write"  # gone when the write comes; nothing is written
    TAG_LIFTED_MID_WRITE = "tag_lifted_mid_write"  # written, and gone before it could say so
    TAG_LIFTED_AFTER_WRITE = "tag_lifted_after_write"  # written and acknowledged, gone before it is read back
    TAG_SWAPPED_BEFORE_WRITE = "tag_swapped_before_write"  # gone, and another with the same content in its place
    WRITE_IGNORED = "write_ignored"  # acknowledged and not written, as by a tag with too little power
    ANSWER_LOST_AFTER_WRITE = "answer_lost_after_write"  # written, the reader's answer is lost
    NO_ANSWER = "no_answer"  # the reader says nothing and does nothing
    REBOOTS = "reboots"  # the same, and the reader has forgotten all that was agreed
    CRC_ERROR = "crc_error"  # the answer is damaged on the line
    GARBAGE = "garbage"  # something else came instead of the answer
    TRUNCATED = "truncated"  # the answer breaks off
    NOISE_BEFORE = "noise_before"  # bytes that are nobody's, and then the answer
    NOISE_AFTER = "noise_after"
    RF_ERROR = "rf_error"  # tags detune each other: the inventory is not finished
    CABLE_PULLED = "cable_pulled"
    CABLE_PULLED_MID_WRITE = "cable_pulled_mid_write"  # written, and the cable pulled before the answer
    CABLE_PULLED_MID_ANSWER = "cable_pulled_mid_answer"  # the answer breaks off, and so does the line
    SLOW = "slow"  # every answer takes half a second longer
    SLOW_READ = "slow_read"  # the same for the reading of blocks alone


class NoResponse(Enum):
    """What a reader makes of a chip whose answer it does not get."""

    SILENCE = auto()  # nothing at all
    GARBLED = auto()  # something that cannot be made out


@dataclass(slots=True)
class VirtualTag:
    """A tag and its memory, in the order of its bytes. What it holds may be looked at at any time.

    ``appears`` is a pattern over inventories: ``(True, False)`` is a tag at the edge of the field, seen in every
    second.
    """

    uid: Uid
    memory: bytearray = field(default_factory=lambda: bytearray(28 * BLOCK_SIZE))
    afi: int = IN_STOCK
    dsfid: int = 0
    chip: int = 0x01
    locked_blocks: set[int] = field(default_factory=set)
    afi_locked: bool = False
    appears: tuple[bool, ...] = (True,)
    eas: bool = False
    eas_locked: bool = False

    @classmethod
    def of_item(
        cls,
        uid: Uid,
        item_id: str,
        *,
        isil: str = "",
        parts_in_item: int = 1,
        part_number: int = 1,
        usage: Usage = Usage.CIRCULATING,
        afi: int = IN_STOCK,
        blocks: int = 28,
        extensions: tuple[ExtensionBlock, ...] = (),
    ) -> Self:
        """A tag as a library writes it. Raises ValueError for what does not fit on it."""
        content = LibraryTag(item_id, isil, parts_in_item, part_number, usage, extensions=extensions)
        encoded = encode(content, blocks * BLOCK_SIZE)
        if isinstance(encoded, Unfit):
            raise ValueError(f"this does not go on a tag: {encoded}")
        return cls(uid, bytearray(encoded.ljust(blocks * BLOCK_SIZE, b"\0")), afi)

    def damage(self) -> None:
        """Turns over one bit of the item identifier, which the CRC then contradicts."""
        self.memory[3] ^= 0x01

    @property
    def blocks(self) -> int:
        """How many blocks the memory has."""
        return len(self.memory) // BLOCK_SIZE

    def hear(self, frame: bytes, *, weak: bool = False) -> bytes | None:
        """What the chip says to a frame in the air, nothing when it is not meant or not understood.

        A ``weak`` one has too little power to store what it says it has stored.
        """
        request = Request.parse(frame)
        if request is None or request.uid not in {None, self.uid}:
            return None
        if request.maker is not None and not (request.maker == air.NXP and has_eas(self.uid)):
            return None
        response = self._inventory(request) if request.flags & air.OF_INVENTORY else self._obey(request, weak=weak)
        return None if response is None else response.encode()

    def _inventory(self, request: Request) -> Response | None:
        """DSFID and UID of a chip whose AFI is asked for, if any is. Masks and slots are the field's business."""
        if request.flags & air.WITH_AFI and request.data[:1] not in {b"\0", bytes((self.afi,))}:
            return None
        return Response(bytes((self.dsfid,)) + self.uid[::-1])

    def _obey(self, request: Request, *, weak: bool) -> Response | None:
        match request.command, request.data:
            case air.READ_SINGLE_BLOCK, data if len(data) == 1:
                return self._read(data[0], 1, locks=bool(request.flags & air.OPTION))
            case air.READ_MULTIPLE_BLOCKS, data if len(data) == 2:
                return self._read(data[0], data[1] + 1, locks=bool(request.flags & air.OPTION))
            case air.WRITE_SINGLE_BLOCK, data if len(data) == 1 + BLOCK_SIZE:
                return self._write(data[0], data[1:], weak=weak)
            case air.WRITE_AFI, data if len(data) == 1:
                if self.afi_locked:
                    return Response(error=air.LOCKED)
                if not weak:
                    self.afi = data[0]
                return Response()
            case ((air.SET_EAS | air.RESET_EAS), b""):
                if self.eas_locked:
                    return Response(error=air.LOCKED)
                if not weak:
                    self.eas = request.command == air.SET_EAS
                return Response()
            case air.EAS_ALARM, b"":
                return Response(_EAS_SEQUENCE) if self.eas else None
            case air.GET_SYSTEM_INFORMATION, b"":
                memory = bytes((self.dsfid, self.afi, self.blocks - 1, BLOCK_SIZE - 1, self.chip))
                return Response(b"\x0f" + self.uid[::-1] + memory)
            case _:
                return Response(error=air.NOT_SUPPORTED)

    def _read(self, first: int, count: int, *, locks: bool) -> Response:
        if first + count > self.blocks:
            return Response(error=air.NO_SUCH_BLOCK)
        return Response(
            b"".join(
                (bytes((number in self.locked_blocks,)) if locks else b"")
                + self.memory[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE]
                for number in range(first, first + count)
            )
        )

    def _write(self, number: int, block: bytes, *, weak: bool) -> Response:
        if number >= self.blocks:
            return Response(error=air.NO_SUCH_BLOCK)
        if number in self.locked_blocks:
            return Response(error=air.LOCKED)
        if not weak:
            self.memory[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE] = block
        return Response()


class Field:
    """What lies on a pad, as its reader meets it. Guarded by the pad's lock."""

    def __init__(self, faults: Faults[PadFault]) -> None:
        self._faults = faults
        self.tags: dict[Uid, VirtualTag] = {}
        #: Of ISO 14443A; one without a UID invents a new one each time.
        self.cards: list[bytes | None] = []
        #: More tags than this no reader here can tell apart; None is no limit.
        self.capacity: int | None = None
        self.radio_on = True
        #: Chips that an inventory has reported and that were told to stay quiet. Without power they forget it.
        self.quiet: set[Uid] = set()
        self.inventories = 0
        self.afi_writes = 0
        #: Of the command under way: its time in the air, and whether anything was written or blocks were read.
        self.seconds = 0.0
        self.wrote = False
        self.read = False

    def begin(self) -> None:
        """A command comes to the reader."""
        self.seconds, self.wrote, self.read = 0.0, False, False

    def restart(self) -> None:
        """The reader, and with it the field, went off and on again."""
        self.radio_on = True
        self.quiet.clear()

    def lift(self, uid: Uid) -> None:
        """A tag leaves the field; one that is not there is not there."""
        self.tags.pop(uid, None)
        self.quiet.discard(uid)

    def inventory(self) -> list[VirtualTag] | None:
        """The tags that answer an inventory, quiet ones too; None when they cannot be told apart."""
        here = [tag for tag in self.tags.values() if tag.appears[self.inventories % len(tag.appears)]]
        self.inventories += 1
        self.seconds += inventory_seconds(len(here))
        if not self.radio_on:
            return []
        return None if self.capacity is not None and len(here) > self.capacity else here

    def unfinished(self) -> bool:
        """Whether the list of this inventory breaks off before its last tag."""
        return self._faults.strikes(PadFault.RF_ERROR)

    def say(self, request: Request) -> Response | NoResponse:
        """Says something to one tag, and hears what it says."""
        uid = request.uid or b""
        reads, writes = request.command in _READS, request.command in _WRITES
        self.read, self.wrote = self.read or reads, self.wrote or writes
        self.afi_writes += request.command == air.WRITE_AFI
        if (reads and self._faults.strikes(PadFault.TAG_LIFTED_BEFORE_READ)) or (
            writes and self._faults.strikes(PadFault.TAG_LIFTED_BEFORE_WRITE)
        ):
            self.lift(uid)
        if writes and uid in self.tags and self._faults.strikes(PadFault.TAG_SWAPPED_BEFORE_WRITE):
            self._swap(self.tags[uid])
        frame = request.encode()
        tag = self.tags.get(uid) if self.radio_on else None
        answer = tag.hear(frame, weak=writes and self._faults.strikes(PadFault.WRITE_IGNORED)) if tag else None
        self.seconds += air.seconds(frame, answer)
        if answer is not None and writes:
            self.seconds += _BLOCK_STORED if request.command == air.WRITE_SINGLE_BLOCK else _MARK_STORED
            if self._faults.strikes(PadFault.TAG_LIFTED_MID_WRITE):
                self.lift(uid)
                return NoResponse.SILENCE
            if self._faults.strikes(PadFault.TAG_LIFTED_AFTER_WRITE):
                self.lift(uid)
        response = Response.parse(answer) if answer is not None else None
        if response is None:
            return NoResponse.SILENCE
        return NoResponse.GARBLED if reads and self._faults.strikes(PadFault.READ_FAILS) else response

    def _swap(self, tag: VirtualTag) -> None:
        self.lift(tag.uid)
        stranger = tag.uid[:-1] + bytes((tag.uid[-1] ^ 0xFF,))
        self.tags[stranger] = VirtualTag(stranger, bytearray(tag.memory), tag.afi, eas=tag.eas)


def inventory_seconds(tags: int) -> float:
    """How long a reader takes to tell so many tags apart: straight lines between the means."""
    (few, short), (many, long) = _INVENTORY_TIMES[-2:]
    for lower, upper in pairwise(_INVENTORY_TIMES):
        if tags <= upper[0]:
            (few, short), (many, long) = lower, upper
            break
    return short + (tags - few) * (long - short) / (many - few)
