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
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from drivers.simulators.pad import SimulatedPad, VirtualTag
from drivers.supervisor import Supervisor
from kiosk.session import Hands, Session
from kiosk.views import Action, RowState, Touch, View
from sync.circulation import events as ev
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

KILLS = 110
ITEMS = (KIEU_1, KIEU_2, LAO_HAC, SO_DO, ATLAS_SET, DICTIONARY)


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


class KillingTag(VirtualTag):
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
    tags: dict[str, tuple[KillingTag, ...]]
    number: int = 0
    kiosk: int = 0
    killed: bool = False
    end: dict[str, Any] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    shown: dict[str, Any] = field(default_factory=dict)
    heard: bytes = b""
    seq: int = 0
    promised: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def all_tags(self) -> Iterator[KillingTag]:
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
        while not holds(self.shown):
            if self.end or not self._hear(until):
                return False
        return True

    def kill(self) -> None:
        """The power goes; once, and from whatever thread."""
        with self.lock:
            if not self.killed:
                self.killed = True
                os.kill(self.kiosk, signal.SIGKILL)

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
            self.promised |= {item for item, row in told["rows"].items() if row == RowState.BORROWED}
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
        wants_to_borrow = rng.random() < 0.6
        if wants_to_borrow:
            stand.tell("card", rng.choice((AN, BINH)))
        pad.put(*tags)
        a_while = min(until, time.monotonic() + 0.4)
        if rng.random() < 0.25:
            stand.wait(lambda shown: bool(shown.get("rows")), until)
            pad.lift(rng.choice(tags).uid)
        elif wants_to_borrow:
            stand.wait(partial(settled, page="BorrowView", items=len(chosen)), a_while)
        else:
            stand.wait(partial(is_at, page="OfferView", items=len(chosen)), until)
            stand.tell("touch", Action.RETURN)
            stand.wait(partial(settled, page="ReturnView", items=len(chosen)), a_while)
        stand.tell("touch", rng.choice((Action.FINISH, Action.END)))
        pad.clear()
        stand.tell("touch", Action.END)


def live_and_die(stand: Stand) -> None:
    """One kiosk, killed at a moment of time, before or after a write to a tag, or when it has just shown a loan."""
    rng = stand.rng
    kind = ("time", "before", "after", "shown")[stand.number % 4]
    writes = iter(range(rng.randint(0, 5), -1, -1))

    def count(moment: str) -> None:
        if moment == kind and next(writes, 0) == 0:
            stand.kill()

    for tag in stand.all_tags():
        tag.around_write = count
    stand.begin()
    behave(stand, time.monotonic() + {"time": rng.uniform(0, 0.35), "shown": rng.uniform(0, 0.1)}.get(kind, 1.0))
    if kind == "shown":
        stand.wait(lambda shown: RowState.BORROWED in shown.get("rows", {}).values(), time.monotonic() + 0.2)
    stand.counts[f"killed, {kind}" if stand.killed else "killed, time"] += 1
    stand.kill()
    stand.bury()
    stand.pad.clear()


@contextmanager
def standing(home: Path, pad: SimulatedPad, rng: random.Random) -> Iterator[Stand]:
    """The process that the kiosks are forked from, and the pad beside it."""
    words = [sys.executable, "-c", f"import sys; from {__name__} import run_kiosks; run_kiosks(*sys.argv[1:])"]
    command = [*words, str(home), pad.url]
    with subprocess.Popen(command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        stand = Stand(home, pad, process, rng, {item: tags_in(KillingTag, item) for item in ITEMS})
        try:
            yield stand
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the kiosks are forked")
def test_no_kill_loses_a_loan_that_was_shown_or_leaves_a_tag_unsecured_that_nobody_knows_of() -> None:
    seed = random.randrange(10**6)
    with (
        quick_folder() as folder,
        SimulatedPad() as pad,
        standing(new_station(Path(folder)), pad, random.Random(seed)) as stand,
    ):
        for kill in range(KILLS):
            live_and_die(stand)
            stand.look(thoroughly=kill % 10 == 9)
        sys.stderr.write(f"{seed} {stand.counts}")
        bring_everything_back(stand)


def bring_everything_back(stand: Stand) -> None:
    """Whatever was left: one return of all there is leaves every tag secured and nothing waiting."""
    for tag in stand.all_tags():
        tag.around_write = None
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
