"""Is the permutation test of two samples as sure as it says, and its distance the one of its formula?"""

from __future__ import annotations

import numpy as np
import pytest

from rung.errors import InternalError
from rung.stats.two_sample import WIDTH, two_sample_test


def test_the_distance_is_that_of_its_formula() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(7, 3)) + 0.5
    both = np.concatenate([x, y])
    pairs = [float(np.linalg.norm(both[i] - both[j])) for i in range(12) for j in range(i)]
    width = np.quantile(pairs, WIDTH)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([[np.exp(-(np.linalg.norm(p - q) ** 2) / width**2) for q in b] for p in a]))

    by_hand = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    assert two_sample_test(x, y, permutations=10).distance == pytest.approx(by_hand)


def test_samples_that_are_drawn_alike_are_told_apart_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(1)
    p = np.array(
        [two_sample_test(rng.normal(size=(15, 4)), rng.normal(size=(25, 4)), permutations=99, seed=n).p for n in range(300)]
    )
    for level in (0.05, 0.2):
        assert (p <= level).mean() <= level + 3 * (level * (1 - level) / 300) ** 0.5


def test_a_shift_and_a_small_group_of_its_own_are_found() -> None:
    rng = np.random.default_rng(2)
    assert two_sample_test(rng.normal(size=(40, 8)), rng.normal(size=(60, 8)) + 0.8, permutations=499).p <= 0.01
    live = rng.normal(size=(100, 8))
    live[:30] = 4.0 + 0.1 * rng.normal(size=(30, 8))
    assert two_sample_test(rng.normal(size=(60, 8)), live, permutations=499).p <= 0.01


def test_equal_vectors_are_told_apart_from_nothing() -> None:
    assert two_sample_test(np.ones((5, 3)), np.ones((9, 3)), permutations=50).p == 1.0


@pytest.mark.parametrize("sizes", [(1, 5), (5, 0)])
def test_a_sample_of_one_is_ours_to_mend(sizes: tuple[int, int]) -> None:
    with pytest.raises(InternalError, match="cannot be told apart"):
        two_sample_test(np.zeros((sizes[0], 2)), np.zeros((sizes[1], 2)))
