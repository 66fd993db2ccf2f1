"""Copies of the ledger for the day its disk dies.

A backup is made beside a working station, through SQLite's own copying, which sees one instant; it is checked before it
counts, and the oldest make room for it. It holds the identities of its day. To put one back is not enough to go on: the
station has done things since that headquarters knows of, so it is enrolled again (:meth:`Ledger.begin_epoch`).
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from sync.store.errors import DatabaseDamaged, disk_translated
from sync.store.files import LEDGER
from sync.store.upgrade import connect, flush_file, problems

#: Where backups are kept, in a station's folder.
FOLDER: Final = "backups"


def back_up(home: Path, at: datetime, *, keep: int = 7) -> Path:
    """Copy the ledger, check the copy, and keep so many of them. Raises :class:`~sync.store.errors.StoreError`."""
    source = LEDGER.path(home)
    target = home / FOLDER / f"ledger-{at:%Y-%m-%d}.sqlite"
    side = target.with_name(target.name + ".new")
    with disk_translated(source, target):
        target.parent.mkdir(mode=0o700, exist_ok=True)
        side.unlink(missing_ok=True)
        side.touch(mode=0o600)
        with closing(connect(source, "ro")) as living, closing(connect(side, "rw")) as copy:
            living.backup(copy, pages=500)
            copy.execute("PRAGMA journal_mode = DELETE")
            if problems(copy):
                raise DatabaseDamaged(source)
        flush_file(side)
        side.replace(target)
        for old in sorted(target.parent.glob("ledger-*.sqlite"))[:-keep]:
            old.unlink()
    return target
