"""The shape of the model that is trained: the numbers of a llama, and the linear layers that adapters sit on.

Linear layers that read the same input are one product here: q, k, v and gate, up. Values are left to `training.network`
(frozen) and `training.lora` (trained).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Json

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Linear:
    """One linear layer as the checkpoint names it. `paired`: its channels are turned by position, in pairs."""

    name: str
    outputs: int
    paired: bool = False
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """Linear layers that read the same `inputs` channels; `norm` is the frozen norm before them ("" if there is none)."""

    name: str
    inputs: int
    parts: tuple[Linear, ...]
    norm: str = ""

    @property
    def outputs(self) -> int:
        """Channels of all parts together."""
        return sum(p.outputs for p in self.parts)


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a llama."""

    layers: int
    width: int
    inner: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    theta: float
    epsilon: float
    positions: int

    @classmethod
    def of(cls, config: Mapping[str, Json]) -> Shape:
        """From a Hugging Face Llama config.

        Raises:
            UserError: the model is no plain llama.
        """
        if config.get("model_type") != "llama" or config.get("hidden_act") != "silu" or config.get("rope_scaling"):
            raise UserError("only llama models without rope scaling can be tuned here: name another model")
        if config.get("attention_bias") or config.get("mlp_bias"):
            raise UserError("llama models with biases cannot be tuned here: name another model")

        def number(name: str) -> float:
            value = config.get(name)
            if not isinstance(value, (int, float)):
                raise UserError(f"the model's config.json lacks {name}: fetch the model again")
            return value

        heads = int(number("num_attention_heads"))
        return cls(
            layers=int(number("num_hidden_layers")),
            width=int(number("hidden_size")),
            inner=int(number("intermediate_size")),
            heads=heads,
            kv_heads=int(number("num_key_value_heads")),
            head_width=int(number("head_dim")) if "head_dim" in config else int(number("hidden_size")) // heads,
            vocabulary=int(number("vocab_size")),
            theta=float(number("rope_theta")),
            epsilon=float(number("rms_norm_eps")),
            positions=int(number("max_position_embeddings")),
        )

    def groups(self) -> tuple[Group, ...]:
        """The four products of a layer, in the order in which they are computed."""
        query, key = self.heads * self.head_width, self.kv_heads * self.head_width
        softened = self.head_width**-0.5  # the scores' scale sits in the query's weights
        return (
            Group(
                "qkv",
                self.width,
                (
                    Linear("self_attn.q_proj", query, paired=True, scale=softened),
                    Linear("self_attn.k_proj", key, paired=True),
                    Linear("self_attn.v_proj", key),
                ),
                norm="input_layernorm",
            ),
            Group("o", query, (Linear("self_attn.o_proj", self.width),)),
            Group(
                "gate_up",
                self.width,
                (Linear("mlp.gate_proj", self.inner), Linear("mlp.up_proj", self.inner)),
                norm="post_attention_layernorm",
            ),
            Group("down", self.inner, (Linear("mlp.down_proj", self.width),)),
        )

    def pairing(self, outputs: int) -> torch.Tensor:
        """Where each of our channels stands in the checkpoint: we keep the two of a rotary pair side by side.

        The checkpoint has them half a head apart; a pair side by side is one complex number, and turning it one product.
        """
        import torch

        half = self.head_width // 2
        within = torch.arange(half).repeat_interleave(2) + torch.tensor([0, half]).repeat(half)
        heads = torch.arange(outputs // self.head_width) * self.head_width
        return (heads[:, None] + within[None, :]).reshape(-1)
