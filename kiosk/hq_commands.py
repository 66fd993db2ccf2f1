"""The surface of ``tramsach hq``: headquarters. What the commands do is in a module of its own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kiosk.command_parts import Json, end, example, home_of
from kiosk.i18n import _
from kiosk.terminal import Answers

StationCode = Annotated[str, typer.Argument(metavar=_("STATION"), help=_("The station's code, such as TN-K01."))]
BranchCode = Annotated[str, typer.Option(metavar=_("BRANCH"), help=_("The code of a branch, as in the rules."))]
Files = Annotated[list[Path], typer.Argument(metavar=_("FILE…"), help=_("The files to be imported."))]
Mapping = Annotated[
    str, typer.Option(metavar=_("NAME"), help=_("How the files are laid out; auto recognises the usual ones."))
]
DryRun = Annotated[bool, typer.Option("--dry-run", help=_("Read and report everything, write nothing."))]
HomeBranch = Annotated[
    str | None,
    typer.Option(
        "--branch", metavar=_("BRANCH"), help=_("Whose those are that name no branch; the topmost if not given.")
    ),
]


def init(
    context: typer.Context,
    code: Annotated[str, typer.Argument(metavar=_("CODE"), help=_("Its code, which stays for ever, such as TVT."))],
    name: Annotated[str, typer.Option(metavar=_("NAME"), help=_("What people call it."))] = "",
    url: Annotated[
        str, typer.Option(metavar=_("URL"), help=_("Where stations reach it, https://…; none if by stick alone."))
    ] = "",
    database: Annotated[
        str | None,
        typer.Option(metavar=_("URL"), help=_("postgresql://…; an embedded database if not given.")),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar=_("ADDRESS"), help=_("Where it listens; this machine alone if not given."))
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar=_("NUMBER"), min=0, max=65535, help=_("Its port."))] = 8443,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help=_("A proxy before it does the TLS; make no certificate."))
    ] = False,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.init(
        say, home_of(context), code, name=name, url=url, database=database, listens=(host, port, behind_proxy)
    )
    end(say)


def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(metavar=_("ADDRESS"), help=_("Where to listen; as in hq.toml if not given."))
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar=_("NUMBER"), min=0, max=65535, help=_("The port; 0 is any."))
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar=_("NUMBER"), min=1, max=64, help=_("Processes; more than one needs PostgreSQL."))
    ] = 1,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.serve(say, home_of(context), host=host, port=port, workers=workers)
    end(say)


def add_station(
    context: typer.Context,
    station: StationCode,
    branch: BranchCode,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar=_("BRANCH"), help=_("Another branch it is told of; may be given often.")),
    ] = None,
    below: Annotated[bool, typer.Option("--below", help=_("It is told of all branches below its own, too."))] = False,
    days: Annotated[int, typer.Option(metavar=_("NUMBER"), min=1, max=366, help=_("How long the code is good."))] = 7,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.add_station(say, home_of(context), station, branch, scope or (), below=below, days=days)
    end(say)


def list_stations(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.list_stations(say, home_of(context))
    end(say)


def show_station(context: typer.Context, station: StationCode, as_json: Json = False) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.show_station(say, home_of(context), station)
    end(say)


def revoke_station(
    context: typer.Context,
    station: StationCode,
    cut: Annotated[
        int | None,
        typer.Option(
            metavar=_("NUMBER"), min=0, help=_("Believe it up to this event; up to its last one here if not given.")
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help=_("Do not ask."))] = False,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.revoke_station(say, home_of(context), station, cut, yes=yes)
    end(say)


def enrol_station(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("The request from the station."), dir_okay=False)],
    response: Annotated[
        Path, typer.Option(metavar=_("FILE"), help=_("Where to write the answer for the station."), dir_okay=False)
    ],
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.enrol_station(say, home_of(context), file, response)
    end(say)


def import_titles(
    context: typer.Context,
    files: Files,
    mapping: Mapping = "auto",
    branch: HomeBranch = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.import_titles(say, home_of(context), files, mapping, branch, dry_run=dry_run)
    end(say)


def import_readers(
    context: typer.Context,
    files: Files,
    mapping: Mapping = "auto",
    branch: HomeBranch = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.import_readers(say, home_of(context), files, mapping, branch, dry_run=dry_run)
    end(say)


def import_rules(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar=_("[DIR]"),
            help=_("Where rules.toml and holidays.toml are; the home if not given."),
            file_okay=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.import_rules(say, home_of(context), folder)
    end(say)


def announce(
    context: typer.Context,
    text: Annotated[
        str | None,
        typer.Argument(metavar=_("[TEXT]"), help=_("What to say; the announcements there are if not given.")),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar=_("DATE"), help=_("The last day it is shown, such as 2027-03-31.")),
    ] = None,
    remove: Annotated[str | None, typer.Option(metavar=_("NUMBER"), help=_("Take this announcement back."))] = None,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.announce(say, home_of(context), text, until.date() if until else None, remove)
    end(say)


def import_bundles(
    context: typer.Context,
    sticks: Annotated[
        list[Path], typer.Argument(metavar=_("DIR…"), help=_("The sticks, or any folders."), file_okay=False)
    ],
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.import_bundles(say, home_of(context), sticks)
    end(say)


def export_bundles(
    context: typer.Context,
    stick: Annotated[Path, typer.Argument(metavar=_("DIR"), help=_("The stick, or any folder."), file_okay=False)],
    station: Annotated[
        list[str] | None,
        typer.Option(metavar=_("STATION"), help=_("For these; if not given, for all that use sticks.")),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.export_bundles(say, home_of(context), stick, station or ())
    end(say)


def list_exceptions(
    context: typer.Context,
    branch: Annotated[
        list[str] | None, typer.Option(metavar=_("BRANCH"), help=_("Of this branch alone; may be given often."))
    ] = None,
    limit: Annotated[int, typer.Option(metavar=_("NUMBER"), min=1, max=10000, help=_("At most so many."))] = 50,
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.list_exceptions(say, home_of(context), branch or None, limit)
    end(say)


def resolve_exception(
    context: typer.Context,
    exception: Annotated[
        str, typer.Argument(metavar=_("NUMBER"), help=_("As `tramsach hq exceptions list` shows it."))
    ],
    how: Annotated[str, typer.Argument(metavar=_("HOW"), help=_("One of the words offered with it."))],
    actor: Annotated[
        str, typer.Option(metavar=_("DESK"), help=_("Which desk decides; no name of a person: it is kept for ever."))
    ] = "hq",
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.resolve_exception(say, home_of(context), exception, how, actor)
    end(say)


def backup(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.backup(say, home_of(context))
    end(say)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar=_("FILE"), help=_("A backup of this headquarters."), dir_okay=False)],
    as_json: Json = False,
) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.restore(say, home_of(context), file)
    end(say)


def verify(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.verify_all(say, home_of(context))
    end(say)


def status(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import headquarters

    say = Answers(as_json=as_json)
    headquarters.show_status(say, home_of(context))
    end(say)


def add_hq(app: typer.Typer, panel: str) -> None:
    """Adds the group to the application."""
    hq = typer.Typer(help=_("Headquarters: found it, serve it, its stations and its work-list."), no_args_is_help=True)
    hq.command(
        help=_("Found a headquarters in this folder."),
        epilog=example("tramsach hq init TVT --url https://tru-so.example:8443"),
    )(init)
    hq.command(help=_("Be there for stations until Ctrl-C."), epilog=example("tramsach hq serve --host 0.0.0.0"))(serve)
    hq.command(help=_("Say how headquarters stands."), epilog=example("tramsach hq status"))(status)
    _add_stations(hq)
    _add_word(hq)
    _add_bundles(hq)
    _add_exceptions(hq)
    hq.command(
        help=_("Copy the database and check the copy; what is in it counts as safe."),
        epilog=example("tramsach hq backup"),
    )(backup)
    hq.command(
        help=_("Fill an empty database from a backup; stations send the rest again."),
        epilog=example("tramsach hq restore hq/backups/central-2027-03-01.sqlite"),
    )(restore)
    hq.command(
        help=_("Check that everything follows from the events that stations have sent."),
        epilog=example("tramsach hq verify"),
    )(verify)
    app.add_typer(hq, name="hq", rich_help_panel=panel)


def _add_stations(hq: typer.Typer) -> None:
    stations = typer.Typer(help=_("The stations of the network."), no_args_is_help=True)
    stations.command(
        "add",
        help=_("Make a one-time code for a station; it is shown once."),
        epilog=example("tramsach hq station add TN-K01 --branch TN"),
    )(add_station)
    stations.command(
        "list", help=_("Show the stations and how far each is."), epilog=example("tramsach hq station list")
    )(list_stations)
    stations.command("show", help=_("Show one station."), epilog=example("tramsach hq station show TN-K01"))(
        show_station
    )
    stations.command(
        "revoke",
        help=_("Believe a station no more; what it sent before stays."),
        epilog=example("tramsach hq station revoke TN-K01"),
    )(revoke_station)
    stations.command(
        "enrol",
        help=_("Answer a request that came on a stick."),
        epilog=example("tramsach hq station enrol /media/usb/request --response /media/usb/answer"),
    )(enrol_station)
    hq.add_typer(stations, name="station")


def _add_word(hq: typer.Typer) -> None:
    titles = typer.Typer(help=_("The union catalogue."), no_args_is_help=True)
    titles.callback()(_group)
    titles.command(
        "import",
        help=_("Bring in MARC 21 or MARCXML; stations are told what is new."),
        epilog=example("tramsach hq catalogue import export.mrc"),
    )(import_titles)
    hq.add_typer(titles, name="catalogue")
    patrons = typer.Typer(help=_("The readers of all branches."), no_args_is_help=True)
    patrons.callback()(_group)
    patrons.command(
        "import",
        help=_("Bring in readers from CSV or XLSX; stations are told what is new."),
        epilog=example("tramsach hq patrons import ban-doc.xlsx"),
    )(import_readers)
    hq.add_typer(patrons, name="patrons")
    rules = typer.Typer(help=_("The rules of all branches."), no_args_is_help=True)
    rules.callback()(_group)
    rules.command(
        "import",
        help=_("Put rules.toml and holidays.toml in force for all stations."),
        epilog=example("tramsach hq rules import"),
    )(import_rules)
    hq.add_typer(rules, name="rules")
    hq.command(
        help=_("Have something said on all screens; or show what is being said."),
        epilog=example("tramsach hq announce 'Thư viện nghỉ lễ ngày 2/9.' --until 2027-09-02"),
    )(announce)


def _add_bundles(hq: typer.Typer) -> None:
    bundles = typer.Typer(help=_("Sticks from and for stations."), no_args_is_help=True)
    bundles.command(
        "import",
        help=_("Take what stations have sent on sticks."),
        epilog=example("tramsach hq bundle import /media/usb"),
    )(import_bundles)
    bundles.command(
        "export",
        help=_("Write acknowledgements and news for stations onto a stick."),
        epilog=example("tramsach hq bundle export /media/usb"),
    )(export_bundles)
    hq.add_typer(bundles, name="bundle")


def _add_exceptions(hq: typer.Typer) -> None:
    exceptions = typer.Typer(help=_("The work-list: what cannot both be true."), no_args_is_help=True)
    exceptions.command(
        "list",
        help=_("Show what staff have to settle, the oldest first."),
        epilog=example("tramsach hq exceptions list --branch TN"),
    )(list_exceptions)
    exceptions.command(
        "resolve",
        help=_("Settle one in one of the ways offered."),
        epilog=example("tramsach hq exceptions resolve orphan_return:TN-K01/1/42 noted"),
    )(resolve_exception)
    hq.add_typer(exceptions, name="exceptions")


def _group() -> None:
    """Makes a group of one command a group all the same."""
