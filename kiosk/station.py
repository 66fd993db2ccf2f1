"""The composition root: one station's settings, rules and ledger, put together from its folder.

A folder (``--home``, ``TRAMSACH_HOME``) holds all of a station: ``station.toml``, ``rules.toml``, ``holidays.toml``,
``ledger.sqlite`` and ``reference.sqlite``. A station that no headquarters rules takes its rules from its own files:
they are written into the reference when they have changed, so that at run time there is one place where rules come
from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.headquarters import HEADQUARTERS_FILE, Headquarters, load_headquarters
from config.loader import Built, Problem, Problems
from config.phrase import ExplainedError, Phrase
from config.station import STATION_FILE, Station, load_station
from sync.intake.rules import RuleSet, load_rules, unknown_branches
from sync.store.clock import read_clock
from sync.store.files import LEDGER, open_reference
from sync.store.ledger import Ledger
from sync.store.reference import Reference
from sync.store.view import Clock, LedgerView, told_rules


class NotReady(ExplainedError):
    """The station's settings have mistakes; its phrases name them all."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(*(Phrase(problem.say("vi"), problem.say("en")) for problem in problems))


@dataclass(frozen=True, slots=True)
class Settings:
    """A station's settings and rules as its files say, both free of mistakes. ``headquarters`` is where it belongs."""

    home: Path
    station: Built[Station]
    rules: RuleSet
    headquarters: Headquarters | None = None


def read_settings(home: Path) -> Settings | Problems:
    """All settings of a folder, or all problems of all its files together.

    Raises :class:`~sync.store.errors.StoreError` where headquarters' rules cannot be read.
    """
    place, station = load_headquarters(home), load_station(home)
    rules = _told_rules(home) if isinstance(place, Headquarters) else load_rules(home)
    found = [problem for part in (station, rules) if isinstance(part, Problems) for problem in part]
    if isinstance(rules, RuleSet):
        found += unknown_branches(rules.rules, rules.source) or ()
        if isinstance(station, Built):
            found += _unknown_home(station.value.branch, rules)
            if not found:
                return Settings(home, station, rules, place if isinstance(place, Headquarters) else None)
    return Problems(tuple(found))


def _told_rules(home: Path) -> RuleSet | Problems:
    """Headquarters' rules, which are the only ones of a station that belongs to it."""
    told = told_rules(home)
    if told is None:
        missing = Phrase(
            "Quy tắc của trụ sở chưa về tới trạm này. Hãy chạy: tramsach sync now (hoặc nhập gói từ thanh USB).",
            "Headquarters' rules have not come to this station yet. Run: tramsach sync now (or import a bundle from a"
            " stick).",
        )
        return Problems((Problem("", missing, HEADQUARTERS_FILE),))
    return RuleSet(told[0], told[1], HEADQUARTERS_FILE)


def _unknown_home(code: str, rules: RuleSet) -> Iterator[Problem]:
    """The station's own branch, where the rules do not have it; it is put right in the station's file."""
    if code not in rules.rules.network:
        sentence = Phrase(
            "Quy tắc không có đơn vị nào mang mã '{code}'; có: {known}.",
            "The rules know no branch with the code '{code}'; there are: {known}.",
        )
        known = ", ".join(branch.code for branch in rules.rules.branches) or "–"
        yield Problem("branch", sentence.fill(code=code, known=known), STATION_FILE)


def settings_of(home: Path) -> Settings:
    """As :func:`read_settings`; raises :class:`NotReady` where there are problems."""
    settings = read_settings(home)
    if isinstance(settings, Problems):
        raise NotReady(settings)
    return settings


def open_ledger(settings: Settings, *, command: str, clock: Clock = read_clock) -> Ledger:
    """The station's ledger for writing, with its rules up to date in the reference. Raises ``StoreError``."""
    station, home = settings.station.value, settings.home
    home.mkdir(parents=True, exist_ok=True)
    ledger = Ledger.open_for_writing(
        home,
        station=station.station,
        epoch=station.epoch,
        branch=station.branch,
        clock=clock,
        actor=station.actor,
        command=command,
    )
    try:
        if settings.headquarters is None and ledger.rules_version() != settings.rules.version:
            with Reference(open_reference(home, command=command)) as reference:
                reference.write_rules(settings.rules.version, settings.rules.body)
    except BaseException:
        ledger.close()
        raise
    return ledger


@contextmanager
def desk(home: Path, *, command: str, clock: Clock = read_clock) -> Iterator[tuple[Ledger, Station]]:
    """The station's ledger as :func:`open_ledger` gives it, and its settings.

    Raises ``NotReady`` and ``StoreError``.
    """
    settings = settings_of(home)
    with open_ledger(settings, command=command, clock=clock) as ledger:
        yield ledger, settings.station.value


def settle_in(home: Path, *, command: str) -> Settings:
    """A station's folder with both its files there and its rules in force, made if it is new; answers its settings.

    Done before an import, so that what was imported can be searched and lent at once. A folder that is in use is left
    alone: whoever uses it has done this.
    """
    settings = settings_of(home)
    if not LEDGER.path(home).exists():
        with desk(home, command=command):
            pass
    return settings


@contextmanager
def onlooker(home: Path) -> Iterator[LedgerView]:
    """The station's two files to look at, beside whoever owns them. Raises ``NotReady`` and ``StoreError``."""
    station = settings_of(home).station.value
    with LedgerView.open(
        home, station=station.station, epoch=station.epoch, branch=station.branch, clock=read_clock
    ) as view:
        yield view
