"""A rung's line in the verdict, from what it answered and how that was scored: scores, losses, bill. Which is chosen is left
to `decide`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.records import Coverage, Effort, Estimate, Evaluation, Hosted, Json, JudgeCheck, Reason
from rung.stats.estimates import estimates
from rung.stats.prediction_powered import Corrected
from rung.verdict import reasons, rejections
from rung.verdict.bar import MAIN, Bar
from rung.verdict.constant import Constant
from rung.verdict.costs import Demand, Prices, estimated_answers, hosted_on, usd_per_1k
from rung.verdict.cut_answers import loses_by_cuts
from rung.verdict.failure_modes import LOST_BELOW, RIGHT_FROM
from rung.verdict.gaps import FORMAT, ORACLE, TUNED, TUNED_WITH_DOCUMENTS, form_of
from rung.verdict.headroom import won_back
from rung.verdict.racing import always_valid
from rung.verdict.remedies import advised
from rung.verdict.sensitivity import Economy, priced

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

ADAPTER = "adapter"  # kind of artifact of tuned weights


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a verdict rests on beside the rungs, in plain facts: the project's, and those of how the comparison went.

    Args:
        documents: whether the project has documents, which decides what the gaps mean.
        trainable: whether the weights of the project's model can be tuned here.
        prices: of what rungs take.
        prices_on: the same by the name of the model that a rung asks, where models have their own.
        demand: what is asked of them in a month.
        constant: what one same answer to every case would get.
        incumbent: the last verdict's winner, "" where there is none.
        is_kept: whether the choice is the next one's `incumbent`, as that of a trial run never is.
        coverage: what of all answers there is, and why not more.
        looks: how often these cases have judged a changed configuration; 0: not counted.
        few_documents: documents that the cases are about, where these are too few to tell of others.
        knowledge_version: of the index that every rung saw.
        executed: steps that were carried out.
        replayed: steps whose results were known.
        warnings: what the caller has to say, put first.
        places: warning -> every case that it speaks of.
        corrections: by rung its `correct` on the scale of people's labels, where a judge's scores are corrected by them.
        human: how these labels stand to the judge's scores; None: there are none.
    """

    documents: bool = True
    trainable: bool = True
    prices: Prices = field(default_factory=Prices)
    prices_on: Mapping[str, Prices] = field(default_factory=dict)
    demand: Demand = field(default_factory=Demand)
    constant: Constant | None = None
    incumbent: str = ""
    is_kept: bool = True
    coverage: Coverage = field(default_factory=Coverage)
    looks: int = 0
    few_documents: int = 0
    knowledge_version: int = 0
    executed: int = 0
    replayed: int = 0
    warnings: tuple[str, ...] = ()
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    corrections: Mapping[str, Corrected] = field(default_factory=dict)
    human: JudgeCheck | None = None

    def incumbent_after(self, winner: str | None) -> str:
        """The last choice of whoever decides again after this verdict: its winner, where it is kept."""
        return (winner or "") if self.is_kept and not self.coverage.trial else self.incumbent


def economy_of(evaluations: Sequence[Evaluation], context: DecisionContext) -> Economy:
    """What the rungs take, at the prices and for the demand of the project."""
    models = {e.name: e.result.model for e in evaluations}
    prices_by = {name: context.prices_on.get(model, context.prices) for name, model in models.items()}
    efforts = {
        e.name: replace(_effort(e.effort, e, prices_by), hosted=_hosted(e, models, prices_by))
        for e in evaluations
        if e.effort is not None and e.outcomes
    }
    return Economy(efforts, context.prices, context.demand)


def judged(
    evaluations: Sequence[Evaluation], economy: Economy, *, bar: Bar, cases: int, trainable: bool = True
) -> list[Evaluation]:
    """The rungs, each with its line as far as it hangs on no choice.

    Args:
        evaluations: scored.
        economy: of the same rungs.
        bar: which limits those that were stopped broke.
        cases: all that judge.
        trainable: see `DecisionContext`.
    """
    oracle = _where_shown(evaluations)
    read = next((e.result.model for e in evaluations if e.name == ORACLE), "")  # of another model it tells nothing
    tells = [e.result.model == read and not _is_tuned(e) for e in evaluations]
    done = [_judged(e, economy, oracle if of else None, bar, cases) for e, of in zip(evaluations, tells, strict=True)]
    lines = advised([e.result for e in done], trainable=trainable)
    return [replace(e, result=line) for e, line in zip(done, lines, strict=True)]


