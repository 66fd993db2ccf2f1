"""A library network at work, made up: branches with their items and readers, and what their stations write down.

The history of a station is one that can have happened: only what is on the shelf is lent, only what is out comes back
or is renewed, nobody has more than ten loans. So headquarters finds in it what it finds in most days, nothing odd.
Proportions of acts and codes are those of :mod:`tests.sync.exchange.days`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from sync.central import tables as central
from sync.central.database import Database
from sync.circulation import events as ev
from sync.circulation.calendar import DayHours, Hours, Interval, Season, Weekday
from sync.circulation.chain import genesis, link
from sync.circulation.events import Entry, encode, to_ms
from sync.circulation.network import Branch
from sync.circulation.policy import PolicyRow
from sync.circulation.rules import Rules
from sync.store import tables
from sync.store.files import open_ledger

ITEMS, PATRONS = 3_000, 1_000
RULES_VERSION = "2027-01"

_LOAN_DAYS, _MOST_LOANS = 14, 10
_DAY_MS = 86_400_000
_TYPES = ("sach", "sach", "sach", "thieu_nhi", "tap_chi")
_ROOM = "TINH"


def rules(branches: int) -> Rules:
    """The rules of a network: a province's library and so many branches below it, open every day."""
    all_day = (Interval(time(7), time(17)),)
    week = DayHours(tuple(day.name.lower() for day in Weekday), all_day)
    return Rules(
        branches=(
            Branch(_ROOM, "Thư viện tỉnh"),
            *(Branch(branch_code(n), f"Thư viện xã số {n}", parent=_ROOM) for n in range(branches)),
        ),
        policies=(PolicyRow(_ROOM, max_loans=_MOST_LOANS + 1, period_days=_LOAN_DAYS),),
        hours=(Hours(_ROOM, (Season("cả năm", "01-01", (week,)),)),),
    )


def branch_code(number: int) -> str:
    """The code of a branch."""
    return f"X{number:03d}"


def stock(database: Database, branch: str, items: int = ITEMS, patrons: int = PATRONS) -> None:
    """Put a branch's items, one of each title, and its readers into headquarters' database. No station is told: this is
    for before any is enrolled."""
    rows: list[tuple[sa.Table, list[dict[str, object]]]] = [
        (central.title, [{"title_id": f"{branch}-{n}", "title": f"Nhan đề số {n}"} for n in range(items)]),
        (
            central.item,
            [
                {
                    "item_id": item_id(branch, n),
                    "title_id": f"{branch}-{n}",
                    "type": _TYPES[n % len(_TYPES)],
                    "branch": branch,
                }
                for n in range(items)
            ],
        ),
        (
            central.patron,
            [
                {"patron_id": patron_id(branch, n), "name": f"Bạn đọc {n}", "category": "nguoi_lon", "branch": branch}
                for n in range(patrons)
            ],
        ),
    ]
    with database.begin() as connection:
        for table, some in rows:
            connection.execute(sa.insert(table), some)


def item_id(branch: str, number: int) -> str:
    return f"{branch}.{number:07d}"


def patron_id(branch: str, number: int) -> str:
    return f"{branch}{number:06d}"


