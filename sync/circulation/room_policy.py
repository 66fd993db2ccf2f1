"""The rules of an internet room: by category of visitor and branch, inherited along the tree as loan policy is.

A row sets some values for one node of the tree and one category (or ``*``). A value is looked for branch by branch,
from the room's own up to the root, and at each node first in the row of the category, then in that of ``*``; what
nobody sets is the product's default. Whether guests, and cards that no list knows, may come in at all is said only by
rows that name them: what is meant for readers is not meant for strangers. Source: facts/internet-room.md, 4 and 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from config.phrase import Phrase, SettingError
from sync.circulation.model import UNKNOWN_CATEGORY
from sync.circulation.network import Network
from sync.circulation.policy import ANY

#: The category of whoever comes without a card.
GUEST_CATEGORY = "guest"

_STRANGERS = frozenset({GUEST_CATEGORY, UNKNOWN_CATEGORY})

#: The least and the most of each number. Nobody sits longer than a day, and a hidden screen waits a quarter of an hour.
_LIMITS = {
    "minutes_day": (0, 1440),
    "minutes_visit": (1, 1440),
    "least_minutes": (1, 60),
    "extension_minutes": (0, 240),
    "extend_within": (1, 240),
    "sit_down_minutes": (1, 30),
    "reserve_minutes": (0, 60),
    "hide_minutes": (0, 15),
    "children_below": (0, 120),
    "consent_below": (0, 120),
    "max_owed": (0, 100_000_000),
}


@dataclass(frozen=True, slots=True)
class RoomRow:
    """What one node of the tree sets for one category of visitor; ``None`` leaves the value to be inherited.

    ``admitted``           whether such a visitor may use the room.
    ``minutes_day``        minutes a reader has in a day, ``minutes_visit`` in one visit before it is extended.
    ``least_minutes``      a visit that would be shorter is not begun.
    ``extension_minutes``  by how much a visit grows while nobody waits; 0: not at all. ``extend_within``: once no more
                           than so many minutes are left.
    ``sit_down_minutes``   for how long a seat is held for a number that was called, ``reserve_minutes`` from its start
                           for a reservation; 0: there are no reservations.
    ``hide_minutes``       for how long a screen may be hidden; 0: not at all.
    ``children``           whether a reader of this category whose birth date is not known is a child.
    ``children_below``     the age from which a reader is grown up, ``consent_below`` from which no parent is asked.
    ``max_owed``           fees in đồng that are tolerated.
    ``house_rules``        the version that has to be accepted; empty: none.
    """

    branch: str = ""
    category: str = ANY
    admitted: bool | None = None
    minutes_day: int | None = None
    minutes_visit: int | None = None
    least_minutes: int | None = None
    extension_minutes: int | None = None
    extend_within: int | None = None
    sit_down_minutes: int | None = None
    reserve_minutes: int | None = None
    hide_minutes: int | None = None
    children: bool | None = None
    children_below: int | None = None
    consent_below: int | None = None
    max_owed: int | None = None
    house_rules: str | None = None

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise SettingError(
                    Phrase(
                        f"'{name}' phải từ {least} đến {most}, không phải {value}.",
                        f"'{name}' must be between {least} and {most}, not {value}.",
                    )
                )


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """The complete rules for one category of visitor at one branch. Fields as in :class:`RoomRow`."""

    admitted: bool
    minutes_day: int
    minutes_visit: int
    least_minutes: int
    extension_minutes: int
    extend_within: int
    sit_down_minutes: int
    reserve_minutes: int
    hide_minutes: int
    children: bool
    children_below: int
    consent_below: int
    max_owed: int
    house_rules: str

    @property
    def least(self) -> timedelta:
        """The shortest visit that is begun."""
        return timedelta(minutes=self.least_minutes)

    @property
    def sit_down(self) -> timedelta:
        """For how long a seat is held for a number that was called."""
        return timedelta(minutes=self.sit_down_minutes)


#: What holds where nobody has set anything. Minutes are the project's own choice; the rest is from
#: facts/internet-room.md, 5.3, and the ages from facts/vietnamese-and-screens.md, 7, and facts/network.md, 3.1.
ROOM_DEFAULTS = (
    RoomRow(
        admitted=True,
        minutes_day=120,
        minutes_visit=60,
        least_minutes=5,
        extension_minutes=15,
        extend_within=10,
        sit_down_minutes=3,
        reserve_minutes=10,
        hide_minutes=15,
        children=False,
        children_below=15,
        consent_below=16,
        max_owed=100_000_000,
        house_rules="",
    ),
    RoomRow(category=GUEST_CATEGORY, admitted=False),
    RoomRow(category=UNKNOWN_CATEGORY, admitted=False),
)

_VALUES = tuple(f.name for f in fields(RoomPolicy))


class RoomPolicies:
    """All rows, ready to be asked. Raises ``SettingError`` when two speak for the same branch and category."""

    def __init__(self, rows: tuple[RoomRow, ...], network: Network) -> None:
        self._network = network
        self._rows = {(row.branch, row.category): row for row in (*ROOM_DEFAULTS, *rows)}
        if len(self._rows) != len(ROOM_DEFAULTS) + len(rows):
            raise SettingError(
                Phrase(
                    "Có hai dòng quy tắc phòng Internet cho cùng đơn vị và loại thẻ.",
                    "Two rows of internet-room rules speak for the same branch and category.",
                )
            )
        self._resolved: dict[tuple[str, str], RoomPolicy] = {}

    def resolve(self, branch: str, category: str) -> RoomPolicy:
        """The complete rules that hold in a branch's room for a category of visitor."""
        key = (branch, category)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(*key)
        return self._resolved[key]

    def _resolve(self, branch: str, category: str) -> RoomPolicy:
        values: dict[str, object] = {}
        for node in ("", *reversed([*self._network.lineage(branch)])):
            for of in (ANY, category):
                row = self._rows.get((node, of), RoomRow())
                for name in _VALUES:
                    value = getattr(row, name)
                    for_readers = name == "admitted" and of == ANY and category in _STRANGERS
                    if value is not None and not for_readers:
                        values[name] = value
        return RoomPolicy(**values)  # type: ignore[arg-type]  # one name per field
