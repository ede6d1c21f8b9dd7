"""The server of the batch interfaces against the vendors' own clients: what is learnt from it is what they document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models.gemini_batch_server import GeminiBatchServer
from tests.models.test_batched import opened, requests, run, texts

pytestmark = pytest.mark.slow  # their clients take seconds to load
QUESTION = "What is number 3?"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GeminiBatchServer]:
    with GeminiBatchServer({"number 3?": "value 3"}) as one:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", one.host)
        monkeypatch.setenv("GOOGLE_API_KEY", "k")
        yield one


def test_gemini(server: GeminiBatchServer, tmp_path: Path) -> None:
    genai = pytest.importorskip("google.genai")
    from google.genai import types

    assert len(texts(run(opened("gemini", tmp_path), requests(1, 3))[0])) == 1
    (batch,) = server.batches
    types.InlinedRequest.model_validate({"contents": batch.rows[0]["request"]["contents"]})
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.host, api_version="v1beta"))
    ours = client.batches.get(name="batches/batch_1")
    assert (ours.state, ours.display_name) == (types.JobState.JOB_STATE_SUCCEEDED, batch.mark)
    line = json.dumps({"key": "a", "request": {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}})
    config = types.UploadFileConfig(mime_type="application/jsonl")
    file = client.files.upload(file=io.BytesIO(line.encode()), config=config)
    made = client.batches.create(model="small", src=file.name, config={"display_name": "theirs"})
    assert [one.display_name for one in client.batches.list()] == ["theirs", batch.mark]
    while made.state != types.JobState.JOB_STATE_SUCCEEDED:
        made = client.batches.get(name=made.name)
    (row,) = client.files.download(file=made.dest.file_name).decode().splitlines()
    answer = json.loads(row)
    assert answer["key"] == "a"
    assert types.GenerateContentResponse.model_validate(answer["response"]).text == "value 3"
    client.batches.cancel(name=made.name)
    assert client.batches.get(name=made.name).state == types.JobState.JOB_STATE_CANCELLED


def test_openai(server: GeminiBatchServer) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=server.url, api_key="k", max_retries=0)
    body = {"model": "small", "messages": [{"role": "user", "content": QUESTION}]}
    line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body})
    file = client.files.create(file=("x.jsonl", line.encode()), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"rung": "theirs"}
    )
    while made.status != "completed":
        made = client.batches.retrieve(made.id)
    assert [one.metadata for one in client.batches.list()] == [{"rung": "theirs"}]
    row = json.loads(client.files.content(made.output_file_id).text)
    assert (row["custom_id"], row["response"]["body"]["choices"][0]["message"]["content"]) == ("a", "value 3")
    assert client.batches.cancel(made.id).status == "cancelled"


def test_anthropic(server: GeminiBatchServer) -> None:
    anthropic = pytest.importorskip("anthropic")
    client = anthropic.Anthropic(base_url=server.host, api_key="k", max_retries=0)
    params = {"model": "small", "max_tokens": 8, "messages": [{"role": "user", "content": QUESTION}]}
    made = client.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
    while made.processing_status != "ended":
        made = client.messages.batches.retrieve(made.id)
    assert [one.id for one in client.messages.batches.list()] == [made.id]
    (row,) = client.messages.batches.results(made.id)
    assert (row.custom_id, row.result.message.content[0].text) == ("a", "value 3")
    client.messages.batches.cancel(made.id)
