"""A stream beside a reference sample: evidence that from some moment on it is not drawn as before, after every item.

Conformal test martingales (Vovk, Nouretdinov and Gammerman 2003; Vovk, "Testing randomness online", Statistical Science
2021). Each item has a vector of scores, made by functions that are fixed beforehand. Its conformal p-value for a score is
its rank among the reference sample and all of the stream up to itself. While reference and stream are exchangeable, these
p-values are uniform and independent over time, exactly, however small the reference is. Bets on them are therefore fair:
their capital passes 1/risk with a chance of at most `risk`, ever (Ville's inequality). What scores are taken is left to
`watching`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXPONENTS = (0.3, 0.6)  # κ of the bets: smaller ones win more on p-values near 0, and lose more elsewhere


def start_share(t: int) -> float:
    """π_t = 1/log2(t + 1) - 1/log2(t + 2): the share of the capital that begins to bet at item t, counted from 1.

    They sum to 1 over all t, and 1/log2(t + 2) has not begun after t. A change after n quiet items costs log(1/π_n), about
    log n + 2 log log n: 8 nats after 100, 14 after 10,000.
    """
    return 1 / math.log2(t + 1) - 1 / math.log2(t + 2)


@dataclass
class ConformalMartingale:
    """The state of a test: what the next item is ranked among, and the capital of each bet.

    `ranked`: scores seen of each kind, in rising order, the reference's first, J lists. `weights`: how much of the capital
    bets on each kind of score at each end, [J, 2]: on small ones, on large ones; it sums to 1. `capital`: of the bets that
    have begun, A, [J, 2, K]. `items`: of the stream. `most`: the largest log evidence so far.
    """

    ranked: list[list[float]]
    weights: Floats
    capital: Floats
    items: int = 0
    most: float = 0.0
    seed: int = 0
    _rest: float = field(default=1.0)  # of the capital: has not begun

    @classmethod
    def begin(cls, reference: Floats, weights: Floats, *, seed: int = 0) -> ConformalMartingale:
        """A test that has seen the reference sample alone.

        Args:
            reference: scores of each item of it, [n, J].
            weights: see the class; any positive numbers, scaled to sum to 1.
            seed: of what breaks ties.

        Raises:
            InternalError: there is no reference, or the shapes do not go together.
        """
        import numpy as np

        if reference.ndim != 2 or not len(reference) or weights.shape != (reference.shape[1], 2):
            raise InternalError(f"a reference of {reference.shape} does not go with weights of {weights.shape}")
        ranked = [sorted(map(float, column)) for column in reference.T]
        capital = np.zeros((*weights.shape, len(EXPONENTS)))
        return cls(ranked, weights / weights.sum(), capital, seed=seed)

    @property
    def log_evidence(self) -> float:
        """log E = log(Σ weights A / K + what has not begun)."""
        import numpy as np

        whole = float((self.weights[:, :, None] * self.capital).sum()) / len(EXPONENTS) + self._rest
        return float(np.log(whole)) if whole > 0 else -math.inf

    def shows(self, risk: float) -> bool:
        """Whether it was ever shown that the stream had changed; wrong with a chance of at most `risk`."""
        return self.most >= math.log(1 / risk)

    def observe(self, scores: Floats) -> None:
        """Take further items of the stream into account, in their order.

        For each item, with s its score of one kind, n the number of scores ranked, its own included, and u uniform:

            p = (#{ranked < s} + u #{ranked = s}) / n                                [J]
            A = (A + π_t) κ p^(κ - 1)          bet on small scores                   [J, K]
            A = (A + π_t) κ (1 - p)^(κ - 1)    bet on large ones                     [J, K]

        κ p^(κ - 1) is a density on [0, 1], so that each bet is fair. The recursion sums over all moments to begin.

        Args:
            scores: [items, J].

        Raises:
            InternalError: another number of scores than the reference has.
        """
        import numpy as np

        if scores.ndim != 2 or scores.shape[1] != len(self.ranked):
            raise InternalError(f"scores of {scores.shape} do not go with {len(self.ranked)} of the reference")
        kappa = np.array(EXPONENTS)
        for row in scores:
            self.items += 1
            u = np.random.default_rng((self.seed, self.items)).random(len(row))
            p = np.array([_rank(ranked, float(s), float(v)) for ranked, s, v in zip(self.ranked, row, u, strict=True)])
            ends = np.clip(np.stack([p, 1 - p], axis=1), 1e-12, 1.0)  # [J, 2]
            begun = start_share(self.items)
            self.capital = (self.capital + begun) * kappa * ends[:, :, None] ** (kappa - 1)
            self._rest = 1 / math.log2(self.items + 2)
            self.most = max(self.most, self.log_evidence)

    def by_score(self) -> Floats:
        """The share of the evidence that each kind of score has at each end, [J, 2]; it sums to 1 where a bet has begun."""
        parts = self.weights * self.capital.mean(axis=2)
        total = float(parts.sum())
        shares: Floats = parts / total if total > 0 else parts
        return shares


def _rank(ranked: list[float], score: float, u: float) -> float:
    """The conformal p-value of a score, which is put among those ranked."""
    from bisect import bisect_left, insort

    below = bisect_left(ranked, score)
    insort(ranked, score)
    equal = bisect_left(ranked, math.nextafter(score, math.inf)) - below
    return (below + u * equal) / len(ranked)
