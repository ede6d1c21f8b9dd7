"""What tokens cost: by the prices in `rung.yaml`, else by the dated price list."""

from __future__ import annotations

from rung.config.schema import PriceSettings
from rung.models.endpoint import Endpoint, is_on_server


def by_token(prices: PriceSettings, prompt: int, completion: int) -> float | None:
    """Dollars of these tokens by `rung.yaml`; None where it does not name both prices."""
    if prices.prompt_usd_per_million is None or prices.completion_usd_per_million is None:
        return None
    return (prompt * prices.prompt_usd_per_million + completion * prices.completion_usd_per_million) / 1e6


def usd_of(prices: PriceSettings, model: str, prompt: int, completion: int) -> float | None:
    """Dollars of these tokens; None where neither `rung.yaml` nor the price list has a price."""
    known = by_token(prices, prompt, completion)
    return _listed(model, prompt, completion) if known is None else known


def _listed(model: str, prompt: int, completion: int) -> float | None:
    """By the dated price list, for a hosted model; a scripted one charges nothing."""
    if model.startswith("scripted"):
        return 0.0
    from rung.models.prices import usd

    if is_on_server(model):
        endpoint = Endpoint.named(model)
        return usd(endpoint.model, endpoint.url, prompt=prompt, completion=completion)
    return None
