"""The projections of fees: each event of a fee as a fact, and what is owed of it (:mod:`sync.circulation.fees`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.copies import NAMES, Stations, body_of, event_of, put_exceptions
from sync.central.scopes import FEE
from sync.central.tables import Projections
from sync.circulation.exceptions import ExceptionKind
from sync.circulation.facts import Fact
from sync.circulation.fees import FeeAccount, fold_fee


@dataclass(frozen=True, slots=True)
class FeeTold:
    """A fact of a fee; ``item`` is the copy whose return it was charged at, where it was."""

    fee: str
    station_id: int
    item: str | None
    fact: Fact


@dataclass(frozen=True, slots=True)
class Fees:
    """What became of some fees: their rows (``FEE``) before and after."""

    before: Sequence[Any] = field(repr=False)
    after: Sequence[Any] = field(repr=False)


class _Fee:
    """A row of ``fee``; the names are those of :data:`sync.central.scopes.FEE`."""

    __slots__ = FEE

    def __init__(self, values: Sequence[Any]) -> None:
        for name, value in zip(FEE, values, strict=True):
            setattr(self, name, value)


def fees_of(connection: sa.Connection, tables_: Projections, tokens: Collection[str]) -> set[str]:
    """The fees that were charged under some tokens."""
    return {row.fee_id for row in bulk.find(connection, tables_.fee, ("fee_id",), "token", tokens)}


def project_fees(
    connection: sa.Connection,
    tables_: Projections,
    stations: Stations,
    told: Sequence[FeeTold],
    moved: Sequence[FeeTold] = (),
    doubts: Collection[str] = (),
) -> Fees:
    """Add facts to their fees; ``moved`` as in :func:`sync.central.copies.project`. ``doubts`` are fees that may have
    come into doubt, or out of it, by what became of their copies, or whose owner may be known now."""
    touched = {one.fee for one in (*told, *moved)} | set(doubts)
    if not touched:
        return Fees((), ())
    before = bulk.find(connection, tables_.fee, FEE, "fee_id", touched)
    bulk.insert(connection, tables_.fee_fact, [_row(one) for one in told])
    bulk.put(connection, tables_.fee_fact, [_row(one) for one in moved])
    accounts = _fold(connection, tables_, stations, touched)
    doubted = _doubted(connection, tables_, touched)
    tokens = {account.token for account in accounts if account.token is not None}
    identities = bulk.find(connection, tables.identity, ("token", "number"), "token", tokens)
    numbers = {row.token: row.number for row in identities}
    rows = [
        (
            account.fee,
            account.token,
            numbers.get(account.token),
            account.kind,
            account.amount,
            account.paid - account.refunded,
            account.waived,
            account.charged_at,
            int(account.fee in doubted),
        )
        for account in accounts
    ]
    bulk.put(connection, tables_.fee, rows)
    _list_overpaid(connection, tables_, touched, accounts)
    return Fees(before, [_Fee(row) for row in rows])


def _row(one: FeeTold) -> bulk.Row:
    fact = one.fact
    body = body_of(fact.event)
    return (one.fee, one.station_id, fact.seq, one.item, fact.at, NAMES[type(fact.event)], body)


def _fold(
    connection: sa.Connection, tables_: Projections, stations: Stations, fees: Collection[str]
) -> list[FeeAccount]:
    columns = ("fee_id", "station_id", "seq", "item_id", "at", "type", "body")
    facts: dict[str, list[Fact]] = {}
    items: dict[str, set[str]] = {}
    for row in bulk.find(connection, tables_.fee_fact, columns, "fee_id", fees):
        event = event_of(row.type, row.body, "")
        fact = Fact(*stations[row.station_id], row.seq, row.at, row.at, row.at, event)
        facts.setdefault(row.fee_id, []).append(fact)
        if row.item_id is not None:
            items.setdefault(row.fee_id, set()).add(row.item_id)
    return [fold_fee(fee, min(items.get(fee, ()), default=None), of_fee) for fee, of_fee in sorted(facts.items())]


def _doubted(connection: sa.Connection, tables_: Projections, fees: Collection[str]) -> set[str]:
    columns = ("fee_id", "kind", "resolution")
    rows = bulk.find(connection, tables_.staff_exception, columns, "fee_id", fees)
    return {row.fee_id for row in rows if row.kind == ExceptionKind.FEE_IN_DOUBT and row.resolution is None}


def _list_overpaid(
    connection: sa.Connection, tables_: Projections, fees: Collection[str], accounts: Sequence[FeeAccount]
) -> None:
    rows = bulk.find(connection, tables_.staff_exception, ("id", "source"), "fee_id", fees)
    bulk.remove(connection, tables_.staff_exception, "id", [row.id for row in rows if row.source == "fee"])
    found = (account.exception for account in accounts)
    put_exceptions(connection, tables_, "fee", [exception for exception in found if exception is not None])
