"""``view(state)``: what the screen shows. Names are masked here, so that no screen has more to show."""

from __future__ import annotations

import math
from datetime import date
from hashlib import sha256

from kiosk.flows.state import ATTENDED, BY_STAFF, CAME_BACK, Book, Phase, Stage, State, is_own
from kiosk.flows.visit import unreadable
from kiosk.views import (
    AccountView,
    Action,
    AttractView,
    Body,
    BorrowView,
    CardProblemView,
    CardTrouble,
    ClosedView,
    DoneView,
    Notice,
    OfferView,
    OutOfServiceView,
    PatronView,
    PinView,
    Receipt,
    ReturnView,
    RowState,
    RowView,
    Slip,
    StaffView,
    TimeoutView,
    View,
)
from sync.circulation.blocks import NOTHING_TO_DO, Block, Code
from sync.circulation.model import local_day
from sync.text import given_name, masked_name

#: The category whose card puts the screen in children's mode.
CHILD = "child"

_ROW_STATES = {
    Stage.SEEN: RowState.READING,
    Stage.WAITING: RowState.ON_LOAN,
    Stage.ASKED: RowState.READING,
    Stage.REFUSED: RowState.REFUSED,
    Stage.LENT: RowState.READING,
    Stage.LIFTED: RowState.PUT_BACK,
    Stage.UNDOING: RowState.READING,
    Stage.FAILED: RowState.REFUSED,
    Stage.RELEASED: RowState.BORROWED,
    Stage.TAKEN: RowState.READING,
    Stage.SECURED: RowState.RETURNED,
    Stage.UNSECURED: RowState.PUT_ASIDE,
}


def view(state: State) -> View:
    """The screen for a state."""
    warned = _seconds_left(state)
    return View(
        body=_body(state),
        language=state.language,
        high_contrast=state.high_contrast,
        reachable=state.reachable,
        library=state.setup.library,
        patron=_patron(state),
        step=_step(state),
        offline=state.tick is not None and state.tick.online is False,
        staff=state.phase in (Phase.STAFF, Phase.STAFF_PIN),
        timeout=None if warned is None else TimeoutView(warned),
        notice=_notice(state),
        help_open=state.help_open,
        now=state.tick.now.replace(second=0, microsecond=0) if state.tick else None,
    )


def cloth(item_id: str) -> int:
    """The colour of a book's cover, 1 to 6, for ever the same (visual language, 1.1)."""
    return 1 + sha256(item_id.encode()).digest()[0] % 6


def _body(state: State) -> Body:
    rows = (*_rows_without_a_book(state), *(_row(b) for b in _in_order(state)))
    on_pad = sum(not t.old and not t.card for t in state.pad)
    attention = sum(r.state in (RowState.REFUSED, RowState.PUT_ASIDE, RowState.PUT_BACK) for r in rows)
    match state.phase:
        case Phase.ATTRACT:
            if state.out_of_service:
                return OutOfServiceView(state.out_of_service)
            return AttractView() if state.open else ClosedView(state.tick.opens if state.tick else None)
        case Phase.OFFER:
            waiting = [b for b in state.books if b.stage is Stage.WAITING]
            returnable = sum(b.on_loan for b in waiting)
            return OfferView(rows, returnable, len(waiting) - returnable, on_pad)
        case Phase.PROBLEM:
            return CardProblemView(_reasons(state), state.trouble or CardTrouble.UNREADABLE)
        case Phase.PIN | Phase.STAFF_PIN:
            pin = state.pin
            wait = max(0, math.ceil(pin.locked_until - state.clock))
            return PinView(len(pin.digits), state.setup.pin_length, pin.tries_left, pin.wrong, wait)
        case Phase.ACCOUNT:
            return _account(state)
        case Phase.RETURN:
            return ReturnView(rows, _came_back(state), attention, on_pad)
        case Phase.DONE:
            return _done(state, rows)
        case Phase.STAFF:
            return _staff(state)
        case Phase.ENDING if state.returning or state.reader is None:
            return ReturnView(rows, _came_back(state), attention, on_pad)
        case Phase.FINDING | Phase.BORROW | Phase.ENDING:
            return BorrowView(rows, _borrowed(state), attention, on_pad)


