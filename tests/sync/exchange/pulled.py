"""A stick of which everything is known: what was written in which order, and so what it holds if pulled at any moment.

Nothing here believes in luck. Between two moments at which the medium was told to keep up, a power cut may leave of the
last writing any beginning, and of the last change of a name either outcome.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stick:
    """A FAT stick in memory: names keep no case, and every step is remembered."""

    files: dict[Path, bytes] = field(default_factory=dict)
    steps: list[tuple[str, Path, Path | bytes | None]] = field(default_factory=list)
    room: int = 1 << 40

    def names(self, folder: Path) -> list[str]:
        """The files in a folder."""
        return [path.name for path in self.files if path.parent == folder]

    def read(self, path: Path, most: int) -> bytes:
        """A file's first bytes."""
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "gone", str(path))
        return self.files[path][:most]

    def make_folder(self, folder: Path) -> None:
        """Folders need no making here."""

    def create(self, path: Path, content: bytes) -> None:
        """A new file, flushed."""
        taken = sum(len(each) for name, each in self.files.items() if name != path)
        if taken + len(content) > self.room:
            self._step("create", path, content[: self.room - taken])
            raise OSError(errno.ENOSPC, "full", str(path))
        self._step("create", path, content)
        self._step("flush", path, None)

    def rename(self, old: Path, new: Path) -> None:
        """Another name."""
        self._step("rename", old, new)

    def flush(self, folder: Path) -> None:
        """Names are on the medium."""
        self._step("flush", folder, None)

    def remove(self, path: Path) -> None:
        """A file goes."""
        self._step("remove", path, None)

    def _step(self, kind: str, path: Path, what: Path | bytes | None) -> None:
        self.steps.append((kind, path, what))
        self.files = _after(self.files, kind, path, what)


def _after(files: dict[Path, bytes], kind: str, path: Path, what: Path | bytes | None) -> dict[Path, bytes]:
    files = dict(files)
    match kind, what:
        case "create", bytes(content):
            files[path] = content
        case "rename", Path() as new:
            files[new] = files.pop(path)
        case "remove", _:
            files.pop(path, None)
        case _:
            pass
    return files


def states(
    before: dict[Path, bytes], steps: list[tuple[str, Path, Path | bytes | None]]
) -> Iterator[dict[Path, bytes]]:
    """Every content that a stick may have when it is pulled during these steps."""
    files, unflushed = dict(before), list[tuple[str, Path, Path | bytes | None]]()
    yield files
    for kind, path, what in steps:
        if kind == "flush":
            for step in unflushed:
                files = _after(files, *step)
            unflushed.clear()
            continue
        if isinstance(what, bytes):
            base = files
            for step in unflushed:
                base = _after(base, *step)
            for length in range(len(what) + 1):
                yield _after(base, kind, path, what[:length])
        unflushed.append((kind, path, what))
        yield from _subsets(files, unflushed)
    for step in unflushed:
        files = _after(files, *step)
    yield files


def _subsets(
    files: dict[Path, bytes], unflushed: list[tuple[str, Path, Path | bytes | None]]
) -> Iterator[dict[Path, bytes]]:
    """What any of the steps that were not flushed may leave, were they done in order or only some of them."""
    for chosen in range(1 << len(unflushed)):
        state = files
        for place, step in enumerate(unflushed):
            if chosen >> place & 1 and (step[0] != "rename" or step[1] in state):
                state = _after(state, *step)
        yield state
