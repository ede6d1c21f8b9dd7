"""The scores of one run, case by case. A scorecard holds numbers only; `scoring` makes it, `verdict` judges by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records.metrics import Layer, Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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

    cases: tuple[str, ...] = ()
    values: Mapping[str, Floats] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    errors: tuple[ScoreError, ...] = ()

    @property
    def amounts(self) -> frozenset[str]:
        """Metrics that are no shares: tokens, dollars."""
        return frozenset(name for name, metric in self.metrics.items() if not metric.is_share)

    def over(self, cases: Sequence[str]) -> Scorecard:
        """The card spread over these cases, in their order: no scores for those that the run has not answered."""
        import numpy as np

        old_index = {case: n for n, case in enumerate(self.cases)}
        new_index = {case: n for n, case in enumerate(cases)}
        at = np.array([old_index.get(case, -1) for case in cases], dtype=np.int64)
        values = {metric: np.append(column, np.nan)[at] for metric, column in self.values.items()}
        errors = sorted(self.errors, key=lambda error: new_index.get(error.case, len(new_index)))
        return replace(self, cases=tuple(cases), values=values, errors=tuple(errors))

    def of(self, case: str) -> dict[str, float]:
        """The metrics that apply to one case.

        Raises:
            KeyError: no such case was scored.
        """
        if case not in self.cases:
            raise KeyError(case)
        return self.at(self.cases.index(case))

    def at(self, index: int) -> dict[str, float]:
        """The metrics that apply to the case at a place in `cases`."""
        row = {metric: float(column[index]) for metric, column in self.values.items()}
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

    def joined(self, other: Scorecard) -> Scorecard:
        """These scores and those of further cases of the same run, which come after them.

        Raises:
            InternalError: a case is in both.
        """
        import numpy as np

        if set(self.cases) & set(other.cases):
            raise InternalError("a case cannot be scored twice in one scorecard")
        if not self.cases:
            return other

        def column(card: Scorecard, metric: str) -> Floats:
            return card.values.get(metric, np.full(len(card.cases), np.nan))

        metrics = {**self.metrics, **other.metrics}
        values = {metric: np.concatenate([column(self, metric), column(other, metric)]) for metric in metrics}
        return Scorecard((*self.cases, *other.cases), values, metrics, (*self.errors, *other.errors))

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
        values: dict[Layer, list[float]] = {}
        for metric in shares:
            if metric.layer in led and not metric.headline:
                continue
            column = self.values[metric.name]
            value = _mean(column if metric.layer != "correctness" else self._where_found(column))
            if value is not None:
                values.setdefault(metric.layer, []).append(1 - value if metric.better == "lower" else value)
        return {layer: sum(means) / len(means) for layer, means in values.items()}

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
