"""Whole small worlds for Hypothesis: a site tree, its rules, and the readers, copies, loans, holds and fees in it.

They are meant to be awkward rather than likely: branches at any depth, policy rows anywhere, libraries that open one
day a week or close for more than a year, seasons that change at the year's end, cards stopped twice, a birth date in
the future, loans of cards that nobody knows or that have been cut from their reader. What they keep to is what the
store promises: tokens and numbers are unique, an item has at most one open loan, holds come oldest first.

``worlds`` is the whole; ``acts`` is a world with one reader and one copy on the pad, ready to be decided. A friendly
world (``friendly=True``) has generous rules and no bad cards, so that most of its acts are allowed: properties of a
grant need grants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from sync.circulation.blocks import Refused
from sync.circulation.calendar import Closure, DayHours, ExtraDay, Holiday, Hours, Interval, Season, Weekday
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
from sync.circulation.model import (
    LOCAL_ZONE,
    Fee,
    FeeKind,
    Hold,
    Item,
    ItemStatus,
    Loan,
    Patron,
    PatronBlock,
    PatronBlockKind,
    ServiceMode,
    Title,
    local_day,
)
from sync.circulation.network import Branch
from sync.circulation.policy import ANY, PRODUCT_DEFAULTS, PolicyRow
from sync.circulation.rules import Rules

CATEGORIES = ("muon", "doc", "thieu-nhi")
CARD_CATEGORIES = (*CATEGORIES, "unknown")
ITEM_TYPES = ("sach", "bao", "truyen")
UNKNOWN_CARDS = ("X1", "X2")
UNKNOWN_ITEMS = ("TN-9", "Z-9")
NAMES = (
    "Thư viện tỉnh Thái Nguyên",
    "Thư viện Phú Bình",
    "Tủ sách xã Úc Kỳ",
    "Xe thư viện lưu động",
    "Phòng thiếu nhi",
)
READERS = ("Nguyễn Thị Ánh", "Trần Văn Đức", "H'Hen Niê", "Lò Thị Ửng")

SUMMER = (Interval(time(7), time(11, 30)), Interval(time(13, 30), time(17)))
WINTER = (Interval(time(7, 30), time(11, 30)), Interval(time(13), time(17)))
EVENING = (Interval(time(18), time(20, 30)),)
ALL_DAY = (Interval(time(0), time(23, 59, 59)),)
WEEKDAYS = tuple(day.name.lower() for day in Weekday)

#: The days around which worlds happen. Both ends of the year, a leap day and two Tết lie in reach of them.
FIRST_DAY, LAST_DAY = date(2026, 11, 2), date(2032, 12, 31)

_TURNS = ("01-01", "02-28", "03-01", "04-16", "07-01", "10-16", "12-31")
_ODD_TIMES = (time(0), time(7), time(11, 30), time(16, 59, 59, 999000), time(23, 59, 59), time(23, 59, 59, 999000))


def end_of(day: date) -> datetime:
    """The last second of a local day, as UTC: when a loan of that day is due."""
    return datetime.combine(day, time(23, 59, 59), LOCAL_ZONE).astimezone(UTC)


def local(day: date, at: time = time(9)) -> datetime:
    """An instant by the library's own clock, as UTC."""
    return datetime.combine(day, at, LOCAL_ZONE).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class World:
    """All facts that the rules may be asked about, at one branch and one moment."""

    rules: Rules
    branch: str
    now: datetime
    patrons: tuple[Patron, ...]
    titles: tuple[Title, ...]
    items: tuple[Item, ...]
    loans: tuple[Loan, ...] = ()
    holds: tuple[Hold, ...] = ()
    fees: tuple[Fee, ...] = ()

    def standing(self, card: str) -> Standing:
        """How the reader of a card stands; in these worlds a reader's card carries the patron's own number."""
        return Standing(
            card,
            next((p for p in self.patrons if p.patron_id == card), None),
            tuple(loan for loan in self.loans if loan.patron_id == card),
            sum(fee.outstanding for fee in self.fees if fee.patron_id == card),
        )

    def copy(self, number: str, parts_seen: int | None = None) -> Copy:
        """An item as it lies on the pad."""
        item = next((i for i in self.items if i.item_id == number), None)
        loan = next((loan for loan in self.loans if loan.item_id == number), None)
        if item is None:
            return Copy(number, None, loan, parts_seen=parts_seen)
        lent = {loan.item_id for loan in self.loans}
        siblings = [i for i in self.items if i.title_id == item.title_id and i.item_id != number]
        on_shelf = sum(i.status is ItemStatus.IN_STOCK and i.item_id not in lent for i in siblings)
        holds = tuple(h for h in self.holds if h.title_id == item.title_id and h.item_id in {None, number})
        return Copy(number, item, loan, holds, on_shelf, parts_seen)


