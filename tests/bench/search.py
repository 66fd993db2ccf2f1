"""Searching a province's whole catalogue: what people type, and what it costs until the page is there.

Measured as a station searches: both files attached, one transaction to a search, twenty titles with all their items
and which of them are out. The kinds of typing count alike; one-letter beginnings and the commonest words are among
them, because they match half the catalogue.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa

from sync.store import tables
from sync.store.clock import read_clock
from sync.store.files import open_ledger, open_reference
from sync.store.search import rebuild_index
from sync.store.view import LedgerView
from sync.text import fold
from tests.bench.figure import Figure
from tests.bench.titles import barcode, isbn, plant_titles

_OF_EACH_KIND, _WARM_UP = 60, 40

_COMMON = (
    *("nam", "năm", "viet", "việt nam", "viet nam", "giao trinh", "giáo trình", "học", "hoc", "nguyen", "nguyễn văn"),
    *("văn học", "van hoc viet nam", "lịch sử", "lich su viet nam", "truyen", "tho", "va", "the", "of"),
)
_LETTER_BY_LETTER = (
    "nguyễn nhật ánh",
    "truyen kieu",
    "lich su viet nam",
    "Principles and practice",
    "đường xưa mây trắng",
)


def measure(titles: int = 200_000) -> list[Figure]:
    """Searches of every kind in random order, each on its own."""
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as folder:
        home = Path(folder)
        with open_reference(home) as reference:
            with reference.begin() as connection:
                plant_titles(connection, titles, seed=1)
            begun = perf_counter()
            with reference.begin() as connection:
                rebuild_index(connection)
            indexing = perf_counter() - begun
        open_ledger(home).close()
        with open_reference(home) as reference, reference.begin() as connection:
            typing = _typing(connection, titles)
        with LedgerView.open(home, station="BENCH", epoch=1, branch="TN", clock=read_clock) as view:
            spent = _search(view, typing)
    every = [ms for kind in spent.values() for ms in kind]
    slowest, of_slowest = max((_p95(of_kind), kind) for kind, of_kind in spent.items())
    return [
        Figure("search p50", statistics.median(every), "ms", note=f"{titles:,} titles, {len(every):,} searches"),
        Figure("search p95", _p95(every), "ms", 30.0, note=f"{len(spent)} kinds of typing"),
        Figure("search p95, slowest kind", slowest, "ms", note=of_slowest),
        Figure("search, slowest of all", max(every), "ms"),
        Figure("index all titles anew", indexing, "s"),
    ]


def _search(view: LedgerView, typing: dict[str, list[str]]) -> dict[str, list[float]]:
    """Milliseconds of each search, by kind."""
    queue = [(kind, words) for kind, several in typing.items() for words in several]
    random.Random(3).shuffle(queue)
    for _, words in queue[:_WARM_UP]:
        view.search(words)
    spent: dict[str, list[float]] = {kind: [] for kind in typing}
    for kind, words in queue:
        begun = perf_counter()
        view.search(words)
        spent[kind].append((perf_counter() - begun) * 1_000)
    return spent


def _typing(connection: sa.Connection, titles: int) -> dict[str, list[str]]:
    """What people type, by kind, as many of each kind."""
    rng = random.Random(2)
    title = tables.title.c

    def row() -> sa.Row[Any, Any, Any]:
        wanted = rng.randint(1, titles)
        return connection.execute(
            sa.select(title.title, title.author, title.call_number).where(title.id == wanted)
        ).one()

    def some_words(text: str, most: int) -> str:
        words = text.split()
        first = rng.randrange(len(words)) if words else 0
        return " ".join(words[first : first + rng.randint(1, most)])

    def begun(text: str) -> str:
        return text[: rng.randint(1, max(1, len(text)))]

    def number() -> int:
        return rng.randint(1, titles)

    kinds: dict[str, Callable[[], str]] = {
        "a whole title": lambda: row().title,
        "words of a title": lambda: some_words(row().title, 3),
        "words without marks": lambda: fold(some_words(row().title, 4)),
        "an unfinished title": lambda: begun(row().title),
        "title and author": lambda: f"{some_words(row().title, 2)} {some_words(row().author, 2)}",
        "an author": lambda: row().author,
        "an author without marks": lambda: fold(row().author),
        "a common word": lambda: rng.choice(_COMMON),
        "one to three letters": lambda: fold(some_words(row().title, 1))[: rng.randint(1, 3)],
        "letter by letter": lambda: begun(rng.choice(_LETTER_BY_LETTER)),
        "one word mistyped": lambda: f"{some_words(row().title, 3)} xq{begun('zwjf')}",
        "words of two titles": lambda: f"{some_words(row().title, 3)} {some_words(row().title, 3)}",
        "nothing there": lambda: f"xq{number()}",
        "a barcode": lambda: barcode(number(), 0),
        "an unfinished barcode": lambda: barcode(number(), 0)[: rng.randint(3, 9)],
        "an ISBN": lambda: isbn(number()),
        "a call number": lambda: row().call_number,
        "an unfinished call number": lambda: row().call_number[: rng.randint(1, 6)],
    }
    return {kind: [typed() for _ in range(_OF_EACH_KIND)] for kind, typed in kinds.items()}


def _p95(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=20, method="inclusive")[18]
