"""Opening hours and due days: the province's real year, then calendars that no library would wish for."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.phrase import SettingError
from sync.circulation.calendar import (
    HORIZON_DAYS,
    Calendar,
    Closure,
    DayHours,
    ExtraDay,
    Holiday,
    Hours,
    Interval,
    Season,
    Weekday,
)
from sync.circulation.model import LOCAL_ZONE, local_day
from sync.circulation.network import Branch
from sync.circulation.rules import Rules
from tests.sync.circulation.plain import BRANCHES, COMMUNE, HOURS, NEIGHBOUR, PROVINCE, SEASONS
from tests.sync.circulation.worlds import (
    EVENING,
    FIRST_DAY,
    LAST_DAY,
    SUMMER,
    WEEKDAYS,
    WINTER,
    days,
    end_of,
    local,
    moments,
    rule_sets,
)

#: Tết 2027 (the year Đinh Mùi begins on 6 February) as the province might close, and the Saturday worked for it.
TET = (Closure(date(2027, 2, 4), date(2027, 2, 12), "nghỉ Tết"),)
NEW_YEAR = (Holiday(date(2027, 1, 1), "Tết Dương lịch"),)
WORKED_SATURDAY = (ExtraDay(date(2027, 1, 30), "làm bù Tết"),)
YEAR = Rules(BRANCHES, (), (HOURS,), TET, NEW_YEAR, WORKED_SATURDAY)
LIBRARY = YEAR.calendar(PROVINCE)


def at(text: str) -> datetime:
    """An instant by the library's own clock: ``2027-03-02 09:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE).astimezone(UTC)


# --- the province's year ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "season", "hours"),
    [
        (date(2027, 1, 4), "mùa đông", WINTER),
        (date(2027, 4, 15), "mùa đông", WINTER),
        (date(2027, 4, 16), "mùa hè", SUMMER),
        (date(2027, 7, 1), "mùa hè", SUMMER),
        (date(2027, 10, 15), "mùa hè", SUMMER),
        (date(2027, 10, 18), "mùa đông", WINTER),
        (date(2027, 12, 31), "mùa đông", WINTER),
        (date(2028, 2, 29), "mùa đông", WINTER),
        (date(2027, 10, 16), "mùa đông", ()),  # the change-over is a Saturday
        (date(2027, 7, 3), "mùa hè", ()),
        (date(2027, 7, 4), "mùa hè", ()),
        (date(2027, 1, 1), "mùa đông", ()),  # a holiday
        (date(2027, 2, 4), "mùa đông", ()),  # the closure's first day
        (date(2027, 2, 12), "mùa đông", ()),  # and its last
        (date(2027, 2, 15), "mùa đông", WINTER),
        (date(2027, 1, 30), "mùa đông", WINTER),  # a Saturday with Monday's hours
    ],
)
def test_each_day_of_the_year_has_the_hours_of_its_season(day: date, season: str, hours: tuple[Interval, ...]) -> None:
    found = LIBRARY.season(day)
    assert found is not None
    assert found.name == season
    assert LIBRARY.intervals(day) == hours
    assert LIBRARY.is_open_day(day) is bool(hours)


