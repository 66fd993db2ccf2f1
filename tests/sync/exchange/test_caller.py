"""The station's end: what it says of itself, and what it believes of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sync.central.database import Database
from sync.central.exchange import answer
from sync.central.reference import CentralReference
from sync.circulation.model import Item, Title
from sync.exchange.caller import Caller, Question
from sync.exchange.keys import Pin, Pins
from sync.exchange.messages import (
    Answer,
    MessageRefused,
    OpenedReply,
    open_reply,
    read_contact,
    seal_reply,
)
from sync.exchange.reasons import Reason, Side
from sync.exchange.state import Heard, note
from tests.sync.central.offices import Site, Time, office_at
from tests.sync.central.world import HQ, keys_of

HQ_KEYS = keys_of("headquarters")
HQ_PINS = Pins((Pin(HQ_KEYS.public),))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    time = Time()
    with Database.open(tmp_path / "hq") as database:
        site = Site(tmp_path / "station", office_at(database, tmp_path / "hq", time), time)
        site.enrol()
        site.sync()
        yield site


@pytest.fixture
def caller(site: Site) -> Iterator[Caller]:
    with site.caller() as caller:
        yield caller


def lend(site: Site, *items: str) -> None:
    with site.ledger() as ledger:
        for item in items:
            ledger.checkout("CARD-TNR1", item)


def answered(site: Site, question: Question) -> bytes:
    raw = answer(site.office, question.raw)
    assert isinstance(raw, bytes)
    return raw


def opened(question: Question, raw: bytes) -> OpenedReply:
    reply = open_reply(raw, HQ_PINS, hq=HQ, station="TN-K01", epoch=1, nonce=question.nonce)
    assert isinstance(reply, OpenedReply)
    return reply


def said_otherwise(question: Question, raw: bytes, **other: object) -> bytes:
    """The same answer, rightly signed, with something else in it."""
    told = opened(question, raw)
    return seal_reply(HQ_KEYS, msgspec.structs.replace(told.reply, **other), told.changes)


def test_a_question_tells_where_the_station_stands(site: Site, caller: Caller) -> None:
    lend(site, "TN.0001", "TN.0002")
    said = read_contact(caller.ask().raw)
    assert not isinstance(said, MessageRefused)
    assert (said.station, said.epoch, said.seq, said.unsent) == ("TN-K01", 1, 2, 2)
    assert said.cursor > 0


def test_no_two_questions_are_alike(caller: Caller) -> None:
    assert caller.ask().nonce != caller.ask().nonce


def test_nothing_is_acknowledged_by_an_answer_that_is_not_headquarters_own(site: Site, caller: Caller) -> None:
    lend(site, "TN.0001")
    question = caller.ask()
    raw = answered(site, question)
    for at in range(0, len(raw), 31):
        assert isinstance(caller.take(question, raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]), MessageRefused)
    stranger = seal_reply(keys_of("stranger"), opened(question, raw).reply)
    assert caller.take(question, stranger) == MessageRefused(Reason.BAD_SIGNATURE, Side.HEADQUARTERS)
    assert caller.unsent == 1


def test_an_answer_to_another_question_is_none_to_this_one(site: Site, caller: Caller) -> None:
    first, second = caller.ask(), caller.ask()
    old = answered(site, first)
    assert caller.take(second, old) == MessageRefused(Reason.OTHER_QUESTION, Side.HEADQUARTERS)


def test_an_answer_to_another_station_is_none_to_this_one(site: Site, caller: Caller, tmp_path: Path) -> None:
    other = Site(tmp_path / "other", site.office, site.time)
    other.enrol("TN-K02")
    with other.caller() as theirs:
        raw = answered(site, theirs.ask())
    assert caller.take(caller.ask(), raw) == MessageRefused(Reason.OTHER_STATION, Side.HEADQUARTERS)


def test_what_is_told_is_there_when_the_answer_has_been_taken(site: Site, caller: Caller) -> None:
    with CentralReference(site.office.database, site.time) as reference:
        reference.write([Title("new", "Số đỏ")], [Item("TN.0099", "new", "book", "TN")])
    question = caller.ask()
    assert isinstance(caller.take(question, answered(site, question)), Heard)
    with site.ledger_view() as view:
        assert view.find_item("TN.0099") is not None


def test_an_answer_that_begins_further_on_than_the_station_is_not_believed(site: Site, caller: Caller) -> None:
    """Or what lies in between would be lost without a trace."""
    question = caller.ask()
    raw = answered(site, question)
    known = opened(question, raw).reply.cursor
    ahead = said_otherwise(question, raw, since=known + 5, cursor=known + 9)
    assert caller.take(question, ahead) == MessageRefused(Reason.EARLIER_MISSING, Side.HEADQUARTERS)


def test_a_history_that_is_not_ours_acknowledges_nothing(site: Site, caller: Caller) -> None:
    lend(site, "TN.0001")
    question = caller.ask()
    copied = said_otherwise(question, answered(site, question), head=bytes(32))
    heard = caller.take(question, copied)
    assert isinstance(heard, Heard)
    assert (heard.answer, heard.logged) == (Answer.FORK, 0)


def test_how_far_headquarters_clock_is_ahead_is_heard_with_the_doubt_in_it(site: Site, caller: Caller) -> None:
    question = caller.ask()
    raw = said_otherwise(question, answered(site, question), now=site.time() + 3_600_000)
    site.time.go_on(seconds=10)  # five there, five back
    heard = caller.take(question, raw)
    assert isinstance(heard, Heard)
    assert (heard.offset_ms, heard.spread_ms) == (3_595_000, 5001)


def test_an_hour_between_the_clocks_is_noted_once_and_a_second_never(site: Site) -> None:
    with site.ledger() as ledger, site.caller() as caller:
        for ahead in (1000, 3_600_000, 3_600_000):
            question = caller.ask()
            raw = said_otherwise(question, answered(site, question), now=site.time() + ahead)
            heard = caller.take(question, raw)
            assert isinstance(heard, Heard)
            note(ledger, heard)
            site.time.go_on(seconds=1)
        assert [type(entry.event).__name__ for entry in ledger.entries()] == ["ClockCompared"]
