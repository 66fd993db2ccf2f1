"""Settings: everything right comes through both ways, everything wrong is named with its key, in both languages."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NoReturn

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st

from config.loader import PRODUCT_DEFAULTS, Built, Layer, Problem, Problems, build, dump, read_toml, write_toml
from config.phrase import Phrase, SettingError
from config.values import MASK, Between, OneLine, Pattern, Secret

ROOT = Path(__file__).parents[2]
HANOI = timezone(timedelta(hours=7))


class Mode(StrEnum):
    ON_SITE = "on_site"
    TAKE_HOME = "take_home"


@dataclass(frozen=True, slots=True)
class Interval:
    opens: time = time(7, 30)
    closes: time = time(17)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise SettingError(Phrase("Giờ mở phải trước giờ đóng.", "Opening must be before closing."))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of rules; its own check speaks English only."""

    name: Annotated[str, OneLine(most=20)]
    max_loans: Annotated[int, Between(0, 100)] = 3
    modes: frozenset[Mode] = frozenset({Mode.TAKE_HOME})
    due_on: date | None = None

    def __post_init__(self) -> None:
        if not self.modes:
            raise ValueError("a row needs a mode")


@dataclass(frozen=True, slots=True)
class Everything:
    """One field of every type that can be read, all with defaults."""

    words: str = ""
    line: Annotated[str, OneLine(most=20)] = "one"
    code: Annotated[str, Pattern("[A-Z]{2}", Phrase("Cần hai chữ cái hoa.", "Two capital letters."))] = "TN"
    whole: int = 0
    least: Annotated[int, Between(1)] = 1
    most: Annotated[float, Between(high=2.5)] = 1.5
    decimal: float = 0.5
    truth: bool = False
    day: date = date(2026, 9, 2)
    at: time = time(7, 30)
    moment: datetime = datetime(2026, 9, 2, tzinfo=UTC)
    mode: Mode = Mode.ON_SITE
    language: Literal["vi", "en"] = "vi"
    level: Literal[1, 2] = 1
    folder: Path = Path("here")
    key: Secret = Secret("k")
    nothing: int | None = None
    something: int | None = 5
    hours: Interval = Interval(time(8), time(16))
    pause: Interval | None = None
    names: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    modes: frozenset[Mode] = frozenset()
    fees: Mapping[str, int] = field(default_factory=dict)
    rooms: Mapping[str, Interval] = field(default_factory=dict)
    _known: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Required:
    name: str
    row: Row
    age: int | None


@dataclass(frozen=True, slots=True)
class Tree:
    children: tuple[Tree, ...] = ()
    one: Tree | None = None


def built[T](outcome: Built[T] | Problems) -> T:
    assert isinstance(outcome, Built), outcome.say("en")
    return outcome.value
