"""Which rung should be used, and why: hard limits first, then the lowest rung that is good enough, at a stated risk.

Pure: from records to a `Verdict`. The rule is `choice`'s, the sentences are made by `reasons`, the numbers by `statistics`
and `probability`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rung.errors import InternalError
from rung.records import Difference, Estimate, Evaluation, Reason, RungResult, Verdict, kind_of
from rung.stats.rules_of_thumb import CASES_WANTED, JUDGING_CASES
from rung.verdict import choice_words, gap_words, reasons, rejections
from rung.verdict.bar import MAIN, Bar, measured
from rung.verdict.choice import FLOOR, Choice, not_behind, on_one_scale
from rung.verdict.constant import Constant
from rung.verdict.cut_answers import doubted, said_first, with_the_cut
from rung.verdict.eligible import (
    at_the_floor,
    beyond,
    choice_of,
    clusters_of,
    correct_of,
    costs_of,
    held_against,
    held_by_oracle,
    mean,
    rivals_in,
    with_the_arms,
)
from rung.verdict.gaps import FORMAT, ORACLE, Gaps, gaps
from rung.verdict.judging import DecisionContext, corrected_by_labels, economy_of, judged
from rung.verdict.pareto import axes, front
from rung.verdict.probability import at_least
from rung.verdict.sensitivity import Economy
from rung.verdict.settling import may_too, more_cases
from rung.verdict.statistics import ALPHA, Paired, design_effect, holm, paired_with
from rung.verdict.would_change import what_would_change

NOTED_EFFECT = 1.5  # from this design effect on the verdict says that cases hang together


def decide(
    evaluations: Sequence[Evaluation], *, bar: Bar | None = None, context: DecisionContext = DecisionContext()
) -> Verdict:
    """The whole verdict over all rungs.

    1. Reference arms are never chosen, nor is a rung that got no case right. 2. A rung that likely breaks a hard limit is
    out; a limit on something unknown is not held against it, and said in the warnings. 3. Of the rest `choice.choose`
    chooses: the lowest that clears the bar with a probability of 1 - risk, the last winner where it is not likely below the
    bar; else the lowest that is not shown to be worse than the best. Where even the oracle is at the floor, rungs that are
    there too are not among them: nothing tells one from another.

    Args:
        evaluations: every rung that was named, with its scores; of one order on the ladder the earlier is tried first.
        bar: what is good enough, and the risk; None: no bar.
        context: what else there is to know. A winner that is no better than its `constant` is chosen all the same, and that
            is said first.

    Raises:
        InternalError: two rungs have one name, or their cases differ.
    """
    bar = bar or Bar()
    settled = settle(evaluations, bar, context)
    verdict, economy = settled.verdict, settled.economy
    incumbent = context.incumbent_after(verdict.winner)
    sentences = what_would_change(
        settled.evaluations, verdict.winner, verdict.rejected, bar=bar, economy=economy, incumbent=incumbent
    )
    return replace(verdict, flips=sentences)


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A verdict that does not say yet what would change it; the rungs with their lines, and their costs."""

    verdict: Verdict
    evaluations: Sequence[Evaluation]
    economy: Economy


def settle(evaluations: Sequence[Evaluation], bar: Bar, context: DecisionContext) -> Settled:
    """The choice and its reasons. Arguments and errors as of `decide`."""
    cases = _check(evaluations)
    economy = economy_of(evaluations, context)
    evaluations = judged(evaluations, economy, bar=bar, cases=cases, trainable=context.trainable)
    evaluations = [held_against(e, bar) for e in corrected_by_labels(evaluations, context.corrections)]
    ladder = sorted((e for e in evaluations if not e.is_reference), key=lambda e: e.result.order)
    rejected: dict[str, Reason] = {e.name: rejections.REFERENCE for e in evaluations if e.is_reference}
    floor, floored = at_the_floor(evaluations)
    rivals = rivals_in(ladder, bar, rejected, floored)
    choice = choice_of(ladder, rivals, bar, context.incumbent)
    evaluations = [_with_probability(e, bar, choice) for e in evaluations]
    by_name = {e.name: e for e in evaluations}
    winner = None if choice is None else by_name[choice.name]
    standing = None
    if choice is not None and winner is not None:
        standing = _standing(choice, winner, [by_name[e.name] for e in rivals], bar)
        rejected |= _why_not(standing)
    monthly = _costs_of_good(standing)[0] if standing is not None and bar.prefer == "cost" else None
    by = axes([e.result for e in evaluations], monthly=monthly)
    verdict = replace(
        _verdict(_Decided(evaluations, winner, standing, bar, context, cases), rejected, floor, floored),
        front=front([e.result for e in evaluations], by),
        front_by=by,
        executed=context.executed,
        replayed=context.replayed,
        knowledge_version=context.knowledge_version,
        few_documents=context.few_documents,
        looks=context.looks,
        coverage=context.coverage,
        human=context.human,
        places=context.places,
    )
    return Settled(verdict, evaluations, economy)


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """What was chosen, of which rungs (in the given order), and by what."""

    evaluations: Sequence[Evaluation]
    winner: Evaluation | None
    standing: _Standing | None
    bar: Bar
    context: DecisionContext
    cases: int


