"""Which rungs may be chosen at all, and which of these is: the rule of the verdict without its reasons.

Arms, what was not measured or got nothing right, and what breaks a hard limit are out; of the rest `choice` chooses.
`decide` says why, `sensitivity` asks again with other bars and prices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Estimate, Evaluation, Reason, RungResult
from rung.verdict import choice_words, gap_words, rejections
from rung.verdict.bar import MAIN, Bar, keeping, measured
from rung.verdict.choice import Choice, Contender, choose
from rung.verdict.cut_answers import loses_by_cuts
from rung.verdict.gaps import ORACLE, at_floor, floor_of
from rung.verdict.probability import at_least

if TYPE_CHECKING:
    from rung.stats.estimates import Floats


def chooser(
    evaluations: Sequence[Evaluation], *, incumbent: str = ""
) -> Callable[[Sequence[RungResult], Bar], Choice | None]:
    """What `decide` would choose if the rungs' lines (prices, say) or the bar were others, without its reasons."""
    ladder = sorted((e for e in evaluations if not e.result.reference), key=lambda e: e.result.order)
    _, floored = at_the_floor(evaluations)

    def chosen(results: Sequence[RungResult], bar: Bar) -> Choice | None:
        by_name = {result.name: result for result in results}
        now = [held_against(e, bar, by_name[e.result.name]) for e in ladder]
        return choice_of(now, rivals_in(now, bar, {}, floored), bar, incumbent)

    return chosen


def mean(evaluation: Evaluation) -> float:
    """Mean `correct` of a rung that was judged."""
    value = measured(evaluation.result, MAIN)
    if value is None:
        raise InternalError(f"{evaluation.result.name} was not judged")
    return value


def held_against(evaluation: Evaluation, bar: Bar, line: RungResult | None = None) -> Evaluation:
    """With the probabilities that it keeps the limits. `line`: another one than its own."""
    line = line or evaluation.result
    keeps = keeping(line, evaluation.values, bar, clusters=evaluation.clusters) if bar.limits else {}
    if keeps != line.keeps:
        line = replace(line, keeps=keeps)
    return evaluation if line is evaluation.result else replace(evaluation, result=line)


def choice_of(ladder: Sequence[Evaluation], rivals: Sequence[Evaluation], bar: Bar, incumbent: str) -> Choice | None:
    """Of those that may win; those that the race stopped count among what was tried."""
    names = {e.result.name for e in rivals}
    tried = [e for e in ladder if e.result.name in names or (e.result.stopped and is_judged(e))]
    contenders = [
        Contender(e.result.name, e.values[MAIN], e.result.name in names, e.result.rung, costs_of(e.result)) for e in tried
    ]
    return choose(contenders, bar, clusters=clusters_of(ladder), incumbent=incumbent)


def costs_of(result: RungResult) -> tuple[float | None, float | None]:
    """Dollars of a month, whole, and of a thousand answers; None where unknown."""
    return None if result.bill is None else result.bill.per_month, result.usd_per_1k


def is_judged(evaluation: Evaluation) -> bool:
    """Whether any of its cases has a score."""
    score = evaluation.result.scores.get(MAIN)
    return MAIN in evaluation.values and score is not None and score.mean is not None


def clusters_of(evaluations: Sequence[Evaluation]) -> tuple[int, ...] | None:
    """The cluster of each case; None where all are independent."""
    return next((e.clusters for e in evaluations if e.clusters is not None), None)


def held_by_oracle(evaluations: Sequence[Evaluation]) -> Floats | None:
    """In which cases the oracle was shown the answer; None where it was not asked."""
    return next((e.held for e in evaluations if e.result.name == ORACLE), None)


def correct_of(evaluations: Sequence[Evaluation], metric: str = MAIN) -> dict[str, Floats]:
    """`correct`, or another metric, case by case, of everything that was measured."""
    return {e.result.name: e.values[metric] for e in evaluations if e.result.status == "measured" and metric in e.values}


def with_the_arms(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The reference arms, and the rungs that ask the same model: of another one the arms tell nothing."""
    model = next((e.result.model for e in evaluations if e.is_reference), None)
    return [e for e in evaluations if model is None or e.is_reference or e.result.model == model]


def at_the_floor(evaluations: Sequence[Evaluation]) -> tuple[Estimate | None, dict[str, Reason]]:
    """The oracle's score where that is at the floor, and the rungs that are there too, each with why that is no choice.
    Neither of what loses by cuts: that tells nothing of what a model reads."""
    evaluations = [e for e in evaluations if not loses_by_cuts(e)]
    columns, held, clusters = correct_of(evaluations), held_by_oracle(evaluations), clusters_of(evaluations)
    floor = floor_of(columns, held, clusters=clusters)
    if floor is None or held is None:
        return None, {}
    rungs = {e.result.name for e in evaluations if not e.result.reference}
    scores = {n: at_floor(column, held, clusters=clusters) for n, column in columns.items() if n in rungs}
    return floor, {name: gap_words.at_floor(score, floor) for name, score in scores.items() if score is not None}


def rivals_in(
    ladder: Sequence[Evaluation], bar: Bar, rejected: dict[str, Reason], floored: Mapping[str, Reason]
) -> list[Evaluation]:
    """Those that may win; why each of the others may not goes to `rejected`. One of `floored` may by clearing the bar."""
    rivals: list[Evaluation] = []
    for e in ladder:
        why = barred(e, bar)
        if why is None and e.result.name in floored and not _clears(e, bar):
            why = floored[e.result.name]
        if why is None:
            rivals.append(e)
        else:
            rejected[e.result.name] = why
    return rivals


def _clears(evaluation: Evaluation, bar: Bar) -> bool:
    """Whether it reaches the bar by itself, where one was set."""
    asked = bar.correct
    return asked is not None and bar.is_cleared(at_least(evaluation.values[MAIN], asked, clusters=evaluation.clusters))


def barred(evaluation: Evaluation, bar: Bar) -> Reason | None:
    """Why a rung may not win, None where it may: not measured, stopped by the race, nothing right, a hard limit broken."""
    result = evaluation.result
    if result.status != "measured":
        return rejections.not_measured(result)
    if result.stopped is not None:
        return result.stopped
    if not is_judged(evaluation):
        return rejections.UNJUDGED
    if mean(evaluation) <= 0:
        return rejections.nothing_right(result.scores[MAIN].n, evaluation.failures)
    broken = bar.broken_by(result)
    if broken:
        return rejections.breaks(broken, result.keeps)
    return rejections.forgets(evaluation.marked) if evaluation.marked else None


def beyond(winner: RungResult, bar: Bar) -> list[str]:
    """What to say of the limits that the choice was measured beyond, and may keep all the same."""
    numbers = [(name, measured(winner, name), limit) for name, limit in bar.limits.items()]
    return [
        choice_words.beyond(winner.name, name, value, limit, winner.keeps.get(name))
        for name, value, limit in numbers
        if value is not None and not limit.holds(value)
    ]
