"""How much memory a training takes: estimated on the model without its numbers, before anything is loaded.

    weights      frozen numbers in their type; in 4 bits .52 bytes each of the linear layers but the output
    adapters     4 bytes x numbers learnt x (5 + 2 x further threads): the optimiser's three, and of each thread, beside the
                 numbers themselves, a gradient and what is added to it
    activations  6 bytes x tokens at once x what goes into and comes out of each linear layer (4 for these, as float32, which
                 are remembered for the way back, and 2 for attention and norms beside them); and 4 x 4 bytes x vocabulary x
                 those of the tokens that are scored

A test compares with what a training took.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.models.causal.devices import Device, free_memory
from rung.training.batches import rows_of_a_batch
from rung.training.examples import Row
from rung.training.forward import most_at_once
from rung.training.recipe import Recipe
from rung.training.workers import Workers

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
_BESIDE = 1.1  # of the weights' memory: what loading takes beside them
_NUMBER = 4  # bytes: float32
_STATES = 6  # of each number that is learnt: itself, the optimiser's three, a gradient, what is added to it
_REMEMBERED = 6  # bytes of each number that goes into or comes out of a linear layer
_LOGITS = 4  # of each scored token: logits, their logarithm, the gradients of both
_NF4 = 0.52  # bytes of a weight in 4 bits, with its scales


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes. `threads`: what further ones hold beside the first; `least`: where memory runs out, one row is computed at a
    time, layers twice."""

    numbers: int
    weights: int
    reading: int
    adapters: int
    threads: int
    activations: int
    least_activations: int

    @property
    def peak(self) -> int:
        """What is expected."""
        return max(self.reading, self.weights + self.adapters + self.threads + self.activations)

    @property
    def least(self) -> int:
        """What it cannot do without."""
        return max(self.reading, self.weights + self.adapters + self.least_activations)


def estimate(
    model: Any, rows: Sequence[Row], recipe: Recipe, *, where: Device, dtype: torch.dtype, stored: int | None, read_as: int
) -> Estimate:
    """What a training takes.

    Args:
        model: adapters in it, without numbers.
        rows: that are learnt.
        recipe: of the training.
        where: it computes.
        dtype: of the frozen weights.
        stored: bytes of weights that are quantised already.
        read_as: bytes of each number while it is read, beside the model.
    """
    import torch

    frozen = [p for p in model.parameters() if not p.requires_grad]
    numbers, learnt = sum(p.numel() for p in frozen), sum(p.numel() for p in model.parameters() if p.requires_grad)
    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head and not m.weight.requires_grad]
    weights = numbers * dtype.itemsize if stored is None else stored
    if recipe.quantize == "4bit":
        weights -= int(sum(m.weight.numel() for m in layers) * (dtype.itemsize - _NF4))
    threads = Workers.fitting() if where == "cpu" else 1
    config = model.config.get_text_config(decoder=True)
    blocks = config.num_hidden_layers
    longest = max(len(row.ids) for row in rows)
    at_once = max(longest, min(most_at_once(where), longest * rows_of_a_batch(rows, recipe)))
    each = sum(m.in_features + m.out_features for m in layers) * _REMEMBERED
    scored = sum(len(row.ids) - row.prompt for row in rows) / sum(len(row.ids) for row in rows)
    logits = int(config.vocab_size * _LOGITS * _NUMBER * scored)
    return Estimate(
        numbers=numbers,
        weights=weights,
        reading=max(int(weights * _BESIDE), weights + numbers * read_as),
        adapters=learnt * _NUMBER * _STATES,
        threads=learnt * _NUMBER * 2 * (threads - 1),
        activations=at_once * (each + logits),
        least_activations=longest * (each // blocks + blocks * config.hidden_size * _NUMBER + logits),
    )


def check_memory(name: str, needed: Estimate, recipe: Recipe, *, where: Device, number: str) -> None:
    """Refuse a training that there is no memory for, with the numbers, and tell of one that is expected to run out of it.

    Raises:
        UserError: not even what it cannot do without is free.
    """
    free = free_memory(where)
    if free >= needed.peak:
        return
    parts = (
        f"{needed.numbers / 1e9:.2f} billion weights in {number}, {needed.weights / 1e9:.2f} GB, adapters of rank "
        f"{recipe.rank} with their gradients and optimiser, {(needed.adapters + needed.threads) / 1e9:.2f} GB, and "
        f"{needed.activations / 1e9:.2f} GB for what is computed at once"
    )
    there = f"{free / 1e9:.2f} GB are free ({where})"
    if free >= needed.least:
        log.warning(
            "training %s is expected to take %.2f GB: %s; %s: where memory runs out, less is computed at once",
            *(name, needed.peak / 1e9, parts, there),
        )
        return
    less = "" if recipe.quantize == "4bit" else ", set quantize: 4bit"
    raise UserError(
        f"training {name} takes {needed.peak / 1e9:.2f} GB, and with little at once still {needed.least / 1e9:.2f} GB: "
        f"{parts}; {there}: close other programs, lower rank or max_tokens{less}, or name a smaller model"
    )
