"""What stands between token states and a vector, in torch: pooling and the layers after it.

The same as in `models.bert_graph`. The layers are kept as they are while the encoder below them learns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.models.encoder_folder import EncoderFolder
from rung.models.encoder_modules import HeadLayer, with_weights

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with its weights: `weight` [outputs, inputs] of a dense one, [inputs] of a norm, and `bias`, `residual`."""

    settings: HeadLayer
    weights: dict[str, torch.Tensor]


def layers_of(source: EncoderFolder, width: int) -> tuple[Layer, ...]:
    """The folder's layers, for token states of this width.

    Raises:
        ModelError: their weights cannot be read.
    """
    import torch

    return tuple(
        Layer(settings, {name: torch.from_numpy(weight).clone() for name, weight in held.items()})
        for settings, held in with_weights(source.layers, width * len(source.poolings))
    )


def pooled(states: torch.Tensor, mask: torch.Tensor, ways: Sequence[str]) -> torch.Tensor:
    """Token states [n, tokens, d] to [n, ways · d]. `mask`: 1 for each token, 0 for padding on the right."""
    import torch

    real = mask[:, :, None].to(states.dtype)
    lengths = real.sum(1)
    parts = []
    for way in ways:
        if way == "cls":
            parts.append(states[:, 0])
        elif way == "max":
            parts.append(states.masked_fill(real == 0, float("-inf")).max(1).values)
        elif way == "lasttoken":
            parts.append(states[torch.arange(len(states)), mask.sum(1) - 1])
        else:
            places = torch.arange(1, mask.shape[1] + 1, dtype=states.dtype)[None, :, None]
            weight = real * places if way == "weightedmean" else real
            number = lengths.sqrt() if way == "mean_sqrt_len_tokens" else weight.sum(1)
            parts.append((states * weight).sum(1) / number)
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def headed(vectors: torch.Tensor, layers: Sequence[Layer]) -> torch.Tensor:
    """Vectors [n, d] after each of the layers."""
    from torch.nn.functional import layer_norm, linear, normalize

    for layer in layers:
        weights = layer.weights
        if layer.settings.kind == "normalize":
            vectors = normalize(vectors)
        elif layer.settings.kind == "layer_norm":
            vectors = layer_norm(vectors, vectors.shape[1:], weights["weight"], weights["bias"])
        else:
            output = _activation(layer.settings.activation)(linear(vectors, weights["weight"], weights.get("bias")))
            beside = linear(vectors, weights["residual"]) if "residual" in weights else vectors
            vectors = output + beside if layer.settings.residual else output
    return vectors


def _activation(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    function: Callable[[torch.Tensor], torch.Tensor] = getattr(torch.nn, name)()  # a name in encoder_modules.ACTIVATIONS
    return function
