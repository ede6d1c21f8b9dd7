"""Does the official client get from `/mcp` of a server what its caller may read and nothing else, in both eras?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from rung.config.project import load_project
from rung.errors import Damaged
from rung.serving.answering import Answering
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Limits
from rung.serving.feedback import Feedback
from rung.serving.keys import KeyRequest, KeyStore
from rung.serving.mcp_http import ServedTools
from rung.serving.mcp_server import mcp_server
from rung.serving.metrics import Metrics
from rung.state.database import State
from rung.state.feedback import all_expectations, remarks
from tests.serving.processes import HEADERS, Server, rung_serve

DISCOUNT = "At what discount do staff buy everything?"
SHIPPING = "What does express shipping cost?"
NAMES = ["search", "get_document", "ask", "feedback"]


def text(result: Any) -> str:
    return "".join(block.text for block in result.content)


def calls(
    url: str, headers: Mapping[str, str], *asked: tuple[str, dict[str, Any]], mode: str = "auto", seconds: float = 30
) -> list[Any]:
    """What each call of a tool comes to, in one connection."""

    async def session() -> list[Any]:
        async with (
            httpx2.AsyncClient(headers=dict(headers), timeout=seconds) as http,
            McpClient(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
        ):
            return [await client.call_tool(name, arguments) for name, arguments in asked]

    return anyio.run(session)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def keyed(shop: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The shop, served by `rung serve`, and keys by what they are for."""
    store = KeyStore(shop / ".rung")
    keys = {
        "staff": store.create(KeyRequest("ada", frozenset({"staff"})))[1],
        "public": store.create(KeyRequest("eve"))[1],
        "search": store.create(KeyRequest("bot", scopes=frozenset({"search"})))[1],
        "few": store.create(KeyRequest("few", requests_per_minute=3))[1],
    }
    with rung_serve(shop) as url:
        yield url, keys


@pytest.mark.slow
def test_a_caller_s_tools_give_what_it_may_read_in_both_eras(keyed: tuple[str, dict[str, str]], shop: Path) -> None:
    url, keys = keyed
    for mode, version in (("auto", "2026-07-28"), ("legacy", "2025-11-25")):

        async def session(mode: str = mode, version: str = version) -> None:
            async with (
                httpx2.AsyncClient(headers=bearer(keys["staff"]), timeout=30) as http,
                McpClient(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
            ):
                assert client.protocol_version == version
                assert [tool.name for tool in (await client.list_tools()).tools] == NAMES
                hits = await client.call_tool("search", {"query": "forty percent", "k": 1})
                assert text(hits).startswith("1. docs/staff.md:")
                (hit,) = hits.structured_content["passages"]
                span = f"{hit['start']}-{hit['end']}"
                part = await client.call_tool("get_document", {"id": hit["document"], "span": span})
                assert part.structured_content["text"] == hit["text"]
                answer = await client.call_tool("ask", {"question": DISCOUNT, "rung": "rag"})
                assert "forty percent" in answer.structured_content["answer"]
                assert answer.structured_content["citations"][0]["document"] == "docs/staff.md"
                remark = {"rating": "down", "answer_id": answer.structured_content["answer_id"], "correction": "50 %"}
                assert text(await client.call_tool("feedback", remark)) == "kept"

        anyio.run(session)
    results = calls(
        url,
        bearer(keys["public"]),
        ("search", {"query": DISCOUNT, "k": 50}),
        ("ask", {"question": DISCOUNT, "rung": "rag"}),
        ("get_document", {"id": "docs/staff.md"}),
        ("get_document", {"id": "docs/stuff.md"}),
    )
    assert "forty" not in "".join(map(str, results))
    assert [result.is_error for result in results] == [False, False, True, True]
    assert text(results[2]).replace("staff", "stuff") == text(results[3])
    with State(shop / ".rung") as state:
        rows = [(row.caller, (row.entry or {})["question"], row.details) for row in remarks(state)]
        expected = [(one.by, one.answers, (one.entry or {})["question"]) for one in all_expectations(state)]
    assert rows == [("ada", DISCOUNT, {})] * 2
    assert expected == [("ada", ("50 %",), DISCOUNT)] * 2


class Broken(Answering):
    """Whose index is."""

    def refresh(self) -> None:
        raise Damaged("/srv/.rung/index is damaged", "/srv/.rung/index")


class Defective(Answering):
    """Ours to mend."""

    def refresh(self) -> None:
        raise ValueError("/srv/.rung/index")


@pytest.mark.parametrize(("kind", "told"), [(Broken, "the server's log says why under"), (Defective, "a defect of Rung")])
def test_what_is_wrong_inside_stands_in_the_log_and_nowhere_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: type[Answering], told: str
) -> None:
    (tmp_path / "rung.yaml").write_text("knowledge: {sources: [docs]}\n", "utf-8")
    with State(tmp_path) as state:
        ratings, answering = Feedback(state), kind({}, Conversations(Limits()), Metrics(), None)
        tools = ServedTools(answering, ratings, Caller("eve"))

        async def session() -> list[Any]:
            async with McpClient(mcp_server(load_project(tmp_path), lambda _request: tools)) as client:
                return [
                    await client.call_tool("get_document", {"id": "a"}),
                    await client.call_tool("feedback", {"rating": "up"}),
                ]

        damaged, mistaken = anyio.run(session)
        answering.conversations.close()
        ratings.close()
    assert damaged.is_error
    assert told in text(damaged)
    assert "/srv" not in text(damaged)
    assert "/srv/.rung/index" in caplog.text
    assert "give the answer_id" in text(mistaken)


