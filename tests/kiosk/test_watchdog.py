"""The sign of life, heard on a real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.watchdog import Watchdog


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


def test_a_service_says_that_it_is_up_alive_and_ending(manager: socket.socket, tmp_path: Path) -> None:
    dog = Watchdog({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "9000000"})
    assert dog.every == 3.0
    for say, heard in ((dog.ready, b"READY=1"), (dog.alive, b"WATCHDOG=1"), (dog.stopping, b"STOPPING=1")):
        say()
        assert manager.recv(100) == heard


def test_an_abstract_socket_is_found_by_its_name() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0tramsach-test-" + str(id(listening)))
        listening.settimeout(10)
        Watchdog({"NOTIFY_SOCKET": "@" + listening.getsockname()[1:].decode()}).alive()
        assert listening.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("environment", [{}, {"WATCHDOG_USEC": "9000000"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_where_nobody_listens_nothing_is_missed(environment: dict[str, str]) -> None:
    dog = Watchdog(environment)
    assert dog.every is None
    dog.ready()
    dog.alive()
