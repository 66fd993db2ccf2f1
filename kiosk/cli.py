"""The command ``tramsach``: language, global options, and errors turned into sentences.

The language is settled before the commands are built, because their help is in it: ``--lang``, else the terminal's
locale. ``--home`` and ``--lang`` may stand anywhere on the line. Exit codes: 0 all done, 1 something was refused or
failed (one plain sentence each on standard error), 2 the line was not understood. A person never sees a traceback for
what a person can cause.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from kiosk.i18n import LANGUAGES, language_of, speak

#: Global options that take a value and may stand anywhere on the line.
_ANYWHERE = ("--home", "--lang")


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; answers the exit code. Standard output and error speak UTF-8 from then on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Not every terminal says that it takes Vietnamese (a pipe on Windows does not), and names of files may
            # hold bytes that are no text: in JSON, too, such a byte is then an escape.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    arguments = _globals_first(arguments)
    chosen = _value_of("--lang", arguments)
    speak(chosen if chosen in LANGUAGES else language_of(os.environ))
    from kiosk.application import invoke  # noqa: PLC0415  # the commands' help is in the language just set

    return invoke(arguments)


def _globals_first(arguments: Sequence[str]) -> list[str]:
    """The line with its global options moved to the front; what follows ``--`` is left alone.

    An option at the end that lacks its value stands alone: it must not swallow the command.
    """
    front: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in _ANYWHERE:
            value = next(words, None)
            if value is None:
                return [*front, word]
            front += [word, value]
        elif word.startswith(tuple(f"{option}=" for option in _ANYWHERE)):
            front += word.split("=", 1)
        else:
            rest.append(word)
    return [*front, *rest]


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    places = [n for n, word in enumerate(arguments[:-1]) if word == option]
    return arguments[places[-1] + 1] if places else None
