"""The files of a machine: kept, put back, and torn as a power cut tears them.

A machine that dies leaves its files as they are on the disk at that instant. Here they are copied into another folder,
in which the machine then starts again; what the dead process still had open cannot matter any more. Locks and shared
memory do not outlive a machine.

A power cut may lose what was written and not yet brought onto the disk. Before an act everything was (a commit returns
after ``fsync``), so of what the act wrote to a log any beginning may be left, or a beginning with a hole in it, where a
page came later than those behind it. Where the act moved the log into the database (a checkpoint, itself in two
flushed steps), this stays on the safe side and leaves all of it or nothing. Every byte that is asked for here is one
that a disk may hold; not every state that a disk may hold is asked for (tests/sync/store/test_ledger_kill.py goes
through them one by one).
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TypeAlias

#: What was in a folder, by its names.
Files: TypeAlias = dict[str, bytes]

_FLEETING = ("-shm", ".lock", ".owner.json")
_LOG = "-wal"
_SECTOR = 512


def freeze(home: Path) -> Files:
    """The files in a folder as they are."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.endswith(_FLEETING)
    }


def thaw(home: Path, files: Files) -> Path:
    """Put files into a new folder."""
    home.mkdir(mode=0o700)
    for name, content in files.items():
        path = home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    return home


def torn(before: Files, after: Files, rng: random.Random) -> Files:
    """What may be left of the files when the power goes while ``before`` becomes ``after``."""
    left = dict(after)
    for name in {*before, *after}:
        if not name.endswith(_LOG) or before.get(name) == after.get(name):
            continue
        base = name.removesuffix(_LOG)
        old, new = before.get(name, b""), after.get(name, b"")
        if before.get(base) != after.get(base) or not new.startswith(old):
            if rng.random() < 0.5:
                _as_before(left, before, (name, base))
            continue
        left[name] = _broken_off(old, new, rng)
    return left


def _broken_off(old: bytes, new: bytes, rng: random.Random) -> bytes:
    cut = rng.randint(len(old), len(new))
    kept = bytearray(new[:cut])
    if rng.random() < 0.3 and cut - len(old) > _SECTOR:
        at = rng.randrange(len(old), cut - _SECTOR)
        kept[at : at + _SECTOR] = rng.choice((bytes(_SECTOR), rng.randbytes(_SECTOR)))
    return bytes(kept)


def _as_before(left: Files, before: Files, names: tuple[str, ...]) -> None:
    for name in names:
        if name in before:
            left[name] = before[name]
        else:
            left.pop(name, None)
