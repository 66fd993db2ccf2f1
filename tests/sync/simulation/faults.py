"""What may go wrong, which of it does in a run, and the count of what did.

Every run has a *plan*, drawn from its seed: a random few of the faults, so that there are runs with one kind of fault,
many times, and runs with all of them (swarm testing). Disasters, which nobody has often, come once or twice in a run.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Final

#: What lines do: by how likely a call meets it.
LINE: Final = {
    "partition": 0.0,  # comes and goes by itself
    "request_lost": 0.12,
    "request_delayed": 0.08,
    "request_doubled": 0.08,
    "request_truncated": 0.05,
    "request_turned": 0.04,
    "reply_lost": 0.12,
    "reply_truncated": 0.05,
    "reply_turned": 0.04,
    "reply_old": 0.06,
    "reply_of_another": 0.04,
    "captive_portal": 0.06,
    "busy": 0.05,
}

#: What happens to machines, by how likely a step brings it.
MACHINES: Final = {
    "power_cut": 0.075,
    "power_cut_in_an_act": 0.1,
    "power_cut_in_a_call": 0.075,
    "worker_killed": 0.075,
    "disk_full": 0.05,
    "clock_jump": 0.075,
    "clock_dead": 0.05,
    "clock_confirmed": 0.05,
    "headquarters_killed": 0.075,
    "stick": 0.2,
    "stick_return": 0.125,
    "prune": 0.1,
    "poison": 0.05,
}

#: What comes once or twice in a run.
DISASTERS: Final = (
    "station_from_yesterday",
    "ledger_from_backup",
    "cloned",
    "headquarters_from_backup",
    "revoked",
    "rescoped",
    "feed_compacted",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is like."""

    stations: int
    steps: int
    line: frozenset[str]
    machines: frozenset[str]
    disasters: tuple[tuple[int, str], ...]
    skewed: bool
    shared_scopes: bool
    items: int
    readers: int

    @property
    def names(self) -> set[str]:
        """Its disasters."""
        return {name for _, name in self.disasters}

    @classmethod
    def calm(cls, stations: int = 2) -> Plan:
        """A world in which nothing happens by itself."""
        return cls(stations, 0, frozenset(), frozenset(), (), skewed=False, shared_scopes=False, items=5, readers=4)

    @classmethod
    def of(cls, rng: random.Random, steps: int) -> Plan:
        """The plan of a run."""
        line = frozenset(name for name in LINE if rng.random() < 0.4)
        machines = frozenset(name for name in MACHINES if rng.random() < 0.5)
        count = rng.choice((0, 1, 1, 1, 2, 2, 3))
        disasters = tuple(sorted((rng.randrange(steps // 4, steps), rng.choice(DISASTERS)) for _ in range(count)))
        if "cloned" in (names := {name for _, name in disasters}) and "headquarters_from_backup" in names:
            # What headquarters lost after a disk was copied, both of them would send as their own.
            disasters = tuple(one for one in disasters if one[1] != "cloned")
        return cls(
            stations=rng.choice((2, 2, 2, 3, 3, 4, 5)),
            steps=steps,
            line=line,
            machines=machines,
            disasters=disasters,
            skewed=rng.random() < 0.5,
            shared_scopes=rng.random() < 0.5,
            items=rng.randint(2, 5),
            readers=rng.randint(2, 4),
        )


@dataclass(slots=True)
class Tally:
    """What happened in a run, or in many, by name."""

    counts: Counter[str]

    @classmethod
    def empty(cls) -> Tally:
        """Nothing yet."""
        return cls(Counter())

    def add(self, name: str, times: int = 1) -> None:
        """It happened."""
        self.counts[name] += times
