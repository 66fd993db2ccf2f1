"""Loan policy: by patron category, item type and branch, inherited along the tree.

Each row sets some fields for one node of the tree, one category (or ``*``) and one item type (or ``*``). A field's
value is looked for branch by branch, from the branch where the act happens up to the root, and at each node from the
most particular row to the most general: (category, type), (category, ``*``), (``*``, type), (``*``, ``*``). The first
row that sets it wins: what a branch decides for itself beats whatever is said above it. What nobody sets is the
product's default, which comes last. How many items a card that no list knows may borrow is the one exception: only
rows that name the category ``unknown`` say so. Every value keeps the row it came from, so that a person who wonders
why can be told.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

from config.phrase import Phrase, SettingError
from sync.circulation.model import UNKNOWN_CATEGORY, ServiceMode
from sync.circulation.network import Network

ANY = "*"

#: The most that a setting may reasonably be; beyond it a slip of the finger is likelier than a wish.
_LIMITS = {
    "max_loans": 1000,
    "period_days": 3660,
    "renewals": 1000,
    "renewal_days": 3660,
    "grace_days": 3660,
    "fee_per_day": 10_000_000,
    "fee_cap": 100_000_000,
    "min_age": 120,
    "min_deposit": 100_000_000,
    "max_overdue": 1000,
    "max_owed": 100_000_000,
}


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What one node of the tree sets for one category and item type; ``None`` leaves the field to be inherited.

    ``max_loans``      items out at once. In a row for one item type it counts that type alone; the limit over all types
                       comes from rows for ``*``.
    ``period_days``    days until due. ``due_on`` is a fixed last day instead (a school year's end); the earlier holds.
    ``renewals``       how often a loan may be renewed; ``renewal_days`` by how much (0: as long as the period).
    ``grace_days``     open days late that cost nothing; ``fee_per_day`` for each one after them, up to ``fee_cap``.
    ``min_age``        whole years; ``min_deposit`` the *tiền cược* that must be held before an item leaves the house.
    ``modes``          how items may be used; without ``take_home`` they are for the reading room.
    ``max_overdue``    overdue items that are tolerated before lending stops; ``max_owed`` likewise of fees, in đồng.
    ``renew_overdue``  whether an overdue loan may still be renewed.
    """

    branch: str = ""
    category: str = ANY
    item_type: str = ANY
    max_loans: int | None = None
    period_days: int | None = None
    due_on: date | None = None
    renewals: int | None = None
    renewal_days: int | None = None
    grace_days: int | None = None
    fee_per_day: int | None = None
    fee_cap: int | None = None
    min_age: int | None = None
    min_deposit: int | None = None
    modes: frozenset[ServiceMode] | None = None
    max_overdue: int | None = None
    max_owed: int | None = None
    renew_overdue: bool | None = None

    def __post_init__(self) -> None:
        for name, most in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise SettingError(
                    Phrase(
                        f"'{name}' phải từ 0 đến {most}, không phải {value}.",
                        f"'{name}' must be between 0 and {most}, not {value}.",
                    )
                )
        if self.period_days == 0:
            raise SettingError(Phrase("'period_days' phải ít nhất là 1.", "'period_days' must be at least 1."))


@dataclass(frozen=True, slots=True)
class Origin:
    """The row a value came from; ``branch`` is empty for the product's default."""

    branch: str
    category: str
    item_type: str


@dataclass(frozen=True, slots=True)
class LoanPolicy:
    """A complete policy for one category, item type and branch. Fields as in :class:`PolicyRow`."""

    max_loans: int
    period_days: int
    due_on: date | None
    renewals: int
    renewal_days: int
    grace_days: int
    fee_per_day: int
    fee_cap: int
    min_age: int
    min_deposit: int
    modes: frozenset[ServiceMode]
    max_overdue: int
    max_owed: int
    renew_overdue: bool
    origins: tuple[tuple[str, Origin], ...]

    def origin(self, name: str) -> Origin:
        """Where the value of a field came from. Raises ``KeyError`` for a name that is no field."""
        return dict(self.origins)[name]


#: What holds where nobody has set anything: a careful public library. Usual Vietnamese values are in
#: facts/vietnamese-and-screens.md, section 7. A card that no list knows borrows nothing.
PRODUCT_DEFAULTS = (
    PolicyRow(
        max_loans=3,
        period_days=15,
        renewals=1,
        renewal_days=0,
        grace_days=0,
        fee_per_day=0,
        fee_cap=100_000,
        min_age=0,
        min_deposit=0,
        modes=frozenset({ServiceMode.ON_SITE, ServiceMode.TAKE_HOME}),
        max_overdue=0,
        max_owed=0,
        renew_overdue=False,
    ),
    PolicyRow(category=UNKNOWN_CATEGORY, max_loans=0),
)

_VALUES = tuple(f.name for f in fields(PolicyRow) if f.name not in {"branch", "category", "item_type"})


class Policies:
    """All rows, ready to be asked. Raises ``SettingError`` when two speak for the same branch, category and type."""

    def __init__(self, rows: tuple[PolicyRow, ...], network: Network) -> None:
        self._network = network
        self._rows = {(r.branch, r.category, r.item_type): r for r in (*PRODUCT_DEFAULTS, *rows)}
        if len(self._rows) != len(PRODUCT_DEFAULTS) + len(rows):
            raise SettingError(
                Phrase(
                    "Có hai dòng chính sách cho cùng đơn vị, loại thẻ và kiểu tài liệu.",
                    "Two policy rows speak for the same branch, category and item type.",
                )
            )
        self._resolved: dict[tuple[str, str, str], LoanPolicy] = {}

    def resolve(self, branch: str, category: str, item_type: str) -> LoanPolicy:
        """The complete policy that holds at a branch for a category of patron and a type of item."""
        key = (branch, category, item_type)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(*key)
        return self._resolved[key]

    def _resolve(self, branch: str, category: str, item_type: str) -> LoanPolicy:
        particular_first = dict.fromkeys(((category, item_type), (category, ANY), (ANY, item_type), (ANY, ANY)))
        chain = [
            row
            for node in (*self._network.lineage(branch), "")
            for pair in particular_first
            if (row := self._rows.get((node, *pair))) is not None
        ]
        values: dict[str, object] = {"due_on": None}
        origins: dict[str, Origin] = {"due_on": Origin("", ANY, ANY)}
        for row in reversed(chain):
            for name in _VALUES:
                value = getattr(row, name)
                if name == "max_loans" and category == UNKNOWN_CATEGORY != row.category:
                    continue  # what is meant for readers is not meant for strangers
                if value is not None:
                    values[name] = value
                    origins[name] = Origin(row.branch, row.category, row.item_type)
        return LoanPolicy(**values, origins=tuple(origins.items()))  # type: ignore[arg-type]  # one name per field
