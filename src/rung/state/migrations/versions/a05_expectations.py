"""What answers should have been, apart from what was said of the ones that were given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a05"
down_revision = "a04"
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "expectations",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("remark", sa.BigInteger, nullable=False, index=True),
        sa.Column("answer", sa.Text, nullable=False, index=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("entry", sa.Text),
    )
