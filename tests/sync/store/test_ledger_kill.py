"""What becomes of acknowledged acts when the process dies, the log is torn, or somebody else is at the files."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sync.circulation import events as ev
from sync.circulation.blocks import Refused
from sync.circulation.clock import Reading
from sync.circulation.model import Fee
from sync.store.errors import DatabaseInUse
from sync.store.files import LEDGER, REFERENCE
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBack, TakenBackAct
from sync.store.upgrade import beside
from sync.store.view import LedgerView
from tests.sync.store.stations import (
    AN,
    BINH,
    CARDS,
    CHI,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    PERIOD,
    SO_DO,
    Answer,
    Clock,
    Deed,
    Desk,
    events,
    in_order,
    last_entry,
    look_at,
    new_station,
    open_desk,
    quick_folder,
    random_deed,
)

HOUSE = Path(__file__).parents[3]


def elsewhere(name: str, *arguments: object) -> list[str]:
    """The command line of another process that runs a function of this module."""
    words = map(str, arguments)
    return [sys.executable, "-c", f"import sys; from {__name__} import {name}; {name}(*sys.argv[1:])", *words]


# --- killed at random -------------------------------------------------------------------------------------------------

KILLS = 220

#: One acknowledged act: the type of its event, and what is to be found in it.
Ack = list[Any]


def test_no_kill_loses_an_acknowledged_act_or_leaves_half_of_one(home: Path) -> None:
    new_station(home)
    seed = random.randrange(10**6)
    done = subprocess.run(
        elsewhere("be_killed", home, KILLS, seed), cwd=HOUSE, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    told = json.loads(done.stdout)
    assert told["kills"] >= 200
    assert told["acknowledged"] >= KILLS // 3
    with open_desk(home, Clock(MORNING + timedelta(days=400))) as ledger:
        assert in_order(ledger)
        assert last_entry(ledger) == told["events"]
        assert isinstance(ledger.use_on_site(KIEU_1), Recorded)


def be_killed(home: str, kills: str, seed: str) -> None:
    """Start desk work again and again and kill it; look after each kill whether all that was acknowledged is there.

    It runs in a process with one thread, from which workers are forked with everything imported: that takes a
    hundredth of the time that starting them anew would.
    """
    rng, watch = random.Random(int(seed)), Watch(Path(home))
    for number in range(int(kills)):
        hear, speak = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.close(hear)
            work(Path(home), speak, f"{seed}-{number}", MORNING + timedelta(hours=7 * number))
        os.close(speak)
        acknowledged = listen(hear, worker, number, rng)
        watch.look(acknowledged, thoroughly=number % 10 == 9)
    watch.look([], thoroughly=True)
    print(json.dumps({"kills": int(kills), "acknowledged": watch.acknowledged, "events": watch.seq}))  # noqa: T201


def work(home: Path, speak: int, seed: str, wall: datetime) -> NoReturn:
    """Random desk work until killed; a line into the pipe for every act that was answered."""
    rng, clock = random.Random(seed), Clock(wall, boot=f"boot-{seed.rpartition('-')[2]}")
    with open_desk(home, clock) as ledger:
        desk = Desk(ledger)
        while True:
            answer = desk.do(random_deed(rng))
            os.write(speak, json.dumps(ack(answer)).encode() + b"\n")
            clock.go_on(minutes=1)


def ack(answer: Answer) -> Ack:
    """What a person was told, as far as it can be found in the events."""
    match answer:
        case Lent(entry, loan):
            return ["checked_out", entry, loan.item_id, loan.token]
        case TakenBack():
            return ["checked_in", answer.entry, answer.item_id, answer.loan.token if answer.loan else None]
        case Extended(entry, loan):
            return ["renewed", entry, loan.item_id, loan.token]
        case TakenBackAct(entry, _, item):
            return ["undone", entry, item]
        case Recorded(entry):
            return ["recorded", entry]
        case Refused():
            return ["refused", answer.codes]
        case Fee():
            return ["settled", answer.fee_id]
        case None:
            return ["nothing"]


def listen(hear: int, worker: int, number: int, rng: random.Random) -> list[Ack]:
    """What a worker acknowledged until it was killed: at a moment of time, or so many acts later and a little more."""
    early, by_acts = number % 4 == 0, number % 4 in {1, 2}
    wanted = rng.randint(1, 8) if by_acts else 10**9
    until = time.monotonic() + (30 if by_acts else rng.uniform(0, 0.004 if early else 0.08))
    said = b""
    try:
        while said.count(b"\n") < wanted and (left := until - time.monotonic()) > 0:
            if select.select([hear], [], [], left)[0]:
                if not (more := os.read(hear, 65536)):
                    break
                said += more
        if by_acts:
            time.sleep(rng.uniform(0, 0.003))
    finally:
        os.kill(worker, signal.SIGKILL)
        _, status = os.waitpid(worker, 0)
    if os.WIFEXITED(status):
        raise RuntimeError("the worker ended by itself")
    while more := os.read(hear, 65536):
        said += more
    os.close(hear)
    return [json.loads(line) for line in said.splitlines()]


@dataclass
class Watch:
    """Looks at a station after each kill, and keeps what it has seen."""

    home: Path
    seq: int = 0
    acknowledged: int = 0
    out: dict[str, str | None] = field(default_factory=dict)
    undo: dict[int, tuple[str, str | None]] = field(default_factory=dict)

    def look(self, acks: list[Ack], *, thoroughly: bool) -> None:
        """Raises ``AssertionError`` when something acknowledged is missing or something is there by halves."""
        with look_at(self.home, Clock()) as view:
            new = list(view.entries(after=self.seq))
            assert [entry.seq for entry in new] == list(range(self.seq + 1, self.seq + 1 + len(new)))
            self.compare(acks, new)
            for entry in new:
                self.replay(entry)
            self.whole(new)
            self.seq += len(new)
            self.acknowledged += len(acks)
            if thoroughly:
                self.thoroughly(view)

    def compare(self, acks: list[Ack], new: list[ev.Entry]) -> None:
        """Every acknowledged act is among the new events."""
        at = {entry.seq: entry.event for entry in new}
        refusals = Counter(entry.event.codes for entry in new if isinstance(entry.event, ev.Refusal))
        settled = Counter(entry.event.fee for entry in new if isinstance(entry.event, ev.FeePaid | ev.FeeWaived))
        for kind, *said in acks:
            match kind:
                case "refused":
                    refusals[tuple(said[0])] -= 1
                case "settled":
                    settled[said[0]] -= 1
                case "nothing":
                    pass
                case "recorded":
                    assert isinstance(at[said[0]], ev.UsedOnSite | ev.RepairNeeded | ev.TagSecured)
                case _:
                    event = at[said[0]]
                    assert isinstance(event, ev.CheckedOut | ev.CheckedIn | ev.Renewed | ev.Undone)
                    assert type(event) is ev.TYPES[kind]
                    assert event.item == said[1]
                    assert said[2:] in ([], [event.loan])
        assert min(refusals.values(), default=0) >= 0
        assert min(settled.values(), default=0) >= 0

    def whole(self, new: list[ev.Entry]) -> None:
        """A late return and its fee are one act; here every loan has a reader who pays."""
        for entry, following in zip_longest(new, new[1:]):
            if isinstance(entry.event, ev.CheckedIn) and entry.event.late_days:
                assert following is not None
                assert isinstance(following.event, ev.FeeCharged)
                assert following.event.loan == entry.event.loan

    def replay(self, entry: ev.Entry) -> None:
        """Who has what, by the events alone, and in other words than the product's."""
        match entry.event:
            case ev.CheckedOut(item=item, loan=loan):
                self.undo[entry.seq] = item, None
                assert self.out.get(item) is None
                self.out[item] = loan
            case ev.CheckedIn(item=item, loan=closed):
                self.undo[entry.seq] = item, closed
                assert self.out.get(item) == closed
                self.out[item] = None
            case ev.Renewed(item=item, loan=loan):
                self.undo[entry.seq] = item, loan
                assert self.out[item] == loan
            case ev.Undone(of=of):
                item, before = self.undo[of]
                self.out[item] = before
            case _:
                pass

    def thoroughly(self, view: LedgerView) -> None:
        """The chain holds, the tables are the replay, and the accounts show these loans and no others."""
        seen = view.verify()
        assert seen.problems == ()
        assert seen.events == self.seq
        expected = {item: token for item, token in self.out.items() if token is not None}
        accounts = [line.loan for card in (AN, BINH, CHI) for line in view.account(card).loans]
        assert {loan.item_id: loan.token for loan in accounts} == expected
        assert len(accounts) == len(expected)
        for item in (KIEU_1, KIEU_2, LAO_HAC, SO_DO):
            found = view.find_item(item)
            assert found is not None
            assert (found[2].token if found[2] else None) == expected.get(item)


