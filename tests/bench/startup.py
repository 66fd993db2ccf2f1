"""How long a person waits before the program says anything: the whole process, from the shell and back."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from tests.bench.figure import Figure

_RUNS = 7


def measure() -> list[Figure]:
    """``tramsach --help``, again and again; the first run, which compiles what was never compiled, does not count."""
    program = Path(sys.executable).with_name("tramsach")
    times = [_once(program) for _ in range(1 + _RUNS)][1:]
    note = f"whole process, median of {_RUNS}, {min(times):.2f} to {max(times):.2f}"
    return [Figure("tramsach --help", statistics.median(times), "s", 0.4, note=note)]


def _once(program: Path) -> float:
    begun = perf_counter()
    subprocess.run([program, "--help"], stdout=subprocess.DEVNULL, check=True)
    return perf_counter() - begun
