"""How good was a run, layer by layer: every scorer over every case, kept case by case so that runs can be compared.

A scorecard holds numbers only; it is made again from the records at any time, without a model. Which rung to use is left
to `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Case, Estimate, Failure, Layer, Metric, Outcome
from rung.records.steps import Conversation, Generate, Step, StepFailed, kind, relayed
from rung.scoring.protocol import Scorer, ScorerFactory, Scores, ScoringContext
from rung.scoring.registry import declared
from rung.scoring.registry import scorers as registered
from rung.stats.estimates import estimates

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

_SLACK = 1e-9  # by which rounding may lead out of a range
Judgement = Scores | str  # a text says why there are no scores
# Carries conversations out, and gives what each ended with, in their order.
Carry = Callable[[Sequence[Callable[[], Conversation[Judgement]]]], Sequence[Judgement]]


@dataclass(frozen=True, slots=True)
class ScoreError:
    """A scorer that failed on a case: neither right nor wrong, its metrics are left out there, and it is shown."""

    case: str
    scorer: str
    message: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scores of one run: metric -> one value per case, in the order of `cases`; NaN where a metric does not apply.

    `metrics`: what each of them means, as its scorer declares it.
    """

    cases: tuple[str, ...]
    values: Mapping[str, Floats]
    metrics: Mapping[str, Metric]
    errors: tuple[ScoreError, ...] = ()

    def estimates(self, clusters: Sequence[int] | None = None) -> dict[str, Estimate]:
        """Mean, 95 % interval and number of cases of every metric; `clusters`: the cluster of each case."""
        amounts = {name for name, metric in self.metrics.items() if not metric.is_share}
        return estimates(self.values, amounts=amounts, clusters=clusters)

    def over(self, cases: Sequence[str]) -> Scorecard:
        """The card spread over these cases, in their order: no scores for those that the run has not answered."""
        import numpy as np

        place = {case: n for n, case in enumerate(self.cases)}
        at = np.array([place.get(case, -1) for case in cases], dtype=np.int64)
        values = {metric: np.append(column, np.nan)[at] for metric, column in self.values.items()}
        return replace(self, cases=tuple(cases), values=values)

    def of(self, case: str) -> dict[str, float]:
        """The metrics that apply to one case.

        Raises:
            KeyError: no such case was scored.
        """
        if case not in self.cases:
            raise KeyError(case)
        return self.at(self.cases.index(case))

    def at(self, place: int) -> dict[str, float]:
        """The metrics that apply to the case at a place in `cases`."""
        row = {metric: float(column[place]) for metric, column in self.values.items()}
        return {metric: value for metric, value in row.items() if not math.isnan(value)}

    def updated(self, other: Scorecard) -> Scorecard:
        """These scores with those of `other` added or put in their place: a rescoring by some scorers, of the same cases.

        Raises:
            InternalError: the other card is about other cases.
        """
        if other.cases != self.cases:
            raise InternalError("two scorecards of different cases cannot become one")
        return Scorecard(
            self.cases,
            {**self.values, **other.values},
            {**self.metrics, **other.metrics},
            (*self.errors, *other.errors),
        )

    def averaged(self, others: Sequence[Scorecard]) -> Scorecard:
        """The mean of this card and those of other passes over the same cases, case by case; what applies to a case in
        some passes only is the mean of those.

        Raises:
            InternalError: another card is about other cases.
        """
        import numpy as np

        if not others:
            return self
        cards = (self, *others)
        if any(card.cases != self.cases for card in others):
            raise InternalError("passes over different cases cannot become one scorecard")
        metrics = {name: metric for card in reversed(cards) for name, metric in card.metrics.items()}
        nothing = np.full(len(self.cases), np.nan)
        values: dict[str, Floats] = {}
        for metric in metrics:
            columns = np.stack([card.values.get(metric, nothing) for card in cards])
            applies = ~np.isnan(columns)
            counts = applies.sum(axis=0)
            sums = np.where(applies, columns, 0.0).sum(axis=0)
            values[metric] = np.divide(sums, counts, out=nothing.copy(), where=counts > 0)
        return replace(self, values=values, metrics=metrics, errors=tuple(e for card in cards for e in card.errors))

    def by_layer(self) -> dict[Layer, float]:
        """One number per layer, 1 is best: the mean of its headlines, of all its shares where it has none. Cost has none.

        The correctness of a rung that searches is judged where the search found the gold, so that a miss of the search
        does not count against two layers.
        """
        shares = [metric for metric in self.metrics.values() if metric.is_share]
        led = {metric.layer for metric in shares if metric.headline}
        found: dict[Layer, list[float]] = {}
        for metric in shares:
            if metric.layer in led and not metric.headline:
                continue
            column = self.values[metric.name]
            value = _mean(column if metric.layer != "correctness" else self._where_found(column))
            if value is not None:
                found.setdefault(metric.layer, []).append(1 - value if metric.better == "lower" else value)
        return {layer: sum(means) / len(means) for layer, means in found.items()}

    def weakest_layer(self) -> Layer | None:
        """Where to look first: the layer with the lowest number in `by_layer`; None when nothing was scored."""
        layers = self.by_layer()
        lowest = [layer for layer, value in layers.items() if value == min(layers.values())]
        return lowest[0] if lowest else None

    def _where_found(self, column: Floats) -> Floats:
        recall = self.values.get("recall@10")
        return column if recall is None else column[~(recall < 0.5)]


