"""Another way of asking the same index: an embedder whose question vectors go through a matrix, whose passages stay."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.errors import ModelError
from rung.models.protocol import Embedder

if TYPE_CHECKING:
    from rung.models.protocol import Vectors

MATRIX = "query_map.npy"


@dataclass(frozen=True)
class Mapped:
    """`base` with `matrix` [d, d], float32; see `training.query_map`, which learns it."""

    base: Embedder
    matrix: Vectors

    @classmethod
    def open(cls, folder: Path, base: Embedder) -> Mapped:
        """The matrix of an artifact.

        Raises:
            ModelError: it cannot be read, or is for vectors of another size.
        """
        import numpy as np

        try:
            matrix = np.load(folder / MATRIX, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ModelError(f"{folder / MATRIX} cannot be read: {error}") from error
        if matrix.shape != (base.dimensions, base.dimensions):
            raise ModelError(f"{folder / MATRIX} is {matrix.shape}, made for another embedder than {base.identity}")
        return cls(base, matrix.astype(np.float32))

    @property
    def identity(self) -> str:
        """That of the base, and the digest of the matrix."""
        return f"map:{hashlib.sha256(self.matrix.tobytes()).hexdigest()[:16]}/{self.base.identity}"

    @property
    def passages_by(self) -> str:
        """Whose passage vectors serve: an index that the base made is searched by this one."""
        return self.base.identity

    @property
    def quick(self) -> Embedder | None:
        """Whose passages may stand in for the base's."""
        return getattr(self.base, "quick", None)

    @property
    def dimensions(self) -> int:
        """As of the base."""
        return self.base.dimensions

    @property
    def max_tokens(self) -> int:
        """As of the base."""
        return self.base.max_tokens

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        """Rows of unit length, float32 [len(texts), dimensions]."""
        import numpy as np

        vectors = self.base.embed(texts, kind=kind)
        if kind == "passage":
            return vectors
        moved = vectors @ self.matrix
        unit: Vectors = (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)).astype(np.float32)
        return unit

    def warm(self) -> None:
        """As the base, where that can be."""
        getattr(self.base, "warm", lambda: None)()

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the base counts."""
        return self.base.count_tokens(texts)
