"""Runs one line of ``tramsach``: the commands, their exit codes, and every error as a sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches

import typer
from rich.console import Console
from rich.text import Text
from typer import _click as click  # Typer gives the errors of the Click it carries no other name
from typer.main import get_command

from config.phrase import ExplainedError
from kiosk.commands import application
from kiosk.i18n import _, language

#: How the library says that a command does not exist; it has no error of its own for that.
_UNKNOWN_COMMAND = re.compile(r"^No such command '(.*?)'")


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code: 0 done, 1 refused or failed, 2 not understood."""
    command = get_command(application())
    _say_in_our_words(command)
    try:
        code = command.main(args=list(arguments), prog_name="tramsach", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        return 2
    except click.exceptions.UsageError as error:
        _say(_usage_sentence(error))
        return 2
    except (typer.Abort, KeyboardInterrupt):
        _say(_("Stopped; nothing more was done."))
    except ExplainedError as error:
        for phrase in error.phrases:
            _say(phrase.say(language()))
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
            said = _("{what} is missing.").format(what=_name(error))
        case click.exceptions.NoSuchOption():
            said = _("There is no option {name}.").format(name=error.option_name)
            if error.possibilities:
                said += " " + _("Did you mean {name}?").format(name=error.possibilities[0])
        case click.exceptions.BadParameter():
            said = _("{name}: {reason}").format(name=error.param_hint or _name(error), reason=error.message)
        case _:
            said = error.message
            if (typed := _UNKNOWN_COMMAND.search(said)) and error.ctx:
                known = getattr(error.ctx.command, "commands", {})
                said = _("There is no command {name}.").format(name=typed[1])
                if near := get_close_matches(typed[1], known, n=1):
                    said += " " + _("Did you mean {name}?").format(name=near[0])
    return said + " " + _("See: {command} --help").format(command=path)


def _name(error: click.exceptions.BadParameter) -> str:
    return error.param.get_error_hint() if error.param else ""


def _say_in_our_words(command: click.Command) -> None:
    """Give Typer's own options their help in the language of this process, in every command."""
    words = {
        "--help": _("Show this help and stop."),
        "--install-completion": _("Set up completion for this shell."),
        "--show-completion": _("Show the completion for this shell, to copy or adapt."),
    }
    for parameter in command.get_params(click.Context(command, info_name=command.name)):
        for name, text in words.items():
            if name in parameter.opts:
                parameter.help = text  # type: ignore[attr-defined]  # an option, by its name
    for below in getattr(command, "commands", {}).values():
        _say_in_our_words(below)


def _say(sentence: str) -> None:
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(Text(sentence))
