"""A headquarters with rules, titles and readers, real stations that belong to it, the road between them in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from config.headquarters import Headquarters, load_headquarters
from config.loader import dump
from config.phrase import Phrase
from sync.central import bulk, tables
from sync.central.apply import Applier
from sync.central.database import Database
from sync.central.enrolment import Granted, enrol, make_enrolment_code
from sync.central.exchange import answer
from sync.central.office import Office
from sync.central.reference import CentralReference
from sync.circulation.calendar import DayHours, Hours, Interval, Season
from sync.circulation.clock import Reading
from sync.circulation.events import from_ms
from sync.circulation.model import Item, Patron, Title
from sync.circulation.network import Branch
from sync.circulation.rules import Rules
from sync.exchange.caller import Caller
from sync.exchange.enrolment import Enrolled, ask, take
from sync.exchange.papers import PaperRefused, normal_code
from sync.exchange.state import Heard, note
from sync.exchange.transport import RoadBlocked
from sync.exchange.worker import Worker
from sync.store.files import open_ledger
from sync.store.ledger import Ledger
from sync.store.view import LedgerView
from tests.sync.central.world import HQ, NOW, keys_of

BRANCHES = (
    Branch("TN", "Thư viện tỉnh"),
    Branch("DT", "Thư viện xã", parent="TN"),
    Branch("TG", "Trại giam", parent="TN"),
)
_ALL_DAY = (Interval(time(7), time(21)),)
_WEEK = (DayHours(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), _ALL_DAY),)
RULES = Rules(branches=BRANCHES, hours=(Hours("TN", (Season("Cả năm", "01-01", _WEEK),)),))


class Time:
    """A clock that stands still until it is moved; milliseconds of UTC."""

    def __init__(self, at: int = NOW) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def reading(self) -> Reading:
        """The same clock as a station reads it."""
        return Reading(from_ms(self.at), self.at - NOW + 3_600_000, "boot-1")

    def go_on(self, **much: float) -> None:
        """Some time passes."""
        self.at += timedelta(**much) // timedelta(milliseconds=1)


def chance(seed: str = "chance") -> random.Random:
    """The same random bytes every time."""
    return random.Random(sha256(seed.encode()).digest())


def office_at(database: Database, folder: Path, time: Time) -> Office:
    """A headquarters with rules, and copies and readers at each of its three branches."""
    with database.begin() as connection:
        bulk.insert(connection, tables.headquarters, [(HQ, "Thư viện tỉnh", b"salt" * 8, NOW)])
    office = Office(
        HQ,
        database,
        (keys_of("headquarters"),),
        folder,
        url="https://hq.example:8443",
        certificate="-----BEGIN CERTIFICATE-----\n",
        clock=time,
        chance=chance().randbytes,
    )
    with CentralReference(database, time) as reference:
        reference.write_rules("r1", json.dumps(dump(RULES), default=str))
        for branch in BRANCHES:
            titles = [Title(f"{branch.code}-t{n}", f"Dế mèn phiêu lưu ký {branch.code} {n}") for n in range(4)]
            items = [
                Item(f"{branch.code}.{n:04d}", title.title_id, "book", branch.code) for n, title in enumerate(titles)
            ]
            patrons = [
                Patron(f"{branch.code}R{n}", f"Trần Bạn Đọc {branch.code} {n}", "adult", branch.code) for n in range(4)
            ]
            reference.write(titles, items, patrons, cards={p.patron_id: [f"CARD-{p.patron_id}"] for p in patrons})
    return office


def apply_all(office: Office) -> int:
    """What waits is applied."""
    return Applier(office.database, office.clock).apply_all()


@dataclass
class Direct:
    """The road without a network. ``lost`` answers get lost on their way, and whoever asked sees a broken line."""

    office: Office
    lost: int = 0
    calls: int = 0

    def exchange(self, question: bytes) -> bytes:
        self.calls += 1
        reply = answer(self.office, question)
        if self.lost:
            self.lost -= 1
            raise _broken()
        if not isinstance(reply, bytes):
            raise RoadBlocked(reply.phrase)
        return reply

    def enrol(self, request: bytes) -> bytes:
        granted = enrol(self.office, request)
        if self.lost:
            self.lost -= 1
            raise _broken()
        if isinstance(granted, PaperRefused):
            raise RoadBlocked(granted.phrase)
        return granted.response

    def manifest(self, name: str) -> bytes:
        found = self.office.snapshots.manifest(name)
        if found is None:
            raise _broken()
        return found

    def fetch(self, name: str, start: int, end: int) -> bytes:
        found = self.office.snapshots.frame(name)
        if found is None:
            raise _broken()
        return found.read_bytes()[start:end]


def _broken() -> RoadBlocked:
    return RoadBlocked(Phrase("Đường truyền bị ngắt.", "The line broke off."))


@cache
def _new_files() -> dict[str, bytes]:
    """The two files of a station as they are built, with nothing in them."""
    with TemporaryDirectory() as folder:
        open_ledger(Path(folder)).close()
        return {path.name: path.read_bytes() for path in Path(folder).glob("*.sqlite")}


@dataclass
class Site:
    """A station in a folder of its own."""

    home: Path
    office: Office
    time: Time
    road: Direct = field(init=False)

    def __post_init__(self) -> None:
        self.road = Direct(self.office)
        if not self.home.exists():
            self.home.mkdir()
            for name, content in _new_files().items():
                (self.home / name).write_bytes(content)

    @property
    def place(self) -> Headquarters:
        place = load_headquarters(self.home)
        assert isinstance(place, Headquarters)
        return place

    def code(self, station: str, branch: str = "TN", *scope: str) -> str:
        """A new code for it, as it is typed."""
        made = make_enrolment_code(self.office, station, branch, scope)
        assert isinstance(made, str)
        return normal_code(made) or ""

    def enrol(self, station: str = "TN-K01", branch: str = "TN", *scope: str) -> Enrolled:
        """Enrol it, without a network's worth of doubt."""
        request = ask(self.home, self.code(station, branch, *scope), version="0.1.0")
        granted = enrol(self.office, request)
        assert isinstance(granted, Granted)
        done = take(self.home, granted.response, clock=self.time.reading, command="tests")
        assert isinstance(done, Enrolled)
        return done

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        place = self.place
        with Ledger.open_for_writing(
            self.home,
            station=place.station,
            epoch=place.epoch,
            branch=place.branch,
            clock=self.time.reading,
            actor="desk",
            wait=0.5,
        ) as ledger:
            yield ledger

    def ledger_view(self) -> LedgerView:
        """What can be seen of it beside whoever owns it."""
        place = self.place
        return LedgerView.open(
            self.home, station=place.station, epoch=place.epoch, branch=place.branch, clock=self.time.reading
        )

    def caller(self) -> Caller:
        return Caller(
            self.home, self.place, clock=self.time.reading, version="0.1.0", chance=chance("station").randbytes
        )

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Its worker, with the ledger that it speaks for."""
        with self.ledger() as ledger:
            owner = LedgerOwner(ledger)
            with Worker(
                self.home,
                self.place,
                self.road,
                owner,
                clock=self.time.reading,
                version="0.1.0",
                now=0.0,
                rng=random.Random(1),
            ) as worker:
                yield worker

    def sync(self, most: int = 30) -> None:
        """Calls until there is nothing left to say, with headquarters at work in between."""
        with self.worker() as worker:
            for _ in range(most):
                called = worker.call(0.0)
                assert called.heard is not None, called.trouble
                apply_all(self.office)
                made = self.office.snapshots.make_wanted()
                self.time.go_on(seconds=1)
                heard = called.heard
                if not (heard.more or heard.resnapshot or made) and heard.answer == "nothing":
                    return
        raise AssertionError("the station has always more to say")


@dataclass
class LedgerOwner:
    """Whoever owns the ledger, for a worker in this very thread."""

    ledger: Ledger

    def note(self, heard: Heard) -> bool:
        note(self.ledger, heard)
        return True

    def prune(self, before: datetime) -> bool:
        self.ledger.prune(before)
        return True
