"""PINs: how they are kept, how tries are counted, and how the waits grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kiosk.pins import FIRST_WAIT_S, FREE_TRIES, LONGEST_WAIT_S, PinGuard, hash_pin

STORED = hash_pin("1234")


def wrong(guard: PinGuard, card: str, clock: float, times: int = 1) -> list[tuple[bool, int, int]]:
    """Tries of a card without a PIN, none of which is ever right, each as soon as it is taken."""
    answers = []
    for _try in range(times):
        answers.append(guard.check(card, "0000", None, clock))
        clock += answers[-1][2]
    return answers


def test_a_pin_is_kept_as_an_argon2id_hash_with_a_salt_of_its_own() -> None:
    again = hash_pin("1234")
    assert STORED.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert again != STORED
    assert "1234" not in STORED.split("$")[-1]


def test_the_right_pin_is_right_and_another_is_not() -> None:
    guard = PinGuard()
    assert guard.check("A", "1235", STORED, 0) == (False, 2, 0)
    assert guard.check("A", "1234", STORED, 0) == (True, 3, 0)
    assert not guard.check("A", "", STORED, 0)[0]


def test_a_hash_made_with_other_settings_is_still_good() -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415, the product itself has one way to hash

    older = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("4321")
    assert PinGuard().check("A", "4321", older, 0)[0]


def test_a_card_without_a_pin_or_with_a_broken_hash_is_never_right() -> None:
    for stored in (None, "", "1234", "$argon2id$broken"):
        assert PinGuard().check("A", "1234", stored, 0) == (False, 2, 0)


def test_a_right_pin_forgets_the_wrong_ones() -> None:
    guard = PinGuard()
    wrong(guard, "A", 0, 2)
    assert guard.check("A", "1234", STORED, 0)[0]
    assert [answer[1] for answer in wrong(guard, "A", 0, 3)] == [2, 1, 0]


def test_waits_begin_after_the_free_tries_and_double_up_to_the_longest() -> None:
    answers = wrong(PinGuard(), "A", 0, FREE_TRIES + 10)
    waits = [wait for _right, _left, wait in answers]
    assert waits[: FREE_TRIES - 1] == [0] * (FREE_TRIES - 1)
    assert waits[FREE_TRIES - 1 : FREE_TRIES + 6] == [30, 60, 120, 240, 480, 960, 1920]
    assert set(waits[FREE_TRIES + 6 :]) == {LONGEST_WAIT_S}
    assert [left for _right, left, _wait in answers[:4]] == [2, 1, 0, 0]


def test_a_try_during_a_wait_is_not_looked_at_and_costs_nothing() -> None:
    guard = PinGuard()
    wrong(guard, "A", 0, FREE_TRIES)
    assert guard.check("A", "1234", STORED, 1) == (False, 0, FIRST_WAIT_S)
    assert guard.check("A", "0000", STORED, FIRST_WAIT_S - 0.5) == (False, 0, 1)
    assert guard.check("A", "1234", STORED, FIRST_WAIT_S) == (True, FREE_TRIES, 0)


def test_each_card_is_counted_for_itself() -> None:
    guard = PinGuard()
    wrong(guard, "A", 0, FREE_TRIES)
    assert guard.check("B", "1234", STORED, 0)[0]
    assert not guard.check("A", "1234", STORED, 0)[0]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.floats(0, 4000)), max_size=40))
def test_no_more_than_the_free_tries_are_looked_at_without_a_wait_between(tries: list[tuple[str, float]]) -> None:
    guard, clock = PinGuard(), 0.0
    looked_at: dict[str, list[float]] = {"A": [], "B": []}
    locked: dict[str, float] = {"A": 0.0, "B": 0.0}
    for card, later in tries:
        clock += later
        right, left, wait = guard.check(card, "0000", None, clock)
        assert not right
        if clock < locked[card]:
            assert (left, wait) == (0, int(locked[card] - clock) + 1)
            continue
        looked_at[card].append(clock)
        assert left == max(0, FREE_TRIES - len(looked_at[card]))
        if len(looked_at[card]) >= FREE_TRIES:
            assert FIRST_WAIT_S <= wait <= LONGEST_WAIT_S
            locked[card] = clock + wait
