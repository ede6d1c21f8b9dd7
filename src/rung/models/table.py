"""Passages to unit vectors by a table with a row for each token, in microseconds; questions by the encoder that taught it.

A passage's vector is the weighted mean of its tokens' rows, so word order is not seen, and neither is what a word means in
its sentence. How the table was made: `benchmarks/make_table.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from zipfile import BadZipFile

from rung.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.embedding import Kind, MiniLM
    from rung.models.protocol import Vectors
    from rung.models.text_tokens import TextTokens

NAME = "table"
FILE = Path(__file__).with_name("token_tables") / "minilm-l6-v2.npz"
_FORMAT = 1  # of how rows become a vector
_AT_ONCE = 1024  # texts


@dataclass(frozen=True)
class TokenTable:
    """`rows` [tokens, dimensions], by token id; `constant` [dimensions] is added to every mean; `digest` of the file."""

    rows: Vectors
    constant: Vectors
    digest: str

    @classmethod
    def read(cls, path: Path = FILE) -> TokenTable:
        """Out of a file of `rows` (int8), a `scales` for each of them (float16), and `constant` (float32).

        Raises:
            ModelError: it is missing or damaged.
        """
        import numpy as np

        try:
            with np.load(path, allow_pickle=False) as held:
                rows = held["rows"].astype(np.float32) * held["scales"].astype(np.float32)[:, None]
                table = cls(rows, held["constant"].astype(np.float32), hashlib.sha256(path.read_bytes()).hexdigest())
        except (OSError, ValueError, KeyError, EOFError, IndexError, BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({error}): install Rung again") from error
        if rows.ndim != 2 or table.constant.shape != rows.shape[1:]:
            raise ModelError(
                f"{path} holds rows of {rows.shape} and a constant of {table.constant.shape}: install Rung again"
            )
        return table

    def vectors(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """Rows of unit length for these texts' tokens; each distinct one weighs 1 + ln(its count) in the mean."""
        import numpy as np
        from scipy.sparse import csr_array

        lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
        flat = np.fromiter((token for of in tokens for token in of), dtype=np.int64, count=int(lengths.sum()))
        text_of = np.repeat(np.arange(len(tokens)), lengths)
        pairs, counts = np.unique(text_of * len(self.rows) + flat, return_counts=True)
        text_of, token = np.divmod(pairs, len(self.rows))
        weights = (1 + np.log(counts)).astype(np.float32)
        weights /= np.bincount(text_of, weights=weights, minlength=len(tokens)).astype(np.float32)[text_of]
        ends = np.concatenate([[0], np.cumsum(np.bincount(text_of, minlength=len(tokens)))])
        mixed: Vectors = csr_array((weights, token, ends), shape=(len(tokens), len(self.rows))) @ self.rows + self.constant
        unit: NDArray[np.float32] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
        return unit


@cache
def shipped() -> TokenTable:
    """The table that comes with Rung; raises as `TokenTable.read`."""
    return TokenTable.read()


@dataclass(frozen=True)
class TableEmbedder:
    """An embedder of passages by a table and of questions by `encoder`, on whose vectors the table was taught.

    `read` is asked for the table when it is needed.
    """

    at_once: ClassVar[bool] = True  # it embeds faster than vectors are kept and read
    encoder: MiniLM
    read: Callable[[], TokenTable] = shipped

    @property
    def identity(self) -> str:
        """Digest of the table, and the encoder's identity."""
        return f"table:{self.read().digest}/{_FORMAT}/{self.encoder.identity}"

    @property
    def dimensions(self) -> int:
        """As of the encoder."""
        return self.encoder.dimensions

    @property
    def max_tokens(self) -> int:
        """As of the encoder, so that both cut passages alike. A longer text is seen whole."""
        return self.encoder.max_tokens

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """Rows of unit length, float32 [len(texts), dimensions]."""
        import numpy as np

        if kind == "query":
            return self.encoder.embed(texts, kind=kind)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            vectors[start : start + len(some)] = self.read().vectors(self.encoder.tokens(some))
        return vectors

    @property
    def counter(self) -> TextTokens:
        """The encoder's."""
        return self.encoder.counter

    def warm(self) -> None:
        """As the encoder."""
        self.encoder.warm()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the encoder counts."""
        return self.encoder.count_tokens(texts)
