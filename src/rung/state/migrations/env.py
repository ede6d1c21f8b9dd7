"""Runs migrations on the connection that `State` has open, in its transaction."""

from __future__ import annotations

from alembic import context

from rung.state.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transaction_per_migration=False
)
context.run_migrations()
