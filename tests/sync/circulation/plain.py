"""One plain day at the library: everything is in order and every act allowed, to be spoilt one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time

from sync.circulation.blocks import Code, Refused
from sync.circulation.calendar import Closure, DayHours, ExtraDay, Holiday, Hours, Season
from sync.circulation.decisions import (
    Checkin,
    Checkout,
    Copy,
    Renewal,
    Standing,
    decide_checkin,
    decide_checkout,
    decide_renew,
)
from sync.circulation.model import Hold, Item, Loan, Patron, ServiceMode, local_day
from sync.circulation.network import Branch
from sync.circulation.policy import PolicyRow
from sync.circulation.rules import Rules
from tests.sync.circulation.worlds import SUMMER, WINTER, end_of, local

PROVINCE, COMMUNE, NEIGHBOUR = "TN", "TN-PB", "BK"
BRANCHES = (
    Branch(PROVINCE, "Thư viện tỉnh Thái Nguyên", kind="province", isil="VN-TN", item_prefixes=("TN.",)),
    Branch(COMMUNE, "Thư viện Phú Bình", parent=PROVINCE, kind="commune", item_prefixes=("TN.PB",)),
    Branch(NEIGHBOUR, "Thư viện tỉnh Bắc Kạn", kind="province", isil="VN-BK", item_prefixes=("BK",)),
)
WORKING_DAYS = ("mon", "tue", "wed", "thu", "fri")
SEASONS = (
    Season("mùa hè", "04-16", (DayHours(WORKING_DAYS, SUMMER),)),
    Season("mùa đông", "10-16", (DayHours(WORKING_DAYS, WINTER),)),
)
HOURS = Hours(PROVINCE, SEASONS)

#: A Tuesday in winter hours, nine o'clock.
TODAY = date(2027, 3, 2)
NOW = local(TODAY)

POLICY = PolicyRow(
    PROVINCE,
    max_loans=3,
    period_days=15,
    renewals=1,
    grace_days=2,
    fee_per_day=1000,
    fee_cap=20_000,
    min_age=15,
    min_deposit=50_000,
    modes=frozenset(ServiceMode),
)
PATRON = Patron("R1", "Nguyễn Thị Ánh", "muon", PROVINCE, date(2027, 12, 31), date(1990, 5, 19), 100_000)
ITEM = Item("TN.100", "t1", "sach", PROVINCE, parts=2, price=45_000)


def loan(
    number: str = "TN.7", patron: str | None = "R1", due: date = date(2027, 3, 8), renewals: int = 0, kind: str = "sach"
) -> Loan:
    """A loan made two weeks ago; its token follows from its item."""
    made = local(date(2027, 2, 16))
    return Loan(f"{number:0>16}", number, kind, patron, PROVINCE, ServiceMode.TAKE_HOME, made, end_of(due), renewals)


def hold(
    patron: str = "R2", item: str | None = None, ready: date | None = None, placed: date = date(2027, 2, 1)
) -> Hold:
    """A hold on the plain title, or on one copy of it."""
    return Hold(f"h-{patron}", patron, "t1", PROVINCE, local(placed), item, ready)


@dataclass(frozen=True, slots=True)
class Case:
    """The plain day, with a reader, a copy and rules that ``but`` changes."""

    patron: Patron | None = PATRON
    card: str = "R1"
    loans: tuple[Loan, ...] = ()
    owed: int = 0
    item: Item | None = ITEM
    number: str = "TN.100"
    on_loan: Loan | None = None
    holds: tuple[Hold, ...] = ()
    other_copies: int = 0
    parts_seen: int | None = None
    policy: PolicyRow = POLICY
    rows: tuple[PolicyRow, ...] = ()
    closures: tuple[Closure, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    extra_days: tuple[ExtraDay, ...] = ()
    branch: str = PROVINCE
    mode: ServiceMode = ServiceMode.TAKE_HOME
    now: datetime = NOW

    def but(self, **changes: object) -> Case:
        """This case with some facts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # fields of this class, checked by replace

    def ruled(self, **values: object) -> Case:
        """This case with some values of the province's policy changed."""
        return self.but(policy=replace(self.policy, **values))  # type: ignore[arg-type]

    def at(self, day: date, hour: int = 9) -> Case:
        """This case at another day and hour."""
        return self.but(now=local(day, time(hour)))

    @property
    def rules(self) -> Rules:
        """The rule-set of the case."""
        return Rules(BRANCHES, (self.policy, *self.rows), (HOURS,), self.closures, self.holidays, self.extra_days)

    @property
    def standing(self) -> Standing:
        """How the reader stands: the loan on the copy is among the loans where it is the reader's own."""
        own = (self.on_loan,) if self.on_loan is not None and self.on_loan.patron_id == self.card else ()
        return Standing(self.card, self.patron, (*self.loans, *own), self.owed)

    @property
    def copy(self) -> Copy:
        """The copy on the pad."""
        return Copy(self.number, self.item, self.on_loan, self.holds, self.other_copies, self.parts_seen)

    def checkout(self) -> Checkout | Refused:
        """Ask for the loan."""
        return decide_checkout(self.standing, self.copy, self.branch, self.mode, self.rules, self.now)

    def checkin(self) -> Checkin:
        """Bring the copy back."""
        return decide_checkin(self.copy, self.patron, self.branch, self.rules, self.now)

    def renew(self) -> Renewal | Refused:
        """Ask to keep the copy longer."""
        return decide_renew(self.standing, self.copy, self.branch, self.rules, self.now)


PLAIN = Case()
#: The same reader with the copy on loan since two weeks, due on Monday.
LENT = PLAIN.but(on_loan=loan("TN.100"))


def codes(decided: object) -> set[Code]:
    """The codes of a refusal, and none for a yes."""
    return set(decided.codes) if isinstance(decided, Refused) else set()


def due_day(decided: Checkout | Renewal | Refused) -> date:
    """The day a granted act is due."""
    assert not isinstance(decided, Refused), decided.codes
    return local_day(decided.due_at)
