"""A threshold that promises few wrong answers: the promise is kept over simulated truths, and something is answered."""

from __future__ import annotations

import numpy as np
import pytest

from rung.stats.risk_control import (
    CHANCE,
    TRIED,
    certified,
    certified_over_all,
    curve,
    fewest,
    fewest_over_all,
    upper_bound,
)


def test_the_curve_has_a_point_for_each_score_and_counts_refusals_as_not_answered() -> None:
    points = curve([0.9, None, 0.5, 0.5], [False, True, True, False])
    assert [(p.threshold, p.coverage, p.wrong) for p in points] == [(0.9, 0.25, 0.0), (0.5, 0.75, 1 / 3)]
    assert points[1].bound == upper_bound(1, 3) > 1 / 3
    assert curve([None, None], [True, True]) == []


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    from scipy.stats import binomtest

    for errors, count in ((0, 10), (3, 40), (40, 40)):
        exact = binomtest(errors, count, alternative="less").proportion_ci(1 - CHANCE, "exact").high
        assert upper_bound(errors, count) == pytest.approx(exact, abs=1e-9)


def test_how_many_cases_it_takes() -> None:
    assert (fewest(0.05), fewest(0.2)) == (77, 18)
    assert certified([1.0] * 76, [False] * 76, 0.05) is None
    chosen = certified([1.0] * 77, [True] + [False] * 76, 0.05)
    assert chosen is not None
    assert chosen.coverage == 1.0


def test_nothing_is_certified_where_all_is_wrong_or_refused() -> None:
    assert certified([0.5] * 200, [True] * 200, 0.2) is None
    assert certified([None] * 200, [False] * 200, 0.2) is None
    assert certified([], [], 0.2) is None


@pytest.mark.parametrize(("risk", "best", "slope"), [(0.05, 0.0, 0.15), (0.2, 0.05, 0.6), (0.1, 0.12, 0.0)])
def test_the_promise_is_kept_as_often_as_it_says(risk: float, best: float, slope: float) -> None:
    """An answer with score s is wrong with the chance best + slope · (1 - s): above t, with best + slope · (1 - t) / 2."""
    rng = np.random.default_rng(21)
    broken, answered, passes = 0, 0.0, 300
    for _ in range(passes):
        scores = rng.uniform(size=200)
        wrong = rng.uniform(size=200) < best + slope * (1 - scores)
        chosen = certified([float(s) for s in scores], [bool(w) for w in wrong], risk)
        if chosen is not None:
            broken += best + slope * (1 - chosen.threshold) / 2 > risk
            answered += chosen.coverage
    assert broken / passes <= CHANCE + 2 * (CHANCE * (1 - CHANCE) / passes) ** 0.5
    if best < risk:
        assert answered / passes > 0.1


def test_what_is_tried_hangs_on_the_scores_alone() -> None:
    from rung.stats.risk_control import _spread

    scores = [float(s) for s in np.random.default_rng(1).uniform(size=100)]
    tried = [[p.threshold for p in _spread(curve(scores, [bad] * 100))] for bad in (True, False)]
    assert tried[0] == tried[1]
    assert len(tried[0]) <= TRIED + 1


@pytest.mark.parametrize(("risk", "cases"), [(0.1, 22), (0.05, 45), (0.01, 230)])
def test_how_many_cases_a_share_of_all_takes(risk: float, cases: int) -> None:
    assert fewest_over_all(risk) == cases
    scores = [0.9] * cases
    assert certified_over_all(scores, [False] * cases, risk) is not None
    assert certified_over_all(scores[1:], [False] * (cases - 1), risk) is None


@pytest.mark.parametrize("risk", [0.05, 0.1])
def test_a_share_of_all_stays_below_its_limit_as_often_as_it_says(risk: float) -> None:
    """Similar questions are wrong the more often the less similar they are; the true share of any threshold is known."""
    rng, broken, answered = np.random.default_rng(0), 0, 0
    rounds = 400
    for _ in range(rounds):
        scores = rng.random(120)
        wrong = rng.random(120) < 0.5 * (1 - scores)
        chosen = certified_over_all(scores.tolist(), wrong.tolist(), risk)
        if chosen is not None:
            answered += 1
            broken += 0.25 * (1 - chosen.threshold) ** 2 > risk  # P(score ≥ t and wrong)
    assert broken <= 0.1 * rounds
    assert answered > 0.9 * rounds


@pytest.mark.parametrize(("cases", "risk", "topics"), [(45, 0.05, 190), (230, 0.01, 5000), (22, 0.1, 50), (100, 0.05, 450)])
def test_the_promise_holds_where_questions_of_one_topic_have_different_answers(cases: int, risk: float, topics: int) -> None:
    """Half of the questions are harmless paraphrases (0.9), the others of a topic whose members are more alike (0.95) and
    have different answers. The cases that calibrate are not among the questions that are remembered: were each given the
    answer of another of them, which the last lines do, they would be wrong in pairs, and the promise would not hold."""
    rng, rounds = np.random.default_rng(4), 400
    error = 2 * (CHANCE * (1 - CHANCE) / rounds) ** 0.5
    broken = {"apart": 0, "among themselves": 0}
    for _ in range(rounds):
        harmless, topic = rng.random((2, cases)) < 0.5, rng.integers(topics, size=(2, cases))
        remembered, asked = (set(topic[n][~harmless[n]].tolist()) for n in (0, 1))
        counts = np.bincount(topic[1][~harmless[1]], minlength=topics)
        for how, known, near in (
            ("apart", remembered, [int(t) in remembered for t in topic[1]]),
            ("among themselves", asked, [counts[t] > 1 for t in topic[1]]),
        ):
            scores = np.where(harmless[1], 0.9, np.where(near, 0.95, 0.5))
            chosen = certified_over_all(scores.tolist(), (~harmless[1]).tolist(), risk)
            if chosen is not None:
                broken[how] += (0.5 if chosen.threshold <= 0.5 else 0.5 * len(known) / topics) > risk
    assert broken["apart"] / rounds <= CHANCE + error
    if cases != 100:
        assert broken["among themselves"] > broken["apart"]


def test_the_promise_holds_just_above_the_limit() -> None:
    """The hardest truth: a little more than the limit are false hits, and none is told apart by its score."""
    rng, rounds = np.random.default_rng(5), 1000
    for cases, risk in ((45, 0.05), (120, 0.05), (22, 0.1)):
        drawn = rng.random((rounds, cases)) < risk + 0.001
        broken = sum(certified_over_all([0.9] * cases, wrong.tolist(), risk) is not None for wrong in drawn)
        assert 0 < broken / rounds <= CHANCE + 2 * (CHANCE * (1 - CHANCE) / rounds) ** 0.5