def _is_tuned(evaluation: Evaluation) -> bool:
    """Whether its weights are not the model's own: what the oracle gets then tells nothing of what it would get."""
    return evaluation.result.ladder_rung in (TUNED, TUNED_WITH_DOCUMENTS) or ADAPTER in evaluation.result.artifacts


def corrected_by_labels(evaluations: Sequence[Evaluation], corrections: Mapping[str, Corrected]) -> list[Evaluation]:
    """The rungs, `correct` on the scale of people's labels where there is a correction. What was lost where stays the
    judge's word: it is about single cases."""
    return [_corrected(e, corrections[e.name]) if e.name in corrections and MAIN in e.values else e for e in evaluations]


def _corrected(evaluation: Evaluation, by: Corrected) -> Evaluation:
    card = replace(evaluation.scorecard, values={**evaluation.values, MAIN: by.values})
    line = replace(evaluation.result, scores={**evaluation.result.scores, MAIN: by.estimate})
    interval = None
    if evaluation.interval is not None:  # of one that was stopped: on the same scale
        low, high = (min(1.0, max(0.0, end + by.mean - by.judged)) for end in evaluation.interval)
        interval = low, high
    return replace(evaluation, result=line, cards=(card,), interval=interval)


def provisional(evaluation: Evaluation, prices_by: Mapping[str, Prices]) -> Evaluation:
    """A rung that is still in the race, as far as limits need to know it; `prices_by` as `price_of_1k`."""
    line = replace(
        evaluation.result,
        status="measured",
        scores=estimates(evaluation.values, amounts=evaluation.scorecard.amounts),
        usd_per_1k=price_of_1k(evaluation, prices_by),
    )
    return replace(evaluation, result=line)


def price_of_1k(evaluation: Evaluation, prices_by: Mapping[str, Prices]) -> float | None:
    """Dollars for a thousand of a rung's answers. `prices_by`: by rung, of the model that it asks; those of other rungs are
    for the answers that it left to them."""
    latency = evaluation.result.latency
    return usd_per_1k(evaluation.outcomes, prices=prices_by[evaluation.name], latency=latency, prices_by=prices_by)


def _effort(effort: Effort, evaluation: Evaluation, prices_by: Mapping[str, Prices]) -> Effort:
    per_1k = price_of_1k(evaluation, prices_by)
    passed = _passed(evaluation.values.get(MAIN))
    return replace(effort, per_query=None if per_1k is None else per_1k / 1000, passed=passed)


def _hosted(evaluation: Evaluation, models: Mapping[str, str], prices_by: Mapping[str, Prices]) -> tuple[Hosted, ...]:
    """The servers that a rung's answers come from, where they are paid by the hour: one for each model, with the tokens that
    an answer takes there on average, those that others gave counted too. `models`: by rung, as `prices_by`."""
    tokens: dict[str, float] = {models[evaluation.name]: 0.0}
    prices = {models[evaluation.name]: prices_by[evaluation.name]}
    answered = [outcome for outcome in evaluation.outcomes if outcome.answer is not None]
    for outcome in answered:
        by = outcome.answer.by if outcome.answer is not None and outcome.answer.by in models else evaluation.name
        used = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
        tokens[models[by]] = tokens.get(models[by], 0.0) + used / len(answered)
        prices[models[by]] = prices_by[by]
    return tuple(one for model, used in tokens.items() if used and (one := hosted_on(prices[model], used)) is not None)


def _passed(correct: Floats | None) -> float | None:
    """The share of the judged answers that are at least half right."""
    import numpy as np

    if correct is None or bool(np.isnan(correct).all()):
        return None
    return float((correct[~np.isnan(correct)] >= LOST_BELOW).mean())


def _of_shown(values: Mapping[str, Floats], held: Floats) -> dict[str, Floats]:
    """The oracle's scores without the cases whose answer it surely was not shown: there it is no oracle."""
    import numpy as np

    return {name: np.where(held == 0, np.nan, column) for name, column in values.items()}


