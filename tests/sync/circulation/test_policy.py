"""Which row decides, and where each value came from."""

from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.phrase import SettingError
from sync.circulation.model import ServiceMode
from sync.circulation.network import Branch
from sync.circulation.policy import ANY, PRODUCT_DEFAULTS, LoanPolicy, Origin, PolicyRow
from sync.circulation.rules import Rules
from tests.sync.circulation.worlds import CARD_CATEGORIES, ITEM_TYPES, branch_trees, policy_rows

#: A chain of three and a neighbour.
TREE = (
    Branch("TN", "Thư viện tỉnh Thái Nguyên"),
    Branch("PB", "Thư viện Phú Bình", parent="TN"),
    Branch("UK", "Tủ sách xã Úc Kỳ", parent="PB"),
    Branch("BK", "Thư viện tỉnh Bắc Kạn"),
)
FIELDS = tuple(f.name for f in fields(LoanPolicy) if f.name != "origins")
PLACES = ("branch", "category", "item_type")
DEFAULTS = PRODUCT_DEFAULTS[0]


def row(place: str, **values: object) -> PolicyRow:
    """A row by its place: ``PB muon sach``."""
    branch, category, item_type = place.split()
    return PolicyRow("" if branch == "-" else branch, category, item_type, **values)  # type: ignore[arg-type]


def period(rows: list[PolicyRow], place: str) -> tuple[int, str]:
    """The loan period that holds at a place, and the place of the row that set it."""
    branch, category, item_type = place.split()
    policy = Rules(TREE, tuple(rows)).policy(branch, category, item_type)
    origin = policy.origin("period_days")
    return policy.period_days, f"{origin.branch or '-'} {origin.category} {origin.item_type}"


# --- which row wins ---------------------------------------------------------------------------------------------------

#: From the row that loses against all others to the one that wins against all, seen from ``UK muon sach``.
IN_ORDER = [
    "- * sach",
    "- muon *",
    "- muon sach",
    "TN * *",
    "TN * sach",
    "TN muon *",
    "TN muon sach",
    "PB * *",
    "PB * sach",
    "PB muon *",
    "PB muon sach",
    "UK * *",
    "UK * sach",
    "UK muon *",
    "UK muon sach",
]


@pytest.mark.parametrize("rank", range(len(IN_ORDER)), ids=IN_ORDER)
def test_the_nearest_branch_wins_and_at_one_branch_the_more_particular_row(rank: int) -> None:
    upto = [row(place, period_days=n + 1) for n, place in enumerate(IN_ORDER[: rank + 1])]
    assert period(upto, "UK muon sach") == (rank + 1, IN_ORDER[rank])
    assert period(upto[::-1], "UK muon sach") == (rank + 1, IN_ORDER[rank]), "the order of the rows says nothing"


@pytest.mark.parametrize("place", ["UK doc *", "UK * bao", "UK doc sach", "UK muon bao", "BK * *", "BK muon sach"])
def test_rows_for_others_say_nothing(place: str) -> None:
    assert period([row(place, period_days=3)], "UK muon sach") == (DEFAULTS.period_days, "- * *")


def test_rows_below_a_branch_say_nothing_at_it() -> None:
    rows = [row("UK muon sach", period_days=3), row("PB * *", period_days=5)]
    assert period(rows, "TN muon sach") == (15, "- * *")
    assert period(rows, "PB muon sach") == (5, "PB * *")


def test_each_field_is_looked_for_by_itself() -> None:
    rows = (row("TN muon *", period_days=30, max_loans=10), row("UK * *", max_loans=2), row("PB * sach", renewals=0))
    policy = Rules(TREE, rows).policy("UK", "muon", "sach")
    assert (policy.period_days, policy.max_loans, policy.renewals) == (30, 2, 0)
    assert policy.origin("period_days") == Origin("TN", "muon", ANY)
    assert policy.origin("max_loans") == Origin("UK", ANY, ANY)
    assert policy.origin("renewals") == Origin("PB", ANY, "sach")
    assert policy.origin("fee_cap") == Origin("", ANY, ANY)


