"""Is a strategy's record enough to make the strategy again, elsewhere and later?"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rung.errors import UserError
from rung.records import Question, StrategySpec, canonical
from rung.records.steps import Generate
from rung.strategies.protocol import Plan
from rung.strategies.registry import BUILT_IN, make_strategy
from rung.testing.strategies import canned, drive, materials

QUESTION = Question("q", "Do you ship to Norway?")
PLANS = {rung.name: plan for rung in BUILT_IN if isinstance(plan := rung.plan(materials(), {}), Plan)}


@pytest.mark.parametrize("name", PLANS)
def test_a_strategy_read_from_json_takes_the_same_steps(name: str) -> None:
    plan = PLANS[name]
    spec = plan.with_artifacts(tuple(f"{n:064x}" for n, _ in enumerate(plan.needs)))
    again = StrategySpec.of(json.loads(canonical(spec)))
    assert (again, again.digest) == (spec, spec.digest)
    assert drive(make_strategy(again).answer(QUESTION), canned) == drive(make_strategy(spec).answer(QUESTION), canned)


def test_everything_that_answers_hang_on_is_in_the_digest() -> None:
    spec = PLANS["rag"].spec
    other = [
        replace(spec, task="Rhyme."),
        replace(spec, seed=1),
        replace(spec, temperature=0.5),
        replace(spec, model="other"),
    ]
    other += [replace(spec, settings={**spec.settings, "passages": 1}), replace(spec, artifacts=("ab",))]
    assert len({one.digest for one in (spec, *other)}) == len(other) + 1


def test_a_spec_that_draws_draws() -> None:
    spec = replace(PLANS["prompt"].spec, temperature=0.5, seed=7)
    _, (step,) = drive(make_strategy(spec).answer(QUESTION), canned)
    assert isinstance(step, Generate)
    assert (step.temperature, step.seed) == (0.5, 7)


def test_a_rung_of_others_is_made_of_its_members() -> None:
    members = (("cheap", PLANS["prompt"].spec), ("dear", PLANS["rag"].spec))
    spec = StrategySpec("router", members=members, artifacts=("ab" * 32,))
    again = StrategySpec.of(json.loads(canonical(spec)))
    _, steps = drive(make_strategy(again).answer(QUESTION), canned)
    assert [step.labels for step in steps if hasattr(step, "labels")] == [("cheap", "dear")]


@pytest.mark.parametrize("row", [{}, {"rung": "prompt"}, {**json.loads(canonical(PLANS["prompt"].spec)), "colour": 1}])
def test_what_is_no_spec(row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is no strategy"):
        StrategySpec.of(row)  # type: ignore[arg-type]


def test_an_unknown_rung_is_named() -> None:
    with pytest.raises(UserError, match="unknown rung 'promt'; did you mean 'prompt'"):
        make_strategy(StrategySpec("promt"))
