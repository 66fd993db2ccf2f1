"""What holds: the reference, with this station's newer events on top. The one query layer, for everybody.

The reference says what headquarters knew when it was made, and carries a watermark: the number of this station's last
event that it already contains. The ledger's rows whose last event is newer than that win over the reference's; older
ones are history, because the reference has them already or knows better. On a station of its own the watermark is
nought and the reference knows no loans, so everything comes from the ledger.

One :class:`Current` looks through one connection on ``ledger.sqlite`` with ``reference.sqlite`` attached as ``ref``,
inside one transaction; it writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import date, datetime

import sqlalchemy as sa

from sync.circulation.decisions import Copy, Standing
from sync.circulation.events import from_ms, to_ms
from sync.circulation.model import (
    Fee,
    FeeKind,
    Hold,
    Item,
    ItemStatus,
    Loan,
    Patron,
    PatronBlock,
    PatronBlockKind,
    ServiceMode,
    Title,
)
from sync.store import tables

_attached = sa.MetaData()


def _ref(table: sa.Table) -> sa.Table:
    return table.to_metadata(_attached, schema="ref")


_card = _ref(tables.card)
_patron = _ref(tables.patron)
_pin = _ref(tables.pin)
_title = _ref(tables.title)
_item = _ref(tables.item)
_tag = _ref(tables.tag)
_ref_loan = _ref(tables.reference_loan)
_ref_fee = _ref(tables.reference_fee)
_hold = _ref(tables.hold)
_rule_set = _ref(tables.rule_set)
_watermark = _ref(tables.watermark)
_loan, _custody, _identity, _fee = tables.loan, tables.custody, tables.identity, tables.fee

_MARK = sa.bindparam("mark", type_=sa.Integer)
_NUMBER = sa.bindparam("number", type_=sa.Text)
_SINCE = sa.bindparam("since", type_=sa.Integer)
_NUMBERS: sa.BindParameter[list[str]] = sa.bindparam("numbers", expanding=True)

#: Whose a token is. A loan made under a card that was unknown then belongs to the reader whom the card is known for
#: now.
_OWNER = sa.func.coalesce(
    sa.select(_card.c.patron_id).where(_card.c.number == _identity.c.patron_id).scalar_subquery(), _identity.c.patron_id
).label("patron_id")

_HERE = (
    _loan.c.token,
    _loan.c.item_id,
    _loan.c.item_type,
    _loan.c.branch,
    _loan.c.mode,
    _loan.c.checked_out_at,
    _loan.c.due_at,
    _loan.c.renewals,
)

# A new epoch goes on where headquarters' numbers of the old one ended, so the highest is the last.
_FIND_WATERMARK = sa.select(sa.func.max(_watermark.c.seq)).where(_watermark.c.station == sa.bindparam("station"))
_FIND_PATRON_BY_CARD = (
    sa.select(_patron)
    .join_from(_card, _patron, _patron.c.patron_id == _card.c.patron_id)
    .where(_card.c.number == _NUMBER)
)
_FIND_PATRON = sa.select(_patron).where(_patron.c.patron_id == _NUMBER)
_FIND_CARDS = sa.select(_card.c.number).where(_card.c.patron_id == _NUMBER)
_FIND_PIN = sa.select(_pin.c.hash).where(_pin.c.patron_id == _NUMBER)
_FIND_ITEM = sa.select(_item).where(_item.c.item_id == _NUMBER)
_FIND_TAG = sa.select(_tag.c.item_id).where(_tag.c.uid == _NUMBER)
_FIND_TITLE = sa.select(_title).where(_title.c.title_id == _NUMBER)
_LAST_WORD = sa.select(_custody.c.item_id, _custody.c.token).where(
    _custody.c.item_id.in_(_NUMBERS), _custody.c.seq > _MARK
)
_LOANS_BY_TOKEN = (
    sa.select(*_HERE, _OWNER)
    .select_from(_loan.outerjoin(_identity, _identity.c.token == _loan.c.token))
    .where(_loan.c.token.in_(_NUMBERS))
)
_LOANS_TOLD = sa.select(_ref_loan).where(_ref_loan.c.item_id.in_(_NUMBERS))
_LOANS_HERE_OF = (
    sa.select(*_HERE, _identity.c.patron_id)
    .select_from(
        _identity.join(_loan, _loan.c.token == _identity.c.token).join(
            _custody, (_custody.c.item_id == _loan.c.item_id) & (_custody.c.token == _loan.c.token)
        )
    )
    .where(_identity.c.patron_id.in_(_NUMBERS), _loan.c.closed_at.is_(None), _custody.c.seq > _MARK)
)
_LOANS_TOLD_OF = sa.select(_ref_loan).where(
    _ref_loan.c.patron_id.in_(_NUMBERS),
    ~sa.exists().where(_custody.c.item_id == _ref_loan.c.item_id, _custody.c.seq > _MARK),
)
_NOT_FULFILLED_HERE = ~sa.exists().where(_loan.c.hold_id == _hold.c.hold_id, _loan.c.seq > _MARK)
_HOLDS_ON = (
    sa.select(_hold)
    .where(
        _hold.c.title_id == sa.bindparam("title"),
        _hold.c.item_id.is_(None) | (_hold.c.item_id == _NUMBER),
        _NOT_FULFILLED_HERE,
    )
    .order_by(_hold.c.placed_at, _hold.c.hold_id)
)
_HOLDS_OF = (
    sa.select(_hold)
    .where(_hold.c.patron_id.in_(_NUMBERS), _NOT_FULFILLED_HERE)
    .order_by(_hold.c.placed_at, _hold.c.hold_id)
)
_COPIES = sa.select(_item.c.item_id).where(
    _item.c.title_id == sa.bindparam("title"), _item.c.status == ItemStatus.IN_STOCK.value
)
_FEES_HERE_OF = (
    sa.select(_fee, _identity.c.patron_id)
    .join_from(_identity, _fee, _fee.c.token == _identity.c.token)
    .where(_identity.c.patron_id.in_(_NUMBERS), _fee.c.seq > _MARK)
)
_FEES_TOLD_OF = sa.select(_ref_fee).where(
    _ref_fee.c.patron_id.in_(_NUMBERS), ~sa.exists().where(_fee.c.fee_id == _ref_fee.c.fee_id, _fee.c.seq > _MARK)
)
_FEE_HERE = (
    sa.select(_fee, _OWNER)
    .select_from(_fee.outerjoin(_identity, _identity.c.token == _fee.c.token))
    .where(_fee.c.fee_id == _NUMBER, _fee.c.seq > _MARK)
)
_FEE_TOLD = sa.select(_ref_fee).where(_ref_fee.c.fee_id == _NUMBER)
#: Tokens whose owner still matters: of open loans, of fees not settled, of what ended or began since an instant.
_TOKENS_IN_USE = sa.union(
    sa.select(_custody.c.token).where(_custody.c.seq > _MARK),
    sa.select(_ref_loan.c.token),
    sa.select(_loan.c.token).where(_loan.c.closed_at >= _SINCE),
    sa.select(_fee.c.token).where(_fee.c.seq > _MARK, _fee.c.amount > _fee.c.paid + _fee.c.waived),
    sa.select(_fee.c.token).where(_fee.c.charged_at >= _SINCE),
    sa.select(sa.func.coalesce(_ref_fee.c.token, _ref_fee.c.fee_id)),
)
_RULE_VERSION = sa.select(_rule_set.c.version)
_RULE_BODY = sa.select(_rule_set.c.body).where(_rule_set.c.version == sa.bindparam("version"))

#: SQLite takes this many values in one ``IN`` on every version in use.
_AT_ONCE = 500


class Current:
    """What holds at a station, seen through one transaction. What is not there is ``None``."""

    def __init__(self, connection: sa.Connection, station: str) -> None:
        self._connection = connection
        found = connection.execute(_FIND_WATERMARK, {"station": station}).scalar()
        #: The number of this station's last event that the reference already contains.
        self.mark = 0 if found is None else int(found)

    def rules_version(self) -> str | None:
        """The version of the rule-set in force, ``None`` where none has been given."""
        return self._connection.execute(_RULE_VERSION).scalar()

    def rules_body(self, version: str) -> str:
        """A rule-set as JSON. Raises ``KeyError`` when there is none of that version."""
        body: str | None = self._connection.execute(_RULE_BODY, {"version": version}).scalar()
        if body is None:
            raise KeyError(version)
        return body

    def patron(self, number: str) -> Patron | None:
        """The reader whom a card number or patron number stands for."""
        values = {"number": number}
        row = (
            self._connection.execute(_FIND_PATRON_BY_CARD, values).mappings().first()
            or self._connection.execute(_FIND_PATRON, values).mappings().first()
        )
        return None if row is None else _as_patron(row)

    def pin_hash(self, patron_id: str) -> str | None:
        """A reader's PIN as argon2id's hash, ``None`` where none has been set."""
        return self._connection.execute(_FIND_PIN, {"number": patron_id}).scalar()

    def item(self, item_id: str) -> Item | None:
        """The copy with an item number."""
        row = self._connection.execute(_FIND_ITEM, {"number": item_id}).mappings().first()
        return None if row is None else as_item(row)

    def item_of_tag(self, uid: str) -> str | None:
        """The number of the item that a chip is in by the list of UIDs."""
        return self._connection.execute(_FIND_TAG, {"number": uid}).scalar()

    def title(self, title_id: str) -> Title | None:
        """The title with an identifier."""
        row = self._connection.execute(_FIND_TITLE, {"number": title_id}).mappings().first()
        return None if row is None else as_title(row)

    def loan_of(self, item_id: str) -> Loan | None:
        """The open loan on an item."""
        return self.loans_on((item_id,)).get(item_id)

    def loans_on(self, item_ids: Collection[str]) -> dict[str, Loan]:
        """The open loans on items, by item; an item that nobody has is left out."""
        found: dict[str, Loan] = {}
        for some in _in_parts(item_ids):
            words = self._connection.execute(_LAST_WORD, {"numbers": some, "mark": self.mark}).all()
            tokens = [word.token for word in words if word.token is not None]
            if tokens:
                here = self._connection.execute(_LOANS_BY_TOKEN, {"numbers": tokens}).mappings()
                found.update((row["item_id"], _as_loan(row)) for row in here)
            settled = {word.item_id for word in words}
            if told := [item_id for item_id in some if item_id not in settled]:
                rows = self._connection.execute(_LOANS_TOLD, {"numbers": told}).mappings()
                found.update((row["item_id"], _as_loan(row)) for row in rows)
        return found

    def said_here(self, item_id: str) -> bool:
        """Whether this station's word on an item is newer than what the reference tells of it."""
        return self._connection.execute(_LAST_WORD, {"numbers": [item_id], "mark": self.mark}).first() is not None

    def loans_of(self, patron_id: str) -> tuple[Loan, ...]:
        """A reader's open loans, first due first."""
        values = {"numbers": self.numbers_of(patron_id), "mark": self.mark}
        here = self._connection.execute(_LOANS_HERE_OF, values).mappings().all()
        told = self._connection.execute(_LOANS_TOLD_OF, values).mappings().all()
        loans = (_as_loan({**row, "patron_id": patron_id}) for row in (*here, *told))
        return tuple(sorted(loans, key=lambda loan: (loan.due_at, loan.item_id)))

    def holds_of(self, patron_id: str) -> tuple[Hold, ...]:
        """What a reader waits for, oldest first."""
        values = {"numbers": self.numbers_of(patron_id), "mark": self.mark}
        return tuple(_as_hold(row) for row in self._connection.execute(_HOLDS_OF, values).mappings())

    def fees_of(self, patron_id: str) -> tuple[Fee, ...]:
        """What a reader still owes, oldest first; settled fees are left out."""
        values = {"numbers": self.numbers_of(patron_id), "mark": self.mark}
        here = self._connection.execute(_FEES_HERE_OF, values).mappings().all()
        told = self._connection.execute(_FEES_TOLD_OF, values).mappings().all()
        fees = (_as_fee({**row, "patron_id": patron_id}) for row in (*here, *told))
        return tuple(sorted((f for f in fees if f.outstanding > 0), key=lambda f: (f.charged_at, f.fee_id)))

    def fee(self, fee_id: str) -> tuple[Fee, bool] | None:
        """A fee, and whether it is in this ledger already (or only told by the reference)."""
        values = {"number": fee_id, "mark": self.mark}
        if row := self._connection.execute(_FEE_HERE, values).mappings().first():
            return _as_fee(row), True
        row = self._connection.execute(_FEE_TOLD, {"number": fee_id}).mappings().first()
        return None if row is None else (_as_fee(row), False)

    def tokens_in_use(self, since: datetime) -> sa.CompoundSelect[tuple[str]]:
        """The tokens, as a query, whose owner somebody may still ask for; see :meth:`Ledger.forget_returned`."""
        return _TOKENS_IN_USE.params(mark=self.mark, since=to_ms(since))

    def standing(self, card: str) -> Standing:
        """How the reader behind a card stands; an unknown card stands for itself."""
        patron = self.patron(card)
        patron_id = patron.patron_id if patron else card
        owed = sum(fee.outstanding for fee in self.fees_of(patron_id))
        return Standing(card, patron, self.loans_of(patron_id), owed)

    def copy(self, number: str, parts_seen: int | None = None) -> Copy:
        """An item as the rules look at it."""
        item = self.item(number)
        holds = self._holds_on(item) if item else ()
        others = self._other_copies(item) if item and holds else 0
        return Copy(number, item, self.loan_of(number), holds, others, parts_seen)

    def numbers_of(self, patron_id: str) -> list[str]:
        """Every number that stands for a reader: the patron number first, then cards."""
        cards = self._connection.execute(_FIND_CARDS, {"number": patron_id}).scalars()
        return list(dict.fromkeys((patron_id, *cards)))

    def _holds_on(self, item: Item) -> tuple[Hold, ...]:
        values = {"title": item.title_id, "number": item.item_id, "mark": self.mark}
        return tuple(_as_hold(row) for row in self._connection.execute(_HOLDS_ON, values).mappings())

    def _other_copies(self, item: Item) -> int:
        copies = set(self._connection.execute(_COPIES, {"title": item.title_id}).scalars()) - {item.item_id}
        return len(copies) - len(self.loans_on(copies))


