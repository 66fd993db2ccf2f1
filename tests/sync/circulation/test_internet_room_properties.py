"""What holds in an internet room whatever happens in it; the checks themselves stand in :mod:`.rooms`.

No two readers on one seat, nobody overtakes the queue, minutes used never exceed the quota, no visit outlasts its end
time or the opening hours, and a station that is killed comes back with the room as it was.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.blocks import Refused
from sync.circulation.internet_room import (
    decide_cancel,
    decide_end,
    decide_extend,
    decide_leave_queue,
    decide_move,
    decide_queue,
    decide_reserve,
    decide_seat,
    fresh,
)
from sync.circulation.model import local_day
from sync.circulation.room import Audience, Room, Seat
from sync.circulation.room_desk import (
    decide_add_time,
    decide_booking,
    decide_broken,
    decide_cancel_booking,
    decide_class,
    decide_clear,
    decide_lock,
    decide_mended,
    decide_unlock,
)
from sync.circulation.room_reasons import Allowed, Visitor
from sync.circulation.room_turns import Turn, due, next_due
from sync.circulation.rules import Rules
from tests.sync.circulation.plain import PROVINCE
from tests.sync.circulation.rooms import (
    ROOM,
    RULES,
    TODAY,
    Overtaken,
    Station,
    at,
    guest,
    ms,
    reader,
)

READERS = ("muon-1", "muon-2", "muon-3", "child-1", "child-2", "guest-1", "guest-2")
SEATS = ("01", "02", "03", "04", "99", None)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody does, after a while."""

    what: str
    who: str
    seat: str | None
    minutes: int
    after: timedelta


class Day(Station):
    """A station in which things are done by name."""

    def __init__(self, room: Room = ROOM, rules: Rules = RULES, start: datetime | None = None) -> None:
        super().__init__(room, rules)
        self.now = start or at("8:00")
        self.tokens = 0

    def token(self) -> str:
        self.tokens += 1
        return f"{self.tokens:016x}"

    def visitor(self, who: str) -> Visitor:
        category = who.split("-", maxsplit=1)[0]
        mine = self.tokens_of(who)
        if category == "guest":  # a guest is nobody once she has gone
            return guest(*(mine & set(self.room.guests())))
        return reader(category, *mine)

    def do(self, deed: Deed) -> Allowed | Refused | None:
        self.now += deed.after
        decided = self.decided(deed)
        if decided is not None:
            self.does(decided, self.now, deed.who)
        if not isinstance(decided, Refused):
            self.nobody_waits_before_a_free_seat()
        return decided

    def decided(self, deed: Deed) -> Allowed | Refused | None:
        world, now = (self.reach, self.rules, self.now), self.now
        visitor = self.visitor(deed.who)
        match deed.what:
            case "seat":
                token = fresh(self.room, iter(self.token, ""))
                return decide_seat(self.room, visitor, deed.seat, token, *world)
            case "queue":
                return decide_queue(self.room, visitor, fresh(self.room, iter(self.token, "")), *world)
            case "leave_queue":
                return decide_leave_queue(self.room, visitor.tokens, *world)
            case "extend":
                return decide_extend(self.room, visitor.tokens, *world)
            case "move":
                return decide_move(self.room, visitor.tokens, deed.seat, *world)
            case "end":
                return decide_end(self.room, visitor.tokens, *world)
            case "end_told_late":
                ended_at = now - timedelta(minutes=deed.minutes)
                return decide_end(self.room, visitor.tokens, *world, outcome="hidden", ended_at=ended_at)
            case "reserve":
                starts_at = now + timedelta(minutes=deed.minutes)
                return decide_reserve(self.room, visitor, deed.seat, starts_at, 45, self.token(), *world)
            case "cancel":
                return decide_cancel(self.room, visitor.tokens, *world)
            case "clear":
                return decide_clear(self.room, deed.seat or "01", *world)
            case "add_time":
                return decide_add_time(self.room, deed.seat or "01", deed.minutes, *world)
            case "broken":
                return decide_broken(self.room, deed.seat or "02", *world)
            case "mended":
                return decide_mended(self.room, deed.seat or "02", *world)
            case "lock":
                return decide_lock(self.room, *world)
            case "unlock":
                return decide_unlock(self.room, *world)
            case "booking":
                starts_at = now + timedelta(minutes=deed.minutes)
                seats = (deed.seat,) if deed.seat else ()
                ends_at = starts_at + timedelta(minutes=30)
                return decide_booking(self.room, self.token(), starts_at, ends_at, seats, *world)
            case "cancel_booking":
                booking = self.room.bookings[0].booking if self.room.bookings else "none"
                return decide_cancel_booking(self.room, booking, *world)
            case "class":
                return decide_class(self.room, self.token(), now + timedelta(minutes=deed.minutes), *world)
            case "lost":
                self.reach -= {deed.seat or "01"}
            case "back":
                self.reach = frozenset(seat.seat for seat in self.room.seats)
            case "overnight":
                self.now = at("8:00", local_day(self.now) + timedelta(days=1))
            case "killed":
                self.killed()
            case _:
                raise AssertionError(deed.what)
        self.time_passes(self.now)
        return None

    def nobody_waits_before_a_free_seat(self) -> None:
        """After every decision the queue has been served, and what comes next is known."""
        turn = Turn(self.room, self.reach, self.rules, self.now)
        if turn.calendar.is_open_at(self.now) and not self.room.locked:
            for ticket in self.room.waiting:
                policy = self.rules.room(PROVINCE, ticket.category)
                assert turn.free_seats(ticket.group, policy.least + policy.sit_down) == []
        else:
            assert all(ticket.seat is None for ticket in self.room.queue)
        coming = next_due(self.room, self.rules, self.now)
        assert coming is None or due(self.room, self.reach, self.rules, coming - timedelta(milliseconds=1)) == ()


