"""Which deployment gave a traced answer: several of them answer under one name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a07"
down_revision = "a06"


def upgrade() -> None:
    """Add it."""
    op.add_column("traces", sa.Column("deployment_id", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_traces_deployment_id_at", "traces", ["deployment_id", "at"])
