"""Does the official client get from `rung mcp` what the asker may read and nothing else, in both eras of the protocol?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client as McpClient
from mcp.client.stdio import StdioServerParameters

from rung.config.project import load_project
from rung.records import Asker
from rung.serving.mcp_server import mcp_server
from rung.serving.mcp_session import Client, SessionTools, SessionWorker
from rung.state.database import State
from rung.state.feedback import remarks

DISCOUNT = "At what discount do staff buy everything?"
STAFF = Client("ada", Asker(frozenset({"staff"})))
MAIN = "from rung.cli.main import main; main()"
# a library that prints wherever it can, in the middle of an answer
NOISY = """
import os, subprocess, sys
from rung.models.scripted import ScriptedGenerator
quiet = ScriptedGenerator.run
def noisy(self, requests):
    print("loading weights: 100%")
    os.write(1, b"fd 1\\n")
    subprocess.run(["echo", "a child"])
    sys.__stdout__.write("again\\n")
    return quiet(self, requests)
ScriptedGenerator.run = noisy
import rung.config.project
load = rung.config.project.load_project
rung.config.project.load_project = lambda folder: print("a banner at the start" * 1000, flush=True) or load(folder)
"""


def over_stdio(project: Path, *words: str, code: str = MAIN) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", code, "mcp", "-C", str(project), *words],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def calls(server: Any, *asked: tuple[str, dict[str, Any]], mode: str = "auto") -> list[Any]:
    """What each call of a tool comes to, in one connection."""

    async def session() -> list[Any]:
        async with McpClient(server, mode=mode) as client:
            return [await client.call_tool(name, arguments) for name, arguments in asked]

    return anyio.run(session)


def text(result: Any) -> str:
    return "".join(block.text for block in result.content)


def in_process(project: Path, client: Client, run: Callable[[McpClient], Awaitable[None]]) -> None:
    async def session(worker: SessionWorker) -> None:
        tools = SessionTools(worker, client)
        async with McpClient(mcp_server(worker.project, lambda _request: tools)) as connected:
            await run(connected)

    with SessionWorker(load_project(project)) as worker:
        anyio.run(session, worker)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_official_client_searches_asks_reads_and_remarks(shop: Path, mode: str, version: str) -> None:
    async def session() -> None:
        async with McpClient(over_stdio(shop, "--groups", "staff"), mode=mode) as client:
            assert client.protocol_version == version
            assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "get_document", "ask", "feedback"]
            hits = await client.call_tool("search", {"query": "forty percent", "k": 1})
            assert text(hits).startswith("1. docs/staff.md:")
            (hit,) = hits.structured_content["passages"]
            assert hit["page"] is None, "a text has no pages"
            part = await client.call_tool("get_document", {"id": hit["document"], "span": f"{hit['start']}-{hit['end']}"})
            assert part.structured_content["text"] == hit["text"]
            answer = await client.call_tool("ask", {"question": DISCOUNT, "rung": "rag"})
            assert "forty percent" in answer.structured_content["answer"]
            assert "[1] docs/staff.md:" in text(answer)
            remark = {"rating": "up", "answer_id": answer.structured_content["answer_id"]}
            assert text(await client.call_tool("feedback", remark)) == "kept"

    anyio.run(session)
    with State(shop / ".rung") as state:
        (row,) = remarks(state)
    assert ((row.entry or {})["question"], row.rating, row.caller) == (DISCOUNT, "up", "mcp")


def test_an_asker_without_the_group_is_shown_nothing_of_it(shop: Path) -> None:
    results = calls(
        over_stdio(shop, "--groups", ""),
        ("search", {"query": DISCOUNT, "k": 50}),
        ("ask", {"question": DISCOUNT, "rung": "rag"}),
        ("get_document", {"id": "docs/staff.md"}),
        ("get_document", {"id": "docs/stuff.md"}),
    )
    assert "forty" not in "".join(map(str, results))
    assert [result.is_error for result in results] == [False, False, True, True]
    assert text(results[2]).replace("staff", "stuff") == text(results[3])


@pytest.mark.slow
def test_without_groups_it_reads_what_who_started_it_can(shop: Path) -> None:
    (result,) = calls(over_stdio(shop), ("search", {"query": "forty percent", "k": 1}))
    assert "forty percent" in text(result)


def test_mistakes_are_errors_of_the_tool_in_a_sentence(shop: Path) -> None:
    async def run(client: McpClient) -> None:
        for name, arguments, why in (
            ("ask", {"question": "x"}, "there is no verdict yet"),
            ("ask", {"question": " "}, "the question is empty"),
            ("ask", {"question": "x", "rung": "rga"}, "'rga' is no rung of this project"),
            ("search", {"query": ""}, "the query is empty"),
            ("search", {"query": "x", "k": 51}, "'k' should be less than or equal to 50"),
            ("search", {"query": "x", "k": "many"}, "'k' should be a valid integer"),
            ("search", {}, "'query' is missing"),
            ("get_document", {"id": "../rung.yaml"}, "there is no document '../rung.yaml'"),
            ("get_document", {"id": "returns.md"}, "did you mean 'docs/returns.md'?"),
            ("get_document", {"id": "docs/returns.md", "span": "all"}, "write lines as 'L10-L40'"),
            ("feedback", {"rating": "up"}, "give the answer_id"),
            ("feedback", {"rating": "fine", "question": "x"}, "'rating' should be 'up' or 'down'"),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error, (name, arguments)
            assert why in text(result)
            assert not any(word in text(result) for word in ("Traceback", "http", "pydantic", "[type=", "\n")), text(result)

    in_process(shop, STAFF, run)


def test_a_scope_that_is_lacking_is_said(shop: Path) -> None:
    async def run(client: McpClient) -> None:
        assert not (await client.call_tool("search", {"query": "Norway"})).is_error
        for name, arguments in (
            ("ask", {"question": "x", "rung": "rag"}),
            ("feedback", {"rating": "down", "question": "x"}),
        ):
            assert f"ada may not {name}" in text(await client.call_tool(name, arguments))

    in_process(shop, Client("ada", Asker(frozenset()), frozenset({"search"})), run)


def test_calls_at_once_are_all_answered(shop: Path) -> None:
    async def run(client: McpClient) -> None:
        results: list[str] = []

        async def one(query: str) -> None:
            results.append(text(await client.call_tool("search", {"query": query, "k": 1})))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(one, "Norway")
        assert len(results) == 10
        assert len(set(results)) == 1

    in_process(shop, STAFF, run)


def test_a_code_base_is_read_by_paths_and_lines(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    source = "import math\n\n\ndef area(radius: float) -> float:\n    return math.pi * radius**2\n"
    (tmp_path / "src" / "circle.py").write_text(source, "utf-8")
    yaml = 'task: Help with the code.\nknowledge: {sources: ["src/**/*.py"]}\nmodel: scripted\nembedder: scripted\n'
    (tmp_path / "rung.yaml").write_text(yaml, "utf-8")

    async def run(client: McpClient) -> None:
        hits = await client.call_tool("search", {"query": "area radius", "k": 1})
        (hit,) = hits.structured_content["passages"]
        assert hit["document"] == "src/circle.py"
        assert source.splitlines()[hit["first_line"] - 1 : hit["last_line"]] == hit["text"].splitlines()
        part = await client.call_tool("get_document", {"id": "src/circle.py", "span": "L4-L5"})
        assert part.structured_content["text"] == "".join(source.splitlines(keepends=True)[3:5])

    in_process(tmp_path, STAFF, run)


def test_a_project_without_documents_has_no_tools_that_read_them(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: Answer.\nmodel: scripted\nrungs: [prompt]\n", "utf-8")

    async def run(client: McpClient) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["ask", "feedback"]
        assert not (await client.call_tool("ask", {"question": "Hello?", "rung": "prompt"})).is_error

    in_process(tmp_path, STAFF, run)


@dataclass(frozen=True)
class Spoken:
    """All that `rung mcp` wrote, and how it ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def answers(self) -> dict[int, Any]:
        """The answer to each request; every line must be a message."""
        return {message.get("id"): message for message in map(json.loads, self.out.splitlines())}


