"""What a server records of its answers: every step of every conversation, for its caller, soon, and never in its way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rung.config.project import load_project
from rung.records.traces import Trace, TraceSummary
from rung.serving.conversations import Limits
from rung.state.database import open_state
from rung.state.presence import FILE
from rung.tracing import conventions as names
from rung.tracing.store import TraceFilter, listed, named
from tests.serving.processes import HEADERS, Server
from tests.serving.promoting import promoted
from tests.serving.serving import SHIPPING, Client, Failing, Slow, chat, served
from tests.serving.test_conversations import _request
from tests.tracing.test_recorder import until
from tests.tracing.traces import collector

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CARD = "4111 1111 1111 1111"


def captured(shop: Path, settings: str = "content: true") -> Path:
    """The same project, its traces as these settings say."""
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write(f"serve: {{traces: {{{settings}}}}}\n")
    return shop


def kept(shop: Path, **wanted: Any) -> list[TraceSummary]:
    """What the project's database lists, the newest first."""
    with open_state(load_project(shop)) as state:
        return listed(state, TraceFilter(**wanted), limit=1_000)


def test_answers_of_a_canary_and_of_what_is_served_are_told_apart(measured: Path) -> None:
    old = promoted(measured, "long_context")
    new = promoted(measured, "rag", kind="canary", share=0.5)
    with served(measured) as client:
        for n in range(8):
            client.as_caller(f"user{n}").chat(model="rung")
    ids = {record.id: {row.id for row in kept(measured, deployment=record.id)} for record in (old, new)}
    assert all(ids.values())
    assert sum(map(len, ids.values())) == len(set().union(*ids.values())) == len(kept(measured, deployment="rung")) == 8
    assert {row.digest for row in kept(measured, deployment=new.id[:4])} == {new.spec.digest}
    assert {row.answered_by for row in kept(measured, deployment=old.id)} == {f"rung {old.id}"}


def one(shop: Path, id: str) -> Trace:
    """A trace by its id."""
    with open_state(load_project(shop)) as state:
        (trace,) = named(state, id)
        return trace


