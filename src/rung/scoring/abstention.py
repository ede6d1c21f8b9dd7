"""Whether an answer says "I don't know" when, and only when, it should. What a refusal is stands in `scoring.refusal`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Metric, Outcome
from rung.scoring.protocol import ScoringContext
from rung.scoring.refusal import refused


class Abstention:
    """Three shares, each over its own cases.

    `abstention_precision`: of the refusals, those on unanswerable cases. `abstention_recall`: of the unanswerable cases,
    those refused; a failure counts as not refused. `false_refusal`: of the answerable cases that were answered at all,
    those refused; a failure is left out, since counting it would flatter the rate.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            "abstention_precision",
            "abstention",
            "of the refusals, those on unanswerable cases",
            needs="an answer that refuses",
        ),
        Metric(
            "abstention_recall",
            "abstention",
            "of the unanswerable cases, those refused",
            needs="an unanswerable case",
            headline=True,
        ),
        Metric(
            "false_refusal",
            "abstention",
            "of the answerable cases that were answered, those refused",
            better="lower",
            needs="an answerable case",
            headline=True,
        ),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        self._scoring_context = scoring_context

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """Metrics of one outcome; none where they do not apply."""
        if outcome.answer is None:
            return {} if case.answerable else {"abstention_recall": 0.0}
        refusal = refused(case, outcome.answer, self._scoring_context)
        scores = {"false_refusal" if case.answerable else "abstention_recall": float(refusal)}
        if refusal:
            scores["abstention_precision"] = float(not case.answerable)
        return scores
