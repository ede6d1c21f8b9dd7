"""What would change the choice: the nearest bar, limit, traffic, pace of change or price at which another would win.

Pure: each is found by asking `eligible.chooser` again with that one thing changed. What things cost is left to `costs`, how
it is said to `sensitivity_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rung.records import Effort, Evaluation, RungResult
from rung.verdict import reasons
from rung.verdict import sensitivity_words as flip_words
from rung.verdict.bar import MAIN, QUANTILES, Bar, measured
from rung.verdict.choice import Choice
from rung.verdict.costs import Demand, Prices, bill, break_even
from rung.verdict.eligible import chooser
from rung.verdict.gaps import MIN_CASES
from rung.verdict.probability import least_limit

FARTHEST = 1000.0  # times more, and times less, is how far traffic, pace and price are followed
_STEPS = 30  # looked at in each direction, before the bisection between two of them
_HALVINGS = 40
_BAR_STEP, _BAR_HALVINGS = 0.01, 7  # bars are told in two decimals
_NEVER = 1e-9
_OF_MONEY = ("usd_per_1k", "usd_per_month", "usd_per_passed")
_BY_BREAKPOINTS = (*_OF_MONEY, "p50_seconds", "p95_seconds")

Choose = Callable[[Sequence[RungResult], Bar], Choice | None]


@dataclass(frozen=True, slots=True)
class Economy:
    """What the rungs take (by name), what that costs, and what is asked of them."""

    efforts: Mapping[str, Effort]
    prices: Prices = field(default_factory=Prices)
    demand: Demand = field(default_factory=Demand)


@dataclass(frozen=True, slots=True)
class Flip:
    """At `value` of `what` the choice becomes `winner` (None: none). `now`: today's value; `upwards`: above or below it.

    `clears`: whether the winner clears the bar then, where it is the bar that changes.
    """

    what: str
    value: float
    winner: str | None
    now: float
    upwards: bool
    clears: bool = True


def priced(result: RungResult, economy: Economy) -> RungResult:
    """A rung's line with its bill; one without a known effort stays as it is."""
    effort = economy.efforts.get(result.name)
    if effort is None:
        return result
    per_1k = None if effort.per_query is None else effort.per_query * 1000
    return replace(result, bill=bill(effort, economy.prices, economy.demand), usd_per_1k=per_1k)


def what_would_change(
    evaluations: Sequence[Evaluation],
    winner: str | None,
    rejected: Mapping[str, str],
    *,
    bar: Bar,
    economy: Economy,
    incumbent: str = "",
) -> tuple[str, ...]:
    """What would change the choice, one sentence each. It is asked of all rungs: those that the race stopped count with what
    they answered; of rungs with few answers nothing is said.

    Args:
        evaluations: every rung that was named, judged.
        winner: the choice.
        rejected: why the others are not.
        bar: what is good enough.
        economy: of the same rungs.
        incumbent: the last verdict's winner, "" where there is none.
    """
    open_ = [replace(e, result=replace(e.result, stopped="")) for e in evaluations]
    untimed = {e.name for e in evaluations if e.result.stopped}  # no limit of time can be held against these
    floored = {name for name, why in rejected.items() if why.startswith(reasons.AT_FLOOR)}  # no choice either way
    found = flips(open_, bar=bar, economy=economy, incumbent=incumbent)
    kept = [flip for flip in found if flip.winner not in (untimed if flip.what.endswith("_seconds") else floored)]
    results = [e.result for e in evaluations]
    thin = {r.name for r in results if MAIN in r.scores and r.scores[MAIN].n < MIN_CASES}
    told = in_words(kept, winner, thin=thin)
    if winner is not None and winner not in thin:
        told += cheaper_from(winner, [r for r in results if r.name not in thin], bar, economy)
    return tuple(told)


