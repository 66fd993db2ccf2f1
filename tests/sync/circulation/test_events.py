"""The words of the ledger, and the bytes they become. What stands here as bytes stands so in ledgers for ever."""

import json
import types
import typing
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.circulation import events as ev
from sync.circulation.clock import Moment, Reading
from sync.circulation.events import (
    TYPES,
    Entry,
    Event,
    EventError,
    Unknown,
    decode,
    encode,
    entry,
    from_ms,
    to_ms,
    tokens,
)

AT = datetime(2027, 3, 2, 2, 0, 0, 5000, tzinfo=UTC)

# --- golden lines -----------------------------------------------------------------------------------------------------

HEAD = '{"actor":"desk","at":1803952800005,"body":'
TAIL = ',"boot":"b1","seq":7,"type":"%s","up":600000,"v":1}'

#: Each event with nothing but what it must say, and with all it can say.
GOLDEN: list[tuple[Event, str, str]] = [
    (ev.VisitOpened("00ff"), "visit_opened", '{"visit":"00ff"}'),
    (ev.VisitClosed("00ff", "left"), "visit_closed", '{"outcome":"left","visit":"00ff"}'),
    (
        ev.VisitClosed("00ff", "done", 2, 1, 3, "muon"),
        "visit_closed",
        '{"back":1,"category":"muon","out":2,"outcome":"done","renewed":3,"visit":"00ff"}',
    ),
    (
        ev.CheckedOut("TN.1", "a1", "sach", "TN", "take_home", 1805302799000, "r4"),
        "checked_out",
        '{"branch":"TN","due_at":1805302799000,"item":"TN.1","item_type":"sach","loan":"a1","mode":"take_home","rules":"r4"}',
    ),
    (
        ev.CheckedOut("TN.1", "a1", "sach", "TN", "mobile", 1, "r4", "thiếu nhi", "00ff", "h1", True),
        "checked_out",
        (
            '{"branch":"TN","category":"thiếu nhi","due_at":1,"hold":"h1","item":"TN.1","item_type":"sach",'
            '"loan":"a1","mode":"mobile","repair":true,"rules":"r4","visit":"00ff"}'
        ),
    ),
    (ev.CheckedIn("TN.1", "TN"), "checked_in", '{"branch":"TN","item":"TN.1"}'),
    (
        ev.CheckedIn("TN.1", "TN", "a1", "r4", 3, "hold", True, "00ff"),
        "checked_in",
        '{"branch":"TN","item":"TN.1","late_days":3,"loan":"a1","put_aside":"hold","repair":true,"rules":"r4","visit":"00ff"}',
    ),
    (
        ev.Renewed("TN.1", "a1", 9, 8, 1, "r4"),
        "renewed",
        '{"due_at":9,"item":"TN.1","loan":"a1","renewals":1,"rules":"r4","was_due_at":8}',
    ),
    (
        ev.Renewed("TN.1", "a1", 9, 8, 1, "r4", "00ff", "sach", "TN", "take_home", 5),
        "renewed",
        (
            '{"branch":"TN","checked_out_at":5,"due_at":9,"item":"TN.1","item_type":"sach","loan":"a1","mode":"take_home",'
            '"renewals":1,"rules":"r4","visit":"00ff","was_due_at":8}'
        ),
    ),
    (ev.Undone(3, "checkout", "TN.1"), "undone", '{"act":"checkout","item":"TN.1","of":3}'),
    (
        ev.Undone(3, "renew", "TN.1", "a1", False, 8, 0, True),
        "undone",
        '{"act":"renew","due_at":8,"here":false,"item":"TN.1","loan":"a1","of":3,"renewals":0,"repair":true}',
    ),
    (ev.UsedOnSite("TN.1", "TN"), "used_on_site", '{"branch":"TN","item":"TN.1"}'),
    (ev.UsedOnSite("TN.1", "TN", "00ff"), "used_on_site", '{"branch":"TN","item":"TN.1","visit":"00ff"}'),
    (
        ev.FeeCharged("f1", "a1", "overdue", 3000, "r4"),
        "fee_charged",
        '{"amount":3000,"fee":"f1","kind":"overdue","loan":"a1","rules":"r4"}',
    ),
    (ev.FeePaid("f1", 1000), "fee_paid", '{"amount":1000,"fee":"f1"}'),
    (
        ev.FeePaid("f1", 1000, "a1", "loss", 3000, 4),
        "fee_paid",
        '{"amount":1000,"charged_at":4,"fee":"f1","kind":"loss","owed":3000,"token":"a1"}',
    ),
    (ev.FeeWaived("f1", 1000), "fee_waived", '{"amount":1000,"fee":"f1"}'),
    (
        ev.FeeWaived("f1", 1000, "bão lũ", "a1", "damage", 3000, 4),
        "fee_waived",
        '{"amount":1000,"charged_at":4,"fee":"f1","kind":"damage","owed":3000,"reason":"bão lũ","token":"a1"}',
    ),
    (ev.Refusal("checkout", ()), "refused", '{"act":"checkout","codes":[]}'),
    (
        ev.Refusal("checkout", ("card_expired", "fees_owed"), "00ff"),
        "refused",
        '{"act":"checkout","codes":["card_expired","fees_owed"],"visit":"00ff"}',
    ),
    (ev.TagSecured("TN.1"), "tag_secured", '{"item":"TN.1"}'),
    (ev.RepairNeeded("TN.1", "found"), "repair_needed", '{"item":"TN.1","reason":"found"}'),
    (ev.DeviceFault("pad", "no_answer"), "device_fault", '{"code":"no_answer","device":"pad"}'),
    (ev.DeviceWell("pad"), "device_well", '{"device":"pad"}'),
    (ev.ClockConfirmed(), "clock_confirmed", "{}"),
    (ev.ClockCompared(-3_600_000, 250), "clock_compared", '{"offset_ms":-3600000,"spread_ms":250}'),
    (ev.PatronForgotten(4), "patron_forgotten", '{"tokens":4}'),
    (ev.ExceptionResolved("e:1", "noted"), "exception_resolved", '{"exception":"e:1","resolution":"noted"}'),
    (
        ev.ExceptionResolved("e:1", "loan_has_it", "TN.1", "f1", "a1", "asked"),
        "exception_resolved",
        '{"exception":"e:1","fee":"f1","item":"TN.1","loan":"a1","note":"asked","resolution":"loan_has_it"}',
    ),
    (ev.LoanClosed("TN.1", "a1"), "loan_closed", '{"item":"TN.1","loan":"a1"}'),
    (ev.LoanClosed("TN.1", "a1", "on_shelf"), "loan_closed", '{"item":"TN.1","loan":"a1","reason":"on_shelf"}'),
    (ev.FeeRefunded("f1", 1000), "fee_refunded", '{"amount":1000,"fee":"f1"}'),
    (
        ev.SeatTaken("00ff", "05", "TN", 9),
        "seat_taken",
        '{"branch":"TN","ends_at":9,"seat":"05","visit":"00ff"}',
    ),
    (
        ev.SeatTaken("00ff", "05", "TN", 9, "thiếu nhi", "child", 12),
        "seat_taken",
        ('{"branch":"TN","category":"thiếu nhi","ends_at":9,"group":"child","number":12,"seat":"05","visit":"00ff"}'),
    ),
    (
        ev.SeatMoved("00ff", "05", "06", 9),
        "seat_moved",
        '{"ends_at":9,"seat":"05","to":"06","visit":"00ff"}',
    ),
    (ev.SeatExtended("00ff", "05", 9), "seat_extended", '{"ends_at":9,"seat":"05","visit":"00ff"}'),
    (
        ev.SeatExtended("00ff", "05", 9, 600),
        "seat_extended",
        '{"added":600,"ends_at":9,"seat":"05","visit":"00ff"}',
    ),
    (
        ev.SeatLeft("00ff", "05", "TN", 9, 1800, "done"),
        "seat_left",
        '{"branch":"TN","ended_at":9,"outcome":"done","seat":"05","seconds":1800,"visit":"00ff"}',
    ),
    (
        ev.SeatLeft("00ff", "05", "TN", 9, 1800, "time", "muon"),
        "seat_left",
        '{"branch":"TN","category":"muon","ended_at":9,"outcome":"time","seat":"05","seconds":1800,"visit":"00ff"}',
    ),
    (ev.QueueJoined("00ff", 12, "TN"), "queue_joined", '{"branch":"TN","number":12,"visit":"00ff"}'),
    (
        ev.QueueJoined("00ff", 12, "TN", "muon", "grown"),
        "queue_joined",
        '{"branch":"TN","category":"muon","group":"grown","number":12,"visit":"00ff"}',
    ),
    (ev.QueueCalled("00ff", "05", 9), "queue_called", '{"seat":"05","until_at":9,"visit":"00ff"}'),
    (ev.QueueReturned("00ff"), "queue_returned", '{"visit":"00ff"}'),
    (ev.QueueLeft("00ff", "lapsed"), "queue_left", '{"outcome":"lapsed","visit":"00ff"}'),
    (
        ev.SeatReserved("00ff", "05", 7, 8, 9),
        "seat_reserved",
        '{"ends_at":9,"seat":"05","starts_at":7,"until_at":8,"visit":"00ff"}',
    ),
    (
        ev.SeatReserved("00ff", "05", 7, 8, 9, "muon", "grown"),
        "seat_reserved",
        '{"category":"muon","ends_at":9,"group":"grown","seat":"05","starts_at":7,"until_at":8,"visit":"00ff"}',
    ),
    (ev.ReservationEnded("00ff", "lapsed"), "reservation_ended", '{"outcome":"lapsed","visit":"00ff"}'),
    (ev.RoomBooked("b1", 7, 9), "room_booked", '{"booking":"b1","ends_at":9,"starts_at":7}'),
    (
        ev.RoomBooked("b1", 7, 9, ("01", "02")),
        "room_booked",
        '{"booking":"b1","ends_at":9,"seats":["01","02"],"starts_at":7}',
    ),
    (ev.BookingCancelled("b1"), "booking_cancelled", '{"booking":"b1"}'),
    (
        ev.ClassSeated("00ff", "TN", ("01", "02"), 9),
        "class_seated",
        '{"branch":"TN","ends_at":9,"seats":["01","02"],"visit":"00ff"}',
    ),
    (ev.SeatBroken("05"), "seat_broken", '{"seat":"05"}'),
    (ev.SeatMended("05"), "seat_mended", '{"seat":"05"}'),
    (ev.RoomLocked(), "room_locked", "{}"),
    (ev.RoomUnlocked(), "room_unlocked", "{}"),
    (ev.HouseRulesAccepted("00ff", "2"), "house_rules_accepted", '{"version":"2","visit":"00ff"}'),
]


