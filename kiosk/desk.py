"""The desk in the terminal: what its commands do.

One command is one visit. Each item is an act of its own: one that is refused never holds up the others, and the command
ends with 1 when any was. What was done is shown even when the station fails in the middle of it, because it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kiosk.i18n import _
from kiosk.pages import account_tables, loans_table, named, no_reader, returns_table, why
from kiosk.station import desk, onlooker
from kiosk.terminal import Answers
from sync.circulation.blocks import Block, Code, Refused, block, money
from sync.circulation.model import ServiceMode, Title
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBack
from sync.store.view import Account
from sync.text import masked_name, nfc

#: The ledger numbers its acts in 64 bits.
_LAST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one item, and its title where the answer does not carry it."""

    item_id: str
    answer: Lent | Extended | Recorded | Refused
    title: Title | None = None


def checkout(say: Answers, home: Path, patron: str, items: Sequence[str], mode: str | None) -> None:
    """Lend items to a reader, or count them as read on site; each refused item is told on its own."""
    card = nfc(patron)
    with desk(home, command="tramsach checkout") as (ledger, station):
        chosen = ServiceMode(mode or station.service_mode)
        visit, results = ledger.open_visit(), list[_Done]()
        try:
            for item in map(nfc, items):
                answer: Lent | Recorded | Refused
                if chosen is ServiceMode.ON_SITE:
                    answer = _use_on_site(ledger, card, item, visit)
                else:
                    answer = ledger.checkout(card, item, mode=chosen, visit=visit)
                results.append(_done(ledger, item, answer))
            ledger.close_visit(visit, "done", out=sum(isinstance(one.answer, Lent) for one in results))
        finally:
            _show_loans(say, _("Checked out"), results)


def renew(say: Answers, home: Path, patron: str, items: Sequence[str]) -> None:
    """Renew some of a reader's items, or everything when none is named."""
    card = nfc(patron)
    with desk(home, command="tramsach renew") as (ledger, _station):
        account = ledger.account(card)
        chosen = [nfc(item) for item in items] or [line.loan.item_id for line in account.loans]
        if not chosen:
            say.document([])
            if account.patron is None:
                say.fail(no_reader(card))
            else:
                say.show(_("This reader has nothing on loan."))
            return
        visit, results = ledger.open_visit(), list[_Done]()
        try:
            for item in chosen:
                results.append(_done(ledger, item, ledger.renew(card, item, visit=visit)))
            ledger.close_visit(visit, "done", renewed=sum(isinstance(one.answer, Extended) for one in results))
        finally:
            _show_loans(say, _("Renewed"), results)


def checkin(say: Answers, home: Path, items: Sequence[str]) -> None:
    """Take items back."""
    with desk(home, command="tramsach checkin") as (ledger, _station):
        visit, results = ledger.open_visit(), list[TakenBack]()
        try:
            for item in items:
                results.append(ledger.checkin(nfc(item), visit=visit))
            ledger.close_visit(visit, "done", back=len(results))
        finally:
            _show_returns(say, results)


def account(say: Answers, home: Path, patron: str) -> None:
    """Show a reader's account."""
    card = nfc(patron)
    with onlooker(home) as view:
        found = view.account(card)
    if found.patron is None and not found.loans:
        say.document(None)
        say.fail(no_reader(card))
        return
    say.document(_account_document(found))
    say.show(*account_tables(found))


def undo(say: Answers, home: Path, entry: int) -> None:
    """Undo an act by its number."""
    with desk(home, command="tramsach undo") as (ledger, _station):
        known = entry <= _LAST_NUMBER
        done = ledger.undo(entry) if known else Refused((block(Code.UNKNOWN_ENTRY, number=entry),))
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Undone: act {number} on item {item}.").format(number=entry, item=done.item_id))


def settle_fee(say: Answers, home: Path, fee_id: str, amount: int | None, reason: str | None) -> None:
    """Take money for a fee, or forgive it where a reason is given."""
    fee_id = nfc(fee_id)
    with desk(home, command="tramsach fees") as (ledger, _station):
        done = ledger.pay(fee_id, amount) if reason is None else ledger.waive(fee_id, amount, reason=nfc(reason))
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Still owed of this fee: {amount}.").format(amount=money(done.outstanding)))


