"""The surface of ``tramsach sync``, a station's side of the exchange. What it does is in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kiosk.command_parts import Json, end, example, home_of
from kiosk.i18n import _
from kiosk.terminal import Answers

Folder = Annotated[Path, typer.Argument(metavar=_("DIR"), help=_("The stick, or any folder."), file_okay=False)]


def now(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import syncing

    say = Answers(as_json=as_json)
    syncing.sync_now(say, home_of(context))
    end(say)


def status(context: typer.Context, as_json: Json = False) -> None:
    from kiosk import syncing

    say = Answers(as_json=as_json)
    syncing.show_status(say, home_of(context))
    end(say)


def export_bundle(context: typer.Context, folder: Folder, as_json: Json = False) -> None:
    from kiosk import syncing

    say = Answers(as_json=as_json)
    syncing.export_bundle(say, home_of(context), folder)
    end(say)


def import_bundles(context: typer.Context, folder: Folder, as_json: Json = False) -> None:
    from kiosk import syncing

    say = Answers(as_json=as_json)
    syncing.import_bundles(say, home_of(context), folder)
    end(say)


def enrol(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(metavar=_("[URL]"), help=_("Where headquarters is reached; nothing with --request.")),
    ] = None,
    code: Annotated[
        str | None, typer.Argument(metavar=_("[CODE]"), help=_("The one-time code that headquarters has made."))
    ] = None,
    request: Annotated[
        Path | None,
        typer.Option(metavar=_("FILE"), help=_("Without a network: write the request to this file."), dir_okay=False),
    ] = None,
    response: Annotated[
        Path | None,
        typer.Option(metavar=_("FILE"), help=_("Without a network: headquarters' answer."), dir_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    from kiosk import syncing

    say = Answers(as_json=as_json)
    home = home_of(context)
    match url, code, request, response:
        case str(address), str(typed), None, None:
            syncing.enrol_online(say, home, address, typed)
        case str(typed), None, Path() as file, None:
            syncing.write_request(say, home, typed, file)
        case None, None, None, Path() as file:
            syncing.take_response(say, home, file)
        case None, None, None, None:
            syncing.finish_enrolment(say, home)
        case _:
            raise typer.BadParameter(
                _("give URL and CODE; or CODE and --request; or --response alone."), param_hint="enrol"
            )
    end(say)


def add_sync(app: typer.Typer, panel: str) -> None:
    """Adds the group to the application."""
    sync = typer.Typer(help=_("Headquarters: send, fetch, by network or by stick."), no_args_is_help=True)
    sync.command(
        help=_("Send what headquarters lacks and fetch what is new, at once."), epilog=example("tramsach sync now")
    )(now)
    sync.command(
        help=_("Say what headquarters does not have yet, and what is in the way."),
        epilog=example("tramsach sync status"),
    )(status)
    sync.command(
        "export",
        help=_("Write what headquarters lacks onto a stick."),
        epilog=example("tramsach sync export /media/usb"),
    )(export_bundle)
    sync.command(
        "import",
        help=_("Take headquarters' answer from a stick."),
        epilog=example("tramsach sync import /media/usb"),
    )(import_bundles)
    sync.command(
        help=_("Make this station one of a headquarters."),
        epilog=example("tramsach sync enrol https://tru-so.example:8443 7QF3M-2XK9P-TB4HD-W8ZC5"),
    )(enrol)
    app.add_typer(sync, name="sync", rich_help_panel=panel)