@pytest.mark.parametrize(
    ("moment", "closes"),
    [
        ("2027-03-02 07:29:59", None),
        ("2027-03-02 07:30", "2027-03-02 11:30"),
        ("2027-03-02 11:29:59", "2027-03-02 11:30"),
        ("2027-03-02 11:30", None),
        ("2027-03-02 12:00", None),
        ("2027-03-02 13:00", "2027-03-02 17:00"),
        ("2027-03-02 16:59:59", "2027-03-02 17:00"),
        ("2027-03-02 17:00", None),
        ("2027-06-01 07:00", "2027-06-01 11:30"),  # summer opens earlier and has the longer lunch
        ("2027-06-01 13:15", None),
        ("2027-06-01 13:30", "2027-06-01 17:00"),
        ("2027-03-06 09:00", None),
        ("2027-02-08 09:00", None),
    ],
)
def test_it_is_open_from_the_first_minute_of_a_stretch_until_its_last(moment: str, closes: str | None) -> None:
    assert LIBRARY.closes_at(at(moment)) == (at(closes) if closes else None)
    assert LIBRARY.is_open_at(at(moment)) is (closes is not None)


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2027-03-02 03:00", "2027-03-02 07:30"),
        ("2027-03-02 07:29:59", "2027-03-02 07:30"),
        ("2027-03-02 07:30", "2027-03-02 13:00"),  # next, not now
        ("2027-03-02 11:45", "2027-03-02 13:00"),
        ("2027-03-02 13:00", "2027-03-03 07:30"),
        ("2027-03-05 17:00", "2027-03-08 07:30"),  # over the week-end
        ("2027-01-29 17:00", "2027-01-30 07:30"),  # to the Saturday worked in exchange
        ("2027-02-03 17:00", "2027-02-15 07:30"),  # over Tết
        ("2026-12-31 17:00", "2027-01-04 07:30"),  # over the year's end
        ("2027-04-15 17:00", "2027-04-16 07:00"),  # into summer
        ("2027-10-15 17:00", "2027-10-18 07:30"),  # out of it
        ("2028-02-28 17:00", "2028-02-29 07:30"),
    ],
)
def test_it_says_when_it_opens_next(moment: str, opens: str) -> None:
    assert LIBRARY.opens_next(at(moment)) == at(opens)


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2027, 3, 5), date(2027, 3, 5)),
        (date(2027, 3, 6), date(2027, 3, 8)),
        (date(2027, 2, 5), date(2027, 2, 15)),
        (date(2027, 1, 30), date(2027, 1, 30)),
        (date(2027, 1, 31), date(2027, 2, 1)),
        (date(2027, 1, 1), date(2027, 1, 4)),
        (date(2028, 2, 29), date(2028, 2, 29)),
    ],
)
def test_the_due_moment_is_the_last_second_of_the_first_open_day(day: date, due: date) -> None:
    assert LIBRARY.open_day_from(day) == due
    assert LIBRARY.due_at(day) == end_of(due) == at(f"{due} 23:59:59")


def test_a_closed_day_says_why_and_an_extra_day_needs_no_excuse() -> None:
    assert LIBRARY.closed_because(date(2027, 1, 1)) == "Tết Dương lịch"
    assert LIBRARY.closed_because(date(2027, 2, 8)) == "nghỉ Tết"
    assert LIBRARY.closed_because(date(2027, 3, 6)) is None, "a Saturday like any other"
    assert LIBRARY.closed_because(date(2027, 1, 30)) is None
    opened_anyway = Rules(
        BRANCHES, (), (HOURS,), TET, NEW_YEAR, (ExtraDay(date(2027, 2, 8)), ExtraDay(date(2027, 1, 1)))
    )
    calendar = opened_anyway.calendar(PROVINCE)
    for day in (date(2027, 2, 8), date(2027, 1, 1)):
        assert calendar.closed_because(day) is None
        assert calendar.intervals(day) == WINTER


def test_an_extra_day_may_have_hours_of_its_own() -> None:
    rules = Rules(BRANCHES, (), (HOURS,), extra_days=(ExtraDay(date(2027, 3, 6), "hội sách", intervals=EVENING),))
    calendar = rules.calendar(PROVINCE)
    assert calendar.intervals(date(2027, 3, 6)) == EVENING
    assert calendar.opens_next(at("2027-03-05 17:00")) == at("2027-03-06 18:00")


def test_an_extra_day_has_the_monday_hours_of_its_own_season() -> None:
    rules = Rules(BRANCHES, (), (HOURS,), extra_days=(ExtraDay(date(2027, 6, 5)), ExtraDay(date(2027, 12, 4))))
    assert rules.calendar(PROVINCE).intervals(date(2027, 6, 5)) == SUMMER
    assert rules.calendar(PROVINCE).intervals(date(2027, 12, 4)) == WINTER


# --- along the tree ---------------------------------------------------------------------------------------------------

VILLAGE = "TN-PB-1"
DEEP = (*BRANCHES, Branch(VILLAGE, "Tủ sách xã Úc Kỳ", parent=COMMUNE))
WEEKEND = Hours(COMMUNE, (Season("cả năm", "01-01", (DayHours(("sat", "sun"), EVENING),)),))


def test_hours_are_those_of_the_nearest_branch_that_sets_any() -> None:
    rules = Rules(DEEP, (), (HOURS, WEEKEND))
    assert rules.calendar(PROVINCE).intervals(date(2027, 3, 5)) == WINTER
    for branch in (COMMUNE, VILLAGE):
        assert rules.calendar(branch).intervals(date(2027, 3, 5)) == ()
        assert rules.calendar(branch).intervals(date(2027, 3, 6)) == EVENING
    assert not rules.calendar(NEIGHBOUR).is_open_day(date(2027, 3, 5)), "another root inherits nothing"


