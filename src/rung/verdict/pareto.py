"""Rungs that are worth a thought: those that no other rung is better than in everything, the Pareto front.

Quality upwards, price and latency downwards. What is not known of every rung is left out of the comparison: an unknown
price is neither high nor low. A rung that the race stopped stands aside: its mean is of some cases only, and nobody timed
it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.records import RungResult
from rung.verdict.bar import measured

DOWNWARDS = ("usd_per_1k", "p95_seconds")


def axes(results: Sequence[RungResult], *, quality: str = "correct") -> tuple[str, ...]:
    """What can be compared: quality, and of price and latency what is known of every rung that was measured."""
    rungs = _rungs(results, quality)
    return (quality, *(name for name in DOWNWARDS if rungs and all(measured(r, name) is not None for r in rungs)))


def front(results: Sequence[RungResult], *, quality: str = "correct") -> tuple[str, ...]:
    """Names of the rungs on the front, in the order given. Reference arms, and what was not measured on every
    case, are never on it.

    A rung is off the front where another is at least as good on every axis and better on one. Equal rungs are both on it.
    """
    rungs = _rungs(results, quality)
    names = axes(results, quality=quality)
    points = [[_upwards(rung, name, quality) for name in names] for rung in rungs]
    return tuple(
        rung.name for rung, point in zip(rungs, points, strict=True) if not any(_dominates(other, point) for other in points)
    )


def _rungs(results: Sequence[RungResult], quality: str) -> list[RungResult]:
    judged = (r for r in results if not r.reference and r.status == "measured" and not r.stopped)
    return [r for r in judged if measured(r, quality) is not None]


def _upwards(rung: RungResult, name: str, quality: str) -> float:
    value = measured(rung, name) or 0.0
    return value if name == quality else -value


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