def _use_on_site(ledger: Ledger, card: str, item: str, visit: str) -> Recorded | Refused:
    """Count an item as read in the house. Nothing is decided about it, but a slip of the finger is no use."""
    blocks = list[Block]()
    if ledger.find_patron(card) is None:
        blocks.append(block(Code.UNKNOWN_CARD))
    if ledger.find_item(item) is None:
        blocks.append(block(Code.UNKNOWN_ITEM))
    return Refused(tuple(blocks)) if blocks else ledger.use_on_site(item, visit=visit)


def _done(ledger: Ledger, item: str, answer: Lent | Extended | Recorded | Refused) -> _Done:
    known = ledger.find_item(item) if isinstance(answer, Refused) else None
    return _Done(item, answer, known[1] if known else None)


def _show_loans(say: Answers, heading: str, results: Sequence[_Done]) -> None:
    say.document([_loan_document(one) for one in results])
    if loans := [one.answer for one in results if isinstance(one.answer, Lent | Extended)]:
        say.show(loans_table(heading, loans))
    if on_site := sum(isinstance(one.answer, Recorded) for one in results):
        say.show(_("Read on site: {count}.").format(count=on_site))
    for one in results:
        if isinstance(one.answer, Refused):
            title = f" ({named(one.title)})" if one.title else ""
            say.fail(f"✗ {one.item_id}{title}: {why(one.answer.blocks)}")


def _loan_document(one: _Done) -> dict[str, object]:
    document: dict[str, object] = {"item_id": one.item_id, "ok": True, "due": None, "blocks": [], "message": ""}
    match one.answer:
        case Refused(blocks=blocks):
            codes = [refusal.code.value for refusal in blocks]
            return document | {"ok": False, "blocks": codes, "message": why(blocks), "entry": None}
        case Recorded(entry=entry):
            return document | {"entry": entry}
        case Lent() | Extended() as loan:
            due, notices = loan.loan.due_at.isoformat(), why(loan.notices)
            return document | {"due": due, "message": notices, "entry": loan.entry}


def _show_returns(say: Answers, results: Sequence[TakenBack]) -> None:
    say.document(
        [
            {
                "item_id": r.item_id,
                "ok": True,
                "due": r.loan.due_at.isoformat() if r.loan else None,
                "late_days": r.late_days,
                "fee": r.fee.outstanding if r.fee else 0,
                "put_aside": r.put_aside.value if r.put_aside else None,
                "blocks": [],
                "notices": [n.code.value for n in r.notices],
                "message": why(r.notices),
                "entry": r.entry,
            }
            for r in results
        ]
    )
    if results:
        say.show(returns_table(results))


def _account_document(found: Account) -> dict[str, object]:
    patron = found.patron
    return {
        "patron_id": patron.patron_id if patron else found.card,
        "name": masked_name(patron.name) if patron else None,
        "category": patron.category if patron else None,
        "expires": patron.expires.isoformat() if patron and patron.expires else None,
        "loans": [
            {
                "item_id": line.loan.item_id,
                "title": named(line.title),
                "due": line.loan.due_at.isoformat(),
                "overdue": line.loan.overdue_at(found.now),
                "renewals": line.loan.renewals,
                "renewable": not isinstance(line.renewal, Refused),
                "blocks": [code.value for code in line.renewal.codes] if isinstance(line.renewal, Refused) else [],
            }
            for line in found.loans
        ],
        "holds": [
            {
                "title": named(title),
                "placed": hold.placed_at.isoformat(),
                "ready_until": hold.ready_until.isoformat() if hold.ready_until else None,
            }
            for hold, title in found.holds
        ],
        "fees": [{"fee_id": fee.fee_id, "kind": fee.kind.value, "owed": fee.outstanding} for fee in found.fees],
        "owed": found.owed,
    }
