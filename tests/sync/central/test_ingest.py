"""What headquarters answers to a batch: every answer, and nothing taken that is not the station's own history."""

from __future__ import annotations

import json

import msgspec
import pytest
import sqlalchemy as sa

from sync.central import tables
from sync.central.database import Database
from sync.central.identities import write_identities
from sync.central.ingest import Ingested
from sync.central.log import read_log
from sync.circulation import events as ev
from sync.exchange.batch import StoredBatch, open_stored
from sync.exchange.envelope import Road
from sync.exchange.keys import Pin, Pins
from sync.exchange.messages import Answer
from sync.exchange.reasons import Reason
from tests.sync.central.world import NOW, Station, enrol, found, keys_of, send


@pytest.fixture
def station(database: Database) -> Station:
    """A station that headquarters knows, with ten events."""
    found(database)
    station = Station("TN-01")
    enrol(database, station)
    for n in range(5):
        station.checkout(f"I{n}", f"{n:016x}", f"R{n}")
        station.checkin(f"I{n}", f"{n:016x}")
    return station


def logged(database: Database) -> list[str]:
    with database.read() as connection:
        row = connection.execute(sa.select(tables.station)).one()
        return [line.decode() for some in read_log(connection, row.id, row.begins, row.seq) for line in some.lines]


def strays(database: Database) -> list[tuple[int, int, str]]:
    with database.read() as connection:
        stray = tables.stray.c
        return [tuple(row) for row in connection.execute(sa.select(stray.first, stray.last, stray.reason))]


