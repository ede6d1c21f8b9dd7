"""Functions that a client brings along. No rung was measured choosing among them, so that none is ever called unbidden.

A function that the request names is a form of the answer: its arguments are the answer, held to its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from rung.serving.chats import Body
from rung.serving.refusal import invalid, unsupported

_CHOOSING = (
    "no rung was measured choosing among a client's functions; name one in 'tool_choice' and the answer is its "
    "arguments, or send 'tool_choice': 'none'"
)


class Function(Body):
    """A function that the client can carry out. `parameters`: a JSON Schema."""

    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Body):
    """A tool of the client."""

    type: Literal["function"]
    function: Function


class Named(Body):
    """The name of a function."""

    name: str


class NamedTool(Body):
    """The one function to be called."""

    type: Literal["function"]
    function: Named


ToolChoice = Literal["none", "auto", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class Call:
    """The function whose arguments the answer is."""

    name: str
    parameters: dict[str, Any]


def call_of(tools: Sequence[Tool], choice: ToolChoice | None) -> Call | None:
    """The function that has to be called; None where none may be.

    Raises:
        NotAnswered: the model would have to choose, or there is no such function.
    """
    functions = {tool.function.name: tool.function for tool in tools}
    if len(functions) < len(tools):
        raise invalid("'tools' names a function twice", "tools")
    if isinstance(choice, NamedTool):
        if (named := functions.get(choice.function.name)) is None:
            raise invalid(f"'tool_choice' names '{choice.function.name}', which is none of 'tools'", "tool_choice")
        return _called(named)
    if choice == "none" or (not tools and choice != "required"):
        return None
    if choice == "required" and len(tools) == 1:
        return _called(tools[0].function)
    if not tools:
        raise invalid("'tool_choice' is 'required', and there are no 'tools'", "tool_choice")
    raise unsupported("tools", _CHOOSING)


def _called(function: Function) -> Call:
    return Call(function.name, function.parameters or {"type": "object", "properties": {}, "additionalProperties": False})
