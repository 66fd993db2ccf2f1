"""The scripted visit: a reader borrows three items of which one is refused, brings two back, and renews one.

Where the kiosk belongs to a headquarters its network is pulled then, and the reader borrows once more; when the cable
is back the script waits until headquarters has acknowledged every event.

It is played on the bench's simulated devices, so every byte goes over the same wires as with real ones; fingers are
given to the session as the screen would give them. ``shoot`` is called at every screen worth a picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.devices import Raster
from kiosk.demo.bench import Bench
from kiosk.demo.library import PIN
from kiosk.demo.tour import ADULT, EXPIRED
from kiosk.demo.uplink import Uplink
from kiosk.flows.state import Phase, Stage, State
from kiosk.machine import Machine
from kiosk.views import Action, Receipt, Touch
from sync.circulation.model import Item

_PATIENCE_S = 30.0


class Stuck(RuntimeError):
    """The visit did not come to where the script waits for it; the message names the place."""


@dataclass
class Played:
    """What the visit came to, and how long its parts took, in seconds.

    ``unsent`` is how many events headquarters had not acknowledged: before its network was pulled, before the cable
    came back, and when the kiosk was back in step; ``received`` is what headquarters' log then held
    (:class:`kiosk.demo.headquarters.Received`). Both are empty at a kiosk of its own.
    """

    borrowed: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    returned: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    unsent: dict[str, int] = field(default_factory=dict)
    received: dict[str, int | bool] = field(default_factory=dict)
    screens: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class Script:
    """Plays the visit. ``items`` are the three to borrow, the last of which is refused; ``uplink`` is the network of a
    kiosk that has one."""

    def __init__(
        self,
        machine: Machine,
        bench: Bench,
        items: tuple[Item, Item, Item],
        shoot: Callable[[str], None],
        uplink: Uplink | None = None,
    ) -> None:
        self._machine, self._bench, self._items = machine, bench, items
        self._shoot, self._uplink = shoot, uplink
        self.played = Played()

    def play(self) -> Played:
        """From the attract screen to the attract screen. Raises :class:`Stuck` when the kiosk does not follow."""
        self._until("the devices to be ready", lambda s: all(d.well for d in s.devices))
        self._picture("attract")
        self._borrow()
        self._bring_back()
        self._renew()
        self._refused_card()
        if self._uplink is not None:
            self._borrow_offline(self._uplink)
        return self.played

    def receipts(self) -> tuple[Raster, ...]:
        """What the printer printed."""
        return self._bench.receipts()

    def _borrow(self) -> None:
        began = time.monotonic()
        self._bench.tap(ADULT)
        self._until("the card to be read", lambda s: s.phase is Phase.BORROW)
        self._picture("card-read")
        put = time.monotonic()
        self._bench.put(*self._items)
        settled = {Stage.RELEASED, Stage.REFUSED, Stage.FAILED}
        self._until("three books", lambda s: len(s.books) == 3 and all(b.stage in settled for b in s.books))
        self.played.seconds["pad to all settled"] = round(time.monotonic() - put, 3)
        for book in self._machine.session.state.books:
            if book.stage is Stage.RELEASED:
                self.played.borrowed.append(book.item_id)
            else:
                self.played.refused[book.item_id] = [b.code.value for b in book.blocks]
        self._picture("borrow-list")
        self._touch(Action.FINISH)
        self._until("the receipt question", lambda s: s.phase is Phase.DONE)
        self._picture("done")
        self._touch(Action.PRINT)
        self._until("the receipt", lambda s: s.receipt not in (Receipt.ASKED, Receipt.PRINTING))
        self._picture("printed")
        self._bench.take_card()
        self._bench.lift(*self._items)
        self._touch(Action.FINISH)
        self._home()
        self.played.seconds["borrowing"] = round(time.monotonic() - began, 3)

    def _bring_back(self) -> None:
        began = time.monotonic()
        two = self._items[:2]
        self._bench.put(*two)
        waiting = {Stage.WAITING}
        self._until("two books", lambda s: len(s.books) == 2 and all(b.stage in waiting for b in s.books))
        self._picture("books-first")
        self._touch(Action.RETURN)
        self._until("both returned", lambda s: len(s.books) == 2 and all(b.stage is Stage.SECURED for b in s.books))
        self.played.returned = [b.item_id for b in self._machine.session.state.books]
        self._picture("return")
        self._bench.lift(*two)
        self._touch(Action.FINISH)
        self._until("the receipt question", lambda s: s.phase is Phase.DONE)
        self._touch(Action.NO_PRINT)
        self._home()
        self.played.seconds["returning"] = round(time.monotonic() - began, 3)

    def _renew(self) -> None:
        began = time.monotonic()
        item = self._items[0]
        self._bench.tap(ADULT)
        self._until("the card to be read", lambda s: s.phase is Phase.BORROW)
        self._bench.put(item)
        self._until("one book", lambda s: [b.stage for b in s.books] == [Stage.RELEASED])
        self._touch(Action.ACCOUNT)
        self._until("the PIN", lambda s: s.phase is Phase.PIN)
        self._picture("pin")
        for digit in PIN:
            self._touch(Action.DIGIT, digit)
        self._until("the account", lambda s: s.phase is Phase.ACCOUNT and s.account is not None)
        self._picture("account")
        self._touch(Action.RENEW, item.item_id)
        self._until("the renewal", lambda s: bool(s.renewals))
        self.played.renewed = [found for found, good, _blocks, _due in self._machine.session.state.renewals if good]
        self._picture("renewed")
        self._bench.take_card()
        self._bench.lift(item)
        self._touch(Action.END)
        self._home()
        self.played.seconds["renewing"] = round(time.monotonic() - began, 3)

    def _refused_card(self) -> None:
        self._bench.tap(EXPIRED)
        self._until("the card's trouble", lambda s: s.phase is Phase.PROBLEM)
        self._picture("card-problem")
        self._bench.take_card()
        self._touch(Action.END)
        self._home()

    def _borrow_offline(self, uplink: Uplink) -> None:
        item = self._items[1]
        self._until("headquarters to have everything so far", lambda _s: not uplink.unsent())
        self.played.unsent["before"] = uplink.unsent()
        uplink.pull()
        self._until("the kiosk to miss headquarters", lambda s: s.tick is not None and s.tick.online is False)
        self._bench.tap(ADULT)
        self._until("the card to be read", lambda s: s.phase is Phase.BORROW)
        self._bench.put(item)
        self._until("one book", lambda s: [b.stage for b in s.books] == [Stage.RELEASED])
        self._picture("offline")
        self.played.offline = [book.item_id for book in self._machine.session.state.books]
        self._bench.take_card()
        self._bench.lift(item)
        self._touch(Action.END)
        self._home()
        self.played.unsent["offline"] = uplink.unsent()
        began = time.monotonic()
        uplink.mend()
        self._until(
            "headquarters to have everything",
            lambda s: s.tick is not None and s.tick.online is True and not uplink.unsent(),
        )
        self.played.seconds["back in step"] = round(time.monotonic() - began, 3)
        self.played.unsent["in step"] = uplink.unsent()
        self._picture("in-step")

    def _home(self) -> None:
        self._until("the attract screen and an empty pad", lambda s: s.phase is Phase.ATTRACT and not s.pad)

    def _touch(self, action: Action, argument: str = "") -> None:
        self._machine.touch(Touch(action, argument))

    def _picture(self, name: str) -> None:
        self._shoot(name)
        self.played.screens.append(name)

    def _until(self, what: str, holds: Callable[[State], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds(self._machine.session.state):
            if self._machine.session.failed is not None:
                raise Stuck(f"the session ended while waiting for {what}") from self._machine.session.failed
            if time.monotonic() > deadline:
                state = self._machine.session.state
                raise Stuck(f"waited in vain for {what}: {state.phase}, {[b.stage.value for b in state.books]}")
            time.sleep(0.01)
