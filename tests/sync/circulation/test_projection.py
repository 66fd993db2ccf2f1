"""What the events add up to: small histories as tables, then any history a desk could write."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.events import Entry, Event, decode, encode, to_ms
from sync.circulation.projection import KEYS, Drop, Put, Replay, Set, changes

START = datetime(2027, 3, 2, 2, tzinfo=UTC)
Row = dict[str, str | int | None]
Tables = dict[str, dict[str, Row]]


def at(seq: int) -> datetime:
    """The time of an event: a minute for each."""
    return START + timedelta(minutes=seq)


def ms(seq: int) -> int:
    """The same as the tables have it."""
    return to_ms(at(seq))


def entries(events: Iterable[Event]) -> list[Entry]:
    """Events as the first of a ledger."""
    return [Entry(seq, at(seq), seq * 60_000, "b1", "desk", event) for seq, event in enumerate(events, start=1)]


def replayed(*events: Event) -> Tables:
    """The tables after some events."""
    replay = Replay()
    for e in entries(events):
        replay.apply(e)
    return replay.tables


OUT = ev.CheckedOut("TN.1", "a1", "sach", "TN", "take_home", 1000, "r1", hold="h1")
BACK = ev.CheckedIn("TN.1", "TN", "a1")
BACK_UNSECURED = replace(BACK, repair=True)
LONGER = ev.Renewed("TN.1", "a1", 2000, 1000, 1, "r1")
OF_ELSEWHERE = ev.Renewed("TN.2", "e1", 2000, 1000, 1, "r1", None, "bao", "PB", "mobile", 500)
LOAN: Row = {
    "item_id": "TN.1", "item_type": "sach", "branch": "TN", "mode": "take_home", "checked_out_at": ms(1),
    "due_at": 1000, "renewals": 0, "hold_id": "h1", "closed_at": None, "seq": 1,
}  # fmt: skip
CARRIED: Row = {
    "item_id": "TN.2", "item_type": "bao", "branch": "PB", "mode": "mobile", "checked_out_at": 500,
    "due_at": 2000, "renewals": 1, "hold_id": None, "closed_at": None, "seq": 1,
}  # fmt: skip
FEE: Row = {
    "token": "a1", "kind": "overdue", "amount": 3000, "paid": 0, "waived": 0, "charged_at": ms(1), "seq": 1,
}  # fmt: skip
LOSS: Row = {
    "token": "e1", "kind": "loss", "amount": 90_000, "paid": 0, "waived": 0, "charged_at": 77, "seq": 1,
}  # fmt: skip

HISTORIES: list[tuple[str, tuple[Event, ...], Tables]] = [
    ("a checkout", (OUT,), {"loan": {"a1": LOAN}, "custody": {"TN.1": {"token": "a1", "seq": 1}}}),
    (
        "a checkout undone",
        (OUT, ev.Undone(1, "checkout", "TN.1", "a1")),
        {
            "loan": {"a1": {**LOAN, "closed_at": ms(2), "hold_id": None, "seq": 2}},
            "custody": {"TN.1": {"token": None, "seq": 2}},
        },
    ),
    (
        "a checkout undone whose tag may be released",
        (OUT, ev.Undone(1, "checkout", "TN.1", "a1", repair=True)),
        {
            "loan": {"a1": {**LOAN, "closed_at": ms(2), "hold_id": None, "seq": 2}},
            "custody": {"TN.1": {"token": None, "seq": 2}},
            "repair": {"TN.1": {"since": ms(2), "reason": "undo", "seq": 2}},
        },
    ),
    (
        "a checkout and its return",
        (OUT, BACK),
        {"loan": {"a1": {**LOAN, "closed_at": ms(2), "seq": 2}}, "custody": {"TN.1": {"token": None, "seq": 2}}},
    ),
    (
        "a return undone",
        (OUT, BACK_UNSECURED, ev.Undone(2, "checkin", "TN.1", "a1")),
        {"loan": {"a1": {**LOAN, "seq": 3}}, "custody": {"TN.1": {"token": "a1", "seq": 3}}},
    ),
    (
        "a return whose tag waits for repair",
        (OUT, BACK_UNSECURED),
        {
            "loan": {"a1": {**LOAN, "closed_at": ms(2), "seq": 2}},
            "custody": {"TN.1": {"token": None, "seq": 2}},
            "repair": {"TN.1": {"since": ms(2), "reason": "checkin", "seq": 2}},
        },
    ),
    (
        "a repair done",
        (OUT, BACK_UNSECURED, ev.TagSecured("TN.1")),
        {"loan": {"a1": {**LOAN, "closed_at": ms(2), "seq": 2}}, "custody": {"TN.1": {"token": None, "seq": 2}}},
    ),
    (
        "a repair that a new loan makes needless",
        (ev.RepairNeeded("TN.1", "found"), ev.RepairNeeded("TN.9", "found"), OUT),
        {
            "loan": {"a1": {**LOAN, "checked_out_at": ms(3), "seq": 3}},
            "custody": {"TN.1": {"token": "a1", "seq": 3}},
            "repair": {"TN.9": {"since": ms(2), "reason": "found", "seq": 2}},
        },
    ),
    (
        "a return of what nobody had",
        (ev.CheckedIn("TN.5", "TN"),),
        {"custody": {"TN.5": {"token": None, "seq": 1}}},
    ),
    (
        "a return of what nobody had, undone: its tag still waits",
        (ev.CheckedIn("TN.5", "TN", repair=True), ev.Undone(1, "checkin", "TN.5")),
        {
            "custody": {"TN.5": {"token": None, "seq": 2}},
            "repair": {"TN.5": {"since": ms(1), "reason": "checkin", "seq": 1}},
        },
    ),
    (
        "a return of a loan made elsewhere",
        (ev.CheckedIn("TN.2", "TN", "e1"),),
        {"custody": {"TN.2": {"token": None, "seq": 1}}},
    ),
    (
        "a return of a loan made elsewhere, undone: headquarters' word holds again",
        (ev.CheckedIn("TN.2", "TN", "e1", repair=True), ev.Undone(1, "checkin", "TN.2", "e1", here=False)),
        {},
    ),
    (
        "a renewal",
        (OUT, LONGER),
        {
            "loan": {"a1": {**LOAN, "due_at": 2000, "renewals": 1, "seq": 2}},
            "custody": {"TN.1": {"token": "a1", "seq": 2}},
        },
    ),
    (
        "a renewal undone",
        (OUT, LONGER, ev.Undone(2, "renew", "TN.1", "a1", due_at=1000, renewals=0)),
        {"loan": {"a1": {**LOAN, "seq": 3}}, "custody": {"TN.1": {"token": "a1", "seq": 3}}},
    ),
    (
        "a renewal of a loan made elsewhere",
        (OF_ELSEWHERE,),
        {"loan": {"e1": CARRIED}, "custody": {"TN.2": {"token": "e1", "seq": 1}}},
    ),
    (
        "a renewal of a loan made elsewhere, undone",
        (OF_ELSEWHERE, ev.Undone(1, "renew", "TN.2", "e1", due_at=1000, renewals=0)),
        {
            "loan": {"e1": {**CARRIED, "due_at": 1000, "renewals": 0, "seq": 2}},
            "custody": {"TN.2": {"token": "e1", "seq": 2}},
        },
    ),
    (
        "a loan carried here, returned, and the return undone",
        (OF_ELSEWHERE, ev.CheckedIn("TN.2", "TN", "e1"), ev.Undone(2, "checkin", "TN.2", "e1")),
        {"loan": {"e1": {**CARRIED, "seq": 3}}, "custody": {"TN.2": {"token": "e1", "seq": 3}}},
    ),
    (
        "a fee",
        (ev.FeeCharged("f1", "a1", "overdue", 3000, "r1"),),
        {"fee": {"f1": FEE}},
    ),
    (
        "a fee paid in parts and the rest forgiven",
        (
            ev.FeeCharged("f1", "a1", "overdue", 3000, "r1"),
            ev.FeePaid("f1", 1000),
            ev.FeePaid("f1", 500),
            ev.FeeWaived("f1", 1500, "bão lũ"),
        ),
        {"fee": {"f1": {**FEE, "paid": 1500, "waived": 1500, "seq": 4}}},
    ),
    (
        "a fee charged elsewhere, carried here by its first payment",
        (ev.FeePaid("f2", 1000, "e1", "loss", 90_000, 77), ev.FeeWaived("f2", 500)),
        {"fee": {"f2": {**LOSS, "paid": 1000, "waived": 500, "seq": 2}}},
    ),
    (
        "a fee charged elsewhere and forgiven here",
        (ev.FeeWaived("f2", 1000, "", "e1", "loss", 1000, 77),),
        {"fee": {"f2": {**LOSS, "amount": 1000, "waived": 1000}}},
    ),
    (
        "two visits",
        (ev.VisitOpened("v1"), ev.VisitOpened("v2"), ev.VisitClosed("v1", "done", 2, 0, 1, "muon")),
        {
            "visit": {
                "v1": {"opened_at": ms(1), "closed_at": ms(3), "outcome": "done", "seq": 3},
                "v2": {"opened_at": ms(2), "closed_at": None, "outcome": None, "seq": 2},
            }
        },
    ),
    (
        "what only counts",
        (
            ev.UsedOnSite("TN.1", "TN"),
            ev.Refusal("checkout", ("card_expired",)),
            ev.ClockConfirmed(),
            ev.PatronForgotten(3),
            ev.Unknown("seat_taken", 1, "{}"),
        ),
        {},
    ),
    (
        "words about what is not here",
        (
            ev.VisitClosed("v9", "left"),
            ev.FeePaid("f9", 100),
            ev.TagSecured("TN.9"),
            ev.Undone(1, "renew", "TN.9", None),
            ev.Undone(1, "checkout", "TN.9", None),
        ),
        {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("events", "tables"), [h[1:] for h in HISTORIES], ids=[h[0] for h in HISTORIES])
def test_a_history_adds_up_to_its_tables(events: tuple[Event, ...], tables: Tables) -> None:
    assert replayed(*events) == {name: tables.get(name, {}) for name in KEYS}


@pytest.mark.parametrize("events", [h[1] for h in HISTORIES], ids=[h[0] for h in HISTORIES])
def test_changes_name_only_tables_and_columns_that_there_are(events: tuple[Event, ...]) -> None:
    columns = {
        name: {column for _, _, tables in HISTORIES for row in tables.get(name, {}).values() for column in row}
        for name in KEYS
    }
    for e in entries(events):
        for change in changes(e):
            match change:
                case Put():
                    assert set(change.row) == columns[change.table]
                case Set():
                    assert {*change.row, *change.add} <= columns[change.table]
                case Drop():
                    assert change.table in KEYS


def test_rows_given_to_a_replay_are_its_own() -> None:
    e = entries([OUT])[0]
    one, two = Replay(), Replay()
    one.apply(e)
    two.apply(e)
    one.tables["loan"]["a1"]["due_at"] = 0
    assert two.tables["loan"]["a1"]["due_at"] == 1000


# --- any history a desk could write -----------------------------------------------------------------------------------

ITEMS = ("TN.1", "TN.2", "TN.3")
#: Loans that headquarters knows of and this ledger did not make.
ELSEWHERE = {"TN.3": "e3"}


@dataclass
class Desk:
    """Writes only what a desk may write, and keeps by itself, in the plainest way, what should come of it."""

    events: list[Event] = field(default_factory=list)
    holder: dict[str, str | None] = field(default_factory=lambda: {item: ELSEWHERE.get(item) for item in ITEMS})
    terms: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(ELSEWHERE.values(), (1000, 0)))
    here: set[str] = field(default_factory=set)
    unsecured: set[str] = field(default_factory=set)
    owed: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def write(self, event: Event, item: str = "") -> None:
        """Add an event; one that says who has an item is the latest word on it."""
        self.events.append(event)
        if item:
            self.last[item] = len(self.events)

    def checkout(self, item: str) -> None:
        """Lend an item that nobody has."""
        if self.holder[item] is None:
            token = f"t{len(self.events)}"
            self.write(ev.CheckedOut(item, token, "sach", "TN", "take_home", 1000, "r1"), item)
            self.holder[item] = token
            self.terms[token] = (1000, 0)
            self.here.add(token)
            self.unsecured.discard(item)

    def checkin(self, item: str, *, repair: bool) -> None:
        """Take an item back, whoever had it."""
        self.write(ev.CheckedIn(item, "TN", self.holder[item], repair=repair), item)
        self.holder[item] = None
        if repair:
            self.unsecured.add(item)

    def renew(self, item: str) -> None:
        """Renew the loan that is on an item."""
        token = self.holder[item]
        if token is not None:
            due, renewals = self.terms[token]
            event = ev.Renewed(item, token, due + 100, due, renewals + 1, "r1")
            if token not in self.here:
                event = replace(event, item_type="sach", branch="PB", mode="take_home", checked_out_at=5)
            self.write(event, item)
            self.terms[token] = (due + 100, renewals + 1)
            self.here.add(token)

    def undo(self, item: str, *, repair: bool) -> None:
        """Take back the latest act on an item."""
        of = self.last.get(item, 0)
        if not of:
            return
        match self.events[of - 1]:
            case ev.CheckedOut(loan=token):
                self.write(ev.Undone(of, "checkout", item, token, repair=repair), item)
                self.holder[item] = None
                if repair:
                    self.unsecured.add(item)
            case ev.CheckedIn(loan=token):
                self.write(ev.Undone(of, "checkin", item, token, here=token in self.here), item)
                self.holder[item] = token
                if token is not None:
                    self.unsecured.discard(item)
            case ev.Renewed(loan=token, was_due_at=due, renewals=renewals):
                self.write(ev.Undone(of, "renew", item, token, due_at=due, renewals=renewals - 1), item)
                self.terms[token] = (due, renewals - 1)
            case _:
                pass

    def money(self, item: str, amount: int, *, pay: bool) -> None:
        """Charge the item's loan, or pay or forgive part of what is owed for it."""
        fee, token = f"f-{item}", self.holder[item]
        if self.owed.get(fee):
            part = min(amount, self.owed[fee])
            self.write(ev.FeePaid(fee, part) if pay else ev.FeeWaived(fee, part))
            self.owed[fee] -= part
        elif token is not None and fee not in self.owed:
            self.write(ev.FeeCharged(fee, token, "overdue", amount, "r1"))
            self.owed[fee] = amount

    def tag(self, item: str, *, found: bool) -> None:
        """Find a tag unsecured on the shelf, or secure one."""
        if found and self.holder[item] is None:
            self.write(ev.RepairNeeded(item, "found"))
            self.unsecured.add(item)
        elif not found:
            self.write(ev.TagSecured(item))
            self.unsecured.discard(item)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(("checkout", "checkout", "checkin", "renew", "undo", "undo", "money", "tag")),
        st.sampled_from(ITEMS),
        st.booleans(),
        st.integers(1, 3000),
    ),
    min_size=6,
    max_size=25,
)


