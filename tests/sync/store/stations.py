"""A small station to try the ledger on: a branch with its rules, readers and copies, a clock that does as it is told,
random desk work, and a headquarters that has heard of some of it.

The station is built once per process through the product's own doors and kept as bytes; every test gets a copy of it.
Every day is an open day here, so that dates can be reckoned in the head.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from sync.circulation import events as ev
from sync.circulation.blocks import Refused
from sync.circulation.calendar import DayHours, Hours, Interval, Season, Weekday
from sync.circulation.clock import Reading
from sync.circulation.events import from_ms, to_ms
from sync.circulation.model import (
    LOCAL_ZONE,
    Fee,
    FeeKind,
    Hold,
    Item,
    ItemStatus,
    Loan,
    Patron,
    PatronBlock,
    PatronBlockKind,
    ServiceMode,
    Title,
)
from sync.circulation.network import Branch
from sync.circulation.policy import PolicyRow
from sync.circulation.projection import Replay
from sync.circulation.rules import Rules
from sync.intake.rules import RuleSet
from sync.store import tables
from sync.store.files import LEDGER, REFERENCE, Kind, open_reference
from sync.store.ledger import Extended, Ledger, Lent, Recorded, TakenBack, TakenBackAct
from sync.store.reference import Reference
from sync.store.view import LedgerView

STATION, EPOCH, BRANCH, OTHER_BRANCH = "TN-01", 1, "TN", "PB"
ACTOR = "quay-1"

#: Monday 1 March 2027, nine in the morning at the library.
MORNING = datetime(2027, 3, 1, 2, tzinfo=UTC)

# --- readers ----------------------------------------------------------------------------------------------------------

AN, BINH, CHI = "BD-000101", "BD-000102", "BD-000103"
EXPIRED, LOST_CARD, DEBT, DISCIPLINE, STOPPED = "BD-000201", "BD-000202", "BD-000203", "BD-000204", "BD-000205"
READING_ROOM, AGELESS = "BD-000206", "BD-000207"

#: A card that no list knows.
STRANGER = "04FFEEDDCCBBAA"

CARDS: dict[str, tuple[str, ...]] = {AN: ("2700000101", "04A1B2C3D4E580"), BINH: ("2700000102",), CHI: ("2700000103",)}


def _patron(number: str, name: str, category: str = "adult", **more: object) -> Patron:
    born = more.pop("birth_date", date(1990, 5, 5))
    return Patron(number, name, category, BRANCH, birth_date=born, **more)  # type: ignore[arg-type]


PATRONS = (
    _patron(AN, "Nguyễn Thị Ánh Nguyệt"),
    _patron(BINH, "Trần Đức Bình"),
    _patron(CHI, "Lò Thị Chi", "child", birth_date=date(2018, 9, 5)),
    _patron(EXPIRED, "Hoàng Văn Hạn", expires=date(2027, 2, 28)),
    _patron(LOST_CARD, "Phạm Thị Mất", blocks=(PatronBlock(PatronBlockKind.LOST_CARD),)),
    _patron(DEBT, "Vũ Quốc Nợ", blocks=(PatronBlock(PatronBlockKind.DEBT),)),
    _patron(DISCIPLINE, "Đặng Hữu Luật", blocks=(PatronBlock(PatronBlockKind.DISCIPLINE, date(2027, 3, 1)),)),
    _patron(STOPPED, "Bùi Văn Dừng", blocks=(PatronBlock(PatronBlockKind.OTHER),)),
    _patron(READING_ROOM, "Đỗ Thị Đọc", "reading_only"),
    _patron(AGELESS, "Hồ Không Tuổi", birth_date=None),
)

# --- titles and items -------------------------------------------------------------------------------------------------

KIEU_1, KIEU_2, LAO_HAC, SO_DO = "TN-000001", "TN-000002", "TN-000003", "TN-000004"
ATLAS_SET, DICTIONARY, THRILLER, FILM, YEARBOOK, DEED = (f"TN-0001{n:02d}" for n in range(6))
LOST, DAMAGED, WITHDRAWN, VISITING = "TN-000201", "TN-000202", "TN-000203", "PB-000301"

#: Not in the catalogue: one by its prefix another library's, one nobody's.
FOREIGN, NOBODYS = "PB-999999", "ZZ-1"

TITLES = (
    Title("t1", "Truyện Kiều", "Nguyễn Du", subjects=("Văn học Việt Nam",)),
    Title("t2", "Lão Hạc", "Nam Cao"),
    Title("t3", "Số đỏ", "Vũ Trọng Phụng"),
    Title("t4", "Át-lát địa lý Việt Nam"),
    Title("t5", "Từ điển tiếng Việt", "Hoàng Phê"),
    Title("t6", "Những thứ họ mang", "Tim O'Brien"),
)

ITEMS = (
    Item(KIEU_1, "t1", "book", BRANCH),
    Item(KIEU_2, "t1", "book", BRANCH),
    Item(LAO_HAC, "t2", "book", BRANCH),
    Item(SO_DO, "t3", "book", BRANCH),
    Item(ATLAS_SET, "t4", "book", BRANCH, parts=3),
    Item(DICTIONARY, "t5", "reference", BRANCH),
    Item(THRILLER, "t6", "for_adults", BRANCH),
    Item(FILM, "t6", "film", BRANCH),
    Item(YEARBOOK, "t5", "school", BRANCH),
    Item(DEED, "t5", "archive", BRANCH),
    Item(LOST, "t2", "book", BRANCH, status=ItemStatus.LOST),
    Item(DAMAGED, "t2", "book", BRANCH, status=ItemStatus.DAMAGED),
    Item(WITHDRAWN, "t2", "book", BRANCH, status=ItemStatus.WITHDRAWN),
    Item(VISITING, "t3", "book", OTHER_BRANCH),
)

# --- rules ------------------------------------------------------------------------------------------------------------

MAX_LOANS, PERIOD, RENEWALS, PER_DAY, CAP = 3, 15, 1, 1_000, 5_000

_ON_SITE = frozenset({ServiceMode.ON_SITE})

POLICIES = (
    PolicyRow(BRANCH, max_loans=MAX_LOANS, period_days=PERIOD, renewals=RENEWALS, fee_per_day=PER_DAY, fee_cap=CAP),
    PolicyRow(BRANCH, category="reading_only", modes=_ON_SITE),
    PolicyRow(BRANCH, item_type="reference", modes=_ON_SITE),
    PolicyRow(BRANCH, item_type="for_adults", min_age=18),
    PolicyRow(BRANCH, item_type="film", min_deposit=200_000),
    PolicyRow(BRANCH, item_type="school", due_on=date(2027, 1, 31)),
    PolicyRow(BRANCH, item_type="archive", modes=frozenset()),
)

#: With these, a card that no list knows may have one item.
STRANGERS_WELCOME = (*POLICIES, PolicyRow(BRANCH, category="unknown", max_loans=1))

_EVERY_DAY = DayHours(tuple(day.name.lower() for day in Weekday), (Interval(time(7), time(17)),))


def rule_set(policies: tuple[PolicyRow, ...] = POLICIES, *, version: str = "rules-1", shut: bool = False) -> RuleSet:
    """Rules of two branches; ``shut``: with no open day at all."""
    branches = (
        Branch(BRANCH, "Thư viện tỉnh Thái Nguyên", item_prefixes=("TN-",)),
        Branch(OTHER_BRANCH, "Thư viện Phú Bình", BRANCH, item_prefixes=("PB-",)),
    )
    hours = () if shut else (Hours(BRANCH, (Season("cả năm", "01-01", (_EVERY_DAY,)),)),)
    return RuleSet(version, Rules(branches, policies, hours), "test")


def end_of(day: date) -> datetime:
    """The last second of a day at the library, as UTC."""
    return datetime.combine(day, time(23, 59, 59), LOCAL_ZONE).astimezone(UTC)


# --- the station ------------------------------------------------------------------------------------------------------


class Clock:
    """A machine's clock for tests: it stands still until told to go on, and can be set wrong."""

    def __init__(self, wall: datetime = MORNING, uptime_ms: int = 60_000, boot: str = "boot-1") -> None:
        self.wall, self.uptime_ms, self.boot = wall, uptime_ms, boot

    def __call__(self) -> Reading:
        return Reading(self.wall, self.uptime_ms, self.boot)

    def go_on(self, **by: float) -> None:
        """Time passes, as it does."""
        self.wall += timedelta(**by)
        self.uptime_ms += timedelta(**by) // timedelta(milliseconds=1)

    def set_to(self, wall: datetime) -> None:
        """Somebody, or an empty battery, changes what the clock says; no time passes."""
        self.wall = wall

    def restart(self) -> None:
        """The machine starts again, a minute ago."""
        self.boot = f"boot-{int(self.boot.rpartition('-')[2]) + 1}"
        self.uptime_ms = 60_000


