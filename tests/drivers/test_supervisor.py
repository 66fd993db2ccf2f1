"""The supervisor over devices that do what a test tells them."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from drivers import supervisor as module
from drivers.devices import (
    CannotOpen,
    CardRemoved,
    DeviceBack,
    DeviceError,
    DeviceEvent,
    DeviceLost,
    DeviceRefused,
    Identity,
    NotSent,
    PortClosed,
    WireError,
)
from drivers.supervisor import DeviceState, Supervised, Supervisor

IDENTITY = Identity("a device of the tests", "1.0")


@dataclass
class Plug:
    """What a test holds of a scripted device: whether it is there, and what a poll does."""

    error: DeviceError | Exception | None = None
    on_poll: Callable[[], Sequence[DeviceEvent]] = tuple
    rest: float = 0.001
    opened: int = 0
    open_now: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    polled: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def connect(self, device: str) -> "Scripted":
        self.opened += 1
        if self.error:
            raise self.error
        self.open_now += 1
        return Scripted(self, device)


class Scripted:
    """A device that does what its plug says."""

    def __init__(self, plug: Plug, device: str) -> None:
        self.device = device
        self.plug = plug
        self.done: list[str] = []
        self._closed = False

    @property
    def rest(self) -> float:
        return self.plug.rest

    @property
    def answer_times(self) -> Sequence[float]:
        return [0.001 * n for n in range(1, 101)]

    def self_test(self) -> Identity:
        return IDENTITY

    def poll(self) -> Iterator[DeviceEvent]:
        if self.plug.error:
            raise self.plug.error
        yield from self.plug.on_poll()
        self.plug.polled.release()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.plug.open_now -= 1
            self.plug.closed.set()

    def note(self, what: str) -> str:
        self.done.append(what)
        return f"{what} in {threading.current_thread().name}"


class Desk:
    """A supervisor with quick retries, and the events it posted."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
        self.supervisor = Supervisor(self.events.put, first_retry=0.001, longest_retry=0.004)

    def add(self, plug: Plug, device: str = "pad") -> Supervised[Scripted]:
        return self.supervisor.add(device, plug.connect)

    def next(self) -> DeviceEvent:
        return self.events.get(timeout=10)

    def added(self, plug: Plug, device: str = "pad") -> Supervised[Scripted]:
        supervised = self.add(plug, device)
        assert self.next() == DeviceBack(device, IDENTITY)
        return supervised


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    with desk.supervisor:
        yield desk


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def wait(busy: threading.Event, go: threading.Event) -> None:
    """A command that lasts until the test says so."""
    busy.set()
    assert go.wait(10)


def failed(future: Future[Any]) -> BaseException | None:
    return future.exception(timeout=10)


def test_a_device_that_is_there_is_announced_with_its_name(desk: Desk) -> None:
    desk.add(Plug())
    assert desk.next() == DeviceBack("pad", IDENTITY)


def test_a_device_that_was_never_there_is_lost_once_and_comes_when_it_comes(desk: Desk) -> None:
    plug = Plug(error=CannotOpen("nothing there"))
    desk.add(plug)
    assert desk.next() == DeviceLost("pad", "cannot_open")
    until(lambda: plug.opened >= 5)
    plug.error = None
    assert desk.next() == DeviceBack("pad", IDENTITY)
    assert desk.events.empty()


@pytest.mark.parametrize(
    ("error", "code"),
    [(WireError("broken"), "wire"), (DeviceRefused("no", answer=b"\x82"), "refused"), (KeyError("a defect"), "defect")],
)
def test_lost_and_back_alternate(desk: Desk, error: Exception, code: str) -> None:
    plug = Plug()
    pad = desk.added(plug)
    for _ in range(3):
        plug.error = error
        assert desk.next() == DeviceLost("pad", code)
        until(lambda: pad.health().attempts >= 3)
        plug.error = None
        assert desk.next() == DeviceBack("pad", IDENTITY)
    assert plug.open_now == 1


