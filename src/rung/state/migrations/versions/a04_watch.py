"""Alerts, their events, and the baselines that a watch compares with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a04"
down_revision = "a03"
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "alerts",
        sa.Column("detector", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_table(
        "alert_events",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("look", sa.BigInteger, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("reading", sa.Text, nullable=False),
        sa.Column("delivered", sa.Boolean, nullable=False),
    )
    op.create_index("ix_alert_events_delivered", "alert_events", ["delivered", "number"])
    op.create_table(
        "baselines",
        sa.Column("deployment", sa.Text, primary_key=True),
        sa.Column("detector", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("look", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )
