"""Probabilities, against the truth that they are about."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from rung.records import Latency, RungResult
from rung.scoring import metrics
from rung.stats.estimates import student_point
from rung.verdict.bar import MAX_TIMES, MIN_TIMES, Bar, bar_of, is_timed_enough, keeping, state_of
from rung.verdict.probability import (
    at_least,
    cases_needed,
    effective_tries,
    least_limit,
    quantile_within,
)
from tests.verdict.weighing import share


@pytest.mark.parametrize("level", [0.05, 0.2, 0.5, 0.8, 0.975])
def test_a_point_is_where_its_share_lies(level: float) -> None:
    assert student_point(level, 31) == pytest.approx(scipy.stats.t.ppf(level, 31), abs=1e-6)


def test_a_probability_by_hand() -> None:
    """148 of 200 and one case at 0 and one at 1 are 149 of 202."""
    theirs = scipy.stats.ttest_1samp(np.concatenate([share(148, 200), [0.0, 1.0]]), 0.7, alternative="greater")
    assert at_least(share(148, 200), 0.7) == pytest.approx(1 - theirs.pvalue, abs=1e-9)
    assert at_least([], 0.7) is None
    assert (at_least([1.0] * 3, 0.9) or 0) < 0.5  # three right of three do not prove 0.9


@pytest.mark.parametrize("binary", [True, False])
def test_a_probability_comes_true_as_often_as_it_says(binary: bool) -> None:
    """Of 2,000 bars near the truth those said to be reached with .7 to .9 are, in that share, give or take 7 points."""
    dice = np.random.default_rng(3)
    told, true = [], []
    for _ in range(2000):
        truth = dice.uniform(0.2, 0.9)
        column = (dice.random(80) < truth).astype(float) if binary else dice.beta(2 * truth, 2 - 2 * truth, 80)
        bar = column.mean() - dice.uniform(0, 0.08)
        told.append(at_least(column, bar) or 0.0)
        true.append(truth >= bar)
    some = [good for chance, good in zip(told, true, strict=True) if 0.7 <= chance <= 0.9]
    assert len(some) > 200
    assert np.mean(some) == pytest.approx(np.mean([p for p in told if 0.7 <= p <= 0.9]), abs=0.07)


def test_tries_are_as_many_as_columns_are_unlike() -> None:
    dice = np.random.default_rng(4)
    unlike = [dice.random(4000) for _ in range(6)]
    assert effective_tries(unlike[:1]) == 1.0
    assert effective_tries([unlike[0]] * 6) == pytest.approx(1.0)
    assert effective_tries([np.ones(30)] * 3) == pytest.approx(1.0)
    assert effective_tries([np.ones(4000), unlike[0]]) == 2.0  # all right beside another: nothing shows them to be one try
    assert effective_tries(unlike) == pytest.approx(6.0, abs=0.2)
    alike = [unlike[0] + column for column in unlike[1:]]
    assert effective_tries(alike) == pytest.approx(1 + 4 * 0.5, abs=0.2)
    holes = [np.where(np.arange(4000) < 1000, column, np.nan) for column in alike]
    assert effective_tries([alike[0], *holes[1:]]) == pytest.approx(1 + 4 * 0.5, abs=0.3)


def test_the_cases_that_it_takes_settle_it_three_times_in_four() -> None:
    """The truth is drawn around the bar, 60 cases are judged, and where they leave it open so many more are."""
    dice = np.random.default_rng(31)
    settled = []
    for _ in range(600):
        truth = float(np.clip(dice.normal(0.7, 0.08), 0.3, 0.97))
        pilot = (dice.random(60) < truth).astype(float)
        if not 0.2 <= (at_least(pilot, 0.7) or 0.0) < 0.8:
            continue
        needed = cases_needed(pilot, 0.7, risk=0.2)
        assert needed is not None
        assert needed > 60
        column = np.concatenate([pilot, (dice.random(needed - 60) < truth).astype(float)])
        settled.append(not 0.2 <= (at_least(column, 0.7) or 0.0) < 0.8)
    assert len(settled) > 100
    assert 0.75 <= np.mean(settled) <= 0.95
    few, more = (cases_needed(pilot, float(pilot.mean()) - 0.03, risk=0.2, tries=tries) for tries in (1.0, 3.0))
    assert few is not None
    assert more is not None
    assert more > few  # a probability that is shared is harder to bring up
    assert cases_needed([0.7], 0.5, risk=0.2) is None
    few = cases_needed([1.0] * 5, 0.9, risk=0.2)
    assert few is not None
    assert few > 15  # five right of five do not prove 0.9


def broken(bar: Bar, name: str, value: float, line: RungResult, columns: dict[str, np.ndarray] | None = None) -> bool:
    return bar.is_broken(name, value, keeping(line, columns or {}, bar).get(name))


def test_a_limit_on_a_score_seldom_throws_out_who_keeps_it_and_mostly_who_does_not() -> None:
    bar, line = bar_of({"format": 0.99}, metrics()), RungResult("rag", {}, "measured")
    dice = np.random.default_rng(5)

    def out(truth: float) -> float:
        columns = [(dice.random(98) < truth).astype(float) for _ in range(400)]
        return float(np.mean([broken(bar, "format", float(c.mean()), line, {"format": c}) for c in columns]))

    assert out(0.995) <= 0.15  # by the mean alone: 39 %
    assert out(0.96) >= 0.8
    one = share(97, 98)
    result = RungResult("x", {}, "measured", keeps=keeping(line, {"format": one}, bar))
    assert state_of(result, bar.limits["format"], 0.2)[0] == "unknown"


def test_at_the_end_of_a_scale_one_case_breaks_a_limit() -> None:
    bar, line = bar_of({"leaks": 0.0, "format": 1.0}, metrics()), RungResult("rag", {}, "measured")
    assert keeping(line, {"leaks": share(0, 50), "format": share(50, 50)}, bar) == {}
    assert bar.is_broken("leaks", 0.02, None)
    assert bar.is_broken("format", 0.98, None)
    assert not bar.is_broken("leaks", 0.0, None)


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_a_limit_on_time_is_seldom_kept_by_who_is_a_quarter_over_it(spread: float) -> None:
    dice = np.random.default_rng(6)
    true = float(np.exp(spread * 1.6449))

    def out(limit: float) -> float:
        bar, found = bar_of({"p95_seconds": limit}, metrics()), []
        for _ in range(300):
            times, n = dice.lognormal(0, spread, MAX_TIMES) * 1000, MIN_TIMES
            while n < MAX_TIMES and not is_timed_enough(tuple(times[:n]), bar):
                n += 4
            line = RungResult("rag", {}, "measured", latency=Latency(0, 0, n, times=tuple(times[:n])))
            found.append(broken(bar, "p95_seconds", float(np.percentile(times[:n], 95)) / 1000, line))
        return float(np.mean(found))

    assert out(true / 1.25) >= 0.75  # five timings: 36 to 57 %
    assert out(true * 1.25) <= 0.2


def test_the_smallest_limit_that_times_keep() -> None:
    times = [float(n) for n in range(1, 41)]
    kept = least_limit(times, 0.95, 0.2)
    assert kept is not None
    assert quantile_within(times, kept, 0.95) >= 0.2 > quantile_within(times, kept - 1, 0.95)
    assert least_limit([1.0, 1.0], 0.95, 0.99) is None
