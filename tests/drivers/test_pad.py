"""The RFID pad: who is there, from inventory to inventory; and the FEIG reader over TCP and over a serial line."""

import os
import queue
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.bibliotheca import Bibliotheca
from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CardTechnology,
    DeviceEvent,
    DeviceLost,
    RfidPad,
    SerialLine,
    StackSteady,
    TagContent,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.feig import Feig
from drivers.iso15693 import AfiPair, Mark, Marking, Security, SecurityChanged, TagFault, Uid
from drivers.library_tag import BlankTag, LibraryTag
from drivers.pad import Pad
from drivers.presence import Presence
from drivers.rl866 import Rl866
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import PadFault
from drivers.simulators.pad import Reader, SimulatedPad
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.wire import Link, Outlet, Wire
from drivers.supervisor import Supervisor
from drivers.tag_protocol import Inventory, TagProtocol
from tests.drivers.conformance import PATIENCE, Watch, until
from tests.drivers.conformance_pads import FIRST, SECOND, PadBench, PadConformance, item, release

#: As short as a busy machine allows: a fault that is an answer's absence lasts so long.
ANSWER_WITHIN = 0.3
LINGER = 0.05


def open_pad(device: str, url: str, protocol: Callable[[], TagProtocol] = Feig, marking: Marking | None = None) -> Pad:
    return Pad.open(
        device,
        url=url,
        protocol=protocol(),
        # A pseudo-terminal has no parity.
        line=SerialLine(38400, "8N1"),
        marking=marking,
        answer_within=ANSWER_WITHIN,
        linger=LINGER,
        rest=0.002,
    )


def pad_bench(pad: SimulatedPad, protocol: Callable[[], TagProtocol] = Feig) -> PadBench[Pad]:
    return PadBench(
        connect=partial(open_pad, url=pad.url, protocol=protocol),
        pull_cable=lambda: pad.cause(PadFault.CABLE_PULLED),
        plug_in=pad.mend,
        pad=pad,
        marked=lambda marking: partial(open_pad, url=pad.url, protocol=protocol, marking=marking),
    )


no_terminals = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")


