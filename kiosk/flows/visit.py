"""A visit, step by step: ``step(state, message)`` answers the next state and what is to be done.

Theory of operation. The state holds what lies on the pad (whoever stands there), who stands there, and one
:class:`Book` for each item met in the visit. A book moves through stages::

    borrow:  seen → asked → lent → released                        return:  seen → asked → taken → secured
                      └ refused └ lifted (put it back) → lent                                  └ unsecured
                                └ undoing → failed

``asked`` waits for the ledger, ``lent`` and ``taken`` for the pad; a book is shown as borrowed only once every tag of
it has been verified to be released, and only such a book stands on a receipt. Where a tag cannot be released, the loan
is undone by an event, with a repair row wherever the tag's state is not known to be secured. A book that leaves the pad
between loan and release is asked back; if it does not come before the visit ends, its loan is undone too.

Every end passes through ``ENDING``, which waits until no tag is being written, then closes the visit in the ledger and
wipes the reader. Books that still lie on the pad afterwards are *old*: they start nothing until they are lifted or a
card comes.

Messages that come at an odd moment (a card in the middle of another's visit, an answer to a visit that is over) are
ignored on purpose, or answered by a notice; the odd moment is named where that is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    DeviceBack,
    DeviceLost,
    PrinterStatus,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.iso15693 import SecurityChanged, SecurityUnchanged, TagFault
from drivers.iso28560 import BlankTag, DamagedTag, ForeignTag, LibraryTag
from kiosk.flows import messages as m
from kiosk.flows.messages import Effect, Message
from kiosk.flows.state import Book, PadTag, Phase, PinEntry, PinMode, Reader, Stage, State, is_own
from kiosk.views import Action, CardTrouble, Notice, Receipt, Touch
from sync.circulation.blocks import Block, Code, Refused, block
from sync.circulation.model import local_day


def step(state: State, message: Message) -> tuple[State, tuple[Effect, ...]]:
    """The next state, and what is to be done, in order. Total: every message is taken in every state."""
    turn = _Turn(state)
    turn.take(message)
    turn.look_at_the_pad()
    return turn.state, tuple(turn.effects)


#: Reasons that concern the card itself and are shown at once; others belong to the book they are met with.
_CARD_TROUBLE = {
    Code.UNKNOWN_CARD: CardTrouble.UNKNOWN,
    Code.CARD_EXPIRED: CardTrouble.EXPIRED,
    Code.CARD_REPORTED_LOST: CardTrouble.BLOCKED,
    Code.CARD_STOPPED: CardTrouble.BLOCKED,
    Code.CARD_STOPPED_DEBT: CardTrouble.BLOCKED,
    Code.CARD_STOPPED_DISCIPLINE: CardTrouble.BLOCKED,
}

#: Phases in which somebody stands here and may be asked whether she still does.
_ATTENDED = frozenset({Phase.PROBLEM, Phase.PIN, Phase.BORROW, Phase.ACCOUNT, Phase.FINDING})

#: A tag is written so often before it is given up.
_TRIES = 3


class _Turn:
    """One step in the making: the state so far, and the effects so far."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.effects: list[Effect] = []

    def take(self, message: Message) -> None:
        match message:
            case m.Tick():
                self._tick(message)
            case Touch():
                self._touch(message)
            case TagArrived() | TagRead() | TagGone() | StackSteady() | StackOverfull():
                self._pad(message)
            case CardPresented(card=card):
                self._card(card)
            case BarcodeScanned(text=text):
                self._code(text)
            case DeviceLost(device=device, code=code):
                self._device_lost(device, code)
            case DeviceBack(device=device):
                self._device(device, well=True)
            case PrinterStatus():
                pass  # whether it can print is asked when it is to print
            case m.StaffFound():
                self._set(staff=message)
            case (
                m.CardFound()
                | m.ItemFound()
                | m.CheckedOut()
                | m.CheckedIn()
                | m.Renewed()
                | m.Undone()
                | m.TagAnswered()
                | m.AccountFound()
                | m.PinAnswered()
                | m.Printed()
                | m.LedgerFailed()
            ):
                if message.visit == self.state.visit:
                    self._answer(message)
            case _:
                pass  # a card lifted off the reader ends nothing: books may follow it

    # --- small tools --------------------------------------------------------------------------------------------------

    def _set(self, **values: object) -> None:
        self.state = replace(self.state, **values)  # type: ignore[arg-type]  # names are the fields' own

    def _do(self, *effects: Effect) -> None:
        self.effects += effects

    def _active(self) -> None:
        self._set(active_at=self.state.clock)

    def _notice(self, notice: Notice) -> None:
        self._set(notice=notice, notice_until=self.state.clock + self.state.setup.notice_s)

    def _book(self, item_id: str) -> Book | None:
        return next((b for b in self.state.books if b.item_id == item_id), None)

    def _put(self, book: Book) -> None:
        """Write a book in its place; a new one goes on top."""
        if self._book(book.item_id):
            books = tuple(book if b.item_id == book.item_id else b for b in self.state.books)
        else:
            books = (book, *self.state.books)
        self._set(books=books)

    def _on_pad(self, uids: Iterable[bytes]) -> bool:
        there = {t.uid for t in self.state.pad if t.steady}
        return there.issuperset(uids)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _tick(self, tick: m.Tick) -> None:
        first = self.state.tick is None
        self._set(tick=tick)
        if first:
            self._active()
        state, setup = self.state, self.state.setup
        if state.notice and tick.clock >= state.notice_until:
            self._set(notice=None)
        if state.phase in _ATTENDED and tick.clock >= state.warning_at + setup.warning_s:
            self._end("left")
        elif state.phase in (Phase.OFFER, Phase.STAFF_PIN, Phase.STAFF) and tick.clock >= state.warning_at:
            self._home()
        elif state.phase is Phase.RETURN and tick.clock >= state.warning_at:
            self._end("done")
        elif state.phase is Phase.DONE and state.receipt is not Receipt.PRINTING:
            settled = state.receipt in (Receipt.PRINTED, Receipt.FAILED, Receipt.UNKNOWN)
            wait = setup.printed_s if settled else setup.done_s
            if tick.clock >= state.active_at + wait * state.patience:
                self._home()

    # --- cards and codes ----------------------------------------------------------------------------------------------

    def _card(self, card: Card) -> None:
        self._active()
        if card.patron_identifier is None and card.uid_is_random:
            if self.state.phase in (Phase.ATTRACT, Phase.OFFER) and self._serving():
                self._set(phase=Phase.PROBLEM, visit=self.state.visit + 1, trouble=CardTrouble.NO_NUMBER)
            return
        self._number(card.patron_identifier or card.uid.hex().upper(), or_item=False)

    def _code(self, text: str) -> None:
        self._active()
        if self.state.phase in (Phase.BORROW, Phase.RETURN):
            book = self._book(text)
            if not self.state.setup.barcode_items:
                pass  # here items are taken by their chips alone
            elif book is None or book.stage in (Stage.REFUSED, Stage.WAITING):
                self._ask(book or Book(text, Stage.SEEN))
        else:
            self._number(text, or_item=True)

    def _number(self, number: str, *, or_item: bool) -> None:
        state = self.state
        if not self._serving():
            return  # closed or out of service: the screen says so
        if state.phase in (Phase.ATTRACT, Phase.OFFER):
            if state.phase is Phase.ATTRACT:
                self._set(visit=state.visit + 1)
            self._set(phase=Phase.FINDING)
            self._do(m.FindCard(self.state.visit, number, or_item))
        elif state.phase is Phase.DONE and state.receipt is not Receipt.PRINTING:
            self._home()  # the next reader is here already
            self._number(number, or_item=or_item)
        elif state.phase is Phase.PROBLEM and (state.reader is None or state.reader.card != number):
            self._end("failed")
            self._number(number, or_item=or_item)
        elif state.phase is Phase.RETURN and not any(b.pending or b.stage is Stage.ASKED for b in state.books):
            self._close("done")
            self._home()
            self._number(number, or_item=or_item)
        elif state.reader is not None and state.reader.card != number:
            self._notice(Notice.CARD_AGAIN)

    def _serving(self) -> bool:
        return self.state.open and not self.state.out_of_service

    # --- the pad ------------------------------------------------------------------------------------------------------

    def _pad(self, message: TagArrived | TagRead | TagGone | StackSteady | StackOverfull) -> None:
        if message.device != self.state.setup.pad:
            return
        pad = self.state.pad
        match message:
            case TagArrived(uid=uid):
                self._active()
                self._set(pad=(PadTag(uid), *(t for t in pad if t.uid != uid)))
                # A refused book that comes again is asked about again: something may have changed.
                for book in self.state.books:
                    if uid in book.uids and book.stage is Stage.REFUSED:
                        self._put(replace(book, stage=Stage.SEEN, blocks=()))
            case TagRead(uid=uid, content=content):
                known = next((t for t in pad if t.uid == uid), PadTag(uid))
                self._set(pad=(replace(known, content=content), *(t for t in pad if t.uid != uid)))
            case TagGone(uid=uid):
                self._active()
                self._set(pad=tuple(t for t in pad if t.uid != uid))
                self._lifted(uid)
            case StackSteady(uids=uids):
                self._set(pad=tuple(replace(t, steady=t.uid in uids) for t in pad), overfull=False)
            case StackOverfull():
                self._set(overfull=True)
                self._notice(Notice.TOO_MANY)

    def _lifted(self, uid: bytes) -> None:
        for book in self.state.books:
            if uid not in book.uids:
                continue
            if book.stage is Stage.LENT and uid not in book.done and not book.pending:
                self._put_back(book)
            elif book.stage in (Stage.SEEN, Stage.WAITING):
                self._set(books=tuple(b for b in self.state.books if b.item_id != book.item_id))

    def _put_back(self, book: Book) -> None:
        self._put(replace(book, stage=Stage.LIFTED, blocks=(block(Code.LIFTED_TOO_SOON),)))
        self._do(m.Sound("put_back"))

    def _device(self, name: str, *, well: bool, code: str = "") -> None:
        since = self.state.tick.now if self.state.tick else None
        known = (replace(d, well=well, code=code, since=since) if d.name == name else d for d in self.state.devices)
        self._set(devices=tuple(known))

    def _device_lost(self, device: str, code: str) -> None:
        self._device(device, well=False, code=code)
        if device == self.state.setup.pad:
            gone = [t.uid for t in self.state.pad]
            self._set(pad=(), overfull=False)
            for uid in gone:  # nobody knows where they are until the pad is back and announces them anew
                self._lifted(uid)

    def look_at_the_pad(self) -> None:
        """Take the next step with every item that lies steadily there. Runs after each message; does nothing twice."""
        phase = self.state.phase
        new = [t for t in self.state.pad if t.steady and not t.old and t.content is not None]
        if phase is Phase.DONE and new and self.state.receipt is not Receipt.PRINTING:
            self._home(keep=frozenset(t.uid for t in new))  # somebody brings the next books already
        if self.state.phase is Phase.ATTRACT and new and not self.state.out_of_service:
            self._set(phase=Phase.OFFER, visit=self.state.visit + 1, books=())
            self._active()
        if self.state.phase not in (Phase.OFFER, Phase.BORROW, Phase.RETURN):
            return
        tags = [t for t in self.state.pad if t.steady and (not t.old or phase is Phase.BORROW)]
        for item_id in dict.fromkeys(t.content.item_id for t in tags if isinstance(t.content, LibraryTag)):
            self._look_at(
                item_id, [t for t in tags if isinstance(t.content, LibraryTag) and t.content.item_id == item_id]
            )

    def _look_at(self, item_id: str, tags: list[PadTag]) -> None:
        contents = [t.content for t in tags if isinstance(t.content, LibraryTag)]
        uids = frozenset(t.uid for t in tags)
        parts = max(c.parts_in_item for c in contents)
        seen = len({c.part_number for c in contents}) if parts > 1 else 1
        book = self._book(item_id) or Book(item_id, Stage.SEEN)
        more = seen > book.parts_seen
        grown = replace(book, uids=book.uids | uids, parts=parts, parts_seen=seen)
        if book.stage is Stage.SEEN or (book.stage is Stage.WAITING and self.state.phase is not Phase.OFFER):
            self._ask(grown)
        elif book.stage is Stage.REFUSED and more:
            self._ask(grown)  # the missing part has come
        elif book.stage is Stage.LIFTED and self._on_pad(book.uids - book.done):
            self._write(replace(grown, stage=Stage.LENT, blocks=()), uids - book.done)
        elif book.stage is Stage.UNSECURED and more:
            self._write(replace(grown, stage=Stage.TAKEN, blocks=()), uids - book.done)

    def _ask(self, book: Book) -> None:
        state = self.state
        parts_seen = book.parts_seen if book.parts > 1 else None
        if state.phase is Phase.OFFER:
            self._put(replace(book, stage=Stage.ASKED))
            self._do(m.FindItem(state.visit, book.item_id))
        elif state.phase is Phase.BORROW and state.reader is not None:
            self._put(replace(book, stage=Stage.ASKED))
            self._do(m.Checkout(state.visit, book.item_id, state.reader.card, parts_seen))
        elif state.phase is Phase.RETURN:
            self._put(replace(book, stage=Stage.ASKED))
            self._do(m.Checkin(state.visit, book.item_id, parts_seen))

    def _write(self, book: Book, uids: Iterable[bytes]) -> None:
        """Release (for a loan) or secure (otherwise) some tags of a book."""
        wanted = [uid for uid in uids if uid not in book.pending]
        self._put(replace(book, pending=book.pending | set(wanted)))
        make = m.ReleaseTag if book.stage is Stage.LENT else m.SecureTag
        self._do(*(make(self.state.visit, book.item_id, uid) for uid in sorted(wanted)))

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer(self, answer: m.Answer) -> None:
        match answer:
            case m.CardFound():
                self._card_found(answer)
            case m.ItemFound():
                self._item_found(answer)
            case m.CheckedOut():
                self._checked_out(answer)
            case m.CheckedIn():
                self._checked_in(answer)
            case m.TagAnswered():
                self._tag_answered(answer)
            case m.Undone():
                self._undone(answer)
            case m.Renewed():
                self._renewed(answer)
            case m.AccountFound():
                if self.state.phase is Phase.FINDING and self.state.reader:
                    self._set(phase=Phase.ACCOUNT, account=answer.account)
                elif self.state.phase is Phase.ACCOUNT:
                    self._set(account=answer.account)
            case m.PinAnswered():
                self._pin_answered(answer)
            case m.Printed():
                if self.state.phase is Phase.DONE:
                    self._active()
                    self._set(receipt=answer.receipt)
            case m.LedgerFailed():
                # The station cannot vouch for anything more; staff must look. What was recorded before stands.
                self._set(out_of_service=answer.code)
                if answer.item_id and (book := self._book(answer.item_id)):
                    self._put(replace(book, stage=Stage.FAILED, blocks=(block(Code.CHIP_NOT_READ),)))
                self._end("failed")
            case m.StaffFound():
                pass

    def _card_found(self, found: m.CardFound) -> None:
        if self.state.phase is not Phase.FINDING:
            return
        reader = Reader(found.number, found.patron, found.blocks, found.pin_set)
        trouble = next((_CARD_TROUBLE[b.code] for b in found.blocks if b.code in _CARD_TROUBLE), None)
        self._set(reader=reader)
        if trouble is not None:
            self._do(m.Sound("refused"))
            self._set(phase=Phase.PROBLEM, trouble=trouble)
            return
        self._do(m.Sound("card_read"))
        if self.state.setup.pin is PinMode.ALWAYS and found.pin_set:
            self._set(phase=Phase.PIN, pin=PinEntry())
        else:
            self._begin()

    def _begin(self) -> None:
        """The reader may borrow; what waits on the pad is asked about now."""
        self._set(phase=Phase.BORROW, books=tuple(replace(b, stage=Stage.SEEN) for b in self.state.books))
        if not self.state.visit_open:
            self._set(visit_open=True)
            self._do(m.OpenVisit(self.state.visit))

    def _item_found(self, found: m.ItemFound) -> None:
        if self.state.phase is Phase.FINDING:  # a scanned code that is no card
            self._set(phase=Phase.OFFER)
        book = self._book(found.item_id) or Book(found.item_id, Stage.SEEN)
        if self.state.phase is Phase.OFFER:
            # Unknown here, or at home elsewhere: we cannot know of its loan, and a return is always taken.
            foreign = found.item is None or found.item.branch != self.state.setup.branch
            self._put(
                replace(
                    book,
                    stage=Stage.WAITING,
                    title=found.title.title if found.title else "",
                    author=found.title.author if found.title else "",
                    due=local_day(found.loan.due_at) if found.loan else None,
                    on_loan=found.loan is not None or foreign,
                )
            )

    def _checked_out(self, answered: m.CheckedOut) -> None:
        book = self._book(answered.item_id)
        if book is None:
            return
        if answered.title:
            book = replace(book, title=answered.title.title, author=answered.title.author)
        result = answered.answer
        if isinstance(result, Refused):
            yours = next((b for b in result.blocks if b.code is Code.ALREADY_YOURS), None)
            self._put(replace(book, stage=Stage.REFUSED, blocks=(yours,) if yours else result.blocks))
            if yours is None:
                self._do(m.Sound("refused"))
            return
        book = replace(book, stage=Stage.LENT, entry=result.entry, due=local_day(result.loan.due_at), tries=1)
        if not book.uids:  # taken by barcode: there is no tag to release
            self._put(replace(book, stage=Stage.RELEASED))
            self._do(m.Sound("borrowed"))
        elif self._on_pad(book.uids):
            self._write(book, book.uids)
        else:
            self._put_back(book)

    def _checked_in(self, answered: m.CheckedIn) -> None:
        book, result = self._book(answered.item_id), answered.answer
        if book is None:
            return
        book = replace(
            book,
            stage=Stage.TAKEN,
            entry=result.entry,
            title=result.title.title if result.title else book.title,
            author=result.title.author if result.title else book.author,
            put_aside=result.put_aside,
            blocks=result.notices,
            doubtful=book.uids,
            done=frozenset(),
            tries=1,
        )
        if not book.uids:
            self._put(replace(book, stage=Stage.SECURED))
            self._do(m.Sound("put_aside" if book.put_aside else "returned"))
        else:
            self._write(book, book.uids)

    def _tag_answered(self, answered: m.TagAnswered) -> None:
        book = self._book(answered.item_id)
        if book is None or answered.uid not in book.pending:
            return
        uid, result = answered.uid, answered.result
        book = replace(book, pending=book.pending - {uid})
        if isinstance(result, SecurityChanged):
            book = replace(book, done=book.done | {uid}, doubtful=book.doubtful - {uid})
            if book.stage is Stage.LENT:
                book = replace(book, doubtful=book.doubtful | {uid})  # released: unsecured under an open loan
        elif answered.sent or (result is not None and not isinstance(result, SecurityUnchanged)):
            book = replace(book, doubtful=book.doubtful | {uid})
        self._put(book)
        if not book.pending:
            self._settled(
                book, result.fault if result is not None and not isinstance(result, SecurityChanged) else None
            )

    def _settled(self, book: Book, fault: TagFault | None) -> None:
        """No tag of the book is being written any more: is it as wanted?"""
        missing = book.uids - book.done
        again = fault not in (TagFault.LOCKED, TagFault.NO_SUCH_BLOCK) and book.tries < _TRIES
        match book.stage:
            case Stage.LENT if not missing:
                self._put(replace(book, stage=Stage.RELEASED))
                self._do(m.Sound("borrowed"))
            case Stage.LENT if not self._on_pad(missing):
                self._put_back(book)
            case Stage.LENT if again and self.state.phase is not Phase.ENDING:
                self._write(replace(book, tries=book.tries + 1), missing)
            case Stage.LENT:
                self._undo(book)
            case Stage.TAKEN if not missing and not book.whole:
                self._put(replace(book, stage=Stage.UNSECURED))  # its repair row waits for the other parts
                self._do(m.Sound("put_aside"))
            case Stage.TAKEN if not missing:
                self._put(replace(book, stage=Stage.SECURED))
                self._do(m.MarkSecured(self.state.visit, book.item_id))
                self._do(m.Sound("put_aside" if book.put_aside else "returned"))
            case Stage.TAKEN if again and self._on_pad(missing):
                self._write(replace(book, tries=book.tries + 1), missing)
            case Stage.TAKEN:
                self._put(replace(book, stage=Stage.UNSECURED, blocks=(block(Code.CHIP_NOT_SECURED),)))
                self._do(m.Sound("put_aside"))
            case Stage.FAILED if book.whole and not (book.doubtful - book.done):
                self._do(m.MarkSecured(self.state.visit, book.item_id))
            case _:
                pass
        self._maybe_over()

    def _undo(self, book: Book) -> None:
        self._put(replace(book, stage=Stage.UNDOING, blocks=(block(Code.CHIP_NOT_RELEASED),)))
        self._do(m.Undo(self.state.visit, book.item_id, book.entry, tag_to_secure=bool(book.doubtful)))

    def _undone(self, undone: m.Undone) -> None:
        book = self._book(undone.item_id)
        if book is None or book.stage is not Stage.UNDOING:
            return
        book = replace(book, stage=Stage.FAILED, done=frozenset())
        self._put(book)
        self._do(m.Sound("refused"))
        if book.doubtful and self._on_pad(book.doubtful):
            self._write(book, book.doubtful)
        self._maybe_over()

    def _renewed(self, answered: m.Renewed) -> None:
        result = answered.answer
        good = not isinstance(result, Refused)
        due = None if isinstance(result, Refused) else local_day(result.loan.due_at)
        blocks = result.blocks if isinstance(result, Refused) else ()
        others = tuple(r for r in self.state.renewals if r[0] != answered.item_id)
        self._set(renewals=(*others, (answered.item_id, good, blocks, due)))
        book = self._book(answered.item_id)
        if book is not None and book.stage is Stage.REFUSED:
            self._put(replace(book, due=due or book.due, blocks=blocks or book.blocks, renewed=good))
        self._do(m.Sound("borrowed" if good else "refused"))

    def _pin_answered(self, answered: m.PinAnswered) -> None:
        state = self.state
        if state.phase not in (Phase.PIN, Phase.STAFF_PIN):
            return
        if not answered.right:
            until = state.clock + answered.wait_s if answered.wait_s else 0
            self._set(pin=PinEntry("", True, answered.tries_left, until))
            self._do(m.Sound("refused"))
        elif state.phase is Phase.STAFF_PIN:
            self._set(phase=Phase.STAFF, pin=PinEntry())
            self._do(m.FindStaff())
        elif state.reader is not None:
            wants_account = state.visit_open
            self._set(pin=PinEntry(), reader=replace(state.reader, pin_right=True))
            if wants_account:
                self._set(phase=Phase.FINDING)
                self._do(m.FindAccount(state.visit, state.reader.card))
            else:
                self._begin()

    # --- fingers ------------------------------------------------------------------------------------------------------

    def _touch(self, touch: Touch) -> None:
        warned = self.state.phase in _ATTENDED and self.state.clock >= self.state.warning_at
        self._active()
        state = self.state
        match touch.action:
            case Action.LANGUAGE:
                self._set(language="en" if state.language == "vi" else "vi")
            case Action.HIGH_CONTRAST:
                self._set(high_contrast=not state.high_contrast)
            case Action.REACHABLE:
                self._set(reachable=not state.reachable)
            case Action.HELP:
                self._set(help_open=not state.help_open)
            case Action.MORE_TIME:
                pass  # any touch has already given it
            case Action.END:
                if state.phase in (Phase.STAFF, Phase.STAFF_PIN, Phase.OFFER) or state.phase is Phase.DONE:
                    self._home()
                elif state.phase is not Phase.ATTRACT:
                    self._end("done")
            case _ if warned:
                pass  # the question was open: a touch beside it only says that somebody is here
            case Action.FINISH:
                if state.phase in (Phase.BORROW, Phase.RETURN, Phase.ACCOUNT):
                    self._end("done", show=True)
                elif state.phase is Phase.DONE:
                    self._home()
            case Action.ACCOUNT:
                self._wants_account()
            case Action.BACK:
                self._back()
            case Action.RENEW | Action.RENEW_ALL:
                self._renew(touch.argument)
            case Action.RETURN:
                self._return(touch.argument)
            case Action.PRINT | Action.NO_PRINT:
                self._print(touch.action is Action.PRINT)
            case Action.DIGIT | Action.ERASE:
                self._key(touch)
            case Action.STAFF_CORNER:
                if state.phase is Phase.ATTRACT:
                    self._set(phase=Phase.STAFF_PIN, visit=state.visit + 1, pin=PinEntry())
            case Action.OUT_OF_SERVICE | Action.IN_SERVICE:
                if state.phase is Phase.STAFF:
                    self._set(out_of_service="STAFF" if touch.action is Action.OUT_OF_SERVICE else "")
            case Action.REPAIR_DONE:
                if state.phase is Phase.STAFF:
                    self._do(m.MarkSecured(state.visit, touch.argument), m.FindStaff())

    def _wants_account(self) -> None:
        state = self.state
        if state.phase is not Phase.BORROW or state.reader is None:
            return
        asks = state.setup.pin is not PinMode.NONE and state.reader.pin_set and not state.reader.pin_right
        if asks:
            self._set(phase=Phase.PIN, pin=PinEntry())
        else:
            self._set(phase=Phase.FINDING)
            self._do(m.FindAccount(state.visit, state.reader.card))

    def _back(self) -> None:
        if self.state.phase is Phase.ACCOUNT or (self.state.phase is Phase.PIN and self.state.visit_open):
            self._set(phase=Phase.BORROW, account=None, pin=PinEntry())
        elif self.state.phase in (Phase.PIN, Phase.PROBLEM):
            self._end("done")
        elif self.state.phase in (Phase.STAFF_PIN, Phase.STAFF):
            self._home()

    def _renew(self, item_id: str) -> None:
        state = self.state
        if state.reader is None or state.phase not in (Phase.BORROW, Phase.ACCOUNT):
            return
        everything = [line.loan.item_id for line in state.account.loans] if state.account else []
        chosen = [item_id] if item_id else everything
        self._do(*(m.Renew(state.visit, one, state.reader.card) for one in chosen))
        if state.phase is Phase.ACCOUNT:
            self._do(m.FindAccount(state.visit, state.reader.card))

    def _return(self, item_id: str) -> None:
        state = self.state
        if state.phase is Phase.OFFER:
            self._set(phase=Phase.RETURN, returning=True, visit_open=True)
            self._do(m.OpenVisit(state.visit))
            for book in state.books:
                if book.stage is Stage.WAITING and book.on_loan:
                    self._ask(book)
                elif book.stage is Stage.WAITING:
                    self._put(replace(book, stage=Stage.REFUSED, blocks=(block(Code.NOT_ON_LOAN),)))
            return
        own = self._book(item_id)
        if state.phase is Phase.BORROW and own is not None and is_own(own):
            parts_seen = own.parts_seen if own.parts > 1 else None
            self._put(replace(own, stage=Stage.ASKED, blocks=()))
            self._do(m.Checkin(state.visit, item_id, parts_seen))

    def _print(self, wanted: bool) -> None:
        state = self.state
        if state.phase is not Phase.DONE or state.receipt not in (Receipt.ASKED, Receipt.FAILED):
            return
        if not wanted:
            self._home()
            return
        self._set(receipt=Receipt.PRINTING)
        self._do(m.Print(state.visit, receipt_of(state)))

    def _key(self, touch: Touch) -> None:
        state, pin = self.state, self.state.pin
        if state.phase not in (Phase.PIN, Phase.STAFF_PIN) or pin.asked or state.clock < pin.locked_until:
            return
        if touch.action is Action.ERASE:
            self._set(pin=replace(pin, digits=pin.digits[:-1], wrong=False))
            return
        if not (len(touch.argument) == 1 and touch.argument.isascii() and touch.argument.isdigit()):
            return
        digits = pin.digits + touch.argument
        self._set(pin=replace(pin, digits=digits, wrong=False))
        if len(digits) == state.setup.pin_length:
            self._set(pin=replace(self.state.pin, asked=True))
            if state.phase is Phase.STAFF_PIN:
                self._do(m.CheckStaffPin(state.visit, digits))
            elif state.reader is not None:
                self._do(m.CheckPin(state.visit, state.reader.card, digits))

    # --- ending -------------------------------------------------------------------------------------------------------

    def _end(self, outcome: str, *, show: bool = False) -> None:
        """Finish what is under way, then close the visit; ``show`` what was done and offer the receipt."""
        if self.state.phase is Phase.ENDING:
            return
        self._set(phase=Phase.ENDING, outcome=outcome, receipt=Receipt.ASKED if show else Receipt.NOT_OFFERED)
        for book in self.state.books:
            if book.stage is Stage.LIFTED:
                self._undo(replace(book, blocks=(block(Code.LIFTED_TOO_SOON),)))
        self._maybe_over()

    def _maybe_over(self) -> None:
        busy = any(b.pending or b.stage in (Stage.ASKED, Stage.UNDOING) for b in self.state.books)
        if self.state.phase is not Phase.ENDING or busy:
            return
        lifted = [b for b in self.state.books if b.stage is Stage.LIFTED]
        if lifted:
            for book in lifted:
                self._undo(book)
            return
        show = self.state.receipt is Receipt.ASKED
        self._close(self.state.outcome)
        if show and any(b.stage in (Stage.RELEASED, Stage.SECURED, Stage.UNSECURED) for b in self.state.books):
            can_print = self.state.is_well(self.state.setup.printer)
            self._set(phase=Phase.DONE, receipt=Receipt.ASKED if can_print else Receipt.NOT_OFFERED)
            self._set(pad=tuple(replace(t, old=True) for t in self.state.pad))
            self._active()
            self._do(m.Sound("done"))
        else:
            self._home()

    def _close(self, outcome: str) -> None:
        state = self.state
        if not state.visit_open:
            return
        out = sum(b.stage is Stage.RELEASED for b in state.books)
        back = sum(b.stage in (Stage.SECURED, Stage.UNSECURED, Stage.TAKEN) for b in state.books)
        renewed = sum(good for _item, good, _blocks, _due in state.renewals)
        category = state.reader.category if state.reader else ""
        self._set(visit_open=False)
        self._do(m.CloseVisit(state.visit, outcome, out, back, renewed, category))

    def _home(self, keep: frozenset[bytes] = frozenset()) -> None:
        """Back to the attract screen: everything of the visit and of the reader is gone.

        What lies on the pad is old from now on, but for the tags to ``keep``, which have only just come.
        """
        state = self.state
        if state.visit_open:
            self._close("done")
        self.state = State(
            state.setup,
            visit=state.visit + 1,  # a late answer finds nobody
            tick=state.tick,
            language=state.setup.language,
            devices=state.devices,
            pad=tuple(replace(t, old=t.uid not in keep) for t in state.pad),
            active_at=state.clock,
            out_of_service=state.out_of_service,
        )


