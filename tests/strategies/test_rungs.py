"""What each rung asks for, driven by hand."""

import pytest

from rung.errors import UserError
from rung.records import Answer, Case, Example, Json, Message, Question
from rung.records.steps import Generate, GenerateResult, Search
from rung.strategies.citing import finish
from rung.strategies.protocol import Adapter, ChunkedIndex, Lesson, Materials, NotApplicable, Plan
from rung.strategies.registry import by_default, find, ladder, make_strategy
from rung.strategies.settings import expand
from rung.testing.strategies import PASSAGES, canned, drive, materials

QUESTION = Question("q1", "Do you ship to Norway?", (Message("user", "Hello"), Message("assistant", "Hi")))
FIELD = '{"type":["string","null"]}'
SCHEMA = f'{{"type":"object","properties":{{"answer":{FIELD},"quote":{FIELD}}},"required":["answer","quote"]}}'


def plan(name: str, given: Materials | None = None, **settings: object) -> Plan:
    made = find(name).plan(given or materials(), settings)  # type: ignore[arg-type]
    assert isinstance(made, Plan)
    return made


def asked(
    name: str, given: Materials | None = None, says: str = "yes [2]", **settings: object
) -> tuple[Answer, list[object]]:
    made = plan(name, given, **settings)
    strategy = make_strategy(made.with_artifacts(tuple("a" * 64 for _ in made.needs)))
    answer, steps = drive(strategy.answer(QUESTION), lambda step: canned(step, says=says))
    return answer, list(steps)


def lessons(made: Plan) -> list[Example]:
    need = made.needs[0]
    assert isinstance(need, Adapter)
    taught = [drive(lesson.talk(), canned)[0] for lesson in need.lessons if isinstance(lesson, Lesson)]
    return [example for example in taught if example]


def test_the_ladder_goes_from_the_cheapest_up() -> None:
    rungs = [
        *("prompt", "few_shot", "structured", "long_context", "rag", "multi_hop", "tools"),
        *("tuned_retriever", "classifier", "tuned_model", "hybrid", "router", "semantic_cache", "function"),
    ]
    assert list(ladder())[: len(rungs)] == rungs
    assert by_default()[: len(rungs) - 2] == rungs[:-2]
    assert not {"semantic_cache", "function"} & set(by_default())  # whose answers, and which function, somebody has to say


def test_an_unknown_rung_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'rag'"):
        find("rags")


def test_a_list_in_the_settings_is_a_sweep() -> None:
    assert list(expand({"passages": [1, 3], "candidates": 20})) == [
        {"passages": 1, "candidates": 20},
        {"passages": 3, "candidates": 20},
    ]


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("rag", {"passages": 0}),
        ("rag", {"passages": "3"}),
        ("few_shot", {"pick": "best"}),
        ("hybrid", {"unanswerable": 1.5}),
    ],
)
def test_a_setting_out_of_range_is_refused(name: str, setting: dict[str, Json]) -> None:
    with pytest.raises(UserError, match=next(iter(setting))):
        find(name).plan(materials(), setting)


def test_prompt_keeps_earlier_turns_and_puts_the_question_last() -> None:
    _, (step,) = asked("prompt")
    assert isinstance(step, Generate)
    assert [m.role for m in step.messages] == ["system", "user", "assistant", "user"]
    assert step.messages[-1].content == QUESTION.text
    assert not step.schema


def test_few_shot_shows_the_nearest_example_last() -> None:
    _, (search, step) = asked("few_shot")
    assert isinstance(search, Search)
    assert search.index == "a" * 64
    assert isinstance(step, Generate)
    assert [m.content for m in step.messages[1:5]] == ["Bye", "See you", "Hi", "Hello"]


def test_structured_needs_something_to_hold_the_output_to() -> None:
    made = find("structured").plan(materials(), {})
    assert isinstance(made, NotApplicable)
    _, (step,) = asked("structured", materials(schema=SCHEMA))
    assert isinstance(step, Generate)
    assert step.schema == SCHEMA


