"""Anthropic's API: messages, their stream, and refusals in its own form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.models.scripted import ScriptedGenerator
from rung.state.database import State
from rung.state.feedback import remarks
from tests.serving.serving import SHIPPING, Client, events, served

ANSWER = "Express shipping costs nine euros and takes one day. [1]"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "rag", "max_tokens": 200, "messages": [{"role": "user", "content": SHIPPING}], **more}


def test_a_message(client: Client) -> None:
    message = client.post("/v1/messages", body()).json()
    assert message["type"] == "message"
    assert message["content"] == [{"type": "text", "text": ANSWER, "citations": None}]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["output_tokens"] > 0
    assert message["rung"]["citations"][0]["document"] == "docs/shipping.md"


def test_a_stream_of_events(client: Client) -> None:
    response = client.post("/v1/messages", body(stream=True))
    told = events(response)
    kinds = [event["type"] for event in told]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "".join(e["delta"]["text"] for e in told if e["type"] == "content_block_delta") == ANSWER
    assert told[-2]["usage"]["output_tokens"] > 0
    assert [line[7:] for line in response.text.splitlines() if line.startswith("event: ")] == kinds


def test_a_stop_sequence_is_named(client: Client) -> None:
    message = client.post("/v1/messages", body(stop_sequences=["euros", "nine"])).json()
    assert message["content"][0]["text"] == "Express shipping costs"
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "nine")


def test_a_limit_of_tokens(client: Client) -> None:
    assert client.post("/v1/messages", body(max_tokens=2)).json()["stop_reason"] == "max_tokens"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"metadata": {"user": "ada"}}, "metadata.user"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools"),
        ({"top_k": 4}, "top_k"),
        ({"max_tokens": None}, "max_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "image"),
    ],
)
def test_what_is_not_supported_is_refused_in_its_form(client: Client, more: dict[str, Any], named: str) -> None:
    response = client.post("/v1/messages", body(**more))
    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert named in response.json()["error"]["message"]


def test_who_is_nobody_and_what_is_nowhere(client: Client) -> None:
    nobody = Client(client.app).post("/v1/messages", body())
    assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "authentication_error")
    assert nobody.headers["www-authenticate"] == "Named"
    absent = client.post("/v1/messages", body(model="opus"))
    assert (absent.status_code, absent.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("system", ["Answer as a pirate.", [{"type": "text", "text": "Answer as a pirate."}]])
def test_a_system_text_stands_behind_the_projects(shop: Path, system: Any) -> None:
    seen: list[Any] = []

    def script(step: Any) -> str:
        seen.append(step.messages[0].content)
        return "Nine. [1]"

    with served(shop, model=ScriptedGenerator(script)) as client:
        told = client.post("/v1/messages", body(system=system, metadata={"user_id": "ada"})).json()
        assert client.post("/v1/feedback", {"id": told["id"], "rating": "up"}).status_code == 200
    assert "\nAnswer as a pirate.\n" in seen[0]
    assert told["rung"]["as_measured"] is False
    with State(shop / ".rung") as state:
        (remark,) = remarks(state)
    assert (remark.entry or {})["user"] == "ada"
