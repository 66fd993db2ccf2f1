"""What the events add up to: one pure rule per event, for the ledger's tables and for every check of them.

:func:`changes` turns an entry into changes of rows, by name of table and key, without looking at what is there. The
ledger applies them to SQLite in the transaction that writes the event; :class:`Replay` applies them to dictionaries,
from the first event on. That both come to the same is the ledger's promise, checked after every kill in the tests and
by ``tramsach doctor`` on a living station.

Tables and columns are those of ``sync/store/tables.py``, less whose a token is: that is no part of the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sync.circulation.events import (
    CheckedIn,
    CheckedOut,
    Entry,
    FeeCharged,
    FeePaid,
    FeeWaived,
    Renewed,
    RepairNeeded,
    TagSecured,
    Undone,
    VisitClosed,
    VisitOpened,
    to_ms,
)

Value = str | int | None


@dataclass(frozen=True, slots=True)
class Put:
    """Write a whole row, over any that is there."""

    table: str
    key: str
    row: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Set:
    """Change some columns of a row; nothing happens where there is none. ``add`` is added to what is there."""

    table: str
    key: str
    row: dict[str, Value]
    add: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """Remove a row, if it is there."""

    table: str
    key: str


Change = Put | Set | Drop

#: The key column of each table.
KEYS = {"loan": "token", "custody": "item_id", "fee": "fee_id", "visit": "token", "repair": "item_id"}


def changes(e: Entry) -> Iterator[Change]:
    """The changes that an entry makes, in order. Events that only count, such as refusals, make none."""
    seq, at, event = e.seq, to_ms(e.at), e.event
    match event:
        case VisitOpened():
            row: dict[str, Value] = {"opened_at": at, "closed_at": None, "outcome": None, "seq": seq}
            yield Put("visit", event.visit, row)
        case VisitClosed():
            yield Set("visit", event.visit, {"closed_at": at, "outcome": event.outcome, "seq": seq})
        case CheckedOut():
            row = {
                "item_id": event.item,
                "item_type": event.item_type,
                "branch": event.branch,
                "mode": event.mode,
                "checked_out_at": at,
                "due_at": event.due_at,
                "renewals": 0,
                "hold_id": event.hold,
                "closed_at": None,
                "seq": seq,
            }
            yield Put("loan", event.loan, row)
            yield Put("custody", event.item, {"token": event.loan, "seq": seq})
            yield Drop("repair", event.item)
        case CheckedIn():
            if event.loan is not None:
                yield Set("loan", event.loan, {"closed_at": at, "seq": seq})
            yield Put("custody", event.item, {"token": None, "seq": seq})
            if event.repair:
                yield _repair(event.item, at, "checkin", seq)
        case Renewed():
            renewed: dict[str, Value] = {"due_at": event.due_at, "renewals": event.renewals, "seq": seq}
            if event.checked_out_at is None:
                yield Set("loan", event.loan, renewed)
            else:
                row = {
                    "item_id": event.item,
                    "item_type": event.item_type,
                    "branch": event.branch,
                    "mode": event.mode,
                    "checked_out_at": event.checked_out_at,
                    "hold_id": None,
                    "closed_at": None,
                }
                yield Put("loan", event.loan, row | renewed)
            yield Put("custody", event.item, {"token": event.loan, "seq": seq})
        case Undone():
            yield from _undone(event, seq, at)
        case FeeCharged():
            yield Put("fee", event.fee, _fee(event.loan, event.kind, event.amount, at, seq))
        case FeePaid() | FeeWaived():
            if event.token is not None and event.kind is not None and event.owed is not None:
                yield Put("fee", event.fee, _fee(event.token, event.kind, event.owed, event.charged_at, seq))
            column = "paid" if isinstance(event, FeePaid) else "waived"
            yield Set("fee", event.fee, {"seq": seq}, {column: event.amount})
        case RepairNeeded():
            yield _repair(event.item, at, event.reason, seq)
        case TagSecured():
            yield Drop("repair", event.item)
        case _:
            return


def _undone(event: Undone, seq: int, at: int) -> Iterator[Change]:
    if event.act == "checkout" and event.loan is not None:
        yield Set("loan", event.loan, {"closed_at": at, "hold_id": None, "seq": seq})
        yield Put("custody", event.item, {"token": None, "seq": seq})
    elif event.act == "checkin":
        if event.loan is not None:  # else nobody has the item, and its tag still waits
            yield Drop("repair", event.item)
        if event.loan is None or event.here:
            yield Put("custody", event.item, {"token": event.loan, "seq": seq})
        else:  # the loan is headquarters' word, which holds again when ours is gone
            yield Drop("custody", event.item)
        if event.loan is not None:
            yield Set("loan", event.loan, {"closed_at": None, "seq": seq})
    elif event.act == "renew" and event.loan is not None:
        yield Set("loan", event.loan, {"due_at": event.due_at, "renewals": event.renewals, "seq": seq})
        yield Put("custody", event.item, {"token": event.loan, "seq": seq})
    if event.repair:
        yield _repair(event.item, at, "undo", seq)


def _repair(item: str, at: int, reason: str, seq: int) -> Put:
    return Put("repair", item, {"since": at, "reason": reason, "seq": seq})


def _fee(token: str, kind: str, amount: int, charged_at: Value, seq: int) -> dict[str, Value]:
    return {
        "token": token,
        "kind": kind,
        "amount": amount,
        "paid": 0,
        "waived": 0,
        "charged_at": charged_at,
        "seq": seq,
    }


class Replay:
    """The tables as the events alone give them: ``tables[name][key]`` is a row without its key."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Value]]] = {name: {} for name in KEYS}

    def put(self, table: str, key: str, row: dict[str, Value]) -> None:
        """Begin with a row that earlier events, no longer there, have left."""
        self.tables[table][key] = row

    def apply(self, e: Entry) -> None:
        """Add one entry; entries come in the order of their numbers."""
        for change in changes(e):
            table = self.tables[change.table]
            match change:
                case Put():
                    table[change.key] = dict(change.row)
                case Set():
                    if (row := table.get(change.key)) is not None:
                        row.update(change.row)
                        for column, amount in change.add.items():
                            before = row[column]
                            row[column] = (before if isinstance(before, int) else 0) + amount
                case Drop():
                    table.pop(change.key, None)