@pytest.mark.parametrize(
    ("name", "above", "here"),
    [
        ("max_loans", 5, 0),
        ("renewals", 2, 0),
        ("renewal_days", 7, 0),
        ("grace_days", 7, 0),
        ("fee_per_day", 1000, 0),
        ("fee_cap", 5000, 0),
        ("min_age", 18, 0),
        ("min_deposit", 50_000, 0),
        ("modes", frozenset(ServiceMode), frozenset()),
        ("max_overdue", 2, 0),
        ("max_owed", 5000, 0),
        ("renew_overdue", True, False),
        ("due_on", date(2027, 5, 31), date(2027, 1, 31)),
        ("period_days", 15, 1),
    ],
)
def test_nought_no_and_none_at_all_are_settings_and_not_silence(name: str, above: object, here: object) -> None:
    rules = Rules(TREE, (row("TN * *", **{name: above}), row("PB * *", **{name: here})))
    assert getattr(rules.policy("TN", "muon", "sach"), name) == above
    assert getattr(rules.policy("UK", "muon", "sach"), name) == here
    assert rules.policy("UK", "muon", "sach").origin(name) == Origin("PB", ANY, ANY)


def test_moving_a_branch_changes_what_it_inherits() -> None:
    rows = (row("TN * *", period_days=10), row("BK * *", period_days=20))
    moved = tuple(replace(b, parent="BK") if b.code == "PB" else b for b in TREE)
    assert Rules(TREE, rows).policy("UK", "muon", "sach").period_days == 10
    assert Rules(moved, rows).policy("UK", "muon", "sach").period_days == 20
    alone = tuple(replace(b, parent="") if b.code == "UK" else b for b in TREE)
    assert Rules(alone, rows).policy("UK", "muon", "sach").period_days == DEFAULTS.period_days


def test_a_branch_that_the_tree_does_not_know_has_what_holds_everywhere() -> None:
    rules = Rules(TREE, (row("- * sach", period_days=7), row("TN * *", renewals=5)))
    policy = rules.policy("??", "muon", "sach")
    assert (policy.period_days, policy.renewals) == (7, DEFAULTS.renewals)


# --- what holds where nobody has said anything ------------------------------------------------------------------------


def test_without_any_row_the_products_defaults_hold() -> None:
    policy = Rules(TREE).policy("UK", "muon", "sach")
    assert {name: getattr(policy, name) for name in FIELDS} == {
        "max_loans": 3,
        "period_days": 15,
        "due_on": None,
        "renewals": 1,
        "renewal_days": 0,
        "grace_days": 0,
        "fee_per_day": 0,
        "fee_cap": 100_000,
        "min_age": 0,
        "min_deposit": 0,
        "modes": {ServiceMode.ON_SITE, ServiceMode.TAKE_HOME},
        "max_overdue": 0,
        "max_owed": 0,
        "renew_overdue": False,
    }
    assert {name: policy.origin(name) for name in FIELDS} == dict.fromkeys(FIELDS, Origin("", ANY, ANY))


@pytest.mark.parametrize("item_type", [ANY, "sach"])
@pytest.mark.parametrize(
    ("rows", "loans", "origin"),
    [
        ([], 0, Origin("", "unknown", ANY)),
        ([row("TN * *", max_loans=9), row("UK * sach", max_loans=9)], 0, Origin("", "unknown", ANY)),
        ([row("TN unknown *", max_loans=1)], 1, Origin("TN", "unknown", ANY)),
        ([row("TN unknown *", max_loans=1), row("UK * *", max_loans=9)], 1, Origin("TN", "unknown", ANY)),
    ],
)
def test_how_much_a_stranger_may_borrow_is_said_for_strangers_alone(
    rows: list[PolicyRow], loans: int, origin: Origin, item_type: str
) -> None:
    policy = Rules(TREE, tuple(rows)).policy("UK", "unknown", item_type)
    assert (policy.max_loans, policy.origin("max_loans")) == (loans, origin)
    assert Rules(TREE, tuple(rows)).policy("UK", "muon", item_type).max_loans != 0


