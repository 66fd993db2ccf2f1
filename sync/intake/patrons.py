"""Lists of readers into the reference.

Theory of operation. A row is a reader. Columns are known by their headings, which may stand some rows below the top
(lists have titles); every sheet of a workbook that has such a heading is read. Rows are decided one by one and written
in batches, as a catalogue's records are. A reader is known by the number in ``patron_id``, else by the card; a card
that already stands for somebody is never given to somebody else. A list that has no column for something leaves what
is known of it alone.

A report names rows, never people, and no value of a row but the code of a category or branch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import config
from config.loader import Layer, Problems, build, read_toml
from config.phrase import Phrase
from sync.circulation.model import Patron
from sync.circulation.network import Network
from sync.intake.patron_rows import Heading, Listed, PatronColumns, describe, find_heading
from sync.intake.reasons import Outcome, Reason
from sync.intake.report import Entry, PatronReport, Place, Progress, Remarks, Told
from sync.intake.sheets import Row, Sheet, read_sheets
from sync.store.reference import Reference

AUTO = "auto"

_SHIPPED = Path(config.__file__).with_name("mappings") / "patrons.toml"
_BATCH = 1_000
#: A heading stands among the first rows, below a list's titles.
_HEADING_WITHIN = 30
#: Different unknown codes that are named in a report; more of them are no codes.
_CODES_NAMED = 20


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

    Whatever the files hold, the answer is a report. Raises what the store raises (:mod:`sync.store.errors`); the
    batches written by then stay.
    """
    told = Told.of(paths, progress)
    run = _Run(reference, columns, branch, network, dry_run)
    for path in paths:
        filled = False
        for sheet in read_sheets(path, told.advance):
            if isinstance(sheet, Reason):
                run.remarks.add(Entry(Place(path.name), "", sheet))
                break
            filled |= run.take(f"{path.name} [{sheet.name}]" if sheet.name else path.name, sheet)
        else:
            if not filled:
                run.remarks.add(Entry(Place(path.name), "", Reason.FILE_EMPTY))
    return run.report()


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """Takes sheets, decides who has which number, writes in batches, counts."""

    reference: Reference
    columns: PatronColumns
    branch: str
    network: Network | None
    dry_run: bool
    remarks: Remarks = field(default_factory=Remarks)
    waiting: list[tuple[Place, Listed]] = field(default_factory=list)
    kept: frozenset[str] = frozenset()
    #: Whose each number of this run is, and where it stands.
    met: dict[str, tuple[str, Place]] = field(default_factory=dict)
    codes: set[tuple[Reason, str]] = field(default_factory=set)
    read: int = 0
    patrons: int = 0
    cards: int = 0

    def take(self, file: str, sheet: Sheet) -> bool:
        """Read a sheet from its heading to its end; whether there was anything in it."""
        heading: Heading | None = None
        empty = True
        for row in sheet.rows:
            if row.reason is Reason.NOT_A_TABLE:
                self._add(Place(file), row.reason)
                self.flush()
                return True
            if not any(cell is not None for cell in row.cells) and row.reason is None:
                continue
            empty = False
            if heading is None:
                found = find_heading(row, self.columns)
                if isinstance(found, Phrase):
                    self._add(Place(file, row.number), Reason.HEADER_TWICE, detail=f"{found.vi} / {found.en}")
                    return True
                if found is None and row.number >= _HEADING_WITHIN:
                    break
                heading = found
                self.kept = heading.unsaid if heading else frozenset()
            elif not heading.is_heading(row):
                self._row(Place(file, row.number), row, heading)
        if heading is None and not empty:
            self._add(Place(file), Reason.HEADER_MISSING, detail="số thẻ, họ và tên / card number, name")
        self.flush()
        return not empty

    def _row(self, place: Place, row: Row, heading: Heading) -> None:
        self.read += 1
        listed = describe(row, heading, self.columns, self.branch, self.network)
        if isinstance(listed, Reason):
            self._add(place, listed)
            return
        for reason, code in listed.remarks:
            self._add(place, reason, detail=self._named(reason, code))
        self.waiting.append((place, listed))
        if len(self.waiting) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Decide and write what is waiting."""
        if not self.waiting:
            return
        known = self.reference.patrons_by_number({number for _, listed in self.waiting for number in listed.numbers})
        patrons: dict[str, Patron] = {}
        cards: dict[str, Collection[str]] = {}
        for place, listed in self.waiting:
            decided = self._decide(place, listed, known)
            if decided is not None:
                patrons[decided.patron.patron_id] = decided.patron
                cards[decided.patron.patron_id] = decided.numbers
        if not self.dry_run:
            self.reference.write(patrons=patrons.values(), cards=cards, kept=self.kept)
        self.waiting.clear()

    def _decide(self, place: Place, listed: Listed, known: Mapping[str, str]) -> Listed | None:
        """The row with the numbers it may have; ``None``, and a remark, when it may not come in."""
        main = listed.numbers[0]
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
            repaired=self.remarks.listed(Outcome.REPAIRED),
            refused=self.remarks.listed(Outcome.REFUSED),
            patrons=self.patrons,
            cards=self.cards,
        )

    def _add(self, place: Place, reason: Reason, *, other: Place | None = None, detail: str = "") -> None:
        self.remarks.add(Entry(place, "", reason, other, detail=detail))

    def _named(self, reason: Reason, code: str) -> str:
        """A code as a report may name it; not all of them, lest a column that holds no codes be spread out in it."""
        if code and len(self.codes) < _CODES_NAMED:
            self.codes.add((reason, code))
        return code if not code or (reason, code) in self.codes else "…"
