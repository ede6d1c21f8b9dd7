"""The tools of an MCP server as tools of the project's: the server is started, or asked where it runs, once a process."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import threading
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from rung.config.tool_settings import McpSettings
from rung.errors import MissingExtra, UserError, first_line
from rung.records import Json, ToolSpec
from rung.tools.environment import from_environment
from rung.tools.freshness import period

T = TypeVar("T")
_STARTING = 30.0  # seconds until a server has said what it can


def mcp_tools(settings: McpSettings, root: Path) -> tuple[McpTool, ...]:
    """The server's tools, of those names that the settings allow.

    Raises:
        UserError: it does not start, or has no tool of a name.
        MissingExtra: the client is not installed.
    """
    session = _session(settings, root)
    names = [tool.name for tool in session.tools]
    if missing := [name for name in settings.tools if name not in names]:
        raise UserError(f"the MCP server '{settings.name}' has no tool '{missing[0]}'; it has: {', '.join(names) or 'none'}")
    shown = [tool for tool in session.tools if not settings.tools or tool.name in settings.tools]
    return tuple(McpTool(settings, session, tool) for tool in shown)


class McpTool:
    """One tool of a server."""

    def __init__(self, settings: McpSettings, session: _Session, tool: Any) -> None:
        self._settings, self._session, self._name = settings, session, tool.name
        self.seconds = settings.seconds + 5  # its own limit ends the call before
        self.spec = ToolSpec(tool.name, tool.description or tool.title or tool.name, json.dumps(tool.input_schema))

    @property
    def identity(self) -> str:
        shape = hashlib.sha256(repr(self.spec).encode()).hexdigest()[:16]
        return f"mcp 1 {self._session.server} {shape}{period(self._settings.fresh)}"

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """What the tool says: its structured content, else its texts.

        Raises:
            ValueError: the server says that it went wrong.
        """
        result = self._session.call(self._name, arguments)
        texts = [block.text for block in result.content if getattr(block, "type", "") == "text"]
        if result.is_error:
            raise ValueError("\n".join(texts) or "the tool failed")
        other = len(result.content) - len(texts)
        if result.structured_content is not None:
            structured: Json = result.structured_content
            return structured
        return "\n".join([*texts, *([f"({other} parts that are no text)"] if other else [])])


class _Session:
    """A server that is open, on a thread of its own as long as the process lives."""

    def __init__(self, settings: McpSettings, root: Path) -> None:
        self._settings, self._root = settings, root
        self._who = f"the MCP server '{settings.name}'"
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._opened = threading.Event()
        self._failure: BaseException | None = None
        self.tools: Sequence[Any] = ()
        self.server = settings.url or " ".join(settings.command)
        self._thread = threading.Thread(target=self._run, name=f"mcp {settings.name}", daemon=True)
        self._thread.start()
        if not self._opened.wait(_STARTING + 5):
            self._failure = TimeoutError("it says nothing")
        if self._failure is not None:
            why = first_line(_first(self._failure))
            raise UserError(f"{self._who} ({self.server}) cannot be used: {why}") from self._failure
        atexit.register(self.close)

    def call(self, name: str, arguments: Mapping[str, Json]) -> Any:
        """A tool's result.

        Raises:
            Exception: whatever went wrong on the way.
        """
        return self._done(self._client.call_tool(name, dict(arguments)), self._settings.seconds)

    def close(self) -> None:
        """End the server that was started here."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(5)

    def _done(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._loop).result(seconds + 1)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._opened.set()

    async def _serve(self) -> None:
        from mcp import Client

        async with asyncio.timeout(_STARTING) as limit, Client(self._target()) as client:
            self._client = client
            self.tools = [tool async for tool in _all_tools(client)]
            limit.reschedule(None)
            self._opened.set()
            await self._end.wait()

    def _target(self) -> Any:
        if not self._settings.url:
            from mcp import StdioServerParameters

            command, *words = self._settings.command
            env = {name: from_environment(name, who=self._who) for name in self._settings.env}
            return StdioServerParameters(command=command, args=words, env=env or None, cwd=self._root)
        if not self._settings.headers_env:
            return self._settings.url
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        headers = {name: from_environment(variable, who=self._who) for name, variable in self._settings.headers_env.items()}
        return streamable_http_client(self._settings.url, http_client=httpx2.AsyncClient(headers=headers))


async def _all_tools(client: Any) -> AsyncGenerator[Any]:
    cursor = None
    while True:
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            yield tool
        cursor = page.next_cursor
        if not cursor:
            return


@cache
def _opened(key: str, root: Path) -> _Session:
    return _Session(McpSettings.model_validate_json(key), root)


def _session(settings: McpSettings, root: Path) -> _Session:
    try:
        import mcp  # noqa: F401
    except ImportError as error:
        raise MissingExtra("serve", f"the MCP server '{settings.name}' as a tool") from error
    return _opened(settings.model_dump_json(), root)


def _first(error: BaseException) -> BaseException:
    """What went wrong at the bottom of a group of errors."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
