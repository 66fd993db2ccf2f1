"""The desk in the terminal: what its commands do.

One command is one visit. Each item is an act of its own: one that is refused never holds up the others, and the command
ends with 1 when any was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kiosk.i18n import _
from kiosk.pages import account_tables, loans_table, named, returns_table, why
from kiosk.station import desk, onlooker
from kiosk.terminal import Answers
from sync.circulation.acts import Account, Extended, Lent
from sync.circulation.blocks import Refused, money
from sync.circulation.model import ServiceMode
from sync.store.ledger import Ledger
from sync.text import masked_name, nfc


def checkout(say: Answers, home: Path, patron: str, items: Sequence[str], mode: str | None) -> None:
    """Lend items to a reader, or count them as read on site; each refused item is told on its own."""
    with desk(home, command="tramsach checkout") as (ledger, station):
        chosen = ServiceMode(mode or station.service_mode)
        visit = ledger.open_visit()
        if chosen is ServiceMode.ON_SITE:
            done = [(item, ledger.use_on_site(nfc(item), visit=visit)) for item in items]
            ledger.close_visit(visit, "done")
            say.document([{"item_id": item, "ok": True, "due": None, "blocks": [], "message": ""} for item, _r in done])
            say.show(_("Read on site: {count}.").format(count=len(done)))
            return
        results = [(nfc(i), ledger.checkout(nfc(patron), nfc(i), mode=chosen, visit=visit)) for i in items]
        lent = [r for _i, r in results if isinstance(r, Lent)]
        ledger.close_visit(visit, "done", out=len(lent))
        _show_loans(say, ledger, _("Checked out"), results)


def renew(say: Answers, home: Path, patron: str, items: Sequence[str]) -> None:
    """Renew some of a reader's items, or everything when none is named."""
    with desk(home, command="tramsach renew") as (ledger, _station):
        chosen = [nfc(i) for i in items or ()] or [line.loan.item_id for line in ledger.account(nfc(patron)).loans]
        if not chosen:
            say.document([])
            say.show(_("This reader has nothing on loan."))
            return
        visit = ledger.open_visit()
        results = [(item, ledger.renew(nfc(patron), item, visit=visit)) for item in chosen]
        extended = [r for _i, r in results if isinstance(r, Extended)]
        ledger.close_visit(visit, "done", renewed=len(extended))
        _show_loans(say, ledger, _("Renewed"), results)


def checkin(say: Answers, home: Path, items: Sequence[str]) -> None:
    """Take items back."""
    with desk(home, command="tramsach checkin") as (ledger, _station):
        visit = ledger.open_visit()
        results = [ledger.checkin(nfc(item), visit=visit) for item in items]
        ledger.close_visit(visit, "done", back=len(results))
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
    say.show(returns_table(results))


def account(say: Answers, home: Path, patron: str) -> None:
    """Show a reader's account."""
    with onlooker(home) as view:
        found = view.account(nfc(patron))
    if found.patron is None and not found.loans:
        say.document(None)
        say.fail(_("No reader has the card {number}. Check the number, or import the readers.").format(number=patron))
        return
    say.document(_account_document(found))
    say.show(*account_tables(found))


def undo(say: Answers, home: Path, entry: int) -> None:
    """Undo an act by its number."""
    with desk(home, command="tramsach undo") as (ledger, _station):
        done = ledger.undo(entry)
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Undone: act {number} on item {item}.").format(number=entry, item=done.item_id))


def settle_fee(say: Answers, home: Path, fee_id: str, amount: int | None, reason: str | None) -> None:
    """Take money for a fee, or forgive it where a reason is given."""
    with desk(home, command="tramsach fees") as (ledger, _station):
        done = ledger.pay(fee_id, amount) if reason is None else ledger.waive(fee_id, amount, reason=nfc(reason))
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Still owed of this fee: {amount}.").format(amount=money(done.outstanding)))


def _show_loans(
    say: Answers, ledger: Ledger, done: str, results: Sequence[tuple[str, Lent | Extended | Refused]]
) -> None:
    say.document(
        [
            {
                "item_id": item,
                "ok": not isinstance(r, Refused),
                "due": None if isinstance(r, Refused) else r.loan.due_at.isoformat(),
                "blocks": [code.value for code in r.codes] if isinstance(r, Refused) else [],
                "message": why(r.blocks if isinstance(r, Refused) else r.notices),
                "entry": None if isinstance(r, Refused) else r.entry,
            }
            for item, r in results
        ]
    )
    good = [r for _i, r in results if not isinstance(r, Refused)]
    if good:
        say.show(loans_table(done, good))
    for item, refused in results:
        if isinstance(refused, Refused):
            known = ledger.find_item(item)
            title = f" ({named(known[1])})" if known else ""
            say.fail(f"✗ {item}{title}: {why(refused.blocks)}")


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
