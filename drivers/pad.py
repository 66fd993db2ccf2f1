"""The RFID pad, whatever its make: who lies on it, what is on each tag, and the security mark written and verified.

Theory of operation. Each poll takes an inventory. A tag that was not there before is announced and read at once,
block 0 to 8, which is enough for the basic block of a library tag. Three things make a real field different from a
list of tags:

*Flicker.* Tags in a stack detune each other, and at the edge of the field a tag comes and goes. A tag that is missing
is kept for ``linger`` seconds; then it is asked by its UID, and only if it does not answer that either it is gone.
(The same question serves readers that are set to report only newly arrived tags.)

*A stack in the making.* Whoever acts on a stack wants all of it. It is steady when two inventories in a row gave the
same tags, flicker smoothed out, each of them has been seen twice, and each has been read or given up for now. Where
the reader cannot finish an inventory (a foreign card lies among the items), no change for ``linger`` seconds must do,
so that one bad thing does not hold up the good ones.

*Writes without answer.* The mark is written, then read back, and only what was read back counts. A tag that says no
once is tried again; one that is locked is not. A lost answer leaves the reader with one answer too many: so a
``hello`` is exchanged first, whose answer cannot be taken for another, and after it nothing older can come.

The whole of it is one thread's; the events of a poll are yielded between exchanges, so that a mark can be written
while other tags wait to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from drivers.codec import Command, ResultT
from drivers.devices import (
    Card,
    CardPresented,
    CardRemoved,
    DeviceEvent,
    DeviceRefused,
    Identity,
    NoAnswer,
    SerialLine,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagContent,
    TagGone,
    TagRead,
    UnreadableTag,
    WireError,
)
from drivers.iso15693 import (
    AfiPair,
    Security,
    SecurityChanged,
    SecurityResult,
    SecurityUnchanged,
    SecurityUnknown,
    TagFault,
    Uid,
)
from drivers.iso28560 import decode
from drivers.port import Dialogue, Port
from drivers.tag_protocol import Inventory, TagProtocol

#: Seconds between polls while nothing changes.
REST: Final = 0.1
#: Seconds a tag may be missing before it is asked whether it is there: long for a flicker, short for a hand.
LINGER: Final = 0.5
#: Blocks to read for the basic block of a library tag, on chips that have them and on the smallest.
_BLOCKS: Final = (9, 8)
#: A tag that cannot be read is given up for now after so many attempts, and tried again every so many sightings.
_READ_ATTEMPTS: Final = 3
_LATER_ATTEMPTS: Final = 10
_WRITE_ATTEMPTS: Final = 3
_READ_BACK_ATTEMPTS: Final = 3


@dataclass(slots=True)
class _Sighting:
    """A tag in the field: when last seen, how often, how often it could not be read, what was told of it."""

    seen: float
    times: int = 1
    failures: int = 0
    content: TagContent | None = None


class Presence:
    """Who is in the field, from inventory to inventory. Pure: the time is an argument, in seconds of any clock."""

    def __init__(self, linger: float = LINGER) -> None:
        self._linger = linger
        self._tags: dict[Uid, _Sighting] = {}
        self._before: frozenset[Uid] | None = None
        self._changed = 0.0
        self._agree = False

    def see(self, found: Inventory, now: float) -> list[Uid]:
        """Takes in an inventory; returns the tags that were not there before."""
        arrived = []
        for uid in found.tags:
            if sighting := self._tags.get(uid):
                sighting.seen = now
                sighting.times += 1
            else:
                self._tags[uid] = _Sighting(now)
                arrived.append(uid)
        here = frozenset(self._tags)
        if here != self._before:
            self._before, self._changed, self._agree = here, now, False
        else:
            self._agree = found.complete or now - self._changed > self._linger
        return arrived

    def disturb(self) -> None:
        """There was no inventory to take in: what comes next agrees with nothing."""
        self._before, self._agree = None, False

    def missing(self, now: float) -> list[Uid]:
        """The tags that have not been seen for longer than a flicker."""
        return [uid for uid, sighting in self._tags.items() if now - sighting.seen > self._linger]

    def confirm(self, uid: Uid, now: float) -> None:
        """A missing tag has answered to its UID."""
        self._tags[uid].seen = now
        self._tags[uid].times += 1

    def forget(self, uid: Uid) -> None:
        """A missing tag is gone. It has been in no inventory for a while, so those agree as they did."""
        del self._tags[uid]
        self._before = frozenset(self._tags)

    def unread(self, among: Sequence[Uid]) -> list[Uid]:
        """Of these tags the ones to be read now."""
        return [uid for uid in among if self._is_due(self._tags[uid])]

    @staticmethod
    def _is_due(sighting: _Sighting) -> bool:
        match sighting.content:
            case None:
                return True
            case UnreadableTag():
                return sighting.times % _LATER_ATTEMPTS == 0
            case _:
                return False

    def read(self, uid: Uid, content: TagContent) -> TagContent | None:
        """Notes what a tag was read as; returns what is to be told of it, nothing when it is tried again first."""
        sighting = self._tags[uid]
        if isinstance(content, UnreadableTag):
            sighting.failures += 1
            if sighting.content or sighting.failures < _READ_ATTEMPTS:
                return None
        sighting.content = content
        return content

    def steady(self) -> frozenset[Uid] | None:
        """All tags in the field, when that is sure."""
        if self._agree and all(sighting.times > 1 and sighting.content for sighting in self._tags.values()):
            return frozenset(self._tags)
        return None


class Pad:
    """A :class:`drivers.devices.RfidPad` over any :class:`drivers.tag_protocol.TagProtocol`."""

    def __init__(
        self,
        device: str,
        port: Port,
        protocol: TagProtocol,
        *,
        afis: AfiPair | None = None,
        answer_within: float | None = None,
        linger: float = LINGER,
        rest: float = REST,
    ) -> None:
        self._device = device
        self._port = port
        self._protocol = protocol
        self._afis = afis or AfiPair()
        self._dialogue = Dialogue(
            port,
            protocol.decoder,
            answer_within=protocol.answer_within if answer_within is None else answer_within,
            gap=protocol.gap,
        )
        self._linger = linger
        self._presence = Presence(linger)
        self._steady: frozenset[Uid] | None = None
        self._overfull = False
        self._cards: dict[bytes, float] = {}
        self._quiet_rest = rest
        self._rest = 0.0

    @classmethod
    def open(
        cls,
        device: str,
        *,
        url: str,
        protocol: TagProtocol,
        line: SerialLine | None = None,
        afis: AfiPair | None = None,
        answer_within: float | None = None,
        linger: float = LINGER,
        rest: float = REST,
    ) -> Self:
        """Opens the pad at a URL; all but the first three are for those that are not set as they are delivered.

        Raises CannotOpen.
        """
        port = Port.open(url, line or protocol.line)
        return cls(device, port, protocol, afis=afis, answer_within=answer_within, linger=linger, rest=rest)

    @property
    def rest(self) -> float:
        """Nothing while something is happening on the pad."""
        return self._rest

    @property
    def answer_times(self) -> Sequence[float]:
        """Seconds from request to reply."""
        return self._dialogue.answer_times

    def self_test(self) -> Identity:
        """Asks the reader who it is, and for an inventory. Raises NotSupported for one that sees no library tags."""
        identity = self._dialogue.run(self._protocol.hello())
        try:
            self._repeatable(self._protocol.inventory)
        except DeviceRefused as refusal:
            if refusal.fault is not TagFault.OVERFULL:
                raise
        # What lay there before is new to this connection.
        self._repeatable(self._protocol.reset_field)
        return identity

    def close(self) -> None:
        """Lets go of the port."""
        self._port.close()

    def poll(self) -> Iterator[DeviceEvent]:
        """Takes an inventory, reads what is new, and asks for what is missing."""
        try:
            found = self._repeatable(self._protocol.inventory)
        except DeviceRefused as refusal:
            if refusal.fault is not TagFault.OVERFULL:
                raise
            yield from self._too_many()
            return
        now = time.monotonic()
        for uid in self._presence.see(found, now):
            yield TagArrived(self._device, uid)
        yield from self._see_cards(found.cards, now)
        for uid in self._presence.unread(found.tags):
            content = self._presence.read(uid, self._read(uid))
            if content is not None:
                yield TagRead(self._device, uid, content)
        for uid in self._presence.missing(now):
            if isinstance(self._afi(uid), int):
                self._presence.confirm(uid, time.monotonic())
            else:
                self._presence.forget(uid)
                yield TagGone(self._device, uid)
        steady = self._presence.steady()
        self._rest = 0.0 if steady is None else self._quiet_rest
        if steady is not None and (steady != self._steady or self._overfull):
            self._steady, self._overfull = steady, False
            yield StackSteady(self._device, steady)

    def secure(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate alarms."""
        return self._mark(uid, Security.SECURED)

    def release(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate is silent."""
        return self._mark(uid, Security.RELEASED)

    def _mark(self, uid: Uid, wanted: Security) -> SecurityResult:
        afi = self._afis.afi(wanted)
        attempt = 1
        try:
            while True:
                fault = self._write_afi(uid, afi)
                found = self._afi(uid)
                if isinstance(found, TagFault):
                    return SecurityUnknown(uid, wanted, found)
                if found == afi:
                    return SecurityChanged(uid, wanted)
                if fault is TagFault.LOCKED or attempt == _WRITE_ATTEMPTS:
                    return SecurityUnchanged(uid, wanted, found, fault)
                attempt += 1
        except WireError:
            # That the pad is lost, the next poll finds out; what became of this tag, nobody can say.
            return SecurityUnknown(uid, wanted, TagFault.NO_ANSWER)

    def _write_afi(self, uid: Uid, afi: int) -> TagFault:
        """Tries to write; returns what it would mean if the mark were then found unchanged."""
        try:
            self._dialogue.run(self._protocol.write_afi(uid, afi))
        except DeviceRefused as refusal:
            return refusal.fault
        except NoAnswer:
            self._dialogue.run(self._protocol.hello())
            return TagFault.NO_ANSWER
        return TagFault.NOT_WRITTEN

    def _afi(self, uid: Uid) -> int | TagFault:
        """The mark as it stands on the tag, or why it cannot be told."""
        fault = TagFault.OTHER
        for _ in range(_READ_BACK_ATTEMPTS):
            try:
                return self._repeatable(partial(self._protocol.system_information, uid)).afi
            except DeviceRefused as refusal:
                fault = refusal.fault
        return fault

    def _read(self, uid: Uid) -> TagContent:
        fault = TagFault.OTHER
        for blocks in _BLOCKS:
            try:
                raw = self._repeatable(partial(self._protocol.read_blocks, uid, 0, blocks))
            except DeviceRefused as refusal:
                fault = refusal.fault
                if fault is TagFault.GONE:
                    break
            else:
                return decode(raw, whole=False)
        return UnreadableTag(fault)

    def _repeatable(self, command: Callable[[], Command[ResultT]]) -> ResultT:
        """Runs a command that only asks: a second time when the answer was lost and the reader is there."""
        try:
            return self._dialogue.run(command())
        except NoAnswer:
            self._dialogue.run(self._protocol.hello())
            return self._dialogue.run(command())

    def _too_many(self) -> Iterator[DeviceEvent]:
        self._presence.disturb()
        self._rest = self._quiet_rest
        if not self._overfull:
            self._overfull = True
            yield StackOverfull(self._device)

    def _see_cards(self, cards: Sequence[Card], now: float) -> Iterator[DeviceEvent]:
        for card in cards:
            # A card that invents its UID would be another one in each inventory.
            key = b"" if card.uid_is_random else card.uid
            if key not in self._cards:
                yield CardPresented(self._device, card)
            self._cards[key] = now
        were_here = bool(self._cards)
        self._cards = {key: seen for key, seen in self._cards.items() if now - seen <= self._linger}
        if were_here and not self._cards:
            yield CardRemoved(self._device)
