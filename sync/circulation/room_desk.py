"""What staff do in the internet room: end a visit, add time, put a seat out of use, lock all, keep it for a class.

As in :mod:`sync.circulation.internet_room`, each ``decide_*`` answers with the events that make it so or with what is
against it. Staff may give time that no quota has and while others wait; nobody can give time after closing, or of a
seat that is kept for somebody. To move a visit is :func:`~sync.circulation.internet_room.decide_move` for them too. A
message to a seat is no event: what is said to a reader is nobody else's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sync.circulation import events as ev
from sync.circulation.blocks import Code, Refused, block
from sync.circulation.events import from_ms, to_ms
from sync.circulation.room import Reach, Room, SeatState
from sync.circulation.room_reasons import Allowed, allowed, no_more_time
from sync.circulation.room_turns import Turn
from sync.circulation.rules import Rules


def decide_clear(room: Room, seat: str, reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """End whatever visit there is at a seat, a class's too."""
    turn = Turn.begin(room, reach, rules, now)
    visit = turn.room.visits.get(seat)
    if visit is None:
        return Refused((block(Code.SEAT_NOT_IN_USE, seat=seat),))
    turn.end(visit, "staff")
    return allowed(turn)


def decide_add_time(
    room: Room, seat: str, minutes: int, reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """Give a visit so many minutes more, or as many as there are. Raises ``ValueError`` below one."""
    if minutes < 1:
        raise ValueError("time is given, never taken")
    turn = Turn.begin(room, reach, rules, now)
    visit = turn.room.visits.get(seat)
    if visit is None:
        return Refused((block(Code.SEAT_NOT_IN_USE, seat=seat),))
    until, why = turn.bound(seat)
    ends_at = min(visit.ends_at + timedelta(minutes=minutes), until)
    added = (ends_at - visit.ends_at) // timedelta(seconds=1)
    if added < 1:
        return Refused((no_more_time(seat, until, why),))
    ends_at = visit.ends_at + timedelta(seconds=added)
    turn.record(ev.SeatExtended(visit.visit, seat, to_ms(ends_at), added))
    return allowed(turn)


def decide_broken(room: Room, seat: str, reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """Put a seat out of use. Whoever sits there goes on at the best free seat, or else the visit ends and the rest of
    the minutes is kept; a number that was called there waits for another, in its place."""
    turn = Turn.begin(room, reach, rules, now)
    if turn.room.seat(seat) is None:
        return Refused((block(Code.SEAT_UNKNOWN, seat=seat),))
    if seat in turn.room.broken:
        return allowed(turn)
    visit = turn.room.visits.get(seat)
    turn.record(ev.SeatBroken(seat))
    if visit is not None:
        free = turn.open_seats(visit.group, timedelta(0))
        free = [one for one in free if turn.bound(one.seat)[0] >= visit.ends_at] or free
        if free:
            ends_at = min(visit.ends_at, turn.bound(free[0].seat)[0])
            turn.record(ev.SeatMoved(visit.visit, seat, free[0].seat, to_ms(ends_at)))
        else:
            turn.end(visit, "broken")
    return allowed(turn)


def decide_mended(room: Room, seat: str, reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """A seat can be used again."""
    turn = Turn.begin(room, reach, rules, now)
    if turn.room.seat(seat) is None:
        return Refused((block(Code.SEAT_UNKNOWN, seat=seat),))
    if seat in turn.room.broken:
        turn.record(ev.SeatMended(seat))
    return allowed(turn)


def decide_lock(room: Room, reach: Reach, rules: Rules, now: datetime) -> Allowed:
    """Lock all: every visit ends, and nobody is seated until the room is unlocked. Numbers keep their places."""
    turn = Turn.begin(room, reach, rules, now)
    for visit in sorted(turn.room.visits.values(), key=lambda visit: visit.seat):
        turn.end(visit, "staff")
    if not turn.room.locked:
        turn.record(ev.RoomLocked())
    return allowed(turn)


def decide_unlock(room: Room, reach: Reach, rules: Rules, now: datetime) -> Allowed:
    """The room is open again to whoever comes."""
    turn = Turn.begin(room, reach, rules, now)
    if turn.room.locked:
        turn.record(ev.RoomUnlocked())
    return allowed(turn)


def decide_booking(
    room: Room,
    booking: str,
    starts_at: datetime,
    ends_at: datetime,
    seats: tuple[str, ...],
    reach: Reach,
    rules: Rules,
    now: datetime,
) -> Allowed | Refused:
    """Keep seats for a class, today or on another day; none named are all. ``booking`` is a new token.

    Nobody who sits there, or has reserved, is sent away for it.
    """
    turn = Turn.begin(room, reach, rules, now)
    starts_at, ends_at = from_ms(to_ms(starts_at)), from_ms(to_ms(ends_at))
    blocks = [block(Code.SEAT_UNKNOWN, seat=name) for name in seats if turn.room.seat(name) is None]
    closing = turn.calendar.closes_at(starts_at)
    if ends_at <= starts_at or ends_at <= turn.now:
        blocks.append(block(Code.TIMES_REVERSED))
    elif closing is None or ends_at > closing:
        blocks.append(block(Code.BOOKING_SHUT))
    named = seats or tuple(seat.seat for seat in turn.room.seats)
    taken = [until for name in named if (until := turn.taken_between(name, starts_at, ends_at)) is not None]
    if taken:
        blocks.append(block(Code.BOOKING_TOO_SOON, time=max(taken)))
    if blocks:
        return Refused(tuple(blocks))
    turn.record(ev.RoomBooked(booking, to_ms(starts_at), to_ms(ends_at), seats))
    return allowed(turn)


def decide_cancel_booking(room: Room, booking: str, reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """The class does not come, or needs the seats no longer."""
    turn = Turn.begin(room, reach, rules, now)
    if all(one.booking != booking for one in turn.room.bookings):
        return Refused((block(Code.BOOKING_UNKNOWN),))
    turn.record(ev.BookingCancelled(booking))
    return allowed(turn)


def decide_class(
    room: Room, token: str, ends_at: datetime, reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """Open all for a class, without readers: every seat that is free until then, or kept for a class now."""
    turn = Turn.begin(room, reach, rules, now)
    blocks = []
    if turn.closing is None:
        blocks.append(block(Code.BOOKING_SHUT))
    if turn.room.locked:
        blocks.append(block(Code.ROOM_LOCKED))
    ends_at = min(from_ms(to_ms(ends_at)), turn.closing or turn.now)
    if ends_at <= turn.now and not blocks:
        blocks.append(block(Code.TIMES_REVERSED))
    if blocks:
        return Refused(tuple(blocks))
    seats = tuple(seat.seat for seat in turn.room.seats if _for_a_class(turn, seat.seat, ends_at))
    if not seats:
        return Refused((block(Code.HOUR_TAKEN, time=turn.now),))
    turn.record(ev.ClassSeated(token, room.branch, seats, to_ms(ends_at)))
    return allowed(turn)


def _for_a_class(turn: Turn, seat: str, ends_at: datetime) -> bool:
    """Whether a class may have a seat: it is free for so long, or kept for a class and for nobody else."""
    kept = {b.booking for b in turn.room.bookings if b.covers(seat)}
    now, state = turn.now, turn.room.state(seat, turn.reach, turn.now)
    if seat not in turn.reach or state not in {SeatState.FREE, SeatState.HELD}:
        return False
    if state is SeatState.HELD and turn.room.holder(seat, now) not in kept:
        return False
    if any(r.seat == seat and r.starts_at < ends_at for r in turn.room.reservations):
        return False
    if any(b.covers(seat) and now < b.starts_at < ends_at for b in turn.room.bookings):
        return False
    here = turn.room.seat(seat)
    return here is None or state is SeatState.HELD or turn.first_waiting(here) is None
