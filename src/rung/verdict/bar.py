"""What is good enough: the bar for `correct`, and the hard limits that no rung may break, whatever its quality.

Reading it from `rung.yaml` is left to `project`; what follows from a broken limit to `decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rung.records import RungResult

Op = Literal["<=", ">="]

_AT_MOST = frozenset({"leaks", "false_refusal"})
_AT_MOST_ENDINGS = ("_seconds", "_tokens")
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


def bar_of(limits: Mapping[str, float], *, correct: float | None = None, metric: str = "") -> Bar:
    """A bar from numbers by name: leaks, false refusals, seconds, tokens and money at most, the rest at least so much."""
    return Bar(correct, metric, {name: Limit("<=" if at_most(name) else ">=", value) for name, value in limits.items()})


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
