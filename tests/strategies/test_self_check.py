"""A second look at an answer: what is dropped, what is refused, and what stays as it is."""

from __future__ import annotations

import pytest

from rung.errors import UserError
from rung.records import Answer, Case, Json, Question
from rung.records.steps import GenerateResult
from rung.strategies.citing import finish
from rung.strategies.protocol import NotApplicable, Plan, RefusalThreshold
from rung.strategies.registry import find, make_strategy
from rung.strategies.self_check import confidence, looked_over, reads_sentences
from rung.testing.strategies import PASSAGES, canned, drive, materials

QUESTION = Question("q1", "Do you ship to Norway?")
TRUE, FALSE = "We ship to Norway. [2]", "Penguins live in Antarctica. [1]"


def answer(text: str) -> Answer:
    return finish(GenerateResult(text), shown=PASSAGES, retrieved=PASSAGES)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        (TRUE, TRUE),
        (f"{TRUE} {FALSE}", TRUE),
        (f"{FALSE} {TRUE}", TRUE),
        (
            f"- {TRUE}\n- {FALSE}\n- Refunds take thirty days. [1]",
            "- We ship to Norway. [2]\n- Refunds take thirty days. [1]",
        ),
        (f"{FALSE} {TRUE} {FALSE}", TRUE),
        (FALSE, "I don't know."),
        ("Express costs 8 EUR. [3]", "I don't know."),  # another number
        ("We ship to Norway. [1]", "We ship to Norway. [1]"),  # a passage shown bears it out, though not the one cited
        ("I don't know.", "I don't know."),
        ("", ""),
    ],
)
def test_sentences_that_no_passage_bears_out_are_dropped(text: str, dropped: str) -> None:
    checked = looked_over(QUESTION, answer(text), "drop", 0.0)
    assert checked.text == dropped
    assert (checked.passages, checked.retrieved) == (PASSAGES, PASSAGES)
    assert [c.mark for c in checked.citations] == [c.mark for c in answer(dropped).citations]


def test_one_such_sentence_refuses_the_whole_answer() -> None:
    assert looked_over(QUESTION, answer(f"{TRUE} {FALSE}"), "refuse", 0.0).refused
    assert looked_over(QUESTION, answer(TRUE), "refuse", 0.0) == answer(TRUE)


def test_without_a_look_nothing_is_changed() -> None:
    assert looked_over(QUESTION, answer(FALSE), "none", 0.0) == answer(FALSE)


def test_confidence_is_how_far_question_and_answer_stand_together() -> None:
    sure, unsure = confidence(QUESTION, answer(TRUE)), confidence(QUESTION, answer("Express costs 9 EUR. [3]"))
    assert sure == 1.0 > unsure
    assert confidence(QUESTION, answer("I don't know.")) == 0.0
    assert confidence(QUESTION, Answer("x", "x")) == 0.0
    assert looked_over(QUESTION, answer("Express costs 9 EUR. [3]"), "none", 0.9).refused
    assert not looked_over(QUESTION, answer(TRUE), "none", 0.9).refused


@pytest.mark.parametrize("name", ["rag", "multi_hop", "hybrid"])
def test_rungs_that_look_again_do_not_stream_and_refuse(name: str) -> None:
    plan = find(name).plan(materials(), {"check": "refuse"})
    assert isinstance(plan, Plan)
    strategy = make_strategy(plan.with_artifacts(tuple("a" * 64 for _ in plan.needs)))
    assert not strategy.streams  # type: ignore[attr-defined]
    result, _ = drive(strategy.answer(QUESTION), lambda step: canned(step, says=FALSE))
    assert result.refused
    kept, _ = drive(strategy.answer(QUESTION), lambda step: canned(step, says=TRUE))
    assert kept.plain == "We ship to Norway."


@pytest.mark.parametrize("name", ["rag", "multi_hop", "hybrid"])
@pytest.mark.parametrize("form", [{"schema": '{"type":"object"}'}, {"labels": ("yes", "no")}])
def test_answers_that_are_no_sentences_cannot_be_looked_over(name: str, form: dict[str, object]) -> None:
    refused = find(name).plan(materials(**form), {"check": "drop"})
    assert isinstance(refused, NotApplicable)
    assert "JSON or labels" in refused.why


def test_a_promise_needs_enough_dev_cases_and_names_the_strategy_that_answers_them() -> None:
    few = find("rag").plan(materials(), {"wrong_at_most": 0.05})
    assert isinstance(few, NotApplicable)
    assert "takes 77 dev cases at least, and the project has 0" in few.why
    dev = tuple(Case(f"d{n}", "q?", ("a",), split="dev") for n in range(77))
    plan = find("multi_hop").plan(materials(dev=dev), {"wrong_at_most": 0.05})
    assert isinstance(plan, Plan)
    (need,) = plan.needs
    assert isinstance(need, RefusalThreshold)
    assert need.spec.settings["wrong_at_most"] == 0.0
    assert plan.settings["wrong_at_most"] == 0.05


@pytest.mark.parametrize(
    "settings",
    [{"check": "perhaps"}, {"wrong_at_most": 2}, {"refuse_below": -1}, {"wrong_at_most": 0.1, "chunk_tokens": 64}],
)
def test_wrong_settings_are_refused(settings: dict[str, Json]) -> None:
    with pytest.raises(UserError):
        find("rag").plan(materials(), settings)


@pytest.mark.parametrize(("settings", "reads"), [({}, False), ({"check": "drop"}, True), ({"refuse_below": 0.4}, True)])
def test_a_spec_says_whether_its_answers_are_looked_at_again(settings: dict[str, Json], reads: bool) -> None:
    plan = find("rag").plan(materials(), settings)
    assert isinstance(plan, Plan)
    assert reads_sentences(plan.spec.settings) is reads
