"""Logistic regression and its temperature, against scipy's optimisers on the same objective."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from rung.training.logistic import Linear, cross_entropy, fit, sigmoid, softmax, temperature

PENALTY = 0.01


def made(columns: int, *, rows: int = 120, size: int = 6) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Vectors and labels that no line parts: distributions with several columns, probabilities with one."""
    luck = np.random.default_rng(3)
    x = luck.normal(size=(rows, size)).astype(np.float32)
    score = x @ luck.normal(size=(size, max(2, columns))) + luck.normal(size=(rows, max(2, columns)))
    if columns == 1:
        return x, (score[:, :1] > 0).astype(float) * 0.8 + 0.1
    return x, np.eye(columns)[score.argmax(axis=1)]


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_it_finds_the_minimum_that_scipy_finds(columns: int) -> None:
    x, wanted = made(columns)

    def objective(flat: NDArray[np.float64]) -> float:
        weight, bias = flat[: columns * 6].reshape(columns, 6), flat[columns * 6 :]
        logits = x @ weight.T + bias
        if columns == 1:
            loss = np.logaddexp(0, logits) - wanted * logits
        else:
            loss = -(wanted * log_softmax(logits, axis=1)).sum(axis=1)
        return float(loss.mean() + 0.5 * PENALTY * (weight**2).sum())

    reference = minimize(objective, np.zeros(columns * 7), method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-12})
    found = fit(x, wanted, penalty=PENALTY)
    assert objective(np.concatenate([found.weight.ravel(), found.bias])) == pytest.approx(reference.fun, abs=1e-5)
    assert found.weight == pytest.approx(reference.x[: columns * 6].reshape(columns, 6), abs=0.02)


def test_a_better_start_ends_in_the_same_place() -> None:
    x, wanted = made(3)
    strong = fit(x, wanted, penalty=0.1)
    assert fit(x, wanted, penalty=PENALTY, start=strong).weight == pytest.approx(
        fit(x, wanted, penalty=PENALTY).weight, abs=0.02
    )


def test_labels_that_a_line_parts_stay_finite() -> None:
    x = np.array([[-1.0], [-2.0], [1.0], [2.0]], dtype=np.float32)
    found = fit(x, np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=float), penalty=1e-6)
    assert np.isfinite(found.weight).all()
    assert (found.logits(x).argmax(axis=1) == [0, 0, 1, 1]).all()


def test_the_slope_is_that_of_the_loss() -> None:
    luck = np.random.default_rng(1)
    for columns in (1, 4):
        logits = luck.normal(size=(3, columns))
        wanted = np.eye(4)[[0, 2, 3]] if columns == 4 else np.array([[0.0], [0.3], [1.0]])
        loss, slope = cross_entropy(logits, wanted)
        for place in range(columns):
            moved = logits.copy()
            moved[:, place] += 1e-6
            assert slope[:, place] == pytest.approx((cross_entropy(moved, wanted)[0] - loss) / 1e-6, abs=1e-4)


def test_the_temperature_is_the_one_that_scipy_finds() -> None:
    luck = np.random.default_rng(5)
    truth = luck.normal(size=(4000, 4)) * 2
    wanted = np.eye(4)[[luck.choice(4, p=p) for p in softmax(truth)]]
    found = temperature(truth * 3, wanted)  # three times too sure
    reference = minimize_scalar(
        lambda t: float(cross_entropy(truth * 3 / t, wanted)[0].mean()), bounds=(0.1, 10), method="bounded"
    )
    assert found == pytest.approx(3, rel=0.1)
    assert found == pytest.approx(reference.x, rel=0.02)


def test_rows_that_are_all_right_make_it_sure_but_not_certain() -> None:
    logits = np.eye(3)[[0, 1, 2, 0]] * 2.0
    sure = softmax(logits / temperature(logits, np.eye(3)[[0, 1, 2, 0]])).max(axis=1)
    assert (sure < 0.95).all()


def test_large_logits_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
    assert softmax(np.array([[1e4, -1e4]])).tolist() == [[1.0, 0.0]]
    assert Linear(np.eye(2), np.zeros(2)).logits(np.ones((1, 2), dtype=np.float32)).shape == (1, 2)
