"""What must hold when all is known everywhere: I1 to I10 of facts/sync.md, section 7.2, and the same for what stations
are told.

Each looks at the files of the product, and none asks the part that it judges: what headquarters should have is taken
from the ledgers, what it makes of it from a second headquarters, what a station should know from headquarters' tables.
I6 and I7 are :mod:`tests.sync.simulation.checker`'s. I9 and one half of I10 are asked during the run as well.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
import zstandard

from sync.central import bulk, scopes, stations, tables
from sync.central.apply import Applier, Outcome, outcome_of
from sync.central.database import Database
from sync.central.ingest import ingest
from sync.central.log import OWN
from sync.central.replay import verify
from sync.central.stations import for_ever
from sync.central.tables import LIVE
from sync.circulation.chain import genesis
from sync.circulation.events import decode
from sync.exchange.batch import Batch, BatchHeader, open_batch, read_header
from sync.exchange.envelope import Road
from sync.exchange.keys import Pins
from sync.exchange.messages import Answer
from sync.store import tables as store
from sync.store.changes import KEYS
from sync.store.reference import Touched
from tests.sync.simulation.disks import thaw
from tests.sync.simulation.headquarters import HQ, ITEMS, PATRONS, TITLES, Headquarters, empty_central
from tests.sync.simulation.machine import Key, Machine, key_of
from tests.sync.simulation.world import BRANCHES, World


def check(world: World) -> None:
    """All of them, after the healing."""
    everything_told_is_at_headquarters_once(world)
    logs_are_equal(world)
    assert verify(world.headquarters.database) == (), "replay(log) is not what lives (I3)"
    every_event_has_an_outcome(world.headquarters)
    counts_agree(world)
    for machine in world.machines:
        what_was_pruned_is_safe(world, machine)
        station_knows_what_it_should(world.headquarters, machine)
        station_holds_what_headquarters_holds(world.headquarters, machine)


# --- I1, I2 -----------------------------------------------------------------------------------------------------------


def everything_told_is_at_headquarters_once(world: World) -> None:
    """I1. What was told and then destroyed with its only disk is nobody's to give; it must not have been safe."""
    at_headquarters = Counter(
        key_of(decode(line.decode())) for name in BRANCHES for line in world.headquarters.log_of(name).values()
    )
    assert not [key for key, times in at_headquarters.items() if times > 1], "an event is at headquarters twice (I1)"
    lost = world.told - set(at_headquarters) - world.destroyed - _strays(world.headquarters)
    assert not lost, f"told and not at headquarters (I1): {sorted(lost)[:3]} of {len(lost)}"


def logs_are_equal(world: World) -> None:
    """I2, to the byte; the chain's hashes by headquarters' own check and the station's."""
    for machine in world.machines:
        theirs, ours = world.headquarters.log_of(machine.place.station), machine.stored()
        assert all(theirs.get(seq) == record for seq, record in ours.items()), "the logs differ (I2)"
        assert machine.ledger.verify().problems == ()
        with world.headquarters.database.read() as connection:
            known = stations.find(connection, machine.place.station, machine.place.epoch)
        assert known is not None
        head = machine.ledger.head()
        assert (known.seq, known.head) == (head.seq, head.hash), "the heads differ (I2)"


def _strays(headquarters: Headquarters) -> set[Key]:
    """What is kept apart for staff: rightly signed, and no part of the log."""
    found: set[Key] = set()
    with headquarters.database.read() as connection:
        for row in connection.execute(sa.select(tables.stray)):
            text = _unpacked(bytes(row.events))
            found |= {key_of(decode(line)) for line in text.decode().split("\n")}
    return found


