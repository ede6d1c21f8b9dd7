"""What must be said of costs: which are unknown and for want of what, which are upper bounds, what is left out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.verdict.reasons import listed

_NAMED_BY = {  # a part of the bill -> the keys of rung.yaml that make it known
    "documents": "prices.documents_hours and prices.labour_usd_per_hour",
    "examples": "prices.examples_hours and prices.labour_usd_per_hour",
    "training": "prices.gpu_usd_per_hour or prices.machine_usd_per_hour",
    "building": "the prices of tokens, or prices.machine_usd_per_hour",
    "indexing": "prices.machine_usd_per_hour; of a server that embeds nobody can know",
    "storage": "prices.storage_usd_per_gb_month; of an index that is kept elsewhere nobody can know",
    "retraining": "retrain.when",
    "re-indexing": "knowledge.changes",
    "inference": "the price of an answer",
}
NO_TOKENS = "it uses no tokens, and the machine's hour has no price (prices.machine_usd_per_hour)"
NO_PRICE = (
    "neither rung.yaml (prices.prompt_usd_per_million and prices.completion_usd_per_million, or "
    "prices.machine_usd_per_hour) nor the price list names one"
)


def unknown_price(rungs: Sequence[str], why: str) -> str:
    """Rungs whose answers have no price, and for want of what."""
    return f"{listed(list(rungs))}: what an answer costs is unknown, since {why}."


def unknown_parts(parts: Mapping[str, Sequence[str]]) -> str:
    """Parts of the whole cost that are unknown, each with the rungs that need it."""
    phrases = [f"{part} of {listed(list(rungs))} ({_NAMED_BY.get(part, part)})" for part, rungs in parts.items()]
    return f"The whole cost is unknown for want of: {'; '.join(phrases)}."


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
