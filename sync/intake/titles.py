"""One catalogue record to one title and its items. Pure: the same record gives the same answer.

Which title a record describes. A control number (001, of the agency in 003) is the title's identity. Many Vietnamese
exports have none: they have one record for each copy, with a running number in 020. There the description itself is the
identity: a fingerprint over what a reader would call the same book, folded, so that two copies catalogued with and
without marks or with other punctuation are one title. Classes differ between copies of one edition more often than not
(leading zeros lost, cutters added), so the class counts only where author or year are missing and the title may be
anybody's ("Tuyển tập").

Which record an item came from (``source``) is another question, because it tells the same record imported again, which
updates the item, from another record with the same barcode, which is refused: the control number, else the running
number, else the fingerprint.

The punctuation that ISBD prescribes between the parts of a description is taken off: it is there to be printed on
cards. Source of fields: MARC 21 Format for Bibliographic Data, Library of Congress.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from sync.circulation.model import Item, ItemStatus, Title
from sync.intake.cells import parse_dong
from sync.intake.characters import DAMAGED
from sync.intake.mapping import HoldingsMapping
from sync.intake.marc import Field, MarcRecord
from sync.intake.reasons import Reason
from sync.text import fold, normal_isbn

NO_TITLE = "[Không có nhan đề]"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be reported; ``identifier`` is empty where it concerns the whole record."""

    reason: Reason
    identifier: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Described:
    """What a record says. ``title.title_id`` is the control number where ``controlled``, else ``fingerprint``.

    ``identifier`` is the record's number as the library knows it, empty when it has none.
    """

    title: Title
    items: tuple[Item, ...]
    source: str
    identifier: str
    fingerprint: str
    controlled: bool
    remarks: tuple[Remark, ...]

    def on_its_own(self) -> Described:
        """The same under its fingerprint, for a record whose control number is already another work's."""
        return replace(
            self,
            title=replace(self.title, title_id=self.fingerprint),
            items=tuple(replace(item, title_id=self.fingerprint) for item in self.items),
            source=self.fingerprint,
            controlled=False,
        )


def describe(record: MarcRecord, mapping: HoldingsMapping, branch: str) -> Described:
    """The title and items of a record; ``branch`` is the home of items whose record and mapping name none."""
    remarks: list[Remark] = []
    control = record.control("001")
    origin = record.control("003") or mapping.origin
    isbns, running = _isbns(record, mapping, remarks)
    copies = record.all(mapping.tag)
    title = _title(record, isbns, remarks)
    fingerprint = _fingerprint(title, record, copies, mapping)
    if control:
        source = " ".join(filter(None, ("001", origin, control)))
    elif running:
        source = " ".join(filter(None, (mapping.sequence_number[:3], origin, running)))
    else:
        source = fingerprint
    title_id = source if control else fingerprint
    items = tuple(
        item for copy in copies if (item := _item(copy, record, title_id, mapping, branch, remarks)) is not None
    )
    if not copies:
        remarks.append(Remark(Reason.NO_COPIES))
    return Described(
        replace(title, title_id=title_id), items, source, control or running, fingerprint, bool(control), tuple(remarks)
    )


# --- the title --------------------------------------------------------------------------------------------------------

_MAIN_AUTHORS = ("100", "110", "111")
_ADDED_AUTHORS = ("700", "710", "711")
_SUBJECTS = ("600", "610", "611", "630", "647", "648", "650", "651", "653", "655")
_CALL_NUMBERS = ("082", "090", "050", "080", "084")

_ISBD = " \t/:;=,"
_FULL_STOP = re.compile(r"([^\W_]*)[^\w.]*(?<!\.)\.{1,2}$")
#: Words whose full stop is their own, besides single letters: ``V. A.``, ``Encyclopedia Britannica, Inc.``
_ABBREVIATED = frozenset(
    "al assn bros co corp dept ed eds etc inc jr ltd no nxb op pt pub rev sr st tr univ vol".split()
)
_YEAR = re.compile(r"(?<![0-9])(1[4-9][0-9]{2}|20[0-9]{2})(?![0-9])")
_BRACKETS = re.compile(r"^\[([^\[\]]*)\]$|^\(([^()]*)\)$")


def _title(record: MarcRecord, isbns: tuple[str, ...], remarks: list[Remark]) -> Title:
    author = _author(record)
    call_number = next((found for tag in _CALL_NUMBERS if (found := _call_number(record, tag))), "")
    heading, part = _heading(record)
    if not _WORD.search(heading):
        heading = " ".join(filter(None, (NO_TITLE, author or call_number)))
        remarks.append(Remark(Reason.TITLE_MISSING))
    publisher, year = _imprint(record)
    return Title(
        title_id="",
        title=heading,
        author=author,
        publisher=publisher,
        year=year,
        volume=part or _trimmed(record.first("490", "v") or record.first("830", "v")),
        call_number=call_number,
        subjects=_subjects(record),
        isbns=isbns,
        language=_language(record),
    )


