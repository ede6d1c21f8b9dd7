"""What tokens cost: by the prices in `rung.yaml`, else by the dated price list."""

from __future__ import annotations

from rung.config.schema import PriceSettings
from rung.models.endpoint import Endpoint, is_on_server
from rung.verdict.costs import Prices


def prices_of(settings: PriceSettings) -> Prices:
    """The prices that `rung.yaml` names, for the verdict."""
    return Prices(**settings.model_dump())


def by_token(prices: PriceSettings, prompt: int, completion: int, *, cached: int = 0) -> float | None:
    """Dollars of these tokens by `rung.yaml`, `cached` of the prompt's; None where it does not name both prices."""
    return prices_of(prices).of_tokens(prompt, completion, cached)


def usd_of(prices: PriceSettings, model: str, prompt: int, completion: int) -> float | None:
    """Dollars of these tokens; None where neither `rung.yaml` nor the price list has a price."""
    priced = by_token(prices, prompt, completion)
    return _listed(model, prompt, completion) if priced is None else priced


def cached_has_a_price(prices: PriceSettings, model: str) -> bool:
    """Whether tokens that a server had cached have a price of their own, in `rung.yaml` where it names those of others, else
    in the price list."""
    if by_token(prices, 1, 1) is not None:
        return prices.cached_prompt_usd_per_million is not None
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
