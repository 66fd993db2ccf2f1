"""When it happened, by clocks that are wrong: skewed, dead, put forward, confirmed (facts/sync.md, section 5.4)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.clock import BUILT, Anchor, Reading, settle
from sync.circulation.copies import History
from sync.circulation.custody import fold
from sync.circulation.events import Entry, Event, from_ms, to_ms
from sync.circulation.facts import Fact
from sync.circulation.timeline import LEAST_SPREAD, Placed, Timeline
from tests.sync.circulation.one_copy import HOUR, ITEM, MIDNIGHT, closings, facts, history, hold_the_laws, hour, kinds
from tests.sync.circulation.one_copy import back as _back
from tests.sync.circulation.one_copy import out as _out

YEAR = 365 * 24
MINUTE = 1 / 60
SOMETHING = ev.TagSecured(ITEM)
CONFIRMED = ev.ClockConfirmed()


def compared(hours: float, spread_ms: int = 250) -> Event:
    """Headquarters' clock is so many hours ahead."""
    return ev.ClockCompared(round(hours * HOUR), spread_ms)


@dataclass
class Station:
    """Writes entries by the hour; ``up`` counts along unless the machine is started anew."""

    timeline: Timeline = field(default_factory=Timeline)
    written: list[Entry] = field(default_factory=list)
    boot: int = 1
    since: float = 0.0

    def write(
        self, h: float, event: Event = SOMETHING, *, up: float | None = None, doubted: bool = False
    ) -> int | None:
        """Write an entry; answers from where on earlier ones have moved."""
        uptime = round((h - self.since if up is None else up) * HOUR)
        wall = datetime(1970, 1, 1, tzinfo=UTC) if doubted else None
        entry = Entry(len(self.written) + 1, from_ms(hour(h)), uptime, f"b{self.boot}", "desk", event, wall)
        self.written.append(entry)
        return self.timeline.add(entry)

    def start_anew(self, h: float) -> None:
        """Switch the machine off and on."""
        self.boot, self.since = self.boot + 1, h

    def place(self, seq: int) -> Placed:
        """Where an entry stands, as it is known now."""
        return self.timeline.place(seq, to_ms(self.written[seq - 1].at))

    def places(self) -> list[Placed]:
        """Where all stand."""
        return [self.place(entry.seq) for entry in self.written]


def around(h: float, spread: float = LEAST_SPREAD / HOUR) -> Placed:
    """An instant known to two minutes each way."""
    return Placed(hour(h), hour(h - spread), hour(h + spread))


# --- one clock --------------------------------------------------------------------------------------------------------


def test_a_believed_clock_is_right_to_two_minutes() -> None:
    station = Station()
    assert station.write(8) is None
    assert station.place(1) == around(8)


@pytest.mark.parametrize("hours", [6, -6, 7, 1 / 20, -10 * YEAR])
def test_an_offset_corrects_all_events_of_its_run(hours: float) -> None:
    station = Station()
    station.write(8)
    station.write(9)
    assert station.write(10, compared(hours)) == 1
    station.write(11)
    assert station.places() == [around(h + hours) for h in (8, 9, 10, 11)]


@pytest.mark.parametrize("hours", [0, MINUTE, 2 * MINUTE, -2 * MINUTE])
def test_an_offset_within_two_minutes_counts_as_none(hours: float) -> None:
    station = Station()
    station.write(8)
    station.write(9, compared(hours))
    assert station.places() == [around(8), around(9)]


def test_an_offset_at_the_beginning_moves_nothing() -> None:
    assert Station().write(8, compared(6)) is None


def test_a_clock_found_to_be_ahead_moves_what_an_earlier_run_said_as_well() -> None:
    station = Station()
    station.write(8)
    station.write(9)
    station.start_anew(10)
    station.write(10)
    assert station.write(11, compared(-6)) == 1  # so the run before was ahead too
    assert [place.at for place in station.places()] == [hour(4), hour(4), hour(4), hour(5)]
    assert station.place(1).latest == hour(4) + LEAST_SPREAD


def test_a_wide_doubt_in_an_offset_is_kept() -> None:
    station = Station()
    station.write(8, compared(6, 20 * 60_000))
    assert station.place(1) == around(14, 1 / 3)


def test_between_two_offsets_nobody_knows_when_it_moved() -> None:
    station = Station()
    station.write(8, compared(6))
    station.write(9)
    station.write(10, compared(7))
    station.write(11)
    assert station.place(1) == Placed(hour(14), hour(14) - LEAST_SPREAD, hour(15) + LEAST_SPREAD)
    assert station.place(2) == Placed(hour(15), hour(15) - LEAST_SPREAD, hour(16) + LEAST_SPREAD)
    assert (station.place(3), station.place(4)) == (around(17), around(18))


