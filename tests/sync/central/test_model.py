"""Ingest and apply under random histories, against a model of some hundred lines.

Few copies, few readers, three stations: everything collides. Whatever is sent, in whatever pieces, order and
repetition, with forks, revoked keys and poison among it, headquarters answers as the model does; and when all is
applied, the projections are what the pure rules make of the accepted events, a replay gives the same, and somebody who
only followed the feed knows what headquarters would tell him.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from sync.central import bulk, scopes, tables
from sync.central.apply import Applier, outcome_of
from sync.central.database import CENTRAL, Database
from sync.central.feed import page
from sync.central.log import OWN, read_log
from sync.central.reading import Quarantined, read
from sync.central.replay import verify
from sync.central.worklist import open_exceptions, settle
from sync.circulation import custody
from sync.circulation import events as ev
from sync.circulation.exceptions import resolutions
from sync.circulation.facts import Fact
from sync.circulation.network import Branch, Network
from sync.circulation.timeline import Timeline
from sync.exchange.keys import Pin, Pins
from sync.exchange.messages import Answer
from sync.store.reference import Touched
from tests.sync.central.conftest import Server
from tests.sync.central.world import DAY, HOUR, MINUTE, NOW, Station, enrol, found, send

ITEMS = ("I1", "I2", "I3")
READERS = ("R1", "R2")
BRANCHES = ("TN", "PB", "TN")
NETWORK = Network((Branch("TN", "Thái Nguyên"), Branch("PB", "Phú Bình", "TN")))
#: In the library's zone this is in the year 10000, which no calendar has: readable, and yet it cannot be applied.
LAST_INSTANT = 253_402_300_799_999
EVERYTHING = ("TN", "PB", "*", "S1", "S2", "S3")


Deed = tuple[str, str, str | None, int, bool]

ACTS = (
    *("checkout", "checkin", "renew") * 3,
    *("undo", "pay", "restart", "doubt", "compare", "confirm", "wait"),
)
DEEDS: st.SearchStrategy[Deed] = st.tuples(
    st.sampled_from(ACTS),
    st.sampled_from(ITEMS),
    st.sampled_from((*READERS, None)),
    st.integers(0, 4),
    st.booleans(),
)


class Model:
    """What headquarters should have of one station: the accepted records, and what it answers to a batch."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.cut: int | None = None

    def answer(self, history: list[str], first: int) -> Answer:
        """To the batch of a history from event ``first`` to its last."""
        last = len(history)
        until = last if self.cut is None else min(last, self.cut)
        if first > len(self.log) + 1:
            return Answer.REVOKED if until < first else Answer.GAP
        both = min(last, len(self.log))
        if history[:both] != self.log[:both]:
            return Answer.FORK
        known = len(self.log)
        self.log += history[known:until]
        if until < last and last > known:
            return Answer.REVOKED
        return Answer.ACCEPTED if len(self.log) > known else Answer.DUPLICATE


