"""Step by step: gradient, move, checkpoint, until the passes are done. An interrupted run goes on as if nothing had been.

What is made of the result is left to `generator`, a step's mathematics to `network` and `optimiser`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import Interrupted, UserError
from rung.progress import Tick
from rung.training import checkpoint
from rung.training.batches import passing, pieces, split
from rung.training.checkpoint import Progressed
from rung.training.examples import Row
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.optimiser import Adam, rate_at
from rung.training.packing import pack
from rung.training.recipe import Recipe
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_CURVE = 100  # points of the training loss that are kept


@dataclass(frozen=True, slots=True)
class Source:
    """Where a training keeps its checkpoint, and the digest of everything it is made from."""

    folder: Path
    of: str


class Learning:
    """One training, from its checkpoint or its beginning to its last step."""

    def __init__(
        self,
        rows: Sequence[Row],
        weights: Mapping[str, NDArray[np.float32]],
        shape: Shape,
        *,
        recipe: Recipe,
        source: Source,
        dtype: torch.dtype,
    ) -> None:
        import torch

        if recipe.first_layer >= shape.layers:
            raise UserError(f"first_layer is {recipe.first_layer}: the model has layers 0 to {shape.layers - 1}")
        self.recipe, self.source = recipe, source
        self.rows, self.held = split(rows, share=recipe.validation, seed=recipe.seed)
        self.a_pass = math.ceil(len(self.rows) / recipe.batch_rows)
        self.steps = self.a_pass * recipe.epochs
        self.adapters = Adapters(shape, rank=recipe.rank, alpha=recipe.alpha, first=recipe.first_layer, seed=recipe.seed)
        self.adam = Adam(self.adapters.values, self.adapters.gradient)
        self.best = torch.empty(0)
        self.now = Progressed()
        self._restore()
        tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        self.network = Network(tensors, shape, self.adapters, dtype=dtype)
        self._batches: tuple[int, list[list[Row]]] = (-1, [])

    def carry(self, progress: Tick) -> None:
        """All steps that are left.

        Raises:
            UserError: the loss is no number, or a checkpoint cannot be written.
            Interrupted: Ctrl-C.
        """
        began, before, saved = time.monotonic(), (self.now.seconds, self.now.consumed), time.monotonic()
        whole = True
        try:
            while self.now.step < self.steps and not self._given_up():
                loss = self._gradient()
                whole = False  # an interrupt from here on would find half a step
                self._move(loss)
                self.now.seconds = before[0] + time.monotonic() - began
                whole = True
                speed = (self.now.consumed - before[1]) / (time.monotonic() - began)
                progress(self.now.step, self.steps, self._note(loss, speed))
                if time.monotonic() - saved >= self.recipe.checkpoint_seconds and self.now.step < self.steps:
                    self._save()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            if whole:
                self._save()
            raise Interrupted(
                f"training stopped at step {self.now.step} of {self.steps}: the same command goes on from there"
            ) from None
        if self.best.numel():
            self.adapters.values.copy_(self.best)

    def _batch(self) -> list[Row]:
        epoch, place = divmod(self.now.step, self.a_pass)
        if self._batches[0] != epoch:
            recipe = self.recipe
            self._batches = epoch, passing(self.rows, batch_rows=recipe.batch_rows, seed=recipe.seed, epoch=epoch)
        return self._batches[1][place]

    def _gradient(self) -> float:
        """Gradient of the batch's mean loss per answer token, which is returned."""
        batch = self._batch()
        answers = sum(len(row.ids) - row.prompt for row in batch)
        self.adapters.gradient.zero_()
        total = 0.0
        for part in pieces(batch):
            packed = pack(part)
            total += self.network.learn(packed, weight=1 / answers)
            self.now.computed += packed.tokens
        self.now.consumed += sum(len(row.ids) for row in batch)
        return total / answers

    def _move(self, loss: float) -> None:
        now, recipe = self.now, self.recipe
        rate = rate_at(now.step, steps=self.steps, peak=recipe.learning_rate, warmup=recipe.warmup)
        norm = self.adam.step(now.step + 1, rate=rate, clip=recipe.clip)
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise UserError(
                f"the loss is no number at step {now.step + 1} of {self.steps}: "
                f"lower learning_rate (now {recipe.learning_rate:g})"
            )
        now.step += 1
        now.stretch.append(loss)
        if len(now.stretch) >= max(1, self.steps // _CURVE) or now.step == self.steps:
            now.curve.append((now.step, sum(now.stretch) / len(now.stretch)))
            now.stretch.clear()
        if self.held and now.step % self.a_pass == 0:
            self._validate()

    def _validate(self) -> None:
        answers = sum(len(row.ids) - row.prompt for row in self.held)
        loss = sum(self.network.loss(pack(part)) for part in pieces(self.held)) / answers
        self.now.validation.append((self.now.step, loss))
        if self.recipe.patience:
            if loss < self.now.best:
                self.now.best, self.now.stale, self.best = loss, 0, self.adapters.values.clone()
            else:
                self.now.stale += 1

    def _given_up(self) -> bool:
        return bool(self.recipe.patience) and self.now.stale >= self.recipe.patience

    def _note(self, loss: float, speed: float) -> str:
        left = self.now.seconds / self.now.step * (self.steps - self.now.step)
        return f"loss {loss:.3f}, {speed:.0f} tokens/s, {int(left) // 60}:{int(left) % 60:02d} left"

    def _save(self) -> None:
        tensors = {"values": self.adapters.values, "mean": self.adam.mean, "square": self.adam.square}
        if self.best.numel():
            tensors["best"] = self.best
        checkpoint.save(self.source.folder, tensors, self.now, of=self.source.of)

    def _restore(self) -> None:
        found = checkpoint.load(self.source.folder, of=self.source.of)
        if found is None:
            return
        tensors, self.now = found
        self.adapters.values.copy_(tensors["values"])
        self.adam.mean.copy_(tensors["mean"])
        self.adam.square.copy_(tensors["square"])
        self.best = tensors.get("best", self.best)
