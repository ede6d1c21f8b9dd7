"""Two rungs that are right on different cases: what a router between them could reach at most.

Rungs that differ by chance alone, or by how hard a case is to both, are right together as often as by chance, or more often.
Right together less often than that means that something in the questions tells whom to ask.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

from rung.records import Estimate, Evaluation
from rung.stats.estimates import design_effect, estimate
from rung.verdict.bar import MAIN
from rung.verdict.eligible import clusters_of, is_judged
from rung.verdict.failure_modes import LOST_BELOW
from rung.verdict.guesses import is_partial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHOOSERS = ("router", "semantic_cache")  # rungs that are made of others
GAIN = 0.1  # of the better one's mean, from which it is told
_ALPHA = 0.05  # of telling it of any two that are no complements, over all that are looked at


@dataclass(frozen=True, slots=True)
class Complements:
    """`first` and `second`: rungs, the better one first. `only_first`, `only_second`: cases that one of them has right.
    `together`: the mean of the better answer to each case."""

    first: str
    second: str
    only_first: int
    only_second: int
    cases: int
    alone: float
    together: Estimate


def complements(evaluations: Sequence[Evaluation], *, but: Collection[str] = ()) -> Complements | None:
    """The two rungs that would reach most together, among those that answered every case; None where there are no such two,
    or a rung that chooses is on the board. `but`: names of rungs that nobody may choose."""
    if any(e.result.ladder_rung in CHOOSERS for e in evaluations):
        return None
    open_to_all = [e for e in evaluations if not e.is_reference and e.name not in but]
    whole = [e for e in open_to_all if not e.stop and is_judged(e) and not is_partial(e)]
    pairs = list(combinations(whole, 2))
    clusters = clusters_of(evaluations)
    compared = [_of(a, b, clusters, _ALPHA / len(pairs)) for a, b in pairs if a.result.ladder_rung != b.result.ladder_rung]
    return max((one for one in compared if one is not None), key=lambda one: one.together.mean or 0.0, default=None)


def in_words(pair: Complements) -> str:
    """What they could reach, and by which rung."""
    low, high = pair.together.low or 0.0, pair.together.high or 0.0
    return (
        f"{pair.first} and {pair.second} are right on different cases ({pair.only_first} only by the one, "
        f"{pair.only_second} only by the other, of {pair.cases}): whoever always asked the right one would be at "
        f"{pair.together.mean:.2f} [{low:.2f}, {high:.2f}] instead of {pair.alone:.2f}. That is the most that `router` can "
        "reach, the rung that learns from dev cases whom to ask."
    )


def _of(a: Evaluation, b: Evaluation, clusters: Sequence[int] | None, alpha: float) -> Complements | None:
    """Two rungs as complements, None where they are none.

    p = sum over i <= both of C(n_a, i) C(n - n_a, n_b - i) / C(n, n_b): Fisher's exact test against being right together
    more seldom than by chance; of cases that hang together as many are counted as they are worth.
    """
    import numpy as np

    if len(a.cards) != 1 or len(b.cards) != 1:  # asked several times: a mean over passes is neither right nor wrong
        return None
    first, second = (a, b) if np.nanmean(a.values[MAIN]) >= np.nanmean(b.values[MAIN]) else (b, a)
    columns = np.stack([first.values[MAIN], second.values[MAIN]])
    columns = columns[:, ~np.isnan(columns).any(axis=0)] if clusters is None else columns
    if np.isnan(columns).any() or not columns.size:
        return None
    right = columns >= LOST_BELOW
    effect = 1.0 if clusters is None else max(1.0, design_effect(columns[0] - columns[1], clusters))
    if _chance(right, effect) > alpha:
        return None
    together = estimate(columns.max(axis=0), clusters=clusters)
    alone = float(columns[0].mean())
    if together.mean is None or together.mean - alone < GAIN:
        return None
    return Complements(
        first.name,
        second.name,
        only_first=int((right[0] & ~right[1]).sum()),
        only_second=int((right[1] & ~right[0]).sum()),
        cases=int(right.shape[1]),
        alone=alone,
        together=together,
    )


def _chance(right: NDArray[np.bool_], effect: float) -> float:
    """The chance of so few common cases among two rungs' [2, cases] that have nothing to do with each other."""
    n, both = int(right.shape[1] / effect), int((right[0] & right[1]).sum() / effect)
    n_a, n_b = (min(n, int(row.sum() / effect)) for row in right)
    return sum(comb(n_a, i) * comb(n - n_a, n_b - i) for i in range(min(both, n_b) + 1)) / comb(n, n_b)
