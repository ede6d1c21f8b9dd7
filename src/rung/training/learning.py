"""Step by step: gradient, move, look at the rows held out, checkpoint, until the passes are done or nothing gets better.

An interrupted run goes on as if nothing had been. Where memory runs out, a step is computed in smaller parts, which comes to
the same gradient up to rounding. What is made of the result is left to `generator`, a step's mathematics to `learner` and
`optimiser`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rung.errors import BudgetEnded, Interrupted, UserError, first_line
from rung.models.out_of_memory import OwnThread, give_back, is_out_of_memory
from rung.progress import Tick, working_time
from rung.training import checkpoint
from rung.training.batches import passing, rows_of_a_batch
from rung.training.checkpoint import Progressed
from rung.training.examples import Row
from rung.training.learner import Learner
from rung.training.optimiser import Adam, rate_at
from rung.training.recipe import Recipe

log = logging.getLogger(__name__)
R = TypeVar("R")
_LOOK = 200  # steps between two looks at the rows held out, where a pass is longer


@dataclass(frozen=True, slots=True)
class Source:
    """Where a training keeps its checkpoint, and the digest of everything it is made from."""

    folder: Path
    of: str


class NoNumber(UserError):
    """The loss, or its gradient, is no number."""


class Learning:
    """One training, from its checkpoint or its beginning to its last step."""

    def __init__(
        self, rows: Sequence[Row], held: Sequence[Row], learner: Learner, *, recipe: Recipe, source: Source
    ) -> None:
        import torch

        self.recipe, self.source, self.rows, self.held, self.learner = recipe, source, rows, held, learner
        self.batch_rows = rows_of_a_batch(rows, recipe)
        self.a_pass = math.ceil(len(rows) / self.batch_rows)
        self.steps = self.a_pass * recipe.epochs
        self.most, self.notes = learner.most, [*learner.notes]
        self.adam = Adam(learner.values, learner.gradient)
        self.best = torch.empty(0)
        self._thread = OwnThread("training")
        self.now = Progressed()
        self._restore()
        self._batches: tuple[int, list[list[Row]]] = (-1, [])

    def run(self, progress: Tick) -> None:
        """All steps that are left.

        Raises:
            UserError: the loss is no number, or a checkpoint cannot be written.
            Interrupted: Ctrl-C; the checkpoint is written.
            BudgetEnded: `progress` raised it; the checkpoint is written.
        """
        began, before, saved = working_time(), (self.now.seconds, self.now.consumed), working_time()
        whole = True
        try:
            while self.now.step < self.steps and not self._given_up():
                loss = self._gradient()
                whole = False  # an interrupt from here on would find half a step
                self._move(loss)
                self.now.seconds = before[0] + working_time() - began
                whole = True
                speed = (self.now.consumed - before[1]) / (working_time() - began)
                progress(self.now.step, self.steps, self._note(loss, speed))
                if working_time() - saved >= self.recipe.checkpoint_seconds and self.now.step < self.steps:
                    self._save()
                    saved = working_time()
        except BudgetEnded:
            self._save()
            raise
        except KeyboardInterrupt:
            if whole:
                self._save()
            where = "from there" if whole else "from its last checkpoint"
            raise Interrupted(
                f"training stopped at step {self.now.step} of {self.steps}: the same command goes on {where}"
            ) from None
        if self.best.numel():
            self.learner.values.copy_(self.best)

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
        total, computed = self._within_memory(batch, lambda: self._learnt(batch, 1 / answers))
        self.now.computed += computed
        self.now.consumed += sum(len(row.ids) for row in batch)
        return total / answers

    def _learnt(self, batch: Sequence[Row], weight: float) -> tuple[float, int]:
        """Summed loss and tokens computed; the gradient is that of this batch alone, whatever was in it."""
        self.learner.gradient.zero_()
        return self.learner.learn_parts(self.learner.parts(batch, most=self.most), weight=weight)

    def _within_memory(self, batch: Sequence[Row], work: Callable[[], R]) -> R:
        """The work; where memory runs out, done again one part after another, then in parts of half as many tokens, from
        here on.

        Raises:
            UserError: not even one row fits.
        """
        while True:
            try:
                return self._thread.run(work)
            except (RuntimeError, MemoryError, OSError) as error:
                if not is_out_of_memory(error):
                    raise
                words = first_line(error)
            give_back()
            if how := self.learner.save_memory():
                self._short_of_memory(how)
                continue
            longest, parts = max(len(row.ids) for row in batch), self.learner.parts(batch, most=self.most)
            if all(len(part) == 1 for part in parts):
                raise UserError(
                    f"the memory does not hold one row of {longest} tokens: lower max_tokens (now "
                    f"{self.recipe.max_tokens}), "
                    f"raise first_layer, or train where there is more memory ({words})"
                )
            self.most = min(self.most, max(sum(len(row.ids) for row in part) for part in parts)) // 2
            self._short_of_memory(f"at most {self.most} tokens are computed at once")

    def _short_of_memory(self, what: str) -> None:
        note = f"out of memory at step {self.now.step + 1}: from there on {what}"
        log.warning("%s; a step still learns from whole batches", note)
        self.notes.append(note)

    def _move(self, loss: float) -> None:
        now, recipe = self.now, self.recipe
        rate = rate_at(now.step, steps=self.steps, peak=recipe.learning_rate, warmup=recipe.warmup)
        norm = self.adam.step(now.step + 1, rate=rate, clip=recipe.clip)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise NoNumber(
                f"the loss is no number at step {now.step + 1} of {self.steps}: "
                f"lower learning_rate (now {recipe.learning_rate:g})"
            )
        now.moved(loss, self.steps)
        in_pass = now.step % self.a_pass
        if self.held and (in_pass == 0 or in_pass % (recipe.validate_every or _LOOK) == 0):
            self._validate()

    def validation_loss(self) -> float:
        """Mean loss per answer token of the rows held out, by the adapters as they are."""

        def whole() -> float:
            return sum(self.learner.loss(part) for part in self.learner.parts(self.held, most=self.most))

        return self._within_memory(self.held, whole) / _answers(self.held)

    def _validate(self) -> None:
        loss = self.validation_loss()
        self.now.validation.append((self.now.step, loss))
        if self.recipe.patience:
            if loss < self.now.best:
                self.now.best, self.now.stale, self.best = loss, 0, self.learner.values.clone()
            else:
                self.now.stale += 1

    def _given_up(self) -> bool:
        return bool(self.recipe.patience) and self.now.stale >= self.recipe.patience

    def _note(self, loss: float, speed: float) -> str:
        if self.notes:
            return f"loss {loss:.3f}, {speed:.0f} tokens/s, {self.notes[-1]}"
        left = self.now.seconds / self.now.step * (self.steps - self.now.step)
        return f"loss {loss:.3f}, {speed:.0f} tokens/s, {int(left) // 60}:{int(left) % 60:02d} left"

    def _save(self) -> None:
        tensors = {"values": self.learner.values, "mean": self.adam.mean, "square": self.adam.square}
        if self.best.numel():
            tensors["best"] = self.best
        checkpoint.save(self.source.folder, tensors, self.now, of=self.source.of)

    def _restore(self) -> None:
        saved = checkpoint.load(self.source.folder, of=self.source.of)
        if saved is None:
            return
        tensors, self.now = saved
        self.learner.values.copy_(tensors["values"])
        self.adam.mean.copy_(tensors["mean"])
        self.adam.square.copy_(tensors["square"])
        self.best = tensors.get("best", self.best).to(self.learner.device)


def _answers(rows: Sequence[Row]) -> int:
    """The tokens that are learnt."""
    return sum(len(row.ids) - row.prompt for row in rows)
