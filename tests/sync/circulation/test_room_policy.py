"""Which row of an internet room's rules decides."""

from typing import Any

import pytest

from config.phrase import SettingError
from sync.circulation.model import UNKNOWN_CATEGORY
from sync.circulation.network import Branch
from sync.circulation.room_policy import GUEST_CATEGORY, ROOM_DEFAULTS, RoomRow
from sync.circulation.rules import Rules

TREE = (Branch("TN", "Thư viện tỉnh"), Branch("PB", "Thư viện Phú Bình", parent="TN"), Branch("BK", "Bắc Kạn"))
DEFAULTS = ROOM_DEFAULTS[0]


def row(branch: str, category: str = "*", **values: Any) -> RoomRow:
    return RoomRow(branch, category, **values)


def minutes(*rows: RoomRow, branch: str = "PB", category: str = "muon") -> int:
    return Rules(TREE, rooms=rows).room(branch, category).minutes_day


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ((), DEFAULTS.minutes_day),
        ((row("TN", minutes_day=1),), 1),
        ((row("", "muon", minutes_day=2), row("BK", minutes_day=1)), 2),
        ((row("", "muon", minutes_day=2), row("TN", minutes_day=3)), 3),
        ((row("TN", "muon", minutes_day=4), row("TN", minutes_day=3)), 4),
        ((row("TN", "muon", minutes_day=4), row("PB", minutes_day=5)), 5),
        ((row("PB", "muon", minutes_day=0), row("PB", minutes_day=5)), 0),
        ((row("BK", "muon", minutes_day=4), row("PB", "doc", minutes_day=5)), DEFAULTS.minutes_day),
    ],
)
def test_the_nearest_branch_wins_and_at_one_branch_the_category(rows: tuple[RoomRow, ...], found: int) -> None:
    assert minutes(*rows) == minutes(*reversed(rows)) == found


def test_each_value_is_looked_for_by_itself() -> None:
    rules = Rules(TREE, rooms=(row("TN", "muon", minutes_visit=20, house_rules="2"), row("PB", extension_minutes=0)))
    policy = rules.room("PB", "muon")
    assert (policy.minutes_visit, policy.house_rules, policy.extension_minutes) == (20, "2", 0)
    assert policy.minutes_day == DEFAULTS.minutes_day


@pytest.mark.parametrize("stranger", [GUEST_CATEGORY, UNKNOWN_CATEGORY])
def test_strangers_come_in_only_where_a_row_names_them(stranger: str) -> None:
    rows = (row("TN", admitted=True, minutes_day=30),)
    assert not Rules(TREE, rooms=rows).room("PB", stranger).admitted
    named = Rules(TREE, rooms=(*rows, row("TN", stranger, admitted=True)))
    assert named.room("PB", stranger).admitted
    assert named.room("PB", stranger).minutes_day == 30
    assert not named.room("BK", stranger).admitted


@pytest.mark.parametrize(
    "values", [{"minutes_day": 1441}, {"minutes_visit": 0}, {"hide_minutes": 16}, {"sit_down_minutes": 0}]
)
def test_a_number_nobody_can_mean_is_refused_with_both_languages(values: dict[str, Any]) -> None:
    (name,) = values
    with pytest.raises(SettingError, match=f"'{name}' must be between") as refused:
        row("TN", **values)
    assert f"'{name}' phải từ" in refused.value.phrase.vi


def test_two_rows_for_the_same_branch_and_category_are_refused() -> None:
    with pytest.raises(SettingError, match="Two rows of internet-room rules"):
        Rules(TREE, rooms=(row("TN", minutes_day=1), row("TN", minutes_day=2)))
    with pytest.raises(SettingError, match="Two rows"):
        Rules(TREE, rooms=(row("", "guest", minutes_day=1), row("", "guest", minutes_day=2)))
