"""Answers that their room ended: said before all else, and nothing is made of what they lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rung.records import Evaluation, StrategySpec, Verdict
from rung.report.table import status_of, table
from rung.verdict.bar import Bar
from rung.verdict.decide import decide
from rung.verdict.gap_words import gap_sentence
from tests.verdict.weighing import rung, share

N = 60


def chatty(cut: float, seed: int = 0, *, bar: float = 0.7) -> Verdict:
    """A model that knows nothing by itself and is right with whatever it is shown, but where it was cut."""
    dice = np.random.default_rng(seed)
    spec = StrategySpec("rag", answer_tokens=24)
    count = round(cut * N)
    rungs = [rung("prompt", np.zeros(N), order=0), rung("closed_book", np.zeros(N), order=8)]
    for name, order in (("rag", 4), ("oracle", 9)):
        right = (np.arange(N) >= count).astype(float) * (dice.random(N) < 0.97)
        rungs.append(replace(rung(name, right, order=order, cut=count, spec=spec), held=np.ones(N)))
    return decide(rungs, bar=Bar(bar))


def test_a_model_whose_answers_are_all_cut_is_not_said_not_to_read() -> None:
    verdict = chatty(1.0)
    assert verdict.winner is None
    assert verdict.reason.startswith(
        "Answers were cut off: 60 of 60 of rag at 24 tokens and 60 of 60 of oracle at 24 tokens."
    )
    assert "give these rungs max_tokens" in verdict.reason
    assert verdict.why_not("rag").startswith(
        "cut off: 60 of 60 answers at 24 tokens: give max_tokens; no case right: 0 of 60"
    )
    assert (status_of(verdict.rejected["rag"]), verdict.why_not("prompt")) == ("cut off", "no case right: 0 of 60")
    assert all("were cut off at 24 tokens" in gap_sentence(verdict, name) for name in verdict.gaps)
    lines = " ".join(" ".join(table(verdict)).split())
    assert "does not read" not in lines
    assert "stronger" not in lines
    assert verdict.flips == ()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_nothing_is_made_of_what_was_cut_however_much_it_was(cut: float, seed: int) -> None:
    verdict = chatty(cut, seed)
    assert verdict.reason.startswith("Answers were cut off: ")
    assert "stronger" not in verdict.reason
    assert set(verdict.doubts) == {"knowledge", "retrieval", "behaviour"}
    assert not any("no search will close that" in line for line in verdict.warnings)


def test_of_a_tenth_nothing_is_said() -> None:
    verdict = chatty(0.1)
    assert verdict.winner == "rag"
    assert "cut off" not in verdict.reason
    assert not verdict.doubts


def test_a_choice_says_first_that_another_rung_was_cut_and_a_limit_that_is_broken_is_told_behind_it() -> None:
    spec = StrategySpec("rag", settings={"max_tokens": 40})
    cheap = rung("rag[model=cheap]", share(6, N), order=4, usd=0.05, cut=N, spec=spec)
    slow = rung("rag[model=slow]", share(30, N), order=5, p95=9.0, cut=30, spec=spec)
    dear = rung("rag[model=dear]", share(55, N), order=6, usd=1.1)
    verdict = decide([cheap, slow, dear], bar=Bar(0.7))
    assert verdict.winner == "rag[model=dear]"
    first = "Answers were cut off: 60 of 60 of rag[model=cheap] at 40 tokens and 30 of 60 of rag[model=slow] at 40 tokens."
    assert verdict.reason.startswith(first)
    why = verdict.rejected["rag[model=cheap]"]
    assert str(why).startswith("cut off: 60 of 60 answers at 40 tokens: give max_tokens; misses the bar: ")
    assert (why.kind, verdict.rejected["rag[model=slow]"].kind) == ("misses", "misses")


def test_answers_that_are_right_all_the_same_lose_nothing_by_being_cut() -> None:
    spec = StrategySpec("rag", answer_tokens=24)
    arms = [
        replace(rung("oracle", share(N, N), order=9, cut=N, spec=spec), held=np.ones(N)),
        rung("closed_book", np.zeros(N)),
    ]
    verdict = decide([rung("rag", share(N, N), order=4, cut=N, spec=spec), *arms], bar=Bar(0.7))
    assert verdict.reason.startswith("Answers were cut off: ")
    assert verdict.winner == "rag"
    assert not verdict.doubts


def test_a_rung_of_rungs_names_no_number_of_tokens() -> None:
    member = ("rag", StrategySpec("rag", answer_tokens=24))
    routed: Evaluation = rung("router", share(9, N), cut=N, spec=StrategySpec("router", members=(member,)))
    assert decide([routed], bar=Bar(0.7)).reason.startswith("Answers were cut off: 60 of 60 of router. ")
