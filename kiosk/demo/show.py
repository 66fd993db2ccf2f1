"""``tramsach demo``: a new library made from the demonstration data, a tour of its desk, then the desk is yours."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from kiosk.cli import run
from kiosk.demo.library import make_home
from kiosk.demo.tour import play
from kiosk.i18n import _, language
from kiosk.terminal import Answers
from sync.circulation.model import local_day
from sync.store.clock import read_clock


def demo(say: Answers, *, headless: bool, out: Path | None, keep: Path | None) -> None:
    """Make the library, play the tour, then hand the desk over where somebody sits at the terminal."""
    if keep is not None:
        if keep.exists():
            say.fail(
                _(
                    "{folder} is already there. Name a new folder, or use it: {tramsach} --home {folder} search kieu"
                ).format(folder=keep, tramsach=_own_name())
            )
            return
        _play(say, keep, headless, out)
    else:
        with tempfile.TemporaryDirectory(prefix="tramsach-demo-") as folder:
            _play(say, Path(folder) / "home", headless, out)


def _play(say: Answers, home: Path, headless: bool, out: Path | None) -> None:
    started = time.perf_counter()
    make_home(home, local_day(read_clock().wall))
    made = time.perf_counter()
    summary = play(home, say)
    ended = time.perf_counter()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        figures = asdict(summary) | {
            "seconds_to_make": round(made - started, 3),
            "seconds_of_tour": round(ended - made, 3),
        }
        (out / "summary.json").write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    say.out.print()
    if headless or not sys.stdin.isatty():
        say.show(
            _(
                "Try it yourself: {tramsach} demo --keep my-library, then {tramsach} --home my-library search kieu"
            ).format(tramsach=_own_name())
        )
        return
    say.show(
        _("The desk is yours. Type a command (search kieu · checkout TN000104 ITEM · help), or an empty line to end.")
    )
    while line := _line():
        try:
            words = ["--help"] if line in ("help", "?") else shlex.split(line)
        except ValueError:
            say.err.print(_("A quote is open. Close it, or put \\ before it: {line}").format(line=line))
            continue
        run(["--home", str(home), "--lang", language(), *[w for w in words if w != "tramsach"]])


def _line() -> str:
    try:
        return input("tramsach> ").strip()
    except (EOFError, KeyboardInterrupt):
        return ""


def _own_name() -> str:
    """How this program can be called from here, for whoever started it through ``make``."""
    found = shutil.which(sys.argv[0])
    if shutil.which("tramsach") or found is None:
        return "tramsach"
    return os.path.relpath(found)
