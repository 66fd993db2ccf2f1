"""The rule-set: branches, loan policy, internet rooms and calendar together, as one version.

A station decides by the rule-set it has, and every loan's event names that version, so that headquarters can see by
which rules it was made. The whole is small (a province: some hundred branches and rows), so it is read whole, carried
whole and swapped whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.phrase import Phrase, SettingError
from sync.circulation.calendar import Calendar, Closure, ExtraDay, Holiday, Hours, calendar_of
from sync.circulation.network import Branch, Network
from sync.circulation.policy import LoanPolicy, Policies, PolicyRow
from sync.circulation.room_policy import RoomPolicies, RoomPolicy, RoomRow


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of the network. Raises ``SettingError`` when the tree is no tree or two rows collide."""

    branches: tuple[Branch, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    hours: tuple[Hours, ...] = ()
    closures: tuple[Closure, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    extra_days: tuple[ExtraDay, ...] = ()
    rooms: tuple[RoomRow, ...] = ()
    _network: Network = field(init=False, repr=False, compare=False)
    _policies: Policies = field(init=False, repr=False, compare=False)
    _rooms: RoomPolicies = field(init=False, repr=False, compare=False)
    _calendars: dict[str, Calendar] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len({hours.branch for hours in self.hours}) != len(self.hours):
            raise SettingError(Phrase("Có đơn vị ghi giờ mở cửa hai lần.", "A branch has its hours twice."))
        if len({(extra.branch, extra.day) for extra in self.extra_days}) != len(self.extra_days):
            raise SettingError(
                Phrase("Có đơn vị ghi một ngày mở thêm hai lần.", "A branch has the same extra day twice.")
            )
        network = Network(self.branches)
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_policies", Policies(self.policies, network))
        object.__setattr__(self, "_rooms", RoomPolicies(self.rooms, network))
        object.__setattr__(self, "_calendars", {})

    @property
    def network(self) -> Network:
        """The site tree."""
        return self._network

    def policy(self, branch: str, category: str, item_type: str) -> LoanPolicy:
        """The complete loan policy at a branch (see :mod:`sync.circulation.policy`)."""
        return self._policies.resolve(branch, category, item_type)

    def room(self, branch: str, category: str) -> RoomPolicy:
        """The complete rules of a branch's internet room (see :mod:`sync.circulation.room_policy`)."""
        return self._rooms.resolve(branch, category)

    def calendar(self, branch: str) -> Calendar:
        """A branch's calendar with all it inherits."""
        if branch not in self._calendars:
            self._calendars[branch] = calendar_of(
                branch, self.network, self.hours, self.closures, self.holidays, self.extra_days
            )
        return self._calendars[branch]
