"""Where something is proved, and a calm world to play the rest in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.sync.simulation.faults import Plan
from tests.sync.simulation.machine import Machine
from tests.sync.simulation.world import World, world
from tests.sync.store.stations import Deed

HOUSE = Path(__file__).parents[3]


def proved_by(place: str, *names: str) -> None:
    """Hold that these tests stand in a module (its path below ``tests``, without suffix), and do look at something."""
    there = _tests(place)
    for name in names:
        assert name in there, f"{place} has no {name} any more"
        assert there[name], f"{name} looks at nothing"


@cache
def _tests(place: str) -> dict[str, bool]:
    """The tests of a module, and whether each does more than pass."""
    tree = ast.parse((HOUSE / "tests" / f"{place}.py").read_text("utf-8"))
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {
        node.name: any(not isinstance(line, ast.Pass | ast.Expr) or _calls(line) for line in node.body)
        for node in found
    }


def _calls(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)


@contextmanager
def calm(stations: int = 2, seed: int = 1) -> Iterator[World]:
    """A world in which nothing happens but what the test does."""
    with world(seed, 0, Plan.calm(stations)) as made:
        yield made


def lend(made: World, machine: Machine, card: str, item: str) -> None:
    """A checkout that is not refused."""
    made.time.go_on(60)
    before = made.tally.counts["checkout"]
    machine.do(Deed("checkout", card, item))
    assert made.tally.counts["checkout"] == before + 1


def take_back(made: World, machine: Machine, item: str) -> None:
    """A return."""
    made.time.go_on(60)
    machine.do(Deed("checkin", item=item))


def call(made: World, machine: Machine) -> str:
    """One call to headquarters, right now; what was answered, or the empty word."""
    made.time.go_on(5)
    called = machine.worker.call(machine.clock.uptime_s)
    return "" if called.heard is None else called.heard.answer


__all__ = ["call", "calm", "lend", "proved_by", "take_back"]