def _borrowed(state: State) -> int:
    return sum(b.stage is Stage.RELEASED for b in state.books)


def _came_back(state: State) -> int:
    return sum(b.stage in CAME_BACK for b in state.books)


def _notice(state: State) -> Notice | None:
    """What has just happened; else what is amiss with a device that is wanted now, for as long as it is."""
    setup, serving = state.setup, not state.out_of_service
    with_pad = state.phase in (Phase.OFFER, Phase.BORROW, Phase.RETURN) or (state.phase is Phase.ATTRACT and serving)
    with_cards = state.phase is Phase.OFFER or (state.phase is Phase.ATTRACT and serving and state.open)
    if state.notice is not None:
        return state.notice
    if with_pad and state.overfull:
        return Notice.TOO_MANY
    if with_pad and state.is_lost(setup.pad):
        return Notice.PAD_AWAY
    if with_cards and state.is_lost(setup.reader):
        return Notice.READER_AWAY
    if state.cards_on and state.phase is Phase.DONE:
        return Notice.TAKE_CARD
    if state.cards_on & state.cards_left and state.phase in (Phase.ATTRACT, Phase.OFFER):
        return Notice.TAKE_CARD
    if state.phase is Phase.DONE and state.is_lost(setup.printer):
        return Notice.PRINTER_AWAY
    return None


def _seconds_left(state: State) -> int | None:
    if state.phase not in ATTENDED or state.clock < state.warning_at:
        return None
    return max(0, math.ceil(state.warning_at + state.setup.warning_s - state.clock))


def _patron(state: State) -> PatronView | None:
    reader = state.reader
    if reader is None or state.phase in (Phase.ATTRACT, Phase.STAFF, Phase.STAFF_PIN):
        return None
    name = reader.patron.name if reader.patron else ""
    child = reader.category == CHILD
    return PatronView(given_name(name), masked_name(name), reader.card[-4:], child)


def _step(state: State) -> int:
    match state.phase:
        case Phase.FINDING | Phase.BORROW | Phase.OFFER:
            return 2
        case Phase.RETURN | Phase.ENDING:
            return 2
        case Phase.DONE:
            return 3
        case _:
            return 0


def _in_order(state: State) -> list[Book]:
    """Being read first, then what needs attention, then the rest; the newest of each first (visual language, 5.2)."""

    def rank(book: Book) -> int:
        row = _ROW_STATES[book.stage]
        if row is RowState.READING:
            return 0
        return 1 if row in (RowState.REFUSED, RowState.PUT_BACK, RowState.PUT_ASIDE) and not is_own(book) else 2

    return sorted(state.books, key=rank)


def _row(book: Book) -> RowView:
    row = _ROW_STATES[book.stage]
    actions: tuple[Action, ...] = ()
    slip = _slip(book.blocks)
    if book.stage is Stage.WAITING:
        slip = None
        row = RowState.ON_LOAN if book.on_loan else RowState.READING
    elif is_own(book):
        actions = () if book.pending else (Action.RENEW, Action.RETURN)
        row = RowState.RENEWED if book.renewed else RowState.ON_LOAN
        slip = _slip(tuple(b for b in book.blocks if b.code is not Code.ALREADY_YOURS))  # why it was not renewed
    elif book.stage in (Stage.RELEASED, Stage.LENT, Stage.TAKEN):
        slip = None
    elif book.stage is Stage.SECURED:
        if book.put_aside is not None:
            row = RowState.PUT_ASIDE
        else:
            slip = None
    return RowView(
        key=book.item_id,
        state=row,
        title=book.title or (book.item_id if book.stage not in (Stage.SEEN, Stage.ASKED) else ""),
        author=book.author,
        cloth=cloth(book.item_id),
        day=book.due,
        slip=slip,
        actions=actions,
    )


