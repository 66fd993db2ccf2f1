"""A visit on true time: 38400 baud, air time, codecs, session and ledger, from the hand to the view that shows it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

from kiosk.demo.bench import Bench
from kiosk.demo.clock import open_hours
from kiosk.demo.library import items, make_home
from kiosk.machine import Machine
from kiosk.station import settings_of
from kiosk.views import Action, BorrowView, RowState, Touch, View
from sync.circulation.model import Item
from tests.bench.figure import Figure

_ROUNDS = 5


def measure() -> list[Figure]:
    """Pad to title for one and five books; card to all released for ten."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        make_home(home, date(2026, 11, 23))
        # A limit that ten books do not meet: the policy is not what is measured.
        rules = (home / "rules.toml").read_text("utf-8").replace("max_loans = 5", "max_loans = 40")
        (home / "rules.toml").write_text(rules, "utf-8")
        one = [_round(home, 1) for _each in range(_ROUNDS)]
        five = [_round(home, 5) for _each in range(_ROUNDS)]
        ten = [_round(home, 10) for _each in range(_ROUNDS)]
    return [
        Figure("pad to title, 1 book", median(r[0] for r in one), "s", 0.5, note=_worst([r[0] for r in one])),
        Figure("pad to all titles, 5 books", median(r[0] for r in five), "s", 1.0, note=_worst([r[0] for r in five])),
        Figure("10 books, card to all released", median(r[1] for r in ten), "s", 2.5, note=_worst([r[1] for r in ten])),
    ]


def _worst(values: list[float]) -> str:
    return f"median of {len(values)}, slowest {max(values):.2f}"


def _round(home: Path, count: int) -> tuple[float, float]:
    """Seconds from the books on the pad to all their titles, and from the card to all of them released."""
    settings = settings_of(home)
    books = _lendable(count)
    seen = _Watch()
    clock = open_hours(settings.rules.rules.calendar("TN"))
    with Bench(real_time=True) as bench, Machine(settings, bench.devices, show=seen, clock=clock) as machine:
        seen.until(lambda _view: all(d.well for d in machine.session.state.devices))
        carded = time.monotonic()
        bench.tap("TN000101")
        seen.until(lambda view: isinstance(view.body, BorrowView))
        put = time.monotonic()
        bench.put(*books)
        titled = seen.until(lambda view: _rows(view, lambda row: row != "") == count) - put
        released = seen.until(lambda view: isinstance(view.body, BorrowView) and view.body.borrowed == count) - carded
        bench.take_card()
        machine.touch(Touch(Action.END))
        for book in books:  # so that the next round can lend them again
            bench.lift(book)
        seen.until(lambda _view: not machine.session.state.pad)
        bench.put(*books)
        seen.until(
            lambda _view: machine.session.state.phase.value == "offer" and len(machine.session.state.books) == count
        )
        machine.touch(Touch(Action.RETURN))
        seen.until(lambda _view: all(b.stage.value == "secured" for b in machine.session.state.books))
    return titled, released


def _lendable(count: int) -> list[Item]:
    found = [item for item in items() if item.type == "book" and item.branch == "TN" and item.parts == 1]
    return list({item.title_id: item for item in found}.values())[:count]


def _rows(view: View, holds: Callable[[str], bool]) -> int:
    rows = view.body.rows if isinstance(view.body, BorrowView) else ()
    return sum(holds(row.title) for row in rows if row.state is not RowState.READING or row.title)


class _Watch:
    """Keeps the latest view, and says when one was shown for which something holds."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._latest: tuple[float, View] | None = None

    def __call__(self, view: View) -> None:
        with self._changed:
            self._latest = (time.monotonic(), view)
            self._changed.notify_all()

    def until(self, holds: Callable[[View], bool], patience: float = 20) -> float:
        """The monotonic second in which the view was shown. Raises ``TimeoutError``."""
        deadline = time.monotonic() + patience
        with self._changed:
            while self._latest is None or not holds(self._latest[1]):
                if time.monotonic() > deadline:
                    raise TimeoutError("the screen did not come to show what was waited for")
                self._changed.wait(0.02)
            return self._latest[0]
