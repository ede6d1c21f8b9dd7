"""What is good enough, and at what risk of being wrong: the bar for `correct`, and the hard limits that no rung may break.

Reading it from `rung.yaml` is left to `project`; what follows from a broken limit to `decide`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rung.records import RungResult
from rung.verdict.probability import at_least, quantile_within

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

Op = Literal["<=", ">="]
State = Literal["met", "missed", "not certain", "unknown"]
RISK = 0.2  # of a verdict that is wrong, where rung.yaml says nothing

_AT_MOST = frozenset({"leaks", "false_refusal"})
_AT_MOST_ENDINGS = ("_seconds", "_tokens")
QUANTILES: Mapping[str, float] = {"p50_seconds": 0.5, "p95_seconds": 0.95}  # limits on the times of the live pass
LEAST_TIMES, MOST_TIMES = 20, 60  # of a live pass where time is limited: between them until it is settled
_SLACK = 1e-9  # a mean of 0.7 must not miss a bar of 0.7 by rounding


@dataclass(frozen=True, slots=True)
class Limit:
    """A hard limit on a metric's mean, on `p50_seconds` or `p95_seconds` of the live pass, or on money.

    `usd_per_1k` is the price of answering alone; `usd_per_month` and `usd_per_passed` are of the whole bill.
    """

    op: Op
    value: float

    def holds(self, measured: float) -> bool:
        """Whether a measured number keeps the limit."""
        return measured <= self.value + _SLACK if self.op == "<=" else measured >= self.value - _SLACK


@dataclass(frozen=True, slots=True)
class Bar:
    """`correct`: the mean that is good enough, None where none was set. `metric`: what it is judged by, "" by default.

    `risk`: the chance that is taken of being wrong. A rung clears the bar where it reaches it with a probability of 1 - risk
    at least, and is likely below where that probability is under the risk. It breaks a limit where its number does, and it
    keeps it with a probability under the risk.
    """

    correct: float | None = None
    metric: str = ""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    risk: float = RISK

    def is_cleared(self, probability: float | None) -> bool:
        """Whether a rung with this probability of reaching `correct` is good enough; without a bar none is."""
        return self.correct is not None and probability is not None and probability >= 1 - self.risk - _SLACK

    def is_likely_missed(self, probability: float | None) -> bool:
        """Whether a rung with this probability is likely below `correct`."""
        return probability is None or probability < self.risk - _SLACK

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


def bar_of(limits: Mapping[str, float], *, correct: float | None = None, metric: str = "", risk: float = RISK) -> Bar:
    """A bar from numbers by name: leaks, false refusals, seconds, tokens and money at most, the rest at least so much."""
    named = {name: Limit("<=" if at_most(name) else ">=", value) for name, value in limits.items()}
    return Bar(correct, metric, named, risk)


def at_most(name: str) -> bool:
    """Whether less is better for this number."""
    return name in _AT_MOST or name.startswith("usd") or name.endswith(_AT_MOST_ENDINGS)


def measured(result: RungResult, name: str) -> float | None:
    """The number of a rung that a limit of this name is about; None where it is unknown or does not apply."""
    if name == "usd_per_1k":
        return result.usd_per_1k
    if name in ("usd_per_month", "usd_per_passed"):
        return None if result.bill is None else result.bill.per_month if name == "usd_per_month" else result.bill.per_passed
    if name in ("p50_seconds", "p95_seconds"):
        milliseconds = None if result.latency is None else getattr(result.latency, name[:3])
        return None if milliseconds is None else float(milliseconds) / 1000
    estimate = result.scores.get(name)
    return None if estimate is None else estimate.mean


def keeping(
    result: RungResult, values: Mapping[str, Floats], bar: Bar, *, clusters: Sequence[int] | None = None
) -> dict[str, float]:
    """The probability that a rung keeps each limit that an estimate can be held against.

    A mean is told from its cases (`values`), a percentile of time from the times of the live pass. A limit at the end of the
    scale (no leak, every format right), a price, and a number without its cases are left out: one number decides there.
    """
    found: dict[str, float | None] = {}
    for name, limit in bar.limits.items():
        if name in QUANTILES and result.latency is not None and result.latency.times:
            found[name] = quantile_within(result.latency.times, limit.value * 1000, QUANTILES[name])
        elif name in values:
            found[name] = keeps_mean(values[name], limit, clusters=clusters)
    return {name: chance for name, chance in found.items() if chance is not None}


def keeps_mean(column: Floats, limit: Limit, *, clusters: Sequence[int] | None = None) -> float | None:
    """The probability that the mean over all cases keeps a limit; None at the end of the scale, where one case breaks it."""
    if limit.value == (0 if limit.op == "<=" else 1):
        return None
    reached = at_least(column, limit.value, clusters=clusters)
    return None if reached is None else reached if limit.op == ">=" else 1 - reached


def is_timed_enough(milliseconds: Sequence[float], bar: Bar) -> bool:
    """Whether times tell of each limit on time that it is likely kept, or likely broken; never before `LEAST_TIMES`."""
    limited = [(bar.limits[name].value * 1000, share) for name, share in QUANTILES.items() if name in bar.limits]
    kept = [quantile_within(milliseconds, limit, share) for limit, share in limited]
    return len(milliseconds) >= LEAST_TIMES and all(not bar.risk <= one < 1 - bar.risk for one in kept)


def state_of(result: RungResult, name: str, asked: float, risk: float) -> tuple[State, float | None]:
    """How a rung stands to a line of the bar, `correct` or a limit, and the probability that it meets it, if that is known.

    "not certain" lies between the risk and its complement: it does not clear the bar; it is not held to break a limit.
    """
    value = measured(result, name)
    probability = result.probability if name == "correct" else result.keeps.get(name)
    if value is None:
        return "unknown", None
    bar = Bar(asked, risk=risk) if name == "correct" else bar_of({name: asked}, risk=risk)
    if bar.is_likely_missed(probability) if name == "correct" else bar.is_broken(name, value, probability):
        return "missed", probability
    return "met" if probability is None or probability >= 1 - risk - _SLACK else "not certain", probability
