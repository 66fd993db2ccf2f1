"""What the log means: who has what, what stations are told, what staff have to settle, what nobody can read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from sync.central import bulk, reading, tables
from sync.central.apply import Applier, Outcome, outcome_of
from sync.central.database import Database
from sync.central.feed import page
from sync.central.replay import verify
from sync.central.worklist import NotSettled, open_exceptions, settle
from sync.circulation import events as ev
from sync.circulation.exceptions import ExceptionKind, Resolution
from sync.circulation.network import Branch, Network
from sync.exchange.messages import Answer
from tests.sync.central.conftest import Server
from tests.sync.central.world import DAY, HOUR, NOW, Station, enrol, found, send

NETWORK = Network((Branch("TN", "Thái Nguyên"), Branch("PB", "Phú Bình", "TN")))
A, B = "a" * 16, "b" * 16


class Hq:
    """Headquarters with two stations, a few items and readers."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.applier = Applier(database, lambda: NOW)
        self.tn, self.pb = Station("TN-01", "TN"), Station("PB-01", "PB")
        found(database)
        self.rows = {station.name: enrol(database, station) for station in (self.tn, self.pb)}
        with database.begin() as connection:
            bulk.insert(
                connection,
                tables.patron,
                [
                    ("R1", "Nguyễn Văn An", "adult", "TN", None, None, 0, "[]"),
                    ("R2", "Trần Thị Bình", "adult", "PB", "2020-01-01", None, 0, "[]"),
                ],
            )
            bulk.insert(connection, tables.card, [("C1", "R1")])
            bulk.insert(
                connection,
                tables.item,
                [
                    ("I1", "t1", "book", "TN", 1, 0, "", "", "in_stock", ""),
                    ("I2", "t1", "book", "PB", 1, 0, "", "", "in_stock", ""),
                    ("I3", "t1", "book", "TN", 1, 0, "", "", "lost", ""),
                ],
            )

    def hear(self, *stations: Station) -> None:
        for station in stations or (self.tn, self.pb):
            if station.records:
                for raw in station.batches():
                    assert send(self.database, raw).answer in {Answer.ACCEPTED, Answer.DUPLICATE}
            self.applier.apply_all()

    def rows_of(self, table: sa.Table) -> list[Mapping[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(sa.select(table)).mappings()]

    def holder(self, item: str) -> str | None:
        held: dict[str, str | None] = {row["item_id"]: row["token"] for row in self.rows_of(tables.copy_state)}
        return held[item]

    def told(self, *scopes: str) -> dict[tuple[str, str], dict[str, Any]]:
        """What somebody knows who has followed some scopes from the beginning."""
        known: dict[tuple[str, str], dict[str, Any]] = {}
        with self.database.read() as connection:
            for change in page(connection, 0, scopes, limit=5000).changes:
                if change.row is None:
                    known.pop((change.table, change.key), None)
                else:
                    known[change.table, change.key] = dict(change.row)
        return known

    def listed(self) -> list[ExceptionKind]:
        with self.database.read() as connection:
            return [one.exception.kind for one in open_exceptions(connection)]

    def outcome(self, station: Station, seq: int) -> Outcome:
        with self.database.read() as connection:
            return outcome_of(connection, self.rows[station.name], seq)

    def settle(self, resolution: Resolution, loan: str | None = None) -> None:
        with self.database.begin() as connection:
            (one,) = open_exceptions(connection)
            done = settle(connection, one.exception.id, resolution, NETWORK, actor="hq-desk", now=NOW + DAY, loan=loan)
            assert not isinstance(done, NotSettled)
        self.applier.apply_all()


@pytest.fixture
def hq(database: Database) -> Hq:
    return Hq(database)


# --- loans and what stations are told of them -------------------------------------------------------------------------


def test_a_loan_is_told_where_it_concerns_somebody_and_names_the_reader_only_there(hq: Hq) -> None:
    hq.tn.checkout("I2", A, "C1")
    hq.hear()
    told = hq.told("TN")["loan", A]
    assert (told["item_id"], told["patron_id"], told["branch"]) == ("I2", "R1", "TN")
    at_home = hq.told("PB")["loan", A]
    assert (at_home["item_id"], at_home["patron_id"]) == ("I2", None)


def test_a_station_is_told_of_its_own_events_in_the_same_breath_as_how_far_they_are_in(hq: Hq) -> None:
    hq.tn.checkout("I1", A)
    hq.tn.write(ev.VisitOpened("v"))
    send(hq.database, hq.tn.batch())
    hq.applier.apply(1)
    assert hq.told("TN-01")["watermark", "TN-01"] == {"station": "TN-01", "epoch": 1, "seq": 1}
    assert ("loan", A) in hq.told("TN")
    hq.applier.apply_all()
    assert hq.told("TN-01")["watermark", "TN-01"]["seq"] == 2
    assert ("watermark", "TN-01") not in hq.told("TN", "PB-01", "*")


def test_a_return_takes_the_loan_away_from_everybody(hq: Hq) -> None:
    hq.tn.checkout("I2", A, "R1")
    hq.hear()
    hq.pb.at += HOUR
    hq.pb.checkin("I2", A)
    hq.hear()
    assert hq.holder("I2") is None
    assert ("loan", A) not in hq.told("TN") | hq.told("PB")


def test_a_return_that_arrives_before_its_checkout_closes_it(hq: Hq) -> None:
    hq.tn.checkout("I1", A)
    hq.pb.at += DAY
    hq.pb.checkin("I1", A)
    hq.hear(hq.pb, hq.tn)
    assert hq.holder("I1") is None
    assert hq.listed() == []


def test_a_copy_lent_twice_is_with_the_later_reader_and_on_the_list(hq: Hq) -> None:
    hq.tn.checkout("I1", A, "R1")
    hq.pb.at += DAY
    hq.pb.checkout("I1", B, "R9")
    hq.hear(hq.pb, hq.tn)
    assert hq.holder("I1") == B
    assert hq.listed() == [ExceptionKind.MISSED_RETURN, ExceptionKind.UNKNOWN_CARD]
    assert hq.outcome(hq.tn, 1) is hq.outcome(hq.pb, 1) is Outcome.WITH_EXCEPTION


def test_repeating_everything_by_another_road_changes_nothing(hq: Hq) -> None:
    hq.tn.checkout("I1", A)
    hq.pb.at += DAY
    hq.pb.checkin("I1", A, late_days=2)
    hq.pb.write(ev.FeeCharged("f1", A, "overdue", 3000, "r1"))
    hq.hear()
    tables_ = (*tables.LIVE.all(), tables.outcome, tables.change, tables.batch)
    before = [hq.rows_of(table) for table in tables_]
    hq.hear(hq.pb, hq.tn)
    assert [hq.rows_of(table) for table in tables_] == before


def test_a_late_word_on_a_clock_moves_what_was_there_before(hq: Hq) -> None:
    """Six hours ahead, the checkout seemed to come after the return; its copy stands elsewhere once that is known."""
    hq.tn.at += 6 * HOUR
    hq.tn.checkout("I1", A, "R1")
    hq.pb.at += 3 * HOUR
    hq.pb.checkin("I1", None)
    hq.hear()
    assert hq.holder("I1") == A
    hq.tn.write(ev.ClockCompared(-6 * HOUR, 500))
    hq.hear()
    assert hq.holder("I1") is None
    assert ("loan", A) not in hq.told("TN", "PB")
    assert verify(hq.database) == ()


def test_a_new_epoch_goes_on_where_the_old_one_ended_and_its_clock_speaks_for_both(hq: Hq) -> None:
    hq.tn.at += 6 * HOUR
    hq.tn.checkout("I1", A, "R1")
    hq.pb.at += 3 * HOUR
    hq.pb.checkin("I1", None)
    hq.hear()
    again = Station("TN-01", "TN", epoch=2, begins=hq.tn.last, at=hq.tn.at)
    enrol(hq.database, again)
    again.write(ev.ClockCompared(-6 * HOUR, 500))
    again.checkout("I2", B, "R1")
    hq.hear(again)
    assert (hq.holder("I1"), hq.holder("I2")) == (None, B)
    assert hq.told("TN-01")["watermark", "TN-01"] == {"station": "TN-01", "epoch": 2, "seq": 3}
    assert verify(hq.database) == ()


def test_a_hold_is_fulfilled_by_its_checkout_and_stands_again_when_that_is_undone(hq: Hq) -> None:
    with hq.database.begin() as connection:
        bulk.insert(connection, tables.hold, [("H1", "R1", "t1", None, "TN", NOW, None, None)])
    seq = hq.tn.checkout("I1", A, "R1", hold="H1")
    hq.hear()
    assert [row["fulfilled"] for row in hq.rows_of(tables.hold)] == [A]
    assert ("hold", "H1") not in hq.told("TN")
    hq.tn.write(ev.Undone(seq, "checkout", "I1", A))
    hq.hear()
    assert [row["fulfilled"] for row in hq.rows_of(tables.hold)] == [None]
    assert hq.told("TN")["hold", "H1"]["patron_id"] == "R1"
    assert hq.told("PB")["hold", "H1"]["patron_id"] == ""


# --- money ------------------------------------------------------------------------------------------------------------


def charge(hq: Hq, *, days: int = 20) -> None:
    hq.tn.checkout("I1", A, "R1")
    hq.tn.at += days * DAY
    hq.tn.checkin("I1", A, late_days=1)
    hq.tn.write(ev.FeeCharged("f1", A, "overdue", 3000, "r1"))


def test_a_fee_is_told_at_its_readers_branch_until_it_is_settled(hq: Hq) -> None:
    charge(hq)
    hq.hear()
    assert hq.told("TN")["fee", "f1"]["amount"] == 3000
    assert ("fee", "f1") not in hq.told("PB")
    hq.pb.write(ev.FeePaid("f1", 1000, A, "overdue", 3000, NOW))
    hq.hear()
    assert hq.told("TN")["fee", "f1"]["paid"] == 1000
    hq.tn.write(ev.FeeWaived("f1", 2000))
    hq.hear()
    assert ("fee", "f1") not in hq.told("TN")


def test_a_fee_paid_in_two_places_is_for_staff_and_the_refund_settles_it(hq: Hq) -> None:
    charge(hq)
    hq.tn.write(ev.FeePaid("f1", 3000))
    hq.pb.write(ev.FeePaid("f1", 3000, A, "overdue", 3000, NOW))
    hq.hear(hq.pb, hq.tn)
    assert hq.listed() == [ExceptionKind.OVERPAID]
    hq.settle(Resolution.REFUNDED)
    assert hq.listed() == []
    assert [row["paid"] for row in hq.rows_of(tables.fee)] == [3000]
    assert verify(hq.database) == ()


def test_nobody_is_asked_for_a_fee_in_doubt_until_staff_say_so(hq: Hq) -> None:
    charge(hq, days=16)
    hq.pb.at += DAY
    hq.pb.renew("I1", A, days=60)
    hq.hear(hq.tn)
    assert ("fee", "f1") in hq.told("TN")
    hq.hear(hq.pb)
    assert hq.listed() == [ExceptionKind.FEE_IN_DOUBT]
    assert ("fee", "f1") not in hq.told("TN")
    hq.settle(Resolution.FEE_STANDS)
    assert ("fee", "f1") in hq.told("TN")
    assert verify(hq.database) == ()


# --- judgements and the work-list -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "reader", "kinds"),
    [
        ("I1", "R1", []),
        ("I1", "C1", []),
        ("I1", "R2", [ExceptionKind.LENT_WHILE_BLOCKED]),
        ("I1", "R7", [ExceptionKind.UNKNOWN_CARD]),
        ("I1", None, []),
        ("I9", "R1", [ExceptionKind.UNKNOWN_ITEM]),
        ("I3", "R1", [ExceptionKind.LOST_RETURNED]),
    ],
)
def test_what_headquarters_knows_better_is_judged_once(
    hq: Hq, item: str, reader: str | None, kinds: list[ExceptionKind]
) -> None:
    hq.tn.checkout(item, A, reader)
    hq.hear()
    assert hq.listed() == kinds
    assert hq.holder(item) == A
    assert hq.outcome(hq.tn, 1) is (Outcome.WITH_EXCEPTION if kinds else Outcome.APPLIED)
    with hq.database.begin() as connection:
        connection.execute(sa.delete(tables.patron))
        connection.execute(sa.update(tables.item).values(status="withdrawn"))
    assert hq.listed() == kinds
    assert verify(hq.database) == ()


