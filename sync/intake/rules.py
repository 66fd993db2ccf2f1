"""The rule-set from a station's own files into the reference, for a station that no headquarters rules.

``rules.toml`` holds branches, policies, hours, closures and internet rooms; without it the rules that ship with the
product hold. ``holidays.toml`` holds public holidays and the Saturdays worked in exchange, written by ``tramsach config
holidays`` from the ``holidays`` package and free to be edited: government announcements come after the package does
(facts/vietnamese-and-screens.md, section 6). What ``rules.toml`` says of a day wins over it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import config
from config.loader import Problem, Problems, build, dump, read_toml, write_toml
from config.phrase import Phrase
from sync.circulation.calendar import ExtraDay, Holiday
from sync.circulation.rules import Rules

T = TypeVar("T")
D = TypeVar("D", bound=Holiday | ExtraDay)

RULES_FILE = "rules.toml"
HOLIDAYS_FILE = "holidays.toml"

#: The rule-sets that ship with the product.
SHIPPED = Path(config.__file__).with_name("rules")


@dataclass(frozen=True, slots=True)
class HolidayList:
    """What ``holidays.toml`` holds."""

    holidays: tuple[Holiday, ...] = ()
    extra_days: tuple[ExtraDay, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule-set with its version, which is made of its content, and the name of the file it came from."""

    version: str
    rules: Rules
    source: str

    @property
    def body(self) -> str:
        """The rule-set as JSON, the form in which it is stored and carried."""
        return _json(self.rules)


def load_rules(home: Path, shipped: str = "default") -> RuleSet | Problems:
    """The rule-set of a station's folder: its ``rules.toml`` (or the ``shipped`` one) and its ``holidays.toml``.

    Answers every problem of both files together.
    """
    own = home / RULES_FILE
    file = own if own.exists() else SHIPPED / f"{shipped}.toml"
    rules = _read(file, Rules)
    holidays = _read(home / HOLIDAYS_FILE, HolidayList) if (home / HOLIDAYS_FILE).exists() else HolidayList()
    if isinstance(rules, Problems) or isinstance(holidays, Problems):
        found = [p for part in (rules, holidays) if isinstance(part, Problems) for p in part]
        return Problems(tuple(found))
    whole = replace(
        rules,
        holidays=_merged(holidays.holidays, rules.holidays),
        extra_days=_merged(holidays.extra_days, rules.extra_days),
    )
    return RuleSet(sha256(_json(whole).encode()).hexdigest()[:12], whole, file.name)


def unknown_branches(rules: Rules, source: str = RULES_FILE) -> Problems | None:
    """Rows that speak for a branch the tree does not have: they would silently never hold."""
    rows = [
        *((f"policies[{n}].branch", row.branch) for n, row in enumerate(rules.policies)),
        *((f"hours[{n}].branch", row.branch) for n, row in enumerate(rules.hours)),
        *((f"closures[{n}].branch", row.branch) for n, row in enumerate(rules.closures)),
        *((f"extra_days[{n}].branch", row.branch) for n, row in enumerate(rules.extra_days)),
        *((f"rooms[{n}].branch", row.branch) for n, row in enumerate(rules.rooms)),
    ]
    found = [
        Problem(key, Phrase(f"Không có đơn vị nào mang mã '{code}'.", f"There is no branch '{code}'."), source)
        for key, code in rows
        if code and code not in rules.network
    ]
    return Problems(tuple(found)) if found else None


def public_holidays(years: tuple[int, ...]) -> HolidayList:
    """The public holidays of Viet Nam in some years, and the week-end days worked in exchange, as calendar data."""
    from holidays import country_holidays  # noqa: PLC0415  # slow to import, and wanted once a year

    known = country_holidays("VN", years=years, language="vi")
    days = sorted((day, name) for day, name in known.items() if day.year in years)
    worked = sorted(day for day in getattr(known, "weekend_workdays", ()) if day.year in years)
    return HolidayList(
        tuple(Holiday(day, name) for day, name in days),
        tuple(ExtraDay(day, "Làm bù") for day in worked),
    )


def write_holidays(home: Path, years: tuple[int, ...]) -> HolidayList | Problems:
    """Write the public holidays of some years to ``holidays.toml``, leaving every other year's lines as they are."""
    file = home / HOLIDAYS_FILE
    before = _read(file, HolidayList) if file.exists() else HolidayList()
    if isinstance(before, Problems):
        return before
    fresh = public_holidays(years)
    kept = HolidayList(
        tuple(h for h in before.holidays if h.day.year not in years),
        tuple(e for e in before.extra_days if e.day.year not in years),
    )
    whole = HolidayList(_merged(kept.holidays, fresh.holidays), _merged(kept.extra_days, fresh.extra_days))
    home.mkdir(parents=True, exist_ok=True)
    return write_toml(file, dump(whole)) or fresh


def known_until(rules: Rules) -> date | None:
    """The last public holiday the rule-set knows; ``None`` when it knows none."""
    return max((h.day for h in rules.holidays), default=None)


def _read(file: Path, cls: type[T]) -> T | Problems:
    values = read_toml(file)
    if isinstance(values, Problems):
        return values
    built = build(cls, values, file.name)
    return built if isinstance(built, Problems) else built.value


def _merged(below: tuple[D, ...], above: tuple[D, ...]) -> tuple[D, ...]:
    """Both lists by day, ``above`` winning; an extra day is known by its branch too."""
    found = {(e.day, getattr(e, "branch", "")): e for e in (*below, *above)}
    return tuple(found[key] for key in sorted(found))


def _json(rules: Rules) -> str:
    return json.dumps(dump(rules), ensure_ascii=False, sort_keys=True, default=str)
