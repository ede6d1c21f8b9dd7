"""What stands between token states and a vector, in torch: pooling and the layers after it.

The same as in `models.bert_graph`. The layers are kept as they are while the encoder below them learns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.models.encoder_folder import EncoderFolder
from rung.models.encoder_modules import HeadLayer, layer_weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with its weights: `weight` [outputs, inputs] of a dense one, [inputs] of a norm, and `bias`, `residual`."""

    said: HeadLayer
    weights: dict[str, torch.Tensor]


def layers_of(source: EncoderFolder, width: int) -> tuple[Layer, ...]:
    """The folder's layers, for token states of this width.

    Raises:
        ModelError: their weights cannot be read.
    """
    import torch

    found, width = [], width * len(source.poolings)
    for said in source.layers:
        held = {} if said.kind == "normalize" else layer_weights(said, width)
        found.append(Layer(said, {name: torch.from_numpy(weight).clone() for name, weight in held.items()}))
        width = len(held["weight"]) if held else width
    return tuple(found)


def pooled(states: torch.Tensor, mask: torch.Tensor, ways: Sequence[str]) -> torch.Tensor:
    """Token states [n, tokens, d] to [n, ways · d]. `mask`: 1 for each token, 0 for padding on the right."""
    import torch

    real = mask[:, :, None].to(states.dtype)
    lengths = real.sum(1)
    found = []
    for way in ways:
        if way == "cls":
            found.append(states[:, 0])
        elif way == "max":
            found.append(states.masked_fill(real == 0, float("-inf")).max(1).values)
        elif way == "lasttoken":
            found.append(states[torch.arange(len(states)), mask.sum(1) - 1])
        else:
            places = torch.arange(1, mask.shape[1] + 1, dtype=states.dtype)[None, :, None]
            weight = real * places if way == "weightedmean" else real
            number = lengths.sqrt() if way == "mean_sqrt_len_tokens" else weight.sum(1)
            found.append((states * weight).sum(1) / number)
    return found[0] if len(found) == 1 else torch.cat(found, 1)


def headed(vectors: torch.Tensor, layers: Sequence[Layer]) -> torch.Tensor:
    """Vectors [n, d] after each of the layers."""
    from torch.nn.functional import layer_norm, linear, normalize

    for layer in layers:
        weights = layer.weights
        if layer.said.kind == "normalize":
            vectors = normalize(vectors)
        elif layer.said.kind == "layer_norm":
            vectors = layer_norm(vectors, vectors.shape[1:], weights["weight"], weights["bias"])
        else:
            found = _activation(layer.said.activation)(linear(vectors, weights["weight"], weights.get("bias")))
            beside = linear(vectors, weights["residual"]) if "residual" in weights else vectors
            vectors = found + beside if layer.said.residual else found
    return vectors


def _activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    made: Callable[[torch.Tensor], torch.Tensor] = getattr(torch.nn, name)()  # a name in encoder_modules.ACTIVATIONS
    return made
