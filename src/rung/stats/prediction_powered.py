"""A mean that a judge estimates on every case and people check on a few: prediction-powered inference.

Angelopoulos et al. 2023 (arXiv:2301.09633), with the tuned power of PPI++ (arXiv:2311.01453) and the weights of active
statistical inference (arXiv:2403.03208) where cases were not drawn alike. Plain, all of them need some fifty labels before
their intervals cover what they say; here pseudo-labels and Student's t make ten enough (`benchmarks/judge_correction.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Estimate
from rung.stats.estimates import design_effect, student_point

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MIN_LABELS = 5  # of fewer nothing is made
_LIKELY = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """A mean on the scale of people's labels: `mean` ± `error` · Student's t of `freedom` degrees of freedom, cut to [0, 1].

    `power`: λ, how much the judge's scores count, from 0 (the labels alone) to 1. `labels`: how many. `judged`: the judge's
    own mean. `values` stand for the cases in comparisons: their mean is `mean`, and their spread is so that Student's t of
    them is as wide as that of the correction; NaN where there is no score.
    """

    mean: float
    error: float
    freedom: float
    power: float
    labels: int
    judged: float
    values: Floats

    @property
    def estimate(self) -> Estimate:
        """The mean with its 95 % interval, over all cases that have a score."""
        import numpy as np

        half = student_point(0.975, self.freedom) * self.error
        low, high = max(0.0, self.mean - half), min(1.0, self.mean + half)
        return Estimate(self.mean, low, high, int((~np.isnan(self.values)).sum()))


def corrected(
    judged: Floats,
    human: Floats,
    probability: Floats | None = None,
    *,
    clusters: Sequence[int] | None = None,
    power: float | None = None,
    seed: int = 0,
) -> Corrected | None:
    """The mean that people would give, from a judge's scores of all cases and their labels of some.

    θ = mean(λ f) + Σ ω (y − λ f) over the labelled, ω = 1/π normed to 1. Its error is that of the two parts: the judge's
    mean over all cases, and the labelled residuals, with one pseudo-label at each end of their scale, so that ten labels
    that all agree do not make it certain. λ is tuned as PPI++ does, (S_yf + ¼) / ((S_ff + ½)(1 + n/N)): the quarter
    and the half are two pseudo-cases on which the judge is half right, and keep λ from following a few labels.

    Args:
        judged: f, the judge's score of each case in [0, 1], NaN where there is none, [N].
        human: y, people's labels in [0, 1], NaN where nobody was asked, [N].
        probability: π, with which each labelled case was drawn, up to a factor, [N]; None: all alike.
        clusters: the cluster of each case.
        power: λ; None: tuned.
        seed: of the pattern by which `values` are spread.

    Returns:
        None where fewer than `MIN_LABELS` cases have both.
    """
    import numpy as np

    scored = ~np.isnan(judged)
    labelled = scored & ~np.isnan(human)
    total, n = int(scored.sum()), int(labelled.sum())
    if n < MIN_LABELS:
        return None
    f, y = judged[labelled], human[labelled]
    weight = np.ones(n) if probability is None else 1 / probability[labelled]
    weight /= weight.sum()  # ω, [n]
    n_eff = float(1 / (weight**2).sum())  # Kish: as many labels drawn alike tell as much
    if power is None:
        power = _power(f, y, weight, n_eff, n / total)
    residual = y - power * f
    centre = float((weight * residual).sum())
    f_all = judged[scored]
    mean = min(1.0, max(0.0, power * float(f_all.mean()) + centre))
    squares = n_eff * float((weight * (residual - centre) ** 2).sum()) + (1 - centre) ** 2 + (power + centre) ** 2
    of_labels = squares / (n_eff + 1) / (n_eff + 2)
    effect = 1.0 if clusters is None else design_effect(judged, clusters)
    of_judge = power**2 * float(np.append(f_all, (0.0, 1.0)).var(ddof=1)) / (total + 2) * effect
    between = n_eff / max(n_eff - 1, 1) * float((weight * (f - (weight * f).sum()) * (residual - centre)).sum())
    variance = of_judge + of_labels + 2 * power * max(0.0, between) / total
    freedom = (of_judge + of_labels) ** 2 / (of_judge**2 / (total + 1) + of_labels**2 / (n_eff + 1))
    values = np.where(scored, power * judged, np.nan)
    values[labelled] += total * weight * residual
    values += mean - float(np.nanmean(values))
    values = _spread(values, variance**0.5 * _wider(freedom, total), clusters, seed)
    return Corrected(mean, variance**0.5, freedom, power, n, float(f_all.mean()), values)


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much a judge's mean moves where people were asked, over all rungs of which they were, and how sure that is."""

    mean: float
    error: float
    freedom: float


def shift_of(corrections: Sequence[Corrected]) -> Shift:
    """The mean shift of some corrections, by their labels; where they differ, a further rung may lie as far away as they do.

    Raises:
        ValueError: there is none.
    """
    if not corrections:
        raise ValueError("no correction to go by")
    labels = sum(one.labels for one in corrections)
    moved = [(one.mean - one.judged, one.labels / labels, one) for one in corrections]
    mean = sum(by * share for by, share, _ in moved)
    of_labels = sum((share * one.error) ** 2 for _, share, one in moved)
    between = sum(share * (by - mean) ** 2 for by, share, _ in moved) * len(corrections) / max(len(corrections) - 1, 1)
    return Shift(mean, (of_labels + between) ** 0.5, min(one.freedom for one in corrections))


