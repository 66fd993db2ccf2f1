"""An internet room as it stands: its seats, who sits where until when, who waits, what is kept for whom. Values only.

A *seat* is a computer, named by what is written on it. A *visit* is somebody at a seat until an end time: never minutes
left, so that it ends by itself whatever happens to the station. It is known by a random token, that of the number or
of the reservation it began as; whose the token is stands elsewhere (design, law 9). A guest has a token too, which
nobody owns, and carries a *code* that follows from it.

Theory of operation. :class:`Room` is what the ledger's events add up to: :func:`apply` adds one entry, and a station
that was killed adds them all again and has every visit and the queue as they were. What changes by the passing of time
alone (a visit's end, a number nobody answers to) is an event too, which :mod:`sync.circulation.room_turns` finds due;
so nothing here depends on when somebody looks. What no event says is whether a seat can be reached: that is asked of
the wire at every look (:data:`Reach`), because a seat of which nothing is heard is never known to be well.

A room can be kept as it is, instead of from its first event on: its fields are all that ``config.loader`` can write and
build. Source: facts/internet-room.md, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from sync.circulation import events as ev
from sync.circulation.events import from_ms
from sync.circulation.model import local_day
from sync.circulation.room_policy import GUEST_CATEGORY

#: The seats that can be reached at this moment.
Reach: TypeAlias = Collection[str]

#: The category of the visits that a class makes; no quota counts them.
CLASS_CATEGORY = "class"

#: Letters and digits that nobody takes for one another on a slip or on the telephone: no I, L, O, 0 and 1.
CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 6

_MS = timedelta(milliseconds=1)


class Audience(StrEnum):
    """For whom a seat is."""

    ANYONE = "anyone"
    CHILDREN = "children"
    GROWN_UPS = "grown_ups"


class Group(StrEnum):
    """What is known of a visitor's age, as far as seats are concerned."""

    CHILD = "child"
    GROWN = "grown"
    UNKNOWN = ""


class SeatState(StrEnum):
    """How a seat is, for the plan of the room."""

    FREE = "free"
    HELD = "held"  # for a number that was called, for a reservation, for a class
    BUSY = "busy"
    AWAY = "away"  # busy, and the screen is hidden
    BROKEN = "broken"
    OUT_OF_REACH = "out_of_reach"


@dataclass(frozen=True, slots=True)
class Seat:
    """A computer of the room, by the number that is written on it."""

    seat: str
    audience: Audience = Audience.ANYONE

    def suits(self, group: Group) -> bool:
        """Whether a visitor may sit here. Who may be either sits where anyone may."""
        match self.audience:
            case Audience.ANYONE:
                return True
            case Audience.CHILDREN:
                return group is Group.CHILD
            case Audience.GROWN_UPS:
                return group is Group.GROWN


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a seat. ``added_ms`` is what staff have given of it, which no quota counts."""

    visit: str
    seat: str
    started_at: datetime
    ends_at: datetime
    category: str = ""
    group: Group = Group.UNKNOWN
    added_ms: int = 0

    def counted_ms(self, until: datetime) -> int:
        """Milliseconds of a quota that are used when it ends, or has ended, at an instant."""
        return 0 if self.category == CLASS_CATEGORY else max(0, (until - self.started_at) // _MS - self.added_ms)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A number in the queue. ``seat`` is where it is called to, and ``until`` how long that seat is held for it."""

    visit: str
    number: int
    joined_at: datetime
    category: str = ""
    group: Group = Group.UNKNOWN
    seat: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """A seat for a later hour. From its start it is held until ``until``, and then nobody's any more."""

    visit: str
    seat: str
    starts_at: datetime
    until: datetime
    ends_at: datetime
    category: str = ""
    group: Group = Group.UNKNOWN


@dataclass(frozen=True, slots=True)
class Booking:
    """Seats that are kept for a class; none named are all."""

    booking: str
    starts_at: datetime
    ends_at: datetime
    seats: tuple[str, ...] = ()

    def covers(self, seat: str) -> bool:
        """Whether it is about a seat."""
        return not self.seats or seat in self.seats