def at_seven(event: Event, wall: datetime | None = None) -> Entry:
    """An event as the seventh of its ledger."""
    return Entry(7, AT, 600_000, "b1", "desk", event, wall)


@pytest.mark.parametrize(
    ("event", "name", "body"), GOLDEN, ids=[f"{n} {name}" for n, (_, name, _) in enumerate(GOLDEN)]
)
def test_the_bytes_of_an_event_never_change(event: Event, name: str, body: str) -> None:
    line = HEAD + body + TAIL % name
    assert encode(at_seven(event)) == line
    assert decode(line) == at_seven(event)


def test_every_event_has_its_golden_lines_bare_and_full() -> None:
    assert {name for _, name, _ in GOLDEN} == set(TYPES)
    for cls in TYPES.values():
        of_it = [event for event, _, _ in GOLDEN if type(event) is cls]
        optional = [f for f in fields(cls) if f.default is not MISSING]
        assert any(all(getattr(event, f.name) == f.default for f in optional) for event in of_it)
        assert any(all(getattr(event, f.name) != f.default for f in optional) for event in of_it)


def test_a_doubted_clock_leaves_what_it_said_in_the_line() -> None:
    line = encode(at_seven(ev.ClockConfirmed(), datetime(2000, 1, 1, tzinfo=UTC)))
    assert line.endswith(',"up":600000,"v":1,"wall":946684800000}')
    assert not decode(line).clock_trusted
    assert decode(HEAD + "{}" + TAIL % "clock_confirmed").clock_trusted


