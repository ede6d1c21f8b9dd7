"""Adapters that were trained here, on a server with real weights: loaded, named at its start, lost, given up."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rung.errors import ModelError, ServerError
from rung.models.catalog import PatientServer
from rung.models.causal.generator import TransformersGenerator
from rung.models.http import Endpoint, HttpGenerator
from rung.models.served_adapters import served_name
from rung.records import Failure
from rung.records.steps import GenerateResult, Request, StepFailed
from rung.testing.models import asking
from tests.models.adapter_server import BASE, AdapterServer
from tests.models.test_causal import write_adapter
from tests.models.tiny_models import tiny_model

ADAPTER, OTHER = "a" * 64, "b" * 64
PROMPTS = ("one two three", "a small world", "five six")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base, and two adapters of it."""
    folder = tmp_path_factory.mktemp("served")
    tiny_model(folder / "base", "qwen3")
    for seed, digest in enumerate((ADAPTER, OTHER)):
        write_adapter(folder / "adapter" / digest, folder / "base", seed=seed)
    return folder


@pytest.fixture
def local(weights: Path) -> TransformersGenerator:
    return TransformersGenerator(weights / "base", name="tiny")


@pytest.fixture
def server(local: TransformersGenerator) -> Iterator[AdapterServer]:
    with AdapterServer(generator=local) as one:
        yield one


def at(server: AdapterServer, **settings: object) -> HttpGenerator:
    patient = replace(PatientServer(retries=0), **settings)  # type: ignore[arg-type]
    return HttpGenerator(Endpoint.named(f"{server.url}#{BASE}"), patient, first_wait=0.01)


def answers(model: HttpGenerator | TransformersGenerator, adapter: str = "") -> list[str]:
    requests: Sequence[Request] = [asking(prompt, max_tokens=8, adapter=adapter) for prompt in PROMPTS]
    results = dict(model.run(requests))
    texts = []
    for index in range(len(requests)):
        result = results[index]
        assert isinstance(result, GenerateResult), result
        texts.append(result.text)
    return texts


@pytest.fixture(scope="module")
def by_hand(weights: Path) -> dict[str, list[str]]:
    """What each adapter says in an engine of its own."""
    said = {}
    for digest in (ADAPTER, OTHER):
        engine = TransformersGenerator(weights / "base", name="tiny")
        engine.use_adapters({digest: weights / "adapter" / digest})
        said[digest] = answers(engine, digest)
    return said


def test_a_server_loads_them_and_says_what_they_say_here(
    server: AdapterServer, weights: Path, by_hand: dict[str, list[str]]
) -> None:
    model = at(server)
    before = answers(model)
    model.use_adapters({digest: weights / "adapter" / digest for digest in (ADAPTER, OTHER)})
    assert server.loaded == [served_name(ADAPTER), served_name(OTHER)]
    assert answers(model, ADAPTER) == by_hand[ADAPTER] != before
    assert answers(model, OTHER) == by_hand[OTHER]
    assert answers(model) == before
    asked = [r.body["model"] for r in server.asked if r.path.endswith("/chat/completions")][-3 * len(PROMPTS) :]
    assert set(asked) == {served_name(ADAPTER), served_name(OTHER), BASE}
    *pieces, whole = model.stream(asking(PROMPTS[0], max_tokens=8, adapter=ADAPTER))
    assert isinstance(whole, GenerateResult)
    assert "".join(map(str, pieces)) == whole.text == by_hand[ADAPTER][0]
    with pytest.raises(StepFailed, match="was not given the adapter cccc"):
        list(model.stream(asking("one", adapter="c" * 64)))


def test_those_that_it_was_started_with_are_taken_as_they_are(
    server: AdapterServer, weights: Path, by_hand: dict[str, list[str]]
) -> None:
    server._load(served_name(ADAPTER), str(weights / "adapter" / ADAPTER))
    server.loads = False
    model = at(server)
    model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    assert answers(model, ADAPTER) == by_hand[ADAPTER]
    assert not [request for request in server.asked if "lora" in request.path]


def test_one_that_is_not_there_is_said_with_what_to_do(server: AdapterServer, weights: Path) -> None:
    server.loads = False
    with pytest.raises(ModelError, match="has no adapter rung-aaaa") as refused:
        at(server).use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    for part in ("--enable-lora", str(weights / "adapter" / ADAPTER), "adapters_at", "HTTP 404"):
        assert part in str(refused.value)
    (result,) = (result for _, result in at(server).run([asking("one", adapter=ADAPTER)]))
    assert isinstance(result, Failure), "never the base's answer"


