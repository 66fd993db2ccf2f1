"""A durable checkout on a large station, with raw ``sqlite3`` doing the same writes beside it.

The station is as large as a provincial library: 200,000 items, 50,000 readers, 50,000 open loans. Both sides write the
same rows into files of the same content with the same pragmas, act by act in turn, so that what the disk does to one
it does to the other. The ratio is what everything but the writing costs: rules, look-ups, chain, SQLAlchemy.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from time import perf_counter_ns

import sqlalchemy as sa

from sync.circulation.calendar import DayHours, Hours, Interval, Season, Weekday
from sync.circulation.chain import genesis, link
from sync.circulation.clock import settle
from sync.circulation.events import CheckedOut, encode, entry, to_ms
from sync.circulation.network import Branch
from sync.circulation.policy import PolicyRow
from sync.circulation.projection import KEYS, Put, changes
from sync.circulation.rules import Rules
from sync.intake.rules import RuleSet
from sync.store import tables
from sync.store.clock import read_clock
from sync.store.files import LEDGER, LedgerFile, open_ledger, open_reference
from sync.store.ledger import Ledger, Lent
from sync.store.reference import Reference
from sync.store.view import PROJECTED
from tests.bench.figure import Figure

ITEMS, PATRONS, LOANS = 200_000, 50_000, 50_000
CHECKOUTS, WARM_UP = 4_000, 200

_STATION, _EPOCH, _BRANCH = "BENCH", 1, "TN"
_WRITER = (
    "foreign_keys = ON",
    "synchronous = FULL",
    "secure_delete = ON",
    "mmap_size = 0",
    "wal_autocheckpoint = 1000",
    "journal_size_limit = 4194304",
)


def measure() -> list[Figure]:
    """Checkouts, one by one, each acknowledged when it is on the disk."""
    with _folder() as home:
        _build(home)
        raw_path = home / "raw.sqlite"
        shutil.copyfile(LEDGER.path(home), raw_path)
        ours, raws = _take_turns(home, raw_path)
    mine, theirs = _Spread.of(ours), _Spread.of(raws)
    station = f"{ITEMS:,} items, {PATRONS:,} readers, {LOANS:,} open loans; {len(ours):,} checkouts"
    return [
        Figure("checkout p50", mine.p50, "ms", 3.0, note=station),
        Figure("checkout p99", mine.p99, "ms", 15.0, note="each on the disk before it is answered"),
        Figure("raw sqlite3 p50", theirs.p50, "ms", note="the same rows, in turn with ours"),
        Figure("raw sqlite3 p99", theirs.p99, "ms"),
        Figure("checkout / raw p50", mine.p50 / theirs.p50, "times", note="what all but the writing costs"),
    ]


@dataclass(frozen=True, slots=True)
class _Spread:
    """Milliseconds below which one half, and 99 of a hundred, lie."""

    p50: float
    p99: float

    @classmethod
    def of(cls, nanoseconds: list[int]) -> _Spread:
        cuts = statistics.quantiles((ns / 1e6 for ns in nanoseconds), n=100, method="inclusive")
        return cls(cuts[49], cuts[98])


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tramsach-bench-") as folder:
        yield Path(folder)


def _take_turns(home: Path, raw_path: Path) -> tuple[list[int], list[int]]:
    """Nanoseconds of each checkout, ours and raw. The first few warm caches up and do not count."""
    rng = random.Random(2)
    free = rng.sample(range(LOANS, ITEMS), CHECKOUTS + WARM_UP)
    readers = rng.sample(range(PATRONS), CHECKOUTS + WARM_UP)
    ours: list[int] = []
    raws: list[int] = []
    ledger = Ledger.open_for_writing(
        home, station=_STATION, epoch=_EPOCH, branch=_BRANCH, clock=read_clock, actor="bench"
    )
    with ledger, closing(_raw(raw_path)) as connection:
        rows = _RawRows(connection)
        for item, reader in zip(free, readers, strict=True):
            begun = perf_counter_ns()
            answer = ledger.checkout(_card(reader), _item(item))
            ours.append(perf_counter_ns() - begun)
            if not isinstance(answer, Lent):
                raise RuntimeError(f"a checkout of the bench was refused: {answer.codes}")
            begun = perf_counter_ns()
            rows.write(answer, _patron(reader))
            raws.append(perf_counter_ns() - begun)
    return ours[WARM_UP:], raws[WARM_UP:]


class _RawRows:
    """The rows of a checkout, written by hand: what nobody can do faster with this file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seq, self._hash = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()

    def write(self, lent: Lent, patron_id: str) -> None:
        """One transaction: event, loan, custody, identity."""
        loan, self._seq = lent.loan, self._seq + 1
        at, due = to_ms(loan.checked_out_at), to_ms(loan.due_at)
        record = (
            f'{{"actor":"bench","at":{at},"body":{{"branch":"{loan.branch}","category":"adult","due_at":{due},'
            f'"item":"{loan.item_id}","item_type":"book","loan":"{loan.token}","mode":"{loan.mode.value}",'
            f'"rules":"bench0000000"}},"boot":"00000000","seq":{self._seq},"type":"checked_out","up":1,"v":1}}'
        )
        self._hash = link(self._hash, record)
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        run("INSERT INTO event (seq, record, hash) VALUES (?, ?, ?)", (self._seq, record, self._hash))
        run(
            "INSERT INTO loan (token, item_id, item_type, branch, mode, checked_out_at, due_at, renewals, seq)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
            (loan.token, loan.item_id, loan.item_type, loan.branch, loan.mode.value, at, due, self._seq),
        )
        run("INSERT INTO custody (item_id, token, seq) VALUES (?, ?, ?)", (loan.item_id, loan.token, self._seq))
        run("INSERT INTO identity (token, patron_id) VALUES (?, ?)", (loan.token, patron_id))
        run("COMMIT")


