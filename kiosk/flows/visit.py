"""A visit, step by step: ``step(state, message)`` answers the next state and what is to be done.

Theory of operation. The state holds what lies on the pad (whoever stands there), who stands there, and one
:class:`Book` for each item met in the visit. A book moves through stages::

    borrow:  seen → asked → lent → released                        return:  seen → asked → taken → secured
                      └ refused └ lifted (put it back) → lent                                  └ unsecured → taken
                                └ undoing → failed

``asked`` waits for the ledger, ``lent`` and ``taken`` for the pad; a book is shown as borrowed only once every tag of
it has been verified to be released, and only such a book stands on a receipt. Where a tag cannot be released, the loan
is undone by an event, with a repair row, because only a tag that was read back is known to be secured; the row goes
when the tags have been. A book that leaves the pad between loan and release is asked back; if it does not come before
the visit ends, its loan is undone too. A book that was refused, given up or left unsecured is tried again when it is
put down again. A refused one that is on loan to this very reader may be so because the kiosk died between loan and
release, so its tags are released (again): the loan is on record. A book that nobody has and whose tag waits for repair
is secured wherever it is seen, asked about or refused, without anybody's word.

Every end passes through ``ENDING``, which waits until no tag is being written, then closes the visit in the ledger and
wipes the reader. Books that still lie on the pad afterwards are *old*: they start nothing until they are lifted or a
card comes; returned ones not even then.

A chip is an item's only as far as it can be told apart: a reader's tag is a card, and of two chips with one number and
part the second is refused as damaged, for with both released and one brought back the other would be lost sight of.

Messages that come at an odd moment (a card in the middle of another's visit, an answer to a visit that is over) are
ignored on purpose, or answered by a notice; the odd moment is named where that is done.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from drivers.devices import (
    BarcodeScanned,
    Card,
    CardPresented,
    CardRemoved,
    CodeKind,
    Connection,
    Cover,
    DeviceBack,
    DeviceLost,
    Paper,
    PrinterStatus,
    SeveralCards,
    StackOverfull,
    StackSteady,
    TagArrived,
    TagGone,
    TagRead,
    UnreadableTag,
)
from drivers.iso15693 import SecurityChanged, TagFault
from drivers.library_tag import BlankTag, DamagedTag, ForeignTag, LibraryTag, TagWarning
from kiosk.flows import messages as m
from kiosk.flows.messages import Effect, Message
from kiosk.flows.state import (
    ATTENDED,
    BY_STAFF,
    CAME_BACK,
    Book,
    PadTag,
    Phase,
    PinEntry,
    PinMode,
    Reader,
    Stage,
    State,
    is_own,
)
from kiosk.views import Action, CardTrouble, Notice, Receipt, Touch
from sync.circulation.blocks import Block, Code, Refused, block
from sync.circulation.model import Loan, local_day


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

#: Phases that go away by themselves, without a question, when nobody touches anything; so do choices of language and
#: contrast that somebody made at the attract screen and left.
_LEFT_ALONE = frozenset({Phase.ATTRACT, Phase.OFFER, Phase.RETURN, Phase.STAFF_PIN, Phase.STAFF})

#: Stages in which nothing has been decided: such a book is forgotten when it is lifted.
_UNDECIDED = frozenset({Stage.SEEN, Stage.WAITING})

#: A tag is written so often before it is given up, until it is put down anew; at these faults not even twice.
_TRIES = 3
_FOR_EVER = frozenset({TagFault.LOCKED, TagFault.NO_SUCH_BLOCK, TagFault.NOT_SUPPORTED})

#: Faults that are the tag's own, and for staff to look at when it cannot be secured; others pass.
OF_THE_TAG = _FOR_EVER | {TagFault.NOT_WRITTEN, TagFault.OTHER}


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
            case CardPresented(device=device, card=card):
                self._card_laid(device, card)
            case CardRemoved(device=device):
                # A card lifted off the reader ends nothing: books may follow it.
                self._set(cards_on=self.state.cards_on - {device}, cards_left=self.state.cards_left - {device})
            case SeveralCards():
                self._several_cards()
            case BarcodeScanned(text=text, kind=kind):
                self._code(text, kind)
            case DeviceLost(device=device, code=code):
                self._device_lost(device, code)
            case DeviceBack(device=device):
                self._device(device, well=True)
            case PrinterStatus():
                self._printer(message)
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

    def _on_pad(self, uids: frozenset[bytes]) -> frozenset[bytes]:
        """Those of the tags that lie steadily there."""
        return uids.intersection(t.uid for t in self.state.pad if t.steady)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _tick(self, tick: m.Tick) -> None:
        first = self.state.tick is None
        self._set(tick=tick)
        if first:
            self._active()
        state, setup = self.state, self.state.setup
        if state.notice and tick.clock >= state.notice_until:
            self._set(notice=None)
        if state.phase in ATTENDED and tick.clock >= state.warning_at + setup.warning_s:
            self._end("left")
        elif tick.clock >= state.warning_at and state.phase in _LEFT_ALONE:
            self._end("done")
        elif state.phase is Phase.DONE and state.receipt is not Receipt.PRINTING:
            wait = setup.printed_s if state.receipt is Receipt.PRINTED else setup.done_s
            if tick.clock >= state.active_at + wait * state.patience:
                self._home()

    # --- cards and codes ----------------------------------------------------------------------------------------------

    def _card_laid(self, device: str, card: Card) -> None:
        state = self.state
        if device == state.setup.pad:
            self._card(card)
            return
        again = device in state.cards_left and device not in state.cards_on
        self._set(cards_on=state.cards_on | {device})
        if not again:  # one that lay there when the reader was lost is only told anew
            self._set(cards_left=state.cards_left - {device})
            self._card(card)

    def _several_cards(self) -> None:
        self._active()
        if self._serving():
            self._notice(Notice.TWO_CARDS)
            self._do(m.Sound("refused"))

    def _card(self, card: Card) -> None:
        self._active()
        if card.patron_identifier is None and card.uid_is_random:
            if self.state.phase in (Phase.ATTRACT, Phase.OFFER) and self._serving():
                self._set(phase=Phase.PROBLEM, trouble=CardTrouble.NO_NUMBER)
                self._do(m.Sound("refused"))
            return
        self._number(card.patron_identifier or card.uid.hex().upper(), CodeKind.PATRON)

    def _code(self, text: str, kind: CodeKind) -> None:
        self._active()
        setup, among_books = self.state.setup, self.state.phase in (Phase.BORROW, Phase.RETURN)
        if kind is CodeKind.ITEM and not setup.barcode_items:
            if self._serving():
                self._notice(Notice.USE_PAD)
        elif among_books and kind is CodeKind.ITEM:
            self._scanned_item(text)
        elif among_books and kind is CodeKind.UNKNOWN:
            # It may be a card: one that were taken for an item would stand on the screen and in the ledger.
            self._do(m.FindCard(self.state.visit, text, setup.barcode_items))
        else:
            self._number(text, kind)

    def _scanned_item(self, item_id: str) -> None:
        book = self._book(item_id)
        if book is None or (book.stage is Stage.REFUSED and not book.pending):
            self._ask(book or Book(item_id, Stage.SEEN))

    def _number(self, number: str, kind: CodeKind) -> None:
        """Somebody's number; by its kind it may be that of an item too, or only that."""
        state = self.state
        busy = state.receipt is Receipt.PRINTING or any(b.pending for b in state.books)
        if not self._serving():
            return  # closed or out of service: the screen says so
        if state.phase in (Phase.ATTRACT, Phase.OFFER):
            self._set(phase=Phase.FINDING)
            if kind is CodeKind.ITEM:
                self._do(m.FindItem(state.visit, number))
            else:
                or_item = kind is CodeKind.UNKNOWN and state.setup.barcode_items
                self._do(m.FindCard(state.visit, number, or_item))
        elif state.phase in (Phase.DONE, Phase.RETURN, Phase.PROBLEM) and busy:
            self._notice(Notice.TOUCH_LATER)
        elif state.phase in (Phase.DONE, Phase.RETURN) or (
            state.phase is Phase.PROBLEM and (state.reader is None or state.reader.card != number)
        ):
            self._home()  # the next reader is here already
            self._number(number, kind)
        elif kind is not CodeKind.ITEM and state.reader is not None and state.reader.card != number:
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
                self._arrived(uid)
            case TagRead(uid=uid, content=content):
                known = next((t for t in pad if t.uid == uid), PadTag(uid))
                tag = replace(known, content=content)
                self._set(pad=(tag, *(t for t in pad if t.uid != uid)))
                if tag.card and not tag.old:
                    self._number(tag.card, CodeKind.PATRON)
            case TagGone(uid=uid):
                self._active()
                self._set(pad=tuple(t for t in pad if t.uid != uid))
                self._lifted(uid)
            case StackSteady(uids=uids):
                # What lay there before the pad was lost and has not been announced since was taken away meanwhile.
                here = (t for t in pad if t.uid in uids or t.content is not None)
                self._set(pad=tuple(replace(t, steady=t.uid in uids) for t in here), overfull=False)
            case StackOverfull():
                self._set(overfull=True)

    def _arrived(self, uid: bytes) -> None:
        state = self.state
        mine = [b for b in state.books if uid in b.uids]
        known = next((t for t in state.pad if t.uid == uid), PadTag(uid, old=state.phase is Phase.DONE and bool(mine)))
        tag = replace(known, content=None, steady=False)
        self._set(pad=(tag, *(t for t in state.pad if t.uid != uid)))
        goes_on = state.visit_open and state.phase is not Phase.ENDING
        for book in mine:
            if goes_on and book.stage in (Stage.REFUSED, Stage.FAILED) and not book.pending:
                # Something may have changed since.
                self._put(replace(book, stage=Stage.SEEN, blocks=(), done=frozenset(), tries=0))
            else:
                self._put(replace(book, tries=0))

    def _lifted(self, uid: bytes) -> None:
        kept = (b for b in self.state.books if uid not in b.uids or b.pending or b.stage not in _UNDECIDED)
        self._set(books=tuple(kept))

    def _printer(self, status: PrinterStatus) -> None:
        """What the printer says of itself. What it does not say is unknown: it may be asked to print all the same."""
        if status.paper is Paper.OUT:
            self._device(status.device, well=False, code="paper_out")
        elif status.cover is Cover.OPEN:
            self._device(status.device, well=False, code="cover_open")
        elif status.connection is Connection.OFFLINE:
            self._device(status.device, well=False, code="offline")
        elif status.connection is Connection.ONLINE or status.paper in (Paper.PRESENT, Paper.LOW):
            self._device(status.device, well=True, code="paper_low" if status.paper is Paper.LOW else "")
        else:
            self._device(status.device, well=None, code="unknown")

    def _device(self, name: str, *, well: bool | None, code: str = "") -> None:
        since = self.state.tick.now if self.state.tick else None
        known = (replace(d, well=well, code=code, since=since) if d.name == name else d for d in self.state.devices)
        self._set(devices=tuple(known))

    def _device_lost(self, device: str, code: str) -> None:
        self._device(device, well=False, code=code)
        cards = self.state.cards_on & {device}
        self._set(cards_on=self.state.cards_on - cards, cards_left=self.state.cards_left | cards)
        if device == self.state.setup.pad:
            lost = self.state.pad
            # What lay there before is known again when the pad is back; all else is announced anew.
            left = tuple(PadTag(t.uid, old=True, returned=t.returned) for t in lost if t.old)
            self._set(pad=left, overfull=False)
            for tag in lost:
                self._lifted(tag.uid)

    def look_at_the_pad(self) -> None:
        """Take the next step with every item that lies steadily there. Runs after each message; does nothing twice."""
        fresh = [t for t in self.state.pad if not t.old and not t.card]
        new = [t for t in fresh if t.steady and t.content is not None]
        if self.state.phase is Phase.DONE and new and self.state.receipt is not Receipt.PRINTING:
            self._home(keep=frozenset(t.uid for t in new))  # somebody brings the next books already
        if self.state.phase is Phase.ATTRACT and new and not self.state.out_of_service:
            self._set(phase=Phase.OFFER)
            self._active()
        elif self.state.phase is Phase.OFFER and not fresh and not self.state.books:
            self._home()  # all taken away again
        if self.state.phase in (Phase.OFFER, Phase.BORROW, Phase.RETURN):
            tags: dict[str, dict[bytes, LibraryTag]] = {}
            for tag in new:
                if item := tag.item:
                    tags.setdefault(item.item_id, {})[tag.uid] = item
            for item_id, contents in tags.items():
                self._look_at(self._book(item_id) or Book(item_id, Stage.SEEN), contents)

    def _look_at(self, book: Book, contents: dict[bytes, LibraryTag]) -> None:
        if self.state.phase is Phase.BORROW:
            contents = _one_for_each_part(book, contents)
        if not contents:
            return
        uids, seen = frozenset(contents), frozenset(_part(c)[0] for c in contents.values())
        lying = replace(book, uids=uids, parts=max(_part(c)[1] for c in contents.values()), seen=seen)
        grown = replace(lying, uids=uids | book.uids, seen=seen | book.seen)
        new = uids - book.uids
        match book.stage:
            case Stage.SEEN | Stage.REFUSED if book.pending and not is_own(book):
                pass  # its tag is being secured: what comes next may be the opposite
            case Stage.SEEN:
                self._ask(lying)
            case Stage.WAITING if book.to_secure and not book.pending and self._is_back(lying):
                self._write_again(lying)
            case Stage.WAITING:
                self._put(lying)
            case Stage.REFUSED if len(seen) > len(book.seen):
                self._ask(lying)  # the missing part has come
            case Stage.REFUSED if new:
                self._put(lying)  # another part, for one that was taken away
            case Stage.REFUSED if book.to_secure and self._is_back(book):
                self._write_again(book)
            case Stage.LIFTED if self._is_back(book):
                self._write_again(replace(book, stage=Stage.LENT, blocks=()))
            case Stage.LENT | Stage.RELEASED if new:
                self._write(replace(grown, stage=Stage.LENT, tries=1), new)
            case Stage.SECURED | Stage.UNSECURED if new and grown.parts > 1:
                self._take_back(grown)  # what the ledger said of the missing part holds no longer
            case Stage.SECURED | Stage.UNSECURED if new:
                self._write(replace(grown, stage=Stage.TAKEN, tries=1), new)
            case Stage.UNSECURED if self._is_back(book):
                self._write_again(replace(book, stage=Stage.TAKEN))
            case _:
                pass

    def _is_back(self, book: Book) -> bool:
        """Whether all that is missing of a book lies there, and was not tried in vain."""
        return bool(book.missing) and book.tries < _TRIES and self._on_pad(book.missing) == book.missing

    def _ask(self, book: Book) -> None:
        state, book = self.state, replace(book, done=frozenset())  # what was verified before was perhaps the opposite
        if state.phase is Phase.OFFER:
            self._put(replace(book, stage=Stage.ASKED))
            self._do(m.FindItem(state.visit, book.item_id))
        elif state.phase is Phase.BORROW and state.reader is not None:
            self._put(replace(book, stage=Stage.ASKED))
            self._do(m.Checkout(state.visit, book.item_id, state.reader.card, book.parts_seen))
        elif state.phase is Phase.RETURN:
            self._take_back(book)

    def _take_back(self, book: Book) -> None:
        self._put(replace(book, stage=Stage.ASKED, blocks=(), to_secure=False))
        self._do(m.Checkin(self.state.visit, book.item_id, book.parts_seen))

    def _write(self, book: Book, uids: frozenset[bytes]) -> None:
        """Release (for a loan) or secure (otherwise) some tags of a book."""
        self._put(replace(book, pending=book.pending | uids))
        make = m.ReleaseTag if book.stage is Stage.LENT or is_own(book) else m.SecureTag
        self._do(*(make(self.state.visit, book.item_id, uid) for uid in sorted(uids - book.pending)))

    def _write_again(self, book: Book) -> None:
        self._write(replace(book, tries=book.tries + 1), book.missing)

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
                book = self._book(answer.item_id)
                if book is not None and book.stage in (Stage.ASKED, Stage.UNDOING):
                    self._put(replace(book, stage=Stage.FAILED, blocks=()))
                self._end("failed")
            case m.StaffFound():
                pass
        self._maybe_over()

    def _card_found(self, found: m.CardFound) -> None:
        if self.state.phase in (Phase.BORROW, Phase.RETURN):  # a scanned code that is no item we know
            if found.patron is not None or found.by_number:
                self._number(found.number, CodeKind.PATRON)
            elif self.state.setup.barcode_items:
                self._scanned_item(found.number)
            return
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
        """The reader may borrow; what waits on the pad is asked about now, but for what has only just come back."""
        books = (
            Book(b.item_id, Stage.SEEN, b.uids, title=b.title, author=b.author, pending=b.pending)
            for b in self.state.books
        )
        pad = (replace(t, old=t.returned) for t in self.state.pad)
        self._set(phase=Phase.BORROW, visit_open=True, books=tuple(books), pad=tuple(pad))
        self._do(m.OpenVisit(self.state.visit))
        for book in self.state.books:
            if not book.uids:
                self._ask(book)  # taken by barcode: the pad will not bring it up

    def _item_found(self, found: m.ItemFound) -> None:
        if self.state.phase in (Phase.BORROW, Phase.RETURN):
            self._scanned_item(found.item_id)
            return
        if self.state.phase is Phase.FINDING:  # a scanned code that is no card
            self._set(phase=Phase.OFFER)
        book = self._book(found.item_id) or Book(found.item_id, Stage.SEEN)
        # Unknown here, or at home elsewhere: we cannot know of its loan, and a return is always taken.
        foreign = found.item is None or found.item.branch != self.state.setup.branch
        self._put(
            replace(
                book,
                stage=Stage.WAITING,
                title=found.title.title if found.title else "",
                author=found.title.author if found.title else "",
                due=local_day(found.loan.due_at) if found.loan else None,
                on_loan=found.loan is not None or foreign or found.to_secure,
                to_secure=found.to_secure,
            )
        )

    def _checked_out(self, answered: m.CheckedOut) -> None:
        book, result = self._book(answered.item_id), answered.answer
        if book is None or book.stage is not Stage.ASKED:
            return
        if answered.title:
            book = replace(book, title=answered.title.title, author=answered.title.author)
        if isinstance(result, Refused):
            self._refused(replace(book, to_secure=answered.to_secure), result.blocks, answered.loan)
            return
        due = local_day(result.loan.due_at)
        book = replace(book, stage=Stage.LENT, entry=result.entry, due=due, tries=1, to_secure=False)
        if not book.uids:  # taken by barcode: there is no tag to release
            self._put(replace(book, stage=Stage.RELEASED))
            self._do(m.Sound("borrowed"))
        else:
            self._write(book, book.uids)

    def _refused(self, book: Book, blocks: tuple[Block, ...], loan: Loan | None) -> None:
        yours = tuple(b for b in blocks if b.code is Code.ALREADY_YOURS)
        book = replace(book, stage=Stage.REFUSED, blocks=yours or blocks)
        if not yours:
            self._put(book)
            self._do(m.Sound("refused"))
        else:
            self._write(replace(book, due=local_day(loan.due_at) if loan else None, tries=1), self._on_pad(book.uids))

    def _put_back(self, book: Book) -> None:
        self._put(replace(book, stage=Stage.LIFTED, blocks=(block(Code.LIFTED_TOO_SOON),)))
        self._do(m.Sound("put_back"))

    def _checked_in(self, answered: m.CheckedIn) -> None:
        book, result = self._book(answered.item_id), answered.answer
        if book is None or book.stage is not Stage.ASKED:
            return
        book = replace(
            book,
            stage=Stage.TAKEN,
            entry=result.entry,
            title=result.title.title if result.title else book.title,
            author=result.title.author if result.title else book.author,
            put_aside=result.put_aside,
            blocks=result.notices,
            tries=1,
        )
        if here := self._on_pad(book.missing):
            self._write(book, here)
        elif book.uids:
            self._settled(book, None)
        else:  # taken by barcode
            self._put(replace(book, stage=Stage.SECURED))
            self._do(m.Sound("put_aside" if book.put_aside else "returned"))

    def _tag_answered(self, answered: m.TagAnswered) -> None:
        book, result = self._book(answered.item_id), answered.result
        if book is None or answered.uid not in book.pending:
            return
        book, fault = replace(book, pending=book.pending - {answered.uid}), None
        if isinstance(result, SecurityChanged):
            book = replace(book, done=book.done | {answered.uid})
        elif result is not None:
            fault = result.fault
        else:  # the pad could not be asked: its loss may be told later than this, and it will announce what lies there
            self._set(pad=tuple(t for t in self.state.pad if t.uid != answered.uid))
        self._put(book)
        if not book.pending:
            self._settled(book, fault)
            if book.stage in _UNDECIDED and not any(t.uid in book.uids for t in self.state.pad):
                self._set(books=tuple(b for b in self.state.books if b.item_id != book.item_id))

    def _settled(self, book: Book, fault: TagFault | None) -> None:
        """No tag of the book is being written any more: is it as wanted?"""
        here = self._on_pad(book.missing) == book.missing
        again = fault not in _FOR_EVER and book.tries < _TRIES and here
        unsecured = block(Code.CHIP_NOT_SECURED)
        match book.stage:
            case Stage.LENT if not book.missing:
                self._put(replace(book, stage=Stage.RELEASED))
                self._do(m.Sound("borrowed"))
            case Stage.LENT if again and self.state.phase is not Phase.ENDING:
                self._write_again(book)
            case Stage.LENT if not here or fault is TagFault.GONE:
                self._put_back(book)
            case Stage.LENT:
                self._undo(book)
            case Stage.TAKEN if not book.missing and not book.whole:
                self._put(replace(book, stage=Stage.UNSECURED))  # its repair row waits for the other parts
                self._do(m.Sound("put_aside"))
            case Stage.TAKEN if not book.missing:
                blocks = tuple(b for b in book.blocks if b != unsecured)
                self._put(replace(book, stage=Stage.SECURED, blocks=blocks))
                self._do(m.MarkSecured(self.state.visit, book.item_id))
                self._do(m.Sound("put_aside" if book.put_aside else "returned"))
            case Stage.TAKEN if again:
                self._write_again(book)
            case Stage.TAKEN:
                tries = _TRIES if fault in _FOR_EVER else book.tries
                self._put(replace(book, stage=Stage.UNSECURED, blocks=(unsecured, *book.blocks), tries=tries))
                self._tell_staff(book, fault)
                self._do(m.Sound("put_aside"))
            case Stage.FAILED if not book.missing and book.whole:
                self._do(m.MarkSecured(self.state.visit, book.item_id))
            case Stage.WAITING | Stage.REFUSED if book.to_secure and not book.missing and book.whole:
                self._put(replace(book, to_secure=False))
                self._do(m.MarkSecured(self.state.visit, book.item_id))
            case Stage.WAITING | Stage.REFUSED if book.to_secure and book.missing and not again:
                self._put(replace(book, tries=_TRIES if fault in _FOR_EVER else book.tries))
                self._tell_staff(book, fault)
            case Stage.FAILED | Stage.REFUSED if book.missing and again:
                self._write_again(book)
            case Stage.FAILED if book.missing:
                self._tell_staff(book, fault)
            case _:
                pass

    def _tell_staff(self, book: Book, fault: TagFault | None) -> None:
        if fault in OF_THE_TAG:
            self._do(m.TellStaff(self.state.visit, book.item_id, fault))

    def _undo(self, book: Book) -> None:
        self._put(replace(book, stage=Stage.UNDOING, blocks=(block(Code.CHIP_NOT_RELEASED),)))
        self._do(m.Undo(self.state.visit, book.item_id, book.entry))

    def _undone(self, undone: m.Undone) -> None:
        book = self._book(undone.item_id)
        if book is None or book.stage is not Stage.UNDOING:
            return
        self._do(m.Sound("refused"))
        self._write(replace(book, stage=Stage.FAILED, done=frozenset(), tries=1), self._on_pad(book.uids))

    def _renewed(self, answered: m.Renewed) -> None:
        result = answered.answer
        good = not isinstance(result, Refused)
        due = None if isinstance(result, Refused) else local_day(result.loan.due_at)
        blocks = result.blocks if isinstance(result, Refused) else ()
        others = tuple(r for r in self.state.renewals if r[0] != answered.item_id)
        self._set(renewals=(*others, (answered.item_id, good, blocks, due)))
        if good:
            self._set(renewed=self.state.renewed | {answered.item_id})
        book = self._book(answered.item_id)
        if book is not None and is_own(book):
            yours = tuple(b for b in book.blocks if b.code is Code.ALREADY_YOURS)
            self._put(replace(book, due=due or book.due, blocks=(*blocks, *yours), renewed=good))
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
        warned = self.state.phase in ATTENDED and self.state.clock >= self.state.warning_at
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
                if state.phase in (Phase.STAFF, Phase.STAFF_PIN, Phase.DONE):
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
            case Action.TYPE | Action.CARET:
                pass  # a visit asks for no text
            case Action.STAFF_CORNER:
                if state.phase is Phase.ATTRACT:
                    self._set(phase=Phase.STAFF_PIN)
            case Action.OUT_OF_SERVICE | Action.IN_SERVICE:
                if state.phase is Phase.STAFF:
                    self._set(out_of_service=BY_STAFF if touch.action is Action.OUT_OF_SERVICE else "")
            case Action.REPAIR_DONE:
                repairs = state.staff.repairs if state.phase is Phase.STAFF and state.staff else ()
                if any(repair.item_id == touch.argument for repair in repairs):
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
        state, own = self.state, self._book(item_id)
        if state.reader is None:
            return
        if state.phase is Phase.ACCOUNT and state.account is not None:
            chosen = [item_id] if item_id else [line.loan.item_id for line in state.account.loans]
            self._do(*(m.Renew(state.visit, one, state.reader.card) for one in chosen))
            self._do(m.FindAccount(state.visit, state.reader.card))
        elif state.phase is Phase.BORROW and own is not None and is_own(own):
            self._do(m.Renew(state.visit, item_id, state.reader.card))

    def _return(self, item_id: str) -> None:
        state, own = self.state, self._book(item_id)
        if state.phase is Phase.OFFER:
            self._set(phase=Phase.RETURN, returning=True, visit_open=True)
            self._do(m.OpenVisit(state.visit))
            for book in state.books:
                if book.on_loan:
                    self._take_back(replace(book, done=frozenset()))
                else:
                    self._put(replace(book, stage=Stage.REFUSED, blocks=(block(Code.NOT_ON_LOAN),)))
        elif state.phase is Phase.BORROW and own is not None and is_own(own) and not own.pending:
            self._take_back(replace(own, done=frozenset()))

    def _print(self, wanted: bool) -> None:
        state = self.state
        if state.phase is not Phase.DONE or state.receipt not in (Receipt.ASKED, Receipt.FAILED):
            return
        if not wanted or state.tick is None:
            self._home()
            return
        self._set(receipt=Receipt.PRINTING)
        self._do(m.Print(state.visit, receipt_of(state, state.tick.now)))

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
        if self.state.phase is Phase.ENDING and outcome != "failed":
            return
        self._set(phase=Phase.ENDING, outcome=outcome, receipt=Receipt.ASKED if show else Receipt.NOT_OFFERED)
        self._maybe_over()

    def _maybe_over(self) -> None:
        """Close the visit that is ending, once nothing is under way."""
        busy = any(b.pending or b.stage in (Stage.ASKED, Stage.UNDOING) for b in self.state.books)
        if self.state.phase is not Phase.ENDING or busy:
            return
        lifted = [b for b in self.state.books if b.stage is Stage.LIFTED]
        for book in lifted:
            if self._is_back(book):
                self._write_again(replace(book, stage=Stage.LENT, blocks=()))
            else:
                self._undo(book)
        if lifted:
            return
        show = self.state.receipt is Receipt.ASKED
        self._close(self.state.outcome)
        if show and any(b.stage is Stage.RELEASED or b.stage in CAME_BACK for b in self.state.books):
            can_print = self.state.may_print
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
        back = sum(b.stage in CAME_BACK for b in state.books)
        category = state.reader.category if state.reader else ""
        self._set(visit_open=False)
        self._do(m.CloseVisit(state.visit, outcome, out, back, len(state.renewed), category))

    def _home(self, keep: frozenset[bytes] = frozenset()) -> None:
        """Back to the attract screen: everything of the visit and of the reader is gone.

        What lies on the pad is old from now on, but for the tags to ``keep``, which have only just come.
        """
        self._close("done")
        state = self.state
        back = frozenset(uid for b in state.books if b.stage in CAME_BACK for uid in b.uids)
        self.state = State(
            state.setup,
            visit=state.visit + 1,  # a late answer finds nobody
            tick=state.tick,
            language=state.setup.language,
            devices=state.devices,
            pad=tuple(replace(t, old=t.uid not in keep, returned=t.returned or t.uid in back) for t in state.pad),
            active_at=state.clock,
            out_of_service=state.out_of_service,
            cards_on=state.cards_on,
            cards_left=state.cards_left | state.cards_on,
        )


