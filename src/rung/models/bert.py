"""The sizes and weights of a BERT (Devlin et al. 2019, arXiv 1810.04805) by their Hugging Face names, checked when read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import ModelError
from rung.models.tensors import read_tensors

_SIZES = {
    "width": "hidden_size",
    "inner": "intermediate_size",
    "heads": "num_attention_heads",
    "layers": "num_hidden_layers",
    "positions": "max_position_embeddings",
}
_LARGEST = 1 << 20
_CHANGES = ("is_decoder", "add_cross_attention", "quantization_config", "pruned_heads", "auto_map")


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that computing needs; `epsilon` is that of the norms."""

    width: int
    inner: int
    heads: int
    layers: int
    positions: int
    epsilon: float

    @classmethod
    def read(cls, path: Path) -> Shape:
        """From a Hugging Face `config.json`.

        Raises:
            ModelError: the model is no BERT with GELU and absolute positions; names what is not.
        """
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path} cannot be read: {error}") from error
        return cls.of(config if isinstance(config, dict) else {}, str(path))

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str) -> Shape:
        """From what a `config.json` holds; raises as `read` does."""
        expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
        for key, value in expected.items():
            given = config.get(key, value if key == "position_embedding_type" else None)
            if given != value:
                raise ModelError(
                    f"{name} describes no BERT with GELU and absolute positions, but says {key}: {given!r}: only such "
                    "encoders can be opened here"
                )
        for key in _CHANGES:
            if config.get(key):
                raise ModelError(f"{name} says {key}: {str(config[key])[:80]}, which is not understood here")
        sizes: dict[str, int] = {}
        for field, key in _SIZES.items():
            size = config.get(key)
            if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= _LARGEST:
                raise ModelError(f"{name} says {key}: {str(size)[:80]}: it is no whole configuration of a BERT")
            sizes[field] = size
        epsilon = config.get("layer_norm_eps")
        if not isinstance(epsilon, float) or not 0 < epsilon < 1 or sizes["width"] % sizes["heads"]:
            raise ModelError(f"{name} says layer_norm_eps: {epsilon}, or heads that do not share the width: copy it again")
        return cls(**sizes, epsilon=epsilon)

    def weights(self) -> Iterator[tuple[str, tuple[int | None, ...]]]:
        """Name and shape of each weight that is computed with; None: any number of rows."""
        width = self.width
        yield "embeddings.word_embeddings.weight", (None, width)
        yield "embeddings.position_embeddings.weight", (None, width)
        yield "embeddings.token_type_embeddings.weight", (None, width)
        norms = ["embeddings.LayerNorm"]
        for layer in (f"encoder.layer.{number}" for number in range(self.layers)):
            linear = dict.fromkeys((f"attention.self.{part}" for part in ("query", "key", "value")), (width, width))
            linear |= {"attention.output.dense": (width, width), "intermediate.dense": (self.inner, width)}
            for part, shape in (linear | {"output.dense": (width, self.inner)}).items():
                yield f"{layer}.{part}.weight", shape
                yield f"{layer}.{part}.bias", shape[:1]
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for norm in norms:
            yield f"{norm}.weight", (width,)
            yield f"{norm}.bias", (width,)


def weights_of(path: Path, shape: Shape) -> dict[str, Any]:
    """The encoder's weights, float32 arrays by their Hugging Face names; "bert.", which models with a head have, is cut off.

    Raises:
        ModelError: the file cannot be read as safetensors, or a weight is missing or of another size.
    """
    held = read_tensors(path)
    whole = any(name.startswith("bert.") for name in held)
    weights = {name.removeprefix("bert."): weight for name, weight in held.items() if not whole or name.startswith("bert.")}
    old = {".gamma": ".weight", ".beta": ".bias"}  # of the norms in checkpoints of BERT's first years
    for name in [name for name in weights if name.endswith(tuple(old))]:
        weights[name.rpartition(".")[0] + old[f".{name.rpartition('.')[2]}"]] = weights.pop(name)
    for name, sizes in shape.weights():
        if name not in weights:
            raise ModelError(f"{path} lacks {name}: copy the model again")
        there = weights[name].shape
        if len(there) != len(sizes) or any(b not in (None, a) for a, b in zip(there, sizes, strict=True)):
            raise ModelError(f"{path}: {name} is {list(there)}, which does not fit config.json: copy the model again")
    if len(weights["embeddings.position_embeddings.weight"]) < shape.positions:
        raise ModelError(f"{path} has fewer positions than config.json says: copy the model again")
    return weights
