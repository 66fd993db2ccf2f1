"""Command lines as a person types them, and how they ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kiosk.cli import run

#: The program as it is installed; where there is no script, as the script would start it.
_SCRIPT = Path(sysconfig.get_path("scripts")) / ("tramsach.exe" if os.name == "nt" else "tramsach")
PROGRAM = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-c", "from kiosk.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Ended:
    """One command line that has run: its exit code and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it is."""
        return json.loads(self.out)

    @property
    def sentences(self) -> list[str]:
        """Standard error, a line each."""
        return self.err.splitlines()


@dataclass(frozen=True, slots=True)
class Typed:
    """Runs command lines in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str, lang: str = "en") -> Ended:
        self.capsys.readouterr()
        code = run(["--lang", lang, *words])
        out, err = self.capsys.readouterr()
        return Ended(code, out, err)


def started(*words: str | bytes, said: str = "", **environment: str) -> Ended:
    """Runs a command line as a process of its own, with ``said`` on its standard input."""
    ended = subprocess.run(
        [*PROGRAM, *words], input=said.encode(), capture_output=True, env=surroundings(environment), check=False
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


_ONE_AFTER_ANOTHER = """
import contextlib, io, json, sys
from kiosk.cli import run
ended = []
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run(words)
    ended.append((code, out.getvalue(), err.getvalue()))
json.dump(ended, sys.stdout)
"""


def in_one_language(lang: str, lines: Iterable[Sequence[str]], **environment: str) -> list[Ended]:
    """Runs many command lines in one process, whose locale is that of ``lang``.

    A process speaks one language: the names of values in help are settled when the commands are loaded, and so are
    some words of the library behind them.
    """
    ended = subprocess.run(
        [sys.executable, "-c", _ONE_AFTER_ANOTHER],
        input=json.dumps([*lines]).encode(),
        capture_output=True,
        env=surroundings({"LC_ALL": {"vi": "vi_VN.UTF-8", "en": "en_GB.UTF-8"}[lang], **environment}),
        check=True,
    )
    return [Ended(*one) for one in json.loads(ended.stdout)]


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with a terminal of 100 columns and no language of its own, and then what is given."""
    neutral = {key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LC_MESSAGES", "LANGUAGE")}
    return neutral | {"LANG": "C.UTF-8", "COLUMNS": "100", "TERM": "dumb", **environment}
