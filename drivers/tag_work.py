"""What is done with one tag, whatever the make of the pad: the mark changed, the memory written, all of it looked at.

*Writes without answer.* Mark or memory is written, then read back, and only what was read back counts. A tag that says
no once is tried again; one that is locked is not. A lost answer leaves the reader with one answer too many: so a
``hello`` is exchanged first, whose answer cannot be taken for another, and after it nothing older can come.

*Undoing.* Who changes a mark is told what stood there before, which may be neither of the library's own. To know it
costs an exchange; while the pad has nothing else to do it has the marks learnt of what lies there, and at the moment of
a change only what is not known yet is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from drivers.codec import Command, ResultT
from drivers.devices import DeviceRefused, NoAnswer, TagContent, TagLook, UnreadableTag, WireError
from drivers.iso15693 import (
    BLOCK_SIZE,
    UNKNOWN_MARK,
    Mark,
    Marking,
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
    has_eas,
)
from drivers.library_tag import Damage, DamagedTag, Decoded, ForeignTag, LibraryTag, TagWarning
from drivers.port import Dialogue
from drivers.tag_models import decode
from drivers.tag_protocol import TagProtocol

#: Blocks to read for the basic block of a library tag, on chips that have them and on the smallest.
BASIC_BLOCKS: Final = (9, 8)
_WRITE_ATTEMPTS: Final = 3
_READ_BACK_ATTEMPTS: Final = 3
#: What no further attempt changes.
_FOR_EVER: Final = frozenset({TagFault.LOCKED, TagFault.NOT_SUPPORTED})


class TagWork:
    """Works at the tags in one reader's field. One thread's, as the dialogue is."""

    def __init__(self, dialogue: Dialogue, protocol: TagProtocol, marking: Marking) -> None:
        self._dialogue = dialogue
        self._protocol = protocol
        self._marking = marking
        #: As last seen; empty for a tag that could not be asked. What is not here has not been asked.
        self._marks: dict[Uid, Mark] = {}

    def ask(self, command: Callable[[], Command[ResultT]]) -> ResultT:
        """Runs a command that only asks: a second time when the answer was lost and the reader is there."""
        try:
            return self._dialogue.run(command())
        except NoAnswer:
            self._dialogue.run(self._protocol.hello())
            return self._dialogue.run(command())

    def read(self, uid: Uid) -> TagContent:
        """What is on a tag, from as many of its blocks as that takes: for most tags the first nine."""
        fault = TagFault.OTHER
        for count in BASIC_BLOCKS:
            try:
                raw = self.ask(partial(self._protocol.read_blocks, uid, 0, count))
            except DeviceRefused as refusal:
                fault = refusal.fault
                if fault is TagFault.GONE:
                    break
            else:
                content = decode(raw, whole=False)
                return self._whole(uid) or content if _would_say_more(content) else content
        return UnreadableTag(fault)

    def _whole(self, uid: Uid) -> TagContent | None:
        """What is on a tag, from all of its blocks; None when they cannot be read now."""
        told = self._asked(partial(self._protocol.system_information, uid))
        blocks = None if isinstance(told, TagFault) else told.block_count
        raw = self._blocks(uid, blocks) if blocks else TagFault.OTHER
        return None if isinstance(raw, TagFault) else decode(raw)

    def answers(self, uid: Uid) -> bool:
        """Whether a tag that no inventory lists answers when it is asked by its UID."""
        told = self._asked(partial(self._protocol.read_afi, uid))
        return not isinstance(told, TagFault) or told is TagFault.NOT_SUPPORTED

    def learn_marks(self, among: Collection[Uid], within: float) -> bool:
        """Looks at the marks of these tags that have not been looked at, for so many seconds; whether it saw any."""
        until = time.monotonic() + within
        unknown = [uid for uid in among if uid not in self._marks]
        for uid in unknown:
            seen = self._mark_on(uid)
            self._marks[uid] = UNKNOWN_MARK if isinstance(seen, TagFault) else seen
            if time.monotonic() >= until:
                break
        return bool(unknown)

    def forget(self, uid: Uid) -> None:
        """The tag is gone; when it comes back, its mark may be another."""
        self._marks.pop(uid, None)

    def secure(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate alarms."""
        return self._change(uid, Security.SECURED, self._marking.mark(Security.SECURED))

    def release(self, uid: Uid) -> SecurityResult:
        """Writes the mark at which the gate is silent."""
        return self._change(uid, Security.RELEASED, self._marking.mark(Security.RELEASED))

    def restore(self, uid: Uid, mark: Mark) -> SecurityResult:
        """Writes a mark that stood there before, whatever it means."""
        marking = self._marking
        wanted = Mark(mark.afi if marking.uses_afi else None, mark.eas if marking.uses_eas else None)
        return self._change(uid, None, wanted)

    def look(self, uid: Uid) -> TagLook:
        """Reads all of a tag: memory, mark, what it says of itself. Raises WireError when the pad is lost."""
        system = self._asked(partial(self._protocol.system_information, uid))
        known = None if isinstance(system, TagFault) else system
        whole = known.block_count if known else None
        raw: bytes | TagFault = TagFault.GONE
        for count in (whole or BASIC_BLOCKS[0], *BASIC_BLOCKS):
            raw = self._blocks(uid, count)
            if not isinstance(raw, TagFault) or raw is TagFault.GONE:
                break
        afi = self._asked(partial(self._protocol.read_afi, uid))
        eas = self._asked(partial(self._protocol.read_eas, uid)) if has_eas(uid) else None
        mark = Mark(None if isinstance(afi, TagFault) else afi, None if isinstance(eas, TagFault) else eas)
        security = self._marking.judge(mark)
        if isinstance(raw, TagFault):
            return TagLook(uid, UnreadableTag(raw), security, mark, known)
        return TagLook(uid, decode(raw, whole=len(raw) == (whole or 0) * BLOCK_SIZE), security, mark, known, raw)

    def write(self, uid: Uid, content: bytes) -> WriteResult:
        """Writes what differs of some whole blocks, and reads them back.

        Nothing at all is written where one of the blocks that would have to change is locked. Raises ValueError for
        bytes that are no whole blocks.
        """
        if not content or len(content) % BLOCK_SIZE:
            raise ValueError(f"{len(content)} bytes are no whole blocks")
        try:
            return self._write(uid, content)
        except WireError:
            return TagWriteUnknown(uid, TagFault.NO_ANSWER)

    def _write(self, uid: Uid, content: bytes) -> WriteResult:
        count = len(content) // BLOCK_SIZE
        before = self._blocks(uid, count)
        if before is TagFault.GONE:
            return TagWriteUnknown(uid, before)
        if isinstance(before, TagFault):
            # It is there and has no such blocks, or they cannot be read: then no write could be verified either.
            return TagUnwritten(uid, before, None, intact=True)
        differing = _differing(before, content)
        if locked := self._locked(uid, differing):
            return TagUnwritten(uid, TagFault.LOCKED, min(locked), intact=True)
        found, fault, block = before, TagFault.NOT_WRITTEN, None
        for _ in range(_WRITE_ATTEMPTS):
            if not differing:
                return TagWritten(uid)
            fault, block = self._write_runs(uid, content, differing)
            seen = self._blocks(uid, count)
            if isinstance(seen, TagFault):
                return TagWriteUnknown(uid, seen)
            found, differing = seen, _differing(seen, content)
            if fault in _FOR_EVER:
                break
        if not differing:
            return TagWritten(uid)
        return TagUnwritten(uid, _of_one_that_is_there(fault), block, intact=found == before)

    def _locked(self, uid: Uid, blocks: Sequence[int]) -> frozenset[int]:
        """Of these blocks the ones that are known to be locked; a refusal of the write will name any other."""
        locked: set[int] = set()
        for first, count in self._runs(blocks):
            told = self._asked(partial(self._protocol.locked_blocks, uid, first, count))
            locked |= frozenset() if isinstance(told, TagFault) else told
        return frozenset(locked)

    def _write_runs(self, uid: Uid, content: bytes, blocks: Sequence[int]) -> tuple[TagFault, int | None]:
        """Writes these blocks, neighbours together; what it would mean if they were then found unchanged."""
        for first, count in self._runs(blocks):
            data = content[first * BLOCK_SIZE : (first + count) * BLOCK_SIZE]
            refusal = self._told(self._protocol.write_blocks(uid, first, data))
            if isinstance(refusal, DeviceRefused) and refusal.fault is TagFault.NOT_SUPPORTED and count > 1:
                # Neither the chip nor the reader writes several.
                for at in range(first, first + count):
                    refusal = self._told(self._protocol.write_blocks(uid, at, _block(content, at)))
                    if refusal is not None:
                        break
            if isinstance(refusal, DeviceRefused):
                return refusal.fault, refusal.block
            if refusal is not None:
                return TagFault.NO_ANSWER, None
        return TagFault.NOT_WRITTEN, None

    def _runs(self, blocks: Sequence[int]) -> Iterator[tuple[int, int]]:
        """First and count of neighbours, as many together as the reader takes."""
        run: list[int] = []
        for block in blocks:
            if run and (block != run[-1] + 1 or len(run) == self._protocol.most_blocks):
                yield run[0], len(run)
                run = []
            run.append(block)
        if run:
            yield run[0], len(run)

    def _change(self, uid: Uid, security: Security | None, wanted: Mark) -> SecurityResult:
        previous = self._marks.pop(uid, UNKNOWN_MARK)
        try:
            if not previous.is_known:
                seen = self._mark_on(uid)
                if isinstance(seen, TagFault):
                    return SecurityUnknown(uid, security, seen)
                previous = seen
                if _is_as(seen, wanted):
                    self._marks[uid] = seen
                    return SecurityChanged(uid, security, seen)
            return self._change_from(previous, uid, security, wanted)
        except WireError:
            # That the pad is lost, the next poll finds out; what became of this tag, nobody can say.
            return SecurityUnknown(uid, security, TagFault.NO_ANSWER, previous)

    def _change_from(self, previous: Mark, uid: Uid, security: Security | None, wanted: Mark) -> SecurityResult:
        """Writes until what is read back is as wanted."""
        found, fault = previous, TagFault.NOT_WRITTEN
        for _ in range(_WRITE_ATTEMPTS):
            fault = self._write_mark(uid, found, wanted)
            seen = self._mark_on(uid)
            if isinstance(seen, TagFault):
                self._marks.pop(uid, None)
                return SecurityUnknown(uid, security, seen, previous)
            found = self._marks[uid] = seen
            if _is_as(found, wanted):
                return SecurityChanged(uid, security, previous)
            if fault in _FOR_EVER:
                break
        return SecurityUnchanged(uid, security, found, _of_one_that_is_there(fault), previous)

    def _write_mark(self, uid: Uid, found: Mark, wanted: Mark) -> TagFault:
        """Tries to write what differs; returns what it would mean if the mark were then found unchanged."""
        commands = []
        if wanted.afi is not None and wanted.afi != found.afi:
            commands.append(partial(self._protocol.write_afi, uid, wanted.afi))
        if wanted.eas is not None and wanted.eas != found.eas:
            if not has_eas(uid):
                return TagFault.NOT_SUPPORTED
            commands.append(partial(self._protocol.write_eas, uid, wanted.eas))
        for command in commands:
            refusal = self._told(command())
            if isinstance(refusal, DeviceRefused):
                return refusal.fault
            if refusal is not None:
                return TagFault.NO_ANSWER
        return TagFault.NOT_WRITTEN

    def _mark_on(self, uid: Uid) -> Mark | TagFault:
        """The mark as it stands on the tag, as far as the marking uses it, or why it cannot be told."""
        mark = Mark()
        if self._marking.uses_afi or not has_eas(uid):
            # A chip without EAS never shouts, as long as it is there, and this tells whether it is.
            afi = self._asked(partial(self._protocol.read_afi, uid))
            if isinstance(afi, TagFault):
                return afi
            mark = Mark(afi if self._marking.uses_afi else None, False if self._marking.uses_eas else None)
        if self._marking.uses_eas and has_eas(uid):
            eas = self._asked(partial(self._protocol.read_eas, uid))
            if isinstance(eas, TagFault):
                return eas
            mark = replace(mark, eas=eas)
        return mark

    def _told(self, command: Command[None]) -> DeviceRefused | NoAnswer | None:
        """Has something written; returns what went wrong. After a lost answer the reader is in step again."""
        try:
            self._dialogue.run(command)
        except DeviceRefused as refusal:
            return refusal
        except NoAnswer as silence:
            self._dialogue.run(self._protocol.hello())
            return silence
        return None

    def _asked(self, command: Callable[[], Command[ResultT]]) -> ResultT | TagFault:
        """What a command returns that only asks, tried again when it is refused; or why it was refused."""
        fault = TagFault.OTHER
        for _ in range(_READ_BACK_ATTEMPTS):
            try:
                return self.ask(command)
            except DeviceRefused as refusal:
                fault = refusal.fault
                if fault in _FOR_EVER:
                    break
        return fault

    def _blocks(self, uid: Uid, count: int) -> bytes | TagFault:
        """Blocks from the first on, in as many pieces as the reader needs."""
        data = b""
        for first, some in self._runs(range(count)):
            piece = self._asked(partial(self._protocol.read_blocks, uid, first, some))
            if isinstance(piece, TagFault):
                return piece
            data += piece
        return data


def _would_say_more(content: Decoded) -> bool:
    """Whether the first blocks of a tag may not be all that its content needs."""
    match content:
        case LibraryTag(warnings=warnings):
            return TagWarning.CUT_OFF in warnings
        case DamagedTag(damage=damage):
            return damage is Damage.ELEMENTS
        case _:
            return isinstance(content, ForeignTag)


def _is_as(found: Mark, wanted: Mark) -> bool:
    """Whether a mark is as wanted, in what is wanted of it."""
    return wanted.afi in {None, found.afi} and wanted.eas in {None, found.eas}


def _of_one_that_is_there(fault: TagFault) -> TagFault:
    """A write was answered as if the tag were gone, and yet it could be read afterwards."""
    return TagFault.NOT_WRITTEN if fault is TagFault.GONE else fault


def _block(data: bytes, number: int) -> bytes:
    return data[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE]


def _differing(found: bytes, wanted: bytes) -> list[int]:
    return [number for number in range(len(wanted) // BLOCK_SIZE) if _block(found, number) != _block(wanted, number)]
