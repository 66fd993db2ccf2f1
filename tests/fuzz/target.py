"""What is fuzzed: a target, and how an input becomes the arguments of something that does not take bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")

#: What once broke a parser: a folder for each target.
CORPUS = Path(__file__).with_name("corpus")


def _no_seeds() -> Iterable[bytes]:
    return ()


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under fire.

    ``feed``     takes one input and raises when the parser breaks a promise.
    ``modules``  whose lines are to be reached; their constants are words that inputs are made of.
    ``seeds``    good inputs to begin with.
    ``share``    of a run's inputs, in relation to the other targets: less for one that takes long.
    ``longest``  bytes of an input.
    """

    name: str
    feed: Callable[[bytes], None]
    modules: tuple[ModuleType, ...]
    seeds: Callable[[], Iterable[bytes]] = _no_seeds
    share: int = 10
    longest: int = 256

    def beginnings(self) -> list[bytes]:
        """The inputs that a run begins with: one of nothing, the seeds, and what once broke it."""
        found = [path.read_bytes() for path in sorted((CORPUS / self.name).glob("*"))]
        return [*found, b"", *self.seeds()]


class Draw:
    """Takes arguments off the front of an input; behind its end everything is 0 and empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """The next byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def choice(self, *among: T) -> T:
        """One of these."""
        return among[self.byte() % len(among)]

    def piece(self, most: int = 255) -> bytes:
        """As many bytes as the next one says, or as are left."""
        return self.take(self.byte() % (most + 1))

    def take(self, count: int) -> bytes:
        """So many bytes, or as many as are left."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data))
