"""Plain values out of what TOML or JSON says: text, numbers, days, choices, each with the sentence that refuses it.

A check takes what was found and returns the good value, or a :class:`~config.phrase.Phrase`, which no setting can be.
Sentences tell the kind of what was found and never a text itself: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

from config.phrase import Phrase
from config.values import MASK, Secret

#: From what was found to the value, or to the sentence that refuses it.
Check = Callable[[object], object]

LIST = Phrase("danh sách trong ngoặc vuông", "a list in square brackets")
TABLE = Phrase("một bảng (nhóm thiết lập)", "a table (a group of settings)")
_TEXT = Phrase("văn bản trong ngoặc kép", "text in quotes")
_PATH = Phrase("đường dẫn trong ngoặc kép", "a path in quotes")
_WHOLE = Phrase("số nguyên", "a whole number")
_NUMBER = Phrase("số", "a number")
_TRUTH = Phrase("true hoặc false", "true or false")
_DATE = Phrase("ngày, ví dụ 2026-09-02", "a date such as 2026-09-02")
_TIME = Phrase('giờ, ví dụ "07:30"', 'a time such as "07:30"')
_MOMENT = Phrase(
    "ngày giờ có múi giờ, ví dụ 2026-09-02T07:30:00+07:00",
    "a date and time with its offset, such as 2026-09-02T07:30:00+07:00",
)
#: What things are, in words. bool stands before int and datetime before date, whose subclasses they are.
_KINDS: tuple[tuple[type, Phrase], ...] = (
    (str, Phrase("văn bản", "text")),
    (bool, _TRUTH),
    (int, _WHOLE),
    (float, Phrase("số thập phân", "a decimal number")),
    (datetime, Phrase("ngày kèm giờ", "a date with a time")),
    (date, Phrase("ngày", "a date")),
    (time, Phrase("giờ", "a time")),
    (Mapping, Phrase("một bảng", "a table")),
    (list, Phrase("danh sách", "a list")),
    (tuple, Phrase("danh sách", "a list")),
    (type(None), Phrase("giá trị rỗng", "empty")),
)
_BROKEN_TEXT = Phrase("Văn bản có ký tự hỏng.", "The text has a broken character.")
_NO_SUCH_DAY = Phrase("Không có ngày hoặc giờ này.", "There is no such date or time.")
_TOO_LARGE = Phrase("Số quá lớn.", "The number is too large.")
_NOT_FINITE = Phrase("Phải là một số hữu hạn.", "This must be a finite number.")
_ONLY_THE_MASK = Phrase(
    f"'{MASK}' chỉ là dấu che; hãy viết mật khẩu hoặc khóa thật.",
    f"'{MASK}' is only the mask; please write the real password or key.",
)

#: JSON lets half a surrogate pair through, which has no UTF-8, and PostgreSQL's text takes no NUL.
_BROKEN = re.compile(r"[\0\ud800-\udfff]")

#: Narrower than what ``fromisoformat`` takes: no week dates, and no 24:00, which some Pythons read as midnight.
_DAY_SHAPE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_SHAPE = r"([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{6})?)?"
_MOMENT_SHAPE = rf"{_DAY_SHAPE}[T ]{_TIME_SHAPE}(Z|[+-][0-9]{{2}}:[0-9]{{2}})"


def wrong_kind(expected: Phrase, found: object) -> Phrase:
    """What is wanted, and what was found instead."""
    kind = next((phrase for known, phrase in _KINDS if isinstance(found, known)), None)
    return Phrase("Cần {expected}; ở đây là {kind}.", "This must be {expected}; it is {kind}.").fill(
        expected=expected, kind=kind or type(found).__name__
    )


def text(found: object) -> str | Phrase:
    """Text in NFC, without the white space around it."""
    if not isinstance(found, str):
        return wrong_kind(_TEXT, found)
    if _BROKEN.search(found):
        return _BROKEN_TEXT
    return unicodedata.normalize("NFC", found).strip()


def whole(found: object) -> int | Phrase:
    """A whole number of at most 64 bits, as TOML promises and databases can keep."""
    if not isinstance(found, int) or isinstance(found, bool):
        return wrong_kind(_WHOLE, found)
    return found if -(2**63) <= found < 2**63 else _TOO_LARGE


def truth(found: object) -> bool | Phrase:
    """True or false; 0 and 1 are numbers."""
    return found if isinstance(found, bool) else wrong_kind(_TRUTH, found)


def number(found: object) -> float | Phrase:
    """A number, whole or not; neither infinite nor NaN, which JSON does not know."""
    if isinstance(found, float):
        return found if isfinite(found) else _NOT_FINITE
    if not isinstance(found, int) or isinstance(found, bool):
        return wrong_kind(_NUMBER, found)
    good = whole(found)
    return good if isinstance(good, Phrase) else float(good)


def day(found: object) -> date | Phrase:
    """A day; in JSON as ``2026-09-02``."""
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    if not isinstance(found, str) or not re.fullmatch(_DAY_SHAPE, found.strip()):
        return wrong_kind(_DATE, found)
    try:
        return date.fromisoformat(found.strip())
    except ValueError:
        return _NO_SUCH_DAY


def clock_time(found: object) -> time | Phrase:
    """A time of the library's own clock, without offset; ``"07:30"`` will do, in TOML too, which wants seconds."""
    if isinstance(found, time) and found.tzinfo is None:
        return found
    if not isinstance(found, str) or not re.fullmatch(_TIME_SHAPE, found.strip()):
        return wrong_kind(_TIME, found)
    try:
        return time.fromisoformat(found.strip())
    except ValueError:
        return _NO_SUCH_DAY


