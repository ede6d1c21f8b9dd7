"""What would change the choice: the nearest bar, limit, traffic, pace of change or price at which another would win.

Pure: each is found by asking `eligible.chooser` again with that one thing changed. What things cost is left to `costs`,
which changes are guesses to `guesses`, what is said of them to `would_change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

from rung.records import Effort, Evaluation, RungResult
from rung.verdict.bar import QUANTILES, Bar, measured
from rung.verdict.choice import Choice
from rung.verdict.costs import Demand, Prices, answering_usd_per_1k, bill
from rung.verdict.eligible import chooser, costs_of
from rung.verdict.probability import least_limit
from rung.verdict.share_flips import (
    Flip,
    Seen,
    Standing,
    all_share_flips,
    first_change,
    rounded_flip,
    share_flips,
    winner_of,
)

FARTHEST = 1000.0  # times more, and times less, is how far traffic, pace and price are followed
MAX_SERVERS = 50  # of one kind are how many traffic is followed up to, step by step
_HALVINGS = 60
_ALIKE = 1e-9  # turning points of two rungs that are one
_NEVER = 1e-9
OF_MONEY = ("usd_per_1k", "usd_per_month", "usd_per_passed")
BY_BREAKPOINTS = (*OF_MONEY, "p50_seconds", "p95_seconds")

Choose = Callable[[Sequence[RungResult], Bar], Choice | None]


@dataclass(frozen=True, slots=True)
class Economy:
    """What the rungs take (by name), what that costs, and what is asked of them."""

    efforts: Mapping[str, Effort]
    prices: Prices = field(default_factory=Prices)
    demand: Demand = field(default_factory=Demand)


def priced(result: RungResult, economy: Economy) -> RungResult:
    """A rung's line with its bill; one without a known effort stays as it is."""
    effort = economy.efforts.get(result.name)
    if effort is None:
        return result
    per_1k = answering_usd_per_1k(effort, economy.demand)
    return replace(result, bill=bill(effort, economy.prices, economy.demand), usd_per_1k=per_1k)


def flips(evaluations: Sequence[Evaluation], *, bar: Bar, economy: Economy, incumbent: str = "") -> tuple[Flip, ...]:
    """Every nearest change of the choice: of the bar, of each limit on money and time, and through limits on money or, where
    the bar prefers `cost`, through what is cheapest.

    Rungs that the race stopped count with what they answered, unless they would then be chosen today.

    Args:
        evaluations: every rung that was named, as `decide` takes them.
        bar: what is good enough.
        economy: of the same rungs.
        incumbent: the last verdict's winner, "" where there is none.
    """
    choose, results = reopened(evaluations, bar, economy, incumbent)
    of_bar = [] if bar.correct is None else share_flips(_by_bar(choose, results, bar), "bar", bar.correct, of=winner_of)
    return _with_unchecked([*of_bar, *_of_the_rest(choose, results, bar, economy)], results, bar)


def flips_of_the_rest(
    evaluations: Sequence[Evaluation], *, bar: Bar, economy: Economy, incumbent: str = ""
) -> tuple[Flip, ...]:
    """`flips` but for those of the bar."""
    choose, results = reopened(evaluations, bar, economy, incumbent)
    return _with_unchecked(_of_the_rest(choose, results, bar, economy), results, bar)


def unchecked(name: str | None, results: Sequence[RungResult], bar: Bar) -> tuple[str, ...]:
    """Limits that are not held against a rung, since its number is unknown while that of another rung is known: one that is
    known of none is said of all of them at once.

    >>> from rung.verdict.bar import bar_of
    >>> bar = bar_of({"usd_per_1k": 0.5})
    >>> unchecked("b", [RungResult("a", {}, "measured", usd_per_1k=0.2), RungResult("b", {}, "measured")], bar)
    ('usd_per_1k',)
    """
    rungs = [result for result in results if not result.reference]
    own = next((result for result in rungs if result.name == name), None)
    if own is None:
        return ()
    unknown = (limit for limit in bar.limits if measured(own, limit) is None)
    return tuple(limit for limit in unknown if any(measured(result, limit) is not None for result in rungs))


