"""Which tools there are. Built-ins come through the same door as a stranger's: the entry points `rung.tools`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import entry_points

from rung.config.project import Project
from rung.errors import UserError
from rung.tools.calculator import Calculator
from rung.tools.protocol import Tool

GROUP = "rung.tools"
BUILT_IN: dict[str, Callable[[], Tool]] = {"calculator": Calculator}


@cache
def known() -> dict[str, Callable[[], Tool]]:
    """Every tool by name: how to open it.

    Raises:
        UserError: a plugin cannot be loaded, or takes the name of another tool.
    """
    tools = dict(BUILT_IN)
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        if point.name in tools:
            raise UserError(f"the plugin {point.value} calls its tool '{point.name}', a name that is taken; rename it")
        try:
            tools[point.name] = point.load()
        except Exception as error:
            raise UserError(
                f"the tool '{point.name}' ({point.value}) cannot be loaded: {error}; mend or uninstall it"
            ) from error
    return tools


def open_tools(names: Sequence[str]) -> tuple[Tool, ...]:
    """The tools of these names, in this order.

    Raises:
        UserError: there is none of that name; names the nearest.
    """
    tools = known()
    for name in names:
        if name not in tools:
            close = difflib.get_close_matches(name, tools, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(tools)}"
            raise UserError(f"unknown tool '{name}'; {hint}")
    return tuple(tools[name]() for name in names)


def tools_of(project: Project) -> tuple[Tool, ...]:
    """The tools that a project names.

    Raises:
        InputError: an unknown one; points at its line.
    """
    found: list[Tool] = []
    for place, name in enumerate(project.settings.tools):
        try:
            found.extend(open_tools([name]))
        except UserError as error:
            raise project.error(str(error), "tools", place) from error
    return tuple(found)
