"""How much may be answered so that few of the answers are wrong: a threshold with a bound that holds.

Learn then Test (Angelopoulos and others 2021), with fixed-sequence testing: thresholds are tried from the strictest on, each
by the binomial tail (the exact bound of Clopper and Pearson), until one cannot be shown to keep the risk. Which thresholds
are tried hangs on the scores alone, never on what was wrong: so only the first that breaks the risk can err, by its chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CHANCE = 0.1  # that the promise is broken by bad luck of the cases
TRIED = 10  # thresholds at most
_SLACK = 1e-12


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What a threshold comes to on the cases: the share that is answered, the share of these that is wrong, and the upper
    bound of that share, which holds for this threshold alone with a chance of 1 − `CHANCE`."""

    threshold: float
    coverage: float
    wrong: float
    bound: float


def fewest(risk: float) -> int:
    """Cases that it takes at least to show a risk in (0, 1): all of them answered, and one of them wrong."""
    count = 1
    while _tail(1, count, risk) > CHANCE:
        count += 1
    return count


def fewest_over_all(risk: float) -> int:
    """Cases that it takes at least to show a risk in (0, 1) over all of them: none of them wrong."""
    return math.ceil(math.log(CHANCE) / math.log1p(-risk) - _SLACK)


def curve(scores: Sequence[float | None], wrong: Sequence[bool]) -> list[RiskPoint]:
    """A point for each distinct score, strictest first. `scores`: None where nothing was answered."""
    answered = sorted(((s, w) for s, w in zip(scores, wrong, strict=True) if s is not None), key=lambda pair: -pair[0])
    points: list[RiskPoint] = []
    errors = 0
    for count, (score, is_wrong) in enumerate(answered, 1):
        errors += is_wrong
        if count == len(answered) or answered[count][0] < score:
            points.append(RiskPoint(score, count / len(scores), errors / count, upper_bound(errors, count)))
    return points


def certified(scores: Sequence[float | None], wrong: Sequence[bool], risk: float) -> RiskPoint | None:
    """The most lenient threshold that keeps the risk, with a chance of 1 − `CHANCE` over the cases; None where none does."""
    total, least = len(scores), fewest(risk)
    points = [point for point in curve(scores, wrong) if point.coverage * total >= least - 0.5]
    best: RiskPoint | None = None
    for point in _spread(points):
        count = round(point.coverage * total)
        if _tail(round(point.wrong * count), count, risk) > CHANCE:
            break
        best = point
    return best


def certified_over_all(scores: Sequence[float | None], wrong: Sequence[bool], risk: float) -> RiskPoint | None:
    """As `certified`, where the risk is the share of all cases, those below the threshold too, that is answered wrongly.

    `RiskPoint.wrong` and `bound` are then shares of all cases.
    """
    total, best = len(scores), None
    for point in _spread(curve(scores, wrong)):
        errors = round(point.wrong * round(point.coverage * total))
        if _tail(errors, total, risk) > CHANCE:
            break
        best = RiskPoint(point.threshold, point.coverage, errors / total, upper_bound(errors, total))
    return best


def upper_bound(errors: int, count: int) -> float:
    """The Clopper-Pearson bound of a share, one-sided, at 1 − `CHANCE`."""
    from scipy.special import betaincinv

    return 1.0 if errors >= count else float(betaincinv(errors + 1, count - errors, 1 - CHANCE))


def _spread(points: Sequence[RiskPoint]) -> list[RiskPoint]:
    """At most `TRIED` of the points: the last one of each equal step of coverage."""
    if not points:
        return []
    steps = {math.ceil(point.coverage * TRIED - _SLACK): point for point in points}
    return list(dict.fromkeys((points[0], *steps.values())))


def _tail(errors: int, count: int, risk: float) -> float:
    """The chance of at most so many errors among so many answers, each wrong with this chance."""
    from scipy.special import bdtr

    return float(bdtr(errors, count, risk))
