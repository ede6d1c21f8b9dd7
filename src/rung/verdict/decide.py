"""Which rung should be used, and why: hard limits first, then the lowest rung that is good enough, at a stated risk.

Pure: from records to a `Verdict`. The rule is `choice`'s, the sentences are made by `reasons`, the numbers by `statistics`
and `probability`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Difference, Estimate, RungResult, Verdict
from rung.stats.rules_of_thumb import CASES_WANTED, JUDGING_CASES
from rung.verdict import choice_words, gap_words, reasons
from rung.verdict.bar import Bar, keeping, measured
from rung.verdict.choice import Choice, Contender, choose
from rung.verdict.constant import Constant
from rung.verdict.gaps import ORACLE, Gaps, at_floor, floor_of, gaps
from rung.verdict.probability import at_least, cases_needed
from rung.verdict.statistics import ALPHA, Paired, design_effect, holm, paired_with

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

NOTED_EFFECT = 1.5  # from this design effect on the verdict says that cases hang together
MAIN = "correct"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
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


def decide(
    weighed: Sequence[Evaluated],
    *,
    bar: Bar | None = None,
    documents: bool = True,
    seed: int = 0,
    warnings: Sequence[str] = (),
    constant: Constant | None = None,
    incumbent: str = "",
) -> Verdict:
    """The verdict over all rungs.

    1. Reference arms are never chosen, nor is a rung that got no case right. 2. A rung that likely breaks a hard limit is
    out; a limit on something unknown is not held against it, and said in the warnings. 3. Of the rest `choice.choose`
    chooses: the lowest that clears the bar with a probability of 1 - risk, the last winner where it is not likely below the
    bar; else the lowest that is not shown to be worse than the best. Where even the oracle is at the floor, rungs that are
    there too are not among them: nothing tells one from another.

    Args:
        weighed: every rung that was named, with its scores; of one order on the ladder the earlier is tried first.
        bar: what is good enough, and the risk; None: no bar.
        documents: whether the project has documents, which decides what the gaps mean.
        seed: of the resampling.
        warnings: what the caller has to say, put first.
        constant: what one same answer would get; a winner that is no better is chosen all the same, and that is said first.
        incumbent: the last verdict's winner, "" where there is none.

    Raises:
        InternalError: two rungs have one name, or their cases differ.
    """
    bar = bar or Bar()
    cases = _check(weighed)
    weighed = [_held_against(w, bar) for w in weighed]
    ladder = sorted((w for w in weighed if not w.result.reference), key=lambda w: w.result.order)
    rejected: dict[str, str] = {w.result.name: reasons.REFERENCE for w in weighed if w.result.reference}
    floor, floored = _floored(weighed)
    rivals = _rivals(ladder, bar, rejected, floored)
    choice = _choice(ladder, rivals, bar, incumbent)
    weighed = [_with_probability(w, bar, choice) for w in weighed]
    by_name = {w.result.name: w for w in weighed}
    rivals = [by_name[w.result.name] for w in rivals]
    winner = None if choice is None else by_name[choice.name]
    clears = winner is not None and (bar.correct is None or bar.is_cleared(winner.result.probability))
    standing = None if choice is None or winner is None else _standing(choice, winner, rivals, bar, seed)
    if standing is not None:
        reason = _why(standing, raced=any(w.result.stopped for w in ladder))
        rejected |= _why_not(standing, seed)
    else:
        reason = reasons.nothing_to_choose([w.result for w in ladder], rejected)
    measure = gaps(_columns(weighed), documents=documents, held=_held(weighed), seed=seed, clusters=_clusters(weighed))
    habit, first = _habit(winner, constant, seed)
    if floor is not None and (winner is None or winner.result.name in floored):
        first = f"{gap_words.does_not_read(floor)} {first}"
    if winner is not None and 0 < winner.result.answered < cases:
        first += f"{reasons.so_far(winner.result, cases)} "
    if doubt := next((w.doubt for w in weighed if w.doubt), ""):
        first = f"{doubt} {first}"
    return Verdict(
        winner=None if winner is None else winner.result.name,
        clears_bar=clears,
        reason=f"{first}{reason}",
        code="none" if choice is None else choice.code,
        probability=None if winner is None else winner.result.probability,
        risk=bar.risk,
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
        cases=cases,
        main_metric=MAIN,
    )


def chooser(weighed: Sequence[Evaluated], *, incumbent: str = "") -> Callable[[Sequence[RungResult], Bar], Choice | None]:
    """What `decide` would choose if the rungs' lines (prices, say) or the bar were others, without its reasons."""
    ladder = sorted((w for w in weighed if not w.result.reference), key=lambda w: w.result.order)
    _, floored = _floored(weighed)

    def chosen(results: Sequence[RungResult], bar: Bar) -> Choice | None:
        by_name = {result.name: result for result in results}
        now = [_held_against(replace(w, result=by_name[w.result.name]), bar) for w in ladder]
        return _choice(now, _rivals(now, bar, {}, floored), bar, incumbent)

    return chosen