class Headquarters(RuleBasedStateMachine):
    """Three stations, their copies on other disks, and headquarters."""

    opening: Callable[[ExitStack], str | Path]

    def __init__(self) -> None:
        super().__init__()
        self.ending = ExitStack()
        self.database = self.ending.enter_context(Database.open(type(self).opening(self.ending)))
        self.applier = Applier(self.database, lambda: NOW)
        self.stations = [Station(f"S{n + 1}", branch) for n, branch in enumerate(BRANCHES)]
        self.models = [Model() for _ in self.stations]
        self.tokens = 0
        self.now = NOW
        self.loans: list[tuple[str, str]] = []
        self.fees: list[tuple[str, str]] = []
        self.forgotten: set[str] = set()

    @initialize()
    def found(self) -> None:
        found(self.database)
        self.rows = [enrol(self.database, station) for station in self.stations]
        with self.database.begin() as connection:
            patrons = [(reader, reader, "adult", "TN", None, None, 0, "[]") for reader in READERS[:1]]
            bulk.insert(connection, tables.patron, patrons)
            items = [(item, "t1", "book", "PB", 1, 0, "", "", "in_stock", "") for item in ITEMS[:2]]
            bulk.insert(connection, tables.item, items)

    # --- what happens at stations -------------------------------------------------------------------------------------

    def token(self) -> str:
        self.tokens += 1
        return f"{self.tokens:016x}"

    def a_loan(self, choice: int) -> tuple[str, str] | None:
        return self.loans[-1 - choice % len(self.loans)] if self.loans else None

    @rule(n=st.integers(0, 2), deeds=st.lists(DEEDS, min_size=1, max_size=6))
    def work(self, n: int, deeds: list[Deed]) -> None:
        station = self.stations[n]
        self.now += 10 * MINUTE
        station.at = max(station.at, self.now)
        for deed in deeds:
            self.do(station, *deed)

    def do(self, station: Station, act: str, item: str, reader: str | None, choice: int, more: bool) -> None:
        loan = self.a_loan(choice)
        match act:
            case "checkout":
                token = self.token()
                self.loans.append((item, token))
                station.checkout(item, token, reader)
            case "checkin" if loan is None or choice == 0:
                station.checkin(item, None)
            case "checkin" if loan is not None:
                station.checkin(*loan, late_days=3 * more)
                if more:
                    self.fees.append((self.token(), loan[1]))
                    station.write(ev.FeeCharged(self.fees[-1][0], loan[1], "overdue", 3000, "r1"))
            case "renew" if loan is not None:
                carried = {"item_type": "book", "branch": "TN", "mode": "take_home", "checked_out_at": NOW - DAY}
                station.renew(*loan, carried=carried if more else None)
            case "pay" if self.fees:
                fee, token = self.fees[choice % len(self.fees)]
                told = {"token": token, "kind": "overdue", "owed": 3000, "charged_at": NOW} if more else {}
                station.write(ev.FeePaid(fee, 1000 * (1 + choice), **told))  # type: ignore[arg-type]
            case "undo" if station.last > choice:
                self.undo(station, station.last - choice)
            case "restart":
                station.boot = f"boot-{self.token()}"
            case "doubt":
                station.write(ev.VisitOpened(self.token()), doubted=0)
            case "compare":
                station.write(ev.ClockCompared((6 if more else -6) * HOUR, 500))
            case "confirm":
                station.write(ev.ClockConfirmed())
            case _:
                station.at += HOUR * choice

    def undo(self, station: Station, of: int) -> None:
        match read(station.records[of - 1].encode(), of):
            case ev.Entry(event=ev.CheckedOut(item=item, loan=loan)):
                station.write(ev.Undone(of, "checkout", item, loan))
            case ev.Entry(event=ev.CheckedIn(item=item, loan=loan)):
                station.write(ev.Undone(of, "checkin", item, loan))
            case ev.Entry(event=ev.Renewed(item=item, loan=loan)):
                station.write(ev.Undone(of, "renew", item, loan, due_at=NOW, renewals=0))
            case _:
                station.write(ev.VisitOpened(self.token()))

    @rule(n=st.integers(0, 2), kind=st.integers(0, 6))
    def poison(self, n: int, kind: int) -> None:
        station = self.stations[n]
        due = station.at
        match kind:
            case 0:
                station.write_line("not an event")
            case 1:
                station.write_line(json.dumps({"seq": station.last + 1, "type": "x", "v": 1, "at": due, "up": 1,
                                               "boot": "", "actor": "", "body": {}}))  # fmt: skip
            case 2:
                station.write(ev.CheckedOut("I1", self.token(), "book", "TN", "take_home", 2**70, "r1"))
            case 3:
                station.write(ev.CheckedOut("I\0", self.token(), "book", "TN", "take_home", due, "r1"))
            case 4:
                station.write(ev.LoanClosed("I1", self.token(), "no_station_may"))
            case 5:
                station.write(ev.CheckedOut("I1", "x" * 300, "book", "TN", "take_home", due, "r1"))
            case _:
                entry = ev.Entry(station.last + 1, ev.from_ms(LAST_INSTANT), 1, "", "", ev.VisitOpened("v"))
                station.write_line(ev.encode(entry))

    # --- what arrives -------------------------------------------------------------------------------------------------

    @rule(n=st.integers(0, 2), first=st.integers(-6, 2), count=st.integers(1, 12))
    def send(self, n: int, first: int, count: int) -> None:
        station, model = self.stations[n], self.models[n]
        begin = max(1, len(model.log) + 1 + first)
        end = min(begin + count - 1, station.last)
        if end >= begin:
            self.arrives(n, station, begin, end)

    def arrives(self, n: int, station: Station, begin: int, end: int) -> None:
        expected = self.models[n].answer(station.records[:end], begin)
        answered = send(self.database, station.batch(begin, end))
        assert answered.answer is expected
        assert answered.logged == len(self.models[n].log)
        if expected is Answer.GAP:
            assert answered.want == len(self.models[n].log) + 1

    @rule(n=st.integers(0, 2), back=st.integers(0, 4), count=st.integers(1, 3), sent=st.booleans())
    def restore(self, n: int, back: int, count: int, sent: bool) -> None:
        """A station goes on from an older copy of its disk, for a while or for good."""
        copy = self.stations[n].copied()
        kept = max(0, copy.last - back)
        del copy.records[kept:], copy.hashes[kept:]
        for _ in range(count):
            copy.write(ev.VisitOpened(self.token()))
        if sent:
            self.arrives(n, copy, max(1, kept - 1), copy.last)

    @rule(n=st.integers(0, 2), ahead=st.integers(0, 6))
    def revoke(self, n: int, ahead: int) -> None:
        model = self.models[n]
        if model.cut is not None or ahead < 5:
            return
        model.cut = len(model.log) + ahead - 4
        pins = Pins((Pin(self.stations[n].keys.public, model.cut),))
        with self.database.begin() as connection:
            connection.execute(
                sa.update(tables.station)
                .where(tables.station.c.id == self.rows[n])
                .values(pins=msgspec.json.encode(pins).decode())
            )

    @rule(most=st.sampled_from((1, 2, 5, 4000)))
    def apply(self, most: int) -> None:
        self.applier.apply(most)

    @rule(choice=st.integers(0, 5))
    def staff(self, choice: int) -> None:
        with self.database.begin() as connection:
            listed = open_exceptions(connection)
            if not listed:
                return
            exception = listed[choice % len(listed)].exception
            offered = resolutions(exception, NETWORK)
            chosen = offered[choice % len(offered)]
            loan = getattr(chosen.events[-1], "loan", None)
            done = settle(connection, exception.id, chosen.resolution, NETWORK, actor="hq", now=NOW + choice, loan=loan)
            assert done == chosen

    # --- what must hold -----------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if hasattr(self, "rows"):
                self.heal()
                self.applier.apply_all()
                self.check_log()
                self.check_copies()
                self.check_feed()
                assert verify(self.database) == ()
        finally:
            self.ending.close()

    def heal(self) -> None:
        """Whatever can still arrive arrives, station by station, the last one first."""
        for n in (2, 1, 0):
            while self.stations[n].last > len(self.models[n].log):
                before = len(self.models[n].log)
                self.arrives(n, self.stations[n], before + 1, min(before + 5, self.stations[n].last))
                if len(self.models[n].log) == before:
                    break
                self.applier.apply(3)

    def check_log(self) -> None:
        with self.database.read() as connection:
            for model, row in zip(self.models, self.rows, strict=True):
                station = connection.execute(sa.select(tables.station).where(tables.station.c.id == row)).one()
                assert station.seq == station.applied == len(model.log)
                for seq, line in enumerate(model.log, start=1):
                    good = isinstance(read(line.encode(), seq), ev.Entry) and str(LAST_INSTANT) not in line
                    assert (outcome_of(connection, row, seq) == "quarantined") is not good

    def check_copies(self) -> None:
        """Who has each copy, by the pure rules alone."""
        with self.database.read() as connection:
            owners = dict(connection.execute(sa.select(tables.identity.c.token, tables.identity.c.number)).all())
            own = self.own_records(connection)
            held = {row.item_id: row for row in connection.execute(sa.select(tables.copy_state))}
            listed = connection.execute(
                sa.select(tables.staff_exception.c.id).where(tables.staff_exception.c.source == "copy")
            )
            exceptions = set(listed.scalars())
        facts: dict[str, list[Fact]] = {}
        logs = [(station.name, model.log) for station, model in zip(self.stations, self.models, strict=True)]
        for name, log in (*logs, (OWN, own)):
            for item, fact in _facts(name, log, owners):
                facts.setdefault(item, []).append(fact)
        assert set(held) == set(facts)
        expected = set()
        for item, of_item in facts.items():
            history = custody.fold(item, of_item)
            loan = history.custody.loan
            assert held[item].token == (loan.token if loan else None)
            assert held[item].due_at == (loan.due_at if loan else None)
            assert held[item].seen_at == history.custody.branch
            assert held[item].number == (owners.get(loan.token) if loan else None)
            expected |= {exception.id for exception in history.exceptions}
        assert exceptions == expected

    def own_records(self, connection: sa.Connection) -> list[str]:
        row = connection.execute(sa.select(tables.station).where(tables.station.c.station == OWN)).first()
        if row is None:
            return []
        return [line.decode() for logged in read_log(connection, row.id, 0, row.seq) for line in logged.lines]

    def check_feed(self) -> None:
        """Somebody who followed the feed from the beginning knows what would be told today."""
        with self.database.read() as connection:
            known: dict[tuple[str, str, str], dict[str, Any]] = {}
            cursor, more = 0, True
            while more:
                some = page(connection, cursor, EVERYTHING, limit=7)
                cursor, more = some.cursor, some.more
                for change in some.changes:
                    if change.row is None:
                        known.pop((change.scope, change.table, change.key), None)
                    else:
                        known[change.scope, change.table, change.key] = dict(change.row)
            told = scopes.told(connection, Touched(items=ITEMS, patrons=READERS))
            marks = {key: row for key, row in known.items() if key[1] == "watermark"}
            assert {key: row for key, row in known.items() if key[1] in {"loan", "fee"}} == {
                key: json.loads(body) for key, body in told.items() if key[1] in {"loan", "fee"}
            }
            for station, model in zip(self.stations, self.models, strict=True):
                row = marks.get((station.name, "watermark", station.name))
                assert (row or {"seq": 0})["seq"] == len(model.log)


