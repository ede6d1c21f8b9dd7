"""Who can no longer win a comparison: a sequential test over cases that come in a random order, with its error stated.

The cases are finite: what counts is the mean that a rung will have once all of them are answered. A test by betting
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 2024, section 5: without
replacement) starts with a wealth of 1, bets on each next case against the claim under test, and can multiply it by 1/alpha
with a chance of at most alpha if the claim is true, however often one looks (Ville's inequality). No normal approximation
is in it, and nobody is dropped by anything else. Answering is left to `pipeline.racing`, the choice to `choice`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.records import Stop
from rung.stats.differences import HALF, typical_size
from rung.stats.estimates import clustered_freedom, design_effect, student_point
from rung.verdict.bar import Bar, keeps_mean
from rung.verdict.choice import FLOOR, Choice, Contender, choose, is_worse
from rung.verdict.probability import effective_tries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.stats.estimates import Floats

ERROR = 0.05  # chance, at most, that the race drops the rung that all cases would have chosen
_BOLDEST = 0.75  # of the wealth that one bet may lose
_GRID = 400  # means that an always-valid interval tries
_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the race stands: `next` answer more cases, the rest of those that are not complete has stopped, and why.

    With nobody `next` the race is over, and `choice` is among those that have answered every case (None: nobody is left).
    """

    next: tuple[str, ...]
    stopped: Mapping[str, Stop] = field(default_factory=dict)
    choice: Choice | None = None


def standing(
    entrants: Sequence[Contender],
    *,
    total: int,
    bar: Bar,
    clusters: Sequence[int] | None = None,
    of: int = 0,
    incumbent: str = "",
    more_enter: bool = False,
) -> Standing:
    """Who must answer more for the choice of `choice.choose` to be known.

    With a bar: the settings of the lowest rung go on until each surely misses it, is surely behind another of them, or has
    answered everything; then the choice among those is exact, and if it clears, those above stop. Where none does, or there
    is no bar: the lowest that is not shown to be worse than the best is looked for. A rung is out when all cases will surely
    show it worse than another, and need not go on when they will surely not show the lowest that is left to be worse.

    Args:
        entrants: from the lowest, reference arms left out: their `correct` on the cases answered so far, all in the same
            random order. One that has broken a hard limit for good is not `open`.
        total: cases in all.
        bar: what is good enough, and the risk.
        clusters: of each case, in the order of the race; None where all are independent.
        of: rungs in the whole race, where some enter later than others.
        incumbent: the last verdict's choice, "" where there is none.
        more_enter: whether other rungs are still to be built. With a bar, those that surely miss it then wait for them: if
            one of the others clears, their other answers are not needed.
    """
    # Where a bar is set, both ways of choosing may be gone, and the error is shared between them.
    error = ERROR if bar.correct is None else ERROR / 2
    course = _Course(total, clusters, max(of, len(entrants), 1), error, bar, incumbent)
    fit = [one for one in entrants if one.open]
    stopped = {one.name: Stop("limit") for one in entrants if not one.open and len(one.values) < total}
    if bar.correct is not None:
        by_bar = _by_bar(fit, course, stopped)
        if by_bar is not None or more_enter:
            return by_bar or Standing((), stopped)
    return _among(fit, course, stopped)


def is_settled(choice: Choice, values: Floats, bar: Bar, *, clusters: Sequence[int] | None = None) -> bool:
    """Whether no rung above it could change a choice, whatever it would answer: nothing needs to be built for these.

    It clears the bar; or, where there is none, could not be shown to be worse than a rung that got everything right.
    """
    import numpy as np

    if bar.correct is not None:
        return choice.code in ("clears", "kept")
    perfect = Contender("", np.where(np.isnan(values), np.nan, 1.0))
    return not is_worse(Contender(choice.name, values), perfect, bar.risk, clusters=clusters)


def _by_bar(fit: Sequence[Contender], course: _Course, stopped: Mapping[str, Stop]) -> Standing | None:
    """Rung after rung from the lowest, of the last choice's rung that one first; None where none is good enough."""
    out: dict[str, Stop] = {}
    for rung in dict.fromkeys(one.ladder_rung for one in fit):
        settings = [one for one in fit if one.ladder_rung == rung]
        out |= _out_of_the_bar(settings, course)
        for group in ([one for one in settings if one.name == course.incumbent], settings):
            open_ = [one for one in group if one.name not in out and not course.is_done(one)]
            if open_:
                return Standing(_fewest(open_), {**stopped, **out})
            chosen = _chosen(fit, course) if group else None
            if chosen is not None and chosen.code in ("clears", "kept") and chosen.name in {one.name for one in settings}:
                rest = {o.name: Stop("not needed", chosen.name) for o in fit if not course.is_done(o) and o.name not in out}
                return Standing((), {**stopped, **out, **rest}, chosen)
    return None


