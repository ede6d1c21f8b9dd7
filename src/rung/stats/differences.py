"""How sure the mean of paired differences is: its spread, and the least that a sign test could find.

The interval, p and what is shown to be worse all come from this spread. Of one mean `estimates` tells; which rung is chosen
is left to `verdict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.stats.estimates import Spread, clustered_freedom, design_effect

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

HALF = 0.5  # weight of the two cases that are counted besides, for a test at a risk of about a fifth
SAME = 1e-12  # differences of equal fractions differ by rounding


def spread_of_differences(
    differences: Floats, *, share: bool = True, besides: float = 1.0, clusters: Sequence[int] | None = None
) -> Spread | None:
    """The spread of a mean difference over cases, [n], NaN left out; None of fewer than two cases, or of one cluster alone.

    Differences of shares lie in [-1, 1]. Two cases are counted besides, one to either side and as large as differences are
    here (`typical_size`): where no case differs, or all do alike, others may (Bonett and Price 2012, who have it of zeros
    and ones). `besides` is the weight of their squares: 1 makes intervals of 95 % cover; `HALF` is enough for a test at a
    larger risk (Agresti and Min 2005), and finds what the other finds.

    With `clusters` the variance grows by the design effect, which is 1 at least, as equal means of clusters prove nothing;
    where it is above 1 the degrees of freedom are those of the clusters. Where no case differs nothing tells how they hang
    together, and the spread is that of so many independent cases.
    """
    import numpy as np

    values = np.asarray(differences, dtype=np.float64)
    seen = values[~np.isnan(values)]
    n = len(seen)
    if n < 2 or (clusters is not None and len(np.unique(np.asarray(clusters)[~np.isnan(values)])) < 2):
        return None
    counted = n + 2 if share else n
    mean = float(seen.sum()) / counted
    squares = float(((seen - mean) ** 2).sum())
    if share:
        squares += 2 * besides * typical_size(seen) ** 2 + 2 * mean**2
    effect = 1.0 if clusters is None else design_effect(values, clusters)
    error = (squares / (counted - 1) / counted * effect) ** 0.5
    return Spread(mean, error, clustered_freedom(counted - 1, values, effect, clusters))


def typical_size(differences: Floats) -> float:
    """How large a difference is where there is one: the mean of their sizes, each weighing as much as it is large; one of 1
    counted besides. 1 of zeros and ones, and where none differs."""
    return float(((differences**2).sum() + 1) / (abs(differences).sum() + 1))


def least_p(differences: Floats, clusters: Sequence[int] | None = None) -> float:
    """The one-sided p below which nothing goes: 2^-m where m cases (clusters) differ, as of a sign test. NaN is left out."""
    import numpy as np

    present = ~np.isnan(differences)
    each = np.arange(int(present.sum())) if clusters is None else np.asarray(clusters)[present]
    sums = np.bincount(np.unique(each, return_inverse=True)[1], weights=differences[present])
    return float(2.0 ** -int((abs(sums) > SAME).sum()))
