"""What time it is when the clock cannot be trusted.

A station's clock may have lost its battery, or been set by hand to any year. It is believed unless it is earlier than
the last recorded event or than this program itself, or later than any year the program will live to see. A doubted
clock never stops lending: time then goes on from the last event plus the uptime since, which can only be too early.
So a reader who is overdue or expired by it truly is, and nobody is charged for days that have not passed. Events carry
the doubt, staff are told, and the way out of a clock that once ran ahead is a person's word (``confirmed``).

Pure: readings come in as values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: No clock is right that says less: the product did not exist. Raised with each release.
BUILT = datetime(2026, 11, 1, tzinfo=UTC)

#: No clock is right that says more.
BEYOND = BUILT + timedelta(days=30 * 365)

#: A clock that network time sets back by a little is not a clock gone wrong.
TOLERANCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the machine says: the wall clock (aware UTC), milliseconds since boot, and which boot that is."""

    wall: datetime
    uptime_ms: int
    boot: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last event's time, with the uptime and boot at which it was written."""

    at: datetime
    uptime_ms: int
    boot: str


@dataclass(frozen=True, slots=True)
class Moment:
    """The time to decide by. It never runs back from one event to the next."""

    at: datetime
    trusted: bool
    reading: Reading


def settle(reading: Reading, last: Anchor | None) -> Moment:
    """The time to decide by, from a reading and the last event's anchor (``None`` in an empty ledger)."""
    wall = reading.wall.replace(microsecond=reading.wall.microsecond // 1000 * 1000)  # what an event can hold
    earliest = max(BUILT, last.at) if last else BUILT
    if earliest - TOLERANCE <= wall <= BEYOND:
        return Moment(max(wall, last.at) if last else wall, True, reading)
    if last is None:
        return Moment(BUILT, False, reading)
    same_boot = reading.boot == last.boot and reading.uptime_ms >= last.uptime_ms
    since = reading.uptime_ms - last.uptime_ms if same_boot else reading.uptime_ms
    return Moment(last.at + timedelta(milliseconds=since), False, reading)