def shifted(judged: Floats, by: Shift, *, clusters: Sequence[int] | None = None, seed: int = 0) -> Corrected:
    """The same correction for a judge's scores of which nobody was asked: those of others, taken to err alike.

    The mean moves by as much as theirs did, and is as uncertain as theirs, its own spread over cases besides. Of one `seed`
    and the same cases the uncertainty that is shared is no difference between two rungs.
    """
    import numpy as np

    scores = judged[~np.isnan(judged)]
    total, own = len(scores), float(scores.mean())
    least = 0.5 / total if own > 0 else 0.0  # what got something right is not made to have nothing right
    mean = min(1.0, max(least, own + by.mean))
    effect = 1.0 if clusters is None else design_effect(judged, clusters)
    of_cases = float(np.append(scores, (0.0, 1.0)).var(ddof=1)) / (total + 2) * effect
    variance = by.error**2 + of_cases
    values = judged + (mean - own)
    values = _spread(values, variance**0.5 * _wider(by.freedom, total), clusters, seed)
    return Corrected(mean, variance**0.5, by.freedom, 0.0, 0, own, values)


def among(judged: Floats, part: Corrected, *, clusters: Sequence[int] | None = None, seed: int = 0) -> Corrected:
    """All cases, of which a `part` was corrected: those that the judge was asked about. The others keep their scores.

    mean = p m + (1 − p) r, p the part's share, m its mean, r the others'; their errors, and that of p.
    """
    import numpy as np

    scored, inside = ~np.isnan(judged), ~np.isnan(part.values)
    rest = judged[scored & ~inside]
    if not len(rest):
        return part
    total, share, other = int(scored.sum()), float(inside.sum() / scored.sum()), float(rest.mean())
    effect = 1.0 if clusters is None else design_effect(judged, clusters)
    of_rest = float(np.append(rest, (0.0, 1.0)).var(ddof=1)) / (len(rest) + 2)
    of_share = share * (1 - share) * (part.mean - other) ** 2 / (total + 2)
    variance = (share * part.error) ** 2 + ((1 - share) ** 2 * of_rest + of_share) * effect
    values = np.where(inside, part.values, judged)
    values += share * part.mean + (1 - share) * other - float(np.nanmean(values))
    values = _spread(values, variance**0.5 * _wider(part.freedom, total), clusters, seed)
    mean = share * part.mean + (1 - share) * other
    return Corrected(mean, variance**0.5, part.freedom, part.power, part.labels, float(judged[scored].mean()), values)


def labels_needed(correction: Corrected, target: float, risk: float) -> int | None:
    """How many labels in all, those there are included, would likely (80 %) tell on which side of `target` the mean is, at
    the risk.

    The residuals' share of the error shrinks with labels, the rest only with more cases. The mean that more labels will have
    is not known either: it is distributed around the one now by Student's t, with what the error will have lost of its
    square. None where no number would likely do.
    """
    import numpy as np
    from scipy.special import stdtr

    away, total = correction.mean - target, int((~np.isnan(correction.values)).sum())
    rest = max(0.0, correction.mean * (1 - correction.mean)) / (total + 2)
    residuals = max(correction.error**2 - rest, 0.0) * (correction.labels + 2)
    for n in range(correction.labels + 1, total + 1):
        then = residuals / (n + 2) * (1 - n / total) + rest
        half = student_point(1 - risk, n + 1) * then**0.5
        moved = max(correction.error**2 - then, 1e-12) ** 0.5
        above, below = (float(stdtr(correction.freedom, end / moved)) for end in (away - half, -away - half))
        if above + below >= _LIKELY:
            return n
    return None


def _power(f: Floats, y: Floats, weight: Floats, n_eff: float, share: float) -> float:
    """λ of PPI++, regularised by two pseudo-cases; `share`: n/N."""
    f_mean, y_mean = float((weight * f).sum()), float((weight * y).sum())
    both = n_eff * float((weight * (f - f_mean) * (y - y_mean)).sum()) + 0.25
    alone = n_eff * float((weight * (f - f_mean) ** 2).sum()) + 0.5
    return min(1.0, max(0.0, both / alone / (1 + share)))


def _wider(freedom: float, total: int) -> float:
    """By how much Student's t of few degrees of freedom is wider than that of so many cases."""
    return student_point(0.975, freedom) / student_point(0.975, max(total - 1, 1))


def _spread(values: Floats, error: float, clusters: Sequence[int] | None, seed: int) -> Floats:
    """Values of the same mean whose mean has this standard error.

    Where their own spread says less, a pattern of mean 0 that is unrelated to them is laid over them: what is added to the
    variance of this mean is added to that of each difference, as an error that two rungs do not share.
    """
    import numpy as np

    present = ~np.isnan(values)
    seen = values[present]
    n = len(seen)
    effect = 1.0 if clusters is None else design_effect(values, clusters)
    missing = error**2 * n - float(seen.var(ddof=1)) * effect if n > 3 else 0.0
    if missing <= 0:
        return values
    away = seen - seen.mean()
    pattern = np.random.default_rng((seed, len(values))).standard_normal(len(values))[present]
    pattern -= pattern.mean()
    if (length := float(away @ away)) > 1e-12:
        pattern -= away * float(pattern @ away) / length
    spread = values.copy()
    spread[present] += pattern * math.sqrt(missing / float(pattern.var(ddof=1)))
    return spread
