"""Does a key open over HTTP what it was made for, as long as it is good, and is everything else refused?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.serving.identity import identity_of
from rung.serving.keys import KeyRequest, KeyStore
from tests.serving.serving import SHIPPING, STAFF, Client, chat, served

HELLO = {"model": "rag", "max_tokens": 99, "messages": [{"role": "user", "content": SHIPPING}]}


def test_keys_open_what_they_were_made_for(shop: Path) -> None:
    store = KeyStore(shop / ".rung")
    key, staff = store.create(KeyRequest("ci", frozenset({"staff"})))
    _, public = store.create(KeyRequest("web", scopes=frozenset({"search"})))
    with served(shop, identity=identity_of(load_project(shop))) as client:

        def with_key(text: str) -> Client:
            return Client(client.app, {"authorization": f"Bearer {text}"})

        assert "forty percent" in with_key(staff).chat(STAFF).text
        assert "nine euros" in Client(client.app, {"x-api-key": staff}).post("/v1/messages", HELLO).text
        found = with_key(public).post("/v1/search", {"query": STAFF, "top": 50})
        assert found.status_code == 200
        assert "forty" not in found.text
        for path, body in (("/v1/chat/completions", chat()), ("/v1/messages", HELLO), ("/v1/feedback", {})):
            refused = with_key(public).post(path, body)
            assert refused.status_code == 403, path
            assert "may not" in refused.text
        for headers in ({}, {"authorization": "Bearer x"}, {"x-user": "root"}, {"authorization": f"Bearer {staff[:-1]}"}):
            refused = Client(client.app, headers).chat()
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
        store.revoke(key.id)
        assert with_key(staff).chat().status_code == 401


ADDRESS = "http://10.0.0.7:9100/v1#mid"


class Away(ScriptedGenerator):
    """A model on a server."""

    @property
    def identity(self) -> str:
        return f"http:{ADDRESS}/openai"


def test_where_a_model_s_server_is_is_told_to_owners_alone(shop: Path) -> None:
    store = KeyStore(shop / ".rung")
    _, public = store.create(KeyRequest("web", scopes=frozenset({"search"})))
    _, owner = store.create(KeyRequest("ada", scopes=frozenset({"board"})))
    with served(shop, identity=identity_of(load_project(shop))) as client:
        answering = client.app.state.answering
        rag = answering.deployments["rag"]
        answering.deployments["rag"] = replace(rag, pinned=replace(rag.pinned, models=(ADDRESS,)), generator=Away())
        for key, model in ((public, "#mid"), (owner, ADDRESS)):
            for path in ("/v1/models", "/v1/models/rag"):
                body = Client(client.app, {"authorization": f"Bearer {key}"}).get(path).json()
                (entry,) = [one["rung"] for one in body.get("data", [body]) if one["id"] == "rag"]
                assert (entry["models"], entry["engine"]) == ([model], f"http:{model}/openai")


@pytest.mark.parametrize("limits", [{"requests_per_minute": 2}, {"tokens_per_day": 1}])
def test_a_key_s_limits_hold(shop: Path, limits: dict[str, int]) -> None:
    _, text = KeyStore(shop / ".rung").create(KeyRequest("ci", **limits))  # type: ignore[arg-type]
    with served(shop, identity=identity_of(load_project(shop))) as client:
        own = Client(client.app, {"authorization": f"Bearer {text}"})
        statuses = [own.chat().status_code for _ in range(3)]
        assert statuses == ([200, 200, 429] if "requests_per_minute" in limits else [200, 429, 429])
        assert int(own.chat().headers["retry-after"]) > 0