def _with_unchecked(changes: Sequence[Flip], results: Sequence[RungResult], bar: Bar) -> tuple[Flip, ...]:
    """What is unknown of a rung is so at any value: no input is followed to 0."""
    return tuple(replace(flip, unchecked=unchecked(flip.winner, results, bar)) for flip in changes)


def _of_the_rest(choose: Choose, results: Sequence[RungResult], bar: Bar, economy: Economy) -> list[Flip]:
    """Of limits on money and time, and of inputs of the costs."""
    now, changes = _name(choose(results, bar)), list[Flip]()

    def standing(flip: Flip) -> Flip:
        """With how its winner stands to the bar, where the change begins."""
        end = flip.end if flip.end is not None else flip.value * (2 if flip.upwards else 0.5)
        other, costs = changed_to(bar, economy, flip.what, flip.value + (end - flip.value) * 1e-3)
        name, stands = seen_of(choose, [priced(result, costs) for result in results], other)
        return replace(flip, standing=stands) if name == flip.winner else flip

    for name in BY_BREAKPOINTS:
        if name in bar.limits:
            changes += _of_limit(choose, results, bar, name, now)
    if bar.prefer == "cost" or any(name in bar.limits for name in OF_MONEY):
        for what, value, changed in _inputs(economy):
            stretches = _stretches(economy, value) if what == "traffic" else [(value / FARTHEST, value * FARTHEST)]
            turns = [*(begin for begin, _ in stretches[1:]), *_turning_points(results, bar, changed, stretches)]
            if bar.prefer == "cost":
                turns += _crossings(results, changed, stretches)
            changes += _of_input(_choosing(choose, results, bar, changed), sorted(turns), what, value, now)
    return [standing(flip) for flip in changes]


def reopened(
    evaluations: Sequence[Evaluation], bar: Bar, economy: Economy, incumbent: str
) -> tuple[Choose, list[RungResult]]:
    """What chooses, and the rungs' lines; those that the race stopped as if it had not, unless that changes the choice.
    Arguments as of `flips`."""
    choose, results = chooser(evaluations, incumbent=incumbent), [priced(e.result, economy) for e in evaluations]
    again = [replace(e, result=replace(e.result, stopped=None)) for e in evaluations]
    of_all, reopened = chooser(again, incumbent=incumbent), [replace(result, stopped=None) for result in results]
    is_same = _name(of_all(reopened, bar)) == _name(choose(results, bar))
    return (of_all, reopened) if is_same else (choose, results)


def _choosing(
    choose: Choose, results: Sequence[RungResult], bar: Bar, changed: Callable[[float], Economy]
) -> Callable[[float], str | None]:
    """The winner at a value of one input."""
    return lambda value: _name(choose([priced(result, changed(value)) for result in results], bar))


def _name(choice: Choice | None) -> str | None:
    return None if choice is None else choice.name


def flips_of_shares(
    evaluations: Sequence[Evaluation], *, bar: Bar, economy: Economy, incumbent: str = ""
) -> tuple[Flip, ...]:
    """The nearest bars and risks, above and below, at which the choice is another, comes to clear the bar or no longer does,
    or from which on none does. Arguments as of `flips`."""
    choose, results = reopened(evaluations, bar, economy, incumbent)
    of_bar = [] if bar.correct is None else all_share_flips(_by_bar(choose, results, bar), "bar", bar.correct)
    of_risk = all_share_flips(lambda risk: seen_of(choose, results, replace(bar, risk=risk)), "risk", bar.risk)
    return _with_unchecked([*of_bar, *of_risk], results, bar)


def _by_bar(choose: Choose, results: Sequence[RungResult], bar: Bar) -> Callable[[float], Seen]:
    return lambda value: seen_of(choose, results, replace(bar, correct=value))


def seen_of(choose: Choose, results: Sequence[RungResult], bar: Bar) -> Seen:
    """The choice, and how it stands to the bar."""
    choice = choose(results, bar)
    if choice is None or bar.correct is None:
        return _name(choice), ""
    missed: Standing = "kept" if choice.code == "kept" else "missed"
    return choice.name, "clears" if bar.is_cleared(choice.probability[choice.name]) else missed


