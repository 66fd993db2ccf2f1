"""What headquarters, knowing more than the station did, finds wrong with a fact.

The fact stands whatever is found: the copy left, or came back. These judgements depend on what headquarters says of
readers and items on the day, which changes, so they are made once, when a fact is applied, and kept with it.
Source: facts/sync.md, section 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync.circulation.events import CheckedIn, CheckedOut, UsedOnSite, from_ms
from sync.circulation.exceptions import ExceptionKind, Party, StaffException
from sync.circulation.facts import Fact
from sync.circulation.model import Item, ItemStatus, Patron, local_day
from sync.circulation.policy import ANY
from sync.circulation.rules import Rules


def judge(
    fact: Fact, patron: Patron | None, item: Item | None, rules: Rules, open_loans: int
) -> tuple[StaffException, ...]:
    """The exceptions that a fact gives rise to, most often none.

    ``patron`` and ``item`` are ``None`` where headquarters knows none of that number, ``open_loans`` counts what the
    reader had before. Nothing is said of a reader whose token nobody owns (``fact.reader`` is ``None``): who was
    forgotten is not unknown.
    """
    event = fact.event
    if not isinstance(event, CheckedOut | CheckedIn | UsedOnSite):
        return ()
    kinds = list(_of_item(item))
    if isinstance(event, CheckedOut) and fact.reader is not None:
        kinds += _of_reader(fact, event, patron, rules, open_loans)
    loan = event.loan if isinstance(event, CheckedOut) else None
    party = Party(loan, fact.ref, event.branch, fact.at)
    return tuple(StaffException(kind, event.item, (party,)) for kind in kinds)


def _of_item(item: Item | None) -> Iterator[ExceptionKind]:
    if item is None:
        yield ExceptionKind.UNKNOWN_ITEM
    elif item.status is ItemStatus.LOST:
        yield ExceptionKind.LOST_RETURNED
    elif item.status is ItemStatus.WITHDRAWN:
        yield ExceptionKind.WITHDRAWN_RETURNED


def _of_reader(
    fact: Fact, event: CheckedOut, patron: Patron | None, rules: Rules, open_loans: int
) -> Iterator[ExceptionKind]:
    if patron is None:
        yield ExceptionKind.UNKNOWN_CARD
        return
    day = local_day(from_ms(fact.at))
    expired = patron.expires is not None and patron.expires < day
    if expired or any(stop.holds_on(day) for stop in patron.blocks):
        yield ExceptionKind.LENT_WHILE_BLOCKED
    if open_loans >= rules.policy(event.branch, patron.category, ANY).max_loans:
        yield ExceptionKind.OVER_LIMIT
