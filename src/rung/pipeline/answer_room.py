"""How many tokens an answer may have: a little more than the longest that the project shows."""

from __future__ import annotations

ANSWER_ROOM = 1.3  # an answer may be this much longer than the longest that the project shows
NO_ANSWERS_SHOWN = 128
MIN_ROOM, MAX_ROOM = 24, 1024


def room_after(longest: int | None) -> int:
    """Tokens that an answer may have, after the longest that is shown; None: none is shown."""
    return NO_ANSWERS_SHOWN if longest is None else min(max(int(longest * ANSWER_ROOM) + 8, MIN_ROOM), MAX_ROOM)
