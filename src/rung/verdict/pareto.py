"""Rungs that are worth a thought: those that no other rung is better than in everything, the Pareto front.

Quality upwards, cost and latency downwards. An unknown cost is neither high nor low: a rung that has it throws none off the
front, and is thrown off by none. A rung that the race stopped stands aside: its mean is of some cases, and nobody timed it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import RungResult
from rung.verdict.bar import measured
from rung.verdict.choice import on_one_scale
from rung.verdict.eligible import costs_of

MONTH, ANSWERS, LATENCY = "usd_per_month", "usd_per_1k", "p95_seconds"


def axes(results: Sequence[RungResult], *, quality: str = "correct", monthly: bool | None = None) -> tuple[str, ...]:
    """What is compared: quality, and of cost and latency what is known of any rung that was measured.

    `monthly`: whether cost is that of a month, whole, as it was for the choice, and not that of a thousand answers; None: as
    `choice.on_one_scale` has it, by the month where that is known of all.
    """
    rungs = _rungs(results, quality)
    by_month = on_one_scale([costs_of(rung) for rung in rungs])[0] if monthly is None else monthly
    downwards = (MONTH if by_month else ANSWERS, LATENCY)
    return (quality, *(name for name in downwards if any(measured(rung, name) is not None for rung in rungs)))


def front(results: Sequence[RungResult], by: Sequence[str] = (), *, quality: str = "correct") -> tuple[str, ...]:
    """Names of the rungs on the front, in the order given. Reference arms, and what was not measured on every
    case, are never on it.

    A rung is off the front where another is at least as good on every axis and better on one. Equal rungs are both on it.

    Args:
        results: of every rung.
        by: the axes; none: as `axes` says.
        quality: the score that is compared.
    """
    rungs = _rungs(results, quality)
    return tuple(rung.name for rung in rungs if not better_than(rung.name, results, by, quality=quality))


def better_than(
    name: str, results: Sequence[RungResult], by: Sequence[str] = (), *, quality: str = "correct"
) -> tuple[str, ...]:
    """Rungs that throw one off the front; none where it is on it, or stands aside. Other arguments as of `front`."""
    rungs, names = _rungs(results, quality), by or axes(results, quality=quality)
    points = {rung.name: [_upwards(rung, axis, quality) for axis in names] for rung in rungs}
    return tuple(other for other, point in points.items() if name in points and _dominates(point, points[name]))


def _rungs(results: Sequence[RungResult], quality: str) -> list[RungResult]:
    judged = (r for r in results if not r.reference and r.status == "measured" and not r.stopped)
    return [r for r in judged if measured(r, quality) is not None]


def _upwards(rung: RungResult, name: str, quality: str) -> float | None:
    value = measured(rung, name)
    return value if value is None or name == quality else -value


def _dominates(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    return len(pairs) == len(one) and all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