def moment(found: object) -> datetime | Phrase:
    """An instant, in UTC; it must be written with its offset."""
    if isinstance(found, str):
        if not re.fullmatch(_MOMENT_SHAPE, found.strip()):
            return wrong_kind(_MOMENT, found)
        try:
            found = datetime.fromisoformat(found.strip())
        except ValueError:
            return _NO_SUCH_DAY
    if not isinstance(found, datetime) or found.tzinfo is None:
        return wrong_kind(_MOMENT, found)
    try:
        return found.astimezone(UTC)
    except OverflowError:  # the first and last hours that a datetime can tell
        return _NO_SUCH_DAY


def secret(found: object) -> Secret | Phrase:
    """A secret, exactly as written; the mask itself is refused, as it comes from an export without secrets."""
    if not isinstance(found, str):
        return wrong_kind(_TEXT, found)
    if found.strip() == MASK:
        return _ONLY_THE_MASK
    return _BROKEN_TEXT if _BROKEN.search(found) else Secret(found)


def path(found: object) -> Path | Phrase:
    """A path, exactly as written: its name belongs to the file system, which may keep it decomposed."""
    if not isinstance(found, str) or not found.strip():
        return wrong_kind(_PATH, found)
    return _BROKEN_TEXT if _BROKEN.search(found) else Path(found)


def choice(choices: Mapping[object, object], found: object) -> object:
    """The member of ``choices`` under the key that was found; the nearest key is suggested."""
    clean = text(found) if isinstance(found, str) else found
    for key, value in choices.items():
        # 1 equals True and 1.0, so equality alone would let a choice of numbers accept them.
        if key == clean and type(key) is type(clean):
            return value
    names = [str(key) for key in choices]
    near = get_close_matches(clean, names, n=1) if isinstance(clean, str) else []
    sentence = Phrase(f"Phải chọn trong: {', '.join(names)}.", f"This must be one of: {', '.join(names)}.")
    return suggest(sentence, near[0]) if near else sentence


def suggest(sentence: Phrase, near: str) -> Phrase:
    """A refusal with the name that was probably meant."""
    return Phrase(f"{sentence.vi} Bạn muốn viết '{near}'?", f"{sentence.en} Did you mean '{near}'?")


#: The check of each plain type.
CHECKS: Mapping[object, Check] = {
    str: text,
    int: whole,
    bool: truth,
    float: number,
    date: day,
    time: clock_time,
    datetime: moment,
    Secret: secret,
    Path: path,
}
