"""What users' clients really send, unchanged, to a real `rung serve`. Those that want another `openai` than ours are tried
where they are installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from rung.serving.keys import KeyRequest, KeyStore
from tests.serving.processes import rung_serve
from tests.serving.serving import SHIPPING, Client, events

ANSWER = "Express shipping costs nine euros and takes one day. [1]"
NORWAY = "We ship to Norway and to Sweden. [1]"


class Fee(BaseModel):
    """What shipping costs."""

    fee: str


@pytest.fixture
def served_with_key(shop: Path) -> Iterator[tuple[str, str]]:
    """The shop, served, and a key for it."""
    _, key = KeyStore(shop / ".rung").create(KeyRequest("client"))
    with rung_serve(shop) as url:
        yield url, key


@pytest.mark.slow
def test_langchain(served_with_key: tuple[str, str]) -> None:
    langchain = pytest.importorskip("langchain_openai")
    messages = pytest.importorskip("langchain_core.messages")
    url, key = served_with_key
    model = langchain.ChatOpenAI(base_url=f"{url}/v1", api_key=key, model="rag")
    answer = model.invoke(SHIPPING)
    assert answer.content == ANSWER
    assert answer.usage_metadata["total_tokens"] > 0
    assert "".join(chunk.content for chunk in model.stream(SHIPPING)) == ANSWER
    asked = [messages.SystemMessage("Be brief."), messages.HumanMessage(SHIPPING), answer, messages.HumanMessage(SHIPPING)]
    assert model.invoke(asked).content == ANSWER
    for method in ("json_schema", "function_calling"):
        assert model.with_structured_output(Fee, method=method).invoke(SHIPPING).fee.startswith("Express")
    responses = langchain.ChatOpenAI(base_url=f"{url}/v1", api_key=key, model="rag", use_responses_api=True)
    assert responses.invoke(SHIPPING).content[0]["text"] == ANSWER
    assert responses.with_structured_output(Fee).invoke(SHIPPING).fee.startswith("Express")
    embedder = langchain.OpenAIEmbeddings(
        base_url=f"{url}/v1", api_key=key, model="scripted", check_embedding_ctx_length=False
    )
    assert len(embedder.embed_query("a parcel")) == 256


@pytest.mark.slow
def test_llama_index(served_with_key: tuple[str, str]) -> None:
    like = pytest.importorskip("llama_index.llms.openai_like")
    chats = pytest.importorskip("llama_index.core.llms")
    url, key = served_with_key
    model = like.OpenAILike(
        model="rag", api_base=f"{url}/v1", api_key=key, is_chat_model=True, is_function_calling_model=True
    )
    assert model.complete(SHIPPING).text == ANSWER
    assert "".join(part.delta for part in model.stream_complete(SHIPPING)) == ANSWER
    asked = [chats.ChatMessage(role="system", content="Be brief."), chats.ChatMessage(role="user", content=SHIPPING)]
    assert model.chat(asked).message.content == ANSWER
    assert model.as_structured_llm(Fee).complete(SHIPPING).raw.fee.startswith("Express")


@pytest.mark.slow
def test_llm(served_with_key: tuple[str, str], tmp_path: Path) -> None:
    pytest.importorskip("llm")
    url, key = served_with_key
    models = (
        f'- model_id: helpdesk\n  model_name: rag\n  api_base: "{url}/v1"\n  api_key_name: rung\n  supports_schema: true\n'
    )
    (tmp_path / "extra-openai-models.yaml").write_text(models, "utf-8")
    (tmp_path / "keys.json").write_text(json.dumps({"rung": key}), "utf-8")

    def llm(*words: str) -> str:
        command = [sys.executable, "-m", "llm", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "LLM_USER_PATH": str(tmp_path)}
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert llm("-m", "helpdesk", SHIPPING) == ANSWER
    assert llm("-c", "Do you ship to Norway?") == NORWAY
    assert llm("-m", "helpdesk", "--no-stream", "-s", "Be brief.", SHIPPING) == ANSWER
    assert json.loads(llm("-m", "helpdesk", "--schema", "fee str", SHIPPING))["fee"].startswith("Express")


@pytest.mark.slow
def test_curl(served_with_key: tuple[str, str]) -> None:
    url, key = served_with_key
    body = json.dumps({"model": "rag", "messages": [{"role": "user", "content": SHIPPING}]})
    command = ["curl", "-sS", f"{url}/v1/chat/completions", "-H", f"Authorization: Bearer {key}", "-d", body]
    try:
        as_form = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("there is no curl here")
    assert "sent as application/json" in json.loads(as_form)["error"]["message"]
    done = subprocess.run([*command, "-H", "content-type: application/json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == ANSWER


TITLE = """### Task:
Generate a concise title summarizing the chat history.
### Chat History:
<chat_history>
USER: What does express shipping cost?
ASSISTANT: Nine euros. [1]
</chat_history>"""


def test_what_open_webui_sends(client: Client) -> None:
    """Its requests, as its routers make them: models are polled, chats streamed, titles and tags asked for by the way."""
    assert {model["id"] for model in client.get("/v1/models").json()["data"]} >= {"prompt", "rag"}
    turns: list[dict[str, Any]] = [
        {"role": "system", "content": "Answer in the user's language."},
        {"role": "user", "content": SHIPPING},
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": [{"type": "text", "text": "Do you ship to Norway?"}]},
    ]
    asked = {"stream": True, "model": "rag", "messages": turns, "stream_options": {"include_usage": True}}
    *chunks, usage = events(client.post("/v1/chat/completions", asked))
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == NORWAY
    assert usage["usage"]["total_tokens"] > 0
    title = {"model": "prompt", "messages": [{"role": "user", "content": TITLE}], "stream": False}
    for more in ({"max_completion_tokens": 1000}, {}):
        message = client.post("/v1/chat/completions", title | more).json()["choices"][0]["message"]
        assert isinstance(message["content"], str)


@pytest.mark.slow
def test_models_are_listed_for_who_polls_them(served_with_key: tuple[str, str]) -> None:
    url, key = served_with_key
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    listed = httpx.get(f"{url}/v1/models", headers=headers)
    assert [one["object"] for one in listed.json()["data"]] == ["model"] * 3
    assert httpx.get(f"{url}/v1/models").status_code == 401
