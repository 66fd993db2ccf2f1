"""MARCXML from files as they are: each record is cut out and read alone.

Theory of operation. An XML parser stops at the first mistake, and everything behind it is lost. So the file is not
parsed as one document: the bytes are searched for ``<record>`` … ``</record>``, whatever the namespace prefix, and
each such fragment goes through pymarc's own MARCXML handler as a document of its own. A fragment that is not
well-formed is tried once more with the usual mistakes taken out (bare ampersands, HTML's entities, control characters,
a leader of the wrong length). A record that is never closed ends where the next one begins. Documents around documents
(OAI-PMH, SRU), whose own ``<record>`` holds no fields, are looked through.

A fragment has no document type of its own, so nothing in a file can define entities or name other files.

Source: MARC 21 XML Schema (MARC21slim), Library of Congress.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from xml.sax import SAXException

import pymarc

from sync.intake.characters import decode
from sync.intake.iso2709 import Raw
from sync.intake.reasons import Reason

#: More than any catalogue record; what is longer was never closed.
LONGEST_RECORD = 8 << 20

_NAME = rb"(?:[A-Za-z_][\w.-]*:)?record"
_BEGIN = re.compile(rb"<" + _NAME + rb"(?=[\s>/])")
_END = re.compile(rb"</" + _NAME + rb"\s*>")
#: The longest beginning of a tag that may be cut by the end of a block.
_CUT = 256
_HAS_FIELDS = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?(?:leader|controlfield|datafield)[\s>]")


def looks_like_xml(start: bytes) -> bool:
    """Whether a file that begins so is XML, in UTF-8, UTF-16 or an encoding like ASCII."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start = start.decode("utf-16", "replace").encode()
    return start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<")


def records(blocks: Iterator[bytes]) -> Iterator[Raw | Reason]:
    """The records of a file in order; a reason stands for one that could not be read."""
    first = next(blocks, b"")
    encoding = _declared_encoding(first)
    held = b""
    for block in _as_utf8(first, blocks):
        held += block
        at = 0
        while begin := _BEGIN.search(held, at):
            end = _END.search(held, begin.end())
            after = _BEGIN.search(held, begin.end(), end.start() if end else len(held))
            if after:
                if _HAS_FIELDS.search(held, begin.end(), after.start()):
                    yield Reason.CUT_SHORT
                at = after.start()
            elif end:
                yield _read(held[begin.start() : end.end()], encoding)
                at = end.end()
            elif len(held) - begin.start() > LONGEST_RECORD:
                yield Reason.CUT_SHORT
                at = begin.end()
            else:
                at = begin.start()
                break
        else:
            at = max(at, len(held) - _CUT)
        held = held[at:]
    if (begin := _BEGIN.search(held)) and _HAS_FIELDS.search(held, begin.end()):
        yield Reason.CUT_SHORT


def _as_utf8(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks as they are, or out of UTF-16, where single bytes cannot be searched for."""
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield first
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    yield decoder.decode(first).encode()
    for block in blocks:
        yield decoder.decode(block).encode()


_DECLARED = re.compile(rb"\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([A-Za-z][\w.:-]*)[\"']")


def _declared_encoding(start: bytes) -> str:
    """The single-byte encoding that the XML declaration names; UTF-8 for everything else."""
    declared = _DECLARED.match(start.removeprefix(codecs.BOM_UTF8))
    if declared:
        try:
            name = codecs.lookup(declared[1].decode("ascii")).name
            "<".encode(name)
        except (LookupError, UnicodeError):
            return "utf-8"
        if not name.startswith("utf"):
            return name
    return "utf-8"


def _read(fragment: bytes, encoding: str) -> Raw | Reason:
    reasons: set[Reason] = set()
    if encoding == "utf-8":
        (text,), reasons = decode([fragment], says_utf8=True)
    else:
        text = fragment.decode(encoding, "replace")
    record = _parse(text)
    if record is None:
        record = _parse(_mended(text))
        reasons.add(Reason.XML_MENDED)
    if record is None:
        return Reason.BROKEN_XML
    return Raw(
        tuple(
            (field.tag, "  ", field.data or "")
            if field.control_field
            else (field.tag, "".join(field.indicators or "  "), tuple((code, value) for code, value in field.subfields))
            for field in record.fields
        ),
        frozenset(reasons),
    )


_PREFIX = re.compile(r"[<\s]/?([A-Za-z_][\w.-]*):[A-Za-z_]")


def _parse(fragment: str) -> pymarc.Record | None:
    # The prefixes were declared further up in the file; here any declaration will do.
    prefixes = sorted({prefix for prefix in _PREFIX.findall(fragment) if prefix not in ("xml", "xmlns")})
    declared = "".join(f' xmlns:{prefix}="{pymarc.marcxml.MARC_XML_NS}"' for prefix in prefixes)
    document = f"<fragment{declared}>{fragment}</fragment>".encode("utf-8", "replace")
    try:
        found = pymarc.parse_xml_to_array(io.BytesIO(document))  # type: ignore[no-untyped-call]  # has no hints
    except (SAXException, pymarc.PymarcException, LookupError, ValueError):
        return None
    return found[0] if found and found[0].fields else None


_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]));"
)
_LEADER = re.compile(r"(<(?:[A-Za-z_][\w.-]*:)?leader[^>]*>)[^<]*(?=<)")


def _mended(fragment: str) -> str:
    fragment = _FORBIDDEN.sub("", _BARE.sub("&amp;", fragment))
    return _LEADER.sub(r"\g<1>" + "00000nam a2200000   4500", fragment)
