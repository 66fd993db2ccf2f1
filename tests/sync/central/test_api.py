"""The station interface: who is let in where, what is looked at before anything is read, and what nobody is told."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import sqlalchemy as sa
import zstandard
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route as StarletteRoute

from sync.central import stations, tables
from sync.central.api import (
    ENROL,
    EXCHANGE,
    HEALTH,
    MANIFEST,
    OPENAPI,
    ROUTES,
    SNAPSHOT,
    Access,
    Limit,
    Route,
    application,
)
from sync.central.enrolment import revoke
from sync.central.office import Office
from sync.central.service import Service
from sync.exchange import batch as batches
from sync.exchange.enrolment import ask
from sync.exchange.keyring import read_keys
from sync.exchange.keys import Domain, Keys, Pin, Pins
from sync.exchange.messages import (
    Answer,
    MessageRefused,
    OpenedReply,
    open_contact,
    open_reply,
    read_contact,
    seal_contact,
)
from sync.exchange.reasons import Reason
from sync.exchange.transport import CONTENT_TYPE, PROBLEM_TYPE, Https, RoadBlocked
from tests.sync.central.doors import Served, served
from tests.sync.central.offices import Site
from tests.sync.central.world import HQ, NOW, keys_of
from tests.sync.exchange.parties import contact

TYPE = {"content-type": CONTENT_TYPE}
HQ_PINS = Pins((Pin(keys_of("headquarters").public),))


@pytest.fixture
def doors(office: Office) -> Iterator[Served]:
    with served(office) as listening:
        yield listening


@pytest.fixture
def client(doors: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=doors.url, trust_env=False) as client:
        yield client


def reason_of(response: httpx.Response) -> str | None:
    """What a problem document names as the reason."""
    assert response.headers["content-type"] == PROBLEM_TYPE
    said = response.json()
    assert said["status"] == response.status_code
    reason: str | None = said.get("reason")
    return reason


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_route_stands_in_the_table_and_every_line_of_it_is_a_route(office: Office) -> None:
    app = application(Service(lambda: office, working=False))
    plain = [route for route in app.routes if isinstance(route, APIRoute | StarletteRoute)]
    assert len(plain) == len(app.routes)
    found = {(method, route.path) for route in plain for method in route.methods or () if method != "HEAD"}
    assert found == {(route.method, route.path) for route in ROUTES}
    assert set(app.openapi()["paths"]) == {route.path for route in ROUTES if route is not OPENAPI}


def test_nobody_comes_in_anywhere_without_what_the_table_asks_for(client: httpx.Client) -> None:
    for route in ROUTES:
        path = route.path.format(name="0" * 32)
        response = client.request(route.method, path, content=b"anything" if route.most else None, headers=TYPE)
        if route.access is Access.ANYBODY:
            assert response.status_code == 200
        else:
            assert response.status_code in (400, 403, 404)
            assert response.headers["content-type"] == PROBLEM_TYPE
        for other in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {route.method}:
            assert client.request(other, path).status_code == 405


def test_what_is_for_anybody_names_no_reader_no_station_and_no_item(site: Site, client: httpx.Client) -> None:
    site.enrol("TN-K01")
    for route in ROUTES:
        if route.access is Access.ANYBODY:
            said = client.get(route.path).text
            assert not any(word in said for word in ("TN-K01", "TNR1", "TN.0001", HQ))


def test_there_is_nothing_beside_the_table(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/v1", "/v1/snapshots", "/v1/snapshots/../keys", "/metrics"):
        assert client.get(path).status_code in (404, 422)


# --- before a body is read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [EXCHANGE, ENROL], ids=lambda route: route.path)
@pytest.mark.parametrize("kind", ["", "text/html", "application/json", "application/x-www-form-urlencoded"])
def test_a_body_of_another_kind_is_not_read(client: httpx.Client, route: Route, kind: str) -> None:
    assert client.post(route.path, content=b"x", headers={"content-type": kind}).status_code == 415
    assert client.post(route.path, content=b"x", headers={**TYPE, "content-encoding": "zstd"}).status_code == 415


@pytest.mark.parametrize("route", [EXCHANGE, ENROL], ids=lambda route: route.path)
def test_a_body_that_is_too_long_is_cut_off_whether_it_says_so_or_not(client: httpx.Client, route: Route) -> None:
    path, most = route.path, route.most or 0
    said = client.post(path, content=bytes(most + 1), headers=TYPE)
    assert (said.status_code, reason_of(said)) == (413, "too_large")
    unsaid = client.post(path, content=(bytes(65536) for _ in range(most // 65536 + 2)), headers=TYPE)
    assert (unsaid.status_code, reason_of(unsaid)) == (413, "too_large")


def test_a_body_that_never_ends_is_given_up(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.central.api.BODY_WITHIN", 0.1)
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as line:
        head = (
            f"POST /v1/exchange HTTP/1.1\r\nhost: x\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: 100\r\n\r\nabc"
        )
        line.sendall(head.encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")


# --- contacts ---------------------------------------------------------------------------------------------------------


def asked(site: Site, **other: object) -> bytes:
    """A contact of the station, which nobody has sent yet."""
    with site.caller() as caller:
        return caller.ask(**other).raw  # type: ignore[arg-type]


def test_a_signed_contact_is_answered_with_a_signature(site: Site, client: httpx.Client) -> None:
    site.enrol()
    with site.caller() as caller:
        question = caller.ask()
        response = client.post(EXCHANGE.path, content=question.raw, headers=TYPE)
        assert response.status_code == 200
        assert not isinstance(caller.take(question, response.content), MessageRefused)


def test_a_contact_that_nobody_known_has_signed_is_told_nothing(site: Site, client: httpx.Client) -> None:
    site.enrol()
    stranger = Keys(bytes(32), bytes(32))
    forged = seal_contact(stranger, contact(hq=HQ, station="TN-K01", epoch=1))
    response = client.post(EXCHANGE.path, content=forged, headers=TYPE)
    assert (response.status_code, reason_of(response)) == (403, "bad_signature")
    unknown = seal_contact(stranger, contact(hq=HQ, station="TN-K77", epoch=1))
    response = client.post(EXCHANGE.path, content=unknown, headers=TYPE)
    assert (response.status_code, reason_of(response)) == (403, "other_station")
    raw = asked(site)
    for at in range(0, len(raw), 29):
        turned = raw[:at] + bytes((raw[at] ^ 4,)) + raw[at + 1 :]
        assert client.post(EXCHANGE.path, content=turned, headers=TYPE).status_code in (400, 403, 413)


def test_a_contact_for_another_headquarters_is_refused(site: Site, client: httpx.Client) -> None:
    site.enrol()
    keys = keys_of("TN-K01 1")
    other = seal_contact(keys, contact(hq="OTHER", station="TN-K01", epoch=1))
    response = client.post(EXCHANGE.path, content=other, headers=TYPE)
    assert (response.status_code, reason_of(response)) == (403, "other_headquarters")


def test_a_contact_sent_again_is_answered_again_and_changes_nothing(site: Site, client: httpx.Client) -> None:
    site.enrol()
    site.sync()
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
    raw = asked(site)
    for expected in (Answer.ACCEPTED, Answer.DUPLICATE, Answer.DUPLICATE):
        reply = _reply(client.post(EXCHANGE.path, content=raw, headers=TYPE).content, raw)
        assert reply.reply.answer is expected
    with site.office.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.batch)).scalar_one() == 1


def _reply(content: bytes, question: bytes) -> OpenedReply:
    said = read_contact(question)
    assert not isinstance(said, MessageRefused)
    opened = open_reply(content, HQ_PINS, hq=HQ, station=said.station, epoch=said.epoch, nonce=said.nonce)
    assert isinstance(opened, OpenedReply)
    return opened


def test_a_station_writes_its_own_log_and_nobody_elses(site: Site, tmp_path: Path, client: httpx.Client) -> None:
    """Not even with a batch that the other has rightly signed."""
    other = Site(tmp_path / "other", site.office, site.time)
    for one, name in ((site, "TN-K01"), (other, "TN-K02")):
        one.enrol(name)
        one.sync()
        with one.ledger() as ledger:
            ledger.checkout("CARD-TNR1", "TN.0001")
    with site.office.database.read() as connection:
        known = stations.find(connection, "TN-K02", 1)
    assert known is not None
    theirs = open_contact(asked(other), known.pins, hq=HQ)
    assert not isinstance(theirs, MessageRefused)
    said = contact(hq=HQ, station="TN-K01", epoch=1, wall=NOW)
    mixed = seal_contact(read_keys(site.home / "keys")[0], said, theirs.batch)
    reply = _reply(client.post(EXCHANGE.path, content=mixed, headers=TYPE).content, mixed).reply
    assert (reply.answer, reply.reason) == (Answer.REFUSED, Reason.OTHER_STATION)
    with site.office.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.batch)).scalar_one() == 0


def test_a_station_reads_its_own_scope_and_nobody_elses(site: Site) -> None:
    site.enrol("TG-K01", "TG")
    site.sync()
    with site.ledger_view() as view:
        assert view.find_patron("CARD-TGR1") is not None
        assert view.find_patron("CARD-TNR1") is None
        assert view.find_item("DT.0001") is None


def test_a_bomb_is_refused_at_the_door_without_being_opened(site: Site, client: httpx.Client) -> None:
    site.enrol()
    keys = read_keys(site.home / "keys")[0]
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(200 * 1024 * 1024))
    header = {"proto": 1, "hq": HQ, "station": "TN-K01", "epoch": 1, "first": 1, "last": 1}
    packed = {"size": 200 * 1024 * 1024, "length": len(bomb), "hash": "A" * 43 + "="}
    signed = json.dumps(
        header | {"prev": "A" * 43 + "=", "head": "A" * 43 + "=", "events": packed, "identities": packed}
    ).encode()
    signature = keys.sign(Domain.BATCH, signed)
    raw = batches.MAGIC + len(signed).to_bytes(4) + signed + signature + bomb
    message = seal_contact(keys, contact(hq=HQ, station="TN-K01", epoch=1, wall=NOW), raw)
    reply = _reply(client.post(EXCHANGE.path, content=message, headers=TYPE).content, message).reply
    assert (reply.answer, reply.reason) == (Answer.REFUSED, Reason.TOO_LARGE)


def test_a_busy_headquarters_puts_batches_off_and_goes_on_listening(
    site: Site, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.enrol()
    site.sync()
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
    monkeypatch.setattr("sync.central.api.BUSY_FROM", 0)
    raw = asked(site)
    reply = _reply(client.post(EXCHANGE.path, content=raw, headers=TYPE).content, raw).reply
    assert reply.answer is Answer.SLOW_DOWN
    assert reply.slow_down_s is not None
    assert reply.logged == 0
    monkeypatch.setattr("sync.central.api.FULL_FROM", 0)
    full = client.post(EXCHANGE.path, content=raw, headers=TYPE)
    assert full.status_code == 503
    assert int(full.headers["retry-after"]) > 0


# --- enrolment --------------------------------------------------------------------------------------------------------


def test_enrolment_is_limited_by_address(site: Site) -> None:
    with served(site.office, limit=Limit(each=3, total=100, seconds=60)) as doors:
        with httpx.Client(base_url=doors.url, trust_env=False) as client:
            codes = [client.post(ENROL.path, content=b"x", headers=TYPE).status_code for _ in range(5)]
        assert codes == [400, 400, 400, 429, 429]
        with Https(doors.url) as road, pytest.raises(RoadBlocked) as blocked:
            road.enrol(b"x")
        assert blocked.value.retry_after


def test_a_limit_is_by_address_and_in_all_and_has_its_time() -> None:
    now = [0.0]
    limit = Limit(each=2, total=3, seconds=60, clock=lambda: now[0])
    assert [limit.try_("a") for _ in range(3)] == [None, None, 61]
    assert [limit.try_("b") for _ in range(2)] == [None, 61]
    now[0] = 60.0
    assert limit.try_("a") is None


def test_a_wrong_code_is_told_in_a_sentence(site: Site, doors: Served) -> None:
    with Https(doors.url) as road, pytest.raises(RoadBlocked) as blocked:
        road.enrol(ask(site.home, "0" * 20, version="0"))
    assert "enrolment code is wrong" in blocked.value.phrase.en


# --- snapshots --------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_there_for_whoever_has_its_name_and_in_parts(site: Site, client: httpx.Client) -> None:
    site.enrol()
    with site.office.database.read() as connection:
        station = stations.find(connection, "TN-K01", 1)
    assert station is not None
    name = site.office.snapshots.make(station).name
    frame = site.office.snapshots.frame(name)
    assert frame is not None
    whole = frame.read_bytes()
    path = SNAPSHOT.path.format(name=name)
    assert client.get(path).content == whole
    part = client.get(path, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-type"] == CONTENT_TYPE
    assert client.get(path, headers={"range": f"bytes={len(whole)}-"}).status_code == 416
    assert client.get(MANIFEST.path.format(name=name)).content == site.office.snapshots.manifest(name)
    revoke(site.office, "TN-K01")
    assert client.get(path).status_code == 404
    assert client.get(MANIFEST.path.format(name=name)).status_code == 404


# --- what is logged ---------------------------------------------------------------------------------------------------


def test_no_name_no_code_and_no_reader_is_in_the_log(
    site: Site, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = site.code("TN-K01")
    request = ask(site.home, code, version="0")
    client.post(ENROL.path, content=request, headers=TYPE)
    name = "ab" * 16
    client.get(SNAPSHOT.path.format(name=name), params={"token": "secret-word"})
    client.post(EXCHANGE.path, content=b"TNR1 secret-word", headers=TYPE)
    said = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    assert "GET /v1/snapshots/{name} 404" in said
    for word in (name, "secret-word", code, "TNR1"):
        assert word not in said


# --- the page itself --------------------------------------------------------------------------------------------------


def test_health_says_that_it_is_at_work(client: httpx.Client) -> None:
    assert client.get(HEALTH.path).json() == {"status": "at work", "protocol": 1}


@pytest.fixture(scope="module")
def bodies() -> None:
    """What schemathesis sends where a body is neither JSON nor a form."""
    schemathesis.openapi.media_type(CONTENT_TYPE, st.binary(max_size=4096))


@pytest.mark.usefixtures("bodies")
def test_whatever_the_openapi_page_allows_or_does_not_is_answered_as_it_says(office: Office) -> None:
    with served(office, limit=Limit(each=10**6, total=10**6, seconds=60)) as doors:
        schema = schemathesis.openapi.from_url(f"{doors.url}{OPENAPI.path}")
        operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        assert {one.path for one in operations} == {route.path for route in ROUTES if route is not OPENAPI}
        for operation in operations:
            _try(operation)


def _try(operation: schemathesis.APIOperation[Any, Any, Any, Any]) -> None:
    modes = schemathesis.GenerationMode

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in (modes.POSITIVE, modes.NEGATIVE))))
    def is_answered(case: schemathesis.Case[Any]) -> None:
        response = case.call()
        assert response.status_code < 500
        # No schema can say what is rightly signed, so nothing that is made up is ever accepted.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    is_answered()