def test_a_loss_is_logged_once_and_says_nothing_of_bytes(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    plug = Plug(error=WireError("the wire broke", sent=b"P0012345", received=b"P0012345"))
    with caplog.at_level(logging.DEBUG, logger="drivers"):
        desk.add(plug)
        desk.next()
        until(lambda: plug.opened >= 5)
        desk.supervisor.stop()
    assert [record.getMessage() for record in caplog.records] == ["pad is lost: the wire broke"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_health_counts_each_loss_and_each_refused_command_by_its_code_and_no_attempt(desk: Desk) -> None:
    plug = Plug()
    pad = desk.added(plug)
    for error in (WireError("broken"), WireError("again"), KeyError("a defect")):
        plug.error = error
        assert isinstance(desk.next(), DeviceLost)
        until(lambda: pad.health().attempts >= 3)
        plug.error = None
        assert isinstance(desk.next(), DeviceBack)

    def refuse(_device: Scripted) -> None:
        raise DeviceRefused("no", answer=b"\x12")

    assert isinstance(failed(pad.do(refuse)), DeviceRefused)
    until(lambda: "refused" in pad.health().errors)
    assert pad.health().errors == {"wire": 2, "defect": 1, "refused": 1}
    assert pad.health().losses == 3


def test_a_dead_device_does_not_stop_the_others(desk: Desk) -> None:
    desk.add(Plug(error=ZeroDivisionError("a defect")), "printer")
    assert desk.next() == DeviceLost("printer", "defect")
    pad = desk.added(Plug(on_poll=lambda: (CardRemoved("pad"),), rest=60), "pad")
    assert desk.next() == CardRemoved("pad")
    assert "in device-pad" in pad.do(lambda device: device.note("work")).result(10)


def test_commands_run_in_the_thread_of_the_device_and_their_result_comes_back(desk: Desk) -> None:
    pad = desk.added(Plug())
    assert pad.do(lambda device: device.note("work")).result(10) == "work in device-pad"


def test_a_command_does_not_wait_for_the_rest_between_polls(desk: Desk) -> None:
    plug = Plug(rest=3600)
    pad = desk.added(plug)
    assert plug.polled.acquire(timeout=10)
    assert pad.do(lambda device: device.note("work")).result(10)


def test_commands_come_between_two_events_of_a_poll(desk: Desk) -> None:
    posted = threading.Event()
    order: list[str] = []

    def events() -> Sequence[DeviceEvent]:
        posted.wait(10)
        return (CardRemoved("one"), CardRemoved("two"))

    plug = Plug(on_poll=events, rest=3600)
    pad = desk.added(plug)
    done = pad.do(lambda _: order.append("command"))
    done.add_done_callback(lambda _: order.append(f"before two: {desk.events.qsize() == 1}"))
    posted.set()
    assert plug.polled.acquire(timeout=10)
    assert order == ["command", "before two: True"]


def test_a_command_for_a_device_that_is_away_is_never_sent(desk: Desk) -> None:
    pad = desk.add(Plug(error=CannotOpen("nothing there")))
    desk.next()
    assert isinstance(failed(pad.do(lambda device: device.note("work"))), NotSent)


def test_a_command_that_is_waiting_when_the_device_is_lost_is_never_sent(desk: Desk) -> None:
    busy, go = threading.Event(), threading.Event()
    pad = desk.added(Plug())

    def lose_it(_: Scripted) -> None:
        busy.set()
        go.wait(10)
        raise WireError("broken")

    first = pad.do(lose_it)
    assert busy.wait(10)
    second = pad.do(lambda device: device.note("work"))
    go.set()
    assert isinstance(failed(first), WireError)
    assert isinstance(failed(second), NotSent)


def test_a_command_that_comes_too_late_to_its_turn_is_never_sent(desk: Desk) -> None:
    plug = Plug()
    pad = desk.added(plug)
    busy, go = threading.Event(), threading.Event()
    pad.do(lambda _: wait(busy, go))
    assert busy.wait(10)
    late = pad.do(lambda device: device.note("work"), within=-1)
    go.set()
    assert isinstance(failed(late), NotSent)


def test_a_cancelled_command_does_not_run(desk: Desk) -> None:
    ran: list[str] = []
    pad = desk.added(Plug())
    busy, go = threading.Event(), threading.Event()
    first = pad.do(lambda _: wait(busy, go))
    assert busy.wait(10)
    second = pad.do(lambda _: ran.append("second"))
    assert second.cancel()
    go.set()
    first.result(10)
    pad.do(lambda _: ran.append("third")).result(10)
    assert ran == ["third"]


def test_an_error_of_the_wire_in_a_command_loses_the_device(desk: Desk) -> None:
    plug = Plug()
    pad = desk.added(plug)

    def fail(_: Scripted) -> None:
        raise WireError("broken")

    assert isinstance(failed(pad.do(fail)), WireError)
    assert desk.next() == DeviceLost("pad", "wire")
    assert desk.next() == DeviceBack("pad", IDENTITY)
    assert plug.opened == 2


@pytest.mark.parametrize("error", [DeviceRefused("no", answer=b"\x01"), KeyError("a defect of the caller")])
def test_any_other_error_of_a_command_is_for_its_caller_alone(desk: Desk, error: Exception) -> None:
    pad = desk.added(Plug())

    def fail(_: Scripted) -> None:
        raise error

    assert failed(pad.do(fail)) is error
    assert pad.do(lambda device: device.note("work")).result(10)
    assert desk.events.empty()


def test_stopping_lets_a_command_end_and_refuses_what_waits(desk: Desk) -> None:
    plug = Plug()
    pad = desk.added(plug)
    busy, go = threading.Event(), threading.Event()

    def write(_: Scripted) -> bool:
        busy.set()
        go.wait(10)
        return plug.closed.is_set()

    begun = pad.do(write)
    assert busy.wait(10)
    waiting = pad.do(lambda device: device.note("work"))
    stopper = threading.Thread(target=desk.supervisor.stop)
    stopper.start()
    assert stopper.is_alive()
    go.set()
    stopper.join()
    assert begun.result(10) is False, "the device was closed under a command"
    assert isinstance(failed(waiting), NotSent)
    assert plug.open_now == 0


def test_stopping_cuts_a_poll_short(desk: Desk) -> None:
    plug = Plug()
    polling = threading.Event()
    closed: list[bool] = []

    def listen() -> Sequence[DeviceEvent]:
        polling.set()
        closed.append(plug.closed.wait(10))
        raise PortClosed("closed")

    plug.on_poll = listen
    desk.added(plug)
    assert polling.wait(10)
    desk.supervisor.stop()
    assert closed == [True]
    assert plug.open_now == 0
    assert desk.events.empty(), "what was stopped is not lost"


def test_stopping_while_a_device_is_away_does_not_wait_for_it() -> None:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    plug = Plug(error=CannotOpen("nothing there"))
    with Supervisor(events.put, first_retry=3600, longest_retry=3600) as supervisor:
        supervisor.add("pad", plug.connect)
        events.get(timeout=10)


def test_two_devices_of_one_name_are_a_mistake(desk: Desk) -> None:
    desk.added(Plug())
    with pytest.raises(ValueError, match="pad"):
        desk.add(Plug())


def test_health_is_unknown_then_well_then_lost(desk: Desk) -> None:
    opening, go = threading.Event(), threading.Event()
    plug = Plug()

    def connect(device: str) -> Scripted:
        opening.set()
        go.wait(10)
        return plug.connect(device)

    pad = desk.supervisor.add("pad", connect)
    assert opening.wait(10)
    assert (pad.health().state, pad.health().answer_p50) == (DeviceState.UNKNOWN, None)
    go.set()
    desk.next()
    assert plug.polled.acquire(timeout=10)
    assert plug.polled.acquire(timeout=10)
    well = pad.health()
    assert (well.state, well.identity, well.losses) == (DeviceState.WELL, IDENTITY, 0)
    assert well.answer_p50 == pytest.approx(0.050)
    assert well.answer_p95 == pytest.approx(0.095)
    assert well.since <= datetime.now(UTC)
    plug.error = CannotOpen("nothing there")
    desk.next()
    until(lambda: pad.health().attempts >= 3)
    lost = pad.health()
    assert (lost.state, lost.code, lost.reason, lost.losses) == (DeviceState.LOST, "cannot_open", "nothing there", 1)
    assert lost.since >= well.since
    assert lost.answer_p50 is None
    assert desk.supervisor.health()[0].device == "pad"


def test_a_device_that_has_not_been_heard_for_long_is_not_called_well(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    polling, go = threading.Event(), threading.Event()

    def hang() -> Sequence[DeviceEvent]:
        polling.set()
        go.wait(10)
        return ()

    pad = desk.added(Plug(on_poll=hang))
    assert polling.wait(10)
    assert pad.health().state is DeviceState.WELL
    monkeypatch.setattr(module, "_STALE", 0.0)
    assert pad.health().state is DeviceState.UNKNOWN
    go.set()
