"""How many tokens an answer may have: a little more than the longest that the project shows, what its schema takes, and what
a model writes that answers in whole sentences.
"""

from __future__ import annotations

from rung.models.callables import is_function
from rung.models.endpoint import is_on_server
from rung.models.weights import PACKAGED

ANSWER_ROOM = 1.3  # an answer may be this much longer than the longest that the project shows
NO_ANSWERS_SHOWN = 128
MIN_ROOM, MAX_ROOM = 24, 1024
# Right answers come in sentences, lists and fences, however short the accepted ones are. A model that ends by itself costs
# no more for it.
SERVED_ROOM = 512
CONTEXT_SHARE = 4  # of a small context this room is one part of so many
_CHARACTERS = 3  # of a token of JSON


def least_room(model: str, context_tokens: int) -> int:
    """Tokens that an answer of a model may have, however short the answers are that the project shows.

    A model on a server need not hold labels or a schema, so all its answers count as free text. The models that come with
    Rung answer as briefly as they are shown, and wander where there is room; functions are given no room at all.

    Args:
        model: by its name in `rung.yaml`.
        context_tokens: that prompt and answer may have together at its server (`server.context_tokens`).
    """
    if is_on_server(model):
        return max(MIN_ROOM, min(SERVED_ROOM, context_tokens // CONTEXT_SHARE))
    return MIN_ROOM if model in PACKAGED or model == "scripted" or is_function(model) else NO_ANSWERS_SHOWN


def room_after(longest: int | None, schema: str = "", *, at_least: int = MIN_ROOM) -> int:
    """Tokens that an answer may have.

    Args:
        longest: tokens of the longest answer that is shown; None: none is, and the schema says what is usual.
        schema: of every answer, as text; its shortest answer always has room.
        at_least: see `least_room`.
    """
    shortest, usual = _room_of(schema) if schema else (0, NO_ANSWERS_SHOWN)
    shown = usual if longest is None else int(longest * ANSWER_ROOM) + 8
    return min(max(shown, shortest, at_least), MAX_ROOM)


def _room_of(schema: str) -> tuple[int, int]:
    """Tokens of a schema's shortest answer, and of one of its usual size, and some more."""
    from rung.models.grammar import Unsupported, held_of
    from rung.models.grammar.sizes import shortest_characters, usual_characters

    try:
        rules = held_of(schema).rules
    except Unsupported:  # said where the schema is looked over
        return 0, NO_ANSWERS_SHOWN
    return shortest_characters(rules) // _CHARACTERS + MIN_ROOM, usual_characters(rules) // _CHARACTERS + MIN_ROOM
