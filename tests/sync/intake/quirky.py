"""Builds catalogue files and lists of readers with every quirk that real ones have, at test time.

Everything here is written by hand byte by byte (records) or by the libraries that write such files (workbooks); nothing
goes through the code under test.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import openpyxl

#: A control field's text, or a data field's (code, text) pairs.
Content = str | Sequence[tuple[str, str]]
Fields = Sequence[tuple[str, Content]]


def book(
    title: str = "Truyện Kiều",
    *,
    barcode: str | Sequence[str] = "TN0001",
    control: str = "",
    agency: str = "",
    running: str = "",
    author: str = "Nguyễn Du",
    publisher: str = "Văn học",
    year: str = "2015",
    volume: str = "",
    call_number: str = "895.9221 TR527K",
    copy: Sequence[tuple[str, str]] = (),
    more: Fields = (),
) -> Fields:
    """The fields of a plain record: what is empty is left out, one 952 for each barcode."""
    fields: list[tuple[str, Content]] = []
    if control:
        fields.append(("001", control))
    if agency:
        fields.append(("003", agency))
    fields.append(("008", "181222s9999||||xx |||||||||||||| ||und||"))
    if running:
        fields.append(("020", [("a", running)]))
    if call_number:
        fields.append(("082", [("a", call_number)]))
    if author:
        fields.append(("100", [("a", author)]))
    if title:
        fields.append(("245", [("a", title)]))
    imprint = [(code, text) for code, text in (("b", publisher), ("c", year)) if text]
    if imprint:
        fields.append(("260", imprint))
    if volume:
        fields.append(("490", [("v", volume)]))
    fields += more
    for number in (barcode,) if isinstance(barcode, str) else barcode:
        fields.append(("952", [*([("p", number)] if number else []), *copy]))
    return fields


def iso2709(
    fields: Fields,
    *,
    encoding: str = "utf-8",
    flag: str = "a",
    length: bytes | None = None,
    count_letters: bool = False,
    end: bytes = b"\x1d",
) -> bytes:
    """A record by ISO 2709. ``flag`` is leader position 9; ``length`` and ``count_letters`` get the numbers wrong."""
    return iso2709_bytes(
        [
            (tag, content.encode(encoding))
            if isinstance(content, str)
            else (tag, b"  " + b"".join(b"\x1f" + code.encode() + text.encode(encoding) for code, text in content))
            for tag, content in fields
        ],
        flag=flag,
        length=length,
        sizes=[_letters(content) for _, content in fields] if count_letters else None,
        end=end,
    )


def iso2709_bytes(
    fields: Iterable[tuple[str, bytes]],
    *,
    flag: str = "a",
    length: bytes | None = None,
    sizes: Sequence[int] | None = None,
    end: bytes = b"\x1d",
) -> bytes:
    """A record out of bytes that are nobody's encoding in particular."""
    directory, body, offset = b"", b"", 0
    for place, (tag, data) in enumerate(fields):
        size = sizes[place] if sizes else len(data) + 1
        directory += b"%s%04d%05d" % (tag.encode(), size, offset)
        body += data + b"\x1e"
        offset += size
    base = 24 + len(directory) + 1
    total = length if length is not None else b"%05d" % (base + len(body) + 1)
    leader = total + b"nam " + flag.encode() + b"22%05dIa 4500" % base
    return leader + directory + b"\x1e" + body + end


def _letters(content: Content) -> int:
    return 1 + (len(content) if isinstance(content, str) else 2 + sum(2 + len(text) for _, text in content))


def marcxml(
    records: Iterable[Fields], *, prefix: str = "", declaration: str = '<?xml version="1.0" encoding="UTF-8"?>'
) -> str:
    """A MARCXML collection."""
    p = f"{prefix}:" if prefix else ""
    xmlns = f'xmlns:{prefix}="http://www.loc.gov/MARC21/slim"' if prefix else 'xmlns="http://www.loc.gov/MARC21/slim"'
    inside = "".join(xml_record(fields, prefix=prefix) for fields in records)
    return f"{declaration}\n<{p}collection {xmlns}>{inside}</{p}collection>\n"


def xml_record(fields: Fields, *, prefix: str = "") -> str:
    """One ``<record>`` element."""
    p = f"{prefix}:" if prefix else ""
    parts = [f"<{p}record><{p}leader>00000nam a2200000 a 4500</{p}leader>"]
    for tag, content in fields:
        if isinstance(content, str):
            parts.append(f"<{p}controlfield tag={quoteattr(tag)}>{escape(content)}</{p}controlfield>")
        else:
            inside = "".join(
                f"<{p}subfield code={quoteattr(code)}>{escape(text)}</{p}subfield>" for code, text in content
            )
            parts.append(f'<{p}datafield tag={quoteattr(tag)} ind1=" " ind2=" ">{inside}</{p}datafield>')
    parts.append(f"</{p}record>\n")
    return "".join(parts)


#: Vietnamese in MARC-8: marks before their letter (ANSEL, by the code table of the Library of Congress).
_ANSEL_MARKS = {
    "\u0300": b"\xe1", "\u0301": b"\xe2", "\u0303": b"\xe4", "\u0309": b"\xe0", "\u0323": b"\xf2", "\u0302": b"\xe3",
    "\u0306": b"\xe6",
}  # fmt: skip
_ANSEL_LETTERS = {"đ": b"\xb3", "Đ": b"\xa3", "ơ": b"\xbc", "Ơ": b"\xac", "ư": b"\xbd", "Ư": b"\xad"}


def marc8(text: str, *, tone_first: bool = False) -> bytes:
    """A Vietnamese text in MARC-8; the mark that makes the letter stands before its tone, or ``tone_first``."""
    written = b""
    for letter in unicodedata.normalize("NFC", text):
        base, *marks = list(unicodedata.normalize("NFD", letter))
        if "\u031b" in marks:
            marks.remove("\u031b")
            base = unicodedata.normalize("NFC", base + "\u031b")
        marks.sort(key=lambda mark: (mark in "\u0302\u0306") is tone_first)
        written += b"".join(_ANSEL_MARKS[mark] for mark in marks) + _ANSEL_LETTERS.get(base, base.encode())
    return written


def windows_1258(text: str) -> bytes:
    """A Vietnamese text in windows-1258, whose tones are letters of their own behind the vowel."""
    written = b""
    for letter in unicodedata.normalize("NFC", text):
        try:
            written += letter.encode("cp1258")
        except UnicodeEncodeError:
            apart = unicodedata.normalize("NFD", letter)
            tone = next(mark for mark in apart if mark in "\u0300\u0301\u0303\u0309\u0323")
            written += unicodedata.normalize("NFC", apart.replace(tone, "")).encode("cp1258") + tone.encode("cp1258")
    return written


def workbook(path: Path, *sheets: Sequence[Sequence[object]], formats: dict[str, str] | None = None) -> Path:
    """A workbook with these sheets; ``formats`` are number formats of cells of the first."""
    book_ = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book_.active if number == 0 else book_.create_sheet()
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
        if number == 0:
            for cell, number_format in (formats or {}).items():
                sheet[cell].number_format = number_format
    buffer = io.BytesIO()
    book_.save(buffer)
    path.write_bytes(buffer.getvalue())
    return path
