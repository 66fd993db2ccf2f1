"""``tramsach tag``: what stands on a library tag, and the bytes to write on one.

Each tag is answered on its own: bytes that are none end in a sentence, and the others are decoded all the same. A
blank, a foreign or a damaged tag is an answer like any other.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from config.phrase import Phrase
from drivers import iso28560_2, iso28560_3, rfid501
from drivers.library_tag import (
    BlankTag,
    Damage,
    DamagedTag,
    Decoded,
    Element,
    ForeignTag,
    LibraryTag,
    Oid,
    TagModel,
    TagWarning,
    Unfit,
    Usage,
)
from drivers.tag_models import decode
from kiosk.i18n import _, language
from kiosk.terminal import Answers, table
from sync.intake.tags import parse_uid
from sync.store.view import told_tags
from sync.text import nfc

_SHOWN: Final = 24

_MODELS: Final[Mapping[TagModel, Phrase]] = {
    TagModel.ISO_28560_3: Phrase("ISO 28560-3 (độ dài cố định)", "ISO 28560-3 (fixed length)"),
    TagModel.ISO_28560_2: Phrase("ISO 28560-2 (các phần tử dữ liệu)", "ISO 28560-2 (data elements)"),
    TagModel.RFID_501: Phrase("3M RFID 501", "3M RFID 501"),
    TagModel.ASCII: Phrase("mã vạch dạng chữ thường", "a barcode as plain text"),
    TagModel.UID: Phrase("theo danh sách UID", "by the list of UIDs"),
}

_USAGES: Final[Mapping[Usage, Phrase]] = {
    Usage.ACQUISITION: Phrase("đang bổ sung", "acquisition"),
    Usage.CIRCULATING: Phrase("cho mượn", "circulating"),
    Usage.NOT_FOR_CIRCULATION: Phrase("không cho mượn", "not for circulation"),
    Usage.LOCAL_3: Phrase("riêng của thư viện", "local"),
    Usage.LOCAL_4: Phrase("riêng của thư viện", "local"),
    Usage.FUTURE: Phrase("dành cho sau này", "for the future"),
    Usage.NO_INFORMATION: Phrase("không có thông tin", "no information"),
    Usage.DISCARDED: Phrase("đã thanh lý", "discarded"),
    Usage.PATRON_CARD: Phrase("thẻ bạn đọc", "patron card"),
    Usage.EQUIPMENT: Phrase("thiết bị của thư viện", "library equipment"),
}
_RESERVED_USAGE: Final = Phrase("tiêu chuẩn để dành", "kept by the standard")

_WARNINGS: Final[Mapping[TagWarning, Phrase]] = {
    TagWarning.BLOCKS_REVERSED: Phrase(
        "Các byte trong mỗi khối đứng ngược thứ tự; khi ghi lại phải giữ chiều ấy.",
        "The bytes of every block stand in reverse order; write it again in that direction.",
    ),
    TagWarning.NIBBLES_SWAPPED: Phrase(
        "Phiên bản và mục đích sử dụng đứng đổi chỗ cho nhau.", "Version and type of usage have changed places."
    ),
    TagWarning.UNPADDED_CRC: Phrase(
        "CRC tính theo cách cũ, trên 30 byte thay vì 32; nên ghi lại chip.",
        "The CRC is of the old kind, over 30 bytes instead of 32; the chip should be written again.",
    ),
    TagWarning.SHORT_BASIC_BLOCK: Phrase(
        "Phần cơ bản chỉ dài 32 byte dù chip có chỗ cho 34.",
        "The basic block has 32 bytes although the chip has room for 34.",
    ),
    TagWarning.UNKNOWN_VERSION: Phrase("Phiên bản không phải là 1.", "The version is not 1."),
    TagWarning.PARTS_ODD: Phrase(
        "Số phần và thứ tự phần không khớp nhau.", "Number of parts and number of the part do not agree."
    ),
    TagWarning.BYTES_AFTER_TEXT: Phrase(
        "Sau chỗ kết thúc của một trường vẫn còn byte.", "There are bytes behind the end of a field."
    ),
    TagWarning.ISIL_UNREADABLE: Phrase("ISIL không đọc được.", "The ISIL cannot be read."),
    TagWarning.EXTENSION_DAMAGED: Phrase("Một khối mở rộng bị hỏng.", "An extension block is damaged."),
    TagWarning.EXTENSION_TRUNCATED: Phrase(
        "Khối mở rộng cuối cùng bị cắt cụt.", "The last extension block is truncated."
    ),
    TagWarning.ITEM_ID_NOT_FIRST: Phrase(
        "Số đăng ký cá biệt không đứng đầu.", "The item identifier does not come first."
    ),
    TagWarning.CONTENT_PARAMETER_WRONG: Phrase(
        "Mục lục nội dung không khớp với các phần tử có trên chip.",
        "The content parameter lists other elements than the chip has.",
    ),
    TagWarning.ELEMENT_UNREADABLE: Phrase("Có phần tử không đọc được thành chữ.", "An element cannot be read as text."),
    TagWarning.ELEMENT_UNKNOWN: Phrase(
        "Có phần tử mà tiêu chuẩn còn để dành.", "There is an element that the standard keeps for later."
    ),
    TagWarning.USAGE_UNREADABLE: Phrase("Mục đích sử dụng không đọc được.", "The type of usage cannot be read."),
    TagWarning.CUT_OFF: Phrase(
        "Nội dung còn tiếp; hãy đọc phần còn lại của chip.", "The content goes on; read the rest of the chip."
    ),
    TagWarning.CONTENT_DAMAGED: Phrase(
        "Nội dung chip bị hỏng; tài liệu được biết theo UID.",
        "The content is damaged; the item is known by its UID.",
    ),
}

_DAMAGES: Final[Mapping[Damage, Phrase]] = {
    Damage.CRC: Phrase(
        "Hỏng: CRC sai. Không tin được nội dung; hãy đọc lại hoặc ghi lại chip.",
        "Damaged: the CRC is wrong. The content cannot be relied on; read the chip again, or write it again.",
    ),
    Damage.NO_ITEM_ID: Phrase("Hỏng: không có số đăng ký cá biệt.", "Damaged: there is no item identifier."),
    Damage.ITEM_ID_NOT_TEXT: Phrase(
        "Hỏng: số đăng ký cá biệt không phải là chữ.", "Damaged: the item identifier is no text."
    ),
    Damage.ELEMENTS: Phrase("Hỏng: các phần tử dữ liệu bị đứt giữa chừng.", "Damaged: the data elements break off."),
}
_BLANK: Final = Phrase("Chip trắng: chưa ai ghi gì.", "A blank chip: nobody has written it yet.")
_FOREIGN: Final = Phrase(
    "Chip lạ: không theo mẫu nào mà chương trình biết.", "A foreign chip: in no layout this program knows."
)

_UNFIT: Final[Mapping[Unfit, Phrase]] = {
    Unfit.TAG_TOO_SMALL: Phrase("Chip quá nhỏ cho mẫu này.", "The chip is too small for this model."),
    Unfit.ITEM_ID_EMPTY: Phrase("Thiếu số đăng ký cá biệt.", "The item identifier is missing."),
    Unfit.ITEM_ID_NOT_TEXT: Phrase(
        "Số đăng ký cá biệt có ký tự không ghi được, hoặc có dấu cách ở đầu hay cuối.",
        "The item identifier has characters that cannot be written, or a blank at its beginning or end.",
    ),
    Unfit.ITEM_ID_TOO_LONG: Phrase(
        "Số đăng ký cá biệt dài quá 16 byte.", "The item identifier has more than 16 bytes."
    ),
    Unfit.ISIL_WRONG: Phrase(
        "Đây không phải là ISIL mà mẫu này ghi được; ví dụ đúng: VN-TN.",
        "This is no ISIL that this model can write; one is VN-TN.",
    ),
    Unfit.ISIL_TOO_LONG: Phrase("ISIL quá dài.", "The ISIL is too long."),
    Unfit.PARTS_WRONG: Phrase(
        "Thứ tự phần phải từ 1 đến số phần, và mẫu này phải chứa được số ấy.",
        "The number of the part goes from 1 to the number of parts, and the model must have room for it.",
    ),
    Unfit.EXTENSION_WRONG: Phrase("Khối mở rộng không ghi được.", "The extension block cannot be written."),
    Unfit.EXTENSIONS_TOO_LONG: Phrase(
        "Các khối mở rộng không vừa trên chip.", "The extension blocks do not fit on the chip."
    ),
    Unfit.ELEMENT_WRONG: Phrase(
        "Có phần tử không ghi được: trống, không phải chữ, ghi hai lần hoặc sai dạng.",
        "An element cannot be written: it is empty, no text, there twice, or of the wrong form.",
    ),
    Unfit.ELEMENTS_TOO_LONG: Phrase("Các phần tử không vừa trên chip.", "The elements do not fit on the chip."),
}

#: The extension blocks of ISO 28560-3 that have a name; others are a library's own.
_EXTENSIONS: Final[Mapping[int, str]] = {
    1: "library_extension",
    2: "acquisition",
    3: "library_supplement",
    4: "title",
    5: "ill",
}
#: The elements of ISO 28560-2 by name; and those that are given by name and not by an option of their own.
_ELEMENTS: Final[Mapping[str, Oid]] = {oid.name.lower(): oid for oid in Oid if oid < Oid.RESERVED_27}
_GIVEN: Final[Mapping[str, Oid]] = {name: oid for name, oid in _ELEMENTS.items() if oid > Oid.TYPE_OF_USAGE}


# --- decode -----------------------------------------------------------------------------------------------------------


def decode_tags(say: Answers, given: Sequence[str], *, uid: str, home: Path) -> None:
    """Say what is on each tag; bytes that are none are refused one by one.

    The chip with a ``uid`` is what the station's list says, where its own content says nothing.
    """
    parsed = parse_uid(uid)
    if uid and (parsed is None or len(given) > 1):
        told = _("✗ {text}: a UID has 16 hexadecimal digits and begins with E0, and it is that of one chip.")
        say.fail(told.format(text=uid))
        return
    number = bytes.fromhex(parsed[0]) if parsed else None
    listed = told_tags(home, [number]) if number else {}
    for text in _texts(given):
        raw = _bytes(text)
        if raw is None:
            shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
            say.fail(_("✗ {text}: these are no bytes, two digits 0–9 or A–F each.").format(text=shown))
            continue
        decoded = decode(raw, uid=number, uid_map=listed)
        say.line(json.dumps(document(raw, decoded), ensure_ascii=False))
        _show(say, raw, decoded)


def _texts(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        if text == "-":
            lines = (line.decode("utf-8", "backslashreplace").strip() for line in sys.stdin.buffer)
            yield from filter(None, lines)
        else:
            yield text


def _bytes(text: str) -> bytes | None:
    """Bytes from hexadecimal, as people and programs write it: blanks, colons and hyphens between, 0x before."""
    digits = "".join(text.split()).replace(":", "").replace("-", "")
    try:
        return bytes.fromhex(digits.removeprefix("0x").removeprefix("0X"))
    except ValueError:
        return None


def document(raw: bytes, decoded: Decoded) -> dict[str, object]:
    """What ``--json`` says of a tag. None stands for what its model has no place for, or the tag does not tell.

    ``fields`` are the elements of ISO 28560-2 by name; the extension blocks of ISO 28560-3, each a list; the rest of
    RFID 501. What is no text is hexadecimal. Blank, foreign and damaged tags say so among their ``warnings``.
    """
    empty: dict[str, object] = dict.fromkeys(
        ("model", "item_id", "isil", "parts_in_item", "part_number", "type_of_usage", "crc_ok", "fields")
    )
    match decoded:
        case BlankTag():
            return empty | {"warnings": ["blank"]}
        case ForeignTag():
            return empty | {"warnings": ["foreign"]}
        case DamagedTag(damage=damage, model=model, warnings=warnings):
            wrong = damage is Damage.CRC or TagWarning.UNPADDED_CRC in warnings
            return empty | {
                "model": model.value,
                "crc_ok": not wrong if model is TagModel.ISO_28560_3 else None,
                "warnings": [f"damaged_{damage.value}", *(warning.value for warning in warnings)],
            }
        case LibraryTag(model=model, warnings=warnings) as tag:
            in_parts = model not in {TagModel.ASCII, TagModel.UID}
            return {
                "model": model.value,
                "item_id": tag.item_id,
                "isil": tag.isil or None,
                "parts_in_item": tag.parts_in_item if in_parts else None,
                "part_number": tag.part_number if in_parts else None,
                "type_of_usage": None if tag.usage is None else tag.usage.value,
                "crc_ok": TagWarning.UNPADDED_CRC not in warnings if model is TagModel.ISO_28560_3 else None,
                "fields": _fields(raw, tag) or None,
                "warnings": [warning.value for warning in warnings],
            }


def _fields(raw: bytes, tag: LibraryTag) -> dict[str, object]:
    fields = dict[str, object]()
    for element in tag.elements:
        name = element.oid.name.lower()
        if element.oid is Oid.CONTENT_PARAMETER and element.text is None:
            fields[name] = [*iso28560_2.listed_oids(element.raw)]
        else:
            fields[name] = element.raw.hex().upper() if element.text is None else element.text
    blocks = dict[str, list[str]]()
    for block in tag.extensions:
        name = _EXTENSIONS.get(block.number, f"extension_{block.number}")
        blocks.setdefault(name, []).extend(map(_text_or_hex, block.fields))
    fields |= blocks
    if tag.model is TagModel.RFID_501 and (label := rfid501.decode(raw)):
        fields |= {"media_type": label.media_type, "branch": label.branch}
        fields |= {"library": label.library, "custom": label.custom}
    return fields


def _text_or_hex(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text if text.isprintable() and "\ufffd" not in text else raw.hex().upper()


def _show(say: Answers, raw: bytes, decoded: Decoded) -> None:
    if isinstance(decoded, LibraryTag):
        say.show(_table(raw, decoded))
    say.show(*(sentence.say(language()) for sentence in _sentences(decoded)))


def _table(raw: bytes, tag: LibraryTag) -> Table:
    told = document(raw, tag)
    title = raw[: _SHOWN // 2].hex().upper() + ("…" if len(raw) > _SHOWN // 2 else "")
    rows = table(title, _("Field"), _("Value"))
    rows.add_row(_("Model"), _MODELS[tag.model].say(language()))
    rows.add_row(_("Item"), Text(tag.item_id))
    if tag.isil:
        rows.add_row(_("Owner"), Text(tag.isil))
    if told["part_number"] is not None:
        rows.add_row(_("Part"), _("{part} of {parts}").format(part=tag.part_number, parts=tag.parts_in_item))
    if tag.usage is not None:
        rows.add_row(_("Usage"), _USAGES.get(tag.usage, _RESERVED_USAGE).say(language()))
    if told["crc_ok"]:
        rows.add_row("CRC", _("right"))
    for name, value in _fields(raw, tag).items():
        rows.add_row(name, Text(", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows


def _sentences(decoded: Decoded) -> list[Phrase]:
    match decoded:
        case BlankTag():
            return [_BLANK]
        case ForeignTag():
            return [_FOREIGN]
        case DamagedTag(damage=damage, warnings=warnings):
            return [_DAMAGES[damage], *(_WARNINGS[warning] for warning in warnings)]
        case LibraryTag(warnings=warnings):
            return [_WARNINGS[warning] for warning in warnings]


# --- encode -----------------------------------------------------------------------------------------------------------


def encode_tag(
    say: Answers,
    model: str,
    item_id: str,
    isil: str,
    parts_in_item: int,
    part_number: int,
    type_of_usage: int,
    *,
    fields: Sequence[str],
    separate: Sequence[str],
    size: int,
    reversed_blocks: bool,
) -> None:
    """Print the bytes to write on a tag, or one sentence that says why there are none."""
    chosen = TagModel(model)
    given = [(name, nfc(value)) for name, _equals, value in (field.partition("=") for field in fields)]
    if unknown := [name for name, _value in given if name not in _GIVEN] + [n for n in separate if n not in _ELEMENTS]:
        names, known = ", ".join(unknown), ", ".join(_GIVEN)
        say.fail(_("There is no such element to give: {names}. There are: {known}.").format(names=names, known=known))
        return
    elements = tuple(Element(_GIVEN[name], value) for name, value in given)
    apart = {_ELEMENTS[name] for name in separate}
    if (elements or apart) and chosen is not TagModel.ISO_28560_2:
        say.fail(_("Only 28560-2 has elements."))
        return
    if reversed_blocks and chosen is not TagModel.ISO_28560_3:
        say.fail(_("Only 28560-3 has blocks that are turned round."))
        return
    tag = LibraryTag(nfc(item_id), isil, parts_in_item, part_number, Usage(type_of_usage), chosen, elements=elements)
    match _encode(tag, size, apart, reversed_blocks=reversed_blocks):
        case Unfit() as unfit:
            say.fail(_UNFIT[unfit])
        case data:
            say.out.print(data.hex().upper(), soft_wrap=True)


def _encode(tag: LibraryTag, size: int, separate: set[Oid], *, reversed_blocks: bool) -> bytes | Unfit:
    match tag.model:
        case TagModel.ISO_28560_3:
            return iso28560_3.encode(tag, size, reversed_blocks=reversed_blocks)
        case TagModel.ISO_28560_2:
            return iso28560_2.encode(tag, size, separate=separate)
        case _:
            label = rfid501.Rfid501(tag.item_id, tag.parts_in_item, tag.part_number)
            return rfid501.encode(label) if size >= rfid501.SIZE else Unfit.TAG_TOO_SMALL
