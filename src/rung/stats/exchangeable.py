"""Whether one draw of each row is as the others: a permutation test within rows, its p-value bounded without drawing any.

Where nothing has changed, the draws of a row are exchangeable, each as likely as another to be the odd one; how they are
distributed, and whether that differs from row to row, does not matter. What oddness is, is left to the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_TILTS = 64  # values of t that the bound is looked for at


def log_p_of_first(odd: Floats) -> float:
    """Log of an upper bound of the p-value of the sum of the first draws' oddness.

        log P(T >= T_0) <= min over t > 0 of  sum_i log( mean_j exp(t odd_ij) ) - t T_0,      T_0 = sum_i odd_i0

    (Chernoff's bound of the permutation distribution, whose rows are independent.) It is 0 where no row speaks against the
    first; k rows in which it alone is odd, of r + 1 draws each, give about k log(1 / (r + 1)).

    >>> import numpy as np
    >>> one_is_odd = np.array([[1.0, 0.25, 0.25, 0.25, 0.25]] * 6 + [[0.0] * 5] * 14)
    >>> round(float(np.exp(log_p_of_first(one_is_odd))), 5) <= 0.0001
    True

    Args:
        odd: how odd each draw is among those of its row, [rows, draws]; the first is the one in question.

    Raises:
        InternalError: there are no rows, or a row has one draw.
    """
    import numpy as np
    from scipy.special import logsumexp

    if odd.ndim != 2 or not len(odd) or odd.shape[1] < 2:
        raise InternalError(f"no test of {odd.shape} draws")
    total = float(odd[:, 0].sum())
    scale = float(odd.max()) or 1.0
    best = 0.0
    for tilt in np.geomspace(0.05, 60.0, _TILTS) / scale:
        mean = logsumexp(tilt * odd, axis=1) - np.log(odd.shape[1])  # [rows]
        best = min(best, float(mean.sum()) - float(tilt) * total)
    return best


def oddness(unlike: Floats) -> Floats:
    """Mean distance of each draw from the others of its row: [rows, draws, draws] -> [rows, draws]."""
    draws = unlike.shape[1]
    mean: Floats = unlike.sum(axis=2) / (draws - 1)
    return mean
