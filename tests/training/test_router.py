"""A router learns who is right about what, and says so when there is nothing to learn."""

from __future__ import annotations

import numpy as np
import pytest

from rung.errors import NotWorthwhile
from rung.training.router import NOBODY, Policy, Trials, hindsight, policy, route, train_router

NAMES = ("cheap", "dear")


def questions(count: int = 200) -> tuple[np.ndarray, Trials]:
    """The cheap rung is right where the first coordinate is positive; the dear one nearly always."""
    luck = np.random.default_rng(2)
    x = luck.normal(size=(count, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    easy = x[:, 0] > 0
    dear = luck.random(count) < 0.95
    correct = np.stack([easy, dear], axis=1).astype(float)
    cost = np.tile([1.0, 10.0], (count, 1))
    return x.astype(np.float32), Trials(NAMES, correct, cost, np.zeros(count), "tokens")


def trained(threshold: float | None = None, *, give_up: float = 0.0, refuse: bool = False):  # type: ignore[no-untyped-def]
    x, trials = questions()
    head, told = train_router(x, trials, threshold=threshold, give_up=give_up, refuse=refuse, seed=0)
    return x, trials, head, told["metrics"]


@pytest.mark.slow
def test_easy_questions_go_to_the_cheap_rung_and_nothing_is_lost() -> None:
    _, _, head, metrics = trained()
    assert metrics["best"] == "dear"
    assert metrics["router"]["correct"] >= metrics["always"]["dear"]["correct"]
    assert metrics["router"]["cost"] < 0.75 * metrics["always"]["dear"]["cost"]
    assert metrics["with_hindsight"]["correct"] >= metrics["router"]["correct"]
    easy = np.eye(8, dtype=np.float32)[0]
    picked = [head.pick(list(row), NAMES) for row in head.probabilities(np.stack([easy, -easy]))]
    assert [one.label for one in picked if one] == ["cheap", "dear"]


@pytest.mark.slow
def test_correctness_that_may_be_given_up_saves_more() -> None:
    strict, loose = (trained(give_up=give_up)[3]["router"] for give_up in (0.0, 0.2))
    assert loose["cost"] < strict["cost"]
    assert loose["correct"] >= trained()[3]["always"]["dear"]["correct"] - 0.2


@pytest.mark.slow
def test_a_threshold_of_0_sends_all_to_the_cheapest_and_one_of_1_to_the_best() -> None:
    assert trained(0.0)[3]["router"]["shares"] == {"cheap": 1.0, "dear": 0.0}
    assert trained(1.0)[3]["router"]["shares"] == {"cheap": 0.0, "dear": 1.0}


@pytest.mark.slow
def test_what_nobody_is_likely_to_get_right_can_be_refused() -> None:
    _, _, head, metrics = trained(1.0, refuse=True)
    assert metrics["router"] == {"correct": 0.0, "cost": 0.0, "shares": {"cheap": 0.0, "dear": 0.0}}
    picked = head.pick([0.5, 0.5], NAMES)
    assert picked is not None
    assert picked.label == ""


def test_a_refusal_is_right_where_there_is_no_answer() -> None:
    trials = Trials(NAMES, np.array([[1.0, 1.0], [0.0, 0.0]]), np.ones((2, 2)), np.array([0.0, 1.0]), "tokens")
    assert policy(trials, np.array([0, NOBODY])) == Policy(1.0, 0.5, (0.5, 0.0))
    assert hindsight(trials).tolist() == [0, 0]


def test_the_first_that_is_likely_enough_is_asked() -> None:
    sure = np.array([[0.7, 0.9], [0.5, 0.9], [0.1, 0.2]])
    assert route(sure, 0.6, 1).tolist() == [0, 1, 1]
    assert route(sure, 0.6, NOBODY).tolist() == [0, 1, NOBODY]


def test_where_the_cheapest_is_never_beaten_there_is_nothing_to_route() -> None:
    x, trials = questions()
    equal = Trials(NAMES, np.maximum(trials.correct[:, :1], trials.correct), trials.cost, trials.refusing, "tokens")
    worse = Trials(NAMES, np.stack([equal.correct[:, 1]] * 2, axis=1), trials.cost, trials.refusing, "tokens")
    with pytest.raises(NotWorthwhile, match="200 cases"):
        train_router(x, worse, threshold=None, give_up=0.0, refuse=False, seed=0)


def test_rungs_that_are_always_right_or_always_wrong_can_be_learnt_from() -> None:
    x, trials = questions()
    correct = np.stack([np.zeros(200), np.ones(200)], axis=1)
    head, _ = train_router(
        x, Trials(NAMES, correct, trials.cost, trials.refusing, "tokens"), threshold=None, give_up=0.0, refuse=False, seed=0
    )
    assert np.isfinite(head.weight).all()
    assert (head.probabilities(x)[:, 0] < 0.1).all()
