"""A reader's data is theirs: in no log, in no error, in no event, and gone from the bytes when forgotten."""

from __future__ import annotations

import logging
import random
import sqlite3
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.circulation import events as ev
from sync.circulation.blocks import Code, Refused
from sync.circulation.events import encode
from sync.circulation.model import Fee, FeeKind, Hold, ServiceMode
from sync.store import tables
from sync.store.errors import DatabaseInUse, StoreError
from sync.store.files import LEDGER
from sync.store.ledger import Ledger, Lent, Recorded, TakenBackAct
from sync.text import fold
from tests.sync.store.stations import (
    AN,
    BINH,
    BRANCH,
    CARDS,
    CHI,
    DEBT,
    EXPIRED,
    KIEU_1,
    KIEU_2,
    LAO_HAC,
    MORNING,
    NOBODYS,
    PATRONS,
    PERIOD,
    SO_DO,
    STRANGER,
    STRANGERS_WELCOME,
    TITLES,
    Clock,
    Desk,
    events,
    hear,
    in_order,
    look_at,
    new_station,
    open_desk,
    owners,
    put_in_force,
    random_deed,
    rule_set,
    tell,
    told,
)

NUMBERS = {STRANGER, *(patron.patron_id for patron in PATRONS), *(card for cards in CARDS.values() for card in cards)}
NAMES = {patron.name for patron in PATRONS}
WORKS = {words for title in TITLES for words in (title.title, title.author) if words}

#: What no log may hold, also without marks, decomposed or escaped.
SECRETS = {
    form(secret)
    for secret in NUMBERS | NAMES | WORKS
    for form in (str, fold, lambda text: unicodedata.normalize("NFD", text), lambda text: ascii(text)[1:-1])
}

# --- logs and errors --------------------------------------------------------------------------------------------------


class Listener(logging.Handler):
    """Keeps every word that anybody logs: the message, its arguments, and the errors that come with it."""

    def __init__(self) -> None:
        super().__init__(level=1)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.heard += [record.getMessage(), repr(record.args), repr(record.__dict__)]
        if record.exc_info:
            self.heard += traceback.format_exception(*record.exc_info)


@contextmanager
def listening_at_every_logger() -> Iterator[Listener]:
    """Turn every logger there is, and every one to come, to its lowest level, and listen to all of them."""
    listener, root = Listener(), logging.getLogger()
    loggers = [root, *(lg for lg in root.manager.loggerDict.values() if isinstance(lg, logging.Logger))]
    named = ("sqlalchemy.engine", "sqlalchemy.engine.Engine", "sqlalchemy.pool", "alembic", "sync", "config")
    loggers += [logging.getLogger(name) for name in named]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(1)
    root.addHandler(listener)
    try:
        yield listener
    finally:
        root.removeHandler(listener)
        for logger, level in before:
            logger.setLevel(level)


def in_words(error: BaseException) -> list[str]:
    """All that an error says, as a person or a log would see it, with the errors behind it."""
    chained = traceback.format_exception(error)
    return [str(error), repr(error.args), *chained]


def do_everything(home: Path, clock: Clock, say: Callable[[BaseException], object]) -> None:
    """Every act of the ledger and the view, every kind of refusal, every kind of error."""
    put_in_force(home, rule_set(STRANGERS_WELCOME, version="2"))
    with open_desk(home, clock) as ledger:
        visit = ledger.open_visit()
        for card, item in ((AN, KIEU_1), (CARDS[BINH][0], LAO_HAC), (STRANGER, SO_DO)):
            assert isinstance(ledger.checkout(card, item, visit=visit), Lent)
        for card, item in (
            (AN, KIEU_1),
            (BINH, KIEU_1),
            (EXPIRED, KIEU_2),
            (DEBT, KIEU_2),
            (STRANGER, KIEU_2),
            (AN, NOBODYS),
        ):
            assert isinstance(ledger.checkout(card, item), Refused)
        ledger.renew(CARDS[AN][1], KIEU_1)
        assert isinstance(ledger.renew(BINH, KIEU_1), Refused)
        assert isinstance(ledger.forget(AN), Refused)
        clock.go_on(days=2 * PERIOD + 2)
        late = ledger.checkin(KIEU_1, tag_to_secure=True, visit=visit)
        assert late.fee is not None
        assert isinstance(ledger.undo(late.entry), TakenBackAct)
        assert isinstance(ledger.undo(late.entry), Refused)
        fees = [ledger.checkin(item).fee for item in (KIEU_1, LAO_HAC, SO_DO)]
        assert all(fees)
        for fee in fees:
            assert fee is not None
            ledger.pay(fee.fee_id, 100)
            assert isinstance(ledger.pay(fee.fee_id, 10**9), Refused)
            ledger.waive(fee.fee_id)
        tell(
            home,
            holds=[Hold("h1", BINH, "t1", BRANCH, MORNING)],
            fees=[Fee("f9", FeeKind.CARD, 500, MORNING, None, AN)],
        )
        assert isinstance(ledger.checkout(CHI, KIEU_1), Lent)
        assert isinstance(ledger.checkout(CHI, KIEU_2), Refused)
        ledger.pay("f9")
        ledger.use_on_site(KIEU_2, visit=visit)
        ledger.tag_secured(KIEU_1)
        ledger.repair_needed(KIEU_1, "found_open")
        ledger.confirm_clock()
        ledger.compare_clock(3_600_000, 250)
        ledger.device_fault("pad", "no_answer")
        ledger.device_well("pad")
        ledger.close_visit(visit, "done", out=3, category="adult")
        with look_at(home, clock) as view:
            for look in (ledger, view):
                for number in (AN, *CARDS[AN], CHI, STRANGER):
                    look.account(number)
                    look.find_patron(number)
                for words in ("truyện kiều", "nam cao", "lao hac"):
                    look.search(words)
                look.find_item(KIEU_1)
                look.pending_repairs()
                look.now()
                assert look.verify().problems == ()
                assert len(events(look)) > 20
        with suppress(ValueError):
            ledger.checkout(AN, KIEU_1, mode=ServiceMode.ON_SITE)
        provoke(home, clock, ledger, say)
        assert isinstance(ledger.forget(AN), Recorded)
        assert ledger.forget_returned(clock.wall + timedelta(days=1)) == 2
    with told(home) as reference:
        reference.forget_patron(AN)


