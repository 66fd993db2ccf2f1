"""What stands on a library tag, in any model."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from drivers import isil, iso15962, iso28560_2, iso28560_3, library_tag, rfid501, tag_models
from drivers.codec import crc_ccitt_false
from drivers.iso15693 import reverse_blocks
from drivers.library_tag import (
    DamagedTag,
    Decoded,
    Element,
    ExtensionBlock,
    LibraryTag,
    Oid,
    TagModel,
    TagWarning,
    Unfit,
    Usage,
)
from tests.fuzz.target import Draw, Target

_UID: Final = bytes.fromhex("E004010012345678")
#: More than any tag has.
_ROOM: Final = 8192

_TAGS: Final = (
    LibraryTag("TN0001", "VN-TN"),
    LibraryTag("1203245", "DK-718500", 3, 2, Usage.NOT_FOR_CIRCULATION, extensions=(ExtensionBlock(4, b"abc\0d\0"),)),
    LibraryTag(
        "Sách 12",
        "VN-TN",
        2,
        1,
        elements=(
            Element(Oid.TITLE, "TRUYỆN KIỀU"),
            Element(Oid.SHELF_LOCATION, "895.9221"),
            Element(Oid.LOCAL_DATA_A, None, b"\x01\x02"),
            Element(Oid.MEDIA_FORMAT_OTHER, "0A"),
        ),
    ),
)


def _written() -> Iterable[bytes]:
    for tag in _TAGS:
        for raw in (iso28560_3.encode(tag, 112), iso28560_3.encode(tag, 32), iso28560_2.encode(tag, 112)):
            if isinstance(raw, bytes):
                yield raw
                yield reverse_blocks(raw)
    separate = iso28560_2.encode(_TAGS[2], 112, separate=(Oid.TITLE, Oid.OWNER_INSTITUTION))
    label = rfid501.encode(rfid501.Rfid501("TN0001", 2, 1, library=77))
    yield from (raw for raw in (separate, label) if isinstance(raw, bytes))
    yield b"TN0001" + bytes(26)
    yield b"\x55" * 24 + bytes(8)


def _sound(tag: Decoded) -> None:
    """What every tag that names an item promises."""
    if isinstance(tag, LibraryTag):
        assert tag.item_id
        assert tag.item_id.isprintable()
        assert tag.item_id == unicodedata.normalize("NFC", tag.item_id).strip()
        assert tag.isil.isprintable()


def _any_model(data: bytes) -> None:
    """Any bytes are a tag of one of four kinds, all of them or their beginning, and a known UID names the item."""
    whole = tag_models.decode(data)
    _sound(whole)
    _sound(tag_models.decode(data, whole=False))
    known = tag_models.decode(data, uid=_UID, uid_map={_UID: "TN0001"})
    assert isinstance(known, LibraryTag)
    assert known == whole or known.model is TagModel.UID


def _rewritten(
    decode: Callable[[bytes], LibraryTag | DamagedTag | None],
    encode: Callable[[LibraryTag, int], bytes | Unfit],
) -> Callable[[bytes], None]:
    """What could be read and can be written is read again as it was."""

    def feed(data: bytes) -> None:
        tag = decode(data)
        if not isinstance(tag, LibraryTag):
            return
        _sound(tag)
        written = encode(tag, _ROOM)
        if isinstance(written, Unfit):
            return
        again = decode(written)
        assert isinstance(again, LibraryTag), again
        assert not again.warnings
        if TagWarning.ELEMENT_UNREADABLE in tag.warnings:  # what has no text may have one in another compaction
            again, tag = replace(again, elements=()), replace(tag, elements=())
        assert _said(again) == _said(tag)

    return feed


def _said(tag: LibraryTag) -> LibraryTag:
    """A tag without what the writer decides for itself: what is odd, the order, and the elements made of the rest."""
    kept = sorted((one for one in tag.elements if one.oid > Oid.TYPE_OF_USAGE), key=lambda one: one.oid)
    return replace(tag, warnings=(), elements=tuple(kept))


def _fixed(data: bytes) -> None:
    """As it is, and with its CRC put right: over 34 bytes, or over 32, or without their padding."""
    _rewritten(iso28560_3.decode, iso28560_3.encode)(data)
    if len(data) >= iso28560_3.BASIC:
        checked = data[:19] + data[21 : iso28560_3.BASIC]
        for length in (len(checked), iso28560_3.SHORT_BASIC - 2):
            for padding in (b"", b"\0\0"):
                crc = crc_ccitt_false(checked[:length] + padding).to_bytes(2, "little")
                _rewritten(iso28560_3.decode, iso28560_3.encode)(data[:19] + crc + data[21:])


def _objects(data: bytes) -> None:
    """Objects are whole, and written anew they are the same."""
    objects = iso15962.parse(data)
    for one in objects.found:
        assert iso15962.parse(one.encode()).found == (one,)
        assert iso15962.parse(one.encode(padding=len(data) % 8)).found == (one,)
        iso15962.expand(one.compaction, one.data)
    every = b"".join(one.encode() for one in objects.found)
    assert len(every) <= len(data) or every == data
    assert iso15962.parse(every).found == objects.found


def _text(data: bytes) -> None:
    """A text made short is that text again, and never longer than its own bytes."""
    text = data.decode("utf-8", "replace")
    compaction, short = iso15962.compact(text)
    assert iso15962.expand(compaction, short) == text
    assert len(short) <= len(text.encode())


def _isil(data: bytes) -> None:
    """A code that can be read can be written, and is then read the same; so is an ISIL without hyphen."""
    text = isil.decode_isil(data)
    if text is not None:
        written = isil.encode_isil(text)
        assert written is not None
        assert isil.decode_isil(written) == text
    spelt = data.decode("latin-1")
    if isil.is_isil(spelt):
        code = isil.encode_isil(spelt)
        assert code is None or isil.decode_isil(code) == spelt
        if (bare := isil.without_hyphen(spelt)) is not None:
            assert isil.with_hyphen(bare) == spelt
    isil.with_hyphen(spelt)


def _label(data: bytes) -> None:
    """A label that could be read and can be written is the same bytes again."""
    found = rfid501.decode(data)
    if found is not None:
        written = rfid501.encode(found)
        assert isinstance(written, Unfit) or rfid501.decode(written) == found
        assert isinstance(written, Unfit) or written == data[: rfid501.SIZE]


def _from_parts(data: bytes) -> None:
    """What is to be written is refused for a reason, or read again in either model as it was."""
    draw = Draw(data)
    tag = LibraryTag(
        item_id=draw.piece(40).decode("utf-8", "replace"),
        isil=draw.piece(20).decode("latin-1"),
        parts_in_item=draw.byte(),
        part_number=draw.byte(),
        usage=draw.choice(*Usage, None),
        extensions=tuple(ExtensionBlock(draw.byte() << 8, draw.piece()) for _ in range(draw.byte() % 3)),
        elements=tuple(
            Element(
                draw.choice(*Oid), *(draw.choice((draw.piece().decode("utf-8", "replace"), b""), (None, draw.piece())))
            )
            for _ in range(draw.byte() % 6)
        ),
    )
    plain = unicodedata.normalize("NFC", tag.item_id)
    for turned in (False, True):
        written = iso28560_3.encode(tag, _ROOM, reversed_blocks=turned)
        if isinstance(written, bytes):
            again = iso28560_3.decode(written)
            assert isinstance(again, LibraryTag)
            assert (again.item_id, again.isil, again.extensions) == (plain, tag.isil, tag.extensions)
            assert (again.parts_in_item, again.part_number) == (tag.parts_in_item, tag.part_number)
    for separate in ((), (Oid.OWNER_INSTITUTION, Oid.TITLE)):
        written = iso28560_2.encode(tag, _ROOM, separate=separate)
        if isinstance(written, bytes):
            again = iso28560_2.decode(written)
            assert isinstance(again, LibraryTag)
            assert not again.warnings
            assert (again.item_id, again.isil, again.usage) == (plain, tag.isil, tag.usage)
            assert (again.parts_in_item, again.part_number) == (tag.parts_in_item, tag.part_number)


def _element(draw: Draw) -> Element:
    oid, content = draw.choice(*Oid), draw.piece()
    return Element(oid, None, content) if draw.byte() & 1 else Element(oid, content.decode("utf-8", "replace"))


_MODULES: Final = (tag_models, iso28560_3, iso28560_2, rfid501, iso15962, isil, library_tag)

TARGETS: Final = (
    Target("tag", _any_model, _MODULES, _written, 60),
    Target("iso28560-3", _fixed, (iso28560_3, isil), _written, 60),
    Target("iso28560-2", _rewritten(iso28560_2.decode, iso28560_2.encode), (iso28560_2, iso15962, isil), _written, 60),
    Target("tag-to-write", _from_parts, (iso28560_2, iso28560_3, iso15962, isil, library_tag), share=20),
    Target("iso15962", _objects, (iso15962,), _written, 40),
    Target("compaction", _text, (iso15962,), lambda: (b"ABC123", b"0123456789", "Đặng".encode()), 40),
    Target("isil", _isil, (isil,), lambda: (b"VN-TN", isil.encode_isil("DE-Tue120") or b""), 30, longest=40),
    Target("rfid501", _label, (rfid501,), _written, 40, longest=64),
)