def _of_limit(choose: Choose, results: Sequence[RungResult], bar: Bar, name: str, now: str | None) -> list[Flip]:
    limit = bar.limits[name]
    least = sorted({m for r in results if not r.reference and (m := _least_kept(r, name, bar)) is not None})

    def choice(value: float) -> str | None:
        # from above: a limit of a rung's own number is kept, anything below it is not
        return _name(choose(results, replace(bar, limits={**bar.limits, name: replace(limit, value=-value)})))

    turned = _at_breakpoints(choice, name, -limit.value, sorted(-m for m in least if m > 0), now)  # none is below 0
    changes = [
        Flip(name, -flip.value, flip.winner, limit.value, not flip.upwards, end=None if flip.end is None else -flip.end)
        for flip in turned
    ]
    return [rounded_flip(flip, lambda value: choice(-value), flip.winner) for flip in changes]


def _least_kept(result: RungResult, name: str, bar: Bar) -> float | None:
    """The smallest limit that a rung is not held to break."""
    number = measured(result, name)
    if number is None or name not in QUANTILES or result.latency is None or not result.latency.times:
        return number
    least = least_limit(result.latency.times, QUANTILES[name], bar.risk)
    return number if least is None else min(number, least / 1000)


def _at_breakpoints(
    choice: Callable[[float], str | None], what: str, now: float, points: Sequence[float], winner: str | None
) -> list[Flip]:
    """The nearest change above and below `now`, of a choice that stays the same between neighbouring points.

    A point belongs to what is below it: at a bar of a rung's own mean the rung still clears it.
    """
    above = [p for p in points if p >= now - _NEVER]
    below = [p for p in points if p < now - _NEVER]
    after = [*above[1:], *(p + max(1e-6, abs(p) * 1e-6) for p in above[-1:])]
    before = [*(p - max(1e-6, abs(p) * 1e-6) for p in below[:1]), *below[:-1]]
    changes: list[Flip] = []
    for upwards, ends in ((True, zip(above, after, strict=True)), (False, reversed(list(zip(below, before, strict=True))))):
        # Asked between two points, since at one it hangs on the last bit.
        stretches = [(point, (point + beyond) / 2) for point, beyond in ends if abs(beyond - point) > _NEVER]
        if change := first_change(stretches, choice, winner):
            changes.append(Flip(what, change[0], change[1], now, upwards, end=change[2]))
    return changes


def changed_to(bar: Bar, economy: Economy, what: str, value: float) -> tuple[Bar, Economy]:
    """Bar and costs with the bar, the risk, a limit or an input of the costs at another value."""
    if what == "bar":
        return replace(bar, correct=value), economy
    if what == "risk":
        return replace(bar, risk=value), economy
    if what in bar.limits:
        return replace(bar, limits={**bar.limits, what: replace(bar.limits[what], value=value)}), economy
    return bar, with_input(economy, what, value)


def with_input(economy: Economy, what: str, value: float) -> Economy:
    """With one of the `INPUTS` of the costs at another value; "price": times what an answer costs."""
    if what == "price":
        return replace(economy, efforts=_dearer(economy.efforts, value))
    changed = {"queries": value} if what == "traffic" else {"changes": value}
    return replace(economy, demand=replace(economy.demand, **changed))


def _inputs(economy: Economy) -> list[tuple[str, float, Callable[[float], Economy]]]:
    """What may change besides, with its value of today: name, value, and the economy with another value."""
    demand = economy.demand
    inputs: list[tuple[str, float, Callable[[float], Economy]]] = []
    if demand.queries:
        inputs.append(("traffic", demand.queries, lambda x: with_input(economy, "traffic", x)))
    if demand.changes:
        inputs.append(("changes", demand.changes, lambda x: with_input(economy, "changes", x)))
    if any(effort.per_query for effort in economy.efforts.values()):
        inputs.append(("price", 1.0, lambda x: with_input(economy, "price", x)))
    return inputs


