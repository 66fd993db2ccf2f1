"""What a station is told: rules, patrons, titles, items, loans elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
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
        sa.Column("deposit", sa.Integer, nullable=False, server_default="0"),
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
        sa.Column("id", sa.Integer, primary_key=True),
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
        sa.Column("parts", sa.Integer, nullable=False, server_default="1"),
        sa.Column("price", sa.Integer, nullable=False, server_default="0"),
        sa.Column("call_number", sa.Text, nullable=False, server_default=""),
        sa.Column("location", sa.Text, nullable=False, server_default=""),
        sa.Column("status", sa.Text, nullable=False, server_default="in_stock"),
        sa.Column("source_record", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_item_title_id", "item", ["title_id"])
    op.create_table(
        "loan",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("item_type", sa.Text, nullable=False),
        sa.Column("patron_id", sa.Text),
        sa.Column("branch", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("checked_out_at", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Integer, nullable=False),
        sa.Column("renewals", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("item_id"),
    )
    op.create_index("ix_loan_patron_id", "loan", ["patron_id"])
    op.create_table(
        "hold",
        sa.Column("hold_id", sa.Text, primary_key=True),
        sa.Column("patron_id", sa.Text, nullable=False),
        sa.Column("title_id", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text),
        sa.Column("pickup_branch", sa.Text, nullable=False),
        sa.Column("placed_at", sa.Integer, nullable=False),
        sa.Column("ready_until", sa.Text),
    )
    op.create_index("ix_hold_patron_id", "hold", ["patron_id"])
    op.create_index("ix_hold_title_id", "hold", ["title_id"])
    op.create_index("ix_hold_item_id", "hold", ["item_id"])
    op.create_table(
        "fee",
        sa.Column("fee_id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text),
        sa.Column("patron_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("paid", sa.Integer, nullable=False, server_default="0"),
        sa.Column("waived", sa.Integer, nullable=False, server_default="0"),
        sa.Column("charged_at", sa.Integer, nullable=False),
    )
    op.create_index("ix_fee_patron_id", "fee", ["patron_id"])
    op.create_table(
        "watermark",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.execute(
        "CREATE VIRTUAL TABLE title_search USING fts5("
        " title, author, subjects, title_folded, author_folded, subjects_folded, whole_titles, call_numbers, isbns,"
        " tokenize = 'ascii', prefix = '1 2 3 4')"
    )
