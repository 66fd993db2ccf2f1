"""What a station is told, and at headquarters what it tells: the one place where imports write.

Theory of operation. Every call of :meth:`Reference.write` is one transaction: titles, their items, their places in the
search index and the patrons of one batch are there together or not at all. All writes are upserts, so a batch may be
written again: a killed import is completed by running it again, and nothing is there twice. A title keeps its row
number (by which the search index knows it) for as long as it is there.

Headquarters keeps the same tables in its own database, and has no search index but stations to tell
(:mod:`sync.central.reference`); what a write touches is the only thing that whoever keeps them has to know.

The caller chooses the batches; around a thousand values keep memory flat and the transactions few. Who may have which
barcode is not decided here: importers ask :meth:`claims` first (see :mod:`sync.intake.catalogue`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, Protocol, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sync.circulation.model import Item, Patron, Title
from sync.store import tables
from sync.store.current import as_title
from sync.store.search import index_titles

#: SQLite takes this many values in one ``IN`` on every version in use.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a barcode is: the catalogue record that its item came from, and the item's title."""

    source_record: str
    title_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the reference holds."""

    titles: int
    items: int
    patrons: int


@dataclass(frozen=True, slots=True)
class Touched:
    """What a write may change: titles, items and patrons by their identifiers, and whether the rules."""

    titles: Collection[str] = ()
    items: Collection[str] = ()
    patrons: Collection[str] = ()
    rules: bool = False


class Writable(Protocol):
    """What holds the tables: a station's file, or headquarters' database."""

    def begin(self) -> AbstractContextManager[sa.Connection]:
        """A transaction for this one writer."""

    def rewrite(self) -> None:
        """Leave no trace of what was deleted."""

    def close(self) -> None:
        """Let go of it."""


class Reference:
    """``reference.sqlite``, open for writing. Raises what the store raises (:mod:`sync.store.errors`)."""

    def __init__(self, file: Writable) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # --- titles, items, patrons ---------------------------------------------------------------------------------------

    def write(
        self,
        titles: Iterable[Title] = (),
        items: Iterable[Item] = (),
        patrons: Iterable[Patron] = (),
        *,
        sources: Mapping[str, str] | None = None,
        cards: Mapping[str, Collection[str]] | None = None,
        kept: Collection[str] = (),
        abandoned: Collection[str] = (),
    ) -> None:
        """Write a batch in one transaction: what is new is added, what is known by its identifier is replaced.

        ``sources``    the catalogue record of each item, by ``item_id``.
        ``cards``      the card numbers of each patron, by ``patron_id``; they replace the ones there were. A patron
                       who is not named here keeps hers.
        ``kept``       fields of a known patron that stay as they are, because the list had nothing to say of them;
                       with ``cards`` among them, card numbers are added and none is taken away.
        ``abandoned``  titles to be removed if they now have neither items nor holds.

        Of two values with the same identifier in a batch the later one holds. An item's title must be in the batch or
        already there; that is the caller's promise.
        """
        title_rows = {title.title_id: _title_row(title) for title in titles}
        item_rows = {item.item_id: _item_row(item, (sources or {}).get(item.item_id, "")) for item in items}
        patron_rows = {patron.patron_id: _patron_row(patron) for patron in patrons}
        with self._file.begin() as connection:
            touched = {*title_rows, *(str(row["title_id"]) for row in item_rows.values()), *abandoned}
            touched.update(claim.title_id for claim in _claims(connection, item_rows).values())
            with self._noticed(connection, Touched(touched, item_rows, {*patron_rows, *(cards or {})})):
                _upsert(connection, tables.title, title_rows.values(), key="title_id")
                _upsert(connection, tables.item, item_rows.values(), key="item_id")
                _upsert(connection, tables.patron, patron_rows.values(), key="patron_id", kept=kept)
                _write_cards(connection, cards or {}, replace="cards" not in kept)
                _remove_empty(connection, abandoned)

    def claims(self, item_ids: Collection[str]) -> dict[str, Claim]:
        """Whose these barcodes are; one that no item has is left out."""
        with self._file.begin() as connection:
            return _claims(connection, item_ids)

    def titles(self, title_ids: Collection[str]) -> dict[str, Title]:
        """The titles of these identifiers, as far as they are there."""
        with self._file.begin() as connection:
            return {
                row["title_id"]: as_title(row)
                for some in _in_parts(title_ids)
                for row in connection.execute(_TITLES, {"wanted": some}).mappings()
            }

    def patrons_by_number(self, numbers: Collection[str]) -> dict[str, str]:
        """The ``patron_id`` that each of these numbers stands for, be it a patron number or a card."""
        with self._file.begin() as connection:
            return {
                row.number: row.patron_id
                for some in _in_parts(numbers)
                for row in connection.execute(_OWNERS, {"wanted": some})
            }

    def counts(self) -> Counts:
        """How many titles, items and patrons there are."""
        with self._file.begin() as connection:
            return Counts(
                *(
                    connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                    for table in (tables.title, tables.item, tables.patron)
                )
            )

    def write_pins(self, hashes: Mapping[str, str]) -> None:
        """Set readers' PINs, given as argon2id hashes by ``patron_id``."""
        with self._file.begin() as connection:
            rows = [{"patron_id": patron_id, "hash": hash_} for patron_id, hash_ in hashes.items()]
            with self._noticed(connection, Touched(patrons=hashes)):
                _upsert(connection, tables.pin, rows, key="patron_id")

    def write_tags(self, tags: Mapping[str, str]) -> None:
        """Say which item each chip is in, by UID; an item has one such chip, and the one before is forgotten."""
        rows = [{"uid": uid, "item_id": item_id} for uid, item_id in tags.items()]
        with self._file.begin() as connection:
            for some in _in_parts(tags.values()):
                connection.execute(sa.delete(tables.tag).where(tables.tag.c.item_id.in_(some)))
            _upsert(connection, tables.tag, rows, key="uid")

    def forget_patron(self, patron_id: str) -> None:
        """Remove everything that names a patron; open loans stay, without the patron.

        The ledger's part is ``Ledger.forget``, which first makes sure that nothing is out or owed.
        """
        loan = tables.reference_loan
        with self._file.begin() as connection:
            cards = connection.execute(sa.select(tables.card.c.number).where(tables.card.c.patron_id == patron_id))
            numbers = [patron_id, *cards.scalars()]
            for table in (tables.patron, tables.card, tables.pin, tables.hold, tables.reference_fee):
                connection.execute(sa.delete(table).where(table.c.patron_id.in_(numbers)))
            connection.execute(sa.update(loan).where(loan.c.patron_id.in_(numbers)).values(patron_id=None))
        self._file.rewrite()

    # --- rules --------------------------------------------------------------------------------------------------------

    def write_rules(self, version: str, body: str) -> None:
        """Put a rule-set in force, as JSON, in the place of the one there was."""
        with self._file.begin() as connection, self._noticed(connection, Touched(rules=True)):
            connection.execute(sa.delete(tables.rule_set))
            connection.execute(sa.insert(tables.rule_set), {"version": version, "body": body})

    def rules(self) -> tuple[str, str] | None:
        """Version and JSON of the rule-set in force, ``None`` where none has been given."""
        with self._file.begin() as connection:
            row = connection.execute(sa.select(tables.rule_set.c.version, tables.rule_set.c.body)).first()
            return None if row is None else (row.version, row.body)

    @contextmanager
    def _noticed(self, connection: sa.Connection, touched: Touched) -> Iterator[None]:
        """Goes around every write, in its transaction; here for the titles' places in the search index."""
        before = _row_numbers(connection, touched.titles)
        yield
        index_titles(connection, {*before, *_row_numbers(connection, touched.titles)})


