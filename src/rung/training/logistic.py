"""A linear classifier on vectors: logistic regression, its strength of regularisation and its temperature.

Cross entropy over softmax (or, with one column, over the sigmoid) with an L2 penalty on the weights, minimised by L-BFGS
(Liu and Nocedal 1989), which is scipy's: convex, so there is one answer and no seed, and no torch. Where the vectors come
from, and what the columns mean, is left to `classifier` and `router`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors

    Floats = NDArray[np.float64]

_TOLERANCE = 1e-6  # the largest number of a gradient that counts as none
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """`x @ weight.T + bias`: weight [columns, dimensions], bias [columns]."""

    weight: Floats
    bias: Floats

    def logits(self, x: Vectors) -> Floats:
        """[rows, columns] of vectors [rows, dimensions]."""
        logits: Floats = x @ self.weight.T + self.bias
        return logits


def fit(x: Vectors, expected: Floats, *, penalty: float, start: Linear | None = None, steps: int = 100) -> Linear:
    """The weights that minimise mean cross entropy + penalty / 2 · |weight|².

    Args:
        x: vectors, float32 [rows, dimensions].
        expected: with several columns, each row's distribution over them (softmax); with one column, each row's probability
            of yes (sigmoid). An expected value may be anything in [0, 1].
        penalty: of the weights; the bias is free.
        start: weights to begin from, such as those of a larger penalty; None: zeros.
        steps: of L-BFGS at most.
    """
    import numpy as np
    from scipy.optimize import minimize

    rows, size = x.shape
    columns = expected.shape[1]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weight, bias = flat[: columns * size].reshape(columns, size), flat[columns * size :]
        loss, slope = cross_entropy(x @ weight.T.astype(np.float32) + bias, expected)
        slope /= rows
        gradient = np.concatenate([(slope.T.astype(np.float32) @ x + penalty * weight).ravel(), slope.sum(axis=0)])
        return float(loss.mean() + 0.5 * penalty * (weight**2).sum()), gradient

    begin = np.zeros(columns * (size + 1)) if start is None else np.concatenate([start.weight.ravel(), start.bias])
    done = minimize(
        objective, begin, jac=True, method="L-BFGS-B", options={"maxiter": steps, "gtol": _TOLERANCE, "ftol": 0.0}
    )
    solution: Floats = done.x
    return Linear(solution[: columns * size].reshape(columns, size), solution[columns * size :])


def cross_entropy(logits: Floats, expected: Floats) -> tuple[Floats, Floats]:
    """(loss of each row in nats, its derivative by the logits)."""
    import numpy as np

    if logits.shape[1] == 1:
        loss = np.logaddexp(0, logits) - expected * logits
        return loss[:, 0], sigmoid(logits) - expected
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -(expected * logs).sum(axis=1), np.exp(logs) * expected.sum(axis=1, keepdims=True) - expected


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^-x), for any x."""
    from scipy.special import expit

    shares: Floats = expit(logits)
    return shares


def softmax(logits: Floats) -> Floats:
    """Each row as a distribution."""
    from scipy.special import softmax as of_rows

    shares: Floats = of_rows(logits, axis=1)
    return shares


def temperature(logits: Floats, expected: Floats) -> float:
    """What to divide logits by so that probabilities hold on rows that were not fitted (Guo and others 2017).

    The one number between 0.05 and 20 that minimises cross entropy. As if one more row had every
    label at once, so that rows which are all right do not make it sure of everything (after Platt 1999).
    """
    import numpy as np
    from scipy.optimize import minimize_scalar

    low, high = np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1])
    share = 1 / (len(expected) + 2)
    expected = (1 - share) * expected + share / max(2, expected.shape[1])

    def loss(log: float) -> float:
        return float(cross_entropy(logits / np.exp(log), expected)[0].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-8}).x))
