"""How a station comes to belong here: headquarters' side, online or by stick.

Theory of operation. A *code* is made for one station: its name, its branch, and the branches it will be told of. It is
shown once; only its hash is kept, which is the key of both papers (:mod:`sync.exchange.papers`). A request that knows
the code makes the station known in a *new epoch*: earlier epochs of that name are superseded, their keys good for
nothing behind the last event that is logged by then. So a machine that was copied, or that somebody kept, can write no
more, and what its successor has to say cannot collide with what it said.

A ledger that was put back from a backup tells in its request how it goes on; compared with the log, hash by hash, that
gives the last *common* event. What the station has behind it nobody has seen; it is numbered behind all that is logged.

The same request is answered again as it was (until the code's time is over), because answers get lost.

Source: facts/sync.md, section 5.6.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

import msgspec
import sqlalchemy as sa

from config.phrase import Phrase
from sync.central import feed, stations, tables
from sync.central.database import lock_projections
from sync.central.ingest import hash_at
from sync.central.log import OWN, read_log
from sync.central.office import Office
from sync.central.stations import Enrolment, Standing
from sync.circulation.chain import genesis
from sync.exchange.envelope import Code
from sync.exchange.keys import Pin, Pins
from sync.exchange.papers import (
    CODE_BYTES,
    MOST_HASHES,
    PREFIX_BYTES,
    Before,
    EnrolmentRequest,
    EnrolmentResponse,
    PaperRefused,
    code_key,
    make_code,
    normal_code,
    open_request,
    read_request,
    request_digest,
    seal_response,
)
from sync.exchange.reasons import Reason

#: How long a code is good for unless told otherwise.
CODE_LASTS: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NotAdded:
    """Why no code was made."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class Granted:
    """An enrolment: the response to be sent, and the station in its new epoch."""

    response: bytes
    station: Enrolment


def make_enrolment_code(
    office: Office, station: str, branch: str, scope: tuple[str, ...], *, lasts: timedelta = CODE_LASTS
) -> str | NotAdded:
    """A one-time code for a station, to be shown once and carried there by a person.

    ``scope`` are the branches whose readers and items it will be told of, its own among them. An earlier code for the
    same station that nobody has used is void from now on. Raises :class:`~sync.store.errors.StoreError`.
    """
    try:
        msgspec.convert(station, Code)
        msgspec.convert(branch, Code)
    except msgspec.ValidationError:
        return NotAdded(_BAD_CODE)
    if station == OWN:
        return NotAdded(_OWN_NAME.fill(name=OWN))
    shown = make_code(office.chance(CODE_BYTES))
    now = office.clock()
    row = {
        "hash": code_key(normal_code(shown) or ""),
        "station": station,
        "branch": branch,
        "scope": json.dumps(sorted({branch, *scope})),
        "made_at": now,
        "expires_at": now + lasts // timedelta(milliseconds=1),
    }
    code = tables.enrolment_code
    with office.database.begin() as connection:
        connection.execute(sa.delete(code).where(code.c.station == station, code.c.used_at.is_(None)))
        connection.execute(sa.delete(code).where(code.c.expires_at <= now))
        connection.execute(sa.insert(code), row)
    return shown


def enrol(office: Office, raw: bytes) -> Granted | PaperRefused:
    """Enrol whoever wrote this request, if they know a code that is still good.

    Raises :class:`~sync.store.errors.StoreError` when the database will not have it; then nothing has happened.
    """
    with office.database.begin() as connection:
        # So that two requests do not both become the next epoch, and so that no event is applied meanwhile.
        lock_projections(connection)
        found = _code(connection, raw, office.clock())
        if isinstance(found, PaperRefused):
            return found
        code, request = found
        if code.used_at is not None:
            again = _granted_before(connection, code, request)
            if again is None:
                return PaperRefused(Reason.WRONG_CODE)
            station, common = again
        else:
            made = _make_known(connection, office, code, request)
            if isinstance(made, Reason):
                return PaperRefused(made)
            station, common = made
            used = sa.update(tables.enrolment_code).where(tables.enrolment_code.c.hash == code.hash)
            connection.execute(used.values(used_at=office.clock()))
    response = EnrolmentResponse(
        request=request_digest(raw),
        hq=office.hq,
        keys=office.keys[0].public,
        station=station.station,
        epoch=station.epoch,
        branch=station.branch,
        url=office.url,
        certificate=office.certificate,
        after=station.begins,
        common=common,
    )
    return Granted(seal_response(office.keys[0], code.hash, response), station)


def revoke(office: Office, name: str, *, cut: int | None = None) -> Enrolment | None:
    """Withdraw the trust in a station; ``None`` for one that is not known.

    It stays believed up to its last event in the log, or up to the event ``cut``, which may still be on its way by
    stick. What it wrote behind that is kept apart for staff.

    Raises :class:`~sync.store.errors.StoreError`.
    """
    with office.database.begin() as connection:
        known = stations.epochs(connection, name, locked=True)
        for one in known:
            until = one.seq if cut is None or one is not known[-1] else cut
            stations.retire(connection, one, until, Standing.REVOKED)
        code = tables.enrolment_code
        connection.execute(sa.delete(code).where(code.c.station == name, code.c.used_at.is_(None)))
        revoked = stations.latest(connection, name)
    for one in known:
        office.snapshots.drop(one)
    return revoked


