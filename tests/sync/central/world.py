"""Stations as headquarters meets them: a ledger in memory, keys, a clock, batches as they come over the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.database import Database
from sync.central.ingest import Ingested, ingest
from sync.circulation import events as ev
from sync.circulation.chain import genesis, link
from sync.exchange.batch import BATCH_EVENTS, seal
from sync.exchange.envelope import Road
from sync.exchange.keys import Keys, Pin, Pins

HQ = "HQ-TN"

#: Monday 1 March 2027, nine in the morning at the library.
MORNING = datetime(2027, 3, 1, 2, tzinfo=UTC)
NOW = ev.to_ms(MORNING)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def keys_of(name: str) -> Keys:
    """The same keys for the same name, every time."""
    return Keys(sha256(f"sign {name}".encode()).digest(), sha256(f"seal {name}".encode()).digest())


@dataclass(slots=True)
class Station:
    """A station with its ledger in memory. ``at`` is what its clock says, in milliseconds."""

    name: str
    branch: str = "TN"
    epoch: int = 1
    at: int = NOW
    boot: str = "boot-1"
    begins: int = 0
    records: list[str] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The number of its last event."""
        return self.begins + len(self.records)

    @property
    def keys(self) -> Keys:
        """Its keys."""
        return keys_of(f"{self.name} {self.epoch}")

    def write(self, event: ev.Event, *, after: int = 1000, doubted: int | None = None) -> int:
        """Record an event, ``after`` milliseconds later; ``doubted`` is what a clock says that is not believed."""
        self.at += after
        wall = None if doubted is None else ev.from_ms(doubted)
        entry = ev.Entry(self.last + 1, ev.from_ms(self.at), self.at - NOW + HOUR, self.boot, "desk", event, wall)
        return self.write_line(ev.encode(entry))

    def write_line(self, record: str) -> int:
        """Record whatever this is."""
        self.hashes.append(link(self._hash(self.last), record))
        self.records.append(record)
        return self.last

    def checkout(
        self, item: str, loan: str, reader: str | None = "R1", *, days: int = 15, hold: str | None = None
    ) -> int:
        if reader is not None:
            self.owners[loan] = reader
        due = self.at + days * DAY
        return self.write(ev.CheckedOut(item, loan, "book", self.branch, "take_home", due, "r1", "adult", hold=hold))

    def checkin(self, item: str, loan: str | None, *, late_days: int = 0) -> int:
        """Take an item back."""
        return self.write(ev.CheckedIn(item, self.branch, loan, "r1", late_days))

    def renew(self, item: str, loan: str, *, days: int = 30, carried: Mapping[str, object] | None = None) -> int:
        """Let a loan run longer."""
        more = dict(carried or {})
        return self.write(
            ev.Renewed(item, loan, self.at + days * DAY, self.at + 15 * DAY, 1, "r1", **more)  # type: ignore[arg-type]
        )

    def batch(
        self, first: int | None = None, last: int | None = None, *, hq: str = HQ, keys: Keys | None = None
    ) -> bytes:
        """The batch of some of its events, of all where nothing is said."""
        first = self.begins + 1 if first is None else first
        until = self.last if last is None else last
        records = self.records[first - 1 - self.begins : until - self.begins]
        tokens = {token for record in records for token in _tokens(record)}
        owners = {token: self.owners[token] for token in sorted(tokens) if token in self.owners}
        salt = sha256(f"{self.name} {first}".encode()).digest()[:16]
        return seal(
            keys or self.keys,
            hq=hq,
            station=self.name,
            epoch=self.epoch,
            first=first,
            prev=self._hash(first - 1),
            records=records,
            identities=owners,
            salt=salt,
        )

    def batches(self, size: int = BATCH_EVENTS) -> list[bytes]:
        """All its events in batches of a size."""
        return [self.batch(at, min(at + size - 1, self.last)) for at in range(self.begins + 1, self.last + 1, size)]

    def copied(self) -> Station:
        """The same station once more: its disk in another machine."""
        copy = Station(self.name, self.branch, self.epoch, self.at, self.boot, self.begins)
        copy.records, copy.hashes, copy.owners = list(self.records), list(self.hashes), dict(self.owners)
        return copy

    def _hash(self, seq: int) -> bytes:
        return self.hashes[seq - self.begins - 1] if seq > self.begins else genesis(self.name, self.epoch)


def _tokens(record: str) -> Iterable[str]:
    try:
        return list(ev.tokens(record))
    except (ValueError, KeyError, TypeError):
        return []


def found(database: Database) -> None:
    """Headquarters begins."""
    with database.begin() as connection:
        bulk.insert(connection, tables.headquarters, [(HQ, "Thư viện tỉnh", b"salt" * 8, NOW)])


def enrol(database: Database, station: Station, *, scope: Iterable[str] = ()) -> int:
    """Make a station known; answers the number of its row."""
    row = {
        "station": station.name,
        "epoch": station.epoch,
        "branch": station.branch,
        "scope": msgspec.json.encode([station.branch, *scope]).decode(),
        "pins": msgspec.json.encode(Pins((Pin(station.keys.public),))).decode(),
        "begins": station.begins,
        "seq": station.begins,
        "head": genesis(station.name, station.epoch),
        "applied": station.begins,
        "safe": station.begins,
        "enrolled_at": NOW,
    }
    with database.begin() as connection:
        made = sa.insert(tables.station).returning(tables.station.c.id)
        return int(connection.execute(made, row).scalar_one())


def send(database: Database, raw: bytes, *, road: Road = Road.HTTPS, now: int = NOW) -> Ingested:
    """A batch arrives."""
    return ingest(database, raw, hq=HQ, road=road, now=now)
