"""What does a thousand questions cost? Unknown stays unknown: a price that nobody gave is None, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.records import Latency, Outcome


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices that were given. `machine_usd_per_hour`: of the machine that answers; the others per million tokens."""

    machine_usd_per_hour: float | None = None
    prompt_usd_per_million: float | None = None
    completion_usd_per_million: float | None = None


def usd_per_1k(outcomes: Sequence[Outcome], *, prices: Prices, latency: Latency | None = None) -> float | None:
    """Price of a thousand questions like these, in US dollars.

    By token prices where both were given; else by what the model's host charged, where every answer's charge is known; else
    by the machine's hour and the live pass's median time, one question after the other: an upper bound, since a server
    answers several at once. None where none of these is known.
    """
    if not outcomes:
        return None
    prompt, completion = prices.prompt_usd_per_million, prices.completion_usd_per_million
    if prompt is not None and completion is not None:
        spent = sum(o.usage.prompt_tokens * prompt + o.usage.completion_tokens * completion for o in outcomes)
        return spent / 1e6 / len(outcomes) * 1000
    charged = [o.usage.usd for o in outcomes if o.answer is not None]
    if charged and None not in charged:
        return sum(usd for usd in charged if usd is not None) / len(charged) * 1000
    if prices.machine_usd_per_hour is not None and latency is not None:
        return prices.machine_usd_per_hour * latency.p50 / 1000 / 3600 * 1000
    return None
