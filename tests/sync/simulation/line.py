"""The network of one station, as its worker sees it (:class:`sync.exchange.transport.Road`)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Protocol

from config.phrase import Phrase
from sync.exchange.transport import RoadBlocked
from tests.sync.simulation.faults import LINE, Tally

_PORTAL = b"<!doctype html><html><title>Wi-Fi</title><form action='http://10.0.0.1/login'>" + b" " * 200 + b"</html>"
_BLOCKED = Phrase("Đường truyền bị ngắt.", "The line is down.")


class Server(Protocol):
    """The far end of a line. Answers ``None`` where it has no answer of its own."""

    def exchange(self, question: bytes) -> bytes | None:
        """A reply to a contact."""

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a snapshot."""

    def fetch(self, name: str, start: int, end: int) -> bytes | None:
        """Some bytes of a snapshot."""


class Line:
    """One station's way to headquarters. ``later`` takes what arrives when nobody waits for the answer any more."""

    def __init__(
        self,
        server: Server,
        rng: random.Random,
        tally: Tally,
        faults: frozenset[str],
        later: Callable[[bytes], None],
        others: Callable[[], list[bytes]],
    ) -> None:
        self._server, self._rng, self._tally, self._later, self._others = server, rng, tally, later, others
        self.faults = faults
        self.cut = False
        self.last_reply: bytes | None = None

    def exchange(self, question: bytes) -> bytes:
        """Carries a contact there and the reply back, or not, or something else."""
        fate = self._fate()
        rng = self._rng
        match fate:
            case "request_lost":
                raise RoadBlocked(_BLOCKED)
            case "request_delayed":
                self._later(question)
                raise RoadBlocked(_BLOCKED)
            case "busy":
                raise RoadBlocked(_BLOCKED, retry_after=rng.randint(1, 600))
            case "captive_portal":
                return _PORTAL
            case "request_doubled":
                self._server.exchange(question)
            case "request_truncated":
                question = question[: rng.randrange(len(question))]
            case "request_turned":
                question = turned(question, rng)
            case _:
                pass
        reply = self._server.exchange(question)
        if reply is None or fate == "reply_lost":
            raise RoadBlocked(_BLOCKED)
        before, self.last_reply = self.last_reply, reply
        match fate:
            case "reply_truncated":
                return reply[: rng.randrange(len(reply))]
            case "reply_turned":
                return turned(reply, rng)
            case "reply_old" if before is not None:
                return before
            case "reply_of_another" if others := self._others():
                return rng.choice(others)
            case _:
                return reply

    def enrol(self, request: bytes) -> bytes:  # noqa: ARG002 - a road is asked so
        """Nobody is enrolled over this line: the world does that by hand."""
        raise RoadBlocked(_BLOCKED)

    def manifest(self, name: str) -> bytes:
        """The manifest of a snapshot."""
        return self._carried(self._server.manifest(name))

    def fetch(self, name: str, start: int, end: int) -> bytes:
        """Some bytes of a snapshot."""
        return self._carried(self._server.fetch(name, start, end))

    def _carried(self, answer: bytes | None) -> bytes:
        fate = self._fate()
        if answer is None or fate in {"request_lost", "reply_lost", "request_delayed", "busy"}:
            raise RoadBlocked(_BLOCKED)
        match fate:
            case "reply_truncated":
                return answer[: self._rng.randrange(len(answer))]
            case "reply_turned":
                return turned(answer, self._rng)
            case "captive_portal":
                return _PORTAL
            case _:
                return answer

    def _fate(self) -> str | None:
        if self.cut:
            self._tally.add("partition")
            raise RoadBlocked(_BLOCKED)
        names = sorted(self.faults - {"partition"})
        drawn = self._rng.random()
        for name in names:
            drawn -= LINE[name]
            if drawn < 0:
                self._tally.add(name)
                return name
        return None


def turned(raw: bytes, rng: random.Random) -> bytes:
    """The bytes with one bit turned over."""
    at = rng.randrange(len(raw))
    return raw[:at] + bytes((raw[at] ^ 1 << rng.randrange(8),)) + raw[at + 1 :]
