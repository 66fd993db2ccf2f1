"""The doctor: what is wrong with a station is found, said with what to do, and found no more once it is mended."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from kiosk.station import desk
from sync.circulation.clock import Reading
from sync.store import files
from sync.store.clock import read_clock
from sync.store.files import LEDGER, REFERENCE, open_ledger
from tests.kiosk.typed import Ended, Typed

READER, ITEM = "TN000104", "TN.00131"
CHECKS = [
    "settings", "holidays", "ledger.version", "ledger.content", "reference.version", "reference.content", "disk",
    "sqlite", "events", "clock",
]  # fmt: skip


class Found(NamedTuple):
    """What the doctor said of one check."""

    level: str
    message: str


def found(ended: Ended) -> dict[str, Found]:
    """By check; of a check that complains several times the last."""
    return {line["check"]: Found(line["level"], line["message"]) for line in ended.document}


def examine(typed: Typed, lang: str = "en") -> dict[str, Found]:
    ended = typed("doctor", "--json", lang=lang)
    checks = found(ended)
    failures = [line["message"] for line in ended.document if line["level"] == "failure"]
    assert ended.code == (1 if failures else 0)
    assert ended.sentences == failures
    return checks


def change(file: Path, *statements: str) -> None:
    """What a hand with another program does to a file of the station."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def lent(library: Path) -> Path:
    """A library with something on loan."""
    with desk(library, command="tests") as (ledger, _station):
        ledger.checkout(READER, ITEM)
        ledger.checkout(READER, "TN.00132")
    return library


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_station_that_is_well_is_said_to_be_well(typed: Typed, lang: str) -> None:
    ended = typed("doctor", lang=lang)
    assert (ended.code, ended.err) == (0, "")
    assert ("Không có gì sai" if lang == "vi" else "Nothing is wrong") in ended.out
    checks = examine(typed, lang)
    assert list(checks) == CHECKS
    # Whether this machine's SQLite has the fault and its disk has room is not the station's doing.
    assert {name: checks[name].level for name in CHECKS if name not in ("sqlite", "disk")} == {
        name: "ok" for name in CHECKS if name not in ("sqlite", "disk")
    }


def test_a_new_folder_has_nothing_wrong_with_it_and_is_not_touched(typed: Typed, home: Path) -> None:
    checks = examine(typed)
    assert (checks["settings"].level, checks["holidays"].level) == ("ok", "notice")
    assert (checks["ledger.file"].level, checks["reference.file"].level) == ("notice", "notice")
    assert "events" not in checks
    assert not any(home.iterdir())


def test_mistakes_in_the_settings_are_named_until_they_are_mended(typed: Typed, lent: Path) -> None:
    good = (lent / "station.toml").read_text("utf-8")
    (lent / "station.toml").write_text(good + 'langauge = "vi"\nepoch = 0\n', "utf-8")
    ended = typed("doctor")
    assert ended.code == 1
    assert ended.sentences == [
        "station.toml: langauge: There is no such setting. Did you mean 'language'?",
        "station.toml: epoch: This must be at least 1; it is 0.",
    ]
    # The files are looked at all the same.
    assert examine(typed)["ledger.content"].level == "ok"
    (lent / "station.toml").write_text(good, "utf-8")
    assert examine(typed)["settings"].level == "ok"


def test_a_calendar_without_holidays_is_worth_a_word_until_they_are_written(
    typed: Typed, lent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lent / "holidays.toml").unlink()
    year = datetime.now(UTC).year
    missing = examine(typed)["holidays"]
    assert missing.level == "notice"
    assert missing.message.startswith("No public holidays are known")
    command = missing.message.partition("Run: tramsach ")[2]
    assert command == f"config holidays {year} {year + 1}"
    assert examine(typed, "vi")["holidays"].message.startswith("Chưa có lịch nghỉ lễ")
    typed("config", "holidays", str(year - 1))
    assert "only until" in examine(typed)["holidays"].message
    # What it says to type is what heals, from elsewhere too.
    monkeypatch.setenv("TRAMSACH_HOME", str(lent.parent / "another"))
    elsewhere = found(typed("--home", str(lent), "doctor", "--json"))["holidays"].message
    words = elsewhere.partition("Run: tramsach ")[2].split()
    assert words[:2] == ["--home", str(lent)]
    assert typed(*words).code == 0
    monkeypatch.setenv("TRAMSACH_HOME", str(lent))
    assert examine(typed)["holidays"].level == "ok"