def test_the_loans_beyond_the_limit_are_on_the_list_and_those_before_are_not(hq: Hq) -> None:
    for n in range(5):
        hq.tn.checkout(f"X{n}", f"{n:016x}", "C1" if n % 2 else "R1")
    hq.hear()
    with hq.database.read() as connection:
        over = [
            one.exception.item for one in open_exceptions(connection) if one.exception.kind is ExceptionKind.OVER_LIMIT
        ]
    assert over == ["X3", "X4"]


def test_a_decision_is_an_event_and_a_replay_finds_it(hq: Hq) -> None:
    hq.tn.checkout("I1", A, "R7")
    hq.hear()
    hq.settle(Resolution.CARD_REGISTERED)
    assert hq.listed() == []
    assert hq.outcome(hq.tn, 1) is Outcome.WITH_EXCEPTION
    own = [row for row in hq.rows_of(tables.batch) if row["road"] == "own"]
    assert [(row["first"], row["last"]) for row in own] == [(1, 1)]
    assert verify(hq.database) == ()


def test_staff_say_who_has_a_copy_and_it_is_so(hq: Hq) -> None:
    hq.tn.checkout("I1", A, "R1")
    hq.pb.at += 60_000
    hq.pb.checkout("I1", B, "R1" + "x")
    with hq.database.begin() as connection:
        bulk.insert(connection, tables.patron, [("R1x", "x", "adult", "PB", None, None, 0, "[]")])
    hq.hear()
    assert hq.listed() == [ExceptionKind.AMBIGUOUS_CUSTODY]
    hq.settle(Resolution.LOAN_HAS_IT, A)
    assert (hq.holder("I1"), hq.listed()) == (A, [])
    assert verify(hq.database) == ()


