"""Whether one rung is better than another: paired comparisons of the same cases.

The interval of one mean is in `rung.stats.estimates` (and offered here too). What follows from it is left to `decide`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Estimate
from rung.stats.estimates import NORMAL_FROM, RESAMPLES, design_effect, estimate, estimates, resampled_means, student

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.stats.estimates import Floats

    Bools = NDArray[np.bool_]

__all__ = ["ALPHA", "Paired", "design_effect", "estimate", "estimates", "holm", "paired", "paired_with"]

ALPHA = 0.05  # below it a difference counts, corrected where there are several
_Z = 1.959963984540054  # 95 %, two-sided
_SAME = 1e-12  # sums of equal fractions differ by rounding
_ENUMERATED = 13  # up to so many units that differ all sign patterns are gone through: 2^13 < RESAMPLES
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of (a − b) over the cases that both have, its 95 % interval, and the two-sided p of "no difference".

    `p` is the larger of the two tests' (`bootstrap`, `permutation`): a difference counts only where both find it.
    """

    estimate: Estimate
    p: float
    bootstrap: float = 1.0
    permutation: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """What is resampled: single cases or, where they are clustered, whole clusters. Sums of differences, and sizes."""

    sums: Floats
    sizes: Floats
    clustered: bool
    key: bytes  # equal for columns that may share their draws

    @property
    def mean(self) -> float:
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def n(self) -> int:
        return int(self.sizes.sum())

    @property
    def differing(self) -> int:
        return int((abs(self.sums) > _SAME).sum())

    @property
    def widening(self) -> float:
        """Few clusters: the bootstrap's spread is too small by G − 1 to G, and their t is wider than the normal."""
        groups = int((self.sizes > 1).sum())
        return student(groups - 1) / _Z * (groups / (groups - 1)) ** 0.5 if self.clustered and groups > 3 else 1.0

    @property
    def strata(self) -> list[Bools]:
        """Clusters, and cases that stand alone: their mix is the test set's, so each is drawn by itself."""
        return [mask for mask in (self.sizes > 1, self.sizes <= 1) if bool(mask.any())]


def paired(
    a: Sequence[float] | Floats,
    b: Sequence[float] | Floats,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    clusters: Sequence[int] | None = None,
) -> Paired:
    """Paired bootstrap and sign-flip permutation test of a − b over the same cases, in the same order; NaN on either side
    leaves one out.

    With `clusters` (the cluster of each case) whole clusters are drawn, and flipped. The bootstrap's p is twice the share of
    resampled means on the far side of 0, and never below 2^(1−m) for m cases (clusters) that differ: no sign-flip test could
    go below that, and a bootstrap of three cases would. The permutation test is exact for up to 13 of them. From 5,000 on
    both use the normal distribution. Where all differences are equal the bootstrap has no width; the interval is then
    widened as Wilson's is for n of n, on a scale of scores in [0, 1].

    Raises:
        InternalError: the two have different lengths.
    """
    return paired_with(b, {"": a}, resamples=resamples, seed=seed, clusters=clusters)[""]


def paired_with(
    base: Sequence[float] | Floats,
    others: Mapping[str, Sequence[float] | Floats],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    clusters: Sequence[int] | None = None,
) -> dict[str, Paired]:
    """`paired(other, base)` of every other, all on the same resamples.

    Raises:
        InternalError: they have different lengths.
    """
    import numpy as np

    reference = np.asarray(base, dtype=np.float64)
    results: dict[str, Paired] = {}
    together: dict[bytes, dict[str, _Units]] = {}
    for name, other in others.items():
        values = np.asarray(other, dtype=np.float64)
        if values.shape != reference.shape or (clusters is not None and len(clusters) != len(reference)):
            raise InternalError(f"{name}: {len(values)} cases cannot be paired with {len(reference)}")
        differences = values - reference
        units = _units(differences, clusters)
        simple = _without_resampling(differences[~np.isnan(differences)], len(units.sums))
        if simple is not None:
            results[name] = simple
        elif len(units.sums) >= NORMAL_FROM:
            results[name] = _normal(units)
        else:
            together.setdefault(units.key, {})[name] = units
    for group in together.values():
        results |= _resampled(group, resamples=resamples, seed=seed)
    return {name: results[name] for name in others}


