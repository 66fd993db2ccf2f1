"""What is known of a copy and of its loans when all stations' facts have been added up, as values.

They are made by :mod:`sync.circulation.custody`. ``to_values`` and ``from_values`` turn them into what JSON can carry,
for a row of a database; a loan or custody that was carried so is equal to what it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sync.circulation.events import CheckedOut
from sync.circulation.exceptions import StaffException
from sync.circulation.facts import Fact, Key


class Closing(StrEnum):
    """How a loan ended."""

    CHECKIN = "checkin"
    INFERRED = "inferred"
    UNDONE = "undone"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class CopyLoan:
    """A loan as the facts of its copy give it. Instants are in milliseconds.

    ``renewals`` counts those that took effect, ``idle_renewals`` those recorded after the loan had ended.
    ``late_days`` is what the desk counted when the copy came back. ``also`` are the tokens of further checkouts to the
    same reader, which only renewed it. ``doubted``: no fee of it is asked for until staff decide.
    """

    token: str
    item_type: str
    branch: str
    mode: str
    out_at: int
    due_at: int
    renewals: int = 0
    idle_renewals: int = 0
    closed_at: int | None = None
    closing: Closing | None = None
    late_days: int = 0
    also: tuple[str, ...] = ()
    doubted: bool = False

    @classmethod
    def opened(cls, fact: Fact, event: CheckedOut, renewals: int = 0) -> CopyLoan:
        """The loan that a checkout begins."""
        return cls(event.loan, event.item_type, event.branch, event.mode, fact.at, event.due_at, renewals)

    def renewed(self, due_at: int) -> CopyLoan:
        """This loan after a renewal, which never shortens it and does nothing to one that has ended."""
        if self.closing is not None:
            return replace(self, idle_renewals=self.idle_renewals + 1)
        return replace(self, due_at=max(self.due_at, due_at), renewals=self.renewals + 1)

    def closed(self, at: int, closing: Closing, late_days: int = 0) -> CopyLoan:
        """This loan ended. None ends before it began, whatever the clocks say."""
        return replace(self, closed_at=max(at, self.out_at), closing=closing, late_days=late_days)

    def goes_by(self, token: str | None) -> bool:
        """Whether a token stands for this loan."""
        return token == self.token or token in self.also

    def to_values(self) -> list[object]:
        """This loan as JSON can carry it."""
        return [
            self.token, self.item_type, self.branch, self.mode, self.out_at, self.due_at, self.renewals,
            self.idle_renewals, self.closed_at, self.closing, self.late_days, self.also, self.doubted,
        ]  # fmt: skip

    @classmethod
    def from_values(cls, values: list[Any]) -> CopyLoan:
        """The loan of :meth:`to_values`."""
        token, item_type, branch, mode, out_at, due_at, renewals, idle, closed_at, closing, late, also, doubted = values
        ended = None if closing is None else Closing(closing)
        return cls(
            token, item_type, branch, mode, out_at, due_at, renewals, idle, closed_at, ended, late, tuple(also), doubted
        )


#: The place before all facts.
BEGINNING: Key = (-(2**63), "", 0, 0)

#: A station's last fact of a copy: station, epoch, number; and until when any of its facts may have happened.
Head = tuple[str, int, int, int | None]


@dataclass(frozen=True, slots=True)
class Custody:
    """Who has a copy now, and what ``extend`` must remember. Small: it does not grow with the copy's history.

    ``loan`` is the open one, ``None`` while the library has the copy; ``ambiguous`` says that this is a provisional
    word. ``branch`` is where the copy was last seen (``None``: never), ``put_aside`` whether it was put aside there.
    ``ended`` is the loan that the very last fact closed. ``charged``: a fee was charged on the open loan. ``tip`` is
    the place of the last fact, ``heads`` that of each station's last one. ``awaited`` names what was spoken of and has
    not come: a loan, or an event (station and number). ``tangled``: the facts contradict each other.
    """

    loan: CopyLoan | None = None
    branch: str | None = None
    put_aside: bool = False
    ambiguous: bool = False
    ended: CopyLoan | None = None
    charged: bool = False
    tip: Key = BEGINNING
    heads: tuple[Head, ...] = ()
    awaited: tuple[str, ...] = ()
    tangled: bool = False

    def bound_for(self, home: str) -> str | None:
        """Where the copy is on its way to: its home branch, where it came back to another one. A van is a branch."""
        return home if self.loan is None and self.branch not in {None, home} else None

    def to_values(self) -> list[object]:
        """This custody as JSON can carry it."""
        loan, ended = (None if x is None else x.to_values() for x in (self.loan, self.ended))
        return [
            loan, self.branch, self.put_aside, self.ambiguous, ended, self.charged, self.tip, self.heads, self.awaited,
            self.tangled,
        ]  # fmt: skip

    @classmethod
    def from_values(cls, values: list[Any]) -> Custody:
        """The custody of :meth:`to_values`."""
        loan, branch, put_aside, ambiguous, ended, charged, tip, heads, awaited, tangled = values
        loan, ended = (None if x is None else CopyLoan.from_values(x) for x in (loan, ended))
        at, station, epoch, seq = tip
        last = tuple((s, e, n, latest) for s, e, n, latest in heads)
        return cls(
            loan, branch, put_aside, ambiguous, ended, charged, (at, station, epoch, seq), last, tuple(awaited), tangled
        )


@dataclass(frozen=True, slots=True)
class History:
    """What facts add up to. From ``fold`` all loans and exceptions; from ``extend`` those that changed."""

    custody: Custody
    loans: tuple[CopyLoan, ...] = ()
    exceptions: tuple[StaffException, ...] = ()