def test_hours_without_a_branch_hold_for_everybody_who_sets_none() -> None:
    rules = Rules(DEEP, (), (replace(HOURS, branch=""), WEEKEND))
    assert rules.calendar(NEIGHBOUR).intervals(date(2027, 3, 5)) == WINTER
    assert rules.calendar(VILLAGE).intervals(date(2027, 3, 5)) == ()


def test_a_closure_shuts_its_branch_and_all_below_it_and_nobody_above() -> None:
    day = date(2027, 3, 5)
    for closed, shut in (
        (PROVINCE, {PROVINCE, COMMUNE, VILLAGE}),
        (COMMUNE, {COMMUNE, VILLAGE}),
        (VILLAGE, {VILLAGE}),
        ("", {PROVINCE, COMMUNE, VILLAGE}),
        (NEIGHBOUR, set()),
    ):
        rules = Rules(DEEP, (), (HOURS,), (Closure(day, day, branch=closed),))
        assert {b for b in (PROVINCE, COMMUNE, VILLAGE) if not rules.calendar(b).is_open_day(day)} == shut


def test_closures_of_all_branches_above_add_up() -> None:
    mine, above = (
        Closure(date(2027, 3, 2), date(2027, 3, 3), branch=VILLAGE),
        Closure(date(2027, 3, 4), date(2027, 3, 5)),
    )
    rules = Rules(DEEP, (), (HOURS,), (mine, above))
    assert rules.calendar(VILLAGE).open_day_from(date(2027, 3, 2)) == date(2027, 3, 8)
    assert rules.calendar(PROVINCE).open_day_from(date(2027, 3, 2)) == date(2027, 3, 2)


def test_the_nearest_branch_says_when_an_extra_day_is_open() -> None:
    day = date(2027, 3, 6)
    rules = Rules(DEEP, (), (HOURS,), extra_days=(ExtraDay(day, branch=COMMUNE, intervals=EVENING), ExtraDay(day)))
    assert rules.calendar(PROVINCE).intervals(day) == WINTER
    assert rules.calendar(COMMUNE).intervals(day) == EVENING
    assert rules.calendar(VILLAGE).intervals(day) == EVENING


def test_a_holiday_shuts_everybody() -> None:
    rules = Rules(
        DEEP, (), (HOURS, replace(HOURS, branch=NEIGHBOUR)), holidays=(Holiday(date(2027, 9, 2), "Quốc khánh"),)
    )
    for branch in (PROVINCE, VILLAGE, NEIGHBOUR):
        assert rules.calendar(branch).closed_because(date(2027, 9, 2)) == "Quốc khánh"


# --- odd seasons ------------------------------------------------------------------------------------------------------


def test_the_last_season_of_the_year_holds_until_the_first_change_over_of_the_next() -> None:
    all_week = DayHours(WEEKDAYS, WINTER)
    closed_from_new_year = Hours(PROVINCE, (Season("mở", "12-31", (all_week,)), Season("nghỉ", "01-01", ())))
    calendar = Rules(BRANCHES, (), (closed_from_new_year,)).calendar(PROVINCE)
    assert calendar.is_open_day(date(2027, 12, 31))
    assert not calendar.is_open_day(date(2028, 1, 1))
    assert calendar.open_day_from(date(2027, 1, 1)) == date(2027, 12, 31)
    one_season = Rules(BRANCHES, (), (Hours(PROVINCE, (Season("cả năm", "07-01", (all_week,)),)),)).calendar(PROVINCE)
    assert all(one_season.is_open_day(date(2027, month, 1)) for month in range(1, 13))


def test_the_leap_day_belongs_to_the_season_before_march() -> None:
    seasons = (Season("a", "02-28", (DayHours(WEEKDAYS, SUMMER),)), Season("b", "03-01", (DayHours(WEEKDAYS, WINTER),)))
    calendar = Rules(BRANCHES, (), (Hours(PROVINCE, seasons),)).calendar(PROVINCE)
    assert calendar.intervals(date(2028, 2, 29)) == SUMMER
    assert calendar.intervals(date(2028, 3, 1)) == WINTER