def test_an_offset_says_nothing_of_another_run() -> None:
    station = Station()
    station.write(8, compared(1))
    station.start_anew(20)
    assert station.write(20) is None
    assert (station.place(1), station.place(2)) == (around(9), around(20))


# --- a doubted clock --------------------------------------------------------------------------------------------------


def test_a_doubted_clock_is_only_too_early_and_open_until_one_is_believed() -> None:
    station = Station()
    station.write(8)
    station.start_anew(8)
    station.write(8.5, doubted=True)
    assert station.place(2) == Placed(hour(8.5), hour(8.5) - LEAST_SPREAD, None)
    station.start_anew(40)
    assert station.write(41) == 2
    assert station.place(2) == Placed(hour(8.5), hour(8.5) - LEAST_SPREAD, hour(41) + LEAST_SPREAD)
    assert (station.place(1), station.place(3)) == (around(8), around(41))


def test_several_doubted_runs_all_reach_to_the_next_believed_one() -> None:
    station = Station()
    for n in range(3):
        station.start_anew(8 + n)
        station.write(8 + n, doubted=True)
    station.start_anew(50)
    assert station.write(50) == 1
    assert [place.latest for place in station.places()[:3]] == [hour(50) + LEAST_SPREAD] * 3


def test_an_offset_makes_a_doubted_clock_certain() -> None:
    station = Station()
    station.write(8, doubted=True)
    assert station.write(9, compared(72), doubted=True) == 1
    assert station.places() == [around(80), around(81)]


def test_a_clock_that_loses_its_trust_within_a_boot_keeps_its_offset() -> None:
    station = Station()
    station.write(8, compared(6))
    station.write(9, doubted=True)
    assert station.place(2) == around(15)


@pytest.mark.parametrize("wrong", [0, 36, -5])
def test_a_clock_that_is_set_within_a_boot_is_wrong_by_so_much_less(wrong: float) -> None:
    station = Station()
    station.write(8, compared(72), doubted=True)
    station.write(81 - wrong, up=9)
    station.write(82 - wrong, up=10)
    assert (station.place(2), station.place(3)) == (around(81), around(82))


def test_a_clock_that_was_never_compared_is_believed_once_it_is_set() -> None:
    station = Station()
    station.write(8, doubted=True)
    station.write(81, up=9)
    assert station.place(2) == around(81)


def test_a_compared_clock_that_is_put_forward_leaves_no_doubt() -> None:
    station = Station()
    station.write(8, compared(6))
    station.write(15, up=9)
    assert station.places() == [around(14), around(15)]


def test_uptime_that_begins_anew_says_nothing_of_the_clock() -> None:
    station = Station()
    station.write(8)
    station.write(20, up=1)  # a boot that calls itself the same
    assert station.places() == [around(8), around(20)]


# --- a clock that was put forward, and people -------------------------------------------------------------------------


def test_a_clock_that_was_put_forward_may_have_been_wrong_before_or_after() -> None:
    station = Station()
    station.write(8)
    assert station.write(15, up=9) == 1  # one hour passed, and the clock says seven
    assert station.place(1) == Placed(hour(8), hour(8) - LEAST_SPREAD, hour(14) + LEAST_SPREAD)
    assert station.place(2) == Placed(hour(15), hour(9) - LEAST_SPREAD, hour(15) + LEAST_SPREAD)


def test_an_offset_tells_which_side_of_the_step_was_wrong() -> None:
    station = Station()
    station.write(8)
    station.write(10 * YEAR + 9, up=9)
    station.write(10 * YEAR + 10, compared(-10 * YEAR), up=10)
    assert (station.place(2), station.place(3)) == (around(9), around(10))
    assert station.place(1).at == hour(8)
    assert station.place(1).latest == hour(9) + LEAST_SPREAD


def test_a_pause_between_two_boots_is_no_step() -> None:
    station = Station()
    station.write(8)
    station.start_anew(200)
    assert station.write(200) is None
    assert station.places() == [around(8), around(200)]


def test_where_boots_have_no_number_uptime_proves_nothing() -> None:
    timeline = Timeline()
    for seq, h, up in ((1, 8, 8), (2, 20, 9)):
        timeline.add(Entry(seq, from_ms(hour(h)), up * HOUR, "", "desk", SOMETHING))
    assert timeline.place(1, hour(8)) == around(8)


