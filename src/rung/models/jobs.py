"""A request on its way through an engine that decodes here, and what its grammar makes of what was said.

An answer whose room ends is brought to its end in the tokens that were reserved for it; an item that repeats another, where
items must differ, is taken back. Both ask the model anew, for what follows the tokens that stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rung.models.grammar import Constraint, end_of, repeat_in, rest_of, without_repeats
from rung.models.grammar.nodes import seq
from rung.records.steps import Generate

_MIN_RESERVE = 24  # tokens: four keys and short values
HALF = "\ufffd"  # what half of a character decodes to

Decode = Callable[[Sequence[int]], str]


@dataclass(eq=False)
class Job:
    """A request: its prompt's ids, and what was said so far.

    Where a grammar holds the answer (`held`), the last tokens of its room are reserved: an answer that fills the room is cut
    before them (`cut_at`), and then brought to an end that the grammar allows.
    """

    index: int
    step: Generate
    ids: list[int]
    generated: list[int] = field(default_factory=list)
    ended: bool = False
    handle: Any = None
    held: Constraint | None = None
    cut_at: int | None = None

    @property
    def reserve(self) -> int:
        """Tokens of the room in which an answer is brought to its end."""
        if self.held is None or not self.held.rules:
            return 0
        return min(self.step.max_tokens // 2, max(_MIN_RESERVE, self.step.max_tokens // 5))

    @property
    def sure(self) -> list[int]:
        """Of what was said, the tokens that stay whatever comes."""
        if self.ended or self.cut_at is not None:
            return self.generated[: self.cut_at]
        if self.held is not None and self.held.differing:
            return []
        return self.generated[: self.step.max_tokens - self.reserve]


@dataclass
class Growth:
    """A text while it grows: what of it was shown. `seen`: all of it that was certain when it was looked at last."""

    shown: str = ""
    seen: str = ""

    def piece(self, text: str, hear: Callable[[str], str] = str) -> str:
        """What is new in the text; "" where half a character ends it. `hear`: what is shown of a new piece."""
        if not text.startswith(self.seen) or text.endswith(HALF):  # else wait for the rest
            return ""
        piece, self.seen = hear(text[len(self.seen) :]), text
        self.shown += piece
        return piece

    def rest(self, text: str) -> str:
        """What of the whole text was not shown; "" where something else was."""
        return text[len(self.shown) :] if text.startswith(self.shown) else ""


class Anew(NamedTuple):
    """What a model is asked anew: the tokens of its answer that stay, and what may follow them."""

    ids: list[int]
    held: Constraint


def closing(job: Job, decode: Decode) -> Anew | None:
    """What brings an answer that filled its room to its end, in the reserve; None where nothing can be added."""
    if job.held is None or job.cut_at is not None or not job.reserve:
        return None
    ids = job.generated[: job.step.max_tokens - job.reserve]
    while ids and decode(ids).endswith(HALF):
        ids.pop()
    rest = rest_of(decode(ids), job.held.rules)
    return None if rest is None else Anew(ids, Constraint.of_rules(rest))


def otherwise(job: Job, new: Sequence[int], decode: Decode) -> Anew | None:
    """What takes back an item that repeats another where items must differ; None where none of the `new` tokens ends one."""
    if job.held is None or not job.held.differing or job.cut_at is not None:
        return None
    if not any(mark in decode(new) for mark in ",]}"):  # no item ends here
        return None
    repeat = repeat_in(decode(job.generated), job.held.rules, job.held.differing)
    if repeat is None:
        return None
    ids = list(job.generated)
    while ids and not repeat.text.startswith(decode(ids)):
        ids.pop()
    again = repeat.text[len(decode(ids)) :]  # of a token that said this and more
    return Anew(ids, Constraint.of_rules({**repeat.rules, "root": seq(again, repeat.rules["root"])}))


def whole(job: Job, text: str, *, cut: bool) -> str:
    """An answer as its grammar wants it: what was cut is brought to its end, and what repeats is left out."""
    if job.held is None:
        return text
    if cut:
        text = text.rstrip(HALF)
        text += end_of(text, job.held.rules)
    return without_repeats(text, job.held.rules, job.held.differing) if job.held.differing else text
