"""``tramsach demo``: the tour is true, nothing is left behind, and then the desk is yours; or the kiosk as pictures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kiosk.demo.library import items, readers, titles
from kiosk.demo.tour import ADULT, CHILD, LATE, SMALL_DEPOSIT
from kiosk.station import desk
from tests.kiosk.typed import PROGRAM, Ended, Typed, started, surroundings

SAID = {
    "vi": ("Đã ghi mượn (2)", "Tài liệu chỉ đọc tại chỗ.", "Trả muộn", "sổ mượn khớp với các sự kiện", "Tự thử: "),
    "en": (
        "Checked out (2)",
        "For reading here only.",
        "days late",
        "events in an unbroken chain",
        "Try it yourself: ",
    ),
}


def elsewhere(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder for what is temporary, and the variable that makes a program use it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder, {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_tour_plays_to_its_end_and_leaves_nothing_but_the_summary(tmp_path: Path, home: Path, lang: str) -> None:
    temporary, variables = elsewhere(tmp_path)
    ended = started(
        "demo", "--desk", "--headless", "--out", str(tmp_path / "out" / "deep"), "--lang", lang, **variables
    )
    assert (ended.code, ended.err) == (0, "")
    for words in SAID[lang]:
        assert words in ended.out
    assert not any(temporary.iterdir())
    assert not any(home.iterdir())
    (file,) = (tmp_path / "out" / "deep").iterdir()
    assert file.name == "summary.json"
    summary = json.loads(file.read_text("utf-8"))
    seconds = {summary.pop("seconds_to_make"), summary.pop("seconds_of_tour")}
    assert all(number > 0 for number in seconds)
    assert summary.pop("fees_paid") > 0
    assert summary.pop("events") > 30
    assert summary == {
        "lent": 6,
        "refused": ["reading_only", "deposit_too_low", "reading_card", "card_expired", "too_many_overdue"],
        "returned": 3,
        "renewed": 1,
        "chain_holds": True,
    }


@pytest.mark.skipif(find_spec("kivy") is None, reason="the touchscreen is not installed")
def test_the_kiosk_without_a_screen_leaves_pictures_and_a_summary(tmp_path: Path, home: Path) -> None:
    temporary, variables = elsewhere(tmp_path)
    out = tmp_path / "out"
    ended = started("demo", "--headless", "--out", str(out), **variables)
    assert (ended.code, ended.err) == (0, "")
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert sorted(file.name for file in out.iterdir()) == expected_files(summary)
    assert set(summary["borrowed"]) == set(summary["returned"]) >= set(summary["renewed"]) > set()
    assert summary["refused"] == {"TN.02501": ["reading_only"]}
    for item in summary["borrowed"]:
        assert item in ended.out
    assert "Tài liệu chỉ đọc tại chỗ." in ended.out
    assert not any(temporary.iterdir())
    assert not any(home.iterdir())
    if find_spec("fastapi") is not None:
        offline, there = summary["unsent"]["offline"], summary["received"]
        assert summary["offline"]
        assert summary["unsent"] == {"before": 0, "offline": offline, "in step": 0}
        assert there == {"events": there["events"], "applied": there["events"], "exceptions": 0, "same": True}
        assert there["events"] > offline >= 3  # a visit begins, a book is lent, the visit ends
        assert summary["seconds"]["back in step"] > 0


def expected_files(summary: dict[str, Any]) -> list[str]:
    """What is left of a visit with these screens; of those without a network and after it, the bench too."""
    places = [f"{number:02}-{name}" for number, name in enumerate(summary["screens"], start=1)]
    benches = [f"{place}-bench" for place in places if place[3:] in ("offline", "in-step")]
    return sorted([*(f"{name}.png" for name in (*places, *benches)), "receipt-1.png", "summary.json"])


ALONE = """
import sys
sys.modules["fastapi"] = None
from kiosk.cli import main
main()
"""


@pytest.mark.skipif(find_spec("kivy") is None, reason="the touchscreen is not installed")
def test_without_what_serves_headquarters_the_kiosk_is_shown_alone_and_says_so(tmp_path: Path) -> None:
    temporary, variables = elsewhere(tmp_path)
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, "--lang", "en", "demo", "--headless", "--out", str(out), "--profile", "small"],
        capture_output=True,
        text=True,
        env=surroundings(variables),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Headquarters is not installed" in ended.stdout
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert sorted(file.name for file in out.iterdir()) == expected_files(summary)
    assert "card-problem" in summary["screens"]
    assert (summary["offline"], summary["unsent"], summary["received"]) == ([], {}, {})
    assert not any(temporary.iterdir())


@pytest.mark.skipif(sys.platform == "win32" or find_spec("kivy") is None, reason="needs a group to be interrupted")
def test_an_interrupt_in_the_terminal_ends_kiosk_worker_and_headquarters_with_one_sentence(tmp_path: Path) -> None:
    temporary, variables = elsewhere(tmp_path)
    process = subprocess.Popen(
        [*PROGRAM, "--lang", "en", "demo", "--headless", "--out", str(tmp_path / "out"), "--profile", "small"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(variables),
        process_group=0,  # a terminal interrupts all that it has started
        # A shell starts what is to run in its background deaf to interrupts, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - nothing but a system call
    )
    assert process.stdout is not None
    while not list(tmp_path.glob("out/03-*.png")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=120)  # and nobody else holds the pipes any more
    assert (process.returncode, err.splitlines()) == (1, ["Stopped; nothing more was done."])
    assert not any(temporary.iterdir())


def test_without_somebody_at_a_terminal_nothing_is_waited_for(tmp_path: Path) -> None:
    temporary, variables = elsewhere(tmp_path)
    ended = started("demo", "--desk", "--lang", "en", said="search kieu\n", **variables)
    assert (ended.code, ended.err) == (0, "")
    assert "Try it yourself" in ended.out
    assert "tramsach>" not in ended.out
    assert not any(temporary.iterdir())


def test_what_the_tour_did_is_what_the_ledger_that_is_kept_says(typed: Typed, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "library"
    assert typed("demo", "--desk", "--keep", str(kept), "--headless", "--out", str(tmp_path)).code == 0
    summary = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    with desk(kept, command="tests") as (ledger, station):
        assert (station.profile, station.branch) == ("demo", "TN")
        verified = ledger.verify()
        assert (verified.events, verified.problems) == (summary["events"], ())
        on_loan = {card: [line.loan.item_id for line in ledger.account(card).loans] for card in (ADULT, CHILD, LATE)}
        assert [len(loans) for loans in on_loan.values()] == [2, 1, 1]
        assert summary["lent"] - summary["returned"] + 1 == sum(map(len, on_loan.values()))  # one came from elsewhere
        assert ledger.account(LATE).owed == 0
        assert ledger.account(SMALL_DEPOSIT).loans == ()


def test_a_library_that_is_kept_can_be_used_and_is_not_written_over(typed: Typed, tmp_path: Path) -> None:
    kept = tmp_path / "library"
    assert typed("demo", "--desk", "--keep", str(kept), "--headless").code == 0
    assert len(typed("--home", str(kept), "search", "truyen kieu", "--json").document) > 1
    before = (kept / "ledger.sqlite").read_bytes()
    ended = typed("demo", "--desk", "--keep", str(kept), "--headless")
    assert (ended.code, ended.out) == (1, "")
    (sentence,) = ended.sentences
    assert sentence.startswith(f"{kept} is already there.")
    assert (kept / "ledger.sqlite").read_bytes() == before


def test_the_library_is_as_large_as_its_help_says(typed: Typed, library: Path) -> None:
    help_ = typed("demo", "--help").out
    assert f"{round(len([*titles()]), -2)} titles" in help_
    with desk(library, command="tests") as (ledger, _station):
        today = ledger.now().at.date()
        assert f"{len([*readers(today)])} invented readers" in help_
        assert all(ledger.find_item(item.item_id) for item in items())


def test_a_hint_names_the_program_as_it_can_be_called_from_here(tmp_path: Path) -> None:
    ended = started("demo", "--desk", "--headless", "--lang", "en", PATH=str(tmp_path))
    hint = next(line for line in " ".join(ended.out.split()).split("Try it yourself: ")[1:])
    name = hint.split(" demo ")[0]
    if len(PROGRAM) == 1:  # installed with a script of its own
        assert (Path.cwd() / name).samefile(PROGRAM[0])


def _at_a_terminal(words: list[str], typed: str) -> Ended:
    """Runs a command line on a terminal, where all of ``typed`` is typed ahead."""
    import pty  # noqa: PLC0415  # not on every system

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings({}), start_new_session=True
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    shown = b""
    while True:
        try:
            got = os.read(ours, 65536)
        except OSError:  # the terminal has no other end any more
            break
        if not got:
            break
        shown += got
    os.close(ours)
    return Ended(process.wait(timeout=60), shown.decode(), "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_somebody_at_a_terminal_gets_the_desk() -> None:
    lines = ["search số đỏ", "tramsach checkout TN000104 TN.00021 TN.02501", "search 'kieu", "nonsense", "help", ""]
    ended = _at_a_terminal(["demo", "--desk", "--lang", "vi"], "\n".join(lines) + "\n")
    tour, _, mine = ended.out.partition("Mời bạn đứng quầy.")
    assert tour
    assert mine.count("tramsach> ") == len(lines)
    assert "Vũ Trọng Phụng" in mine
    assert "Đã ghi mượn (1)" in mine
    assert "✗ TN.02501 (Từ điển tiếng Việt): Tài liệu chỉ đọc tại chỗ." in mine
    assert "Còn dấu nháy chưa đóng." in mine
    assert "Không có lệnh 'nonsense'." in mine
    assert "Cách dùng: tramsach" in mine
    assert "Traceback" not in ended.out
    assert ended.code == 0  # what was refused was refused to a line, not to the demonstration


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_the_end_of_input_ends_the_desk() -> None:
    ended = _at_a_terminal(["demo", "--desk", "--lang", "en"], "search kieu\n\x04")
    assert ended.code == 0
    assert "The desk is yours." in ended.out
    assert ended.out.count("tramsach> ") == 2
