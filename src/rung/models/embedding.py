"""Texts to unit vectors on this machine: all-MiniLM-L6-v2 on OpenVINO. The graph is built in `bert_graph`."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rung.models.bert_graph import Shape, build

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors

_MAX_TOKENS = 256  # what the model was published with; its tokenizer.json says 128, and pads to it
_BATCH_TOKENS = 2048  # tokens, padding included, of one inference: 1,024 to 16,384 differ by less than 20 %
_BATCH_TEXTS = 32
_WORDS = re.compile(r"[^ \t\n\r]+")  # other white space is left to the tokenizer
_WORDS_KEPT = 500_000
_FORMAT = 1


class MiniLM:
    """An encoder from a folder with `model.safetensors`, `tokenizer.json` and `config.json`. Thread-safe.

    Text past `max_tokens` tokens is not seen by the model: cut passages accordingly.
    """

    def __init__(self, folder: Path, *, digest: str) -> None:
        from tokenizers import Tokenizer

        self._shape = Shape.read(folder / "config.json")
        self._digest = digest
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._counter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._counter.no_padding()
        self._counter.no_truncation()
        self._known: dict[str, int] = {}  # word -> tokens
        self._compiled = _compiled(folder, self._shape)
        self._running = threading.Lock()

    @property
    def identity(self) -> str:
        """Digest of the weights, and the runtime that computes."""
        return f"local:{self._digest}/openvino-{version('openvino')}/f32/{_MAX_TOKENS}"

    @property
    def dimensions(self) -> int:
        """384."""
        return self._shape.width

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are seen, the two marks at its ends included."""
        return _MAX_TOKENS

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:  # noqa: ARG002 - the protocol's
        """Rows of unit length, float32 [len(texts), 384]. Queries and passages are treated alike by this model."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        encoded = [e.ids for e in self._tokenizer.encode_batch_fast(list(texts))] if texts else []
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        for places in _batches(order, encoded):
            vectors[places] = self._infer([encoded[i] for i in places])
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, the two marks included.

        WordPiece never looks past white space, so a text has the tokens of its words: each distinct word is tokenized once.
        """
        split = [_WORDS.findall(text) for text in texts]
        known = self._known
        new = list({word for words in split for word in words if word not in known})
        if new:
            if len(known) + len(new) > _WORDS_KEPT:
                known = {word: known[word] for words in split for word in words if word in known}
            encoded = self._counter.encode_batch_fast(new, add_special_tokens=False)
            known.update(zip(new, map(len, encoded), strict=True))
            self._known = known
        return [2 + sum(map(known.__getitem__, words)) for words in split]

    def _infer(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        import numpy as np

        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        with self._running:
            found: NDArray[np.float32] = self._compiled({"input_ids": ids, "attention_mask": mask})[0].copy()
        return found


def _batches(order: Sequence[int], encoded: Sequence[Sequence[int]]) -> list[list[int]]:
    """Texts of like length together, so that little is padded."""
    batches: list[list[int]] = []
    for place in order:
        room = len(batches[-1]) + 1 if batches else 0
        if not batches or room > _BATCH_TEXTS or room * len(encoded[place]) > _BATCH_TOKENS:
            batches.append([])
        batches[-1].append(place)
    return batches


def _compiled(folder: Path, shape: Shape) -> Any:
    """The graph, from the cache where it is there. float32: bfloat16 is no faster on CPUs without AMX, and less exact."""
    import openvino

    core = openvino.Core()
    kept = folder / f"openvino-{version('openvino')}-{_FORMAT}"
    if not (kept / "model.xml").exists():
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as scratch:
            made = Path(scratch) / "made"
            openvino.save_model(build(folder / "model.safetensors", shape), made / "model.xml", compress_to_fp16=False)
            try:
                made.rename(kept)
            except OSError:  # another process was faster: its folder is as good
                if not (kept / "model.xml").exists():
                    raise
    return core.compile_model(core.read_model(kept / "model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
