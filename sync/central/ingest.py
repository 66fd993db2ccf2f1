"""The first step of what arrives: into the log, or an answer why not.

Theory of operation. A batch is checked, unpacked and chained before any lock is taken. Then one short transaction holds
the row of its station, compares, and writes the batch, the identities beside it and the station's new head; when that
has committed, the events are *logged*. What they mean is nobody's business here (:mod:`sync.central.apply`), so no
event, however odd, can fail its transport.

The chain decides what a batch is. A hash stands for everything before it, so one comparison, at the last event that
both sides have, tells a repetition (equal) from a *fork* (another history under the same numbers: a cloned or restored
station), and nothing is ever taken for a duplicate because its numbers are known (facts/sync.md, section 2.6). What
overlaps the log and goes beyond it is accepted from there on. A batch of a revoked key is accepted up to the cut.

What is rightly signed and yet no part of the log is kept as a *stray*, once, for staff; it is not thrown away.

Repeating a batch, in whatever order among those of other stations, by https or by stick, comes to the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec
import sqlalchemy as sa

from config.phrase import Phrase
from sync.central import bulk, tables
from sync.central.database import Database
from sync.central.identities import write_identities
from sync.central.log import OWN, unpacked
from sync.circulation.chain import genesis
from sync.exchange.batch import Batch, BatchHeader, BatchRefused, open_batch, read_header
from sync.exchange.envelope import Road
from sync.exchange.keys import Domain, Pin, Pins
from sync.exchange.messages import Answer
from sync.exchange.reasons import Reason

_PHRASES = {
    Answer.ACCEPTED: Phrase("Trụ sở đã nhận đủ các sự kiện này.", "Headquarters has taken these events."),
    Answer.DUPLICATE: Phrase(
        "Trụ sở đã có các sự kiện này từ trước; không cần làm gì thêm.",
        "Headquarters had these events before; there is nothing left to do.",
    ),
    Answer.GAP: Phrase(
        "Trụ sở còn thiếu các sự kiện trước đó; trạm sẽ tự gửi từ số {want}.",
        "Headquarters lacks earlier events; the station will send from number {want} on by itself.",
    ),
    Answer.FORK: Phrase(
        "Trụ sở đã có các sự kiện khác mang cùng số của trạm này: sổ của trạm là bản sao hoặc đã được khôi phục từ bản"
        " cũ. Hãy đăng ký lại trạm; các sự kiện được giữ nguyên cho nhân viên xem.",
        "Headquarters has other events of this station under the same numbers: its ledger is a copy, or was put back"
        " from an older one. Enrol the station again; the events are kept for staff to see.",
    ),
    Answer.REVOKED: Phrase(
        "Khóa của trạm này đã bị thu hồi từ sau sự kiện số {cut}. Các sự kiện sau đó được giữ riêng cho nhân viên xem;"
        " hãy đăng ký lại trạm.",
        "The key of this station was withdrawn after event {cut}. Events after it are kept apart for staff to see;"
        " enrol the station again.",
    ),
}

_UNKNOWN_STATION = Phrase(
    "Trụ sở không biết trạm này, hoặc lần đăng ký này của nó. Hãy đăng ký trạm.",
    "Headquarters does not know this station, or not this enrolment of it. Enrol the station.",
)

#: Refusals that an update mends; the sentence says whose.
_OF_AGE = {Reason.NEWER_PROTOCOL, Reason.OLDER_PROTOCOL}


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch, and how far the station has come.

    ``first`` and ``last`` are the batch's own (0 where it could not be read that far); ``fresh`` counts the events that
    are new in the log by it. ``want`` is the event that has to come next after a gap, ``cut`` the last one that a
    revoked key was good for, ``reason`` why a batch was refused. ``phrase`` says it to a person.
    """

    answer: Answer
    phrase: Phrase
    first: int = 0
    last: int = 0
    fresh: int = 0
    want: int | None = None
    cut: int | None = None
    reason: Reason | None = None
    logged: int = 0
    safe: int = 0
    applied: int = 0


def ingest(database: Database, raw: bytes, *, hq: str, road: Road, now: int) -> Ingested:
    """Take a batch as it came over a road into the log of its station, or say why not.

    ``hq`` is this headquarters' code, ``now`` its clock in milliseconds of UTC. Raises
    :class:`~sync.store.errors.StoreError` when the database will not have it; then nothing has happened.
    """
    header = read_header(raw, road)
    if isinstance(header, BatchRefused):
        return _refused(header)
    with database.read() as connection:
        known = connection.execute(_PINS, {"station": header.station, "epoch": header.epoch}).scalar()
    if known is None or header.station == OWN:
        return _refused(BatchRefused(Reason.OTHER_STATION), header, _UNKNOWN_STATION)
    pins = msgspec.json.decode(known, type=Pins)
    opened = open_batch(raw, pins, hq=hq, station=header.station, epoch=header.epoch, road=road)
    if isinstance(opened, BatchRefused) and opened.reason is Reason.RETIRED_KEY:
        # Rightly signed, and perhaps good for its first events.
        opened = open_batch(raw, _for_ever(pins), hq=hq, station=header.station, epoch=header.epoch, road=road)
    if isinstance(opened, BatchRefused):
        return _refused(opened, header)
    with database.begin() as connection:
        return _take(connection, opened, road, now)


