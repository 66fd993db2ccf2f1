"""A file of catalogue records, whichever of MARC's two forms it has, to records of clean text.

Records are numbered from 1 in the order of the file; one that could not be read keeps its number, so that the number in
a report is the one a person finds by counting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sync.intake import iso2709, marcxml
from sync.intake.characters import clean
from sync.intake.reasons import Reason

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Field:
    """A field: ``text`` of a control field, or ``subfields`` as (code, text) pairs with two ``indicators``."""

    tag: str
    indicators: str = "  "
    text: str = ""
    subfields: tuple[tuple[str, str], ...] = ()

    def all(self, codes: str) -> list[str]:
        """The non-empty subfields with any of these codes, in the order of the record."""
        return [text for code, text in self.subfields if text and code in codes]

    def first(self, codes: str) -> str:
        """The first non-empty subfield by these codes, the first code preferred; empty when there is none."""
        return next((text for wanted in codes for code, text in self.subfields if text and code == wanted), "")


@dataclass(frozen=True, slots=True)
class MarcRecord:
    """One record; ``reasons`` say what had to be put right to read it."""

    number: int
    fields: tuple[Field, ...]
    reasons: frozenset[Reason] = frozenset()

    def all(self, *tags: str) -> list[Field]:
        """The fields with any of these tags, in the order of the record."""
        return [field for field in self.fields if field.tag in tags]

    def first(self, tag: str, codes: str) -> str:
        """The first non-empty subfield of any field with this tag, by the order of ``codes``; empty when none."""
        return next((text for field in self.fields if field.tag == tag and (text := field.first(codes))), "")

    def control(self, tag: str) -> str:
        """The text of a control field; empty when there is none."""
        return next((field.text for field in self.fields if field.tag == tag and field.text), "")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that could not be read, or (``number`` 0) a whole file."""

    number: int
    reason: Reason


def read_records(path: Path, advance: Callable[[int], None]) -> Iterator[MarcRecord | Unreadable]:
    """The records of a file, one after the other; ``advance`` is told of each so many bytes read. Never raises."""
    try:
        with path.open("rb") as stream:
            yield from _records(_blocks(stream.read, advance))
    except OSError:
        yield Unreadable(0, Reason.FILE_UNREADABLE)


def _blocks(read: Callable[[int], bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    while block := read(_BLOCK):
        yield block
        advance(len(block))


def _records(blocks: Iterator[bytes]) -> Iterator[MarcRecord | Unreadable]:
    first = next(blocks, b"")
    if not first.strip():
        following = next(blocks, b"")
        if not following:
            yield Unreadable(0, Reason.FILE_EMPTY)
            return
        first += following
    form = marcxml.records if marcxml.looks_like_xml(first) else iso2709.records
    debris: Reason | None = None
    anything = False
    for number, found in enumerate(form(chain((first,), blocks)), start=1):
        if number == 1 and not isinstance(found, iso2709.Raw) and found in iso2709.DEBRIS:
            # Of a file that is no catalogue at all, this is all there is.
            debris = found
            continue
        if debris and not anything:
            yield Unreadable(1, debris)
        anything = True
        yield _cleaned(number, found) if isinstance(found, iso2709.Raw) else Unreadable(number, found)
    if not anything:
        yield Unreadable(0, Reason.NOT_MARC)


def _cleaned(number: int, raw: iso2709.Raw) -> MarcRecord:
    reasons = set(raw.reasons)
    fields = tuple(
        Field(tag, indicators, clean(content, reasons))
        if isinstance(content, str)
        else Field(tag, indicators, subfields=tuple((code, clean(text, reasons)) for code, text in content))
        for tag, indicators, content in raw.fields
    )
    return MarcRecord(number, fields, frozenset(reasons))
