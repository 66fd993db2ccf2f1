"""``python -m tests.bench [name…]``: measure, and print each figure beside its target.

Every module of this package with a function ``measure`` is a bench. A figure that falls short is no failure, because
machines differ; it is counted below the table, and the program ends with 0 all the same.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import platform
import sqlite3
import sys
from pathlib import Path

from tests.bench.figure import Figure

_HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run the benches of these names, or all of them."""
    there = _benches()
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure, each figure beside its target."
    )
    parser.add_argument("name", nargs="*", help=f"{', '.join(there)}; without a name all of them")
    parser.add_argument("--large", action="store_true", help="the large ones too, which take some minutes more")
    parser.add_argument("--morango", action="store_true", help="Morango beside the exchange; pip fetches it")
    asked = vars(parser.parse_args(arguments))
    wanted = asked.pop("name")
    if unknown := [name for name in wanted if name not in there]:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(there)}")
    figures: list[Figure] = []
    for name in wanted or there:
        print(f"{name} …", file=sys.stderr, flush=True)
        measure = importlib.import_module(f"tests.bench.{name}").measure
        figures += measure(
            **{option: asked[option] for option in inspect.signature(measure).parameters if option in asked}
        )
    print(_table(figures))
    return 0


def _benches() -> list[str]:
    """Names of the modules that measure something, found without importing them: some bring a whole window along."""
    return [path.stem for path in sorted(_HERE.glob("*.py")) if "measure" in _functions(path)]


def _functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)}


def _table(figures: list[Figure]) -> str:
    rows = [("figure", "value", "target", "", "note"), *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4])) for row in rows
    ]
    aimed = [figure for figure in figures if figure.target is not None]
    short = sum(not figure.met for figure in aimed)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    verdict = f"{short} of {len(aimed)} fell short" if short else f"all {len(aimed)} targets met"
    return "\n".join((*(line.rstrip() for line in lines), "", f"{verdict} ({machine})"))


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    if figure.target is None:
        return figure.name, _amount(figure.value, figure.unit), "", "", figure.note
    sign = "≤" if figure.better == "lower" else "≥"
    target = f"{sign} {_amount(figure.target, figure.unit)}"
    return figure.name, _amount(figure.value, figure.unit), target, "ok" if figure.met else "short", figure.note


def _amount(value: float, unit: str) -> str:
    """Three digits that count, and no more after the point than a reader needs."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
