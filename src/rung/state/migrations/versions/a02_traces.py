"""Traces of answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a02"
down_revision = "a01"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "traces",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("trace", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("caller_id", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.Column("usd", sa.Float),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("has_content", sa.Boolean, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Index("ix_traces_at", "at"),
        sa.Index("ix_traces_deployment_at", "deployment", "at"),
        sa.Index("ix_traces_caller_at", "caller", "at"),
        sa.Index("ix_traces_caller_id_at", "caller_id", "at"),
        sa.Index(
            "ix_traces_errors_at",
            "at",
            sqlite_where=sa.text("error != ''"),
            postgresql_where=sa.text("error != ''"),
        ),
    )