def quick_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where the system has one: for properties with thousands of acts, which wait for no disk."""
    memory = Path("/dev/shm")  # noqa: S108, a folder with a name of its own is made in it
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def new_station(home: Path) -> Path:
    """A station of its own in an empty folder: both files, closed."""
    for name, content in _files().items():
        (home / name).write_bytes(content)
    return home


@cache
def _files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with Reference(open_reference(home)) as reference:
            reference.write(TITLES, ITEMS, PATRONS, cards=CARDS)
            rules = rule_set()
            reference.write_rules(rules.version, rules.body)
        open_desk(home, Clock()).close()
        return {kind.path(home).name: kind.path(home).read_bytes() for kind in (LEDGER, REFERENCE)}


def open_desk(home: Path, clock: Clock, *, wait: float = 5.0) -> Ledger:
    """The station's ledger, for its one writer."""
    return Ledger.open_for_writing(
        home, station=STATION, epoch=EPOCH, branch=BRANCH, clock=clock, actor=ACTOR, command="tramsach kiosk", wait=wait
    )


def look_at(home: Path, clock: Clock) -> LedgerView:
    """The station beside whoever owns it."""
    return LedgerView.open(home, station=STATION, epoch=EPOCH, branch=BRANCH, clock=clock)


@contextmanager
def told(home: Path) -> Iterator[Reference]:
    """The reference, open to be written beside the station."""
    with Reference(open_reference(home)) as reference:
        yield reference


