"""How many tokens an answer may have: a little more than the longest that the project shows, and what its schema takes."""

from __future__ import annotations

ANSWER_ROOM = 1.3  # an answer may be this much longer than the longest that the project shows
NO_ANSWERS_SHOWN = 128
MIN_ROOM, MAX_ROOM = 24, 1024
_CHARACTERS = 3  # of a token of JSON


def room_after(longest: int | None, schema: str = "") -> int:
    """Tokens that an answer may have.

    Args:
        longest: tokens of the longest answer that is shown; None: none is, and the schema says what is usual.
        schema: of every answer, as text; its shortest answer always has room.
    """
    least, usual = _room_of(schema) if schema else (0, NO_ANSWERS_SHOWN)
    shown = usual if longest is None else max(int(longest * ANSWER_ROOM) + 8, MIN_ROOM)
    return min(max(shown, least), MAX_ROOM)


def _room_of(schema: str) -> tuple[int, int]:
    """Tokens of a schema's shortest answer, and of one of its usual size, and some more."""
    from rung.models.grammar import Unsupported, held_of
    from rung.models.grammar.sizes import shortest_characters, usual_characters

    try:
        rules = held_of(schema).rules
    except Unsupported:  # said where the schema is looked over
        return 0, NO_ANSWERS_SHOWN
    return shortest_characters(rules) // _CHARACTERS + MIN_ROOM, usual_characters(rules) // _CHARACTERS + MIN_ROOM
