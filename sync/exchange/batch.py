"""A batch: events of one station on their way to headquarters, the same bytes over https and on a stick. Pure.

An envelope (:mod:`sync.exchange.envelope`) with magic ``TSB1``, signed by the station in the domain ``BATCH``:

    header     {proto, hq, station, epoch, first, last, prev, head,
                events: {size, length, hash}, identities: {size, length, hash}}
               ``prev`` and ``head`` are the chain's hashes before the first and after the last event, the other two
               those of the frames as they travel; all are SHA-256 in base64
    body       events       a zstd frame: the records as they are stored, joined by line feeds
               identities   a zstd frame whose dictionary is the events' text: {"salt", "owners": {token: patron_id}}

Events come as they were written. The chain from ``prev`` over them must end in ``head``, so the signature covers every
event by itself, and headquarters can keep header, signature and the events' frame for ever, byte for byte, and prove
them (:func:`open_stored`) after the identities are gone. Whose a token is stands only in the second frame (design, law
9). Its hash stays behind in the header; the salt of 16 random bytes keeps that from being a way to try out who it was.

Nothing is decompressed before the signature is right and the size known to be bounded. Source: facts/sync.md,
sections 5.1 and 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.circulation.chain import genesis, link
from sync.exchange import envelope
from sync.exchange.envelope import PART_BYTES, PROTOCOL, Code, Envelope, Hash, Number, Packed, Protocol, Road
from sync.exchange.keys import Domain, Keys, Pins
from sync.exchange.reasons import Reason, Rejected

MAGIC = b"TSB1"

#: As many events a batch holds at most.
BATCH_EVENTS = 500
#: As many bytes of events a sender puts into one batch; a single event may be larger.
BATCH_BYTES = PART_BYTES
#: What a reader takes of events, and of identities: one event too large for a batch must not stop all after it.
_MOST_PART = 4 * PART_BYTES
#: What a reader takes as a whole. zstd makes content that does not compress longer by less than this allows for.
MOST_BYTES = 2 * _MOST_PART + 16 * 1024

_LINE_END = "\n"


class BatchHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Whose events these are and which: ``first`` to ``last`` of a station's epoch."""

    proto: Protocol = PROTOCOL
    hq: Code
    station: Code
    epoch: Number
    first: Number
    last: Number
    prev: Hash
    head: Hash
    events: Packed
    identities: Packed


class _Identities(msgspec.Struct):
    salt: Annotated[bytes, Meta(min_length=16, max_length=16)]
    owners: dict[str, str]


_HEADER = msgspec.json.Decoder(BatchHeader)
_IDENTITIES = msgspec.json.Decoder(_Identities)


@dataclass(frozen=True, slots=True)
class BatchRefused(Rejected):
    """A batch that was not taken, and why."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as headquarters keeps it: ``signed`` is the header's exact bytes, ``events`` the frame as received."""

    signed: bytes
    signature: bytes
    events: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that holds: rightly signed, whole, its chain unbroken.

    ``records[i]`` is the text of event ``header.first + i`` and ``hashes[i]`` the chain's hash after it.
    ``identities`` says whose some of the tokens are. ``stored`` is all of it but the identities.
    """

    header: BatchHeader
    stored: StoredBatch
    records: tuple[str, ...] = field(repr=False)
    hashes: tuple[bytes, ...] = field(repr=False)
    identities: dict[str, str] = field(repr=False)


def fitting(records: Sequence[str], *, events: int = BATCH_EVENTS, size: int = BATCH_BYTES) -> int:
    """How many of the records, from the first, go into one batch: at least one of them, however long it is."""
    taken = 0
    for count, record in enumerate(records[: min(events, BATCH_EVENTS)]):
        taken += len(record.encode()) + 1
        if taken > size + 1:
            return max(count, 1)
    return min(events, BATCH_EVENTS, len(records))


def seal(
    keys: Keys,
    *,
    hq: str,
    station: str,
    epoch: int,
    first: int,
    prev: bytes,
    records: Sequence[str],
    identities: Mapping[str, str],
    salt: bytes,
) -> bytes:
    """A batch of the records that begin with event ``first``, as many as :func:`fitting` allows.

    ``prev`` is the chain's hash before them, ``identities`` whose their tokens are, ``salt`` 16 random bytes. The same
    arguments give the same bytes. Raises ``ValueError`` for what no ledger holds: no record, too many or too much, a
    record of two lines.
    """
    if not 1 <= len(records) <= BATCH_EVENTS:
        raise ValueError(f"a batch holds 1 to {BATCH_EVENTS} events, not {len(records)}")
    if any(_LINE_END in record for record in records):
        raise ValueError("a record is one line")
    text = _LINE_END.join(records).encode()
    events, events_frame = envelope.pack(text)
    owners = msgspec.json.encode(_Identities(salt, dict(identities))) if identities else b""
    owned, owners_frame = envelope.pack(owners, prefix=text)
    if any(envelope.refuse_size(part, _MOST_PART) for part in (events, owned)):
        raise ValueError("too much for one batch")
    header = BatchHeader(
        hq=hq,
        station=station,
        epoch=epoch,
        first=first,
        last=first + len(records) - 1,
        prev=prev,
        head=_chain(prev, records)[-1],
        events=events,
        identities=owned,
    )
    return envelope.seal(MAGIC, keys, Domain.BATCH, header, events_frame + owners_frame)


def read_header(raw: bytes, road: Road = Road.HTTPS) -> BatchHeader | BatchRefused:
    """Whose batch this claims to be. Nothing is proven by it but that it is worth looking up that station's keys."""
    parsed = _parse(raw, road)
    return BatchRefused(parsed) if isinstance(parsed, Reason) else parsed[1]


