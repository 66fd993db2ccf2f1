"""The tables of both files, in SQLAlchemy Core.

Conventions: instants are whole milliseconds of UTC since 1970; days are ISO text; money is whole đồng; tokens are 16
lower-case hex digits; lists are JSON text. Migrations (``migrations/``) build the files; a test holds them against
this page.
"""

from __future__ import annotations

import sqlalchemy as sa

reference = sa.MetaData()
ledger = sa.MetaData()

# --- reference.sqlite -------------------------------------------------------------------------------------------------

#: The rule-set in force (branches, policies, calendar) as one JSON document: it is small, read whole and swapped whole.
rule_set = sa.Table(
    "rule_set",
    reference,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

patron = sa.Table(
    "patron",
    reference,
    sa.Column("patron_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("expires", sa.Text),
    sa.Column("birth_date", sa.Text),
    sa.Column("deposit", sa.Integer, nullable=False, server_default="0"),
    sa.Column("blocks", sa.Text, nullable=False, server_default="[]"),
)

#: Every number that stands for a patron: the card's own number, older cards, chip identifiers.
card = sa.Table(
    "card",
    reference,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("patron_id", sa.Text, nullable=False, index=True),
)

#: What a reader types to see her account, as argon2id's own text; the PIN itself is nowhere.
pin = sa.Table(
    "pin",
    reference,
    sa.Column("patron_id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
)

title = sa.Table(
    "title",
    reference,
    sa.Column("id", sa.Integer, primary_key=True),  # the search index knows a title by this number
    sa.Column("title_id", sa.Text, nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False, server_default=""),
    sa.Column("publisher", sa.Text, nullable=False, server_default=""),
    sa.Column("year", sa.Text, nullable=False, server_default=""),
    sa.Column("volume", sa.Text, nullable=False, server_default=""),
    sa.Column("call_number", sa.Text, nullable=False, server_default=""),
    sa.Column("subjects", sa.Text, nullable=False, server_default="[]"),
    sa.Column("isbns", sa.Text, nullable=False, server_default="[]"),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
)

item = sa.Table(
    "item",
    reference,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("title_id", sa.Text, nullable=False, index=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False, server_default="1"),
    sa.Column("price", sa.Integer, nullable=False, server_default="0"),
    sa.Column("call_number", sa.Text, nullable=False, server_default=""),
    sa.Column("location", sa.Text, nullable=False, server_default=""),
    sa.Column("status", sa.Text, nullable=False, server_default="in_stock"),
    # the catalogue record it came from: a second record with the same barcode is a conflict, the same one an update
    sa.Column("source_record", sa.Text, nullable=False, server_default=""),
)

#: Which item a chip is in that has nothing written on it: the chip's UID as 16 upper-case hexadecimal digits. Some
#: libraries keep this list instead of writing chips.
tag = sa.Table(
    "tag",
    reference,
    sa.Column("uid", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, nullable=False, index=True),
)

#: Open loans as headquarters knows them (none on a station of its own).
reference_loan = sa.Table(
    "loan",
    reference,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, nullable=False, unique=True),
    sa.Column("item_type", sa.Text, nullable=False),
    sa.Column("patron_id", sa.Text, index=True),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("checked_out_at", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Integer, nullable=False),
    sa.Column("renewals", sa.Integer, nullable=False, server_default="0"),
)

hold = sa.Table(
    "hold",
    reference,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("patron_id", sa.Text, nullable=False, index=True),
    sa.Column("title_id", sa.Text, nullable=False, index=True),
    sa.Column("item_id", sa.Text, index=True),
    sa.Column("pickup_branch", sa.Text, nullable=False),
    sa.Column("placed_at", sa.Integer, nullable=False),
    sa.Column("ready_until", sa.Text),
)

reference_fee = sa.Table(
    "fee",
    reference,
    sa.Column("fee_id", sa.Text, primary_key=True),
    sa.Column("token", sa.Text),
    sa.Column("patron_id", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("paid", sa.Integer, nullable=False, server_default="0"),
    sa.Column("waived", sa.Integer, nullable=False, server_default="0"),
    sa.Column("charged_at", sa.Integer, nullable=False),
)

#: How far this reference already contains a station's own events: newer ones in the ledger stand on top.
watermark = sa.Table(
    "watermark",
    reference,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)

#: How far the changes of a headquarters have been written here, and when it was last heard of.
feed = sa.Table(
    "feed",
    reference,
    sa.Column("headquarters", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Integer, nullable=False),
    sa.Column("told_at", sa.Integer, nullable=False),
)

#: What headquarters wants said on screens, as JSON.
announcement = sa.Table(
    "announcement",
    reference,
    sa.Column("announcement_id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

#: Settings for kinds of devices that headquarters has tried, as JSON.
device_profile = sa.Table(
    "device_profile",
    reference,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

# --- ledger.sqlite ----------------------------------------------------------------------------------------------------

#: Whose ledger this is, and in which epoch it stands now.
station = sa.Table(
    "station",
    ledger,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
)

#: Where each epoch begins: behind which event the chain starts anew with the epoch's genesis. Numbers go on.
epoch = sa.Table(
    "epoch",
    ledger,
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("after", sa.Integer, nullable=False),
)

#: The last word of headquarters: it has all events up to ``logged``, and a verified backup of those up to ``safe``.
#: ``number`` orders its words, so that an old one which comes late by stick changes nothing.
acknowledged = sa.Table(
    "acknowledged",
    ledger,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("logged", sa.Integer, nullable=False),
    sa.Column("safe", sa.Integer, nullable=False),
    sa.Column("heard_at", sa.Integer, nullable=False),
)

#: Up to where events have been pruned, with the hash of the last of them. A trigger holds ``seq`` at or below ``safe``,
#: and another lets no event be deleted beyond it.
horizon = sa.Table(
    "horizon",
    ledger,
    sa.Column("station", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

#: What the pruned events added up to, as far as it still matters: rows of the tables below, by table and key, as JSON.
base = sa.Table(
    "base",
    ledger,
    sa.Column("table", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("row", sa.Text, nullable=False),
)

#: ``record`` is the event's bytes as hashed and as they will travel; ``type`` and ``at`` are read out of it by SQLite
#: itself, so that no second copy can disagree. Triggers refuse UPDATE and DELETE.
event = sa.Table(
    "event",
    ledger,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("type", sa.Text, sa.Computed("json_extract(record, '$.type')", persisted=False), index=True),
    sa.Column("at", sa.Integer, sa.Computed("json_extract(record, '$.at')", persisted=False)),
)

#: Whose a token is: the one place of this file that names a patron, and rows of it may be deleted at any time.
identity = sa.Table(
    "identity",
    ledger,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("patron_id", sa.Text, nullable=False, index=True),
)

#: Loans made or touched here. ``closed_at`` is null while open; ``seq`` is the last event that touched the row. A loan
#: that headquarters has closed since may stay open in this table: who has an item is said by ``custody``, not here.
loan = sa.Table(
    "loan",
    ledger,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, nullable=False, index=True),
    sa.Column("item_type", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("checked_out_at", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Integer, nullable=False),
    sa.Column("renewals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hold_id", sa.Text),
    sa.Column("closed_at", sa.Integer),
    sa.Column("seq", sa.Integer, nullable=False),
)
sa.Index("loan_hold", loan.c.hold_id, sqlite_where=loan.c.hold_id.is_not(None))

#: The last word of this station on who has an item: the loan's token, or null for nobody.
custody = sa.Table(
    "custody",
    ledger,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("token", sa.Text),
    sa.Column("seq", sa.Integer, nullable=False),
)

fee = sa.Table(
    "fee",
    ledger,
    sa.Column("fee_id", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False, index=True),  # whose it is stands in ``identity`` under this token
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("paid", sa.Integer, nullable=False, server_default="0"),
    sa.Column("waived", sa.Integer, nullable=False, server_default="0"),
    sa.Column("charged_at", sa.Integer, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
)

visit = sa.Table(
    "visit",
    ledger,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("opened_at", sa.Integer, nullable=False),
    sa.Column("closed_at", sa.Integer),
    sa.Column("outcome", sa.Text),
    sa.Column("seq", sa.Integer, nullable=False),
)

#: Tags that may be unsecured although nobody has the item: to be armed and verified (law 1).
repair = sa.Table(
    "repair",
    ledger,
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
)
