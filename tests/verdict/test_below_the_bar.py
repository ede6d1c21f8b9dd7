"""That a rung misses the bar is told by its own probability: however many rungs stand beside it, it is wrong as seldom as is
stated.
"""

from __future__ import annotations

import numpy as np
import pytest

from rung.records import RungResult
from rung.scoring import metrics
from rung.verdict.bar import MAIN, Bar, Limit, state_of
from rung.verdict.choice import Contender, choose
from rung.verdict.decide import decide
from rung.verdict.reasons import reaching
from tests.verdict.weighing import Floats, rung, share

BAR, N = 0.85, 40


def _columns(dice: np.random.Generator, beside: int) -> list[Floats]:
    """One rung that reaches the bar, barely or well, and others that may be as good, or better."""
    truths = [float(dice.uniform(BAR, 0.95)), *dice.uniform(0.7, 0.99, beside)]
    return [(dice.random(N) < truth).astype(float) for truth in truths]


@pytest.mark.parametrize("beside", [0, 1, 5, 11])
@pytest.mark.parametrize("risk", [0.1, 0.2])
def test_likely_below_is_wrong_at_most_as_often_as_stated(beside: int, risk: float) -> None:
    """Of rungs that reach the bar in truth; told from what `choose` says of each, all settings of one rung."""
    dice, bar, draws = np.random.default_rng([beside, int(100 * risk)]), Bar(BAR, risk=risk), 400
    limit, name, wrong = Limit(metrics()[MAIN], BAR), "rag[passages=0]", 0
    for _ in range(draws):
        columns = _columns(dice, beside)
        choice = choose([Contender(f"rag[passages={k}]", column) for k, column in enumerate(columns)], bar)
        assert choice is not None
        line = RungResult(
            name, {}, "measured", probability=choice.probability[name], probability_alone=choice.alone[name],
            scores=rung(name, columns[0]).result.scores,
        )  # fmt: skip
        wrong += state_of(line, limit, risk)[0] == "missed"
    assert 0 < wrong / draws <= risk


def test_what_stands_beside_a_rung_makes_it_no_worse() -> None:
    """30 of 36 right against 0.85, alone and beside a better setting on the same answers."""
    small, big = share(30, 36, seed=1), share(36, 36)
    alone = decide([rung("rag[model=small]", small)], bar=Bar(0.85))
    both = decide([rung("rag[model=small]", small), rung("rag[model=big]", big, order=1)], bar=Bar(0.85))
    assert both.winner == "rag[model=big]"
    one, other = (next(r for r in v.rungs if r.name == "rag[model=small]") for v in (alone, both))
    assert one.probability == one.probability_alone == other.probability_alone
    assert other.probability is not None
    assert other.probability < 0.2 < (other.probability_alone or 0.0)
    assert both.rejected["rag[model=small]"].kind == "not_shown"
    why = both.why_not("rag[model=small]")
    assert f"with probability {other.probability:.2f} counting all that was tried" in why
    assert f", {other.probability_alone:.2f} by itself" in why


def test_one_that_misses_by_itself_is_said_to_with_its_own_probability() -> None:
    rungs = [rung("low", share(26, 36, seed=1)), rung("high", share(36, 36), order=1)]
    verdict = decide(rungs, bar=Bar(0.85))
    low = next(r for r in verdict.rungs if r.name == "low")
    assert low.probability_alone is not None
    assert verdict.rejected["low"].kind == "misses"
    assert verdict.why_not("low").endswith(f"with probability {low.probability_alone:.2f}")
    assert reaching(low, 0.2) == f"{low.probability_alone:.2f}"