def _mean(column: Floats) -> float | None:
    import numpy as np

    applies = column[~np.isnan(column)]
    return float(applies.mean()) if len(applies) else None


def score_run(
    cases: Sequence[Case],
    outcomes: Iterable[Outcome],
    *,
    scoring_context: ScoringContext,
    scorers: Mapping[str, ScorerFactory] | None = None,
    carry: Carry | None = None,
) -> Scorecard:
    """Score every case by every scorer.

    Args:
        cases: what was asked.
        outcomes: one of each case, in any order.
        scoring_context: of the project.
        scorers: by name; None: all that are registered.
        carry: carries out the conversations of scorers that a model judges; None: they have no scores.

    Raises:
        InternalError: cases and outcomes are not the same set.
        UserError: the schema of the scoring_context is none, or two scorers measure the same.
    """
    by_case = _matched(cases, outcomes)
    facts = replace(scoring_context, retrieves=_any(by_case, "retrieved"), cites=_any(by_case, "citations"))
    chosen = registered() if scorers is None else scorers
    known = declared(chosen)
    known_by = {name: {metric.name: metric for metric in make.metrics} for name, make in chosen.items()}
    made = {name: make(facts) for name, make in chosen.items()}
    asked = [(scorer, case, by_case[case.id]) for case in cases for scorer in made.values()]
    said = iter(_judged(asked, carry))
    columns: dict[str, list[float]] = {}
    errors: list[ScoreError] = []
    for place, case in enumerate(cases):
        for name in made:
            judgement = _checked(next(said), known_by[name])
            if isinstance(judgement, str):
                errors.append(ScoreError(case.id, name, judgement))
                continue
            for metric, value in judgement.items():
                columns.setdefault(metric, [math.nan] * len(cases))[place] = value
    meant = {metric: known[metric] for metric in columns}
    return Scorecard(tuple(case.id for case in cases), _arrays(columns), meant, tuple(errors))


def _matched(cases: Sequence[Case], outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    given = list(outcomes)
    by_case = {outcome.case: outcome for outcome in given}
    wanted = {case.id for case in cases}
    if len(by_case) != len(given) or len(wanted) != len(cases) or wanted != set(by_case):
        odd = sorted(wanted ^ set(by_case))[:3]
        raise InternalError(f"{len(cases)} cases cannot be scored with {len(given)} outcomes: {odd or 'ids are repeated'}")
    return by_case


def _any(outcomes: Mapping[str, Outcome], what: str) -> bool:
    return any(o.answer is not None and bool(getattr(o.answer, what)) for o in outcomes.values())


def _judged(asked: Sequence[tuple[Scorer, Case, Outcome]], carry: Carry | None) -> list[Judgement]:
    """What each scorer says of its outcome, in order; those that a model judges are carried out together."""
    given = [begun(*one) for one in asked]
    places = [place for place, one in enumerate(given) if isinstance(one, Generator)]
    ended: Sequence[Judgement] = ["a model judges it, and none is at hand"] * len(places)
    if places and carry is not None:
        ended = carry([conversation(*asked[place]) for place in places])
    told = dict(zip(places, ended, strict=True))
    return [told[place] if isinstance(one, Generator) else one for place, one in enumerate(given)]


def begun(scorer: Scorer, case: Case, outcome: Outcome) -> Judgement | Conversation[Scores]:
    """What a scorer says at once: scores, what went wrong (a record, as a failure of a model is), or a conversation."""
    try:
        return scorer(case, outcome)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def conversation(scorer: Scorer, case: Case, outcome: Outcome) -> Callable[[], Conversation[Judgement]]:
    """The scorer's conversation, from its beginning, as often as it is called; it ends with scores or why there are none."""

    def talk() -> Conversation[Judgement]:
        said = begun(scorer, case, outcome)
        try:
            return (yield from relayed(said, _of_the_judge)) if isinstance(said, Generator) else said
        except StepFailed as failed:
            return failed.failure.error
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    return talk


def _of_the_judge(step: Step) -> Step:
    """A step that a scorer may ask for.

    Raises:
        StepFailed: it is for anything but a model's text.
    """
    if isinstance(step, Generate):
        return step
    raise StepFailed(Failure(f"a scorer may ask for a model's text (generate), not for '{kind(step)}'", step="judge"))


def _checked(judgement: Judgement, known: Mapping[str, Metric]) -> Judgement:
    """Scores that are numbers of metrics that their scorer declares, in their range, or what is wrong with them."""
    if isinstance(judgement, str):
        return judgement
    if not isinstance(judgement, Mapping):
        return f"gave {type(judgement).__name__} in place of scores"
    for name, value in judgement.items():
        if name not in known:
            return f"its `metrics` do not declare {name!r}"
        if not isinstance(value, Real) or not math.isfinite(value):
            return f"no finite number: {name} is {value!r}"
        if not -_SLACK <= value <= (1 + _SLACK if known[name].is_share else math.inf):
            return f"{name} is {value}, which is no {'share from 0 to 1' if known[name].is_share else 'number from 0 up'}"
    return judgement


def _arrays(columns: Mapping[str, Sequence[float]]) -> dict[str, Floats]:
    import numpy as np

    return {metric: np.array(column, dtype=np.float64) for metric, column in columns.items()}