def test_an_open_day_is_found_up_to_the_horizon_and_not_beyond() -> None:
    first = date(2027, 1, 4)
    for length, found in ((HORIZON_DAYS - 1, True), (HORIZON_DAYS, False)):
        shut = Closure(first, first + timedelta(days=length - 1))
        every_day = Hours(PROVINCE, (Season("", "01-01", (DayHours(WEEKDAYS, WINTER),)),))
        calendar = Rules(BRANCHES, (), (every_day,), (shut,)).calendar(PROVINCE)
        expected = first + timedelta(days=length) if found else None
        assert calendar.open_day_from(first) == expected
        assert calendar.due_at(first) == (end_of(expected) if expected else None)
        assert calendar.opens_next(local(first)) == (local(expected, time(7, 30)) if expected else None)


def test_a_branch_without_hours_never_opens() -> None:
    calendar = Rules(BRANCHES).calendar(PROVINCE)
    assert calendar.season(date(2027, 3, 2)) is None
    assert calendar.open_day_from(date(2027, 3, 2)) is None
    assert calendar.due_at(date(2027, 3, 2)) is None
    assert calendar.opens_next(at("2027-03-02 09:00")) is None
    assert calendar.closes_at(at("2027-03-02 09:00")) is None


# --- what a setting may not say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", ["02-29", "13-01", "00-10", "04-31", "4-16", "04/16", "W01-1", "W16", "", "16-04", "0416"]
)
def test_a_season_starts_on_a_day_that_every_year_has(start: str) -> None:
    with pytest.raises(SettingError, match="month-day"):
        Season("mùa hè", start, ())


@pytest.mark.parametrize("day", ["Mon", "MON", "monday", "", "t2", "mon "])
def test_a_weekday_is_written_in_one_way(day: str) -> None:
    with pytest.raises(SettingError, match="no weekday"):
        DayHours((day,), WINTER)


def test_every_weekday_can_be_named() -> None:
    monday = date(2027, 3, 1)
    for n, name in enumerate(WEEKDAYS):
        hours = Hours(PROVINCE, (Season("", "01-01", (DayHours((name,), WINTER),)),))
        calendar = Rules(BRANCHES, (), (hours,)).calendar(PROVINCE)
        assert calendar.open_day_from(monday) == monday + timedelta(days=n)
        assert Weekday(n).name.lower() == name


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Interval(time(11), time(11)), "before closing"),
        (lambda: Interval(time(13), time(11)), "before closing"),
        (lambda: DayHours(("mon",), (SUMMER[1], SUMMER[0])), "overlap"),
        (lambda: DayHours(("mon",), (SUMMER[0], WINTER[0])), "overlap"),
        (lambda: ExtraDay(date(2027, 3, 6), intervals=(SUMMER[1], SUMMER[0])), "overlap"),
        (lambda: Season("x", "01-01", (DayHours(("mon",), SUMMER), DayHours(("mon",), WINTER))), "twice"),
        (lambda: Season("x", "01-01", (DayHours(("mon", "mon"), SUMMER),)), "twice"),
        (lambda: Hours(PROVINCE, ()), "never open"),
        (lambda: Hours(PROVINCE, (Season("x", "01-01", ()),)), "never open"),
        (lambda: Hours("", (Season("x", "01-01", (DayHours(("mon",), ()), DayHours((), SUMMER))),)), "never open"),
        (lambda: Hours(PROVINCE, (SEASONS[0], replace(SEASONS[0], name="khác"))), "same day"),
        (lambda: Closure(date(2027, 3, 2), date(2027, 3, 1)), "before it starts"),
        (lambda: Rules(BRANCHES, (), (HOURS, HOURS)), "hours twice"),
        (
            lambda: Rules(extra_days=(ExtraDay(TET[0].first), ExtraDay(TET[0].first, "", "", EVENING))),
            "extra day twice",
        ),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused_when_it_is_made(make: object, complaint: str) -> None:
    assert callable(make)
    with pytest.raises(SettingError, match=complaint):
        make()


def test_intervals_may_touch_and_a_closure_may_last_one_day() -> None:
    touching = (Interval(time(7), time(11)), Interval(time(11), time(17)))
    assert DayHours(("mon",), touching).intervals == touching
    assert Closure(date(2027, 3, 1), date(2027, 3, 1)).last == date(2027, 3, 1)


# --- against an oracle ------------------------------------------------------------------------------------------------


