"""The worker's process (:mod:`kiosk.exchange` says how it is kept and what it says)."""

from __future__ import annotations

import json
import logging
import queue
import random
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, TextIO

import msgspec

from config.headquarters import Headquarters, load_headquarters
from config.phrase import ExplainedError
from sync.circulation.events import to_ms
from sync.exchange.state import Heard, State
from sync.exchange.transport import Https
from sync.exchange.worker import Worker
from sync.store.clock import read_clock
from sync.store.view import Clock

log = logging.getLogger(__name__)

_TURN_EVERY_S: Final = 1.0
#: How long the owner of the ledger may take to write what was heard.
_NOTED_WITHIN_S: Final = 30.0


class _Line:
    """The station at the other end of the pipes: the :class:`sync.exchange.worker.Owner` of the ledger."""

    def __init__(self, source: TextIO, target: TextIO) -> None:
        self._target = target
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.ended = threading.Event()
        threading.Thread(target=self._listen, args=(source,), name="listen", daemon=True).start()

    def note(self, heard: Heard) -> bool:
        return self._ask({"say": "note", "heard": msgspec.to_builtins(heard)})

    def prune(self, before: datetime) -> bool:
        return self._ask({"say": "prune", "before": to_ms(before)})

    def say(self, what: dict[str, object]) -> None:
        with self._lock:
            try:
                self._target.write(json.dumps(what) + "\n")
                self._target.flush()
            except OSError:  # nobody listens any more
                self.ended.set()

    def say_state(self, state: State) -> None:
        self.say({"say": "state", "state": msgspec.to_builtins(state)})

    def say_alive(self) -> None:
        self.say({"say": "alive"})

    def _ask(self, what: dict[str, object]) -> bool:
        while not self._answers.empty():
            self._answers.get()  # the word on a question that was given up
        self.say(what)
        try:
            return self._answers.get(timeout=_NOTED_WITHIN_S)
        except queue.Empty:
            return False

    def _listen(self, source: TextIO) -> None:
        for line in source:
            with suppress(ValueError):
                self._answers.put(bool(json.loads(line)["done"]))
        self.ended.set()
        self._answers.put(False)


def work(
    home: Path,
    source: TextIO,
    target: TextIO,
    *,
    turn_every: float = _TURN_EVERY_S,
    clock: Clock = read_clock,
) -> None:
    """Be the worker of a station until the input ends. ``turn_every`` is in seconds; while there is more to send or to
    fetch, one turn follows upon the other."""
    place = load_headquarters(home)
    if not isinstance(place, Headquarters) or not place.url:
        return
    line = _Line(source, target)
    worker = Worker(
        home,
        place,
        road := Https(place.url, place.certificate),
        line,
        clock=clock,
        version=version("tramsach"),
        now=time.monotonic(),
        rng=random.Random(),
        tell=line.say_state,
        alive=line.say_alive,
    )
    with road, worker:
        line.say_state(worker.state)
        rest = turn_every
        while not line.ended.wait(rest):
            rest = 0.0 if worker.turn(time.monotonic()) else turn_every
            line.say_alive()


def main(clock: Clock = read_clock) -> None:
    """The worker's process; its last argument is the station's folder."""
    # A Ctrl-C in the terminal is for the station, which hangs up when it has ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        work(Path(sys.argv[-1]), sys.stdin, sys.stdout, clock=clock)
    except ExplainedError as error:
        log.error("the worker cannot go on: %s", type(error).__name__)
        sys.exit(1)


if __name__ == "__main__":
    main()
