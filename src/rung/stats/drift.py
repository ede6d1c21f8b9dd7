"""A stream of vectors against a sample of them: whether it is drawn alike, and how far the sample stands for it.

Tests share one risk, however often one looks: a two-sample test of the first of the stream against the whole sample, and
conformal test martingales, of which one looks at the distance to the sample and to groups of it, others in the direction in
which the latest of the stream lie. Whose vectors these are is left to `watching.data_drift`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records.alerts import Found
from rung.stats.anchor_scores import AnchorScores, nearest
from rung.stats.conformal_martingale import ConformalMartingale, start_share
from rung.stats.covariate_shift import Coverage, Reweighted, coverage, reweighted
from rung.stats.two_sample import two_sample_test

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RISK = 0.01  # of a false alarm in a stream, by all tests together
LOOKS = (25, 50, 100, 200, 400)  # questions of a stream that the two-sample test looks at; each look takes an equal share
LOOKS_SHARE, FIRST_SHARE, STAGES_SHARE = 0.25, 0.25, 0.5  # of the risk
SHOWN, AT_A_LOOK = math.log(1 / RISK), LOOKS_SHARE * RISK / len(LOOKS)  # of a martingale, as a logarithm; p of a look
STAGE, WINDOWS, AHEAD = 100, (100, 300), 1_000  # questions between two directions; that tell one; that it looks at
FAR = 0.9  # of the cases lie nearer to another: a question that lies further is told of by its topic
NEIGHBOURS = 3  # cases that a question takes its score from


@dataclass(frozen=True, slots=True)
class Drift:
    """What the tests say. `evidence`: log of the largest capital of a martingale, times its share of the risk; `looks`:
    (questions, p) of each look of the two-sample test."""

    evidence: float
    looks: tuple[tuple[int, float], ...]
    distance: float | None

    @property
    def found(self) -> Found:
        """Drifted where either test passes its share of the risk; fine where neither is on the way there."""
        least = min((p for _, p in self.looks), default=1.0)
        if self.evidence >= SHOWN or least <= AT_A_LOOK:
            return "drifted"
        return "fine" if self.evidence < SHOWN / 2 else "between"


def drift(cases: Floats, live: Floats, *, case_words: Floats, live_words: Floats, seed: int = 0) -> Drift:
    """All tests of a stream of questions against cases.

    Args:
        cases: unit vectors of the cases' questions, [n, d].
        live: unit vectors of what came, oldest first, [m, d].
        case_words: words of each case's question, [n].
        live_words: of each of what came, [m].
        seed: of all that is drawn.
    """
    tests = martingales(cases, live, case_words=case_words, live_words=live_words, seed=seed)
    most = max(_run(test, scores) + math.log(share) for test, scores, _, share in tests)
    tested = {size: two_sample_test(cases, live[:size], seed=seed + size) for size in LOOKS if size <= len(live)}
    distance = next((one.distance for one in reversed(tested.values())), None)
    return Drift(most, tuple((size, one.p) for size, one in tested.items()), distance)


def _run(test: ConformalMartingale, scores: Floats) -> float:
    test.observe(scores)
    return test.most


def martingales(
    cases: Floats, live: Floats, *, case_words: Floats, live_words: Floats, seed: int = 0
) -> Iterator[tuple[ConformalMartingale, Floats, int, float]]:
    """Each martingale before its first question: with the scores of the questions that it sees, the number of the first of
    them, and its share of the risk.

    The first has half of the cases as anchors, the others as its reference, and looks for a change at any question. Then at
    every `STAGE` questions one for each of `WINDOWS` looks on in the direction in which the last so many lie from all
    before: that is told by every second question and the anchors. The others of those before are reference beside the other
    cases, so that what is ranked has had no say in it.
    """
    import numpy as np

    shuffled = np.random.default_rng(seed).permutation(len(cases))
    anchors, others = shuffled[: len(cases) // 2], shuffled[len(cases) // 2 :]
    scores = AnchorScores.fit(cases[anchors], seed=seed)
    own = scores.of(cases[others], case_words[others])
    first = ConformalMartingale.begin(own, scores.weights, seed=seed)
    yield first, scores.of(live, live_words), 0, FIRST_SHARE
    for stage in range(1, (len(live) - 1) // STAGE + 1):
        begin = stage * STAGE
        for number, window in enumerate(WINDOWS):
            earlier, new = live[: max(0, begin - window) : 2], live[max(0, begin - window) : begin : 2]
            direction = new.mean(axis=0) - np.concatenate([cases[anchors], earlier]).mean(axis=0)
            reference = np.concatenate([cases[others], live[1 : max(1, begin - window) : 2]]) @ direction
            ahead = (live[begin : begin + AHEAD] @ direction)[:, None]
            drawn = seed + len(WINDOWS) * stage + number
            test = ConformalMartingale.begin(reference[:, None], np.array([[0.05, 0.95]]), seed=drawn, at_once=True)
            yield test, ahead, begin, STAGES_SHARE * start_share(stage) / len(WINDOWS)


@dataclass(frozen=True, slots=True)
class Representation:
    """How far cases stand for what came. `distances`: of each question to the nearest case, [m]; `far`: further than `FAR`
    of the cases from each other; `verdict`: the cases' mean score, None where they have none."""

    coverage: Coverage
    distances: Floats
    far: float
    reweighted: Reweighted | None
    verdict: float | None


def representation(cases: Floats, live: Floats, scores: Floats) -> Representation:
    """Coverage, and the verdict's score reweighted to what the cases stand for.

    Args:
        cases: unit vectors, [n, d].
        live: unit vectors, [m, d].
        scores: of each case, NaN where it has none, [n].
    """
    import numpy as np

    own, _ = nearest(cases, cases, 1, but_itself=True)
    distances, rows = nearest(live, cases, NEIGHBOURS)
    covered = coverage(own[:, 0], distances[:, 0])
    far = float(np.quantile(own[:, 0], FAR))
    within = distances[:, 0] <= far
    on_traffic = reweighted(scores, rows[within]) if within.any() else None
    scored = scores[~np.isnan(scores)]
    return Representation(covered, distances[:, 0], far, on_traffic, float(scored.mean()) if len(scored) else None)
