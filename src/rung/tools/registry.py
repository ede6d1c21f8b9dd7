"""Which tools there are. Built-ins come through the same door as a stranger's: the entry points `rung.tools`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import cast

from rung.config.project import Project
from rung.config.tool_settings import FunctionSettings, HttpSettings, McpSettings, SqlSettings, ToolSettings
from rung.errors import UserError
from rung.plugins import Door, hint
from rung.strategies.tools import SEARCH
from rung.tools.functions import FunctionTool
from rung.tools.http_get import HttpGet
from rung.tools.mcp_tools import mcp_tools
from rung.tools.protocol import Tool
from rung.tools.sql import Sql

_LIKE = {
    "sql": "sql: {database: shop.db}",
    "http": 'http: {allow: ["https://api.example.com/"]}',
    "mcp": "mcp: {command: [python, server.py]}",
    "python": 'python: {function: "tools.py:price"}',
}
ToolFactory = Callable[[], Tool]


def _factory(part: object) -> ToolFactory:
    if not callable(part):
        raise TypeError("it is no callable that makes a tool")
    return cast("ToolFactory", part)


DOOR = Door(
    group="rung.tools",
    noun="tool",
    built_in={
        "calculator": "rung.tools.calculator:Calculator",
        SEARCH: "rung.tools.document_search:DocumentSearch",
    },
    part_of=_factory,
)


@cache
def by_name() -> Mapping[str, ToolFactory]:
    """Every tool by name: how to open it.

    Raises:
        UserError: a plugin's tool cannot be loaded, is none, or takes the name of another.
    """
    return DOOR.load()


def open_tools(names: Sequence[str]) -> tuple[Tool, ...]:
    """The tools of these names, in this order.

    Raises:
        UserError: there is none of that name; names the nearest.
    """
    tools = by_name()
    for name in names:
        if name not in tools:
            raise UserError(f"unknown tool '{name}'; {hint(name, tools)}")
    return tuple(tools[name]() for name in names)


def tools_of(project: Project) -> tuple[Tool, ...]:
    """The tools that a project names.

    Raises:
        InputError: one that is unknown or cannot be opened, or two of one name; points at its line.
    """
    tools: dict[str, Tool] = {}
    for index, entry in enumerate(project.settings.tools):
        try:
            for tool in _opened(project, entry):
                if tool.spec.name in tools:
                    raise UserError(f"two tools are called '{tool.spec.name}': give one another 'name'")
                tools[tool.spec.name] = tool
        except UserError as error:
            raise project.error(str(error), "tools", index) from error
    return tuple(tools.values())


def _opened(project: Project, entry: ToolSettings) -> Sequence[Tool]:
    chosen, root = entry.chosen, project.root
    match chosen:
        case SqlSettings():
            return (Sql(chosen, root),)
        case HttpSettings():
            return (HttpGet(chosen),)
        case McpSettings():
            return mcp_tools(chosen, root)
        case FunctionSettings():
            return (FunctionTool(chosen, root),)
        case str():
            if chosen == SEARCH and not project.settings.knowledge.sources:
                raise UserError(
                    f"the tool '{SEARCH}' searches the project's documents, and it names none (knowledge.sources)"
                )
            if chosen in ToolSettings.model_fields:
                raise UserError(f"the tool '{chosen}' needs settings, such as {_LIKE[chosen]}")
            return open_tools([chosen])