def open_by_the_rows(rules: Rules, branch: str, day: date) -> bool:
    """Whether a branch opens on a day, asked of the rows themselves and not of the calendar."""
    parents = {b.code: b.parent for b in rules.branches}
    above = [branch]
    while above[-1]:
        above.append(parents[above[-1]])
    seasons: tuple[Season, ...] = ()
    for node in reversed(above):
        seasons = next((h.seasons for h in rules.hours if h.branch == node), seasons)
    if not seasons:
        week: dict[str, bool] = {}
    else:
        # Walk back from the day until a season's first day is met.
        back, starts = day, {s.starts: s for s in seasons}
        while back.strftime("%m-%d") not in starts:
            back -= timedelta(days=1)
        season = starts[back.strftime("%m-%d")]
        week = {name: bool(part.intervals) for part in season.week for name in part.days}
    for extra in rules.extra_days:
        if extra.day == day and extra.branch in above:
            nearest = min(
                (e for e in rules.extra_days if e.day == day and e.branch in above), key=lambda e: above.index(e.branch)
            )
            return bool(nearest.intervals) or week.get("mon", False)
    if any(h.day == day for h in rules.holidays):
        return False
    if any(c.branch in above and c.first <= day <= c.last for c in rules.closures):
        return False
    return week.get(WEEKDAYS[day.weekday()], False)


@given(st.data(), days())
def test_a_day_is_open_when_the_rows_say_so(data: st.DataObject, around: date) -> None:
    rules = data.draw(rule_sets(around))
    branch = data.draw(st.sampled_from([b.code for b in rules.branches]))
    calendar = rules.calendar(branch)
    for n in range(-20, 100):
        day = around + timedelta(days=n)
        assert calendar.is_open_day(day) is open_by_the_rows(rules, branch, day), day
        assert bool(calendar.intervals(day)) is calendar.is_open_day(day)


@given(st.data(), days(), st.integers(-5, 60), st.integers(-70, 70))
def test_late_days_are_the_open_days_after_the_due_day(
    data: st.DataObject, due: date, around: int, length: int
) -> None:
    rules = data.draw(rule_sets(due + timedelta(days=around)))
    branch = data.draw(st.sampled_from([b.code for b in rules.branches]))
    until = due + timedelta(days=length)
    counted = 0
    day = due
    while day < until:
        day += timedelta(days=1)
        counted += open_by_the_rows(rules, branch, day)
    assert rules.calendar(branch).open_days_after(due, until) == counted


@given(st.data(), moments())
def test_opening_closing_and_next_opening_agree_with_each_other(data: st.DataObject, moment: datetime) -> None:
    rules = data.draw(rule_sets(local_day(moment)))
    calendar = rules.calendar(data.draw(st.sampled_from([b.code for b in rules.branches])))
    closes, opens = calendar.closes_at(moment), calendar.opens_next(moment)
    assert (closes is not None) is calendar.is_open_at(moment)
    second = timedelta(milliseconds=1)
    if closes is not None:
        assert closes > moment
        assert closes.tzinfo is UTC
        assert calendar.is_open_at(closes - second)
    if opens is None:
        assert not any(calendar.is_open_day(local_day(moment) + timedelta(days=n)) for n in range(1, HORIZON_DAYS))
    else:
        assert opens > moment
        assert opens.tzinfo is UTC
        assert calendar.is_open_at(opens)
        assert calendar.opens_next(opens - second) == opens
        if closes is None:
            assert not calendar.is_open_at(opens - second)


@given(st.data(), days())
def test_the_first_open_day_is_open_and_the_first(data: st.DataObject, day: date) -> None:
    rules = data.draw(rule_sets(day))
    branch = data.draw(st.sampled_from([b.code for b in rules.branches]))
    found = rules.calendar(branch).open_day_from(day)
    last = found or day + timedelta(days=HORIZON_DAYS)
    assert found is None or open_by_the_rows(rules, branch, found)
    assert not any(open_by_the_rows(rules, branch, day + timedelta(days=n)) for n in range((last - day).days))


@given(st.dates(FIRST_DAY, LAST_DAY))
def test_the_provinces_library_is_open_eight_hours_on_each_of_its_days_in_either_season(day: date) -> None:
    minutes = sum(
        (datetime.combine(day, i.closes) - datetime.combine(day, i.opens)) // timedelta(minutes=1)
        for i in LIBRARY.intervals(day)
    )
    assert minutes == (480 if LIBRARY.is_open_day(day) else 0)


def test_a_calendar_can_be_asked_without_a_tree() -> None:
    calendar = Calendar(SEASONS, (), {}, {})
    assert calendar.intervals(date(2027, 3, 2)) == WINTER