def _unpacked(frame: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(frame, max_output_size=zstandard.frame_content_size(frame))


# --- I4 ---------------------------------------------------------------------------------------------------------------


def order_and_road_do_not_matter(world: World) -> None:
    """I4. The batches that make up the log, sent to a second headquarters in another order, some of them twice, by
    either road, applied now and then: its projections are the same, but for judgements of the day."""
    rng, first = random.Random(world.seed + 1), world.headquarters
    with Database.open(thaw(world.folder / "second", empty_central())) as second:
        batches = _as_enrolled(first.database, second, first.arrived)
        applier = Applier(second, lambda: 0)
        waiting = [*batches, *(rng.choice(batches) for _ in range(len(batches) // 3))] if batches else []
        rng.shuffle(waiting)
        while waiting:
            left = []
            for raw in waiting:
                if _waits_for_an_earlier_epoch(raw, waiting):
                    left.append(raw)
                    continue
                road = rng.choice((Road.HTTPS, Road.USB))
                answer = ingest(second, raw, hq=HQ, road=road, now=0).answer
                assert answer is not Answer.FORK
                assert answer is not Answer.REFUSED
                if answer is Answer.GAP:
                    left.append(raw)
                if rng.random() < 0.15:
                    applier.apply(rng.choice((1, 5, 4000)))
            assert len(left) < len(waiting), "a gap that nothing fills"
            waiting = left
        applier.apply_all()
        assert verify(second) == ()
        for table in LIVE.all():
            one, other = _rows(first.database, table), _rows(second, table)
            assert one == other, f"{table.name} depends on the order (I4): {sorted(one ^ other)[:4]}"


def _waits_for_an_earlier_epoch(raw: bytes, waiting: list[bytes]) -> bool:
    """An epoch begins when all that the log will ever have of the one before is in it."""
    header = read_header(raw, Road.USB)
    assert isinstance(header, BatchHeader)
    others = (read_header(other, Road.USB) for other in waiting)
    return any(
        isinstance(other, BatchHeader) and other.station == header.station and other.epoch < header.epoch
        for other in others
    )


def _as_enrolled(first: Database, second: Database, arrived: Mapping[bytes, set[bytes]]) -> list[bytes]:
    """Make stations known to a second headquarters, with nothing in their logs but headquarters' own decisions; answers
    the batches that the first one's log is made of."""
    with first.read() as source, second.begin() as target:
        for table in (tables.headquarters, tables.item, tables.title, tables.patron, tables.card, tables.rule_set):
            for row in source.execute(sa.select(table)).mappings():
                target.execute(sa.insert(table), dict(row))
        of_headquarters: set[int] = set()
        for row in source.execute(sa.select(tables.station)).mappings():
            empty = {"seq": row["begins"], "applied": row["begins"], "head": genesis(row["station"], row["epoch"])}
            own = row["station"] == OWN
            if own:
                of_headquarters.add(row["id"])
            target.execute(sa.insert(tables.station), {**row, **(({"applied": 0}) if own else empty)})
        pins = {
            row.id: for_ever(msgspec.json.decode(row.pins, type=Pins))
            for row in source.execute(sa.select(tables.station))
        }
        batches = []
        for batch in source.execute(sa.select(tables.batch)).all():
            if batch.station_id in of_headquarters:
                bulk.insert(target, tables.batch, [tuple(batch)])
            else:
                candidates = sorted(arrived[bytes(batch.header)])
                batches.append(next(raw for raw in candidates if _is_whole(raw, pins[batch.station_id])))
        return batches


def _is_whole(raw: bytes, pins: Pins) -> bool:
    """Whether a batch arrived as it was sent."""
    header = read_header(raw, Road.USB)
    if not isinstance(header, BatchHeader):
        return False
    opened = open_batch(raw, pins, hq=HQ, station=header.station, epoch=header.epoch, road=Road.USB)
    return isinstance(opened, Batch)


def _rows(database: Database, table: sa.Table) -> set[tuple[object, ...]]:
    query = sa.select(table)
    if table is tables.staff_exception:
        query = query.where(table.c.source != "day")
    with database.read() as connection:
        return {tuple(row) for row in connection.execute(query)}


# --- I5 ---------------------------------------------------------------------------------------------------------------


def every_event_has_an_outcome(headquarters: Headquarters) -> None:
    """I5: applied, applied with an exception, or quarantined; and what is quarantined is what nobody can read."""
    with headquarters.database.read() as connection:
        for row in connection.execute(sa.select(tables.station)).all():
            assert row.applied == row.seq, "events wait for ever (I5)"
            if row.station == OWN:
                continue
            lines = headquarters.log_of(row.station)
            for seq in range(row.begins + 1, row.seq + 1):
                outcome = outcome_of(connection, row.id, seq)
                unknown = b'"parcel_weighed"' in lines[seq]
                assert (outcome is Outcome.QUARANTINED) is unknown, f"{outcome} for {lines[seq][:0]!r} (I5)"


# --- I9, I10 ----------------------------------------------------------------------------------------------------------


def what_was_pruned_is_safe(world: World, machine: Machine) -> None:
    """I9: behind the horizon of a ledger there is nothing that headquarters has not; and it is whole there."""
    theirs, horizon = world.headquarters.log_of(machine.place.station), machine.horizon
    begins = min(theirs, default=1)
    assert all(seq in theirs for seq in range(begins, horizon + 1)), "pruned and not at headquarters (I9)"


def counts_agree(world: World) -> None:
    """I10: what the station says, what headquarters says, and what is."""
    for machine in world.machines:
        place = machine.place
        with world.headquarters.database.read() as connection:
            known = stations.find(connection, place.station, place.epoch)
        assert known is not None
        behind = machine.ledger.head().seq - known.seq
        assert machine.unsent == behind == machine.ledger.standing_towards(HQ).unsent, "the counts differ (I10)"


# --- what stations are told -------------------------------------------------------------------------------------------


def station_knows_what_it_should(headquarters: Headquarters, machine: Machine) -> None:
    """The reference of a station holds what headquarters would tell its scopes today, and nothing else."""
    place = machine.place
    with headquarters.database.read() as connection:
        known = stations.find(connection, place.station, place.epoch)
        assert known is not None
        touched = Touched(
            [title.title_id for title in TITLES],
            [item.item_id for item in ITEMS],
            [patron.patron_id for patron in PATRONS],
            rules=True,
        )
        told = scopes.told(connection, touched)
    should: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (scope, kind, key), body in told.items():
        if scope in known.scopes:
            should.setdefault((kind, key), []).append(json.loads(body))
    has = _reference(machine)
    assert set(has) == set(should), f"{machine.name} knows other rows than it should: {sorted(set(has) ^ set(should))}"
    for place_, row in has.items():
        fit = [one for one in should[place_] if all(row[name] == value for name, value in one.items() if name in row)]
        assert fit, f"{machine.name} knows another {place_}"
        whose = {one.get("patron_id") for one in should[place_]} - {None, ""}
        assert not whose or row.get("patron_id") in whose, f"{machine.name} is not told whose {place_} is"


def _reference(machine: Machine) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    with machine.ledger._file.read() as connection:  # noqa: SLF001 - both files at one instant
        for name, key in KEYS.items():
            table = store.reference.tables[name].to_metadata(sa.MetaData(), schema="ref")
            if name != "watermark":
                for row in connection.execute(sa.select(table)).mappings():
                    found[name, str(row[key])] = dict(row)
    return found


def station_holds_what_headquarters_holds(headquarters: Headquarters, machine: Machine) -> None:
    """Of every copy in its scope a station says the same as headquarters: who has it, and until when."""
    with headquarters.database.read() as connection:
        held = {row.item_id: row for row in connection.execute(sa.select(tables.copy_state))}
    for item in ITEMS:
        found = machine.ledger.find_item(item.item_id)
        if found is None:
            continue
        loan, state = found[2], held.get(item.item_id)
        said = None if loan is None else (loan.token, round(loan.due_at.timestamp() * 1000))
        holds = None if state is None or state.token is None else (state.token, state.due_at)
        assert said == holds, f"{machine.name} says {said} of a copy, headquarters {holds}"
