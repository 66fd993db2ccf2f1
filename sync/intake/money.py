"""Amounts of đồng as lists and catalogues write them.

Vietnamese writes a dot for thousands and a comma for decimals, programs write it the other way round, and both are in
the same file. Đồng have no decimals, so: three digits behind a separator are thousands, one or two are decimals.
"""

from __future__ import annotations

import re

_UNIT = re.compile(r"(?:₫|đồng|đ|d|vnđ|vnd)\.?$|^(?:₫|vnđ|vnd)", re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}([., ])[0-9]{3}(?:\1[0-9]{3}){0,3}(?:[.,][0-9]{1,2})?")
_PLAIN = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,2})?")
_DECIMALS = re.compile(r"[.,][0-9]{1,2}$")
#: Beyond a thousand million a slip is likelier than a price.
_MOST = 1_000_000_000


def parse_dong(text: str) -> int | None:
    """Whole đồng: ``50.000``, ``50,000 ₫``, ``50 000đ``, ``50000.00``; ``None`` for anything else, other money too."""
    amount = _UNIT.sub("", text.strip()).strip()
    if not (_PLAIN.fullmatch(amount) or _THOUSANDS.fullmatch(amount)):
        return None
    value = int(re.sub(r"[., ]", "", _DECIMALS.sub("", amount)))
    return value if value <= _MOST else None
