"""Two streams of answers, each good or bad: evidence that the new one is worse, or not by a margin, after every answer.

Counts are all that is looked at, so that answers may come in any order, in unequal numbers, from several servers. The
evidence for a claim is a likelihood ratio: a fixed mixture of points of the claim above, the best that its contrary can do
below ("universal inference", Wasserman, Ramdas and Balakrishnan, PNAS 2020, with a mixture in place of the split). At each
point of the contrary it is at most a martingale that starts at 1, so that the chance of ever seeing 1/risk while the claim
is not true is at most `risk` (Ville's inequality; Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 2023). No normal approximation is in it. What it takes: given all before, an
answer is good with the chance of who gave it. Which signals are counted, and what follows, is left to `serving.trials`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Claim = Literal["worse", "not worse"]
RATES = 64  # of the old one, in the mixture: even on the scale of arcsin(sqrt), which is Jeffreys' prior
STEPS = (0.02, 0.04, 0.08, 0.16, 0.32)  # how far beyond the margin the alternatives of the mixture lie
_EDGE = 1e-4  # rates of the mixture keep so far from 0 and 1
_HALVINGS = 28


@dataclass(frozen=True, slots=True)
class Counts:
    """Good and bad answers of one."""

    good: int = 0
    bad: int = 0

    @property
    def n(self) -> int:
        """All of them."""
        return self.good + self.bad

    @property
    def rate(self) -> float | None:
        """The share of good ones; None where there are none."""
        return self.good / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class Look:
    """What two streams say so far. `drop`: share of good answers of the old one less that of the new; None: nothing to say.

    `worse`, `not_worse`: natural logarithm of the evidence that the drop is larger than the tolerance, and that it is
    smaller than the margin. Each passes log(1/risk) with a chance of at most `risk` while it is not so, however often one
    looks.
    """

    drop: float | None
    worse: float
    not_worse: float

    def shows(self, claim: Claim, risk: float) -> bool:
        """Whether the claim is shown, with a chance of being wrong of at most `risk`."""
        return (self.worse if claim == "worse" else self.not_worse) >= math.log(1 / risk)


def look(old: Counts, new: Counts, *, margin: float, tolerance: float = 0.0) -> Look:
    """The evidence in two streams, each way. With equal margin and tolerance one of the two claims is true; where the margin
    is larger, both are of a drop between them.

    >>> look(Counts(90, 10), Counts(40, 60), margin=0.05).shows("worse", 0.05)
    True
    >>> look(Counts(90, 10), Counts(9, 1), margin=0.05).shows("not worse", 0.05)
    False

    Args:
        old: of the one that is served.
        new: of the one that may take its place.
        margin: the drop that "not worse" rules out, as a share in [0, 1).
        tolerance: the drop that "worse" must be above, as a share in [0, 1).

    Raises:
        InternalError: one of them is none.
    """
    import numpy as np

    counts = np.array([[old.good, old.bad, new.good, new.bad]], dtype=np.float64)
    worse = float(log_evidence(counts, margin=tolerance, claim="worse")[0])
    not_worse = float(log_evidence(counts, margin=margin, claim="not worse")[0])
    drop = None if old.rate is None or new.rate is None else old.rate - new.rate
    return Look(drop, worse, not_worse)


def log_evidence(counts: Floats, *, margin: float, claim: Claim) -> Floats:
    """Log of the evidence for a claim about pairs of streams.

        E = mean over (a, b) of L(a, b)  /  max over the contrary of L(a, b)
        log L(a, b) = s1 log a + f1 log(1 - a) + s2 log b + f2 log(1 - b)

    a, b: chance of a good answer of the old one and the new one; s, f: good and bad answers. The contrary of "worse" is
    a - b <= margin; that of "not worse" a - b >= margin. The mixture is of `RATES` values of a, and b = a - margin - step
    ("worse") or a - margin + step for each of `STEPS`.

    Args:
        counts: s1, f1, s2, f2 of each pair, [pairs, 4].
        margin: the drop that the claim is about, as a share in [0, 1).
        claim: "worse": the drop is above it; "not worse": it is below.

    Returns:
        [pairs]; minus infinity where one of the two has no answer.

    Raises:
        InternalError: the margin is none.
    """
    import numpy as np

    if not 0 <= margin < 1:
        raise InternalError(f"a margin lies in [0, 1), not at {margin}")
    mixed = counts @ _logs(margin, claim)  # [pairs, RATES * steps]: log L of each alternative
    top = mixed.max(axis=1)
    mixture = top + np.log(np.exp(mixed - top[:, None]).mean(axis=1))
    evidence = mixture - _best_of_the_contrary(counts, margin, claim)
    return np.where((counts[:, :2].sum(axis=1) > 0) & (counts[:, 2:].sum(axis=1) > 0), evidence, -np.inf)


@lru_cache(maxsize=32)
def _logs(margin: float, claim: Claim) -> Floats:
    """log a, log(1 - a), log b, log(1 - b) of each alternative in the mixture, [4, RATES * steps]."""
    import numpy as np

    old = np.sin(np.pi * (np.arange(RATES) + 0.5) / (2 * RATES)) ** 2  # [RATES]: the middles of even parts of arcsin(sqrt)
    away = np.array(STEPS) if claim == "worse" else -np.array(STEPS)
    new = np.clip(old - margin - away[:, None], _EDGE, 1 - _EDGE)  # [steps, RATES]
    a, b = np.broadcast_to(old, new.shape).ravel(), new.ravel()
    return np.stack([np.log(a), np.log1p(-a), np.log(b), np.log1p(-b)])


def _best_of_the_contrary(counts: Floats, margin: float, claim: Claim) -> Floats:
    """The highest log likelihood that the contrary of a claim allows, [pairs].

    The likelihood is concave: where the two rates seen do not lie in the contrary, its best lies on a - b = margin, where
    the derivative  s1/a - f1/(1 - a) + s2/b - f2/(1 - b)  falls and crosses 0 once; halving finds it.
    """
    import numpy as np

    s1, f1, s2, f2 = counts.T
    rate1, rate2 = (np.divide(s, s + f, out=np.full(len(s), 0.5), where=s + f > 0) for s, f in ((s1, f1), (s2, f2)))
    drop = rate1 - rate2
    inside = drop <= margin if claim == "worse" else drop >= margin
    low, high = np.full(len(s1), margin), np.ones(len(s1))  # of a
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_HALVINGS):
            a = (low + high) / 2
            b = a - margin
            rising = _over(s1, a) - _over(f1, 1 - a) + _over(s2, b) - _over(f2, 1 - b) > 0
            low, high = np.where(rising, a, low), np.where(rising, high, a)
    a = np.where(inside, rate1, (low + high) / 2)
    b = np.where(inside, rate2, (low + high) / 2 - margin)
    best: Floats = _times(s1, a) + _times(f1, 1 - a) + _times(s2, b) + _times(f2, 1 - b)
    return best


def _over(count: Floats, rate: Floats) -> Floats:
    import numpy as np

    return np.where(count > 0, count / np.maximum(rate, 1e-300), 0.0)


def _times(count: Floats, rate: Floats) -> Floats:
    """count * log(rate), 0 where nothing is counted."""
    import numpy as np

    return np.where(count > 0, count * np.log(np.maximum(rate, 1e-300)), 0.0)


def is_over(counts: Counts, limit: float, *, risk: float) -> bool:
    """Whether the share of bad answers is above a limit; wrong with a chance of at most `risk`, however often one looks.

        E = mean over p > limit of (p / limit)^bad ((1 - p) / (1 - limit))^good

    Each p above the limit makes a martingale where the share is the limit, and less than one below it. 64 values of p, even
    on the scale of arcsin(sqrt) from the limit to 1.

    >>> is_over(Counts(10, 10), 0.05, risk=0.05), is_over(Counts(95, 6), 0.05, risk=0.05)
    (True, False)
    """
    import numpy as np

    if limit >= 1 or not counts.bad:
        return False
    if limit <= 0:
        return True
    begin = math.asin(math.sqrt(limit))
    p = np.sin(begin + (math.pi / 2 - begin) * (np.arange(RATES) + 0.5) / RATES) ** 2  # [RATES]
    ratio = counts.bad * np.log(p / limit) + counts.good * np.log((1 - p) / (1 - limit))
    top = float(ratio.max())
    return top + math.log(float(np.exp(ratio - top).mean())) >= math.log(1 / risk)
