"""The rung that a question should go to, learnt from what each rung got right of questions like it.

For each rung a logistic regression on the question's vector says how likely it is to be right; the cheapest rung that is
likely enough answers. Everything that is chosen or reported is seen on questions that were held out when it was fitted. Who
answers the cases, and what that costs, is left to `builders.router`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import NotWorthwhile
from rung.models.classifying import Head
from rung.records import Json, digest
from rung.training.logistic import Linear, cross_entropy, fit, sigmoid, temperature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors
    from rung.training.logistic import Floats

PENALTIES = (1.0, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
FOLDS = 5
NOBODY = -1  # as a choice: the question is refused
_STEPS = 121  # thresholds that are tried, even in log odds: closest where most is at stake, near 0 and 1
_SHOWN = 10  # each so many of them stands in the manifest's curve


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """What every rung made of the same cases; rungs cheapest first.

    Attributes:
        names: of the rungs.
        correct: [cases, rungs], in [0, 1].
        cost: [cases, rungs], in `unit`.
        refusing: [cases], what a refusal is worth: 1 where the case has no answer, else 0.
    """

    names: tuple[str, ...]
    correct: Floats
    cost: Floats
    refusing: Floats
    unit: str

    @property
    def best(self) -> int:
        """The rung that is right most often; of equals the cheapest."""
        return int(self.correct.mean(axis=0).argmax())


@dataclass(frozen=True, slots=True)
class Policy:
    """What routing comes to: mean correctness, mean cost, and the share of questions that each rung gets."""

    correct: float
    cost: float
    shares: tuple[float, ...]


def train_router(
    vectors: Vectors, trials: Trials, *, threshold: float | None, give_up: float, refuse: bool, seed: int
) -> tuple[Head, dict[str, Json]]:
    """The head that routes, and what the manifest says of it.

    Args:
        vectors: of the questions, [cases, dimensions]; where a rung is a classifier, how sure it is stands beside them.
        trials: what each rung made of them.
        threshold: least probability of being right; None: the cheapest policy that is at most `give_up` less correct than
            the best rung.
        give_up: in correctness.
        refuse: whether a question that no rung is likely to get right is refused; else the best rung answers it.
        seed: of the folds.

    Raises:
        NotWorthwhile: the cheapest rung is as right as any other on every case.
    """
    check_worthwhile(trials)
    sure, heads = _fitted(vectors, trials, seed)
    otherwise = NOBODY if refuse else trials.best
    chosen = _threshold(sure, trials, otherwise, give_up) if threshold is None else threshold
    routed = policy(trials, route(sure, chosen, otherwise))
    return _head(heads, trials.names, chosen, otherwise), {
        "threshold": round(chosen, 4),
        "unit": trials.unit,
        "metrics": {
            "router": _numbers(routed, trials.names),
            "always": {name: _alone(trials, index) for index, name in enumerate(trials.names)},
            "best": trials.names[trials.best],
            "with_hindsight": _numbers(policy(trials, hindsight(trials)), trials.names),
            "curve": [
                [round(float(t), 4), round(one.correct, 4), round(one.cost, 6)]
                for t in thresholds()[::_SHOWN]
                for one in [policy(trials, route(sure, float(t), otherwise))]
            ],
        },
    }


def check_worthwhile(trials: Trials) -> None:
    """Refuse to learn where there is nothing to choose.

    Raises:
        NotWorthwhile: with the numbers.
    """
    cases, cheapest = len(trials.correct), trials.names[0]
    if (trials.correct <= trials.correct[:, :1]).all():
        mean = float(trials.correct[:, 0].mean())
        raise NotWorthwhile(
            f"{cheapest} costs least and is at least as right as {', '.join(trials.names[1:])} on each of the {cases} cases "
            f"learnt from (mean {mean:.2f}): there is nothing to route"
        )


def route(sure: Floats, threshold: float, otherwise: int) -> NDArray[np.int64]:
    """The rung of each question: the first whose probability of being right reaches the threshold."""
    import numpy as np

    likely = sure >= threshold
    choice: NDArray[np.int64] = np.where(likely.any(axis=1), likely.argmax(axis=1), otherwise)
    return choice


def hindsight(trials: Trials) -> NDArray[np.int64]:
    """The cheapest of the rungs that were most right, case by case: what no router can beat."""
    choice: NDArray[np.int64] = trials.correct.argmax(axis=1)
    return choice


def policy(trials: Trials, choice: NDArray[np.int64]) -> Policy:
    """What a choice of rungs comes to on the cases."""
    import numpy as np

    rows = np.arange(len(choice))
    asked = choice != NOBODY
    correct = np.where(asked, trials.correct[rows, choice], trials.refusing)
    cost = np.where(asked, trials.cost[rows, choice], 0.0)
    shares = tuple(float((choice == index).mean()) for index in range(len(trials.names)))
    return Policy(float(correct.mean()), float(cost.mean()), shares)


def thresholds() -> Floats:
    """The thresholds that are tried: 0, 1, and what lies between."""
    import numpy as np

    between = sigmoid(np.linspace(-6, 6, _STEPS))
    between[0], between[-1] = 0.0, 1.0
    return between


def _threshold(sure: Floats, trials: Trials, otherwise: int, give_up: float) -> float:
    """The cheapest that is correct enough; where none is, the most correct."""
    tried = [(float(t), policy(trials, route(sure, float(t), otherwise))) for t in thresholds()]
    least = float(trials.correct.mean(axis=0).max()) - give_up - 1e-9
    enough = [pair for pair in tried if pair[1].correct >= least]
    if enough:
        return min(enough, key=lambda pair: (pair[1].cost, -pair[1].correct, -pair[0]))[0]
    return max(tried, key=lambda pair: (pair[1].correct, -pair[1].cost))[0]


def _fitted(vectors: Vectors, trials: Trials, seed: int) -> tuple[Floats, list[Linear]]:
    """Probabilities of being right, each by a head that had not seen the case, and the heads fitted on all cases."""
    import numpy as np

    cases = len(vectors)
    shuffled = sorted(range(cases), key=lambda index: digest(seed, index))
    folds = np.empty(cases, dtype=np.int64)
    folds[shuffled] = np.arange(cases) % FOLDS
    sure = np.empty_like(trials.correct)
    heads = []
    for index in range(len(trials.names)):
        expected = trials.correct[:, index : index + 1].clip(0.5 / cases, 1 - 0.5 / cases)
        tried = []
        for penalty in PENALTIES:
            logits = np.empty((cases, 1))
            for fold in range(FOLDS):
                out = folds == fold
                logits[out] = fit(vectors[~out], expected[~out], penalty=penalty).logits(vectors[out])
            tried.append((float(cross_entropy(logits, expected)[0].mean()), penalty, logits))
        _, penalty, logits = min(tried, key=lambda one: one[0])
        spread = max(1.0, temperature(logits, expected))  # never surer than the fit: there are few cases
        sure[:, index] = sigmoid(logits / spread)[:, 0]
        head = fit(vectors, expected, penalty=penalty)
        heads.append(Linear(head.weight / spread, head.bias / spread))
    return sure, heads


def _head(heads: Sequence[Linear], names: tuple[str, ...], threshold: float, otherwise: int) -> Head:
    import numpy as np

    return Head(
        names,
        np.concatenate([head.weight for head in heads]).astype(np.float32),
        np.concatenate([head.bias for head in heads]).astype(np.float32),
        rule="first",
        threshold=threshold,
        otherwise="" if otherwise == NOBODY else names[otherwise],
    )


def _alone(trials: Trials, index: int) -> dict[str, Json]:
    return {
        "correct": round(float(trials.correct[:, index].mean()), 4),
        "cost": round(float(trials.cost[:, index].mean()), 6),
    }


def _numbers(measured: Policy, names: Sequence[str]) -> dict[str, Json]:
    shares: Mapping[str, Json] = {name: round(share, 4) for name, share in zip(names, measured.shares, strict=True)}
    return {"correct": round(measured.correct, 4), "cost": round(measured.cost, 6), "shares": dict(shares)}
