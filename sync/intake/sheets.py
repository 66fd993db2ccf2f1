"""Rows out of CSV and XLSX, as spreadsheet programs and library systems write them.

Theory of operation. What a file is, its first bytes say, not its name. A CSV file has neither its encoding nor its
separator written on it. UTF-8 and UTF-16 are recognised by their own shape, and windows-1258 by its words being
Vietnamese; anything else is refused, because letters guessed wrong would go into readers' names. The separator is the
one that cuts the most lines into the same number of cells. A quotation mark that is never closed would swallow the rest
of a file; here it spoils its own line.

Rows keep the number that a spreadsheet program shows beside them.
"""

from __future__ import annotations

import codecs
import csv
import struct
import unicodedata
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from sync.intake.cells import Cell
from sync.intake.characters import DAMAGED, likeliest_legacy
from sync.intake.reasons import Reason
from sync.text import nfc

#: Lines that a quoted cell may go over (an address has two or three).
_LINES_IN_A_CELL = 20
_SAMPLE = 1 << 16
_BLOCK = 1 << 18
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """A row as numbered in a spreadsheet program. Text is NFC on one line; an empty cell is ``None``.

    ``reason`` is set when the row could not be cut into cells.
    """

    number: int
    cells: tuple[Cell, ...]
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a file; ``name`` is empty for the only one of a CSV file."""

    name: str
    rows: Iterator[Row]


def read_sheets(path: Path, advance: Callable[[int], None]) -> Iterator[Sheet | Reason]:
    """The tables of a file, each to be read before the next is asked for; a reason where the file cannot be read.

    ``advance`` is told of each so many bytes read. Never raises.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(_SAMPLE)
            stream.seek(0)
            if not start.strip():
                yield Reason.FILE_EMPTY
            elif start.startswith(b"PK\x03\x04"):
                yield from _workbook(stream)
                advance(path.stat().st_size)
            elif start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
                yield Reason.OLD_WORKBOOK
            else:
                yield from _csv(stream, start, advance)
    except OSError:
        yield Reason.FILE_UNREADABLE


# --- CSV --------------------------------------------------------------------------------------------------------------


def _csv(stream: BinaryIO, start: bytes, advance: Callable[[int], None]) -> Iterator[Sheet | Reason]:
    encoding = _encoding(stream, start)
    if encoding is None:
        yield Reason.ENCODING_UNKNOWN
        return
    stream.seek(0)
    lines = _lines(stream, encoding, advance)
    sample = list(islice(lines, 200))
    separator, width = _separator(sample)
    if any("\0" in line for line in sample):
        yield Reason.NOT_A_TABLE
    else:
        yield Sheet("", _csv_rows(chain(sample, lines), separator, width))


def _encoding(stream: BinaryIO, start: bytes) -> str | None:
    """The encoding of a whole text file; ``None`` when there is none that fits."""
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.count(0) > len(start) // 8:
        # Every other byte of UTF-16 is 0 in what is mostly ASCII: the second of a pair in little-endian order.
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    letters = damaged = 0
    odd = bytearray()
    while block := stream.read(_BLOCK):
        text = decoder.decode(block)
        letters += len(text) - len(text.encode("ascii", "ignore"))
        damaged += text.count(DAMAGED)
        if len(odd) < _SAMPLE:
            odd += b"\n".join(line for line in block.splitlines() if not line.isascii())[:_SAMPLE]
    # A broken letter here and there spoils its own row, not the file.
    if damaged * 10 <= letters:
        return "utf-8"
    return likeliest_legacy(bytes(odd))


