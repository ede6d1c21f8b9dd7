"""A model server whose streams break off: who did not see any text of an answer does not notice, who saw some is told."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from rung.models.catalog import PatientServer
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.records import Json
from rung.serving.conversations import Limits
from rung.testing.server import FakeServer
from tests.serving.serving import SHIPPING, events, served

ANSWER: dict[str, Json] = {
    "choices": [{"message": {"role": "assistant", "content": "It costs nine euros [1]."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 6},
}
BEFORE_TEXT, WITHIN_TEXT = 150, 250  # bytes: the first event of a stream names the role


def broken(cut: int) -> Json:
    return {"body": ANSWER, "cut": cut}


def model(server: FakeServer, *, retries: int = 2) -> HttpGenerator:
    return HttpGenerator(
        Endpoint.named(f"{server.url}#m"), PatientServer(retries=retries, timeout_seconds=5), first_wait=0.01
    )


@pytest.mark.parametrize("more", [{}, {"stop": ["euros and"]}])
def test_who_waits_for_the_whole_answer_gets_it_though_streams_broke_off(shop: Path, more: dict[str, Json]) -> None:
    with (
        FakeServer({"*": [broken(WITHIN_TEXT), broken(BEFORE_TEXT), ANSWER]}) as server,
        served(shop, model=model(server)) as client,
    ):
        response = client.chat(SHIPPING, **more)
        assert response.status_code == 200
        said = response.json()
        assert said["choices"][0]["message"]["content"].startswith("It costs nine euros")
        assert said["usage"]["completion_tokens"] == 6
        assert len(server.asked) == 3


def test_as_often_as_is_allowed_and_no_more(shop: Path) -> None:
    with FakeServer({"*": broken(WITHIN_TEXT)}) as server, served(shop, model=model(server)) as client:
        assert client.chat(SHIPPING).status_code == 502
        assert len(server.asked) == 3


def test_a_stream_is_tried_again_until_its_first_text_and_ends_with_an_error_after_it(shop: Path) -> None:
    with FakeServer({"*": [broken(BEFORE_TEXT), ANSWER]}) as server, served(shop, model=model(server)) as client:
        heard = events(client.chat(SHIPPING, stream=True))
        text = "".join(c["delta"].get("content") or "" for event in heard for c in event["choices"])
        assert text.startswith("It costs nine euros")
        assert len(server.asked) == 2
    with FakeServer({"*": [broken(WITHIN_TEXT), ANSWER]}) as server, served(shop, model=model(server)) as client:
        first, *_, last = events(client.chat(SHIPPING, stream=True))
        assert "choices" in first
        assert last["error"]["code"] == "answer_failed"
        assert "server's log says why" in json.dumps(last)
        assert len(server.asked) == 1


def test_a_server_that_asks_to_wait_keeps_nobody_beyond_the_time_of_an_answer(shop: Path) -> None:
    began = time.monotonic()
    busy: Json = {"status": 429, "headers": {"Retry-After": "60"}}
    with (
        FakeServer({"*": [busy, ANSWER]}) as server,
        served(shop, model=model(server), limits=Limits(seconds=1)) as client,
    ):
        assert client.chat(SHIPPING).status_code == 504
        assert len(server.asked) == 1
    assert time.monotonic() - began < 20  # the server was closed, and its threads with it
