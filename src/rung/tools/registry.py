"""Which tools there are. Built-ins come through the same door as a stranger's: the entry points `rung.tools`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import cast

from rung.config.project import Project
from rung.errors import UserError
from rung.plugins import Door, hint
from rung.tools.protocol import Tool

ToolFactory = Callable[[], Tool]


def _factory(part: object) -> ToolFactory:
    if not callable(part):
        raise TypeError("it is no callable that makes a tool")
    return cast("ToolFactory", part)


DOOR = Door(group="rung.tools", noun="tool", built_in={"calculator": "rung.tools.calculator:Calculator"}, part_of=_factory)


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
        InputError: an unknown one; points at its line.
    """
    tools: list[Tool] = []
    for index, name in enumerate(project.settings.tools):
        try:
            tools.extend(open_tools([name]))
        except UserError as error:
            raise project.error(str(error), "tools", index) from error
    return tuple(tools)
