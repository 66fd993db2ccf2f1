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

from drivers.devices import (
    Device,
    DeviceBack,
    DeviceEvent,
    DeviceLost,
    NotSent,
    PortClosed,
    RfidPad,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagContent,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.iso15693 import (
    Security,
    SecurityChanged,
    SecurityResult,
    SecurityUnchanged,
    SecurityUnknown,
    TagFault,
    Uid,
)
from drivers.iso28560 import BlankTag, Damage, DamagedTag, ForeignTag, LibraryTag, Usage
from drivers.simulators.pad import PadFault, SimulatedPad, VirtualTag
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


PadT = TypeVar("PadT", bound=RfidPad)


def numbered(number: int) -> Uid:
    """A UID of an NXP chip."""
    return bytes.fromhex("E0040100") + number.to_bytes(4, "big")


FIRST, SECOND, THIRD = map(numbered, (1, 2, 3))
IN_STOCK, ON_LOAN = 0x07, 0xC2


def release(uid: Uid) -> Callable[[RfidPad], SecurityResult]:
    return lambda pad: pad.release(uid)


def item(uid: Uid, item_id: str = "TN-000001") -> VirtualTag:
    return VirtualTag.of_item(uid, item_id, isil="VN-TN")


@dataclass
class PadBench(Bench[PadT]):
    """The bench of a pad: the simulated pad is the one that virtual tags are put on."""

    pad: SimulatedPad


class PadConformance(DeviceConformance[PadT]):
    """What every RFID pad must do.

    ``bench`` opens the pad with a short ``linger`` and a short limit for answers; faults then take no time.
    """

    @pytest.fixture
    def bench(self) -> Iterator[PadBench[PadT]]:
        raise NotImplementedError

    @pytest.fixture
    def pad(self, bench: PadBench[PadT], device: Supervised[PadT], watch: Watch) -> SimulatedPad:
        """The simulated pad, with a driver that has found it empty."""
        del device
        assert watch.next(StackSteady).uids == frozenset()
        return bench.pad

    def steady(self, watch: Watch, *uids: Uid) -> None:
        """Waits until these lie on the pad and no others."""
        watch.next(StackSteady, lambda steady: steady.uids == frozenset(uids))

    def contents(self, watch: Watch) -> dict[Uid, TagContent]:
        return {read.uid: read.content for read in watch.of(TagRead)}

    def looks(self, pad: SimulatedPad, count: int = 8) -> None:
        """Waits until the driver has taken so many more inventories."""
        enough = pad.inventories + count
        until(lambda: pad.inventories >= enough)

    # --- who is there ---

    def test_an_empty_pad_is_known_to_be_empty(self, pad: SimulatedPad, watch: Watch) -> None:
        self.looks(pad)
        assert watch.of(TagArrived, TagRead, StackOverfull) == []
        assert len(watch.of(StackSteady)) == 1

    def test_a_tag_is_announced_then_read_then_steady_and_each_once(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        self.looks(pad)
        assert watch.so_far()[2:] == [
            TagArrived("device", FIRST),
            TagRead("device", FIRST, LibraryTag("TN-000001", "VN-TN")),
            StackSteady("device", frozenset({FIRST})),
        ]

    def test_a_tag_that_lies_there_before_the_pad_is_opened_is_announced(
        self, bench: PadBench[PadT], watch: Watch
    ) -> None:
        bench.pad.put(item(FIRST))
        watch.supervisor.add("device", bench.connect)
        self.steady(watch, FIRST)

    def test_a_tag_that_is_lifted_is_gone_once(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.put(item(FIRST), item(SECOND))
        self.steady(watch, FIRST, SECOND)
        pad.lift(FIRST)
        self.steady(watch, SECOND)
        self.looks(pad)
        assert watch.of(TagGone) == [TagGone("device", FIRST)]

    def test_a_tag_that_is_put_back_is_announced_again(self, pad: SimulatedPad, watch: Watch) -> None:
        for _ in range(2):
            pad.put(item(FIRST))
            self.steady(watch, FIRST)
            pad.lift(FIRST)
            self.steady(watch)
        kinds = [type(event) for event in watch.of(TagArrived, TagRead, TagGone)]
        assert kinds == [TagArrived, TagRead, TagGone] * 2

    def test_one_tag_swapped_for_another_is_one_gone_and_one_arrived(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        pad.lift(FIRST)
        pad.put(item(SECOND, "TN-000002"))
        self.steady(watch, SECOND)
        assert [event.uid for event in watch.of(TagArrived)] == [FIRST, SECOND]
        assert [event.uid for event in watch.of(TagGone)] == [FIRST]

    def test_a_tag_at_the_edge_of_the_field_does_not_flicker(self, pad: SimulatedPad, watch: Watch) -> None:
        edge = item(FIRST)
        edge.appears = (True, False, False)
        pad.put(edge, item(SECOND))
        self.steady(watch, FIRST, SECOND)
        before = len(watch.so_far())
        self.looks(pad, 30)
        assert watch.so_far()[before:] == []

    def test_a_tag_hidden_by_others_is_asked_for_by_its_uid_before_it_is_given_up(
        self, pad: SimulatedPad, watch: Watch
    ) -> None:
        hidden = item(FIRST)
        pad.put(hidden)
        self.steady(watch, FIRST)
        hidden.appears = (False,)
        self.looks(pad, 30)
        assert watch.of(TagGone) == []
        pad.lift(FIRST)
        assert watch.next(TagGone).uid == FIRST

    def test_twenty_tags_are_all_read_before_the_stack_is_steady(self, pad: SimulatedPad, watch: Watch) -> None:
        tags = [item(numbered(n), f"TN-{n:06}") for n in range(20)]
        pad.put(*tags)
        self.steady(watch, *(tag.uid for tag in tags))
        assert self.contents(watch) == {tag.uid: LibraryTag(f"TN-{n:06}", "VN-TN") for n, tag in enumerate(tags)}
        assert len(watch.of(StackSteady)) == 2
        pad.clear()
        self.steady(watch)
        assert {gone.uid for gone in watch.of(TagGone)} == {tag.uid for tag in tags}

    def test_an_inventory_the_reader_cannot_finish_takes_nothing_away(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.put(item(FIRST), item(SECOND))
        self.steady(watch, FIRST, SECOND)
        pad.cause(PadFault.RF_ERROR, times=3)
        self.looks(pad, 10)
        assert watch.of(TagGone) == []
        assert len(watch.of(StackSteady)) == 2

    def test_a_reader_that_never_finishes_an_inventory_does_not_hold_up_what_it_sees(
        self, pad: SimulatedPad, watch: Watch
    ) -> None:
        pad.cause(PadFault.RF_ERROR)
        pad.put(item(FIRST), item(SECOND))
        self.steady(watch, FIRST)

    def test_more_tags_than_the_reader_can_tell_apart_are_told_once(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        pad.capacity = 2
        pad.put(item(SECOND), item(THIRD))
        watch.next(StackOverfull)
        self.looks(pad)
        assert len(watch.of(StackOverfull)) == 1
        assert watch.of(TagGone) == []
        pad.lift(THIRD)
        self.steady(watch, FIRST, SECOND)

    # --- what is on them ---

    def test_each_tag_is_what_it_is(self, pad: SimulatedPad, watch: Watch) -> None:
        blank = VirtualTag(FIRST)
        foreign = VirtualTag(SECOND, bytearray(b"http://example.org/a".ljust(112, b"\0")))
        damaged = item(THIRD)
        damaged.damage()
        patron = VirtualTag.of_item(numbered(4), "P0012345", usage=Usage.PATRON_CARD)
        part = VirtualTag.of_item(numbered(5), "TN-000007", isil="VN-TN", parts_in_item=3, part_number=2)
        small = VirtualTag.of_item(numbered(6), "TN-000008", isil="VN-TN", blocks=8)
        pad.put(blank, foreign, damaged, patron, part, small)
        watch.next(StackSteady)
        assert self.contents(watch) == {
            blank.uid: BlankTag(),
            foreign.uid: ForeignTag(bytes(foreign.memory[:36])),
            damaged.uid: DamagedTag(bytes(damaged.memory[:36]), Damage.CRC),
            patron.uid: LibraryTag("P0012345", usage=Usage.PATRON_CARD),
            part.uid: LibraryTag("TN-000007", "VN-TN", parts_in_item=3, part_number=2),
            small.uid: LibraryTag("TN-000008", "VN-TN"),
        }

    def test_a_tag_lifted_before_it_was_read_has_come_and_gone(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.cause(PadFault.TAG_LIFTED_BEFORE_READ, times=1)
        pad.put(item(FIRST))
        watch.next(TagGone)
        self.looks(pad)
        assert watch.so_far()[2:] == [TagArrived("device", FIRST), TagGone("device", FIRST)]

    def test_a_tag_that_cannot_be_read_is_shown_and_read_as_soon_as_it_can_be(
        self, pad: SimulatedPad, watch: Watch
    ) -> None:
        pad.cause(PadFault.READ_FAILS)
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        self.looks(pad, 30)
        pad.mend()
        watch.next(TagRead, lambda read: isinstance(read.content, LibraryTag))
        assert [read.content for read in watch.of(TagRead)] == [
            UnreadableTag(TagFault.OTHER),
            LibraryTag("TN-000001", "VN-TN"),
        ]

    def test_a_read_that_fails_once_goes_unnoticed(self, pad: SimulatedPad, watch: Watch) -> None:
        pad.cause(PadFault.READ_FAILS, times=2)
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        assert self.contents(watch) == {FIRST: LibraryTag("TN-000001", "VN-TN")}

    def test_an_answer_that_comes_too_late_is_not_taken_for_what_is_on_another_tag(
        self, pad: SimulatedPad, watch: Watch
    ) -> None:
        pad.cause(PadFault.SLOW_READ, times=2)
        pad.put(item(FIRST, "TN-000001"), item(SECOND, "TN-000002"))
        self.steady(watch, FIRST, SECOND)
        assert {(read.uid, read.content) for read in watch.of(TagRead)} == {
            (FIRST, LibraryTag("TN-000001", "VN-TN")),
            (SECOND, LibraryTag("TN-000002", "VN-TN")),
        }

    # --- the security mark ---

    def test_a_tag_is_released_and_secured_and_the_driver_has_looked(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED)
        assert tag.afi == ON_LOAN
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED), "safe to repeat"
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED)
        assert tag.afi == IN_STOCK

    def test_ten_tags_are_released_each_with_its_own_result(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tags = [item(numbered(n), f"TN-{n:06}") for n in range(10)]
        tags[4].afi_locked = True
        pad.put(*tags)
        watch.next(StackSteady)
        futures = [device.do(release(tag.uid)) for tag in tags]
        results = [type(future.result(PATIENCE)) for future in futures]
        assert results == [SecurityChanged] * 4 + [SecurityUnchanged] + [SecurityChanged] * 5
        assert [tag.afi for tag in tags] == [ON_LOAN] * 4 + [IN_STOCK] + [ON_LOAN] * 5

    def test_a_tag_lifted_before_the_write_is_unknown_and_was_not_written(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.TAG_LIFTED_BEFORE_WRITE, times=1)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE)
        assert tag.afi == IN_STOCK

    @pytest.mark.parametrize("fault", [PadFault.TAG_LIFTED_MID_WRITE, PadFault.TAG_LIFTED_AFTER_WRITE])
    def test_a_tag_lifted_before_it_was_read_back_is_unknown_and_mended_when_it_is_back(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch, fault: PadFault
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(fault, times=1)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE)
        assert tag.afi == ON_LOAN
        watch.next(TagGone)
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED)
        assert tag.afi == IN_STOCK

    def test_a_tag_that_is_not_there_is_not_mistaken_for_the_one_that_is(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        other = item(SECOND)
        pad.put(other)
        self.steady(watch, SECOND)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE)
        assert other.afi == IN_STOCK

    def test_a_locked_mark_is_unchanged_and_says_so(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        tag.afi_locked = True
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.released(device) == SecurityUnchanged(FIRST, Security.RELEASED, IN_STOCK, TagFault.LOCKED)
        assert pad.afi_writes == 1, "what is locked stays locked"

    def test_a_write_that_did_nothing_is_found_out_and_tried_again(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.WRITE_IGNORED, times=1)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED)
        pad.cause(PadFault.WRITE_IGNORED)
        assert self.secured(device) == SecurityUnchanged(FIRST, Security.SECURED, ON_LOAN, TagFault.NOT_WRITTEN)
        assert tag.afi == ON_LOAN

    def test_a_write_whose_answer_was_lost_is_read_back(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.ANSWER_LOST_AFTER_WRITE, times=1)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED)
        assert tag.afi == ON_LOAN
        assert watch.of(DeviceLost) == []

    def test_a_cable_pulled_while_writing_leaves_the_tag_unknown(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.CABLE_PULLED_MID_WRITE, times=1)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.NO_ANSWER)
        assert tag.afi == ON_LOAN
        watch.next(DeviceLost)
        pad.mend()
        self.steady(watch, FIRST)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED)

    # --- the reader and the wire ---

    def test_one_lost_answer_goes_unnoticed(self, pad: SimulatedPad, watch: Watch) -> None:
        for fault in (PadFault.NO_ANSWER, PadFault.CRC_ERROR):
            pad.cause(fault, times=1)
            until(lambda: not pad.faults())
            self.looks(pad)
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        assert watch.of(DeviceLost) == []

    @pytest.mark.parametrize("fault", [PadFault.NO_ANSWER, PadFault.CRC_ERROR])
    def test_a_reader_that_says_nothing_is_lost_and_what_lies_there_is_not_gone(
        self, pad: SimulatedPad, watch: Watch, fault: PadFault
    ) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        pad.cause(fault)
        assert watch.next(DeviceLost).code == "no_answer"
        pad.mend()
        watch.next(DeviceBack)
        self.steady(watch, FIRST)
        assert watch.of(TagGone) == []
        assert len(watch.of(TagArrived)) == 2, "what lies there is announced anew"

    def released(self, device: Supervised[PadT]) -> SecurityResult:
        return device.do(release(FIRST)).result(PATIENCE)

    def secured(self, device: Supervised[PadT]) -> SecurityResult:
        return device.do(lambda pad: pad.secure(FIRST)).result(PATIENCE)
