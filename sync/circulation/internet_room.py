"""The free internet room: may this visitor have a seat, and until when; a number, a later hour, more time, another.

Each ``decide_*`` takes the room as it stands, who asks, and the moment, and answers with
:class:`~sync.circulation.room_reasons.Allowed`, the events that make it so, or with every reason against it. Whatever
has come about by then (:mod:`sync.circulation.room_turns`) is recorded with it, before and after. Tokens come in as
arguments: chance is no part of the rules. What staff do stands in :mod:`sync.circulation.room_desk`.

A visit is granted until an end time: the earliest of what is left of the reader's quota, the end of these opening
hours (twice a day: there is a lunch closure) and the next hour for which the seat is kept; and the visitor is told at
once which of these it is. Source: facts/internet-room.md, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from sync.circulation import events as ev
from sync.circulation.blocks import Code, Refused, block
from sync.circulation.events import from_ms, to_ms
from sync.circulation.model import local_day
from sync.circulation.room import Group, Reach, Room, Seat, guest_code
from sync.circulation.room_reasons import (
    Allowed,
    Visitor,
    allowed,
    closed,
    end_notices,
    left_today,
    no_more_time,
    seat_blocks,
    seated_blocks,
    shut_blocks,
    too_soon,
    visitor_blocks,
)
from sync.circulation.room_turns import Bound, Turn
from sync.circulation.rules import Rules

#: Hours are offered for reservation at every quarter.
_OFFERED_EVERY = timedelta(minutes=15)


def decide_seat(
    room: Room, visitor: Visitor, seat: str | None, token: str, reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """May this visitor sit down now, here, and until when? No seat named is the one held for her, else the best.

    ``token`` is new; a number or a reservation becomes the visit under its own.
    """
    turn = Turn.begin(room, reach, rules, now)
    policy = rules.room(room.branch, visitor.category)
    group = visitor.group(policy, now)
    blocks = [*visitor_blocks(visitor, policy, now), *shut_blocks(turn), *seated_blocks(turn, visitor)]
    ticket, reservation = turn.room.ticket_of(visitor.tokens), turn.room.reservation_of(visitor.tokens)
    kept = reservation is not None and reservation.starts_at <= turn.now
    if ticket is not None and ticket.seat is None and not kept:
        blocks.append(block(Code.ALREADY_WAITING, number=ticket.number))
    if blocks:
        return Refused(tuple(blocks))
    held = [*([reservation.seat] if reservation and kept else []), *([ticket.seat] if ticket and ticket.seat else [])]
    chosen = _choose(turn, seat, group, policy.least, held)
    if isinstance(chosen, Refused):
        return chosen
    until, why = turn.bound(chosen.seat, visitor.tokens)
    left = left_today(turn.room, visitor.tokens, policy, turn.now)
    if reservation is not None and (kept or reservation.seat == chosen.seat):
        visit = reservation.visit
        left += reservation.ends_at - reservation.starts_at
    else:
        visit = ticket.visit if ticket is not None else token
        if reservation is not None and reservation.starts_at < until:
            until, why = reservation.starts_at, Bound.KEPT
    if left < policy.least:
        return Refused((block(Code.NO_MINUTES_LEFT, minutes=policy.minutes_day),))
    if until - turn.now < policy.least:
        return Refused((too_soon(chosen.seat, until, why),))
    ends_at = min(turn.now + timedelta(minutes=policy.minutes_visit), turn.now + left, until)
    number = ticket.number if ticket is not None and ticket.visit == visit else None
    if ticket is not None and number is None:
        turn.record(ev.QueueLeft(ticket.visit, "left"))
    turn.record(ev.SeatTaken(visit, chosen.seat, room.branch, to_ms(ends_at), visitor.category, group.value, number))
    return allowed(turn, end_notices(ends_at, until, why, turn.now + left))


def decide_queue(
    room: Room, visitor: Visitor, token: str, reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """May this visitor take a number? Not where a seat is free for her."""
    turn = Turn.begin(room, reach, rules, now)
    policy = rules.room(room.branch, visitor.category)
    group = visitor.group(policy, now)
    blocks = [*visitor_blocks(visitor, policy, now), *shut_blocks(turn), *seated_blocks(turn, visitor)]
    ticket = turn.room.ticket_of(visitor.tokens)
    if ticket is not None:
        blocks.append(block(Code.ALREADY_WAITING, number=ticket.number))
    if not any(seat.suits(group) and seat.seat not in turn.room.broken for seat in room.seats):
        blocks.append(block(Code.NO_SEAT_FOR_VISITOR))
    if left_today(turn.room, visitor.tokens, policy, turn.now) < policy.least:
        blocks.append(block(Code.NO_MINUTES_LEFT, minutes=policy.minutes_day))
    if turn.closing is not None and turn.closing - turn.now < policy.least + policy.sit_down:
        blocks.append(block(Code.ROOM_CLOSES_SOON, time=turn.closing))
    if blocks:
        return Refused(tuple(blocks))
    if free := turn.open_seats(group, policy.least):
        return Refused((block(Code.SEAT_IS_FREE, seat=free[0].seat),))
    number = turn.room.next_number(turn.now)
    turn.record(ev.QueueJoined(token, number, room.branch, visitor.category, group.value))
    return allowed(turn)


def decide_leave_queue(
    room: Room, tokens: Collection[str], reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """Give a number back, called or not."""
    turn = Turn.begin(room, reach, rules, now)
    ticket = turn.room.ticket_of(tokens)
    if ticket is None:
        return Refused((block(Code.NOT_WAITING),))
    turn.record(ev.QueueLeft(ticket.visit, "left"))
    return allowed(turn)


def decide_extend(room: Room, tokens: Collection[str], reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """May a visit last longer? While nobody waits for such a seat, towards its end, within quota and opening hours.

    ``tokens`` are the visitor's, as in :class:`Visitor`.
    """
    turn = Turn.begin(room, reach, rules, now)
    visit = turn.room.visit_of(tokens)
    if visit is None:
        return Refused((block(Code.NOT_SEATED),))
    policy, here = rules.room(room.branch, visit.category), room.seat(visit.seat)
    if not policy.extension_minutes:
        return Refused((block(Code.NO_EXTENSION),))
    if here is not None and turn.first_waiting(here) is not None:
        return Refused((block(Code.OTHERS_WAIT),))
    if visit.ends_at - turn.now > timedelta(minutes=policy.extend_within):
        return Refused((block(Code.EXTEND_LATER, minutes=policy.extend_within),))
    until, why = turn.bound(visit.seat)
    quota_ends = turn.now + left_today(turn.room, tokens, policy, turn.now)
    ends_at = min(visit.ends_at + timedelta(minutes=policy.extension_minutes), until, quota_ends)
    if ends_at <= visit.ends_at:
        if quota_ends <= until:
            return Refused((block(Code.NO_MINUTES_LEFT, minutes=policy.minutes_day),))
        return Refused((no_more_time(visit.seat, until, why),))
    turn.record(ev.SeatExtended(visit.visit, visit.seat, to_ms(ends_at)))
    return allowed(turn, end_notices(ends_at, until, why, quota_ends))


def decide_move(
    room: Room, tokens: Collection[str], to: str | None, reach: Reach, rules: Rules, now: datetime
) -> Allowed | Refused:
    """May a visit go on at another seat? It keeps its end time, unless the other seat is kept for somebody before.

    Only a seat that nobody in the queue could have is free to move to. No seat named is the best.
    """
    turn = Turn.begin(room, reach, rules, now)
    visit = turn.room.visit_of(tokens)
    if visit is None:
        return Refused((block(Code.NOT_SEATED),))
    least = min(rules.room(room.branch, visit.category).least, visit.ends_at - turn.now)
    chosen = _choose(turn, to, visit.group, least, ())
    if isinstance(chosen, Refused):
        return chosen
    until, why = turn.bound(chosen.seat)
    if until - turn.now < least:
        return Refused((too_soon(chosen.seat, until, why),))
    ends_at = min(visit.ends_at, until)
    turn.record(ev.SeatMoved(visit.visit, visit.seat, chosen.seat, to_ms(ends_at)))
    return allowed(turn, end_notices(ends_at, until, why))


def decide_end(
    room: Room,
    tokens: Collection[str],
    reach: Reach,
    rules: Rules,
    now: datetime,
    *,
    outcome: str = "done",
    ended_at: datetime | None = None,
) -> Allowed | Refused:
    """End a visit: now, or when its seat says that it ended. A code or token of it is then worth nothing."""
    turn = Turn(room, reach, rules, now)
    # Before all that has come about: a seat that could not be heard may say only now that it was left in time.
    visit = room.visit_of(tokens)
    if visit is None:
        return Refused((block(Code.NOT_SEATED),))
    turn.end(visit, outcome, ended_at)
    return allowed(turn)


def decide_reserve(
    room: Room,
    visitor: Visitor,
    seat: str | None,
    starts_at: datetime,
    minutes: int,
    token: str,
    reach: Reach,
    rules: Rules,
    now: datetime,
) -> Allowed | Refused:
    """May this visitor have a seat at a later hour of today, for so long? No seat named is the first that can be had.

    Nothing is reserved while somebody waits: an hour that comes soon would be a way round the queue.
    """
    turn, starts_at = Turn.begin(room, reach, rules, now), from_ms(to_ms(starts_at))
    policy = rules.room(room.branch, visitor.category)
    group = visitor.group(policy, now)
    blocks = [*visitor_blocks(visitor, policy, now)]
    if visitor.standing is None or not policy.reserve_minutes:
        blocks.append(block(Code.NO_RESERVATIONS))
    own = turn.room.reservation_of(visitor.tokens)
    if own is not None:
        blocks.append(block(Code.ALREADY_RESERVED, seat=own.seat, time=own.starts_at))
    if any(turn.room.waiting):
        blocks.append(block(Code.QUEUE_FIRST))
    under_way = turn.room.visit_of(visitor.tokens)
    left = left_today(turn.room, visitor.tokens, policy, under_way.ends_at if under_way else turn.now)
    length = min(timedelta(minutes=max(policy.least_minutes, min(minutes, policy.minutes_visit))), left)
    if left < policy.least:
        blocks.append(block(Code.NO_MINUTES_LEFT, minutes=policy.minutes_day))
    closing = turn.calendar.closes_at(starts_at)
    if starts_at <= turn.now or local_day(starts_at) != local_day(turn.now):
        blocks.append(block(Code.RESERVE_FOR_TODAY))
    elif closing is None:
        blocks.append(closed(turn.calendar, starts_at))
    elif closing - starts_at < policy.least:
        blocks.append(block(Code.ROOM_CLOSES_SOON, time=closing))
    if blocks or closing is None:
        return Refused(tuple(blocks))
    ends_at = min(starts_at + length, closing)
    named = [one for one in room.seats if seat in {None, one.seat}]
    suiting = [one for one in named if one.suits(group) and one.seat not in turn.room.broken]
    if not suiting:
        blocks = [block(Code.NO_SEAT_FOR_VISITOR)] if seat is None else [*seat_blocks(turn, seat, group)]
        return Refused(tuple(blocks))
    chosen = next((one for one in suiting if not turn.taken_between(one.seat, starts_at, ends_at)), None)
    if chosen is None:
        return Refused((block(Code.HOUR_TAKEN, time=starts_at),))
    until = min(starts_at + timedelta(minutes=policy.reserve_minutes), ends_at)
    times = (to_ms(starts_at), to_ms(until), to_ms(ends_at))
    turn.record(ev.SeatReserved(token, chosen.seat, *times, visitor.category, group.value))
    return allowed(turn)


def hours_to_reserve(
    room: Room, visitor: Visitor, minutes: int, reach: Reach, rules: Rules, now: datetime
) -> tuple[datetime, ...]:
    """The hours of today, by the quarter, at which :func:`decide_reserve` says yes: no others are to be offered."""
    first = now + (_OFFERED_EVERY - timedelta(seconds=now.timestamp() % _OFFERED_EVERY.total_seconds()))
    hours = (first + n * _OFFERED_EVERY for n in range(timedelta(days=1) // _OFFERED_EVERY))
    return tuple(
        at
        for at in hours
        if rules.calendar(room.branch).is_open_at(at)
        and isinstance(decide_reserve(room, visitor, None, at, minutes, "", reach, rules, now), Allowed)
    )


def decide_cancel(room: Room, tokens: Collection[str], reach: Reach, rules: Rules, now: datetime) -> Allowed | Refused:
    """Give a reserved hour back."""
    turn = Turn.begin(room, reach, rules, now)
    reservation = turn.room.reservation_of(tokens)
    if reservation is None:
        return Refused((block(Code.NOT_RESERVED),))
    turn.record(ev.ReservationEnded(reservation.visit, "cancelled"))
    return allowed(turn)


def fresh(room: Room, tokens: Iterator[str]) -> str:
    """The first of some random tokens whose guest code nobody in the room has."""
    taken = {guest_code(token) for token in room.guests()}
    return next(token for token in tokens if guest_code(token) not in taken)


def guest_of(room: Room, code: str) -> str | Refused:
    """The token of the guest whose code this is. A code that never was and one that is used up are refused alike."""
    typed = "".join(code.split()).upper()
    found = next((token for token in room.guests() if guest_code(token) == typed), None)
    return found if found is not None else Refused((block(Code.GUEST_CODE_UNKNOWN),))


def _choose(turn: Turn, seat: str | None, group: Group, least: timedelta, held: Collection[str]) -> Seat | Refused:
    """The seat that was named, or one that is ``held`` for the visitor, or the best; or why it cannot be had."""
    for name in held if seat is None else ():
        found = turn.room.seat(name)
        if found is not None and not any(seat_blocks(turn, name, group, held)):
            return found
    if seat is None:
        best = turn.open_seats(group, least)
        if best:
            return best[0]
        if not any(one.suits(group) for one in turn.room.seats):
            return Refused((block(Code.NO_SEAT_FOR_VISITOR),))
        if turn.closing is not None and turn.closing - turn.now < least:
            return Refused((block(Code.ROOM_CLOSES_SOON, time=turn.closing),))
        return Refused((block(Code.ROOM_FULL),))
    chosen = turn.room.seat(seat)
    blocks = [*seat_blocks(turn, seat, group, held)]
    if not blocks and chosen is not None and seat not in held and turn.first_waiting(chosen) is not None:
        blocks.append(block(Code.QUEUE_FIRST))
    return Refused(tuple(blocks)) if blocks or chosen is None else chosen
