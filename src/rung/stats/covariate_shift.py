"""How far a sample stands for a population that questions keep coming from: its coverage, and its mean reweighted to them.

Distances are given; what they are taken between is left to `watching`. The mean is reweighted by nearest neighbours (Loog,
"Nearest neighbor-based importance weighting", 2012): a case counts as often as it is among the nearest of what came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Estimate
from rung.stats.estimates import student_point, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVELS = (0.5, 0.7, 0.9, 0.95)  # of the cases lie within a reach of another; so much of what is drawn as they are does, too
END = 0.025 / len(LEVELS)  # chance that an end of one reach's interval misses: the best of all is looked for


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what came the cases stand for. `share`: the estimate with its 95 % interval, 1 where it is as often near
    to them as they are to each other; `reach`: what is near.
    """

    share: Estimate
    reach: float


def coverage(own: Floats, live: Floats) -> Coverage:
    """The share of what came that may be drawn as the cases are: an upper bound, as tight as these distances allow.

    Where a share a of it is drawn so, at least a F of it lies within any reach within which a case lies with the chance F.
    What is new and near makes it more. Of several reaches the one with the lowest upper end tells; so that this end, too, is
    seldom too low, each has an interval of 1 - .05 / number of reaches (Bonferroni):

        reach = the r-th smallest of the cases' distances, r = ⌈level (n + 1)⌉, at most n
        F = r / (n + 1), the chance that one drawn as the cases are lies within it; F ~ Beta(r / 2, (n + 1 - r) / 2)
        share = P(live <= reach) / F

    Its interval takes those of numerator (Wilson) and F (of the Beta) together on the logarithmic scale, as the square root
    of the sum of squares (the ratio form of Zou and Donner's MOVER, 2008). The Beta is that of half as many cases: two that
    are each other's nearest share a distance.

    >>> import numpy as np
    >>> near = np.linspace(0, 1, 99)
    >>> round(coverage(near, np.concatenate([near, near + 2])).share.mean, 2)
    0.51

    Args:
        own: of each case to the nearest other one, [n].
        live: of each question that came to the nearest case, [m].

    Raises:
        InternalError: there are fewer than two cases, or no question.
    """
    if len(own) < 2 or not len(live):
        raise InternalError(f"no coverage of {len(live)} questions by {len(own)} cases")
    return min((_within(own, live, level) for level in LEVELS), key=lambda one: (one.share.high or 0.0, one.share.mean))


def _within(own: Floats, live: Floats, level: float) -> Coverage:
    from statistics import NormalDist

    import numpy as np
    from scipy.special import betaincinv

    n, m = len(own), len(live)
    r = min(n, math.ceil(level * (n + 1)))
    reach = float(np.sort(own)[r - 1])
    within = float((live <= reach).mean())
    f = r / (n + 1)
    f_low, f_high = (float(betaincinv(r / 2, (n + 1 - r) / 2, end)) for end in (END, 1 - END))
    low, high = wilson(within, n=m, z=NormalDist().inv_cdf(1 - END))
    down = math.hypot(_log(within / low), math.log(f_high / f)) if low > 0 else math.inf
    up = math.hypot(_log(high / within), math.log(f / f_low)) if within > 0 else math.inf
    share = within / f
    lowest, highest = share * math.exp(-down), share * math.exp(up) if within > 0 else high / f_low
    return Coverage(Estimate(min(1.0, share), min(1.0, lowest), min(1.0, highest), m), reach)


@dataclass(frozen=True, slots=True)
class Reweighted:
    """A mean over cases, each counted as often as what came is near to it. `effective`: as many cases alike say as much."""

    estimate: Estimate
    effective: float


def reweighted(scores: Floats, nearest: NDArray[np.int64]) -> Reweighted | None:
    """The mean score of the cases, weighed by what came.

        w_i = how often case i is among the k nearest / (m k)                      [n]
        mean = Σ w_i s_i;  n_eff = 1 / Σ w_i² (Kish)
        error² = (n_eff Σ w_i (s_i - mean)² + (1 - mean)² + mean²) / (n_eff + 1) / (n_eff + 2)
               + var over what came of the mean of its k scores / m

    with one pseudo-case at each end of the scale, as in `prediction_powered`, and Student's t of n_eff + 1.

    Args:
        scores: of each case in [0, 1], NaN where there is none, [n].
        nearest: of each question that came its k nearest cases, [m, k].

    Returns:
        None where nothing came, or it is near to no case with a score.
    """
    import numpy as np

    local = scores[nearest]  # [m, k]
    seen = ~np.isnan(local)
    some = seen.any(axis=1)
    if not some.any():
        return None
    local, seen, nearest = local[some], seen[some], nearest[some]
    each = seen / seen.sum(axis=1, keepdims=True)  # [m, k]: what one question gives to its neighbours
    weight = np.bincount(nearest[seen], weights=each[seen], minlength=len(scores)) / len(local)  # [n]
    own = (each * np.where(seen, local, 0.0)).sum(axis=1)  # [m]
    mean, n_eff = float(own.mean()), float(1 / (weight**2).sum())
    away = np.where(weight > 0, scores - mean, 0.0) ** 2
    of_cases = (n_eff * float((weight * away).sum()) + (1 - mean) ** 2 + mean**2) / (n_eff + 1) / (n_eff + 2)
    of_traffic = float(own.var(ddof=1)) / len(own) if len(own) > 1 else 0.0
    half = student_point(0.975, n_eff + 1) * (of_cases + of_traffic) ** 0.5
    return Reweighted(Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), len(own)), n_eff)


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else math.inf
