"""The FEIG pad on true time: how near it comes to what wire and air need for the same, what it costs when nothing lies
there, and how soon it is back.

The least time is counted from the bytes that have to go over the line at 38400 baud 8E1 and from the air times of
facts/rfid.md, 8: one inventory and one read of nine blocks for each tag; one write of the AFI and one reading back, and
one reading before where the mark was not seen yet. What the driver adds is the pause the reader wants, the tag's wait
for the next inventory, and itself.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import TypeVar

from drivers.devices import DeviceBack, DeviceEvent, DeviceLost, StackSteady, TagRead
from drivers.feig import ISO_HOST, Feig, Frame
from drivers.iso15693 import BLOCK_SIZE, SecurityChanged, Uid
from drivers.library_tag import LibraryTag
from drivers.pad import Pad
from drivers.simulators import air
from drivers.simulators.air import Request
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import PadFault, VirtualTag, inventory_seconds
from drivers.simulators.pad import SimulatedPad
from drivers.supervisor import Supervised, Supervisor
from drivers.tag_work import BASIC_BLOCKS
from tests.bench.figure import Figure

_ROUNDS = 7
#: A driver that is away for so long is asked for in the longest intervals there are.
_AWAY_S = 4.0
_IDLE_S = 6.0
_PATIENCE_S = 20.0
#: A chip stores a byte of its own in so long, between the 6 and 26 ms that a write of the AFI takes.
_STORING_S = 0.010
_STATUS = 1

EventT = TypeVar("EventT")
Events = queue.SimpleQueue[DeviceEvent]


def measure() -> list[Figure]:
    """Ratios of identifying and of releasing, processor time of an empty pad, the way back after a pulled cable."""
    figures = [_identify(count) for count in (1, 5, 10, 20)]
    figures += [_release(10, learnt=True), _release(10, learnt=False)]
    return [*figures, _idle(), _reconnect()]


# --- what it takes at least ---


def _line(request: bytes, reply_data: int) -> float:
    """Seconds on the line for a request, and for a reply of status ok with so many bytes of data."""
    reply = Frame(0x00, ISO_HOST, bytes(_STATUS + reply_data)).encode()
    return FeigReader.pace.seconds(len(request) + len(reply))


def _asked(command: Iterator[bytes]) -> bytes:
    return next(command)


def _least_identify(count: int) -> float:
    feig, tag = Feig(), _tag(0)
    blocks = BASIC_BLOCKS[0]
    said = Request.to(tag.uid, air.READ_MULTIPLE_BLOCKS, bytes((0, blocks - 1))).encode()
    inventory = _line(_asked(feig.inventory()), 1 + 10 * count) + inventory_seconds(count)
    read = _line(_asked(feig.read_blocks(tag.uid, 0, blocks)), 2 + blocks * (1 + BLOCK_SIZE))
    return inventory + count * (read + air.seconds(said, tag.hear(said)))


def _least_release(count: int, looks: int) -> float:
    feig, tag = Feig(), _tag(0)
    write = Request.to(tag.uid, air.WRITE_AFI, b"\xc2").encode()
    look = Request.to(tag.uid, air.GET_SYSTEM_INFORMATION).encode()
    written = _line(_asked(feig.write_afi(tag.uid, 0xC2)), 0) + air.seconds(write, tag.hear(write)) + _STORING_S
    seen = _line(_asked(feig.read_afi(tag.uid)), 13) + air.seconds(look, tag.hear(look))
    return count * (written + looks * seen)


# --- what it takes ---


def _identify(count: int) -> Figure:
    tags = [_tag(number) for number in range(count)]
    took = []
    with _opened() as (pad, events, _):
        for each in range(_ROUNDS):
            time.sleep(0.013 * each)  # books are not laid down in step with the driver
            began = time.monotonic()
            pad.put(*tags)
            for _tag_read in tags:
                _await(events, TagRead, lambda read: isinstance(read.content, LibraryTag))
            took.append(time.monotonic() - began)
            _await(events, StackSteady, lambda steady: len(steady.uids) == count)
            pad.clear()
            _await(events, StackSteady, lambda steady: not steady.uids)
    return _ratio(
        f"pad: {count} tags identified" if count > 1 else "pad: 1 tag identified", took, _least_identify(count)
    )


def _release(count: int, *, learnt: bool) -> Figure:
    """With ``learnt`` the pad has had the time to look at the marks; without, it must do so before it writes."""
    tags = [_tag(number) for number in range(count)]
    took = []
    with _opened() as (pad, events, device):
        for _each in range(_ROUNDS):
            for tag in tags:
                tag.afi = 0x07
            pad.put(*tags)
            _await(events, StackSteady, lambda steady: len(steady.uids) == count)
            if learnt:
                time.sleep(1.0)
            began = time.monotonic()
            futures = [device.do(partial(_release_one, tag.uid), within=_PATIENCE_S) for tag in tags]
            if not all(future.result(_PATIENCE_S) for future in futures):
                raise RuntimeError("a tag was not released")
            took.append(time.monotonic() - began)
            pad.clear()
            _await(events, StackSteady, lambda steady: not steady.uids)
    name = f"pad: {count} tags released and verified" + ("" if learnt else ", marks not seen before")
    return _ratio(name, took, _least_release(count, looks=1 if learnt else 2))


def _release_one(uid: Uid, pad: Pad) -> bool:
    return isinstance(pad.release(uid), SecurityChanged)


def _ratio(name: str, took: list[float], least: float) -> Figure:
    times = f"{median(took) * 1000:.0f} ms of {least * 1000:.0f}, slowest {max(took) * 1000:.0f}"
    return Figure(name, median(took) / least, "times", 1.5, note=times)


def _idle() -> Figure:
    """Processor time of the driver's own thread alone: the simulated reader has another."""
    with _opened() as (_, _events, device):
        time.sleep(0.5)
        began, used = time.monotonic(), _thread_seconds(device)
        time.sleep(_IDLE_S)
        used = _thread_seconds(device) - used
        return Figure("pad: processor time while empty", 100 * used / (time.monotonic() - began), "% of a core", 3.0)


