"""``python -m tests.bench.sender HOME``: a station that has been offline for weeks and may now send.

It says ``ready`` when all is prepared, waits for a line, sends all that its ledger holds, and says how long that took:
``{"seconds": …, "processor": …, "calls": …}``. The station's own worker, ledger and https, in one thread.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.headquarters import Headquarters, load_headquarters
from sync.exchange.state import Heard, note
from sync.exchange.transport import Https
from sync.exchange.worker import Worker
from sync.store.clock import read_clock
from sync.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Owner:
    ledger: Ledger

    def note(self, heard: Heard) -> bool:
        note(self.ledger, heard)
        return True

    def prune(self, before: datetime) -> bool:
        raise RuntimeError(f"nobody asked for a pruning {before}")


@dataclass(frozen=True, slots=True)
class Caller:
    """A station that calls when told to."""

    ledger: Ledger
    worker: Worker
    place: Headquarters

    @property
    def unsent(self) -> int:
        """How many events headquarters has not acknowledged."""
        return self.ledger.standing_towards(self.place.hq).unsent

    def call(self) -> Heard:
        """One call. Raises ``RuntimeError`` where it comes to nothing: a bench has no bad line."""
        called = self.worker.call(time.monotonic())
        if called.heard is None or called.trouble is not None:
            raise RuntimeError(f"a call of the bench came to nothing: {called.trouble}")
        return called.heard

    def settle(self) -> int:
        """Call until there is nothing left to be said, as a new station does; answers how many calls that took."""
        calls = 0
        while True:
            heard, calls = self.call(), calls + 1
            if heard.answer == "nothing" and not (heard.more or heard.resnapshot or self.unsent):
                return calls
            if heard.resnapshot and heard.snapshot is None:
                time.sleep(0.1)  # it is being made


@contextmanager
def calling(home: Path, url: str | None = None) -> Iterator[Caller]:
    """The station of a folder, which finds headquarters where it was told, or at another address."""
    place = load_headquarters(home)
    if not isinstance(place, Headquarters):
        raise TypeError("the station belongs to nobody")
    with (
        Ledger.open_for_writing(
            home, station=place.station, epoch=place.epoch, branch=place.branch, clock=read_clock, actor="bench"
        ) as ledger,
        Https(url or place.url, place.certificate) as road,
        Worker(
            home,
            place,
            road,
            _Owner(ledger),
            clock=read_clock,
            version="0.1.0",
            now=time.monotonic(),
            rng=random.Random(1),
        ) as worker,
    ):
        yield Caller(ledger, worker, place)


def main(home: Path) -> None:
    """Be ready, wait, send."""
    with calling(home) as station:
        print("ready", flush=True)
        sys.stdin.readline()
        began, used, calls = time.perf_counter(), time.process_time(), 0
        while station.unsent:
            station.call()
            calls += 1
        seconds, processor = time.perf_counter() - began, time.process_time() - used
        print(json.dumps({"seconds": seconds, "processor": processor, "calls": calls}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
