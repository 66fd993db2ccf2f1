"""Headquarters of the demonstration: founded, told, served and called like any other, all on this machine.

Theory of operation. It stands in the station's own folder, as a machine may be both (:mod:`sync.central.office`). It is
founded there, told the demonstration's rules, titles and readers, and asked for a one-time code; then a process of its
own serves it (``python -m kiosk.demo.headquarters HOME``, TLS on this machine alone, on any free port). The station is
enrolled with that code over a :class:`~kiosk.demo.cable.Cable`, so what it lends by is what headquarters told it, and
pulling the cable takes away all the network it has. The process tells its port in a line of JSON, and ends when its
input does: by a word of whoever started it, or because that is gone.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from config.headquarters import Headquarters, load_headquarters
from config.hq import Hq
from config.loader import Problems
from config.phrase import ExplainedError, Phrase
from config.station import load_station
from kiosk import syncing
from kiosk.demo.cable import Cable
from kiosk.demo.library import fill
from kiosk.station import NotReady, onlooker
from kiosk.terminal import Answers
from sync.central import stations
from sync.central.apply import Applier
from sync.central.enrolment import NotAdded, make_enrolment_code
from sync.central.log import read_log
from sync.central.office import found, open_office
from sync.central.reference import CentralReference
from sync.central.worklist import open_exceptions
from sync.circulation.chain import genesis, link
from sync.intake.rules import load_rules

#: What the headquarters is called: as the root of the demonstration's network.
CODE: Final = "NET"
_HERE: Final = "127.0.0.1"
_ENDS_WITHIN_S: Final = 20.0


class NotServed(ExplainedError):
    """Headquarters' process has ended before it was there."""

    def __init__(self) -> None:
        super().__init__(
            Phrase(
                "Trụ sở của phần trình diễn không khởi động được.", "The demonstration's headquarters did not start."
            )
        )


def set_up(home: Path, today: date) -> str:
    """Found headquarters in a station's folder, with its rules, and tell it everything; answers a code for the station.

    Raises ``NotReady``, and as :func:`sync.central.office.found`.
    """
    rules, station = load_rules(home), load_station(home)
    if isinstance(rules, Problems):
        raise NotReady(rules)
    if isinstance(station, Problems):
        raise NotReady(station)
    network = rules.rules.network
    with found(home, Hq(CODE, network.name(CODE), host=_HERE), names=[_HERE]) as office:
        with CentralReference(office.database, office.clock) as reference:
            reference.write_rules(rules.version, rules.body)
            fill(reference, today)
        everywhere = tuple(branch.code for branch in rules.rules.branches)
        code = make_enrolment_code(office, station.value.station, station.value.branch, everywhere)
    if isinstance(code, NotAdded):
        raise ValueError(code.phrase.en)
    return code


class ServedHeadquarters:
    """A headquarters that :func:`set_up` has made, served at the far end of a cable. A context manager.

    Raises :class:`NotServed`.
    """

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-m", "kiosk.demo.headquarters", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a Ctrl-C in the terminal is for the demonstration, which then hangs up
        )
        told = self._process.stdout.readline() if self._process.stdout else ""
        if not told:
            self._end()
            raise NotServed
        self.cable = Cable(_HERE, json.loads(told)["port"])

    def close(self) -> None:
        """Take the cable away and end the process."""
        self.cable.close()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def enrol(self, say: Answers, home: Path, code: str) -> Headquarters | None:
        """Make the station of a folder one of this headquarters, and fetch what it works by; answers its place.

        ``say`` tells how it went; ``None`` when it came to nothing. Raises as :func:`kiosk.syncing.enrol_online`.
        """
        syncing.enrol_online(say, home, f"https://{_HERE}:{self.cable.port}", code)
        place = load_headquarters(home)
        return place if say.code == 0 and isinstance(place, Headquarters) else None

    def _end(self) -> None:
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True, slots=True)
class Received:
    """What headquarters has of a station, by its own log: how many events, how many of them are applied, how many lines
    of its work-list are open; and whether the log, hashed anew, ends as the station's ledger does."""

    events: int
    applied: int
    exceptions: int
    same: bool


def received(home: Path) -> Received:
    """Hold the two sides of a folder against each other; the station must not be running any more.

    Raises ``NotReady``, and as :func:`sync.central.office.open_office`.
    """
    with onlooker(home) as view, open_office(home, command="tramsach demo") as office:
        Applier(office.database, office.clock).apply_all()  # what came in with the last call
        with office.database.read() as connection:
            station = stations.find(connection, view.station, view.epoch)
            if station is None:
                return Received(0, 0, 0, same=False)
            hashed = genesis(station.station, station.epoch)
            for part in read_log(connection, station.id, station.begins, station.seq):
                for line in part.lines:
                    hashed = link(hashed, line.decode())
            waiting = len(open_exceptions(connection))
        same = (station.seq, hashed) == (view.head().seq, view.head().hash)
        return Received(station.seq - station.begins, station.applied - station.begins, waiting, same)


def _serve(home: Path) -> None:
    from sync.central.server import Listening, serve  # noqa: PLC0415  # what only serving needs

    def ready(listening: Listening) -> None:
        sys.stdout.write(json.dumps({"port": listening.port}) + "\n")
        sys.stdout.flush()

    threading.Thread(target=_end_with_input, name="input", daemon=True).start()
    try:
        with suppress(KeyboardInterrupt):
            serve(home, host=_HERE, port=0, on_ready=ready)
    except ExplainedError as error:
        sys.exit(str(error))


def _end_with_input() -> None:
    sys.stdin.read()
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
