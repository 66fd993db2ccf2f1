"""The worker: what is acknowledged is noted before the next batch goes, and nothing it meets ends it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from config.phrase import Phrase
from sync.central import tables
from sync.central.database import Database
from sync.exchange.messages import Answer
from sync.exchange.rhythm import GATHER, LISTEN_OPEN
from sync.exchange.state import STATE_FILE, Heard, read_state, wake
from sync.exchange.transport import RoadBlocked
from sync.exchange.worker import Worker
from sync.store.ledger import Ledger
from tests.sync.central.offices import Direct, LedgerOwner, Site, Time, apply_all, office_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    time = Time()
    with Database.open(tmp_path / "hq") as database:
        site = Site(tmp_path / "station", office_at(database, tmp_path / "hq", time), time)
        site.enrol()
        site.sync()
        yield site


@dataclass
class Deaf:
    """An owner of the ledger who can write nothing."""

    asked: list[Heard] = field(default_factory=list)

    def note(self, heard: Heard) -> bool:
        self.asked.append(heard)
        return False

    def prune(self, before: datetime) -> bool:
        raise AssertionError(f"nothing is pruned by day, not even before {before}")


def lend(site: Site, *items: str) -> None:
    with site.ledger() as ledger:
        for item in items:
            ledger.checkout("CARD-TNR1", item)


def test_events_go_out_by_themselves_and_the_count_goes_to_nought(site: Site) -> None:
    with site.worker() as worker:
        worker.turn(0.0)
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
        calls = site.road.calls
        with _beside(site, ledger) as worker:
            worker.turn(0.0)  # the first turn of a worker calls
            assert site.road.calls == calls + 1
            assert ledger.unsent()[0] == 0
            ledger.checkout("CARD-TNR1", "TN.0002")
            now = LISTEN_OPEN / 2
            worker.turn(now)
            worker.turn(now + GATHER / 2)
            assert ledger.unsent()[0] == 1
            worker.turn(now + GATHER)
            assert ledger.unsent()[0] == 0


def _beside(site: Site, ledger: Ledger) -> Worker:
    return Worker(
        site.home,
        site.place,
        site.road,
        LedgerOwner(ledger),
        clock=site.time.reading,
        version="0",
        now=0.0,
        rng=random.Random(1),
    )


def test_a_batch_is_not_sent_again_for_want_of_a_note_but_asked_about(site: Site) -> None:
    lend(site, "TN.0001")
    deaf = Deaf()
    with Worker(
        site.home,
        site.place,
        site.road,
        deaf,
        clock=site.time.reading,
        version="0",
        now=0.0,
        rng=random.Random(1),
    ) as worker:
        called = worker.call(0.0)
        assert called.heard is None
        assert called.trouble is not None
        assert [heard.answer for heard in deaf.asked] == [Answer.ACCEPTED]
        worker.call(1.0)
        assert [heard.answer for heard in deaf.asked] == [Answer.ACCEPTED, Answer.DUPLICATE]
    assert read_state(site.home).failures == 2


def test_a_lost_answer_does_no_harm(site: Site) -> None:
    lend(site, "TN.0001")
    site.road.lost = 1
    with site.worker() as worker:
        assert worker.call(0.0).heard is None
        assert worker.state.failures == 1
        called = worker.call(1.0)
        assert called.heard is not None
        assert (called.heard.answer, called.heard.logged) == (Answer.DUPLICATE, 1)
        assert worker.state.failures == 0
    assert apply_all(site.office) == 1


def test_how_it_stands_is_kept_for_those_who_ask_later(site: Site) -> None:
    site.road.lost = 1
    with site.worker() as worker:
        worker.call(0.0)
    state = read_state(site.home)
    assert (state.failures, state.online) == (1, False)
    assert state.trouble == Phrase("Đường truyền bị ngắt.", "The line broke off.")
    with site.worker() as worker:
        worker.call(0.0)
    assert read_state(site.home).online
    (site.home / STATE_FILE).write_bytes(b"{")
    assert read_state(site.home).answer == ""


def test_somebody_who_asks_for_a_call_gets_one_in_the_middle_of_failures(site: Site) -> None:
    site.road.lost = 5
    with site.worker() as worker:
        for _ in range(5):
            worker.call(0.0)
        calls = site.road.calls
        wake(site.home)
        worker.turn(0.0)
        assert site.road.calls == calls + 1
        assert worker.state.failures == 0


def test_a_fork_is_told_to_people_and_lending_goes_on(site: Site) -> None:
    lend(site, "TN.0001")
    site.sync()
    with site.office.database.begin() as connection:
        connection.execute(sa.update(tables.station).values(head=bytes(32)))
    with site.worker() as worker:
        called = worker.call(0.0)
        assert called.trouble is not None
        assert "enrol" in called.trouble.en
    lend(site, "TN.0002")


def test_a_road_that_asks_for_silence_gets_it(site: Site) -> None:
    class Busy(Direct):
        def exchange(self, question: bytes) -> bytes:
            self.calls += bool(question)
            raise RoadBlocked(Phrase("Bận.", "Busy."), retry_after=120)

    site.road = Busy(site.office)
    with site.worker() as worker:
        worker.turn(0.0)
        worker.turn(119.0)
        assert site.road.calls == 1
        worker.turn(121.0)
        assert site.road.calls == 2


def test_the_work_of_the_night_copies_the_ledger_once(site: Site) -> None:
    site.time.go_on(hours=21)  # six in the morning, before the library opens
    with site.worker() as worker:
        worker.call(0.0)
        worker.turn(1.0)
        worker.turn(2.0)
        assert len(list((site.home / "backups").iterdir())) == 1
        assert worker.state.night == "2027-03-01"
