"""Whether two samples of vectors are drawn alike: the maximum mean discrepancy, with a permutation test that is exact.

Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test" (JMLR 2012).
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
WIDTH = 0.1  # the kernel is as wide as this quantile of all distances: the median, as is usual, is blind to small groups
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TwoSampleTest:
    """`distance`: the squared discrepancy, 0 for samples that are drawn alike, but for chance. `p`: the share of random
    divisions that lie as far apart, the one at hand counted with them: below α with a chance of at most α where both are
    drawn alike.
    """

    distance: float
    p: float


def two_sample_test(one: Floats, other: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> TwoSampleTest:
    """The discrepancy of two samples, and how often chance makes one as large.

        K_ij = exp(-|x_i - x_j|² / w²), w: the `WIDTH` quantile of all |x_i - x_j|   [N, N], N = n + m
        z = 1/n for the first sample, -1/m for the other                             [N, permutations + 1]
        MMD² = mean K(x, x') + mean K(y, y') - 2 mean K(x, y) = zᵀ K z

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> two_sample_test(rng.normal(size=(40, 3)), rng.normal(size=(60, 3)) + 1).p < 0.01
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
    from scipy.spatial.distance import pdist, squareform

    n, m = len(one), len(other)
    if min(n, m) < 2:
        raise InternalError(f"samples of {n} and {m} cannot be told apart")
    distances = pdist(np.concatenate([one, other]).astype(np.float64))
    width = float(np.quantile(distances, WIDTH)) or 1.0
    kernel = squareform(np.exp(-((distances / width) ** 2)))
    np.fill_diagonal(kernel, 1.0)
    rng = np.random.default_rng(seed)
    sides = np.where(np.arange(n + m) < n, 1 / n, -1 / m)
    seen, as_far = float(sides @ kernel @ sides), 0
    for begin in range(0, permutations, _AT_ONCE):
        drawn = np.stack([rng.permutation(sides) for _ in range(min(_AT_ONCE, permutations - begin))], axis=1)
        as_far += int(((drawn * (kernel @ drawn)).sum(axis=0) >= seen - 1e-12).sum())
    return TwoSampleTest(seen, (as_far + 1) / (permutations + 1))