def _raw(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL").close()
    for setting in _WRITER:
        connection.execute(f"PRAGMA {setting}").close()
    return connection


# --- the station ------------------------------------------------------------------------------------------------------


def _item(n: int) -> str:
    return f"TN{n:08d}"


def _patron(n: int) -> str:
    return f"R{n:07d}"


def _card(n: int) -> str:
    return f"04{n:010X}80"


def _rules() -> RuleSet:
    all_day = (Interval(time(7), time(17)),)
    week = DayHours(tuple(day.name.lower() for day in Weekday if day <= Weekday.FRI), all_day)
    rules = Rules(
        branches=(Branch(_BRANCH, "Thư viện tỉnh"),),
        policies=(PolicyRow(_BRANCH, max_loans=5, period_days=15),),
        hours=(Hours(_BRANCH, (Season("cả năm", "01-01", (week,)),)),),
    )
    return RuleSet("bench0000000", rules, "bench")


def _build(home: Path) -> None:
    """Write the station in bulk: the reference, then a ledger whose first events are the open loans."""
    rules = _rules()
    reference = open_reference(home)
    with Reference(reference) as writer:
        writer.write_rules(rules.version, rules.body)
        with reference.begin() as connection:
            _insert(connection, tables.title, ({"title_id": f"T{n}", "title": f"Nhan đề {n}"} for n in range(ITEMS)))
            _insert(
                connection,
                tables.item,
                ({"item_id": _item(n), "title_id": f"T{n}", "type": "book", "branch": _BRANCH} for n in range(ITEMS)),
            )
            _insert(
                connection,
                tables.patron,
                (
                    {
                        "patron_id": _patron(n),
                        "name": f"Bạn đọc {n}",
                        "category": "adult",
                        "branch": _BRANCH,
                        "birth_date": date(1990, 1, 1).isoformat(),
                    }
                    for n in range(PATRONS)
                ),
            )
            _insert(connection, tables.card, ({"number": _card(n), "patron_id": _patron(n)} for n in range(PATRONS)))
    Ledger.open_for_writing(
        home, station=_STATION, epoch=_EPOCH, branch=_BRANCH, clock=read_clock, actor="bench"
    ).close()
    with open_ledger(home) as ledger:
        _lend(ledger, rules)


def _lend(ledger: LedgerFile, rules: RuleSet) -> None:
    """The open loans, as their events say: one item to each reader."""
    moment = settle(read_clock(), None)
    due = to_ms(moment.at + timedelta(days=15))
    hash_, rng = genesis(_STATION, _EPOCH), random.Random(1)
    rows: dict[sa.Table, list[dict[str, object]]] = {
        table: [] for table in (tables.event, tables.identity, tables.loan, tables.custody)
    }
    for n in range(LOANS):
        token = f"{rng.getrandbits(64):016x}"
        out = CheckedOut(_item(n), token, "book", _BRANCH, "take_home", due, rules.version, "adult")
        e = entry(n + 1, moment, "bench", out)
        record = encode(e)
        hash_ = link(hash_, record)
        rows[tables.event].append({"seq": e.seq, "record": record, "hash": hash_})
        rows[tables.identity].append({"token": token, "patron_id": _patron(n % PATRONS)})
        for change in changes(e):
            if isinstance(change, Put):
                rows[PROJECTED[change.table]].append({KEYS[change.table]: change.key, **change.row})
    with ledger.begin() as connection:
        for table, some in rows.items():
            _insert(connection, table, some)


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[dict[str, object]]) -> None:
    connection.execute(sa.insert(table), list(rows))