def _heading(record: MarcRecord) -> tuple[str, str]:
    """Title proper with its rest (245 $a $p $b), and the number of the part (245 $n)."""
    for field in record.all("245"):
        words = part = previous = ""
        for code, text in field.subfields:
            piece = _trimmed(text)
            if not piece or code not in "abnp":
                continue
            if code == "n":
                part = part or piece
            elif not words:
                words = piece
            else:
                parallel = text.startswith("=") or previous.endswith("=")
                between = " = " if parallel else ": " if code == "b" else ". "
                words += between + piece.lstrip(_ISBD)
            previous = text
        if words:
            return words, part
    return "", ""


def _author(record: MarcRecord) -> str:
    names = [_name(field) for field in (*record.all(*_MAIN_AUTHORS), *record.all(*_ADDED_AUTHORS))]
    if not any(names):
        return _trimmed(record.first("245", "c"))
    return "; ".join(dict.fromkeys(filter(None, names)))


def _name(field: Field) -> str:
    """A person's name with numeral and honorifics, or a body with its units; without dates and relations."""
    return " ".join(filter(None, map(_trimmed, field.all("abc" if field.tag.endswith("00") else "ab"))))


def _imprint(record: MarcRecord) -> tuple[str, str]:
    """Publisher and year: of 264 with second indicator 1 (publication), else 260, else any 264, else 008."""
    fields = sorted(
        record.all("264", "260"),
        key=lambda field: (field.tag == "264" and field.indicators[1:] != "1", field.tag != "264"),
    )
    publisher = next((found for field in fields if (found := _unbracketed(field.first("b")))), "")
    dates = [date for field in fields if (date := field.first("c"))]
    for date in dates:
        if year := _YEAR.search(date):
            return publisher, year[0]
    coded = record.control("008")[7:11]
    if _YEAR.fullmatch(coded):
        return publisher, coded
    return publisher, _trimmed(dates[0]) if dates else ""


def _call_number(record: MarcRecord, tag: str) -> str:
    # A spreadsheet on the way leaves its apostrophe, which means "this is text".
    for field in record.all(tag):
        if number := " ".join(field.all("ab")).lstrip("'").strip():
            return number
    return ""


def _subjects(record: MarcRecord) -> tuple[str, ...]:
    found: list[str] = []
    for field in record.all(*_SUBJECTS):
        if field.tag == "653":
            found += map(_trimmed, field.all("a"))
        elif heading := _trimmed(" ".join(field.all("abc")) or field.first("t")):
            found.append(" -- ".join([heading, *filter(None, map(_trimmed, field.all("vxyz")))]))
    return tuple(dict.fromkeys(filter(None, found)))


def _language(record: MarcRecord) -> str:
    """The code of MARC's own list; empty for "undetermined" and its kin."""
    code = (record.first("041", "a")[:3] or record.control("008")[35:38]).lower()
    return code if re.fullmatch(r"[a-z]{3}", code) and code not in {"und", "zxx", "mul", "xxx"} else ""


_ISBN_SHAPE = re.compile(r"(?:97[89])?[0-9]{9}[0-9X]")


def _isbns(record: MarcRecord, mapping: HoldingsMapping, remarks: list[Remark]) -> tuple[tuple[str, ...], str]:
    """The ISBNs, and the exporter's running number if there is one.

    A number of ten or thirteen digits whose check digit is wrong stays as it is: it may be printed so in the book, and
    then it is what a reader types.
    """
    found: list[str] = []
    running = ""
    if mapping.sequence_number not in ("", "020a"):
        running = record.first(mapping.sequence_number[:3], mapping.sequence_number[3:])
    for text in (text for field in record.all("020") for text in field.all("a")):
        number = re.split(r"[(:;]", text, maxsplit=1)[0].strip()
        bare = re.sub(r"[\s\u2010-\u2015-]", "", number).upper()
        if isbn := normal_isbn(number):
            found.append(isbn)
        elif _ISBN_SHAPE.fullmatch(bare):
            found.append(bare)
            remarks.append(Remark(Reason.ISBN_INVALID))
        elif mapping.sequence_number == "020a" and not running and re.fullmatch(r"[0-9]{1,9}", bare):
            running = bare
            remarks.append(Remark(Reason.SEQUENCE_NUMBER))
        elif any(map(str.isdigit, bare)):
            remarks.append(Remark(Reason.ISBN_INVALID))
    return tuple(dict.fromkeys(found)), running


