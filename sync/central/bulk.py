"""Rows by the thousand, in few statements, on either database.

A row is a tuple in the order of its table's columns. On PostgreSQL rows arrive by COPY: straight into the table where
nothing can collide, else into a temporary table and from there by INSERT … ON CONFLICT, which is the quickest way there
is with duplicates (facts/sync.md, section 2.2). On SQLite ``executemany`` is as quick. A key is looked for by one
statement with all keys in one parameter.

Rows must not name a key twice, because PostgreSQL touches a row only once in a statement.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

Row = tuple[Any, ...]

#: Below this a temporary table costs more than it saves.
_FEW = 16


def insert(connection: sa.Connection, table: sa.Table, rows: Collection[Row]) -> None:
    """Add rows none of which is there yet."""
    if not rows:
        return
    if _on_server(connection) and len(rows) > _FEW:
        _copy(connection, table.name, _names(table), rows)
    else:
        connection.exec_driver_sql(_insertion(table, "", connection.dialect.name), list(rows))


def insert_new(connection: sa.Connection, table: sa.Table, rows: Collection[Row]) -> None:
    """Add those rows whose key is not there yet; the others change nothing."""
    _upsert(connection, table, rows, "DO NOTHING")


def put(connection: sa.Connection, table: sa.Table, rows: Collection[Row], *, kept: Collection[str] = ()) -> None:
    """Write whole rows over those of the same key, but for the ``kept`` columns of a row that is there."""
    replaced = [name for name in _values(table) if name not in kept]
    _upsert(connection, table, rows, "DO UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in replaced))


def add(connection: sa.Connection, table: sa.Table, rows: Collection[Row]) -> None:
    """Add the values of rows, which are numbers, to those of the same key."""
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in _values(table))
    _upsert(connection, table, rows, "DO UPDATE SET " + sums)


def remove(connection: sa.Connection, table: sa.Table, column: str, values: Iterable[Any]) -> None:
    """Delete the rows that have one of the values."""
    if wanted := list(values):
        condition, parameter = _among(connection, table, column, wanted)
        connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE {condition}", (parameter,))  # noqa: S608


def find(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], column: str, values: Iterable[Any]
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Some columns of the rows that have one of the values."""
    wanted = list(values)
    if not wanted:
        return []
    condition, parameter = _among(connection, table, column, wanted)
    query = f"SELECT {', '.join(columns)} FROM {table.name} WHERE {condition}"  # noqa: S608, names are ours
    return connection.exec_driver_sql(query, (parameter,)).all()


def _among(connection: sa.Connection, table: sa.Table, column: str, values: list[Any]) -> tuple[str, object]:
    if not _on_server(connection):
        return f"{column} IN (SELECT value FROM json_each(?))", json.dumps(values)  # noqa: S608
    kind = "bigint" if isinstance(table.c[column].type, sa.Integer) else "text"
    return f"{column} = ANY(%s::{kind}[])", values


def _upsert(connection: sa.Connection, table: sa.Table, rows: Collection[Row], then: str) -> None:
    if not rows:
        return
    key = ", ".join(column.name for column in table.primary_key)
    conflict = f" ON CONFLICT ({key}) {then}"
    if not _on_server(connection) or len(rows) <= _FEW:
        connection.exec_driver_sql(_insertion(table, conflict, connection.dialect.name), list(rows))
        return
    aside, names = f"aside_{table.name}", _names(table)
    create = f"CREATE TEMPORARY TABLE IF NOT EXISTS {aside} (LIKE {table.name}) ON COMMIT DELETE ROWS"
    connection.exec_driver_sql(create)
    _clear(connection, aside)
    _copy(connection, aside, names, rows)
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {aside}{conflict}"  # noqa: S608, names are ours
    )


def _clear(connection: sa.Connection, aside: str) -> None:
    """Empty a temporary table that this transaction has used before; a new transaction finds it empty."""
    transaction, used = connection.info.get("aside", (None, set()))
    if transaction is not connection.get_transaction():
        used = set()
        connection.info["aside"] = (connection.get_transaction(), used)
    if aside in used:
        connection.exec_driver_sql(f"DELETE FROM {aside}")  # noqa: S608
    used.add(aside)


def _copy(connection: sa.Connection, target: str, names: str, rows: Iterable[Row]) -> None:
    statement = f"COPY {target} ({names}) FROM STDIN"
    driver = connection.dialect.loaded_dbapi
    try:
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        # As SQLAlchemy reports the errors of all other statements.
        raise sa.exc.DBAPIError.instance(
            statement, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from None


def _on_server(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


@cache
def _names(table: sa.Table) -> str:
    return ", ".join(column.name for column in table.columns)


@cache
def _values(table: sa.Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if not column.primary_key)


@cache
def _insertion(table: sa.Table, conflict: str, dialect: str) -> str:
    marks = ", ".join(["%s" if dialect == "postgresql" else "?"] * len(table.columns))
    return f"INSERT INTO {table.name} ({_names(table)}) VALUES ({marks}){conflict}"  # noqa: S608, names are ours
