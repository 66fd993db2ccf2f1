"""Who stands at the station of an internet room, and all that can be against what she wants.

Reasons are shared by every decision of the room (:mod:`sync.circulation.internet_room`,
:mod:`sync.circulation.room_desk`), so that the same fact is said in the same words wherever it stands in the way.
Source: facts/internet-room.md, 1.4 and 4.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.phrase import Phrase
from sync.circulation import events as ev
from sync.circulation.blocks import Block, Code, block, day, hour
from sync.circulation.calendar import Calendar
from sync.circulation.decisions import Standing, card_stops
from sync.circulation.model import UNKNOWN_CATEGORY, local_day
from sync.circulation.room import Audience, Group, Room, SeatState
from sync.circulation.room_policy import GUEST_CATEGORY, RoomPolicy
from sync.circulation.room_turns import Bound, Turn


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at the station.

    ``standing`` is the reader's, ``None`` for a guest. ``tokens`` are all that are this visitor's: by them the room
    knows where she sits, what she waits for and what she has used today. ``consent`` says that a parent has agreed,
    ``accepted`` which version of the house rules she has.
    """

    standing: Standing | None = None
    tokens: frozenset[str] = frozenset()
    consent: bool = False
    accepted: str = ""

    @property
    def category(self) -> str:
        """The category by which the rules are looked up."""
        return self.standing.category if self.standing else GUEST_CATEGORY

    def age_on(self, now: datetime) -> int | None:
        """Whole years of age, ``None`` where nobody knows."""
        patron = self.standing.patron if self.standing else None
        return patron.age_on(local_day(now)) if patron else None

    def group(self, policy: RoomPolicy, now: datetime) -> Group:
        """Which seats will do for her."""
        age = self.age_on(now)
        if age is None:
            return Group.CHILD if policy.children else Group.UNKNOWN
        return Group.CHILD if age < policy.children_below else Group.GROWN


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes: these events, recorded in this order, make it so. ``notices`` are to be said with it."""

    events: tuple[ev.Event, ...]
    notices: tuple[Block, ...] = ()


def allowed(turn: Turn, notices: Iterable[Block] = ()) -> Allowed:
    """Yes, with whatever follows at once: a number that can be called now is."""
    turn.settle()
    return Allowed(tuple(turn.events), tuple(notices))


def no_more_time(seat: str, until: datetime, why: Bound) -> Block:
    """Why a visit cannot last beyond an instant."""
    if why is Bound.CLOSING:
        return block(Code.VISIT_ENDS_AT_CLOSING, time=until)
    return block(Code.SEAT_KEPT_SOON, seat=seat, time=until)


def visitor_blocks(visitor: Visitor, policy: RoomPolicy, now: datetime) -> Iterator[Block]:
    """What is against this visitor, whatever she wants in the room."""
    standing = visitor.standing
    if not policy.admitted:
        if standing is None:
            yield block(Code.GUESTS_NOT_ADMITTED)
        elif standing.category == UNKNOWN_CATEGORY:
            yield block(Code.UNKNOWN_CARD)
        else:
            yield block(Code.ROOM_NOT_FOR_CARD)
        return
    if standing is not None and standing.patron is not None:
        yield from card_stops(standing.patron, now)
    if standing is not None and standing.owed > policy.max_owed:
        yield block(Code.FEES_OWED, amount=standing.owed)
    age = visitor.age_on(now)
    minor = policy.children if age is None else age < policy.consent_below
    if minor and not visitor.consent:
        yield block(Code.CONSENT_NEEDED, age=policy.consent_below)
    if policy.house_rules not in {"", visitor.accepted}:
        yield block(Code.HOUSE_RULES_NOT_ACCEPTED)


def shut_blocks(turn: Turn) -> Iterator[Block]:
    """What is against everybody now."""
    if turn.closing is None:
        yield closed(turn.calendar, turn.now)
    if turn.room.locked:
        yield block(Code.ROOM_LOCKED)


def closed(calendar: Calendar, at: datetime) -> Block:
    """Closed, and when it opens again."""
    opens = calendar.opens_next(at)
    if opens is None:
        when = Phrase("khi thư viện mở lại", "when the library opens again")
    elif local_day(opens) == local_day(at):
        when = Phrase(f"lúc {hour(opens)}", f"at {hour(opens)}")
    else:
        on = day(local_day(opens))
        when = Phrase(f"lúc {hour(opens)} ngày {on}", f"at {hour(opens)} on {on}")
    return block(Code.ROOM_CLOSED, when=when)


def seated_blocks(turn: Turn, visitor: Visitor) -> Iterator[Block]:
    """What is against a second seat."""
    visit = turn.room.visit_of(visitor.tokens)
    if visit is not None:
        yield block(Code.ALREADY_SEATED, seat=visit.seat)


def left_today(room: Room, tokens: Collection[str], policy: RoomPolicy, at: datetime) -> timedelta:
    """What is left of today's quota when a visit under way lasts until an instant, less what is reserved for later."""
    used = timedelta(milliseconds=room.used_ms(tokens, at))
    reserved = sum((r.ends_at - r.starts_at for r in room.reservations if r.visit in tokens), timedelta(0))
    return timedelta(minutes=policy.minutes_day) - used - reserved


def seat_blocks(turn: Turn, name: str, group: Group, held: Collection[str] = ()) -> Iterator[Block]:
    """What is against a seat, apart from time; nothing, where it is ``held`` for who asks."""
    seat = turn.room.seat(name)
    if seat is None:
        yield block(Code.SEAT_UNKNOWN, seat=name)
        return
    if not seat.suits(group):
        if seat.audience is Audience.CHILDREN:
            yield block(Code.SEAT_FOR_CHILDREN, seat=name)
        else:
            yield block(Code.SEAT_FOR_GROWN_UPS, seat=name)
    match turn.room.state(name, turn.reach, turn.now):
        case SeatState.BROKEN:
            yield block(Code.SEAT_BROKEN, seat=name)
        case SeatState.BUSY | SeatState.AWAY:
            yield block(Code.SEAT_BUSY, seat=name)
        case SeatState.HELD if name not in held:
            booked = [b.ends_at for b in turn.room.bookings if b.covers(name) and b.starts_at <= turn.now < b.ends_at]
            if booked:
                yield block(Code.ROOM_BOOKED, seat=name, time=max(booked))
            else:
                yield block(Code.SEAT_HELD, seat=name)
        case _:
            if name not in turn.reach:
                yield block(Code.SEAT_OUT_OF_REACH, seat=name)


def too_soon(seat: str, until: datetime, why: Bound) -> Block:
    """Why there is too little time for a visit."""
    if why is Bound.CLOSING:
        return block(Code.ROOM_CLOSES_SOON, time=until)
    return block(Code.SEAT_KEPT_SOON, seat=seat, time=until)


def end_notices(ends_at: datetime, until: datetime, why: Bound, quota_ends: datetime | None = None) -> Iterator[Block]:
    """What a visitor should know of the end of her visit, where it is not simply that of every visit."""
    if ends_at == until:
        closing = why is Bound.CLOSING
        yield block(Code.ENDS_AT_CLOSING, time=until) if closing else block(Code.ENDS_BEFORE_OTHERS, time=until)
    elif ends_at == quota_ends:
        yield block(Code.ENDS_WITH_QUOTA, time=ends_at)
