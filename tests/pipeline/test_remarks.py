"""What is said of a comparison's answers beside their scores."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rung.pipeline.remarks import of_answers, of_scoring
from rung.records import Answer, Evaluation, Outcome, Passage, RungResult
from rung.scoring import ScoringContext
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
    remarks = of_answers([Evaluation(RungResult("rag", {}, "measured"), spec=spec, outcomes=outcomes)], limit_tokens=512)
    assert [line for line in remarks if "In 1 of 2 answers the passages of rag do not fit into the 512 tokens" in line]


def test_json_in_a_fence_is_said_to_be_right_but_for_that() -> None:
    schema = json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})

    def told(*texts: str) -> list[str]:
        outcomes = tuple(Outcome(str(n), Answer(text, text)) for n, text in enumerate(texts))
        evaluation = Evaluation(RungResult("prompt", {}, "measured"), outcomes=outcomes)
        return [line for line in of_scoring([], ScoringContext("json_fields", schema), [evaluation]) if "fence" in line]

    others = ('{"a": 1}', '```\n{"b": 1}\n```', 'So: ```json\n{"a": 1}\n```')
    (said,) = told('```json\n{"a": 1}\n```', *others)
    assert said.startswith("prompt: 1 of 4 answers are right in form but for a Markdown fence")
    assert told(*others) == []


def test_where_a_rung_that_asks_for_the_form_has_fences_too_it_is_not_advised() -> None:
    schema = json.dumps({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
    outcomes = (Outcome("a", Answer('```json\n{"a": 1}\n```', "")),)
    rungs = [Evaluation(RungResult(name, {}, "measured"), outcomes=outcomes) for name in ("prompt", "structured")]
    both = list(of_scoring([], ScoringContext("json_fields", schema), rungs))
    assert [line.partition(":")[0] for line in both] == ["prompt", "structured"]
    assert all("hold the form" not in line for line in both)
    assert all("since structured asks for the form, and it is not held" in line for line in both)
    assert "or hold the form (structured)" in next(of_scoring([], ScoringContext("json_fields", schema), rungs[:1]))
