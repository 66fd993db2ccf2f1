"""Hundreds of whole networks, each under a seed of its own (:mod:`tests.sync.simulation`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.sync.simulation.faults import DISASTERS, LINE, MACHINES
from tests.sync.simulation.runs import run

HOUSE = Path(__file__).parents[2]

#: Seeds in a part, and parts: small enough that two workers share them well.
SEEDS, PARTS = 20, 10


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_headquarters_ends_up_with_exactly_what_happened(part: int) -> None:
    happened: Counter[str] = Counter()
    for seed in range(part * SEEDS, (part + 1) * SEEDS):
        happened += run(seed).counts
    assert happened["checkout"] > SEEDS
    # What is meant to go wrong does: of every fault that some plan has, some come up in each part.
    came_up = {name for name in (*LINE, *MACHINES, *DISASTERS) if happened[name]}
    assert len(came_up) > 20


def test_one_seed_is_one_history_in_any_process() -> None:
    def played(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "tests.sync.simulation", "23"]
        done = subprocess.run(command, cwd=HOUSE, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert "digest" in played("1")
    assert played("1") == played("2")
