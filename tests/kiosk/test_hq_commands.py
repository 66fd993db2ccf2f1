"""``tramsach hq`` and ``tramsach sync`` as two people type them, one at headquarters and one at a station."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sync.store.files import open_ledger
from tests.kiosk.typed import PROGRAM, Ended, Typed, surroundings

RULES = """
[[branches]]
code = "TN"
name = "Thư viện tỉnh"

[[branches]]
code = "DT"
name = "Thư viện xã"
parent = "TN"

[[hours]]
branch = "TN"

[[hours.seasons]]
name = "Cả năm"
starts = "01-01"
week = [
    { days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], intervals = [{ opens = "00:00", closes = "23:59" }] },
]
"""
READERS = "Số thẻ,Họ và tên,Thư viện\nBD1,Trần Thị Lan,TN\nBD2,Lê Văn Ba,DT\n"


@pytest.fixture
def hq(typed: Typed, tmp_path: Path) -> Typed:
    """Types at a headquarters that has rules and two readers."""
    home = tmp_path / "headquarters"
    home.mkdir()
    (home / "rules.toml").write_text(RULES, "utf-8")
    (home / "readers.csv").write_text(READERS, "utf-8")

    class At(Typed):
        def __call__(self, *words: str, lang: str = "en") -> Ended:
            return Typed.__call__(self, "--home", str(home), "hq", *words, lang=lang)

    at = At(typed.capsys)
    for words in (("init", "TVT"), ("rules", "import"), ("patrons", "import", str(home / "readers.csv"))):
        ended = at(*words)
        assert (ended.code, ended.err) == (0, ""), ended
    return at


def document(ended: Ended) -> Any:
    assert (ended.code, ended.err) == (0, "")
    return ended.document


def code_for(hq: Typed, station: str = "TN-K01", *more: str) -> str:
    made = document(hq("station", "add", station, "--branch", "TN", *more, "--json"))
    return str(made["code"])


# --- headquarters -----------------------------------------------------------------------------------------------------


def test_a_headquarters_is_founded_once(hq: Typed) -> None:
    again = hq("init", "TVT")
    assert again.code == 1
    assert "There is the headquarters TVT here already" in again.err


def test_without_a_headquarters_every_command_says_how_to_begin(typed: Typed) -> None:
    for words in (("status",), ("station", "list"), ("serve",), ("backup",), ("exceptions", "list")):
        ended = typed("hq", *words)
        assert (ended.code, len(ended.sentences)) == (1, 1)
        assert "tramsach hq init" in ended.err


def test_a_code_is_shown_once_with_what_to_do_with_it(hq: Typed) -> None:
    made = hq("station", "add", "TN-K01", "--branch", "TN", "--below")
    assert made.code == 0
    assert "It is told of the readers and items of: DT, TN." in made.out
    assert "tramsach sync enrol" in made.out
    unknown = hq("station", "add", "TN-K01", "--branch", "XX")
    assert (unknown.code, unknown.err) == (1, "There is no branch 'XX'. Known: TN, DT.\n")
    assert hq("station", "add", "Ký 1", "--branch", "TN").code == 1
    assert document(hq("station", "list", "--json")) == []


def test_the_words_of_headquarters_are_in_both_languages(hq: Typed) -> None:
    assert "Trụ sở TVT" in hq("status", lang="vi").out
    assert "Headquarters TVT" in hq("status").out


def test_announcements_come_and_go(hq: Typed) -> None:
    (said,) = document(hq("announce", "Thư viện nghỉ lễ ngày 2/9.", "--until", "2027-09-02", "--json"))
    assert (said["text"], said["until"]) == ("Thư viện nghỉ lễ ngày 2/9.", "2027-09-02")
    assert document(hq("announce", "--remove", said["number"], "--json")) == []
    assert hq("announce", "--remove", said["number"]).code == 1


def test_a_backup_is_made_checked_and_put_back(hq: Typed, tmp_path: Path) -> None:
    made = document(hq("backup", "--json"))
    assert Path(made["file"]).is_file()
    assert document(hq("verify", "--json")) == {"broken": [], "differing": []}
    assert hq("restore", made["file"]).code == 1
    (tmp_path / "headquarters" / "hq" / "central.sqlite").unlink()
    assert document(hq("restore", made["file"], "--json")) == {"rows": made["rows"]}
    assert document(hq("status", "--json"))["hq"] == "TVT"


def test_nobody_is_revoked_without_a_yes(hq: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.headquarters.agree", lambda _question: False)
    assert hq("station", "revoke", "TN-K01").err == "Stopped; nothing more was done.\n"
    assert hq("station", "revoke", "TN-K01", "--yes").err == "There is no station TN-K01.\n"


def test_several_processes_need_a_server(hq: Typed) -> None:
    ended = hq("serve", "--workers", "2")
    assert ended.code == 1
    assert "PostgreSQL" in ended.err


# --- a station without a network --------------------------------------------------------------------------------------


def test_a_station_is_enrolled_and_works_by_sticks_alone(hq: Typed, typed: Typed, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    request, response = stick / "request", stick / "answer"
    code = code_for(hq)
    assert typed("sync", "enrol", code, "--request", str(request)).code == 0
    assert hq("station", "enrol", str(request), "--response", str(response)).code == 0
    assert typed("sync", "enrol", "--response", str(response)).code == 0
    early = typed("checkin", "X1")
    assert "sync now" in early.err
    exported = document(hq("bundle", "export", str(stick), "--station", "TN-K01", "--json"))
    assert [one["station"] for one in exported] == ["TN-K01"]
    assert document(typed("sync", "import", str(stick), "--json"))[0]["snapshot"]
    assert typed("checkin", "X1").code == 0
    status = document(typed("sync", "status", "--json"))
    assert (status["unsent"], status["logged"], status["url"]) == (3, 0, "")
    said = typed("sync", "status")
    assert "3 events are not yet at headquarters, the oldest of today." in said.out
    assert "tramsach sync export" in said.out
    assert document(typed("sync", "export", str(stick), "--json"))["events"] == 3
    taken = document(hq("bundle", "import", str(stick), "--json"))
    assert [(one["station"], one["events"]) for one in taken] == [("TN-K01", 3)]
    assert hq("backup").code == 0
    assert len(document(hq("bundle", "export", str(stick), "--json"))) == 1
    assert typed("sync", "import", str(stick)).code == 0
    status = document(typed("sync", "status", "--json"))
    assert (status["unsent"], status["logged"], status["safe"]) == (0, 3, 3)
    assert "no network to headquarters" in typed("sync", "now").err
    kinds = [one["kind"] for one in document(hq("exceptions", "list", "--json"))]
    assert sorted(kinds) == ["orphan_return", "unknown_item"]
    first = document(hq("exceptions", "list", "--json"))[0]
    assert hq("exceptions", "resolve", first["exception"], first["ways"][0]["how"]).code == 0
    assert len(document(hq("exceptions", "list", "--json"))) == 1
    assert hq("exceptions", "resolve", first["exception"], "noted").code == 1
    assert hq("exceptions", "resolve", first["exception"], "nonsense").code == 1
    assert document(hq("verify", "--json")) == {"broken": [], "differing": []}


def test_what_is_no_bundle_no_folder_and_no_answer_is_a_sentence(hq: Typed, typed: Typed, tmp_path: Path) -> None:
    assert "no folder" in hq("bundle", "import", str(tmp_path / "nowhere")).err
    assert "no bundle of a station" in hq("bundle", "import", str(tmp_path)).err
    assert "No station uses sticks" in hq("bundle", "export", str(tmp_path)).out
    (tmp_path / "junk").write_bytes(b"junk")
    junk = str(tmp_path / "junk")
    assert hq("station", "enrol", junk, "--response", str(tmp_path / "answer")).code == 1
    assert typed("sync", "enrol", "--response", junk).code == 1
    assert "has not asked" in typed("sync", "enrol", "--response", junk).err
    for words in (("now",), ("status",), ("export", str(tmp_path)), ("import", str(tmp_path))):
        ended = typed("sync", *words)
        assert ended.code == 1
        assert "belongs to no headquarters" in ended.err
    assert "20 letters and digits" in typed("sync", "enrol", "https://127.0.0.1:9", "nonsense").err
    assert typed("sync", "enrol", "https://127.0.0.1:9").code == 2


# --- a station with a network -----------------------------------------------------------------------------------------


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Headquarters as a process of its own; answers where it listens."""
    process = subprocess.Popen(
        [*PROGRAM, "--home", str(home), "hq", "serve", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=surroundings({}),
    )
    try:
        assert process.stdout is not None
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_station_is_enrolled_over_the_network_and_says_the_truth_when_it_is_gone(
    hq: Typed, typed: Typed, tmp_path: Path, home: Path
) -> None:
    with serving(tmp_path / "headquarters") as url:
        code = code_for(hq)  # while it serves: the database is lent
        wrong = typed("sync", "enrol", url, "0" * 20)
        assert "enrolment code is wrong" in wrong.err
        enrolled = typed("sync", "enrol", url, code)
        assert (enrolled.code, enrolled.err) == (0, "")
        assert typed("account", "BD1").code == 0
        assert typed("account", "BD2").code == 1  # another branch's
        typed("checkin", "X1")
        assert document(typed("sync", "now", "--json"))["unsent"] == 0
        (station,) = document(hq("station", "list", "--json"))
        assert (station["logged"] > 0, station["elsewhere"], station["road"]) == (True, False, "https")
    typed("checkin", "X2")
    gone = typed("sync", "now")
    assert gone.code == 1
    assert "cannot be reached" in gone.err
    said = typed("sync", "status")
    assert said.code == 1
    assert "not yet at headquarters" in said.out
    assert "cannot be reached" in said.err
    assert document_of_trouble(typed)["unsent"] >= 1
    assert (home / "headquarters.toml").stat().st_mode & 0o077 == 0


def document_of_trouble(typed: Typed) -> Any:
    """The status in JSON, when something is wrong at the same time."""
    ended = typed("sync", "status", "--json")
    assert ended.code == 1
    assert ended.document["trouble"]
    return ended.document


def test_a_station_that_runs_is_asked_to_call_and_is_not_enrolled_anew(
    hq: Typed, typed: Typed, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.syncing._CALLED_WITHIN_S", 0.3)
    stick = tmp_path / "answer"
    code = code_for(hq)
    typed("sync", "enrol", code, "--request", str(tmp_path / "request"))
    hq("station", "enrol", str(tmp_path / "request"), "--response", str(stick))
    typed("sync", "enrol", "--response", str(stick))
    toml = (home / "headquarters.toml").read_text("utf-8").replace('url = ""', 'url = "https://127.0.0.1:9"')
    if "url =" not in toml:
        toml = 'url = "https://127.0.0.1:9"\n' + toml
    (home / "headquarters.toml").write_text(toml, "utf-8")
    with open_ledger(home, command="tramsach kiosk"):
        asked = typed("sync", "now")
        assert (home / "exchange.now").exists()
        assert "has not called yet" in asked.err
        again = typed("sync", "enrol", code_for(hq), "--request", str(tmp_path / "request"))
        assert "tramsach kiosk" in again.err