def provoke(home: Path, clock: Clock, ledger: Ledger, say: Callable[[BaseException], object]) -> None:
    """Errors of every kind while readers are being served."""
    raw = ledger._file._raw  # noqa: SLF001, a constraint that the ledger never breaks is broken by hand

    def fails(act: Callable[[], object], kind: type[Exception]) -> None:
        with pytest.raises(kind) as failed:
            act()
        say(failed.value)

    raw.execute("PRAGMA query_only = ON").close()
    for act in (lambda: ledger.checkout(AN, LAO_HAC), lambda: ledger.checkin(KIEU_1), lambda: ledger.forget(BINH)):
        fails(act, StoreError)
    raw.execute("PRAGMA query_only = OFF").close()
    fails(lambda: open_desk(home, clock, wait=0), DatabaseInUse)
    fails(lambda: ledger.checkout(AN, KIEU_1, mode=ServiceMode.ON_SITE), ValueError)
    raw.execute("CREATE TRIGGER no_owner BEFORE INSERT ON identity BEGIN SELECT RAISE(ABORT, 'broken'); END").close()
    fails(lambda: ledger.checkout(CARDS[AN][0], LAO_HAC), sa.exc.IntegrityError)
    raw.execute("DROP TRIGGER no_owner").close()
    raw.execute("ALTER TABLE identity RENAME TO mislaid").close()
    fails(lambda: ledger.account(AN), sa.exc.OperationalError)
    fails(lambda: ledger.checkout(AN, LAO_HAC), sa.exc.OperationalError)
    raw.execute("ALTER TABLE mislaid RENAME TO identity").close()


def test_no_name_number_or_title_is_in_any_log_or_error_at_any_level(home: Path) -> None:
    clock, said = Clock(), []
    with listening_at_every_logger() as listener:
        do_everything(new_station(home), clock, lambda error: said.extend(in_words(error)))
    assert said
    whole = "\n".join((*listener.heard, *said))
    assert [secret for secret in SECRETS if secret in whole] == []


def test_the_listener_would_hear_a_secret() -> None:
    with listening_at_every_logger() as listener:
        logging.getLogger("sync.store.ledger").debug("lent to %s", AN)
        logging.getLogger("sqlalchemy.engine.Engine").log(1, "row %r", (CARDS[AN][1],))
        try:
            raise ValueError(PATRONS[0].name)
        except ValueError:
            logging.getLogger("somebody.new").exception("it failed")
    whole = "\n".join(listener.heard)
    for secret in (AN, CARDS[AN][1], PATRONS[0].name):
        assert secret in whole


# --- events -----------------------------------------------------------------------------------------------------------


def test_no_event_names_a_reader_or_a_title(home: Path) -> None:
    clock = Clock()
    do_everything(new_station(home), clock, lambda _: None)
    with open_desk(home, clock) as ledger:
        desk, rng = Desk(ledger), random.Random(3)
        for _ in range(150):
            desk.do(random_deed(rng))
            clock.go_on(hours=9)
        records = [encode(entry) for entry in ledger.entries()]
    kinds = {type(event) for event in map(_event, records)}
    assert kinds == set(ev.TYPES.values()) - ev.OF_HEADQUARTERS - ev.OF_THE_ROOM - {ev.HouseRulesAccepted}
    whole = "\n".join(records)
    assert [secret for secret in SECRETS if secret in whole] == []


