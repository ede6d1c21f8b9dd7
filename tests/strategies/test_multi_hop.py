"""Searching in turns, on a real index with the shipped scripted models: what is found, cited, spent, and when it stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.knowledge import Knowledge
from rung.knowledge.retrieval import KnowledgeEngine
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator
from rung.records import Answer, Document, Json, Passage, Question
from rung.records.steps import Generate, GenerateResult, Request, Result, Search, Step
from rung.strategies.bridging import Path as Hop
from rung.strategies.bridging import leads, ranked
from rung.strategies.hop_budget import prompt_tokens
from rung.strategies.multi_hop import MultiHop
from rung.strategies.protocol import NotApplicable, Plan
from rung.strategies.registry import make_strategy
from rung.testing.strategies import canned, drive, materials

TEXTS = {
    "gisvi": ("Gisvi", "Gisvi is a designer of ships. Gisvi was born in Windhoek to a family of bakers."),
    "windhoek": ("Windhoek", "Windhoek is a capital. Its most popular hotel is the Country Club Resort."),
    "toronto": ("Toronto", "The most popular hotel of Toronto is the Royal York. It is a city."),
    "galvez": ("Galveston", "A popular hotel in the city is the Galvez. It stands at the sea."),
    "birth": ("Birth", "A birth in a city is written down by an office of the city."),
    "ships": ("Ships", "Ships are made of steel. A popular ship is a ferry."),
    **{
        f"x{n}": (f"Hotel {n}", f"A most popular hotel of a city of number {n}, in a year of many visitors.")
        for n in range(8)
    },
}
TWO_HOPS = Question("q", "What is the most popular hotel in the city of birth of Gisvi?")
ONE_HOP = Question("q", "Where was Gisvi born?")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeEngine:
    knowledge = Knowledge.open(tmp_path_factory.mktemp("index") / "index", embedder=ScriptedEmbedder())
    knowledge.sync([Document(id, text, title=title) for id, (title, text) in TEXTS.items()])
    return KnowledgeEngine(knowledge, example_indexes={}, embedder=ScriptedEmbedder)


def ask(
    engine: KnowledgeEngine, question: Question, generator: ScriptedGenerator | None = None, **settings: Json
) -> tuple[Answer, list[Step], list[GenerateResult]]:
    """The answer, the steps, and what the model said."""
    planned = MultiHop.plan(materials(gold={}), {"passages": 3, "dense_weight": 0.0, **settings})
    assert isinstance(planned, Plan)
    model = generator or ScriptedGenerator()
    replies: list[GenerateResult] = []

    def carry_out(step: Step) -> Result:
        ((_, result),) = (model if isinstance(step, Generate) else engine).run([Request(step)])
        assert not hasattr(result, "error"), result
        if isinstance(result, GenerateResult):
            replies.append(result)
        return result

    answer, steps = drive(make_strategy(planned.spec).answer(question), carry_out)
    return answer, steps, replies


def documents(passages: tuple[Passage, ...]) -> list[str]:
    return [passage.document for passage in passages]


def test_the_second_hop_finds_what_the_first_names(engine: KnowledgeEngine) -> None:
    plain, _, _ = ask(engine, TWO_HOPS, hops=1)
    assert "windhoek" not in documents(plain.passages)
    answer, steps, replies = ask(engine, TWO_HOPS)
    assert {"gisvi", "windhoek"} <= {*documents(answer.passages)}
    assert any(isinstance(step, Search) and "Windhoek" in step.query for step in steps)
    assert len(replies) == 1  # the answer; to hop no model is asked


def test_the_words_that_a_passage_lacks_are_searched_with_its_names(engine: KnowledgeEngine) -> None:
    gisvi = Passage("g", "gisvi", 0, 81, TEXTS["gisvi"][1], title="Gisvi")
    found = [(lead.name, lead.query) for lead in leads(TWO_HOPS.text, Hop((gisvi,), 1.0), 4)]
    assert found == [
        ("Windhoek", "What is the most popular hotel in the city of birth of Windhoek")
    ]  # not Gisvi: the question has it


def test_what_led_to_a_cited_passage_is_cited_with_it(engine: KnowledgeEngine) -> None:
    answer, _, _ = ask(engine, TWO_HOPS, ScriptedGenerator([("Windhoek", "the Country Club Resort [9]")]))
    assert answer.citations == ()  # a mark of no passage cites nothing, and adds nothing
    second = documents(answer.passages).index("windhoek") + 1
    answer, _, _ = ask(engine, TWO_HOPS, ScriptedGenerator([("Windhoek", f"the Country Club Resort [{second}]")]))
    first = documents(answer.passages).index("gisvi") + 1
    assert answer.text == f"the Country Club Resort [{first}, {second}]"
    assert answer.plain == "the Country Club Resort"
    assert [citation.document for citation in answer.citations] == ["gisvi", "windhoek"]


def test_a_refusal_cites_nothing(engine: KnowledgeEngine) -> None:
    answer, _, _ = ask(engine, TWO_HOPS, ScriptedGenerator([(".", "I don't know. [1]")]))
    assert answer.refused
    assert answer.text == "I don't know. [1]"


def test_with_a_schema_the_text_stays_and_citations_are_added(engine: KnowledgeEngine) -> None:
    schema = '{"type":"object","properties":{"quote":{"type":"string"}},"required":["quote"]}'
    planned = MultiHop.plan(materials(gold={}, schema=schema), {"passages": 3, "dense_weight": 0.0})
    assert isinstance(planned, Plan)
    said = '{"quote": "the Country Club Resort"}'
    model = ScriptedGenerator([(".", said)])
    answer, _ = drive(
        make_strategy(planned.spec).answer(TWO_HOPS),
        lambda step: next(iter((model if isinstance(step, Generate) else engine).run([Request(step)])))[1],  # type: ignore[arg-type,return-value]
    )
    assert answer.text == said
    assert [citation.document for citation in answer.citations] == ["windhoek", "gisvi"]


def test_a_question_that_needs_no_hop_keeps_its_passage_in_front(engine: KnowledgeEngine) -> None:
    plain, _, _ = ask(engine, ONE_HOP, hops=1)
    answer, steps, _ = ask(engine, ONE_HOP, hops=8)
    assert plain.retrieved[0].document == answer.retrieved[0].document == "gisvi"
    assert sum(isinstance(step, Search) for step in steps) <= 16


def test_it_stops_where_nothing_is_named_and_where_nothing_is_found(engine: KnowledgeEngine, tmp_path: Path) -> None:
    _, steps, _ = ask(engine, Question("q", "?"), hops=8)
    assert sum(isinstance(step, Search) for step in steps) <= 16
    empty = Knowledge.open(tmp_path / "index", embedder=ScriptedEmbedder())
    empty.sync([Document("a", "words without capitals, and no more than that")])
    bare = KnowledgeEngine(empty, example_indexes={}, embedder=ScriptedEmbedder)
    answer, steps, _ = ask(bare, TWO_HOPS, hops=8)
    assert [type(step) for step in steps] == [Search, Generate]
    assert answer.refused


@pytest.mark.parametrize("method", ["bridge", "ircot", "decompose"])
@pytest.mark.parametrize("searches", [1, 2, 5])
def test_no_more_is_searched_than_is_allowed(engine: KnowledgeEngine, method: str, searches: int) -> None:
    wordy = ScriptedGenerator(
        [("Questions:", "Where was Gisvi born?\nWhat hotel is in #1?"), ("Next step", "Windhoek hotel")]
    )
    _, steps, _ = ask(engine, TWO_HOPS, wordy, method=method, searches=searches, hops=8)
    assert 1 <= sum(isinstance(step, Search) for step in steps) <= searches


@pytest.mark.parametrize("method", ["bridge", "ircot", "decompose"])
@pytest.mark.parametrize("tokens", [420, 700, 1100])
def test_the_tokens_bind(engine: KnowledgeEngine, method: str, tokens: int) -> None:
    thoughts = iter(range(1000))
    script = [("Questions:", "\n".join(f"Who is {n}?" for n in range(8)))]

    def says(step: Generate) -> str:
        last = step.messages[-1].content
        return script[0][1] if "Questions:" in last else f"Gisvi was born in Windhoek, thought {next(thoughts)}."

    long = ScriptedGenerator(says, name="long")
    _, _, replies = ask(engine, TWO_HOPS, long, method=method, tokens=tokens, hops=8, searches=200)
    assert sum(reply.prompt_tokens + reply.completion_tokens for reply in replies) <= tokens
    if method != "bridge" and tokens == 1100:
        assert len(replies) > 1  # it binds, and does not forbid


def test_tokens_without_room_for_the_instruction_do_not_apply() -> None:
    refused = MultiHop.plan(materials(task="Answer. " * 400), {"tokens": 256})
    assert isinstance(refused, NotApplicable)
    assert "'tokens' (256)" in refused.why
    assert isinstance(MultiHop.plan(materials(corpus_tokens=None), {}), NotApplicable)
    assert isinstance(MultiHop.plan(materials(reranker=False), {"rerank": True}), NotApplicable)


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"hops": 0}, "hops"), ({"searches": 0}, "searches"), ({"tokens": 10}, "tokens"), ({"method": "guess"}, "method"),
     ({"passages": 30}, "passages"), ({"rewrite": "hyde"}, "rewrite")],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(settings: dict[str, Json], why: str) -> None:
    with pytest.raises(UserError, match=why):
        MultiHop.plan(materials(), settings)


def test_a_thought_is_the_next_query_until_it_says_the_answer(engine: KnowledgeEngine) -> None:
    model = ScriptedGenerator(
        [(r"Steps so far: Gisvi was(.|\n)*Next step", "So the answer is the Country Club Resort."),
         ("Next step", "Gisvi was born in Windhoek. [1]"), (".", "the Country Club Resort [2]")]
    )  # fmt: skip
    answer, steps, _ = ask(engine, TWO_HOPS, model, method="ircot", hops=8)
    assert [step.query for step in steps if isinstance(step, Search)] == [TWO_HOPS.text, "Gisvi was born in Windhoek."]
    assert "windhoek" in documents(answer.passages)


@pytest.mark.parametrize("thought", ["", "I don't know.", "\n \n", "Gisvi."])
def test_a_model_that_ignores_the_form_ends_the_hops(engine: KnowledgeEngine, thought: str) -> None:
    _, steps, _ = ask(engine, TWO_HOPS, ScriptedGenerator([("Next step", thought), (".", "x")]), method="ircot", hops=8)
    assert sum(isinstance(step, Search) for step in steps) <= 2  # "Gisvi." is searched once, and then repeats itself


def test_parts_are_asked_in_turn_with_the_answers_before(engine: KnowledgeEngine) -> None:
    model = ScriptedGenerator(
        [("Questions:", "1. Where was Gisvi born?\n2. What is the most popular hotel in #1?\n"),
         ("Question: Where was Gisvi born", "Windhoek [1]"), (".", "the Country Club Resort [1]")]
    )  # fmt: skip
    answer, steps, _ = ask(engine, TWO_HOPS, model, method="decompose")
    queries = [step.query for step in steps if isinstance(step, Search)]
    assert queries == [TWO_HOPS.text, "Where was Gisvi born?", "What is the most popular hotel in Windhoek?"]
    assert "windhoek" in documents(answer.passages)


@pytest.mark.parametrize("split", ["", "one line, no question", "What of #7?\nAnd of #0?"])
def test_a_question_that_is_not_split_is_searched_as_it_is(engine: KnowledgeEngine, split: str) -> None:
    answer, steps, _ = ask(engine, ONE_HOP, ScriptedGenerator([("Questions:", split), (".", "x [1]")]), method="decompose")
    assert steps[0] == Search(ONE_HOP.text, 20, dense_weight=0.0)
    assert "gisvi" in documents(answer.passages)


def test_estimates_are_above_what_is_counted() -> None:
    planned = MultiHop.plan(materials(), {})
    assert isinstance(planned, Plan)
    _, steps = drive(make_strategy(planned.spec).answer(TWO_HOPS), canned)
    (step,) = [step for step in steps if isinstance(step, Generate)]
    model = ScriptedGenerator()
    assert prompt_tokens(step.messages) >= model.count_tokens([model.render(step.messages)])[0]


def test_a_path_ranks_as_its_best_and_one_passage_alone_is_not_pushed_aside() -> None:
    alone = Passage("a", "a", 0, 1, "Gisvi is of Windhoek and has the most popular hotel in the city of birth.", score=1.0)
    other = replace(alone, id="b", document="b", text="Windhoek lies on a plateau.", title="Windhoek")
    path = Hop((alone,), 1.0).extended(other, "Windhoek", 1.0)
    order = ranked(TWO_HOPS.text, [Hop((alone,), 1.0), path])
    assert list(order) == ["a", "b"]
    assert order["a"][1].passages == (alone,)
