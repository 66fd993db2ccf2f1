"""The security saga, watched at every instant: a line on which something goes wrong behind any byte, and the law.

Theory of operation. A :class:`Line` joins a pad's driver and the simulated reader of a make without a socket between
them: the bytes are those of the wire, they pass one after the other, and after any one of them a :class:`Mishap` can
strike. Counted are the bytes of one *writing*, in both directions: all that passes from the moment the driver is asked
to change a mark until it answers, the reading back among it. So position ``k`` means the same in every run, and walking
``k`` from the first byte to the last tries every instant there is.

:class:`Law` looks at the ledger's file, with a connection of its own, after every change of a tag's true memory and
after every act of the ledger. Nothing else changes what it compares, so what it holds it holds at every instant, and
for every crash.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from drivers.bibliotheca import Bibliotheca
from drivers.codec import NOT_YET
from drivers.devices import CannotOpen
from drivers.feig import Feig
from drivers.iso15693 import Mark, Marking, MarkPolicy, Security, SecurityResult, Uid
from drivers.pad import Pad
from drivers.port import Port
from drivers.rl866 import Rl866
from drivers.simulators.bibliotheca import BibliothecaReader
from drivers.simulators.feig import FeigReader
from drivers.simulators.field import Field, PadFault, VirtualTag
from drivers.simulators.pad import Reader
from drivers.simulators.rl866 import Rl866Reader
from drivers.simulators.wire import Faults
from drivers.tag_protocol import TagProtocol
from kiosk.flows.state import Phase, Stage
from kiosk.views import Action, RowState, View
from sync.store.files import LEDGER
from sync.store.ledger import Ledger
from tests.kiosk.wires import Kiosk, card, rows_of, tag_in
from tests.sync.store.stations import ACTOR, AN, BRANCH, EPOCH, STATION, Clock

#: Whether it is on loan, whether its tag waits for repair, and what the tag says.
LENT: Final = (True, False, Security.RELEASED)
ON_THE_SHELF: Final = (False, False, Security.SECURED)

#: Seconds the driver waits for an answer that was lost; all others are there at once.
ANSWER_WITHIN: Final = 0.03


@dataclass(frozen=True, slots=True)
class Make:
    """One make of pad: its codec, and the reader at the other end."""

    name: str
    protocol: Callable[[], TagProtocol]
    reader: Callable[[], Reader]


class _QuickFeig(Feig):
    """Without the silence a real reader wants between its answer and the next request."""

    gap = 0.0


FEIG = Make("feig", _QuickFeig, FeigReader)
BIBLIOTHECA = Make("bibliotheca", Bibliotheca, BibliothecaReader)
RL866 = Make("rl866", Rl866, Rl866Reader)
MAKES: Final = (FEIG, BIBLIOTHECA, RL866)


class Mishap(StrEnum):
    """What goes wrong behind a byte."""

    UNPLUGGED = "unplugged"  # the line breaks, and the reader loses its power
    LIFTED = "lifted"  # the tag is gone
    SWAPPED = "swapped"  # the tag is gone, and another book lies in its place
    LOST = "lost"  # the next byte never arrives
    GARBLED = "garbled"  # the next byte arrives as another
    ASKED = "asked"  # whatever the test wants


class ToldTag(VirtualTag):
    """A tag that tells of every change of its mark."""

    on_change: Callable[[], None] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in {"afi", "eas"} and self.on_change is not None:
            self.on_change()


def book(item_id: str, part: int = 1) -> ToldTag:
    """The tag in an item that stands on the shelf: secured by AFI and by EAS."""
    tag = tag_in(ToldTag, item_id, part)
    tag.eas = True
    return tag


class Line:
    """A line between one driver and one reader. Used by the driver's thread; tags come and go from any."""

    def __init__(self, make: Make, policy: MarkPolicy) -> None:
        self.marking = Marking(policy)
        self._make = make
        self._reader = make.reader()
        self._decoder = self._reader.decoder()
        self.faults: Faults[PadFault] = Faults()
        self._field = Field(self.faults)
        self._lock = threading.RLock()
        self._answer = bytearray()
        self._plugged, self._broken = True, False
        self._writing = False
        self._at: int | None = None
        self._mishap: Callable[[], None] = lambda: None
        self._spoils: Mishap | None = None
        #: How many bytes the writing under way has come to, or the last one; and whether what was arranged has struck.
        self.passed = 0
        self.struck = False

    # --- the pad ------------------------------------------------------------------------------------------------------

    def connect(self, device: str) -> Pad:
        """The driver of the pad, opened anew. Raises CannotOpen while the plug is out."""
        with self._lock:
            if not self._plugged:
                raise CannotOpen("nothing is plugged in")
            self._broken = False
            self._answer.clear()
            self._decoder = self._reader.decoder()
        pad = _CountedPad(
            device,
            Port("line", self),
            self._make.protocol(),
            marking=self.marking,
            answer_within=ANSWER_WITHIN,
            linger=0.0,
            rest=0.001,
        )
        pad.line = self
        return pad

    def put(self, *tags: VirtualTag) -> None:
        """Books are laid on the pad."""
        with self._lock:
            self._field.tags |= {tag.uid: tag for tag in tags}

    def clear(self) -> None:
        """Everything is taken off."""
        with self._lock:
            self._field.tags.clear()

    def lift(self, tag: VirtualTag) -> None:
        """A book is taken off."""
        with self._lock:
            self._field.lift(tag.uid)

    def unplug(self) -> None:
        """The plug is pulled, and with it goes the power."""
        with self._lock:
            self._plugged, self._broken = False, True
            self._reader.restart()
            self._field.restart()

    def plug_in(self) -> None:
        """The plug is put in again."""
        with self._lock:
            self._plugged = True

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def arrange(self, at: int, mishap: Mishap, deed: Callable[[], None] = lambda: None) -> None:
        """In the next writing that comes so far, this happens behind so many bytes; the deed with it."""
        with self._lock:
            self._at, self._spoils, self._mishap, self.struck = at, mishap, deed, False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around all that a driver does to change one mark."""
        with self._lock:
            self._writing, self.passed = True, 0
        try:
            self._maybe_strike()
            yield
        finally:
            with self._lock:
                self._writing = False

    def _maybe_strike(self) -> Mishap | None:
        with self._lock:
            if not self._writing or self._at is None or self.passed < self._at:
                return None
            self._at, self.struck = None, True
            self._mishap()
            return self._spoils

    def _byte(self, byte: int) -> bytes:
        """What arrives of one byte. Raises OSError where the line breaks before it."""
        struck = self._maybe_strike()
        if self._broken:
            raise OSError("the plug was pulled")
        if self._writing:
            self.passed += 1
        match struck:
            case Mishap.LOST:
                return b""
            case Mishap.GARBLED:
                return bytes((byte ^ 0x5A,))
            case _:
                return bytes((byte,))

    # --- the transport (drivers.port) ---------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Bytes to the reader, which answers each sound frame at once."""
        with self._lock:
            if self._broken:
                raise OSError("the plug was pulled")
            self._decoder = self._reader.decoder()
            for byte in data:
                try:
                    arrived = self._byte(byte)
                except OSError:
                    return  # the sender does not notice
                self._decoder.receive(arrived)
                while (frame := self._decoder.next_frame()) is not NOT_YET:
                    self._field.begin()
                    self._answer += self._reader.answer(frame, self._field) or b""

    def receive(self, seconds: float) -> bytes:
        """What has come of the answer until the line broke; nothing, as late as asked, where none is coming."""
        with self._lock:
            arrived = bytearray()
            try:
                while self._answer:
                    arrived += self._byte(self._answer[0])
                    del self._answer[0]
                self._maybe_strike()
                if self._broken:
                    raise OSError("the plug was pulled")
            except OSError:
                if not arrived:
                    raise
        if not arrived and seconds > 0:
            time.sleep(seconds)
        return bytes(arrived)

    def close(self) -> None:
        """The driver lets go."""


