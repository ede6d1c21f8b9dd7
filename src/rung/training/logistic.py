"""How is a linear classifier fitted on vectors? Logistic regression, its strength of regularisation and its temperature.

Cross entropy over softmax (or, with one column, over the sigmoid) with an L2 penalty on the weights, minimised by L-BFGS
(Liu and Nocedal 1989): convex, so there is one answer and no seed. In numpy: a project needs no torch for it. Where the
vectors come from, and what the columns mean, is left to `classifier` and `router`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors

    Floats = NDArray[np.float64]

_MEMORY = 10  # pairs of steps and gradients that the curvature is guessed from
_ENOUGH = 1e-5  # of the first gradient's length
_ARMIJO = 1e-4
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """`x @ weight.T + bias`: weight [columns, dimensions], bias [columns]."""

    weight: Floats
    bias: Floats

    def logits(self, x: Vectors) -> Floats:
        """[rows, columns] of vectors [rows, dimensions]."""
        found: Floats = x @ self.weight.T + self.bias
        return found


def fit(x: Vectors, wanted: Floats, *, penalty: float, start: Linear | None = None, steps: int = 100) -> Linear:
    """The weights that minimise mean cross entropy + penalty / 2 · |weight|².

    Args:
        x: vectors, float32 [rows, dimensions].
        wanted: with several columns, each row's distribution over them (softmax); with one column, each row's probability
            of yes (sigmoid). A wanted value may be anything in [0, 1].
        penalty: of the weights; the bias is free.
        start: weights to begin from, such as those of a larger penalty; None: zeros.
        steps: of L-BFGS at most.
    """
    import numpy as np

    rows, size = x.shape
    columns = wanted.shape[1]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weight, bias = flat[: columns * size].reshape(columns, size), flat[columns * size :]
        loss, slope = cross_entropy(x @ weight.T.astype(np.float32) + bias, wanted)
        slope /= rows
        gradient = np.concatenate([(slope.T.astype(np.float32) @ x + penalty * weight).ravel(), slope.sum(axis=0)])
        return float(loss.mean() + 0.5 * penalty * (weight**2).sum()), gradient

    begin = np.zeros(columns * (size + 1)) if start is None else np.concatenate([start.weight.ravel(), start.bias])
    found = minimise(objective, begin, steps=steps)
    return Linear(found[: columns * size].reshape(columns, size), found[columns * size :])


def cross_entropy(logits: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """(loss of each row in nats, its derivative by the logits)."""
    import numpy as np

    if logits.shape[1] == 1:
        loss = np.logaddexp(0, logits) - wanted * logits
        return loss[:, 0], sigmoid(logits) - wanted
    logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -(wanted * logs).sum(axis=1), np.exp(logs) * wanted.sum(axis=1, keepdims=True) - wanted


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^-x), for any x."""
    import numpy as np

    found: Floats = 0.5 * (1 + np.tanh(0.5 * logits))
    return found


def softmax(logits: Floats) -> Floats:
    """Each row as a distribution."""
    import numpy as np

    found: Floats = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return found


def temperature(logits: Floats, wanted: Floats) -> float:
    """What to divide logits by so that probabilities hold on rows that were not fitted (Guo and others 2017).

    The one number that minimises cross entropy, by golden-section search between 0.05 and 20. As if one more row had every
    label at once, so that rows which are all right do not make it sure of everything (after Platt 1999).
    """
    import numpy as np

    low, high = np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1])
    share = 1 / (len(wanted) + 2)
    wanted = (1 - share) * wanted + share / max(2, wanted.shape[1])

    def loss(log: float) -> float:
        return float(cross_entropy(logits / np.exp(log), wanted)[0].mean())

    golden = (5**0.5 - 1) / 2
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def minimise(objective: Callable[[Floats], tuple[float, Floats]], start: Floats, *, steps: int) -> Floats:
    """L-BFGS with a backtracking line search; `objective` gives a value and its gradient."""
    import numpy as np

    at = start
    value, slope = objective(at)
    enough = _ENOUGH * max(1e-12, float(np.linalg.norm(slope)))
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(steps):
        if np.linalg.norm(slope) <= enough:
            break
        way = _direction(slope, pairs)
        fall = float(way @ slope)
        if fall >= 0:  # the guessed curvature misleads: start it afresh
            pairs.clear()
            way, fall = -slope, -float(slope @ slope)
        length = 1.0 if pairs else min(1.0, 1 / float(np.linalg.norm(slope)))
        while True:
            new, new_slope = objective(at + length * way)
            if new <= value + _ARMIJO * length * fall or length < 1e-10:
                break
            length /= 2
        if not new < value:
            break
        moved, bent = length * way, new_slope - slope
        if (curve := float(moved @ bent)) > 1e-12:
            pairs.append((moved, bent, curve))
        at, value, slope = at + moved, new, new_slope
    return at


def _direction(slope: Floats, pairs: deque[tuple[Floats, Floats, float]]) -> Floats:
    """The two-loop recursion: minus the guessed inverse curvature times the slope."""
    way = -slope
    scales = []
    for moved, bent, curve in reversed(pairs):
        scale = float(moved @ way) / curve
        way = way - scale * bent
        scales.append(scale)
    if pairs:
        moved, bent, curve = pairs[-1]
        way = way * (curve / float(bent @ bent))
    for (moved, bent, curve), scale in zip(pairs, reversed(scales), strict=True):
        way = way + (scale - float(bent @ way) / curve) * moved
    return way
