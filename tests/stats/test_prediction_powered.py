"""A judge that is corrected by a few labels tells the truth, and how far off it may be: by hand and by simulated truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.stats.estimates import student_point
from rung.stats.prediction_powered import Corrected, among, corrected, labels_needed, shift_of, shifted
from rung.verdict.probability import at_least

Floats = NDArray[np.float64]


def drawn(
    rng: np.random.Generator, n: int, labels: int, *, truth: float = 0.7, hit: float = 0.95, miss: float = 0.1
) -> tuple[Floats, Floats, Floats]:
    """(judge, labels of a random part, truth): the judge says "good" of good answers with `hit`, of others with `miss`."""
    y = (rng.random(n) < truth).astype(float)
    f = np.where(y == 1, rng.random(n) < hit, rng.random(n) < miss).astype(float)
    human = np.full(n, np.nan)
    asked = rng.choice(n, labels, replace=False)
    human[asked] = y[asked]
    return f, human, y


def test_plain_prediction_powered_inference_by_hand() -> None:
    f, human, _ = drawn(np.random.default_rng(1), 60, 20)
    asked = ~np.isnan(human)
    powered, classical = corrected(f, human, power=1.0), corrected(f, human, power=0.0)
    assert powered is not None
    assert classical is not None
    assert powered.mean == pytest.approx(f.mean() + (human[asked] - f[asked]).mean())
    assert classical.mean == pytest.approx(human[asked].mean())
    assert np.nanmean(powered.values) == pytest.approx(powered.mean)


def test_with_many_labels_it_is_the_estimator_of_the_paper() -> None:
    """PPI++ (2311.01453): variance λ² σ²(f)/N + σ²(y − λf)/n, λ = Cov(y, f) / ((1 + n/N) Var(f))."""
    f, human, _ = drawn(np.random.default_rng(2), 40_000, 2_000, hit=0.8, miss=0.3)
    asked = ~np.isnan(human)
    found = corrected(f, human)
    assert found is not None
    y, g = human[asked], f[asked]
    power = np.cov(y, g)[0, 1] / g.var(ddof=1) / (1 + 0.05)
    assert found.power == pytest.approx(power, rel=0.01)
    error = (power**2 * f.var() / len(f) + (y - power * g).var(ddof=1) / len(y)) ** 0.5
    assert found.error == pytest.approx(error, rel=0.03)


@pytest.mark.parametrize("labels", [10, 20, 50])
@pytest.mark.parametrize(("hit", "miss", "truth"), [(0.95, 0.1, 0.7), (1.0, 0.6, 0.5), (0.5, 0.5, 0.7), (1.0, 0.0, 0.9)])
def test_intervals_cover_the_truth_with_few_labels(labels: int, hit: float, miss: float, truth: float) -> None:
    rng = np.random.default_rng(labels)
    covered, off, by_values = [], [], []
    for _ in range(300):
        f, human, _ = drawn(rng, 100, labels, truth=truth, hit=hit, miss=miss)
        found = corrected(f, human)
        assert found is not None
        e = found.estimate
        assert e.low is not None
        assert e.high is not None
        covered.append(e.low <= truth <= e.high)
        off.append(found.mean - truth)
        half = student_point(0.975, 99) * found.values.std(ddof=1) / 10
        by_values.append(abs(found.values.mean() - truth) <= half)
    assert np.mean(covered) >= 0.925
    assert np.mean(by_values) >= 0.925  # what the choice goes by
    assert abs(np.mean(off)) < 0.03


def test_a_kind_judge_does_not_clear_a_bar_that_the_truth_misses() -> None:
    rng = np.random.default_rng(5)
    by_judge, by_people = [], []
    for _ in range(200):
        f, human, _ = drawn(rng, 100, 20, truth=0.6, hit=1.0, miss=0.5)
        found = corrected(f, human)
        assert found is not None
        by_judge.append((at_least(f, 0.7) or 0) >= 0.8)
        by_people.append((at_least(found.values, 0.7) or 0) >= 0.8)
    assert np.mean(by_judge) > 0.8
    assert np.mean(by_people) < 0.08


def test_strata_drawn_at_different_rates_leave_it_unbiased() -> None:
    rng = np.random.default_rng(7)
    off, covered = [], []
    for _ in range(300):
        f, _, y = drawn(rng, 120, 5, hit=0.9, miss=0.3)
        open_ = rng.random(120) < np.where(y == f, 0.2, 0.7)  # cases where the judge errs are open more often
        human, probability = np.full(120, np.nan), np.full(120, np.nan)
        for of, n in ((np.flatnonzero(open_), 14), (np.flatnonzero(~open_), 7)):
            asked = rng.choice(of, min(n, len(of)), replace=False)
            human[asked], probability[asked] = y[asked], len(asked) / len(of)
        found = corrected(f, human, probability)
        assert found is not None
        off.append(found.mean - 0.7)
        e = found.estimate
        covered.append((e.low or 0) <= 0.7 <= (e.high or 0))
    assert abs(np.mean(off)) < 0.015
    assert np.mean(covered) >= 0.925


def test_ten_labels_that_agree_do_not_make_it_certain() -> None:
    f = np.array([1.0] * 80 + [0.0] * 20)
    human = np.full(100, np.nan)
    human[[0, 1, 2, 3, 4, 5, 6, 7, 98, 99]] = f[[0, 1, 2, 3, 4, 5, 6, 7, 98, 99]]
    found = corrected(f, human)
    assert found is not None
    e = found.estimate
    assert e.mean == pytest.approx(0.8, abs=0.01)
    assert (e.high or 0) - (e.low or 0) > 0.3
    assert 0 <= (e.low or 0) < (e.high or 0) <= 1


def test_fewer_than_five_labels_make_nothing() -> None:
    f, human, _ = drawn(np.random.default_rng(1), 60, 4)
    assert corrected(f, human) is None


def test_another_rung_moves_by_as_much_and_is_no_surer() -> None:
    rng = np.random.default_rng(3)
    f, human, _ = drawn(rng, 100, 20, hit=1.0, miss=0.5)
    found = corrected(f, human)
    assert found is not None
    other = (rng.random(100) < 0.6).astype(float)
    moved = shifted(other, shift_of([found]))
    assert moved.mean - other.mean() == pytest.approx(found.mean - found.judged)
    assert moved.error > found.error
    assert np.nanmean(moved.values) == pytest.approx(moved.mean)
    nothing, little = (shifted(column, shift_of([found])) for column in (np.zeros(100), np.array([1.0] + [0.0] * 99)))
    assert (nothing.mean == 0) == (found.mean <= found.judged)
    assert little.mean > 0


def test_how_many_labels_would_settle_it() -> None:
    f, human, _ = drawn(np.random.default_rng(11), 200, 10, truth=0.8)
    found = corrected(f, human)
    assert found is not None
    needed = [labels_needed(found, found.mean - away, 0.2) for away in (0.02, 0.09, 0.12, 0.4)]
    assert all(n is not None and 10 < n <= 200 for n in needed)
    assert needed == sorted(needed, key=lambda n: -(n or 0))  # the nearer the bar, the more
    assert needed[0] != needed[2]
    assert needed[-1] == 11
    sure = (drawn(np.random.default_rng(11), 30, 30, truth=0.8), 0.8)
    every = corrected(*sure[0][:2])
    assert every is not None
    assert labels_needed(every, sure[1], 0.2) is None  # all are labelled


def test_what_likely_settles_it_does_in_most_draws() -> None:
    rng = np.random.default_rng(4)
    came_true = []
    for _ in range(120):
        f, human, y = drawn(rng, 150, 10, truth=0.8)
        found = corrected(f, human)
        assert found is not None
        needed = labels_needed(found, 0.7, 0.2)
        if needed is None or not 0.2 <= (at_least(found.values, 0.7) or 0) < 0.8:
            continue
        more = rng.choice(np.flatnonzero(np.isnan(human)), needed - 10, replace=False)
        human[more] = y[more]
        then = corrected(f, human)
        assert then is not None
        came_true.append(not 0.2 <= (at_least(then.values, 0.7) or 0) < 0.8)
    assert len(came_true) > 30
    assert np.mean(came_true) >= 0.75


def test_the_record_says_what_it_was_made_of() -> None:
    f, human, _ = drawn(np.random.default_rng(1), 60, 20)
    found = corrected(f, human)
    assert isinstance(found, Corrected)
    assert (found.labels, found.judged) == (20, f.mean())
    assert 0 <= found.power <= 1


def test_rungs_that_moved_alike_differ_no_more_than_before() -> None:
    """Identical answers stay identical, on all cases and on some of them."""
    f, human, _ = drawn(np.random.default_rng(3), 100, 20)
    found = corrected(f, human)
    assert found is not None
    one, other = (shifted(f, shift_of([found])) for _ in range(2))
    assert np.array_equal(one.values, other.values)


def test_rungs_whose_corrections_differ_make_the_shift_of_others_unsure() -> None:
    rng = np.random.default_rng(5)
    kind, _, _ = drawn(rng, 100, 20)
    labels = np.full(100, np.nan)
    labels[:15] = 1.0
    high = corrected(kind, labels)
    labels[:15] = 0.0
    low = corrected(kind, labels)
    assert high is not None
    assert low is not None
    both = shift_of([high, low])
    assert both.mean == pytest.approx(((high.mean - high.judged) + (low.mean - low.judged)) / 2)
    assert both.error > 2 * max(high.error, low.error)


def test_what_the_judge_was_not_asked_about_keeps_its_score() -> None:
    rng = np.random.default_rng(9)
    f, human, _ = drawn(rng, 60, 20)
    part = corrected(f, human)
    assert part is not None
    whole = among(np.append(f, np.zeros(40)), replace(part, values=np.append(part.values, np.full(40, np.nan))))
    assert whole.mean == pytest.approx(0.6 * part.mean)
    assert np.nanmean(whole.values) == pytest.approx(whole.mean)
    assert whole.error < part.error + 0.05
    assert among(f, part) is part
