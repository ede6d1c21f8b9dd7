"""Search for a learning rate and a rank by successive halving: many on few rows, the better half on twice as many.

Jamieson & Talwalkar 2016 (arXiv:1502.07943). All trials start from nothing and are judged on the same rows held out.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.errors import UserError
from rung.progress import Tick
from rung.records import Json, digest
from rung.training.checkpoint import Source
from rung.training.descent import NoNumber
from rung.training.examples import Row
from rung.training.learner import Learner
from rung.training.learning import Learning
from rung.training.recipe import HIGHEST, Recipe

RATES = (0.25, 0.5, 1.0, 2.0)  # of the recipe's own learning rate
RANKS = (8, 32)
_MIN_STEPS = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """One recipe tried: what was varied, how many steps it had, the loss held out (infinite where it broke)."""

    learning_rate: float
    rank: int
    steps: int
    validation_loss: float


@dataclass(frozen=True, slots=True)
class Found:
    """The recipe that was chosen, and everything that was tried, in order."""

    recipe: Recipe
    trials: tuple[Trial, ...]

    def entry(self) -> Json:
        """For the manifest; a trial that broke has no loss."""
        return [
            {
                "learning_rate": t.learning_rate,
                "rank": t.rank,
                "steps": t.steps,
                "validation_loss": t.validation_loss if math.isfinite(t.validation_loss) else None,
            }
            for t in self.trials
        ]


def search(
    rows: Sequence[Row],
    held: Sequence[Row],
    learner: Callable[[Recipe, Sequence[Row]], Learner],
    *,
    recipe: Recipe,
    progress: Tick = lambda _done, _all, _note: None,
) -> Found:
    """The best of `RATES` x `RANKS` around the recipe, each learnt by a fresh `learner`; about one pass's steps in all.

    Raises:
        UserError: no rows are held out, or every trial's loss was no number.
    """
    if not held:
        raise UserError("a search needs rows held out to judge by: give at least 20 rows, and validation above 0")
    shuffled = list(rows)
    random.Random(digest("search", recipe.seed)).shuffle(shuffled)
    rates = [rate for factor in RATES if (rate := recipe.learning_rate * factor) <= HIGHEST]
    left = [(rate, rank) for rank in RANKS for rate in rates]
    rounds = int(math.log2(len(left)))
    steps = max(_MIN_STEPS, math.ceil(len(rows) / recipe.batch_rows) // (rounds * len(left)))
    everything, done = sum(len(left) // 2**n for n in range(rounds)), 0
    trials: list[Trial] = []
    for turn in range(rounds):
        tried: list[Trial] = []
        for rate, rank in left:
            few = replace(recipe, learning_rate=rate, rank=rank, alpha=2.0 * rank, epochs=1, patience=0, validate_every=0)
            tried.append(_tried(shuffled[: steps * 2**turn * recipe.batch_rows], held, learner(few, rows), few))
            done += 1
            progress(done, everything, f"rate {rate:g}, rank {rank}: validation loss {tried[-1].validation_loss:.3f}")
        trials += tried
        best = sorted(tried, key=lambda t: t.validation_loss)[: max(1, len(tried) // 2)]
        left = [(t.learning_rate, t.rank) for t in best]
    if not math.isfinite(best[0].validation_loss):
        raise UserError(f"no learning rate from {recipe.learning_rate * RATES[0]:g} on keeps the loss a number: lower it")
    chosen = best[0]
    return Found(
        replace(recipe, learning_rate=chosen.learning_rate, rank=chosen.rank, alpha=2.0 * chosen.rank), tuple(trials)
    )


def _tried(rows: Sequence[Row], held: Sequence[Row], learner: Learner, recipe: Recipe) -> Trial:
    with tempfile.TemporaryDirectory() as scratch:
        learning = Learning(rows, held, learner, recipe=recipe, source=Source(Path(scratch), "trial"))
        try:
            learning.run(lambda _done, _all, _note: None)
            loss = learning.now.validation[-1][1]
        except NoNumber:  # this rate is too high
            loss = math.inf
    return Trial(recipe.learning_rate, recipe.rank, learning.steps, loss if math.isfinite(loss) else math.inf)
