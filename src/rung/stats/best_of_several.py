"""The best of several that were tried on the same cases, and whether luck alone would have brought as much.

The best of some that are equally good looks better than it is: the more were tried, the more so (winner's curse). So what is
best is one thing, and that it is better than the first another: a sign test of the cases that one of the two has right and
the other wrong, its chance multiplied by the number tried (Bonferroni), so that more right cases are claimed of equals in
one of twenty searches at most. Graded scores are looked at as right or wrong: gains and losses of other sizes are no coin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CHANCE = 0.05  # with which the best of equals may be called better
RIGHT = 0.5  # a score below is wrong


@dataclass(frozen=True, slots=True)
class Best:
    """Which was best (`index`), its mean and the first's, and the chance of as many more right cases were all of them right
    equally often."""

    index: int
    mean: float
    first: float
    chance: float

    @property
    def is_shown(self) -> bool:
        """Whether it has more cases right than the first, and more than luck would bring."""
        return self.index > 0 and self.chance <= CHANCE


def best_of(scores: Sequence[Sequence[float]]) -> Best:
    """The one with the highest mean; of equals the earliest, so that the first stays where nothing is better.

    Args:
        scores: of each that was tried, of the same cases in the same order; the first is that which the others are to beat.

    Raises:
        ValueError: nothing was tried, or there are no cases, or not the same ones for all.
    """
    if not scores or not scores[0] or len({len(one) for one in scores}) > 1:
        raise ValueError("best_of needs one that was tried at least, and the same cases for all")
    means = [math.fsum(one) / len(one) for one in scores]
    index = max(range(len(means)), key=lambda n: (round(means[n], 9), -n))
    pairs = [(mine >= RIGHT, theirs >= RIGHT) for mine, theirs in zip(scores[index], scores[0], strict=True)]
    wins, losses = (sum(pair == unlike for pair in pairs) for unlike in ((True, False), (False, True)))
    chance = min(1.0, _at_least(wins, wins + losses) * max(1, len(scores) - 1))
    return Best(index, means[index], means[0], chance if index else 1.0)


def _at_least(wins: int, tosses: int) -> float:
    """The chance of so many heads or more among so many tosses."""
    return float(sum(math.comb(tosses, k) for k in range(wins, tosses + 1)) / 2**tosses)