def _verdict(decided: _Decided, rejected: Mapping[str, Reason], floor: Estimate | None, floored: Collection[str]) -> Verdict:
    """The choice with its reasons, gaps and warnings."""
    evaluations, winner, standing = decided.evaluations, decided.winner, decided.standing
    bar, context, cases = decided.bar, decided.context, decided.cases
    clears = winner is not None and (bar.correct is None or bar.is_cleared(winner.result.probability))
    ladder = sorted((e.result for e in evaluations if not e.is_reference), key=lambda result: result.order)
    if standing is None:
        reason = reasons.nothing_to_choose(ladder, rejected)
    else:
        others = [result for result in ladder if result.name != standing.choice.name and result.status == "measured"]
        reason = _why(standing, raced=bool(others) and all(map(_outdone, others))) + _does_as_well(standing)
        reason += may_too(evaluations, standing.winner, bar) if standing.choice.code == "clears" else ""
    groups = clusters_of(evaluations)
    of_arms = with_the_arms(evaluations)
    measured_gaps = gaps(
        correct_of(of_arms),
        documents=context.documents,
        held=held_by_oracle(evaluations),
        forms=correct_of(of_arms, FORMAT),
        clusters=groups,
    )
    measured_gaps = doubted(measured_gaps, of_arms, documents=context.documents)
    habit, first = _habit(winner, context.constant)
    if floor is not None and (winner is None or winner.name in floored):
        form = measured_gaps.form
        first = f"{gap_words.does_not_keep_the_form(form, floor) if form else gap_words.does_not_read(floor)} {first}"
    if winner is not None and 0 < winner.result.answered < cases:
        first += f"{reasons.so_far(winner.result, cases)} "
    if context.coverage.partial and winner is not None:
        first += f"{choice_words.BY_WHAT_THERE_IS} "
    if doubt := next((e.doubt for e in evaluations if e.doubt), ""):
        first = f"{doubt} {first}"
    first = said_first(evaluations) + first
    return Verdict(
        winner=None if winner is None else winner.name,
        clears_bar=clears,
        reason=f"{first}{reason}",
        code="none" if standing is None else standing.choice.code,
        probability=None if winner is None else winner.result.probability,
        risk=bar.risk,
        gaps=measured_gaps.estimates,
        doubts=measured_gaps.doubts,
        gap_notes=measured_gaps.notes,
        rungs=tuple(e.result for e in evaluations),
        rejected=with_the_cut(rejected, evaluations),
        differences=() if standing is None else _differences(standing),
        warnings=(
            *context.warnings,
            *_hanging_together(winner, cases),
            *habit,
            *_warnings(evaluations, bar, cases),
            *([] if winner is None else beyond(winner.result, bar)),
            *([] if clears or len(of_arms) < len(evaluations) else _hopeless(evaluations, measured_gaps, bar)),
        ),
        cases=cases,
        main_metric=MAIN,
        clusters=len(set(groups or ())),
    )


def _outdone(result: RungResult) -> bool:
    """Whether the race stopped a rung since it was worse, or higher on the ladder than it need be."""
    return kind_of(result.stopped) in ("worse", "not_needed")


def _with_probability(evaluation: Evaluation, bar: Bar, choice: Choice | None) -> Evaluation:
    """With the probability that it reaches the bar, shared and alone; one that may not be chosen shares with none."""
    if bar.correct is None or MAIN not in evaluation.values or evaluation.result.status != "measured":
        return evaluation
    name, shared, alone = evaluation.name, None, None
    if choice is not None:
        shared, alone = choice.probability.get(name), choice.alone.get(name)
    if alone is None:
        shared = alone = at_least(evaluation.values[MAIN], bar.correct, clusters=evaluation.clusters)
    return replace(evaluation, result=replace(evaluation.result, probability=shared, probability_alone=alone))