# --- a torn log -------------------------------------------------------------------------------------------------------


def station_cut_off(folder: Path) -> tuple[list[tuple[int, int]], bytes]:
    """A station in the middle of its work, as a power cut leaves it: its files, and its log to be torn.

    Answers how long the log was after how many events, and the log.
    """
    living, clock, lengths = folder / "living", Clock(), []
    living.mkdir()
    new_station(living)
    with open_desk(living, clock) as ledger:
        log = beside(LEDGER.path(living), "-wal")

        def note() -> None:
            lengths.append((log.stat().st_size if log.exists() else 0, last_entry(ledger)))

        note()
        for card, item in ((AN, KIEU_1), (BINH, LAO_HAC), (CHI, SO_DO)):
            assert isinstance(ledger.checkout(card, item), Lent)
            note()
        clock.go_on(days=PERIOD + 2)
        for act in (
            lambda: ledger.checkin(KIEU_1, tag_to_secure=True),
            lambda: ledger.undo(4),
            lambda: ledger.checkin(KIEU_1),
            lambda: ledger.pay(ledger.account(AN).fees[0].fee_id),
            lambda: ledger.checkout(BINH, KIEU_2),
            lambda: ledger.close_visit(ledger.open_visit(), "left"),
        ):
            act()
            note()
        torn = folder / "torn"
        torn.mkdir()
        for kind in (LEDGER, REFERENCE):
            shutil.copyfile(kind.path(living), kind.path(torn))
        return lengths, log.read_bytes()


