"""Lists of readers into the reference.

Theory of operation. A row is a reader. Columns are known by their headings, which may stand some rows below the top
(lists have titles); every sheet of a workbook that has such a heading is read. Rows are decided one by one and written in
batches, as a catalogue's records are. A reader is known by the number in ``patron_id``, else by the card; a card that
already stands for somebody is never given to somebody else. A list that has no column for something leaves what is known
of it alone.

What decides whether somebody may borrow is not guessed: an expiry date that cannot be read refuses the row, and words in
the column for stopped cards that are not understood stop the card.

A report names rows, never people, and no value of a row but the code of a category or branch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import config
from config.loader import Layer, Problems, build, read_toml
from config.phrase import Phrase
from sync.circulation.model import Patron, PatronBlock, PatronBlockKind
from sync.circulation.network import Network
from sync.intake.catalogue import Progress, Told
from sync.intake.cells import Cell, parse_day, parse_dong
from sync.intake.characters import DAMAGED
from sync.intake.report import Entry, PatronReport, Place, Reason, Remarks
from sync.intake.sheets import Row, Sheet, read_sheets
from sync.store.reference import Reference
from sync.text import fold, nfc

AUTO = "auto"

_SHIPPED = Path(config.__file__).with_name("mappings") / "patrons.toml"
_BATCH = 1_000
#: A heading stands among the first rows, below a list's titles.
_HEADING_WITHIN = 30
#: Different unknown codes that are named in a report; more of them are no codes.
_CODES_NAMED = 20


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


def load_columns(name: str = AUTO) -> PatronColumns | Problems:
    """The headings that ship with the product, or a file's above them; or all that is wrong with it."""
    layers: list[Layer] = []
    for path in (_SHIPPED,) if name == AUTO else (_SHIPPED, Path(name)):
        settings = read_toml(path)
        if isinstance(settings, Problems):
            return settings
        layers.append(Layer(path.name, settings))
    built = build(PatronColumns, layers)
    return built if isinstance(built, Problems) else built.value


