"""A station's sticks: what goes to headquarters on one, and what comes back.

Theory of operation. A bundle holds a contact, which says how far the station has listened, and every batch that
headquarters has not acknowledged; so it matters to nobody which stick arrives first, or whether one is lost. Sticks are
numbered in ``bundles.json``, for people and for the chain of manifests; without that file they begin again at one.

A return bundle brings replies, and for a station that has never listened, or not for long, a snapshot: its manifest and
then its chunks, each a message. They are taken as over https (:mod:`sync.exchange.caller`,
:mod:`sync.exchange.snapshot`); an old stick changes nothing.

Source: facts/sync.md, section 5.5.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from config.headquarters import Headquarters
from config.loader import replace_file
from sync.exchange.bundle import TAG_BYTES, BundleRefused, Manifest
from sync.exchange.caller import KEYS, Caller
from sync.exchange.disk import translated
from sync.exchange.keyring import KeysDamaged, read_keys, read_pins
from sync.exchange.messages import REPLY_MAGIC, MessageRefused
from sync.exchange.reasons import Rejected, Side
from sync.exchange.snapshot import MAGIC as SNAPSHOT_MAGIC
from sync.exchange.snapshot import SnapshotRefused, fetch_snapshot, open_manifest
from sync.exchange.state import Heard
from sync.exchange.sticks import OpenedBundle, WrittenBundle, find_bundles, open_bundle, write_bundle
from sync.store.view import Clock, LedgerView

_FILE: Final = "bundles.json"


class _Sent(msgspec.Struct, frozen=True):
    """The last bundle of an epoch."""

    epoch: int = 0
    number: int = 0
    digest: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class ReadBundle:
    """What became of a return bundle: how many of headquarters' words were heard, or why it was not taken."""

    path: Path
    heard: int = 0
    snapshot: bool = False
    refused: Rejected | None = None


def write_stick(home: Path, place: Headquarters, stick: Path, *, clock: Clock, version: str) -> WrittenBundle:
    """Write all that headquarters has not acknowledged onto a stick, or into any folder.

    Raises :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`.
    """
    keys, reader = read_keys(home / KEYS), read_pins(home / KEYS).current
    if not keys or reader is None:
        raise KeysDamaged(home / KEYS / "headquarters.pins")
    sent = _read(home)
    sent = sent if sent.epoch == place.epoch else _Sent(place.epoch)
    with (
        LedgerView.open(home, station=place.station, epoch=place.epoch, branch=place.branch, clock=clock) as view,
        Caller(home, place, clock=clock, version=version) as caller,
    ):
        stands = view.standing_towards(place.hq)
        manifest = Manifest(
            hq=place.hq,
            station=place.station,
            epoch=place.epoch,
            number=sent.number + 1,
            previous=sent.digest,
            tag=secrets.token_bytes(TAG_BYTES),
            first=stands.after + 1 if stands.unsent else 0,
            last=stands.head.seq if stands.unsent else 0,
            mark=stands.head.seq,
        )
        written = write_bundle(stick, manifest, Side.STATION, keys[0], reader, caller.messages())
    with translated(home):
        kept = _Sent(place.epoch, manifest.number, written.digest)
        replace_file(home / _FILE, msgspec.json.encode(kept))
    return written


def read_stick(
    home: Path,
    place: Headquarters,
    stick: Path,
    note: Callable[[Heard], None],
    *,
    clock: Clock,
    version: str,
    command: str,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[ReadBundle, ...]:
    """Take every return bundle on a stick that is for this station; ``note`` writes what was heard into the ledger.

    Raises :class:`~sync.exchange.disk.ExchangeError` and :class:`~sync.store.errors.StoreError`; what was taken until
    then stays taken.
    """
    keys, pins = read_keys(home / KEYS), read_pins(home / KEYS)
    read = []
    for found in find_bundles(stick):
        if found.writer is not Side.HEADQUARTERS:
            continue
        if isinstance(found.claims, Manifest) and found.claims.station != place.station:
            continue
        opened = open_bundle(found, keys, pins, hq=place.hq, station=place.station, epoch=place.epoch)
        if isinstance(opened, BundleRefused):
            read.append(ReadBundle(found.path, refused=opened))
            continue
        with Caller(home, place, clock=clock, version=version) as caller:
            read.append(_take(home, place, opened, caller, note, command, progress))
    return tuple(read)


def _take(
    home: Path,
    place: Headquarters,
    opened: OpenedBundle,
    caller: Caller,
    note: Callable[[Heard], None],
    command: str,
    progress: Callable[[int, int], None],
) -> ReadBundle:
    heard = 0
    snapshot = False
    messages = opened.messages()
    for message in messages:
        if message.startswith(SNAPSHOT_MAGIC):
            refused = _take_snapshot(home, place, message, messages, command, progress)
            if refused is not None:
                return ReadBundle(opened.path, heard, snapshot, refused)
            snapshot = True
            continue
        if not message.startswith(REPLY_MAGIC):
            continue  # the word of a newer program
        told = caller.take_from_stick(message)
        if isinstance(told, MessageRefused):
            return ReadBundle(opened.path, heard, snapshot, told)
        note(told)
        heard += 1
    return ReadBundle(opened.path, heard, snapshot)


def _take_snapshot(
    home: Path,
    place: Headquarters,
    raw: bytes,
    messages: Iterator[bytes],
    command: str,
    progress: Callable[[int, int], None],
) -> SnapshotRefused | None:
    pins = read_pins(home / KEYS)
    found = open_manifest(raw, pins, hq=place.hq, station=place.station, epoch=place.epoch)
    if isinstance(found, SnapshotRefused):
        return found
    at = 0

    def fetch(start: int, end: int) -> bytes:
        nonlocal at
        for chunk in messages:
            begins, at = at, at + len(chunk)
            if begins == start:
                return chunk
        return bytes(end - start)  # the bundle ends too early: no hash fits this

    return fetch_snapshot(home, found, fetch, command=command, progress=progress)


def _read(home: Path) -> _Sent:
    try:
        return msgspec.json.decode((home / _FILE).read_bytes(), type=_Sent)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _Sent()  # numbers are for people; what is on the sticks does not depend on them