def _out_of_the_bar(settings: Sequence[Contender], course: _Course) -> dict[str, Stop]:
    """Settings of one rung that will surely miss the bar, or surely be behind another; the last choice by the bar alone."""
    error = course.error if len(settings) == 1 else course.error / 2
    out = {o.name: Stop("misses") for o in settings if not course.is_done(o) and _surely_misses(o, course, error)}
    for one in settings:
        if one.name in out or one.name == course.incumbent or course.is_done(one):
            continue
        rivals = [o for o in settings if o is not one and o.name not in out and _ahead(o, one) > 0]
        ahead = next((o for o in rivals if _surely_behind(one, o, course, error / (len(settings) - 1))), None)
        if ahead is not None:
            out[one.name] = Stop("worse", ahead.name)
    return out


def _among(fit: Sequence[Contender], course: _Course, stopped: Mapping[str, Stop]) -> Standing:
    """The lowest that is not shown to be worse than the best."""
    if not fit:
        return Standing((), stopped)
    worse: dict[str, Stop] = {}
    for one in fit:
        rivals = (o for o in fit if o is not one and _ahead(o, one) > 0)
        beaten = next((o for o in rivals if _surely_worse(one, o, fit, course)), None)
        if beaten is not None:
            worse[one.name] = Stop("worse", beaten.name)
    left = [one for one in fit if one.name not in worse] or list(fit)
    lowest = [one for one in left if one.ladder_rung == left[0].ladder_rung]
    leader = max(lowest, key=lambda one: _mean(one.values))
    above = [one for one in left if one not in lowest]
    held = {o.name for o in above if _surely_no_better(o, leader, course)}
    judges = {stop.rival for stop in worse.values()}  # whoever threw another out by its quality must keep the limits too
    more = [o for o in left if (o in lowest or o.name not in held or o.name in judges) and not course.is_done(o)]
    stops = {name: stop for name, stop in worse.items() if not course.is_done(_one(fit, name))}
    names = {one.name for one in more}
    stops |= {o.name: Stop("not needed", leader.name) for o in above if o.name not in names and not course.is_done(o)}
    if more:
        return Standing(_fewest(more), {**stopped, **stops})
    return Standing((), {**stopped, **stops}, _chosen(fit, course))


def _chosen(fit: Sequence[Contender], course: _Course) -> Choice | None:
    """The choice among those that have answered every case; the others count as tried."""
    judged = [one for one in fit if len(_applies(one.values))]
    contenders = [Contender(one.name, course.over_all(one), open=course.is_done(one)) for one in judged]
    return choose(contenders, course.bar, clusters=course.clusters, incumbent=course.incumbent)


def _fewest(entrants: Sequence[Contender]) -> tuple[str, ...]:
    """Those behind come up first, so that rungs are compared on as many cases as possible."""
    fewest = min(len(one.values) for one in entrants)
    return tuple(one.name for one in entrants if len(one.values) == fewest)


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
    plausible = grid[(_evidence(values, grid, total) < needed) & (_evidence(1 - values, 1 - grid, total) < needed)]
    mean = float(values.mean()) if len(values) else 0.5
    low, high = (float(plausible.min()), float(plausible.max())) if len(plausible) else (mean, mean)
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
    """What all comparisons of a race share: all cases, each case's cluster in race order, rungs compared, the error of them
    all, what is good enough, and the last verdict's choice."""

    total: int
    clusters: Sequence[int] | None
    compared: int
    error: float
    bar: Bar
    incumbent: str

    def is_done(self, one: Contender) -> bool:
        """Whether it has answered every case."""
        return len(one.values) >= self.total

    def over_all(self, one: Contender) -> Floats:
        """Its scores over all cases, NaN where it has not answered."""
        import numpy as np

        return np.concatenate([one.values, np.full(self.total - len(one.values), np.nan)])

    def effect(self, values: Floats) -> float:
        """The design effect once all cases are answered: its part above 1 grows with the cases that a cluster has."""
        if self.clusters is None or len(values) == 0:
            return 1.0
        return 1 + (design_effect(values, self.clusters[: len(values)]) - 1) * self.total / len(values)

    def freedom(self, total: int, effect: float) -> int:
        """The degrees of freedom of `total` cases and the two that are counted besides, by all clusters."""
        return clustered_freedom(total + 1, [0.0] * len(self.clusters or ()), effect, self.clusters)


def _surely_misses(one: Contender, course: _Course, error: float) -> bool:
    """Whether its mean over all cases will be too low to clear the bar; of the last choice: so low that it does not stay."""
    scores = _applies(one.values)
    if len(scores) == 0 or course.bar.correct is None:
        return False
    level = course.bar.risk if one.name == course.incumbent else 1 - course.bar.risk
    total = course.total - (len(one.values) - len(scores))
    effect = course.effect(one.values)
    needed = _needed(scores, course.bar.correct, level, total=total, effect=effect, freedom=course.freedom(total, effect))
    return surely_below(scores, needed, total=total, error=error)