@dataclass(frozen=True, slots=True)
class Act:
    """One reader, one copy, and what is asked for them."""

    rules: Rules
    branch: str
    now: datetime
    standing: Standing
    copy: Copy
    mode: ServiceMode
    borrower: Patron | None

    @property
    def today(self) -> date:
        """The library's day on which it happens."""
        return local_day(self.now)

    @property
    def item_type(self) -> str:
        """The item's type as policy is asked for it."""
        return self.copy.item.type if self.copy.item else ANY

    def checkout(self) -> Checkout | Refused:
        """Ask for the loan."""
        return decide_checkout(self.standing, self.copy, self.branch, self.mode, self.rules, self.now)

    def checkin(self) -> Checkin:
        """Bring the copy back."""
        return decide_checkin(self.copy, self.borrower, self.branch, self.rules, self.now)

    def renew(self) -> Renewal | Refused:
        """Ask to keep the copy longer."""
        return decide_renew(self.standing, self.copy, self.branch, self.rules, self.now)


def days(around: date | None = None) -> st.SearchStrategy[date]:
    """Days, near a given one where one is given."""
    if around is None:
        return st.dates(FIRST_DAY, LAST_DAY)
    return st.integers(-50, 70).map(lambda n: around + timedelta(days=n))


def moments() -> st.SearchStrategy[datetime]:
    """Instants in UTC to the millisecond, often at the edge of a day or of opening hours."""
    at_any_time = st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.just(1000))
    return st.builds(local, days(), st.sampled_from(_ODD_TIMES) | at_any_time)


@st.composite
def branch_trees(draw: st.DrawFn, most: int = 4) -> tuple[Branch, ...]:
    """Trees, also chains and woods, in any order of their nodes."""
    branches: list[Branch] = []
    size = draw(st.integers(1, most))
    for n in range(size):
        below = n > 0 and draw(st.integers(0, 5)) > 0
        above = draw(st.sampled_from(branches)).code if below else ""
        prefixes = ((), (f"TN{n}-",), ("TN", f"T{n}"))[draw(st.integers(0, 2))]
        branches.append(Branch(f"B{n}", NAMES[n % len(NAMES)], above, isil=f"VN-{n}", item_prefixes=prefixes))
    return tuple(branches if draw(st.booleans()) else branches[::-1])


_INTERVALS = st.sampled_from((SUMMER, WINTER, EVENING, ALL_DAY))


@st.composite
def _weeks(draw: st.DrawFn, open_days: int = 0) -> tuple[DayHours, ...]:
    open_on = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=open_days, max_size=7, unique=True))
    cut = draw(st.integers(0, len(open_on)))
    parts = (tuple(open_on[:cut]), tuple(open_on[cut:]))
    return tuple(DayHours(part, draw(_INTERVALS)) for part in parts if part)


@st.composite
def hours(draw: st.DrawFn, branch: str) -> Hours:
    """Opening hours of a branch, from every day of the year down to one day a week of one season."""
    turns = draw(st.lists(st.sampled_from(_TURNS), min_size=1, max_size=3, unique=True))
    seasons = [Season(f"mùa {n}", start, draw(_weeks(int(n == 0)))) for n, start in enumerate(turns)]
    return Hours(branch, tuple(seasons))


def closures(branches: Sequence[str], around: date) -> st.SearchStrategy[Closure]:
    """Closures of a branch or of everybody, from a day to more than a year."""
    return st.builds(
        lambda first, length, branch: Closure(first, first + timedelta(days=length), "đóng cửa", branch),
        days(around),
        st.sampled_from((0, 0, 2, 9, 40, 450)),
        st.sampled_from(("", *branches)),
    )


def extra_days(branches: Sequence[str], around: date) -> st.SearchStrategy[ExtraDay]:
    """Days that open in spite of all."""
    hours_of_its_own = st.sampled_from(((), EVENING, SUMMER))
    return st.builds(ExtraDay, days(around), st.just("làm bù"), st.sampled_from(("", *branches)), hours_of_its_own)