def test_long_context_says_with_numbers_that_the_corpus_does_not_fit() -> None:
    made = find("long_context").plan(materials(corpus_tokens=9000), {})
    assert isinstance(made, NotApplicable)
    assert "9,000" in made.why
    assert "8,192" in made.why


def test_long_context_puts_the_corpus_before_the_question() -> None:
    _, (search, step) = asked("long_context")
    assert isinstance(search, Search)
    assert search.everything
    assert isinstance(step, Generate)
    assert all(p.text in step.messages[0].content for p in PASSAGES)


def test_rag_resolves_marks_to_characters() -> None:
    answer, _ = asked("rag")
    assert (answer.plain, answer.text) == ("yes", "yes [2]")
    (citation,) = answer.citations
    assert (citation.document, citation.start, citation.end) == ("b", 0, 20)


def test_a_mark_that_points_nowhere_is_no_citation() -> None:
    answer, _ = asked("rag", says="yes [7]")
    assert answer.citations == ()
    assert answer.plain == "yes"


def test_rag_recognises_a_refusal() -> None:
    answer, _ = asked("rag", says="I don't know.")
    assert answer.refused


def test_with_a_schema_a_verbatim_quote_is_the_citation() -> None:
    said = GenerateResult('{"answer": "yes", "quote": "ship to Norway"}')
    (citation,) = finish(said, schema=SCHEMA, shown=PASSAGES).citations
    assert PASSAGES[1].text[citation.start : citation.end] == "ship to Norway"
    assert finish(GenerateResult('{"answer": "yes", "quote": "made up"}'), schema=SCHEMA, shown=PASSAGES).citations == ()


def test_tuned_model_learns_the_prompt_that_it_will_see() -> None:
    given = materials(
        examples=(Example("e", (Message("system", "other"), Message("user", QUESTION.text), Message("assistant", "yes"))),)
    )
    (taught,) = lessons(plan("tuned_model", given))
    _, (step,) = asked("tuned_model", given)
    assert isinstance(step, Generate)
    assert step.adapter == "a" * 64
    assert taught.messages[0] == step.messages[0]
    assert taught.messages[-2] == step.messages[-1]


def test_tuned_model_falls_back_on_train_cases() -> None:
    taught = lessons(plan("tuned_model", materials(examples=())))
    assert [e.output for e in taught] == ["thirty days", "I don't know."]


def test_hybrid_learns_from_prompts_with_retrieved_passages() -> None:
    given = materials(lessons=(Case("t1", "How long do refunds take?", ("thirty days",), split="train"),))
    (first, *_) = lessons(plan("hybrid", given, unanswerable=0.0))
    assert first.output == "thirty days [1]"
    assert "[3] Prices" in first.messages[1].content


def test_hybrid_puts_in_the_gold_passage_that_the_search_missed() -> None:
    missed = PASSAGES[0].__class__("z#0-9", "z", 0, 9, "Gold text")
    given = materials(lessons=(Case("t1", "?", ("x",), split="train"),), gold={"t1": (missed,)})
    (taught,) = lessons(plan("hybrid", given, unanswerable=0.0, passages=2))
    assert "Gold text" in taught.messages[1].content
    assert taught.messages[1].content.count("\n\n") == 2  # two passages and the question


def test_hybrid_makes_up_its_share_of_unanswerable_lessons() -> None:
    answerable = tuple(Case(f"t{n}", f"Question {n}?", ("x",), split="train") for n in range(8))
    given = materials(lessons=answerable, gold={c.id: PASSAGES[:1] for c in answerable})
    taught = lessons(plan("hybrid", given, unanswerable=0.2))
    refusals = [e for e in taught if e.output == "I don't know."]
    assert (len(taught), len(refusals)) == (10, 2)
    assert all(PASSAGES[0].text not in e.messages[1].content for e in refusals)


