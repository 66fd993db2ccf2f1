"""The vocabulary of the ledger, and how an event becomes bytes.

An event is a fact: "this copy left under this token until that day, by rule-set v". It is written once, as one line of
JSON with sorted keys and no spaces; those bytes are hashed, signed in batches and carried to headquarters unchanged.
It never names a patron: a *token* (16 hex digits, random, one per loan or visit) stands for her, and whose the token
is lies in a separate record that can be deleted without touching the chain (design, law 9).

Instants in bodies are whole milliseconds of UTC and their names end in ``_at``. Fields at their default are left out.
``v`` is the version of an event type's body; readers upgrade older ones, and keep a type they do not know as
:class:`Unknown` rather than drop it.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime, timedelta

from sync.circulation.clock import Moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """An aware instant as whole milliseconds of UTC since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The instant of :func:`to_ms`, aware UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


class EventError(ValueError):
    """A record that is no event of ours. Never raised for an unknown type, which is kept."""


@dataclass(frozen=True, slots=True)
class VisitOpened:
    """Somebody began a visit at the station."""

    visit: str


@dataclass(frozen=True, slots=True)
class VisitClosed:
    """A visit ended: ``done``, ``left`` (time-out) or ``failed``, after so many items lent, taken back and renewed."""

    visit: str
    outcome: str
    out: int = 0
    back: int = 0
    renewed: int = 0
    category: str = ""


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """An item left. ``rules`` is the version of the rule-set; ``hold`` the hold this fulfilled.

    ``repair`` says that its tag waited to be secured before, which it does again if this is undone.

    ``category`` is the reader's, kept for counting when the loan has long been cut from the reader.
    """

    item: str
    loan: str
    item_type: str
    branch: str
    mode: str
    due_at: int
    rules: str
    category: str = ""
    visit: str | None = None
    hold: str | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """An item came back. ``loan`` is ``None`` where no loan was known. ``repair``: its tag may still be unsecured."""

    item: str
    branch: str
    loan: str | None = None
    rules: str = ""
    late_days: int = 0
    put_aside: str | None = None
    repair: bool = False
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A loan runs longer. The four last fields are set only for a loan that was made elsewhere, to carry it here."""

    item: str
    loan: str
    due_at: int
    was_due_at: int
    renewals: int
    rules: str
    visit: str | None = None
    item_type: str | None = None
    branch: str | None = None
    mode: str | None = None
    checked_out_at: int | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """An earlier act of this ledger is taken back; enough is repeated here to know what holds again.

    ``loan`` holds again after an undone checkin (``here``: it was made or carried here) and is gone after an undone
    checkout. ``due_at`` and ``renewals`` are those before an undone renewal.
    """

    of: int
    act: str
    item: str
    loan: str | None = None
    here: bool = True
    due_at: int | None = None
    renewals: int | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class UsedOnSite:
    """An item was read in the house; its tag stays secured."""

    item: str
    branch: str
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class FeeCharged:
    """Money is owed for a loan, in đồng."""

    fee: str
    loan: str
    kind: str
    amount: int
    rules: str


@dataclass(frozen=True, slots=True)
class FeePaid:
    """Money came in, in đồng. The four last fields are set only for a fee that was charged elsewhere, to carry it here:
    ``owed`` is what was still owed of it before this."""

    fee: str
    amount: int
    token: str | None = None
    kind: str | None = None
    owed: int | None = None
    charged_at: int | None = None


@dataclass(frozen=True, slots=True)
class FeeWaived:
    """A fee, or part of it, is forgiven. The four last fields as in :class:`FeePaid`."""

    fee: str
    amount: int
    reason: str = ""
    token: str | None = None
    kind: str | None = None
    owed: int | None = None
    charged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody was refused: the act and the codes alone, nothing of whom or what."""

    act: str
    codes: tuple[str, ...]
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class TagSecured:
    """A tag that waited for repair is armed and verified, or was found to be."""

    item: str


@dataclass(frozen=True, slots=True)
class RepairNeeded:
    """A tag was found that may be unsecured although nobody has the item."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceFault:
    """A device of the station can no longer be used; ``code`` is its driver's word for why."""

    device: str
    code: str