def flips(weighed: Sequence[Evaluation], *, bar: Bar, economy: Economy, incumbent: str = "") -> tuple[Flip, ...]:
    """Every nearest change of the choice: of the bar, of each limit on money and time, and through limits on money.

    Args:
        weighed: every rung that was named, as `decide` takes them.
        bar: what is good enough.
        economy: of the same rungs.
        incumbent: the last verdict's winner, "" where there is none.
    """
    choose = chooser(weighed, incumbent=incumbent)
    results = [priced(w.result, economy) for w in weighed]
    now = _name(choose(results, bar))
    found = [*_of_bar(choose, results, bar, now)]
    for name in _BY_BREAKPOINTS:
        if name in bar.limits:
            found += _of_limit(choose, results, bar, name, now)
    if any(name in bar.limits for name in _OF_MONEY):
        for what, value, changed in _inputs(economy):
            found += _of_input(_choosing(choose, results, bar, changed), what, value, now)
    return tuple(found)


def _choosing(
    choose: Choose, results: Sequence[RungResult], bar: Bar, changed: Callable[[float], Economy]
) -> Callable[[float], str | None]:
    """The winner at a value of one input."""
    return lambda value: _name(choose([priced(result, changed(value)) for result in results], bar))


def _name(choice: Choice | None) -> str | None:
    return None if choice is None else choice.name


def in_words(found: Sequence[Flip], winner: str | None, *, thin: Collection[str] = ()) -> list[str]:
    """One sentence each. That a limit below the choice's own number leaves nobody goes without saying.

    `thin`: rungs that have answered too few cases for that; of them, and against them, nothing is said.
    """
    if winner in thin:
        return []
    others = (flip for flip in found if flip.winner != winner and flip.winner not in thin)
    told = (flip for flip in others if flip.winner is not None or flip.what not in _BY_BREAKPOINTS)
    return [flip_words.flip(flip.what, flip.value, flip.winner, upwards=flip.upwards, clears=flip.clears) for flip in told]


def cheaper_from(winner: str, rungs: Sequence[RungResult], bar: Bar, economy: Economy) -> list[str]:
    """From which traffic on another rung that is good enough costs less than the choice, or the choice less than it."""
    bills = {r.name: b for r in rungs if (b := priced(r, economy).bill) is not None}
    good = [r for r in rungs if r.name != winner and r.name in bills and _good_enough(r, bar)]
    found = []
    for rung in good if winner in bills else ():
        volume = break_even(bills[winner], bills[rung.name], months=economy.prices.months)
        if volume is not None:
            dear_first = (bills[winner].per_query or 0.0) > (bills[rung.name].per_query or 0.0)
            cheap, dear = (rung.name, winner) if dear_first else (winner, rung.name)
            found.append(flip_words.cheaper_from(cheap, dear, volume, economy.demand.queries))
    return found


def _good_enough(rung: RungResult, bar: Bar) -> bool:
    if rung.reference or rung.status != "measured" or (bar.correct is not None and not bar.is_cleared(rung.probability)):
        return False
    return not bar.broken_by(rung)


def _of_bar(choose: Choose, results: Sequence[RungResult], bar: Bar, now: str | None) -> list[Flip]:
    """The nearest bar above and below at which the choice is another: the first hundredth where it is, then bisection."""
    if bar.correct is None:
        return []
    found: list[Flip] = []
    for upwards, end in ((True, 1.0), (False, 0.0)):
        same, step = bar.correct, _BAR_STEP if upwards else -_BAR_STEP
        while same != end:
            away = min(1.0, max(0.0, same + step))
            if _name(choose(results, replace(bar, correct=away))) != now:
                found.append(_bar_between(choose, results, bar, now, (same, away)))
                break
            same = away
    return found


def _bar_between(
    choose: Choose, results: Sequence[RungResult], bar: Bar, now: str | None, ends: tuple[float, float]
) -> Flip:
    """`ends`: a bar at which the choice is the same, and one at which it is not."""
    same, away = ends
    upwards = away > same
    for _ in range(_BAR_HALVINGS):
        middle = (same + away) / 2
        same, away = (middle, away) if _name(choose(results, replace(bar, correct=middle))) == now else (same, middle)
    other = choose(results, replace(bar, correct=away))
    clears = other is None or other.code in ("clears", "kept")
    return Flip("bar", same if upwards else away, _name(other), bar.correct or 0.0, upwards, clears)


