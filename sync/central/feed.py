"""The feed of changes: what stations have to be told, in one order without gaps.

Theory of operation. Every transaction that changes something a station should know publishes the change itself. Cursors
are given out by one row, ``feed``, whose lock is held until the transaction ends. So a cursor is never seen before all
lower ones: a transaction that began early and commits late gets the later cursors, and a sequence's trap, a number that
appears behind a reader's back, cannot be (facts/sync.md, section 5.2). To hold that lock shortly a transaction
publishes last.

A change says how a row is from now on, not how it came to be, and each has a *scope*: a branch, a station, or ``*``. A
station asks for what is newer than its cursor in its scopes. A row that leaves a scope leaves a *tombstone* there.

Only the last word on a row matters, so :func:`compact` drops all earlier ones, and tombstones go after twelve months; a
station that was away for longer has to be given a snapshot (``too_old``).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.exchange.messages import Change, Row

EVERYBODY = "*"

#: What is told, to whom and about which row: ``scope, kind, key``.
Place = tuple[str, str, str]

#: How long tombstones stay, in milliseconds.
TOMBSTONES_STAY = 366 * 24 * 3600 * 1000

#: So many cursors are looked through at first; a scope where little happens is looked for in ever larger steps.
_STEP = 20_000

#: A station should never be without rules, not even between two pages: the old ones go after the new ones have come.
_REPLACED = "rule_set"

_ENCODER = msgspec.json.Encoder(order="sorted")

#: How a row says that it does not tell whose it is (:func:`as_body`).
_NAMELESS = ('"patron_id":null', '"patron_id":""')


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in the order of their cursors, the cursor to ask from next, and whether more wait.

    ``too_old``: changes cannot bring this station up to date any more, a snapshot must.
    """

    changes: tuple[Change, ...]
    cursor: int
    more: bool = False
    too_old: bool = False


def publish(connection: sa.Connection, told: Mapping[Place, str | None], now: int) -> None:
    """Tell stations, when this transaction commits, that rows are now so (JSON) or gone (``None``).

    To be called as the last thing in a transaction.
    """
    if not told:
        return
    in_order = sorted(told.items(), key=lambda one: _turn(one[0][1], one[1]))
    first = int(connection.execute(_GIVE_OUT, {"count": len(in_order)}).scalar_one()) - len(in_order) + 1
    bulk.insert(
        connection,
        tables.change,
        [(scope, first + n, kind, key, body, now) for n, ((scope, kind, key), body) in enumerate(in_order)],
    )


def _turn(kind: str, body: str | None) -> int:
    """What is gone is told first, so that what takes its place finds it free. Of one row told in several scopes the
    word that says whose it is comes last: a station that listens in all of them knows it then."""
    if body is None:
        return 3 if kind == _REPLACED else 0
    return 1 if any(nameless in body for nameless in _NAMELESS) else 2


def difference(before: Mapping[Place, str], after: Mapping[Place, str]) -> dict[Place, str | None]:
    """What has to be told so that whoever knew one state knows the other, in whatever scopes they listen.

    A station may listen in several scopes that a row is told in. Where it is gone in one of them, or said in different
    words, all that stands is told again, or the last word would be the wrong one.
    """
    told: dict[Place, str | None] = {place: None for place in before if place not in after}
    told.update((place, body) for place, body in after.items() if before.get(place) != body)
    words: dict[tuple[str, str], set[str | None]] = {place[1:]: set() for place in told}
    for place, body in (*told.items(), *after.items()):
        if place[1:] in words:
            words[place[1:]].add(body)
    told.update((place, body) for place, body in after.items() if len(words.get(place[1:], ())) > 1)
    return told


def as_body(row: Mapping[str, object]) -> str:
    """A row as a change carries it: equal rows give equal texts."""
    return _ENCODER.encode(row).decode()