@dataclass(frozen=True, slots=True)
class DeviceWell:
    """A device whose fault was recorded can be used again."""

    device: str


@dataclass(frozen=True, slots=True)
class ClockConfirmed:
    """A person has looked at the station's clock and says that it is right."""


@dataclass(frozen=True, slots=True)
class ClockCompared:
    """Headquarters' clock is ``offset_ms`` ahead of this station's, give or take ``spread_ms``: for all events of this
    run of the machine (facts/sync.md, section 5.4)."""

    offset_ms: int
    spread_ms: int


@dataclass(frozen=True, slots=True)
class PatronForgotten:
    """So many tokens were cut from a reader, or from readers; nothing says which."""

    tokens: int


@dataclass(frozen=True, slots=True)
class ExceptionResolved:
    """Staff have settled an exception of the work-list, named by its identity, in one of the ways that it offers.

    ``item`` and ``fee`` say whose facts it belongs to. ``loan`` is the loan that has the copy, where that was the
    question and a reader has it. ``note`` is a code, never words: what stands here stands for ever.
    """

    exception: str
    resolution: str
    item: str | None = None
    fee: str | None = None
    loan: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class LoanClosed:
    """Staff have ended a loan that nobody saw returned; ``reason`` is a code."""

    item: str
    loan: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FeeRefunded:
    """Money was given back, in đồng."""

    fee: str
    amount: int


@dataclass(frozen=True, slots=True)
class SeatTaken:
    """A visit to the internet room began. ``number`` is the queue's, where the visitor had waited.

    ``group`` is ``child`` or ``grown``, empty where the age is not known: it says which seats will do.
    """

    visit: str
    seat: str
    branch: str
    ends_at: int
    category: str = ""
    group: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True)
class SeatMoved:
    """A visit goes on at another seat."""

    visit: str
    seat: str
    to: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class SeatExtended:
    """A visit runs longer. ``added`` are the seconds that staff have given, which no quota counts."""

    visit: str
    seat: str
    ends_at: int
    added: int = 0


@dataclass(frozen=True, slots=True)
class SeatLeft:
    """A visit to the internet room ended after ``seconds``, at ``ended_at``, which may be long before it is written.

    ``outcome`` is ``done``, ``time``, ``hidden`` (nobody came back), ``staff``, ``broken`` or ``lost``.
    """

    visit: str
    seat: str
    branch: str
    ended_at: int
    seconds: int
    outcome: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class QueueJoined:
    """Somebody waits for a seat, known by a number. ``group`` as in :class:`SeatTaken`."""

    visit: str
    number: int
    branch: str
    category: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class QueueCalled:
    """A number is called to a seat, which is held for it until ``until_at``."""

    visit: str
    seat: str
    until_at: int


@dataclass(frozen=True, slots=True)
class QueueReturned:
    """The seat a number was called to is not to be had after all; it waits again, in its own place."""

    visit: str


@dataclass(frozen=True, slots=True)
class QueueLeft:
    """A number waits no more: ``lapsed`` (called, and nobody came), ``left`` or ``closed``."""

    visit: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SeatReserved:
    """A seat is kept for a later hour of the same day; from its start it is held until ``until_at``."""

    visit: str
    seat: str
    starts_at: int
    until_at: int
    ends_at: int
    category: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """A reservation is no more: ``lapsed`` or ``cancelled``."""

    visit: str
    outcome: str


@dataclass(frozen=True, slots=True)
class RoomBooked:
    """Seats of the internet room are kept for a class; no seats named are all of them."""

    booking: str
    starts_at: int
    ends_at: int
    seats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BookingCancelled:
    """The class does not come."""

    booking: str


@dataclass(frozen=True, slots=True)
class ClassSeated:
    """Seats were opened for a class, all by one token, of no reader."""

    visit: str
    branch: str
    seats: tuple[str, ...]
    ends_at: int


@dataclass(frozen=True, slots=True)
class SeatBroken:
    """Staff have put a seat out of use."""

    seat: str


@dataclass(frozen=True, slots=True)
class SeatMended:
    """A seat can be used again."""

    seat: str


@dataclass(frozen=True, slots=True)
class RoomLocked:
    """Staff have locked the internet room: nobody is seated until it is unlocked."""


