"""What must be said of costs: which are unknown and for want of what, which are upper bounds, what is left out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.records import Effort
from rung.verdict.costs import Demand, Prices
from rung.verdict.reasons import listed

NO_TOKENS = "it uses no tokens, and the machine's hour has no price (prices.machine_usd_per_hour)"
_MACHINE = "prices.machine_usd_per_hour"


def no_price(prices: Prices) -> str:
    """For want of what the tokens of a model have no price. `prices`: those given for it."""
    given = {
        "prices.prompt_usd_per_million": prices.prompt_usd_per_million,
        "prices.completion_usd_per_million": prices.completion_usd_per_million,
    }
    lacking = _lacking(given)
    if len(lacking) == len(given):
        return f"neither rung.yaml ({' and '.join(lacking)}, or {_MACHINE}) nor the price list names one"
    if lacking:
        return f"rung.yaml names {next(name for name in given if name not in lacking)} without {lacking[0]}"
    return f"a model that it asks beside its own has no price (its prices, or {_MACHINE})"


def unknown_price(rungs: Sequence[str], why: str) -> str:
    """Rungs whose answers have no price, and for want of what."""
    return f"{listed(list(rungs))}: what an answer costs is unknown, since {why}."


def unknown_parts(parts: Mapping[tuple[str, str], Sequence[str]]) -> str:
    """Parts of the whole cost that are unknown, each for want of what, with the rungs that need it."""
    phrases = [f"{part} of {listed(list(rungs))} ({why})" for (part, why), rungs in parts.items()]
    return f"The whole cost is unknown for want of: {'; '.join(phrases)}."


def wanting(part: str, effort: Effort, prices: Prices, demand: Demand) -> str:
    """The keys of rung.yaml that would make an unknown part of a bill known, those that are set left out.

    >>> wanting("re-indexing", Effort(indexing_seconds=9.0), Prices(), Demand(changes=4.0))
    'prices.machine_usd_per_hour'
    """
    labour = {"prices.labour_usd_per_hour": prices.labour_usd_per_hour}
    machine = {_MACHINE: prices.machine_usd_per_hour}
    trainer = {f"prices.gpu_usd_per_hour or {_MACHINE}": prices.trainer_usd_per_hour}
    if part in ("indexing", "re-indexing") and effort.indexing_seconds is None:
        return "nobody can know how long a server takes to embed"
    if part == "storage" and effort.stored_bytes is None:
        return "nobody can know how large an index is that is kept elsewhere"
    asked: dict[str, dict[str, float | None]] = {
        "documents": {"prices.documents_hours": prices.documents_hours, **labour},
        "examples": {"prices.examples_hours": prices.examples_hours, **labour},
        "training": trainer,
        "building": {f"the prices of tokens, or {_MACHINE}": None} if prices.of_tokens(0, 0) is None else machine,
        "indexing": machine,
        "storage": {"prices.storage_usd_per_gb_month": prices.storage_usd_per_gb_month},
        "retraining": {"retrain.when": demand.retrainings, **trainer},
        "re-indexing": {"knowledge.changes": demand.changes, **machine},
    }
    return " and ".join(_lacking(asked.get(part, {part: None})))


def _lacking(given: Mapping[str, float | None]) -> list[str]:
    return [name for name, value in given.items() if value is None]


def estimated(rung: str, count: int, of: int) -> str:
    """Prices of tokens that no server counted."""
    return (
        f"{rung}: in {count:,} of {of:,} answers the server counted no tokens. Its price is of an estimate, four bytes of "
        "text to a token; what the server's template adds to the text is not in it."
    )


def cached_at_full_price(share: float) -> str:
    """Tokens that a server had in its cache, billed as if it had not."""
    return (
        f"{share:.0%} of the tokens read were in the server's cache. What these cost is not known "
        "(prices.cached_prompt_usd_per_million), so they count in full: prices are upper bounds."
    )


def grading_left_out(rungs: Sequence[str]) -> str:
    """Rungs whose passages the model itself reranks."""
    return f"{listed(list(rungs))}: the price leaves out what the model reads to rerank (reranker: generator)."


def one_server_enough(rungs: Sequence[str]) -> str:
    """Rungs whose model is hosted by the hour, and of whose server nobody said how much it carries."""
    return (
        f"{listed(list(rungs))}: one server is taken to carry all traffic, since nobody said how much it does "
        "(prices.hosting_tokens_per_second)."
    )


def hosting_without_traffic(rungs: Sequence[str]) -> str:
    """Rungs whose model is hosted by the hour, where no traffic is stated."""
    return (
        f"{listed(list(rungs))}: what an answer costs is unknown, since its server is paid by the hour and the traffic is "
        "not stated (traffic.queries_per_month)."
    )


def machine_left_out(rungs: Sequence[str]) -> str:
    """Rungs whose price is of tokens, and that keep this machine busy besides."""
    return (
        f"{listed(list(rungs))}: the price is of tokens alone; searching, reranking and classifying on this machine are "
        "left out of it (prices.machine_usd_per_hour adds them)."
    )