def owners(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return dict(connection.execute(sa.select(tables.identity.c.token, tables.identity.c.number)).all())


def retire(database: Database, station: Station, until: int) -> None:
    pins = msgspec.json.encode(Pins((Pin(station.keys.public, until),))).decode()
    with database.begin() as connection:
        connection.execute(sa.update(tables.station).values(pins=pins))


def test_a_batch_is_logged_byte_for_byte_and_can_be_proven_again(database: Database, station: Station) -> None:
    answered = send(database, station.batch())
    assert (answered.answer, answered.first, answered.last, answered.fresh) == (Answer.ACCEPTED, 1, 10, 10)
    assert (answered.logged, answered.safe, answered.applied) == (10, 0, 0)
    assert logged(database) == station.records
    assert owners(database) == station.owners
    with database.read() as connection:
        row = connection.execute(sa.select(tables.batch)).one()
    proven = open_stored(StoredBatch(row.header, row.signature, row.events), Pins((Pin(station.keys.public),)))
    assert getattr(proven, "records", None) == tuple(station.records)


def test_the_same_batch_again_is_a_duplicate_on_whatever_road(database: Database, station: Station) -> None:
    send(database, station.batch())
    for road in Road:
        answered = send(database, station.batch(), road=road)
        assert (answered.answer, answered.fresh, answered.logged) == (Answer.DUPLICATE, 0, 10)
    assert send(database, station.batch(3, 5)).answer is Answer.DUPLICATE
    assert logged(database) == station.records


def test_a_gap_names_the_event_that_has_to_come(database: Database, station: Station) -> None:
    send(database, station.batch(1, 3))
    answered = send(database, station.batch(6))
    assert (answered.answer, answered.want, answered.logged) == (Answer.GAP, 4, 3)
    assert "4" in answered.phrase.vi
    assert logged(database) == station.records[:3]


def test_what_overlaps_is_accepted_from_there_on(database: Database, station: Station) -> None:
    send(database, station.batch(1, 4))
    answered = send(database, station.batch(2, 8))
    assert (answered.answer, answered.fresh, answered.logged) == (Answer.ACCEPTED, 4, 8)
    assert send(database, station.batch(7)).answer is Answer.ACCEPTED
    assert logged(database) == station.records
    assert send(database, station.batch(3, 7)).answer is Answer.DUPLICATE


@pytest.mark.parametrize(("first", "last"), [(1, 8), (5, 6), (7, 8), (7, 12), (11, 12), (1, 12)])
def test_another_history_under_known_numbers_is_a_fork_and_kept(
    database: Database, station: Station, first: int, last: int
) -> None:
    clone = station.copied()
    del clone.records[5:], clone.hashes[5:]
    for _ in range(7):
        clone.write(ev.VisitOpened("other"))
    send(database, station.batch())
    for _ in range(2):
        answered = send(database, clone.batch(first, last))
        assert (answered.answer, answered.fresh, answered.logged) == (Answer.FORK, 0, 10)
    assert logged(database) == station.records
    assert strays(database) == [(first, last, "fork")]
    assert send(database, station.batch(4)).answer is Answer.DUPLICATE


def test_a_restored_station_that_only_repeats_is_no_fork(database: Database, station: Station) -> None:
    send(database, station.batch())
    restored = station.copied()
    del restored.records[5:], restored.hashes[5:]
    assert send(database, restored.batch()).answer is Answer.DUPLICATE


def test_a_revoked_key_is_good_up_to_its_cut_whenever_its_batch_arrives(database: Database, station: Station) -> None:
    send(database, station.batch(1, 3))
    retire(database, station, 6)
    answered = send(database, station.batch(2, 9), road=Road.USB)
    assert (answered.answer, answered.cut, answered.fresh, answered.logged) == (Answer.REVOKED, 6, 3, 6)
    assert logged(database) == station.records[:6]
    assert strays(database) == [(2, 9, "revoked")]
    assert send(database, station.batch(1, 6)).answer is Answer.DUPLICATE
    assert send(database, station.batch(8)).answer is Answer.REVOKED
    assert logged(database) == station.records[:6]


def test_a_key_withdrawn_while_a_batch_is_on_its_way_counts(database: Database, station: Station) -> None:
    retire(database, station, 0)
    answered = send(database, station.batch())
    assert (answered.answer, answered.fresh) == (Answer.REVOKED, 0)
    assert (logged(database), owners(database)) == ([], {})


def test_a_later_epoch_goes_on_with_the_numbers_and_begins_its_own_chain(database: Database) -> None:
    found(database)
    second = Station("TN-01", epoch=2, begins=40)
    enrol(database, second)
    for _ in range(3):
        second.write(ev.VisitOpened("v"))
    assert send(database, second.batch(41, 42)).logged == 42
    assert send(database, second.batch()).logged == 43
    assert send(database, second.batch(41)).answer is Answer.DUPLICATE


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("other headquarters", Reason.OTHER_HEADQUARTERS),
        ("unknown station", Reason.OTHER_STATION),
        ("own log", Reason.OTHER_STATION),
        ("other key", Reason.BAD_SIGNATURE),
        ("changed", Reason.DAMAGED),
        ("cut off", Reason.DAMAGED),
        ("html", Reason.DAMAGED),
    ],
)
def test_what_is_not_this_stations_own_is_refused_with_a_sentence(
    database: Database, station: Station, case: str, reason: Reason
) -> None:
    raw = station.batch()
    match case:
        case "other headquarters":
            raw = station.batch(hq="HQ-BG")
        case "unknown station":
            stranger = Station("TN-99")
            stranger.write(ev.VisitOpened("v"))
            raw = stranger.batch()
        case "own log":
            own = Station("HQ")
            own.write(ev.VisitOpened("v"))
            raw = own.batch()
        case "other key":
            raw = station.batch(keys=keys_of("somebody"))
        case "changed":
            raw = raw[:-1] + bytes([raw[-1] ^ 1])
        case "cut off":
            raw = raw[:-10]
        case _:
            raw = b"<html>Sign in to the network</html>"
    answered = send(database, raw)
    assert (answered.answer, answered.reason) == (Answer.REFUSED, reason)
    assert answered.phrase.vi != answered.phrase.en
    assert (logged(database), strays(database)) == ([], [])


def test_a_protocol_of_tomorrow_asks_for_an_upgrade(database: Database, station: Station) -> None:
    raw = station.batch()
    length = int.from_bytes(raw[4:8])
    header = json.dumps(json.loads(raw[8 : 8 + length]) | {"proto": 99}).encode()
    answered = send(database, raw[:4] + len(header).to_bytes(4) + header + raw[8 + length :])
    assert (answered.answer, answered.reason) == (Answer.UPGRADE_REQUIRED, Reason.NEWER_PROTOCOL)


def test_an_event_that_nobody_can_read_is_logged_all_the_same(database: Database, station: Station) -> None:
    station.write_line("no event at all")
    station.write_line("")
    assert send(database, station.batch()).answer is Answer.ACCEPTED
    assert logged(database) == station.records


def test_a_token_keeps_the_owner_that_was_heard_first(database: Database) -> None:
    found(database)
    with database.begin() as connection:
        write_identities(connection, {"a": "R1", "b": "R\0"}, NOW)
        write_identities(connection, {"a": "R2", "c": "R3"}, NOW)
    assert owners(database) == {"a": "R1", "b": "R\ufffd", "c": "R3"}


def test_an_answer_shows_nothing_of_a_reader(database: Database, station: Station) -> None:
    answered = send(database, station.batch())
    assert isinstance(answered, Ingested)
    assert not any(owner in repr(answered) for owner in ("R0", "R4"))