@dataclass
class Work:
    """What a station writes at a branch of its own, visit by visit, for ever. ``identities`` says whose the tokens of
    the loans are that it has written."""

    branch: str
    begins: datetime
    seed: int
    items: int = ITEMS
    patrons: int = PATRONS
    visits_a_day: float = 60.0
    identities: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.branch} {self.seed}")
        self._at, self._up, self._seq = self.begins, 3_600_000, 0
        self._shelf = list(range(self.items))
        self._rng.shuffle(self._shelf)
        self._out: list[_Out] = []
        self._has: Counter[int] = Counter()
        self._written: list[tuple[datetime, str]] = []

    def records(self) -> Iterator[tuple[datetime, str]]:
        """The lines of the events as a ledger holds them, each with its instant."""
        while True:
            self._visit()
            yield from self._written
            self._written.clear()

    def _visit(self) -> None:
        rng = self._rng
        self._pass(rng.uniform(0.3, 1.7) * 86_400 / self.visits_a_day)
        visit, reader = self._token(), rng.randrange(self.patrons)
        self._write(ev.VisitOpened(visit))
        back = min(rng.choice((0, 0, 1, 2, 2, 3, 4)), len(self._out))
        for _ in range(back):
            self._take_back(visit)
        out = min(rng.choice((0, 1, 1, 2, 2, 3, 4, 5)), _MOST_LOANS - self._has[reader])
        for _ in range(out):
            self._lend(visit, reader)
        renewed = int(bool(self._out) and rng.random() < 0.1)
        if renewed:
            self._renew(visit)
        if rng.random() < 0.07:
            self._pass(rng.uniform(1, 5))
            code = rng.choice(("fees_owed", "card_expired", "loan_limit_reached", "item_on_hold"))
            self._write(ev.Refusal("checkout", (code,), visit))
        self._pass(rng.uniform(2, 20))
        self._write(ev.VisitClosed(visit, "done", out, back, renewed, "nguoi_lon"))

    def _lend(self, visit: str, reader: int) -> None:
        self._pass(self._rng.uniform(1, 8))
        number, loan = self._shelf.pop(self._rng.randrange(len(self._shelf) // 2)), self._token()
        due = to_ms(self._at) + _LOAN_DAYS * _DAY_MS
        self._write(
            ev.CheckedOut(
                item_id(self.branch, number),
                loan,
                _TYPES[number % len(_TYPES)],
                self.branch,
                "take_home",
                due,
                RULES_VERSION,
                "nguoi_lon",
                visit,
            )
        )
        self.identities[loan] = patron_id(self.branch, reader)
        self._has[reader] += 1
        self._out.append(_Out(number, loan, reader, due))

    def _take_back(self, visit: str) -> None:
        self._pass(self._rng.uniform(1, 6))
        # What went out first comes back first, more or less.
        back = self._out.pop(min(int(self._rng.expovariate(1 / 30)), len(self._out) - 1))
        self._has[back.reader] -= 1
        self._shelf.append(back.item)
        item, late = item_id(self.branch, back.item), max(0, (to_ms(self._at) - back.due) // _DAY_MS)
        self._write(ev.CheckedIn(item, self.branch, back.loan, RULES_VERSION, late, None, repair=True, visit=visit))
        if late:
            self._write(ev.FeeCharged(self._token(), back.loan, "overdue", 500 * late, RULES_VERSION))
        self._pass(self._rng.uniform(0.2, 0.6))
        self._write(ev.TagSecured(item))

    def _renew(self, visit: str) -> None:
        self._pass(self._rng.uniform(1, 6))
        at = self._rng.randrange(len(self._out))
        held = self._out[at]
        later = replace(held, due=held.due + _LOAN_DAYS * _DAY_MS, renewals=held.renewals + 1)
        item = item_id(self.branch, held.item)
        self._write(ev.Renewed(item, held.loan, later.due, held.due, later.renewals, RULES_VERSION, visit))
        self._out[at] = later

    def _write(self, event: ev.Event) -> None:
        self._seq += 1
        self._written.append((self._at, encode(Entry(self._seq, self._at, self._up, "3f0c9d52", "kiosk", event))))

    def _pass(self, seconds: float) -> None:
        ms = int(seconds * 1000)
        self._at += timedelta(milliseconds=ms)
        self._up += ms

    def _token(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"


@dataclass(frozen=True, slots=True)
class _Out:
    """An item that somebody has."""

    item: int
    loan: str
    reader: int
    due: int
    renewals: int = 0


def plant_events(home: Path, work: Work, events: int, *, station: str, epoch: int = 1) -> None:
    """Put so many events of a history into a ledger that has none, as if the station had been offline all the while.

    What they add up to is not put there: nobody asks for it who only sends.
    """
    head = genesis(station, epoch)
    rows: list[dict[str, object]] = []
    for seq, (_, record) in enumerate(islice(work.records(), events), start=1):
        head = link(head, record)
        rows.append({"seq": seq, "record": record, "hash": head})
    owners = [{"token": token, "patron_id": patron} for token, patron in work.identities.items()]
    with open_ledger(home) as ledger, ledger.begin() as connection:
        connection.execute(sa.insert(tables.event), rows)
        connection.execute(sa.insert(tables.identity), owners)
