"""OpenAI's API: answers, streams, and every parameter honoured or refused by its name."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
from pathlib import Path
from typing import Any

import pytest

from rung.models.scripted import ScriptedGenerator
from rung.serving.conversations import Limits
from tests.serving.serving import SHIPPING, Client, Failing, Slow, chat, events, served

ANSWER = "Express shipping costs nine euros and takes one day. [1]"
FEE_SCHEMA = {"type": "object", "properties": {"fee": {"type": "string"}}, "required": ["fee"]}
FEE: dict[str, Any] = {"type": "function", "function": {"name": "fee", "description": "Keep it.", "parameters": FEE_SCHEMA}}
NAMED_F = {"type": "function", "function": {"name": "f"}}


def test_an_answer_has_its_citation_where_the_mark_stands(client: Client) -> None:
    body = client.chat().json()
    message = body["choices"][0]["message"]
    assert message["content"] == ANSWER
    assert body["choices"][0]["finish_reason"] == "stop"
    cited = message["annotations"][0]["url_citation"]
    assert ANSWER[cited["start_index"] : cited["end_index"]] == "[1]"
    assert cited["title"] == "Shipping", "a page goes by its title, source code by file and line"
    own = message["rung"]["citations"][0]
    assert own["document"] == "docs/shipping.md"
    assert "nine euros" in own["quote"]
    assert message["rung"]["as_measured"] is True
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"] > 0


def test_a_citation_opens_at_its_place(client: Client) -> None:
    own = client.chat().json()["choices"][0]["message"]["rung"]["citations"][0]
    page = client.get(own["url"].removeprefix("http://testserver"))
    marked = page.text.split('<mark id="place">')[1].split("</mark>")[0]
    assert marked == own["quote"]


def test_a_stream_is_the_same_answer(client: Client) -> None:
    response = client.chat(stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.rstrip().endswith("data: [DONE]")
    *chunks, last, usage = events(response)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == ANSWER
    assert len([c for c in chunks if c["choices"][0]["delta"].get("content")]) > 3
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["choices"][0]["delta"]["annotations"]
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert len({c["id"] for c in (*chunks, last, usage)}) == 1


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tools": [FEE], "tool_choice": "auto"}, "tools"),
        ({"tools": [FEE, {**FEE, "function": {"name": "g"}}], "tool_choice": "required"}, "tools"),
        ({"tools": [FEE, FEE], "tool_choice": "none"}, "tools"),
        ({"tools": [FEE], "tool_choice": {"type": "function", "function": {"name": "fees"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        (
            {
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "no"}}}],
                "tool_choice": NAMED_F,
            },
            "response_format",
        ),
        ({"n": 9}, "n"),
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_p": 0.5}, "top_p"),
        ({"user": 5}, "user"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"store": True}, "store"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"tmperature": 0}, "tmperature"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "0"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", ""]}, "stop"),
        ({"stream_options": {"include_usages": True}}, "stream_options.include_usages"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "tools": [FEE], "tool_choice": "required"}, "tool_choice"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "no"}}}},
            "response_format",
        ),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Be rude."}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages[0].name"),
        ({"messages": [{"role": "tool", "content": "4", "tool_call_id": "c"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages[1].role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content",
        ),
    ],
)
def test_what_is_not_supported_is_refused_by_name(client: Client, more: dict[str, Any], param: str) -> None:
    response = client.chat(**more)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert set(error) == {"message", "type", "param", "code"}


def test_what_changes_nothing_is_taken(client: Client) -> None:
    neutral: dict[str, Any] = {
        "n": 1,
        "logprobs": False,
        "top_p": 1.0,
        "presence_penalty": 0,
        "tools": None,
        "user": "ada",
        "metadata": {"chat": "7"},
        "prompt_cache_key": "helpdesk",
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "temperature": 0.0,
    }
    body = client.chat(**neutral).json()
    assert body["choices"][0]["message"]["content"] == ANSWER
    assert body["choices"][0]["message"]["rung"]["as_measured"] is True


def test_a_clients_instruction_stands_behind_the_projects(shop: Path) -> None:
    seen: list[Any] = []

    def script(step: Any) -> str:
        seen.append(step.messages)
        return "Nine. [1]"

    turns = [
        {"role": "system", "content": "Answer as a pirate."},
        {"role": "user", "content": SHIPPING},
        {"role": "assistant", "content": "Ahoy."},
        {"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
        {"role": "user", "content": SHIPPING},
    ]
    with served(shop, model=ScriptedGenerator(script)) as client:
        message = client.chat(messages=turns).json()["choices"][0]["message"]
        client.chat()
    assert message["rung"]["as_measured"] is False
    with_it, without = seen
    assert [m.role for m in with_it] == ["system", "user", "assistant", "user"]
    own = without[0].content
    task, rules = own.split("\n", 1)
    assert with_it[0].content == f"{task}\nAnswer as a pirate.\nBe short.\n{rules}"


def test_several_answers_each_have_a_number_a_seed_and_an_id(shop: Path) -> None:
    seeds: list[int] = []

    def script(step: Any) -> str:
        seeds.append(step.seed)
        return f"Nine, by {step.seed}. [1]"

    with served(shop, model=ScriptedGenerator(script)) as client:
        body = client.chat(n=3, seed=7, temperature=0.5).json()
        one = client.chat().json()
        rated = [
            client.post("/v1/feedback", {"id": choice["message"]["rung"]["id"], "rating": "up"}).status_code
            for choice in body["choices"]
        ]
    assert sorted(seeds[:3]) == [7, 8, 9]
    assert [c["message"]["content"] for c in body["choices"]] == [f"Nine, by {seed}. [1]" for seed in (7, 8, 9)]
    assert [c["index"] for c in body["choices"]] == [0, 1, 2]
    assert body["usage"]["total_tokens"] > 2 * one["usage"]["total_tokens"]
    assert rated == [200, 200, 200]
    assert len({c["message"]["rung"]["id"] for c in body["choices"]}) == 3


def test_several_answers_are_streamed_side_by_side(shop: Path) -> None:
    with served(shop, model=Slow(0.01)) as client:
        response = client.chat(n=2, stream=True, stream_options={"include_usage": True})
    *chunks, usage = events(response)
    texts = ["", ""]
    order = []
    for chunk in chunks:
        choice = chunk["choices"][0]
        texts[choice["index"]] += choice["delta"].get("content") or ""
        order.append(choice["index"])
    assert texts == [ANSWER, ANSWER]
    assert order != sorted(order)
    assert usage["usage"]["completion_tokens"] > 0


def test_one_of_several_that_fails_is_no_answer(shop: Path) -> None:
    with served(shop, model=Failing()) as client:
        assert client.chat(n=3).status_code == 502
        assert client.app.state.answering.conversations.waiting == 0


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "fee"}}])
def test_the_arguments_of_a_named_function_are_the_answer(client: Client, choice: Any) -> None:
    body = client.chat(tools=[FEE], tool_choice=choice).json()["choices"][0]
    (call,) = body["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "fee")
    assert json.loads(call["function"]["arguments"])["fee"].startswith("Express")
    assert body["message"]["content"] is None
    assert body["message"]["rung"]["as_measured"] is False
    chunks = events(client.chat(tools=[FEE], tool_choice=choice, stream=True))
    deltas = [c["choices"][0]["delta"]["tool_calls"][0] for c in chunks if "tool_calls" in c["choices"][0]["delta"]]
    assert deltas[0]["function"]["name"] == "fee"
    assert deltas[0]["id"]
    assert "".join(delta["function"]["arguments"] for delta in deltas) == call["function"]["arguments"]


def test_functions_that_may_not_be_called_change_nothing(client: Client) -> None:
    message = client.chat(tools=[FEE], tool_choice="none").json()["choices"][0]["message"]
    assert (message["content"], message["rung"]["as_measured"]) == (ANSWER, True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_sequence_ends_the_answer_before_it(client: Client, stream: bool) -> None:
    response = client.chat(stop=["nine"], stream=stream)
    if stream:
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in events(response))
    else:
        text = response.json()["choices"][0]["message"]["content"]
        assert response.json()["choices"][0]["message"]["rung"]["as_measured"] is False
    assert text == "Express shipping costs"


def test_a_limit_of_tokens_is_kept(client: Client) -> None:
    body = client.chat(max_completion_tokens=2).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["choices"][0]["message"]["content"] == "Express shipping"
    assert body["choices"][0]["message"]["rung"]["as_measured"] is False


def test_temperature_and_seed_reach_the_model(shop: Path) -> None:
    seen: list[Any] = []

    def script(step: Any) -> str:
        seen.append((step.temperature, step.seed))
        return "Nine. [1]"

    with served(shop, model=ScriptedGenerator(script)) as client:
        body = client.chat(temperature=0.7, seed=5).json()
    assert seen == [(0.7, 5)]
    assert body["choices"][0]["message"]["rung"]["as_measured"] is False


def test_a_schema_of_the_request_is_kept_to(client: Client) -> None:
    schema = {"type": "object", "properties": {"fee": {"type": "string"}}, "required": ["fee"]}
    body = client.chat(response_format={"type": "json_schema", "json_schema": {"name": "fee", "schema": schema}}).json()
    assert body["choices"][0]["message"]["content"].startswith('{"fee": "Express')


def test_an_object_of_whatever_form_may_be_asked_for(client: Client) -> None:
    message = client.chat(response_format={"type": "json_object"}).json()["choices"][0]["message"]
    assert isinstance(json.loads(message["content"]), dict)
    assert message["rung"]["as_measured"] is False


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/nothing"},
        {"$ref": "https://example.com/schema.json"},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"enum": ["a" * 70_000]},
        {"title": "\ud800"},
        nested(300),
    ],
    ids=["nowhere", "elsewhere", "contradiction", "large", "surrogate", "nested"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_schema_that_no_answer_can_be_held_to_is_refused(client: Client, schema: dict[str, Any], stream: bool) -> None:
    body = chat(response_format={"type": "json_schema", "json_schema": {"name": "fee", "schema": schema}}, stream=stream)
    headers = {"content-type": "application/json"}  # as escapes, as clients send half a character
    response = client.send("POST", "/v1/chat/completions", content=json.dumps(body).encode(), headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"


def test_earlier_turns_are_shown_to_the_model(shop: Path) -> None:
    seen: list[Any] = []

    def script(step: Any) -> str:
        seen.extend((m.role, m.content) for m in step.messages[1:])
        return "Nine. [1]"

    turns = [
        {"role": "user", "content": "I live in Norway."},
        {"role": "assistant", "content": "Noted.", "annotations": [], "rung": {}, "tool_calls": None},
        {"role": "user", "content": [{"type": "text", "text": SHIPPING}]},
    ]
    with served(shop, model=ScriptedGenerator(script)) as client:
        assert client.chat(messages=turns).status_code == 200
    assert seen[:2] == [("user", "I live in Norway."), ("assistant", "Noted.")]
    assert seen[2][1].endswith(f"Question: {SHIPPING}")


def test_a_chat_that_no_model_takes_is_refused_before_and_after_the_search(shop: Path) -> None:
    with served(shop, model=ScriptedGenerator(context_tokens=200)) as client:
        long = client.chat("word " * 300)
        with_passages = client.chat("shipping " * 150)
    for response in (long, with_passages):
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "context_length_exceeded"


def test_a_chat_that_is_longer_than_the_model_reads_loses_its_oldest_turns_and_says_so(shop: Path) -> None:
    turns = [{"role": role, "content": f"{role} {n} " + "word " * 30} for n in range(9) for role in ("user", "assistant")]
    asked = [*turns, {"role": "user", "content": SHIPPING}]
    with served(shop, model=ScriptedGenerator([(".", "Nine. [1]")], context_tokens=400)) as client:
        whole = client.chat(messages=asked)
        short = client.chat(messages=asked[-3:])
        streamed = client.chat(messages=asked, stream=True)
    assert whole.status_code == 200
    left_out = whole.json()["choices"][0]["message"]["rung"]["turns_left_out"]
    assert 0 < left_out < len(turns)
    assert "turns_left_out" not in short.json()["choices"][0]["message"]["rung"]
    assert f'"turns_left_out": {left_out}' in streamed.text.replace('":', '": ').replace('":  ', '": ')
    assert whole.json()["usage"]["prompt_tokens"] <= 400


def test_an_unknown_model_is_told_with_those_that_there_are(client: Client) -> None:
    response = client.chat(model="gpt-9")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert "rag" in response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_why_an_answer_failed_stays_in_the_log(shop: Path, caplog: pytest.LogCaptureFixture, stream: bool) -> None:
    with served(shop, model=Failing()) as client:
        response = client.chat(stream=stream)
    assert response.status_code == 502
    assert "secret" not in response.text
    assert "the secret is 42" in caplog.text


def test_models_say_by_which_digests_they_answer(client: Client) -> None:
    listed = client.get("/v1/models").json()["data"]
    assert [one["id"] for one in listed] == ["prompt", "few_shot", "rag"]
    assert len(listed[2]["rung"]["digest"]) == 64
    assert listed[2]["rung"]["index_version"] == 1
    assert client.get("/v1/models/rag").json()["id"] == "rag"
    assert client.get("/v1/models/nothing").status_code == 404


def test_embeddings_as_numbers_and_as_bytes(client: Client) -> None:
    body = {"model": "scripted", "input": ["a shop", "a parcel"]}
    numbers = client.post("/v1/embeddings", body).json()["data"]
    packed = client.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()["data"]
    raw = base64.b64decode(packed[1]["embedding"])
    assert list(struct.unpack(f"<{len(raw) // 4}f", raw)) == numbers[1]["embedding"]
    assert client.post("/v1/embeddings", {"model": "scripted", "input": [1, 2]}).status_code == 400
    assert client.post("/v1/embeddings", {**body, "dimensions": 7}).json()["error"]["param"] == "dimensions"


class Waiting:
    """The embedder of a project, which embeds when it is told to."""

    def __init__(self, embedder: Any) -> None:
        self._embedder, self.going, self.begun = embedder, threading.Event(), 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed(self, texts: list[str], *, kind: Any) -> Any:
        self.begun += 1
        self.going.wait(10)
        return self._embedder.embed(texts, kind=kind)


def test_embeddings_wait_their_turn_and_keep_nobody_from_being_known(shop: Path) -> None:
    with served(shop, limits=Limits(at_once=2, queue=50)) as client:
        name, embedder = client.app.state.embedding
        waiting = Waiting(embedder)
        client.app.state.embedding = name, waiting
        spent: list[int] = []
        client.app.state.answering.on_spent = lambda caller, tokens: spent.append(tokens)

        async def many() -> list[int]:
            async with client.connected() as connected:
                body = {"model": "scripted", "input": "a shop"}
                posts = [asyncio.create_task(connected.post("/v1/embeddings", json=body)) for _ in range(45)]
                listed = await asyncio.wait_for(connected.get("/v1/models"), 5)
                assert listed.status_code == 200
                await asyncio.sleep(0.2)
                assert waiting.begun == 2
                waiting.going.set()
                return [response.status_code for response in await asyncio.gather(*posts)]

        assert asyncio.run(many()) == [200] * 45
    assert spent == [2] * 45


def test_a_body_that_is_none(client: Client) -> None:
    headers = {"content-type": "application/json"}
    broken = client.send("POST", "/v1/chat/completions", content=b'{"model', headers=headers)
    bare = client.send("POST", "/v1/chat/completions", content=b"{}", headers={"content-type": "text/plain"})
    lone = client.send(
        "POST",
        "/v1/chat/completions",
        content=b'{"model":"rag","messages":[{"role":"user","content":"\\ud800"}]}',
        headers=headers,
    )
    assert broken.json()["error"]["code"] == "invalid_json"
    form = client.send("POST", "/v1/chat/completions", content=json.dumps(chat()).encode())  # as curl sends it by default
    assert "sent as application/json" in form.json()["error"]["message"]
    assert bare.status_code == 400
    assert lone.status_code in (200, 400)


def test_source_code_is_cited_by_file_and_line(shop: Path) -> None:
    text = "# Prices.\nVAT = 19\n\n\ndef express_fee(parcel):\n    # What express shipping of a parcel costs.\n    return 9"
    (shop / "docs" / "fees.py").write_text(text, "utf-8")
    rung_yaml = shop / "rung.yaml"
    rung_yaml.write_text(rung_yaml.read_text("utf-8").replace("docs/*.md", "docs/*.*"), "utf-8")
    with served(shop) as client:
        message = client.chat("Where is express_fee defined?").json()["choices"][0]["message"]
        own = message["rung"]["citations"][0]
        page = client.get(own["url"].removeprefix("http://testserver")).text
    start, line = own["span"][0], own["line"]
    assert own["document"] == "docs/fees.py"
    assert text.split("\n")[line - 1] == text[start:].partition("\n")[0], "the line that the file has there"
    assert message["annotations"][0]["url_citation"]["title"] == f"docs/fees.py:{line}"
    assert page.split('<mark id="place">')[1].split("</mark>")[0].replace("&#x27;", "'") == own["quote"]