@pytest.mark.parametrize("kind", [LEDGER, REFERENCE])
def test_a_damaged_file_is_found_until_its_backup_is_back(typed: Typed, lent: Path, kind: files.Kind) -> None:
    file = kind.path(lent)
    backup = shutil.copy(file, lent.parent / "backup.sqlite")
    content = bytearray(file.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    file.write_bytes(content)
    checks = examine(typed)
    assert "failure" in {check.level for name, check in checks.items() if name.startswith(kind.name)}
    assert any("backup" in check.message for check in checks.values() if check.level == "failure")
    shutil.copy(backup, file)
    assert list(examine(typed)) == CHECKS


def test_an_event_that_was_tampered_with_breaks_the_chain_at_its_number(typed: Typed, lent: Path) -> None:
    with closing(sqlite3.connect(LEDGER.path(lent))) as connection:
        (record,) = connection.execute("SELECT record FROM event WHERE seq = 1").fetchone()
    forged = record.replace(ITEM, "TN.00139")
    assert forged != record
    change(LEDGER.path(lent), "DROP TRIGGER event_not_updated", f"UPDATE event SET record = '{forged}' WHERE seq = 1")
    assert examine(typed)["events"] == Found("failure", "The chain of events is broken at number 1.")
    assert examine(typed, "vi")["events"].message == "Chuỗi sự kiện bị đứt ở số 1."
    change(LEDGER.path(lent), f"UPDATE event SET record = '{record}' WHERE seq = 1")
    assert examine(typed)["events"].level == "ok"


def test_an_event_that_was_taken_out_breaks_the_chain(typed: Typed, lent: Path) -> None:
    change(LEDGER.path(lent), "DROP TRIGGER event_not_deleted", "DELETE FROM event WHERE seq = 1")
    assert examine(typed)["events"].level == "failure"


def test_a_loan_that_no_event_speaks_of_is_found(typed: Typed, lent: Path) -> None:
    one_more = f"UPDATE loan SET renewals = renewals {{}} 1 WHERE item_id = '{ITEM}'"
    change(LEDGER.path(lent), one_more.format("+"))
    assert examine(typed)["events"] == Found("failure", "The table 'loan' disagrees with the events.")
    change(LEDGER.path(lent), one_more.format("-"))
    assert examine(typed)["events"].level == "ok"


def test_a_clock_that_fell_behind_is_doubted_until_somebody_vouches_for_it(typed: Typed, library: Path) -> None:
    def next_year() -> Reading:
        now = read_clock()
        return replace(now, wall=now.wall + timedelta(days=365), uptime_ms=0, boot="")

    with desk(library, command="tests", clock=next_year) as (ledger, _station):
        ledger.checkout(READER, ITEM)
    doubted = examine(typed)["clock"]
    assert doubted.level == "failure"
    assert doubted.message.endswith("run: tramsach doctor --confirm-clock")
    assert "Đồng hồ của máy không đáng tin." in examine(typed, "vi")["clock"].message
    (notice,) = typed("checkin", ITEM, "--json").document  # lending and returns go on
    assert notice["notices"] == ["clock_doubted"]
    ended = typed("doctor", "--confirm-clock", "--json")
    assert (ended.code, found(ended)["clock"].level) == (0, "ok")
    assert examine(typed)["clock"].level == "ok"


def test_tags_that_wait_to_be_secured_are_counted_until_they_are(typed: Typed, lent: Path) -> None:
    with desk(lent, command="tests") as (ledger, _station):
        ledger.checkin(ITEM, tag_to_secure=True)
        ledger.checkin("TN.00132", tag_to_secure=True)
    assert examine(typed)["repairs"] == Found("notice", "2 tags wait to be secured again.")
    assert examine(typed, "vi")["repairs"].message == "2 chip chờ kích hoạt lại an ninh."
    with desk(lent, command="tests") as (ledger, _station):
        ledger.tag_secured(ITEM)
        ledger.tag_secured("TN.00132")
    assert "repairs" not in examine(typed)


@pytest.mark.parametrize(("used", "level"), [(50, "ok"), (80, "notice"), (97, "failure")])
@pytest.mark.usefixtures("lent")
def test_a_disk_that_fills_up_is_told_of_in_time(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, used: int, level: str
) -> None:
    usage = shutil.disk_usage(Path.cwd())._replace(total=100, used=used, free=100 - used)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage)
    assert examine(typed)["disk"].level == level


def test_the_doctor_looks_at_a_station_that_is_at_work(typed: Typed, lent: Path) -> None:
    with open_ledger(lent, command="tramsach kiosk"):
        assert list(examine(typed)) == CHECKS


def test_notices_are_no_failures_but_are_not_passed_over(typed: Typed, lent: Path) -> None:
    (lent / "holidays.toml").unlink()
    ended = typed("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert "Nothing is wrong; the lines with ! are worth knowing." in ended.out
