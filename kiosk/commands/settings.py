"""``tramsach config``: are the settings right, what are they, and where does each come from."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import typer

from config.loader import Problems, dump
from kiosk.commands.options import Json, answers, example, home
from kiosk.i18n import _, language
from kiosk.station import read_settings
from kiosk.terminal import Answers, table
from sync.circulation.blocks import day
from sync.circulation.policy import ANY, LoanPolicy, Origin
from sync.intake.rules import HOLIDAYS_FILE, known_until, write_holidays


def check(context: typer.Context, as_json: Json = False) -> None:
    say = answers(as_json)
    settings = read_settings(home(context))
    if isinstance(settings, Problems):
        _report(say, settings)
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
    raise typer.Exit(say.code)


def show(
    context: typer.Context,
    category: Annotated[str | None, typer.Option(help=_("Show the loan policy of this category of reader."))] = None,
    item_type: Annotated[str, typer.Option(help=_("… for this type of item."))] = ANY,
    branch: Annotated[str | None, typer.Option(help=_("… at this branch; the station's own if not given."))] = None,
    as_json: Json = False,
) -> None:
    say = answers(as_json)
    settings = read_settings(home(context))
    if isinstance(settings, Problems):
        _report(say, settings)
        raise typer.Exit(say.code)
    station, rules = settings.station.value, settings.rules.rules
    if category is not None:
        at = branch or station.branch
        if at not in rules.network:
            say.fail(
                _("There is no branch '{code}'. Known: {known}.").format(
                    code=at, known=", ".join(b.code for b in rules.branches)
                )
            )
            raise typer.Exit(say.code)
        rows = _policy_rows(rules.policy(at, category, item_type))
        heading = _("Loan policy: {category} × {item_type} at {branch}").format(
            category=category, item_type=item_type, branch=rules.network.name(at)
        )
    else:
        values = dump(station)
        rows = [(key, str(value), settings.station.origin[key]) for key, value in values.items()]
        rows.append(("rules", settings.rules.version, settings.rules.source))
        last = known_until(rules)
        rows.append(("holidays", day(last) if last else "–", HOLIDAYS_FILE if last else "–"))
        heading = _("Settings in {folder}").format(folder=settings.home)
    say.document([{"key": key, "value": value, "source": source} for key, value, source in rows])
    grid = table(heading, _("Setting"), _("Value"), _("From"))
    for row in rows:
        grid.add_row(*row)
    say.show(grid)
    raise typer.Exit(say.code)


def holidays(
    context: typer.Context,
    years: Annotated[list[int], typer.Argument(metavar="YEAR…", help=_("Years, such as 2027."), min=1901, max=2100)],
) -> None:
    say = answers(False)
    written = write_holidays(home(context), tuple(sorted(set(years))))
    if isinstance(written, Problems):
        _report(say, written)
    else:
        grid = table(_("Public holidays in {file}").format(file=HOLIDAYS_FILE), _("Date"), _("Holiday"))
        for holiday in written.holidays:
            grid.add_row(day(holiday.day), holiday.name)
        for extra in written.extra_days:
            grid.add_row(day(extra.day), _("open: {reason}").format(reason=extra.reason))
        say.show(grid, _("Check the list against the government's announcement; the file may be edited."))
    raise typer.Exit(say.code)


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
    return "–" if value is None else str(value)


def _origin(origin: Origin) -> str:
    if not origin.branch:
        return _("product default")
    return f"{origin.branch} · {origin.category} × {origin.item_type}"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    group = typer.Typer(
        help=_("Settings: check them, see them, and where each value comes from."), no_args_is_help=True
    )
    group.command(help=_("Check all settings and rules; every mistake is named at once."))(check)
    group.command(
        help=_("Show the settings, or one loan policy, with the origin of each value."),
        epilog=example("tramsach config show --category child --item-type book"),
    )(show)
    group.command(
        help=_("Write the public holidays of some years to the station's calendar."),
        epilog=example("tramsach config holidays 2026 2027"),
    )(holidays)
    app.add_typer(group, name="config", rich_help_panel=_("Station"))
