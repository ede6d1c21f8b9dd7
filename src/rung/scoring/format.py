"""Whether the answer keeps the form that the project asks for. Whether it is right is left to `correctness`.

The text is judged as said: what a program would have to read. A cut-off answer is whatever it is, usually no JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Metric, Outcome
from rung.scoring.protocol import ScoringContext
from rung.scoring.refusal import refused
from rung.text.json_values import fits, validator
from rung.text.labels import is_label


class Format:
    """`format`: 1 if the text is JSON that the schema accepts, or one of the labels. Left out without schema and labels.

    With labels a refusal is left out: it says on purpose that no label fits, and whether that was right is judged by
    `abstention`.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("format", "format", "answers that the schema accepts, or that are a label", needs="a schema or labels"),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        """Raises `UserError` if the schema is none."""
        self._scoring_context = scoring_context
        if scoring_context.schema:
            validator(scoring_context.schema)

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The metric of one outcome; a failure has no form and scores 0."""
        schema, labels = self._scoring_context.schema, self._scoring_context.labels
        if not schema and not labels:
            return {}
        if outcome.answer is None:
            return {"format": 0.0}
        if schema:
            return {"format": float(fits(outcome.answer.text, schema))}
        if refused(case, outcome.answer, self._scoring_context):
            return {}
        return {"format": float(is_label(outcome.answer.text, labels))}
