"""Adapters of a language model, step by step: gradient, a look at the rows held out, until nothing gets better.

Where memory runs out, a step is computed in smaller parts, which comes to the same gradient up to rounding. The loop is
`descent`'s. What is made of the result is left to `generator`, a step's mathematics to `learner` and `optimiser`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from rung.errors import UserError
from rung.training.batches import passing, rows_of_a_batch
from rung.training.checkpoint import Source
from rung.training.descent import Descent
from rung.training.examples import Row
from rung.training.learner import Learner
from rung.training.recipe import Recipe

log = logging.getLogger(__name__)
R = TypeVar("R")
_LOOK = 200  # steps between two looks at the rows held out, where a pass is longer


class Learning(Descent):
    """One training of adapters, which stops early where the recipe has `patience`."""

    def __init__(
        self, rows: Sequence[Row], held: Sequence[Row], learner: Learner, *, recipe: Recipe, source: Source
    ) -> None:
        self.recipe, self.rows, self.held, self.learner = recipe, rows, held, learner
        self.batch_rows = rows_of_a_batch(rows, recipe)
        self.a_pass = math.ceil(len(rows) / self.batch_rows)
        self.most = learner.most
        self._batches: tuple[int, list[list[Row]]] = (-1, [])
        super().__init__(
            learner.values,
            learner.gradient,
            steps=self.a_pass * recipe.epochs,
            pace=recipe,
            source=source,
            keeps_best=recipe.patience > 0,
        )
        self.notes += learner.notes

    def _batch(self) -> list[Row]:
        epoch, index = divmod(self.now.step, self.a_pass)
        if self._batches[0] != epoch:
            recipe = self.recipe
            self._batches = epoch, passing(self.rows, batch_rows=self.batch_rows, seed=recipe.seed, epoch=epoch)
        return self._batches[1][index]

    def _gradient(self) -> float:
        """Gradient of the batch's mean loss per answer token, which is returned."""
        batch = self._batch()
        answers = _answers(batch)
        total, computed = self._fitting(batch, lambda: self._learnt(batch, 1 / answers))
        self.now.computed += computed
        self.now.consumed += sum(len(row.ids) for row in batch)
        return total / answers

    def _learnt(self, batch: Sequence[Row], weight: float) -> tuple[float, int]:
        """Summed loss and tokens computed; the gradient is that of this batch alone, whatever was in it."""
        self.gradient.zero_()
        return self.learner.learn_parts(self.learner.parts(batch, most=self.most), weight=weight)

    def _fitting(self, batch: Sequence[Row], work: Callable[[], R]) -> R:
        return self._within_memory(work, partial(self._save_memory, batch))

    def _save_memory(self, batch: Sequence[Row], words: str) -> None:
        """Compute less at once from here on: one part after another, then layers twice, then parts of half as many tokens.

        Raises:
            UserError: not even one row fits.
        """
        how = self.learner.save_memory()
        if not how:
            longest, parts = max(len(row.ids) for row in batch), self.learner.parts(batch, most=self.most)
            if all(len(part) == 1 for part in parts):
                raise UserError(
                    f"the memory does not hold one row of {longest} tokens: lower max_tokens (now "
                    f"{self.recipe.max_tokens}), "
                    f"raise first_layer, or train where there is more memory ({words})"
                )
            self.most = min(self.most, max(sum(len(row.ids) for row in part) for part in parts)) // 2
            how = f"at most {self.most} tokens are computed at once"
        note = f"out of memory at step {self.now.step + 1}: from there on {how}"
        log.warning("%s; a step still learns from whole batches", note)
        self.notes.append(note)

    def _look(self) -> float | None:
        in_pass = self.now.step % self.a_pass
        is_due = in_pass == 0 or in_pass % (self.recipe.validate_every or _LOOK) == 0
        return self.validation_loss() if self.held and is_due else None

    def validation_loss(self) -> float:
        """Mean loss per answer token of the rows held out, by the adapters as they are."""

        def whole() -> float:
            return sum(self.learner.loss(part) for part in self.learner.parts(self.held, most=self.most))

        return self._fitting(self.held, whole) / _answers(self.held)

    def _given_up(self) -> bool:
        return bool(self.recipe.patience) and self.now.stale >= self.recipe.patience


def _answers(rows: Sequence[Row]) -> int:
    """The tokens that are learnt."""
    return sum(len(row.ids) - row.prompt for row in rows)
