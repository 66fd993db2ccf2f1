"""The exchange between stations and headquarters, end to end: every part of it the product's own, in processes of its
own, over TLS on the loop-back address.

What is counted is applied: signed and packed at a station from its ledger, carried, checked, logged, applied, told
back, acknowledged in the ledger. Stations and headquarters share this machine's processors, which in a library they do
not.
The events are a history that can have happened (:mod:`tests.bench.lending`), so there is nothing odd in it to slow
headquarters down, and nothing is left out of it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from config.loader import dump
from sync.central import tables as central
from sync.central.database import CENTRAL
from sync.central.office import FOLDER, now_ms
from sync.central.reference import CentralReference
from tests.bench.figure import Figure
from tests.bench.lending import RULES_VERSION, Work, branch_code, plant_events, rules, stock
from tests.bench.sender import calling
from tests.bench.slow_line import SlowLine
from tests.postgresql import postgresql
from tests.served import Served

#: Events of all stations of a run together.
EVENTS = 40_000
_ROUND_TRIP_S = 0.1
_CALLS = 60


def measure() -> list[Figure]:
    """Rates into both databases, a call that has nothing to say, and what an event costs on the wire."""
    figures = []
    for name, workers, stations, target in (
        ("the embedded SQLite", 1, 8, 10_000),
        ("PostgreSQL", 2, 8, 10_000),
        ("PostgreSQL", 2, 1, 5_000),
    ):
        figures += _rate(name, workers, stations, target)
    return [*figures, *_listen()]


@contextmanager
def network(stations: int, *, workers: int = 1, on_server: bool = False) -> Iterator[tuple[Served, list[Path]]]:
    """A headquarters that is served, with as many stations, each at a branch of its own, that have their snapshot."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tramsach-bench-")))
        database = None
        if on_server:
            address = stack.enter_context(postgresql())
            database = address.set(drivername="postgresql").render_as_string(hide_password=False)
        served = stack.enter_context(Served(folder / "hq", database=database, workers=workers))
        with served.office() as office:
            for number in range(stations):
                stock(office.database, branch_code(number))
            with CentralReference(office.database, now_ms) as reference:
                reference.write_rules(RULES_VERSION, json.dumps(dump(rules(stations)), default=str))
        homes = [folder / f"station-{number}" for number in range(stations)]
        for number, home in enumerate(homes):
            served.enrol(home, f"S{number}", branch_code(number))
        served.start()
        served.wait()
        for home in homes:
            with calling(home) as station:
                station.settle()
        yield served, homes


# --- rates ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    """Seconds from the first call until all was ``logged`` and until it was ``applied``; processor time in seconds."""

    events: int
    logged: float
    applied: float
    headquarters: float
    stations: float


def sent_from_one(events: int) -> float:
    """Events a second from one station into the embedded database, as many as are asked for."""
    done = _send(events, 1)
    return done.events / done.applied


def _rate(name: str, workers: int, stations: int, target: int) -> list[Figure]:
    on_server = name == "PostgreSQL"
    done = _send(EVENTS, stations, workers=workers, on_server=on_server)
    senders = f"{stations} stations" if stations > 1 else "one station"
    had = (done.headquarters + done.stations) / done.applied / (os.cpu_count() or 1)
    return [
        Figure(
            f"exchange: {senders} into {name}",
            done.events / done.applied,
            "events/s",
            target,
            "higher",
            note=f"{done.events:,} events, logged after {done.logged:.1f} s, applied after {done.applied:.1f} s",
        ),
        Figure(
            "  processor time of headquarters",
            done.headquarters / done.events * 1e6,
            "µs/event",
            note=f"of the stations {done.stations / done.events * 1e6:.0f}; together {had:.0%} of this machine"
            + (", the database's own not counted" if on_server else ""),
        ),
    ]


def _send(events: int, stations: int, *, workers: int = 1, on_server: bool = False) -> _Sent:
    each = events // stations
    with network(stations, workers=workers, on_server=on_server) as (served, homes):
        for number, home in enumerate(homes):
            work = Work(branch_code(number), datetime.now(UTC) - timedelta(days=40), number)
            plant_events(home, work, each, station=f"S{number}")
        with ExitStack() as stack:
            senders = [stack.enter_context(_sender(home)) for home in homes]
            applied = stack.enter_context(_applied(served))
            used = served.processor_seconds()
            began = time.perf_counter()
            for sender in senders:
                _tell(sender)
            sent = [json.loads(_hear(sender)) for sender in senders]
            logged = time.perf_counter() - began
            while applied() < each * stations:
                time.sleep(0.02)
            took = time.perf_counter() - began
            used = served.processor_seconds() - used
    return _Sent(each * stations, logged, took, used, sum(one["processor"] for one in sent))


@contextmanager
def _sender(home: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.bench.sender", str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if _hear(process) != "ready":
                raise RuntimeError("a station of the bench did not start")
            yield process
        finally:
            process.kill()


def _tell(sender: subprocess.Popen[str]) -> None:
    if sender.stdin is not None:
        sender.stdin.write("\n")
        sender.stdin.flush()


def _hear(sender: subprocess.Popen[str]) -> str:
    return sender.stdout.readline().strip() if sender.stdout is not None else ""


@contextmanager
def _applied(served: Served) -> Iterator[Callable[[], int]]:
    """How many events are applied, seen from beside."""
    query = "SELECT sum(applied - begins) FROM station"
    if served.database is None:
        path = CENTRAL.path(served.home / FOLDER)
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            yield lambda: int(connection.execute(query).fetchone()[0])
        return
    engine = sa.create_engine(sa.make_url(served.database).set(drivername="postgresql+psycopg"))

    def look() -> int:
        with engine.connect() as connection:
            table = central.station
            return int(connection.execute(sa.select(sa.func.sum(table.c.applied - table.c.begins))).scalar_one())

    try:
        yield look
    finally:
        engine.dispose()


# --- calls without events, and bytes ----------------------------------------------------------------------------------


def _listen() -> list[Figure]:
    with network(1) as (served, (home,)):
        near = _call_ms(home, served.url)
        with SlowLine(served.port, _ROUND_TRIP_S / 2) as line:
            far = _call_ms(home, f"https://127.0.0.1:{line.port}", calls=10)
        work = Work(branch_code(0), datetime.now(UTC) - timedelta(days=40), 0)
        plant_events(home, work, 10_000, station="S0")
        with SlowLine(served.port) as line, calling(home, f"https://127.0.0.1:{line.port}") as station:
            station.call()  # the first makes the connection
            before, left = line.up, station.unsent
            while station.unsent:
                station.call()
            wire = (line.up - before) / left
    trips = (far - near) / (_ROUND_TRIP_S * 1000)
    return [
        Figure("exchange: a call with nothing to say", near, "ms", 20.0, note=f"median of {_CALLS}, connection warm"),
        Figure(f"  round trips of it on a line of {_ROUND_TRIP_S * 1000:.0f} ms", trips, "", 1.1, note=f"{far:.0f} ms"),
        Figure(
            "  bytes on the wire",
            wire,
            "bytes/event",
            48.0,
            note="batches of 500 with identities; TLS, HTTP and all counted",
        ),
    ]


def _call_ms(home: Path, url: str, *, calls: int = _CALLS) -> float:
    with calling(home, url) as station:
        station.settle()
        took = []
        for _ in range(calls):
            began = time.perf_counter()
            station.call()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)
