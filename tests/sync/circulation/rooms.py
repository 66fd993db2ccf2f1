"""A small internet room on a plain day, with all that happens in it written down and checked.

:class:`Station` does what a station will: it asks the rules, records the events that they answer with, and keeps the
room that these add up to. It checks every event as it is recorded, by what has been recorded before and not by the
rules' own words: who sits where, who waits before whom, what each reader has used, when each visit had to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sync.circulation import events as ev
from sync.circulation.blocks import Refused
from sync.circulation.decisions import Standing
from sync.circulation.events import Entry, decode, encode, from_ms, to_ms
from sync.circulation.model import LOCAL_ZONE, Patron, local_day
from sync.circulation.room import Audience, Group, Room, Seat, apply
from sync.circulation.room_policy import GUEST_CATEGORY, RoomRow
from sync.circulation.room_reasons import Allowed, Visitor
from sync.circulation.room_turns import due
from sync.circulation.rules import Rules
from tests.sync.circulation.plain import BRANCHES, HOURS, PROVINCE
from tests.sync.circulation.worlds import WINTER

#: A Tuesday in winter hours: 07:30 to 11:30 and 13:00 to 17:00.
TODAY = date(2027, 3, 2)

ROWS = (
    RoomRow(PROVINCE, minutes_day=120, minutes_visit=60, house_rules="1"),
    RoomRow(PROVINCE, "child", children=True, minutes_day=60, minutes_visit=30),
    RoomRow(PROVINCE, "doc", admitted=False),
    RoomRow(PROVINCE, GUEST_CATEGORY, admitted=True, minutes_visit=30, extension_minutes=0),
)
SEATS = (Seat("01"), Seat("02"), Seat("03", Audience.CHILDREN), Seat("04", Audience.GROWN_UPS))
ALL = frozenset(seat.seat for seat in SEATS)
ROOM = Room(PROVINCE, SEATS)
RULES = Rules(BRANCHES, (), (HOURS,), rooms=ROWS)

_BORN = {"child": date(2016, 5, 19), "muon": date(1990, 5, 19)}


def at(text: str, day: date = TODAY) -> datetime:
    """An instant by the library's clock: ``9:05`` or ``9:05:30``."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    moment = time(hours, minutes, seconds[0] if seconds else 0)
    return datetime.combine(day, moment, LOCAL_ZONE).astimezone(UTC)


def ms(text: str, day: date = TODAY) -> int:
    """The same as an event carries it."""
    return to_ms(at(text, day))


def reader(category: str = "muon", *tokens: str, born: date | None = None, owed: int = 0) -> Visitor:
    """A reader in good standing, who has accepted the house rules and, being a child, has a parent's consent."""
    patron = Patron("R1", "Nguyễn Thị Ánh", category, PROVINCE, date(2027, 12, 31), born or _BORN.get(category))
    return Visitor(Standing("R1", patron, owed=owed), frozenset(tokens), consent=True, accepted="1")


def guest(*tokens: str) -> Visitor:
    """A guest who has accepted the house rules."""
    return Visitor(None, frozenset(tokens), accepted="1")


STRANGER = Visitor(Standing("X1", None), accepted="1")


def taken(visit: str, seat: str, since: str, until: str, category: str = "muon", group: Group = Group.GROWN) -> Entry:
    """A visit that began, as an entry."""
    return happens(ev.SeatTaken(visit, seat, PROVINCE, ms(until), category, group.value), since)


def happens(event: ev.Event, when: str, day: date = TODAY) -> Entry:
    """An event by the library's clock, as an entry."""
    return Entry(1, at(when, day), 0, "b1", "kiosk", event)


def room_of(*entries: Entry, room: Room = ROOM) -> Room:
    """The room after some entries."""
    for entry in entries:
        room = apply(room, entry)
    return room


class Overtaken(AssertionError):
    """Somebody sat down before another whose turn it was."""


