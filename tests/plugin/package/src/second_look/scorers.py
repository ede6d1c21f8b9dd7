"""`brief`: the share of answers of at most twelve words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rung.records import Case, Outcome
from rung.scoring.protocol import Layer, Yardstick

WORDS = 12


class Brief:
    """Refusals are left out; a failure, which owed an answer, is a miss."""

    layer: ClassVar[Layer] = "style"

    def __init__(self, yardstick: Yardstick) -> None:
        del yardstick

    def __call__(self, case: Case, outcome: Outcome) -> Mapping[str, float]:
        """The metric of one outcome."""
        if outcome.answer is None:
            return {"brief": 0.0}
        if outcome.answer.refused:
            return {}
        return {"brief": float(len(outcome.answer.plain.split()) <= WORDS)}
