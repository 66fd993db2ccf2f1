"""The security saga and a kiosk whose power goes: killed while a tag is being released or secured, and started again.

Every kiosk is a process of its own, forked from one that has imported everything and has a single thread. The tag lives
on in memory that all of them share, as a real one would beside a kiosk that died.
"""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.iso15693 import Marking, MarkPolicy
from kiosk.flows.state import Stage
from tests.kiosk.saga import LENT, MAKES, ON_THE_SHELF, Law, Make, Mishap, Stand, book
from tests.sync.store.stations import BINH, KIEU_1, new_station, quick_folder

HOUSE = Path(__file__).parents[2]

#: In so many places each writing is cut short, out and back.
PLACES = 8

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kiosks are forked")


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_a_kiosk_killed_between_any_two_bytes_leaves_nothing_open_that_the_next_one_does_not_mend(make: Make) -> None:
    script = f"import sys; from {__name__} import be_killed; be_killed(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, make.name], cwd=HOUSE, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > PLACES


class Kept:
    """The mark of the one tag, and how long a writing was, in memory that outlives a process."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4)
        self.keep(book(KIEU_1).afi, eas=True)

    def keep(self, afi: int, *, eas: bool) -> None:
        """This is what the tag says now."""
        self._memory[0:2] = bytes((afi, eas))

    @property
    def mark(self) -> tuple[int, bool]:
        """What the tag says."""
        return self._memory[0], bool(self._memory[1])

    @property
    def length(self) -> int:
        """Bytes of the latest writing that was measured."""
        return int.from_bytes(self._memory[2:4], "big")

    @length.setter
    def length(self, length: int) -> None:
        self._memory[2:4] = length.to_bytes(2, "big")


def be_killed(name: str) -> None:
    """Let kiosks with a make of pad be killed, one after the other; prints how many were."""
    make = next(make for make in MAKES if make.name == name)
    killed = 0
    with quick_folder() as folder:
        home, kept = new_station(Path(folder)), Kept()
        for out in (True, False):
            _end_of(_kiosk(home, make, kept, lambda stand: _measured(stand, kept, out=out)), 0)  # noqa: B023, ends here
            length = kept.length
            for at in range(0, length, -(-length // PLACES)):
                _end_of(_kiosk(home, make, kept, lambda stand: _killed(stand, at, out=out)), signal.SIGKILL)  # noqa: B023
                _hold_law(home, make, kept)
                _end_of(_kiosk(home, make, kept, lambda stand: _mended(stand, touched=at % 2 == 0)), 0)  # noqa: B023
                _hold_law(home, make, kept)
                killed += 1
    print(killed)  # noqa: T201


def _kiosk(home: Path, make: Make, kept: Kept, live: Callable[[Stand], None]) -> int:
    """A kiosk of its own that lives as it is told."""
    child = os.fork()
    if child:
        return child
    try:
        with Stand(home, make, MarkPolicy.BOTH, KIEU_1) as stand:
            tag = stand.tags[KIEU_1]
            (tag.afi, tag.eas), held = kept.mark, tag.on_change

            def told() -> None:
                kept.keep(tag.afi, eas=tag.eas)
                stand.law.hold()

            tag.on_change = told if held else None
            live(stand)
            assert stand.law.broken == []
    except BaseException:  # noqa: BLE001, the last word of a process, which must not go back into the one it came from
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _end_of(child: int, wanted: int) -> None:
    _, status = os.waitpid(child, 0)
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    if ended != wanted:
        raise SystemExit(f"a kiosk ended with {ended}, not with {wanted}")


def _hold_law(home: Path, make: Make, kept: Kept) -> None:
    """What the kiosk has left behind, by the ledger's file and the tag alone."""
    law, tag = Law(home, Marking(MarkPolicy.BOTH)), book(KIEU_1)
    tag.afi, tag.eas = kept.mark
    law.watch(KIEU_1, tag)
    law.hold()
    law.close()
    if law.broken:
        raise SystemExit(f"{make.name}: {law.broken}")


def _go(stand: Stand, *, out: bool) -> None:
    if out:
        stand.borrow(KIEU_1)
        return
    stand.borrow(KIEU_1)
    stand.kiosk.settled({KIEU_1: Stage.RELEASED})
    stand.leave()
    stand.give_back(KIEU_1)


def _measured(stand: Stand, kept: Kept, *, out: bool) -> None:
    _go(stand, out=out)
    stand.kiosk.settled({KIEU_1: Stage.RELEASED if out else Stage.SECURED})
    kept.length = stand.line.passed
    stand.leave()
    _mended(stand, touched=True)


def _killed(stand: Stand, at: int, *, out: bool) -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if out:
        stand.line.arrange(at, Mishap.ASKED, die)
        stand.borrow(KIEU_1)
    else:
        stand.borrow(KIEU_1)
        stand.kiosk.settled({KIEU_1: Stage.RELEASED})
        stand.leave()
        stand.line.arrange(at, Mishap.ASKED, die)
        stand.give_back(KIEU_1)
    signal.pause()


def _mended(stand: Stand, *, touched: bool) -> None:
    """The book lies on the pad of the next kiosk: nobody has it and its tag is secured, or its reader has it and takes
    it out, or somebody brings it back; in the end it stands on the shelf.
    """
    lent, waits, _mark = stand.stands(KIEU_1)
    if lent:
        stand.borrow(KIEU_1)  # by the same reader: the gate must let her through
        stand.kiosk.settled({KIEU_1: Stage.REFUSED})
        stand.kiosk.until_true(lambda: stand.stands(KIEU_1) == LENT)
        stand.leave()
    elif waits and not touched:
        stand.line.put(stand.tags[KIEU_1])
        stand.kiosk.until_true(lambda: not stand.law.waits(KIEU_1))
        stand.leave()
    elif waits:
        stand.borrow(KIEU_1, reader=BINH)
        stand.kiosk.settled({KIEU_1: Stage.RELEASED})
        stand.leave()
    if stand.law.is_lent(KIEU_1):
        stand.give_back(KIEU_1)
        stand.kiosk.settled({KIEU_1: Stage.SECURED})
        stand.leave()
    assert stand.stands(KIEU_1) == ON_THE_SHELF
