"""Visits at a kiosk: a morning at one put together as in the product, and a kiosk that is killed again and again.

The kiosk that dies is a process of its own, without a screen: session, ledger, supervisor and the pad's driver. The pad
stands outside it and lives on with the tags that lie there, as a real one would.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from drivers.devices import Raster
from drivers.simulators.cards import CardFault
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.pad import SimulatedPad
from drivers.simulators.printer import PrinterFault
from drivers.simulators.scanner import ScannerFault
from drivers.supervisor import Supervisor
from kiosk.demo.bench import Bench
from kiosk.demo.library import items, make_home
from kiosk.flows.messages import ReceiptFacts
from kiosk.flows.state import Phase, Stage, State
from kiosk.machine import Machine
from kiosk.session import Hands, Session
from kiosk.station import onlooker, settings_of
from kiosk.views import Action, Receipt, RowState, Touch, View
from sync.circulation import events as ev
from sync.circulation.model import Item
from tests.kiosk.wires import RELEASED, SECURED, SETUP, card, rows_of, supervised_pad, tags_in
from tests.sync.store.stations import (
    AN,
    ATLAS_SET,
    BINH,
    DICTIONARY,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    SO_DO,
    Clock,
    look_at,
    new_station,
    open_desk,
    quick_folder,
)

HOUSE = Path(__file__).parents[2]
PATIENCE = 30.0

KILLS = 112
#: When: at a moment of time, before or after a write to a tag, or when a loan has just been shown.
KINDS = ("time", "before", "after", "shown")

ITEMS = (KIEU_1, KIEU_2, LAO_HAC, SO_DO, ATLAS_SET, DICTIONARY)


# --- a morning --------------------------------------------------------------------------------------------------------

#: The demonstration's readers: Ánh's card is good, Huệ's ran out yesterday.
ANH, HUE = "TN000104", "TN000108"


@dataclass
class Morning:
    """A kiosk as it is put together in the product, and a bench of simulated devices that people lay their hands on."""

    machine: Machine
    bench: Bench

    def until(self, holds: Callable[[State], bool]) -> State:
        """Wait for the flow to come to a state."""
        deadline = time.monotonic() + PATIENCE
        while not holds(state := self.machine.session.state):
            if self.machine.session.failed is not None:
                raise AssertionError("the session has ended") from self.machine.session.failed
            assert time.monotonic() < deadline, (state.phase, state.devices, state.receipt)
            time.sleep(0.005)
        return state

    def until_device(self, name: str, *, well: bool) -> None:
        """Wait until a device is known to be there, or away."""
        self.until(lambda state: any(d.name == name and d.well is well for d in state.devices))

    def until_books(self, *stages: Stage) -> None:
        """Wait until the books met in this visit stand like this."""
        self.until(lambda state: sorted(b.stage for b in state.books if not b.pending) == sorted(stages))

    def touch(self, action: Action, argument: str = "") -> None:
        """A finger."""
        self.machine.touch(Touch(action, argument))

    def go(self) -> None:
        """Leave, and take everything away."""
        self.touch(Action.END)
        self.bench.take_card()
        self.bench.pad.clear()
        self.until(lambda state: state.phase is Phase.ATTRACT and not state.pad)


def small_receipt(facts: ReceiptFacts, width: int) -> Raster:
    """A receipt as high as it has lines; what a real one looks like is tried elsewhere."""
    return Raster(width, 8 * len(facts.lines), bytes(width // 8 * 8 * len(facts.lines)))


def test_a_morning_at_a_kiosk_with_everything_plugged_in(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(home, date(2026, 11, 23))
    books = [item for item in items() if item.type == "book" and item.branch == "TN" and item.parts == 1][:3]
    clock = Clock(datetime(2026, 11, 23, 2, tzinfo=UTC))  # a Monday, nine o'clock at the library
    with Bench() as bench:
        machine = Machine(settings_of(home), bench.devices, render=small_receipt, clock=clock)
        with machine:
            morning = Morning(machine, bench)
            for device in ("pad", "reader", "scanner", "printer"):
                morning.until_device(device, well=True)
            borrow_with_a_receipt_that_fails_first(morning, books)
            bring_one_back(morning, books[0])
            lose_and_find_every_device(morning, books[0])
    with onlooker(home) as view:
        assert {line.loan.item_id for line in view.account(ANH).loans} == {book.item_id for book in books}
        assert view.verify().problems == ()
        assert view.pending_repairs() == ()
        closed = [entry.event for entry in view.entries() if isinstance(entry.event, ev.VisitClosed)]
    assert [(e.outcome, e.out, e.back, e.category) for e in closed] == [
        ("done", 3, 0, "adult"), ("done", 0, 1, ""), ("done", 1, 0, "adult")
    ]  # fmt: skip


def borrow_with_a_receipt_that_fails_first(morning: Morning, books: list[Item]) -> None:
    """A card that ran out, one that is good, three books; the paper is out, is put in, and the receipt comes."""
    bench = morning.bench
    bench.tap(HUE)
    morning.until(lambda state: state.phase is Phase.PROBLEM)
    bench.take_card()
    bench.tap(ANH)
    morning.until(lambda state: state.phase is Phase.BORROW)
    bench.put(*books)
    morning.until_books(*[Stage.RELEASED] * 3)
    morning.touch(Action.FINISH)
    morning.until(lambda state: state.phase is Phase.DONE and state.receipt is Receipt.ASKED)
    bench.printer.cause(PrinterFault.PAPER_OUT)
    morning.touch(Action.PRINT)
    morning.until(lambda state: state.receipt is Receipt.FAILED)
    bench.printer.mend()
    morning.until_device("printer", well=True)
    before = len(bench.receipts())
    morning.touch(Action.PRINT)
    morning.until(lambda state: state.receipt is Receipt.PRINTED)
    assert len(bench.receipts()) == before + 1
    morning.go()


def bring_one_back(morning: Morning, book: Item) -> None:
    """Books first, and no card."""
    morning.bench.put(book)
    morning.until_books(Stage.WAITING)
    morning.touch(Action.RETURN)
    morning.until_books(Stage.SECURED)
    morning.go()


def lose_and_find_every_device(morning: Morning, book: Item) -> None:
    """Every cable is pulled in the middle of a visit and put back; the card comes by the scanner meanwhile."""
    bench = morning.bench
    bench.reader.cause(CardFault.CABLE_PULLED)
    morning.until_device("reader", well=False)
    bench.scanner.scan(ANH)
    morning.until(lambda state: state.phase is Phase.BORROW)
    bench.pad.cause(PadFault.CABLE_PULLED_MID_WRITE, times=1)
    bench.put(book)
    morning.until_books(Stage.LIFTED)
    bench.printer.cause(PrinterFault.CABLE_PULLED)
    bench.scanner.cause(ScannerFault.CABLE_PULLED)
    for device in ("pad", "scanner", "printer"):
        morning.until_device(device, well=False)
    for simulated in (bench.pad, bench.reader, bench.scanner, bench.printer):
        simulated.mend()
    for device in ("pad", "reader", "scanner", "printer"):
        morning.until_device(device, well=True)
    morning.until_books(Stage.RELEASED)
    morning.touch(Action.FINISH)
    morning.until(lambda state: state.phase is Phase.DONE)
    morning.go()


# --- the kiosk that dies ----------------------------------------------------------------------------------------------


def run_kiosks(home: str, pad_url: str) -> None:
    """Run a kiosk for each line ``begin N`` until it is killed, and say so; everything is imported only once.

    It is a process with one thread, from which the kiosks are forked. Other lines are meant for one that is dead.
    """
    while line := _line_of(sys.stdin.fileno()):
        word, _, number = line.partition(" ")
        if word != "begin":
            continue
        kiosk = os.fork()
        if kiosk == 0:
            _run_kiosk(Path(home), pad_url, int(number))
        _say({"kiosk": kiosk, "number": int(number)})
        _, status = os.waitpid(kiosk, 0)
        _say({"ended": int(number), "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})


def _run_kiosk(home: Path, pad_url: str, number: int) -> NoReturn:
    """One kiosk: cards and touches come in by the line, everything that is shown goes out by the line."""
    try:
        clock = Clock(MORNING + timedelta(minutes=number), boot=f"boot-{number}")
        session = Session(SETUP, lambda: open_desk(home, clock), lambda shown: _say(_told(shown)))
        supervisor = Supervisor(session.post, first_retry=0.005, longest_retry=0.02)
        session.begin(Hands(pad=supervised_pad(supervisor, pad_url)))
        while line := _line_of(sys.stdin.fileno()):
            kind, *words = json.loads(line)
            session.post(card(*words) if kind == "card" else Touch(Action(words[0]), *words[1:]))
    except BaseException:  # noqa: BLE001, the last word of a process, which must not go back into the one it came from
        traceback.print_exc()
    os._exit(1)


def _told(shown: View) -> dict[str, Any]:
    return {"page": type(shown.body).__name__, "rows": rows_of(shown)}


def _line_of(file: int) -> str:
    """A line, byte by byte: what follows is perhaps for somebody else. Empty at the end of all."""
    line = b""
    while byte := os.read(file, 1):
        if byte == b"\n":
            return line.decode() or "nothing"
        line += byte
    return ""


def _say(what: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")  # short enough to be whole or not there


# --- who looks on -----------------------------------------------------------------------------------------------------


class WatchedTag(VirtualTag):
    """A tag that tells of every change of its security byte, before and after."""

    around_write: Callable[[str], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        told = self.around_write if name == "afi" else None
        if told:
            told("before")
        super().__setattr__(name, value)
        if told:
            told("after")


@dataclass
class Stand:
    """Where the kiosk stands: the pad with its tags, the pipe to the kiosk, and everything it was seen to show."""

    home: Path
    pad: SimulatedPad
    process: subprocess.Popen[bytes]
    rng: random.Random
    tags: dict[str, tuple[WatchedTag, ...]]
    number: int = 0
    kiosk: int = 0
    killed: bool = False
    end: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    kills_at: str = ""
    kills_after: int = 0
    shown: dict[str, Any] = field(default_factory=dict)
    heard: bytes = b""
    seq: int = 0
    promised: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def all_tags(self) -> Iterator[WatchedTag]:
        """Every tag there is."""
        yield from (tag for tags in self.tags.values() for tag in tags)

    # the pipe

    def begin(self) -> None:
        """A kiosk is switched on."""
        self.number += 1
        self.shown, self.promised, self.end, self.killed = {}, set(), {}, False
        self._write(f"begin {self.number}")
        while self._hear(until=time.monotonic() + PATIENCE).get("number") != self.number:
            pass

    def tell(self, *words: str) -> None:
        """A card or a finger."""
        self._write(json.dumps(words))

    def wait(self, holds: Callable[[dict[str, Any]], bool], until: float) -> bool:
        """Whether the kiosk comes to show something before that moment, while it lives."""
        while not self.end and time.monotonic() < until:
            if holds(self.shown):
                return True
            self._hear(until)
        return False

    def kill(self) -> None:
        """The power goes; once, and from whatever thread."""
        with self.lock:
            if not self.killed:
                self.killed = True
                os.kill(self.kiosk, signal.SIGKILL)

    def happens(self, what: str) -> None:
        """Something that a kiosk may be killed at, when it has happened often enough."""
        if what == self.kills_at:
            if self.kills_after == 0:
                self.kill()
            self.kills_after -= 1

    def bury(self) -> None:
        """The kiosk is gone, because it was killed and for no other reason; what it said before is heard to its end."""
        while not self.end:
            assert self._hear(until=time.monotonic() + PATIENCE), "the kiosk does not die"
        assert self.end == {"ended": self.number, "signal": signal.SIGKILL}

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def _hear(self, until: float) -> dict[str, Any]:
        """The next thing that is said, nothing when the time is up."""
        assert self.process.stdout is not None
        while b"\n" not in self.heard:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return {}
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, "the kiosks' process has ended"
            self.heard += more
        line, self.heard = self.heard.split(b"\n", 1)
        told: dict[str, Any] = json.loads(line)
        self.kiosk = told.get("kiosk", self.kiosk)
        if "ended" in told:
            self.end = told
        if "page" in told:
            self.shown = told
            borrowed = {item for item, row in told["rows"].items() if row == RowState.BORROWED}
            if borrowed - self.promised:
                self.happens("shown")
            self.promised |= borrowed
        return told

    # the laws

    def look(self, *, thoroughly: bool) -> None:
        """What a dead kiosk leaves behind. The tags first: what the ledger knows can only have been known before."""
        released = {item for item, tags in self.tags.items() if any(tag.afi == RELEASED for tag in tags)}
        shown = {item for item, row in self.shown.get("rows", {}).items() if row == RowState.BORROWED}
        assert all(tag.afi == RELEASED for item in shown for tag in self.tags[item]), "the gate alarms at what was lent"
        with look_at(self.home, Clock()) as view:
            loans = {item for item in self.tags if (found := view.find_item(item)) and found[2]}
            repairs = {repair.item_id for repair in view.pending_repairs()}
            new = list(view.entries(after=self.seq))
            assert [entry.seq for entry in new] == list(range(self.seq + 1, self.seq + 1 + len(new)))
            if thoroughly:
                assert view.verify().problems == ()
        assert released <= loans | repairs, "a tag is unsecured, and nobody knows"
        undone = {entry.event.of for entry in new if isinstance(entry.event, ev.Undone)}
        lent = {e.event.item for e in new if isinstance(e.event, ev.CheckedOut) and e.seq not in undone}
        assert self.promised <= lent, "what was shown as borrowed is not on record"
        self.seq += len(new)
        self.counts["shown as borrowed"] += len(self.promised)
        self.counts["on loan, not released"] += bool(loans - released)
        self.counts["waiting for repair"] += bool(repairs)
        self.counts["released"] += bool(released)


#: Rows of which more will come by itself.
UNSETTLED = {RowState.READING, RowState.PUT_BACK}


def settled(shown: dict[str, Any], page: str, items: int = 1) -> bool:
    """Whether a page shows so many rows, and nothing more will become of them by itself."""
    rows = shown.get("rows", {}).values()
    return shown.get("page") == page and len(rows) >= items and not UNSETTLED.intersection(rows)


def is_at(shown: dict[str, Any], page: str, items: int = 0) -> bool:
    """Whether a page shows so many rows."""
    return shown.get("page") == page and len(shown["rows"]) >= items


def behave(stand: Stand, until: float) -> None:
    """People come and go, in a hurry, until that moment or until the kiosk dies."""
    rng, pad = stand.rng, stand.pad
    while stand.wait(partial(is_at, page="AttractView"), until):
        chosen = rng.sample(ITEMS, rng.randint(1, 4))
        tags = [tag for item in chosen for tag in stand.tags[item]]
        wants_to_borrow = rng.random() < 0.5
        if wants_to_borrow:
            stand.tell("card", rng.choice((AN, BINH)))
        pad.put(*tags)
        a_while = min(until, time.monotonic() + 0.2)
        if rng.random() < 0.25:
            stand.wait(lambda shown: bool(shown.get("rows")), a_while)
            pad.lift(rng.choice(tags).uid)
        elif wants_to_borrow:
            stand.wait(partial(settled, page="BorrowView", items=len(chosen)), a_while)
        else:
            stand.wait(partial(is_at, page="OfferView", items=len(chosen)), a_while)
            stand.tell("touch", Action.RETURN)
            stand.wait(partial(settled, page="ReturnView", items=len(chosen)), a_while)
        stand.tell("touch", rng.choice((Action.FINISH, Action.END)))
        pad.clear()
        time.sleep(0.09)  # nobody is so quick that the pad would not notice
        if stand.wait(lambda shown: shown["page"] in ("AttractView", "DoneView"), until):
            stand.tell("touch", Action.END)


def live_and_die(stand: Stand) -> None:
    """One kiosk, until it is killed."""
    stand.kills_at = KINDS[stand.number % len(KINDS)]
    stand.kills_after = stand.rng.choice((0, 0, 0, 1, 2))
    stand.begin()
    behave(stand, time.monotonic() + (stand.rng.uniform(0, 0.4) if stand.kills_at == "time" else PATIENCE))
    stand.counts[f"killed: {stand.kills_at if stand.killed else 'time'}"] += 1
    stand.kill()
    stand.bury()
    stand.pad.clear()


@contextmanager
def standing(home: Path, pad: SimulatedPad, rng: random.Random) -> Iterator[Stand]:
    """The process that the kiosks are forked from, and the pad beside it."""
    words = [sys.executable, "-c", f"import sys; from {__name__} import run_kiosks; run_kiosks(*sys.argv[1:])"]
    command = [*words, str(home), pad.url]
    with subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        stand = Stand(home, pad, process, rng, {item: tags_in(WatchedTag, item) for item in ITEMS})
        for tag in stand.all_tags():
            tag.around_write = stand.happens
        try:
            yield stand
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the kiosks are forked")
def test_no_kill_loses_a_loan_that_was_shown_or_leaves_a_tag_unsecured_that_nobody_knows_of() -> None:
    seed = random.randrange(10**6)
    sys.stderr.write(f"seed {seed}\n")  # told only when the test fails
    with (
        quick_folder() as folder,
        SimulatedPad() as pad,
        standing(new_station(Path(folder)), pad, random.Random(seed)) as stand,
    ):
        for kill in range(KILLS):
            live_and_die(stand)
            stand.look(thoroughly=kill % 10 == 9)
        bring_everything_back(stand)
    # It was killed where it matters, and not only in its sleep.
    assert {kind: stand.counts[f"killed: {kind}"] for kind in KINDS} == dict.fromkeys(KINDS, KILLS // len(KINDS))
    assert stand.counts["shown as borrowed"] >= KILLS // len(KINDS)
    assert stand.counts["on loan, not released"] > 0
    assert stand.counts["waiting for repair"] > 0


def bring_everything_back(stand: Stand) -> None:
    """Whatever was left: one return of all there is leaves every tag secured and nothing waiting."""
    stand.kills_at = "never"
    stand.begin()
    until = time.monotonic() + PATIENCE
    stand.wait(partial(is_at, page="AttractView"), until)
    stand.pad.put(*stand.all_tags())
    assert stand.wait(partial(is_at, page="OfferView", items=len(ITEMS)), until)
    stand.tell("touch", Action.RETURN)
    assert stand.wait(partial(settled, page="ReturnView", items=len(ITEMS)), until)
    stand.tell("touch", Action.END)
    assert stand.wait(partial(is_at, page="AttractView"), until)
    stand.kill()
    stand.bury()
    stand.look(thoroughly=True)
    with look_at(stand.home, Clock()) as view:
        assert view.pending_repairs() == ()
        assert not [line for reader in (AN, BINH) for line in view.account(reader).loans]
    assert {tag.afi for tag in stand.all_tags()} == {SECURED}