def test_an_answer_has_a_trace_that_its_caller_is_told(shop: Path) -> None:
    with served(shop) as client:
        response = client.as_caller("ann staff").chat(max_tokens=50)
        header = response.headers["x-rung-trace"]
        model = client.get("/v1/models/rag").json()["rung"]
    body = response.json()
    assert body["id"] == f"chatcmpl-{header}"
    trace = one(shop, header)
    summary = trace.summary
    assert (summary.deployment, summary.caller, summary.error) == ("rag", "ann", "")
    assert summary.digest == model["digest"]
    usage = body["usage"]
    assert (summary.prompt_tokens, summary.completion_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert [step.kind for step in trace.steps] == ["search", "generate"]
    search, generate = trace.steps
    assert generate.attributes[names.ENGINE] == model["engine"]
    assert len(str(search.attributes[names.STEP_DIGEST])) == 64
    assert trace.root.attributes[names.GROUPS] == ["staff"]
    assert trace.root.attributes[names.INDEX_VERSION] == model["index_version"]
    assert trace.root.attributes[names.REQUEST_MAX_TOKENS] == 50
    assert [row["document"] for row in trace.root.attributes[names.CITATIONS]] == ["docs/shipping.md"]  # type: ignore[union-attr, index, call-overload]
    assert summary.seconds >= generate.began + generate.seconds - 0.001
    assert summary.usd == 0.0


@pytest.mark.parametrize("path", ["chat", "stream", "messages", "search", "embeddings"])
def test_every_conversation_is_traced(shop: Path, path: str) -> None:
    with served(shop) as client:
        messages = {"model": "rag", "max_tokens": 60, "messages": [{"role": "user", "content": SHIPPING}]}
        asked: dict[str, tuple[str, dict[str, Any]]] = {
            "chat": ("/v1/chat/completions", chat()),
            "stream": ("/v1/chat/completions", chat(stream=True)),
            "messages": ("/v1/messages", messages),
            "search": ("/v1/search", {"query": "express", "top": 2}),
            "embeddings": ("/v1/embeddings", {"model": "scripted", "input": "x"}),
        }
        response = client.post(*asked[path])
        assert response.status_code == 200
    (summary,) = kept(shop)
    assert summary.id == response.headers["x-rung-trace"]
    assert summary.steps == {"search": 1, "embeddings": 0}.get(path, 2)
    if path == "stream":
        trace = one(shop, summary.id)
        assert 0 < float(str(trace.root.attributes[names.RESPONSE_FIRST_CHUNK])) <= summary.seconds


def test_a_caller_s_traceparent_is_the_parent(shop: Path) -> None:
    with served(shop) as client:
        first = client.send("POST", "/v1/search", json={"query": "express"}, headers={"traceparent": PARENT})
        second = client.send("POST", "/v1/search", json={"query": "express"}, headers={"traceparent": b"\xff-rubbish"})
    _, trace, span, _ = PARENT.split("-")
    assert first.headers["x-rung-trace"] == trace
    assert second.headers["x-rung-trace"] != trace
    stored = one(shop, trace)
    assert (stored.root.parent, stored.summary.trace) == (span, trace)
    assert stored.summary.id != trace


def test_no_text_is_kept_unless_the_project_says_so(shop: Path) -> None:
    with served(shop) as client:
        id = client.chat().headers["x-rung-trace"]
    assert "euros" not in json.dumps([str(one(shop, id))])
    assert not one(shop, id).summary.has_content
    for file in (shop / ".rung").glob("state.db*"):
        assert b"euros" not in file.read_bytes()


def test_captured_texts_are_masked(shop: Path) -> None:
    with served(captured(shop)) as client:
        id = client.chat(f"{SHIPPING} My card is {CARD}.").headers["x-rung-trace"]
    trace = one(shop, id)
    texts = str(trace)
    assert CARD not in texts
    assert "[a card number]" in texts
    assert "nine euros" in texts
    assert int(str(trace.root.attributes[names.MASKED])) >= 2


def test_a_failure_is_traced_and_its_caller_told_where(shop: Path) -> None:
    with served(shop, model=Failing()) as client:
        response = client.chat()
        assert response.status_code == 502
    trace = one(shop, response.headers["x-rung-trace"])
    assert (trace.summary.error, trace.steps[-1].error) == ("answer_failed", "step_failed")
    assert trace.steps[-1].message == "the secret is 42"
    assert kept(shop, failed=True) == [trace.summary]


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_leaves_a_trace(shop: Path, stream: bool) -> None:
    with served(shop, model=Slow(0.05)) as client:
        asyncio.run(_request(client.app, chat(stream=stream), leave_after=0.25))
    (summary,) = kept(shop)
    assert summary.error == "client_left"
    assert summary.prompt_tokens > 20
    assert one(shop, summary.id).steps[-1].error == "interrupted"


def test_who_is_late_has_a_trace(shop: Path) -> None:
    with served(shop, model=Slow(0.1), limits=Limits(seconds=0.3)) as client:
        id = client.chat().headers["x-rung-trace"]
    assert one(shop, id).summary.error == "timeout"


def test_nobody_waits_in_the_queue_unseen(shop: Path) -> None:
    with served(shop, model=Slow(0.03), limits=Limits(at_once=1, queue=1)) as client:

        async def three() -> list[int]:
            async with client.connected() as connected:
                posts = [connected.post("/v1/chat/completions", json=chat()) for _ in range(3)]
                return sorted(r.status_code for r in await asyncio.gather(*posts))

        assert asyncio.run(three()) == [200, 200, 503]
    waited = [float(str(one(shop, t.id).root.attributes.get(names.QUEUE_SECONDS, -1))) for t in kept(shop)]
    assert sorted(t.error for t in kept(shop)) == ["", "", "overloaded"]
    assert max(waited) > 0.2


def test_a_share_of_traces_is_kept_and_none_where_it_is_0(shop: Path) -> None:
    with served(captured(shop, "sample: 0.3")) as client:
        headers = [client.post("/v1/search", {"query": "express"}).headers.get("x-rung-trace") for _ in range(60)]
    assert 4 < sum(header is not None for header in headers) < 40  # 18 expected, standard deviation 3.5
    assert {one.id for one in kept(shop)} == set(filter(None, headers))


def test_what_fails_is_kept_and_told_whatever_the_share(shop: Path) -> None:
    with served(captured(shop, "sample: 1.0e-12"), model=Failing()) as client:
        id = client.chat().headers["x-rung-trace"]
        assert "x-rung-trace" not in client.post("/v1/search", {"query": "express"}).headers
    assert [summary.id for summary in kept(shop)] == [id]


def test_with_a_share_of_0_nothing_is_recorded(shop: Path) -> None:
    with served(captured(shop, "sample: 0")) as client:
        assert "x-rung-trace" not in client.chat().headers
        assert "rung_traces" not in client.get("/metrics").text
    assert kept(shop) == []


@contextlib.contextmanager
def database_away(shop: Path, client: Client) -> Iterator[None]:
    """As where its disk is: another thing stands in its place."""
    state = client.app.state.answering.traces.database._state
    file, away = shop / ".rung" / FILE, shop / "away"
    away.mkdir()
    for part in (shop / ".rung").glob(f"{FILE}*"):
        part.rename(away / part.name)
    state.engine.dispose()
    file.mkdir()
    try:
        yield
    finally:
        file.rmdir()
        for part in away.iterdir():
            part.rename(shop / ".rung" / part.name)
        away.rmdir()


def test_a_database_that_is_away_is_told_and_loses_nothing(shop: Path) -> None:
    with served(shop) as client:
        traces = client.app.state.answering.traces
        with database_away(shop, client):
            ids = [client.chat().headers["x-rung-trace"] for _ in range(3)]
            until(lambda: traces.is_degraded)
            until(lambda: client.get("/health/ready").json().get("degraded") == ["traces", "deployments"])
            assert client.get("/health/ready").status_code == 200
            metrics = client.get("/metrics").text
            assert "rung_traces_degraded 1.0" in metrics
            assert 'rung_traces_lost_total{why="memory"} 0.0' in metrics
            assert client.chat().status_code == 200
        until(lambda: client.get("/health/ready").json() == {"status": "ready"})
    assert set(ids) <= {summary.id for summary in kept(shop)}
    assert len(kept(shop)) == 4


def test_what_a_server_recorded_is_sent_too(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as collected:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with served(shop) as client:
            response = client.send("POST", "/v1/search", json={"query": "express"}, headers={"traceparent": PARENT})
            collected.wait_for(2)
            until(lambda: 'rung_trace_spans_total{end="sent"} 2.0' in client.get("/metrics").text)
    assert {span.trace_id.hex() for span in collected.spans} == {response.headers["x-rung-trace"]}


def test_many_at_once_have_each_their_own_trace(shop: Path) -> None:
    with served(shop) as client:

        async def many() -> list[tuple[str, int]]:
            async with client.connected() as connected:
                bodies = [{"model": "rag", "messages": [{"role": "user", "content": SHIPPING}]} for _ in range(40)]
                posts = [connected.post("/v1/chat/completions", json=body) for body in bodies]
                return [(r.json()["id"].removeprefix("chatcmpl-"), r.status_code) for r in await asyncio.gather(*posts)]

        answers = asyncio.run(many())
    assert {id for id, _ in answers} == {summary.id for summary in kept(shop)}
    assert {summary.steps for summary in kept(shop)} == {2}


def test_traces_are_there_within_the_window(shop: Path) -> None:
    with served(shop) as client:
        client.chat()
        answered = time.monotonic()
        until(lambda: bool(kept(shop)))
        assert time.monotonic() - answered < 20  # 1 s on a machine that does nothing else


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_leaves_its_traces(shop: Path, number: signal.Signals) -> None:
    server = Server(shop, 0.0)
    ids = []
    for _ in range(30):
        response = httpx.post(f"{server.url}/v1/chat/completions", json=chat(), headers=HEADERS)
        ids.append(response.headers["x-rung-trace"])
    if number is signal.SIGKILL:
        time.sleep(3)  # the window is a second, on a machine that does nothing else
    server.process.send_signal(number)
    server.end()
    assert {summary.id for summary in kept(shop)} == set(ids)
