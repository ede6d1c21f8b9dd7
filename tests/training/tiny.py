"""A llama of a few thousand weights with a byte tokenizer: everything of the trainer but the size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rung.models.scripted import ScriptedGenerator
from rung.records import Example, Failure, Json, Message
from rung.records.steps import Request, Result
from rung.training import Recipe, Trainable
from rung.training.bases import base_of
from rung.training.examples import Row, rows_of
from rung.training.learner import Learner

if TYPE_CHECKING:
    from numpy.typing import NDArray

END = 256
RECIPE = Recipe(rank=4, alpha=8, learning_rate=0.02, epochs=4, batch_rows=4, checkpoint_seconds=0, seed=5, validation=0.1)
CONFIG: dict[str, Json] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-05,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "vocab_size": 260,
}
# Widths that kernels for real models can take: multiples of 64, heads as wide as SmolLM2's.
WIDE: dict[str, Json] = {
    **CONFIG,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "head_dim": 64,
}


_NUMBERS = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim"),
)


class ByteTokens:
    """One token a byte; the mark of the end is one token."""

    end = "\x00"

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[END if byte == 0 else byte for byte in text.encode()] for text in texts]

    def token(self, number: int) -> str:
        return self.end if number == END else chr(number)

    def render(self, messages: Sequence[Message]) -> str:
        return "".join(f"<{m.role}>{m.content}\n" for m in messages) + "<assistant>"


class TinyModel:
    """A model whose weights are here, drawn from a seed."""

    name = "tiny"

    def __init__(self, seed: int = 0, config: dict[str, Json] = CONFIG) -> None:
        self.seed, self.config = seed, config
        self.tokens = ByteTokens()

    @property
    def identity(self) -> str:
        return f"tiny:{self.seed}"

    def weights(self) -> dict[str, NDArray[np.float32]]:
        luck = np.random.default_rng(self.seed)
        width, inner, layers, queries, keys, head = (int(str(self.config[name])) for name in _NUMBERS)
        spread = 0.2 * (32 / width) ** 0.5

        def draw(*size: int) -> NDArray[np.float32]:
            return luck.normal(0, spread, size).astype(np.float32)

        weights = {"model.embed_tokens.weight": draw(260, width), "model.norm.weight": 1 + draw(width)}
        for n in range(layers):
            layer = f"model.layers.{n}"
            for name, rows in (("q", queries * head), ("k", keys * head), ("v", keys * head)):
                weights[f"{layer}.self_attn.{name}_proj.weight"] = draw(rows, width)
            weights[f"{layer}.input_layernorm.weight"] = 1 + draw(width)
            weights[f"{layer}.self_attn.o_proj.weight"] = draw(width, queries * head)
            for name in ("gate", "up"):
                weights[f"{layer}.mlp.{name}_proj.weight"] = draw(inner, width)
            weights[f"{layer}.post_attention_layernorm.weight"] = 1 + draw(width)
            weights[f"{layer}.mlp.down_proj.weight"] = draw(width, inner)
        return weights


class Served(TinyModel):
    """The tiny model with somebody who answers, and a count of what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.voice = ScriptedGenerator([("", "1. one\n2. two\n3. three\n4. four\n5. five")])
        self.asked = 0

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        self.voice.use_adapters(adapters)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        self.asked += len(requests)
        return self.voice.run(requests)

    def close(self) -> None:
        """Nothing is held."""


def chats(count: int, *, system: str = "Say the number's word.") -> list[Example]:
    """Short chats that begin alike and are not of one length."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return [
        Example(
            f"e{n}",
            (Message("system", system), Message("user", "#" * (n % 5 + 1) + str(n)), Message("assistant", words[n % 10])),
        )
        for n in range(count)
    ]


def token_rows(count: int, *, system: str = "Say the number's word.") -> list[Row]:
    """The chats as tokens."""
    return list(rows_of(chats(count, system=system), ByteTokens(), max_tokens=512).rows)


def stirred(model: Trainable, *, first: int = 0, rank: int = 4, by: float = 0.1) -> Learner:
    """Adapters with nothing zero in them."""
    import torch

    recipe = Recipe(rank=rank, alpha=6.0, first_layer=first, seed=1, device="cpu", precision="float32")
    learner = base_of(model).learner(recipe, token_rows(8))
    learner.values.add_(torch.randn(learner.values.shape, generator=torch.Generator().manual_seed(2)) * by)
    return learner


def stirred_folder(folder: Path, model: Trainable, *, first: int = 0, rank: int = 4, by: float = 0.1) -> Path:
    """Such adapters as a PEFT folder."""
    folder.mkdir(parents=True, exist_ok=True)
    named: dict[str, Json] = {"name": model.name, "identity": model.identity}
    for name, content in stirred(model, first=first, rank=rank, by=by).files(base=named).items():
        (folder / name).write_bytes(content)
    return folder