def _refused(refused: BatchRefused, header: BatchHeader | None = None, phrase: Phrase | None = None) -> Ingested:
    answer = Answer.UPGRADE_REQUIRED if refused.reason in _OF_AGE else Answer.REFUSED
    first, last = (header.first, header.last) if header else (0, 0)
    return Ingested(answer, phrase or refused.phrase, first, last, reason=refused.reason)


_PINS = sa.select(tables.station.c.pins).where(
    tables.station.c.station == sa.bindparam("station"), tables.station.c.epoch == sa.bindparam("epoch")
)
_STATION = (
    sa.select(tables.station)
    .where(tables.station.c.station == sa.bindparam("station"), tables.station.c.epoch == sa.bindparam("epoch"))
    .with_for_update()
)
_ADVANCE = (
    sa.update(tables.station)
    .where(tables.station.c.id == sa.bindparam("station_id"))
    .values({name: sa.bindparam(name) for name in ("seq", "head", "contact_at", "road")})
)
_FROM = (
    sa.select(tables.batch)
    .where(tables.batch.c.station_id == sa.bindparam("station_id"), tables.batch.c.until >= sa.bindparam("seq"))
    .order_by(tables.batch.c.until)
    .limit(1)
)


def _take(connection: sa.Connection, batch: Batch, road: Road, now: int) -> Ingested:
    """Compare with the log under the lock of the station, and write what is new."""
    header = batch.header
    station = connection.execute(_STATION, {"station": header.station, "epoch": header.epoch}).one()
    # Asked again: the keys may have been withdrawn since.
    cut = _cut(msgspec.json.decode(station.pins, type=Pins), batch)
    until = header.last if cut is None else min(header.last, cut)

    def answered(answer: Answer, *, fresh: int = 0, want: int | None = None) -> Ingested:
        logged = station.seq + fresh
        phrase = _PHRASES[answer].fill(want=want, cut=cut)
        return Ingested(
            answer,
            phrase,
            header.first,
            header.last,
            fresh=fresh,
            want=want,
            cut=cut if answer is Answer.REVOKED else None,
            logged=logged,
            safe=station.safe,
            applied=station.applied,
        )

    if header.first > station.seq + 1:
        if until < header.first:
            _keep_stray(connection, station.id, batch, Answer.REVOKED, road, now)
            return answered(Answer.REVOKED)
        return answered(Answer.GAP, want=station.seq + 1)
    if not _continues(connection, station, batch):
        _keep_stray(connection, station.id, batch, Answer.FORK, road, now)
        return answered(Answer.FORK)
    fresh = max(0, until - station.seq)
    if fresh:
        row = (
            station.id,
            until,
            station.seq + 1,
            header.first,
            header.last,
            batch.hashes[until - header.first],
            batch.stored.signed,
            batch.stored.signature,
            batch.stored.events,
            header.events.size,
            road.name.lower(),
            now,
        )
        bulk.insert(connection, tables.batch, [row])
        write_identities(connection, batch.identities, now)
        moved = {"seq": until, "head": row[5], "contact_at": now, "road": road.name.lower()}
        connection.execute(_ADVANCE, {"station_id": station.id, **moved})
    if cut is not None and header.last > max(cut, station.seq):
        _keep_stray(connection, station.id, batch, Answer.REVOKED, road, now)
        return answered(Answer.REVOKED, fresh=fresh)
    return answered(Answer.ACCEPTED if fresh else Answer.DUPLICATE, fresh=fresh)


def _continues(connection: sa.Connection, station: sa.Row[*tuple[object, ...]], batch: Batch) -> bool:
    """Whether the batch tells the log's own history as far as both of them go."""
    header = batch.header
    if header.first == station.seq + 1:
        return bool(header.prev == station.head)
    if header.last >= station.seq:
        return bool(batch.hashes[station.seq - header.first] == station.head)
    return hash_at(connection, station, header.last) == header.head


def hash_at(connection: sa.Connection, station: Any, seq: int) -> bytes | None:
    """The chain's hash after an event that is in the log of a station (a row of ``station``, or its like); ``None`` for
    one of before this epoch."""
    if seq <= station.begins:
        return genesis(station.station, station.epoch) if seq == station.begins else None
    row = connection.execute(_FROM, {"station_id": station.id, "seq": seq}).one()
    if row.until == seq:
        return bytes(row.head)
    head = msgspec.json.decode(row.header, type=BatchHeader).prev
    for line in unpacked(row)[: seq - row.first + 1]:
        head = sha256(head + line).digest()
    return head


def _cut(pins: Pins, batch: Batch) -> int | None:
    """The last event that the key which signed a batch is good for; ``None`` where that is all of them."""
    signed = (batch.stored.signature, batch.stored.signed)
    until = [pin.until for pin in pins.pins if pin.keys.verify(Domain.BATCH, *signed)]
    if not until or None in until:
        return None if until else 0
    last = max(mark for mark in until if mark is not None)
    return None if batch.header.last <= last else last


def _for_ever(pins: Pins) -> Pins:
    """The same keys without their marks: to see what a retired key wrote."""
    return Pins(tuple(Pin(pin.keys) for pin in pins.pins))


def _keep_stray(connection: sa.Connection, station_id: int, batch: Batch, why: Answer, road: Road, now: int) -> None:
    header = batch.header
    owners = json.dumps(batch.identities, ensure_ascii=False, sort_keys=True)
    row = (
        station_id,
        header.head,
        header.first,
        header.last,
        why.value,
        batch.stored.signed,
        batch.stored.signature,
        batch.stored.events,
        owners,
        road.name.lower(),
        now,
    )
    bulk.insert_new(connection, tables.stray, [row])