def _units(differences: Floats, clusters: Sequence[int] | None) -> _Units:
    import numpy as np

    present = ~np.isnan(differences)
    values = differences[present]
    if clusters is None:
        return _Units(values, np.ones(len(values)), False, len(values).to_bytes(8, "big"))
    numbers = np.unique(np.asarray(clusters)[present], return_inverse=True)[1]
    sums = np.bincount(numbers, weights=values).astype(np.float64)
    sizes = np.bincount(numbers).astype(np.float64)
    return _Units(sums, sizes, len(sums) < len(values), present.tobytes())


def _without_resampling(differences: Floats, units: int) -> Paired | None:
    n = len(differences)
    if n == 0:
        return Paired(Estimate(None, None, None, 0), 1.0)
    mean = float(differences.mean())
    if units == 1:
        return Paired(Estimate(mean, None, None, n), 1.0)
    if float(abs(differences - differences[0]).max()) > _SAME:
        return None
    unseen = _Z**2 / (units + _Z**2)  # Wilson: of n cases that all agree, so large a share may still do otherwise
    low, high = (-unseen, unseen) if mean == 0 else sorted((mean * (1 - unseen), mean))
    p = 1.0 if mean == 0 else _floor(units)
    return Paired(Estimate(mean, low, high, n), p, p, p)


def _floor(differing: int) -> float:
    return min(1.0, 2.0 ** (1 - differing))


def _resampled(group: Mapping[str, _Units], *, resamples: int, seed: int) -> dict[str, Paired]:
    import numpy as np

    sums = np.stack([units.sums for units in group.values()], axis=1)
    first = next(iter(group.values()))
    columns = np.column_stack([sums, first.sizes])
    drawn = np.sum(
        [resampled_means(columns[mask], resamples=resamples, seed=seed) * mask.sum() for mask in first.strata], axis=0
    )
    flipped = _sign_flips(sums, resamples=resamples, seed=seed)
    results: dict[str, Paired] = {}
    for index, (name, units) in enumerate(group.items()):
        means = units.mean + units.widening * (drawn[:, index] / drawn[:, -1] - units.mean)
        low, high = np.quantile(means, [0.025, 0.975])
        far = min(int((means <= _SAME).sum()), int((means >= -_SAME).sum()))
        bootstrap = min(1.0, max(2 * (far + 1) / (resamples + 1), _floor(units.differing)))
        permutation = _exact(units.sums) if units.differing <= _ENUMERATED else flipped[index]
        estimated = Estimate(units.mean, float(low), float(high), units.n)
        results[name] = Paired(estimated, max(bootstrap, permutation), bootstrap, permutation)
    return results


def _sign_flips(sums: Floats, *, resamples: int, seed: int) -> list[float]:
    """p of each column: how often random signs make a sum as far from 0 as the one seen; [units, k] -> k."""
    import numpy as np

    generator = np.random.default_rng((seed, len(sums), 1))
    seen, as_far = abs(sums.sum(axis=0)), np.zeros(sums.shape[1], dtype=np.int64)
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        bits = np.frombuffer(generator.bytes((rows * len(sums) + 7) // 8), dtype=np.uint8)
        signs = 2.0 * np.unpackbits(bits)[: rows * len(sums)].reshape(rows, -1) - 1
        as_far += (abs(signs @ sums) >= seen - 1e-9).sum(axis=0)
    return [float(p) for p in (as_far + 1) / (resamples + 1)]


def _exact(sums: Floats) -> float:
    """The same over all sign patterns of the units that differ."""
    import numpy as np

    differing = sums[abs(sums) > _SAME]
    m = len(differing)
    patterns = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
    return float((abs((2 * patterns - 1) @ differing) >= abs(differing.sum()) - 1e-9).mean())


def _normal(units: _Units) -> Paired:
    """So many units that both tests are normal within their own noise."""
    import numpy as np

    residuals = units.sums.copy()
    for mask in units.strata:
        residuals[mask] -= units.sums[mask].sum() / units.sizes[mask].sum() * units.sizes[mask]
    groups, total = len(units.sums), float(units.sizes.sum())
    error = float(np.sqrt((residuals**2).sum() * groups / (groups - 1))) / total
    spread = float(np.sqrt((units.sums**2).sum())) / total
    bootstrap, permutation = (_two_sided(units.mean / max(width, _SAME)) for width in (error, spread))
    half = _Z * error
    floor = _floor(units.differing)
    estimated = Estimate(units.mean, units.mean - half, units.mean + half, units.n)
    return Paired(estimated, max(bootstrap, permutation, floor), max(bootstrap, floor), max(permutation, floor))


def _two_sided(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


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
