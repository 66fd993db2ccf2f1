"""What stations and headquarters send each other, and what a ledger holds.

Signatures and hashes would stop nearly every input at the door. So each message has two targets or more: its bytes as
they are, and what stands behind the door, signed and hashed by the party that it is said to come from.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from types import ModuleType
from typing import Final, TypeVar

import msgspec

from sync.circulation import events
from sync.circulation.chain import genesis, link
from sync.circulation.events import Entry, EventError, Unknown
from sync.exchange import batch as batches
from sync.exchange import bundle, envelope, messages, papers, snapshot
from sync.exchange.batch import Batch, BatchHeader, BatchRefused
from sync.exchange.bundle import BundleRefused, Manifest, Part
from sync.exchange.envelope import Envelope, Packed, Road
from sync.exchange.keys import Domain, Keys
from sync.exchange.messages import Contact, MessageRefused, OpenedContact, OpenedReply
from sync.exchange.papers import EnrolmentRequest, EnrolmentResponse, PaperRefused
from sync.exchange.reasons import Rejected, Side
from sync.exchange.snapshot import Snapshot, SnapshotRefused
from tests.fuzz.target import Draw, Target
from tests.sync.exchange.parties import (
    CHANGES,
    EPOCH,
    HQ,
    HQ_KEYS,
    HQ_PINS,
    SALT,
    STATION,
    STATION_KEYS,
    STATION_PINS,
    contact,
    day,
    opened,
    reply,
    sealed,
)

T = TypeVar("T")

_CODE: Final = papers.make_code(SALT)
_CODE_KEY: Final = papers.code_key(papers.normal_code(_CODE) or "")
_DAY: Final = day(5)
_BATCHES: Final = (sealed(_DAY), sealed(day(1)))
_NONCE: Final = b"n" * 16


def _refused_or(kind: type[T], refusal: type[Rejected], found: object) -> T | None:
    """What was opened; None for a refusal, whose sentence can be said."""
    if isinstance(found, refusal):
        assert found.phrase.say("vi")
        assert found.phrase.say("en")
        return None
    assert isinstance(found, kind), found
    return found


def _signed(magic: bytes, keys: Keys, domain: Domain, header: bytes, body: bytes = b"") -> bytes:
    return envelope.join(magic, Envelope(header, keys.sign(domain, header), body))


def _pieces(raw: bytes, magic: bytes) -> Envelope:
    pieces = envelope.split(raw, magic, most=len(raw), most_header=len(raw))
    assert isinstance(pieces, Envelope)
    return pieces


# --- batches ----------------------------------------------------------------------------------------------------------


def _batch(data: bytes) -> None:
    """Bytes of a batch; one that is taken is the one that was sealed."""
    _refused_or(BatchHeader, BatchRefused, batches.read_header(data))
    taken = _refused_or(Batch, BatchRefused, opened(data))
    if taken is not None:
        assert data in _BATCHES
        assert isinstance(batches.open_stored(taken.stored, STATION_PINS), Batch)


def _batch_header(data: bytes) -> None:
    """A header of whatever bytes, rightly signed, over the body of a good batch."""
    body = _pieces(_BATCHES[0], batches.MAGIC).body
    raw = _signed(batches.MAGIC, STATION_KEYS, Domain.BATCH, data, body)
    for road in Road:
        _refused_or(BatchHeader, BatchRefused, batches.read_header(raw, road))
        _refused_or(
            Batch,
            BatchRefused,
            batches.open_batch(raw, STATION_PINS, hq=HQ, station=STATION, epoch=EPOCH, road=road),
        )


def _batch_content(data: bytes) -> None:
    """Events and identities of whatever bytes, rightly packed, hashed and signed."""
    draw = Draw(data)
    style, owners = draw.byte(), draw.piece()
    text = draw.rest()
    events_of, frame = envelope.pack(text)
    owned, owned_frame = (Packed(len(owners), len(owners), sha256(owners).digest()), owners)
    if style & 1:
        owned, owned_frame = envelope.pack(owners, prefix=text)
    if style & 2:
        events_of, frame = Packed(draw.byte(), len(text), sha256(text).digest()), text
    records = text.decode("utf-8", "replace").split("\n")
    head = first = genesis(STATION, EPOCH)
    for record in records:
        head = link(head, record)
    header = BatchHeader(
        hq=HQ,
        station=STATION,
        epoch=EPOCH,
        first=1,
        last=len(records),
        prev=first,
        head=head,
        events=events_of,
        identities=owned,
    )
    raw = envelope.seal(batches.MAGIC, STATION_KEYS, Domain.BATCH, header, frame + owned_frame)
    taken = _refused_or(Batch, BatchRefused, opened(raw))
    if taken is not None:
        assert "\n".join(taken.records).encode() == text
        assert isinstance(batches.open_stored(taken.stored, STATION_PINS), Batch)
        for record in taken.records:
            _record(record.encode())


def _batch_headers() -> Iterable[bytes]:
    return (_pieces(raw, batches.MAGIC).header for raw in _BATCHES)


def _batch_contents() -> Iterable[bytes]:
    owners = msgspec.json.encode({"salt": SALT, "owners": {"00ff00ff00ff00ff": "00012345"}})
    for style in range(2):
        yield bytes((style, len(owners))) + owners + "\n".join(_DAY.records[:2]).encode()


# --- contact and reply ------------------------------------------------------------------------------------------------


def _contact(data: bytes) -> None:
    _refused_or(Contact, MessageRefused, messages.read_contact(data))
    _refused_or(OpenedContact, MessageRefused, messages.open_contact(data, STATION_PINS, hq=HQ))


def _contact_header(data: bytes) -> None:
    draw = Draw(data)
    body, header = draw.piece(8), draw.rest()
    raw = _signed(messages.CONTACT_MAGIC, STATION_KEYS, Domain.CONTACT, header, body)
    for road in Road:
        found = messages.open_contact(raw, STATION_PINS, hq=HQ, road=road)
        taken = _refused_or(OpenedContact, MessageRefused, found)
        assert taken is None or taken.batch == body


def _open_reply(raw: bytes, road: Road = Road.HTTPS) -> OpenedReply | None:
    found = messages.open_reply(raw, HQ_PINS, hq=HQ, station=STATION, epoch=EPOCH, nonce=_NONCE, road=road)
    return _refused_or(OpenedReply, MessageRefused, found)


def _reply(data: bytes) -> None:
    _open_reply(data)


def _reply_header(data: bytes) -> None:
    body = _pieces(messages.seal_reply(HQ_KEYS, reply(), CHANGES), messages.REPLY_MAGIC).body
    raw = _signed(messages.REPLY_MAGIC, HQ_KEYS, Domain.REPLY, data, body)
    for road in Road:
        _open_reply(raw, road)


def _changes(data: bytes) -> None:
    """Changes of whatever bytes in a good reply; those that are taken can be sealed again, and are then the same."""
    packed, frame = envelope.pack(data)
    header = msgspec.json.encode({"proto": 1, "reply": reply(), "changes": packed})
    taken = _open_reply(_signed(messages.REPLY_MAGIC, HQ_KEYS, Domain.REPLY, header, frame))
    if taken is not None and messages.fitting_changes(taken.changes) == len(taken.changes):
        again = _open_reply(messages.seal_reply(HQ_KEYS, reply(), taken.changes))
        assert again == taken


def _contacts() -> Iterable[bytes]:
    yield messages.seal_contact(STATION_KEYS, contact())
    yield messages.seal_contact(STATION_KEYS, contact(), b"batch")


def _contact_headers() -> Iterable[bytes]:
    for raw in _contacts():
        pieces = _pieces(raw, messages.CONTACT_MAGIC)
        yield bytes((len(pieces.body),)) + pieces.body + pieces.header


def _replies() -> Iterable[bytes]:
    yield messages.seal_reply(HQ_KEYS, reply(), CHANGES)
    yield messages.seal_reply(HQ_KEYS, reply(reason="damaged", answer="refused", snapshot="0" * 32))


# --- enrolment --------------------------------------------------------------------------------------------------------


def _code(data: bytes) -> None:
    """A code as somebody typed it: of one that can be one, every spelling is the same."""
    text = data.decode("utf-8", "replace")
    code = papers.normal_code(text)
    if code is not None:
        assert papers.normal_code(code) == code
        assert papers.normal_code(code.lower()) == code
        assert code.startswith(papers.code_handle(code))
        papers.code_key(code)
    made = papers.make_code(data)
    assert papers.normal_code(made) == made.replace("-", "")


_REQUEST: Final = papers.seal_request(
    STATION_KEYS,
    _CODE_KEY,
    EnrolmentRequest(handle=papers.code_handle(_CODE), keys=STATION_KEYS.public, version="0.1.0", hint="0" * 16),
)
_RESPONSE: Final = papers.seal_response(
    HQ_KEYS,
    _CODE_KEY,
    EnrolmentResponse(
        request=papers.request_digest(_REQUEST),
        hq=HQ,
        keys=HQ_KEYS.public,
        station=STATION,
        epoch=EPOCH,
        branch="TRI",
        url="https://thuvien.example",
    ),
)


def _papers(data: bytes) -> None:
    _refused_or(EnrolmentRequest, PaperRefused, papers.read_request(data))
    request = _refused_or(EnrolmentRequest, PaperRefused, papers.open_request(data, _CODE_KEY))
    response = _refused_or(EnrolmentResponse, PaperRefused, papers.open_response(data, _CODE_KEY, _REQUEST))
    assert request is None or data == _REQUEST
    assert response is None or data == _RESPONSE


def _paper_header(data: bytes) -> None:
    """A header of whatever bytes, by somebody who knows the code and holds the keys."""
    request = _proven(papers.REQUEST_MAGIC, STATION_KEYS, Domain.ENROLMENT_REQUEST, data)
    _refused_or(EnrolmentRequest, PaperRefused, papers.open_request(request, _CODE_KEY))
    response = _proven(papers.RESPONSE_MAGIC, HQ_KEYS, Domain.ENROLMENT_RESPONSE, data)
    _refused_or(EnrolmentResponse, PaperRefused, papers.open_response(response, _CODE_KEY, _REQUEST))


def _proven(magic: bytes, keys: Keys, domain: Domain, header: bytes) -> bytes:
    signature = keys.sign(domain, header)
    proof = hmac.digest(_CODE_KEY, domain.value + header + signature, "sha256")
    return envelope.join(magic, Envelope(header, signature, proof))


def _paper_headers() -> Iterable[bytes]:
    yield _pieces(_REQUEST, papers.REQUEST_MAGIC).header
    yield _pieces(_RESPONSE, papers.RESPONSE_MAGIC).header


# --- bundles and snapshots --------------------------------------------------------------------------------------------

_PLACE: Final = Manifest(
    hq=HQ,
    station=STATION,
    epoch=EPOCH,
    number=1,
    previous=bytes(32),
    tag=b"tagtagta",
    first=1,
    last=5,
    mark=5,
)


def _manifest(data: bytes) -> None:
    """A manifest of whatever bytes, rightly signed; the names of the files it speaks of are names of a bundle."""
    for writer, keys, pins, domain, magic in (
        (Side.STATION, STATION_KEYS, STATION_PINS, Domain.BUNDLE, b"TSM1"),
        (Side.HEADQUARTERS, HQ_KEYS, HQ_PINS, Domain.RETURN_BUNDLE, b"TSN1"),
    ):
        _refused_or(Manifest, BundleRefused, bundle.read_manifest(data, writer))
        raw = _signed(magic, keys, domain, data)
        found = bundle.open_manifest(raw, writer, pins, hq=HQ, station=STATION, epoch=EPOCH)
        manifest = _refused_or(Manifest, BundleRefused, found)
        if manifest is not None:
            for name in (
                bundle.manifest_name(manifest, writer),
                bundle.part_name(manifest, writer, len(manifest.parts)),
            ):
                assert bundle.writer_of(name) is writer
                assert bundle.writer_of(name.lower()) is writer


def _part(data: bytes) -> None:
    """A part that decrypts to whatever bytes holds whole messages or is refused; as it came, it is refused."""
    for sealed_part in (data, HQ_KEYS.public.encrypt(Domain.BUNDLE, _context(1), data)):
        part = Part(len(sealed_part), sha256(sealed_part).digest())
        manifest = msgspec.structs.replace(_PLACE, parts=(part,))
        found = bundle.open_part(manifest, Side.STATION, 1, (HQ_KEYS,), sealed_part)
        kept = _refused_or(tuple, BundleRefused, found)
        if kept is not None:
            assert b"".join(len(one).to_bytes(4) + one for one in kept) == data


def _context(number: int) -> bytes:
    return f"{HQ}\0{STATION}\0{EPOCH}\0{_PLACE.tag.hex()}\0{number}".encode()


def _file_name(data: bytes) -> None:
    writer = bundle.writer_of(data.decode("utf-8", "replace"))
    assert writer is None or len(data) <= 24


def _manifests() -> Iterable[bytes]:
    parts = [part for part, _ in bundle.seal_parts(_PLACE, Side.STATION, HQ_KEYS.public, [b"message"])]
    for writer, keys, magic in ((Side.STATION, STATION_KEYS, b"TSM1"), (Side.HEADQUARTERS, HQ_KEYS, b"TSN1")):
        raw = bundle.seal_manifest(keys, _PLACE, writer, parts)
        yield raw
        yield _pieces(raw, magic).header


def _names() -> Iterable[bytes]:
    yield bundle.manifest_name(_PLACE, Side.STATION).encode()
    yield bundle.part_name(_PLACE, Side.HEADQUARTERS, 12).encode()


def _snapshot(data: bytes) -> None:
    """Bytes of a manifest, and a header of whatever bytes, rightly signed."""
    for raw in (data, _signed(snapshot.MAGIC, HQ_KEYS, Domain.SNAPSHOT, data)):
        found = snapshot.open_manifest(raw, HQ_PINS, hq=HQ, station=STATION, epoch=EPOCH)
        promised = _refused_or(Snapshot, SnapshotRefused, found)
        if promised is not None:
            assert len(promised.chunks) == -(-promised.length // snapshot.CHUNK)


def _snapshots() -> Iterable[bytes]:
    promised = Snapshot(
        hq=HQ,
        station=STATION,
        epoch=EPOCH,
        name="0" * 32,
        made_at=1_803_952_800_005,
        cursor=41,
        size=900_000,
        length=snapshot.CHUNK + 1,
        chunks=(bytes(32), b"\1" * 32),
    )
    raw = snapshot.seal_manifest(HQ_KEYS, promised)
    yield raw
    yield _pieces(raw, snapshot.MAGIC).header


def _packed(data: bytes) -> None:
    """A frame of whatever bytes, as long and as hashed as its header says, is its content or refused; and back."""
    draw = Draw(data)
    size, prefix = int.from_bytes(draw.take(3)), draw.piece()
    frame = draw.rest()
    said = Packed(size, len(frame), sha256(frame).digest())
    content = envelope.unpack(said, frame, prefix, most=1 << 20)
    if isinstance(content, bytes):
        assert len(content) == size
    assert envelope.unpack(*envelope.pack(frame, prefix), prefix, most=1 << 20) == frame


def _frames() -> Iterable[bytes]:
    for content in (b"a" * 300, "\n".join(_DAY.records[:1]).encode()):
        packed, frame = envelope.pack(content)
        yield packed.size.to_bytes(3) + b"\0" + frame


# --- events -----------------------------------------------------------------------------------------------------------


def _record(data: bytes) -> None:
    """A line of a ledger is an event or refused; written anew, it says the same, in UTF-8."""
    try:
        record = data.decode()
        entry = events.decode(record)
    except (UnicodeDecodeError, EventError):
        return
    written = events.encode(entry)
    again = events.decode(written)
    assert events.encode(again) == written
    written.encode()
    assert replace(again, event=entry.event) == entry
    assert isinstance(again, Entry)
    if not isinstance(entry.event, Unknown):
        assert all(isinstance(token, str) for token in events.tokens(record))


def _records() -> Iterable[bytes]:
    yield from (record.encode() for record in day(12).records)
    yield _DAY.records[0].replace('"v":1', '"v":9').encode()


def _reply_headers() -> Iterable[bytes]:
    return (_pieces(raw, messages.REPLY_MAGIC).header for raw in _replies())


def _target(
    name: str, feed: Callable[[bytes], None], module: ModuleType, seeds: Callable[[], Iterable[bytes]], share: int
) -> Target:
    return Target(name, feed, (module, envelope), seeds, share, longest=1200)


TARGETS: Final = (
    _target("batch", _batch, batches, lambda: _BATCHES, 20),
    _target("batch-header", _batch_header, batches, _batch_headers, 8),
    _target("batch-content", _batch_content, batches, _batch_contents, 8),
    _target("contact", _contact, messages, _contacts, 20),
    _target("contact-header", _contact_header, messages, _contact_headers, 8),
    _target("reply", _reply, messages, _replies, 20),
    _target("reply-header", _reply_header, messages, _reply_headers, 8),
    _target("changes", _changes, messages, lambda: (msgspec.json.encode(CHANGES),), 8),
    _target("papers", _papers, papers, lambda: (_REQUEST, _RESPONSE), 10),
    _target("paper-header", _paper_header, papers, _paper_headers, 5),
    Target("enrolment-code", _code, (papers,), lambda: (_CODE.encode(), _CODE.lower().encode()), 10, longest=64),
    _target("manifest", _manifest, bundle, _manifests, 8),
    _target("part", _part, bundle, lambda: (b"\0\0\0\3abc\0\0\0\0", b""), 4),
    Target("bundle-file-name", _file_name, (bundle,), _names, 10, longest=32),
    _target("snapshot-manifest", _snapshot, snapshot, _snapshots, 8),
    _target("packed", _packed, envelope, _frames, 10),
    Target("event", _record, (events,), _records, 30, longest=700),
)
