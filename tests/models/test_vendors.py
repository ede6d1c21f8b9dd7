"""The vendors' own APIs, against servers on this machine that speak them: see `vendor_servers`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from rung.errors import ModelError, ServerError
from rung.models.catalog import PatientServer, check_name, embedder, generator, is_local, is_remote, reranker
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.models.protocol import Generator
from rung.models.vendors import VENDORS
from rung.records import Failure, Message
from rung.records.steps import Generate, GenerateResult, Request, StepFailed
from rung.testing.models import SCHEMA, GeneratorContract, asking
from tests.models.vendor_servers import SERVERS, Reply, Spoken, VendorServer

ADDRESS = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
    "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "ollama": "OLLAMA_HOST",
    "openai": "OPENAI_BASE_URL",
}
KEY = {
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "bedrock": "AWS_BEARER_TOKEN_BEDROCK",
    "ollama": "OLLAMA_API_KEY",
    "openai": "OPENAI_API_KEY",
}
QUICK = PatientServer(timeout_seconds=5, retries=2)
Open = Callable[..., tuple[VendorServer, HttpGenerator]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """A vendor's server with a key, and a model there."""
    running: list[VendorServer] = []

    def begin(
        vendor: str, *, model: str = "small-1", how: PatientServer = QUICK, key: str = "secret", **settings: Any
    ) -> tuple[VendorServer, HttpGenerator]:
        server = SERVERS[vendor](key="secret", **settings)
        running.append(server.__enter__())
        for variable in (*VENDORS[vendor].keys, "AWS_REGION"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(ADDRESS[vendor], f"{server.url}/v1" if vendor == "openai" else server.url)
        monkeypatch.setenv(KEY[vendor], key)
        how = replace(how, api="responses") if vendor == "openai" else how
        return server, HttpGenerator(Endpoint.named(f"{vendor}:{model}"), how, first_wait=0.01)

    yield begin
    for server in running:
        server.__exit__()


def only(model: HttpGenerator, request: Request) -> Any:
    return dict(model.run([request]))[0]


@pytest.mark.parametrize("vendor", SERVERS)
class TestVendors(GeneratorContract):
    @pytest.fixture
    def generator(self, vendor: str, opened: Open) -> Generator:
        return opened(vendor)[1]


@pytest.mark.parametrize("vendor", SERVERS)
def test_turns_limits_and_forms_are_sent_as_the_api_has_them(vendor: str, opened: Open) -> None:
    server, model = opened(vendor)
    turns = (Message("system", "Be brief."), Message("user", "Hello?"), Message("assistant", "Hi."), Message("user", "Who?"))
    answer = only(model, Request(Generate(turns, schema=SCHEMA, max_tokens=99, temperature=0.5, seed=7)))
    assert json.loads(answer.text) == {"answer": True}
    (asked,) = server.chats
    sent = json.dumps(asked.body)
    assert all(turn.content in sent for turn in turns)
    closed = SCHEMA if vendor not in ("anthropic", "bedrock") else '"additionalProperties": false'
    assert closed in sent or json.dumps(closed)[1:-1] in sent
    assert "99" in sent
    assert "0.5" in sent
    assert ("7" in sent.replace("99", "")) == (vendor in ("gemini", "ollama")), "these two know a seed"


@pytest.mark.parametrize("vendor", SERVERS)
def test_tokens_are_counted_with_those_that_were_cached(vendor: str, opened: Open) -> None:
    _, model = opened(vendor)
    answer = only(model, asking("Hello there."))
    *_, streamed = model.stream(asking("Hello there."))
    assert answer == streamed
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 6)
    assert answer.cached_tokens == (0 if vendor == "ollama" else 4)


@pytest.mark.parametrize("vendor", SERVERS)
def test_thinking_is_no_part_of_the_answer_and_has_room_of_its_own(vendor: str, opened: Open) -> None:
    server, model = opened(vendor, replies={"Hello": Spoken("nine", "end", thought="Seven? No.")})
    assert only(model, asking("Hello there.")).text == "nine"
    assert "".join(map(str, list(model.stream(asking("Hello there.")))[:-1])) == "nine"
    _, model = opened(
        vendor,
        model="eu.anthropic.x-1" if vendor == "bedrock" else "small-1",
        models=("small-1", "eu.anthropic.x-1"),
        how=replace(QUICK, reasoning_tokens=2000),
    )
    server = _
    only(model, asking("Hello there.", max_tokens=16))
    assert "2016" in json.dumps(server.chats[-1].body)
    assert "reasoning-2000" in model.identity


@pytest.mark.parametrize("vendor", SERVERS)
def test_thinking_that_uses_all_tokens_up_is_said(vendor: str, opened: Open) -> None:
    _, model = opened(vendor, replies={"Hello": Spoken("", "limit", thought="Seven? No.")})
    failure = only(model, asking("Hello there."))
    assert isinstance(failure, Failure)
    assert "reasoning used up all 16 tokens" in failure.error
    assert "server.reasoning_tokens" in failure.error


