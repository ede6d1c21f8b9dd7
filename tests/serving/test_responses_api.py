"""OpenAI's Responses API: what is sent is what the official client's types say, and all else is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from rung.models.scripted import ScriptedGenerator
from rung.state.database import State
from rung.state.feedback import remarks
from tests.serving.serving import SHIPPING, Client, Failing, events, served

ANSWER = "Express shipping costs nine euros and takes one day. [1]"
SCHEMA = {"type": "object", "properties": {"fee": {"type": "string"}}, "required": ["fee"]}
OURS = {"rung", "store"}  # the second is the API's, and not yet the client's
KINDS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.annotation.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


def asked(given: Any = SHIPPING, **more: Any) -> dict[str, Any]:
    return {"model": "rag", "input": given, **more}


def checked(body: Any) -> Any:
    """A response as the official client's type has it, all of whose fields that type knows, but ours."""
    types = pytest.importorskip("openai.types.responses")
    response = types.Response.model_validate(body, strict=True)
    assert not _unknown(response) - OURS
    return response


def checked_event(body: Any) -> Any:
    types = pytest.importorskip("openai.types.responses")
    event = TypeAdapter(types.ResponseStreamEvent).validate_python(body, strict=True)
    assert not _unknown(event) - OURS
    return event


def _unknown(value: Any) -> set[str]:
    """Names of fields, at any depth, that a type does not have."""
    if isinstance(value, list):
        return set().union(*map(_unknown, value))
    if not isinstance(value, BaseModel):
        return set()
    return set(value.model_extra or {}).union(*(_unknown(inner) for _, inner in value if inner is not None))


def test_an_answer_is_what_the_official_type_says(client: Client) -> None:
    body = client.post("/v1/responses", asked(metadata={"chat": "7"}, user="ada", instructions=None)).json()
    response = checked(body)
    assert response.output_text == ANSWER
    (citation,) = response.output[0].content[0].annotations
    assert ANSWER[citation.start_index : citation.end_index] == "[1]"
    assert citation.title == "Shipping"
    page = client.get(citation.url.removeprefix("http://testserver"))
    assert "nine euros" in page.text.split('<mark id="place">')[1]
    assert (response.status, response.store, response.metadata) == ("completed", False, {"chat": "7"})
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert body["rung"]["citations"][0]["document"] == "docs/shipping.md"
    assert body["rung"]["as_measured"] is True


