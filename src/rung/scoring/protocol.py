"""The extension point of scoring: one callable, given a case and its outcome, returns metrics.

A metric that does not apply to a case is left out: its mean is over the cases where it applies, and its n says how many.
An outcome that failed is a miss: scorers see it and say 0 where an answer was owed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from rung.records import Case, Outcome

Layer = Literal["retrieval", "grounding", "correctness", "format", "citation", "abstention", "access", "cost", "style"]
CorrectBy = Literal["json", "label", "f1", "rouge_l", "em", "contains", "judge"]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What all scorers need to know of the project, and (the last two) of the run as a whole.

    `retrieves` and `cites` are set by `card.score_run`: whether any answer of the run carries a ranking, or a citation. They
    tell an empty ranking, which is a miss, from a rung that does not search. `judgements`: where a model judges, what it
    said of (case, answer): a number in [0, 1], or why it said nothing.
    """

    correct_by: CorrectBy
    schema: str = ""
    labels: tuple[str, ...] = ()
    document_groups: Mapping[str, tuple[str, ...]] | None = None  # document -> groups that may read it
    retrieves: bool = False
    cites: bool = False
    judgements: Mapping[tuple[str, str], float | str] = field(default_factory=dict)


class Scorer(Protocol):
    """Judges one outcome. Reads nothing but its arguments."""

    layer: ClassVar[Layer]

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]: ...


ScorerFactory = Callable[[Yardstick], Scorer]  # what is registered: usually the scorer's class