class _CountedPad(Pad):
    """The product's pad, whose writings are counted."""

    line: Line

    def secure(self, uid: Uid) -> SecurityResult:
        with self.line.writing():
            return super().secure(uid)

    def release(self, uid: Uid) -> SecurityResult:
        with self.line.writing():
            return super().release(uid)


# --- the law ----------------------------------------------------------------------------------------------------------


class Law:
    """A tag that is not secured has an open loan or an open repair row; what is shown as lent or returned is.

    ``broken`` says where it was not so: it is looked at from threads that must not end because of it.
    """

    def __init__(self, home: Path, marking: Marking) -> None:
        self._marking = marking
        self._tags: list[tuple[str, ToldTag]] = []
        self._lock = threading.Lock()
        path = LEDGER.path(home)
        self._file = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
        self.broken: list[str] = []

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def watch(self, item_id: str, tag: ToldTag) -> ToldTag:
        """From now on this tag is looked at too."""
        self._tags.append((item_id, tag))
        tag.on_change = self.hold
        return tag

    def state_of(self, tag: VirtualTag) -> object:
        """What the gates make of a tag's true memory."""
        return self._marking.judge(Mark(tag.afi, tag.eas))

    def is_lent(self, item_id: str) -> bool:
        """Whether the ledger's file has an open loan of it."""
        return self._is("SELECT 1 FROM custody WHERE item_id = ? AND token IS NOT NULL", item_id)

    def waits(self, item_id: str) -> bool:
        """Whether the ledger's file has an open repair row for it."""
        return self._is("SELECT 1 FROM repair WHERE item_id = ?", item_id)

    def hold(self) -> None:
        """Look at every tag; called after each change of a tag, and of the ledger."""
        for item_id, tag in self._tags:
            if self.state_of(tag) is not Security.SECURED and not (self.is_lent(item_id) or self.waits(item_id)):
                self.broken.append(f"{item_id} is not secured, and nobody has it")

    def hold_shown(self, shown: View) -> None:
        """Look at what a screen is told; called before it is."""
        rows = rows_of(shown)
        for item_id, tag in self._tags:
            state = rows.get(item_id)
            lent, mark = self.is_lent(item_id), self.state_of(tag)
            if state is RowState.BORROWED and not (lent and mark is Security.RELEASED):
                self.broken.append(f"{item_id} is shown as lent: {lent}, {mark}")
            if state is RowState.RETURNED and (lent or self.waits(item_id) or mark is not Security.SECURED):
                self.broken.append(f"{item_id} is shown as returned: {lent}, {mark}")

    def _is(self, query: str, item_id: str) -> bool:
        with self._lock:
            return self._file.execute(query, (item_id,)).fetchone() is not None


