"""Headquarters as the simulation runs it: the product's database, ingest, applier and feed, with one process around
them that can die, be put back from a backup, and answers what comes by line or by stick.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import sqlalchemy as sa

from sync.central import bulk, tables
from sync.central.apply import Applier
from sync.central.database import CENTRAL, Database
from sync.central.feed import EVERYBODY, page
from sync.central.ingest import Ingested, ingest
from sync.central.log import OWN, read_log
from sync.central.reference import CentralReference
from sync.central.worklist import open_exceptions, settle
from sync.circulation.chain import genesis
from sync.circulation.exceptions import resolutions
from sync.circulation.model import Item, ItemStatus, Patron, PatronBlock, PatronBlockKind, Title
from sync.exchange import batch as batches
from sync.exchange.bundle import Manifest
from sync.exchange.disk import ExchangeError
from sync.exchange.envelope import Road
from sync.exchange.keys import Keys, Pin, Pins
from sync.exchange.messages import (
    Answer,
    Contact,
    MessageRefused,
    OpenedContact,
    Reply,
    open_contact,
    read_contact,
    seal_reply,
)
from sync.exchange.reasons import Side
from sync.exchange.sticks import OpenedBundle, find_bundles, open_bundle, write_bundle
from sync.store.errors import StoreError
from tests.sync.simulation.clocks import Time
from tests.sync.simulation.disks import Files, freeze, thaw, torn
from tests.sync.simulation.faults import Tally
from tests.sync.simulation.stick import Stick
from tests.sync.store.stations import AN, BINH, CHI, KIEU_1, KIEU_2, LAO_HAC, MORNING, SO_DO, rule_set
from sync.circulation.events import to_ms

HQ = "HQ-TN"
TN, PB = "TN", "PB"
#: Where the sticks' files stand.
STICK = Path("/stick")

DUNG = "PB-000104"
READERS = (AN, BINH, CHI, DUNG)
PATRONS = (
    Patron(AN, "Nguyễn Thị Ánh Nguyệt", "adult", TN, birth_date=date(1990, 5, 5)),
    Patron(BINH, "Trần Đức Bình", "adult", TN, birth_date=date(1990, 5, 5)),
    Patron(CHI, "Lò Thị Chi", "adult", PB, birth_date=date(1990, 5, 5)),
    Patron(DUNG, "Mai Văn Dũng", "adult", PB, birth_date=date(1990, 5, 5)),
)
VISITING = "PB-000301"
TITLES = (Title("t1", "Truyện Kiều"), Title("t2", "Lão Hạc"), Title("t3", "Số đỏ"))
ITEMS = (
    Item(KIEU_1, "t1", "book", TN),
    Item(VISITING, "t3", "book", PB),
    Item(KIEU_2, "t1", "book", TN),
    Item(LAO_HAC, "t2", "book", TN),
    Item(SO_DO, "t3", "book", PB),
)
RULES = rule_set()
NETWORK = RULES.rules.network


def keys_of(name: str) -> Keys:
    """The same keys for the same name, every time."""
    return Keys(sha256(f"sign {name}".encode()).digest(), sha256(f"seal {name}".encode()).digest())


HQ_KEYS = keys_of("headquarters")


@cache
def _founded() -> bytes:
    """A headquarters with its catalogue and readers, and no station yet."""
    with tempfile.TemporaryDirectory() as folder:
        now = to_ms(MORNING)
        with Database.open(Path(folder)) as database:
            with database.begin() as connection:
                bulk.insert(connection, tables.headquarters, [(HQ, "Thư viện tỉnh", b"salt" * 8, now)])
            reference = CentralReference(database, lambda: now)
            reference.write_rules(RULES.version, RULES.body)
            reference.write(TITLES, ITEMS, PATRONS)
        return CENTRAL.path(Path(folder)).read_bytes()


class Headquarters:
    """One process at headquarters and what it stands on."""

    def __init__(self, folder: Path, time: Time, rng: random.Random, tally: Tally) -> None:
        self._folder, self._time, self._rng, self._tally = folder, time, rng, tally
        self._lives = 0
        self._bundles: dict[tuple[str, int], tuple[int, bytes]] = {}
        #: Every batch that was ever taken, whole, by its signed header.
        self.taken: dict[bytes, bytes] = {}
        #: The backup of which stations are told that what is in it is safe.
        self.backup: Files | None = None
        self._begin({CENTRAL.path(folder).name: _founded()})

    # --- life and death -----------------------------------------------------------------------------------------------

    def _begin(self, files: Files) -> None:
        self._lives += 1
        self.home = thaw(self._folder / f"hq-{self._lives}", files)
        self.database = Database.open(self.home)
        self._applier = Applier(self.database, self._time)

    def close(self) -> None:
        """The process ends."""
        self.database.close()

    def die(self, files: Files | None = None) -> None:
        """The machine dies and starts again, with these files or those it had."""
        left = freeze(self.home) if files is None else files
        self.database.close()
        self._begin(left)

    def die_in(self, act: Callable[[], object]) -> None:
        """The power goes while it does something."""
        before = freeze(self.home)
        act()
        self.die(torn(before, freeze(self.home), self._rng))

    # --- stations -----------------------------------------------------------------------------------------------------

    def enrol(self, station: str, branch: str, scope: Iterable[str], keys: Keys) -> tuple[int, int]:
        """A new station, or a new epoch of one that is known; answers the epoch and the number it begins behind."""
        row = tables.station
        with self.database.begin() as connection:
            known = connection.execute(sa.select(row).where(row.c.station == station)).all()
            epoch = max((one.epoch for one in known), default=0) + 1
            begins = max((one.seq for one in known), default=0)
            for one in known:
                pins = msgspec.json.decode(one.pins, type=Pins).retire(one.seq)
                retired = sa.update(row).where(row.c.id == one.id)
                connection.execute(retired.values(pins=msgspec.json.encode(pins).decode()))
            connection.execute(
                sa.insert(row),
                {
                    "station": station,
                    "epoch": epoch,
                    "branch": branch,
                    "scope": msgspec.json.encode(sorted({branch, *scope})).decode(),
                    "pins": msgspec.json.encode(Pins((Pin(keys.public),))).decode(),
                    "begins": begins,
                    "seq": begins,
                    "head": genesis(station, epoch),
                    "applied": begins,
                    "safe": begins,
                    "enrolled_at": self._time(),
                },
            )
        return epoch, begins

    def revoke(self, station: str, epoch: int, cut: int) -> None:
        """From a number on, a station's key is good for nothing."""
        row = tables.station
        with self.database.begin() as connection:
            found = connection.execute(sa.select(row).where(row.c.station == station, row.c.epoch == epoch)).one()
            pins = msgspec.json.decode(found.pins, type=Pins).retire(cut)
            values = {"pins": msgspec.json.encode(pins).decode()}
            connection.execute(sa.update(row).where(row.c.id == found.id).values(**values))

    def log_of(self, station: str) -> dict[int, bytes]:
        """Every record that is in the log of a station, by its number, whatever the epoch."""
        found: dict[int, bytes] = {}
        with self.database.read() as connection:
            for row in connection.execute(sa.select(tables.station).where(tables.station.c.station == station)):
                for logged in read_log(connection, row.id, row.begins, row.seq):
                    for place, line in enumerate(logged.lines):
                        assert logged.first + place not in found, "two epochs have the same number"
                        found[logged.first + place] = line
        return found

    def row(self, station: str, epoch: int) -> sa.Row[*tuple[object, ...]]:
        """What headquarters knows of a station in an epoch."""
        row = tables.station
        with self.database.read() as connection:
            return connection.execute(sa.select(row).where(row.c.station == station, row.c.epoch == epoch)).one()

    # --- what arrives -------------------------------------------------------------------------------------------------

    def exchange(self, question: bytes) -> bytes | None:
        """A reply to a contact that came over a line."""
        opened = self._opened(question, Road.HTTPS)
        if opened is None:
            return None
        taken = self._take(opened.batch, Road.HTTPS) if opened.batch else None
        return self._reply(opened.contact, taken)

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a snapshot."""
        del name
        return None

    def fetch(self, name: str, start: int, end: int) -> bytes | None:
        """Some bytes of a snapshot."""
        del name, start, end
        return None

    def import_stick(self, stick: Stick) -> None:
        """Take whatever bundles are on a stick, and leave an answer to each station that has one there."""
        contacts: dict[tuple[str, int], Contact] = {}
        for opened in self._bundles_on(stick):
            for message in opened.messages():
                if message.startswith(batches.MAGIC):
                    self._take(message, Road.USB)
                elif (contact := self._opened(message, Road.USB)) is not None:
                    contacts[contact.contact.station, contact.contact.epoch] = contact.contact
        for contact in contacts.values():
            self._answer_on(stick, contact)

    def _bundles_on(self, stick: Stick) -> Iterable[OpenedBundle]:
        for found in find_bundles(STICK, disk=stick):
            claims = found.claims
            if found.writer is not Side.STATION or not isinstance(claims, Manifest):
                continue
            pins = self._pins(claims.station, claims.epoch)
            of = {"hq": HQ, "station": claims.station, "epoch": claims.epoch}
            opened = open_bundle(found, (HQ_KEYS,), pins, hq=HQ, station=claims.station, epoch=claims.epoch, disk=stick)
            del of
            if isinstance(opened, OpenedBundle):
                yield opened
            else:
                self._tally.add(f"bundle {opened.reason.value}")

    def _answer_on(self, stick: Stick, contact: Contact) -> None:
        station, epoch = contact.station, contact.epoch
        number, previous = self._bundles.get((station, epoch), (0, bytes(32)))
        current = self._pins(station, epoch).current
        if current is None:
            return
        manifest = Manifest(
            hq=HQ,
            station=station,
            epoch=epoch,
            number=number + 1,
            previous=previous,
            tag=self._rng.randbytes(8),
            first=0,
            last=0,
            mark=self._time(),
        )
        reply = self._reply(contact, None)
        written = write_bundle(STICK, manifest, Side.HEADQUARTERS, HQ_KEYS, current, [reply], disk=stick)
        self._bundles[station, epoch] = number + 1, written.digest

    def _opened(self, raw: bytes, road: Road) -> OpenedContact | None:
        claimed = read_contact(raw, road)
        if isinstance(claimed, MessageRefused):
            return None
        opened = open_contact(raw, self._pins(claimed.station, claimed.epoch), hq=HQ, road=road)
        return None if isinstance(opened, MessageRefused) else opened

    def _pins(self, station: str, epoch: int) -> Pins:
        row = tables.station
        with self.database.read() as connection:
            query = sa.select(row.c.pins).where(row.c.station == station, row.c.epoch == epoch)
            known = connection.execute(query).scalar()
        return Pins() if known is None else msgspec.json.decode(known, type=Pins)

    def _take(self, raw: bytes, road: Road) -> Ingested:
        taken = ingest(self.database, raw, hq=HQ, road=road, now=self._time())
        self._tally.add(f"answer {taken.answer.value}")
        if taken.answer in {Answer.ACCEPTED, Answer.DUPLICATE, Answer.REVOKED, Answer.GAP}:
            header_length = int.from_bytes(raw[4:8])
            self.taken[raw[8 : 8 + header_length]] = raw
        return taken

    def _reply(self, contact: Contact, taken: Ingested | None) -> bytes:
        row = self.row(contact.station, contact.epoch)
        with self.database.read() as connection:
            scopes = {*msgspec.json.decode(row.scope, type=list[str]), contact.station, EVERYBODY}
            some = page(connection, contact.cursor, scopes, limit=200, scoped_at=row.scoped_at)
        reply = Reply(
            hq=HQ,
            station=contact.station,
            epoch=contact.epoch,
            nonce=contact.nonce,
            now=self._time(),
            answer=Answer.NOTHING if taken is None else taken.answer,
            reason=None if taken is None else taken.reason,
            want=None if taken is None else taken.want,
            first=0 if taken is None else taken.first,
            last=0 if taken is None else taken.last,
            logged=row.seq,
            safe=row.safe,
            applied=row.applied,
            since=contact.cursor,
            cursor=some.cursor,
            more=some.more,
            resnapshot=some.too_old,
        )
        return seal_reply(HQ_KEYS, reply, some.changes)

    # --- what it does by itself ---------------------------------------------------------------------------------------

    def apply(self, most: int | None = None) -> int:
        """Apply some of what waits, or all."""
        return self._applier.apply_all() if most is None else self._applier.apply(most)

    def back_up(self) -> None:
        """Copy the database, and tell stations from now on that what is in the copy is safe."""
        self.backup = freeze(self.home)
        row = tables.station
        with self.database.begin() as connection:
            connection.execute(sa.update(row).values(safe=row.c.seq))

    def back_from_backup(self) -> None:
        """The disk is lost; the backup is put in its place."""
        assert self.backup is not None
        self.die(self.backup)

    def staff_settle(self) -> bool:
        """Somebody settles a line of the work-list, whichever."""
        with self.database.begin() as connection:
            listed = open_exceptions(connection)
            if not listed:
                return False
            exception = self._rng.choice(listed).exception
            choice = self._rng.choice(resolutions(exception, NETWORK))
            loan = getattr(choice.events[-1], "loan", None)
            settle(connection, exception.id, choice.resolution, NETWORK, actor="hq", now=self._time(), loan=loan)
            self._tally.add(f"settled {exception.kind.value}")
            return True

    def edit(self) -> None:
        """The catalogue or the list of readers changes."""
        rng, reference = self._rng, CentralReference(self.database, self._time)
        what = rng.choice(("block", "move", "item", "title"))
        self._tally.add(f"edit {what}")
        match what:
            case "block":
                patron = rng.choice(PATRONS)
                blocks = (PatronBlock(PatronBlockKind.OTHER),) if rng.random() < 0.5 else ()
                reference.write(patrons=[_like(patron, blocks=blocks)])
            case "move":
                reference.write(patrons=[_like(rng.choice(PATRONS), branch=rng.choice((TN, PB)))])
            case "item":
                item = rng.choice(ITEMS)
                status = rng.choice((ItemStatus.IN_STOCK, ItemStatus.IN_STOCK, ItemStatus.LOST, ItemStatus.WITHDRAWN))
                branch = rng.choice((item.branch, TN, PB))
                reference.write(items=[Item(item.item_id, item.title_id, "book", branch, status=status)])
            case _:
                title = rng.choice(TITLES)
                reference.write(titles=[Title(title.title_id, title.title, f"Tác giả {rng.randrange(9)}")])


def _like(patron: Patron, **other: object) -> Patron:
    import dataclasses

    return dataclasses.replace(patron, **other)  # type: ignore[arg-type]


__all__ = ["HQ", "OWN", "ExchangeError", "Headquarters", "StoreError", "keys_of"]
