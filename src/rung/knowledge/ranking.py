"""In which order? Exact dense scores, ties, and reciprocal rank fusion: arithmetic only, shared by every store.

The result is the same whichever way the candidates were found: scores are computed again in double precision and rounded,
so that neither the batch's size nor the machine's matrix kernels decide an order, and equal scores go by passage id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rung.knowledge.protocol import Fusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

SLACK = 16  # candidates fetched beyond the depth, for what single precision may have put one place too low
DIGITS = 6

Ranking = list[tuple[str, float]]  # (passage id, score), best first


def dense_scores(vectors: Vectors, query: Vectors) -> list[float]:
    """Cosines of unit vectors, shape [n, d] by [d], in double precision, rounded."""
    products = (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return [round(float(score), DIGITS) for score in products]


def best_columns(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Columns of the `count` highest finite scores of one row, in no order."""
    found = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
    return found[np.isfinite(scores[found])]


def ordered(ids: Sequence[str], scores: Sequence[float], depth: int) -> Ranking:
    """The `depth` best, best first; equal scores by id."""
    return sorted(zip(ids, scores, strict=True), key=lambda pair: (-pair[1], pair[0]))[:depth]


def fused(dense: Ranking, bm25: Ranking, fusion: Fusion, top: int) -> Ranking:
    """The `top` best by reciprocal rank fusion."""
    scores: dict[str, float] = {}
    for weight, ranking in ((fusion.dense_weight, dense), (1 - fusion.dense_weight, bm25)):
        if weight > 0:
            for rank, (id, _) in enumerate(ranking, 1):
                scores[id] = scores.get(id, 0.0) + weight / (fusion.k + rank)
    return ordered(list(scores), [round(s, 9) for s in scores.values()], top)
