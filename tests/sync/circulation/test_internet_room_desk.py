"""What staff may do in the internet room, and classes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync.circulation import events as ev
from sync.circulation.blocks import Code, Refused
from sync.circulation.internet_room import decide_seat
from sync.circulation.room import Group, Room, SeatState
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
from sync.circulation.room_reasons import Allowed
from tests.sync.circulation.plain import PROVINCE
from tests.sync.circulation.rooms import ALL, ROOM, RULES, SEATS, TODAY, at, happens, ms, reader, room_of, taken

SEATED = room_of(taken("t1", "01", "9:00", "10:00"))
BOOKED = room_of(happens(ev.RoomBooked("b0", ms("9:00"), ms("10:00")), "8:00"))
NEW = "00ff00ff00ff00ff"


def allowed(decided: Allowed | Refused) -> tuple[ev.Event, ...]:
    assert isinstance(decided, Allowed), decided
    return decided.events


def refused(decided: Allowed | Refused) -> list[Code]:
    assert isinstance(decided, Refused), decided
    return [*decided.codes]


# --- visits -----------------------------------------------------------------------------------------------------------


def test_staff_end_a_visit_by_its_seat() -> None:
    assert allowed(decide_clear(SEATED, "01", ALL, RULES, at("9:15"))) == (
        ev.SeatLeft("t1", "01", PROVINCE, ms("9:15"), 900, "staff", "muon"),
    )
    assert refused(decide_clear(SEATED, "02", ALL, RULES, at("9:15"))) == [Code.SEAT_NOT_IN_USE]


@pytest.mark.parametrize(
    ("minutes", "ends", "added"),
    [(10, "10:10", 600), (90, "11:30", 5400), (300, "11:30", 5400)],
)
def test_staff_add_time_beyond_the_quota_and_never_beyond_closing(minutes: int, ends: str, added: int) -> None:
    assert allowed(decide_add_time(SEATED, "01", minutes, ALL, RULES, at("9:15"))) == (
        ev.SeatExtended("t1", "01", ms(ends), added),
    )


def test_time_that_staff_give_uses_no_quota() -> None:
    given = room_of(happens(ev.SeatExtended("t1", "01", ms("10:20"), 1200), "9:15"), room=SEATED)
    assert given.used_ms({"t1"}, at("10:20")) == 60 * 60_000
    assert given.used_ms({"t1"}, at("9:10")) == 0, "what was given is used first"


def test_there_is_no_time_to_give_at_closing_or_before_others() -> None:
    late = room_of(taken("t1", "01", "10:30", "11:30"))
    assert refused(decide_add_time(late, "01", 10, ALL, RULES, at("11:00"))) == [Code.VISIT_ENDS_AT_CLOSING]
    kept = happens(ev.SeatReserved("r1", "01", ms("10:00"), ms("10:10"), ms("11:00"), "muon"), "9:01")
    assert refused(decide_add_time(room_of(kept, room=SEATED), "01", 10, ALL, RULES, at("9:15"))) == [
        Code.SEAT_KEPT_SOON
    ]
    assert refused(decide_add_time(SEATED, "02", 10, ALL, RULES, at("9:15"))) == [Code.SEAT_NOT_IN_USE]
    with pytest.raises(ValueError, match="never taken"):
        decide_add_time(SEATED, "01", 0, ALL, RULES, at("9:15"))


# --- seats ------------------------------------------------------------------------------------------------------------


def test_whoever_sits_at_a_seat_that_breaks_goes_on_at_another() -> None:
    assert allowed(decide_broken(SEATED, "01", ALL, RULES, at("9:15"))) == (
        ev.SeatBroken("01"),
        ev.SeatMoved("t1", "01", "04", ms("10:00")),
    )


def test_or_keeps_the_rest_of_the_minutes_where_no_other_is_free() -> None:
    events = allowed(decide_broken(SEATED, "01", frozenset({"01"}), RULES, at("9:15")))
    assert events == (ev.SeatBroken("01"), ev.SeatLeft("t1", "01", PROVINCE, ms("9:15"), 900, "broken", "muon"))
    after = room_of(*(happens(event, "9:15") for event in events), room=SEATED)
    assert after.used_ms({"t1"}, at("9:20")) == 15 * 60_000


def test_a_seat_that_is_kept_soon_is_not_the_one_to_go_on_at() -> None:
    kept = happens(ev.SeatReserved("r1", "04", ms("9:30"), ms("9:40"), ms("10:30"), "muon"), "9:01")
    events = allowed(decide_broken(room_of(kept, room=SEATED), "01", ALL, RULES, at("9:15")))
    assert events[1] == ev.SeatMoved("t1", "01", "02", ms("10:00"))


def test_breaking_and_mending_twice_is_as_good_as_once() -> None:
    broken = room_of(happens(ev.SeatBroken("02"), "9:00"))
    assert allowed(decide_broken(broken, "02", ALL, RULES, at("9:15"))) == ()
    assert allowed(decide_mended(broken, "02", ALL, RULES, at("9:15"))) == (ev.SeatMended("02"),)
    assert allowed(decide_mended(ROOM, "02", ALL, RULES, at("9:15"))) == ()
    assert refused(decide_broken(ROOM, "9", ALL, RULES, at("9:15"))) == [Code.SEAT_UNKNOWN]
    assert refused(decide_mended(ROOM, "9", ALL, RULES, at("9:15"))) == [Code.SEAT_UNKNOWN]


def test_a_mended_seat_goes_to_who_waits() -> None:
    room = room_of(
        *(taken(f"v{seat}", seat, "9:00", "10:00") for seat in ("01", "03", "04")),
        happens(ev.SeatBroken("02"), "9:00"),
        happens(ev.QueueJoined("q1", 1, PROVINCE, "muon", "grown"), "9:01"),
    )
    assert allowed(decide_mended(room, "02", ALL, RULES, at("9:15"))) == (
        ev.SeatMended("02"),
        ev.QueueCalled("q1", "02", ms("9:18")),
    )


# --- the whole room ---------------------------------------------------------------------------------------------------


def test_locking_all_ends_every_visit_and_keeps_the_queue() -> None:
    room = room_of(
        *(taken(f"v{seat}", seat, "9:00", "10:00") for seat in ("01", "02", "03")),
        happens(ev.QueueJoined("q1", 1, PROVINCE, "muon", "grown"), "9:01"),
        happens(ev.QueueCalled("q1", "04", ms("9:18")), "9:15"),
    )
    events = allowed(decide_lock(room, ALL, RULES, at("9:16")))
    assert [type(event) for event in events] == [ev.SeatLeft] * 3 + [ev.RoomLocked, ev.QueueReturned]
    locked = room_of(*(happens(event, "9:16") for event in events), room=room)
    assert allowed(decide_lock(locked, ALL, RULES, at("9:17"))) == ()
    assert allowed(decide_unlock(locked, ALL, RULES, at("9:20"))) == (
        ev.RoomUnlocked(),
        ev.QueueCalled("q1", "04", ms("9:23")),
    )
    assert allowed(decide_unlock(ROOM, ALL, RULES, at("9:20"))) == ()


# --- classes ----------------------------------------------------------------------------------------------------------


def book(room: Room, since: str, until: str, *seats: str, when: str = "8:00") -> Allowed | Refused:
    return decide_booking(room, "b1", at(since), at(until), seats, ALL, RULES, at(when))


def test_the_room_is_kept_for_a_class_and_readers_are_told_when_it_ends() -> None:
    assert allowed(book(ROOM, "9:00", "10:30")) == (ev.RoomBooked("b1", ms("9:00"), ms("10:30")),)
    room = room_of(happens(ev.RoomBooked("b1", ms("9:00"), ms("10:30")), "8:00"))
    decided = decide_seat(room, reader(), "01", NEW, ALL, RULES, at("9:10"))
    assert isinstance(decided, Refused)
    assert decided.blocks[0].say("vi") == (
        "Máy 01 dành cho một lớp học đến 10:30. Mời bạn chọn máy khác hoặc trở lại sau đó."
    )
    assert isinstance(decide_seat(room, reader(), "01", NEW, ALL, RULES, at("10:30")), Allowed)


@pytest.mark.parametrize(
    ("room", "since", "until", "seats", "codes"),
    [
        (ROOM, "9:00", "9:00", (), [Code.TIMES_REVERSED]),
        (ROOM, "7:30", "7:50", (), [Code.TIMES_REVERSED]),
        (ROOM, "11:00", "13:30", (), [Code.BOOKING_SHUT]),
        (ROOM, "12:00", "12:30", (), [Code.BOOKING_SHUT]),
        (ROOM, "9:00", "10:00", ("01", "9"), [Code.SEAT_UNKNOWN]),
        (SEATED, "9:59", "10:30", (), [Code.BOOKING_TOO_SOON]),
        (SEATED, "9:59", "10:30", ("02",), []),
        (SEATED, "10:00", "10:30", (), []),
        (BOOKED, "9:30", "10:30", (), [Code.BOOKING_TOO_SOON]),
        (BOOKED, "10:00", "10:30", (), []),
    ],
)
def test_nobody_is_sent_away_for_a_class_and_it_stays_within_opening_hours(
    room: Room, since: str, until: str, seats: tuple[str, ...], codes: list[Code]
) -> None:
    decided = book(room, since, until, *seats)
    assert ([*decided.codes] if isinstance(decided, Refused) else []) == codes


def test_a_class_is_booked_for_another_day_too_and_can_be_cancelled() -> None:
    friday = TODAY + timedelta(days=3)
    events = allowed(decide_booking(ROOM, "b1", at("9:00", friday), at("10:00", friday), (), ALL, RULES, at("8:00")))
    room = room_of(*(happens(event, "8:00") for event in events))
    assert room.bookings[0].booking == "b1"
    assert allowed(decide_cancel_booking(room, "b1", ALL, RULES, at("8:01"))) == (ev.BookingCancelled("b1"),)
    assert refused(decide_cancel_booking(ROOM, "b1", ALL, RULES, at("8:01"))) == [Code.BOOKING_UNKNOWN]
    over = room_of(happens(ev.SeatBroken("01"), "10:00", friday), room=room)
    assert over.bookings == (), "a class that is over is forgotten"


def test_a_class_gets_every_seat_that_is_free_or_kept_for_it() -> None:
    assert allowed(decide_class(SEATED, NEW, at("9:45"), ALL, RULES, at("9:00"))) == (
        ev.ClassSeated(NEW, PROVINCE, ("02", "03", "04"), ms("9:45")),
    )
    booked = room_of(happens(ev.RoomBooked("b1", ms("9:00"), ms("10:30"), ("02", "04")), "8:00"))
    (event,) = allowed(decide_class(booked, NEW, at("12:00"), ALL - {"04"}, RULES, at("9:00")))
    assert event == ev.ClassSeated(NEW, PROVINCE, ("01", "02", "03"), ms("11:30"))


def test_a_class_gets_no_seat_that_is_somebody_elses() -> None:
    room = room_of(
        happens(ev.SeatReserved("r1", "01", ms("9:30"), ms("9:40"), ms("10:00"), "muon"), "8:00"),
        happens(ev.SeatReserved("r2", "02", ms("8:30"), ms("9:01"), ms("9:40"), "muon"), "8:00"),
        happens(ev.RoomBooked("b2", ms("9:40"), ms("10:30"), ("03",)), "8:00"),
    )
    (event,) = allowed(decide_class(room, NEW, at("9:45"), ALL, RULES, at("9:00")))
    assert event == ev.ClassSeated(NEW, PROVINCE, ("04",), ms("9:45"))


@pytest.mark.parametrize(
    ("room", "when", "until", "code"),
    [
        (ROOM, "12:00", "13:00", Code.BOOKING_SHUT),
        (ROOM, "9:00", "9:00", Code.TIMES_REVERSED),
        (room_of(happens(ev.RoomLocked(), "8:00")), "9:00", "10:00", Code.ROOM_LOCKED),
        (room_of(*(taken(f"v{s.seat}", s.seat, "9:00", "10:00") for s in SEATS)), "9:01", "10:00", Code.HOUR_TAKEN),
    ],
)
def test_a_class_that_cannot_be_seated_is_told_why(room: Room, when: str, until: str, code: Code) -> None:
    assert refused(decide_class(room, NEW, at(until), ALL, RULES, at(when))) == [code]


def test_a_class_is_nobodys_visit_and_uses_no_quota() -> None:
    room = room_of(happens(ev.ClassSeated("c1", PROVINCE, ("01", "02"), ms("10:00")), "9:00"))
    assert room.visit_of({"c1"}) is None
    assert room.state("01", ALL, at("9:10")) is SeatState.BUSY
    (event,) = allowed(decide_clear(room, "01", ALL, RULES, at("9:30")))
    assert event == ev.SeatLeft("c1", "01", PROVINCE, ms("9:30"), 1800, "staff", "class")
    assert room_of(happens(event, "9:30"), room=room).spent == {}


def test_a_class_leaves_seats_to_who_waits_for_them() -> None:
    # The number is not called, because the seat is kept too soon for a visit; a class may not have it either.
    room = room_of(
        *(taken(f"v{seat}", seat, "9:00", "10:00") for seat in ("01", "02", "03")),
        happens(ev.SeatReserved("r1", "04", ms("9:07"), ms("9:17"), ms("10:00"), "muon"), "8:50"),
        happens(ev.QueueJoined("q1", 1, PROVINCE, "muon", Group.GROWN.value), "9:00"),
    )
    assert refused(decide_class(room, NEW, at("9:05"), ALL, RULES, at("9:01"))) == [Code.HOUR_TAKEN]
    assert allowed(decide_class(replace(room, queue=()), NEW, at("9:05"), ALL, RULES, at("9:01")))
