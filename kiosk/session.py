"""The session: the only place that performs effects.

Theory of operation. One thread owns the ledger and the flow's state. It takes messages from one queue (devices,
fingers, answers of devices) and, a few times a second, sends itself a tick. Each message goes through ``step``; the
effects are performed in order, and an effect that is answered at once (the ledger's) has its answer stepped before
anything else is taken from the queue, so that "ledger first, security bit second" is the order of the code. What a
device does is asked of its supervisor and comes back as a message when it is done; when a device cannot be asked, the
answer is still given, as ``None``: nobody knows. A chip that does not say which item it is in is looked up by its UID
in the library's list, so that neither drivers nor flows need to know of one. Whatever the ledger refuses to write puts
the station out of service, with a code, and nothing is shown as lent.

The screen is told of each new view through ``show``, which must only pass it on. Nothing here knows Kivy, so that the
session can be killed in the tests as often as they like.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from drivers.devices import (
    DeviceBack,
    DeviceError,
    DeviceEvent,
    DeviceLost,
    NotSent,
    PrintOutcome,
    Raster,
    ReceiptPrinter,
    RfidPad,
    TagRead,
)
from drivers.iso15693 import SecurityResult
from drivers.library_tag import BlankTag, DamagedTag, ForeignTag
from drivers.tag_models import known_by_uid
from kiosk.exchange import ToWrite, write
from kiosk.flows import messages as m
from kiosk.flows.show import view
from kiosk.flows.state import Setup, State, start
from kiosk.flows.visit import step
from kiosk.pins import PinGuard
from kiosk.views import Receipt, RepairView, Touch, View
from sync.circulation.blocks import Refused
from sync.store.errors import StoreError
from sync.store.ledger import Ledger

log = logging.getLogger(__name__)

#: Seconds between two ticks: fine enough for a countdown, coarse enough to cost nothing.
TICK_S = 0.25

#: A device that is lost again within so many seconds has a loose plug: one fault on record says enough.
_ONE_FAULT_IN_S = 600.0

#: Seconds within which a device must begin what it is asked.
_TAG_WITHIN_S = 3.0
_PRINT_WITHIN_S = 5.0


class AsksPad(Protocol):
    """The supervised pad, as :class:`drivers.supervisor.Supervised` is one."""

    def do(self, call: Callable[[RfidPad], SecurityResult], *, within: float = ...) -> Future[SecurityResult]:
        """Have something done with the pad in its own thread."""


class AsksPrinter(Protocol):
    """The supervised printer."""

    def do(self, call: Callable[[ReceiptPrinter], PrintOutcome], *, within: float = ...) -> Future[PrintOutcome]:
        """Have something done with the printer in its own thread."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the session moves besides the ledger; ``None`` where the station has none."""

    pad: AsksPad | None = None
    printer: AsksPrinter | None = None
    render: Callable[[m.ReceiptFacts, int], Raster] | None = None
    play: Callable[[str], None] = lambda _name: None
    staff_pin: str | None = None
    online: Callable[[], bool | None] = lambda: None


