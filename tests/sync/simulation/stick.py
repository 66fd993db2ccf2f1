"""A USB stick in memory: it can be pulled at any byte, carried about, and read where it does not belong."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: Where the files of a stick in memory stand.
STICK = Path("/stick")


@dataclass(slots=True)
class Stick:
    """A stick's files by their paths. ``lasts`` is how many bytes and changes of names it stays in; ``None``: for good.

    What was brought onto it stays; of a file that was being written when it was pulled there is a beginning. What a
    stick may hold of changes that nobody had flushed is gone through in tests/sync/exchange/test_sticks.py.
    """

    files: dict[Path, bytes] = field(default_factory=dict)
    lasts: int | None = None

    @contextmanager
    def folder(self, near: Path) -> Iterator[Path]:
        """The stick as a folder, for those who know no other; what is in it afterwards is on the stick."""
        with tempfile.TemporaryDirectory(dir=near) as name:
            here = Path(name)
            for path, content in self.files.items():
                target = here / path.relative_to(STICK)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(content)
            yield here
            found = (path for path in sorted(here.rglob("*")) if path.is_file())
            self.files = {STICK / path.relative_to(here): path.read_bytes() for path in found}

    def names(self, folder: Path) -> list[str]:
        """The files in a folder."""
        self._pass(1)
        return [path.name for path in self.files if path.parent == folder]

    def read(self, path: Path, most: int) -> bytes:
        """A file's first bytes."""
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, "gone", str(path))
        content = self.files[path][:most]
        self._pass(len(content))
        return content

    def make_folder(self, folder: Path) -> None:  # noqa: ARG002 - a disk is asked so
        """Folders need no making here."""
        self._pass(1)

    def create(self, path: Path, content: bytes) -> None:
        """A new file."""
        if self.lasts is not None and self.lasts < len(content):
            self.files[path] = content[: self.lasts]
        else:
            self.files[path] = content
        self._pass(len(content))

    def rename(self, old: Path, new: Path) -> None:
        """Another name."""
        self._pass(1)
        self.files[new] = self.files.pop(old)

    def flush(self, folder: Path) -> None:  # noqa: ARG002 - a disk is asked so
        """Names are on the medium."""
        self._pass(1)

    def remove(self, path: Path) -> None:
        """A file goes."""
        self._pass(1)
        self.files.pop(path, None)

    def _pass(self, amount: int) -> None:
        if self.lasts is None:
            return
        self.lasts -= amount
        if self.lasts < 0:
            self.lasts = 0
            raise OSError(errno.EIO, "pulled")