def test_hybrid_takes_no_more_unanswerable_lessons_than_asked() -> None:
    cases = tuple(
        Case(f"t{n}", f"Question {n}?", ("x",) if n % 2 else (), answerable=bool(n % 2), split="train") for n in range(40)
    )
    given = materials(lessons=cases, gold={c.id: PASSAGES[:1] for c in cases if c.answerable})
    taught = lessons(plan("hybrid", given, unanswerable=0.2))
    assert sum(e.output == "I don't know." for e in taught) == 5
    assert len(taught) == 25


def test_hybrid_does_not_learn_from_refusals_alone() -> None:
    refusing = tuple(Case(f"t{n}", f"Question {n}?", (), answerable=False, split="train") for n in range(8))
    without_gold = Case("t9", "Question 9?", ("x",), split="train")
    planned = ladder()["hybrid"].plan(materials(lessons=(*refusing, without_gold), gold={}), {})
    assert isinstance(planned, NotApplicable)
    assert "evidence" in planned.why


def test_oracle_shows_gold_and_searches_where_there_is_none() -> None:
    from rung.strategies.reference import Oracle

    made = Oracle.plan(materials(), {})
    assert isinstance(made, Plan)
    strategy = make_strategy(made.spec, gold=materials().gold)
    answer, steps = drive(strategy.answer(QUESTION), canned)
    assert [p.document for p in answer.passages] == ["b"]
    assert len(steps) == 1
    answer, steps = drive(strategy.answer(Question("unknown", "?")), canned)
    assert isinstance(steps[0], Search)


def test_rag_searches_the_documents_as_its_settings_cut_them() -> None:
    made = plan("rag", chunk_tokens=80, parent_tokens=320)
    assert made.needs == (ChunkedIndex(80, 12, 320),)
    _, steps = asked("rag", chunk_tokens=80)
    assert {step.index for step in steps if isinstance(step, Search)} == {"a" * 64}
    assert plan("rag").needs == ()
    wrong: list[dict[str, Json]] = [{"chunk_tokens": 8}, {"chunk_tokens": 80, "chunk_overlap": 41}, {"parent_tokens": 320}]
    for settings in wrong:
        with pytest.raises(UserError, match="chunk_"):
            find("rag").plan(materials(), settings)


def test_shots_are_examples_of_behaviour_where_no_train_case_shows_grounding() -> None:
    style = tuple(Example(f"e{n}", (Message("user", f"Hi {n}"), Message("assistant", f"Ahoy {n}"))) for n in range(3))
    calls = Example("c", (Message("user", "2 + 2?"), Message("assistant", "<tool_call>{}</tool_call>")), tools="[{}]")
    bare = materials(lessons=(), gold={}, examples=(*style, calls))
    worked = plan("rag", bare, shots=2).spec.worked
    assert [m.role for m in worked] == ["user", "assistant"] * 2
    assert all(m.content.startswith(("Hi", "Ahoy")) for m in worked)
    assert len(plan("rag", bare, shots=9).spec.worked) == 2 * len(style)  # what calls a tool shows no manner
    both = plan("multi_hop", materials(examples=style), shots=4).spec.worked
    grounded = [m.content.startswith("[1] Refunds") for m in both if m.role == "user"]
    assert grounded == [False, False, True, True]  # those with passages stand next to the question
    assert plan("rag", materials(lessons=(), gold={}, examples=()), shots=3).spec.worked == ()


def test_an_example_in_json_is_written_as_the_schema_has_it() -> None:
    row = Example("e", (Message("user", "Hi"), Message("assistant", '{"quote": null,  "answer": "Ahoy"}')))
    worked = plan("rag", materials(schema=SCHEMA, lessons=(), examples=(row,)), shots=1).spec.worked
    assert worked[1].content == '{"answer": "Ahoy", "quote": null}'