def _dearer(efforts: Mapping[str, Effort], times: float) -> dict[str, Effort]:
    dearer = {name: None if e.per_query is None else e.per_query * times for name, e in efforts.items()}
    return {name: replace(effort, per_query=dearer[name]) for name, effort in efforts.items()}


def _stretches(economy: Economy, now: float) -> list[tuple[float, float]]:
    """Stretches of traffic, up to `FARTHEST` times more and less, in which no rung needs a further server; beyond so many
    steps upwards they are one."""
    least, most = now / FARTHEST, now * FARTHEST
    limited = {one.queries for effort in economy.efforts.values() for one in effort.hosted if one.queries}
    steps = sorted({n * queries for queries in limited for n in range(1, MAX_SERVERS)})
    edges = [least, *(step for step in steps if least < step < most), most]
    return list(pairwise(edges))


def _turning_points(
    results: Sequence[RungResult], bar: Bar, changed: Callable[[float], Economy], stretches: Sequence[tuple[float, float]]
) -> list[float]:
    """Where a rung comes to keep, or to break, a limit on money.

    In a stretch each limit is crossed once at most, since with an input costs only grow or only fall there.
    """
    asked = [_keeping(result, bar, name, changed) for result in results for name in OF_MONEY if name in bar.limits]
    inside = [(begin * (1 + _ALIKE), end) for begin, end in stretches]
    return [_bisected(keeps, *ends) for keeps in asked for ends in inside if keeps(ends[0]) != keeps(ends[1])]


def _crossings(
    results: Sequence[RungResult], changed: Callable[[float], Economy], stretches: Sequence[tuple[float, float]]
) -> Iterator[float]:
    """Where two rungs come to cost the same: a whole month, or its answers alone, by which one is chosen where the
    month is unknown. In a stretch either grows by a straight line."""

    def costs(value: float) -> tuple[dict[str, float], ...]:
        """What rungs cost that are known to: in a month, whole, and by a month's answers alone."""
        economy = changed(value)
        now = {r.name: costs_of(priced(r, economy)) for r in results if not r.reference}
        asked = economy.demand.queries or 1.0  # answers of a month grow by a straight line, the price of one need not
        months = {name: month for name, (month, _) in now.items() if month is not None}
        return months, {name: each * asked for name, (_, each) in now.items() if each is not None}

    for begin, end in stretches:
        now = (begin * end) ** 0.5
        beside = min(2 * now, (now + end) / 2)
        for near, far in zip(costs(now), costs(beside), strict=True):
            for one, other in combinations(near.keys() & far.keys(), 2):
                difference = near[one] - near[other]
                slope = (far[one] - far[other] - difference) / (beside - now)
                if slope and begin < (value := now - difference / slope) < end:
                    yield value


def _keeping(result: RungResult, bar: Bar, name: str, changed: Callable[[float], Economy]) -> Callable[[float], bool]:
    """Whether a rung keeps a limit at a value of one input."""

    def keeps(value: float) -> bool:
        number = measured(priced(result, changed(value)), name)
        return number is None or bar.limits[name].holds(number)

    return keeps


def _of_input(
    choice: Callable[[float], str | None], turns: Sequence[float], what: str, now: float, winner: str | None
) -> list[Flip]:
    """The nearest change above and below: between neighbouring `turns` the choice stays the same."""
    changes: list[Flip] = []
    for upwards in (True, False):
        way = [turn for turn in (turns if upwards else turns[::-1]) if (turn >= now if upwards else turn <= now)]
        ends = [*way[1:], now * FARTHEST if upwards else now / FARTHEST]
        stretches = [
            (turn, (turn * end) ** 0.5) for turn, end in zip(way, ends, strict=False) if abs(end / turn - 1) > _ALIKE
        ]
        if change := first_change(stretches, choice, winner):
            changes.append(rounded_flip(Flip(what, change[0], change[1], now, upwards, end=change[2]), choice, change[1]))
    return changes


def _bisected(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where it comes to hold, or ceases to, between two values of which one does."""
    there = holds(inside)
    for _ in range(_HALVINGS):
        middle = (inside * outside) ** 0.5
        inside, outside = (middle, outside) if holds(middle) == there else (inside, middle)
    return outside
