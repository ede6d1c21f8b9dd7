"""A stream beside a reference sample: evidence that from some moment on it is not drawn as before, after every item.

Conformal test martingales (Vovk, Nouretdinov and Gammerman 2003; Vovk, "Testing randomness online", Statistical Science
2021). Each item has a vector of scores, made by functions that are fixed beforehand. Its conformal p-value for a score is
its rank among the reference sample and all of the stream up to itself. While reference and stream are exchangeable, these
p-values are uniform and independent over time, exactly, however small the reference is. Bets on them are therefore fair:
their capital passes 1/risk with a chance of at most `risk`, ever (Ville's inequality). That holds for each kind of score by
itself, in what its own p-values tell: what is bet on several kinds is not summed, each has its share of the risk. What
scores are taken is left to `watching`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.errors import InternalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_BLOCK = 256  # items whose ties are broken by numbers that are drawn together
EXPONENTS = (0.3, 0.7)  # κ of the bets: smaller ones win more on p-values near 0, and lose more elsewhere


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
    bets on each kind of score at each end, [J, 2]: on small ones, on large ones; it sums to 1, and so do the shares of the
    risk. `capital`: of the bets that have begun, A, [J, 2, K]. `at_once`: all of it bets from the first item on. `items`:
    of the stream. `most`: the largest log evidence so far.
    """

    ranked: list[list[float]]
    weights: Floats
    capital: Floats
    items: int = 0
    most: float = -math.inf
    seed: int = 0
    at_once: bool = False
    _rest: float = field(default=1.0)  # of the capital: has not begun

    @classmethod
    def begin(cls, reference: Floats, weights: Floats, *, seed: int = 0, at_once: bool = False) -> ConformalMartingale:
        """A test that has seen the reference sample alone.

        Args:
            reference: scores of each item of it, [n, J].
            weights: see the class; any positive numbers, scaled to sum to 1.
            seed: of what breaks ties.
            at_once: whether a change is looked for from the first item on alone, and not from any later one.

        Raises:
            InternalError: there is no reference, or the shapes do not go together.
        """
        import numpy as np

        if reference.ndim != 2 or not len(reference) or weights.shape != (reference.shape[1], 2):
            raise InternalError(f"a reference of {reference.shape} does not go with weights of {weights.shape}")
        ranked = [sorted(map(float, column)) for column in reference.T]
        capital = np.zeros((*weights.shape, len(EXPONENTS)))
        return cls(ranked, weights / weights.sum(), capital, seed=seed, at_once=at_once)

    @property
    def by_score(self) -> Floats:
        """log E_j of each kind of score, with W_j = Σ over its ends of the weights, [J].

        E_j = W_j (Σ over ends of weight / W_j · mean over κ of A + what has not begun)
        """
        import numpy as np

        begun = (self.weights * self.capital.mean(axis=2)).sum(axis=1)
        with np.errstate(divide="ignore"):
            logs: Floats = np.log(begun + self.weights.sum(axis=1) * self._rest)
        return logs

    @property
    def log_evidence(self) -> float:
        """log of the largest E_j: it passes log(1/risk) with a chance of at most Σ W_j risk = risk."""
        return float(self.by_score.max())

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
        if scores.ndim != 2 or scores.shape[1] != len(self.ranked):
            raise InternalError(f"scores of {scores.shape} do not go with {len(self.ranked)} of the reference")
        for begin in range(0, len(scores), _BLOCK):
            self._observe(scores[begin : begin + _BLOCK])

    def _observe(self, scores: Floats) -> None:
        import numpy as np

        p, kappa = np.empty(scores.shape), np.array(EXPONENTS)
        begun, rest = np.empty(len(scores)), np.empty(len(scores))
        for row, some in enumerate(scores.tolist()):
            u = _uniform(self.seed, self.items // _BLOCK, len(some))[self.items % _BLOCK].tolist()
            self.items += 1
            begun[row] = float(self.items == 1) if self.at_once else start_share(self.items)
            rest[row] = 0.0 if self.at_once else 1 / math.log2(self.items + 2)
            p[row] = [_rank(ranked, s, v) for ranked, s, v in zip(self.ranked, some, u, strict=True)]
        ends = np.clip(np.stack([p, 1 - p], axis=2), 1e-12, 1.0)  # [items, J, 2]
        won = kappa * ends[..., None] ** (kappa - 1)  # [items, J, 2, K]
        for row, of_row in enumerate(won):
            self.capital = (self.capital + begun[row]) * of_row
            won[row] = self.capital  # from here on what it has come to
        self._rest = float(rest[-1])
        together = (self.weights * won.mean(axis=3)).sum(axis=2) + self.weights.sum(axis=1) * rest[:, None]  # [items, J]
        with np.errstate(divide="ignore"):
            self.most = max(self.most, float(np.log(together).max()))


@lru_cache(maxsize=64)
def _uniform(seed: int, block: int, kinds: int) -> Floats:
    """What breaks ties of one block of items, [_BLOCK, J]."""
    import numpy as np

    return np.random.default_rng((seed, block)).random((_BLOCK, kinds))


def _rank(ranked: list[float], score: float, u: float) -> float:
    """The conformal p-value of a score, which is put among those ranked."""
    from bisect import bisect_left, insort

    below = bisect_left(ranked, score)
    insort(ranked, score)
    equal = bisect_left(ranked, math.nextafter(score, math.inf)) - below
    return (below + u * equal) / len(ranked)
