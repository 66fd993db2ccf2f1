"""A station's rules out of its own files, and the holidays that are written into one of them."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from config.loader import Problems, build
from sync.circulation.calendar import ExtraDay, Holiday
from sync.circulation.model import ServiceMode
from sync.circulation.rules import Rules
from sync.intake.rules import (
    HOLIDAYS_FILE,
    RULES_FILE,
    SHIPPED,
    HolidayList,
    RuleSet,
    known_until,
    load_rules,
    public_holidays,
    unknown_branches,
    write_holidays,
)

CATEGORIES = ("adult", "child", "student", "teacher", "reading_only", "staff")
TYPES = ("book", "reference", "magazine", "newspaper", "set", "disc", "children")


def loaded(home: Path, shipped: str = "default") -> RuleSet:
    found = load_rules(home, shipped)
    assert isinstance(found, RuleSet)
    return found


def written(home: Path) -> HolidayList:
    values = tomllib.loads((home / HOLIDAYS_FILE).read_text("utf-8"))
    built = build(HolidayList, values)
    assert not isinstance(built, Problems)
    return built.value


# --- what ships -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["default", "demo"])
def test_the_rules_that_ship_are_right_and_complete(tmp_path: Path, name: str) -> None:
    found = loaded(tmp_path, name)
    rules = found.rules
    assert found.source == f"{name}.toml"
    assert unknown_branches(rules) is None
    for branch in (one.code for one in rules.branches):
        for category, item_type in product(CATEGORIES, TYPES):
            policy = rules.policy(branch, category, item_type)
            assert policy.max_loans > 0
            assert policy.modes
            assert (ServiceMode.TAKE_HOME in policy.modes) == (
                category != "reading_only" and item_type not in AT_HOME[name]
            )
        # Something can be due on any day of a year, and never on a day that is shut.
        calendar = rules.calendar(branch)
        for day in (date.fromordinal(date(2027, 1, 1).toordinal() + n) for n in range(365)):
            due = calendar.due_at(day)
            assert due
            assert calendar.is_open_day(due.date())
    assert rules.policy(rules.branches[0].code, "unknown", "book").max_loans == 0


#: What never leaves the house, by rule-set.
AT_HOME = {"default": {"reference"}, "demo": {"reference", "newspaper"}}


@pytest.mark.parametrize("name", ["default", "demo"])
def test_the_hours_that_ship_are_those_of_a_provincial_library(tmp_path: Path, name: str) -> None:
    # Source: facts/vietnamese-and-screens.md; the change-over dates are the library's own.
    rules = loaded(tmp_path, name).rules
    calendar = rules.calendar(rules.branches[-1].code)

    def hours(day: date) -> list[str]:
        return [f"{one.opens:%H:%M}-{one.closes:%H:%M}" for one in calendar.intervals(day)]

    assert hours(date(2027, 4, 15)) == ["07:30-11:30", "13:00-17:00"]
    assert hours(date(2027, 4, 16)) == ["07:00-11:30", "13:30-17:00"]
    assert hours(date(2027, 10, 15)) == ["07:00-11:30", "13:30-17:00"]
    assert hours(date(2027, 10, 18)) == ["07:30-11:30", "13:00-17:00"]
    assert hours(date(2027, 4, 17)) == hours(date(2027, 4, 18)) == []


@pytest.mark.parametrize(("name", "guests"), [("default", False), ("demo", True)])
def test_the_internet_rooms_that_ship_have_less_time_for_children_and_say_who_may_come(
    tmp_path: Path, name: str, guests: bool
) -> None:
    rules = loaded(tmp_path, name).rules
    for branch in (one.code for one in rules.branches):
        adult, child = rules.room(branch, "adult"), rules.room(branch, "child")
        assert (adult.admitted, child.admitted, rules.room(branch, "unknown").admitted) == (True, True, False)
        assert child.children
        assert child.minutes_day < adult.minutes_day
        assert rules.room(branch, "guest").admitted is guests


def test_the_product_ships_these_rule_sets_and_no_others() -> None:
    assert sorted(file.name for file in SHIPPED.glob("*.toml")) == ["default.toml", "demo.toml"]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_stations_own_rules_replace_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / RULES_FILE).write_text('[[branches]]\ncode = "X"\nname = "Xã"\n', "utf-8")
    found = loaded(tmp_path)
    assert found.source == RULES_FILE
    assert [branch.code for branch in found.rules.branches] == ["X"]
    assert found.rules.policies == ()


def test_the_version_is_made_of_the_content(tmp_path: Path) -> None:
    shipped = loaded(tmp_path)
    assert loaded(tmp_path) == shipped
    (tmp_path / RULES_FILE).write_bytes((SHIPPED / "default.toml").read_bytes() + b"\n# a remark changes nothing\n")
    assert loaded(tmp_path).version == shipped.version
    write_holidays(tmp_path, (2027,))
    assert loaded(tmp_path).version != shipped.version


def test_a_rule_set_is_carried_as_json_that_builds_it_again(tmp_path: Path) -> None:
    write_holidays(tmp_path, (2026, 2027))
    found = loaded(tmp_path, "demo")
    again = build(Rules, json.loads(found.body))
    assert not isinstance(again, Problems)
    assert again.value == found.rules


def test_the_mistakes_of_both_files_are_told_together(tmp_path: Path) -> None:
    (tmp_path / RULES_FILE).write_text("[[branches]]\ncode = 1\n", "utf-8")
    (tmp_path / HOLIDAYS_FILE).write_text("[[holidays]]\nday = 'tomorrow'\nname = 'Tết'\n", "utf-8")
    found = load_rules(tmp_path)
    assert isinstance(found, Problems)
    assert {(problem.source, problem.key) for problem in found} == {
        (RULES_FILE, "branches[0].code"),
        (RULES_FILE, "branches[0].name"),
        (HOLIDAYS_FILE, "holidays[0].day"),
    }


def test_holidays_shut_everybody_and_what_the_rules_say_of_a_day_wins(tmp_path: Path) -> None:
    (tmp_path / HOLIDAYS_FILE).write_text(
        '[[holidays]]\nday = 2027-03-01\nname = "A"\n[[holidays]]\nday = 2027-03-02\nname = "B"\n'
        '[[extra_days]]\nday = 2027-03-06\nreason = "Làm bù"\n',
        "utf-8",
    )
    (tmp_path / RULES_FILE).write_bytes(
        (SHIPPED / "default.toml").read_bytes()
        + b'\n[[holidays]]\nday = 2027-03-02\nname = "C"\n[[extra_days]]\nday = 2027-03-02\nreason = "open"\n'
    )
    rules = loaded(tmp_path).rules
    assert [(holiday.day.day, holiday.name) for holiday in rules.holidays] == [(1, "A"), (2, "C")]
    calendar = rules.calendar("MAIN")
    assert [calendar.is_open_day(date(2027, 3, day)) for day in (1, 2, 3, 6, 7)] == [False, True, True, True, False]


def test_the_last_known_holiday_is_known(tmp_path: Path) -> None:
    assert known_until(loaded(tmp_path).rules) is None
    write_holidays(tmp_path, (2027, 2028))
    last = known_until(loaded(tmp_path).rules)
    assert last
    assert last.year == 2028


# --- writing holidays -------------------------------------------------------------------------------------------------


def test_the_public_holidays_of_a_year_are_those_of_the_law() -> None:
    # Labour Code 45/2019/QH14, article 112: eleven days in all; days off in lieu come on top.
    names = {holiday.day: holiday.name for holiday in public_holidays((2027,)).holidays}
    for day in (date(2027, 1, 1), date(2027, 4, 30), date(2027, 5, 1), date(2027, 9, 2)):
        assert day in names
    tet = date(2027, 2, 6)  # lunar new year
    assert "Tết Nguyên Đán" in names[tet]
    assert "Giỗ Tổ Hùng Vương" in names[date(2027, 4, 16)]  # tenth of the third lunar month
    assert len(names) >= 11
    assert all(day.year == 2027 for day in names)


def test_a_new_file_holds_the_years_that_were_asked_for(tmp_path: Path) -> None:
    fresh = write_holidays(tmp_path / "new", (2026, 2027))
    assert isinstance(fresh, HolidayList)
    assert written(tmp_path / "new") == fresh == public_holidays((2026, 2027))
    assert {holiday.day.year for holiday in fresh.holidays} == {2026, 2027}
    assert [holiday.day for holiday in fresh.holidays] == sorted(holiday.day for holiday in fresh.holidays)


def test_other_years_are_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / HOLIDAYS_FILE).write_text(
        '[[holidays]]\nday = 2026-12-24\nname = "Ngày của thư viện"\n[[extra_days]]\nday = 2026-12-26\nreason = "Bù"\n',
        "utf-8",
    )
    write_holidays(tmp_path, (2027,))
    found = written(tmp_path)
    assert found.holidays[0] == Holiday(date(2026, 12, 24), "Ngày của thư viện")
    assert ExtraDay(date(2026, 12, 26), "Bù") in found.extra_days
    assert {holiday.day.year for holiday in found.holidays} == {2026, 2027}


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    write_holidays(tmp_path, (2026, 2027))
    before = (tmp_path / HOLIDAYS_FILE).read_bytes()
    write_holidays(tmp_path, (2027,))
    assert (tmp_path / HOLIDAYS_FILE).read_bytes() == before


def test_a_file_with_mistakes_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / HOLIDAYS_FILE).write_text("holidays = 3\n", "utf-8")
    assert isinstance(write_holidays(tmp_path, (2027,)), Problems)
    assert (tmp_path / HOLIDAYS_FILE).read_text("utf-8") == "holidays = 3\n"


def test_a_folder_that_cannot_be_written_is_a_problem_and_no_accident(tmp_path: Path) -> None:
    (tmp_path / HOLIDAYS_FILE).mkdir()
    assert isinstance(write_holidays(tmp_path, (2027,)), Problems)


# --- branches ---------------------------------------------------------------------------------------------------------


def test_rows_for_branches_outside_the_tree_are_named_with_their_places() -> None:
    built = build(
        Rules,
        {
            "branches": [{"code": "A", "name": "A"}],
            "policies": [{"branch": "A"}, {"branch": "B"}, {"category": "child"}],
            "hours": [{"branch": "C", "seasons": SEASONS}],
            "closures": [
                {"first": "2027-01-04", "last": "2027-01-05"},
                {"first": "2027-01-04", "last": "2027-01-05", "branch": "D"},
            ],
            "extra_days": [{"day": "2027-01-09"}, {"day": "2027-01-09", "branch": "E"}],
            "rooms": [{"category": "child"}, {"branch": "F"}],
        },
    )
    assert not isinstance(built, Problems)
    found = unknown_branches(built.value)
    assert found
    assert [(problem.key, problem.sentence.en) for problem in found] == [
        ("policies[1].branch", "There is no branch 'B'."),
        ("hours[0].branch", "There is no branch 'C'."),
        ("closures[1].branch", "There is no branch 'D'."),
        ("extra_days[1].branch", "There is no branch 'E'."),
        ("rooms[1].branch", "There is no branch 'F'."),
    ]
    assert all(problem.source == RULES_FILE for problem in found)


SEASONS = [
    {
        "name": "Cả năm",
        "starts": "01-01",
        "week": [{"days": ["mon"], "intervals": [{"opens": "08:00", "closes": "17:00"}]}],
    }
]
