"""ISO 2709 from files as they are: every record that is whole comes out, every one that is not is mended or named.

Theory of operation. Two witnesses say where a record and its fields are: numbers (the record length, the base address,
the directory's lengths and offsets) and marks (terminators 0x1D and 0x1E). The file is cut at 0x1D. A piece whose
numbers agree with its marks is one record. Where they do not agree, a whole record may still stand at the end of the
piece, after the remains of a cut one or something that is no record; it is found by its own length. What is before it,
or all of it, is cut where leaders can be recognised and *mended*: the fields are taken by whichever witness is
consistent in itself, and the record is written anew. So pymarc, which trusts the numbers, only ever sees records whose
numbers are right; it raises nothing, and has no reason to quote a record in its log.

Not every record can be mended. One that ends before its last field is refused rather than taken by halves: its last
field is as a rule the copies' own, and half a barcode is another barcode.

Source: ISO 2709:2008, clause 4; MARC 21 Specifications for Record Structure, Character Sets, and Exchange Media, part
1.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pymarc

from sync.intake.characters import decode
from sync.intake.reasons import Reason

RECORD_END, FIELD_END, DELIMITER = b"\x1d", b"\x1e", b"\x1f"
LEADER = 24
ENTRY = 12
#: What five digits can say (ISO 2709, 4.3).
LONGEST_RECORD = 99_999
LONGEST_FIELD = 9_999

#: What is no record, or no longer one.
DEBRIS = frozenset({Reason.RUBBISH, Reason.BEGINNING_LOST})

# Should pymarc complain after all: its complaints quote fields, and what a file says never goes to a log.
logging.getLogger("pymarc").addFilter(lambda _: False)


@dataclass(frozen=True, slots=True)
class Raw:
    """A record's fields, decoded but not cleaned: (tag, indicators, text) or (tag, indicators, (code, text) pairs)."""

    fields: tuple[tuple[str, str, str | tuple[tuple[str, str], ...]], ...]
    reasons: frozenset[Reason] = frozenset()


def records(blocks: Iterator[bytes]) -> Iterator[Raw | Reason]:
    """The records of a file in order; a reason stands for one that could not be read, or for a run of ``DEBRIS``."""
    in_debris = False
    for piece, ended in _pieces(blocks):
        for segment, whole in _segments(piece, ended):
            read = _read(segment, whole)
            if read in DEBRIS and in_debris:
                continue
            in_debris = read in DEBRIS
            yield read


# --- where records begin and end --------------------------------------------------------------------------------------

#: Enough of a leader to begin a record where numbers cannot be trusted: status, type and level, the fixed 22 and 4500.
_LEADER = re.compile(rb"(?=[0-9 ]{5}[a-z ][a-z ][a-z ][a-z #][a-z #]22[0-9 ]{5}[\x20-\x7e]{3}45[0-9 ]{2})")
_FIVE_DIGITS = re.compile(rb"(?=([0-9]{5}))")
#: What text editors, transfers and file systems leave between records: white space, NUL, end of file, byte-order marks.
_PADDING = re.compile(rb"(?:[\s\x00\x1a]|\xef\xbb\xbf)+")


