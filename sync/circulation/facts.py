"""What stations report of one copy, and the order in which it happened.

A :class:`Fact` is an event at its place and time. The order of a copy's facts is a function of their set:

1. within a station by its numbers, whatever its clock said (a station keeps its numbering through its epochs);
2. a fact that names a loan comes after the checkout of that loan, wherever it was made: nobody can take back, renew or
   charge what he has not heard of;
3. else by corrected instant, then by station and number.

Two facts of different stations *overlap* where their intervals do: then the clocks do not say which came first.
Source: facts/sync.md, sections 5.3 and 5.4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from sync.circulation.events import CheckedIn, CheckedOut, Event, FeeCharged, LoanClosed, Renewed

#: What sorts facts where nothing stronger than clocks does: instant, station, epoch, number.
Key = tuple[int, str, int, int]


@dataclass(frozen=True, slots=True)
class Fact:
    """An event of a copy. Instants are corrected, in milliseconds; ``latest`` is ``None`` where the clock was in doubt
    and has no end yet (:mod:`sync.circulation.timeline`).

    ``reader`` is any mark that is equal for equal readers among the facts of this copy, ``None`` where the reader is
    not known or was forgotten. Nothing of it stays in what is folded.
    """

    station: str
    epoch: int
    seq: int
    at: int
    earliest: int
    latest: int | None
    event: Event
    reader: str | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        """The place among facts as far as clocks know."""
        return (self.at, self.station, self.epoch, self.seq)

    @property
    def ref(self) -> str:
        """The name of the event in identities."""
        return f"{self.station}.{self.epoch}.{self.seq}"


def overlap(one: Fact, other: Fact) -> bool:
    """Whether the clocks leave open which of two facts came first."""
    if one.station == other.station:
        return False
    return (one.latest is None or other.earliest <= one.latest) and (
        other.latest is None or one.earliest <= other.latest
    )


def in_order(facts: Iterable[Fact]) -> tuple[list[Fact], bool]:
    """Facts in the order in which they happened, and whether that order contradicts itself.

    A contradiction (two loans, each named before the other was made) is no history at all; the facts are then put in
    an order that is at least always the same.
    """
    stations: dict[str, list[Fact]] = {}
    for fact in facts:
        stations.setdefault(fact.station, []).append(fact)
    settled: list[Fact] = []
    for of_station in stations.values():
        of_station.sort(key=lambda fact: (fact.epoch, fact.seq))
        _set_back(of_station)
        settled += of_station
    settled.sort(key=lambda fact: fact.key)
    made: dict[str, Fact] = {}
    for fact in settled:
        if isinstance(fact.event, CheckedOut):
            made.setdefault(fact.event.loan, fact)
    return _after_what_they_name(settled, stations, made)


def named(event: Event) -> str | None:
    """The loan that a fact must have heard of."""
    return event.loan if isinstance(event, CheckedIn | Renewed | LoanClosed | FeeCharged) else None


def _set_back(of_station: list[Fact]) -> None:
    """A clock that runs back shows that it was too far ahead before."""
    for n in range(len(of_station) - 2, -1, -1):
        fact, following = of_station[n], of_station[n + 1]
        if fact.at > following.at:
            of_station[n] = replace(fact, at=following.at, earliest=min(fact.earliest, following.at))


def _after_what_they_name(
    settled: list[Fact], stations: dict[str, list[Fact]], made: dict[str, Fact]
) -> tuple[list[Fact], bool]:
    def waits(fact: Fact, done: Collection[str]) -> bool:
        loan = named(fact.event)
        if loan is None or loan in done:
            return False
        checkout = made.get(loan)
        return checkout is not None and checkout.station != fact.station

    done: set[str] = set()
    for fact in settled:
        if waits(fact, done):
            break
        if isinstance(fact.event, CheckedOut):
            done.add(fact.event.loan)
    else:
        return settled, False
    done.clear()
    queues = [list(reversed(of_station)) for of_station in stations.values()]
    ordered: list[Fact] = []
    tangled = False
    while queues:
        ready = [queue for queue in queues if not waits(queue[-1], done)]
        tangled = tangled or not ready
        queue = min(ready or queues, key=lambda queue: queue[-1].key)
        fact = queue.pop()
        if isinstance(fact.event, CheckedOut):
            done.add(fact.event.loan)
        ordered.append(fact)
        if not queue:
            queues.remove(queue)
    return ordered, tangled