@st.composite
def desks(draw: st.DrawFn) -> Desk:
    """A desk after any history."""
    desk = Desk()
    for act, item, flag, amount in draw(ACTS):
        match act:
            case "checkout":
                desk.checkout(item)
            case "checkin":
                desk.checkin(item, repair=flag)
            case "renew":
                desk.renew(item)
            case "undo":
                desk.undo(item, repair=flag)
            case "money":
                desk.money(item, amount, pay=flag)
            case _:
                desk.tag(item, found=flag)
    return desk


def open_loans(tables: Tables) -> dict[str, list[str]]:
    """The open loans of each item."""
    found: dict[str, list[str]] = {}
    for token, row in tables["loan"].items():
        if row["closed_at"] is None:
            found.setdefault(str(row["item_id"]), []).append(token)
    return found


@given(desks())
def test_after_any_history_the_tables_are_what_happened(desk: Desk) -> None:
    tables = replayed(*desk.events)
    custody = {item: row["token"] for item, row in tables["custody"].items()}
    for item in ITEMS:
        assert custody.get(item, ELSEWHERE.get(item)) == desk.holder[item]
    lent_here = {item: [token] for item, token in desk.holder.items() if token in desk.here and token is not None}
    assert open_loans(tables) == lent_here
    assert {token: (row["due_at"], row["renewals"]) for token, row in tables["loan"].items() if token in desk.here} == {
        token: desk.terms[token] for token in desk.here
    }
    assert set(tables["repair"]) == desk.unsecured
    assert {
        fee: int(row["amount"] or 0) - int(row["paid"] or 0) - int(row["waived"] or 0)
        for fee, row in tables["fee"].items()
    } == desk.owed


