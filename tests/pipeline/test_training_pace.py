"""What building a rung is foretold to take."""

from __future__ import annotations

import pytest

from rung.pipeline.training_pace import composed_of
from rung.records import Case, Json
from rung.strategies.protocol import AnswerIndex, Composition, Plan, Routing
from rung.strategies.router import Router
from rung.strategies.semantic_cache import SemanticCache
from rung.testing.strategies import MEMBERS, materials


@pytest.mark.parametrize(
    ("rung", "kind", "settings"),
    [
        (Router, "router", {}),
        (Router, "router", {"train_cases": True}),
        (SemanticCache, "answer-index", {"over": "yes"}),
        (SemanticCache, "answer-index", {"over": "yes", "threshold": 0.9, "false_hits": 0.0}),
    ],
)
def test_the_cases_that_members_answer_are_those_of_the_plan(
    rung: type[Router] | type[SemanticCache], kind: str, settings: dict[str, Json]
) -> None:
    given = materials(dev=tuple(Case(f"d{n}", f"question {n}") for n in range(60)))
    composition = rung.plan(given, settings)
    assert isinstance(composition, Composition)
    plan = composition.plan(MEMBERS)
    assert isinstance(plan, Plan)
    (need,) = plan.needs
    assert isinstance(need, AnswerIndex | Routing)
    asked = {case.id for case in (*need.cases, *(need.dev if isinstance(need, AnswerIndex) else ()))}
    found, cases = composed_of(composition.settings, given)
    assert found == kind
    assert {case.id for case in cases} == asked
