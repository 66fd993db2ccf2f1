"""What the ledger answers when something has been done: the acts of a desk or kiosk, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sync.circulation.blocks import Block, Refused
from sync.circulation.decisions import PutAside, Renewal
from sync.circulation.model import Fee, Hold, Item, Loan, Patron, Title


@dataclass(frozen=True, slots=True)
class Lent:
    """An item went out. ``entry`` is the number of the event, by which it can be undone."""

    entry: int
    loan: Loan
    item: Item
    title: Title | None
    notices: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An item came back. ``loan`` is the one that ended, ``fee`` its cost; ``put_aside`` why not to the shelf."""

    entry: int
    item_id: str
    item: Item | None
    title: Title | None
    loan: Loan | None
    late_days: int
    fee: Fee | None
    put_aside: PutAside | None
    notices: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Extended:
    """A loan was renewed; ``loan`` is how it stands now."""

    entry: int
    loan: Loan
    item: Item | None
    title: Title | None
    notices: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class TakenBackAct:
    """An earlier act was undone; ``act`` is ``checkout``, ``checkin`` or ``renew``."""

    entry: int
    act: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An act that needs no more than its number."""

    entry: int


@dataclass(frozen=True, slots=True)
class AccountLoan:
    """A line of a reader's account: the loan, what it is of, and whether it could be renewed now."""

    loan: Loan
    item: Item | None
    title: Title | None
    renewal: Renewal | Refused


@dataclass(frozen=True, slots=True)
class Account:
    """A reader's account as it holds now. ``patron`` is ``None`` for a card that no list knows."""

    card: str
    patron: Patron | None
    loans: tuple[AccountLoan, ...]
    holds: tuple[tuple[Hold, Title | None], ...]
    fees: tuple[Fee, ...]
    now: datetime

    @property
    def owed(self) -> int:
        """All that is owed, in đồng."""
        return sum(fee.outstanding for fee in self.fees)
