"""Adapters on a frozen model, as a training sees them: flat numbers, their gradient, a loss.

`Written` is the network of `training.network`; the one on 4-bit weights is in `training.quantized`. Which rows come when is
left to `training.learning`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from rung.records import Json
from rung.training.batches import MAX_TOKENS, pieces
from rung.training.device import find_device, product_type
from rung.training.examples import Row
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.packing import pack
from rung.training.recipe import Recipe
from rung.training.shape import Shape
from rung.training.workers import Workers, shares

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

ONE_AFTER_ANOTHER = "one part of a step is computed after another"  # what `save_memory` may say


class Learner(Protocol):
    """Adapters that learn: `values` and `gradient`, flat, float32, of one length."""

    values: torch.Tensor
    gradient: torch.Tensor
    device: torch.device
    products_in: str
    most: int  # tokens that are computed at once, as it begins

    def parts(self, batch: Sequence[Row], *, most: int) -> list[list[Row]]:
        """A batch in parts that are each computed at once, none above `most` tokens but a row alone."""
        ...

    def learn(self, rows: Sequence[Row], *, weight: float) -> tuple[float, int]:
        """Add the gradient of `weight` times the summed loss of the answers' tokens; that sum, and the tokens computed."""
        ...

    def learn_parts(self, parts: Sequence[Sequence[Row]], *, weight: float) -> tuple[float, int]:
        """As `learn`, of all parts of a batch."""
        ...

    def save_memory(self) -> str:
        """From now on compute in a way that takes less memory; what that is, in words, "" where there is no other."""
        ...

    def loss(self, rows: Sequence[Row]) -> float:
        """Summed loss of the answers' tokens, in nats."""
        ...

    def free(self) -> None:
        """Let go of buffers that can be made again."""
        ...

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """The PEFT folder's files, of the values as they are."""
        ...


class Written:
    """The network whose forward and backward are written out, in float32 or bfloat16."""

    most = MAX_TOKENS

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], shape: Shape, recipe: Recipe) -> None:
        import torch

        self.device = find_device(recipe.device)
        self.adapters = Adapters(
            shape, rank=recipe.rank, alpha=recipe.alpha, first=recipe.first_layer, seed=recipe.seed, device=self.device
        )
        self.values, self.gradient = self.adapters.values, self.adapters.gradient
        tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        self.network = Network(tensors, shape, self.adapters, dtype=product_type(self.device, recipe.precision))
        self.products_in = str(self.network.dtype).removeprefix("torch.")
        count = Workers.fitting() if self.device.type == "cpu" else 1
        self.workers = Workers(count) if count > 1 else None
        self.beside = [self.network.beside() for _ in range(count - 1)]

    def parts(self, batch: Sequence[Row], *, most: int) -> list[list[Row]]:
        """As `Learner` says; what rows share is computed once."""
        return list(pieces(batch, most=most))

    def learn(self, rows: Sequence[Row], *, weight: float, network: Network | None = None) -> tuple[float, int]:
        """As `Learner` says; `network`: one beside the first, whose gradient it is then added to."""
        packed = pack(rows, device=self.device)
        return (network or self.network).learn(packed, weight=weight), packed.tokens

    def learn_parts(self, parts: Sequence[Sequence[Row]], *, weight: float) -> tuple[float, int]:
        """As `Learner` says; side by side where there are several cores."""
        if self.workers is None or len(dealt := shares(parts, self.workers.count)) == 1:
            return self._after_another(self.network, parts, weight)
        networks = [self.network, *self.beside]
        work = [partial(self._after_another, network, mine, weight) for network, mine in zip(networks, dealt, strict=True)]
        return summed(self.workers.added(work, [network.adapters.gradient for network in networks]))

    def _after_another(self, network: Network, parts: Sequence[Sequence[Row]], weight: float) -> tuple[float, int]:
        return summed([self.learn(part, weight=weight, network=network) for part in parts])

    def save_memory(self) -> str:
        """As `Learner` says."""
        was, self.workers, self.beside = self.workers is not None, None, []
        return ONE_AFTER_ANOTHER if was else ""

    def loss(self, rows: Sequence[Row]) -> float:
        """As `Learner` says."""
        return self.network.loss(pack(rows, device=self.device))

    def free(self) -> None:
        """As `Learner` says."""
        for network in (self.network, *self.beside):
            network.space.clear()

    def files(self, *, base: dict[str, Json]) -> dict[str, bytes]:
        """As `Learner` says."""
        return self.adapters.files(base=base)


def summed(learnt: Sequence[tuple[float, int]]) -> tuple[float, int]:
    """The summed loss and the tokens computed, of all parts."""
    return sum(loss for loss, _ in learnt), sum(tokens for _, tokens in learnt)
