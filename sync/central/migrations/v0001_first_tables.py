"""Everything headquarters needs at first: the log, projections, its own word, the feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rule_set",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "patron",
        sa.Column("patron_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("expires", sa.Text),
        sa.Column("birth_date", sa.Text),
        sa.Column("deposit", whole, nullable=False, server_default="0"),
        sa.Column("blocks", sa.Text, nullable=False, server_default="[]"),
    )
    op.create_table(
        "card",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("patron_id", sa.Text, nullable=False),
    )
    op.create_index("ix_card_patron_id", "card", ["patron_id"])
    op.create_table(
        "pin",
        sa.Column("patron_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "title",
        sa.Column("id", whole, primary_key=True),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False, server_default=""),
        sa.Column("publisher", sa.Text, nullable=False, server_default=""),
        sa.Column("year", sa.Text, nullable=False, server_default=""),
        sa.Column("volume", sa.Text, nullable=False, server_default=""),
        sa.Column("call_number", sa.Text, nullable=False, server_default=""),
        sa.Column("subjects", sa.Text, nullable=False, server_default="[]"),
        sa.Column("isbns", sa.Text, nullable=False, server_default="[]"),
        sa.Column("language", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("title_id"),
    )
    op.create_table(
        "item",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("parts", whole, nullable=False, server_default="1"),
        sa.Column("price", whole, nullable=False, server_default="0"),
        sa.Column("call_number", sa.Text, nullable=False, server_default=""),
        sa.Column("location", sa.Text, nullable=False, server_default=""),
        sa.Column("status", sa.Text, nullable=False, server_default="in_stock"),
        sa.Column("source_record", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_item_title_id", "item", ["title_id"])
    op.create_table(
        "hold",
        sa.Column("hold_id", sa.Text, primary_key=True),
        sa.Column("patron_id", sa.Text, nullable=False),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text),
        sa.Column("pickup_branch", sa.Text, nullable=False),
        sa.Column("placed_at", whole, nullable=False),
        sa.Column("ready_until", sa.Text),
        sa.Column("fulfilled", sa.Text),
    )
    op.create_index("ix_hold_item_id", "hold", ["item_id"])
    op.create_index("ix_hold_patron_id", "hold", ["patron_id"])
    op.create_index("ix_hold_title_id", "hold", ["title_id"])
    op.create_table(
        "announcement",
        sa.Column("announcement_id", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "device_profile",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "headquarters",
        sa.Column("hq", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, server_default=""),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("founded_at", whole, nullable=False),
    )
    op.create_table(
        "station",
        sa.Column("id", whole, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("epoch", whole, nullable=False),
        sa.Column("branch", sa.Text, nullable=False, server_default=""),
        sa.Column("scope", sa.Text, nullable=False, server_default="[]"),
        sa.Column("scoped_at", whole, nullable=False, server_default="0"),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("pins", sa.Text, nullable=False),
        sa.Column("begins", whole, nullable=False, server_default="0"),
        sa.Column("seq", whole, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("applied", whole, nullable=False),
        sa.Column("safe", whole, nullable=False),
        sa.Column("hint", sa.Text, nullable=False, server_default=""),
        sa.Column("seen_hint", sa.Text, nullable=False, server_default=""),
        sa.Column("version", sa.Text, nullable=False, server_default=""),
        sa.Column("enrolled_at", whole, nullable=False),
        sa.Column("contact_at", whole),
        sa.Column("road", sa.Text),
        sa.UniqueConstraint("station", "epoch"),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("station", sa.Text, nullable=False),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("made_at", whole, nullable=False),
        sa.Column("expires_at", whole, nullable=False),
        sa.Column("used_at", whole),
    )
    op.create_table(
        "batch",
        sa.Column("station_id", whole, primary_key=True, autoincrement=False),
        sa.Column("until", whole, primary_key=True, autoincrement=False),
        sa.Column("fresh", whole, nullable=False),
        sa.Column("first", whole, nullable=False),
        sa.Column("last", whole, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("events", sa.LargeBinary, nullable=False),
        sa.Column("events_size", whole, nullable=False),
        sa.Column("road", sa.Text, nullable=False),
        sa.Column("received_at", whole, nullable=False),
    )
    op.create_table(
        "stray",
        sa.Column("station_id", whole, primary_key=True, autoincrement=False),
        sa.Column("head", sa.LargeBinary, primary_key=True),
        sa.Column("first", whole, nullable=False),
        sa.Column("last", whole, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("events", sa.LargeBinary, nullable=False),
        sa.Column("identities", sa.Text, nullable=False),
        sa.Column("road", sa.Text, nullable=False),
        sa.Column("received_at", whole, nullable=False),
    )
    op.create_table(
        "outcome",
        sa.Column("station_id", whole, primary_key=True, autoincrement=False),
        sa.Column("seq", whole, primary_key=True, autoincrement=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default="[]"),
    )
    op.create_table(
        "identity",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("number", sa.Text),
        sa.Column("mark", sa.Text),
        sa.Column("at", whole, nullable=False),
    )
    op.create_table(
        "forgotten",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("at", whole, nullable=False),
    )
    op.create_table(
        "feed",
        sa.Column("id", whole, primary_key=True, autoincrement=False),
        sa.Column("cursor", whole, nullable=False),
        sa.Column("floor", whole, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("cursor", whole, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("at", whole, nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("runs", sa.Text, nullable=False),
    )
    op.create_table(
        "fact",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("station_id", whole, primary_key=True, autoincrement=False),
        sa.Column("seq", whole, primary_key=True, autoincrement=False),
        sa.Column("at", whole, nullable=False),
        sa.Column("earliest", whole, nullable=False),
        sa.Column("latest", whole),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "copy_state",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("custody", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text),
        sa.Column("token", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("item_type", sa.Text),
        sa.Column("branch", sa.Text),
        sa.Column("mode", sa.Text),
        sa.Column("checked_out_at", whole),
        sa.Column("due_at", whole),
        sa.Column("renewals", whole),
    )
    op.create_index(
        "copy_number",
        "copy_state",
        ["number"],
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_table(
        "fee_fact",
        sa.Column("fee_id", sa.Text, primary_key=True),
        sa.Column("station_id", whole, primary_key=True, autoincrement=False),
        sa.Column("seq", whole, primary_key=True, autoincrement=False),
        sa.Column("item_id", sa.Text),
        sa.Column("at", whole, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "fee",
        sa.Column("fee_id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text),
        sa.Column("number", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("amount", whole, nullable=False),
        sa.Column("paid", whole, nullable=False),
        sa.Column("waived", whole, nullable=False),
        sa.Column("charged_at", whole),
        sa.Column("doubted", whole, nullable=False),
    )
    op.create_index("ix_fee_number", "fee", ["number"])
    op.create_index("ix_fee_token", "fee", ["token"])
    op.create_table(
        "staff_exception",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text),
        sa.Column("fee_id", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("since", whole, nullable=False),
        sa.Column("resolution", sa.Text),
    )
    op.create_index("ix_staff_exception_fee_id", "staff_exception", ["fee_id"])
    op.create_index("ix_staff_exception_item_id", "staff_exception", ["item_id"])
    op.create_table(
        "decision",
        sa.Column("exception", sa.Text, primary_key=True),
        sa.Column("seq", whole, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "activity",
        sa.Column("branch", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("act", sa.Text, primary_key=True),
        sa.Column("category", sa.Text, primary_key=True),
        sa.Column("count", whole, nullable=False),
    )
    op.execute("INSERT INTO feed (id, cursor, floor) VALUES (1, 0, 0)")
