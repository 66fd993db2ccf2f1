"""When the events of one station really happened, as well as anybody can know.

Theory of operation. A station's clock may be wrong by hours or by years, and says so only sometimes: an entry with
``wall`` was written while the clock was doubted (:mod:`sync.circulation.clock`), and ``ClockCompared`` says how far
headquarters' clock was ahead. The entries of a station fall into *runs*, in which the clock went on undisturbed: a run
ends where the machine was started anew, where trust in the clock changed, where the clock was put forward (its time and
the uptime since the entry before disagree), and where a person confirmed the clock.

Within its run an entry's instant is ``at`` plus the offset compared last before it, or first after it; where two
offsets lie around it, its interval spans both. Within one start of the machine uptime carries an offset into the next
run: it is less there by what the clock was put forward. An offset within two minutes counts as none, and no instant is
known better than that. A doubted clock can only be too early, so such an entry's interval reaches up to the next run
with a clock that is believed, and has no end before there is one. A clock that was put forward and never compared may
have been wrong before or after, so the intervals on both sides span the step.

The sequence is stronger than any clock: what comes after a compared run happened after it, and what comes before a
believed run happened before that, whatever the clocks said. An entry that its clock puts on the wrong side is moved to
the border, and its interval says from where to where it may belong.

Everything here is a function of the entries taken so far, in their order; what later entries change of earlier places
is answered by :meth:`Timeline.add`. Source: facts/sync.md, section 5.4.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from sync.circulation.clock import TOLERANCE
from sync.circulation.events import ClockCompared, ClockConfirmed, Entry, to_ms

#: No instant is known better than this, in milliseconds.
LEAST_SPREAD = TOLERANCE // timedelta(milliseconds=1)

#: An offset: the number of the entry that told it, headquarters' time less ours, and the doubt in it (milliseconds).
_Sample = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Placed:
    """When something happened, in milliseconds of UTC: the best guess and its interval (``None``: no end yet)."""

    at: int
    earliest: int
    latest: int | None


@dataclass(slots=True)
class _Run:
    """Entries over which the clock went on undisturbed. ``step`` is what it was put forward by where the run began."""

    first: int
    boot: str
    trusted: bool
    confirmed: bool
    first_at: int
    last_at: int
    last_up: int
    step: int = 0
    carried: _Sample | None = None
    samples: list[_Sample] = field(default_factory=list)

    @property
    def measured(self) -> bool:
        """Whether headquarters or a person has looked at this clock."""
        return self.confirmed or self.carried is not None or bool(self.samples)

    @property
    def believed(self) -> bool:
        """Whether the clock may be held against other runs."""
        return self.trusted or self.measured

    def around(self, seq: int) -> tuple[_Sample | None, _Sample | None]:
        """The offsets compared last before an entry and first after it."""
        before = next((s for s in reversed(self.samples) if s[0] <= seq), None)
        return before or self.carried, next((s for s in self.samples if s[0] > seq), None)

    def offset(self, seq: int) -> int:
        """What to add to an entry's time."""
        before, after = self.around(seq)
        sample = before or after
        return 0 if sample is None else sample[1]


#: What other runs say of a run, in milliseconds: not before, not after, the last word before "not after", and by how
#: much the clock was put forward behind it. ``None`` where they say nothing that matters.
_Bounds = tuple[int | None, int | None, int, int]