class LawfulLedger(Ledger):
    """The product's ledger, after each of whose acts the law is looked at."""

    law: Law | None = None

    @contextmanager
    def _act(self) -> Iterator[Any]:
        with super()._act() as act:
            yield act
        if self.law is not None:
            self.law.hold()


def open_ledger(home: Path, law: Law, clock: Clock) -> Ledger:
    """The station's ledger under the law."""
    ledger = LawfulLedger.open_for_writing(
        home, station=STATION, epoch=EPOCH, branch=BRANCH, clock=clock, actor=ACTOR, command="tramsach kiosk"
    )
    ledger.law = law
    return ledger


# --- a kiosk on such a line -------------------------------------------------------------------------------------------


class Stand:
    """A kiosk, the line to its pad, and the books; a context manager. The kiosk can be switched off and on again."""

    def __init__(self, home: Path, make: Make, policy: MarkPolicy, *item_ids: str) -> None:
        self.home = home
        self.line = Line(make, policy)
        self.law = Law(home, self.line.marking)
        self.tags = {item_id: self.law.watch(item_id, book(item_id)) for item_id in item_ids}
        self.clock = Clock()
        self.kiosk = self._new_kiosk()

    def _new_kiosk(self) -> Kiosk:
        return Kiosk(
            self.home,
            open_ledger=partial(open_ledger, self.home, self.law, self.clock),
            look=self.law.hold_shown,
            connect=self.line.connect,
        )

    def __enter__(self) -> Self:
        self.kiosk.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.kiosk.__exit__()
        self.law.close()

    def restart(self) -> None:
        """The kiosk is switched off and on: another session, on the same folder and with the same tags."""
        self.kiosk.__exit__()
        self.kiosk = self._new_kiosk()
        self.kiosk.__enter__()

    # what people do

    def borrow(self, *item_ids: str, reader: str = AN) -> None:
        """A card, and books on the pad; nothing is waited for."""
        self.line.put(*(self.tags[item_id] for item_id in item_ids))
        self.kiosk.do(card(reader))

    def give_back(self, *item_ids: str) -> None:
        """Books on the pad, and a touch that returns them; what becomes of them is not waited for."""
        self.line.put(*(self.tags[item_id] for item_id in item_ids))
        self.kiosk.settled(dict.fromkeys(item_ids, Stage.WAITING))
        self.kiosk.touch(Action.RETURN)

    def leave(self) -> None:
        """The visit ends, and the pad is emptied."""
        self.kiosk.touch(Action.END)
        self.kiosk.until(lambda state: state.phase is Phase.ATTRACT)
        self.line.clear()
        self.kiosk.until(lambda state: not state.pad)

    def until_struck(self) -> None:
        """Wait for what was arranged."""
        self.kiosk.until_true(lambda: self.line.struck)

    def stands(self, item_id: str) -> tuple[bool, bool, object]:
        """Whether it is lent, whether it waits for repair, and what its tag says."""
        return self.law.is_lent(item_id), self.law.waits(item_id), self.law.state_of(self.tags[item_id])
