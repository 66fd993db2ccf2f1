"""Files of MARC records into the reference.

Theory of operation. Records are read, described and written in batches, each one transaction, so memory does not grow
with the files and a killed import is finished by running it again. What a run has met so far (titles, and who brought
which barcode) is kept in a private temporary database for the same reason. Everything is decided from that and from
what the reference knew before, so a dry run decides exactly as a real one and only leaves out the writing.

A barcode belongs to the record that brought it first. The same record again, in this file or in a later import, updates
its item. Another record with the same barcode is refused this one copy, and the report names both records; its title
comes in all the same. So importing a file again changes nothing and reports the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sync.circulation.model import Item, Title
from sync.circulation.network import Network
from sync.intake.mapping import Mappings
from sync.intake.marc import MarcRecord, Unreadable, read_records
from sync.intake.reasons import Outcome, Reason
from sync.intake.report import CatalogueReport, Entry, Place, Progress, Remarks, Told
from sync.intake.titles import Described, describe
from sync.store.reference import Claim, Reference

#: Records, and copies, that are written in one transaction.
_BATCH, _BATCH_ITEMS = 1_000, 4_000
#: Records by which the mapping of a file is chosen.
_SAMPLE = 200


def import_catalogue(
    paths: Sequence[Path],
    reference: Reference,
    mappings: Mappings,
    *,
    branch: str,
    network: Network | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> CatalogueReport:
    """Bring the titles and items of some files in; ``dry_run`` decides and reports everything and writes nothing.

    ``branch``    the home of items whose record and mapping name none: as a rule the station's own.
    ``network``   the site tree, where there is one: items of a branch that is not in it come in at ``branch``.
    ``progress``  is told how many bytes of how many have been read.

    Whatever the files hold, the answer is a report. Raises what the store raises (:mod:`sync.store.errors`); the
    batches written by then stay.
    """
    told = Told.of(paths, progress)
    with closing(_Seen()) as seen:
        run = _Run(reference, seen, dry_run)
        for path in paths:
            records = read_records(path, told.advance)
            sample = list(islice(records, _SAMPLE))
            mapping = mappings.choose(record for record in sample if isinstance(record, MarcRecord))
            for found in chain(sample, records):
                place = Place(path.name, found.number)
                if isinstance(found, Unreadable):
                    run.unreadable(place, found.reason)
                else:
                    described = describe(found, mapping, branch)
                    run.take(place, found, _at_home(described, network, branch, run.remarks, place))
            run.flush()
        return run.report()


def _at_home(described: Described, network: Network | None, branch: str, remarks: Remarks, place: Place) -> Described:
    """With items of unknown branches at home here."""
    if network is None or all(item.branch in network for item in described.items):
        return described
    items = []
    for item in described.items:
        if item.branch in network:
            items.append(item)
        else:
            remarks.add(Entry(place, item.item_id, Reason.BRANCH_UNKNOWN, detail=item.branch))
            items.append(replace(item, branch=branch))
    return replace(described, items=tuple(items))


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """Takes records, decides who has which barcode, writes in batches, counts."""

    reference: Reference
    seen: _Seen
    dry_run: bool
    remarks: Remarks = field(default_factory=Remarks)
    waiting: list[tuple[Place, Described]] = field(default_factory=list)
    waiting_items: int = 0
    read: int = 0
    titles: int = 0
    items: int = 0
    merged: int = 0
    repeated: int = 0

    def unreadable(self, place: Place, reason: Reason) -> None:
        self.read += place.record > 0
        self.remarks.add(Entry(place, "", reason))

    def take(self, place: Place, record: MarcRecord, described: Described) -> None:
        self.read += 1
        for reason in sorted(record.reasons, key=lambda reason: reason.name):
            self.remarks.add(Entry(place, described.identifier, reason))
        for remark in described.remarks:
            self.remarks.add(
                Entry(place, remark.identifier or described.identifier, remark.reason, detail=remark.detail)
            )
        self.waiting.append((place, described))
        self.waiting_items += len(described.items)
        if len(self.waiting) >= _BATCH or self.waiting_items >= _BATCH_ITEMS:
            self.flush()

    def flush(self) -> None:
        """Decide and write what is waiting."""
        if not self.waiting:
            return
        batch = self._decided()
        self.seen.remember(batch.titles_met, batch.items_met)
        if not self.dry_run:
            self.reference.write(
                self._joined(batch),
                batch.items,
                sources={item.item_id: batch.items_met[item.item_id].source for item in batch.items},
                abandoned=batch.left.keys() - self.seen.titles(batch.left.keys()).keys(),
            )
        self.waiting.clear()
        self.waiting_items = 0

    def report(self) -> CatalogueReport:
        return CatalogueReport(
            dry_run=self.dry_run,
            read=self.read,
            tallies=self.remarks.tallies(),
            repaired=self.remarks.listed(Outcome.REPAIRED),
            refused=self.remarks.listed(Outcome.REFUSED),
            titles=self.titles,
            items=self.items,
            merged=self.merged,
            repeated=self.repeated,
        )

    def _decided(self) -> _Batch:
        barcodes = {item.item_id for _, described in self.waiting for item in described.items}
        title_ids = {key for _, described in self.waiting for key in (described.title.title_id, described.fingerprint)}
        known = self.reference.claims(barcodes)
        met_before, items_before = self.seen.titles(title_ids), self.seen.items(barcodes)
        batch = _Batch()
        for place, found in self.waiting:
            described = found
            first = batch.titles_met.get(found.title.title_id) or met_before.get(found.title.title_id)
            if found.controlled and first and first.fingerprint != found.fingerprint:
                self.remarks.add(Entry(place, found.identifier, Reason.CONTROL_NUMBER_TWICE, first.place))
                described = found.on_its_own()
                first = batch.titles_met.get(found.fingerprint) or met_before.get(found.fingerprint)
            title = described.title
            if first is None:
                batch.titles_met[title.title_id] = _MetTitle(described.fingerprint, place)
                batch.titles[title.title_id] = title
                self.titles += 1
            else:
                batch.more.append(title)
            again = [self._decide(place, described, item, known, items_before, batch) for item in described.items]
            if first is not None:
                seen_before = all(again) and (again or described.controlled)
                self.repeated += bool(seen_before)
                self.merged += not seen_before
        return batch

    def _decide(
        self,
        place: Place,
        described: Described,
        item: Item,
        known: dict[str, Claim],
        before: dict[str, _MetItem],
        batch: _Batch,
    ) -> bool:
        """Give a barcode to its item or refuse it; whether this very copy has been met in this run already."""
        earlier = batch.items_met.get(item.item_id) or before.get(item.item_id)
        if earlier is not None:
            if earlier.source == described.source and earlier.place != place:
                return True
            self._refuse(place, item, earlier.title_id, earlier.place)
            return False
        claim = known.get(item.item_id)
        if claim is not None:
            if claim.source_record not in (described.source, "") or (
                not claim.source_record and claim.title_id != item.title_id
            ):
                self._refuse(place, item, claim.title_id, None, claim.source_record)
                return False
            if claim.title_id != item.title_id:
                self.remarks.add(Entry(place, item.item_id, Reason.ITEM_MOVED))
                if claim.title_id.startswith("~"):
                    batch.left[claim.title_id] = None
        batch.items_met[item.item_id] = _MetItem(described.source, item.title_id, place)
        batch.items.append(item)
        self.items += 1
        return False

    def _refuse(self, place: Place, item: Item, title_id: str, other: Place | None, source: str = "") -> None:
        same = title_id == item.title_id
        reason = Reason.BARCODE_TAKEN_SAME_TITLE if same else Reason.BARCODE_TAKEN
        self.remarks.add(Entry(place, item.item_id, reason, other, "" if source.startswith("~") else source))

    def _joined(self, batch: _Batch) -> list[Title]:
        """The titles to write: new ones, and those that another copy's record says more of."""
        titles = dict(batch.titles)
        written = self.reference.titles({title.title_id for title in batch.more} - titles.keys())
        for title in batch.more:
            first = titles.get(title.title_id) or written.get(title.title_id)
            if first is not None and (both := _both(first, title)) != first:
                titles[title.title_id] = both
        return list(titles.values())


