"""A headquarters that is really served: a process of its own, TLS and all, and stations that belong to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from config.headquarters import Headquarters
from config.hq import Hq
from config.values import Secret
from sync.central.enrolment import Granted, enrol, make_enrolment_code
from sync.central.office import Office, found, open_office
from sync.exchange.enrolment import Enrolled, ask, take
from sync.exchange.papers import normal_code
from sync.store.clock import read_clock
from tests.kiosk.typed import PROGRAM, surroundings

_THERE_WITHIN_S = 60.0


class Served:
    """A headquarters in a folder. A context manager, at whose end no process of it is left.

    It keeps its port also while nothing listens there, so that stations find it again. ``database`` is the URL of a
    PostgreSQL database, ``None`` for the embedded one; ``workers`` as of ``tramsach hq serve``.
    """

    def __init__(self, home: Path, *, database: str | None = None, workers: int = 1) -> None:
        self.home, self.database, self._workers = home, database, workers
        self._kept = socket.socket()
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind(("127.0.0.1", 0))
        self.port: int = self._kept.getsockname()[1]
        self.said = home / "said.log"
        self._process: subprocess.Popen[bytes] | None = None
        address = None if database is None else Secret(database)
        found(home, Hq("TRI", "Thư viện tỉnh", database=address, port=self.port)).close()

    @property
    def url(self) -> str:
        """Where stations find it, without a cable in between."""
        return f"https://127.0.0.1:{self.port}"

    @contextmanager
    def office(self) -> Iterator[Office]:
        """The headquarters as a command has it, be it served or not."""
        with open_office(self.home, command="tests") as office:
            yield office

    def enrol(self, home: Path, station: str, branch: str, *scope: str, url: str | None = None) -> Headquarters:
        """Make a station in an empty folder, which reaches headquarters at ``url``."""
        with self.office() as office:
            code = make_enrolment_code(office, station, branch, scope)
            typed = normal_code(code) if isinstance(code, str) else None
            granted = enrol(office, ask(home, typed or "", version="0.1.0", url=url or self.url))
        if not isinstance(granted, Granted):
            raise RuntimeError(f"the enrolment was refused: {granted.reason}")
        done = take(home, granted.response, clock=read_clock, command="tests")
        if not isinstance(done, Enrolled):
            raise RuntimeError(f"the answer was refused: {done.reason}")
        return done.place

    def start(self) -> None:
        """Serve, from whenever the process is there."""
        words = ["--home", str(self.home), "hq", "serve", "--workers", str(self._workers)]
        with self.said.open("ab") as said:
            # In a group of its own, because with several workers it has children.
            self._process = subprocess.Popen(
                [*PROGRAM, *words], stdout=said, stderr=said, env=surroundings({}), process_group=0
            )

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + _THERE_WITHIN_S
        with httpx.Client(verify=False) as client:  # noqa: S501, whether it is there, and not whether it is itself
            while time.monotonic() < until:
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError(f"headquarters has ended: {self.said.read_text()[-2000:]}")
                try:
                    if client.get(f"{self.url}/v1/health").is_success:
                        return
                except httpx.TransportError:
                    time.sleep(0.05)
        raise RuntimeError(f"headquarters does not answer: {self.said.read_text()[-2000:]}")

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def processor_seconds(self) -> float:
        """Processor time of headquarters and its workers so far, as Linux counts it; nought elsewhere."""
        total = 0
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if int(fields[2]) == self.pid:  # its group
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def kill(self) -> bool:
        """Kill it and its children with no word of warning; whether there was somebody to be killed."""
        process, self._process = self._process, None
        if process is None:
            return False
        lived = process.poll() is None
        kill_group(process.pid)
        process.wait()
        return lived

    def end(self) -> int:
        """Ask it to end, and wait for it; answers its exit code, or less than nought the signal that ended it."""
        process, self._process = self._process, None
        if process is None:
            raise RuntimeError("headquarters does not run")
        process.terminate()
        return process.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._kept.close()


def kill_group(pid: int) -> None:
    """Kill a process that was started in a group of its own, and whoever of the group has outlived it."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