def test_what_a_person_confirms_holds_against_ten_years_too_many() -> None:
    station = Station()
    station.write(8)
    station.start_anew(9)
    station.write(10 * YEAR)
    assert station.write(10, CONFIRMED) == 2
    assert station.place(1) == around(8)
    ahead = station.place(2)
    assert (ahead.at, ahead.latest) == (hour(10), hour(10) + LEAST_SPREAD)
    assert ahead.earliest == hour(8) - LEAST_SPREAD


def test_what_comes_after_a_compared_run_happened_after_it() -> None:
    station = Station()
    station.write(8, compared(6))
    station.start_anew(9)
    station.write(9)  # the same slow clock, and nobody compared it this time
    late = station.place(2)
    assert (late.at, late.earliest, late.latest) == (hour(14), hour(14) - LEAST_SPREAD, None)
    station.start_anew(30)
    station.write(30, compared(0))
    assert station.place(2).latest == hour(30) + LEAST_SPREAD


def test_the_latest_of_several_compared_runs_is_the_border() -> None:
    station = Station()
    for h in (8, 20):
        station.start_anew(h)
        station.write(h, compared(6))
    station.start_anew(21)
    station.write(21)
    assert station.place(3).at == hour(26)


def test_a_clock_ahead_was_wrong_at_most_since_the_last_word_that_fits() -> None:
    station = Station()
    for h in (1, 5, 8):
        station.start_anew(h)
        station.write(h)
    station.write(8.5, up=0.5)
    station.start_anew(9)
    station.write(10 * YEAR)
    station.write(10, CONFIRMED)
    assert station.place(5) == Placed(hour(10), hour(8.5) - LEAST_SPREAD, hour(10) + LEAST_SPREAD)
    assert [place.at for place in station.places()[:4]] == [hour(h) for h in (1, 5, 8, 8.5)]


def test_only_the_runs_on_both_sides_of_a_step_are_in_doubt() -> None:
    station = Station()
    station.write(8)
    station.write(15, up=9)
    station.start_anew(20)
    station.write(20)
    station.write(21, up=1)
    assert station.place(1).latest == hour(14) + LEAST_SPREAD
    assert station.place(2).latest == hour(15) + LEAST_SPREAD
    assert (station.place(3), station.place(4)) == (around(20), around(21))


# --- all of them ------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.5, 1.0, 24.0]),
        st.sampled_from([0.0, 0.0, 0.0, 6.0, -6.0, 10.0 * YEAR, -30.0 * YEAR]),
        st.booleans(),
        st.sampled_from(["act", "act", "compare", "confirm"]),
    ),
    max_size=8,
)


