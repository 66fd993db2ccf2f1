"""Scenarios 39 to 47: what stations are told, and the life of a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.central.feed import TOMBSTONES_STAY
from sync.central.reference import CentralReference
from sync.circulation.events import from_ms
from tests.sync.scenarios.proofs import call, calm, lend, proved_by, take_back
from tests.sync.simulation import invariants
from tests.sync.simulation.faults import LINE
from tests.sync.simulation.headquarters import ITEMS, PATRONS, PB, TN
from tests.sync.store.stations import Deed

AN, KIEU, LAO_HAC = PATRONS[0].patron_id, ITEMS[0].item_id, ITEMS[3].item_id


def test_scenario_39_a_snapshot_over_a_bad_line_stands_under_what_was_done_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LINE, "reply_lost", 0.4)
    with calm() as made:
        machine = made.machines[0]
        made.headquarters.edit()
        made.headquarters.compact(age=2 * TOMBSTONES_STAY)
        made.enrol_again(machine, scope=(TN, PB))  # begins with a snapshot
        lend(made, machine, AN, KIEU)
        machine.line.faults = frozenset({"reply_lost"})
        for _ in range(6):
            made.time.go_on(900)
            machine.turn()
            made.headquarters.make_snapshots()
        made.heal()
        invariants.check(made)
    proved_by(
        "sync/store/test_changes",
        "test_killed_at_any_step_the_reference_is_the_old_or_the_new_one",
        "test_a_snapshot_takes_the_place_of_the_reference_under_a_working_desk",
    )


def test_scenario_40_a_transaction_that_commits_late_is_not_skipped() -> None:
    proved_by(
        "sync/central/test_feed",
        "test_a_transaction_that_commits_late_is_never_skipped",
        "test_a_reader_beside_many_writers_sees_every_change_once_and_in_order",
    )


def test_scenario_41_who_has_missed_a_tombstone_that_is_gone_begins_with_a_snapshot() -> None:
    with calm() as made:
        machine = made.machines[0]
        machine.line.cut = True
        reference = CentralReference(made.headquarters.database, made.time)
        reference.write(patrons=[replace(PATRONS[0], branch=PB)])  # gone from the station's branch
        made.headquarters.compact(age=2 * TOMBSTONES_STAY)
        machine.line.cut = False
        made.heal()
        assert machine.ledger.find_patron(AN) is None
        invariants.check(made)
    proved_by("sync/central/test_feed", "test_old_tombstones_go_and_whoever_has_not_seen_them_needs_a_snapshot")


def test_scenario_42_a_reader_who_moves_away_is_gone_here_and_her_unsent_loan_is_not() -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        reference = CentralReference(made.headquarters.database, made.time)
        reference.write(patrons=[replace(PATRONS[0], branch=PB)])
        made.heal()
        assert machine.ledger.find_patron(AN) is None
        assert made.missing(machine) == 0
        invariants.check(made)


def test_scenario_43_readers_of_others_are_in_no_byte_of_a_stations_file() -> None:
    proved_by(
        "sync/central/test_snapshots",
        "test_readers_of_others_are_in_no_byte_of_the_file",
        "test_what_was_deleted_before_is_in_no_byte_either",
    )
    with calm() as made:
        machine = made.machines[0]
        made.heal()
        assert PATRONS[1].name.encode() not in b"".join(path.read_bytes() for path in machine.home.glob("reference*"))
        assert PATRONS[0].name.encode() in b"".join(path.read_bytes() for path in machine.home.glob("reference*"))


def test_scenario_44_an_upgrade_killed_anywhere_leaves_the_old_file_or_the_new() -> None:
    proved_by(
        "sync/store/test_migrations",
        "test_killed_at_any_step_of_an_upgrade_the_file_is_the_old_or_the_new_one",
        "test_a_backup_put_back_is_the_old_file_again",
        "test_a_newer_file_is_refused_with_both_versions_and_left_as_it_is",
    )


def test_scenario_45_nothing_is_pruned_that_is_not_in_a_backup_also_not_by_a_new_epoch() -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        take_back(made, machine, KIEU)
        machine.do(Deed("visit"))
        assert call(made, machine) == "accepted"
        made.headquarters.apply()
        call(made, machine)
        later = from_ms(made.time.ms + 86_400_000)
        machine.prune(later)
        assert machine.horizon == 0
        made.enrol_again(machine)
        for _ in range(3):
            call(made, machine)
            made.headquarters.apply()
            made.headquarters.make_snapshots()
        machine.do(Deed("visit"))
        machine.prune(later)
        assert machine.horizon == 0  # a new epoch makes no backup of the old one
        made.headquarters.back_up(real=True)
        made.heal()
        call(made, machine)
        machine.prune(later)
        assert machine.horizon > 0
        made.check_pruned(machine)


def test_scenario_46_what_stations_keep_grows_with_what_they_did_and_not_with_failed_calls() -> None:
    with calm() as made:
        machine = made.machines[0]
        machine.line.cut = True
        for _ in range(60):
            made.time.go_on(600)
            machine.turn()
        machine.do(Deed("visit"))
        size = sum(path.stat().st_size for path in machine.home.rglob("*") if path.is_file() and path.suffix != ".lock")
        for _ in range(200):
            made.time.go_on(600)
            call(made, machine)
        grown = sum(
            path.stat().st_size for path in machine.home.rglob("*") if path.is_file() and path.suffix != ".lock"
        )
        assert grown - size < 8192


def test_scenario_47_nobody_says_synced_while_something_is_missing() -> None:
    proved_by("sync/test_simulation", "test_whatever_goes_wrong_headquarters_ends_up_with_exactly_what_happened")
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        made.time.go_on(60)
        count, oldest = machine.ledger.unsent()
        assert count == 1
        assert oldest is not None
        assert call(made, machine) == "accepted"
        assert machine.ledger.unsent() == (0, None)
        made.check_unsent()
