"""Whose a token is, and how that is forgotten (design, law 9).

A row of ``identity`` says which number a station wrote under a token. Forgetting a reader empties the number and leaves
the row, so that the same batch, arriving a second time, does not bring it back. What arrives later under tokens nobody
has seen is met by a salted digest of the reader's numbers. So nothing here says who it was, and yet nothing returns.

The number stands in two projections as well, for the sake of asking quickly; it is emptied there in the same
transaction.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from sync.central import bulk, tables


def write_identities(connection: sa.Connection, owners: Mapping[str, str], now: int) -> None:
    """Note whose tokens are. What is known stays, and who was forgotten stays forgotten."""
    if not owners:
        return
    known = {_storable(token): _storable(number) for token, number in owners.items()}
    gone = _forgotten_among(connection, set(known.values()))
    # In one order for everybody, so that two transactions cannot wait for each other.
    rows = [(token, None if known[token] in gone else known[token], None, now) for token in sorted(known)]
    bulk.insert_new(connection, tables.identity, rows)


def forget_number(connection: sa.Connection, numbers: Iterable[str], now: int) -> None:
    """Cut whoever these numbers stand for from every token, now and in what is still to come."""
    wanted = list(numbers)
    for table in (tables.identity, tables.copy_state, tables.fee):
        connection.execute(sa.update(table).where(table.c.number.in_(wanted)).values(number=None))
    bulk.insert_new(connection, tables.forgotten, [(digest, now) for digest in _digests(connection, wanted)])
    for row in connection.execute(sa.select(*tables.stray.c["station_id", "head", "identities"])).all():
        owners = json.loads(row.identities)
        kept = {token: number for token, number in owners.items() if number not in wanted}
        if len(kept) < len(owners):
            stray = (tables.stray.c.station_id == row.station_id) & (tables.stray.c.head == row.head)
            connection.execute(sa.update(tables.stray).where(stray).values(identities=json.dumps(kept)))


def remember_numbers(connection: sa.Connection, numbers: Iterable[str]) -> None:
    """These numbers are somebody's again."""
    if connection.execute(_ANY_FORGOTTEN).first() is not None:
        for digest in _digests(connection, numbers):
            connection.execute(sa.delete(tables.forgotten).where(tables.forgotten.c.digest == digest))


def _forgotten_among(connection: sa.Connection, numbers: set[str]) -> set[str]:
    if connection.execute(_ANY_FORGOTTEN).first() is None:
        return set()
    digests = _digests(connection, numbers)
    return {
        number
        for digest, number in digests.items()
        if connection.execute(_IS_FORGOTTEN, {"digest": digest}).first() is not None
    }


def _digests(connection: sa.Connection, numbers: Iterable[str]) -> dict[bytes, str]:
    salt = connection.execute(sa.select(tables.headquarters.c.salt)).scalar_one()
    return {hmac.digest(salt, number.encode(), "sha256"): number for number in numbers}


def _storable(text: str) -> str:
    """A text as every database takes it: PostgreSQL has no place for NUL."""
    return text.replace("\0", "\ufffd")


_ANY_FORGOTTEN = sa.select(tables.forgotten.c.at).limit(1)
_IS_FORGOTTEN = sa.select(tables.forgotten.c.at).where(tables.forgotten.c.digest == sa.bindparam("digest"))
