"""The RFID pad, whatever its make: who lies on it, what is on each tag; mark and memory written and verified.

Theory of operation. Each poll takes an inventory. A tag that was not there before is announced and read at once. Two
things make a real field different from a list of tags:

*Flicker.* Tags in a stack detune each other, and at the edge of the field a tag comes and goes. A tag that is missing
is kept for ``linger`` seconds; then it is asked by its UID, and only if it does not answer that either it is gone.
(The same question serves readers that are set to report only newly arrived tags.)

*A stack in the making.* Whoever acts on a stack wants all of it. It is steady when two inventories in a row gave the
same tags, flicker smoothed out, each of them has been seen twice, and each has been read or given up for now. Where
the reader cannot finish an inventory (a foreign card lies among the items), no change for ``linger`` seconds must do,
so that one bad thing does not hold up the good ones.

What is done with one tag, and what a lost answer means, stands in :mod:`drivers.tag_work`.

The whole of it is one thread's; the events of a poll are yielded between exchanges, so that a mark can be written
while other tags wait to be read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, Self

from drivers.devices import (
    Card,
    CardPresented,
    CardRemoved,
    DeviceEvent,
    DeviceRefused,
    Identity,
    SerialLine,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagGone,
    TagLook,
    TagRead,
)
from drivers.iso15693 import Mark, Marking, SecurityResult, TagFault, Uid, WriteResult
from drivers.port import Dialogue, Port
from drivers.presence import LINGER, Presence
from drivers.tag_protocol import TagProtocol
from drivers.tag_work import TagWork

#: Seconds between polls while nothing changes: what a book laid down waits for at most, beside the poll under way.
REST: Final = 0.01
#: Seconds of a poll that may go by with learning marks: commands wait for its end.
_LEARNING: Final = 0.1


class Pad:
    """A :class:`drivers.devices.RfidPad` over any :class:`drivers.tag_protocol.TagProtocol`."""

    def __init__(
        self,
        device: str,
        port: Port,
        protocol: TagProtocol,
        *,
        marking: Marking | None = None,
        answer_within: float | None = None,
        linger: float = LINGER,
        rest: float = REST,
    ) -> None:
        self._device = device
        self._port = port
        self._protocol = protocol
        self._dialogue = Dialogue(
            port,
            protocol.decoder,
            answer_within=protocol.answer_within if answer_within is None else answer_within,
            gap=protocol.gap,
        )
        self._tags = TagWork(self._dialogue, protocol, marking or Marking())
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
        marking: Marking | None = None,
        answer_within: float | None = None,
        linger: float = LINGER,
        rest: float = REST,
    ) -> Self:
        """Opens the pad at a URL; all but the first three are for those that are not set as they are delivered.

        Raises CannotOpen.
        """
        port = Port.open(url, line or protocol.line)
        return cls(device, port, protocol, marking=marking, answer_within=answer_within, linger=linger, rest=rest)

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
            self._tags.ask(self._protocol.inventory)
        except DeviceRefused as refusal:
            if refusal.fault is not TagFault.OVERFULL:
                raise
        # What lay there before is new to this connection.
        self._tags.ask(self._protocol.reset_field)
        return identity

    def close(self) -> None:
        """Lets go of the port."""
        self._port.close()

    def poll(self) -> Iterator[DeviceEvent]:
        """Takes an inventory, reads what is new, and asks for what is missing."""
        try:
            found = self._tags.ask(self._protocol.inventory)
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
            content = self._presence.read(uid, self._tags.read(uid))
            if content is not None:
                yield TagRead(self._device, uid, content)
        for uid in self._presence.missing(now):
            if self._tags.answers(uid):
                self._presence.confirm(uid, time.monotonic())
            else:
                self._presence.forget(uid)
                self._tags.forget(uid)
                yield TagGone(self._device, uid)
        steady = self._presence.steady()
        # While nothing else is to be done, so that it need not be asked when somebody waits for a change.
        learning = steady is not None and self._tags.learn_marks(steady, _LEARNING)
        self._rest = self._quiet_rest if steady is not None and not learning else 0.0
        if steady is not None and (steady != self._steady or self._overfull):
            self._steady, self._overfull = steady, False
            yield StackSteady(self._device, steady)

    def secure(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate alarms."""
        return self._tags.secure(uid)

    def release(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate is silent."""
        return self._tags.release(uid)

    def restore(self, uid: Uid, mark: Mark) -> SecurityResult:
        """Writes a mark that stood there before, whatever it means."""
        return self._tags.restore(uid, mark)

    def look(self, uid: Uid) -> TagLook:
        """Reads all of a tag. Raises WireError when the pad is lost."""
        return self._tags.look(uid)

    def write(self, uid: Uid, content: bytes) -> WriteResult:
        """Writes whole blocks from the first on; the next poll reads them anew. Raises ValueError for other bytes."""
        result = self._tags.write(uid, content)
        self._presence.reread(uid)
        return result

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
