"""The one shape of everything signed, and compression that nobody can turn into a flood. Pure.

    magic      4 bytes, the kind of message and of layout
    length     4 bytes, big-endian: how long the header is
    header     so many bytes of JSON, an object with at least ``proto``; the exact bytes are what is signed
    signature  64 bytes: ed25519 over the domain's name followed by the header
    body       the rest; the header says how long its parts are and what they hash to

The signature covers the body through the header, so a message can be checked, stored and passed on without keeping or
unpacking all of it.

``proto`` is the number of the protocol. A reader takes its own and the one before, and on sticks, which lie in drawers,
three before; a newer one it never guesses at (facts/sync.md, section 5.6). Unknown fields of a known protocol are
ignored, so that a field can be added without a new number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Annotated, TypeVar

import msgspec
import zstandard
from msgspec import Meta

from sync.exchange.keys import SIGNATURE_BYTES, Domain, Keys
from sync.exchange.reasons import Reason

#: The protocol of this program.
PROTOCOL = 1

#: As far as a sender fills one compressed part, in bytes before compression. Beyond it a reader minds the ratio.
PART_BYTES = 256 * 1024
_RATIO = 1000

_HEAD_BYTES = 8
_LEVEL = 9  # against level 3 a tenth less on the wire for a millisecond more


class Road(Enum):
    """How a message came; the value is how many protocols back are still read, ``None`` for all of them.

    ``LOG`` is headquarters' own: what was taken once is read for ever.
    """

    HTTPS = 1
    USB = 3
    LOG = None


#: A code as in the settings of a station or of headquarters.
Code = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\Z")]
#: A SHA-256.
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
#: A number that counts something: what a column of a database can hold.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
#: A number that something is known by: from 1.
Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
#: A protocol of whatever age.
Protocol = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message in its four pieces; nothing of it has been checked yet."""

    header: bytes
    signature: bytes
    body: bytes


class Packed(msgspec.Struct, frozen=True):
    """What a header says of one part of its body.

    ``size`` is its length in bytes before compression, ``length`` that on the wire, ``hash`` the SHA-256 of the latter.
    """

    size: Count
    length: Count
    hash: Hash


class _Numbered(msgspec.Struct):
    proto: Protocol


_NUMBER = msgspec.json.Decoder(_Numbered)

T = TypeVar("T")


def seal(magic: bytes, keys: Keys, domain: Domain, header: msgspec.Struct, body: bytes = b"") -> bytes:
    """A signed message from its header and body."""
    signed = msgspec.json.encode(header)
    return join(magic, Envelope(signed, keys.sign(domain, signed), body))


def join(magic: bytes, pieces: Envelope) -> bytes:
    """The bytes of a message from its pieces."""
    return b"".join((magic, len(pieces.header).to_bytes(4), pieces.header, pieces.signature, pieces.body))


def split(raw: bytes, magic: bytes, *, most: int, most_header: int = 4096) -> Envelope | Reason:
    """The pieces of a message of at most ``most`` bytes, unless it is too large, cut off in the header or another."""
    if len(raw) > most:
        return Reason.TOO_LARGE
    if len(raw) < _HEAD_BYTES or raw[:4] != magic:
        return Reason.DAMAGED
    length = int.from_bytes(raw[4:_HEAD_BYTES])
    if length > most_header:
        return Reason.TOO_LARGE
    header_end, body_begin = _HEAD_BYTES + length, _HEAD_BYTES + length + SIGNATURE_BYTES
    if len(raw) < body_begin:
        return Reason.DAMAGED
    return Envelope(raw[_HEAD_BYTES:header_end], raw[header_end:body_begin], raw[body_begin:])


def read_header(header: bytes, decoder: msgspec.json.Decoder[T], road: Road) -> T | Reason:
    """A header as its type, if it is of a protocol that is read on this road and holds what it must."""
    numbered = decode(header, _NUMBER)
    if isinstance(numbered, Reason):
        return numbered
    if numbered.proto > PROTOCOL:
        return Reason.NEWER_PROTOCOL
    if road.value is not None and numbered.proto < PROTOCOL - road.value:
        return Reason.OLDER_PROTOCOL
    return decode(header, decoder)


def decode(content: bytes, decoder: msgspec.json.Decoder[T]) -> T | Reason:
    """JSON as its type, whatever the bytes are: brackets without end and text that is none among them."""
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reason.DAMAGED


def pack(content: bytes, prefix: bytes = b"") -> tuple[Packed, bytes]:
    """Content as a zstd frame, and what the header is to say of it; nothing becomes nothing.

    ``prefix`` is something the reader has already: what repeats it costs next to nothing.
    """
    frame = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_dictionary(prefix)).compress(content) if content else b""
    return Packed(len(content), len(frame), sha256(frame).digest()), frame


def unpack(packed: Packed, frame: bytes, prefix: bytes = b"", *, most: int) -> bytes | Reason:
    """The content of a frame. Not a byte is decompressed before its hash is right and its size known to be bounded."""
    reason = refuse_size(packed, most)
    if reason is not None:
        return reason
    if len(frame) != packed.length or sha256(frame).digest() != packed.hash:
        return Reason.DAMAGED
    if not frame:
        return Reason.DAMAGED if packed.size else b""
    try:
        # The library trusts a frame's own word on its size over any limit that it is given.
        if zstandard.get_frame_parameters(frame).content_size != packed.size:
            return Reason.DAMAGED
        decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(prefix))
        return decompressor.decompress(frame, max_output_size=packed.size, allow_extra_data=False)
    except zstandard.ZstdError:
        return Reason.DAMAGED


def refuse_size(packed: Packed, most: int) -> Reason | None:
    """Why a part is not even looked at: larger than ``most`` bytes, or compressed beyond all measure."""
    if packed.size > most:
        return Reason.TOO_LARGE
    if packed.size > max(PART_BYTES, _RATIO * packed.length):
        return Reason.RATIO
    return None


def _dictionary(prefix: bytes) -> zstandard.ZstdCompressionDict | None:
    return zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None
