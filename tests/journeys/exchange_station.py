"""``python -m tests.journeys.exchange_station HOME SEED``: a station at work, to be killed.

A real ledger with somebody at the desk who never rests, and the worker beside it in a process of its own, kept by the
product's keeper; only that it looks around twenty times as often as a worker need, and is told of a network all the
time. For every act that was answered a line of JSON goes to the standard output::

    ["event", 17, "checked_out", "TN-000001"]   what was answered, and under which number it is in the ledger
    ["killed"]                                  the answer to a line on the standard input: the worker is dead
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from config.headquarters import Headquarters, load_headquarters
from kiosk.exchange import Keeper, ToWrite, write
from sync.circulation.acts import Extended, Lent, Recorded, TakenBack, TakenBackAct
from sync.exchange.state import wake
from sync.store.clock import read_clock
from sync.store.ledger import Ledger
from tests.sync.store.stations import Desk, random_deed

#: A worker as it is started at every station, but more eager.
_WORKER: Final = (
    sys.executable,
    "-c",
    (
        "import sys; from pathlib import Path; from kiosk.exchange_worker import work;"
        "work(Path(sys.argv[1]), sys.stdin, sys.stdout, turn_every=0.05)"
    ),
)
_ACTS_A_SECOND: Final = 40.0


def main(home: Path, seed: str) -> None:
    """Work until killed."""
    place = load_headquarters(home)
    if not isinstance(place, Headquarters):
        raise TypeError("the station belongs to nobody")
    rng = random.Random(seed)
    asked: queue.SimpleQueue[ToWrite] = queue.SimpleQueue()
    keeper = Keeper(home, asked.put, command=_WORKER, first_restart=0.05)
    with Ledger.open_for_writing(
        home,
        station=place.station,
        epoch=place.epoch,
        branch=place.branch,
        clock=read_clock,
        actor="desk",
        command="a station to be killed",
        wait=30,
    ) as ledger:
        desk = Desk(ledger)
        keeper.begin()
        threading.Thread(target=_kill_worker_when_told, args=(keeper,), daemon=True).start()
        while True:
            answer = desk.do(random_deed(rng))
            match answer:
                case Lent(entry, loan):
                    _say("event", entry, "checked_out", loan.item_id)
                case TakenBack():
                    _say("event", answer.entry, "checked_in", answer.item_id)
                case Extended(entry, loan):
                    _say("event", entry, "renewed", loan.item_id)
                case TakenBackAct(entry, _, item):
                    _say("event", entry, "undone", item)
                case Recorded(entry):
                    _say("event", entry)
                case _:  # refused, or nothing to be done
                    pass
            until = time.monotonic() + rng.expovariate(_ACTS_A_SECOND)
            while (left := until - time.monotonic()) > 0:
                try:
                    write(ledger, asked.get(timeout=left))
                except queue.Empty:
                    break
            if rng.random() < 0.15:
                wake(home)


def _kill_worker_when_told(keeper: Keeper) -> None:
    for _line in sys.stdin:
        while (pid := keeper.pid) is None:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        _say("killed")


def _say(*what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")  # in one piece, whoever else speaks


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
