"""The versions of both files, and the upgrade of a file: whole before, whole after, whatever happens in between."""

from __future__ import annotations

import ast
import os
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from sync.store import tables
from sync.store.files import (
    LEDGER,
    LEDGER_HEAD,
    REFERENCE,
    REFERENCE_HEAD,
    DatabaseDamaged,
    DatabaseInUse,
    Kind,
    LedgerFile,
    NewerDatabase,
    OutdatedDatabase,
    Step,
    open_ledger,
    open_reference,
    read_only,
)
from sync.store.search import create_index

HOUSE = Path(__file__).parents[3]
KINDS = pytest.mark.parametrize("kind", [LEDGER, REFERENCE], ids=lambda kind: kind.name)

# --- a history of its own, so that upgrades can be tried before the product has any ----------------------------------

VERSIONS = {
    "0001": """
    op.create_table("shelf", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
    op.create_table(
        "copy",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shelf", sa.Integer, sa.ForeignKey("shelf.id", ondelete="CASCADE"), nullable=False),
    )
""",
    "0002": """
    op.add_column("shelf", sa.Column("floor", sa.Integer, nullable=False, server_default="1"))
""",
    # Rebuilds a table that another one refers to, which with foreign keys on would delete the rows of that one.
    "0003": """
    with op.batch_alter_table("shelf") as shelf:
        shelf.alter_column("name", existing_type=sa.Text, nullable=False, server_default="")
    if os.environ.get("KILLED_IN") == "version":
        os.kill(os.getpid(), signal.SIGKILL)
    with op.batch_alter_table("shelf") as shelf:
        shelf.add_column(sa.Column("room", sa.Text, nullable=False, server_default="A"))
""",
}
COLUMNS = {"0001": ["id", "name"], "0002": ["id", "name", "floor"], "0003": ["id", "name", "floor", "room"]}


def write_version(folder: Path, revision: str, body: str, after: str | None) -> None:
    (folder / f"v{revision}.py").write_text(
        "import os\nimport signal\nimport sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = {revision!r}\ndown_revision = {after!r}\n\n\ndef upgrade():{body}",
        "utf-8",
    )


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "các phiên bản 100% #1"
    folder.mkdir()
    after = None
    for revision, body in VERSIONS.items():
        write_version(folder, revision, body, after)
        after = revision
    return folder


def at(head: str, versions: Path) -> Kind:
    return Kind("ledger", LEDGER.application_id, head, versions, backed_up=True)


def fill(home: Path, kind: Kind, shelves: int = 50) -> None:
    with open_ledger(home, ledger=kind) as file, file.begin() as connection:
        ids = [{"id": number, "name": f"Kệ {number}"} for number in range(1, shelves + 1)]
        connection.execute(sa.text("INSERT INTO shelf (id, name) VALUES (:id, :name)"), ids)
        connection.execute(sa.text("INSERT INTO copy (id, shelf) VALUES (:id, :id)"), ids)


def content(file: LedgerFile) -> tuple[list[tuple[int, str]], int]:
    with file.read() as connection:
        shelves = connection.exec_driver_sql("SELECT id, name FROM shelf ORDER BY id").all()
        copies = connection.exec_driver_sql("SELECT count(*) FROM copy").scalar_one()
    return [(number, name) for number, name in shelves], copies


def whole(shelves: int = 50) -> tuple[list[tuple[int, str]], int]:
    return [(number, f"Kệ {number}") for number in range(1, shelves + 1)], shelves


def look(path: Path) -> tuple[str, list[str]]:
    """The version and the columns of a file as it lies there, after SQLite's own check of it."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return revision, [row[1] for row in connection.execute("PRAGMA table_info(shelf)")]


def names(home: Path) -> set[str]:
    return {path.name for path in home.iterdir()}


# --- the product's own versions ---------------------------------------------------------------------------------------


def script(kind: Kind) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(kind.versions.parent))
    config.set_main_option("version_locations", str(kind.versions))
    config.set_main_option("path_separator", "newline")
    return ScriptDirectory.from_config(config)


def test_the_heads_named_in_the_program_are_those_of_the_histories() -> None:
    assert script(LEDGER).get_heads() == [LEDGER_HEAD] == [LEDGER.head]
    assert script(REFERENCE).get_heads() == [REFERENCE_HEAD] == [REFERENCE.head]


@KINDS
def test_versions_are_numbered_in_four_digits_in_the_order_they_follow_each_other(kind: Kind) -> None:
    revisions = [step.revision for step in script(kind).walk_revisions()][::-1]
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
    assert [path.name[1:5] for path in sorted(kind.versions.glob("v*.py"))] == revisions


@KINDS
def test_versions_import_nothing_of_the_house(kind: Kind) -> None:
    for path in kind.versions.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.ImportFrom(module=str(module)):
                    assert module.split(".")[0] in {"__future__", "alembic"}
                case ast.Import(names=imported):
                    assert [alias.name for alias in imported] == ["sqlalchemy"]
                case _:
                    pass


def schema(connection: sa.Connection) -> dict[str, str]:
    """The tables and indices as SQLite wrote them down, without Alembic's own and without what FTS5 makes beneath."""
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL"
        " AND name <> 'alembic_version' AND name NOT GLOB 'title_search*'"
    )
    return {name: re.sub(r"\s+", " ", sql).replace('"', "") for name, sql in rows}