OFTEN = ("seat", "seat", "seat", "queue", "queue", "end", "extend", "move", "reserve")
SELDOM = (
    *("leave_queue", "end_told_late", "cancel", "clear", "add_time", "broken", "mended", "mended", "booking"),
    *("cancel_booking", "cancel_booking", "class", "lost", "back", "overnight", "lock", *3 * ("unlock",), "killed"),
)

DEEDS = st.builds(
    Deed,
    st.sampled_from((*OFTEN, *OFTEN, *SELDOM)),
    st.sampled_from(READERS),
    st.sampled_from(SEATS),
    st.integers(1, 90),
    st.integers(0, 12 * 60_000).map(lambda n: timedelta(milliseconds=n)) | st.just(timedelta(0)),
)


@given(st.lists(DEEDS, min_size=20, max_size=60))
def test_whatever_is_done_in_a_room_everybody_gets_what_is_theirs_and_no_more(deeds: list[Deed]) -> None:
    day = Day()
    for deed in deeds:
        decided = day.do(deed)
        if isinstance(decided, Refused):
            event(f"{deed.what} refused: {decided.codes[0]}")
    day.killed()


@given(st.lists(DEEDS, min_size=10, max_size=40), st.lists(st.booleans(), min_size=40, max_size=40))
def test_it_does_not_matter_how_often_somebody_looks(deeds: list[Deed], looks: list[bool]) -> None:
    """A station that ticks and one that only wakes when something is wanted decide alike, and end visits alike."""
    ticking, sleeping = Day(), Day()
    for deed, look in zip(deeds, looks, strict=False):
        if deed.what in {"lost", "back"}:  # these are learnt by looking
            continue
        while look and (coming := next_due(ticking.room, RULES, ticking.now)) and coming < ticking.now + deed.after:
            # Numbers are called when somebody looks, so only visits' ends are looked at here.
            if ticking.room.queue:
                break
            ticking.time_passes(coming)
        if ticking.room.queue:
            return
        assert [*map(type, _seen(ticking.do(deed)))] == [*map(type, _seen(sleeping.do(deed)))]
    ticking.time_passes(ticking.now)
    sleeping.time_passes(sleeping.now)
    assert _ends(ticking) == _ends(sleeping)


def _seen(decided: Allowed | Refused | None) -> list[ev.Event]:
    """What a decision was, without what had come about before it."""
    events = decided.events if isinstance(decided, Allowed) else ()
    return [e for e in events if not isinstance(e, ev.SeatLeft | ev.ReservationEnded | ev.QueueLeft)]


def _ends(station: Station) -> list[tuple[str, int]]:
    return sorted((e.event.visit, e.event.ended_at) for e in station.entries if isinstance(e.event, ev.SeatLeft))


# --- do the checks find what they are for -----------------------------------------------------------------------------


def spoilt(*events: ev.Event) -> Callable[[], None]:
    def run() -> None:
        station = Station()
        station.owners = {"t1": "muon-1", "t2": "muon-1", "t3": "muon-3"}
        for n, one in enumerate(events):
            station.record((one,), at("9:00") + timedelta(minutes=n))

    return run


def taken(visit: str, seat: str, until: str = "10:00") -> ev.SeatTaken:
    return ev.SeatTaken(visit, seat, PROVINCE, ms(until), "muon", "grown")


JOINED = (
    ev.QueueJoined("t1", 1, PROVINCE, "muon", "grown"),
    ev.QueueJoined("t3", 2, PROVINCE, "muon", "grown"),
)
TOO_LATE = ev.SeatLeft("t1", "01", PROVINCE, ms("10:01"), 3660, "done", "muon")


