"""How good was a run, layer by layer: every scorer over every case, kept case by case so that runs can be compared.

A scorecard holds numbers only; it is made again from the records at any time, without a model. Which rung to use is left
to `verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Case, Estimate, Outcome
from rung.scoring.protocol import Layer, Scorer, ScorerFactory, Yardstick
from rung.scoring.registry import scorers as registered
from rung.stats.estimates import estimates

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

LOWER_IS_BETTER = frozenset({"leaks", "false_refusal"})
_HEADLINES: Mapping[Layer, tuple[str, ...]] = {
    "retrieval": ("recall@5",),
    "correctness": ("correct",),
    "abstention": ("abstention_recall", "false_refusal"),
}


@dataclass(frozen=True, slots=True)
class ScoreError:
    """A scorer that failed on a case: neither right nor wrong, its metrics are left out there, and it is shown."""

    case: str
    scorer: str
    message: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The scores of one run: metric -> one value per case, in the order of `cases`; NaN where a metric does not apply."""

    cases: tuple[str, ...]
    values: Mapping[str, Floats]
    layers: Mapping[str, Layer]
    errors: tuple[ScoreError, ...] = ()

    def estimates(self, clusters: Sequence[int] | None = None) -> dict[str, Estimate]:
        """Mean, 95 % interval and number of cases of every metric; `clusters`: the cluster of each case."""
        return estimates(self.values, clusters=clusters)

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
            {**self.layers, **other.layers},
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
        layers = {metric: layer for card in reversed(cards) for metric, layer in card.layers.items()}
        nothing = np.full(len(self.cases), np.nan)
        values: dict[str, Floats] = {}
        for metric in layers:
            columns = np.stack([card.values.get(metric, nothing) for card in cards])
            applies = ~np.isnan(columns)
            counts = applies.sum(axis=0)
            sums = np.where(applies, columns, 0.0).sum(axis=0)
            values[metric] = np.divide(sums, counts, out=nothing.copy(), where=counts > 0)
        return replace(self, values=values, layers=layers, errors=tuple(e for card in cards for e in card.errors))

    def by_layer(self) -> dict[Layer, float]:
        """One number per layer, 1 is best: the mean of its headline metrics. Cost has none.

        The correctness of a rung that searches is judged where the search found the gold, so that a miss of the search
        does not count against two layers.
        """
        found: dict[Layer, list[float]] = {}
        for metric, layer in self.layers.items():
            if layer == "cost" or metric not in _HEADLINES.get(layer, (metric,)):
                continue
            value = _mean(self.values[metric] if layer != "correctness" else self._where_found(self.values[metric]))
            if value is not None:
                found.setdefault(layer, []).append(1 - value if metric in LOWER_IS_BETTER else value)
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
    yardstick: Yardstick,
    scorers: Mapping[str, ScorerFactory] | None = None,
) -> Scorecard:
    """Score every case by every scorer; `scorers` None means all that are registered.

    Raises:
        InternalError: cases and outcomes are not the same set.
        UserError: the schema of the yardstick is none.
    """
    by_case = _matched(cases, outcomes)
    facts = replace(yardstick, retrieves=_any(by_case, "retrieved"), cites=_any(by_case, "citations"))
    made = {name: make(facts) for name, make in (registered() if scorers is None else scorers).items()}
    columns: dict[str, list[float]] = {}
    layers: dict[str, Layer] = {}
    errors: list[ScoreError] = []
    for place, case in enumerate(cases):
        outcome = by_case[case.id]
        for name, scorer in made.items():
            scores, message = _judge(scorer, case, outcome, columns, place)
            if message:
                errors.append(ScoreError(case.id, name, message))
            for metric, value in scores.items():
                if metric not in columns:
                    columns[metric], layers[metric] = [math.nan] * len(cases), scorer.layer
                columns[metric][place] = value
    return Scorecard(tuple(case.id for case in cases), _arrays(columns), layers, tuple(errors))


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


def _judge(
    scorer: Scorer, case: Case, outcome: Outcome, columns: Mapping[str, Sequence[float]], place: int
) -> tuple[Mapping[str, float], str]:
    """The scores and "", or nothing and what went wrong. Any error of a scorer is a record, as a failure of a model is.

    A metric that already has a number for this case, in `columns`, is another scorer's.
    """
    try:
        scores = scorer(case, outcome)
        if not all(map(math.isfinite, scores.values())):
            return {}, f"no finite number: { {metric: v for metric, v in scores.items() if not math.isfinite(v)} }"
    except Exception as error:
        return {}, f"{type(error).__name__}: {error}"
    taken = [metric for metric in scores if metric in columns and not math.isnan(columns[metric][place])]
    return ({}, f"{', '.join(sorted(taken))} is already another scorer's metric") if taken else (scores, "")


def _arrays(columns: Mapping[str, Sequence[float]]) -> dict[str, Floats]:
    import numpy as np

    return {metric: np.array(column, dtype=np.float64) for metric, column in columns.items()}
