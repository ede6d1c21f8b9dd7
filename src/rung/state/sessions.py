"""Sessions: what one caller asks, or says of answers, without half an hour of silence.

What one person asks one after another is of one matter, and no independent draw: tests that take independent draws look at
the first of each session alone. A caller may stand for many people, as a program's key does: so a session ends after ten
questions, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

SILENCE_MS, MOST_OF_SESSION = 30 * 60 * 1000, 10  # a session ends after so long without a question, after so many of them


@dataclass(slots=True)
class Session:
    """A caller's: when they asked last, in ms since 1970, and how many questions so far."""

    last: int = -SILENCE_MS
    questions: int = 0

    def begins(self, at: int) -> bool:
        """Whether a question at this time is the first of a session; it is counted."""
        is_new = at - self.last >= SILENCE_MS or self.questions >= MOST_OF_SESSION
        self.last, self.questions = max(self.last, at), 1 if is_new else self.questions + 1
        return is_new


class Asked(Protocol):
    """What somebody asked, or said, at a time in ms since 1970."""

    @property
    def caller(self) -> str: ...

    @property
    def at(self) -> int: ...


Of = TypeVar("Of", bound=Asked)


def first_of_sessions(asked: Iterable[Of]) -> list[Of]:
    """Of answers, or of ratings, in their order: the first of each session of who asked or rated. Those of whom nobody knows
    who it was are one caller's."""
    sessions = defaultdict[str, Session](Session)
    return [one for one in asked if sessions[one.caller].begins(one.at)]