def test_what_is_not_on_the_list_or_not_offered_is_answered_with_a_sentence(hq: Hq) -> None:
    hq.tn.checkout("I1", A, "R7")
    hq.hear()
    with hq.database.begin() as connection:
        (one,) = open_exceptions(connection)
        for name, resolution in (("no such", Resolution.NOTED), (one.exception.id, Resolution.REFUNDED)):
            answer = settle(connection, name, resolution, NETWORK, actor="hq", now=NOW)
            assert isinstance(answer, NotSettled)
            assert answer.phrase.vi != answer.phrase.en
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.batch)).scalar() == 1


def test_the_list_of_a_branch_holds_its_own_work(hq: Hq) -> None:
    hq.tn.checkout("I2", A, "R7")
    hq.hear()
    with hq.database.read() as connection:
        assert [one.owner for one in open_exceptions(connection, branches=["PB"])] == ["PB"]
        assert open_exceptions(connection, branches=["TN"]) == []


def test_how_much_was_done_is_counted_by_branch_and_the_librarys_day(hq: Hq) -> None:
    hq.tn.checkout("I1", A)
    hq.tn.at += 16 * HOUR
    hq.tn.checkin("I1", A)
    hq.hear()
    counted = {(row["branch"], row["day"], row["act"], row["category"]) for row in hq.rows_of(tables.activity)}
    assert counted == {("TN", "2027-03-01", "checked_out", "adult"), ("TN", "2027-03-02", "checked_in", "")}


