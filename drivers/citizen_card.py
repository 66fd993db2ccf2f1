"""The QR code of a Vietnamese citizen card (thẻ căn cước): its number, and nothing else of it. Pure.

The code holds name, birth date, sex and address in the open, so no more than the number ever leaves this function, and
nothing of it is logged. Its layout is published nowhere; what is known are seven fields between vertical bars, and on
newer cards more (facts/vietnamese-and-screens.md, 8)::

    number of 12 digits | old number, may be empty | name | birth date | sex | address | date of issue | …

The code is not signed: the number says which card was shown, not whose hand it is in.
"""

from __future__ import annotations

import re
from typing import Final

#: What stands between the fields, and in no library's barcode.
SEPARATOR: Final = "|"
_FIELDS: Final = 7
_NUMBER: Final = re.compile("[0-9]{12}")
_OLD_NUMBER: Final = re.compile("([0-9]{9}|[0-9]{12})?")
_DATE: Final = re.compile("([0-9]{8})?")


def citizen_number(text: str) -> str | None:
    """The number on a citizen card; None for any other text. Letters that a scanner garbled do not matter."""
    fields = [part.strip() for part in text.split(SEPARATOR)]
    if len(fields) < _FIELDS:
        return None
    number, old_number, _name, born, _sex, _address, issued = fields[:_FIELDS]
    dates = _DATE.fullmatch(born) and _DATE.fullmatch(issued)
    return number if _NUMBER.fullmatch(number) and _OLD_NUMBER.fullmatch(old_number) and dates else None
