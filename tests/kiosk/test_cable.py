"""The cable that can be pulled, between two real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kiosk.demo.cable import Cable


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A service that sends back what it gets."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, suppress(ConnectionError):
                while piece := connection.recv(4096):
                    connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def cable(echo: tuple[str, int]) -> Iterator[Cable]:
    with Cable(*echo) as laid:
        yield laid


def call(cable: Cable) -> socket.socket:
    return socket.create_connection(("127.0.0.1", cable.port), timeout=10)


def read_all(line: socket.socket) -> bytes:
    got = b""
    try:
        while piece := line.recv(4096):
            got += piece
    except ConnectionError:
        pass
    return got


def test_what_is_sent_arrives_and_comes_back(cable: Cable) -> None:
    with call(cable) as line:
        line.sendall(b"xin chao")
        assert line.recv(100) == b"xin chao"
    with call(cable) as line:
        line.sendall(b"a" * 300_000)
        line.shutdown(socket.SHUT_WR)


def test_a_pulled_cable_ends_what_runs_and_lets_nothing_begin(cable: Cable) -> None:
    with call(cable) as line:
        line.sendall(b"xin")
        assert line.recv(100) == b"xin"
        cable.pull()
        assert cable.pulled
        assert read_all(line) == b""
    with call(cable) as line:
        assert read_all(line) == b""
    cable.mend()
    with call(cable) as line:
        line.sendall(b"chao")
        assert line.recv(100) == b"chao"


@pytest.mark.parametrize("count", [1, 3, 4, 7, 12])
def test_a_bad_cable_breaks_once_after_so_many_bytes(cable: Cable, count: int) -> None:
    cable.break_after(count)
    with call(cable) as line:
        line.sendall(b"123456")
        got = read_all(line)
        assert got == b"123456"[: max(0, count - 6)]
    with call(cable) as line:
        line.sendall(b"again")
        assert line.recv(100) == b"again"
