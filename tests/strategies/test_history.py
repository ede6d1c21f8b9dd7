"""What earlier turns do for the search, driven by hand: joined, condensed, and what a model does that leaves the form."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from rung.records import Json, Message, Question
from rung.records.steps import Generate, GenerateResult, Rerank, Result, Search, SearchResult, Step
from rung.strategies.history import MAX_JOINED, is_rewriting, joined, standalone
from rung.strategies.protocol import Plan
from rung.strategies.registry import find, make_strategy
from rung.strategies.retrieving import retrieve
from rung.strategies.settings import Retrieval
from rung.testing.strategies import PASSAGES, canned, drive, materials

FOLLOW_UP = Question("q", "And to Sweden?", (Message("user", "Do you ship to Norway?"), Message("assistant", "Yes. [1]")))
JOINED = "And to Sweden? Yes. Do you ship to Norway?"
A, B, C = PASSAGES


def answering(step: Step, says: str = "Do you ship to Sweden?") -> Result:
    match step:
        case Generate():
            return GenerateResult(says, prompt_tokens=40, completion_tokens=6)
        case Search():
            return SearchResult((A, B) if step.query == FOLLOW_UP.text else (C, B))
        case Rerank():
            return SearchResult(step.passages)
        case _:
            raise AssertionError(step)


def queries(steps: list[Step]) -> list[str]:
    return [step.query for step in steps if isinstance(step, Search | Rerank)]


def test_joined_turns_are_searched_beside_the_last_and_their_passages_come_first() -> None:
    ranking, steps = drive(retrieve(FOLLOW_UP, Retrieval()), answering)
    assert queries(steps) == [JOINED, FOLLOW_UP.text]
    assert ranking == (C, A, B)


def test_a_condensed_question_is_all_that_is_searched_and_reranked_with() -> None:
    ranking, steps = drive(retrieve(FOLLOW_UP, Retrieval(history="condense", rerank=True)), answering)
    assert queries(steps) == ["Do you ship to Sweden?"] * 2
    assert ranking == (C, B)
    asked = steps[0]
    assert isinstance(asked, Generate)
    assert "User: Do you ship to Norway?\nAssistant: Yes. [1]" in asked.messages[-1].content


@pytest.mark.parametrize("history", ["none", "join", "condense"])
def test_a_first_turn_is_searched_as_it_is(history: Literal["none", "join", "condense"]) -> None:
    for messages in ((), (Message("system", "Be brief."),)):
        _, steps = drive(retrieve(Question("q", "Why?", messages), Retrieval(history=history)), answering)
        assert steps == [Search("Why?", 20)]


@pytest.mark.parametrize("says", ["", " \n", "I don't know.", "Yes, we do. [1]", "Norway"])
def test_a_model_that_answers_refuses_or_says_nothing_has_the_turns_joined(says: str) -> None:
    _, steps = drive(retrieve(FOLLOW_UP, Retrieval(history="condense")), lambda step: answering(step, says))
    assert queries(steps) == [JOINED, FOLLOW_UP.text]


def test_a_rewriting_that_was_cut_off_is_none() -> None:
    cut = GenerateResult("Do you ship to Sweden and", truncated=True)
    asked, _ = drive(standalone(FOLLOW_UP, "condense"), lambda _: cut)
    assert asked.text == JOINED


def test_the_newest_turns_are_joined_as_far_as_an_embedder_reads() -> None:
    turns = tuple(Message("user" if n % 2 == 0 else "assistant", f"turn {n} " + "word " * 60) for n in range(40))
    text = joined(Question("q", "And then?", turns))
    assert text.startswith("And then? turn 39 word")
    assert len(text) <= len("And then?") + MAX_JOINED + 1
    assert "turn 30" not in text


def test_a_rewriting_sees_the_turns_and_is_searched_beside_them() -> None:
    _, steps = drive(retrieve(FOLLOW_UP, Retrieval(rewrite="query")), lambda step: answering(step, "Sweden shipping"))
    assert isinstance(steps[0], Generate)
    assert [message.content for message in steps[0].messages[1:3]] == ["Do you ship to Norway?", "Yes. [1]"]
    assert queries(steps) == [JOINED, "Sweden shipping", FOLLOW_UP.text]


@pytest.mark.parametrize("rung", ["rag", "hybrid", "multi_hop", "tuned_retriever"])
def test_every_rung_that_searches_condenses_in_a_step_of_its_own_and_shows_the_turns(rung: str) -> None:
    plan = find(rung).plan(materials(), {"history": "condense"})
    assert isinstance(plan, Plan)
    strategy = make_strategy(plan.with_artifacts(tuple("a" * 64 for _ in plan.needs)))
    answer, steps = drive(strategy.answer(FOLLOW_UP), lambda step: canned(step, says="Do you ship to Sweden? [2]"))
    asked, last = steps[0], steps[-1]
    assert isinstance(asked, Generate)
    assert asked.messages[-1].content.endswith("Standalone question:")
    assert asked.adapter == ""  # the base model's words, which no adapter was taught
    assert isinstance(last, Generate)
    assert [message.content for message in last.messages[1:3]] == ["Do you ship to Norway?", "Yes. [1]"]
    assert last.messages[-1].content.endswith("Question: And to Sweden?")
    assert not getattr(strategy, "streams", True)
    assert answer.text


def test_multi_hop_condenses_within_its_tokens_and_joins_within_its_searches() -> None:
    long = Question("q", "And to Sweden?", (Message("user", "Do you ship? " * 300), Message("assistant", "Yes.")))
    plan = find("multi_hop").plan(materials(), {"history": "condense", "tokens": 1000})
    assert isinstance(plan, Plan)
    _, steps = drive(make_strategy(plan.spec).answer(long), canned)
    assert isinstance(steps[0], Search)  # the model may not be asked: its prompt takes more than half of the tokens
    one: dict[str, Json] = {"history": "join", "searches": 1}
    plan = find("multi_hop").plan(materials(), one)
    assert isinstance(plan, Plan)
    _, steps = drive(make_strategy(plan.spec).answer(FOLLOW_UP), canned)
    assert queries(steps) == [JOINED]


def test_what_an_earlier_rung_measured_without_the_setting_is_answered_without_it() -> None:
    plan = find("rag").plan(materials(), {})
    assert isinstance(plan, Plan)
    earlier = {name: value for name, value in plan.spec.settings.items() if name != "history"}
    _, steps = drive(make_strategy(replace(plan.spec, settings=earlier)).answer(FOLLOW_UP), canned)
    assert queries(steps) == [FOLLOW_UP.text]
    _, steps = drive(make_strategy(plan.spec).answer(FOLLOW_UP), canned)
    assert queries(steps) == [JOINED, FOLLOW_UP.text]


@pytest.mark.parametrize(
    ("text", "of", "rewrites"),
    [
        ("Express costs 9 EUR.", "And this?", False),
        ("Does express cost 9 EUR?", "And this?", True),
        ("What does express cost to Sweden?", "And to Sweden?", True),
        ("It costs 9 EUR.", "And to Sweden?", False),
        ("", "Why?", False),
    ],
)
def test_an_answer_is_no_rewriting_also_of_a_turn_without_content(text: str, of: str, rewrites: bool) -> None:
    assert is_rewriting(text, of) is rewrites
