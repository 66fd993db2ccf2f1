"""A kiosk on wires: the product's session, ledger, supervisor and pad driver, and a simulated pad over TCP.

Cards and fingers are given to the session by hand, for they have no part in the order of ledger and tag. The library is
that of the store's tests, whose clock stands still on a morning on which it is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Self, TypeVar

from drivers.devices import BarcodeScanned, Card, CardPresented, CardTechnology, DeviceBack, Identity
from drivers.feig import Feig
from drivers.iso15693 import Uid
from drivers.pad import Pad
from drivers.simulators.field import VirtualTag
from drivers.simulators.pad import SimulatedPad
from drivers.supervisor import Supervised, Supervisor
from kiosk.flows.messages import Message
from kiosk.flows.show import view
from kiosk.flows.state import PinMode, Setup, Stage, State
from kiosk.session import Hands, Session
from kiosk.views import Action, BorrowView, DoneView, OfferView, ReturnView, RowState, Touch, View
from sync.store.ledger import Ledger
from tests.sync.store.stations import BRANCH, ITEMS, Clock, open_desk

#: How long a test waits for what must come. Only a failure takes so long.
PATIENCE = 20.0

SETUP = Setup(library="Thư viện", branch=BRANCH, pin=PinMode.NONE, scanner="scanner")

SECURED, RELEASED = 0x07, 0xC2

T = TypeVar("T", bound=VirtualTag)


def open_pad(device: str, url: str) -> Pad:
    """The pad's driver, as impatient as a busy machine allows."""
    return Pad.open(device, url=url, protocol=Feig(), answer_within=0.3, linger=0.05, rest=0.002)


def supervised_pad(supervisor: Supervisor, url: str) -> Supervised[Pad]:
    """The pad at an address, in its own thread."""
    return supervisor.add(SETUP.pad, partial(open_pad, url=url))


def tag_in(kind: type[T], item_id: str, part: int = 1) -> T:
    """A tag as it is in a part of an item of the library."""
    parts = next((item.parts for item in ITEMS if item.item_id == item_id), 1)
    uid: Uid = b"\xe0\x04\x01" + sha256(f"{item_id}/{part}".encode()).digest()[:5]
    return kind.of_item(uid, item_id, isil="VN-TN", parts_in_item=parts, part_number=part)


def tags_in(kind: type[T], item_id: str) -> tuple[T, ...]:
    """The tags in all parts of an item."""
    parts = next((item.parts for item in ITEMS if item.item_id == item_id), 1)
    return tuple(tag_in(kind, item_id, part) for part in range(1, parts + 1))


def card(number: str) -> CardPresented:
    """A card on the reader."""
    return CardPresented(SETUP.reader, Card(CardTechnology.TYPE_A, b"\x04\x01\x02\x03\x04\x05\x06", number))


def scan(code: str) -> BarcodeScanned:
    """A code under the scanner."""
    return BarcodeScanned(SETUP.scanner, code)


def rows_of(shown: View) -> dict[str, RowState]:
    """How each row of a page stands; none where there are none."""
    body = shown.body
    rows = body.rows if isinstance(body, OfferView | BorrowView | ReturnView | DoneView) else ()
    return {row.key: row.state for row in rows}


class Kiosk:
    """One kiosk from switching on to switching off; a context manager.

    ``views`` holds all that was shown; ``look`` is called for each, in the session's thread, as the screen is told.
    """

    def __init__(
        self,
        home: Path,
        pad: SimulatedPad | None = None,
        *,
        setup: Setup = SETUP,
        open_ledger: Callable[[], Ledger] | None = None,
        hands: Hands | None = None,
        clock: Clock | None = None,
        look: Callable[[View], None] = lambda _view: None,
        connect: Callable[[str], Pad] | None = None,
    ) -> None:
        """The pad is the simulated one over TCP, or whatever ``connect`` opens."""
        self._connect = partial(open_pad, url=pad.url) if pad else connect
        self._hands = hands or Hands()
        self._look = look
        self.views: list[View] = []
        opened = open_ledger or partial(open_desk, home, clock or Clock())
        self.session = Session(setup, opened, self._show)
        self._supervisor = Supervisor(self.session.post, first_retry=0.005, longest_retry=0.02)

    def __enter__(self) -> Self:
        pad = self._supervisor.add(SETUP.pad, self._connect) if self._connect else self._hands.pad
        hands = self._hands
        self.session.begin(Hands(pad, hands.printer, hands.render, hands.play, hands.staff_pin))
        for device in (SETUP.reader, SETUP.printer):
            self.session.post(DeviceBack(device, Identity()))
        wanted = {SETUP.reader, SETUP.printer} | ({SETUP.pad} if self._connect else set())
        self.until(lambda state: state.tick is not None and wanted <= {d.name for d in state.devices if d.well})
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()
        self.session.stop()

    def _show(self, shown: View) -> None:
        self._look(shown)
        self.views.append(shown)

    def do(self, *messages: Message) -> None:
        """Cards, codes and fingers."""
        for message in messages:
            self.session.post(message)

    def touch(self, action: Action, argument: str = "") -> None:
        """A finger."""
        self.session.post(Touch(action, argument))

    def until(self, holds: Callable[[State], bool]) -> State:
        """Wait for the flow to come to a state, and for the screen to have been told of it."""
        return self._wait(lambda state: holds(state) and self.views[-1:] == [view(state)])

    def until_true(self, holds: Callable[[], bool]) -> None:
        """Wait for something outside the flow."""
        self._wait(lambda _state: holds())

    def _wait(self, holds: Callable[[State], bool]) -> State:
        deadline = time.monotonic() + PATIENCE
        while not holds(state := self.session.state):
            if self.session.failed is not None:
                raise AssertionError("the session has ended") from self.session.failed
            if time.monotonic() > deadline:
                stages = {book.item_id: book.stage for book in state.books}
                raise AssertionError(f"it never came to it: {state.phase}, {stages}")
            time.sleep(0.0005)
        return state

    def settled(self, stages: dict[str, Stage]) -> State:
        """Wait until exactly these books stand like this."""
        return self.until(lambda state: {b.item_id: b.stage for b in state.books if not b.pending} == stages)

    @property
    def ever_shown(self) -> set[tuple[str, RowState]]:
        """Every state that any row was ever shown in."""
        return {pair for shown in self.views for pair in rows_of(shown).items()}


def afis(tags: Iterable[VirtualTag]) -> list[int]:
    """The security bytes of some tags."""
    return [tag.afi for tag in tags]
