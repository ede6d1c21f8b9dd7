"""The real server in a process of its own: official clients, unchanged, and its end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rung.config.project import load_project
from rung.state.database import open_state
from tests.cli.conftest import Run
from tests.serving.processes import HEADERS, Server
from tests.serving.promoting import promoted
from tests.serving.serving import SHIPPING, chat
from tests.serving.test_rollouts import observed

ANSWER = "Express shipping costs nine euros and takes one day. [1]"


@pytest.fixture
def server(shop: Path) -> Iterator[Server]:
    """The shop, served slowly enough to be interrupted."""
    server = Server(shop, 0.15)
    yield server
    server.process.kill()
    server.process.communicate()


def test_openais_client(server: Server) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", default_headers=HEADERS, max_retries=0)
    answer = client.chat.completions.create(**chat())
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].message.annotations[0].url_citation.title == "Shipping"
    assert answer.choices[0].message.rung["citations"][0]["document"] == "docs/shipping.md"
    stream = client.chat.completions.create(**chat(), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    assert chunks[-1].usage.completion_tokens > 0
    assert "rag" in [model.id for model in client.models.list()]
    assert len(client.embeddings.create(model="scripted", input=["a", "b"]).data) == 2
    turns = [*chat()["messages"], answer.choices[0].message, {"role": "user", "content": SHIPPING}]
    assert client.chat.completions.create(model="rag", messages=turns).choices[0].message.content == ANSWER
    response = client.responses.create(model="rag", input=SHIPPING, user="ada", metadata={"chat": "7"})
    assert response.output_text == ANSWER
    assert response.output[0].content[0].annotations[0].title == "Shipping"
    with client.responses.stream(model="rag", input=[*response.output, {"role": "user", "content": SHIPPING}]) as events:
        assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER
        assert events.get_final_response().usage.output_tokens > 0
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model="rag", input=SHIPPING, previous_response_id=response.id)
    with pytest.raises(openai.BadRequestError, match="tools"):
        client.chat.completions.create(**chat(), tools=[{"type": "function", "function": {"name": "f"}}])
    with pytest.raises(openai.NotFoundError, match="gpt"):
        client.chat.completions.create(**{**chat(), "model": "gpt"})
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0).models.list()


def test_anthropics_client(server: Server) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(base_url=server.url, api_key="none", default_headers=HEADERS, max_retries=0)
    asked = {**chat(), "max_tokens": 200}
    message = client.messages.create(**asked)
    assert message.content[0].text == ANSWER
    assert message.stop_reason == "end_turn"
    with client.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream) == ANSWER
        assert stream.get_final_message().usage.output_tokens > 0
    turns = [*asked["messages"], {"role": "assistant", "content": message.content}, *asked["messages"]]
    assert client.messages.create(**{**asked, "messages": turns}).content[0].text == ANSWER
    assert client.messages.create(**asked, system="Be brief.").rung["as_measured"] is False
    with pytest.raises(anthropic.BadRequestError, match="tools"):
        client.messages.create(**asked, tools=[{"name": "f", "input_schema": {"type": "object"}}])
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**{**asked, "model": "opus"})


def test_a_signal_to_end_lets_open_answers_finish_and_takes_no_new_one(server: Server) -> None:
    texts: list[Any] = [None] * 4

    def ask(index: int) -> None:
        stream = index % 2 == 0
        response = httpx.post(f"{server.url}/v1/chat/completions", json=chat(stream=stream), headers=HEADERS, timeout=30)
        texts[index] = (response.status_code, response.text)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    server.counts("rung_open_conversations 4.0")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.15)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/health/live")
    for thread in threads:
        thread.join()
    assert server.end() == (0, "closed in order\n")
    for index, (status, text) in enumerate(texts):
        assert status == 200
        assert ("[DONE]" in text) if index % 2 == 0 else (json.loads(text)["choices"][0]["message"]["content"] == ANSWER)


def test_a_client_that_hangs_up_frees_its_conversation(server: Server) -> None:
    url = f"{server.url}/v1/chat/completions"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=chat(), headers=HEADERS, timeout=0.8)
    with httpx.stream("POST", url, json=chat(stream=True), headers=HEADERS) as response:
        next(response.iter_lines())
    server.counts('rung_answers_total{end="left",model="rag"} 2.0', "rung_open_conversations 0.0")


def test_a_taken_port_is_a_sentence(rung: Run, shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = rung("serve", shop, "--open", "--port", str(taken.getsockname()[1]), code=2)
    assert "is taken by another program: choose another with --port" in done.err


def test_without_keys_it_serves_nobody_and_open_serves_this_machine_only(rung: Run, shop: Path) -> None:
    assert "--open" in rung("serve", shop, code=2).err
    assert "this machine only" in rung("serve", shop, "--open", "--host", "0.0.0.0", code=2).err
    assert "--groups is for --open" in rung("serve", shop, "--groups", "staff", code=2).err


def test_open_is_no_door_for_pages_of_other_sites(shop: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "rung", "serve", str(shop), "--open", "--port", str(port), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"] == f"http://127.0.0.1:{port}/v1"
        lines = iter(process.stderr.readline, "")
        assert any(f"http://127.0.0.1:{port}/v1" in line for line in lines)
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url).status_code == 200
        assert httpx.get(url, headers={"host": f"evil.example:{port}"}).status_code == 400
        process.send_signal(signal.SIGINT)
        _, last = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "stopping: nothing new is taken" in last
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_what_a_server_takes_back_by_itself_stands_in_its_log_unasked(
    measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNG_LOG", raising=False)
    old = promoted(measured, "long_context")
    command = [sys.executable, "-m", "rung", "serve", str(measured), "--open", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("Ctrl-C" in line for line in lines)
        new = promoted(measured, "rag")
        assert any(f"deployment {new.id} promoted by ada" in line for line in lines)
        with open_state(load_project(measured)) as state:
            observed(state, 40, deployment=new.id, end="failed")
        alert = f"ALERT: deployment {new.id} taken back by rung serve, {old.id} is served again: 40 of 40 answers failed"
        assert any(alert in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert "ALERT" not in process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()
