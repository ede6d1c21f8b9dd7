"""Is the p-value of a draw that is as the others small no oftener than it says, and small where it is not?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from rung.errors import InternalError
from rung.stats.exchangeable import log_p_of_first, oddness


def p_of(values: np.ndarray) -> float:
    """Of rows of draws that are numbers, alike where they are equal."""
    unlike = (values[:, :, None] != values[:, None, :]).astype(float)
    return math.exp(log_p_of_first(oddness(unlike)))


@pytest.mark.parametrize("kinds", [2, 5, 1000])
def test_it_is_small_no_oftener_than_it_says(kinds: int) -> None:
    """Rows that vary from hardly at all to always."""
    rng = np.random.default_rng(1)
    ps = np.array([p_of(rng.integers(kinds, size=(20, 5)) * (rng.random((20, 1)) < 0.7)) for _ in range(600)])
    for risk in (0.1, 0.01):
        assert (ps <= risk).mean() <= risk  # the bound is above the p-value, so that chance has room


def test_it_comes_near_the_permutations_themselves() -> None:
    """k of n rows in which the first alone is odd: 1 / (r + 1)^k exactly."""
    for k in (3, 6, 10):
        values = np.zeros((20, 5), dtype=int)
        values[:k, 0] = 1
        assert p_of(values) == pytest.approx(5.0**-k, rel=0.02)


def test_rows_that_vary_by_themselves_say_less() -> None:
    rng = np.random.default_rng(2)
    steady, varying = np.zeros((20, 5), dtype=int), rng.integers(9, size=(20, 5))
    for values in (steady, varying):
        values[:10, 0] = 99
    assert p_of(steady) < 1e-6 < p_of(varying)


def test_the_same_everywhere_says_nothing() -> None:
    assert p_of(np.zeros((4, 3), dtype=int)) == 1.0


@pytest.mark.parametrize("odd", [np.zeros((0, 3)), np.zeros((2, 1)), np.zeros(3)])
def test_no_rows_and_no_draws_are_no_test(odd: np.ndarray) -> None:
    with pytest.raises(InternalError):
        log_p_of_first(odd)
