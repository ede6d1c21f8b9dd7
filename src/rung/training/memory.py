"""How much memory a training takes: estimated on the model without its numbers, before anything is loaded.

    weights      frozen numbers in their type: in 4 bits .52 bytes each of the linear layers but the output; where linear
                 layers alone are narrow, all else in float32, and a tied output for itself
    reading      weights as they are opened, with a tenth beside; what lies in arrays lies in main memory meanwhile, and on a
                 CPU the model computes on these very numbers
    adapters     4 bytes x numbers learnt x (6 + 2 x further threads): themselves, the optimiser's three, and of each thread
                 a gradient and what is added to it
    activations  6 bytes x tokens at once x what goes into and comes out of each linear layer that a gradient goes through (4
                 for these, as float32, which are remembered for the way back, and 2 for attention and norms beside them), of
                 experts those that a token goes to; and 4 x 4 bytes x vocabulary x those of the tokens that are scored

A test compares with what a training took.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.errors import UserError
from rung.models.causal.devices import Device, free_memory
from rung.models.causal.network import BESIDE
from rung.models.out_of_memory import give_back
from rung.training.batches import rows_of_a_batch
from rung.training.examples import Row
from rung.training.forward import most_at_once
from rung.training.low_rank import mixes_types
from rung.training.recipe import Recipe
from rung.training.workers import Workers

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
_NUMBER = 4  # bytes: float32
_STATES = 6  # of each number that is learnt: itself, the optimiser's three, a gradient, what is added to it
_REMEMBERED = 6  # bytes of each number that goes into or comes out of a linear layer
_LOGITS = 4  # of each scored token: logits, their logarithm, the gradients of both
_NF4 = 0.52  # bytes of a weight in 4 bits, with its scales


@dataclass(frozen=True, slots=True)
class Opening:
    """How weights are opened.

    Args:
        where: the model computes.
        dtype: of the products with them.
        held: that they are opened in, before linear layers are narrowed.
        read_as: bytes of each number that lies in main memory meanwhile.
        stored: bytes of weights that are quantised already.
        is_four_bit: whether they are quantised as they are read.
    """

    where: Device
    dtype: torch.dtype
    held: torch.dtype
    read_as: int = 0
    stored: int | None = None
    is_four_bit: bool = False

    @property
    def narrow_to(self) -> torch.dtype | None:
        """The type that is narrowed to once they are open; None: they stay as they are."""
        return None if self.held == self.dtype else self.dtype

    def weights(self, model: Any) -> int:
        """Bytes that the frozen weights of a model take, once they are opened."""
        import torch

        if self.stored is not None:
            return self.stored
        numbers = frozen_numbers(model)
        if self.is_four_bit:
            return int(numbers * self.dtype.itemsize - _linear_numbers(model) * (self.dtype.itemsize - _NF4))
        if self.held == self.dtype or not mixes_types(model):
            return int(numbers * self.dtype.itemsize)
        kinds: dict[bool, dict[int, int]] = {True: {}, False: {}}
        for module in model.modules():
            for p in module.parameters(recurse=False):
                if not p.requires_grad:
                    kinds[type(module) is torch.nn.Linear and p.ndim > 1][id(p)] = p.numel()
        narrow, wide = (sum(kinds[is_linear].values()) for is_linear in (True, False))
        return int(narrow * self.dtype.itemsize + wide * self.held.itemsize)

    def reading(self, model: Any) -> tuple[int, int]:
        """Bytes that reading takes where the model computes, and in main memory, where that is another."""
        weights, arrays = self.weights(model), frozen_numbers(model) * self.read_as
        opened = weights if self.is_four_bit or self.stored is not None else frozen_numbers(model) * self.held.itemsize
        needed = int(max(weights, opened) * BESIDE)
        if self.where == "cuda":
            return needed, arrays
        is_copied = self.where != "cpu" or self.is_four_bit
        return needed + (arrays if is_copied else 0), 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes. `host`: in main memory while weights are read to a device that has its own; `threads`: what further ones hold
    beside the first; `least`: one row of the `longest` (tokens) is computed at a time, layers twice."""

    numbers: int
    weights: int
    reading: int
    host: int
    adapters: int
    threads: int
    activations: int
    least_activations: int
    longest: int

    @property
    def peak(self) -> int:
        """What is expected."""
        return max(self.reading, self.weights + self.adapters + self.threads + self.activations)

    @property
    def least(self) -> int:
        """What it cannot do without."""
        return max(self.reading, self.weights + self.adapters + self.least_activations)

    def tokens_in(self, free: int) -> int:
        """Tokens that so many bytes hold at once, layers computed twice; a row at least."""
        return max(self.longest, (free - self.weights - self.adapters) * self.longest // self.least_activations)


def estimate(model: Any, rows: Sequence[Row], recipe: Recipe, *, opening: Opening) -> Estimate:
    """What a training takes.

    Args:
        model: adapters in it, without numbers.
        rows: that are learnt.
        recipe: of the training.
        opening: of its weights.
    """
    learnt = sum(p.numel() for p in model.parameters() if p.requires_grad)
    threads = Workers.fitting() if opening.where == "cpu" else 1
    config = model.config.get_text_config(decoder=True)
    blocks = config.num_hidden_layers - recipe.first_layer
    longest = max(len(row.ids) for row in rows)
    at_once = max(longest, min(most_at_once(opening.where), longest * rows_of_a_batch(rows, recipe)))
    each = _REMEMBERED * _through_layers(model, recipe.first_layer)
    scored = sum(len(row.ids) - row.prompt for row in rows) / sum(len(row.ids) for row in rows)
    logits = int(config.vocab_size * _LOGITS * _NUMBER * scored)
    reading, host = opening.reading(model)
    return Estimate(
        numbers=frozen_numbers(model),
        weights=opening.weights(model),
        reading=reading,
        host=host,
        adapters=learnt * _NUMBER * _STATES,
        threads=learnt * _NUMBER * 2 * (threads - 1),
        activations=at_once * (each + logits),
        least_activations=longest * (each // blocks + blocks * config.hidden_size * _NUMBER + logits),
        longest=longest,
    )


def frozen_numbers(model: Any) -> int:
    """How many numbers of a model are not learnt."""
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def _linear_numbers(model: Any) -> int:
    """Of the linear layers but the output: bitsandbytes quantises these, blocks of experts not."""
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    layers = [m for m in model.modules() if isinstance(m, (torch.nn.Linear, Conv1D)) and m is not head]
    return sum(m.weight.numel() for m in layers if not m.weight.requires_grad)


def _through_layers(model: Any, first: int) -> int:
    """Numbers that go into and come out of a token's frozen matrices, in all layers that a gradient goes through."""
    import torch

    config, head = model.config.get_text_config(decoder=True), model.get_output_embeddings()
    experts = int(getattr(config, "num_experts_per_tok", None) or 1)
    total = 0
    for name, module in model.named_modules():
        layer = next((int(part) for part in name.split(".") if part.isdigit()), first)
        if layer < first or module is head or isinstance(module, torch.nn.Embedding):
            continue
        for p in module.parameters(recurse=False):
            if p.requires_grad or p.ndim not in {2, 3}:
                continue
            total += sum(p.shape) if p.ndim == 2 else min(experts, p.shape[0]) * sum(p.shape[1:])
    return total


def check_opening(name: str, model: Any, opening: Opening) -> None:
    """Refuse weights that there is no memory for, with the numbers.

    Raises:
        UserError: less is free than reading takes.
    """
    needed, host = opening.reading(model)
    _check_host(name, host)
    if needed > (free := _free(opening.where)):
        raise UserError(
            f"the weights of {name} take {needed / 1e9:.2f} GB as they are read, and {free / 1e9:.2f} GB are free "
            f"({opening.where}): close other programs, or name a smaller model"
        )


def check_memory(name: str, needed: Estimate, recipe: Recipe, *, where: Device, number: str) -> int:
    """The bytes that are free; a training that there is no memory for is refused, with the numbers, and told of one that
    has to save it.

    Raises:
        UserError: not even what it cannot do without is free.
    """
    _check_host(name, needed.host)
    free = _free(where)
    if free >= needed.peak:
        return free
    parts = (
        f"{needed.numbers / 1e9:.2f} billion weights in {number}, {needed.weights / 1e9:.2f} GB, adapters of rank "
        f"{recipe.rank} with their gradients and optimiser, {(needed.adapters + needed.threads) / 1e9:.2f} GB, and "
        f"{needed.activations / 1e9:.2f} GB for what is computed at once"
    )
    there = f"{free / 1e9:.2f} GB are free ({where})"
    if free >= needed.least:
        log.warning(
            "training %s is expected to take %.2f GB: %s; %s: less is computed at once, from the beginning",
            *(name, needed.peak / 1e9, parts, there),
        )
        return free
    less = "" if recipe.quantize == "4bit" else ", set quantize: 4bit"
    raise UserError(
        f"training {name} takes {needed.peak / 1e9:.2f} GB, and with little at once still {needed.least / 1e9:.2f} GB: "
        f"{parts}; {there}: close other programs, lower rank or max_tokens{less}, or name a smaller model"
    )


def _check_host(name: str, needed: int) -> None:
    if needed and needed > (free := _free("cpu")):
        raise UserError(
            f"the weights of {name} take {needed / 1e9:.2f} GB of main memory while they are read, and {free / 1e9:.2f} GB "
            f"are free: close other programs, or name a smaller model"
        )


def _free(where: Device) -> int:
    """What is free once garbage is let go of."""
    give_back()
    return free_memory(where)
