"""A reason against a rung: its kind, which programs go by, and the words that people are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ReasonKind = Literal[
    "reference",  # an arm: never chosen
    "not_applicable",  # to this project
    "failed",  # it could not be built, or no answer came
    "not_built",  # the budget did not reach it
    "not_begun",  # it was built, and the budget ended before its first case
    "unjudged",  # no case has a score
    "nothing_right",  # no case
    "limit",  # it breaks a hard limit
    "at_floor",  # as even the oracle is
    "misses",  # it is likely below the bar
    "not_shown",  # to clear the bar
    "worse",  # than the best
    "not_needed",  # a lower or a cheaper one does; it may have been stopped, or not built, for that
]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rung is not the choice, has no scores, or was stopped.

    `text`: in words. `cut`: that its answers were cut off, in words that stand before these; "" where they were not.
    """

    kind: ReasonKind
    text: str
    cut: str = ""

    def __str__(self) -> str:
        return f"{self.cut}; {self.text}" if self.cut else self.text


def kind_of(reason: Reason | None) -> ReasonKind | None:
    """Its kind; None where there is no reason."""
    return None if reason is None else reason.kind


_OLDER: dict[str, ReasonKind] = {
    "misses the bar": "misses",
    "breaks a limit": "limit",
    "worse": "worse",
    "not needed": "not_needed",
    "not built": "not_built",
    "the budget ended before its first case": "not_begun",
}


def kind_of_older(text: str) -> ReasonKind | None:
    """The kind of a reason in a file of an earlier Rung, which wrote the words alone: by how they began then; None where
    that tells none.

    >>> kind_of_older("not needed then: not built, by the scores and the bar of then")
    'not_needed'
    """
    return next((kind for beginning, kind in _OLDER.items() if text.startswith(beginning)), None)