def unreadable(state: State) -> tuple[tuple[PadTag, Block], ...]:
    """The tags on the pad that are no item we can name, each with what to say of it."""
    ours = {b.item_id: b.uids for b in state.books}
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
                # In a return both chips of one number are taken; of two to borrow one is enough.
                twin = tag.item is not None and tag.uid not in ours.get(tag.item.item_id, {tag.uid})
                if twin and state.phase is Phase.BORROW:
                    found.append((tag, block(Code.CHIP_DAMAGED)))
    return tuple(found)


def _part(content: LibraryTag) -> tuple[int, int]:
    """Which part of how many; numbers that make no sense mean nothing, as on an item of one part."""
    odd = TagWarning.PARTS_ODD in content.warnings
    return (1, 1) if odd else (content.part_number, content.parts_in_item)


def _one_for_each_part(book: Book, contents: dict[bytes, LibraryTag]) -> dict[bytes, LibraryTag]:
    """The tags without those that repeat the number and part of another: of each part the one that was met first."""
    chosen = {_part(content)[0]: uid for uid, content in contents.items() if uid in book.uids}
    for uid, content in contents.items():
        number = _part(content)[0]
        if book.stage is Stage.SEEN or number not in book.seen:
            chosen.setdefault(number, uid)
    return {uid: contents[uid] for uid in chosen.values()}


def receipt_of(state: State, at: datetime) -> m.ReceiptFacts:
    """What the receipt of this visit says: released (or returned) items, and what was refused with its reason."""
    returned = not any(b.stage is Stage.RELEASED for b in state.books)
    lines = tuple(
        m.ReceiptLine(b.item_id, b.title or b.item_id, None if returned else b.due)
        for b in reversed(state.books)
        if (b.stage in CAME_BACK if returned else b.stage is Stage.RELEASED)
    )
    failed = tuple(
        m.ReceiptLine(b.item_id, b.title or b.item_id, None, b.blocks)
        for b in reversed(state.books)
        if b.stage in (Stage.REFUSED, Stage.FAILED) and not is_own(b) and not returned
    )
    card = state.reader.card[-4:] if state.reader and not returned else ""
    return m.ReceiptFacts(returned, lines + failed, card, state.language, at)