def _pieces(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """A file in pieces without 0x1D inside; whether each had one behind it."""
    rest = b""
    for block in blocks:
        *ended, rest = (rest + block).split(RECORD_END)
        for piece in ended:
            yield piece, True
        while len(rest) > 3 * LONGEST_RECORD:
            # No record is this long, so its end is missing, or there is none. A record that is still whole can only
            # begin in what is kept.
            oldest = len(rest) - LONGEST_RECORD
            first = _LEADER.search(rest, oldest)
            cut = first.start() if first else oldest
            yield rest[:cut], False
            rest = rest[cut:]
    if rest:
        yield rest, False


def _segments(piece: bytes, ended: bool) -> Iterator[tuple[bytes, bool]]:
    """The records, or remains of records, in a piece; whether each had its 0x1D behind it."""
    padding = _PADDING.match(piece)
    start = padding.end() if padding else 0
    if start == len(piece):
        return
    if start >= 5 and _LEADER.match(piece, start - 5):  # a record length of blanks is no padding
        start -= 5
    whole_from = _whole_record(piece, start) if ended else len(piece)
    starts = [start]
    if whole_from > start:
        starts += [found.start() for found in _LEADER.finditer(piece, start + 1, whole_from)]
    starts += [whole_from] if start < whole_from < len(piece) else []
    for begin, end in zip(starts, [*starts[1:], len(piece)], strict=True):
        if _PADDING.fullmatch(piece, begin, end) is None:
            yield piece[begin:end], ended and end == len(piece)


def _whole_record(piece: bytes, start: int) -> int:
    """Where a record begins that is whole and ends with the piece; the piece's length when there is none."""
    for digits in _FIVE_DIGITS.finditer(piece, start):
        at = digits.start()
        if int(digits[1]) == len(piece) + 1 - at and _by_agreement(piece[at:]) is not None:
            return at
    return len(piece)


# --- the fields of one record -----------------------------------------------------------------------------------------

_Fields = list[tuple[bytes, bytes]]

_ENTRIES = re.compile(rb"(?:[0-9A-Za-z]{3}[0-9]{9})+")
_TAG = re.compile(rb"[0-9A-Za-z]{3}")
#: A delimiter with no code behind it that could be one.
_NO_CODE = re.compile(rb"\x1f+(?=[^\x21-\x7e]|$)")
_WHOLE_FIELD = re.compile(rb"[\x20-\x7e]{2}(?:\x1f[\x21-\x7e][^\x1f]*)*")


def _read(segment: bytes, ended: bool) -> Raw | Reason:
    """One record out of a segment (without its 0x1D), or why there is none."""
    reasons: set[Reason] = set()
    fields = _by_agreement(segment) if ended else None
    if fields is None:
        mended = _mend(segment, ended, reasons)
        if isinstance(mended, Reason):
            return Reason.TOO_LONG if len(segment) > LONGEST_RECORD and _LEADER.match(segment) else mended
        fields = mended
    tidy = [entry for field in fields if (entry := _tidy(*field, reasons)) is not None]
    if not tidy:
        return Reason.DIRECTORY_BROKEN
    raw = segment + RECORD_END if not reasons else _assemble(segment[:LEADER], tidy)
    if raw is None:
        return Reason.TOO_LONG
    return _decoded(pymarc.Record(raw, to_unicode=False), reasons)


def _entries(directory: bytes) -> list[tuple[bytes, int, int]]:
    """Tag, length and offset of each entry."""
    return [
        (directory[at : at + 3], int(directory[at + 3 : at + 7]), int(directory[at + 7 : at + 12]))
        for at in range(0, len(directory), ENTRY)
    ]


def _by_agreement(segment: bytes) -> _Fields | None:
    """The fields of a record (without its 0x1D) whose numbers and marks agree throughout."""
    length, base = segment[:5], segment[12:17]
    if not (length.isdigit() and base.isdigit() and int(length) == len(segment) + 1):
        return None
    start = int(base)
    if start <= LEADER + ENTRY or segment[start - 1 : start] != FIELD_END or not segment[:LEADER].isascii():
        return None
    directory, body = segment[LEADER : start - 1], segment[start:]
    if not _ENTRIES.fullmatch(directory) or len(directory) % ENTRY:
        return None
    entries = _entries(directory)
    if sum(size for _, size, _ in entries) != len(body) or len(entries) != body.count(FIELD_END):
        return None
    fields = [(tag, body[offset : offset + size]) for tag, size, offset in entries]
    if not all(data.endswith(FIELD_END) and data.count(FIELD_END) == 1 for _, data in fields):
        return None
    return [(tag, data[:-1]) for tag, data in fields]


def _mend(segment: bytes, ended: bool, reasons: set[Reason]) -> _Fields | Reason:
    """The fields of a record by the one witness that is consistent; or why neither is. What was wrong is noted."""
    directory_end = _directory_end(segment)
    directory, body = segment[LEADER:directory_end], segment[directory_end + 1 :]
    if directory_end <= LEADER or len(directory) % ENTRY or DELIMITER in directory:
        return _remains(segment, ended)
    if _ENTRIES.fullmatch(directory):
        entries = _entries(directory)
        ends = _extent(entries)
        marked = all(body.find(FIELD_END, offset) == offset + size - 1 for _, size, offset in entries)
        # The last terminator may be lost together with the record's own; other rubbish may follow.
        if (ends and marked) or ends == len(body) or (not ended and ends == len(body) + 1):
            reasons.add(Reason.LENGTH_WRONG if ended else Reason.TERMINATOR_MISSING)
            rest = body[ends:]
            if len(rest) > 1 and not _PADDING.fullmatch(rest):
                reasons.add(_remains(rest, ended))
            return [
                (tag, body[offset : offset + size].removesuffix(FIELD_END).replace(FIELD_END, b" "))
                for tag, size, offset in entries
            ]
    tags = [directory[at : at + 3] for at in range(0, len(directory), ENTRY)]
    if ended or body.endswith(FIELD_END):
        parts = body.removesuffix(FIELD_END).split(FIELD_END)
        if len(parts) == len(tags):
            reasons.add(Reason.LENGTH_WRONG)
            return list(zip(tags, parts, strict=True))
    return Reason.CUT_SHORT if body.count(FIELD_END) < len(tags) else Reason.DIRECTORY_BROKEN


def _directory_end(segment: bytes) -> int:
    """Where the directory's terminator stands: by the base address if a directory leads there, else the first one."""
    base = segment[12:17]
    if base.isdigit() and _ENTRIES.fullmatch(segment, LEADER, max(int(base) - 1, LEADER)) and int(base) <= len(segment):
        return int(base) - 1
    return segment.find(FIELD_END, LEADER)


def _extent(entries: list[tuple[bytes, int, int]]) -> int:
    """How long the fields are together when they follow each other without a gap; 0 when they do not."""
    ends = 0
    for _, size, offset in sorted(entries, key=lambda entry: entry[2]):
        if offset != ends or size < 1:
            return 0
        ends += size
    return ends


def _remains(segment: bytes, ended: bool) -> Reason:
    """What to call a segment in which no directory can be made out."""
    if _LEADER.match(segment):
        return Reason.DIRECTORY_BROKEN if ended and FIELD_END in segment else Reason.CUT_SHORT
    if FIELD_END in segment or DELIMITER in segment:
        return Reason.BEGINNING_LOST
    return Reason.RUBBISH


def _is_control(tag: bytes) -> bool:
    return tag < b"010" and tag.isdigit()


def _tidy(tag: bytes, data: bytes, reasons: set[Reason]) -> tuple[bytes, bytes] | None:
    """A field that pymarc reads as it is meant: two indicators and codes that are codes."""
    if not _TAG.fullmatch(tag) or len(data) >= LONGEST_FIELD:
        reasons.add(Reason.FIELD_DROPPED)
        return None
    if _is_control(tag):
        return tag, data
    if _WHOLE_FIELD.fullmatch(data):
        return tag, data
    reasons.add(Reason.STRAY_DELIMITER)
    indicators, delimiter, content = data.partition(DELIMITER)
    if not delimiter:
        indicators, content = b"", b"a" + data
    indicators = (indicators if len(indicators) == 2 and indicators.isascii() else b"  ").translate(_PRINTABLE)
    content = _NO_CODE.sub(b"", DELIMITER + content)
    if not content.startswith(DELIMITER):
        content = DELIMITER + b"a" + content
    return tag, indicators + content


_PRINTABLE = bytes(byte if 0x20 <= byte < 0x7F else 0x20 for byte in range(256))


def _assemble(leader: bytes, fields: _Fields) -> bytes | None:
    """A record with right numbers, ``None`` when they have too many digits. Of the leader only the flag is kept.

    The record's whole length may have too many: nobody needs it, because its end is known.
    """
    directory, offset = [], 0
    for tag, data in fields:
        if offset > LONGEST_RECORD:
            return None
        directory.append(b"%b%04d%05d" % (tag, len(data) + 1, offset))
        offset += len(data) + 1
    base = LEADER + ENTRY * len(directory) + 1
    if base > LONGEST_RECORD:
        return None
    flag = b"a" if leader[9:10] == b"a" else b" "
    head = b"%05dnam %b22%05d   4500" % (min(base + offset + 1, LONGEST_RECORD), flag, base)
    return head + b"".join(directory) + FIELD_END + b"".join(data + FIELD_END for _, data in fields) + RECORD_END


def _decoded(record: pymarc.Record, reasons: set[Reason]) -> Raw:
    values: list[bytes] = []
    for field in record.fields:
        if field.control_field:
            values.append(_bytes(field.data))
        else:
            values += [_bytes(value) for _, value in field.subfields]
    texts, found = decode(values, record.leader[9] == "a")
    text = iter(texts)
    return Raw(
        tuple(
            (field.tag, "  ", next(text))
            if field.control_field
            else (
                field.tag,
                "".join(field.indicators or "  "),
                tuple((code, next(text)) for code, _ in field.subfields),
            )
            for field in record.fields
        ),
        frozenset(reasons | found),
    )


def _bytes(value: object) -> bytes:
    """pymarc's raw fields hold bytes where its types promise text."""
    if not isinstance(value, bytes):
        raise TypeError("pymarc gave decoded text although raw fields were asked for")
    return value
