"""What the passing of time does in an internet room: visits end, numbers are called, what nobody came for goes on.

:func:`due` says what has come about by now, as events to be recorded; recorded late, after a station was away, they
come to the same. Every decision about the room (:mod:`sync.circulation.internet_room`) begins and ends with it, so
none of them rests on a clock having ticked in time.

The queue: a free seat is held for the first number that it suits, in the order of the numbers, for as long as it takes
to walk there. While a number waits, a seat that suits it is nobody else's, so nobody overtakes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Self

from sync.circulation import events as ev
from sync.circulation.events import from_ms, to_ms
from sync.circulation.model import local_day
from sync.circulation.policy import ANY
from sync.circulation.room import Group, Reach, Room, Seat, SeatState, Ticket, Visit, happened
from sync.circulation.rules import Rules


class Bound(Enum):
    """Why a seat is free no longer than it is."""

    CLOSING = auto()
    KEPT = auto()  # for a reservation or a class


class Turn:
    """A room, and what happens in it at one moment: what is recorded holds for whatever is asked next."""

    def __init__(self, room: Room, reach: Reach, rules: Rules, now: datetime) -> None:
        self.room = room
        self.events: list[ev.Event] = []
        self.reach = reach
        self.rules = rules
        self.now = from_ms(to_ms(now))  # what an event can hold
        self.calendar = rules.calendar(room.branch)
        #: When these opening hours end; ``None`` while the library is shut.
        self.closing = self.calendar.closes_at(self.now)

    @classmethod
    def begin(cls, room: Room, reach: Reach, rules: Rules, now: datetime) -> Self:
        """A room in which all that has come about by now is recorded."""
        turn = cls(room, reach, rules, now)
        turn.settle()
        return turn

    def record(self, event: ev.Event) -> None:
        """Something happens."""
        self.room = happened(self.room, event, self.now)
        self.events.append(event)

    def end(self, visit: Visit, outcome: str, ended_at: datetime | None = None) -> None:
        """A visit ends: now, or when it was reported to have, but never after its end time nor before its beginning."""
        ended_at = max(visit.started_at, min(ended_at or self.now, visit.ends_at, self.now))
        if ended_at == visit.ends_at:
            outcome = "time"
        seconds = (ended_at - visit.started_at) // timedelta(seconds=1)
        self.record(
            ev.SeatLeft(visit.visit, visit.seat, self.room.branch, to_ms(ended_at), seconds, outcome, visit.category)
        )

    def bound(self, seat: str, tokens: Collection[str] = ()) -> tuple[datetime, Bound]:
        """Until when a seat may be used from now on, and why no longer; what is kept for these tokens is no hindrance.

        While the library is shut that is now.
        """
        closing = self.closing or self.now
        reserved = (r.starts_at for r in self.room.reservations if r.seat == seat and r.visit not in tokens)
        booked = (b.starts_at for b in self.room.bookings if b.covers(seat) and b.ends_at > self.now)
        kept = min((*reserved, *booked), default=closing)
        return (closing, Bound.CLOSING) if kept >= closing else (max(self.now, kept), Bound.KEPT)

    def taken_between(self, seat: str, starts_at: datetime, ends_at: datetime) -> datetime | None:
        """Until when a seat is somebody's in a stretch of time, as far as is known now; ``None``: it is nobody's."""
        visits = (v.ends_at for v in self.room.visits.values() if v.seat == seat and v.ends_at > starts_at)
        calls = (
            t.until + self.rules.room(self.room.branch, t.category).least
            for t in self.room.queue
            if t.seat == seat and t.until is not None
        )
        reserved = (r.ends_at for r in self.room.reservations if r.seat == seat and r.starts_at < ends_at)
        booked = (b.ends_at for b in self.room.bookings if b.covers(seat) and b.starts_at < ends_at)
        until = max((*visits, *calls, *reserved, *booked), default=starts_at)
        return until if until > starts_at else None

    def first_waiting(self, seat: Seat) -> Ticket | None:
        """The first of the numbers not called yet that a seat suits."""
        return next((ticket for ticket in self.room.waiting if seat.suits(ticket.group)), None)

    def free_seats(self, group: Group, least: timedelta) -> list[Seat]:
        """The seats that a visitor could have now for so long, the best first.

        That is one made for such visitors, so that the others stay for whoever comes; then the one that is free for
        longest; then the first on the plan.
        """
        free = [
            seat
            for seat in self.room.seats
            if seat.suits(group)
            and self.room.state(seat.seat, self.reach, self.now) is SeatState.FREE
            and self.bound(seat.seat)[0] - self.now >= least
        ]
        return sorted(free, key=lambda seat: (seat.suits(Group.UNKNOWN), self.now - self.bound(seat.seat)[0]))

    def open_seats(self, group: Group, least: timedelta) -> list[Seat]:
        """Those of them that no number waits for."""
        return [seat for seat in self.free_seats(group, least) if self.first_waiting(seat) is None]

    def settle(self) -> None:
        """Record all that has come about by now."""
        for visit in sorted(self.room.visits.values(), key=lambda visit: (visit.ends_at, visit.seat)):
            if visit.ends_at <= self.now:
                self.end(visit, "time")
        for reservation in self.room.reservations:
            if reservation.until <= self.now:
                self.record(ev.ReservationEnded(reservation.visit, "lapsed"))
        is_open = self.closing is not None
        for ticket in self.room.queue:
            if not is_open or local_day(ticket.joined_at) != local_day(self.now):
                self.record(ev.QueueLeft(ticket.visit, "closed"))
            elif ticket.until is not None and ticket.until <= self.now:
                self.record(ev.QueueLeft(ticket.visit, "lapsed"))
            elif ticket.seat is not None and not self._to_be_had(ticket.seat):
                self.record(ev.QueueReturned(ticket.visit))
        if is_open and not self.room.locked:
            self._call()

    def _to_be_had(self, seat: str) -> bool:
        return not self.room.locked and seat in self.reach and seat not in self.room.broken

    def _call(self) -> None:
        for ticket in self.room.waiting:
            policy = self.rules.room(self.room.branch, ticket.category)
            for seat in self.free_seats(ticket.group, policy.least + policy.sit_down)[:1]:
                self.record(ev.QueueCalled(ticket.visit, seat.seat, to_ms(self.now + policy.sit_down)))


def due(room: Room, reach: Reach, rules: Rules, now: datetime) -> tuple[ev.Event, ...]:
    """What has come about by ``now``, to be recorded in this order. Nothing is due twice."""
    return tuple(Turn.begin(room, reach, rules, now).events)


def next_due(room: Room, rules: Rules, now: datetime) -> datetime | None:
    """When :func:`due` may have something to say next, if nothing else happens before; ``None``: not by itself."""
    return min((moment for moment in _turns(room, rules, now) if moment > now), default=None)


def _turns(room: Room, rules: Rules, now: datetime) -> Iterator[datetime]:
    yield from (visit.ends_at for visit in room.visits.values())
    yield from (reservation.until for reservation in room.reservations)
    yield from (booking.ends_at for booking in room.bookings)
    yield from (ticket.until for ticket in room.queue if ticket.until is not None)
    if room.queue:
        yield from filter(None, [rules.calendar(room.branch).closes_at(now)])


def expected_wait(room: Room, visit: str, rules: Rules, now: datetime) -> timedelta | None:
    """About how long a number will wait: until as many seats that suit it have come free as numbers are ahead of it.

    Nobody can know who leaves early, so it is rather too long than too short; ``None`` where no end is in sight.
    """
    ticket = room.ticket_of({visit})
    if ticket is None:
        return None
    sit_down = rules.room(room.branch, ANY).sit_down
    ends = []
    for seat in room.seats:
        if seat.suits(ticket.group) and seat.seat not in room.broken:
            here, held = room.visits.get(seat.seat), room.holder(seat.seat, now)
            if here is not None:
                ends.append(here.ends_at)
            elif held is not None:
                usual = timedelta(minutes=rules.room(room.branch, ANY).minutes_visit)
                ends.append(now + sit_down + usual)
    ends.sort()
    place = room.ahead(visit)
    return max(timedelta(0), ends[place] - now) if place < len(ends) else None
