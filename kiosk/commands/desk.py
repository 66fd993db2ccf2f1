"""The desk in the terminal: checkout, checkin, renew, account, and what a desk needs beside them.

One command is one visit. Each item is an act of its own: one that is refused never holds up the others, and the command
ends with 1 when any was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from kiosk.commands.options import Json, answers, example, home
from kiosk.i18n import _
from kiosk.station import desk, onlooker
from kiosk.terminal import Answers, account_tables, loans_table, money, named, returns_table, why
from sync.circulation.blocks import Refused
from sync.circulation.model import ServiceMode
from sync.store.ledger import Extended, Ledger, Lent
from sync.store.view import Account
from sync.text import masked_name, nfc

Item = Annotated[str, typer.Argument(metavar="ITEM", help=_("The item's barcode (accession number)."))]
Items = Annotated[list[str], typer.Argument(metavar="ITEM…", help=_("Barcodes (accession numbers), one or more."))]
Patron = Annotated[str, typer.Argument(metavar="PATRON", help=_("The reader's card number."))]


def checkout(
    context: typer.Context,
    patron: Patron,
    items: Items,
    mode: Annotated[
        ServiceMode | None, typer.Option(help=_("How the items are used; the station's setting if not given."))
    ] = None,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    with desk(home(context), command="tramsach checkout") as (ledger, station):
        chosen = mode or ServiceMode(station.service_mode)
        visit = ledger.open_visit()
        if chosen is ServiceMode.ON_SITE:
            done = [(item, ledger.use_on_site(nfc(item), visit=visit)) for item in items]
            ledger.close_visit(visit, "done")
            say.document([{"item_id": item, "ok": True, "due": None, "blocks": [], "message": ""} for item, _r in done])
            say.show(_("Read on site: {count}.").format(count=len(done)))
            raise typer.Exit(say.code)
        results = [(nfc(i), ledger.checkout(nfc(patron), nfc(i), mode=chosen, visit=visit)) for i in items]
        lent = [r for _i, r in results if isinstance(r, Lent)]
        ledger.close_visit(visit, "done", out=len(lent))
        _show_loans(say, ledger, _("Checked out"), results)
    raise typer.Exit(say.code)


def renew(
    context: typer.Context,
    patron: Patron,
    items: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM…]", help=_("Barcodes; everything on loan if none is given."))
    ] = None,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    with desk(home(context), command="tramsach renew") as (ledger, _station):
        chosen = [nfc(i) for i in items or ()] or [line.loan.item_id for line in ledger.account(nfc(patron)).loans]
        if not chosen:
            say.document([])
            say.show(_("This reader has nothing on loan."))
            raise typer.Exit(say.code)
        visit = ledger.open_visit()
        results = [(item, ledger.renew(nfc(patron), item, visit=visit)) for item in chosen]
        extended = [r for _i, r in results if isinstance(r, Extended)]
        ledger.close_visit(visit, "done", renewed=len(extended))
        _show_loans(say, ledger, _("Renewed"), results)
    raise typer.Exit(say.code)


def checkin(context: typer.Context, items: Items, as_json: Json = False) -> None:
    say = answers(as_json)
    with desk(home(context), command="tramsach checkin") as (ledger, _station):
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
    raise typer.Exit(say.code)


def account(context: typer.Context, patron: Patron, as_json: Json = False) -> None:
    say = answers(as_json)
    with onlooker(home(context)) as view:
        found = view.account(nfc(patron))
    if found.patron is None and not found.loans:
        say.document(None)
        say.fail(_("No reader has the card {number}. Check the number, or import the readers.").format(number=patron))
        raise typer.Exit(say.code)
    say.document(_account_document(found))
    say.show(*account_tables(found))
    raise typer.Exit(say.code)


def undo(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(metavar="NUMBER", help=_("The act's number, as the command showed it."))],
) -> None:
    say = answers(False)
    with desk(home(context), command="tramsach undo") as (ledger, _station):
        done = ledger.undo(entry)
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Undone: act {number} on item {item}.").format(number=entry, item=done.item_id))
    raise typer.Exit(say.code)


def pay(
    context: typer.Context,
    fee: Annotated[str, typer.Argument(metavar="FEE", help=_("The fee's number, from `tramsach account`."))],
    amount: Annotated[int | None, typer.Option(help=_("Whole đồng; all that is owed if not given."))] = None,
) -> None:
    _settle(context, fee, amount, None)


def waive(
    context: typer.Context,
    fee: Annotated[str, typer.Argument(metavar="FEE", help=_("The fee's number, from `tramsach account`."))],
    reason: Annotated[str, typer.Option(help=_("Why; kept with the act."))],
    amount: Annotated[int | None, typer.Option(help=_("Whole đồng; all that is owed if not given."))] = None,
) -> None:
    _settle(context, fee, amount, nfc(reason))


def _settle(context: typer.Context, fee_id: str, amount: int | None, reason: str | None) -> None:
    say = answers(False)
    with desk(home(context), command="tramsach fees") as (ledger, _station):
        done = ledger.pay(fee_id, amount) if reason is None else ledger.waive(fee_id, amount, reason=reason)
    if isinstance(done, Refused):
        say.fail(why(done.blocks))
    else:
        say.show(_("Still owed of this fee: {amount}.").format(amount=money(done.outstanding)))
    raise typer.Exit(say.code)


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


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command(
        help=_("Lend items to a reader."),
        epilog=example("tramsach checkout TN000123 TN.000001 TN.000002"),
        rich_help_panel=_("Desk"),
    )(checkout)
    app.command(help=_("Take items back."), epilog=example("tramsach checkin TN.000001"), rich_help_panel=_("Desk"))(
        checkin
    )
    app.command(
        help=_("Renew what a reader has: some items, or everything."),
        epilog=example("tramsach renew TN000123"),
        rich_help_panel=_("Desk"),
    )(renew)
    app.command(
        help=_("Show a reader's loans, holds and fees."),
        epilog=example("tramsach account TN000123 --json"),
        rich_help_panel=_("Desk"),
    )(account)
    app.command(
        help=_("Undo a checkout, checkin or renewal that was the last act on its item."),
        epilog=example("tramsach undo 1042"),
        rich_help_panel=_("Desk"),
    )(undo)
    fees = typer.Typer(help=_("Take or waive what a reader owes."), no_args_is_help=True)
    fees.command(help=_("Take money for a fee."), epilog=example("tramsach fees pay 3f2a… --amount 5000"))(pay)
    fees.command(help=_("Forgive a fee."), epilog=example("tramsach fees waive 3f2a… --reason 'ốm'"))(waive)
    app.add_typer(fees, name="fees", rich_help_panel=_("Desk"))
