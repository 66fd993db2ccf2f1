"""The demonstration's clock: the machine's, moved into the next opening, so that nobody finds the library shut."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import timedelta

from sync.circulation.calendar import Calendar
from sync.circulation.clock import Reading
from sync.store.clock import read_clock


@dataclass(frozen=True, slots=True)
class MovedClock:
    """The machine's clock, so much ``ahead``."""

    ahead: timedelta

    def __call__(self) -> Reading:
        """What it shows."""
        reading = read_clock()
        return replace(reading, wall=reading.wall + self.ahead)

    @property
    def worker(self) -> tuple[str, ...]:
        """The command of a worker that goes by this clock (:mod:`kiosk.demo.worker`)."""
        return (sys.executable, "-m", "kiosk.demo.worker", str(self.ahead.total_seconds()))


def open_hours(calendar: Calendar) -> MovedClock:
    """The clock in the middle of an opening: the machine's own while the library is open."""
    now = read_clock().wall
    opens = now if calendar.is_open_at(now) else calendar.opens_next(now)
    return MovedClock(timedelta() if opens is None or opens == now else opens + timedelta(hours=1) - now)