def _both(first: Title, other: Title) -> Title:
    """What two records say of one title; where they differ, the first."""
    return replace(
        first,
        author=first.author or other.author,
        publisher=first.publisher or other.publisher,
        year=first.year or other.year,
        volume=first.volume or other.volume,
        call_number=first.call_number or other.call_number,
        language=first.language or other.language,
        subjects=tuple(dict.fromkeys((*first.subjects, *other.subjects))),
        isbns=tuple(dict.fromkeys((*first.isbns, *other.isbns))),
    )


@dataclass(slots=True)
class _Batch:
    """What has been decided of one batch: what is met for the first time in this run, and what will be written."""

    titles_met: dict[str, _MetTitle] = field(default_factory=dict)
    items_met: dict[str, _MetItem] = field(default_factory=dict)
    titles: dict[str, Title] = field(default_factory=dict)
    #: Further records of titles that have been met.
    more: list[Title] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    #: Titles that items have left.
    left: dict[str, None] = field(default_factory=dict)


# --- what this run has met --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _MetTitle:
    fingerprint: str
    place: Place


@dataclass(frozen=True, slots=True)
class _MetItem:
    source: str
    title_id: str
    place: Place


class _Seen:
    """The titles and barcodes of this run and the records that brought them, on disk.

    SQLite makes a private file for a database without a name and removes it by itself.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE title (id TEXT PRIMARY KEY, fingerprint TEXT, file TEXT, record INTEGER) WITHOUT ROWID;
            CREATE TABLE item (id TEXT PRIMARY KEY, source TEXT, title TEXT, file TEXT, record INTEGER) WITHOUT ROWID;
            """
        )

    def close(self) -> None:
        self._database.close()

    def remember(self, titles: dict[str, _MetTitle], items: dict[str, _MetItem]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO title VALUES (?, ?, ?, ?)",
            [(key, met.fingerprint, met.place.file, met.place.record) for key, met in titles.items()],
        )
        self._database.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
            [(key, met.source, met.title_id, met.place.file, met.place.record) for key, met in items.items()],
        )
        self._database.execute("COMMIT")

    def titles(self, ids: Collection[str]) -> dict[str, _MetTitle]:
        return {
            key: _MetTitle(fingerprint, Place(file, record))
            for key, fingerprint, file, record in self._find("SELECT * FROM title WHERE id = ?", ids)
        }

    def items(self, ids: Collection[str]) -> dict[str, _MetItem]:
        return {
            key: _MetItem(source, title, Place(file, record))
            for key, source, title, file, record in self._find("SELECT * FROM item WHERE id = ?", ids)
        }

    def _find(self, query: str, ids: Collection[str]) -> Iterator[tuple[Any, ...]]:
        for key in ids:
            yield from self._database.execute(query, (key,))