def mean(weighed: Evaluated) -> float:
    """Mean `correct` of a rung that was judged."""
    found = measured(weighed.result, MAIN)
    if found is None:
        raise InternalError(f"{weighed.result.name} was not judged")
    return found


def _held_against(weighed: Evaluated, bar: Bar) -> Evaluated:
    """With the probabilities that it keeps the limits."""
    keeps = keeping(weighed.result, weighed.values, bar, clusters=weighed.clusters)
    return replace(weighed, result=replace(weighed.result, keeps=keeps))


def _with_probability(weighed: Evaluated, bar: Bar, choice: Choice | None) -> Evaluated:
    """With the probability that it reaches the bar; of one that may not be chosen, as if it were the only one."""
    if bar.correct is None or MAIN not in weighed.values or weighed.result.status != "measured":
        return weighed
    known = None if choice is None else choice.probability.get(weighed.result.name)
    alone = at_least(weighed.values[MAIN], bar.correct, clusters=weighed.clusters) if known is None else known
    return replace(weighed, result=replace(weighed.result, probability=alone))


def _choice(ladder: Sequence[Evaluated], rivals: Sequence[Evaluated], bar: Bar, incumbent: str) -> Choice | None:
    """Of those that may win; those that the race stopped count among what was tried."""
    names = {w.result.name for w in rivals}
    tried = [w for w in ladder if w.result.name in names or (w.result.stopped and _is_judged(w))]
    contenders = [Contender(w.result.name, w.values[MAIN], w.result.name in names, w.result.rung) for w in tried]
    return choose(contenders, bar, clusters=_clusters(ladder), incumbent=incumbent)


def _is_judged(weighed: Evaluated) -> bool:
    score = weighed.result.scores.get(MAIN)
    return MAIN in weighed.values and score is not None and score.mean is not None


def _check(weighed: Sequence[Evaluated]) -> int:
    names = [w.result.name for w in weighed]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InternalError(f"two rungs are called {min(twice)!r}")
    lengths = {len(column) for w in weighed for column in w.values.values()}
    if len(lengths) > 1:
        raise InternalError(f"rungs were scored on different numbers of cases: {sorted(lengths)}")
    return max(lengths, default=0)


def _clusters(weighed: Sequence[Evaluated]) -> tuple[int, ...] | None:
    return next((w.clusters for w in weighed if w.clusters is not None), None)


def _held(weighed: Sequence[Evaluated]) -> Floats | None:
    return next((w.held for w in weighed if w.result.name == ORACLE), None)


def _columns(weighed: Sequence[Evaluated]) -> dict[str, Floats]:
    return {w.result.name: w.values[MAIN] for w in weighed if w.result.status == "measured" and MAIN in w.values}


def _floored(weighed: Sequence[Evaluated]) -> tuple[Estimate | None, dict[str, str]]:
    """The oracle's score where that is at the floor, and the rungs that are there too, each with why that is no choice."""
    columns, held, clusters = _columns(weighed), _held(weighed), _clusters(weighed)
    floor = floor_of(columns, held, clusters=clusters)
    if floor is None or held is None:
        return None, {}
    rungs = {w.result.name for w in weighed if not w.result.reference}
    scores = {n: at_floor(column, held, clusters=clusters) for n, column in columns.items() if n in rungs}
    return floor, {name: gap_words.at_floor(score, floor) for name, score in scores.items() if score is not None}


def _rivals(ladder: Sequence[Evaluated], bar: Bar, rejected: dict[str, str], floored: Mapping[str, str]) -> list[Evaluated]:
    """Those that may win; why each of the others may not goes to `rejected`. One of `floored` may by clearing the bar."""
    rivals: list[Evaluated] = []
    for w in ladder:
        why = barred(w, bar)
        if not why and (
            bar.correct is None or not bar.is_cleared(at_least(w.values[MAIN], bar.correct, clusters=w.clusters))
        ):
            why = floored.get(w.result.name, "")
        if why:
            rejected[w.result.name] = why
        else:
            rivals.append(w)
    return rivals


def barred(weighed: Evaluated, bar: Bar) -> str:
    """Why a rung may not win, "" where it may: not measured, stopped by the race, nothing right, a hard limit broken."""
    result = weighed.result
    if result.status != "measured":
        return reasons.not_measured(result)
    if result.stopped:
        return result.stopped
    if not _is_judged(weighed):
        return reasons.UNJUDGED
    if mean(weighed) <= 0:
        return reasons.nothing_right(result.scores[MAIN].n, weighed.failures)
    broken = bar.broken_by(result)
    if broken:
        return reasons.breaks(broken, result.keeps)
    return reasons.forgets(weighed.marked) if weighed.marked else ""


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """The choice among the rungs that may win (lowest first), and how each compares with the best."""

    choice: Choice
    winner: Evaluated
    best: Evaluated
    rivals: Sequence[Evaluated]
    bar: Bar
    against_best: Mapping[str, Paired]

    @property
    def by_bar(self) -> bool:
        """Whether the bar decided."""
        return self.choice.code in ("clears", "kept")


