"""Do "the cases stand for" and the reweighted score hold the truth as often as their intervals say?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rung.errors import InternalError
from rung.stats.anchor_scores import AnchorScores, nearest
from rung.stats.covariate_shift import coverage, reweighted

Floats = NDArray[np.float64]


def unit(vectors: Floats) -> Floats:
    long: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return long


def questions(rng: np.random.Generator, count: int, *, new: float = 0.0) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors around six directions, of which the last two are new; and which."""
    directions = unit(np.random.default_rng(9).normal(size=(6, 24)))
    topic = np.where(rng.random(count) < new, rng.integers(4, 6, count), rng.integers(0, 4, count))
    return unit(directions[topic] + 0.1 * rng.normal(size=(count, 24))), topic


@pytest.mark.parametrize("new", [0.0, 0.3])
@pytest.mark.parametrize("cases", [30, 150])
def test_the_coverage_is_near_the_truth_and_its_upper_end_seldom_below(cases: int, new: float) -> None:
    held, means = 0, []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        own, _ = questions(rng, cases)
        live, topic = questions(rng, 300, new=new)
        distances = nearest(own, own, 1, but_itself=True)[0][:, 0]
        share = coverage(distances, nearest(live, own, 1)[0][:, 0]).share
        assert share.high is not None
        held += (topic < 4).mean() <= share.high
        means.append(share.mean or 0.0)
    assert held / 150 >= 0.95
    assert np.mean(means) == pytest.approx(1 - new, abs=0.12)  # none is above 1, so that chance makes it less


def test_the_lowest_of_several_upper_ends_is_seldom_below_the_truth() -> None:
    """Of many cases, where each reach's end misses by chance alone and the best is taken; with 95 % each it was 6 %."""
    below = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        own, live = rng.random(2_000), rng.random(500)
        share = coverage(own, np.where(rng.random(500) < 0.2, 9.0, live)).share
        below += (share.high or 0.0) < 0.8
    assert below / 400 <= 0.025


def test_nothing_near_and_everything_near() -> None:
    own = np.linspace(0.0, 1.0, 40)
    none = coverage(own, own + 5)
    assert none.share.mean == 0.0
    assert none.share.high is not None
    assert 0 < none.share.high < 0.3
    every = coverage(own, np.zeros(40))
    assert every.share.mean == 1.0
    assert every.share.low is not None
    assert every.share.low > 0.75


def test_equal_cases_have_no_reach_and_what_is_equal_to_them_is_near() -> None:
    assert coverage(np.zeros(30), np.zeros(10)).share.mean == 1.0
    assert coverage(np.zeros(30), np.full(10, 0.5)).share.mean == 0.0


def test_coverage_of_nothing_is_ours_to_mend() -> None:
    with pytest.raises(InternalError, match="no coverage"):
        coverage(np.zeros(1), np.zeros(5))
    with pytest.raises(InternalError, match="no coverage"):
        coverage(np.zeros(5), np.zeros(0))


def test_a_score_is_reweighted_to_what_comes_and_its_interval_holds_it() -> None:
    """Topic 0 is hard and rare among the cases, and most of what comes."""
    held, means = 0, []
    chance = np.array([0.2, 0.9, 0.9, 0.9])
    truth = 0.7 * chance[0] + 0.1 * chance[1:].sum()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        own, topic = questions(rng, 120)
        scores = (rng.random(120) < chance[topic]).astype(float)
        came, of = questions(rng, 2_000)
        keep = np.concatenate([np.flatnonzero(of == 0)[:350], np.flatnonzero(of > 0)[:150]])
        weighed = reweighted(scores, nearest(came[keep], own, 3)[1])
        assert weighed is not None
        assert weighed.estimate.low is not None
        assert weighed.estimate.high is not None
        means.append(weighed.estimate.mean or 0.0)
        held += weighed.estimate.low <= truth <= weighed.estimate.high
        assert weighed.effective < 120
    assert np.mean(means) == pytest.approx(truth, abs=0.03)
    assert held / 150 >= 0.93


def test_neighbours_without_a_score_count_for_nothing() -> None:
    scores = np.array([1.0, 0.0, np.nan])
    weighed = reweighted(scores, np.array([[0, 2], [2, 0], [2, 2]]))
    assert weighed is not None
    assert (weighed.estimate.mean, weighed.estimate.n) == (1.0, 2)
    assert reweighted(scores, np.array([[2, 2]])) is None


def test_nearest_leaves_a_row_itself_out_and_has_no_more_than_there_are() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(5, 4)))
    distances, which = nearest(rows, rows, 9, but_itself=True)
    assert distances.shape == (5, 4)
    assert all(row not in some for row, some in enumerate(which.tolist()))
    by_hand = 1 - rows @ rows.T
    assert distances[2, 0] == pytest.approx(np.delete(by_hand[2], 2).min())


def test_scores_of_anchors_are_what_they_say() -> None:
    rng = np.random.default_rng(2)
    anchors, _ = questions(rng, 60)
    scores = AnchorScores.fit(anchors, seed=1)
    live, _ = questions(rng, 7, new=1.0)
    made = scores.of(live, np.arange(7.0))
    assert made.shape == (7, len(scores.weights))
    assert made[:, 0] == pytest.approx(1 - (live @ anchors.T).max(axis=1))
    assert made[:, 1] == pytest.approx(-(live @ scores.centres[0]))
    assert made[:, -1] == pytest.approx(np.log1p(np.arange(7.0)))
    assert scores.weights.sum() == pytest.approx(1)


def test_equal_anchors_and_few_ones_make_scores_too() -> None:
    same = np.tile(unit(np.ones((1, 8))), (20, 1))
    assert np.isfinite(AnchorScores.fit(same).of(same[:3], np.ones(3))).all()
    few = AnchorScores.fit(same[:3])
    assert few.of(same[:2], np.ones(2)).shape == (2, 2)
    with pytest.raises(InternalError, match="no anchors"):
        AnchorScores.fit(np.zeros((0, 8)))
