"""What is written on a patron card: the NDEF message of a Type 2 or Type 4 tag, and the patron identifier in it.

Pure. Reading is a command as all codecs have it (:mod:`drivers.codec`), so that any reader can carry it out: of a Type
2 tag (NTAG, MIFARE Ultralight) it yields READ commands, of a Type 4 tag (DESFire, a telephone) command APDUs.
:func:`over_iso_dep` turns the second into the blocks of ISO/IEC 14443-4 for a reader that leaves those to its host, as
nfcpy does; PC/SC readers see to them themselves.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

import ndef

from drivers.codec import NOT_YET, Command, NotYet, ResultT

#: The longest message that is read, in bytes, and the longest identifier that is believed, in characters.
_LONGEST_MESSAGE: Final = 1024
_LONGEST_IDENTIFIER: Final = 64

# --- Type 2 ------------------------------------------------------------------------------------------------------

_READ: Final = 0x30
#: What one READ gives: four pages of four bytes.
_READ_LENGTH: Final = 16
_HEADER_LENGTH: Final = 16
#: Beyond this a tag has more than one sector; no patron identifier stands there.
_SECTOR: Final = 1024
_LOCK_CONTROL, _MEMORY_CONTROL, _NDEF_MESSAGE, _TERMINATOR = 0x01, 0x02, 0x03, 0xFE


def read_type2() -> Command[bytes | None]:
    """Reads the NDEF message of a Type 2 tag; None when it has none (NFC Forum, Type 2 Tag Operation, 6)."""
    header = yield bytes((_READ, 0))
    if len(header) != _READ_LENGTH:
        return None
    magic, version, size, access = header[12:]
    if magic != 0xE1 or version >> 4 != 1 or access >> 4 != 0:
        return None
    size = min(size * 8, _SECTOR - _HEADER_LENGTH)
    area = bytearray()
    while (message := _ndef_message(area[:size])) is NOT_YET:
        if len(area) >= size:
            return None
        pages = yield bytes((_READ, (_HEADER_LENGTH + len(area)) // 4))
        if len(pages) != _READ_LENGTH:
            return None
        area += pages
    return message


def _ndef_message(area: bytes | bytearray) -> bytes | NotYet | None:
    """The message in the TLV blocks of a data area, which begins at byte 16 of the tag (ibid., 2.3)."""
    at = 0
    reserved: set[int] = set()

    def take(count: int) -> bytes | None:
        nonlocal at
        taken = bytearray()
        while len(taken) < count:
            if at >= len(area):
                return None
            if at + _HEADER_LENGTH not in reserved:
                taken.append(area[at])
            at += 1
        return bytes(taken)

    while True:
        kind = take(1)
        if kind == b"\0":
            continue
        if kind == bytes((_TERMINATOR,)):
            return None
        length = take(1)
        if length == b"\xff":
            length = take(2)
        value = None if kind is None or length is None else take(int.from_bytes(length))
        if kind is None or value is None:
            return NOT_YET
        if kind[0] == _NDEF_MESSAGE:
            return value
        if kind[0] in {_LOCK_CONTROL, _MEMORY_CONTROL} and len(value) == 3:
            # Somewhere in the middle of the tag are bytes that are no data: position, size, bytes in a page.
            first = (value[0] >> 4) * 2 ** (value[2] & 0x0F) + (value[0] & 0x0F)
            size = value[1] or 256
            reserved.update(range(first, first + ((size + 7) // 8 if kind[0] == _LOCK_CONTROL else size)))


# --- Type 4 ------------------------------------------------------------------------------------------------------

_SELECT_NDEF: Final = bytes.fromhex("00A4040007D276000085010100")
_CAPABILITIES: Final = bytes.fromhex("E103")
_OK: Final = bytes.fromhex("9000")
#: So much is asked for at once: an answer fits in one frame of any reader.
_PIECE: Final = 0x80


def read_type4() -> Command[bytes | None]:
    """Reads the NDEF message of a Type 4 tag; None when it has none (NFC Forum, Type 4 Tag Operation, 5).

    Yields command APDUs, is resumed with response APDUs.
    """
    if (yield _SELECT_NDEF)[-2:] != _OK or (yield _select(_CAPABILITIES))[-2:] != _OK:
        return None
    answer = yield _read_binary(0, 15)
    if answer[-2:] != _OK or len(answer) != 17:
        return None
    version, control, length, access = answer[2], answer[7], answer[8], answer[13]
    if version >> 4 not in {1, 2, 3} or (control, length) != (0x04, 0x06) or access != 0:
        return None
    if (yield _select(answer[9:11]))[-2:] != _OK:
        return None
    piece = max(1, min(_PIECE, int.from_bytes(answer[3:5])))
    answer = yield _read_binary(0, 2)
    if answer[-2:] != _OK or len(answer) != 4:
        return None
    size = int.from_bytes(answer[:2])
    if size > _LONGEST_MESSAGE:
        return None
    message = b""
    while len(message) < size:
        wanted = min(piece, size - len(message))
        answer = yield _read_binary(2 + len(message), wanted)
        if answer[-2:] != _OK or len(answer) != wanted + 2:
            return None
        message += answer[:-2]
    return message


def _select(file: bytes) -> bytes:
    return bytes.fromhex("00A4000C02") + file


def _read_binary(offset: int, length: int) -> bytes:
    return bytes.fromhex("00B0") + offset.to_bytes(2) + bytes((length,))


# --- ISO/IEC 14443-4 ---------------------------------------------------------------------------------------------

#: Frames of 256 bytes, as number 0 (5.1).
_RATS: Final = bytes.fromhex("E080")
_I_BLOCK, _R_BLOCK, _MORE_TIME = 0x02, 0xA2, 0xF2
_CHAINED: Final = 0x10
#: A card that goes on asking for more time, or on and on in one answer, has no answer.
_MOST_BLOCKS: Final = 8


def over_iso_dep(command: Command[ResultT]) -> Command[ResultT | None]:
    """The same command in blocks, for a card that was only just found; None when the card does not keep to them."""
    if not (yield _RATS):
        return None
    number = 0
    try:
        apdu = next(command)
        while True:
            block = yield bytes((_I_BLOCK | number,)) + apdu
            response = b""
            for _ in range(_MOST_BLOCKS):
                if len(block) == 2 and block[0] == _MORE_TIME:
                    block = yield bytes((_MORE_TIME, block[1] & 0x3F))  # granted (7.3)
                elif block and block[0] & ~_CHAINED == _I_BLOCK | number:
                    number ^= 1
                    response += block[1:]
                    if not block[0] & _CHAINED:
                        break
                    block = yield bytes((_R_BLOCK | number,))
                else:
                    return None
            else:
                return None
            apdu = command.send(response)
    except StopIteration as done:
        result: ResultT = done.value
        return result


# --- the identifier ----------------------------------------------------------------------------------------------


def patron_identifier(message: bytes, prefixes: Sequence[str] = ()) -> str | None:
    """The patron identifier in an NDEF message: the first text or address that can be one, NFC, without its prefix.

    An address must begin with one of ``prefixes``, since cards carry addresses of all sorts; a text may. An identifier
    is one word of at most 64 characters.
    """
    try:
        records = list(ndef.message_decoder(message, errors="relax"))
    except (ndef.DecodeError, ValueError):
        return None
    known = sorted((unicodedata.normalize("NFC", prefix) for prefix in prefixes), key=len, reverse=True)
    for record in records:
        is_text = isinstance(record, ndef.TextRecord)
        if not is_text and not isinstance(record, ndef.UriRecord):
            continue
        try:
            text = unicodedata.normalize("NFC", record.text if is_text else record.uri).strip()
        except ValueError:  # an address is only taken apart when it is asked for
            continue
        prefix = next(filter(text.startswith, known), None)
        identifier = text.removeprefix(prefix or "")
        is_word = identifier.isprintable() and not any(map(str.isspace, identifier))
        if (is_text or prefix) and is_word and 0 < len(identifier) <= _LONGEST_IDENTIFIER:
            return identifier
    return None
