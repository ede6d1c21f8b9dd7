"""A sentence encoder of the BERT family as an OpenVINO graph, built from `model.safetensors` without torch.

BERT (Devlin et al. 2019, arXiv 1810.04805) with mean pooling over the mask and L2 normalisation, as sentence-transformers
publishes all-MiniLM-L6-v2. Inputs: `input_ids` and `attention_mask`, int64 [batch, tokens]; output float32 [batch, width].
Tokenizing and batching are left to `embedding`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import ModelError


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that the graph needs."""

    width: int
    heads: int
    layers: int
    epsilon: float
    positions: int

    @classmethod
    def read(cls, path: Path) -> Shape:
        """From a Hugging Face `config.json`.

        Raises:
            ModelError: the model is no BERT with GELU and absolute positions.
        """
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot be read: {error}") from error
        return cls.of(config if isinstance(config, dict) else {}, str(path))

    @classmethod
    def of(cls, config: Mapping[str, Any], name: str) -> Shape:
        """From what a `config.json` holds; raises as `read` does."""
        absolute = config.get("position_embedding_type", "absolute") == "absolute"
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu" or not absolute:
            raise ModelError(
                f"{name} describes no BERT with GELU and absolute positions: only such encoders can be opened here"
            )
        try:
            return cls(
                width=config["hidden_size"],
                heads=config["num_attention_heads"],
                layers=config["num_hidden_layers"],
                epsilon=config["layer_norm_eps"],
                positions=config["max_position_embeddings"],
            )
        except KeyError as error:
            raise ModelError(f"{name} says nothing of {error}: it is no whole configuration of a BERT") from error


def weights_of(path: Path) -> dict[str, Any]:
    """The encoder's weights, float32 arrays by their Hugging Face names; "bert.", which models with a head have, is cut off.

    Raises:
        ModelError: the file cannot be read as safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        held = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    whole = any(name.startswith("bert.") for name in held)
    kept = {name.removeprefix("bert."): weight for name, weight in held.items() if not whole or name.startswith("bert.")}
    return {name: weight.astype("float32") for name, weight in kept.items() if weight.dtype.kind == "f"}


def build(weights: Path, shape: Shape) -> Any:
    """The `openvino.Model`."""
    import openvino
    from openvino import opset13 as ops

    writer = _Writer(ops, weights_of(weights), shape)
    ids = ops.parameter([-1, -1], openvino.Type.i64)
    mask = ops.parameter([-1, -1], openvino.Type.i64)
    ids.output(0).set_names({"input_ids"})
    mask.output(0).set_names({"attention_mask"})
    real = ops.convert(mask, "f32")
    hidden = writer.embedded(ids)
    bias = writer.bias(real)
    for number in range(shape.layers):
        hidden = writer.layer(hidden, bias, f"encoder.layer.{number}")
    return openvino.Model([writer.pooled(hidden, real)], [ids, mask], "sentence_encoder")


@dataclass(frozen=True, slots=True)
class _Writer:
    ops: Any
    weights: Any
    shape: Shape

    def whole(self, value: int | list[int]) -> Any:
        import numpy as np

        return self.ops.constant(np.array(value, dtype=np.int64))

    def real(self, value: float) -> Any:
        import numpy as np

        return self.ops.constant(np.array(value, dtype=np.float32))

    def linear(self, x: Any, name: str) -> Any:
        product = self.ops.matmul(x, self.ops.constant(self.weights[f"{name}.weight"]), False, True)
        return self.ops.add(product, self.ops.constant(self.weights[f"{name}.bias"]))

    def norm(self, x: Any, name: str) -> Any:
        scaled = self.ops.mvn(x, self.whole([2]), True, self.shape.epsilon, "INSIDE_SQRT")
        scaled = self.ops.multiply(scaled, self.ops.constant(self.weights[f"{name}.weight"]))
        return self.ops.add(scaled, self.ops.constant(self.weights[f"{name}.bias"]))

    def embedded(self, ids: Any) -> Any:
        ops = self.ops
        zero = self.whole(0)
        words = ops.gather(ops.constant(self.weights["embeddings.word_embeddings.weight"]), ids, zero)
        length = ops.gather(ops.shape_of(ids), self.whole(1), zero)
        places = ops.range(zero, length, self.whole(1), "i64")
        positions = ops.gather(ops.constant(self.weights["embeddings.position_embeddings.weight"]), places, zero)
        first_segment = ops.constant(self.weights["embeddings.token_type_embeddings.weight"][0])
        return self.norm(ops.add(ops.add(words, positions), first_segment), "embeddings.LayerNorm")

    def bias(self, real: Any) -> Any:
        """0 where a token is, a very small number where padding is: [batch, 1, 1, tokens]."""
        ops = self.ops
        wide = ops.unsqueeze(real, self.whole([1, 2]))
        return ops.multiply(ops.subtract(wide, self.real(1.0)), self.real(1e9))

    def heads(self, x: Any) -> Any:
        """[batch, tokens, width] to [batch, heads, tokens, width / heads]."""
        size = self.shape.width // self.shape.heads
        split = self.ops.reshape(x, self.whole([0, 0, self.shape.heads, size]), True)
        return self.ops.transpose(split, self.whole([0, 2, 1, 3]))

    def layer(self, x: Any, bias: Any, name: str) -> Any:
        ops = self.ops
        q, k, v = (self.heads(self.linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        mixed = ops.scaled_dot_product_attention(q, k, v, bias)
        joined = ops.transpose(mixed, self.whole([0, 2, 1, 3]))
        joined = ops.reshape(joined, self.whole([0, 0, self.shape.width]), True)
        attended = self.linear(joined, f"{name}.attention.output.dense")
        x = self.norm(ops.add(attended, x), f"{name}.attention.output.LayerNorm")
        inner = ops.gelu(self.linear(x, f"{name}.intermediate.dense"), "ERF")
        return self.norm(ops.add(self.linear(inner, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")

    def pooled(self, x: Any, real: Any) -> Any:
        """The mean of the tokens that are there, at unit length."""
        ops = self.ops
        weight = ops.unsqueeze(real, self.whole([2]))
        total = ops.reduce_sum(ops.multiply(x, weight), self.whole([1]), False)
        return ops.normalize_l2(total, self.whole([1]), 1e-24, "max")