def _facts(name: str, log: list[str], owners: dict[str, str]) -> list[tuple[str, Fact]]:
    timeline, entries = Timeline(), []
    for seq, line in enumerate(log, start=1):
        found = read(line.encode(), seq, own=name == OWN)
        entry = found.entry if isinstance(found, Quarantined) else found
        if entry is not None:
            timeline.add(entry)
        entries.append(None if isinstance(found, Quarantined) or str(LAST_INSTANT) in line else found)
    facts = []
    for before, entry in zip((None, *entries), entries, strict=False):
        if entry is None:
            continue
        event = entry.event
        match event:
            case ev.CheckedOut() | ev.CheckedIn() | ev.Renewed() | ev.Undone() | ev.LoanClosed():
                item: str | None = event.item
            case ev.ExceptionResolved():
                item = event.item
            case ev.FeeCharged():
                returned = before.event if before is not None else None
                item = returned.item if isinstance(returned, ev.CheckedIn) and returned.loan == event.loan else None
            case _:
                item = None
        if item is not None:
            placed = timeline.place(entry.seq, ev.to_ms(entry.at))
            reader = owners.get(event.loan or "") if isinstance(event, ev.CheckedOut | ev.Renewed) else None
            facts.append((item, Fact(name, 1, entry.seq, placed.at, placed.earliest, placed.latest, event, reader)))
    return facts


# --- on both databases ------------------------------------------------------------------------------------------------


@cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        Database.open(Path(folder)).close()
        return CENTRAL.path(Path(folder)).read_bytes()


def _embedded(ending: ExitStack) -> Path:
    folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
    CENTRAL.path(folder).write_bytes(_empty_file())
    return folder


def _run(opening: Callable[[ExitStack], str | Path], examples: int) -> None:
    machine = type("Headquarters", (Headquarters,), {"opening": staticmethod(opening)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            suppress_health_check=list(HealthCheck),
            # A smaller history is worth minutes to whoever mends it, not to whoever only wants to know.
            phases=[Phase.reuse, Phase.generate, *([Phase.shrink] if os.environ.get("SHRINK") else [])],
        ),
    )


def test_random_histories_on_the_embedded_database() -> None:
    _run(_embedded, 40)


def test_random_histories_on_postgresql(server: Server) -> None:
    _run(lambda ending: ending.enter_context(server.database()), 8)
