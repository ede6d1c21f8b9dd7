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
from rung.stats.estimates import estimate, estimates, spread_of
from rung.verdict.statistics import holm, paired, paired_with


def test_nothing_and_one() -> None:
    assert estimate([]) == estimate([float("nan")]) == Estimate(None, None, None, 0)
    assert estimate([0.4]) == Estimate(0.4, None, None, 1)
    assert estimate([1.0]) == Estimate(1.0, 0.0, 1.0, 1)


@pytest.mark.parametrize(("right", "n"), [(1, 10), (9, 10), (1, 7), (370, 1000), (5000, 9000)])
def test_zeros_and_ones_get_wilsons_interval(right: int, n: int) -> None:
    found = estimate([1.0] * right + [0.0] * (n - right))
    theirs = scipy.stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(theirs.low)
    assert found.high == pytest.approx(theirs.high)


@pytest.mark.parametrize("n", [25, 120, 900])
def test_other_scores_get_students_interval_with_a_case_at_0_and_one_at_1(n: int) -> None:
    values = np.random.default_rng(5).beta(0.4, 0.6, n)
    counted = np.concatenate([values, [0.0, 1.0]])
    theirs = scipy.stats.ttest_1samp(counted, 0).confidence_interval(0.95)
    found = estimate(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.low, abs=1e-4)
    assert found.high == pytest.approx(theirs.high, abs=1e-4)


def test_what_is_no_score_gets_students_interval_alone() -> None:
    tokens = np.random.default_rng(6).normal(1500, 200, 40)
    theirs = scipy.stats.ttest_1samp(tokens, 0).confidence_interval(0.95)
    found = estimate(tokens)
    assert found.low == pytest.approx(theirs.low, rel=1e-4)
    assert found.high == pytest.approx(theirs.high, rel=1e-4)
    assert spread_of([1500.0]) is None


@pytest.mark.parametrize("values", [[0.0] * 12, [0.2] * 12, [1.0] * 12])
def test_amounts_that_are_all_alike_have_no_width_and_no_bounds_of_shares(values: list[float]) -> None:
    found = estimate(values, share=False)
    assert (found.low, found.high) == pytest.approx((values[0], values[0]))


def test_small_amounts_are_no_shares() -> None:
    dollars = np.random.default_rng(7).uniform(0, 0.002, 12)
    theirs = scipy.stats.ttest_1samp(dollars, 0).confidence_interval(0.95)
    found = estimates({"usd": dollars, "f1": dollars}, amounts={"usd"})
    assert (found["usd"].low, found["usd"].high) == pytest.approx((theirs.low, theirs.high))
    assert (found["f1"].high or 0) > 50 * (found["usd"].high or 1)
    rare = estimate([0.0] * 11 + [0.9], share=False)
    assert rare.low == 0.0  # none was below
    assert estimate([0.3], share=False) == Estimate(0.3, None, None, 1)
    assert estimate([1.0], share=False) == Estimate(1.0, None, None, 1)


def test_scores_that_are_all_alike_are_not_certain_and_no_less_so_than_others() -> None:
    alike = estimate([0.5] * 30)
    assert alike.low is not None
    assert alike.high is not None
    assert 0.4 < alike.low < 0.5 < alike.high < 0.6
    lows = [estimate([1.0] * 19 + [last]).low or 0.0 for last in (1.0, 0.9, 0.5, 0.1, 0.0)]
    assert lows == sorted(lows, reverse=True)  # twenty times 1.0 is surer than nineteen times and one .9


def test_columns_together_are_as_columns_alone() -> None:
    dice = np.random.default_rng(8)
    columns = {"a": dice.random(40), "b": dice.random(40), "gaps": np.where(dice.random(40) < 0.5, np.nan, dice.random(40))}
    together = estimates(columns)
    for name, column in columns.items():
        alone = estimate(column)
        assert together[name].n == alone.n
        assert together[name].low == pytest.approx(alone.low)
        assert together[name].high == pytest.approx(alone.high)


@pytest.mark.parametrize("truth", [0.03, 0.1, 0.5, 0.9, 0.97])
@pytest.mark.parametrize("kind", ["f1", "beta", "binary"])
def test_the_interval_covers_the_truth_as_often_as_it_says(kind: str, truth: float) -> None:
    """800 draws of 60 cases; nominal 95 %. Three standard errors of 800 draws are 2.3 points; Wilson's goes up and down."""
    dice = np.random.default_rng((17, int(truth * 100)))
    hits = 0
    for _ in range(800):
        if kind == "binary":
            values = (dice.random(60) < truth).astype(float)
        elif kind == "beta":
            values = dice.beta(2 * truth, 2 - 2 * truth, 60)
        else:
            sure = float(truth > 0.5)  # most cases are wholly right (or wrong), the others somewhere between
            values = np.where(dice.random(60) < 2 * min(truth, 1 - truth), dice.random(60), sure)
        found = estimate(values)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert hits / 800 >= 0.925


@pytest.mark.parametrize("n", [40, 200])
def test_zeros_and_ones_are_compared_as_by_students_t_with_a_case_to_either_side(n: int) -> None:
    """Bonett and Price 2012, with Student's t in place of the normal distribution."""
    dice = np.random.default_rng(3)
    a, b = ((dice.random(n) < share).astype(float) for share in (0.7, 0.4))
    found = paired(a, b)
    theirs = scipy.stats.ttest_1samp(np.concatenate([a - b, [1.0, -1.0]]), 0)
    ends = theirs.confidence_interval(0.95)
    low = ends.low if theirs.pvalue < 0.05 else min(ends.low, 0.0)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, ends.high))
    assert found.p == pytest.approx(theirs.pvalue)


def test_what_is_no_score_is_compared_by_students_t_alone() -> None:
    dice = np.random.default_rng(5)
    a, b = dice.normal(3, 1, 30), dice.normal(1.5, 1, 30)
    found = paired(a, b, share=False)
    theirs = scipy.stats.ttest_rel(a, b)
    ends = theirs.confidence_interval(0.95)
    assert (found.estimate.low, found.estimate.high) == pytest.approx((ends.low, ends.high))
    assert found.p == pytest.approx(theirs.pvalue, abs=1e-6)


@pytest.mark.slow
def test_two_equal_rungs_are_seldom_told_apart() -> None:
    """Issue 5: at most 5 % false alarms in 1,000 comparisons of identical rungs; binomial noise is 0.7 points."""
    dice = np.random.default_rng(23)
    alarms = 0
    for _ in range(1_000):
        level = dice.random(80)  # cases differ in difficulty, both rungs alike
        a, b = ((dice.random(80) < level).astype(float) for _ in range(2))
        alarms += paired(a, b).p < 0.05
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
        assert (found.estimate.low > 0) is sure
        assert found.estimate.low < 1 == found.estimate.high


def test_identical_answers_leave_room_for_what_was_not_seen() -> None:
    """The rule of three has .3, .05 and .015."""
    for n, end in ((10, 0.271), (60, 0.046), (200, 0.0138)):
        found = paired([0.0] * n, [0.0] * n)
        assert found.p == 1
        assert found.estimate.low == pytest.approx(-end, abs=1e-3)
        assert found.estimate.high == pytest.approx(end, abs=1e-3)


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
    began = time.process_time()
    paired_with(columns["0"], columns)
    estimates(columns)
    assert time.process_time() - began < 4  # about 0.4 s


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