def test_an_entry_is_stamped_with_the_settled_moment_to_the_millisecond() -> None:
    read = Reading(datetime(2000, 1, 1, 0, 0, 0, 1999, tzinfo=UTC), 42, "b9")
    doubted = entry(1, Moment(AT + timedelta(microseconds=999), False, read), "desk", ev.ClockConfirmed())
    assert doubted == Entry(
        1, AT, 42, "b9", "desk", ev.ClockConfirmed(), datetime(2000, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)
    )
    assert entry(1, Moment(AT, True, read), "desk", ev.ClockConfirmed()).wall is None


@pytest.mark.parametrize(
    ("moment", "ms"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 0, 1999, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2027, 3, 2, 16, 59, 59, tzinfo=UTC), 1804006799000),
    ],
)
def test_instants_are_whole_milliseconds_rounded_down(moment: datetime, ms: int) -> None:
    assert to_ms(moment) == ms
    assert to_ms(from_ms(ms)) == ms
    assert timedelta(0) <= moment - from_ms(ms) < timedelta(milliseconds=1)


# --- round trips ------------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
NUMBER = st.integers(-(2**63), 2**63 - 1)
PLAIN_VALUES: dict[object, st.SearchStrategy[object]] = {
    str: TEXT,
    int: NUMBER,
    bool: st.booleans(),
    str | None: st.none() | TEXT,
    int | None: st.none() | NUMBER,
    tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
}


