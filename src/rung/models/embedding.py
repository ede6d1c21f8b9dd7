"""Texts to unit vectors on this machine: all-MiniLM-L6-v2, or an encoder like it in a folder, on OpenVINO.

What a folder means is read in `encoder_folder`, the graph is built in `bert_graph`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rung.errors import ModelError
from rung.models.bert_graph import build
from rung.models.encoder_folder import FILES, EncoderFolder, read_encoder
from rung.models.encoder_tokenizer import normalizer_change, open_tokenizer, prompt_tokens
from rung.models.precision import OPENVINO
from rung.models.sealed import made_once
from rung.models.text_tokens import TextTokens
from rung.models.weights import cache_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Embedder, Vectors

Kind = Literal["query", "passage"]
_BATCH_TOKENS = 2048  # tokens, padding included, of one inference: 1,024 to 16,384 differ by less than 20 %
_BATCH_TEXTS = 32
_WARM_WORDS = 32  # of questions
_FORMAT = 2


class MiniLM:
    """An encoder from a folder with `model.safetensors`, `tokenizer.json` and `config.json`. Thread-safe.

    Text past `max_tokens` tokens is not seen by the model: cut passages accordingly.
    """

    quick: Embedder | None = None  # whose passages may stand in for its own until it has embedded them

    def __init__(self, source: EncoderFolder, *, digest: str, cache: Path | None = None, dimensions: int = 0) -> None:
        """`cache`: where the graph is kept, where the folder is not Rung's own. `dimensions`: only so many, the leading
        ones, of an encoder that was trained for it (Matryoshka); 0: as the folder says.

        Raises:
            ModelError: the folder holds no such encoder, or one of fewer dimensions.
        """
        self._digest = digest
        lengths = {source.query_tokens, source.passage_tokens}
        self._tokenizers = {tokens: open_tokenizer(source, tokens=tokens) for tokens in lengths}
        self.counter = TextTokens(open_tokenizer(source), lowercase=source.lowercase)  # by which other processes count alike
        self._prompted = {
            kind: prompt_tokens(self._tokenizers[source.tokens(kind)], source.read("", kind)) for kind in _KINDS
        }
        self._graph = _graph(source, cache or source.folder)
        self._width = int(self._graph.output(0).partial_shape[1].get_length())
        width = dimensions or source.dimensions or self._width
        if not 0 < width <= self._width:
            raise ModelError(f"{source.folder} has {self._width} dimensions, not {width}")
        self.source = replace(source, dimensions=0 if width == self._width else width)
        self._running = threading.Lock()

    @cached_property  # every step asks for it, and versions are read from files
    def identity(self) -> str:
        """Digest of what the folder says and holds, and the runtime that computes."""
        cut = f"/first-{self.source.dimensions}" if self.source.dimensions else ""
        return f"local:{self._digest}/openvino-{version('openvino')}/f32/{self.source.passage_tokens}{cut}"

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self.source.dimensions or self._width

    @property
    def max_tokens(self) -> int:
        """Tokens of a passage that are seen, the marks at its ends included, its prompt not."""
        return self.source.passage_tokens - max(0, self._prompted["passage"] - self.counter.marks + 1)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """Rows of unit length, float32 [len(texts), dimensions]; the prompt of this kind stands before each text."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        tokenizer, read = self._tokenizers[self.source.tokens(kind)], [self.source.read(text, kind) for text in texts]
        encoded = [e.ids for e in tokenizer.encode_batch_fast(read)] if texts else []
        for indices in together(encoded):
            output = self._infer([encoded[i] for i in indices], self._prompted[kind])[:, : self.dimensions]
            whole = not self.source.dimensions
            vectors[indices] = output if whole else output / np.maximum(np.linalg.norm(output, axis=1, keepdims=True), 1e-12)
        return vectors

    def warm(self) -> None:
        """Be ready for questions: the first of a length takes several times as long as the next."""
        for words in range(1, _WARM_WORDS + 1):
            self.embed([" ".join(["is"] * words)], kind="query")

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, the marks included, the prompt not."""
        return self.counter.count(texts)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, uncut, without marks and prompt."""
        return self.counter.ids(texts)

    def _infer(self, rows: Sequence[Sequence[int]], prompted: int) -> NDArray[np.float32]:
        """`prompted`: tokens at the start of each row that are left out of the pooling, where the folder wants it."""
        import numpy as np

        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        given = {"input_ids": ids, "attention_mask": mask}
        if self.source.leaves_prompt_out:
            given["pooling_mask"] = mask.copy()
            given["pooling_mask"][:, :prompted] = 0
        with self._running:
            output: NDArray[np.float32] = self._compiled(given)[0].copy()
        return output

    @cached_property  # when it is first asked: a command that finds its searches remembered embeds nothing
    def _compiled(self) -> Any:
        """float32, whatever the CPU multiplies in: an index, what was learnt on its vectors and deployments name them."""
        import openvino

        compiled = openvino.Core().compile_model(self._graph, "CPU", OPENVINO["exact"])
        self._graph = None
        return compiled


_KINDS: tuple[Kind, ...] = ("query", "passage")


def encoder(folder: Path, *, dimensions: int = 0) -> MiniLM:
    """The encoder in a folder that is the user's own: nothing is written there. `dimensions` as for `MiniLM`.

    Raises:
        ModelError: the folder holds no BERT that can be read as its makers mean it; names what is not understood.
    """
    source = read_encoder(folder)
    digest = digest_of(source)
    return MiniLM(source, digest=digest, cache=cache_folder() / "models" / f"encoder-{digest[:12]}", dimensions=dimensions)


def digest_of(source: EncoderFolder) -> str:
    """SHA-256 of all that vectors depend on: weights, configuration, tokenizer, and what `EncoderFolder` says of them."""
    whole = hashlib.sha256()
    for name in FILES:
        with (source.folder / name).open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    settings = source.described()
    if changed := normalizer_change(source):
        settings["normalizer"] = changed
    if settings:
        whole.update(json.dumps(settings, sort_keys=True).encode())
    return whole.hexdigest()


def together(encoded: Sequence[Sequence[int]], *, tokens: int = _BATCH_TOKENS) -> list[list[int]]:
    """Places of texts of like length together, so that little is padded; `tokens`, padding included, in a batch."""
    batches: list[list[int]] = []
    for index in sorted(range(len(encoded)), key=lambda i: len(encoded[i])):
        room = len(batches[-1]) + 1 if batches else 0
        if not batches or room > _BATCH_TEXTS or room * len(encoded[index]) > tokens:
            batches.append([])
        batches[-1].append(index)
    return batches


def _graph(source: EncoderFolder, cache: Path) -> Any:
    """The graph, from the cache where it is there."""
    import openvino

    def make(scratch: Path) -> Path:
        openvino.save_model(build(source), scratch / "made" / "model.xml", compress_to_fp16=False)
        return scratch / "made"

    converted = made_once(cache / f"openvino-{version('openvino')}-{_FORMAT}", make)
    return openvino.Core().read_model(converted / "model.xml")
