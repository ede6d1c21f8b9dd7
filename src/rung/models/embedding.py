"""Texts to unit vectors on this machine: all-MiniLM-L6-v2, or an encoder like it in a folder, on OpenVINO.

The graph is built in `bert_graph`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rung.errors import ModelError
from rung.models.bert_graph import Shape, build
from rung.models.precision import OPENVINO
from rung.models.weights import cache_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors

MAX_TOKENS = 256  # what the model was published with; its tokenizer.json says 128, and pads to it
_BATCH_TOKENS = 2048  # tokens, padding included, of one inference: 1,024 to 16,384 differ by less than 20 %
_BATCH_TEXTS = 32
_WORDS = re.compile(r"[^ \t\n\r]+")  # other white space is left to the tokenizer
_WORDS_KEPT = 500_000
_FORMAT = 1
_FILES = ("model.safetensors", "config.json", "tokenizer.json")


class MiniLM:
    """An encoder from a folder with `model.safetensors`, `tokenizer.json` and `config.json`. Thread-safe.

    Text past `max_tokens` tokens is not seen by the model: cut passages accordingly.
    """

    def __init__(self, folder: Path, *, digest: str, cache: Path | None = None, dimensions: int = 0) -> None:
        """`cache`: where the graph is kept, where the folder is not Rung's own. `dimensions`: only so many, the leading
        ones, of an encoder that was trained for it (Matryoshka); 0: all.

        Raises:
            ModelError: the folder holds no such encoder, or one of fewer dimensions.
        """
        self.folder = folder
        self._shape = Shape.read(folder / "config.json")
        if not 0 <= dimensions <= self._shape.width:
            raise ModelError(f"{folder} has {self._shape.width} dimensions, not {dimensions}")
        self._kept = dimensions or self._shape.width
        self._longest = longest_of(folder)
        self._digest = digest
        self._tokenizer = bare_tokenizer(folder)
        self._tokenizer.enable_truncation(self._longest)
        self._counter = bare_tokenizer(folder)
        self._known: dict[str, int] = {}  # word -> tokens
        self._compiled = _compiled(folder, cache or folder, self._shape)
        self._running = threading.Lock()

    @property
    def identity(self) -> str:
        """Digest of the weights, and the runtime that computes."""
        cut = "" if self._kept == self._shape.width else f"/first-{self._kept}"
        return f"local:{self._digest}/openvino-{version('openvino')}/f32/{self._longest}{cut}"

    @property
    def dimensions(self) -> int:
        """Of its vectors."""
        return self._kept

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are seen, the two marks at its ends included."""
        return self._longest

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:  # noqa: ARG002 - the protocol's
        """Rows of unit length, float32 [len(texts), 384]. Queries and passages are treated alike by this model."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        encoded = [e.ids for e in self._tokenizer.encode_batch_fast(list(texts))] if texts else []
        for places in together(encoded):
            found = self._infer([encoded[i] for i in places])[:, : self._kept]
            whole = self._kept == self._shape.width
            vectors[places] = found if whole else found / np.linalg.norm(found, axis=1, keepdims=True)
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


def encoder(folder: Path, *, dimensions: int = 0) -> MiniLM:
    """The encoder in a folder that is the user's own: nothing is written there. `dimensions` as for `MiniLM`.

    Raises:
        ModelError: the folder holds no BERT with mean pooling.
    """
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ModelError(f"{folder} is no sentence encoder: it has no {', '.join(missing)}")
    pooling = _said(folder / "1_Pooling" / "config.json")
    ways = [key for key, on in pooling.items() if key.startswith("pooling_mode_") and on is True]
    if ways and ways != ["pooling_mode_mean_tokens"]:
        raise ModelError(f"{folder} pools by {', '.join(ways)}: only the mean over the tokens can be opened here")
    whole = hashlib.sha256()
    for name in _FILES:
        with (folder / name).open("rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    digest = whole.hexdigest()
    cache = cache_folder() / "models" / f"encoder-{digest[:12]}"
    return MiniLM(folder, digest=digest, cache=cache, dimensions=dimensions)


def bare_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer without padding and truncation.

    Raises:
        ModelError: there is none.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"{folder / 'tokenizer.json'} cannot be read: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def longest_of(folder: Path) -> int:
    """Tokens of a text that the encoder of a folder sees: as sentence-transformers' file says, at most its positions."""
    said = _said(folder / "sentence_bert_config.json").get("max_seq_length")
    longest = said if isinstance(said, int) and said > 2 else MAX_TOKENS
    return min(longest, Shape.read(folder / "config.json").positions)


def _said(path: Path) -> dict[str, Any]:
    """What a small file of the layout says; nothing where it is not there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def together(encoded: Sequence[Sequence[int]], *, tokens: int = _BATCH_TOKENS) -> list[list[int]]:
    """Places of texts of like length together, so that little is padded; `tokens`, padding included, in a batch."""
    batches: list[list[int]] = []
    for place in sorted(range(len(encoded)), key=lambda i: len(encoded[i])):
        room = len(batches[-1]) + 1 if batches else 0
        if not batches or room > _BATCH_TEXTS or room * len(encoded[place]) > tokens:
            batches.append([])
        batches[-1].append(place)
    return batches


def _compiled(folder: Path, cache: Path, shape: Shape) -> Any:
    """The graph, from the cache where it is there. float32: bfloat16 is no faster on CPUs without AMX, and less exact."""
    import openvino

    core = openvino.Core()
    kept = cache / f"openvino-{version('openvino')}-{_FORMAT}"
    if not (kept / "model.xml").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
            made = Path(scratch) / "made"
            openvino.save_model(build(folder / "model.safetensors", shape), made / "model.xml", compress_to_fp16=False)
            try:
                made.rename(kept)
            except OSError:  # another process was faster: its folder is as good
                if not (kept / "model.xml").exists():
                    raise
    return core.compile_model(core.read_model(kept / "model.xml"), "CPU", OPENVINO["exact"])