def test_all_else_holds_for_strangers_as_for_readers() -> None:
    policy = Rules(TREE, (row("TN * *", period_days=4, fee_per_day=500),)).policy("UK", "unknown", "sach")
    assert (policy.period_days, policy.fee_per_day) == (4, 500)


def test_an_origin_is_asked_for_by_the_name_of_a_field() -> None:
    with pytest.raises(KeyError):
        Rules(TREE).policy("TN", "muon", "sach").origin("colour")


# --- what a row may not say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_loans", -1),
        ("max_loans", 1001),
        ("period_days", 0),
        ("period_days", -1),
        ("period_days", 3661),
        ("renewals", -1),
        ("renewal_days", -1),
        ("grace_days", -1),
        ("fee_per_day", -1),
        ("fee_per_day", 10_000_001),
        ("fee_cap", -1),
        ("min_age", 121),
        ("min_deposit", -1),
        ("max_overdue", -1),
        ("max_owed", -1),
    ],
)
def test_a_row_with_an_unreasonable_number_is_refused_by_the_name_of_its_field(name: str, value: int) -> None:
    with pytest.raises(SettingError, match=f"'{name}'"):
        row("TN * *", **{name: value})


@pytest.mark.parametrize("place", ["TN * *", "TN muon sach", "- * *", "- unknown *"])
def test_two_rows_for_the_same_place_are_refused(place: str) -> None:
    rows = (row(place, period_days=1),) if place in {"- * *", "- unknown *"} else (row(place), row(place, renewals=1))
    with pytest.raises(SettingError, match="Two policy rows"):
        Rules(TREE, rows)


# --- for any rows in any tree -----------------------------------------------------------------------------------------


@st.composite
def policy_questions(draw: st.DrawFn) -> tuple[Rules, str, str, str]:
    """Any rules, and a branch, a category and a type to ask them about."""
    branches = draw(branch_trees())
    codes = [b.code for b in branches]
    rules = Rules(branches, draw(policy_rows(codes, most=8)))
    return (
        rules,
        draw(st.sampled_from((*codes, "??"))),
        draw(st.sampled_from(CARD_CATEGORIES)),
        draw(st.sampled_from((ANY, *ITEM_TYPES))),
    )


def by_origin(rules: Rules) -> dict[Origin, PolicyRow]:
    """Every row there is, by its place."""
    return {Origin(r.branch, r.category, r.item_type): r for r in (*PRODUCT_DEFAULTS, *rules.policies)}


@given(policy_questions())
def test_every_value_names_the_row_that_really_sets_it(asked: tuple[Rules, str, str, str]) -> None:
    rules, *place = asked
    policy = rules.policy(*place)
    assert {name for name, _ in policy.origins} == set(FIELDS)
    for name in FIELDS:
        assert getattr(by_origin(rules)[policy.origin(name)], name) == getattr(policy, name)


@given(policy_questions())
def test_no_row_that_is_nearer_or_more_particular_is_passed_over(asked: tuple[Rules, str, str, str]) -> None:
    rules, branch, category, item_type = asked
    policy = rules.policy(branch, category, item_type)
    nodes = [*rules.network.lineage(branch), ""]

    def distance(at: Origin) -> tuple[int, bool, bool]:
        return nodes.index(at.branch), at.category == ANY, at.item_type == ANY

    for at, candidate in by_origin(rules).items():
        if at.branch not in nodes or at.category not in {ANY, category} or at.item_type not in {ANY, item_type}:
            continue
        for name in FIELDS:
            for_readers_only = name == "max_loans" and category == "unknown" != at.category
            if getattr(candidate, name) is not None and not for_readers_only:
                assert distance(policy.origin(name)) <= distance(at), name


@given(policy_questions())
def test_the_order_of_rows_and_branches_says_nothing(asked: tuple[Rules, str, str, str]) -> None:
    rules, *place = asked
    turned = Rules(rules.branches[::-1], rules.policies[::-1])
    assert turned.policy(*place) == rules.policy(*place) == rules.policy(*place)
