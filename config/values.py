"""What a setting may be beyond its type: its limits, and its secrecy.

A frozen dataclass names limits where it names types, ``loans: Annotated[int, Between(0, 100)]``; a rule over several
fields stays in its ``__post_init__``. Limits are judged where settings come in (:func:`config.loader.build`). No I/O
and nothing but the standard library, so that rules may use them too.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Protocol

from config.phrase import Phrase

#: What stands for a secret wherever it is shown.
MASK = "•••"


class Secret:
    """A password or key: shows as ``•••`` in every kind of text; only :meth:`reveal` gives it out.

    Kept exactly as written, neither stripped nor normalised: two ends must send the same bytes.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself, for the one place that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)


class Limit(Protocol):
    """What judges a value of X in ``Annotated[X, ...]``. It must not quote a text, which may be a secret."""

    def refuse(self, value: Any) -> Phrase | None:
        """The sentence that says what is wanted, ``None`` when the value is good."""


@dataclass(frozen=True, slots=True)
class Between:
    """A number from ``low`` to ``high``, both included; ``None`` is no bound."""

    low: float | None = None
    high: float | None = None

    def refuse(self, value: float) -> Phrase | None:
        """The range in words, ``None`` for a number within it."""
        if (self.low is None or self.low <= value) and (self.high is None or value <= self.high):
            return None
        if self.high is None:
            range_ = Phrase(f"từ {self.low} trở lên", f"at least {self.low}")
        elif self.low is None:
            range_ = Phrase(f"không quá {self.high}", f"at most {self.high}")
        else:
            range_ = Phrase(f"từ {self.low} đến {self.high}", f"from {self.low} to {self.high}")
        return Phrase("Phải là số {range}; ở đây là {value}.", "This must be {range}; it is {value}.").fill(
            range=range_, value=value
        )


@dataclass(frozen=True, slots=True)
class OneLine:
    """A text on one line, without control characters, of ``least`` to ``most`` characters (code points in NFC)."""

    least: int = 1
    most: int = 200

    def refuse(self, value: str) -> Phrase | None:
        """What is wrong with the line, ``None`` for a good one."""
        if not value and self.least:
            return Phrase("Không được để trống.", "This must not be empty.")
        if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in value):
            return Phrase(
                "Phải viết trên một dòng, không có ký tự điều khiển.",
                "This must stand on one line, without control characters.",
            )
        if not self.least <= len(value) <= self.most:
            return Phrase(
                f"Phải dài từ {self.least} đến {self.most} ký tự; ở đây có {len(value)}.",
                f"This must have {self.least} to {self.most} characters; it has {len(value)}.",
            )
        return None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text that a regular expression matches as a whole; ``wanted`` says in words what it asks for."""

    regex: str
    wanted: Phrase

    def refuse(self, value: str) -> Phrase | None:
        """The wanted shape in words, ``None`` for a text that has it."""
        return None if re.fullmatch(self.regex, value) else self.wanted
