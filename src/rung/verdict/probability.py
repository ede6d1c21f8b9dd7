"""How probable it is that a bar is reached, or a limit kept, by all cases of this kind, told from those that were judged.

Pure numbers: Student's t about the mean (`rung.stats.estimates.spread_of`), Jeffreys' beta about a share. What follows is
left to `choice` and `bar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from rung.stats.estimates import Spread, spread_of, student_point

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MANY = 100_000  # cases: past so many nobody is told to write more
_POWER = 0.85  # asked for so that 80 % come true: where the bar is near, the truth is nearer to it than the scores so far
_SAME = 1e-12


def at_least(
    values: Sequence[float] | Floats, bar: float, *, share: bool = True, clusters: Sequence[int] | None = None
) -> float | None:
    """The probability that the mean over all cases of this kind is at least `bar`; None where it cannot be told.

    `share`: whether the values lie in [0, 1] by what they mean.

    >>> round(at_least([1.0] * 80 + [0.0] * 20, 0.7), 2)
    0.99
    """
    spread = spread_of(values, share=share, clusters=clusters)
    return None if spread is None else _above(spread, bar)


def _above(spread: Spread, bar: float) -> float:
    away = spread.mean - bar
    if spread.error < _SAME:
        return float(away >= -1e-9)
    return student_cdf(away / spread.error, spread.freedom)


def effective_tries(columns: Sequence[Floats]) -> float:
    """How many independent tries so many columns of scores are worth: from 1 (all alike) to their number (unrelated).

    1 + (k − 1)(1 − r̄), r̄ the mean correlation of two columns over the cases that both have (after Nyholt 2004). The best of
    k looks good by luck that often. A column without any spread (right in every case) tells nothing of how it hangs together
    with another that is not the same: it counts as unrelated, a try of its own. That is the cautious side, since tries only
    make it harder to clear a bar or to be shown worse.
    """
    import numpy as np

    k = len(columns)
    if k < 2:
        return 1.0
    table = np.stack([np.asarray(column, dtype=np.float64) for column in columns])
    present = (~np.isnan(table)).astype(np.float64)  # [k, n]
    means = np.nansum(table, axis=1) / np.maximum(present.sum(axis=1), 1)
    centred = np.where(present > 0, np.nan_to_num(table) - means[:, None], 0.0)
    squares = centred**2 @ present.T  # [k, k]: row i's sum of squares over the cases that j has
    both = squares * squares.T
    related = np.where(both > _SAME, (centred @ centred.T) / np.sqrt(np.maximum(both, _SAME)), 0.0)
    alike = (squares < _SAME) & (squares.T < _SAME) & (abs(means[:, None] - means) < _SAME)  # two columns without any spread
    related = np.where(alike, 1.0, related)
    mean = float((related.sum() - np.trace(related)) / (k * (k - 1)))
    return 1 + (k - 1) * (1 - min(max(mean, 0.0), 1.0))


def quantile_within(times: Sequence[float], limit: float, share: float) -> float:
    """The probability that so large a `share` of all times is at most `limit`.

    Free of any assumption about how times are distributed: of n times k were longer, and the share that is longer has
    Jeffreys' beta distribution, (k + ½, n − k + ½).

    >>> round(quantile_within([1.0] * 20, 2.0, 0.95), 2)
    0.85
    """
    longer = sum(time > limit for time in times)
    return beta_cdf(1 - share, longer + 0.5, len(times) - longer + 0.5)


def least_limit(times: Sequence[float], share: float, level: float) -> float | None:
    """The smallest limit that `quantile_within` grants a probability of `level`; None where not even the longest time is."""
    return next((time for time in sorted(times) if quantile_within(times, time, share) >= level), None)


def cases_needed(
    values: Sequence[float] | Floats,
    bar: float,
    *,
    risk: float,
    tries: float = 1.0,
    clusters: Sequence[int] | None = None,
) -> int | None:
    """How many cases in all, these included, would likely (80 %) settle whether the mean reaches `bar`: make its probability
    1 - `risk` or more when shared among so many `tries` (`choice.shared`), or by itself less than `risk`.

    The mean that further cases will have is not known either, so it is drawn as the cases so far leave it open: with N more
    the mean of all is distributed around the one seen by Student's t with the variance s²N / (n(n + N)). With clusters it
    counts cases that are spread over documents as these are. None when nothing can be said: fewer than two cases, or a mean
    so near the bar that more than `MANY` would be needed.
    """
    import numpy as np

    column = np.asarray(values, dtype=np.float64)
    n = int((~np.isnan(column)).sum())
    spread = spread_of(column, clusters=clusters)
    if spread is None or n < 2:
        return None
    one = spread.error * n**0.5  # the spread of one independent case

    def settled(more: int) -> float:
        now = one / (n + more) ** 0.5
        over, under = (student_point(p, spread.freedom + more) * now for p in ((1 - risk) ** (1 / tries), 1 - risk))
        error = one * (more / (n * (n + more))) ** 0.5
        away = spread.mean - bar
        above, below = (student_cdf(end / error, spread.freedom) for end in (away - over, -away - under))
        return above + below

    if spread.error < _SAME or settled(MANY) < _POWER:
        return None
    low, high = 0, MANY
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) >= _POWER else (middle, high)
    return n + high


def tries_of(alone: float | None, shared: float | None) -> float:
    """Among how many tries a probability was shared, from it and the one before: shared = alone ** tries.

    >>> round(tries_of(0.9, 0.81), 6)
    2.0
    """
    if alone is None or shared is None or not 0 < shared <= alone < 1:
        return 1.0
    return log(shared) / log(alone)


def student_cdf(t: float, freedom: float) -> float:
    """The share of Student's t below `t`.

    >>> round(student_cdf(2.228, 10), 3)
    0.975
    """
    from scipy.special import stdtr

    return float(stdtr(freedom, t))


def beta_cdf(x: float, a: float, b: float) -> float:
    """The share of the beta distribution (a, b) below `x`.

    >>> round(beta_cdf(0.5, 2, 2), 3)
    0.5
    """
    from scipy.special import betainc

    return float(betainc(a, b, min(1.0, max(0.0, x))))
