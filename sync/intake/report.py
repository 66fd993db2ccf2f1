"""What an import says of itself: what came in, what was repaired, what was refused and why.

Every remark has a :class:`~sync.intake.reasons.Reason` and is counted by it; those that somebody can act on are listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from config.phrase import Phrase
from sync.intake.reasons import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file by its name, and the record (or sheet row) counted from 1; 0 is the whole file."""

    file: str
    record: int = 0

    def phrase(self) -> Phrase:
        """``record 12 of books.mrc``."""
        if not self.record:
            return Phrase(self.file, self.file)
        return Phrase(f"số {self.record} trong {self.file}", f"no. {self.record} of {self.file}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One remark on one record, item or row.

    ``identifier`` is how the library knows it: a barcode where the remark is on a copy, else the record's own number.
    It is empty for patrons, whose numbers do not belong in a report that is passed around: the row says where to look.
    ``other`` is where the thing stands that is in the way; ``other_identifier`` what it is called when it came in with
    an earlier import.
    """

    place: Place
    identifier: str
    reason: Reason
    other: Place | None = None
    other_identifier: str = ""
    detail: str = ""

    def phrase(self) -> Phrase:
        """The reason in words."""
        earlier = f" ({self.other_identifier})" if self.other_identifier else ""
        other = self.other.phrase() if self.other else Phrase(f"lần nhập trước{earlier}", f"an earlier import{earlier}")
        return self.reason.phrase.fill(other=other, detail=self.detail)

    def as_json(self) -> dict[str, object]:
        """As it stands in the JSON of an import."""
        entry: dict[str, object] = {
            "record": self.place.record,
            "identifier": self.identifier,
            "reason": self.reason.code,
            "file": self.place.file,
        }
        if self.other:
            entry |= {"other_record": self.other.record, "other_file": self.other.file}
        if self.other_identifier:
            entry["other_identifier"] = self.other_identifier
        if self.detail:
            entry["detail"] = self.detail
        return entry


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a reason was given; ``detail`` sets cases apart, such as the codes that were not known."""

    reason: Reason
    detail: str
    count: int

    def phrase(self) -> Phrase:
        """The reason in words."""
        return self.reason.phrase.fill(other=Phrase("mục khác", "another entry"), detail=self.detail)

    def as_json(self) -> dict[str, object]:
        """As it stands in the JSON of an import."""
        return {
            "reason": self.reason.code,
            "outcome": self.reason.outcome.value,
            "detail": self.detail,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do when ``dry_run``.

    ``read`` counts records (or rows) seen, broken ones among them. ``tallies`` count every remark by reason, most
    frequent first; ``repaired`` and ``refused`` list those that somebody can act on, in the order of the files.
    """

    dry_run: bool
    read: int
    tallies: tuple[Tally, ...]
    repaired: tuple[Entry, ...]
    refused: tuple[Entry, ...]

    def count(self, reason: Reason) -> int:
        """How often a reason was given."""
        return sum(tally.count for tally in self.tallies if tally.reason is reason)

    def as_json(self) -> dict[str, object]:
        """The JSON of an import (design: the command line)."""
        return {
            "dry_run": self.dry_run,
            "read": self.read,
            "repaired": [entry.as_json() for entry in self.repaired],
            "refused": [entry.as_json() for entry in self.refused],
            "counts": [tally.as_json() for tally in self.tallies],
        }


@dataclass(frozen=True, slots=True)
class CatalogueReport(ImportReport):
    """An import of titles and items.

    ``titles`` and ``items`` are those that the files describe, each counted once. ``merged`` records described a title
    that an earlier record had brought (another copy of the same edition); ``repeated`` ones were the same record again.
    """

    titles: int
    items: int
    merged: int
    repeated: int

    def as_json(self) -> dict[str, object]:
        """The JSON of an import, with ``titles`` and ``items`` as counts."""
        return ImportReport.as_json(self) | {
            "titles": self.titles,
            "items": self.items,
            "merged": self.merged,
            "repeated": self.repeated,
        }


@dataclass(frozen=True, slots=True)
class PatronReport(ImportReport):
    """An import of patrons; ``cards`` counts the numbers that now stand for one."""

    patrons: int
    cards: int

    def as_json(self) -> dict[str, object]:
        """The JSON of an import, with ``patrons`` and ``cards`` as counts."""
        return ImportReport.as_json(self) | {"patrons": self.patrons, "cards": self.cards}


@dataclass(frozen=True, slots=True)
class TagReport(ImportReport):
    """An import of chips by UID; ``tags`` counts those that now stand for an item."""

    tags: int

    def as_json(self) -> dict[str, object]:
        """The JSON of an import, with ``tags`` as a count."""
        return ImportReport.as_json(self) | {"tags": self.tags}


@dataclass(slots=True)
class Remarks:
    """Gathers remarks while an import runs. Those of one file come before those of the next, in any order."""

    _listed: list[Entry] = field(default_factory=list)
    _files: dict[str, int] = field(default_factory=dict)
    _counts: Counter[tuple[Reason, str]] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count a remark, and list it where its reason is one that is listed."""
        self._counts[entry.reason, entry.detail] += 1
        if entry.reason.listed:
            self._files.setdefault(entry.place.file, len(self._files))
            self._listed.append(entry)

    def listed(self, outcome: Outcome) -> tuple[Entry, ...]:
        """The listed remarks of one outcome, in the order of the files and of the records in them."""
        return tuple(
            sorted(
                (entry for entry in self._listed if entry.reason.outcome is outcome),
                key=lambda entry: (self._files[entry.place.file], entry.place.record),
            )
        )

    def tallies(self) -> tuple[Tally, ...]:
        """All counts, most frequent first."""
        return tuple(
            Tally(reason, detail, count)
            for (reason, detail), count in sorted(
                self._counts.items(), key=lambda found: (-found[1], found[0][0].name, found[0][1])
            )
        )


#: Told of bytes read, and of how many there are in all.
Progress = Callable[[int, int], None]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # reported when it is read
        return 0


@dataclass(slots=True)
class Told:
    """Adds up the bytes of all files for a progress bar."""

    total: int
    progress: Progress | None
    done: int = 0

    @classmethod
    def of(cls, paths: Sequence[Path], progress: Progress | None) -> Self:
        """Nothing read yet of these files."""
        return cls(sum(map(_size, paths)), progress)

    def advance(self, count: int) -> None:
        """So many bytes more."""
        self.done += count
        if self.progress:
            self.progress(self.done, self.total)
