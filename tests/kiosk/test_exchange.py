"""The keeper of the worker, with real processes at the other end of the pipes that behave in every way but well."""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.exchange import Keeper, ToWrite, write
from sync.circulation.events import from_ms
from sync.exchange.state import Heard, State
from sync.store.errors import DiskFull
from sync.store.files import LEDGER
from sync.store.ledger import Ledger
from tests.sync.store.stations import AN, KIEU_1, LAO_HAC, Clock, new_station, open_desk

SAYS = """
import json, sys
def say(**what): print(json.dumps(what), flush=True)
def asked(): return json.loads(sys.stdin.readline() or "null")
"""

NOTE = """
heard = dict(number=5, fresh=True, answer="accepted", reason=None, logged=2, safe=1, more=False, resnapshot=False,
             snapshot=None, slow_down_s=None, batch_limit=500, upgrade=None, offset_ms=7_200_000, spread_ms=20)
say(say="note", heard=heard)
"""


@contextmanager
def keeping(home: Path, script: str, post: Callable[[ToWrite], None], **options: float) -> Iterator[Keeper]:
    keeper = Keeper(home, post, command=(sys.executable, "-c", SAYS + script), **options)
    keeper.begin()
    try:
        yield keeper
    finally:
        keeper.end()


def until(true: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_desk(new_station(tmp_path), Clock()) as opened:
        yield opened


def test_what_the_worker_heard_is_written_and_it_is_told_so(tmp_path: Path, ledger: Ledger) -> None:
    for item in (KIEU_1, LAO_HAC):
        ledger.checkout(AN, item)
    asked: queue.SimpleQueue[ToWrite] = queue.SimpleQueue()
    script = NOTE + 'say(say="state", state=dict(answer=f"done {asked()}"))\nsys.stdin.read()'
    with keeping(tmp_path, script, asked.put) as keeper:
        write(ledger, asked.get(timeout=20))
        until(lambda: keeper.state.answer != "")
        assert keeper.state.answer == "done {'done': True}"
    told = ledger.acknowledged()
    assert told is not None
    assert (told.logged, told.safe) == (2, 1)
    assert ledger.unsent()[0] == 1  # the comparison itself
    assert type(list(ledger.entries())[-1].event).__name__ == "ClockCompared"


def test_pruning_is_asked_of_the_owner_of_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    asked: queue.SimpleQueue[ToWrite] = queue.SimpleQueue()
    with keeping(tmp_path, 'say(say="prune", before=1000)\nsys.stdin.read()', asked.put):
        wanted = asked.get(timeout=20)
        assert wanted.what == from_ms(1000)
        write(ledger, wanted)


def test_a_ledger_that_cannot_be_written_is_a_no(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> bool:
        raise DiskFull(LEDGER.path(tmp_path))

    monkeypatch.setattr(ledger, "acknowledge", full)
    answers: list[bool] = []
    write(ledger, ToWrite(Heard(1, True, "accepted", None, 0, 0, False, False, None, None, 500, None), answers.append))
    assert answers == [False]


def test_a_worker_that_dies_is_started_again_and_one_that_hangs_is_ended_first(tmp_path: Path) -> None:
    asked: queue.SimpleQueue[ToWrite] = queue.SimpleQueue()
    dies = 'say(say="state", state=dict(answer="well"))\nsys.exit(3)'
    with keeping(tmp_path, dies, asked.put, first_restart=0.05) as keeper:
        until(lambda: keeper.restarts >= 2)
        assert keeper.state == State(answer="well")
    hangs = 'say(say="state", state=dict(answer="well"))\nimport time; time.sleep(600)'
    with keeping(tmp_path, hangs, asked.put, silence=1.0, first_restart=0.05) as keeper:
        until(lambda: keeper.pid is not None)
        first = keeper.pid
        assert first is not None
        until(lambda: keeper.restarts >= 1 and keeper.pid not in (None, first), within=40)
        assert gone(first)


def test_a_worker_that_is_stopped_in_its_tracks_is_ended_too(tmp_path: Path) -> None:
    script = 'import time\nwhile True: say(say="alive"); time.sleep(0.1)'
    with keeping(tmp_path, script, lambda _asked: None, silence=1.5, first_restart=0.05) as keeper:
        until(lambda: keeper.pid is not None)
        first = keeper.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        until(lambda: keeper.restarts >= 1, within=40)
        assert gone(first)


def test_when_the_station_ends_the_worker_does(tmp_path: Path) -> None:
    for ending in ("sys.stdin.read()", "import time; time.sleep(600)"):
        with keeping(tmp_path, f'say(say="alive")\n{ending}', lambda _asked: None) as keeper:
            until(lambda: keeper.pid is not None)
            pid = keeper.pid
        assert pid is not None
        assert gone(pid)


def test_a_word_that_this_station_does_not_know_is_passed_over(tmp_path: Path) -> None:
    script = 'say(say="weather", sunny=True)\nsay(say="state", state=dict(answer="well"))\nsys.stdin.read()'
    with keeping(tmp_path, script, lambda _asked: None) as keeper:
        until(lambda: keeper.state.answer == "well")
        assert keeper.restarts == 0


def test_how_the_exchange_stands_is_known_before_the_worker_says_a_word(tmp_path: Path) -> None:
    (tmp_path / "exchange.json").write_text('{"heard_at": 1790000000000, "answer": "accepted"}', "utf-8")
    with keeping(tmp_path, "sys.stdin.read()", lambda _asked: None) as keeper:
        assert keeper.state.online
        assert from_ms(keeper.state.heard_at or 0) > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_note_about_the_past_that_cannot_be_read_is_no_past(tmp_path: Path) -> None:
    (tmp_path / "exchange.json").write_bytes(b"\xff{")
    with keeping(tmp_path, "sys.stdin.read()", lambda _asked: None) as keeper:
        assert keeper.state == State()
