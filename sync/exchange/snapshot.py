"""A snapshot: all that headquarters has to say to one station, as one database file.

Layout. The file is a reference (:mod:`sync.store.changes`) without its search index, compressed as one zstd frame and
cut into chunks of :data:`CHUNK` bytes. The *manifest* is an envelope (magic ``TSS1``, signed by headquarters in the
domain ``SNAPSHOT``) with the size of the whole, of the frame, and the SHA-256 of each chunk; it comes with a reply, and
its random ``name`` is what lets a station, and nobody else, fetch the chunks.

Theory of operation. Chunks are fetched in order into one file, each checked before it is kept, so that a broken line
costs a chunk and not the whole; what is there of the same snapshot is gone on with, of another thrown away. The frame
is decompressed into a side file up to the size that was signed and not a byte further, and put in the place of the
reference. The watermark and the cursor are in the file, so the station's own newer events stand on top of it at once.

Source: facts/sync.md, section 5.2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import msgspec
import zstandard
from msgspec import Meta

from sync.exchange import envelope
from sync.exchange.disk import LOCAL, translated
from sync.exchange.envelope import PROTOCOL, Code, Count, Envelope, Hash, Number, Protocol, Road
from sync.exchange.keys import Domain, Keys, Pins
from sync.exchange.reasons import Reason, Rejected, Side
from sync.store.changes import take_snapshot

MAGIC = b"TSS1"
#: Bytes of a chunk.
CHUNK: Final = 256 * 1024
#: No province's snapshot is larger; a frame that says so is not fetched.
_MOST: Final = 2 << 30
_MOST_CHUNKS: Final = 4096
_MOST_MANIFEST: Final = 512 * 1024
_RATIO: Final = 100
_LEVEL: Final = 10


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says: for whom, made when (milliseconds of UTC), up to which change (``cursor``).

    ``size`` is the database in bytes, ``length`` its frame, ``chunks`` the SHA-256 of each chunk of the frame.
    """

    hq: Code
    station: Code
    epoch: Number
    name: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    made_at: Count
    cursor: Count
    size: Annotated[int, Meta(ge=1, le=_MOST)]
    length: Annotated[int, Meta(ge=1, le=_MOST)]
    chunks: Annotated[tuple[Hash, ...], Meta(min_length=1, max_length=_MOST_CHUNKS)]


class _Header(msgspec.Struct, kw_only=True):
    proto: Protocol = PROTOCOL
    snapshot: Snapshot


_HEADER = msgspec.json.Decoder(_Header)


@dataclass(frozen=True, slots=True)
class SnapshotRefused(Rejected):
    """A manifest, or what was fetched by it, that was not taken, and why."""


# --- at headquarters --------------------------------------------------------------------------------------------------


def compress(database: Path, frame: Path) -> tuple[int, int, tuple[bytes, ...]]:
    """Write a database file as a frame; answers its size, the frame's length, and the hash of each chunk.

    Raises :class:`~sync.exchange.disk.ExchangeError` when the disk will not have it.
    """
    with translated(frame.parent), database.open("rb") as source, frame.open("wb") as target:
        size = os.fstat(source.fileno()).st_size
        compressor = zstandard.ZstdCompressor(level=_LEVEL, threads=0)
        compressor.copy_stream(source, target, size=size)
    with translated(frame.parent), frame.open("rb") as written:
        chunks = tuple(sha256(chunk).digest() for chunk in iter(lambda: written.read(CHUNK), b""))
        return size, written.tell(), chunks


def seal_manifest(keys: Keys, snapshot: Snapshot) -> bytes:
    """A manifest as it is sent."""
    return envelope.seal(MAGIC, keys, Domain.SNAPSHOT, _Header(snapshot=snapshot))


# --- at the station ---------------------------------------------------------------------------------------------------