# --- what nobody can read ---------------------------------------------------------------------------------------------


def spoil(station: Station, kind: str) -> int:
    match kind:
        case "garbage":
            return station.write_line("\u0000 no event")
        case "another number":
            record = ev.encode(ev.Entry(99, ev.from_ms(station.at), 1, "", "", ev.VisitOpened("v")))
            return station.write_line(record)
        case "unknown type" | "unknown version":
            name, version = ("levitated", 1) if kind == "unknown type" else ("visit_opened", 9)
            unknown = ev.Unknown(name, version, json.dumps({"visit": "v"}))
            return station.write(unknown)
        case "too large":
            return station.write(ev.CheckedOut("I1", B, "book", "TN", "take_home", 2**70, "r1"))
        case "headquarters' own":
            return station.write(ev.LoanClosed("I1", A, "x"))
        case "NUL":
            return station.write(ev.CheckedIn("I\0", "TN"))
        case "another field":
            line = ev.encode(ev.Entry(station.last + 1, ev.from_ms(station.at), 1, "", "", ev.VisitOpened("v")))
            return station.write_line(line.replace('"visit"', '"vanity":1,"visit"'))
        case _:
            last_instant = ev.from_ms(253_402_300_799_999)
            entry = ev.Entry(station.last + 1, last_instant, 1, "", "", ev.VisitOpened("v"))
            return station.write_line(ev.encode(entry))


