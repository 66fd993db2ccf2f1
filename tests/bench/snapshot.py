"""A new station's snapshot: how large it is on the wire, and how soon somebody can search in it.

The time runs from the station's first call, over TLS on the loop-back address, until a search answers: headquarters
makes the snapshot, the station fetches it, indexes it, and puts it in place. A commune's titles are the real ones of
the catalogue exports where those are (``TRAMSACH_SHARED``), else made up as for the search; a province's are made up.
PINs are argon2id's text with random bytes in place of the hash, which compress as little.
"""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from config.loader import Problems, dump
from kiosk.station import settle_in
from sync.central import tables as central
from sync.central.database import Database
from sync.central.office import now_ms
from sync.central.reference import CentralReference
from sync.intake.catalogue import import_catalogue
from sync.intake.mapping import load_mapping
from sync.store.files import REFERENCE, open_reference
from sync.store.reference import Reference
from tests.bench.figure import Figure
from tests.bench.imports import real_exports
from tests.bench.lending import RULES_VERSION, branch_code, rules
from tests.bench.sender import calling
from tests.bench.titles import plant_titles, vietnamese_name
from tests.served import Served

_BRANCH = branch_code(0)
_AT_ONCE = 20_000

Row = dict[str, Any]


def measure(*, large: bool = False) -> list[Figure]:
    """A commune's, and with ``large`` a province's."""
    figures = _measure("a commune", 20_000, 3_000, 4.0, most_mb=2.0)
    if large:
        figures += _measure("a province", 500_000, 100_000, 60.0)
    return figures


def _measure(name: str, items: int, patrons: int, within: float, *, most_mb: float | None = None) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as folder, Served(Path(folder) / "hq") as served:
        with served.office() as office:
            titles = stock_shelves(office.database, _BRANCH, items, patrons, Path(folder) / "sources")
            with CentralReference(office.database, now_ms) as reference:
                reference.write_rules(RULES_VERSION, json.dumps(dump(rules(1)), default=str))
        home = Path(folder) / "station"
        served.enrol(home, "S0", _BRANCH)
        served.start()
        served.wait()
        with calling(home) as station:
            began, own, theirs = time.perf_counter(), time.process_time(), served.processor_seconds()
            while (heard := station.call()).snapshot is None:
                time.sleep(heard.slow_down_s or 0)
            found = station.ledger.search("việt nam").page.total
            took = time.perf_counter() - began
            own, theirs = time.process_time() - own, served.processor_seconds() - theirs
        (frame,) = served.home.rglob("*.frame")
        size = frame.stat().st_size
    if not found:
        raise RuntimeError("nothing was found in a whole catalogue")
    return [
        Figure(
            f"snapshot of {name}: until searchable",
            took,
            "s",
            within,
            note=f"{items:,} items of {titles:,} titles, {patrons:,} readers with PINs",
        ),
        Figure(
            "  of that, processors at work", own + theirs, "s", note=f"{theirs:.1f} at headquarters, {own:.1f} here"
        ),
        Figure("  on the wire", size / 1e6, "MB", most_mb),
    ]


def stock_shelves(database: Database, branch: str, items: int, patrons: int, folder: Path) -> int:
    """Put so many items, and readers with cards and PINs, into headquarters' database, which tells nobody of it;
    answers how many titles those items have. What titles are read from is laid aside in ``folder``."""
    titles = 0
    with database.begin() as connection:
        shelves = _shelves(folder, items)
        left = items
        while some := list(islice(shelves, _AT_ONCE)):
            copies = [copy | {"branch": branch} for _, copies in some for copy in copies][:left]
            wanted = {copy["title_id"] for copy in copies}
            described = [title for title, _ in some if title["title_id"] in wanted]
            connection.execute(sa.insert(central.title), described)
            connection.execute(sa.insert(central.item), copies)
            titles, left = titles + len(described), left - len(copies)
            if not left:
                break
        rng = random.Random(3)
        for first in range(0, patrons, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, patrons))
            connection.execute(sa.insert(central.patron), [_reader(branch, n, rng) for n in numbers])
            cards = [
                {"number": f"04{rng.randbytes(6).hex().upper()}", "patron_id": f"{branch}{n:07d}"} for n in numbers
            ]
            connection.execute(sa.insert(central.card), cards)
            pins = [{"patron_id": f"{branch}{n:07d}", "hash": _hash(rng)} for n in numbers]
            connection.execute(sa.insert(central.pin), pins)
    return titles


def _reader(branch: str, number: int, rng: random.Random) -> Row:
    return {
        "patron_id": f"{branch}{number:07d}",
        "name": vietnamese_name(rng),
        "category": rng.choice(("nguoi_lon", "nguoi_lon", "thieu_nhi", "sinh_vien")),
        "branch": branch,
        "expires": date(2027 + rng.randrange(3), 1 + rng.randrange(12), 28).isoformat(),
        "birth_date": date(1940 + rng.randrange(75), 1 + rng.randrange(12), 1 + rng.randrange(28)).isoformat(),
    }


def _hash(rng: random.Random) -> str:
    salt, digest = (base64.b64encode(rng.randbytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m=19456,t=2,p=1${salt}${digest}"


def _shelves(folder: Path, items: int) -> Iterator[tuple[Row, list[Row]]]:
    """Titles with their items: the real ones first, then made-up ones."""
    exports = real_exports()
    if exports:
        real = folder / "real"
        settle_in(real, command="bench")
        mapping = load_mapping("auto")
        if isinstance(mapping, Problems):
            raise RuntimeError("the mapping that comes with the product cannot be read")
        with Reference(open_reference(real)) as reference:
            for export in exports:
                import_catalogue([export], reference, mapping, branch=_BRANCH)
        yield from _on_shelves(real)
    made_up = folder / "made-up"
    made_up.mkdir(parents=True)
    with open_reference(made_up) as reference_file, reference_file.begin() as connection:
        plant_titles(connection, items, seed=4)
    yield from _on_shelves(made_up)


def _on_shelves(home: Path) -> Iterator[tuple[Row, list[Row]]]:
    with closing(sqlite3.connect(f"{REFERENCE.path(home).as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        copies: dict[str, list[Row]] = {}
        for row in connection.execute("SELECT * FROM item ORDER BY item_id"):
            copies.setdefault(row["title_id"], []).append(dict(row))
        for row in connection.execute("SELECT * FROM title ORDER BY id"):
            title = {name: value for name, value in dict(row).items() if name != "id"}
            if held := copies.get(title["title_id"]):
                yield title, held
