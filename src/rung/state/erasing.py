"""A mark in the database that something was erased: servers that see it forget what they remember of answers."""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from rung.state.database import State
from rung.state.tables import about

_NAME = "last erasure"


def mark_erasure(state: State) -> None:
    """Have every server of this database forget, within a second, what it remembers of the answers before.

    Raises:
        Unavailable: the database is.
    """
    with state.alone("erasure") as connection:
        connection.execute(about.delete().where(about.c.name == _NAME))
        connection.execute(about.insert().values(name=_NAME, value=uuid.uuid4().hex))


def last_erasure(state: State) -> str:
    """The mark; "" where nothing was erased yet.

    Raises:
        Unavailable: the database is.
    """
    with state.reading() as connection:
        return connection.scalar(sa.select(about.c.value).where(about.c.name == _NAME)) or ""
