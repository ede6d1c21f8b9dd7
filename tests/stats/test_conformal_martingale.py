"""Is a stream that is drawn as its reference seldom called changed, however often one looks, and a change found?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest

from rung.errors import InternalError
from rung.stats.conformal_martingale import EXPONENTS, ConformalMartingale, _rank, start_share

Floats = NDArray[np.float64]
RISK = 0.05


def begun(rng: np.random.Generator, n: int, kinds: int = 2, seed: int = 0) -> ConformalMartingale:
    return ConformalMartingale.begin(rng.normal(size=(n, kinds)), np.ones((kinds, 2)), seed=seed)


def test_the_shares_that_begin_sum_to_one_with_what_has_not_begun() -> None:
    assert sum(start_share(t) for t in range(1, 1000)) + 1 / math.log2(1001) == pytest.approx(1)


def test_the_capital_is_the_sum_over_all_moments_to_begin() -> None:
    """By hand: one kind of score, the bet on each p-value multiplied from each moment on."""
    test = ConformalMartingale.begin(np.array([[0.0], [2.0], [4.0]]), np.array([[1.0, 0.0]]), seed=3)
    items = [1.0, 5.0, -1.0]
    test.observe(np.array(items)[:, None])
    ranked, p = [0.0, 2.0, 4.0], []
    for number, item in enumerate(items):
        u = float(np.random.default_rng((3, 0)).random((256, 1))[number, 0])
        p.append((sum(one < item for one in ranked) + u) / (len(ranked) + 1))
        ranked.append(item)
    by_hand = np.mean([
        sum(start_share(k + 1) * math.prod(kappa * one ** (kappa - 1) for one in p[k:]) for k in range(3))
        for kappa in EXPONENTS
    ]) + 1 / math.log2(5)  # fmt: skip
    assert test.log_evidence == pytest.approx(math.log(by_hand))


@pytest.mark.parametrize("distinct", [3, 1_000_000])
@pytest.mark.parametrize("reference", [2, 40])
def test_p_values_are_uniform_and_independent_with_ties_too(reference: int, distinct: int) -> None:
    p = np.empty((3_000, 3))
    for seed in range(len(p)):
        rng = np.random.default_rng(seed)
        ranked = sorted(rng.integers(0, distinct, reference).astype(float).tolist())
        p[seed] = [_rank(ranked, float(rng.integers(0, distinct)), float(rng.random())) for _ in range(3)]
    assert all(kstest(column, "uniform").pvalue > 1e-4 for column in p.T)
    assert np.abs(np.corrcoef(p.T) - np.eye(3)).max() < 4 / 3_000**0.5


@pytest.mark.slow
@pytest.mark.parametrize("reference", [10, 100])
@pytest.mark.parametrize("ties", [False, True])
def test_quiet_streams_are_seldom_called_changed(reference: int, ties: bool) -> None:
    wrong = 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        every = (
            rng.integers(0, 3, size=(reference + 300, 2)).astype(float) if ties else rng.normal(size=(reference + 300, 2))
        )
        test = ConformalMartingale.begin(every[:reference], np.ones((2, 2)), seed=seed)
        test.observe(every[reference:])
        wrong += test.shows(RISK)
    assert binomtest(wrong, 80, RISK, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("quiet", [0, 100, 1000])
def test_a_shift_is_found_soon_after_it(quiet: int) -> None:
    rng = np.random.default_rng(5)
    test = begun(rng, 60)
    test.observe(rng.normal(size=(quiet, 2)))
    assert not test.shows(RISK)
    test.observe(rng.normal(size=(40, 2)) + np.array([2.0, 0.0]))
    assert test.shows(RISK)
    assert test.by_score.argmax() == 0
    assert test.capital[0, 1].sum() > test.capital[0, 0].sum()  # at its large end


def test_what_was_shown_stays_shown() -> None:
    rng = np.random.default_rng(6)
    test = begun(rng, 60)
    test.observe(rng.normal(size=(60, 2)) + 3.0)
    test.observe(rng.normal(size=(600, 2)))
    assert test.log_evidence < test.most
    assert test.shows(RISK)


def test_equal_items_are_evidence_of_nothing() -> None:
    test = ConformalMartingale.begin(np.ones((30, 1)), np.ones((1, 2)))
    test.observe(np.ones((300, 1)))
    assert not test.shows(RISK)


@pytest.mark.parametrize(("reference", "weights"), [((0, 2), (2, 2)), ((5, 2), (3, 2)), ((5,), (1, 2))])
def test_shapes_that_do_not_go_together_are_ours_to_mend(reference: tuple[int, ...], weights: tuple[int, int]) -> None:
    with pytest.raises(InternalError, match="does not go with"):
        ConformalMartingale.begin(np.zeros(reference), np.ones(weights))
    test = ConformalMartingale.begin(np.zeros((3, 2)), np.ones((2, 2)))
    with pytest.raises(InternalError, match="do not go with"):
        test.observe(np.zeros((3, 4)))
