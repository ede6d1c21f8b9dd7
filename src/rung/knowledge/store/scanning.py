"""The nearest vectors: exactly, as one matrix product; or about, by one bit a dimension, to compare vectors then.

The second way needs 48 bytes a passage at 384 dimensions, is the same whatever was added or removed before, and keeps every
filter exact: rows that may not be read are left out before anything is counted. Fetching rows is left to `lance_reading`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rung.knowledge.ranking import best_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

_BLOCK = 16_384  # rows at once: what is counted stays in the processor's cache
_THREADS = 2
_MAX_COPIED_SHARE = 0.25  # a filter that leaves less than this share has its rows copied out first


def codes(vectors: Vectors) -> NDArray[np.uint8]:
    """The signs of vectors, one bit a dimension: shape [n, d] to [n, 8 ⌈d / 64⌉] bytes."""
    n, dimensions = vectors.shape
    wide = np.zeros((n, -(-dimensions // 64) * 64), dtype=np.bool_)
    wide[:, :dimensions] = vectors > 0
    return np.packbits(wide, axis=1)


def nearest_exactly(queries: Vectors, vectors: Vectors, masks: list[NDArray[np.bool_] | None], depths: list[int]) -> Places:
    """For each query the columns of its best readable rows, in no order; exact up to single precision.

    Args:
        queries: shape [queries, dimensions].
        vectors: shape [rows, dimensions].
        masks: which rows may be read, shape [rows] each; None: all.
        depths: how many for each query.
    """
    # One query alone: a matrix library would wake its threads, which then spin while the embedder wants the processor.
    scores = queries @ vectors.T if len(queries) > 1 else np.einsum("qd,nd->qn", queries, vectors)
    nearest = []
    for row, mask, depth in zip(scores, masks, depths, strict=True):
        if mask is not None:
            row[~mask] = -np.inf
        nearest.append(best_columns(row, depth))
    return nearest


class Codes:
    """One bit a dimension of every row, in memory."""

    def __init__(self, rows: NDArray[np.uint8]) -> None:
        self._words = np.ascontiguousarray(rows.view(np.uint64).T)  # [words, rows]: one word of all rows lies together

    def candidates(self, query: Vectors, mask: NDArray[np.bool_] | None, count: int) -> NDArray[np.intp]:
        """The `count` rows, and all as near as the last, whose bits differ least from a query's; none that is masked out.

        They come in the order of rows.
        """
        allowed = None if mask is None else np.flatnonzero(mask)
        total = self._words.shape[1] if allowed is None else len(allowed)
        if total <= count:
            return np.arange(total) if allowed is None else allowed
        code = codes(query[None, :]).view(np.uint64)[0]
        if allowed is not None and total < _MAX_COPIED_SHARE * self._words.shape[1]:
            few: NDArray[np.intp] = allowed[_closest(_distances(self._words[:, allowed], code), count)]
            return few
        distances = _distances(self._words, code)
        if mask is not None:
            distances[~mask] = len(query) + 1
        return _closest(distances, count)


Places = list["NDArray[np.intp]"]


def _closest(distances: NDArray[np.uint16], count: int) -> NDArray[np.intp]:
    """The rows of the `count` smallest distances, and all that share the last one."""
    if count >= len(distances):
        return np.arange(len(distances))
    held = np.bincount(distances)
    last = int(np.searchsorted(np.cumsum(held), count))
    return np.flatnonzero(distances <= last)


def _distances(words: NDArray[np.uint64], code: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Differing bits of each row."""
    rows = words.shape[1]
    out = np.empty(rows, dtype=np.uint16)
    if rows < 8 * _BLOCK:
        _count(words, code, out)
        return out
    middle = rows // 2
    other = _pool().submit(_count, words[:, middle:], code, out[middle:])
    _count(words[:, :middle], code, out[:middle])
    other.result()
    return out


def _count(words: NDArray[np.uint64], code: NDArray[np.uint64], out: NDArray[np.uint16]) -> None:
    differing = np.empty((len(code), _BLOCK), dtype=np.uint64)
    counts = np.empty((len(code), _BLOCK), dtype=np.uint8)
    for start in range(0, words.shape[1], _BLOCK):
        size = min(_BLOCK, words.shape[1] - start)
        np.bitwise_xor(words[:, start : start + size], code[:, None], out=differing[:, :size])
        np.bitwise_count(differing[:, :size], out=counts[:, :size])
        np.add.reduce(counts[:, :size], axis=0, dtype=np.uint16, out=out[start : start + size])


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="rung-scan")