def events_of(cls: type) -> st.SearchStrategy[Event]:
    """Any event of a type, from its annotations alone."""
    made: st.SearchStrategy[Event] = st.builds(
        cls, **{name: PLAIN_VALUES[hint] for name, hint in typing.get_type_hints(cls).items()}
    )
    return made


EVENTS = st.sampled_from(sorted(TYPES.values(), key=lambda cls: cls.__name__)).flatmap(events_of)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=UTC)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def canonical(value: object) -> str:
    """JSON as the ledger writes it, written anew here so that it cannot change unseen."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


UNKNOWN = st.builds(
    Unknown, TEXT.filter(lambda name: name not in TYPES), st.integers(0, 9), JSON.map(canonical)
) | st.builds(Unknown, st.sampled_from(sorted(TYPES)), st.integers(2, 9) | st.just(0), JSON.map(canonical))
ENTRIES = st.builds(Entry, NUMBER, INSTANTS, NUMBER, TEXT, TEXT, EVENTS | UNKNOWN, st.none() | INSTANTS)


def test_every_type_has_a_name_and_every_name_a_type() -> None:
    assert {*TYPES.values(), Unknown} == set(typing.get_args(Event))
    assert len(set(TYPES.values())) == len(TYPES)


@given(ENTRIES)
def test_what_is_written_is_what_is_read(e: Entry) -> None:
    line = encode(e)
    assert decode(line) == e
    assert encode(decode(line)) == line
    assert "\n" not in line


@given(ENTRIES)
def test_a_line_is_canonical_json_that_says_nothing_at_its_default(e: Entry) -> None:
    line = encode(e)
    raw = json.loads(line)
    assert line == canonical(raw)
    assert set(raw) - {"wall"} == {"seq", "type", "v", "at", "up", "boot", "actor", "body"}
    if not isinstance(e.event, Unknown):
        defaults = {f.name: f.default for f in fields(e.event) if f.default is not MISSING}
        assert not [name for name, value in raw["body"].items() if name in defaults and value == defaults[name]]


@given(UNKNOWN, INSTANTS)
def test_an_event_of_a_type_or_version_not_known_here_is_kept_byte_for_byte(event: Unknown, at: datetime) -> None:
    raw = {"seq": 1, "type": event.type, "v": event.v, "at": to_ms(at), "up": 2, "boot": "b", "actor": "a"}
    line = canonical({**raw, "body": json.loads(event.body)})
    kept = decode(line)
    assert kept.event == event
    assert encode(kept) == line


# --- what is no event -------------------------------------------------------------------------------------------------


def decoded_or_refused(record: str) -> Entry | None:
    """The entry, or ``None`` where the record is refused in the one way that is allowed."""
    try:
        return decode(record)
    except EventError:
        return None


@given(st.text())
def test_any_text_is_an_event_or_refused(text: str) -> None:
    assert decoded_or_refused(text) is None


@given(JSON)
def test_any_json_is_an_event_or_refused(value: object) -> None:
    assert decoded_or_refused(json.dumps(value)) is None


def well_typed(e: Entry) -> bool:
    """Whether an entry holds what its annotations promise."""
    return (
        all(type(value) is int for value in (e.seq, e.uptime_ms))
        and all(type(value) is str for value in (e.boot, e.actor))
        and all(_holds(getattr(e.event, name), hint) for name, hint in typing.get_type_hints(type(e.event)).items())
    )


def _holds(value: object, hint: object) -> bool:
    if typing.get_origin(hint) is tuple:
        return type(value) is tuple and all(type(part) is str for part in value)
    return type(value) in (typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,))


@given(ENTRIES, st.data())
def test_a_record_with_one_value_exchanged_is_an_event_of_the_right_types_or_refused(
    e: Entry, data: st.DataObject
) -> None:
    raw = json.loads(encode(e))
    inside = isinstance(raw["body"], dict) and raw["body"] and data.draw(st.booleans())
    place = raw["body"] if inside else raw
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    found = decoded_or_refused(json.dumps(raw))
    assert found is None or well_typed(found)


@given(ENTRIES, st.data())
def test_a_record_with_a_value_missing_is_refused_unless_that_value_has_a_default(
    e: Entry, data: st.DataObject
) -> None:
    raw = json.loads(encode(e))
    gone = data.draw(st.sampled_from(sorted(raw)))
    del raw[gone]
    assert (decoded_or_refused(json.dumps(raw)) is None) is (gone != "wall")


#: Envelope, and the value that makes it wrong.
CLOCK = {"seq": 7, "type": "clock_confirmed", "v": 1, "at": 5, "up": 6, "boot": "b1", "actor": "desk", "body": {}}


def test_the_envelope_that_the_next_test_spoils_is_good() -> None:
    assert decode(canonical(CLOCK)).event == ev.ClockConfirmed()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seq", "7"),
        ("seq", None),
        ("seq", True),
        ("seq", 7.0),
        ("type", ["clock_confirmed"]),
        ("type", None),
        ("v", True),
        ("v", 1.0),
        ("v", "1"),
        ("v", None),
        ("at", "5"),
        ("at", 5.5),
        ("at", True),
        ("at", 10**18),
        ("up", None),
        ("boot", 1),
        ("actor", None),
        ("wall", None),
        ("wall", True),
        ("wall", 5.5),
        ("wall", "5"),
        ("wall", 10**30),
        ("body", None),
        ("body", []),
        ("body", "x"),
        ("body", {"item": "TN.1"}),
    ],
)
def test_an_envelope_of_the_wrong_types_is_refused(name: str, value: object) -> None:
    with pytest.raises(EventError):
        decode(canonical({**CLOCK, name: value}))


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("visit_opened", {}),
        ("visit_opened", {"visit": 5}),
        ("visit_opened", {"visit": None}),
        ("visit_opened", {"visit": "a", "patron": "R1"}),
        ("patron_forgotten", {"tokens": True}),
        ("patron_forgotten", {"tokens": 1.0}),
        ("checked_in", {"item": "TN.1", "branch": "TN", "repair": 1}),
        ("refused", {"act": "checkout", "codes": "card_expired"}),
        ("refused", {"act": "checkout", "codes": [1]}),
        ("refused", {"act": "checkout", "codes": [["card_expired"]]}),
        ("refused", {"act": "checkout", "codes": {"a": 1}}),
        ("refused", {"act": ["checkout"], "codes": []}),
    ],
)
def test_a_body_that_does_not_fit_its_type_is_refused(name: str, body: object) -> None:
    with pytest.raises(EventError):
        decode(canonical({**CLOCK, "type": name, "body": body}))


@pytest.mark.parametrize(
    "record",
    [
        "",
        "{",
        "null",
        "NaN",
        "[" * 100_000,
        '{"a":' * 100_000,
        canonical({**CLOCK, "seq": 0}).replace('"seq":0', '"seq":' + "9" * 5000),
        canonical(CLOCK).replace('"at":5', '"at":NaN'),
        canonical(CLOCK).replace('"at":5', '"at":1e999'),
        canonical(CLOCK) + canonical(CLOCK),
        "\ufeff" + canonical(CLOCK),
    ],
    ids=lambda record: str(record)[:12],
)
def test_what_json_itself_cannot_bear_is_refused_like_anything_else(record: str) -> None:
    with pytest.raises(EventError):
        decode(record)


# --- readers ----------------------------------------------------------------------------------------------------------


def test_no_event_has_a_place_for_a_reader() -> None:
    """Tokens, kinds and counts only: a new field has to be looked at before it may be added here."""
    names = {f.name for cls in (*TYPES.values(), Unknown) for f in fields(cls)}
    assert names == {
        "act", "added", "amount", "back", "body", "booking", "branch", "category", "charged_at", "checked_out_at",
        "code", "codes", "device", "due_at", "ended_at", "ends_at", "exception", "fee", "group", "here", "hold", "item",
        "item_type", "kind", "late_days", "loan", "mode", "note", "number", "of", "offset_ms", "out", "outcome", "owed",
        "put_aside", "reason", "renewals", "renewed", "repair", "resolution", "rules", "seat", "seats", "seconds",
        "spread_ms", "starts_at", "to", "token", "tokens", "type", "until_at", "v", "version", "visit", "was_due_at",
    }  # fmt: skip
    assert not [name for name in names if {"patron", "card", "name", "reader", "birth", "phone"} & set(name.split("_"))]


def test_a_visit_to_the_internet_room_leaves_no_trace_of_what_was_looked_at() -> None:
    """Where somebody sat and for how long, and nothing that came over the wire of the seat."""
    names = {f.name for cls in ev.OF_THE_ROOM for f in fields(cls)}
    assert names == {
        "added", "booking", "branch", "category", "ended_at", "ends_at", "group", "number", "outcome", "seat",
        "seats", "seconds", "starts_at", "to", "until_at", "visit",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event", "owned"),
    [
        (ev.CheckedOut("TN.1", "a1", "sach", "TN", "take_home", 9, "r4"), ["a1"]),
        (ev.Renewed("TN.1", "a1", 9, 8, 1, "r4"), ["a1"]),
        (ev.SeatTaken("00ff", "05", "TN", 9), ["00ff"]),
        (ev.QueueJoined("00ff", 12, "TN"), ["00ff"]),
        (ev.SeatReserved("00ff", "05", 7, 8, 9), ["00ff"]),
        (ev.HouseRulesAccepted("00ff", "2"), ["00ff"]),
        (ev.SeatLeft("00ff", "05", "TN", 9, 1800, "done"), []),
        (ev.ClassSeated("00ff", "TN", ("01",), 9), []),
        (ev.VisitOpened("00ff"), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_says_which_token_it_gives_to_a_reader(event: Event, owned: list[str]) -> None:
    assert [*tokens(encode(at_seven(event)))] == owned


def test_an_entry_is_a_value() -> None:
    assert replace(at_seven(ev.TagSecured("TN.1")), seq=8) != at_seven(ev.TagSecured("TN.1"))
