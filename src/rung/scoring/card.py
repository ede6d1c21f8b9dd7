"""How good was a run, layer by layer: every scorer over every case, kept case by case so that runs can be compared.

Which rung to use is left to `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Case, Failure, Metric, Outcome, Scorecard, ScoreError
from rung.records.steps import Conversation, Generate, Step, StepFailed, kind, relayed
from rung.scoring.protocol import Scorer, ScorerFactory, Scores, ScoringContext
from rung.scoring.registry import declared
from rung.scoring.registry import scorers as registered

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

_SLACK = 1e-9  # by which rounding may lead out of a range
Judgement = Scores | str  # a text says why there are no scores
# Runs conversations, and gives what each ended with, in their order.
RunConversations = Callable[[Sequence[Callable[[], Conversation[Judgement]]]], Sequence[Judgement]]


def score_run(
    cases: Sequence[Case],
    outcomes: Iterable[Outcome],
    *,
    scoring_context: ScoringContext,
    scorers: Mapping[str, ScorerFactory] | None = None,
    run: RunConversations | None = None,
) -> Scorecard:
    """Score every case by every scorer.

    Args:
        cases: what was asked.
        outcomes: one of each case, in any order.
        scoring_context: of the project; of the run, too, where this is only a part of it.
        scorers: by name; None: all that are registered.
        run: carries out the conversations of scorers that a model judges; None: they have no scores.

    Raises:
        InternalError: cases and outcomes are not the same set.
        UserError: the schema of the scoring_context is none, or two scorers measure the same.
    """
    by_case = _matched(cases, outcomes)
    facts = seen(by_case.values(), scoring_context)
    chosen = registered() if scorers is None else scorers
    metrics = declared(chosen)
    metrics_of = {name: {metric.name: metric for metric in make.metrics} for name, make in chosen.items()}
    built = {name: make(facts) for name, make in chosen.items()}
    asked = [(scorer, case, by_case[case.id]) for case in cases for scorer in built.values()]
    judgements = iter(_judged(asked, run))
    columns: dict[str, list[float]] = {}
    errors: list[ScoreError] = []
    for index, case in enumerate(cases):
        for name in built:
            judgement = _checked(next(judgements), metrics_of[name])
            if isinstance(judgement, str):
                errors.append(ScoreError(case.id, name, judgement))
                continue
            for metric, value in judgement.items():
                columns.setdefault(metric, [math.nan] * len(cases))[index] = value
    meant = {metric: metrics[metric] for metric in columns}
    return Scorecard(tuple(case.id for case in cases), _arrays(columns), meant, tuple(errors))


def _matched(cases: Sequence[Case], outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    given = list(outcomes)
    by_case = {outcome.case: outcome for outcome in given}
    ids = {case.id for case in cases}
    if len(by_case) != len(given) or len(ids) != len(cases) or ids != set(by_case):
        odd = sorted(ids ^ set(by_case))[:3]
        raise InternalError(f"{len(cases)} cases cannot be scored with {len(given)} outcomes: {odd or 'ids are repeated'}")
    return by_case


def seen(outcomes: Iterable[Outcome], scoring_context: ScoringContext) -> ScoringContext:
    """The scoring context of a run with these outcomes; what it says already of others of that run stays."""
    answers = [outcome.answer for outcome in outcomes if outcome.answer is not None]
    return replace(
        scoring_context,
        retrieves=scoring_context.retrieves or any(answer.retrieved for answer in answers),
        cites=scoring_context.cites or any(answer.citations for answer in answers),
    )


def _judged(asked: Sequence[tuple[Scorer, Case, Outcome]], run: RunConversations | None) -> list[Judgement]:
    """What each scorer says of its outcome, in order; those that a model judges are carried out together."""
    given = [begun(*one) for one in asked]
    waiting = [index for index, one in enumerate(given) if isinstance(one, Generator)]
    ended: Sequence[Judgement] = ["a model judges it, and none is at hand"] * len(waiting)
    if waiting and run is not None:
        ended = run([conversation(*asked[index]) for index in waiting])
    by_index = dict(zip(waiting, ended, strict=True))
    return [by_index[index] if isinstance(one, Generator) else one for index, one in enumerate(given)]


def begun(scorer: Scorer, case: Case, outcome: Outcome) -> Judgement | Conversation[Scores]:
    """What a scorer says at once: scores, what went wrong (a record, as a failure of a model is), or a conversation."""
    try:
        return scorer(case, outcome)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def conversation(scorer: Scorer, case: Case, outcome: Outcome) -> Callable[[], Conversation[Judgement]]:
    """The scorer's conversation, from its beginning, as often as it is called; it ends with scores or why there are none."""

    def from_the_start() -> Conversation[Judgement]:
        judgement = begun(scorer, case, outcome)
        try:
            return (yield from relayed(judgement, _of_the_judge)) if isinstance(judgement, Generator) else judgement
        except StepFailed as failed:
            return failed.failure.error
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    return from_the_start


def _of_the_judge(step: Step) -> Step:
    """A step that a scorer may ask for.

    Raises:
        StepFailed: it is for anything but a model's text.
    """
    if isinstance(step, Generate):
        return step
    raise StepFailed(Failure(f"a scorer may ask for a model's text (generate), not for '{kind(step)}'", step="judge"))


def _checked(judgement: Judgement, metrics: Mapping[str, Metric]) -> Judgement:
    """Scores that are numbers of metrics that their scorer declares, in their range, or what is wrong with them."""
    if isinstance(judgement, str):
        return judgement
    if not isinstance(judgement, Mapping):
        return f"gave {type(judgement).__name__} in place of scores"
    for name, value in judgement.items():
        if name not in metrics:
            return f"its `metrics` do not declare {name!r}"
        if not isinstance(value, Real) or not math.isfinite(value):
            return f"no finite number: {name} is {value!r}"
        if not -_SLACK <= value <= (1 + _SLACK if metrics[name].is_share else math.inf):
            return f"{name} is {value}, which is no {'share from 0 to 1' if metrics[name].is_share else 'number from 0 up'}"
    return judgement


def _arrays(columns: Mapping[str, Sequence[float]]) -> dict[str, Floats]:
    import numpy as np

    return {metric: np.array(column, dtype=np.float64) for metric, column in columns.items()}
