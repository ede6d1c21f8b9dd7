"""How much a rung's scores vary when the same cases are asked again. For models that do not say the same thing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.records import Repeats
from rung.verdict.failure_modes import LOST_BELOW

if TYPE_CHECKING:
    from rung.stats.estimates import Floats


def repeats_of(passes: Sequence[Floats]) -> Repeats | None:
    """The variance within cases, from one column of scores for each pass over the same cases.

    A case that a pass could not score (NaN) is left out. The mean of one pass varies with the variances of its cases,
    which are independent draws: that is steadier than the spread of a few means.

    Returns:
        None where there are fewer than two passes, or no case was scored in all of them.
    """
    import numpy as np

    if len(passes) < 2:
        return None
    scores = np.stack(list(passes))
    scores = scores[:, ~np.isnan(scores).any(axis=0)]
    cases = scores.shape[1]
    if not cases:
        return None
    within = scores.var(axis=0, ddof=1)
    right = scores >= LOST_BELOW
    return Repeats(
        passes=len(passes),
        cases=cases,
        case_sd=float(np.sqrt(within.mean())),
        mean_sd=float(np.sqrt(within.mean() / cases)),
        unsettled=float((right.any(axis=0) & ~right.all(axis=0)).mean()),
    )
