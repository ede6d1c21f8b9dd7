"""By which name a host answers for what it tuned, and where hosts that tune are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.errors import ModelError
from rung.models.catalog import PatientServer
from rung.models.endpoint import Endpoint
from rung.models.hosted_names import hosted_in, names_in
from rung.models.http import HttpGenerator
from rung.models.wire import Call
from rung.records import Message
from rung.records.steps import Generate, GenerateResult
from rung.testing.models import asking
from rung.testing.server import FakeServer

URL = "https://api.fireworks.ai/inference/v1"
MADE = {"host": "fireworks", "url": URL, "model": "accounts/me/models/rung-1", "answers_as": "", "deploys": "deploy it"}


def artifact(folder: Path, **hosted: Any) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({"kind": "adapter", "hosted": {**MADE, **hosted}}))
    return {"a" * 64: folder}


def test_a_model_answers_by_the_name_that_its_host_gave_it(tmp_path: Path) -> None:
    with FakeServer({"word": "one two"}) as server:
        model = HttpGenerator(Endpoint.named(f"{server.url}#base"), PatientServer(retries=0), first_wait=0.01)
        model.use_adapters(artifact(tmp_path, url=server.url, answers_as="ft:base:me::1"))
        ((_, answer),) = model.run([asking("word 3", adapter="a" * 64)])
        assert isinstance(answer, GenerateResult)
        pieces = [*model.stream(asking("word 3", adapter="a" * 64))]
        assert isinstance(pieces[-1], GenerateResult)
        chats = [one for one in server.asked if one.path.endswith("/chat/completions")]
        assert [one.body["model"] for one in chats] == ["ft:base:me::1", "ft:base:me::1"]
        assert not any("lora" in one.path for one in server.asked)


def test_one_that_nobody_deployed_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="fireworks does not answer as accounts/me/models/rung-1 yet: deploy it"):
        names_in(artifact(tmp_path), URL)
    assert names_in(artifact(tmp_path, answers_as="x#y"), URL) == {"a" * 64: "x#y"}


def test_another_host_never_answers_for_it(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"was tuned at https://api.fireworks.ai/inference/v1, and is asked at https://other"
    ):
        names_in(artifact(tmp_path, answers_as="x"), "https://other/v1")


def test_what_was_trained_here_has_no_host(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"kind": "adapter"}')
    assert hosted_in(tmp_path) is None
    assert hosted_in(tmp_path / "none") is None
    assert names_in({"a": tmp_path}, URL) == {}


def test_where_hosts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOGETHER_BASE_URL", "FIREWORKS_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    named = [Endpoint.named(f"{name}:x") for name in ("together", "fireworks", "vertex", "bedrock")]
    assert [one.url for one in named] == [
        "https://api.together.xyz/v1",
        URL,
        "https://us-central1-aiplatform.googleapis.com",
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
    ]
    assert all(one.is_vendors for one in named)
    assert [one.wants_key for one in named] == [True, True, True, False]
    tuned = Endpoint.named("vertex:projects/p/locations/l/endpoints/9")
    path = tuned.vendor.wire.path(Call(Generate((Message("user", "x"),)), tuned.model))
    assert path == "/v1/projects/p/locations/l/endpoints/9:generateContent"
    assert named[2].model == "projects/p/locations/us-central1/publishers/google/models/x"
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "global")
    assert Endpoint.named("vertex:x").url == "https://aiplatform.googleapis.com"
    assert Endpoint.named("vertex:x").is_vendors
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT")
    with pytest.raises(ModelError, match="set GOOGLE_CLOUD_PROJECT"):
        Endpoint.named("vertex:x")