class Session:
    """A running kiosk without a screen. Messages come in by :meth:`post`, from any thread."""

    def __init__(
        self,
        setup: Setup,
        open_ledger: Callable[[], Ledger],
        show: Callable[[View], None] = lambda _view: None,
    ) -> None:
        self._open_ledger = open_ledger
        self._show = show
        self._messages: queue.SimpleQueue[m.Message | ToWrite | None] = queue.SimpleQueue()
        self._state = self._settled = start(setup)
        self._view: View | None = None
        self._tokens: dict[int, str] = {}
        self._pins = PinGuard()
        #: When each device's fault was last recorded, and the devices whose fault is on record and open.
        self._recorded_at: dict[str, float] = {}
        self._faulty: set[str] = set()
        self._hands = Hands()
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self.failed: BaseException | None = None
        self._moved_at = time.monotonic()

    # --- from any thread ----------------------------------------------------------------------------------------------

    def post(self, message: m.Message | DeviceEvent | Touch | ToWrite) -> None:
        """Hand in what has happened."""
        self._messages.put(message)

    def begin(self, hands: Hands) -> None:
        """Start the thread, with what it may move."""
        self._hands = hands
        self._thread.start()

    def stop(self, within: float = 10.0) -> None:
        """End the thread and let go of the ledger. Raises ``TimeoutError`` when it does not end in time."""
        self._messages.put(None)
        self._thread.join(within)
        if self._thread.is_alive():
            raise TimeoutError("the session does not stop")

    @property
    def state(self) -> State:
        """The flow's state as it was last shown, for those who look on: what it says has been handed to the screen."""
        return self._settled

    def is_moving(self, within: float) -> bool:
        """Whether the thread is there and has come round in the last seconds; a watchdog asks."""
        return self._thread.is_alive() and time.monotonic() - self._moved_at < within

    # --- in the session's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with self._open_ledger() as ledger:
                self._live(ledger)
        except Exception as error:  # noqa: BLE001  # the thread's last word, told to whoever watches the session
            self.failed = error
            log.critical("the session has ended: %s", type(error).__name__)

    def _live(self, ledger: Ledger) -> None:
        next_tick = time.monotonic()
        while True:
            self._moved_at = time.monotonic()
            if self._moved_at >= next_tick:
                self._take(ledger, self._tick(ledger))
                next_tick = time.monotonic() + TICK_S
            try:
                message = self._messages.get(timeout=max(0.0, next_tick - time.monotonic()))
            except queue.Empty:
                continue
            if message is None:
                return
            if isinstance(message, ToWrite):
                write(ledger, message)
                continue
            if isinstance(message, DeviceLost | DeviceBack):
                self._record_device(ledger, message)
            if isinstance(message, TagRead):
                message = _known_by_uid(ledger, message)
            self._take(ledger, message)

    def _record_device(self, ledger: Ledger, event: DeviceLost | DeviceBack) -> None:
        """Put a device's fault on record, for the reports that are made of events."""
        now, never = time.monotonic(), -_ONE_FAULT_IN_S
        try:
            if isinstance(event, DeviceBack) and event.device in self._faulty:
                ledger.device_well(event.device)
                self._faulty.discard(event.device)
            elif isinstance(event, DeviceLost) and now - self._recorded_at.get(event.device, never) >= _ONE_FAULT_IN_S:
                ledger.device_fault(event.device, event.code)
                self._faulty.add(event.device)
                self._recorded_at[event.device] = now
        except StoreError as error:
            # The next act of a visit finds the same, and says it on the screen.
            log.error("a device's fault was not recorded: %s", type(error).__name__)

    def _tick(self, ledger: Ledger) -> m.Tick:
        moment = ledger.now()
        calendar = ledger.rules().calendar(ledger.branch)
        is_open = calendar.is_open_at(moment.at)
        opens = None if is_open else calendar.opens_next(moment.at)
        return m.Tick(time.monotonic(), moment.at, is_open, opens, moment.trusted, self._hands.online())

    def _take(self, ledger: Ledger, message: m.Message) -> None:
        """One message, and the answers it brings about at once, depth first."""
        self._state, effects = step(self._state, message)
        for effect in effects:
            answer = self._perform(ledger, effect)
            if answer is not None:
                self._take(ledger, answer)
        shown = view(self._state)
        if shown != self._view:
            self._view = shown
            self._show(shown)
        self._settled = self._state

    def _perform(self, ledger: Ledger, effect: m.Effect) -> m.Answer | None:
        try:
            return self._ask(ledger, effect)
        except StoreError as error:
            log.error("the ledger cannot be written: %s", type(error).__name__)
            item_id = getattr(effect, "item_id", "")
            return m.LedgerFailed(self._state.visit, f"L-{type(error).__name__}", item_id)

    def _ask(self, ledger: Ledger, effect: m.Effect) -> m.Answer | None:  # one line for each effect
        match effect:
            case m.Sound(name):
                self._hands.play(name)
            case m.OpenVisit(visit):
                self._tokens = {visit: ledger.open_visit()}
            case m.CloseVisit():
                if (token := self._tokens.pop(effect.visit, None)) is not None:
                    ledger.close_visit(
                        token,
                        effect.outcome,
                        out=effect.out,
                        back=effect.back,
                        renewed=effect.renewed,
                        category=effect.category,
                    )
            case m.FindCard():
                return self._card(ledger, effect)
            case m.FindItem(visit, item_id):
                return _found(ledger, visit, item_id)
            case m.Checkout(visit, item_id, card, parts_seen):
                lent = ledger.checkout(card, item_id, parts_seen=parts_seen, visit=self._tokens.get(visit))
                _item, title, loan = ledger.find_item(item_id) or (None, None, None)
                to_secure = isinstance(lent, Refused) and loan is None and _waits(ledger, item_id)
                return m.CheckedOut(visit, item_id, lent, title, loan, to_secure)
            case m.Checkin(visit, item_id, parts_seen):
                token = self._tokens.get(visit)
                taken = ledger.checkin(item_id, tag_to_secure=True, parts_seen=parts_seen, visit=token)
                return m.CheckedIn(visit, item_id, taken)
            case m.Renew(visit, item_id, card):
                return m.Renewed(visit, item_id, ledger.renew(card, item_id, visit=self._tokens.get(visit)))
            case m.Undo(visit, item_id, entry):
                if isinstance(ledger.undo(entry, tag_to_secure=True), Refused):
                    # Something has happened to the loan since, such as a renewal: a return ends it all the same.
                    ledger.checkin(item_id, tag_to_secure=True, visit=self._tokens.get(visit))
                return m.Undone(visit, item_id)
            case m.MarkSecured(_visit, item_id):
                ledger.tag_secured(item_id)
            case m.TellStaff(_visit, item_id, why):
                ledger.repair_needed(item_id, why.value)
            case m.ReleaseTag(visit, item_id, uid):
                return self._write(visit, item_id, uid, lambda pad: pad.release(uid))
            case m.SecureTag(visit, item_id, uid):
                return self._write(visit, item_id, uid, lambda pad: pad.secure(uid))
            case m.FindAccount(visit, card):
                return m.AccountFound(visit, ledger.account(card))
            case m.CheckPin(visit, card, pin):
                stored = ledger.card(card).pin_hash
                return m.PinAnswered(visit, *self._pins.check(card, pin, stored, time.monotonic()))
            case m.CheckStaffPin(visit, pin):
                checked = self._pins.check("staff", pin, self._hands.staff_pin, time.monotonic())
                return m.PinAnswered(visit, *checked)
            case m.FindStaff():
                count, oldest = ledger.unsent()
                repairs = tuple(RepairView(r.item_id, r.since, r.reason) for r in ledger.pending_repairs())
                return m.StaffFound(count, oldest, repairs)
            case m.Print(visit, facts):
                return self._print(visit, facts)
        return None

    def _card(self, ledger: Ledger, effect: m.FindCard) -> m.Answer:
        standing = ledger.card(effect.number)
        if standing.patron is None and effect.or_item:
            found = _found(ledger, effect.visit, effect.number)
            if found.item is not None:
                return found
        network, pin_set = ledger.rules().network, standing.pin_hash is not None
        by_number = bool(network.home_of_patron(effect.number) and not network.home_of_item(effect.number))
        return m.CardFound(effect.visit, effect.number, standing.patron, standing.blocks, pin_set, by_number)

    # --- devices ------------------------------------------------------------------------------------------------------

    def _write(
        self, visit: int, item_id: str, uid: bytes, call: Callable[[RfidPad], SecurityResult]
    ) -> m.TagAnswered | None:
        if self._hands.pad is None:
            return m.TagAnswered(visit, item_id, uid, None)
        future = self._hands.pad.do(call, within=_TAG_WITHIN_S)
        future.add_done_callback(partial(self._written, m.TagAnswered(visit, item_id, uid, None)))
        return None

    def _written(self, answer: m.TagAnswered, future: Future[SecurityResult]) -> None:
        error = future.exception()
        if error is None:
            answer = replace(answer, result=future.result())
        elif not isinstance(error, DeviceError):
            log.error("the pad's driver failed: %s", type(error).__name__)
        self.post(answer)

    def _print(self, visit: int, facts: m.ReceiptFacts) -> m.Printed | None:
        if self._hands.printer is None or self._hands.render is None:
            return m.Printed(visit, Receipt.FAILED)
        render = self._hands.render
        # Drawn in the printer's thread: it takes a while, and a mistake in it costs no more than the receipt.
        future = self._hands.printer.do(
            lambda printer: printer.print(render(facts, printer.width)), within=_PRINT_WITHIN_S
        )
        future.add_done_callback(partial(self._printed, visit))
        return None

    def _printed(self, visit: int, future: Future[PrintOutcome]) -> None:
        error = future.exception()
        outcomes = {
            PrintOutcome.PRINTED: Receipt.PRINTED,
            PrintOutcome.FAILED: Receipt.FAILED,
            PrintOutcome.UNKNOWN: Receipt.UNKNOWN,
        }
        if error is None:
            self.post(m.Printed(visit, outcomes[future.result()]))
            return
        if not isinstance(error, DeviceError):
            log.error("the receipt failed: %s", type(error).__name__)
        self.post(m.Printed(visit, Receipt.FAILED if isinstance(error, NotSent) else Receipt.UNKNOWN))


def _known_by_uid(ledger: Ledger, read: TagRead) -> TagRead:
    """What a pad has read, with the item that the list of UIDs has for a tag which says nothing itself."""
    if not isinstance(read.content, BlankTag | ForeignTag | DamagedTag):
        return read
    try:
        item_id = ledger.item_of_tag(read.uid)
    except StoreError as error:
        # As when it is on no list: it is shown as what it says of itself, and nothing is done with it.
        log.error("the list of chips cannot be read: %s", type(error).__name__)
        return read
    return read if item_id is None else replace(read, content=known_by_uid(read.content, item_id))


def _found(ledger: Ledger, visit: int, item_id: str) -> m.ItemFound:
    item, title, loan = ledger.find_item(item_id) or (None, None, None)
    return m.ItemFound(visit, item_id, item, title, loan, loan is None and _waits(ledger, item_id))


def _waits(ledger: Ledger, item_id: str) -> bool:
    """Whether its tag waits to be secured."""
    return any(repair.item_id == item_id for repair in ledger.pending_repairs())
