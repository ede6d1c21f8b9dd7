"""How does a sentence encoder compute, so that it can learn? BERT with mean pooling in torch, from the served weights.

The same weights, tokenizer and limit as the embedder that serves (`models.embedding`), which a test compares; float32 all
through. What is learnt, and from what, is left to those who train it (`retriever`, `reranker`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rung.errors import MissingExtra, UserError
from rung.models.bert_graph import Shape, weights_of
from rung.models.embedding import MAX_TOKENS, longest_of, together
from rung.records import Json
from rung.training.checkpoint import write_whole

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_INFERENCE_TOKENS = 4096  # padding included, of a batch whose gradient nobody wants


@runtime_checkable
class Opened(Protocol):
    """An embedder whose weights are in a folder here; `models.embedding.MiniLM` is one."""

    folder: Path


class Encoder:
    """A BERT whose weights are leaves of torch's graph: `parameters()` go to an optimiser. Has no dropout.

    `named` holds them by their Hugging Face names, without the prefix "bert."; what is put in their place is what is saved.
    """

    def __init__(
        self,
        weights: Mapping[str, torch.Tensor],
        config: Mapping[str, Json],
        tokenizer: str,
        *,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """`config` and `tokenizer` as in `config.json` and `tokenizer.json`; `weights` are copied.

        Raises:
            ModelError: it is no BERT with GELU and absolute positions.
        """
        from tokenizers import Tokenizer

        self.config = dict(config)
        self.shape = Shape.of(config, "this encoder")
        self.max_tokens = min(max_tokens, self.shape.positions)
        self.named = {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}
        self.tokenizer = Tokenizer.from_str(tokenizer)
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.max_tokens)

    @classmethod
    def of(cls, source: object) -> Encoder:
        """From a folder in Hugging Face layout, or from an embedder that was opened from one.

        Raises:
            UserError: the embedder's weights are out of reach, or the folder holds no such encoder.
            MissingExtra: torch is not installed.
        """
        _need_torch()
        import torch

        folder = source.folder if isinstance(source, Opened) else source
        if not isinstance(folder, Path):
            raise UserError(
                "this embedder's weights are out of reach, so it cannot be tuned: name minilm-l6-v2 or encoder:<folder>"
            )
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
            weights = {name: torch.from_numpy(weight) for name, weight in weights_of(folder / "model.safetensors").items()}
        except (OSError, ValueError) as error:
            raise UserError(
                f"{folder} holds no encoder (config.json, model.safetensors, tokenizer.json): {error}"
            ) from error
        return cls(weights, config, tokenizer, max_tokens=longest_of(folder))

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.shape.width

    def parameters(self) -> list[torch.Tensor]:
        """All weights, as leaves that ask for a gradient."""
        return list(self.named.values())

    @property
    def start(self) -> str:
        """Digest of the weights as they are now: names what a training began from."""
        import hashlib

        whole = hashlib.sha256()
        for name in sorted(self.named):
            whole.update(name.encode())
            whole.update(self.named[name].detach().numpy().tobytes())
        return whole.hexdigest()

    def flatten(self, *, words: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Lay the weights that are trained into one flat tensor; returns (values, gradient). All others are frozen.

        Frozen are the pooler, which mean pooling never looks at, and without `words` the tables where tokens are looked up.
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

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, cut to `max_tokens`, the marks at both ends included."""
        return [encoded.ids for encoded in self.tokenizer.encode_batch_fast(list(texts))] if texts else []

    def __call__(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """`forward`."""
        return self.forward(ids, mask)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean of each row's token states, not normalised, [n, d]. `ids`, `mask`: int64 [n, tokens], see `padded`."""
        weight = mask[:, :, None].to(self.named["embeddings.LayerNorm.weight"].dtype)
        return (self.states(ids, mask) * weight).sum(1) / weight.sum(1)

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

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows of unit length, float32 [len(texts), d], as the served embedder gives them; no gradient."""
        import numpy as np
        import torch

        rows = self.tokens(texts)
        vectors = np.empty((len(rows), self.dimensions), dtype=np.float32)
        with torch.inference_mode():
            for places in together(rows, tokens=_INFERENCE_TOKENS):
                found = torch.nn.functional.normalize(self.forward(*padded([rows[place] for place in places])))
                vectors[places] = found.numpy()
        return vectors

    def save(self, folder: Path) -> None:
        """Write the folder that `encoder:<folder>` and sentence-transformers open, each file whole or not at all.

        Raises:
            UserError: there is no room, or the folder may not be written.
        """
        from safetensors.torch import save

        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "1_Pooling").mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror}") from error
        held = {name: weight.detach().contiguous() for name, weight in self.named.items()}
        write_whole(folder / "model.safetensors", save(held, metadata={"format": "pt"}))
        write_whole(folder / "tokenizer.json", self.tokenizer.to_str().encode())
        for name, said in self.described().items():
            write_whole(folder / name, json.dumps(said, indent=2, ensure_ascii=False).encode())

    def described(self) -> dict[str, Json]:
        """The small files of the layout, by name: those of transformers, and those of sentence-transformers."""
        kept: dict[str, Json] = {key: value for key, value in self.config.items() if not key.startswith("_")}
        where = "sentence_transformers.models"
        return {
            "config.json": {**kept, "architectures": ["BertModel"]},
            "tokenizer_config.json": {
                "tokenizer_class": "BertTokenizer",
                "model_max_length": self.max_tokens,
                "do_lower_case": self._lowers(),
                **{f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")},
            },
            "sentence_bert_config.json": {"max_seq_length": self.max_tokens, "do_lower_case": False},
            "config_sentence_transformers.json": {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"},
            "modules.json": [
                {"idx": 0, "name": "0", "path": "", "type": f"{where}.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{where}.Pooling"},
                {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{where}.Normalize"},
            ],
            "1_Pooling/config.json": {
                "word_embedding_dimension": self.dimensions,
                "pooling_mode_cls_token": False,
                "pooling_mode_mean_tokens": True,
                "pooling_mode_max_tokens": False,
            },
        }

    def _lowers(self) -> bool:
        said = json.loads(self.tokenizer.to_str()).get("normalizer") or {}
        return bool(said.get("lowercase", True))

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
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.as_tensor(row)
        mask[place, : len(row)] = 1
    return ids, mask


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("train", "training") from error
