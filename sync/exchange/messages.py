"""Contact and reply: one question of a station, one answer of headquarters, one round trip. Pure.

Both are envelopes (:mod:`sync.exchange.envelope`).

    contact  magic ``TSC1``, signed by the station in the domain ``CONTACT``
             header  {proto, contact: :class:`Contact`, batch: length of the body}
             body    nothing, or one batch, which carries its own signature
    reply    magic ``TSR1``, signed by headquarters in the domain ``REPLY``
             header  {proto, reply: :class:`Reply`, changes: {size, length, hash}}
             body    nothing, or a zstd frame: the changes as a JSON array of [cursor, table, key, scope, row]

A reply repeats the contact's nonce, so that neither an old one nor another station's is taken for the answer, and a
captive portal's 200 is none at all. On a stick there is no question to answer: there the nonce is empty, and the
station takes care that nothing it knows goes back.

Source: facts/sync.md, sections 5.1, 5.2, 5.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from sync.exchange import batch as batches
from sync.exchange import envelope
from sync.exchange.envelope import PART_BYTES, PROTOCOL, Code, Count, Envelope, Hash, Number, Packed, Protocol, Road
from sync.exchange.keys import Domain, Keys, Pins
from sync.exchange.reasons import Reason, Rejected, Side

CONTACT_MAGIC = b"TSC1"
REPLY_MAGIC = b"TSR1"

NONCE_BYTES = 16
#: As many changes one reply brings at most, and as many bytes of them a sender puts in; one change may be larger.
REPLY_CHANGES = 5000
REPLY_BYTES = 4 * PART_BYTES
#: What a station takes of changes: one too large for a reply must not stop all after it.
_MOST_CHANGES = 4 * REPLY_BYTES

_MOST_CONTACT = batches.MOST_BYTES + 8 * 1024
_MOST_REPLY = _MOST_CHANGES + 64 * 1024

Nonce = Annotated[bytes, Meta(max_length=NONCE_BYTES)]
_Text = Annotated[str, Meta(max_length=200)]
_Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """What a station says of itself when it calls.

    ``boot``, ``wall`` and ``up`` are its clock: which boot, milliseconds of UTC, milliseconds since boot. ``cursor`` is
    the last change it has applied. ``seq`` and ``head`` are the last event in its ledger, ``unsent`` how many of them
    it counts as not logged. ``hint`` tells whether this is still the machine that was enrolled (``keyring``).
    """

    hq: Code
    station: Code
    epoch: Number
    nonce: Nonce
    boot: _Text
    wall: _Whole
    up: Count
    cursor: Count
    seq: Count
    head: Hash
    unsent: Count
    version: _Text
    hint: _Text
    want_snapshot: bool = False


class Answer(StrEnum):
    """What became of a contact's batch. A program answers a protocol with the words that this protocol has."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    GAP = "gap"
    FORK = "fork"
    REVOKED = "revoked"
    UPGRADE_REQUIRED = "upgrade_required"
    SLOW_DOWN = "slow_down"
    REFUSED = "refused"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What headquarters answers.

    ``now`` is its clock in milliseconds of UTC. ``answer`` speaks of the events ``first`` to ``last`` of the contact's
    batch (both 0 without one), ``reason`` says why one was refused, ``want`` is the event that has to come next after a
    gap. ``logged``, ``safe`` and ``applied`` are the last events that headquarters has in its log, in a verified
    backup, and in its projections; ``head`` is the chain's hash after the first of them, by which a station sees that
    they are its own and not those of a copy of it. ``since`` and ``cursor`` are the places in the feed between which
    this reply tells every change; ``more`` says that others wait, ``resnapshot`` that the station's cursor is too old
    for changes, and ``snapshot`` names one that is ready to be fetched. ``slow_down_s`` asks for so many seconds of
    silence, ``batch_limit`` for no larger batches, ``upgrade`` names the version to come to.
    """

    hq: Code
    station: Code
    epoch: Number
    nonce: Nonce
    now: _Whole
    answer: Answer
    reason: Reason | None = None
    want: Number | None = None
    first: Count = 0
    last: Count = 0
    logged: Count
    head: Hash
    safe: Count
    applied: Count
    since: Count = 0
    cursor: Count
    more: bool = False
    resnapshot: bool = False
    snapshot: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")] | None = None
    slow_down_s: Count | None = None
    batch_limit: Number = batches.BATCH_EVENTS
    upgrade: _Text | None = None


Row = dict[str, str | _Whole | None]


class Change(msgspec.Struct, frozen=True, array_like=True, repr_omit_defaults=True):
    """One row of the reference as it is from now on; ``row`` is ``None`` where it is gone.

    ``cursor`` is its place in headquarters' feed, ``table`` and ``key`` say which row, ``scope`` for whom it is: a
    branch, a station, or ``*``.
    """

    cursor: Number
    table: Annotated[str, Meta(min_length=1, max_length=40)]
    key: Annotated[str, Meta(min_length=1, max_length=400)]
    scope: Annotated[str, Meta(min_length=1, max_length=40)]
    row: Row | None

    def __repr__(self) -> str:
        return f"Change({self.cursor}, {self.table})"  # the rest may name a reader


@dataclass(frozen=True, slots=True)
class OpenedContact:
    """A contact that its station signed, the bytes of its batch, which nobody has looked at yet, and the protocol that
    it is to be answered in."""

    proto: int
    contact: Contact
    batch: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedReply:
    """A reply that headquarters signed, with its changes in the order of their cursors."""

    reply: Reply
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class MessageRefused(Rejected):
    """A contact or a reply that was not taken, and why."""


class _ContactHeader(msgspec.Struct, kw_only=True):
    proto: Protocol = PROTOCOL
    contact: Contact
    batch: Count = 0


class _ReplyHeader(msgspec.Struct, kw_only=True):
    proto: Protocol = PROTOCOL
    reply: Reply
    changes: Packed


_CONTACT = msgspec.json.Decoder(_ContactHeader)
_REPLY = msgspec.json.Decoder(_ReplyHeader)
_CHANGES = msgspec.json.Decoder(Annotated[tuple[Change, ...], Meta(max_length=REPLY_CHANGES)])


def seal_contact(keys: Keys, contact: Contact, batch: bytes = b"") -> bytes:
    """A contact as it is sent. Raises ``ValueError`` for a batch larger than any."""
    if len(batch) > batches.MOST_BYTES:
        raise ValueError("this is no batch")
    header = _ContactHeader(contact=contact, batch=len(batch))
    return envelope.seal(CONTACT_MAGIC, keys, Domain.CONTACT, header, batch)


def read_contact(raw: bytes, road: Road = Road.HTTPS) -> Contact | MessageRefused:
    """Who claims to call. Nothing is proven by it but that it is worth looking up that station's keys."""
    parsed = _parse_contact(raw, road)
    return MessageRefused(parsed) if isinstance(parsed, Reason) else parsed[1].contact


