"""The stations as headquarters knows them, each of their epochs one row, and how trust in one is withdrawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from sync.central import tables
from sync.central.feed import EVERYBODY
from sync.central.log import OWN
from sync.exchange.keys import Pin, Pins

#: A contact is noted again after so long, or when it says something new: most only listen.
_NOTED_EVERY: Final = 60_000


class Standing(StrEnum):
    """Whether a station in one of its epochs is still listened to."""

    ACTIVE = "active"
    #: It was enrolled again and has a later epoch.
    SUPERSEDED = "superseded"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A station in one of its epochs; the columns of ``station`` (:mod:`sync.central.tables`)."""

    id: int
    station: str
    epoch: int
    branch: str
    scope: tuple[str, ...]
    scoped_at: int
    status: Standing
    pins: Pins
    begins: int
    seq: int
    head: bytes
    applied: int
    safe: int
    hint: str
    seen_hint: str
    version: str
    enrolled_at: int
    contact_at: int | None
    road: str | None

    @property
    def active(self) -> bool:
        """Whether it is told anything, and its new events are taken."""
        return self.status is Standing.ACTIVE

    @property
    def elsewhere(self) -> bool:
        """Whether it last called from another machine, or folder, than the one that was enrolled."""
        return bool(self.hint and self.seen_hint) and self.hint != self.seen_hint

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the feed that it is told."""
        return (*self.scope, self.station, EVERYBODY)


def find(connection: sa.Connection, station: str, epoch: int) -> Enrolment | None:
    """A station in one epoch; ``None`` for one that is not known. Headquarters' own log is no station."""
    row = connection.execute(_ONE, {"station": station, "epoch": epoch}).first()
    return None if row is None or station == OWN else _of(row)


def latest(connection: sa.Connection, station: str) -> Enrolment | None:
    """A station in its last epoch."""
    return next((one for one in reversed(epochs(connection, station))), None)


def epochs(connection: sa.Connection, station: str, *, locked: bool = False) -> list[Enrolment]:
    """All epochs of a station, oldest first; ``locked`` until the transaction ends."""
    query = _EPOCHS.with_for_update() if locked else _EPOCHS
    return [] if station == OWN else [_of(row) for row in connection.execute(query, {"station": station})]


def everyone(connection: sa.Connection) -> list[Enrolment]:
    """Every station in its last epoch, by name."""
    last: dict[str, Enrolment] = {}
    for row in connection.execute(_ALL, {"own": OWN}):
        last[row.station] = _of(row)
    return list(last.values())


def is_news(station: Enrolment, now: int, *, hint: str, version: str) -> bool:
    """Whether a contact of this instant says something that the row does not."""
    return (
        station.contact_at is None
        or now - station.contact_at >= _NOTED_EVERY
        or (hint, version) != (station.seen_hint, station.version)
    )


def note_contact(
    connection: sa.Connection, station: Enrolment, now: int, *, road: str, hint: str, version: str
) -> None:
    """Note when a station called last, over which road, and what it said of itself."""
    said = {"contact_at": now, "road": road, "seen_hint": hint, "version": version}
    connection.execute(sa.update(tables.station).where(tables.station.c.id == station.id).values(said))


def retire(connection: sa.Connection, station: Enrolment, until: int, status: Standing) -> None:
    """From now on the keys of a station are good for nothing behind an event; what it sent before stays."""
    pins = msgspec.json.encode(station.pins.retire(until)).decode()
    changed = {"pins": pins, "status": status.value}
    connection.execute(sa.update(tables.station).where(tables.station.c.id == station.id).values(changed))


def for_ever(pins: Pins) -> Pins:
    """The same keys without their marks: to read what a withdrawn key wrote, not to believe it."""
    return Pins(tuple(Pin(pin.keys) for pin in pins.pins))


def _of(row: sa.Row[*tuple[Any, ...]]) -> Enrolment:
    values = dict(zip(Enrolment.__slots__, row, strict=True))
    values["scope"] = tuple(json.loads(values["scope"]))
    values["status"] = Standing(values["status"])
    values["pins"] = msgspec.json.decode(values["pins"], type=Pins)
    values["head"] = bytes(values["head"])
    return Enrolment(**values)


_COLUMNS = [tables.station.c[name] for name in Enrolment.__slots__]
_ONE = sa.select(*_COLUMNS).where(
    tables.station.c.station == sa.bindparam("station"), tables.station.c.epoch == sa.bindparam("epoch")
)
_EPOCHS = (
    sa.select(*_COLUMNS).where(tables.station.c.station == sa.bindparam("station")).order_by(tables.station.c.epoch)
)
_ALL = (
    sa.select(*_COLUMNS)
    .where(tables.station.c.station != sa.bindparam("own"))
    .order_by(tables.station.c.station, tables.station.c.epoch)
)
