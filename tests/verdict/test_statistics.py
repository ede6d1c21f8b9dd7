"""Intervals and tests, against scipy and against the truth that they are about."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from rung.errors import InternalError
from rung.records import Estimate
from rung.verdict.statistics import cases_needed, estimate, estimates, holm, paired, paired_with


def test_nothing_and_one() -> None:
    assert estimate([]) == estimate([float("nan")]) == Estimate(None, None, None, 0)
    assert estimate([0.4]) == Estimate(0.4, None, None, 1)
    one = estimate([1.0])
    assert (one.mean, one.high, one.n) == (1.0, 1.0, 1)
    assert one.low == pytest.approx(0.2065, abs=1e-4)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (1, 7), (370, 1000), (5000, 9000)])
def test_zeros_and_ones_get_wilsons_interval(right: int, n: int) -> None:
    found = estimate([1.0] * right + [0.0] * (n - right))
    theirs = scipy.stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(theirs.low)
    assert found.high == pytest.approx(theirs.high)


@pytest.mark.parametrize("n", [25, 120, 900])
def test_other_values_get_the_percentile_bootstrap(n: int) -> None:
    values = np.random.default_rng(5).beta(0.4, 0.6, n)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2), vectorized=True
    ).confidence_interval
    found = estimate(values, seed=9)
    assert found.mean == pytest.approx(values.mean())
    noise = 0.03 * (theirs.high - theirs.low)
    assert found.low == pytest.approx(theirs.low, abs=noise)
    assert found.high == pytest.approx(theirs.high, abs=noise)


def test_many_cases_get_the_normal_interval_which_is_the_same_by_then() -> None:
    values = np.random.default_rng(1).beta(0.4, 0.6, 5_000)
    many, fewer = estimate(values), estimate(values[:-1])
    assert many.low == pytest.approx(fewer.low, abs=5e-4)
    assert many.high == pytest.approx(fewer.high, abs=5e-4)


def test_equal_seeds_give_equal_numbers_and_others_do_not() -> None:
    values = np.random.default_rng(1).random(50)
    assert estimate(values, seed=3) == estimate(values, seed=3)
    assert estimate(values, seed=3) != estimate(values, seed=4)


def test_columns_together_are_as_columns_alone() -> None:
    dice = np.random.default_rng(8)
    columns = {"a": dice.random(40), "b": dice.random(40), "gaps": np.where(dice.random(40) < 0.5, np.nan, dice.random(40))}
    together = estimates(columns, seed=2)
    for name, column in columns.items():
        alone = estimate(column, seed=2)
        assert together[name].n == alone.n
        assert together[name].low == pytest.approx(alone.low)
        assert together[name].high == pytest.approx(alone.high)


@pytest.mark.parametrize("kind", ["f1", "binary"])
def test_the_interval_covers_the_truth_as_often_as_it_says(kind: str) -> None:
    """800 draws of 60 cases; nominal 95 %. Three standard errors of 800 draws are 2.3 points; small n costs a point more."""
    dice = np.random.default_rng(17)
    hits, truth = 0, 0.6
    for _ in range(800):
        right = dice.random(60) < 0.5
        values = np.where(right, 1.0, 0.4 * dice.random(60)) if kind == "f1" else (dice.random(60) < truth).astype(float)
        found = estimate(values, resamples=1_000)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 800 <= 0.98


def test_paired_bootstrap_against_scipy() -> None:
    dice = np.random.default_rng(3)
    a, b = dice.beta(0.6, 0.4, 200), dice.beta(0.5, 0.5, 200)
    theirs = scipy.stats.bootstrap(
        (a - b,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = paired(a, b)
    noise = 0.03 * (theirs.high - theirs.low)
    assert found.estimate.low == pytest.approx(theirs.low, abs=noise)
    assert found.estimate.high == pytest.approx(theirs.high, abs=noise)
    signs = scipy.stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=9_999, rng=np.random.default_rng(1)
    )
    assert found.p == pytest.approx(signs.pvalue, abs=0.02)


def test_two_equal_rungs_are_seldom_told_apart() -> None:
    """Issue 5: at most 5 % false alarms in 1,000 comparisons of identical rungs; binomial noise is 0.7 points."""
    dice = np.random.default_rng(23)
    alarms = 0
    for _ in range(1_000):
        level = dice.random(80)  # cases differ in difficulty, both rungs alike
        a, b = ((dice.random(80) < level).astype(float) for _ in range(2))
        alarms += paired(a, b, resamples=2_000).p < 0.05
    assert alarms / 1_000 <= 0.065


def test_a_real_difference_is_found() -> None:
    dice = np.random.default_rng(29)
    level = dice.random(300)
    a, b = (dice.random(300) < np.minimum(level + 0.2, 1)).astype(float), (dice.random(300) < level).astype(float)
    found = paired(a, b)
    assert found.p < 0.01
    assert found.estimate.low is not None
    assert found.estimate.low > 0
    back = paired(b, a)
    assert back.p == pytest.approx(found.p, abs=0.001)
    assert back.estimate.mean == pytest.approx(-(found.estimate.mean or 0))


@pytest.mark.parametrize(("n", "sure"), [(1, False), (3, False), (5, False), (7, True)])
def test_few_cases_prove_nothing_however_equal_they_are(n: int, sure: bool) -> None:
    found = paired([1.0] * n, [0.0] * n)
    assert (found.p < 0.05) is sure
    if n > 1:
        assert found.estimate.low is not None
        assert 0 < found.estimate.low < 1 == found.estimate.high


def test_identical_answers_leave_room_for_what_was_not_seen() -> None:
    found = paired([0.0] * 10, [0.0] * 10)
    assert found.p == 1
    assert found.estimate.low == pytest.approx(-0.2775, abs=1e-3)
    assert found.estimate.high == pytest.approx(0.2775, abs=1e-3)


def test_one_case_that_differs_is_no_difference() -> None:
    b = np.zeros(400)
    a = b.copy()
    a[7] = 1
    assert paired(a, b).p == 1


def test_pairs_with_a_missing_side_do_not_count() -> None:
    nan = float("nan")
    assert paired([1, nan, 0.5, 1], [0, 1, nan, 0.25]).estimate.n == 2
    assert paired([nan], [1.0]).estimate == Estimate(None, None, None, 0)
    with pytest.raises(InternalError, match="cannot be paired"):
        paired([1.0], [1.0, 0.0])


def test_ten_rungs_of_a_thousand_cases_take_about_a_second() -> None:
    dice = np.random.default_rng(1)
    columns = {str(i): dice.random(1_000) for i in range(10)}
    began = time.perf_counter()
    paired_with(columns["0"], columns)
    estimates(columns)
    assert time.perf_counter() - began < 4  # about 0.4 s on a quiet machine


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_only_raises_and_keeps_the_order(p: dict[str, float]) -> None:
    adjusted = holm(p)
    assert list(adjusted) == list(p)
    assert all(p[name] <= adjusted[name] <= 1 for name in p)
    ordered = sorted(p, key=lambda one: p[one])
    assert all(adjusted[x] <= adjusted[y] for x, y in itertools.pairwise(ordered))


def test_cases_needed_settles_it_four_times_in_five() -> None:
    """The truth is 0.62 against a bar of 0.70: of 300 draws of so many cases about 80 % end below the bar."""
    pilot = np.array([1.0] * 62 + [0.0] * 38)
    needed = cases_needed(pilot, 0.7)
    assert needed is not None
    dice = np.random.default_rng(31)
    settled = sum((estimate((dice.random(needed) < 0.62).astype(float)).high or 1) < 0.7 for _ in range(300))
    assert 0.7 <= settled / 300 <= 0.9
    assert cases_needed([0.7], 0.5) is None
    assert cases_needed([0.5, 0.9], 0.7) is None
    few = cases_needed([1.0] * 5, 0.9)
    assert few is not None
    assert few > 30  # five right of five do not prove 0.9