def _standing(choice: Choice, winner: Evaluated, rivals: Sequence[Evaluated], bar: Bar, seed: int) -> _Standing:
    best = next(w for w in rivals if w.result.name == choice.best)
    others = {w.result.name: w.values[MAIN] for w in rivals if w is not best}
    compared = paired_with(best.values[MAIN], others, seed=seed, clusters=best.clusters)
    return _Standing(choice, winner, best, rivals, bar, compared)


def _why(standing: _Standing, *, raced: bool) -> str:
    winner, bar, best = standing.winner.result, standing.bar, standing.best.result
    score, code = winner.scores[MAIN], standing.choice.code
    doubtful = standing.winner if standing.by_bar else standing.best
    more = _more_cases(doubtful, bar, of="" if doubtful is standing.winner else best.name)
    if standing.by_bar:
        lower = [w.result for w in standing.rivals if w.result.order < winner.order]
        if code == "clears":
            return choice_words.clears(winner, bar, lower=lower, more=more)
        return choice_words.kept(winner, bar, more=more)
    opening = "No bar was set."
    if bar.correct is not None:
        opening = choice_words.none_clears(bar.correct, best.name, best.probability)
    opening += " "
    if code == "not_worse":
        difference = standing.against_best[winner.name]
        told = (best.name, best.scores[MAIN])
        return opening + choice_words.as_good_as_best(
            winner.name, score, best=told, difference=difference, risk=bar.risk, more=more
        )
    if code == "only" and raced:
        return opening + choice_words.last_in_the_race(winner.name, score, bar.correct, more=more)
    lowest = winner.ladder_rung == standing.rivals[0].result.ladder_rung
    return opening + choice_words.best(winner, bar, alone=code == "only", lowest=lowest, more=more)


def _more_cases(weighed: Evaluated, bar: Bar, *, of: str) -> str:
    """The sentence that says that a rung may reach the bar or not, and what would settle it; or nothing."""
    if bar.correct is None:
        return ""
    column, clusters = weighed.values[MAIN], weighed.clusters
    alone = at_least(column, bar.correct, clusters=clusters)
    if alone is None or bar.is_likely_missed(alone) or bar.is_cleared(alone):
        return ""
    needed = cases_needed(column, bar.correct, risk=bar.risk, clusters=clusters)
    more = None if needed is None else needed - weighed.result.scores[MAIN].n
    return choice_words.not_certain(more, bar.risk, of=of, clustered=clusters is not None)


def _why_not(standing: _Standing, seed: int) -> dict[str, str]:
    """Why each of the others that might have won did not."""
    winner, bar = standing.winner, standing.bar
    others = [w for w in standing.rivals if w is not winner]
    columns = {w.result.name: w.values[MAIN] for w in others}
    over_winner = paired_with(winner.values[MAIN], columns, seed=seed, clusters=winner.clusters)
    adjusted = holm({name: one.p for name, one in over_winner.items()})
    found: dict[str, str] = {}
    for w in others:
        name = w.result.name
        if standing.by_bar and bar.is_likely_missed(w.result.probability):
            found[name] = choice_words.misses(w.result, bar)
        elif standing.by_bar and not bar.is_cleared(w.result.probability):
            found[name] = choice_words.not_shown(w.result, bar)
        elif not standing.by_bar and name in standing.choice.worse:
            found[name] = choice_words.worse(standing.best.result.name, standing.against_best[name].estimate, bar.risk)
        else:
            sibling = w.result.ladder_rung == winner.result.ladder_rung
            found[name] = choice_words.not_needed(
                winner.result.name,
                w.result.scores[MAIN],
                over_winner[name],
                sibling=sibling,
                adjusted=adjusted[name],
                compared=len(adjusted),
            )
    return found


def _differences(standing: _Standing) -> tuple[Difference, ...]:
    best = standing.best.result.name
    return tuple(Difference(name, best, one.estimate, one.p) for name, one in standing.against_best.items())


def _hanging_together(winner: Evaluated | None, cases: int) -> list[str]:
    """The sentence that says that cases of one document are not independent, where that matters."""
    if winner is None or winner.clusters is None:
        return []
    effect = design_effect(winner.values[MAIN], winner.clusters)
    return [reasons.hanging_together(cases, len(set(winner.clusters)), effect)] if effect >= NOTED_EFFECT else []


def _habit(winner: Evaluated | None, constant: Constant | None, seed: int) -> tuple[list[str], str]:
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


def _hopeless(weighed: Sequence[Evaluated], measure: Gaps, bar: Bar) -> list[str]:
    """The sentence that says that no search reaches the bar, or nothing. Of the cases that the behaviour gap is of."""
    wrong = measure.estimates["behaviour"]
    if ORACLE not in _columns(weighed) or "behaviour" in measure.doubts or bar.correct is None:
        return []
    if wrong.mean is None or wrong.low is None or wrong.high is None or 1 - wrong.low >= bar.correct:
        return []
    return [gap_words.even_the_oracle(Estimate(1 - wrong.mean, 1 - wrong.high, 1 - wrong.low, wrong.n), bar.correct)]


def _warnings(weighed: Sequence[Evaluated], bar: Bar, cases: int) -> list[str]:
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
