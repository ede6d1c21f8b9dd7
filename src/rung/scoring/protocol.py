"""The extension point of scoring: one callable, given a case and its outcome, returns metrics.

A metric that does not apply to a case is left out: its mean is over the cases where it applies, and its n says how many.
An outcome that failed is a miss: scorers see it and say 0 where an answer was owed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from rung.records import Case, Metric, Outcome
from rung.records.steps import Conversation

Scores = Mapping[str, float]  # by the name of the metric
CorrectBy = Literal["json", "json_fields", "label", "match", "f1", "rouge_l", "em", "contains", "judge"]
AS_JSON: tuple[CorrectBy, ...] = ("json", "json_fields")  # whose answers are JSON values


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What all scorers need to know of the project, and (the last two) of the run as a whole.

    `retrieves` and `cites` are set by `card.seen`: whether any answer of the run carries a ranking, or a citation. They
    tell an empty ranking, which is a miss, from a rung that does not search. Where a model judges, `rubric` is the
    project's, and `rivals` (case -> text) what each answer is held against, None where it is graded on its own.
    """

    correct_by: CorrectBy
    schema: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)  # of JSON fields, where `correct_by` is "json_fields"
    labels: tuple[str, ...] = ()
    document_groups: Mapping[str, tuple[str, ...]] | None = None  # document -> groups that may read it
    retrieves: bool = False
    cites: bool = False
    rubric: str = ""
    rivals: Mapping[str, str] | None = None


class Scorer(Protocol):
    """Judges one outcome. Reads nothing but its arguments.

    `metrics` declares all that it may give. A scorer that needs a model's word returns a conversation in place of scores: a
    generator that yields steps, as a strategy does, and ends with the scores. A `StepFailed` that it does not catch leaves
    the case without them.
    """

    metrics: ClassVar[tuple[Metric, ...]]

    def __call__(self, case: Case, outcome: Outcome) -> Scores | Conversation[Scores]: ...


class ScorerFactory(Protocol):
    """What is registered: usually the scorer's class."""

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    def __call__(self, scoring_context: ScoringContext, /) -> Scorer: ...
