"""Is the variance between passes what it is by hand?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from rung.records import Repeats
from rung.verdict.repeating import repeats_of


def test_by_hand() -> None:
    passes = [np.array([1.0, 0.0, 1.0, 0.2]), np.array([1.0, 0.0, 0.0, 0.4])]
    found = repeats_of(passes)
    within = (0 + 0 + 0.5 + 0.02) / 4
    assert found == Repeats(2, 4, math.sqrt(within), math.sqrt(within / 4), 0.25)


def test_the_spread_of_a_mean_is_that_of_many_means() -> None:
    rng = np.random.default_rng(3)
    chance = rng.uniform(size=400)
    passes = [(rng.uniform(size=400) < chance).astype(float) for _ in range(200)]
    found = repeats_of(passes[:5])
    assert found is not None
    assert found.mean_sd == pytest.approx(np.std([one.mean() for one in passes], ddof=1), rel=0.15)


def test_what_was_not_scored_in_every_pass_is_left_out() -> None:
    nan = math.nan
    found = repeats_of([np.array([1.0, nan, 1.0]), np.array([0.0, 1.0, 1.0])])
    assert found is not None
    assert (found.cases, found.unsettled) == (2, 0.5)
    assert repeats_of([np.array([nan]), np.array([1.0])]) is None
    assert repeats_of([np.array([1.0])]) is None
