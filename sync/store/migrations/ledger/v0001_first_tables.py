"""The station's events and what they add up to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "station",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Integer, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("type", sa.Text, sa.Computed("json_extract(record, '$.type')", persisted=False)),
        sa.Column("at", sa.Integer, sa.Computed("json_extract(record, '$.at')", persisted=False)),
    )
    op.create_index("ix_event_type", "event", ["type"])
    op.create_table(
        "identity",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("patron_id", sa.Text, nullable=False),
    )
    op.create_index("ix_identity_patron_id", "identity", ["patron_id"])
    op.create_table(
        "loan",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False),
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
    op.create_index("ix_loan_item_id", "loan", ["item_id"])
    op.create_index("loan_hold", "loan", ["hold_id"], sqlite_where=sa.text("hold_id IS NOT NULL"))
    op.create_table(
        "custody",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "fee",
        sa.Column("fee_id", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False),
        sa.Column("paid", sa.Integer, nullable=False, server_default="0"),
        sa.Column("waived", sa.Integer, nullable=False, server_default="0"),
        sa.Column("charged_at", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_index("ix_fee_token", "fee", ["token"])
    op.create_table(
        "visit",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("opened_at", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.Integer),
        sa.Column("outcome", sa.Text),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    op.create_table(
        "repair",
        sa.Column("item_id", sa.Text, primary_key=True),
        sa.Column("since", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
    )
    # INSERT OR REPLACE deletes the old row without firing a trigger on DELETE, so a sequence number that is taken is
    # refused on INSERT as well (SQLite, "The ON CONFLICT Clause": only with recursive_triggers do delete triggers
    # fire).
    op.execute(
        "CREATE TRIGGER event_not_replaced BEFORE INSERT ON event WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq)"
        " BEGIN SELECT RAISE(ABORT, 'an event is never replaced'); END"
    )
    op.execute(
        "CREATE TRIGGER event_not_updated BEFORE UPDATE ON event"
        " BEGIN SELECT RAISE(ABORT, 'an event is never updated'); END"
    )
    op.execute(
        "CREATE TRIGGER event_not_deleted BEFORE DELETE ON event"
        " BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END"
    )