@dataclass(frozen=True, slots=True)
class RoomUnlocked:
    """The internet room is open again to whoever comes."""


@dataclass(frozen=True, slots=True)
class HouseRulesAccepted:
    """Somebody has read a version of the house rules of the internet room and agreed."""

    visit: str
    version: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a type or version that this program does not know, kept as it came."""

    type: str
    v: int
    body: str


Event = (
    VisitOpened
    | VisitClosed
    | CheckedOut
    | CheckedIn
    | Renewed
    | Undone
    | UsedOnSite
    | FeeCharged
    | FeePaid
    | FeeWaived
    | Refusal
    | TagSecured
    | RepairNeeded
    | DeviceFault
    | DeviceWell
    | ClockConfirmed
    | ClockCompared
    | PatronForgotten
    | ExceptionResolved
    | LoanClosed
    | FeeRefunded
    | SeatTaken
    | SeatMoved
    | SeatExtended
    | SeatLeft
    | QueueJoined
    | QueueCalled
    | QueueReturned
    | QueueLeft
    | SeatReserved
    | ReservationEnded
    | RoomBooked
    | BookingCancelled
    | ClassSeated
    | SeatBroken
    | SeatMended
    | RoomLocked
    | RoomUnlocked
    | HouseRulesAccepted
    | Unknown
)

#: The name of each event on the wire, for ever.
TYPES: dict[str, type] = {
    "visit_opened": VisitOpened,
    "visit_closed": VisitClosed,
    "checked_out": CheckedOut,
    "checked_in": CheckedIn,
    "renewed": Renewed,
    "undone": Undone,
    "used_on_site": UsedOnSite,
    "fee_charged": FeeCharged,
    "fee_paid": FeePaid,
    "fee_waived": FeeWaived,
    "refused": Refusal,
    "tag_secured": TagSecured,
    "repair_needed": RepairNeeded,
    "device_fault": DeviceFault,
    "device_well": DeviceWell,
    "clock_confirmed": ClockConfirmed,
    "clock_compared": ClockCompared,
    "patron_forgotten": PatronForgotten,
    "exception_resolved": ExceptionResolved,
    "loan_closed": LoanClosed,
    "fee_refunded": FeeRefunded,
    "seat_taken": SeatTaken,
    "seat_moved": SeatMoved,
    "seat_extended": SeatExtended,
    "seat_left": SeatLeft,
    "queue_joined": QueueJoined,
    "queue_called": QueueCalled,
    "queue_returned": QueueReturned,
    "queue_left": QueueLeft,
    "seat_reserved": SeatReserved,
    "reservation_ended": ReservationEnded,
    "room_booked": RoomBooked,
    "booking_cancelled": BookingCancelled,
    "class_seated": ClassSeated,
    "seat_broken": SeatBroken,
    "seat_mended": SeatMended,
    "room_locked": RoomLocked,
    "room_unlocked": RoomUnlocked,
    "house_rules_accepted": HouseRulesAccepted,
}
#: What headquarters alone may write; in a station's batch it is no fact.
OF_HEADQUARTERS: frozenset[type] = frozenset({ExceptionResolved, LoanClosed, FeeRefunded})
#: What happens in an internet room: all that :mod:`sync.circulation.room` is made of.
OF_THE_ROOM: frozenset[type] = frozenset(
    {
        SeatTaken,
        SeatMoved,
        SeatExtended,
        SeatLeft,
        QueueJoined,
        QueueCalled,
        QueueReturned,
        QueueLeft,
        SeatReserved,
        ReservationEnded,
        RoomBooked,
        BookingCancelled,
        ClassSeated,
        SeatBroken,
        SeatMended,
        RoomLocked,
        RoomUnlocked,
    }
)
_NAMES = {cls: name for name, cls in TYPES.items()}
#: The version of every body written today.
VERSION = 1

#: Events that give a reader a token, and the field it stands in. A guest's visit has a token that nobody owns.
_GIVING = {
    "checked_out": "loan",
    "renewed": "loan",
    "seat_taken": "visit",
    "queue_joined": "visit",
    "seat_reserved": "visit",
    "house_rules_accepted": "visit",
}

#: What every record has around its body; a doubted clock adds ``wall``, in milliseconds like ``at``.
_ENVELOPE = {"seq": int, "type": str, "v": int, "at": int, "up": int, "boot": str, "actor": str}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place in the ledger.

    ``at`` is the time it was decided by; ``wall`` what the clock said, where that was doubted; ``uptime_ms`` and
    ``boot`` order it when clocks cannot; ``actor`` is the desk, kiosk or member of staff, never a reader.
    """

    seq: int
    at: datetime
    uptime_ms: int
    boot: str
    actor: str
    event: Event
    wall: datetime | None = None

    @property
    def clock_trusted(self) -> bool:
        """Whether the clock was believed when this was written."""
        return self.wall is None