def _check(evaluations: Sequence[Evaluation]) -> int:
    names = [e.result.name for e in evaluations]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InternalError(f"two rungs are called {min(twice)!r}")
    lengths = {len(column) for e in evaluations for column in e.values.values()}
    if len(lengths) > 1:
        raise InternalError(f"rungs were scored on different numbers of cases: {sorted(lengths)}")
    return max(lengths, default=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Standing:
    """The choice among the rungs that may win (lowest first), and how each compares with the best."""

    choice: Choice
    winner: Evaluation
    best: Evaluation
    rivals: Sequence[Evaluation]
    bar: Bar
    against_best: Mapping[str, Paired]

    @property
    def by_bar(self) -> bool:
        """Whether the bar decided."""
        return self.choice.code in ("clears", "kept")


def _standing(choice: Choice, winner: Evaluation, rivals: Sequence[Evaluation], bar: Bar) -> _Standing:
    best = next(e for e in rivals if e.result.name == choice.best)
    others = {w.result.name: w.values[MAIN] for w in rivals if w is not best}
    compared = paired_with(best.values[MAIN], others, clusters=best.clusters)
    return _Standing(choice, winner, best, rivals, bar, compared)


def _why(standing: _Standing, *, raced: bool) -> str:
    winner, bar, best = standing.winner.result, standing.bar, standing.best.result
    score, code = winner.scores[MAIN], standing.choice.code
    doubtful = standing.winner if standing.by_bar else standing.best
    more = more_cases(doubtful, bar, of="" if doubtful is standing.winner else best.name)
    costs = _costs_of_good(standing)[1].values()
    if standing.by_bar:
        lower = [w.result for w in standing.rivals if w.result.order < winner.order]
        if bar.prefer == "cost":
            lower = [w.result for w in standing.rivals if _saved(w.result, winner)[1] > 0]
        if code == "clears":
            return choice_words.clears(winner, bar, lower=lower, more=more, costs=costs)
        return choice_words.stays(winner, bar, more=more)
    opening = "No bar was set."
    if bar.correct is not None:
        opening = choice_words.none_clears(bar, best)
    opening += " "
    if code == "not_worse":
        difference = standing.against_best[winner.name]
        leader = (best.name, best.scores[MAIN])
        return opening + choice_words.as_good_as_best(
            (winner.name, score), best=leader, difference=difference, bar=bar, more=more, costs=costs
        )
    if code == "only" and raced:
        return opening + choice_words.last_in_the_race(winner.name, score, bar.correct, more=more)
    lowest = winner.ladder_rung == standing.rivals[0].result.ladder_rung
    if bar.prefer == "cost":
        worse = [one.result for one in standing.rivals if one.result.name in standing.choice.worse]
        lowest = not any(_saved(one, winner)[1] > 0 for one in worse)
    return opening + choice_words.best(winner, bar, alone=code == "only", lowest=lowest, more=more)


def _does_as_well(standing: _Standing) -> str:
    """That the choice does as well as the best of those that cost more on another model, and what it saves; "" where none
    costs more, or it is not likely that it does."""
    winner = standing.winner
    others = [one for one in standing.rivals if one.result.model != winner.result.model]
    dearer = [one for one in others if _saved(winner.result, one.result)[1] > 0]
    if not dearer:
        return ""
    rival = max(dearer, key=mean)
    probability = not_behind(winner.values[MAIN], rival.values[MAIN], FLOOR, clusters=winner.clusters)
    if probability < 1 - standing.bar.risk:
        return ""
    monthly, saved = _saved(winner.result, rival.result)
    return choice_words.does_as_well(winner.result, rival.result, probability, saved, monthly=monthly)


def _saved(winner: RungResult, rival: RungResult) -> tuple[bool, float]:
    """(by the month, whole, and not by a thousand answers; dollars less, 0 where unknown)."""
    monthly, (mine, theirs) = on_one_scale([costs_of(winner), costs_of(rival)])
    return monthly, 0.0 if mine is None or theirs is None else theirs - mine


def _why_not(standing: _Standing) -> dict[str, Reason]:
    """Why each of the others that might have won did not."""
    winner, bar = standing.winner, standing.bar
    others = [rival for rival in standing.rivals if rival is not winner]
    columns = {rival.result.name: rival.values[MAIN] for rival in others}
    over_winner = paired_with(winner.values[MAIN], columns, clusters=winner.clusters)
    adjusted = holm({name: one.p for name, one in over_winner.items()})
    monthly, costs = _costs_of_good(standing)
    why_not: dict[str, Reason] = {}
    for rival in others:
        name = rival.result.name
        if standing.by_bar and bar.is_likely_missed(rival.result.probability_alone):
            why_not[name] = choice_words.misses(rival.result, bar)
        elif standing.by_bar and not bar.is_cleared(rival.result.probability):
            why_not[name] = choice_words.not_shown(rival.result, bar)
        elif not standing.by_bar and name in standing.choice.worse:
            why_not[name] = choice_words.worse(standing.best.result.name, standing.against_best[name].estimate, bar.risk)
        elif bar.prefer == "cost":
            own, theirs = costs[winner.result.name], costs[name]
            why_not[name] = choice_words.dearer(winner.result.name, theirs, against=own, monthly=monthly)
        else:
            sibling = rival.result.ladder_rung == winner.result.ladder_rung
            why_not[name] = choice_words.not_needed(
                winner.result.name,
                rival.result.scores[MAIN],
                over_winner[name],
                sibling=sibling,
                adjusted=adjusted[name],
                compared=len(adjusted),
            )
    return why_not


def _costs_of_good(standing: _Standing) -> tuple[bool, dict[str, float | None]]:
    """What each costs that is as good as it need be, the winner among them, as `on_one_scale`."""
    by_bar, is_cleared, worse = standing.by_bar, standing.bar.is_cleared, standing.choice.worse
    rivals = [one.result for one in standing.rivals]
    good = [one for one in rivals if (is_cleared(one.probability) if by_bar else one.name not in worse)]
    monthly, costs = on_one_scale([costs_of(one) for one in good])
    return monthly, {one.name: usd for one, usd in zip(good, costs, strict=True)}


def _differences(standing: _Standing) -> tuple[Difference, ...]:
    best = standing.best.result.name
    return tuple(Difference(name, best, one.estimate, one.p) for name, one in standing.against_best.items())


def _hanging_together(winner: Evaluation | None, cases: int) -> list[str]:
    """The sentence that says that cases of one document are not independent, where that matters."""
    if winner is None or winner.clusters is None:
        return []
    effect = design_effect(winner.values[MAIN], winner.clusters)
    return [reasons.hanging_together(cases, len(set(winner.clusters)), effect)] if effect >= NOTED_EFFECT else []


def _habit(winner: Evaluation | None, constant: Constant | None) -> tuple[list[str], str]:
    """The sentence that says that the winner is no better than one same answer; and in short what is to be said first, where
    the winner's own interval does not even lie above it."""
    if winner is None or constant is None:
        return [], ""
    better = paired_with(constant.values, {"": winner.values[MAIN]}, clusters=winner.clusters)[""]
    if better.p < ALPHA and (better.estimate.mean or 0) > 0:
        return [], ""
    name, score = winner.result.name, winner.result.scores[MAIN]
    within = score.low is None or constant.mean >= score.low
    first = f"{reasons.perhaps_a_habit(name, constant.what)} " if within else ""
    return [reasons.no_better_than_one_answer(name, score, constant.what, constant.mean, better)], first


def _hopeless(evaluations: Sequence[Evaluation], measured_gaps: Gaps, bar: Bar) -> list[str]:
    """The sentence that says that no search reaches the bar, or nothing. Of the cases that the behaviour gap is of.

    What the oracle gets says nothing of a model that was tuned, nor of one that does not keep the form.
    """
    wrong = measured_gaps.estimates["behaviour"]
    is_stated = (
        "behaviour" not in measured_gaps.doubts and "behaviour" not in measured_gaps.notes and measured_gaps.form is None
    )
    if ORACLE not in correct_of(evaluations) or not is_stated or bar.correct is None:
        return []
    if wrong.mean is None or wrong.low is None or wrong.high is None or 1 - wrong.low >= bar.correct:
        return []
    return [gap_words.even_the_oracle(Estimate(1 - wrong.mean, 1 - wrong.high, 1 - wrong.low, wrong.n), bar.correct)]


def _warnings(evaluations: Sequence[Evaluation], bar: Bar, cases: int) -> list[str]:
    tried = [e for e in evaluations if e.result.status == "measured" and not e.result.reference]
    broken = [e for e in evaluations if e.failures]
    commonest = ("" if e.has_failed else reasons.commonest(e.errors) for e in broken)
    warnings = [
        reasons.failures(e.name, e.failures, len(e.outcomes), failing) for e, failing in zip(broken, commonest, strict=True)
    ]
    warnings += [reasons.forgetting(e.result.name, e.marked) for e in tried if e.marked]
    if tried and cases < JUDGING_CASES:
        warnings.append(f"{reasons.cases(cases)} only: the intervals are wide; {CASES_WANTED}.")
    for name, limit in bar.limits.items():
        asked = [e for e in tried if not e.result.stopped]
        unknown = [e.result.name for e in asked if measured(e.result, name) is None]
        if unknown:
            everywhere = len(unknown) == len(asked)
            metrics = sorted({metric for e in tried for metric in e.result.scores})
            warnings.append(reasons.not_checked(name, limit, unknown=[] if everywhere else unknown, metrics=metrics))
    return warnings
