"""Whether one rung is better than another: paired comparisons of the same cases.

The interval of one mean is in `rung.stats.estimates` (and offered here too). What follows from it is left to `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Estimate
from rung.stats.differences import SAME, least_p, spread_of_differences
from rung.stats.estimates import design_effect, estimate, estimates, student
from rung.verdict.probability import student_cdf

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

__all__ = ["ALPHA", "Paired", "design_effect", "estimate", "estimates", "holm", "paired", "paired_with"]

ALPHA = 0.05  # below it a difference counts, corrected where there are several


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of (a − b) over the cases that both have, its 95 % interval, and the two-sided p of "no difference".

    The interval leaves out 0 where p is below 5 %, and nowhere else.
    """

    estimate: Estimate
    p: float


def paired(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    *,
    share: bool = True,
    clusters: Sequence[int] | None = None,
) -> Paired:
    """Student's t of a − b over the same cases, in the same order; NaN on either side leaves one out.

    Spread and degrees of freedom are those of `spread_of_differences`; of shares, scores in [0, 1], the interval is cut to
    [-1, 1]. p is never below 2^(1−m) where m cases (clusters, where cases have them) differ: no sign test could go below
    that. Fewer than two cases, or one cluster alone, have no interval, and a p of 1.

    Raises:
        InternalError: the two have different lengths.
    """
    return paired_with(b, {"": a}, share=share, clusters=clusters)[""]


def paired_with(
    base: Sequence[float] | Floats,
    others: Mapping[str, Sequence[float] | Floats],
    *,
    share: bool = True,
    clusters: Sequence[int] | None = None,
) -> dict[str, Paired]:
    """`paired(other, base)` of every other.

    Raises:
        InternalError: they have different lengths.
    """
    import numpy as np

    reference = np.asarray(base, dtype=np.float64)
    results: dict[str, Paired] = {}
    for name, other in others.items():
        values = np.asarray(other, dtype=np.float64)
        if values.shape != reference.shape or (clusters is not None and len(clusters) != len(reference)):
            raise InternalError(f"{name}: {len(values)} cases cannot be paired with {len(reference)}")
        results[name] = _of(values - reference, share=share, clusters=clusters)
    return results


def _of(differences: Floats, *, share: bool, clusters: Sequence[int] | None) -> Paired:
    import numpy as np

    seen = differences[~np.isnan(differences)]
    n = len(seen)
    if n == 0:
        return Paired(Estimate(None, None, None, 0), 1.0)
    mean = float(seen.mean())
    spread = spread_of_differences(differences, share=share, clusters=clusters)
    if spread is None:
        return Paired(Estimate(mean, None, None, n), 1.0)
    least = 2 * least_p(differences, clusters)
    p = min(1.0, max(2 * student_cdf(-abs(spread.mean) / max(spread.error, SAME), spread.freedom), least))
    half = student(spread.freedom) * spread.error
    low, high = min(mean, spread.mean - half), max(mean, spread.mean + half)
    if share:
        low, high = max(-1.0, low), min(1.0, high)
    if p >= ALPHA:
        low, high = min(0.0, low), max(0.0, high)
    return Paired(Estimate(mean, low, high, n), p)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (Holm 1979): compare the result with alpha, and all of them err together at most so often.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    reached = 0.0
    for rank, name in enumerate(sorted(p, key=lambda one: p[one])):
        reached = max(reached, min(1.0, (len(p) - rank) * p[name]))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p}