def put_in_force(home: Path, rules: RuleSet) -> None:
    """Other rules from now on."""
    with told(home) as reference:
        reference.write_rules(rules.version, rules.body)


def events(ledger: LedgerView, after: int = 0) -> list[ev.Event]:
    """The events after a number."""
    return [entry.event for entry in ledger.entries(after)]


def last_entry(ledger: LedgerView) -> int:
    """The number of the last event."""
    return ledger.verify().events


def in_order(ledger: LedgerView) -> bool:
    """Whether the chain holds and the tables are what the events add up to."""
    return ledger.verify().problems == ()


@contextmanager
def by_hand(home: Path, kind: Kind = LEDGER) -> Iterator[sqlite3.Connection]:
    """A file of a station that nobody has open, as somebody with other tools would reach it."""
    with closing(sqlite3.connect(kind.path(home))) as connection, connection:
        yield connection


def owners(home: Path) -> dict[str, str]:
    """Whose each token is, as it stands in the ledger."""
    with closing(sqlite3.connect(f"{LEDGER.path(home).as_uri()}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT token, patron_id FROM identity"))


# --- desk work --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to be done at the desk. What of the fields counts depends on the act.

    ``number`` is how many entries an undo goes back, the đồng of a payment (none: all of it), or whether a return
    leaves a tag to be secured (odd).
    """

    act: str
    card: str = AN
    item: str = KIEU_1
    number: int = 0


ACTS = ("checkout", "checkin", "renew", "undo", "pay", "waive", "on_site", "repair_needed", "tag_secured", "visit")

Answer = Lent | TakenBack | Extended | TakenBackAct | Recorded | Fee | Refused | None


class Desk:
    """Somebody who does what they are told at a ledger, and remembers the number of the last entry."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.last = last_entry(ledger)

    def do(self, deed: Deed) -> Answer:
        """Do it; ``None`` when there was nothing it could be done to, such as a fee."""
        answer = self._do(deed)
        if isinstance(answer, Lent | TakenBack | Extended | TakenBackAct | Recorded):
            self.last = answer.entry
        return answer

    def _do(self, deed: Deed) -> Answer:
        ledger, card, item, number = self.ledger, deed.card, deed.item, deed.number
        match deed.act:
            case "checkout":
                return ledger.checkout(card, item)
            case "checkin":
                return ledger.checkin(item, tag_to_secure=number % 2 == 1)
            case "renew":
                return ledger.renew(card, item)
            case "undo":
                return ledger.undo(self.last - number)
            case "pay" | "waive":
                fees = ledger.account(card).fees
                if not fees:
                    return None
                amount = min(number, fees[0].outstanding) or None
                return (ledger.pay if deed.act == "pay" else ledger.waive)(fees[0].fee_id, amount)
            case "on_site":
                return ledger.use_on_site(item)
            case "repair_needed":
                return ledger.repair_needed(item, "found_open")
            case "tag_secured":
                return ledger.tag_secured(item)
            case "forget":
                return ledger.forget(card)
            case "visit":
                ledger.close_visit(ledger.open_visit(), "done")
                return None
            case _:
                raise ValueError(deed.act)