_WANTED: sa.BindParameter[str] = sa.bindparam("wanted", expanding=True)
_CLAIMS = sa.select(tables.item.c.item_id, tables.item.c.source_record, tables.item.c.title_id).where(
    tables.item.c.item_id.in_(_WANTED)
)
_TITLES = sa.select(tables.title).where(tables.title.c.title_id.in_(_WANTED))
_ROW_NUMBERS = sa.select(tables.title.c.id).where(tables.title.c.title_id.in_(_WANTED))
_OWNERS = sa.union_all(
    sa.select(tables.patron.c.patron_id.label("number"), tables.patron.c.patron_id).where(
        tables.patron.c.patron_id.in_(_WANTED)
    ),
    # The later row wins in the answer: a card is looked for before a patron number, here as at the desk.
    sa.select(tables.card.c.number, tables.card.c.patron_id).where(tables.card.c.number.in_(_WANTED)),
)
_EMPTY = sa.select(tables.title.c.id).where(
    tables.title.c.title_id.in_(_WANTED),
    ~sa.exists().where(tables.item.c.title_id == tables.title.c.title_id),
    ~sa.exists().where(tables.hold.c.title_id == tables.title.c.title_id),
)


def _claims(connection: sa.Connection, item_ids: Collection[str]) -> dict[str, Claim]:
    return {
        row.item_id: Claim(row.source_record, row.title_id)
        for some in _in_parts(item_ids)
        for row in connection.execute(_CLAIMS, {"wanted": some})
    }