def _of_limit(choose: Choose, results: Sequence[RungResult], bar: Bar, name: str, now: str | None) -> list[Flip]:
    limit = bar.limits[name]
    known = sorted({m for r in results if not r.reference and (m := _least_kept(r, name, bar)) is not None})

    def choice(value: float) -> str | None:
        # from above: a limit of a rung's own number is kept, anything below it is not
        return _name(choose(results, replace(bar, limits={**bar.limits, name: replace(limit, value=-value)})))

    turned = _at_breakpoints(choice, name, -limit.value, sorted(-m for m in known), now)
    return [replace(flip, value=-flip.value, now=limit.value, upwards=not flip.upwards) for flip in turned]


def _least_kept(result: RungResult, name: str, bar: Bar) -> float | None:
    """The smallest limit that a rung is not held to break."""
    number = measured(result, name)
    if number is None or name not in QUANTILES or result.latency is None or not result.latency.times:
        return number
    kept = least_limit(result.latency.times, QUANTILES[name], bar.risk)
    return number if kept is None else min(number, kept / 1000)


def _at_breakpoints(
    choice: Callable[[float], str | None], what: str, now: float, points: Sequence[float], winner: str | None
) -> list[Flip]:
    """The nearest change above and below `now`, of a choice that stays the same between neighbouring points.

    A point belongs to what is below it: at a bar of a rung's own mean the rung still clears it.
    """
    found: list[Flip] = []
    above = [p for p in points if p >= now - _NEVER]
    below = [p for p in points if p < now - _NEVER]
    for place, point in enumerate(above):
        beyond = above[place + 1] if place + 1 < len(above) else point + max(1e-6, abs(point) * 1e-6)
        if (other := choice(beyond)) != winner:
            found.append(Flip(what, point, other, now, upwards=True))
            break
    for point in reversed(below):
        if (other := choice(point)) != winner:
            found.append(Flip(what, point, other, now, upwards=False))
            break
    return found


def _inputs(economy: Economy) -> list[tuple[str, float, Callable[[float], Economy]]]:
    """What may change besides, with its value of today: name, value, and the economy with another value."""
    demand = economy.demand
    found: list[tuple[str, float, Callable[[float], Economy]]] = []
    if demand.queries:
        found.append(("traffic", demand.queries, lambda x: replace(economy, demand=replace(demand, queries=x))))
    if demand.changes:
        found.append(("changes", demand.changes, lambda x: replace(economy, demand=replace(demand, changes=x))))
    if any(effort.per_query for effort in economy.efforts.values()):
        found.append(("price", 1.0, lambda x: replace(economy, efforts=_dearer(economy.efforts, x))))
    return found


def _dearer(efforts: Mapping[str, Effort], times: float) -> dict[str, Effort]:
    dearer = {name: None if e.per_query is None else e.per_query * times for name, e in efforts.items()}
    return {name: replace(effort, per_query=dearer[name]) for name, effort in efforts.items()}


def _of_input(choice: Callable[[float], str | None], what: str, now: float, winner: str | None) -> list[Flip]:
    """The nearest change above and below: the first step of a geometric row where the choice is another, then bisection."""
    found: list[Flip] = []
    for upwards in (True, False):
        same = now
        for step in range(1, _STEPS + 1):
            away = now * FARTHEST ** ((1 if upwards else -1) * step / _STEPS)
            if choice(away) != winner:
                value = _bisected(lambda x: choice(x) == winner, same, away)
                found.append(Flip(what, value, choice(away), now, upwards))
                break
            same = away
    return found


def _bisected(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    for _ in range(_HALVINGS):
        middle = (inside * outside) ** 0.5
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside
