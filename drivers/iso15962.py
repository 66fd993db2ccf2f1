"""Objects in the memory of a tag after ISO/IEC 15962, and the ways to make their text short. Pure; facts/rfid.md, 2.2.

Objects stand one behind the other, each with a precursor of its own::

    precursor | [padding length] | [OID - 15] | length | data | padding

The precursor holds the OID (bits 3-0; 15 stands for 15 and more), the compaction (bits 6-4), and whether a padding
length follows (bit 7). A length of 128 or more takes several bytes, seven bits in each, all but the last with bit 7
set. A precursor of 0 ends the objects, and so does the end of the memory.

Padding makes an object end where a block does, so that it could be locked by itself. Where an object has both, sources
disagree about the order of padding length and OID; nothing on a tag tells them apart, so who writes had better pad
another object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

#: An OID from here on does not fit into a precursor.
EXTENDED: Final = 15
HIGHEST_OID: Final = 127
_PADDED: Final = 0x80
_MORE: Final = 0x80
_SEVEN_BITS: Final = 0x7F
#: No tag has the 16 kB that a length of more bytes would speak of.
_LENGTH_BYTES: Final = 2
_INTEGER_DIGITS: Final = range(2, 20)
_INTEGER_BYTES: Final = 8


class Compaction(IntEnum):
    """How the data of an object are made short."""

    APPLICATION_DEFINED = 0
    INTEGER = 1
    NUMERIC = 2
    FIVE_BIT = 3
    SIX_BIT = 4
    SEVEN_BIT = 5
    OCTETS = 6
    UTF_8 = 7


@dataclass(frozen=True, slots=True)
class Object:
    """An object as it stands in the memory: ``data`` are compacted."""

    oid: int
    compaction: Compaction
    data: bytes = field(repr=False)

    def encode(self, padding: int | None = None) -> bytes:
        """Its bytes in the memory; with ``padding``, that many bytes behind it and one that says so."""
        precursor = bytes((self.compaction << 4 | min(self.oid, EXTENDED),))
        if padding is not None:
            precursor = bytes((precursor[0] | _PADDED, padding))
        extension = bytes((self.oid - EXTENDED,)) if self.oid >= EXTENDED else b""
        return precursor + extension + _length_bytes(len(self.data)) + self.data + bytes(padding or 0)


class End(StrEnum):
    """What ends the objects in a memory."""

    SAID = "said"  # a precursor of 0
    MEMORY = "memory"  # the memory ends with the last one
    WITHIN = "within"  # the memory ends in the midst of one
    NONSENSE = "nonsense"  # something follows that is no object


@dataclass(frozen=True, slots=True)
class Objects:
    """The whole objects in a memory, and what ended them."""

    found: tuple[Object, ...]
    end: End


def parse(memory: bytes) -> Objects:
    """The objects in a memory, as far as they go."""
    found = list[Object]()
    at = 0
    while at < len(memory):
        if not memory[at]:
            return Objects(tuple(found), End.SAID)
        match _object(memory, at):
            case End() as end:
                return Objects(tuple(found), end)
            case parsed, at:
                found.append(parsed)
    return Objects(tuple(found), End.MEMORY)


def _object(memory: bytes, at: int) -> tuple[Object, int] | End:
    """The object that begins here, and where the next one does."""
    precursor, at = memory[at], at + 1
    padded, extended = precursor & _PADDED > 0, precursor & 0x0F == EXTENDED
    length_at = at + padded + extended
    header = memory[at:length_at]
    if len(header) < padded + extended:
        return End.WITHIN
    oid = EXTENDED + header[-1] if extended else precursor & 0x0F
    if not 1 <= oid <= HIGHEST_OID:
        return End.NONSENSE
    match _length(memory, length_at):
        case End() as end:
            return end
        case length, data_at:
            data_end = data_at + length
            end_at = data_end + (header[0] if padded else 0)
            if end_at > len(memory):
                return End.WITHIN
            return Object(oid, Compaction(precursor >> 4 & 0x07), memory[data_at:data_end]), end_at


def _length(memory: bytes, at: int) -> tuple[int, int] | End:
    """The length that stands here, and where what it is of begins."""
    length = 0
    for after, byte in enumerate(memory[at : at + _LENGTH_BYTES], start=at + 1):
        length = length << 7 | byte & _SEVEN_BITS
        if byte < _MORE:
            return length, after
    return End.NONSENSE if at + _LENGTH_BYTES <= len(memory) else End.WITHIN


def _length_bytes(length: int) -> bytes:
    written = bytes((length & _SEVEN_BITS,))
    while length := length >> 7:
        written = bytes((length & _SEVEN_BITS | _MORE,)) + written
    return written


# --- compaction -------------------------------------------------------------------------------------------------------


def bits_of(data: bytes) -> str:
    """Bytes as bits, written as ``0`` and ``1``."""
    return "".join(f"{byte:08b}" for byte in data)


def packed(bits: str, filling: str) -> bytes:
    """Bits as whole bytes: the last one filled with as many bits as it lacks, from the beginning of ``filling``."""
    bits += filling[: -len(bits) % 8]
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def compact(text: str) -> tuple[Compaction, bytes]:
    """The shortest form of a text; of several the one with the lowest number."""
    forms = [(way.compaction, way.encode(text)) for way in _WAYS if way.takes(text)]
    return min(forms, key=lambda form: len(form[1]))


def expand(compaction: Compaction, data: bytes) -> str | None:
    """The text that data stand for; None if they stand for none. What an application has defined is not text here."""
    return next((way.decode(data) for way in _WAYS if way.compaction is compaction), None)


@dataclass(frozen=True, slots=True)
class _Way:
    """One compaction: which texts can be made short by it, how, and back."""

    compaction: Compaction
    takes: Callable[[str], bool]
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str | None]


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def _encode_integer(text: str) -> bytes:
    number = int(text)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _decode_integer(data: bytes) -> str | None:
    if not 1 <= len(data) <= _INTEGER_BYTES:
        return None
    text = str(int.from_bytes(data, "big"))
    return text if len(text) in _INTEGER_DIGITS else None


def _encode_numeric(text: str) -> bytes:
    return bytes.fromhex(text + "F" * (len(text) % 2))


def _decode_numeric(data: bytes) -> str | None:
    digits = data.hex().rstrip("f")
    return digits if digits.isdecimal() else None


def _encode_five_bits(text: str) -> bytes:
    return packed("".join(f"{ord(character) - 0x40:05b}" for character in text), filling="0" * 7)


def _decode_five_bits(data: bytes) -> str | None:
    codes = [*_groups(data, 5)]
    if codes and not codes[-1]:
        codes.pop()
    return "".join(chr(0x40 + code) for code in codes) if all(codes) else None


#: What fills the last byte of six-bit codes. A whole code of it is not told from a space.
_SIX_BIT_FILLING: Final = "100000"


def _encode_six_bits(text: str) -> bytes:
    return packed("".join(f"{ord(character) & 0x3F:06b}" for character in text), filling=_SIX_BIT_FILLING)


def _decode_six_bits(data: bytes) -> str | None:
    codes = [*_groups(data, 6)]
    if len(data) % 3 == 0 and codes and codes[-1] == int(_SIX_BIT_FILLING, 2):
        codes.pop()
    return "".join(chr(code if code & 0x20 else code | 0x40) for code in codes)


def _encode_seven_bits(text: str) -> bytes:
    return packed("".join(f"{ord(character):07b}" for character in text), filling="1" * 7)


def _decode_seven_bits(data: bytes) -> str | None:
    codes = [*_groups(data, 7)]
    if codes and codes[-1] == 0x7F:
        codes.pop()
    return "".join(map(chr, codes)) if 0x7F not in codes else None


def _decode_utf_8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _groups(data: bytes, width: int) -> Iterator[int]:
    """The bits of some bytes as numbers, without those at the end that make no whole one."""
    bits = bits_of(data)
    return (int(bits[at : at + width], 2) for at in range(0, len(bits) - width + 1, width))


#: In the order of their numbers. Texts too short to gain by a way are not taken by it.
_WAYS: Final = (
    _Way(Compaction.INTEGER, _matches(r"[1-9][0-9]{1,18}"), _encode_integer, _decode_integer),
    _Way(Compaction.NUMERIC, _matches(r"[0-9]{2,}"), _encode_numeric, _decode_numeric),
    _Way(Compaction.FIVE_BIT, _matches(r"[A-_]{3,}"), _encode_five_bits, _decode_five_bits),
    # Four codes fill three bytes, so that a space at the end would pass for filling.
    _Way(Compaction.SIX_BIT, _matches(r"(?=.{4})(?!(?:.{4})*(?<= )\Z)[ -_]+"), _encode_six_bits, _decode_six_bits),
    _Way(Compaction.SEVEN_BIT, _matches(r"[\0-~]{8,}"), _encode_seven_bits, _decode_seven_bits),
    _Way(
        Compaction.OCTETS,
        _matches(r"[\0-\xff]*"),
        lambda text: text.encode("latin-1"),
        lambda data: data.decode("latin-1"),
    ),
    _Way(Compaction.UTF_8, lambda _text: True, lambda text: text.encode("utf-8"), _decode_utf_8),
)
