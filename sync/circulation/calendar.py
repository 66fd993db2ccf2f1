"""Opening hours and due dates.

A branch's week depends on the season; seasons follow each other round the year, each from its change-over day until the
next one begins. Closures and public holidays shut single days or stretches; an extra day opens one in spite of all
that (the Saturdays worked in exchange for a long holiday, which change every year). Hours are inherited from the
nearest branch above that sets them; closures add up along the tree; a holiday without a branch shuts everybody.

An item is due at the last second of an open day in the library's zone, so that nobody is late on the day printed on
the receipt, and no closed day is ever a due day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from itertools import pairwise

from config.phrase import Phrase, SettingError
from sync.circulation.model import LOCAL_ZONE, local_day
from sync.circulation.network import Network

#: How far ahead an open day is looked for. A library that is shut for longer than this lends nothing.
HORIZON_DAYS = 400

_END_OF_DAY = time(23, 59, 59)


class Weekday(IntEnum):
    """Days of the week as ``date.weekday()`` counts them; the week starts on Monday (CLDR vi)."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6


_WEEKDAYS = {day.name.lower() for day in Weekday}


@dataclass(frozen=True, slots=True)
class Interval:
    """One stretch of opening, local time, ``opens`` included and ``closes`` not."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise SettingError(
                Phrase(
                    f"Giờ mở cửa {self.opens:%H:%M} phải trước giờ đóng cửa {self.closes:%H:%M}.",
                    f"Opening at {self.opens:%H:%M} must be before closing at {self.closes:%H:%M}.",
                )
            )


def _in_order(intervals: tuple[Interval, ...]) -> None:
    for earlier, later in pairwise(intervals):
        if later.opens < earlier.closes:
            raise SettingError(
                Phrase(
                    f"Khoảng giờ bắt đầu {later.opens:%H:%M} chồng lên khoảng trước.",
                    f"The hours from {later.opens:%H:%M} overlap the hours before them.",
                )
            )


@dataclass(frozen=True, slots=True)
class DayHours:
    """The same intervals on several days of the week (``mon`` … ``sun``)."""

    days: tuple[str, ...]
    intervals: tuple[Interval, ...]

    def __post_init__(self) -> None:
        _in_order(self.intervals)
        for name in self.days:
            if name not in _WEEKDAYS:
                raise SettingError(
                    Phrase(
                        f"'{name}' không phải là thứ trong tuần (mon … sun).",
                        f"'{name}' is no weekday (mon … sun).",
                    )
                )


@dataclass(frozen=True, slots=True)
class Season:
    """A part of the year with its own week, from ``starts`` (``MM-DD``) until the next season starts."""

    name: str
    starts: str
    week: tuple[DayHours, ...]

    def __post_init__(self) -> None:
        if not _is_month_day(self.starts):
            raise SettingError(
                Phrase(
                    f"Ngày bắt đầu mùa '{self.starts}' phải viết dạng tháng-ngày, ví dụ 04-16 (không dùng 02-29).",
                    f"The season's start '{self.starts}' must be month-day, such as 04-16 (and not 02-29).",
                )
            )
        named = [name for hours in self.week for name in hours.days]
        if len(named) != len(set(named)):
            raise SettingError(
                Phrase(
                    f"Mùa '{self.name}' nêu một thứ trong tuần hai lần.",
                    f"The season '{self.name}' names a day of the week twice.",
                )
            )


def _is_month_day(text: str) -> bool:
    try:
        day = date.fromisoformat(f"2001-{text}")
    except ValueError:
        return False
    return f"{day:%m-%d}" == text  # ISO 8601 has weeks too: 2001-W16 is a date


@dataclass(frozen=True, slots=True)
class Hours:
    """The seasons of one branch; they hold below it too until a branch sets its own."""

    branch: str
    seasons: tuple[Season, ...]

    def __post_init__(self) -> None:
        if not any(hours.days and hours.intervals for season in self.seasons for hours in season.week):
            raise SettingError(
                Phrase(
                    f"Lịch của '{self.branch}' không có giờ mở cửa nào.",
                    f"The hours of '{self.branch}' never open.",
                )
            )
        if len({season.starts for season in self.seasons}) != len(self.seasons):
            raise SettingError(
                Phrase(
                    f"Lịch của '{self.branch}' có hai mùa bắt đầu cùng một ngày.",
                    f"Two seasons of '{self.branch}' start on the same day.",
                )
            )


@dataclass(frozen=True, slots=True)
class Closure:
    """Days on which a branch and all below it are shut, ``first`` and ``last`` included; no branch is everybody."""

    first: date
    last: date
    reason: str = ""
    branch: str = ""

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise SettingError(
                Phrase(
                    f"Đợt đóng cửa từ {self.first:%d/%m/%Y} không thể kết thúc trước đó.",
                    f"The closure from {self.first:%d/%m/%Y} cannot end before it starts.",
                )
            )


@dataclass(frozen=True, slots=True)
class Holiday:
    """A public holiday: everybody is shut."""

    day: date
    name: str


@dataclass(frozen=True, slots=True)
class ExtraDay:
    """A day that is open in spite of week, holiday or closure; without ``intervals`` it has Monday's hours."""

    day: date
    reason: str = ""
    branch: str = ""
    intervals: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        _in_order(self.intervals)


