"""One run from its seed to its verdict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.sync.simulation import checker, invariants
from tests.sync.simulation.world import STEPS, world


@dataclass(frozen=True, slots=True)
class Ran:
    """What happened in a run that held, by name, and the digest of its history."""

    counts: Counter[str]
    digest: str


class SeedFailed(AssertionError):
    """An invariant does not hold; the message is how to see it again."""

    def __init__(self, seed: int, steps: int) -> None:
        more = "" if steps == STEPS else f" --steps {steps}"
        super().__init__(f"replay: python -m tests.sync.simulation {seed}{more}")


def run(seed: int, steps: int = STEPS) -> Ran:
    """Let a world live and look whether all holds. Raises :class:`SeedFailed` from whatever went wrong."""
    try:
        with world(seed, steps) as made:
            made.run()
            invariants.check(made)
            checker.check(made.headquarters)
            invariants.order_and_road_do_not_matter(made)
            return Ran(made.tally.counts, made.digest())
    except Exception as error:
        raise SeedFailed(seed, steps) from error