@given(desks())
def test_no_item_ever_has_two_open_loans(desk: Desk) -> None:
    replay = Replay()
    for e in entries(desk.events):
        replay.apply(e)
        for item, tokens in open_loans(replay.tables).items():
            assert len(tokens) == 1
            assert replay.tables["custody"][item]["token"] == tokens[0]


@given(desks(), st.data())
def test_replaying_a_part_and_then_the_rest_equals_replaying_all(desk: Desk, data: st.DataObject) -> None:
    history = entries(desk.events)
    cut = data.draw(st.integers(0, len(history)))
    first = Replay()
    for e in history[:cut]:
        first.apply(e)
    second = Replay()
    second.tables = json.loads(json.dumps(first.tables))  # nothing but the tables goes over
    for e in history[cut:]:
        second.apply(decode(encode(e)))
    assert second.tables == replayed(*desk.events)


@given(desks(), st.sampled_from(ITEMS), st.sampled_from(("checkout", "checkin", "renew")), st.booleans())
def test_an_act_and_its_undoing_leave_who_has_what_until_when(desk: Desk, item: str, act: str, repair: bool) -> None:
    def who_has_what() -> tuple[object, ...]:
        tables = replayed(*desk.events)
        return (
            {i: tables["custody"].get(i, {"token": ELSEWHERE.get(i)})["token"] for i in ITEMS},
            {t: (row["due_at"], row["renewals"]) for t, row in tables["loan"].items() if row["closed_at"] is None},
        )

    desk.renew("TN.3")  # else a renewal carries the loan here, and it stays
    before, written = who_has_what(), len(desk.events)
    match act:
        case "checkout":
            desk.checkout(item)
        case "checkin":
            desk.checkin(item, repair=repair)
        case _:
            desk.renew(item)
    if len(desk.events) > written:
        desk.undo(item, repair=repair)
        assert len(desk.events) == written + 2
    assert who_has_what() == before