class Timeline:
    """The runs of one station, oldest first. Entries are taken in the order of their numbers; one taken again is
    passed over."""

    __slots__ = ("_bounds", "_firsts", "_last", "_runs")

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._bounds: list[_Bounds] = []
        self._firsts: list[int] = []
        self._last = 0

    def add(self, entry: Entry) -> int | None:
        """Take an entry; answers the number from which on earlier entries may have moved, ``None`` if none has."""
        if entry.seq <= self._last:
            return None
        at, run = to_ms(entry.at), self._runs[-1] if self._runs else None
        confirmed = isinstance(entry.event, ClockConfirmed)
        jump = None if run is None else _jump(run, entry, at)
        step = 0
        if run is not None and run.trusted and entry.clock_trusted and jump is not None and jump > LEAST_SPREAD:
            step = jump
        if run is None or confirmed or step or run.boot != entry.boot or run.trusted != entry.clock_trusted:
            told = None if run is None else run.samples[-1] if run.samples else run.carried
            carried = None if told is None or jump is None else _sample(entry.seq, told[1] - jump, told[2])
            run = _Run(entry.seq, entry.boot, entry.clock_trusted, confirmed, at, at, entry.uptime_ms, step, carried)
            self._runs.append(run)
        elif isinstance(entry.event, ClockCompared):
            run.last_at, run.last_up = at, entry.uptime_ms
        else:
            run.last_at, run.last_up, self._last = at, entry.uptime_ms, entry.seq
            return None
        self._last = entry.seq
        changed = None
        if isinstance(entry.event, ClockCompared):
            run.samples.append(_sample(entry.seq, entry.event.offset_ms, entry.event.spread_ms))
            changed = run.first if run.first < entry.seq else None
        before, self._bounds = self._bounds, self._look_around()
        self._firsts = [r.first for r in self._runs]
        moved = (r.first for r, old, new in zip(self._runs, before, self._bounds, strict=False) if old != new)
        return min((first for first in (changed, next(moved, None)) if first is not None), default=None)

    def place(self, seq: int, at: int) -> Placed:
        """Where an entry that was taken stands, from its number and its own ``at`` in milliseconds."""
        index = bisect_right(self._firsts, seq) - 1
        run, (floor, ceiling, prior, step_after) = self._runs[index], self._bounds[index]
        before, after = run.around(seq)
        offset = run.offset(seq)
        instant = at + offset
        around = [s for s in (before, after) if s is not None]
        if around:
            low = min(at + s[1] - s[2] for s in around)
            high: int | None = max(at + s[1] + s[2] for s in around)
        elif run.trusted:
            low, high = at - LEAST_SPREAD - run.step, at + LEAST_SPREAD + step_after
        else:
            low, high = at - LEAST_SPREAD, None
        if floor is not None and instant < floor:
            instant, low, high = floor, floor - LEAST_SPREAD, None
        if ceiling is not None and instant > ceiling:
            instant, low = ceiling, min(low, prior) - LEAST_SPREAD
            high = None
        if ceiling is not None:
            high = ceiling + LEAST_SPREAD if high is None else min(high, ceiling + LEAST_SPREAD)
        return Placed(instant, min(low, instant), high if high is None else max(high, instant))

    def to_values(self) -> list[object]:
        """This timeline as JSON can carry it."""
        runs = [
            [r.first, r.boot, r.trusted, r.confirmed, r.first_at, r.last_at, r.last_up, r.step, r.carried, r.samples]
            for r in self._runs
        ]
        return [self._last, runs]

    @classmethod
    def from_values(cls, values: list[Any]) -> Self:
        """The timeline of :meth:`to_values`."""
        made = cls()
        made._last, runs = values
        for first, boot, trusted, confirmed, first_at, last_at, last_up, step, carried, samples in runs:
            told = [(seq, offset, spread) for seq, offset, spread in samples]
            before = None if carried is None else (carried[0], carried[1], carried[2])
            run = _Run(first, boot, trusted, confirmed, first_at, last_at, last_up, step, before, told)
            made._runs.append(run)
        made._bounds, made._firsts = made._look_around(), [r.first for r in made._runs]
        return made

    def _look_around(self) -> list[_Bounds]:
        runs = self._runs
        spans = [(r.first_at + r.offset(r.first), r.last_at + r.offset(self._end(n))) for n, r in enumerate(runs)]
        ceilings: list[int | None] = [None] * len(runs)
        nearest: int | None = None
        for n in range(len(runs) - 1, -1, -1):
            ceilings[n] = nearest
            if runs[n].believed:
                nearest = spans[n][0] if nearest is None else min(nearest, spans[n][0])
        bounds: list[_Bounds] = []
        floor: int | None = None
        for n, run in enumerate(runs):
            ceiling = ceilings[n]
            low = floor if ceiling is None or floor is None else min(floor, ceiling)
            following = runs[n + 1] if n + 1 < len(runs) else None
            step_after = following.step if following is not None else 0
            late, early = max(spans[n]), min(spans[n])
            beyond = ceiling is not None and late > ceiling
            matters = beyond or not run.believed or bool(step_after) or (low is not None and early < low)
            prior = 0
            if ceiling is not None and beyond:
                words = [*(end for _, end in spans[:n]), spans[n][0]]
                prior = max((word for word in words if word <= ceiling), default=ceiling)
            bounds.append((low, ceiling if matters else None, prior, step_after))
            if run.measured:
                floor = spans[n][1] if floor is None else max(floor, spans[n][1])
        return bounds

    def _end(self, index: int) -> int:
        return self._runs[index + 1].first - 1 if index + 1 < len(self._runs) else self._last


def _sample(seq: int, offset: int, spread: int) -> _Sample:
    return (seq, 0 if abs(offset) <= LEAST_SPREAD else offset, max(LEAST_SPREAD, spread))


def _jump(run: _Run, entry: Entry, at: int) -> int | None:
    """By how much the clock was put forward since a run's last entry; ``None`` where the uptime cannot tell."""
    if not entry.boot or run.boot != entry.boot or entry.uptime_ms < run.last_up:
        return None
    return (at - run.last_at) - (entry.uptime_ms - run.last_up)
