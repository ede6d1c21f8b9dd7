"""The extension point of scoring: one callable, given a case and its outcome, returns metrics.

A metric that does not apply to a case is left out: its mean is over the cases where it applies, and its n says how many.
An outcome that failed is a miss: scorers see it and say 0 where an answer was owed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from rung.records import Case, Outcome

Layer = Literal["retrieval", "grounding", "correctness", "format", "citation", "abstention", "access", "cost", "style"]
CorrectBy = Literal["json", "label", "f1", "rouge_l", "em", "contains"]


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What all scorers need to know of the project."""

    correct_by: CorrectBy
    schema: str = ""
    labels: tuple[str, ...] = ()
    document_groups: Mapping[str, tuple[str, ...]] | None = None  # document -> groups that may read it


class Scorer(Protocol):
    """Judges one outcome. Reads nothing but its arguments."""

    layer: ClassVar[Layer]

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]: ...