@pytest.mark.parametrize(("kind", "metadata"), [(LEDGER, tables.ledger), (REFERENCE, tables.reference)])
def test_migrated_files_have_the_tables_the_program_speaks_of(home: Path, kind: Kind, metadata: sa.MetaData) -> None:
    open_ledger(home).close()
    memory = sa.create_engine("sqlite://")
    metadata.create_all(memory)
    file = sa.create_engine(f"sqlite:///{kind.path(home)}", poolclass=sa.NullPool)
    with memory.connect() as expected, file.connect() as found:
        assert schema(found) == schema(expected)
        context = MigrationContext.configure(
            found,
            opts={
                "compare_type": True,  # defaults are compared above, as text: Alembic takes '' for another one
                "include_name": lambda name, *_: not str(name).startswith("title_search"),
            },
        )
        assert compare_metadata(context, metadata) == []
    memory.dispose()


def test_the_search_index_of_the_first_version_is_the_one_the_search_expects(home: Path) -> None:
    with open_reference(home) as file, file.begin() as connection:
        query = "SELECT sql FROM sqlite_schema WHERE name = 'title_search'"
        migrated = connection.exec_driver_sql(query).scalar_one()
        connection.exec_driver_sql("DROP TABLE title_search")
        create_index(connection)
        made = connection.exec_driver_sql(query).scalar_one()
    assert re.sub(r"[\s,]+", " ", migrated).replace("( ", "(") == re.sub(r"[\s,]+", " ", made).replace(
        "( ", "("
    ).replace(" )", ")")


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE event SET record = '{"type": "other"}' WHERE seq = 1""",
        "UPDATE event SET seq = 9 WHERE seq = 1",
        "DELETE FROM event",
        """INSERT OR REPLACE INTO event (seq, record, hash) VALUES (1, '{"type": "other"}', x'00')""",
        """REPLACE INTO event (seq, record, hash) VALUES (1, '{"type": "other"}', x'00')""",
        """INSERT INTO event (seq, record, hash) VALUES (1, '{"type": "other"}', x'00')
           ON CONFLICT (seq) DO UPDATE SET record = excluded.record""",
    ],
)
def test_a_recorded_event_can_be_neither_changed_nor_deleted_nor_replaced(home: Path, change: str) -> None:
    with open_ledger(home) as file:
        with file.begin() as connection:
            connection.exec_driver_sql(
                """INSERT INTO event (seq, record, hash) VALUES (1, '{"type": "checkout", "at": 7}', x'ff')"""
            )
        with pytest.raises(sa.exc.IntegrityError, match="an event is never"), file.begin() as connection:
            connection.exec_driver_sql(change)
        with file.read() as connection:
            assert connection.exec_driver_sql("SELECT seq, type, at, hash FROM event").all() == [
                (1, "checkout", 7, b"\xff")
            ]


def test_threads_build_files_side_by_side(tmp_path: Path) -> None:
    homes = [tmp_path / str(number) for number in range(8)]
    for home in homes:
        home.mkdir()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda home: open_reference(home).close(), homes))
    assert {look(REFERENCE.path(home)) == look(REFERENCE.path(homes[0])) for home in homes} == {True}


def test_a_start_with_files_that_are_up_to_date_does_not_load_alembic(home: Path) -> None:
    open_ledger(home).close()
    program = """
import sys
from pathlib import Path
from sync.store.files import open_ledger, read_only
home = Path(sys.argv[1])
open_ledger(home).close()
read_only(home).close()
sys.exit("alembic" in sys.modules or "mako" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program, home], cwd=HOUSE, check=True)


