"""A sentence encoder in torch, so that it can learn: BERT from the served weights, with its folder's pooling and layers.

The same weights, tokenizer and limits as the embedder that serves (`models.embedding`), which a test compares; float32 all
through. What is learnt, and from what, is left to those who train it (`retriever`, `reranker`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from rung.errors import MissingExtra, ModelError, UserError
from rung.files.durable import write_whole
from rung.models.bert import Shape, weights_of
from rung.models.embedding import together
from rung.models.encoder_folder import EncoderFolder, read_encoder
from rung.models.encoder_modules import WEIGHTS, read_settings
from rung.models.encoder_tokenizer import open_tokenizer
from rung.records import Json
from rung.training.heads import headed, layers_of, pooled
from rung.training.sentence_files import place_of, small_files

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_INFERENCE_TOKENS = 4096  # padding included, of a batch whose gradient nobody wants


@runtime_checkable
class Opened(Protocol):
    """An embedder whose weights are in a folder here; `models.embedding.MiniLM` is one."""

    source: EncoderFolder


class Encoder:
    """A BERT whose weights are leaves of torch's graph: `parameters()` go to an optimiser. Has no dropout.

    `named` holds them by their Hugging Face names, without the prefix "bert."; what is put in their place is what is saved.
    """

    def __init__(self, source: EncoderFolder) -> None:
        """Raises:
        ModelError: it cannot be opened, or leaves its prompts out of the pooling, which training does not do.
        """
        import torch

        if source.leaves_prompt_out:
            raise ModelError(
                f"{source.folder} leaves its prompts out of the pooling (include_prompt): it cannot be tuned here"
            )
        self.source = source
        self.config: dict[str, Json] = read_settings(source.folder / "config.json")
        self.shape = Shape.of(self.config, str(source.folder / "config.json"))
        held = weights_of(source.folder / WEIGHTS, self.shape)
        # in memory of its own, whose alignment is always the same: equal trainings end with equal bytes
        self.named = {name: torch.from_numpy(weight).clone().requires_grad_() for name, weight in held.items()}
        self.layers = layers_of(source, self.shape.width)
        self.tokenizer = open_tokenizer(source, tokens=source.passage_tokens)
        other = source.query_tokens != source.passage_tokens
        self._of_questions = open_tokenizer(source, tokens=source.query_tokens) if other else self.tokenizer

    @classmethod
    def of(cls, source: object) -> Encoder:
        """From a folder in Hugging Face or sentence-transformers layout, or from an embedder that was opened from one.

        Raises:
            UserError: the embedder's weights are out of reach, or the folder holds no such encoder.
            MissingExtra: torch is not installed.
        """
        _need_torch()
        if isinstance(source, Path):
            return cls(read_encoder(source))
        if not isinstance(source, Opened):
            raise UserError(
                "this embedder's weights are out of reach, so it cannot be tuned: name minilm-l6-v2 or encoder:<folder>"
            )
        return cls(source.source)

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.source.dimensions or self._width

    @property
    def _width(self) -> int:
        """Of its vectors before they are cut."""
        dense = [len(layer.weights["weight"]) for layer in self.layers if layer.settings.kind == "dense"]
        return dense[-1] if dense else self.shape.width * len(self.source.poolings)

    def parameters(self) -> list[torch.Tensor]:
        """All weights, as leaves that ask for a gradient."""
        return list(self.named.values())

    @property
    def start(self) -> str:
        """Digest of the weights as they are now, and of what the folder says: names what a training began from."""
        import hashlib

        settings = self.source.described()
        whole = hashlib.sha256(json.dumps(settings, sort_keys=True).encode() if settings else b"")
        for name in sorted(self.named):
            whole.update(name.encode())
            whole.update(self.named[name].detach().numpy().tobytes())
        return whole.hexdigest()

    def flatten(self, *, words: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Lay the weights that are trained into one flat tensor; returns (values, gradient). All others are frozen.

        Frozen are the pooler, which no pooling looks at, the layers after the pooling, and without `words` the tables where
        tokens are looked up.
        """
        names = [n for n in self.named if not n.startswith("pooler.") and (words or not n.startswith("embeddings."))]
        return self.laid_flat(names)

    def laid_flat(self, names: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """`flatten` for the weights of these names."""
        import torch

        values = torch.cat([self.named[name].detach().reshape(-1) for name in names])
        gradient, begin = torch.zeros_like(values), 0
        for weight in self.named.values():
            weight.requires_grad_(False)
        for name in names:
            shape, end = self.named[name].shape, begin + self.named[name].numel()
            leaf = values[begin:end].view(shape).requires_grad_()
            leaf.grad = gradient[begin:end].view(shape)
            self.named[name], begin = leaf, end
        return values, gradient

    def tokens(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> list[list[int]]:
        """Ids of each text below its prompt, cut to what is seen, the marks at both ends included."""
        tokenizer = self._of_questions if kind == "query" else self.tokenizer
        read = [self.source.read(text, kind) for text in texts]
        return [encoded.ids for encoded in tokenizer.encode_batch_fast(read)] if texts else []

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`forward`."""
        return self.forward(ids, mask)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Each row's vector, not normalised, [n, d]. `ids`, `mask`: int64 [n, tokens], see `padded`."""
        vectors = headed(pooled(self.states(ids, mask), mask, self.source.poolings), self.layers)
        return vectors[:, : self.dimensions]

    def states(self, ids: torch.Tensor, mask: torch.Tensor, segments: torch.Tensor | None = None) -> torch.Tensor:
        """The last layer's states [n, tokens, d]. `segments`: 0 or 1 for each token of a pair; None: all 0."""
        from torch.nn.functional import embedding

        named = self.named
        x = embedding(ids, named["embeddings.word_embeddings.weight"])
        x = x + named["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = named["embeddings.token_type_embeddings.weight"]
        x = self._norm(x + (kinds[0] if segments is None else embedding(segments, kinds)), "embeddings.LayerNorm")
        seen = None if bool(mask.all()) else mask[:, None, None, :].bool()
        for number in range(self.shape.layers):
            x = self._layer(x, seen, f"encoder.layer.{number}")
        return x

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"] = "passage") -> NDArray[np.float32]:
        """Rows of unit length, float32 [len(texts), d], as the served embedder gives them; no gradient."""
        import numpy as np
        import torch

        rows = self.tokens(texts, kind=kind)
        vectors = np.empty((len(rows), self.dimensions), dtype=np.float32)
        with torch.inference_mode():
            for places in together(rows, tokens=_INFERENCE_TOKENS):
                output = torch.nn.functional.normalize(self.forward(*padded([rows[index] for index in places])))
                vectors[places] = output.numpy()
        return vectors

    def save(self, folder: Path) -> None:
        """Write the folder that `encoder:<folder>` and sentence-transformers open, each file whole or not at all.

        Raises:
            UserError: there is no room, or the folder may not be written.
        """
        from safetensors.torch import save

        small = self.small_files()
        try:
            for relative in small:
                (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror}") from error
        held = {name: weight.detach().contiguous() for name, weight in self.named.items()}
        write_whole(folder / WEIGHTS, save(held, metadata={"format": "pt"}))
        write_whole(folder / "tokenizer.json", self.tokenizer.to_str().encode())
        for number, layer in enumerate(self.layers):
            if layer.weights:
                copied = (layer.settings.folder / WEIGHTS).read_bytes()
                write_whole(folder / place_of(layer.settings, number) / WEIGHTS, copied)
        for name, content in small.items():
            write_whole(folder / name, json.dumps(content, indent=2, ensure_ascii=False).encode())

    def small_files(self) -> dict[str, Json]:
        """The small files of the layout, by name: those of transformers, and those of sentence-transformers."""
        return small_files(self.source, self.config, self.tokenizer, self.layers, width=self.shape.width)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import linear

        return linear(x, self.named[f"{name}.weight"], self.named[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        from torch.nn.functional import layer_norm

        weight, bias = self.named[f"{name}.weight"], self.named[f"{name}.bias"]
        return layer_norm(x, (self.shape.width,), weight, bias, self.shape.epsilon)

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        """[n, tokens, d] to [n, heads, tokens, d / heads]."""
        return x.view(x.shape[0], x.shape[1], self.shape.heads, -1).transpose(1, 2)

    def _layer(self, x: torch.Tensor, seen: torch.Tensor | None, name: str) -> torch.Tensor:
        from torch.nn.functional import gelu, scaled_dot_product_attention

        q, k, v = (self._heads(self._linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        size = self.shape.width // self.shape.heads
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=1 / math.sqrt(size))
        joined = mixed.transpose(1, 2).reshape(x.shape)
        x = self._norm(self._linear(joined, f"{name}.attention.output.dense") + x, f"{name}.attention.output.LayerNorm")
        inner = gelu(self._linear(x, f"{name}.intermediate.dense"))
        return self._norm(self._linear(inner, f"{name}.output.dense") + x, f"{name}.output.LayerNorm")


def padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask) of token rows: int64 [n, tokens of the longest], 0 where a row has ended."""
    import torch

    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.as_tensor(row)
        mask[index, : len(row)] = 1
    return ids, mask


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("train", "training") from error