def _event(record: str) -> ev.Event:
    return ev.decode(record).event


def test_refusals_say_neither_who_nor_what(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        ledger.checkout(EXPIRED, KIEU_1)
        ledger.renew(AN, LAO_HAC)
        ledger.checkout(STRANGER, SO_DO)
        assert events(ledger) == [
            ev.Refusal("checkout", (Code.CARD_EXPIRED,)),
            ev.Refusal("renew", (Code.NOT_ON_LOAN,)),
            ev.Refusal("checkout", (Code.UNKNOWN_CARD,)),
        ]
        assert owners(home) == {}


# --- forgetting -------------------------------------------------------------------------------------------------------


def bytes_of(home: Path) -> bytes:
    """Every byte of the ledger: the file, its log and its shared memory."""
    return b"".join(path.read_bytes() for path in sorted(home.glob("ledger.sqlite*")))


def test_nothing_of_a_forgotten_reader_is_left_in_any_byte_and_the_chain_holds(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        for card, item in ((AN, KIEU_1), (CARDS[AN][1], KIEU_2), (BINH, LAO_HAC)):
            assert isinstance(ledger.checkout(card, item), Lent)
        before = events(ledger)
        for item in (KIEU_1, KIEU_2):
            ledger.checkin(item)
        assert AN.encode() in bytes_of(home)
        assert ledger.forget(CARDS[AN][0]) == Recorded(6)
        for number in (AN, *CARDS[AN]):
            assert number.encode() not in bytes_of(home)
        assert BINH.encode() in bytes_of(home)
        assert in_order(ledger)
        assert events(ledger)[: len(before)] == before
        assert events(ledger)[-1] == ev.PatronForgotten(2)
        assert set(owners(home).values()) == {BINH}
        assert [line.loan.item_id for line in ledger.account(BINH).loans] == [LAO_HAC]
    assert AN.encode() not in bytes_of(home)


def test_nothing_is_left_of_any_reader_among_many_in_any_order(home: Path) -> None:
    """Thousands of rows that come and go move others about in the file; none may leave a copy where it has been."""
    rng = random.Random(11)
    readers = [f"BD-7{n:05d}" for n in rng.sample(range(100_000), 150)]
    with open_desk(new_station(home), Clock()) as ledger:
        file = ledger._file  # noqa: SLF001, two thousand loans one by one would take a minute
        for _ in range(20):
            rows = [{"token": f"{rng.getrandbits(64):016x}", "patron_id": rng.choice(readers)} for _ in range(100)]
            with file.begin() as connection:
                connection.execute(sa.insert(tables.identity), rows)
        rng.shuffle(readers)
        for number, reader in enumerate(readers[:60], start=1):
            assert isinstance(ledger.forget(reader), Recorded)
            assert reader.encode() not in bytes_of(home), f"the {number}th"
            assert len(set(owners(home).values())) == 150 - number
        kept = owners(home)
        assert ledger.forget_returned(MORNING) == len(kept)
        whole = bytes_of(home)
        assert [reader for reader in readers if reader.encode() in whole] == []
        assert in_order(ledger)


def test_whoever_was_cut_off_while_forgetting_leaves_no_byte_behind_either(home: Path) -> None:
    """The transaction came through and the log was not emptied any more: the next start does it."""
    new_station(home)
    with open_desk(home, Clock()) as ledger, look_at(home, Clock()) as view:
        assert isinstance(ledger.checkout(AN, KIEU_1), Lent)
        ledger.checkin(KIEU_1)
        with view._readable.read():  # noqa: SLF001, somebody is looking and does not stop
            raw = ledger._file._raw  # noqa: SLF001, nobody shall wait five seconds for that
            raw.execute("PRAGMA busy_timeout = 0").close()
            assert isinstance(ledger.forget(AN), Recorded)
            assert AN.encode() in bytes_of(home)
            copy = home / "cut-off"
            copy.mkdir()
            for path in (*home.glob("ledger.sqlite*"), *home.glob("reference.sqlite")):
                if not path.name.endswith("-shm"):
                    (copy / path.name).write_bytes(path.read_bytes())
        assert AN.encode() in bytes_of(copy)
        with open_desk(copy, Clock()) as again:
            assert AN.encode() not in bytes_of(copy)
            assert in_order(again)


def test_a_returned_and_settled_loan_is_cut_and_what_is_out_or_owed_is_not(home: Path) -> None:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        out = ledger.checkout(AN, KIEU_1)
        owing, old, young = (ledger.checkout(BINH, item) for item in (LAO_HAC, SO_DO, KIEU_2))
        assert isinstance(out, Lent)
        assert isinstance(owing, Lent)
        assert isinstance(old, Lent)
        assert isinstance(young, Lent)
        clock.go_on(days=1)
        ledger.checkin(SO_DO)
        clock.go_on(days=1)
        yesterday = clock.wall
        ledger.checkin(KIEU_2)
        clock.go_on(days=PERIOD)
        fee = ledger.checkin(LAO_HAC).fee
        assert fee is not None
        assert ledger.forget_returned(yesterday) == 1
        assert events(ledger)[-1] == ev.PatronForgotten(1)
        assert set(owners(home)) == {out.loan.token, owing.loan.token, young.loan.token}
        count = len(events(ledger))
        assert ledger.forget_returned(yesterday) == 0
        assert len(events(ledger)) == count
        clock.go_on(days=1)
        assert ledger.forget_returned(clock.wall) == 1
        assert set(owners(home)) == {out.loan.token, owing.loan.token}
        ledger.pay(fee.fee_id)
        assert ledger.forget_returned(clock.wall) == 1
        assert owners(home) == {out.loan.token: AN}
        assert in_order(ledger)
        assert [line.loan.item_id for line in ledger.account(AN).loans] == [KIEU_1]
        assert BINH.encode() not in bytes_of(home)


def test_nobody_is_forgotten_with_a_loan_or_a_fee_and_nothing_is_cut_then(home: Path) -> None:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        ledger.checkout(AN, KIEU_1)
        ledger.checkout(AN, LAO_HAC)
        clock.go_on(days=PERIOD + 1)
        fee = ledger.checkin(KIEU_1).fee
        assert fee is not None
        before = owners(home)
        for codes, then in (
            ((Code.STILL_HAS_LOANS, Code.STILL_OWES), lambda: ledger.checkin(LAO_HAC)),
            ((Code.STILL_OWES,), lambda: [ledger.pay(fee.fee_id) for fee in ledger.account(AN).fees]),
        ):
            for number in (AN, *CARDS[AN]):
                refused = ledger.forget(number)
                assert isinstance(refused, Refused)
                assert refused.codes == codes
            assert owners(home) == before
            then()
        assert isinstance(ledger.forget(AN), Recorded)
        assert owners(home) == {}


def test_an_undone_return_of_a_forgotten_reader_is_a_loan_of_nobody(home: Path) -> None:
    clock = Clock()
    with open_desk(new_station(home), clock) as ledger:
        ledger.checkout(AN, KIEU_1)
        back = ledger.checkin(KIEU_1)
        ledger.forget(AN)
        assert isinstance(ledger.undo(back.entry), TakenBackAct)
        found = ledger.find_item(KIEU_1)
        assert found is not None
        assert found[2] is not None
        assert found[2].patron_id is None
        assert ledger.account(AN).loans == ()
        refused = ledger.checkout(BINH, KIEU_1)
        assert isinstance(refused, Refused)
        assert refused.codes == (Code.ON_LOAN_TO_ANOTHER,)
        clock.go_on(days=100)
        assert ledger.checkin(KIEU_1).fee is None
        assert in_order(ledger)


def test_what_headquarters_was_told_of_still_holds_when_a_reader_was_forgotten(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        ledger.checkout(AN, KIEU_1)
        ledger.checkout(BINH, LAO_HAC)
        ledger.checkin(KIEU_1)
        ledger.forget(AN)
        hear(home, ledger.entries(), owners(home))
        assert [line.loan.item_id for line in ledger.account(BINH).loans] == [LAO_HAC]
        assert ledger.account(AN).loans == ()
        assert in_order(ledger)


def test_the_owner_of_a_ledger_is_named_by_command_and_process_alone(home: Path) -> None:
    with open_desk(new_station(home), Clock()) as ledger:
        ledger.checkout(AN, KIEU_1)
        beside_it = b"".join(
            p.read_bytes() for p in home.iterdir() if not p.name.startswith(("ledger.s", "reference.s"))
        )
        assert b"tramsach kiosk" in beside_it
        assert [secret for secret in SECRETS if secret.encode() in beside_it] == []


def test_a_ledger_names_readers_in_one_table_only(home: Path) -> None:
    clock = Clock()
    do_everything(new_station(home), clock, lambda _: None)
    with open_desk(home, clock) as ledger:
        assert isinstance(ledger.checkout(BINH, KIEU_2), Lent)
    with sqlite3.connect(LEDGER.path(home)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        naming = {
            name
            for name in names
            for row in connection.execute(f"SELECT * FROM {name}")
            if any(secret in str(value) for value in row for secret in SECRETS)
        }
    connection.close()
    assert naming == {"identity"}