def import_patrons(
    paths: Sequence[Path],
    reference: Reference,
    columns: PatronColumns,
    *,
    branch: str,
    network: Network | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> PatronReport:
    """Bring the readers of some CSV or XLSX files in; arguments as :func:`sync.intake.catalogue.import_catalogue`.

    Whatever the files hold, the answer is a report. Raises what the store raises (:mod:`sync.store.errors`); the batches
    written by then stay.
    """
    told = Told.of(paths, progress)
    run = _Run(reference, columns, branch, network, dry_run)
    for path in paths:
        for sheet in read_sheets(path, told.advance):
            if isinstance(sheet, Reason):
                run.remarks.add(Entry(Place(path.name), "", sheet))
            else:
                run.take(f"{path.name} [{sheet.name}]" if sheet.name else path.name, sheet)
    run.flush()
    return run.report()


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
class _Heading:
    """Where each field stands; a field may have several columns only in ``other_cards``."""

    at: Mapping[str, int]
    other_cards: tuple[int, ...]
    keys: tuple[str, ...]

    def cell(self, row: Row, name: str) -> Cell:
        at = self.at.get(name)
        return row.cells[at] if at is not None and at < len(row.cells) else None

    def is_heading(self, row: Row) -> bool:
        """Whether the row is this heading again, as lists have it on every printed page."""
        return _keys(row) == self.keys


def _keys(row: Row) -> tuple[str, ...]:
    return tuple(_key(cell) if isinstance(cell, str) else "" for cell in row.cells)


def _heading(row: Row, columns: PatronColumns) -> _Heading | Phrase | None:
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
    return doubtful or _Heading(at, tuple(place for place, key in enumerate(keys) if key in other), keys)


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row that is in order: the patron and her numbers, the card first."""

    place: Place
    patron: Patron
    numbers: tuple[str, ...]
    #: Whether the list gives readers numbers of their own.
    numbered: bool


@dataclass(slots=True)
class _Run:
    """Takes sheets, decides who has which number, writes in batches, counts."""

    reference: Reference
    columns: PatronColumns
    branch: str
    network: Network | None
    dry_run: bool
    remarks: Remarks = field(default_factory=Remarks)
    waiting: list[_Listed] = field(default_factory=list)
    kept: frozenset[str] = frozenset()
    #: Whose each number of this run is, and where it stands.
    met: dict[str, tuple[str, Place]] = field(default_factory=dict)
    codes: set[tuple[Reason, str]] = field(default_factory=set)
    read: int = 0
    patrons: int = 0
    cards: int = 0

    def take(self, file: str, sheet: Sheet) -> None:
        """Read a sheet from its heading to its end."""
        heading: _Heading | None = None
        empty = True
        for row in sheet.rows:
            if row.reason is Reason.NOT_A_TABLE:
                self._add(Place(file), row.reason)
                return
            if not any(cell is not None for cell in row.cells) and row.reason is None:
                continue
            empty = False
            if heading is None:
                found = _heading(row, self.columns)
                if isinstance(found, Phrase):
                    self._add(Place(file, row.number), Reason.HEADER_TWICE, detail=f"{found.vi} / {found.en}")
                    return
                if found is None and row.number >= _HEADING_WITHIN:
                    break
                heading = found
                if heading is not None:
                    # What a list says nothing of is kept, so a batch holds the rows of lists that say the same.
                    self.flush()
                    self.kept = _unsaid(heading)
            elif not heading.is_heading(row):
                self._row(Place(file, row.number), row, heading)
        if heading is None:
            self._add(
                Place(file),
                Reason.FILE_EMPTY if empty else Reason.HEADER_MISSING,
                detail="" if empty else "số thẻ, họ và tên / card number, name",
            )

    def _row(self, place: Place, row: Row, heading: _Heading) -> None:
        self.read += 1
        refused = row.reason or self._refusal(row, heading)
        listed = refused or self._listed(place, row, heading)
        if isinstance(listed, Reason):
            self._add(place, listed)
            return
        self.waiting.append(listed)
        if len(self.waiting) >= _BATCH:
            self.flush()

    def _refusal(self, row: Row, heading: _Heading) -> Reason | None:
        """Why nothing in a row can be trusted."""
        if any(cell is not None for cell in row.cells[len(heading.keys) :]):
            return Reason.ROW_TOO_LONG
        if any(isinstance(cell, str) and DAMAGED in cell for cell in row.cells):
            return Reason.TEXT_DAMAGED
        return None

    def _listed(self, place: Place, row: Row, heading: _Heading) -> _Listed | Reason:
        own, card = heading.cell(row, "patron_id"), heading.cell(row, "card")
        cells = [card, own, *(row.cells[at] for at in heading.other_cards if at < len(row.cells))]
        found = [_number(cell) for cell in cells]
        numbers = tuple(dict.fromkeys(number for number in found if isinstance(number, str) and number))
        if Reason.CARD_NUMBER_ROUNDED in found:
            return Reason.CARD_NUMBER_ROUNDED
        if not found[0] and not found[1]:
            return Reason.CARD_NUMBER_MISSING
        name = _name(heading, row)
        if not name:
            return Reason.NAME_MISSING
        expires = _expires(heading.cell(row, "expires"))
        if isinstance(expires, Reason):
            return expires
        patron = Patron(
            patron_id=str(found[1] or found[0]),
            name=name,
            category=self._category(place, heading.cell(row, "category")),
            branch=self._branch(place, heading.cell(row, "branch")),
            expires=expires,
            birth_date=self._birth_date(place, heading.cell(row, "birth_date")),
            deposit=self._deposit(place, heading.cell(row, "deposit")),
            blocks=self._blocks(place, heading.cell(row, "blocked"), heading.cell(row, "blocked_until")),
        )
        return _Listed(place, patron, numbers, bool(found[1]))

    # --- cells

    def _category(self, place: Place, cell: Cell) -> str:
        code = _as_text(cell)
        known = {_key(word): category for word, category in self.columns.categories.items()}
        known |= {_key(category): category for category in self.columns.categories.values()}
        if code and _key(code) not in known:
            self._add_code(place, Reason.CATEGORY_UNKNOWN, code)
        return known.get(_key(code), self.columns.default_category)

    def _branch(self, place: Place, cell: Cell) -> str:
        word = _as_text(cell)
        code = {_key(name): code for name, code in self.columns.branches.items()}.get(_key(word), word)
        if code and self.network is not None and code not in self.network:
            self._add_code(place, Reason.BRANCH_UNKNOWN, code)
            return self.branch
        return code or self.branch

    def _birth_date(self, place: Place, cell: Cell) -> date | None:
        if cell is None:
            return None
        span = parse_day(cell)
        if span is None or span.first.year > 2200:
            self._add(place, Reason.BIRTH_DATE_UNREADABLE)
            return None
        if span.first != span.last:
            self._add(place, Reason.YEAR_ONLY)
        return span.first

    def _deposit(self, place: Place, cell: Cell) -> int:
        deposit = 0 if cell is None else parse_dong(cell)
        if deposit is None:
            self._add(place, Reason.DEPOSIT_UNREADABLE)
        return deposit or 0

    def _blocks(self, place: Place, cell: Cell, until_cell: Cell) -> tuple[PatronBlock, ...]:
        until = parse_day(until_cell)
        last = until.last if until else None
        if (until_cell is not None and until is None) or isinstance(cell, date):
            # A day in the wrong column is the day it ends, as a rule; a day that cannot be read ends nothing.
            last = cell if isinstance(cell, date) and until is None else last
        text = _as_text(cell)
        kind = _block_kind(text) if not isinstance(cell, date) else PatronBlockKind.OTHER
        if kind is None and until_cell is None:
            return ()
        if kind is Reason.BLOCK_UNCLEAR or (until_cell is not None and until is None):
            self._add(place, Reason.BLOCK_UNCLEAR)
            return (PatronBlock(PatronBlockKind.OTHER, last, nfc(f"{text} {_as_text(until_cell)}")),)
        return (PatronBlock(kind if isinstance(kind, PatronBlockKind) else PatronBlockKind.OTHER, last),)

    # --- deciding and writing

    def flush(self) -> None:
        """Decide and write what is waiting."""
        if not self.waiting:
            return
        known = self.reference.patrons_by_number({number for listed in self.waiting for number in listed.numbers})
        patrons: dict[str, Patron] = {}
        cards: dict[str, Collection[str]] = {}
        for listed in self.waiting:
            decided = self._decide(listed, known)
            if decided is not None:
                patrons[decided.patron.patron_id] = decided.patron
                cards[decided.patron.patron_id] = decided.numbers
        if not self.dry_run:
            self.reference.write(patrons=patrons.values(), cards=cards, kept=self.kept)
        self.waiting.clear()

    def _decide(self, listed: _Listed, known: Mapping[str, str]) -> _Listed | None:
        """The row with the numbers it may have; ``None``, and a remark, when it may not come in."""
        place, main = listed.place, listed.numbers[0]
        patron_id = listed.patron.patron_id
        if not listed.numbered:
            # The list before may have given this reader a number of her own.
            patron_id = known.get(main, patron_id)
        if earlier := self.met.get(patron_id):
            reason = Reason.PATRON_TWICE if earlier[0] == patron_id else Reason.CARD_NUMBER_TAKEN
            self._add(place, reason, other=earlier[1])
            return None
        numbers = []
        for number in listed.numbers:
            earlier = self.met.get(number)
            owner = known.get(number, patron_id)
            if earlier or (owner != patron_id and owner not in self.met):
                self._add(place, Reason.CARD_NUMBER_TAKEN, other=earlier[1] if earlier else None)
                if number == main:
                    return None
            else:
                numbers.append(number)
        for number in {patron_id, *numbers}:
            self.met[number] = (patron_id, place)
        self.patrons += 1
        self.cards += len(numbers)
        return replace(listed, patron=replace(listed.patron, patron_id=patron_id), numbers=tuple(numbers))

    def report(self) -> PatronReport:
        return PatronReport(
            dry_run=self.dry_run,
            read=self.read,
            tallies=self.remarks.tallies(),
            repaired=tuple(self.remarks.repaired),
            refused=tuple(self.remarks.refused),
            patrons=self.patrons,
            cards=self.cards,
        )

    def _add(self, place: Place, reason: Reason, *, other: Place | None = None, detail: str = "") -> None:
        self.remarks.add(Entry(place, "", reason, other, detail=detail))

    def _add_code(self, place: Place, reason: Reason, code: str) -> None:
        if len(self.codes) < _CODES_NAMED:
            self.codes.add((reason, code))
        self._add(place, reason, detail=code if (reason, code) in self.codes else "…")


def _unsaid(heading: _Heading) -> frozenset[str]:
    """The fields of a patron that a list has no column for."""
    kept = {"category", "branch", "expires", "birth_date", "deposit"} - heading.at.keys()
    return frozenset(kept if heading.at.keys() & {"blocked", "blocked_until"} else kept | {"blocks"})


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


def _name(heading: _Heading, row: Row) -> str:
    whole = heading.cell(row, "name")
    if isinstance(whole, str):
        return whole
    parts = (heading.cell(row, "family_name"), heading.cell(row, "given_name"))
    return " ".join(part for part in parts if isinstance(part, str))


_ENDLESS = {"khong thoi han", "vo thoi han", "vinh vien", "khong gioi han", "unlimited", "never", "0"}


def _expires(cell: Cell) -> date | None | Reason:
    """The last day of a card; of a month or year its last day. A day centuries away is how programs say never."""
    if cell is None or _key(_as_text(cell)) in _ENDLESS:
        return None
    span = parse_day(cell)
    if span is None:
        return Reason.EXPIRY_UNREADABLE
    return span.last if span.last.year <= 2200 else None


_NOT_BLOCKED = {
    "", "0", "khong", "khong khoa", "no", "n", "false", "hoat dong", "dang hoat dong", "binh thuong", "con hieu luc", "hop le",
    "dang su dung", "su dung", "active", "ok", "mo", "normal", "valid",
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
