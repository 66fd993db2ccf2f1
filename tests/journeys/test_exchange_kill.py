"""Stations, their workers and headquarters killed at random, as processes that are started the way a library starts
them, over TLS and a cable that breaks; what was answered at a desk is at headquarters in the end, once, byte for byte.

``TRAMSACH_SOAK=1`` kills for a quarter of an hour instead of some seconds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from config.headquarters import Headquarters, load_headquarters
from kiosk.demo.cable import Cable
from sync.central import stations, tables
from sync.central.apply import Applier, Outcome, outcome_of
from sync.central.log import read_log
from sync.central.office import Office, now_ms
from sync.central.reference import CentralReference
from sync.central.replay import verify
from sync.circulation import events as ev
from sync.circulation.model import Item, Patron, Title
from sync.exchange.messages import Answer
from sync.exchange.state import Heard, note
from sync.exchange.transport import Https
from sync.exchange.worker import Worker
from sync.store.clock import read_clock
from sync.store.files import LEDGER, REFERENCE, Kind
from sync.store.ledger import Ledger
from sync.store.view import LedgerView
from tests.kiosk.typed import started
from tests.postgresql import postgresql
from tests.served import Served, kill_group
from tests.sync.store.stations import BRANCH, CARDS, ITEMS, PATRONS, TITLES, rule_set

HOUSE = Path(__file__).parents[2]
SOAK = bool(os.environ.get("TRAMSACH_SOAK"))

_HEALED_WITHIN_S = 60.0


# --- the network ------------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A station, the cable it hangs on, and what its desk has been answered."""

    home: Path
    cable: Cable
    starts: int = 0
    answered: list[list[Any]] = field(default_factory=list)
    workers_killed: int = 0
    _process: subprocess.Popen[str] | None = None
    _ear: threading.Thread | None = None

    @property
    def place(self) -> Headquarters:
        place = load_headquarters(self.home)
        assert isinstance(place, Headquarters)
        return place

    def start(self, seed: str) -> None:
        self.starts += 1
        command = [sys.executable, "-m", "tests.journeys.exchange_station", str(self.home), f"{seed}-{self.starts}"]
        with (self.home / "said.log").open("ab") as said:
            self._process = subprocess.Popen(
                command,
                cwd=HOUSE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                process_group=0,
            )
        self._ear = threading.Thread(target=self._listen, args=(self._process,))
        self._ear.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            kind, *said = json.loads(line)
            if kind == "killed":
                self.workers_killed += 1
            else:
                self.answered.append(said)

    def kill_worker(self) -> None:
        """Have the worker killed, however long that takes: it may just be starting."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """Kill the station. Its worker hears the line go dead, and ends at its next look."""
        assert self._process is not None
        assert self._process.poll() is None, (self.home / "said.log").read_text()
        self._process.kill()
        self._hang_up()

    def end(self) -> None:
        """Kill all that is left of it."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._hang_up()

    def _hang_up(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        assert self._ear is not None
        if process.stdin is not None:
            process.stdin.close()
        process.wait()
        self._ear.join()
        if process.stdout is not None:
            process.stdout.close()


def tell_of(office: Office, number: int) -> None:
    """A title, a copy and a reader that were not there before."""
    with CentralReference(office.database, now_ms) as reference:
        reference.write(
            [Title(f"new{number}", f"Zeppelin số {number}")],
            [Item(f"NEW-{number}", f"new{number}", "book", BRANCH)],
            [Patron(f"NEW-R{number}", "Bạn Đọc Mới", "adult", BRANCH)],
        )


@dataclass
class Network:
    """A headquarters with two stations."""

    served: Served
    sites: list[Site]
    told: int = 0

    def tell(self) -> None:
        """Somebody catalogues at headquarters while it serves."""
        with self.served.office() as office:
            self.told += 1
            tell_of(office, self.told)


@contextmanager
def network(folder: Path, *, database: str | None, workers: int) -> Iterator[Network]:
    """Enrolled and about to begin."""
    with ExitStack() as stack:
        served = stack.enter_context(Served(folder / "hq", database=database, workers=workers))
        with served.office() as office, CentralReference(office.database, now_ms) as reference:
            reference.write(TITLES, ITEMS, PATRONS, cards=CARDS)
            reference.write_rules("rules-1", rule_set().body)
        sites = []
        for name in ("TN-K01", "TN-K02"):
            cable = stack.enter_context(Cable("127.0.0.1", served.port))
            home = folder / name
            served.enrol(home, name, BRANCH, url=f"https://127.0.0.1:{cable.port}")
            sites.append(Site(home, cable))
            stack.callback(sites[-1].end)
        yield Network(served, sites)


# --- killing ----------------------------------------------------------------------------------------------------------


def kill_at_random(network: Network, rng: random.Random, kills: int) -> None:
    """Kill so often, while the cables break."""
    served, sites = network.served, network.sites
    served.start()
    for site in sites:
        site.start(f"{rng.random()}")
    served.wait()  # or everything would happen before anything is there
    for number in range(kills):
        time.sleep(rng.uniform(0.0, 1.2))
        for site in sites:
            match rng.randrange(6):
                case 0:
                    site.cable.pull()
                case 1 | 2:
                    site.cable.break_after(rng.choice((rng.randrange(300), rng.randrange(8000), rng.randrange(60_000))))
                case _:
                    site.cable.mend()
        if rng.random() < 0.1:
            network.tell()
        site = rng.choice(sites)
        # Each as often as the other, in any order; the last two are killed together now and then.
        match number % 3 if rng.random() < 0.5 else rng.randrange(3):
            case 0:
                assert served.kill(), served.said.read_text()[-2000:]
                if rng.random() < 0.3:
                    time.sleep(rng.uniform(0, 0.5))
                served.start()
                if rng.random() < 0.5:
                    served.wait()
            case 1:
                site.kill()
                site.start(f"{rng.random()}")
            case _:
                site.kill_worker()


def heal(network: Network) -> None:
    """Everybody goes home, the cables are whole, and each station calls until there is nothing left to be said."""
    for site in network.sites:
        site.end()
        site.cable.mend()
    network.served.wait()
    until = time.monotonic() + _HEALED_WITHIN_S
    for site in network.sites:
        call_until_quiet(site.home, site.place, until)
    # What was told by the second is for the first to hear.
    call_until_quiet(network.sites[0].home, network.sites[0].place, until)
    assert network.served.end() in (0, -signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Owner:
    ledger: Ledger

    def note(self, heard: Heard) -> bool:
        note(self.ledger, heard)
        return True

    def prune(self, before: object) -> bool:
        raise AssertionError(f"nobody asked for a pruning {before}")


def call_until_quiet(home: Path, place: Headquarters, until: float) -> None:
    """Call until headquarters has applied everything and has nothing more to tell."""
    with (
        Ledger.open_for_writing(
            home,
            station=place.station,
            epoch=place.epoch,
            branch=place.branch,
            clock=read_clock,
            actor="desk",
            wait=30,
        ) as ledger,
        Https(place.url, place.certificate) as road,
        Worker(
            home,
            place,
            road,
            Owner(ledger),
            clock=read_clock,
            version="0.1.0",
            now=0.0,
            rng=random.Random(1),
        ) as worker,
    ):
        while True:
            assert time.monotonic() < until, worker.state
            heard = worker.call(0.0).heard
            stands, mark = ledger.standing_towards(place.hq), watermark(home)
            settled = heard is not None and heard.answer == Answer.NOTHING and not (heard.more or heard.resnapshot)
            if settled and stands.unsent == 0 and mark == stands.head.seq:
                return
            time.sleep(0.05)


def looked_up(home: Path, kind: Kind, query: str) -> list[Any]:
    """What is in a file of a station, beside whoever has it."""
    with closing(sqlite3.connect(f"{kind.path(home).as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def watermark(home: Path) -> int:
    """How far a station's own events are in what it was told."""
    marks: list[tuple[int | None]] = looked_up(home, REFERENCE, "SELECT max(seq) FROM watermark")
    return marks[0][0] or 0


# --- what must hold in the end ----------------------------------------------------------------------------------------


def check(network: Network) -> int:
    """Raises ``AssertionError`` unless everything is as if nobody had killed anything; answers how many events that
    are."""
    total = 0
    with network.served.office() as office:
        assert Applier(office.database, office.clock).apply() == 0
        assert verify(office.database) == ()
        with office.database.read() as connection:
            for site in network.sites:
                total += check_log(connection, site)
            quarantined = sa.select(tables.outcome.c.seq).where(tables.outcome.c.outcome == Outcome.QUARANTINED)
            assert connection.execute(quarantined).first() is None
            lent = connection.execute(
                sa.select(tables.copy_state.c.item_id, tables.copy_state.c.token).where(
                    tables.copy_state.c.token.is_not(None)
                )
            ).all()
        for site in network.sites:
            check_station(site, {row.item_id: row.token for row in lent}, network.told)
    return total


def check_log(connection: sa.Connection, site: Site) -> int:
    """Headquarters has the ledger, byte for byte, and in it whatever was answered at the desk."""
    place = site.place
    (known,) = stations.epochs(connection, place.station)
    events: list[tuple[int, str, bytes]] = looked_up(
        site.home, LEDGER, "SELECT seq, record, hash FROM event ORDER BY 1"
    )
    log = [line for some in read_log(connection, known.id, 0, known.seq) for line in some.lines]
    assert log == [record.encode() for _, record, _ in events]
    assert [seq for seq, _, _ in events] == list(range(1, known.seq + 1))
    assert (known.head, known.applied) == (events[-1][2], known.seq)
    for seq in range(1, known.seq + 1, max(1, known.seq // 50)):
        assert outcome_of(connection, known.id, seq) in (Outcome.APPLIED, Outcome.WITH_EXCEPTION)
    for seq, *act in site.answered:
        event = ev.decode(log[seq - 1]).event
        if act:
            assert type(event) is ev.TYPES[act[0]]
            assert isinstance(event, ev.CheckedOut | ev.CheckedIn | ev.Renewed | ev.Undone)
            assert event.item == act[1]
    assert len({seq for seq, *_ in site.answered}) == len(site.answered)
    return known.seq


def check_station(site: Site, lent: dict[str, str], told: int) -> None:
    """The station is whole, knows what headquarters knows, and says that nothing is left to be sent."""
    place = site.place
    with LedgerView.open(
        site.home, station=place.station, epoch=place.epoch, branch=place.branch, clock=read_clock
    ) as view:
        seen = view.verify()
        assert seen.problems == ()
        assert view.unsent() == (0, None)
        for number in range(1, told + 1):
            assert view.find_item(f"NEW-{number}") is not None
            assert view.find_patron(f"NEW-R{number}") is not None
        assert view.search("zeppelin").page.total == told
    assert watermark(site.home) == seen.events
    assert dict(looked_up(site.home, REFERENCE, "SELECT item_id, token FROM loan")) == lent
    said = started("--home", str(site.home), "sync", "status", "--json")
    assert said.code == 0, said.err
    assert {name: said.document[name] for name in ("last_event", "unsent", "logged")} == {
        "last_event": seen.events,
        "unsent": 0,
        "logged": seen.events,
    }


# --- the journeys -----------------------------------------------------------------------------------------------------


def be_killed(folder: Path, kills: int, seed: int, *, database: str | None = None, workers: int = 1) -> None:
    with network(folder, database=database, workers=workers) as there:
        try:
            kill_at_random(there, random.Random(seed), kills)
            heal(there)
            events = check(there)
        except BaseException:
            print(f"seed {seed}, {kills} kills")  # noqa: T201, so that it can be done again
            raise
        assert events > kills
        assert any(site.answered for site in there.sites)


@pytest.mark.parametrize("number", range(3 if SOAK else 1))
def test_no_kill_keeps_an_answered_act_from_the_embedded_headquarters(tmp_path: Path, number: int) -> None:
    be_killed(tmp_path, 40 if SOAK else 9, random.randrange(10**6) + number)


def test_no_kill_keeps_an_answered_act_from_a_headquarters_of_two_processes_on_postgresql(tmp_path: Path) -> None:
    with postgresql() as address:
        database = address.set(drivername="postgresql").render_as_string(hide_password=False)
        be_killed(tmp_path, 40 if SOAK else 6, random.randrange(10**6), database=database, workers=2)