def open_manifest(raw: bytes, pins: Pins, *, hq: str, station: str, epoch: int) -> Snapshot | SnapshotRefused:
    """The snapshot that a manifest promises, if headquarters made it for this station."""
    found = _open_manifest(raw, pins, (hq, station, epoch))
    return SnapshotRefused(found, Side.HEADQUARTERS) if isinstance(found, Reason) else found


def _open_manifest(raw: bytes, pins: Pins, of: tuple[str, str, int]) -> Snapshot | Reason:
    pieces = envelope.split(raw, MAGIC, most=_MOST_MANIFEST, most_header=_MOST_MANIFEST)
    if not isinstance(pieces, Envelope):
        return pieces
    header = envelope.read_header(pieces.header, _HEADER, Road.USB)
    if isinstance(header, Reason):
        return header
    snapshot = header.snapshot
    if snapshot.hq != of[0]:
        return Reason.OTHER_HEADQUARTERS
    if (snapshot.station, snapshot.epoch) != of[1:]:
        return Reason.OTHER_STATION
    reason = pins.check(Domain.SNAPSHOT, pieces.signature, pieces.header, snapshot.made_at)
    if reason is not None:
        return reason
    if len(snapshot.chunks) != -(-snapshot.length // CHUNK):
        return Reason.DAMAGED
    return Reason.RATIO if snapshot.size > _RATIO * snapshot.length else snapshot


#: Gives the bytes of a frame from one place up to another (:meth:`sync.exchange.transport.Road.fetch`).
Fetch = Callable[[int, int], bytes]
#: Told how many bytes of how many are here.
Progress = Callable[[int, int], None]


def fetch_snapshot(
    home: Path,
    snapshot: Snapshot,
    fetch: Fetch,
    *,
    command: str,
    progress: Progress = lambda _have, _of: None,
) -> SnapshotRefused | None:
    """Fetch a snapshot and put it in the place of the reference; ``None`` when that is done.

    What ``fetch`` raises passes through, and the next call goes on where this one stopped. Raises
    :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`.
    """
    folder = home / "snapshot"
    frame, database = folder / f"{snapshot.name}.part", folder / f"{snapshot.name}.sqlite"
    with translated(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        for other in folder.iterdir():
            if other != frame:
                other.unlink()
    with translated(folder), frame.open("ab") as part:
        have = _whole_chunks(frame, snapshot)
        part.truncate(have)
        while have < snapshot.length:
            chunk = fetch(have, min(have + CHUNK, snapshot.length))
            if sha256(chunk).digest() != snapshot.chunks[have // CHUNK]:
                return SnapshotRefused(Reason.DAMAGED, Side.HEADQUARTERS)
            part.write(chunk)
            part.flush()
            have += len(chunk)
            progress(have, snapshot.length)
    if not _decompress(frame, database, snapshot.size):
        frame.unlink()
        return SnapshotRefused(Reason.DAMAGED, Side.HEADQUARTERS)
    take_snapshot(home, database, command=command)
    with translated(folder):
        frame.unlink()
        LOCAL.flush(folder)
    return None


def _whole_chunks(frame: Path, snapshot: Snapshot) -> int:
    """How many bytes of the frame are here and right, in whole chunks."""
    have = 0
    with frame.open("rb") as part:
        for expected in snapshot.chunks:
            chunk = part.read(CHUNK)
            if sha256(chunk).digest() != expected:
                break
            have += len(chunk)
    return have


def _decompress(frame: Path, database: Path, size: int) -> bool:
    """Whether the frame is that of a file of exactly this size."""
    with translated(database.parent), frame.open("rb") as source, database.open("wb") as target:
        written = 0
        try:
            for piece in _pieces(zstandard.ZstdDecompressor().stream_reader(source)):
                written += len(piece)
                if written > size:
                    return False
                target.write(piece)
        except zstandard.ZstdError:
            return False
        return written == size


def _pieces(reader: zstandard.ZstdDecompressionReader) -> Iterator[bytes]:
    return iter(lambda: reader.read(1 << 20), b"")
