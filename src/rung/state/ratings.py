"""The ratings of a deployment's answers, in the order in which they came: of several of one answer the first counts."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from rung.state.database import State
from rung.state.tables import feedback, observations


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that was rated. `number`: the answer's, as it was seen; `is_good`: by the first word of it, said by
    `caller` at the time `at`, in ms since 1970."""

    number: int
    is_good: bool
    caller: str
    at: int


@dataclass(frozen=True, slots=True)
class Ratings:
    """`rated`: by answer, the first that was rated first. `again`: further ratings of these answers, which do not count."""

    rated: tuple[Rated, ...]
    again: int


def ratings_of(state: State, deployment: str, *, since: int = 0) -> Ratings:
    """What was said of a deployment's answers; what was said of answers that it did not give is none of it.

    Args:
        state: where it is kept.
        deployment: its id.
        since: number of the last answer that does not count.

    Raises:
        Unavailable: the database is.
    """
    own = sa.select(observations.c.answer, observations.c.number).where(
        observations.c.deployment == deployment, observations.c.number > since
    )
    given = own.subquery()
    query = (
        sa.select(given.c.number, feedback.c.rating, feedback.c.answer, feedback.c.caller, feedback.c.at)
        .join(feedback, feedback.c.answer == given.c.answer)
        .order_by(feedback.c.number)
    )
    with state.reading() as connection:
        rows = connection.execute(query).all()
    first = dict[str, Rated]()
    for row in rows:
        first.setdefault(row.answer, Rated(row.number, row.rating == "up", row.caller, row.at))
    return Ratings(tuple(first.values()), len(rows) - len(first))
