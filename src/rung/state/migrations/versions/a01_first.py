"""The database's own facts, answers that can be rated, feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a01"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "about",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("answer", sa.Text, nullable=False, index=True),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("rating", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("entry", sa.Text),
        sa.Column("process", sa.Text, nullable=False, server_default=""),
    )
