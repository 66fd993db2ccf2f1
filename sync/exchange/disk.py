"""Files that are whole or not there: keys in a station's folder, bundles on a stick that may be pulled at any byte.

Theory of operation. A file is written under a temporary name and brought onto the medium (``fsync``), then given its
name, then the folder is brought onto the medium too, and at last the file is read back past the system's cache and
compared (facts/sync.md, section 5.5). Whoever finds a file by its own name therefore finds all of it; a power cut
leaves at most one temporary file.

:class:`Disk` is what this needs of an operating system; tests put one in its place that can be pulled.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from config.loader import reason_of
from config.phrase import ExplainedError, Phrase


class ExchangeError(ExplainedError):
    """The exchange met something broken, with the sentence for whoever can mend it."""

    def __init__(self, phrase: Phrase) -> None:
        super().__init__(phrase)
        self.phrase = phrase


class DiskRefuses(ExchangeError):
    """A folder could not be read or written as asked. No file in it is half written under its own name."""

    def __init__(self, folder: Path, error: OSError) -> None:
        super().__init__(
            Phrase(
                "Không đọc hoặc ghi được trong {folder}: {reason}. Hãy kiểm tra ổ đĩa hoặc USB rồi thử lại.",
                "Cannot read or write in {folder}: {reason}. Check the disk or the stick, then try again.",
            ).fill(folder=folder, reason=reason_of(error))
        )


class ReadBackDiffers(ExchangeError):
    """What was read back is not what was written: the medium is failing, or not as large as it says."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Phrase(
                "Đọc lại {file} không giống với những gì vừa ghi: USB hoặc ổ đĩa bị hỏng. Hãy dùng USB khác.",
                "Reading {file} back gave something else than was written: the stick or disk is failing. Use another.",
            ).fill(file=path.name)
        )


class Disk(Protocol):
    """What is asked of a file system. All raise ``OSError``."""

    def names(self, folder: Path) -> list[str]:
        """The plain files in a folder, in no order; none where there is no such folder."""

    def read(self, path: Path, most: int) -> bytes:
        """The first ``most`` bytes of a plain file, from the medium rather than from memory where that can be asked."""

    def make_folder(self, folder: Path) -> None:
        """See to it that the folder is there, for this account alone where the file system knows accounts."""

    def create(self, path: Path, content: bytes) -> None:
        """A new file, its content on the medium; what was there under that name is gone."""

    def rename(self, old: Path, new: Path) -> None:
        """Another name for a file, in place of whatever had it."""

    def flush(self, folder: Path) -> None:
        """Bring the names in a folder onto the medium."""

    def remove(self, path: Path) -> None:
        """Take a file away."""


class LocalDisk:
    """The operating system's own."""

    def names(self, folder: Path) -> list[str]:
        """As :meth:`Disk.names`. Links count as nothing: on a stick they can only lead astray."""
        try:
            with os.scandir(folder) as entries:
                return [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: Path, most: int) -> bytes:
        """As :meth:`Disk.read`. Opens neither links nor what would make a reader wait."""
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            return file.read(most)

    def make_folder(self, folder: Path) -> None:
        """As :meth:`Disk.make_folder`."""
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            self.flush(folder.parent)

    def create(self, path: Path, content: bytes) -> None:
        """As :meth:`Disk.create`, readable for this account alone."""
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags, 0o600), "wb") as file:  # noqa: PTH123 - only os.open sets the mode at birth
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: Path, new: Path) -> None:
        """As :meth:`Disk.rename`."""
        old.replace(new)

    def flush(self, folder: Path) -> None:
        """As :meth:`Disk.flush`."""
        if os.name != "posix":  # elsewhere a folder cannot be opened, and the rename is journalled
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some drivers of foreign file systems cannot do it. The file is read back all the same.
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                raise
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """As :meth:`Disk.remove`."""
        path.unlink(missing_ok=True)


LOCAL = LocalDisk()


def write_whole(disk: Disk, path: Path, content: bytes) -> None:
    """Write a file so that under its name there is all of it or what was there before.

    Raises :class:`ExchangeError`: the disk refuses, or gives back something else than it was given.
    """
    temporary = path.with_suffix(".TMP")
    with translated(path.parent):
        disk.create(temporary, content)
        disk.rename(temporary, path)
        disk.flush(path.parent)
        if disk.read(path, len(content) + 1) != content:
            raise ReadBackDiffers(path)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Raises what the operating system says against a folder as :class:`DiskRefuses`."""
    try:
        yield
    except OSError as error:
        raise DiskRefuses(folder, error) from error
