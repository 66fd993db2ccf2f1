"""A kiosk put together: devices by their kinds, several of a kind, dead ones among them, and their health on disk."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.devices import Devices, DeviceSettings
from drivers.devices import Raster
from drivers.health import HealthRecord, read_health
from drivers.registry import load_registry
from drivers.simulators.cards import CardFault
from drivers.simulators.field import PadFault
from drivers.simulators.printer import SimulatedPrinter
from drivers.simulators.scanner import SimulatedScanner
from drivers.supervisor import DeviceState
from kiosk.demo.bench import Bench
from kiosk.demo.clock import open_hours
from kiosk.demo.library import items
from kiosk.flows.messages import ReceiptFacts
from kiosk.flows.state import Phase, Stage, State
from kiosk.machine import Machine, setup_of
from kiosk.station import Settings, settings_of
from kiosk.views import Action, Touch
from sync.store.view import Clock

#: A reader of the demonstration library.
READER = "TN000101"
#: An address at which nobody ever is.
NOWHERE = "socket://127.0.0.1:1"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


class Running:
    """A machine of a test, and how it is."""

    def __init__(self, machine: Machine, home: Path) -> None:
        self.machine, self._home = machine, home

    @property
    def state(self) -> State:
        failed = self.machine.session.failed
        assert failed is None
        return self.machine.session.state

    def health(self) -> HealthRecord:
        found = read_health(self._home)
        assert found
        return found

    def states(self) -> dict[str, DeviceState]:
        found = read_health(self._home)
        return {device.device: device.state for device in found.devices} if found else {}

    def until_well(self, *names: str) -> None:
        until(lambda: all(self.states().get(name) is DeviceState.WELL for name in names))


def machine_of(home: Path, *devices: DeviceSettings) -> Machine:
    settings = settings_of(home)
    return Machine(settings, Devices(devices), clock=always_open(settings))


def always_open(settings: Settings) -> Clock:
    """A clock by which the library is open, whenever the test runs."""
    return open_hours(settings.rules.rules.calendar(settings.station.value.branch))


def test_the_first_device_of_each_kind_is_the_visits() -> None:
    devices = Devices(
        (
            DeviceSettings("cards on the left", "nfc", "usb"),
            DeviceSettings("till", "escpos", "COM1"),
            DeviceSettings("desk", "rl866", "COM2"),
            DeviceSettings("tagging", "feig", "COM3"),
            DeviceSettings("cards on the right", "pcsc", "pcsc"),
        )
    )
    setup = setup_of(settings_of(Path("nowhere")), devices, load_registry())
    assert (setup.pad, setup.reader, setup.scanner, setup.printer) == ("desk", "cards on the left", "", "till")


def test_several_readers_and_scanners_are_all_heard_and_a_dead_one_of_each_kind_stops_nobody(
    library: Path, bench: Bench
) -> None:
    with SimulatedScanner() as second, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        machine = machine_of(
            library,
            DeviceSettings("dead pad", "feig", NOWHERE),
            DeviceSettings("dead scanner", "scanner", NOWHERE),
            DeviceSettings("dead printer", "escpos", NOWHERE),
            DeviceSettings("dead reader", "nfc", f"udp:127.0.0.1:{silent.getsockname()[1]}"),
            DeviceSettings("no driver", "pcsc", "pcsc:no such reader"),
            *bench.devices.devices,
            DeviceSettings("second scanner", "scanner", second.url),
        )
        with machine:
            running = Running(machine, library)
            running.until_well("pad", "reader", "scanner", "printer", "second scanner")
            bench.tap(READER)
            until(lambda: running.state.reader is not None)
            machine.touch(Touch(Action.END))
            bench.take_card()
            until(lambda: running.state.phase is Phase.ATTRACT)
            second.scan(READER)
            until(lambda: running.state.reader is not None)
    dead = [device for device in running.health().devices if device.device.startswith(("dead", "no driver"))]
    assert {device.state for device in dead} == {DeviceState.LOST}
    assert all(device.losses == 1 and device.attempts >= 1 for device in dead)
    assert all(sum(device.errors.values()) == 1 for device in dead)


def test_a_pad_that_dies_while_a_visit_is_open_comes_back_to_it(library: Path, bench: Bench) -> None:
    book = next(item for item in items() if item.type == "book" and item.branch == "TN" and item.parts == 1)
    with machine_of(library, *bench.devices.devices) as machine:
        running = Running(machine, library)
        running.until_well("pad", "reader")
        bench.tap(READER)
        until(lambda: running.state.reader is not None)
        bench.pad.cause(PadFault.CABLE_PULLED)
        until(lambda: running.state.is_lost("pad"))
        bench.put(book)
        assert running.state.visit_open
        bench.pad.mend()
        until(lambda: any(b.item_id == book.item_id and b.stage is Stage.RELEASED for b in running.state.books))
    pad = running.health().of("pad")
    assert pad
    assert (pad.state, pad.losses, sum(pad.errors.values())) == (DeviceState.WELL, 1, 1)


def test_the_record_is_kept_while_it_runs_and_says_when_it_ended(library: Path, bench: Bench) -> None:
    with machine_of(library, *bench.devices.devices) as machine:
        running = Running(machine, library)
        running.until_well("pad", "reader", "scanner", "printer")
        assert running.health().ended is None
        assert running.health().is_running(datetime.now(UTC))
        bench.reader.cause(CardFault.CABLE_PULLED)
        until(lambda: running.states()["reader"] is DeviceState.LOST)
    assert running.health().ended is not None
    assert running.states() == {
        "pad": DeviceState.WELL,
        "reader": DeviceState.LOST,
        "scanner": DeviceState.WELL,
        "printer": DeviceState.WELL,
    }
    pad = running.health().of("pad")
    assert pad
    assert pad.model.startswith("FEIG")
    assert pad.answer_p50 is not None
    assert pad.answer_p95 is not None
    assert 0 < pad.answer_p50 <= pad.answer_p95


def test_receipts_are_drawn_as_wide_as_the_printers_paper(library: Path, bench: Bench) -> None:
    """The narrow one of its settings; so a model or a width written there needs nothing else."""
    widths: list[int] = []

    def render(_facts: ReceiptFacts, width: int) -> Raster:
        widths.append(width)
        return Raster(width, 8, bytes(width))

    book = next(item for item in items() if item.type == "book" and item.branch == "TN" and item.parts == 1)
    with SimulatedPrinter(width=384) as printer:
        devices = [device for device in bench.devices.devices if device.driver != "escpos"]
        narrow = DeviceSettings("printer", "escpos", printer.url, width=384)
        settings = settings_of(library)
        machine = Machine(settings, Devices((*devices, narrow)), render=render, clock=always_open(settings))
        with machine:
            running = Running(machine, library)
            running.until_well("pad", "reader", "printer")
            bench.tap(READER)
            until(lambda: running.state.reader is not None)
            bench.put(book)
            until(lambda: any(b.stage is Stage.RELEASED for b in running.state.books))
            machine.touch(Touch(Action.FINISH))
            until(lambda: running.state.phase is Phase.DONE)
            machine.touch(Touch(Action.PRINT))
            until(lambda: widths == [384])
