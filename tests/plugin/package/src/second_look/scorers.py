"""`brief`: the share of answers of at most twelve words. `shouting`: that of answers with a word in capitals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Metric, Outcome
from rung.scoring.protocol import ScoringContext

WORDS = 12
SHOUTED = re.compile(r"\b[A-Z]{4,}\b")


class Tone:
    """Refusals are left out; a failure, which owed an answer, is a miss, and shouts at nobody."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("brief", "style", "answers of at most twelve words"),
        Metric("shouting", "style", "answers with a word in capitals", better="lower", needs="an answer that is no refusal"),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        del scoring_context

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The metrics of one outcome."""
        if outcome.answer is None:
            return {"brief": 0.0}
        if outcome.answer.refused:
            return {}
        text = outcome.answer.plain
        return {"brief": float(len(text.split()) <= WORDS), "shouting": float(bool(SHOUTED.search(text)))}
