"""How is an encoder tuned to tell labels apart? All its layers and a linear head, by softmax cross entropy.

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
from rung.training.classifier import LabelRecipe, Rows, Tuned
from rung.training.encoder import Encoder, padded
from rung.training.logistic import Linear
from rung.training.optimiser import rate_at

if TYPE_CHECKING:
    import torch

    from rung.training.logistic import Floats

_HEAD_RATE = 10.0  # the head, a single layer, bears a larger rate than the encoder below it
_DECAY, _CLIP, _WARMUP = 0.01, 1.0, 0.1
_TOGETHER = 16  # batches whose rows are sorted by length, so that little is padded
_INFERENCE_ROWS = 64


def tune(encoder: Encoder, rows: Rows, start: Linear, *, recipe: LabelRecipe, progress: Tick) -> Tuned:
    """Tune on the rows that are not held out; the encoder is left as it was at the best epoch.

    Args:
        encoder: moved in place.
        rows: fold 0 is held out.
        start: a head fitted on the encoder's unit vectors.
        recipe: epochs, rates, patience.
        progress: told of steps.

    Raises:
        UserError: the loss is no number.
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
    steps, step = recipe.epochs * math.ceil(len(taught) / recipe.batch_rows), 0
    best, kept, stale = -1.0, _state(encoder, weight, bias), 0
    logits: Floats = np.zeros((len(held), len(rows.labels)))
    curves: tuple[list[tuple[int, float]], list[tuple[int, float]]] = ([], [])
    for epoch in range(recipe.epochs):
        total = 0.0
        for batch in _batches(list(map(int, taught)), tokens, recipe, epoch):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step, steps=steps, peak=group["peak"], warmup=_WARMUP)
            said = _logits(encoder, [tokens[i] for i in batch], weight, bias)
            wanted = torch.as_tensor(rows.wanted[batch])
            loss = torch.nn.functional.cross_entropy(said, wanted, label_smoothing=recipe.smoothing)
            if not math.isfinite(loss.item()):
                raise UserError(f"the loss is no number after {step} steps: lower learning_rate ({recipe.learning_rate:g})")
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*encoder.parameters(), weight, bias], _CLIP)
            optimiser.step()
            step, total = step + 1, total + loss.item() * len(batch)
            progress(step, steps, f"loss {loss.item():.3f}")
        found = _held_logits(encoder, [tokens[i] for i in held], weight, bias)
        curves[0].append((step, total / len(taught)))
        curves[1].append((step, _mean_loss(found, rows.wanted[held])))
        accuracy = float((found.argmax(axis=1) == rows.wanted[held]).mean())
        stale = 0 if accuracy > best else stale + 1
        if accuracy > best:
            best, kept, logits = accuracy, _state(encoder, weight, bias), found
        if recipe.patience and stale >= recipe.patience:
            break
    _restore(encoder, kept[0])
    head = Linear(kept[1].numpy().astype(np.float64), kept[2].numpy().astype(np.float64))
    return Tuned(encoder, head, logits, tuple(curves[0]), tuple(curves[1]))


def _logits(encoder: Encoder, rows: Sequence[Sequence[int]], weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """[rows, labels], by unit vectors: what the served encoder gives."""
    import torch

    vectors = torch.nn.functional.normalize(encoder(*padded(rows)))
    return torch.nn.functional.linear(vectors, weight, bias)


def _held_logits(encoder: Encoder, rows: Sequence[Sequence[int]], weight: torch.Tensor, bias: torch.Tensor) -> Floats:
    import numpy as np
    import torch

    found = np.zeros((len(rows), len(bias)))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    with torch.inference_mode():
        for begin in range(0, len(order), _INFERENCE_ROWS):
            some = order[begin : begin + _INFERENCE_ROWS]
            found[some] = _logits(encoder, [rows[i] for i in some], weight, bias).numpy()
    return found


def _mean_loss(logits: Floats, wanted: object) -> float:
    import torch

    return float(torch.nn.functional.cross_entropy(torch.as_tensor(logits), torch.as_tensor(wanted)))


def _batches(rows: list[int], tokens: Sequence[Sequence[int]], recipe: LabelRecipe, epoch: int) -> Iterator[list[int]]:
    """Every row once, in an order drawn by seed and epoch, rows of like length together."""
    luck = random.Random(f"{recipe.seed}/{epoch}")
    luck.shuffle(rows)
    size, stretch = recipe.batch_rows, recipe.batch_rows * _TOGETHER
    sorted_ = [sorted(rows[i : i + stretch], key=lambda row: len(tokens[row])) for i in range(0, len(rows), stretch)]
    batches = [some[i : i + size] for some in sorted_ for i in range(0, len(some), size)]
    luck.shuffle(batches)
    return iter(batches)


def _state(
    encoder: Encoder, weight: torch.Tensor, bias: torch.Tensor
) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """A copy of all weights."""
    return [p.detach().clone() for p in encoder.parameters()], weight.detach().clone(), bias.detach().clone()


def _restore(encoder: Encoder, kept: Sequence[torch.Tensor]) -> None:
    import torch

    with torch.no_grad():
        for now, then in zip(encoder.parameters(), kept, strict=True):
            now.copy_(then)
