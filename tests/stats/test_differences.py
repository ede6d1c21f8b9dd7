"""Intervals of paired differences, against the truth that they are about and in the cases that went wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rung.stats.differences import HALF, spread_of_differences, typical_size
from rung.verdict.choice import Contender, is_worse
from rung.verdict.statistics import Paired, paired
from tests.verdict.weighing import Floats


def drawn(
    dice: np.random.Generator, n: int, each: int, *, alike: float, true: float, back: float
) -> tuple[Floats, list[int] | None]:
    """Differences of n cases, `each` to a document, that correlate by `alike` there: 1 as often as `true` + `back`, -1 as
    often as `back`; and the clusters."""

    def signs(size: int) -> Floats:
        uniform = dice.random(size)
        return np.where(uniform < true + back, 1.0, np.where(uniform < true + 2 * back, -1.0, 0.0))

    document = np.arange(n) // each
    common, own = signs(document[-1] + 1), signs(n)
    return np.where(dice.random(n) < alike**0.5, common[document], own), document.tolist() if each > 1 else None


def compared(differences: Floats, clusters: list[int] | None = None) -> Paired:
    return paired(differences, np.zeros(len(differences)), clusters=clusters)


def ends(found: Paired) -> tuple[float, float]:
    assert found.estimate.low is not None
    assert found.estimate.high is not None
    return found.estimate.low, found.estimate.high


ALIKE = [(each, alike) for each in (3, 5, 10) for alike in (0, 0.3, 0.9, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(("each", "alike"), [(1, 0.0), *ALIKE])
@pytest.mark.parametrize("n", [20, 60, 200])
def test_the_interval_covers_the_truth(n: int, each: int, alike: float) -> None:
    """Nominal 95 %; three standard errors of 400 draws are 3.3 points. From ten clusters on, as a verdict makes them."""
    if each > 1 and n // each < 10:
        pytest.skip("a verdict makes no clusters of so few documents")
    for true, back in ((0, 0), (0, 0.05), (0, 0.2), (0.05, 0.05), (0.3, 0), (0.3, 0.1), (0.6, 0), (0.6, 0.1)):
        dice = np.random.default_rng((n, each, int(alike * 10), int(true * 100), int(back * 100)))
        hits = 0
        for _ in range(400):
            low, high = ends(compared(*drawn(dice, n, each, alike=alike, true=true, back=back)))
            assert -1 <= low <= high <= 1
            assert high - low > 0.02
            hits += low <= true <= high
        few = alike >= 0.9 and n // each < 15  # a dozen draws, whatever n is: Student's t of them is a little short
        assert hits / 400 >= (0.83 if few else 0.9), (true, back)


@pytest.mark.parametrize(("n", "each"), [(60, 1), (200, 1), (200, 5)])
def test_a_small_difference_to_one_side_is_covered_where_cases_are_independent(n: int, each: int) -> None:
    dice = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        low, high = ends(compared(*drawn(dice, n, each, alike=0, true=0.05, back=0)))
        hits += low <= 0.05 <= high
    assert hits / 400 >= 0.92


def test_equal_means_of_clusters_are_no_certainty() -> None:
    """Three of five in every one of twelve documents: no less wide than of sixty independent cases, and not of no width."""
    differences = np.tile([1.0, 1.0, 1.0, 0.0, 0.0], 12)
    clusters = np.repeat(np.arange(12), 5).tolist()
    assert ends(compared(differences, clusters)) == ends(compared(differences))
    low, high = ends(compared(differences, clusters))
    assert (low, high) == pytest.approx((0.446, 0.715), abs=0.001)


@pytest.mark.parametrize("each", [1, 5, 10])
def test_where_no_case_differs_the_interval_is_that_of_independent_cases(each: int) -> None:
    """And a gap of sixty cases can be said to be none, which is at most .05."""
    clusters = (np.arange(60) // each).tolist()
    low, high = ends(compared(np.zeros(60), clusters))
    assert -low == high == pytest.approx(0.046, abs=0.001)
    one = np.zeros(60)
    one[7] = 1.0
    low, high = ends(compared(one, clusters))
    assert low < 0
    assert 0.05 < high < 0.11


def test_the_width_changes_little_by_little() -> None:
    """One more case that differs, or one that differs less, never jumps from sure to unsure."""
    widths = []
    for k in range(31):
        low, high = ends(compared(np.array([1.0] * k + [0.0] * (60 - k))))
        widths.append(high - low)
    assert all(0 < later - before < 0.025 for before, later in itertools.pairwise(widths[:26]))
    sizes = [typical_size(np.array([size] + [0.0] * 59)) for size in (0.0, 0.01, 0.1, 0.5, 1.0)]
    assert sizes[0] == sizes[-1] == 1
    assert min(sizes) > 0.8
    assert typical_size(np.full(200, 0.1)) < 0.2


def test_fractions_that_differ_little_are_told_apart_by_little() -> None:
    dice = np.random.default_rng(3)
    low, high = ends(compared(dice.normal(0.05, 0.1, 200)))
    assert 0 < low < 0.05 < high < 0.08


def test_an_interval_leaves_out_0_where_p_is_small_and_the_choice_finds_what_it_finds() -> None:
    dice = np.random.default_rng(4)
    sure = 0
    for _ in range(400):
        n, each = int(dice.choice([20, 60, 200])), int(dice.choice([1, 5]))
        true, back = dice.choice([0, 0.1, 0.3]), dice.choice([0, 0.1])
        differences, clusters = drawn(dice, n, each, alike=dice.choice([0.0, 1.0]), true=true, back=back)
        found = compared(differences, clusters)
        low, high = ends(found)
        assert (found.p < 0.05) is not (low <= 0 <= high)
        if low > 0 and (found.estimate.mean or 0) > 0.021:
            sure += 1
            assert is_worse(Contender("b", np.zeros(n)), Contender("a", differences), 0.2, clusters=clusters)
    assert sure > 50


def test_half_of_what_is_counted_besides_is_never_less_sure() -> None:
    for k in range(1, 20):
        differences = np.array([1.0] * k + [0.0] * 40)
        whole, half = (spread_of_differences(differences, besides=weight) for weight in (1.0, HALF))
        assert whole is not None
        assert half is not None
        assert half.mean == whole.mean
        assert half.error < whole.error


def test_one_case_and_one_cluster_have_no_spread() -> None:
    assert spread_of_differences(np.array([1.0])) is None
    assert spread_of_differences(np.array([1.0, np.nan, 0.0]), clusters=[3, 4, 3]) is None
    assert spread_of_differences(np.array([np.nan])) is None
