"""What a rung costs, whole: preparing, building, answering and keeping it up. Unknown stays unknown: None, never 0.

A part that a rung does not need costs 0; a part that it needs and that nobody gave a price for is None, and so is every sum
that it goes into. From which volume one rung is cheaper than another, and what would change the choice, is left to `flips`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rung.records import Bill, Effort, Latency, Outcome

_GIGABYTE = 1e9
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices that were given, in US dollars. `machine_usd_per_hour`: of the machine that answers; tokens per million.

    `gpu_usd_per_hour`: of the machine that trains, else the same one. `documents_hours` and `examples_hours`: a person's
    time to prepare them, at `labour_usd_per_hour`. `months`: over which what is paid once is spread.
    """

    machine_usd_per_hour: float | None = None
    prompt_usd_per_million: float | None = None
    completion_usd_per_million: float | None = None
    gpu_usd_per_hour: float | None = None
    labour_usd_per_hour: float | None = None
    documents_hours: float | None = None
    examples_hours: float | None = None
    storage_usd_per_gb_month: float | None = None
    months: float = 12


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a rung in a month. None: not stated. `changed_share`: of the documents, at each of their changes."""

    queries: float | None = None
    retrainings: float | None = None
    changes: float | None = None
    changed_share: float = 1.0


def bill(effort: Effort, prices: Prices, demand: Demand) -> Bill:
    """Every part of a rung's cost, and the sums per month, per thousand queries and per passed answer."""
    trainer = prices.machine_usd_per_hour if prices.gpu_usd_per_hour is None else prices.gpu_usd_per_hour
    training = _product(effort.training_seconds, trainer, scale=1 / _HOUR)
    indexing = _product(effort.indexing_seconds, prices.machine_usd_per_hour, scale=1 / _HOUR)
    once = {
        "documents": _product(prices.documents_hours, prices.labour_usd_per_hour) if effort.uses_documents else 0.0,
        "examples": _product(prices.examples_hours, prices.labour_usd_per_hour) if effort.uses_examples else 0.0,
        "training": training,
        "indexing": indexing,
    }
    monthly = {
        "storage": _product(effort.stored_bytes, prices.storage_usd_per_gb_month, scale=1 / _GIGABYTE),
        "retraining": _product(training, demand.retrainings),
        "re-indexing": _product(indexing, demand.changes, scale=demand.changed_share),
    }
    standing = _sum([*monthly.values(), _product(_sum(once.values()), 1 / prices.months)])
    answering = _product(demand.queries, effort.per_query)
    per_month = None if demand.queries is None else _sum([standing, answering])
    per_1k = None if per_month is None or not demand.queries else per_month / demand.queries * 1000
    per_passed = None if per_1k is None or not effort.passed else per_1k / 1000 / effort.passed
    return Bill(once, monthly, effort.per_query, per_month, per_1k, per_passed)


def usd_per_1k(outcomes: Sequence[Outcome], *, prices: Prices, latency: Latency | None = None) -> float | None:
    """Price of answering a thousand questions like these, in US dollars: inference alone.

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
        return prices.machine_usd_per_hour * latency.p50 / 1000 / _HOUR * 1000
    return None


def break_even(one: Bill, other: Bill, *, months: float) -> float | None:
    """The queries per month from which the one with the cheaper answers is the cheaper of the two; 0: it always is.

    None where that cannot be said (a part that only one of them has unknown), or where their answers cost the same. A part
    of the same name that both have unknown is taken for the same thing, prepared once for both.
    """
    if one.per_query is None or other.per_query is None or one.per_query == other.per_query:
        return None
    cheap, dear = sorted((one, other), key=lambda b: b.per_query or 0.0)
    difference = _standing_difference(cheap, dear, months)
    if difference is None or cheap.per_query is None or dear.per_query is None:
        return None
    return max(0.0, difference / (dear.per_query - cheap.per_query))


def _standing_difference(one: Bill, other: Bill, months: float) -> float | None:
    """How much more the one costs in a month without a single query."""
    total = 0.0
    for mine, theirs, over in ((one.once, other.once, months), (one.monthly, other.monthly, 1.0)):
        for name, usd in mine.items():
            beside = theirs.get(name, 0.0)
            if usd is None and beside is None:
                continue
            if usd is None or beside is None:
                return None
            total += (usd - beside) / over
    return total


def _product(amount: float | None, price: float | None, *, scale: float = 1.0) -> float | None:
    """Nothing of anything costs nothing, whatever its price; else an unknown factor makes the product unknown."""
    if amount == 0 or price == 0:
        return 0.0
    return None if amount is None or price is None else amount * price * scale


def _sum(parts: Iterable[float | None]) -> float | None:
    known = list(parts)
    return None if None in known else sum(part for part in known if part is not None)
