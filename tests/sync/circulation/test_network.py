"""The site tree, and whose number a number is."""

import pytest
from hypothesis import given

from config.phrase import SettingError
from sync.circulation.network import Branch, Network
from tests.sync.circulation.worlds import branch_trees

NETWORK = Network(
    (
        Branch("UK", "Tủ sách xã Úc Kỳ", parent="PB", kind="bookcase"),
        Branch("TN", "Thư viện tỉnh Thái Nguyên", isil="VN-TN", item_prefixes=("TN", "0208"), patron_prefixes=("TN",)),
        Branch("PB", "Thư viện Phú Bình", parent="TN", item_prefixes=("TNPB",), patron_prefixes=("TNPB", "PB")),
        Branch("VAN", "Xe thư viện lưu động", parent="TN"),
    )
)


@pytest.mark.parametrize(
    ("branch", "lineage"), [("UK", "UK PB TN"), ("PB", "PB TN"), ("TN", "TN"), ("VAN", "VAN TN"), ("??", ""), ("", "")]
)
def test_a_branch_knows_those_above_it_nearest_first(branch: str, lineage: str) -> None:
    assert list(NETWORK.lineage(branch)) == lineage.split()


@given(branch_trees())
def test_a_lineage_climbs_from_the_branch_to_a_root_whatever_the_order_of_the_branches(
    branches: tuple[Branch, ...],
) -> None:
    network = Network(branches)
    parents = {b.code: b.parent for b in branches}
    for branch in branches:
        climb = list(network.lineage(branch.code))
        assert climb[0] == branch.code
        assert [parents[code] for code in climb] == [*climb[1:], ""]


def test_a_branch_is_found_by_its_code_and_by_the_institution_on_a_tag() -> None:
    assert "PB" in NETWORK
    assert "??" not in NETWORK
    assert (found := NETWORK.get("PB")) is not None
    assert found.name == NETWORK.name("PB") == "Thư viện Phú Bình"
    assert NETWORK.get("??") is None
    assert NETWORK.name("??") == "??"
    assert NETWORK.by_isil("VN-TN") == NETWORK.get("TN")
    assert NETWORK.by_isil("VN-BK") is None
    assert NETWORK.by_isil("") is None, "branches without an ISIL are not one institution"


@pytest.mark.parametrize(
    ("number", "item_of", "card_of"),
    [
        ("TN1", "TN", "TN"),
        ("TNPB1", "PB", "PB"),
        ("TNP", "TN", "TN"),
        ("02081", "TN", None),
        ("PB7", None, "PB"),
        ("tn1", None, None),
        ("8934974123456", None, None),
        ("", None, None),
    ],
)
def test_a_number_belongs_to_the_branch_with_its_longest_prefix(
    number: str, item_of: str | None, card_of: str | None
) -> None:
    item, card = NETWORK.home_of_item(number), NETWORK.home_of_patron(number)
    assert (item and item.code) == item_of
    assert (card and card.code) == card_of


def test_an_empty_prefix_claims_nothing() -> None:
    assert Network((Branch("TN", "Thư viện tỉnh", item_prefixes=("",)),)).home_of_item("TN1") is None


@pytest.mark.parametrize(
    ("branches", "complaint"),
    [
        ((Branch("", "Thư viện tỉnh"),), "has no code"),
        ((Branch("A", "x"), Branch("A", "y")), "used twice"),
        ((Branch("A", "x", parent="B"),), "does not exist"),
        ((Branch("A", "x", parent="A"),), "below itself"),
        ((Branch("A", "x", parent="B"), Branch("B", "y", parent="A")), "below itself"),
        (
            (
                Branch("A", "x"),
                Branch("D", "w", parent="B"),
                Branch("B", "y", parent="C"),
                Branch("C", "z", parent="B"),
            ),
            "below itself",
        ),
    ],
)
def test_what_is_no_tree_is_refused(branches: tuple[Branch, ...], complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Network(branches)
