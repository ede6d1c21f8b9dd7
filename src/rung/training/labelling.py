"""An encoder tuned to tell labels apart: all its layers and a linear head, by softmax cross entropy.

Begins from the head that logistic regression found, learns with label smoothing, stops early on the rows held out, and
keeps the best epoch. What is done with it is left to `classifier`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.progress import Tick
from rung.training import checkpoint
from rung.training.checkpoint import Progressed, Source
from rung.training.encoder import Encoder, padded
from rung.training.labels import LabelRecipe, Rows, Tuned
from rung.training.logistic import Linear
from rung.training.optimiser import rate_at

if TYPE_CHECKING:
    import torch

    from rung.training.logistic import Floats

_HEAD_RATE = 10.0  # the head, a single layer, bears a larger rate than the encoder below it
_DECAY, _CLIP, _WARMUP = 0.01, 1.0, 0.1
_TOGETHER = 16  # batches whose rows are sorted by length, so that little is padded
_INFERENCE_ROWS = 64


def tune(
    encoder: Encoder, rows: Rows, start: Linear, *, recipe: LabelRecipe, progress: Tick, source: Source | None = None
) -> Tuned:
    """Tune on the rows that are not held out; the encoder is left as it was at the best epoch.

    Stopped anywhere and called again, it goes on after the last whole epoch, and ends with the same weights.

    Args:
        encoder: moved in place.
        rows: fold 0 is held out.
        start: a head fitted on the encoder's unit vectors.
        recipe: epochs, rates, patience.
        progress: told of steps.
        source: where the checkpoint is kept; None: nowhere.

    Raises:
        UserError: the loss is no number, or a checkpoint cannot be written.
    """
    import numpy as np
    import torch

    held = np.flatnonzero(rows.held_out)
    taught = np.flatnonzero(~rows.held_out)
    tokens = encoder.tokens(rows.texts, kind="query")
    weight = torch.tensor(start.weight, dtype=torch.float32, requires_grad=True)
    bias = torch.tensor(start.bias, dtype=torch.float32, requires_grad=True)
    moved = [
        {"params": encoder.parameters(), "lr": recipe.learning_rate, "peak": recipe.learning_rate},
        {"params": [weight, bias], "lr": recipe.learning_rate, "peak": _HEAD_RATE * recipe.learning_rate},
    ]
    optimiser = torch.optim.AdamW(moved, weight_decay=_DECAY)
    a_pass = math.ceil(len(taught) / recipe.batch_rows)
    steps = recipe.epochs * a_pass
    state = _State([*encoder.parameters(), weight, bias], optimiser, np.zeros((len(held), len(rows.labels))), source)
    now = state.restored()
    while now.step < steps and not (recipe.patience and now.stale >= recipe.patience):
        total = 0.0
        for batch in _batches(list(map(int, taught)), tokens, recipe, now.step // a_pass):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(now.step, steps=steps, peak=group["peak"], warmup=_WARMUP)
            output = _logits(encoder, [tokens[i] for i in batch], weight, bias)
            expected = torch.as_tensor(rows.targets[batch])
            loss = torch.nn.functional.cross_entropy(output, expected, label_smoothing=recipe.smoothing)
            if not math.isfinite(loss.item()):
                raise UserError(
                    f"the loss is no number after {now.step} steps: lower learning_rate ({recipe.learning_rate:g})"
                )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*encoder.parameters(), weight, bias], _CLIP)
            optimiser.step()
            now.step, total = now.step + 1, total + loss.item() * len(batch)
            progress(now.step, steps, f"loss {loss.item():.3f}")
        logits = _held_logits(encoder, [tokens[i] for i in held], weight, bias)
        now.curve.append((now.step, total / len(taught)))
        now.validation.append((now.step, _mean_loss(logits, rows.targets[held])))
        state.seen(float((logits.argmax(axis=1) == rows.targets[held]).mean()), logits)
    best = state.best()
    head = Linear(best[-2].numpy().astype(np.float64), best[-1].numpy().astype(np.float64))
    return Tuned(encoder, head, state.logits, tuple(now.curve), tuple(now.validation))


class _State:
    """Weights, moments and the best epoch's weights, and the checkpoint of all of them. `logits`: the best epoch's."""

    def __init__(
        self, values: Sequence[torch.Tensor], optimiser: torch.optim.Optimizer, logits: Floats, source: Source | None
    ) -> None:
        self._values, self._optimiser, self._source = list(values), optimiser, source
        self._best = [value.detach().clone() for value in values]
        self.logits = logits
        self._now = Progressed(best=-1.0)

    def restored(self) -> Progressed:
        """Where the last whole epoch of this very training ended; the beginning where there is none."""
        import torch

        saved = None if self._source is None else checkpoint.load(self._source.folder, of=self._source.of)
        if saved is None:
            return self._now
        tensors, self._now = saved
        self.logits = tensors["logits"].numpy()
        with torch.no_grad():
            for n, value in enumerate(self._values):
                value.copy_(tensors[f"value.{n}"])
                self._best[n].copy_(tensors[f"best.{n}"])
                if f"mean.{n}" in tensors:
                    step = torch.tensor(float(self._now.step))
                    moments = {"exp_avg": tensors[f"mean.{n}"], "exp_avg_sq": tensors[f"square.{n}"]}
                    self._optimiser.state[value] = {"step": step, **moments}
        return self._now

    def seen(self, accuracy: float, logits: Floats) -> None:
        """An epoch ended with this accuracy on the rows held out."""
        better = accuracy > self._now.best
        self._now.stale = 0 if better else self._now.stale + 1
        if better:
            self._now.best, self.logits = accuracy, logits
            self._best = [value.detach().clone() for value in self._values]
        if self._source is not None:
            self._source.folder.mkdir(parents=True, exist_ok=True)
            checkpoint.save(self._source.folder, self._tensors(), self._now, of=self._source.of)

    def best(self) -> list[torch.Tensor]:
        """Put the best epoch's weights back, and return them."""
        import torch

        with torch.no_grad():
            for value, best in zip(self._values, self._best, strict=True):
                value.copy_(best)
        return self._best

    def _tensors(self) -> dict[str, torch.Tensor]:
        import torch

        tensors = {"logits": torch.as_tensor(self.logits)}
        for n, (value, best) in enumerate(zip(self._values, self._best, strict=True)):
            tensors |= {f"value.{n}": value.detach(), f"best.{n}": best}
            if value in self._optimiser.state:  # weights that no gradient reaches have no moments
                moments = self._optimiser.state[value]
                tensors |= {f"mean.{n}": moments["exp_avg"], f"square.{n}": moments["exp_avg_sq"]}
        return tensors