def open_batch(
    raw: bytes, pins: Pins, *, hq: str, station: str, epoch: int, road: Road = Road.HTTPS
) -> Batch | BatchRefused:
    """The batch that these bytes are, if that station wrote it in that epoch for this headquarters.

    ``pins`` are the station's keys; their marks are event numbers.
    """
    parsed = _parse(raw, road)
    if isinstance(parsed, Reason):
        return BatchRefused(parsed)
    pieces, header = parsed
    if header.hq != hq:
        return BatchRefused(Reason.OTHER_HEADQUARTERS)
    if (header.station, header.epoch) != (station, epoch):
        return BatchRefused(Reason.OTHER_STATION)
    stored = StoredBatch(pieces.header, pieces.signature, pieces.body[: header.events.length])
    opened = _open(header, stored, pins)
    if isinstance(opened, Reason):
        return BatchRefused(opened)
    text, records, hashes = opened
    owners = envelope.unpack(header.identities, pieces.body[header.events.length :], text, most=_MOST_PART)
    identities = owners if isinstance(owners, Reason) else _owners(owners)
    if isinstance(identities, Reason):
        return BatchRefused(identities)
    return Batch(header, stored, records, hashes, identities)


def open_stored(stored: StoredBatch, pins: Pins) -> Batch | BatchRefused:
    """A batch out of headquarters' log, proven again as far as that goes without its identities, which are empty."""
    header = envelope.read_header(stored.signed, _HEADER, Road.LOG)
    if isinstance(header, Reason):
        return BatchRefused(header)
    opened = _open(header, stored, pins)
    if isinstance(opened, Reason):
        return BatchRefused(opened)
    _, records, hashes = opened
    return Batch(header, stored, records, hashes, {})


def _parse(raw: bytes, road: Road) -> tuple[Envelope, BatchHeader] | Reason:
    pieces = envelope.split(raw, MAGIC, most=MOST_BYTES)
    if isinstance(pieces, Reason):
        return pieces
    header = envelope.read_header(pieces.header, _HEADER, road)
    if isinstance(header, Reason):
        return header
    if header.events.size == 0:
        return Reason.EMPTY
    if header.last - header.first >= BATCH_EVENTS:
        return Reason.TOO_LARGE
    for part in (header.events, header.identities):
        reason = envelope.refuse_size(part, _MOST_PART)
        if reason is not None:
            return reason
    return pieces, header


def _open(
    header: BatchHeader, stored: StoredBatch, pins: Pins
) -> tuple[bytes, tuple[str, ...], tuple[bytes, ...]] | Reason:
    reason = pins.check(Domain.BATCH, stored.signature, stored.signed, header.last)
    if reason is not None:
        return reason
    text = envelope.unpack(header.events, stored.events, most=_MOST_PART)
    if isinstance(text, Reason):
        return text
    try:
        records = tuple(text.decode().split(_LINE_END))
    except UnicodeDecodeError:
        return Reason.DAMAGED
    if len(records) != header.last - header.first + 1:
        return Reason.WRONG_RANGE
    hashes = _chain(header.prev, records)
    if hashes[-1] != header.head:
        return Reason.BROKEN_CHAIN
    if header.first == 1 and header.prev != genesis(header.station, header.epoch):
        return Reason.BROKEN_CHAIN
    return text, records, hashes


def _chain(prev: bytes, records: Sequence[str]) -> tuple[bytes, ...]:
    hashes = []
    for record in records:
        prev = link(prev, record)
        hashes.append(prev)
    return tuple(hashes)


def _owners(content: bytes) -> dict[str, str] | Reason:
    if not content:
        return {}
    identities = envelope.decode(content, _IDENTITIES)
    return identities if isinstance(identities, Reason) else identities.owners