def random_deed(rng: random.Random) -> Deed:
    """Desk work as it comes, with few readers and few items so that they meet."""
    act = rng.choices(ACTS, (8, 6, 4, 3, 2, 1, 1, 1, 1, 1))[0]
    number = rng.choice((0, 0, 0, 1, 2, 500, 1500))
    return Deed(act, rng.choice((AN, BINH, CHI, *CARDS[AN])), rng.choice((KIEU_1, KIEU_2, LAO_HAC, SO_DO)), number)


# --- headquarters -----------------------------------------------------------------------------------------------------


def tell(
    home: Path, *, loans: Iterable[Loan] = (), fees: Iterable[Fee] = (), holds: Iterable[Hold] = (), heard: int = 0
) -> None:
    """Put in place what headquarters knows of loans, fees and holds, having heard this station up to a number."""
    with open_reference(home) as file, file.begin() as connection:
        for table, rows in (
            (tables.reference_loan, [_loan_row(loan) for loan in loans]),
            (tables.reference_fee, [_fee_row(fee) for fee in fees]),
            (tables.hold, [_hold_row(hold) for hold in holds]),
            (tables.watermark, [{"station": STATION, "epoch": EPOCH, "seq": heard}]),
        ):
            connection.execute(sa.delete(table))
            if rows:
                connection.execute(sa.insert(table), rows)


def hear(home: Path, entries: Iterable[ev.Entry], owners: Mapping[str, str], holds: Iterable[Hold] = ()) -> None:
    """What headquarters makes of a station's first events: it projects them, and tells the outcome.

    ``owners`` are the identity records that travel beside the events: whose each token is. ``holds`` are those that
    stood before the first event; the fulfilled ones fall away.
    """
    replay, heard = Replay(), 0
    for entry in entries:
        replay.apply(entry)
        heard = entry.seq
    rows = replay.tables
    fulfilled = {row["hold_id"] for row in rows["loan"].values()}
    tell(
        home,
        loans=[
            _as_loan(str(row["token"]), rows["loan"][str(row["token"])], owners)
            for row in rows["custody"].values()
            if row["token"] is not None
        ],
        fees=[fee for key, row in rows["fee"].items() if (fee := _as_fee(key, row, owners)).outstanding],
        holds=[hold for hold in holds if hold.hold_id not in fulfilled],
        heard=heard,
    )


Row = Mapping[str, str | int | None]


def _as_loan(token: str, row: Row, owners: Mapping[str, str]) -> Loan:
    return Loan(
        token=token,
        item_id=str(row["item_id"]),
        item_type=str(row["item_type"]),
        patron_id=owners.get(token),
        branch=str(row["branch"]),
        mode=ServiceMode(str(row["mode"])),
        checked_out_at=from_ms(_number(row["checked_out_at"])),
        due_at=from_ms(_number(row["due_at"])),
        renewals=_number(row["renewals"]),
    )


def _as_fee(fee_id: str, row: Row, owners: Mapping[str, str]) -> Fee:
    token = str(row["token"])
    return Fee(
        fee_id,
        FeeKind(str(row["kind"])),
        _number(row["amount"]),
        from_ms(_number(row["charged_at"])),
        token,
        owners.get(token),
        _number(row["paid"]),
        _number(row["waived"]),
    )


def _number(value: str | int | None) -> int:
    assert isinstance(value, int)
    return value


def _loan_row(loan: Loan) -> dict[str, object]:
    return {
        "token": loan.token,
        "item_id": loan.item_id,
        "item_type": loan.item_type,
        "patron_id": loan.patron_id,
        "branch": loan.branch,
        "mode": loan.mode.value,
        "checked_out_at": to_ms(loan.checked_out_at),
        "due_at": to_ms(loan.due_at),
        "renewals": loan.renewals,
    }


def _fee_row(fee: Fee) -> dict[str, object]:
    return {
        "fee_id": fee.fee_id,
        "token": fee.token,
        "patron_id": fee.patron_id,
        "kind": fee.kind.value,
        "amount": fee.amount,
        "paid": fee.paid,
        "waived": fee.waived,
        "charged_at": to_ms(fee.charged_at),
    }


def _hold_row(hold: Hold) -> dict[str, object]:
    return {
        "hold_id": hold.hold_id,
        "patron_id": hold.patron_id,
        "title_id": hold.title_id,
        "item_id": hold.item_id,
        "pickup_branch": hold.pickup_branch,
        "placed_at": to_ms(hold.placed_at),
        "ready_until": hold.ready_until.isoformat() if hold.ready_until else None,
    }
