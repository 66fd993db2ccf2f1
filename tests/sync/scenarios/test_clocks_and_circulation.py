"""Scenarios 25 to 33: clocks, and what stations report of the same copies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync.central import tables
from sync.central.reference import CentralReference
from sync.circulation.events import from_ms
from sync.circulation.model import PatronBlock, PatronBlockKind
from tests.sync.scenarios.proofs import call, calm, lend, proved_by, take_back
from tests.sync.simulation import checker, invariants
from tests.sync.simulation.clocks import DAWN
from tests.sync.simulation.headquarters import ITEMS, PATRONS
from tests.sync.simulation.world import World
from tests.sync.store.stations import Deed

AN, BINH = PATRONS[0].patron_id, PATRONS[2].patron_id
KIEU, LAO_HAC = ITEMS[0].item_id, ITEMS[3].item_id


def kinds(made: World) -> list[str]:
    """What is on the work-list."""
    with made.headquarters.database.read() as connection:
        found = connection.execute(sa.select(tables.staff_exception.c.kind)).scalars()
        return sorted(found)


def holds(made: World) -> None:
    """Everything is settled, and all that must hold does."""
    made.heal()
    invariants.check(made)
    checker.check(made.headquarters)
    invariants.order_and_road_do_not_matter(made)


@pytest.mark.parametrize(
    "ahead",
    [None, timedelta(days=-1), timedelta(days=3650), timedelta(days=365 * 12), timedelta(days=365 * 80)],
    ids=["1970", "a day back", "ten years on", "2039", "beyond all years"],
)
def test_scenario_25_a_wrong_clock_refuses_nothing_and_the_numbers_keep_the_order(ahead: timedelta | None) -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        machine.clock.ahead = DAWN - from_ms(made.time.ms) if ahead is None else ahead
        take_back(made, machine, KIEU)
        lend(made, machine, BINH, KIEU)
        machine.clock.ahead = timedelta()
        made.heal()
        invariants.check(made)
        with made.headquarters.database.read() as connection:
            held = connection.execute(sa.select(tables.copy_state.c.number)).scalars().all()
        assert held == [BINH]
    proved_by("sync/circulation/test_clock", "test_time_never_runs_back_whatever_happens_to_the_clock")


def test_scenario_26_two_clocks_six_hours_apart_and_one_copy_leave_no_fine_before_staff_decide() -> None:
    with calm() as made:
        first, second = made.machines
        first.clock.ahead, second.clock.ahead = timedelta(hours=-6), timedelta(hours=6)
        lend(made, first, AN, KIEU)
        lend(made, second, BINH, KIEU)
        for machine in (first, second):
            assert call(made, machine) == "accepted"  # and their clocks are compared
        holds(made)
        assert kinds(made) == ["ambiguous_custody"]
    proved_by(
        "sync/circulation/test_custody_clocks",
        "test_a_skew_that_is_known_no_better_than_six_hours_is_no_ground_to_guess",
    )
    proved_by("sync/circulation/test_custody", "test_no_fee_of_an_ambiguous_loan_is_asked_for")


def test_scenario_27_boots_separate_the_runs_of_a_machine() -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        machine.stop()
        made.time.go_on(86_400)
        machine.clock.boot()
        assert machine.start()
        take_back(made, machine, KIEU)
        holds(made)
    proved_by("sync/circulation/test_custody_clocks", "test_an_offset_says_nothing_of_another_run")


def test_scenario_28_one_copy_at_several_stations_comes_out_the_same_in_whatever_order() -> None:
    proved_by(
        "sync/circulation/test_custody_orders",
        "test_every_history_comes_out_the_same_whatever_the_order_of_arrival",
        "test_all_orders_of_arrival_walked_one_by_one",
    )
    proved_by("sync/central/test_model", "test_random_histories_on_postgresql")


def test_scenario_29_a_loan_to_a_blocked_reader_stands_and_staff_are_told() -> None:
    with calm() as made:
        machine = made.machines[0]
        blocked = replace(PATRONS[0], blocks=(PatronBlock(PatronBlockKind.OTHER),))
        CentralReference(made.headquarters.database, made.time).write(patrons=[blocked])
        lend(made, machine, AN, KIEU)  # which the station has not heard of
        holds(made)
        assert kinds(made) == ["lent_while_blocked"]


def test_scenario_30_returns_find_their_loans_in_whatever_order_they_come() -> None:
    with calm() as made:
        first, second = made.machines
        first.line.cut = True
        lend(made, first, AN, KIEU)
        made.time.go_on(600)
        take_back(made, second, KIEU)
        take_back(made, second, LAO_HAC)  # never lent
        assert call(made, second) == "accepted"
        made.headquarters.apply()
        assert kinds(made) == ["orphan_return", "orphan_return"]
        holds(made)
        assert kinds(made) == ["orphan_return"]
    proved_by(
        "sync/circulation/test_custody", "test_a_van_counts_as_a_branch", "test_a_return_of_what_was_returned_is_parked"
    )


def test_scenario_31_a_hold_a_lost_and_a_withdrawn_copy_lent_or_returned_elsewhere() -> None:
    proved_by(
        "sync/central/test_apply", "test_a_hold_is_fulfilled_by_its_checkout_and_stands_again_when_that_is_undone"
    )
    proved_by("sync/circulation/test_custody_work_list", "test_a_copy_that_should_not_be_there_is_reported")


def test_scenario_32_a_loan_brought_back_at_two_places_is_charged_once() -> None:
    with calm() as made:
        first, second = made.machines
        lend(made, first, AN, KIEU)
        assert call(made, first) == "accepted"
        made.headquarters.apply()
        call(made, second)
        made.time.go_on(20 * 86_400)
        take_back(made, first, KIEU)
        made.time.go_on(3 * 86_400)
        take_back(made, second, KIEU)
        holds(made)
        with made.headquarters.database.read() as connection:
            asked = connection.execute(sa.select(tables.fee.c.amount).where(tables.fee.c.doubted == 0)).all()
        assert len(asked) == 1
        assert "fee_in_doubt" in kinds(made)
    proved_by(
        "sync/circulation/test_custody_work_list",
        "test_a_limit_is_exceeded_across_stations",
        "test_money_that_was_taken_twice_goes_back",
    )


def test_scenario_32_a_fee_belongs_to_its_reader_even_when_the_checkout_comes_last() -> None:
    with calm() as made:
        first, second = made.machines
        lend(made, first, AN, KIEU)
        assert call(made, first) == "accepted"
        made.headquarters.apply()
        call(made, second)
        made.time.go_on(20 * 86_400)
        take_back(made, second, KIEU)
        assert call(made, second) == "accepted"
        made.headquarters.apply()
        holds(made)
        with made.headquarters.database.read() as connection:
            assert connection.execute(sa.select(tables.fee.c.number)).scalars().all() == [AN]


def test_scenario_33_what_staff_have_settled_stays_settled_when_more_comes() -> None:
    with calm() as made:
        first, second = made.machines
        second.line.cut = True
        lend(made, second, BINH, KIEU)
        made.time.go_on(86_400)
        take_back(made, first, KIEU)
        assert call(made, first) == "accepted"
        made.headquarters.apply()
        assert kinds(made) == ["orphan_return"]
        made.headquarters.staff_settle()
        made.headquarters.apply()
        made.time.go_on(60)
        machine = made.machines[0]
        machine.do(Deed("visit"))
        holds(made)
    proved_by("sync/circulation/test_custody", "test_a_late_fact_that_contradicts_a_decision_opens_a_new_exception")
