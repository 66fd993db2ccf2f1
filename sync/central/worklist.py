"""The work-list of staff: what cannot both be true, whose work it is, and how it is settled in one step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from config.phrase import Phrase
from sync.central import tables
from sync.central.own import record
from sync.circulation.exceptions import Choice, Resolution, StaffException, resolutions
from sync.circulation.network import Network


@dataclass(frozen=True, slots=True)
class Listed:
    """An open line of the work-list, and the branch whose work it is. It has been so since ``exception.at``."""

    exception: StaffException
    owner: str


@dataclass(frozen=True, slots=True)
class NotSettled:
    """Why an exception could not be settled as asked."""

    phrase: Phrase


def open_exceptions(
    connection: sa.Connection, *, branches: Collection[str] | None = None, limit: int = 1000
) -> list[Listed]:
    """What staff still have to settle, the oldest first; of some branches only, where they are given."""
    found = []
    for row in connection.execute(_OPEN):
        exception = StaffException.from_values(msgspec.json.decode(row.body))
        owner = exception.owner(row.branch)
        if branches is None or owner in branches:
            found.append(Listed(exception, owner))
            if len(found) == limit:
                break
    return found


def settle(
    connection: sa.Connection,
    exception: str,
    resolution: Resolution,
    network: Network,
    *,
    actor: str,
    now: int,
    loan: str | None = None,
) -> Choice | NotSettled:
    """Settle an exception, named by its identity, in one of the ways that it offers; answers what was chosen.

    ``loan`` says who has the copy, where that is the question and a reader has it. It is settled once the events that
    this writes have been applied.
    """
    body = connection.execute(_BY_ID, {"id": exception}).scalar()
    if body is None:
        return NotSettled(_GONE)
    choices = resolutions(StaffException.from_values(msgspec.json.decode(body)), network)
    for choice in choices:
        if choice.resolution is resolution and getattr(choice.events[-1], "loan", None) == loan:
            record(connection, choice.events, actor=actor, now=now)
            return choice
    return NotSettled(_NOT_OFFERED)


_GONE = Phrase(
    "Việc này không còn trong danh sách: đã được giải quyết, hoặc dữ liệu mới của trạm đã giải thích nó.",
    "This is no longer on the list: it has been settled, or what a station sent since explains it.",
)
_NOT_OFFERED = Phrase(
    "Việc này không giải quyết được theo cách đó. Hãy chọn một cách trong danh sách.",
    "This cannot be settled in that way. Choose one of those that are offered.",
)

_OPEN = (
    sa.select(tables.staff_exception.c.body, tables.item.c.branch)
    .select_from(
        tables.staff_exception.outerjoin(tables.item, tables.item.c.item_id == tables.staff_exception.c.item_id)
    )
    .where(tables.staff_exception.c.resolution.is_(None))
    .order_by(tables.staff_exception.c.since, tables.staff_exception.c.id)
)
_BY_ID = sa.select(tables.staff_exception.c.body).where(
    tables.staff_exception.c.id == sa.bindparam("id"), tables.staff_exception.c.resolution.is_(None)
)