@dataclass(frozen=True, slots=True)
class Room:
    """All that is known of the internet room of a branch.

    ``visits`` goes by seat, ``queue`` is in the order of its numbers. ``spent`` is what visits that ended on ``day``
    have used, in milliseconds by token; ``number`` is the last that was given out on it.
    """

    branch: str
    seats: tuple[Seat, ...]
    visits: Mapping[str, Visit] = field(default_factory=dict)
    queue: tuple[Ticket, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    bookings: tuple[Booking, ...] = ()
    broken: frozenset[str] = frozenset()
    locked: bool = False
    day: date | None = None
    number: int = 0
    spent: Mapping[str, int] = field(default_factory=dict)

    def seat(self, name: str) -> Seat | None:
        """The seat of that name."""
        return next((seat for seat in self.seats if seat.seat == name), None)

    def visit_of(self, tokens: Collection[str]) -> Visit | None:
        """Where somebody sits who has these tokens."""
        return next((v for v in self.visits.values() if v.visit in tokens and v.category != CLASS_CATEGORY), None)

    def ticket_of(self, tokens: Collection[str]) -> Ticket | None:
        """The number of somebody who has these tokens."""
        return next((ticket for ticket in self.queue if ticket.visit in tokens), None)

    def reservation_of(self, tokens: Collection[str]) -> Reservation | None:
        """What is reserved for somebody who has these tokens."""
        return next((one for one in self.reservations if one.visit in tokens), None)

    @property
    def waiting(self) -> Iterator[Ticket]:
        """The numbers that have not been called, in their order."""
        return (ticket for ticket in self.queue if ticket.seat is None)

    def ahead(self, visit: str) -> int:
        """How many numbers will be called before this one."""
        numbers = {ticket.visit: ticket.number for ticket in self.queue}
        return sum(ticket.number < numbers.get(visit, 0) for ticket in self.waiting)

    def holder(self, seat: str, now: datetime) -> str | None:
        """Whom a seat without a visit is held for: the token of a number, reservation or booking; ``None``: nobody."""
        called = next((ticket.visit for ticket in self.queue if ticket.seat == seat), None)
        kept = (one.visit for one in self.reservations if one.seat == seat and one.starts_at <= now)
        booked = (b.booking for b in self.bookings if b.covers(seat) and b.starts_at <= now < b.ends_at)
        return called or next(kept, None) or next(booked, None)

    def state(self, seat: str, reach: Reach, now: datetime, hidden: Collection[str] = ()) -> SeatState:
        """How a seat is. ``hidden`` are those whose screen is, by their own report."""
        if seat in self.broken:
            return SeatState.BROKEN
        if seat in self.visits:
            return SeatState.AWAY if seat in hidden else SeatState.BUSY
        if self.holder(seat, now) is not None:
            return SeatState.HELD
        return SeatState.FREE if seat in reach else SeatState.OUT_OF_REACH

    def used_ms(self, tokens: Collection[str], now: datetime) -> int:
        """Milliseconds of today's quota that somebody with these tokens has used, a visit under way included."""
        under_way = self.visit_of(tokens)
        return self.spent_ms(tokens, now) + (under_way.counted_ms(now) if under_way else 0)

    def spent_ms(self, tokens: Collection[str], now: datetime) -> int:
        """The same of visits that have ended."""
        return sum(self.spent.get(token, 0) for token in tokens) if self.day == local_day(now) else 0

    def next_number(self, now: datetime) -> int:
        """The number that whoever joins the queue now will get; they begin anew each day."""
        return self.number + 1 if self.day == local_day(now) else 1

    def guests(self) -> Iterator[str]:
        """The tokens of guests who sit or wait: those whose code is good."""
        yield from (visit.visit for visit in self.visits.values() if visit.category == GUEST_CATEGORY)
        yield from (ticket.visit for ticket in self.queue if ticket.category == GUEST_CATEGORY)


def guest_code(token: str) -> str:
    """The code on the slip of a guest. It follows from the random token: as unguessable, and no event holds it."""
    rest = int.from_bytes(sha256(b"guest code " + token.encode()).digest(), "big")
    letters = []
    for _ in range(CODE_LENGTH):
        rest, place = divmod(rest, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[place])
    return "".join(letters)


def apply(room: Room, entry: ev.Entry) -> Room:
    """The room after one more entry of its station's ledger; entries come in the order of their numbers. Never raises.

    An entry that is about something else, or about what is not there (any more), changes nothing.
    """
    return happened(room, entry.event, entry.at)


def happened(room: Room, event: ev.Event, at: datetime) -> Room:
    """The room after an event at an instant."""
    if type(event) not in ev.OF_THE_ROOM:
        return room
    today = local_day(at)
    if room.day != today:
        room = replace(room, day=today, number=0, spent={})
    if any(booking.ends_at <= at for booking in room.bookings):
        room = replace(room, bookings=tuple(b for b in room.bookings if b.ends_at > at))
    match event:
        case ev.SeatTaken():
            ends_at, group = from_ms(event.ends_at), _group(event.group)
            visit = Visit(event.visit, event.seat, at, ends_at, event.category, group)
            return _without(_seated(room, visit), event.visit)
        case ev.ClassSeated():
            for seat in event.seats:
                room = _seated(room, Visit(event.visit, seat, at, from_ms(event.ends_at), CLASS_CATEGORY))
            return room
        case ev.SeatMoved() | ev.SeatExtended() | ev.SeatLeft():
            before = room.visits.get(event.seat)
            return room if before is None or before.visit != event.visit else _went_on(room, before, event)
        case ev.QueueJoined():
            ticket = Ticket(event.visit, event.number, at, event.category, _group(event.group))
            return replace(room, queue=(*room.queue, ticket), number=event.number)
        case ev.QueueCalled():
            return _called(room, event.visit, event.seat, from_ms(event.until_at))
        case ev.QueueReturned():
            return _called(room, event.visit, None, None)
        case ev.QueueLeft() | ev.ReservationEnded():
            return _without(room, event.visit)
        case ev.SeatReserved():
            reservation = Reservation(
                event.visit,
                event.seat,
                from_ms(event.starts_at),
                from_ms(event.until_at),
                from_ms(event.ends_at),
                event.category,
                _group(event.group),
            )
            return replace(room, reservations=(*room.reservations, reservation))
        case ev.RoomBooked():
            booking = Booking(event.booking, from_ms(event.starts_at), from_ms(event.ends_at), event.seats)
            return replace(room, bookings=(*room.bookings, booking))
        case ev.BookingCancelled():
            return replace(room, bookings=tuple(b for b in room.bookings if b.booking != event.booking))
        case ev.SeatBroken():
            return replace(room, broken=room.broken | {event.seat})
        case ev.SeatMended():
            return replace(room, broken=room.broken - {event.seat})
        case ev.RoomLocked():
            return replace(room, locked=True)
        case ev.RoomUnlocked():
            return replace(room, locked=False)
        case _:
            return room


def _group(text: str) -> Group:
    """A group as an event says it; one that this program does not know is not known."""
    return Group(text) if text in set(Group) else Group.UNKNOWN


def _seated(room: Room, visit: Visit) -> Room:
    return replace(room, visits={**room.visits, visit.seat: visit})


def _without(room: Room, visit: str) -> Room:
    """The room without a number and without a reservation of that token."""
    queue = tuple(ticket for ticket in room.queue if ticket.visit != visit)
    return replace(room, queue=queue, reservations=tuple(r for r in room.reservations if r.visit != visit))


def _called(room: Room, visit: str, seat: str | None, until: datetime | None) -> Room:
    called = (replace(t, seat=seat, until=until) if t.visit == visit else t for t in room.queue)
    return replace(room, queue=tuple(called))


def _went_on(room: Room, before: Visit, event: ev.SeatMoved | ev.SeatExtended | ev.SeatLeft) -> Room:
    """The room after something happened to a visit."""
    others = {seat: visit for seat, visit in room.visits.items() if seat != before.seat}
    match event:
        case ev.SeatMoved():
            moved = replace(before, seat=event.to, ends_at=from_ms(event.ends_at))
            return _seated(replace(room, visits=others), moved)
        case ev.SeatExtended():
            added_ms = before.added_ms + event.added * 1000
            return _seated(room, replace(before, ends_at=from_ms(event.ends_at), added_ms=added_ms))
        case ev.SeatLeft():
            counted = before.counted_ms(from_ms(event.ended_at))
            spent = room.spent
            if counted and local_day(before.started_at) == room.day:
                spent = {**spent, before.visit: spent.get(before.visit, 0) + counted}
            return replace(room, visits=others, spent=spent)