@dataclass(frozen=True, slots=True)
class Calendar:
    """One branch's days, with all that it inherits already gathered. Made by :func:`calendar_of`."""

    seasons: tuple[Season, ...]
    closures: tuple[Closure, ...]
    holidays: dict[date, str]
    extra_days: dict[date, ExtraDay]

    def season(self, on: date) -> Season | None:
        """The season a day falls in; before the year's first change-over the last one of the year still holds."""
        if not self.seasons:
            return None
        by_start = sorted(self.seasons, key=lambda season: season.starts)
        begun = [season for season in by_start if season.starts <= f"{on:%m-%d}"]
        return (begun or by_start)[-1]

    def intervals(self, on: date) -> tuple[Interval, ...]:
        """The opening hours of a day, in order; empty when it is shut."""
        extra = self.extra_days.get(on)
        if extra is not None:
            return extra.intervals or self._week(on, Weekday.MON)
        if self.closed_because(on) is not None:
            return ()
        return self._week(on, Weekday(on.weekday()))

    def closed_because(self, on: date) -> str | None:
        """The holiday or closure that shuts a day, ``None`` on an ordinary or an extra day."""
        if on in self.extra_days:
            return None
        if on in self.holidays:
            return self.holidays[on]
        return next((c.reason for c in self.closures if c.first <= on <= c.last), None)

    def is_open_day(self, on: date) -> bool:
        """Whether the library opens at all on a day."""
        return bool(self.intervals(on))

    def is_open_at(self, moment: datetime) -> bool:
        """Whether it is open at an aware instant."""
        local = moment.astimezone(LOCAL_ZONE)
        return any(i.opens <= local.time() < i.closes for i in self.intervals(local.date()))

    def closes_at(self, moment: datetime) -> datetime | None:
        """When the stretch of opening that contains an instant ends (UTC); ``None`` while shut."""
        local = moment.astimezone(LOCAL_ZONE)
        for interval in self.intervals(local.date()):
            if interval.opens <= local.time() < interval.closes:
                return _utc(local.date(), interval.closes)
        return None

    def opens_next(self, moment: datetime) -> datetime | None:
        """When it opens next after an instant (UTC); ``None`` when no open day is in sight."""
        today = local_day(moment)
        for on in (today + timedelta(days=n) for n in range(HORIZON_DAYS)):
            for interval in self.intervals(on):
                opening = _utc(on, interval.opens)
                if opening > moment:
                    return opening
        return None

    def open_day_from(self, on: date) -> date | None:
        """The first open day on or after a day; ``None`` when there is none within :data:`HORIZON_DAYS`."""
        days = (on + timedelta(days=n) for n in range(HORIZON_DAYS))
        return next((d for d in days if self.is_open_day(d)), None)

    def due_at(self, on: date) -> datetime | None:
        """The end of the first open day on or after a day, as UTC; ``None`` when there is none in sight."""
        open_day = self.open_day_from(on)
        return None if open_day is None else _utc(open_day, _END_OF_DAY)

    def open_days_after(self, due: date, until: date) -> int:
        """How many open days lie after ``due`` and not after ``until``: those on which a late item could come back."""
        return sum(1 for d in _days(due + timedelta(days=1), until) if self.is_open_day(d))

    def _week(self, on: date, weekday: Weekday) -> tuple[Interval, ...]:
        season = self.season(on)
        if season is None:
            return ()
        return next((h.intervals for h in season.week if weekday.name.lower() in h.days), ())


def calendar_of(
    branch: str,
    network: Network,
    hours: tuple[Hours, ...],
    closures: tuple[Closure, ...],
    holidays: tuple[Holiday, ...],
    extra_days: tuple[ExtraDay, ...],
) -> Calendar:
    """A branch's calendar with what it inherits along the tree."""
    lineage = (*network.lineage(branch), "")
    by_branch = {h.branch: h for h in hours}
    nearest = next((by_branch[node] for node in lineage if node in by_branch), None)
    extras: dict[date, ExtraDay] = {}
    for node in reversed(lineage):
        extras.update({e.day: e for e in extra_days if e.branch == node})
    return Calendar(
        seasons=nearest.seasons if nearest else (),
        closures=tuple(c for c in closures if c.branch in lineage),
        holidays={h.day: h.name for h in holidays},
        extra_days=extras,
    )


def _utc(on: date, at: time) -> datetime:
    return datetime.combine(on, at, LOCAL_ZONE).astimezone(UTC)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
