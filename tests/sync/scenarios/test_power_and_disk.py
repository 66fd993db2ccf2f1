"""Scenarios 1 to 8: power and disk."""

from __future__ import annotations

import random

import pytest

from sync.store.errors import DatabaseDamaged, StoreError
from sync.store.files import LEDGER
from tests.sync.scenarios.proofs import call, calm, lend, proved_by, take_back
from tests.sync.simulation.disks import freeze, torn
from tests.sync.simulation.headquarters import ITEMS, PATRONS
from tests.sync.store.stations import Deed

AN, KIEU, LAO_HAC = PATRONS[0].patron_id, ITEMS[0].item_id, ITEMS[3].item_id


@pytest.mark.parametrize("seed", range(12))
def test_scenario_01_a_power_cut_in_a_checkout_leaves_loan_and_event_or_neither(seed: int) -> None:
    with calm(seed=seed) as made:
        machine = made.machines[0]
        before, events = freeze(machine.home), machine.ledger.head().seq
        machine.do(Deed("checkout", AN, KIEU))
        machine.last_told = events  # the receipt was not printed any more
        machine.die(torn(before, freeze(machine.home), random.Random(seed)))
        machine.clock.boot()
        assert machine.start()  # which looks whether the tables are what the events add up to
        found = machine.ledger.find_item(KIEU)
        assert found is not None
        assert (found[2] is not None) == (machine.ledger.head().seq == events + 1)
    proved_by(
        "sync/store/test_ledger_kill",
        "test_no_kill_loses_an_acknowledged_act_or_leaves_half_of_one",
        "test_a_log_that_ends_anywhere_leaves_whole_acts_and_all_that_was_flushed",
        "test_a_log_with_a_page_that_never_reached_the_disk_leaves_whole_acts",
    )


def test_scenario_02_a_crash_around_the_security_bit_is_found_at_the_next_start() -> None:
    proved_by(
        "kiosk/test_session",
        "test_at_the_moment_of_every_write_the_ledger_knows_why",
        "test_a_loan_that_was_never_released_because_the_kiosk_went_down_is_released_later",
    )
    proved_by(
        "journeys/test_visit",
        "test_no_kill_loses_a_loan_that_was_shown_or_leaves_a_tag_unsecured_that_nobody_knows_of",
    )
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        made.time.go_on(60)
        machine.do(Deed("checkin", item=KIEU, number=1))  # back, its tag still to be armed
        machine.die(freeze(machine.home))
        assert machine.start()
        assert [repair.item_id for repair in machine.ledger.pending_repairs()] == [KIEU]


def test_scenario_03_what_headquarters_logged_before_its_answer_was_lost_is_a_duplicate() -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        made.time.go_on(5)
        made.headquarters.exchange(machine.question())
        assert call(made, machine) == "duplicate"
        assert machine.unsent == 0
        assert len(made.headquarters.log_of("S1")) == machine.ledger.head().seq


@pytest.mark.parametrize("doom", ["worker_before_note", "worker_after_note"])
def test_scenario_04_an_answer_that_nobody_wrote_down_is_asked_for_again(doom: str) -> None:
    with calm() as made:
        machine = made.machines[0]
        lend(made, machine, AN, KIEU)
        made.time.go_on(5)
        machine.doom = doom
        machine.turn()
        made.time.go_on(5)
        assert made.tally.counts["worker killed in a call"] == 1
        assert call(made, machine) in {"duplicate", "nothing"}
        assert machine.unsent == 0
        assert len(made.headquarters.log_of("S1")) == machine.ledger.head().seq


def test_scenario_05_a_full_disk_refuses_the_act_and_nothing_is_half_done() -> None:
    with calm() as made:
        machine = made.machines[0]
        machine.fill_disk()
        for _ in range(40):
            made.time.go_on(60)
            machine.do(Deed("repair_needed", item=KIEU))
        assert made.tally.counts["act refused by the disk"]
        machine.make_room()
        assert machine.ledger.verify().problems == ()
        made.heal()
    proved_by(
        "sync/store/test_ledger_disk",
        "test_a_full_disk_fails_every_act_whole_at_every_page_that_is_missing",
    )
    proved_by("sync/exchange/test_sticks", "test_a_full_stick_is_said_in_words_and_holds_no_half_bundle")


def test_scenario_06_an_old_event_that_rotted_is_found_by_the_chain_and_the_rest_goes_on() -> None:
    with calm() as made:
        machine = made.machines[0]
        for item in (KIEU, LAO_HAC):
            lend(made, machine, AN, item)
        assert call(made, machine) == "accepted"
        machine.stop()
        path = LEDGER.path(machine.home)
        rotten = path.read_bytes().replace(b'"actor":"desk"', b'"actor":"dusk"', 1)
        path.write_bytes(rotten)
        assert machine.start(sound=False)  # the broken chain is found
        made.time.go_on(60)
        take_back(made, machine, KIEU)
        assert call(made, machine) == "accepted"
        assert machine.unsent == 0
    proved_by("sync/store/test_ledger_disk", "test_a_disk_that_fails_at_any_write_leaves_nothing_half_done")


def test_scenario_07_a_second_process_is_refused_and_a_lost_log_is_found() -> None:
    with calm() as made:
        machine = made.machines[0]
        with pytest.raises(StoreError):
            type(machine.ledger).open_for_writing(
                machine.home, station="S1", epoch=1, branch="TN", clock=machine.clock, actor="desk", wait=0
            )
        lend(made, machine, AN, KIEU)
        files = freeze(machine.home)
        machine.die({name: content for name, content in files.items() if name != "ledger.sqlite"})
        with pytest.raises(DatabaseDamaged):
            machine.start()
    proved_by("sync/store/test_files", "test_looking_works_when_the_shared_memory_is_gone")


def test_scenario_08_a_ledger_put_back_from_its_backup_goes_on_in_a_new_epoch() -> None:
    with calm() as made:
        machine = made.machines[0]
        before = freeze(machine.home)["ledger.sqlite"]
        lend(made, machine, AN, KIEU)
        assert call(made, machine) == "accepted"
        made.headquarters.apply()
        assert call(made, machine) == "nothing"
        files = freeze(machine.home) | {"ledger.sqlite": before, "ledger.sqlite-wal": b""}
        machine.last_told = 0
        machine.die(files)
        assert not machine.start()  # older than what it was told of itself
        made.enrol_again(machine)
        assert machine.place.epoch == 2
        lend(made, machine, AN, LAO_HAC)
        made.heal()
        assert len(made.headquarters.log_of("S1")) == machine.ledger.head().seq
