"""The fakes keep the contracts, read what they are shown, and do as they are told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rung.errors import ModelError
from rung.models.protocol import Embedder, Generator
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator, extract
from rung.models.scripted_engines import Play, ScriptedClassifier, ScriptedReranker, ScriptedTools
from rung.records import Asker, Failure, Json, Message, Passage
from rung.records.steps import (
    CallTool,
    CallToolResult,
    Classify,
    ClassifyResult,
    Generate,
    GenerateResult,
    Request,
    Rerank,
    SearchResult,
    request_digest,
)
from rung.testing.models import EmbedderContract, GeneratorContract, asking
from rung.text.refusals import REFUSAL


class TestScriptedGenerator(GeneratorContract):
    @pytest.fixture
    def generator(self) -> Generator:
        return ScriptedGenerator(context_tokens=512)


class TestScriptedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return ScriptedEmbedder()


SHOWN = "[1] Refunds\nRefunds are paid within thirty days. Ask for one in writing.\n\n[2] Shipping\nWe ship to Norway."


def said(generator: ScriptedGenerator, request: Request) -> str:
    result = dict(generator.run([request]))[0]
    assert isinstance(result, GenerateResult), result
    return result.text


def grounded(question: str, **wanted: object) -> Request:
    return asking(f"{SHOWN}\n\nQuestion: {question}", max_tokens=100, **wanted)


def test_an_array_without_end_is_cut() -> None:
    nested: Json = {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}}
    schema = json.dumps({"type": "object", "properties": {"a": nested}, "required": ["a"]})
    said = json.loads(extract(Generate((Message("user", "q"),), schema=schema)))
    assert len(said["a"]) == 1000
    assert said["a"][0] == [{}]


def test_it_answers_from_the_passage_that_shares_the_words() -> None:
    model = ScriptedGenerator()
    assert said(model, grounded("When are refunds paid?")) == "Refunds are paid within thirty days. [1]"
    assert said(model, grounded("Do you ship to Norway?")) == "We ship to Norway. [2]"
    assert said(model, grounded("Who wrote Hamlet?")) == REFUSAL


def test_it_fills_schemas_from_the_passages() -> None:
    kind = {"type": ["string", "null"]}
    schema = json.dumps(
        {"type": "object", "properties": {"answer": kind, "n": {"type": "integer"}}, "required": ["answer", "n"]}
    )
    model = ScriptedGenerator()
    assert json.loads(said(model, grounded("Do you ship to Norway?", schema=schema))) == {
        "answer": "We ship to Norway.",
        "n": 0,
    }
    assert json.loads(said(model, grounded("Who wrote Hamlet?", schema=schema))) == {"answer": None, "n": 0}


def test_it_follows_the_nearest_example() -> None:
    turns = (
        Message("user", "play some jazz"), Message("assistant", "PlayMusic"),
        Message("user", "will it rain in Oslo"), Message("assistant", "GetWeather"), Message("user", "will it rain in Rome"),
    )  # fmt: skip
    step = Generate(turns, choices=("PlayMusic", "GetWeather"))
    assert said(ScriptedGenerator(), Request(step)) == "GetWeather"


def test_rules_and_functions_speak_first() -> None:
    assert said(ScriptedGenerator([("refund", "thirty days"), (".", "no")]), asking("refund?")) == "thirty days"
    assert said(ScriptedGenerator(lambda step: step.messages[-1].content.upper()), asking("hello")) == "HELLO"
    assert ScriptedGenerator([("a", "b")]).identity != ScriptedGenerator([("a", "c")]).identity


def test_adapters_can_be_refused() -> None:
    model = ScriptedGenerator()
    model.use_adapters({"d": Path()})
    assert said(model, asking("hello", adapter="d")) == "hello"
    with pytest.raises(ModelError):
        ScriptedGenerator(adapters=False).use_adapters({"d": Path()})


def test_what_it_executes_is_logged_and_what_should_fail_fails(tmp_path: Path) -> None:
    log = tmp_path / "log"
    model = ScriptedGenerator(play=Play(log=log, fails=lambda step: "broken" if "bad" in str(step) else ""))
    requests = [asking("good"), asking("bad")]
    results = dict(model.run(requests))
    assert isinstance(results[0], GenerateResult)
    assert results[1] == Failure("broken", step="generate")
    assert log.read_text().split() == [request_digest(request, model.identity) for request in requests]


@pytest.mark.slow
def test_vectors_are_the_same_in_every_process() -> None:
    code = "from rung.models.scripted import ScriptedEmbedder as E; print(E().embed(['a refund'], kind='query').data.hex())"
    told = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)
    ]
    assert told[0] == told[1]
    assert told[0].strip() == ScriptedEmbedder().embed(["a refund"], kind="query").tobytes().hex()


def test_the_other_kinds() -> None:
    passages = tuple(Passage(str(n), "d", 0, 1, text) for n, text in enumerate(("violins", "refunds are paid", "a refund")))
    reranked = dict(ScriptedReranker().run([Request(Rerank("refunds paid", passages, 2), Asker())]))[0]
    assert isinstance(reranked, SearchResult)
    assert [p.id for p in reranked.passages] == ["1", "2"]
    label = dict(ScriptedClassifier({"rain": "weather"}).run([Request(Classify("will it rain", ("music", "weather")))]))[0]
    assert label == ClassifyResult("weather")
    nearest = dict(ScriptedClassifier().run([Request(Classify("the play music", ("get_weather", "play_music")))]))[0]
    assert isinstance(nearest, ClassifyResult)
    assert nearest.label == "play_music"
    tools = ScriptedTools({"add": lambda given: sum(v for v in given.values() if isinstance(v, int))})
    called = dict(
        tools.run([Request(CallTool("add", '{"a": 1, "b": 2}')), Request(CallTool("sub")), Request(CallTool("add", "{"))])
    )
    assert called[0] == CallToolResult(3)
    assert isinstance(called[1], Failure)
    assert isinstance(called[2], Failure)
