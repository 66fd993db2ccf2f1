"""Chips: blocks turned round, and which mark stands for which state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iso15693 import AfiPair, Mark, MarkDoubt, Marking, MarkPolicy, Security, has_eas, reverse_blocks


@given(st.binary(max_size=300))
def test_turning_blocks_twice_gives_the_whole_blocks_back(data: bytes) -> None:
    assert reverse_blocks(reverse_blocks(data)) == data[: len(data) // 4 * 4]


def test_blocks_are_turned_one_by_one() -> None:
    assert reverse_blocks(bytes.fromhex("11010131 30303030 3536")) == bytes.fromhex("31010111 30303030")


def test_the_registered_values_are_what_a_library_has_unless_it_says_otherwise() -> None:
    afis = AfiPair()
    assert (afis.afi(Security.SECURED), afis.afi(Security.RELEASED)) == (0x07, 0xC2)
    assert afis.security(0x07) is Security.SECURED
    assert afis.security(0xC2) is Security.RELEASED
    assert afis.security(0x9E) is None


def test_a_library_may_have_a_pair_of_its_own() -> None:
    afis = AfiPair(secured=0xDA, released=0xD7)
    assert afis.afi(Security.SECURED) == 0xDA
    assert afis.security(0x07) is None


@pytest.mark.parametrize(("secured", "released"), [(7, 7), (7, 256), (-1, 7)])
def test_values_that_cannot_tell_the_states_apart_are_refused(secured: int, released: int) -> None:
    with pytest.raises(ValueError, match="different bytes"):
        AfiPair(secured, released)


SECURED, RELEASED = Security.SECURED, Security.RELEASED


@pytest.mark.parametrize(
    ("policy", "security", "mark"),
    [
        (MarkPolicy.AFI, SECURED, Mark(afi=0x07)),
        (MarkPolicy.AFI, RELEASED, Mark(afi=0xC2)),
        (MarkPolicy.EAS, SECURED, Mark(eas=True)),
        (MarkPolicy.EAS, RELEASED, Mark(eas=False)),
        (MarkPolicy.BOTH, SECURED, Mark(0x07, eas=True)),
        (MarkPolicy.BOTH, RELEASED, Mark(0xC2, eas=False)),
    ],
)
def test_each_policy_has_a_mark_for_each_state_and_reads_it_back(
    policy: MarkPolicy, security: Security, mark: Mark
) -> None:
    marking = Marking(policy)
    assert marking.mark(security) == mark
    assert marking.judge(mark) is security


@pytest.mark.parametrize(
    ("policy", "mark", "judged"),
    [
        (MarkPolicy.AFI, Mark(0x07, eas=False), SECURED),
        (MarkPolicy.EAS, Mark(0x07, eas=False), RELEASED),
        (MarkPolicy.BOTH, Mark(0x07, eas=False), MarkDoubt.DISAGREE),
        (MarkPolicy.BOTH, Mark(0xC2, eas=True), MarkDoubt.DISAGREE),
        (MarkPolicy.AFI, Mark(0x9E), MarkDoubt.FOREIGN),
        (MarkPolicy.BOTH, Mark(0x9E, eas=True), MarkDoubt.FOREIGN),
        (MarkPolicy.BOTH, Mark(0x07), MarkDoubt.UNKNOWN),
        (MarkPolicy.EAS, Mark(0x07), MarkDoubt.UNKNOWN),
        (MarkPolicy.AFI, Mark(), MarkDoubt.UNKNOWN),
    ],
)
def test_what_a_mark_means_depends_on_what_the_library_uses(
    policy: MarkPolicy, mark: Mark, judged: Security | MarkDoubt
) -> None:
    assert Marking(policy).judge(mark) is judged


def test_eas_is_nxps() -> None:
    assert has_eas(bytes.fromhex("E004010012345678"))
    assert not has_eas(bytes.fromhex("E007010012345678"))
