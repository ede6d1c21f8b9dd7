"""Who can no longer win a comparison: a sequential test over cases that come in a random order, with its error stated.

The cases are finite: what counts is the mean that a rung will have once all of them are answered. A test by betting
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024, section 5: without
replacement) starts with a wealth of 1, bets on each next case against the claim under test, and can multiply it by 1/alpha
with a chance of at most alpha if the claim is true, however often one looks (Ville's inequality). No normal approximation
is in it. Answering is left to `pipeline.racing`, the verdict to `decide`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from rung.stats.estimates import design_effect
from rung.verdict.bar import Bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.stats.estimates import Floats

ERROR = 0.05  # chance, at most, that the race drops the rung that all cases would have chosen
_BOLDEST = 0.75  # of the wealth that one bet may lose
_GRID = 400  # means that an always-valid interval tries
_SAME = 1e-12
Why = Literal["misses", "limit", "worse", "not needed"]


@dataclass(frozen=True, slots=True, eq=False)
class Entrant:
    """A rung in the race: its `correct` on the cases answered so far, all rungs in the same random order, NaN where it does
    not apply. `barred`: it has broken a hard limit for good."""

    name: str
    values: Floats
    barred: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a rung answers no more. `rival`: the rung that it lost to, or that stands lower and is as good."""

    why: Why
    rival: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the race stands: `next` answer more cases, the rest of those that are not complete has stopped, and why.

    With nobody `next` the race is over; `leader` (None: nobody is left) has then answered every case.
    """

    next: tuple[str, ...]
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    leader: str | None = None


def standing(
    entrants: Sequence[Entrant],
    *,
    total: int,
    bar: float | None,
    error: float = ERROR,
    clusters: Sequence[int] | None = None,
    of: int = 0,
) -> Standing:
    """Who must answer more for the verdict of `decide` to be known.

    With a bar: the lowest rung goes on until it surely misses the bar (or has answered everything, and then its mean is
    exact), then the next. Only a rung that cleared the bar on all cases wins, so the error is that of dropping one rung
    wrongly. Where none clears it, or there is none: the lowest that is not significantly worse than the best is looked for.
    A rung is out when it will surely be significantly worse than another, and need not go on when it will surely not be
    significantly better than the lowest that is left.

    Args:
        entrants: from the lowest, reference arms left out.
        total: cases in all.
        bar: the `correct` that is good enough.
        error: of the whole race.
        clusters: of each case, in the order of the race; None where all are independent.
        of: rungs in the whole race, where some enter later than others.
    """
    everyone = max(of, len(entrants))
    course = _Course(total, clusters, everyone, error / max(everyone, 1))
    fit = [one for one in entrants if not one.barred]
    stopped = {one.name: Stop("limit") for one in entrants if one.barred and len(one.values) < total}
    if bar is None:
        return _among(fit, course, stopped)
    missed: dict[str, Stop] = {}
    for place, one in enumerate(fit):
        known = _applies(one.values)
        left = total - len(one.values)
        if left == 0:
            if len(known) and float(known.mean()) >= bar - 1e-9:
                rest = {o.name: Stop("not needed", one.name) for o in fit[place + 1 :] if len(o.values) < total}
                return Standing((), {**stopped, **missed, **rest}, one.name)
        elif surely_below(known, bar, total=len(known) + left, error=error):
            missed[one.name] = Stop("misses")
        else:
            return Standing((one.name,), {**stopped, **missed})
    return _among(fit, course, stopped)


def _among(fit: Sequence[Entrant], course: _Course, stopped: dict[str, Stop]) -> Standing:
    """The lowest that is not significantly worse than the best."""
    total = course.total
    alive = [one for one in fit if len(_applies(one.values)) and float(_applies(one.values).sum()) > 0] or list(fit)
    stopped |= {one.name: Stop("misses") for one in fit if one not in alive and len(one.values) < total}
    if not alive:
        return Standing((), stopped)
    worse: dict[str, Stop] = {}
    for one in alive:
        rivals = (o for o in alive if o is not one and _ahead(o, one) > 0)
        beaten = next((o for o in rivals if _surely_worse(one, o, course)), None)
        if beaten is not None:
            worse[one.name] = Stop("worse", beaten.name)
    left = [one for one in alive if one.name not in worse]
    lowest, above = left[0], left[1:]
    held = {o.name for o in above if _surely_no_better(o, lowest, course)}
    judges = {stop.rival for stop in worse.values()}  # whoever threw another out by its quality must keep the limits too
    more = [o.name for o in left if (o is lowest or o.name not in held or o.name in judges) and len(o.values) < total]
    stopped |= {name: stop for name, stop in worse.items() if len(_one(alive, name).values) < total}
    stopped |= {
        o.name: Stop("not needed", lowest.name) for o in above if o.name in held - set(more) and len(o.values) < total
    }
    # Those behind come up first, so that the rungs are compared on as many cases as possible.
    fewest = min((len(_one(left, name).values) for name in more), default=0)
    return Standing(
        tuple(n for n in more if len(_one(left, n).values) == fewest), stopped, lowest.name if not more else None
    )


def surely_below(values: Floats, mean: float, *, total: int, error: float = ERROR) -> bool:
    """Whether the mean of all `total` cases is below `mean`, told from the first ones; wrong at most so often as `error`.

    Args:
        values: scores in [0, 1] of cases drawn without replacement, in the order drawn.
        mean: the claim under test is that all cases have at least this mean.
        total: cases in all.
        error: a true claim is rejected so often at most, however often this is asked.
    """
    import numpy as np

    return bool(_evidence(values, np.array([mean]), total)[0] >= math.log(1 / error))


def always_valid(values: Floats, *, total: int, error: float = ERROR) -> tuple[float, float]:
    """An interval for the mean over all `total` cases that stays honest although the race chose when to stop.

    The means that neither side's bets could reject, each at half the error, on a grid of 400.
    """
    import numpy as np

    if len(values) == total:
        mean = float(values.mean())
        return mean, mean
    grid = np.linspace(0, 1, _GRID + 1)
    needed = math.log(2 / error)
    kept = grid[(_evidence(values, grid, total) < needed) & (_evidence(1 - values, 1 - grid, total) < needed)]
    mean = float(values.mean()) if len(values) else 0.5
    low, high = (float(kept.min()), float(kept.max())) if len(kept) else (mean, mean)
    return min(max(low - 1 / _GRID, 0.0), mean), max(min(high + 1 / _GRID, 1.0), mean)


def _evidence(values: Floats, means: Floats, total: int) -> Floats:
    """Log of the highest wealth that bets against "the mean of all is at least m" reached, for each m."""
    import numpy as np

    n = len(values)
    if n == 0:
        return np.zeros(len(means))
    seen = np.arange(n)
    before = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    squares = np.concatenate([[0.0], np.cumsum(values**2)[:-1]])
    guess = (before + 0.5) / (seen + 1)  # as if one case of a half had come before
    spread = np.maximum((squares + 0.5) / (seen + 1) - guess**2, 1e-4)
    rest = (means[:, None] * total - before) / (total - seen)  # what the cases still to come must have on average
    ahead = np.maximum(rest - guess, 0.0)
    bet = np.minimum(ahead / (spread + ahead**2), _BOLDEST / np.maximum(1 - rest, 1e-9))
    gain = np.log1p(np.where(rest <= 0, 0.0, bet) * (rest - values))
    gain = np.where(rest > 1 + _SAME, np.inf, gain)  # not even if all the others were right
    return np.maximum(np.maximum.accumulate(np.cumsum(gain, axis=1), axis=1)[:, -1], 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """What all comparisons of a race share: all cases, each case's cluster in race order, rungs compared, error of each."""

    total: int
    clusters: Sequence[int] | None
    compared: int
    error: float


