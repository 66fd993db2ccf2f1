"""Who is in the field of a pad, from inventory to inventory. Pure; :mod:`drivers.pad` says what for.

A tag that is missing counts as there for a while, because tags in a stack hide each other and one at the edge of the
field comes and goes. A stack is steady when two inventories agree once that is smoothed out, each tag has been seen
twice, and each has been read or given up for now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from drivers.devices import TagContent, UnreadableTag
from drivers.iso15693 import Uid
from drivers.tag_protocol import Inventory

#: Seconds a tag may be missing before it is asked whether it is there: long for a flicker, short for a hand.
LINGER: Final = 0.5
#: A tag that cannot be read is given up for now after so many attempts, and tried again every so many sightings.
_READ_ATTEMPTS: Final = 3
_LATER_ATTEMPTS: Final = 10


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

    def reread(self, uid: Uid) -> None:
        """What was known of the content no longer holds."""
        if sighting := self._tags.get(uid):
            sighting.content, sighting.failures = None, 0

    def steady(self) -> frozenset[Uid] | None:
        """All tags in the field, when that is sure."""
        if self._agree and all(sighting.times > 1 and sighting.content for sighting in self._tags.values()):
            return frozenset(self._tags)
        return None
