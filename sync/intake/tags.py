"""Lists of chips into the reference: which item a chip is in on which nothing is written, by its UID.

Theory of operation. A row is a chip: a column with its UID, one with the number of the item, under headings that may
stand some rows below the top. A UID is 16 hexadecimal digits that begin with E0 (ISO/IEC 15693-3), with blanks, colons
or hyphens between them or without; some systems write its bytes in the order of the air, last byte first, which shows,
because then it ends in E0. An item has one such chip: in one import the first counts, and a later import replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.intake.cells import Cell
from sync.intake.characters import DAMAGED
from sync.intake.reasons import Outcome, Reason
from sync.intake.report import Entry, Place, Progress, Remarks, TagReport, Told
from sync.intake.sheets import Row, Sheet, read_sheets
from sync.store.reference import Reference
from sync.text import fold

_BATCH = 1_000
#: A heading stands among the first rows, below a list's titles.
_HEADING_WITHIN = 30

#: What the columns may be called; marks and case do not matter.
_UID = frozenset(map(fold, ("UID", "Mã UID", "Số UID", "UID chip", "Mã chip", "Số chip", "Mã RFID", "Tag", "Tag UID")))
_ITEM = frozenset(
    map(
        fold,
        ("Số đăng ký cá biệt", "Số ĐKCB", "Mã ĐKCB", "ĐKCB", "Mã vạch", "Mã tài liệu", "Barcode", "Item", "Item number",
         "Item identifier", "Item ID"),
    )
)  # fmt: skip

_BETWEEN = re.compile(r"[\s:.\-]+")
_DIGITS = re.compile(r"[0-9A-F]{16}")
#: The first byte of every UID (ISO/IEC 15693-3, 4.1).
_FIRST = "E0"


def import_tags(
    paths: Sequence[Path], reference: Reference, *, dry_run: bool = False, progress: Progress | None = None
) -> TagReport:
    """Bring the chips of some CSV or XLSX files in; arguments as :func:`sync.intake.catalogue.import_catalogue`.

    Whatever the files hold, the answer is a report. Raises what the store raises (:mod:`sync.store.errors`); the
    batches written by then stay.
    """
    told = Told.of(paths, progress)
    run = _Run(reference, dry_run)
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


def parse_uid(cell: Cell) -> tuple[str, bool] | None:
    """A UID as 16 upper-case digits, and whether it was written last byte first; ``None`` for what is none.

    A number that a spreadsheet has made of it is none either: it has lost digits.
    """
    if not isinstance(cell, str):
        return None
    digits = _BETWEEN.sub("", cell).upper().removeprefix("0X")
    if not _DIGITS.fullmatch(digits):
        return None
    if digits.startswith(_FIRST):
        return digits, False
    return (bytes.fromhex(digits)[::-1].hex().upper(), True) if digits.endswith(_FIRST) else None


@dataclass(frozen=True, slots=True)
class _Heading:
    uid: int
    item: int


def _heading(row: Row) -> _Heading | Reason | None:
    """The row as a heading; a reason where a column is there twice; ``None`` when it is no heading."""
    names = [fold(cell) if isinstance(cell, str) else "" for cell in row.cells]
    uids = [at for at, name in enumerate(names) if name in _UID]
    items = [at for at, name in enumerate(names) if name in _ITEM]
    if not uids or not items:
        return None
    return _Heading(uids[0], items[0]) if len(uids) == len(items) == 1 else Reason.HEADER_TWICE


@dataclass(slots=True)
class _Run:
    """Takes sheets, decides who has which chip, writes in batches, counts."""

    reference: Reference
    dry_run: bool
    remarks: Remarks = field(default_factory=Remarks)
    waiting: dict[str, tuple[str, Place]] = field(default_factory=dict)
    #: Where each chip and each item of this run stands.
    uids: dict[str, Place] = field(default_factory=dict)
    items: dict[str, Place] = field(default_factory=dict)
    read: int = 0
    tags: int = 0

    def take(self, file: str, sheet: Sheet) -> bool:
        """Read a sheet from its heading to its end; whether there was anything in it."""
        heading: _Heading | None = None
        empty = True
        for row in sheet.rows:
            if row.reason is Reason.NOT_A_TABLE:
                self._add(Place(file), row.reason)
                self.flush()
                return True
            if not any(cell is not None for cell in row.cells) and row.reason is None:
                continue
            empty = False
            found = _heading(row)
            if isinstance(found, Reason):
                self._add(Place(file, row.number), found, detail="UID, số đăng ký cá biệt / UID, item number")
                return True
            if heading is None:
                if found is None and row.number >= _HEADING_WITHIN:
                    break
                heading = found
            elif found is None:  # else the heading again, as lists have it on every printed page
                self._row(Place(file, row.number), row, heading)
        if heading is None and not empty:
            self._add(Place(file), Reason.HEADER_MISSING, detail="UID, số đăng ký cá biệt / UID, item number")
        self.flush()
        return not empty

    def _row(self, place: Place, row: Row, heading: _Heading) -> None:
        self.read += 1
        cells = (*row.cells, *(None,) * (max(heading.uid, heading.item) + 1))
        uid, cell = parse_uid(cells[heading.uid]), cells[heading.item]
        item_id = str(cell) if isinstance(cell, str | int) and not isinstance(cell, bool) else ""
        if row.reason is not None:
            self._add(place, row.reason)
        elif not item_id:
            self._add(place, Reason.BARCODE_MISSING)
        elif DAMAGED in item_id:
            self._add(place, Reason.BARCODE_DAMAGED, item_id)
        elif uid is None:
            self._add(place, Reason.UID_UNREADABLE, item_id)
        elif uid[0] in self.uids:
            self._add(place, Reason.UID_TAKEN, item_id, other=self.uids[uid[0]])
        elif item_id in self.items:
            self._add(place, Reason.ITEM_TAGGED, item_id, other=self.items[item_id])
        else:
            if uid[1]:
                self._add(place, Reason.UID_REVERSED, item_id)
            self.uids[uid[0]] = self.items[item_id] = place
            self.waiting[uid[0]] = (item_id, place)
            if len(self.waiting) >= _BATCH:
                self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if not self.waiting:
            return
        known = self.reference.claims({item_id for item_id, _place in self.waiting.values()})
        for item_id, place in self.waiting.values():
            if item_id not in known:
                self._add(place, Reason.ITEM_UNKNOWN, item_id)
        if not self.dry_run:
            self.reference.write_tags({uid: item_id for uid, (item_id, _place) in self.waiting.items()})
        self.tags += len(self.waiting)
        self.waiting.clear()

    def report(self) -> TagReport:
        return TagReport(
            dry_run=self.dry_run,
            read=self.read,
            tallies=self.remarks.tallies(),
            repaired=self.remarks.listed(Outcome.REPAIRED),
            refused=self.remarks.listed(Outcome.REFUSED),
            tags=self.tags,
        )

    def _add(
        self, place: Place, reason: Reason, item_id: str = "", *, other: Place | None = None, detail: str = ""
    ) -> None:
        self.remarks.add(Entry(place, item_id, reason, other, detail=detail))
