"""What headquarters tells besides readers and items, how far it has been listened to, and the list of chips by UID."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("headquarters", sa.Text, primary_key=True),
        sa.Column("cursor", sa.Integer, nullable=False),
        sa.Column("told_at", sa.Integer, nullable=False),
    )
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
        "tag",
        sa.Column("uid", sa.Text, primary_key=True),
        sa.Column("item_id", sa.Text, nullable=False),
    )
    op.create_index("ix_tag_item_id", "tag", ["item_id"])
