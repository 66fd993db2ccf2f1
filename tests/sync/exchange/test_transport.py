"""The road over https: one certificate is believed, and nothing that answers in headquarters' place is taken for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sync.central.certificate import make_certificate
from sync.central.database import Database
from sync.exchange.messages import MessageRefused
from sync.exchange.state import Heard
from sync.exchange.transport import CONTENT_TYPE, PROBLEM_TYPE, Https, RoadBlocked
from tests.sync.central.doors import served
from tests.sync.central.offices import Site, Time, office_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    time = Time()
    with Database.open(tmp_path / "hq") as database:
        yield Site(tmp_path / "station", office_at(database, tmp_path / "hq", time), time)


@contextmanager
def answering(status: int, kind: str, content: bytes, **headers: str) -> Iterator[str]:
    """Something at an address that gives everybody the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sentence(blocked: pytest.ExceptionInfo[RoadBlocked]) -> str:
    return blocked.value.phrase.en


def test_a_contact_goes_there_and_a_reply_comes_back_through_tls(site: Site, tmp_path: Path) -> None:
    site.enrol()
    with (
        served(site.office, tls=tmp_path) as doors,
        Https(doors.url, doors.certificate) as road,
        site.caller() as caller,
    ):
        question = caller.ask()
        assert isinstance(caller.take(question, road.exchange(question.raw)), Heard)


def test_a_snapshot_comes_in_parts(site: Site, tmp_path: Path) -> None:
    site.enrol()
    site.sync()
    (frame,) = (site.office.folder / "snapshots").glob("*.frame")
    with served(site.office, tls=tmp_path) as doors, Https(doors.url, doors.certificate) as road:
        assert road.fetch(frame.stem, 5, 25) == frame.read_bytes()[5:25]
        assert road.manifest(frame.stem) == site.office.snapshots.manifest(frame.stem)
        with pytest.raises(RoadBlocked):
            road.fetch("0" * 32, 0, 10)


def test_another_certificate_is_not_believed_whatever_name_it_bears(site: Site, tmp_path: Path) -> None:
    other = make_certificate(tmp_path / "other", ["127.0.0.1"])
    with served(site.office, tls=tmp_path) as doors:
        for certificate in (other, ""):
            with Https(doors.url, certificate) as road, pytest.raises(RoadBlocked) as blocked:
                road.exchange(b"x")
            assert "certificate does not fit" in sentence(blocked)


def test_only_enrolment_goes_over_a_road_that_is_not_proven(site: Site, tmp_path: Path) -> None:
    with (
        served(site.office, tls=tmp_path) as doors,
        Https(doors.url, unproven=True) as road,
        pytest.raises(RoadBlocked) as blocked,
    ):
        road.enrol(b"no request at all")
    assert "damaged" in sentence(blocked)


@pytest.mark.parametrize("kind", ["text/html", CONTENT_TYPE])
def test_a_captive_portal_that_says_yes_to_everything_acknowledges_nothing(site: Site, kind: str) -> None:
    site.enrol()
    site.sync()
    with site.ledger() as ledger:
        ledger.checkout("CARD-TNR1", "TN.0001")
    page = b"<html>Please sign in</html>"
    with answering(200, kind, page) as url, Https(url) as road, site.caller() as caller:
        question = caller.ask()
        if kind == "text/html":
            with pytest.raises(RoadBlocked) as blocked:
                road.exchange(question.raw)
            assert "sign-in" in sentence(blocked)
        else:
            assert isinstance(caller.take(question, road.exchange(question.raw)), MessageRefused)
        assert caller.unsent == 1


@pytest.mark.parametrize("status", [301, 302, 400, 404, 413, 500, 502, 504])
def test_whatever_else_answers_is_not_headquarters(status: int) -> None:
    with (
        answering(status, "text/html", b"x", location="http://127.0.0.1:9") as url,
        Https(url) as road,
        pytest.raises(RoadBlocked) as blocked,
    ):
        road.exchange(b"x")
    assert str(status) in sentence(blocked)


@pytest.mark.parametrize("status", [429, 503])
def test_silence_that_is_asked_for_is_kept_to(status: int) -> None:
    with (
        answering(status, "text/html", b"", retry_after="17") as url,
        Https(url) as road,
        pytest.raises(RoadBlocked) as blocked,
    ):
        road.exchange(b"x")
    assert blocked.value.retry_after == 17


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"reason": "made_up"}', b'{"reason": "' + b"x" * 10_000 + b'"}', b"\xff", b"[" * 5000]
)
def test_a_problem_document_that_says_nothing_is_no_word_of_headquarters(content: bytes) -> None:
    with answering(403, PROBLEM_TYPE, content) as url, Https(url) as road, pytest.raises(RoadBlocked) as blocked:
        road.exchange(b"x")
    assert "not headquarters" in sentence(blocked)


def test_an_answer_longer_than_what_was_asked_for_is_not_read_to_its_end() -> None:
    with answering(200, CONTENT_TYPE, bytes(1000)) as url, Https(url) as road, pytest.raises(RoadBlocked):
        road.fetch("0" * 32, 0, 999)


def test_nobody_at_home_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Https(f"http://127.0.0.1:{port}") as road, pytest.raises(RoadBlocked) as blocked:
        road.exchange(b"x")
    assert "cannot be reached" in sentence(blocked)


def test_a_line_that_breaks_off_is_a_sentence() -> None:
    def break_off(server: socket.socket) -> None:
        line, _ = server.accept()
        line.recv(100)
        line.close()

    with _server(break_off) as url, Https(url) as road, pytest.raises(RoadBlocked):
        road.exchange(b"x")


@contextmanager
def _server(does: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=does, args=(server,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://x", "https://", "http://hq.example", "http://192.168.1.5:80", "http://\x00"]
)
def test_an_address_that_is_none_or_would_show_readers_to_everybody_is_refused(url: str) -> None:
    with pytest.raises(RoadBlocked):
        Https(url)