def _logits(encoder: Encoder, rows: Sequence[Sequence[int]], weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """[rows, labels], by unit vectors: what the served encoder gives."""
    import torch

    vectors = torch.nn.functional.normalize(encoder(*padded(rows)))
    return torch.nn.functional.linear(vectors, weight, bias)


def _held_logits(encoder: Encoder, rows: Sequence[Sequence[int]], weight: torch.Tensor, bias: torch.Tensor) -> Floats:
    import numpy as np
    import torch

    logits = np.zeros((len(rows), len(bias)))
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    with torch.inference_mode():
        for begin in range(0, len(by_length), _INFERENCE_ROWS):
            some = by_length[begin : begin + _INFERENCE_ROWS]
            logits[some] = _logits(encoder, [rows[i] for i in some], weight, bias).numpy()
    return logits


def _mean_loss(logits: Floats, expected: object) -> float:
    import torch

    return float(torch.nn.functional.cross_entropy(torch.as_tensor(logits), torch.as_tensor(expected)))


def _batches(rows: list[int], tokens: Sequence[Sequence[int]], recipe: LabelRecipe, epoch: int) -> Iterator[list[int]]:
    """Every row once, in an order drawn by seed and epoch, rows of like length together."""
    rng = random.Random(f"{recipe.seed}/{epoch}")
    rng.shuffle(rows)
    size, stretch = recipe.batch_rows, recipe.batch_rows * _TOGETHER
    sorted_ = [sorted(rows[i : i + stretch], key=lambda row: len(tokens[row])) for i in range(0, len(rows), stretch)]
    batches = [some[i : i + size] for some in sorted_ for i in range(0, len(some), size)]
    rng.shuffle(batches)
    return iter(batches)