def as_item(row: sa.RowMapping) -> Item:
    """An item from a row of the reference."""
    return Item(
        item_id=row["item_id"],
        title_id=row["title_id"],
        type=row["type"],
        branch=row["branch"],
        parts=row["parts"],
        price=row["price"],
        call_number=row["call_number"],
        location=row["location"],
        status=ItemStatus(row["status"]),
    )


def as_title(row: sa.RowMapping) -> Title:
    """A title from a row of the reference."""
    return Title(
        title_id=row["title_id"],
        title=row["title"],
        author=row["author"],
        publisher=row["publisher"],
        year=row["year"],
        volume=row["volume"],
        call_number=row["call_number"],
        subjects=tuple(json.loads(row["subjects"])),
        isbns=tuple(json.loads(row["isbns"])),
        language=row["language"],
    )


def _as_patron(row: sa.RowMapping) -> Patron:
    return Patron(
        patron_id=row["patron_id"],
        name=row["name"],
        category=row["category"],
        branch=row["branch"],
        expires=_as_day(row["expires"]),
        birth_date=_as_day(row["birth_date"]),
        deposit=row["deposit"],
        blocks=tuple(
            PatronBlock(PatronBlockKind(b["kind"]), _as_day(b.get("until")), b.get("note", ""))
            for b in json.loads(row["blocks"])
        ),
    )