@contextmanager
def reopened(folder: Path, log: bytes) -> Iterator[Ledger]:
    """The station with such a log beside its ledger."""
    home = folder / "again"
    shutil.copytree(folder / "torn", home)
    beside(LEDGER.path(home), "-wal").write_bytes(log)
    try:
        with open_desk(home, Clock(MORNING + timedelta(days=30))) as ledger:
            yield ledger
    finally:
        shutil.rmtree(home)


def test_a_log_that_ends_anywhere_leaves_whole_acts_and_all_that_was_flushed() -> None:
    with quick_folder() as name:
        lengths, log = station_cut_off(Path(name))
        counts = {count for _, count in lengths}
        whole = counts | {max(counts) - 1}  # the last step was a visit: opened and closed are two acts
        frame = 4096 + 24
        cuts = {0, 31, 32, *(32 + n * frame + more for n in range(len(log) // frame + 1) for more in (-1, 0, 24, 2000))}
        for cut in sorted(cut for cut in cuts if 0 <= cut <= len(log)):
            flushed = max(count for length, count in lengths if length <= cut)
            with reopened(Path(name), log[:cut]) as ledger:
                seen = ledger.verify()
                assert seen.problems == (), cut
                assert seen.events >= flushed, cut
                assert seen.events in whole, cut
                assert isinstance(ledger.use_on_site(KIEU_1), Recorded)
                assert in_order(ledger)


def test_a_log_with_a_page_that_never_reached_the_disk_leaves_whole_acts() -> None:
    with quick_folder() as name:
        lengths, log = station_cut_off(Path(name))
        rng = random.Random(5)
        for _ in range(40):
            torn = bytearray(log)
            at = rng.randrange(len(log) - 512) // 512 * 512
            torn[at : at + 512] = rng.choice((bytes(512), rng.randbytes(512)))
            if torn == log:
                continue
            flushed = max(count for length, count in lengths if length <= at)
            with reopened(Path(name), bytes(torn)) as ledger:
                seen = ledger.verify()
                assert seen.problems == (), at
                assert seen.events >= flushed, at
                assert isinstance(ledger.use_on_site(KIEU_1), Recorded)
                assert in_order(ledger)


# --- two processes ----------------------------------------------------------------------------------------------------


@contextmanager
def station_in_another_process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A station that does what it is told, a deed a line, and answers with the acknowledgement."""
    command = elsewhere("serve", home)
    with subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as station:
        try:
            assert ask(station) == ["ready"]
            yield station
        finally:
            station.kill()


def ask(station: subprocess.Popen[str], *deed: object) -> Ack:
    """The answer to a deed, or the greeting."""
    assert station.stdin is not None
    assert station.stdout is not None
    if deed:
        print(json.dumps(deed), file=station.stdin, flush=True)
    answer: Ack = json.loads(station.stdout.readline())
    return answer


def serve(home: str) -> None:
    """The other end of :func:`ask`."""
    with open_desk(Path(home), Clock()) as ledger:
        desk = Desk(ledger)
        print(json.dumps(["ready"]), flush=True)  # noqa: T201
        for line in sys.stdin:
            print(json.dumps(ack(desk.do(Deed(*json.loads(line))))), flush=True)  # noqa: T201


def test_a_second_writer_is_told_who_has_the_ledger_until_that_one_is_gone(home: Path) -> None:
    new_station(home)
    with station_in_another_process(home) as station:
        with pytest.raises(DatabaseInUse) as told:
            open_desk(home, Clock(), wait=0)
        assert told.value.owner is not None
        assert (told.value.owner.command, told.value.owner.pid) == ("tramsach kiosk", station.pid)
        assert f"“tramsach kiosk” (process {station.pid}" in str(told.value)
        assert "tramsach kiosk" in told.value.phrase.vi
        assert ask(station, "checkout", AN, KIEU_1)[0] == "checked_out"
        station.kill()
        station.wait()
        with open_desk(home, Clock(), wait=0) as ledger:
            assert [line.loan.item_id for line in ledger.account(AN).loans] == [KIEU_1]


def test_a_view_beside_a_station_sees_every_act_as_soon_as_it_is_answered(home: Path) -> None:
    new_station(home)
    with station_in_another_process(home) as station, look_at(home, Clock()) as view:
        assert view.account(AN).loans == ()
        for number, item in enumerate((KIEU_1, LAO_HAC, SO_DO), start=1):
            kind, entry, lent, token = ask(station, "checkout", AN, item)
            assert (kind, entry, lent) == ("checked_out", number, item)
            assert [line.loan.item_id for line in view.account(CARDS[AN][0]).loans].count(item) == 1
            found = view.find_item(item)
            assert found is not None
            assert found[2] is not None
            assert found[2].token == token
            assert view.verify().events == number
        assert set(view.search("truyen kieu").loans) == {KIEU_1}
        assert ask(station, "checkin", AN, KIEU_1)[0] == "checked_in"
        assert view.search("truyen kieu").loans == {}
        assert [type(event).__name__ for event in events(view)] == ["CheckedOut"] * 3 + ["CheckedIn"]
        assert ask(station, "repair_needed", AN, KIEU_2)[0] == "recorded"
        assert [repair.item_id for repair in view.pending_repairs()] == [KIEU_2]


def test_a_view_never_sees_half_an_act(home: Path) -> None:
    new_station(home)
    seen: list[tuple[int, int, int]] = []
    clock = Clock()

    def looked_at_by_the_way() -> Reading:
        with look_at(home, clock) as view:
            seen.append((view.verify().events, len(view.account(AN).loans), view.account(AN).owed))
        return clock()

    with open_desk(home, clock) as ledger:
        ledger.checkout(AN, KIEU_1)
        clock.go_on(days=PERIOD + 1)
    with Ledger.open_for_writing(
        home, station="TN-01", epoch=1, branch="TN", clock=looked_at_by_the_way, actor="quay-1"
    ) as ledger:
        assert ledger.checkin(KIEU_1).fee is not None
    with look_at(home, clock) as view:
        assert (view.verify().events, len(view.account(AN).loans), view.account(AN).owed) == (3, 0, 1_000)
    assert seen == [(1, 1, 0)]


def test_reading_the_events_goes_on_to_those_written_meanwhile(home: Path) -> None:
    new_station(home)
    with open_desk(home, Clock()) as ledger, look_at(home, Clock()) as view:
        for _ in range(3):
            ledger.use_on_site(KIEU_1)
        reading = view.entries()
        assert next(reading).seq == 1
        ledger.use_on_site(KIEU_1)
        assert [entry.seq for entry in reading] == [2, 3, 4]
