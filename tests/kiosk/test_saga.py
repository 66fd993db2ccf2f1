"""The security saga: a book is lent and its tag released, or neither; it has come back and its tag is secured, or both
are known to be open. Whatever happens between two bytes of the wire, and whatever happens next.

Every test walks from the first byte of a writing to the last (:mod:`tests.kiosk.saga` says how), once for a book that
goes out and once for one that comes back, at one kiosk whose ledger grows with every visit. A *course* is what goes
wrong and what people do then. On FEIG's wire, with AFI and EAS as the mark, the plug is pulled behind every byte, to be
put in again or not. On every make and with every mark the courses take turns, from byte to byte or in small steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

from drivers.iso15693 import MarkPolicy
from drivers.simulators.field import PadFault
from kiosk.flows.state import CAME_BACK, Phase, Stage, State
from kiosk.views import Action, RowState
from tests.kiosk.saga import BIBLIOTHECA, FEIG, LENT, MAKES, ON_THE_SHELF, RL866, Make, Mishap, Stand
from tests.kiosk.wires import rows_of
from tests.sync.store.stations import (
    BINH,
    DICTIONARY,
    KIEU_1,
    LAO_HAC,
    Clock,
    look_at,
    new_station,
    open_desk,
    quick_folder,
)


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


def walk(stand: Stand, course: Callable[[int], Course], step: int = 1) -> None:
    """Take courses behind the bytes of a writing, on the way out and on the way back."""
    stand.borrow(KIEU_1)
    ends_well(stand, out=True)
    for k in range(0, stand.line.passed, step):
        later(stand)
        course(k)(stand, k, out=True)
        assert stand.line.struck
        assert stand.law.broken == []
    later(stand)
    stand.borrow(KIEU_1)
    ends_well(stand, out=True)
    is_brought_back(stand)
    for k in range(0, stand.line.passed, step):
        stand.borrow(KIEU_1)
        ends_well(stand, out=True)
        course(k)(stand, k, out=False)
        assert stand.line.struck
        assert stand.law.broken == []
        later(stand)
    assert stand.stands(KIEU_1) == ON_THE_SHELF


@pytest.mark.parametrize("course", [replugged, unplugged_for_good], ids=lambda course: course.__name__)
def test_a_plug_pulled_behind_any_byte(home: Path, course: Course) -> None:
    with Stand(home, FEIG, MarkPolicy.BOTH, KIEU_1, LAO_HAC) as stand:
        walk(stand, lambda _k: course)


@pytest.mark.parametrize(
    ("make", "policy", "step"),
    [
        (FEIG, MarkPolicy.BOTH, 1),
        (FEIG, MarkPolicy.AFI, 2),
        (FEIG, MarkPolicy.EAS, 2),
        (BIBLIOTHECA, MarkPolicy.BOTH, 1),
        (BIBLIOTHECA, MarkPolicy.AFI, 2),
        (BIBLIOTHECA, MarkPolicy.EAS, 2),
        # Each exchange with a tag is three here, and no longer than the others' where it counts.
        (RL866, MarkPolicy.BOTH, 3),
        (RL866, MarkPolicy.AFI, 3),
        (RL866, MarkPolicy.EAS, 3),
    ],
    ids=lambda part: part.name if isinstance(part, Make) else str(part),
)
def test_every_course_in_its_turn_behind_the_bytes_of_every_make(
    home: Path, make: Make, policy: MarkPolicy, step: int
) -> None:
    with Stand(home, make, policy, KIEU_1, LAO_HAC) as stand:
        walk(stand, lambda k: COURSES[k // step % len(COURSES)], step)


# --- the pad's own faults ---------------------------------------------------------------------------------------------

ALL_MAKES = pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)


@ALL_MAKES
@pytest.mark.parametrize("out", [True, False], ids=["out", "back"])
@pytest.mark.parametrize(
    "fault", [PadFault.TAG_LIFTED_BEFORE_WRITE, PadFault.TAG_LIFTED_MID_WRITE, PadFault.TAG_LIFTED_AFTER_WRITE]
)
def test_a_tag_that_leaves_around_its_write_is_asked_back(
    home: Path, make: Make, fault: PadFault, *, out: bool
) -> None:
    with Stand(home, make, MarkPolicy.BOTH, KIEU_1, LAO_HAC) as stand:
        if not out:
            stand.borrow(KIEU_1)
            ends_well(stand, out=True)
        stand.line.faults.cause(fault, times=1)
        go(stand, out=out)
        stand.kiosk.settled({KIEU_1: Stage.LIFTED if out else Stage.UNSECURED})
        shown = rows_of(stand.kiosk.views[-1])
        assert shown == {KIEU_1: RowState.PUT_BACK if out else RowState.PUT_ASIDE}
        stand.kiosk.until(lambda state: not state.pad)
        stand.line.put(stand.tags[KIEU_1])
        ends_well(stand, out=out)
        assert stand.law.broken == []


@ALL_MAKES
@pytest.mark.parametrize("out", [True, False], ids=["out", "back"])
def test_a_tag_with_too_little_power_is_written_until_it_is_as_wanted(home: Path, make: Make, *, out: bool) -> None:
    with Stand(home, make, MarkPolicy.BOTH, KIEU_1) as stand:
        if not out:
            stand.borrow(KIEU_1)
            ends_well(stand, out=True)
        stand.line.faults.cause(PadFault.WRITE_IGNORED, times=5)
        go(stand, out=out)
        ends_well(stand, out=out)
        assert stand.law.broken == []


@dataclass(frozen=True)
class Locked:
    """Which half of a mark can never be changed again, the library's marks, and what a released tag then says."""

    half: str
    policy: MarkPolicy


