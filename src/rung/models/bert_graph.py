"""A sentence encoder of the BERT family as an OpenVINO graph, built from `model.safetensors` without torch.

BERT (Devlin et al. 2019, arXiv 1810.04805), then pooling and the layers after it as sentence-transformers publishes them,
and L2 normalisation. Inputs: `input_ids` and `attention_mask`, and where the prompt is left out of the pooling
`pooling_mask`, all int64 [batch, tokens], padded on the right; output float32 [batch, width]. Tokenizing and batching are
left to `embedding`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rung.models.bert import Shape, weights_of
from rung.models.encoder_folder import EncoderFolder
from rung.models.encoder_modules import WEIGHTS, HeadLayer, with_weights

_LAYER_NORM_EPSILON = 1e-5  # torch's, which the LayerNorm of sentence-transformers does not change


def build(source: EncoderFolder) -> Any:
    """The `openvino.Model`.

    Raises:
        ModelError: the weights cannot be read, or do not fit the configuration.
    """
    import openvino
    from openvino import opset13 as ops

    shape = Shape.read(source.folder / "config.json")
    writer = _Writer(ops, weights_of(source.folder / WEIGHTS, shape), shape)
    inputs = {name: ops.parameter([-1, -1], openvino.Type.i64) for name in ("input_ids", "attention_mask")}
    if source.leaves_prompt_out:
        inputs["pooling_mask"] = ops.parameter([-1, -1], openvino.Type.i64)
    for name, given in inputs.items():
        given.output(0).set_names({name})
    real = ops.convert(inputs["attention_mask"], "f32")
    hidden = writer.embedded(inputs["input_ids"])
    bias = writer.bias(real)
    for number in range(shape.layers):
        hidden = writer.layer(hidden, bias, f"encoder.layer.{number}")
    pooled = real if "pooling_mask" not in inputs else ops.convert(inputs["pooling_mask"], "f32")
    ways = [writer.pooled(hidden, real, pooled, way) for way in source.poolings]
    vector = ops.concat(ways, 1) if len(ways) > 1 else ways[0]
    for layer, weights in with_weights(source.layers, shape.width * len(ways)):
        vector = writer.headed(vector, layer, weights)
    return openvino.Model([writer.unit(vector)], list(inputs.values()), "sentence_encoder")


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
        indices = ops.range(zero, length, self.whole(1), "i64")
        positions = ops.gather(ops.constant(self.weights["embeddings.position_embeddings.weight"]), indices, zero)
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

    def pooled(self, x: Any, real: Any, pooled: Any, way: str) -> Any:
        """[batch, tokens, width] to [batch, width]. `real`: 1 for a token, 0 for padding; `pooled`: for those that count."""
        ops, along = self.ops, self.whole([1])
        count = ops.unsqueeze(pooled, self.whole([2]))
        if way == "cls":
            return ops.gather(x, self.whole(0), self.whole(1))
        if way == "max":
            hidden = ops.multiply(ops.subtract(count, self.real(1.0)), self.real(1e9))
            return ops.reduce_max(ops.add(x, hidden), along, False)
        indices = self.indices(real)
        if way == "lasttoken":
            last = ops.subtract(ops.reduce_sum(real, along, True), self.real(1.0))
            count = ops.unsqueeze(ops.convert(ops.equal(indices, last), "f32"), self.whole([2]))
        if way == "weightedmean":
            weights = ops.unsqueeze(ops.add(indices, self.real(1.0)), self.whole([2]))
            count = ops.multiply(count, weights)
        total = ops.reduce_sum(ops.multiply(x, count), along, False)
        number = ops.maximum(ops.reduce_sum(count, along, False), self.real(1e-9))
        return ops.divide(total, ops.sqrt(number) if way == "mean_sqrt_len_tokens" else number)

    def indices(self, real: Any) -> Any:
        """0, 1, 2 … along the tokens: [batch, tokens]."""
        ops = self.ops
        length = ops.gather(ops.shape_of(real), self.whole(1), self.whole(0))
        indices = ops.convert(ops.range(self.whole(0), length, self.whole(1), "i64"), "f32")
        return ops.broadcast(ops.unsqueeze(indices, self.whole([0])), ops.shape_of(real))

    def headed(self, x: Any, layer: HeadLayer, weights: Mapping[str, Any]) -> Any:
        """A layer after the pooling: [batch, width] to [batch, its width]."""
        ops = self.ops
        if layer.kind == "normalize":
            return self.unit(x)
        constants = {name: ops.constant(weight) for name, weight in weights.items()}
        if layer.kind == "layer_norm":
            scaled = ops.mvn(x, self.whole([1]), True, _LAYER_NORM_EPSILON, "INSIDE_SQRT")
            return ops.add(ops.multiply(scaled, constants["weight"]), constants["bias"])
        product = ops.matmul(x, constants["weight"], False, True)
        output = self.activated(ops.add(product, constants["bias"]) if "bias" in constants else product, layer.activation)
        if not layer.residual:
            return output
        return ops.add(output, ops.matmul(x, constants["residual"], False, True) if "residual" in constants else x)

    def activated(self, x: Any, name: str) -> Any:
        """An activation by its name in `encoder_modules.ACTIVATIONS`."""
        ops = self.ops
        functions: dict[str, Callable[[Any], Any]] = {
            "Identity": lambda given: given,
            "Tanh": ops.tanh,
            "ReLU": ops.relu,
            "GELU": lambda given: ops.gelu(given, "ERF"),
            "Sigmoid": ops.sigmoid,
            "SiLU": ops.swish,
        }
        return functions[name](x)

    def unit(self, x: Any) -> Any:
        """Each row at unit length."""
        return self.ops.normalize_l2(x, self.whole([1]), 1e-24, "max")
