"""Carries out `CallTool` steps: checks the arguments, calls the tool, and tells the model what went wrong with either."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rung.records import Failure, Json
from rung.records.steps import CallTool, CallToolResult, Request, Result
from rung.text.parsing import json_of
from rung.tools.protocol import Tool


class ToolEngine:
    """The project's tools. What a model gets wrong is a result that says so, for it may call again; it is no failure."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def identity(self) -> str:
        return "; ".join(tool.identity for tool in self._tools.values())

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Each call's value, or an object with the key `error`."""
        for index, request in enumerate(requests):
            step = request.step
            assert isinstance(step, CallTool)
            yield index, CallToolResult(self._called(step))

    def _called(self, step: CallTool) -> Json:
        tool = self._tools.get(step.name)
        if tool is None:
            return {"error": f"there is no tool '{step.name}'; there are: {', '.join(self._tools)}"}
        try:
            arguments = json_of(step.arguments)
        except ValueError as error:
            return {"error": f"the arguments are no JSON: {error}"}
        if not isinstance(arguments, dict):
            return {"error": "the arguments must be an object {…}"}
        try:
            return tool.call(arguments)
        except ValueError as error:
            return {"error": str(error)}
