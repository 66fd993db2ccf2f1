"""The feed: no gap, nothing skipped, nothing told twice too often, and an end to what is old."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.central.database import Database
from sync.central.feed import TOMBSTONES_STAY, Place, as_body, compact, difference, page, publish
from tests.sync.central.conftest import Server
from tests.sync.central.world import NOW


def item(number: int, scope: str = "TN") -> Place:
    return (scope, "item", f"I{number}")


BODY = as_body({"item_id": "I", "branch": "TN"})


def tell(database: Database, *places: Place, body: str | None = BODY, now: int = NOW) -> None:
    with database.begin() as connection:
        publish(connection, dict.fromkeys(places, body), now)


def read_all(database: Database, *scopes: str, cursor: int = 0, limit: int = 1000) -> list[int]:
    found, more = [], True
    while more:
        with database.read() as connection:
            some = page(connection, cursor, scopes, limit=limit)
        assert not some.too_old
        found += [change.cursor for change in some.changes]
        cursor, more = some.cursor, some.more
    return found


def test_cursors_have_no_gap_and_a_page_says_where_to_go_on(database: Database) -> None:
    for n in range(7):
        tell(database, item(n), item(n, "PB"))
    assert read_all(database, "TN", "PB") == list(range(1, 15))
    assert len(read_all(database, "TN", limit=2)) == 7
    assert sorted(read_all(database, "TN") + read_all(database, "PB")) == list(range(1, 15))
    assert read_all(database, "elsewhere") == []


def test_who_has_everything_is_told_nothing_and_keeps_up_with_the_head(database: Database) -> None:
    tell(database, item(1, "PB"))
    with database.read() as connection:
        some = page(connection, 0, ["TN"])
        assert (some.changes, some.cursor, some.more, some.too_old) == ((), 1, False, False)
        assert page(connection, 1, ["TN"]).cursor == 1


def test_nothing_to_tell_moves_nothing(database: Database) -> None:
    tell(database)
    with database.read() as connection:
        assert page(connection, 0, ["TN"]).cursor == 0


def test_what_is_gone_is_told_before_what_takes_its_place_but_never_the_rules(database: Database) -> None:
    with database.begin() as connection:
        told: dict[Place, str | None] = {
            ("TN", "loan", "new"): BODY, ("TN", "loan", "old"): None,
            ("*", "rule_set", "new"): BODY, ("*", "rule_set", "old"): None,
        }  # fmt: skip
        publish(connection, told, NOW)
    with database.read() as connection:
        changes = page(connection, 0, ["TN", "*"]).changes
    order = [(change.table, change.key) for change in changes]
    assert order == [("loan", "old"), ("loan", "new"), ("rule_set", "new"), ("rule_set", "old")]


def test_a_cursor_from_the_future_the_pruned_past_or_other_scopes_is_too_old(database: Database) -> None:
    tell(database, item(1))
    with database.read() as connection:
        assert page(connection, 2, ["TN"]).too_old
        assert page(connection, 0, ["TN"], scoped_at=1).too_old
        assert not page(connection, 1, ["TN"], scoped_at=1).too_old


def test_compacting_keeps_the_last_word_on_every_row(database: Database) -> None:
    for body in (BODY, None, as_body({"last": 1})):
        tell(database, item(1), item(1, "PB"), item(2), body=body)
    tell(database, item(3), body=None)
    with database.begin() as connection:
        assert compact(connection, NOW) == 6
    with database.read() as connection:
        changes = page(connection, 0, ["TN", "PB"]).changes
    assert [(c.scope, c.key, c.row) for c in changes] == [
        ("TN", "I1", {"last": 1}), ("PB", "I1", {"last": 1}), ("TN", "I2", {"last": 1}), ("TN", "I3", None),
    ]  # fmt: skip


def test_old_tombstones_go_and_whoever_has_not_seen_them_needs_a_snapshot(database: Database) -> None:
    tell(database, item(1), body=None, now=NOW - TOMBSTONES_STAY - 1)
    tell(database, item(2), now=NOW - TOMBSTONES_STAY - 1)
    tell(database, item(3), body=None, now=NOW - TOMBSTONES_STAY + 1)
    with database.begin() as connection:
        compact(connection, NOW)
    with database.read() as connection:
        assert page(connection, 0, ["TN"]).too_old
    assert read_all(database, "TN", cursor=1) == [2, 3]


BODIES = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.just("item"), st.sampled_from("xyz")), st.sampled_from("12")
)


@given(BODIES, BODIES, st.sampled_from(["A", "B", "AB"]))
def test_a_difference_turns_one_state_into_the_other(
    before: dict[Place, str], after: dict[Place, str], scopes: str
) -> None:
    """For whoever listens in one scope, and for whoever listens in both, as :func:`publish` puts it in order."""
    state = {place[1:]: body for place, body in before.items() if place[0] in scopes}
    for (scope, *row), body in sorted(difference(before, after).items(), key=lambda one: one[1] is not None):
        if scope in scopes:
            state.pop((row[0], row[1]), None)
            if body is not None:
                state[row[0], row[1]] = body
    stands: dict[tuple[str, str], set[str]] = {}
    for place, body in after.items():
        if place[0] in scopes:
            stands.setdefault(place[1:], set()).add(body)
    assert state.keys() == stands.keys()
    assert all(body in stands[row] for row, body in state.items())


@given(BODIES)
def test_what_stays_as_it_is_tells_nobody_anything(state: dict[Place, str]) -> None:
    assert difference(state, dict(state)) == {}


def test_who_may_know_whose_it_is_knows_it_in_whatever_scopes_she_listens(database: Database) -> None:
    named, nameless = as_body({"patron_id": "R1"}), as_body({"patron_id": None})
    told = difference({}, {("A", "loan", "t"): named, ("B", "loan", "t"): nameless})
    with database.begin() as connection:
        publish(connection, told, NOW)
    with database.read() as connection:
        assert [change.row for change in page(connection, 0, ["A", "B"]).changes][-1] == {"patron_id": "R1"}


def test_a_transaction_that_commits_late_is_never_skipped(server: Server) -> None:
    """It has its cursors, and who comes after it has to wait for them."""
    with server.database() as address, Database.open(address) as database:
        holds, let_go = threading.Event(), threading.Event()

        def late() -> None:
            with database.begin() as connection:
                publish(connection, {item(1): BODY}, NOW)
                holds.set()
                let_go.wait()

        first = threading.Thread(target=late)
        first.start()
        holds.wait()
        second = threading.Thread(target=tell, args=(database, item(2)))
        second.start()
        second.join(timeout=0.3)
        assert second.is_alive()
        assert read_all(database, "TN") == []
        let_go.set()
        first.join()
        second.join()
        assert read_all(database, "TN") == [1, 2]


@pytest.mark.parametrize("writers", [4])
def test_a_reader_beside_many_writers_sees_every_change_once_and_in_order(server: Server, writers: int) -> None:
    with server.database() as address, Database.open(address) as database:
        done = threading.Event()

        def write(name: int) -> None:
            for n in range(25):
                tell(database, item(100 * name + n))

        threads = [threading.Thread(target=write, args=(name,)) for name in range(writers)]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while not done.is_set():
            if not any(thread.is_alive() for thread in threads):
                done.set()
            seen += read_all(database, "TN", cursor=seen[-1] if seen else 0, limit=7)
        assert seen == list(range(1, 25 * writers + 1))
