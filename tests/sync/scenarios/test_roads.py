"""Scenarios 9 to 15 and 34 to 38: networks and sticks."""

from __future__ import annotations

import pytest

from sync.exchange.rhythm import LONGEST_RETRY
from tests.sync.scenarios.proofs import call, calm, lend, proved_by, take_back
from tests.sync.simulation import checker, invariants
from tests.sync.simulation.faults import LINE
from tests.sync.simulation.headquarters import ITEMS, PATRONS
from tests.sync.simulation.stick import Stick
from tests.sync.store.stations import Deed

AN, BINH = PATRONS[0].patron_id, PATRONS[2].patron_id
KIEU, LAO_HAC = ITEMS[0].item_id, ITEMS[3].item_id


@pytest.mark.parametrize("fault", sorted(set(LINE) - {"partition"}))
def test_scenario_09_10_one_fault_of_the_line_again_and_again_loses_and_doubles_nothing(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LINE, fault, 0.6)
    with calm() as made:
        machine = made.machines[0]
        machine.line.faults = frozenset({fault})
        for _ in range(6):
            machine.do(Deed("visit"))
            made.time.go_on(LONGEST_RETRY)
            machine.turn()
            made.check_unsent()
        assert made.tally.counts[fault]
        made.heal()
        invariants.check(made)
    proved_by("sync/exchange/test_batch", "test_a_batch_cut_off_anywhere_is_refused")
    proved_by("sync/exchange/test_messages", "test_a_message_cut_off_anywhere_is_refused")


def test_scenario_11_a_captive_portal_acknowledges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LINE, "captive_portal", 1.0)
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        unsent = machine.unsent
        machine.line.faults = frozenset({"captive_portal"})
        assert call(made, machine) == ""
        assert machine.unsent == unsent > 0
    proved_by(
        "sync/exchange/test_transport",
        "test_a_captive_portal_that_says_yes_to_everything_acknowledges_nothing",
    )


def test_scenario_12_without_a_trusted_line_lending_goes_on_and_the_count_tells_the_truth() -> None:
    with calm() as made:
        machine = made.machines[0]
        machine.line.cut = True
        lend(made, machine, AN, KIEU)
        take_back(made, machine, KIEU)
        assert call(made, machine) == ""
        assert machine.unsent == made.missing(machine) == 2
        assert machine.worker.state.trouble_en
    proved_by("sync/exchange/test_transport", "test_another_certificate_is_not_believed_whatever_name_it_bears")


def test_scenario_13_proxies_and_dying_lines_are_backed_off_from_and_never_stopped_for() -> None:
    proved_by(
        "sync/exchange/test_rhythm",
        "test_failures_are_tried_again_within_a_bound_that_doubles_up_to_a_quarter_of_an_hour",
        "test_a_bad_line_gets_smaller_batches_and_a_good_one_larger_ones_again",
    )
    proved_by(
        "sync/exchange/test_transport",
        "test_whatever_else_answers_is_not_headquarters",
        "test_a_line_that_breaks_off_is_a_sentence",
    )


def test_scenario_14_five_minutes_of_network_a_day_are_enough() -> None:
    with calm() as made:
        machine = made.machines[0]
        for _ in range(4):
            machine.line.cut = True
            lend(made, machine, AN, KIEU)
            take_back(made, machine, KIEU)
            for _ in range(10):
                made.time.go_on(1800)
                machine.turn()
            assert machine.unsent
            machine.line.cut = False
            machine.network_is_back()
            machine.turn()
            assert machine.unsent == 0


def test_scenario_15_stations_do_not_come_all_at_once() -> None:
    proved_by(
        "sync/exchange/test_rhythm",
        "test_three_hundred_stations_do_not_come_back_at_once",
        "test_stations_are_spread_over_the_night",
        "test_silence_that_a_proxy_asks_for_has_an_end",
    )
    proved_by("sync/central/test_api", "test_a_busy_headquarters_puts_batches_off_and_goes_on_listening")


def test_scenario_34_sticks_pulled_out_of_order_twice_and_mixed_with_a_network_do_no_harm() -> None:
    with calm() as made:
        machine = made.machines[0]
        first, second = Stick(), Stick()
        lend(made, machine, AN, KIEU)
        made.write_stick(machine, first)
        take_back(made, machine, KIEU)
        made.write_stick(machine, second)
        assert call(made, machine) == "accepted"
        for stick in (second, first, second):
            with stick.folder(made.folder) as folder:
                made.headquarters.take_stick(folder)
        made.heal()
        invariants.check(made)
        invariants.order_and_road_do_not_matter(made)
        checker.check(made.headquarters)
    proved_by("sync/exchange/test_sticks", "test_a_stick_pulled_at_any_byte_holds_a_whole_bundle_or_none")
    proved_by("sync/central/test_bundles", "test_sticks_read_twice_out_of_order_and_mixed_with_a_network_do_no_harm")


def test_scenario_35_a_lost_stick_is_made_good_by_the_next() -> None:
    with calm() as made:
        machine = made.machines[0]
        lost, next_one = Stick(), Stick()
        lend(made, machine, AN, KIEU)
        made.write_stick(machine, lost)
        take_back(made, machine, KIEU)
        made.write_stick(machine, next_one)
        with next_one.folder(made.folder) as folder:
            made.headquarters.take_stick(folder)
        assert made.missing(machine) == 0  # nothing had been acknowledged, so all of it was on the next
    proved_by("sync/central/test_ingest", "test_a_gap_names_the_event_that_has_to_come")


def test_scenario_36_a_stick_that_was_tampered_with_is_refused_and_nothing_on_it_is_run() -> None:
    proved_by(
        "sync/exchange/test_sticks",
        "test_a_bundle_with_any_byte_turned_is_refused",
        "test_swapped_parts_are_refused",
        "test_a_bundle_for_or_by_somebody_else_is_refused",
        "test_foreign_files_beside_a_bundle_are_neither_opened_nor_touched",
        "test_links_and_pipes_on_a_stick_lead_nowhere",
    )


def test_scenario_37_acknowledgements_never_go_back_and_never_cross_stations() -> None:
    with calm() as made:
        first, second = made.machines
        old = Stick()
        lend(made, first, AN, KIEU)
        made.write_stick(first, old)
        with old.folder(made.folder) as folder:
            made.headquarters.take_stick(folder)
        take_back(made, first, KIEU)
        assert call(made, first) == "accepted"
        logged = first.ledger.acknowledged()
        made.sticks = [old]
        made.plug_in(first)
        assert first.ledger.acknowledged() == logged
        lend(made, second, BINH, LAO_HAC)
        made.plug_in(second)
        assert made.tally.counts["return other_station"] == 1
        assert second.unsent == 1
    proved_by("sync/central/test_bundles", "test_an_old_answer_takes_nothing_back")


def test_scenario_38_ninety_days_without_a_network_end_in_one_bundle() -> None:
    with calm() as made:
        machine = made.machines[0]
        machine.line.cut = True
        for _ in range(90):
            made.time.go_on(86_400)
            machine.do(Deed("visit"))
        events = machine.ledger.head().seq
        assert machine.unsent == events >= 180
        stick = Stick()
        made.write_stick(machine, stick)
        assert sum(map(len, stick.files.values())) < 60 * events + 4096
        with stick.folder(made.folder) as folder:
            made.headquarters.take_stick(folder)
        assert made.missing(machine) == 0
    proved_by("sync/exchange/test_sticks", "test_ten_thousand_events_fit_on_any_stick")
