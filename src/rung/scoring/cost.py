"""What the answer consumed: tokens always; money only where the price is known. Failures cost too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Metric, Outcome
from rung.scoring.protocol import ScoringContext


class Cost:
    """`prompt_tokens`, `completion_tokens`, and `usd` where the price is known."""

    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("prompt_tokens", "cost", "tokens read for an answer", better="lower", unit="tokens"),
        Metric("completion_tokens", "cost", "tokens written for an answer", better="lower", unit="tokens"),
        Metric("usd", "cost", "what the host charged for an answer", better="lower", unit="usd", needs="a known price"),
    )

    def __init__(self, scoring_context: ScoringContext) -> None:
        del scoring_context

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The consumption of one outcome."""
        del case
        usage = outcome.usage
        scores = {"prompt_tokens": float(usage.prompt_tokens), "completion_tokens": float(usage.completion_tokens)}
        return scores if usage.usd is None else {**scores, "usd": usage.usd}
