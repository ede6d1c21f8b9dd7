"""Rankings: exact dense scores, ties, and how two become one; arithmetic only, shared by every store.

The result is the same whichever way the candidates were found: scores are computed again in double precision and rounded,
so that neither the batch's size nor the machine's matrix kernels decide an order, and equal scores go by passage id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from rung.knowledge.protocol import Fusion
from rung.stats.rank_fusion import reciprocal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rung.knowledge.protocol import Vectors

T = TypeVar("T")
SLACK = 16  # candidates fetched beyond the depth, for what single precision may have put one place too low
DIGITS = 6

Ranking = list[tuple[str, float]]  # (passage id, score), best first


def dense_scores(vectors: Vectors, query: Vectors) -> list[float]:
    """Cosines of unit vectors, shape [n, d] by [d], in double precision, rounded."""
    products = (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    return [round(float(score), DIGITS) for score in products]


def best_columns(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Columns of the `count` highest finite scores of one row, in no order."""
    best = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
    return best[np.isfinite(scores[best])]


def ordered(ids: Sequence[str], scores: Sequence[float], depth: int) -> Ranking:
    """The `depth` best, best first; equal scores by id."""
    return sorted(zip(ids, scores, strict=True), key=lambda pair: (-pair[1], pair[0]))[:depth]


def fused(dense: Ranking, bm25: Ranking, fusion: Fusion, top: int | None = None) -> Ranking:
    """Both rankings as one, see `Fusion`; its `top` best, or all.

    By scores, what the dense ranking does not hold counts there as its last one does, which it cannot be better than; what
    BM25 does not hold has hardly a word of the query, and counts nothing there. By ranks, neither counts anything.
    """
    weight, worth = fusion.dense_weight, _shares if fusion.by == "scores" else _reciprocal
    near, worded = worth(dense) if weight > 0 else {}, worth(bm25) if weight < 1 else {}
    last = min(near.values(), default=0.0) if fusion.by == "scores" else 0.0
    ids = list(near | worded)
    scores = [round(weight * near.get(id, last) + (1 - weight) * worded.get(id, 0.0), 9) for id in ids]
    return ordered(ids, scores, len(ids) if top is None else top)


def _shares(ranking: Ranking) -> dict[str, float]:
    """Each score as a share of the best. Where even the best is not above 0, the distance to it keeps the order."""
    best = max((score for _, score in ranking), default=0.0)
    return {id: score / best if best > 0 else 1 + score - best for id, score in ranking}


def _reciprocal(ranking: Ranking) -> dict[str, float]:
    return reciprocal(id for id, _ in ranking)


def diverse(ranking: Sequence[tuple[T, float]], vectors: Vectors, diversity: float, top: int) -> list[tuple[T, float]]:
    """The `top` of a ranking in the order of maximal marginal relevance (Carbonell, Goldstein 1998).

    Each next one has the highest (1 − diversity) · score / best score − diversity · its highest cosine with those before.

    Args:
        ranking: (passage, score), best first; the scores stay as they are.
        vectors: of the passages, unit length, in the ranking's order, shape [n, d].
        diversity: 0 leaves the order as it is; 1 looks at nothing but the difference.
        top: how many.
    """
    if not ranking:
        return []
    wide = vectors.astype(np.float64)
    alike = np.round(wide @ wide.T, DIGITS)
    worth = np.array([score for _, score in ranking]) / max(ranking[0][1], 1e-12) * (1 - diversity)
    repeated, left, chosen = np.zeros(len(ranking)), np.ones(len(ranking), dtype=np.bool_), list[int]()
    while len(chosen) < min(top, len(ranking)):
        gains = np.where(left, np.round(worth - diversity * repeated, 9), -np.inf)
        best = int(np.argmax(gains))  # of equal ones the first, which stood higher
        chosen.append(best)
        left[best] = False
        repeated = np.maximum(repeated, alike[best]) if len(chosen) > 1 else alike[best]
    return [ranking[index] for index in chosen]
