"""Scanners that play a keyboard: keys with their times in, codes and what a person typed out. Pure.

A keyboard wedge types a code and Enter behind it, into whatever has the keyboard: digits would stand in a field, and
Enter would press a button (facts/rfid.md, 6.6). So every key goes through a :class:`WedgeCollector` first, which holds
it until it is known whose it is. Nothing but the time tells: a scanner types a key in a few milliseconds, a person
takes a tenth of a second.

Theory of operation. Keys that follow each other within a *pause* are a run. A run that ends with Enter (or Tab), is
long enough for a code and was quick *on the average* is a scan: it becomes a code, or noise as :mod:`drivers.codes`
has it, and Enter is gone with it. The average, because keys reach a program in batches, a frame of the screen at a
time, so that one scan has both keys of the same moment and a long wait between two. A run that was as quick and has no
Enter broke off. Any other run was typed by somebody and is handed on, in order and whole, a pause later than it was
typed. What a person types in the very moment of a scan is taken for part of it; a check digit finds that out.

    collector = WedgeCollector(CodeForm(), CodeRules(item_prefix="TN-"))
    for found in collector.press("7", at=time.monotonic()):
        ...  # Code, Ignored or Typed
    ...  # once `collector.due` has passed without another key:
    collector.settle(at=time.monotonic())
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from drivers.codes import LONGEST_LINE, Code, CodeForm, CodeRules, Ignored, Noise, read_code

#: Seconds: keys further apart belong to different runs; a frame of a slow screen is shorter.
PAUSE: Final = 0.15
#: Seconds a key of a scan takes at most, on the average. The quickest of typists take three times as long.
_QUICK: Final = 0.035
#: Fewer keys than this are no code.
_SHORTEST: Final = 4
_ENDS: Final = frozenset("\r\n\t")


@dataclass(frozen=True, slots=True)
class Typed:
    """Keys that a person pressed; ``\\r`` is Enter."""

    text: str = field(repr=False)


Found: TypeAlias = Code | Ignored | Typed


class WedgeCollector:
    """Tells scans from typing. Holds no more keys than the longest line has."""

    def __init__(self, form: CodeForm | None = None, rules: CodeRules | None = None) -> None:
        self._form, self._rules = form or CodeForm(), rules or CodeRules()
        self._keys: list[str] = []
        self._first = 0.0
        self._last = 0.0
        self._overlong = False
        self._just_scanned = False

    @property
    def due(self) -> float | None:
        """When :meth:`settle` has something to say if no key comes before; None while nothing is held."""
        return self._last + PAUSE if self._keys or self._overlong else None

    def press(self, key: str, at: float) -> list[Found]:
        """One key at its time, in seconds: what it means for those before it, and perhaps for itself."""
        found = self.settle(at)
        if key in _ENDS:
            second = self._just_scanned and at - self._last <= PAUSE  # of CR and LF
            self._last = at
            return found if second else found + self._close(key)
        if self.due is None:
            self._first = at
        self._last, self._just_scanned = at, False
        self._keys.append(key)
        if len(self._keys) > LONGEST_LINE:
            self._keys.clear()
            self._overlong = True
        return found

    def settle(self, at: float) -> list[Found]:
        """Time has passed: what is held is decided on when there was a pause."""
        return [] if self.due is None or at <= self.due else self._close("")

    def _close(self, end: str) -> list[Found]:
        """What the run was that ends here, with Enter or without."""
        keys, overlong = self._keys, self._overlong
        self._keys, self._overlong = [], False
        quick = len(keys) >= _SHORTEST and self._last - self._first <= _QUICK * len(keys)
        self._just_scanned = bool(end) and (quick or overlong)
        if overlong:
            return [Ignored(Noise.TOO_LONG)]
        if not quick:
            return [Typed("".join(keys) + end)]
        if not end:
            return [Ignored(Noise.BROKEN_OFF)]
        code = read_code("".join(keys).encode(errors="replace"), self._form, self._rules)
        return [] if code is None else [code]
