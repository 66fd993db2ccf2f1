"""``python -m tests.fuzz``: a million inputs over all parsers, and a table; ``python -m tests.fuzz TARGET FILE``: one.

Each target has a process of its own, two at a time. The program ends with 1 when something broke.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import Defect, Watch

_INPUTS = 1_000_000
_SEED = 1
_FOUND = Path("build/fuzz")
_LAST_WORDS = 30  # lines of a process that died


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a target; ``died`` is what its process said last if it did not come to its end."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    lines: int = 0
    defects: tuple[Defect, ...] = ()
    died: str = ""

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.died:
            return "died"
        return f"{len(self.defects)} broke it" if self.defects else "ok"


def main(arguments: Sequence[str]) -> int:
    """Fuzz, or feed one input."""
    wanted = _parsed(arguments)
    if wanted.file is not None:
        return _feed(TARGETS[wanted.target[0]], wanted.file)
    chosen = [TARGETS[name] for name in wanted.target] or list(TARGETS.values())
    total = sum(target.share for target in chosen)
    jobs = [(target, max(1, -(-wanted.inputs * target.share // total))) for target in chosen]
    # A small share is that of a slow parser: those first, so that none of them runs alone in the end.
    jobs.sort(key=lambda job: job[0].share)
    found = wanted.found.absolute()
    with ThreadPoolExecutor(wanted.processes) as pool:
        outcomes = list(pool.map(lambda job: _run(job[0], job[1], wanted.seed, wanted.engine, found), jobs))
    print(_table(sorted(outcomes, key=lambda outcome: list(TARGETS).index(outcome.target)), wanted.engine))
    return int(any(outcome.verdict != "ok" for outcome in outcomes))


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers, or feed one an input.")
    parser.add_argument("one", nargs="*", metavar="TARGET FILE", help="feed this file to this target, and nothing else")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="only this target, or these")
    parser.add_argument("--inputs", type=int, default=_INPUTS, help=f"of all targets together; else {_INPUTS:,}")
    parser.add_argument("--seed", type=int, default=_SEED, help="the same seed, the same inputs")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--engine", choices=("atheris", "own"), default=_best_engine())
    parser.add_argument("--found", type=Path, default=_FOUND, help="the folder for inputs that break something")
    wanted = parser.parse_args(arguments)
    if len(wanted.one) not in {0, 2}:
        parser.error("a target and a file, or neither")
    wanted.file = Path(wanted.one[1]) if wanted.one else None
    wanted.target += wanted.one[:1]
    if unknown := [name for name in wanted.target if name not in TARGETS]:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    return wanted


def _best_engine() -> str:
    return "atheris" if importlib.util.find_spec("atheris") else "own"


def _feed(target: Target, path: Path) -> int:
    """One input, under the same watch; the defect is told with its story."""
    defects: list[Defect] = []
    watch = Watch(target, path.absolute().parent, defects.append)
    with watch.on():
        watch.feed(path.read_bytes())
    print(defects[0].story if defects else f"{target.name} takes {path} as it should.")
    return len(defects)


def _run(target: Target, inputs: int, seed: int, engine: str, found: Path) -> Outcome:
    """One target in a process of its own. What breaks it is told at once."""
    found.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tests.fuzz.worker", target.name, str(inputs), str(seed), engine, str(found)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place = os.environ | {"TMPDIR": folder}
        ended = subprocess.run(words, env=place, capture_output=True, text=True, errors="replace", check=False)
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"kind"')]
    defects = tuple(
        Defect(one["target"], Path(one["path"]), one["what"], one["where"], one["story"])
        for one in told
        if one["kind"] == "defect"
    )
    for defect in defects:
        print(defect.say(), end="\n\n", flush=True)
    done = next((one for one in told if one["kind"] == "done"), None)
    if done is None:
        last_words = "\n".join(ended.stderr.splitlines()[-_LAST_WORDS:])
        print(f"{target.name}: the process ended with {ended.returncode} (seed {seed})\n{last_words}\n", flush=True)
        return Outcome(target.name, defects=defects, died=last_words or str(ended.returncode))
    print(f"{target.name} …", file=sys.stderr, flush=True)
    return Outcome(target.name, done["inputs"], done["seconds"], done["lines"], defects)


def _table(outcomes: Sequence[Outcome], engine: str) -> str:
    rows = [("target", "inputs", "inputs/s", "lines", "result")]
    rows += [
        (
            one.target,
            f"{one.inputs:,}",
            f"{one.inputs / one.seconds:,.0f}" if one.seconds else "",
            f"{one.lines:,}",
            one.verdict,
        )
        for one in outcomes
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join((row[0].ljust(widths[0]), *(row[at].rjust(widths[at]) for at in (1, 2, 3)), row[4])) for row in rows
    ]
    broke = sum(one.verdict != "ok" for one in outcomes)
    inputs = sum(one.inputs for one in outcomes)
    verdict = f"{broke} of {len(outcomes)} targets broke" if broke else f"all {len(outcomes)} targets held"
    how = f"{engine}, Python {platform.python_version()}"
    return "\n".join((*lines, "", f"{inputs:,} inputs: {verdict} ({how})"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