def _row_numbers(connection: sa.Connection, title_ids: Collection[str]) -> list[int]:
    return [
        number
        for some in _in_parts(title_ids)
        for number in connection.execute(_ROW_NUMBERS, {"wanted": some}).scalars()
    ]


def _remove_empty(connection: sa.Connection, title_ids: Collection[str]) -> None:
    for some in _in_parts(title_ids):
        gone = connection.execute(_EMPTY, {"wanted": some}).scalars().all()
        connection.execute(sa.delete(tables.title).where(tables.title.c.id.in_(gone)))


def _write_cards(connection: sa.Connection, cards: Mapping[str, Collection[str]], *, replace: bool) -> None:
    for some in _in_parts(cards) if replace else ():
        connection.execute(sa.delete(tables.card).where(tables.card.c.patron_id.in_(some)))
    rows = [{"number": number, "patron_id": patron_id} for patron_id, numbers in cards.items() for number in numbers]
    _upsert(connection, tables.card, rows, key="number")


def _upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Collection[Mapping[str, Any]],
    *,
    key: str,
    kept: Collection[str] = (),
) -> None:
    if not rows:
        return
    statement = _insert(connection, table)
    replaced = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name != key and column.name not in kept
    }
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=replaced), list(rows))


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _in_parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    whole = list(values)
    return (whole[at : at + _AT_ONCE] for at in range(0, len(whole), _AT_ONCE))


def _title_row(title: Title) -> dict[str, Any]:
    return {
        "title_id": title.title_id,
        "title": title.title,
        "author": title.author,
        "publisher": title.publisher,
        "year": title.year,
        "volume": title.volume,
        "call_number": title.call_number,
        "subjects": _json(title.subjects),
        "isbns": _json(title.isbns),
        "language": title.language,
    }


def _item_row(item: Item, source_record: str) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title_id": item.title_id,
        "type": item.type,
        "branch": item.branch,
        "parts": item.parts,
        "price": item.price,
        "call_number": item.call_number,
        "location": item.location,
        "status": item.status.value,
        "source_record": source_record,
    }


def _patron_row(patron: Patron) -> dict[str, Any]:
    return {
        "patron_id": patron.patron_id,
        "name": patron.name,
        "category": patron.category,
        "branch": patron.branch,
        "expires": _day(patron.expires),
        "birth_date": _day(patron.birth_date),
        "deposit": patron.deposit,
        "blocks": _json(
            [{"kind": block.kind.value, "until": _day(block.until), "note": block.note} for block in patron.blocks]
        ),
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
