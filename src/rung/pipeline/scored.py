"""What a comparison found of every rung, scored; what follows from it is decided in `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from rung.pipeline.oracle import Shown
from rung.records import Evaluation
from rung.scoring import ScoringContext


@dataclass(frozen=True, slots=True)
class Scored:
    """What a comparison found, before anything is decided.

    Where cases were asked several times, a scorecard holds the means of the passes; the layers are those of the first.

    `measure`: what was scored by. `shown`: what the oracle had before it, None where it was not asked. `notes`: what to say
    of the scoring. `undone`: what a budget left undone after the last answer, "" where it did not. `unwinnable`: cases none
    of whose accepted answers may be given.
    """

    measure: ScoringContext
    evaluations: tuple[Evaluation, ...]
    shown: Shown | None = None
    notes: tuple[str, ...] = ()
    undone: str = ""
    unwinnable: frozenset[str] = frozenset()

    def of(self, name: str) -> Evaluation:
        """The rung of this label.

        Raises:
            KeyError: there is none.
        """
        for evaluation in self.evaluations:
            if evaluation.name == name:
                return evaluation
        raise KeyError(name)