def test_a_server_that_answers_by_its_base_is_found_out(server: AdapterServer, weights: Path) -> None:
    server.deaf = True
    model = at(server)
    with pytest.raises(ModelError, match=r"answers 6 of 6 questions word for word .* its base answers"):
        model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    (result,) = (result for _, result in model.run([asking("one", adapter=ADAPTER)]))
    assert isinstance(result, Failure)


def test_it_is_told_apart_under_the_instruction_that_it_was_taught(server: AdapterServer, weights: Path) -> None:
    folder = weights / "adapter" / ADAPTER
    (folder / "manifest.json").write_text(json.dumps({"instruction": "Say it in words."}), encoding="utf-8")
    try:
        at(server).use_adapters({ADAPTER: folder})
    finally:
        (folder / "manifest.json").unlink()
    chats = [request.messages for request in server.asked if request.path.endswith("/chat/completions")]
    assert chats
    assert {chat[0].content for chat in chats} == {"Say it in words."}


def test_a_server_that_sees_other_folders_is_told_those(
    server: AdapterServer, weights: Path, by_hand: dict[str, list[str]]
) -> None:
    server.sees = {"/mnt/artifacts": weights}
    model = at(server, adapters_at="/mnt/artifacts")
    model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    paths = [request.body["lora_path"] for request in server.asked if "lora" in request.path]
    assert answers(model, ADAPTER) == by_hand[ADAPTER]
    assert paths == [f"/mnt/artifacts/adapter/{ADAPTER}"]


def test_one_that_was_started_anew_is_given_it_again(server: AdapterServer, weights: Path) -> None:
    model = at(server)
    model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    expected = answers(model, ADAPTER)
    server.loaded.clear()
    server.models = [BASE]
    gate = threading.Barrier(3)
    texts: list[list[str]] = []

    def ask() -> None:
        gate.wait()
        texts.append(answers(model, ADAPTER))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [expected] * 3
    assert server.loaded == [served_name(ADAPTER)], "once, by one of them"
    server.models, server.loads = [BASE], False
    for _ in range(2):
        with pytest.raises((ServerError, ModelError), match="has no adapter"):
            answers(model, ADAPTER)
    server.loads = True
    assert answers(model, ADAPTER) == expected, "a placing that failed is tried at the next request"


def test_it_is_given_up_at_the_server(server: AdapterServer, weights: Path) -> None:
    model = at(server)
    model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    assert model.unload(ADAPTER) == "unloaded"
    assert server.loaded == []
    assert model.unload(ADAPTER) == "not there"
    (result,) = (result for _, result in model.run([asking("one", adapter=ADAPTER)]))
    assert isinstance(result, Failure)


def test_a_vendors_host_takes_none(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with pytest.raises(ModelError, match="takes no adapters made here"):
        HttpGenerator(Endpoint.named("openai:gpt-x"), PatientServer()).use_adapters({ADAPTER: weights})


def test_what_the_server_says_of_unloading_is_said(server: AdapterServer, weights: Path) -> None:
    model = at(server)
    model.use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
    server.loads = False
    assert model.unload(ADAPTER).startswith("still there, the server does not unload it: HTTP 404")
    server.models = None  # it has no list
    assert "cannot be read" in model.unload(ADAPTER)


def test_a_base_that_says_another_thing_each_time_proves_nothing(
    server: AdapterServer, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server._load(served_name(ADAPTER), str(weights / "adapter" / ADAPTER))
    numbers = itertools.count()
    monkeypatch.setattr(server, "_extracted", lambda _asked: f"number {next(numbers)}")
    with pytest.raises(ModelError, match="by the base otherwise each time"):
        at(server).use_adapters({ADAPTER: weights / "adapter" / ADAPTER})


def test_models_that_only_reason_in_so_few_tokens_are_told_apart_by_that(server: AdapterServer, weights: Path) -> None:
    server._load(served_name(ADAPTER), str(weights / "adapter" / ADAPTER))
    server.script = {"*": None}
    by_model = lambda asked: {  # noqa: E731 - a reply
        "choices": [
            {
                "message": {"role": "assistant", "content": None, "reasoning_content": f"Okay, as {asked.body['model']}"},
                "finish_reason": "length",
            }
        ]
    }
    server._by_itself = by_model  # type: ignore[method-assign, assignment]
    at(server).use_adapters({ADAPTER: weights / "adapter" / ADAPTER})
