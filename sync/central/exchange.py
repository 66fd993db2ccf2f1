"""What headquarters answers to a contact, whatever the road: https, a stick, a simulation.

Theory of operation. Nothing is said to anybody who has not signed as a station that is known (the contact's batch has a
signature of its own besides). Then the batch goes into the log (:mod:`sync.central.ingest`), and the answer tells in
one round trip what became of it, how far that station's log, backup and projections are, and what the station has to be
told since its cursor. Headquarters signs it for this question, so nobody can put another in its place.

A station whose key was withdrawn is still answered, so that its staff learn of it, and what it had written before is
still taken; it is told nothing more of readers and items.

A contact that tells of fewer events than are logged, or of another last event under the same number, comes from a
ledger that was put back from a backup or copied; it is a *fork* before a single event has to be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from sync.central import feed, stations
from sync.central.ingest import ingest
from sync.central.office import Office
from sync.central.stations import Enrolment
from sync.exchange.batch import BatchHeader, read_header
from sync.exchange.envelope import Road
from sync.exchange.messages import (
    REPLY_CHANGES,
    Answer,
    Change,
    Contact,
    MessageRefused,
    OpenedContact,
    Reply,
    fitting_changes,
    open_contact,
    read_contact,
    seal_reply,
)
from sync.exchange.reasons import Reason

#: When a station that waits for its snapshot is to ask again, in seconds.
_SNAPSHOT_SOON: Final = 1
#: A busy headquarters asks for at least so many seconds of silence, and up to as many again, by chance.
_BUSY: Final = 10


def answer(office: Office, raw: bytes, *, road: Road = Road.HTTPS, busy: bool = False) -> bytes | MessageRefused:
    """The signed reply to a contact as it came over a road; a refusal where nobody known has signed it.

    ``busy``: take no batch now, so that listening goes on under load. Raises
    :class:`~sync.store.errors.StoreError` when the database will not have it; then the batch is not in the log.
    """
    caller = _caller(office, raw, road)
    if isinstance(caller, MessageRefused):
        return caller
    taken = _take(office, caller, road, busy=busy)
    _note(office, caller, road)
    reply, changes = _reply(office, caller.opened.contact, taken, road, trusted=caller.trusted)
    return seal_reply(office.keys[0], reply, changes, proto=caller.opened.proto)


@dataclass(frozen=True, slots=True)
class Told:
    """All that a station has to be told by stick: replies, and the snapshot that it is to begin with, if any."""

    replies: tuple[bytes, ...]
    manifest: bytes | None = None
    frame: Path | None = None


def tell_all(office: Office, station: Enrolment, cursor: int) -> Told:
    """What goes back on a stick to a station that had listened up to a cursor. The snapshot is made here and now."""
    replies: list[bytes] = []
    for reply, changes in _pages(office, station, cursor):
        if reply.resnapshot:
            made = office.snapshots.make(station)
            named = msgspec.structs.replace(reply, snapshot=made.name)
            manifest, frame = office.snapshots.manifest(made.name), office.snapshots.frame(made.name)
            return Told((seal_reply(office.keys[0], named),), manifest, frame)
        replies.append(seal_reply(office.keys[0], reply, changes))
    return Told(tuple(replies))


def _pages(office: Office, station: Enrolment, cursor: int) -> Iterator[tuple[Reply, tuple[Change, ...]]]:
    while True:
        contact = Contact(
            hq=office.hq,
            station=station.station,
            epoch=station.epoch,
            nonce=b"",
            boot="",
            wall=0,
            up=0,
            cursor=cursor,
            seq=0,
            head=bytes(32),
            unsent=0,
            version="",
            hint="",
        )
        reply, changes = _reply(office, contact, None, Road.USB)
        yield reply, changes
        if reply.resnapshot or not reply.more:
            return
        cursor = reply.cursor


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who calls, proven; ``trusted`` unless the key that signed was withdrawn before the contact."""

    station: Enrolment
    opened: OpenedContact
    trusted: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    """What became of a contact's batch."""

    answer: Answer
    first: int = 0
    last: int = 0
    want: int | None = None
    reason: Reason | None = None


def _caller(office: Office, raw: bytes, road: Road) -> _Caller | MessageRefused:
    claimed = read_contact(raw, road)
    if isinstance(claimed, MessageRefused):
        return claimed
    with office.database.read() as connection:
        station = stations.find(connection, claimed.station, claimed.epoch)
    if station is None:
        return MessageRefused(Reason.OTHER_STATION)
    opened, trusted = open_contact(raw, station.pins, hq=office.hq, road=road), True
    if isinstance(opened, MessageRefused) and opened.reason is Reason.RETIRED_KEY:
        opened, trusted = open_contact(raw, stations.for_ever(station.pins), hq=office.hq, road=road), False
    return opened if isinstance(opened, MessageRefused) else _Caller(station, opened, trusted)


