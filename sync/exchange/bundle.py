"""A bundle: messages encrypted for the road, in parts that fit a FAT stick, and a manifest that names them all. Pure.

A station's bundle holds a contact without a batch, then its batches; headquarters' *return bundle* holds replies. Both
are the very messages that go over https (:mod:`sync.exchange.batch`, :mod:`sync.exchange.messages`), so that order,
repetition and mixing the two roads do no harm.

    part      HPKE to the reader's X25519 key, in the domain of the bundle's kind, with the bundle's place
              ``hq NUL station NUL epoch NUL tag NUL number-of-the-part`` as context, over messages one after another,
              each as 4 bytes of length (big-endian) and its bytes
    manifest  an envelope (:mod:`sync.exchange.envelope`) without body, magic ``TSM1`` from a station and ``TSN1`` from
              headquarters; its header is :class:`Manifest`: whose, which events, the bundle's number, the SHA-256 of
              the manifest before it, and size and SHA-256 of every part as encrypted

The signature is over the hashes of the ciphertexts, hence over the ciphertexts. Parts without their manifest are
nothing, and the manifest is written last, so a bundle that was cut off never passes for a whole one. File names are
``XYYYYYYY.001`` and on, with ``XYYYYYYY.TSM`` for the manifest: upper case, eight and three characters, X being ``S``
from a station and ``R`` for a return, Y base32 of a hash of the bundle's place.

Source: facts/sync.md, section 5.5.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.exchange import envelope
from sync.exchange.envelope import PROTOCOL, Code, Count, Envelope, Hash, Number, Protocol, Road
from sync.exchange.keys import Domain, Keys, Pins, PublicKeys, decrypt_with_any
from sync.exchange.reasons import Reason, Rejected, Side

#: As large as a part gets, in bytes; a bundle has as many parts as there are names for.
PART_BYTES = 16_000_000
MOST_PARTS = 999
#: What encryption and framing add to a part at most when it holds one message.
OVERHEAD = 48 + 4

TAG_BYTES = 8
MANIFEST_BYTES = 128 * 1024
MANIFEST_SUFFIX = ".TSM"

_MAGIC = {Side.STATION: b"TSM1", Side.HEADQUARTERS: b"TSN1"}
_DOMAIN = {Side.STATION: Domain.BUNDLE, Side.HEADQUARTERS: Domain.RETURN_BUNDLE}
_LETTER = {Side.STATION: "S", Side.HEADQUARTERS: "R"}
_WRITER = {letter: side for side, letter in _LETTER.items()}
_NAME = re.compile(r"([SR])[A-Z2-7]{7}\.([0-9]{3}|TSM|TMP)")


class Part(msgspec.Struct, frozen=True):
    """One encrypted part: its size in bytes and its SHA-256."""

    size: Count
    hash: Hash


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle is, before its parts are known.

    ``station`` and ``epoch`` say whose ledger it speaks of, whoever wrote it. ``number`` counts that writer's bundles
    for this epoch, ``previous`` is :func:`digest` of the manifest before (zeros for the first), ``tag`` is random.
    ``first`` to ``last`` are its events (0 without any). ``mark`` is what the writer's keys are judged by: the last
    event in the station's ledger, or headquarters' clock in milliseconds of UTC (:class:`sync.exchange.keys.Pin`).
    """

    hq: Code
    station: Code
    epoch: Number
    number: Number
    previous: Hash
    tag: Annotated[bytes, Meta(min_length=TAG_BYTES, max_length=TAG_BYTES)]
    first: Count
    last: Count
    mark: Count
    parts: Annotated[tuple[Part, ...], Meta(max_length=MOST_PARTS)] = ()
    proto: Protocol = PROTOCOL


@dataclass(frozen=True, slots=True)
class BundleRefused(Rejected):
    """A bundle that was not taken, and why."""


_MANIFEST = msgspec.json.Decoder(Manifest)


def stem(manifest: Manifest, writer: Side) -> str:
    """The eight characters that the names of a bundle's files begin with."""
    return _LETTER[writer] + base64.b32encode(sha256(_place(manifest)).digest()).decode()[:7]


def part_name(manifest: Manifest, writer: Side, number: int) -> str:
    """The file name of a part, counted from 1."""
    return f"{stem(manifest, writer)}.{number:03d}"


def manifest_name(manifest: Manifest, writer: Side) -> str:
    """The file name of the manifest."""
    return stem(manifest, writer) + MANIFEST_SUFFIX


def writer_of(name: str) -> Side | None:
    """Whose file one of this name would be, in whatever case; ``None`` for a name that no bundle has."""
    ours = _NAME.fullmatch(name.upper())
    return _WRITER[ours[1]] if ours else None


def digest(raw: bytes) -> bytes:
    """What the next bundle says of this manifest (32 bytes)."""
    return sha256(raw).digest()