# --- upgrading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", ["0001", "0002"])
def test_an_upgrade_keeps_every_row_and_a_backup_of_the_old_file(home: Path, versions: Path, old: str) -> None:
    fill(home, at(old, versions))
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert content(file) == whole()
    (backup,) = home.glob("ledger-*.backup.sqlite")
    assert re.fullmatch(rf"ledger-{old}-\d{{4}}-\d\d-\d\d\.backup\.sqlite", backup.name)
    databases = {"ledger.sqlite", "reference.sqlite", backup.name}
    logs_of_readers = {"reference.sqlite-wal", "reference.sqlite-shm"}
    assert names(home) - logs_of_readers == databases | {"ledger.lock", "reference.lock"}
    assert look(home / "ledger.sqlite") == ("0003", COLUMNS["0003"])
    assert look(backup) == (old, COLUMNS[old])


def test_a_backup_put_back_is_the_old_file_again(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    open_ledger(home, ledger=at("0003", versions)).close()
    (backup,) = home.glob("ledger-*.backup.sqlite")
    backup.replace(home / "ledger.sqlite")
    with open_ledger(home, ledger=at("0001", versions)) as file:
        assert content(file) == whole()


def test_the_reference_is_upgraded_without_a_backup(home: Path, versions: Path) -> None:
    def kind(head: str) -> Kind:
        return replace(REFERENCE, head=head, versions=versions)

    with open_reference(home, reference=kind("0001")) as reference, reference.begin() as connection:
        connection.exec_driver_sql("INSERT INTO shelf (id, name) VALUES (1, 'Kệ')")
    with open_ledger(home, reference=kind("0003")) as ledger, ledger.read() as connection:
        row = connection.exec_driver_sql("SELECT name, floor, room FROM ref.shelf").one()
    assert row == ("Kệ", 1, "A")
    assert not list(home.glob("*.backup.sqlite"))


def test_acts_that_only_the_log_holds_are_in_the_upgraded_file(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    child = subprocess.run(
        [sys.executable, "-c", run_here("write_and_die"), home, versions], cwd=HOUSE, check=False, timeout=60
    )
    assert child.returncode == -signal.SIGKILL
    assert (home / "ledger.sqlite-wal").stat().st_size > 0
    with open_ledger(home, ledger=at("0003", versions)) as file:
        shelves, _ = content(file)
    assert shelves == [*whole()[0], (1000, "Kệ cuối")]


def run_here(name: str) -> str:
    return f"import sys; from {__name__} import {name}; {name}(*sys.argv[1:])"


def write_and_die(home: str, versions: str) -> None:
    file = open_ledger(Path(home), ledger=at("0001", Path(versions)))
    with file.begin() as connection:
        connection.exec_driver_sql("INSERT INTO shelf (id, name) VALUES (1000, 'Kệ cuối')")
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_steps_are_told_in_order(home: Path, versions: Path) -> None:
    told: list[Step] = []
    reference = replace(REFERENCE, name="other")  # a file of its own, so that the steps of the ledger stand alone
    open_reference(home, reference=reference).close()
    open_ledger(home, ledger=at("0001", versions), reference=reference, on_step=told.append).close()
    assert told == [Step.MIGRATE, Step.CHECK, Step.SWAP, Step.FLUSH]
    told.clear()
    open_ledger(home, ledger=at("0003", versions), reference=reference, on_step=told.append).close()
    assert told == list(Step)
    told.clear()
    open_ledger(home, ledger=at("0003", versions), reference=reference, on_step=told.append).close()
    assert told == []


@pytest.mark.parametrize("known", ["0001", "0002"])
def test_a_newer_file_is_refused_with_both_versions_and_left_as_it_is(home: Path, versions: Path, known: str) -> None:
    fill(home, at("0003", versions))
    before = (home / "ledger.sqlite").read_bytes()
    for attempt in (open_ledger, read_only):
        with pytest.raises(NewerDatabase) as refused:
            attempt(home, ledger=at(known, versions))
        for sentence in (refused.value.phrase.vi, refused.value.phrase.en):
            assert "0003" in sentence
            assert known in sentence
            assert "ledger.sqlite" in sentence
        assert "Update this program" in str(refused.value)
        assert "cập nhật chương trình" in refused.value.phrase.vi
    assert (home / "ledger.sqlite").read_bytes() == before


def test_a_newer_reference_is_refused_too(home: Path) -> None:
    open_ledger(home).close()
    with closing(sqlite3.connect(home / "reference.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for attempt in (open_ledger, open_reference, read_only):
        with pytest.raises(NewerDatabase, match=rf"reference\.sqlite .*9999.*{REFERENCE_HEAD}"):
            attempt(home)


def test_who_only_looks_does_not_upgrade(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    before = (home / "ledger.sqlite").read_bytes()
    with pytest.raises(OutdatedDatabase, match=r"version 0001.*version 0003"):
        read_only(home, ledger=at("0003", versions))
    assert (home / "ledger.sqlite").read_bytes() == before


def test_an_upgrade_waits_for_no_reader_for_ever_and_leaves_the_file_to_it(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    with read_only(home, ledger=at("0001", versions)) as reader, reader.read() as connection:
        with pytest.raises(DatabaseInUse):
            open_ledger(home, ledger=at("0003", versions), wait=0.1)
        assert connection.exec_driver_sql("SELECT count(*) FROM shelf").scalar_one() == 50
    assert look(home / "ledger.sqlite") == ("0001", COLUMNS["0001"])
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert content(file) == whole()


def test_an_upgrade_goes_on_when_the_reader_lets_go_in_time(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    with subprocess.Popen(
        [sys.executable, "-c", run_here("look_for_a_while"), home, versions], cwd=HOUSE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        with open_ledger(home, ledger=at("0003", versions), wait=60) as file:
            assert content(file) == whole()
    assert child.returncode == 0


def look_for_a_while(home: str, versions: str) -> None:
    with read_only(Path(home), ledger=at("0001", Path(versions))) as reader, reader.read():
        print("reading", flush=True)  # noqa: T201, the parent waits for it
        time.sleep(0.3)


def test_during_an_upgrade_others_may_read_the_old_file_but_not_write_it(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    seen: dict[Step, int] = {}

    def look_in(step: Step) -> None:
        if step in {Step.LEAVE_WAL, Step.FLUSH}:
            return
        with closing(sqlite3.connect(home / "ledger.sqlite", timeout=0, isolation_level=None)) as connection:
            (seen[step],) = connection.execute("SELECT count(*) FROM shelf").fetchone()
            if step is not Step.SWAP:
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    connection.execute("DELETE FROM shelf")

    reference = replace(REFERENCE, name="other")
    open_reference(home, reference=reference).close()
    open_ledger(home, ledger=at("0003", versions), reference=reference, on_step=look_in).close()
    assert seen == dict.fromkeys([Step.BACK_UP, Step.COPY, Step.MIGRATE, Step.CHECK, Step.SWAP], 50)


def test_who_writes_past_the_lock_at_the_last_moment_stops_the_swap(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    stranger = sqlite3.connect(home / "ledger.sqlite", isolation_level=None)

    def write(step: Step) -> None:
        if step is Step.SWAP:
            stranger.execute("PRAGMA journal_mode = WAL")
            stranger.execute("INSERT INTO shelf (id, name) VALUES (77, 'Kệ lạ')")

    with closing(stranger), pytest.raises(DatabaseInUse):
        open_ledger(home, ledger=at("0003", versions), on_step=write)
    assert look(home / "ledger.sqlite") == ("0001", COLUMNS["0001"])
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert (77, "Kệ lạ") in content(file)[0]


def test_a_file_that_cannot_be_replaced_because_it_is_open_stays(
    home: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(home, at("0001", versions))
    real = Path.replace

    def held(path: Path, target: Path) -> Path:
        if target.name == "ledger.sqlite":
            raise PermissionError(13, "The process cannot access the file because it is being used")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(DatabaseInUse):
        open_ledger(home, ledger=at("0003", versions))
    assert look(home / "ledger.sqlite") == ("0001", COLUMNS["0001"])
    assert not list(home.glob("*.new*"))


@pytest.mark.skipif(os.name != "posix", reason="Rights of files are a POSIX matter.")
def test_an_upgraded_file_and_its_backup_keep_the_rights_of_the_old_one(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions))
    (home / "ledger.sqlite").chmod(0o640)
    if os.geteuid() == 0:
        os.chown(home / "ledger.sqlite", 12345, 12346)
    open_ledger(home, ledger=at("0003", versions)).close()
    for path in (home / "ledger.sqlite", *home.glob("ledger-*.backup.sqlite")):
        state = path.stat()
        assert stat.S_IMODE(state.st_mode) == 0o640
        if os.geteuid() == 0:
            assert (state.st_uid, state.st_gid) == (12345, 12346)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("\n    raise RuntimeError('a mistake in a version')\n", RuntimeError),
        ("\n    op.execute('DELETE FROM shelf WHERE id = 3')\n", DatabaseDamaged),  # its copies refer to nothing
    ],
)
def test_a_version_that_fails_or_breaks_the_file_leaves_the_old_one(
    home: Path, versions: Path, body: str, error: type[Exception]
) -> None:
    fill(home, at("0001", versions))
    write_version(versions, "0002", body, "0001")
    with pytest.raises(error):
        open_ledger(home, ledger=at("0003", versions))
    assert look(home / "ledger.sqlite") == ("0001", COLUMNS["0001"])
    assert not list(home.glob("*.new*"))
    with open_ledger(home, ledger=at("0001", versions)) as file:
        assert content(file) == whole()


def test_a_damaged_file_is_not_upgraded(home: Path, versions: Path) -> None:
    fill(home, at("0001", versions), shelves=3000)
    path = home / "ledger.sqlite"
    damaged = bytearray(path.read_bytes())
    damaged[-8192:] = b"\xaa" * 8192
    path.write_bytes(damaged)
    with pytest.raises(DatabaseDamaged):
        open_ledger(home, ledger=at("0003", versions))
    assert not list(home.glob("*.new*"))
    assert look_at_version(path) == "0001"


def look_at_version(path: Path) -> str:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


# --- killed -----------------------------------------------------------------------------------------------------------


def open_and_die(home: str, versions: str, at_step: str) -> None:
    """Opens the ledger at the newest version and kills itself before a step (or in the middle of a version)."""

    def die(step: Step) -> None:
        if step == at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    if at_step == "version":
        os.environ["KILLED_IN"] = "version"
    open_ledger(Path(home), ledger=at("0003", Path(versions)), reference=replace(REFERENCE, name="other"), on_step=die)


def die_at(step: str, home: Path, versions: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", run_here("open_and_die"), home, versions, step], cwd=HOUSE, check=False, timeout=60
    )
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("step", [*Step, "version"])
def test_killed_at_any_step_of_an_upgrade_the_file_is_the_old_or_the_new_one(
    home: Path, versions: Path, step: str
) -> None:
    open_reference(home, reference=replace(REFERENCE, name="other")).close()
    fill(home, at("0001", versions))
    die_at(step, home, versions)
    revision, columns = look(home / "ledger.sqlite")
    assert revision == ("0003" if step == Step.FLUSH else "0001")
    assert columns == COLUMNS[revision]
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert content(file) == whole()
    assert look(home / "ledger.sqlite") == ("0003", COLUMNS["0003"])
    (backup,) = home.glob("ledger-*.backup.sqlite")
    assert look(backup) == ("0001", COLUMNS["0001"])
    assert not [name for name in names(home) if ".new" in name or ".sqlite.backup" in name]


@pytest.mark.parametrize("step", [Step.MIGRATE, Step.CHECK, Step.SWAP, Step.FLUSH, "version"])
def test_killed_at_any_step_of_building_there_is_no_file_or_a_whole_one(home: Path, versions: Path, step: str) -> None:
    open_reference(home, reference=replace(REFERENCE, name="other")).close()
    die_at(step, home, versions)
    path = home / "ledger.sqlite"
    assert path.exists() == (step == Step.FLUSH)
    if path.exists():
        assert look(path) == ("0003", COLUMNS["0003"])
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert content(file) == ([], 0)
    assert not [name for name in names(home) if ".new" in name]


def test_killed_at_odd_moments_an_upgrade_is_finished_by_whoever_comes_next(home: Path, versions: Path) -> None:
    open_reference(home, reference=replace(REFERENCE, name="other")).close()
    fill(home, at("0001", versions), shelves=5000)
    moments = random.Random(7)
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", run_here("open_and_tell"), home, versions], cwd=HOUSE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout
            child.stdout.readline()
            time.sleep(moments.uniform(0, 0.15))
            child.kill()
        revision, columns = look(home / "ledger.sqlite")
        assert columns == COLUMNS[revision]
        if revision == "0003":  # once more from the beginning
            for backup in home.glob("ledger-0001-*.backup.sqlite"):
                backup.replace(home / "ledger.sqlite")
    with open_ledger(home, ledger=at("0003", versions)) as file:
        assert content(file) == whole(5000)


def open_and_tell(home: str, versions: str) -> None:
    print("begun", flush=True)  # noqa: T201, the parent waits for it
    open_ledger(Path(home), ledger=at("0003", Path(versions)), reference=replace(REFERENCE, name="other"))
    time.sleep(60)
