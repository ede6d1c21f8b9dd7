"""What deployments are judged by ends by age. The newest row of each table stays: events name the numbers after it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa

from rung.state.database import State, now_ms
from rung.state.tables import METADATA

AGED = ("observations", "differences")  # tables whose rows end
_DAY_MS = 86_400_000
_CHUNK = 2_000  # rows that one transaction removes


def end_old(state: State, days: Mapping[str, float], *, seconds: float = 1.0) -> int:
    """Remove rows that are older than so many days, by table; for at most so many seconds. How many.

    Raises:
        Unavailable: the database is.
    """
    until, removed = time.monotonic() + seconds, 0
    for name in AGED:
        table = METADATA.tables[name].c
        cut = now_ms() - round(days[name] * _DAY_MS)
        with state.reading() as connection:
            newest = connection.scalar(sa.select(sa.func.max(table.number))) or 0
        old = sa.select(table.number).where(table.at < cut, table.number < newest).order_by(table.number).limit(_CHUNK)
        while time.monotonic() < until:
            with state.writing() as connection:
                gone = connection.execute(METADATA.tables[name].delete().where(table.number.in_(old))).rowcount
            removed += gone
            if gone < _CHUNK:
                break
    return removed
