"""What was seen of the answers of a deployment, one by one, with what their traces say of tokens and dollars.

In the order of their numbers, which no clock has a say in.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from rung.state.database import State
from rung.state.tables import observations, traces


@dataclass(frozen=True, slots=True)
class Observed:
    """An answer. `end`: "answered", "failed" or "late"; tokens and `usd` None, `caller` "": no trace was kept, or no price
    is known; `at`: in ms since 1970."""

    number: int
    answer: str
    end: str
    refused: bool
    seconds: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    usd: float | None = None
    caller: str = ""
    at: int = 0


def observed(state: State, deployment: str, *, since: int = 0, limit: int) -> tuple[Observed, ...]:
    """The newest answers of a deployment, oldest first.

    Args:
        state: where they are.
        deployment: its id.
        since: number of the last answer that does not count: before it was served.
        limit: at most so many.

    Raises:
        Unavailable: the database is.
    """
    table, kept_of = observations.c, traces.c
    newest = (
        sa.select(observations)
        .where(table.deployment == deployment, table.number > since)
        .order_by(table.number.desc())
        .limit(limit)
        .subquery()
    )
    rows = sa.select(
        *(newest.c[name] for name in ("number", "answer", "end", "refused", "seconds", "at")),
        *(kept_of.prompt_tokens, kept_of.completion_tokens, kept_of.usd),
        sa.func.coalesce(kept_of.caller_id, "").label("caller"),
    ).select_from(newest.outerjoin(traces, kept_of.id == newest.c.answer))
    with state.reading() as connection:
        return tuple(Observed(**row) for row in connection.execute(rows.order_by(newest.c.number)).mappings())
