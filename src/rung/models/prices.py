"""What a hosted model's tokens cost, from the dated price list of `genai-prices`; None where it is not known."""

from __future__ import annotations

import logging
from decimal import Decimal

log = logging.getLogger(__name__)


def usd(model: str, url: str, *, prompt: int, completion: int) -> float | None:
    """US dollars for one call; None for a model, or a host, that is not in the list. Nothing is fetched.

    The host is looked at too: a model's name on a server of your own says nothing about its price.
    """
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    try:
        price = calc_price(Usage(input_tokens=prompt, output_tokens=completion), model_ref=model, provider_api_url=url)
    except LookupError:
        return None
    total: Decimal = price.total_price
    return float(total)
