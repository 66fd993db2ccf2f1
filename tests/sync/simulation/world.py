"""All of it, step by step: who does what when, what goes wrong then, and how it is healed."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Final
from unittest.mock import patch

from sync.central import feed
from sync.circulation.events import decode, from_ms, to_ms
from sync.exchange.batch import MAGIC as BATCH
from sync.exchange.bundle import Manifest
from sync.exchange.caller import Caller
from sync.exchange.disk import ExchangeError
from sync.exchange.messages import REPLY_MAGIC, MessageRefused
from sync.exchange.reasons import Reason, Side
from sync.exchange.snapshot import SnapshotRefused, fetch_snapshot, open_manifest
from sync.exchange.sticks import OpenedBundle, find_bundles, open_bundle, write_bundle
from sync.store.backup import back_up
from sync.store.errors import StoreError
from sync.store.files import LEDGER, REFERENCE, open_ledger
from tests.sync.simulation.clocks import MachineClock, Time
from tests.sync.simulation.disks import Files, freeze, thaw
from tests.sync.simulation.faults import MACHINES, Plan, Tally
from tests.sync.simulation.headquarters import HQ, ITEMS, PATRONS, PB, TN, Headquarters, keys_of
from tests.sync.simulation.line import Line
from tests.sync.simulation.machine import Key, Machine, MachineDied, key_of
from tests.sync.simulation.stick import STICK, Stick
from tests.sync.store.stations import MORNING, Deed, quick_folder

#: So many steps a run takes, unless it is told otherwise.
STEPS: Final = 20
#: So many rounds of a quarter of an hour it may take after the healing until all is known everywhere.
ROUNDS: Final = 40

BRANCHES: Final = {"S1": TN, "S2": TN, "S3": PB, "S4": PB, "S5": TN}

_DEEDS: Final = ("checkout", "checkin", "renew", "undo", "pay", "waive", "on_site", "repair_needed", "visit")
_DEED_WEIGHTS: Final = (10, 8, 4, 3, 3, 1, 1, 1, 1)


class World:
    """A network under one seed. A context manager; nothing of it is left behind."""

    def __init__(self, seed: int, folder: Path, steps: int = STEPS, plan: Plan | None = None) -> None:
        self.seed, self.folder = seed, folder
        self.rng = random.Random(seed)
        self.plan = plan or Plan.of(self.rng, steps)
        self.tally = Tally.empty()
        files, homes, begun = _founded(self.plan.shared_scopes)
        self.time = Time(begun)
        self.headquarters = Headquarters(folder, self.time, self.rng, self.tally, files)
        self.machines: list[Machine] = []
        self.clones: set[str] = set()
        self.sticks: list[Stick] = []
        #: What a disaster left on no disk: nobody can be asked for it.
        self.destroyed: set[Key] = set()
        self._told_before: set[Key] = set()
        self._under_way: list[tuple[int, bytes]] = []
        self._yesterday: dict[str, Files] = {}
        self._down_until: dict[str, int] = {}
        for name in list(BRANCHES)[: self.plan.stations]:
            ahead = timedelta()
            if self.plan.skewed:
                ahead = timedelta(hours=self.rng.choice((-6, 0, 6)), seconds=self.rng.uniform(-90, 90))
            self.set_up(name, homes[name], ahead)

    def close(self) -> None:
        """Everything ends."""
        for machine in self.machines:
            machine.stop()
        self.headquarters.close()

    @property
    def told(self) -> set[Key]:
        """Every event that somebody was told of, anywhere."""
        return self._told_before.union(*(machine.told for machine in self.machines))

    def set_up(self, name: str, files: Files, ahead: timedelta) -> Machine:
        """A machine with these files begins to work."""
        clock = MachineClock(self.time, name, ahead)
        machine = Machine(name, self.folder, clock, random.Random(self.rng.random()), self.tally)
        machine.unpack(files)
        machine.line = self._line(machine)
        assert machine.start()
        self.machines.append(machine)
        return machine

    def _line(self, machine: Machine) -> Line:
        def later(question: bytes) -> None:
            self._under_way.append((self.time.ms + self.rng.randint(1_000, 7_200_000), question))

        def others() -> list[bytes]:
            lines = [other.line.last_reply for other in self.machines if other is not machine]
            return [reply for reply in lines if reply is not None]

        return Line(self.headquarters, self.rng, self.tally, self.plan.line, later, others)

    # --- a run --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The safety phase, the healing, and until all is known everywhere."""
        disasters = list(self.plan.disasters)
        for step in range(self.plan.steps):
            self._pass()
            while disasters and disasters[0][0] <= step:
                self._disaster(disasters.pop(0)[1])
            self._step()
            for machine in list(self.machines):
                self._turn(machine)
            if step % 4 == 0:
                self.check_unsent()
        self.heal()

    def _pass(self) -> None:
        rng = self.rng
        drawn = rng.random()
        if drawn < 0.7:
            seconds = rng.uniform(2, 400)
        elif drawn < 0.9:
            seconds = rng.uniform(400, 8 * 3600)
        else:
            seconds = rng.uniform(1, 12) * 86400
        self.time.go_on(seconds)
        due = [question for at, question in self._under_way if at <= self.time.ms]
        self._under_way = [one for one in self._under_way if one[0] > self.time.ms]
        rng.shuffle(due)
        for question in due:
            self.headquarters.exchange(question)
        for machine in self.machines:
            if "partition" in self.plan.line and rng.random() < 0.1:
                machine.line.cut = not machine.line.cut

    def _step(self) -> None:
        rng, headquarters = self.rng, self.headquarters
        for machine in self.machines:
            if machine.up and rng.random() < 2 / len(self.machines):
                self._desk_work(machine)
        for name, likely in MACHINES.items():
            if name in self.plan.machines and rng.random() < likely:
                self._mishap(name)
        if "station_from_yesterday" in self.plan.names and rng.random() < 0.2:
            machine = rng.choice(self.machines)
            self._yesterday[machine.name] = freeze(machine.home)
        if rng.random() < 0.5:
            headquarters.apply(rng.choice((1, 3, 4000)))
        if rng.random() < 0.3:
            headquarters.make_snapshots()
        if rng.random() < 0.1:
            headquarters.staff_settle()
        if rng.random() < 0.1:
            headquarters.edit()
        # A headquarters that will be put back from a copy makes real ones.
        if rng.random() < 0.1 and "headquarters_from_backup" not in self.plan.names:
            headquarters.back_up(real=False)
            self.tally.add("backup of headquarters")

    def _deed(self) -> Deed:
        rng = self.rng
        act = rng.choices(_DEEDS, _DEED_WEIGHTS)[0]
        card = rng.choice(PATRONS[: self.plan.readers]).patron_id
        item = rng.choice(ITEMS[: self.plan.items]).item_id
        return Deed(act, card, item, rng.choice((0, 0, 0, 1, 2, 500, 1500)))

    def _desk_work(self, machine: Machine) -> None:
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            self.time.go_on(self.rng.uniform(2, 60))
            machine.do(self._deed())

    def _turn(self, machine: Machine) -> None:
        if not machine.up:
            if self._down_until.get(machine.name, 0) <= self.time.ms:
                self._boot(machine)
            return
        try:
            machine.turn()
        except MachineDied as died:
            self.tally.add("power cut in a call")
            self._dies(machine, died.files)

    # --- mishaps ------------------------------------------------------------------------------------------------------

    def _mishap(self, name: str) -> None:
        rng = self.rng
        if name == "headquarters_killed":
            self.tally.add(name)
            self.headquarters.die_in(lambda: self.headquarters.apply(3))
            return
        running = [machine for machine in self.machines if machine.up]
        if not running:
            return
        machine = rng.choice(running)
        self.tally.add(name)
        self.time.go_on(1)
        match name:
            case "power_cut":
                self._dies(machine, freeze(machine.home))
            case "power_cut_in_an_act":
                machine.die_in(self._deed())
                self._is_down(machine)
            case "power_cut_in_a_call":
                machine.doom = rng.choice(("torn_reference", "torn_ledger"))
            case "worker_killed":
                machine.doom = rng.choice(("worker_before_note", "worker_after_note"))
            case "disk_full":
                if machine.full:
                    machine.make_room()
                else:
                    machine.fill_disk()
            case "clock_jump":
                hours = rng.choice((-26, -6, -1, 1, 6, 26, 10 * 365 * 24))
                machine.clock.ahead += timedelta(hours=hours)
            case "clock_dead":
                self._dies(machine, freeze(machine.home))
                machine.clock.boot(battery=False)
            case "clock_confirmed":
                machine.confirm_clock()
            case "stick":
                self._carry(machine)
            case "stick_return":
                self.plug_in(machine)
            case "prune":
                machine.prune(from_ms(self.time.ms - rng.choice((0, 1, 5)) * 86_400_000))
                self.check_pruned(machine)
            case _:
                machine.write_unknown()

    def _dies(self, machine: Machine, files: Files) -> None:
        machine.die(files)
        self._is_down(machine)

    def _is_down(self, machine: Machine) -> None:
        self._down_until[machine.name] = self.time.ms + self.rng.randint(0, 6 * 3_600_000)

    def _boot(self, machine: Machine) -> None:
        machine.clock.boot()
        if not machine.start():
            self.tally.add("older ledger found at start")
            self.enrol_again(machine)

    # --- sticks -------------------------------------------------------------------------------------------------------

    def _carry(self, machine: Machine) -> None:
        """A stick is written at a station and, now or later, read at headquarters, once or twice."""
        rng = self.rng
        stick = rng.choice(self.sticks) if self.sticks and rng.random() < 0.4 else Stick()
        if stick not in self.sticks:
            self.sticks.append(stick)
        stick.lasts = rng.randrange(6000) if rng.random() < 0.3 else None
        try:
            self.write_stick(machine, stick)
        except ExchangeError:
            self.tally.add("stick pulled")
        stick.lasts = None
        for _ in range(rng.choice((0, 1, 1, 2))):
            carried = rng.choice(self.sticks)
            with carried.folder(self.folder) as folder:
                self.headquarters.take_stick(folder)
            self.tally.add("stick read at headquarters")

    def write_stick(self, machine: Machine, stick: Stick) -> None:
        """Export what is unsent onto a stick. Raises what a pulled stick raises."""
        place = machine.place
        with Caller(machine.home, place, clock=machine.clock, version="1.0.0", chance=self.rng.randbytes) as caller:
            messages = list(caller.messages())
            for message in messages:
                if message.startswith(BATCH):
                    self.headquarters.keep_batch(message)
            manifest = Manifest(
                hq=HQ,
                station=place.station,
                epoch=place.epoch,
                number=machine.bundles + 1,
                previous=machine.previous,
                tag=self.rng.randbytes(8),
                first=0,
                last=0,
                mark=machine.ledger.head().seq,
            )
            reader = keys_of("headquarters").public
            written = write_bundle(STICK, manifest, Side.STATION, machine.keys[0], reader, messages, disk=stick)
        machine.bundles, machine.previous = machine.bundles + 1, written.digest

    def plug_in(self, machine: Machine) -> None:
        """A stick is plugged into a station, its own or another's, with an answer new or old."""
        if not self.sticks:
            return
        stick, place = self.rng.choice(self.sticks), machine.place
        of = {"hq": place.hq, "station": place.station, "epoch": place.epoch}
        with Caller(machine.home, place, clock=machine.clock, version="1.0.0", chance=self.rng.randbytes) as caller:
            for found in find_bundles(STICK, disk=stick):
                if found.writer is not Side.HEADQUARTERS:
                    continue
                opened = open_bundle(found, machine.keys, machine.pins, disk=stick, **of)  # type: ignore[arg-type]
                if not isinstance(opened, OpenedBundle):
                    self.tally.add(f"return {opened.reason.value}")
                    continue
                try:
                    self._take_return(machine, caller, list(opened.messages()))
                except MachineDied as died:
                    self._dies(machine, died.files)
                    return

    def _take_return(self, machine: Machine, caller: Caller, messages: list[bytes]) -> None:
        replies = [message for message in messages if message.startswith(REPLY_MAGIC)]
        for message in replies:
            heard = caller.take_from_stick(message)
            if isinstance(heard, MessageRefused):
                self.tally.add(f"return {heard.reason.value}")
                assert heard.reason is Reason.EARLIER_MISSING
                return
            self.tally.add("return taken")
            machine.note_from_stick(heard)
            if heard.snapshot is not None:
                place, (manifest, *chunks) = machine.place, messages[len(replies) :]
                of = {"hq": place.hq, "station": place.station, "epoch": place.epoch}
                snapshot = open_manifest(manifest, machine.pins, **of)  # type: ignore[arg-type]
                assert not isinstance(snapshot, SnapshotRefused)
                frame = b"".join(chunks)
                done = fetch_snapshot(machine.home, snapshot, partial(_part, frame), command="sync")
                assert done is None
                self.tally.add("snapshot by stick")

    # --- disasters ----------------------------------------------------------------------------------------------------

    def _disaster(self, name: str) -> None:
        running = [machine for machine in self.machines if machine.up]
        match name:
            case "headquarters_from_backup":
                self._headquarters_from_backup()
                return
            case "feed_compacted":
                self.tally.add(name)
                self.headquarters.compact(age=2 * feed.TOMBSTONES_STAY if self.rng.random() < 0.7 else 0)
                return
            case _:
                pass
        if not running:
            return
        machine = self.rng.choice(running)
        match name:
            case "station_from_yesterday":
                self._from_yesterday(machine)
            case "ledger_from_backup":
                self._ledger_from_backup(machine)
            case "cloned":
                self._clone(machine)
            case "revoked":
                self.tally.add(name)
                self.headquarters.revoke(machine.place.station)
            case _:
                self._rescoped(machine)

    def _headquarters_from_backup(self) -> None:
        self.headquarters.back_up(real=True)
        for _ in range(self.rng.randint(0, 6)):
            self._pass()
            self._step()
            for machine in list(self.machines):
                self._turn(machine)
        self.tally.add("headquarters_from_backup")
        with self._something_is_lost():
            self.headquarters.back_from_backup()

    def _from_yesterday(self, machine: Machine) -> None:
        """The whole disk is put back as it was some time ago."""
        if machine.name not in self._yesterday:
            return
        self.tally.add("station_from_yesterday")
        with self._something_is_lost():
            machine.last_told = 0
            self._dies(machine, self._yesterday.pop(machine.name))

    def _ledger_from_backup(self, machine: Machine) -> None:
        """The ledger is put back from the station's own backup; keys and reference are as they were."""
        try:
            content = back_up(machine.home, from_ms(self.time.ms)).read_bytes()
        except StoreError:
            return
        for _ in range(self.rng.randint(0, 5)):
            self._desk_work(machine)
            self._turn(machine)
            if not machine.up:
                return
        self.tally.add("ledger_from_backup")
        with self._something_is_lost():
            files = {name: old for name, old in freeze(machine.home).items() if name != "ledger.sqlite-wal"}
            machine.last_told = 0
            self._dies(machine, files | {"ledger.sqlite": content})

    def _clone(self, machine: Machine) -> None:
        """A copy of the whole disk runs in a second machine.

        It was made when nothing was unsent: events that two ledgers were to send as their own would come twice.
        """
        if machine.unsent or self.missing(machine):
            return
        self.tally.add("cloned")
        name = f"{machine.name}-copy{self.tally.counts['cloned']}"
        self.clones.add(name)
        self.set_up(name, freeze(machine.home), timedelta())

    def _rescoped(self, machine: Machine) -> None:
        """A station is enrolled again for other branches."""
        self.tally.add("rescoped")
        self.enrol_again(machine, scope=self.rng.choice(((TN,), (PB,), (TN, PB))))

    @contextmanager
    def _something_is_lost(self) -> Iterator[None]:
        """Around a disaster: what was somewhere before and is nowhere after is destroyed, and nobody's fault."""
        before = self._everything()
        yield
        self.destroyed |= before - self._everything()

    def _everything(self) -> set[Key]:
        """All events that a ledger or headquarters has."""
        found: set[Key] = set()
        for machine in self.machines:
            found |= keys_in(machine.stored())
        for name in BRANCHES:
            found |= keys_in(self.headquarters.log_of(name))
        return found

    def enrol_again(self, machine: Machine, scope: tuple[str, ...] | None = None) -> None:
        """Staff enrol a station anew: it gets a new epoch, and what headquarters does not have is sent in it."""
        self.tally.add("enrolled again")
        if machine.up:
            machine.stop()
        place = machine.place
        known = self.headquarters.known(place.station)
        machine.enrol(self.headquarters, place.station, place.branch, known.scope if scope is None else scope)
        assert machine.start()

    # --- in the end ---------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """All faults end; then everything is known everywhere within a bounded time."""
        for _, question in self._under_way:
            self.headquarters.exchange(question)
        self._under_way.clear()
        for machine in self.machines:
            machine.line.faults, machine.line.cut, machine.doom = frozenset(), False, None
            machine.clock.ahead = timedelta()
            if machine.up and machine.full:
                machine.make_room()
        rounds = 0
        while not self._settled():
            rounds += 1
            assert rounds < ROUNDS, f"not everything is known after {rounds} rounds: {self._why()}"
            self.time.go_on(16 * 60)
            for machine in list(self.machines):
                for _ in range(4):
                    self._turn_healed(machine)
                    self.time.go_on(1)
            self._retire_clones()
            self.headquarters.apply()
            self.headquarters.make_snapshots()
        self.tally.add("rounds to settle", rounds)

    def _turn_healed(self, machine: Machine) -> None:
        if not machine.up:
            self._boot(machine)
        self._turn(machine)
        # One machine of a name can be heard at a time: first the copies tell what they have, one by one.
        first = next(one for one in reversed(self.machines) if one.place.station == machine.place.station)
        if machine.worker.state.answer in {"fork", "revoked"} and machine is first:
            self.enrol_again(machine)

    def _retire_clones(self) -> None:
        """A copy whose events have all arrived is switched off."""
        last = self.machines[-1]
        if last.name in self.clones and last.up and last.unsent == 0 and not self.missing(last):
            last.stop()
            self.machines.remove(last)
            self._told_before |= set(last.told)

    def _settled(self) -> bool:
        return all(
            machine.up
            and machine.name not in self.clones
            and machine.unsent == 0
            and not self.missing(machine)
            and self._has_heard_all(machine)
            for machine in self.machines
        )

    def missing(self, machine: Machine) -> int:
        """How many events of its ledger headquarters has not, byte for byte."""
        theirs = self.headquarters.log_of(machine.place.station)
        return sum(theirs.get(seq) != record for seq, record in machine.stored().items())

    def _has_heard_all(self, machine: Machine) -> bool:
        """Whether it has followed the feed to its end, and its own events are in what it was told."""
        stands = machine.ledger.standing_towards(HQ)
        with self.headquarters.database.read() as connection:
            return stands.cursor == feed.head(connection) and machine.mark == machine.ledger.head().seq

    def _why(self) -> list[tuple[object, ...]]:
        with self.headquarters.database.read() as connection:
            last = feed.head(connection)
        found: list[tuple[object, ...]] = [("feed", last)]
        for m in self.machines:
            if m.up:
                stands, state = m.ledger.standing_towards(HQ), m.worker.state
                said = (state.answer, state.trouble_en)
                found.append((m.name, m.place.epoch, m.unsent, self.missing(m), stands.cursor, m.mark, said))
        return found

    # --- at every moment ----------------------------------------------------------------------------------------------

    def check_unsent(self) -> None:
        """No station says less is unsent than is (I10); one that headquarters has lost hears of it by its next call."""
        if self.tally.counts["headquarters_from_backup"]:
            return
        for machine in self.machines:
            if machine.up:
                unsent, missing = machine.unsent, self.missing(machine)
                assert unsent >= missing, f"{machine.name} says that {unsent} events are unsent, and {missing} are"

    def check_pruned(self, machine: Machine) -> None:
        """What was pruned is in headquarters' backup (I9)."""
        horizon, station = machine.horizon, machine.place.station
        assert horizon <= self.headquarters.in_backup.get(station, 0), f"{machine.name} pruned what is not safe"

    def digest(self) -> str:
        """Equal for equal histories."""
        content = sha256()
        for name in BRANCHES:
            for seq, line in sorted(self.headquarters.log_of(name).items()):
                content.update(f"{name} {seq} ".encode() + line)
        content.update(repr(sorted(self.tally.counts.items())).encode())
        return content.hexdigest()[:16]


