"""The application that ``tramsach`` runs: every command, the global options, and errors turned into sentences."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text
from typer import _click as click  # Typer carries Click inside itself and gives its errors no other name
from typer.main import get_command

from config.station import home_folder
from kiosk.commands import catalogue, demo, desk, doctor, settings
from kiosk.commands.options import example
from kiosk.i18n import _, language
from kiosk.station import NotReady
from sync.store.errors import StoreError

log = logging.getLogger("tramsach")


def _main(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help=_("The station's folder; TRAMSACH_HOME if not given."), file_okay=False)
    ] = None,
    lang: Annotated[str, typer.Option(help=_("vi or en; the terminal's locale if not given."))] = "",
    show_version: Annotated[bool, typer.Option("--version", help=_("Show the version."), is_eager=True)] = False,
) -> None:
    if show_version:
        typer.echo(f"tramsach {version('tramsach')}")
        raise typer.Exit
    if lang not in ("", "vi", "en"):
        raise typer.BadParameter(_("the languages are vi and en"), param_hint="--lang")
    context.obj = home_folder(home)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def application() -> click.Command:
    """The application with all its commands, in the language of this process."""
    app = typer.Typer(
        name="tramsach",
        help=_("Trạm Sách: lending, returns and catalogue of a library station."),
        epilog=example("tramsach demo"),
        invoke_without_command=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_main)
    for subject in (demo, desk, catalogue, settings, doctor):
        subject.add_to(app)
    command = get_command(app)
    _say_in_our_words(command)
    return command


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code: 0 done, 1 refused or failed, 2 not understood."""
    try:
        code = application().main(args=list(arguments), prog_name="tramsach", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        return 2
    except click.exceptions.UsageError as error:
        _say(_usage_sentence(error))
        return 2
    except (typer.Abort, KeyboardInterrupt):
        _say(_("Stopped; nothing more was done."))
    except NotReady as error:
        for problem in error.problems:
            _say(problem.say(language()))
    except StoreError as error:
        _say(error.phrase.say(language()))
    except BrokenPipeError:
        sys.stderr.close()  # whoever reads has gone; there is nobody left to tell
    except OSError as error:
        _say(_("The system refused: {reason}.").format(reason=error.strerror or type(error).__name__))
    else:
        return code if isinstance(code, int) else 0
    return 1


def _usage_sentence(error: click.exceptions.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "tramsach"
    match error:
        case click.exceptions.MissingParameter():
            wanted = error.param.make_metavar(error.ctx) if error.param and error.ctx else ""
            said = _("{what} is missing.").format(what=wanted)
        case click.exceptions.NoSuchOption():
            near = _(" Did you mean {name}?").format(name=error.possibilities[0]) if error.possibilities else ""
            said = _("There is no option {name}.").format(name=error.option_name) + near
        case click.exceptions.BadParameter():
            name = error.param_hint or (error.param.make_metavar(error.ctx) if error.param and error.ctx else "")
            said = _("{name}: {reason}").format(name=name, reason=error.message)
        case _:
            said = error.format_message()
    return said + " " + _("See: {command} --help").format(command=path)


def _say_in_our_words(command: click.Command) -> None:
    """Give Typer's own options their help in the language of this process, in every command."""
    words = {
        "--help": _("Show this help and stop."),
        "--install-completion": _("Set up completion for this shell."),
        "--show-completion": _("Show the completion for this shell, to copy or adapt."),
    }
    context = click.Context(command, info_name=command.name)
    for parameter in command.get_params(context):
        for name, text in words.items():
            if name in parameter.opts:
                parameter.help = text  # type: ignore[attr-defined]  # an option, by its name
    for below in getattr(command, "commands", {}).values():
        _say_in_our_words(below)


def _say(sentence: str) -> None:
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(Text(sentence))
