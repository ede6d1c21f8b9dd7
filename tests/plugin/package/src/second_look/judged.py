"""`kind`: the share of answers that the project's judge calls kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Message, Metric, Outcome
from rung.records.steps import Conversation, Generate, generate
from rung.scoring.protocol import ScoringContext

ASKED = "You judge answers to customers. Say yes if this one is kind, no if it is not."


class Kind:
    """Only answers are shown to the judge: a failure is a miss."""

    metrics: ClassVar[tuple[Metric, ...]] = (Metric("kind", "style", "answers that the judge calls kind", judged=True),)

    def __init__(self, scoring_context: ScoringContext) -> None:
        del scoring_context

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float] | Conversation[Mapping[str, float]]:
        """The metric of one outcome, or a conversation that ends with it."""
        return {"kind": 0.0} if outcome.answer is None else self._asked(case.question, outcome.answer.plain)

    def _asked(self, question: str, answer: str) -> Conversation[Mapping[str, float]]:
        text = f"Question:\n{question}\n\nAnswer:\n{answer}"
        graded = yield from generate(Generate((Message("system", ASKED), Message("user", text)), choices=("yes", "no")))
        return {"kind": float(graded.text == "yes")}
