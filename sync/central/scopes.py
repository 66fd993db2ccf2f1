"""Which rows stations are told of, and which stations: the scopes of everything in the feed.

A station sees its own branches' readers and items, and of everybody else as little as lending needs (facts/sync.md,
section 5.2). So:

- a title is told to every branch that has a copy of it, an item to its branch, a reader with cards and PIN to hers;
- a loan is told where the item is at home, where the reader is, and where it was made; who has the item stands only in
  the latter two, elsewhere only that it is out;
- a hold is told where a copy of the title could be lent, and for whom only at the reader's branch and at the pick-up;
- what is owed is told at the reader's branch; rules, announcements and device profiles are everybody's.

:func:`told` reads from the tables what stations should know of some rows at this instant. Whoever changes such rows
asks before and after and publishes the difference (:func:`noticed`). So rows that move from one scope to another leave
a tombstone behind, and writing again what is there already tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.database import lock_projections
from sync.central.feed import EVERYBODY, Place, as_body, difference, publish
from sync.store.reference import Touched

Told = dict[Place, str]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a number stands for: the patron's own number and branch."""

    patron_id: str
    branch: str


@contextmanager
def noticed(connection: sa.Connection, touched: Touched, now: int) -> Iterator[None]:
    """Goes around a change of some rows and tells stations what is different after it."""
    lock_projections(connection)
    reach = _Reach()
    before = told(connection, touched, reach)
    yield
    publish(connection, difference(before, told(connection, touched, reach)), now)


@dataclass(slots=True)
class _Reach:
    """The copies and fees that were a reader's before: they have to be looked at again although they no longer are."""

    items: set[str] = field(default_factory=set)
    fees: set[str] = field(default_factory=set)


def told(connection: sa.Connection, touched: Touched, reach: _Reach | None = None) -> Told:
    """What stations should know, at this instant, of some rows and of what hangs on them."""
    reach = reach or _Reach()
    found: Told = {}
    if touched.rules:
        _everybody(connection, found)
    numbers = _readers(connection, touched.patrons, found)
    lent_at = _titles(connection, touched.titles, found)
    _items(connection, touched.items, found)
    _loans(connection, touched.items, numbers, reach, found)
    _holds(connection, touched.patrons, lent_at, found)
    _fees(connection, numbers, reach, found)
    return found


# --- loans and fees, which the applier tells too ----------------------------------------------------------------------

#: What is needed of ``copy_state`` to tell of a loan, in this order.
LOAN = ("item_id", "token", "number", "item_type", "branch", "mode", "checked_out_at", "due_at", "renewals")

#: What is needed of ``fee`` to tell of one, in this order.
FEE = ("fee_id", "token", "number", "kind", "amount", "paid", "waived", "charged_at", "doubted")


def loan_told(copy: Any, home: str | None, owner: Owner | None) -> Told:
    """Who is told of the open loan on a copy, and what. ``home`` is the item's branch, where it is known."""
    known = {copy.branch, owner.branch} if owner else {copy.branch}
    row = {
        "token": copy.token,
        "item_id": copy.item_id,
        "item_type": copy.item_type,
        "patron_id": owner.patron_id if owner else copy.number,
        "branch": copy.branch,
        "mode": copy.mode,
        "checked_out_at": copy.checked_out_at,
        "due_at": copy.due_at,
        "renewals": copy.renewals,
    }
    body = as_body(row)
    found = {(scope, "loan", copy.token): body for scope in known}
    if home is not None and home not in known:
        found[home, "loan", copy.token] = as_body(row | {"patron_id": None})
    return found


def fee_told(fee: Any, owner: Owner | None) -> Told:
    """Who is told of a fee, and what; nobody once it is settled, while it is doubted, or where nobody is to owe it."""
    if owner is None or fee.kind is None or fee.doubted or fee.amount <= fee.paid + fee.waived:
        return {}
    row = {
        "fee_id": fee.fee_id,
        "token": fee.token,
        "patron_id": owner.patron_id,
        "kind": fee.kind,
        "amount": fee.amount,
        "paid": fee.paid,
        "waived": fee.waived,
        "charged_at": fee.charged_at,
    }
    return {(owner.branch, "fee", fee.fee_id): as_body(row)}


def homes_of(connection: sa.Connection, item_ids: Iterable[str]) -> dict[str, str]:
    """The branch of each item that the catalogue knows."""
    return {row.item_id: row.branch for row in bulk.find(connection, tables.item, _HOME, "item_id", set(item_ids))}


def owners_of(connection: sa.Connection, numbers: Iterable[str | None]) -> dict[str, Owner]:
    """Whom numbers stand for, be they cards or patrons' own; a card is looked for first, as at the desk."""
    wanted = {number for number in numbers if number is not None}
    by_card = {row.number: row.patron_id for row in bulk.find(connection, tables.card, _CARD, "number", wanted)}
    patrons = wanted | set(by_card.values())
    branches = {row.patron_id: row.branch for row in bulk.find(connection, tables.patron, _AT, "patron_id", patrons)}
    found = {}
    for number in wanted:
        patron_id = by_card.get(number, number)
        if patron_id in branches:
            found[number] = Owner(patron_id, branches[patron_id])
    return found