LOCKED = [
    Locked("afi_locked", MarkPolicy.AFI),
    Locked("eas_locked", MarkPolicy.EAS),
    Locked("afi_locked", MarkPolicy.BOTH),
    Locked("eas_locked", MarkPolicy.BOTH),
]


@ALL_MAKES
@pytest.mark.parametrize("locked", LOCKED, ids=lambda locked: f"{locked.half}-{locked.policy}")
def test_a_locked_tag_is_not_lent_and_secured_again_where_half_of_it_was_released(
    home: Path, make: Make, locked: Locked
) -> None:
    with Stand(home, make, locked.policy, KIEU_1) as stand:
        setattr(stand.tags[KIEU_1], locked.half, True)
        stand.borrow(KIEU_1)
        stand.kiosk.settled({KIEU_1: Stage.FAILED})
        stand.kiosk.until_true(lambda: not stand.law.waits(KIEU_1))
        assert rows_of(stand.kiosk.views[-1]) == {KIEU_1: RowState.REFUSED}
        assert stand.stands(KIEU_1) == ON_THE_SHELF
        assert stand.law.broken == []


@ALL_MAKES
@pytest.mark.parametrize("locked", LOCKED, ids=lambda locked: f"{locked.half}-{locked.policy}")
def test_a_tag_locked_while_it_was_lent_comes_back_and_waits_for_staff(home: Path, make: Make, locked: Locked) -> None:
    with Stand(home, make, locked.policy, KIEU_1) as stand:
        stand.borrow(KIEU_1)
        ends_well(stand, out=True)
        setattr(stand.tags[KIEU_1], locked.half, True)
        stand.give_back(KIEU_1)
        stand.kiosk.settled({KIEU_1: Stage.UNSECURED})
        assert rows_of(stand.kiosk.views[-1]) == {KIEU_1: RowState.PUT_ASIDE}
        assert stand.stands(KIEU_1)[:2] == (False, True)
        stand.restart()
        assert stand.law.waits(KIEU_1)
        with look_at(home, Clock()) as view:
            assert [repair.reason for repair in view.pending_repairs()] == ["locked"]
        assert stand.law.broken == []


@ALL_MAKES
def test_a_book_refused_to_a_reader_is_secured_where_it_waits_for_that(home: Path, make: Make) -> None:
    with open_desk(home, Clock()) as ledger:
        ledger.repair_needed(DICTIONARY, "found_open")
    with Stand(home, make, MarkPolicy.BOTH, DICTIONARY) as stand:
        stand.tags[DICTIONARY].eas = False
        stand.borrow(DICTIONARY)
        stand.kiosk.settled({DICTIONARY: Stage.REFUSED})
        stand.kiosk.until_true(lambda: not stand.law.waits(DICTIONARY))
        assert stand.stands(DICTIONARY) == ON_THE_SHELF
        assert stand.law.broken == []