def seal_parts(
    manifest: Manifest, writer: Side, reader: PublicKeys, messages: Iterable[bytes], *, part_bytes: int = PART_BYTES
) -> Iterator[tuple[Part, bytes]]:
    """The parts of a bundle one by one, each as full as it gets; only one is held at a time.

    Raises ``ValueError`` for a message that is larger than a part, and for more parts than there are names.
    """
    for number, content in enumerate(_filled(messages, part_bytes - OVERHEAD + 4), start=1):
        if number > MOST_PARTS:
            raise ValueError(f"a bundle has at most {MOST_PARTS} parts")
        sealed = reader.encrypt(_DOMAIN[writer], _context(manifest, number), content)
        yield Part(len(sealed), sha256(sealed).digest()), sealed


def seal_manifest(keys: Keys, manifest: Manifest, writer: Side, parts: Sequence[Part]) -> bytes:
    """The manifest of these parts, to be written when all of them are. Raises ``ValueError`` when there are none."""
    if not parts:
        raise ValueError("a bundle holds at least one message")
    header = msgspec.structs.replace(manifest, parts=tuple(parts))
    return envelope.seal(_MAGIC[writer], keys, _DOMAIN[writer], header)


def read_manifest(raw: bytes, writer: Side) -> Manifest | BundleRefused:
    """What a bundle claims to be. Nothing is proven by it but that it is worth looking up the writer's keys."""
    parsed = _parse(raw, writer)
    return BundleRefused(parsed, writer) if isinstance(parsed, Reason) else parsed[1]


def open_manifest(
    raw: bytes, writer: Side, pins: Pins, *, hq: str, station: str, epoch: int
) -> Manifest | BundleRefused:
    """The manifest that these bytes are, if the writer with these keys wrote it for this headquarters and station."""
    parsed = _parse(raw, writer)
    if isinstance(parsed, Reason):
        return BundleRefused(parsed, writer)
    pieces, manifest = parsed
    if manifest.hq != hq:
        return BundleRefused(Reason.OTHER_HEADQUARTERS, writer)
    if (manifest.station, manifest.epoch) != (station, epoch):
        return BundleRefused(Reason.OTHER_STATION, writer)
    reason = pins.check(_DOMAIN[writer], pieces.signature, pieces.header, manifest.mark)
    return manifest if reason is None else BundleRefused(reason, writer)


def open_part(
    manifest: Manifest, writer: Side, number: int, keys: Sequence[Keys], sealed: bytes
) -> tuple[bytes, ...] | BundleRefused:
    """The messages in a part, decrypted with whichever of the reader's keys it was written to."""
    part = manifest.parts[number - 1]
    if len(sealed) != part.size or sha256(sealed).digest() != part.hash:
        return BundleRefused(Reason.PART_CHANGED, writer)
    content = decrypt_with_any(keys, _DOMAIN[writer], _context(manifest, number), sealed)
    if content is None:
        return BundleRefused(Reason.OTHER_LOCK, writer)
    messages = _messages(content)
    return BundleRefused(Reason.DAMAGED, writer) if messages is None else messages


def _parse(raw: bytes, writer: Side) -> tuple[Envelope, Manifest] | Reason:
    pieces = envelope.split(raw, _MAGIC[writer], most=MANIFEST_BYTES, most_header=MANIFEST_BYTES)
    if isinstance(pieces, Reason):
        return pieces
    manifest = envelope.read_header(pieces.header, _MANIFEST, Road.USB)
    if isinstance(manifest, Reason):
        return manifest
    if pieces.body:
        return Reason.DAMAGED
    if not manifest.parts:
        return Reason.EMPTY
    if any(part.size > PART_BYTES for part in manifest.parts):
        return Reason.TOO_LARGE
    return pieces, manifest


def _place(manifest: Manifest) -> bytes:
    return "\0".join((manifest.hq, manifest.station, str(manifest.epoch), manifest.tag.hex())).encode()


def _context(manifest: Manifest, number: int) -> bytes:
    return _place(manifest) + f"\0{number}".encode()


def _filled(messages: Iterable[bytes], most: int) -> Iterator[bytes]:
    filled = bytearray()
    for message in messages:
        if len(message) + 4 > most:
            raise ValueError("a message is larger than a part")
        if filled and len(filled) + 4 + len(message) > most:
            yield bytes(filled)
            filled.clear()
        filled += len(message).to_bytes(4) + message
    if filled:
        yield bytes(filled)


def _messages(content: bytes) -> tuple[bytes, ...] | None:
    messages, at = [], 0
    while at < len(content):
        begin = at + 4
        at = begin + int.from_bytes(content[at:begin])
        if at > len(content):
            return None
        messages.append(content[begin:at])
    return tuple(messages)