_POLICY_VALUES: dict[str, st.SearchStrategy[object]] = {
    "max_loans": st.integers(0, 4),
    "period_days": st.sampled_from((1, 5, 15, 30)),
    "renewals": st.integers(0, 3),
    "renewal_days": st.sampled_from((0, 1, 7)),
    "grace_days": st.integers(0, 7),
    "fee_per_day": st.sampled_from((0, 500, 1000)),
    "fee_cap": st.sampled_from((0, 2000, 20_000)),
    "min_age": st.sampled_from((0, 6, 15, 18)),
    "min_deposit": st.sampled_from((0, 50_000)),
    "modes": st.frozensets(st.sampled_from(ServiceMode)),
    "max_overdue": st.integers(0, 2),
    "max_owed": st.sampled_from((0, 5000)),
    "renew_overdue": st.booleans(),
}

_TAKEN = {(row.branch, row.category, row.item_type) for row in PRODUCT_DEFAULTS}


@st.composite
def policy_rows(
    draw: st.DrawFn, branches: Sequence[str], around: date = FIRST_DAY, most: int = 4
) -> tuple[PolicyRow, ...]:
    """Rows anywhere in the tree, from the most general to the most particular, each setting a field or several."""
    places = draw(
        st.lists(
            st.tuples(
                st.sampled_from(("", *branches)),
                st.sampled_from((ANY, *CARD_CATEGORIES)),
                st.sampled_from((ANY, *ITEM_TYPES)),
            ).filter(lambda place: place not in _TAKEN),
            max_size=most,
            unique=True,
        )
    )
    rows = []
    for branch, category, item_type in places:
        names = draw(st.lists(st.sampled_from(sorted(_POLICY_VALUES)), min_size=1, max_size=4, unique=True))
        row = PolicyRow(branch, category, item_type)
        rows.append(replace(row, **{name: draw(_POLICY_VALUES[name]) for name in names}))  # type: ignore[arg-type]
        if not draw(st.integers(0, 7)):
            rows[-1] = replace(rows[-1], due_on=draw(days(around)))
    return tuple(rows)


@st.composite
def rule_sets(draw: st.DrawFn, around: date, *, friendly: bool = False) -> Rules:
    """Complete rules over a tree, calendar included."""
    branches = draw(branch_trees())
    codes = [branch.code for branch in branches]
    roots = [branch.code for branch in branches if not branch.parent]
    if friendly:
        policies = tuple(
            PolicyRow(
                root,
                modes=frozenset(ServiceMode),
                max_loans=20,
                max_overdue=10,
                max_owed=1_000_000,
                renewals=5,
                renew_overdue=True,
                fee_per_day=draw(st.sampled_from((0, 1000))),
            )
            for root in roots
        )
    else:
        policies = draw(policy_rows(codes, around))
    keeps_hours = roots if friendly else draw(st.lists(st.sampled_from(codes), max_size=2, unique=True))
    return Rules(
        branches,
        policies,
        tuple(draw(hours(code)) for code in keeps_hours),
        tuple(draw(st.lists(closures(codes, around), max_size=2))),
        tuple(Holiday(day, "nghỉ lễ") for day in draw(st.lists(days(around), max_size=3, unique=True))),
        tuple(draw(st.lists(extra_days(codes, around), max_size=2, unique_by=lambda extra: (extra.branch, extra.day)))),
    )


_AGES = (0, 5, 6, 14, 15, 17, 18, 40)


@st.composite
def patrons(draw: st.DrawFn, number: str, branches: Sequence[str], today: date, *, friendly: bool = False) -> Patron:
    """Readers: new, stopped, expired, of unknown age, or with the birth date of somebody not yet born."""
    born = draw(
        st.sampled_from(_AGES).map(lambda age: birthday(today, age))
        | st.sampled_from((date(1988, 2, 29), today + timedelta(days=1)))
        | st.none()
    )
    stops = st.builds(PatronBlock, st.sampled_from(PatronBlockKind), st.none() | days(today))
    ends = st.integers(0, 400) if friendly else st.integers(-2, 40)
    return Patron(
        number,
        draw(st.sampled_from(READERS)),
        draw(st.sampled_from(CATEGORIES)),
        draw(st.sampled_from(branches)),
        expires=draw(st.none() | ends.map(lambda n: today + timedelta(days=n))),
        birth_date=born,
        deposit=draw(st.sampled_from((0, 50_000, 100_000))),
        blocks=() if friendly else tuple(draw(st.lists(stops, max_size=2))),
    )


def birthday(today: date, age: int) -> date:
    """The birth date of somebody who reaches an age on a day (born on 28 February for a leap day's sake)."""
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return date(today.year - age, today.month, day)


