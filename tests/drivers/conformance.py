"""What every driver of a kind must do, whatever its protocol: a test class inherits the suite of its kind.

A class gives the fixture ``bench``: the simulated device at the other end of a wire, and how to open a driver to it.
All of it goes through a supervisor and over real bytes. To try a driver over TCP and over a pseudo-terminal is two
classes of three lines.

Nothing here sleeps for a while and hopes. A test waits for an event, or for the simulated device to have been asked so
many times, and then looks at what was posted.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pytest

from drivers.devices import Device, DeviceBack, DeviceEvent, DeviceLost, NotSent, PortClosed
from drivers.supervisor import DeviceState, Health, Supervised, Supervisor

DeviceT = TypeVar("DeviceT", bound=Device)
EventT = TypeVar("EventT")

#: How long a test waits for what must come. Only a failure takes so long.
PATIENCE = 15.0


@dataclass
class Bench(Generic[DeviceT]):
    """A simulated device and the way to a driver: what a test class gives to the suite."""

    connect: Callable[[str], DeviceT]
    pull_cable: Callable[[], None]
    plug_in: Callable[[], None]


@dataclass
class Watch:
    """The events of a device, kept, so that a test can wait for one and look back at all."""

    supervisor: Supervisor
    incoming: "queue.SimpleQueue[DeviceEvent]"
    seen: list[DeviceEvent] = field(default_factory=list)

    def next(self, kind: type[EventT], such: Callable[[EventT], bool] = lambda _: True) -> EventT:
        """The next event of a kind; those before it are kept and passed over."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                event = self.incoming.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__} came, only {self.seen}") from None
            self.seen.append(event)
            if isinstance(event, kind) and such(event):
                return event

    def so_far(self) -> list[DeviceEvent]:
        """All events until now."""
        while not self.incoming.empty():
            self.seen.append(self.incoming.get())
        return self.seen

    def of(self, *kinds: type[EventT]) -> list[EventT]:
        """All events of some kinds until now."""
        return [event for event in self.so_far() if isinstance(event, kinds)]

    def health(self) -> Health:
        """The health of the one device there is."""
        (health,) = self.supervisor.health()
        return health


class DeviceConformance(Generic[DeviceT]):
    """What holds for a device of any kind."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench[DeviceT]]:
        raise NotImplementedError

    @pytest.fixture
    def watch(self) -> Iterator[Watch]:
        events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
        with Supervisor(events.put, first_retry=0.005, longest_retry=0.02) as supervisor:
            yield Watch(supervisor, events)

    @pytest.fixture
    def device(self, bench: Bench[DeviceT], watch: Watch) -> Supervised[DeviceT]:
        """The device, open and well."""
        supervised = watch.supervisor.add("device", bench.connect)
        watch.next(DeviceBack)
        return supervised

    def test_it_says_who_it_is(self, bench: Bench[DeviceT], watch: Watch) -> None:
        watch.supervisor.add("device", bench.connect)
        back = watch.next(DeviceBack)
        assert back.device == "device"
        assert watch.health().identity == back.identity

    def test_a_pulled_cable_is_told_once_and_a_cable_put_in_again_once(
        self, bench: Bench[DeviceT], device: Supervised[DeviceT], watch: Watch
    ) -> None:
        for times in (1, 2):
            bench.pull_cable()
            watch.next(DeviceLost)
            until(lambda: watch.health().attempts >= 4)
            assert isinstance(device.do(lambda _: None).exception(PATIENCE), NotSent)
            bench.plug_in()
            watch.next(DeviceBack)
            assert watch.health().state is DeviceState.WELL
            assert watch.health().losses == times
        assert [type(event) for event in watch.of(DeviceBack, DeviceLost)] == [
            DeviceBack, DeviceLost, DeviceBack, DeviceLost, DeviceBack,
        ]  # fmt: skip

    def test_a_device_that_is_not_there_at_first_is_found_when_it_comes(
        self, bench: Bench[DeviceT], watch: Watch
    ) -> None:
        bench.pull_cable()
        watch.supervisor.add("device", bench.connect)
        assert isinstance(watch.next(DeviceLost), DeviceLost)
        bench.plug_in()
        watch.next(DeviceBack)

    def test_closing_from_another_thread_ends_a_poll(self, bench: Bench[DeviceT]) -> None:
        opened = bench.connect("device")
        opened.self_test()
        polls = threading.Event()

        def close() -> None:
            polls.wait(PATIENCE)
            opened.close()

        closer = threading.Thread(target=close)
        closer.start()
        with pytest.raises(PortClosed):
            poll_for_ever(opened, polls)
        closer.join()
        opened.close()

    def test_closing_twice_does_nothing_more(self, bench: Bench[DeviceT]) -> None:
        opened = bench.connect("device")
        opened.close()
        opened.close()


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that no event tells of."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def poll_for_ever(device: Device, polls: threading.Event) -> None:
    while True:
        for _ in device.poll():
            pass
        polls.set()
