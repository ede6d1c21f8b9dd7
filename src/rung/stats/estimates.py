"""How sure a mean over cases is: estimates with their 95 % intervals, and the Student's t that they come from.

Comparisons between rungs are left to `verdict.statistics`, what follows for a bar to `verdict.probability`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.records import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Spread:
    """Where a mean over all cases of this kind lies: `mean` ± `error` · Student's t of `freedom` degrees of freedom.

    For shares, scores that lie in [0, 1], one case at 0 and one at 1 are counted besides (Agresti and Coull 1998 add two of
    each): scores that are all alike are not certain, and near 0 and 1 the interval covers what it should.
    """

    mean: float
    error: float
    freedom: int


def spread_of(
    values: Sequence[float] | Floats, *, share: bool = True, clusters: Sequence[int] | None = None
) -> Spread | None:
    """The spread of a mean over cases, NaN left out; None without a case, or with one that is no `share`.

    With `clusters` the error grows by the square root of the design effect, and where that is above 1 the degrees of freedom
    are those of the clusters.
    """
    import numpy as np

    column = np.asarray(values, dtype=np.float64)
    seen = column[~np.isnan(column)]
    if len(seen) == 0:
        return None
    if share and _within(seen):
        seen = np.concatenate([seen, [0.0, 1.0]])
    n = len(seen)
    if n < 2:
        return None
    effect = 1.0 if clusters is None else design_effect(column, clusters)
    error = float(seen.std(ddof=1)) / n**0.5 * effect**0.5
    return Spread(float(seen.mean()), error, clustered_freedom(n - 1, column, effect, clusters))


def estimate(values: Sequence[float] | Floats, *, share: bool = True, clusters: Sequence[int] | None = None) -> Estimate:
    """Mean over cases with its 95 % interval. NaN means that the case does not count.

    Shares that are all 0 or 1, and not all alike, get Wilson's interval (Wilson 1927), all others Student's t with one case
    at 0 and one at 1 counted besides (`Spread`), cut to [0, 1]. What is no `share` (tokens, dollars), or lies outside of
    [0, 1], gets Student's t alone, cut at 0 where nothing is below. One value that is neither 0 nor 1, or no share, has no
    interval: low and high are None.

    `clusters` has the cluster of each case. Cases of one cluster are not independent, so both intervals are then widened by
    the square root of the design effect (`design_effect`): Wilson's by counting n / effect cases, the other around the mean.

    >>> estimate([1.0, 1.0, 1.0, 1.0]).low
    0.4049...
    """
    import numpy as np

    column = np.asarray(values, dtype=np.float64)
    seen = column[~np.isnan(column)]
    n = len(seen)
    if n == 0:
        return Estimate(None, None, None, 0)
    mean = float(seen.mean())
    share = share and _within(seen)
    binary = share and bool(((seen == 0) | (seen == 1)).all())
    if binary and 0 < mean < 1:
        effect = 1.0 if clusters is None else _widening(column, clusters)
        return Estimate(mean, *wilson(mean, n=n / effect), n)
    spread = spread_of(column, share=share, clusters=clusters)
    if spread is None or (n == 1 and not binary):
        return Estimate(mean, None, None, n)
    half = student(spread.freedom) * spread.error
    low, high = spread.mean - half, spread.mean + half
    if bool((seen >= 0).all()):
        low, high = max(0.0, low), min(1.0, high) if share else high
    return Estimate(mean, min(mean, low), max(mean, high), n)


def _within(seen: Floats) -> bool:
    return bool(((seen >= 0) & (seen <= 1)).all())


def estimates(
    columns: Mapping[str, Sequence[float] | Floats],
    *,
    amounts: Collection[str] = (),
    clusters: Sequence[int] | None = None,
) -> dict[str, Estimate]:
    """`estimate` of many metrics; `amounts` are no shares."""
    return {name: estimate(column, share=name not in amounts, clusters=clusters) for name, column in columns.items()}


def design_effect(values: Sequence[float] | Floats, clusters: Sequence[int]) -> float:
    """How many times the variance of the mean is larger than of as many independent cases (Kish 1965), at least 1.

    The linearised variance between clusters, with G - 1 for G clusters, over that between cases; both around the means of
    two strata, cases that share a cluster and cases that stand alone, whose mix is the test set's and no matter of luck. 200
    cases with an effect of 2 say as much as 100 independent ones. NaN leaves a case out; one cluster, or equal values, tell
    nothing: 1.
    """
    import numpy as np

    column = np.asarray(values, dtype=np.float64)
    present = ~np.isnan(column)
    column, number = column[present], np.unique(np.asarray(clusters)[present], return_inverse=True)[1]
    n, groups = len(column), int(number.max()) + 1 if len(number) else 0
    if groups < 2 or groups == n:
        return 1.0
    shares = np.bincount(number)[number] > 1
    residuals = column - np.where(shares, column[shares].mean(), column[~shares].mean() if not shares.all() else 0.0)
    alone = float((residuals**2).sum()) * n / (n - 1) if n > 1 else 0.0
    if alone < 1e-12:
        return 1.0
    sums = np.bincount(number, weights=residuals, minlength=groups)
    return max(1.0, float((sums**2).sum()) * groups / (groups - 1) / alone)


def clustered_freedom(freedom: int, values: Sequence[float] | Floats, effect: float, clusters: Sequence[int] | None) -> int:
    """Degrees of freedom: those of independent cases or, where the design effect is above 1, of the clusters that it was
    estimated from, if these are three or more."""
    if clusters is None or effect == 1:
        return freedom
    groups = _shared(values, clusters)
    return freedom if groups < 3 else min(freedom, groups - 1)


def _widening(values: Floats, clusters: Sequence[int]) -> float:
    """The design effect, and what it costs that it was estimated from few clusters (Student's t in place of the normal)."""
    effect, groups = design_effect(values, clusters), _shared(values, clusters)
    return effect if effect == 1 or groups < 3 else effect * (student(groups - 1) / _Z) ** 2


def _shared(values: Sequence[float] | Floats, clusters: Sequence[int]) -> int:
    """How many clusters have several cases."""
    import numpy as np

    return int((np.unique(np.asarray(clusters)[~np.isnan(values)], return_counts=True)[1] > 1).sum())


@lru_cache(maxsize=1024)
def student_point(level: float, freedom: float) -> float:
    """The point of Student's t below which a share of `level` lies."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, level))


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t.

    >>> round(student(10), 2)
    2.23
    """
    return student_point(0.975, freedom)


def wilson(share: float, *, n: float, z: float = _Z) -> tuple[float, float]:
    """Wilson's score interval of a share of n cases (Wilson 1927), of 95 % or as `z`, the normal point of its upper end,
    says; clustered cases count as fewer."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share))
