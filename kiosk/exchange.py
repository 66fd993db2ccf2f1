"""The worker beside a station: the process that talks to headquarters, and whoever keeps it alive.

Theory of operation. The worker is started as ``python -m kiosk.exchange_worker HOME`` and speaks in lines of JSON over
its standard input and output::

    worker  {"say": "note", "heard": {...}}     write this acknowledgement
            {"say": "prune", "before": ...}     prune the ledger, milliseconds of UTC
            {"say": "state", "state": {...}}    how the exchange stands
            {"say": "alive"}                    after each turn, and while a snapshot comes in
    keeper  {"done": true}                      the answer to the first two, ``false`` when it could not be done

The *keeper* is a thread of the station. It hands what is to be written to the session, which alone writes the ledger,
and gives its word back. A worker that ends is started again, after a wait that grows; one that says nothing for
:data:`SILENCE_S` hangs and is killed first. When the station ends, the worker's input does, and the worker with it.
"""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Final

import msgspec

from sync.circulation.events import from_ms
from sync.exchange.state import Heard, State, note, read_state
from sync.store.errors import StoreError
from sync.store.ledger import Ledger

log = logging.getLogger(__name__)

#: Seconds without a word after which a worker counts as hanging: longer than any call and any index takes.
SILENCE_S: Final = 240.0
_FIRST_RESTART_S: Final = 1.0
_LONGEST_RESTART_S: Final = 300.0
_HANG_UP_WITHIN_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class ToWrite:
    """Something the worker asks the owner of the ledger to write; ``done`` takes the answer, from any thread."""

    what: Heard | datetime  # an acknowledgement, or the instant before which the ledger is to be pruned
    done: Callable[[bool], None]


class Keeper:
    """Keeps the worker of a station alive. ``post`` takes what is to be written, in the keeper's thread."""

    def __init__(
        self,
        home: Path,
        post: Callable[[ToWrite], None],
        *,
        command: Sequence[str] = (),
        silence: float = SILENCE_S,
        first_restart: float = _FIRST_RESTART_S,
    ) -> None:
        self._command = [*(command or (sys.executable, "-m", "kiosk.exchange_worker")), str(home)]
        self._post, self._silence, self._first_restart = post, silence, first_restart
        self._lock = threading.Lock()
        self._state = read_state(home)
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)
        self.restarts = 0

    @property
    def state(self) -> State:
        """How the exchange stood when the worker last spoke."""
        with self._lock:
            return self._state

    @property
    def pid(self) -> int | None:
        """The process of the worker, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def begin(self) -> None:
        """Start the worker."""
        self._thread.start()

    def end(self, within: float = 10.0) -> None:
        """Let the worker end what it is doing, for a moment, and end it then."""
        self._stopping.set()
        if (process := self._process) is not None:
            _end(process)
        self._thread.join(within)

    # --- in the keeper's thread ---

    def _run(self) -> None:
        wait = self._first_restart
        while not self._stopping.is_set():
            began = time.monotonic()
            self._live()
            if self._stopping.is_set():
                return
            self.restarts += 1
            wait = self._first_restart if time.monotonic() - began > _LONGEST_RESTART_S else wait
            log.warning("the worker of the exchange has ended; it is started again in %.0f s", wait)
            self._stopping.wait(wait)
            wait = min(wait * 2, _LONGEST_RESTART_S)

    def _live(self) -> None:
        """One worker, from its start to its end."""
        process = subprocess.Popen(  # noqa: S603  # this very program
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._process = process
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        reader = threading.Thread(target=_read_lines, args=(process.stdout, lines), name="exchange-lines", daemon=True)
        reader.start()
        try:
            while (line := lines.get(timeout=self._silence)) is not None:
                self._take(process, line)
        except queue.Empty:
            log.error("the worker of the exchange says nothing any more and is ended")
        finally:
            _end(process)
            reader.join()
            if process.stdout is not None:
                process.stdout.close()
            self._process = None

    def _take(self, process: subprocess.Popen[str], line: str) -> None:
        said = json.loads(line)
        match said["say"]:
            case "state":
                with self._lock:
                    self._state = msgspec.convert(said["state"], State)
            case "note":
                self._post(ToWrite(msgspec.convert(said["heard"], Heard), partial(_answer, process)))
            case "prune":
                self._post(ToWrite(from_ms(said["before"]), partial(_answer, process)))
            case _:  # "alive", or the word of a newer program
                pass


def _read_lines(source: IO[str] | None, lines: queue.SimpleQueue[str | None]) -> None:
    for line in source or ():
        lines.put(line)
    lines.put(None)


def _answer(process: subprocess.Popen[str], done: bool) -> None:
    if process.stdin is not None:
        with suppress(OSError, ValueError):  # it has ended meanwhile, and asks again when it is back
            process.stdin.write(json.dumps({"done": done}) + "\n")
            process.stdin.flush()


def _end(process: subprocess.Popen[str]) -> None:
    """Hang up, which ends a worker that listens, and end one that does not."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_HANG_UP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def write(ledger: Ledger, asked: ToWrite) -> None:
    """Write what the worker asks for into the ledger that one owns, and say whether that was done."""
    try:
        if isinstance(asked.what, Heard):
            note(ledger, asked.what)
        else:
            ledger.prune(asked.what)
    except StoreError as error:
        log.error("what headquarters said was not written: %s", type(error).__name__)
        asked.done(False)
    else:
        asked.done(True)
