"""What a hosted model's tokens cost, from the dated price list of `genai-prices`; None where it is not known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

log = logging.getLogger(__name__)


def usd(model: str, url: str, *, prompt: int, completion: int, cached: int = 0, written: int = 0) -> float | None:
    """US dollars for one call; None for a model, or a host, that is not in the list. Nothing is fetched.

    The host is looked at too: a model's name on a server of your own says nothing about its price. `cached` and `written`
    count those tokens of the prompt that were read from the host's prefix cache, and written to it; where the list has no
    price of their own for them (`lists_cached`) they cost what the others do.
    """
    price = _calculated(
        model,
        url,
        {
            "input_tokens": prompt,
            "output_tokens": completion,
            "cache_read_tokens": cached,
            "cache_write_tokens": written,
        },
    )
    if price is None:
        return None
    total: Decimal = price.total_price
    return float(total)


def lists_cached(model: str, url: str) -> bool:
    """Whether the list has a price of its own for tokens that the host has cached."""
    price = _calculated(model, url, {"input_tokens": 1})
    return price is not None and price.model_price.cache_read_mtok is not None


def _calculated(model: str, url: str, counts: Mapping[str, int]) -> PriceCalculation | None:
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    try:
        return calc_price(Usage(**counts), model_ref=model, provider_api_url=url)
    except LookupError:
        return None
