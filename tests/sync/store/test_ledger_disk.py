"""A disk that is full, fails or may not be written: one sentence, nothing half done, and on it goes when it is well."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.circulation.blocks import Refused
from sync.circulation.clock import Reading
from sync.store.errors import DatabaseInUse, DiskFailing, DiskFull, ReadOnlyDisk, StoreError
from sync.store.files import LEDGER
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBackAct
from sync.store.upgrade import beside
from tests.sync.store.stations import (
    AN,
    BINH,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    PERIOD,
    SO_DO,
    Clock,
    in_order,
    last_entry,
    look_at,
    new_station,
    open_desk,
)

HOUSE = Path(__file__).parents[3]
PAGE = 4096

# --- the acts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """A station in the middle of its work: AN has two items, one renewed; BINH brought one late and owes for it."""

    home: Path
    clock: Clock
    ledger: Ledger
    renewed: int
    late: int
    fee: str
    visit: str

    def tables(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of the ledger as another pair of eyes sees it."""
        with closing(sqlite3.connect(f"{LEDGER.path(self.home).as_uri()}?mode=ro", uri=True)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in names}


@contextmanager
def busy_station(home: Path) -> Iterator[Scene]:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        visit = ledger.open_visit()
        assert isinstance(ledger.checkout(BINH, LAO_HAC), Lent)
        clock.go_on(days=PERIOD + 2)
        for item in (KIEU_1, SO_DO):
            assert isinstance(ledger.checkout(AN, item), Lent)
        renewed = ledger.renew(AN, KIEU_1)
        assert isinstance(renewed, Extended)
        back = ledger.checkin(LAO_HAC, tag_to_secure=True)
        assert back.fee is not None
        yield Scene(home, clock, ledger, renewed.entry, back.entry, back.fee.fee_id, visit)


def is_a(kind: type) -> Callable[[object], None]:
    """Holds an answer against what it should be: a refusal writes less than was meant to be tried."""

    def check(answer: object) -> None:
        assert isinstance(answer, kind)

    return check


lent, extended, undone, refused = is_a(Lent), is_a(Extended), is_a(TakenBackAct), is_a(Refused)

#: Every act that writes, by what it is and how many events it leaves.
ACTS: dict[str, tuple[int, Callable[[Scene], object]]] = {
    "a checkout": (1, lambda s: lent(s.ledger.checkout(AN, KIEU_2))),
    "a refused checkout": (1, lambda s: refused(s.ledger.checkout(BINH, KIEU_2))),
    "a return": (1, lambda s: s.ledger.checkin(KIEU_1, tag_to_secure=True)),
    "a return of what was not out": (1, lambda s: s.ledger.checkin(KIEU_2)),
    "a renewal": (1, lambda s: extended(s.ledger.renew(AN, SO_DO))),
    "a refused renewal": (1, lambda s: refused(s.ledger.renew(AN, KIEU_1))),
    "an undone checkout": (1, lambda s: undone(s.ledger.undo(s.renewed - 1, tag_to_secure=True))),
    "an undone renewal": (1, lambda s: undone(s.ledger.undo(s.renewed))),
    "an undone return with its fee": (2, lambda s: undone(s.ledger.undo(s.late))),
    "reading on site": (1, lambda s: s.ledger.use_on_site(KIEU_2)),
    "a payment": (1, lambda s: s.ledger.pay(s.fee, 500)),
    "a waived fee": (1, lambda s: s.ledger.waive(s.fee)),
    "a secured tag": (1, lambda s: s.ledger.tag_secured(LAO_HAC)),
    "a tag to secure": (1, lambda s: s.ledger.repair_needed(KIEU_2, "found_open")),
    "a visit that begins": (1, lambda s: s.ledger.open_visit()),
    "a visit that ends": (1, lambda s: s.ledger.close_visit(s.visit, "done")),
    "a confirmed clock": (1, lambda s: s.ledger.confirm_clock()),
}
EVERY_ACT = pytest.mark.parametrize(("count", "act"), ACTS.values(), ids=ACTS)


def fails_until_there_is_room(
    scene: Scene, count: int, act: Callable[[Scene], object], error: type[StoreError], room: Callable[[int], Tight]
) -> int:
    """Try an act with a little more room each time until it works; answers how often it did not."""
    before, entry = scene.tables(), last_entry(scene.ledger)
    for attempt in range(100):
        told: StoreError | None = None
        try:
            with room(attempt):
                act(scene)
        except StoreError as failed:
            told = failed
        assert in_order(scene.ledger)
        if told is None:
            assert last_entry(scene.ledger) == entry + count
            return attempt
        assert type(told) is error
        assert told.phrase.en == str(told)
        assert scene.tables() == before
    raise AssertionError("no room was enough")


