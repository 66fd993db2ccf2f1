"""A simulated RFID pad: a FEIG OBID reader, with virtual tags to put on and lift while it works.

It answers the commands a kiosk needs and those around them (facts/rfid.md, 5.1): software version, baud rate
detection, RF reset and RF on/off; inventory with its rest of the list, read and write multiple blocks, write AFI, get
system information, each addressed. Like the real one it says nothing to a frame it does not understand, sends the
bytes of each block in reverse, lists at most so many tags in one reply, and can be set to report only tags that are
new.

With ``real_time`` bytes take their time at 38400 baud 8E1 and the air its own (facts/rfid.md, 8). Otherwise everything
happens at once.

    with SimulatedPad() as pad:
        pad.put(VirtualTag.of_item(bytes.fromhex("E004010012345678"), "TN-000123", isil="VN-TN"))
        ...  # a driver at pad.url
        pad.cause(PadFault.TAG_LIFTED_MID_WRITE, times=1)
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final, Self

from drivers import feig
from drivers.codec import NOT_YET
from drivers.feig import FeigDecoder, Frame
from drivers.iso15693 import BLOCK_SIZE, UID_LENGTH, Uid
from drivers.iso28560 import ExtensionBlock, LibraryTag, Unfit, Usage, encode
from drivers.simulators.wire import Faults, Link, Outlet, Pace, Unplugged, Wire

#: The state a tag leaves the shelf in, as most libraries have it.
IN_STOCK: Final = 0x07

_PACE: Final = Pace(38400, bits=11)

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
_READ_TIME: Final = 0.0063
_BYTE_TIME: Final = 0.0003
_WRITE_AFI_TIME: Final = 0.016
_WRITE_BLOCK_TIME: Final = 0.012
_SYSTEM_INFORMATION_TIME: Final = 0.010
_NO_TAG_TIME: Final = 0.002
#: Longer than the 12 ms a host may leave between two bytes of a frame, because TCP may deliver them apart.
_PAUSE: Final = 0.1
#: What the fault ``slow`` adds to an answer: still within the reader's own limit of 1 s.
_SLOW: Final = 0.5

_VERSION: Final = bytes.fromhex("03030044530008")  # 3.3, hardware 44, and of the kinds of tag ISO 15693 alone


class PadFault(StrEnum):
    """What can be made to go wrong."""

    TAG_LIFTED_BEFORE_READ = "tag_lifted_before_read"  # listed, and gone when its blocks are asked for
    READ_FAILS = "read_fails"  # the tag is seen, and its blocks cannot be made out
    TAG_LIFTED_BEFORE_WRITE = "tag_lifted_before_write"  # gone when the write comes; nothing is written
    TAG_LIFTED_MID_WRITE = "tag_lifted_mid_write"  # written, and gone before it could say so
    TAG_LIFTED_AFTER_WRITE = "tag_lifted_after_write"  # written and acknowledged, gone before it is read back
    WRITE_IGNORED = "write_ignored"  # acknowledged and not written, as by a tag with too little power
    ANSWER_LOST_AFTER_WRITE = "answer_lost_after_write"  # written, the reader's answer is lost
    NO_ANSWER = "no_answer"  # the reader says nothing and does nothing
    CRC_ERROR = "crc_error"  # the answer is damaged on the line
    RF_ERROR = "rf_error"  # tags detune each other: the inventory is not finished
    CABLE_PULLED = "cable_pulled"
    CABLE_PULLED_MID_WRITE = "cable_pulled_mid_write"  # written, and the cable pulled before the answer
    SLOW = "slow"  # every answer takes half a second longer
    SLOW_READ = "slow_read"  # the same for the reading of blocks alone


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the reader says, and after how many seconds in the air."""

    status: int
    data: bytes = b""
    seconds: float = 0.0


