"""Questions across all documents, on a real index with scripted models whose calls are counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.knowledge import Knowledge
from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator
from rung.records import Answer, Asker, Document, Json, Message, Passage, Question
from rung.records.steps import Engine, Generate, Search
from rung.runtime.batch import Tally
from rung.runtime.live import StepRun, converse
from rung.strategies.hop_budget import prompt_tokens
from rung.strategies.map_reduce import PIECE, askable, by_rank, pieces_of
from rung.strategies.protocol import Plan
from rung.strategies.registry import find, make_strategy
from rung.testing.strategies import materials
from rung.text.left_out import left_out

TEAMS = {"atlas": 4, "borea": 7, "cygnus": 2, "delta": 9, "echo": 5}
QUESTION = Question("q", "How many people work in all teams?")
ACROSS: dict[str, Json] = {"method": "map_reduce", "tokens": 100_000, "dense_weight": 0.0}


def documents() -> list[Document]:
    teams = [Document(name, f"The team {name} has {n} people.", title=name.title()) for name, n in TEAMS.items()]
    return [*teams, Document("hidden", "The team hidden has 40 people.", title="Hidden", groups=("board",))]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeEngine:
    return searched(tmp_path_factory.mktemp("index"), documents())


def searched(folder: Path, some: list[Document]) -> KnowledgeEngine:
    knowledge = Knowledge.open(folder / "index", embedder=ScriptedEmbedder())
    knowledge.sync(some)
    return KnowledgeEngine(knowledge, example_indexes={}, embedder=ScriptedEmbedder)


def says(step: Generate) -> str:
    """A model that reads: each document's number, then what the notes come to."""
    asked = step.messages[-1].content
    people = re.findall(r"has (\d+) people", asked)
    if "asked of many documents" in step.messages[0].content:
        return f"{asked.splitlines()[0]} has {people[0]} people [1]" if people else "I don't know."
    marks = "".join(f" [{n + 1}]" for n in range(len(people)))
    return f"{sum(map(int, people))} people{marks}"


def ask(
    index: KnowledgeEngine,
    reply: Callable[[Generate], str] = says,
    *,
    asker: Asker = Asker(frozenset()),
    question: Question = QUESTION,
    given: dict[str, object] | None = None,
    **settings: Json,
) -> tuple[Answer, list[Generate], Tally]:
    plan = find("multi_hop").plan(materials(gold={}, **(given or {})), {**ACROSS, **settings})
    assert isinstance(plan, Plan)
    runs: list[StepRun] = []
    tally = Tally()
    engines: dict[str, Engine] = {"search": index, "generate": ScriptedGenerator(reply, name="across")}
    live = converse(
        make_strategy(plan.spec).answer(question), asker=asker, engines=engines, tally=tally, on_step=runs.append
    )
    assert live.value is not None, live.failure
    assert sum(isinstance(run.step, Search) for run in runs) <= 3
    return live.value, [run.step for run in runs if isinstance(run.step, Generate)], tally


def test_every_document_is_asked_once_and_the_answer_cites_each_that_had_something(index: KnowledgeEngine) -> None:
    answer, prompts, _ = ask(index)
    assert len(prompts) == len(TEAMS) + 1
    assert answer.plain == f"{sum(TEAMS.values())} people"
    assert {citation.document for citation in answer.citations} == {*TEAMS}
    for citation in answer.citations:
        passage = answer.passages[citation.mark - 1]
        assert (citation.document, citation.start, citation.end) == (passage.document, passage.start, passage.end)
    assert answer.documents_left_out == 0


def test_who_may_read_more_is_answered_from_more(index: KnowledgeEngine) -> None:
    answer, prompts, _ = ask(index, asker=Asker(frozenset({"board"})))
    assert answer.plain == f"{sum(TEAMS.values()) + 40} people"
    assert len(prompts) == len(TEAMS) + 2
    closed, _, _ = ask(index)
    assert "hidden" not in closed.seen


@pytest.mark.parametrize("asks", [1, 3])
def test_the_asks_bind_and_what_was_not_asked_is_said(index: KnowledgeEngine, asks: int) -> None:
    answer, prompts, _ = ask(index, asks=asks)
    assert len(prompts) == asks + 1
    assert answer.documents_left_out == len(TEAMS) - asks
    assert "for want of budget" in next(left_out(answer))


@pytest.mark.parametrize("tokens", [600, 700, 900])
def test_the_tokens_bind(index: KnowledgeEngine, tokens: int) -> None:
    answer, prompts, tally = ask(index, tokens=tokens, given={"answer_tokens": 24})
    assert tally.prompt_tokens + tally.completion_tokens <= tokens
    assert answer.documents_left_out > 0
    assert len(prompts) > 1


def test_notes_beyond_the_budget_are_left_out_and_counted(index: KnowledgeEngine) -> None:
    def wordy(step: Generate) -> str:
        return "people " * 40 if "asked of many documents" in step.messages[0].content else "many [1]"

    answer, prompts, tally = ask(index, wordy, tokens=2000, given={"answer_tokens": 920})
    assert len(prompts) == len(TEAMS) + 1
    assert tally.prompt_tokens + tally.completion_tokens <= 2000
    assert answer.documents_left_out > 0