@pytest.mark.slow
def test_no_key_no_answer_and_a_key_no_more_than_its_scopes_and_limits(keyed: tuple[str, dict[str, str]]) -> None:
    url, keys = keyed
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    for headers in ({}, bearer("x"), bearer(keys["staff"][:-1]), {"x-api-key": "rung_0"}):
        refused = httpx.post(f"{url}/mcp", json=message, headers={**accept, **headers})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.json()["error"]["message"]
        assert (refused.json()["jsonrpc"], refused.json()["id"]) == ("2.0", None)
    searched, asked, rated = calls(
        url,
        bearer(keys["search"]),
        ("search", {"query": "Norway"}),
        ("ask", {"question": SHIPPING, "rung": "rag"}),
        ("feedback", {"rating": "up", "question": SHIPPING}),
    )
    assert not searched.is_error
    assert "may not ask" in text(asked)
    assert "may not feedback" in text(rated)
    told = [httpx.post(f"{url}/mcp", json=message, headers={**accept, **bearer(keys["few"])}) for _ in range(4)]
    assert [one.status_code for one in told] == [200, 200, 200, 429]
    assert int(told[-1].headers["retry-after"]) > 0


@pytest.mark.slow
def test_what_cannot_be_meant_is_said_and_the_server_goes_on(keyed: tuple[str, dict[str, str]]) -> None:
    url, keys = keyed
    own = calls(url, bearer(keys["staff"]), ("ask", {"question": SHIPPING, "rung": "rag"}))[0].structured_content
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("ask", {"question": SHIPPING}, "nothing was promoted, and no verdict has a winner"),
        ("ask", {"question": " ", "rung": "rag"}, "the question is empty"),
        ("ask", {"question": "x", "rung": "rga"}, "there is no model 'rga'"),
        ("ask", {"question": "x" * 20_001, "rung": "rag"}, "may have 20,000"),
        ("search", {"query": ""}, "the query is empty"),
        ("search", {"query": "x", "k": 51}, "less than or equal to 50"),
        ("get_document", {"id": "../rung.yaml"}, "there is no document '../rung.yaml'"),
        ("get_document", {"id": "docs/returns.md", "span": "all"}, "write lines as 'L10-L40'"),
        ("feedback", {"rating": "up"}, "give the answer_id"),
        ("feedback", {"rating": "up", "answer_id": own["answer_id"]}, "no answer"),  # another's
    ]
    results = calls(url, bearer(keys["public"]), *((name, arguments) for name, arguments, _ in wrong))
    for (name, _, why), result in zip(wrong, results, strict=True):
        assert result.is_error, name
        assert why in text(result)
        assert "Traceback" not in text(result)
    headers = {**bearer(keys["public"]), "content-type": "application/json", "accept": "*/*"}
    for body in (b"", b"hello", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"jsonrpc": "2.0", "id": 7}'):
        for more in ({}, {"mcp-protocol-version": "2026-07-28"}, {"mcp-protocol-version": "1"}):
            assert 400 <= httpx.post(f"{url}/mcp", content=body, headers={**headers, **more}).status_code < 500
    assert httpx.get(f"{url}/mcp", headers=headers).status_code == 405
    assert httpx.delete(f"{url}/mcp", headers=headers).status_code == 405
    assert httpx.post(f"{url}/mcp", content=b" " * (1 << 21), headers=headers).status_code == 413
    elsewhere = {**headers, "origin": "https://evil.example"}
    assert httpx.post(f"{url}/mcp", json={}, headers=elsewhere).status_code == 403
    assert not calls(url, bearer(keys["public"]), ("search", {"query": "Norway"}))[0].is_error


@pytest.mark.slow
def test_open_answers_this_machine_only_by_its_own_names(shop: Path) -> None:
    with rung_serve(shop, "--open", "--groups", "staff") as url:
        (hits,) = calls(url, {}, ("search", {"query": "forty percent", "k": 1}))
        assert "forty percent" in text(hits)
        refused = httpx.post(f"{url}/mcp", json={}, headers={"host": "evil.example", "accept": "*/*"})
        assert refused.status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_calls_share_the_queue_and_one_that_is_given_up_ends(shop: Path, mode: str) -> None:
    server = Server(shop, 0.3)
    try:
        with pytest.raises(BaseException):  # noqa: B017 - a group of whatever the client makes of a lost connection
            calls(server.url, {"x-caller": "ada"}, ("ask", {"question": SHIPPING, "rung": "rag"}), mode=mode, seconds=1)
        server.counts('rung_answers_total{end="left",model="rag"} 1.0', "rung_open_conversations 0.0")
        answered: list[Any] = []

        def ask() -> None:
            answered.extend(
                calls(server.url, {"x-caller": "ada"}, ("ask", {"question": SHIPPING, "rung": "rag"}), mode=mode)
            )

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        server.counts("rung_open_conversations 3.0")
        for thread in threads:
            thread.join()
        assert len(answered) == 3
        assert all("nine euros" in text(result) for result in answered)
        assert 'route="/mcp",status="200"' in httpx.get(f"{server.url}/metrics", headers=HEADERS).text
    finally:
        server.process.kill()
        server.process.communicate()
