"""The options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kiosk.i18n import _
from kiosk.terminal import Answers

Json = Annotated[bool, typer.Option("--json", help=_("Print one JSON document for a machine to read."))]


def home(context: typer.Context) -> Path:
    """The station's folder, from the global option."""
    found = context.find_object(Path)
    if found is None:
        raise RuntimeError("the application was built without its callback")
    return found


def answers(as_json: bool) -> Answers:
    """Where this command says what it has to say."""
    return Answers(as_json=as_json)


def example(command: str) -> str:
    """The last line of a command's help."""
    return _("Example: {command}").format(command=command)
