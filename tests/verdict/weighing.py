"""Rungs for the tests of the verdict: from scores case by case to what `decide` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rung.records import Answer, Evaluation, Failure, Latency, Outcome, Reason, RungResult, Scorecard, Status, StrategySpec
from rung.stats.estimates import estimates

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
    cut: int = 0,
    spec: StrategySpec | None = None,
) -> Evaluation:
    """A measured rung; `p95` in seconds. `cut`: so many answers, the first ones, were ended by their room."""
    columns = {} if correct is None else {"correct": correct}
    values = {metric: np.asarray(column, dtype=np.float64) for metric, column in {**columns, **(others or {})}.items()}
    latency = None if p95 is None else Latency(p95 * 500, p95 * 1000, 20)
    scores = estimates(values)
    reference = name in ("closed_book", "oracle")
    result = RungResult(name, {}, "measured", None, scores, usd, latency, reference=reference, order=order)
    n = max(map(len, values.values()), default=0) if failures or cut else 0
    outcomes = tuple(
        Outcome(str(i), failure=Failure("no")) if i < failures else Outcome(str(i), Answer("yes", truncated=i < cut))
        for i in range(n)
    )
    return Evaluation(result, spec=spec, outcomes=outcomes, cards=(scorecard(values),))


def scorecard(values: Mapping[str, Floats]) -> Scorecard:
    """A scorecard of these columns."""
    n = max(map(len, values.values()), default=0)
    return Scorecard(tuple(map(str, range(n))), values)


def unmeasured(name: str, why: str | Reason, *, order: int = 0) -> Evaluation:
    """A rung without scores. `why`: in words, of one that does not apply."""
    reason = Reason("not_applicable", why) if isinstance(why, str) else why
    status: Status = "failed" if reason.kind == "failed" else "not_applicable"
    return Evaluation(RungResult(name, {}, status, reason, order=order))
