"""What must be said of the costs of a comparison. The sentences are in `verdict.cost_words`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rung.config.project import Project
from rung.models.catalog import GENERATOR
from rung.models.endpoint import is_on_server
from rung.pipeline.billing import prices_in
from rung.pipeline.pricing import cached_has_a_price
from rung.records import Evaluation, Usage
from rung.verdict import cost_words
from rung.verdict.costs import Prices, bill, estimated_answers, has_tokens, own_seconds, token_usd
from rung.verdict.sensitivity import OF_MONEY, Economy


def of_costs(project: Project, evaluations: Sequence[Evaluation], economy: Economy) -> Iterator[str]:
    """Costs that are unknown, upper bounds, or without a part; nothing of unknown ones where nobody asks for money."""
    rungs = {e.name: e for e in evaluations if e.outcomes and not e.is_reference and not e.has_failed}
    used = {name: [o.usage for o in run.outcomes if o.answer is not None] for name, run in rungs.items()}
    prices, model = economy.prices, project.settings.model
    priced = {name for name in rungs if name in economy.efforts and economy.efforts[name].per_query is not None}
    by_token = [name for name in rungs if name in priced and _is_paid(used[name], prices)]
    every = sum((usage for name in by_token for usage in used[name]), Usage())
    if every.cached_tokens and not cached_has_a_price(project.settings.prices, model):
        yield cost_words.cached_at_full_price(every.cached_tokens / max(1, every.prompt_tokens))
    for name in by_token:
        if count := estimated_answers(rungs[name].outcomes):
            yield cost_words.estimated(name, count, len(used[name]))
    if project.settings.reranker == GENERATOR:
        grading = [name for name in by_token if rungs[name].result.settings.get("rerank")]
        if grading:
            yield cost_words.grading_left_out(grading)
    if prices.machine_usd_per_hour is None:
        busy = [
            name for name in by_token if (latency := rungs[name].result.latency) is not None and own_seconds(latency) > 0
        ]
        if busy:
            yield cost_words.machine_left_out(busy)
    hosted = [name for name in rungs if name in economy.efforts and economy.efforts[name].hosted]
    if hosted and not economy.demand.queries:
        yield cost_words.hosting_without_traffic(hosted)
    if unlimited := [name for name in hosted if not all(one.queries for one in economy.efforts[name].hosted)]:
        yield cost_words.one_server_enough(unlimited)
    unknown = [name for name in rungs if name not in priced and rungs[name].stop is None]
    if not (_asks_for_money(project) or priced or is_on_server(model)):
        return
    lacking: dict[str, list[str]] = {}
    for name in unknown if prices.machine_usd_per_hour is None else ():
        own = prices_in(project.on(rungs[name].result.model))
        why = cost_words.no_price(own) if any(map(has_tokens, used[name])) else cost_words.NO_TOKENS
        lacking.setdefault(why, []).append(name)
    for why, names in lacking.items():
        yield cost_words.unknown_price(names, why)
    if economy.demand.queries and (parts := _unknown_parts(rungs, economy)):
        yield cost_words.unknown_parts(parts)


def _is_paid(usages: list[Usage], prices: Prices) -> bool:
    """Whether tokens have a price that is not nothing."""
    return any(has_tokens(usage) and token_usd(usage, prices) for usage in usages)


def _asks_for_money(project: Project) -> bool:
    """Whether rung.yaml names a price, traffic, or a limit on money."""
    settings = project.settings
    limits = set(settings.bar.limits()) & set(OF_MONEY)
    return bool(settings.prices.model_fields_set or settings.traffic.queries_per_month or limits)


def _unknown_parts(rungs: Mapping[str, Evaluation], economy: Economy) -> dict[tuple[str, str], list[str]]:
    """Rungs by the part that is unknown, and for want of what."""
    parts: dict[tuple[str, str], list[str]] = {}
    for name in rungs:
        if name in economy.efforts and rungs[name].stop is None:
            asked = economy.efforts[name], economy.prices, economy.demand
            for part in bill(*asked).unknown:
                if part != "inference":
                    parts.setdefault((part, cost_words.wanting(part, *asked)), []).append(name)
    return parts
