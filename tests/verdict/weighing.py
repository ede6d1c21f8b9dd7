"""Rungs for the tests of the verdict: from scores case by case to what `decide` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rung.records import Latency, RungResult, Status
from rung.stats.estimates import estimates
from rung.verdict.decide import Evaluated

Floats = NDArray[np.float64]


def share(right: int, n: int, *, seed: int | None = None) -> Floats:
    """n cases, so many of them right: the first ones, or drawn ones."""
    column = np.zeros(n)
    column[:right] = 1.0
    return column if seed is None else np.random.default_rng(seed).permutation(column)


def rung(
    name: str,
    correct: Sequence[float] | Floats | None = None,
    *,
    order: int = 0,
    others: Mapping[str, Sequence[float] | Floats] | None = None,
    p95: float | None = None,
    usd: float | None = None,
    failures: int = 0,
) -> Evaluated:
    """A measured rung; `p95` in seconds."""
    columns = {} if correct is None else {"correct": correct}
    values = {metric: np.asarray(column, dtype=np.float64) for metric, column in {**columns, **(others or {})}.items()}
    latency = None if p95 is None else Latency(p95 * 500, p95 * 1000, 20)
    scores = estimates(values)
    reference = name in ("closed_book", "oracle")
    result = RungResult(name, {}, "measured", "", scores, usd, latency, reference=reference, order=order)
    return Evaluated(result, values, failures)


def unmeasured(name: str, why: str, *, status: Status = "not_applicable", order: int = 0) -> Evaluated:
    """A rung without scores."""
    return Evaluated(RungResult(name, {}, status, why, order=order))
