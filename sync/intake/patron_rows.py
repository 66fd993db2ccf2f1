"""One row of a list of readers to one patron. Pure: the same row gives the same answer.

Columns are known by their headings. What decides whether somebody may borrow is not guessed: an expiry date that cannot
be read refuses the row, and words in the column for stopped cards that are not understood stop the card.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from config.phrase import Phrase
from sync.circulation.model import Patron, PatronBlock, PatronBlockKind
from sync.circulation.network import Network
from sync.intake.cells import Cell, parse_day, parse_dong
from sync.intake.characters import DAMAGED
from sync.intake.reasons import Reason
from sync.intake.sheets import Row
from sync.text import fold, nfc


@dataclass(frozen=True, slots=True)
class PatronColumns:
    """What the columns may be called, and what is meant by what stands in some of them.

    ``card``          the number on the reader's card; ``other_cards`` further numbers that stand for the same reader.
    ``patron_id``     the reader's own number, which stays when the card is replaced; without it, the card's.
    ``name``          the full name, or ``family_name`` and ``given_name`` in this order.
    ``blocked``       whether, or why, the card is stopped; ``blocked_until`` the last day of it.
    ``categories``    from words of the list to categories of the rules; a category itself needs no entry.
    ``branches``      likewise to branch codes.
    """

    card: tuple[str, ...]
    name: tuple[str, ...]
    patron_id: tuple[str, ...] = ()
    other_cards: tuple[str, ...] = ()
    family_name: tuple[str, ...] = ()
    given_name: tuple[str, ...] = ()
    birth_date: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    expires: tuple[str, ...] = ()
    deposit: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocked_until: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    default_category: str = "adult"
    categories: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    branches: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


# --- headings ---------------------------------------------------------------------------------------------------------

#: The fields that a heading can name, with what a person calls them when they are missing or doubtful.
_FIELDS = {
    "card": Phrase("số thẻ", "the card number"),
    "name": Phrase("họ và tên", "the name"),
    "patron_id": Phrase("mã bạn đọc", "the patron number"),
    "family_name": Phrase("họ", "the family name"),
    "given_name": Phrase("tên", "the given name"),
    "birth_date": Phrase("ngày sinh", "the birth date"),
    "category": Phrase("loại thẻ", "the card type"),
    "expires": Phrase("ngày hết hạn", "the expiry date"),
    "deposit": Phrase("tiền cược", "the deposit"),
    "blocked": Phrase("khóa thẻ", "the stopped card"),
    "blocked_until": Phrase("khóa đến ngày", "the day the stop ends"),
    "branch": Phrase("thư viện", "the branch"),
}

_WORD = re.compile(r"[^\W_]+")
_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def _key(text: str) -> str:
    """What headings and codes are compared by: words without marks, case, punctuation and what stands in brackets."""
    return " ".join(_WORD.findall(fold(_IN_BRACKETS.sub(" ", text))))


@dataclass(frozen=True, slots=True)
class Heading:
    """Where each field stands; a field may have several columns only in ``other_cards``."""

    #: The column of each field that the list has.
    at: Mapping[str, int]
    other_cards: tuple[int, ...]
    keys: tuple[str, ...]

    @property
    def unsaid(self) -> frozenset[str]:
        """The fields of a patron that the list says nothing of.

        ``cards`` is among them where readers are known by nothing but a card: then the list cannot know of others.
        """
        unsaid = {"category", "branch", "expires", "birth_date", "deposit"} - self.at.keys()
        if not self.at.keys() & {"blocked", "blocked_until"}:
            unsaid.add("blocks")
        if "patron_id" not in self.at:
            unsaid.add("cards")
        return frozenset(unsaid)

    def cell(self, row: Row, name: str) -> Cell:
        """What a row has in the column of a field."""
        at = self.at.get(name)
        return row.cells[at] if at is not None and at < len(row.cells) else None

    def is_heading(self, row: Row) -> bool:
        """Whether the row is this heading again, as lists have it on every printed page."""
        return _keys(row) == self.keys


def _keys(row: Row) -> tuple[str, ...]:
    return tuple(_key(cell) if isinstance(cell, str) else "" for cell in row.cells)


def find_heading(row: Row, columns: PatronColumns) -> Heading | Phrase | None:
    """The row as a heading; a phrase names the column that is there twice; ``None`` when it is no heading."""
    keys = _keys(row)
    at: dict[str, int] = {}
    doubtful: Phrase | None = None
    for name, called in _FIELDS.items():
        for wanted in map(_key, getattr(columns, name)):
            if (count := keys.count(wanted)) and wanted:
                doubtful = doubtful or (called if count > 1 else None)
                at[name] = keys.index(wanted)
                break
    if not at.keys() & {"card", "patron_id"} or not at.keys() & {"name", "given_name"}:
        return None
    other = {key for key in map(_key, columns.other_cards) if key}
    return doubtful or Heading(at, tuple(place for place, key in enumerate(keys) if key in other), keys)


# --- rows -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """What a row says: the patron, her numbers (the card first), whether the list numbers readers apart from cards."""

    patron: Patron
    numbers: tuple[str, ...]
    numbered: bool
    #: Reasons, and the codes they speak of.
    remarks: tuple[tuple[Reason, str], ...]


def describe(
    row: Row, heading: Heading, columns: PatronColumns, branch: str, network: Network | None
) -> Listed | Reason:
    """The patron of a row, or why there is none; ``branch`` is hers where the row names none that is known."""
    if row.reason is not None:
        return row.reason
    if any(cell is not None for cell in row.cells[len(heading.keys) :]):
        return Reason.ROW_TOO_LONG
    if any(isinstance(cell, str) and DAMAGED in cell for cell in row.cells):
        return Reason.TEXT_DAMAGED
    others = [row.cells[at] for at in heading.other_cards if at < len(row.cells)]
    card, own, *rest = map(_number, (heading.cell(row, "card"), heading.cell(row, "patron_id"), *others))
    if Reason.CARD_NUMBER_ROUNDED in (card, own, *rest):
        return Reason.CARD_NUMBER_ROUNDED
    numbers = tuple(dict.fromkeys(str(number) for number in (card, own, *rest) if number))
    if not card and not own:
        return Reason.CARD_NUMBER_MISSING
    name = _name(heading, row)
    if not name:
        return Reason.NAME_MISSING
    expires = _expires(heading.cell(row, "expires"))
    if isinstance(expires, Reason):
        return expires
    remarks: list[tuple[Reason, str]] = []
    patron = Patron(
        patron_id=str(own or card),
        name=name,
        category=_category(heading.cell(row, "category"), columns, remarks),
        branch=_branch(heading.cell(row, "branch"), columns, branch, network, remarks),
        expires=expires,
        birth_date=_birth_date(heading.cell(row, "birth_date"), remarks),
        deposit=_deposit(heading.cell(row, "deposit"), remarks),
        blocks=_blocks(heading.cell(row, "blocked"), heading.cell(row, "blocked_until"), remarks),
    )
    return Listed(patron, numbers, bool(own), tuple(remarks))


_Remarks = list[tuple[Reason, str]]


def _category(cell: Cell, columns: PatronColumns, remarks: _Remarks) -> str:
    code = _as_text(cell)
    if not code:
        return columns.default_category
    known = {_key(word): category for word, category in columns.categories.items()}
    known |= {_key(category): category for category in columns.categories.values()}
    if _key(code) not in known:
        remarks.append((Reason.CATEGORY_UNKNOWN, code))
    return known.get(_key(code), columns.default_category)


def _branch(cell: Cell, columns: PatronColumns, branch: str, network: Network | None, remarks: _Remarks) -> str:
    word = _as_text(cell)
    code = {_key(name): code for name, code in columns.branches.items()}.get(_key(word), word)
    if code and network is not None and code not in network:
        remarks.append((Reason.BRANCH_UNKNOWN, code))
        return branch
    return code or branch


def _birth_date(cell: Cell, remarks: _Remarks) -> date | None:
    if cell is None:
        return None
    span = parse_day(cell)
    if span is None or span.first.year > 2200:
        remarks.append((Reason.BIRTH_DATE_UNREADABLE, ""))
        return None
    if span.first != span.last:
        remarks.append((Reason.YEAR_ONLY, ""))
    return span.first


def _deposit(cell: Cell, remarks: _Remarks) -> int:
    deposit = 0 if cell is None else parse_dong(cell)
    if deposit is None:
        remarks.append((Reason.DEPOSIT_UNREADABLE, ""))
    return deposit or 0


def _blocks(cell: Cell, until_cell: Cell, remarks: _Remarks) -> tuple[PatronBlock, ...]:
    # A day in the column that says whether is the day until when.
    day = cell if isinstance(cell, date) and until_cell is None else until_cell
    words = "" if isinstance(cell, date) else _as_text(cell)
    kind = _block_kind(words)
    if kind is None and day is None:
        return ()
    until = parse_day(day)
    last = until.last if until else None
    if isinstance(kind, Reason) or (day is not None and until is None):
        remarks.append((Reason.BLOCK_UNCLEAR, ""))
        return (PatronBlock(PatronBlockKind.OTHER, last, nfc(words if until else f"{words} {_as_text(day)}")),)
    return (PatronBlock(kind or PatronBlockKind.OTHER, last),)


def _as_text(cell: Cell) -> str:
    return "" if cell is None else str(cell)


#: A spreadsheet keeps fifteen digits of a number and writes longer ones with an exponent.
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]+")
_EXACT = 10**15


def _number(cell: Cell) -> str | Reason:
    """A card's number; empty when there is none."""
    if isinstance(cell, bool | date) or cell is None:
        return ""
    if isinstance(cell, str):
        return Reason.CARD_NUMBER_ROUNDED if _ROUNDED.fullmatch(cell) else cell
    if isinstance(cell, float) or cell >= _EXACT:
        return Reason.CARD_NUMBER_ROUNDED
    return str(cell) if cell > 0 else ""