def _where_shown(evaluations: Sequence[Evaluation]) -> Floats | None:
    """The oracle's `correct`, NaN where it surely was not shown the answer; None where it was not asked, or tells nothing of
    other rungs, since it does not keep the form or its answers were cut."""
    import numpy as np

    for oracle in evaluations:
        if oracle.name == ORACLE and oracle.held is not None and MAIN in oracle.values and not loses_by_cuts(oracle):
            if form_of({ORACLE: oracle.values[FORMAT]} if FORMAT in oracle.values else {}) is not None:
                return None
            return np.where(oracle.held == 0, np.nan, oracle.values[MAIN])
    return None


def _judged(evaluation: Evaluation, economy: Economy, oracle: Floats | None, bar: Bar, cases: int) -> Evaluation:
    result = evaluation.result
    if evaluation.spec is not None and not evaluation.outcomes:
        return replace(evaluation, result=replace(result, why=rejections.NOT_BEGUN))
    if evaluation.has_failed:
        why = Reason("failed", f"every answer failed, {reasons.commonest(evaluation.errors)}")
        return replace(evaluation, result=replace(result, status="failed", why=why), cards=())
    if not evaluation.cards:
        return evaluation
    values, clusters = evaluation.values, evaluation.clusters
    shown = values if evaluation.held is None else _of_shown(values, evaluation.held)
    scores = estimates(shown, amounts=evaluation.scorecard.amounts, clusters=clusters)
    if (interval := _interval(evaluation, shown)) and MAIN in scores:
        scores[MAIN] = Estimate(scores[MAIN].mean, *interval, scores[MAIN].n)
    lost = MAIN in values and evaluation.layers
    line = replace(
        priced(result, economy),
        status="measured",
        settings={**result.settings, **_routed(evaluation)},
        scores=scores,
        answered=len(evaluation.outcomes) or result.answered,
        stopped=_stopped(evaluation, scores, bar, cases) or result.stopped,
        losses=won_back(evaluation.layers, values[MAIN], oracle=oracle, clusters=clusters) if lost else result.losses,
        partly=_partly(values.get(MAIN)),
        estimated=estimated_answers(evaluation.outcomes),
    )
    return replace(evaluation, result=line, cards=(evaluation.scorecard,))


def _interval(evaluation: Evaluation, shown: Mapping[str, Floats]) -> tuple[float, float] | None:
    """What the mean over all cases most likely is where the race ended before them, of the cases that count alone."""
    import numpy as np

    if evaluation.interval is None or evaluation.held is None or MAIN not in shown:
        return evaluation.interval
    column, counted = evaluation.values[MAIN], shown[MAIN]
    scored = counted[~np.isnan(counted)]
    left_out = int((~np.isnan(column)).sum()) - len(scored)
    return always_valid(scored, total=len(column) - left_out) if len(scored) else None


def _partly(correct: Floats | None) -> int:
    """How many cases are neither lost nor right."""
    return 0 if correct is None else int(((correct >= LOST_BELOW) & (correct < RIGHT_FROM)).sum())


def _stopped(evaluation: Evaluation, scores: Mapping[str, Estimate], bar: Bar, cases: int) -> Reason | None:
    score, stop = scores.get(MAIN), evaluation.stop
    if stop is None or evaluation.is_reference or score is None:
        return None
    return rejections.stopped(
        stop.why,
        score,
        rival=stop.rival,
        total=cases,
        bar=bar.correct,
        broken=[
            (name, mean, limit)
            for name, limit in bar.limits.items()
            if name in scores and (mean := scores[name].mean) is not None and not limit.holds(mean)
        ],
    )


def _routed(evaluation: Evaluation) -> dict[str, Json]:
    """The share of questions that each rung answered, for a rung that sends them on; of refusals it says nothing."""
    outcomes = evaluation.outcomes
    by = Counter(outcome.answer.by for outcome in outcomes if outcome.answer is not None and outcome.answer.by)
    return {"routed": {label: round(count / len(outcomes), 3) for label, count in by.most_common()}} if by else {}