@pytest.mark.parametrize("vendor", [v for v in SERVERS if v not in ("openai",)])
def test_a_model_that_takes_no_budget_for_thinking_is_asked_without(vendor: str, opened: Open) -> None:
    name = "eu.anthropic.x-1" if vendor == "bedrock" else "small-1"
    busy = SERVERS[vendor]().error("no budget")
    server, model = opened(
        vendor, model=name, models=(name,), how=replace(QUICK, reasoning_tokens=2000), replies={"Hello": [busy, None]}
    )
    assert isinstance(only(model, asking("Hello there.")), GenerateResult)
    first, second = (one.body for one in server.chats)
    assert "think" in json.dumps(first)
    assert second.get("thinking", {}) == ({"type": "adaptive"} if vendor == "anthropic" else {})
    report = model.check(constrained=False)
    assert (
        report["left_out"]
        == {"anthropic": [], "gemini": ["thinkingConfig"], "bedrock": ["thinking"], "ollama": ["think"]}[vendor]
    )


@pytest.mark.parametrize("vendor", SERVERS)
def test_a_key_that_is_refused_stops_at_once(vendor: str, opened: Open) -> None:
    server, model = opened(vendor, key="wrong")
    with pytest.raises(ServerError, match=rf"refuses the key .*set {KEY[vendor]} to a key that may use it"):
        model.check(constrained=False)
    assert len(server.chats) == 1


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
def test_where_the_vendor_itself_wants_a_key_nobody_is_asked_without(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VENDORS[vendor].keys, ADDRESS[vendor]):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ServerError, match=rf"wants a key, and .*{KEY[vendor]}.* is not set"):
        only(HttpGenerator(Endpoint.named(f"{vendor}:x"), QUICK), asking("Hello."))


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini"])
def test_no_money_left_stops_at_once(vendor: str, opened: Open) -> None:
    server, model = opened(vendor, replies={"Hello": "spent"})
    with pytest.raises(ServerError, match="has no money or quota left for this key"):
        only(model, asking("Hello there."))
    assert len(server.chats) == 1


@pytest.mark.parametrize("vendor", SERVERS)
def test_a_model_that_is_not_there_is_said_with_the_nearest(vendor: str, opened: Open) -> None:
    _, model = opened(vendor, model="smal-1")
    with pytest.raises(ServerError, match=r"has no model 'smal-1' \(HTTP 4.*did you mean 'small-1'"):
        model.check(constrained=False)


@pytest.mark.parametrize("vendor", SERVERS)
def test_a_busy_server_is_asked_again(vendor: str, opened: Open) -> None:
    server, model = opened(vendor, replies={"Hello": ["busy", "busy", None]})
    assert isinstance(only(model, asking("Hello there.")), GenerateResult)
    assert len(server.chats) == 3


def test_a_server_that_says_whether_to_try_again_is_believed(opened: Open) -> None:
    error = SERVERS["anthropic"]().error("busy")
    server, model = opened("anthropic", replies={"Hello": replace(error, headers={"x-should-retry": "false"})})
    assert isinstance(only(model, asking("Hello there.")), Failure)
    assert len(server.chats) == 1


@pytest.mark.parametrize("vendor", SERVERS)
def test_a_check_tells_the_context_and_when_the_model_ends(vendor: str, opened: Open) -> None:
    _, model = opened(vendor)
    report = model.check(constrained=True)
    assert report["form"] == "held"
    assert report.get("ends", "") == ("2031-02-03" if vendor in ("anthropic", "bedrock", "openai") else "")
    context = 4000 if vendor in ("anthropic", "gemini", "ollama") else 8192
    assert model.context_tokens == context
    _, again = opened(vendor)
    again.recall(report)
    assert again.context_tokens == context


def test_ollama_loads_the_context_that_the_project_wants_and_says_what_it_loaded(opened: Open) -> None:
    server, model = opened("ollama", model="small-2", how=replace(QUICK, context_tokens=6000))
    model.check(constrained=False)
    body = server.chats[0].body
    assert body["options"]["num_ctx"] == 6000
    assert body["truncate"] is body["shift"] is False
    assert model.context_tokens == 2048, "it is loaded with less"
    assert "context-6000" in model.identity


REFUSED: dict[str, Any] = {
    "anthropic": Spoken("", "refusal"),
    "gemini": Reply({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}),
    "bedrock": Spoken("I cannot say", "guardrail_intervened"),
    "openai": Spoken("", "content_filter"),
}


@pytest.mark.parametrize("vendor", REFUSED)
def test_what_a_filter_stops_is_a_failure_that_says_so(vendor: str, opened: Open) -> None:
    _, model = opened(vendor, replies={"Hello": REFUSED[vendor]})
    failure = only(model, asking("Hello there."))
    assert isinstance(failure, Failure)
    assert "content filter stopped the answer" in failure.error


