"""True time, which nobody in the world can read, and the clocks of machines, which are wrong about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.circulation.clock import Reading
from sync.circulation.events import from_ms

#: What a clock says whose battery is dead: the beginning of all clocks.
DAWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Time:
    """True time, in milliseconds of UTC."""

    ms: int

    def go_on(self, seconds: float) -> None:
        """Time passes."""
        self.ms += max(1, int(seconds * 1000))

    def __call__(self) -> int:
        return self.ms


class MachineClock:
    """A machine's clock. ``ahead`` is how far it is ahead of true time."""

    def __init__(self, time: Time, machine: str, ahead: timedelta) -> None:
        self._time, self._machine = time, machine
        self._boots = 0
        self.ahead = ahead
        self._booted_at = 0
        self.boot()

    def boot(self, *, battery: bool = True) -> None:
        """The machine starts, half a minute ago; without a battery its clock begins at the beginning."""
        self._boots += 1
        self._booted_at = self._time.ms - 30_000
        if not battery:
            self.ahead = DAWN - from_ms(self._time.ms)

    def __call__(self) -> Reading:
        return Reading(
            from_ms(self._time.ms) + self.ahead, self._time.ms - self._booted_at, f"{self._machine}-{self._boots}"
        )

    @property
    def uptime_s(self) -> float:
        """What its monotonic clock says, in seconds."""
        return (self._time.ms - self._booted_at) / 1000