def unreadable(state: State) -> tuple[tuple[PadTag, Block], ...]:
    """The tags on the pad that are no item we can name, each with what to say of it."""
    found = []
    for tag in state.pad:
        if not tag.steady or tag.old:
            continue
        match tag.content:
            case UnreadableTag():
                found.append((tag, block(Code.CHIP_NOT_READ)))
            case BlankTag():
                found.append((tag, block(Code.CHIP_BLANK)))
            case ForeignTag():
                found.append((tag, block(Code.CHIP_FOREIGN)))
            case DamagedTag():
                found.append((tag, block(Code.CHIP_DAMAGED)))
            case _:
                pass
    return tuple(found)


def receipt_of(state: State) -> m.ReceiptFacts:
    """What the receipt of this visit says: released (or returned) items, and what was refused with its reason."""
    good = (Stage.SECURED, Stage.UNSECURED) if state.returning else (Stage.RELEASED,)
    lines = tuple(
        m.ReceiptLine(b.item_id, b.title or b.item_id, b.due if b.stage is Stage.RELEASED else None)
        for b in reversed(state.books)
        if b.stage in good
    )
    failed = tuple(
        m.ReceiptLine(b.item_id, b.title or b.item_id, None, b.blocks)
        for b in reversed(state.books)
        if b.stage in (Stage.REFUSED, Stage.FAILED) and not is_own(b) and not state.returning
    )
    card = state.reader.card[-4:] if state.reader and not state.returning else ""
    if state.tick is None:
        raise ValueError("a receipt needs the time")
    return m.ReceiptFacts(state.returning, lines + failed, card, state.language, state.tick.now)