def _surely_worse(one: Entrant, rival: Entrant, course: _Course) -> bool:
    """Whether all cases will show `one` significantly worse than its rival, at Holm's strictest step."""
    differences, total, at_the_end = _differences(rival, one, course)
    if len(differences) == 0:
        return False
    least = NormalDist().inv_cdf(1 - ERROR / (2 * max(course.compared - 1, 1))) * at_the_end
    return surely_below((1 - differences) / 2, (1 - least) / 2, total=total, error=course.error)


def _surely_no_better(one: Entrant, lowest: Entrant, course: _Course) -> bool:
    """Whether all cases cannot show `one` significantly better than a lower rung."""
    differences, total, at_the_end = _differences(one, lowest, course)
    if len(differences) == 0:
        return False
    most = NormalDist().inv_cdf(1 - ERROR / 2) * at_the_end
    return surely_below((1 + differences) / 2, (1 + most) / 2, total=total, error=course.error)


def _ahead(one: Entrant, other: Entrant) -> float:
    n = min(len(one.values), len(other.values))
    differences = _applies(one.values[:n] - other.values[:n])
    return float(differences.mean()) if len(differences) else 0.0


def _differences(one: Entrant, other: Entrant, course: _Course) -> tuple[Floats, int, float]:
    """one − other on the cases that both have, how many that will be in the end, and the standard error then.

    Two cases that differ are counted besides: equal beginnings prove no equality. Where cases hang together the error grows
    by the design effect, whose part above 1 grows with the cases that a cluster will have in the end.
    """
    import numpy as np

    n = min(len(one.values), len(other.values))
    found = one.values[:n] - other.values[:n]
    kept = found[~np.isnan(found)]
    total = course.total - (n - len(kept))
    effect = 1.0
    if course.clusters is not None and n:
        effect = 1 + (design_effect(found, course.clusters[:n]) - 1) * course.total / n
    spread = float(np.concatenate([kept, [1.0, -1.0]]).std())
    return kept, total, spread * math.sqrt(effect / max(total, 1))


def _applies(values: Floats) -> Floats:
    import numpy as np

    return values[~np.isnan(values)]


def _one(entrants: Sequence[Entrant], name: str) -> Entrant:
    return next(one for one in entrants if one.name == name)


def broken_for_good(columns: Mapping[str, Floats], bar: Bar, *, total: int) -> bool:
    """Whether a hard limit on a score is broken whatever the other cases bring. Exact: no chance is in it.

    An upper limit is broken when the sum so far, spread over all cases, is over it; a lower one on a share when even full
    scores everywhere else would stay below, one on a number without a highest value never before the end.
    """
    for name, limit in bar.limits.items():
        column = columns.get(name)
        if column is None or not (limit.is_upper or limit.metric.is_share):
            continue
        known = _applies(column)
        sure = float(known.sum()) / total if limit.is_upper else 1 - float((1 - known).sum()) / total
        if len(known) and not limit.holds(sure):
            return True
    return False


def order(n: int, *, seed: int) -> NDArray[np.int64]:
    """The places of n cases in the random order of the race."""
    import numpy as np

    return np.random.default_rng((seed, n, 7)).permutation(n)


def enough_for_gaps(closed_book: Floats | None, oracle: Floats | None) -> bool:
    """Whether the gaps are known to ten points on either side, on at least forty cases."""
    import numpy as np

    arms = [one for one in (closed_book, oracle) if one is not None]
    if not arms:
        return True
    n = min(len(one) for one in arms)
    if n < 40:
        return False
    columns = [*arms, arms[-1][:n] - arms[0][:n]]
    return all(1.96 * float(np.nanstd(one)) / math.sqrt(n) <= 0.1 for one in columns)
