"""Does an equal request get the answer that was given before, and no other one does?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.config.project import load_project
from rung.loop import search
from rung.models.scripted import ScriptedGenerator
from tests.serving.serving import SHIPPING, STAFF, Client, events, served


@pytest.fixture
def cached(shop: Path) -> Path:
    settings = yaml.safe_load((shop / "rung.yaml").read_text(encoding="utf-8"))
    settings["serve"] = {"cache": {"seconds": 600, "answers": 3}}
    (shop / "rung.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return shop


class Counting(ScriptedGenerator):
    """The scripted model, which counts its answers."""

    count = 0

    def stream(self, request: Any) -> Any:
        self.count += 1
        yield from super().stream(request)


def is_cached(client: Client, text: str = SHIPPING, **more: Any) -> bool:
    response = client.chat(text, **more)
    assert response.status_code == 200, response.text
    return bool(own(response.json()).get("cached"))


def own(body: dict[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = body["choices"][0]["message"]["rung"]
    return field


def test_the_second_time_no_model_is_asked(cached: Path) -> None:
    model = Counting()
    with served(cached, model=model) as client:
        first, second = client.chat().json(), client.chat().json()
        assert model.count == 1
        texts = [body["choices"][0]["message"]["content"] for body in (first, second)]
        assert texts[0] == texts[1]
        assert first["id"] != second["id"]
        assert own(second)["citations"] == own(first)["citations"]
        assert (own(second)["cached"], second["usage"]["total_tokens"]) == (True, 0)
        streamed = events(client.chat(stream=True))
        text = "".join(one["choices"][0]["delta"].get("content") or "" for one in streamed if one["choices"])
        assert text == first["choices"][0]["message"]["content"]
        assert model.count == 1
        assert client.post("/v1/feedback", {"id": second["id"], "rating": "up"}).status_code == 200
        assert 'rung_answers_total{end="cached",model="rag"} 2.0' in client.get("/metrics").text


def test_who_may_read_other_documents_gets_no_answer_of_others(cached: Path) -> None:
    with served(cached) as client:
        staff = client.as_caller("ada staff")
        assert not is_cached(staff, STAFF)
        assert not is_cached(client, STAFF)
        assert is_cached(client.as_caller("bob staff"), STAFF)
        assert is_cached(client.as_caller("nobody"), STAFF)


def test_what_a_request_changes_is_another_request(cached: Path) -> None:
    with served(cached) as client:
        assert not is_cached(client)
        assert not is_cached(client, max_tokens=5)
        assert not is_cached(client, f"{SHIPPING} ")
        assert not is_cached(client, temperature=1.0)
        assert not is_cached(client, temperature=1.0)
        assert not is_cached(client, temperature=1.0, seed=1)
        assert is_cached(client, temperature=1.0, seed=1)


def test_a_changed_document_ends_it(cached: Path) -> None:
    with served(cached) as client:
        assert not is_cached(client)
        assert is_cached(client)
        page = cached / "docs" / "shipping.md"
        page.write_text(page.read_text(encoding="utf-8").replace("nine euros", "eleven euros"), encoding="utf-8")
        search(load_project(cached), "shipping")  # brings the index up to date, as another process does
        assert not is_cached(client)


def test_so_many_are_kept_and_so_long(cached: Path) -> None:
    with served(cached) as client:
        questions = [f"{SHIPPING} ({n})" for n in range(4)]
        assert not any(is_cached(client, question) for question in questions)
        assert [is_cached(client, question) for question in reversed(questions)] == [True, True, True, False]
        client.app.state.answering.cache.seconds = 0.05
        assert not is_cached(client, "Another question?")
        time.sleep(0.1)
        assert not is_cached(client, "Another question?")


def test_without_the_setting_nothing_is_kept(shop: Path) -> None:
    with served(shop) as client:
        assert not any(is_cached(client) for _ in range(2))
