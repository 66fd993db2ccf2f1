"""What time it is when the clock cannot be trusted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.clock import BEYOND, BUILT, TOLERANCE, Anchor, Moment, Reading, settle

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MS = timedelta(milliseconds=1)

#: The last event: a morning, ten minutes after the machine was switched on.
LAST = datetime(2027, 3, 2, 2, 0, tzinfo=UTC)
ANCHOR = Anchor(LAST, uptime_ms=600_000, boot="b1")


def reading(wall: datetime, uptime: timedelta = timedelta(minutes=15), boot: str = "b1") -> Reading:
    """A reading, five minutes after the last event unless said otherwise."""
    return Reading(wall, uptime // MS, boot)


@pytest.mark.parametrize(
    ("wall", "at", "trusted"),
    [
        (LAST + 5 * MINUTE, LAST + 5 * MINUTE, True),
        (LAST + MS, LAST + MS, True),
        (LAST, LAST, True),
        (LAST - MS, LAST, True),  # network time set it back by a little
        (LAST - TOLERANCE, LAST, True),
        (LAST - TOLERANCE - MS, LAST + 5 * MINUTE, False),
        (LAST - DAY, LAST + 5 * MINUTE, False),
        (datetime(1970, 1, 1, tzinfo=UTC), LAST + 5 * MINUTE, False),  # the battery is dead
        (LAST + 400 * DAY, LAST + 400 * DAY, True),  # it stood in a cupboard
        (BEYOND, BEYOND, True),
        (BEYOND + MS, LAST + 5 * MINUTE, False),
    ],
)
def test_a_clock_is_believed_unless_it_is_before_the_last_event_or_beyond_all_years(
    wall: datetime, at: datetime, trusted: bool
) -> None:
    now = reading(wall)
    assert settle(now, ANCHOR) == Moment(at, trusted, now)


@pytest.mark.parametrize(
    ("uptime", "boot", "since"),
    [
        (timedelta(minutes=15), "b1", 5 * MINUTE),  # the same boot: what has passed since the event
        (timedelta(minutes=10), "b1", 0 * MINUTE),
        (timedelta(minutes=15), "b2", 15 * MINUTE),  # another boot: at least the time since it began
        (timedelta(minutes=1), "b2", 1 * MINUTE),
        (timedelta(minutes=1), "b1", 1 * MINUTE),  # a boot that calls itself the same and began anew
    ],
)
def test_a_doubted_clock_gives_way_to_the_last_event_and_the_uptime_since(
    uptime: timedelta, boot: str, since: timedelta
) -> None:
    moment = settle(reading(datetime(1970, 1, 1, tzinfo=UTC), uptime, boot), ANCHOR)
    assert (moment.at, moment.trusted) == (LAST + since, False)


@pytest.mark.parametrize(
    ("wall", "at", "trusted"),
    [
        (BUILT + DAY, BUILT + DAY, True),
        (BUILT, BUILT, True),
        (BUILT - TOLERANCE, BUILT - TOLERANCE, True),
        (BUILT - TOLERANCE - MS, BUILT, False),
        (datetime(1970, 1, 1, tzinfo=UTC), BUILT, False),
        (BEYOND, BEYOND, True),
        (BEYOND + MS, BUILT, False),
    ],
)
def test_in_an_empty_ledger_the_program_itself_is_the_oldest_that_can_be(
    wall: datetime, at: datetime, trusted: bool
) -> None:
    moment = settle(reading(wall), None)
    assert (moment.at, moment.trusted) == (at, trusted)


def test_a_newer_program_doubts_a_clock_that_an_older_one_believed() -> None:
    before = Anchor(BUILT - 400 * DAY, 0, "b0")
    moment = settle(reading(BUILT - 399 * DAY), before)
    assert not moment.trusted
    assert moment.at >= before.at


def test_a_moment_holds_no_more_than_an_event_can() -> None:
    moment = settle(reading(LAST + timedelta(microseconds=5_999)), ANCHOR)
    assert moment.at == LAST + timedelta(milliseconds=5)


# --- histories --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What happens between two events: time passes, perhaps a reboot, perhaps something to the clock."""

    passes: timedelta
    reboots: bool
    clock: str


STEPS = st.builds(
    Step,
    st.sampled_from((0, 1, 999, 60_000, 3_600_000, 86_400_000)).map(lambda ms: timedelta(milliseconds=ms))
    | st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms)),
    st.booleans(),
    st.sampled_from(("keeps", "keeps", "right", "dead", "ahead", "behind", "a little behind", "far ahead")),
)


class Machine:
    """A station with a true time that it does not know, and a clock that anything may happen to."""

    def __init__(self) -> None:
        self.true = datetime(2027, 3, 2, 2, tzinfo=UTC)
        self.offset = timedelta(0)
        self.boot, self.booted = 0, self.true
        self.last: Anchor | None = None

    def after(self, step: Step) -> Moment:
        """Let a step happen, and settle the time of the next event."""
        self.true += step.passes
        if step.reboots:
            # It was off for a while before it came up again.
            self.boot, self.booted = self.boot + 1, self.true - step.passes / 2
        self.offset = {
            "keeps": self.offset,
            "right": timedelta(0),
            "dead": datetime(2000, 1, 1, tzinfo=UTC) - self.true,
            "ahead": timedelta(days=400),
            "behind": -timedelta(days=3),
            "a little behind": -TOLERANCE,
            "far ahead": timedelta(days=40_000),
        }[step.clock]
        now = Reading(self.true + self.offset, (self.true - self.booted) // MS, f"b{self.boot}")
        moment = settle(now, self.last)
        self.last = Anchor(moment.at, now.uptime_ms, now.boot)
        return moment


HISTORIES = st.lists(STEPS, min_size=1, max_size=20)


@given(HISTORIES)
def test_time_never_runs_back_whatever_happens_to_the_clock(history: list[Step]) -> None:
    machine = Machine()
    times = [machine.after(step).at for step in history]
    assert times == sorted(times)


@given(HISTORIES)
def test_a_doubted_time_is_never_later_than_the_truth_as_long_as_none_was_believed_that_was(
    history: list[Step],
) -> None:
    machine = Machine()
    deceived = False
    for step in history:
        moment = machine.after(step)
        deceived |= moment.trusted and moment.at > machine.true
        if not deceived:
            assert moment.at <= machine.true


@given(HISTORIES)
def test_a_clock_that_is_right_is_believed_until_one_that_ran_ahead_was(history: list[Step]) -> None:
    machine = Machine()
    deceived = False
    for step in history:
        moment = machine.after(step)
        deceived |= moment.at > machine.true
        if machine.offset == timedelta(0) and not deceived:
            assert (moment.at, moment.trusted) == (machine.true, True)


@given(st.integers(0, TOLERANCE // MS))
def test_a_small_step_back_is_tolerated_and_time_stands_still_for_it(back: int) -> None:
    moment = settle(reading(LAST - timedelta(milliseconds=back)), ANCHOR)
    assert (moment.at, moment.trusted) == (LAST, True)