def lived_through(steps: list[tuple[float, float, bool, str]]) -> tuple[list[Entry], list[datetime]]:
    """Entries as a station writes them while its clock is set about, and when each was written in truth."""
    truth, error, boot, up = datetime(2027, 3, 2, tzinfo=UTC), timedelta(0), 1, timedelta(hours=1)
    entries: list[Entry] = []
    times: list[datetime] = []
    for hours, shift, restart, what in steps:
        truth, up = truth + timedelta(hours=hours), up + timedelta(hours=hours)
        if restart:
            boot, up = boot + 1, timedelta(hours=hours / 2)
        error += timedelta(hours=shift)
        anchor = Anchor(entries[-1].at, entries[-1].uptime_ms, entries[-1].boot) if entries else None
        confirmed = what == "confirm" and not error
        reading = Reading(truth + error, up // timedelta(milliseconds=1), f"b{boot}")
        moment = settle(reading, None if confirmed else anchor)
        event: Event = CONFIRMED if confirmed else SOMETHING
        if what == "compare":
            event = ev.ClockCompared(to_ms(truth) - to_ms(moment.at), 250)
        entries.append(ev.entry(len(entries) + 1, moment, "desk", event))
        times.append(truth)
    return entries, times


@given(STEPS)
def test_places_keep_to_the_numbers_to_their_intervals_and_to_what_was_carried(
    steps: list[tuple[float, float, bool, str]],
) -> None:
    entries, times = lived_through(steps)
    timeline = Timeline()
    before: dict[int, Placed] = {}
    for n, entry in enumerate(entries, 1):
        moved = timeline.add(entry)
        places = {e.seq: timeline.place(e.seq, to_ms(e.at)) for e in entries[:n]}
        changed = [seq for seq, place in before.items() if places[seq] != place]
        assert moved is None or moved <= n
        assert not changed or (moved is not None and moved <= min(changed)), "an entry moved in silence"
        before = places
        carried = Timeline.from_values(json.loads(json.dumps(timeline.to_values())))
        assert {e.seq: carried.place(e.seq, to_ms(e.at)) for e in entries[:n]} == places
        for place in places.values():
            assert place.earliest <= place.at
            assert place.latest is None or place.at <= place.latest
        assert timeline.add(entry) is None
    if entries and all(isinstance(e.event, ev.ClockCompared) for e in entries):
        for entry, truth in zip(entries, times, strict=True):
            assert abs(before[entry.seq].at - to_ms(truth)) <= LEAST_SPREAD


# --- one copy at stations with wrong clocks ---------------------------------------------------------------------------


def at_stations(*stations: tuple[str, list[tuple[float, Event, bool]], float | None]) -> History:
    """A copy's history from stations that each write entries by their own clock, compared at the end where known."""
    told: list[Fact] = []
    for name, acts, offset in stations:
        station = Station()
        for h, event, doubted in acts:
            station.write(h, event, doubted=doubted)
        if offset is not None:
            station.write(acts[-1][0] + 0.01, compared(offset), doubted=acts[-1][2])
        for entry, place in zip(station.written, station.places(), strict=True):
            told.append(Fact(name, 1, entry.seq, place.at, place.earliest, place.latest, entry.event))
    made = fold(ITEM, told)
    assert fold(ITEM, told[::-1]) == made
    hold_the_laws(made, told)
    return made


def out(station: str, token: str) -> Event:
    """A checkout."""
    return _out(station, 8, token).event


def back(station: str, token: str | None = None) -> Event:
    """A return."""
    return _back(station, 8, token).event


@pytest.mark.parametrize("skew", [6.0, -6.0])
def test_a_skew_that_was_measured_does_not_turn_the_order_round(skew: float) -> None:
    # In truth: lent at A at 8, taken back there at 9, lent at B at 10.
    slow = [(8 - skew, out("A", "T1"), False), (9 - skew, back("A", "T1"), False)]
    made = at_stations(("A", slow, skew), ("B", [(10, out("B", "T2"), False)], None))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert kinds(made) == []


@pytest.mark.parametrize("skew", [6.0, -6.0])
def test_a_skew_that_is_known_no_better_than_six_hours_is_no_ground_to_guess(skew: float) -> None:
    first, second = facts(_out("A", 8, "T1").within(6), _out("B", 8 + skew, "T2"))
    assert kinds(fold(ITEM, (first, second))) == ["ambiguous_custody"]


def test_a_dead_clock_makes_two_loans_ambiguous_until_a_believed_one_ends_the_doubt() -> None:
    doubted = _out("A", 8, "T1").doubted()
    assert kinds(history(doubted, _out("B", 200, "T2"))) == ["ambiguous_custody"]
    ended = replace(facts(doubted)[0], latest=hour(100))
    assert kinds(fold(ITEM, [ended, *facts(_out("B", 200, "T2"))])) == ["missed_return"]


def test_a_dead_clock_at_one_station_alone_is_no_question() -> None:
    acts = [(8.0, out("A", "T1"), True), (8.1, back("A", "T1"), True), (8.2, out("A", "T2"), True)]
    made = at_stations(("A", acts, None))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert kinds(made) == []


def test_a_clock_ten_years_ahead_does_not_keep_a_copy_lent_for_ten_years() -> None:
    ahead = 10.0 * YEAR
    acts = [(8 + ahead, out("A", "T1"), False), (9 + ahead, back("A", "T1"), False)]
    made = at_stations(("A", acts, -ahead), ("B", [(10, out("B", "T2"), False)], None))
    assert closings(made) == {"T1": "checkin", "T2": None}
    assert made.custody.loan is not None
    assert made.custody.loan.token == "T2"


def test_a_clock_that_jumps_while_a_copy_is_out_changes_nothing_about_who_has_it() -> None:
    acts = [(8.0, out("A", "T1"), False), (10.0 * YEAR, back("A", "T1"), False)]
    made = at_stations(("A", acts, None))
    assert closings(made) == {"T1": "checkin"}
    assert kinds(made) == []


def test_the_built_day_is_no_instant_of_a_doubted_checkout() -> None:
    """A clock at 1970 in an empty ledger: lending goes on from the day the product was built, which is only early."""
    reading = Reading(datetime(1970, 1, 1, tzinfo=UTC), 60_000, "b1")
    entry = ev.entry(1, settle(reading, None), "desk", out("A", "T1"))
    timeline = Timeline()
    timeline.add(entry)
    assert timeline.place(1, to_ms(entry.at)) == Placed(to_ms(BUILT), to_ms(BUILT) - LEAST_SPREAD, None)
    assert to_ms(BUILT) < MIDNIGHT
