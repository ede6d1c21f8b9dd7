"""Whether two samples of vectors are drawn alike: the energy distance, with a permutation test that is exact.

Székely and Rizzo, "Energy statistics" (2013); it is the maximum mean discrepancy with the distance as its kernel (Sejdinovic
and others 2013), and has no bandwidth to choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PERMUTATIONS = 2_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EnergyTest:
    """`distance`: the energy distance, 0 for samples that are drawn alike, but for chance. `p`: the share of random divisions
    that lie as far apart, the one at hand counted with them: below α with a chance of at most α where both are drawn alike.
    """

    distance: float
    p: float


def energy_test(one: Floats, other: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> EnergyTest:
    """The energy distance of two samples, and how often chance makes one as large.

        D_ij = |x_i - x_j|                                                   [N, N], N = n + m
        z = 1/n for the first sample, -1/m for the other                     [N, permutations + 1]
        E = 2 mean |x - y| - mean |x - x'| - mean |y - y'| = - zᵀ D z

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> energy_test(rng.normal(size=(40, 3)), rng.normal(size=(60, 3)) + 1).p < 0.01
    True

    Args:
        one: [n, d].
        other: [m, d].
        permutations: random divisions; the smallest p is 1 / (permutations + 1).
        seed: of the divisions.

    Raises:
        InternalError: one of them has fewer than two vectors.
    """
    import numpy as np
    from scipy.spatial.distance import cdist

    n, m = len(one), len(other)
    if min(n, m) < 2:
        raise InternalError(f"samples of {n} and {m} cannot be told apart")
    both = np.concatenate([one, other]).astype(np.float64)
    distances = cdist(both, both)
    rng = np.random.default_rng(seed)
    sides = np.where(np.arange(n + m) < n, 1 / n, -1 / m)
    seen = float(-(sides @ distances @ sides))
    as_far = 0
    for begin in range(0, permutations, _AT_ONCE):
        drawn = np.stack([rng.permutation(sides) for _ in range(min(_AT_ONCE, permutations - begin))], axis=1)
        as_far += int((-(drawn * (distances @ drawn)).sum(axis=0) >= seen - 1e-12).sum())
    return EnergyTest(seen, (as_far + 1) / (permutations + 1))
