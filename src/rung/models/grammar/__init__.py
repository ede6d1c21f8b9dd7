"""What the engine is told so that an answer cannot leave its schema, regular expression or labels.

A JSON Schema becomes a grammar of our own: what it cannot hold is left out of it, and `Held` says what that is. Decoding is
left to `pipeline`.
"""

from rung.models.grammar.closing import end_of, rest_of
from rung.models.grammar.constraints import (
    GRAMMAR,
    Constraint,
    Held,
    Unsupported,
    constraint,
    held_of,
    of_schema,
)
from rung.models.grammar.repeats import repeat_in, without_repeats

__all__ = [
    "GRAMMAR",
    "Constraint",
    "Held",
    "Unsupported",
    "constraint",
    "end_of",
    "held_of",
    "of_schema",
    "repeat_in",
    "rest_of",
    "without_repeats",
]
