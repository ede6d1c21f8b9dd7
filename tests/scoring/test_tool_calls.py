"""Are calls judged by tool, arguments and result, each expected call once?"""

from __future__ import annotations

import json

import pytest

from rung.dataset.case_rows import case_of
from rung.records import Answer, Case, Failure, Json, Outcome, ToolCall
from rung.scoring.protocol import Scorer, ScoringContext
from rung.scoring.tool_calls import ToolCalls
from rung.testing.scoring import ScorerContract


class TestToolCalls(ScorerContract):
    def make(self, scoring_context: ScoringContext) -> Scorer:
        return ToolCalls(scoring_context)


def case(*calls: dict[str, Json]) -> Case:
    return case_of({"question": "What does a tent cost?", "answers": ["120.5"], "calls": list(calls)}, "cases.jsonl:1")[0]


def scores(case: Case, *calls: ToolCall) -> dict[str, float]:
    return dict(ToolCalls(ScoringContext("match"))(case, Outcome(case.id, Answer("120.5", calls=calls))))


PRICE: dict[str, Json] = {"name": "price", "arguments": {"product": "tent", "n": 1}, "result": 120.5}


def made(name: str = "price", arguments: Json = None, value: Json = 120.5, *, failed: bool = False) -> ToolCall:
    return ToolCall(
        name, json.dumps({"n": 1.0, "product": "tent"} if arguments is None else arguments), json.dumps(value), failed
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (made(), (1, 1, 1)),
        (made(value={"columns": ["usd"], "rows": [["tent", "120.5"]]}), (1, 1, 1)),
        (made(arguments={"product": "boat"}), (1, 0, 1)),
        (made(value=99), (1, 1, 0)),
        (made(value=120.5, failed=True), (1, 1, 0)),
        (made(name="search"), (0, 0, 0)),
        (ToolCall("price", "no JSON", "no JSON"), (1, 0, 0)),
    ],
)
def test_each_of_the_three_is_judged_by_itself(call: ToolCall, expected: tuple[float, float, float]) -> None:
    assert tuple(scores(case(PRICE), call).values()) == expected


def test_one_call_stands_for_one_expected_call_and_more_calls_are_no_fault() -> None:
    twice = case(PRICE, PRICE)
    assert scores(twice, made()) == {"tool_choice": 0.5, "tool_arguments": 0.5, "tool_result": 0.5}
    assert scores(case(PRICE), made("search"), made(value=1), made()) == {
        "tool_choice": 1,
        "tool_arguments": 1,
        "tool_result": 1,
    }


def test_matching_is_the_best_one() -> None:
    either = case({"name": "price"}, {"name": "price", "result": 5})
    assert scores(either, made(value=5), made(value=6))["tool_choice"] == 1
    both = case({"name": "price", "result": 5}, {"name": "price", "result": 6})
    table = made(value=[5, 6])
    assert scores(both, table, made(value=5))["tool_result"] == 1


def test_what_a_case_does_not_say_is_not_judged() -> None:
    assert scores(case({"name": "price"}), made()) == {"tool_choice": 1}
    assert scores(case(), made()) == {}


def test_a_failure_has_made_no_call() -> None:
    outcome = Outcome("c", failure=Failure("away"))
    assert dict(ToolCalls(ScoringContext("match"))(case(PRICE), outcome)) == {
        "tool_choice": 0,
        "tool_arguments": 0,
        "tool_result": 0,
    }


@pytest.mark.parametrize(
    "calls", ["price", [3], [{"arguments": {}}], [{"name": "price", "arguments": "tent"}], [{"name": "price", "args": {}}]]
)
def test_calls_of_no_such_form_are_refused(calls: Json) -> None:
    with pytest.raises(ValueError, match="call"):
        case_of({"question": "q", "answers": ["a"], "calls": calls}, "cases.jsonl:1")
