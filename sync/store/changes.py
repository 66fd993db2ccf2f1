"""What headquarters tells, into the reference: changes row by row, or a whole file in the place of the one there was.

Theory of operation. Changes come in the order of headquarters' feed, a page at a time. A page is one transaction, with
the cursor to go on from, so that after a crash a page is there whole or not at all, and a page that comes again does no
harm. Of several changes of one row in a page only the last counts. The watermark of this station's own events travels
as a change among the others, written by headquarters in the transaction that applied those events; so at every instant
the reference contains exactly what its watermark says, and the ledger stands on top of it (design, law 2).

A snapshot is a database file of the reference's own form, without the search index, for what headquarters says to this
station's scope. It becomes the next generation of the reference (:mod:`sync.store.upgrade`): older forms are migrated,
the index is built, everything is checked, and only then does it count. A list of chips by UID that was imported at the
station stays, but for what the snapshot says of the same chips. Whoever looks into the generation before sees it
to the end of its transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from sync.circulation.events import to_ms
from sync.store import tables
from sync.store.errors import StoreError, disk_translated
from sync.store.files import REFERENCE, ReferenceFile, owned
from sync.store.search import index_titles, rebuild_index
from sync.store.upgrade import OnStep, connect, install, unheard

log = logging.getLogger(__name__)

#: The columns of a row.
Row: TypeAlias = Mapping[str, str | int | None]

#: The tables that headquarters tells of, and the column that a change's key is for.
KEYS: Final[Mapping[str, str]] = {
    "rule_set": "version",
    "patron": "patron_id",
    "card": "number",
    "pin": "patron_id",
    "title": "title_id",
    "item": "item_id",
    "tag": "uid",
    "loan": "token",
    "hold": "hold_id",
    "fee": "fee_id",
    "watermark": "station",
    "announcement": "announcement_id",
    "device_profile": "name",
}

_TABLES: Final = {name: tables.reference.tables[name] for name in KEYS}

#: SQLite takes this many values in one ``IN`` on every version in use.
_AT_ONCE = 500


class Change(Protocol):
    """One row as it is from now on, ``None`` where it is gone (:class:`sync.exchange.messages.Change`)."""

    @property
    def table(self) -> str:
        """One of :data:`KEYS`; a table that this program does not know is passed over, for newer programs to fetch."""

    @property
    def key(self) -> str:
        """The value of the table's key column."""

    @property
    def row(self) -> Row | None:
        """The columns of the row, the key among them."""


def take_changes(
    file: ReferenceFile, changes: Iterable[Change], *, headquarters: str, cursor: int, told_at: datetime
) -> None:
    """Write a page of changes, and that the feed of ``headquarters`` has been followed up to ``cursor``.

    Columns that this program does not know are left out. Raises what the store raises; then nothing was written.
    """
    last: dict[str, dict[str, Row | None]] = {name: {} for name in KEYS}
    for change in changes:
        if change.table in last:
            rows = last[change.table]
            rows.pop(change.key, None)  # so that rows stand in the order of their last change
            rows[change.key] = change.row
    with file.begin() as connection:
        touched = _titles_of_items(connection, last["item"]) | _row_numbers(connection, last["title"])
        for name, rows in last.items():
            _delete(connection, _TABLES[name], KEYS[name], [key for key, row in rows.items() if row is None])
        for name, rows in last.items():
            _write(connection, _TABLES[name], KEYS[name], [row for row in rows.values() if row is not None])
        touched |= _titles_of_items(connection, last["item"]) | _row_numbers(connection, last["title"])
        index_titles(connection, sorted(touched))
        connection.execute(sa.delete(tables.feed))
        connection.execute(
            sa.insert(tables.feed), {"headquarters": headquarters, "cursor": cursor, "told_at": to_ms(told_at)}
        )


def cursor_of(connection: sa.Connection, headquarters: str) -> int:
    """How far the feed of a headquarters has been followed: nought for one that has told nothing yet."""
    found = connection.execute(sa.select(tables.feed.c.cursor).where(tables.feed.c.headquarters == headquarters))
    return found.scalar() or 0


def take_snapshot(home: Path, snapshot: Path, *, command: str, wait: float = 5.0, on_step: OnStep = unheard) -> None:
    """Put a snapshot, which is a file on the same disk and is used up, in the place of the reference.

    Raises :class:`~sync.store.errors.StoreError`: the reference is then the old one, whole.
    """
    with owned(REFERENCE, home, command, wait):
        tags = _tags_of(home)

        def complete(connection: sa.Connection) -> None:
            rebuild_index(connection)
            if tags:
                connection.execute(insert(tables.tag).on_conflict_do_nothing(), tags)

        install(REFERENCE, home, snapshot, complete, on_step)


def _tags_of(home: Path) -> list[dict[str, str]]:
    """The list of chips by UID as it stands; empty where there is no reference yet, or one from before such lists."""
    try:
        path = REFERENCE.path(home)
        if not path.exists():
            return []
        with disk_translated(path), closing(connect(path, "ro")) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'tag'").fetchone():
                return []
            rows = connection.execute("SELECT uid, item_id FROM tag")
            return [{"uid": uid, "item_id": item_id} for uid, item_id in rows]
    except StoreError as error:
        # A snapshot is the way to mend a damaged reference: what cannot be read of that must not stand in its way.
        log.warning("the list of chips by UID is lost with a reference that cannot be read: %s", type(error).__name__)
        return []


def _delete(connection: sa.Connection, table: sa.Table, key: str, keys: Sequence[str]) -> None:
    for at in range(0, len(keys), _AT_ONCE):
        connection.execute(sa.delete(table).where(table.c[key].in_(keys[at : at + _AT_ONCE])))


def _write(connection: sa.Connection, table: sa.Table, key: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    if table is tables.rule_set:  # one rule-set is in force
        connection.execute(sa.delete(table))
    if table is tables.reference_loan:  # an item has one loan, whatever was told of it before
        rows = list({row["item_id"]: row for row in rows}.values())
        _delete(connection, table, "item_id", [str(row["item_id"]) for row in rows])
    known = [column.name for column in table.columns if column.name != "id"]
    filled = [{name: row[name] for name in known if name in row} for row in rows]
    unique = [column.name for column in table.primary_key] if table is tables.watermark else [key]
    for names, alike in groupby(sorted(filled, key=sorted), key=sorted):
        statement = insert(table)
        values = {name: statement.excluded[name] for name in names if name not in unique}
        written = statement.on_conflict_do_update(index_elements=unique, set_=values)
        connection.execute(written, list(alike))


def _titles_of_items(connection: sa.Connection, items: Mapping[str, Row | None]) -> set[int]:
    """The row numbers of the titles that these items belong to now."""
    found: set[int] = set()
    keys = list(items)
    for at in range(0, len(keys), _AT_ONCE):
        query = (
            sa.select(tables.title.c.id)
            .join(tables.item, tables.item.c.title_id == tables.title.c.title_id)
            .where(tables.item.c.item_id.in_(keys[at : at + _AT_ONCE]))
        )
        found.update(connection.execute(query).scalars())
    return found


def _row_numbers(connection: sa.Connection, titles: Mapping[str, Row | None]) -> set[int]:
    found: set[int] = set()
    keys = list(titles)
    for at in range(0, len(keys), _AT_ONCE):
        query = sa.select(tables.title.c.id).where(tables.title.c.title_id.in_(keys[at : at + _AT_ONCE]))
        found.update(connection.execute(query).scalars())
    return found