def _lines(stream: BinaryIO, encoding: str, advance: Callable[[int], None]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    while block := stream.read(_BLOCK):
        *lines, rest = (rest + decoder.decode(block)).replace("\r\n", "\n").split("\n")
        yield from lines
        advance(len(block))
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _separator(lines: list[str]) -> tuple[str, int]:
    """The separator that cuts the most lines into the same number of cells, more than one; and that number."""

    def fit(separator: str) -> tuple[int, int]:
        widths = Counter(len(cells) for line in lines if line.strip() and len(cells := _cut(line, separator)) > 1)
        width, count = max(widths.items(), key=lambda found: (found[1], found[0]), default=(0, 0))
        return count, width

    best = max(_SEPARATORS, key=fit)
    return best, fit(best)[1]


def _csv_rows(lines: Iterator[str], separator: str, width: int) -> Iterator[Row]:
    number = 0
    pending: list[str] = []
    for line in lines:
        pending.append(line)
        if len(pending) < _LINES_IN_A_CELL and _is_open(pending, separator):
            continue
        for row in _finished(pending, separator, width, number):
            number = row.number
            yield row
        pending = []
    if pending:
        yield from _finished(pending, separator, width, number)


def _is_open(lines: list[str], separator: str) -> bool:
    """Whether a cell that begins with a quotation mark is still open at the end (RFC 4180, 2.5 to 2.7)."""
    text, at = "\n".join(lines), 0
    if '"' not in text:
        return False
    while True:
        if text.startswith('"', at):
            at += 1
            while (close := text.find('"', at)) >= 0 and text.startswith('"', close + 1):
                at = close + 2
            if close < 0:
                return True
            at = close + 1
        following = text.find(separator, at)
        if following < 0:
            return False
        at = following + 1


def _finished(lines: list[str], separator: str, width: int, before: int) -> Iterator[Row]:
    """The row that these lines are; or each line by itself, the first spoilt, if its quotation mark took the others."""
    if not _is_open(lines, separator):
        cells = _cut("\n".join(lines), separator, strict=len(lines) > 1)
        if len(lines) == 1 or (cells and len(cells) <= width):
            yield Row(before + 1, _cells(cells))
            return
    yield Row(before + 1, (), Reason.QUOTE_OPEN)
    for number, line in enumerate(lines[1:], start=before + 2):
        if _is_open([line], separator):
            yield Row(number, (), Reason.QUOTE_OPEN)
        else:
            yield Row(number, _cells(_cut(line, separator)))


def _cut(line: str, separator: str, *, strict: bool = False) -> list[str]:
    """The cells of a row; none when it is ``strict`` and something stands between a quotation mark and a separator."""
    # csv takes a lone carriage return for the end of a row; inside a cell it is white space.
    text = line.replace("\r", " ").replace("\n", " ")
    try:
        return next(csv.reader([text], delimiter=separator, strict=strict), [])
    except csv.Error:  # or a cell of more than 128 KB
        return [] if strict else [DAMAGED]


def _cells(texts: list[str]) -> tuple[Cell, ...]:
    return tuple(_text(text) for text in texts)


def _text(text: str) -> str | None:
    # A control character is not meant; what a spreadsheet puts before a number to make it text is not part of it.
    damaged = "".join(DAMAGED if unicodedata.category(c) == "Cc" and not c.isspace() else c for c in text)
    return nfc(damaged).removeprefix("'") or None


# --- XLSX -------------------------------------------------------------------------------------------------------------

#: openpyxl names no family of errors for files that are broken inside: these are what it meets in zip, XML and numbers.
_BROKEN = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    SyntaxError,  # XML's ParseError is one
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
    RuntimeError,  # a password; NotImplementedError for a compression nobody knows
)
_ROWS_AT_ONCE = 500


def _workbook(stream: BinaryIO) -> Iterator[Sheet | Reason]:
    try:
        with _quietly():
            workbook = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    except _BROKEN:
        yield Reason.NOT_A_TABLE
        return
    for sheet in sheets:
        yield Sheet(sheet.title, _sheet_rows(sheet))
    workbook.close()


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    number = 0
    try:
        with _quietly():
            # The size that is written in the file is often wrong, and openpyxl would believe it.
            sheet.reset_dimensions()
            rows = sheet.iter_rows()
        while True:
            with _quietly():
                some = [tuple(map(_value, row)) for row in islice(rows, _ROWS_AT_ONCE)]
            if not some:
                return
            for cells in some:
                number += 1
                yield Row(number, cells)
    except _BROKEN:
        yield Row(number + 1, (), Reason.NOT_A_TABLE)


def _quietly() -> warnings.catch_warnings[None]:
    """openpyxl warns of what it leaves out (styles, extensions) and quotes cells; neither is anybody's concern here."""
    return warnings.catch_warnings(action="ignore")


def _value(cell: Any) -> Cell:
    value = cell.value
    if isinstance(value, str):
        return None if cell.data_type == "e" else _text(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and set(cell.number_format or "") == {"0"}:
        # A format of nothing but noughts shows a number with leading ones: that is what is printed on the card.
        return f"{value:0{len(cell.number_format)}d}"
    return value if isinstance(value, Cell) else None
