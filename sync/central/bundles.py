"""USB bundles at headquarters: what stations sent is taken into the log, and what they are to know goes back.

Theory of operation. A stick is looked through for bundles of stations; each is opened only with the keys of the station
that it names, and its messages are the same that go over https, so they are taken the same way, in whatever order and
as often as they come. The contact in it tells how far the station has listened; that is remembered in a file for each
station (``bundles/``), with the number of the last return bundle, and is no more than a saving: where it is lost, the
next return bundle brings a snapshot.

A bundle of a key that was withdrawn is opened all the same: what it signed before that is good, the rest is kept apart
(facts/sync.md, section 5.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from config.loader import replace_file
from sync.central import stations
from sync.central.exchange import Told, answer, tell_all
from sync.central.ingest import Ingested, ingest
from sync.central.office import Office
from sync.central.stations import Enrolment
from sync.exchange import batch as batches
from sync.exchange.bundle import BundleRefused, Manifest
from sync.exchange.disk import translated
from sync.exchange.envelope import Road
from sync.exchange.messages import CONTACT_MAGIC, MessageRefused, read_contact
from sync.exchange.reasons import Reason, Rejected, Side
from sync.exchange.snapshot import CHUNK
from sync.exchange.sticks import FoundBundle, OpenedBundle, WrittenBundle, find_bundles, open_bundle, write_bundle

FOLDER: Final = "bundles"


class _Sent(msgspec.Struct, frozen=True):
    """The last return bundle for a station, and the last change that it is known to have."""

    number: int = 0
    digest: bytes = bytes(32)
    cursor: int = 0


@dataclass(frozen=True, slots=True)
class TakenBundle:
    """What became of a bundle: how each of its batches ended, or why it was not taken as a whole."""

    path: Path
    station: str
    batches: tuple[Ingested, ...] = ()
    refused: Rejected | None = None

    @property
    def fresh(self) -> int:
        """How many events are new in the log by it."""
        return sum(one.fresh for one in self.batches)


def take_bundles(office: Office, stick: Path) -> tuple[TakenBundle, ...]:
    """Take every bundle of a station on a stick, or in any folder.

    Raises :class:`~sync.exchange.disk.ExchangeError` when the stick cannot be read, and
    :class:`~sync.store.errors.StoreError`; what was taken until then stays taken.
    """
    return tuple(_take(office, one) for one in find_bundles(stick) if one.writer is Side.STATION)


def give_bundle(office: Office, stick: Path, station: Enrolment) -> WrittenBundle | None:
    """Write what a station is to know onto a stick; ``None`` for one that is no longer trusted.

    Raises as :func:`take_bundles`.
    """
    reader = station.pins.current
    if reader is None:
        return None
    sent = _read(office, station)
    manifest = Manifest(
        hq=office.hq,
        station=station.station,
        epoch=station.epoch,
        number=sent.number + 1,
        previous=sent.digest,
        tag=office.chance(8),
        first=0,
        last=0,
        mark=office.clock(),
    )
    told = tell_all(office, station, sent.cursor)
    written = write_bundle(stick, manifest, Side.HEADQUARTERS, office.keys[0], reader, _messages(told))
    _keep(office, station, _Sent(manifest.number, written.digest, sent.cursor))
    return written


def _messages(told: Told) -> Iterator[bytes]:
    yield from told.replies
    if told.manifest is not None and told.frame is not None:
        yield told.manifest
        with translated(told.frame.parent), told.frame.open("rb") as frame:
            yield from iter(lambda: frame.read(CHUNK), b"")


def _take(office: Office, found: FoundBundle) -> TakenBundle:
    if isinstance(found.claims, BundleRefused):
        return TakenBundle(found.path, "", refused=found.claims)
    name, epoch = found.claims.station, found.claims.epoch
    with office.database.read() as connection:
        station = stations.find(connection, name, epoch)
    if station is None:
        return TakenBundle(found.path, name, refused=Rejected(Reason.OTHER_STATION))
    # Ingest minds up to where a withdrawn key is good, event by event.
    pins = stations.for_ever(station.pins)
    opened = open_bundle(found, office.keys, pins, hq=office.hq, station=name, epoch=epoch)
    if isinstance(opened, BundleRefused):
        return TakenBundle(found.path, name, refused=opened)
    return _take_messages(office, station, opened)


def _take_messages(office: Office, station: Enrolment, opened: OpenedBundle) -> TakenBundle:
    taken: list[Ingested] = []
    for message in opened.messages():
        if message.startswith(CONTACT_MAGIC):
            contact = read_contact(message, Road.USB)
            # Its answer goes into the return bundle, with all that there is to say by then.
            if isinstance(contact, MessageRefused) or isinstance(
                answer(office, message, road=Road.USB), MessageRefused
            ):
                continue
            if (contact.station, contact.epoch) == (station.station, station.epoch):
                sent = _read(office, station)
                _keep(office, station, msgspec.structs.replace(sent, cursor=contact.cursor))
            continue
        header = batches.read_header(message, Road.USB)
        if isinstance(header, batches.BatchRefused) or (header.station, header.epoch) != (
            station.station,
            station.epoch,
        ):
            return TakenBundle(opened.path, station.station, tuple(taken), Rejected(Reason.OTHER_STATION))
        taken.append(ingest(office.database, message, hq=office.hq, road=Road.USB, now=office.clock()))
    return TakenBundle(opened.path, station.station, tuple(taken))


def _read(office: Office, station: Enrolment) -> _Sent:
    try:
        return msgspec.json.decode(_path(office, station).read_bytes(), type=_Sent)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return _Sent()  # the next return bundle begins with a snapshot


def _keep(office: Office, station: Enrolment, sent: _Sent) -> None:
    path = _path(office, station)
    with translated(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, msgspec.json.encode(sent))


def _path(office: Office, station: Enrolment) -> Path:
    return office.folder / FOLDER / f"{station.station}-{station.epoch}.json"
