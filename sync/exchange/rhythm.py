"""When a station calls headquarters: pure, so that a simulation can live through years of it.

While the library is open, events go out a few seconds after they were made, several together, and without events a call
every few minutes fetches what is new. While it is closed, once an hour. A call that fails is tried again after a random
time up to a bound that doubles (*full jitter*), so that stations whose headquarters was away do not all come back at
once; a bound of a quarter of an hour still gives a van a chance in each five-minute window, because every sign of life
of a network (:meth:`Rhythm.woken`) calls at once. What headquarters asks for, silence or smaller batches, is kept to.

Each night has one time for the long work (integrity check, backup, pruning, snapshot), spread over the night by the
station's name; a night that was slept through is made good at the next chance while the library is closed, or after two
nights at any time. Times are seconds of a monotonic clock, nights are days.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Final

from sync.circulation.model import LOCAL_ZONE
from sync.exchange.batch import BATCH_EVENTS

#: Seconds to wait for more events to go along with the first.
GATHER: Final = 3.0
#: Seconds between calls that only listen, while open and while closed.
LISTEN_OPEN: Final = 300.0
LISTEN_CLOSED: Final = 3600.0
#: The bound of the first retry and of the longest.
FIRST_RETRY: Final = 5.0
LONGEST_RETRY: Final = 900.0
#: The nights' work is begun between these hours.
NIGHT_FROM: Final = time(21)
NIGHT_HOURS: Final = 7

_LEAST_BATCH = 10


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What has been and what is to come. ``next_call`` is when to call; ``batch`` how many events at most.

    ``failures`` counts calls in a row that came to nothing; ``last_night`` is the night whose work is done.
    """

    next_call: float
    failures: int = 0
    batch: int = BATCH_EVENTS
    last_night: date | None = None

    def noticed(self, now: float) -> Rhythm:
        """There are events to be sent. In the middle of a row of failures they change nothing."""
        return self if self.failures else replace(self, next_call=min(self.next_call, now + GATHER))

    def woken(self, now: float) -> Rhythm:
        """Somebody asks for a call, or a network has come up: call now, whatever failed before."""
        return replace(self, next_call=now, failures=0)

    def answered(self, now: float, *, left: bool, is_open: bool, slow_down_s: int | None, batch_limit: int) -> Rhythm:
        """Headquarters answered; ``left`` says that there is more to send or to fetch."""
        if slow_down_s is not None:
            wait = float(slow_down_s)
        elif left:
            wait = 0.0
        else:
            wait = LISTEN_OPEN if is_open else LISTEN_CLOSED
        batch = max(1, min(batch_limit, BATCH_EVENTS, self.batch * 2))
        return replace(self, next_call=now + wait, failures=0, batch=batch)

    def failed(self, now: float, rng: random.Random) -> Rhythm:
        """Nothing came back, or nothing that could be believed. A bad line gets smaller batches too."""
        bound = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(self.failures, 20))
        batch = self.batch if self.failures == 0 else max(_LEAST_BATCH, self.batch // 2)
        return replace(self, next_call=now + rng.uniform(0.0, bound), failures=self.failures + 1, batch=batch)

    def put_off(self, now: float, seconds: float) -> Rhythm:
        """Whoever answered in headquarters' place asked for silence."""
        return replace(self, next_call=max(self.next_call, now + min(seconds, LONGEST_RETRY)))

    def is_night_work(self, station: str, at: datetime, *, is_open: bool) -> bool:
        """Whether the long work is due at an instant (aware)."""
        night = night_of(at)
        if self.last_night is not None and self.last_night >= night:
            return False
        missed = self.last_night is not None and night - self.last_night > timedelta(days=2)
        return missed or (not is_open and at >= _slot(station, night))

    def night_done(self, at: datetime) -> Rhythm:
        """The long work of the night is done."""
        return replace(self, last_night=night_of(at))


def night_of(at: datetime) -> date:
    """The night an instant belongs to, named after the day on whose evening it begins; from noon to noon."""
    return (at.astimezone(LOCAL_ZONE) - timedelta(hours=12)).date()


def _slot(station: str, night: date) -> datetime:
    """A station's own time in a night: the same for ever, and spread evenly over all stations."""
    share = int.from_bytes(sha256(station.encode()).digest()[:4]) / 2**32
    begins = datetime.combine(night, NIGHT_FROM, LOCAL_ZONE)
    return begins + timedelta(hours=NIGHT_HOURS) * share