def open_contact(raw: bytes, pins: Pins, *, hq: str, road: Road = Road.HTTPS) -> OpenedContact | MessageRefused:
    """The contact that these bytes are, if a station with these keys wrote it for this headquarters.

    Retired keys of the station are good for contacts up to their mark, as they are for batches.
    """
    parsed = _parse_contact(raw, road)
    if isinstance(parsed, Reason):
        return MessageRefused(parsed)
    pieces, header = parsed
    if header.contact.hq != hq:
        return MessageRefused(Reason.OTHER_HEADQUARTERS)
    reason = pins.check(Domain.CONTACT, pieces.signature, pieces.header, header.contact.seq)
    if reason is not None:
        return MessageRefused(reason)
    return OpenedContact(header.proto, header.contact, pieces.body)


def fitting_changes(changes: Sequence[Change], *, most: int = REPLY_CHANGES, size: int = REPLY_BYTES) -> int:
    """How many of the changes, from the first, go into one reply: at least one of them, however large it is."""
    taken = 0
    for count, change in enumerate(changes[: min(most, REPLY_CHANGES)]):
        taken += len(msgspec.json.encode(change)) + 1
        if taken > size:
            return max(count, 1)
    return min(most, REPLY_CHANGES, len(changes))


def seal_reply(keys: Keys, reply: Reply, changes: Sequence[Change] = (), *, proto: int = PROTOCOL) -> bytes:
    """A reply as it is sent, in the protocol of the contact.

    Raises ``ValueError`` for more changes than :func:`fitting_changes` allows.
    """
    if len(changes) > REPLY_CHANGES:
        raise ValueError(f"a reply brings at most {REPLY_CHANGES} changes, not {len(changes)}")
    packed, frame = envelope.pack(msgspec.json.encode(changes) if changes else b"")
    if envelope.refuse_size(packed, _MOST_CHANGES):
        raise ValueError("too much for one reply")
    header = _ReplyHeader(proto=proto, reply=reply, changes=packed)
    return envelope.seal(REPLY_MAGIC, keys, Domain.REPLY, header, frame)


def open_reply(
    raw: bytes, pins: Pins, *, hq: str, station: str, epoch: int, nonce: bytes, road: Road = Road.HTTPS
) -> OpenedReply | MessageRefused:
    """The reply that these bytes are, if headquarters gave it to this very contact (on a stick the nonce is empty).

    ``pins`` are the keys of headquarters; their marks are instants of its clock.
    """
    opened = _open_reply(raw, pins, (hq, station, epoch), nonce, road)
    return MessageRefused(opened, Side.HEADQUARTERS) if isinstance(opened, Reason) else opened


def _parse_contact(raw: bytes, road: Road) -> tuple[Envelope, _ContactHeader] | Reason:
    pieces = envelope.split(raw, CONTACT_MAGIC, most=_MOST_CONTACT)
    if isinstance(pieces, Reason):
        return pieces
    header = envelope.read_header(pieces.header, _CONTACT, road)
    if isinstance(header, Reason):
        return header
    if len(pieces.body) != header.batch:
        return Reason.DAMAGED
    return pieces, header


def _open_reply(raw: bytes, pins: Pins, of: tuple[str, str, int], nonce: bytes, road: Road) -> OpenedReply | Reason:
    pieces = envelope.split(raw, REPLY_MAGIC, most=_MOST_REPLY)
    if isinstance(pieces, Reason):
        return pieces
    header = envelope.read_header(pieces.header, _REPLY, road)
    if isinstance(header, Reason):
        return header
    reply = header.reply
    if reply.hq != of[0]:
        return Reason.OTHER_HEADQUARTERS
    if (reply.station, reply.epoch) != of[1:]:
        return Reason.OTHER_STATION
    reason = pins.check(Domain.REPLY, pieces.signature, pieces.header, reply.now)
    if reason is not None:
        return reason
    if reply.nonce != nonce:
        return Reason.OTHER_QUESTION
    content = envelope.unpack(header.changes, pieces.body, most=_MOST_CHANGES)
    if isinstance(content, Reason):
        return content
    changes = envelope.decode(content, _CHANGES) if content else ()
    return changes if isinstance(changes, Reason) else OpenedReply(reply, changes)
