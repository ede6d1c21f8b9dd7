"""Prices of the dated list: by tiers, cached tokens, and hosts that are not in it."""

from __future__ import annotations

import pytest

from rung.models.prices import usd

GEMINI = "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("prompt", "cached", "dollars"),
    [  # above 200,000 tokens every token of the request is dearer: 2.50 read, 0.25 cached, 15 written a million
        (100_000, 0, (100_000 * 1.25 + 1_000 * 10) / 1e6),
        (100_000, 50_000, (50_000 * 1.25 + 50_000 * 0.125 + 1_000 * 10) / 1e6),
        (300_000, 0, (300_000 * 2.5 + 1_000 * 15) / 1e6),
        (300_000, 50_000, (250_000 * 2.5 + 50_000 * 0.25 + 1_000 * 15) / 1e6),
    ],
)
def test_a_price_in_tiers_by_hand(prompt: int, cached: int, dollars: float) -> None:
    assert usd("gemini-2.5-pro", GEMINI, prompt=prompt, completion=1_000, cached=cached) == pytest.approx(dollars)


def test_a_name_on_a_server_of_ones_own_says_nothing_of_its_price() -> None:
    assert usd("gemini-2.5-pro", "http://gpu-box:8000/v1", prompt=1, completion=1) is None
