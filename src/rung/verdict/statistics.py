"""Is one rung better than another, and would more cases tell? Paired comparisons of the same cases.

The interval of one mean is in `rung.estimating` (and offered here too). What follows from it is left to `decide`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.estimating import RESAMPLES, estimate, estimates, resampled_means
from rung.records import Estimate

if TYPE_CHECKING:
    from rung.estimating import Floats

__all__ = ["Paired", "cases_needed", "estimate", "estimates", "holm", "paired", "paired_with"]

_Z = 1.959963984540054  # 95 %, two-sided
_POWER = 0.8416212335729143  # 80 % of such tests would find it
_SAME = 1e-12  # sums of equal fractions differ by rounding


@dataclass(frozen=True, slots=True)
class Paired:
    """Mean of (a − b) over the cases that both have, its 95 % interval, and the two-sided p of "no difference"."""

    estimate: Estimate
    p: float


def paired(a: Sequence[float] | Floats, b: Sequence[float] | Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Paired:
    """Paired bootstrap of a − b over the same cases, which must be in the same order; NaN on either side leaves one out.

    p is twice the share of resampled means on the far side of 0, and never below 2^(1−m) for m cases that differ: no
    sign-flip test could go below that, and a bootstrap of three cases would. Where all differences are equal the bootstrap
    has no width; the interval is then widened as Wilson's is for n of n, on a scale of scores in [0, 1].

    Raises:
        InternalError: the two have different lengths.
    """
    return paired_with(b, {"": a}, resamples=resamples, seed=seed)[""]


def paired_with(
    base: Sequence[float] | Floats,
    others: Mapping[str, Sequence[float] | Floats],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Paired]:
    """`paired(other, base)` of every other, all on the same resamples.

    Raises:
        InternalError: they have different lengths.
    """
    import numpy as np

    reference = np.asarray(base, dtype=np.float64)
    found: dict[str, Paired] = {}
    by_count: dict[int, dict[str, Floats]] = {}
    for name, other in others.items():
        values = np.asarray(other, dtype=np.float64)
        if values.shape != reference.shape:
            raise InternalError(f"{name}: {len(values)} cases cannot be paired with {len(reference)}")
        differences = values - reference
        differences = differences[~np.isnan(differences)]
        simple = _without_resampling(differences)
        if simple is not None:
            found[name] = simple
        else:
            by_count.setdefault(len(differences), {})[name] = differences
    for group in by_count.values():
        found |= _resampled(group, resamples=resamples, seed=seed)
    return {name: found[name] for name in others}


def _without_resampling(differences: Floats) -> Paired | None:
    n = len(differences)
    if n == 0:
        return Paired(Estimate(None, None, None, 0), 1.0)
    mean = float(differences.mean())
    if n == 1:
        return Paired(Estimate(mean, None, None, 1), 1.0)
    if float(abs(differences - differences[0]).max()) > _SAME:
        return None
    unseen = _Z**2 / (n + _Z**2)  # Wilson: of n cases that all agree, so large a share may still do otherwise
    low, high = (-unseen, unseen) if mean == 0 else sorted((mean * (1 - unseen), mean))
    return Paired(Estimate(mean, low, high, n), 1.0 if mean == 0 else _floor(n))


def _floor(differing: int) -> float:
    return min(1.0, 2.0 ** (1 - differing))


def _resampled(group: Mapping[str, Floats], *, resamples: int, seed: int) -> dict[str, Paired]:
    import numpy as np

    columns = np.stack(list(group.values()), axis=1)
    means = resampled_means(columns, resamples=resamples, seed=seed)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    found: dict[str, Paired] = {}
    for place, (name, differences) in enumerate(group.items()):
        column = means[:, place]
        far = min(int((column <= _SAME).sum()), int((column >= -_SAME).sum()))
        floor = _floor(int((abs(differences) > _SAME).sum()))
        p = min(1.0, max(2 * (far + 1) / (resamples + 1), floor))
        mean = float(differences.mean())
        found[name] = Paired(Estimate(mean, float(low[place]), float(high[place]), len(differences)), p)
    return found


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (Holm 1979): compare the result with alpha, and all of them err together at most so often.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    reached = 0.0
    for place, name in enumerate(sorted(p, key=lambda one: p[one])):
        reached = max(reached, min(1.0, (len(p) - place) * p[name]))
        adjusted[name] = reached
    return {name: adjusted[name] for name in p}


def cases_needed(values: Sequence[float] | Floats, target: float) -> int | None:
    """How many cases in all would likely (80 %) put the 95 % interval of the mean on one side of `target`.

    A normal approximation that takes the mean and spread of the scores (in [0, 1]) seen so far for the truth. None when
    nothing can be said: fewer than two cases, or a mean at the target.
    """
    import numpy as np

    seen = np.asarray(values, dtype=np.float64)
    seen = seen[~np.isnan(seen)]
    if len(seen) < 2 or abs(float(seen.mean()) - target) < 1e-9:
        return None
    # Two more cases on each side, as Agresti and Coull do: five right out of five do not mean that all are.
    spread = float(np.concatenate([seen, [0.0, 0.0, 1.0, 1.0]]).var())
    return math.ceil((_Z + _POWER) ** 2 * spread / (float(seen.mean()) - target) ** 2)
