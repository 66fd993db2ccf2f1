"""The session on real wires: its ledger on disk, the pad's driver over TCP to a simulated pad with faults to switch on.

What the flow decides is tried elsewhere; here it is that the session does it, in that order, whatever the wires do.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from drivers.devices import (
    DeviceBack,
    DeviceRefused,
    Identity,
    NoAnswer,
    NotSent,
    PrintOutcome,
    Raster,
    StackSteady,
    TagArrived,
    TagRead,
)
from drivers.library_tag import LibraryTag
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.pad import SimulatedPad
from kiosk.flows import messages as m
from kiosk.flows.state import Phase, PinMode, Setup, Stage, State
from kiosk.pins import FIRST_WAIT_S, hash_pin
from kiosk.session import Hands, Session
from kiosk.views import (
    Action,
    BorrowView,
    ClosedView,
    OutOfServiceView,
    PinView,
    Receipt,
    RowState,
    StaffView,
    View,
)
from sync.circulation import events as ev
from sync.store.errors import DatabaseInUse
from sync.store.ledger import Ledger
from tests.kiosk.wires import (
    RELEASED,
    SECURED,
    SETUP,
    Kiosk,
    afis,
    card,
    rows_of,
    scan,
    tag_in,
    tags_in,
)
from tests.sync.store.stations import (
    AN,
    ATLAS_SET,
    BINH,
    BRANCH,
    DICTIONARY,
    FOREIGN,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    SO_DO,
    STRANGER,
    VISITING,
    Clock,
    events,
    in_order,
    look_at,
    new_station,
    open_desk,
    told,
)


@pytest.fixture
def home(home: Path) -> Path:
    """The folder of a station with a small library."""
    return new_station(home)


@pytest.fixture
def pad() -> Iterator[SimulatedPad]:
    with SimulatedPad() as pad:
        yield pad


@pytest.fixture
def kiosk(home: Path, pad: SimulatedPad) -> Iterator[Kiosk]:
    with Kiosk(home, pad) as kiosk:
        yield kiosk


def recorded(home: Path) -> list[str]:
    """The events so far, as another pair of eyes sees them: what was done, and with which item."""
    with look_at(home, Clock()) as view:
        assert in_order(view)
        return [" ".join((type(e).__name__, getattr(e, "item", ""))).strip() for e in events(view)]


def on_loan(home: Path, reader: str = AN) -> set[str]:
    """What a reader has, as another pair of eyes sees it."""
    with look_at(home, Clock()) as view:
        return {line.loan.item_id for line in view.account(reader).loans}


def to_repair(home: Path) -> set[str]:
    """The items whose tags wait to be secured."""
    with look_at(home, Clock()) as view:
        return {repair.item_id for repair in view.pending_repairs()}


# --- whole visits -----------------------------------------------------------------------------------------------------


def test_three_are_borrowed_one_is_refused_two_come_back_and_one_is_renewed(
    home: Path, pad: SimulatedPad, kiosk: Kiosk
) -> None:
    tags = {item: tag_in(VirtualTag, item) for item in (KIEU_1, LAO_HAC, SO_DO, DICTIONARY)}
    kiosk.do(card(AN))
    pad.put(*tags.values())
    kiosk.settled({KIEU_1: Stage.RELEASED, LAO_HAC: Stage.RELEASED, SO_DO: Stage.RELEASED, DICTIONARY: Stage.REFUSED})
    assert on_loan(home) == {KIEU_1, LAO_HAC, SO_DO}
    assert {item: tag.afi for item, tag in tags.items()} == {
        KIEU_1: RELEASED, LAO_HAC: RELEASED, SO_DO: RELEASED, DICTIONARY: SECURED
    }  # fmt: skip
    kiosk.touch(Action.FINISH)
    kiosk.until(lambda s: s.phase is Phase.DONE)
    kiosk.touch(Action.NO_PRINT)
    pad.clear()
    kiosk.until(lambda s: s.phase is Phase.ATTRACT and not s.pad)

    pad.put(tags[KIEU_1], tags[LAO_HAC])
    kiosk.settled({KIEU_1: Stage.WAITING, LAO_HAC: Stage.WAITING})
    kiosk.touch(Action.RETURN)
    kiosk.settled({KIEU_1: Stage.SECURED, LAO_HAC: Stage.SECURED})
    assert afis([tags[KIEU_1], tags[LAO_HAC]]) == [SECURED, SECURED]
    assert to_repair(home) == set()

    kiosk.do(card(AN))
    kiosk.until(lambda s: s.phase is Phase.BORROW)
    kiosk.touch(Action.ACCOUNT)
    kiosk.until(lambda s: s.phase is Phase.ACCOUNT)
    kiosk.touch(Action.RENEW_ALL)
    kiosk.until(lambda s: bool(s.renewals))
    kiosk.touch(Action.END)
    kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    assert on_loan(home) == {SO_DO}
    done = recorded(home)
    assert done[0] == "VisitOpened"
    assert sorted(done[1:6]) == sorted(
        [*(f"CheckedOut {item}" for item in (KIEU_1, LAO_HAC, SO_DO)), "Refusal", "VisitClosed"]
    )
    assert sorted(done[6:12]) == sorted(
        ["VisitOpened", *(f"{act} {item}" for act in ("CheckedIn", "TagSecured") for item in (KIEU_1, LAO_HAC)),
         "VisitClosed"]
    )  # fmt: skip
    assert done[12:] == ["VisitOpened", f"Renewed {SO_DO}", "VisitClosed"]
    with look_at(home, Clock()) as view:
        counts = [(e.outcome, e.out, e.back, e.renewed) for e in events(view) if isinstance(e, ev.VisitClosed)]
    assert counts == [("done", 3, 0, 0), ("done", 0, 2, 0), ("done", 0, 0, 1)]


def test_every_act_carries_the_visit_it_was_done_in(home: Path, pad: SimulatedPad, kiosk: Kiosk) -> None:
    pad.put(tag_in(VirtualTag, KIEU_1), tag_in(VirtualTag, DICTIONARY))
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.RELEASED, DICTIONARY: Stage.REFUSED})
    kiosk.touch(Action.END)
    kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    with look_at(home, Clock()) as view:
        visits = {e.visit for e in events(view) if isinstance(e, ev.CheckedOut | ev.Refusal | ev.VisitOpened)}
    assert len(visits) == 1
    assert None not in visits


def test_a_set_and_books_of_other_libraries_come_back(home: Path, pad: SimulatedPad, kiosk: Kiosk) -> None:
    pad.put(*tags_in(VirtualTag, ATLAS_SET))
    kiosk.do(card(AN))
    kiosk.settled({ATLAS_SET: Stage.RELEASED})
    kiosk.touch(Action.END)
    pad.clear()
    kiosk.until(lambda s: s.phase is Phase.ATTRACT and not s.pad)
    first, *others = tags_in(VirtualTag, ATLAS_SET)
    for tag in (first, *others):
        tag.afi = RELEASED
    visiting, foreign = tag_in(VirtualTag, VISITING), tag_in(VirtualTag, FOREIGN)
    pad.put(first, visiting, foreign)
    kiosk.settled({ATLAS_SET: Stage.WAITING, VISITING: Stage.WAITING, FOREIGN: Stage.WAITING})
    kiosk.touch(Action.RETURN)
    kiosk.settled({ATLAS_SET: Stage.UNSECURED, VISITING: Stage.SECURED, FOREIGN: Stage.SECURED})
    assert rows_of(kiosk.views[-1]) == dict.fromkeys((ATLAS_SET, VISITING, FOREIGN), RowState.PUT_ASIDE)
    assert to_repair(home) == {ATLAS_SET}
    pad.put(*others)
    kiosk.settled({ATLAS_SET: Stage.SECURED, VISITING: Stage.SECURED, FOREIGN: Stage.SECURED})
    assert rows_of(kiosk.views[-1])[ATLAS_SET] is RowState.RETURNED
    assert to_repair(home) == set()


def test_codes_are_looked_up_as_cards_first_and_then_as_items(home: Path, kiosk: Kiosk) -> None:
    kiosk.do(scan(AN))
    kiosk.until(lambda s: s.phase is Phase.BORROW)
    kiosk.do(scan(KIEU_1), scan(AN), scan(BINH))
    kiosk.settled({KIEU_1: Stage.RELEASED})
    kiosk.touch(Action.END)
    kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    assert on_loan(home) == {KIEU_1}
    kiosk.do(scan(KIEU_1))
    kiosk.settled({KIEU_1: Stage.WAITING})
    kiosk.touch(Action.END)
    kiosk.do(scan(STRANGER))
    kiosk.until(lambda s: s.phase is Phase.PROBLEM)


def test_a_book_that_waits_for_repair_is_known_to_when_it_is_brought(
    home: Path, pad: SimulatedPad, kiosk: Kiosk
) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    pad.put(tag)
    pad.cause(PadFault.TAG_LIFTED_MID_WRITE, times=1)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.LIFTED})
    kiosk.touch(Action.FINISH)
    kiosk.until(lambda s: s.phase is Phase.ATTRACT and not s.pad)
    assert (tag.afi, on_loan(home), to_repair(home)) == (RELEASED, set(), {KIEU_1})
    pad.put(tag)
    assert kiosk.settled({KIEU_1: Stage.WAITING}).books[0].on_loan
    kiosk.touch(Action.RETURN)
    kiosk.settled({KIEU_1: Stage.SECURED})
    assert (tag.afi, to_repair(home)) == (SECURED, set())


# --- the order of ledger and tag --------------------------------------------------------------------------------------


class WatchedTag(VirtualTag):
    """A tag that tells when its security byte is about to be written, and to what."""

    before_write: Callable[[int], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "afi" and self.before_write is not None:
            self.before_write(value)
        super().__setattr__(name, value)


def test_at_the_moment_of_every_write_the_ledger_knows_why(home: Path, pad: SimulatedPad, kiosk: Kiosk) -> None:
    tags = {item: tag_in(WatchedTag, item) for item in (KIEU_1, LAO_HAC, SO_DO)}
    seen: queue.SimpleQueue[tuple[str, int, bool, bool]] = queue.SimpleQueue()

    def watch(item: str) -> Callable[[int], None]:
        def look(afi: int) -> None:  # in the simulator's thread, while the driver waits for the answer
            with look_at(home, Clock()) as view:
                found = view.find_item(item)
                waits = any(repair.item_id == item for repair in view.pending_repairs())
            seen.put((item, afi, bool(found and found[2]), waits))

        return look

    for item, tag in tags.items():
        tag.before_write = watch(item)
    pad.put(*tags.values())
    kiosk.do(card(AN))
    kiosk.settled(dict.fromkeys(tags, Stage.RELEASED))
    kiosk.touch(Action.END)
    pad.clear()
    kiosk.until(lambda s: s.phase is Phase.ATTRACT and not s.pad)
    pad.put(*tags.values())
    kiosk.settled(dict.fromkeys(tags, Stage.WAITING))
    kiosk.touch(Action.RETURN)
    kiosk.settled(dict.fromkeys(tags, Stage.SECURED))
    writes = [seen.get_nowait() for _each in range(seen.qsize())]
    assert {write for write in writes if write[1] == RELEASED} == {(item, RELEASED, True, False) for item in tags}
    assert {write for write in writes if write[1] == SECURED} == {(item, SECURED, False, True) for item in tags}


def test_a_book_is_shown_as_borrowed_only_when_the_ledger_and_the_tag_have_it(home: Path, pad: SimulatedPad) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    found: list[tuple[bool, int]] = []

    def look(shown: View) -> None:
        if rows_of(shown).get(KIEU_1) is RowState.BORROWED:
            found.append((KIEU_1 in on_loan(home), tag.afi))

    pad.put(tag)
    with Kiosk(home, pad, look=look) as kiosk:
        kiosk.do(card(AN))
        kiosk.settled({KIEU_1: Stage.RELEASED})
    assert set(found) == {(True, RELEASED)}


# --- faults on the wire -----------------------------------------------------------------------------------------------


def test_an_answer_lost_after_the_write_is_read_back_and_the_loan_made_once(
    home: Path, pad: SimulatedPad, kiosk: Kiosk
) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    pad.cause(PadFault.ANSWER_LOST_AFTER_WRITE, times=1)
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.RELEASED})
    assert tag.afi == RELEASED
    assert recorded(home) == ["VisitOpened", f"CheckedOut {KIEU_1}"]


@pytest.mark.parametrize(
    "fault",
    [PadFault.TAG_LIFTED_BEFORE_WRITE, PadFault.TAG_LIFTED_MID_WRITE, PadFault.TAG_LIFTED_AFTER_WRITE],
)
def test_a_book_lifted_around_its_write_is_asked_back_and_released_when_it_comes(
    home: Path, pad: SimulatedPad, kiosk: Kiosk, fault: PadFault
) -> None:
    tag, other = tag_in(VirtualTag, KIEU_1), tag_in(VirtualTag, LAO_HAC)
    pad.cause(fault, times=1)
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.LIFTED})
    assert rows_of(kiosk.views[-1]) == {KIEU_1: RowState.PUT_BACK}
    assert on_loan(home) == {KIEU_1}
    pad.put(other)
    kiosk.settled({KIEU_1: Stage.LIFTED, LAO_HAC: Stage.RELEASED})
    kiosk.until(lambda s: all(t.uid != tag.uid for t in s.pad))
    pad.put(tag)
    kiosk.settled({KIEU_1: Stage.RELEASED, LAO_HAC: Stage.RELEASED})
    assert afis([tag, other]) == [RELEASED, RELEASED]
    assert recorded(home).count(f"CheckedOut {KIEU_1}") == 1


@pytest.mark.parametrize("fault", [PadFault.CABLE_PULLED, PadFault.CABLE_PULLED_MID_WRITE])
def test_a_cable_pulled_in_the_middle_of_a_release_is_made_good_when_it_is_back(
    home: Path, pad: SimulatedPad, kiosk: Kiosk, fault: PadFault
) -> None:
    tag = tag_in(WatchedTag, KIEU_1)
    if fault is PadFault.CABLE_PULLED:
        tag.before_write = lambda _afi: pad.cause(PadFault.CABLE_PULLED)
    else:
        pad.cause(fault, times=1)
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.until(lambda s: any(d.name == "pad" and d.well is False for d in s.devices))
    kiosk.settled({KIEU_1: Stage.LIFTED})
    assert on_loan(home) == {KIEU_1}
    tag.before_write = None
    pad.mend()
    kiosk.settled({KIEU_1: Stage.RELEASED})
    assert tag.afi == RELEASED
    assert recorded(home) == ["VisitOpened", f"CheckedOut {KIEU_1}", "DeviceFault", "DeviceWell"]


def test_a_cable_that_stays_pulled_leaves_no_loan_and_a_repair_row(home: Path, pad: SimulatedPad, kiosk: Kiosk) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    pad.cause(PadFault.CABLE_PULLED_MID_WRITE, times=1)
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.LIFTED})
    kiosk.touch(Action.FINISH)
    kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    assert tag.afi == RELEASED
    assert (on_loan(home), to_repair(home)) == (set(), {KIEU_1})
    assert recorded(home) == ["VisitOpened", f"CheckedOut {KIEU_1}", "DeviceFault", f"Undone {KIEU_1}", "VisitClosed"]


def test_a_locked_tag_is_not_lent_and_its_repair_row_goes_when_it_has_been_read(
    home: Path, pad: SimulatedPad, kiosk: Kiosk
) -> None:
    locked, good = tag_in(VirtualTag, KIEU_1), tag_in(VirtualTag, LAO_HAC)
    locked.afi_locked = True
    pad.put(locked, good)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.FAILED, LAO_HAC: Stage.RELEASED})
    assert on_loan(home) == {LAO_HAC}
    kiosk.until(lambda _state: to_repair(home) == set())
    assert f"TagSecured {KIEU_1}" in recorded(home)


def test_a_locked_tag_that_no_gate_alarms_at_keeps_its_repair_row(home: Path, pad: SimulatedPad, kiosk: Kiosk) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    tag.afi, tag.afi_locked = 0x00, True
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.FAILED})
    assert (on_loan(home), to_repair(home)) == (set(), {KIEU_1})


def test_a_tag_too_weak_to_be_written_is_tried_again(pad: SimulatedPad, kiosk: Kiosk) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    pad.cause(PadFault.WRITE_IGNORED, times=4)  # the driver itself tries three times
    pad.put(tag)
    kiosk.do(card(AN))
    kiosk.settled({KIEU_1: Stage.RELEASED})
    assert tag.afi == RELEASED


def test_a_loan_that_was_never_released_because_the_kiosk_went_down_is_released_later(
    home: Path, pad: SimulatedPad
) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    with open_desk(home, Clock()) as ledger:
        ledger.checkout(AN, KIEU_1)
    pad.put(tag)
    with Kiosk(home, pad) as kiosk:
        kiosk.do(card(AN))
        kiosk.settled({KIEU_1: Stage.REFUSED})
        assert tag.afi == RELEASED
        assert rows_of(kiosk.views[-1]) == {KIEU_1: RowState.ON_LOAN}


def test_a_loan_that_was_renewed_before_its_release_failed_ends_all_the_same(home: Path, pad: SimulatedPad) -> None:
    clock, tag = Clock(), tag_in(VirtualTag, KIEU_1)
    with Kiosk(home, pad, clock=clock) as kiosk:
        pad.cause(PadFault.TAG_LIFTED_BEFORE_WRITE, times=1)
        pad.put(tag)
        kiosk.do(card(AN))
        kiosk.settled({KIEU_1: Stage.LIFTED})
        kiosk.touch(Action.ACCOUNT)
        kiosk.until(lambda s: s.phase is Phase.ACCOUNT)
        kiosk.touch(Action.RENEW_ALL)
        kiosk.until(lambda s: bool(s.renewals))
        kiosk.touch(Action.END)
        kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    assert (on_loan(home), to_repair(home)) == (set(), {KIEU_1})
    acts = [act for act in recorded(home) if act.endswith(KIEU_1)]
    assert acts == [f"CheckedOut {KIEU_1}", f"Renewed {KIEU_1}", f"CheckedIn {KIEU_1}"]


# --- the ledger -------------------------------------------------------------------------------------------------------


def full_after(home: Path, pages: int) -> Callable[[], Ledger]:
    """A ledger with room for so many more pages and no more."""

    def opened() -> Ledger:
        ledger = open_desk(home, Clock())
        raw = ledger._file._raw  # noqa: SLF001, only this connection can be limited
        (there,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {there + pages}").close()
        return ledger

    return opened


#: A book stands like this when nothing more will become of it by itself.
AT_REST = {Stage.REFUSED, Stage.RELEASED, Stage.FAILED, Stage.SECURED, Stage.UNSECURED}


def visits_until_the_ledger_fails(kiosk: Kiosk, pad: SimulatedPad, tags: dict[str, VirtualTag]) -> None:
    """Borrow all there is and bring it back, again and again, until the station goes out of service."""

    def over(state: State) -> bool:
        at_rest = len(state.books) == len(tags) and all(b.stage in AT_REST and not b.pending for b in state.books)
        return at_rest or bool(state.out_of_service)

    def leave() -> bool:
        kiosk.until(over)
        kiosk.touch(Action.END)
        failed = bool(kiosk.until(lambda s: s.phase is Phase.ATTRACT).out_of_service)
        pad.clear()
        kiosk.until(lambda s: not s.pad)
        return failed

    for _visit in range(100):
        kiosk.do(card(AN))
        pad.put(*tags.values())
        if leave():
            return
        pad.put(*tags.values())
        kiosk.settled(dict.fromkeys(tags, Stage.WAITING))
        kiosk.touch(Action.RETURN)
        if leave():
            return
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("pages", range(3))
def test_a_full_disk_ends_in_out_of_service_and_nothing_is_shown_as_lent_that_is_not(
    home: Path, pad: SimulatedPad, pages: int
) -> None:
    tags = {item: tag_in(VirtualTag, item) for item in (KIEU_1, LAO_HAC, SO_DO)}
    with Kiosk(home, pad, open_ledger=full_after(home, pages)) as kiosk:
        visits_until_the_ledger_fails(kiosk, pad, tags)
        assert kiosk.views[-1].body == OutOfServiceView("L-DiskFull")
        lent = [rows_of(view) for view in kiosk.views if isinstance(view.body, BorrowView)]
    loans = on_loan(home)
    if isinstance(kiosk.views[-2].body, BorrowView):
        assert {item for item, row in lent[-1].items() if row is RowState.BORROWED} <= loans
    for item, tag in tags.items():
        assert tag.afi == SECURED or item in loans | to_repair(home)
    with look_at(home, Clock()) as view:
        assert in_order(view)


def test_a_loan_that_cannot_be_written_is_never_shown_and_its_tag_never_touched(home: Path, pad: SimulatedPad) -> None:
    tag = tag_in(WatchedTag, KIEU_1)
    writes: list[int] = []
    tag.before_write = writes.append

    def read_only() -> Ledger:
        ledger = open_desk(home, Clock())
        ledger._file._raw.execute("PRAGMA query_only = ON").close()  # noqa: SLF001, it cannot be made so from outside
        return ledger

    with Kiosk(home, pad, open_ledger=read_only) as kiosk:
        pad.put(tag)
        kiosk.do(card(AN))
        kiosk.until(lambda s: bool(s.out_of_service))
        assert kiosk.views[-1].body == OutOfServiceView("L-ReadOnlyDisk")
        assert (KIEU_1, RowState.BORROWED) not in kiosk.ever_shown
    assert writes == []
    assert recorded(home) == []


def test_a_session_that_cannot_open_its_ledger_says_so_and_ends(home: Path) -> None:
    with open_desk(home, Clock()):
        session = Session(SETUP, partial(open_desk, home, Clock(), wait=0))
        session.begin(Hands())
        session.stop()
    assert isinstance(session.failed, DatabaseInUse)


def test_a_session_that_was_stopped_has_let_go_of_its_ledger(home: Path) -> None:
    with Kiosk(home), pytest.raises(DatabaseInUse):
        open_desk(home, Clock(), wait=0)
    open_desk(home, Clock(), wait=0).close()


# --- hours, clocks and staff ------------------------------------------------------------------------------------------


def test_in_closed_hours_the_screen_says_when_it_opens_and_returns_are_taken(home: Path, pad: SimulatedPad) -> None:
    with open_desk(home, Clock()) as ledger:
        ledger.checkout(AN, KIEU_1)
    tag = tag_in(VirtualTag, KIEU_1)
    tag.afi = RELEASED
    night = Clock(MORNING + timedelta(hours=12))
    with Kiosk(home, pad, clock=night) as kiosk:
        assert kiosk.views[-1].body == ClosedView(MORNING + timedelta(hours=22))
        kiosk.do(card(AN))
        pad.put(tag)
        kiosk.settled({KIEU_1: Stage.WAITING})
        kiosk.touch(Action.RETURN)
        kiosk.settled({KIEU_1: Stage.SECURED})
    assert on_loan(home) == set()
    assert tag.afi == SECURED


def test_staff_see_the_clocks_doubt_unsent_events_and_tags_to_secure(home: Path) -> None:
    with open_desk(home, Clock()) as ledger:
        ledger.repair_needed(KIEU_1, "found_open")
    wrong = Clock(MORNING - timedelta(days=90))
    with Kiosk(home, clock=wrong, hands=Hands(staff_pin=hash_pin("2468"))) as kiosk:
        kiosk.touch(Action.STAFF_CORNER)
        for digit in "13572468":
            kiosk.touch(Action.DIGIT, digit)
        kiosk.until(lambda s: s.phase is Phase.STAFF)
        seen = kiosk.views[-1].body
        assert isinstance(seen, StaffView)
        assert (seen.clock_trusted, seen.unsent, [r.item_id for r in seen.repairs]) == (False, 1, [KIEU_1])
        kiosk.touch(Action.REPAIR_DONE, KIEU_1)
        kiosk.until(lambda s: s.staff is not None and not s.staff.repairs)
    assert to_repair(home) == set()


def test_without_a_staff_pin_the_corner_stays_shut(home: Path) -> None:
    with Kiosk(home) as kiosk:
        kiosk.touch(Action.STAFF_CORNER)
        for digit in "0000":
            kiosk.touch(Action.DIGIT, digit)
        kiosk.until(lambda s: s.phase is Phase.STAFF_PIN and s.pin.wrong)


# --- PINs -------------------------------------------------------------------------------------------------------------


def test_the_account_opens_with_the_readers_pin_and_locks_after_wrong_ones(home: Path) -> None:
    with told(home) as reference:
        reference.write_pins({AN: hash_pin("1234")})
    setup = replace(SETUP, pin=PinMode.ACCOUNT)
    with Kiosk(home, setup=setup) as kiosk:
        kiosk.do(card(AN))
        kiosk.touch(Action.ACCOUNT)
        for digit in "00001234":
            kiosk.touch(Action.DIGIT, digit)
        kiosk.until(lambda s: s.phase is Phase.ACCOUNT)
        kiosk.touch(Action.END)
        kiosk.do(card(AN))
        kiosk.touch(Action.ACCOUNT)
        for digit in "0000" * 3:
            kiosk.touch(Action.DIGIT, digit)
        kiosk.until(lambda s: s.pin.wrong and s.pin.tries_left == 0)
        shown = kiosk.views[-1].body
        assert isinstance(shown, PinView)
        assert 0 < shown.wait_s <= FIRST_WAIT_S
        for digit in "1234":
            kiosk.touch(Action.DIGIT, digit)
        kiosk.touch(Action.BACK)
        kiosk.until(lambda s: s.phase is Phase.BORROW)
        # Who leaves and comes again still has to wait.
        kiosk.touch(Action.END)
        kiosk.do(card(AN))
        kiosk.touch(Action.ACCOUNT)
        for digit in "1234":
            kiosk.touch(Action.DIGIT, digit)
        kiosk.until(lambda s: s.phase is Phase.PIN and s.pin.locked_until > s.clock)


# --- hands that fail --------------------------------------------------------------------------------------------------


class Asked:
    """A device that does what it is asked with a double, or ends as it is told to."""

    def __init__(self, double: Any = None, error: Exception | None = None) -> None:
        self._double, self._error = double, error

    def do(self, call: Callable[[Any], Any], *, within: float = 1.0) -> Future[Any]:
        future: Future[Any] = Future()
        assert within > 0
        try:
            if self._error is not None:
                raise self._error
            future.set_result(call(self._double))
        except Exception as error:  # noqa: BLE001, as the supervisor does
            future.set_exception(error)
        return future


class Paper:
    """A printer of which only the end of a job is of interest."""

    def __init__(self, outcome: PrintOutcome) -> None:
        self.outcome = outcome
        self.width = 384
        self.printed: list[Raster] = []

    def print(self, receipt: Raster) -> PrintOutcome:
        self.printed.append(receipt)
        return self.outcome


def picture(_facts: m.ReceiptFacts, width: int) -> Raster:
    return Raster(width, 1, b"\xff" * (width // 8))


def broken_picture(_facts: m.ReceiptFacts, _width: int) -> Raster:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("printer", "render", "receipt"),
    [
        (Asked(Paper(PrintOutcome.PRINTED)), picture, Receipt.PRINTED),
        (Asked(Paper(PrintOutcome.FAILED)), picture, Receipt.FAILED),
        (Asked(Paper(PrintOutcome.UNKNOWN)), picture, Receipt.UNKNOWN),
        (Asked(error=NotSent("it is away")), picture, Receipt.FAILED),
        (Asked(error=NoAnswer("it said nothing")), picture, Receipt.UNKNOWN),
        (Asked(Paper(PrintOutcome.PRINTED)), broken_picture, Receipt.UNKNOWN),
        (None, None, Receipt.FAILED),
    ],
)
def test_what_becomes_of_a_receipt_is_told_and_never_touches_a_loan(
    home: Path, printer: Asked | None, render: Callable[[m.ReceiptFacts, int], Raster] | None, receipt: Receipt
) -> None:
    with Kiosk(home, hands=Hands(printer=printer, render=render)) as kiosk:
        kiosk.do(card(AN), scan(KIEU_1))
        kiosk.settled({KIEU_1: Stage.RELEASED})
        kiosk.touch(Action.FINISH)
        kiosk.touch(Action.PRINT)
        kiosk.until(lambda s: s.receipt is receipt)
        kiosk.touch(Action.FINISH)
        kiosk.do(card(BINH))
        kiosk.until(lambda s: s.phase is Phase.BORROW)
    assert on_loan(home) == {KIEU_1}


def test_a_receipt_is_drawn_as_wide_as_the_printers_paper(home: Path) -> None:
    paper = Paper(PrintOutcome.PRINTED)
    with Kiosk(home, hands=Hands(printer=Asked(paper), render=picture)) as kiosk:
        kiosk.do(card(AN), scan(KIEU_1))
        kiosk.settled({KIEU_1: Stage.RELEASED})
        kiosk.touch(Action.FINISH)
        kiosk.touch(Action.PRINT)
        kiosk.until(lambda s: s.receipt is Receipt.PRINTED)
    assert [receipt.width for receipt in paper.printed] == [384]


@pytest.mark.parametrize("error", [ZeroDivisionError(), NotSent("away"), DeviceRefused("no", answer=b"")])
def test_a_pad_whose_driver_fails_in_any_way_is_answered_for(home: Path, error: Exception) -> None:
    tag = tag_in(VirtualTag, KIEU_1)
    with Kiosk(home, hands=Hands(pad=Asked(error=error))) as kiosk:
        kiosk.do(card(AN), DeviceBack("pad", Identity()))
        kiosk.do(TagArrived("pad", tag.uid), TagRead("pad", tag.uid, LibraryTag(KIEU_1)))
        kiosk.do(StackSteady("pad", frozenset({tag.uid})))
        kiosk.settled({KIEU_1: Stage.LIFTED})
        kiosk.touch(Action.FINISH)
        kiosk.until(lambda s: s.phase is Phase.ATTRACT)
    assert (on_loan(home), to_repair(home)) == (set(), {KIEU_1})


def test_nothing_of_a_reader_is_logged_at_any_level(
    home: Path, pad: SimulatedPad, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), Kiosk(home, pad) as kiosk:
        pad.put(tag_in(VirtualTag, KIEU_1), tag_in(VirtualTag, DICTIONARY))
        kiosk.do(card(AN), scan(BINH), scan("9786041234567"))
        kiosk.until(lambda s: len(s.books) == 3 and all(b.stage in AT_REST and not b.pending for b in s.books))
        kiosk.touch(Action.ACCOUNT)
        kiosk.touch(Action.FINISH)
        kiosk.until(lambda s: s.phase is Phase.DONE)
    assert "pad is there" in caplog.text
    for private in (AN, BINH, "Nguyễn", "Nguyệt", "Bình", "Kiều", "9786041234567"):
        assert private not in caplog.text


def test_time_goes_on_by_itself(home: Path) -> None:
    with Kiosk(home) as kiosk:
        first = kiosk.session.state.clock
        kiosk.until(lambda s: s.clock > first + 0.4)


def test_the_branch_of_the_setup_decides_whose_books_are_foreign(home: Path, pad: SimulatedPad) -> None:
    with Kiosk(home, pad, setup=Setup(branch=BRANCH)) as kiosk:
        pad.put(tag_in(VirtualTag, KIEU_2), tag_in(VirtualTag, VISITING))
        state = kiosk.settled({KIEU_2: Stage.WAITING, VISITING: Stage.WAITING})
        assert {book.item_id: book.on_loan for book in state.books} == {KIEU_2: False, VISITING: True}
