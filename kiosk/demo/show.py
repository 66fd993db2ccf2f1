"""``tramsach demo``: a new library made from the demonstration data, shown as a kiosk or as a desk."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from importlib.util import find_spec
from math import ceil
from pathlib import Path

from kiosk.cli import run
from kiosk.demo.library import make_folder, make_home
from kiosk.demo.tour import play
from kiosk.demo.uplink import Uplink
from kiosk.demo.visit import Played, Stuck
from kiosk.i18n import _, language
from kiosk.station import Settings, settings_of
from kiosk.terminal import Answers, table
from sync.circulation.blocks import WORDS, Code
from sync.circulation.model import local_day
from sync.store.clock import read_clock


def demo(say: Answers, *, desk: bool, headless: bool, out: Path | None, keep: Path | None, profile: str) -> None:
    """Make the library and show it: a kiosk in a window, or as pictures, or the desk in the terminal."""
    if keep is not None and keep.exists():
        say.fail(
            _("{folder} is already there. Name a new folder, or use it: {tramsach} --home {folder} search kieu").format(
                folder=keep, tramsach=_own_name()
            )
        )
        return
    if not desk and find_spec("kivy") is None:
        say.show(_("The touchscreen is not installed (pip install 'tramsach[kiosk,devices]'); here is the desk."))
        desk = True
    with ExitStack() as folders:
        home = keep or Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="tramsach-demo-"))) / "home"
        if desk:
            _play(say, home, headless, out)
            return
        pictures = (out or Path("tramsach-demo")) if headless or not _has_screen() else None
        if find_spec("fastapi") and find_spec("uvicorn"):
            _network(say, home, pictures, profile, kept=keep is not None)
        else:
            _alone(say, home, pictures, profile)


def _has_screen() -> bool:
    """Whether a window can be opened: always on Windows and macOS, with a display server elsewhere."""
    return os.name == "nt" or sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _alone(say: Answers, home: Path, pictures: Path | None, profile: str) -> None:
    """A kiosk of its own."""
    say.show(_("Headquarters is not installed (pip install 'tramsach[hq]'); here is a kiosk of its own."))
    make_home(home, local_day(read_clock().wall))
    played = _kiosk(say, settings_of(home), pictures, profile)
    if played is not None and pictures is not None:
        _report(say, played, pictures)


def _network(say: Answers, home: Path, pictures: Path | None, profile: str, *, kept: bool) -> None:
    """A kiosk that belongs to a headquarters on this machine."""
    from kiosk.demo.headquarters import ServedHeadquarters, received, set_up  # noqa: PLC0415  # only this way needs it

    began, today = time.perf_counter(), local_day(read_clock().wall)
    say.show(_("Headquarters is being set up on this machine, and the kiosk enrolled with it: a few seconds."))
    make_folder(home, today)
    code = set_up(home, today)
    with ServedHeadquarters(home) as headquarters:
        place = headquarters.enrol(say, home, code)
        if place is None:
            return
        took, port = time.perf_counter() - began, headquarters.cable.port
        with Uplink(home, place, headquarters.cable) as uplink:
            played = _kiosk(say, settings_of(home), pictures, profile, uplink)
    if played is not None and pictures is not None:
        played.seconds["headquarters and enrolment"] = round(took, 3)
        there = received(home)
        played.received = asdict(there)
        _report(say, played, pictures)
        if not there.same:
            say.fail(_("Headquarters' log is not what the kiosk's ledger says."))
    if kept:
        serve = f"{_own_name()} --home {shlex.quote(str(home))} hq serve --port {port}"
        say.show(_("Both are kept in {folder}. Headquarters again: {command}").format(folder=home, command=serve))


def _kiosk(
    say: Answers, settings: Settings, pictures: Path | None, profile: str, uplink: Uplink | None = None
) -> Played | None:
    """The kiosk in a window, or the visit as pictures; what was played, where it came to its end."""
    if pictures is None:
        from kiosk.demo.window import run_window  # noqa: PLC0415  # brings Kivy along

        run_window(settings, language=language(), uplink=uplink)
        return None
    from kiosk.demo.pictures import draw_visit  # noqa: PLC0415  # starts Kivy, which only this way needs

    say.show(_("There is no screen here: the visit is played on simulated devices and drawn as pictures."))
    try:
        return draw_visit(settings, pictures, language=language(), profile=profile, uplink=uplink)
    except Stuck as stuck:
        say.fail(_("The visit came to a stop: {where}.").format(where=stuck))
        return None


def _report(say: Answers, played: Played, out: Path) -> None:
    """Say what the visit came to, and leave its figures beside the pictures."""
    (out / "summary.json").write_text(json.dumps(asdict(played), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    grid = table(_("A reader's visit"), _("What"), _("Items"))
    grid.add_row(_("Checked out"), ", ".join(played.borrowed))
    for item, codes in played.refused.items():
        sentences = [WORDS[Code(code)][0].say(language()) for code in codes]
        grid.add_row(_("Refused"), f"{item}: {' '.join(sentences)}")
    grid.add_row(_("Taken back"), ", ".join(played.returned))
    grid.add_row(_("Renewed"), ", ".join(played.renewed))
    if played.offline:
        grid.add_row(_("Checked out without a network"), ", ".join(played.offline))
    say.show(grid)
    if played.unsent:
        say.show(
            _(
                "Without a network {n} events waited; within {seconds} s of the cable's return headquarters had them"
                " all: {events} in its log."
            ).format(
                n=played.unsent["offline"],
                seconds=ceil(played.seconds["back in step"]),
                events=played.received["events"],
            )
        )
    say.show(_("{n} pictures and the receipt are in {folder}.").format(n=len(played.screens), folder=out))
    say.show(
        _("With a screen, {tramsach} demo opens the kiosk; {tramsach} demo --desk plays the desk.").format(
            tramsach=_own_name()
        )
    )


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
                "Try it yourself: {tramsach} demo --desk --keep my-library,"
                " then {tramsach} --home my-library search kieu"
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
