"""Headquarters as the simulation runs it: the product's office, with one process around it that can die or be put back
from a backup, and staff who settle exceptions, change the catalogue and enrol stations.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa

from sync.central import bulk, enrolment, feed, stations, tables
from sync.central.apply import Applier
from sync.central.backup import back_up
from sync.central.bundles import give_bundle, take_bundles
from sync.central.database import CENTRAL, Database
from sync.central.enrolment import make_enrolment_code
from sync.central.exchange import answer
from sync.central.log import read_log
from sync.central.office import Office
from sync.central.reference import CentralReference
from sync.central.worklist import open_exceptions, settle
from sync.circulation.exceptions import resolutions
from sync.circulation.model import Item, ItemStatus, Patron, PatronBlock, PatronBlockKind, Title
from sync.exchange.keys import Keys
from sync.exchange.messages import MessageRefused, read_contact
from sync.exchange.papers import PaperRefused, normal_code
from tests.sync.simulation.clocks import Time
from tests.sync.simulation.disks import Files, freeze, thaw, torn
from tests.sync.simulation.faults import Tally
from tests.sync.store.stations import AN, BINH, CHI, KIEU_1, KIEU_2, LAO_HAC, SO_DO, rule_set

HQ = "HQ-TN"
TN, PB = "TN", "PB"

_DUNG, _VISITING = "PB-000104", "PB-000301"

#: Readers and copies, in the order in which a run takes as many as it wants: few, so that they meet.
PATRONS = tuple(
    Patron(number, name, "adult", branch, birth_date=date(1990, 5, 5))
    for number, name, branch in (
        (AN, "Nguyễn Thị Ánh Nguyệt", TN),
        (CHI, "Lò Thị Chi", PB),
        (BINH, "Trần Đức Bình", TN),
        (_DUNG, "Mai Văn Dũng", PB),
    )
)
TITLES = (Title("t1", "Truyện Kiều"), Title("t2", "Lão Hạc"), Title("t3", "Số đỏ"))
ITEMS = (
    Item(KIEU_1, "t1", "book", TN),
    Item(_VISITING, "t3", "book", PB),
    Item(KIEU_2, "t1", "book", TN),
    Item(LAO_HAC, "t2", "book", TN),
    Item(SO_DO, "t3", "book", PB),
)
RULES = rule_set()


def keys_of(name: str) -> Keys:
    """The same keys for the same name, every time."""
    return Keys(sha256(f"sign {name}".encode()).digest(), sha256(f"seal {name}".encode()).digest())


_KEYS = keys_of("headquarters")


@cache
def empty_central() -> Files:
    """A database with nothing in it: its migrations take longer than many a run."""
    with tempfile.TemporaryDirectory() as folder:
        Database.open(Path(folder)).close()
        path = CENTRAL.path(Path(folder))
        return {path.name: path.read_bytes()}


class Headquarters:
    """One process at headquarters and what it stands on. ``files`` are those of its folder; none: it is founded."""

    def __init__(self, folder: Path, time: Time, rng: random.Random, tally: Tally, files: Files | None = None) -> None:
        self._folder, self._time, self._rng, self._tally = folder, time, rng, tally
        self._lives = 0
        #: All that ever arrived as a batch, by its signed header; what the road has damaged is among it.
        self.arrived: dict[bytes, set[bytes]] = {}
        #: The copy of which stations are told that what is in it is safe, and up to where it goes, by station's row.
        self.backup: Files | None = None
        self.in_backup: dict[str, int] = {}
        self._begin(files or {})
        if files is None:
            self._found()

    def _found(self) -> None:
        with self.database.begin() as connection:
            bulk.insert(connection, tables.headquarters, [(HQ, "Thư viện tỉnh", b"salt" * 8, self._time())])
        reference = CentralReference(self.database, self._time)
        reference.write_rules(RULES.version, RULES.body)
        reference.write(TITLES, ITEMS, PATRONS)

    # --- life and death -----------------------------------------------------------------------------------------------

    def _begin(self, files: Files) -> None:
        self._lives += 1
        self.home = thaw(self._folder / f"hq-{self._lives}", files)
        self.database = Database.open(self.home)
        self.office = Office(
            HQ, self.database, (_KEYS,), self.home, "https://hq.example", clock=self._time, chance=self._rng.randbytes
        )
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

    def code(self, station: str, branch: str, scope: tuple[str, ...]) -> str:
        """A one-time code, as the station takes it."""
        shown = make_enrolment_code(self.office, station, branch, scope)
        assert isinstance(shown, str)
        return normal_code(shown) or ""

    def enrol(self, request: bytes) -> bytes:
        """The response to a request."""
        granted = enrolment.enrol(self.office, request)
        assert not isinstance(granted, PaperRefused), granted.reason
        return granted.response

    def revoke(self, station: str) -> None:
        """Nothing that the station writes from now on is believed."""
        enrolment.revoke(self.office, station)

    def known(self, station: str) -> stations.Enrolment:
        """A station in its last epoch."""
        with self.database.read() as connection:
            found = stations.latest(connection, station)
        assert found is not None
        return found

    def log_of(self, station: str) -> dict[int, bytes]:
        """Every record that is in the log of a station, by its number, whatever the epoch."""
        found: dict[int, bytes] = {}
        with self.database.read() as connection:
            for epoch in stations.epochs(connection, station):
                for logged in read_log(connection, epoch.id, epoch.begins, epoch.seq):
                    for seq, line in enumerate(logged.lines, start=logged.first):
                        assert seq not in found, "two epochs have the same number"
                        found[seq] = line
        return found

    # --- what arrives -------------------------------------------------------------------------------------------------

    def exchange(self, question: bytes) -> bytes | None:
        """A reply to a contact that came over a line."""
        self._keep(question)
        reply = answer(self.office, question)
        if isinstance(reply, MessageRefused):
            self._tally.add(f"contact {reply.reason.value}")
            return None
        return reply

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a snapshot."""
        return self.office.snapshots.manifest(name)

    def fetch(self, name: str, start: int, end: int) -> bytes | None:
        """Some bytes of a snapshot."""
        frame = self.office.snapshots.frame(name)
        return None if frame is None else frame.read_bytes()[start:end]

    def take_stick(self, folder: Path) -> None:
        """Take whatever bundles are on a stick, and leave an answer to each station that has one there."""
        callers = set()
        for taken in take_bundles(self.office, folder):
            self._tally.add(f"bundle {taken.refused.reason.value}" if taken.refused else "bundle taken")
            for batch in taken.batches:
                self._tally.add(f"bundle's batch {batch.answer.value}")
            if taken.station:
                callers.add(taken.station)
        for name in sorted(callers):
            give_bundle(self.office, folder, self.known(name))

    def _keep(self, question: bytes) -> None:
        """Remember a batch as it came, to send it again somewhere else."""
        if isinstance(read_contact(question), MessageRefused):
            return
        length = int.from_bytes(question[4:8])
        self.keep_batch(question[8 + length + 64 :])

    def keep_batch(self, batch: bytes) -> None:
        """The same for a batch alone."""
        length = int.from_bytes(batch[4:8])
        self.arrived.setdefault(batch[8 : 8 + length], set()).add(batch)

    # --- what it does by itself ---------------------------------------------------------------------------------------

    def apply(self, most: int | None = None) -> int:
        """Apply some of what waits, or all."""
        return self._applier.apply_all() if most is None else self._applier.apply(most)

    def make_snapshots(self) -> int:
        """Make the snapshots that stations wait for."""
        return self.office.snapshots.make_wanted()

    def compact(self, *, age: int = 0) -> None:
        """Drop from the feed what later changes made void, and tombstones as if ``age`` milliseconds had passed."""
        with self.database.begin() as connection:
            feed.compact(connection, self._time() + age)

    def back_up(self, *, real: bool) -> None:
        """Make a backup, in the product's way or by copying the file, which is quicker; what is in it is then safe."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(tables.station)).all()
        if real:
            made = back_up(self.database, self.home / "backups", self._time())
            self.backup = {CENTRAL.path(self.home).name: made.path.read_bytes()}
            made.path.unlink()
        else:
            self.backup = {name: file for name, file in freeze(self.home).items() if name.startswith("central")}
            row = tables.station
            with self.database.begin() as connection:
                connection.execute(sa.update(row).values(safe=row.c.seq))
        self.in_backup = {}
        for row_ in rows:
            self.in_backup[row_.station] = max(self.in_backup.get(row_.station, 0), row_.seq)

    def back_from_backup(self) -> None:
        """The disk is lost; the backup is put in its place."""
        assert self.backup is not None
        self.die(self.backup)

    def staff_settle(self) -> None:
        """Somebody settles a line of the work-list, whichever."""
        with self.database.begin() as connection:
            listed = open_exceptions(connection)
            if listed:
                exception = self._rng.choice(listed).exception
                choice = self._rng.choice(resolutions(exception, RULES.rules.network))
                loan = getattr(choice.events[-1], "loan", None)
                network, now = RULES.rules.network, self._time()
                settle(connection, exception.id, choice.resolution, network, actor="hq", now=now, loan=loan)
                self._tally.add(f"settled {exception.kind.value}")

    def edit(self) -> None:
        """The catalogue or the list of readers changes."""
        rng, reference = self._rng, CentralReference(self.database, self._time)
        what = rng.choice(("block", "move", "item", "title"))
        self._tally.add(f"edit {what}")
        match what:
            case "block":
                blocks = (PatronBlock(PatronBlockKind.OTHER),) if rng.random() < 0.5 else ()
                reference.write(patrons=[replace(rng.choice(PATRONS), blocks=blocks)])
            case "move":
                reference.write(patrons=[replace(rng.choice(PATRONS), branch=rng.choice((TN, PB)))])
            case "item":
                item = rng.choice(ITEMS)
                status = rng.choice((ItemStatus.IN_STOCK, ItemStatus.IN_STOCK, ItemStatus.LOST, ItemStatus.WITHDRAWN))
                reference.write(items=[replace(item, branch=rng.choice((item.branch, TN, PB)), status=status)])
            case _:
                title = rng.choice(TITLES)
                reference.write(titles=[replace(title, author=f"Tác giả {rng.randrange(9)}")])
