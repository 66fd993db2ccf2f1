"""Looks on while a target is fed: how long it takes, how much it takes, and what goes wrong.

An input has :data:`SECONDS` of processor time, which another program's load does not use up, and :data:`MEGABYTES` of
memory beyond what was in use before. Something that never comes back from C, where no signal is heard, is ended by
whoever runs the watch.
"""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType, TracebackType

from tests.fuzz.target import Target

#: A second on a slow machine, five times.
SECONDS = 5.0
MEGABYTES = 64

_HOUSE = Path(__file__).parents[2]
#: Of ``ru_maxrss`` in a megabyte.
_UNITS = 1 << 20 if sys.platform == "darwin" else 1 << 10


class TooSlow(BaseException):
    """Raised in the midst of whatever runs when an input's time is over; no parser's business to catch."""


class TooMuch(Exception):
    """An input took more memory than any input should."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A promise that was broken: by which input (saved in ``path``), how, and where in the house."""

    target: str
    path: Path
    what: str
    where: str
    story: str

    def say(self) -> str:
        """What happened, and how to see it again."""
        return f"{self.target}: {self.what} at {self.where}\n{self.story}again: {self.again}"

    @property
    def again(self) -> str:
        """The command that feeds this one input."""
        return f"python -m tests.fuzz {self.target} {self.path}"


class Watch:
    """Feeds one target, and tells each kind of defect once: the same error out of the same line of the house."""

    def __init__(self, target: Target, found: Path, tell: Callable[[Defect], None]) -> None:
        """Inputs that break the target are saved in the folder ``found``."""
        self._target = target
        self._found = found
        self._tell = tell
        self._known: set[tuple[str, str]] = set()

    def feed(self, data: bytes) -> None:
        """One input. Raises nothing but ``KeyboardInterrupt``."""
        before = _peak()
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            try:
                self._target.feed(data)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            grown = (_peak() - before) // _UNITS
            if grown > MEGABYTES:
                raise TooMuch(f"{grown} MB for {len(data)} bytes")
        except (Exception, TooSlow) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            self._note(data, error)

    def _note(self, data: bytes, error: BaseException) -> None:
        what, where = type(error).__name__, _where(error.__traceback__)
        if (what, where) in self._known:
            return
        self._known.add((what, where))
        self._found.mkdir(parents=True, exist_ok=True)
        path = self._found / f"{self._target.name}-{sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        story = "".join(traceback.format_exception(error, limit=-12))
        self._tell(Defect(self._target.name, path, f"{what}: {error}"[:300], where, story))

    @contextmanager
    def on(self) -> Iterator[None]:
        """Watches the clock as long as this holds. For the main thread."""
        before = signal.signal(signal.SIGVTALRM, _too_slow)
        try:
            yield
        finally:
            signal.signal(signal.SIGVTALRM, before)


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS:g} s")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _where(trace: TracebackType | None) -> str:
    """The innermost line of the product that an error went through, or of the target where it is a property's."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(trace)]
    of_house = [(path.relative_to(_HOUSE), line) for path, line in frames if path.is_relative_to(_HOUSE)]
    path, line = next(
        ((path, line) for path, line in reversed(of_house) if path.parts[0] != ".venv"), (Path("nowhere"), 0)
    )
    return f"{path}:{line}"