def _name(heading: Heading, row: Row) -> str:
    whole = heading.cell(row, "name")
    if isinstance(whole, str):
        return whole
    parts = (heading.cell(row, "family_name"), heading.cell(row, "given_name"))
    return " ".join(part for part in parts if isinstance(part, str))


_ENDLESS = {"khong thoi han", "vo thoi han", "vinh vien", "khong gioi han", "unlimited", "never", "0"}


def _expires(cell: Cell) -> date | Reason | None:
    """The last day of a card; of a month or year its last day. A day centuries away is how programs say never."""
    if cell is None or _key(_as_text(cell)) in _ENDLESS:
        return None
    span = parse_day(cell)
    if span is None:
        return Reason.EXPIRY_UNREADABLE
    return span.last if span.last.year <= 2200 else None


_NOT_BLOCKED = {
    "", "0", "khong", "khong khoa", "no", "n", "false", "hoat dong", "dang hoat dong", "binh thuong", "con hieu luc",
    "hop le", "dang su dung", "su dung", "active", "ok", "mo", "normal", "valid",
}  # fmt: skip
_BLOCKED = {
    "x", "1", "v", "co", "khoa", "bi khoa", "da khoa", "tam khoa", "khoa the", "yes", "y", "true", "blocked", "locked",
}  # fmt: skip
_REASONS = (
    (PatronBlockKind.LOST_CARD, ("mat", "mat the", "bao mat", "bao mat the", "lost", "lost card")),
    (PatronBlockKind.DISCIPLINE, ("ky luat", "vi pham", "vi pham noi quy", "discipline")),
    # After "no", because a reader who owes ("nợ") and an English "no" fold alike.
    (PatronBlockKind.DEBT, ("con no", "no sach", "no tien", "no phi", "chua tra sach", "debt", "fines")),
)


def _block_kind(text: str) -> PatronBlockKind | Reason | None:
    """Why a card is stopped by what a list says; ``None`` when it is not; a reason when the words are not known."""
    key = _key(text)
    if text.casefold() == "nợ":
        return PatronBlockKind.DEBT
    if key in _NOT_BLOCKED:
        return None
    if key in _BLOCKED:
        return PatronBlockKind.OTHER
    return next((kind for kind, words in _REASONS if key in words), Reason.BLOCK_UNCLEAR)
