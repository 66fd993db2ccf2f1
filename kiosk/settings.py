"""Settings in the terminal: are they right, what are they, and where does each come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from config.loader import PRODUCT_DEFAULTS, Problems, build, dump, read_toml
from drivers.registry import load_registry, read_devices
from kiosk.i18n import _, language
from kiosk.station import read_settings
from kiosk.terminal import Answers, table
from sync.circulation.blocks import day
from sync.circulation.policy import ANY, LoanPolicy, Origin
from sync.intake.rules import HOLIDAYS_FILE, HolidayList, known_until, write_holidays


def check(say: Answers, home: Path) -> None:
    """Say that all settings are right, or name every mistake."""
    settings, devices = read_settings(home), read_devices(home, load_registry())
    if isinstance(settings, Problems) or isinstance(devices, Problems):
        parts = [part for part in (settings, devices) if isinstance(part, Problems)]
        _report(say, Problems(tuple(problem for part in parts for problem in part)))
    else:
        rules = settings.rules.rules
        say.document([])
        say.show(
            _("The settings are right: station {station} at {branch}, {branches} branches, {rows} policy rows.").format(
                station=settings.station.value.station,
                branch=rules.network.name(settings.station.value.branch),
                branches=len(rules.branches),
                rows=len(rules.policies),
            )
        )


def show(say: Answers, home: Path, category: str | None, item_type: str | None, branch: str | None) -> None:
    """Show the settings, or the loan policy for what is named of category, item type and branch.

    Each value comes with its origin.
    """
    settings = read_settings(home)
    if isinstance(settings, Problems):
        _report(say, settings)
        return
    station, rules = settings.station.value, settings.rules.rules
    if category or item_type or branch:
        category, item_type, at = category or ANY, item_type or ANY, branch or station.branch
        if at not in rules.network:
            say.fail(
                _("There is no branch '{code}'. Known: {known}.").format(
                    code=at, known=", ".join(b.code for b in rules.branches)
                )
            )
            return
        rows = _policy_rows(rules.policy(at, category, item_type))
        heading = _("Loan policy: {category} × {item_type} at {branch}").format(
            category=category, item_type=item_type, branch=rules.network.name(at)
        )
    else:
        values = dump(station)
        rows = [(key, _value(value), _layer(settings.station.origin[key])) for key, value in values.items()]
        rows.append(("rules", settings.rules.version, settings.rules.source))
        last = known_until(rules)
        rows.append(("holidays", day(last) if last else "–", HOLIDAYS_FILE if last else "–"))
        heading = _("Settings in {folder}").format(folder=settings.home)
    say.document([{"key": key, "value": value, "source": source} for key, value, source in rows])
    grid = table(heading, _("Setting"), _("Value"), _("From"))
    for row in rows:
        grid.add_row(*row)
    say.show(grid)


def holidays(say: Answers, home: Path, years: Sequence[int]) -> None:
    """Write the public holidays of some years and show them; and what stood there for these years before, by hand."""
    before = _days(_holidays_in(home), years)
    written = write_holidays(home, tuple(sorted(set(years))))
    if isinstance(written, Problems):
        _report(say, written)
    else:
        grid = table(_("Public holidays in {file}").format(file=HOLIDAYS_FILE), _("Date"), _("Holiday"))
        for holiday in written.holidays:
            grid.add_row(day(holiday.day), holiday.name)
        for extra in written.extra_days:
            grid.add_row(day(extra.day), _("open: {reason}").format(reason=extra.reason))
        say.show(grid, _("Check the list against the government's announcement; the file may be edited."))
        if gone := [line for line in before if line not in _days(written, years)]:
            say.show(_("No longer in the file: {days}.").format(days=", ".join(gone)))


def _holidays_in(home: Path) -> HolidayList:
    """What the file holds now: nothing, where it is not there or has mistakes that writing it will name."""
    values = read_toml(home / HOLIDAYS_FILE)
    built = values if isinstance(values, Problems) else build(HolidayList, values)
    return HolidayList() if isinstance(built, Problems) else built.value


def _days(listed: HolidayList, years: Sequence[int]) -> list[str]:
    holidays = [f"{day(one.day)} {one.name}" for one in listed.holidays if one.day.year in years]
    return holidays + [f"{day(one.day)} {one.reason}" for one in listed.extra_days if one.day.year in years]


def _report(say: Answers, problems: Problems) -> None:
    say.document([{"key": p.key, "source": p.source, "message": p.sentence.say(language())} for p in problems])
    for problem in problems:
        say.fail(problem.say(language()))


def _policy_rows(policy: LoanPolicy) -> list[tuple[str, str, str]]:
    names = [f.name for f in fields(policy) if f.name != "origins"]
    return [(name, _value(getattr(policy, name)), _origin(policy.origin(name))) for name in names]


def _value(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(str(v) for v in value))
    if isinstance(value, bool):
        return str(value).lower()  # as TOML writes it
    return "–" if value is None else str(value)


def _layer(name: str) -> str:
    return _("product default") if name == PRODUCT_DEFAULTS else name


def _origin(origin: Origin) -> str:
    if not origin.branch:
        return _("product default")
    return f"{origin.branch} · {origin.category} × {origin.item_type}"
