"""Who asked in a trial, as a digest: each counts once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a06"
down_revision = "a05"


def upgrade() -> None:
    """Add it."""
    op.add_column("observations", sa.Column("asker", sa.Text, nullable=False, server_default=""))
