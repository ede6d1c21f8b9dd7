"""The HTTP client against llama.cpp's own server, where `xllamacpp` (its wheel) is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rung.models.catalog import PatientServer
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.models.weights import SMOLLM2, fetch
from rung.records.steps import GenerateResult
from rung.testing.models import SCHEMA, asking

llama: Any = pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generator() -> Iterator[HttpGenerator]:
    wanted = llama.CommonParams()
    wanted.model.path = str(fetch(SMOLLM2, progress=lambda *_: None) / SMOLLM2.files[0].name)
    wanted.hostnames, wanted.port, wanted.n_ctx = ["127.0.0.1"], 0, 2048
    server = llama.Server(wanted)
    model = HttpGenerator(Endpoint.named(f"{server.listening_address}/v1#smollm"), PatientServer(timeout_seconds=300))
    yield model
    model.close()


def test_a_check_finds_that_it_holds_the_form(generator: HttpGenerator) -> None:
    report = generator.check(constrained=True)
    assert {name: report[name] for name in ("left_out", "form", "context")} == {
        **{"left_out": [], "form": "held"},
        "context": 2048,  # what it was started with, not what the model was trained for
    }
    assert generator.context_tokens == 2048


def test_whole_and_streamed_are_the_same_and_tokens_are_counted(generator: HttpGenerator) -> None:
    request = asking("Say hello.")
    said = dict(generator.run([request]))[0]
    generator.close()
    *pieces, streamed = generator.stream(request)
    assert isinstance(said, GenerateResult)
    assert isinstance(streamed, GenerateResult)
    assert said.text == streamed.text == "".join(map(str, pieces))
    assert said.prompt_tokens == streamed.prompt_tokens > 5
    assert said.completion_tokens <= 16


def test_schema_and_labels_are_held(generator: HttpGenerator) -> None:
    boolean, label = (dict(generator.run([asking("Is water wet?", **form, max_tokens=64)]))[0] for form in FORMS)
    assert isinstance(boolean, GenerateResult)
    assert isinstance(json.loads(boolean.text)["answer"], bool)
    assert isinstance(label, GenerateResult)
    assert label.text in ("certainly", "never")


FORMS: list[dict[str, Any]] = [{"schema": SCHEMA}, {"choices": ("certainly", "never")}]
