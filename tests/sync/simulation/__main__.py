"""``python -m tests.sync.simulation SEED``: play one seed again. Without a seed: fresh ones until the time is over.

A soak ends with 0 when every seed held. It prints how many there were and how often each fault, answer and exception
came up in them, so that one sees that they do; a failing seed is one line to repeat it by, and its traceback.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator

from tests.sync.simulation.runs import SeedFailed, run
from tests.sync.simulation.world import STEPS


def main(arguments: list[str]) -> int:
    """Play a seed, or soak."""
    parser = argparse.ArgumentParser(prog="python -m tests.sync.simulation", description="Stations under one seed.")
    parser.add_argument("seed", nargs="?", type=int, help="the seed to play again")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"how long a run is ({STEPS})")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to soak (10)")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count(), help="how many at once")
    given = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)  # what goes wrong here is meant to
    if given.seed is not None:
        return _play(given.seed, given.steps)
    return _soak(given.minutes, given.steps, given.processes)


def _play(seed: int, steps: int) -> int:
    try:
        ran = run(seed, steps)
    except SeedFailed:
        traceback.print_exc()
        return 1
    _print_counts(ran.counts)
    print(f"seed {seed} holds, digest {ran.digest}")
    return 0


def _soak(minutes: float, steps: int, processes: int) -> int:
    first, until = random.SystemRandom().randrange(10**9), time.monotonic() + minutes * 60
    counts: Counter[str] = Counter()
    held = failed = 0
    room = threading.Semaphore(4 * processes)
    with multiprocessing.Pool(processes, initializer=_quiet) as pool:
        for told in pool.imap_unordered(_try, _seeds(first, steps, until, room)):
            room.release()
            if isinstance(told, str):
                failed += 1
                print(told, flush=True)
            else:
                held += 1
                counts += told
    _print_counts(counts)
    print(f"{held} seeds from {first} on hold, {failed} fail")
    return 1 if failed else 0


def _seeds(first: int, steps: int, until: float, room: threading.Semaphore) -> Iterator[tuple[int, int]]:
    """Seeds until the time is over, no more ahead than there is room: a pool would take them all at once."""
    for seed in itertools.count(first):
        room.acquire()
        if time.monotonic() >= until:
            return
        yield seed, steps


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


def _try(what: tuple[int, int]) -> Counter[str] | str:
    try:
        return run(*what).counts
    except SeedFailed:
        return traceback.format_exc()


def _print_counts(counts: Counter[str]) -> None:
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
