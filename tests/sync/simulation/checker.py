"""What readers were told, held against what headquarters made of it, in the manner of Elle: by looking at histories.

Written in other words than the product's: no fold, no custody. Of every copy there are the checkouts, returns, renewals
and undone acts that the log holds, and what headquarters says at the end: who has it, and what staff have to look at.

- A checkout is answered for (*no silent close*): its loan is open, or it was undone, or renewed another loan of the
  same reader, or staff are told of it; or it was returned, and no return ends two loans.
- At most one loan of a copy is open (I6), and it is one that was made, or that a renewal has told of.
- No loan is charged twice, nobody is asked for more than the desk said, and no payment is counted twice (I7).
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sync.central import tables
from sync.circulation import events as ev
from tests.sync.simulation.headquarters import Headquarters
from tests.sync.simulation.world import BRANCHES


@dataclass(slots=True)
class Copy:
    """What the log says of a copy, undone acts left out: its checkouts and the loans that renewals tell of, by their
    tokens, and how many returns there were."""

    out: set[str] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)
    returns: int = 0


@dataclass(slots=True)
class History:
    """What the log says, by copy, and of money."""

    copies: dict[str, Copy]
    charged: dict[str, ev.FeeCharged]
    paid: Counter[str]
    waived: Counter[str]


def read_history(headquarters: Headquarters) -> History:
    """All stations' logs, undone acts left out."""
    copies: dict[str, Copy] = defaultdict(Copy)
    history = History(copies, {}, Counter(), Counter())
    for name in BRANCHES:
        entries = [ev.decode(line.decode()) for _, line in sorted(headquarters.log_of(name).items())]
        undone = {entry.event.of for entry in entries if isinstance(entry.event, ev.Undone)}
        for entry in entries:
            match entry.event:
                case ev.CheckedOut(item=item, loan=loan) if entry.seq not in undone:
                    assert loan not in copies[item].out, "a checkout is in the log twice"
                    copies[item].out.add(loan)
                case ev.CheckedIn(item=item) if entry.seq not in undone:
                    copies[item].returns += 1
                case ev.Renewed(item=item, loan=loan):
                    copies[item].carried.add(loan)
                case ev.FeeCharged(fee=fee):
                    assert fee not in history.charged, "a fee is in the log twice"
                    history.charged[fee] = entry.event
                case ev.FeePaid(fee=fee, amount=amount):
                    history.paid[fee] += amount
                case ev.FeeWaived(fee=fee, amount=amount):
                    history.waived[fee] += amount
                case _:
                    pass
    return history


def check(headquarters: Headquarters) -> None:
    """Hold headquarters' word against the histories."""
    history = read_history(headquarters)
    with headquarters.database.read() as connection:
        states = {row.item_id: row for row in connection.execute(sa.select(tables.copy_state))}
        listed = connection.execute(sa.select(tables.staff_exception)).all()
        fees = {row.fee_id: row for row in connection.execute(sa.select(tables.fee))}
        readers = {row.token: row.number for row in connection.execute(sa.select(tables.identity))}
    on_list: dict[str, set[str]] = defaultdict(set)
    doubted = set()
    for row in listed:
        body: list[Any] = json.loads(row.body)
        on_list[row.item_id or ""] |= {party[0] for party in body[2] if party[0] is not None}
        if row.kind == "fee_in_doubt" and row.resolution != "fee_stands":
            doubted.add(row.fee_id)
    for item, copy in history.copies.items():
        _check_copy(item, copy, states.get(item), on_list[item], readers)
    _check_money(history, fees, doubted)


def _check_copy(item: str, copy: Copy, state: Any, on_list: set[str], readers: dict[str, str | None]) -> None:
    if state is None:
        assert not copy.out, f"headquarters knows nothing of {item}"
        return
    loan = json.loads(state.custody)[0]
    assert (loan is None) == (state.token is None), "a copy's rows contradict each other"
    open_ = set() if loan is None else {state.token, *loan[11]}
    assert open_ <= copy.out | copy.carried, "a loan is open that nobody made, or that was undone (I6)"
    # A reader who was lent a copy again has one loan of it, renewed, so of each reader one counts.
    ended = {readers.get(token) or token for token in copy.out - open_ - on_list}
    ended -= {readers.get(token) or token for token in (open_ | on_list) & copy.out}
    assert len(ended) <= copy.returns, f"{len(ended)} loans of {item} ended with {copy.returns} returns (I6)"


def _check_money(history: History, fees: dict[str, Any], doubted: set[str]) -> None:
    for fee, charged in history.charged.items():
        row = fees.get(fee)
        assert row is not None, "a fee that was charged is nowhere (I7)"
        assert row.amount == charged.amount, "headquarters asks for another sum (I7)"
        assert row.paid == history.paid[fee], "a payment counts twice or not (I7)"
        assert row.waived >= history.waived[fee], "forgiven and still asked for (I7)"
    asked: dict[str, list[str]] = defaultdict(list)
    for fee, charged in history.charged.items():
        row = fees[fee]
        if fee not in doubted and row.amount > row.waived and charged.kind == "overdue":
            asked[charged.loan].append(fee)
    double = [loan for loan, of_loan in asked.items() if len(of_loan) > 1]
    assert not double, f"{len(double)} loans are charged twice (I7)"
