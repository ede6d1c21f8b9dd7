"""Carries out `CallTool` steps: checks the arguments, calls the tool within its limits, and tells the model what went wrong
with either.

What a model gets wrong is a result that says so, for it may call again. A tool that breaks or hangs is a failure: it is not
remembered, and the strategy may go on without it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence

from rung.records import Failure, Json
from rung.records.steps import CallTool, CallToolResult, Request, Result
from rung.text.parsing import json_of
from rung.tools.protocol import Tool

MAX_RESULT = 16_000  # characters of a result, as JSON, that the model is shown
DEFAULT_SECONDS = 60.0  # of a tool that names no limit
_AT_ONCE = 8  # calls that wait for others' answers together


class ToolEngine:
    """The project's tools."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def identity(self) -> str:
        return "; ".join(tool.identity for tool in self._tools.values())

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Each call's value, or an object with the key `error`; a failure where the tool broke or said nothing in time."""
        for start in range(0, len(requests), _AT_ONCE):
            calls = [_Call(self, request.step) for request in requests[start : start + _AT_ONCE]]
            for number, call in enumerate(calls):
                yield start + number, call.result()

    def checked(self, step: CallTool) -> tuple[Tool, dict[str, Json]] | Json:
        """The tool with its arguments; or what is wrong with the call, for the model."""
        tool = self._tools.get(step.name)
        if tool is None:
            return {"error": f"there is no tool '{step.name}'; there are: {', '.join(self._tools)}"}
        try:
            arguments = json_of(step.arguments)
        except ValueError as error:
            return {"error": f"the arguments are no JSON: {error}"}
        if not isinstance(arguments, dict):
            return {"error": "the arguments must be an object {…}"}
        return tool, arguments


class _Call:
    """One call, under way on a thread of its own: a tool that hangs is left there when its time is over."""

    def __init__(self, engine: ToolEngine, step: object) -> None:
        assert isinstance(step, CallTool)
        self._name, self._result = step.name, Failure("the tool was not called", step="call_tool")
        self._value: Json = None
        self._is_done = False
        checked = engine.checked(step)
        self._thread: threading.Thread | None = None
        if not isinstance(checked, tuple):
            self._value, self._is_done = checked, True
            return
        tool, arguments = checked
        self._seconds = float(getattr(tool, "seconds", DEFAULT_SECONDS))
        self._thread = threading.Thread(target=self._run, args=(tool, arguments), daemon=True, name=f"tool {self._name}")
        self._thread.start()

    def result(self) -> Result | Failure:
        """What came of it; waits as long as the tool may take."""
        if self._thread is not None:
            self._thread.join(self._seconds)
            if self._thread.is_alive():
                return Failure(f"the tool '{self._name}' took longer than {self._seconds:g} s", step="call_tool")
        return CallToolResult(_cut(self._value)) if self._is_done else self._result

    def _run(self, tool: Tool, arguments: dict[str, Json]) -> None:
        try:
            self._value = tool.call(arguments)
            self._is_done = True
        except ValueError as error:
            self._value, self._is_done = {"error": str(error)}, True
        except Exception as error:  # a tool is other people's code
            self._result = Failure(f"the tool '{self._name}' broke: {type(error).__name__}: {error}", step="call_tool")


def _cut(value: Json) -> Json:
    """A result of which the model can read all: the beginning of one that is too long, and how much is left out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_RESULT:
        return value
    return {"beginning": text[:MAX_RESULT], "left_out": f"{len(text) - MAX_RESULT:,} characters: ask for less"}
