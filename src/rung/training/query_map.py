"""A linear map on frozen question vectors: questions move towards their passages, and the passages stay.

The cheap form of a tuned retriever: no passage is embedded again, the same index serves, no torch is needed. InfoNCE over a
pool of passages (see `contrastive`), drawn to the identity; how strongly is chosen on questions held out. Vectors come
from the embedder that serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rung.records import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

STRENGTHS = (300.0, 100.0, 30.0, 10.0, 3.0)  # of the pull to the identity, strongest first: each starts from the one before
STEPS = 30  # of Adam at each strength
RATE = 0.003
TEMPERATURE = 0.05
HELD = 0.2  # share of the questions that choose the strength


@dataclass(frozen=True, slots=True)
class QueryPairs:
    """Question vectors [n, d]; `targets[i]` is the column of its answer in `pool` [m, d]; `also_right[i]` are further
    columns that answer it and count neither way. All vectors have unit length."""

    questions: Floats
    pool: Floats
    targets: NDArray[np.int64]
    also_right: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The map: question @ `matrix`, then to unit length. `strength` None: none beat the identity on the questions held out.

    `losses`: of those, [[strength, loss]], the identity's first as strength None.
    """

    matrix: Floats
    strength: float | None
    losses: tuple[tuple[float | None, float], ...]


def fit(pairs: QueryPairs, *, seed: int = 0, tick: Callable[[int, int], None] = lambda _done, _all: None) -> Fitted:
    """Choose the strength on a share of the questions, then learn from all of them. The same seed gives the same map."""
    n, d = pairs.questions.shape
    shuffled = sorted(range(n), key=lambda row: digest("map", seed, row))
    held, taught = shuffled[: max(1, round(HELD * n))], shuffled[max(1, round(HELD * n)) :] or shuffled
    identity = np.eye(d, dtype=np.float32)
    losses: list[tuple[float | None, float]] = [(None, _loss(identity, pairs, held))]
    matrix, every = identity.copy(), 2 * len(STRENGTHS)
    for done, strength in enumerate(STRENGTHS, 1):
        matrix = _descended(matrix, pairs, taught, strength)
        losses.append((strength, _loss(matrix, pairs, held)))
        tick(done, every)
    best = min(losses, key=lambda one: one[1])[0]
    if best is None:
        return Fitted(identity, None, tuple(losses))
    matrix = identity.copy()
    for done, strength in enumerate(STRENGTHS[: STRENGTHS.index(best) + 1], 1 + len(STRENGTHS)):
        matrix = _descended(matrix, pairs, shuffled, strength)
        tick(done, every)
    return Fitted(matrix, best, tuple(losses))


def mapped(vectors: Floats, matrix: Floats) -> Floats:
    """The questions' vectors after the map, at unit length."""
    moved = vectors @ matrix
    unit: Floats = (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    return unit


def _descended(matrix: Floats, pairs: QueryPairs, rows: Sequence[int], strength: float) -> Floats:
    """`STEPS` steps of Adam on all rows at once."""
    matrix, mean, square = matrix.copy(), np.zeros_like(matrix), np.zeros_like(matrix)
    identity = np.eye(len(matrix), dtype=np.float32)
    for number in range(1, STEPS + 1):
        slope = _slope(matrix, pairs, rows) + 2 * strength / len(matrix) * (matrix - identity)
        mean += 0.1 * (slope - mean)
        square += 0.001 * (slope * slope - square)
        matrix -= RATE * (mean / (1 - 0.9**number)) / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
    return matrix


def _likely(matrix: Floats, pairs: QueryPairs, rows: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """(softmax over the pool [rows, m], mapped questions at unit length [rows, d], their lengths before [rows, 1])."""
    moved = pairs.questions[rows] @ matrix
    length = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    unit = moved / length
    scores = unit @ pairs.pool.T / TEMPERATURE
    for index, row in enumerate(rows):
        scores[index, list(pairs.also_right[row])] = -np.inf
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores, unit, length


def _loss(matrix: Floats, pairs: QueryPairs, rows: Sequence[int]) -> float:
    likely, _, _ = _likely(matrix, pairs, rows)
    own = likely[np.arange(len(rows)), pairs.targets[rows]]
    return float(-np.log(np.maximum(own, 1e-30)).mean())


def _slope(matrix: Floats, pairs: QueryPairs, rows: Sequence[int]) -> Floats:
    """Gradient of the mean loss."""
    likely, unit, length = _likely(matrix, pairs, rows)
    likely[np.arange(len(rows)), pairs.targets[rows]] -= 1
    change = likely @ pairs.pool / (TEMPERATURE * len(rows))
    change -= (change * unit).sum(axis=1, keepdims=True) * unit
    slope: Floats = pairs.questions[rows].T @ (change / length)
    return slope
