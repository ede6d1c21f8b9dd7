"""What is good enough: the bar for `correct`, and the hard limits that no rung may break, whatever its quality.

Reading it from `rung.yaml` is left to `project`; what follows from a broken limit to `decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rung.errors import InternalError
from rung.records import Latency, Metric, RungResult

_SLACK = 1e-9  # a mean of 0.7 must not miss a bar of 0.7 by rounding


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard limit on a metric's mean, or on a number `OF_RUNS`: an upper one where less of it is better."""

    metric: Metric
    value: float

    @property
    def is_upper(self) -> bool:
        """Whether the number may be so much at most; else it must be so much at least."""
        return self.metric.better == "lower"

    def holds(self, measured: float) -> bool:
        """Whether a measured number keeps the limit."""
        return measured <= self.value + _SLACK if self.is_upper else measured >= self.value - _SLACK


@dataclass(frozen=True, slots=True)
class Bar:
    """`correct`: the mean that is good enough, None where none was set. `metric`: what it is judged by, "" by default."""

    correct: float | None = None
    metric: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)

    def cleared_by(self, mean: float) -> bool:
        """Whether a mean of `correct` is good enough; without a bar nothing clears it."""
        return self.correct is not None and mean >= self.correct - _SLACK

    def broken_by(self, known: Callable[[str], float | None]) -> list[tuple[str, float, Limit]]:
        """The limits that these numbers break, each with its number; one that is unknown (None) breaks none."""
        numbers = ((name, known(name), limit) for name, limit in self.limits.items())
        return [(name, value, limit) for name, value, limit in numbers if value is not None and not limit.holds(value)]


def bar_of(
    limits: Mapping[str, float],
    metrics: Mapping[str, Metric] = MappingProxyType({}),
    *,
    correct: float | None = None,
    metric: str = "",
) -> Bar:
    """A bar from numbers by name.

    Args:
        limits: each on one of `metrics` or of `OF_RUNS`.
        metrics: what the scorers measure, by name.
        correct: see `Bar`.
        metric: see `Bar`.

    Raises:
        InternalError: a limit on what nothing measures.
    """
    known = {**metrics, **OF_RUNS}
    if odd := sorted(set(limits) - set(known)):
        raise InternalError(f"a limit on {odd[0]}, which nothing measures")
    return Bar(correct, metric, {name: Limit(known[name], value) for name, value in limits.items()})


def measured(result: RungResult, name: str) -> float | None:
    """The number of a rung that a limit of this name is about; None where it is unknown or does not apply."""
    if name in _READ:
        return _READ[name](result)
    estimate = result.scores.get(name)
    return None if estimate is None else estimate.mean


def _seconds(latency: Latency | None, what: str) -> float | None:
    return None if latency is None else float(getattr(latency, what)) / 1000


# What is measured of a run as a whole. `usd_per_1k` is the price of answering alone, the last two are of the whole bill.
_OF_RUNS: tuple[tuple[Metric, Callable[[RungResult], float | None]], ...] = (
    (
        Metric("p50_seconds", "cost", "time, half of the answers", better="lower", unit="seconds"),
        lambda result: _seconds(result.latency, "p50"),
    ),
    (
        Metric("p95_seconds", "cost", "time, 95 % of answers", better="lower", unit="seconds"),
        lambda result: _seconds(result.latency, "p95"),
    ),
    (
        Metric("usd_per_1k", "cost", "cost of 1,000 answers", better="lower", unit="usd"),
        lambda result: result.usd_per_1k,
    ),
    (
        Metric("usd_per_month", "cost", "whole cost of a month", better="lower", unit="usd"),
        lambda result: None if result.bill is None else result.bill.per_month,
    ),
    (
        Metric("usd_per_passed", "cost", "whole cost of an answer that passed", better="lower", unit="usd"),
        lambda result: None if result.bill is None else result.bill.per_passed,
    ),
)
OF_RUNS: Mapping[str, Metric] = {metric.name: metric for metric, _ in _OF_RUNS}
_READ = {metric.name: read for metric, read in _OF_RUNS}