def entry(seq: int, moment: Moment, actor: str, event: Event) -> Entry:
    """An entry stamped with a settled moment."""
    wall = None if moment.trusted else from_ms(to_ms(moment.reading.wall))
    at = from_ms(to_ms(moment.at))
    return Entry(seq, at, moment.reading.uptime_ms, moment.reading.boot, actor, event, wall)


def encode(e: Entry) -> str:
    """An entry as its canonical line of JSON, the text that is hashed and stored."""
    if isinstance(e.event, Unknown):
        name, version, body = e.event.type, e.event.v, json.loads(e.event.body)
    else:
        name, version, body = _NAMES[type(e.event)], VERSION, _body(e.event)
    record = {
        "seq": e.seq,
        "type": name,
        "v": version,
        "at": to_ms(e.at),
        "up": e.uptime_ms,
        "boot": e.boot,
        "actor": e.actor,
        "body": body,
    }
    if e.wall is not None:
        record["wall"] = to_ms(e.wall)
    return _canonical(record)


def decode(record: str) -> Entry:
    """The entry of a stored line. Raises :class:`EventError` when it is no event; an unknown type is kept as such."""
    try:
        raw = json.loads(record)
        envelope = _ENVELOPE | {"wall": int} if "wall" in raw else _ENVELOPE
        for field, plain in envelope.items():
            if type(raw[field]) is not plain:  # not isinstance: true is no number here
                raise EventError(f"'{field}' is of the wrong type")
        name, version, body = raw["type"], raw["v"], raw["body"]
        cls = TYPES.get(name) if version == VERSION else None
        event: Event = Unknown(name, version, _canonical(body)) if cls is None else _from_body(cls, body)
        wall = from_ms(raw["wall"]) if "wall" in raw else None
        return Entry(raw["seq"], from_ms(raw["at"]), raw["up"], raw["boot"], raw["actor"], event, wall)
    except EventError:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as e:
        raise EventError(f"not an event: {type(e).__name__}") from e


def tokens(record: str) -> Iterator[str]:
    """The tokens that a stored event gives to a reader: those of loans that it makes, or carries to this station, and
    of visits to the internet room."""
    raw = json.loads(record)
    if raw["type"] in _GIVING:
        yield raw["body"][_GIVING[raw["type"]]]


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _body(event: Event) -> dict[str, object]:
    values = ((f, getattr(event, f.name)) for f in fields(event))
    return {f.name: value for f, value in values if f.default is MISSING or value != f.default}


def _from_body(cls: type, body: object) -> Event:
    if not isinstance(body, dict):
        raise EventError("'body' is of the wrong type")
    hints = _hints(cls)
    for name, value in body.items():
        texts = value if isinstance(value, list) else ()
        if type(value) not in hints[name] or not all(isinstance(text, str) for text in texts):
            raise EventError(f"'{name}' is of the wrong type")
    made: Event = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in body.items()})
    return made


_HINTS: dict[type, dict[str, tuple[type, ...]]] = {}


def _hints(cls: type) -> dict[str, tuple[type, ...]]:
    """The plain JSON types that each field of an event may have, read once from its annotations."""
    if cls not in _HINTS:
        plain: dict[str, tuple[type, ...]] = {}
        for name, hint in typing.get_type_hints(cls).items():
            options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            plain[name] = tuple(list if typing.get_origin(o) is tuple else o for o in options)
        _HINTS[cls] = plain
    return _HINTS[cls]
