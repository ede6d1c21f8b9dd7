"""Nobody is answered from, shown or told of what they may not read."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rung.config.project import load_project
from rung.loop import opened
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.prepare import up_to_date
from rung.records import Answer, Citation, Failure, Question
from rung.records.steps import Conversation, Engine, Request, Result, search
from rung.serving import feedback
from rung.serving.callers import Caller
from rung.state.database import State, open_state
from rung.state.feedback import remarks
from rung.state.presence import FILE
from tests.cli.conftest import Run
from tests.serving.serving import SHIPPING, STAFF, Client, chat, served
from tests.state.databases import KINDS, database, named

SECRET = "forty percent"


@dataclass
class ThenClosed:
    """A search after which something happens."""

    engine: Engine
    then: Callable[[], None]

    @property
    def identity(self) -> str:
        return self.engine.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        results = list(self.engine.run(requests))
        self.then()
        yield from results


@pytest.mark.parametrize("words", ["guest", "guest customer", "guest STAFF", "staff"])
def test_who_is_not_of_the_group_never_gets_the_passage(client: Client, words: str) -> None:
    asked = client.as_caller(words)
    messages = {"model": "rag", "max_tokens": 99, "messages": [{"role": "user", "content": STAFF}]}
    responses = [
        asked.chat(STAFF),
        asked.chat(STAFF, stream=True),
        asked.post("/v1/messages", messages),
        asked.post("/v1/search", {"query": STAFF, "top": 50}),
        asked.post("/v1/search", {"query": STAFF, "top": 50, "where": {"document": "docs/staff.md"}}),
        asked.get("/documents/docs%2Fstaff.md"),
        asked.get("/documents/docs/staff.md?format=text"),
        asked.get("/metrics"),
    ]
    for response in responses:
        assert SECRET not in response.text
        assert "staff.md'" in response.text or "staff.md" not in response.text  # else than as it was asked for


def test_who_is_of_the_group_gets_it(client: Client) -> None:
    staff = client.as_caller("somebody staff")
    assert SECRET in staff.chat(STAFF).text
    assert SECRET in staff.post("/v1/search", {"query": STAFF}).text
    assert SECRET in staff.get("/documents/docs%2Fstaff.md").text


def test_what_is_anothers_looks_like_what_is_not_there(client: Client) -> None:
    forbidden, absent = client.get("/documents/docs%2Fstaff.md"), client.get("/documents/docs%2Fnothing.md")
    assert forbidden.status_code == absent.status_code == 404
    assert forbidden.text.replace("staff", "nothing") == absent.text


def test_a_right_that_is_taken_away_is_gone_at_once(shop: Path) -> None:
    with served(shop) as client:
        assert "nine euros" in client.chat().text
        text = (shop / "docs/shipping.md").read_text("utf-8")
        (shop / "docs/shipping.md").write_text(f"---\ngroups: [staff]\n---\n{text}", "utf-8")
        with opened(load_project(shop)) as engines:
            up_to_date(engines)
        assert "nine euros" not in client.chat().text
        assert "nine euros" not in client.post("/v1/search", {"query": SHIPPING}).text
        assert "nine euros" in client.as_caller("somebody staff").chat().text
        assert client.get("/v1/models").json()["data"][0]["rung"]["index_version"] == 2


def close_shipping(shop: Path) -> None:
    """Another process takes the right to read it away."""
    text = (shop / "docs/shipping.md").read_text("utf-8")
    (shop / "docs/shipping.md").write_text(f"---\ngroups: [staff]\n---\n{text}", "utf-8")
    with opened(load_project(shop)) as engines:
        up_to_date(engines)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_made_of_what_was_closed_meanwhile_does_not_go_out(
    shop: Path, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def closing(step: Any) -> str:
        del step
        close_shipping(shop)
        return "It is known. [1]"

    with served(shop, model=ScriptedGenerator(closing)) as client:
        response = client.chat(stream=stream)
    assert response.status_code == (200 if stream else 502)  # a stream has begun
    assert "It is known" not in response.text
    assert "[DONE]" not in response.text
    assert '"code": "answer_failed"' in response.text or '"code":"answer_failed"' in response.text
    assert "docs/shipping.md" not in response.text
    assert "'docs/shipping.md'" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
def test_no_text_is_made_of_what_was_closed_after_it_was_found(shop: Path, stream: bool) -> None:
    asked: list[Any] = []

    def script(step: Any) -> str:
        asked.append(step)
        return "It is known. [1]"

    with served(shop, model=ScriptedGenerator(script)) as client:
        deployment = client.app.state.answering.deployments["rag"]
        deployment.engines["search"] = ThenClosed(deployment.engines["search"], lambda: close_shipping(shop))
        response = client.chat(stream=stream)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "answer_failed"
    assert asked == []


class Citing:
    """A strategy that cites what it was never shown."""

    def answer(self, question: Question) -> Conversation[Answer]:
        yield from search(question.text, top=1)
        return Answer("It is so. [1]", citations=(Citation(1, "docs/staff.md", 0, 5),))


def test_a_citation_to_what_may_not_be_read_is_withheld_and_counted(client: Client) -> None:
    deployments = client.app.state.answering.deployments
    pinned = replace(deployments["rag"].pinned, strategy=Citing())
    deployments["rag"] = replace(deployments["rag"], pinned=pinned)
    message = client.chat().json()["choices"][0]["message"]
    assert message["annotations"] == message["rung"]["citations"] == []
    counted = client.get("/metrics").text
    assert "rung_withheld_citations_total 1.0" in counted
    assert re.search(r'(?m)^rung_memory_bytes\{process="server"\} [1-9]', counted)
    assert "rung_answers_kept 1.0" in counted
    assert client.as_caller("somebody staff").chat().json()["choices"][0]["message"]["rung"]["citations"]


@pytest.mark.parametrize("change", ["closed", "deleted"])
def test_an_index_of_a_rung_s_own_follows_the_documents(shop: Path, rung: Run, change: str) -> None:
    """The winner cuts the documents in its own way; another process takes a right, or a document, away."""
    text = (shop / "rung.yaml").read_text("utf-8")
    (shop / "rung.yaml").write_text(re.sub("(?m)^rungs:.*$", "rungs: [{rag: {chunk_tokens: 32}}]", text), "utf-8")
    rung("compare", shop)
    with served(shop) as client:
        ask = chat(model="rung")
        assert client.app.state.answering.cuttings
        assert "nine euros" in client.post("/v1/chat/completions", ask).text
        if change == "closed":
            close_shipping(shop)
        else:
            (shop / "docs/shipping.md").unlink()
            with opened(load_project(shop)) as engines:
                up_to_date(engines)
        after = client.post("/v1/chat/completions", ask)
        assert after.status_code == 200
        assert "nine euros" not in after.text
        staff = client.as_caller("somebody staff").post("/v1/chat/completions", ask).text
    assert ("nine euros" in staff) is (change == "closed")


def test_markup_of_a_document_is_shown_and_not_obeyed(shop: Path) -> None:
    (shop / "docs/evil.md").write_text("# Evil <b>\n\n<script>alert(1)</script>\n", "utf-8")
    with served(shop) as client:
        page = client.get("/documents/docs%2Fevil.md?start=-5&end=99999999")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_every_answer_has_the_headers_that_protect(client: Client) -> None:
    for response in (client.get("/nothing"), Client(client.app).get("/v1/models"), client.get("/health/live")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in response.headers


def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not(client: Client) -> None:
    large = json.dumps(chat("a" * (1 << 20))).encode()
    plain = client.send("POST", "/v1/chat/completions", content=large, headers={"content-type": "application/json"})

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    chunked = client.send("POST", "/v1/chat/completions", content=pieces(), headers={"content-type": "application/json"})
    assert (plain.status_code, chunked.status_code) == (413, 413)
    assert chunked.json() == plain.json()
    assert plain.json()["error"]["code"] == "request_too_large"


def test_a_part_of_a_document_is_given_as_text(client: Client) -> None:
    whole = client.get("/documents/docs/shipping.md?format=text").text
    assert client.get("/documents/docs/shipping.md?start=2&end=10&format=text").text == whole[2:10]
    assert client.get(f"/documents/docs/shipping.md?start={len(whole)}&end=1&format=text").text == ""


def test_health_needs_no_caller_and_nothing_else_does_without(client: Client) -> None:
    nobody = Client(client.app)
    assert nobody.get("/health/live").status_code == nobody.get("/health/ready").status_code == 200
    for path in ("/v1/models", "/metrics", "/documents/docs%2Fshipping.md", "/nothing"):
        assert nobody.get(path).status_code == 401


def test_a_rating_is_stored_with_its_answer_and_only_by_who_got_it(shop: Path) -> None:
    with served(shop) as client:
        id = client.chat().json()["id"]
        rating = {"id": id, "rating": "down", "comment": "It is ten."}
        assert client.as_caller("another").post("/v1/feedback", rating).status_code == 404
        assert client.post("/v1/feedback", {**rating, "id": "chatcmpl-0"}).status_code == 404
        assert client.post("/v1/feedback", rating).json()["stored"] is True
    with State(shop / ".rung") as state:
        (row,) = remarks(state)
    assert row.entry is not None
    assert row.entry["question"] == SHIPPING
    assert str(row.entry["answer"]).startswith("Express")
    assert (f"chatcmpl-{row.answer}", row.rating, row.caller, row.details) == (
        id,
        "down",
        "somebody",
        {"comment": "It is ten."},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_of_one_process_is_rated_at_another(shop: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(kind, shop) as address, named(address, monkeypatch):
        with served(shop) as one, served(shop) as other:
            rating = {"id": one.chat().json()["id"], "rating": "up"}
            assert other.as_caller("another").post("/v1/feedback", rating).status_code == 404
            assert other.post("/v1/feedback", rating).json()["stored"] is True
            assert other.post("/v1/feedback", {**rating, "id": f"chatcmpl-{'0' * 32}"}).status_code == 404
            time.sleep(2)  # the first one adds what was asked, every second
        with open_state(load_project(shop)) as state:
            (row,) = remarks(state)
    assert row.entry is not None
    assert (row.rating, row.entry["question"]) == ("up", SHIPPING)


def test_a_rating_that_the_disk_does_not_take_is_not_acknowledged(shop: Path) -> None:
    with served(shop) as client:
        id = client.chat().json()["id"]
        with sqlite3.connect(shop / ".rung" / FILE) as connection:
            connection.execute("DROP TABLE feedback")
        response = client.post("/v1/feedback", {"id": id, "rating": "up"})
        assert (response.status_code, response.json()["error"]["code"]) == (507, "not_stored")
        assert client.chat().status_code == 200


class TwoWays:
    """One name, told by a key, a token or a proxy."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        way = headers["x-caller"]
        return Caller("alice", key="k1" if way == "key" else "", told_by="" if way == "key" else way)