@pytest.mark.parametrize(
    ("run", "error"),
    [
        (spoilt(taken("t1", "01"), taken("t3", "01")), AssertionError),
        (spoilt(taken("t1", "01"), taken("t2", "02")), AssertionError),
        (spoilt(taken("t1", "01", "11:31")), AssertionError),
        (spoilt(ev.SeatBroken("01"), taken("t1", "01")), AssertionError),
        (spoilt(*JOINED[:1], taken("t3", "01")), Overtaken),
        (spoilt(*JOINED, ev.QueueCalled("t3", "01", ms("9:09"))), Overtaken),
        (spoilt(taken("t1", "01"), TOO_LATE), AssertionError),
    ],
)
def test_the_checks_find_what_they_are_for(run: Callable[[], None], error: type[Exception]) -> None:
    with pytest.raises(error):
        run()


def test_the_check_of_the_quota_finds_a_minute_too_much() -> None:
    station = Station()
    station.record((taken("t1", "01", "11:30"),), at("9:00"))
    with pytest.raises(AssertionError):
        station.record((ev.SeatLeft("t1", "01", PROVINCE, ms("11:01"), 7260, "done", "muon"),), at("11:02"))


# --- the largest room of the network ----------------------------------------------------------------------------------


LARGE = Room(
    PROVINCE,
    tuple(Seat(f"{n:02}", Audience.CHILDREN if n > 34 else Audience.ANYONE) for n in range(1, 41)),
)


class BusyDay:
    """One day of the largest room: people come in two waves, sit down or take a number, stay a while, and go."""

    def __init__(self, station: Day, day: date, rng: random.Random, visitors: int) -> None:
        self.station, self.rng = station, rng
        self.coming: list[tuple[datetime, str, str]] = []
        for n in range(visitors):
            kind = rng.choices(("muon", "child", "guest"), (80, 30, 40))[0]
            who = f"{kind}-{n if kind == 'guest' else rng.randrange(110)}"
            since = at(rng.choice(("8:00", "13:30")), day) + timedelta(seconds=rng.randrange(2700))
            heapq.heappush(self.coming, (since, "comes", who))
        heapq.heappush(self.coming, (at("9:00", day), "breaks", f"{rng.randrange(1, 41):02}"))

    def run(self, until: datetime) -> None:
        """All that happens, each at its own moment, the rules' own moments among them."""
        station = self.station
        while self.coming:
            when, what, who = self.coming[0]
            coming = next_due(station.room, station.rules, station.now)
            if coming is not None and coming < when:
                station.now = coming
                station.time_passes(coming)
            else:
                heapq.heappop(self.coming)
                station.now = max(station.now, when)
                self.happens(what, who)
            self.called_sit_down()
        station.now = until
        station.time_passes(until)

    def happens(self, what: str, who: str) -> None:
        match what:
            case "comes":
                if not self.sits_down(who, None):
                    self.do("queue", who)
            case "goes":
                self.do("end", who)
            case "stays":
                self.do("extend", who)
            case "breaks":
                self.do("broken", "", who)
                heapq.heappush(self.coming, (self.station.now + timedelta(hours=1), "works", who))
            case "works":
                self.do("mended", "", who)
            case _:
                raise AssertionError(what)

    def called_sit_down(self) -> None:
        """Most of those whose number is called come, and some have gone home."""
        for ticket in self.station.room.queue:
            if ticket.seat is not None and self.rng.random() < 0.4:
                self.sits_down(self.station.owners[ticket.visit], ticket.seat)

    def sits_down(self, who: str, seat: str | None) -> bool:
        if not isinstance(self.do("seat", who, seat), Allowed):
            return False
        goes = self.station.now + timedelta(minutes=self.rng.choice((10, 25, 55, 90)))
        heapq.heappush(self.coming, (goes, "goes", who))
        heapq.heappush(self.coming, (self.station.now + timedelta(minutes=52), "stays", who))
        return True

    def do(self, what: str, who: str, seat: str | None = None) -> Allowed | Refused | None:
        return self.station.do(Deed(what, who, seat, 0, timedelta(0)))


def test_forty_seats_and_a_hundred_and_fifty_visits_a_day_for_thirty_days() -> None:
    """Load of the largest room: facts/internet-room.md, 5 and 6."""
    rng = random.Random(1945)
    station = Day(LARGE, start=at("7:00"))
    days = [day for n in range(42) if (day := TODAY + timedelta(days=n)).weekday() < 5]
    for day in days:
        station.owners.clear()
        BusyDay(station, day, rng, 150).run(at("18:00", day))
        assert station.room.visits == {}
        assert station.room.queue == ()
    station.killed()
    count = Counter(type(entry.event) for entry in station.entries)
    assert len(days) == 30
    assert count[ev.SeatTaken] == count[ev.SeatLeft] > 30 * 110
    assert all(count[kind] > 300 for kind in (ev.QueueJoined, ev.QueueCalled, ev.SeatExtended))
    assert count[ev.QueueLeft] > 10
    assert count[ev.SeatBroken] == count[ev.SeatMended] == 30
