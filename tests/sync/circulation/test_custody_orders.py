"""The same facts in any order: all interleavings of one copy at three stations, all orders of arrival.

How all orders of arrival are covered without walking them: whatever the order, what headquarters has at any time is a
set of facts that lacks, of each station, only its latest ones. Such a set is itself a shorter history, with its own
turn here. So it is enough to look at each history once and at each last fact of a station in it: what the facts without
it came to, extended by it, must be what all facts come to. Every order of arrival is a chain of such steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import pytest

from sync.circulation.copies import Custody, History
from sync.circulation.custody import extend, fold
from sync.circulation.facts import Fact
from tests.sync.circulation.one_copy import ITEM, Act, back, facts, hold_the_laws, out, renew

STATIONS = ("A", "B", "C")
#: Hours between two acts: far apart for every clock, or so near that no clock tells.
CERTAIN, AT_ONCE = 1.0, 1 / 60


def station_by_station(length: int, apart: float, *, hearsay: bool) -> Iterator[list[Act]]:
    """All histories of a length in which each station does what it can by what it knows.

    A station lends what it has not lent itself, and renews or takes back its own loan; with ``hearsay`` it may also
    know of the latest loan made anywhere. Which station is called A makes no difference, so they come in that order.
    """

    def go_on(acts: list[Act], own: dict[str, str | None], latest: str | None) -> Iterator[list[Act]]:
        if len(acts) == length:
            yield acts
            return
        h = 8 + len(acts) * apart
        for station in STATIONS[: len(own) + 1]:
            mine = own.get(station)
            if mine is None:
                token = f"T{len(acts)}"
                yield from go_on([*acts, out(station, h, token)], {**own, station: token}, token)
            known = {mine} | ({latest} if hearsay and latest is not None else set())
            for loan in sorted(known, key=str):
                yield from go_on([*acts, back(station, h, loan)], {**own, station: None}, latest)
                if loan is not None:
                    made = None if loan == mine else 8 + int(loan[1:]) * apart
                    yield from go_on([*acts, renew(station, h, loan, made=made)], {**own, station: mine}, latest)

    yield from go_on([], {}, None)


def added(before: History, step: History) -> History:
    """A history after a step of ``extend``."""
    loans = {x.token: x for x in (*before.loans, *step.loans)}
    exceptions = {x.id: x for x in (*before.exceptions, *step.exceptions)}
    in_time = sorted(loans.values(), key=lambda x: (x.out_at, x.token))
    return History(step.custody, tuple(in_time), tuple(exceptions[id_] for id_ in sorted(exceptions)))


def comes_out_the_same(told: list[Fact]) -> int:
    """Check one history as the page above says; answers how many last facts could be added alone."""
    whole = fold(ITEM, told)
    hold_the_laws(whole, told)
    assert fold(ITEM, reversed(told)) == whole
    alone = 0
    for last in {fact.station: fact for fact in told}.values():
        before = fold(ITEM, [fact for fact in told if fact is not last])
        step = extend(ITEM, before.custody, last)
        if step is not None:
            alone += 1
            assert added(before, step) == whole
    return alone


@pytest.mark.parametrize(
    ("length", "apart", "hearsay"),
    [
        *[(n, CERTAIN, False) for n in range(1, 7)],
        *[(n, AT_ONCE, False) for n in range(1, 6)],
        *[(n, CERTAIN, True) for n in range(1, 5)],
        *[(n, AT_ONCE, True) for n in range(1, 5)],
    ],
)
def test_every_history_comes_out_the_same_whatever_the_order_of_arrival(
    length: int, apart: float, hearsay: bool
) -> None:
    alone = sum(comes_out_the_same(facts(*acts)) for acts in station_by_station(length, apart, hearsay=hearsay))
    assert alone > 0


def uploads(told: list[Fact]) -> Iterator[tuple[Fact, ...]]:
    """All orders of arrival in which each station's facts come in its own order."""
    for order in permutations(told):
        if all(a.seq < b.seq for n, a in enumerate(order) for b in order[n + 1 :] if a.station == b.station):
            yield order


@pytest.mark.parametrize("apart", [CERTAIN, AT_ONCE])
def test_all_orders_of_arrival_walked_one_by_one(apart: float) -> None:
    """The argument at the head of this page, tried out where there are few enough."""
    for acts in station_by_station(4, apart, hearsay=False):
        told = facts(*acts)
        whole = fold(ITEM, told)
        for order in uploads(told):
            now, here = History(Custody()), []
            for fact in order:
                here.append(fact)
                step = extend(ITEM, now.custody, fact)
                now = fold(ITEM, here) if step is None else added(now, step)
            assert now == whole


def test_the_histories_are_all_there() -> None:
    """Two acts are open to every station at every step, and stations are named as they come: 1, 2, 5, 14 ways."""
    counts = [sum(1 for _ in station_by_station(n, CERTAIN, hearsay=False)) for n in (1, 2, 3, 4)]
    assert counts == [2 * 1, 4 * 2, 8 * 5, 16 * 14]
