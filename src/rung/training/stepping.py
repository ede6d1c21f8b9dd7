"""The encoders of retriever and reranker, step by step: one batch in parts, a look at what was held out after each pass.

What is computed of a batch is left to those who train (`retriever`, `reranker`), the loop is `descent`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.progress import Tick
from rung.training.checkpoint import Progressed, Source, forget
from rung.training.descent import Descent, Pace

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
_MIN_TOKENS = 256  # a part this small that does not fit into memory never will


@dataclass(frozen=True, slots=True)
class Objective:
    """What is moved, and what is computed of it.

    Args:
        values: flat, float32.
        gradient: of one length with it.
        learn: given (step, tokens), computes one batch in parts of at most so many tokens, whose number does not change the
            result, adds its gradient, and returns its loss.
        validate: given tokens as well, returns the loss of what was held out, None where nothing was.
    """

    values: torch.Tensor
    gradient: torch.Tensor
    learn: Callable[[int, int], float]
    validate: Callable[[int], float | None]


class Stepping(Descent):
    """Towards an objective, which is validated after each `a_pass` steps; the values of the best pass are what is left.

    `most_tokens`: what parts begin with; half as many each time that memory runs out.
    """

    def __init__(
        self, objective: Objective, *, steps: int, a_pass: int, pace: Pace, source: Source, most_tokens: int
    ) -> None:
        self.objective, self.a_pass, self.most_tokens = objective, a_pass, most_tokens
        super().__init__(objective.values, objective.gradient, steps=steps, pace=pace, source=source, keeps_best=True)
        if not self.best.numel():
            self.best = self.values.clone()  # so that checkpoints have it from the first one on

    def _gradient(self) -> float:
        return self._within_memory(self._learnt, self._halve)

    def _learnt(self) -> float:
        self.gradient.zero_()
        return self.objective.learn(self.now.step, self.most_tokens)

    def _look(self) -> float | None:
        if self.now.step % self.a_pass and self.now.step != self.steps:
            return None
        return self._within_memory(lambda: self.objective.validate(self.most_tokens), self._halve)

    def _halve(self, words: str) -> None:
        if self.most_tokens <= _MIN_TOKENS:
            raise UserError(
                f"memory is too small to train with parts of {self.most_tokens} tokens: close other programs, or "
                f"use a machine with more ({words})"
            )
        self.most_tokens //= 2
        log.warning("out of memory: parts of %d tokens from here on, with the same result", self.most_tokens)


def stepped(stepping: Stepping, *, save: Callable[[Path], None], progress: Tick) -> Progressed:
    """All steps that are left; what came of them is saved in the checkpoint's folder, which needs the checkpoint no more.

    Raises:
        UserError: as `Descent.run`, or it cannot be saved.
        Interrupted: as there.
        BudgetEnded: as there.
    """
    progressed, folder = stepping.run(progress), stepping.source.folder
    save(folder)
    forget(folder)
    return progressed
