"""Visits at a kiosk: a day of readers at one put together as in the product, and a kiosk that is killed again and again.

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
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, NoReturn

from drivers.simulators.pad import SimulatedPad, VirtualTag
from drivers.supervisor import Supervisor
from kiosk.session import Hands, Session
from kiosk.views import Action, Touch, View
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
    shown: dict[str, Any] = field(default_factory=dict)
    heard: bytes = b""
    seq: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    lent_at: dict[str, int] = field(default_factory=dict)

    # the pipe

    def begin(self) -> None:
        """A kiosk is switched on."""
        self.number += 1
        self.shown = {}
        self._write(f"begin {self.number}")
        while self._hear(until=time.monotonic() + PATIENCE).get("number") != self.number:
            pass

    def tell(self, *words: str) -> None:
        """A card or a finger."""
        self._write(json.dumps(words))

    def wait(self, holds: Callable[[dict[str, Any]], bool], until: float) -> bool:
        """Whether the kiosk comes to show something before that moment, while it lives."""
        while not holds(self.shown):
            told = self._hear(until)
            if not told or "ended" in told:
                return False
        return True

    def kill(self) -> None:
        """The power goes; what the kiosk has said before is heard to its end."""
        os.kill(self.kiosk, signal.SIGKILL)

    def bury(self) -> None:
        """The kiosk is gone, because it was killed and for no other reason."""
        while "ended" not in (told := self._hear(until=time.monotonic() + PATIENCE)):
            assert told, "the kiosk does not die"
        assert told == {"ended": self.number, "signal": signal.SIGKILL}

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
        if "page" in told:
            self.shown = told
        return told
