"""Is what two streams of answers say wrong no oftener than stated, however often one looks, and found soon enough?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from rung.errors import InternalError
from rung.stats.sequential import RATES, STEPS, Claim, Counts, is_over, log_evidence, look

RISK = 0.05
STREAMS = 250


def ends(
    old: float, new: float, *, margin: float, tolerance: float, share: float = 0.5, most: int = 600, seed: int = 0
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of many streams were ever said to be worse, and not worse: every answer is looked at, and nothing ends it."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((STREAMS, 4))
    worse, not_worse = np.zeros(STREAMS, dtype=bool), np.zeros(STREAMS, dtype=bool)
    needed = math.log(1 / RISK)
    for _ in range(most):
        is_new = rng.random(STREAMS) < share
        good = rng.random(STREAMS) < np.where(is_new, new, old)
        counts[np.arange(STREAMS), np.where(is_new, 2, 0) + ~good] += 1
        worse |= log_evidence(counts, margin=tolerance, claim="worse") >= needed
        not_worse |= log_evidence(counts, margin=margin, claim="not worse") >= needed
    return worse, not_worse


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("base", [0.5, 0.8, 0.95])
def test_one_that_is_as_good_is_seldom_said_to_be_worse(base: float, share: float) -> None:
    worse, _ = ends(base, base, margin=0.05, tolerance=0.0, share=share)
    assert worse.mean() <= RISK  # it is far below: a chance of at most 5 % leaves room for the simulation's own


@pytest.mark.slow
@pytest.mark.parametrize("base", [0.5, 0.8, 0.95])
def test_one_that_is_worse_by_the_margin_is_seldom_said_not_to_be(base: float) -> None:
    worse, not_worse = ends(base, base - 0.05, margin=0.05, tolerance=0.05)
    assert not_worse.mean() <= RISK
    assert worse.mean() <= RISK  # nor is it worse by more


@pytest.mark.slow
def test_a_drop_of_twenty_points_is_found_and_a_much_better_one_is_let_in() -> None:
    worse, not_worse = ends(0.8, 0.6, margin=0.05, tolerance=0.0)
    assert worse.mean() > 0.95
    assert not not_worse.any()
    worse, not_worse = ends(0.7, 0.9, margin=0.05, tolerance=0.0)
    assert not_worse.mean() > 0.95
    assert not worse.any()


@pytest.mark.parametrize("claim", ["worse", "not worse"])
def test_the_expected_evidence_of_what_is_not_so_is_at_most_one(claim: Claim) -> None:
    """At the edge of the contrary, over every outcome of twelve answers: what the proof rests on, with nothing drawn."""
    margin, old, new, each = 0.1, 0.7, 0.6, 12
    outcomes = np.array([[i, each - i, j, each - j] for i in range(each + 1) for j in range(each + 1)], dtype=float)
    chance = np.array(
        [
            math.comb(each, int(i))
            * old**i
            * (1 - old) ** (each - i)
            * math.comb(each, int(j))
            * new**j
            * (1 - new) ** (each - j)
            for i, _, j, _ in outcomes
        ]
    )
    assert chance.sum() == pytest.approx(1)
    assert float(chance @ np.exp(log_evidence(outcomes, margin=margin, claim=claim))) <= 1


@pytest.mark.parametrize("claim", ["worse", "not worse"])
@pytest.mark.parametrize("counts", [(90, 10, 60, 40), (5, 0, 0, 5), (3, 1, 40, 2), (0, 7, 9, 0), (400, 100, 410, 90)])
def test_it_is_the_ratio_that_it_says(counts: tuple[int, int, int, int], claim: Claim) -> None:
    margin, sign = 0.05, 1 if claim == "worse" else -1
    s1, f1, s2, f2 = counts

    def log_likelihood(a: float, b: float) -> float:
        pairs = ((s1, a), (f1, 1 - a), (s2, b), (f2, 1 - b))
        return sum(n * math.log(p) for n, p in pairs if n)

    alternatives = []
    for number in range(RATES):
        a = math.sin(math.pi * (number + 0.5) / (2 * RATES)) ** 2
        alternatives += [log_likelihood(a, min(max(a - margin - sign * step, 1e-4), 1 - 1e-4)) for step in STEPS]
    top = max(alternatives)
    mixture = top + math.log(sum(math.exp(one - top) for one in alternatives) / len(alternatives))
    edge = 1e-9
    best = max(
        (
            -_minimized(
                lambda x: -log_likelihood(*x),
                start,
                bounds=[(edge, 1 - edge)] * 2,
                constraints={"type": "ineq", "fun": lambda x: sign * (margin - x[0] + x[1])},
                method="SLSQP",
            ).fun
            for start in ([0.5, 0.46], [0.9, 0.86], [0.2, 0.16])
        ),
    )
    found = float(log_evidence(np.array([counts], dtype=float), margin=margin, claim=claim)[0])
    assert found == pytest.approx(mixture - best, abs=2e-3)


def _minimized(*given: Any, **more: Any) -> Any:
    return minimize(*given, **more)


def test_nothing_is_said_before_both_have_answered() -> None:
    said = look(Counts(1000, 0), Counts(), margin=0.05)
    assert (said.drop, said.worse, said.not_worse) == (None, -math.inf, -math.inf)
    assert not said.shows("worse", 0.4)


@pytest.mark.parametrize("margin", [-0.1, 1.0, math.nan])
def test_a_margin_that_is_none_is_ours_to_mend(margin: float) -> None:
    with pytest.raises(InternalError, match="margin"):
        look(Counts(1, 1), Counts(1, 1), margin=margin)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0.01, 0.05, 0.3])
def test_a_limit_that_is_kept_is_seldom_said_to_be_broken(limit: float) -> None:
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(200):
        bad = np.cumsum(rng.random(500) < limit)
        wrong += any(is_over(Counts(n + 1 - int(b), int(b)), limit, risk=RISK) for n, b in enumerate(bad))
    assert wrong / 200 <= RISK


def test_a_limit_that_is_broken_is_found() -> None:
    assert is_over(Counts(60, 20), 0.05, risk=0.01)
    assert is_over(Counts(1000, 1), 0.0, risk=0.01)
    assert not is_over(Counts(0, 5), 1.0, risk=0.01)
    assert not is_over(Counts(1000, 50), 0.05, risk=0.05)
