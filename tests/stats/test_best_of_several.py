"""How often is the better of several found, and how often is the best of equals called better? By simulated truth."""

from __future__ import annotations

import random

import pytest

from rung.stats.best_of_several import CHANCE, best_of


def rates(cases: int, gain: float, *, others: int = 4, searches: int = 1500) -> tuple[float, float]:
    """The shares of searches in which the last one, better by `gain`, is best, and in which something is called better.

    Every answer is right by a coin of its own, so that nothing cancels out in pairs: the hardest case.
    """
    rng = random.Random(cases * 100 + round(gain * 10))
    chosen = shown = 0
    for _ in range(searches):
        scores = [[float(rng.random() < 0.5) for _ in range(cases)] for _ in range(others)]
        scores.append([float(rng.random() < 0.5 + gain) for _ in range(cases)])
        best = best_of(scores)
        chosen += best.index == others
        shown += best.is_shown
    return chosen / searches, shown / searches


@pytest.mark.parametrize("cases", [15, 60])
def test_the_best_of_equals_is_called_better_in_one_of_twenty_searches_at_most(cases: int) -> None:
    assert rates(cases, 0.0)[1] <= CHANCE


@pytest.mark.parametrize(
    ("cases", "gain", "rate"), [(30, 0.2, 0.81), (30, 0.3, 0.97), (60, 0.2, 0.95), (120, 0.1, 0.82), (60, 0.1, 0.64)]
)
def test_the_better_one_is_chosen_at_the_stated_rate(cases: int, gain: float, rate: float) -> None:
    """The rates of docs/rungs.md."""
    assert rates(cases, gain)[0] == pytest.approx(rate, abs=0.04)


def test_graded_scores_of_equals_are_called_better_no_more_often() -> None:
    """Small gains on most cases and large losses on few, none in the mean nor in what is right: no fair coin of signs."""
    rng, shown = random.Random(5), 0
    for _ in range(600):
        task = [rng.uniform(0.45, 0.95) for _ in range(60)]
        shown += best_of(
            [task, *([score + (0.05 if rng.random() < 0.9 else -0.45) for score in task] for _ in range(4))]
        ).is_shown
    assert shown / 600 <= CHANCE


def test_the_first_stays_where_nothing_is_better() -> None:
    best = best_of([[1.0, 0.0, 0.5], [0.5, 0.5, 0.5], [0.0, 0.5, 1.0]])
    assert (best.index, best.mean, best.chance, best.is_shown) == (0, 0.5, 1.0, False)


def test_a_surely_better_one_is_shown() -> None:
    best = best_of([[0.0] * 12, [1.0] * 12, [0.2] * 12])
    assert (best.index, best.is_shown) == (1, True)
    assert best.chance == pytest.approx(2 / 2**12)


@pytest.mark.parametrize("scores", [[], [[]], [[1.0], [1.0, 0.0]]])
def test_what_cannot_be_compared_is_refused(scores: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="the same cases for all"):
        best_of(scores)
