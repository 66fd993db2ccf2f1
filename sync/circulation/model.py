"""The nouns of circulation, as frozen values.

Money is whole đồng (``int``); instants are aware datetimes in UTC; days are ``date`` in the library's own zone.
Text is NFC by the time it gets here (see :mod:`sync.text`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum

#: The zone that people in the library live in. Viet Nam has one offset all year and has had it since 1975, so a fixed
#: offset serves and the product needs no zone database (Windows has none).
LOCAL_ZONE = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")

#: The category of a card that no list knows. Its policy (no loans unless a branch sets some) is the branch's rule for
#: lending to strangers while headquarters cannot be asked.
UNKNOWN_CATEGORY = "unknown"


def local_day(moment: datetime) -> date:
    """The library's calendar day in which an aware instant falls."""
    return moment.astimezone(LOCAL_ZONE).date()


class ServiceMode(StrEnum):
    """How an item is used: read in the room, taken home, or lent from the van or a visiting shelf."""

    ON_SITE = "on_site"
    TAKE_HOME = "take_home"
    MOBILE = "mobile"


class ItemStatus(StrEnum):
    """What the library says of a copy, apart from whether it is on loan."""

    IN_STOCK = "in_stock"
    IN_TRANSIT = "in_transit"
    LOST = "lost"
    DAMAGED = "damaged"
    WITHDRAWN = "withdrawn"


class PatronBlockKind(StrEnum):
    """Why staff have stopped a card."""

    LOST_CARD = "lost_card"
    DEBT = "debt"
    DISCIPLINE = "discipline"
    OTHER = "other"


class FeeKind(StrEnum):
    """What a fee is for."""

    OVERDUE = "overdue"
    LOSS = "loss"
    DAMAGE = "damage"
    CARD = "card"


@dataclass(frozen=True, slots=True)
class PatronBlock:
    """A stop put on a card by staff; ``until`` is the last day on which it holds, ``None`` without end."""

    kind: PatronBlockKind
    until: date | None = None
    note: str = ""

    def holds_on(self, day: date) -> bool:
        """Whether the stop is still in force on a day."""
        return self.until is None or day <= self.until


@dataclass(frozen=True, slots=True)
class Patron:
    """A reader as the library knows her.

    ``expires`` is the last day on which the card is good; ``deposit`` is the refundable *tiền cược* held, in đồng.
    ``birth_date`` is ``None`` where nobody asked. ``name`` is one string as written, given name last.
    """

    patron_id: str
    name: str
    category: str
    branch: str
    expires: date | None = None
    birth_date: date | None = None
    deposit: int = 0
    blocks: tuple[PatronBlock, ...] = ()

    def age_on(self, day: date) -> int | None:
        """Whole years of age on a day, ``None`` when the birth date is unknown."""
        if self.birth_date is None:
            return None
        had_birthday = (day.month, day.day) >= (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - (0 if had_birthday else 1)


@dataclass(frozen=True, slots=True)
class Title:
    """A work in one edition, as the catalogue describes it; its copies are :class:`Item` values."""

    title_id: str
    title: str
    author: str = ""
    publisher: str = ""
    year: str = ""
    volume: str = ""
    call_number: str = ""
    subjects: tuple[str, ...] = ()
    isbns: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One copy, or one set of ``parts`` parts that are lent together; ``branch`` is where it is at home."""

    item_id: str
    title_id: str
    type: str
    branch: str
    parts: int = 1
    price: int = 0
    call_number: str = ""
    location: str = ""
    status: ItemStatus = ItemStatus.IN_STOCK


@dataclass(frozen=True, slots=True)
class Loan:
    """An item in a reader's hands. ``token`` (16 hex digits, random) is its identity in events.

    ``patron_id`` is ``None`` once the loan has been cut from its reader. ``branch`` is where it was lent.
    """

    token: str
    item_id: str
    item_type: str
    patron_id: str | None
    branch: str
    mode: ServiceMode
    checked_out_at: datetime
    due_at: datetime
    renewals: int = 0

    def overdue_at(self, now: datetime) -> bool:
        """Whether the due moment has passed."""
        return now > self.due_at


@dataclass(frozen=True, slots=True)
class Hold:
    """A reader waiting for a title, or for one copy of it when ``item_id`` is set.

    ``ready_until`` is set, with the ``item_id``, while that copy stands on the hold shelf for this reader; it is the
    last day it stands there.
    """

    hold_id: str
    patron_id: str
    title_id: str
    pickup_branch: str
    placed_at: datetime
    item_id: str | None = None
    ready_until: date | None = None

    def lapsed_on(self, day: date) -> bool:
        """Whether the copy has stood ready for long enough without being fetched."""
        return self.ready_until is not None and self.ready_until < day


@dataclass(frozen=True, slots=True)
class Fee:
    """Money owed, in đồng. ``token`` is that of the loan it comes from, where there is one."""

    fee_id: str
    kind: FeeKind
    amount: int
    charged_at: datetime
    token: str | None = None
    patron_id: str | None = None
    paid: int = 0
    waived: int = 0

    @property
    def outstanding(self) -> int:
        """What is still owed, in đồng."""
        return self.amount - self.paid - self.waived