def _slip(blocks: tuple[Block, ...]) -> Slip | None:
    """The first thing to say: it is enough to act on, and the rest comes when that is done."""
    return next((Slip(b.reason, b.next_step) for b in blocks if b.next_step != NOTHING_TO_DO), None)


def _rows_without_a_book(state: State) -> list[RowView]:
    """Tags that are being read, and those that are no item we can name: what is not known is shown, not skipped."""
    refused = unreadable(state)
    met = {uid for book in state.books for uid in book.uids} | {tag.uid for tag, _said in refused}
    reading = [tag for tag in state.pad if not tag.old and not tag.card and tag.uid not in met]
    return [RowView(f"tag:{tag.uid.hex()}", RowState.READING) for tag in reading] + [
        RowView(f"tag:{tag.uid.hex()}", RowState.REFUSED, slip=Slip(said.reason, said.next_step))
        for tag, said in refused
    ]


def _reasons(state: State) -> tuple[Slip, ...]:
    blocks = state.reader.blocks if state.reader else ()
    return tuple(Slip(b.reason, b.next_step) for b in blocks)


def _account(state: State) -> AccountView:
    account = state.account
    if account is None:
        return AccountView()
    renewed = {item: (good, blocks, due) for item, good, blocks, due in state.renewals}
    rows = []
    for line in sorted(account.loans, key=lambda one: one.loan.due_at):
        loan = line.loan
        good, blocks, _due = renewed.get(loan.item_id, (None, (), None))
        late = loan.overdue_at(account.now)
        shown = RowState.OVERDUE if late else RowState.ON_LOAN
        if good:
            shown = RowState.RENEWED
        rows.append(
            RowView(
                key=loan.item_id,
                state=shown if good is not False else RowState.REFUSED,
                title=line.title.title if line.title else loan.item_id,
                author=line.title.author if line.title else "",
                cloth=cloth(loan.item_id),
                day=local_day(loan.due_at),
                slip=_slip(blocks),
                actions=(Action.RENEW,),
            )
        )
    for hold, title in account.holds:
        rows.append(
            RowView(
                key=f"hold:{hold.hold_id}",
                state=RowState.HOLD_READY if hold.ready_until else RowState.READING,
                title=title.title if title else "",
                author=title.author if title else "",
                cloth=cloth(hold.title_id),
                day=hold.ready_until,
            )
        )
    done = [good for good, _blocks, _due in renewed.values()]
    return AccountView(
        rows=tuple(rows),
        on_loan=len(account.loans),
        overdue=sum(line.loan.overdue_at(account.now) for line in account.loans),
        holds=len(account.holds),
        owed=account.owed,
        renewed=sum(done) if done else None,
        not_renewed=len(done) - sum(done),
        can_renew=bool(account.loans),
    )


def _done(state: State, rows: tuple[RowView, ...]) -> DoneView:
    dues: list[date] = [b.due for b in state.books if b.stage is Stage.RELEASED and b.due]
    wait = (state.setup.printed_s if state.receipt is Receipt.PRINTED else state.setup.done_s) * state.patience
    return DoneView(
        rows=tuple(r for r in rows if r.state in (RowState.BORROWED, RowState.RETURNED, RowState.PUT_ASIDE)),
        borrowed=_borrowed(state),
        returned=_came_back(state),
        refused=sum(b.stage in (Stage.REFUSED, Stage.FAILED) and not is_own(b) for b in state.books),
        due=min(dues, default=None),
        receipt=state.receipt,
        seconds=max(0, math.ceil(state.active_at + wait - state.clock)),
    )


def _staff(state: State) -> StaffView:
    found = state.staff
    return StaffView(
        devices=state.devices,
        unsent=found.unsent if found else 0,
        oldest_unsent=found.oldest_unsent if found else None,
        repairs=found.repairs if found else (),
        out_of_service=bool(state.out_of_service),
        clock_trusted=state.tick.clock_trusted if state.tick else True,
        trouble="" if state.out_of_service == BY_STAFF else state.out_of_service,
    )