def test_a_tool_that_is_called_unasked_is_no_answer(opened: Open) -> None:
    call = {"type": "tool_use", "id": "t", "name": "lookup", "input": {}}
    body = {**SERVERS["anthropic"]().whole(Spoken("", "tool_use")), "content": [call]}
    _, model = opened("anthropic", replies={"Hello": Reply(body)})
    assert "called the tool 'lookup'" in only(model, asking("Hello there.")).error


def test_a_schema_is_closed_for_those_who_hold_no_other(opened: Open) -> None:
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "answer": {"type": ["integer", "null"], "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^a"}, "minItems": 2},
            "kind": {"enum": ["a", "b"], "type": "string"},
            "either": {"oneOf": [{"$ref": "#/$defs/day"}, {"type": "string", "format": "date"}]},
        },
        "required": ["answer"],
        "$defs": {"day": {"type": "object", "properties": {"d": {"type": "integer"}}, "required": ["d"]}},
    }
    server, model = opened("anthropic")
    assert model.refuses_schema(json.dumps(schema)) == ""
    sent = server.chats[-1].body["output_config"]["format"]["schema"]
    assert sent["additionalProperties"] is sent["$defs"]["day"]["additionalProperties"] is False
    assert sent["required"] == ["answer"]
    properties = sent["properties"]
    assert properties["answer"] == {"anyOf": [{"type": "integer", "description": "{minimum: 1}"}, {"type": "null"}]}
    assert properties["tags"]["items"] == {"type": "string", "description": "{pattern: ^a}"}
    assert properties["tags"]["description"] == "{minItems: 2}"
    assert properties["kind"] == {"enum": ["a", "b"]}
    assert properties["either"] == {"anyOf": [{"$ref": "#/$defs/day"}, {"type": "string", "format": "date"}]}
    free = {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}
    assert "free keys" in model.refuses_schema(json.dumps(free))
    only(model, asking("Hello there.", schema=json.dumps(free)))
    assert "output_config" not in server.chats[-1].body


def test_an_error_amid_a_stream_is_a_failure(opened: Open) -> None:
    event = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    begun = "".join(list(SERVERS["anthropic"]().pieces(Spoken("nine euros", "end")))[:4])
    text = f"{begun}event: error\ndata: {event}\n\n"
    _, model = opened("anthropic", replies={"Hello": Reply(text, kind="text/event-stream")})
    with pytest.raises(StepFailed, match="Overloaded"):
        list(model.stream(asking("Hello there.")))


def test_credentials_that_expire_on_the_way_stop_the_run(opened: Open) -> None:
    _, model = opened("bedrock", replies={"late": "expired"})
    assert isinstance(only(model, asking("Hello there.")), GenerateResult)
    with pytest.raises(ServerError, match=r"refuses the key .*expired"):
        only(model, asking("Too late."))


def test_bedrock_without_an_api_key_is_signed_with_aws_credentials(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("botocore")
    server, model = opened("bedrock", key="")
    server.key = ""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    from rung.models import aws

    aws._session.cache_clear()
    assert isinstance(only(model, asking("Hello there.")), GenerateResult)
    signature = server.chats[0].headers["authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/bedrock/aws4_request" in signature
    assert "wJalrXUtnFEMI" not in json.dumps([one.headers for one in server.asked])


def test_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AZURE_OPENAI_ENDPOINT", "OLLAMA_HOST", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for name in ("anthropic:", "gemini:", "ollama:", "bedrock:", "azure:"):
        with pytest.raises(ModelError, match=f"'{name}' names no model: write {name}<name>"):
            check_name(name)
    with pytest.raises(ModelError, match="AZURE_OPENAI_ENDPOINT is not set"):
        check_name("azure:mine")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    assert Endpoint.named("azure:mine").url == "https://mine.openai.azure.com/openai/v1"
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert Endpoint.named("bedrock:x").url == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0")
    assert Endpoint.named("ollama:x").url == "http://127.0.0.1:11434"
    monkeypatch.setenv("OLLAMA_HOST", "gpu:8080")
    assert Endpoint.named("ollama:x").url == "http://gpu:8080"
    assert is_remote("anthropic:x")
    assert not is_local("ollama:x")


def test_what_a_vendor_has_not_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="'anthropic:x' cannot be an embedder"):
        embedder("anthropic:x")
    with pytest.raises(ModelError, match="'ollama:x' cannot be a reranker, ollama has none"):
        reranker("ollama:x")
    assert isinstance(generator("anthropic:x"), HttpGenerator)


def test_azure_sends_its_key_in_a_header_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "secret")
    monkeypatch.delenv("AZURE_OPENAI_AD_TOKEN", raising=False)
    assert Endpoint.named("azure:mine").headers("POST", "", b"")["api-key"] == "secret"
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    assert Endpoint.named("azure:mine").headers("POST", "", b"")["Authorization"] == "Bearer token"