@st.composite
def worlds(draw: st.DrawFn, *, friendly: bool = False) -> World:
    """A whole world."""
    now = draw(moments())
    today = local_day(now)
    rules = draw(rule_sets(today, friendly=friendly))
    codes = [branch.code for branch in rules.branches]
    readers = tuple(draw(patrons(f"R{n}", codes, today, friendly=friendly)) for n in range(draw(st.integers(1, 3))))
    statuses = (ItemStatus.IN_STOCK, ItemStatus.IN_TRANSIT) if friendly else tuple(ItemStatus)
    items = tuple(
        Item(
            f"TN{n}-{n}",
            f"t{draw(st.integers(0, 1))}",
            draw(st.sampled_from(ITEM_TYPES)),
            draw(st.sampled_from(codes)),
            parts=draw(st.sampled_from((1, 1, 3))),
            price=45_000,
            status=draw(st.sampled_from(statuses)),
        )
        for n in range(draw(st.integers(1, 3)))
    )
    cards = [p.patron_id for p in readers] + list(UNKNOWN_CARDS)
    loans = []
    for n, number in enumerate((*(item.item_id for item in items), *UNKNOWN_ITEMS)):
        if draw(st.booleans()):
            loans.append(
                Loan(
                    token=f"{n:016x}",
                    item_id=number,
                    item_type=items[n].type if n < len(items) else ITEM_TYPES[0],
                    patron_id=draw(st.sampled_from((*cards, None))),
                    branch=draw(st.sampled_from(codes)),
                    mode=draw(st.sampled_from((ServiceMode.TAKE_HOME, ServiceMode.MOBILE))),
                    checked_out_at=local(today - timedelta(days=60)),
                    due_at=end_of(draw(days(today))),
                    renewals=draw(st.integers(0, 3)),
                )
            )
    ready = st.none() if friendly else st.none() | days(today)
    holds = tuple(
        Hold(
            f"h{n}",
            draw(st.sampled_from(cards)),
            f"t{draw(st.integers(0, 1))}",
            draw(st.sampled_from(codes)),
            local(today - timedelta(days=20 - n)),
            item_id=draw(st.sampled_from((None, *(item.item_id for item in items)))),
            ready_until=draw(ready),
        )
        for n in range(0 if friendly else draw(st.integers(0, 3)))
    )
    fees = tuple(
        Fee(f"f{n}", FeeKind.OVERDUE, 5000, local(today), patron_id=draw(st.sampled_from(cards)), paid=1000 * n)
        for n in range(draw(st.integers(0, 2)))
    )
    titles = tuple(Title(f"t{n}", f"Nhan đề {n}") for n in range(2))
    return World(rules, draw(st.sampled_from(codes)), now, readers, titles, items, tuple(loans), holds, fees)


@st.composite
def acts(draw: st.DrawFn, *, friendly: bool = False, on_loan: bool = False) -> Act:
    """A world with a reader and a copy chosen in it; with ``on_loan`` the copy is usually that reader's already."""
    world = draw(worlds(friendly=friendly))
    cards = [p.patron_id for p in world.patrons]
    numbers = [item.item_id for item in world.items]
    if not friendly:
        cards += UNKNOWN_CARDS
        numbers += UNKNOWN_ITEMS
    if friendly and not on_loan:
        numbers = [n for n in numbers if world.copy(n).loan is None] or numbers
    card, number = draw(st.sampled_from(cards)), draw(st.sampled_from(numbers))
    if on_loan and (friendly or draw(st.integers(0, 4))):
        world = _lent_to(world, card, number, draw(days(local_day(world.now))), draw(st.integers(0, 3)))
    parts = world.copy(number).item
    seen = draw(st.none() | st.just(parts.parts if parts else 1) | st.integers(0, 3)) if not friendly else None
    copy = world.copy(number, seen)
    owner = copy.loan.patron_id if copy.loan else None
    return Act(
        rules=world.rules,
        branch=world.branch,
        now=world.now,
        standing=world.standing(card),
        copy=copy,
        mode=draw(st.sampled_from((ServiceMode.TAKE_HOME, ServiceMode.MOBILE))),
        borrower=None if owner is None else world.standing(owner).patron,
    )


def _lent_to(world: World, card: str, number: str, due: date, renewals: int) -> World:
    item = world.copy(number).item
    loan = Loan(
        token="f" * 16,
        item_id=number,
        item_type=item.type if item else ITEM_TYPES[0],
        patron_id=card,
        branch=world.branch,
        mode=ServiceMode.TAKE_HOME,
        checked_out_at=local(local_day(world.now) - timedelta(days=60)),
        due_at=end_of(due),
        renewals=renewals,
    )
    return replace(world, loans=(*(other for other in world.loans if other.item_id != number), loan))
