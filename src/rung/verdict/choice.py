"""Which rung of a ladder to choose from scores case by case, at a stated risk. Measured on simulated truth:
`benchmarks/verdict_truth.py`.

Hard limits, reference arms and reasons are left to `decide`, who goes on answering to `racing`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Code, rung_of
from rung.stats.differences import HALF, spread_of_differences
from rung.verdict.bar import Bar
from rung.verdict.probability import at_least, effective_tries, student_cdf

if TYPE_CHECKING:
    from rung.stats.estimates import Floats, Spread

FLOOR = 0.02  # of `correct`: so small a difference is none, and goes to the lower rung
MIN_COMMON = 5  # cases that two rungs have both answered: of fewer nothing is made
_SLACK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A rung with one of its settings: its `correct` case by case, NaN where it does not apply or was not answered.

    One that is not `open` cannot be chosen (a race stopped it), but counts among what was tried. `rung`: which it is a
    setting of, "" where its name tells. `costs`: dollars of a month and of a thousand answers, None where unknown.
    """

    name: str
    values: Floats
    open: bool = True
    rung: str = ""
    costs: tuple[float | None, float | None] = (None, None)

    @property
    def ladder_rung(self) -> str:
        """The rung that it is a setting of."""
        return self.rung or rung_of(self.name)

    @property
    def mean(self) -> float:
        """Over the cases that count."""
        import numpy as np

        return float(np.nanmean(self.values))


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why.

    `probability`: by name that of reaching the bar, shared; `alone`: the same as if each were the only one; both are empty
    without a bar. `best`: the highest mean. `worse`, where the bar decided nothing: names that are shown to be worse than
    it, and settings of a rung whose best setting is.
    """

    name: str
    code: Code
    best: str
    probability: Mapping[str, float]
    alone: Mapping[str, float]
    worse: frozenset[str] = frozenset()


def choose(
    contenders: Sequence[Contender], bar: Bar, *, clusters: Sequence[int] | None = None, incumbent: str = ""
) -> Choice | None:
    """The lowest rung that is good enough, by its best setting; None where none is open.

    With a bar: the lowest rung whose best setting reaches it with a probability of 1 − risk at least. That probability is
    p^k, p that of the setting alone and k how many independent tries those up to it are worth that are not likely below the
    bar themselves (`shared`): of a dozen settings that all miss a bar narrowly, one would look good by luck. Where the
    `incumbent`, the last verdict's choice, comes first, and is not likely below the bar, it stays. If no rung reaches it, or
    without a bar: the lowest rung that is not shown to be worse than the best mean (`is_worse`).

    Where the bar prefers `cost`, the cheapest of those is taken and not the lowest (`cheapest`), whichever was before; every
    rung may have been taken by luck then, so k counts them all.

    Args:
        contenders: from the lowest, all with at least one score, on the same cases in the same order.
        bar: what is good enough, and the risk.
        clusters: of each case, None where all are independent.
        incumbent: the name of the last choice, "" where there is none.
    """
    open_ = [one for one in contenders if one.open]
    if not open_:
        return None
    rungs: dict[str, list[Contender]] = {}
    for one in open_:
        rungs.setdefault(one.ladder_rung, []).append(one)
    leaders = [max(settings, key=lambda one: one.mean) for settings in rungs.values()]  # of equal ones the earlier
    best = max(leaders, key=lambda one: one.mean)
    alone: Mapping[str, float] = {}
    chances: Mapping[str, float] = {}
    if bar.correct is not None:
        alone = {one.name: at_least(one.values, bar.correct, clusters=clusters) or 0.0 for one in contenders}
        chances = shared(contenders, alone, bar)
        if bar.prefer == "cost" and (good := [one for one in leaders if bar.is_cleared(chances[one.name])]):
            return Choice(cheapest(good).name, "clears", best.name, chances, alone)
        for leader in leaders if bar.prefer == "ladder" else ():
            current = next((one for one in rungs[leader.ladder_rung] if one.name == incumbent), None)
            if current is not None and not bar.is_likely_missed(alone[current.name]):
                clears = current is leader and bar.is_cleared(chances[current.name])
                return Choice(current.name, "clears" if clears else "kept", best.name, chances, alone)
            if bar.is_cleared(chances[leader.name]):
                return Choice(leader.name, "clears", best.name, chances, alone)
    tries = effective_tries([one.values for one in contenders if one.ladder_rung == best.ladder_rung])
    shown = {o.name for o in open_ if o is not best and is_worse(o, best, bar.risk, tries=tries, clusters=clusters)}
    beaten = {leader.ladder_rung for leader in leaders if leader.name in shown}
    worse = frozenset(shown | {o.name for o in open_ if o.ladder_rung in beaten})
    left = [one for one in leaders if one.name not in worse]
    taken = cheapest(left) if bar.prefer == "cost" else left[0]
    code: Code = "only" if len(open_) == 1 else "best" if taken is best else "not_worse"
    return Choice(taken.name, code, best.name, chances, alone, worse)


def cheapest(contenders: Sequence[Contender]) -> Contender:
    """By the month, whole, where that is known of all, else by what answers cost; what is unknown comes last, and of equal
    ones the lowest first."""
    _, costs = on_one_scale([one.costs for one in contenders])
    by_cost = ((math.inf if cost is None else cost, index) for index, cost in enumerate(costs))
    return contenders[min(by_cost)[1]]


def on_one_scale(costs: Sequence[tuple[float | None, float | None]]) -> tuple[bool, list[float | None]]:
    """What several rungs cost (as `Contender.costs`), so that it can be compared: (whether by the month, which must be known
    of all, and not by a thousand answers; dollars)."""
    monthly = all(month is not None for month, _ in costs)
    return monthly, [month if monthly else answers for month, answers in costs]


def shared(contenders: Sequence[Contender], alone: Mapping[str, float], bar: Bar) -> dict[str, float]:
    """The probability of each of reaching the bar, shared among what was tried up to its rung, its other settings included.

    `alone`: the probability of each as if it were the only one. Those that are likely below the bar are no tries: they could
    not have been taken by luck. To share makes it harder to clear the bar; that a rung misses it is never told from this.
    """
    names = list(dict.fromkeys(one.ladder_rung for one in contenders))
    chances: dict[str, float] = {}
    for index, rung in enumerate(names):
        upto = len(names) if bar.prefer == "cost" else index
        near = [o for o in contenders if names.index(o.ladder_rung) <= upto and not bar.is_likely_missed(alone[o.name])]
        tries = effective_tries([one.values for one in near])
        for one in contenders:
            if one.ladder_rung == rung:
                among = near if any(one is other for other in near) else [*near, one]
                k = tries if len(among) == len(near) else effective_tries([other.values for other in among])
                chances[one.name] = alone[one.name] ** k
    return chances


def is_worse(
    one: Contender, best: Contender, risk: float, *, tries: float = 1.0, clusters: Sequence[int] | None = None
) -> bool:
    """Whether one rung is shown to be worse than another with a higher mean: by more than `FLOOR`, and more than chance.

    A paired one-sided t-test at the risk, over the cases that both have (`behind`). Where the other is the best of several
    settings, worth so many independent `tries`, luck has had as many throws: the risk is shared among them. Fewer than
    `MIN_COMMON` cases show nothing, nor does a difference of one case in all: by the sign test it is even odds.
    """
    import numpy as np

    common = int((~np.isnan(one.values) & ~np.isnan(best.values)).sum())
    gap, p = behind(one.values, best.values, clusters=clusters)
    if common < MIN_COMMON or gap * common <= 1 + _SLACK:
        return False
    return gap > FLOOR + _SLACK and 1 - (1 - p) ** tries < risk


def not_behind(one: Floats, best: Floats, margin: float, *, clusters: Sequence[int] | None = None) -> float:
    """The probability that the mean of `one` is behind by no more than `margin`, by the same t-test; 0 where it cannot be
    told."""
    spread = spread_of_differences(best - one, besides=HALF, clusters=clusters)
    return 0.0 if spread is None else _at_most(spread, margin)


def behind(one: Floats, best: Floats, *, clusters: Sequence[int] | None = None) -> tuple[float, float]:
    """How far the mean of `one` is behind, and the one-sided p of "not behind", by Student's t."""
    import numpy as np

    difference = best - one
    if np.isnan(difference).all():
        return 0.0, 1.0
    gap = float(np.nanmean(difference))
    spread = spread_of_differences(difference, besides=HALF, clusters=clusters)
    return gap, 1.0 if spread is None else _at_most(spread, 0.0)


def _at_most(spread: Spread, margin: float) -> float:
    """The probability that a mean difference is `margin` at most."""
    return student_cdf((margin - spread.mean) / spread.error, spread.freedom)
