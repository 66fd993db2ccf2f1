"""What the terminal shows: sentences, tables, JSON, progress; and the exit code they add up to.

Tables go to standard output and sentences about trouble to standard error, one line each, so that both can be piped.
With ``--json`` nothing but one JSON document goes to standard output. Text is shown as it is: what looks like markup or
like the name of an emoji to the library that draws the tables stands in many a title (``[electronic resource]``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from config.phrase import Phrase
from kiosk.i18n import _, language
from sync.text import fold


class Answers:
    """What one command has to say. Collects refusals and failures; :meth:`code` is 1 when there was one, else 0."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
        self.err = Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._failed = False

    def show(self, *what: RenderableType) -> None:
        """Print for a person; nothing with ``--json``."""
        if not self.as_json:
            for one in what:
                self.out.print(one if not isinstance(one, str) else Text(one))

    def document(self, value: object) -> None:
        """Print the answer for a machine, with ``--json`` only."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def line(self, text: str) -> None:
        """One line of an answer that goes on, at once, with ``--json`` only."""
        if self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def fail(self, sentence: str | Phrase) -> None:
        """One plain sentence on standard error; the command ends with 1."""
        self._failed = True
        said = sentence.say(language()) if isinstance(sentence, Phrase) else sentence
        self.err.print(Text(said))

    @property
    def code(self) -> int:
        """The exit code."""
        return 1 if self._failed else 0


def agree(question: str) -> bool:
    """Ask a person, on standard error; anything but a yes in either language is a no, and so is the end of input."""
    choice = _("[y/N]")
    sys.stderr.write(f"{question} {choice} ")
    sys.stderr.flush()
    return fold(sys.stdin.readline().strip()) in {"y", "yes", "c", "co"}


def table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table with a title; columns named in ``right`` hold numbers."""
    made = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(Text(column), justify="right" if column in right else "left", overflow="fold")
    return made


@contextmanager
def progress(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error while the block runs; the block calls it with bytes done and in all."""
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
