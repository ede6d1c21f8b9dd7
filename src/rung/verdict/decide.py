"""Which rung should be used, and why: hard limits first, then the lowest rung that is good enough.

Pure: from records to a `Verdict`. Its sentences are made by `reasons`, its numbers by `statistics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Difference, Estimate, RungResult, Verdict
from rung.stats.rules_of_thumb import CASES_WANTED, JUDGING_CASES
from rung.verdict import gap_words, reasons
from rung.verdict.bar import Bar, measured
from rung.verdict.constant import Constant
from rung.verdict.gaps import ORACLE, Gaps, at_floor, floor_of, gaps
from rung.verdict.statistics import ALPHA, Paired, cases_needed, design_effect, holm, paired_with

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

NOTED_EFFECT = 1.5  # from this design effect on the verdict says that cases hang together
MAIN = "correct"


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """A rung's line with its scores case by case: metric -> one value per case, NaN where it does not apply.

    All rungs have the same cases in the same order. `failures` counts the answers that did not come, `failing` is the
    commonest failure with its count. `clusters` has the
    cluster of each case (`rung.verdict.clusters`), None where all are independent. `marked` says what a tuned rung forgot
    beyond its limit; it counts as a broken limit. `held` is the oracle's: in which cases it was shown the answer
    (`rung.verdict.gaps.gaps`); `doubt`, the oracle's too, says in words what puts the gold in doubt, and comes first.
    """

    result: RungResult
    values: Mapping[str, Floats] = field(default_factory=dict)
    failures: int = 0
    clusters: tuple[int, ...] | None = None
    marked: str = ""
    held: Floats | None = None
    failing: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The rungs that may win: measured, within the limits, with at least one case right; lowest first."""

    rungs: tuple[Weighed, ...]
    best: Weighed
    against_best: Mapping[str, Paired]
    worse: frozenset[str]  # significantly worse than the best, Holm over all comparisons

    def not_worse(self) -> Weighed:
        """The lowest rung that is not significantly worse than the best."""
        return next(w for w in self.rungs if w.result.name not in self.worse)


def decide(
    weighed: Sequence[Weighed],
    *,
    bar: Bar | None = None,
    documents: bool = True,
    seed: int = 0,
    steps: tuple[int, int] = (0, 0),
    warnings: Sequence[str] = (),
    constant: Constant | None = None,
) -> Verdict:
    """The verdict over all rungs.

    1. Reference arms are never chosen, nor is a rung that got no case right. 2. A rung that breaks a hard limit is out; a
    limit on something unknown is not held against it, and said in the warnings. 3. Of the rest the lowest on the ladder
    whose mean `correct` reaches the bar wins, the earlier setting first. 4. If none does, or no bar was set: the lowest that
    is not significantly worse than the best (paired bootstrap and permutation test, both, by clusters where cases have them;
    Holm's correction; 5 %). Where even the oracle is at the floor, rungs that are there too are not among them: nothing
    tells one from another.

    Args:
        weighed: every rung that was named, with its scores; of one order on the ladder the earlier is tried first.
        bar: what is good enough; None: no bar.
        documents: whether the project has documents, which decides what the gaps mean.
        seed: of the resampling.
        steps: executed and replayed, to be carried on the verdict.
        warnings: what the caller has to say, put first.
        constant: what one same answer would get; a winner that is no better is chosen all the same, and that is said first.

    Raises:
        InternalError: two rungs have one name, or their cases differ.
    """
    bar = bar or Bar()
    ladder = sorted((w for w in weighed if not w.result.reference), key=lambda w: w.result.order)
    cases = _check(weighed)
    rejected: dict[str, str] = {w.result.name: reasons.REFERENCE for w in weighed if w.result.reference}
    floor, floored = _floored(weighed, seed)
    rivals = _rivals(ladder, bar, rejected, floored)
    standing = _field(rivals, seed)
    winner = None if standing is None else _choose(standing, bar)
    clears = winner is not None and (bar.correct is None or bar.cleared_by(mean(winner)))
    if standing is not None and winner is not None:
        reason = _why(winner, standing, bar, raced=any(w.result.stopped for w in ladder))
        rejected |= _why_not(winner, standing, bar, seed)
    else:
        reason = reasons.nothing_to_choose([w.result for w in ladder], rejected)
    measure = gaps(_columns(weighed), documents=documents, held=_held(weighed), seed=seed, clusters=_clusters(weighed))
    if winner is not None and 0 < winner.result.answered < cases:
        reason = f"{reasons.so_far(winner.result, cases)} {reason}"
    habit, told_first = _habit(winner, constant, seed)
    reason = f"{told_first}{reason}"
    if floor is not None and (winner is None or winner.result.name in floored):
        reason = f"{gap_words.does_not_read(floor)} {reason}"
    if doubt := next((w.doubt for w in weighed if w.doubt), ""):
        reason = f"{doubt} {reason}"
    return Verdict(
        winner=None if winner is None else winner.result.name,
        clears_bar=clears,
        reason=reason,
        gaps=measure.estimates,
        doubts=measure.doubts,
        rungs=tuple(w.result for w in weighed),
        rejected=rejected,
        differences=() if standing is None else _differences(standing),
        warnings=(
            *warnings,
            *_hanging_together(winner, cases),
            *habit,
            *_warnings(weighed, bar, cases),
            *([] if clears else _hopeless(weighed, measure, bar)),
        ),
        executed=steps[0],
        replayed=steps[1],
        cases=cases,
        main_metric=MAIN,
    )


