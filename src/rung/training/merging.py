"""Tuned weights as one set: the served base with an adapter added, W + (alpha / rank) B A, in float32."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import ModelError
from rung.models.adapters import read_adapter
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.shape import Shape

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from rung.training.bases import Trainable

    Weights = dict[str, NDArray[np.float32]]


def merged(weights: Mapping[str, NDArray[np.float32]], adapter: Path | None) -> Weights:
    """The weights by their Hugging Face names, those that the adapter changes replaced. `adapter` None: the base itself.

    Raises:
        ModelError: the adapter names a layer that these weights lack, or of another shape: it is another base's.
    """
    if adapter is None:
        return dict(weights)
    try:
        return read_adapter(adapter).added_to(weights)
    except ModelError as error:
        raise ModelError(f"{adapter}: {error}") from error


def tuned_network(model: Trainable, adapter: Path | None, *, dtype: torch.dtype | None = None) -> Network:
    """The model with an adapter in its weights, nothing in it trained; `dtype` is that of the dense products."""
    import torch

    shape = Shape.of(model.config)
    weights = {name: torch.from_numpy(w) for name, w in merged(model.weights(), adapter).items()}
    return Network(weights, shape, Adapters(shape, rank=1, alpha=1.0, first=shape.layers, seed=0), dtype=dtype)
