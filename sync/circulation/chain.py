"""The hash chain over a station's events: ``h(n) = sha256(h(n-1) || record(n))`` (facts/sync.md, section 5.1).

What is hashed are the bytes as they were written, never a re-serialisation. The chain begins with a hash of the
station's number and epoch, so that a ledger carried to another station does not pass for its own.
"""

from __future__ import annotations

from hashlib import sha256

HASH_BYTES = 32


def genesis(station: str, epoch: int) -> bytes:
    """The hash before the first event of a station's epoch (32 bytes)."""
    return sha256(f"tramsach ledger\0{station}\0{epoch}".encode()).digest()


def link(previous: bytes, record: str) -> bytes:
    """The hash after an event (32 bytes), from the one before it and the event's text as stored."""
    return sha256(previous + record.encode()).digest()