class Tight:
    """A stretch of time with little room."""

    def __init__(self, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self.begin, self.end = begin, end

    def __enter__(self) -> None:
        self.begin()

    def __exit__(self, *_: object) -> None:
        self.end()


# --- a full disk ------------------------------------------------------------------------------------------------------


def in_a_small_filesystem(folder: Path, name: str, *arguments: str) -> None:
    """Run a function of this module with a filesystem of its own of 4 MB at ``folder``, which only it can see."""
    words = [sys.executable, "-c", f"import sys; from {__name__} import {name}; {name}(*sys.argv[1:])"]
    mounted = 'mount -t tmpfs -o size=4m tmpfs "$0" || exit 99; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mounted, str(folder), *words, str(folder), *arguments]
    if shutil.which("unshare") is None:
        pytest.skip("A filesystem of one's own needs unshare, which is not here.")
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode == 99 or done.stderr.startswith("unshare:"):
        pytest.skip("A filesystem of one's own needs the rights of root.")
    assert done.returncode == 0, done.stderr


def fill_up(disk: Path) -> Callable[[int], Tight]:
    """Leave so many pages free on a disk, for a while."""
    ballast = disk / "ballast"

    def fill(pages: int) -> None:
        with ballast.open("wb") as file:
            state = os.statvfs(disk)
            os.posix_fallocate(file.fileno(), 0, (state.f_bavail - pages) * state.f_frsize)

    return lambda pages: Tight(lambda: fill(pages), ballast.unlink)


def test_a_full_disk_fails_every_act_whole_at_every_page_that_is_missing(home: Path) -> None:
    in_a_small_filesystem(home, "every_act_on_a_full_disk")


def every_act_on_a_full_disk(disk: str) -> None:
    for count, act in ACTS.values():
        home = Path(disk) / "station"
        home.mkdir()
        with busy_station(home) as scene:
            failed = fails_until_there_is_room(scene, count, act, DiskFull, fill_up(Path(disk)))
            assert failed >= 2
        shutil.rmtree(home)


def test_forgetting_on_a_full_disk_is_whole_or_can_be_done_again(home: Path) -> None:
    in_a_small_filesystem(home, "forget_on_a_full_disk")


def forget_on_a_full_disk(disk: str) -> None:
    home, room = Path(disk) / "station", fill_up(Path(disk))
    home.mkdir()
    with busy_station(home) as scene:
        scene.ledger.pay(scene.fee)
        whole = scene.tables()["identity"]
        others = [row for row in whole if row[1] != BINH]
        assert whole != others
        failed = 0
        for pages in range(100):
            try:
                with room(pages):
                    scene.ledger.forget(BINH)
                break
            except DiskFull:
                failed += 1
                assert scene.tables()["identity"] in (whole, others)
                assert in_order(scene.ledger)
        assert failed
        assert scene.tables()["identity"] == others
        assert in_order(scene.ledger)
        for path in home.glob("ledger.sqlite*"):
            assert BINH.encode() not in path.read_bytes()


def test_a_ledger_on_a_full_disk_is_still_to_be_looked_at(home: Path) -> None:
    in_a_small_filesystem(home, "look_at_a_full_disk")


def look_at_a_full_disk(disk: str) -> None:
    home = Path(disk) / "station"
    home.mkdir()
    with busy_station(home) as scene, fill_up(Path(disk))(0), look_at(home, scene.clock) as view:
        assert [line.loan.item_id for line in view.account(AN).loans] == [SO_DO, KIEU_1]
        assert in_order(view)
        assert [line.loan.item_id for line in scene.ledger.account(AN).loans] == [SO_DO, KIEU_1]


# --- a disk that fails ------------------------------------------------------------------------------------------------


def no_byte_beyond(path: Path) -> Callable[[int], Tight]:
    """Let the system refuse whatever would make a file longer than it is by more than so many half pages."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(halves: int) -> None:
        size = path.stat().st_size if path.exists() else 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + halves * PAGE // 2, hard))

    return lambda halves: Tight(lambda: limit(halves), lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)))


@EVERY_ACT
def test_a_disk_that_fails_at_any_write_leaves_nothing_half_done(
    home: Path, count: int, act: Callable[[Scene], object]
) -> None:
    with busy_station(home) as scene:
        log = beside(LEDGER.path(home), "-wal")
        assert fails_until_there_is_room(scene, count, act, DiskFailing, no_byte_beyond(log)) >= 2


@EVERY_ACT
def test_what_may_not_be_written_is_not_written_and_says_so(
    home: Path, count: int, act: Callable[[Scene], object]
) -> None:
    with busy_station(home) as scene:
        raw = scene.ledger._file._raw  # noqa: SLF001, a file cannot be made read-only under whoever has it open

        def switch(on: str) -> Callable[[], object]:
            return lambda: raw.execute(f"PRAGMA query_only = {on}").close()

        def room(attempt: int) -> Tight:
            return Tight(switch("ON" if attempt < 2 else "OFF"), switch("OFF"))

        assert fails_until_there_is_room(scene, count, act, ReadOnlyDisk, room) == 2


@EVERY_ACT
def test_a_ledger_with_no_page_left_says_that_the_disk_is_full(
    home: Path, count: int, act: Callable[[Scene], object]
) -> None:
    with busy_station(home) as scene:
        raw = scene.ledger._file._raw  # noqa: SLF001, only this connection can be limited
        (pages,) = raw.execute("PRAGMA page_count").fetchone()
        raw.execute(f"PRAGMA max_page_count = {pages}").close()
        # Acts go on while they fit into pages that are there; more and more of them do not, and say so whole.
        for number in range(400):
            before = scene.tables()
            try:
                scene.ledger.use_on_site(f"TN-{number:06d}")
            except DiskFull:
                assert scene.tables() == before
                break
        else:
            raise AssertionError("the ledger never filled up")
        raw.execute("PRAGMA max_page_count = 100000").close()
        entry = last_entry(scene.ledger)
        act(scene)
        assert last_entry(scene.ledger) == entry + count
        assert in_order(scene.ledger)


# --- a commit that fails ----------------------------------------------------------------------------------------------


def failing_commit(patch: pytest.MonkeyPatch, *, after: bool) -> None:
    """Let the next commit end in an error, before anything was done or after all of it was."""
    commit = sa.Connection.commit

    def fail(connection: sa.Connection) -> None:
        patch.setattr(sa.Connection, "commit", commit)
        if after:
            commit(connection)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"
        raise error

    patch.setattr(sa.Connection, "commit", fail)


@EVERY_ACT
def test_a_commit_that_fails_leaves_nothing_and_the_next_one_stands(
    home: Path, monkeypatch: pytest.MonkeyPatch, count: int, act: Callable[[Scene], object]
) -> None:
    with busy_station(home) as scene:
        before, entry = scene.tables(), last_entry(scene.ledger)
        failing_commit(monkeypatch, after=False)
        with pytest.raises(DiskFailing, match="SQLITE_IOERR_FSYNC"):
            act(scene)
        assert scene.tables() == before
        act(scene)
        assert last_entry(scene.ledger) == entry + count
        assert in_order(scene.ledger)


@EVERY_ACT
def test_a_commit_of_which_nobody_knows_is_in_the_chain_when_it_came_through(
    home: Path, monkeypatch: pytest.MonkeyPatch, count: int, act: Callable[[Scene], object]
) -> None:
    with busy_station(home) as scene:
        entry = last_entry(scene.ledger)
        failing_commit(monkeypatch, after=True)
        with pytest.raises(DiskFailing, match="may not have been recorded"):
            act(scene)
        assert last_entry(scene.ledger) == entry + count
        assert scene.ledger.use_on_site(KIEU_2) == Recorded(entry + count + 1)
        assert in_order(scene.ledger)


# --- an act that is broken off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("no clock"), KeyboardInterrupt()], ids=["an error", "an interrupt"])
def test_an_act_that_is_broken_off_leaves_nothing(home: Path, error: BaseException) -> None:
    clock = Clock()
    broken = [False]

    def reading() -> Reading:
        if broken[0]:
            raise error
        return clock()

    new_station(home)
    with Ledger.open_for_writing(home, station="TN-01", epoch=1, branch="TN", clock=reading, actor="quay-1") as ledger:
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)
        broken[0] = True
        with pytest.raises(type(error)):
            ledger.checkin(KIEU_1)
        broken[0] = False
        assert last_entry(ledger) == 1
        assert ledger.checkin(KIEU_1).loan is not None
        assert in_order(ledger)


def test_a_stranger_in_the_file_is_waited_for_and_then_named(home: Path) -> None:
    new_station(home)
    with open_desk(home, Clock(), wait=0.05) as ledger:
        with closing(sqlite3.connect(LEDGER.path(home), isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseInUse, match="in use by another program"):
                ledger.checkout(AN, KIEU_1)
            stranger.execute("ROLLBACK")
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)
        assert in_order(ledger)


def test_a_clock_that_was_wrong_when_the_disk_was_full_is_right_afterwards(home: Path) -> None:
    with busy_station(home) as scene:
        log = no_byte_beyond(beside(LEDGER.path(home), "-wal"))
        scene.clock.set_to(datetime(2030, 1, 1, tzinfo=UTC))
        with pytest.raises(DiskFailing), log(0):
            scene.ledger.use_on_site(KIEU_2)
        scene.clock.set_to(MORNING + timedelta(days=PERIOD + 2))
        assert scene.ledger.now().trusted
        scene.ledger.use_on_site(KIEU_2)
        assert all(entry.clock_trusted for entry in scene.ledger.entries())
