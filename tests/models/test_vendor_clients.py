"""The servers of `vendor_servers` against the vendors' own clients, and our requests against the vendors' own types: what
is learnt from them is what the vendors document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rung.models.wire import Call
from rung.models.wire.anthropic import AnthropicMessages
from rung.models.wire.bedrock import Converse
from rung.models.wire.gemini import Gemini
from rung.models.wire.ollama import Ollama
from rung.models.wire.protocol import WireFormat
from rung.models.wire.responses import Responses
from rung.records import Message
from rung.records.steps import Generate
from rung.testing.models import SCHEMA
from tests.models.vendor_servers import AnthropicServer, BedrockServer, GeminiServer, OllamaServer, ResponsesServer

pytestmark = pytest.mark.slow  # their clients take seconds to load
TURNS = (Message("system", "Be brief."), Message("user", "Hello?"), Message("assistant", "Hi."), Message("user", "Who?"))
STEPS = (
    Generate(TURNS, max_tokens=16),
    Generate(TURNS[1:], schema=SCHEMA, temperature=0.7, seed=2**32 - 1),
    Generate(TURNS[:2], choices=("yes", "no")),
)
CALLS = [Call(step, "small-1", reasoning=room, context=4096) for step in STEPS for room in (0, 2000)]


def bodies(wire: WireFormat) -> list[dict[str, Any]]:
    """Requests of every kind, as they go over the line."""
    return [json.loads(json.dumps(wire.body(replace(call, stream=wire.streams)))) for call in CALLS]


def test_anthropic() -> None:
    anthropic = pytest.importorskip("anthropic")
    pydantic = pytest.importorskip("pydantic")
    from anthropic.types import message_create_params as params

    with AnthropicServer(key="k") as server:
        client = anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=0)
        asking = {"model": "small-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello there."}]}
        whole = client.messages.create(**asking)
        assert whole.content[0].text == "You said: Hello there. and more"
        assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.stop_reason) == (2, 4, "end_turn")
        with client.messages.stream(**asking) as stream:
            assert "".join(stream.text_stream) == whole.content[0].text
        info = client.models.retrieve("small-1")
        assert (info.retires_at.year, info.max_input_tokens) == (2031, 4000)
        with pytest.raises(anthropic.NotFoundError):
            client.messages.create(**{**asking, "model": "none"})
        assert [one.id for one in client.models.list(limit=1000)] == list(server.models)
    sent = pydantic.TypeAdapter(params.MessageCreateParamsStreaming)
    for body in bodies(AnthropicMessages()):
        sent.validate_python(body)
        _no_more_than(body, set(params.MessageCreateParamsBase.__annotations__) | {"stream", "temperature"})


def test_gemini() -> None:
    genai = pytest.importorskip("google.genai")
    from google.genai import errors, types

    with GeminiServer(key="k") as server:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url))
        whole = client.models.generate_content(model="small-1", contents="Hello there.")
        assert whole.text == "You said: Hello there. and more"
        assert whole.usage_metadata.cached_content_token_count == 4
        assert whole.candidates[0].finish_reason == types.FinishReason.STOP
        pieces = client.models.generate_content_stream(model="small-1", contents="Hello there.")
        assert "".join(piece.text for piece in pieces) == whole.text
        assert client.models.get(model="small-1").input_token_limit == 4000
        with pytest.raises(errors.ClientError, match="NOT_FOUND"):
            client.models.generate_content(model="none", contents="Hello there.")
    for body in bodies(Gemini()):
        limits = types.GenerateContentConfig.model_validate(body["generationConfig"])
        assert limits.max_output_tokens
        contents = [types.Content.model_validate(turn) for turn in body["contents"]]
        assert [turn.role for turn in contents][-1] == "user"
        types.Content.model_validate(body.get("systemInstruction", {}))
        _no_more_than(body, {"contents", "generationConfig", "systemInstruction"})


def test_bedrock(monkeypatch: pytest.MonkeyPatch) -> None:
    session = pytest.importorskip("botocore.session")
    from botocore.exceptions import ClientError
    from botocore.validate import ParamValidator

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with BedrockServer() as server:
        make: Callable[..., Any] = session.get_session().create_client
        client = make("bedrock-runtime", region_name="eu-central-1", endpoint_url=server.url)
        asking = {"modelId": "small-1", "messages": [{"role": "user", "content": [{"text": "Hello there."}]}]}
        whole = client.converse(**asking, inferenceConfig={"maxTokens": 9})
        assert whole["output"]["message"]["content"] == [{"text": "You said: Hello there. and more"}]
        assert whole["usage"]["cacheReadInputTokens"] == 4
        with pytest.raises(ClientError, match="ValidationException"):
            client.converse(**{**asking, "modelId": "none"}, inferenceConfig={"maxTokens": 9})
        control = make("bedrock", region_name="eu-central-1", endpoint_url=server.url)
        life = control.get_foundation_model(modelIdentifier="small-1")["modelDetails"]["modelLifecycle"]
        assert life["endOfLifeTime"].year == 2031
        shape = client.meta.service_model.operation_model("Converse").input_shape
    anthropics = [replace(call, model="eu.anthropic.x-1") for call in CALLS]
    for body in (*bodies(Converse()), *map(Converse().body, anthropics)):
        problems = ParamValidator().validate({"modelId": "small-1", **body}, shape)
        assert not problems.has_errors(), problems.generate_report()


def test_ollama() -> None:
    ollama = pytest.importorskip("ollama")
    from ollama._types import ChatRequest

    with OllamaServer() as server:
        client = ollama.Client(server.url)
        asking = {"model": "small-1", "messages": [{"role": "user", "content": "Hello there."}]}
        whole = client.chat(**asking, options={"num_predict": 9})
        assert whole.message.content == "You said: Hello there. and more"
        assert (whole.done_reason, whole.prompt_eval_count) == ("stop", 7)
        pieces = client.chat(**asking, options={"num_predict": 9}, stream=True)
        assert "".join(piece.message.content for piece in pieces) == whole.message.content
        assert client.show("small-1").modelinfo["llama.context_length"] == 4000
        assert client.ps().models[0].context_length == 2048
        assert [row.model for row in client.list().models] == list(server.models)
        with pytest.raises(ollama.ResponseError, match="not found"):
            client.chat(**{**asking, "model": "none"})
    for body in bodies(Ollama()):
        ChatRequest.model_validate(body)
        _no_more_than(body, {*ChatRequest.model_fields, "truncate", "shift"})  # of the server's own source


def test_openais_responses() -> None:
    openai = pytest.importorskip("openai")
    pydantic = pytest.importorskip("pydantic")
    from openai.types.responses import response_create_params as params

    with ResponsesServer(key="k") as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=0)
        asking = {"model": "small-1", "input": [{"role": "user", "content": "Hello there."}], "max_output_tokens": 9}
        whole = client.responses.create(**asking)
        assert whole.output_text == "You said: Hello there. and more"
        assert (whole.status, whole.usage.input_tokens_details.cached_tokens) == ("completed", 4)
        with client.responses.stream(**asking) as stream:
            assert stream.get_final_response().output_text == whole.output_text
        assert next(iter(client.models.list())).shutdown_date == "2031-02-03"
        with pytest.raises(openai.NotFoundError):
            client.responses.create(**{**asking, "model": "none"})
    sent = pydantic.TypeAdapter(params.ResponseCreateParamsStreaming)
    for body in bodies(Responses()):
        sent.validate_python(body)
        _no_more_than(body, {*params.ResponseCreateParamsBase.__annotations__, "stream"})


def _no_more_than(body: dict[str, Any], known_keys: set[str]) -> None:
    assert set(body) <= known_keys