def head(connection: sa.Connection) -> int:
    """The last cursor given out: the one to note with a snapshot that is taken in this transaction."""
    return int(connection.execute(sa.select(tables.feed.c.cursor)).scalar_one())


def page(
    connection: sa.Connection, cursor: int, scopes: Collection[str], *, limit: int = 1000, scoped_at: int = 0
) -> Page:
    """The changes behind a cursor in some scopes, at most ``limit`` of them.

    ``scoped_at`` is the cursor at which the station was given these scopes: an older one lacks what came before.
    """
    last, floor = connection.execute(sa.select(tables.feed.c.cursor, tables.feed.c.floor)).one()
    if not max(floor, scoped_at) <= cursor <= last:
        return Page((), cursor, too_old=True)
    rows: list[sa.Row[*tuple[Any, ...]]] = []
    upper, step = cursor, _STEP
    while not rows and upper < last:
        lower, upper, step = upper, min(last, upper + step), 4 * step
        asked = {"scopes": sorted(scopes), "lower": lower, "upper": upper, "limit": limit + 1}
        rows = list(connection.execute(_PAGE, asked))
    if len(rows) > limit:
        rows = rows[:limit]
        upper = rows[-1].cursor
    changes = tuple(Change(row.cursor, row.kind, row.key, row.scope, _as_row(row.body)) for row in rows)
    return Page(changes, upper, more=upper < last)


def compact(connection: sa.Connection, now: int) -> int:
    """Drop what later changes have made void, and tombstones that are old enough; answers how many rows went."""
    dropped = 0
    for scope in connection.execute(sa.select(tables.change.c.scope).distinct()).scalars().all():
        dropped += connection.execute(_DROP_VOID, {"wanted": scope}).rowcount
    old = {"before": now - TOMBSTONES_STAY}
    floor = connection.execute(sa.select(sa.func.max(tables.change.c.cursor)).where(_OLD), old).scalar()
    if floor is not None:
        dropped += connection.execute(sa.delete(tables.change).where(_OLD), old).rowcount
        connection.execute(sa.update(tables.feed).where(tables.feed.c.floor < floor).values(floor=floor))
    return dropped


def forget(connection: sa.Connection, patron_ids: Collection[str]) -> None:
    """Drop what was once told of readers. All of it is void: the last word on those rows names nobody any more."""
    body = tables.change.c.body
    for patron_id in patron_ids:
        named = as_body({"patron_id": patron_id})[1:-1]
        connection.execute(sa.delete(tables.change).where(body.contains(named, autoescape=True)))


def _as_row(body: str | None) -> Row | None:
    if body is None:
        return None
    row: Row = json.loads(body)
    return row


_GIVE_OUT = (
    sa.update(tables.feed).values(cursor=tables.feed.c.cursor + sa.bindparam("count")).returning(tables.feed.c.cursor)
)
_PAGE = (
    sa.select(*tables.change.c["cursor", "kind", "key", "scope", "body"])
    .where(
        tables.change.c.scope.in_(sa.bindparam("scopes", expanding=True)),
        tables.change.c.cursor > sa.bindparam("lower"),
        tables.change.c.cursor <= sa.bindparam("upper"),
    )
    .order_by(tables.change.c.cursor)
    .limit(sa.bindparam("limit"))
)
_OLD = tables.change.c.body.is_(None) & (tables.change.c.at < sa.bindparam("before"))
_RANKED = (
    sa.select(
        tables.change.c.cursor,
        sa.func.row_number()
        .over(partition_by=(tables.change.c.kind, tables.change.c.key), order_by=tables.change.c.cursor.desc())
        .label("place"),
    )
    .where(tables.change.c.scope == sa.bindparam("wanted"))
    .subquery()
)
_DROP_VOID = sa.delete(tables.change).where(
    tables.change.c.scope == sa.bindparam("wanted"),
    tables.change.c.cursor.in_(sa.select(_RANKED.c.cursor).where(_RANKED.c.place > 1)),
)
