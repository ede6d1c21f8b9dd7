"""A recorded conversation as spans: names of the conventions, numbers of the steps, texts only where they are captured."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rung.records import Failure, Message, Passage, plain
from rung.records.steps import (
    CallTool,
    CallToolResult,
    Classify,
    ClassifyResult,
    Generate,
    GenerateResult,
    Request,
    Rerank,
    Search,
    SearchResult,
    request_digest,
)
from rung.tracing import conventions as names
from rung.tracing.parent import TraceParent
from rung.tracing.spans import MAX_PASSAGES
from tests.tracing.traces import FOUND, ending, made, opening, run, runs, spans

SECRET = "the moon is made of cheese"


def test_a_conversation_and_its_steps() -> None:
    trace = made("ab" * 16)
    assert trace.root.name == "invoke_workflow rag"
    assert [step.name for step in trace.steps] == ["retrieval", "chat scripted"]
    assert [step.parent for step in trace.steps] == [trace.root.id] * 2
    search, chat = trace.steps
    assert search.attributes["gen_ai.operation.name"] == "retrieval"
    assert search.attributes["gen_ai.retrieval.top_k"] == 3
    assert search.attributes["gen_ai.retrieval.documents"] == [
        {"id": FOUND.id, "score": 0.5, "document": "docs/a.md", "start": 0, "end": 11}
    ]
    assert chat.attributes["gen_ai.provider.name"] == "rung"
    assert chat.attributes["gen_ai.request.model"] == "scripted"
    tokens = ("gen_ai.usage.input_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.output_tokens")
    assert [chat.attributes[name] for name in tokens] == [40, 30, 5]
    assert [trace.root.attributes[name] for name in tokens] == [40, 30, 5]
    assert trace.root.attributes["gen_ai.agent.name"] == "rag"
    summary = trace.summary
    assert (summary.id, summary.trace) == ("ab" * 16, "ab" * 16)
    assert (summary.prompt_tokens, summary.cached_tokens, summary.completion_tokens, summary.usd) == (40, 30, 5, 0.25)
    assert [chat.began, chat.seconds] == pytest.approx([0.1, 0.8])


def test_a_step_is_named_by_what_was_asked_of_what() -> None:
    asked = opening()
    trace = spans().trace(asked, runs(), ending())
    for step, recorded, engine in zip(trace.steps, runs(), ("index 1", "scripted:rules/1"), strict=True):
        assert step.attributes[names.STEP_DIGEST] == request_digest(Request(recorded.step, asked.asker), engine)


def test_a_caller_s_trace_goes_on() -> None:
    trace = made(parent=TraceParent("cd" * 16, "ef" * 8, False))
    assert (trace.summary.trace, trace.root.parent, trace.sampled) == ("cd" * 16, "ef" * 8, False)
    assert trace.summary.id != trace.summary.trace


def test_without_content_no_text_is_kept() -> None:
    asked = opening(asked=SECRET)
    steps = [
        run(Search(SECRET, 3), SearchResult((replace(FOUND, text=SECRET, title=SECRET),))),
        run(Rerank(SECRET, (FOUND,), 1), SearchResult((replace(FOUND, text=SECRET),))),
        run(Generate((Message("system", SECRET), Message("user", SECRET))), GenerateResult(SECRET, 1, 1)),
        run(Classify(SECRET, (SECRET, "x")), ClassifyResult(SECRET)),
        run(CallTool("calculator", json.dumps({"expression": SECRET})), CallToolResult({"x": SECRET})),
    ]
    trace = spans().trace(asked, steps, ending(SECRET))
    assert len(trace.steps) == 5
    assert SECRET not in json.dumps(plain(trace))
    whole = json.dumps(plain(spans(content=True).trace(asked, steps, ending(SECRET))))
    assert whole.count(SECRET) == 12  # a passage has its text once, titles are not kept


def test_content_is_masked() -> None:
    asked = opening(asked="I am ann@corp.de, and my key is AKIAQ4EXAMP7LETWIN23")
    trace = spans(content=True).trace(asked, runs("I am ann@corp.de"), ending("Hello ann@corp.de"))
    text = json.dumps(plain(trace))
    assert "ann@corp.de" not in text
    assert "AKIAQ4" not in text
    assert trace.root.attributes[names.MASKED] == 4


def test_a_failure_and_what_was_ended_in_the_middle() -> None:
    failed = run(Search("x", 3), None)
    steps = [replace(failed, result=Failure("the server said: key AKIAQ4EXAMP7LETWIN23 is wrong " + "x" * 900)), failed]
    late = ending(error="timeout")
    late.unfinished = (12, 3)
    trace = spans().trace(opening(), steps, late)
    assert [step.error for step in trace.steps] == ["step_failed", "interrupted"]
    assert "AKIA" not in trace.steps[0].message
    assert len(trace.steps[0].message) == 300
    assert (trace.summary.error, trace.summary.prompt_tokens, trace.summary.completion_tokens) == ("timeout", 12, 3)


def test_an_unknown_price_is_unknown() -> None:
    steps = [*runs(), run(Generate((Message("user", "x"),)), GenerateResult("y", 1, 1))]
    trace = spans().trace(opening(), steps, ending())
    assert trace.summary.usd is None
    assert names.USD not in trace.steps[-1].attributes
    assert spans().trace(opening(), runs()[:1], ending()).summary.usd == 0


def test_a_model_on_a_server_is_named_as_it_is_there() -> None:
    step = Generate((Message("user", "x"),), model="http://gpu.example:8000/v1#qwen")
    chat = spans().trace(opening(), [run(step, GenerateResult("y", 1, 1))], ending()).steps[0]
    assert chat.name == "chat qwen"
    assert [chat.attributes[n] for n in ("server.address", "server.port")] == ["gpu.example", 8000]
    vendors = Generate((Message("user", "x"),), model="openai:gpt-x")
    chat = spans().trace(opening(), [run(vendors, GenerateResult("y", 1, 1))], ending()).steps[0]
    assert (chat.attributes["gen_ai.provider.name"], chat.name) == ("openai", "chat gpt-x")


def test_of_very_many_passages_some_are_listed_and_all_counted() -> None:
    many = tuple(Passage(f"a#{n}-{n + 1}", "a", n, n + 1, "x") for n in range(MAX_PASSAGES + 5))
    step = spans(content=True).trace(opening(), [run(Search("", 1, everything=True), SearchResult(many))], ending()).steps[0]
    assert len(step.attributes[names.RETRIEVAL_DOCUMENTS]) == MAX_PASSAGES  # type: ignore[arg-type]
    assert step.attributes[names.PASSAGES_COUNT] == MAX_PASSAGES + 5
