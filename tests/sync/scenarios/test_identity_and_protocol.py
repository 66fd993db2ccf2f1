"""Scenarios 16 to 24: who is who, and what may be said."""

from __future__ import annotations

from datetime import timedelta

from tests.sync.scenarios.proofs import call, calm, lend, proved_by, take_back
from tests.sync.simulation import checker, invariants
from tests.sync.simulation.disks import freeze
from tests.sync.simulation.headquarters import ITEMS, PATRONS

AN, BINH = PATRONS[0].patron_id, PATRONS[2].patron_id
KIEU, LAO_HAC = ITEMS[0].item_id, ITEMS[3].item_id


def test_scenario_16_of_a_disk_that_runs_twice_nothing_is_swallowed() -> None:
    with calm() as made:
        original = made.machines[0]
        made.tally.add("cloned")
        made.clones.add("S1-copy")
        copy = made.set_up("S1-copy", freeze(original.home), timedelta())
        lend(made, original, AN, KIEU)
        lend(made, copy, BINH, LAO_HAC)
        assert call(made, original) == "accepted"
        assert call(made, copy) == "fork"
        assert copy.unsent == 1  # what headquarters has under this number is not its own
        lend(made, copy, BINH, ITEMS[2].item_id)
        assert call(made, copy) == "fork"
        assert copy.unsent == 2
        made.heal()
        invariants.check(made)


def test_scenario_17_a_station_put_back_to_yesterday_is_a_fork_and_never_a_duplicate() -> None:
    with calm() as made:
        machine = made.machines[0]
        yesterday = freeze(machine.home)
        lend(made, machine, AN, KIEU)
        assert call(made, machine) == "accepted"
        machine.last_told = 0
        machine.die(yesterday)
        assert machine.start()
        assert call(made, machine) == "fork"  # before a single event has to be lost
        lend(made, machine, BINH, LAO_HAC)
        assert call(made, machine) == "fork"
        assert machine.unsent == 1
        made.heal()
        invariants.check(made)
        checker.check(made.headquarters)
    proved_by("sync/central/test_ingest", "test_another_history_under_known_numbers_is_a_fork_and_kept")


def test_scenario_18_headquarters_put_back_to_yesterday_is_filled_up_and_tells_everything_anew() -> None:
    with calm() as made:
        first, second = made.machines
        made.headquarters.back_up(real=True)
        lend(made, first, AN, KIEU)
        assert call(made, first) == "accepted"
        made.headquarters.apply()
        made.headquarters.edit()
        for machine in (first, second):
            call(made, machine)
        made.headquarters.back_from_backup()
        for _ in range(12):
            made.headquarters.edit()  # so that its feed goes on beyond what stations had heard
        lend(made, second, BINH, LAO_HAC)
        made.heal()
        invariants.check(made)


def test_scenario_19_gaps_overlaps_bombs_and_false_ranges_have_each_their_answer() -> None:
    proved_by(
        "sync/central/test_ingest",
        "test_a_gap_names_the_event_that_has_to_come",
        "test_what_overlaps_is_accepted_from_there_on",
        "test_what_is_not_this_stations_own_is_refused_with_a_sentence",
    )
    proved_by(
        "sync/exchange/test_batch",
        "test_a_batch_whose_numbers_are_wrong_is_refused",
        "test_a_chain_that_does_not_hold_is_refused",
        "test_an_empty_batch_is_refused",
        "test_more_bytes_than_any_batch_has_are_not_looked_at",
        "test_a_frame_that_would_unpack_to_a_flood_is_refused_by_what_the_header_says",
    )
    proved_by("sync/central/test_api", "test_a_bomb_is_refused_at_the_door_without_being_opened")


def test_scenario_20_what_somebody_else_signed_or_was_for_somebody_else_is_refused() -> None:
    proved_by(
        "sync/exchange/test_batch",
        "test_another_stations_signature_is_none",
        "test_a_batch_of_another_house_is_refused",
    )
    proved_by("sync/central/test_api", "test_a_station_writes_its_own_log_and_nobody_elses")
    proved_by("sync/exchange/test_messages", "test_a_contact_for_another_headquarters_is_refused")


def test_scenario_21_events_before_a_revocation_stand_and_those_behind_it_come_with_the_next_key() -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        assert call(made, machine) == "accepted"
        made.headquarters.revoke("S1")
        take_back(made, machine, KIEU)
        assert call(made, machine) == "revoked"
        assert machine.unsent == 1
        made.heal()
        assert machine.place.epoch == 2
        invariants.check(made)
    proved_by("sync/central/test_ingest", "test_a_revoked_key_is_good_up_to_its_cut_whenever_its_batch_arrives")
    proved_by("sync/central/test_bundles", "test_a_bundle_of_a_withdrawn_key_is_good_up_to_the_cut")


def test_scenario_22_an_old_key_is_good_for_what_it_signed_before() -> None:
    proved_by("sync/exchange/test_batch", "test_a_retired_key_is_good_for_what_was_written_before")
    proved_by("sync/exchange/test_keys", "test_after_any_rotations_a_key_is_good_up_to_its_own_mark")
    proved_by("sync/exchange/test_sticks", "test_a_bundle_that_was_locked_for_an_older_key_is_read_with_it")


def test_scenario_23_protocols_and_events_of_other_ages_are_read_or_answered_with_who_must_be_updated() -> None:
    proved_by(
        "sync/exchange/test_batch",
        "test_older_protocols_are_read_as_far_back_as_their_road_is_slow",
        "test_a_newer_protocol_is_refused_and_says_that_headquarters_must_be_updated",
    )
    proved_by("sync/exchange/test_messages", "test_a_station_is_answered_in_its_own_protocol")
    proved_by("sync/central/test_ingest", "test_a_protocol_of_tomorrow_asks_for_an_upgrade")
    proved_by("sync/central/test_apply", "test_after_an_upgrade_what_was_unknown_is_applied_as_if_in_its_turn")


def test_scenario_24_an_event_that_nobody_can_read_stops_none_behind_it() -> None:
    with calm() as made:
        machine = made.machines[0]
        made.time.go_on(60)
        machine.write_unknown()
        lend(made, machine, AN, KIEU)
        made.heal()
        invariants.check(made)
        checker.check(made.headquarters)
    proved_by("sync/central/test_apply", "test_an_event_that_cannot_be_applied_stops_none_of_the_others")
