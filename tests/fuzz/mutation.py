"""A fuzzer of our own, for where atheris does not install, and for the short run among the tests.

Theory of operation. A pool holds inputs. Each new one is an input of the pool with a few changes: bits and bytes
turned, pieces taken out, doubled, put in, taken from another input of the pool, or words that stand as constants in
the code of the target. One that reaches a line nobody reached before joins the pool. Looking where an input goes makes
it some times slower, so that after the first inputs only one in a few is looked at; what the others would have found
they find later. The same seed gives the same inputs.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FrameType, ModuleType
from typing import Any

from tests.fuzz.target import Target

#: After so many inputs only one in :data:`_LOOKED_AT` is looked at.
_LEARNING = 2_000
_LOOKED_AT = 4
_MOST_WORDS = 400
_LONGEST_WORD = 40
_ODD_BYTES = b"\0\x01\x02\x7f\x80\xfe\xff\n\r\"'{}[],:=| "


class Lines:
    """The lines of some modules that anything has reached. While it looks, no other tracer can."""

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        self._files = {module.__file__ for module in modules}
        self.reached: set[tuple[CodeType, int]] = set()

    @property
    def count(self) -> int:
        """How many lines: a line that several pieces of code share counts for each."""
        return len(self.reached)

    def look(self, feed: Callable[[bytes], None], data: bytes) -> bool:
        """Whether this input reached a line that none before it did."""
        before = len(self.reached)
        outer = sys.gettrace()
        sys.settrace(self._call)
        try:
            feed(data)
        finally:
            sys.settrace(outer)
        return len(self.reached) > before

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.reached.add((frame.f_code, frame.f_lineno))
        return self._line


def fuzz(target: Target, feed: Callable[[bytes], None], *, inputs: int, seed: int) -> int:
    """Gives ``inputs`` inputs to ``feed``, those first that the target begins with; returns the lines it reached.

    ``feed`` is the target's own, under watch. Fewer inputs than beginnings are taken from among these by chance.
    """
    chance = random.Random(f"{target.name} {seed}")
    lines = Lines(target.modules)
    beginnings = target.beginnings()
    pool = beginnings if len(beginnings) <= inputs else chance.sample(beginnings, inputs)
    for data in pool:
        lines.look(feed, data)
    mutations = _Mutations(chance, words_of(target.modules), target.longest)
    for number in range(inputs - len(pool)):
        data = mutations.of(pool)
        if number >= _LEARNING and number % _LOOKED_AT:
            feed(data)
        elif lines.look(feed, data):
            pool.append(data)
    return lines.count


class _Mutations:
    """Makes inputs out of others."""

    def __init__(self, chance: random.Random, words: Sequence[bytes], longest: int) -> None:
        self._chance = chance
        self._words = words or (b"\0",)
        self._longest = longest
        self._ways = (self._turn_bit, self._set_byte, self._cut, self._double, self._put_word, self._mix, self._count)

    def of(self, pool: Sequence[bytes]) -> bytes:
        """A new input out of a pool; those that joined it last are taken more often."""
        chance = self._chance
        data = bytearray(pool[max(chance.randrange(len(pool)), chance.randrange(len(pool)))])
        for _ in range(1 + int(chance.expovariate(0.7))):
            chance.choice(self._ways)(data, pool)
        return bytes(data[: self._longest])

    def _at(self, data: bytearray) -> int:
        return self._chance.randrange(len(data) + 1)

    def _turn_bit(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        if data:
            data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)

    def _set_byte(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        at = self._at(data)
        odd = self._chance.choice(_ODD_BYTES) if self._chance.random() < 0.5 else self._chance.randrange(256)
        data[at : at + self._chance.randrange(2)] = bytes((odd,))

    def _cut(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        at = self._at(data)
        del data[at : at + 1 + int(self._chance.expovariate(0.2))]

    def _double(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        at, to = self._at(data), self._at(data)
        data[to:to] = data[at : at + 1 + int(self._chance.expovariate(0.1))]

    def _put_word(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        at, word = self._at(data), self._chance.choice(self._words)
        data[at : at + self._chance.choice((0, len(word)))] = word

    def _mix(self, data: bytearray, pool: Sequence[bytes]) -> None:
        other = self._chance.choice(pool)
        begin = self._chance.randrange(len(other) + 1)
        data[self._at(data) :] = other[begin:]

    def _count(self, data: bytearray, _pool: Sequence[bytes]) -> None:
        """A byte a little more or less, as lengths are wrong."""
        if data:
            at = self._chance.randrange(len(data))
            data[at] = (data[at] + self._chance.randint(-4, 4)) % 256


def words_of(modules: Iterable[ModuleType]) -> list[bytes]:
    """The texts and bytes that stand as constants in the code of some modules, and the names of fields and members."""
    words = dict[bytes, None]()
    for module in modules:
        for value in _values(module):
            word = value.encode("utf-8", "ignore") if isinstance(value, str) else value
            if 0 < len(word) <= _LONGEST_WORD:
                words[word] = None
    return list(words)[:_MOST_WORDS]


def _values(module: ModuleType) -> Iterator[str | bytes]:
    for value in vars(module).values():
        if isinstance(value, str | bytes):
            yield value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from getattr(value, "__annotations__", ())
            yield from (str(member) for member in getattr(value, "__members__", {}).values())
            for inner in vars(value).values():
                yield from _constants(getattr(inner, "__code__", None))
        elif getattr(value, "__module__", None) == module.__name__:
            yield from _constants(getattr(value, "__code__", None))


def _constants(code: CodeType | None) -> Iterator[str | bytes]:
    for constant in code.co_consts if code else ():
        if isinstance(constant, str | bytes):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)
