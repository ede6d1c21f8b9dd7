"""What tokens cost: by the prices in `rung.yaml`, else by the dated price list."""

from __future__ import annotations

from rung.config.pricing import BATCH_PRICES, OF_TOKENS, PriceSettings
from rung.config.project import Project
from rung.models.endpoint import Endpoint, is_on_server
from rung.verdict.costs import Prices

BATCH_SHARE = 0.5  # of the price of a token: at OpenAI, Azure, Anthropic and Google alike


def prices_of(settings: PriceSettings) -> Prices:
    """The prices that `rung.yaml` names, for the verdict."""
    return Prices(**settings.model_dump(exclude={*BATCH_PRICES}))


def is_batched(project: Project) -> bool:
    """Whether comparisons ask this project's model through its host's batch interface."""
    settings = project.settings
    return settings.server.batch and is_on_server(settings.model)


def in_batches(prices: PriceSettings) -> PriceSettings:
    """The same as a batch interface has them: tokens at what `rung.yaml` states of batches, else at half."""
    halves = {name: price * BATCH_SHARE for name in OF_TOKENS if (price := getattr(prices, name)) is not None}
    stated = {name.removeprefix("batch_"): price for name in BATCH_PRICES if (price := getattr(prices, name)) is not None}
    return prices.model_copy(update={**halves, **stated})


def by_token(prices: PriceSettings, prompt: int, completion: int, *, cached: int = 0) -> float | None:
    """Dollars of these tokens by `rung.yaml`, `cached` of the prompt's; nothing where their server is paid by the hour,
    asked or not; None where it names neither that nor both prices."""
    priced = prices_of(prices).of_tokens(prompt, completion, cached)
    return 0.0 if priced is None and prices.hosting_usd_per_hour is not None else priced


def usd_of(prices: PriceSettings, model: str, prompt: int, completion: int, *, batched: bool = False) -> float | None:
    """Dollars of these tokens, `batched` through a batch interface; None where neither `rung.yaml` nor the price list has a
    price."""
    priced = by_token(in_batches(prices) if batched else prices, prompt, completion)
    if priced is not None:
        return priced
    listed = _listed(model, prompt, completion)
    return listed if listed is None or not batched else listed * BATCH_SHARE


def cached_has_a_price(prices: PriceSettings, model: str) -> bool:
    """Whether tokens that a server had cached have a price of their own, in `rung.yaml` where it names those of others, else
    in the price list."""
    if (priced := by_token(prices, 1, 1)) is not None:
        return not priced or prices.cached_prompt_usd_per_million is not None
    if not is_on_server(model):
        return False
    from rung.models.prices import lists_cached

    endpoint = Endpoint.named(model)
    return lists_cached(endpoint.model, endpoint.url)


def _listed(model: str, prompt: int, completion: int) -> float | None:
    """By the dated price list, for a hosted model; a scripted one charges nothing."""
    if model.startswith("scripted"):
        return 0.0
    from rung.models.prices import usd

    if is_on_server(model):
        endpoint = Endpoint.named(model)
        return usd(endpoint.model, endpoint.url, prompt=prompt, completion=completion)
    return None
