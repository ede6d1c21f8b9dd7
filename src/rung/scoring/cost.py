"""What the answer consumed: tokens always; money only where the price is known. Failures cost too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Outcome
from rung.scoring.protocol import Layer, Yardstick


class Cost:
    """`prompt_tokens`, `completion_tokens`, and `usd` where the price is known."""

    layer: ClassVar[Layer] = "cost"

    def __init__(self, yardstick: Yardstick) -> None:
        del yardstick

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The consumption of one outcome."""
        del case
        usage = outcome.usage
        scores = {"prompt_tokens": float(usage.prompt_tokens), "completion_tokens": float(usage.completion_tokens)}
        return scores if usage.usd is None else {**scores, "usd": usage.usd}
