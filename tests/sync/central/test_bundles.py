"""Sticks both ways: a station that never has a network is enrolled, works, is heard, and hears what is new."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sync.central import stations
from sync.central.bundles import give_bundle, take_bundles
from sync.central.database import Database
from sync.central.enrolment import revoke
from sync.central.office import Office
from sync.central.reference import CentralReference
from sync.circulation.model import Item, Title
from sync.exchange.courier import ReadBundle, read_stick, write_stick
from sync.exchange.messages import Answer
from sync.exchange.reasons import Reason
from sync.exchange.state import note
from tests.sync.central.offices import Site, apply_all, office_at

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def carry_out(site: Site, stick: Path) -> None:
    """The station's bundle is written."""
    write_stick(site.home, site.place, stick, clock=site.time.reading, version="0")


def carry_back(site: Site, stick: Path) -> tuple[ReadBundle, ...]:
    """Headquarters writes its own onto the same stick, and the station reads it."""
    site.time.go_on(minutes=1)
    with site.office.database.read() as connection:
        station = stations.latest(connection, site.place.station)
    assert station is not None
    assert give_bundle(site.office, stick, station) is not None
    return read_back(site, stick)


def read_back(site: Site, stick: Path) -> tuple[ReadBundle, ...]:
    with site.ledger() as ledger:
        return read_stick(
            site.home,
            site.place,
            stick,
            lambda heard: note(ledger, heard),
            clock=site.time.reading,
            version="0",
            command="tests",
        )


def lend(site: Site, *items: str) -> None:
    with site.ledger() as ledger:
        for item in items:
            site.time.go_on(minutes=1)
            ledger.checkout("CARD-TNR1", item)


def logged(office: Office, name: str = "TN-K01") -> int:
    with office.database.read() as connection:
        station = stations.latest(connection, name)
    assert station is not None
    return station.seq


@both
def test_a_station_that_never_has_a_network_hears_and_is_heard(site: Site, stick: Path) -> None:
    site.enrol()
    (first,) = carry_back(site, stick)
    assert (first.snapshot, first.refused) == (True, None)
    lend(site, "TN.0001", "TN.0002")
    carry_out(site, stick)
    (taken,) = take_bundles(site.office, stick)
    assert (taken.station, taken.fresh, taken.refused) == ("TN-K01", 2, None)
    apply_all(site.office)
    with CentralReference(site.office.database, site.time) as reference:
        reference.write([Title("new", "Số đỏ")], [Item("TN.0099", "new", "book", "TN")])
    results = carry_back(site, stick)
    assert [one.refused for one in results] == [None, None]
    assert not results[-1].snapshot  # it has listened up to there, and needs no more than what is new
    with site.ledger() as ledger:
        assert ledger.unsent()[0] == 0
        assert ledger.find_item("TN.0099") is not None
        assert len(ledger.account("TNR1").loans) == 2


def test_sticks_read_twice_out_of_order_and_mixed_with_a_network_do_no_harm(
    site: Site, stick: Path, tmp_path: Path
) -> None:
    site.enrol()
    site.sync()
    sticks = []
    for number, item in enumerate(("TN.0000", "TN.0001", "TN.0002")):
        lend(site, item)
        carry_out(site, stick)
        sticks.append(shutil.copytree(stick, tmp_path / f"stick-{number}"))
        shutil.rmtree(stick / "TRAMSACH")
    for one in (sticks[2], sticks[0], sticks[1], sticks[2]):
        for taken in take_bundles(site.office, one):
            assert taken.refused is None
    assert logged(site.office) == 3
    site.sync()
    assert logged(site.office) == 3


def test_an_old_answer_takes_nothing_back(site: Site, stick: Path, tmp_path: Path) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000")
    carry_out(site, stick)
    take_bundles(site.office, stick)
    carry_back(site, stick)
    old = shutil.copytree(stick, tmp_path / "old")
    lend(site, "TN.0001")
    site.sync()
    with site.ledger() as ledger:
        before = ledger.acknowledged()
    read_back(site, old)
    with site.ledger() as ledger:
        assert ledger.acknowledged() == before
        assert ledger.unsent()[0] == 0


def test_a_bundle_of_a_withdrawn_key_is_good_up_to_the_cut(site: Site, stick: Path) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000", "TN.0001", "TN.0002")
    carry_out(site, stick)
    site.time.go_on(days=90)
    revoke(site.office, "TN-K01", cut=2)
    (taken,) = take_bundles(site.office, stick)
    assert [one.answer for one in taken.batches] == [Answer.REVOKED]
    assert logged(site.office) == 2
    with site.office.database.read() as connection:
        station = stations.latest(connection, "TN-K01")
    assert station is not None
    assert give_bundle(site.office, stick, station) is None


def test_a_stick_for_another_station_is_not_read(site: Site, stick: Path, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", site.office, site.time)
    other.enrol("TN-K02")
    site.enrol("TN-K01")
    carry_back(other, stick)
    assert read_back(site, stick) == ()


def test_a_bundle_with_a_byte_turned_over_is_refused_as_a_whole(site: Site, stick: Path) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000")
    carry_out(site, stick)
    (part,) = (stick / "TRAMSACH").glob("*.001")
    raw = part.read_bytes()
    part.write_bytes(raw[:40] + bytes((raw[40] ^ 1,)) + raw[41:])
    (taken,) = take_bundles(site.office, stick)
    assert taken.refused is not None
    assert taken.refused.reason is Reason.PART_CHANGED
    assert logged(site.office) == 0


def test_a_bundle_of_a_station_that_nobody_knows_is_refused(site: Site, stick: Path, tmp_path: Path) -> None:
    site.enrol()
    carry_out(site, stick)
    with Database.open(tmp_path / "elsewhere") as database:
        elsewhere = office_at(database, tmp_path / "elsewhere", site.time)
        (taken,) = take_bundles(elsewhere, stick)
    assert taken.refused is not None
    assert taken.refused.reason is Reason.OTHER_STATION