def _part(frame: bytes, start: int, end: int) -> bytes:
    return frame[start:end]


def keys_in(records: dict[int, bytes]) -> set[Key]:
    """The keys of some records."""
    return {key_of(decode(record.decode())) for record in records.values()}


@contextmanager
def world(seed: int, steps: int = STEPS, plan: Plan | None = None) -> Iterator[World]:
    """A world of its own, in memory, in which chance is the seed's, and the plan too unless another is given."""
    with quick_folder() as folder, _chance(f"chance {seed}"):
        made = World(seed, Path(folder), steps, plan)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _chance(seed: str) -> Iterator[None]:
    rng = random.Random(seed)
    defaults: dict[str, object] = dict(Caller.__init__.__kwdefaults__ or {})
    with (
        patch.object(secrets, "token_bytes", rng.randbytes),
        patch.object(secrets, "token_hex", lambda size: rng.randbytes(size).hex()),
        patch.object(Caller.__init__, "__kwdefaults__", defaults | {"chance": rng.randbytes}),
    ):
        yield


@cache
def _founded(shared: bool) -> tuple[Files, dict[str, Files], int]:
    """A headquarters and five stations that belong to it and know all that it tells them; and what time it is then.

    ``shared``: each is told of both branches.
    """
    with quick_folder() as name, _chance(f"founded {shared}"):
        folder, time, rng = Path(name), Time(to_ms(MORNING)), random.Random("founded")
        tally = Tally.empty()
        headquarters = Headquarters(folder, time, rng, tally)
        empty = _empty_files(folder / "empty")
        homes = {}
        for station, branch in BRANCHES.items():
            machine = Machine(station, folder, MachineClock(time, f"founding {station}", timedelta()), rng, tally)
            machine.unpack(empty)
            machine.enrol(headquarters, station, branch, (TN, PB) if shared else (branch,))
            machine.line = Line(headquarters, rng, tally, frozenset(), lambda _: None, list)
            assert machine.start()
            for _ in range(4):
                machine.turn()
                headquarters.make_snapshots()
                time.go_on(301)
            assert machine.ledger.rules_version() is not None
            machine.stop()
            homes[station] = freeze(machine.home)
        headquarters.close()
        return freeze(headquarters.home), homes, time.ms


def _empty_files(home: Path) -> Files:
    thaw(home, {})
    open_ledger(home).close()
    return {path.name: path.read_bytes() for path in (LEDGER.path(home), REFERENCE.path(home))}