def _take(office: Office, caller: _Caller, road: Road, *, busy: bool) -> _Taken | None:
    """The contact's batch into the log; ``None`` where it brings none."""
    batch, station = caller.opened.batch, caller.station
    if not batch:
        return None
    header = read_header(batch, road)
    if isinstance(header, BatchHeader):
        if (header.station, header.epoch) != (station.station, station.epoch):
            # Who signs a contact speaks for one log alone, also where somebody else has rightly signed the batch.
            return _Taken(Answer.REFUSED, header.first, header.last, reason=Reason.OTHER_STATION)
        if busy:
            return _Taken(Answer.SLOW_DOWN, header.first, header.last)
    done = ingest(office.database, batch, hq=office.hq, road=road, now=office.clock())
    return _Taken(done.answer, done.first, done.last, done.want, done.reason)


def _note(office: Office, caller: _Caller, road: Road) -> None:
    """Note that a station has called; a stick says when somebody came, not what the station's machine is now."""
    now, contact = office.clock(), caller.opened.contact
    with office.database.read() as connection:
        known = stations.find(connection, contact.station, contact.epoch)
    if known is not None and stations.is_news(known, now, hint=contact.hint, version=contact.version):
        with office.database.begin() as connection:
            stations.note_contact(
                connection, known, now, road=road.name.lower(), hint=contact.hint, version=contact.version
            )


def _reply(
    office: Office, contact: Contact, taken: _Taken | None, road: Road, *, trusted: bool = True
) -> tuple[Reply, tuple[Change, ...]]:
    snapshot: str | None = None
    page = feed.Page((), contact.cursor)
    with office.database.read() as connection:
        station = stations.find(connection, contact.station, contact.epoch)
        if station is None:
            raise LookupError("a station is never taken away")
        trusted = trusted and station.active
        if trusted:
            found = feed.page(
                connection, contact.cursor, station.scopes, limit=REPLY_CHANGES, scoped_at=station.scoped_at
            )
            page = _fitting(found)
        wants = trusted and (page.too_old or contact.want_snapshot) and road is Road.HTTPS
        if wants:
            snapshot = office.snapshots.ready(connection, station)
    waits = wants and snapshot is None
    if waits:
        office.snapshots.want(station)
    reply = Reply(
        hq=office.hq,
        station=station.station,
        epoch=station.epoch,
        nonce=contact.nonce,
        now=office.clock(),
        answer=_answer(contact, station, taken, road, trusted=trusted),
        reason=taken.reason if taken else None,
        want=taken.want if taken else None,
        first=taken.first if taken else 0,
        last=taken.last if taken else 0,
        logged=station.seq,
        head=station.head,
        safe=station.safe,
        applied=station.applied,
        since=contact.cursor,
        cursor=page.cursor,
        more=page.more,
        resnapshot=page.too_old,
        snapshot=snapshot,
        slow_down_s=_silence(office, contact, taken, waits=waits),
    )
    return reply, page.changes


def _fitting(page: feed.Page) -> feed.Page:
    """As much of a page as goes into one reply."""
    count = fitting_changes(page.changes)
    if count == len(page.changes):
        return page
    return feed.Page(page.changes[:count], page.changes[count - 1].cursor, more=True)


def _answer(contact: Contact, station: Enrolment, taken: _Taken | None, road: Road, *, trusted: bool) -> Answer:
    if taken is not None:
        return taken.answer
    if not trusted:
        return Answer.REVOKED
    # A stick may bring an old contact; over https it is of this moment.
    if road is Road.HTTPS and (
        contact.seq < station.seq or (contact.seq == station.seq and contact.head != station.head)
    ):
        return Answer.FORK
    return Answer.NOTHING


def _silence(office: Office, contact: Contact, taken: _Taken | None, *, waits: bool) -> int | None:
    if taken is not None and taken.answer is Answer.SLOW_DOWN:
        return _BUSY + office.chance(1)[0] % _BUSY
    # While its snapshot is being made, a station may as well go on sending.
    sent = taken.last - taken.first + 1 if taken is not None else 0
    return _SNAPSHOT_SOON if waits and contact.unsent <= sent else None
