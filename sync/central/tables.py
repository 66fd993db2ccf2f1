"""Headquarters' tables, in SQLAlchemy Core, the same on SQLite and on PostgreSQL.

Four kinds, by what may happen to them:

- *the log* (``station``, ``batch``, ``outcome``): what happened, and what was decided once about it. Kept for ever.
- *identities* (``identity``, ``forgotten``): whose a token is. Deletable at any time (design, law 9).
- *projections* (``timeline``, ``fact``, ``copy_state``, ``fee_fact``, ``fee``, ``staff_exception``, ``decision``,
  ``activity``): what the log adds up to. They can be made again from it at any time, and then come out the same
  (:mod:`sync.central.replay`).
- *headquarters' word* (the reference tables, as at a station) and the *feed* of changes that stations are told.

Conventions as in :mod:`sync.store.tables`: instants are whole milliseconds of UTC since 1970; days are ISO text; money
is whole đồng; tokens are 16 lower-case hex digits; lists are JSON text. Migrations (``migrations/``) build the tables;
a test holds them against this page.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import sqlalchemy as sa

from sync.store import tables as store

central = sa.MetaData()

#: SQLite numbers rows itself only where the type is just INTEGER; PostgreSQL's INTEGER is too small for milliseconds.
Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _as_at_a_station(table: sa.Table) -> sa.Table:
    copied = table.to_metadata(central)
    for column in copied.columns:
        if isinstance(column.type, sa.Integer):
            column.type = Whole
    return copied


# --- headquarters' word: what it says of rules, readers and items -----------------------------------------------------

rule_set = _as_at_a_station(store.rule_set)
patron = _as_at_a_station(store.patron)
card = _as_at_a_station(store.card)
pin = _as_at_a_station(store.pin)
title = _as_at_a_station(store.title)
item = _as_at_a_station(store.item)
#: ``fulfilled`` is the loan by which the reader got it; such a hold stands no more.
hold = _as_at_a_station(store.hold)
hold.append_column(sa.Column("fulfilled", sa.Text))
announcement = _as_at_a_station(store.announcement)
device_profile = _as_at_a_station(store.device_profile)

# --- headquarters itself and its stations -----------------------------------------------------------------------------

#: One row. ``salt`` is secret and goes into the digests of ``forgotten``.
headquarters = sa.Table(
    "headquarters",
    central,
    sa.Column("hq", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("founded_at", Whole, nullable=False),
)

#: A station in one of its epochs; events of an epoch are numbered from behind ``begins``. ``seq`` and ``head`` are the
#: last event in the log and the chain's hash after it; ``applied`` the last one in the projections; ``safe`` the last
#: one in a verified backup. ``pins`` are its keys and how far each is good (``sync.exchange.keys.Pins`` as JSON).
#: ``scope`` lists the branches it is told of, since feed cursor ``scoped_at``. ``hint`` is the machine that was
#: enrolled, ``seen_hint`` the one that called last.
station = sa.Table(
    "station",
    central,
    sa.Column("id", Whole, primary_key=True),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("epoch", Whole, nullable=False),
    sa.Column("branch", sa.Text, nullable=False, server_default=""),
    sa.Column("scope", sa.Text, nullable=False, server_default="[]"),
    sa.Column("scoped_at", Whole, nullable=False, server_default="0"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("pins", sa.Text, nullable=False),
    sa.Column("begins", Whole, nullable=False, server_default="0"),
    sa.Column("seq", Whole, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("applied", Whole, nullable=False),
    sa.Column("safe", Whole, nullable=False),
    sa.Column("hint", sa.Text, nullable=False, server_default=""),
    sa.Column("seen_hint", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.Text, nullable=False, server_default=""),
    sa.Column("enrolled_at", Whole, nullable=False),
    sa.Column("contact_at", Whole),
    sa.Column("road", sa.Text),
    sa.UniqueConstraint("station", "epoch"),
)

#: One-time codes; only the hash of a code is kept.
enrolment_code = sa.Table(
    "enrolment_code",
    central,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("station", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("made_at", Whole, nullable=False),
    sa.Column("expires_at", Whole, nullable=False),
    sa.Column("used_at", Whole),
)

# --- the log ----------------------------------------------------------------------------------------------------------

#: A batch as it was received, byte for byte, without its identities. Of its events those from ``fresh`` to ``until``
#: are the log's; the ranges of a station follow each other without gap. ``head`` is the chain's hash after ``until``.
batch = sa.Table(
    "batch",
    central,
    sa.Column("station_id", Whole, primary_key=True, autoincrement=False),
    sa.Column("until", Whole, primary_key=True, autoincrement=False),
    sa.Column("fresh", Whole, nullable=False),
    sa.Column("first", Whole, nullable=False),
    sa.Column("last", Whole, nullable=False),
    sa.Column("head", sa.LargeBinary, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("events", sa.LargeBinary, nullable=False),
    sa.Column("events_size", Whole, nullable=False),
    sa.Column("road", sa.Text, nullable=False),
    sa.Column("received_at", Whole, nullable=False),
)

#: Batches that were rightly signed and yet are no part of the log: the other branch of a fork, what a key wrote after
#: its cut. For staff to look at; ``identities`` (JSON) can be deleted.
stray = sa.Table(
    "stray",
    central,
    sa.Column("station_id", Whole, primary_key=True, autoincrement=False),
    sa.Column("head", sa.LargeBinary, primary_key=True),
    sa.Column("first", Whole, nullable=False),
    sa.Column("last", Whole, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("header", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("events", sa.LargeBinary, nullable=False),
    sa.Column("identities", sa.Text, nullable=False),
    sa.Column("road", sa.Text, nullable=False),
    sa.Column("received_at", Whole, nullable=False),
)

#: What became of an event that was not simply applied. Every event up to a station's ``applied`` without a row here is
#: applied and nothing more is to be said of it. ``detail`` (JSON) keeps judgements that depended on the day.
outcome = sa.Table(
    "outcome",
    central,
    sa.Column("station_id", Whole, primary_key=True, autoincrement=False),
    sa.Column("seq", Whole, primary_key=True, autoincrement=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, server_default="[]"),
)

# --- identities -------------------------------------------------------------------------------------------------------

#: Whose a token is. ``number`` is what the station wrote: a patron's number, or a card that no list knew. Null once it
#: was forgotten; the row stays, so that the same batch coming again does not bring it back. ``mark`` is equal for
#: tokens under which one reader had one copy, where that has mattered, and stays: it says nothing of who it was.
identity = sa.Table(
    "identity",
    central,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("number", sa.Text),
    sa.Column("mark", sa.Text),
    sa.Column("at", Whole, nullable=False),
)

#: Readers who were forgotten, as salted digests: what a stick brings of them months later is forgotten at once.
forgotten = sa.Table(
    "forgotten",
    central,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("at", Whole, nullable=False),
)

# --- the feed ---------------------------------------------------------------------------------------------------------

#: One row: the last cursor given out, and the highest cursor whose tombstones have been pruned.
feed = sa.Table(
    "feed",
    central,
    sa.Column("id", Whole, primary_key=True, autoincrement=False),
    sa.Column("cursor", Whole, nullable=False),
    sa.Column("floor", Whole, nullable=False),
)

#: One change: the row ``key`` of the reference's table ``kind`` is now ``body`` (JSON), or gone where that is null.
#: ``scope`` is a branch, a station, or ``*`` for everybody.
change = sa.Table(
    "change",
    central,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("cursor", Whole, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", sa.Text),
    sa.Column("at", Whole, nullable=False),
)

# --- projections ------------------------------------------------------------------------------------------------------

#: How each station's clock went (:class:`sync.circulation.timeline.Timeline` as JSON).
timeline = sa.Table(
    "timeline",
    central,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("runs", sa.Text, nullable=False),
)

#: What happened to copies, one row per event of a copy, so that its whole story can be told again when something of it
#: arrives late (:class:`sync.circulation.facts.Fact`). ``body`` is what of the event matters to that story.
fact = sa.Table(
    "fact",
    central,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("station_id", Whole, primary_key=True, autoincrement=False),
    sa.Column("seq", Whole, primary_key=True, autoincrement=False),
    sa.Column("at", Whole, nullable=False),
    sa.Column("earliest", Whole, nullable=False),
    sa.Column("latest", Whole),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

#: Where each copy is (:class:`sync.circulation.custody.Custody` as JSON), and of an open loan what is asked for: its
#: columns are null while the library has the copy. ``number`` is that of ``identity``.
copy_state = sa.Table(
    "copy_state",
    central,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("custody", sa.Text, nullable=False),
    sa.Column("seen_at", sa.Text),
    sa.Column("token", sa.Text),
    sa.Column("number", sa.Text),
    sa.Column("item_type", sa.Text),
    sa.Column("branch", sa.Text),
    sa.Column("mode", sa.Text),
    sa.Column("checked_out_at", Whole),
    sa.Column("due_at", Whole),
    sa.Column("renewals", Whole),
)
sa.Index(
    "copy_number",
    copy_state.c.number,
    sqlite_where=sa.text("number IS NOT NULL"),
    postgresql_where=sa.text("number IS NOT NULL"),
)

#: What happened to fees, as ``fact`` for copies; ``item_id`` is the copy whose return a fee was charged at.
fee_fact = sa.Table(
    "fee_fact",
    central,
    sa.Column("fee_id", sa.Text, primary_key=True),
    sa.Column("station_id", Whole, primary_key=True, autoincrement=False),
    sa.Column("seq", Whole, primary_key=True, autoincrement=False),
    sa.Column("item_id", sa.Text),
    sa.Column("at", Whole, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

#: What each fee comes to (:class:`sync.circulation.fees.FeeAccount`); ``paid`` is less what was given back. Nobody is
#: asked for one that is ``doubted``.
fee = sa.Table(
    "fee",
    central,
    sa.Column("fee_id", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, index=True),
    sa.Column("number", sa.Text, index=True),
    sa.Column("kind", sa.Text),
    sa.Column("amount", Whole, nullable=False),
    sa.Column("paid", Whole, nullable=False),
    sa.Column("waived", Whole, nullable=False),
    sa.Column("charged_at", Whole),
    sa.Column("doubted", Whole, nullable=False),
)

#: The work-list (:class:`sync.circulation.exceptions.StaffException` as JSON). ``source`` says who finds it: the fold
#: of a copy (``copy``), that of a fee (``fee``), or a judgement of the day (``day``).
staff_exception = sa.Table(
    "staff_exception",
    central,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("item_id", sa.Text, index=True),
    sa.Column("fee_id", sa.Text, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("since", Whole, nullable=False),
    sa.Column("resolution", sa.Text),
)

#: What staff have decided (:class:`sync.circulation.events.ExceptionResolved` as JSON), by exception.
decision = sa.Table(
    "decision",
    central,
    sa.Column("exception", sa.Text, primary_key=True),
    sa.Column("seq", Whole, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
)

#: How much was done: events by branch, local day, type (``undone`` with its act) and category of reader.
activity = sa.Table(
    "activity",
    central,
    sa.Column("branch", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("act", sa.Text, primary_key=True),
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("count", Whole, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Projections:
    """The projections' tables: those that live, or others of the same make."""

    timeline: sa.Table
    fact: sa.Table
    copy_state: sa.Table
    fee_fact: sa.Table
    fee: sa.Table
    staff_exception: sa.Table
    decision: sa.Table
    activity: sa.Table

    @classmethod
    def aside(cls, prefix: str) -> Self:
        """Temporary tables of the same make, not created yet, whose names begin with a prefix."""
        beside = sa.MetaData()
        made = {}
        for name in (field.name for field in fields(cls)):
            columns = (
                sa.Column(one.name, one.type, primary_key=one.primary_key, autoincrement=False, index=one.index)
                for one in central.tables[name].columns
            )
            made[name] = sa.Table(prefix + name, beside, *columns, prefixes=["TEMPORARY"])
        return cls(**made)

    def all(self) -> tuple[sa.Table, ...]:
        """Each of them."""
        return tuple(getattr(self, field.name) for field in fields(self))


LIVE = Projections(timeline, fact, copy_state, fee_fact, fee, staff_exception, decision, activity)
