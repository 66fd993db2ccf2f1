"""What amounts and days mean as catalogues and lists write them.

Amounts: Vietnamese writes a dot for thousands and a comma for decimals, programs write it the other way round, and both
are in the same file. Đồng have no decimals, so three digits behind a separator are thousands, one or two are decimals.

Days: day before month, as everywhere in Viet Nam (facts/vietnamese-and-screens.md, section 2), or ISO 8601, or what a
spreadsheet holds. A year of two digits is not read: nobody could tell 1927 from 2027.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: What a sheet's cell may hold; a CSV file has text alone.
Cell = str | int | float | bool | date | datetime | None

_UNIT = re.compile(r"(?:₫|đồng|đ|d|vnđ|vnd)\.?$|^(?:₫|vnđ|vnd)", re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}([., ])[0-9]{3}(?:\1[0-9]{3}){0,3}(?:[.,][0-9]{1,2})?")
_PLAIN = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,2})?")
_DECIMALS = re.compile(r"[.,][0-9]{1,2}$")
#: Beyond a thousand million a slip is likelier than a price.
_MOST = 1_000_000_000


def parse_dong(cell: Cell) -> int | None:
    """Whole đồng: ``50.000``, ``50,000 ₫``, ``50 000đ``, ``50000.00``; ``None`` for anything else, other money too."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return round(cell) if 0 <= cell <= _MOST else None
    if not isinstance(cell, str):
        return None
    amount = _UNIT.sub("", cell.strip()).strip()
    if not (_PLAIN.fullmatch(amount) or _THOUSANDS.fullmatch(amount)):
        return None
    value = int(re.sub(r"[., ]", "", _DECIMALS.sub("", amount)))
    return value if value <= _MOST else None


@dataclass(frozen=True, slots=True)
class Span:
    """A day, or the month or year that a list names instead, by its first and last day."""

    first: date
    last: date


_DAY_MONTH_YEAR = re.compile(r"([0-9]{1,2})[/.\- ]+([0-9]{1,2})[/.\- ]+([0-9]{4})")
_MONTH_YEAR = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{4})")
_ISO = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_TIME_OF_DAY = re.compile(r"[T ]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?$")
#: Day 0 of spreadsheets, so chosen that days from March 1900 on come out right (they believe in 29 February 1900).
_SPREADSHEET_EPOCH = date(1899, 12, 30)


def parse_day(cell: Cell) -> Span | None:
    """The day a cell names: ``05/03/1990``, ``1990-03-05``, a spreadsheet's date, ``03/1990``, ``1990``."""
    if isinstance(cell, datetime):
        return _one(cell.date())
    if isinstance(cell, date):
        return _one(cell)
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        if 1900 <= cell <= 2200 and cell == int(cell):
            return _year(int(cell))
        return _one(_SPREADSHEET_EPOCH + timedelta(days=int(cell))) if 10_000 <= cell < 110_000 else None
    text = _TIME_OF_DAY.sub("", cell.strip())
    if found := _DAY_MONTH_YEAR.fullmatch(text):
        return _span(int(found[3]), int(found[2]), int(found[1]))
    if found := _ISO.fullmatch(text):
        return _span(int(found[1]), int(found[2]), int(found[3]))
    if found := _MONTH_YEAR.fullmatch(text):
        return _span(int(found[2]), int(found[1]), 0)
    return _year(int(text)) if re.fullmatch(r"[0-9]{4}", text) else None


def _one(day: date) -> Span:
    return Span(day, day)


def _year(year: int) -> Span | None:
    return _span(year, 0, 0)


def _span(year: int, month: int, day: int) -> Span | None:
    """Registers write 00 for a day or month that nobody knows."""
    if not 1900 <= year <= 9999 or month > 12 or (day and not month):
        return None
    if not month:
        return Span(date(year, 1, 1), date(year, 12, 31))
    days = calendar.monthrange(year, month)[1]
    if not day:
        return Span(date(year, month, 1), date(year, month, days))
    return _one(date(year, month, day)) if day <= days else None
