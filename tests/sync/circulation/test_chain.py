"""The hash chain: nothing in a ledger can be changed, left out, moved or added unseen."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation.chain import HASH_BYTES, genesis, link

RECORDS = st.lists(st.text(max_size=20), min_size=1, max_size=8)


def hashes(records: list[str], station: str = "TN-K01", epoch: int = 1) -> list[bytes]:
    """The hash after each record."""
    found, last = [], genesis(station, epoch)
    for record in records:
        last = link(last, record)
        found.append(last)
    return found


def verifies(records: list[str], kept: list[bytes]) -> bool:
    """Whether records and the hashes kept beside them belong together."""
    return hashes(records) == kept


def test_the_chain_is_the_one_that_other_programs_can_compute() -> None:
    first = sha256(b"tramsach ledger\x00TN-K01\x001").digest()
    assert genesis("TN-K01", 1) == first
    assert first.hex() == "a997d52e9c12f28dc3f3627920e64c5c67a44fb0fe2cfce20497b1c20481fcd0"
    one, two = hashes(['{"seq":1}', '{"thứ":2}'])
    assert one == sha256(first + b'{"seq":1}').digest()
    assert two == sha256(one + '{"thứ":2}'.encode()).digest()
    assert two.hex() == "184ad2d92d13da1f37f9d83093f3bdfe6a75c6401d4e17a97f93a35feab3f918"
    assert len(two) == HASH_BYTES == 32


@pytest.mark.parametrize(("station", "epoch"), [("TN-K02", 1), ("TN-K01", 2), ("TN-K0", 11), ("", 1)])
def test_another_station_or_epoch_has_another_chain(station: str, epoch: int) -> None:
    assert genesis(station, epoch) != genesis("TN-K01", 1)
    assert hashes(["a"], station, epoch) != hashes(["a"])


@given(RECORDS)
def test_a_chain_verifies_against_itself(records: list[str]) -> None:
    assert verifies(records, hashes(records))


@given(RECORDS, st.data())
def test_a_changed_record_breaks_the_chain(records: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(records) - 1))
    other = data.draw(st.text(max_size=20).filter(lambda text: text != records[at]))
    assert not verifies([*records[:at], other, *records[at + 1 :]], hashes(records))


@given(RECORDS, st.data())
def test_a_record_left_out_breaks_the_chain_even_when_its_hash_goes_too(
    records: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(records) - 1))
    kept = hashes(records)
    fewer = [*records[:at], *records[at + 1 :]]
    assert not verifies(fewer, kept)
    if at < len(fewer):
        assert not verifies(fewer, [*kept[:at], *kept[at + 1 :]])
    assert hashes(fewer)[-1:] != kept[-1:], "the head tells of a missing end"


@given(RECORDS, st.text(max_size=20), st.data())
def test_a_record_put_in_breaks_the_chain(records: list[str], added: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(records)))
    more = [*records[:at], added, *records[at:]]
    kept = hashes(records)
    assert not verifies(more, kept)
    assert hashes(more)[-1] != kept[-1]


@given(st.lists(st.text(max_size=20), min_size=2, max_size=8, unique=True), st.data())
def test_records_in_another_order_break_the_chain(records: list[str], data: st.DataObject) -> None:
    moved = data.draw(st.permutations(records).filter(lambda order: order != records))
    assert not verifies(moved, hashes(records))
    assert hashes(moved)[-1] != hashes(records)[-1]


@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_two_records_are_not_their_texts_run_together(one: str, two: str) -> None:
    assert hashes([one, two])[-1] != hashes([one + two])[-1]