def test_who_has_another_s_name_by_another_way_is_another(shop: Path) -> None:
    with served(shop, identity=TwoWays()) as client:
        rating = {"id": client.as_caller("token").chat().json()["id"], "rating": "up"}
        assert client.as_caller("proxy").post("/v1/feedback", rating).status_code == 404
        assert client.as_caller("key").post("/v1/feedback", rating).status_code == 404
        assert client.as_caller("token").post("/v1/feedback", rating).status_code == 200


def test_answers_that_can_be_rated_take_no_more_memory_than_they_may(
    client: Client, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MOST", 2_000)
    ids = [client.chat(f"{SHIPPING} {'x' * 800}").json()["id"] for _ in range(4)]
    assert [client.post("/v1/feedback", {"id": id, "rating": "up"}).status_code for id in ids] == [200] * 4
    with State(shop / ".rung") as state:
        entries = [dict(row.entry or {}) for row in remarks(state)]
    assert [("question" in entry, entry["model"]) for entry in entries] == [(n == 3, "rag") for n in range(4)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "\ud800", "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/chat/completions", {"model": "rag", "messages": [{"role": "\ud800", "content": "a"}]}),
        ("/v1/chat/completions", {"model": "rag", "\ud800": 1, "messages": []}),
        ("/v1/messages", {"model": "\ud800", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}),
        ("/v1/embeddings", {"model": "\ud800", "input": "a"}),
        ("/v1/search", {"query": "a", "where": {"\ud800": {"\ud800": 1}}}),
        ("/v1/feedback", {"id": "\ud800", "rating": "up"}),
        ("/v1/feedback", {"id": "a", "rating": "up", "comment": "\ud800"}),
    ],
)
def test_half_a_character_is_a_mistake_of_the_client(client: Client, path: str, body: object) -> None:
    headers = {"content-type": "application/json"}
    response = client.send("POST", path, content=json.dumps(body).encode(), headers=headers)
    assert response.status_code in (400, 404)
    assert "error" in response.json()
