"""What the surfaces of commands are made of: options that mean the same everywhere, and how a command ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kiosk.i18n import _
from kiosk.terminal import Answers

DryRun = Annotated[bool, typer.Option("--dry-run", help=_("Read and report everything, write nothing."))]
Json = Annotated[bool, typer.Option("--json", help=_("Print one JSON document for a machine to read."))]


def home_of(context: typer.Context) -> Path:
    """The station's folder, as the application's own options say."""
    found = context.find_object(Path)
    if found is None:
        raise RuntimeError("a command ran without the application's own options")
    return found


def example(command: str) -> str:
    """The line that stands below a command's help."""
    return _("Example: {command}").format(command=command)


def end(say: Answers) -> NoReturn:
    """Ends a command with the exit code that its answers add up to."""
    raise typer.Exit(say.code)