class TestFeigOverTcp(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad() as pad:
            yield pad_bench(pad, partial(Feig, advanced=True))


@no_terminals
class TestFeigOverASerialLineThatListsThreeTagsAtATime(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad(FeigReader(tags_per_answer=3), link=Link.PTY) as pad:
            yield pad_bench(pad)


class TestBibliothecaOverTcp(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad(BibliothecaReader()) as pad:
            yield pad_bench(pad, Bibliotheca)


@no_terminals
class TestBibliothecaOverASerialLineWithOldFirmware(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad(BibliothecaReader(old_firmware=True), link=Link.PTY) as pad:
            yield pad_bench(pad, Bibliotheca)


class TestRl866OverTcp(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad(Rl866Reader()) as pad:
            yield pad_bench(pad, Rl866)


@no_terminals
class TestRl866OverASerialLineThatListsThreeTagsAtATime(PadConformance[Pad]):
    @pytest.fixture
    def bench(self) -> Iterator[PadBench[Pad]]:
        with SimulatedPad(Rl866Reader(tags_per_answer=3), link=Link.PTY) as pad:
            yield pad_bench(pad, Rl866)


@pytest.fixture
def watch() -> Iterator[Watch]:
    events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()
    with Supervisor(events.put, first_retry=0.005, longest_retry=0.02) as supervisor:
        yield Watch(supervisor, events)


def test_a_reader_that_reports_only_new_tags_is_asked_for_the_others(watch: Watch) -> None:
    with SimulatedPad(FeigReader(only_new=True)) as pad:
        watch.supervisor.add("pad", partial(open_pad, url=pad.url))
        pad.put(item(FIRST))
        watch.next(TagRead)
        pad.put(item(SECOND))
        watch.next(StackSteady, lambda steady: steady.uids == {FIRST, SECOND})
        until(lambda: pad.inventories > 40)
        assert watch.of(TagGone) == []
        pad.lift(FIRST)
        assert watch.next(TagGone).uid == FIRST
        pad.cause(PadFault.CABLE_PULLED)
        watch.next(DeviceLost)
        pad.mend()
        watch.next(StackSteady, lambda steady: steady.uids == {SECOND})
        watch.supervisor.stop()


def test_a_card_among_the_items_is_a_card(watch: Watch) -> None:
    with SimulatedPad() as pad:
        watch.supervisor.add("pad", partial(open_pad, url=pad.url))
        pad.put(item(FIRST))
        pad.put_card(bytes.fromhex("04A1B2C3D4E5F6"))
        presented = watch.next(CardPresented)
        assert presented.card == Card(CardTechnology.TYPE_A, bytes.fromhex("04A1B2C3D4E5F6"))
        watch.next(StackSteady, lambda steady: steady.uids == {FIRST})
        pad.clear()
        watch.next(CardRemoved)
        assert len(watch.of(CardPresented)) == 1
        watch.supervisor.stop()


def test_a_card_that_invents_its_uid_is_one_card(watch: Watch) -> None:
    with SimulatedPad() as pad:
        watch.supervisor.add("pad", partial(open_pad, url=pad.url))
        pad.put_card(None)
        assert watch.next(CardPresented).card.uid_is_random
        until(lambda: pad.inventories > 20)
        assert len(watch.of(CardPresented)) == 1
        watch.supervisor.stop()


def test_a_slow_reader_is_waited_for(watch: Watch) -> None:
    with SimulatedPad() as pad:
        pad.put(item(FIRST))
        pad.cause(PadFault.SLOW, times=2)
        watch.supervisor.add("pad", partial(Pad.open, url=pad.url, protocol=Feig()))
        watch.next(StackSteady, lambda steady: steady.uids == {FIRST})
        assert watch.of(DeviceLost) == []
        watch.supervisor.stop()


def test_a_library_has_its_own_marks(watch: Watch) -> None:
    with SimulatedPad() as pad:
        connect = partial(
            Pad.open, url=pad.url, protocol=Feig(), marking=Marking(afis=AfiPair(secured=0xDA, released=0x21))
        )
        supervised = watch.supervisor.add("pad", connect)
        tag = item(FIRST)
        pad.put(tag)
        watch.next(TagRead)
        assert supervised.do(release(FIRST)).result(PATIENCE) == SecurityChanged(FIRST, Security.RELEASED, Mark(0x07))
        assert tag.afi == 0x21
        watch.supervisor.stop()


def test_a_reader_that_sees_no_library_tags_is_not_taken_for_a_pad(watch: Watch) -> None:
    def serve(wire: Wire) -> None:
        while True:
            if wire.read():
                wire.write(bytes.fromhex("0D00650003030044530D303309"))

    with Outlet(serve) as outlet:
        watch.supervisor.add("pad", partial(open_pad, url=outlet.url))
        assert watch.next(DeviceLost).code == "not_supported"
        watch.supervisor.stop()


@pytest.mark.parametrize(
    ("reader", "protocol"), [(FeigReader, Feig), (BibliothecaReader, Bibliotheca), (Rl866Reader, Rl866)]
)
def test_it_works_at_the_speed_of_a_real_line(
    watch: Watch, reader: Callable[[], Reader], protocol: Callable[[], TagProtocol]
) -> None:
    with SimulatedPad(reader(), real_time=True) as pad:
        supervised = watch.supervisor.add("pad", partial(Pad.open, url=pad.url, protocol=protocol()))
        pad.put(item(FIRST), item(SECOND, "TN-000002"))
        watch.next(StackSteady, lambda steady: steady.uids == {FIRST, SECOND})
        result = supervised.do(release(FIRST)).result(PATIENCE)
        assert result == SecurityChanged(FIRST, Security.RELEASED, Mark(0x07))
        assert len(watch.of(TagRead)) == 2
        watch.supervisor.stop()


def test_what_stood_there_is_asked_when_a_tag_is_released_before_the_pad_has_looked() -> None:
    with SimulatedPad() as pad:
        opened = open_pad("pad", pad.url)
        opened.self_test()
        pad.put(item(FIRST))
        results = [opened.release(FIRST) for event in opened.poll() if isinstance(event, TagRead)]
        opened.close()
    assert results == [SecurityChanged(FIRST, Security.RELEASED, Mark(0x07))]


# --- presence, by itself ---

UIDS = [bytes((0xE0, 4, 1, 0, 0, 0, 0, n)) for n in range(4)]
TAG = LibraryTag("TN-000001")


def see(presence: Presence, now: float, *uids: Uid, complete: bool = True) -> list[Uid]:
    return presence.see(Inventory(uids, complete=complete), now)


def test_two_inventories_that_agree_make_a_stack_once_all_is_read() -> None:
    presence = Presence(linger=10)
    assert see(presence, 0, *UIDS[:2]) == UIDS[:2]
    assert presence.steady() is None
    assert see(presence, 1, *UIDS[:2]) == []
    assert presence.steady() is None, "nothing has been read"
    for uid in UIDS[:2]:
        presence.read(uid, TAG)
    assert presence.steady() == frozenset(UIDS[:2])


def test_a_tag_seen_once_unsettles_the_stack_until_it_is_seen_again() -> None:
    presence = Presence(linger=10)
    for now in (0, 1):
        see(presence, now, UIDS[0])
    presence.read(UIDS[0], TAG)
    assert presence.steady() == frozenset(UIDS[:1])
    see(presence, 2, *UIDS[:2])
    presence.read(UIDS[1], BlankTag())
    see(presence, 3, UIDS[0])
    assert presence.steady() is None
    see(presence, 4, *UIDS[:2])
    assert presence.steady() == frozenset(UIDS[:2])


def test_an_unfinished_inventory_agrees_with_none_unless_nothing_changes_for_long() -> None:
    presence = Presence(linger=10)
    see(presence, 0, UIDS[0])
    presence.read(UIDS[0], TAG)
    see(presence, 1, UIDS[0], complete=False)
    assert presence.steady() is None
    see(presence, 11, UIDS[0], complete=False)
    assert presence.steady() == frozenset(UIDS[:1])


def test_a_tag_that_cannot_be_read_is_given_up_after_a_few_attempts_and_tried_again_later() -> None:
    presence = Presence(linger=10)
    unreadable = UnreadableTag(TagFault.OTHER)
    see(presence, 0, UIDS[0])
    told: list[TagContent | None] = []
    attempts = 0
    for now in range(1, 60):
        see(presence, now, UIDS[0])
        if presence.unread([UIDS[0]]):
            attempts += 1
            told.append(presence.read(UIDS[0], unreadable))
    assert told[:3] == [None, None, unreadable]
    assert not any(told[3:])
    assert 6 <= attempts <= 10
    while not presence.unread([UIDS[0]]):
        see(presence, 60, UIDS[0])
    assert presence.read(UIDS[0], TAG) == TAG


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from(UIDS)), st.booleans(), st.integers(1, 6), st.sets(st.sampled_from(UIDS))),
        max_size=25,
    )
)
def test_whatever_the_inventories_presence_keeps_its_promises(
    looks: list[tuple[set[Uid], bool, int, set[Uid]]],
) -> None:
    linger = 8
    presence = Presence(linger)
    last_seen: dict[Uid, float] = {}
    times: dict[Uid, int] = {}
    now = 0.0
    for found, complete, pause, answering in looks:
        now += pause
        arrived = see(presence, now, *sorted(found), complete=complete)
        assert set(arrived) == found - last_seen.keys()
        for uid in found:
            last_seen[uid] = now
            times[uid] = times.get(uid, 0) + 1
        for uid in presence.unread(sorted(found)):
            presence.read(uid, TAG)
        missing = presence.missing(now)
        assert set(missing) == {uid for uid, seen in last_seen.items() if now - seen > linger}
        for uid in missing:
            if uid in answering:
                presence.confirm(uid, now)
                last_seen[uid] = now
                times[uid] += 1
            else:
                presence.forget(uid)
                del last_seen[uid], times[uid]
        steady = presence.steady()
        if steady is not None:
            assert steady == frozenset(last_seen)
            assert all(times[uid] >= 2 for uid in steady)


def test_no_event_shows_whose_card_it_was() -> None:
    card = Card(CardTechnology.TYPE_A, b"\x04secret", "P0012345")
    shown = repr(CardPresented("pad", card)) + repr(BarcodeScanned("scanner", "P0012345"))
    assert "P0012345" not in shown
    assert "secret" not in shown


def test_every_pad_is_a_pad() -> None:
    with SimulatedPad() as simulated:
        pad: RfidPad = open_pad("pad", simulated.url)
        pad.close()