def _as_loan(row: sa.RowMapping | dict[str, object]) -> Loan:
    return Loan(
        token=str(row["token"]),
        item_id=str(row["item_id"]),
        item_type=str(row["item_type"]),
        patron_id=None if row["patron_id"] is None else str(row["patron_id"]),
        branch=str(row["branch"]),
        mode=ServiceMode(str(row["mode"])),
        checked_out_at=from_ms(_as_int(row["checked_out_at"])),
        due_at=from_ms(_as_int(row["due_at"])),
        renewals=_as_int(row["renewals"]),
    )


def _as_hold(row: sa.RowMapping) -> Hold:
    return Hold(
        hold_id=row["hold_id"],
        patron_id=row["patron_id"],
        title_id=row["title_id"],
        pickup_branch=row["pickup_branch"],
        placed_at=from_ms(row["placed_at"]),
        item_id=row["item_id"],
        ready_until=_as_day(row["ready_until"]),
    )


def _as_fee(row: sa.RowMapping | dict[str, object]) -> Fee:
    return Fee(
        fee_id=str(row["fee_id"]),
        kind=FeeKind(str(row["kind"])),
        amount=_as_int(row["amount"]),
        charged_at=from_ms(_as_int(row["charged_at"])),
        token=None if row["token"] is None else str(row["token"]),
        patron_id=None if row["patron_id"] is None else str(row["patron_id"]),
        paid=_as_int(row["paid"]),
        waived=_as_int(row["waived"]),
    )


def _as_day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _as_int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a whole number was expected in the store")
    return value


def _in_parts(values: Collection[str]) -> Iterable[list[str]]:
    all_of_them = list(values)
    return (all_of_them[at : at + _AT_ONCE] for at in range(0, len(all_of_them), _AT_ONCE))
