"""What is said of a comparison's answers beside their scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.pipeline.remarks import of_answers
from rung.records import Answer, Evaluation, Outcome, Passage, RungResult
from rung.strategies.protocol import Plan
from rung.strategies.rag import Rag
from rung.testing.strategies import materials


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_passages_that_do_not_fit_are_told_however_texts_are_drawn(temperature: float) -> None:
    plan = Rag.plan(materials(), {"passages": 2})
    assert isinstance(plan, Plan)
    spec = replace(plan.spec, temperature=temperature)
    ranking = tuple(Passage(f"d#{n}", "d", n, n + 1, "a") for n in range(3))
    cut, whole = (Answer("a", passages=ranking[:shown], retrieved=ranking) for shown in (1, 2))
    outcomes = (Outcome("a", cut), Outcome("b", whole))
    remarks = of_answers(
        [Evaluation(RungResult("rag", {}, "measured"), spec=spec, outcomes=outcomes)], answer_tokens=9, limit_tokens=512
    )
    assert [line for line in remarks if "In 1 of 2 answers the passages of rag do not fit into the 512 tokens" in line]
