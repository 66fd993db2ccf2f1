"""The ledger towards headquarters: what goes out, what is acknowledged, what is pruned, and how an epoch begins."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.chain import genesis, link
from sync.store.errors import OlderLedger, StoreError
from sync.store.ledger import Ledger, Lent
from sync.store.view import Outgoing
from tests.sync.store.stations import (
    ACTOR,
    AN,
    BINH,
    BRANCH,
    CHI,
    EPOCH,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    SO_DO,
    STATION,
    Clock,
    Desk,
    by_hand,
    hear,
    in_order,
    last_entry,
    look_at,
    new_station,
    open_desk,
    owners,
    quick_folder,
    random_deed,
    tell,
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return new_station(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(home: Path, clock: Clock) -> Iterator[Ledger]:
    with open_desk(home, clock) as opened:
        yield opened


def busy(ledger: Ledger, seed: int, deeds: int) -> None:
    rng, desk = random.Random(seed), Desk(ledger)
    for _ in range(deeds):
        deed = random_deed(rng)
        if deed.act != "forget":
            desk.do(deed)


def batches(ledger: Ledger, after: int = 0, **limits: int) -> list[Outgoing]:
    found = []
    while (outgoing := ledger.outgoing(after, **limits)) is not None:
        found.append(outgoing)
        after = outgoing.last
    return found


def standing(ledger: Ledger) -> object:
    """All that a desk can see."""
    items, cards = (KIEU_1, KIEU_2, LAO_HAC, SO_DO), (AN, BINH, CHI)
    return (
        [ledger.find_item(item) for item in items],
        [ledger.account(card) for card in cards],
        ledger.pending_repairs(),
    )


# --- what goes out ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(200, 3000))
def test_batches_carry_every_event_once_in_a_chain_without_a_gap(seed: int, limit: int, size: int) -> None:
    with quick_folder() as folder, open_desk(new_station(Path(folder)), Clock()) as ledger:
        busy(ledger, seed, 30)
        expected, number = genesis(STATION, EPOCH), 0
        records: list[str] = []
        for batch in batches(ledger, limit=limit, size=size):
            assert batch.first == number + 1
            assert batch.previous == expected
            assert 1 <= len(batch.records) <= limit
            assert len(batch.records) == 1 or sum(len(r.encode()) + 1 for r in batch.records) <= size
            for record in batch.records:
                expected = link(expected, record)
            assert batch.head == expected
            number = batch.last
            records += batch.records
        assert number == last_entry(ledger)
        assert records == [ev.encode(entry) for entry in ledger.entries()]


def test_a_batch_says_whose_its_loans_are_and_nobody_elses(ledger: Ledger) -> None:
    first, second = ledger.checkout(AN, KIEU_1), ledger.checkout(BINH, LAO_HAC)
    assert isinstance(first, Lent)
    assert isinstance(second, Lent)
    (batch,) = batches(ledger)
    assert batch.identities == {first.loan.token: AN, second.loan.token: BINH}
    assert "BD-0001" not in "".join(batch.records)
    assert AN not in repr(batch)
    later = ledger.outgoing(first.entry)
    assert later is not None
    assert later.identities == {second.loan.token: BINH}


def test_nothing_goes_out_of_a_ledger_in_which_nothing_is_new(ledger: Ledger) -> None:
    assert ledger.outgoing(0) is None
    ledger.checkout(AN, KIEU_1)
    assert ledger.outgoing(last_entry(ledger)) is None


def test_events_that_are_not_there_are_refused_with_a_sentence(ledger: Ledger) -> None:
    with pytest.raises(StoreError):
        ledger.outgoing(7)


# --- what is acknowledged ---------------------------------------------------------------------------------------------


def test_before_the_first_word_of_headquarters_every_event_is_unsent(ledger: Ledger, clock: Clock) -> None:
    assert ledger.acknowledged() is None
    assert ledger.unsent() == (0, None)
    ledger.checkout(AN, KIEU_1)
    clock.go_on(days=3)
    ledger.checkin(KIEU_1)
    assert ledger.unsent() == (2, MORNING)


def test_what_headquarters_has_is_no_longer_unsent(ledger: Ledger, clock: Clock, home: Path) -> None:
    ledger.checkout(AN, KIEU_1)
    clock.go_on(days=3)
    ledger.checkin(KIEU_1)
    assert ledger.acknowledge(10, "accepted", logged=1, safe=0)
    assert ledger.unsent() == (1, MORNING + timedelta(days=3))
    with look_at(home, clock) as beside:
        assert beside.unsent() == (1, MORNING + timedelta(days=3))
    assert ledger.acknowledge(11, "accepted", logged=2, safe=1)
    assert ledger.unsent() == (0, None)


def test_an_old_word_that_comes_late_changes_nothing(ledger: Ledger) -> None:
    busy(ledger, 1, 20)
    assert ledger.acknowledge(10, "accepted", logged=5, safe=3)
    for number in (9, 10):
        assert not ledger.acknowledge(number, "accepted", logged=1, safe=0)
    told = ledger.acknowledged()
    assert told is not None
    assert (told.logged, told.safe, told.number) == (5, 3, 10)


def test_headquarters_that_went_back_to_a_backup_is_believed_that_it_lost_events_but_not_safe_ones(
    ledger: Ledger,
) -> None:
    busy(ledger, 1, 20)
    ledger.acknowledge(10, "accepted", logged=9, safe=4)
    assert ledger.acknowledge(11, "gap", logged=5, safe=2)
    told = ledger.acknowledged()
    assert told is not None
    assert (told.logged, told.safe) == (5, 4)


def test_no_more_is_believed_acknowledged_than_there_is(ledger: Ledger) -> None:
    ledger.checkout(AN, KIEU_1)
    ledger.acknowledge(10, "accepted", logged=99, safe=99)
    told = ledger.acknowledged()
    assert told is not None
    assert (told.logged, told.safe) == (1, 1)


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_as_good_as_right_is_not_written_down(ledger: Ledger) -> None:
    assert ledger.compare_clock(119_000, 500) is None
    assert ledger.compare_clock(-119_000, 500) is None
    assert last_entry(ledger) == 0


def test_an_offset_is_written_once_in_a_run_and_again_when_it_moves(ledger: Ledger, clock: Clock) -> None:
    assert ledger.compare_clock(3_600_000, 500) is not None
    assert ledger.compare_clock(3_601_000, 500) is None
    assert ledger.compare_clock(0, 500) is not None
    clock.restart()
    assert ledger.compare_clock(0, 500) is None
    assert ledger.compare_clock(3_600_000, 500) is not None


def test_a_comparison_that_is_itself_in_doubt_says_nothing(ledger: Ledger) -> None:
    assert ledger.compare_clock(600_000, 700_000) is None


# --- pruning ----------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 40), st.integers(0, 20))
def test_pruning_takes_nothing_away_that_a_desk_can_see(seed: int, heard: int, safe: int, later: int) -> None:
    with quick_folder() as folder:
        home, clock = new_station(Path(folder)), Clock()
        with open_desk(home, clock) as ledger:
            busy(ledger, seed, 40)
            entries = list(ledger.entries())
            heard, safe = min(heard, len(entries)), min(safe, len(entries))
            hear(home, entries[:heard], owners(home))
            ledger.acknowledge(1, "accepted", logged=max(heard, safe), safe=safe)
            before = standing(ledger)
            pruned = ledger.prune(clock.wall + timedelta(seconds=1))
            assert pruned == max(0, min(heard, safe, len(entries) - 1))
            assert standing(ledger) == before
            assert in_order(ledger)
            busy(ledger, seed + 1, later)
            assert in_order(ledger)
            pruned += ledger.prune(clock.wall + timedelta(seconds=1))
            assert pruned == max(0, min(heard, safe, ledger.head().seq - 1))
            assert in_order(ledger)
        with open_desk(home, clock) as ledger:
            assert in_order(ledger)


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_a_ledger_pruned_again_and_again_stays_in_order(seed: int) -> None:
    with quick_folder() as folder:
        home, clock = new_station(Path(folder)), Clock()
        with open_desk(home, clock) as ledger:
            entries: list[ev.Entry] = []
            for day in range(4):
                busy(ledger, seed + day, 15)
                entries += ledger.entries(len(entries))
                known = owners(home)
                hear(home, entries, {**dict.fromkeys((str(t) for t in _tokens(entries)), AN), **known})
                ledger.acknowledge(day + 1, "accepted", logged=len(entries), safe=len(entries))
                clock.go_on(days=1)
                ledger.prune(clock.wall)
                assert in_order(ledger)
            assert len(list(ledger.entries())) == min(1, len(entries))


def _tokens(entries: list[ev.Entry]) -> Iterator[str]:
    return (entry.event.loan for entry in entries if isinstance(entry.event, ev.CheckedOut))


def test_only_what_is_old_safe_and_told_is_pruned(ledger: Ledger, clock: Clock, home: Path) -> None:
    for item in (KIEU_1, LAO_HAC, SO_DO):
        ledger.checkout(AN, item)
        clock.go_on(days=1)
    assert ledger.prune(clock.wall) == 0  # nothing is safe
    ledger.acknowledge(1, "accepted", logged=3, safe=2)
    assert ledger.prune(clock.wall) == 0  # the reference has not told of it
    hear(home, ledger.entries(), owners(home))
    assert ledger.prune(MORNING) == 0  # nothing is so old
    assert ledger.prune(clock.wall) == 2
    assert [entry.seq for entry in ledger.entries()] == [3]
    assert set(owners(home).values()) == {AN}
    assert len(owners(home)) == 1


def test_a_tag_that_waits_for_repair_still_waits_when_its_event_is_pruned(
    ledger: Ledger, home: Path, clock: Clock
) -> None:
    ledger.checkout(AN, KIEU_1)
    ledger.checkin(KIEU_1, tag_to_secure=True)
    ledger.checkout(BINH, LAO_HAC)
    hear(home, ledger.entries(), owners(home))
    ledger.acknowledge(1, "accepted", logged=3, safe=3)
    waiting = ledger.pending_repairs()
    assert ledger.prune(clock.wall + timedelta(days=1)) == 2
    assert ledger.pending_repairs() == waiting
    ledger.tag_secured(KIEU_1)
    assert ledger.pending_repairs() == ()
    assert in_order(ledger)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM event WHERE seq = 1",
        "INSERT INTO horizon VALUES ('TN-01', 3, x'00')",
        "INSERT INTO horizon VALUES ('TN-01', 2, x'00'); UPDATE horizon SET seq = 3",
        "INSERT INTO horizon VALUES ('TN-01', 2, x'00'); DELETE FROM event WHERE seq = 3",
        (
            "INSERT INTO horizon VALUES ('TN-01', 2, x'00'); DELETE FROM event WHERE seq < 3;"
            " INSERT INTO event (seq, record, hash) VALUES (1, '{}', x'00')"
        ),
    ],
)
def test_the_file_itself_refuses_to_lose_an_event_that_headquarters_may_lack(home: Path, change: str) -> None:
    with open_desk(home, Clock()) as ledger:
        for item in (KIEU_1, LAO_HAC, SO_DO):
            ledger.checkout(AN, item)
        ledger.acknowledge(1, "accepted", logged=3, safe=2)
    with by_hand(home) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.executescript(change)


# --- epochs -----------------------------------------------------------------------------------------------------------


def reopened(home: Path, clock: Clock, station: str, epoch: int, *, enrolling: bool = False) -> Ledger:
    return Ledger.open_for_writing(
        home, station=station, epoch=epoch, branch=BRANCH, clock=clock, actor=ACTOR, enrolling=enrolling
    )


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 40))
def test_a_station_of_its_own_takes_its_history_along_when_it_is_enrolled(seed: int, more: int) -> None:
    with quick_folder() as folder:
        home, clock = new_station(Path(folder)), Clock()
        with open_desk(home, clock) as ledger:
            busy(ledger, seed, 25)
            before, records = standing(ledger), [ev.encode(entry) for entry in ledger.entries()]
            assert ledger.begin_epoch("PY-K07", 1, after=0, common=0) == len(records)
            assert standing(ledger) == before
        with reopened(home, clock, "PY-K07", 1) as ledger:
            assert in_order(ledger)
            assert [ev.encode(entry) for entry in ledger.entries()] == records
            busy(ledger, seed + 1, more)
            expected = genesis("PY-K07", 1)
            for batch in batches(ledger, limit=7):
                assert batch.previous == expected
                expected = batch.head
            assert in_order(ledger)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(0, 25), st.integers(0, 30))
def test_a_ledger_put_back_from_a_backup_goes_on_behind_what_headquarters_has(
    seed: int, common: int, lost: int
) -> None:
    """Headquarters has ``common`` events that are also here, and ``lost`` more that the backup does not have."""
    with quick_folder() as folder:
        home, clock = new_station(Path(folder)), Clock()
        with open_desk(home, clock) as ledger:
            busy(ledger, seed, 25)
            entries = list(ledger.entries())
            common = min(common, len(entries))
            hear(home, entries[:common], owners(home))
            before, after = standing(ledger), common + lost
            assert ledger.begin_epoch(STATION, 2, after=after, common=common) == len(entries) - common
            assert standing(ledger) == before
            assert in_order(ledger)
            assert ledger.head().seq == after + len(entries) - common
            busy(ledger, seed + 1, 10)
        with reopened(home, clock, STATION, 2) as ledger:
            assert in_order(ledger)
            sent = batches(ledger, after, limit=5)
            if sent:
                assert sent[0].previous == genesis(STATION, 2)
                assert sent[0].first == after + 1
            assert [ev.decode(record).seq for batch in sent for record in batch.records] == list(
                range(after + 1, ledger.head().seq + 1)
            )
            if common:
                with pytest.raises(StoreError):
                    ledger.outgoing(common - 1)


def test_a_station_that_lost_everything_begins_behind_its_old_numbers(home: Path, clock: Clock) -> None:
    with open_desk(home, clock) as ledger:
        ledger.begin_epoch(STATION, 2, after=700, common=0)
    with reopened(home, clock, STATION, 2) as ledger:
        lent = ledger.checkout(AN, KIEU_1)
        assert isinstance(lent, Lent)
        assert lent.entry == 701
        ledger.undo(701)
        assert in_order(ledger)


def test_what_an_undone_event_points_at_moves_along_with_it(home: Path, clock: Clock) -> None:
    with open_desk(home, clock) as ledger:
        lent = ledger.checkout(AN, KIEU_1)
        assert isinstance(lent, Lent)
        ledger.undo(lent.entry)
        ledger.begin_epoch(STATION, 2, after=50, common=0)
    with reopened(home, clock, STATION, 2) as ledger:
        (_, undone) = (entry.event for entry in ledger.entries())
        assert isinstance(undone, ev.Undone)
        assert undone.of == 51


def test_the_guards_of_the_events_stand_again_after_an_epoch_has_begun(home: Path, clock: Clock) -> None:
    with open_desk(home, clock) as ledger:
        ledger.checkout(AN, KIEU_1)
        ledger.begin_epoch(STATION, 2, after=50, common=0)
    for change in ("DELETE FROM event", "UPDATE event SET hash = x'00'", "UPDATE event SET record = '{}'"):
        with by_hand(home) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(change)


def test_a_ledger_older_than_headquarters_knowledge_of_it_is_opened_only_to_be_enrolled(
    home: Path, clock: Clock
) -> None:
    tell(home, heard=3)
    with pytest.raises(OlderLedger):
        open_desk(home, clock)
    with reopened(home, clock, STATION, EPOCH, enrolling=True) as ledger:
        ledger.begin_epoch(STATION, 2, after=3, common=0)
    with reopened(home, clock, STATION, 2) as ledger:
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)


def test_a_pruned_ledger_cannot_go_over_to_another_headquarters(ledger: Ledger, home: Path, clock: Clock) -> None:
    ledger.checkout(AN, KIEU_1)
    ledger.checkout(AN, LAO_HAC)
    hear(home, ledger.entries(), owners(home))
    ledger.acknowledge(1, "accepted", logged=2, safe=2)
    assert ledger.prune(clock.wall + timedelta(days=1)) == 1
    with pytest.raises(StoreError):
        ledger.begin_epoch("PY-K07", 1, after=0, common=0)
    assert in_order(ledger)