def chooser(weighed: Sequence[Weighed], *, seed: int = 0) -> Callable[[Sequence[RungResult], Bar], str | None]:
    """The winner that `decide` would name if the rungs' lines (prices, say) or the bar were others, without its reasons.

    The scores case by case stay those of `weighed`, so the comparisons between rungs are made once for each set of rivals.
    """
    ladder = sorted((w for w in weighed if not w.result.reference), key=lambda w: w.result.order)
    _, floored = _floored(weighed, seed)
    fields: dict[tuple[str, ...], Field | None] = {}

    def choose(results: Sequence[RungResult], bar: Bar) -> str | None:
        by_name = {result.name: result for result in results}
        rivals = _rivals([replace(w, result=by_name[w.result.name]) for w in ladder], bar, {}, floored)
        names = tuple(w.result.name for w in rivals)
        if names not in fields:
            fields[names] = _field(rivals, seed)
        standing = fields[names]
        return None if standing is None else _choose(standing, bar).result.name

    return choose


def mean(weighed: Weighed) -> float:
    """Mean `correct` of a rung that was judged."""
    found = measured(weighed.result, MAIN)
    if found is None:
        raise InternalError(f"{weighed.result.name} was not judged")
    return found


def _check(weighed: Sequence[Weighed]) -> int:
    names = [w.result.name for w in weighed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InternalError(f"two rungs are called {min(twice)!r}")
    lengths = {len(column) for w in weighed for column in w.values.values()}
    if len(lengths) > 1:
        raise InternalError(f"rungs were scored on different numbers of cases: {sorted(lengths)}")
    return max(lengths, default=0)


def _clusters(weighed: Sequence[Weighed]) -> tuple[int, ...] | None:
    return next((w.clusters for w in weighed if w.clusters is not None), None)


def _held(weighed: Sequence[Weighed]) -> Floats | None:
    return next((w.held for w in weighed if w.result.name == ORACLE), None)


def _columns(weighed: Sequence[Weighed]) -> dict[str, Floats]:
    return {w.result.name: w.values[MAIN] for w in weighed if w.result.status == "measured" and MAIN in w.values}


def _floored(weighed: Sequence[Weighed], seed: int) -> tuple[Estimate | None, dict[str, str]]:
    """The oracle's score where that is at the floor, and the rungs that are there too, each with why that is no choice."""
    columns, held, clusters = _columns(weighed), _held(weighed), _clusters(weighed)
    floor = floor_of(columns, held, seed=seed, clusters=clusters)
    if floor is None or held is None:
        return None, {}
    rungs = {w.result.name for w in weighed if not w.result.reference}
    scores = {n: at_floor(column, held, seed=seed, clusters=clusters) for n, column in columns.items() if n in rungs}
    return floor, {name: gap_words.at_floor(score, floor) for name, score in scores.items() if score is not None}


def _rivals(ladder: Sequence[Weighed], bar: Bar, rejected: dict[str, str], floored: Mapping[str, str]) -> list[Weighed]:
    """Those that may win; why each of the others may not goes to `rejected`. One of `floored` may by clearing the bar."""
    rivals: list[Weighed] = []
    for w in ladder:
        why = barred(w, bar)
        if not why and not bar.cleared_by(mean(w)):
            why = floored.get(w.result.name, "")
        if why:
            rejected[w.result.name] = why
        else:
            rivals.append(w)
    return rivals


def barred(weighed: Weighed, bar: Bar) -> str:
    """Why a rung may not win, "" where it may: not measured, stopped by the race, nothing right, a hard limit broken."""
    result = weighed.result
    if result.status != "measured":
        return reasons.not_measured(result)
    if result.stopped:
        return result.stopped
    score = result.scores.get(MAIN)
    if score is None or score.mean is None or MAIN not in weighed.values:
        return reasons.UNJUDGED
    if score.mean <= 0:
        return reasons.nothing_right(score.n, weighed.failures)
    broken = bar.broken_by(lambda name: measured(result, name))
    if broken:
        return reasons.breaks(broken)
    return reasons.forgets(weighed.marked) if weighed.marked else ""


def _field(rivals: Sequence[Weighed], seed: int) -> Field | None:
    if not rivals:
        return None
    best = max(rivals, key=mean)
    others = {w.result.name: w.values[MAIN] for w in rivals if w is not best}
    compared = paired_with(best.values[MAIN], others, seed=seed, clusters=best.clusters)
    adjusted = holm({name: one.p for name, one in compared.items()})
    worse = frozenset(name for name, one in compared.items() if adjusted[name] < ALPHA and (one.estimate.mean or 0) < 0)
    return Field(tuple(rivals), best, compared, worse)


def _choose(standing: Field, bar: Bar) -> Weighed:
    clearing = (w for w in standing.rungs if bar.cleared_by(mean(w)))
    return next(clearing, None) or standing.not_worse()


def _why(winner: Weighed, standing: Field, bar: Bar, *, raced: bool) -> str:
    score = winner.result.scores[MAIN]
    doubtful = winner if bar.cleared_by(mean(winner)) else standing.best
    more = _more_cases(doubtful, bar, of="" if doubtful is winner else doubtful.result.name)
    if bar.correct is not None and bar.cleared_by(mean(winner)):
        lower = [w.result for w in standing.rungs[: standing.rungs.index(winner)]]
        return reasons.clears(winner.result.name, score, bar.correct, lower=lower, more=more)
    opening = "No bar was set. " if bar.correct is None else f"No rung clears the bar of {reasons.number(bar.correct)}. "
    if winner is standing.best:
        alone = len(standing.rungs) == 1
        if alone and raced:
            return opening + reasons.last_in_the_race(winner.result.name, score, bar.correct, more=more)
        lowest = winner is standing.rungs[0]
        return opening + reasons.best(winner.result.name, score, bar.correct, alone=alone, lowest=lowest, more=more)
    difference = standing.against_best[winner.result.name]
    best = (standing.best.result.name, standing.best.result.scores[MAIN])
    return opening + reasons.as_good_as_best(
        winner.result.name, score, best=best, difference=difference, compared=len(standing.against_best), more=more
    )


def _more_cases(weighed: Weighed, bar: Bar, *, of: str) -> str:
    """The sentence that says the bar lies within a rung's interval, or nothing."""
    score = weighed.result.scores[MAIN]
    if bar.correct is None or score.mean is None:
        return ""
    if score.low is not None and score.high is not None and not score.low < bar.correct <= score.high:
        return ""
    needed = cases_needed(weighed.values[MAIN], bar.correct, clusters=weighed.clusters)
    more = None if needed is None else max(needed - score.n, 1)
    return reasons.not_certain(more, of=of, clustered=weighed.clusters is not None)


def _why_not(winner: Weighed, standing: Field, bar: Bar, seed: int) -> dict[str, str]:
    others = [w for w in standing.rungs if w is not winner]
    columns = {w.result.name: w.values[MAIN] for w in others}
    over_winner = paired_with(winner.values[MAIN], columns, seed=seed, clusters=winner.clusters)
    adjusted = holm({name: one.p for name, one in over_winner.items()})
    found: dict[str, str] = {}
    for w in others:
        name, score = w.result.name, w.result.scores[MAIN]
        if bar.correct is not None and bar.cleared_by(mean(winner)):
            lower = standing.rungs.index(w) < standing.rungs.index(winner)
            if lower or not bar.cleared_by(mean(w)):
                found[name] = reasons.misses(score, bar.correct)
                continue
        elif name in standing.worse:
            found[name] = reasons.worse(standing.best.result.name, standing.against_best[name].estimate)
            continue
        over = over_winner[name]
        found[name] = reasons.not_needed(winner.result.name, score, over, adjusted=adjusted[name], compared=len(adjusted))
    return found


def _differences(standing: Field) -> tuple[Difference, ...]:
    best = standing.best.result.name
    return tuple(Difference(name, best, one.estimate, one.p) for name, one in standing.against_best.items())


def _hanging_together(winner: Weighed | None, cases: int) -> list[str]:
    """The sentence that says that cases of one document are not independent, where that matters."""
    if winner is None or winner.clusters is None:
        return []
    effect = design_effect(winner.values[MAIN], winner.clusters)
    return [reasons.hanging_together(cases, len(set(winner.clusters)), effect)] if effect >= NOTED_EFFECT else []


def _habit(winner: Weighed | None, constant: Constant | None, seed: int) -> tuple[list[str], str]:
    """The sentence that says that the winner is no better than one same answer; and in short what is to be said first, where
    the winner's own interval does not even lie above it."""
    if winner is None or constant is None:
        return [], ""
    better = paired_with(constant.values, {"": winner.values[MAIN]}, seed=seed, clusters=winner.clusters)[""]
    if better.p < ALPHA and (better.estimate.mean or 0) > 0:
        return [], ""
    name, score = winner.result.name, winner.result.scores[MAIN]
    within = score.low is None or constant.mean >= score.low
    first = f"{reasons.perhaps_a_habit(name, constant.what)} " if within else ""
    return [reasons.no_better_than_one_answer(name, score, constant.what, constant.mean, better)], first


def _hopeless(weighed: Sequence[Weighed], measure: Gaps, bar: Bar) -> list[str]:
    """The sentence that says that no search reaches the bar, or nothing. Of the cases that the behaviour gap is of."""
    wrong = measure.estimates["behaviour"]
    if ORACLE not in _columns(weighed) or "behaviour" in measure.doubts or bar.correct is None:
        return []
    if wrong.mean is None or wrong.low is None or wrong.high is None or 1 - wrong.low >= bar.correct:
        return []
    return [gap_words.even_the_oracle(Estimate(1 - wrong.mean, 1 - wrong.high, 1 - wrong.low, wrong.n), bar.correct)]


def _warnings(weighed: Sequence[Weighed], bar: Bar, cases: int) -> list[str]:
    tried = [w for w in weighed if w.result.status == "measured" and not w.result.reference]
    found = [reasons.failures(w.result.name, w.failures, cases, w.failing) for w in weighed if w.failures]
    found += [reasons.forgetting(w.result.name, w.marked) for w in tried if w.marked]
    if tried and cases < JUDGING_CASES:
        found.append(f"{reasons.cases(cases)} only: the intervals are wide; {CASES_WANTED}.")
    for name, limit in bar.limits.items():
        asked = [w for w in tried if not w.result.stopped]
        unknown = [w.result.name for w in asked if measured(w.result, name) is None]
        if unknown:
            everywhere = len(unknown) == len(asked)
            known = sorted({metric for w in tried for metric in w.result.scores})
            found.append(reasons.not_checked(name, limit, unknown=[] if everywhere else unknown, known=known))
    return found