def test_a_stream_has_its_events_in_order_and_comes_to_the_same(client: Client) -> None:
    response = client.post("/v1/responses", asked(stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    told = [checked_event(event) for event in events(response)]
    named = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert named == [event.type for event in told]
    assert list(dict.fromkeys(named)) == KINDS
    assert [event.sequence_number for event in told] == list(range(len(told)))
    deltas = [event.delta for event in told if event.type == "response.output_text.delta"]
    assert len(deltas) > 3
    assert "".join(deltas) == ANSWER
    last = told[-1].response
    assert last.output_text == ANSWER
    assert last.output[0] == told[-2].item
    assert {event.item_id for event in told if hasattr(event, "item_id")} == {last.output[0].id}
    assert last.rung["as_measured"] is True


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"store": True}, "store"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"truncation": "disabled"}, "truncation"),
        ({"top_p": 0.5}, "top_p"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"reasoning": {"effort": "high"}}, "reasoning"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "no"}}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema", "name": "a", "schema": {"enum": ["a" * 70_000]}}}}, "text.format"),
        ({"tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}]}, "tools"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"input": []}, "input"),
        ({"input": " "}, "input[0].content"),
        ({"input": 5}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "4"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "input[0].role"),
        ({"input": "word " * 100_000}, "input"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(client: Client, more: dict[str, Any], param: str) -> None:
    response = client.post("/v1/responses", asked(**more) | more)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert "response_format" not in error["message"]


def test_what_changes_nothing_is_taken(client: Client) -> None:
    neutral: dict[str, Any] = {
        "store": False,
        "background": False,
        "truncation": "auto",
        "top_p": 1,
        "include": [],
        "reasoning": {},
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}],
        "tool_choice": "none",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "prompt_cache_key": "helpdesk",
        "previous_response_id": None,
        "temperature": 0,
    }
    body = client.post("/v1/responses", asked(**neutral)).json()
    assert checked(body).output_text == ANSWER
    assert body["rung"]["as_measured"] is True


def test_items_are_turns_and_instructions_stand_behind_the_projects(shop: Path) -> None:
    seen: list[Any] = []

    def script(step: Any) -> str:
        seen.append(step.messages)
        return "Nine. [1]"

    with served(shop, model=ScriptedGenerator(script)) as client:
        first = client.post("/v1/responses", asked()).json()
        items = [
            {"role": "developer", "content": "Be short."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": SHIPPING}]},
            *first["output"],  # as it was sent
            {"role": "user", "content": "And to Norway?"},
        ]
        body = client.post("/v1/responses", asked(items, instructions="Answer as a pirate.")).json()
    assert checked(body).instructions == "Answer as a pirate."
    assert body["rung"]["as_measured"] is False
    system, *turns = seen[1]
    assert "\nAnswer as a pirate.\nBe short.\n" in system.content
    assert [(m.role, m.content) for m in turns[:2]] == [("user", SHIPPING), ("assistant", "Nine. [1]")]
    assert turns[2].content.endswith("Question: And to Norway?")


def test_a_schema_is_kept_to(client: Client) -> None:
    form = {"type": "json_schema", "name": "fee", "schema": SCHEMA, "strict": True}
    body = client.post("/v1/responses", asked(text={"format": form})).json()
    response = checked(body)
    assert json.loads(response.output_text)["fee"].startswith("Express")
    assert response.text.format.schema_ == SCHEMA
    assert body["rung"]["as_measured"] is False


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_cut_is_incomplete(client: Client, stream: bool) -> None:
    response = client.post("/v1/responses", asked(max_output_tokens=2, stream=stream))
    if stream:
        last = checked_event(events(response)[-1])
        assert last.type == "response.incomplete"
        told = last.response
    else:
        told = checked(response.json())
    assert (told.status, told.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert told.output_text == "Express shipping"
    assert told.output[0].status == "incomplete"


class Breaking(ScriptedGenerator):
    """A model that breaks off after a few words."""

    def stream(self, request: Any) -> Any:
        yield "Express "
        yield "shipping "
        raise RuntimeError("the secret is 42")


def test_a_failure_in_the_middle_is_an_event(shop: Path) -> None:
    with served(shop, model=Breaking()) as client:
        *_, last = events(client.post("/v1/responses", asked(stream=True)))
    event = checked_event(last)
    assert event.type == "response.failed"
    assert event.response.status == "failed"
    assert event.response.error.code == "server_error"
    assert "secret" not in json.dumps(last)


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_any_text_has_a_status(shop: Path, stream: bool) -> None:
    with served(shop, model=Failing()) as client:
        response = client.post("/v1/responses", asked(stream=stream))
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "answer_failed"


def test_rights_hold_and_an_answer_can_be_rated_with_what_the_client_said(shop: Path) -> None:
    with served(shop) as client:
        secret = "At what discount do staff buy everything?"
        assert "forty" not in client.post("/v1/responses", asked(secret)).text
        assert "forty" in client.as_caller("ada staff").post("/v1/responses", asked(secret)).text
        body = client.post("/v1/responses", asked(user="ada", metadata={"chat": "7"})).json()
        assert client.post("/v1/feedback", {"id": body["id"], "rating": "down"}).status_code == 200
        assert client.as_caller("eve").post("/v1/feedback", {"id": body["id"], "rating": "up"}).status_code == 404
        assert client.post("/v1/responses", asked(model="gpt-9")).json()["error"]["code"] == "model_not_found"
    with State(shop / ".rung") as state:
        (remark,) = remarks(state)
    entry = remark.entry or {}
    assert (entry["user"], entry["metadata"], entry["answer"]) == ("ada", {"chat": "7"}, ANSWER)


def test_what_a_response_says_of_reasoning_may_be_sent_back(client: Client) -> None:
    said = client.post("/v1/responses", {"model": "rag", "input": SHIPPING}).json()["reasoning"]
    assert client.post("/v1/responses", {"model": "rag", "input": SHIPPING, "reasoning": said}).status_code == 200
    high = client.post("/v1/responses", {"model": "rag", "input": SHIPPING, "reasoning": {"effort": "high"}})
    assert (high.status_code, high.json()["error"]["param"]) == (400, "reasoning")