def _thread_seconds(device: Supervised[Pad]) -> float:
    return device.do(lambda _pad: time.thread_time()).result(_PATIENCE_S)


def _reconnect() -> Figure:
    took = []
    with _opened() as (pad, events, _):
        for _each in range(3):
            pad.cause(PadFault.CABLE_PULLED)
            _await(events, DeviceLost)
            time.sleep(_AWAY_S)
            began = time.monotonic()
            pad.mend()
            _await(events, DeviceBack)
            took.append(time.monotonic() - began)
    return Figure("pad: back after the cable is", max(took), "s", 2.0, note=f"slowest of {len(took)}")


# --- the bench ---


def _tag(number: int) -> VirtualTag:
    uid = bytes.fromhex("E0040100") + number.to_bytes(4, "big")
    return VirtualTag.of_item(uid, f"TN-{number:06}", isil="VN-TN")


@contextmanager
def _opened() -> Iterator[tuple[SimulatedPad, Events, Supervised[Pad]]]:
    """A pad on true time, empty, and its driver as a station has it."""
    events: Events = queue.SimpleQueue()
    with SimulatedPad(real_time=True) as pad, Supervisor(events.put) as supervisor:
        device = supervisor.add("pad", partial(Pad.open, url=pad.url, protocol=Feig()))
        _await(events, StackSteady)
        yield pad, events, device


def _await(events: Events, kind: type[EventT], such: Callable[[EventT], bool] = lambda _: True) -> EventT:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        event = events.get(timeout=max(0.0, deadline - time.monotonic()))
        if isinstance(event, kind) and such(event):
            return event
