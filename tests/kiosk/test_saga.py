"""The security saga: a book is lent and its tag released, or neither; it has come back and its tag is secured, or both
are known to be open. Whatever happens between two bytes of the wire, and whatever happens next.

Every test walks from the first byte of a writing to the last (:mod:`tests.kiosk.saga` says how), once for a book that
goes out and once for one that comes back, at one kiosk whose ledger grows with every visit. A *course* is what goes
wrong and what people do then. FEIG's wire is walked with every course behind every byte, with AFI and EAS as the mark;
on the other makes, and with the other marks, the courses take turns from byte to byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest

from drivers.iso15693 import MarkPolicy, Security
from kiosk.flows.state import CAME_BACK, Phase, Stage, State
from kiosk.views import Action
from tests.kiosk.saga import BIBLIOTHECA, FEIG, RL866, Make, Mishap, Stand
from tests.sync.store.stations import BINH, KIEU_1, LAO_HAC, new_station, quick_folder

#: Whether it is on loan, whether its tag waits for repair, and what the tag says.
LENT = (True, False, Security.RELEASED)
ON_THE_SHELF = (False, False, Security.SECURED)


@pytest.fixture
def home() -> Iterator[Path]:
    """The folder of a station, in memory: hundreds of visits wait for no disk."""
    with quick_folder() as folder:
        yield new_station(Path(folder))


# --- what people do next ----------------------------------------------------------------------------------------------


def lies_there(stand: Stand) -> None:
    """Somebody lays the book on the pad and does nothing else."""
    stand.line.put(stand.tags[KIEU_1])
    stand.kiosk.until_true(lambda: not stand.law.waits(KIEU_1))
    stand.leave()


def is_brought_back(stand: Stand) -> None:
    """Somebody returns it with a touch."""
    stand.give_back(KIEU_1)
    stand.kiosk.settled({KIEU_1: Stage.SECURED})
    stand.leave()


def is_borrowed_by_another(stand: Stand) -> None:
    """The next reader finds it lying there and borrows it."""
    stand.borrow(KIEU_1, reader=BINH)
    stand.kiosk.settled({KIEU_1: Stage.RELEASED})
    assert stand.stands(KIEU_1) == LENT
    stand.leave()
    is_brought_back(stand)


def kiosk_restarts(stand: Stand) -> None:
    """The kiosk is switched off and on before somebody lays the book down."""
    stand.restart()
    lies_there(stand)


NEXT = cycle([lies_there, is_brought_back, is_borrowed_by_another, lies_there, is_brought_back, kiosk_restarts])


def later(stand: Stand) -> None:
    """What comes of the book one day, all in turn; in the end it stands on the shelf."""
    if stand.law.is_lent(KIEU_1):
        is_brought_back(stand)
    elif stand.law.waits(KIEU_1):
        next(NEXT)(stand)


# --- courses ----------------------------------------------------------------------------------------------------------


def go(stand: Stand, *, out: bool) -> None:
    """Somebody comes to borrow the book, or to bring it back."""
    if out:
        stand.borrow(KIEU_1)
    else:
        stand.give_back(KIEU_1)


def ends_well(stand: Stand, *, out: bool) -> None:
    """In this very visit all comes right."""
    stand.kiosk.settled({KIEU_1: Stage.RELEASED if out else Stage.SECURED})
    assert stand.stands(KIEU_1) == (LENT if out else ON_THE_SHELF)
    stand.leave()


def replugged(stand: Stand, k: int, *, out: bool) -> None:
    """The plug is pulled, and put in again while the reader waits."""
    stand.line.arrange(k, Mishap.UNPLUGGED, stand.line.unplug)
    go(stand, out=out)
    stand.until_struck()
    stand.line.plug_in()
    ends_well(stand, out=out)


def unplugged_for_good(stand: Stand, k: int, *, out: bool) -> None:
    """The plug is pulled, and nobody puts it in before the reader has left."""
    stand.line.arrange(k, Mishap.UNPLUGGED, stand.line.unplug)
    go(stand, out=out)
    stand.until_struck()
    gives_up(stand, out=out)
    stand.line.plug_in()
    later(stand)


def put_back(stand: Stand, k: int, *, out: bool) -> None:
    """The book is lifted, and put back when the screen asks for it."""
    tag = stand.tags[KIEU_1]
    stand.line.arrange(k, Mishap.LIFTED, lambda: stand.line.lift(tag))
    go(stand, out=out)
    stand.until_struck()
    stand.kiosk.until(lambda state: not state.pad and at_rest(state))
    stand.line.put(tag)
    stand.kiosk.until(lambda state: bool(state.pad))
    ends_well(stand, out=out)


def carried_off(stand: Stand, k: int, *, out: bool) -> None:
    """The book is lifted, and not put back."""
    stand.line.arrange(k, Mishap.LIFTED, lambda: stand.line.lift(stand.tags[KIEU_1]))
    go(stand, out=out)
    stand.until_struck()
    gives_up(stand, out=out)
    later(stand)


def swapped(stand: Stand, k: int, *, out: bool) -> None:
    """Another book lies in its place, and does not wait for the first to be right."""

    def swap() -> None:
        stand.line.lift(stand.tags[KIEU_1])
        stand.line.put(stand.tags[LAO_HAC])

    stand.line.arrange(k, Mishap.SWAPPED, swap)
    go(stand, out=out)
    stand.until_struck()
    good = {Stage.RELEASED} if out else {Stage.SECURED}
    stand.kiosk.until(lambda s: at_rest(s) and {b.stage for b in s.books if b.item_id == LAO_HAC} == good)
    assert stand.stands(LAO_HAC) == (LENT if out else ON_THE_SHELF)
    gives_up(stand, out=out)
    if out:
        stand.give_back(LAO_HAC)
        stand.kiosk.settled({LAO_HAC: Stage.SECURED})
        stand.leave()
    later(stand)


def byte_lost(stand: Stand, k: int, *, out: bool) -> None:
    """A byte is lost on the way."""
    stand.line.arrange(k, Mishap.LOST)
    go(stand, out=out)
    ends_well(stand, out=out)


def byte_garbled(stand: Stand, k: int, *, out: bool) -> None:
    """A byte arrives as another."""
    stand.line.arrange(k, Mishap.GARBLED)
    go(stand, out=out)
    ends_well(stand, out=out)


Course = Callable[..., None]

COURSES: tuple[Course, ...] = (
    replugged, unplugged_for_good, put_back, carried_off, swapped, byte_lost, byte_garbled
)  # fmt: skip


def at_rest(state: State) -> bool:
    """Whether nothing more becomes of any book by itself."""
    done = {Stage.RELEASED, Stage.LIFTED, Stage.FAILED, *CAME_BACK}
    return all(book.stage in done and not book.pending for book in state.books)


def gives_up(stand: Stand, *, out: bool) -> None:
    """The reader leaves: either all was well before that, or nothing is lent and the tag waits for repair."""
    stand.kiosk.until(at_rest)
    stand.kiosk.touch(Action.END)
    stand.kiosk.until(lambda state: state.phase is Phase.ATTRACT)
    lent, waits, _mark = stand.stands(KIEU_1)
    assert (lent, waits) in ([(True, False), (False, True)] if out else [(False, False), (False, True)])
    stand.line.clear()
    stand.kiosk.until(lambda state: not state.pad)


def walk(stand: Stand, course: Callable[[int], Course]) -> None:
    """Take courses behind every byte of a writing, on the way out and on the way back."""
    stand.borrow(KIEU_1)
    ends_well(stand, out=True)
    for k in range(stand.line.passed):
        later(stand)
        course(k)(stand, k, out=True)
        assert stand.line.struck
        assert stand.law.broken == []
    later(stand)
    stand.borrow(KIEU_1)
    ends_well(stand, out=True)
    is_brought_back(stand)
    for k in range(stand.line.passed):
        stand.borrow(KIEU_1)
        ends_well(stand, out=True)
        course(k)(stand, k, out=False)
        assert stand.line.struck
        assert stand.law.broken == []
        later(stand)
    assert stand.stands(KIEU_1) == ON_THE_SHELF


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.__name__)
def test_every_course_behind_every_byte(home: Path, course: Course) -> None:
    with Stand(home, FEIG, MarkPolicy.BOTH, KIEU_1, LAO_HAC) as stand:
        walk(stand, lambda _k: course)


@pytest.mark.parametrize("policy", MarkPolicy)
@pytest.mark.parametrize("make", [FEIG, BIBLIOTHECA, RL866], ids=lambda make: make.name)
def test_courses_in_turn_behind_every_byte_of_every_make(home: Path, make: Make, policy: MarkPolicy) -> None:
    with Stand(home, make, policy, KIEU_1, LAO_HAC) as stand:
        walk(stand, lambda k: COURSES[k % len(COURSES)])
