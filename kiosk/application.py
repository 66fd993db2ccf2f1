"""Runs one line of ``tramsach``: the commands, their exit codes, and every error as a sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial

import typer
from rich.console import Console
from rich.text import Text
from typer import _click as click  # Typer gives the errors of the Click it carries no other name
from typer.main import get_command

from config.loader import reason_of
from config.phrase import ExplainedError
from kiosk.commands import application
from kiosk.i18n import _, language

#: How the library says what it has no error of its own for.
_UNKNOWN_COMMAND = re.compile(r"No such command (?:'(.*)'|\"(.*)\")\.")
_TOO_MANY = re.compile(r"Got unexpected extra argument\(s\) \((.*)\)", re.DOTALL)

#: What the library answers when somebody pressed Ctrl-C.
_INTERRUPTED = 130


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
    except typer.Abort:
        _say(_("Stopped; nothing more was done."))
    except ExplainedError as error:
        for phrase in error.phrases:
            _say(phrase.say(language()))
    except BrokenPipeError:
        sys.stderr.close()  # whoever reads has gone; there is nobody left to tell
    except OSError as error:
        _say(_("The system refused: {reason}.").format(reason=reason_of(error).say(language())))
    else:
        if code != _INTERRUPTED:
            return code if isinstance(code, int) else 0
        _say(_("Stopped; nothing more was done."))
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
            said = _("{name}: {reason}").format(name=error.param_hint or _name(error), reason=_wanted(error))
        case click.exceptions.BadOptionUsage():
            wants = "requires" in error.message
            said = (_("{name} needs a value.") if wants else _("{name} takes no value.")).format(name=error.option_name)
        case _:
            said = error.message
            if (typed := _UNKNOWN_COMMAND.match(said)) and error.ctx:
                name = typed[1] or typed[2] or ""
                said = _("There is no command '{name}'.").format(name=name)
                if near := get_close_matches(name, getattr(error.ctx.command, "commands", {}), n=1):
                    said += " " + _("Did you mean {name}?").format(name=near[0])
            elif extra := _TOO_MANY.match(said):
                said = _("Too many words: {words}.").format(words=extra[1])
    return said + " " + _("See: {command} --help").format(command=path)


def _wanted(error: click.exceptions.BadParameter) -> str:
    """What a parameter takes, as a sentence; our own checks say it themselves."""
    if error.param is None:
        return error.message
    kind = error.param.type_descriptor
    low, high = kind.parameter_info.min, kind.parameter_info.max
    if kind.choices:
        return _("choose one of: {choices}.").format(choices=", ".join(map(str, kind.choices)))
    if kind.is_path:
        return _("this must be a folder that can be read.")
    if low is not None and high is not None:
        return _("this must be a whole number from {low} to {high}.").format(low=low, high=high)
    if low is not None:
        return _("this must be a whole number, at least {low}.").format(low=low)
    return _("this must be a whole number.")


def _name(error: click.exceptions.BadParameter) -> str:
    return error.param.get_error_hint() if error.param else ""


def _say_in_our_words(command: click.Command) -> None:
    """Put what the library would say of every command into the words of this process.

    Its own options get their help, the usage line its words; and what a value is, people are told by its name and help
    (``SỐ-THẺ``), not by its type in Python.
    """
    words = {
        "--help": _("Show this help and stop."),
        "--install-completion": _("Set up completion for this shell."),
        "--show-completion": _("Show the completion for this shell, to copy or adapt."),
    }
    command.get_usage = partial(_usage, command)  # type: ignore[method-assign]
    for parameter in command.get_params(click.Context(command, info_name=command.name)):
        for name, text in words.items():
            if name in parameter.opts:
                parameter.help = text  # type: ignore[attr-defined]  # an option, by its name
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = _untold  # type: ignore[attr-defined]
        elif getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _say_in_our_words(below)


def _usage(command: click.Command, context: click.Context) -> str:
    """``Usage: tramsach renew [OPTIONS] PATRON [ITEM…]``: brackets may be left out, dots go on."""
    if hasattr(command, "commands"):
        words = [_("COMMAND")]
    else:
        words = [str(p.metavar) for p in command.params if p.param_type_name == "argument"]
    return " ".join([_("Usage:"), context.command_path, _("[OPTIONS]"), *words])


def _untold(ctx: click.Context) -> None:  # noqa: ARG001  # the library calls it by this name
    return None


def _say(sentence: str) -> None:
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(Text(sentence))