class SimulatedPad:
    """The reader, its antenna and what lies on it."""

    def __init__(
        self,
        *,
        link: Link = Link.TCP,
        real_time: bool = False,
        port: int = 0,
        tags_per_answer: int = 24,
        capacity: int | None = None,
        only_new: bool = False,
    ) -> None:
        """``tags_per_answer`` fit into one reply, the rest is asked for. ``only_new`` is the setting ONT of CFG5: an
        inventory leaves out what an earlier one has reported.
        """
        #: More tags than this the reader cannot tell apart; None is no limit.
        self.capacity = capacity
        self._tags_per_answer = tags_per_answer
        self._only_new = only_new
        self._real_time = real_time
        self._lock = threading.Lock()
        self._tags: dict[Uid, VirtualTag] = {}
        self._cards: list[bytes | None] = []
        self._reported: set[Uid] = set()
        self._unlisted: list[bytes] = []
        #: How many inventories were asked for, rests of lists not counted, and how many writes of an AFI.
        self.inventories = 0
        self.afi_writes = 0
        self._radio_on = True
        self._faults: Faults[PadFault] = Faults()
        self._outlet = Outlet(self._serve, link=link, pace=_PACE if real_time else None, port=port)

    @property
    def url(self) -> str:
        """Where a driver finds it."""
        return self._outlet.url

    def put(self, *tags: VirtualTag) -> None:
        """Puts tags on the pad, all at the same moment."""
        with self._lock:
            self._tags |= {tag.uid: tag for tag in tags}

    def lift(self, *uids: Uid) -> None:
        """Takes tags off the pad, all at the same moment. Those that are not there are not there."""
        with self._lock:
            for uid in uids:
                self._lift(uid)

    def clear(self) -> None:
        """Takes everything off the pad."""
        with self._lock:
            self._tags.clear()
            self._cards.clear()
            self._reported.clear()

    def tags(self) -> tuple[VirtualTag, ...]:
        """What lies on the pad, in the order it was put there."""
        with self._lock:
            return tuple(self._tags.values())

    def put_card(self, uid: bytes | None) -> None:
        """Puts an ISO 14443A card on the pad; with no UID one that invents a new one each time."""
        with self._lock:
            self._cards.append(uid)

    def cause(self, fault: PadFault, times: int | None = None) -> None:
        """Makes something go wrong: so many times, or until it is mended, as a cable must be."""
        self._faults.cause(fault, times)
        if fault is PadFault.CABLE_PULLED:
            self._outlet.pull()

    def mend(self, fault: PadFault | None = None) -> None:
        """Ends one fault, or all."""
        self._faults.mend(fault)
        if fault in {None, PadFault.CABLE_PULLED, PadFault.CABLE_PULLED_MID_WRITE}:
            self._outlet.plug_in()

    def faults(self) -> frozenset[PadFault]:
        """What would go wrong now."""
        return self._faults.switched_on()

    def close(self) -> None:
        """Ends the simulation."""
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the outlet's thread ---

    def _serve(self, wire: Wire) -> None:
        decoder = FeigDecoder()
        while True:
            # A pause within a frame ends it, and half a frame is never answered.
            data = wire.read(_PAUSE if decoder.pending else None)
            if data:
                decoder.receive(data)
            else:
                decoder.silence()
            while (frame := decoder.next_frame()) is not NOT_YET:
                self._respond(wire, Frame.parse(frame))

    def _respond(self, wire: Wire, request: Frame) -> None:
        if self._faults.strikes(PadFault.NO_ANSWER):
            return
        with self._lock:
            answer = self._answer(request)
        seconds = answer.seconds if self._real_time else 0.0
        tag_command = request.payload[0] if request.command == feig.ISO_HOST and request.payload else None
        slow = self._faults.strikes(PadFault.SLOW)
        if tag_command == feig.READ_MULTIPLE_BLOCKS:
            slow = self._faults.strikes(PadFault.SLOW_READ) or slow
        wire.wait(seconds + slow * _SLOW)
        if tag_command == feig.WRITE_AFI:
            if self._faults.strikes(PadFault.ANSWER_LOST_AFTER_WRITE):
                return
            if self._faults.strikes(PadFault.CABLE_PULLED_MID_WRITE):
                self._outlet.pull()
                raise Unplugged
        # The reader answers from its own address, in the form it was asked.
        reply = Frame(0x00, request.command, bytes((answer.status,)) + answer.data, request.advanced).encode()
        if self._faults.strikes(PadFault.CRC_ERROR):
            reply = reply[:-1] + bytes((reply[-1] ^ 0xFF,))
        wire.write(reply)

    def _answer(self, request: Frame) -> _Answer:
        match request.command, request.payload:
            case feig.GET_SOFTWARE_VERSION, b"":
                return _Answer(feig.OK, _VERSION)
            case feig.BAUD_RATE_DETECTION, payload if payload == b"\0":
                return _Answer(feig.OK)
            case feig.RF_RESET, b"":
                self._reported.clear()
                return _Answer(feig.OK, seconds=0.015)
            case feig.RF_ON_OFF, payload if len(payload) == 1:
                self._radio_on = payload[0] != 0
                self._reported.clear()
                return _Answer(feig.OK)
            case feig.ISO_HOST, payload if payload:
                return self._tag_command(payload[0], payload[1:])
            case (
                feig.GET_SOFTWARE_VERSION | feig.BAUD_RATE_DETECTION | feig.RF_RESET | feig.RF_ON_OFF | feig.ISO_HOST,
                _,
            ):
                return _Answer(feig.LENGTH_ERROR)
            case _:
                return _Answer(feig.UNKNOWN_COMMAND)

    def _tag_command(self, command: int, rest: bytes) -> _Answer:
        if command == feig.INVENTORY:
            return self._inventory(rest)
        if command not in {
            feig.READ_MULTIPLE_BLOCKS,
            feig.WRITE_MULTIPLE_BLOCKS,
            feig.WRITE_AFI,
            feig.GET_SYSTEM_INFORMATION,
        }:
            return _Answer(feig.UNKNOWN_COMMAND)
        if not rest or (rest[0] == feig.ADDRESSED and len(rest) < 1 + UID_LENGTH):
            return _Answer(feig.LENGTH_ERROR)
        if rest[0] != feig.ADDRESSED:
            return _Answer(feig.PARAMETER_RANGE)
        uid, arguments = rest[1 : 1 + UID_LENGTH], rest[1 + UID_LENGTH :]
        lifted = {
            feig.READ_MULTIPLE_BLOCKS: PadFault.TAG_LIFTED_BEFORE_READ,
            feig.WRITE_AFI: PadFault.TAG_LIFTED_BEFORE_WRITE,
        }.get(command)
        if lifted and self._faults.strikes(lifted):
            self._lift(uid)
        tag = self._tags.get(uid)
        if tag is None or not self._radio_on:
            return _Answer(feig.NO_TRANSPONDER, seconds=_NO_TAG_TIME)
        match command, arguments:
            case feig.READ_MULTIPLE_BLOCKS, arguments if len(arguments) == 2:
                return self._read(tag, arguments[0], arguments[1])
            case feig.WRITE_MULTIPLE_BLOCKS, arguments if len(arguments) >= 3:
                return self._write(tag, arguments[0], arguments[1], arguments[2], arguments[3:])
            case feig.WRITE_AFI, arguments if len(arguments) == 1:
                return self._write_afi(tag, arguments[0])
            case feig.GET_SYSTEM_INFORMATION, b"":
                memory = bytes((tag.afi, BLOCK_SIZE, tag.blocks, tag.chip))
                return _Answer(feig.OK, bytes((tag.dsfid,)) + tag.uid + memory, _SYSTEM_INFORMATION_TIME)
            case _:
                return _Answer(feig.LENGTH_ERROR)

    def _inventory(self, rest: bytes) -> _Answer:
        if len(rest) != 1:
            return _Answer(feig.LENGTH_ERROR)
        seconds = 0.0
        if not rest[0] & feig.MORE:
            here = [tag for tag in self._tags.values() if tag.appears[self.inventories % len(tag.appears)]]
            self.inventories += 1
            seconds = inventory_seconds(len(here))
            if not self._radio_on:
                return _Answer(feig.NO_TRANSPONDER, seconds=seconds)
            if self.capacity is not None and len(here) > self.capacity:
                return _Answer(feig.BUFFER_OVERFLOW, seconds=seconds)
            if self._only_new:
                here = [tag for tag in here if tag.uid not in self._reported]
                self._reported |= {tag.uid for tag in here}
            self._unlisted = [bytes((feig.TYPE_ISO15693, tag.dsfid)) + tag.uid for tag in here]
            self._unlisted += [_card_data_set(uid) for uid in self._cards]
        now, self._unlisted = self._unlisted[: self._tags_per_answer], self._unlisted[self._tags_per_answer :]
        if not now:
            return _Answer(feig.NO_TRANSPONDER, seconds=seconds)
        status = feig.MORE_DATA if self._unlisted else feig.OK
        if self._faults.strikes(PadFault.RF_ERROR):
            now, self._unlisted, status = now[:-1], [], feig.RF_COMMUNICATION_ERROR
        return _Answer(status, bytes((len(now),)) + b"".join(now), seconds)

    def _read(self, tag: VirtualTag, first: int, count: int) -> _Answer:
        if self._faults.strikes(PadFault.READ_FAILS):
            return _Answer(feig.RF_COMMUNICATION_ERROR, seconds=_READ_TIME)
        if count == 0 or first + count > tag.blocks:
            return _Answer(feig.ISO15693_ERROR, bytes((feig.BLOCK_DOES_NOT_EXIST,)), _READ_TIME)
        blocks = b"".join(
            bytes((number in tag.locked_blocks,)) + tag.memory[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE][::-1]
            for number in range(first, first + count)
        )
        return _Answer(feig.OK, bytes((count, BLOCK_SIZE)) + blocks, _READ_TIME + len(blocks) * _BYTE_TIME)

    def _write(self, tag: VirtualTag, first: int, count: int, size: int, data: bytes) -> _Answer:
        if size != BLOCK_SIZE or len(data) != count * size:
            return _Answer(feig.LENGTH_ERROR)
        for done in range(count):
            number = first + done
            seconds = (done + 1) * _WRITE_BLOCK_TIME
            # As the real ones, one block after the other: those before a block that fails are written.
            if number >= tag.blocks:
                return _Answer(feig.ISO15693_ERROR, bytes((feig.BLOCK_DOES_NOT_EXIST, number)), seconds)
            if number in tag.locked_blocks:
                return _Answer(feig.ISO15693_ERROR, bytes((feig.LOCKED, number)), seconds)
            block = data[done * BLOCK_SIZE : (done + 1) * BLOCK_SIZE]
            tag.memory[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE] = block[::-1]
        return _Answer(feig.OK, seconds=count * _WRITE_BLOCK_TIME)

    def _write_afi(self, tag: VirtualTag, afi: int) -> _Answer:
        self.afi_writes += 1
        if tag.afi_locked:
            return _Answer(feig.ISO15693_ERROR, bytes((feig.LOCKED,)), _WRITE_AFI_TIME)
        if not self._faults.strikes(PadFault.WRITE_IGNORED):
            tag.afi = afi
        if self._faults.strikes(PadFault.TAG_LIFTED_MID_WRITE):
            self._lift(tag.uid)
            return _Answer(feig.NO_TRANSPONDER, seconds=_WRITE_AFI_TIME)
        if self._faults.strikes(PadFault.TAG_LIFTED_AFTER_WRITE):
            self._lift(tag.uid)
        return _Answer(feig.OK, seconds=_WRITE_AFI_TIME)

    def _lift(self, uid: Uid) -> None:
        self._tags.pop(uid, None)
        self._reported.discard(uid)


def inventory_seconds(tags: int) -> float:
    """How long the reader takes to tell so many tags apart: straight lines between the means."""
    (few, short), (many, long) = _INVENTORY_TIMES[-2:]
    for lower, upper in pairwise(_INVENTORY_TIMES):
        if tags <= upper[0]:
            (few, short), (many, long) = lower, upper
            break
    return short + (tags - few) * (long - short) / (many - few)


def _card_data_set(uid: bytes | None) -> bytes:
    if uid is None:
        uid = b"\x08" + random.randbytes(3)
    return bytes((feig.TYPE_ISO14443A, 0x00, 0x00)) + uid.rjust(7, b"\0")
