"""What a reader at the desk feels of the exchange: checkouts at a steady pace, first alone, then while weeks of events
go up and a snapshot of the whole branch comes down, then alone again.

The station is put together as it is: one thread owns the ledger, lends, and writes what headquarters acknowledged; the
worker is the product's own process, kept by the product's keeper. A checkout is timed from the moment it is due, so
one that has to wait for whatever that thread is at counts in full. Headquarters, which in a library is another machine,
runs at the lowest priority here, or its work would be measured.
"""

from __future__ import annotations

import json
import os
import queue
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.loader import dump
from kiosk.exchange import Keeper, ToWrite, write
from sync.central.office import now_ms
from sync.central.reference import CentralReference
from sync.circulation.acts import Lent
from sync.exchange.state import read_state
from sync.store.clock import read_clock
from sync.store.files import REFERENCE
from sync.store.ledger import Ledger
from tests.bench.figure import Figure
from tests.bench.lending import RULES_VERSION, Work, branch_code, item_id, patron_id, plant_events, rules, stock
from tests.bench.sender import calling
from tests.served import Served

#: More than fifty thousand, or a quick machine has sent them before a thousand readers are served.
EVENTS = 100_000
_ITEMS, _PATRONS = 20_000, 3_000
_BRANCH = branch_code(0)
_PACE_S = 0.010
_ALONE = 800
_WITHIN_S = 300.0


def measure() -> list[Figure]:
    """The p99 of both, and how many times the one is the other."""
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as folder, Served(Path(folder) / "hq") as served:
        with served.office() as office:
            stock(office.database, _BRANCH, _ITEMS, _PATRONS)
            with CentralReference(office.database, now_ms) as reference:
                reference.write_rules(RULES_VERSION, json.dumps(dump(rules(1)), default=str))
        home = Path(folder) / "station"
        place = served.enrol(home, "S0", _BRANCH)
        served.start()
        served.wait()
        if served.pid is not None:
            os.setpriority(os.PRIO_PROCESS, served.pid, 19)
        with calling(home) as station:
            station.settle()
        # What was written in those weeks is of the first half of the shelves; lent here is from the second.
        work = Work(_BRANCH, datetime.now(UTC) - timedelta(days=100), 0, _ITEMS // 2, _PATRONS // 2)
        plant_events(home, work, EVENTS, station="S0")
        with Ledger.open_for_writing(
            home, station=place.station, epoch=place.epoch, branch=place.branch, clock=read_clock, actor="bench"
        ) as ledger:
            desk = _Desk(ledger)
            before = desk.lend_while(lambda count: count < _ALONE)
            forget_cursor(home)
            keeper = Keeper(home, desk.asked.put)
            keeper.begin()
            until = time.monotonic() + _WITHIN_S

            def travels(count: int) -> bool:
                if time.monotonic() > until:
                    raise RuntimeError(f"the exchange does not come to an end: {read_state(home)}")
                return count % 50 != 0 or not _is_there(ledger, home)

            meanwhile = desk.lend_while(travels)
            keeper.end()
            after = desk.lend_while(lambda count: count < _ALONE)
    quiet, busy = _p99([*before, *after]), _p99(meanwhile)
    return [
        Figure(
            "checkout p99, quiet", quiet, "ms", note=f"{len(before) + len(after):,}, one each {_PACE_S * 1000:.0f} ms"
        ),
        Figure(
            "checkout p99 beside the exchange",
            busy,
            "ms",
            note=f"{len(meanwhile):,} while {EVENTS:,} events and a snapshot travel",
        ),
        Figure("  times the quiet one", busy / quiet, "", 3.0),
    ]


def forget_cursor(home: Path) -> None:
    """As if the station had never listened: it will be sent a snapshot."""
    with closing(sqlite3.connect(REFERENCE.path(home))) as connection, connection:
        connection.execute("DELETE FROM feed")


def _is_there(ledger: Ledger, home: Path) -> bool:
    """Whether all that was written before is at headquarters, and the snapshot is in place."""
    with closing(sqlite3.connect(f"{REFERENCE.path(home).as_uri()}?mode=ro", uri=True)) as connection:
        told = connection.execute("SELECT count(*) FROM feed").fetchone()[0]
    known = ledger.acknowledged()
    return bool(told) and known is not None and known.logged >= EVENTS


class _Desk:
    """The thread that owns the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.asked: queue.SimpleQueue[ToWrite] = queue.SimpleQueue()
        rng = random.Random(5)
        items = rng.sample(range(_ITEMS // 2, _ITEMS), _ITEMS // 2)
        self._lending: Iterator[tuple[int, int]] = (
            (item, _PATRONS // 2 + number % (_PATRONS // 2)) for number, item in enumerate(items)
        )

    def lend_while(self, goes_on: Callable[[int], bool]) -> list[float]:
        """Milliseconds from when each checkout was due until it was answered."""
        took: list[float] = []
        due = time.perf_counter()
        while goes_on(len(took)):
            # Who comes late is served, and the next reader comes a pace after that one.
            due = max(due + _PACE_S, time.perf_counter())
            while (left := due - time.perf_counter()) > 0:
                try:
                    write(self._ledger, self.asked.get(timeout=left))
                except queue.Empty:
                    break
            item, reader = next(self._lending)
            answer = self._ledger.checkout(patron_id(_BRANCH, reader), item_id(_BRANCH, item))
            took.append((time.perf_counter() - due) * 1000)
            if not isinstance(answer, Lent):
                raise RuntimeError(f"a checkout of the bench was refused: {answer.codes}")
        return took


def _p99(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=100, method="inclusive")[98]