@dataclass(frozen=True, slots=True)
class _KnownCode:
    hash: bytes
    station: str
    branch: str
    scope: str
    used_at: int | None


def _code(connection: sa.Connection, raw: bytes, now: int) -> tuple[_KnownCode, EnrolmentRequest] | PaperRefused:
    """The code that a request knows, of all that are good today: there are few, and trying one takes microseconds."""
    claimed = read_request(raw)
    if isinstance(claimed, PaperRefused):
        return claimed
    refused = PaperRefused(Reason.WRONG_CODE)
    for row in connection.execute(_CODES, {"now": now}).all():
        request = open_request(raw, bytes(row.hash))
        if isinstance(request, EnrolmentRequest):
            return _KnownCode(bytes(row.hash), row.station, row.branch, row.scope, row.used_at), request
        if request.reason is not Reason.WRONG_CODE:
            refused = request
    return refused


def _granted_before(
    connection: sa.Connection, code: _KnownCode, request: EnrolmentRequest
) -> tuple[Enrolment, int] | None:
    """The enrolment that this very request was granted, as long as nothing has come after it."""
    station = stations.latest(connection, code.station)
    if station is None or not station.active or station.pins.current != request.keys:
        return None
    earlier = [one for one in stations.epochs(connection, code.station) if one.epoch < station.epoch]
    common = _common(connection, request.before, earlier)
    return None if isinstance(common, Reason) else (station, common)


def _make_known(
    connection: sa.Connection, office: Office, code: _KnownCode, request: EnrolmentRequest
) -> tuple[Enrolment, int] | Reason:
    earlier = stations.epochs(connection, code.station, locked=True)
    common = _common(connection, request.before, earlier)
    if isinstance(common, Reason):
        return common
    for one in earlier:
        if one.active:
            stations.retire(connection, one, one.seq, Standing.SUPERSEDED)
    begins = max([common, *(one.seq for one in earlier)])
    epoch = 1 + max([request.before.epoch if request.before else 0, *(one.epoch for one in earlier)])
    row = {
        "station": code.station,
        "epoch": epoch,
        "branch": code.branch,
        "scope": code.scope,
        # What it was told before was for another ledger, or another scope: it begins with a snapshot.
        "scoped_at": feed.head(connection) + 1,
        "pins": msgspec.json.encode(Pins((Pin(request.keys),))).decode(),
        "begins": begins,
        "seq": begins,
        "head": genesis(code.station, epoch),
        "applied": begins,
        # No backup has grown by this.
        "safe": max((one.safe for one in earlier), default=0),
        "hint": request.hint,
        "seen_hint": request.hint,
        "version": request.version,
        "enrolled_at": office.clock(),
    }
    connection.execute(sa.insert(tables.station), row)
    mark = {"station": code.station, "epoch": epoch, "seq": begins}
    told = {(code.station, "watermark", code.station): feed.as_body(mark)}
    feed.publish(connection, told, office.clock())
    station = stations.find(connection, code.station, epoch)
    if station is None:
        raise LookupError("a station that was just made known")
    return station, common


def _common(connection: sa.Connection, before: Before | None, earlier: list[Enrolment]) -> int | Reason:
    """The last event that a ledger and the log have alike; nought for a ledger that headquarters has never heard of."""
    if before is None:
        return 0
    known = stations.find(connection, before.station, before.epoch)
    if known is None:
        # A later epoch than headquarters remembers: it was itself put back from a backup, and cannot tell.
        return Reason.OTHER_STATION if any(one.station == before.station for one in earlier) else 0
    last = min(before.after, known.seq)
    head = hash_at(connection, known, last)
    if head is None:
        return 0
    if last < before.after:
        return last
    prefixes = [before.hashes[at : at + PREFIX_BYTES] for at in range(0, len(before.hashes), PREFIX_BYTES)]
    for logged in read_log(connection, known.id, last, min(known.seq, last + len(prefixes))):
        for line in logged.lines:
            head = sha256(head + line).digest()
            if head[:PREFIX_BYTES] != prefixes[last - before.after]:
                return last
            last += 1
    # The ledger may go on in common where its hashes found no more room.
    return Reason.TOO_LARGE if len(prefixes) == MOST_HASHES and known.seq > last else last


_CODES = sa.select(tables.enrolment_code).where(tables.enrolment_code.c.expires_at > sa.bindparam("now"))

_BAD_CODE = Phrase(
    "Mã trạm và mã đơn vị chỉ gồm chữ cái không dấu, chữ số và dấu gạch nối, nhiều nhất 32 ký tự.",
    "The codes of station and branch take letters without marks, digits and hyphens, at most 32 in all.",
)
_OWN_NAME = Phrase(
    "Tên {name} là của chính trụ sở; hãy chọn mã khác cho trạm.",
    "The name {name} is headquarters' own; choose another code for the station.",
)