KINDS = (
    "garbage", "another number", "unknown type", "unknown version", "too large", "headquarters' own", "NUL",
    "another field", "no calendar has it",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_that_cannot_be_applied_stops_none_of_the_others(hq: Hq, kind: str) -> None:
    hq.tn.checkout("I1", A)
    seq = spoil(hq.tn, kind)
    hq.tn.checkout("I2", B)
    hq.pb.write(ev.VisitOpened("v"))
    hq.hear()
    assert hq.outcome(hq.tn, seq) is Outcome.QUARANTINED
    assert (hq.holder("I1"), hq.holder("I2")) == (A, B)
    assert [row["applied"] for row in hq.rows_of(tables.station)] == [3, 1]
    assert hq.told("TN-01")["watermark", "TN-01"]["seq"] == 3
    assert verify(hq.database) == ()
    assert hq.applier.reapply() == 0
    assert hq.outcome(hq.tn, seq) is Outcome.QUARANTINED


def test_many_that_cannot_be_applied_among_many_that_can(hq: Hq) -> None:
    for n in range(60):
        hq.tn.checkout(f"X{n}", f"{n:016x}")
        if n % 7 == 0:
            spoil(hq.tn, KINDS[n // 7 % len(KINDS)])
    hq.hear()
    with hq.database.read() as connection:
        quarantined = sa.select(sa.func.count()).where(tables.outcome.c.outcome == "quarantined")
        assert connection.execute(quarantined).scalar() == 9
    assert {row["token"] for row in hq.rows_of(tables.copy_state)} == {f"{n:016x}" for n in range(60)}
    assert verify(hq.database) == ()


def test_after_an_upgrade_what_was_unknown_is_applied_as_if_in_its_turn(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.tn.checkout("I1", A, "R1")
    hq.tn.at += 20 * DAY
    with monkeypatch.context() as older:
        older.delitem(reading._BODIES, "checked_in")  # noqa: SLF001, an older program knows fewer
        returned = hq.tn.checkin("I1", A, late_days=1)
        hq.tn.write(ev.FeeCharged("f1", A, "overdue", 3000, "r1"))
        hq.hear()
        assert hq.outcome(hq.tn, returned) is Outcome.QUARANTINED
        assert hq.holder("I1") == A
        assert hq.applier.reapply() == 0
        assert verify(hq.database) == ()
    assert hq.applier.reapply() == 1
    assert hq.outcome(hq.tn, returned) is Outcome.APPLIED
    assert hq.holder("I1") is None
    assert ("loan", A) not in hq.told("TN")
    assert [(row["fee_id"], row["item_id"]) for row in hq.rows_of(tables.fee_fact)] == [("f1", "I1")]
    assert verify(hq.database) == ()
    assert hq.applier.reapply() == 0


def test_a_projection_that_was_changed_by_hand_is_found_out(hq: Hq) -> None:
    charge(hq)
    hq.hear()
    assert verify(hq.database) == ()
    with hq.database.begin() as connection:
        connection.execute(sa.update(tables.copy_state).values(seen_at="elsewhere"))
        connection.execute(sa.delete(tables.fee))
        connection.execute(sa.update(tables.activity).values(count=99))
    assert verify(hq.database) == ("copy_state", "fee", "activity")


# --- several at once --------------------------------------------------------------------------------------------------


def test_processes_that_ingest_and_apply_at_once_come_to_the_same(server: Server) -> None:
    stations = [Station(f"S{n}", "TN") for n in range(4)]
    for n, station in enumerate(stations):
        for k in range(60):
            station.checkout(f"I{k % 5}", f"{n:08x}{k:08x}", f"R{k % 3}")
            station.checkin(f"I{(k + n) % 5}", f"{n:08x}{k:08x}" if k % 2 else None)
    with server.database() as address, Database.open(address) as database, Database.open(address) as other:
        found(database)
        for station in stations:
            enrol(database, station)
        failures: list[BaseException] = []

        def upload(station: Station, through: Database) -> None:
            try:
                for raw in station.batches(25):
                    send(through, raw)
                    send(through, raw)
            except BaseException as error:
                failures.append(error)
                raise

        def apply(through: Database, stop: threading.Event) -> None:
            applier = Applier(through, lambda: NOW)
            while not stop.is_set():
                applier.apply(40)

        stop = threading.Event()
        uploads = [threading.Thread(target=upload, args=(s, (database, other)[n % 2])) for n, s in enumerate(stations)]
        appliers = [threading.Thread(target=apply, args=(through, stop)) for through in (database, other)]
        for thread in (*uploads, *appliers):
            thread.start()
        for thread in uploads:
            thread.join()
        stop.set()
        for thread in appliers:
            thread.join()
        assert failures == []
        Applier(database, lambda: NOW).apply_all()
        with database.read() as connection:
            state = connection.execute(sa.select(*tables.station.c["seq", "applied"]))
            assert [tuple(row) for row in state] == [(120, 120)] * 4
        assert verify(database) == ()


def test_a_rule_set_decides_the_limit(hq: Hq) -> None:
    rules = {"branches": [{"code": "TN", "name": "TN"}], "policies": [{"branch": "TN", "max_loans": 1}]}
    with hq.database.begin() as connection:
        connection.execute(sa.insert(tables.rule_set), {"version": "v1", "body": msgspec.json.encode(rules).decode()})
    hq.tn.checkout("I1", A, "R1")
    hq.tn.checkout("I2", B, "R1")
    hq.hear()
    assert hq.listed() == [ExceptionKind.OVER_LIMIT]