def _needed(scores: Floats, bar: float, level: float, *, total: int, effect: float, freedom: int) -> float:
    """The least mean over all cases that reaches the bar with a probability of `level` (`probability.at_least`).

    Exact for scores of 0 and 1, whose spread follows from the mean; of others the spread is that of the cases seen.
    """
    import numpy as np

    binary = bool(((scores == 0) | (scores == 1)).all())
    spread = bar * (1 - bar) if binary else float(np.concatenate([scores, [0.0, 1.0]]).var(ddof=1))
    error = math.sqrt(spread * effect / (total + 2))
    needed = bar + student_point(level, freedom) * error
    return (needed * (total + 2) - 1) / total


def _surely_behind(one: Contender, other: Contender, course: _Course, error: float) -> bool:
    """Whether the mean of all cases will be below that of another setting of the same rung."""
    differences, total, _ = _differences(other, one, course, course.bar.risk)
    return len(differences) > 0 and surely_below((1 - differences) / 2, 0.5, total=total, error=error)


def _surely_worse(one: Contender, rival: Contender, fit: Sequence[Contender], course: _Course) -> bool:
    """Whether all cases will show `one` to be worse than its rival; exact where both have answered them, and the rival has
    the highest mean."""
    siblings = [o.values for o in fit if o.ladder_rung == rival.ladder_rung]
    shortest = min(len(values) for values in siblings)
    tries = effective_tries([values[:shortest] for values in siblings])
    if course.is_done(one) and course.is_done(rival):
        best = max((o for o in fit if course.is_done(o)), key=lambda o: _mean(o.values))
        pair = (Contender(one.name, one.values), Contender(rival.name, rival.values))
        return rival is best and is_worse(*pair, course.bar.risk, tries=tries, clusters=course.clusters)
    if one.ladder_rung == rival.ladder_rung:
        return _surely_behind(one, rival, course, course.error / course.compared)
    risk = 1 - (1 - course.bar.risk) ** (1 / tries)
    differences, total, shown = _differences(rival, one, course, risk)
    if len(differences) == 0:
        return False
    least = max(FLOOR, shown)
    return surely_below((1 - differences) / 2, (1 - least) / 2, total=total, error=course.error / course.compared)


def _surely_no_better(one: Contender, lowest: Contender, course: _Course) -> bool:
    """Whether all cases cannot show that a lower rung is worse than `one`."""
    differences, total, shown = _differences(one, lowest, course, course.bar.risk)
    if len(differences) == 0:
        return False
    most = max(FLOOR, shown)
    return surely_below((1 + differences) / 2, (1 + most) / 2, total=total, error=course.error / course.compared)


def _ahead(one: Contender, other: Contender) -> float:
    n = min(len(one.values), len(other.values))
    differences = _applies(one.values[:n] - other.values[:n])
    return float(differences.mean()) if len(differences) else 0.0


def _differences(one: Contender, other: Contender, course: _Course, risk: float) -> tuple[Floats, int, float]:
    """one − other on the cases that both have, how many that will be in the end, and the mean that shows `other` to be worse
    then, as `choice.behind` has it: two cases of the typical size are counted besides, and pull the mean towards 0."""
    n = min(len(one.values), len(other.values))
    differences = one.values[:n] - other.values[:n]
    counted = _applies(differences)
    total = course.total - (n - len(counted))
    if len(counted) == 0:
        return counted, total, 0.0
    squares = float(((counted - counted.mean()) ** 2).sum()) + 2 * HALF * typical_size(counted) ** 2
    effect = course.effect(differences)
    error = (squares / (len(counted) + 1) * effect / (total + 2)) ** 0.5 * (total + 2) / total
    return counted, total, student_point(1 - risk, course.freedom(total, effect)) * error


def _mean(values: Floats) -> float:
    scores = _applies(values)
    return float(scores.mean()) if len(scores) else -1.0


def _applies(values: Floats) -> Floats:
    import numpy as np

    return values[~np.isnan(values)]


def _one(entrants: Sequence[Contender], name: str) -> Contender:
    return next(one for one in entrants if one.name == name)


def broken_for_good(columns: Mapping[str, Floats], bar: Bar, *, total: int) -> bool:
    """Whether a hard limit on a score is broken whatever the other cases bring: even if all of them are as good as can be.

    Exact: it is what `decide` would say then, and no chance is in it. A lower limit on a number without a highest value is
    never broken before the end.
    """
    import numpy as np

    for name, limit in bar.limits.items():
        column = columns.get(name)
        if column is None or not len(_applies(column)) or not (limit.is_upper or limit.metric.is_share):
            continue
        rest = np.full(total - len(column), 0.0 if limit.is_upper else 1.0)
        best = np.concatenate([column, rest])
        if bar.is_broken(name, float(np.nanmean(best)), keeps_mean(best, limit)):
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
    columns = [one[~np.isnan(one)] for one in (*arms, arms[-1][:n] - arms[0][:n])]
    return all(len(one) > 1 and 1.96 * float(one.std()) / math.sqrt(n) <= 0.1 for one in columns)