_HOME, _CARD, _AT = ("item_id", "branch"), ("number", "patron_id"), ("patron_id", "branch")


# --- headquarters' own word -------------------------------------------------------------------------------------------


def _everybody(connection: sa.Connection, found: Told) -> None:
    for table in (tables.rule_set, tables.announcement, tables.device_profile):
        (key,) = (column.name for column in table.primary_key)
        for one in connection.execute(sa.select(table)).mappings():
            found[EVERYBODY, table.name, one[key]] = as_body(dict(one))


def _readers(connection: sa.Connection, patron_ids: Collection[str], found: Told) -> set[str]:
    """Tells of readers, their cards and PINs; answers every number that stands for them."""
    numbers = set(patron_ids)
    branches = {}
    for row in _rows(connection, tables.patron, "patron_id", patron_ids):
        branches[row["patron_id"]] = row["branch"]
        found[row["branch"], "patron", row["patron_id"]] = as_body(row)
    for table in (tables.card, tables.pin):
        (key,) = (column.name for column in table.primary_key)
        for row in _rows(connection, table, "patron_id", patron_ids):
            if table is tables.card:
                numbers.add(row["number"])
            if (branch := branches.get(row["patron_id"])) is not None:
                found[branch, table.name, row[key]] = as_body(row)
    return numbers


def _titles(connection: sa.Connection, title_ids: Collection[str], found: Told) -> dict[str, set[str]]:
    """Tells of titles; answers at which branches each has copies."""
    branches: dict[str, set[str]] = {}
    for copy in bulk.find(connection, tables.item, ("title_id", "branch"), "title_id", title_ids):
        branches.setdefault(copy.title_id, set()).add(copy.branch)
    for row in _rows(connection, tables.title, "title_id", branches, leave_out="id"):
        body = as_body(row)
        for branch in branches[row["title_id"]]:
            found[branch, "title", row["title_id"]] = body
    return branches


def _items(connection: sa.Connection, item_ids: Collection[str], found: Told) -> None:
    # The record that an item came from is between headquarters and its catalogue.
    for row in _rows(connection, tables.item, "item_id", item_ids, leave_out="source_record"):
        found[row["branch"], "item", row["item_id"]] = as_body(row)


def _loans(
    connection: sa.Connection, items: Collection[str], numbers: Collection[str], reach: _Reach, found: Told
) -> None:
    copies = bulk.find(connection, tables.copy_state, LOAN, "number", numbers)
    reach.items.update(row.item_id for row in copies)
    copies = bulk.find(connection, tables.copy_state, LOAN, "item_id", {*items, *reach.items})
    out = [row for row in copies if row.token is not None]
    homes = homes_of(connection, (row.item_id for row in out))
    owners = owners_of(connection, (row.number for row in out))
    for row in out:
        found.update(loan_told(row, homes.get(row.item_id), owners.get(row.number)))


def _fees(connection: sa.Connection, numbers: Collection[str], reach: _Reach, found: Told) -> None:
    reach.fees.update(row.fee_id for row in bulk.find(connection, tables.fee, ("fee_id",), "number", numbers))
    fees = bulk.find(connection, tables.fee, FEE, "fee_id", reach.fees)
    owners = owners_of(connection, (row.number for row in fees))
    for row in fees:
        found.update(fee_told(row, owners.get(row.number)))


def _holds(
    connection: sa.Connection, patron_ids: Collection[str], lent_at: Mapping[str, set[str]], found: Told
) -> None:
    rows = {row["hold_id"]: row for row in _rows(connection, tables.hold, "patron_id", patron_ids)}
    rows |= {row["hold_id"]: row for row in _rows(connection, tables.hold, "title_id", lent_at)}
    found.update(_holds_told(connection, rows.values()))


def holds_told(connection: sa.Connection, hold_ids: Collection[str]) -> Told:
    """Who is told of some holds, and what."""
    return _holds_told(connection, _rows(connection, tables.hold, "hold_id", hold_ids))


def _holds_told(connection: sa.Connection, holds: Iterable[dict[str, Any]]) -> Told:
    standing = [hold for hold in holds if hold.pop("fulfilled") is None]
    owners = owners_of(connection, (hold["patron_id"] for hold in standing))
    copies = bulk.find(
        connection, tables.item, ("title_id", "branch"), "title_id", {hold["title_id"] for hold in standing}
    )
    found: Told = {}
    for hold in standing:
        owner = owners.get(hold["patron_id"])
        known = {hold["pickup_branch"], owner.branch} if owner else {hold["pickup_branch"]}
        elsewhere = {copy.branch for copy in copies if copy.title_id == hold["title_id"]} - known
        found.update({(scope, "hold", hold["hold_id"]): as_body(hold) for scope in known})
        nameless = as_body({**hold, "patron_id": ""})
        found.update({(scope, "hold", hold["hold_id"]): nameless for scope in elsewhere})
    return found


def _rows(
    connection: sa.Connection, table: sa.Table, column: str, values: Collection[str], *, leave_out: str = ""
) -> Iterator[dict[str, Any]]:
    names = [one.name for one in table.columns if one.name != leave_out]
    for row in bulk.find(connection, table, names, column, values):
        yield dict(zip(names, row, strict=True))
