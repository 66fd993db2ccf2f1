"""What headquarters has acknowledged, epochs, and pruning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "epoch",
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("after", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO epoch (epoch, after) SELECT epoch, 0 FROM station")
    op.create_table(
        "acknowledged",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("logged", sa.Integer, nullable=False),
        sa.Column("safe", sa.Integer, nullable=False),
        sa.Column("heard_at", sa.Integer, nullable=False),
    )
    op.create_table(
        "horizon",
        sa.Column("station", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "base",
        sa.Column("table", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("row", sa.Text, nullable=False),
    )
    op.execute("DROP TRIGGER event_not_deleted")
    op.execute(
        "CREATE TRIGGER event_not_deleted BEFORE DELETE ON event"
        " WHEN OLD.seq > coalesce((SELECT seq FROM horizon), 0)"
        " BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END"
    )
    op.execute(
        "CREATE TRIGGER horizon_is_safe BEFORE INSERT ON horizon"
        " WHEN NEW.seq > coalesce((SELECT safe FROM acknowledged), 0)"
        " BEGIN SELECT RAISE(ABORT, 'only what headquarters holds safe is pruned'); END"
    )
    op.execute(
        "CREATE TRIGGER horizon_stays_safe BEFORE UPDATE ON horizon"
        " WHEN NEW.seq > coalesce((SELECT safe FROM acknowledged), 0)"
        " BEGIN SELECT RAISE(ABORT, 'only what headquarters holds safe is pruned'); END"
    )
    op.execute(
        "CREATE TRIGGER event_not_pruned BEFORE INSERT ON event"
        " WHEN NEW.seq <= coalesce((SELECT seq FROM horizon), 0)"
        " BEGIN SELECT RAISE(ABORT, 'an event that was pruned is not written again'); END"
    )
