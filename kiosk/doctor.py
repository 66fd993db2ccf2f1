"""The station's doctor: one page that says what is wrong and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.devices import DEVICES_FILE
from config.loader import Problems
from config.phrase import Phrase
from config.station import Station, home_folder
from drivers.registry import load_registry, read_devices
from kiosk.devices import lost_devices
from kiosk.i18n import _, language
from kiosk.screens.theme import READING_MM, cap_height_mm, cap_height_needed_mm, profile
from kiosk.station import desk, onlooker, read_settings
from kiosk.terminal import Answers, table
from sync.circulation.blocks import Code, block, day
from sync.circulation.model import local_day
from sync.intake.rules import known_until
from sync.store.clock import read_clock
from sync.store.errors import NoDatabase, StoreError
from sync.store.files import Finding, Level, check

#: A calendar that ends sooner than this is worth a word: due dates would fall on holidays.
_HOLIDAYS_AHEAD = timedelta(days=60)


def doctor(say: Answers, home: Path, *, confirm_clock: bool) -> None:
    """Examine the station and print one page; ``confirm_clock`` first says that a person has checked the clock."""
    if confirm_clock:
        with desk(home, command="tramsach doctor") as (ledger, _station):
            ledger.confirm_clock()
    findings = list(examine(home))
    say.document([{"check": f.code, "level": f.level.value, "message": f.phrase.say(language())} for f in findings])
    grid = table(_("Station in {folder}").format(folder=home), "", _("Check"), _("Finding"))
    for finding in findings:
        grid.add_row(_MARKS[finding.level], finding.code, finding.phrase.say(language()))
    say.show(grid)
    for finding in findings:
        if finding.level is Level.FAILURE:
            say.fail(finding.phrase)
    levels = {finding.level for finding in findings}
    if Level.FAILURE not in levels:
        heed = _("Nothing is wrong; the lines with ! are worth knowing.")
        say.show(heed if Level.NOTICE in levels else _("Nothing is wrong."))


_MARKS = {Level.OK: "✓", Level.NOTICE: "!", Level.FAILURE: "✗"}


def examine(folder: Path) -> Iterator[Finding]:
    """Every check of a station's folder, in the order in which a person would look."""
    settings = read_settings(folder)
    if isinstance(settings, Problems):
        for problem in settings:
            yield Finding("settings", Level.FAILURE, Phrase(problem.say("vi"), problem.say("en")))
        yield from check(folder)
        return
    yield Finding("settings", Level.OK, Phrase("Thiết lập và quy tắc đều đúng.", "Settings and rules are right."))
    last = known_until(settings.rules.rules)
    today = local_day(read_clock().wall)
    if last is None or last < today + _HOLIDAYS_AHEAD:
        known = (
            Phrase(f"Lịch nghỉ lễ chỉ đến {day(last)}", f"Public holidays are known only until {day(last)}")
            if last
            else Phrase("Chưa có lịch nghỉ lễ", "No public holidays are known")
        )
        yield Finding(
            "holidays",
            Level.NOTICE,
            Phrase(
                "{known}; hạn trả có thể rơi vào ngày nghỉ. Hãy chạy: {line}",
                "{known}; an item could be due on one. Run: {line}",
            ).fill(known=known, line=_line(folder, f"config holidays {today.year} {today.year + 1}")),
        )
    else:
        until = day(last)
        yield Finding("holidays", Level.OK, Phrase(f"Lịch nghỉ lễ đến {until}.", f"Public holidays until {until}."))
    if (folder / DEVICES_FILE).exists():
        yield _letters(settings.station.value)
        yield from _devices(folder)
    yield from check(folder)
    try:
        with onlooker(folder) as view:
            verified, moment, repairs = view.verify(), view.now(), view.pending_repairs()
    except NoDatabase:
        return  # said by the check of the files
    except StoreError as error:
        yield Finding("events", Level.FAILURE, error.phrase)
        return
    for found in verified.problems:
        yield Finding("events", Level.FAILURE, found)
    if not verified.problems:
        n = verified.events
        yield Finding(
            "events",
            Level.OK,
            Phrase(
                f"Chuỗi {n} sự kiện nguyên vẹn, khớp với sổ mượn.", f"{n} events in an unbroken chain; tables agree."
            ),
        )
    if moment.trusted:
        yield Finding("clock", Level.OK, Phrase("Đồng hồ đáng tin.", "The clock is trusted."))
    else:
        doubted = block(Code.CLOCK_DOUBTED)
        yield Finding(
            "clock",
            Level.FAILURE,
            Phrase(
                "{doubted} Hãy chỉnh ngày giờ; nếu đã đúng, chạy: {line}",
                "{doubted} Set date and time; if they are right, run: {line}",
            ).fill(doubted=doubted.reason, line=_line(folder, "doctor --confirm-clock")),
        )
    if repairs:
        n = len(repairs)
        yield Finding(
            "repairs",
            Level.NOTICE,
            Phrase(f"{n} chip chờ kích hoạt lại an ninh.", f"{n} tags wait to be secured again."),
        )


def _devices(folder: Path) -> Iterator[Finding]:
    """The devices' settings, and those that a kiosk which runs now is without."""
    devices = read_devices(folder, load_registry())
    if isinstance(devices, Problems):
        for problem in devices:
            yield Finding("devices", Level.FAILURE, Phrase(problem.say("vi"), problem.say("en")))
        return
    lost = list(lost_devices(folder, devices.value, datetime.now(UTC)))
    for advice in lost:
        yield Finding("devices", Level.FAILURE, advice)
    if not lost:
        n = len(devices.value.devices)
        right = Phrase(f"Thiết lập của {n} thiết bị đều đúng.", f"The settings of {n} devices are right.")
        yield Finding("devices", Level.OK, right)


def _line(folder: Path, words: str) -> str:
    """A command to type for the station of this folder, which need not be the one that is meant without ``--home``."""
    meant = folder == home_folder()
    return f"tramsach {words}" if meant else f"tramsach --home {shlex.quote(str(folder))} {words}"


def _letters(station: Station) -> Finding:
    """Whether the body text of a kiosk's screen is large enough for where readers stand (EN 301 549, 5.1.4)."""
    shape = profile(station.screen)
    tall = cap_height_mm(shape.step("body"), shape.width, shape.height, station.screen_inches)
    needed = cap_height_needed_mm(READING_MM[station.screen])
    told = {"tall": f"{tall:.1f}", "needed": f"{needed:.1f}", "inches": f"{station.screen_inches:g}"}
    if tall >= needed:
        sentence = Phrase(
            "Chữ trên màn hình {inches} inch cao {tall} mm, đủ lớn.",
            "Letters on the {inches}-inch screen are {tall} mm high, which is large enough.",
        )
        return Finding("screen", Level.OK, sentence.fill(**told))
    sentence = Phrase(
        "Chữ trên màn hình {inches} inch chỉ cao {tall} mm, cần {needed} mm. Hãy dùng màn hình lớn hơn.",
        "Letters on the {inches}-inch screen are only {tall} mm high; {needed} mm are needed. Use a larger screen.",
    )
    return Finding("screen", Level.NOTICE, sentence.fill(**told))
