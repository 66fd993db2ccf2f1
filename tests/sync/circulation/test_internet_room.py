"""What readers may do in the internet room, case by case."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.loader import Problems, build, dump
from sync.circulation import events as ev
from sync.circulation.blocks import Block, Code, Refused
from sync.circulation.calendar import Closure
from sync.circulation.decisions import Standing
from sync.circulation.events import from_ms
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
    guest_of,
    hours_to_reserve,
)
from sync.circulation.model import PatronBlock, PatronBlockKind
from sync.circulation.room import CODE_ALPHABET, CODE_LENGTH, Audience, Group, Room, Seat, SeatState, guest_code
from sync.circulation.room_reasons import Allowed, Visitor
from sync.circulation.room_turns import due, expected_wait, next_due
from tests.sync.circulation.plain import PROVINCE
from tests.sync.circulation.rooms import (
    ALL,
    ROOM,
    RULES,
    SEATS,
    STRANGER,
    TODAY,
    at,
    guest,
    happens,
    ms,
    reader,
    room_of,
    taken,
)

NEW = "00ff00ff00ff00ff"


def sits(room: Room, visitor: Visitor, when: str, seat: str | None = None, reach: frozenset[str] = ALL) -> ev.SeatTaken:
    """The visit that begins; a refusal fails."""
    decided = decide_seat(room, visitor, seat, NEW, reach, RULES, at(when))
    assert isinstance(decided, Allowed), decided
    (event,) = (event for event in decided.events if isinstance(event, ev.SeatTaken))
    return event


def refused(decided: Allowed | Refused) -> list[Code]:
    """The codes of a refusal; anything else fails."""
    assert isinstance(decided, Refused), decided
    return [*decided.codes]


def seat_refused(room: Room, visitor: Visitor, when: str, seat: str | None = None) -> list[Code]:
    return refused(decide_seat(room, visitor, seat, NEW, ALL, RULES, at(when)))


def allowed(decided: Allowed | Refused) -> tuple[ev.Event, ...]:
    """The events of a yes."""
    assert isinstance(decided, Allowed), decided
    return decided.events


def noticed(decided: Allowed | Refused) -> tuple[Block, ...]:
    assert isinstance(decided, Allowed), decided
    return decided.notices


def full(*, until: str = "10:00", but: str = "") -> Room:
    """A room in which every seat is taken, but one."""
    group = {"03": Group.CHILD}
    seats = [seat.seat for seat in SEATS if seat.seat != but]
    return room_of(*(taken(f"v{seat}", seat, "9:00", until, group=group.get(seat, Group.GROWN)) for seat in seats))


def with_queue(room: Room, *tokens: str, group: Group = Group.GROWN, when: str = "9:05") -> Room:
    """A room in which some have taken numbers, from 1 on."""
    joined = (
        ev.QueueJoined(token, n, PROVINCE, "muon", group.value) for n, token in enumerate(tokens, room.number + 1)
    )
    return room_of(*(happens(event, when) for event in joined), room=room)


# --- until when -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visitor", "spent", "when", "ends", "notice"),
    [
        (reader(), 0, "9:00", "10:00", None),
        (reader("muon", "t1"), 90, "9:00", "9:30", Code.ENDS_WITH_QUOTA),
        (reader("muon", "t1"), 60, "9:00", "10:00", Code.ENDS_WITH_QUOTA),
        (reader("child"), 0, "9:00", "9:30", None),
        (guest(), 0, "9:00", "9:30", None),
        (reader(), 0, "10:45", "11:30", Code.ENDS_AT_CLOSING),
        (reader(), 0, "10:30", "11:30", Code.ENDS_AT_CLOSING),
        (reader(), 0, "13:00", "14:00", None),
        (reader(), 0, "16:20", "17:00", Code.ENDS_AT_CLOSING),
        (reader("muon", "t1"), 100, "11:00", "11:20", Code.ENDS_WITH_QUOTA),
    ],
)
def test_a_visit_is_granted_until_quota_or_closing_whichever_is_first(
    visitor: Visitor, spent: int, when: str, ends: str, notice: Code | None
) -> None:
    room = replace(ROOM, day=TODAY, spent={"t1": spent * 60_000})
    decided = decide_seat(room, visitor, None, NEW, ALL, RULES, at(when))
    assert sits(room, visitor, when).ends_at == ms(ends)
    assert [n.code for n in noticed(decided)] == ([notice] if notice else [])


def test_the_end_is_said_at_the_start_and_in_which_words() -> None:
    (notice,) = noticed(decide_seat(ROOM, reader(), None, NEW, ALL, RULES, at("10:45")))
    assert notice.say("vi") == "Lượt này kết thúc lúc 11:30 vì phòng đóng cửa. Mời bạn lưu bài trước giờ đó."
    assert notice.say("en") == "This visit ends at 11:30, when the room closes. Please save your work before then."


def test_what_was_used_yesterday_counts_no_more() -> None:
    room = replace(ROOM, day=TODAY - timedelta(days=1), spent={"t1": 120 * 60_000}, number=41)
    assert sits(room, reader("muon", "t1"), "9:00").ends_at == ms("10:00")
    assert room.next_number(at("9:00")) == 1


def test_minutes_are_used_from_sitting_down_to_getting_up() -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"))
    assert room.used_ms({"t1"}, at("9:20")) == 20 * 60_000
    room = room_of(*(happens(e, "9:25") for e in allowed(decide_end(room, {"t1"}, ALL, RULES, at("9:25")))), room=room)
    assert room.used_ms({"t1"}, at("10:00")) == 25 * 60_000
    assert room.visits == {}


@pytest.mark.parametrize(
    ("spent", "when", "codes"),
    [
        (120, "9:00", [Code.NO_MINUTES_LEFT]),
        (116, "9:00", [Code.NO_MINUTES_LEFT]),
        (115, "9:00", None),
        (0, "11:25", None),
        (0, "11:25:01", [Code.ROOM_CLOSES_SOON]),
        (0, "11:30", [Code.ROOM_CLOSED]),
        (0, "12:59:59", [Code.ROOM_CLOSED]),
        (0, "7:29:59", [Code.ROOM_CLOSED]),
        (0, "17:00", [Code.ROOM_CLOSED]),
    ],
)
def test_a_visit_too_short_to_be_worth_it_is_not_begun(spent: int, when: str, codes: list[Code] | None) -> None:
    room = replace(ROOM, day=TODAY, spent={"t1": spent * 60_000})
    decided = decide_seat(room, reader("muon", "t1"), "01", NEW, ALL, RULES, at(when))
    assert (refused(decided) if codes else None) == codes


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("12:00", "Phòng Internet đang đóng cửa. Mời bạn trở lại lúc 13:00."),
        ("18:00", "Phòng Internet đang đóng cửa. Mời bạn trở lại lúc 07:30 ngày 03/03/2027."),
    ],
)
def test_a_closed_room_says_when_it_opens_again(when: str, said: str) -> None:
    decided = decide_seat(ROOM, reader(), None, NEW, ALL, RULES, at(when))
    assert isinstance(decided, Refused)
    assert decided.blocks[0].say("vi") == said


def test_a_room_that_will_not_open_again_says_so() -> None:
    shut = replace(RULES, closures=(Closure(TODAY, date(2030, 1, 1)),))
    decided = decide_seat(ROOM, reader(), None, NEW, ALL, shut, at("9:00"))
    assert isinstance(decided, Refused)
    assert decided.blocks[0].next_step.en == "Please come back when the library opens again."


# --- who may ----------------------------------------------------------------------------------------------------------


def stopped(kind: PatronBlockKind) -> Visitor:
    visitor = reader()
    assert visitor.standing is not None
    assert visitor.standing.patron is not None
    patron = replace(visitor.standing.patron, blocks=(PatronBlock(kind),))
    return replace(visitor, standing=replace(visitor.standing, patron=patron))


def expired() -> Visitor:
    visitor = reader()
    assert visitor.standing is not None
    assert visitor.standing.patron is not None
    return replace(visitor, standing=Standing("R1", replace(visitor.standing.patron, expires=date(2027, 3, 1))))


@pytest.mark.parametrize(
    ("visitor", "codes"),
    [
        (STRANGER, [Code.UNKNOWN_CARD]),
        (reader("doc"), [Code.ROOM_NOT_FOR_CARD]),
        (expired(), [Code.CARD_EXPIRED]),
        (stopped(PatronBlockKind.LOST_CARD), [Code.CARD_REPORTED_LOST]),
        (stopped(PatronBlockKind.DISCIPLINE), [Code.CARD_STOPPED_DISCIPLINE]),
        (reader(owed=100_000_001), [Code.FEES_OWED]),
        (replace(reader(), accepted=""), [Code.HOUSE_RULES_NOT_ACCEPTED]),
        (replace(reader(), accepted="0"), [Code.HOUSE_RULES_NOT_ACCEPTED]),
        (replace(reader("child"), consent=False), [Code.CONSENT_NEEDED]),
        (replace(reader("muon", born=date(2011, 3, 3)), consent=False), [Code.CONSENT_NEEDED]),
        (replace(reader("muon", born=date(2011, 3, 2)), consent=False), []),
        (replace(reader(), consent=False), []),
        (replace(guest(), accepted=""), [Code.HOUSE_RULES_NOT_ACCEPTED]),
        (replace(expired(), accepted="", consent=False), [Code.CARD_EXPIRED, Code.HOUSE_RULES_NOT_ACCEPTED]),
    ],
)
def test_who_may_not_come_in_is_told_every_reason(visitor: Visitor, codes: list[Code]) -> None:
    for decided in (
        decide_seat(ROOM, visitor, None, NEW, ALL, RULES, at("9:00")),
        decide_queue(full(), visitor, NEW, ALL, RULES, at("9:01")),
    ):
        assert ([*decided.codes] if isinstance(decided, Refused) else []) == codes


def test_a_child_whose_birth_date_nobody_knows_is_a_child_by_its_category() -> None:
    child = reader("child")
    assert child.standing is not None
    assert child.standing.patron is not None
    unknown = replace(child, standing=Standing("R1", replace(child.standing.patron, birth_date=None)))
    assert sits(ROOM, unknown, "9:00").seat == "03"
    assert seat_refused(ROOM, replace(unknown, consent=False), "9:00") == [Code.CONSENT_NEEDED]


def test_guests_come_in_only_where_the_house_says_so() -> None:
    without = replace(RULES, rooms=RULES.rooms[:3])
    decided = decide_seat(ROOM, guest(), None, NEW, ALL, without, at("9:00"))
    assert refused(decided) == [Code.GUESTS_NOT_ADMITTED]


# --- which seat -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("visitor", "seat", "codes"),
    [
        (reader(), "03", [Code.SEAT_FOR_CHILDREN]),
        (reader("child"), "04", [Code.SEAT_FOR_GROWN_UPS]),
        (guest(), "04", [Code.SEAT_FOR_GROWN_UPS]),
        (guest(), "03", [Code.SEAT_FOR_CHILDREN]),
        (reader(), "9", [Code.SEAT_UNKNOWN]),
        (reader(), "04", None),
        (reader("child"), "03", None),
        (reader("child"), "01", None),
        (guest(), "02", None),
    ],
)
def test_seats_are_for_whom_they_are_for(visitor: Visitor, seat: str, codes: list[Code] | None) -> None:
    decided = decide_seat(ROOM, visitor, seat, NEW, ALL, RULES, at("9:00"))
    assert (refused(decided) if codes else None) == codes


@pytest.mark.parametrize(("visitor", "seat"), [(reader(), "04"), (reader("child"), "03"), (guest(), "01")])
def test_any_seat_is_first_one_that_others_could_not_use(visitor: Visitor, seat: str) -> None:
    assert sits(ROOM, visitor, "9:00").seat == seat


def test_a_seat_that_cannot_be_reached_is_broken_or_in_use_is_not_given() -> None:
    room = room_of(taken("v1", "01", "8:30", "9:30"), happens(ev.SeatBroken("02"), "8:40"))
    near = frozenset({"01", "02"})
    assert seat_refused(room, guest(), "9:00", "01") == [Code.SEAT_BUSY]
    assert seat_refused(room, guest(), "9:00", "02") == [Code.SEAT_BROKEN]
    away = decide_seat(ROOM, guest(), "01", NEW, frozenset({"02"}), RULES, at("9:00"))
    assert refused(away) == [Code.SEAT_OUT_OF_REACH]
    assert seat_refused(room, guest(), "9:00") == [Code.ROOM_FULL]
    mended = room_of(happens(ev.SeatMended("02"), "8:50"), room=room)
    assert sits(mended, guest(), "9:00", reach=near).seat == "02"


def test_nobody_has_two_seats_and_no_seat_two_visitors() -> None:
    room = room_of(taken("t1", "01", "8:30", "9:30"))
    assert seat_refused(room, reader("muon", "t1"), "9:00", "02") == [Code.ALREADY_SEATED]
    assert seat_refused(room, reader(), "9:00", "01") == [Code.SEAT_BUSY]
    assert sits(room, reader(), "9:30", "01").seat == "01", "the seat is free in the moment the visit ends"


def test_a_room_without_a_seat_for_somebody_says_so() -> None:
    children = Room(PROVINCE, (Seat("01", Audience.CHILDREN),))
    assert seat_refused(children, reader(), "9:00") == [Code.NO_SEAT_FOR_VISITOR]
    queued = decide_queue(children, reader(), NEW, frozenset({"01"}), RULES, at("9:00"))
    assert refused(queued) == [Code.NO_SEAT_FOR_VISITOR]


def test_a_locked_room_seats_nobody() -> None:
    locked = room_of(happens(ev.RoomLocked(), "8:50"))
    assert seat_refused(locked, reader(), "9:00") == [Code.ROOM_LOCKED]
    unlocked = room_of(happens(ev.RoomUnlocked(), "8:55"), room=locked)
    assert sits(unlocked, reader(), "9:00").seat == "04"


CALL = ev.QueueCalled("q1", "01", ms("9:08"))


@pytest.mark.parametrize(
    ("prepared", "seat", "state"),
    [
        (ROOM, "01", SeatState.FREE),
        (ROOM, "05", SeatState.OUT_OF_REACH),
        (full(), "01", SeatState.BUSY),
        (full(), "02", SeatState.AWAY),
        (room_of(happens(ev.SeatBroken("01"), "8:00")), "01", SeatState.BROKEN),
        (with_queue(room_of(), "q1"), "01", SeatState.FREE),
        (room_of(happens(CALL, "9:05"), room=with_queue(ROOM, "q1")), "01", SeatState.HELD),
        (room_of(happens(ev.RoomBooked("b1", ms("8:00"), ms("11:00")), "7:40")), "01", SeatState.HELD),
        (room_of(happens(ev.RoomBooked("b1", ms("8:00"), ms("11:00"), ("02",)), "7:40")), "01", SeatState.FREE),
    ],
)
def test_the_plan_shows_how_a_seat_is(prepared: Room, seat: str, state: SeatState) -> None:
    assert prepared.state(seat, ALL, at("9:06"), hidden={"02"}) is state


# --- the queue --------------------------------------------------------------------------------------------------------


def test_numbers_are_given_in_order_and_begin_anew_each_day() -> None:
    room = full()
    for number in (1, 2, 3):
        (event,) = allowed(decide_queue(room, reader(), f"q{number}", ALL, RULES, at("9:01")))
        assert event == ev.QueueJoined(f"q{number}", number, PROVINCE, "muon", "grown")
        room = room_of(happens(event, "9:01"), room=room)
    assert room.next_number(at("9:00", TODAY + timedelta(days=1))) == 1
    assert [room.ahead(f"q{n}") for n in (1, 2, 3)] == [0, 1, 2]


def test_no_number_is_given_while_a_seat_is_free() -> None:
    decided = decide_queue(full(but="02"), reader(), NEW, ALL, RULES, at("9:01"))
    assert refused(decided) == [Code.SEAT_IS_FREE]
    assert isinstance(decided, Refused)
    assert decided.blocks[0].say("vi") == "Còn máy trống, không cần lấy số. Mời bạn vào máy 02."


def test_a_seat_that_comes_free_is_held_for_the_first_number_it_suits() -> None:
    room = with_queue(full(), "child", group=Group.CHILD)
    room = with_queue(room, "first", "second")
    events = allowed(decide_end(room, {"v04"}, ALL, RULES, at("9:10")))
    assert events[1:] == (ev.QueueCalled("first", "04", ms("9:13")),), "no child sits at a seat for grown-ups"
    events = allowed(decide_end(room, {"v01"}, ALL, RULES, at("9:10")))
    assert events[1:] == (ev.QueueCalled("child", "01", ms("9:13")),)


def called(when: str = "9:10", seat: str = "01") -> Room:
    """A full room with two numbers waiting, of which the first was called."""
    room = with_queue(full(), "q1", "q2")
    left = allowed(decide_end(room, {f"v{seat}"}, ALL, RULES, at(when)))
    return room_of(*(happens(event, when) for event in left), room=room)


def test_who_was_called_sits_down_at_that_seat_under_the_token_of_the_number() -> None:
    event = sits(called(), reader("muon", "q1"), "9:12:59")
    assert (event.visit, event.seat, event.number) == ("q1", "01", 1)
    assert event.ends_at == ms("10:12:59")


def test_a_held_seat_is_given_to_nobody_else() -> None:
    assert seat_refused(called(), reader(), "9:11", "01") == [Code.SEAT_HELD]
    assert seat_refused(called(), reader(), "9:11") == [Code.ROOM_FULL]
    assert seat_refused(called(), reader("muon", "q2"), "9:11") == [Code.ALREADY_WAITING]


def test_after_three_minutes_the_next_is_called() -> None:
    room = called()
    assert due(room, ALL, RULES, at("9:12:59")) == ()
    assert next_due(room, RULES, at("9:12:59")) == at("9:13")
    assert due(room, ALL, RULES, at("9:13")) == (
        ev.QueueLeft("q1", "lapsed"),
        ev.QueueCalled("q2", "01", ms("9:16")),
    )


def test_two_who_want_the_last_seat_the_second_is_refused() -> None:
    room = full(but="01")
    first = sits(room, reader(), "9:05")
    assert seat_refused(room_of(happens(first, "9:05"), room=room), reader(), "9:05") == [Code.ROOM_FULL]


def test_a_number_whose_seat_breaks_or_is_lost_waits_again_in_its_place() -> None:
    room = called()
    assert due(room, ALL - {"01"}, RULES, at("9:11")) == (ev.QueueReturned("q1"),)
    room = room_of(happens(ev.QueueReturned("q1"), "9:11"), room=room)
    events = allowed(decide_end(room, {"v02"}, ALL - {"01"}, RULES, at("9:12")))
    assert events[1:] == (ev.QueueCalled("q1", "02", ms("9:15")),)


def test_a_seat_too_short_for_who_waits_is_not_for_who_comes_later_either() -> None:
    # Free for seven minutes: enough to sit down now, and not to be called to it first.
    kept = happens(ev.SeatReserved("r1", "01", ms("9:13"), ms("9:23"), ms("10:00"), "muon"), "8:50")
    room = with_queue(room_of(kept, room=full(but="01")), "q1")
    assert due(room, ALL, RULES, at("9:06")) == ()
    assert seat_refused(room, reader(), "9:06", "01") == [Code.QUEUE_FIRST]
    assert seat_refused(room, reader(), "9:06") == [Code.ROOM_FULL]
    assert refused(decide_move(room, {"v02"}, "01", ALL, RULES, at("9:06"))) == [Code.QUEUE_FIRST]
    assert sits(replace(room, queue=()), reader(), "9:06", "01").ends_at == ms("9:13")


def test_leaving_the_queue_calls_the_next_where_a_seat_was_held() -> None:
    events = allowed(decide_leave_queue(called(), {"q1"}, ALL, RULES, at("9:11")))
    assert events == (ev.QueueLeft("q1", "left"), ev.QueueCalled("q2", "01", ms("9:14")))
    assert refused(decide_leave_queue(called(), {"q9"}, ALL, RULES, at("9:11"))) == [Code.NOT_WAITING]


def test_the_queue_goes_home_when_the_library_closes() -> None:
    room = with_queue(full(until="11:30"), "q1", "q2")
    assert next_due(room, RULES, at("11:00")) == at("11:30")
    assert due(room, ALL, RULES, at("11:30"))[4:] == (ev.QueueLeft("q1", "closed"), ev.QueueLeft("q2", "closed"))
    tomorrow = at("9:00", TODAY + timedelta(days=1))
    assert due(room, ALL, RULES, tomorrow)[4:] == (ev.QueueLeft("q1", "closed"), ev.QueueLeft("q2", "closed"))


def test_no_number_is_given_that_could_not_be_called_before_closing() -> None:
    assert refused(decide_queue(full(until="11:30"), reader(), NEW, ALL, RULES, at("11:22:01"))) == [
        Code.ROOM_CLOSES_SOON
    ]
    assert allowed(decide_queue(full(until="11:30"), reader(), NEW, ALL, RULES, at("11:22")))


def test_who_waits_is_told_about_how_long() -> None:
    room = room_of(taken("a", "01", "9:00", "9:20"), taken("b", "02", "9:00", "9:30"), taken("d", "04", "9:00", "9:50"))
    room = with_queue(room, "q1", "q2", "q3", "q4")
    waits = [expected_wait(room, f"q{n}", RULES, at("9:10")) for n in (1, 2, 3, 4)]
    assert waits == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40), None]
    assert expected_wait(room, "nobody", RULES, at("9:10")) is None


# --- more time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "until", "when", "ends", "notice"),
    [
        ("9:00", "10:00", "9:50", "10:15", None),
        ("10:20", "11:20", "11:15", "11:30", Code.ENDS_AT_CLOSING),
        ("9:00", "10:00", "10:00", None, None),
    ],
)
def test_a_visit_is_extended_towards_its_end_as_far_as_the_hours_go(
    since: str, until: str, when: str, ends: str | None, notice: Code | None
) -> None:
    room = room_of(taken("t1", "01", since, until))
    decided = decide_extend(room, {"t1"}, ALL, RULES, at(when))
    if ends is None:
        assert refused(decided) == [Code.NOT_SEATED]
    else:
        assert allowed(decided) == (ev.SeatExtended("t1", "01", ms(ends)),)
        assert [n.code for n in noticed(decided)] == ([notice] if notice else [])


def test_a_visit_is_extended_no_further_than_the_quota() -> None:
    room = room_of(taken("t1", "01", "8:00", "9:50"))
    assert allowed(decide_extend(room, {"t1"}, ALL, RULES, at("9:45"))) == (ev.SeatExtended("t1", "01", ms("10:00")),)
    room = room_of(taken("t1", "01", "8:00", "10:00"))
    assert refused(decide_extend(room, {"t1"}, ALL, RULES, at("9:55"))) == [Code.NO_MINUTES_LEFT]


@pytest.mark.parametrize(
    ("room", "when", "code"),
    [
        (room_of(taken("t1", "01", "9:00", "10:00")), "9:49:59", Code.EXTEND_LATER),
        (room_of(taken("t1", "01", "10:30", "11:30")), "11:25", Code.VISIT_ENDS_AT_CLOSING),
        (with_queue(room_of(taken("t1", "01", "9:00", "10:00"), room=full(but="01")), "q1"), "9:55", Code.OTHERS_WAIT),
        (room_of(taken("t1", "01", "9:00", "9:30", category=guest().category)), "9:25", Code.NO_EXTENSION),
        (ROOM, "9:00", Code.NOT_SEATED),
        (
            room_of(
                taken("t1", "01", "9:00", "10:00"),
                happens(ev.SeatReserved("r1", "01", ms("10:00"), ms("10:10"), ms("11:00"), "muon"), "9:01"),
            ),
            "9:55",
            Code.SEAT_KEPT_SOON,
        ),
    ],
)
def test_more_time_is_refused_with_the_reason(room: Room, when: str, code: Code) -> None:
    assert refused(decide_extend(room, {"t1"}, ALL, RULES, at(when))) == [code]


def test_somebody_who_waits_for_a_seat_of_another_kind_stops_nobody() -> None:
    room = room_of(taken("t1", "03", "9:00", "9:30", "child", Group.CHILD), room=full(but="03"))
    room = with_queue(room, "q1")
    assert allowed(decide_extend(room, {"t1"}, ALL, RULES, at("9:25")))


# --- another seat, and the end ----------------------------------------------------------------------------------------


def test_a_visit_moves_with_its_end_time() -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"))
    assert allowed(decide_move(room, {"t1"}, "02", ALL, RULES, at("9:30"))) == (
        ev.SeatMoved("t1", "01", "02", ms("10:00")),
    )
    assert allowed(decide_move(room, {"t1"}, None, ALL, RULES, at("9:30"))) == (
        ev.SeatMoved("t1", "01", "04", ms("10:00")),
    )
    moved = room_of(happens(ev.SeatMoved("t1", "01", "02", ms("10:00")), "9:30"), room=room)
    assert [*moved.visits] == ["02"]
    assert moved.used_ms({"t1"}, at("9:40")) == 40 * 60_000


@pytest.mark.parametrize(
    ("to", "code"),
    [("03", Code.SEAT_FOR_CHILDREN), ("02", Code.SEAT_BUSY), ("9", Code.SEAT_UNKNOWN), ("01", Code.SEAT_BUSY)],
)
def test_nobody_moves_to_a_seat_that_is_not_to_be_had(to: str, code: Code) -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"), taken("t2", "02", "9:00", "10:00"))
    assert refused(decide_move(room, {"t1"}, to, ALL, RULES, at("9:30"))) == [code]


def test_nobody_moves_to_a_seat_that_is_held_or_while_not_seated() -> None:
    assert refused(decide_move(called(), {"v02"}, "01", ALL, RULES, at("9:11"))) == [Code.SEAT_HELD]
    assert refused(decide_move(ROOM, {"v02"}, "01", ALL, RULES, at("9:11"))) == [Code.NOT_SEATED]


def test_a_visit_cannot_move_on_past_an_hour_for_which_the_other_seat_is_kept() -> None:
    kept = happens(ev.SeatReserved("r1", "02", ms("9:40"), ms("9:50"), ms("10:30"), "muon"), "9:01")
    room = room_of(taken("t1", "01", "9:00", "10:00"), kept)
    decided = decide_move(room, {"t1"}, "02", ALL, RULES, at("9:30"))
    assert allowed(decided) == (ev.SeatMoved("t1", "01", "02", ms("9:40")),)
    assert [n.code for n in noticed(decided)] == [Code.ENDS_BEFORE_OTHERS]
    assert refused(decide_move(room, {"t1"}, "02", ALL, RULES, at("9:36"))) == [Code.SEAT_KEPT_SOON]


@pytest.mark.parametrize(
    ("when", "said", "ended", "outcome"),
    [
        ("9:30", None, "9:30", "done"),
        ("9:30", "9:20", "9:20", "done"),
        ("9:30", "9:40", "9:30", "done"),
        ("9:30", "8:00", "9:00", "done"),
        ("10:30", "9:50", "9:50", "done"),
        ("10:30", None, "10:00", "time"),
        ("10:30", "10:20", "10:00", "time"),
    ],
)
def test_a_visit_ends_when_its_seat_says_but_never_after_its_end_time(
    when: str, said: str | None, ended: str, outcome: str
) -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"))
    decided = decide_end(room, {"t1"}, ALL, RULES, at(when), ended_at=at(said) if said else None)
    seconds = (ms(ended) - ms("9:00")) // 1000
    assert allowed(decided) == (ev.SeatLeft("t1", "01", PROVINCE, ms(ended), seconds, outcome, "muon"),)


def test_a_visit_that_ran_out_while_the_station_was_away_ended_at_its_end_time() -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"))
    (event,) = due(room, ALL, RULES, at("14:00"))
    assert event == ev.SeatLeft("t1", "01", PROVINCE, ms("10:00"), 3600, "time", "muon")
    assert refused(decide_end(ROOM, {"t1"}, ALL, RULES, at("14:00"))) == [Code.NOT_SEATED]


# --- a later hour -----------------------------------------------------------------------------------------------------


def reserve(
    room: Room, visitor: Visitor, hour: str, minutes: int, when: str, seat: str | None = None
) -> Allowed | Refused:
    return decide_reserve(room, visitor, seat, at(hour), minutes, NEW, ALL, RULES, at(when))


def test_a_seat_is_reserved_for_a_later_hour_of_today() -> None:
    decided = reserve(ROOM, reader(), "10:00", 45, "9:00", "02")
    assert allowed(decided) == (ev.SeatReserved(NEW, "02", ms("10:00"), ms("10:10"), ms("10:45"), "muon", "grown"),)


@pytest.mark.parametrize(
    ("room", "visitor", "hour", "codes"),
    [
        (ROOM, reader(), "9:00", [Code.RESERVE_FOR_TODAY]),
        (ROOM, reader(), "12:00", [Code.ROOM_CLOSED]),
        (ROOM, reader(), "11:26", [Code.ROOM_CLOSES_SOON]),
        (ROOM, guest(), "10:00", [Code.NO_RESERVATIONS]),
        (with_queue(full(), "q1"), reader(), "10:00", [Code.QUEUE_FIRST]),
        (replace(ROOM, day=TODAY, spent={"t1": 120 * 60_000}), reader("muon", "t1"), "10:00", [Code.NO_MINUTES_LEFT]),
        (full(until="10:01"), reader(), "10:00", [Code.HOUR_TAKEN]),
        (full(until="10:00"), reader(), "10:00", []),
        (
            room_of(happens(ev.SeatReserved("r1", "02", ms("10:00"), ms("10:10"), ms("11:00"), "muon"), "8:00")),
            reader("muon", "r1"),
            "10:00",
            [Code.ALREADY_RESERVED],
        ),
        (room_of(happens(ev.RoomBooked("b1", ms("10:30"), ms("11:30")), "8:00")), reader(), "10:00", [Code.HOUR_TAKEN]),
    ],
)
def test_an_hour_that_cannot_be_had_is_not_reserved(room: Room, visitor: Visitor, hour: str, codes: list[Code]) -> None:
    decided = reserve(room, visitor, hour, 60, "9:00")
    assert ([*decided.codes] if isinstance(decided, Refused) else []) == codes


def test_a_seat_that_is_held_for_a_number_is_not_reserved_for_the_next_minutes() -> None:
    room = room_of(happens(CALL, "9:05"), room=with_queue(ROOM, "q1"))
    assert refused(reserve(room, reader(), "9:12", 45, "9:06", "01")) == [Code.HOUR_TAKEN]
    assert isinstance(reserve(room, reader(), "9:13", 45, "9:06", "01"), Allowed)


@pytest.mark.parametrize(("seat", "code"), [("03", Code.SEAT_FOR_CHILDREN), ("9", Code.SEAT_UNKNOWN)])
def test_a_named_seat_that_is_not_for_who_asks_is_not_reserved(seat: str, code: Code) -> None:
    assert refused(reserve(ROOM, reader(), "10:00", 60, "9:00", seat)) == [code]


def test_only_hours_that_can_be_had_are_offered() -> None:
    room = full(until="10:20")
    offered = hours_to_reserve(room, reader(), 60, ALL, RULES, at("9:07"))
    assert offered[0] == at("10:30")
    assert at("11:15") in offered
    assert at("11:30") not in offered
    assert at("13:00") in offered
    assert offered[-1] == at("16:45")
    for hour in offered:
        assert isinstance(decide_reserve(room, reader(), None, hour, 60, NEW, ALL, RULES, at("9:07")), Allowed)


RESERVED = room_of(happens(ev.SeatReserved("r1", "02", ms("10:00"), ms("10:10"), ms("10:45"), "muon", "grown"), "9:00"))


def test_a_reserved_seat_is_held_from_its_hour_for_who_reserved_it() -> None:
    assert RESERVED.state("02", ALL, at("9:59")) is SeatState.FREE
    assert RESERVED.state("02", ALL, at("10:00")) is SeatState.HELD
    assert seat_refused(RESERVED, reader(), "10:01", "02") == [Code.SEAT_HELD]
    event = sits(RESERVED, reader("muon", "r1"), "10:09")
    assert (event.visit, event.seat, event.ends_at) == ("r1", "02", ms("11:09"))
    assert room_of(happens(event, "10:09"), room=RESERVED).reservations == ()


def test_before_a_reserved_hour_others_sit_until_then_and_are_told() -> None:
    decided = decide_seat(RESERVED, reader(), "02", NEW, ALL, RULES, at("9:30"))
    assert sits(RESERVED, reader(), "9:30", "02").ends_at == ms("10:00")
    assert [n.code for n in noticed(decided)] == [Code.ENDS_BEFORE_OTHERS]
    assert seat_refused(RESERVED, reader(), "9:56", "02") == [Code.SEAT_KEPT_SOON]


def test_who_reserved_may_come_early_to_the_same_seat_and_elsewhere_until_the_hour() -> None:
    early = sits(RESERVED, reader("muon", "r1"), "9:40", "02")
    assert (early.visit, early.ends_at) == ("r1", ms("10:40"))
    elsewhere = sits(RESERVED, reader("muon", "r1"), "9:40", "01")
    assert (elsewhere.visit, elsewhere.ends_at) == (NEW, ms("10:00"))


def test_a_reservation_nobody_comes_for_lapses_and_one_can_be_given_back() -> None:
    assert due(RESERVED, ALL, RULES, at("10:09:59")) == ()
    assert due(RESERVED, ALL, RULES, at("10:10")) == (ev.ReservationEnded("r1", "lapsed"),)
    assert allowed(decide_cancel(RESERVED, {"r1"}, ALL, RULES, at("9:30"))) == (ev.ReservationEnded("r1", "cancelled"),)
    assert refused(decide_cancel(RESERVED, {"r9"}, ALL, RULES, at("9:30"))) == [Code.NOT_RESERVED]


def test_reserved_minutes_are_not_spent_twice() -> None:
    room = replace(RESERVED, spent={"t1": 60 * 60_000})
    visitor = reader("muon", "t1", "r1")
    assert sits(room, visitor, "9:30", "01").ends_at == ms("9:45"), "15 are left beside the 45 that are reserved"
    assert sits(room, visitor, "10:00").ends_at == ms("11:00")


def test_what_a_visit_under_way_will_use_is_not_reserved_too() -> None:
    room = room_of(taken("t1", "01", "9:00", "10:00"), room=replace(ROOM, day=TODAY, spent={"t0": 40 * 60_000}))
    decided = reserve(room, reader("muon", "t0", "t1"), "11:00", 60, "9:05", "02")
    assert allowed(decided) == (ev.SeatReserved(NEW, "02", ms("11:00"), ms("11:10"), ms("11:20"), "muon", "grown"),)


def test_who_waits_and_has_a_reservation_gives_the_number_back_when_its_hour_has_come() -> None:
    room = room_of(taken("v1", "01", "9:30", "10:30"), taken("v4", "04", "9:30", "10:30"), room=RESERVED)
    room = room_of(happens(ev.SeatBroken("03"), "9:30"), room=room)
    room = with_queue(room, "q1", when="9:59")
    decided = decide_seat(room, reader("muon", "r1", "q1"), None, NEW, ALL, RULES, at("10:01"))
    left, sat = allowed(decided)
    assert left == ev.QueueLeft("q1", "left")
    assert isinstance(sat, ev.SeatTaken)
    assert (sat.visit, sat.seat, sat.number) == ("r1", "02", None)
    assert seat_refused(room, reader("muon", "q1"), "10:01") == [Code.ALREADY_WAITING]


# --- guests -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(min_size=8, max_size=8), min_size=2, max_size=40, unique=True))
def test_guest_codes_are_six_letters_nobody_confuses_and_differ(tokens: list[bytes]) -> None:
    codes = [guest_code(token.hex()) for token in tokens]
    assert all(len(code) == CODE_LENGTH and set(code) <= set(CODE_ALPHABET) for code in codes)
    assert len(set(codes)) == len(codes)


def test_the_alphabet_has_no_letters_that_look_alike() -> None:
    assert len(set(CODE_ALPHABET)) == len(CODE_ALPHABET) == 31
    assert not set("ILO01") & set(CODE_ALPHABET)


def test_a_guests_code_is_good_while_she_waits_or_sits_and_dies_at_sign_out() -> None:
    token = "0123456789abcdef"
    code = guest_code(token)
    assert isinstance(guest_of(ROOM, code), Refused)
    queued = room_of(happens(ev.QueueJoined(token, 1, PROVINCE, "guest"), "9:00"))
    assert guest_of(queued, f" {code.lower()[:3]} {code[3:]}") == token
    seated = room_of(happens(ev.SeatTaken(token, "01", PROVINCE, ms("9:30"), "guest"), "9:01"), room=queued)
    assert guest_of(seated, code) == token
    assert seat_refused(seated, guest(token), "9:02") == [Code.ALREADY_SEATED]
    gone = room_of(
        *(happens(e, "9:10") for e in allowed(decide_end(seated, {token}, ALL, RULES, at("9:10")))), room=seated
    )
    assert isinstance(dead := guest_of(gone, code), Refused)
    assert dead == guest_of(gone, "ABCDEF"), "used up or never given: refused alike"


def test_a_readers_visit_has_no_code() -> None:
    seated = room_of(taken("0123456789abcdef", "01", "9:00", "10:00"))
    assert isinstance(guest_of(seated, guest_code("0123456789abcdef")), Refused)


def test_a_token_whose_code_is_in_use_is_passed_over() -> None:
    seated = room_of(happens(ev.SeatTaken("a" * 16, "01", PROVINCE, ms("9:30"), "guest"), "9:01"))
    assert fresh(seated, iter(["a" * 16, "b" * 16])) == "b" * 16


# --- what a room is ---------------------------------------------------------------------------------------------------


def test_events_of_other_things_change_nothing() -> None:
    room = full()
    for event in (ev.VisitOpened("v"), ev.HouseRulesAccepted("v", "1"), ev.Unknown("seat_flown", 1, "{}")):
        assert room_of(happens(event, "9:10"), room=room) is room


@pytest.mark.parametrize(
    "event",
    [
        ev.SeatLeft("other", "01", PROVINCE, 1, 1, "done"),
        ev.SeatExtended("other", "01", 1),
        ev.SeatMoved("other", "01", "02", 1),
        ev.SeatLeft("v01", "99", PROVINCE, 1, 1, "done"),
        ev.QueueCalled("nobody", "01", 1),
        ev.QueueReturned("nobody"),
        ev.QueueLeft("nobody", "left"),
        ev.ReservationEnded("nobody", "lapsed"),
        ev.BookingCancelled("none"),
        ev.SeatMended("01"),
    ],
)
def test_events_about_what_is_not_there_change_nothing(event: ev.Event) -> None:
    assert room_of(happens(event, "9:10"), room=full()) == full()


def test_a_room_can_be_kept_as_json_and_built_again() -> None:
    room = room_of(happens(ev.SeatBroken("04"), "9:20"), room=called())
    room = room_of(happens(ev.RoomBooked("b1", ms("13:00"), ms("14:00"), ("01",)), "9:21"), room=room)
    room = replace(room, reservations=RESERVED.reservations)
    built = build(Room, json.loads(json.dumps(dump(room))))
    assert not isinstance(built, Problems)
    assert built.value == room


def test_instants_are_whole_milliseconds_as_events_hold_them() -> None:
    now = at("9:00") + timedelta(microseconds=1999)
    decided = decide_seat(ROOM, reader(), None, NEW, ALL, RULES, now)
    (event,) = allowed(decided)
    assert isinstance(event, ev.SeatTaken)
    assert from_ms(event.ends_at) == at("10:00") + timedelta(milliseconds=1)
