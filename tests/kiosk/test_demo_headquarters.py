"""The demonstration's headquarters: a process that is served, a station that is enrolled with it, and one clock."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from config.devices import Devices
from config.headquarters import HEADQUARTERS_FILE, Headquarters
from kiosk.demo.clock import MovedClock, open_hours
from kiosk.demo.library import PIN, items, make_folder, readers
from kiosk.demo.tour import ADULT
from kiosk.demo.uplink import Uplink
from kiosk.machine import Machine
from kiosk.pins import PinGuard
from kiosk.station import desk, onlooker, settings_of
from kiosk.terminal import Answers
from sync.circulation.acts import Lent
from sync.circulation.events import ClockCompared
from sync.circulation.model import local_day
from sync.store.clock import read_clock

if find_spec("fastapi") is None:
    pytest.skip("Headquarters is served by what the extra hq brings.", allow_module_level=True)

from kiosk.demo.headquarters import CODE, NotServed, ServedHeadquarters, received, set_up

TODAY = local_day(read_clock().wall)
BOOK = "TN.00011"


@dataclass(frozen=True, slots=True)
class Network:
    """A headquarters that is served, and a station that belongs to it, in one folder."""

    home: Path
    place: Headquarters
    headquarters: ServedHeadquarters


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("network") / "home"
    make_folder(home, TODAY)
    code = set_up(home, TODAY)
    with ServedHeadquarters(home) as headquarters:
        place = headquarters.enrol(Answers(as_json=True), home, code)
        assert place is not None
        yield Network(home, place, headquarters)


def test_a_station_lends_by_what_headquarters_has_told_it(network: Network) -> None:
    settings = settings_of(network.home)
    assert settings.headquarters == network.place
    assert (network.place.hq, network.place.branch) == (CODE, "TN")
    assert network.place.url == f"https://127.0.0.1:{network.headquarters.cable.port}"
    assert settings.rules.source == HEADQUARTERS_FILE
    assert settings.rules.rules.holidays
    with onlooker(network.home) as view:
        assert all(view.find_item(item.item_id) for item in items())
        assert all(view.find_patron(reader.patron_id) for reader in readers(TODAY))
        assert PinGuard().check(ADULT, PIN, view.card(ADULT).pin_hash, 0.0)[0]


def test_a_station_whose_clock_is_ahead_finds_out_and_everything_it_wrote_arrives(network: Network) -> None:
    clock = MovedClock(timedelta(hours=6))
    machine = Machine(settings_of(network.home), Devices(()), clock=clock, worker=clock.worker)
    with machine, Uplink(network.home, network.place, network.headquarters.cable) as uplink:
        deadline = time.monotonic() + 60
        while not (_offsets(network.home) and uplink.unsent() == 0):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert abs(timedelta(milliseconds=_offsets(network.home)[-1]) + clock.ahead) < timedelta(minutes=1)
    there = received(network.home)
    assert (there.same, there.applied, there.exceptions) == (True, there.events, 0)
    assert there.events > 0


def _offsets(home: Path) -> list[int]:
    with onlooker(home) as view:
        return [entry.event.offset_ms for entry in view.entries() if isinstance(entry.event, ClockCompared)]


def test_an_event_that_headquarters_lacks_is_not_called_received(network: Network) -> None:
    with desk(network.home, command="tests") as (ledger, _station):
        before = ledger.head().seq
        if not isinstance(ledger.checkout(ADULT, BOOK), Lent):
            ledger.checkin(BOOK)
        written = ledger.head().seq
    there = received(network.home)
    assert written > before
    assert there.events < written
    assert not there.same


def test_the_clock_of_the_demonstration_finds_the_library_open_and_never_goes_back(library: Path) -> None:
    calendar = settings_of(library).rules.rules.calendar("TN")
    clock = open_hours(calendar)
    assert clock.ahead >= timedelta()
    assert calendar.is_open_at(clock().wall)


def test_headquarters_is_served_with_tls_and_ends_with_its_input(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_folder(home, TODAY)
    set_up(home, TODAY)
    command = [sys.executable, "-m", "kiosk.demo.headquarters", str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = f"https://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1/health"
        certificate = ssl.create_default_context(cafile=home / "hq" / "tls" / "certificate.pem")
        with httpx.Client(verify=certificate) as client:
            assert client.get(url, timeout=60).is_success
        _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    with httpx.Client(verify=certificate) as client, pytest.raises(httpx.ConnectError):
        client.get(url)


def test_a_headquarters_that_was_never_founded_is_not_waited_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotServed):
        ServedHeadquarters(tmp_path)
    said = capfd.readouterr().err
    assert "no headquarters in this folder" in said
    assert "Traceback" not in said
