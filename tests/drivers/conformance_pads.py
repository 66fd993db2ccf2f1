"""What every RFID pad must do, whatever its make; see ``conformance``."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest

from drivers import iso28560_2
from drivers.devices import (
    DeviceBack,
    DeviceLost,
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
    Mark,
    MarkDoubt,
    Marking,
    MarkPolicy,
    Security,
    SecurityChanged,
    SecurityResult,
    SecurityUnchanged,
    SecurityUnknown,
    TagFault,
    TagUnwritten,
    TagWriteUnknown,
    TagWritten,
    Uid,
    WriteResult,
)
from drivers.library_tag import BlankTag, Damage, DamagedTag, Element, ForeignTag, LibraryTag, Oid, TagModel, Usage
from drivers.simulators.field import PadFault, VirtualTag
from drivers.simulators.pad import SimulatedPad
from drivers.supervisor import Supervised
from tests.drivers.conformance import PATIENCE, Bench, DeviceConformance, Watch, until

PadT = TypeVar("PadT", bound=RfidPad)


def numbered(number: int) -> Uid:
    """A UID of an NXP chip."""
    return bytes.fromhex("E0040100") + number.to_bytes(4, "big")


FIRST, SECOND, THIRD = map(numbered, (1, 2, 3))
IN_STOCK, ON_LOAN = 0x07, 0xC2
WAS_IN_STOCK, WAS_ON_LOAN = Mark(IN_STOCK), Mark(ON_LOAN)
BY_EAS, BY_BOTH = Marking(MarkPolicy.EAS), Marking(MarkPolicy.BOTH)


def release(uid: Uid) -> Callable[[RfidPad], SecurityResult]:
    return lambda pad: pad.release(uid)


def item(uid: Uid, item_id: str = "TN-000001") -> VirtualTag:
    return VirtualTag.of_item(uid, item_id, isil="VN-TN")


@dataclass
class PadBench(Bench[PadT]):
    """The bench of a pad: the simulated pad is the one that virtual tags are put on; ``marking`` a library's own."""

    pad: SimulatedPad
    marked: Callable[[Marking], Callable[[str], PadT]]


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
        foreign = VirtualTag(SECOND, bytearray(b"\x03\x0f\xd1\x01\x0bU\x04example.org\xfe".ljust(112, b"\0")))
        damaged = item(THIRD)
        damaged.damage()
        patron = VirtualTag.of_item(numbered(4), "P0012345", usage=Usage.PATRON_CARD)
        part = VirtualTag.of_item(numbered(5), "TN-000007", isil="VN-TN", parts_in_item=3, part_number=2)
        small = VirtualTag.of_item(numbered(6), "TN-000008", isil="VN-TN", blocks=8)
        pad.put(blank, foreign, damaged, patron, part, small)
        watch.next(StackSteady)
        assert self.contents(watch) == {
            blank.uid: BlankTag(),
            foreign.uid: ForeignTag(bytes(foreign.memory)),
            damaged.uid: DamagedTag(bytes(damaged.memory[:36]), Damage.CRC),
            patron.uid: LibraryTag("P0012345", usage=Usage.PATRON_CARD),
            part.uid: LibraryTag("TN-000007", "VN-TN", parts_in_item=3, part_number=2),
            small.uid: LibraryTag("TN-000008", "VN-TN"),
        }

    def test_a_tag_whose_first_blocks_do_not_tell_all_is_read_to_the_end(self, pad: SimulatedPad, watch: Watch) -> None:
        title = Element(Oid.TITLE, "Dế Mèn phiêu lưu ký")
        content = LibraryTag("TN-000001", "VN-TN", model=TagModel.ISO_28560_2, elements=(title,))
        written = iso28560_2.encode(content, 112)
        assert isinstance(written, bytes)
        assert len(written) > 36
        pad.put(VirtualTag(FIRST, bytearray(written.ljust(112, b"\0"))))
        self.steady(watch, FIRST)
        read = self.contents(watch)[FIRST]
        assert isinstance(read, LibraryTag)
        assert (read.item_id, read.model, read.warnings) == ("TN-000001", TagModel.ISO_28560_2, ())
        assert title.text in [element.text for element in read.elements]

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
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, WAS_IN_STOCK)
        assert tag.afi == ON_LOAN
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, WAS_ON_LOAN), "safe to repeat"
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED, WAS_ON_LOAN)
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
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE, WAS_IN_STOCK)
        assert tag.afi == IN_STOCK

    @pytest.mark.parametrize("fault", [PadFault.TAG_LIFTED_MID_WRITE, PadFault.TAG_LIFTED_AFTER_WRITE])
    def test_a_tag_lifted_before_it_was_read_back_is_unknown_and_mended_when_it_is_back(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch, fault: PadFault
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(fault, times=1)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE, WAS_IN_STOCK)
        assert tag.afi == ON_LOAN
        watch.next(TagGone)
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED, WAS_ON_LOAN)
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
        assert self.released(device) == SecurityUnchanged(
            FIRST, Security.RELEASED, WAS_IN_STOCK, TagFault.LOCKED, WAS_IN_STOCK
        )
        assert pad.afi_writes == 1, "what is locked stays locked"

    def test_a_write_that_did_nothing_is_found_out_and_tried_again(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.WRITE_IGNORED, times=1)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, WAS_IN_STOCK)
        pad.cause(PadFault.WRITE_IGNORED)
        assert self.secured(device) == SecurityUnchanged(
            FIRST, Security.SECURED, WAS_ON_LOAN, TagFault.NOT_WRITTEN, WAS_ON_LOAN
        )
        assert tag.afi == ON_LOAN

    def test_a_write_whose_answer_was_lost_is_read_back(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(PadFault.ANSWER_LOST_AFTER_WRITE, times=1)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, WAS_IN_STOCK)
        assert tag.afi == ON_LOAN
        assert watch.of(DeviceLost) == []

    @pytest.mark.parametrize("fault", [PadFault.CABLE_PULLED_MID_WRITE, PadFault.CABLE_PULLED_MID_ANSWER])
    def test_a_cable_pulled_while_writing_leaves_the_tag_unknown(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch, fault: PadFault
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)

        def pull_and_release(driver: RfidPad) -> SecurityResult:
            pad.cause(fault, times=1)
            return driver.release(FIRST)

        result = device.do(pull_and_release).result(PATIENCE)
        assert isinstance(result, SecurityUnknown)
        assert result.fault is TagFault.NO_ANSWER
        assert tag.afi == ON_LOAN or fault is PadFault.CABLE_PULLED_MID_ANSWER
        watch.next(DeviceLost)
        pad.mend()
        self.steady(watch, FIRST)
        was = Mark(tag.afi)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED, was)

    def test_a_line_that_breaks_at_any_byte_of_the_answer_leaves_the_tag_unknown_and_then_mended(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        for pad.cut in range(0, 15, 2):

            def pull_and_release(driver: RfidPad) -> SecurityResult:
                pad.cause(PadFault.CABLE_PULLED_MID_ANSWER, times=1)
                return driver.release(FIRST)

            result = device.do(pull_and_release).result(PATIENCE)
            assert isinstance(result, SecurityUnknown)
            assert result.fault is TagFault.NO_ANSWER
            watch.next(DeviceLost)
            pad.mend()
            self.steady(watch, FIRST)
            assert isinstance(self.secured(device), SecurityChanged)
            assert tag.afi == IN_STOCK

    def test_another_book_in_its_place_is_left_as_it_is(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        pad.cause(PadFault.TAG_SWAPPED_BEFORE_WRITE, times=1)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE, WAS_IN_STOCK)
        (stranger,) = pad.tags()
        assert (stranger.uid == FIRST, stranger.afi) == (False, IN_STOCK)
        self.steady(watch, stranger.uid)

    def test_what_stood_there_before_is_restored_whatever_it_means(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        tag.afi = 0x9E
        pad.put(tag)
        self.steady(watch, FIRST)
        result = self.released(device)
        assert result == SecurityChanged(FIRST, Security.RELEASED, Mark(0x9E))
        restored = device.do(lambda driver: driver.restore(FIRST, result.previous)).result(PATIENCE)
        assert restored == SecurityChanged(FIRST, None, WAS_ON_LOAN)
        assert tag.afi == 0x9E

    def test_a_mark_that_is_as_wanted_already_is_not_written(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        pad.put(item(FIRST))
        self.steady(watch, FIRST)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED, WAS_IN_STOCK)
        assert pad.afi_writes == 0

    def test_eas_is_set_and_reset_and_the_afi_left_alone(self, bench: PadBench[PadT], watch: Watch) -> None:
        device, tag = self.marked(bench, watch, BY_EAS)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, Mark(eas=True))
        assert (tag.eas, tag.afi) == (False, IN_STOCK)
        assert self.secured(device) == SecurityChanged(FIRST, Security.SECURED, Mark(eas=False))
        assert (tag.eas, tag.afi) == (True, IN_STOCK)
        bench.pad.lift(FIRST)
        assert self.released(device) == SecurityUnknown(FIRST, Security.RELEASED, TagFault.GONE, Mark(eas=True))

    def test_both_marks_are_written_and_both_are_read_back(self, bench: PadBench[PadT], watch: Watch) -> None:
        device, tag = self.marked(bench, watch, BY_BOTH)
        before = Mark(IN_STOCK, eas=True)
        assert self.released(device) == SecurityChanged(FIRST, Security.RELEASED, before)
        assert (tag.eas, tag.afi) == (False, ON_LOAN)
        assert device.do(lambda driver: driver.restore(FIRST, before)).result(PATIENCE).previous == Mark(ON_LOAN, False)
        assert (tag.eas, tag.afi) == (True, IN_STOCK)

    def test_marks_that_come_to_disagree_are_told_as_they_are(self, bench: PadBench[PadT], watch: Watch) -> None:
        device, tag = self.marked(bench, watch, BY_BOTH)
        tag.eas_locked = True
        result = self.released(device)
        half = Mark(ON_LOAN, eas=True)
        before = Mark(IN_STOCK, eas=True)
        assert result == SecurityUnchanged(FIRST, Security.RELEASED, half, TagFault.LOCKED, before)
        assert BY_BOTH.judge(half) is MarkDoubt.DISAGREE
        assert isinstance(device.do(lambda driver: driver.restore(FIRST, before)).result(PATIENCE), SecurityChanged)
        assert (tag.eas, tag.afi) == (True, IN_STOCK)

    def test_a_chip_without_eas_cannot_be_secured_by_it_and_says_so(self, bench: PadBench[PadT], watch: Watch) -> None:
        other_maker = bytes.fromhex("E002010000000001")
        device, tag = self.marked(bench, watch, BY_BOTH, other_maker)
        tag.afi = ON_LOAN
        result = device.do(lambda driver: driver.secure(other_maker)).result(PATIENCE)
        assert isinstance(result, SecurityUnchanged)
        assert result.fault is TagFault.NOT_SUPPORTED
        assert not tag.eas
        assert isinstance(device.do(release(other_maker)).result(PATIENCE), SecurityChanged), "it shouts at no gate"

    def marked(
        self, bench: PadBench[PadT], watch: Watch, marking: Marking, uid: Uid = FIRST
    ) -> tuple[Supervised[PadT], VirtualTag]:
        """A pad of a library that marks its tags in another way, and a tag on it that is in stock."""
        device = watch.supervisor.add("device", bench.marked(marking))
        tag = item(uid)
        tag.eas = uid == FIRST
        bench.pad.put(tag)
        self.steady(watch, uid)
        return device, tag

    # --- the memory ---

    NEW = bytes.fromhex("1101013130303030303030353600000000000098A4444B373138353030000000") + b"\0" * 4

    def written(self, device: Supervised[PadT], content: bytes = NEW) -> WriteResult:
        return device.do(lambda driver: driver.write(FIRST, content)).result(PATIENCE)

    def test_a_memory_is_written_and_read_back_and_told_of(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = VirtualTag(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.written(device) == TagWritten(FIRST)
        assert tag.memory == self.NEW.ljust(112, b"\0")
        read = watch.next(TagRead, lambda read: isinstance(read.content, LibraryTag))
        assert read.content == LibraryTag("1000000056", "DK-718500")
        assert self.written(device) == TagWritten(FIRST), "safe to repeat"

    def test_the_whole_of_a_memory_can_be_written(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = VirtualTag(FIRST, locked_blocks={5})
        tag.memory[20:24] = b"kept"
        pad.put(tag)
        self.steady(watch, FIRST)
        content = bytes(range(20)) + b"kept" + bytes(range(100, 188))
        assert self.written(device, content) == TagWritten(FIRST), (
            "a locked block that is right already is no hindrance"
        )
        assert tag.memory == content

    def test_a_locked_block_is_found_before_anything_is_written(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = VirtualTag(FIRST, locked_blocks={3, 6})
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.written(device) == TagUnwritten(FIRST, TagFault.LOCKED, 3, intact=True)
        assert not any(tag.memory)

    def test_more_than_the_memory_holds_is_refused_and_nothing_written(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = VirtualTag(FIRST, bytearray(32))
        pad.put(tag)
        self.steady(watch, FIRST)
        result = self.written(device)
        assert isinstance(result, TagUnwritten)
        assert result.intact
        assert not any(tag.memory)

    @pytest.mark.parametrize(
        "fault",
        [
            PadFault.WRITE_IGNORED,
            PadFault.ANSWER_LOST_AFTER_WRITE,
            PadFault.NO_ANSWER,
            PadFault.REBOOTS,
            PadFault.TRUNCATED,
            PadFault.READ_FAILS,
        ],
    )
    def test_a_write_that_meets_one_fault_is_tried_again(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch, fault: PadFault
    ) -> None:
        tag = VirtualTag(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)

        def fail_and_write(driver: RfidPad) -> WriteResult:
            pad.cause(fault, times=1)
            return driver.write(FIRST, self.NEW)

        assert device.do(fail_and_write).result(PATIENCE) == TagWritten(FIRST)
        assert tag.memory == self.NEW.ljust(112, b"\0")
        assert watch.of(DeviceLost) == []

    @pytest.mark.parametrize(
        "fault",
        [
            PadFault.TAG_LIFTED_BEFORE_WRITE,
            PadFault.TAG_LIFTED_MID_WRITE,
            PadFault.TAG_LIFTED_AFTER_WRITE,
            PadFault.TAG_SWAPPED_BEFORE_WRITE,
        ],
    )
    def test_a_tag_lifted_while_it_was_written_is_unknown_and_whole_when_it_was_back(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch, fault: PadFault
    ) -> None:
        tag = VirtualTag(FIRST)
        pad.put(tag)
        self.steady(watch, FIRST)
        pad.cause(fault, times=1)
        assert self.written(device) == TagWriteUnknown(FIRST, TagFault.GONE)
        assert all(not any(other.memory) for other in pad.tags())
        pad.clear()
        self.steady(watch)
        pad.put(tag)
        self.steady(watch, FIRST)
        assert self.written(device) == TagWritten(FIRST)
        assert tag.memory == self.NEW.ljust(112, b"\0")

    def test_a_write_that_does_nothing_is_given_up_and_the_memory_is_as_it_was(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        pad.put(VirtualTag(FIRST))
        self.steady(watch, FIRST)
        pad.cause(PadFault.WRITE_IGNORED)
        assert self.written(device) == TagUnwritten(FIRST, TagFault.NOT_WRITTEN, None, intact=True)

    def test_a_cable_pulled_while_a_memory_is_written_leaves_it_unknown(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        pad.put(VirtualTag(FIRST))
        self.steady(watch, FIRST)
        pad.cause(PadFault.CABLE_PULLED_MID_WRITE, times=1)
        assert self.written(device) == TagWriteUnknown(FIRST, TagFault.NO_ANSWER)
        watch.next(DeviceLost)
        pad.mend()
        watch.next(DeviceBack)
        self.steady(watch, FIRST)
        assert self.written(device) == TagWritten(FIRST)

    def test_bytes_that_are_no_whole_blocks_are_nobodys_to_write(self, device: Supervised[PadT]) -> None:
        for content in (b"", b"123", b"12345"):
            with pytest.raises(ValueError, match="whole blocks"):
                self.written(device, content)

    def test_a_look_tells_all_there_is_to_know_of_a_tag(
        self, pad: SimulatedPad, device: Supervised[PadT], watch: Watch
    ) -> None:
        tag = item(FIRST)
        tag.dsfid, tag.eas = 0x3E, True
        before = bytes(tag.memory)
        pad.put(tag)
        self.steady(watch, FIRST)
        look = device.do(lambda driver: driver.look(FIRST)).result(PATIENCE)
        assert look.content == LibraryTag("TN-000001", "VN-TN")
        assert look.mark == Mark(IN_STOCK, eas=True)
        assert look.security is Security.SECURED
        assert look.system is not None
        assert (look.system.dsfid, look.system.block_size, look.system.block_count) == (0x3E, 4, 28)
        assert (look.raw, look.manufacturer) == (before, "NXP")
        assert (bytes(tag.memory), tag.afi) == (before, IN_STOCK)

    def test_a_look_at_a_tag_that_is_not_there_says_so(self, pad: SimulatedPad, device: Supervised[PadT]) -> None:
        del pad
        look = device.do(lambda driver: driver.look(FIRST)).result(PATIENCE)
        assert look.content == UnreadableTag(TagFault.GONE)
        assert (look.security, look.system, look.raw) == (MarkDoubt.UNKNOWN, None, b"")

    # --- the reader and the wire ---

    def test_one_answer_that_is_lost_or_damaged_goes_unnoticed(self, pad: SimulatedPad, watch: Watch) -> None:
        for fault in (
            PadFault.NO_ANSWER,
            PadFault.CRC_ERROR,
            PadFault.GARBAGE,
            PadFault.TRUNCATED,
            PadFault.NOISE_BEFORE,
            PadFault.NOISE_AFTER,
            PadFault.REBOOTS,
        ):
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