class Station:
    """A room and the ledger it comes from; who has which token is known here, as in a station's identity records."""

    def __init__(self, room: Room = ROOM, rules: Rules = RULES) -> None:
        self.empty = room
        self.room = room
        self.rules = rules
        self.reach = frozenset(seat.seat for seat in room.seats)
        self.entries: list[Entry] = []
        self.lines: list[str] = []
        self.owners: dict[str, str] = {}
        self.used: dict[tuple[str, date], timedelta] = {}
        self.given: dict[tuple[str, date], timedelta] = {}
        self.ends: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self.joined: dict[str, tuple[int, Group]] = {}
        self.reserved: set[str] = set()
        self.codes: list[str] = []

    def tokens_of(self, who: str) -> frozenset[str]:
        """All tokens of a reader."""
        return frozenset(token for token, owner in self.owners.items() if owner == who)

    def does(self, decided: Allowed | Refused, now: datetime, who: str = "") -> Allowed | Refused:
        """Record what was decided; a refusal is recorded by its codes, as the ledger does."""
        if isinstance(decided, Refused):
            self.codes += decided.codes
            self.record((ev.Refusal("seat", decided.codes),), now, who)
        else:
            self.record(decided.events, now, who)
        return decided

    def time_passes(self, now: datetime) -> None:
        """Record what has come about."""
        self.record(due(self.room, self.reach, self.rules, now), now)
        assert due(self.room, self.reach, self.rules, now) == (), "nothing is due twice"

    def record(self, events: Sequence[ev.Event], now: datetime, who: str = "") -> None:
        for event in events:
            entry = Entry(len(self.entries) + 1, now, 0, "b1", "kiosk", event)
            line = encode(entry)
            assert decode(line) == entry
            if who and isinstance(event, ev.SeatTaken | ev.QueueJoined | ev.SeatReserved):
                self.owners.setdefault(event.visit, who)
            self._check(event, now)
            self.room = apply(self.room, entry)
            self.entries.append(entry)
            self.lines.append(line)

    def killed(self) -> None:
        """The station dies, and comes back with what its ledger says."""
        again = self.empty
        for line in self.lines:
            again = apply(again, decode(line))
        assert again == self.room

    # --- checks, by the entries alone ---

    def _check(self, event: ev.Event, now: datetime) -> None:
        match event:
            case ev.SeatTaken():
                self._sits_down(event.visit, event.seat, from_ms(event.ends_at), now)
                called = self.room.ticket_of({event.visit})
                if event.visit not in self.reserved and (called is None or called.seat != event.seat):
                    self._overtakes_nobody(event.seat, called.number if called is not None else None)
                self.joined.pop(event.visit, None)
                self.reserved.discard(event.visit)
            case ev.ClassSeated():
                for seat in event.seats:
                    self._sits_down(event.visit, seat, from_ms(event.ends_at), now)
                    if not any(b.covers(seat) and b.starts_at <= now < b.ends_at for b in self.room.bookings):
                        self._overtakes_nobody(seat, None)
            case ev.SeatMoved():
                since, _ = self.ends.pop((event.visit, event.seat))
                self._sits_down(event.visit, event.to, from_ms(event.ends_at), since)
                self._overtakes_nobody(event.to, None)
            case ev.SeatExtended():
                since, before = self.ends[event.visit, event.seat]
                after = from_ms(event.ends_at)
                assert after > before
                self._within_hours(after, now)
                self.ends[event.visit, event.seat] = since, after
                key = self.owners.get(event.visit, event.visit), local_day(since)
                self.given[key] = self.given.get(key, timedelta(0)) + timedelta(seconds=event.added)
            case ev.SeatLeft():
                since, ends_at = self.ends.pop((event.visit, event.seat))
                ended_at = from_ms(event.ended_at)
                assert since <= ended_at <= min(ends_at, now)
                assert event.seconds == (ended_at - since) // timedelta(seconds=1)
                key = self.owners.get(event.visit, event.visit), local_day(since)
                self.used[key] = self.used.get(key, timedelta(0)) + (ended_at - since)
                self._within_quota(key, event.category)
            case ev.QueueJoined():
                assert all(event.number > number for number, _ in self.joined.values())
                self.joined[event.visit] = event.number, Group(event.group)
            case ev.QueueCalled():
                number, group = self.joined[event.visit]
                self._overtakes_nobody(event.seat, number)
                assert self._seat(event.seat).suits(group)
                assert all(ticket.seat != event.seat for ticket in self.room.queue)
            case ev.QueueLeft():
                self.joined.pop(event.visit)
            case ev.SeatReserved():
                assert not any(self.room.waiting)
                self.reserved.add(event.visit)
            case ev.ReservationEnded():
                self.reserved.discard(event.visit)
            case _:
                pass

    def _seat(self, name: str) -> Seat:
        seat = self.room.seat(name)
        assert seat is not None
        return seat

    def _sits_down(self, visit: str, seat: str, ends_at: datetime, since: datetime) -> None:
        assert all(taken != seat for _, taken in self.ends), "two on one seat"
        owner = self.owners.get(visit)
        if owner is not None:
            assert all(self.owners.get(other) != owner for other, _ in self.ends), "one reader on two seats"
        assert seat in self.reach
        assert seat not in self.room.broken
        self._within_hours(ends_at, since)
        self.ends[visit, seat] = since, ends_at

    def _within_hours(self, ends_at: datetime, since: datetime) -> None:
        """An end lies in the very hours in which the visit began."""
        here = ends_at.astimezone(LOCAL_ZONE)
        assert here.date() == local_day(since)
        began = since.astimezone(LOCAL_ZONE).time()
        assert any(hours.opens <= began < hours.closes and here.time() <= hours.closes for hours in WINTER)

    def _within_quota(self, key: tuple[str, date], category: str) -> None:
        quota = timedelta(minutes=self.rules.room(self.room.branch, category).minutes_day)
        if category != "class":
            assert self.used[key] <= quota + self.given.get(key, timedelta(0))

    def _overtakes_nobody(self, seat: str, number: int | None) -> None:
        called = {ticket.visit for ticket in self.room.queue if ticket.seat is not None}
        for visit, (other, group) in self.joined.items():
            before = number is None or other < number
            if visit not in called and before and self._seat(seat).suits(group):
                raise Overtaken(seat)
