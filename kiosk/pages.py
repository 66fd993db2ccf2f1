"""Accounts, loans, returns and titles as tables for the terminal; statuses and refusals as words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rich.table import Table

from kiosk.i18n import _, language
from kiosk.terminal import table
from sync.circulation.acts import Account, Extended, Lent, TakenBack
from sync.circulation.blocks import NOTHING_TO_DO, Block, Refused, day, money
from sync.circulation.decisions import PutAside
from sync.circulation.model import Item, ItemStatus, Loan, Title, local_day
from sync.circulation.network import Network
from sync.store.view import Found
from sync.text import masked_name


def when(moment: datetime) -> str:
    """The library's calendar day of an instant, as people write it."""
    return day(local_day(moment))


def named(title: Title | None) -> str:
    """A title and its volume as ISBD writes them, ``Title. Volume``; a dash when the catalogue does not know it."""
    if title is None:
        return "–"
    return ". ".join(part for part in (title.title.removesuffix("."), title.volume) if part)


def why(blocks: Sequence[Block]) -> str:
    """All blocks or notices as one text, sentence after sentence, none said twice."""
    sentences = list(dict.fromkeys(p for b in blocks for p in (b.reason, b.next_step)))
    if any(b.next_step != NOTHING_TO_DO for b in blocks):
        sentences = [p for p in sentences if p != NOTHING_TO_DO]
    return " ".join(p.say(language()) for p in sentences)


def no_reader(number: str) -> str:
    """That nobody has a card of this number."""
    return _("No reader has the card {number}. Check the number, or import the readers.").format(number=number)


def loans_table(done: str, loans: Sequence[Lent | Extended]) -> Table:
    """What went out or was renewed, with due dates and the numbers by which each act can be undone."""
    heading = f"{done} ({len(loans)})"
    grid = table(heading, _("Item"), _("Title"), _("Due date"), _("Act"), _("Note"), right=[_("Act")])
    for one in loans:
        grid.add_row(one.loan.item_id, named(one.title), when(one.loan.due_at), str(one.entry), why(one.notices))
    return grid


def returns_table(returned: Sequence[TakenBack]) -> Table:
    """What came back, and where it goes now."""
    places = {
        PutAside.OTHER_LIBRARY: _("Other libraries' shelf"),
        PutAside.HOLD: _("Hold shelf"),
        PutAside.STAFF: _("Librarian's desk"),
        None: _("Shelf"),
    }
    heading = _("Returned ({count})").format(count=len(returned))
    grid = table(heading, _("Item"), _("Title"), _("Where to"), _("Act"), _("Note"), right=[_("Act")])
    for one in returned:
        grid.add_row(one.item_id, named(one.title), places[one.put_aside], str(one.entry), why(one.notices))
    return grid


def account_tables(account: Account) -> list[Table | str]:
    """A reader's account: who (masked), what is out, what is waited for, what is owed."""
    patron = account.patron
    expires = patron.expires if patron else None
    until = _("card valid until {date}").format(date=day(expires)) if expires else _("card without end date")
    shown: list[Table | str] = [f"{masked_name(patron.name) if patron else account.card} · {until}"]
    if account.loans:
        heading = _("On loan ({count})").format(count=len(account.loans))
        grid = table(heading, _("Item"), _("Title"), _("Due date"), _("Renewal"))
        for line in account.loans:
            due = when(line.loan.due_at)
            if line.loan.overdue_at(account.now):
                due = _("{date} · overdue").format(date=due)
            can = line.renewal
            could = (
                can.blocks[0].reason.say(language())
                if isinstance(can, Refused)
                else _("possible until {date}").format(date=when(can.due_at))
            )
            grid.add_row(line.loan.item_id, named(line.title), due, could)
        shown.append(grid)
    else:
        shown.append(_("This reader has nothing on loan."))
    if account.holds:
        grid = table(_("Holds ({count})").format(count=len(account.holds)), _("Title"), _("Ready until"))
        for hold, title in account.holds:
            grid.add_row(named(title), day(hold.ready_until) if hold.ready_until else "–")
        shown.append(grid)
    if account.fees:
        heading = _("Fees: {amount}").format(amount=money(account.owed))
        grid = table(heading, _("Fee"), _("Date"), _("Owed"), right=[_("Owed")])
        for fee in account.fees:
            grid.add_row(fee.fee_id, when(fee.charged_at), money(fee.outstanding))
        shown.append(grid)
    return shown


def found_table(found: Found, branch: str, network: Network) -> Table:
    """Titles found, and their copies by status: those of this branch first, those of others with the branch's name."""
    grid = table("", _("Title"), _("Author"), _("Call number"), _("Copies"))
    grid.show_lines = True  # a title with its copies runs over many lines
    for hit in found.page.hits:
        copies = "\n".join(_shelves(hit.items, found.loans, branch, network)) or "–"
        grid.add_row(named(hit.title), hit.title.author, hit.title.call_number, copies)
    return grid


def _shelves(items: Sequence[Item], loans: Mapping[str, Loan], branch: str, network: Network) -> Iterator[str]:
    """A line for each branch and status: ``on the shelf: TN.00011, TN.00012``."""
    shelves: dict[tuple[bool, str, str], list[str]] = {}
    for item in items:
        shelves.setdefault((item.branch != branch, item.branch, item_status(item, loans)), []).append(item.item_id)
    for (elsewhere, home, status), numbers in sorted(shelves.items()):
        place = f" · {network.name(home)}" if elsewhere else ""
        yield f"{status_word(status)}{place}: {', '.join(numbers)}"


def item_status(item: Item, loans: Mapping[str, Loan]) -> str:
    """An item's status for a machine: ``available``, ``on_loan``, or what the library says of the copy."""
    if item.item_id in loans:
        return "on_loan"
    return "available" if item.status is ItemStatus.IN_STOCK else item.status.value


def status_word(status: str) -> str:
    """A status of :func:`item_status` for people."""
    words = {
        "available": _("on the shelf"),
        "on_loan": _("on loan"),
        "in_transit": _("in transit"),
        "lost": _("lost"),
        "damaged": _("damaged"),
        "withdrawn": _("withdrawn"),
    }
    return words[status]