@pytest.mark.parametrize("reply", ["I don't know.", "", "\n", "Unknown."])
def test_where_no_document_has_anything_nobody_is_asked_to_put_it_together(index: KnowledgeEngine, reply: str) -> None:
    answer, prompts, _ = ask(index, lambda _: reply)
    if reply != "Unknown.":
        assert answer.refused
        assert len(prompts) == len(TEAMS)
    assert answer.citations == ()


@pytest.mark.parametrize("note", ["[7] it has people [99]", '{"note": 3}', "As one of many documents, I would say: people"])
def test_a_model_that_ignores_the_form_still_cites_only_what_is_there(index: KnowledgeEngine, note: str) -> None:
    def reply(step: Generate) -> str:
        return note if "asked of many documents" in step.messages[0].content else "people [2] [9] [0] and more"

    answer, _, _ = ask(index, reply)
    assert [citation.mark for citation in answer.citations] == [2]
    assert answer.citations[0].document == answer.passages[1].document


def test_with_a_schema_the_answer_is_held_to_it_and_notes_are_words(index: KnowledgeEngine) -> None:
    schema = '{"type":"object","properties":{"people":{"type":"integer"}},"required":["people"]}'

    def reply(step: Generate) -> str:
        return '{"people": 27}' if step.schema else says(step)

    answer, prompts, _ = ask(index, reply, given={"schema": schema})
    assert answer.text == '{"people": 27}'
    assert [bool(step.schema) for step in prompts] == [False] * len(TEAMS) + [True]


def test_an_empty_corpus_is_refused(tmp_path: Path) -> None:
    answer, prompts, _ = ask(searched(tmp_path, []))
    assert answer.refused
    assert (prompts, answer.documents_left_out) == ([], 0)


def test_a_follow_up_is_asked_of_the_documents_in_words_that_stand_alone(index: KnowledgeEngine) -> None:
    turns = (Message("user", "Which teams are there?"), Message("assistant", "Five."))
    _, prompts, _ = ask(index, question=Question("q", "And how many people work in them?", turns))
    assert (
        prompts[0].messages[-1].content.endswith("Question: And how many people work in them? Five. Which teams are there?")
    )
    assert [m.content for m in prompts[-1].messages[1:3]] == ["Which teams are there?", "Five."]


def test_a_long_document_is_asked_in_pieces_that_come_to_all_of_it() -> None:
    text = "".join(f"Sentence {n} says something of no weight.\n" for n in range(400)) + "x" * 3 * PIECE
    document = Passage("d#100", "d", 100, 100 + len(text), text, line=5)
    pieces = list(pieces_of(document))
    assert "".join(piece.text for piece in pieces) == text
    assert all(len(piece.text) <= PIECE for piece in pieces)
    assert all(piece.text == text[piece.start - 100 : piece.end - 100] for piece in pieces)
    assert pieces[1].line == 5 + pieces[0].text.count("\n")
    assert len({piece.id for piece in pieces}) == len(pieces)


def test_what_the_search_found_is_asked_first_then_every_document_before_any_is_asked_whole() -> None:
    pieces = [Passage(f"{d}#{n}", d, n, n + 1, "x") for d in "abc" for n in range(2)]
    ranking = [Passage("c#1-2", "c", 1, 2, "x"), Passage("a#0-1", "a", 0, 1, "x")]
    assert [piece.id for piece in by_rank(pieces, ranking)] == ["c#1", "a#0", "b#0", "c#0", "a#1", "b#1"]


def test_what_the_search_found_beyond_the_documents_that_are_listed_is_asked_too() -> None:
    listed, beyond = Passage("a#0-9", "a", 0, 9, "The list."), Passage("z#5-9", "z", 5, 9, "far")
    pieces = askable([listed], [beyond, Passage("a#0-3", "a", 0, 3, "The")])
    assert [piece.id for piece in by_rank(pieces, [beyond])] == ["z#5-9", "a#0-9"]


def test_the_answer_is_put_together_within_what_the_model_reads(index: KnowledgeEngine) -> None:
    """Whatever the budget: else every ask is paid, and the last prompt is refused."""
    _, prompts, _ = ask(index, given={"limit_tokens": 150, "answer_tokens": 24})
    assert prompt_tokens(prompts[-1].messages) <= 150 - 24


def test_searches_bind_where_there_are_earlier_turns(index: KnowledgeEngine) -> None:
    earlier = (Message("user", "Which teams are there?"), Message("assistant", "Five."))
    searches: list[Search] = []
    plan = find("multi_hop").plan(materials(gold={}), {**ACROSS, "searches": 1})
    assert isinstance(plan, Plan)
    engines: dict[str, Engine] = {"search": index, "generate": ScriptedGenerator(says, name="across")}
    live = converse(
        make_strategy(plan.spec).answer(Question("q", "And how many people?", earlier)),
        asker=Asker(frozenset()),
        engines=engines,
        on_step=lambda run: searches.append(run.step) if isinstance(run.step, Search) and not run.step.everything else None,
    )
    assert live.value is not None
    assert len(searches) == 1