def speak(project: Path, lines: Sequence[bytes], *, last: int, code: str = MAIN) -> Spoken:
    """Tell it these lines; standard input is closed once the request of this number is answered."""
    server = over_stdio(project, code=code)
    command, env = [server.command, *server.args], {**os.environ, **(server.env or {})}
    with (
        tempfile.TemporaryFile() as err,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, env=env) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n".join(lines) + b"\n")
        process.stdin.flush()
        out = b""
        while f'"id":{last},'.encode() not in out and (line := process.stdout.readline()):
            out += line
        process.stdin.close()
        out += process.stdout.read()
        code_ = process.wait()
        err.seek(0)
        return Spoken(code_, out, err.read())


def request(number: int, method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


BEGIN = (
    request(
        1,
        "initialize",
        protocolVersion="2025-06-18",
        capabilities={},
        clientInfo={"name": "test", "version": "1"},
    ),
    b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
)


@pytest.mark.slow
def test_nothing_but_the_protocol_is_on_stdout_whatever_prints(shop: Path) -> None:
    asked = over_stdio(shop, code=NOISY + MAIN)
    (answer,) = calls(asked, ("ask", {"question": "Do we ship to Norway?", "rung": "rag"}))
    assert "Norway" in text(answer)
    done = speak(
        shop,
        [*BEGIN, request(2, "tools/call", name="ask", arguments={"question": "Do we ship to Norway?", "rung": "rag"})],
        last=2,
        code=NOISY + MAIN,
    )
    assert done.code == 0, done.err
    assert "Norway" in str(done.answers[2])
    assert {message["jsonrpc"] for message in done.answers.values()} == {"2.0"}
    for noise in (b"loading weights", b"fd 1", b"a child", b"again", b"a banner"):
        assert noise in done.err
        assert noise not in done.out


@pytest.mark.slow
def test_what_is_no_message_does_not_end_it(shop: Path) -> None:
    done = speak(
        shop,
        [
            *BEGIN,
            b"",
            b"hello",
            b"\xff\xfe",
            b"[]",
            b"{}",
            b'{"jsonrpc": "2.0", "id": 7}',
            b"[" * 100_000,
            request(8, "no/such"),
            request(9, "tools/call", name="search", arguments={"query": "Norway"}),
        ],
        last=9,
    )
    assert done.code == 0, done.err
    assert "error" in done.answers[8]
    assert done.answers[9]["result"]["isError"] is False


def test_a_folder_without_a_project_is_said_before_anything_is_served(tmp_path: Path) -> None:
    done = speak(tmp_path / "nothing", [], last=1)
    assert done.code == 2
    assert b"there is no rung.yaml" in done.err
    assert done.out == b""
