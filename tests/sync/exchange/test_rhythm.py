"""When a station calls: soon after something happened, spread out after failures, once a night for the long work."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync.exchange.batch import BATCH_EVENTS
from sync.exchange.rhythm import (
    FIRST_RETRY,
    GATHER,
    LISTEN_CLOSED,
    LISTEN_OPEN,
    LONGEST_RETRY,
    Rhythm,
    night_of,
)

#: Nine in the evening at the library.
EVENING = datetime(2027, 3, 1, 14, tzinfo=UTC)


def answered(
    rhythm: Rhythm,
    now: float,
    *,
    left: bool = False,
    is_open: bool = True,
    silence: int | None = None,
    limit: int = 500,
) -> Rhythm:
    return rhythm.answered(now, left=left, is_open=is_open, slow_down_s=silence, batch_limit=limit)


def test_events_go_out_a_moment_after_they_were_made_several_together() -> None:
    idle = Rhythm(next_call=300.0)
    assert idle.noticed(10.0).next_call == 10.0 + GATHER
    assert idle.noticed(10.0).noticed(11.0).next_call == 10.0 + GATHER


def test_what_is_left_follows_at_once_and_silence_is_kept() -> None:
    rhythm = Rhythm(next_call=0.0)
    assert answered(rhythm, 5.0, left=True).next_call == 5.0
    assert answered(rhythm, 5.0).next_call == 5.0 + LISTEN_OPEN
    assert answered(rhythm, 5.0, is_open=False).next_call == 5.0 + LISTEN_CLOSED
    assert answered(rhythm, 5.0, left=True, silence=17).next_call == 22.0


@given(st.integers(min_value=0, max_value=60), st.randoms(use_true_random=False))
def test_failures_are_tried_again_within_a_bound_that_doubles_up_to_a_quarter_of_an_hour(
    failures: int, rng: random.Random
) -> None:
    rhythm = Rhythm(next_call=0.0, failures=failures)
    failed = rhythm.failed(100.0, rng)
    bound = min(LONGEST_RETRY, FIRST_RETRY * 2**failures)
    assert 100.0 <= failed.next_call <= 100.0 + bound
    assert failed.failures == failures + 1


def test_three_hundred_stations_do_not_come_back_at_once() -> None:
    calls = sorted(Rhythm(0.0, failures=8).failed(0.0, random.Random(n)).next_call for n in range(300))
    busiest = max(sum(at <= other < at + 10 for other in calls) for at in calls)
    assert busiest < 20


def test_a_bad_line_gets_smaller_batches_and_a_good_one_larger_ones_again() -> None:
    rhythm, rng = Rhythm(0.0), random.Random(1)
    rhythm = rhythm.failed(0.0, rng)
    assert rhythm.batch == BATCH_EVENTS  # one failure is nothing
    for _ in range(20):
        rhythm = rhythm.failed(0.0, rng)
    assert rhythm.batch == 10
    for _ in range(20):
        rhythm = answered(rhythm, 0.0)
    assert rhythm.batch == BATCH_EVENTS
    assert answered(rhythm, 0.0, limit=50).batch == 50


def test_a_network_that_comes_up_is_used_at_once_whatever_failed_before() -> None:
    rhythm = Rhythm(next_call=900.0, failures=9)
    assert rhythm.noticed(5.0).next_call == 900.0
    assert rhythm.woken(5.0) == Rhythm(next_call=5.0)


def test_silence_that_a_proxy_asks_for_has_an_end() -> None:
    assert Rhythm(10.0).put_off(0.0, 30.0).next_call == 30.0
    assert Rhythm(10.0).put_off(0.0, 10**9).next_call == LONGEST_RETRY
    assert Rhythm(500.0).put_off(0.0, 30.0).next_call == 500.0


# --- the night --------------------------------------------------------------------------------------------------------


def slots(station: str, nights: int = 3) -> list[datetime]:
    """The moments at which a station's work begins that is awake all the time, and whose library never opens."""
    rhythm, at = Rhythm(0.0), EVENING - timedelta(hours=9)
    found: list[datetime] = []
    while len(found) < nights:
        if rhythm.is_night_work(station, at, is_open=False):
            rhythm = rhythm.night_done(at)
            found.append(at)
        at += timedelta(minutes=1)
    return found


@given(st.text(min_size=1, max_size=20))
def test_a_station_works_once_each_night_at_its_own_time(station: str) -> None:
    first, second, third = slots(station)
    assert second - first == third - second == timedelta(days=1)
    assert EVENING <= first <= EVENING + timedelta(hours=7, minutes=1)


def test_stations_are_spread_over_the_night() -> None:
    begins = [slots(f"TN-K{n:02d}", 1)[0] for n in range(60)]
    assert len({at.replace(minute=0) for at in begins}) >= 6


def test_the_long_work_waits_until_the_library_is_closed_but_not_for_ever() -> None:
    late = EVENING + timedelta(hours=8)
    yesterday = Rhythm(0.0, last_night=night_of(late) - timedelta(days=1))
    assert not yesterday.is_night_work("TN-K01", late, is_open=True)
    assert yesterday.is_night_work("TN-K01", late, is_open=False)
    slept = Rhythm(0.0, last_night=night_of(late) - timedelta(days=3))
    assert slept.is_night_work("TN-K01", EVENING + timedelta(hours=14), is_open=True)


def test_a_night_goes_from_noon_to_noon() -> None:
    noon = datetime(2027, 3, 1, 5, tzinfo=UTC)
    assert night_of(noon).isoformat() == "2027-03-01"
    assert night_of(noon - timedelta(minutes=1)).isoformat() == "2027-02-28"