def _trimmed(text: str) -> str:
    """Without the punctuation that ISBD puts around an element."""
    bare = text.strip(_ISBD)
    stop = _FULL_STOP.search(bare)
    if stop and len(stop[1]) != 1 and stop[1].lower() not in _ABBREVIATED:
        bare = bare.rstrip(".").rstrip(_ISBD)
    return bare


def _unbracketed(text: str) -> str:
    bare = _trimmed(text)
    inside = _BRACKETS.match(bare)
    return _trimmed(inside[1] or inside[2] or "") if inside else bare


# --- what makes it the same book --------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
#: One volume in two spellings: ``Tập 1`` and ``T.01``, ``Vol. 2`` and ``V.2``.
_VOLUME = {"tap": "t", "vol": "v", "volume": "v", "quyen": "q", "phan": "p", "part": "pt"}
_CLASS = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def _fingerprint(title: Title, record: MarcRecord, copies: Iterable[Field], mapping: HoldingsMapping) -> str:
    parts: list[str] = [title.title, title.author, title.publisher, title.year, record.first("250", "a")]
    parts.append(" ".join(_VOLUME.get(word, word.lstrip("0")) for word in _words(title.volume)))
    if not (title.author and title.year):
        shelf = _CLASS.search(title.call_number)
        parts.append(shelf[0] if shelf else title.call_number)
    if title.title == NO_TITLE:
        # Nothing at all is known of it, so it is like nothing else.
        parts += [copy.first(mapping.barcode) for copy in copies]
    text = "\x1f".join(" ".join(_words(part)) for part in parts)
    return "~" + sha256(text.encode()).hexdigest()[:20]


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))


# --- the copies -------------------------------------------------------------------------------------------------------


def _item(
    copy: Field, record: MarcRecord, title_id: str, mapping: HoldingsMapping, branch: str, remarks: list[Remark]
) -> Item | None:
    item_id = copy.first(mapping.barcode)
    if not item_id or DAMAGED in item_id:
        remarks.append(Remark(Reason.BARCODE_DAMAGED if item_id else Reason.BARCODE_MISSING, item_id))
        return None
    return Item(
        item_id=item_id,
        title_id=title_id,
        type=_type(copy, record, mapping, remarks, item_id),
        branch=_branch(copy, mapping) or branch,
        parts=_parts(copy, mapping, remarks, item_id),
        price=_price(copy, mapping, remarks, item_id),
        call_number=" ".join(copy.all(mapping.call_number)).lstrip("'").strip(),
        location=" ".join(copy.all(mapping.location)),
        status=_status(copy, mapping),
    )


def _branch(copy: Field, mapping: HoldingsMapping) -> str:
    code = copy.first(mapping.branch)
    return mapping.branches.get(code, code) or mapping.default_branch


def _type(copy: Field, record: MarcRecord, mapping: HoldingsMapping, remarks: list[Remark], item_id: str) -> str:
    if _marked(copy, mapping.not_for_loan):
        return mapping.not_for_loan_type
    code = copy.first(mapping.item_type)
    if not code and mapping.title_type:
        code = record.first(mapping.title_type[:3], mapping.title_type[3:])
    if code and code not in mapping.types:
        remarks.append(Remark(Reason.TYPE_UNKNOWN, item_id, code))
    return mapping.types.get(code, mapping.default_type)


def _status(copy: Field, mapping: HoldingsMapping) -> ItemStatus:
    if _marked(copy, mapping.withdrawn):
        return ItemStatus.WITHDRAWN
    if _marked(copy, mapping.lost):
        return ItemStatus.LOST
    return ItemStatus.DAMAGED if _marked(copy, mapping.damaged) else ItemStatus.IN_STOCK


def _marked(copy: Field, codes: str) -> bool:
    return copy.first(codes) not in ("", "0")


def _price(copy: Field, mapping: HoldingsMapping, remarks: list[Remark], item_id: str) -> int:
    text = copy.first(mapping.price)
    price = parse_dong(text) if text else 0
    if price is None:
        remarks.append(Remark(Reason.PRICE_UNREADABLE, item_id))
    return price or 0


def _parts(copy: Field, mapping: HoldingsMapping, remarks: list[Remark], item_id: str) -> int:
    text = copy.first(mapping.parts)
    count = re.search(r"(?<![0-9])[0-9]{1,3}(?![0-9])", text)
    if text and not (count and 1 <= int(count[0]) <= 100):
        remarks.append(Remark(Reason.PARTS_UNREADABLE, item_id))
        return 1
    return int(count[0]) if count else 1
