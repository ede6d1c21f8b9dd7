"""What is good enough, and at what risk of being wrong: the bar for `correct`, and the hard limits that no rung may break.

Reading it from `rung.yaml` is left to `project`; what follows from a broken limit to `decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from rung.errors import InternalError
from rung.records import Latency, Metric, RungResult
from rung.verdict.probability import at_least, quantile_within

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

MAIN = "correct"
State = Literal["met", "missed", "not certain", "unknown"]
RISK = 0.2  # of a verdict that is wrong, where rung.yaml says nothing
QUANTILES: Mapping[str, float] = {"p50_seconds": 0.5, "p95_seconds": 0.95}  # limits on the times of the live pass
MIN_TIMES, MAX_TIMES = 20, 60  # of a live pass where time is limited: between them until it is settled
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
    """`correct`: the mean that is good enough, None where none was set. `metric`: what it is judged by, "" by default.

    `risk`: the chance that is taken of being wrong. A rung clears the bar where it reaches it with a probability of 1 - risk
    at least, shared among what was tried (`choice.shared`), and is likely below where the one that it has by itself is under
    the risk. It breaks a limit where its number does, and it
    keeps it with a probability under the risk. `prefer`: of those that are good enough, the lowest rung, or the cheapest.
    """

    correct: float | None = None
    metric: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    risk: float = RISK
    prefer: Literal["ladder", "cost"] = "ladder"

    def is_cleared(self, probability: float | None) -> bool:
        """Whether a rung with this probability of reaching `correct` is good enough; without a bar none is."""
        return self.correct is not None and probability is not None and probability >= 1 - self.risk - _SLACK

    def is_likely_missed(self, probability: float | None) -> bool:
        """Whether a rung with this probability of its own, not shared, is likely below `correct`."""
        return probability is None or probability < self.risk - _SLACK

    def told_of(self, result: RungResult) -> float | None:
        """The probability of reaching `correct` that is said of a rung: its own where that makes it likely below, else the
        shared one, which says whether it is cleared."""
        return result.probability_alone if self.is_likely_missed(result.probability_alone) else result.probability

    def is_broken(self, name: str, value: float | None, probability: float | None) -> bool:
        """Whether a rung with this number, which keeps the limit of this name with this probability, breaks it."""
        limit = self.limits.get(name)
        if limit is None or value is None or limit.holds(value):
            return False
        return probability is None or probability < self.risk - _SLACK

    def broken_by(self, result: RungResult) -> list[tuple[str, float, Limit]]:
        """The limits that a rung breaks, each with its number; one that is unknown breaks none."""
        numbers = ((name, measured(result, name), limit) for name, limit in self.limits.items())
        return [(n, x, limit) for n, x, limit in numbers if x is not None and self.is_broken(n, x, result.keeps.get(n))]


def bar_of(
    limits: Mapping[str, float],
    metrics: Mapping[str, Metric] = MappingProxyType({}),
    *,
    correct: float | None = None,
    metric: str = "",
    risk: float = RISK,
) -> Bar:
    """A bar from numbers by name.

    Args:
        limits: each on one of `metrics` or of `OF_RUNS`.
        metrics: what the scorers measure, by name.
        correct: see `Bar`.
        metric: see `Bar`.
        risk: see `Bar`.

    Raises:
        InternalError: a limit on what nothing measures.
    """
    measurable = {**metrics, **OF_RUNS}
    if odd := sorted(set(limits) - set(measurable)):
        raise InternalError(f"a limit on {odd[0]}, which nothing measures")
    return Bar(correct, metric, {name: Limit(measurable[name], value) for name, value in limits.items()}, risk)


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


def keeping(
    result: RungResult, values: Mapping[str, Floats], bar: Bar, *, clusters: Sequence[int] | None = None
) -> dict[str, float]:
    """The probability that a rung keeps each limit that an estimate can be held against.

    A mean is told from its cases (`values`), a percentile of time from the times of the live pass. A limit at the end of the
    scale (no leak, every format right), a price, and a number without its cases are left out: one number decides there.
    """
    chances: dict[str, float | None] = {}
    for name, limit in bar.limits.items():
        if name in QUANTILES and result.latency is not None and result.latency.times:
            chances[name] = quantile_within(result.latency.times, limit.value * 1000, QUANTILES[name])
        elif name in values:
            chances[name] = keeps_mean(values[name], limit, clusters=clusters)
    return {name: chance for name, chance in chances.items() if chance is not None}


def keeps_mean(column: Floats, limit: Limit, *, clusters: Sequence[int] | None = None) -> float | None:
    """The probability that the mean over all cases keeps a limit; None at the end of the scale, where one case breaks it."""
    if limit.value == (0 if limit.is_upper else 1 if limit.metric.is_share else None):
        return None
    reached = at_least(column, limit.value, share=limit.metric.is_share, clusters=clusters)
    return None if reached is None else 1 - reached if limit.is_upper else reached


def is_timed_enough(milliseconds: Sequence[float], bar: Bar) -> bool:
    """Whether times tell of each limit on time that it is likely kept, or likely broken; never before `MIN_TIMES`."""
    limited = [(bar.limits[name].value * 1000, share) for name, share in QUANTILES.items() if name in bar.limits]
    chances = [quantile_within(milliseconds, limit, share) for limit, share in limited]
    return len(milliseconds) >= MIN_TIMES and all(not bar.risk <= one < 1 - bar.risk for one in chances)


def state_of(result: RungResult, limit: Limit, risk: float) -> tuple[State, float | None]:
    """How a rung stands to a line of the bar, `correct` or a limit, and the probability that it meets it, if that is known:
    of `correct` the shared one, where it is missed its own.

    "not certain" lies between the risk and its complement: it does not clear the bar; it is not held to break a limit.
    """
    name = limit.metric.name
    value = measured(result, name)
    if value is None:
        return "unknown", None
    if name == MAIN:
        bar = Bar(limit.value, risk=risk)
        missed, probability = bar.is_likely_missed(result.probability_alone), bar.told_of(result)
    else:
        probability = result.keeps.get(name)
        missed = Bar(limits={name: limit}, risk=risk).is_broken(name, value, probability)
    if missed:
        return "missed", probability
    return "met" if probability is None or probability >= 1 - risk - _SLACK else "not certain", probability
