"""Enrolment: whoever knows the code comes in once, in a new epoch, and goes on from where both sides agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.central import stations, tables
from sync.central.enrolment import Granted, NotAdded, enrol, make_enrolment_code, revoke
from sync.central.office import Office
from sync.central.stations import Standing
from sync.exchange.enrolment import Enrolled, ask, finish, take
from sync.exchange.messages import Answer
from sync.exchange.papers import PaperRefused
from sync.exchange.reasons import Reason
from tests.sync.central.offices import Site, apply_all

both = pytest.mark.parametrize("kind", ["sqlite", "postgresql"], indirect=True)


def lend(site: Site, *items: str) -> None:
    """The station lends some items of its own to one of its readers."""
    with site.ledger() as ledger:
        for item in items:
            site.time.go_on(minutes=1)
            ledger.checkout("CARD-TNR1", item)


def events_at_headquarters(office: Office, station: str) -> list[tuple[int, int]]:
    """How many events each epoch has there, and up to which number."""
    with office.database.read() as connection:
        return [(one.seq - one.begins, one.seq) for one in stations.epochs(connection, station)]


def test_a_station_that_knows_the_code_has_its_place_and_can_send(site: Site) -> None:
    done = site.enrol("TN-K01", "TN")
    assert (done.place.station, done.place.epoch, done.place.branch, done.waiting) == ("TN-K01", 1, "TN", 0)
    assert done.place.certificate == site.office.certificate
    site.sync()
    lend(site, "TN.0000")
    site.sync()
    assert events_at_headquarters(site.office, "TN-K01") == [(1, 1)]


@both
def test_a_code_lets_one_station_in_and_no_second(site: Site, tmp_path: Path) -> None:
    code = site.code("TN-K01")
    first = enrol(site.office, ask(site.home, code, version="0"))
    assert isinstance(first, Granted)
    stranger = enrol(site.office, ask(tmp_path / "stranger", code, version="0"))
    assert isinstance(stranger, PaperRefused)
    assert stranger.reason is Reason.WRONG_CODE
    assert [one.epoch for one in _epochs(site.office)] == [1]


def test_the_same_request_is_answered_again_because_answers_get_lost(site: Site) -> None:
    request = ask(site.home, site.code("TN-K01"), version="0")
    enrol(site.office, request)
    again = enrol(site.office, request)
    assert isinstance(again, Granted)
    assert again.station.epoch == 1
    assert isinstance(take(site.home, again.response, clock=site.time.reading, command="tests"), Enrolled)


def test_a_code_is_good_for_its_time_and_no_longer(site: Site) -> None:
    request = ask(site.home, site.code("TN-K01"), version="0")
    site.time.go_on(days=7)
    assert enrol(site.office, request) == PaperRefused(Reason.WRONG_CODE)


def test_a_new_code_for_a_station_makes_the_earlier_one_void(site: Site) -> None:
    request = ask(site.home, site.code("TN-K01"), version="0")
    site.code("TN-K01")
    assert enrol(site.office, request) == PaperRefused(Reason.WRONG_CODE)


def test_headquarters_keeps_no_code_that_could_be_used(site: Site) -> None:
    code = site.code("TN-K01")
    with site.office.database.read() as connection:
        (row,) = connection.execute(sa.select(tables.enrolment_code)).all()
    assert code.encode() not in b"".join(str(value).encode() for value in row)


@pytest.mark.parametrize("name", ["", "TN K01", "HQ", "Ký", "x" * 40, "../../etc"])
def test_a_name_that_is_none_gets_no_code(office: Office, name: str) -> None:
    assert isinstance(make_enrolment_code(office, name, "TN", ("TN",)), NotAdded)


def test_what_is_damaged_or_forged_makes_nothing_known(site: Site) -> None:
    request = ask(site.home, site.code("TN-K01"), version="0")
    for at in range(0, len(request), 37):
        forged = request[:at] + bytes((request[at] ^ 1,)) + request[at + 1 :]
        assert isinstance(enrol(site.office, forged), PaperRefused)
    assert not _epochs(site.office)


# --- again ------------------------------------------------------------------------------------------------------------


@both
def test_a_station_put_back_to_yesterday_goes_on_behind_what_headquarters_has(site: Site, tmp_path: Path) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000", "TN.0001")
    site.sync()
    yesterday = tmp_path / "yesterday"
    shutil.copytree(site.home, yesterday)
    lend(site, "TN.0002")
    site.sync()

    shutil.rmtree(site.home)
    shutil.copytree(yesterday, site.home)
    lend(site, "TN.0003")  # under a number that is taken
    with site.worker() as worker:
        assert worker.call(0.0).heard is not None
        assert worker.state.answer == Answer.FORK
    done = site.enrol()
    assert (done.place.epoch, done.waiting) == (2, 1)
    site.sync()
    assert events_at_headquarters(site.office, "TN-K01") == [(3, 3), (1, 4)]
    assert _open_loans(site.office) == {"TN.0000", "TN.0001", "TN.0002", "TN.0003"}


def test_a_station_whose_answers_were_lost_sends_nothing_twice(site: Site) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000", "TN.0001")
    site.road.lost = 1
    with site.worker() as worker:
        assert worker.call(0.0).heard is None
    lend(site, "TN.0002")
    assert site.enrol().waiting == 1
    site.sync()
    assert events_at_headquarters(site.office, "TN-K01") == [(2, 2), (1, 3)]


def test_what_was_written_before_the_first_enrolment_is_sent_too(site: Site) -> None:
    site.enrol("TN-K01")
    site.sync()
    lend(site, "TN.0000", "TN.0001")
    # Another headquarters' event of that name; the ledger is new to this one.
    other = Site(site.home, site.office, site.time)
    done = other.enrol("TN-K02")
    assert (done.place.station, done.waiting) == ("TN-K02", 2)
    other.sync()
    assert [count for count, _ in events_at_headquarters(site.office, "TN-K02")] == [2]


def test_a_new_machine_begins_behind_what_the_old_one_sent(site: Site, tmp_path: Path) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000")
    site.sync()
    new = Site(tmp_path / "new", site.office, site.time)
    assert new.enrol().place.epoch == 2
    new.sync()
    lend(new, "TN.0001")
    new.sync()
    assert events_at_headquarters(site.office, "TN-K01") == [(1, 1), (1, 2)]


def test_the_machine_that_was_replaced_can_write_no_more(site: Site, tmp_path: Path) -> None:
    site.enrol()
    site.sync()
    Site(tmp_path / "new", site.office, site.time).enrol()
    lend(site, "TN.0000")
    with site.worker() as worker:
        called = worker.call(0.0)
    assert called.heard is not None
    assert (called.heard.answer, called.heard.logged) == (Answer.REVOKED, 0)
    assert called.trouble is not None
    assert [one.status for one in _epochs(site.office)] == [Standing.SUPERSEDED, Standing.ACTIVE]
    with site.office.database.read() as connection:
        assert connection.execute(sa.select(tables.stray.c.reason)).scalars().all() == ["revoked"]


def test_a_ledger_of_an_epoch_that_headquarters_forgot_is_refused(site: Site) -> None:
    site.enrol()
    site.enrol()
    with site.office.database.begin() as connection:
        connection.execute(sa.delete(tables.station).where(tables.station.c.epoch == 2))
    refused = enrol(site.office, ask(site.home, site.code("TN-K01"), version="0"))
    assert refused == PaperRefused(Reason.OTHER_STATION)


# --- cut off ----------------------------------------------------------------------------------------------------------


def test_an_enrolment_cut_off_at_any_step_is_brought_to_its_end(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lent = Site(tmp_path / "lent", site.office, site.time)
    lent.enrol("TN-K09")
    lent.sync()
    lend(lent, "TN.0000")
    lent.sync()
    for step in ("_begin_epoch", "adopt_keys", "write_pins", "write_headquarters", "_clear"):
        shutil.copytree(lent.home, tmp_path / step)
        copy = Site(tmp_path / step, site.office, site.time)
        granted = enrol(site.office, ask(copy.home, copy.code("TN-K09"), version="0"))
        assert isinstance(granted, Granted)
        with monkeypatch.context() as cut:
            cut.setattr(f"sync.exchange.enrolment.{step}", _pull_the_plug)
            with pytest.raises(KeyboardInterrupt):
                take(copy.home, granted.response, clock=site.time.reading, command="tests")
        done = finish(copy.home, clock=site.time.reading, command="tests")
        assert done is not None
        assert (done.place.epoch, done.waiting) == (granted.station.epoch, 0)
        copy.sync()
        assert finish(copy.home, clock=site.time.reading, command="tests") is None


def _pull_the_plug(*_args: object, **_more: object) -> None:
    raise KeyboardInterrupt


def test_asking_again_with_the_same_code_asks_the_same(site: Site) -> None:
    code = site.code("TN-K01")
    assert ask(site.home, code, version="0") == ask(site.home, code, version="0")
    assert ask(site.home, site.code("TN-K01"), version="0") != ask(site.home, code, version="0")


def test_an_answer_to_somebody_else_is_not_taken(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other"
    granted = enrol(site.office, ask(other, site.code("TN-K01"), version="0"))
    assert isinstance(granted, Granted)
    ask(site.home, site.code("TN-K02"), version="0")
    refused = take(site.home, granted.response, clock=site.time.reading, command="tests")
    assert isinstance(refused, PaperRefused)
    assert not (site.home / "headquarters.toml").exists()


def test_keys_that_wait_for_their_answer_are_not_in_use(site: Site) -> None:
    site.enrol()
    site.sync()
    ask(site.home, site.code("TN-K01"), version="0")
    lend(site, "TN.0000")
    site.sync()
    assert events_at_headquarters(site.office, "TN-K01") == [(1, 1)]


# --- withdrawn --------------------------------------------------------------------------------------------------------


def test_a_revoked_station_is_told_nothing_more_and_takes_no_snapshot(site: Site) -> None:
    site.enrol()
    site.sync()
    revoke(site.office, "TN-K01")
    with site.worker() as worker:
        heard = worker.call(0.0).heard
    assert heard is not None
    assert (heard.answer, heard.more, heard.snapshot) == (Answer.REVOKED, False, None)
    assert site.office.snapshots.make_wanted() == 0
    assert not list((site.office.folder / "snapshots").glob("*.frame"))


@both
def test_events_up_to_the_cut_come_in_and_those_behind_it_are_kept_apart(site: Site) -> None:
    site.enrol()
    site.sync()
    lend(site, "TN.0000", "TN.0001", "TN.0002")
    revoke(site.office, "TN-K01", cut=2)
    with site.worker() as worker:
        called = worker.call(0.0)
    assert called.heard is not None
    assert (called.heard.answer, called.heard.logged) == (Answer.REVOKED, 2)
    assert events_at_headquarters(site.office, "TN-K01") == [(2, 2)]
    assert _open_loans(site.office) == {"TN.0000", "TN.0001"}
    with site.office.database.read() as connection:
        assert connection.execute(sa.select(tables.stray.c.reason)).scalars().all() == ["revoked"]


def test_a_revoked_station_comes_back_with_a_new_code(site: Site) -> None:
    site.enrol()
    revoke(site.office, "TN-K01")
    assert site.enrol().place.epoch == 2
    site.sync()


def test_nobody_is_revoked_who_is_not_known(office: Office) -> None:
    assert revoke(office, "TN-K77") is None
    assert revoke(office, "HQ") is None


def _epochs(office: Office) -> list[stations.Enrolment]:
    with office.database.read() as connection:
        return stations.epochs(connection, "TN-K01")


def _open_loans(office: Office) -> set[str]:
    apply_all(office)
    with office.database.read() as connection:
        query = sa.select(tables.copy_state.c.item_id).where(tables.copy_state.c.token.is_not(None))
        return set(connection.execute(query).scalars())
